//! The search for a metadata document that may be at one of several URLs (RFC 8414 section 3, RFC
//! 9728 section 3, OpenID Connect Discovery section 4).
//!
//! After each response that is not the document, the search continues: for unknown URLs, proxies
//! return arbitrary content. One budget of time holds for the whole search.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::{Answer, Document, LeftOut};
use crate::{Fetched, Outbound};

/// Kind of a reason for which a URL does not have the document. A later one is more informative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// The URL does not exist at the server.
    Unknown,
    /// Something other than a JSON document is at the URL.
    NoDocument,
    /// It redirects to another origin, or in a way that is not followed.
    Redirect,
    /// The server refuses it to all clients, or to this server.
    Refused,
    /// A JSON document without the required members of such metadata.
    Incomplete,
    /// No response, or a failure of the server: the document may exist.
    Silent,
    /// A document that cannot be trusted, such as that of another issuer.
    Untrusted,
}

impl Missing {
    /// Reports that the server has no such document, according to its response.
    pub fn is_absent(self) -> bool {
        match self {
            Self::Unknown | Self::NoDocument | Self::Redirect | Self::Refused => true,
            Self::Incomplete | Self::Silent | Self::Untrusted => false,
        }
    }
}

/// Most informative reason for which no URL has the document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} {words}")]
pub struct NotFound {
    /// Its kind.
    pub missing: Missing,
    /// The URL that it is about.
    pub url: Url,
    /// The answer of the URL, as the continuation of a sentence that begins with the URL.
    pub words: String,
}

/// A document that was found.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// The document, as it was read.
    pub value: T,
    /// Its URL.
    pub url: Url,
    /// Members that could not be read.
    pub left_out: Vec<LeftOut>,
}

/// Reason for which a document is not the one that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It lacks a required member.
    Incomplete(String),
    /// It cannot be trusted.
    Untrusted(String),
}

/// A search with its limits.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// The client that asks.
    pub outbound: &'a Outbound,
    /// Maximum number of bytes of a document.
    pub most_bytes: usize,
    /// The budget of time of the whole search. Each URL gets its share of the remainder.
    pub within: Duration,
}

impl Search<'_> {
    /// Requests the URLs one after the other until one has a document that `read` accepts. `None`
    /// if there are no URLs.
    pub async fn run<T>(
        &self,
        urls: &[Url],
        read: impl Fn(&mut Document) -> Result<T, Unusable>,
    ) -> Result<Found<T>, Option<NotFound>> {
        let end = Instant::now() + self.within;
        let mut telling: Option<NotFound> = None;
        for (asked, url) in urls.iter().enumerate() {
            let waiting = u32::try_from(urls.len() - asked).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(Instant::now()) / waiting.max(1);
            let (missing, words) = match self.ask(url, share).await {
                Ok(mut document) => match read(&mut document) {
                    Ok(value) => {
                        let left_out = document.into_left_out();
                        return Ok(Found { value, url: url.clone(), left_out });
                    }
                    Err(Unusable::Incomplete(why)) => (Missing::Incomplete, why),
                    Err(Unusable::Untrusted(why)) => (Missing::Untrusted, why),
                },
                Err(missing) => missing,
            };
            tracing::debug!(%url, words, "there is no metadata");
            if telling.as_ref().is_none_or(|known| known.missing < missing) {
                telling = Some(NotFound { missing, url: url.clone(), words });
            }
        }
        Err(telling)
    }

    async fn ask(&self, url: &Url, within: Duration) -> Result<Document, (Missing, String)> {
        let asking = self.outbound.get_within_origin(url, "application/json", self.most_bytes);
        let fetched = tokio::time::timeout(within, asking)
            .await
            .map_err(|_| (Missing::Silent, "did not respond in time".to_owned()))?
            .map_err(|error| (Missing::Silent, format!("cannot be reached: {error}")))?;
        Document::read(&fetched).map_err(|why| (missing(&fetched), format!("returned {why}")))
    }
}

/// The meaning of an answer without a document.
fn missing(fetched: &Fetched) -> Missing {
    let answer = Answer::of(fetched, None);
    if answer.wait.is_some() {
        return Missing::Silent;
    }
    match answer.status {
        408 | 500.. => Missing::Silent,
        401 | 403 | 407 | 451 => Missing::Refused,
        200..=299 => Missing::NoDocument,
        300..=399 => Missing::Redirect,
        _ => Missing::Unknown,
    }
}
