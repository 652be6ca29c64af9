//! A user's methods of sign-in: passkeys, authenticator app, recovery codes, accounts at providers.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{
    Authority, Ceremony, FactorError, NewAuthenticator, NewPasskey, NotRecent,
};
use doorward_language::{Message, text};
use doorward_model::{IdentityId, Level, routes};
use doorward_store::StoreError;
use doorward_transport::{Params, answer};

use super::{
    error::ErrorPage,
    login::href,
    second_factor::{Codes, Picture, picture, refusal},
};
use crate::{
    Web,
    entrance::SignInTarget,
    frame::{Frame, ProviderButton, draw_scripted, moment},
    language::filters,
    reasons,
    visitor::{SignedIn, form},
};

#[expect(
    clippy::struct_excessive_bools,
    reason = "each states whether one part of the page is shown"
)]
#[derive(Template)]
#[template(path = "security.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Message>,
    /// The URL at which the user signs in again before changes, if needed.
    again_url: Option<String>,
    /// True if that is by signing in; otherwise by the second factor.
    again_by_sign_in: bool,
    recent: bool,
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

async fn identities(
    web: &Web,
    signed_in: &SignedIn,
) -> Result<(Vec<IdentityRow>, Vec<ProviderButton>), StoreError> {
    let providers = web.services.federation.all_providers().await?;
    let known = web.services.store.identities_of(&signed_in.visitor.user.id).await?;
    let rows = known.iter().map(|identity| {
        let provider = providers.iter().find(|provider| provider.id == identity.provider);
        IdentityRow {
            id: identity.id.as_str().to_owned(),
            provider: provider
                .map_or_else(|| identity.provider.to_string(), |provider| provider.name.clone()),
            icon: provider.map_or("oidc", |provider| provider.kind.name),
            account: identity
                .email
                .clone()
                .or_else(|| identity.username.clone())
                .unwrap_or_else(|| identity.subject.clone()),
            used: if identity.last_login_at.0 == 0 {
                text::common_never().to_string()
            } else {
                moment(identity.last_login_at)
            },
        }
    });
    let rows = rows.collect();
    let others = providers.iter().filter(|provider| {
        provider.is_enabled() && !known.iter().any(|identity| identity.provider == provider.id)
    });
    let button = |provider: &std::sync::Arc<doorward_federation::Provider>| ProviderButton {
        name: provider.name.clone(),
        icon: provider.kind.name,
        href: href(web, provider, &SignInTarget::page(routes::ACCOUNT_SECURITY), &[("link", "1")]),
    };
    Ok((rows, others.map(button).collect()))
}

async fn page(web: &Web, signed_in: &SignedIn, error: Option<Message>) -> Result<Page, StoreError> {
    let (accounts, user) = (&web.services.accounts, &signed_in.visitor.user);
    let enrolled = accounts.enrolled(&user.id).await?;
    let authority = accounts.authority(&signed_in.visitor).await?;
    let (identities, providers) = identities(web, signed_in).await?;
    let new_authenticator = match &authority {
        Ok(authority) if !enrolled.authenticator => {
            accounts.begin_authenticator(authority, user).await.ok()
        }
        _ => None,
    };
    let new_passkey = match &authority {
        Ok(authority) => accounts.begin_passkey(authority, user).await.ok(),
        Err(_) => None,
    };
    let row = |passkey: doorward_model::Passkey| PasskeyRow {
        id: passkey.id,
        name: passkey.name,
        added: moment(passkey.created_at),
        used: passkey.last_used_at.map_or_else(|| text::common_never().to_string(), moment),
    };
    Ok(Page {
        tab: "security",
        frame: web.frame(Some(&signed_in.browser)),
        csrf: web.csrf(&signed_in.browser, "security"),
        error,
        recent: authority.is_ok(),
        again_url: authority
            .as_ref()
            .err()
            .map(|missing| web.again(*missing, &SignInTarget::page(routes::ACCOUNT_SECURITY))),
        again_by_sign_in: matches!(authority, Err(NotRecent::SignIn)),
        passkeys: accounts.passkeys_of(&user.id).await?.into_iter().map(row).collect(),
        passkeys_possible: accounts.passkeys_possible(),
        new_passkey,
        authenticator: enrolled.authenticator,
        picture: new_authenticator.as_ref().and_then(|new| picture(&new.url)),
        new_authenticator,
        recovery_codes: enrolled.recovery_codes,
        identities,
        providers,
    })
}

async fn show(web: &Web, signed_in: &SignedIn, error: Option<Message>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match page(web, signed_in, error).await {
        Ok(page) => draw_scripted(status, &page),
        Err(error) => ErrorPage::unavailable(&error).draw(web),
    }
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn) -> Response {
    show(&web, &signed_in, None).await
}

/// A form of this page from a user with a recent sign-in.
async fn submitted(
    web: &Web,
    signed_in: &SignedIn,
    request: Request<Body>,
) -> Result<(Params, Authority), Response> {
    let params = form(web, &signed_in.browser, "security", request).await?;
    match web.services.accounts.authority(&signed_in.visitor).await {
        Ok(Ok(authority)) => Ok((params, authority)),
        // The page itself names the place for that.
        Ok(Err(_)) => Err(show(web, signed_in, Some(text::security_sign_in_first())).await),
        Err(error) => Err(ErrorPage::unavailable(&error).draw(web)),
    }
}

