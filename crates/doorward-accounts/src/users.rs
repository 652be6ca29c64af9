//! Adding, changing and removing users; the first administrator.

mod first;
mod passwords;

pub use passwords::PasswordChange;

use doorward_model::{
    Change, HashedToken, PlainPassword, RevokeReason, Role, UnitOfWork, UpstreamChange, User,
    UserId, UserName, secret::PasswordTextError, user::UserNameError,
};
use doorward_store::{Condition, StoreError};
use doorward_transport::ClientAddress;

use crate::{Accounts, Authority, HasherError};

/// A user to be added.
#[derive(Debug)]
pub struct NewAccount {
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
pub enum UserError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] UserNameError),
    /// The name is taken.
    #[error("the name {0} is already in use")]
    Taken(String),
    /// The password cannot be one.
    #[error(transparent)]
    Password(#[from] PasswordTextError),
    /// The present password is not that.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The password was tried too often. Holds the number of seconds to wait.
    #[error("too many failed attempts; try again in {0} seconds")]
    Wait(i64),
    /// Not an e-mail address.
    #[error("{0:?} is not an e-mail address")]
    Email(String),
    /// No such user.
    #[error("there is no user {0}")]
    Unknown(String),
    /// Without an administrator, the server could no longer be administered.
    #[error("{0} is the last administrator; make another user an administrator first")]
    LastAdministrator(String),
    /// Another change was made to the user since they were read.
    #[error("the user was changed in the meantime; check the current state and try again")]
    Changed,
    /// The one-time link is unknown, used or too old.
    #[error(
        "this link was already used or has expired; create a new one with: doorward admin-link"
    )]
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
pub struct AccountChange {
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
pub fn checked_email(text: &str) -> Result<String, UserError> {
    let email = text.trim();
    let plausible = email.len() <= 254
        && email
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !email.contains(char::is_whitespace);
    if !plausible || email.chars().any(char::is_control) {
        Err(UserError::Email(email.to_owned()))
    } else {
        Ok(email.to_owned())
    }
}

impl Accounts {
    /// Makes a user who is not stored yet, so that the write can be part of a larger unit of work.
    pub async fn prepare(
        &self,
        _authority: &Authority,
        new: NewAccount,
    ) -> Result<User, UserError> {
        self.checked(new).await
    }

    async fn checked(&self, new: NewAccount) -> Result<User, UserError> {
        let name = UserName::parse(&new.name)?;
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
        Ok(User {
            id: UserId::random(self.entropy.as_ref()),
            name,
            email,
            email_by: None,
            display_name: None,
            password_temporary: new.password_temporary && password.is_some(),
            password,
            roles: new.roles,
            provider_roles: Vec::new(),
            group_roles: Vec::new(),
            created_at: self.clock.now(),
            disabled_at: None,
            links_after: None,
        })
    }

