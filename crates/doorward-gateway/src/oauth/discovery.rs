//! Discovery of an upstream's authorization server: its challenge, its metadata, its authorization
//! server's metadata (G18–G20).

use doorward_transport::oauth::{Challenge, Found, Missing, NotFound};
use url::Url;

use super::{
    OAuthError,
    metadata::{
        ResourceMetadata, ServerMetadata, endpoint, issuer_of, resource_metadata, server_metadata,
    },
};
use crate::upstream::Upstream;

/// Maximum number of authorization servers that are tried of those that an upstream names.
const MOST_SERVERS: usize = 3;

/// The authorization server of an upstream, and its resource.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    pub(crate) server: ServerMetadata,
    /// The authorization endpoint; always there where tokens are issued for codes.
    pub(crate) authorization_endpoint: Option<Url>,
    pub(crate) token_endpoint: Url,
    pub(crate) registration_endpoint: Option<Url>,
    /// The revocation endpoint (RFC 7009).
    pub(crate) revocation_endpoint: Option<Url>,
    /// The value of `resource` (RFC 8707).
    pub(crate) resource: Option<String>,
    /// The resource that the upstream names; without one, its URL. `None` where the upstream was
    /// unreachable.
    pub(crate) named_resource: Option<String>,
    /// The scopes to request, if the upstream names them.
    pub(crate) scopes: Vec<String>,
    /// Members of the documents that could not be read, each with the URL of its document.
    pub(crate) left_out: Vec<String>,
    /// The reason for which the upstream could not be asked for its authorization server. The one
    /// at its own origin is found then, which counts only if it is the pinned one.
    pub(crate) unsure: Option<String>,
}

impl Discovered {
    /// The authorization endpoint, for users who are sent there.
    pub(super) fn for_users(&self) -> Result<&Url, OAuthError> {
        self.authorization_endpoint.as_ref().ok_or_else(|| {
            OAuthError::Untrusted("its metadata names no authorization endpoint".to_owned())
        })
    }

