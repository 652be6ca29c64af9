//! Routes of clients and of the administrators' API.

use std::time::Duration;

use doorward_model::routes;
use doorward_testkit::{Browser, OAuthClient, Pkce};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    routes_of_pages::{added_client, text},
    stage::{EACH, FEW, FORM, JSON, Stage, encode, request},
};

pub(super) async fn register(stage: &Stage) -> Vec<Vec<u8>> {
    let one = |number: u64| {
        let body = json!({"redirect_uris": ["http://127.0.0.1:7777/cb"], "client_name": format!("dropped {number}")}).to_string();
        request(&stage.address, "POST", routes::REGISTER, &[JSON], &body)
    };
    (0..EACH).map(one).collect()
}

/// Codes and refresh tokens in turn.
pub(super) async fn token(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let mut all = Vec::new();
    for number in 0..EACH {
        // A client of its own: of one client, each grant would end the one before.
        let client = OAuthClient::register(&stage.server).await;
        let pkce = Pkce::default();
        let code = client.code(&browser, &pkce, &[]).await;
        let body = if number % 2 == 0 {
            encode(&[
                ("grant_type", "authorization_code"),
                ("client_id", &client.id),
                ("code", &code),
                ("code_verifier", &pkce.verifier),
                ("redirect_uri", &client.redirect_uri),
            ])
        } else {
            let tokens = client.redeem(&code, &pkce, &[]).await.expect(200).json();
            encode(&[
                ("grant_type", "refresh_token"),
                ("client_id", &client.id),
                ("refresh_token", text(&tokens, "refresh_token")),
            ])
        };
        all.push(request(&stage.address, "POST", routes::TOKEN, &[FORM], &body));
    }
    all
}

/// Requests of devices for a code.
pub(super) async fn device_authorization(stage: &Stage) -> Vec<Vec<u8>> {
    let client = super::routes_of_pages::device_client(stage).await;
    let body = encode(&[("client_id", &client)]);
    let one = || request(&stage.address, "POST", routes::DEVICE_AUTHORIZATION, &[FORM], &body);
    (0..FEW).map(|_| one()).collect()
}

/// Authorization requests that a client pushes.
pub(super) async fn pushed_request(stage: &Stage) -> Vec<Vec<u8>> {
    let client = OAuthClient::register(&stage.server).await;
    let params = client.authorize_params(&Pkce::default(), &[]);
    let params: Vec<_> =
        params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = encode(&params);
    let one = || request(&stage.address, "POST", routes::PUSHED_REQUEST, &[FORM], &body);
    (0..FEW).map(|_| one()).collect()
}

/// A client that registered itself: its identifier and the token of its registration.
async fn registration(stage: &Stage) -> (String, String) {
    let metadata = json!({"client_name": "app", "redirect_uris": ["https://a.example/cb"]});
    let made = Browser::new().post_json(&stage.server.at("/oauth/register"), &metadata).await;
    let made = made.expect(201).json();
    (text(&made, "client_id").to_owned(), text(&made, "registration_access_token").to_owned())
}

pub(super) async fn registration_change(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for _ in 0..FEW {
        let (id, token) = registration(stage).await;
        let body = json!({
            "client_id": id, "client_name": "self-changed", "redirect_uris": ["https://b.example/cb"],
        });
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let path = routes::REGISTRATION.replace("{client}", &id);
        all.push(request(&stage.address, "PUT", &path, &headers, &body.to_string()));
    }
    all
}

pub(super) async fn registration_delete(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for _ in 0..FEW {
        let (id, token) = registration(stage).await;
        let bearer = format!("Bearer {token}");
        let path = routes::REGISTRATION.replace("{client}", &id);
        let headers = [("authorization", bearer.as_str())];
        all.push(request(&stage.address, "DELETE", &path, &headers, ""));
    }
    all
}

