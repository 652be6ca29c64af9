//! A user enters the code that a device shows, and decides about its request (RFC 8628 §3.3).

use std::borrow::Cow;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_issuer::{DeviceRefusal, DeviceRequest};
use doorward_language::{Message, scope_description, scope_title, text};
use doorward_model::{Scope, ScopeSet, UnitOfWork, device::UserCode};
use doorward_store::attempts::{Counted, TooMany};
use doorward_transport::{Params, answer};

use super::error::ErrorPage;
use crate::{
    Web,
    flow::approver,
    frame::{Frame, browser_name, draw, moment},
    language::filters,
    pages::consent::External,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "device.html")]
struct Page {
    frame: Frame,
    csrf: String,
    /// The code in the form, as it was typed or is in the URL.
    code: String,
    error: Option<Message>,
    done: Option<Message>,
    asked: Option<RequestShown>,
    user: String,
}

/// A request, as the user decides about it.
struct RequestShown {
    client: String,
    address: String,
    agent: String,
    since: String,
    external: Option<External>,
    /// The display name of the toolset that the access is for.
    toolset: Option<String>,
    resources: Vec<String>,
    scopes: Vec<Choice>,
}

struct Choice {
    name: Cow<'static, str>,
    title: Message,
    description: Message,
}

#[derive(Default)]
struct DevicePageState {
    status: StatusCode,
    code: String,
    error: Option<Message>,
    done: Option<Message>,
    asked: Option<RequestShown>,
    /// The number of seconds to wait.
    wait: Option<i64>,
}

fn show(web: &Web, signed_in: &SignedIn, say: DevicePageState) -> Response {
    let page = Page {
        frame: web.frame(Some(&signed_in.browser)),
        csrf: web.csrf(&signed_in.browser, "device"),
        code: say.code,
        error: say.error,
        done: say.done,
        asked: say.asked,
        user: signed_in.visitor.user.name.to_string(),
    };
    let response = draw(say.status, &page, false);
    match say.wait {
        Some(seconds) => answer::retry_after(response, u64::try_from(seconds).unwrap_or(1)),
        None => response,
    }
}

fn wrong(code: &str, error: Message) -> DevicePageState {
    DevicePageState {
        status: StatusCode::BAD_REQUEST,
        code: code.chars().take(64).collect(),
        error: Some(error),
        ..DevicePageState::default()
    }
}

fn shown(web: &Web, signed_in: &SignedIn, request: &DeviceRequest) -> RequestShown {
    let issuer = &web.services.issuer;
    let asked = &request.authorization;
    let choice = |scope: Scope| Choice {
        name: scope.name(),
        title: scope_title(scope),
        description: scope_description(scope),
    };
    let offered = issuer.offered_to_device(request, &approver(&signed_in.visitor));
    RequestShown {
        client: request.client.name.clone(),
        address: asked.address.clone(),
        agent: browser_name(&asked.agent),
        since: moment(asked.created_at),
        external: issuer.external_of(&asked.resources).map(|external| External::of(external, web)),
        toolset: issuer.toolset_of(&asked.resources).map(|toolset| toolset.title.clone()),
        resources: asked.resources.iter().map(ToString::to_string).collect(),
        scopes: offered.iter().map(choice).collect(),
    }
}

/// Shows the form. A code in the URL is only filled in: the user compares it with the device's.
pub(crate) async fn get(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let code = params.get("user_code").and_then(UserCode::parse);
    let code = code.map(|code| code.to_string()).unwrap_or_default();
    show(&web, &signed_in, DevicePageState { code, ..DevicePageState::default() })
}

/// Finds the request of a code. Codes can be guessed, so that each attempt counts.
async fn find(
    web: &Web,
    signed_in: &SignedIn,
    typed: &str,
) -> Result<(DeviceRequest, Counted), Result<DevicePageState, Response>> {
    let unavailable = |error| ErrorPage::unavailable(&error).draw(web);
    let (user_id, address) = (&signed_in.visitor.user.id, signed_in.browser.address);
    let counted = match web.services.accounts.count_device_code(user_id, address).await {
        Ok(Ok(counted)) => counted,
        Ok(Err(TooMany(seconds))) => {
            let mut say = wrong(typed, text::device_wait(seconds));
            (say.status, say.wait) = (StatusCode::TOO_MANY_REQUESTS, Some(seconds));
            return Err(Ok(say));
        }
        Err(error) => return Err(Err(unavailable(error))),
    };
    let found = match UserCode::parse(typed) {
        Some(code) => web.services.issuer.device_request(&code, address).await,
        None => Err(DeviceRefusal::Unknown),
    };
    match found {
        Ok(request) => Ok((request, counted)),
        Err(DeviceRefusal::Failed(failure)) => {
            Err(Err(ErrorPage::from_failure(&failure).draw(web)))
        }
        Err(DeviceRefusal::Unknown | DeviceRefusal::Decided) => {
            match counted.wrong(&web.services.store).await {
                Ok(()) => Err(Ok(wrong(typed, text::device_unknown()))),
                Err(error) => Err(Err(unavailable(error))),
            }
        }
    }
}

/// Stores the decision. `None` refuses.
async fn decide(
    web: &Web,
    signed_in: &SignedIn,
    request: &DeviceRequest,
    chosen: Option<ScopeSet>,
    right: UnitOfWork,
) -> Result<DevicePageState, Response> {
    let who = approver(&signed_in.visitor);
    let decided = web.services.issuer.decide_device(request, &who, chosen.as_ref(), right).await;
    match decided {
        Ok(true) => {
            let done = Some(text::device_allowed(&request.client.name));
            Ok(DevicePageState { done, ..DevicePageState::default() })
        }
        Ok(false) => {
            Ok(DevicePageState { done: Some(text::device_denied()), ..DevicePageState::default() })
        }
        Err(DeviceRefusal::Unknown | DeviceRefusal::Decided) => {
            Ok(wrong("", text::device_decided()))
        }
        Err(DeviceRefusal::Failed(failure)) => Err(ErrorPage::from_failure(&failure).draw(web)),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "device", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let typed = params.get("user_code").unwrap_or_default();
    let (request, counted) = match find(&web, &signed_in, typed).await {
        Ok(found) => found,
        Err(Ok(say)) => return show(&web, &signed_in, say),
        Err(Err(response)) => return response,
    };
    let right: UnitOfWork = counted.right().collect();
    let chosen = match params.get("do") {
        Some("find") => {
            if let Err(error) = web.services.store.apply(right).await {
                return ErrorPage::unavailable(&error).draw(&web);
            }
            let code = UserCode::parse(typed).map(|code| code.to_string()).unwrap_or_default();
            let asked = Some(shown(&web, &signed_in, &request));
            return show(
                &web,
                &signed_in,
                DevicePageState { code, asked, ..DevicePageState::default() },
            );
        }
        Some("allow") => Some(
            params.names().filter_map(|name| Scope::parse(name.strip_prefix("scope-")?)).collect(),
        ),
        Some("deny") => None,
        _ => return ErrorPage::incomplete("do").draw(&web),
    };
    match decide(&web, &signed_in, &request, chosen, right).await {
        Ok(say) => show(&web, &signed_in, say),
        Err(response) => response,
    }
}
