//! The one policy: requirements on any client's metadata, whatever its source.

use doorward_model::{
    Client, ClientAuthMethod, ClientId, ClientRules, ClientSource, GrantType, GrantTypes,
    OAuthErrorCode, RedirectUri, ScopeSet, Timestamp, foreign, uri::after_scheme,
};
use serde_json::{Map, Value};
use url::Url;

use crate::Config;

/// Maximum number of characters of a client's name.
const MAX_NAME: usize = 120;
/// Maximum number of bytes of a URL in metadata.
const MAX_URI: usize = 2048;
/// Maximum number of bytes of an inline key set.
const MAX_JWKS: usize = 8 * 1024;

/// Refused metadata: the OAuth error and the problem, in words for the client's developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MetadataRefusal {
    /// `invalid_redirect_uri` or `invalid_client_metadata` (RFC 7591 §3.2.2).
    pub code: OAuthErrorCode,
    /// The fault.
    pub why: String,
}

fn refuse<T>(code: OAuthErrorCode, why: impl Into<String>) -> Result<T, MetadataRefusal> {
    Err(MetadataRefusal { code, why: why.into() })
}

fn bad<T>(why: impl Into<String>) -> Result<T, MetadataRefusal> {
    refuse(OAuthErrorCode::InvalidClientMetadata, why)
}

/// Client metadata that passed the policy.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) name: String,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) auth_method: ClientAuthMethod,
    pub(crate) grant_types: GrantTypes,
    pub(crate) client_uri: Option<String>,
    pub(crate) jwks: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) rules: ClientRules,
}

/// A member that is true or false.
fn flag(metadata: &Map<String, Value>, name: &str) -> Result<bool, MetadataRefusal> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => bad(format!("{name} must be true or false")),
    }
}

/// The stricter rules that a client states for itself (RFC 9126 §6, RFC 9449 §5.2).
fn rules(metadata: &Map<String, Value>) -> Result<ClientRules, MetadataRefusal> {
    let pushed = "require_pushed_authorization_requests";
    Ok(ClientRules {
        require_pushed_authorization_requests: flag(metadata, pushed)?,
        dpop_bound_access_tokens: flag(metadata, "dpop_bound_access_tokens")?,
    })
}

impl Accepted {
    /// The client that the metadata describe: without a secret, an account or rules.
    pub(crate) fn client(self, id: ClientId, source: ClientSource, at: Timestamp) -> Client {
        Client {
            id,
            source,
            name: self.name,
            redirect_uris: self.redirect_uris,
            auth_method: self.auth_method,
            secret: None,
            grant_types: self.grant_types,
            scopes: ScopeSet::all(),
            service: None,
            trust: None,
            openid: None,
            client_uri: self.client_uri,
            jwks: self.jwks,
            jwks_uri: self.jwks_uri,
            metadata: String::new(),
            created_at: at,
            authorized_at: None,
            disabled_at: None,
            fresh_until: None,
            approved_at: None,
            pinned_at: None,
            exchange: None,
            rules: self.rules,
            registration_token: None,
        }
    }
}

/// A member as text; `null` and absence are the same (I6).
pub(crate) fn text<'a>(
    metadata: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, MetadataRefusal> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => bad(format!("{name} must be a string")),
    }
}

fn list<'a>(
    metadata: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<&'a str>>, MetadataRefusal> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) if items.len() <= 64 => items
            .iter()
            .map(|item| {
                item.as_str().map_or_else(|| bad(format!("{name} must contain strings")), Ok)
            })
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => bad(format!("{name} must be a list of strings")),
    }
}

/// Makes a name inert and legible: one line, without characters that are invisible or reverse the
/// direction of text.
pub(crate) fn legible(name: &str) -> String {
    foreign::line(name, MAX_NAME).into_owned()
}

fn client_name(metadata: &Map<String, Value>) -> Result<String, MetadataRefusal> {
    match text(metadata, "client_name")? {
        Some(name) if name.chars().count() > MAX_NAME => {
            bad(format!("client_name is longer than {MAX_NAME} characters"))
        }
        Some(name) => Ok(legible(name)),
        None => Ok(String::new()),
    }
}