pub(super) async fn revoke(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let mut all = Vec::new();
    for _ in 0..FEW {
        let client = OAuthClient::register(&stage.server).await;
        let refresh = client.tokens(&browser, &[]).await.refresh;
        let body = encode(&[("client_id", &client.id), ("token", &refresh)]);
        all.push(request(&stage.address, "POST", routes::REVOKE, &[FORM], &body));
    }
    all
}

pub(super) async fn mcp(stage: &Stage) -> Vec<Vec<u8>> {
    let access = stage.client.tokens(&stage.browser().await, &[]).await.access;
    stage.calls(routes::MCP, &access, "whoami")
}

fn wiki(route: &str) -> String {
    route.replace("{upstream}", "wiki")
}

pub(super) async fn mcp_upstream(stage: &Stage) -> Vec<Vec<u8>> {
    assert!(!stage.upstream.url.is_empty());
    stage.calls(&wiki(routes::MCP_UPSTREAM), &stage.token, "echo")
}

pub(super) async fn mcp_key(stage: &Stage) -> Vec<Vec<u8>> {
    stage.calls(routes::MCP_KEY, &stage.token, "whoami")
}

pub(super) async fn mcp_key_upstream(stage: &Stage) -> Vec<Vec<u8>> {
    stage.calls(&wiki(routes::MCP_KEY_UPSTREAM), &stage.token, "echo")
}

/// Calls through the deprecated transport. Its stream is read by a task until the test ends.
pub(super) async fn mcp_messages(stage: &Stage) -> Vec<Vec<u8>> {
    let access = stage.client.tokens(&stage.browser().await, &[]).await.access;
    let http = Browser::new();
    let mut stream = http
        .raw(Method::GET, &stage.server.at(routes::MCP_SSE))
        .header("accept", "text/event-stream")
        .bearer_auth(&access)
        .send()
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("\n\n") {
        let chunk = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await.unwrap();
        seen.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
    }
    let endpoint = seen.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
    tokio::spawn(async move { while let Ok(Some(_)) = stream.chunk().await {} });
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for message in [initialize, initialized] {
        let asked = http.raw(Method::POST, &endpoint).bearer_auth(&access).json(&message);
        http.send(asked).await.expect(202);
    }
    let path = endpoint.strip_prefix(&stage.server.url).unwrap();
    let bearer = format!("Bearer {access}");
    let one = |number: u64| {
        let body = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}).to_string();
        request(&stage.address, "POST", path, &[JSON, ("authorization", &bearer)], &body)
    };
    (1..=FEW).map(one).collect()
}

pub(super) async fn api_users(stage: &Stage) -> Vec<Vec<u8>> {
    let one = |number: u64| {
        stage.api("POST", routes::API_USERS, None, &json!({"name": format!("added{number}")}))
    };
    (0..EACH).map(one).collect()
}

/// Requests about added users, each about another one.
async fn about_users(
    stage: &Stage,
    (method, route, name): (&str, &str, &str),
    body: &Value,
) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = stage.added(&format!("{name}{number}")).await;
        all.push(stage.api(method, &route.replace("{user}", &id), Some(&seen), body));
    }
    all
}

pub(super) async fn api_user_change(stage: &Stage) -> Vec<Vec<u8>> {
    let body = json!({"roles": ["lead"]});
    about_users(stage, ("PATCH", routes::API_USER, "patched"), &body).await
}

pub(super) async fn api_user_delete(stage: &Stage) -> Vec<Vec<u8>> {
    about_users(stage, ("DELETE", routes::API_USER, "deleted"), &Value::Null).await
}

pub(super) async fn api_user_sign_out(stage: &Stage) -> Vec<Vec<u8>> {
    about_users(stage, ("POST", routes::API_USER_SIGN_OUT, "out"), &json!({})).await
}

pub(super) async fn api_user_password(stage: &Stage) -> Vec<Vec<u8>> {
    let body = json!({"password": "a password of theirs"});
    about_users(stage, ("POST", routes::API_USER_PASSWORD, "keyed"), &body).await
}

