//! Sessions of clients that speak the older revisions. The data of `initialize`, which such a
//! client sends once, is sealed into the session's id: no replica keeps state, a restart loses
//! none, and the id gives no access without its user's token (CA24, CA25, L3).

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{Sealed, UpstreamId, UpstreamName};
use rmcp::model::ClientCapabilities;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Caller, Mcp,
    inbound::{ClientFacts, Target},
};

/// The header that carries a session's id.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("mcp-session-id");
/// The lifetime of an id, in seconds. After the end of its session, a client begins a new one.
const LIFETIME: i64 = 30 * 86_400;
/// The longest id that is looked at, in bytes.
const LONGEST: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Inside {
    user: String,
    client: String,
    begun: i64,
    facts: ClientFacts,
}

/// The session that a request names.
pub(crate) enum PresentedSession {
    /// Nothing.
    None,
    /// One of this user's and client's, with its hash.
    Valid(Arc<ClientFacts>, Arc<str>),
    /// One that has ended, or is another user's: the client has to begin again.
    Unknown,
}

/// The statement of a client about itself when it begins (`initialize`).
pub(crate) fn introduced(params: &Value) -> ClientFacts {
    let text = |pointer: &str| {
        params
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .chars()
            .take(128)
            .collect()
    };
    let mut capabilities: ClientCapabilities = params
        .get("capabilities")
        .and_then(|value| serde_json::from_value(value.clone()).ok())
        .unwrap_or_default();
    // Only the capabilities that servers may use are kept, so that an id stays short.
    capabilities.experimental = None;
    capabilities.extensions = None;
    ClientFacts {
        name: text("/clientInfo/name"),
        version: text("/protocolVersion"),
        modern: false,
        capabilities,
        asks: false,
    }
}

/// The key of an opened session: the place that it is sealed for, and the digest of its identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    place: String,
    digest: String,
}

/// A session that was opened before.
#[derive(Clone, Debug)]
pub(crate) struct OpenedSession {
    client: Arc<ClientFacts>,
    /// The time of its beginning, in seconds since 1970.
    begun: i64,
}

impl Mcp {
    /// The place that a session's id is sealed for: it is valid for no other user and client, and
    /// at the URL of one upstream or toolset for no other one, one that was added later under the
    /// same name included.
    fn session_place(&self, caller: &Caller, target: Target) -> String {
        let (user, client) = (caller.user_id(), caller.program());
        match target {
            Target::All => format!("mcp-session/{user}/{client}"),
            Target::One(name) => {
                format!("mcp-session/{user}/{client}/{name}/{}", self.upstream_id(name))
            }
            Target::Set(name) => {
                let toolset = self.inner.settings.resources.toolset(name);
                let since = toolset.map(|toolset| toolset.created_at.0).unwrap_or_default();
                format!("mcp-session/{user}/{client}/set/{name}/{since}")
            }
        }
    }

    /// The identity of an upstream, which is bound into values sealed for it. A deleted upstream
    /// has a unique identity.
    pub(crate) fn upstream_id(&self, name: UpstreamName) -> UpstreamId {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let known = settings.resources.upstream_id(name);
        known.unwrap_or_else(|| UpstreamId::random(services.entropy.as_ref()))
    }

    /// Makes a session's id.
    pub(crate) fn begin_session(
        &self,
        caller: &Caller,
        target: Target,
        facts: ClientFacts,
    ) -> String {
        let inside = Inside {
            user: caller.user_id().to_string(),
            client: caller.program().to_string(),
            begun: self.inner.services.clock.now().0,
            facts,
        };
        let plain = serde_json::to_vec(&inside).unwrap_or_default();
        let place = self.session_place(caller, target);
        self.inner.services.master.seal(&place, &plain).as_str().to_owned()
    }

    /// Opens the session that a request presents.
    pub(crate) fn session(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
        target: Target,
    ) -> PresentedSession {
        let Some(value) = headers.get(&HEADER) else { return PresentedSession::None };
        let Ok(id) = value.to_str() else { return PresentedSession::Unknown };
        if id.len() > LONGEST {
            return PresentedSession::Unknown;
        }
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(id.as_bytes()));
        // Opening costs a decryption; the same client presents the same id with every request.
        let place = self.session_place(caller, target);
        let key = SessionKey { place, digest };
        let now = self.inner.services.clock.now().0;
        if let Some(opened) = self.inner.sessions.get(&key) {
            return if now < opened.begun + LIFETIME {
                PresentedSession::Valid(opened.client, key.digest.into())
            } else {
                PresentedSession::Unknown
            };
        }
        let Ok(plain) =
            self.inner.services.master.open(&key.place, &Sealed::from_stored(id.to_owned()))
        else {
            return PresentedSession::Unknown;
        };
        let Ok(inside) = serde_json::from_slice::<Inside>(&plain) else {
            return PresentedSession::Unknown;
        };
        if inside.user != caller.user_id().as_str()
            || inside.client != caller.program().as_str()
            || now >= inside.begun + LIFETIME
        {
            return PresentedSession::Unknown;
        }
        let facts = Arc::new(inside.facts);
        let hash: Arc<str> = key.digest.as_str().into();
        let opened = OpenedSession { client: Arc::clone(&facts), begun: inside.begun };
        self.inner.sessions.insert(key, opened);
        PresentedSession::Valid(facts, hash)
    }
}
