//! The administrators' list of users: search, actions on several of them, and the form for another.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{
    Invited, Kind, Listed, MailOutcome, Members, NewUser, Refusal, UserList, UserState,
};
use doorward_federation::Provider;
use doorward_language::{Message, text};
use doorward_model::{User, routes};
use doorward_transport::{Params, answer};
use doorward_web::table::{self, Badge, Cell, Choice, Column, Filter, Target};
use doorward_web::{Frame, SignInTarget, filled, filters, form};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, ListView, Parts, Rows},
        sure::{self, Question},
        users::{Row, roles, row, state_text},
    },
    refusals::{Alert, alert, oops},
};

#[derive(Template)]
#[template(path = "admin_users.html")]
struct ListPage {
    frame: Frame,
    tab: &'static str,
    parts: Parts,
    handed_over: Option<HandedOver>,
}

/// The form for another user.
#[derive(Template)]
#[template(path = "admin_user_add.html")]
struct AddPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    providers: Vec<ProviderChoice>,
    typed: Typed,
    passwords: bool,
    password_min_length: usize,
}

/// An identity provider that can be chosen.
pub(super) struct ProviderChoice {
    pub(super) id: String,
    pub(super) name: String,
}

impl ProviderChoice {
    pub(super) fn of(provider: &Arc<Provider>) -> Self {
        Self { id: provider.id.to_string(), name: provider.name.clone() }
    }
}

/// A user to whom no mail about their account was sent.
struct HandedOver {
    name: String,
    told: Message,
    /// The URL at which the user chooses a password.
    url: Option<String>,
}

/// The contents of the form as they were typed.
struct Typed {
    name: String,
    email: String,
    roles: String,
    provider: String,
}

/// The users, and the names of the groups to which they can be added.
struct UserRows {
    groups: Vec<String>,
}

impl Rows for UserRows {
    type Query = UserList;
    type Row = (User, UserState);

    const TAB: &'static str = "users";
    const NAME: &'static str = "users";
    const FILTERS: &'static [&'static str] = &["state", "role"];

    fn path(&self) -> String {
        routes::ADMIN_USERS.to_owned()
    }

    fn title(&self) -> Message {
        text::admin_users()
    }

    fn add(&self) -> Option<Message> {
        Some(text::admin_user_add())
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_users())
    }

    fn filters(&self) -> Vec<Filter> {
        let states = vec![
            ("enabled", text::console_users_enabled()),
            ("disabled", text::admin_user_disabled()),
        ];
        vec![
            Filter::choice("state", text::console_any_state(), states),
            Filter::text("role", text::console_role()),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::plain(text::admin_user_email()),
            Column::plain(text::admin_user_roles()),
            Column::sorted(text::common_since(), "created"),
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, (user, state): &(User, UserState)) -> table::Row {
        let Row { id, name, shown, email, roles, since, .. } = row(user, *state);
        let good = matches!(state, UserState::Active | UserState::Service);
        let path = routes::ADMIN_USER.replace("{user}", &id);
        let cells = [
            Cell::Text(email),
            Cell::Text(roles),
            Cell::Time(since),
            Cell::Badges(vec![Badge::new(state_text(*state), good)]),
        ];
        table::Row::linked(id, name, Target { path, below: shown }, cells)
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("disable", text::admin_user_disable()), ("enable", text::admin_user_enable())]
    }

    fn choice(&self) -> Option<Choice> {
        (!self.groups.is_empty()).then(|| Choice {
            action: ("join", text::groups_add_selected()),
            name: "group",
            label: text::groups_group(),
            values: self.groups.clone(),
        })
    }

    /// A part of the list, each user with the state.
    async fn part(
        &self,
        console: &Console,
        asked: UserList,
    ) -> Result<Listed<(User, UserState)>, Refusal> {
        let Listed { rows, total, skipped, next, previous } =
            console.admin.users.list(&asked).await?;
        let providers = console.admin.providers.enabled().await?;
        let users: Vec<&User> = rows.iter().collect();
        let states = console.admin.users.states(&users, &providers).await?;
        let rows = rows.into_iter().zip(states).collect();
        Ok(Listed { rows, total, skipped, next, previous })
    }
}

