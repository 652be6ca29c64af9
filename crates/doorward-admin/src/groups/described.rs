//! Groups as pages, API and commands show and change them.

use doorward_accounts::Authority;
use doorward_model::{Role, routes};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CountedGroup, GroupEdit, Groups, LONGEST_DESCRIPTION, NewGroup};
use crate::{
    Admin, Edit, Proposal, Refusal,
    objects::{Added, Field, ObjectApi, Objects, OperationName, Shape},
};

/// A group as it is shown.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Group")]
pub struct GroupView {
    /// The name. Rules name the group as `group:NAME`.
    pub name: String,
    /// The purpose.
    pub description: String,
    /// The roles of its members.
    pub roles: Vec<String>,
    /// The number of its members, from whichever source.
    pub members: u64,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Names this state, for If-Match.
    pub etag: String,
}

impl Objects for Groups {
    type Object = CountedGroup;
    type New = NewGroup;
    type Change = GroupEdit;
    type View = GroupView;
    type Details = GroupView;
    type AddedView = GroupView;

    const FIELDS: &'static [Field] = &[
        Field::new("name", Shape::Line, 32).fixed(),
        Field::new("description", Shape::Line, LONGEST_DESCRIPTION),
        Field::new("roles", Shape::Words, 500),
    ];
    const API: ObjectApi = ObjectApi {
        all: routes::API_GROUPS,
        one: routes::API_GROUP,
        plural: ("groups", "Groups"),
        list: OperationName { id: "listGroups", summary: "Lists groups of users, by name." },
        add: OperationName { id: "addGroup", summary: "Adds a group: its members have its roles." },
        show: OperationName { id: "showGroup", summary: "Shows a group." },
        change: OperationName {
            id: "changeGroup",
            summary: "Changes the description or the roles of a group. They take effect at the next \
                      call of each member.",
        },
        remove: OperationName {
            id: "removeGroup",
            summary: "Removes a group; its members lose its roles.",
        },
        missing: "There is no such group.",
        taken: "The name is already in use, or there are too many groups.",
        needed: Some("The group makes the last administrators."),
    };

    fn of(admin: &Admin) -> &Self {
        &admin.groups
    }

    async fn list(&self) -> Result<Vec<CountedGroup>, Refusal> {
        self.all().await
    }

    async fn find(&self, name: &str) -> Result<CountedGroup, Refusal> {
        self.counted(name).await
    }

    async fn insert(
        &self,
        authority: &Authority,
        new: NewGroup,
    ) -> Result<Added<CountedGroup>, Refusal> {
        let group = self.add(authority, new).await?;
        Ok(Added { object: self.counted(group.name.as_str()).await?, secret: None })
    }

    async fn change(
        &self,
        authority: &Authority,
        proposal: Proposal<'_, GroupEdit>,
    ) -> Result<Edit, Refusal> {
        self.edit(authority, proposal).await
    }

    async fn end(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        self.delete(name, seen).await
    }

    fn key(counted: &CountedGroup) -> String {
        counted.group.name.to_string()
    }

    fn title(counted: &CountedGroup) -> String {
        counted.group.name.to_string()
    }

    fn etag(counted: &CountedGroup) -> String {
        counted.group.etag()
    }

    fn view(&self, CountedGroup { group, members }: &CountedGroup) -> GroupView {
        GroupView {
            name: group.name.to_string(),
            description: group.description.clone(),
            roles: group.roles.iter().map(Role::to_string).collect(),
            members: *members,
            created_at: group.created_at.0,
            etag: group.etag(),
        }
    }

    async fn details(&self, counted: &CountedGroup) -> Result<GroupView, Refusal> {
        Ok(self.view(counted))
    }

    fn added_view(&self, added: &Added<CountedGroup>) -> GroupView {
        self.view(&added.object)
    }
}
