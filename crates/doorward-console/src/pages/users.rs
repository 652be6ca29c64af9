//! The administrators' page of a user.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{Refusal, RoleSource, SourcedRole, UserChange, UserState};
use doorward_language::{Message, scope_title, text};
use doorward_model::{AuditFilter, Role, User, routes};
use doorward_store::ConnectedApp;
use doorward_transport::{Params, answer};
use doorward_web::{
    ErrorPage, Frame, SignInTarget, browser_name, filters, form, moment, table::Table,
};

use crate::{
    Console,
    pages::{
        Administrator,
        audit::{self, Newest},
        connections::{self, Connectable},
        draw_found, groups,
        linked::Linked,
        list::Feedback,
        sure::{self, Question},
    },
    refusals::{Alert, alert, oops},
};

/// A user as pages show one.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) shown: String,
    pub(super) email: String,
    pub(super) roles: String,
    pub(super) since: String,
    pub(super) disabled: bool,
    pub(super) state: UserState,
    pub(super) state_text: Message,
}

pub(super) fn state_text(state: UserState) -> Message {
    match state {
        UserState::Active => text::admin_user_active(),
        UserState::FirstPassword => text::admin_user_first_password_state(),
        UserState::CannotSignIn => text::admin_user_cannot_sign_in(),
        UserState::Service => text::admin_user_service(),
        UserState::Disabled => text::admin_user_disabled(),
    }
}

pub(super) fn row(user: &User, state: UserState) -> Row {
    Row {
        id: user.id.to_string(),
        name: user.name.to_string(),
        shown: user.display_name.clone().unwrap_or_default(),
        email: user.email.clone().unwrap_or_default(),
        roles: user.all_roles().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        since: moment(user.created_at),
        disabled: user.disabled_at.is_some(),
        state,
        state_text: state_text(state),
    }
}

/// The roles that a form names.
pub(super) fn roles(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|role| !role.is_empty()).map(ToOwned::to_owned).collect()
}

/// A role as the page shows it.
fn sourced(SourcedRole { role, sources }: &SourcedRole) -> RoleShown {
    let source = |source: &RoleSource| match source {
        RoleSource::Administrator => text::groups_role_by_administrator(),
        RoleSource::Provider(name) => text::groups_role_by_provider(name),
        RoleSource::Group(name) => text::groups_role_by_group(name),
    };
    RoleShown {
        name: role.to_string(),
        sources: sources.iter().map(source).collect(),
        group: role.group().map(groups::page_of),
    }
}

/// A role of a user.
struct RoleShown {
    name: String,
    sources: Vec<Message>,
    /// The path of its group, if it is one of a group.
    group: Option<String>,
}

/// A session of a user.
struct SessionShown {
    id: String,
    use_of_it: Message,
}

/// A client that a user gave access to.
struct AppShown {
    client_id: String,
    name: String,
    access: Message,
}