    /// The scopes to request: those that the upstream requires, and the one for a refresh token
    /// where that takes a scope (SEP-2207).
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

/// The metadata of an upstream as a resource.
#[derive(Default)]
struct ResourceFacts {
    metadata: Option<ResourceMetadata>,
    left_out: Vec<String>,
    /// The reason for which it may have some that was not found.
    silent: Option<NotFound>,
}

fn named_left_out<T>(found: &Found<T>) -> impl Iterator<Item = String> {
    found.left_out.iter().map(|left| format!("{}: {left}", found.url))
}

async fn told(upstream: &Upstream, challenged: Option<&str>) -> Result<ResourceFacts, OAuthError> {
    let Some(url) = &upstream.url else { return Ok(ResourceFacts::default()) };
    match resource_metadata(&upstream.outbound, url, challenged).await {
        Ok(found) => Ok(ResourceFacts {
            left_out: named_left_out(&found).collect(),
            metadata: Some(found.value),
            silent: None,
        }),
        Err(Some(reason)) if reason.missing == Missing::Untrusted => {
            Err(OAuthError::Untrusted(format!("its metadata cannot be used: {reason}")))
        }
        Err(Some(reason)) if reason.missing == Missing::Silent => {
            Ok(ResourceFacts { silent: Some(reason), ..ResourceFacts::default() })
        }
        Err(_) => Ok(ResourceFacts::default()),
    }
}

/// The authorization servers to examine: the operator's, or those that the upstream names; of these
/// the pinned one alone if it is among them.
fn issuers(upstream: &Upstream, told: &ResourceFacts, pinned: Option<&str>) -> Vec<String> {
    if !upstream.config.issuer.is_empty() {
        return vec![upstream.config.issuer.clone()];
    }
    let named = told.metadata.iter().flat_map(|metadata| &metadata.authorization_servers);
    let named = named.map(|named| issuer_of(named));
    let same = |issuer: &String| {
        pinned.is_some_and(|pinned| pinned.trim_end_matches('/') == issuer.trim_end_matches('/'))
    };
    match named.clone().find(same) {
        Some(issuer) => vec![issuer],
        None => named.take(MOST_SERVERS).collect(),
    }
}

/// The metadata of the authorization server, with the members of its document that were left out.
async fn server(
    upstream: &Upstream,
    told: &ResourceFacts,
    pinned: Option<&str>,
) -> Result<(ServerMetadata, Vec<String>), OAuthError> {
    let (outbound, set) = (&upstream.outbound, &upstream.by_hand);
    if set.are_enough()
        && let Some(server) = ServerMetadata::by_hand(&upstream.config.issuer, set)
    {
        return Ok((server, Vec::new()));
    }
    let read = |found: Found<ServerMetadata>| {
        let left_out = named_left_out(&found).collect();
        (found.value, left_out)
    };
    let mut failed = None;
    for issuer in issuers(upstream, told, pinned) {
        match server_metadata(outbound, &issuer, set).await {
            Ok(found) => return Ok(read(found)),
            // The first is the one that the upstream prefers: its reason is the most informative.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    // Without resource metadata the server itself was the authorization server, in the first
    // revision that had one.
    let Some(url) = &upstream.url else {
        return Err(OAuthError::Misconfigured(
            "set issuer: the upstream cannot state which authorization server it trusts".to_owned(),
        ));
    };
    let origin = url.origin().ascii_serialization();
    match (server_metadata(outbound, &origin, set).await, &told.silent) {
        (Ok(found), _) => Ok(read(found)),
        (Err(_), Some(reason)) => Err(OAuthError::Unreachable(reason.to_string())),
        (Err(OAuthError::NoMetadata(_)), None) => {
            ServerMetadata::by_convention(url).map(|server| (server, Vec::new())).ok_or_else(|| {
                OAuthError::Untrusted("it does not state its authorization server".to_owned())
            })
        }
        (Err(error), None) => Err(error),
    }
}

/// Finds out where access to an upstream is given. `pinned` is the issuer that is pinned for it.
pub(crate) async fn discover(
    upstream: &Upstream,
    said: Option<&str>,
    pinned: Option<&str>,
) -> Result<Discovered, OAuthError> {
    let challenged = said.map(Challenge::read).unwrap_or_default();
    let told = told(upstream, challenged.resource_metadata.as_deref()).await?;
    let (server, mut left_out) = server(upstream, &told, pinned).await?;
    left_out.splice(0..0, told.left_out);
    if upstream.by_hand.needs_code && !server.checks_pkce() && !upstream.config.trust_pkce {
        // G20: a server that does not announce PKCE may not check it.
        return Err(OAuthError::Untrusted(
            "its authorization server does not state that it supports PKCE with S256; if you know \
             that it does, register a client there and set issuer, client_id and trust_pkce"
                .to_owned(),
        ));
    }
    let own = upstream.url.as_ref().map(|url| url.as_str().to_owned());
    let named = told.metadata.as_ref().and_then(|metadata| metadata.resource.clone());
    let resource = named.or(own);
    let wanted = challenged.scope.map(|scope| {
        scope.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    });
    let scopes = if upstream.config.scopes.is_empty() {
        wanted
            .or_else(|| told.metadata.and_then(|metadata| metadata.scopes_supported))
            .unwrap_or_default()
    } else {
        upstream.config.scopes.clone()
    };
    let unsure = told.silent.map(|reason| reason.to_string());
    let mut optional = |name: &str, told: Option<&str>| {
        let unusable = |error: OAuthError| left_out.push(format!("{name} ({error})"));
        endpoint(name, told?).map_err(unusable).ok()
    };
    let registration_endpoint =
        optional("registration_endpoint", server.registration_endpoint.as_deref());
    let revocation_endpoint =
        optional("revocation_endpoint", server.revocation_endpoint.as_deref());
    Ok(Discovered {
        authorization_endpoint: server
            .authorization_endpoint
            .as_deref()
            .map(|url| endpoint("authorization endpoint", url))
            .transpose()?,
        token_endpoint: endpoint("token endpoint", &server.token_endpoint)?,
        registration_endpoint,
        revocation_endpoint,
        resource: resource.clone().filter(|_| upstream.config.send_resource),
        named_resource: resource.filter(|_| unsure.is_none()),
        scopes,
        left_out,
        unsure,
        server,
    })
}
