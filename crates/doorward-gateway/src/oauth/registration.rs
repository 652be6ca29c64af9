//! Registration of this server as a client of an upstream's authorization server: by configuration,
//! by metadata document, or dynamically (G23).

use std::sync::Arc;

use doorward_model::{
    Sealed, Timestamp, UpstreamChange, UpstreamName, public_url, routes,
    upstream::UpstreamRegistration,
};
use doorward_transport::oauth::{Failure, Registration};
use serde_json::{Value, json};
use url::Url;

use super::{ClientCredentials, Discovered, MAX_DOCUMENT, Method, OAuthError};
use crate::{
    Inner,
    upstream::{Shared, Upstream},
};

/// The place that a registration is sealed for. Rows of versions before 0.2 name no resource.
fn place(upstream: UpstreamName, issuer: &str, resource: Option<&str>) -> String {
    match resource {
        Some(resource) => {
            format!("upstream_registration {}", json!([upstream.as_str(), issuer, resource]))
        }
        None => format!("upstream_registration/{upstream}/{issuer}"),
    }
}

/// The credentials of a registration, if they open.
pub(crate) fn opened(
    gateway: &Inner,
    of: (UpstreamName, &str, Option<&str>),
    sealed: &Sealed,
) -> Option<ClientCredentials> {
    let (upstream, issuer, resource) = of;
    let plain = gateway.services.master.open(&place(upstream, issuer, resource), sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

/// The client metadata document for authorization servers: its URL is this server's client id
/// (CIMD).
pub(crate) fn document(gateway: &Inner) -> Value {
    let settings = &gateway.settings;
    json!({
        "client_id": settings.public_url.at(routes::CONNECT_CLIENT),
        "client_name": settings.name,
        "client_uri": settings.public_url.as_str(),
        "redirect_uris": gateway.redirect_uris(),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
    })
}

/// True if other servers can fetch the document: only under a public https URL.
fn has_document(gateway: &Inner) -> bool {
    Url::parse(gateway.settings.public_url.as_str())
        .is_ok_and(|url| url.scheme() == "https" && !public_url::is_loopback(&url))
}

/// This server's present registration at an authorization server, if there is one.
pub(crate) async fn known(
    gateway: &Inner,
    upstream: &Upstream,
    issuer: &str,
) -> Result<Option<ClientCredentials>, OAuthError> {
    if !upstream.config.client_id.is_empty() {
        let configured = &upstream.config.issuer;
        if !configured.is_empty()
            && configured.trim_end_matches('/') != issuer.trim_end_matches('/')
        {
            return Err(OAuthError::Misconfigured(format!(
                "the client_id is for {configured}, not for {issuer}"
            )));
        }
        // The method that the server takes was kept with the registration, without the secret.
        let kept = stored(gateway, upstream, issuer).await?;
        let client = ClientCredentials::configured(upstream);
        return Ok(Some(match kept {
            // The operator's setting precedes.
            Some(kept) if client.client_secret.is_some() && upstream.by_hand.method.is_none() => {
                ClientCredentials { method: kept.method, ..client }
            }
            _ => client,
        }));
    }
    stored(gateway, upstream, issuer).await
}

async fn stored(
    gateway: &Inner,
    upstream: &Upstream,
    issuer: &str,
) -> Result<Option<ClientCredentials>, OAuthError> {
    let services = &gateway.services;
    let Some(row) = services.store.upstream_registration(upstream.name, issuer).await? else {
        return Ok(None);
    };
    if row.expires_at.is_some_and(|end| services.clock.now() >= end) {
        return Ok(None);
    }
    // A registration for another resource is not used for this one.
    if row.resource.as_ref().is_some_and(|resource| *resource != upstream.location) {
        return Ok(None);
    }
    let of = (upstream.name, issuer, row.resource.as_deref());
    Ok(opened(gateway, of, &row.credentials))
}

async fn keep(
    gateway: &Inner,
    upstream: &Upstream,
    issuer: &str,
    client: &ClientCredentials,
    expires_at: Option<Timestamp>,
) -> Result<(), OAuthError> {
    let services = &gateway.services;
    let plain = serde_json::to_vec(client).unwrap_or_default();
    let row = UpstreamRegistration {
        upstream: upstream.name,
        issuer: issuer.to_owned(),
        resource: Some(upstream.location.clone()),
        credentials: services
            .master
            .seal(&place(upstream.name, issuer, Some(&upstream.location)), &plain),
        expires_at,
        created_at: services.clock.now(),
    };
    Ok(services.store.apply(UpstreamChange::PutRegistration(row)).await?)
}

/// This server's registration at this authorization server; it is made if there is none yet.
pub(crate) async fn client(
    gateway: &Arc<Inner>,
    upstream: &Shared,
    discovered: &Discovered,
) -> Result<ClientCredentials, OAuthError> {
    let server = &discovered.server;
    let supported = server.token_endpoint_auth_methods_supported.as_deref();
    if !upstream.config.client_id.is_empty() {
        let client = known(gateway, upstream, &server.issuer)
            .await?
            .unwrap_or_else(|| ClientCredentials::configured(upstream))
            .fitting(supported.filter(|_| upstream.by_hand.method.is_none()));
        keep(gateway, upstream, &server.issuer, &client.without_secrets(), None).await?;
        return Ok(client);
    }
    if let Some(client) = stored(gateway, upstream, &server.issuer).await? {
        return Ok(client);
    }
    if server.client_id_metadata_document_supported && has_document(gateway) {
        let id = gateway.settings.public_url.at(routes::CONNECT_CLIENT);
        let client = ClientCredentials::public(id);
        keep(gateway, upstream, &server.issuer, &client, None).await?;
        return Ok(client);
    }
    let Some(endpoint) = &discovered.registration_endpoint else {
        let told = "its authorization server accepts no registrations; register this server there \
            and set client_id";
        return Err(OAuthError::Misconfigured(format!(
            "{told} (the redirect URI is {})",
            gateway.redirect_uri(upstream)
        )));
    };
    let key = (upstream.name, server.issuer.clone());
    let (inner, upstream, discovered, endpoint) =
        (Arc::clone(gateway), Arc::clone(upstream), discovered.clone(), endpoint.clone());
    let work = || async move {
        let issuer = &discovered.server.issuer;
        // Another request may have registered between the check and the task.
        if let Some(client) = stored(&inner, &upstream, issuer).await? {
            return Ok(client);
        }
        let (client, expires_at) = register(&inner, &upstream, &discovered, &endpoint).await?;
        keep(&inner, &upstream, issuer, &client, expires_at).await?;
        tracing::info!(upstream = %upstream.name, %issuer, "registered at an upstream's authorization server");
        Ok(client)
    };
    gateway.oauth.registrations.run(key, work).await?
}

/// Dynamic client registration (RFC 7591), as a web application.
async fn register(
    gateway: &Inner,
    upstream: &Upstream,
    discovered: &Discovered,
    endpoint: &Url,
) -> Result<(ClientCredentials, Option<Timestamp>), OAuthError> {
    let services = &gateway.services;
    let settings = &gateway.settings;
    let takes = |method: &str| {
        discovered
            .server
            .token_endpoint_auth_methods_supported
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|name| name == method))
    };
    let wanted = ["none", "client_secret_basic", "client_secret_post"]
        .into_iter()
        .find(|method| takes(method))
        .unwrap_or("none");
    let mut metadata = json!({
        "client_name": settings.name,
        "redirect_uris": [gateway.redirect_uri(upstream)],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": wanted,
        "application_type": "web",
    });
    if let Value::Object(members) = &mut metadata {
        if has_document(gateway) {
            members.insert("client_uri".to_owned(), settings.public_url.as_str().into());
        }
        if !discovered.scopes.is_empty() {
            members.insert("scope".to_owned(), discovered.scopes.join(" ").into());
        }
    }
    let request = http::Request::post(endpoint.as_str())
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(metadata.to_string().into_bytes())
        .map_err(|error| OAuthError::Untrusted(error.to_string()))?;
    let answer = upstream.outbound.send_along(request, MAX_DOCUMENT).await?;
    let registration = Registration::read(&answer, services.clock.now()).map_err(|failure| {
        let (Failure::Refused(told) | Failure::Client(told)) = &failure else {
            return match failure {
                Failure::Nonsense(why) => {
                    OAuthError::Untrusted(format!("it returned {why} to a registration"))
                }
                other => OAuthError::Unreachable(other.to_string()),
            };
        };
        let code = format!("HTTP {} to a registration: {}", answer.status, told.code);
        OAuthError::Refused(code, told.description.clone())
    })?;
    let Registration { client_id, client_secret, auth_method, secret_expires_at, left_out } =
        registration;
    for left in &left_out {
        tracing::info!(upstream = %upstream.name, %left, "a member of a registration was left out");
    }
    let method = match auth_method.as_deref() {
        _ if client_secret.is_none() => Method::None,
        Some("client_secret_post") => Method::ClientSecretPost,
        // RFC 7591 §2: the default is client_secret_basic.
        Some("client_secret_basic") | None => Method::ClientSecretBasic,
        Some(_) if wanted == "client_secret_post" => Method::ClientSecretPost,
        Some("none") => Method::None,
        Some(_) => Method::ClientSecretBasic,
    };
    let client_secret = client_secret.filter(|_| method != Method::None);
    let expires_at = secret_expires_at.filter(|_| client_secret.is_some());
    Ok((ClientCredentials { client_id, client_secret, key: None, method }, expires_at))
}
