//! Signing in: the choice between a password, a passkey and the providers.

use doorward_model::Reason;
use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{AccountsError, Attempt, Ceremony, SignInRefusal};
use doorward_federation::Provider;
use doorward_issuer::AuthorizationRequest;
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::{Params, answer};

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    entrance::{SignInTarget, local},
    frame::{Frame, ProviderButton, draw_with},
    language::filters,
    visitor::form,
};

#[expect(
    clippy::struct_excessive_bools,
    reason = "each states whether one part of the page is shown"
)]
#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    frame: Frame,
    csrf: String,
    passkey_csrf: String,
    client: Option<String>,
    request: Option<String>,
    next: Option<String>,
    renewing: bool,
    name: String,
    error: Option<Message>,
    passwords: bool,
    resets: bool,
    providers: Vec<ProviderButton>,
    home: bool,
    passkey: Option<Ceremony>,
}

/// The page that continues automatically. A form may not lead to another origin, and a page that
/// follows it may.
#[derive(Template)]
#[template(path = "passing.html")]
struct Passing {
    frame: Frame,
    provider: String,
    href: String,
}

struct LoginPageState<'a> {
    request: Option<(&'a str, &'a AuthorizationRequest)>,
    next: Option<&'a str>,
    again: bool,
    /// True if a user who is signed in signs in again.
    renewing: bool,
    name: &'a str,
    error: Option<Message>,
    status: StatusCode,
}

/// The URL that begins a sign-in at a provider.
pub(crate) fn href(
    web: &Web,
    provider: &Provider,
    onward: &SignInTarget<'_>,
    more: &[(&str, &str)],
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(onward.query());
    query.extend_pairs(more.iter().filter(|(_, value)| !value.is_empty()));
    let path = web.at(&routes::of_provider(routes::LOGIN_PROVIDER, &provider.id));
    format!("{path}?{}", query.finish()).trim_end_matches('?').to_owned()
}

async fn show(web: &Web, browser: &Browser, showing: LoginPageState<'_>) -> Response {
    let providers = match web.services.federation.providers().await {
        Ok(providers) => providers,
        Err(error) => return ErrorPage::unavailable(&error).draw(web),
    };
    let onward =
        SignInTarget { request: showing.request.map(|(sealed, _)| sealed), next: showing.next };
    let again = if showing.again { "1" } else { "" };
    let button = |provider: &Arc<Provider>| ProviderButton {
        name: provider.name.clone(),
        icon: provider.kind.name,
        href: href(web, provider, &onward, &[("again", again), ("login_hint", showing.name)]),
    };
    let page = Page {
        // This sign-in has no user yet, whatever the session in this browser.
        frame: web.frame(None),
        csrf: web.csrf(browser, "login"),
        passkey_csrf: web.csrf(browser, "passkey"),
        client: showing.request.map(|(_, request)| request.client.name.clone()),
        request: showing.request.map(|(sealed, _)| sealed.to_owned()),
        next: showing.next.map(|next| local(Some(next)).to_owned()),
        renewing: showing.renewing,
        name: showing.name.to_owned(),
        error: showing.error,
        passwords: web.services.accounts.config().passwords,
        resets: web.sends_resets(),
        home: providers.iter().any(|provider| provider.has_home_domains()),
        providers: providers.iter().map(button).collect(),
        passkey: web.services.accounts.begin_passkey_sign_in().ok(),
    };
    let allowed = answer::PagePolicy {
        scripts: answer::Scripts::where_needed(page.passkey.is_some()),
        ..answer::PagePolicy::default()
    };
    browser.remember(web, draw_with(showing.status, &page, allowed))
}

/// The provider to which the browser is redirected without a question: the home provider of the
/// typed e-mail address, or the only one where there are no passwords (CA19).
async fn straight(
    web: &Web,
    params: &Params,
    hint: &str,
) -> Result<Option<Arc<Provider>>, Response> {
    let providers = web
        .services
        .federation
        .providers()
        .await
        .map_err(|error| ErrorPage::unavailable(&error).draw(web))?;
    if let Some(home) = providers.iter().find(|provider| provider.is_home_of(hint)) {
        return Ok(Some(Arc::clone(home)));
    }
    let choose = params.get("choose").is_some() || web.services.accounts.config().passwords;
    match providers.as_slice() {
        [only] if !choose => Ok(Some(Arc::clone(only))),
        _ => Ok(None),
    }
}

pub(crate) async fn get(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let Ok(params) = Params::from_query(request.uri().query()) else {
        return ErrorPage::malformed("query").draw(&web);
    };
    let next = params.get("next");
    // A repeated sign-in must use the same name.
    let renewing = browser
        .visitor
        .as_ref()
        .filter(|_| params.get("again").is_some())
        .map(|visitor| visitor.user.name.to_string());
    let switching = params.get("switch").is_some() || renewing.is_some();
    let pending = match params.get("request") {
        None if browser.visitor.is_some() && !switching => {
            return answer::see_other(&web.at(local(next)));
        }
        None => None,
        Some(sealed) => {
            let request = match web.reopen(sealed, &browser).await {
                Ok(request) => request,
                Err(response) => return response,
            };
            let now = web.services.clock.now();
            let signed_in = browser
                .visitor
                .as_ref()
                .is_some_and(|visitor| !request.needs_login(visitor.session.auth_time, now));
            if signed_in && !switching {
                return web.proceed(&request, &browser).await;
            }
            Some((sealed, request))
        }
    };
    let typed = params.get("email");
    let hint = typed
        .or(renewing.as_deref())
        .or_else(|| pending.as_ref().and_then(|(_, request)| request.login_hint()))
        .unwrap_or_default();
    let onward = SignInTarget { request: params.get("request"), next };
    let again = if switching { "1" } else { "" };
    match straight(&web, &params, if params.get("choose").is_some() { "" } else { hint }).await {
        Err(response) => return response,
        Ok(Some(provider)) => {
            let to = href(&web, &provider, &onward, &[("login_hint", hint), ("again", again)]);
            // A typed name came by a form.
            return if typed.is_some() {
                passing(&web, &provider.name, to)
            } else {
                answer::see_other(&to)
            };
        }
        Ok(None) => {}
    }
    let error = typed.map(|_| text::sign_in_unknown_home());
    let request = pending.as_ref().map(|(sealed, request)| (*sealed, request));
    let renewing = renewing.is_some();
    show(
        &web,
        &browser,
        LoginPageState {
            request,
            next,
            again: switching,
            renewing,
            name: hint,
            error,
            status: StatusCode::OK,
        },
    )
    .await
}

