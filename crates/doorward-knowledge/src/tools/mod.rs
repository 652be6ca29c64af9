//! The tools of a collection. Each reads; what a caller may not see is as if it were not there.

mod arguments;
mod documents;
mod grep;
mod search;
mod state;

use arguments::Page;
use serde_json::{Map, Value};
use tantivy::{Searcher, TantivyError};

use crate::{
    Collection,
    collection::Shared,
    query::{Filter, visible},
    record::{ChunkRecord, Document},
    rights::Sight,
    schema::{CHUNK, DOCUMENT, Fields},
    store::Opened,
    uri,
};

/// A tool of every collection.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its display name.
    pub title: &'static str,
    /// Its description, for models.
    pub description: &'static str,
    /// The schema of its arguments.
    pub schema: fn() -> Value,
    run: fn(&View<'_>, Map<String, Value>) -> Result<Value, Refusal>,
}

/// All tools.
pub static TOOLS: &[Tool] = &[
    Tool {
        name: "search",
        title: "Search documents",
        description: "Finds passages of the documents by words. \"Words in quotes\" are looked for \
                      as a phrase, -word excludes, word~ also finds similar spellings. Each result \
                      has an id to cite and to give to fetch, and a highlighted excerpt.",
        schema: search::schema,
        run: search::run,
    },
    Tool {
        name: "fetch",
        title: "Fetch a document",
        description: "Returns the text of a document by an id of search. Of a long document, the \
                      beginning; read_document continues.",
        schema: documents::fetch_schema,
        run: documents::fetch,
    },
    Tool {
        name: "list_documents",
        title: "List documents",
        description: "Lists the documents in the order of their paths.",
        schema: documents::list_schema,
        run: documents::list,
    },
    Tool {
        name: "read_document",
        title: "Read a document",
        description: "Returns lines of a document, by its id or path.",
        schema: documents::read_schema,
        run: documents::read,
    },
    Tool {
        name: "list_chunks",
        title: "List the chunks of a document",
        description: "Lists the passages that a document is divided into, with their headings and \
                      citations.",
        schema: documents::chunks_schema,
        run: documents::chunks,
    },
    Tool {
        name: "grep",
        title: "Search lines",
        description: "Finds lines of the documents by a regular expression.",
        schema: grep::schema,
        run: grep::run,
    },
    Tool {
        name: "metadata",
        title: "Search metadata",
        description: "Finds documents by what they say about themselves, such as author:smith AND \
                      format:pdf, title:\"release notes\" or tags:draft. A malformed query is read \
                      as plain words.",
        schema: documents::metadata_schema,
        run: documents::metadata,
    },
    Tool {
        name: "stats",
        title: "Count documents",
        description: "Counts the documents and their passages, by format and folder.",
        schema: state::stats_schema,
        run: state::stats,
    },
    Tool {
        name: "health",
        title: "State of the index",
        description: "Tells whether the index is complete, and names files that are left out.",
        schema: state::health_schema,
        run: state::health,
    },
];

/// The reason for which a tool has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The arguments do not fit; the text states the requirements.
    #[error("{0}")]
    Arguments(String),
    /// There is no such document for this caller.
    #[error("{0}")]
    Unknown(String),
    /// It is not possible now; the text states the reason.
    #[error("{0}")]
    Unavailable(String),
}

impl From<TantivyError> for Refusal {
    fn from(error: TantivyError) -> Self {
        tracing::warn!(%error, "an index of documents cannot be read");
        Self::Unavailable("the index cannot be read at the moment; try again later".to_owned())
    }
}

/// URIs of documents as the caller names them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The text before the URIs of this collection among those of all upstreams.
    pub prefix: String,
}

/// A document in a list of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its URI in the collection.
    pub uri: String,
    /// Its path.
    pub path: String,
    /// Its title.
    pub title: String,
    /// The media type of its text.
    pub media_type: &'static str,
}

/// The text of a document as a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The media type.
    pub media_type: &'static str,
    /// The text.
    pub text: String,
}

/// A collection as one caller sees it at one moment.
pub(crate) struct View<'a> {
    shared: &'a Shared,
    opened: &'a Opened,
    searcher: Searcher,
    sight: &'a Sight,
    links: &'a Links,
}

