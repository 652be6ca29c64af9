//! Second factors of this server: a user's factors, their verification, and recovery codes for use
//! without them.

use doorward_model::{
    Authentication, Change, FactorChange, HashedToken, RevokeReason, SessionId, UnitOfWork, User,
    UserId, id::random_text,
};
use doorward_store::{
    StoreError,
    attempts::{Counted, TooMany},
};

use crate::{Accounts, Authority};

/// Number of recovery codes that a user gets.
const RECOVERY_CODES: usize = 10;
/// The characters of recovery codes: 32 of them, none that is mistaken for another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// The factors that a user has set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Number of passkeys.
    pub passkeys: usize,
    /// True if an authenticator app.
    pub authenticator: bool,
    /// Number of recovery codes that are left.
    pub recovery_codes: u64,
}

impl Enrolled {
    /// True if the user has a second factor.
    pub fn any(self) -> bool {
        self.passkeys > 0 || self.authenticator
    }
}

/// Reason for which a second factor was not set up or not proved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FactorError {
    /// The code is wrong, was used, or is too old.
    #[error("this code is wrong or was already used")]
    Wrong,
    /// Too many wrong ones; try again in so many seconds.
    #[error("too many failed attempts; try again in {0} seconds")]
    Wait(i64),
    /// The browser's answer is not valid. Holds the cause, for the log.
    #[error("the passkey was not accepted")]
    Passkey(String),
    /// The page was open for too long, or was used before.
    #[error("this page was open for too long or was already used; try again")]
    Stale,
    /// Passkeys need a name.
    #[error(
        "passkeys need a host name: open this server under one (server.public_url), not under an \
         IP address"
    )]
    NoHostName,
    /// Already set up.
    #[error("this is already set up")]
    Already,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FactorError {
    /// The error as it is logged: with the cause that users are not shown.
    pub fn logged(&self) -> String {
        match self {
            Self::Passkey(cause) => format!("{self}: {cause}"),
            Self::Wrong
            | Self::Wait(_)
            | Self::Stale
            | Self::NoHostName
            | Self::Already
            | Self::Store(_) => self.to_string(),
        }
    }
}

impl Accounts {
    /// The factors that a user has set up.
    pub async fn enrolled(&self, user_id: &UserId) -> Result<Enrolled, StoreError> {
        Ok(Enrolled {
            passkeys: self.store.passkeys_of(user_id).await?.len(),
            authenticator: self
                .store
                .totp_of(user_id)
                .await?
                .is_some_and(|totp| totp.confirmed_at.is_some()),
            recovery_codes: self.store.recovery_codes_left(user_id).await?,
        })
    }

    /// True if a user who proved themselves like this must prove a second factor before they
    /// continue. `required` is the rule of the policy for all users; a user who has set one up is
    /// always asked.
    pub async fn must_prove_more(
        &self,
        user: &User,
        authentication: &Authentication,
        required: bool,
    ) -> Result<bool, StoreError> {
        if authentication.level == doorward_model::Level::MultiFactor {
            return Ok(false);
        }
        Ok(required || self.enrolled(&user.id).await?.any())
    }

    /// Counts an attempt at a user's second factor.
    async fn count_factor(
        &self,
        user_id: &UserId,
        known: Option<&str>,
    ) -> Result<Counted, FactorError> {
        let counters = self.factor_counters(user_id, known);
        self.store
            .count_attempt(format!("factor:{user_id}"), counters, self.clock.now())
            .await?
            .map_err(|TooMany(wait)| FactorError::Wait(wait))
    }

    async fn failed(&self, user_id: &UserId, counted: Counted) -> Result<FactorError, StoreError> {
        tracing::info!(user = %user_id, "second factor refused");
        counted.wrong(&self.store).await?;
        Ok(FactorError::Wrong)
    }

    /// Applies the change that uses up a proof. A condition that fails means that it was wrong or
    /// used.
    async fn prove(
        &self,
        user_id: &UserId,
        counted: Counted,
        proof: Change,
    ) -> Result<(), FactorError> {
        // The change that takes the attempt back is refused together with the proof.
        match self
            .store
            .apply(std::iter::once(proof).chain(counted.right()).collect::<UnitOfWork>())
            .await
        {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(self.failed(user_id, counted).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Proves a second factor by a typed code: one of the authenticator app, or a recovery code.
    /// Returns the method's name. Once begun it is decided and counted, even if the request is
    /// dropped.
    pub async fn prove_by_code(
        &self,
        user: &User,
        typed: &str,
        known: Option<&str>,
    ) -> Result<&'static str, FactorError> {
        let plain: String = typed
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .take(64)
            .collect::<String>()
            .to_ascii_lowercase();
        let (accounts, user_id, known) = (self.clone(), user.id.clone(), known.map(str::to_owned));
        self.store
            .owned(async move { accounts.decide_code(&user_id, &plain, known.as_deref()).await })
            .await
    }

    async fn decide_code(
        &self,
        user_id: &UserId,
        plain: &str,
        known: Option<&str>,
    ) -> Result<&'static str, FactorError> {
        let counted = self.count_factor(user_id, known).await?;
        let is_app_code = plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit());
        if is_app_code {
            let Some(step) = self.matching_step(&counted, user_id, plain, true).await? else {
                return Err(self.failed(user_id, counted).await?);
            };
            self.prove(
                user_id,
                counted,
                Change::from(FactorChange::UseTotp { user_id: user_id.clone(), step }),
            )
            .await?;
            return Ok("otp");
        }
        let code = self.recovery_hash(user_id, plain);
        self.prove(
            user_id,
            counted,
            Change::from(FactorChange::UseRecoveryCode { user_id: user_id.clone(), code }),
        )
        .await?;
        tracing::warn!(user = %user_id, "a recovery code was used");
        Ok("otp")
    }

