//! Assertions by which a client proves itself (RFC 7523 §2.2), as its developer would sign them.

use doorward_model::Timestamp;
use doorward_testkit::PlatformKey;
use serde_json::{Value, json};

use crate::workload::over;

/// The type of an assertion, for `client_assertion_type`.
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The key pair of a client.
pub(crate) struct Signer(PlatformKey);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(PlatformKey::new("k1"))
    }

    /// Its public keys, a JWK Set.
    pub(crate) fn jwks(&self) -> Value {
        self.0.jwks()
    }

    /// An assertion of `client` that was made at `made` for `audience`.
    pub(crate) fn assertion(
        &self,
        client: &str,
        made: Timestamp,
        audience: &str,
        jti: &str,
    ) -> String {
        let claims = json!({
            "iss": client, "sub": client, "aud": audience, "exp": made.0 + 60, "iat": made.0,
            "jti": jti,
        });
        self.altered(&claims, &json!({}), &json!({}))
    }

    /// A token with these claims, and changes of its header and of its claims; null removes a
    /// member.
    pub(crate) fn altered(&self, claims: &Value, header: &Value, change: &Value) -> String {
        let usual = json!({"alg": "ES256", "typ": "JWT", "kid": "k1"});
        self.0.signed(&over(&usual, header), &over(claims, change))
    }
}