/// Shows the page that continues automatically to a URL of another origin; `name` names it.
pub(crate) fn passing(web: &Web, name: &str, href: String) -> Response {
    draw_with(
        StatusCode::OK,
        &Passing { frame: web.frame(None), provider: name.to_owned(), href },
        answer::PagePolicy::default(),
    )
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &browser, "login", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let pending = match params.get("request") {
        None => None,
        Some(sealed) => match web.reopen(sealed, &browser).await {
            Ok(request) => Some((sealed, request)),
            Err(response) => return response,
        },
    };
    let name = params.get("name").unwrap_or_default();
    let attempt = Attempt {
        name: name.to_owned(),
        password: params.get("password").unwrap_or_default().to_owned(),
        address: browser.address,
        user_agent: browser.user_agent.clone(),
        previous: browser.previous_session(),
        known: browser.known.clone(),
    };
    let (status, error, wait) = match web.services.accounts.sign_in(attempt).await {
        Ok(Ok(signed_in)) => {
            let onward = SignInTarget { request: params.get("request"), next: params.get("next") };
            return web.let_in(&signed_in, &onward);
        }
        Ok(Err(SignInRefusal::FirstPassword(link))) => {
            let onward = SignInTarget { request: params.get("request"), next: params.get("next") };
            let page = routes::LOGIN_RESET.replace("{secret}", &link);
            let page = web.at(&format!("{page}?{}", onward.query()));
            return answer::see_other(page.trim_end_matches('?'));
        }
        Ok(Err(SignInRefusal::Wrong)) => (StatusCode::UNAUTHORIZED, text::sign_in_wrong(), None),
        Ok(Err(SignInRefusal::Wait(seconds))) => {
            let error = text::security_refused_wait(seconds);
            (StatusCode::TOO_MANY_REQUESTS, error, Some(seconds))
        }
        Err(AccountsError::Hasher(error)) => return ErrorPage::from_hasher(&error).draw(&web),
        Err(AccountsError::Store(error)) => return ErrorPage::unavailable(&error).draw(&web),
    };
    let request = pending.as_ref().map(|(sealed, request)| (*sealed, request));
    if let Some((_, request)) = request {
        web.services.issuer.note_no_sign_in(request, web.why_no_sign_in(name).await);
    }
    let showing = LoginPageState {
        request,
        next: params.get("next"),
        again: false,
        renewing: false,
        name,
        error: Some(error),
        status,
    };
    let response = show(&web, &browser, showing).await;
    match wait {
        Some(seconds) => answer::retry_after(response, u64::try_from(seconds).unwrap_or(1)),
        None => response,
    }
}

impl Web {
    /// The reason for which this sign-in name is refused, for the timeline. The page does not show
    /// it to the user.
    async fn why_no_sign_in(&self, name: &str) -> Reason {
        let Ok(name) = doorward_model::UserName::parse(name) else { return Reason::SignIn };
        match self.services.store.user_named(&name).await {
            Ok(Some(user)) if user.disabled_at.is_some() => Reason::UserDisabled,
            _ => Reason::SignIn,
        }
    }
}

/// Signs in with a passkey alone.
pub(crate) async fn passkey(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &browser, "passkey", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let onward = SignInTarget { request: params.get("request"), next: params.get("next") };
    let (credential, state) =
        (params.get("credential").unwrap_or_default(), params.get("state").unwrap_or_default());
    match web.services.accounts.sign_in_with_passkey(credential, state, browser.facts()).await {
        Ok(signed_in) => web.let_in(&signed_in, &onward),
        Err(doorward_accounts::FactorError::Store(error)) => {
            ErrorPage::unavailable(&error).draw(&web)
        }
        Err(error) => {
            tracing::info!(error = error.logged(), address = %browser.address.0, "sign-in with a passkey refused");
            let pending = match params.get("request") {
                None => None,
                Some(sealed) => match web.reopen(sealed, &browser).await {
                    Ok(request) => Some((sealed, request)),
                    Err(response) => return response,
                },
            };
            let request = pending.as_ref().map(|(sealed, request)| (*sealed, request));
            let error = Some(text::sign_in_passkey_refused());
            show(
                &web,
                &browser,
                LoginPageState {
                    request,
                    next: params.get("next"),
                    again: false,
                    renewing: false,
                    name: "",
                    error,
                    status: StatusCode::UNAUTHORIZED,
                },
            )
            .await
        }
    }
}
