//! REST APIs that are described by an OpenAPI 3 or Swagger 2.0 document: each operation becomes a
//! tool (CW7).

mod answer;
mod api;
mod body;
mod calling;
mod document;
mod keywords;
mod media;
mod naming;
mod operation;
mod parameter;
mod parameters;
mod reader;
mod repeated;
mod schema;
mod sending;
mod servers;
mod subtypes;
mod swagger;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod weight;
mod yaml;

use std::{any::Any, collections::HashMap, sync::Arc, time::Duration};

use doorward_mcp::{Answer, ItemSpec, Permit, ToolCall, ToolError};
use doorward_model::{User, upstream::PinnedTool};
use doorward_transport::budget;
use futures_util::future::BoxFuture;
use rmcp::model::CallToolResponse;
use serde_json::Value;
use url::Url;

use self::{
    api::{Api, DocumentSettings, MOST_DOCUMENT},
    operation::Operation,
};
use crate::{
    Gateway, Inner,
    catalogue::Catalogue,
    catalogues::CatalogueUse,
    config::{SettingError, UpstreamConfig},
    definition,
    exchange::gone,
    finding::{CheckSubject, Finding},
    link_error::LinkError,
    listed::Listed,
    upstream::{Driver, Kind, Origins, Receiver, Setup, Shared, Upstream},
};

/// REST APIs.
pub(crate) static KIND: Kind = Kind {
    name: "openapi",
    summary: "A REST API that is described by an OpenAPI 3 or Swagger 2.0 document; each operation becomes a tool.",
    is_process: false,
    begins_with_stream: false,
    driver: &OpenApi,
};

struct OpenApi;

/// The URL of the document; `None` for a file.
fn document_url(config: &UpstreamConfig) -> Option<Url> {
    Url::parse(&config.document).ok().filter(|url| matches!(url.scheme(), "https" | "http"))
}

impl Setup for OpenApi {
    fn check(&self, config: &UpstreamConfig, _: Option<&Url>) -> Result<(), SettingError> {
        if config.document.is_empty() {
            return Err(SettingError::new("document", "is needed: a file or an https URL"));
        }
        Ok(())
    }

    fn ping(&self, url: &Url) -> http::Result<http::Request<Vec<u8>>> {
        http::Request::head(url.as_str()).body(Vec::new())
    }

    fn base(&self, config: &UpstreamConfig, url: Option<&Url>) -> Option<Url> {
        url.cloned().or_else(|| document_url(config))
    }

    /// The base URL or the document, with the further origins to which calls may go.
    fn resource(&self, config: &UpstreamConfig, url: Option<&Url>) -> String {
        let base = url.map_or(config.document.as_str(), Url::as_str);
        let mut origins = config.origins.clone();
        origins.sort();
        let all: Vec<&str> =
            std::iter::once(base).chain(origins.iter().map(String::as_str)).collect();
        all.join(" ")
    }

    fn place(&self, config: &UpstreamConfig) -> String {
        document_url(config).map_or_else(
            || format!("file {}", config.document),
            |url| url.origin().ascii_serialization(),
        )
    }

    fn is_reached_at(&self, upstream: &Upstream, receiver: Receiver<'_>) -> bool {
        matches!(receiver, Receiver::Url(to) if upstream.origins.allow(to))
    }
}

/// The operation behind a tool, as it was pinned.
fn operation_of<'c>(catalogue: &'c Catalogue, tool: &str) -> Option<&'c Operation> {
    let operation: &dyn Any = catalogue.operation(tool)?;
    operation.downcast_ref()
}

impl Driver for OpenApi {
    fn list<'a>(
        &'a self,
        inner: &'a Arc<Inner>,
        upstream: &'a Shared,
        _: &'a Arc<User>,
    ) -> BoxFuture<'a, Result<Listed, LinkError>> {
        Box::pin(async move {
            let pins = inner.services.store.pinned_tools(upstream.name).await;
            let pins = pins.map_err(|error| LinkError::Failed(error.to_string()))?;
            let api = load(upstream, pins).await?;
            Ok(Listed { tools: api.tools, left_out: api.left_out, ..Listed::default() })
        })
    }

    fn call<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        call: ToolCall,
    ) -> BoxFuture<'a, Result<CallToolResponse, ToolError>> {
        Box::pin(async move {
            let catalogue_state = gateway
                .inner
                .catalogue(upstream, &call.inbound.caller.user, CatalogueUse::Call)
                .await?;
            let Some(catalogue) = catalogue_state.catalogue else {
                return Err(ToolError::Failed(format!(
                    "{} cannot be read at the moment",
                    upstream.title
                )));
            };
            match operation_of(&catalogue, &call.spec.own_name) {
                Some(operation) => gateway.call_api(call, upstream, operation).await,
                None => Err(gone()),
            }
        })
    }

    fn perform<'a>(
        &'a self,
        _: &'a Gateway,
        upstream: &'a Shared,
        _: &'a ItemSpec,
        permit: Permit,
    ) -> BoxFuture<'a, Result<Answer, ToolError>> {
        Box::pin(async move {
            match permit.operation {
                // Without a session, there is no level to set.
                doorward_mcp::Operation::SetLevel(..) => Ok(Answer::Done),
                _ => Err(ToolError::Failed(format!(
                    "{} is a REST API and offers only tools",
                    upstream.title
                ))),
            }
        })
    }

    fn test<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        user: Option<&'a Arc<User>>,
    ) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let loaded = load(upstream, Arc::default()).await;
            let summary = loaded.as_ref().map(Api::summary).map_err(ToString::to_string);
            let mut findings = vec![Finding { subject: CheckSubject::Document, result: summary }];
            if loaded.is_ok() {
                let test_user = gateway.test_user();
                findings.extend(gateway.try_list(upstream, user.unwrap_or(&test_user)).await);
            }
            findings
        })
    }

    fn operation(&self, pinned: Value) -> Option<Arc<dyn definition::Operation>> {
        Some(Arc::new(Operation::pinned(pinned)?))
    }
}

