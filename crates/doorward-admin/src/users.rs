//! Operations on users.

use std::sync::Arc;

use doorward_accounts::{AccountChange, Accounts, Authority, Enrolled, UserError};
use doorward_federation::Provider;
use doorward_model::{
    Change, ClientId, Clock, LinkedIdentity, RevokeReason, Role, Session, SessionId, User, UserId,
};
use doorward_store::{ConnectedApp, PasswordlessSignIn, Store};

use crate::{Object, Refusal};

/// Maximum number of roles that a user may be given.
const MOST_ROLES: usize = 50;

/// A change of a user. A value of `None` leaves the field unchanged.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The roles that an administrator gives.
    pub roles: Option<Vec<String>>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// Disabled or not.
    pub disabled: Option<bool>,
}

/// The state of a user's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// The user can sign in.
    Active,
    /// The user can sign in, to choose another password than the first one.
    FirstPassword,
    /// There is no way to sign in yet: the invitation was not accepted, or none is open.
    CannotSignIn,
    /// It is the account of a service, whose clients act without a user.
    Service,
    /// An administrator disabled it.
    Disabled,
}

impl UserState {
    /// Its name in the API and in the output of commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::FirstPassword => "first_password",
            Self::CannotSignIn => "cannot_sign_in",
            Self::Service => "service",
            Self::Disabled => "disabled",
        }
    }
}

/// The possessions of a user.
#[derive(Debug)]
pub struct UserDetails {
    /// Second factors.
    pub enrolled: Enrolled,
    /// Sessions in browsers.
    pub sessions: Vec<Session>,
    /// Clients to which the user gave access.
    pub apps: Vec<ConnectedApp>,
    /// Accounts at identity providers.
    pub identities: Vec<LinkedIdentity>,
    /// The number of live personal access tokens.
    pub tokens: u64,
}

/// Operations on users. Cheap to clone.
#[derive(Clone)]
pub struct Users {
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Reads roles.
pub(crate) fn roles(texts: &[String]) -> Result<Vec<Role>, Refusal> {
    if texts.len() > MOST_ROLES {
        return Err(Refusal::TooManyRoles(MOST_ROLES));
    }
    texts
        .iter()
        .map(|text| Role::parse(text).map_err(|error| Refusal::Role(text.clone(), error)))
        .collect()
}

impl Users {
    /// Operations on the users of this store.
    pub fn new(store: Store, accounts: Accounts, clock: Arc<dyn Clock>) -> Self {
        Self { store, accounts, clock }
    }

    /// Reports that users may sign in with passwords of their own.
    pub fn have_passwords(&self) -> bool {
        self.accounts.config().passwords
    }

    /// The least number of characters of a password.
    pub fn password_min_length(&self) -> usize {
        self.accounts.config().password_min_length
    }

    /// The user with this identifier.
    pub async fn with_id(&self, id: &str) -> Result<Arc<User>, Refusal> {
        self.store.user(&UserId::from_text(id)).await?.ok_or_else(|| Refusal::no_user(id))
    }

    /// The user with this sign-in name.
    pub async fn named(&self, name: &str) -> Result<User, Refusal> {
        match self.accounts.find(name).await {
            // No user has an invalid name.
            Err(UserError::Name(_)) => Err(Refusal::no_user(name)),
            found => Ok(found?),
        }
    }

    /// All users.
    pub async fn all(&self) -> Result<Vec<User>, Refusal> {
        Ok(self.accounts.list().await?)
    }

    /// The states of users, in the same order. Only a user who can sign in is active: with a
    /// password, a passkey, or an account at an identity provider that is enabled.
    pub async fn states(
        &self,
        users: &[&User],
        enabled: &[Arc<Provider>],
    ) -> Result<Vec<UserState>, Refusal> {
        let ids: Vec<UserId> = users.iter().map(|user| user.id.clone()).collect();
        let ways = self.store.ways_in(&ids).await?;
        let passwords = self.have_passwords();
        let state = |user: &&User| {
            let own: Vec<&PasswordlessSignIn> =
                ways.iter().filter(|way| way.user_id == user.id).collect();
            let other = own.iter().any(|way| {
                way.provider
                    .as_ref()
                    .is_none_or(|provider| enabled.iter().any(|one| one.id == *provider))
            });
            let with_password = user.password.is_some() && passwords;
            if user.disabled_at.is_some() {
                UserState::Disabled
            } else if user.has_any(&[Role::service()]) {
                UserState::Service
            } else if other || with_password && !user.password_temporary {
                UserState::Active
            } else if with_password {
                UserState::FirstPassword
            } else {
                UserState::CannotSignIn
            }
        };
        Ok(users.iter().map(state).collect())
    }

