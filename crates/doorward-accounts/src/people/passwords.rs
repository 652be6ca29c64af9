//! Passwords that are set or changed.

use doorward_model::{Change, Person, PlainPassword, RevokeReason, SessionId, UnitOfWork};
use doorward_store::attempts::{Counter, TooMany};

use super::{BrowserFacts, PeopleError};
use crate::{Accounts, Authority, hasher::Verdict};

impl Accounts {
    /// Sets a password. All other sessions and all grants of the user end (ASVS 7.4.3).
    pub async fn set_password(
        &self,
        _authority: &Authority,
        person: &Person,
        text: String,
        keep: Option<SessionId>,
    ) -> Result<(), PeopleError> {
        let unit = self.new_password(person, text, keep).await?;
        tracing::info!(person = %person.id, "password changed");
        Ok(self.store.apply(unit).await?)
    }

    /// The unit that sets a password and ends the sessions and grants of the former one, except the
    /// session `keep`. Access tokens that users made for their programs stay.
    pub(crate) async fn new_password(
        &self,
        person: &Person,
        text: String,
        keep: Option<SessionId>,
    ) -> Result<UnitOfWork, PeopleError> {
        let hash =
            self.hasher.hash(PlainPassword::chosen(text, self.config.password_min_length)?).await?;
        Ok(UnitOfWork::from_iter([
            Change::SetPassword { user_id: person.id.clone(), password: Some(hash) },
            Change::EndSessionsOfPerson { user_id: person.id.clone(), except: keep },
            Change::RevokeGrantsOfPerson {
                user_id: person.id.clone(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::PersonChanged,
            },
            Change::ClearLoginFailures { key: Self::account_key(Some(&person.name)) },
        ]))
    }

    /// Sets a new password for a user, after verification of the present one. Attempts at the
    /// present one are counted as at sign-in.
    pub async fn change_password(
        &self,
        authority: &Authority,
        person: &Person,
        (present, text): (String, String),
        (browser, keep): (&BrowserFacts<'_>, SessionId),
    ) -> Result<(), PeopleError> {
        let present = PlainPassword::typed(present)?;
        let counters = self.password_counters(
            Some(&person.name),
            Some(&person.id),
            (browser.address, browser.known),
        );
        let (accounts, authority, person) = (self.clone(), authority.clone(), person.clone());
        self.store
            .owned(async move {
                accounts
                    .decide_change_of_password(
                        &authority,
                        person,
                        (present, text),
                        (counters, keep),
                    )
                    .await
            })
            .await
    }

    pub(super) async fn decide_change_of_password(
        &self,
        authority: &Authority,
        person: Person,
        (present, text): (PlainPassword, String),
        (counters, keep): (Vec<Counter>, SessionId),
    ) -> Result<(), PeopleError> {
        let place = self.hasher.place()?;
        let counted = match self
            .store
            .count_attempt(Self::account_key(Some(&person.name)), counters, self.clock.now())
            .await?
        {
            Ok(counted) => counted,
            Err(TooMany(wait)) => return Err(PeopleError::Wait(wait)),
        };
        let turn = self.hasher.turn(place).await?;
        if self.hasher.verify(turn, &counted, present, person.password.clone()).await?
            == Verdict::Wrong
        {
            counted.wrong(&self.store).await?;
            return Err(PeopleError::WrongPassword);
        }
        self.store.apply(counted.right().collect::<UnitOfWork>()).await?;
        self.set_password(authority, &person, text, Some(keep)).await
    }
}
