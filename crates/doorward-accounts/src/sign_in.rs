//! Signing in with a password.

use std::sync::Arc;

use doorward_model::{Change, HashedToken, Person, PersonName, PlainPassword, PlainToken, Session, SessionId, Timestamp, TokenKind, UnitOfWork};
use doorward_store::StoreError;
use doorward_transport::ClientAddress;

use crate::{Accounts, AccountsError, hasher::Verdict};

/// One attempt to sign in.
#[derive(Debug)]
pub struct Attempt {
    /// The name as typed.
    pub name: String,
    /// The password as typed.
    pub password: String,
    /// Where it comes from.
    pub address: ClientAddress,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The session that the browser had, which ends: a session from before signing in is never the one after it.
    pub previous: Option<HashedToken>,
}

/// A person who signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub person: Arc<Person>,
    /// The cookie's value, to be sent to the browser.
    pub token: PlainToken,
    /// For how many seconds the cookie is worth keeping.
    pub max_age: i64,
}

/// Why nobody is signed in. Only these two, so that an answer never tells whether an account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInRefusal {
    /// Name and password do not belong together, or the account is disabled.
    Wrong,
    /// Too many failures; try again in so many seconds.
    Wait(i64),
}

impl Accounts {
    /// Signs a person in.
    pub async fn sign_in(&self, attempt: Attempt) -> Result<Result<SignedIn, SignInRefusal>, AccountsError> {
        let name = PersonName::parse(&attempt.name).ok();
        let account_key = format!("account:{}", name.as_ref().map_or("", PersonName::as_str));
        let address_key = format!("address:{}", attempt.address.quota_key());
        if let Some(wait) = self.must_wait(&account_key, &address_key).await? {
            tracing::info!(account = account_key, address = %attempt.address.0, wait, "sign-in refused: too many failures");
            return Ok(Err(SignInRefusal::Wait(wait)));
        }
        let Ok(password) = PlainPassword::typed(attempt.password) else { return Ok(Err(SignInRefusal::Wrong)) };
        let turn = self.hasher.turn().await?;
        // Others may have failed while this one waited for its turn: a crowd must not get more guesses than a queue.
        if let Some(wait) = self.must_wait(&account_key, &address_key).await? {
            return Ok(Err(SignInRefusal::Wait(wait)));
        }
        let person = match &name {
            Some(name) => self.store.person_named(name).await?,
            None => None,
        };
        let stored = person.as_ref().and_then(|person| person.password.clone());
        let (verdict, turn) = self.hasher.verify(turn, password, stored.clone()).await?;
        let now = self.clock.now();
        let (Some(person), true) = (person.filter(|person| person.disabled_at.is_none()), verdict != Verdict::Wrong) else {
            tracing::info!(account = account_key, address = %attempt.address.0, "sign-in refused: wrong name or password, or disabled");
            let forget_after = self.config.longest_delay_seconds.max(900);
            let failure = |key| Change::RecordLoginFailure { key, at: now, forget_after };
            self.store.apply(UnitOfWork::from_iter([failure(account_key), failure(address_key)])).await?;
            drop(turn);
            return Ok(Err(SignInRefusal::Wrong));
        };
        drop(turn);
        if let (Verdict::Outdated(new), Some(old)) = (verdict, stored) {
            // Somebody may have changed the password meanwhile; then theirs stays.
            match self.store.apply(Change::RehashPassword { user_id: person.id.clone(), old, new }).await {
                Ok(()) | Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let (session, token) = self.new_session(&person, attempt.address, &attempt.user_agent, now);
        let mut unit = UnitOfWork::from_iter([Change::ClearLoginFailures { key: account_key }, Change::InsertSession(session)]);
        if let Some(previous) = attempt.previous {
            unit.push(Change::EndSession(previous));
        }
        self.store.apply(unit).await?;
        tracing::info!(person = %person.id, address = %attempt.address.0, "signed in");
        Ok(Ok(SignedIn { person: Arc::new(person), token, max_age: self.config.session_max_seconds }))
    }

    pub(crate) fn new_session(&self, person: &Person, address: ClientAddress, user_agent: &str, now: Timestamp) -> (Session, PlainToken) {
        let token = PlainToken::random(TokenKind::Session, self.entropy.as_ref());
        let session = Session {
            token: token.hashed(),
            id: SessionId::random(self.entropy.as_ref()),
            user_id: person.id.clone(),
            auth_time: now,
            last_seen_at: now,
            expires_at: now.plus(self.config.session_idle_seconds),
            ends_at: now.plus(self.config.session_max_seconds),
            user_agent: user_agent.chars().filter(|character| !character.is_control()).take(200).collect(),
            address: address.0.to_string(),
        };
        (session, token)
    }

    /// For how many seconds this account or address must still wait: doubling from one second beyond the free failures.
    async fn must_wait(&self, account_key: &str, address_key: &str) -> Result<Option<i64>, StoreError> {
        let now = self.clock.now();
        let mut longest = 0;
        for (key, free) in [(account_key, self.config.failures_before_delay), (address_key, self.config.address_failures_before_delay)] {
            let counted = self.store.login_failures(key).await?;
            if counted.failures < free.max(1) {
                continue;
            }
            let delay = (1_i64 << (counted.failures - free.max(1)).min(20)).min(self.config.longest_delay_seconds);
            longest = longest.max(delay - now.since(counted.last_at));
        }
        Ok((longest > 0).then_some(longest))
    }
}
