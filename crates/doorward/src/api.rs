//! The administrators' API for programs: what pages and commands do with upstreams, as JSON. It is guarded by our own tokens, for an
//! audience and a scope of its own.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post, put},
};
use doorward_gateway::{Decision, Source, ToolChangeError, Upstream, UpstreamChangeError, UpstreamConfig};
use doorward_mcp::{BearerRefusal, Caller};
use doorward_model::{Person, Resource, Scope, ToolClass, routes};
use doorward_store::{StoreError, origin};
use doorward_transport::{ParamsError, answer, cors, params::read_body};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{app::App, upstream_pages::seen};

/// The most bytes of a request.
const MAX_BODY: usize = 256 * 1024;
/// What lets somebody run programs or read files on this machine, and so takes access to this machine.
const LOCAL: &[&str] = &["command", "env", "pass_env", "working_dir", "per_person", "ca_file"];

/// The API with its guard, and the metadata of its resource without.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(routes::API_UPSTREAMS, get(list).post(add))
        .route(routes::API_UPSTREAM, get(show).delete(delete))
        .route(routes::API_UPSTREAM_TEST, post(test))
        .route(routes::API_UPSTREAM_REFRESH, post(refresh))
        .route(routes::API_TOOLS, get(tools))
        .route(routes::API_TOOL, put(decide))
        .layer(middleware::from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app))
        .merge(metadata_router(app, ""))
}

/// The metadata document (RFC 9728); `path` is the public URL's own path for the form at the host's root.
pub(crate) fn metadata_router(app: &Arc<App>, path: &str) -> Router {
    let address = format!("{}{path}{}", routes::PROTECTED_RESOURCE_METADATA, routes::API_ADMIN);
    Router::new().route(&address, get(metadata)).layer(middleware::from_fn(cors::open)).with_state(Arc::clone(app))
}

async fn metadata(State(app): State<Arc<App>>) -> Response {
    let document = json!({
        "resource": Resource::admin(&app.public_url).as_str(),
        "authorization_servers": [app.public_url.as_str()],
        "scopes_supported": [Scope::Admin.name()],
        "bearer_methods_supported": ["header"],
    });
    answer::public_json(&document, 300)
}

