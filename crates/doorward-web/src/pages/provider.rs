//! The redirect to an identity provider, and the callback.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use doorward_accounts::{Entrance, UpstreamFacts};
use doorward_federation::{
    Admission, ExternalIdentity, FederationError, Provider, ResumedSignIn, SecondFactorPolicy,
    SignInBrowser, SignInOptions, SignInPurpose,
};
use doorward_language::text;
use doorward_model::{ProviderId, UnitOfWork, id::random_text, routes};
use doorward_store::{Condition, StoreError};
use doorward_transport::{Params, answer, cookies::Cookie};

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    entrance::{SignInTarget, local},
};

/// The number of times that a sign-in is decided again when another one took the same name or linked
/// the same account a moment earlier.
const TRIES: usize = 4;

async fn find(web: &Web, name: &str) -> Result<Arc<Provider>, Response> {
    match web.services.federation.provider(name).await {
        Ok(Some(provider)) => Ok(provider),
        Ok(None) => Err(ErrorPage::not_found().draw(web)),
        Err(error) => Err(ErrorPage::unavailable(&error).draw(web)),
    }
}

/// Begins a sign-in at a provider. It only stores that a sign-in is awaited, so a link may lead
/// here.
pub(crate) async fn start(
    State(web): State<Web>,
    Path(name): Path<String>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let provider = match find(&web, &name).await {
        Ok(provider) => provider,
        Err(response) => return response,
    };
    let Ok(params) = Params::from_query(request.uri().query()) else {
        return ErrorPage::malformed("query").draw(&web);
    };
    let mut ask = SignInOptions {
        login_hint: params.get("login_hint").filter(|hint| hint.len() <= 256).map(str::to_owned),
        ..SignInOptions::default()
    };
    if let Some(sealed) = params.get("request") {
        let request = match web.reopen(sealed, &browser).await {
            Ok(request) => request,
            Err(response) => return response,
        };
        ask.login_hint = ask.login_hint.or_else(|| request.login_hint().map(str::to_owned));
        ask.acr_values = request.acr_values().map(str::to_owned);
        ask.max_age = request.max_age();
        ask.prompts.extend(request.wants_login().then(|| "login".to_owned()));
        ask.prompts.extend(request.wants_choice().then(|| "select_account".to_owned()));
    }
    if params.get("again").is_some() && ask.prompts.is_empty() {
        ask.prompts.push("login".to_owned());
    }
    let linking = params.get("link").and(browser.visitor.as_ref());
    let link = linking.map(|visitor| visitor.user.id.as_str().to_owned());
    if let Some(visitor) = linking {
        // Required before the redirect, and once more when the accounts are linked.
        if let Err(response) =
            web.authority(visitor, &SignInTarget::page(routes::ACCOUNT_SECURITY)).await
        {
            return response;
        }
        // A user who links an account must sign in to it, and may choose another account than the
        // last.
        ask.prompts = vec!["login".to_owned()];
    }
    let purpose = SignInPurpose {
        request: params.get("request").map(str::to_owned),
        next: params.get("next").map(|next| local(Some(next)).to_owned()),
        link,
    };
    let (cookie, fresh) = match &browser.sign_in_cookie {
        Some(cookie) => (cookie.clone(), false),
        None => (random_text(web.services.entropy.as_ref(), 24), true),
    };
    match web
        .services
        .federation
        .begin(
            &provider,
            purpose.clone(),
            ask,
            &SignInBrowser { browser: &cookie, address: browser.address },
        )
        .await
    {
        Ok(url) => {
            let mut response = answer::see_other(url.as_str());
            if fresh {
                web.cookies.set(response.headers_mut(), Cookie::SignIn, &cookie, None);
            }
            response
        }
        Err(error) => failed(&web, &provider, &error, Some(&purpose)),
    }
}

/// `response_mode=form_post`: the form comes from the provider's page, so the browser does not send
/// its cookies. It sends them after a redirect to the same URL, with the posted values sealed.
pub(crate) async fn callback_form(
    State(web): State<Web>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let provider = match find(&web, &name).await {
        Ok(provider) => provider,
        Err(response) => return response,
    };
    match Params::from_form(request).await {
        Ok(params) => {
            let sealed = web.services.federation.seal_answer(&provider.id, &params);
            answer::see_other(&format!(
                "{}?answer={sealed}",
                web.at(&routes::of_provider(routes::LOGIN_CALLBACK, &provider.id))
            ))
        }
        Err(error) => ErrorPage::malformed(&error).draw(&web),
    }
}

/// Handles the callback of a sign-in.
pub(crate) async fn callback(
    State(web): State<Web>,
    Path(name): Path<String>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let provider = match find(&web, &name).await {
        Ok(provider) => provider,
        Err(response) => return response,
    };
    let params = Params::from_query(request.uri().query()).ok();
    let params = match params.as_ref().map(|params| (params, params.get("answer"))) {
        Some((_, Some(sealed))) => web.services.federation.open_answer(&provider.id, sealed),
        Some((params, None)) => Some(params.clone()),
        None => None,
    };
    let Some(params) = params else {
        return ErrorPage::malformed("answer").draw(&web);
    };
    let cookie = browser.sign_in_cookie.clone().unwrap_or_default();
    let purpose = web.services.federation.purpose_of(&params, &cookie).await;
    match web.services.federation.take_up(&provider, &params, &cookie).await {
        Ok(ResumedSignIn::First(arrival)) => arrived(&web, &browser, &provider, *arrival).await,
        // The back button or a reload: a signed-in user continues, and other browsers learn
        // nothing.
        Ok(ResumedSignIn::Again(purpose))
            if browser.visitor.is_some() || browser.waiting.is_some() =>
        {
            answer::see_other(&web.at(&onward(&purpose).target()))
        }
        Ok(ResumedSignIn::Again(purpose)) => failed(
            &web,
            &provider,
            &FederationError::NotAwaited("it was already used"),
            Some(&purpose),
        ),
        Err(error) => failed(&web, &provider, &error, purpose.as_ref()),
    }
}

