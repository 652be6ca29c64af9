//! Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0 §3).

use doorward_keys::{Proofs, accepted_algorithms};
use doorward_model::{ClientAuthMethod, GrantType, Level, routes, scope::SCOPES};
use serde_json::{Value, json};

use crate::{Issuer, enterprise, openid};

/// The languages of the pages. A test compares them with those of the texts.
const LOCALES: [&str; 3] = ["en", "de", "fr"];

impl Issuer {
    /// The metadata document. With `assertions`, identity providers may assert users to clients.
    pub(crate) fn metadata(&self, assertions: bool) -> Value {
        let (settings, rules) = (&self.settings, self.settings.rules.now());
        let at = |path: &str| settings.public_url.at(path);
        let methods: Vec<_> = ClientAuthMethod::ALL.iter().map(|method| method.as_str()).collect();
        let proving: Vec<_> = ClientAuthMethod::ALL
            .iter()
            .filter(|method| **method != ClientAuthMethod::None)
            .map(|method| method.as_str())
            .collect();
        let assertion_algorithms = accepted_algorithms();
        let mut document = json!({
            "issuer": settings.public_url.as_str(),
            "authorization_endpoint": at(routes::AUTHORIZE),
            "token_endpoint": at(routes::TOKEN),
            "device_authorization_endpoint": at(routes::DEVICE_AUTHORIZATION),
            "pushed_authorization_request_endpoint": at(routes::PUSHED_REQUEST),
            "require_pushed_authorization_requests": false,
            "dpop_signing_alg_values_supported": Proofs::algorithms(),
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
            "protected_resources": settings.resources.snapshot().iter().map(doorward_model::Resource::as_str).collect::<Vec<_>>(),
        });
        if let Value::Object(members) = &mut document {
            if assertions {
                let profiles = json!([enterprise::PROFILE]);
                members.insert("authorization_grant_profiles_supported".to_owned(), profiles);
            }
            if rules.registration {
                members.insert("registration_endpoint".to_owned(), at(routes::REGISTER).into());
            }
        }
        document
    }

    /// The same with what relying parties need (OpenID Connect Discovery 1.0 §3). `algorithms` are
    /// those of the published keys.
    pub(crate) fn openid_metadata(&self, assertions: bool, algorithms: &[String]) -> Value {
        let mut document = self.metadata(assertions);
        let advertised = SCOPES.iter().filter(|info| info.advertised || info.scope.is_identity());
        let scopes: Vec<_> = advertised.map(|info| info.name).collect();
        let levels = [Level::SingleFactor, Level::MultiFactor].map(Level::as_str);
        let more = json!({
            "end_session_endpoint": self.settings.public_url.at(routes::END_SESSION),
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "userinfo_endpoint": self.settings.public_url.at(routes::USERINFO),
            "scopes_supported": scopes,
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": algorithms,
            "userinfo_signing_alg_values_supported": algorithms,
            "acr_values_supported": levels,
            "claims_supported": openid::CLAIMS,
            "claim_types_supported": ["normal"],
            "ui_locales_supported": LOCALES,
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
        });
        if let (Value::Object(members), Value::Object(more)) = (&mut document, more) {
            members.extend(more);
        }
        document
    }
}
