//! The token endpoint's decision, from the request to the response.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, Change, Client, ConnectStep, GrantId, KeyThumbprint,
    OAuthErrorCode, Outcome, PlainToken, StepKind, Timestamp, UserId,
};
use doorward_store::{Condition, StoreError};
use doorward_transport::{ClientAddress, Params};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    Failure, Issuer,
    client_auth::{Endpoint, RequestFailure},
    grants::{self, Granted, Refused, Request},
    issue::{TokenFor, stated},
    kept_tokens::TokenKey,
    openid::IdTokenFor,
};

/// A grant's last use is noted at most this often, in seconds. A grant that is revoked in between
/// ends its tokens all the same: each use of one checks the grant.
const NOTE_USE_EVERY: i64 = 300;
/// The attempts at a decision that other requests keep changing the basis of.
const ATTEMPTS: usize = 3;

/// The tokens that a request is answered with.
#[derive(Debug)]
struct Issued {
    access_token: String,
    id_token: Option<String>,
    refresh_token: Option<PlainToken>,
    expires_in: i64,
    scope: String,
    account: UserId,
    grant_id: GrantId,
    /// `true` if the request made the grant, which has an audit entry of its own.
    is_new: bool,
    /// More for the entry of the token.
    detail: Option<Value>,
    /// `issued_token_type`, where the grant type names it.
    token_type: Option<&'static str>,
    /// `true` if the access token is bound to a key.
    is_bound: bool,
    /// `true` for a token that was issued before, and has its entry.
    is_repeated: bool,
    /// For a token that is to be given out again: its key, and its end.
    kept: Option<(TokenKey, Timestamp)>,
}

impl Issued {
    /// The response (OAuth 2.1 §3.2.3).
    fn body(&self) -> Value {
        let mut body = json!({
            "access_token": self.access_token,
            "token_type": if self.is_bound { "DPoP" } else { "Bearer" },
            "expires_in": self.expires_in,
            "scope": self.scope,
        });
        let refresh = self.refresh_token.as_ref().map(PlainToken::reveal);
        let more = [("refresh_token", refresh), ("id_token", self.id_token.as_deref())];
        if let Value::Object(members) = &mut body {
            let given = more.into_iter().filter_map(|(name, value)| Some((name, value?)));
            members.extend(given.map(|(name, value)| (name.to_owned(), value.into())));
        }
        if let (Some(kind), Some(members)) = (self.token_type, body.as_object_mut()) {
            members.insert("issued_token_type".to_owned(), kind.into());
        }
        body
    }
}

impl Issuer {
    /// Answers a token request. The response is sent after its state is durable.
    pub(crate) async fn token(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        // 1. Authenticate the client.
        let client = self.authenticate(Endpoint::Token, headers, params, address).await?.client;
        let result = match self.key_of_token(&client, headers).await {
            Ok(key) => self.exchange(&client, params, key.as_ref()).await,
            Err(failure) => Err(failure),
        };
        let waits = matches!(&result, Err(failure) if matches!(failure.code, OAuthErrorCode::AuthorizationPending | OAuthErrorCode::SlowDown | OAuthErrorCode::UseDpopNonce));
        // A device that waits for its user is no event; nor is a client that is told the nonce.
        if !waits {
            self.note_token(&client, params, &result).await;
        }
        // Not before its entry is written: a repeated token has none.
        if let Ok(Issued { kept: Some((key, ends)), access_token, .. }) = &result {
            let now = self.services.clock.now();
            self.kept_tokens.keep(key.clone(), access_token.clone(), *ends, now);
        }
        // 6. The response.
        Ok(result?.body())
    }

