//! The fake provider's answers.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{SigningAlgorithm, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Answer, CLIENT_ID, CLIENT_SECRET, FakeProvider, State,
    misbehaviour::{Misbehaviour, Place},
    overlay,
    response::{Response, raw},
    ring,
};
use crate::packed::gzipped;

impl FakeProvider {
    pub(super) async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let (head_end, length) = loop {
            let mut buffer = [0u8; 8192];
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
                _ => return,
            }
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| {
                        line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok()
                    })
                    .unwrap_or(0);
                if bytes.len() >= at + 4 + length {
                    break (at, length);
                }
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let body =
            String::from_utf8_lossy(&bytes[head_end + 4..head_end + 4 + length]).into_owned();
        let mut first = head.lines().next().unwrap_or_default().split(' ');
        let (method, target) = (
            first.next().unwrap_or_default().to_owned(),
            first.next().unwrap_or_default().to_owned(),
        );
        let authorization = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("authorization: "))
            .unwrap_or_default()
            .to_owned();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let answer = self.with(|state| {
            state.seen.push((method, target, format!("{body} {authorization}")));
            state.answers.get(path.as_str()).cloned()
        });
        let date = self.with(|state| {
            let skew = state.misbehaviour.map_or(0, Misbehaviour::skew);
            let at = u64::try_from(Self::now(state) + skew).unwrap_or_default();
            httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(at))
        });
        let response = match answer {
            Some(Answer::Hang) => return tokio::time::sleep(Duration::from_mins(1)).await,
            Some(Answer::Raw(status, media, body, headers)) => {
                Response { status, media: media.to_owned(), body, headers }
            }
            own @ (Some(Answer::Late(_)) | None) => {
                let response = self.with(|state| self.own(state, &path, &body, &authorization));
                if let Some(Answer::Late(pause)) = own {
                    tokio::time::sleep(pause).await;
                }
                response
            }
        };
        let packs = self.with(|state| state.misbehaviour == Some(Misbehaviour::Gzip));
        let (coding, body) = if packs && !response.body.is_empty() {
            ("content-encoding: gzip\r\n", gzipped(response.body.as_bytes()))
        } else {
            ("", response.body.into_bytes())
        };
        // A misbehaviour may have a time of its own.
        let own_date = response.headers.starts_with("date:");
        let date = if own_date { String::new() } else { format!("date: {date}\r\n") };
        let head = format!(
            "HTTP/1.1 {} X\r\n{date}content-type: {}\r\n{}{coding}content-length: {}\r\nconnection: close\r\n\r\n",
            response.status,
            response.media,
            response.headers,
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&body).await;
        let _ = stream.shutdown().await;
    }

    /// The provider's own answer, with the misbehaviour that is enabled.
    fn own(&self, state: &mut State, path: &str, body: &str, authorization: &str) -> Response {
        let (path, has_moved) = match path.strip_prefix("/moved") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let place = Place::of(path, body);
        let redirects = state.misbehaviour == Some(Misbehaviour::RedirectWithin);
        if redirects && !has_moved && place != Place::Other {
            let headers = format!("location: /moved{path}\r\n");
            return raw(307, "text/html", "<p>moved", &headers);
        }
        let concerned = state.only_for.as_ref().is_none_or(|subject| {
            body.contains(&format!("own-{subject}"))
                || authorization.ends_with(&format!("Bearer at.{subject}"))
        });
        let odd = state.misbehaviour.filter(|_| concerned);
        if let Some(response) = odd.and_then(|odd| odd.instead(place)) {
            return response;
        }
        let (status, value) = self.respond(state, path, body, authorization);
        let response = Response {
            status,
            media: "application/json".to_owned(),
            body: value.to_string(),
            headers: String::new(),
        };
        match odd {
            Some(odd) if status == 200 => odd.rendered(place, &value).unwrap_or(response),
            _ => response,
        }
    }

    fn respond(
        &self,
        state: &mut State,
        path: &str,
        body: &str,
        authorization: &str,
    ) -> (u16, Value) {
        let at = |path: &str| format!("{}{path}", self.issuer);
        match path {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": self.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"), "jwks_uri": at("/jwks"),
                    "userinfo_endpoint": at("/userinfo"), "end_session_endpoint": at("/logout"), "response_types_supported": ["code"],
                    "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "HS256", "none"],
                    "scopes_supported": ["openid", "profile", "email", "offline_access"],
                });
                overlay(&mut document, &state.discovery);
                state.misbehaviour.inspect(|odd| odd.document(&mut document));
                (200, document)
            }
            "/jwks" => {
                let mut keys = state.ring.jwks(Timestamp(1));
                if state.duplicate_keys {
                    let mut other =
                        ring(SigningAlgorithm::Es256).jwks(Timestamp(1))["keys"][0].clone();
                    other["kid"] = keys["keys"][0]["kid"].clone();
                    keys["keys"].as_array_mut().unwrap().insert(0, other);
                }
                if let Some(named) = &state.named_curve {
                    keys["keys"].as_array_mut().unwrap().push(named.public());
                }
                state.misbehaviour.inspect(|odd| odd.keys(&mut keys));
                (200, keys)
            }
            "/token" => Self::token_answer(&self.issuer, state, body, authorization),
            "/userinfo" => {
                let token = authorization.rsplit(' ').next().unwrap_or_default();
                let subject = match token.strip_prefix("at.") {
                    Some(subject) => json!(subject),
                    None => state.claims["sub"].clone(),
                };
                let mut all = json!({"sub": subject});
                overlay(&mut all, &state.userinfo);
                state.misbehaviour.inspect(|odd| odd.claims(&mut all));
                if token == "at" || token.starts_with("at.") {
                    (200, all)
                } else {
                    (401, json!({}))
                }
            }
            _ => (404, json!({"error": "not_found"})),
        }
    }

    fn token_answer(
        issuer: &str,
        state: &mut State,
        body: &str,
        authorization: &str,
    ) -> (u16, Value) {
        let params: BTreeMap<String, String> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let param = |name: &str| params.get(name).cloned().unwrap_or_default();
        let basic = || {
            let encode = |text: &str| {
                url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
            };
            base64::engine::general_purpose::STANDARD.encode(format!(
                "{}:{}",
                encode(CLIENT_ID),
                encode(CLIENT_SECRET)
            ))
        };
        let known = authorization.ends_with(&format!("Basic {}", basic()))
            || param("client_secret") == CLIENT_SECRET
            || param("client_assertion").split('.').count() == 3;
        if !known {
            return (401, json!({"error": "invalid_client"}));
        }
        let mut own = None;
        let nonce = match param("grant_type").as_str() {
            "authorization_code" => {
                let Some(code) = state.codes.remove(&param("code")) else {
                    return (400, json!({"error": "invalid_grant"}));
                };
                let challenge =
                    URL_SAFE_NO_PAD.encode(Sha256::digest(param("code_verifier").as_bytes()));
                let unproven = code.challenge.is_empty() && param("code_verifier").is_empty();
                if (challenge != code.challenge && !unproven)
                    || param("redirect_uri") != code.redirect_uri
                {
                    return (
                        400,
                        json!({"error": "invalid_grant", "error_description": "verifier or redirect_uri"}),
                    );
                }
                Some(code.nonce)
            }
            "refresh_token" => {
                if let Some((status, error)) = state.refresh_error {
                    return (status, json!({"error": error}));
                }
                if let Some(subject) = param("refresh_token").strip_prefix("own-") {
                    own = Some(subject.to_owned());
                } else if Some(param("refresh_token")) != state.refresh_token {
                    return (400, json!({"error": "invalid_grant"}));
                }
                // Rotated at each use, as strict providers do.
                if own.is_none() {
                    state.counter += 1;
                    state.refresh_token = Some(format!("rt-{}", state.counter));
                }
                None
            }
            "urn:ietf:params:oauth:grant-type:token-exchange" => {
                return Self::asserted(issuer, state, &params);
            }
            _ => return (400, json!({"error": "unsupported_grant_type"})),
        };
        Self::issued(issuer, state, nonce, own)
    }

    /// An assertion about the user of an ID token, for another authorization server (ID-JAG).
    fn asserted(
        issuer: &str,
        state: &mut State,
        params: &BTreeMap<String, String>,
    ) -> (u16, Value) {
        let param = |name: &str| params.get(name).cloned().unwrap_or_default();
        let is_right = param("requested_token_type") == "urn:ietf:params:oauth:token-type:id-jag"
            && param("subject_token_type") == "urn:ietf:params:oauth:token-type:id_token";
        let claims = param("subject_token").split('.').nth(1).and_then(|part| {
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        });
        let Some(claims) = claims.filter(|_| is_right) else {
            return (400, json!({"error": "invalid_request"}));
        };
        if let Some((status, error)) = state.assertion_error {
            return (status, json!({"error": error}));
        }
        let now = Self::now(state);
        let assertion = json!({
            "iss": issuer, "sub": claims["sub"], "aud": param("audience"),
            "resource": param("resource"), "scope": param("scope"), "client_id": "at-upstream",
            "jti": format!("jag-{}", state.counter), "iat": now, "exp": now + 300,
        });
        state.counter += 1;
        let assertion = Self::signed(state, &assertion);
        (
            200,
            json!({
                "access_token": assertion, "token_type": "N_A", "expires_in": 300,
                "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            }),
        )
    }

    /// Tokens for the provider's user, or for the user of the token that was presented.
    fn issued(
        issuer: &str,
        state: &mut State,
        nonce: Option<String>,
        mut own: Option<String>,
    ) -> (u16, Value) {
        let now = Self::now(state) + state.misbehaviour.map_or(0, Misbehaviour::skew);
        let mut claims = json!({"iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "auth_time": now, "sid": "sid-1"});
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        overlay(&mut claims, &state.claims);
        if state.own_tokens && own.is_none() {
            own = claims["sub"].as_str().map(str::to_owned);
        }
        if let Some(subject) = &own {
            claims["sub"] = subject.clone().into();
            state.userinfo["preferred_username"] = subject.clone().into();
        }
        let access_token = own.as_ref().map_or("at".to_owned(), |subject| format!("at.{subject}"));
        state.misbehaviour.inspect(|odd| odd.claims(&mut claims));
        let mut answer = json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": Self::signed(state, &claims)});
        if let Some(subject) = own {
            answer["refresh_token"] = format!("own-{subject}").into();
        } else if let Some(token) = &state.refresh_token {
            answer["refresh_token"] = token.clone().into();
        }
        state.misbehaviour.inspect(|odd| odd.tokens(&mut answer));
        for (name, value) in state.token_members.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        (200, answer)
    }
}
