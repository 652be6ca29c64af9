//! Clients that are parts of this program. They can do nothing at the token endpoint.

use doorward_model::{
    Change, Client, ClientAuthMethod, ClientId, ClientRules, ClientSource, GrantTypes, ScopeSet,
    Timestamp,
};
use doorward_store::{Store, StoreError};

/// Ensures that there is this client, so that administrators see it and can disable it.
pub(crate) async fn ensure(
    store: &Store,
    id: ClientId,
    name: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if store.client(&id).await?.is_some() {
        return Ok(());
    }
    let client = Client {
        id,
        source: ClientSource::Administrator,
        name: name.to_owned(),
        redirect_uris: Vec::new(),
        auth_method: ClientAuthMethod::None,
        secret: None,
        grant_types: GrantTypes::default(),
        scopes: ScopeSet::all(),
        service: None,
        trust: None,
        openid: None,
        client_uri: None,
        jwks: None,
        jwks_uri: None,
        metadata: String::new(),
        created_at: now,
        authorized_at: None,
        disabled_at: None,
        fresh_until: None,
        approved_at: Some(now),
        pinned_at: None,
        exchange: None,
        rules: ClientRules::default(),
        registration_token: None,
    };
    match store.apply(Change::InsertClient(Box::new(client))).await {
        // Another replica was faster.
        Ok(()) | Err(StoreError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