pub(super) async fn api_user_factors(stage: &Stage) -> Vec<Vec<u8>> {
    about_users(stage, ("DELETE", routes::API_USER_FACTORS, "reset"), &Value::Null).await
}

async fn alice(stage: &Stage) -> doorward_model::User {
    stage.server.app.accounts.find("alice").await.unwrap()
}

pub(super) async fn api_user_session(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for _ in 0..FEW {
        stage.browser().await;
    }
    let alice = alice(stage).await;
    let now = doorward_model::Clock::now(stage.server.clock.as_ref());
    let sessions = stage.server.app.store.sessions_of(&alice.id, now).await.unwrap();
    let route = routes::API_USER_SESSION.replace("{user}", alice.id.as_str());
    for session in sessions.iter().take(usize::try_from(FEW).unwrap()) {
        let path = route.replace("{session}", session.id.as_str());
        all.push(stage.api("DELETE", &path, None, &Value::Null));
    }
    all
}

pub(super) async fn api_user_app(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let route = routes::API_USER_APP.replace("{user}", alice(stage).await.id.as_str());
    let mut all = Vec::new();
    for _ in 0..FEW {
        let client = doorward_testkit::OAuthClient::register(&stage.server).await;
        client.tokens(&browser, &[]).await;
        let path = route.replace("{client}", &client.id);
        all.push(stage.api("DELETE", &path, None, &Value::Null));
    }
    all
}

pub(super) async fn api_clients(stage: &Stage) -> Vec<Vec<u8>> {
    let one = |number: u64| {
        let body = json!({"name": format!("api {number}"), "redirect_uris": ["https://portal.example/cb"]});
        stage.api("POST", routes::API_CLIENTS, None, &body)
    };
    (0..EACH).map(one).collect()
}

pub(super) async fn api_client_decision(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = added_client(stage, &format!("judged {number}")).await;
        let path = routes::API_CLIENT_DECISION.replace("{client}", &id);
        all.push(stage.api("POST", &path, Some(&seen), &json!({"decision": "block"})));
    }
    all
}

pub(super) async fn api_client_change(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = added_client(stage, &format!("edited {number}")).await;
        let path = routes::API_CLIENT.replace("{client}", &id);
        all.push(stage.api("PATCH", &path, Some(&seen), &json!({"name": "another"})));
    }
    all
}

pub(super) async fn api_client_delete(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = added_client(stage, &format!("gone {number}")).await;
        let path = routes::API_CLIENT.replace("{client}", &id);
        all.push(stage.api("DELETE", &path, Some(&seen), &Value::Null));
    }
    all
}

/// No registration is that old: deletions have their entry in a test of its own.
pub(super) async fn api_clients_clean(stage: &Stage) -> Vec<Vec<u8>> {
    let body = json!({"unused_days": 365});
    (0..FEW).map(|_| stage.api("POST", routes::API_CLIENTS_CLEAN, None, &body)).collect()
}

fn service(number: u64) -> Value {
    json!({"service": format!("service{number}"), "name": "nightly", "scopes": ["mcp:read"], "days": 7})
}

pub(super) async fn api_tokens(stage: &Stage) -> Vec<Vec<u8>> {
    (0..EACH).map(|number| stage.api("POST", routes::API_TOKENS, None, &service(number))).collect()
}

pub(super) async fn api_token_delete(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let new = service(1000 + number);
        let (token, _) = stage.ask(Method::POST, routes::API_TOKENS, &new).await;
        let path = routes::API_TOKEN.replace("{token}", text(&token, "id"));
        all.push(stage.api("DELETE", &path, None, &Value::Null));
    }
    all
}

fn trust(number: u64) -> Value {
    json!({
        "name": format!("Workload {number}"), "service": format!("work-{}", number % 5),
        "scopes": ["mcp:read"], "issuer": "https://issuer.example.test",
        "jwks_uri": "https://issuer.example.test/keys", "subject": format!("job:{number}"),
    })
}

pub(super) async fn api_trust(stage: &Stage) -> Vec<Vec<u8>> {
    (0..FEW).map(|number| stage.api("POST", routes::API_TRUST, None, &trust(number))).collect()
}

