//! One sign-in: the redirect to the identity provider, the callback, and its outcome.
//!
//! `state` is random, single-use, bound to the browser by a cookie, and made when the user chose
//! the provider (or when there was nothing to choose). The attempt that it identifies is in the
//! store, sealed.

use std::{sync::Arc, time::Duration};

use doorward_model::{
    Change, HashedToken, PlainToken, ProviderId, SignInAttempt, Timestamp, TokenKind,
    id::random_text,
};
use doorward_store::StoreError;
use doorward_transport::{
    ClientAddress, Params,
    oauth::{ErrorSubject, StatedError},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use crate::{
    error::FederationError,
    external_identity::{ExternalIdentity, SignInPurpose, counts_from, is_fresh},
    federation::Federation,
    protocol::{PendingSignIn, SignInOptions, Start},
    provider::Provider,
};

/// Seconds for which the callback of a sign-in is awaited.
const AWAITED: i64 = 600;
/// The longest that a user waits for all requests to a provider together.
const PATIENCE: Duration = Duration::from_secs(12);

/// The browser that a sign-in leaves from.
#[derive(Clone, Copy, Debug)]
pub struct SignInBrowser<'a> {
    /// The value of its sign-in cookie, to which the sign-in is bound.
    pub browser: &'a str,
    /// Its IP address.
    pub address: ClientAddress,
}

/// The value that is stored until the callback.
#[derive(Serialize, Deserialize)]
struct Payload {
    nonce: String,
    verifier: String,
    // The name under which versions before 0.2 sealed it.
    #[serde(rename = "journey")]
    purpose: SignInPurpose,
    ask: SignInOptions,
    begun_at: i64,
}

/// A sign-in after its callback.
#[derive(Debug)]
pub enum ResumedSignIn {
    /// For the first time.
    First(Box<ExternalIdentity>),
    /// Again, by the back button or a reload: it was used. Holds the user's aim.
    Again(SignInPurpose),
}

fn place(state: &HashedToken) -> String {
    format!("sign_in/{}", state.as_str())
}

/// The meaning of an error that a provider sends the browser back with (RFC 6749 §4.1.2.1).
fn sent_back(code: &str, description: &str) -> FederationError {
    let told = StatedError {
        status: 0,
        code: code.to_owned(),
        description: description.chars().take(200).collect(),
    };
    let text = format!("{code} {}", told.description);
    match told.complaint() {
        ErrorSubject::Server | ErrorSubject::Slower => FederationError::Unavailable(text),
        ErrorSubject::Client | ErrorSubject::Request => FederationError::Misconfigured(text),
        ErrorSubject::Grant | ErrorSubject::Unknown => FederationError::Refused(text),
    }
}

/// A value that was stored for a browser.
struct Kept<T> {
    attempt: SignInAttempt,
    value: T,
}

/// An arrival that was kept until the user decides about it.
pub struct KeptArrival {
    /// The arrival.
    pub arrival: ExternalIdentity,
    /// The change that uses it up.
    pub used: Change,
}

impl Federation {
    /// Stores a value for one use by this browser, and returns its handle.
    async fn keep<T: Serialize>(
        &self,
        provider: &ProviderId,
        browser: &str,
        value: &T,
    ) -> Result<PlainToken, FederationError> {
        let services = &self.inner.services;
        let token = PlainToken::random(TokenKind::UpstreamState, services.entropy.as_ref());
        let state = token.hashed();
        let plain = serde_json::to_vec(value)
            .map_err(|error| FederationError::Nonsense(error.to_string()))?;
        let attempt = SignInAttempt {
            provider: provider.clone(),
            browser: PlainToken::presented(browser).hashed(),
            payload: services.master.seal(&place(&state), &plain),
            state,
            expires_at: services.clock.now().plus(AWAITED),
            consumed_at: None,
        };
        services.store.apply(Change::InsertSignIn(attempt)).await?;
        Ok(token)
    }

    /// Looks up the value stored under a handle for this browser, used or not.
    async fn kept<T: DeserializeOwned>(
        &self,
        handle: &str,
        browser: &str,
    ) -> Result<Kept<T>, FederationError> {
        let services = &self.inner.services;
        let state = PlainToken::presented(handle).hashed();
        let attempt = services
            .store
            .sign_in(&state)
            .await?
            .filter(|attempt| services.clock.now() < attempt.expires_at);
        let attempt =
            attempt.ok_or(FederationError::NotAwaited("it is unknown or took too long"))?;
        if !attempt.browser.matches(&PlainToken::presented(browser)) {
            return Err(FederationError::NotAwaited("it began in another browser"));
        }
        let plain = services
            .master
            .open(&place(&state), &attempt.payload)
            .map_err(|_| FederationError::NotAwaited("it cannot be unsealed"))?;
        let value = serde_json::from_slice(&plain)
            .map_err(|_| FederationError::NotAwaited("it cannot be read"))?;
        Ok(Kept { attempt, value })
    }

    /// The change that uses up the value stored under a handle.
    fn use_up(&self, attempt: &SignInAttempt) -> Change {
        Change::RedeemSignIn {
            state: attempt.state.clone(),
            provider: attempt.provider.clone(),
            browser: attempt.browser.clone(),
            now: self.inner.services.clock.now(),
        }
    }

