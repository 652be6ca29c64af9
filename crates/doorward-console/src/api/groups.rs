//! Groups of users.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{
    Groups, Members, Membership, Objects, Refusal, RoleSource, SourcedRole, UserList,
};
use doorward_model::{User, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    objects,
    operation::{
        Answered, ApiCaller, JsonBody, Operation, PathValue, Place, QueryParams, needs, show,
    },
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = Groups::API.missing;
    let mut operations = objects::operations::<Groups>();
    operations.extend([
        Operation::get(
            needs::READ,
            routes::API_GROUP_MEMBERS,
            "listGroupMembers",
            "Lists the members of a group by name.",
            members,
        )
        .query::<MemberList>()
        .answer::<MembersShown>(200, "The members.")
        .missing(NONE),
        Operation::post(
            needs::ALL,
            routes::API_GROUP_MEMBERS,
            "changeGroupMembers",
            "Adds and removes members of a group, all or none.",
            change_members,
        )
        .body::<MemberChanges>()
        .answer::<MembersChanged>(200, "The numbers of changes.")
        .missing("There is no such group or user.")
        .problem(409, "A rule of an identity provider makes the user a member, or the group makes the last administrators."),
    ]);
    operations
}

/// Selection of members in a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberList {
    /// Only users with this text in their names or e-mail address.
    #[schemars(length(max = 200))]
    search: Option<String>,
    /// Maximum number, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    after: Option<String>,
    /// The end of the part: `previous` of the one after.
    before: Option<String>,
}

/// A member of a group.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupMember")]
struct MemberShown {
    id: String,
    /// The sign-in name.
    name: String,
    display_name: Option<String>,
    /// True if an administrator made the user a member; false if a rule of an identity provider
    /// did.
    by_administrator: bool,
}

/// A membership in a group.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupMembership")]
pub(super) struct MembershipShown {
    group: String,
    /// The roles that the group carries.
    roles: Vec<String>,
    /// True if an administrator gave it; false if a rule of an identity provider did.
    by_administrator: bool,
}

impl From<Membership> for MembershipShown {
    fn from(Membership { group, roles, by_administrator }: Membership) -> Self {
        Self { group, roles, by_administrator }
    }
}

/// A role with its sources.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SourcedRole")]
pub(super) struct RoleShown {
    role: String,
    sources: Vec<SourceShown>,
}

/// A source of a role.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RoleSource")]
struct SourceShown {
    /// `administrator`, `provider` (a rule of an identity provider) or `group`.
    kind: &'static str,
    /// The name of the identity provider or group.
    name: Option<String>,
}

impl From<SourcedRole> for RoleShown {
    fn from(SourcedRole { role, sources }: SourcedRole) -> Self {
        let source = |source: RoleSource| match source {
            RoleSource::Administrator => SourceShown { kind: "administrator", name: None },
            RoleSource::Provider(name) => SourceShown { kind: "provider", name: Some(name) },
            RoleSource::Group(name) => SourceShown { kind: "group", name: Some(name) },
        };
        Self { role: role.to_string(), sources: sources.into_iter().map(source).collect() }
    }
}

/// The roles of a user with their sources.
pub(super) async fn sources(console: &Console, user: &User) -> Result<Vec<RoleShown>, Refusal> {
    Ok(console.admin.groups.roles_of(user).await?.into_iter().map(Into::into).collect())
}

/// A part of the members of a group.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupMembers")]
struct MembersShown {
    members: Vec<MemberShown>,
    #[serde(flatten)]
    place: Place,
}

/// Users who become members, and who are no longer ones: by identifier or sign-in name, at most
/// 1000 of each.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GroupMemberChanges")]
struct MemberChanges {
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
}

/// The numbers of changes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupMembersChanged")]
struct MembersChanged {
    /// The number of new members.
    added: usize,
    /// The number of former members.
    removed: usize,
}

async fn members(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    QueryParams(MemberList { search, limit, after, before }): QueryParams<MemberList>,
) -> Answered {
    let group = console.admin.groups.named(&name).await?;
    let asked = UserList { search, limit, after, before, ..UserList::default() };
    let (rows, place) = Place::of(console.admin.users.members(&group, asked).await?);
    let shown = rows.into_iter().map(|(user, by_administrator)| MemberShown {
        id: user.id.to_string(),
        name: user.name.to_string(),
        display_name: user.display_name,
        by_administrator,
    });
    Ok(show(StatusCode::OK, &MembersShown { members: shown.collect(), place }))
}

async fn change_members(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(name): PathValue,
    JsonBody(MemberChanges { add, remove }): JsonBody<MemberChanges>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let members = Members { add: &add, remove: &remove };
    let (added, removed) = console.admin.groups.change_members(&authority, &name, members).await?;
    Ok(show(StatusCode::OK, &MembersChanged { added, removed }))
}
