//! Fuzz targets: one for every parser of external input. A target takes any bytes; it panics where
//! something does not hold that holds for all inputs.

#[path = "seeds.rs"]
mod seeds;

use std::sync::{Arc, OnceLock};

use doorward_keys::{AccessClaims, Audience, KeyRing, MasterKey, generate, verify_signature};
use doorward_model::{RedirectUri, Sealed, SigningAlgorithm, Timestamp};
use doorward_transport::Params;
use serde_json::{Map, Value};

/// A target.
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: &'static str,
    /// Runs it.
    pub(crate) run: fn(&[u8]),
    /// Inputs from which others are made.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "redirect", run: redirect, seeds: seeds::redirect },
    Target { name: "metadata", run: doorward_registration::fuzz::metadata, seeds: seeds::metadata },
    Target { name: "token", run: token, seeds: token_seeds },
    Target { name: "document", run: doorward_gateway::fuzz::document, seeds: seeds::document },
    Target { name: "listing", run: doorward_gateway::fuzz::listing, seeds: seeds::listing },
    Target { name: "events", run: doorward_gateway::fuzz::events, seeds: seeds::events },
    Target { name: "challenge", run: challenge, seeds: seeds::challenge },
    Target { name: "sealed", run: sealed, seeds: sealed_seeds },
    Target { name: "params", run: params, seeds: seeds::params },
    Target { name: "multipart", run: multipart, seeds: seeds::multipart },
    Target { name: "csv", run: csv, seeds: seeds::csv },
    Target { name: "chat", run: doorward_connectors::fuzz::chat, seeds: seeds::chat },
    Target { name: "mail", run: doorward_knowledge::fuzz::mail, seeds: seeds::mail },
    Target { name: "html", run: doorward_knowledge::fuzz::html, seeds: seeds::html },
    Target { name: "markdown", run: doorward_knowledge::fuzz::markdown, seeds: seeds::markdown },
    Target { name: "pdf", run: doorward_knowledge::fuzz::pdf, seeds: seeds::pdf },
    Target { name: "docx", run: doorward_knowledge::fuzz::docx, seeds: seeds::docx },
    Target { name: "query", run: doorward_knowledge::fuzz::query, seeds: seeds::query },
    Target { name: "citation", run: doorward_knowledge::fuzz::citation, seeds: seeds::citation },
];

/// The moment of all targets.
const NOW: Timestamp = Timestamp(1_700_000_000);
const ISSUER: &str = "https://auth.example";

/// A table that is read keeps its limits, and none of its fields has a line break.
fn csv(input: &[u8]) {
    use doorward_model::csv::{CsvLimits, read};

    let limits = CsvLimits { bytes: 4096, rows: 20, columns: 5, field: 100 };
    let Ok(rows) = read(&String::from_utf8_lossy(input), limits) else { return };
    assert!(rows.len() <= limits.rows + 1, "{} rows", rows.len());
    for row in &rows {
        assert!(row.fields.len() <= limits.columns, "{row:?}");
        let fits = |field: &String| field.len() <= limits.field && !field.contains('\n');
        assert!(row.fields.iter().all(fits), "{row:?}");
    }
}

/// A redirect URI that is registered accepts itself, and never a URI of another kind of place.
fn redirect(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = RedirectUri::display_host(&text);
    let (registered, presented) = text.split_once('\n').unwrap_or((&text, &text));
    let Ok(uri) = RedirectUri::register(registered, &["cursor".to_owned()]) else { return };
    assert!(uri.accepts(uri.as_str()), "{uri:?} does not accept itself");
    if uri.accepts(presented) && presented != uri.as_str() {
        assert!(uri.is_loopback(), "{uri:?} accepts {presented:?}");
    }
}

/// Parameters that are written and read again are the same.
fn params(input: &[u8]) {
    let Ok(params) = Params::parse(input) else { return };
    let again = Params::parse(params.encode().as_bytes());
    assert!(
        again.is_ok_and(|again| again.encode() == params.encode()),
        "parameters change when they are written"
    );
}