pub(super) async fn api_trust_change(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (added, _) = stage.ask(Method::POST, routes::API_TRUST, &trust(2000 + number)).await;
        let path = routes::API_TRUST_RULE.replace("{rule}", text(&added, "client_id"));
        let body = json!({"subject": format!("other:{number}")});
        all.push(stage.api("PATCH", &path, Some(text(&added, "etag")), &body));
    }
    all
}

pub(super) async fn api_trust_delete(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let (added, _) = stage.ask(Method::POST, routes::API_TRUST, &trust(1000 + number)).await;
        let path = routes::API_TRUST_RULE.replace("{rule}", text(&added, "client_id"));
        all.push(stage.api("DELETE", &path, Some(text(&added, "etag")), &Value::Null));
    }
    all
}

fn resource(number: u64) -> Value {
    json!({"url": format!("https://r{number}.example.test/mcp"), "scopes": ["r:read"]})
}

pub(super) async fn api_resources(stage: &Stage) -> Vec<Vec<u8>> {
    let one = |number| stage.api("POST", routes::API_RESOURCES, None, &resource(number));
    (0..EACH).map(one).collect()
}

pub(super) async fn api_resource_change(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let new = resource(3000 + number);
        let (added, _) = stage.ask(Method::POST, routes::API_RESOURCES, &new).await;
        let path = routes::API_RESOURCE.replace("{resource}", text(&added, "id"));
        let (_, seen) = stage.ask(Method::GET, &path, &Value::Null).await;
        all.push(stage.api("PATCH", &path, Some(&seen), &json!({"name": "Another"})));
    }
    all
}

pub(super) async fn api_resource_delete(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..FEW {
        let new = resource(1000 + number);
        let (added, _) = stage.ask(Method::POST, routes::API_RESOURCES, &new).await;
        let path = routes::API_RESOURCE.replace("{resource}", text(&added, "id"));
        let (_, seen) = stage.ask(Method::GET, &path, &Value::Null).await;
        all.push(stage.api("DELETE", &path, Some(&seen), &Value::Null));
    }
    all
}

pub(super) async fn api_resource_secret(stage: &Stage) -> Vec<Vec<u8>> {
    let (added, _) = stage.ask(Method::POST, routes::API_RESOURCES, &resource(2000)).await;
    let path = routes::API_RESOURCE_SECRET.replace("{resource}", text(&added, "id"));
    (0..FEW).map(|_| stage.api("POST", &path, None, &Value::Null)).collect()
}

pub(super) async fn api_keys_rotate(stage: &Stage) -> Vec<Vec<u8>> {
    (0..FEW).map(|_| stage.api("POST", routes::API_KEYS_ROTATE, None, &Value::Null)).collect()
}

/// All but one of the requests at the same moment find that the settings changed; the last one
/// reads their state of that time, because it changes nothing before.
pub(super) async fn api_settings(stage: &Stage) -> Vec<Vec<u8>> {
    let (_, seen) = stage.ask(Method::GET, routes::API_SETTINGS, &Value::Null).await;
    let one = |number: u64| {
        let body = json!({"notice": format!("by the API {number}")});
        stage.api("PUT", routes::API_SETTINGS, Some(&seen), &body)
    };
    (0..FEW).map(one).collect()
}

pub(super) async fn api_tool(stage: &Stage) -> Vec<Vec<u8>> {
    let route = routes::API_TOOL.replace("{upstream}", "wiki");
    let path = route.replace("{tool}", "echo");
    let (tools, _) = stage.ask(Method::GET, &wiki(routes::API_TOOLS), &Value::Null).await;
    let echo =
        tools["tools"].as_array().unwrap().iter().find(|tool| tool["tool"] == "echo").unwrap();
    let one =
        |_| stage.api("PUT", &path, Some(text(echo, "etag")), &json!({"decision": "approve"}));
    (0..FEW).map(one).collect()
}
