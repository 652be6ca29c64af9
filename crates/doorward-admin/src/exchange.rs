//! The permission of a client to exchange tokens (RFC 8693).

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_model::{
    Client, ClientAuthMethod, ClientSource, ExchangeRule, GrantType, OAuthErrorCode,
    ProviderTokens, Scope,
};
use doorward_registration::{ClientChangeError, MetadataRefusal};

use crate::{Clients, Refusal, services};

/// Maximum number of clients whose tokens one client may exchange.
const MOST_CLIENTS: usize = 100;
/// Maximum number of kinds of tokens of identity providers that one client may exchange.
const MOST_PROVIDERS: usize = 20;

/// A permission to exchange tokens, as it is entered.
#[derive(Clone, Debug, Default)]
pub struct NewExchange {
    /// The `client_id` of each client whose tokens it may exchange, besides its own.
    pub from: Vec<String>,
    /// Scopes that an exchanged token may have at most.
    pub scopes: Vec<String>,
    /// The client is an AI back end, which gets tokens of one upstream for five minutes.
    pub back_end: bool,
    /// Tokens of identity providers that it may exchange: the provider, the audience and, where one
    /// is required, a scope, with spaces between them.
    pub providers: Vec<String>,
}

fn refused(why: &str) -> Refusal {
    let (code, why) = (OAuthErrorCode::InvalidClientMetadata, why.to_owned());
    ClientChangeError::from(MetadataRefusal { code, why }).into()
}

impl Clients {
    /// Permits a client to exchange tokens, or ends the permission. Exchanged tokens count as far
    /// as the permission reaches at the moment of their use. With `seen`, only if the client is
    /// still in the state of that etag.
    pub async fn set_exchange(
        &self,
        _authority: &Authority,
        id: &str,
        new: Option<&NewExchange>,
        seen: Option<&str>,
    ) -> Result<Arc<Client>, Refusal> {
        let before = self.with_id(id).await?;
        if before.source != ClientSource::Administrator {
            return Err(ClientChangeError::OwnMetadata.into());
        }
        let exchange = match new {
            Some(new) => Some(self.rule(&before, new).await?),
            None => None,
        };
        let grant_types = before.grant_types.with(GrantType::TokenExchange, exchange.is_some());
        let after = Client { exchange, grant_types, ..before.as_ref().clone() };
        let seen = seen.map_or_else(|| before.etag(), ToOwned::to_owned);
        self.registration.put(after, seen).await?;
        self.with_id(id).await
    }

    async fn rule(&self, client: &Client, new: &NewExchange) -> Result<ExchangeRule, Refusal> {
        if client.has_pairwise_subjects() {
            return Err(ClientChangeError::Pairwise.into());
        }
        if client.auth_method == ClientAuthMethod::None {
            return Err(refused(
                "a client that exchanges tokens must authenticate: add it with client_secret_basic, client_secret_post or private_key_jwt",
            ));
        }
        if new.from.len() > MOST_CLIENTS {
            return Err(refused("a client exchanges the tokens of at most 100 other clients"));
        }
        let mut from = Vec::with_capacity(new.from.len());
        for id in &new.from {
            let holder = self.with_id(id).await?.id.clone();
            if !from.contains(&holder) {
                from.push(holder);
            }
        }
        let scopes = services::scopes(&self.store, &new.scopes).await?;
        if new.back_end && scopes.iter().any(Scope::is_external) {
            return Err(refused("a back end gets tokens of upstreams only, with scopes of mcp:"));
        }
        let parsed = new.providers.iter().map(|text| ProviderTokens::parse(text));
        let parsed = parsed.collect::<Result<Vec<_>, _>>();
        let providers = parsed.map_err(|error| refused(&error.to_string()))?;
        if providers.len() > MOST_PROVIDERS {
            return Err(refused("a client exchanges at most 20 kinds of tokens of providers"));
        }
        if new.back_end && !providers.is_empty() {
            return Err(refused("a back end exchanges no tokens of identity providers"));
        }
        Ok(ExchangeRule { from, scopes, back_end: new.back_end, providers })
    }
}
