//! A provider's discovery document and keys, fetched when they are needed and cached for a while.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use doorward_transport::{
    Fetched as Answered, Outbound, SingleFlight,
    oauth::{Document, LeftOut, NamedIssuer, named_issuer},
};
use openidconnect::{JsonWebKeySet, core::CoreJsonWebKey};
use url::Url;

use super::signed::{KnownKeys, Signed, key_set};
use crate::{
    api::MAX_ANSWER,
    error::FederationError,
    settings::{Endpoints, OpenId, TENANT, address},
};

/// The time for which a discovery document and its keys are cached.
const BELIEVED: Duration = Duration::from_hours(1);
/// For how long an old one is still used when a new one cannot be had.
const BELIEVED_IN_NEED: Duration = Duration::from_hours(24);
/// For how long a failed discovery is the answer to all requests: queued requests must not wait for
/// another attempt.
const FAILED: Duration = Duration::from_secs(3);
/// The longest that a fetch takes.
const LONGEST: Duration = Duration::from_secs(20);
/// The pause between two fetches of the keys because of an unknown key, and of the document because
/// an endpoint of it may be no more.
const AGAIN: Duration = Duration::from_secs(5);

/// The members of a discovery document that one purpose needs.
pub(crate) trait Members: Clone + Send + Sync + 'static {
    /// Reports that the configured endpoints are enough: no document is fetched.
    fn are_set(by_hand: &Endpoints) -> bool;
    /// Reads them; configured endpoints replace those of the document.
    fn read(open_id: &OpenId, document: Document) -> Result<Self, FederationError>;
    /// The URL of the key set.
    fn jwks(&self) -> &Url;
    /// Members that could not be read.
    fn left_out(&self) -> &[LeftOut];
}

/// The members that signing in needs.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) userinfo: Option<Url>,
    jwks: Url,
    pub(crate) end_session: Option<Url>,
    /// The scopes and claims that it lists; `None` if none can be read.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) claims: Option<Vec<String>>,
    /// The announced signature algorithms of ID tokens; `None` if none can be read.
    pub(crate) algorithms: Option<Vec<String>>,
    pub(crate) prompts: Option<Vec<String>>,
    pub(crate) iss_in_answers: bool,
    /// Members that could not be read.
    pub(crate) left_out: Vec<LeftOut>,
}

/// The state of a provider's discovery document, and how to fetch it. Fetches run in tasks of their
/// own, which waiting requests share: a dropped request cancels none of them.
pub(crate) struct Discovery<M = Metadata> {
    source: Source,
    state: Arc<Mutex<State<M>>>,
    flights: SingleFlight<Fetch, Fetched<M>>,
}

/// Subject of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fetch {
    Document,
    Keys,
}

/// Result of a fetch. Keys that were fetched a moment ago are not fetched again: `None`.
type Fetched<M> = Result<Option<Arc<Discovered<M>>>, FederationError>;

/// The source of the document, and the client that requests it.
#[derive(Clone)]
struct Source {
    provider: String,
    outbound: Outbound,
    open_id: OpenId,
}

struct State<M> {
    found: Option<Arc<Discovered<M>>>,
    failed: Option<(Instant, FederationError)>,
    keys_again: Option<Instant>,
}

impl<M> Default for State<M> {
    fn default() -> Self {
        Self { found: None, failed: None, keys_again: None }
    }
}

/// A discovery document with its keys.
pub(crate) struct Discovered<M = Metadata> {
    pub(crate) metadata: M,
    pub(crate) keys: JsonWebKeySet<CoreJsonWebKey>,
    /// The number of keys that are not known here.
    pub(crate) unknown_keys: usize,
    at: Instant,
}

