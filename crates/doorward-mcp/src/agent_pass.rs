//! The token by which an external back end of the agent calls for a user (CF1, CF2, CF20).
//!
//! It is sealed and stored nowhere: no request can name it, no list or number contains it, and only
//! this resource reads it. Each use makes the access of what the user's program holds at that
//! moment, within the scopes of the question, so that every end of that access ends the token.

use std::sync::Arc;

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, GrantId, HashedToken, PlainToken, Reason, Resource, Scope,
    ScopeSet, Sealed, TokenKind, ToolClass, id::random_text,
};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Acting, AgentCall, Caller, Mcp, Principal, Target, bearer::BearerRefusal};

/// The purpose for which such tokens are sealed.
const PLACE: &str = "agent-pass";

/// The access of the user's program, from which the token comes.
#[derive(Serialize, Deserialize)]
enum Held {
    Grant { id: String, client: String },
    Token { hash: String },
}

/// The contents of a token.
#[derive(Serialize, Deserialize)]
struct Inside {
    user: String,
    held: Held,
    scopes: String,
    resource: String,
    within_call: bool,
    until: i64,
    nonce: String,
}

/// A token for the external back end.
#[derive(Debug)]
pub struct AgentPass {
    /// The token.
    pub token: PlainToken,
    /// The URL at which it counts.
    pub url: String,
    /// It may do more than read.
    pub may_change: bool,
}

impl Acting {
    /// A token by which the agent's back end calls for this user, for so many seconds at most;
    /// `None` where the access is none that a token can be made of: that of a page, or that of
    /// another back end. Its entry in the audit is kept before it is given out.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn pass(&self, seconds: i64) -> Result<Option<AgentPass>, StoreError> {
        let (mcp, caller) = (&self.within.mcp, &self.inbound.caller);
        let services = &mcp.inner.services;
        let Some(agent) = &caller.agent else { return Ok(None) };
        if caller.is_back_end() {
            return Ok(None);
        }
        let (held, subject, id) = match &caller.principal {
            Principal::Console(_) => return Ok(None),
            Principal::Client(grant) => {
                let client = grant.client_id.to_string();
                let held = Held::Grant { id: grant.id.to_string(), client };
                (held, AuditSubject::Grant, grant.id.to_string())
            }
            Principal::Token(token) => {
                let held = Held::Token { hash: token.token.as_str().to_owned() };
                (held, AuditSubject::AccessToken, token.id.to_string())
            }
        };
        let until = services.clock.now().plus(seconds).0.min(caller.expires_at);
        let scopes = caller.scopes.clone().normalised();
        let (resource, stated) = (mcp.resource(Target::All), scopes.to_string());
        let detail = json!({
            "agent": true, "through": caller.origin().as_str(), "scopes": stated,
            "resources": [resource.as_str()], "expires_at": until,
        });
        let event = AuditEvent { actor: caller.actor(), ..AuditEvent::new(AuditKind::TokenIssued) };
        services.store.note(event.about(subject, &id).detail(detail.to_string())).await?;
        let inside = Inside {
            user: caller.user_id().to_string(),
            held,
            scopes: stated,
            resource: resource.as_str().to_owned(),
            within_call: agent.is_within_call(),
            until,
            nonce: random_text(services.entropy.as_ref(), 12),
        };
        let plain = serde_json::to_vec(&inside).unwrap_or_default();
        let sealed = services.master.seal(PLACE, &plain);
        let reads = Scope::of_class(ToolClass::Read);
        Ok(Some(AgentPass {
            token: PlainToken::from_sealed(TokenKind::AgentPass, &sealed),
            url: resource.as_str().to_owned(),
            may_change: scopes.iter().any(|scope| scope.everywhere() != reads),
        }))
    }
}

fn refused(reason: Reason, why: &str) -> BearerRefusal {
    BearerRefusal::Invalid { why: why.to_owned(), reason }
}

impl Mcp {
    /// The agent as the caller of this resource, by a token that its back end presents.
    pub(crate) async fn caller_by_pass(
        &self,
        resource: &Resource,
        token: &str,
    ) -> Result<Arc<Caller>, BearerRefusal> {
        let services = &self.inner.services;
        let ended = || refused(Reason::TokenRevoked, "the access behind the agent's token ended");
        let sealed = token.strip_prefix(TokenKind::AgentPass.prefix()).unwrap_or_default();
        let opened = services.master.open(PLACE, &Sealed::from_stored(sealed.to_owned())).ok();
        let inside = opened.and_then(|plain| serde_json::from_slice::<Inside>(&plain).ok());
        let Some(inside) = inside else {
            return Err(refused(Reason::TokenForeign, "no token of the agent of this server"));
        };
        if services.clock.now().0 >= inside.until {
            return Err(refused(Reason::TokenExpired, "the agent's token expired"));
        }
        if inside.resource != resource.as_str() {
            return Err(refused(
                Reason::TokenAudience,
                "the agent's token is for another resource",
            ));
        }
        let scopes = ScopeSet::parse_known(&inside.scopes);
        let before = match inside.held {
            Held::Grant { id, client } => {
                let (id, now) = (GrantId::from_text(id), services.clock.now());
                let grant = services.store.grant_in_force(&id, now).await?;
                let own = grant.filter(|grant| grant.client_id.as_str() == client);
                let Some(grant) = own else { return Err(ended()) };
                let ends = grant.expires_at.0;
                self.acting(grant, &scopes, ends).await?.ok_or_else(ended)?
            }
            Held::Token { hash } => {
                let holder = self.holder(resource, &HashedToken::from_stored(hash)).await?;
                holder.as_ref().clone()
            }
        };
        if before.user_id().as_str() != inside.user {
            return Err(ended());
        }
        let caller = Caller {
            agent: Some(AgentCall::by_pass(inside.within_call)),
            scopes: before.scopes.intersection(&scopes),
            expires_at: inside.until.min(before.expires_at),
            ..before
        };
        if !self.agent_is_enabled(&caller).await? {
            return Err(refused(Reason::TokenRevoked, "the agent is disabled"));
        }
        Ok(Arc::new(caller))
    }

    /// True if the agent of this caller may act, or it has none.
    pub(crate) async fn agent_is_enabled(&self, caller: &Caller) -> Result<bool, StoreError> {
        let Some(agent) = &caller.agent else { return Ok(true) };
        let client = self.inner.services.store.client(&agent.client_id).await?;
        Ok(client.is_some_and(|client| client.disabled_at.is_none()))
    }
}
