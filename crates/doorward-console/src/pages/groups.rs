//! Groups of users: the list, the form for another, and the page of one with its members.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{
    CountedGroup, Effect, GroupEdit, Kind, Listed, Members, NewGroup, Proposal, Refusal, UserList,
};
use doorward_language::{Message, text};
use doorward_model::{Role, routes};
use doorward_transport::{Params, answer};
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, form, moment};

use crate::{
    Console,
    pages::{
        Administrator, draw, draw_found,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        sure::{self, Question},
        table::{self, Cell, Column, Row, Target},
    },
    refusals::{Alert, oops},
};

/// The number of members that the page of a group shows at once.
const MEMBERS: u64 = 50;

/// The form for another group.
#[derive(Template)]
#[template(path = "admin_group_add.html")]
struct AddPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    name: String,
    description: String,
    roles: String,
}

/// The page of a group.
#[derive(Template)]
#[template(path = "admin_group.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    seen: String,
    message: Option<Message>,
    error: Option<Alert>,
    name: String,
    description: String,
    roles: String,
    since: String,
    /// The path of this page, and of the list of its members.
    path: String,
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

fn join(roles: &[Role]) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ")
}

/// The words of a field.
fn words(text: &str) -> Vec<String> {
    let separators = |letter: char| letter.is_whitespace() || letter == ',' || letter == ';';
    text.split(separators).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// The path of the page of a group.
pub(super) fn page_of(name: &str) -> String {
    routes::ADMIN_GROUP.replace("{group}", name)
}

/// The groups, by name.
struct GroupRows;

/// The orders of the list.
const ORDER: [SortKey<CountedGroup>; 3] = [
    by("name", |counted| counted.group.name.to_string()),
    by("members", |counted| format!("{:020}", counted.members)),
    by("created", |counted| format!("{:020}", counted.group.created_at.0)),
];

impl Rows for GroupRows {
    type Query = InMemory;
    type Row = CountedGroup;

    const TAB: &'static str = "groups";
    const NAME: &'static str = "groups";

    fn path(&self) -> String {
        routes::ADMIN_GROUPS.to_owned()
    }

    fn title(&self) -> Message {
        text::groups_title()
    }

    fn add(&self) -> Option<Message> {
        Some(text::groups_add())
    }

    fn search(&self) -> Option<Message> {
        Some(text::groups_search())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::plain(text::groups_roles()),
            Column::sorted(text::groups_members(), "members"),
            Column::sorted(text::common_since(), "created"),
        ]
    }

    fn line(&self, CountedGroup { group, members }: &CountedGroup) -> Row {
        let name = group.name.to_string();
        let cells = [
            Cell::Text(join(&group.roles)),
            Cell::Text(members.to_string()),
            Cell::Time(moment(group.created_at)),
        ];
        let target = Target { path: page_of(&name), below: group.description.clone() };
        Row::linked(name.clone(), name, target, cells).with_value(group.etag())
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("delete", text::common_delete())]
    }

    fn none(&self) -> Message {
        text::groups_none()
    }

    async fn part(
        &self,
        console: &Console,
        asked: InMemory,
    ) -> Result<Listed<CountedGroup>, Refusal> {
        let mut rows = console.admin.groups.all().await?;
        rows.retain(|counted| {
            let group = &counted.group;
            asked.finds(&[group.name.as_str(), &group.description, &join(&group.roles)])
        });
        asked.part(rows, &ORDER, |counted| counted.group.name.to_string())
    }
}

async fn show_list(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    list::show(console, administrator, &GroupRows, params, feedback).await
}

/// Shows the form for another, as it was typed.
fn show_add(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    Feedback { status, error, .. }: Feedback,
) -> Response {
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let browser = &administrator.0.browser;
    let page = AddPage {
        frame: console.web.frame(Some(browser)),
        tab: "groups",
        csrf: console.web.csrf(browser, "groups"),
        error,
        name: text("name"),
        description: text("description"),
        roles: text("roles"),
    };
    draw(status, &page)
}

/// The page of a group, with the forms as they were typed, if they were refused.
async fn page(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    typed: &Params,
    feedback: Feedback,
) -> Result<Page, Refusal> {
    let group = console.admin.groups.named(name).await?;
    let cursor = |name: &str| typed.get(name).map(ToOwned::to_owned);
    let (after, before) = (cursor("after"), cursor("before"));
    let asked = UserList { limit: Some(MEMBERS), after, before, ..UserList::default() };
    let Listed { rows, total, skipped, next, previous } =
        console.admin.users.members(&group, asked).await?;
    let path = page_of(group.name.as_str());
    let part = |name: &str, cursor: Option<String>| {
        let link = |cursor: String| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            format!("{path}?{}", query.append_pair(name, &cursor).finish())
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
    let browser = &administrator.0.browser;
    let text = |field: &str, now: String| {
        typed.get(field).filter(|_| feedback.error.is_some()).map_or(now, ToOwned::to_owned)
    };
    Ok(Page {
        frame: console.web.frame(Some(browser)),
        tab: "groups",
        csrf: console.web.csrf(browser, "groups"),
        seen: group.etag(),
        name: group.name.to_string(),
        description: text("description", group.description.clone()),
        roles: text("roles", join(&group.roles)),
        since: moment(group.created_at),
        path,
        all_members: format!("{}?role=group%3A{}", routes::ADMIN_USERS, group.name),
        members: members.collect(),
        total,
        range,
        previous,
        next,
        typed: text("users", String::new()),
        message: feedback.message,
        error: feedback.error,
    })
}

async fn show_one(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    typed: &Params,
    feedback: Feedback,
) -> Response {
    let status = feedback.status;
    draw_found(console, status, page(console, administrator, name, typed, feedback).await)
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if params.get("add").is_some() {
        return show_add(&console, &administrator, &params, Feedback::default());
    }
    show_list(&console, &administrator, &params, Feedback::default()).await
}

pub(crate) async fn one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match page(&console, &administrator, &name, &params, Feedback::default()).await {
        // A part that cannot be asked for is answered with the first one.
        Err(refusal) if refusal.kind() == Kind::Invalid => {
            let told = Feedback::refused(Alert::unanswered(&refusal));
            show_one(&console, &administrator, &name, &Params::default(), told).await
        }
        found => draw_found(&console, axum::http::StatusCode::OK, found),
    }
}

