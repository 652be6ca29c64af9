//! A user connects an upstream to their account: a page names the authorization server and the
//! scopes, then the user is redirected, then the callback is handled. The same user has to be
//! signed in throughout (G2, G3, G13).

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Authority;
use doorward_language::{Message, text};
use doorward_model::{UpstreamName, User, UserId, id::random_text, routes};
use doorward_transport::{Params, answer, cookies::Cookie};

use super::{done::Finished, error::ErrorPage};
use crate::{
    ConnectingBrowser, NotConnected, PendingConnection, Web,
    browser::Browser,
    frame::{Frame, draw},
    language::filters,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "connect.html")]
struct Page {
    frame: Frame,
    csrf: String,
    name: String,
    title: String,
    host: String,
    scopes: Vec<String>,
    new_scopes: Vec<String>,
    /// The contents that the form was shown with.
    shown: String,
    connected: bool,
    user: String,
    /// The user's page, on which they end the connection.
    account_url: String,
}

#[derive(Template)]
#[template(path = "connected.html")]
struct Done {
    frame: Frame,
    title: String,
}

fn failed(web: &Web, name: &str, error: NotConnected) -> Response {
    let again = web.at(&routes::CONNECT.replace("{upstream}", name));
    let oops = |status: StatusCode, title: Message, why: Message, advice: Message| {
        ErrorPage::new(status, title, why, advice).with_link(text::error_try_again(), again.clone())
    };
    match error {
        NotConnected::Unknown => ErrorPage::not_found(),
        NotConnected::Store(error) => ErrorPage::unavailable(&error),
        NotConnected::NotAwaited | NotConnected::Grown => oops(
            StatusCode::BAD_REQUEST,
            text::error_connection_over(),
            text::error_connection_over_why(),
            text::error_start_again(),
        ),
        NotConnected::Denied(why) => oops(
            StatusCode::FORBIDDEN,
            text::error_not_connected(),
            text::error_not_connected_denied(name, why),
            text::error_not_connected_denied_advice(),
        ),
        NotConnected::Failed(why) => oops(
            StatusCode::BAD_GATEWAY,
            text::error_not_connected(),
            text::error_not_connected_failed(name, why),
            text::error_retry_or_tell(),
        ),
    }
    .draw(web)
}

fn parse(web: &Web, name: &str) -> Result<UpstreamName, Box<Response>> {
    UpstreamName::parse(name).map_err(|_| Box::new(ErrorPage::not_found().draw(web)))
}

/// Names the target and the purpose of the redirect. It changes nothing, so a link may lead here.
pub(crate) async fn get(
    State(web): State<Web>,
    Path(name): Path<String>,
    signed_in: SignedIn,
) -> Response {
    let upstream = match parse(&web, &name) {
        Ok(upstream) => upstream,
        Err(response) => return *response,
    };
    let user = &signed_in.visitor.user;
    let PendingConnection { title, host, mut scopes, new_scopes, connected } =
        match web.services.upstreams.prospect(upstream, user).await {
            Ok(prospect) => prospect,
            Err(error) => return failed(&web, &name, error),
        };
    let shown = scopes.join(" ");
    scopes.retain(|scope| !new_scopes.contains(scope));
    let page = Page {
        frame: web.frame(Some(&signed_in.browser)),
        csrf: web.csrf(&signed_in.browser, &format!("connect:{name}")),
        name,
        title,
        host,
        scopes,
        new_scopes,
        shown,
        connected,
        user: user.name.to_string(),
        account_url: web.at(routes::ACCOUNT),
    };
    draw(StatusCode::OK, &page, true)
}

/// Redirects the user. Only the form of the page above leads here.
pub(crate) async fn post(
    State(web): State<Web>,
    Path(name): Path<String>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let upstream = match parse(&web, &name) {
        Ok(upstream) => upstream,
        Err(response) => return *response,
    };
    let purpose = format!("connect:{name}");
    let params = match form(&web, &signed_in.browser, &purpose, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let shown = params.get("shown").unwrap_or_default();
    let user = &signed_in.visitor.user;
    let page = routes::of_upstream(routes::CONNECT, upstream);
    let connecting = ConnectingAccount { upstream, account: user, shown, page: &page };
    web.leave(&signed_in.browser, connecting, None).await
}

/// An account that a browser connects to an upstream.
#[derive(Clone, Copy)]
pub struct ConnectingAccount<'a> {
    /// The upstream.
    pub upstream: UpstreamName,
    /// The account.
    pub account: &'a User,
    /// The scopes that the page showed.
    pub shown: &'a str,
    /// The path of that page.
    pub page: &'a str,
}

