//! An identity provider on loopback that does what a test tells it, honest or hostile: OpenID
//! Connect, and plain OAuth 2.0 with an address that tells who somebody is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_federation::ProviderConfig;
use doorward_keys::{KeyRing, MasterKey, generate};
use doorward_model::{Clock, SigningAlgorithm, Timestamp, ports::SystemClock};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

use crate::ManualClock;

/// How ID tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// As they must be.
    Good,
    /// `alg: none`.
    None,
    /// HS256 with the client's secret.
    SharedSecret,
    /// With a key that is not published, under the published `kid`.
    ForeignKey,
}

/// An answer that is not the provider's own.
#[derive(Clone, Debug)]
pub enum Answer {
    /// None, for a minute.
    Hang,
    /// Its own, after this time.
    Late(Duration),
    /// Exactly this: status, media type, body, further header lines.
    Raw(u16, &'static str, String, String),
}

struct Code {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct State {
    ring: KeyRing,
    codes: BTreeMap<String, Code>,
    counter: u32,
    claims: Value,
    userinfo: Value,
    signature: Signature,
    answers: BTreeMap<&'static str, Answer>,
    refresh_token: Option<String>,
    refresh_error: Option<(u16, &'static str)>,
    discovery: Value,
    duplicate_keys: bool,
    seen: Vec<(String, String, String)>,
    clock: Option<Arc<ManualClock>>,
}

/// A provider.
#[derive(Clone)]
pub struct FakeProvider {
    /// Its address, and the issuer.
    pub issuer: String,
    state: Arc<Mutex<State>>,
}

/// The client id that it knows.
pub const CLIENT_ID: &str = "doorward";
/// The client's secret, with everything that must be encoded on the way.
pub const CLIENT_SECRET: &str = "s e/c:r+e&t=%";

fn ring(algorithm: SigningAlgorithm) -> KeyRing {
    let master = Arc::new(MasterKey::from_bytes(&[9; 32]).unwrap());
    let key = generate(algorithm, &master, Timestamp(0), Timestamp(0)).unwrap();
    let ring = KeyRing::new(master);
    ring.follow(&Arc::new(vec![key])).unwrap();
    ring
}

/// Lays members over an object; `null` removes.
fn overlay(base: &mut Value, over: &Value) {
    for (name, value) in over.as_object().unwrap() {
        let members = base.as_object_mut().unwrap();
        if value.is_null() {
            drop(members.remove(name))
        } else {
            drop(members.insert(name.clone(), value.clone()))
        }
    }
}

impl FakeProvider {
    /// Starts one that signs with ES256.
    pub async fn start() -> Self {
        Self::start_with(SigningAlgorithm::Es256).await
    }

