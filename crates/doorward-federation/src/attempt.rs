//! One sign-in: away to the provider, back, and what came of it.
//!
//! `state` is random, single-use, bound to the browser by a cookie, and made when the person chose
//! the provider (or when there was nothing to choose). What it stands for waits in the store,
//! sealed.

use std::{sync::Arc, time::Duration};

use doorward_model::{
    Authentication, Change, HashedToken, IdentityId, Level, PlainToken, ProviderId, SignInAttempt,
    Timestamp, TokenKind, foreign, id::random_text, routes,
};
use doorward_store::StoreError;
use doorward_transport::{ClientAddress, Params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use crate::{
    Federation, FederationError, claims,
    kinds::Protocol,
    oauth::{Begun, ClientProof, Start},
    provider::Provider,
};

/// For how many seconds a sign-in may stay away.
const AWAITED: i64 = 600;
/// The longest that a person waits for all requests to a provider together.
const PATIENCE: Duration = Duration::from_secs(12);
/// How far the provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// What the person was about to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// The sealed authorization request of a client, to be taken up again.
    pub request: Option<String>,
    /// The page to go to otherwise.
    pub next: Option<String>,
    /// The person who links the account to their own, as a `sub`.
    pub link: Option<String>,
}

/// What the provider is asked for beyond who it is (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who will probably sign in.
    pub login_hint: Option<String>,
    /// Authentication contexts.
    pub acr_values: Option<String>,
    /// The greatest age of their sign-in there, in seconds.
    pub max_age: Option<i64>,
    /// `login`, `select_account` or `consent`.
    pub prompts: Vec<String>,
}

/// The browser that a sign-in leaves from.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// The value of its journey cookie, to which the sign-in is bound.
    pub browser: &'a str,
    /// Where it is.
    pub address: ClientAddress,
}

/// What waits in the store while the browser is away.
#[derive(Serialize, Deserialize)]
struct Payload {
    nonce: String,
    verifier: String,
    journey: Journey,
    ask: Ask,
    begun_at: i64,
}

/// What to ask a provider with when the person is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Credential {
    /// A refresh token.
    Refresh(String),
    /// An access token that does not expire.
    Access(String),
}

/// Somebody who came from a provider: who they are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arrival {
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// The key of the account there, once [`Federation::recognise`] has found it out.
    #[serde(default)]
    pub(crate) key: String,
    pub(crate) username: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) display_name: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: Value,
    pub(crate) credential: Option<Credential>,
    pub(crate) amr: Vec<String>,
    pub(crate) multi_factor: bool,
    pub(crate) auth_time: i64,
    /// The provider's own session.
    pub sid: Option<String>,
    /// The ID token, where the provider wants to see it at logout.
    pub id_token: Option<String>,
    /// What the person was about to do.
    pub journey: Journey,
}

impl Arrival {
    /// The key of the account there.
    pub fn identity(&self) -> IdentityId {
        if self.key.is_empty() {
            IdentityId::of(&self.issuer, &self.subject)
        } else {
            IdentityId::from_stored(self.key.clone())
        }
    }
    /// The provider.
    pub fn provider(&self) -> ProviderId {
        ProviderId::from_stored(self.provider.clone())
    }
    /// How the person proved who they are there.
    pub fn authentication(&self) -> Authentication {
        Authentication {
            level: if self.multi_factor { Level::MultiFactor } else { Level::SingleFactor },
            amr: self.amr.clone(),
        }
    }
    /// When they proved it.
    pub fn auth_time(&self) -> Timestamp {
        Timestamp(self.auth_time)
    }
    /// The e-mail address, if the provider vouches for it.
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.email_verified)
    }
    /// By what name to speak of the account: the name there, else the address, else the subject.
    pub fn shown(&self) -> &str {
        self.email
            .as_deref()
            .or(self.username.as_deref())
            .or(self.display_name.as_deref())
            .unwrap_or(&self.subject)
    }
}