fn onward(purpose: &SignInPurpose) -> SignInTarget<'_> {
    SignInTarget { request: purpose.request.as_deref(), next: purpose.next.as_deref() }
}

async fn arrived(
    web: &Web,
    browser: &Browser,
    provider: &Arc<Provider>,
    arrival: ExternalIdentity,
) -> Response {
    if arrival.purpose.link.is_some() {
        return ask(web, browser, provider, &arrival).await;
    }
    enter(web, browser, provider, &arrival, None).await
}

/// Lets the user decide on the relation of the account at the provider to one here.
async fn ask(
    web: &Web,
    browser: &Browser,
    provider: &Arc<Provider>,
    arrival: &ExternalIdentity,
) -> Response {
    let cookie = browser.sign_in_cookie.clone().unwrap_or_default();
    match web.services.federation.keep_arrival(arrival, &cookie).await {
        Ok(handle) => answer::see_other(&web.at(&format!(
            "{}?arrival={}",
            routes::LOGIN_WELCOME,
            handle.reveal()
        ))),
        Err(error) => failed(web, provider, &error, Some(&arrival.purpose)),
    }
}

/// Signs an arrival in. `spends` is the change that uses up a kept arrival when its user wants a new
/// account.
pub(crate) async fn enter(
    web: &Web,
    browser: &Browser,
    provider: &Arc<Provider>,
    arrival: &ExternalIdentity,
    spends: Option<doorward_model::Change>,
) -> Response {
    for _ in 0..TRIES {
        let (user, unit) =
            match web.services.federation.admit(provider, arrival, spends.is_some()).await {
                Ok(Admission::SignIn { user, unit }) => (*user, unit),
                Ok(Admission::Ask) => return ask(web, browser, provider, arrival).await,
                Err(error) => return failed(web, provider, &error, Some(&arrival.purpose)),
            };
        let authentication = arrival.authentication();
        let more = match provider.second_factor() {
            SecondFactorPolicy::Never => Ok(false),
            SecondFactorPolicy::Enrolled => {
                web.services.accounts.must_prove_more(&user, &authentication, false).await
            }
            SecondFactorPolicy::Required => {
                web.services.accounts.must_prove_more(&user, &authentication, true).await
            }
        };
        let complete = match more {
            Ok(more) => !more,
            Err(error) => return ErrorPage::unavailable(&error).draw(web),
        };
        let upstream = UpstreamFacts {
            provider: provider.id.clone(),
            identity: arrival.identity(),
            sid: arrival.sid.clone(),
            id_token: arrival.id_token.clone(),
        };
        let entrance = Entrance {
            authentication,
            auth_time: arrival.auth_time(),
            complete,
            upstream: Some(upstream),
        };
        let (session, signed_in) = web.services.accounts.enter(user, entrance, browser.facts());
        let all: UnitOfWork =
            spends.iter().chain(unit.changes()).chain(session.changes()).cloned().collect();
        match web.services.store.apply(all).await {
            Ok(()) => {
                tracing::info!(provider = %provider.id, user = %signed_in.user.id, address = %browser.address.0, complete, "signed in through a provider");
                return web.let_in(&signed_in, &onward(&arrival.purpose));
            }
            Err(StoreError::Refused(Condition::RedeemSignIn)) => {
                return failed(
                    web,
                    provider,
                    &FederationError::NotAwaited("it was already decided"),
                    Some(&arrival.purpose),
                );
            }
            // A concurrent sign-in of the same user, or with the same name, was faster: read again.
            Err(StoreError::Refused(condition)) => {
                tracing::debug!(%condition, "a sign-in is decided again");
            }
            Err(error) => return ErrorPage::unavailable(&error).draw(web),
        }
    }
    failed(
        web,
        provider,
        &FederationError::Unavailable("too many sign-ins at the same moment".to_owned()),
        Some(&arrival.purpose),
    )
}

/// The page for a failed sign-in: the user's next steps. The log has the reason.
pub(crate) fn failed(
    web: &Web,
    provider: &Provider,
    error: &FederationError,
    purpose: Option<&SignInPurpose>,
) -> Response {
    if let FederationError::Store(error) = error {
        return ErrorPage::unavailable(error).draw(web);
    }
    tracing::warn!(provider = %provider.id, %error, "a sign-in through an identity provider failed");
    let onward = purpose.map(onward).unwrap_or_default();
    let again = format!(
        "{}?{}",
        routes::LOGIN,
        url::form_urlencoded::Serializer::new(onward.query()).append_pair("choose", "1").finish()
    );
    ErrorPage::from_federation(&provider.name, error)
        .with_link(text::error_choose_sign_in(), web.at(&again))
        .draw(web)
}

/// A provider by the name that an arrival carries.
pub(crate) async fn of_arrival(web: &Web, id: &ProviderId) -> Result<Arc<Provider>, Response> {
    find(web, id.as_str()).await
}
