//! The user decides.

use std::borrow::Cow;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Visitor;
use doorward_issuer::AuthorizationRequest;
use doorward_language::{Message, scope_description, scope_title, text};
use doorward_model::{
    ClientSource, ExternalResource, RedirectUri, Scope, ScopeSet, ToolClass, routes,
};
use doorward_transport::{Params, answer};
use url::Url;

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    flow::{Step, approver},
    frame::{Frame, draw, initials},
    language::filters,
    upstreams::ServiceTools,
    visitor::form,
};

#[derive(Template)]
#[template(path = "consent.html")]
struct Page {
    frame: Frame,
    csrf: String,
    request: String,
    client_name: String,
    /// The initials of its name.
    initials: String,
    verified: bool,
    origin_badge: Message,
    origin_explained: Option<Message>,
    /// The user's page, on which they revoke it.
    account_url: String,
    redirect_host: String,
    redirect_uri: String,
    /// The name of the place to which the browser returns, if it is the user's own computer.
    at_home: Option<Message>,
    localhost: bool,
    scopes: Vec<Choice>,
    /// The scopes that would need a second factor, in words.
    locked: String,
    /// The scopes that the user's roles do not allow, in words.
    beyond: String,
    settled: bool,
    resources: Vec<String>,
    /// The external resource server that the access is for.
    external: Option<External>,
    /// The display name of the toolset that the access is for.
    toolset: Option<String>,
    user: String,
}

struct Choice {
    name: Cow<'static, str>,
    title: Message,
    description: Message,
    already: bool,
    checked: bool,
    /// True for what the request is about, without which there is nothing to allow.
    fixed: bool,
    /// The services with tools that it covers.
    services: Vec<Covered>,
    /// Their number and that of their tools.
    covers: Option<Message>,
}

/// A service with tools that a scope covers.
struct Covered {
    initials: String,
    title: String,
    /// The numbers of its tools by class.
    tools: Vec<Message>,
}

/// The services with tools that a scope covers.
fn covered(scope: Scope, services: &[ServiceTools]) -> Vec<Covered> {
    let count = |service: &ServiceTools, class: ToolClass| {
        let covers = |(of, needed): &&(ToolClass, Scope)| *of == class && scope.includes(*needed);
        service.tools.iter().filter(covers).count()
    };
    let told = |class: ToolClass, count: usize| match class {
        ToolClass::Read => text::consent_tools_read(count),
        ToolClass::Write => text::consent_tools_write(count),
        ToolClass::Destructive => text::consent_tools_destructive(count),
    };
    let tools = |service: &ServiceTools| {
        let counted = ToolClass::ALL.map(|class| (class, count(service, class)));
        let some = counted.into_iter().filter(|(_, count)| *count > 0);
        some.map(|(class, count)| told(class, count)).collect()
    };
    let one = |service: &ServiceTools| Covered {
        initials: initials(&service.title),
        title: service.title.clone(),
        tools: tools(service),
    };
    services.iter().map(one).filter(|covered| !covered.tools.is_empty()).collect()
}

/// The source of the client's name: `true` if it is verified, its badge, and the meaning of that.
fn origin(request: &AuthorizationRequest) -> (bool, Message, Option<Message>) {
    match request.client.source {
        ClientSource::Administrator => (true, text::consent_by_administrator(), None),
        ClientSource::MetadataDocument => {
            let host = Url::parse(request.client.id.as_str())
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default();
            let published = match request.client.id.vendor() {
                Some(vendor) => text::consent_published_by(vendor, host),
                None => text::consent_published(host),
            };
            (true, published, None)
        }
        ClientSource::Registration => {
            (false, text::consent_unverified(), Some(text::consent_unverified_explained()))
        }
    }
}

/// Reports a URL of the user's own computer.
fn is_at_home(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| {
        url.scheme() == "http"
            && match url.host() {
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                Some(url::Host::Domain(name)) => name == "localhost",
                None => false,
            }
    })
}

fn choices(offered: &ScopeSet, already: &ScopeSet, services: &[ServiceTools]) -> Vec<Choice> {
    let choice = |scope: Scope| {
        let services = covered(scope, services);
        let covers = (!services.is_empty()).then(|| text::consent_services(services.len()));
        Choice {
            name: scope.name(),
            title: scope_title(scope),
            description: scope_description(scope),
            already: already.allows(scope),
            checked: true,
            fixed: scope == Scope::OpenId,
            services,
            covers,
        }
    };
    offered.iter().map(choice).collect()
}

/// An external resource server that access is for.
pub(super) struct External {
    pub(super) name: String,
    pub(super) url: String,
    /// The name of this server.
    pub(super) here: String,
}

impl External {
    pub(super) fn of(resource: ExternalResource, web: &Web) -> Self {
        let here = web.settings.config.name.clone();
        Self { name: resource.name, url: resource.url.to_string(), here }
    }
}

/// The state in which a request is decided.
struct Offer<'a> {
    /// The scopes that the client has already.
    already: &'a ScopeSet,
    /// The user has chosen the account that decides.
    settled: bool,
}

