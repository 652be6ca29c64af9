//! Where an upstream says that access to it is given: its challenge, its metadata, its
//! authorization server's metadata (G18–G20).

use doorward_transport::{Outbound, oauth::Document};
use url::Url;

use super::{MAX_DOCUMENT, OAuthError};
use crate::upstream::Upstream;

/// What a `WWW-Authenticate` header says (RFC 9728 §5.1, RFC 6750 §3).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) resource_metadata: Option<String>,
    pub(crate) scope: Option<String>,
}

/// Reads a challenge. What cannot be read is as good as not there.
pub(crate) fn challenge(header: &str) -> Challenge {
    let mut found = Challenge::default();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.rsplit([' ', ',', '\t']).next().unwrap_or_default().to_ascii_lowercase();
        let after = after.trim_start();
        let (value, remaining) = if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut letters = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    other => value.push(other),
                }
            }
            (value, quoted.get(end..).unwrap_or_default())
        } else {
            let end = after.find([',', ' ']).unwrap_or(after.len());
            (after.get(..end).unwrap_or_default().to_owned(), after.get(end..).unwrap_or_default())
        };
        match name.as_str() {
            "resource_metadata" if found.resource_metadata.is_none() => {
                found.resource_metadata = Some(value);
            }
            "scope" if found.scope.is_none() => found.scope = Some(value),
            _ => {}
        }
        rest = remaining;
    }
    found
}

/// Metadata that is read one member at a time: a member that is not used decides nothing.
trait Metadata: Sized {
    /// Reads it; `None` if the document lacks what it must have.
    fn read(document: &mut Document) -> Option<Self>;
}

/// Protected resource metadata (RFC 9728), as far as we need it.
#[derive(Debug, Default)]
struct ResourceMetadata {
    resource: Option<String>,
    authorization_servers: Vec<String>,
    scopes_supported: Option<Vec<String>>,
}

impl Metadata for ResourceMetadata {
    fn read(document: &mut Document) -> Option<Self> {
        Some(Self {
            resource: document.text("resource"),
            authorization_servers: document.texts("authorization_servers").unwrap_or_default(),
            scopes_supported: document.texts("scopes_supported"),
        })
    }
}

/// Authorization server metadata (RFC 8414), as far as we need it.
#[derive(Clone, Debug)]
pub(crate) struct ServerMetadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) registration_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) code_challenge_methods_supported: Option<Vec<String>>,
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(crate) scopes_supported: Option<Vec<String>>,
    pub(crate) client_id_metadata_document_supported: bool,
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl Metadata for ServerMetadata {
    fn read(document: &mut Document) -> Option<Self> {
        Some(Self {
            issuer: document.text("issuer")?,
            authorization_endpoint: document.text("authorization_endpoint")?,
            token_endpoint: document.text("token_endpoint")?,
            registration_endpoint: document.text("registration_endpoint"),
            revocation_endpoint: document.text("revocation_endpoint"),
            code_challenge_methods_supported: document.texts("code_challenge_methods_supported"),
            token_endpoint_auth_methods_supported: document
                .texts("token_endpoint_auth_methods_supported"),
            scopes_supported: document.texts("scopes_supported"),
            client_id_metadata_document_supported: document
                .flag("client_id_metadata_document_supported")
                .unwrap_or(false),
            authorization_response_iss_parameter_supported: document
                .flag("authorization_response_iss_parameter_supported")
                .unwrap_or(false),
        })
    }
}

/// Where access to an upstream is given.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    pub(crate) server: ServerMetadata,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) registration_endpoint: Option<Url>,
    /// Where tokens are taken back (RFC 7009).
    pub(crate) revocation_endpoint: Option<Url>,
    /// What to name as `resource` (RFC 8707).
    pub(crate) resource: Option<String>,
    /// The resource that the upstream says it is; where it does not say, its address.
    pub(crate) named_resource: Option<String>,
    /// The scopes to ask for, if the upstream says which.
    pub(crate) scopes: Vec<String>,
}