#[derive(Template)]
#[template(path = "admin_user.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    seen: String,
    message: Option<Message>,
    error: Option<Alert>,
    user: Row,
    own_roles: String,
    roles: Vec<RoleShown>,
    has_password: bool,
    password_min_length: usize,
    passkeys: u64,
    authenticator: bool,
    tokens: u64,
    identities: Vec<Linked>,
    sessions: Vec<SessionShown>,
    apps: Vec<AppShown>,
    connections: Vec<Connectable>,
    lately: Table,
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    user: &User,
) -> Result<One, Refusal> {
    let belongings = console.admin.users.belongings(user).await?;
    let providers = console.admin.providers.enabled().await?;
    let state = console.admin.users.state(user, &providers).await?;
    let join = |roles: &[Role]| roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ");
    let app = |app: ConnectedApp| {
        let scopes: Vec<_> =
            app.scopes.iter().map(|scope| scope_title(scope).to_string()).collect();
        AppShown {
            client_id: app.client_id.to_string(),
            name: app.name().to_owned(),
            access: text::admin_user_app(scopes.join(" · "), moment(app.last_used_at)),
        }
    };
    let lately = Newest {
        filter: AuditFilter { concerns: Some(user.id.to_string()), ..AuditFilter::default() },
        query: ("user", user.name.to_string()),
        rows: 10,
        title: text::admin_user_activity(),
    };
    Ok(One {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "users",
        csrf: console.web.csrf(&administrator.0.browser, "user"),
        seen: user.etag(),
        message: None,
        error: None,
        user: row(user, state),
        own_roles: join(&user.roles),
        roles: console.admin.groups.roles_of(user).await?.iter().map(sourced).collect(),
        has_password: user.password.is_some(),
        password_min_length: console.admin.users.password_min_length(),
        passkeys: u64::try_from(belongings.enrolled.passkeys).unwrap_or_default(),
        authenticator: belongings.enrolled.authenticator,
        tokens: belongings.tokens,
        identities: belongings.identities.into_iter().map(Linked::from).collect(),
        sessions: belongings
            .sessions
            .into_iter()
            .map(|session| {
                let use_of_it = text::admin_user_session(
                    browser_name(&session.user_agent),
                    session.address,
                    moment(session.last_seen_at),
                );
                SessionShown { id: session.id.to_string(), use_of_it }
            })
            .collect(),
        apps: belongings.apps.into_iter().map(app).collect(),
        connections: connections::of(console, user, state).await?,
        lately: audit::newest(&console.store, lately).await?,
    })
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    id: &str,
    Feedback { status, message, error, .. }: Feedback,
) -> Response {
    let shown = async {
        let user = console.admin.users.with_id(id).await?;
        page(console, administrator, &user).await
    };
    let with_answer = |page| One { message, error, ..page };
    draw_found(console, status, shown.await.map(with_answer))
}

pub(crate) async fn one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(id): Path<String>,
) -> Response {
    show(&console, &administrator, &id, Feedback::default()).await
}

/// A form of the page that gives the user a means of access.
#[derive(Clone, Copy)]
enum AccessForm {
    Save,
    Enable,
    Password,
    ResetFactors,
}

impl AccessForm {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Save, "save"),
        (Self::Enable, "enable"),
        (Self::Password, "password"),
        (Self::ResetFactors, "reset-factors"),
    ];

    /// Performs the form's operation. Returns the notice to show.
    async fn carry_out(
        self,
        console: &Console,
        authority: &Authority,
        user: &User,
        params: &Params,
    ) -> Result<Message, Refusal> {
        let users = &console.admin.users;
        let seen = params.get("seen");
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        match self {
            Self::Save => {
                let email = Some(text("email"))
                    .filter(|email| !email.is_empty() && Some(email) != user.email.as_ref());
                let shown = user.display_name.as_deref().unwrap_or_default();
                let display_name = Some(text("display_name")).filter(|name| name != shown);
                let roles = Some(roles(&text("roles")));
                let change = UserChange { roles, email, display_name, disabled: None };
                users.change(authority, user, change, seen).await?;
                Ok(text::admin_user_saved())
            }
            Self::Enable => {
                users.enable(authority, user, seen).await?;
                Ok(text::admin_user_enabled())
            }
            Self::Password => {
                let password = params.get("password").unwrap_or_default().to_owned();
                users.set_password(authority, user, password).await?;
                Ok(text::admin_user_password_set())
            }
            Self::ResetFactors => {
                users.reset_factors(authority, user).await?;
                Ok(text::admin_user_factors_removed())
            }
        }
    }
}

/// A form of the page that takes access away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    Disable,
    SignOut,
    EndSession,
    Revoke,
    Disconnect,
    Delete,
}

impl Removal {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Disable, "disable"),
        (Self::SignOut, "sign-out"),
        (Self::EndSession, "end-session"),
        (Self::Revoke, "revoke"),
        (Self::Disconnect, "disconnect"),
        (Self::Delete, "delete"),
    ];

    /// Performs the form's operation. Returns the notice to show; `None` if the user was deleted.
    async fn carry_out(
        self,
        console: &Console,
        user: &User,
        params: &Params,
    ) -> Result<Option<Message>, Refusal> {
        let users = &console.admin.users;
        let text = |name: &str| params.get(name).unwrap_or_default();
        Ok(match self {
            Self::Disable => {
                users.disable(user, params.get("seen")).await?;
                Some(text::admin_user_was_disabled())
            }
            Self::SignOut => {
                users.sign_out(user, params.get("apps").is_some()).await?;
                Some(text::admin_user_sessions_ended())
            }
            Self::EndSession => {
                users.end_session(user, text("session")).await?;
                Some(text::admin_user_session_ended())
            }
            Self::Revoke => {
                users.revoke_access(user, text("client_id")).await?;
                Some(text::admin_user_app_revoked())
            }
            Self::Disconnect => {
                let service = users.service(user.id.as_str()).await?;
                console.admin.upstreams.disconnect(&service, text("upstream")).await?;
                Some(text::console_connection_ended())
            }
            Self::Delete => {
                users.delete(user, params.get("seen")).await?;
                None
            }
        })
    }
}

