//! Administrators look after people.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{Authority, NewPerson, PeopleError, PersonChange};
use doorward_model::{ClientId, Person, Role, SessionId, UserId, routes};
use doorward_store::{ConnectedApp, StoreError, page_of};
use doorward_transport::{Params, answer};

use super::{activity::lately, error::Oops};
use crate::{
    Web,
    audit_row::AuditRow,
    entrance::{Onward, filled},
    frame::{Frame, browser_name, draw, moment},
    language::{filters, said},
    visitor::{Administrator, form},
};

/// How many people a page lists.
const LISTED: u64 = 100;

#[derive(Template)]
#[template(path = "admin_people.html")]
struct List {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<String>,
    people: Vec<Row>,
    next: Option<String>,
    providers: Vec<(String, String)>,
    typed: Typed,
    passwords: bool,
    password_min_length: usize,
}

/// What was typed into the form.
struct Typed {
    name: String,
    email: String,
    roles: String,
    provider: String,
}

struct Row {
    id: String,
    name: String,
    shown: String,
    email: String,
    roles: String,
    since: String,
    disabled: bool,
}

fn row(person: &Person) -> Row {
    Row {
        id: person.id.to_string(),
        name: person.name.to_string(),
        shown: person.display_name.clone().unwrap_or_default(),
        email: person.email.clone().unwrap_or_default(),
        roles: person.all_roles().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        since: moment(person.created_at),
        disabled: person.disabled_at.is_some(),
    }
}

/// Shows the list. `params` says where it goes on, and fills the form in with what was typed.
async fn show_list(
    web: &Web,
    administrator: &Administrator,
    params: &Params,
    (status, error): (StatusCode, Option<String>),
) -> Response {
    let people = web.parts.store.people_after(params.get("after"), LISTED + 1).await;
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let (people, providers) = match (people, web.parts.federation.providers().await) {
        (Ok(people), Ok(providers)) => (people, providers),
        (Err(error), _) | (_, Err(error)) => return Oops::unavailable(&error).draw(web),
    };
    let (people, more) = page_of(people, LISTED);
    let page = List {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "people",
        csrf: web.csrf(&administrator.0.browser, "people"),
        error,
        next: if more { people.last().map(|person| person.name.to_string()) } else { None },
        people: people.iter().map(row).collect(),
        providers: providers
            .iter()
            .map(|provider| (provider.id.to_string(), provider.name.clone()))
            .collect(),
        typed: Typed {
            name: text("name"),
            email: text("email"),
            roles: text("roles"),
            provider: text("provider"),
        },
        passwords: web.parts.accounts.config().passwords,
        password_min_length: web.parts.accounts.config().password_min_length,
    };
    draw(status, &page, false)
}

pub(crate) async fn list(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show_list(&web, &administrator, &params, (StatusCode::OK, None)).await
}

fn roles(text: &str) -> Result<Vec<Role>, String> {
    text.split([' ', ','])
        .filter(|role| !role.is_empty())
        .take(50)
        .map(|role| Role::parse(role).map_err(|error| format!("{role}: {error}")))
        .collect()
}

async fn make(web: &Web, authority: &Authority, params: &Params) -> Result<Person, PeopleError> {
    let text = |name: &str| {
        params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let roles = roles(params.get("roles").unwrap_or_default()).map_err(PeopleError::Roles)?;
    let provider = match text("provider") {
        None => None,
        Some(name) => web.parts.federation.provider(&name).await?,
    };
    let new = NewPerson {
        name: text("name").unwrap_or_default(),
        email: text("email"),
        password: params.get("password").filter(|text| !text.is_empty()).map(ToOwned::to_owned),
        roles,
    };
    if provider.is_some() && new.email.is_none() {
        return Err(PeopleError::Email(String::new()));
    }
    let person = web.parts.accounts.add(authority, new).await?;
    if let (Some(provider), Some(email)) = (&provider, &person.email) {
        web.parts.federation.invite(provider, email, &person).await?;
    }
    web.send_invitation(&person, provider.as_ref().map(|provider| provider.name.as_str()));
    Ok(person)
}

pub(crate) async fn add(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "people", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let next = filled(routes::ADMIN_PEOPLE, &params, &["name", "email", "roles", "provider"]);
    let authority = match web.authority(&administrator.0.visitor, &Onward::page(&next)).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    match make(&web, &authority, &params).await {
        Ok(person) => answer::see_other(
            &web.at(&routes::ADMIN_PERSON.replace("{person}", person.id.as_str())),
        ),
        Err(PeopleError::Store(error)) => Oops::unavailable(&error).draw(&web),
        Err(PeopleError::Hasher(error)) => Oops::from_hasher(&error).draw(&web),
        Err(error) => {
            show_list(
                &web,
                &administrator,
                &params,
                (StatusCode::BAD_REQUEST, Some(format!("Nobody was added: {error}."))),
            )
            .await
        }
    }
}

#[derive(Template)]
#[template(path = "admin_person.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    seen: String,
    message: Option<String>,
    error: Option<String>,
    person: Row,
    own_roles: String,
    provider_roles: String,
    has_password: bool,
    password_min_length: usize,
    passkeys: u64,
    authenticator: bool,
    tokens: u64,
    identities: Vec<(String, String)>,
    sessions: Vec<(String, String)>,
    apps: Vec<(String, String, String)>,
    lately: Vec<AuditRow>,
}

