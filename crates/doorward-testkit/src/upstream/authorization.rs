//! The authorization server of a fake upstream.

use std::collections::HashMap;

use axum::{
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Shared, UpstreamState, answer, delay, lock, proofs};

pub(super) async fn resource_metadata(State(shared): State<Shared>) -> Response {
    let mut document = json!({"resource": format!("{}/mcp", shared.origin), "authorization_servers": [shared.origin], "scopes_supported": ["all"]});
    for (name, value) in &lock(&shared).metadata {
        if ["resource", "authorization_servers", "resource_scopes"].contains(name) {
            let name = if *name == "resource_scopes" { "scopes_supported" } else { *name };
            document[name] = value.clone();
        }
    }
    answer(&document)
}

pub(super) async fn server_metadata(State(shared): State<Shared>) -> Response {
    let origin = &shared.origin;
    let mut document = json!({
        "issuer": origin, "authorization_endpoint": format!("{origin}/authorize"), "token_endpoint": format!("{origin}/token"),
        "registration_endpoint": format!("{origin}/register"), "revocation_endpoint": format!("{origin}/revoke"), "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"], "authorization_response_iss_parameter_supported": true,
    });
    for (name, value) in &lock(&shared).metadata {
        document[name] = value.clone();
    }
    answer(&document)
}

pub(super) async fn register(State(shared): State<Shared>, body: String) -> Response {
    lock(&shared).registrations += 1;
    delay(&shared).await;
    let mut registered: Value = serde_json::from_str(&body).unwrap();
    registered["client_id"] = "up-client".into();
    let odd = lock(&shared).registration.clone();
    if let Some(odd) = odd {
        return odd.write(registered, false);
    }
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], registered.to_string())
        .into_response()
}

/// Agrees at once, for a new account each time.
pub(super) async fn authorize(
    State(shared): State<Shared>,
    Query(params): Query<HashMap<String, String>>,
) -> Response {
    let mut state = lock(&shared);
    state.accounts += 1;
    let account = state.accounts;
    let code = format!("code-{account}");
    state.codes.insert(code.clone(), account);
    let mut back = url::Url::parse(&params["redirect_uri"]).unwrap();
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &params["state"]);
    match state.iss.clone() {
        Some(iss) if iss.is_empty() => {}
        Some(iss) => {
            back.query_pairs_mut().append_pair("iss", &iss);
        }
        None => {
            back.query_pairs_mut().append_pair("iss", &shared.origin);
        }
    }
    state.authorizes.push(params);
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

pub(super) async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    lock(&shared).token_requests += 1;
    let key = match proofs::of_tokens(&shared, &headers) {
        Ok(key) => key,
        Err(refusal) => return *refusal,
    };
    let response = if form["grant_type"] == "client_credentials" {
        own(&shared, &headers, form).await
    } else {
        issued(shared.clone(), form).await
    };
    proofs::bind(&shared, response, key).await
}

/// Issues a token to the client itself.
async fn own(shared: &Shared, headers: &HeaderMap, mut form: HashMap<String, String>) -> Response {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    form.extend(sent.map(|sent| ("authorization".to_owned(), sent.to_owned())));
    let made = {
        let mut state = lock(shared);
        state.own.push(form);
        let token = format!("own-{}", state.own.len());
        state.valid.insert(token.clone());
        json!({"access_token": token, "token_type": "Bearer", "expires_in": state.expires_in})
    };
    delay(shared).await;
    answer(&made)
}

/// Issues tokens for what a user, or another server, gave the client.
async fn issued(shared: Shared, form: HashMap<String, String>) -> Response {
    let wrong = |error: &str| {
        (
            StatusCode::BAD_REQUEST,
            [(header::CONTENT_TYPE, "application/json")],
            json!({"error": error}).to_string(),
        )
            .into_response()
    };
    if form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange" {
        let token = {
            let mut state = lock(&shared);
            state.exchanges.push(form);
            let token = format!("exchanged-{}", state.exchanges.len());
            state.valid.insert(token.clone());
            token
        };
        delay(&shared).await;
        let answer_is = json!({"access_token": token, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 60});
        return answer(&answer_is);
    }
    if form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        let mut state = lock(&shared);
        if let Some(error) = state.assertion_error {
            return wrong(error);
        }
        state.assertions.push(form);
        let token = format!("asserted-{}", state.assertions.len());
        state.valid.insert(token.clone());
        let expires_in = state.expires_in;
        return answer(
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in}),
        );
    }
    let refreshes = form["grant_type"] == "refresh_token";
    let account = if refreshes {
        let delay = {
            let mut state = lock(&shared);
            state.refreshes += 1;
            state.refresh_delay
        };
        tokio::time::sleep(delay).await;
        let mut state = lock(&shared);
        if let Some(error) = state.refresh_error {
            return wrong(error);
        }
        let keeps = state.token_answers.as_ref().is_some_and(|odd| odd.keeps_refresh_token);
        let account = state.refresh_tokens.remove(&form["refresh_token"]);
        if let Some(account) = account.filter(|_| keeps) {
            state.refresh_tokens.insert(form["refresh_token"].clone(), account);
        }
        account
    } else {
        let mut state = lock(&shared);
        let account = state.codes.remove(&form["code"]);
        state.redeemed.push(form);
        account
    };
    let Some(account) = account else { return wrong("invalid_grant") };
    let (made, spoiled, odd) = {
        let mut state = lock(&shared);
        let made = issue(&mut state, account);
        let spoiled = if refreshes { state.spoiled.take() } else { None };
        (made, spoiled, state.token_answers.clone())
    };
    delay(&shared).await;
    if let Some(odd) = odd {
        return odd.write(made, refreshes);
    }
    let Some((status, Value::Object(members))) = spoiled else { return answer(&made) };
    let mut made = made;
    for (name, value) in members {
        made[name] = value;
    }
    (StatusCode::from_u16(status).unwrap(), answer(&made)).into_response()
}

pub(super) async fn revoke(
    State(shared): State<Shared>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut state = lock(&shared);
    if state.failing_revocations > 0 {
        state.failing_revocations -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if state.irrevocable.is_some_and(|kind| form["token_type_hint"] == kind) {
        let refusal = json!({"error": "unsupported_token_type"});
        return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
    }
    state.valid.remove(&form["token"]);
    state.refresh_tokens.remove(&form["token"]);
    state.revoked.push(form);
    StatusCode::OK.into_response()
}

/// Replaces the tokens of an account.
fn issue(state: &mut UpstreamState, account: usize) -> Value {
    state.issued += 1;
    let (access, refresh) = (
        format!("access-{account}-{}", state.issued),
        format!("refresh-{account}-{}", state.issued),
    );
    // A new token ends the account's older ones.
    state.valid.retain(|token| !token.starts_with(&format!("access-{account}-")));
    state.valid.insert(access.clone());
    state.refresh_tokens.insert(refresh.clone(), account);
    let mut made = json!({"access_token": access, "token_type": "Bearer", "expires_in": state.expires_in, "refresh_token": refresh, "scope": "all"});
    if let Some(claims) = &state.id_token {
        made["id_token"] =
            format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())).into();
    }
    made
}
