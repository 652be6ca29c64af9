//! How a person signs in: passkeys, authenticator app, recovery codes, accounts at providers.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{Ceremony, FactorError, NewAuthenticator};
use doorward_model::{IdentityId, routes};
use doorward_store::StoreError;
use doorward_transport::{Params, answer};

use super::{
    error::Oops,
    login::href,
    second_factor::{Codes, Picture, picture, words},
};
use crate::{
    Web,
    entrance::Onward,
    frame::{Frame, ProviderButton, draw, draw_with, moment},
    language::filters,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "security.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<String>,
    /// Whether the person proved themselves recently enough to change anything.
    recent: bool,
    again_url: String,
    passkeys: Vec<PasskeyRow>,
    passkeys_possible: bool,
    new_passkey: Option<Ceremony>,
    authenticator: bool,
    new_authenticator: Option<NewAuthenticator>,
    picture: Option<Picture>,
    recovery_codes: u64,
    identities: Vec<IdentityRow>,
    providers: Vec<ProviderButton>,
}

struct PasskeyRow {
    id: String,
    name: String,
    added: String,
    used: String,
}

struct IdentityRow {
    id: String,
    provider: String,
    icon: &'static str,
    account: String,
    used: String,
}

async fn identities(web: &Web, signed_in: &SignedIn) -> Result<(Vec<IdentityRow>, Vec<ProviderButton>), StoreError> {
    let providers = web.parts.federation.all_providers().await?;
    let known = web.parts.store.identities_of(&signed_in.visitor.person.id).await?;
    let rows = known.iter().map(|identity| {
        let provider = providers.iter().find(|provider| provider.id == identity.provider);
        IdentityRow {
            id: identity.id.as_str().to_owned(),
            provider: provider.map_or_else(|| identity.provider.to_string(), |provider| provider.name.clone()),
            icon: provider.map_or("oidc", |provider| provider.kind.name),
            account: identity.email.clone().or_else(|| identity.username.clone()).unwrap_or_else(|| identity.subject.clone()),
            used: if identity.last_login_at.0 == 0 { "never".to_owned() } else { moment(identity.last_login_at) },
        }
    });
    let rows = rows.collect();
    let others = providers.iter().filter(|provider| provider.is_enabled() && !known.iter().any(|identity| identity.provider == provider.id));
    let button = |provider: &std::sync::Arc<doorward_federation::Provider>| ProviderButton {
        name: provider.name.clone(),
        icon: provider.kind.name,
        href: href(web, provider, &Onward { request: None, next: Some(routes::ACCOUNT_SECURITY) }, &[("link", "1")]),
    };
    Ok((rows, others.map(button).collect()))
}

async fn page(web: &Web, signed_in: &SignedIn, error: Option<String>) -> Result<Page, StoreError> {
    let (accounts, person) = (&web.parts.accounts, &signed_in.visitor.person);
    let enrolled = accounts.enrolled(&person.id).await?;
    let recent = accounts.is_recent(signed_in.visitor.session.auth_time);
    let (identities, providers) = identities(web, signed_in).await?;
    let new_authenticator = if recent && !enrolled.authenticator { accounts.begin_authenticator(person).await.ok() } else { None };
    let row = |passkey: doorward_model::Passkey| PasskeyRow {
        id: passkey.id,
        name: passkey.name,
        added: moment(passkey.created_at),
        used: passkey.last_used_at.map_or_else(|| "never".to_owned(), moment),
    };
    Ok(Page {
        tab: "security",
        frame: web.frame(Some(&signed_in.browser)),
        csrf: web.csrf(&signed_in.browser, "security"),
        error,
        recent,
        again_url: web.at(&format!("{}?switch=1&next=%2Faccount%2Fsecurity", routes::LOGIN)),
        passkeys: accounts.passkeys_of(&person.id).await?.into_iter().map(row).collect(),
        passkeys_possible: accounts.passkeys_possible(),
        new_passkey: if recent { accounts.begin_passkey(person).await.ok() } else { None },
        authenticator: enrolled.authenticator,
        picture: new_authenticator.as_ref().and_then(|new| picture(&new.url)),
        new_authenticator,
        recovery_codes: enrolled.recovery_codes,
        identities,
        providers,
    })
}

async fn show(web: &Web, signed_in: &SignedIn, error: Option<String>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match page(web, signed_in, error).await {
        Ok(page) => draw_with(status, &page, answer::PagePolicy { submits_elsewhere: false, scripts: page.new_passkey.is_some() }),
        Err(error) => Oops::unavailable(&error).draw(web),
    }
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn) -> Response {
    show(&web, &signed_in, None).await
}