fn done(web: &Web) -> Response {
    answer::see_other(&web.at(routes::ACCOUNT_SECURITY))
}

/// Shows the outcome of a change of factors: the page again, or recovery codes for the first
/// factor. A user who set a factor up by `method` has proved it in this session.
async fn after(
    web: &Web,
    signed_in: &SignedIn,
    authority: &Authority,
    outcome: Result<&'static str, FactorError>,
) -> Response {
    let method = match outcome {
        Ok(method) => method,
        Err(FactorError::Store(error)) => return ErrorPage::unavailable(&error).draw(web),
        Err(error) => {
            tracing::info!(user = %signed_in.visitor.user.id, error = error.logged(), "a factor \
                was not set up");
            let response = show(web, signed_in, Some(reasons::factor(&error))).await;
            return refusal(response, &error);
        }
    };
    let (accounts, visitor) = (&web.services.accounts, &signed_in.visitor);
    let proved = async {
        let codes = accounts.first_recovery_codes(authority, &visitor.user.id).await?;
        let raised = match visitor.session.authentication.level {
            Level::SingleFactor => {
                Some(accounts.complete(visitor, method, signed_in.browser.facts()).await?)
            }
            Level::MultiFactor => None,
        };
        Ok::<_, StoreError>((codes, raised))
    };
    let (codes, raised) = match proved.await {
        Ok(proved) => proved,
        Err(error) => return ErrorPage::unavailable(&error).draw(web),
    };
    let response = match codes {
        None => done(web),
        // The forms of a frame belong to the session that just ended.
        Some(codes) => show_codes(web, raised.is_none().then_some(signed_in), codes),
    };
    match raised {
        Some(raised) => web.with_session(response, &raised),
        None => response,
    }
}

fn show_codes(web: &Web, signed_in: Option<&SignedIn>, codes: Vec<String>) -> Response {
    let frame = web.frame(signed_in.map(|signed_in| &signed_in.browser));
    let page = Codes::new(frame, codes, web.at(routes::ACCOUNT_SECURITY));
    draw_scripted(StatusCode::OK, &page)
}

pub(crate) async fn passkeys(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let (params, authority) = match submitted(&web, &signed_in, request).await {
        Ok(submitted) => submitted,
        Err(response) => return response,
    };
    let (accounts, visitor) = (&web.services.accounts, &signed_in.visitor);
    let text = |name: &str| params.get(name).unwrap_or_default();
    if text("action") == "remove" {
        return match accounts
            .remove_passkey(&authority, &visitor.user.id, text("id"), visitor.session.id.clone())
            .await
        {
            Ok(true) => done(&web),
            Ok(false) => show(&web, &signed_in, Some(text::security_passkey_gone())).await,
            Err(error) => ErrorPage::unavailable(&error).draw(&web),
        };
    }
    let (answer, state) = (text("credential"), text("state"));
    let new = NewPasskey { name: text("name"), answer, state };
    let outcome = accounts.add_passkey(&authority, &visitor.user, new).await.map(|()| "swk");
    after(&web, &signed_in, &authority, outcome).await
}

pub(crate) async fn authenticator(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let (params, authority) = match submitted(&web, &signed_in, request).await {
        Ok(submitted) => submitted,
        Err(response) => return response,
    };
    let (accounts, visitor) = (&web.services.accounts, &signed_in.visitor);
    if params.get("action") == Some("remove") {
        return match accounts
            .remove_authenticator(&authority, &visitor.user.id, visitor.session.id.clone())
            .await
        {
            Ok(()) => done(&web),
            Err(error) => ErrorPage::unavailable(&error).draw(&web),
        };
    }
    let outcome = accounts
        .confirm_authenticator(
            &authority,
            &visitor.user,
            params.get("code").unwrap_or_default(),
            signed_in.browser.known.as_deref(),
        )
        .await;
    let outcome = outcome.map(|()| "otp");
    after(&web, &signed_in, &authority, outcome).await
}

pub(crate) async fn recovery_codes(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let authority = match submitted(&web, &signed_in, request).await {
        Ok((_, authority)) => authority,
        Err(response) => return response,
    };
    match web.services.accounts.new_recovery_codes(&authority, &signed_in.visitor.user.id).await {
        Ok(codes) => show_codes(&web, Some(&signed_in), codes),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}

/// Unlinks an account at a provider, unless the account here hangs on it.
pub(crate) async fn unlink(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let (params, _) = match submitted(&web, &signed_in, request).await {
        Ok(submitted) => submitted,
        Err(response) => return response,
    };
    let user = &signed_in.visitor.user;
    let others = async {
        // A passkey is no reason to leave: it would outlive the provider that the account hangs on.
        Ok::<_, StoreError>(
            (user.password.is_some() && web.services.accounts.config().passwords)
                || web.services.store.identities_of(&user.id).await?.len() > 1,
        )
    };
    match others.await {
        Ok(true) => {}
        Ok(false) => {
            return show(&web, &signed_in, Some(text::security_last_identity())).await;
        }
        Err(error) => return ErrorPage::unavailable(&error).draw(&web),
    }
    match web
        .services
        .federation
        .unlink(&user.id, IdentityId::from_stored(params.get("id").unwrap_or_default()))
        .await
    {
        Ok(_) => done(&web),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}
