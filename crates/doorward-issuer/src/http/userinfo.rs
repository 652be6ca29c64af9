//! The userinfo endpoint (OpenID Connect Core §5.3).

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use doorward_keys::{ProofRefusal, Proofs};
use doorward_model::{KeyThumbprint, routes};
use doorward_transport::{Params, answer, media_type, possession::Proving};
use serde_json::{Value, json};

use super::refusal::with_nonce;
use crate::{
    Issuer,
    userinfo::{Refusal, UserinfoResponse},
};

/// A token as a request presents it.
struct Presented {
    token: String,
    /// By the scheme of tokens that are bound to a key (RFC 9449 §7.1).
    as_bound: bool,
}

/// The token of a request: in the Authorization header, or in the form of a POST (RFC 6750 §2).
async fn presented(request: Request<Body>) -> Result<Presented, Refusal> {
    let in_header = in_header(request.headers())?;
    let in_query = request.uri().query().is_some_and(|query| {
        query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
    });
    if in_query {
        return Err(Refusal::Malformed("a token in the query is not allowed".to_owned()));
    }
    let is_form = media_type::is(request.headers(), media_type::FORM);
    let posted = if request.method() == Method::POST && is_form {
        let form = Params::from_form(request).await;
        let form = form.map_err(|error| Refusal::Malformed(error.to_string()))?;
        form.get("access_token").map(str::to_owned)
    } else {
        None
    };
    match (in_header, posted) {
        (Some(_), Some(_)) => {
            Err(Refusal::Malformed("the request presents two access tokens".to_owned()))
        }
        (Some(presented), None) => Ok(presented),
        (None, Some(token)) => Ok(Presented { token, as_bound: false }),
        (None, None) => Err(Refusal::Missing),
    }
}

fn in_header(headers: &HeaderMap) -> Result<Option<Presented>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::Malformed("more than one Authorization header".to_owned()));
    }
    let parts = first.and_then(|value| value.to_str().ok()?.split_once(' '));
    let read = parts.and_then(|(scheme, token)| {
        let as_bound = scheme.eq_ignore_ascii_case("dpop");
        let is_known = as_bound || scheme.eq_ignore_ascii_case("bearer");
        let token = token.trim().to_owned();
        (is_known && !token.is_empty()).then_some(Presented { token, as_bound })
    });
    Ok(read)
}

/// The key that a request proves for its token.
fn proved(
    issuer: &Issuer,
    method: &Method,
    headers: &HeaderMap,
    presented: &Presented,
) -> Result<Option<KeyThumbprint>, Refusal> {
    if !presented.as_bound {
        return Ok(None);
    }
    let token = Some(presented.token.as_str());
    let proving = Proving { headers, method: method.as_str(), path: routes::USERINFO, token };
    let (services, now) = (&issuer.services, issuer.services.clock.now());
    let proof = proving.judge(&services.proofs, issuer.public_url(), now);
    let proof = proof.map_err(Refusal::Proof)?;
    if !services.proofs.is_first(&proof, now) {
        return Err(Refusal::Proof(ProofRefusal::Used));
    }
    Ok(Some(proof.key))
}

/// The endpoint, for GET and POST.
pub(crate) async fn endpoint(State(issuer): State<Issuer>, request: Request<Body>) -> Response {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let told = match presented(request).await {
        Ok(presented) => match proved(&issuer, &method, &headers, &presented) {
            Ok(key) => issuer.userinfo(&presented.token, key.as_ref()).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    match told {
        Ok(UserinfoResponse::Json(claims)) => answer::json(StatusCode::OK, &claims),
        Ok(UserinfoResponse::Signed(token)) => {
            let mut response = answer::json(StatusCode::OK, &Value::Null);
            *response.body_mut() = Body::from(token);
            let kind = HeaderValue::from_static("application/jwt");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            response
        }
        Err(refusal) => with_nonce(&issuer, refused(&refusal)),
    }
}

/// The answer to a request without claims (RFC 6750 §3).
fn refused(refusal: &Refusal) -> Response {
    let (status, code, why) = match refusal {
        Refusal::Missing => {
            let body = json!({"error": "unauthorized", "error_description": "an access token is required"});
            return challenged(answer::json(StatusCode::UNAUTHORIZED, &body), "Bearer");
        }
        Refusal::Malformed(why) => (StatusCode::BAD_REQUEST, "invalid_request", why.as_str()),
        Refusal::Invalid => (
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "the access token expired or is not valid here",
        ),
        Refusal::Bound => return unproved("invalid_token", "the access token is bound to a key"),
        Refusal::Proof(refusal) => {
            let code = if *refusal == ProofRefusal::Nonce {
                "use_dpop_nonce"
            } else {
                "invalid_dpop_proof"
            };
            return unproved(code, &refusal.to_string());
        }
        Refusal::Scope => {
            (StatusCode::FORBIDDEN, "insufficient_scope", "the token needs the scope openid")
        }
        Refusal::Unavailable(failure) => return super::refusal::refusal(failure, false),
    };
    tracing::info!(error = code, "userinfo refused");
    let body = json!({"error": code, "error_description": why});
    let challenge =
        format!("Bearer error=\"{code}\", error_description=\"{why}\", scope=\"openid\"");
    challenged(answer::json(status, &body), &challenge)
}

/// The answer to a request whose token is bound to a key that it does not prove (RFC 9449 §7.1).
fn unproved(code: &str, why: &str) -> Response {
    tracing::info!(error = code, "userinfo refused");
    let body = json!({"error": code, "error_description": why});
    let algorithms = Proofs::algorithms().join(" ");
    let challenge =
        format!("DPoP error=\"{code}\", error_description=\"{why}\", algs=\"{algorithms}\"");
    challenged(answer::json(StatusCode::UNAUTHORIZED, &body), &challenge)
}

fn challenged(mut response: Response, challenge: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