/// The files and fields of a form are parts of its bytes, and no more than those.
fn multipart(input: &[u8]) {
    let form = doorward_transport::multipart::FileForm::parse(input.to_vec(), "b");
    let Ok(form) = form else { return };
    let files: usize = form.files.iter().map(|file| file.bytes.len()).sum();
    assert!(files <= input.len(), "{files} bytes of {}", input.len());
    for file in &form.files {
        assert!(!file.bytes.windows(5).any(|part| part == b"\r\n--b"), "{file:?}");
    }
}

fn challenge(input: &[u8]) {
    doorward_gateway::fuzz::challenge(&String::from_utf8_lossy(input));
}

fn master() -> &'static Arc<MasterKey> {
    static MASTER: OnceLock<Arc<MasterKey>> = OnceLock::new();
    MASTER.get_or_init(|| {
        Arc::new(MasterKey::from_bytes(&[7; MasterKey::BYTES]).expect("a key of this length"))
    })
}

fn sealed_seeds() -> Vec<Vec<u8>> {
    let texts = ["", "a", "some longer text that is sealed"];
    texts.iter().map(|text| seal(text).into_bytes()).collect()
}

fn seal(text: &str) -> String {
    master().seal("fuzz", text.as_bytes()).as_str().to_owned()
}

/// A sealed value opens as it was sealed, for its place alone, and a changed one not at all.
fn sealed(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let stored = Sealed::from_stored(text.clone());
    assert!(master().open("other", &stored).is_err(), "{text:?} opens at another place");
    if let Ok(plain) = master().open("fuzz", &stored) {
        let plain = String::from_utf8_lossy(&plain);
        let known = ["", "a", "some longer text that is sealed"];
        assert!(known.contains(&plain.as_ref()), "{text:?} opens and was never sealed");
    }
    let again = master().seal("fuzz", input);
    assert!(master().open("fuzz", &again).is_ok_and(|plain| plain.as_slice() == input));
}

/// A ring with a key, its JWK Set, and an access token and an assertion that it signed.
fn signed() -> &'static (KeyRing, Value, [String; 2]) {
    static SIGNED: OnceLock<(KeyRing, Value, [String; 2])> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let ring = KeyRing::new(Arc::clone(master()));
        let key = generate(SigningAlgorithm::Es256, master(), NOW, NOW).expect("a key");
        ring.follow(&Arc::new(vec![key])).expect("the key opens");
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            sub: "u_1".to_owned(),
            aud: Audience::One("https://auth.example/mcp".to_owned()),
            exp: NOW.0 + 300,
            iat: NOW.0,
            jti: "j".to_owned(),
            client_id: "c_1".to_owned(),
            scope: "mcp:read".to_owned(),
            auth_time: NOW.0,
            acr: String::new(),
            amr: Vec::new(),
            grant: "g_1".to_owned(),
            act: None,
            cnf: None,
            upstream: None,
        };
        let access = ring.sign(&claims, NOW).expect("signed");
        let other =
            serde_json::json!({"iss": "c_1", "sub": "c_1", "aud": ISSUER, "exp": NOW.0 + 60});
        let assertion = ring.sign_client_assertion(&other, NOW).expect("signed");
        let set = ring.jwks(NOW);
        (ring, set, [access, assertion])
    })
}

fn token_seeds() -> Vec<Vec<u8>> {
    let (_, _, tokens) = signed();
    tokens.iter().map(|token| token.clone().into_bytes()).collect()
}

/// A verified token has the claims that were signed, and an assertion is no access token.
fn token(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (ring, set, [access, assertion]) = signed();
    let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
    if ring.verify(&text, ISSUER, NOW).is_ok() {
        assert_eq!(signed(&text), signed(access), "{text:?} was never signed as an access token");
    }
    if verify_signature::<Map<String, Value>>(&text, set).is_ok() {
        let known = [access, assertion].iter().any(|token| signed(token) == signed(&text));
        assert!(known, "{text:?} was never signed");
    }
}
