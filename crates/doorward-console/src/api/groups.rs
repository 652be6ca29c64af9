//! Groups of users.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{
    CountedGroup, GroupEdit, Members, Membership, NewGroup, Proposal, Refusal, RoleSource,
    SourcedRole, UserList,
};
use doorward_model::{Role, User, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    edits::{self, Edited, Trial},
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, Place, QueryParams, done,
        needs, show, show_state,
    },
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such group.";
    vec![
        Operation::get(
            needs::READ,
            routes::API_GROUPS,
            "listGroups",
            "Lists groups of users, by name.",
            list,
        )
        .answer::<Groups>(200, "The groups."),
        Operation::post(
            needs::ALL,
            routes::API_GROUPS,
            "addGroup",
            "Adds a group: its members have its roles.",
            add,
        )
        .body::<New>()
        .answer::<GroupView>(201, "The group was added.")
        .with_etag()
        .problem(409, "The name is already in use, or there are too many groups."),
        Operation::get(needs::READ, routes::API_GROUP, "showGroup", "Shows a group.", one)
            .answer::<GroupView>(200, "The group.")
            .with_etag()
            .missing(NONE),
        Operation::patch(
            needs::ALL,
            routes::API_GROUP,
            "changeGroup",
            "Changes the description or the roles of a group. They take effect at the next call of \
             each member.",
            change,
        )
        .query::<Trial>()
        .body::<Changes>()
        .answer::<Edited>(200, "What changed.")
        .with_etag()
        .if_match()
        .missing(NONE)
        .problem(409, "The group makes the last administrators."),
        Operation::delete(
            needs::ALL,
            routes::API_GROUP,
            "deleteGroup",
            "Deletes a group; its members lose its roles.",
            delete,
        )
        .empty("The group was deleted.")
        .if_match()
        .missing(NONE)
        .problem(409, "The group makes the last administrators."),
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
    ]
}

/// A group of users.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Group")]
struct GroupView {
    /// The name. Rules name the group as `group:NAME`.
    name: String,
    description: String,
    /// The roles of its members.
    roles: Vec<String>,
    /// The number of its members, from whichever source.
    members: u64,
    /// Seconds since 1970.
    created_at: i64,
    /// Names this state, for If-Match.
    etag: String,
}

impl GroupView {
    fn of(CountedGroup { group, members }: &CountedGroup) -> Self {
        Self {
            name: group.name.to_string(),
            description: group.description.clone(),
            roles: group.roles.iter().map(Role::to_string).collect(),
            members: *members,
            created_at: group.created_at.0,
            etag: group.etag(),
        }
    }
}

/// All groups.
#[derive(Serialize, JsonSchema)]
struct Groups {
    groups: Vec<GroupView>,
}

/// A group to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewGroup")]
struct New {
    /// The name, which never changes.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$"))]
    name: String,
    #[serde(default)]
    #[schemars(length(max = 200))]
    description: String,
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$")))]
    roles: Vec<String>,
}

/// The changes. Omitted members stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GroupChange")]
struct Changes {
    #[schemars(length(max = 200))]
    description: Option<String>,
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$")))]
    roles: Option<Vec<String>>,
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

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let groups = console.admin.groups.all().await?;
    Ok(show(StatusCode::OK, &Groups { groups: groups.iter().map(GroupView::of).collect() }))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(New { name, description, roles }): JsonBody<New>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let new = NewGroup { name, description, roles };
    let group = console.admin.groups.add(&authority, new).await?;
    let counted = console.admin.groups.counted(group.name.as_str()).await?;
    Ok(show_state(StatusCode::CREATED, &GroupView::of(&counted), &group.etag()))
}

async fn one(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let counted = console.admin.groups.counted(&name).await?;
    Ok(show_state(StatusCode::OK, &GroupView::of(&counted), &counted.group.etag()))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(name), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(Changes { description, roles }): JsonBody<Changes>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let (change, effect) = (GroupEdit { description, roles }, trial.effect());
    let proposal = Proposal { of: &name, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.groups.edit(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

async fn delete(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    IfMatch(seen): IfMatch,
) -> Answered {
    console.admin.groups.delete(&name, Some(&seen)).await?;
    Ok(done())
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
