//! What a provider says of itself: its discovery document and keys, fetched when they are needed and believed for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doorward_transport::Budget;
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, IssuerUrl, JsonWebKeySet, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey, CoreJsonWebKeySet,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Http, unavailable};
use crate::{FederationError, kinds::OpenId, provider::Provider};

/// For how long a discovery document and its keys are believed.
const BELIEVED: Duration = Duration::from_hours(1);
/// For how long an old one is still used when a new one cannot be had.
const BELIEVED_IN_NEED: Duration = Duration::from_hours(24);
/// For how long a failed discovery is the answer for everybody: those who queue behind it must not wait for another.
const FAILED: Duration = Duration::from_secs(3);
/// How often an unknown key may make us fetch the keys again.
const KEYS_AGAIN: Duration = Duration::from_secs(5);
/// Members of the discovery document that the library does not know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Further {
    #[serde(default)]
    pub(crate) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: Option<bool>,
    #[serde(default)]
    pub(crate) prompt_values_supported: Option<Vec<String>>,
}

impl AdditionalProviderMetadata for Further {}

pub(super) type Metadata = ProviderMetadata<
    Further,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What was discovered of a provider, if anything was yet.
#[derive(Default)]
pub(crate) struct Discovery(Mutex<State>);

#[derive(Default)]
struct State {
    found: Option<Arc<Discovered>>,
    failed: Option<(Instant, FederationError)>,
    keys_again: Option<Instant>,
}

/// A discovery document with its keys.
pub(crate) struct Discovered {
    pub(crate) metadata: Metadata,
    at: Instant,
}

impl Provider {
    /// What the provider says of itself, fetched when it is not known or too old.
    pub(crate) async fn discovered(&self) -> Result<Arc<Discovered>, FederationError> {
        let mut state = self.discovery.0.lock().await;
        if let Some(found) = state.found.as_ref().filter(|found| found.at.elapsed() < BELIEVED) {
            return Ok(Arc::clone(found));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < FAILED
        {
            return Err(error.clone());
        }
        match self.discover().await {
            Ok(metadata) => {
                let found = Arc::new(Discovered { metadata, at: Instant::now() });
                *state = State { found: Some(Arc::clone(&found)), failed: None, keys_again: state.keys_again };
                Ok(found)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                match state.found.as_ref().filter(|found| found.at.elapsed() < BELIEVED_IN_NEED) {
                    Some(found) => {
                        tracing::warn!(provider = %self.id, %error, "the discovery document could not be fetched again; the old one is used");
                        Ok(Arc::clone(found))
                    }
                    None => Err(error),
                }
            }
        }
    }

    async fn discover(&self) -> Result<Metadata, FederationError> {
        let open_id = self.open_id()?;
        let http = Http(&self.outbound);
        let metadata = if let Some(at) = &open_id.discover_at {
            self.discover_for_tenants(open_id, at).await?
        } else {
            let issuer = IssuerUrl::new(open_id.issuer.clone()).map_err(|error| FederationError::Misconfigured(error.to_string()))?;
            Metadata::discover_async(issuer, &http).await.map_err(|error| match error {
                // The issuer is another one: whoever answers there is not whom the operator named.
                openidconnect::DiscoveryError::Validation(why) => FederationError::Untrusted(why),
                other => unavailable(&other),
            })?
        };
        // The browser is sent there, so it must be an address of the web.
        crate::kinds::address("authorization_endpoint", metadata.authorization_endpoint().as_str(), None)
            .map_err(|error| FederationError::Untrusted(format!("the discovery document's {error}")))?;
        if metadata.token_endpoint().is_none() {
            return Err(FederationError::Unavailable("the discovery document names no token endpoint".to_owned()));
        }
        Ok(metadata)
    }

    /// Discovery where the published issuer has a place for the tenant.
    async fn discover_for_tenants(&self, open_id: &OpenId, at: &str) -> Result<Metadata, FederationError> {
        let http = Http(&self.outbound);
        let url = format!("{at}/.well-known/openid-configuration");
        let request = ::http::Request::get(&url).header("accept", "application/json").body(Vec::new()).map_err(|error| unavailable(&error))?;
        let response = http.call(request).await.map_err(|error| unavailable(&error))?;
        let mut document: Value = Budget::of_record(response.body().len()).json(response.body()).map_err(|error| unavailable(&error))?;
        let published = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        let own = |tenant: &String| published == open_id.issuer.replace(crate::kinds::TENANT, tenant);
        if published != open_id.issuer && !open_id.tenants.iter().any(own) {
            return Err(FederationError::Untrusted(format!("unexpected issuer {published:?} in the discovery document")));
        }
        if let Some(members) = document.as_object_mut() {
            members.insert("issuer".to_owned(), Value::String(open_id.issuer.clone()));
        }
        let metadata: Metadata = serde_json::from_value(document).map_err(|error| unavailable(&error))?;
        let keys = JsonWebKeySet::fetch_async(metadata.jwks_uri(), &http).await.map_err(|error| unavailable(&error))?;
        Ok(metadata.set_jwks(keys))
    }

    /// Fetches the keys again, unless that was done a moment ago. Answers what is now known.
    pub(super) async fn keys_again(&self, seen: &Arc<Discovered>) -> Result<Option<Arc<Discovered>>, FederationError> {
        let mut state = self.discovery.0.lock().await;
        if let Some(found) = &state.found
            && !Arc::ptr_eq(found, seen)
        {
            return Ok(Some(Arc::clone(found)));
        }
        if state.keys_again.is_some_and(|at| at.elapsed() < KEYS_AGAIN) {
            return Ok(None);
        }
        state.keys_again = Some(Instant::now());
        let keys = JsonWebKeySet::fetch_async(seen.metadata.jwks_uri(), &Http(&self.outbound)).await.map_err(|error| unavailable(&error))?;
        let found = Arc::new(Discovered { metadata: seen.metadata.clone().set_jwks(keys), at: seen.at });
        state.found = Some(Arc::clone(&found));
        Ok(Some(found))
    }

    /// The provider's keys as a JWK Set, for tokens that the library has no type for.
    pub(crate) async fn jwks(&self, seen: Option<&Arc<Discovered>>) -> Result<Option<(Arc<Discovered>, Value)>, FederationError> {
        let found = match seen {
            None => Some(self.discovered().await?),
            Some(seen) => self.keys_again(seen).await?,
        };
        Ok(found.map(|found| {
            let keys: &CoreJsonWebKeySet = found.metadata.jwks();
            let value = serde_json::to_value(keys).unwrap_or_default();
            (found, value)
        }))
    }
}
