//! Clients that an administrator makes, and what an administrator does with any client.

use doorward_model::{Change, Client, ClientId, ClientSource, PlainToken, RevokeReason, Scope, ScopeSet, TokenKind, UnitOfWork};
use doorward_store::StoreError;
use serde_json::{Map, Value};

use crate::{MetadataRefusal, Registration, policy};

/// A client to be made.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// The name that people see.
    pub name: String,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
    /// `token_endpoint_auth_method`; `None` for a public client.
    pub auth_method: Option<String>,
    /// Whether it may ask administrators for the scope `admin`.
    pub admin: bool,
}

/// A client that was made, with its secret, which is shown once.
#[derive(Debug)]
pub struct AddedClient {
    /// The client.
    pub client: Client,
    /// Its secret, if it has one.
    pub secret: Option<PlainToken>,
}

/// Why an administrator's change to a client did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ClientChangeError {
    /// The metadata is refused.
    #[error(transparent)]
    Refused(#[from] MetadataRefusal),
    /// No such client.
    #[error("there is no client {0}")]
    Unknown(ClientId),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl Registration {
    /// Makes a client.
    pub async fn add(&self, new: NewClient) -> Result<AddedClient, ClientChangeError> {
        let mut metadata = Map::new();
        metadata.insert("client_name".to_owned(), new.name.into());
        metadata.insert("redirect_uris".to_owned(), new.redirect_uris.into_iter().map(Value::from).collect());
        metadata.insert("token_endpoint_auth_method".to_owned(), new.auth_method.unwrap_or_else(|| "none".to_owned()).into());
        let accepted = policy::accept(&metadata, ClientSource::Administrator, &self.config)?;
        let secret = accepted.auth_method.uses_secret().then(|| PlainToken::random(TokenKind::ClientSecret, self.entropy.as_ref()));
        let client = Client {
            id: ClientId::random(self.entropy.as_ref()),
            source: ClientSource::Administrator,
            name: accepted.name,
            redirect_uris: accepted.redirect_uris,
            auth_method: accepted.auth_method,
            secret: secret.as_ref().map(PlainToken::hashed),
            refresh_tokens: true,
            scopes: ScopeSet::all().iter().chain(new.admin.then_some(Scope::Admin)).collect(),
            client_uri: None,
            jwks: accepted.jwks,
            jwks_uri: accepted.jwks_uri,
            metadata: String::new(),
            created_at: self.clock.now(),
            authorized_at: None,
            disabled_at: None,
            fresh_until: None,
        };
        self.store.apply(Change::InsertClient(Box::new(client.clone()))).await.map_err(ClientChangeError::Store)?;
        Ok(AddedClient { client, secret })
    }

    async fn change(&self, id: &ClientId, unit: UnitOfWork) -> Result<(), ClientChangeError> {
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(ClientChangeError::Unknown(id.clone())),
            Err(error) => Err(ClientChangeError::Store(error)),
        }
    }

    /// Disables a client, whose grants end, or enables it again.
    pub async fn set_disabled(&self, id: &ClientId, disabled: bool) -> Result<(), ClientChangeError> {
        let now = self.clock.now();
        let mut unit = UnitOfWork::from(Change::SetClientDisabled { client_id: id.clone(), disabled_at: disabled.then_some(now) });
        if disabled {
            unit.push(Change::RevokeGrantsOfClient { client_id: id.clone(), at: now, reason: RevokeReason::ClientRemoved });
        }
        self.change(id, unit).await
    }

    /// Deletes a client, whose grants end.
    pub async fn delete(&self, id: &ClientId) -> Result<(), ClientChangeError> {
        let at = self.clock.now();
        let unit = UnitOfWork::from_iter([
            Change::DeleteClient(id.clone()),
            Change::RevokeGrantsOfClient { client_id: id.clone(), at, reason: RevokeReason::ClientRemoved },
        ]);
        self.change(id, unit).await
    }
}