/// A sign-in that came back.
#[derive(Debug)]
pub enum TakenUp {
    /// For the first time.
    First(Box<Arrival>),
    /// Again, by the back button or a reload: it was used. Holds what the person was about to do.
    Again(Journey),
}

/// What the pipeline knows of a provider's answer before it becomes an [`Arrival`].
pub(crate) struct Answer {
    pub(crate) issuer: String,
    pub(crate) claims: Value,
    pub(crate) credential: Option<Credential>,
    pub(crate) id_token: Option<String>,
}

fn place(state: &HashedToken) -> String {
    format!("sign_in/{}", state.as_str())
}

impl Provider {
    /// Reads a person out of claims.
    pub(crate) fn arrival(
        &self,
        answer: Answer,
        journey: Journey,
        now: Timestamp,
    ) -> Result<Arrival, FederationError> {
        let (names, all) = (&self.settings.claims, &answer.claims);
        let subject = claims::text(all, &names.subject).ok_or_else(|| {
            FederationError::Untrusted(format!(
                "the claim {} that names the person is missing",
                names.subject
            ))
        })?;
        let plain = |email: &String| {
            let one = email.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            });
            one && email.len() <= 254
                && !email.contains(char::is_whitespace)
                && !foreign::has_hidden(email)
        };
        let email = claims::text(all, &names.email).filter(plain);
        let email_verified = email.is_some()
            && (claims::flag(all, &names.email_verified).unwrap_or(false)
                || self.trusts_silence(all));
        let words = |name: &str| -> Vec<String> {
            claims::list(all, name)
                .into_iter()
                .filter(|word| {
                    word.len() <= 128 && word.chars().all(|letter| letter.is_ascii_graphic())
                })
                .take(16)
                .collect()
        };
        let (amr, acr) = (words("amr"), claims::text(all, "acr"));
        let trusted = |word: &String| self.config.trusted_factors.contains(word);
        Ok(Arrival {
            provider: self.id.as_str().to_owned(),
            key: self.key_of(&answer.issuer, &subject).as_str().to_owned(),
            issuer: answer.issuer,
            subject,
            username: claims::text(all, &names.username).and_then(|name| short(&name)),
            email,
            email_verified,
            display_name: claims::text(all, &names.name).and_then(|name| short(&name)),
            groups: claims::list(all, &names.groups),
            sid: claims::text(all, "sid"),
            multi_factor: amr.iter().any(trusted) || acr.as_ref().is_some_and(trusted),
            amr,
            auth_time: now.0,
            credential: answer.credential,
            id_token: answer.id_token,
            claims: answer.claims,
            journey,
        })
    }

    /// Whether an address counts as verified although nothing says so. A plain "no" is always
    /// believed.
    fn trusts_silence(&self, all: &Value) -> bool {
        self.config.trust_email && claims::find(all, &self.settings.claims.email_verified).is_none()
    }

    /// Whether the person proved themselves anew, where that was asked for.
    fn is_fresh(&self, payload: &Payload, all: &Value) -> Result<(), FederationError> {
        if matches!(self.settings.protocol, Protocol::OAuth2(_)) {
            return Ok(());
        }
        // Some write fractions of seconds, and some 0 for "unknown".
        let told = claims::find(all, "auth_time").and_then(Value::as_f64).filter(|at| *at > 0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a second is no matter here"
        )]
        let told = told.map(|at| at as i64);
        let stale = |since: i64| {
            FederationError::Refused(format!(
                "it did not ask the person again: auth_time {told:?} is before {since}"
            ))
        };
        if let Some(age) = payload.ask.max_age {
            let since = payload.begun_at - age.max(0) - LEEWAY;
            if told.is_none_or(|at| at < since) {
                return Err(stale(since));
            }
        }
        let since = payload.begun_at - LEEWAY;
        if payload.ask.prompts.iter().any(|prompt| prompt == "login")
            && told.is_some_and(|at| at < since)
        {
            return Err(stale(since));
        }
        Ok(())
    }
}

