//! The agent of this server as a client: it calls for a user, within what the program through which
//! the user asked may do, and under a name of its own in rules and in the audit.

use std::sync::Arc;

use doorward_model::{AGENT_CLIENT, ClientId, Program, ScopeSet};
use doorward_store::StoreError;

use crate::{Acting, Caller, Channel, ClientFacts, InboundRequest, Mcp, Surface, Within};

/// The name of the agent in questions to the user.
pub(crate) const NAME: &str = "Agent";

/// The agent of this server, where it calls.
#[derive(Clone, Debug)]
pub struct AgentCall {
    pub(crate) client_id: ClientId,
    within_call: bool,
    by_pass: bool,
}

impl AgentCall {
    fn new(within_call: bool) -> Self {
        Self { client_id: ClientId::from_text(AGENT_CLIENT), within_call, by_pass: false }
    }

    /// The agent by a token that its back end presents.
    pub(crate) fn by_pass(within_call: bool) -> Self {
        Self { by_pass: true, ..Self::new(within_call) }
    }

    /// Reports a back end elsewhere, whose program could answer questions to the user by itself.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.by_pass
    }

    /// Reports calls that are made within a call of the user's program.
    pub(crate) fn is_within_call(&self) -> bool {
        self.within_call
    }
}

impl Within {
    /// The caller of a request, for whom the agent calls within these scopes while the request
    /// lasts.
    pub fn agent_of(&self, inbound: &InboundRequest, scopes: &ScopeSet) -> Acting {
        Acting { within: self.clone(), inbound: as_agent(inbound, scopes, true) }
    }
}

impl Acting {
    /// The program of the user, also where the agent calls for them.
    pub fn program(&self) -> Program<'_> {
        self.inbound.caller.origin()
    }

    /// The same user, for whom the agent calls within these scopes.
    pub fn by_agent(&self, scopes: &ScopeSet) -> Self {
        Self { within: self.within.clone(), inbound: as_agent(&self.inbound, scopes, false) }
    }

    /// The same with the user's roles of this moment; `None` if the access has ended, or the agent
    /// was disabled.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn renewed(&self) -> Result<Option<Self>, StoreError> {
        let mcp = &self.within.mcp;
        let caller = &self.inbound.caller;
        if !mcp.agent_is_enabled(caller).await? || !mcp.may_continue(caller).await {
            return Ok(None);
        }
        let inbound = mcp.as_it_is_now(&self.inbound).await?;
        Ok(inbound.map(|inbound| Self { within: self.within.clone(), inbound }))
    }
}

fn as_agent(inbound: &InboundRequest, scopes: &ScopeSet, within_call: bool) -> InboundRequest {
    let before = inbound.caller.as_ref();
    let agent = AgentCall::new(within_call);
    let scopes = before.scopes.intersection(scopes);
    let caller = Arc::new(Caller { agent: Some(agent), scopes, ..before.clone() });
    InboundRequest {
        caller,
        surface: Surface::Direct,
        previews: false,
        client: Arc::new(ClientFacts { name: NAME.to_owned(), ..ClientFacts::default() }),
        registered_name: NAME.into(),
        session: None,
        channel: Channel::none(),
        ..inbound.clone()
    }
}

impl Mcp {
    /// A request with the user's roles of this moment, for work that lasts longer than roles stay
    /// the same; `None` without the user.
    pub(crate) async fn as_it_is_now(
        &self,
        inbound: &InboundRequest,
    ) -> Result<Option<InboundRequest>, StoreError> {
        let before = &inbound.caller;
        let user = self.inner.services.store.user(before.user_id()).await?;
        let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
        let access = &self.inner.settings.rules.now().access;
        let scopes = access.effective(&before.scopes, &user, before.authentication());
        let caller = Arc::new(Caller { scopes, user, ..before.as_ref().clone() });
        Ok(Some(InboundRequest { caller, ..inbound.clone() }))
    }
}