impl Discovered {
    /// The scopes to ask for: what the upstream wants, and a refresh token where it takes a scope to
    /// get one (SEP-2207).
    pub(crate) fn scopes_to_ask(&self) -> Vec<String> {
        let mut scopes = self.scopes.clone();
        let supported = self.server.scopes_supported.as_ref();
        let offline = supported
            .is_some_and(|supported| supported.iter().any(|scope| scope == "offline_access"));
        if offline && !scopes.is_empty() {
            scopes.push("offline_access".to_owned());
        }
        scopes
    }
}

/// Fetches a JSON document; `None` if there is none at this address.
async fn document<T: Metadata>(outbound: &Outbound, url: &Url) -> Result<Option<T>, OAuthError> {
    let answer = outbound.get(url, "application/json", MAX_DOCUMENT).await?;
    if answer.status >= 500 {
        return Err(OAuthError::Unreachable(format!("{url} answered HTTP {}", answer.status)));
    }
    if answer.status != 200 {
        return Ok(None);
    }
    // A page for people instead of a document, as single-page applications send it, is none.
    let Ok(mut document) = Document::read(&answer) else { return Ok(None) };
    let read = T::read(&mut document);
    for left in document.left_out() {
        tracing::info!(%url, %left, "a member of the metadata was left out");
    }
    let missing = || OAuthError::Untrusted(format!("{url} lacks what such metadata must have"));
    read.map(Some).ok_or_else(missing)
}