impl Web {
    /// Shows an administrator what connecting a service to an upstream means.
    pub async fn service_prospect(
        &self,
        upstream: UpstreamName,
        service: &User,
    ) -> Result<PendingConnection, Response> {
        let prospect = self.services.upstreams.prospect(upstream, service).await;
        prospect.map_err(|error| failed(self, upstream.as_str(), error))
    }

    /// Redirects an administrator, who has the authority to create lasting access, to connect a
    /// service.
    pub async fn connect_service(
        &self,
        _authority: &Authority,
        administrator: &SignedIn,
        connecting: ConnectingAccount<'_>,
    ) -> Response {
        let by = Some(&administrator.visitor.user.id);
        self.leave(&administrator.browser, connecting, by).await
    }

    /// Redirects a browser to the authorization server of an upstream.
    async fn leave(
        &self,
        browser: &Browser,
        connecting: ConnectingAccount<'_>,
        by: Option<&UserId>,
    ) -> Response {
        let ConnectingAccount { upstream, account, shown, page } = connecting;
        let (cookie, fresh) = sign_in_cookie(self, browser);
        let from = ConnectingBrowser { browser: &cookie, shown, by };
        match self.services.upstreams.begin(upstream, account, from).await {
            Ok(url) => {
                let mut response = answer::see_other(&url);
                if fresh {
                    self.cookies.set(response.headers_mut(), Cookie::SignIn, &cookie, None);
                }
                response
            }
            // Shown again, with the scopes that it requests now.
            Err(NotConnected::Grown) => answer::see_other(&self.at(page)),
            Err(error) => failed(self, upstream.as_str(), error),
        }
    }
}

/// The cookie that ties the way to this browser.
fn sign_in_cookie(web: &Web, browser: &Browser) -> (String, bool) {
    match &browser.sign_in_cookie {
        Some(cookie) => (cookie.clone(), false),
        None => (random_text(web.services.entropy.as_ref(), 24), true),
    }
}

/// Handles the callback.
pub(crate) async fn callback(
    State(web): State<Web>,
    Path(name): Path<String>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let upstream = match parse(&web, &name) {
        Ok(upstream) => upstream,
        Err(response) => return *response,
    };
    let Ok(params) = Params::from_query(request.uri().query()) else {
        return ErrorPage::malformed("query").draw(&web);
    };
    let cookie = signed_in.browser.sign_in_cookie.clone().unwrap_or_default();
    let user = &signed_in.visitor.user;
    match web.services.upstreams.finish(upstream, &params, user, &cookie).await {
        Ok(service) if service != user.id => {
            answer::see_other(&web.at(&routes::ADMIN_USER.replace("{user}", service.as_str())))
        }
        // Without the code and state in the URL.
        Ok(_) => answer::see_other(
            &web.at(&format!("{}?done=1", routes::of_upstream(routes::CONNECT_DONE, upstream))),
        ),
        Err(error) => failed(&web, &name, error),
    }
}

/// Says that it worked.
pub(crate) async fn done(
    State(web): State<Web>,
    Path(name): Path<String>,
    signed_in: SignedIn,
) -> Response {
    let upstream = match parse(&web, &name) {
        Ok(upstream) => upstream,
        Err(response) => return *response,
    };
    match web.services.upstreams.prospect(upstream, &signed_in.visitor.user).await {
        Ok(prospect) if prospect.connected => draw(
            StatusCode::OK,
            &Done { frame: web.frame(Some(&signed_in.browser)), title: prospect.title },
            false,
        ),
        Ok(_) => answer::see_other(&web.at(&routes::of_upstream(routes::CONNECT, upstream))),
        Err(error) => failed(&web, &name, error),
    }
}

/// Ends a connection.
pub(crate) async fn disconnect(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "disconnect", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(upstream) = params.get("upstream").and_then(|name| UpstreamName::parse(name).ok())
    else {
        return ErrorPage::incomplete("upstream").draw(&web);
    };
    match web.services.upstreams.disconnect(upstream, &signed_in.visitor.user).await {
        Ok(()) => Finished::Disconnected.redirect(&web),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}
