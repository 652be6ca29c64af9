//! Documents, key sets and answers of a provider in other forms than usual.

use serde_json::{Value, json};

use super::{
    misbehaviour::{Misbehaviour, Place},
    response::{Response, json_of, raw},
};

impl Misbehaviour {
    /// Changes the discovery document.
    pub(super) fn document(self, document: &mut Value) {
        let optional = [
            "userinfo_endpoint_",
            "registration_endpoint",
            "response_types_supported",
            "response_modes_supported",
            "grant_types_supported",
            "acr_values_supported",
            "subject_types_supported",
            "token_endpoint_auth_methods_supported",
            "claims_supported",
            "display_values_supported",
            "claim_types_supported",
            "ui_locales_supported",
            "claims_parameter_supported",
            "request_uri_parameter_supported",
            "op_policy_uri",
            "service_documentation",
            "prompt_values_supported",
            "authorization_response_iss_parameter_supported",
        ];
        let mut all = |value: fn(usize) -> Value| {
            for (at, name) in optional.into_iter().enumerate() {
                document[name] = value(at);
            }
        };
        match self {
            Self::OddDocument => all(|at| match at % 4 {
                0 => json!(at),
                1 => json!({"a": at}),
                2 => json!([7, null, {}]),
                _ => json!("no URL"),
            }),
            Self::NullDocument => all(|_| Value::Null),
            Self::SpacedDocument => {
                for value in document.as_object_mut().unwrap().values_mut() {
                    if let Value::String(text) = value {
                        *text = format!(" {text}\n");
                    }
                }
                for name in ["token_endpoint", "jwks_uri", "userinfo_endpoint"] {
                    let text = document[name].as_str().unwrap().replace("http:", "HTTP:");
                    document[name] = json!(text);
                }
            }
            Self::TextDocument => {
                document["scopes_supported"] = json!("openid email");
                document["id_token_signing_alg_values_supported"] = json!("ES256");
                document["response_types_supported"] = json!("code");
            }
            Self::BareDocument => {
                let kept = [
                    "issuer",
                    "authorization_endpoint",
                    "token_endpoint",
                    "jwks_uri",
                    "userinfo_endpoint",
                ];
                document.as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
            }
            _ => {}
        }
    }

    /// Changes the key set.
    pub(super) fn keys(self, keys: &mut Value) {
        let all = keys["keys"].as_array_mut().unwrap();
        if self == Self::NamelessKeys {
            let other = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
            all.insert(0, other);
            for key in all.iter_mut() {
                key.as_object_mut().unwrap().remove("kid");
            }
        }
        let kid = all[0]["kid"].clone();
        match self {
            Self::KeysForEncryption => {
                all.insert(0, json!({"kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "n": "AQ", "e": "AQAB", "kid": kid}));
                all.push(json!({"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": kid, "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}));
            }
            Self::KeysTwice => {
                all.insert(0, json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}));
            }
            Self::KeysWithoutUse => {
                for key in all.iter_mut().filter_map(Value::as_object_mut) {
                    key.retain(|name, _| !["use", "alg", "key_ops"].contains(&name.as_str()));
                }
            }
            Self::KeysOperations => {
                for key in all.iter_mut() {
                    key["key_ops"] = json!(["verify"]);
                    key["x5t#S256"] = Value::Null;
                    key["x5c"] = json!(["AA=="]);
                    key["ext"] = json!(true);
                    key["iat"] = json!("now");
                }
            }
            _ => {}
        }
        if self == Self::KeysOtherAlphabet {
            for key in all.iter_mut() {
                for name in ["x", "y", "n"] {
                    if let Some(Value::String(text)) = key.get_mut(name) {
                        *text = text.replace('-', "+").replace('_', "/");
                        text.push_str(if text.len() % 4 == 3 { "=" } else { "" });
                    }
                }
            }
        }
        if self == Self::OddKeys {
            let all = keys["keys"].as_array_mut().unwrap();
            all[0]["x5c"] = json!(7);
            all[0]["key_ops"] = Value::Null;
            all[0]["n"] = json!({});
            all.push(json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "new"}));
            all.push(json!({"kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "n": "AQ", "e": "AQAB", "kid": "enc"}));
            all.push(json!("not a key"));
        }
    }

    /// Writes an answer in another form.
    pub(super) fn rendered(self, place: Place, answer: &Value) -> Option<Response> {
        let text = answer.to_string();
        if self == Self::NotANumber {
            let odd = ",\"quota\":NaN,\"far\":-1e999,\"note\":\"cut\\ud83d\tor\"}";
            let open = text.strip_suffix('}')?;
            return Some(raw(200, "application/json", &format!("{open}{odd}"), ""));
        }
        match (self, place) {
            (Self::DocumentsAsText, _) => {
                return Some(raw(200, "Text/Plain; charset=utf-8", &format!("\u{feff}{text}"), ""));
            }
            (Self::DocumentsAsPages, _) => return Some(raw(200, "text/html", &text, "")),
            (Self::ZeroErrors, _) => {
                let odd = ",\"error\":0,\"errcode\":0,\"errmsg\":\"ok\",\"success\":true}";
                return Some(raw(
                    200,
                    "application/json",
                    &format!("{}{odd}", text.strip_suffix('}')?),
                    "",
                ));
            }
            (
                Self::RefreshWithout | Self::RefreshEmpty | Self::RefreshNull | Self::RefreshScope,
                Place::Refresh,
            ) => {
                let mut odd = answer.clone();
                match self {
                    Self::RefreshEmpty => odd["refresh_token"] = json!(""),
                    Self::RefreshNull => odd["refresh_token"] = Value::Null,
                    Self::RefreshScope => odd["scope"] = json!(["openid", "less"]),
                    _ => drop(odd.as_object_mut()?.remove("refresh_token")),
                }
                return Some(json_of(200, &odd));
            }
            (_, Place::Code | Place::Refresh) => {}
            _ => return None,
        }
        match self {
            Self::TokensCreated => Some(raw(201, "application/json", &text, "")),
            Self::TextPlain => Some(raw(200, "text/plain; charset=utf-8", &text, "")),
            Self::TextHtml => Some(raw(200, "text/html", &text, "")),
            Self::ByteOrderMark => {
                Some(raw(200, "application/json", &format!("\u{feff}{text}"), ""))
            }
            Self::Form | Self::OddForm => {
                let pairs = answer.as_object()?.iter().map(|(name, value)| {
                    (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                });
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                let form = if self == Self::OddForm {
                    format!("&{form}&&note=two words&flag\r\n")
                } else {
                    form
                };
                Some(raw(200, "application/x-www-form-urlencoded", &form, ""))
            }
            _ => None,
        }
    }
}
