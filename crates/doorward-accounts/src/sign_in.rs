//! Signing in with a password.

use std::sync::Arc;

use doorward_model::{
    Authentication, Change, HashedToken, IdentityId, PlainPassword, PlainToken, ProviderId,
    RelyingChange, Session, SessionId, Timestamp, TokenKind, UnitOfWork, UpstreamSession, User,
    UserId, UserName,
};
use doorward_store::{StoreError, attempts::TooMany};
use doorward_transport::ClientAddress;

use crate::{Accounts, AccountsError, BrowserFacts, Visitor, hasher::Verdict};

/// One attempt to sign in.
#[derive(Debug)]
pub struct Attempt {
    /// The name as typed.
    pub name: String,
    /// The password as typed.
    pub password: String,
    /// The IP address of the browser.
    pub address: ClientAddress,
    /// The name that the browser gives itself.
    pub user_agent: String,
    /// The session that the browser had, which ends: a session from before signing in is never the
    /// one after it.
    pub previous: Option<HashedToken>,
    /// The cookie of a browser in which users signed in before.
    pub known: Option<String>,
}

/// A user who signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The user.
    pub user: Arc<User>,
    /// The cookie's value, to be sent to the browser.
    pub token: PlainToken,
    /// Seconds for which the cookie is worth keeping.
    pub max_age: i64,
    /// True if the sign-in is complete. Otherwise the session gives access only to the page for the
    /// second factor.
    pub complete: bool,
    /// The cookie by which this browser is known from now on, if they are in.
    pub known: Option<String>,
}

/// A method of sign-in.
#[derive(Debug)]
pub struct Entrance {
    /// The authentication of the user.
    pub authentication: Authentication,
    /// The time.
    pub auth_time: Timestamp,
    /// True if that is enough.
    pub complete: bool,
    /// The provider's part in it.
    pub upstream: Option<UpstreamFacts>,
}

/// The tie of a session to a provider, before it is sealed.
#[derive(Debug, Clone)]
pub struct UpstreamFacts {
    /// The provider.
    pub provider: ProviderId,
    /// The account at the identity provider.
    pub identity: IdentityId,
    /// The provider's own session.
    pub sid: Option<String>,
    /// The ID token, if the provider requires it at logout.
    pub id_token: Option<String>,
}

/// Seconds for which a session waits for a second factor.
const WAITING: i64 = 600;

/// Seconds for which a user who signed in with a first password may choose another one.
const CHOOSING: i64 = 600;

/// Reason for which a sign-in failed. Only these, so that no response reveals whether an account
/// exists, except to its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInRefusal {
    /// Name and password belong together, and the password is a first one: the user chooses another
    /// by the link with this secret.
    FirstPassword(String),
    /// Name and password do not match, or the account is disabled.
    Wrong,
    /// Too many failures; try again in so many seconds.
    Wait(i64),
}

impl Accounts {
    /// Signs a user in. Once begun it is decided, counted and noted, even if the request is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or too many passwords wait to be compared
    /// ([`crate::HasherError::Busy`]).
    pub async fn sign_in(
        &self,
        attempt: Attempt,
    ) -> Result<Result<SignedIn, SignInRefusal>, AccountsError> {
        let accounts = self.clone();
        self.store.owned(async move { accounts.decide_sign_in(attempt).await }).await
    }

