//! Users.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use doorward_accounts::Authority;
use doorward_admin::{Invited, MailOutcome, NewUser, Refusal, UserChange, UserList, UserState};
use doorward_mcp::Caller;
use doorward_model::{Role, User, routes};
use doorward_store::ConnectedApp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    groups::{self, MembershipShown, RoleShown},
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, Place, QueryParams, done,
        needs, show, show_state,
    },
    statement::ProviderStatement,
};
use crate::Console;

#[expect(clippy::too_many_lines, reason = "a table: one entry for each operation")]
pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such user.";
    vec![
        Operation::get(needs::READ, routes::API_USERS, "listUsers", "Lists users by name.", list)
            .query::<UserList>()
            .answer::<Users>(200, "The users."),
        Operation::post(
            needs::ALL,
            routes::API_USERS,
            "addUser",
            "Adds a user and mails how to sign in: through the given identity provider, with the \
             given password, or with a link to choose one, which is returned if no mail was sent.",
            add,
        )
        .body::<New>()
        .answer::<Added>(201, "The user was added.")
        .with_etag()
        .missing("There is no such identity provider.")
        .problem(409, "The name is already in use, or the identity provider is disabled."),
        Operation::get(
            needs::READ,
            routes::API_USER,
            "showUser",
            "Shows a user with sessions, apps and linked accounts.",
            one,
        )
        .answer::<UserWithDetails>(200, "The user.")
        .with_etag()
        .missing(NONE),
        Operation::patch(
            needs::ALL,
            routes::API_USER,
            "changeUser",
            "Changes roles, state, e-mail address or name.",
            change,
        )
        .body::<Changed>()
        .answer::<UserView>(200, "The user after the change.")
        .with_etag()
        .if_match()
        .missing(NONE)
        .problem(409, "The user is the last administrator."),
        Operation::delete(
            needs::ALL,
            routes::API_USER,
            "deleteUser",
            "Deletes a user; sessions, tokens and connected apps end.",
            delete,
        )
        .empty("The user was deleted.")
        .if_match()
        .missing(NONE)
        .problem(409, "The user is the last administrator."),
        Operation::post(
            needs::ALL,
            routes::API_USER_SIGN_OUT,
            "signUserOut",
            "Ends all sessions of a user.",
            sign_out,
        )
        .body::<SignOut>()
        .empty("The sessions were ended.")
        .missing(NONE),
        Operation::post(
            needs::ALL,
            routes::API_USER_PASSWORD,
            "setPassword",
            "Sets a password; sessions and connected apps end.",
            set_password,
        )
        .body::<Password>()
        .empty("The password was set.")
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_USER_FACTORS,
            "resetFactors",
            "Removes passkeys, authenticator app and recovery codes; sessions and connected apps \
             end.",
            reset,
        )
        .empty("The second factors were removed.")
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_USER_SESSION,
            "endSession",
            "Ends one session.",
            end_session,
        )
        .empty("The session was ended.")
        .missing("There is no such user or session."),
        Operation::delete(
            needs::ALL,
            routes::API_USER_APP,
            "revokeApp",
            "Revokes the access that a user gave a client.",
            revoke_app,
        )
        .empty("The access was revoked.")
        .missing("There is no such user or connected app."),
    ]
}

/// A user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
struct UserView {
    /// The stable identifier: `sub` in tokens.
    id: String,
    /// The sign-in name.
    name: String,
    email: Option<String>,
    display_name: Option<String>,
    /// The roles that an administrator assigned.
    roles: Vec<String>,
    /// The roles from rules of the user's identity providers.
    provider_roles: Vec<String>,
    /// The roles from groups, with `group:NAME` of each group.
    group_roles: Vec<String>,
    administrator: bool,
    disabled: bool,
    /// `active` (can sign in), `first_password` (must change the first password), `cannot_sign_in`
    /// (has no method of sign-in yet), `service` or `disabled`.
    state: &'static str,
    /// True if the user has a password.
    has_password: bool,
    /// Seconds since 1970.
    created_at: i64,
    /// Names this state, for If-Match.
    etag: String,
}