    /// Begins a sign-in: answers where to send the browser.
    pub async fn begin(
        &self,
        provider: &Arc<Provider>,
        purpose: SignInPurpose,
        ask: SignInOptions,
        from: &SignInBrowser<'_>,
    ) -> Result<Url, FederationError> {
        let services = &self.inner.services;
        if !self.inner.starts.allows(from.address) {
            return Err(FederationError::Limited);
        }
        // Before anything is kept: a provider that is down leaves no rows behind.
        within(provider.protocol.ready()).await?;
        let (nonce, verifier) = (
            random_text(services.entropy.as_ref(), 24),
            random_text(services.entropy.as_ref(), 32),
        );
        let payload = Payload { nonce, verifier, purpose, ask, begun_at: services.clock.now().0 };
        let state = self.keep(&provider.id, from.browser, &payload).await?;
        let redirect_uri = self.callback_of(&provider.id);
        let start = Start {
            redirect_uri: &redirect_uri,
            state: state.reveal(),
            nonce: &payload.nonce,
            verifier: &payload.verifier,
            ask: &payload.ask,
        };
        within(provider.protocol.authorize(&start)).await
    }

    /// The user's aim, for a page that says that it failed. Does not use the attempt up.
    pub async fn purpose_of(&self, params: &Params, browser: &str) -> Option<SignInPurpose> {
        let state = params.get("state")?;
        self.kept::<Payload>(state, browser).await.ok().map(|kept| kept.value.purpose)
    }

    /// Resumes a sign-in at the callback from `provider` with these parameters in this browser.
    pub async fn take_up(
        &self,
        provider: &Arc<Provider>,
        params: &Params,
        browser: &str,
    ) -> Result<ResumedSignIn, FederationError> {
        let state = params.get("state").ok_or(FederationError::NotAwaited("it has no state"))?;
        let Kept { attempt, value: payload } = self.kept::<Payload>(state, browser).await?;
        if attempt.provider != provider.id {
            // RFC 9700 §4.4: an answer from one provider at the callback of another.
            return Err(FederationError::Untrusted(format!(
                "the sign-in began at {}, and the response came at the callback of {}",
                attempt.provider, provider.id
            )));
        }
        if attempt.consumed_at.is_some() {
            return Ok(ResumedSignIn::Again(payload.purpose));
        }
        match self.inner.services.store.apply(self.use_up(&attempt)).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Ok(ResumedSignIn::Again(payload.purpose)),
            Err(error) => return Err(error.into()),
        }
        let arrival = within(self.finish(provider, params, payload)).await?;
        Ok(ResumedSignIn::First(Box::new(self.recognise(provider, arrival).await?)))
    }

    async fn finish(
        &self,
        provider: &Arc<Provider>,
        params: &Params,
        payload: Payload,
    ) -> Result<ExternalIdentity, FederationError> {
        provider.protocol.check_issuer(params.get("iss")).await?;
        if let Some(error) = params.get("error") {
            return Err(sent_back(error, params.get("error_description").unwrap_or_default()));
        }
        let code = params.get("code").ok_or_else(|| {
            FederationError::Untrusted("the response has neither a code nor an error".to_owned())
        })?;
        let redirect_uri = self.callback_of(&provider.id);
        let begun = PendingSignIn {
            redirect_uri: &redirect_uri,
            nonce: &payload.nonce,
            verifier: &payload.verifier,
        };
        let told = provider.protocol.redeem(code, &begun).await?;
        let now = self.inner.services.clock.now();
        let authenticated = told.authenticated;
        is_fresh(&payload.ask, payload.begun_at, authenticated, now)?;
        let auth_time = counts_from(&payload.ask, authenticated, now).0;
        Ok(ExternalIdentity { auth_time, ..provider.arrival(told, payload.purpose, now)? })
    }

    /// Stores an arrival while the user decides, and returns the handle for the page's URL.
    pub async fn keep_arrival(
        &self,
        arrival: &ExternalIdentity,
        browser: &str,
    ) -> Result<PlainToken, FederationError> {
        self.keep(&arrival.provider(), browser, arrival).await
    }

    /// An arrival that was kept for this browser and not decided yet.
    pub async fn kept_arrival(
        &self,
        handle: &str,
        browser: &str,
    ) -> Result<KeptArrival, FederationError> {
        let Kept { attempt, value: arrival } =
            self.kept::<ExternalIdentity>(handle, browser).await?;
        if attempt.consumed_at.is_some() {
            return Err(FederationError::NotAwaited("it was already decided"));
        }
        Ok(KeptArrival { arrival, used: self.use_up(&attempt) })
    }

    /// Makes a provider's posted answer into a value for the URL of the page that takes it up.
    pub fn seal_answer(&self, provider: &ProviderId, params: &Params) -> String {
        let plain = format!("{}\n{}", self.inner.services.clock.now(), params.encode());
        self.inner
            .services
            .master
            .seal(&format!("provider-answer/{provider}"), plain.as_bytes())
            .as_str()
            .to_owned()
    }

    /// Opens the value that [`Federation::seal_answer`] made a moment ago.
    pub fn open_answer(&self, provider: &ProviderId, sealed: &str) -> Option<Params> {
        let place = format!("provider-answer/{provider}");
        let plain = self
            .inner
            .services
            .master
            .open(&place, &doorward_model::Sealed::from_stored(sealed.to_owned()))
            .ok()?;
        let (at, query) = std::str::from_utf8(&plain).ok()?.split_once('\n')?;
        let age = self.inner.services.clock.now().since(Timestamp(at.parse().ok()?));
        if (0..=AWAITED).contains(&age) { Params::parse(query.as_bytes()).ok() } else { None }
    }
}

/// Bounds the time that a user waits.
pub(crate) async fn within<T>(
    work: impl Future<Output = Result<T, FederationError>>,
) -> Result<T, FederationError> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(FederationError::Unavailable("no response in time".to_owned())))
}