/// The first part in which the metadata of a client differ from those that an administrator decided
/// about: another program may be behind it, or it binds itself less.
pub(crate) fn changed(before: &Client, now: &Client) -> Option<&'static str> {
    let less = |before: ClientRules, now: ClientRules| {
        (before.require_pushed_authorization_requests && !now.require_pushed_authorization_requests)
            || (before.dpop_bound_access_tokens && !now.dpop_bound_access_tokens)
    };
    [
        ("redirect_uris", before.redirect_uris != now.redirect_uris),
        ("client_name", before.name != now.name),
        ("token_endpoint_auth_method", before.auth_method != now.auth_method),
        ("jwks", before.jwks != now.jwks || before.jwks_uri != now.jwks_uri),
        ("client_uri", before.client_uri != now.client_uri),
        ("grant_types", before.grant_types != now.grant_types),
        ("rules of its own", less(before.rules, now.rules)),
    ]
    .into_iter()
    .find_map(|(part, differs)| differs.then_some(part))
}

/// Applies the policy to the client of a service, which an administrator adds: no user signs in at
/// it, so that it has no redirect URI and must prove itself (RFC 6749 §4.4).
pub(crate) fn accept_service(metadata: &Map<String, Value>) -> Result<Accepted, MetadataRefusal> {
    let name = client_name(metadata)?;
    if name.is_empty() {
        return bad("client_name is required");
    }
    let auth_method = auth_method(metadata, ClientSource::Administrator)?;
    if auth_method == ClientAuthMethod::None {
        return bad(
            "the client of a service must authenticate: use client_secret_basic, client_secret_post or private_key_jwt",
        );
    }
    let (jwks, jwks_uri) = keys(metadata, auth_method)?;
    Ok(Accepted {
        name,
        redirect_uris: Vec::new(),
        auth_method,
        grant_types: GrantTypes::of_service(),
        client_uri: None,
        jwks,
        jwks_uri,
        rules: ClientRules::default(),
    })
}

/// The client of a workload: it has a name, and its trust rule is its authentication.
pub(crate) fn accept_workload(name: &str) -> Result<Accepted, MetadataRefusal> {
    let mut metadata = Map::new();
    metadata.insert("client_name".to_owned(), name.into());
    let name = client_name(&metadata)?;
    if name.is_empty() {
        return bad("client_name is required");
    }
    Ok(Accepted {
        name,
        redirect_uris: Vec::new(),
        auth_method: ClientAuthMethod::None,
        grant_types: GrantTypes::of_workload(),
        client_uri: None,
        jwks: None,
        jwks_uri: None,
        rules: ClientRules::default(),
    })
}

/// Applies the policy to metadata from `source`.
pub(crate) fn accept(
    metadata: &Map<String, Value>,
    source: ClientSource,
    config: &Config,
) -> Result<Accepted, MetadataRefusal> {
    let grant_types = match list(metadata, "grant_types")? {
        Some(names) => GrantTypes::parse_known(names).for_registration(),
        None => GrantTypes::of_code_flow(),
    };
    let redirects = grant_types.contains(GrantType::AuthorizationCode);
    if !redirects && !grant_types.contains(GrantType::DeviceCode) {
        return bad("grant_types must contain authorization_code, or the one of devices");
    }
    let redirect_uris = match list(metadata, "redirect_uris") {
        // A device has none (RFC 8628); one that states some is held to the same rules.
        Ok(uris) if !redirects && uris.as_ref().is_none_or(Vec::is_empty) => Vec::new(),
        _ => redirect_uris(metadata, source, config)?,
    };
    let name = client_name(metadata)?;
    if name.is_empty() && source == ClientSource::MetadataDocument {
        return bad("client_name is required");
    }
    for member in ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri"] {
        if let Some(uri) = text(metadata, member)? {
            web_address(member, uri)?;
        }
    }
    let responds = |types: Vec<&str>| types.contains(&"code") || (!redirects && types.is_empty());
    if list(metadata, "response_types")?.is_some_and(|types| !responds(types)) {
        return bad("response_types must contain code");
    }
    let auth_method = auth_method(metadata, source)?;
    let (jwks, jwks_uri) = keys(metadata, auth_method)?;
    Ok(Accepted {
        name: if name.is_empty() {
            redirect_uris
                .first()
                .map(|uri| RedirectUri::display_host(uri.as_str()))
                .unwrap_or_default()
        } else {
            name
        },
        redirect_uris,
        auth_method,
        grant_types,
        client_uri: text(metadata, "client_uri")?.map(str::to_owned),
        jwks,
        jwks_uri,
        rules: rules(metadata)?,
    })
}

