//! Operations on groups of users, which carry roles.

mod described;

use std::{collections::BTreeSet, sync::Arc};

use doorward_accounts::Authority;
use doorward_model::{
    AuditSubject, Change, Clock, Group, GroupChange, GroupName, Role, UnitOfWork, User,
};
use doorward_store::{Condition, Extent, NameOrTime, Place, Store, StoreError, UserFilter};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub use described::GroupView;

use crate::{
    Edit, Listed, Proposal, Refusal, UserList, Users,
    edit::{self, Editable, Planned},
    users::roles,
};

/// Maximum number of groups.
const MOST_GROUPS: usize = 1000;
/// Maximum number of users in one change of a group's members.
const MOST_MEMBERS_AT_ONCE: usize = 1000;
/// Maximum number of characters of a description.
const LONGEST_DESCRIPTION: usize = 200;

/// A group to be added.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// The name, which never changes.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$"))]
    #[schemars(extend("x-code" = "invalid_name"))]
    pub name: String,
    /// The purpose.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub description: String,
    /// The roles of its members.
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$")))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    pub roles: Vec<String>,
}

/// Parts of a group. Omitted members stay.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GroupChange")]
pub struct GroupEdit {
    /// The purpose.
    #[schemars(length(max = 200))]
    pub description: Option<String>,
    /// The roles of its members, which replace the current ones.
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$")))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    pub roles: Option<Vec<String>>,
}

/// A group with the number of its members.
#[derive(Clone, Debug)]
pub struct CountedGroup {
    /// The group.
    pub group: Group,
    /// The number of members, from whichever source.
    pub members: u64,
}

/// A membership of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The name of the group.
    pub group: String,
    /// The roles that it carries.
    pub roles: Vec<String>,
    /// True if an administrator gave it; otherwise a rule of an identity provider did.
    pub by_administrator: bool,
}

/// The source of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleSource {
    /// An administrator gave it.
    Administrator,
    /// A rule of this identity provider gave it, at the last check.
    Provider(String),
    /// This group carries it.
    Group(String),
}

/// A role of a user, with all its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedRole {
    /// The role.
    pub role: Role,
    /// Its sources.
    pub sources: Vec<RoleSource>,
}

/// Users by identifier or sign-in name, who become members or are no longer ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Members<'a> {
    /// New members.
    pub add: &'a [String],
    /// Former members.
    pub remove: &'a [String],
}

/// Operations on groups. Cheap to clone.
#[derive(Clone)]
pub struct Groups {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// Reads the name of a group.
pub(crate) fn group_name(text: &str) -> Result<GroupName, Refusal> {
    GroupName::parse(text).map_err(|_| Refusal::GroupName(text.to_owned()))
}

/// Reads the roles that a group carries. The role of services is for accounts that no user has.
fn carried(names: &[String]) -> Result<Vec<Role>, Refusal> {
    let mut read = roles(names)?;
    if read.contains(&Role::service()) {
        return Err(Refusal::GroupOfServices);
    }
    read.sort();
    read.dedup();
    Ok(read)
}

fn described(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control) {
        return Err(Refusal::Description(LONGEST_DESCRIPTION));
    }
    Ok(text.to_owned())
}

/// The values that an administrator sets.
fn facts(group: &Group) -> Value {
    json!({
        "description": group.description,
        "roles": group.roles.iter().map(Role::as_str).collect::<Vec<_>>(),
    })
}

impl Groups {
    /// Operations on the groups of this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// All groups by name, each with the number of its members.
    pub async fn all(&self) -> Result<Vec<CountedGroup>, Refusal> {
        let members = self.store.count_members().await?;
        let counted = |group: Group| CountedGroup {
            members: members.get(group.name.as_str()).copied().unwrap_or_default(),
            group,
        };
        let most = u64::try_from(MOST_GROUPS).unwrap_or(u64::MAX);
        Ok(self.store.groups(most).await?.into_iter().map(counted).collect())
    }

    /// The group with this name.
    pub async fn named(&self, name: &str) -> Result<Group, Refusal> {
        let missing = || Refusal::missing(AuditSubject::Group, name);
        let parsed = GroupName::parse(name).map_err(|_| missing())?;
        self.store.group(&parsed).await?.ok_or_else(missing)
    }

    /// The group with this name, with the number of its members.
    pub async fn counted(&self, name: &str) -> Result<CountedGroup, Refusal> {
        let group = self.named(name).await?;
        let members = self.store.count_members().await?;
        let members = members.get(group.name.as_str()).copied().unwrap_or_default();
        Ok(CountedGroup { group, members })
    }

