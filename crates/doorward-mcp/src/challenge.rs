//! The answers to callers without sufficient authorization (RFC 6750 §3, RFC 9728 §5.1).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_keys::{ProofRefusal, Proofs};
use doorward_model::{
    ConnectStep, Level, OAuthErrorCode, Reason, Scope, ScopeSet, StepKind, routes,
};
use doorward_transport::{answer, media_type, possession};
use serde_json::{Value, json};

use crate::{Mcp, Target, bearer::BearerRefusal, item::Kind};

/// The error in a challenge (RFC 6750 §3).
#[derive(Clone, Copy)]
struct BearerError<'a> {
    code: &'a str,
    description: &'a str,
}

impl Mcp {
    /// The URL of the resource's metadata.
    pub(crate) fn metadata_url(&self, target: Target) -> String {
        let path = match target {
            Target::All => routes::MCP.to_owned(),
            Target::One(upstream) => routes::of_upstream(routes::MCP_UPSTREAM, upstream),
            Target::Set(toolset) => routes::of_toolset(routes::MCP_TOOLSET, toolset),
        };
        self.inner.settings.public_url.at(&format!("{}{path}", routes::PROTECTED_RESOURCE_METADATA))
    }

    fn challenge(&self, target: Target, scope: &str, error: Option<BearerError<'_>>) -> String {
        let metadata = self.metadata_url(target);
        match error {
            None => format!("Bearer resource_metadata=\"{metadata}\", scope=\"{scope}\""),
            Some(BearerError { code, description }) => {
                format!(
                    "Bearer error=\"{code}\", error_description=\"{description}\", resource_metadata=\"{metadata}\", scope=\"{scope}\""
                )
            }
        }
    }

    /// Adds the nonce for the next proof of a key, where proofs need one.
    pub fn offer_nonce(&self, headers: &mut HeaderMap) {
        let services = &self.inner.services;
        possession::offer_nonce(headers, &services.proofs, services.clock.now());
    }

    /// Refuses a token without the proof of the key that it is bound to (RFC 9449 §7.1).
    fn unproved(&self, target: Target, refusal: ProofRefusal) -> Response {
        let error = proof_error(refusal);
        tracing::info!(error, why = %refusal, "access token refused");
        let body = json!({"error": error, "error_description": refusal.to_string()});
        let basic = ScopeSet::default_request().to_string();
        let bearer = self.challenge(
            target,
            &basic,
            Some(BearerError { code: error, description: &refusal.to_string() }),
        );
        let response = answer::json(StatusCode::UNAUTHORIZED, &body);
        let mut response = self.with_challenge(target, response, &bearer);
        self.offer_nonce(response.headers_mut());
        as_dpop(&mut response);
        response
    }

    fn with_challenge(&self, target: Target, mut response: Response, challenge: &str) -> Response {
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::try_from(challenge) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        if let Ok(value) = HeaderValue::try_from(format!(
            "<{}>; rel=\"oauth-protected-resource\"",
            self.metadata_url(target)
        )) {
            headers.insert(header::LINK, value);
        }
        response
    }

    /// Notes on the client's way that a request was refused before anything else was looked at.
    pub(crate) fn noted(&self, reason: Reason, refusal: Response) -> Response {
        self.inner.services.store.note_step(ConnectStep::new(StepKind::Called).refused(reason));
        refusal
    }

    /// Refuses a request that has no caller, and notes it on the client's way.
    pub(crate) fn refuse(&self, target: Target, refusal: &BearerRefusal) -> Response {
        let step = match refusal {
            BearerRefusal::Missing => ConnectStep::new(StepKind::Challenged),
            BearerRefusal::Malformed(_) => {
                ConnectStep::new(StepKind::Called).refused(Reason::TokenPlace)
            }
            BearerRefusal::Unproved(_) => {
                ConnectStep::new(StepKind::Called).refused(Reason::KeyProof)
            }
            BearerRefusal::Invalid { reason, .. } => {
                ConnectStep::new(StepKind::Called).refused(*reason)
            }
            BearerRefusal::Unavailable(_) => {
                ConnectStep::new(StepKind::Called).refused(Reason::Server)
            }
        };
        self.inner.services.store.note_step(step);
        self.refuse_unnoted(target, refusal)
    }

    /// Refuses a request that has no caller.
    pub(crate) fn refuse_unnoted(&self, target: Target, refusal: &BearerRefusal) -> Response {
        let basic = ScopeSet::default_request().to_string();
        match refusal {
            BearerRefusal::Missing => {
                let body = json!({"error": "unauthorized", "error_description": "an access token is required; the WWW-Authenticate header states where to get one"});
                self.with_challenge(
                    target,
                    answer::json(StatusCode::UNAUTHORIZED, &body),
                    &self.challenge(target, &basic, None),
                )
            }
            BearerRefusal::Malformed(why) => {
                let response = answer::oauth_error(
                    StatusCode::BAD_REQUEST,
                    OAuthErrorCode::InvalidRequest,
                    why,
                );
                self.with_challenge(
                    target,
                    response,
                    &self.challenge(
                        target,
                        &basic,
                        Some(BearerError { code: "invalid_request", description: why }),
                    ),
                )
            }
            BearerRefusal::Invalid { why, .. } => {
                tracing::info!(why, "access token refused");
                // The exact reason is for the log; the client can only get a new token.
                let told = "the access token expired or is not valid here";
                let body = json!({"error": "invalid_token", "error_description": told});
                self.with_challenge(
                    target,
                    answer::json(StatusCode::UNAUTHORIZED, &body),
                    &self.challenge(
                        target,
                        &basic,
                        Some(BearerError { code: "invalid_token", description: told }),
                    ),
                )
            }
            BearerRefusal::Unproved(refusal) => self.unproved(target, *refusal),
            BearerRefusal::Unavailable(why) => {
                tracing::error!(why, "an access token could not be checked");
                answer::retry_after(
                    answer::oauth_error(
                        StatusCode::SERVICE_UNAVAILABLE,
                        OAuthErrorCode::TemporarilyUnavailable,
                        "try again shortly",
                    ),
                    5,
                )
            }
        }
    }

