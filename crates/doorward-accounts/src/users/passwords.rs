//! Passwords that are set or changed.

use doorward_model::{Change, PlainPassword, RevokeReason, SessionId, UnitOfWork, User};
use doorward_store::attempts::{Counter, TooMany};

use super::{BrowserFacts, UserError};
use crate::{Accounts, Authority, hasher::Verdict};

/// A user's change of their own password, as they typed it.
pub struct PasswordChange {
    /// The present password.
    pub present: String,
    /// The new one.
    pub new: String,
    /// The session that stays.
    pub keep: SessionId,
}

/// A change with a present password that has the form of one.
pub(super) struct ReadChange {
    present: PlainPassword,
    new: String,
    keep: SessionId,
}

impl Accounts {
    /// Sets a password. All other sessions and all grants of the user end (ASVS 7.4.3).
    pub async fn set_password(
        &self,
        _authority: &Authority,
        user: &User,
        text: String,
        keep: Option<SessionId>,
    ) -> Result<(), UserError> {
        let unit = self.new_password(user, text, keep).await?;
        tracing::info!(user = %user.id, "password changed");
        Ok(self.store.apply(unit).await?)
    }

    /// The unit that sets a password and ends the sessions and grants of the former one, except the
    /// session `keep`. Access tokens that users made for their programs stay.
    pub(crate) async fn new_password(
        &self,
        user: &User,
        text: String,
        keep: Option<SessionId>,
    ) -> Result<UnitOfWork, UserError> {
        let hash =
            self.hasher.hash(PlainPassword::chosen(text, self.config.password_min_length)?).await?;
        Ok(UnitOfWork::from_iter([
            Change::SetPassword { user_id: user.id.clone(), password: Some(hash) },
            Change::EndSessionsOfUser { user_id: user.id.clone(), except: keep },
            Change::RevokeGrantsOfUser {
                user_id: user.id.clone(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::UserChanged,
            },
            Change::ClearLoginFailures { key: Self::account_key(Some(&user.name)) },
        ]))
    }

    /// Sets a new password for a user, after verification of the present one. Attempts at the
    /// present one are counted as at sign-in.
    pub async fn change_password(
        &self,
        authority: &Authority,
        user: &User,
        change: PasswordChange,
        browser: &BrowserFacts<'_>,
    ) -> Result<(), UserError> {
        let PasswordChange { present, new, keep } = change;
        let change = ReadChange { present: PlainPassword::typed(present)?, new, keep };
        let counters = self.password_counters(
            Some(&user.name),
            Some(&user.id),
            (browser.address, browser.known),
        );
        let (accounts, authority, user) = (self.clone(), authority.clone(), user.clone());
        self.store
            .owned(async move {
                accounts.decide_change_of_password(&authority, user, change, counters).await
            })
            .await
    }

    pub(super) async fn decide_change_of_password(
        &self,
        authority: &Authority,
        user: User,
        change: ReadChange,
        counters: Vec<Counter>,
    ) -> Result<(), UserError> {
        let ReadChange { present, new, keep } = change;
        let place = self.hasher.place()?;
        let counted = match self
            .store
            .count_attempt(Self::account_key(Some(&user.name)), counters, self.clock.now())
            .await?
        {
            Ok(counted) => counted,
            Err(TooMany(wait)) => return Err(UserError::Wait(wait)),
        };
        let turn = self.hasher.turn(place).await?;
        if self.hasher.verify(turn, &counted, present, user.password.clone()).await?
            == Verdict::Wrong
        {
            counted.wrong(&self.store).await?;
            return Err(UserError::WrongPassword);
        }
        self.store.apply(counted.right().collect::<UnitOfWork>()).await?;
        self.set_password(authority, &user, new, Some(keep)).await
    }
}