    /// The groups of a user with their roles, by name.
    pub async fn of(&self, user: &User) -> Result<Vec<Membership>, Refusal> {
        let local = self.store.local_groups_of(&user.id).await?;
        let mut found = Vec::new();
        for name in user.groups() {
            let group = self.store.group(&GroupName::from_stored(name.to_owned())).await?;
            found.push(Membership {
                group: name.to_owned(),
                roles: group.iter().flat_map(|one| &one.roles).map(ToString::to_string).collect(),
                by_administrator: local.iter().any(|one| one == name),
            });
        }
        Ok(found)
    }

    /// The roles of a user, each with its sources.
    pub async fn roles_of(&self, user: &User) -> Result<Vec<SourcedRole>, Refusal> {
        let (memberships, identities) =
            (self.of(user).await?, self.store.identities_of(&user.id).await?);
        let sourced = |role: &Role| {
            let own = user.roles.contains(role)
                || memberships
                    .iter()
                    .any(|one| one.by_administrator && role.group() == Some(one.group.as_str()));
            let own = own.then_some(RoleSource::Administrator);
            let provided = identities
                .iter()
                .filter(|identity| identity.roles.contains(role))
                .map(|identity| RoleSource::Provider(identity.provider.to_string()));
            let of_groups = memberships
                .iter()
                .filter(|one| one.roles.iter().any(|name| name == role.as_str()))
                .map(|one| RoleSource::Group(one.group.clone()));
            let sources = own.into_iter().chain(provided).chain(of_groups).collect();
            SourcedRole { role: role.clone(), sources }
        };
        Ok(user.all_roles().map(sourced).collect())
    }

    /// Those of these users who are members by an administrator's decision, by identifier.
    pub async fn members_by_administrator(
        &self,
        group: &Group,
        users: &[&User],
    ) -> Result<BTreeSet<String>, Refusal> {
        let ids: Vec<String> = users.iter().map(|user| user.id.to_string()).collect();
        Ok(self.store.local_members(&group.name, &ids).await?)
    }

    /// Adds a group. Users for whom a rule of an identity provider names it are members at once.
    pub async fn add(&self, _authority: &Authority, new: NewGroup) -> Result<Group, Refusal> {
        let group = Group {
            name: group_name(&new.name)?,
            description: described(&new.description)?,
            roles: carried(&new.roles)?,
            created_at: self.clock.now(),
        };
        if self.all().await?.len() >= MOST_GROUPS {
            return Err(Refusal::TooManyGroups(MOST_GROUPS));
        }
        let insert = GroupChange::Insert(Box::new(group.clone()));
        let changes = Self::with_roles(&group.name, vec![insert]);
        match self.store.apply(UnitOfWork::from_iter(changes)).await {
            Err(StoreError::Refused(Condition::Free(_))) => {
                Err(Refusal::taken(AuditSubject::Group, new.name))
            }
            done => Ok(done.map(|()| group)?),
        }
    }

    /// Changes the description or the roles of a group. Roles take effect at the next call of each
    /// member.
    pub async fn edit(
        &self,
        _authority: &Authority,
        proposal: Proposal<'_, GroupEdit>,
    ) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Deletes a group, if it is still in the state that was seen. Its members lose its roles.
    pub async fn delete(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        let group = self.named(name).await?;
        let mut changes = vec![GroupChange::Delete(group.name.clone())];
        changes.extend(self.kept_administrator(&group).await?);
        self.apply(&group, seen, changes).await
    }

    /// The users with these identifiers or sign-in names, each once.
    async fn users(&self, names: &[String]) -> Result<Vec<Arc<User>>, Refusal> {
        if names.len() > MOST_MEMBERS_AT_ONCE {
            return Err(Refusal::TooManyMembers(MOST_MEMBERS_AT_ONCE));
        }
        let mut found: Vec<Arc<User>> = Vec::with_capacity(names.len());
        let mut seen = BTreeSet::new();
        for name in names {
            let user = self.store.user_by(name).await?.ok_or_else(|| Refusal::no_user(name))?;
            if seen.insert(user.id.to_string()) {
                found.push(user);
            }
        }
        Ok(found)
    }