    /// Starts one.
    pub async fn start_with(algorithm: SigningAlgorithm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            ring: ring(algorithm),
            codes: BTreeMap::new(),
            counter: 0,
            claims: json!({"sub": "u-1", "email": "ada@corp.example", "email_verified": true, "name": "Ada Lovelace", "preferred_username": "ada"}),
            userinfo: json!({}),
            signature: Signature::Good,
            answers: BTreeMap::new(),
            refresh_token: Some("rt-1".to_owned()),
            refresh_error: None,
            discovery: json!({}),
            duplicate_keys: false,
            seen: Vec::new(),
            clock: None,
        };
        let provider = Self { issuer, state: Arc::new(Mutex::new(state)) };
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = serving.clone();
                tokio::spawn(async move { provider.serve(stream).await });
            }
        });
        provider
    }

    /// What to configure for it.
    pub fn config(&self) -> ProviderConfig {
        ProviderConfig {
            kind: "oidc".to_owned(),
            name: "Corp".to_owned(),
            issuer: self.issuer.clone(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            networks: vec!["127.0.0.0/8".to_owned()],
            ..ProviderConfig::default()
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// Goes by the clock of the server under test.
    pub fn follow(&self, clock: &Arc<ManualClock>) {
        self.with(|state| state.clock = Some(Arc::clone(clock)));
    }
    /// Changes claims of ID tokens; `null` removes one. The protocol's own (`iss`, `aud`, `exp` …)
    /// can be changed too.
    pub fn claims(&self, over: &Value) {
        self.with(|state| {
            for (name, value) in over.as_object().unwrap() {
                state.claims[name] = value.clone();
            }
        });
    }
    /// Takes a change of a claim back.
    pub fn forget_claim(&self, name: &str) {
        self.with(|state| {
            state.claims.as_object_mut().unwrap().remove(name);
            if name == "sub" {
                state.claims["sub"] = json!("u-1");
            }
        });
    }
    /// Changes what userinfo says beyond `sub`.
    pub fn userinfo(&self, over: &Value) {
        self.with(|state| overlay(&mut state.userinfo, over));
    }
    /// Changes the discovery document; `null` removes a member.
    pub fn discovery(&self, over: &Value) {
        self.with(|state| {
            for (name, value) in over.as_object().unwrap() {
                state.discovery[name] = value.clone();
            }
        });
    }
    /// Signs differently from now on.
    pub fn sign_with(&self, signature: Signature) {
        self.with(|state| state.signature = signature);
    }
    /// Signs with new keys from now on, and publishes only those.
    pub fn rotate_keys(&self) {
        self.with(|state| state.ring = ring(SigningAlgorithm::Es256));
    }
    /// Publishes another key under the same `kid`, before the right one.
    pub fn repeat_kid(&self) {
        self.with(|state| state.duplicate_keys = true);
    }
    /// Answers a path differently from now on.
    pub fn answer(&self, path: &'static str, answer: Answer) {
        self.with(|state| drop(state.answers.insert(path, answer)));
    }
    /// Answers a path as it should again.
    pub fn restore(&self, path: &str) {
        self.with(|state| drop(state.answers.remove(path)));
    }
    /// Gives this refresh token from now on, or none.
    pub fn refresh_token(&self, token: Option<&str>) {
        self.with(|state| state.refresh_token = token.map(str::to_owned));
    }
    /// Refuses refresh tokens with this status and error code, or takes them again.
    pub fn refuse_refresh(&self, error: Option<(u16, &'static str)>) {
        self.with(|state| state.refresh_error = error);
    }
    /// The requests that came: method, path with query, and body together with the Authorization
    /// header.
    pub fn seen(&self) -> Vec<(String, String, String)> {
        self.with(|state| state.seen.clone())
    }
    /// How many requests came to a path.
    pub fn hits(&self, path: &str) -> usize {
        self.seen().iter().filter(|(_, target, _)| target.split('?').next() == Some(path)).count()
    }

    fn now(state: &State) -> i64 {
        state.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now()).0
    }

    /// Plays the person at the provider's page: answers the address to which the browser is sent
    /// back.
    pub fn sign_in(&self, authorize_url: &str) -> String {
        let url = Url::parse(authorize_url).unwrap();
        let param = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        assert_eq!(param("client_id"), CLIENT_ID);
        assert_eq!(param("response_type"), "code");
        assert_eq!(param("code_challenge_method"), "S256");
        self.with(|state| {
            state.counter += 1;
            let code = format!("code-{}", state.counter);
            let (nonce, challenge, redirect_uri) =
                (param("nonce"), param("code_challenge"), param("redirect_uri"));
            state.codes.insert(
                code.clone(),
                Code { nonce, challenge, redirect_uri: redirect_uri.clone() },
            );
            let mut back = Url::parse(&redirect_uri).unwrap();
            back.query_pairs_mut().append_pair("code", &code).append_pair("state", &param("state"));
            back.to_string()
        })
    }

    /// A signed token with these claims, such as a logout token.
    pub fn token(&self, claims: &Value) -> String {
        self.with(|state| Self::signed(state, claims))
    }

    fn signed(state: &State, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let good = |ring: &KeyRing| ring.sign_client_assertion(claims, Timestamp(1)).unwrap();
        match state.signature {
            Signature::Good => good(&state.ring),
            Signature::None => {
                format!("{}.{}.", encode(&json!({"alg": "none", "typ": "JWT"})), encode(claims))
            }
            Signature::SharedSecret => {
                let input = format!(
                    "{}.{}",
                    encode(&json!({"alg": "HS256", "typ": "JWT"})),
                    encode(claims)
                );
                let key = aws_lc_rs::hmac::Key::new(
                    aws_lc_rs::hmac::HMAC_SHA256,
                    CLIENT_SECRET.as_bytes(),
                );
                format!(
                    "{input}.{}",
                    URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, input.as_bytes()).as_ref())
                )
            }
            Signature::ForeignKey => {
                let kid = state.ring.jwks(Timestamp(1))["keys"][0]["kid"].clone();
                let foreign = good(&ring(SigningAlgorithm::Es256));
                let mut parts: Vec<String> = foreign.split('.').map(str::to_owned).collect();
                // The signature then fits neither key.
                parts[0] = encode(&json!({"alg": "ES256", "typ": "JWT", "kid": kid}));
                parts.join(".")
            }
        }
    }

    async fn serve(&self, mut stream: TcpStream) {
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
        let (status, media, text, headers) = match answer {
            Some(Answer::Hang) => return tokio::time::sleep(Duration::from_mins(1)).await,
            Some(Answer::Raw(status, media, text, headers)) => (status, media, text, headers),
            own @ (Some(Answer::Late(_)) | None) => {
                let (status, value) =
                    self.with(|state| self.respond(state, &path, &body, &authorization));
                if let Some(Answer::Late(pause)) = own {
                    tokio::time::sleep(pause).await;
                }
                (status, "application/json", value.to_string(), String::new())
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
            text.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
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
                (200, keys)
            }
            "/token" => Self::token_answer(&self.issuer, state, body, authorization),
            "/userinfo" => {
                let mut all = json!({"sub": state.claims["sub"]});
                overlay(&mut all, &state.userinfo);
                if authorization.ends_with("Bearer at") { (200, all) } else { (401, json!({})) }
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
        let now = Self::now(state);
        let nonce = match param("grant_type").as_str() {
            "authorization_code" => {
                let Some(code) = state.codes.remove(&param("code")) else {
                    return (400, json!({"error": "invalid_grant"}));
                };
                let challenge =
                    URL_SAFE_NO_PAD.encode(Sha256::digest(param("code_verifier").as_bytes()));
                if challenge != code.challenge || param("redirect_uri") != code.redirect_uri {
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
                if Some(param("refresh_token")) != state.refresh_token {
                    return (400, json!({"error": "invalid_grant"}));
                }
                // Rotated at each use, as strict providers do.
                state.counter += 1;
                state.refresh_token = Some(format!("rt-{}", state.counter));
                None
            }
            _ => return (400, json!({"error": "unsupported_grant_type"})),
        };
        let mut claims = json!({"iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "auth_time": now, "sid": "sid-1"});
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        overlay(&mut claims, &state.claims);
        let mut answer = json!({"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": Self::signed(state, &claims)});
        if let Some(token) = &state.refresh_token {
            answer["refresh_token"] = token.clone().into();
        }
        (200, answer)
    }
}