/// A form of this page by somebody who proved themselves recently.
async fn submitted(web: &Web, signed_in: &SignedIn, request: Request<Body>) -> Result<Params, Response> {
    let params = form(web, &signed_in.browser, "security", request).await?;
    if web.parts.accounts.is_recent(signed_in.visitor.session.auth_time) {
        return Ok(params);
    }
    Err(show(web, signed_in, Some("Please sign in once more before you change how you sign in.".to_owned())).await)
}

fn done(web: &Web) -> Response {
    answer::see_other(&web.at(routes::ACCOUNT_SECURITY))
}

/// Shows what a change of factors came to: the page again, or recovery codes for the first of them.
async fn after(web: &Web, signed_in: &SignedIn, outcome: Result<(), FactorError>) -> Response {
    match outcome {
        Ok(()) => match web.parts.accounts.first_recovery_codes(&signed_in.visitor.person.id).await {
            Ok(None) => done(web),
            Ok(Some(codes)) => show_codes(web, signed_in, codes),
            Err(error) => Oops::unavailable(&error).draw(web),
        },
        Err(FactorError::Store(error)) => Oops::unavailable(&error).draw(web),
        Err(error) => {
            tracing::info!(person = %signed_in.visitor.person.id, ?error, "a factor was not set up");
            show(web, signed_in, Some(words(&error))).await
        }
    }
}

fn show_codes(web: &Web, signed_in: &SignedIn, codes: Vec<String>) -> Response {
    draw(StatusCode::OK, &Codes { frame: web.frame(Some(&signed_in.browser)), list: codes, onward: web.at(routes::ACCOUNT_SECURITY) }, false)
}

pub(crate) async fn passkeys(State(web): State<Web>, signed_in: SignedIn, request: Request<Body>) -> Response {
    let params = match submitted(&web, &signed_in, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (accounts, visitor) = (&web.parts.accounts, &signed_in.visitor);
    let text = |name: &str| params.get(name).unwrap_or_default();
    if text("action") == "remove" {
        return match accounts.remove_passkey(&visitor.person.id, text("id"), visitor.session.id.clone()).await {
            Ok(true) => done(&web),
            Ok(false) => show(&web, &signed_in, Some("That passkey was removed already.".to_owned())).await,
            Err(error) => Oops::unavailable(&error).draw(&web),
        };
    }
    let outcome = accounts.add_passkey(&visitor.person, text("name"), text("credential"), text("state")).await;
    after(&web, &signed_in, outcome).await
}

pub(crate) async fn authenticator(State(web): State<Web>, signed_in: SignedIn, request: Request<Body>) -> Response {
    let params = match submitted(&web, &signed_in, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let (accounts, visitor) = (&web.parts.accounts, &signed_in.visitor);
    if params.get("action") == Some("remove") {
        return match accounts.remove_authenticator(&visitor.person.id, visitor.session.id.clone()).await {
            Ok(()) => done(&web),
            Err(error) => Oops::unavailable(&error).draw(&web),
        };
    }
    let outcome = accounts.confirm_authenticator(&visitor.person, params.get("code").unwrap_or_default()).await;
    after(&web, &signed_in, outcome).await
}

pub(crate) async fn recovery_codes(State(web): State<Web>, signed_in: SignedIn, request: Request<Body>) -> Response {
    if let Err(response) = submitted(&web, &signed_in, request).await {
        return response;
    }
    match web.parts.accounts.new_recovery_codes(&signed_in.visitor.person.id).await {
        Ok(codes) => show_codes(&web, &signed_in, codes),
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}

/// Unlinks an account at a provider, unless the account here hangs on it.
pub(crate) async fn unlink(State(web): State<Web>, signed_in: SignedIn, request: Request<Body>) -> Response {
    let params = match submitted(&web, &signed_in, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let person = &signed_in.visitor.person;
    let others = async {
        // A passkey is no reason to leave: it would outlive the provider that the account hangs on.
        Ok::<_, StoreError>((person.password.is_some() && web.parts.accounts.config().passwords) || web.parts.store.identities_of(&person.id).await?.len() > 1)
    };
    match others.await {
        Ok(true) => {}
        Ok(false) => return show(&web, &signed_in, Some("Your account here hangs on this one. Link another one first.".to_owned())).await,
        Err(error) => return Oops::unavailable(&error).draw(&web),
    }
    match web.parts.federation.unlink(&person.id, IdentityId::from_stored(params.get("id").unwrap_or_default())).await {
        Ok(_) => done(&web),
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}