/// Deletes the selected groups once the administrator confirmed it, each in the state that was
/// shown.
async fn delete_selected(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
) -> Response {
    let names = table::selected(params);
    if !names.is_empty() && !sure::is_sure(params) {
        let effects = vec![text::groups_delete_effect()];
        let title = text::groups_delete_question(names.len());
        let question = Question::deletion("groups", routes::ADMIN_GROUPS, title, effects, names);
        return sure::ask(console, administrator, params, question);
    }
    let (mut deleted, mut refused) = (0_usize, None);
    for name in names {
        let seen = params.get(&format!("row-{name}"));
        match console.admin.groups.delete(&name, seen).await {
            Ok(()) => deleted += 1,
            Err(refusal) if refusal.kind() == Kind::Missing => {}
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match Feedback::of_several(console, text::groups_were_deleted(deleted), refused) {
        Ok(feedback) => show_list(console, administrator, &table::returned(params), feedback).await,
        Err(response) => response,
    }
}

/// Adds a group.
async fn add(console: &Console, administrator: &Administrator, params: &Params) -> Response {
    let next = filled(routes::ADMIN_GROUPS, params, &["add", "name", "description", "roles"]);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let new = NewGroup {
        name: text("name"),
        description: text("description"),
        roles: words(&text("roles")),
    };
    match console.admin.groups.add(&authority, new).await {
        Ok(group) => answer::see_other(&console.web.at(&page_of(group.name.as_str()))),
        Err(refusal) => match Feedback::of(console, Err(refusal)) {
            Ok(feedback) => show_add(console, administrator, params, feedback),
            Err(response) => response,
        },
    }
}

pub(crate) async fn post_list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "groups", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match params.get("do") {
        Some("delete") => delete_selected(&console, &administrator, &params).await,
        Some("add") => add(&console, &administrator, &params).await,
        _ => ErrorPage::incomplete("do").draw(&console.web),
    }
}

/// Carries a form of a group's page out.
async fn carry_out(
    console: &Console,
    authority: &Authority,
    name: &str,
    params: &Params,
) -> Result<Message, Refusal> {
    let groups = &console.admin.groups;
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    match params.get("do") {
        Some("save") => {
            let change = GroupEdit {
                description: Some(text("description")),
                roles: Some(words(&text("roles"))),
            };
            let (seen, effect) = (params.get("seen"), Effect::Apply);
            groups.edit(authority, Proposal { of: name, change: &change, seen, effect }).await?;
            Ok(text::groups_saved())
        }
        Some("remove") => {
            let remove = table::selected(params);
            let members = Members { remove: &remove, ..Members::default() };
            let (_, left) = groups.change_members(authority, name, members).await?;
            Ok(text::groups_members_removed(left))
        }
        _ => {
            let add = words(&text("users"));
            let members = Members { add: &add, ..Members::default() };
            let (joined, _) = groups.change_members(authority, name, members).await?;
            Ok(text::groups_members_added(joined))
        }
    }
}

pub(crate) async fn post_one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "groups", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let group = match console.admin.groups.named(&name).await {
        Ok(group) => group,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    match params.get("do") {
        Some("delete") if !sure::is_sure(&params) => {
            let question = Question {
                tab: "groups",
                title: text::groups_delete_question(1_usize),
                effects: vec![text::groups_delete_effect()],
                objects: vec![name.clone()],
                button: text::common_delete(),
                action: page_of(&name),
                back: page_of(&name),
            };
            return sure::ask(&console, &administrator, &params, question);
        }
        Some("delete") => {
            let seen = Some(params.get("seen").unwrap_or_default());
            let deleted = console.admin.groups.delete(group.name.as_str(), seen).await;
            let told = deleted.map(|()| text::groups_were_deleted(1_usize));
            return match Feedback::of(&console, told) {
                Ok(feedback) if feedback.error.is_none() => {
                    show_list(&console, &administrator, &Params::default(), feedback).await
                }
                Ok(feedback) => show_one(&console, &administrator, &name, &params, feedback).await,
                Err(response) => response,
            };
        }
        Some("save" | "remove" | "add-members") => {}
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    }
    let target = page_of(group.name.as_str());
    let target = SignInTarget::page(&target);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let done = match carry_out(&console, &authority, &name, &params).await {
        // A user who was typed, or was deleted meanwhile, is not the object of the page.
        Err(refusal) if refusal.kind() == Kind::Missing => {
            Ok(Feedback::refused(Alert::unanswered(&refusal)))
        }
        done => Feedback::of(&console, done),
    };
    match done {
        Ok(feedback) => show_one(&console, &administrator, &name, &params, feedback).await,
        Err(response) => response,
    }
}
