//! Second factors of our own: which ones a person has, proving one, and recovery codes for the day on which none is at hand.

use doorward_model::{Authentication, Change, HashedToken, Person, RevokeReason, SessionId, Timestamp, UnitOfWork, UserId, id::random_text};
use doorward_store::StoreError;

use crate::Accounts;

/// How many recovery codes a person gets.
const RECOVERY_CODES: usize = 10;
/// The letters of recovery codes: 32 of them, none that is mistaken for another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// What a person has set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// How many passkeys.
    pub passkeys: usize,
    /// Whether an authenticator app.
    pub authenticator: bool,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

impl Enrolled {
    /// Whether there is anything to prove a second factor with.
    pub fn any(self) -> bool {
        self.passkeys > 0 || self.authenticator
    }
}

/// Why a second factor was not set up or not proved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FactorError {
    /// The code is wrong, was used, or is too old.
    #[error("this code is not right, or was used before")]
    Wrong,
    /// Too many wrong ones; try again in so many seconds.
    #[error("too many failed attempts; try again in {0} seconds")]
    Wait(i64),
    /// What the browser sent does not prove anything. Holds why, for the log.
    #[error("the passkey was not accepted")]
    Passkey(String),
    /// The page was open for too long, or was used before.
    #[error("this page was open for too long or was used before; please try again")]
    Stale,
    /// Passkeys need a name.
    #[error("passkeys need a host name: open this server under one (server.public_url), not under a bare address")]
    NoHostName,
    /// Already set up.
    #[error("this is set up already")]
    Already,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// What a person has set up.
    pub async fn enrolled(&self, user_id: &UserId) -> Result<Enrolled, StoreError> {
        Ok(Enrolled {
            passkeys: self.store.passkeys_of(user_id).await?.len(),
            authenticator: self.store.totp_of(user_id).await?.is_some_and(|totp| totp.confirmed_at.is_some()),
            recovery_codes: self.store.recovery_codes_left(user_id).await?,
        })
    }

    /// Whether a person who proved themselves like this must prove a second factor before going on. `required` is what the policy
    /// says of everybody; who set one up is always asked.
    pub async fn must_prove_more(&self, person: &Person, authentication: &Authentication, required: bool) -> Result<bool, StoreError> {
        if authentication.level == doorward_model::Level::MultiFactor {
            return Ok(false);
        }
        Ok(required || self.enrolled(&person.id).await?.any())
    }

    fn factor_key(user_id: &UserId) -> String {
        format!("factor:{user_id}")
    }

    /// Refuses before looking at a code when there were too many wrong ones.
    async fn may_try(&self, user_id: &UserId) -> Result<(), FactorError> {
        let key = Self::factor_key(user_id);
        match self.must_wait(&key, &key).await? {
            Some(wait) => Err(FactorError::Wait(wait)),
            None => Ok(()),
        }
    }

    async fn failed(&self, user_id: &UserId) -> Result<FactorError, StoreError> {
        tracing::info!(person = %user_id, "second factor refused");
        let forget_after = self.config.longest_delay_seconds.max(900);
        self.store.apply(Change::RecordLoginFailure { key: Self::factor_key(user_id), at: self.clock.now(), forget_after }).await?;
        Ok(FactorError::Wrong)
    }

    /// Applies the change that uses up a proof. A condition that fails means that it was wrong or used.
    pub(crate) async fn prove(&self, user_id: &UserId, proof: Change) -> Result<(), FactorError> {
        let unit = UnitOfWork::from_iter([proof, Change::ClearLoginFailures { key: Self::factor_key(user_id) }]);
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(self.failed(user_id).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Proves a second factor by a typed code: one of the authenticator app, or a recovery code. Answers the method's name.
    pub async fn prove_by_code(&self, person: &Person, typed: &str) -> Result<&'static str, FactorError> {
        self.may_try(&person.id).await?;
        let plain: String = typed.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').take(64).collect::<String>().to_ascii_lowercase();
        let is_app_code = plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit());
        if is_app_code {
            let Some(step) = self.matching_step(&person.id, &plain, true).await? else { return Err(self.failed(&person.id).await?) };
            self.prove(&person.id, Change::UseTotp { user_id: person.id.clone(), step }).await?;
            return Ok("otp");
        }
        let code = self.recovery_hash(&person.id, &plain);
        self.prove(&person.id, Change::UseRecoveryCode { user_id: person.id.clone(), code }).await?;
        tracing::warn!(person = %person.id, "a recovery code was used");
        Ok("otp")
    }

    /// A recovery code is short enough to be guessed from a plain hash, so what is stored cannot be computed without the master key.
    fn recovery_hash(&self, user_id: &UserId, plain: &str) -> HashedToken {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        HashedToken::from_stored(URL_SAFE_NO_PAD.encode(self.master.mac("recovery-code", &[user_id.as_str().as_bytes(), plain.as_bytes()])))
    }

    /// Makes new recovery codes: 80 random bits each, to be shown once. The old ones stop working.
    pub async fn new_recovery_codes(&self, user_id: &UserId) -> Result<Vec<String>, StoreError> {
        let code = || {
            let mut bytes = [0u8; 16];
            self.entropy.fill(&mut bytes);
            bytes.iter().map(|byte| char::from(LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a'))).collect::<String>()
        };
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| code()).collect();
        let hashes = codes.iter().map(|code| self.recovery_hash(user_id, code)).collect();
        self.store.apply(Change::ReplaceRecoveryCodes { user_id: user_id.clone(), codes: hashes }).await?;
        let grouped = |code: &String| code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-");
        Ok(codes.iter().map(grouped).collect())
    }

    /// Recovery codes for somebody who just set up their first factor; nobody else's are replaced.
    pub async fn first_recovery_codes(&self, user_id: &UserId) -> Result<Option<Vec<String>>, StoreError> {
        if self.store.recovery_codes_left(user_id).await? > 0 { Ok(None) } else { self.new_recovery_codes(user_id).await.map(Some) }
    }

    /// Takes all second factors from a person, who lost them: an administrator's act. Sessions and grants end.
    pub async fn reset_factors(&self, person: &Person) -> Result<(), StoreError> {
        let mut unit = UnitOfWork::from_iter([
            Change::DeleteTotp(person.id.clone()),
            Change::ReplaceRecoveryCodes { user_id: person.id.clone(), codes: Vec::new() },
            Change::EndSessionsOfPerson { user_id: person.id.clone(), except: None },
            Change::RevokeGrantsOfPerson { user_id: person.id.clone(), client_id: None, at: self.clock.now(), reason: RevokeReason::PersonChanged },
        ]);
        for passkey in self.store.passkeys_of(&person.id).await? {
            unit.push(Change::DeletePasskey { user_id: person.id.clone(), id: passkey.id });
        }
        self.store.apply(unit).await
    }

    /// Whether somebody proved themselves recently enough to change how they prove themselves (ASVS 7.5.1).
    pub fn is_recent(&self, auth_time: Timestamp) -> bool {
        self.clock.now().since(auth_time) <= RECENT
    }

    /// The changes after which other sessions of a person must sign in again, because a factor was removed.
    pub(crate) fn others_end(user_id: &UserId, keep: SessionId) -> Change {
        Change::EndSessionsOfPerson { user_id: user_id.clone(), except: Some(keep) }
    }

    /// A name that no two pending ceremonies share.
    pub(crate) fn ceremony_id(&self) -> String {
        random_text(self.entropy.as_ref(), 16)
    }
}

/// For how many seconds a sign-in is recent.
const RECENT: i64 = 900;