/// A name for people: one line of at most 100 visible characters. `None` if nothing of it can be
/// seen.
fn short(text: &str) -> Option<String> {
    Some(foreign::line(text, 100).into_owned()).filter(|name| !name.is_empty())
}

impl Federation {
    fn redirect_uri(&self, provider: &Provider) -> String {
        self.inner.parts.public_url.at(&routes::of_provider(routes::LOGIN_CALLBACK, &provider.id))
    }

    /// The redirect URI to register at a provider.
    pub fn callback_of(&self, provider: &ProviderId) -> String {
        self.inner.parts.public_url.at(&routes::of_provider(routes::LOGIN_CALLBACK, provider))
    }

    pub(crate) fn proof<'a>(&'a self, provider: &'a Provider) -> ClientProof<'a> {
        let parts = &self.inner.parts;
        ClientProof {
            provider,
            keys: &parts.keys,
            entropy: parts.entropy.as_ref(),
            now: parts.clock.now(),
        }
    }

    /// Keeps a value for one use by this browser, and answers the handle under which it waits.
    async fn keep<T: Serialize>(
        &self,
        provider: &ProviderId,
        browser: &str,
        value: &T,
    ) -> Result<PlainToken, FederationError> {
        let parts = &self.inner.parts;
        let token = PlainToken::random(TokenKind::UpstreamState, parts.entropy.as_ref());
        let state = token.hashed();
        let plain = serde_json::to_vec(value)
            .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        let attempt = SignInAttempt {
            provider: provider.clone(),
            browser: PlainToken::presented(browser).hashed(),
            payload: parts.master.seal(&place(&state), &plain),
            state,
            expires_at: parts.clock.now().plus(AWAITED),
            consumed_at: None,
        };
        parts.store.apply(Change::InsertSignIn(attempt)).await?;
        Ok(token)
    }

    /// Looks up what waits under a handle for this browser, used or not.
    async fn kept<T: DeserializeOwned>(
        &self,
        handle: &str,
        browser: &str,
    ) -> Result<(SignInAttempt, T), FederationError> {
        let parts = &self.inner.parts;
        let state = PlainToken::presented(handle).hashed();
        let attempt = parts
            .store
            .sign_in(&state)
            .await?
            .filter(|attempt| parts.clock.now() < attempt.expires_at);
        let attempt =
            attempt.ok_or(FederationError::NotAwaited("it is unknown or took too long"))?;
        if !attempt.browser.matches(&PlainToken::presented(browser)) {
            return Err(FederationError::NotAwaited("it began in another browser"));
        }
        let plain = parts
            .master
            .open(&place(&state), &attempt.payload)
            .map_err(|_| FederationError::NotAwaited("it does not open"))?;
        let value = serde_json::from_slice(&plain)
            .map_err(|_| FederationError::NotAwaited("it cannot be read"))?;
        Ok((attempt, value))
    }

    /// The change that uses up what waits under a handle.
    fn use_up(&self, attempt: &SignInAttempt) -> Change {
        Change::RedeemSignIn {
            state: attempt.state.clone(),
            provider: attempt.provider.clone(),
            browser: attempt.browser.clone(),
            now: self.inner.parts.clock.now(),
        }
    }

    /// Begins a sign-in: answers where to send the browser.
    pub async fn begin(
        &self,
        provider: &Arc<Provider>,
        journey: Journey,
        ask: Ask,
        from: &Departure<'_>,
    ) -> Result<Url, FederationError> {
        let parts = &self.inner.parts;
        if !self.inner.starts.allows(from.address) {
            return Err(FederationError::Limited);
        }
        if let Protocol::OpenId(_) = provider.settings.protocol {
            // Before anything is kept: a provider that is down leaves no rows behind.
            within(provider.discovered()).await?;
        }
        let (nonce, verifier) =
            (random_text(parts.entropy.as_ref(), 24), random_text(parts.entropy.as_ref(), 32));
        let payload = Payload { nonce, verifier, journey, ask, begun_at: parts.clock.now().0 };
        let state = self.keep(&provider.id, from.browser, &payload).await?;
        let redirect_uri = self.redirect_uri(provider);
        let start = Start {
            redirect_uri: &redirect_uri,
            state: state.reveal(),
            nonce: &payload.nonce,
            verifier: &payload.verifier,
            ask: &payload.ask,
        };
        match &provider.settings.protocol {
            Protocol::OpenId(_) => within(provider.open_id_url(&start)).await,
            Protocol::OAuth2(oauth2) => provider.oauth2_url(oauth2, &start),
        }
    }

