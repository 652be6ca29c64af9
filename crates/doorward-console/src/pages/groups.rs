//! Groups of users: the page of one has its members.

use askama::Template;
use doorward_accounts::Authority;
use doorward_admin::{CountedGroup, Groups, Listed, Members, Refusal, UserList};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::table::{self, Cell, Column};
use doorward_web::{Frame, filters, moment};

use crate::{
    Console,
    pages::{
        inputs::{Hint, Label},
        kind::{self, Common, FormResult, ObjectPages, PageRequest, Shown, Texts},
        list::{SortKey, by},
    },
};

/// The number of members that the page of a group shows at once.
const MEMBERS: u64 = 50;

/// The page of a group.
#[derive(Template)]
#[template(path = "admin_group.html")]
pub(crate) struct Page {
    frame: Frame,
    tab: &'static str,
    common: Common,
    since: String,
    /// The path of the list of all members.
    all_members: String,
    members: Vec<Member>,
    total: u64,
    /// The numbers of the members that are shown, and the links to the other parts.
    range: Message,
    previous: Option<String>,
    next: Option<String>,
    /// The sign-in names that were typed.
    typed: String,
}

struct Member {
    id: String,
    path: String,
    name: String,
    shown: String,
    by_administrator: bool,
}

/// The words of a field.
fn words(text: &str) -> Vec<String> {
    let separators = |letter: char| letter.is_whitespace() || letter == ',' || letter == ';';
    text.split(separators).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// The path of the page of a group.
pub(super) fn page_of(name: &str) -> String {
    kind::page_of(routes::ADMIN_GROUP, name)
}

/// The pages of groups.
pub(super) struct GroupPages;

impl ObjectPages for GroupPages {
    type Objects = Groups;
    type Page = Page;

    const TAB: &'static str = "groups";
    const LIST: &'static str = routes::ADMIN_GROUPS;
    const PAGE: &'static str = routes::ADMIN_GROUP;
    const ORDER: &'static [SortKey<Shown<Groups>>] = &[
        by("name", |shown| shown.view.name.clone()),
        by("members", |shown| format!("{:020}", shown.view.members)),
        by("created", |shown| format!("{:020}", shown.view.created_at)),
    ];
    const ACTIONS: &'static [&'static str] = &["remove", "add-members"];

    fn texts() -> Texts {
        Texts {
            title: text::groups_title(),
            add: text::groups_add(),
            about: text::groups_explained(),
            search: text::groups_search(),
            none: text::groups_none(),
            settings: text::groups_group(),
            saved: text::groups_saved(),
            effect: text::groups_delete_effect(),
        }
    }

    fn question(count: usize) -> Message {
        text::groups_delete_question(count)
    }

    fn removed(count: usize) -> Message {
        text::groups_were_deleted(count)
    }

    fn label(name: &str, is_new: bool) -> Label {
        match name {
            "name" => Label::new(text::common_name(), Hint::Plain(text::groups_name_hint()))
                .with_pattern(r"[a-z0-9_\-]+"),
            "description" => Label::new(text::groups_description(), Hint::None),
            _ if is_new => Label::new(text::groups_roles_list(), Hint::None),
            _ => Label::new(text::groups_roles_list(), Hint::Plain(text::groups_roles_hint())),
        }
    }

    fn found_by(Shown { view, .. }: &Shown<Groups>) -> Vec<String> {
        vec![view.name.clone(), view.description.clone(), view.roles.join(" ")]
    }

    fn columns() -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::plain(text::groups_roles()),
            Column::sorted(text::groups_members(), "members"),
            Column::sorted(text::common_since(), "created"),
        ]
    }

    fn cells(Shown { object, view }: &Shown<Groups>) -> (String, Vec<Cell>) {
        let cells = vec![
            Cell::Text(view.roles.join(" ")),
            Cell::Text(view.members.to_string()),
            Cell::Time(moment(object.group.created_at)),
        ];
        (view.description.clone(), cells)
    }

    async fn page(
        asked: PageRequest<'_>,
        frame: Frame,
        common: Common,
        CountedGroup { group, .. }: &CountedGroup,
    ) -> Result<Page, Refusal> {
        let PageRequest { console, params, .. } = asked;
        let cursor = |name: &str| params.get(name).map(ToOwned::to_owned);
        let (after, before) = (cursor("after"), cursor("before"));
        let list = UserList { limit: Some(MEMBERS), after, before, ..UserList::default() };
        let Listed { rows, total, skipped, next, previous } =
            console.admin.users.members(group, list).await?;
        let part = |name: &str, cursor: Option<String>| {
            let link = |cursor: String| {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                format!("{}?{}", common.path, query.append_pair(name, &cursor).finish())
            };
            cursor.map(link)
        };
        let (previous, next) = (part("before", previous), part("after", next));
        let shown = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let first = if shown == 0 { 0 } else { skipped.saturating_add(1) };
        let range = text::console_range(first, skipped.saturating_add(shown), total.to_string());
        let members = rows.into_iter().map(|(user, by_administrator)| Member {
            id: user.id.to_string(),
            path: routes::ADMIN_USER.replace("{user}", user.id.as_str()),
            name: user.name.to_string(),
            shown: user.display_name.unwrap_or_default(),
            by_administrator,
        });
        let typed = params.get("users").filter(|_| common.error.is_some());
        Ok(Page {
            frame,
            tab: Self::TAB,
            since: moment(group.created_at),
            all_members: format!("{}?role=group%3A{}", routes::ADMIN_USERS, group.name),
            members: members.collect(),
            total,
            range,
            previous,
            next,
            typed: typed.unwrap_or_default().to_owned(),
            common,
        })
    }

    async fn act(
        console: &Console,
        authority: &Authority,
        name: &str,
        params: &Params,
    ) -> Result<FormResult, Refusal> {
        let groups = &console.admin.groups;
        if params.get("do") == Some("remove") {
            let remove = table::selected(params);
            let members = Members { remove: &remove, ..Members::default() };
            let (_, left) = groups.change_members(authority, name, members).await?;
            return Ok(FormResult::told(text::groups_members_removed(left)));
        }
        let add = words(params.get("users").unwrap_or_default());
        let members = Members { add: &add, ..Members::default() };
        let (joined, _) = groups.change_members(authority, name, members).await?;
        Ok(FormResult::told(text::groups_members_added(joined)))
    }
}
