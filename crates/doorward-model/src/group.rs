//! Groups of users, which carry roles.

use crate::{
    Change, GroupName, Role, Timestamp, UnitOfWork,
    id::{UserId, etag},
};

/// A group. Its members have its roles and the role `group:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name, which never changes: rules name it.
    pub name: GroupName,
    /// Its purpose, for administrators.
    pub description: String,
    /// The roles of its members.
    pub roles: Vec<Role>,
    /// The time of creation.
    pub created_at: Timestamp,
}

impl Group {
    /// Identifies the state that an administrator saw.
    pub fn etag(&self) -> String {
        let roles: Vec<_> = self.roles.iter().map(Role::as_str).collect();
        etag(&[
            self.name.as_str(),
            &self.description,
            &roles.join(" "),
            &self.created_at.to_string(),
        ])
    }
}

/// A change to groups. What it means for users takes effect with [`GroupChange::Collect`], the last
/// change of a unit that names a group.
#[derive(Clone, Debug)]
pub enum GroupChange {
    /// Adds a group. Conditional: its name is free.
    Insert(Box<Group>),
    /// Replaces description and roles. Conditional: it exists.
    Update(Box<Group>),
    /// Deletes a group with its memberships. Conditional: it exists.
    Delete(GroupName),
    /// Makes a user a member. Conditional: they are not one.
    Join {
        /// The group.
        group: GroupName,
        /// The user.
        user_id: UserId,
        /// The time.
        at: Timestamp,
    },
    /// Ends a membership that an administrator gave. Conditional: there is one.
    Leave {
        /// The group.
        group: GroupName,
        /// The user.
        user_id: UserId,
    },
    /// Computes the roles of all who are, or were, members of a group.
    Collect(GroupName),
    /// Demands that a group is as it was read. Conditional: it has this entity tag.
    Expect {
        /// The group.
        group: GroupName,
        /// Its entity tag, by [`Group::etag`].
        etag: String,
    },
    /// Demands that an enabled administrator remains. Conditional: there is one.
    ExpectAdministrator,
}

impl From<GroupChange> for Change {
    fn from(change: GroupChange) -> Self {
        Self::Group(change)
    }
}

impl From<GroupChange> for UnitOfWork {
    fn from(change: GroupChange) -> Self {
        Change::from(change).into()
    }
}
