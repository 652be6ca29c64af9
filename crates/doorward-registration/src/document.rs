//! Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document-02).

use std::sync::Arc;

use doorward_model::{Change, Client, ClientId, ClientSource, ConnectStep, StepKind};
use doorward_store::origin;
use doorward_transport::{ClientAddress, Fetched, OutboundError, media_type::Media};
use serde_json::{Map, Value};
use url::Url;

use crate::{LookupError, Registration, policy, presets};

/// Maximum number of bytes of a document (§6.6 of the draft).
const MAX_BYTES: usize = 5 * 1024;
/// Seconds for which a document without caching headers is used.
const DEFAULT_AGE: i64 = 3600;
/// Seconds for which a document is used that could not be fetched.
const PRESET_AGE: i64 = 3600;

/// The reason for which a metadata document is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentRefusal {
    /// Metadata documents are disabled here.
    #[error(
        "this server does not accept client identifiers that are URLs; register the client, or ask \
         an administrator to add it"
    )]
    Disabled,
    /// The URL cannot be a client identifier.
    #[error(
        "a client identifier that is a URL must be https, have a path, and no user name, fragment \
         or dot segments"
    )]
    Address,
    /// The operator does not accept clients of this host.
    #[error("the operator of this server does not accept clients of {0}")]
    Host(String),
    /// The server answered something else than 200 with JSON. Redirects are never followed.
    #[error("its URL returned {0} instead of the document")]
    Status(u16),
    /// Not JSON.
    #[error("its document is not JSON")]
    NotJson,
    /// The `client_id` in it is another.
    #[error("the client_id in its document is not the document's URL")]
    OtherClient,
    /// It changed since an administrator pinned it.
    #[error("its document changed since an administrator pinned it ({0})")]
    Pinned(&'static str),
    /// The metadata is refused by policy.
    #[error("its document is not valid: {0}")]
    Policy(String),
}

/// Parses a client identifier that is a URL. It must already be in the form that the parser would
/// give it: there is one spelling, compared as a string.
fn address(id: &ClientId) -> Result<Url, DocumentRefusal> {
    let text = id.as_str();
    let url = Url::parse(text).map_err(|_| DocumentRefusal::Address)?;
    let plain = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && !text.contains('#')
        && url.path().len() > 1;
    if plain && url.as_str() == text && text.len() <= 512 {
        Ok(url)
    } else {
        Err(DocumentRefusal::Address)
    }
}

/// For how many seconds the answer's headers let it be used (RFC 9111 §5.2), at most `cap`.
fn max_age(fetched: &Fetched, cap: i64) -> i64 {
    let Some(control) = fetched.headers.get("cache-control").and_then(|value| value.to_str().ok())
    else {
        return DEFAULT_AGE.min(cap);
    };
    let mut age = DEFAULT_AGE;
    for directive in control.split(',').map(|directive| directive.trim().to_ascii_lowercase()) {
        if directive == "no-store" || directive == "no-cache" {
            return 0;
        }
        if let Some(seconds) = directive
            .strip_prefix("max-age=")
            .and_then(|seconds| seconds.trim_matches('"').parse::<i64>().ok())
        {
            age = seconds;
        }
    }
    age.clamp(0, cap)
}

/// The document in a response.
fn read(fetched: &Fetched) -> Result<Map<String, Value>, DocumentRefusal> {
    if !Media::of(&fetched.headers).is_some_and(|media| media.is_json()) {
        return Err(DocumentRefusal::NotJson);
    }
    fetched.json().map_err(|_| DocumentRefusal::NotJson)
}

impl Registration {
    /// Fetches, checks and stores a client's document, once for all waiting requests and in a task
    /// of its own. Errors and refused documents are never remembered.
    pub(crate) async fn fetch_document(
        &self,
        id: &ClientId,
        known: Option<Arc<Client>>,
        asker: ClientAddress,
    ) -> Result<Arc<Client>, LookupError> {
        let refused = |refusal: DocumentRefusal| LookupError::Unknown(refusal.to_string());
        let config = self.config.now();
        if !config.metadata_documents {
            return Err(refused(DocumentRefusal::Disabled));
        }
        let url = address(id).map_err(refused)?;
        let host = url.host_str().unwrap_or_default();
        // Before the fetch: no request may be sent to a host that is not accepted.
        if !config.metadata_document_hosts.is_empty()
            && !config.metadata_document_hosts.iter().any(|listed| listed == host)
        {
            return Err(refused(DocumentRefusal::Host(host.to_owned())));
        }
        if !self.fetch_limit.allows(asker) {
            return Err(LookupError::Limited);
        }
        let (registration, of, origin) = (self.clone(), id.clone(), origin::current());
        let work = move || async move {
            let kept = registration.fetch_and_keep(&of, &url, known.as_deref());
            match origin {
                // Stored changes are attributed in the audit to the request that began the fetch.
                Some(origin) => origin::serving(origin, kept).await,
                None => kept.await,
            }
        };
        self.documents
            .run(id.clone(), work)
            .await
            .map_err(|error| LookupError::Unavailable(error.to_string()))?
    }