/// The question before an operation that ends more than one thing or cannot be undone.
async fn question(
    console: &Console,
    user: &User,
    gift: Option<AccessForm>,
    removal: Option<Removal>,
) -> Result<Option<Question>, Refusal> {
    let name = user.name.as_str();
    let (title, effect, button) = match (gift, removal) {
        (Some(AccessForm::ResetFactors), _) => (
            text::console_reset_factors_of(name),
            text::admin_user_remove_factors_sure(),
            text::admin_user_remove_factors_submit(),
        ),
        (None, Some(Removal::Disable)) => (
            text::console_disable_user(name),
            text::console_disable_users_effect(),
            text::admin_user_disable(),
        ),
        (None, Some(Removal::Delete)) => (
            text::console_delete_user(name),
            text::admin_user_delete_sure(name),
            text::common_delete(),
        ),
        (Some(AccessForm::Save | AccessForm::Enable | AccessForm::Password), _)
        | (
            None,
            Some(Removal::SignOut | Removal::EndSession | Removal::Revoke | Removal::Disconnect)
            | None,
        ) => {
            return Ok(None);
        }
    };
    let belongings = console.admin.users.belongings(user).await?;
    let (sessions, apps) = (belongings.sessions.len(), belongings.apps.len());
    let tokens = if gift.is_some() { 0 } else { belongings.tokens };
    let page = routes::ADMIN_USER.replace("{user}", user.id.as_str());
    Ok(Some(Question {
        tab: "users",
        title,
        effects: vec![
            effect,
            text::console_user_ends(sessions.to_string(), apps.to_string(), tokens.to_string()),
        ],
        objects: belongings.apps.iter().map(|app| app.name().to_owned()).collect(),
        button,
        action: page.clone(),
        back: page,
    }))
}

/// The form of that name.
fn chosen<T: Copy>(forms: &[(T, &str)], params: &Params) -> Option<T> {
    let name = params.get("do")?;
    forms.iter().find(|(_, known)| *known == name).map(|(form, _)| *form)
}

pub(crate) async fn change(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "user", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let user = match console.admin.users.with_id(&id).await {
        Ok(user) => user,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let (gift, removal) = (chosen(&AccessForm::ALL, &params), chosen(&Removal::ALL, &params));
    if !sure::is_sure(&params) {
        match question(&console, &user, gift, removal).await {
            Ok(None) => {}
            Ok(Some(question)) => return sure::ask(&console, &administrator, &params, question),
            Err(refusal) => return oops(&refusal).draw(&console.web),
        }
    }
    let outcome = match (gift, removal) {
        (Some(gift), _) => {
            let page = routes::ADMIN_USER.replace("{user}", &id);
            match console.web.authority(&administrator.0.visitor, &SignInTarget::page(&page)).await
            {
                Ok(authority) => {
                    gift.carry_out(&console, &authority, &user, &params).await.map(Some)
                }
                Err(response) => return response,
            }
        }
        (None, Some(removal)) => removal.carry_out(&console, &user, &params).await,
        (None, None) => return ErrorPage::incomplete("do").draw(&console.web),
    };
    match outcome.map_err(|refusal| alert(&console, &refusal)) {
        Ok(None) => answer::see_other(&console.web.at(routes::ADMIN_USERS)),
        Ok(Some(message)) => show(&console, &administrator, &id, Feedback::done(message)).await,
        Err(Ok(alert)) => show(&console, &administrator, &id, Feedback::refused(alert)).await,
        Err(Err(response)) => response,
    }
}
