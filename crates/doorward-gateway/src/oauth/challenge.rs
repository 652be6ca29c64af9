//! How an upstream wants to be authorised, as it says itself.

use std::sync::PoisonError;

use url::Url;

use super::{Discovered, MAX_DOCUMENT, OAuthError, discover};
use crate::{Gateway, upstream::Upstream};

impl Gateway {
    /// Finds out where access is given; asks the upstream for its challenge first, if it never sent
    /// one.
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

    /// Sends requests without a token to learn how the upstream wants to be asked: as a client of
    /// the stateless revisions, and as an older one. Some let the handshake pass and ask only at
    /// the first request after it.
    async fn provoke(&self, upstream: &Upstream, url: &Url) -> Option<String> {
        let about = serde_json::json!({"name": "doorward", "version": env!("CARGO_PKG_VERSION")});
        let meta = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": about,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let initialize = serde_json::json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about});
        for (method, version, params) in [
            ("server/discover", "2026-07-28", serde_json::json!({"_meta": meta})),
            ("initialize", "2025-11-25", initialize),
            ("tools/list", "2025-11-25", serde_json::json!({})),
        ] {
            let body =
                serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            let request = http::Request::post(url.as_str())
                .header(http::header::ACCEPT, "application/json, text/event-stream")
                .header(http::header::CONTENT_TYPE, "application/json")
                .header("mcp-protocol-version", version)
                .header("mcp-method", method)
                .body(body.to_string().into_bytes())
                .ok()?;
            let answer = upstream.outbound.send(request, MAX_DOCUMENT).await.ok()?;
            if let Some(said) = answer
                .headers
                .get(http::header::WWW_AUTHENTICATE)
                .and_then(|value| value.to_str().ok())
            {
                *upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(said.to_owned());
                return Some(said.to_owned());
            }
        }
        None
    }
}