async fn show(
    web: &Web,
    browser: &Browser,
    visitor: &Visitor,
    request: &AuthorizationRequest,
    Offer { already, settled }: Offer<'_>,
) -> Response {
    let who = approver(visitor);
    // The page does without the names of services where they cannot be read.
    let toolset = web.services.issuer.toolset(request);
    let (client, only) = (&request.client.id, toolset.as_ref().map(|toolset| toolset.name));
    let services = web.services.upstreams.tools(&visitor.user, client, only).await;
    let services = services.unwrap_or_else(|error| {
        tracing::warn!(%error, "the services behind a scope could not be read");
        Vec::new()
    });
    let offered = web.services.issuer.offered(request, already, &who);
    let withheld = |scopes: &ScopeSet| {
        scopes
            .iter()
            .filter(|scope| !offered.allows(*scope))
            .map(|scope| scope_title(scope).to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let locked = web.services.issuer.behind_second_factor(request, &who);
    let sealed = web.services.issuer.seal(request);
    let (verified, origin_badge, origin_explained) = origin(request);
    let page = Page {
        frame: web.frame(Some(browser)),
        csrf: web.csrf(browser, &format!("consent:{}", request.id)),
        request: sealed,
        client_name: request.client.name.clone(),
        initials: initials(&request.client.name),
        verified,
        origin_badge,
        origin_explained,
        account_url: web.at(routes::ACCOUNT),
        redirect_host: RedirectUri::display_host(&request.redirect_uri),
        redirect_uri: request.redirect_uri.clone(),
        at_home: is_at_home(&request.redirect_uri).then(text::consent_your_computer),
        localhost: request.client.is_localhost_only(),
        scopes: choices(&offered, already, &services),
        locked: withheld(&locked),
        beyond: withheld(
            &request
                .scopes
                .closure()
                .iter()
                .filter(|scope| !locked.iter().any(|other| other == *scope))
                .collect(),
        ),
        settled,
        // Signing in is no access to a resource.
        resources: request
            .resources
            .iter()
            .filter(|_| {
                request
                    .scopes
                    .iter()
                    .any(|scope| !scope.is_identity() && scope != Scope::OfflineAccess)
            })
            .map(|resource| resource.as_str().to_owned())
            .collect(),
        external: web.services.issuer.external(request).map(|external| External::of(external, web)),
        toolset: toolset.map(|toolset| toolset.title.clone()),
        user: visitor.user.name.to_string(),
    };
    draw(StatusCode::OK, &page, true)
}

pub(crate) async fn get(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let Some(sealed) = params.get("request") else {
        return ErrorPage::incomplete("request").draw(&web);
    };
    let request = match web.reopen(sealed, &browser).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    let settled = params.get("settled").is_some();
    match (web.next_step(&request, &browser, settled).await, &browser.visitor) {
        (Ok(Step::Decide(already)), Some(visitor)) => {
            web.services.issuer.note_asked(&request, &visitor.user.id);
            show(&web, &browser, visitor, &request, Offer { already: &already, settled }).await
        }
        (Ok(_), _) => web.proceed(&request, &browser).await,
        (Err(refusal), _) => web.refuse(&refusal, &browser),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    // The form's token names the request, which must be read first; reading changes nothing.
    let (parts, body) = request.into_parts();
    let bytes =
        match doorward_transport::params::read_body(body, doorward_transport::params::MAX_FORM)
            .await
        {
            Ok(bytes) => bytes,
            Err(error) => return ErrorPage::malformed(&error).draw(&web),
        };
    let sealed = Params::parse(&bytes)
        .ok()
        .and_then(|params| params.get("request").map(str::to_owned))
        .unwrap_or_default();
    let pending = match web.reopen(&sealed, &browser).await {
        Ok(pending) => pending,
        Err(response) => return response,
    };
    let form_name = format!("consent:{}", pending.id);
    let params =
        match form(&web, &browser, &form_name, Request::from_parts(parts, Body::from(bytes))).await
        {
            Ok(params) => params,
            Err(response) => return response,
        };
    let (already, visitor) = match (
        web.next_step(&pending, &browser, params.get("settled").is_some()).await,
        browser.visitor.as_ref(),
    ) {
        (Ok(Step::Decide(already)), Some(visitor)) => (already, visitor),
        (Ok(_), _) => return web.proceed(&pending, &browser).await,
        (Err(refusal), _) => return web.refuse(&refusal, &browser),
    };
    match params.get("decision") {
        Some("allow") => {
            let chosen: ScopeSet = params
                .names()
                .filter_map(|name| Scope::parse(name.strip_prefix("scope-")?))
                .collect();
            match web.services.issuer.approve(&pending, &approver(visitor), &chosen, &already).await
            {
                Ok(target) => answer::see_other(&target),
                Err(refusal) => web.refuse(&refusal, &browser),
            }
        }
        Some("switch") => answer::see_other(
            &web.at(&format!("{}?request={sealed}&switch=1&choose=1", routes::LOGIN)),
        ),
        Some("deny") => answer::see_other(&web.services.issuer.deny(&pending, &visitor.user.id)),
        // A form that was sent without a button, as by the Enter key, decides nothing: the page is
        // shown again.
        _ => {
            let settled = params.get("settled").is_some();
            show(&web, &browser, visitor, &pending, Offer { already: &already, settled }).await
        }
    }
}
