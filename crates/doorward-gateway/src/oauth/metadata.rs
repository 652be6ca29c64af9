//! Metadata of protected resources and of authorization servers: its well-known URLs, and the
//! members that are read.

use doorward_transport::{
    Outbound,
    oauth::{Document, Found, Missing, NamedIssuer, NotFound, Search, Unusable, named_issuer},
};
use url::Url;

use super::{ByHand, MAX_DOCUMENT, OAuthError, clean};

/// Protected resource metadata (RFC 9728), as far as it is used.
#[derive(Debug, Default)]
pub(super) struct ResourceMetadata {
    pub(super) resource: Option<String>,
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes_supported: Option<Vec<String>>,
}

impl ResourceMetadata {
    fn read(document: &mut Document) -> Option<Self> {
        let read = Self {
            resource: document.text("resource"),
            authorization_servers: document.texts("authorization_servers").unwrap_or_default(),
            scopes_supported: document.texts("scopes_supported"),
        };
        (read.resource.is_some() || !read.authorization_servers.is_empty()).then_some(read)
    }
}

/// Authorization server metadata (RFC 8414), as far as it is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerMetadata {
    pub(crate) issuer: String,
    /// A server that issues no codes has none.
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: String,
    pub(crate) registration_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) code_challenge_methods_supported: Option<Vec<String>>,
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(crate) scopes_supported: Option<Vec<String>>,
    pub(crate) client_id_metadata_document_supported: bool,
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl ServerMetadata {
    /// Reads it. Endpoints that the operator set replace those of the document.
    fn read(document: &mut Document, set: &ByHand) -> Option<Self> {
        let mut url =
            |set: Option<&Url>, name: &str| set.map(Url::to_string).or_else(|| document.text(name));
        let authorize = url(set.authorize.as_ref(), "authorization_endpoint");
        let token = url(set.token.as_ref(), "token_endpoint");
        let registration_endpoint = url(set.registration.as_ref(), "registration_endpoint");
        let revocation_endpoint = url(set.revocation.as_ref(), "revocation_endpoint");
        Some(Self {
            issuer: document.text("issuer")?,
            authorization_endpoint: authorize,
            token_endpoint: token?,
            registration_endpoint,
            revocation_endpoint,
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

    /// The metadata of a server with endpoints that the operator set, without a document.
    pub(super) fn by_hand(issuer: &str, set: &ByHand) -> Option<Self> {
        let members = [("issuer".to_owned(), serde_json::Value::from(issuer))];
        Self::read(&mut Document::from(serde_json::Map::from_iter(members)), set)
    }

    /// The endpoints of the first revision that knew authorization (2025-03-26), for servers that
    /// publish no metadata.
    pub(super) fn by_convention(origin: &Url) -> Option<Self> {
        let at = |path: &str| origin.join(path).ok().map(|url| url.to_string());
        Some(Self {
            issuer: origin.origin().ascii_serialization(),
            authorization_endpoint: Some(at("/authorize")?),
            token_endpoint: at("/token")?,
            registration_endpoint: at("/register"),
            code_challenge_methods_supported: Some(vec!["S256".to_owned()]),
            ..Self::default()
        })
    }

    /// Reports a server that announces PKCE with S256.
    pub(crate) fn checks_pkce(&self) -> bool {
        let methods = self.code_challenge_methods_supported.as_ref();
        methods
            .is_some_and(|methods| methods.iter().any(|method| method.eq_ignore_ascii_case("S256")))
    }
}

/// The issuer of an authorization server that is named by the URL of its metadata instead.
pub(super) fn issuer_of(named: &str) -> String {
    let Ok(mut url) = Url::parse(named) else { return named.to_owned() };
    for name in ["oauth-authorization-server", "openid-configuration"] {
        let document = format!("/.well-known/{name}");
        let Some((above, behind)) = url.path().split_once(&document) else { continue };
        // The path of the issuer is before or behind the name; one with both is another URL.
        let path = match (above.trim_end_matches('/'), behind) {
            (above, "" | "/") => above.to_owned(),
            ("", behind) if behind.starts_with('/') => behind.to_owned(),
            _ => continue,
        };
        url.set_path(&path);
        url.set_query(None);
        // An issuer without a path ends with its host.
        let text = url.as_str();
        return if path.is_empty() {
            text.trim_end_matches('/').to_owned()
        } else {
            text.to_owned()
        };
    }
    named.to_owned()
}

/// URLs of well-known documents at the origin of `base`, each once.
fn well_known(base: &Url, paths: &[String]) -> Vec<Url> {
    let mut urls: Vec<Url> = Vec::new();
    for path in paths {
        if let Ok(url) = base.join(path)
            && !urls.contains(&url)
        {
            urls.push(url);
        }
    }
    urls
}

/// The URLs of a resource's metadata: with its path (and query) after the well-known part, without
/// (RFC 9728 section 3.1), and below the path, as some servers have it.
fn resource_metadata_urls(url: &Url) -> Vec<Url> {
    const NAME: &str = "/.well-known/oauth-protected-resource";
    let path = url.path().trim_end_matches('/');
    let query = url.query().map(|query| format!("{NAME}{path}?{query}"));
    let plain = [format!("{NAME}{path}"), NAME.to_owned(), format!("{path}{NAME}")];
    well_known(url, &query.into_iter().chain(plain).collect::<Vec<_>>())
}

/// The URLs of an authorization server's metadata: first those of the MCP specification in its order
/// (A5, G19), then those that servers with a path also use. The document must name the issuer, so
/// none of them can be another server's.
fn server_metadata_urls(issuer: &Url) -> Vec<Url> {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    let path = issuer.path().trim_end_matches('/');
    let forms = [
        format!("{OAUTH}{path}"),
        format!("{OPENID}{path}"),
        format!("{path}{OPENID}"),
        format!("{path}{OAUTH}"),
        OAUTH.to_owned(),
        OPENID.to_owned(),
    ];
    well_known(issuer, &forms)
}

/// Reads a URL for a browser or for requests of Doorward: http or https and nothing else (G27,
/// GW-08).
pub(super) fn endpoint(what: &str, text: &str) -> Result<Url, OAuthError> {
    let url =
        Url::parse(text).map_err(|_| OAuthError::Untrusted(format!("its {what} is not a URL")))?;
    let encrypted = url.scheme() == "https"
        || (url.scheme() == "http" && doorward_model::public_url::is_loopback(&url));
    if !encrypted || !url.username().is_empty() || url.fragment().is_some() {
        let shown = clean(text);
        return Err(OAuthError::Untrusted(format!("its {what} {shown:?} is not an https URL")));
    }
    Ok(url)
}

/// The revocation endpoint. A server that names no usable URL has none: only the end of access
/// depends on it.
pub(crate) fn revocation_endpoint(server: &ServerMetadata) -> Option<Url> {
    endpoint("revocation endpoint", server.revocation_endpoint.as_deref()?).ok()
}

/// Reports metadata of `resource` that is about the upstream at `url`: the same origin, and a path
/// above or at it.
pub(crate) fn covers(resource: &str, url: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let (above, below) = (resource.path().trim_end_matches('/'), url.path().trim_end_matches('/'));
    resource.origin() == url.origin()
        && (below == above || below.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')))
}

fn search(outbound: &Outbound) -> Search<'_> {
    Search { outbound, most_bytes: MAX_DOCUMENT, within: outbound.timeout().saturating_mul(2) }
}

fn log_left_out<T>(found: &Found<T>) {
    for left in &found.left_out {
        tracing::info!(url = %found.url, %left, "a member of the metadata was left out");
    }
}

/// Fetches the metadata of the resource at `url`. `challenged` is the URL from the upstream's
/// challenge, which some servers write relative to their own.
pub(super) async fn resource_metadata(
    outbound: &Outbound,
    url: &Url,
    challenged: Option<&str>,
) -> Result<Found<ResourceMetadata>, Option<NotFound>> {
    // A place that is no URL to fetch is one that does not have the document.
    let told = challenged
        .and_then(|told| url.join(told).ok())
        .and_then(|told| endpoint("resource_metadata", told.as_str()).ok());
    let mut urls: Vec<Url> = told.into_iter().collect();
    for url in resource_metadata_urls(url) {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    let read = |document: &mut Document| {
        let metadata = ResourceMetadata::read(document).ok_or_else(|| {
            Unusable::Incomplete("names neither a resource nor authorization servers".to_owned())
        })?;
        match &metadata.resource {
            Some(resource) if !covers(resource, url) => Err(Unusable::Untrusted(format!(
                "is about another resource, {:?}",
                clean(resource)
            ))),
            Some(_) | None => Ok(metadata),
        }
    };
    let found = search(outbound).run(&urls, read).await?;
    log_left_out(&found);
    Ok(found)
}

/// Looks for the metadata of an authorization server.
pub(crate) async fn server_metadata(
    outbound: &Outbound,
    issuer: &str,
    set: &ByHand,
) -> Result<Found<ServerMetadata>, OAuthError> {
    let urls = match &set.document {
        Some(url) => vec![url.clone()],
        None => server_metadata_urls(&endpoint("authorization server", issuer)?),
    };
    let read = |document: &mut Document| {
        let mut metadata = ServerMetadata::read(document, set)
            .ok_or_else(|| Unusable::Incomplete("lacks required members".to_owned()))?;
        // RFC 8414 section 3.3: metadata of another issuer is refused. The tolerated differences
        // are a trailing slash on one side, and the placeholder of a document for several tenants.
        let bare = |text: &str| text.trim_end_matches('/').to_owned();
        match named_issuer(&bare(&metadata.issuer), &bare(issuer)) {
            NamedIssuer::Same => {}
            NamedIssuer::Tenant | NamedIssuer::Several => issuer.clone_into(&mut metadata.issuer),
            NamedIssuer::Other => {
                let told = clean(&metadata.issuer);
                return Err(Unusable::Untrusted(format!(
                    "names another issuer than {issuer}, {told:?}"
                )));
            }
        }
        if set.needs_code && metadata.authorization_endpoint.is_none() {
            return Err(Unusable::Incomplete("lacks required members".to_owned()));
        }
        for (what, url) in [
            ("authorization endpoint", metadata.authorization_endpoint.as_ref()),
            ("token endpoint", Some(&metadata.token_endpoint)),
        ] {
            let unusable = |why| Unusable::Untrusted(format!("cannot be used: {why}"));
            url.map(|url| endpoint(what, url)).transpose().map_err(unusable)?;
        }
        Ok(metadata)
    };
    match search(outbound).run(&urls, read).await {
        Ok(found) => {
            log_left_out(&found);
            Ok(found)
        }
        Err(None) => Err(OAuthError::NoMetadata(format!("{issuer} has no URL for metadata"))),
        Err(Some(reason)) => Err(not_found(issuer, &reason)),
    }
}

fn not_found(issuer: &str, reason: &NotFound) -> OAuthError {
    match reason.missing {
        Missing::Silent => OAuthError::Unreachable(reason.to_string()),
        Missing::Incomplete | Missing::Untrusted => OAuthError::Untrusted(reason.to_string()),
        Missing::Unknown | Missing::NoDocument | Missing::Redirect | Missing::Refused => {
            OAuthError::NoMetadata(format!("{issuer} publishes no metadata: {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g19_metadata_is_looked_for_in_the_specified_order_and_then_where_servers_have_it() {
        let list = |urls: Vec<Url>| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            list(resource_metadata_urls(&Url::parse("https://a.example/x/mcp").unwrap())),
            [
                "https://a.example/.well-known/oauth-protected-resource/x/mcp",
                "https://a.example/.well-known/oauth-protected-resource",
                "https://a.example/x/mcp/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(
            list(resource_metadata_urls(&Url::parse("https://a.example/mcp?tenant=1").unwrap()))[0],
            "https://a.example/.well-known/oauth-protected-resource/mcp?tenant=1"
        );
        assert_eq!(
            list(server_metadata_urls(&Url::parse("https://a.example/t").unwrap())),
            [
                "https://a.example/.well-known/oauth-authorization-server/t",
                "https://a.example/.well-known/openid-configuration/t",
                "https://a.example/t/.well-known/openid-configuration",
                "https://a.example/t/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ]
        );
        assert_eq!(list(server_metadata_urls(&Url::parse("https://a.example/").unwrap())).len(), 2);
    }

    #[test]
    fn a_server_that_is_named_by_the_url_of_its_metadata_is_the_issuer_there() {
        let (oauth, openid) =
            ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration");
        for (named, issuer) in [
            (format!("https://a.example{oauth}"), "https://a.example"),
            (format!("https://a.example{openid}/"), "https://a.example"),
            (format!("https://a.example/t{openid}?x=1"), "https://a.example/t"),
            (format!("https://a.example{oauth}/t/u"), "https://a.example/t/u"),
            (format!("https://a.example/t{oauth}"), "https://a.example/t"),
            ("https://a.example/".to_owned(), "https://a.example/"),
            ("https://a.example/t".to_owned(), "https://a.example/t"),
            (
                format!("https://a.example/t{oauth}/u"),
                "https://a.example/t/.well-known/oauth-authorization-server/u",
            ),
            ("nonsense".to_owned(), "nonsense"),
        ] {
            assert_eq!(issuer_of(&named), issuer, "{named}");
        }
    }

    #[test]
    fn gw08_only_https_urls_are_opened() {
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
    fn metadata_of_another_resource_is_not_accepted() {
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