    /// Confirms an authenticator app by its first code. Counted like any other code.
    pub async fn confirm_authenticator(
        &self,
        _authority: &Authority,
        user: &User,
        typed: &str,
        known: Option<&str>,
    ) -> Result<(), FactorError> {
        let plain: String = typed.chars().filter(char::is_ascii_digit).take(8).collect();
        let (accounts, user_id, known) = (self.clone(), user.id.clone(), known.map(str::to_owned));
        self.store
            .owned(
                async move { accounts.decide_first_code(&user_id, &plain, known.as_deref()).await },
            )
            .await
    }

    async fn decide_first_code(
        &self,
        user_id: &UserId,
        plain: &str,
        known: Option<&str>,
    ) -> Result<(), FactorError> {
        let counted = self.count_factor(user_id, known).await?;
        let Some(step) = self.matching_step(&counted, user_id, plain, false).await? else {
            return Err(self.failed(user_id, counted).await?);
        };
        self.prove(
            user_id,
            counted,
            Change::from(FactorChange::ConfirmTotp {
                user_id: user_id.clone(),
                step,
                at: self.clock.now(),
            }),
        )
        .await?;
        tracing::info!(user = %user_id, "an authenticator app was set up");
        Ok(())
    }

    /// A recovery code is short enough to be guessed from a plain hash, so the stored value cannot
    /// be computed without the master key.
    fn recovery_hash(&self, user_id: &UserId, plain: &str) -> HashedToken {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        HashedToken::from_stored(URL_SAFE_NO_PAD.encode(
            self.master.mac("recovery-code", &[user_id.as_str().as_bytes(), plain.as_bytes()]),
        ))
    }

    /// Makes new recovery codes: 80 random bits each, to be shown once. The old ones stop working.
    pub async fn new_recovery_codes(
        &self,
        _authority: &Authority,
        user_id: &UserId,
    ) -> Result<Vec<String>, StoreError> {
        let code = || {
            let mut bytes = [0u8; 16];
            self.entropy.fill(&mut bytes);
            bytes
                .iter()
                .map(|byte| {
                    char::from(LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a'))
                })
                .collect::<String>()
        };
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| code()).collect();
        let hashes = codes.iter().map(|code| self.recovery_hash(user_id, code)).collect();
        self.store
            .apply(Change::from(FactorChange::ReplaceRecoveryCodes {
                user_id: user_id.clone(),
                codes: hashes,
            }))
            .await?;
        let grouped = |code: &String| {
            code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
        };
        Ok(codes.iter().map(grouped).collect())
    }

    /// Recovery codes for a user who just set up their first factor; no other user's are replaced.
    pub async fn first_recovery_codes(
        &self,
        authority: &Authority,
        user_id: &UserId,
    ) -> Result<Option<Vec<String>>, StoreError> {
        if self.store.recovery_codes_left(user_id).await? > 0 {
            Ok(None)
        } else {
            self.new_recovery_codes(authority, user_id).await.map(Some)
        }
    }

    /// Removes all second factors of a user who lost them: an operation of administrators. Sessions
    /// and grants end.
    pub async fn reset_factors(
        &self,
        _authority: &Authority,
        user: &User,
    ) -> Result<(), StoreError> {
        let mut unit = UnitOfWork::from_iter([
            Change::from(FactorChange::DeleteTotp(user.id.clone())),
            Change::from(FactorChange::ReplaceRecoveryCodes {
                user_id: user.id.clone(),
                codes: Vec::new(),
            }),
            Change::EndSessionsOfUser { user_id: user.id.clone(), except: None },
            Change::RevokeGrantsOfUser {
                user_id: user.id.clone(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::UserChanged,
            },
        ]);
        for passkey in self.store.passkeys_of(&user.id).await? {
            unit.push(Change::from(FactorChange::DeletePasskey {
                user_id: user.id.clone(),
                id: passkey.id,
            }));
        }
        self.store.apply(unit).await
    }

    /// The changes after which other sessions of a user must sign in again, because a factor was
    /// removed.
    pub(crate) fn others_end(user_id: &UserId, keep: SessionId) -> Change {
        Change::EndSessionsOfUser { user_id: user_id.clone(), except: Some(keep) }
    }

    /// A name that no two pending ceremonies share.
    pub(crate) fn ceremony_id(&self) -> String {
        random_text(self.entropy.as_ref(), 16)
    }
}
