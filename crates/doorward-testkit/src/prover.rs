//! A client's key for proofs of possession (DPoP, RFC 9449), which a test may have lie.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use doorward_model::{Clock, id::random_text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Browser, OAuthClient, Page, TestServer};

/// A key with which a client proves itself.
pub struct Prover(EcdsaKeyPair);

impl Default for Prover {
    fn default() -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap())
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A new key of P-256 in PEM form (PKCS #8), as an operator sets one.
pub fn private_key() -> String {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let body = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

impl Prover {
    fn point(&self) -> (String, String) {
        let point = self.0.public_key().as_ref();
        (encoded(&point[1..33]), encoded(&point[33..65]))
    }

    /// The thumbprint of the key (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.point();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        encoded(Sha256::digest(text.as_bytes()))
    }

    /// The hash of a token, as a proof names it (RFC 9449 §4.2).
    pub fn hash(token: &str) -> String {
        encoded(Sha256::digest(token.as_bytes()))
    }

    /// A proof with these changes of its claims; a value of null removes one.
    #[expect(clippy::needless_pass_by_value, reason = "tests write the changes in place")]
    pub fn proof(
        &self,
        server: &TestServer,
        (method, path): (&str, &str),
        change: Value,
    ) -> String {
        let (x, y) = self.point();
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut claims = json!({
            "jti": random_text(&doorward_keys::SystemEntropy, 16), "htm": method,
            "htu": server.at(path), "iat": server.clock.now().0,
        });
        let members = claims.as_object_mut().unwrap();
        for (name, value) in change.as_object().cloned().unwrap_or_default() {
            members.insert(name, value);
        }
        members.retain(|_, value| !value.is_null());
        let text = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", encoded(signature))
    }

    /// Posts to the token endpoint with a proof.
    pub async fn token(
        &self,
        server: &TestServer,
        client: &OAuthClient,
        params: &[(&str, &str)],
    ) -> Page {
        let proof = self.proof(server, ("POST", "/oauth/token"), Value::Null);
        client.token_with(params, &[("dpop", &proof)]).await
    }

    /// Calls a tool with a token that is bound to the key.
    pub async fn call(&self, server: &TestServer, token: &str) -> Page {
        let ath = json!({"ath": Self::hash(token)});
        let proof = self.proof(server, ("POST", "/mcp"), ath);
        call_with(server, ("DPoP", token), &[&proof]).await
    }
}

/// Calls a tool with a token of this scheme, and these proofs.
pub async fn call_with(
    server: &TestServer,
    (scheme, token): (&str, &str),
    proofs: &[&str],
) -> Page {
    let browser = Browser::new();
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "whoami", "arguments": {}},
    });
    let mut request = browser
        .raw(reqwest::Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .header("authorization", format!("{scheme} {token}"))
        .json(&message);
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    browser.send(request).await
}
