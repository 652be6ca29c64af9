//! `authorization_code` (OAuth 2.1 §4.1.3).

use doorward_model::{
    AuditKind, AuthorizationCode as Code, Change, ClientAuthMethod, ClientSource,
    Grant as GrantRecord, GrantId, GrantType, OAuthErrorCode, PlainToken, Reason, RevokeReason,
    Scope, ScopeSet, StepKind, Timestamp, TokenKind, UnitOfWork,
};
use doorward_store::Condition;
use futures_util::future::BoxFuture;

use super::{Grant, Granted, Refused, Request};
use crate::{
    Failure,
    checks::{resource, scope::NoScope},
    oxide,
    possession::other_key,
};

/// Maximum number of live grants of one user to one client, which is the number of installations of
/// a client whose identifier they share.
const GRANTS_KEPT: usize = 20;

pub(super) struct AuthorizationCode;

impl Grant for AuthorizationCode {
    fn kind(&self) -> GrantType {
        GrantType::AuthorizationCode
    }

    fn summary(&self) -> &'static str {
        "A code and its PKCE verifier for the first tokens (OAuth 2.1 §4.1.3)."
    }

    fn step(&self) -> StepKind {
        StepKind::Token
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::GrantGiven
    }

    fn client_authentication(&self) -> &'static [ClientAuthMethod] {
        &ClientAuthMethod::ALL
    }

    /// The user decided about the scopes when the code was made.
    fn scopes(&self, _: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
        Ok(None)
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Request<'a>,
    ) -> BoxFuture<'a, Result<Granted, Refused>> {
        Box::pin(async move {
            let presented = request.required("code")?;
            request.required("code_verifier")?;
            let issuer = request.issuer;
            let code = find(request, presented).await?;
            let user = issuer.active_user(&code.subject.account).await?;
            let grant = new_grant(request, &code);
            oxide::check_exchange(request.params, &request.client.id, &code, grant.expires_at)?;
            if code.key.is_some() && code.key.as_ref() != request.key {
                return Err(other_key().into());
            }
            if code.consumed_at.is_some() {
                return Err(replayed(request, code));
            }
            let resources = resource::of_token(request.resources, &code.resources)?;
            let scopes = issuer.allowed_now(&code.scopes, &resources, &user, &grant)?;
            let refreshes = refreshes(request, &code);
            let nonce = code.nonce.filter(|_| scopes.contains(Scope::OpenId));
            let mut unit =
                UnitOfWork::from(Change::RedeemCode { token: code.token, now: request.now });
            let refresh_token = refreshes.then(|| {
                PlainToken::random(TokenKind::RefreshToken, issuer.services.entropy.as_ref())
            });
            if let Some(plain) = &refresh_token {
                unit.push(Change::InsertRefreshToken(issuer.refresh_token(
                    plain,
                    &grant,
                    request.now,
                )));
            }
            let ends = [replaced(request, &grant).await?, succeeded(request, &grant).await?];
            ends.into_iter().flatten().for_each(|end| unit.push(end));
            let detail = None;
            Ok(Granted {
                grant,
                is_new: true,
                scopes,
                resources,
                refresh_token,
                unit,
                detail,
                nonce,
            })
        })
    }

    /// With everything else right, a code that another request redeemed meanwhile was presented
    /// twice.
    fn overtaken<'a>(
        &'a self,
        request: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            if condition != Condition::RedeemCode {
                return Err(Refused::unexpected(condition));
            }
            let code = find(request, request.required("code")?).await?;
            // Unspent, it expired between the decision and the write.
            Err(match code.consumed_at {
                Some(_) => replayed(request, code),
                None => expired().into(),
            })
        })
    }
}

fn expired() -> Failure {
    Failure::new(OAuthErrorCode::InvalidGrant, "the code has expired").because(Reason::CodeExpired)
}

/// Finds a code. A spent one is found too: that it was stolen and not guessed is known only after
/// client, redirect URI and verifier were compared.
async fn find(request: &Request<'_>, presented: &str) -> Result<Code, Failure> {
    let found =
        request.issuer.services.store.code(&PlainToken::presented(presented).hashed()).await?;
    let Some(code) = found else {
        // A code in this server's format that no longer exists expired long ago; another was never
        // issued here.
        let reason = if presented.starts_with(TokenKind::AuthorizationCode.prefix()) {
            Reason::CodeExpired
        } else {
            Reason::CodeForeign
        };
        let unknown = Failure::new(OAuthErrorCode::InvalidGrant, "the code is unknown");
        return Err(unknown.because(reason));
    };
    if code.consumed_at.is_none() && request.now >= code.expires_at {
        return Err(expired());
    }
    Ok(code)
}

