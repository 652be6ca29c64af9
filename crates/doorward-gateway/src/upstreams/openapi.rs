//! REST APIs that are described by an OpenAPI 3 or Swagger 2.0 document: each operation becomes a
//! tool (CW7).

mod answer;
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
mod schema;
mod sending;
mod servers;
mod swagger;
#[cfg(test)]
mod tests;
mod tree;

use std::{collections::HashMap, sync::Arc, time::Duration};

use doorward_model::upstream::PinnedTool;
use doorward_transport::budget;
use url::Url;

pub(crate) use self::operation::Operation;
use crate::{definition::Shown, left_out::LeftOut, link::LinkError, upstream::Shared};

/// The most bytes of a document.
const MOST_DOCUMENT: usize = 32 * 1024 * 1024;
/// The most base URLs that are named.
const MOST_BASES: usize = 3;

/// An API, read from its document.
pub(crate) struct Api {
    title: String,
    /// Where its operations are called.
    bases: Vec<Url>,
    /// Its operations as tools.
    pub(crate) tools: Vec<Shown>,
    /// The operations that are no tools, and what the others are offered without.
    pub(crate) left_out: LeftOut,
}

impl Api {
    /// What it is, in a line.
    pub(crate) fn summary(&self) -> String {
        let title = doorward_model::foreign::line(&self.title, 100);
        let mut bases: Vec<String> =
            self.bases.iter().take(MOST_BASES).map(ToString::to_string).collect();
        if self.bases.len() > MOST_BASES {
            bases.push(format!("{} more", self.bases.len() - MOST_BASES));
        }
        format!("{title}: {} operations at {}", self.tools.len(), bases.join(", "))
    }
}

/// Reads the document of an upstream. `pins` are the tools that were pinned of it: an operation
/// keeps the name under which it was.
pub(crate) async fn load(upstream: &Shared, pins: Arc<Vec<PinnedTool>>) -> Result<Api, LinkError> {
    let place = &upstream.config.document;
    let failed = |why: String| LinkError::Failed(format!("the document {place}: {why}"));
    let (text, at) = match Url::parse(place) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => {
            (fetched(upstream, &url).await.map_err(failed)?, Some(url))
        }
        _ => (read(place).await.map_err(failed)?, None),
    };
    let owned = Arc::clone(upstream);
    let parse = move || {
        let definitions: HashMap<&str, &str> =
            pins.iter().map(|pin| (pin.tool.as_str(), pin.definition.as_str())).collect();
        let wanted = document::Wanted {
            configured: owned.url.clone(),
            at,
            origins: &owned.origins,
            offers: &|name| owned.offers(name),
            pinned: &|name| Some(Shown::of(definitions.get(name)?)?.operation?.identity()),
        };
        document::parse(&text, &wanted)
    };
    budget::off_thread(parse).await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

async fn fetched(upstream: &Shared, url: &Url) -> Result<Vec<u8>, String> {
    let request = http::Request::get(url.as_str())
        .header(http::header::ACCEPT, "application/json, application/yaml, text/yaml, */*")
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let answer = upstream
        .outbound
        .send_within(request, MOST_DOCUMENT, Duration::from_secs(30))
        .await
        .map_err(|error| error.to_string())?;
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
    Ok(answer.body)
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

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
