//! Management of a registration by the client that made it (RFC 7592), under the policy of
//! registrations. Clients of administrators and of metadata documents have no token for it.

use std::sync::Arc;

use doorward_model::{
    Actor, Change, Client, ClientId, ClientSource, HashedToken, OAuthErrorCode, OwnChange,
    PlainToken, RevokeReason, TokenKind, UnitOfWork,
};
use doorward_store::{Condition, StoreError, origin};
use serde_json::{Map, Value};

use crate::{
    ClientChangeError, ClientDecision, MetadataRefusal, Registration,
    dynamic::{self, Secrets},
    policy,
};

/// The reason for which a request about a registration is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManageError {
    /// The token is not the one of this client, or there is no such registration.
    #[error("there is no such registration, or the token is not its own")]
    Token,
    /// An administrator blocked the client.
    #[error("an administrator disabled the client")]
    Blocked,
    /// Clients cannot register themselves, so that none may register itself differently.
    #[error("registrations cannot be changed on this server")]
    Off,
    #[error(transparent)]
    Refused(#[from] MetadataRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Members that only this server writes, and that no request for a change may contain (RFC 7592
/// §2.2).
const OWN: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

/// A registration whose client presented the token of it.
pub(crate) struct Managed {
    pub(crate) client: Arc<Client>,
    token: PlainToken,
    hashed: HashedToken,
}

impl Registration {
    /// The registration with this identifier, for the presenter of its token. The attempt was
    /// counted before.
    pub(crate) async fn managed(&self, id: &str, token: &str) -> Result<Managed, ManageError> {
        let token = PlainToken::presented(token);
        let found = self.store.client(&ClientId::from_text(id)).await?;
        let client = found
            .filter(|client| client.source == ClientSource::Registration)
            .ok_or(ManageError::Token)?;
        let hashed = client.registration_token.clone().ok_or(ManageError::Token)?;
        if !hashed.matches(&token) {
            return Err(ManageError::Token);
        }
        if client.disabled_at.is_some() {
            return Err(ManageError::Blocked);
        }
        // From here on, the audit names the client as the actor.
        let client_id = Some(client.id.to_string());
        origin::acting(Actor { client_id, ..Actor::default() });
        Ok(Managed { client, token, hashed })
    }

    /// The metadata of a registration. Its secret is stored as a hash and is not shown again.
    pub(crate) fn read(&self, managed: &Managed) -> Value {
        let stored = serde_json::from_str(&managed.client.metadata).unwrap_or_default();
        let secrets = Secrets { client: None, registration: &managed.token };
        self.answer(&managed.client, stored, &secrets)
    }

    /// Replaces the metadata of a registration, and its token. What an administrator or users
    /// decided about the client is asked again where they decided about something else.
    pub(crate) async fn replace(
        &self,
        managed: &Managed,
        metadata: &Map<String, Value>,
    ) -> Result<Value, ManageError> {
        let config = self.config.now();
        if !config.dynamic {
            return Err(ManageError::Off);
        }
        let before = &managed.client;
        judge_members(before, metadata)?;
        let accepted = policy::accept(metadata, ClientSource::Registration, &config)?;
        let stored = dynamic::echo(metadata, &accepted)?;
        let new_secret = (accepted.auth_method.uses_secret() && before.secret.is_none())
            .then(|| PlainToken::random(TokenKind::ClientSecret, self.entropy.as_ref()));
        let secret = match &new_secret {
            Some(new) => Some(new.hashed()),
            None => before.secret.clone().filter(|_| accepted.auth_method.uses_secret()),
        };
        let token = PlainToken::random(TokenKind::Registration, self.entropy.as_ref());
        // Another redirect URI or another way of authentication may be another program.
        let poses = before.redirect_uris != accepted.redirect_uris
            || before.auth_method != accepted.auth_method
            || before.jwks != accepted.jwks
            || before.jwks_uri != accepted.jwks_uri;
        let client = Client {
            name: accepted.name,
            redirect_uris: accepted.redirect_uris,
            auth_method: accepted.auth_method,
            secret,
            grant_types: accepted.grant_types,
            client_uri: accepted.client_uri,
            jwks: accepted.jwks,
            jwks_uri: accepted.jwks_uri,
            rules: accepted.rules,
            metadata: Value::Object(stored.clone()).to_string(),
            registration_token: Some(token.hashed()),
            authorized_at: before.authorized_at.filter(|_| !poses),
            ..before.as_ref().clone()
        };
        // An administrator approved the client as it was.
        let approved_at = client.approved_at.filter(|_| policy::changed(before, &client).is_none());
        let client = Client { approved_at, ..client };
        let (seen, boxed) = (managed.hashed.clone(), Box::new(client.clone()));
        let mut unit =
            UnitOfWork::from(Change::from(OwnChange::PutRegistration { client: boxed, seen }));
        if poses {
            unit.push(Change::RevokeGrantsOfClient {
                client_id: client.id.clone(),
                at: self.clock.now(),
                reason: RevokeReason::RegistrationChanged,
            });
        }
        match self.store.apply(unit).await {
            Ok(()) => {}
            // Another request changed it meanwhile, with the same token.
            Err(StoreError::Refused(Condition::PutRegistration)) => return Err(ManageError::Token),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(client = %client.id, ends_access = poses, "a client changed its registration");
        let secrets = Secrets { client: new_secret.as_ref(), registration: &token };
        Ok(self.answer(&client, stored, &secrets))
    }

    /// Ends a registration with everything that depends on it, as an administrator would.
    pub(crate) async fn deregister(&self, managed: &Managed) -> Result<(), ManageError> {
        let (id, seen) = (&managed.client.id, managed.client.etag());
        match self.decide(id, ClientDecision::Delete, Some(&seen)).await {
            Ok(()) => {
                tracing::info!(client = %id, "a client deleted its registration");
                Ok(())
            }
            Err(ClientChangeError::Store(error)) => Err(error.into()),
            Err(_) => Err(ManageError::Token),
        }
    }
}

/// Judges the members by which a request names the registration (RFC 7592 §2.2).
fn judge_members(client: &Client, metadata: &Map<String, Value>) -> Result<(), MetadataRefusal> {
    let refuse =
        |why: String| Err(MetadataRefusal { code: OAuthErrorCode::InvalidClientMetadata, why });
    if let Some(name) = OWN.iter().find(|name| metadata.contains_key(**name)) {
        return refuse(format!("{name} must not be sent: this server sets it"));
    }
    if metadata.get("client_id").and_then(Value::as_str) != Some(client.id.as_str()) {
        return refuse("client_id must be the one of the registration".to_owned());
    }
    let presented = policy::text(metadata, "client_secret")?.map(PlainToken::presented);
    let is_known =
        |secret: &PlainToken| client.secret.as_ref().is_some_and(|stored| stored.matches(secret));
    if presented.is_some_and(|secret| !is_known(&secret)) {
        return refuse("client_secret must be left out, or be the present one".to_owned());
    }
    Ok(())
}
