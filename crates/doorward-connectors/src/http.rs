//! The URL at which chat servers send slash commands and webhooks.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use doorward_model::routes;
use doorward_transport::routing::post;
use doorward_transport::{
    Budget, ClientAddress, ParamsError, answer, media_type, params::read_body,
};
use serde_json::{Value, json};

use crate::{
    Connectors,
    mattermost::{Incoming, Received},
    office::{Admission, Opened, Unavailable},
};

/// Maximum number of bytes of a request: a post of 16,383 characters, each percent-encoded.
const MOST: usize = 512 * 1024;
/// The longest token that is compared.
const LONGEST_TOKEN: usize = 256;
/// The refusal of a wrong token.
const WRONG: &str = "the token is wrong or missing";

/// The routes of connectors.
pub fn router(connectors: Connectors) -> Router {
    Router::new().route(routes::CONNECTOR, post(receive)).with_state(connectors)
}

fn problem(status: StatusCode, why: &str) -> Response {
    answer::json(status, &json!({ "error": why }))
}

/// The members of a form or of an object of JSON. One that occurs twice makes it malformed.
fn members(headers: &HeaderMap, body: &Bytes) -> Option<Incoming> {
    let mut found = BTreeMap::new();
    if media_type::is(headers, media_type::JSON) {
        let read: BTreeMap<String, Value> = Budget::of_record(MOST).json(body).ok()?;
        let press = read.get("context").and_then(|context| context.get("press"));
        let press = press.and_then(Value::as_str).map(str::to_owned);
        for (name, value) in read {
            if let Value::String(text) = value {
                found.insert(name, text);
            }
        }
        return Some(Incoming { members: found, press });
    }
    if !media_type::is(headers, media_type::FORM) {
        return None;
    }
    for (name, value) in url::form_urlencoded::parse(body).take(64) {
        if found.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(Incoming { members: found, press: None })
}

/// The token that a request presents: of the header `Authorization: Token …`, or of the member
/// `token`. Two different ones are none.
fn presented(headers: &HeaderMap, incoming: &Incoming) -> String {
    let member = incoming.get("token");
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("token"))
        .map(|(_, token)| token.trim())
        .unwrap_or_default();
    let one = match (member, header) {
        ("", one) | (one, "") => one,
        (one, other) if one == other => one,
        _ => "",
    };
    if one.len() > LONGEST_TOKEN { String::new() } else { one.to_owned() }
}

async fn receive(
    State(connectors): State<Connectors>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let Some(connector) = connectors.all.get(&name) else {
        return problem(StatusCode::NOT_FOUND, "there is no such connector");
    };
    let (parts, body) = request.into_parts();
    let address = parts.extensions.get::<ClientAddress>().copied();
    let address = address.unwrap_or(ClientAddress([0, 0, 0, 0].into()));
    let body = match read_body(body, MOST).await {
        Ok(body) => body,
        Err(ParamsError::TooLarge) => {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
        }
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
    };
    let Some(incoming) = members(&parts.headers, &body) else {
        return problem(StatusCode::BAD_REQUEST, "the body is neither a form nor JSON");
    };
    if let Some(press) = &incoming.press {
        return match connector.office.open(&name, address, press).await {
            Ok(Opened::Right(plain)) => {
                answered(connector.pressed(&plain, incoming.get("user_id")).await)
            }
            Ok(Opened::Wrong) => refused(&name, Admission::Wrong),
            Ok(Opened::Wait(seconds)) => refused(&name, Admission::Wait(seconds)),
            Err(error) => unavailable(&name, &error),
        };
    }
    let config = &connector.config;
    let expected =
        if incoming.is_command() { &config.command_token } else { &config.webhook_token };
    let token = presented(&parts.headers, &incoming);
    if expected.is_empty() || token.is_empty() {
        return problem(StatusCode::FORBIDDEN, WRONG);
    }
    match connector.office.admits(&name, address, expected, &token).await {
        Ok(Admission::Right) => answered(connector.receive(incoming).await),
        Ok(admission) => refused(&name, admission),
        Err(error) => unavailable(&name, &error),
    }
}

/// The refusal of a request whose token, or what its button carries, is not right.
fn refused(name: &str, admission: Admission) -> Response {
    match admission {
        Admission::Right | Admission::Wrong => {
            tracing::warn!(connector = %name, "a request with a wrong token was refused");
            problem(StatusCode::FORBIDDEN, WRONG)
        }
        Admission::Wait(seconds) => {
            let refusal = problem(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens");
            answer::retry_after(refusal, u64::try_from(seconds).unwrap_or(1))
        }
    }
}

fn unavailable(name: &str, error: &Unavailable) -> Response {
    tracing::error!(connector = %name, %error, "a token could not be checked");
    problem(StatusCode::SERVICE_UNAVAILABLE, "try again in a moment")
}

fn answered(received: Received) -> Response {
    match received {
        Received::Body(body) => answer::json(StatusCode::OK, &body),
        Received::Malformed => {
            problem(StatusCode::BAD_REQUEST, "the members of the request are not Mattermost's")
        }
    }
}
