//! A fake upstream that binds tokens to keys (DPoP, RFC 9449), and judges each proof as this server
//! does.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_keys::{MasterKey, ProofOf, ProofRefusal, Proofs};
use doorward_model::Timestamp;
use serde_json::{Value, json};

use super::{Shared, lock};

/// The tokens that are bound, and the nonces that are demanded.
pub struct Bindings {
    proofs: Proofs,
    /// The proofs that counted, by their `jti`, with their claims.
    pub proven: HashMap<String, Value>,
    /// The thumbprints of the keys of bound tokens.
    pub bound: HashMap<String, String>,
    /// The refusals for want of a nonce.
    pub challenges: usize,
    /// True if no nonce is ever the right one.
    pub never_content: bool,
    /// The tokens are issued as bearer tokens nevertheless.
    pub issues_bearer: bool,
    /// The time in the last proof.
    time: Timestamp,
}

impl Bindings {
    /// Judges proofs, each of which must have a nonce.
    pub fn demanding() -> Self {
        let master = Arc::new(MasterKey::from_bytes(&[9; 32]).unwrap());
        Self {
            proofs: Proofs::new(master, true),
            proven: HashMap::new(),
            bound: HashMap::new(),
            challenges: 0,
            never_content: false,
            issues_bearer: false,
            time: Timestamp(0),
        }
    }

    /// The thumbprint of the key of the one proof of a request.
    fn judge(
        &mut self,
        headers: &HeaderMap,
        method: &str,
        url: String,
        token: Option<&str>,
    ) -> Result<String, ProofRefusal> {
        let sent: Vec<_> = headers.get_all("dpop").iter().collect();
        let [proof] = sent.as_slice() else { return Err(ProofRefusal::Missing) };
        let proof = proof.to_str().unwrap();
        let payload = URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        // The clock of this upstream is that of its client.
        let now = Timestamp(claims["iat"].as_i64().unwrap());
        self.time = now;
        let urls = [url];
        let judged = self.proofs.check(proof, &ProofOf { method, urls: &urls, token }, now)?;
        if self.never_content {
            return Err(ProofRefusal::Nonce);
        }
        let id = claims["jti"].as_str().unwrap().to_owned();
        if self.proven.contains_key(&id) {
            return Err(ProofRefusal::Used);
        }
        self.proven.insert(id, claims);
        Ok(judged.key.as_str().to_owned())
    }

    fn nonce(&mut self) -> String {
        self.challenges += 1;
        if self.never_content {
            return format!("nonce-{}", self.challenges);
        }
        self.proofs.nonce(self.time).unwrap()
    }
}

/// Judges a request for tokens: the key that they are bound to, or the refusal.
pub(super) fn of_tokens(
    shared: &Shared,
    headers: &HeaderMap,
) -> Result<Option<String>, Box<Response>> {
    let mut state = lock(shared);
    let Some(bindings) = &mut state.bindings else { return Ok(None) };
    let url = format!("{}/token", shared.origin);
    bindings.judge(headers, "POST", url, None).map(Some).map_err(|refusal| {
        let (code, nonce) = match refusal {
            ProofRefusal::Nonce => ("use_dpop_nonce", Some(bindings.nonce())),
            _ => ("invalid_dpop_proof", None),
        };
        let told = json!({"error": code, "error_description": refusal.to_string()}).to_string();
        Box::new(with_nonce((StatusCode::BAD_REQUEST, told).into_response(), nonce))
    })
}

fn with_nonce(mut response: Response, nonce: Option<String>) -> Response {
    if let Some(nonce) = nonce {
        response.headers_mut().insert("dpop-nonce", nonce.parse().unwrap());
    }
    response
}

/// Binds the token in a response to a key.
pub(super) async fn bind(shared: &Shared, response: Response, key: Option<String>) -> Response {
    let Some(key) = key else { return response };
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let Ok(mut told) = serde_json::from_slice::<Value>(&body) else {
        return Response::from_parts(head, Body::from(body));
    };
    let mut state = lock(shared);
    let bindings = state.bindings.as_mut().unwrap();
    if let Some(token) = told["access_token"].as_str().map(ToOwned::to_owned)
        && !bindings.issues_bearer
    {
        told["token_type"] = "DPoP".into();
        bindings.bound.insert(token, key);
    }
    let mut bound = Response::from_parts(head, Body::from(told.to_string()));
    bound.headers_mut().remove(header::CONTENT_LENGTH);
    bound
}

/// The refusal of a request with a token whose key is not proven.
pub(super) fn of_resource(
    shared: &Shared,
    headers: &HeaderMap,
    method: &str,
    path: &str,
) -> Option<Response> {
    let mut state = lock(shared);
    let bindings = state.bindings.as_mut()?;
    let sent = headers.get(header::AUTHORIZATION)?.to_str().unwrap().to_owned();
    let (scheme, token) = sent.split_once(' ')?;
    let key = bindings.bound.get(token)?.clone();
    let url = format!("{}{path}", shared.origin);
    let refusal = match bindings.judge(headers, method, url, Some(token)) {
        Ok(proven) if proven == key && scheme == "DPoP" => return None,
        Ok(_) => ProofRefusal::Key,
        Err(refusal) => refusal,
    };
    let (code, nonce) = match refusal {
        ProofRefusal::Nonce => ("use_dpop_nonce", Some(bindings.nonce())),
        _ => ("invalid_dpop_proof", None),
    };
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", shared.origin);
    let said = format!("DPoP error=\"{code}\", resource_metadata=\"{metadata}\"");
    let refused = (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, said)]).into_response();
    Some(with_nonce(refused, nonce))
}