    /// Adds a user.
    pub async fn add(&self, authority: &Authority, new: NewAccount) -> Result<User, UserError> {
        let user = self.prepare(authority, new).await?;
        match self.store.apply(Change::InsertUser(user.clone())).await {
            Ok(()) => Ok(user),
            Err(StoreError::Refused(_)) => Err(UserError::Taken(user.name.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The user with this sign-in name.
    pub async fn find(&self, name: &str) -> Result<User, UserError> {
        self.store
            .user_named(&UserName::parse(name)?)
            .await?
            .ok_or_else(|| UserError::Unknown(name.to_owned()))
    }

    /// True if a user signs in only through identity providers, and all accounts at them have
    /// ended.
    pub(crate) async fn hangs_on_ended_accounts(&self, user: &User) -> Result<bool, StoreError> {
        if user.password.is_some() && self.config.passwords {
            return Ok(false);
        }
        let identities = self.store.identities_of(&user.id).await?;
        Ok(!identities.is_empty() && identities.iter().all(|identity| identity.ended_at.is_some()))
    }

    /// All users.
    pub async fn list(&self) -> Result<Vec<User>, StoreError> {
        self.store.users().await
    }

    /// Applies a change to a user: only if they are still as they were when they had the etag
    /// `seen`, and another user remains an administrator where `keep` demands it.
    async fn change(
        &self,
        user: &User,
        seen: Option<&str>,
        keep: bool,
        changes: Vec<Change>,
    ) -> Result<(), UserError> {
        let mut unit = UnitOfWork::new();
        if let Some(seen) = seen {
            unit.push(Change::Expect {
                object: doorward_model::Expected::User(user.id.clone()),
                etag: seen.to_owned(),
            });
        }
        if keep {
            unit.push(Change::ExpectOtherAdministrator(user.id.clone()));
        }
        for change in changes {
            unit.push(change);
        }
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(Condition::Expect)) => Err(UserError::Changed),
            Err(StoreError::Refused(Condition::ExpectOtherAdministrator)) => {
                Err(UserError::LastAdministrator(user.name.to_string()))
            }
            Err(StoreError::Refused(Condition::RenameUser)) => {
                Err(UserError::Taken(user.name.to_string()))
            }
            Err(StoreError::Refused(_)) => Err(UserError::Unknown(user.name.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a user, as a whole or not at all. Disabling ends sessions, tokens and grants.
    pub async fn update(
        &self,
        _authority: &Authority,
        user: &User,
        change: AccountChange,
        seen: Option<&str>,
    ) -> Result<(), UserError> {
        self.apply_change(user, change, seen).await
    }

    async fn apply_change(
        &self,
        user: &User,
        change: AccountChange,
        seen: Option<&str>,
    ) -> Result<(), UserError> {
        let now = self.clock.now();
        let user_id = || user.id.clone();
        let (mut changes, mut keep) = (Vec::new(), false);
        if let Some(roles) = change.roles {
            keep |= !roles.contains(&Role::administrator());
            changes.push(Change::SetRoles { user_id: user_id(), roles });
        }
        if change.email.is_some() || change.display_name.is_some() {
            let email = change.email.map(|email| checked_email(&email)).transpose()?;
            let plain = |name: String| doorward_model::foreign::line(&name, 100).into_owned();
            changes.push(Change::SetProfile {
                user_id: user_id(),
                email,
                display_name: change.display_name.map(plain),
            });
        }
        if let Some(disabled) = change.disabled {
            changes.push(Change::SetUserDisabled {
                user_id: user_id(),
                disabled_at: disabled.then_some(now),
            });
            if disabled {
                keep = true;
                // The identity provider of such an account is not asked again before the user signs
                // in again (CA39).
                for identity in self.store.identities_of(&user.id).await? {
                    changes
                        .push(Change::DropCredential { identity: identity.id, next_check_at: now });
                }
                changes.push(Change::EndSessionsOfUser { user_id: user_id(), except: None });
                changes.push(Change::RevokeGrantsOfUser {
                    user_id: user_id(),
                    client_id: None,
                    at: now,
                    reason: RevokeReason::UserChanged,
                });
                changes.push(Change::RevokeAccessTokensOfUser { user_id: user_id(), at: now });
                // The user's access at upstreams is revoked.
                changes.push(Change::Upstream(UpstreamChange::EndConnections(user_id())));
            }
        }
        self.change(user, seen, keep, changes).await
    }

    /// Sets a user's roles.
    pub async fn set_roles(
        &self,
        authority: &Authority,
        user: &User,
        roles: Vec<Role>,
    ) -> Result<(), UserError> {
        self.update(
            authority,
            user,
            AccountChange { roles: Some(roles), ..AccountChange::default() },
            None,
        )
        .await
    }

    /// Disables a user, if they are still as they were when they had the etag `seen`. Sessions,
    /// tokens and grants end.
    pub async fn disable(&self, user: &User, seen: Option<&str>) -> Result<(), UserError> {
        self.apply_change(
            user,
            AccountChange { disabled: Some(true), ..AccountChange::default() },
            seen,
        )
        .await
    }

    /// Enables a disabled user again.
    pub async fn enable(
        &self,
        authority: &Authority,
        user: &User,
        seen: Option<&str>,
    ) -> Result<(), UserError> {
        self.update(
            authority,
            user,
            AccountChange { disabled: Some(false), ..AccountChange::default() },
            seen,
        )
        .await
    }

    /// Ends a user's sessions, so that they must sign in again; with `apps`, connected apps must be
    /// authorized again too (CA52).
    pub async fn force_sign_in(&self, user: &User, apps: bool) -> Result<(), UserError> {
        let user_id = || user.id.clone();
        let mut changes = vec![Change::EndSessionsOfUser { user_id: user_id(), except: None }];
        if apps {
            changes.push(Change::RevokeGrantsOfUser {
                user_id: user_id(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::UserChanged,
            });
        }
        self.change(user, None, false, changes).await
    }

    /// Deletes a user and ends their sessions, tokens and grants.
    pub async fn delete(&self, user: &User, seen: Option<&str>) -> Result<(), UserError> {
        let changes = vec![
            Change::DeleteUser(user.id.clone()),
            Change::EndSessionsOfUser { user_id: user.id.clone(), except: None },
            Change::RevokeGrantsOfUser {
                user_id: user.id.clone(),
                client_id: None,
                at: self.clock.now(),
                reason: RevokeReason::UserChanged,
            },
        ];
        self.change(user, seen, true, changes).await
    }
}
