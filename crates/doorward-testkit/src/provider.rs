//! An identity provider on loopback that a test controls, honest or hostile: OpenID Connect, and
//! plain OAuth 2.0 with a userinfo endpoint.

mod instead;
mod misbehaviour;
mod products;
mod response;
mod serve;
mod shapes;

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
use tokio::net::TcpListener;
use url::Url;

use crate::ManualClock;
pub use misbehaviour::{Effect, Misbehaviour};

/// The signature algorithm of ID tokens.
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
    /// With an Ed25519 key, and `Ed25519` as the algorithm (RFC 9864).
    NamedCurve,
}

/// An Ed25519 key with the name of its curve as algorithm.
struct NamedCurve(aws_lc_rs::signature::Ed25519KeyPair);

impl NamedCurve {
    fn new() -> Self {
        Self(aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap())
    }
    fn public(&self) -> Value {
        use aws_lc_rs::signature::KeyPair;
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "kid": "curve", "use": "sig", "x": x})
    }
    fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "Ed25519", "typ": "JWT", "kid": "curve"});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(input.as_bytes()).as_ref());
        format!("{input}.{signature}")
    }
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
    assertion_error: Option<(u16, &'static str)>,
    discovery: Value,
    duplicate_keys: bool,
    seen: Vec<(String, String, String)>,
    clock: Option<Arc<ManualClock>>,
    misbehaviour: Option<Misbehaviour>,
    /// The only user for whom it misbehaves.
    only_for: Option<String>,
    /// Each user has tokens of their own, which are not replaced.
    own_tokens: bool,
    named_curve: Option<NamedCurve>,
    /// Members of token responses, over the right ones.
    token_members: Value,
}

/// A provider.
#[derive(Clone)]
pub struct FakeProvider {
    /// Its URL, and the issuer.
    pub issuer: String,
    state: Arc<Mutex<State>>,
}

/// The client id that it accepts.
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
            drop(members.remove(name));
        } else {
            drop(members.insert(name.clone(), value.clone()));
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
            assertion_error: None,
            discovery: json!({}),
            duplicate_keys: false,
            seen: Vec::new(),
            clock: None,
            misbehaviour: None,
            only_for: None,
            own_tokens: false,
            named_curve: None,
            token_members: json!({}),
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

    /// Its configuration.
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
    /// Changes the claims of userinfo other than `sub`.
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
    /// Gives token responses these members, null among them.
    pub fn token_members(&self, members: Value) {
        self.with(|state| state.token_members = members);
    }
    /// Signs differently from now on.
    pub fn sign_with(&self, signature: Signature) {
        self.with(|state| {
            state.signature = signature;
            if signature == Signature::NamedCurve && state.named_curve.is_none() {
                state.named_curve = Some(NamedCurve::new());
            }
        });
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
    /// Refuses to assert users with this status and error code, or asserts them again.
    pub fn refuse_assertions(&self, error: Option<(u16, &'static str)>) {
        self.with(|state| state.assertion_error = error);
    }
    /// Misbehaves from now on, or behaves again.
    pub fn misbehave(&self, odd: Option<Misbehaviour>) {
        self.with(|state| state.misbehaviour = odd);
    }
    /// Misbehaves for this user alone, with tokens that are distinguished from those of other users
    /// by [`FakeProvider::own_tokens`].
    pub fn misbehave_for(&self, subject: &str, odd: Misbehaviour) {
        self.with(|state| {
            state.misbehaviour = Some(odd);
            state.only_for = Some(subject.to_owned());
        });
    }
    /// Gives each user tokens of their own, which are not replaced.
    pub fn own_tokens(&self) {
        self.with(|state| state.own_tokens = true);
    }
    /// The received requests: method, path with query, and body together with the Authorization
    /// header.
    pub fn seen(&self) -> Vec<(String, String, String)> {
        self.with(|state| state.seen.clone())
    }
    /// The number of requests to a path.
    pub fn hits(&self, path: &str) -> usize {
        self.seen().iter().filter(|(_, target, _)| target.split('?').next() == Some(path)).count()
    }

    fn now(state: &State) -> i64 {
        state.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now()).0
    }

    /// Plays the user at the provider's page: returns the URL of the redirect back.
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
        // Without PKCE there is neither.
        let method = if param("code_challenge").is_empty() { "" } else { "S256" };
        assert_eq!(param("code_challenge_method"), method);
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
            Signature::NamedCurve => state.named_curve.as_ref().unwrap().sign(claims),
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
}
