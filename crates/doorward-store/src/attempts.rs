//! Attempts at secrets that can be guessed: passwords, codes. An attempt is counted *before* the
//! secret is compared and taken back when the secret was right, so that of any number of attempts
//! made at the same moment only the free ones are compared.
//!
//! A function that compares such a secret takes a [`Counted`]: it cannot be called without having
//! counted.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, Change, CountedAttempt, Outcome, Timestamp, UnitOfWork,
};

use crate::{Store, StoreError};

/// The shortest time after which a counter is reset, in seconds.
const FORGET_AFTER: i64 = 900;

/// The limits of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Number of attempts that are free. Each further one must wait: one second, then twice as long
    /// each time.
    pub free: u32,
    /// The longest wait, in seconds.
    pub longest_delay: i64,
}

/// A counter that an attempt is charged to.
#[derive(Clone, Debug)]
pub struct Counter {
    key: String,
    allowance: Allowance,
    clears: bool,
}

impl Counter {
    /// The counter of one secret. A right attempt clears it.
    pub fn of_secret(key: impl Into<String>, allowance: Allowance) -> Self {
        Self { key: key.into(), allowance, clears: true }
    }
    fn attempt(&self, at: Timestamp) -> CountedAttempt {
        let Allowance { free, longest_delay } = self.allowance;
        CountedAttempt {
            key: self.key.clone(),
            at,
            free,
            longest_delay,
            forget_after: longest_delay.max(FORGET_AFTER),
        }
    }
    /// A counter that many secrets share, such as that of an IP address. A right attempt is taken
    /// back, and wrong ones stay.
    pub fn shared(key: impl Into<String>, allowance: Allowance) -> Self {
        Self { key: key.into(), allowance, clears: false }
    }
}

/// An attempt that was counted: the permission to compare one secret once.
#[derive(Debug)]
#[must_use = "an attempt that was right is taken back with `right`, one that was wrong is noted with `wrong`"]
pub struct Counted {
    /// The owner of the secret, for the audit.
    subject: String,
    counters: Vec<Counter>,
}

impl Counted {
    /// The changes that take the attempt back. They belong into the unit that writes the success.
    pub fn right(&self) -> impl Iterator<Item = Change> {
        self.counters.iter().map(|counter| {
            let key = counter.key.clone();
            if counter.clears {
                Change::ClearLoginFailures { key }
            } else {
                Change::TakeBackAttempt { key }
            }
        })
    }

    /// Leaves the attempt counted, because the secret was wrong, and records it in the audit.
    ///
    /// # Errors
    ///
    /// If the store is closed.
    pub async fn wrong(self, store: &Store) -> Result<(), StoreError> {
        store
            .note(
                AuditEvent::new(AuditKind::SignInFailed)
                    .about(AuditSubject::SignIn, &self.subject)
                    .ended(Outcome::Refused),
            )
            .await
    }
}

/// An attempt that is refused without looking at the secret. Holds the number of seconds to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany(pub i64);

impl Store {
    /// Counts an attempt at a secret in all of `counters`, or in none. `subject` names the owner of
    /// the secret for the audit.
    ///
    /// # Errors
    ///
    /// If the database does not answer. The inner error means that too many attempts were made.
    pub async fn count_attempt(
        &self,
        subject: String,
        counters: Vec<Counter>,
        now: Timestamp,
    ) -> Result<Result<Counted, TooMany>, StoreError> {
        let wait = self.must_wait(&counters, now).await?;
        if wait > 0 {
            return Ok(Err(TooMany(wait)));
        }
        match self
            .apply(
                counters
                    .iter()
                    .map(|counter| Change::CountAttempt(counter.attempt(now)))
                    .collect::<UnitOfWork>(),
            )
            .await
        {
            Ok(()) => Ok(Ok(Counted { subject, counters })),
            // Others came first meanwhile.
            Err(StoreError::Refused(_)) => {
                Ok(Err(TooMany(self.must_wait(&counters, now).await?.max(1))))
            }
            Err(error) => Err(error),
        }
    }

    /// The longest pause that any of the counters demands, in seconds.
    async fn must_wait(&self, counters: &[Counter], now: Timestamp) -> Result<i64, StoreError> {
        let mut wait = 0;
        for counter in counters {
            let (attempt, counted) =
                (counter.attempt(now), self.login_failures(&counter.key).await?);
            let delay = attempt.delay_after(counted.failures);
            if delay > 0 && counted.last_at >= now.plus(-attempt.forget_after) {
                wait = wait.max(delay - now.since(counted.last_at));
            }
        }
        Ok(wait)
    }
}
