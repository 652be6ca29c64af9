//! Authenticator apps (RFC 6238): SHA-1, six digits, thirty seconds, which all of them support.

use doorward_model::{Change, FactorChange, SessionId, Totp, UnitOfWork, User, UserId};
use doorward_store::{StoreError, attempts::Counted};
use totp_rs::{Builder, Secret};
use zeroize::Zeroizing;

use crate::{Accounts, Authority, FactorError};

/// 160 bits, as RFC 4226 §4 recommends.
const SECRET_BYTES: usize = 20;

/// A secret to be entered into an authenticator app.
pub struct NewAuthenticator {
    /// The secret as users type it: base32, in groups of four.
    pub typed: String,
    /// The URL that the app reads from a QR code (`otpauth://…`).
    pub url: Zeroizing<String>,
}

fn place(user_id: &UserId) -> String {
    format!("totp/{user_id}/secret")
}

fn app(secret: &[u8], issuer: &str, account: &str) -> Result<totp_rs::Totp, FactorError> {
    // A colon would end the issuer's part of the label.
    let plain = |text: &str| text.replace(':', " ");
    let builder = Builder::new()
        .with_secret(Secret::from(secret.to_vec()))
        .with_issuer(Some(plain(issuer)))
        .with_account_name(plain(account));
    builder.build().map_err(|error| FactorError::Passkey(error.to_string()))
}

impl Accounts {
    /// Makes a secret for a user, or answers the one that still waits for its first code, so that
    /// a reload shows the same.
    pub async fn begin_authenticator(
        &self,
        _authority: &Authority,
        user: &User,
    ) -> Result<NewAuthenticator, FactorError> {
        let waiting = match self.store.totp_of(&user.id).await? {
            Some(known) if known.confirmed_at.is_some() => return Err(FactorError::Already),
            Some(known) => self.master.open(&place(&user.id), &known.secret).ok(),
            None => None,
        };
        let secret = if let Some(secret) = waiting {
            secret
        } else {
            let mut secret = Zeroizing::new(vec![0u8; SECRET_BYTES]);
            self.entropy.fill(&mut secret);
            let totp = Totp {
                user_id: user.id.clone(),
                secret: self.master.seal(&place(&user.id), &secret),
                created_at: self.clock.now(),
                confirmed_at: None,
                last_step: 0,
            };
            match self.store.apply(Change::from(FactorChange::PutTotp(totp))).await {
                Ok(()) => secret,
                Err(StoreError::Refused(_)) => return Err(FactorError::Already),
                Err(error) => return Err(error.into()),
            }
        };
        let app = app(&secret, &self.name, user.name.as_str())?;
        let typed = app.secret().to_base32();
        let typed = typed
            .trim_end_matches('=')
            .as_bytes()
            .chunks(4)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>()
            .join(" ");
        let url = app.to_url().map_err(|error| FactorError::Passkey(error.to_string()))?;
        Ok(NewAuthenticator { typed, url: Zeroizing::new(url) })
    }

    /// The time step of a code that fits now, give or take one step. The attempt must have been
    /// counted.
    pub(crate) async fn matching_step(
        &self,
        _counted: &Counted,
        user_id: &UserId,
        code: &str,
        confirmed: bool,
    ) -> Result<Option<i64>, FactorError> {
        let Some(known) = self
            .store
            .totp_of(user_id)
            .await?
            .filter(|totp| totp.confirmed_at.is_some() == confirmed)
        else {
            return Ok(None);
        };
        let Ok(secret) = self.master.open(&place(user_id), &known.secret) else { return Ok(None) };
        let now = u64::try_from(self.clock.now().0).unwrap_or_default();
        let step = app(&secret, "", "user")?.check(code, now);
        Ok(step.and_then(|step| i64::try_from(step).ok()).filter(|step| *step > known.last_step))
    }

    /// Removes a user's authenticator app. Their other sessions end.
    pub async fn remove_authenticator(
        &self,
        _authority: &Authority,
        user_id: &UserId,
        keep: SessionId,
    ) -> Result<(), StoreError> {
        tracing::info!(user = %user_id, "an authenticator app was removed");
        self.store
            .apply(UnitOfWork::from_iter([
                Change::from(FactorChange::DeleteTotp(user_id.clone())),
                Self::others_end(user_id, keep),
            ]))
            .await
    }
}
