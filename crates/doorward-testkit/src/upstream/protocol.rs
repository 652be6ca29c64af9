//! The MCP endpoint of the upstream.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Shared, UpstreamState, answer,
    calls::{ask, call},
    lock, proofs,
};

/// The token in a header, of either scheme.
pub(super) fn token_of(authorization: &str) -> &str {
    let bearer = authorization.strip_prefix("Bearer ");
    bearer.or_else(|| authorization.strip_prefix("DPoP ")).unwrap_or_default()
}

/// Answers a request to the MCP endpoint.
pub(super) async fn mcp(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let message: Value = serde_json::from_str(&body).unwrap_or_default();
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let token = token_of(&authorization).to_owned();
    if let Some(refusal) = refusal(&shared, &headers, authorization, &token) {
        return refusal;
    }
    let id = message["id"].clone();
    if message["method"].is_null() && !id.is_null() {
        let asked = lock(&shared).asked.take();
        asked.map(|asked| asked.send(message));
        return StatusCode::ACCEPTED.into_response();
    }
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let result = |result: Value| answer(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    let method = message["method"].as_str().unwrap_or_default();
    let (offers_all, error) = {
        let state = lock(&shared);
        (state.offers_all, state.error.clone())
    };
    if offers_all
        && !method.ends_with("/list")
        && !["initialize", "server/discover"].contains(&method)
    {
        let params = &message["params"];
        let item = ["name", "uri", "level"]
            .iter()
            .find_map(|key| params[key].as_str())
            .or_else(|| params["ref"]["name"].as_str().or(params["ref"]["uri"].as_str()));
        lock(&shared).operations.push(format!("{method} {}", item.unwrap_or_default()));
        if let Some(error) = error {
            return answer(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    }
    match method {
        "server/discover" if lock(&shared).modern => result(json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
            "capabilities": capabilities(&lock(&shared)), "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "1"}},
        })),
        "initialize" => {
            lock(&shared).greetings += 1;
            let capabilities = capabilities(&lock(&shared));
            result(
                json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": {"name": "fake", "version": "1"}}),
            )
        }
        "tools/list" => {
            let wait = lock(&shared).slow_lists.unwrap_or_default();
            tokio::time::sleep(wait).await;
            let tools = lock(&shared).tools.clone();
            result(
                json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": tools}),
            )
        }
        "tools/call" => {
            lock(&shared).calls += 1;
            let given = lock(&shared).result.clone();
            if let Some(given) = given {
                result(given)
            } else if matches!(message["params"]["name"].as_str(), Some("ask" | "sample")) {
                ask(&shared, &id, &message["params"])
            } else {
                call(&id, &token, &message["params"]).await
            }
        }
        _ => match item(&shared, method, &message["params"]) {
            Some(found) => result(found),
            None => answer(
                &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "not known"}}),
            ),
        },
    }
}

/// The refusal of a request without a token that counts.
pub(super) fn challenge(shared: &Shared, token: &str) -> Option<Response> {
    challenge_of(&lock(shared), &shared.origin, token)
}

fn challenge_of(state: &UpstreamState, origin: &str, token: &str) -> Option<Response> {
    if !state.protected || state.valid.contains(token) {
        return None;
    }
    let own =
        format!("Bearer resource_metadata=\"{origin}/.well-known/oauth-protected-resource/mcp\"");
    let all = state.challenges.clone().unwrap_or_else(|| vec![own.into_bytes()]);
    let mut refusal = StatusCode::UNAUTHORIZED.into_response();
    for value in all {
        refusal.headers_mut().append(header::WWW_AUTHENTICATE, value.try_into().unwrap());
    }
    Some(refusal)
}

/// The refusal of a request before it is read, where the test sets one.
fn refusal(
    shared: &Shared,
    headers: &HeaderMap,
    authorization: String,
    token: &str,
) -> Option<Response> {
    if let Some(refusal) = proofs::of_resource(shared, headers, "POST", "/mcp") {
        return Some(refusal);
    }
    let mut state = lock(shared);
    state.authorizations.push(authorization);
    if let Some(challenge) = challenge_of(&state, &shared.origin, token) {
        return Some(challenge);
    }
    if let Some(scope) = state.lacks_scope {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let headers = [(header::WWW_AUTHENTICATE, challenge)];
        return Some((StatusCode::FORBIDDEN, headers).into_response());
    }
    if state.failing > 0 {
        state.failing -= 1;
        return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    None
}

/// The result of a request about prompts, resources and the log.
fn item(shared: &Shared, method: &str, params: &Value) -> Option<Value> {
    let padding = "z".repeat(lock(shared).padding);
    Some(match method {
        "prompts/list" => {
            let mut prompts = lock(shared).prompts.clone();
            if prompts.is_empty() {
                prompts.push(json!({"name": "letter", "arguments": [{"name": "to"}]}));
            }
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "prompts": prompts})
        }
        "resources/list" => {
            let mut resources = lock(shared).resources.clone();
            if resources.is_empty() {
                resources.push(json!({"uri": "file:///wages", "name": "wages"}));
            }
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "resources": resources})
        }
        "resources/templates/list" => {
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "resourceTemplates": [{"uriTemplate": "file:///{name}", "name": "any"}]})
        }
        "prompts/get" => {
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": format!("the secret letter {padding}")}}]})
        }
        "resources/read" if !lock(shared).contents.is_empty() => {
            let uri = params["uri"].as_str().unwrap_or_default();
            let mut content = lock(shared).contents.get(uri).cloned().unwrap_or_default();
            content["uri"] = uri.into();
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "contents": [content]})
        }
        "resources/read" => {
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "contents": [{"uri": params["uri"], "text": format!("the secret wages {padding}")}]})
        }
        "completion/complete" => json!({"completion": {"values": ["the secret name"]}}),
        "resources/subscribe" | "resources/unsubscribe" | "logging/setLevel" => json!({}),
        _ => return None,
    })
}

/// The capabilities that the upstream announces.
fn capabilities(state: &UpstreamState) -> Value {
    let mut capabilities = if state.offers_all {
        json!({"tools": {}, "prompts": {}, "resources": {"subscribe": true}, "completions": {}, "logging": {}})
    } else if state.resources.is_empty() {
        json!({"tools": {}, "logging": {}})
    } else {
        json!({"tools": {}, "logging": {}, "resources": {}})
    };
    if let Some(extensions) = &state.extensions {
        capabilities["extensions"] = extensions.clone();
    }
    capabilities
}
