//! Adding, changing and removing users; the first administrator.

mod first;
mod passwords;

use doorward_model::{
    Change, HashedToken, Person, PersonName, PlainPassword, RevokeReason, Role, UnitOfWork,
    UpstreamChange, UserId, person::PersonNameError, secret::PasswordTextError,
};
use doorward_store::{Condition, StoreError};
use doorward_transport::ClientAddress;

use crate::{Accounts, Authority, HasherError};

/// A user to be added.
#[derive(Debug)]
pub struct NewPerson {
    /// The sign-in name.
    pub name: String,
    /// An e-mail address.
    pub email: Option<String>,
    /// A password, for users who sign in with one.
    pub password: Option<String>,
    /// The user must choose another password at the first sign-in.
    pub password_temporary: bool,
    /// Roles.
    pub roles: Vec<Role>,
}

/// The browser in which a user is about to be signed in.
#[derive(Debug, Clone)]
pub struct BrowserFacts<'a> {
    /// The IP address of the browser.
    pub address: ClientAddress,
    /// The name that it gives itself.
    pub user_agent: &'a str,
    /// The session that it had, which ends.
    pub previous: Option<HashedToken>,
    /// The cookie of a browser in which users signed in before.
    pub known: Option<&'a str>,
}

/// Reason for which users could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] PersonNameError),
    /// The name is taken.
    #[error("the name {0} is taken")]
    Taken(String),
    /// The password cannot be one.
    #[error(transparent)]
    Password(#[from] PasswordTextError),
    /// The present password is not that.
    #[error("the present password is wrong")]
    WrongPassword,
    /// The password was tried too often. Holds the number of seconds to wait.
    #[error("too many failed attempts; try again in {0} seconds")]
    Wait(i64),
    /// Not an e-mail address.
    #[error("{0:?} is not an e-mail address")]
    Email(String),
    /// No such user.
    #[error("there is no person {0}")]
    Unknown(String),
    /// Without an administrator, the server could no longer be administered.
    #[error("{0} is the last administrator; make somebody else one first")]
    LastAdministrator(String),
    /// Another change was made to the user since they were read.
    #[error("this person changed since you looked; look again")]
    Changed,
    /// The one-time link is unknown, used or too old.
    #[error("this link was used already or is too old; make a fresh one with: doorward admin-link")]
    Link,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing failed.
    #[error(transparent)]
    Hasher(#[from] HasherError),
}

/// Changes to a user. A part that is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    /// The roles that an administrator gives.
    pub roles: Option<Vec<Role>>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// True if they are disabled.
    pub disabled: Option<bool>,
}

/// An e-mail address to which mail could be sent, as far as its form tells.
///
/// # Errors
///
/// If it is not one.
pub fn checked_email(text: &str) -> Result<String, PeopleError> {
    let email = text.trim();
    let plausible = email.len() <= 254
        && email
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !email.contains(char::is_whitespace);
    if !plausible || email.chars().any(char::is_control) {
        Err(PeopleError::Email(email.to_owned()))
    } else {
        Ok(email.to_owned())
    }
}

impl Accounts {
    /// Makes a user who is not stored yet, so that the write can be part of a larger unit of work.
    pub async fn prepare(
        &self,
        _authority: &Authority,
        new: NewPerson,
    ) -> Result<Person, PeopleError> {
        self.checked(new).await
    }

    async fn checked(&self, new: NewPerson) -> Result<Person, PeopleError> {
        let name = PersonName::parse(&new.name)?;
        let email = new
            .email
            .filter(|email| !email.trim().is_empty())
            .map(|email| checked_email(&email))
            .transpose()?;
        let password = match new.password {
            Some(text) => Some(
                self.hasher
                    .hash(PlainPassword::chosen(text, self.config.password_min_length)?)
                    .await?,
            ),
            None => None,
        };
        Ok(Person {
            id: UserId::random(self.entropy.as_ref()),
            name,
            email,
            email_by: None,
            display_name: None,
            password_temporary: new.password_temporary && password.is_some(),
            password,
            roles: new.roles,
            provider_roles: Vec::new(),
            created_at: self.clock.now(),
            disabled_at: None,
            links_after: None,
        })
    }

