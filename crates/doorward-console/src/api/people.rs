//! People.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use doorward_accounts::{Authority, NewPerson, PeopleError, PersonChange};
use doorward_mcp::Caller;
use doorward_model::{ClientId, Person, Role, SessionId, UserId, routes};
use doorward_store::{ConnectedApp, page_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{
    Answered, Asked, At, IfMatch, Operation, Page, Refused, Sent, Who, done, needs, show,
    show_state,
};
use crate::app::App;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such person.";
    vec![
        Operation::get(needs::READ, routes::API_PEOPLE, "listPeople", "Lists people by name.", list).query::<Page>().answer::<People>(200, "The people."),
        Operation::post(
            needs::ALL,
            routes::API_PEOPLE,
            "addPerson",
            "Adds a person, or invites them to come through a provider. Who has an e-mail address is told by mail, where mail is set up.",
            add,
        )
        .body::<New>()
        .answer::<Shown>(201, "The person was added.")
        .with_etag()
        .missing("There is no such provider.")
        .problem(409, "The name is taken."),
        Operation::get(needs::READ, routes::API_PERSON, "showPerson", "Shows a person with sessions, apps and linked accounts.", one)
            .answer::<Whole>(200, "The person.")
            .with_etag()
            .missing(NONE),
        Operation::patch(needs::ALL, routes::API_PERSON, "changePerson", "Changes roles, state, e-mail address or name.", change)
            .body::<Changed>()
            .answer::<Shown>(200, "The person as they are now.")
            .with_etag()
            .if_match()
            .missing(NONE)
            .problem(409, "The last administrator stays one."),
        Operation::delete(needs::ALL, routes::API_PERSON, "deletePerson", "Deletes a person; sessions, tokens and apps end.", delete)
            .empty("The person is gone.")
            .if_match()
            .missing(NONE)
            .problem(409, "The last administrator stays."),
        Operation::post(needs::ALL, routes::API_PERSON_SIGN_OUT, "signPersonOut", "Ends all sessions of a person, so that they sign in again.", sign_out)
            .body::<SignOut>()
            .empty("The sessions have ended.")
            .missing(NONE),
        Operation::post(needs::ALL, routes::API_PERSON_PASSWORD, "setPassword", "Sets a password; sessions and apps end.", set_password)
            .body::<Password>()
            .empty("The password is set.")
            .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_PERSON_FACTORS,
            "resetFactors",
            "Removes passkeys, authenticator app and recovery codes; sessions and apps end.",
            reset,
        )
        .empty("There is no second factor any more.")
        .missing(NONE),
        Operation::delete(needs::ALL, routes::API_PERSON_SESSION, "endSession", "Ends one session.", end_session)
            .empty("The session has ended.")
            .missing("There is no such person or session."),
        Operation::delete(needs::ALL, routes::API_PERSON_APP, "withdrawApp", "Withdraws what a person allowed a client.", withdraw)
            .empty("The access has ended.")
            .missing("There is no such person or app."),
    ]
}

/// A person.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Person")]
struct Shown {
    /// The stable identifier: `sub` in tokens.
    id: String,
    /// The sign-in name.
    name: String,
    email: Option<String>,
    display_name: Option<String>,
    /// The roles that an administrator gave them.
    roles: Vec<String>,
    /// The roles that rules of their providers gave them.
    provider_roles: Vec<String>,
    administrator: bool,
    disabled: bool,
    /// True if they can sign in with a password.
    has_password: bool,
    /// Seconds since 1970.
    created_at: i64,
    /// Names this state, for If-Match.
    etag: String,
}

impl Shown {
    fn of(person: &Person) -> Self {
        let roles = |roles: &[Role]| roles.iter().map(ToString::to_string).collect();
        Self {
            id: person.id.to_string(),
            name: person.name.to_string(),
            email: person.email.clone(),
            display_name: person.display_name.clone(),
            roles: roles(&person.roles),
            provider_roles: roles(&person.provider_roles),
            administrator: person.is_administrator(),
            disabled: person.disabled_at.is_some(),
            has_password: person.password.is_some(),
            created_at: person.created_at.0,
            etag: person.etag(),
        }
    }
}