impl<M: Members> Discovery<M> {
    pub(crate) fn new(provider: String, outbound: Outbound, open_id: OpenId) -> Self {
        Self {
            source: Source { provider, outbound, open_id },
            state: Arc::default(),
            flights: SingleFlight::new(2),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state that need not be fetched: a document that is still fresh, or a recent failure.
    fn known(&self) -> Option<Result<Arc<Discovered<M>>, FederationError>> {
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

    /// The document, fetched when it is not known or too old.
    pub(crate) async fn document(&self) -> Result<Arc<Discovered<M>>, FederationError> {
        match self.known() {
            Some(known) => known,
            None => self.fetched_document().await,
        }
    }

    /// The document as it is now, where an endpoint of the one that was seen may be no more: a
    /// provider that moves is followed before the cached document is too old. `None` if it was
    /// fetched a moment ago, or cannot be fetched.
    pub(super) async fn fresh_document(
        &self,
        seen: &Arc<Discovered<M>>,
    ) -> Option<Arc<Discovered<M>>> {
        let known = self.state().found.clone()?;
        if !Arc::ptr_eq(&known, seen) {
            return Some(known);
        }
        if known.at.elapsed() < AGAIN {
            return None;
        }
        let fetched = self.fetched_document().await.ok()?;
        (!Arc::ptr_eq(&fetched, seen)).then_some(fetched)
    }

    async fn fetched_document(&self) -> Result<Arc<Discovered<M>>, FederationError> {
        let (source, state) = (self.source.clone(), Arc::clone(&self.state));
        let fetch = move || async move {
            let fetched = in_time(source.discover()).await;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match fetched {
                Ok(found) => {
                    let found = Arc::new(found);
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
                    tracing::warn!(provider = source.provider, %error, "the discovery document could not be fetched again; the old one is used");
                    Ok(Some(Arc::clone(old)))
                }
            }
        };
        self.fetched(Fetch::Document, fetch)
            .await?
            .ok_or_else(|| FederationError::Unavailable("nothing was discovered".to_owned()))
    }

    async fn fetched<F: Future<Output = Fetched<M>> + Send + 'static>(
        &self,
        what: Fetch,
        work: impl FnOnce() -> F,
    ) -> Fetched<M> {
        self.flights
            .run(what, work)
            .await
            .map_err(|error| FederationError::Unavailable(error.to_string()))?
    }

    /// Fetches the keys again, unless that was done a moment ago. Returns the present keys.
    pub(crate) async fn fresh_keys(&self, seen: &Arc<Discovered<M>>) -> Fetched<M> {
        let (source, state, seen) =
            (self.source.clone(), Arc::clone(&self.state), Arc::clone(seen));
        let fetch = move || async move {
            {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(found) = state.found.as_ref().filter(|found| !Arc::ptr_eq(found, &seen))
                {
                    return Ok(Some(Arc::clone(found)));
                }
                if state.keys_again.is_some_and(|at| at.elapsed() < AGAIN) {
                    return Ok(None);
                }
                state.keys_again = Some(Instant::now());
            }
            let found = match in_time(source.keys(seen.metadata.jwks())).await {
                Ok(KnownKeys { keys, left_out: unknown_keys }) => {
                    let metadata = seen.metadata.clone();
                    Discovered { metadata, keys, unknown_keys, at: seen.at }
                }
                // The key set may have moved with the document.
                Err(error) => in_time(source.discover()).await.map_err(|_| error)?,
            };
            let found = Arc::new(found);
            state.lock().unwrap_or_else(PoisonError::into_inner).found = Some(Arc::clone(&found));
            Ok(Some(found))
        };
        self.fetched(Fetch::Keys, fetch).await
    }

    /// A token that is no ID token, if its signature is good; the keys are fetched again once if
    /// none fits.
    pub(super) async fn signed(
        &self,
        found: &Arc<Discovered<M>>,
        token: &str,
    ) -> Result<Result<Signed, String>, FederationError> {
        let signed = match Signed::read(token) {
            Ok(signed) => signed,
            Err(why) => return Ok(Err(why)),
        };
        let mut verified = match signed.verified_by(&found.keys) {
            Ok(verified) => verified,
            Err(why) => return Ok(Err(why)),
        };
        if !verified && let Some(fresh) = self.fresh_keys(found).await? {
            verified = signed.verified_by(&fresh.keys).unwrap_or(false);
        }
        let wrong = || "its signature fits no key of the issuer's key set".to_owned();
        Ok(if verified { Ok(signed) } else { Err(wrong()) })
    }
}

/// Bounds a fetch in time: no other limit ends it.
async fn in_time<T>(
    work: impl Future<Output = Result<T, FederationError>>,
) -> Result<T, FederationError> {
    tokio::time::timeout(LONGEST, work)
        .await
        .unwrap_or_else(|_| Err(FederationError::Unavailable("no response in time".to_owned())))
}

impl Source {
    async fn discover<M: Members>(&self) -> Result<Discovered<M>, FederationError> {
        let metadata = if M::are_set(&self.open_id.by_hand) {
            M::read(&self.open_id, Document::default())?
        } else {
            let url = self.open_id.document.clone().unwrap_or_else(|| {
                let base = self.open_id.issuer.trim_end_matches('/');
                format!("{base}/.well-known/openid-configuration")
            });
            let mut document = self.document(&url).await?;
            self.check_issuer(&mut document)?;
            M::read(&self.open_id, document)?
        };
        for left in metadata.left_out() {
            tracing::info!(provider = self.provider, %left, "a member of the discovery document was left out");
        }
        let KnownKeys { keys, left_out: unknown_keys } = self.keys(metadata.jwks()).await?;
        Ok(Discovered { metadata, keys, unknown_keys, at: Instant::now() })
    }

    async fn get(&self, url: &str) -> Result<Answered, FederationError> {
        let parsed = Url::parse(url)
            .map_err(|_| FederationError::Document(format!("{url:?} is not a URL")))?;
        self.outbound
            .get_within_origin(&parsed, "application/json", MAX_ANSWER)
            .await
            .map_err(|error| FederationError::outbound(url, error))
    }

    /// A JSON document. A missing or different one is the provider's failure and says nothing about
    /// any user.
    async fn document(&self, url: &str) -> Result<Document, FederationError> {
        Document::read(&self.get(url).await?)
            .map_err(|why| FederationError::Unavailable(format!("{url} returned {why}")))
    }

    async fn keys(&self, url: &Url) -> Result<KnownKeys, FederationError> {
        let document = self.document(url.as_str()).await?;
        if !document.has("keys") {
            return Err(FederationError::Unavailable(format!("{url} responded without keys")));
        }
        Ok(key_set(document.into_members()))
    }

    /// The issuer in the document must be the configured one: otherwise the server at that URL is
    /// not the one that the operator named (OpenID Connect Discovery §4.3).
    fn check_issuer(&self, document: &mut Document) -> Result<(), FederationError> {
        let told = document.text("issuer").unwrap_or_default();
        let expected = &self.open_id.issuer;
        let tenants = &self.open_id.tenants;
        let own = |tenant: &String| told == expected.replace(TENANT, tenant);
        match named_issuer(&told, expected) {
            // Tokens are held to the expected issuer, or to those of the listed tenants.
            NamedIssuer::Same | NamedIssuer::Tenant => Ok(()),
            NamedIssuer::Several if !tenants.is_empty() => Ok(()),
            NamedIssuer::Several => Err(FederationError::Document(format!(
                "it names {told:?} for several tenants, and the issuer {expected:?} is not that of \
                 one; set issuer to that of your tenant, or kind = \"entra\" with tenants"
            ))),
            NamedIssuer::Other if tenants.iter().any(own) => Ok(()),
            NamedIssuer::Other => {
                Err(FederationError::OtherIssuer { told, expected: expected.clone() })
            }
        }
    }
}

impl Members for Metadata {
    fn are_set(by_hand: &Endpoints) -> bool {
        by_hand.are_enough()
    }

    fn read(open_id: &OpenId, mut document: Document) -> Result<Self, FederationError> {
        let by_hand = open_id.by_hand.clone();
        let wrong = |name: &str, why: &str| FederationError::Document(format!("{name}: {why}"));
        // The browser is redirected to it, so it must be an HTTP URL. Requests from this server
        // pass the guard of outbound requests.
        let told = document.text("authorization_endpoint");
        let authorize = match (by_hand.authorize, told) {
            (Some(url), _) => url,
            (None, Some(text)) => address("authorization_endpoint", &text, None)
                .map_err(|error| wrong(error.key, &error.message))?,
            (None, None) => return Err(missing("authorization_endpoint")),
        };
        let token = asked(by_hand.token, "token_endpoint", document.text("token_endpoint"))?;
        let jwks = asked(by_hand.jwks, "jwks_uri", document.text("jwks_uri"))?;
        let mut optional = |set: Option<Url>, name: &'static str| {
            set.or_else(|| {
                let text = document.text(name)?;
                let read = address(name, &text, None);
                read.map_err(|error| document.leave_out(name, error.message)).ok()
            })
        };
        let userinfo = optional(by_hand.userinfo, "userinfo_endpoint");
        let end_session = optional(by_hand.end_session, "end_session_endpoint");
        let iss = document.flag("authorization_response_iss_parameter_supported");
        Ok(Self {
            issuer: open_id.issuer.clone(),
            authorize,
            token,
            userinfo,
            jwks,
            end_session,
            scopes: document.texts("scopes_supported").filter(|scopes| !scopes.is_empty()),
            claims: document.texts("claims_supported").filter(|claims| !claims.is_empty()),
            algorithms: document
                .texts("id_token_signing_alg_values_supported")
                .filter(|names| !names.is_empty()),
            prompts: document
                .texts("prompt_values_supported")
                .filter(|prompts| !prompts.is_empty()),
            iss_in_answers: iss == Some(true),
            left_out: document.into_left_out(),
        })
    }

    fn jwks(&self) -> &Url {
        &self.jwks
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

/// The used member of the discovery document of an issuer through which no user signs in, such as
/// that of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    jwks: Url,
}

impl Members for Published {
    fn are_set(by_hand: &Endpoints) -> bool {
        by_hand.jwks.is_some()
    }

    fn read(open_id: &OpenId, mut document: Document) -> Result<Self, FederationError> {
        let told = document.text("jwks_uri");
        Ok(Self { jwks: asked(open_id.by_hand.jwks.clone(), "jwks_uri", told)? })
    }

    fn jwks(&self) -> &Url {
        &self.jwks
    }

    fn left_out(&self) -> &[LeftOut] {
        &[]
    }
}

fn missing(name: &str) -> FederationError {
    FederationError::Unavailable(format!("the discovery document names no {name}"))
}

/// A URL that this server requests: the configured one, or that of the document. Requests pass the
/// guard of outbound requests.
fn asked(set: Option<Url>, name: &str, told: Option<String>) -> Result<Url, FederationError> {
    match (set, told) {
        (Some(url), _) => Ok(url),
        (None, Some(text)) => Url::parse(&text)
            .map_err(|_| FederationError::Document(format!("{name}: is not a URL"))),
        (None, None) => Err(missing(name)),
    }
}
