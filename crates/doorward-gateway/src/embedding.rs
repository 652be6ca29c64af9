//! The model that turns passages and queries into vectors: an endpoint in the format of OpenAI's
//! `/v1/embeddings`, asked through the guarded client of the collection.

use std::{io::Read as _, path::PathBuf, time::Duration};

use doorward_knowledge::{Embedder, NoVectors};
use doorward_transport::{Budget, Outbound};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;
use url::Url;

use crate::config::{SettingError, UpstreamConfig};

/// Maximum number of bytes of an answer.
const MOST_ANSWER: usize = 8 * 1024 * 1024;
/// Maximum number of values of an answer: of 16 passages with 4096 dimensions each.
const MOST_VALUES: usize = 70_000;
/// Time for the vector of a query, for which a user waits.
const QUERY_WITHIN: Duration = Duration::from_secs(3);
/// Time for the vectors of several passages.
const PASSAGES_WITHIN: Duration = Duration::from_mins(1);
/// Maximum number of bytes of the file with the key.
const MOST_KEY: u64 = 8 * 1024;
/// Maximum number of passages with a vector, unless it is set.
pub(crate) const PASSAGES: u64 = 200_000;

/// The endpoint of a collection.
pub(crate) struct Endpoint {
    outbound: Outbound,
    url: Url,
    model: String,
    key_file: Option<PathBuf>,
    runtime: Handle,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

/// The URL of the endpoint; `None` without one.
fn url(config: &UpstreamConfig) -> Result<Option<Url>, SettingError> {
    let text = &config.embedding_url;
    if text.is_empty() {
        if config.embedding_model.is_empty() && config.embedding_key_file.is_empty() {
            return Ok(None);
        }
        let told = "is needed with embedding_model and embedding_key_file";
        return Err(SettingError::new("embedding_url", told));
    }
    let told = "must be an https URL, like https://models.example.com/v1/embeddings";
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let url = url.ok_or_else(|| SettingError::new("embedding_url", told))?;
    if config.embedding_model.is_empty() {
        let told = "is needed with embedding_url: the name of the model";
        return Err(SettingError::new("embedding_model", told));
    }
    Ok(Some(url))
}

/// Checks the settings of the endpoint.
pub(crate) fn check(config: &UpstreamConfig) -> Result<(), SettingError> {
    url(config).map(drop)
}

impl Endpoint {
    /// The endpoint of these settings; `None` without one, and outside of a server.
    pub(crate) fn of(config: &UpstreamConfig, outbound: &Outbound) -> Option<Self> {
        let url = url(config).ok()??;
        let key_file = Some(PathBuf::from(&config.embedding_key_file));
        Some(Self {
            outbound: outbound.clone(),
            url,
            model: config.embedding_model.clone(),
            key_file: key_file.filter(|file| !file.as_os_str().is_empty()),
            runtime: Handle::try_current().ok()?,
        })
    }

    fn key(&self) -> Result<Option<String>, String> {
        let Some(file) = &self.key_file else { return Ok(None) };
        let mut text = String::new();
        let read = std::fs::File::open(file)
            .and_then(|opened| opened.take(MOST_KEY).read_to_string(&mut text));
        read.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Some(text.trim().to_owned()))
    }

    /// Sends texts to the model; the status and the body of its answer.
    fn asked(&self, texts: &[String]) -> Result<(u16, Vec<u8>), String> {
        let body = json!({"model": self.model, "input": texts, "encoding_format": "float"});
        let mut request = http::Request::post(self.url.as_str())
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(key) = self.key()? {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(body.to_string().into_bytes());
        let request = request.map_err(|_| "the key cannot be sent in a header".to_owned())?;
        let within = if texts.len() == 1 { QUERY_WITHIN } else { PASSAGES_WITHIN };
        let asked = self.outbound.send_within(request, MOST_ANSWER, within);
        let answer = self.runtime.block_on(asked).map_err(|error| error.to_string())?;
        Ok((answer.status, answer.body))
    }
}

impl Embedder for Endpoint {
    fn model(&self) -> &str {
        &self.model
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, NoVectors> {
        let (status, body) = self.asked(texts).map_err(NoVectors::Unavailable)?;
        match status {
            200 => read(&body).map_err(NoVectors::Unavailable),
            // It is about the texts, such as one that is too long.
            400 | 413 | 422 => Err(NoVectors::Refused(format!("status {status}"))),
            other => {
                let why = format!("the model answers with the status {other}");
                Err(NoVectors::Unavailable(why))
            }
        }
    }
}

/// The vectors of an answer, in the order of the texts.
fn read(body: &[u8]) -> Result<Vec<Vec<f32>>, String> {
    let mut budget = Budget::new(body.len(), MOST_VALUES, 8);
    let read: Answer = budget
        .json(body)
        .map_err(|error| format!("the answer of the model cannot be read: {error}"))?;
    let mut items = read.data;
    items.sort_by_key(|item| item.index);
    let is_whole = items.iter().enumerate().all(|(place, item)| place == item.index);
    let length = items.first().map_or(0, |item| item.embedding.len());
    if !is_whole || items.iter().any(|item| item.embedding.len() != length) {
        return Err("the answer of the model is not one vector for each passage".to_owned());
    }
    Ok(items.into_iter().map(|item| item.embedding).collect())
}