impl UserView {
    fn of(user: &User, state: UserState) -> Self {
        let roles = |roles: &[Role]| roles.iter().map(ToString::to_string).collect();
        Self {
            id: user.id.to_string(),
            name: user.name.to_string(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            roles: roles(&user.roles),
            provider_roles: roles(&user.provider_roles),
            group_roles: roles(&user.group_roles),
            administrator: user.is_administrator(),
            disabled: user.disabled_at.is_some(),
            state: state.as_str(),
            has_password: user.password.is_some(),
            created_at: user.created_at.0,
            etag: user.etag(),
        }
    }
}

/// A page of users.
#[derive(Serialize, JsonSchema)]
struct Users {
    users: Vec<UserView>,
    #[serde(flatten)]
    place: Place,
}

/// A user with sessions, connected apps and linked accounts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeUser")]
struct UserWithDetails {
    #[serde(flatten)]
    user: UserView,
    sessions: Vec<SessionShown>,
    apps: Vec<AppShown>,
    identities: Vec<IdentityShown>,
    passkeys: u64,
    authenticator: bool,
    recovery_codes: u64,
    /// Number of active personal access tokens.
    tokens: u64,
    /// The groups of which the user is a member.
    groups: Vec<MembershipShown>,
    /// The roles with their sources.
    role_sources: Vec<RoleShown>,
}

/// A browser session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionShown {
    id: String,
    address: String,
    user_agent: String,
    since: i64,
    last_seen_at: i64,
}

/// A client that may act for the user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConnectedApp")]
struct AppShown {
    client_id: String,
    name: String,
    scopes: String,
    connected_at: i64,
    last_used_at: i64,
}

/// A linked account at a provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LinkedAccount")]
struct IdentityShown {
    provider: String,
    subject: String,
    email: Option<String>,
    last_login_at: i64,
    /// The provider's last statement, as far as rules read it.
    statement: Option<ProviderStatement>,
}

/// A user who was added.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AddedUser")]
struct Added {
    #[serde(flatten)]
    user: UserView,
    /// `sent`, `not_written` (no mail server is set up, or there is no e-mail address) or `failed`.
    mail: &'static str,
    /// The URL at which the user chooses a password, if no mail delivered it. It works once, within
    /// seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation_url: Option<String>,
}

impl Added {
    fn of(invited: &Invited, state: UserState) -> Self {
        Self {
            user: UserView::of(&invited.user, state),
            mail: match invited.mail {
                MailOutcome::Sent => "sent",
                MailOutcome::NotWritten => "not_written",
                MailOutcome::Failed(_) => "failed",
            },
            invitation_url: invited.url_to_hand_over().map(ToOwned::to_owned),
        }
    }
}

/// A user to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
struct New {
    /// The sign-in name: 1 to 64 letters, digits, '.', '_', '-' or '@'.
    #[schemars(length(min = 1, max = 64))]
    #[schemars(extend("x-code" = "invalid_name"))]
    name: String,
    email: Option<String>,
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$")))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    roles: Vec<String>,
    /// A first password, which the user must change at the first sign-in. Without one, and without
    /// `provider`, the user chooses one by a link.
    #[schemars(length(max = 1024))]
    #[schemars(extend("x-code" = "invalid_password"))]
    password: Option<String>,
    /// True if the user keeps the password and need not change it.
    #[serde(default)]
    keep_password: bool,
    /// Invite the user: the account at this provider with this e-mail address is linked to the
    /// user.
    provider: Option<String>,
}

/// The changes. Omitted members stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserChange")]
struct Changed {
    roles: Option<Vec<String>>,
    disabled: Option<bool>,
    email: Option<String>,
    display_name: Option<String>,
}

/// The access that ends.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignOut {
    /// True to end the access of connected apps too.
    #[serde(default)]
    apps: bool,
}

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    #[schemars(length(min = 1, max = 1024))]
    #[schemars(extend("x-code" = "invalid_password"))]
    password: String,
}

async fn state(console: &Console, user: &User) -> Result<UserState, Refusal> {
    let providers = console.admin.providers.enabled().await?;
    console.admin.users.state(user, &providers).await
}

fn authority(caller: &Caller) -> Authority {
    Authority::administrators_api(caller.authentication())
}