async fn page(
    web: &Web,
    administrator: &Administrator,
    person: &Person,
) -> Result<One, StoreError> {
    let (store, accounts, now) = (&web.parts.store, &web.parts.accounts, web.parts.clock.now());
    let enrolled = accounts.enrolled(&person.id).await?;
    let join = |roles: &[Role]| roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ");
    let app = |app: ConnectedApp| {
        let scopes = app.scopes.iter().map(|scope| scope.title().into_owned());
        (
            app.client_id.to_string(),
            app.name().to_owned(),
            said(scopes.chain([format!("last used {}", moment(app.last_used_at))])),
        )
    };
    let identities = store.identities_of(&person.id).await?.into_iter();
    let (lately, _) = lately(web, &person.id, None, 10).await?;
    Ok(One {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "people",
        csrf: web.csrf(&administrator.0.browser, "person"),
        seen: person.etag(),
        message: None,
        error: None,
        person: row(person),
        own_roles: join(&person.roles),
        provider_roles: join(&person.provider_roles),
        has_password: person.password.is_some(),
        password_min_length: accounts.config().password_min_length,
        passkeys: u64::try_from(enrolled.passkeys).unwrap_or_default(),
        authenticator: enrolled.authenticator,
        tokens: store.count_access_tokens(&person.id, now).await?,
        identities: identities
            .map(|identity| {
                (identity.provider.to_string(), identity.email.unwrap_or(identity.subject))
            })
            .collect(),
        sessions: accounts
            .sessions_of(&person.id)
            .await?
            .into_iter()
            .map(|session| {
                let told = [
                    browser_name(&session.user_agent),
                    format!("from {}", session.address),
                    format!("last seen {}", moment(session.last_seen_at)),
                ];
                (session.id.to_string(), said(told))
            })
            .collect(),
        apps: store.connected_apps(&person.id, now).await?.into_iter().map(app).collect(),
        lately,
    })
}

async fn show(
    web: &Web,
    administrator: &Administrator,
    id: &UserId,
    (status, message, error): (StatusCode, Option<String>, Option<String>),
) -> Response {
    let person = match web.parts.store.person(id).await {
        Ok(Some(person)) => person,
        Ok(None) => return Oops::not_found().draw(web),
        Err(error) => return Oops::unavailable(&error).draw(web),
    };
    match page(web, administrator, &person).await {
        Ok(page) => draw(status, &One { message, error, ..page }, false),
        Err(error) => Oops::unavailable(&error).draw(web),
    }
}

pub(crate) async fn one(
    State(web): State<Web>,
    administrator: Administrator,
    Path(id): Path<String>,
) -> Response {
    show(&web, &administrator, &UserId::from_text(id), (StatusCode::OK, None, None)).await
}

