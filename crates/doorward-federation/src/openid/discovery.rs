//! What a provider says of itself: its discovery document and keys, fetched when they are needed
//! and believed for a while.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use doorward_model::ProviderId;
use doorward_transport::{Budget, Outbound, SingleFlight};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, IssuerUrl, JsonWebKeySet, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
        CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Http, unavailable};
use crate::{FederationError, kinds::OpenId, provider::Provider};

/// For how long a discovery document and its keys are believed.
const BELIEVED: Duration = Duration::from_hours(1);
/// For how long an old one is still used when a new one cannot be had.
const BELIEVED_IN_NEED: Duration = Duration::from_hours(24);
/// For how long a failed discovery is the answer for everybody: those who queue behind it must not
/// wait for another.
const FAILED: Duration = Duration::from_secs(3);
/// The longest that a fetch takes, whoever waits for it.
const LONGEST: Duration = Duration::from_secs(20);
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

/// What was discovered of a provider, if anything was yet, and how to discover it. Fetches run in
/// tasks of their own, which those who wait share: a request that is dropped takes nothing with it.
pub(crate) struct Discovery {
    source: Source,
    state: Arc<Mutex<State>>,
    flights: SingleFlight<Fetch, Fetched>,
}

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fetch {
    Document,
    Keys,
}

/// What a fetch comes to. Keys that were fetched a moment ago are not fetched again: `None`.
type Fetched = Result<Option<Arc<Discovered>>, FederationError>;

/// Where to discover, and by which client.
#[derive(Clone)]
struct Source {
    id: ProviderId,
    outbound: Outbound,
    open_id: OpenId,
}

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

impl Discovery {
    pub(crate) fn new(id: ProviderId, outbound: Outbound, open_id: OpenId) -> Self {
        Self {
            source: Source { id, outbound, open_id },
            state: Arc::default(),
            flights: SingleFlight::new(2),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What need not be fetched: what is believed still, or the failure of a moment ago.
    fn known(&self) -> Option<Result<Arc<Discovered>, FederationError>> {
        let state = self.state();
        if let Some(found) = state.found.as_ref().filter(|found| found.at.elapsed() < BELIEVED) {
            return Some(Ok(Arc::clone(found)));
        }
        state
            .failed
            .as_ref()
            .filter(|(at, _)| at.elapsed() < FAILED)
            .map(|(_, error)| Err(error.clone()))
    }

    async fn document(&self) -> Result<Arc<Discovered>, FederationError> {
        if let Some(known) = self.known() {
            return known;
        }
        let (source, state) = (self.source.clone(), Arc::clone(&self.state));
        let fetch = move || async move {
            let fetched = in_time(source.discover()).await;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match fetched {
                Ok(metadata) => {
                    let found = Arc::new(Discovered { metadata, at: Instant::now() });
                    *state = State {
                        found: Some(Arc::clone(&found)),
                        failed: None,
                        keys_again: state.keys_again,
                    };
                    Ok(Some(found))
                }
                Err(error) => {
                    state.failed = Some((Instant::now(), error.clone()));
                    let old = state
                        .found
                        .as_ref()
                        .filter(|found| found.at.elapsed() < BELIEVED_IN_NEED)
                        .ok_or_else(|| error.clone())?;
                    tracing::warn!(provider = %source.id, %error, "the discovery document could not be fetched again; the old one is used");
                    Ok(Some(Arc::clone(old)))
                }
            }
        };
        self.fetched(Fetch::Document, fetch)
            .await?
            .ok_or_else(|| FederationError::Unavailable("nothing was discovered".to_owned()))
    }

    async fn fetched<F: Future<Output = Fetched> + Send + 'static>(
        &self,
        what: Fetch,
        work: impl FnOnce() -> F,
    ) -> Fetched {
        self.flights
            .run(what, work)
            .await
            .map_err(|error| FederationError::Unavailable(error.to_string()))?
    }

    /// Fetches the keys again, unless that was done a moment ago. Answers what is now known.
    async fn keys(&self, seen: &Arc<Discovered>) -> Fetched {
        let (source, state, seen) =
            (self.source.clone(), Arc::clone(&self.state), Arc::clone(seen));
        let fetch = move || async move {
            {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(found) = state.found.as_ref().filter(|found| !Arc::ptr_eq(found, &seen))
                {
                    return Ok(Some(Arc::clone(found)));
                }
                if state.keys_again.is_some_and(|at| at.elapsed() < KEYS_AGAIN) {
                    return Ok(None);
                }
                state.keys_again = Some(Instant::now());
            }
            let http = Http(&source.outbound);
            let keys = in_time(async {
                JsonWebKeySet::fetch_async(seen.metadata.jwks_uri(), &http)
                    .await
                    .map_err(|error| unavailable(&error))
            })
            .await?;
            let found = Arc::new(Discovered {
                metadata: seen.metadata.clone().set_jwks(keys),
                at: seen.at,
            });
            state.lock().unwrap_or_else(PoisonError::into_inner).found = Some(Arc::clone(&found));
            Ok(Some(found))
        };
        self.fetched(Fetch::Keys, fetch).await
    }
}

/// Bounds a fetch in time: nobody else ends it.
async fn in_time<T>(
    work: impl Future<Output = Result<T, FederationError>>,
) -> Result<T, FederationError> {
    tokio::time::timeout(LONGEST, work)
        .await
        .unwrap_or_else(|_| Err(FederationError::Unavailable("no answer in time".to_owned())))
}

impl Source {
    async fn discover(&self) -> Result<Metadata, FederationError> {
        let http = Http(&self.outbound);
        let metadata = if let Some(at) = &self.open_id.discover_at {
            self.discover_for_tenants(at).await?
        } else {
            let issuer = IssuerUrl::new(self.open_id.issuer.clone())
                .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
            Metadata::discover_async(issuer, &http).await.map_err(|error| match error {
                // The issuer is another one: whoever answers there is not whom the operator named.
                openidconnect::DiscoveryError::Validation(why) => FederationError::Untrusted(why),
                other => unavailable(&other),
            })?
        };
        // The browser is sent there, so it must be an address of the web.
        crate::kinds::address(
            "authorization_endpoint",
            metadata.authorization_endpoint().as_str(),
            None,
        )
        .map_err(|error| FederationError::Untrusted(format!("the discovery document's {error}")))?;
        if metadata.token_endpoint().is_none() {
            return Err(FederationError::Unavailable(
                "the discovery document names no token endpoint".to_owned(),
            ));
        }
        Ok(metadata)
    }

