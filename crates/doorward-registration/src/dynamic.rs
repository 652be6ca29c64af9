//! Dynamic client registration (RFC 7591).

use std::sync::atomic::Ordering;

use doorward_model::{
    Change, Client, ClientId, ClientSource, OAuthErrorCode, PlainToken, ScopeSet, TokenKind, routes,
};
use doorward_store::StoreError;
use serde_json::{Map, Value, json};

use crate::{
    MetadataRefusal, Registration,
    policy::{self, Accepted},
};

/// The reason for which a registration did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error(transparent)]
    Refused(#[from] MetadataRefusal),
    #[error("the limit of registrations is reached")]
    Full,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registration {
    /// Registers a client and answers the metadata that was registered, with the secret if it has
    /// one.
    pub(crate) async fn register(
        &self,
        metadata: &Map<String, Value>,
    ) -> Result<Value, RegisterError> {
        let config = self.config.now();
        let accepted = policy::accept(metadata, ClientSource::Registration, &config)?;
        if self.registered.fetch_add(1, Ordering::Relaxed) >= config.max_registrations {
            return Err(RegisterError::Full);
        }
        let secret = accepted
            .auth_method
            .uses_secret()
            .then(|| PlainToken::random(TokenKind::ClientSecret, self.entropy.as_ref()));
        let token = PlainToken::random(TokenKind::Registration, self.entropy.as_ref());
        let now = self.clock.now();
        let id = ClientId::random(self.entropy.as_ref());
        let stored = echo(metadata, &accepted)?;
        // The scope requested at registration is no bound: clients register with the scope of the
        // first challenge and step up later.
        let client = Client {
            secret: secret.as_ref().map(PlainToken::hashed),
            metadata: Value::Object(stored.clone()).to_string(),
            registration_token: Some(token.hashed()),
            ..accepted.client(id, ClientSource::Registration, now)
        };
        self.store.apply(Change::InsertClient(Box::new(client.clone()))).await?;
        let secrets = Secrets { client: secret.as_ref(), registration: &token };
        Ok(self.answer(&client, stored, &secrets))
    }

    /// The answer with the metadata of a registration, and where and how its client manages it
    /// (RFC 7591 §3.2.1, RFC 7592 §3).
    pub(crate) fn answer(
        &self,
        client: &Client,
        mut stored: Map<String, Value>,
        secrets: &Secrets<'_>,
    ) -> Value {
        let at = routes::REGISTRATION.replace("{client}", client.id.as_str());
        for (name, value) in [
            ("client_id", client.id.as_str().into()),
            ("client_id_issued_at", client.created_at.0.into()),
            ("registration_access_token", secrets.registration.reveal().into()),
        ] {
            stored.insert(name.to_owned(), value);
        }
        if let Some(public_url) = &self.public_url {
            stored.insert("registration_client_uri".to_owned(), public_url.at(&at).into());
        }
        if let Some(secret) = secrets.client {
            stored.insert("client_secret".to_owned(), secret.reveal().into());
            stored.insert("client_secret_expires_at".to_owned(), 0.into());
        }
        Value::Object(stored)
    }
}

/// The secrets of a registration that its client is told.
pub(crate) struct Secrets<'a> {
    /// The secret of the client, if it is a new one.
    pub(crate) client: Option<&'a PlainToken>,
    /// The token by which it manages its registration.
    pub(crate) registration: &'a PlainToken,
}

/// The registered metadata as RFC 7591 §3.2.1 requires in the response: the accepted members, never
/// `null`, no unknown ones.
pub(crate) fn echo(
    metadata: &Map<String, Value>,
    accepted: &Accepted,
) -> Result<Map<String, Value>, MetadataRefusal> {
    let mut answer = Map::new();
    answer.insert("client_name".to_owned(), accepted.name.as_str().into());
    answer.insert(
        "redirect_uris".to_owned(),
        accepted.redirect_uris.iter().map(|uri| Value::from(uri.as_str())).collect(),
    );
    answer.insert("token_endpoint_auth_method".to_owned(), accepted.auth_method.as_str().into());
    answer.insert("grant_types".to_owned(), accepted.grant_types.names().collect());
    answer.insert("response_types".to_owned(), json!(["code"]));
    for name in [
        "client_uri",
        "logo_uri",
        "tos_uri",
        "policy_uri",
        "jwks_uri",
        "application_type",
        "software_id",
        "software_version",
    ] {
        if let Some(text) = policy::text(metadata, name)? {
            if text.len() > 2048 {
                return Err(MetadataRefusal {
                    code: OAuthErrorCode::InvalidClientMetadata,
                    why: format!("{name} is too long"),
                });
            }
            answer.insert(name.to_owned(), text.into());
        }
    }
    let rules = accepted.rules;
    for (name, is_set) in [
        ("require_pushed_authorization_requests", rules.require_pushed_authorization_requests),
        ("dpop_bound_access_tokens", rules.dpop_bound_access_tokens),
    ] {
        if is_set {
            answer.insert(name.to_owned(), true.into());
        }
    }
    if let Some(set) = &accepted.jwks {
        answer.insert("jwks".to_owned(), serde_json::from_str(set).unwrap_or_default());
    }
    let scopes = policy::text(metadata, "scope")?
        .map(|text| ScopeSet::parse_known(text).of_any_client())
        .filter(|scopes| !scopes.is_empty());
    if let Some(scopes) = scopes {
        answer.insert("scope".to_owned(), scopes.to_string().into());
    }
    Ok(answer)
}