/// Does what the form says where it gives nobody a means of access; answers what to tell, or
/// nothing where the person is gone.
async fn take(
    web: &Web,
    person: &Person,
    params: &Params,
) -> Result<Option<&'static str>, PeopleError> {
    let accounts = &web.parts.accounts;
    let (seen, sure) = (params.get("seen"), params.get("sure").is_some());
    match params.get("do") {
        Some("disable") => {
            accounts.disable(person, seen).await?;
            Ok(Some("Disabled; sessions, tokens and connected apps have ended."))
        }
        Some("sign-out") => {
            accounts.force_sign_in(person, params.get("apps").is_some()).await?;
            Ok(Some("All sessions have ended."))
        }
        Some("end-session") => {
            accounts
                .end_session(
                    &person.id,
                    SessionId::from_text(params.get("session").unwrap_or_default()),
                )
                .await?;
            Ok(Some("The session has ended."))
        }
        Some("withdraw") => {
            let client = ClientId::from_text(params.get("client_id").unwrap_or_default());
            web.parts
                .issuer
                .withdraw(&person.id, Some(client))
                .await
                .map_err(|failure| PeopleError::Roles(failure.why))?;
            Ok(Some("The app's access has ended."))
        }
        Some("delete") if sure => {
            accounts.delete(person, seen).await?;
            Ok(None)
        }
        _ => Err(PeopleError::Roles("tick that you are sure".to_owned())),
    }
}

/// What of this form gives somebody a means of access.
const GIVES: [&str; 4] = ["save", "enable", "password", "reset-factors"];

/// Does what the form says where it gives somebody a means of access; answers what to tell.
async fn give(
    web: &Web,
    authority: &Authority,
    person: &Person,
    params: &Params,
) -> Result<Option<&'static str>, PeopleError> {
    let accounts = &web.parts.accounts;
    let (seen, sure) = (params.get("seen"), params.get("sure").is_some());
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned());
    match params.get("do") {
        Some("save") => {
            let roles =
                roles(params.get("roles").unwrap_or_default()).map_err(PeopleError::Roles)?;
            let email = text("email").filter(|email| {
                Some(email.as_str()) != person.email.as_deref() && !email.is_empty()
            });
            let display_name = text("display_name")
                .filter(|name| name.as_str() != person.display_name.as_deref().unwrap_or_default());
            accounts
                .update(
                    authority,
                    person,
                    PersonChange { roles: Some(roles), email, display_name, disabled: None },
                    seen,
                )
                .await?;
            Ok(Some("Saved."))
        }
        Some("enable") => {
            accounts.enable(authority, person, seen).await?;
            Ok(Some("Enabled."))
        }
        Some("password") => {
            accounts
                .set_password(
                    authority,
                    person,
                    params.get("password").unwrap_or_default().to_owned(),
                    None,
                )
                .await?;
            Ok(Some("The password is set; sessions and connected apps have ended."))
        }
        Some("reset-factors") if sure => {
            accounts.reset_factors(authority, person).await?;
            Ok(Some("There is no second factor any more; sessions and connected apps have ended."))
        }
        _ => Err(PeopleError::Roles("tick that you are sure".to_owned())),
    }
}

pub(crate) async fn change(
    State(web): State<Web>,
    administrator: Administrator,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "person", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let id = UserId::from_text(id);
    let person = match web.parts.store.person(&id).await {
        Ok(Some(person)) => person,
        Ok(None) => return Oops::not_found().draw(&web),
        Err(error) => return Oops::unavailable(&error).draw(&web),
    };
    let outcome = if params.get("do").is_some_and(|verb| GIVES.contains(&verb)) {
        match web
            .authority(
                &administrator.0.visitor,
                &Onward::page(&routes::ADMIN_PERSON.replace("{person}", id.as_str())),
            )
            .await
        {
            Ok(authority) => give(&web, &authority, &person, &params).await,
            Err(response) => return response,
        }
    } else {
        take(&web, &person, &params).await
    };
    match outcome {
        Ok(None) => answer::see_other(&web.at(routes::ADMIN_PEOPLE)),
        Ok(Some(told)) => {
            show(&web, &administrator, &id, (StatusCode::OK, Some(told.to_owned()), None)).await
        }
        Err(PeopleError::Store(error)) => Oops::unavailable(&error).draw(&web),
        Err(PeopleError::Hasher(error)) => Oops::from_hasher(&error).draw(&web),
        Err(error @ (PeopleError::Changed | PeopleError::LastAdministrator(_))) => {
            show(
                &web,
                &administrator,
                &id,
                (StatusCode::CONFLICT, None, Some(format!("Nothing was changed: {error}."))),
            )
            .await
        }
        Err(error) => {
            show(
                &web,
                &administrator,
                &id,
                (StatusCode::BAD_REQUEST, None, Some(format!("Nothing was changed: {error}."))),
            )
            .await
        }
    }
}