    /// Discovery where the published issuer has a place for the tenant.
    async fn discover_for_tenants(&self, at: &str) -> Result<Metadata, FederationError> {
        let http = Http(&self.outbound);
        let url = format!("{at}/.well-known/openid-configuration");
        let request = ::http::Request::get(&url)
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|error| unavailable(&error))?;
        let response = http.call(request).await.map_err(|error| unavailable(&error))?;
        let mut document: Value = Budget::of_record(response.body().len())
            .json(response.body())
            .map_err(|error| unavailable(&error))?;
        let published = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        let own = |tenant: &String| {
            published == self.open_id.issuer.replace(crate::kinds::TENANT, tenant)
        };
        if published != self.open_id.issuer && !self.open_id.tenants.iter().any(own) {
            return Err(FederationError::Untrusted(format!(
                "unexpected issuer {published:?} in the discovery document"
            )));
        }
        if let Some(members) = document.as_object_mut() {
            members.insert("issuer".to_owned(), Value::String(self.open_id.issuer.clone()));
        }
        let metadata: Metadata =
            serde_json::from_value(document).map_err(|error| unavailable(&error))?;
        let keys = JsonWebKeySet::fetch_async(metadata.jwks_uri(), &http)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(metadata.set_jwks(keys))
    }
}

impl Provider {
    fn discovery(&self) -> Result<&Discovery, FederationError> {
        self.discovery
            .as_ref()
            .ok_or_else(|| FederationError::Misconfigured("not an OpenID provider".to_owned()))
    }

    /// What the provider says of itself, fetched when it is not known or too old.
    pub(crate) async fn discovered(&self) -> Result<Arc<Discovered>, FederationError> {
        self.discovery()?.document().await
    }

    /// Fetches the keys again, unless that was done a moment ago. Answers what is now known.
    pub(super) async fn keys_again(
        &self,
        seen: &Arc<Discovered>,
    ) -> Result<Option<Arc<Discovered>>, FederationError> {
        self.discovery()?.keys(seen).await
    }

    /// The provider's keys as a JWK Set, for tokens that the library has no type for.
    pub(crate) async fn jwks(
        &self,
        seen: Option<&Arc<Discovered>>,
    ) -> Result<Option<(Arc<Discovered>, Value)>, FederationError> {
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