async fn list(
    State(console): State<Arc<Console>>,
    QueryParams(asked): QueryParams<UserList>,
) -> Answered {
    let (rows, place) = Place::of(console.admin.users.list(&asked).await?);
    let providers = console.admin.providers.enabled().await?;
    let users: Vec<&User> = rows.iter().collect();
    let states = console.admin.users.states(&users, &providers).await?;
    let users = users.iter().zip(states).map(|(user, state)| UserView::of(user, state));
    Ok(show(StatusCode::OK, &Users { users: users.collect(), place }))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(new): JsonBody<New>,
) -> Answered {
    let New { name, email, roles, password, keep_password, provider } = new;
    let new = NewUser { name, email, password, keep_password, roles, provider };
    let invited = console.admin.invitations.add(&authority(&caller), new).await?;
    let state = state(&console, &invited.user).await?;
    Ok(show_state(StatusCode::CREATED, &Added::of(&invited, state), &invited.user.etag()))
}

async fn one(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    let user = console.admin.users.with_id(&id).await?;
    let belongings = console.admin.users.belongings(&user).await?;
    let app_shown = |app: ConnectedApp| AppShown {
        name: app.name().to_owned(),
        client_id: app.client_id.to_string(),
        scopes: app.scopes.to_string(),
        connected_at: app.connected_at.0,
        last_used_at: app.last_used_at.0,
    };
    let whole = UserWithDetails {
        user: UserView::of(&user, state(&console, &user).await?),
        sessions: belongings
            .sessions
            .into_iter()
            .map(|session| SessionShown {
                id: session.id.to_string(),
                address: session.address,
                user_agent: session.user_agent,
                since: session.auth_time.0,
                last_seen_at: session.last_seen_at.0,
            })
            .collect(),
        apps: belongings.apps.into_iter().map(app_shown).collect(),
        identities: belongings
            .identities
            .into_iter()
            .map(|identity| IdentityShown {
                provider: identity.provider.to_string(),
                subject: identity.subject,
                email: identity.email,
                last_login_at: identity.last_login_at.0,
                statement: identity.statement.map(Into::into),
            })
            .collect(),
        passkeys: u64::try_from(belongings.enrolled.passkeys).unwrap_or_default(),
        authenticator: belongings.enrolled.authenticator,
        recovery_codes: belongings.enrolled.recovery_codes,
        tokens: belongings.tokens,
        groups: console.admin.groups.of(&user).await?.into_iter().map(Into::into).collect(),
        role_sources: groups::sources(&console, &user).await?,
    };
    Ok(show_state(StatusCode::OK, &whole, &user.etag()))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(id): PathValue,
    IfMatch(seen): IfMatch,
    JsonBody(changed): JsonBody<Changed>,
) -> Answered {
    let Changed { roles, disabled, email, display_name } = changed;
    let change = UserChange { roles, email, display_name, disabled };
    let users = &console.admin.users;
    let user = users.with_id(&id).await?;
    let user = users.change(&authority(&caller), &user, change, Some(&seen)).await?;
    let shown = UserView::of(&user, state(&console, &user).await?);
    Ok(show_state(StatusCode::OK, &shown, &user.etag()))
}

async fn delete(
    State(console): State<Arc<Console>>,
    PathValue(id): PathValue,
    IfMatch(seen): IfMatch,
) -> Answered {
    let users = &console.admin.users;
    users.delete(users.with_id(&id).await?.as_ref(), Some(&seen)).await?;
    Ok(done())
}

async fn sign_out(
    State(console): State<Arc<Console>>,
    PathValue(id): PathValue,
    JsonBody(asked): JsonBody<SignOut>,
) -> Answered {
    let users = &console.admin.users;
    users.sign_out(users.with_id(&id).await?.as_ref(), asked.apps).await?;
    Ok(done())
}

async fn set_password(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(id): PathValue,
    JsonBody(asked): JsonBody<Password>,
) -> Answered {
    let users = &console.admin.users;
    let user = users.with_id(&id).await?;
    users.set_password(&authority(&caller), &user, asked.password).await?;
    Ok(done())
}

async fn reset(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(id): PathValue,
) -> Answered {
    let users = &console.admin.users;
    users.reset_factors(&authority(&caller), users.with_id(&id).await?.as_ref()).await?;
    Ok(done())
}

async fn end_session(
    State(console): State<Arc<Console>>,
    Path((id, session)): Path<(String, String)>,
) -> Answered {
    let users = &console.admin.users;
    users.end_session(users.with_id(&id).await?.as_ref(), &session).await?;
    Ok(done())
}

async fn revoke_app(
    State(console): State<Arc<Console>>,
    Path((id, client)): Path<(String, String)>,
) -> Answered {
    let users = &console.admin.users;
    users.revoke_access(users.with_id(&id).await?.as_ref(), &client).await?;
    Ok(done())
}
