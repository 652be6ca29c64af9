//! A user arrives from a provider, and an account here is or might be theirs: they confirm it, or
//! make a new one. Nothing is linked without this page's form.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_federation::{FederationError, KeptArrival};
use doorward_language::text;
use doorward_model::routes;
use doorward_store::StoreError;
use doorward_transport::{Params, answer};

use super::{error::ErrorPage, provider};
use crate::{
    Web,
    browser::Browser,
    entrance::SignInTarget,
    frame::{Frame, draw},
    language::filters,
    visitor::form,
};

#[derive(Template)]
#[template(path = "welcome.html")]
struct Page {
    frame: Frame,
    csrf: String,
    arrival: String,
    provider: String,
    account: String,
    /// The signed-in user to whom the account would be linked.
    user: Option<String>,
    sign_in_url: String,
    may_create: bool,
}

fn stale(web: &Web, error: &FederationError) -> Response {
    if let FederationError::Store(error) = error {
        return ErrorPage::unavailable(error).draw(web);
    }
    tracing::info!(%error, "a welcome page was refused");
    ErrorPage::sign_in_over().with_link(text::common_sign_in(), web.at(routes::LOGIN)).draw(web)
}

async fn kept(web: &Web, browser: &Browser, params: &Params) -> Result<KeptArrival, Response> {
    let handle = params.get("arrival").unwrap_or_default();
    let cookie = browser.sign_in_cookie.clone().unwrap_or_default();
    web.services.federation.kept_arrival(handle, &cookie).await.map_err(|error| stale(web, &error))
}

pub(crate) async fn get(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let arrival = match kept(&web, &browser, &params).await {
        Ok(kept) => kept.arrival,
        Err(response) => return response,
    };
    let provider = match provider::of_arrival(&web, &arrival.provider()).await {
        Ok(provider) => provider,
        Err(response) => return response,
    };
    let handle = params.get("arrival").unwrap_or_default();
    let next = format!("{}?arrival={handle}", routes::LOGIN_WELCOME);
    let sign_in = SignInTarget { request: None, next: Some(&next) }.query();
    let page = Page {
        frame: web.frame(Some(&browser)),
        csrf: web.csrf(&browser, "welcome"),
        arrival: handle.to_owned(),
        provider: provider.name.clone(),
        account: arrival.shown().to_owned(),
        user: browser.visitor.as_ref().map(|visitor| visitor.user.name.to_string()),
        sign_in_url: web.at(&format!("{}?switch=1&choose=1&{sign_in}", routes::LOGIN)),
        // A user who began by linking has an account already.
        may_create: arrival.purpose.link.is_none(),
    };
    browser.remember(&web, draw(StatusCode::OK, &page, false))
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &browser, "welcome", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let KeptArrival { arrival, used } = match kept(&web, &browser, &params).await {
        Ok(kept) => kept,
        Err(response) => return response,
    };
    let provider = match provider::of_arrival(&web, &arrival.provider()).await {
        Ok(provider) => provider,
        Err(response) => return response,
    };
    match (params.get("decision"), &browser.visitor) {
        (Some("create"), _) if arrival.purpose.link.is_none() => {
            provider::enter(&web, &browser, &provider, &arrival, Some(used)).await
        }
        (Some("link"), Some(visitor)) => {
            // The user who began to link must confirm it, even if another user signed in here
            // meanwhile.
            if arrival.purpose.link.as_deref().is_some_and(|link| link != visitor.user.id.as_str())
            {
                return stale(&web, &FederationError::NotAwaited("another user is signed in now"));
            }
            let next = format!(
                "{}?arrival={}",
                routes::LOGIN_WELCOME,
                params.get("arrival").unwrap_or_default()
            );
            if let Err(response) =
                web.authority(visitor, &SignInTarget { request: None, next: Some(&next) }).await
            {
                return response;
            }
            let mut unit =
                match web.services.federation.link(&provider, &arrival, &visitor.user.id).await {
                    Ok(unit) => unit,
                    Err(error) => {
                        return provider::failed(&web, &provider, &error, Some(&arrival.purpose));
                    }
                };
            unit.push(used);
            match web.services.store.apply(unit).await {
                Ok(()) => {}
                Err(StoreError::Refused(_)) => {
                    return stale(&web, &FederationError::NotAwaited("it was already decided"));
                }
                Err(error) => return ErrorPage::unavailable(&error).draw(&web),
            }
            tracing::info!(provider = %provider.id, user = %visitor.user.id, "an account at an identity provider was linked by its user");
            let onward = SignInTarget {
                request: arrival.purpose.request.as_deref(),
                next: Some(routes::ACCOUNT_SECURITY),
            };
            answer::see_other(&web.at(&onward.target()))
        }
        _ => answer::see_other(&web.at(routes::ACCOUNT)),
    }
}