impl View<'_> {
    fn fields(&self) -> &Fields {
        &self.opened.fields
    }

    /// The URL of a document for readers: as configured, or else its URI.
    fn url(&self, path: &str, commit: Option<&str>) -> String {
        self.shared.settings.url_of(path, commit).unwrap_or_else(|| self.uri(path))
    }

    fn uri(&self, path: &str) -> String {
        format!("{}{}", self.links.prefix, uri::of(path))
    }

    /// A document by its identifier, by a citation of it, or by its path.
    fn document(&self, named: &str) -> Result<Document, Refusal> {
        let unknown = || {
            Refusal::Unknown(format!(
                "there is no document {named:?}; search and list_documents name them"
            ))
        };
        let id = named.split_once('#').map_or(named, |(id, _)| id);
        let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = if is_id {
            id.to_ascii_lowercase()
        } else {
            crate::record::id_of(crate::record::key_of(named.trim_matches('/')))
        };
        let filter = Filter { id: Some(id), ..Filter::default() };
        let query = visible(self.fields(), self.sight, DOCUMENT, &filter, None);
        let found = self.searcher.search(&query, &tantivy::collector::DocSetCollector)?;
        let address = found.into_iter().next().ok_or_else(unknown)?;
        Document::read(&self.searcher.doc(address)?, self.fields()).ok_or_else(unknown)
    }

    /// A page of the chunks of a document, in their order.
    fn chunks(&self, id: &str, page: Page) -> Result<Vec<ChunkRecord>, Refusal> {
        let filter = Filter { id: Some(id.to_owned()), ..Filter::default() };
        let query = visible(self.fields(), self.sight, CHUNK, &filter, None);
        let order = tantivy::collector::TopDocs::with_limit(page.limit.max(1))
            .and_offset(page.offset)
            .order_by_u64_field("number", tantivy::Order::Asc);
        let mut chunks = Vec::new();
        for (_, address) in self.searcher.search(&query, &order)? {
            let record = self.searcher.doc(address)?;
            chunks.extend(ChunkRecord::read(&record, self.fields()));
        }
        Ok(chunks)
    }

    /// All chunks of a document.
    fn all_chunks(&self, document: &Document) -> Result<Vec<ChunkRecord>, Refusal> {
        let limit = usize::try_from(document.chunks).unwrap_or(usize::MAX);
        self.chunks(&document.id, Page { offset: 0, limit })
    }
}

impl Collection {
    /// Calls a tool for a caller.
    ///
    /// # Errors
    ///
    /// The reason for which there is no result.
    pub fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        sight: &Sight,
        links: &Links,
    ) -> Result<Value, Refusal> {
        let tool = TOOLS
            .iter()
            .find(|known| known.name == tool)
            .ok_or_else(|| Refusal::Arguments(format!("there is no tool {tool:?}")))?;
        arguments::known(&(tool.schema)(), &arguments)?;
        self.viewed(sight, links, |view| (tool.run)(view, arguments))
    }

    fn viewed<T>(
        &self,
        sight: &Sight,
        links: &Links,
        with: impl FnOnce(&View<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let opened = self.shared.opened().ok_or_else(|| {
            Refusal::Unavailable("the documents are not indexed yet; try again later".to_owned())
        })?;
        let searcher = opened.searcher();
        with(&View { shared: &self.shared, opened: &opened, searcher, sight, links })
    }

    /// The first documents, as resources.
    ///
    /// # Errors
    ///
    /// The reason for which there is no list.
    pub fn listing(&self, sight: &Sight, most: usize) -> Result<Vec<Listing>, Refusal> {
        self.viewed(sight, &Links::default(), |view| {
            let first = Page { offset: 0, limit: most };
            let found = documents::found(view, &Filter::default(), None, first)?;
            let listing = |document: Document| Listing {
                uri: uri::of(&document.path),
                title: document.title,
                media_type: document.format.media_type(),
                path: document.path,
            };
            Ok(found.documents.into_iter().map(listing).collect())
        })
    }

    /// The text of a document, as a resource.
    ///
    /// # Errors
    ///
    /// The reason for which there is none.
    pub fn contents(&self, sight: &Sight, uri: &str) -> Result<Contents, Refusal> {
        let unknown = || Refusal::Unknown("there is no such resource".to_owned());
        let path = uri::path_of(uri).ok_or_else(unknown)?;
        self.viewed(sight, &Links::default(), |view| {
            let document = view.document(&path).map_err(|refusal| match refusal {
                Refusal::Unknown(_) => unknown(),
                other => other,
            })?;
            let text = view.all_chunks(&document)?.into_iter().map(|chunk| chunk.text).collect();
            Ok(Contents { media_type: document.format.media_type(), text })
        })
    }
}

#[cfg(test)]
mod tests;