    /// The state of a user.
    pub async fn state(
        &self,
        user: &User,
        enabled: &[Arc<Provider>],
    ) -> Result<UserState, Refusal> {
        let state = self.states(&[user], enabled).await?.into_iter().next();
        Ok(state.unwrap_or(UserState::CannotSignIn))
    }

    /// The possessions of a user.
    pub async fn belongings(&self, user: &User) -> Result<UserDetails, Refusal> {
        let now = self.clock.now();
        Ok(UserDetails {
            enrolled: self.accounts.enrolled(&user.id).await?,
            sessions: self.accounts.sessions_of(&user.id).await?,
            apps: self.store.connected_apps(&user.id, now).await?,
            identities: self.store.identities_of(&user.id).await?,
            tokens: self.store.count_access_tokens(&user.id, now).await?,
        })
    }

    /// Reports the account of a service: it has the role, and no way to sign in.
    async fn is_service(&self, user: &User) -> Result<bool, Refusal> {
        Ok(user.password.is_none()
            && user.roles.contains(&Role::service())
            && self.store.ways_in(std::slice::from_ref(&user.id)).await?.is_empty())
    }

    /// The service with this identifier.
    pub async fn service(&self, id: &str) -> Result<Arc<User>, Refusal> {
        let user = self.with_id(id).await?;
        let is_service = self.is_service(&user).await?;
        Some(user).filter(|_| is_service).ok_or_else(|| Refusal::missing(Object::Service, id))
    }

    /// Changes a user. The account of a service keeps its role `service`, without which it would be
    /// the account of a user. Disabling ends sessions, tokens and grants. Returns the user as
    /// changed.
    pub async fn change(
        &self,
        authority: &Authority,
        user: &User,
        change: UserChange,
        seen: Option<&str>,
    ) -> Result<Arc<User>, Refusal> {
        let mut roles = change.roles.as_deref().map(roles).transpose()?;
        if let Some(roles) = roles.as_mut()
            && !roles.contains(&Role::service())
            && self.is_service(user).await?
        {
            roles.insert(0, Role::service());
        }
        let change = AccountChange {
            roles,
            email: change.email,
            display_name: change.display_name,
            disabled: change.disabled,
        };
        self.accounts.update(authority, user, change, seen).await?;
        self.with_id(user.id.as_str()).await
    }

    /// Disables a user. Sessions, tokens and grants end.
    pub async fn disable(&self, user: &User, seen: Option<&str>) -> Result<(), Refusal> {
        Ok(self.accounts.disable(user, seen).await?)
    }

    /// Enables a disabled user.
    pub async fn enable(
        &self,
        authority: &Authority,
        user: &User,
        seen: Option<&str>,
    ) -> Result<(), Refusal> {
        Ok(self.accounts.enable(authority, user, seen).await?)
    }

    /// Deletes a user. Sessions, tokens and grants end.
    pub async fn delete(&self, user: &User, seen: Option<&str>) -> Result<(), Refusal> {
        Ok(self.accounts.delete(user, seen).await?)
    }

    /// Ends the sessions of a user, so that they must sign in again; with `apps`, the grants of
    /// connected apps too.
    pub async fn sign_out(&self, user: &User, apps: bool) -> Result<(), Refusal> {
        Ok(self.accounts.force_sign_in(user, apps).await?)
    }

    /// Ends one session of a user.
    pub async fn end_session(&self, user: &User, session: &str) -> Result<(), Refusal> {
        if self.accounts.end_session(&user.id, SessionId::from_text(session)).await? {
            Ok(())
        } else {
            Err(Refusal::missing(Object::Session, session))
        }
    }

    /// Revokes everything that a user allowed a client.
    pub async fn revoke_access(&self, user: &User, client: &str) -> Result<(), Refusal> {
        let (client_id, now) = (ClientId::from_text(client), self.clock.now());
        let held = self.store.connected_apps(&user.id, now).await?;
        if !held.iter().any(|app| app.client_id == client_id) {
            return Err(Refusal::missing(Object::App, client));
        }
        let revoke = Change::RevokeGrantsOfUser {
            user_id: user.id.clone(),
            client_id: Some(client_id),
            at: now,
            reason: RevokeReason::ByUser,
        };
        Ok(self.store.apply(revoke).await?)
    }

    /// Sets a user's password. Sessions and grants end.
    pub async fn set_password(
        &self,
        authority: &Authority,
        user: &User,
        password: String,
    ) -> Result<(), Refusal> {
        Ok(self.accounts.set_password(authority, user, password, None).await?)
    }

    /// Removes a user's passkeys, authenticator app and recovery codes. Sessions and grants end.
    pub async fn reset_factors(&self, authority: &Authority, user: &User) -> Result<(), Refusal> {
        Ok(self.accounts.reset_factors(authority, user).await?)
    }
}