/// True if the grant for a code has refresh tokens. One that only signs the user in has them if the
/// relying party asked for access while the user is away (OpenID Connect Core §11): each sign-in
/// would leave one behind.
fn refreshes(request: &Request<'_>, code: &Code) -> bool {
    let signs_in_only = code.resources == [request.issuer.userinfo_resource()];
    request.client.grant_types.contains(GrantType::RefreshToken)
        && (!signs_in_only || code.scopes.contains(Scope::OfflineAccess))
}

/// The grant for a code.
fn new_grant(request: &Request<'_>, code: &Code) -> GrantRecord {
    let config = &request.issuer.settings.config;
    // Without refresh tokens the grant ends with its only access token.
    let lifetime = if refreshes(request, code) {
        config.grant_max_seconds
    } else {
        config.access_token_seconds
    };
    GrantRecord {
        id: code.grant_id.clone(),
        client_id: code.client_id.clone(),
        subject: code.subject.clone(),
        scopes: code.scopes.clone(),
        resources: code.resources.clone(),
        created_at: request.now,
        last_used_at: request.now,
        expires_at: request.now.plus(lifetime),
        revoked_at: None,
        delegation: None,
        key: request.bound_key(),
    }
}

/// The end of the grants whose place the new one takes.
///
/// A client that registered itself is one installation: when it asks for the same resources again,
/// it has lost or discarded the tokens that it had. Other clients share their identifier among all
/// installations, which must not end each other; of these, the ones used last stay.
async fn replaced(request: &Request<'_>, new: &GrantRecord) -> Result<Option<Change>, Failure> {
    let user_id = &new.subject.account;
    let store = &request.issuer.services.store;
    let live = store.live_grants_to(user_id, &new.client_id, request.now).await?;
    let is_one_installation = request.client.source == ClientSource::Registration;
    // With the new one.
    let mut kept = 1;
    let ends = live.into_iter().filter(|grant| !grant.is_session()).filter(|grant| {
        let is_replaced = is_one_installation && grant.resources == new.resources;
        let stays = !is_replaced && kept < GRANTS_KEPT;
        kept += usize::from(stays);
        !stays
    });
    let grants = ends.map(|grant| grant.id).collect();
    Ok(replace(new, grants, request.now, RevokeReason::Replaced))
}

fn replace(
    new: &GrantRecord,
    grants: Vec<GrantId>,
    at: Timestamp,
    reason: RevokeReason,
) -> Option<Change> {
    if grants.is_empty() {
        return None;
    }
    let user_id = new.subject.account.clone();
    tracing::info!(grant = %new.id, client = %new.client_id, user = %user_id, ended = grants.len(), reason = reason.as_str(), "a newer grant takes the place of earlier ones");
    let (client_id, by) = (new.client_id.clone(), new.id.clone());
    Some(Change::ReplaceGrants { grants, user_id, client_id, by, at, reason })
}

/// The end of the grants to earlier registrations of the same software: some services register
/// again at every connection, and discard what they had.
async fn succeeded(request: &Request<'_>, new: &GrantRecord) -> Result<Option<Change>, Failure> {
    let store = &request.issuer.services.store;
    let client = request.client;
    if !client.is_software_of(client) {
        return Ok(None);
    }
    let user_id = &new.subject.account;
    let mut ends = Vec::new();
    for grant in store.live_grants_to_name(user_id, &client.name, request.now).await? {
        if grant.client_id == new.client_id || grant.resources != new.resources {
            continue;
        }
        let earlier = store.client(&grant.client_id).await?;
        if earlier.is_some_and(|earlier| client.is_software_of(&earlier)) {
            ends.push(grant.id);
        }
    }
    Ok(replace(new, ends, request.now, RevokeReason::RegisteredAgain))
}

/// Everything about the request was right, so the code was stolen: from this client, or by it. All
/// that it gave ends.
fn replayed(request: &Request<'_>, code: Code) -> Refused {
    tracing::warn!(grant = %code.grant_id, client = %code.client_id, user = %code.subject.account, "a spent code came back: its grant is revoked");
    let revoke = Change::RevokeGrant {
        grant_id: code.grant_id,
        at: request.now,
        reason: RevokeReason::CodeReplay,
    };
    let why = "the code was used before; what it gave is revoked";
    Refused {
        failure: Failure::new(OAuthErrorCode::InvalidGrant, why).because(Reason::CodeSpent),
        unit: revoke.into(),
    }
}