/// Some people.
#[derive(Serialize, JsonSchema)]
struct People {
    people: Vec<Shown>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A person with everything that belongs to them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholePerson")]
struct Whole {
    #[serde(flatten)]
    person: Shown,
    sessions: Vec<SessionShown>,
    apps: Vec<AppShown>,
    identities: Vec<IdentityShown>,
    passkeys: u64,
    authenticator: bool,
    recovery_codes: u64,
    /// Live personal access tokens.
    tokens: u64,
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

/// A client that may act for the person.
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
}

/// A person to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPerson")]
struct New {
    /// The sign-in name: 1 to 64 letters, digits, '.', '_', '-' or '@'.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    email: Option<String>,
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9_-]+$")))]
    roles: Vec<String>,
    /// A first password; without one they come through a provider.
    #[schemars(length(max = 1024))]
    password: Option<String>,
    /// Invite them: whoever comes from this provider with this e-mail address is them.
    provider: Option<String>,
}

/// The changes. A part that is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PersonChange")]
struct Changed {
    roles: Option<Vec<String>>,
    disabled: Option<bool>,
    email: Option<String>,
    display_name: Option<String>,
}

/// The objects that end.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignOut {
    /// True if connected apps must ask again too.
    #[serde(default)]
    apps: bool,
}

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    #[schemars(length(min = 1, max = 1024))]
    password: String,
}

fn refused(error: PeopleError) -> Refused {
    match error {
        PeopleError::Taken(_) | PeopleError::LastAdministrator(_) => {
            Refused::conflict(error.to_string())
        }
        PeopleError::Unknown(_) => Refused::missing("person"),
        PeopleError::Changed => Refused::changed(),
        PeopleError::Store(error) => error.into(),
        PeopleError::Hasher(error) => {
            tracing::error!(%error, "a password could not be hashed");
            Refused::unavailable()
        }
        other => Refused::bad(other.to_string()),
    }
}

fn authority(caller: &Caller) -> Authority {
    Authority::administrators_api(caller.authentication())
}

fn parse_roles(texts: &[String]) -> Result<Vec<Role>, Refused> {
    if texts.len() > 50 {
        return Err(Refused::bad("roles: at most 50"));
    }
    texts
        .iter()
        .map(|text| Role::parse(text).map_err(|error| Refused::bad(format!("roles: {error}"))))
        .collect()
}

async fn find(app: &App, id: &str) -> Result<Arc<Person>, Refused> {
    app.store.person(&UserId::from_text(id)).await?.ok_or_else(|| Refused::missing("person"))
}

async fn list(State(app): State<Arc<App>>, Asked(page): Asked<Page>) -> Answered {
    let limit = page.limit()?;
    let (people, more) =
        page_of(app.store.people_after(page.after.as_deref(), limit + 1).await?, limit);
    let next = if more { people.last().map(|person| person.name.to_string()) } else { None };
    Ok(show(StatusCode::OK, &People { people: people.iter().map(Shown::of).collect(), next }))
}

async fn add(State(app): State<Arc<App>>, Who(caller): Who, Sent(new): Sent<New>) -> Answered {
    let roles = parse_roles(&new.roles)?;
    let provider = match &new.provider {
        None => None,
        Some(name) => Some(app.federation.named(name).await.map_err(super::providers::refused)?),
    };
    if provider.is_some() && new.email.is_none() {
        return Err(Refused::bad("email: is needed for an invitation"));
    }
    let person = app
        .accounts
        .add(
            &authority(&caller),
            NewPerson { name: new.name, email: new.email.clone(), password: new.password, roles },
        )
        .await
        .map_err(refused)?;
    if let (Some(provider), Some(email)) = (&provider, &person.email) {
        app.federation.invite(provider, email, &person).await?;
    }
    app.web.send_invitation(&person, provider.as_ref().map(|provider| provider.name.as_str()));
    Ok(show_state(StatusCode::CREATED, &Shown::of(&person), &person.etag()))
}