fn redirect_uris(
    metadata: &Map<String, Value>,
    source: ClientSource,
    config: &Config,
) -> Result<Vec<RedirectUri>, MetadataRefusal> {
    let wrong = |why: String| refuse(OAuthErrorCode::InvalidRedirectUri, why);
    let texts = match list(metadata, "redirect_uris") {
        Ok(Some(texts)) if !texts.is_empty() => texts,
        Ok(_) => return wrong("redirect_uris is required and must not be empty".to_owned()),
        Err(error) => return wrong(error.why),
    };
    if texts.len() > config.max_redirect_uris {
        return wrong(format!("more than {} redirect_uris", config.max_redirect_uris));
    }
    let mut uris = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let uri = match RedirectUri::register(text, &config.private_schemes) {
            Ok(uri) => uri,
            Err(error) => return wrong(format!("redirect_uris[{index}]: {error}")),
        };
        let host = RedirectUri::display_host(text);
        let listed = config.redirect_hosts.is_empty() || config.redirect_hosts.contains(&host);
        if source == ClientSource::Registration && !uri.is_native() && !listed {
            return wrong(format!(
                "redirect_uris[{index}]: this server's operator does not accept redirects to {host}"
            ));
        }
        uris.push(uri);
    }
    Ok(uris)
}

pub(crate) fn web_address(member: &str, uri: &str) -> Result<(), MetadataRefusal> {
    let fine = uri.len() <= MAX_URI
        && Url::parse(uri).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
    if fine && !uri.chars().any(char::is_control) {
        Ok(())
    } else {
        bad(format!("{member} must be an http(s) URL of at most {MAX_URI} bytes"))
    }
}

fn auth_method(
    metadata: &Map<String, Value>,
    source: ClientSource,
) -> Result<ClientAuthMethod, MetadataRefusal> {
    let named = text(metadata, "token_endpoint_auth_method")?;
    if source == ClientSource::MetadataDocument {
        if metadata.contains_key("client_secret")
            || metadata.contains_key("client_secret_expires_at")
        {
            return bad("a metadata document is public and cannot contain a client_secret");
        }
        return match named {
            None | Some("none") => Ok(ClientAuthMethod::None),
            Some("private_key_jwt") => Ok(ClientAuthMethod::PrivateKeyJwt),
            Some(other) => bad(format!(
                "token_endpoint_auth_method {other:?} is not possible with a metadata document; use none or private_key_jwt"
            )),
        };
    }
    match named {
        // RFC 7591 §2: the default.
        None => Ok(ClientAuthMethod::ClientSecretBasic),
        Some(name) => ClientAuthMethod::parse(name)
            .map_or_else(|| bad("token_endpoint_auth_method is not supported; use none, client_secret_basic, client_secret_post or private_key_jwt"), Ok),
    }
}

fn keys(
    metadata: &Map<String, Value>,
    method: ClientAuthMethod,
) -> Result<(Option<String>, Option<String>), MetadataRefusal> {
    let uri = text(metadata, "jwks_uri")?.map(str::to_owned);
    let set = match metadata.get("jwks") {
        None | Some(Value::Null) => None,
        Some(set) => Some(public_keys(set)?),
    };
    if set.is_some() && uri.is_some() {
        return bad("jwks and jwks_uri exclude each other");
    }
    if method != ClientAuthMethod::PrivateKeyJwt {
        return Ok((None, None));
    }
    if uri
        .as_ref()
        .is_some_and(|uri| !after_scheme(uri, "https").is_some_and(|rest| rest.starts_with("//")))
    {
        return bad("jwks_uri must be an https URL");
    }
    if set.is_none() && uri.is_none() {
        bad("private_key_jwt needs jwks or jwks_uri")
    } else {
        Ok((set, uri))
    }
}