    async fn decide_sign_in(
        &self,
        attempt: Attempt,
    ) -> Result<Result<SignedIn, SignInRefusal>, AccountsError> {
        let name = UserName::parse(&attempt.name).ok();
        if !self.config.passwords {
            return Ok(Err(SignInRefusal::Wrong));
        }
        let Ok(password) = PlainPassword::typed(attempt.password) else {
            return Ok(Err(SignInRefusal::Wrong));
        };
        let place = self.hasher.place()?;
        let subject = Self::account_key(name.as_ref());
        let user_id = self.named(name.as_ref()).await?.map(|user| user.id);
        let counters = self.password_counters(
            name.as_ref(),
            user_id.as_ref(),
            (attempt.address, attempt.known.as_deref()),
        );
        let counted = match self
            .store
            .count_attempt(subject.clone(), counters, self.clock.now())
            .await?
        {
            Ok(counted) => counted,
            Err(TooMany(wait)) => {
                tracing::info!(account = subject, address = %attempt.address.0, wait, "sign-in refused: too many failures");
                return Ok(Err(SignInRefusal::Wait(wait)));
            }
        };
        let turn = self.hasher.turn(place).await?;
        // The password may have been changed while this attempt waited.
        let user = self.named(name.as_ref()).await?;
        let stored = user.as_ref().and_then(|user| user.password.clone());
        let verdict = self.hasher.verify(turn, &counted, password, stored.clone()).await?;
        let (Some(user), true) =
            (user.filter(|user| user.disabled_at.is_none()), verdict != Verdict::Wrong)
        else {
            tracing::info!(account = subject, address = %attempt.address.0, "sign-in refused: wrong name or password, or disabled");
            counted.wrong(&self.store).await?;
            return Ok(Err(SignInRefusal::Wrong));
        };
        if let (Verdict::Outdated(new), Some(old)) = (verdict, stored) {
            // A concurrent request may have changed the password; then that one stays.
            match self
                .store
                .apply(Change::RehashPassword { user_id: user.id.clone(), old, new })
                .await
            {
                Ok(()) | Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if user.password_temporary {
            self.store.apply(counted.right().collect::<UnitOfWork>()).await?;
            tracing::info!(user = %user.id, "a first password is replaced before anything else");
            return Ok(Err(SignInRefusal::FirstPassword(self.password_link(&user, CHOOSING))));
        }
        let authentication = Authentication::by("pwd");
        let complete = !self
            .must_prove_more(&user, &authentication, self.config.second_factor == "required")
            .await?;
        let entrance =
            Entrance { authentication, auth_time: self.clock.now(), complete, upstream: None };
        let browser = BrowserFacts {
            address: attempt.address,
            user_agent: &attempt.user_agent,
            previous: attempt.previous,
            known: attempt.known.as_deref(),
        };
        let (mut unit, signed_in) = self.enter(user, entrance, browser);
        for change in counted.right() {
            unit.push(change);
        }
        self.store.apply(unit).await?;
        tracing::info!(user = %signed_in.user.id, address = %attempt.address.0, complete, "signed in");
        Ok(Ok(signed_in))
    }

    async fn named(&self, name: Option<&UserName>) -> Result<Option<User>, StoreError> {
        match name {
            Some(name) => self.store.user_named(name).await,
            None => Ok(None),
        }
    }

    /// The changes that sign a user in, after authentication by any method. They are applied
    /// together with the other conditions.
    pub fn enter(
        &self,
        user: User,
        entrance: Entrance,
        browser: BrowserFacts<'_>,
    ) -> (UnitOfWork, SignedIn) {
        let complete = entrance.complete;
        let (session, token) = self.new_session(&user.id, entrance, &browser);
        let to = session.id.clone();
        let mut unit = UnitOfWork::from(Change::InsertSession(session));
        if let Some(previous) = browser.previous {
            // A user who signs in again, or proves a second factor, stays signed in at relying
            // parties.
            let (from, user_id) = (previous.clone(), user.id.clone());
            unit.push(RelyingChange::Follow { from, to, user_id }.into());
            unit.push(Change::EndSession(previous));
        }
        let known = complete.then(|| self.known_cookie(browser.known, &user.id));
        (
            unit,
            SignedIn {
                user: Arc::new(user),
                token,
                max_age: self.config.session_max_seconds,
                complete,
                known,
            },
        )
    }

    /// Replaces a session by one in which a second factor was proved. The browser gets a new
    /// cookie, so that knowledge of the old one gives no access.
    pub async fn complete(
        &self,
        visitor: &Visitor,
        method: &str,
        browser: BrowserFacts<'_>,
    ) -> Result<SignedIn, StoreError> {
        let old = &visitor.session;
        let upstream = old.upstream.as_ref().map(|upstream| UpstreamFacts {
            provider: upstream.provider.clone(),
            identity: upstream.identity.clone(),
            sid: upstream.sid.clone(),
            id_token: upstream.id_token.as_ref().and_then(|sealed| {
                let plain = self.master.open(&Session::id_token_place(&old.id), sealed).ok()?;
                String::from_utf8(plain.to_vec()).ok()
            }),
        });
        // A code makes no old sign-in a recent one: the first factor keeps its time.
        let auth_time = if self.is_recent(visitor) { self.clock.now() } else { old.auth_time };
        let entrance = Entrance {
            authentication: old.authentication.clone().and(method),
            auth_time,
            complete: true,
            upstream,
        };
        let browser = BrowserFacts { previous: Some(old.token.clone()), ..browser };
        let (unit, signed_in) = self.enter(User::clone(&visitor.user), entrance, browser);
        self.store.apply(unit).await?;
        tracing::info!(user = %signed_in.user.id, method, "second factor verified");
        Ok(signed_in)
    }

    pub(crate) fn new_session(
        &self,
        user_id: &UserId,
        entrance: Entrance,
        browser: &BrowserFacts<'_>,
    ) -> (Session, PlainToken) {
        let now = self.clock.now();
        let token = PlainToken::random(TokenKind::Session, self.entropy.as_ref());
        let id = SessionId::random(self.entropy.as_ref());
        let upstream = entrance.upstream.map(|upstream| UpstreamSession {
            provider: upstream.provider,
            identity: upstream.identity,
            sid: upstream.sid,
            id_token: upstream
                .id_token
                .map(|token| self.master.seal(&Session::id_token_place(&id), token.as_bytes())),
        });
        // One that waits for a second factor waits ten minutes.
        let (idle, longest) = if entrance.complete {
            (self.config.session_idle_seconds, self.config.session_max_seconds)
        } else {
            (WAITING, WAITING)
        };
        let session = Session {
            token: token.hashed(),
            id,
            user_id: user_id.clone(),
            auth_time: entrance.auth_time,
            last_seen_at: now,
            expires_at: now.plus(idle),
            ends_at: now.plus(longest),
            user_agent: doorward_model::foreign::line(browser.user_agent, 200).into_owned(),
            address: browser.address.0.to_string(),
            authentication: entrance.authentication,
            complete: entrance.complete,
            upstream,
        };
        (session, token)
    }
}