    /// Refuses a call that needs a scope which the token does not have: everything that this
    /// operation needs, at once (R11, R12), and a JSON-RPC error for clients that look no further
    /// than the body.
    pub(crate) fn step_up(&self, target: Target, needed: Scope, id: &Value) -> Response {
        let told = format!("this requires the scope {}", needed.name());
        let body = json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": {"code": -32003, "message": format!("insufficient_scope: {told}"), "data": {"error": "insufficient_scope", "scope": needed.name()}},
        });
        self.with_challenge(
            target,
            answer::json(StatusCode::FORBIDDEN, &body),
            &self.challenge(
                target,
                &needed.name(),
                Some(BearerError { code: "insufficient_scope", description: &told }),
            ),
        )
    }

    /// Refuses a call for which the user must prove a second factor first (RFC 9470 §3), with all
    /// that a client needs to ask for it: the level, the scope, and where.
    pub(crate) fn authenticate_again(&self, target: Target, needed: Scope, id: &Value) -> Response {
        let error = "insufficient_user_authentication";
        let told = format!("the scope {} requires a second factor of the user", needed.name());
        let level = Level::MultiFactor.as_str();
        let data = json!({"error": error, "acr_values": level, "scope": needed.name()});
        let message = format!("{error}: {told}");
        let body = json!({
            "jsonrpc": "2.0", "id": id, "error": {"code": -32003, "message": message, "data": data},
        });
        let challenge = self.challenge(
            target,
            &needed.name(),
            Some(BearerError { code: error, description: &told }),
        );
        let challenge = format!("{challenge}, acr_values=\"{level}\"");
        self.with_challenge(target, answer::json(StatusCode::UNAUTHORIZED, &body), &challenge)
    }
}

/// The error of a request whose proof of a key does not count.
pub fn proof_error(refusal: ProofRefusal) -> &'static str {
    match refusal {
        // The token was presented as one that is not bound.
        ProofRefusal::Missing => "invalid_token",
        ProofRefusal::Nonce => OAuthErrorCode::UseDpopNonce.as_str(),
        _ => OAuthErrorCode::InvalidDpopProof.as_str(),
    }
}

/// Makes the challenge of a response one to prove a key, with the algorithms for that.
pub fn as_dpop(response: &mut Response) {
    let scheme = format!("DPoP algs=\"{}\", ", Proofs::algorithms().join(" "));
    let headers = response.headers_mut();
    let bearer = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let challenge = bearer.map(|text| text.replacen("Bearer ", &scheme, 1));
    if let Some(value) = challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
}

/// Refuses the use of an item that the user's roles or the policy do not allow. There is no
/// challenge: no token of this user would allow it.
pub(crate) fn role_refusal(kind: Kind, name: &str, id: &Value) -> Response {
    let noun = kind.noun();
    let told = format!(
        "the roles of the user that you act for, or the policy, do not allow the {noun} {name}; an administrator can change that"
    );
    let error = json!({"code": -32003, "message": told, "data": {"error": "forbidden_by_role"}});
    answer::json(StatusCode::FORBIDDEN, &json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

/// A refusal of the transport itself, as a JSON-RPC error without an id.
pub(crate) fn rpc_refusal(status: StatusCode, code: i32, message: &str) -> Response {
    answer::json(
        status,
        &json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}}),
    )
}

/// The response at every MCP URL while the server is disabled.
pub(crate) fn switched_off() -> Response {
    answer::json(
        StatusCode::NOT_FOUND,
        &json!({"error": "not_found", "error_description": "the MCP server is disabled"}),
    )
}

/// The response at a path below `/mcp` without an upstream or a toolset.
pub(crate) fn no_such_address() -> Response {
    answer::json(
        StatusCode::NOT_FOUND,
        &json!({"error": "not_found", "error_description": "there is nothing at this URL"}),
    )
}

/// Removes from a refusal the parameters that lead to OAuth discovery: at the URLs for personal
/// access tokens a client must not begin it (N17).
pub(crate) fn without_discovery(response: &mut Response) {
    let challenge = match response.status() {
        StatusCode::UNAUTHORIZED => HeaderValue::from_static("Bearer"),
        StatusCode::FORBIDDEN => HeaderValue::from_static("Bearer error=\"insufficient_scope\""),
        _ => return,
    };
    let headers = response.headers_mut();
    headers.remove(header::LINK);
    if headers.contains_key(header::WWW_AUTHENTICATE) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
}

/// Marks an answer as one user's own.
pub(crate) fn keep_private(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("Authorization, Origin"));
    if media_type::is(headers, media_type::EVENT_STREAM) {
        // Reverse proxies would otherwise collect events before passing them on (T8).
        headers
            .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    }
}

/// An empty answer with a status.
pub(crate) fn empty(status: StatusCode) -> Response {
    status.into_response()
}
