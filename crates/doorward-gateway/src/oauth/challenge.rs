//! Requirements of an upstream for authorization, as stated by itself.

use std::sync::PoisonError;

use doorward_transport::oauth::Challenge;
use http::header;
use url::Url;

use super::{Discovered, MAX_DOCUMENT, OAuthError, discover};
use crate::{Gateway, upstream::Upstream};

impl Gateway {
    /// Discovers the authorization server; requests the upstream's challenge first, if it never
    /// sent one.
    pub(super) async fn discovered(
        &self,
        upstream: &std::sync::Arc<Upstream>,
    ) -> Result<Discovered, OAuthError> {
        let mut said = upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if said.is_none()
            && let Some(url) = &upstream.url
            && upstream.config.issuer.is_empty()
        {
            said = self.provoke(upstream, url).await;
        }
        let trust = self.inner.trust(upstream).await?;
        let pinned = trust.as_ref().and_then(|trust| trust.server.as_ref());
        discover(upstream, said.as_deref(), pinned.map(|server| server.issuer.as_str())).await
    }

    /// Sends requests without a token to obtain the upstream's challenge: as a client of the
    /// stateless revisions, and as an older one. Some allow the handshake and challenge only the
    /// first request after it.
    async fn provoke(&self, upstream: &Upstream, url: &Url) -> Option<String> {
        let about = serde_json::json!({"name": "doorward", "version": env!("CARGO_PKG_VERSION")});
        let meta = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": about,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let initialize = serde_json::json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about});
        if upstream.kind.begins_with_stream {
            // A stream without an end is given up.
            let request = http::Request::get(url.as_str())
                .header(header::ACCEPT, "text/event-stream")
                .body(Vec::new())
                .ok()?;
            if let Some(said) = challenged_by(upstream, request).await {
                return Some(said);
            }
        }
        for (method, version, params) in [
            ("server/discover", "2026-07-28", serde_json::json!({"_meta": meta})),
            ("initialize", "2025-11-25", initialize),
            ("tools/list", "2025-11-25", serde_json::json!({})),
        ] {
            let body =
                serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            let request = http::Request::post(url.as_str())
                .header(header::ACCEPT, "application/json, text/event-stream")
                .header(header::CONTENT_TYPE, "application/json")
                .header("mcp-protocol-version", version)
                .header("mcp-method", method)
                .body(body.to_string().into_bytes())
                .ok()?;
            // A server that does not know a method may answer it in its own way.
            if let Some(said) = challenged_by(upstream, request).await {
                return Some(said);
            }
        }
        None
    }
}

/// Sends a request without a token, and keeps the challenge in its answer.
async fn challenged_by(upstream: &Upstream, request: http::Request<Vec<u8>>) -> Option<String> {
    let outbound = &upstream.outbound;
    let asked = outbound.send_within_origin(request, MAX_DOCUMENT, outbound.timeout());
    let answer = asked.await.ok()?.fetched;
    let said = Challenge::text(&answer.headers);
    if said.is_empty() {
        return None;
    }
    *upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(said.clone());
    Some(said)
}