    /// Adds and removes members, all or none: users by identifier or sign-in name. Those who are
    /// members by an administrator's decision stay it. Returns the numbers of changes.
    pub async fn change_members(
        &self,
        _authority: &Authority,
        name: &str,
        Members { add, remove }: Members<'_>,
    ) -> Result<(usize, usize), Refusal> {
        let group = self.named(name).await?;
        let (add, remove) = (self.users(add).await?, self.users(remove).await?);
        let both: Vec<&User> = add.iter().chain(&remove).map(Arc::as_ref).collect();
        let known = self.members_by_administrator(&group, &both).await?;
        let is_one = |user: &User| known.contains(user.id.as_str());
        let at = self.clock.now();
        let mut changes: Vec<_> = add
            .iter()
            .filter(|user| !is_one(user))
            .map(|user| GroupChange::Join {
                group: group.name.clone(),
                user_id: user.id.clone(),
                at,
            })
            .collect();
        let joined = changes.len();
        for user in &remove {
            if is_one(user) {
                let (group, user_id) = (group.name.clone(), user.id.clone());
                changes.push(GroupChange::Leave { group, user_id });
            } else if user.groups().any(|one| one == group.name.as_str()) {
                return Err(Refusal::MemberByRule(user.name.to_string(), group.name.to_string()));
            }
        }
        let left = changes.len() - joined;
        if left > 0 {
            changes.extend(self.kept_administrator(&group).await?);
        }
        if joined + left > 0 {
            self.apply(&group, Some(&group.etag()), changes).await?;
        }
        Ok((joined, left))
    }

    /// Demands that an administrator remains after a change of a group that makes administrators.
    async fn kept_administrator(&self, group: &Group) -> Result<Option<GroupChange>, Refusal> {
        if !group.roles.contains(&Role::administrator()) {
            return Ok(None);
        }
        let filter = UserFilter {
            role: Some(Role::administrator().to_string()),
            disabled: Some(false),
            ..UserFilter::default()
        };
        let extent =
            Extent { sort: NameOrTime::Name, descending: false, place: Place::Start, limit: 1 };
        let there_is_one = self.store.list_users(&filter, &extent).await?.total > 0;
        Ok(there_is_one.then_some(GroupChange::ExpectAdministrator))
    }

    /// These changes, with the roles that follow from them. The demand for an administrator looks at
    /// the result.
    pub(crate) fn with_roles(name: &GroupName, changes: Vec<GroupChange>) -> Vec<Change> {
        let (demands, changes): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| matches!(change, GroupChange::ExpectAdministrator));
        let collect = GroupChange::Collect(name.clone());
        changes.into_iter().chain([collect]).chain(demands).map(Change::from).collect()
    }

    /// Applies changes to a group that was read, if it is still in the state `seen`.
    async fn apply(
        &self,
        group: &Group,
        seen: Option<&str>,
        changes: Vec<GroupChange>,
    ) -> Result<(), Refusal> {
        let expect = seen.map(|etag| {
            GroupChange::Expect { group: group.name.clone(), etag: etag.to_owned() }.into()
        });
        let changes = expect.into_iter().chain(Self::with_roles(&group.name, changes));
        match self.store.apply(changes.collect::<UnitOfWork>()).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(Condition::ExpectOtherAdministrator)) => {
                Err(Refusal::GroupOfAdministrators(group.name.to_string()))
            }
            Err(StoreError::Refused(_)) => Err(Refusal::SettingsChanged),
            Err(error) => Err(error.into()),
        }
    }
}

impl Users {
    /// A part of the members of a group, each with `true` if an administrator made them one.
    pub async fn members(
        &self,
        group: &Group,
        asked: UserList,
    ) -> Result<Listed<(User, bool)>, Refusal> {
        let asked = UserList { role: Some(group.name.role().to_string()), ..asked };
        let Listed { rows, total, skipped, next, previous } = self.list(&asked).await?;
        let ids: Vec<String> = rows.iter().map(|user| user.id.to_string()).collect();
        let local = self.store.local_members(&group.name, &ids).await?;
        let rows = rows.into_iter().map(|user| {
            let by_administrator = local.contains(user.id.as_str());
            (user, by_administrator)
        });
        Ok(Listed { rows: rows.collect(), total, skipped, next, previous })
    }
}

impl Editable for Groups {
    type Change = GroupEdit;
    /// The group before and after.
    type Plan = (Group, Group);

    async fn plan(&self, of: &str, change: &GroupEdit) -> Result<Planned<Self::Plan>, Refusal> {
        let before = self.named(of).await?;
        let mut after = before.clone();
        if let Some(text) = &change.description {
            after.description = described(text)?;
        }
        if let Some(names) = &change.roles {
            after.roles = carried(names)?;
        }
        let differences = edit::different_parts(&facts(&before), &facts(&after));
        let etag = before.etag();
        Ok(Planned { differences, ends_access: false, etag, plan: (before, after) })
    }

    async fn put(&self, (before, after): Self::Plan, _: Vec<String>) -> Result<(), Refusal> {
        let mut changes = vec![GroupChange::Update(Box::new(after))];
        changes.extend(self.kept_administrator(&before).await?);
        self.apply(&before, Some(&before.etag()), changes).await
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.named(of).await?.etag())
    }
}