/// Shows the list that `params` ask for.
async fn show_list(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
    handed_over: Option<HandedOver>,
) -> Response {
    let groups = match console.admin.groups.all().await {
        Ok(groups) => groups.iter().map(|counted| counted.group.name.to_string()).collect(),
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    match list::parts(console, administrator, &UserRows { groups }, params, feedback).await {
        Ok(ListView { status, parts, rows: _ }) => {
            let frame = console.web.frame(Some(&administrator.0.browser));
            let page = ListPage { frame, tab: "users", parts, handed_over };
            draw(status, &page)
        }
        Err(response) => response,
    }
}

/// Shows the form for another user, with the values as they were typed.
async fn show_add(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    error: Option<Alert>,
) -> Response {
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let providers = match console.admin.providers.enabled().await {
        Ok(providers) => providers,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let status = error.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let page = AddPage {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "users",
        csrf: console.web.csrf(&administrator.0.browser, "users"),
        error,
        providers: providers.iter().map(ProviderChoice::of).collect(),
        typed: Typed {
            name: text("name"),
            email: text("email"),
            roles: text("roles"),
            provider: text("provider"),
        },
        passwords: console.admin.users.have_passwords(),
        password_min_length: console.admin.users.password_min_length(),
    };
    draw(status, &page)
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if params.get("add").is_some() {
        return show_add(&console, &administrator, &params, None).await;
    }
    show_list(&console, &administrator, &params, Feedback::default(), None).await
}

/// An action on selected users.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bulk {
    Disable,
    Enable,
}

/// Carries an action out on the selected users, one after another, and says how many it was done to
/// and the first refusal.
async fn change_selected(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    bulk: Bulk,
) -> Response {
    let mut users = Vec::new();
    for key in table::selected(params) {
        match console.admin.users.with_id(&key).await {
            Ok(user) => users.push(user),
            Err(refusal) if refusal.kind() == Kind::Missing => {}
            Err(refusal) => return oops(&refusal).draw(&console.web),
        }
    }
    if bulk == Bulk::Disable && !users.is_empty() && !sure::is_sure(params) {
        let question = Question {
            tab: "users",
            title: text::console_disable_users(users.len()),
            effects: vec![text::console_disable_users_effect()],
            objects: users.iter().map(|user| user.name.to_string()).collect(),
            button: text::admin_user_disable(),
            action: routes::ADMIN_USERS.to_owned(),
            back: routes::ADMIN_USERS.to_owned(),
        };
        return sure::ask(console, administrator, params, question);
    }
    // Only what gives access needs an authority.
    let page = SignInTarget::page(routes::ADMIN_USERS);
    let authority = match bulk {
        Bulk::Disable => None,
        Bulk::Enable => match console.web.authority(&administrator.0.visitor, &page).await {
            Ok(authority) => Some(authority),
            Err(response) => return response,
        },
    };
    let (mut changed, mut refused) = (Vec::new(), None);
    for user in users {
        let done = match &authority {
            None => console.admin.users.disable(&user, None).await,
            Some(authority) => console.admin.users.enable(authority, &user, None).await,
        };
        match done {
            Ok(()) => changed.push(user.id.to_string()),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    let message = match bulk {
        Bulk::Disable => text::console_users_were_disabled(changed.len()),
        Bulk::Enable => text::console_users_were_enabled(changed.len()),
    };
    match Feedback::of_several(console, message, refused) {
        Ok(feedback) => {
            let (returned, feedback) = (table::returned(params), feedback.about(changed));
            show_list(console, administrator, &returned, feedback, None).await
        }
        Err(response) => response,
    }
}

/// Makes the selected users members of a group, all or none.
async fn join_selected(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
) -> Response {
    let page = SignInTarget::page(routes::ADMIN_USERS);
    let authority = match console.web.authority(&administrator.0.visitor, &page).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let ids = table::selected(params);
    let members = Members { add: &ids, ..Members::default() };
    let group = params.get("group").unwrap_or_default();
    let joined = console.admin.groups.change_members(&authority, group, members).await;
    match Feedback::of(console, joined.map(|(joined, _)| text::groups_members_added(joined))) {
        Ok(feedback) => {
            let list = table::returned(params);
            show_list(console, administrator, &list, feedback.about(ids), None).await
        }
        Err(response) => response,
    }
}

/// The user as the form describes them.
fn typed(params: &Params) -> NewUser {
    let text = |name: &str| {
        params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    NewUser {
        name: text("name").unwrap_or_default(),
        email: text("email"),
        password: params.get("password").filter(|text| !text.is_empty()).map(ToOwned::to_owned),
        keep_password: false,
        roles: roles(params.get("roles").unwrap_or_default()),
        provider: text("provider"),
    }
}

/// The link that the administrator has to give the user, because no mail did.
fn handed_over(invited: &Invited) -> Option<HandedOver> {
    let url = invited.url_to_hand_over().map(ToOwned::to_owned);
    let told = match (&invited.mail, &url) {
        (MailOutcome::Sent, _) | (MailOutcome::NotWritten, None) => return None,
        (MailOutcome::NotWritten, Some(_)) => text::admin_user_hand_over_no_mail(),
        (MailOutcome::Failed(_), Some(_)) => text::admin_user_hand_over_mail_failed(),
        (MailOutcome::Failed(_), None) => text::admin_user_tell_mail_failed(),
    };
    Some(HandedOver { name: invited.user.name.to_string(), told, url })
}

pub(crate) async fn add(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "users", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match params.get("do") {
        Some("disable") => {
            return change_selected(&console, &administrator, &params, Bulk::Disable).await;
        }
        Some("enable") => {
            return change_selected(&console, &administrator, &params, Bulk::Enable).await;
        }
        Some("join") => return join_selected(&console, &administrator, &params).await,
        _ => {}
    }
    let next = filled(routes::ADMIN_USERS, &params, &["add", "name", "email", "roles", "provider"]);
    let authority =
        match console.web.authority(&administrator.0.visitor, &SignInTarget::page(&next)).await {
            Ok(authority) => authority,
            Err(response) => return response,
        };
    match console.admin.invitations.add(&authority, typed(&params)).await {
        Ok(invited) => match handed_over(&invited) {
            None => answer::see_other(
                &console.web.at(&routes::ADMIN_USER.replace("{user}", invited.user.id.as_str())),
            ),
            told => {
                let (all, feedback) = (Params::default(), Feedback::default());
                show_list(&console, &administrator, &all, feedback, told).await
            }
        },
        Err(refusal) => match alert(&console, &refusal) {
            Ok(alert) => show_add(&console, &administrator, &params, Some(alert)).await,
            Err(response) => response,
        },
    }
}