    async fn exchange(
        &self,
        client: &Client,
        params: &Params,
        key: Option<&KeyThumbprint>,
    ) -> Result<Issued, Failure> {
        let grant = grants::requested(client, params)?;
        // 2. The resources that the request names, for the grant to find among its own.
        let resources = params.resources();
        // 3. The scopes that it names, by the grant's rule.
        let scopes = grant.scopes(params.get("scope"))?;
        for _ in 0..ATTEMPTS {
            self.follow_keys().await?;
            // 4. The grant's decision.
            let now = self.services.clock.now();
            let scopes = scopes.as_ref();
            let request = Request { issuer: self, client, params, resources, scopes, now, key };
            let refused = match grant.authorize(&request).await {
                Ok(granted) => {
                    // 5. One unit of work.
                    let (issued, unit) = self.issue(granted, &request).await?;
                    match self.services.store.apply(unit).await {
                        Ok(()) => {
                            let token_type = grant.issued_token_type();
                            return Ok(Issued { token_type, ..issued });
                        }
                        Err(StoreError::Refused(condition)) => {
                            grant.overtaken(&request, condition).await.err()
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(refused) => Some(refused),
            };
            if let Some(Refused { failure, unit }) = refused {
                match self.services.store.apply(unit).await {
                    Ok(()) => return Err(failure),
                    // Another poll of the same device was noted first.
                    Err(StoreError::Refused(Condition::PollDevice)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(Failure::new(
            OAuthErrorCode::TemporarilyUnavailable,
            "the refresh token is in use by another request; try again",
        ))
    }

    /// Signs the tokens and completes the unit of work.
    async fn issue(
        &self,
        granted: Granted,
        request: &Request<'_>,
    ) -> Result<(Issued, doorward_model::UnitOfWork), Failure> {
        let Granted { grant, is_new, scopes, resources, refresh_token, mut unit, detail, nonce } =
            granted;
        let (client, now) = (request.client, request.now);
        let kept = TokenKey::of(client, &grant, &scopes, request.key);
        let found = kept.as_ref().and_then(|key| self.kept_token(key, grant.expires_at, now));
        let is_repeated = found.is_some();
        let (access_token, expires_in) = if let Some(found) = found {
            found
        } else {
            let (grant, scopes, resources) = (&grant, &scopes, &resources);
            let access = TokenFor { client, grant, scopes, resources };
            self.access_token(access, request.key, now)?
        };
        let id_token = self.id_token(IdTokenFor {
            client,
            grant: &grant,
            scopes: &scopes,
            nonce,
            access_token: &access_token,
            lifetime: expires_in,
            now,
        });
        let id_token = id_token.await?;
        let issued = Issued {
            access_token,
            id_token,
            refresh_token,
            expires_in,
            scope: stated(&grant, &scopes),
            account: grant.subject.account.clone(),
            grant_id: grant.id.clone(),
            is_new,
            detail,
            token_type: None,
            is_bound: request.key.is_some(),
            is_repeated,
            kept: kept.filter(|_| !is_repeated).map(|key| (key, now.plus(expires_in))),
        };
        if is_new {
            unit.push(Change::InsertGrant(grant));
        } else if request.now.since(grant.last_used_at) >= NOTE_USE_EVERY {
            unit.push(Change::UseGrant { grant_id: grant.id, now: request.now });
        }
        Ok((issued, unit))
    }

    /// Tells the audit and the timeline.
    async fn note_token(&self, client: &Client, params: &Params, result: &Result<Issued, Failure>) {
        let grant = grants::named(params);
        let kind = grant.map_or(StepKind::Token, grants::Grant::step);
        let step = ConnectStep::new(kind).client(client.id.as_str(), Some(client.name.clone()));
        let event = match result {
            Ok(issued) => {
                if kind != StepKind::Refresh {
                    self.services.store.note_step(step.user(issued.account.as_str()));
                }
                let has_entry = (issued.is_new && issued.detail.is_none()) || issued.is_repeated;
                let Some(grant) = grant.filter(|_| !has_entry) else { return };
                let mut event = AuditEvent::new(grant.of_existing_grant())
                    .by(&issued.account)
                    .about(AuditSubject::Grant, issued.grant_id.as_str());
                event.actor.grant_id = Some(issued.grant_id.to_string());
                if let Some(detail) = &issued.detail {
                    event = event.detail(detail.to_string());
                }
                event
            }
            Err(failure) => {
                self.services
                    .store
                    .note_step(step.refused(failure.reason).detail(failure.detail.as_str()));
                let detail = json!({"grant_type": params.get("grant_type"), "error": failure.code.as_str(), "reason": failure.reason.code()});
                AuditEvent::new(AuditKind::TokenRefused)
                    .ended(Outcome::Refused)
                    .about(AuditSubject::Client, client.id.as_str())
                    .detail(detail.to_string())
            }
        };
        if let Err(error) = self.services.store.note(event.through(&client.id)).await {
            tracing::debug!(%error, "an entry of the audit could not be stored");
        }
    }

    /// Loads the signing keys of the store; free when they are unchanged.
    pub(crate) async fn follow_keys(&self) -> Result<(), Failure> {
        let records = self.services.store.signing_keys().await?;
        self.services.keys.follow(&records).map_err(|error| {
            tracing::error!(%error, "the signing keys cannot be used");
            Failure::new(OAuthErrorCode::ServerError, "no token can be issued at the moment")
        })
    }
}