    /// What the person was about to do, for a page that says that it failed. Uses nothing up.
    pub async fn journey_of(&self, params: &Params, browser: &str) -> Option<Journey> {
        let state = params.get("state")?;
        self.kept::<Payload>(state, browser).await.ok().map(|(_, payload)| payload.journey)
    }

    /// Takes up a sign-in that came back from `provider` with these parameters in this browser.
    pub async fn take_up(
        &self,
        provider: &Arc<Provider>,
        params: &Params,
        browser: &str,
    ) -> Result<TakenUp, FederationError> {
        let state = params.get("state").ok_or(FederationError::NotAwaited("it names no state"))?;
        let (attempt, payload) = self.kept::<Payload>(state, browser).await?;
        if attempt.provider != provider.id {
            // RFC 9700 §4.4: an answer from one provider at the address of another.
            return Err(FederationError::Untrusted(format!(
                "the sign-in went to {}, the answer came at the address of {}",
                attempt.provider, provider.id
            )));
        }
        if attempt.consumed_at.is_some() {
            return Ok(TakenUp::Again(payload.journey));
        }
        match self.inner.parts.store.apply(self.use_up(&attempt)).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Ok(TakenUp::Again(payload.journey)),
            Err(error) => return Err(error.into()),
        }
        let arrival = within(self.finish(provider, params, payload)).await?;
        Ok(TakenUp::First(Box::new(self.recognise(provider, arrival).await?)))
    }

    /// RFC 9207: the answer says which issuer sent it, if that issuer says so of itself.
    async fn check_issuer(provider: &Provider, params: &Params) -> Result<(), FederationError> {
        let Protocol::OpenId(open_id) = &provider.settings.protocol else { return Ok(()) };
        let (issuer, required) = provider.answering_issuer().await?;
        match params.get("iss") {
            None if required => Err(FederationError::Untrusted(
                "the answer does not say its issuer, which this provider always does".to_owned(),
            )),
            None => Ok(()),
            Some(told) if told == issuer => Ok(()),
            Some(told)
                if open_id
                    .tenants
                    .iter()
                    .any(|tenant| told == issuer.replace(crate::kinds::TENANT, tenant)) =>
            {
                Ok(())
            }
            Some(told) => Err(FederationError::Untrusted(format!(
                "the answer is from {told:?}, not from {issuer:?}"
            ))),
        }
    }

    async fn finish(
        &self,
        provider: &Arc<Provider>,
        params: &Params,
        payload: Payload,
    ) -> Result<Arrival, FederationError> {
        Self::check_issuer(provider, params).await?;
        if let Some(error) = params.get("error") {
            let description: String =
                params.get("error_description").unwrap_or_default().chars().take(200).collect();
            return Err(match error {
                "server_error" | "temporarily_unavailable" => {
                    FederationError::Unavailable(format!("{error} {description}"))
                }
                "unauthorized_client"
                | "invalid_request"
                | "invalid_scope"
                | "unsupported_response_type" => {
                    FederationError::Misconfigured(format!("{error} {description}"))
                }
                other => FederationError::Refused(format!("{other} {description}")),
            });
        }
        let code = params.get("code").ok_or_else(|| {
            FederationError::Untrusted("the answer holds neither a code nor an error".to_owned())
        })?;
        let redirect_uri = self.redirect_uri(provider);
        let begun = Begun {
            redirect_uri: &redirect_uri,
            nonce: &payload.nonce,
            verifier: &payload.verifier,
        };
        let now = self.inner.parts.clock.now();
        let answer = match &provider.settings.protocol {
            Protocol::OpenId(_) => {
                let told =
                    provider.open_id_redeem(code, &begun, &self.proof(provider), now).await?;
                Answer {
                    issuer: told.issuer,
                    claims: told.claims,
                    credential: told.refresh_token.map(Credential::Refresh),
                    id_token: told.id_token,
                }
            }
            Protocol::OAuth2(oauth2) => {
                let held =
                    provider.oauth2_redeem(oauth2, code, &begun, &self.proof(provider)).await?;
                let credential = held
                    .refresh_token
                    .map(Credential::Refresh)
                    .or(held.lasting_token.map(Credential::Access));
                Answer {
                    issuer: oauth2.issuer.clone(),
                    claims: held.claims,
                    credential,
                    id_token: None,
                }
            }
        };
        provider.is_fresh(&payload, &answer.claims)?;
        let told =
            claims::find(&answer.claims, "auth_time").and_then(Value::as_i64).filter(|at| *at > 0);
        let mut arrival = provider.arrival(answer, payload.journey, now)?;
        // A sign-in there that is older than this one counts from then, unless a new one was asked
        // for and came. Choosing an account counts as now as well: the client that asked for the
        // choice would otherwise ask for it for ever.
        let asked_anew = payload.ask.max_age.is_some() || !payload.ask.prompts.is_empty();
        if let Some(told) = told.filter(|told| *told < now.0 - LEEWAY && !asked_anew) {
            arrival.auth_time = told;
        }
        Ok(arrival)
    }

    /// Keeps an arrival while the person decides, and answers the handle for the page's address.
    pub async fn keep_arrival(
        &self,
        arrival: &Arrival,
        browser: &str,
    ) -> Result<PlainToken, FederationError> {
        self.keep(&arrival.provider(), browser, arrival).await
    }

    /// An arrival that was kept for this browser and not decided yet. The change uses it up.
    pub async fn kept_arrival(
        &self,
        handle: &str,
        browser: &str,
    ) -> Result<(Arrival, Change), FederationError> {
        let (attempt, arrival) = self.kept::<Arrival>(handle, browser).await?;
        if attempt.consumed_at.is_some() {
            return Err(FederationError::NotAwaited("it was decided before"));
        }
        let change = self.use_up(&attempt);
        Ok((arrival, change))
    }

    /// Makes a provider's posted answer into a value for the address of the page that takes it up.
    pub fn seal_answer(&self, provider: &ProviderId, params: &Params) -> String {
        let plain = format!("{}\n{}", self.inner.parts.clock.now(), params.encode());
        self.inner
            .parts
            .master
            .seal(&format!("provider-answer/{provider}"), plain.as_bytes())
            .as_str()
            .to_owned()
    }

    /// Opens what [`Federation::seal_answer`] made a moment ago.
    pub fn open_answer(&self, provider: &ProviderId, sealed: &str) -> Option<Params> {
        let place = format!("provider-answer/{provider}");
        let plain = self
            .inner
            .parts
            .master
            .open(&place, &doorward_model::Sealed::from_stored(sealed.to_owned()))
            .ok()?;
        let (at, query) = std::str::from_utf8(&plain).ok()?.split_once('\n')?;
        let age = self.inner.parts.clock.now().since(Timestamp(at.parse().ok()?));
        if (0..=AWAITED).contains(&age) { Params::parse(query.as_bytes()).ok() } else { None }
    }
}

/// Bounds the time that a person waits.
pub(crate) async fn within<T>(
    work: impl Future<Output = Result<T, FederationError>>,
) -> Result<T, FederationError> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(FederationError::Unavailable("no answer in time".to_owned())))
}