/// The addresses of a resource's metadata: with its path after the well-known part, then without
/// (RFC 9728 §3.1).
fn resource_metadata_addresses(url: &Url) -> Vec<Url> {
    let mut addresses = Vec::new();
    let path = url.path().trim_end_matches('/');
    for suffix in [path, ""] {
        if let Ok(address) = url.join(&format!("/.well-known/oauth-protected-resource{suffix}"))
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

/// The addresses of an authorization server's metadata, in the order of the specification (A5,
/// G19).
fn server_metadata_addresses(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let forms: Vec<String> = if path.is_empty() {
        vec![
            "/.well-known/oauth-authorization-server".to_owned(),
            "/.well-known/openid-configuration".to_owned(),
        ]
    } else {
        vec![
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("/.well-known/openid-configuration{path}"),
            format!("{path}/.well-known/openid-configuration"),
        ]
    };
    forms.iter().filter_map(|form| issuer.join(form).ok()).collect()
}

/// An address that a browser or we may be sent to: http or https and nothing else (G27, GW-08).
fn endpoint(what: &str, text: &str) -> Result<Url, OAuthError> {
    let url =
        Url::parse(text).map_err(|_| OAuthError::Untrusted(format!("its {what} is no address")))?;
    let encrypted = url.scheme() == "https"
        || (url.scheme() == "http" && doorward_model::public_url::is_loopback(&url));
    if !encrypted || !url.username().is_empty() || url.fragment().is_some() {
        return Err(OAuthError::Untrusted(format!(
            "its {what} {:?} is not an https address",
            super::clean(text)
        )));
    }
    Ok(url)
}

/// Whether metadata of `resource` is about the upstream at `url`: the same origin, and a path above
/// or at it.
pub(crate) fn covers(resource: &str, url: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let (above, below) = (resource.path().trim_end_matches('/'), url.path().trim_end_matches('/'));
    resource.origin() == url.origin()
        && (below == above || below.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')))
}

async fn resource_metadata(
    upstream: &Upstream,
    url: &Url,
    challenged: Option<&str>,
) -> Result<Option<ResourceMetadata>, OAuthError> {
    let mut addresses = Vec::new();
    if let Some(told) = challenged {
        addresses.push(endpoint("resource_metadata", told)?);
    }
    addresses.extend(resource_metadata_addresses(url));
    for address in addresses {
        let Some(metadata) = document::<ResourceMetadata>(&upstream.outbound, &address).await?
        else {
            continue;
        };
        if let Some(resource) = &metadata.resource
            && !covers(resource, url)
        {
            return Err(OAuthError::Untrusted(format!(
                "its metadata is about another resource, {:?}",
                super::clean(resource)
            )));
        }
        return Ok(Some(metadata));
    }
    Ok(None)
}

pub(crate) async fn server_metadata(
    outbound: &Outbound,
    issuer: &str,
) -> Result<Option<ServerMetadata>, OAuthError> {
    let url = endpoint("authorization server", issuer)?;
    for address in server_metadata_addresses(&url) {
        let Some(metadata) = document::<ServerMetadata>(outbound, &address).await? else {
            continue;
        };
        // RFC 8414 §3.3: whoever speaks for another issuer is not believed. A trailing slash on one
        // side is all that is forgiven.
        if metadata.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(OAuthError::Untrusted(format!(
                "the metadata of {issuer:?} names another issuer, {:?}",
                super::clean(&metadata.issuer)
            )));
        }
        return Ok(Some(metadata));
    }
    Ok(None)
}

/// Where a server takes tokens back. One that names no usable address has none: nothing but the
/// end of access depends on it.
pub(crate) fn revocation_endpoint(server: &ServerMetadata) -> Option<Url> {
    endpoint("revocation endpoint", server.revocation_endpoint.as_deref()?).ok()
}

/// The endpoints of the first revision that knew authorization (2025-03-26), for servers that
/// publish no metadata.
fn by_convention(origin: &Url) -> Option<ServerMetadata> {
    let at = |path: &str| origin.join(path).ok().map(|url| url.to_string());
    Some(ServerMetadata {
        issuer: origin.origin().ascii_serialization(),
        authorization_endpoint: at("/authorize")?,
        token_endpoint: at("/token")?,
        registration_endpoint: at("/register"),
        revocation_endpoint: None,
        code_challenge_methods_supported: Some(vec!["S256".to_owned()]),
        token_endpoint_auth_methods_supported: None,
        scopes_supported: None,
        client_id_metadata_document_supported: false,
        authorization_response_iss_parameter_supported: false,
    })
}

/// Finds out where access to an upstream is given.
pub(crate) async fn discover(
    upstream: &Upstream,
    said: Option<&str>,
) -> Result<Discovered, OAuthError> {
    let told = said.map(challenge).unwrap_or_default();
    let mut metadata = None;
    if let Some(url) = &upstream.url {
        metadata = resource_metadata(upstream, url, told.resource_metadata.as_deref()).await?;
    }
    let named =
        metadata.as_ref().and_then(|metadata| metadata.authorization_servers.first().cloned());
    let configured = (!upstream.config.issuer.is_empty()).then(|| upstream.config.issuer.clone());
    let server = match (configured.or(named), &upstream.url) {
        (Some(issuer), _) => server_metadata(&upstream.outbound, &issuer)
            .await?
            .ok_or_else(|| OAuthError::Untrusted(format!("{issuer} publishes no metadata")))?,
        // Without resource metadata the server itself was the authorization server, in the first
        // revision that had one.
        (None, Some(url)) => {
            let origin = url.origin().ascii_serialization();
            match server_metadata(&upstream.outbound, &origin).await? {
                Some(server) => server,
                None => by_convention(url).ok_or_else(|| {
                    OAuthError::Untrusted("it does not say where access is given".to_owned())
                })?,
            }
        }
        (None, None) => {
            return Err(OAuthError::Misconfigured(
                "set issuer: the upstream cannot say which authorization server it trusts"
                    .to_owned(),
            ));
        }
    };
    if !server
        .code_challenge_methods_supported
        .as_ref()
        .is_some_and(|methods| methods.iter().any(|method| method == "S256"))
    {
        // G20: a server that does not say that it checks PKCE may not check it.
        return Err(OAuthError::Untrusted(
            "its authorization server does not say that it supports PKCE with S256".to_owned(),
        ));
    }
    let resource = match (&metadata, &upstream.url) {
        (Some(ResourceMetadata { resource: Some(resource), .. }), _) => Some(resource.clone()),
        (_, Some(url)) => Some(url.as_str().to_owned()),
        _ => None,
    };
    let wanted = told.scope.map(|scope| {
        scope.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    });
    let scopes = if upstream.config.scopes.is_empty() {
        wanted
            .or_else(|| metadata.and_then(|metadata| metadata.scopes_supported))
            .unwrap_or_default()
    } else {
        upstream.config.scopes.clone()
    };
    Ok(Discovered {
        authorization_endpoint: endpoint("authorization endpoint", &server.authorization_endpoint)?,
        token_endpoint: endpoint("token endpoint", &server.token_endpoint)?,
        registration_endpoint: server
            .registration_endpoint
            .as_deref()
            .map(|text| endpoint("registration endpoint", text))
            .transpose()?,
        revocation_endpoint: revocation_endpoint(&server),
        resource: resource.clone().filter(|_| upstream.config.send_resource),
        named_resource: resource,
        scopes,
        server,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g18_challenges_are_read_whatever_their_order_and_quoting() {
        for header in [
            r#"Bearer resource_metadata="https://a.example/x", scope="a b""#,
            r#"Bearer error="invalid_token", error_description="a=b, \"c\"", scope="a b", resource_metadata="https://a.example/x""#,
            r#"Basic realm="x", Bearer scope="a b",resource_metadata=https://a.example/x"#,
        ] {
            let read = challenge(header);
            assert_eq!(
                (read.resource_metadata.as_deref(), read.scope.as_deref()),
                (Some("https://a.example/x"), Some("a b")),
                "{header}"
            );
        }
        for nothing in ["", "Bearer", "Bearer realm", "===", "\"", "a=\"\\"] {
            assert_eq!(challenge(nothing), Challenge::default(), "{nothing}");
        }
    }

    #[test]
    fn g19_metadata_is_looked_for_in_the_specified_order() {
        let list = |urls: Vec<Url>| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            list(resource_metadata_addresses(&Url::parse("https://a.example/x/mcp").unwrap())),
            [
                "https://a.example/.well-known/oauth-protected-resource/x/mcp",
                "https://a.example/.well-known/oauth-protected-resource"
            ]
        );
        assert_eq!(
            list(server_metadata_addresses(&Url::parse("https://a.example/t").unwrap())),
            [
                "https://a.example/.well-known/oauth-authorization-server/t",
                "https://a.example/.well-known/openid-configuration/t",
                "https://a.example/t/.well-known/openid-configuration"
            ]
        );
        assert_eq!(
            list(server_metadata_addresses(&Url::parse("https://a.example/").unwrap())).len(),
            2
        );
    }

    #[test]
    fn gw08_only_https_addresses_are_opened() {
        for text in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://a.example/x",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "; rm -rf /",
        ] {
            assert!(endpoint("endpoint", text).is_err(), "{text}");
        }
        assert!(endpoint("endpoint", "https://a.example/authorize?tenant=1").is_ok());
    }

    #[test]
    fn metadata_of_another_resource_is_not_believed() {
        let url = Url::parse("https://a.example/v1/mcp").unwrap();
        for resource in [
            "https://a.example/v1/mcp",
            "https://a.example/v1/mcp/",
            "https://a.example/v1",
            "https://a.example/",
            "https://a.example",
        ] {
            assert!(covers(resource, &url), "{resource}");
        }
        for resource in [
            "https://b.example/v1/mcp",
            "https://a.example/v1/mcp2",
            "https://a.example/v",
            "http://a.example/v1/mcp",
            "nonsense",
        ] {
            assert!(!covers(resource, &url), "{resource}");
        }
    }
}