    /// Adds a user.
    pub async fn add(&self, authority: &Authority, new: NewPerson) -> Result<Person, PeopleError> {
        let person = self.prepare(authority, new).await?;
        match self.store.apply(Change::InsertPerson(person.clone())).await {
            Ok(()) => Ok(person),
            Err(StoreError::Refused(_)) => Err(PeopleError::Taken(person.name.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The user with this sign-in name.
    pub async fn find(&self, name: &str) -> Result<Person, PeopleError> {
        self.store
            .person_named(&PersonName::parse(name)?)
            .await?
            .ok_or_else(|| PeopleError::Unknown(name.to_owned()))
    }

    /// True if a user signs in only through identity providers, and all accounts at them have
    /// ended.
    pub(crate) async fn hangs_on_ended_accounts(
        &self,
        person: &Person,
    ) -> Result<bool, StoreError> {
        if person.password.is_some() && self.config.passwords {
            return Ok(false);
        }
        let identities = self.store.identities_of(&person.id).await?;
        Ok(!identities.is_empty() && identities.iter().all(|identity| identity.ended_at.is_some()))
    }

    /// All users.
    pub async fn list(&self) -> Result<Vec<Person>, StoreError> {
        self.store.people().await
    }

    /// Applies a change to a user: only if they are still as they were when they had the etag
    /// `seen`, and another user remains an administrator where `keep` demands it.
    async fn change(
        &self,
        person: &Person,
        seen: Option<&str>,
        keep: bool,
        changes: Vec<Change>,
    ) -> Result<(), PeopleError> {
        let mut unit = UnitOfWork::new();
        if let Some(seen) = seen {
            unit.push(Change::Expect {
                object: doorward_model::Expected::Person(person.id.clone()),
                etag: seen.to_owned(),
            });
        }
        if keep {
            unit.push(Change::ExpectOtherAdministrator(person.id.clone()));
        }
        for change in changes {
            unit.push(change);
        }
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(Condition::Expect)) => Err(PeopleError::Changed),
            Err(StoreError::Refused(Condition::ExpectOtherAdministrator)) => {
                Err(PeopleError::LastAdministrator(person.name.to_string()))
            }
            Err(StoreError::Refused(Condition::RenamePerson)) => {
                Err(PeopleError::Taken(person.name.to_string()))
            }
            Err(StoreError::Refused(_)) => Err(PeopleError::Unknown(person.name.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a user, as a whole or not at all. Disabling ends sessions, tokens and grants.
    pub async fn update(
        &self,
        _authority: &Authority,
        person: &Person,
        change: PersonChange,
        seen: Option<&str>,
    ) -> Result<(), PeopleError> {
        self.apply_change(person, change, seen).await
    }

    async fn apply_change(
        &self,
        person: &Person,
        change: PersonChange,
        seen: Option<&str>,
    ) -> Result<(), PeopleError> {
        let now = self.clock.now();
        let user_id = || person.id.clone();
        let (mut changes, mut keep) = (Vec::new(), false);
        if let Some(roles) = change.roles {
            keep |= !roles.contains(&Role::administrator());
            changes.push(Change::SetRoles { user_id: user_id(), roles });
        }
        if change.email.is_some() || change.display_name.is_some() {
            let email = change.email.map(|email| checked_email(&email)).transpose()?;
            let plain = |name: String| {
                name.chars()
                    .filter(|letter| !letter.is_control())
                    .take(100)
                    .collect::<String>()
                    .trim()
                    .to_owned()
            };
            changes.push(Change::SetProfile {
                user_id: user_id(),
                email,
                display_name: change.display_name.map(plain),
            });
        }
        if let Some(disabled) = change.disabled {
            changes.push(Change::SetPersonDisabled {
                user_id: user_id(),
                disabled_at: disabled.then_some(now),
            });
            if disabled {
                keep = true;
                // The identity provider of such an account is not asked again before the user signs
                // in anew (CA39).
                for identity in self.store.identities_of(&person.id).await? {
                    changes
                        .push(Change::DropCredential { identity: identity.id, next_check_at: now });
                }
                changes.push(Change::EndSessionsOfPerson { user_id: user_id(), except: None });
                changes.push(Change::RevokeGrantsOfPerson {
                    user_id: user_id(),
                    client_id: None,
                    at: now,
                    reason: RevokeReason::PersonChanged,
                });
                changes.push(Change::RevokeAccessTokensOfPerson { user_id: user_id(), at: now });
                // The user's access at upstreams is revoked.
                changes.push(Change::Upstream(UpstreamChange::EndConnections(user_id())));
            }
        }
        self.change(person, seen, keep, changes).await
    }

    /// Sets a user's roles.
    pub async fn set_roles(
        &self,
        authority: &Authority,
        person: &Person,
        roles: Vec<Role>,
    ) -> Result<(), PeopleError> {
        self.update(
            authority,
            person,
            PersonChange { roles: Some(roles), ..PersonChange::default() },
            None,
        )
        .await
    }

    /// Disables a user, if they are still as they were when they had the etag `seen`. Sessions,
    /// tokens and grants end.
    pub async fn disable(&self, person: &Person, seen: Option<&str>) -> Result<(), PeopleError> {
        self.apply_change(
            person,
            PersonChange { disabled: Some(true), ..PersonChange::default() },
            seen,
        )
        .await
    }

    /// Enables a disabled user again.
    pub async fn enable(
        &self,
        authority: &Authority,
        person: &Person,
        seen: Option<&str>,
    ) -> Result<(), PeopleError> {
        self.update(
            authority,
            person,
            PersonChange { disabled: Some(false), ..PersonChange::default() },
            seen,
        )
        .await
    }

    /// Ends a user's sessions, so that they must sign in again; with `apps`, connected apps must be
    /// authorized again too (CA52).
    pub async fn force_sign_in(&self, person: &Person, apps: bool) -> Result<(), PeopleError> {
        let user_id = || person.id.clone();
        let mut changes = vec![Change::EndSessionsOfPerson { user_id: user_id(), except: None }];
        if apps {
            changes.push(Change::RevokeGrantsOfPerson {
                user_id: user_id(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::PersonChanged,
            });
        }
        self.change(person, None, false, changes).await
    }

    /// Deletes a user and ends their sessions, tokens and grants.
    pub async fn delete(&self, person: &Person, seen: Option<&str>) -> Result<(), PeopleError> {
        let changes = vec![
            Change::DeletePerson(person.id.clone()),
            Change::EndSessionsOfPerson { user_id: person.id.clone(), except: None },
            Change::RevokeGrantsOfPerson {
                user_id: person.id.clone(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::PersonChanged,
            },
        ];
        self.change(person, seen, true, changes).await
    }
}