fn public_keys(set: &Value) -> Result<String, MetadataRefusal> {
    let Some(keys) = set.get("keys").and_then(Value::as_array) else {
        return bad("jwks must be an object with keys");
    };
    let symmetric_or_private = |key: &Value| {
        key.get("d").is_some()
            || key.get("k").is_some()
            || key.get("kty").and_then(Value::as_str) == Some("oct")
    };
    if keys.is_empty() || keys.iter().any(|key| !key.is_object() || symmetric_or_private(key)) {
        return bad("jwks must contain public keys only");
    }
    let text = set.to_string();
    if text.len() > MAX_JWKS { bad("jwks is too long") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn try_with(change: &Value, source: ClientSource) -> Result<Accepted, OAuthErrorCode> {
        let mut metadata =
            json!({"redirect_uris": ["http://127.0.0.1/cb"], "client_name": "Client"});
        for (name, value) in change.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        accept(metadata.as_object().unwrap(), source, &Config::default())
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn ax7_i6_n5_what_real_clients_send_is_accepted() {
        let register = |change: Value| try_with(&change, ClientSource::Registration).unwrap();
        assert_eq!(register(json!({})).auth_method, ClientAuthMethod::ClientSecretBasic);
        assert_eq!(
            register(json!({"token_endpoint_auth_method": null, "scope": null, "logo_uri": null}))
                .auth_method,
            ClientAuthMethod::ClientSecretBasic
        );
        assert_eq!(
            register(json!({"token_endpoint_auth_method": "none", "application_type": "web", "software_id": "x", "issuer": "y", "contacts": []})).auth_method,
            ClientAuthMethod::None
        );
        let names = |change| register(change).grant_types.names().collect::<Vec<_>>();
        assert_eq!(names(json!({})), ["authorization_code", "refresh_token"]);
        assert_eq!(names(json!({"grant_types": null})), ["authorization_code", "refresh_token"]);
        assert_eq!(names(json!({"grant_types": ["authorization_code"]})), ["authorization_code"]);
        assert_eq!(
            names(json!({"grant_types": ["refresh_token", "authorization_code", "urn:x"]})),
            ["authorization_code", "refresh_token"]
        );
        assert_eq!(
            register(json!({"client_name": "Good\u{202e}txt\u{200b} \n name"})).name,
            "Goodtxt name"
        );
        for name in [json!(null), json!(""), json!("\u{3164}\u{2800} "), json!("\u{200d}\u{e0041}")]
        {
            let shown = register(json!({ "client_name": name })).name;
            assert_eq!(shown, "127.0.0.1", "a name that shows nothing is none: {name}");
        }
    }

    #[test]
    fn ca13_dcr_31_cimd_08_hostile_metadata_is_refused() {
        use OAuthErrorCode::{InvalidClientMetadata as Metadata, InvalidRedirectUri as Redirect};
        for (change, code) in [
            (json!({"redirect_uris": []}), Redirect),
            (json!({"redirect_uris": null}), Redirect),
            (json!({"redirect_uris": "http://127.0.0.1/"}), Redirect),
            (json!({"redirect_uris": [7]}), Redirect),
            (json!({"redirect_uris": ["https://a.example/cb", "javascript:alert(1)"]}), Redirect),
            (json!({"redirect_uris": vec!["https://a.example/cb"; 21]}), Redirect),
            (json!({"client_name": "x".repeat(121)}), Metadata),
            (json!({"client_name": {"a": 1}}), Metadata),
            (json!({"client_uri": "javascript:alert(1)"}), Metadata),
            (json!({"logo_uri": "data:image/png,x"}), Metadata),
            (json!({"grant_types": ["implicit"]}), Metadata),
            (json!({"grant_types": ["password"]}), Metadata),
            (json!({"response_types": ["token"]}), Metadata),
            (json!({"token_endpoint_auth_method": "client_secret_jwt"}), Metadata),
            (json!({"token_endpoint_auth_method": "private_key_jwt"}), Metadata),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC"}]}, "jwks_uri": "https://a.example/k"}),
                Metadata,
            ),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "x"}]}}),
                Metadata,
            ),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://a.example/k"}),
                Metadata,
            ),
        ] {
            assert_eq!(
                try_with(&change, ClientSource::Registration).unwrap_err(),
                code,
                "{change}"
            );
        }
        for change in [
            json!({"client_secret": "x"}),
            json!({"token_endpoint_auth_method": "client_secret_basic"}),
            json!({"client_name": null}),
            json!({"client_name": "\u{200b}"}),
            json!({"client_name": "\u{115f}\u{2800}"}),
        ] {
            assert_eq!(
                try_with(&change, ClientSource::MetadataDocument).unwrap_err(),
                Metadata,
                "{change}"
            );
        }
    }
}