async fn one(State(app): State<Arc<App>>, At(id): At) -> Answered {
    let person = find(&app, &id).await?;
    let now = app.clock.now();
    let enrolled = app.accounts.enrolled(&person.id).await?;
    let app_shown = |app: ConnectedApp| AppShown {
        name: app.name().to_owned(),
        client_id: app.client_id.to_string(),
        scopes: app.scopes.to_string(),
        connected_at: app.connected_at.0,
        last_used_at: app.last_used_at.0,
    };
    let whole = Whole {
        person: Shown::of(&person),
        sessions: app
            .accounts
            .sessions_of(&person.id)
            .await?
            .into_iter()
            .map(|session| SessionShown {
                id: session.id.to_string(),
                address: session.address,
                user_agent: session.user_agent,
                since: session.auth_time.0,
                last_seen_at: session.last_seen_at.0,
            })
            .collect(),
        apps: app.store.connected_apps(&person.id, now).await?.into_iter().map(app_shown).collect(),
        identities: app
            .store
            .identities_of(&person.id)
            .await?
            .into_iter()
            .map(|identity| IdentityShown {
                provider: identity.provider.to_string(),
                subject: identity.subject,
                email: identity.email,
                last_login_at: identity.last_login_at.0,
            })
            .collect(),
        passkeys: u64::try_from(enrolled.passkeys).unwrap_or_default(),
        authenticator: enrolled.authenticator,
        recovery_codes: enrolled.recovery_codes,
        tokens: app.store.count_access_tokens(&person.id, now).await?,
    };
    Ok(show_state(StatusCode::OK, &whole, &person.etag()))
}

async fn change(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    At(id): At,
    IfMatch(seen): IfMatch,
    Sent(changed): Sent<Changed>,
) -> Answered {
    let person = find(&app, &id).await?;
    let roles = changed.roles.as_deref().map(parse_roles).transpose()?;
    let change = PersonChange {
        roles,
        email: changed.email,
        display_name: changed.display_name,
        disabled: changed.disabled,
    };
    app.accounts
        .update(&authority(&caller), &person, change, Some(&seen))
        .await
        .map_err(refused)?;
    let person = find(&app, &id).await?;
    Ok(show_state(StatusCode::OK, &Shown::of(&person), &person.etag()))
}

async fn delete(State(app): State<Arc<App>>, At(id): At, IfMatch(seen): IfMatch) -> Answered {
    let person = find(&app, &id).await?;
    app.accounts.delete(&person, Some(&seen)).await.map_err(refused)?;
    Ok(done())
}

async fn sign_out(State(app): State<Arc<App>>, At(id): At, Sent(asked): Sent<SignOut>) -> Answered {
    let person = find(&app, &id).await?;
    app.accounts.force_sign_in(&person, asked.apps).await.map_err(refused)?;
    Ok(done())
}

async fn set_password(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    At(id): At,
    Sent(asked): Sent<Password>,
) -> Answered {
    let person = find(&app, &id).await?;
    app.accounts
        .set_password(&authority(&caller), &person, asked.password, None)
        .await
        .map_err(refused)?;
    Ok(done())
}

async fn reset(State(app): State<Arc<App>>, Who(caller): Who, At(id): At) -> Answered {
    app.accounts.reset_factors(&authority(&caller), find(&app, &id).await?.as_ref()).await?;
    Ok(done())
}

async fn end_session(
    State(app): State<Arc<App>>,
    Path((id, session)): Path<(String, String)>,
) -> Answered {
    let person = find(&app, &id).await?;
    if app.accounts.end_session(&person.id, SessionId::from_text(session)).await? {
        Ok(done())
    } else {
        Err(Refused::missing("session"))
    }
}

async fn withdraw(
    State(app): State<Arc<App>>,
    Path((id, client)): Path<(String, String)>,
) -> Answered {
    let person = find(&app, &id).await?;
    let client_id = ClientId::from_text(client);
    let held = app.store.connected_apps(&person.id, app.clock.now()).await?;
    if !held.iter().any(|held| held.client_id == client_id) {
        return Err(Refused::missing("app"));
    }
    app.issuer.withdraw(&person.id, Some(client_id)).await.map_err(|_| Refused::unavailable())?;
    Ok(done())
}
