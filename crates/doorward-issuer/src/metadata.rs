//! Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0 §3).

use doorward_model::{ClientAuthMethod, GrantType, routes, scope::SCOPES};
use serde_json::{Value, json};

use crate::{Issuer, enterprise};

impl Issuer {
    /// The metadata document. Its two names differ only in members that OpenID Connect demands and
    /// clients insist on. With `assertions`, identity providers may assert users to clients.
    pub(crate) fn metadata(&self, openid: bool, assertions: bool) -> Value {
        let (parts, rules) = (&self.parts, self.parts.rules.now());
        let at = |path: &str| parts.public_url.at(path);
        let methods: Vec<_> = ClientAuthMethod::ALL.iter().map(|method| method.as_str()).collect();
        let proving: Vec<_> = ClientAuthMethod::ALL
            .iter()
            .filter(|method| **method != ClientAuthMethod::None)
            .map(|method| method.as_str())
            .collect();
        let assertion_algorithms =
            ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"];
        let mut document = json!({
            "issuer": parts.public_url.as_str(),
            "authorization_endpoint": at(routes::AUTHORIZE),
            "token_endpoint": at(routes::TOKEN),
            "device_authorization_endpoint": at(routes::DEVICE_AUTHORIZATION),
            "revocation_endpoint": at(routes::REVOKE),
            "introspection_endpoint": at(routes::INTROSPECT),
            "jwks_uri": at(routes::JWKS),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
            "introspection_endpoint_auth_methods_supported": proving,
            "introspection_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
            "scopes_supported": SCOPES.iter().filter(|info| info.advertised).map(|info| info.name).collect::<Vec<_>>(),
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "authorization_response_iss_parameter_supported": true,
            "client_id_metadata_document_supported": rules.metadata_documents,
            "protected_resources": parts.resources.snapshot().iter().map(doorward_model::Resource::as_str).collect::<Vec<_>>(),
        });
        if let Value::Object(members) = &mut document {
            if assertions {
                let profiles = json!([enterprise::PROFILE]);
                members.insert("authorization_grant_profiles_supported".to_owned(), profiles);
            }
            if rules.registration {
                members.insert("registration_endpoint".to_owned(), at(routes::REGISTER).into());
            }
            if openid {
                members.insert("subject_types_supported".to_owned(), json!(["public"]));
                members
                    .insert("id_token_signing_alg_values_supported".to_owned(), json!(["ES256"]));
            }
        }
        document
    }
}
