//! Accounts of users and services.

use std::fmt;

use crate::{IdentityId, Scope, ScopeSet, Timestamp, id::UserId, secret::HashedPassword};

/// The name that a user signs in with: 1 to 64 letters, digits, `.`, `_`, `-` or `@`, compared
/// without case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserName(String);

/// A text that cannot be a sign-in name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 letters, digits, '.', '_', '-' or '@'")]
pub struct UserNameError;

impl UserName {
    /// Parses a typed name; upper-case letters become lower case.
    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        let name = text.trim().to_ascii_lowercase();
        let plain =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte));
        if name.is_empty() || name.len() > 64 || !plain {
            Err(UserNameError)
        } else {
            Ok(Self(name))
        }
    }
    /// A name as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The name in its stored, lower-case form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role: a lower-case word that the policy refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(String);

/// A text that cannot be a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role has 1 to 32 lower-case letters, digits, '_' or '-'")]
pub struct RoleError;

impl Role {
    /// The role of administrators.
    pub fn administrator() -> Self {
        Self("admin".to_owned())
    }
    /// The role of accounts that belong to programs.
    pub fn service() -> Self {
        Self("service".to_owned())
    }
    /// The role of users who see numbers of usage, with the names of users, without being
    /// administrators. Administrators with it may read recorded arguments and results of calls.
    pub fn auditor() -> Self {
        Self("auditor".to_owned())
    }
    /// Parses a role's name.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let plain = text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
        });
        if text.is_empty() || text.len() > 32 || !plain {
            Err(RoleError)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
    /// Parses a role as rules name it: a role, or `group:NAME`, which all members of a group have
    /// and which is given in no other way.
    pub fn named(text: &str) -> Result<Self, RoleError> {
        match text.strip_prefix(GROUP) {
            Some(name) => GroupName::parse(name).map(|name| name.role()),
            None => Self::parse(text),
        }
    }
    /// The group whose members have this role, if it is one of a group.
    pub fn group(&self) -> Option<&str> {
        self.0.strip_prefix(GROUP)
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginning of the roles that members of groups have.
const GROUP: &str = "group:";

/// The name of a group, in the form of a role's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(String);

impl GroupName {
    /// Parses a group's name.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        Role::parse(text).map(|role| Self(role.0))
    }
    /// A name as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The role that every member has: `group:NAME`.
    pub fn role(&self) -> Role {
        Role(format!("{GROUP}{}", self.0))
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user with an account here.
#[derive(Clone, Debug)]
pub struct User {
    /// The stable identifier: `sub` in tokens.
    pub id: UserId,
    /// The sign-in name, unique.
    pub name: UserName,
    /// An e-mail address that an administrator gave or an identity provider vouches for. It does
    /// not identify the user.
    pub email: Option<String>,
    /// The account at the provider that vouches for the e-mail address; `None` if an administrator
    /// gave it. The e-mail address is removed when the provider no longer vouches for it.
    pub email_by: Option<IdentityId>,
    /// The password's hash; `None` for users without one.
    pub password: Option<HashedPassword>,
    /// The password is a first one that an administrator chose: it opens nothing but the choice of
    /// another.
    pub password_temporary: bool,
    /// The display name, if a provider states one. Shown as text, never compared.
    pub display_name: Option<String>,
    /// The roles that an administrator assigned; see [`User::all_roles`].
    pub roles: Vec<Role>,
    /// The roles that rules of their identity providers gave them, at the last check.
    pub provider_roles: Vec<Role>,
    /// The roles that their groups give them, with `group:NAME` of each group.
    pub group_roles: Vec<Role>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time at which an administrator disabled it.
    pub disabled_at: Option<Timestamp>,
    /// Links to set a password that were made before this moment do not count.
    pub links_after: Option<Timestamp>,
}

impl User {
    /// Identifies the state that an administrator saw, so that no other is decided on.
    pub fn etag(&self) -> String {
        let roles = |roles: &[Role]| roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ");
        let (email, shown) = (
            self.email.as_deref().unwrap_or_default(),
            self.display_name.as_deref().unwrap_or_default(),
        );
        let disabled = self.disabled_at.map(|at| at.to_string()).unwrap_or_default();
        crate::id::etag(&[
            self.id.as_str(),
            self.name.as_str(),
            email,
            shown,
            &roles(&self.roles),
            &roles(&self.provider_roles),
            &roles(&self.group_roles),
            &disabled,
        ])
    }
    /// True if this user may use the administrator's pages.
    pub fn is_administrator(&self) -> bool {
        self.has_any(&[Role::administrator()])
    }
    /// The scopes of the administrators' API that this user may hold: all as an administrator, and
    /// as an auditor the one to read, with which they see usage alone.
    pub fn administrative_scopes(&self) -> ScopeSet {
        if self.is_administrator() {
            ScopeSet::administrative()
        } else if self.has_any(&[Role::auditor()]) {
            ScopeSet::from_iter([Scope::AdminRead])
        } else {
            ScopeSet::default()
        }
    }
    /// Every role once, from all sources: an administrator, rules of identity providers, groups.
    pub fn all_roles(&self) -> impl Iterator<Item = &Role> {
        let provided = self.provider_roles.iter().filter(|role| !self.roles.contains(role));
        let of_groups = self
            .group_roles
            .iter()
            .filter(|role| !self.roles.contains(role) && !self.provider_roles.contains(role));
        self.roles.iter().chain(provided).chain(of_groups)
    }
    /// True if this user has one of these roles, from whichever source.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| {
            [&self.roles, &self.provider_roles, &self.group_roles]
                .iter()
                .any(|held| held.contains(role))
        })
    }
    /// The names of the groups that this user is a member of.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.group_roles.iter().filter_map(Role::group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_of_a_group_can_be_named_and_never_given() {
        let role = Role::named("group:engineers").unwrap();
        assert_eq!((role.as_str(), role.group()), ("group:engineers", Some("engineers")));
        assert_eq!(role, GroupName::parse("engineers").unwrap().role());
        assert_eq!(Role::named("staff").unwrap().group(), None);
        for text in ["group:", "group:A", "group:group:a", "groups:a", "a:b", ""] {
            assert!(Role::named(text).is_err(), "{text}");
        }
        for text in ["group:engineers", "group:"] {
            assert!(Role::parse(text).is_err() && GroupName::parse(text).is_err(), "{text}");
        }
    }
}