/// Refuses whoever is not an administrator, acting through a client that was allowed to administer.
async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let resource = Resource::admin(&app.public_url);
    let caller = match app.mcp.caller(&resource, request.headers(), request.uri()).await {
        Ok(caller) => caller,
        Err(BearerRefusal::Missing) => return challenged(&app, StatusCode::UNAUTHORIZED, None, "an access token is needed"),
        Err(BearerRefusal::Malformed(why)) => return refused(StatusCode::BAD_REQUEST, "invalid_request", why),
        Err(BearerRefusal::Invalid { why, .. }) => {
            tracing::info!(why, "access token refused by the administrators' API");
            return challenged(&app, StatusCode::UNAUTHORIZED, Some("invalid_token"), "the access token expired or is not valid here");
        }
        Err(BearerRefusal::Unavailable(why)) => {
            tracing::error!(why, "an access token could not be checked");
            return answer::retry_after(refused(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again shortly"), 5);
        }
    };
    if !caller.person.is_administrator() || !caller.scopes.contains(Scope::Admin) {
        return challenged(&app, StatusCode::FORBIDDEN, Some("insufficient_scope"), "this needs the scope admin, which an administrator can allow");
    }
    origin::acting(caller.actor());
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn challenged(app: &App, status: StatusCode, error: Option<&str>, told: &str) -> Response {
    let metadata = app.public_url.at(&format!("{}{}", routes::PROTECTED_RESOURCE_METADATA, routes::API_ADMIN));
    let error_part = error.map(|error| format!("error=\"{error}\", ")).unwrap_or_default();
    let challenge = format!("Bearer {error_part}resource_metadata=\"{metadata}\", scope=\"{}\"", Scope::Admin.name());
    let mut response = refused(status, error.unwrap_or("unauthorized"), told);
    if let Ok(value) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn refused(status: StatusCode, error: &str, told: &str) -> Response {
    answer::json(status, &json!({"error": error, "error_description": told}))
}

fn store_failed(error: &StoreError) -> Response {
    tracing::error!(%error, "the administrators' API could not reach the database");
    answer::retry_after(refused(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again shortly"), 5)
}

fn not_changed(error: &UpstreamChangeError) -> Response {
    match error {
        UpstreamChangeError::Setting(why) => refused(StatusCode::BAD_REQUEST, "invalid_request", &why.to_string()),
        UpstreamChangeError::Taken(_) | UpstreamChangeError::InFile(_) => refused(StatusCode::CONFLICT, "conflict", &error.to_string()),
        UpstreamChangeError::Unknown(_) => refused(StatusCode::NOT_FOUND, "not_found", "there is no such upstream"),
        UpstreamChangeError::Store(error) => store_failed(error),
    }
}

fn tool_not_changed(error: &ToolChangeError) -> Response {
    match error {
        ToolChangeError::Unknown(_) => refused(StatusCode::NOT_FOUND, "not_found", "there is no such tool"),
        ToolChangeError::Changed => refused(StatusCode::PRECONDITION_FAILED, "changed", "the tool changed meanwhile; look at it again"),
        ToolChangeError::Store(error) => store_failed(error),
    }
}

/// An upstream as it is shown: without anything that is kept sealed.
pub(crate) fn describe(upstream: &Upstream) -> Value {
    json!({
        "name": upstream.name.as_str(), "kind": upstream.kind.name, "title": upstream.title, "enabled": upstream.is_enabled(),
        "source": if upstream.source == Source::File { "configuration" } else { "command" },
        "settings": serde_json::to_value(upstream.public_config()).unwrap_or_default(),
    })
}

async fn body<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Box<Response>> {
    let bytes = read_body(request.into_body(), MAX_BODY).await.map_err(|error| {
        let status = if matches!(error, ParamsError::TooLarge) { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::REQUEST_TIMEOUT };
        Box::new(refused(status, "invalid_request", "the request is too long, or did not arrive in time"))
    })?;
    serde_json::from_slice(&bytes).map_err(|error| Box::new(refused(StatusCode::BAD_REQUEST, "invalid_request", &format!("the body cannot be read: {error}"))))
}

async fn list(State(app): State<Arc<App>>) -> Response {
    match app.gateway.all_upstreams().await {
        Ok(upstreams) => {
            let all: Vec<Value> = upstreams.iter().map(|upstream| describe(upstream)).collect();
            answer::json(StatusCode::OK, &json!({ "upstreams": all }))
        }
        Err(error) => store_failed(&error),
    }
}

async fn show(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match app.gateway.named(&name).await {
        Ok(upstream) => answer::json(StatusCode::OK, &describe(&upstream)),
        Err(error) => not_changed(&error),
    }
}

async fn add(State(app): State<Arc<App>>, request: Request) -> Response {
    let by = actor(&request);
    let mut members: Map<String, Value> = match body(request).await {
        Ok(members) => members,
        Err(response) => return *response,
    };
    let Some(Value::String(name)) = members.remove("name") else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "name: is needed");
    };
    let file = |document: &Value| document.as_str().is_some_and(|text| !text.starts_with("https://") && !text.starts_with("http://"));
    let local = LOCAL.iter().copied().find(|key| members.contains_key(*key)).or_else(|| members.get("document").is_some_and(file).then_some("document"));
    let process = members.get("kind").and_then(Value::as_str) == Some("stdio");
    if let Some(key) = local.or_else(|| process.then_some("kind")) {
        let told = format!("{key}: programs and files of this machine are named in its configuration file or by doorward upstream add, not through the API");
        return refused(StatusCode::BAD_REQUEST, "invalid_request", &told);
    }
    let config: UpstreamConfig = match serde_json::from_value(Value::Object(members)) {
        Ok(config) => config,
        Err(error) => return refused(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string()),
    };
    if let Err(error) = app.gateway.add(&name, config).await {
        return not_changed(&error);
    }
    tracing::info!(by, upstream = name, "an upstream was added");
    match app.gateway.named(&name).await {
        Ok(upstream) => answer::json(StatusCode::CREATED, &describe(&upstream)),
        Err(error) => not_changed(&error),
    }
}

async fn delete(State(app): State<Arc<App>>, Path(name): Path<String>, request: Request) -> Response {
    match app.gateway.delete(&name).await {
        Ok(()) => {
            tracing::info!(by = actor(&request), upstream = name, "an upstream was deleted");
            answer::json(StatusCode::OK, &json!({ "deleted": name }))
        }
        Err(error) => not_changed(&error),
    }
}

/// With whose access an upstream is tried out.
#[derive(Deserialize)]
struct As {
    user: Option<String>,
}

async fn test(State(app): State<Arc<App>>, Path(name): Path<String>, Query(asked): Query<As>) -> Response {
    let upstream = match app.gateway.named(&name).await {
        Ok(upstream) => upstream,
        Err(error) => return not_changed(&error),
    };
    let person = match asked.user {
        None => None,
        Some(user) => match app.accounts.list().await {
            Ok(people) => match people.into_iter().find(|person: &Person| person.name.as_str() == user) {
                Some(person) => Some(Arc::new(person)),
                None => return refused(StatusCode::NOT_FOUND, "not_found", "there is no such person"),
            },
            Err(error) => {
                tracing::error!(%error, "people could not be read");
                return answer::retry_after(refused(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again shortly"), 5);
            }
        },
    };
    let findings = app.gateway.test(&upstream, person.as_ref()).await;
    let good = findings.iter().all(|finding| finding.result.is_ok());
    let found = |finding: &doorward_gateway::Finding| {
        let (Ok(text) | Err(text)) = &finding.result;
        json!({"what": finding.what, "ok": finding.result.is_ok(), "says": text})
    };
    answer::json(StatusCode::OK, &json!({"ok": good, "findings": findings.iter().map(found).collect::<Vec<_>>()}))
}

async fn refresh(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match app.gateway.named(&name).await {
        Ok(upstream) => {
            app.gateway.forget_lists(upstream.name).await;
            answer::json(StatusCode::ACCEPTED, &json!({ "refreshing": name }))
        }
        Err(error) => not_changed(&error),
    }
}

async fn tools(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let upstream = match app.gateway.named(&name).await {
        Ok(upstream) => upstream,
        Err(error) => return not_changed(&error),
    };
    match app.gateway.review(upstream.name).await {
        Ok(reviewed) => {
            let tool = |tool: &doorward_gateway::ReviewedTool| {
                let mut shown = tool.to_json();
                if let Value::Object(members) = &mut shown {
                    members.insert("etag".to_owned(), seen(&tool.pin).into());
                }
                shown
            };
            answer::json(StatusCode::OK, &json!({"tools": reviewed.iter().map(tool).collect::<Vec<_>>()}))
        }
        Err(error) => store_failed(&error),
    }
}

/// What an administrator decides about a tool.
#[derive(Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
enum Decided {
    Approve,
    Reject,
    Classify { class: Option<String> },
}

async fn decide(State(app): State<Arc<App>>, Path((name, tool)): Path<(String, String)>, request: Request) -> Response {
    let by = actor(&request);
    let Some(shown) = if_match(request.headers()) else {
        return refused(StatusCode::PRECONDITION_REQUIRED, "precondition_required", "If-Match must name the state of the tool that you looked at, its etag");
    };
    let decided: Decided = match body(request).await {
        Ok(decided) => decided,
        Err(response) => return *response,
    };
    let decision = match decided {
        Decided::Approve => Decision::Approve,
        Decided::Reject => Decision::Reject,
        Decided::Classify { class: None } => Decision::Classify(None),
        Decided::Classify { class: Some(class) } => match ToolClass::parse(&class) {
            Some(class) => Decision::Classify(Some(class)),
            None => return refused(StatusCode::BAD_REQUEST, "invalid_request", "class: must be read, write, destructive, or null to believe the annotations"),
        },
    };
    let upstream = match app.gateway.named(&name).await {
        Ok(upstream) => upstream,
        Err(error) => return not_changed(&error),
    };
    let pin = match app.gateway.pinned(upstream.name, &tool).await {
        Ok(pin) if seen(&pin) == shown => pin,
        Ok(_) => return tool_not_changed(&ToolChangeError::Changed),
        Err(error) => return tool_not_changed(&error),
    };
    match app.gateway.decide(&pin, decision, &by).await {
        Ok(()) => match app.gateway.pinned(upstream.name, &tool).await {
            Ok(pin) => {
                let class = pin.class.map(ToolClass::as_str);
                answer::json(StatusCode::OK, &json!({"tool": tool, "state": pin.state.as_str(), "class": class, "etag": seen(&pin)}))
            }
            Err(error) => tool_not_changed(&error),
        },
        Err(error) => tool_not_changed(&error),
    }
}

/// The state that a request was made for (RFC 9110 §13.1.1).
fn if_match(headers: &HeaderMap) -> Option<String> {
    headers.get(header::IF_MATCH)?.to_str().ok().map(|value| value.trim().trim_matches('"').to_owned())
}

/// Who does this, for the log.
fn actor(request: &Request) -> String {
    request.extensions().get::<Caller>().map(|caller| format!("{} through {}", caller.person.name, caller.client_id)).unwrap_or_default()
}