    async fn fetch_and_keep(
        &self,
        id: &ClientId,
        url: &Url,
        known: Option<&Client>,
    ) -> Result<Arc<Client>, LookupError> {
        let refused = |refusal: DocumentRefusal| LookupError::Unknown(refusal.to_string());
        let preset = self.config.now().known_clients.then(|| presets::document(id)).flatten();
        let fetched = self.fetch(id, url, preset.is_some()).await;
        let (client, detail) = match (fetched, preset) {
            (Ok(client), _) => (client, ""),
            (Err(LookupError::Unavailable(why)), Some(metadata)) => {
                tracing::info!(client = %id, why, "the metadata document of a known client cannot be fetched; the one that was fetched last, or the built-in one, is used");
                let client = match known {
                    Some(known) => known.clone(),
                    None => self.read_metadata(id, &metadata, PRESET_AGE).map_err(refused)?,
                };
                let fresh_until = Some(self.clock.now().plus(PRESET_AGE));
                (Client { fresh_until, ..client }, "built-in")
            }
            (Err(error), _) => return Err(error),
        };
        let client = Client {
            created_at: known.map_or(client.created_at, |known| known.created_at),
            authorized_at: known.and_then(|known| known.authorized_at),
            disabled_at: known.and_then(|known| known.disabled_at),
            approved_at: known.and_then(|known| known.approved_at),
            pinned_at: known.and_then(|known| known.pinned_at),
            ..client
        };
        if let Some(known) = known.filter(|known| known.pinned_at.is_some())
            && let Some(part) = policy::changed(known, &client)
        {
            tracing::warn!(client = %id, part, "the client's metadata document changed since it was pinned; it is refused");
            return Err(LookupError::Pinned(DocumentRefusal::Pinned(part).to_string()));
        }
        self.store
            .apply(Change::PutDocumentClient(Box::new(client.clone())))
            .await
            .map_err(|error| LookupError::Unavailable(error.to_string()))?;
        self.store.note_step(
            ConnectStep::new(StepKind::Document)
                .client(id.as_str(), Some(client.name.clone()))
                .detail(detail),
        );
        Ok(Arc::new(client))
    }

    /// Fetches and reads a document. That of a known client counts as unavailable also where
    /// something else answers in its place, such as a proxy or a block of this network.
    async fn fetch(&self, id: &ClientId, url: &Url, is_known: bool) -> Result<Client, LookupError> {
        let refused = |refusal: DocumentRefusal| {
            if is_known {
                LookupError::Unavailable(refusal.to_string())
            } else {
                LookupError::Unknown(refusal.to_string())
            }
        };
        let fetched = self.outbound.get(url, "application/json", MAX_BYTES).await.map_err(
            |error| match error {
                OutboundError::Address(_)
                | OutboundError::PlainAddress(_)
                | OutboundError::Scheme => refused(DocumentRefusal::Address),
                OutboundError::TooLong(bytes) => {
                    refused(DocumentRefusal::Policy(format!("it is longer than {bytes} bytes")))
                }
                other => LookupError::Unavailable(format!(
                    "its metadata document could not be fetched: {other}"
                )),
            },
        )?;
        match fetched.status {
            200 => {}
            status @ (408 | 425 | 429 | 500..=599) => {
                return Err(LookupError::Unavailable(DocumentRefusal::Status(status).to_string()));
            }
            // Its vendor removed it.
            status @ (404 | 410) => {
                return Err(LookupError::Unknown(DocumentRefusal::Status(status).to_string()));
            }
            status => return Err(refused(DocumentRefusal::Status(status))),
        }
        let metadata = read(&fetched).map_err(refused)?;
        let age = max_age(&fetched, self.config.now().metadata_document_max_age_seconds);
        self.read_metadata(id, &metadata, age)
            .map_err(|refusal| LookupError::Unknown(refusal.to_string()))
    }

    /// Makes a client of a document that may be used for `age` seconds.
    fn read_metadata(
        &self,
        id: &ClientId,
        metadata: &Map<String, Value>,
        age: i64,
    ) -> Result<Client, DocumentRefusal> {
        if metadata.get("client_id").and_then(Value::as_str) != Some(id.as_str()) {
            return Err(DocumentRefusal::OtherClient);
        }
        let accepted = policy::accept(metadata, ClientSource::MetadataDocument, &self.config.now())
            .map_err(|refusal| DocumentRefusal::Policy(refusal.why))?;
        let now = self.clock.now();
        let client = accepted.client(id.clone(), ClientSource::MetadataDocument, now);
        Ok(Client { fresh_until: Some(now.plus(age)), ..client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ax8_only_one_spelling_of_a_url_is_a_client_identifier() {
        for good in [
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://vscode.dev/oauth/client-metadata.json",
            "https://a.example:8443/c",
        ] {
            assert!(address(&ClientId::from_text(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/c",
            "https://a.example",
            "https://a.example/",
            "https://u@a.example/c",
            "https://u:p@a.example/c",
            "https://a.example/c#f",
            "https://a.example/c#",
            "https://a.example/x/../c",
            "https://a.example/./c",
            "https://A.example/c",
            "https://a.example:443/c",
            "https://a.example/%2e%2e/c",
            "https:a.example/c",
            "https://a.example\\c",
        ] {
            assert!(address(&ClientId::from_text(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a11_cimd_12_caching_follows_the_headers_within_bounds() {
        let with = |value: Option<&str>| {
            let mut headers = reqwest_headers();
            if let Some(value) = value {
                headers.insert("cache-control", value.parse().unwrap());
            }
            max_age(&Fetched { status: 200, headers, body: Vec::new() }, 86_400)
        };
        assert_eq!(with(None), 3600);
        assert_eq!(with(Some("max-age=60, public")), 60);
        assert_eq!(with(Some("max-age=99999999")), 86_400);
        assert_eq!(with(Some("max-age=60, no-store")), 0);
        assert_eq!(with(Some("No-Cache")), 0);
        assert_eq!(with(Some("max-age=-5")), 0);
    }

    fn reqwest_headers() -> axum::http::HeaderMap {
        axum::http::HeaderMap::new()
    }
}