/// Reads the document of an upstream. `pins` are the tools that were pinned of it: an operation
/// keeps the name under which it was.
async fn load(upstream: &Shared, pins: Arc<Vec<PinnedTool>>) -> Result<Api, LinkError> {
    let place = &upstream.config.document;
    let failed = |why: String| LinkError::Failed(format!("the document {place}: {why}"));
    let (text, at) = match document_url(&upstream.config) {
        Some(url) => fetched(upstream, url).await.map_err(failed)?,
        None => (read(place).await.map_err(failed)?, None),
    };
    let owned = Arc::clone(upstream);
    let parse = move || {
        let definitions: HashMap<&str, &str> =
            pins.iter().map(|pin| (pin.tool.as_str(), pin.definition.as_str())).collect();
        let wanted = DocumentSettings {
            configured: owned.url.clone(),
            at,
            origins: &owned.origins,
            offers: &|name| owned.offers(name),
            pinned: &|name| {
                let (_, operation) = definition::pinned(definitions.get(name)?)?;
                Some(Operation::pinned(operation?)?.identity())
            },
        };
        document::parse(&text, &wanted)
    };
    budget::off_thread(parse).await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

/// Fetches a document. Answers also from where it came, to which its own references are relative.
async fn fetched(upstream: &Shared, url: Url) -> Result<(Vec<u8>, Option<Url>), String> {
    let request = http::Request::get(url.as_str())
        .header(http::header::ACCEPT, "application/json, application/yaml, text/yaml, */*")
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let located = upstream
        .outbound
        .send_within_origin(request, MOST_DOCUMENT, Duration::from_secs(30))
        .await
        .map_err(|error| error.to_string())?;
    let answer = located.fetched;
    if answer.status != 200 {
        let target = answer.headers.get(http::header::LOCATION);
        return Err(match target.and_then(|target| target.to_str().ok()) {
            Some(target) => format!(
                "HTTP {}: it redirects to {}; set document to that",
                answer.status,
                doorward_model::foreign::line(target, 200)
            ),
            None => format!("HTTP {}", answer.status),
        });
    }
    Ok((answer.body, located.url.or(Some(url))))
}

async fn read(place: &str) -> Result<Vec<u8>, String> {
    use tokio::io::AsyncReadExt;
    let file = tokio::fs::File::open(place).await.map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    file.take(MOST_DOCUMENT as u64 + 1)
        .read_to_end(&mut text)
        .await
        .map_err(|error| error.to_string())?;
    if text.len() > MOST_DOCUMENT {
        return Err("it is too long".to_owned());
    }
    Ok(text)
}

/// A document for the fuzz targets: each tool that it makes is executed as it was pinned, and its
/// calls stay below the base URL, for any arguments.
///
/// # Panics
///
/// A document for which that does not hold.
pub fn check(text: &[u8]) {
    let Ok(at) = Url::parse("https://api.example/openapi.json") else { return };
    let wanted = DocumentSettings {
        configured: None,
        origins: &Origins::new(Some(at.origin()), Vec::new()),
        at: Some(at),
        offers: &|_| true,
        pinned: &|_| None,
    };
    let Ok(api) = document::parse(text, &wanted) else { return };
    for shown in &api.tools {
        let whole = shown.whole();
        let pinned = definition::pinned(&whole).and_then(|(_, operation)| operation);
        let operation = pinned.clone().and_then(Operation::pinned);
        assert!(operation.is_some(), "a tool that cannot be called: {whole}");
        let Some(operation) = operation else { continue };
        assert_eq!(Some(definition::Operation::to_value(&operation)), pinned, "a pin changes");
        let names = shown.tool.input_schema.get("properties").and_then(Value::as_object);
        let hostile = Value::from("../../x/%2e%2e/?a=b&c#d\\..;@evil.example\r\n");
        let arguments = names
            .map(|names| names.keys().map(|name| (name.clone(), hostile.clone())).collect())
            .unwrap_or_default();
        let Ok(request) = operation.request(&arguments) else { continue };
        let url = Url::parse(&request.uri().to_string());
        let base = operation.base();
        let stays = url.is_ok_and(|url| {
            url.origin() == base.origin()
                && url.path().starts_with(base.path().trim_end_matches('/'))
        });
        assert!(stays, "{} leaves {base}", request.uri());
    }
}
