//! Documents: lists, texts, chunks, and what they say about themselves.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tantivy::{
    Order,
    collector::{Count, TopDocs},
    query::Query,
};

use super::{
    Refusal, View,
    arguments::{self, Conditions, Page},
};
use crate::{
    dates,
    query::{self, Filter, visible},
    record::Document,
    schema::DOCUMENT,
};

/// Maximum number of bytes of a text in one result.
const MOST_TEXT: usize = 200 * 1024;
/// The lines of one result, unless the caller asks for another number, and the most.
const LINES: u64 = 400;
const MOST_LINES: u64 = 5000;

/// Documents in the order of their paths, and the number of all.
pub(super) struct Found {
    pub(super) total: usize,
    pub(super) documents: Vec<Document>,
}

/// A page of documents.
pub(super) fn found(
    view: &View<'_>,
    filter: &Filter,
    wanted: Option<Box<dyn Query>>,
    page: Page,
) -> Result<Found, Refusal> {
    let query = visible(view.fields(), view.sight, DOCUMENT, filter, wanted);
    let top = TopDocs::with_limit(page.limit)
        .and_offset(page.offset)
        .order_by_string_fast_field("path", Order::Asc);
    let (found, total) = view.searcher.search(&query, &(top, Count))?;
    let mut documents = Vec::with_capacity(found.len());
    for (_, address) in found {
        documents.extend(Document::read(&view.searcher.doc(address)?, view.fields()));
    }
    Ok(Found { total, documents })
}

/// A document in a list.
fn shown(view: &View<'_>, document: &Document) -> Value {
    json!({
        "id": document.id,
        "title": document.title,
        "path": document.path,
        "url": view.url(&document.path, document.commit.as_deref()),
        "commit": document.commit,
        "uri": view.uri(&document.path),
        "format": document.format.as_str(),
        "modified": dates::date(document.modified),
        "bytes": document.bytes,
        "lines": document.lines,
        "chunks": document.chunks,
    })
}

/// The metadata of a document: a text, or a list where a name has several values.
fn described(document: &Document) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in &document.metadata {
        match all.get_mut(name) {
            None => {
                all.insert(name.clone(), json!(value));
            }
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.clone(), value]),
        }
    }
    all
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(default)]
    query: String,
}

/// The schema of the arguments of `list_documents`.
pub(super) fn list_schema() -> Value {
    arguments::object(&[], json!({}), &[arguments::conditions(), arguments::paging()])
}

/// Lists documents.
pub(super) fn list(view: &View<'_>, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
    if arguments.contains_key("query") {
        return Err(Refusal::Arguments("query is an argument of search and metadata".to_owned()));
    }
    let filter = Conditions::take(&mut arguments)?;
    let page = Page::take(&mut arguments, 50)?;
    let List {} = arguments::read(arguments)?;
    let Found { total, documents } = found(view, &filter, None, page)?;
    let all: Vec<Value> = documents.iter().map(|document| shown(view, document)).collect();
    Ok(json!({
        "total": total,
        "next_offset": page.next(all.len(), total),
        "documents": all,
    }))
}

/// The schema of the arguments of `metadata`.
pub(super) fn metadata_schema() -> Value {
    arguments::object(
        &["query"],
        json!({"query": {"type": "string", "description": "Conditions joined by AND, OR and NOT: NAME:VALUE, NAME:\"VALUE WITH SPACES\", or plain words. Names are title, path, folder, format, and those of the documents' own metadata, such as author, tags, from or date."}}),
        &[arguments::conditions(), arguments::paging()],
    )
}

/// Finds documents by their metadata.
pub(super) fn metadata(
    view: &View<'_>,
    mut arguments: Map<String, Value>,
) -> Result<Value, Refusal> {
    let filter = Conditions::take(&mut arguments)?;
    let page = Page::take(&mut arguments, 50)?;
    let Metadata { query: asked } = arguments::read(arguments)?;
    arguments::short(&asked, "query")?;
    if asked.trim().is_empty() {
        return Err(Refusal::Arguments("query must not be empty".to_owned()));
    }
    let parsed = query::metadata(view.searcher.index(), view.fields(), &asked);
    let answer = parsed.and_then(|query| found(view, &filter, Some(query), page).ok());
    let is_plain = answer.is_none();
    let Found { total, documents } = match answer {
        Some(answer) => answer,
        // A query that is malformed, or that a field cannot answer.
        None => found(view, &filter, Some(query::plain(view.fields(), &asked)), page)?,
    };
    let all: Vec<Value> = documents
        .iter()
        .map(|document| {
            let mut one = shown(view, document);
            if let Value::Object(members) = &mut one {
                members.insert("metadata".to_owned(), Value::Object(described(document)));
            }
            one
        })
        .collect();
    Ok(json!({
        "total": total,
        "next_offset": page.next(all.len(), total),
        "read_as_plain_words": is_plain,
        "documents": all,
    }))
}

/// The schema of the arguments of `fetch`.
pub(super) fn fetch_schema() -> Value {
    arguments::object(
        &["id"],
        json!({"id": {"type": "string", "description": "The id of a result of search, or of a document."}}),
        &[],
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    id: String,
}

/// Returns a document.
pub(super) fn fetch(view: &View<'_>, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let asked: Fetch = arguments::read(arguments)?;
    let document = view.document(&asked.id)?;
    let mut text = String::new();
    let (mut is_full, mut heading) = (false, None);
    for chunk in view.all_chunks(&document)? {
        if chunk.citation() == asked.id {
            heading = Some((chunk.heading.clone(), chunk.line));
        }
        is_full |= text.len() + chunk.text.len() > MOST_TEXT;
        if !is_full {
            text.push_str(&chunk.text);
        }
    }
    let mut metadata = described(&document);
    metadata.insert("path".to_owned(), json!(document.path));
    metadata.insert("format".to_owned(), json!(document.format.as_str()));
    metadata.insert("modified".to_owned(), json!(dates::date(document.modified)));
    metadata.insert("lines".to_owned(), json!(document.lines));
    if let Some(commit) = &document.commit {
        metadata.insert("commit".to_owned(), json!(commit));
    }
    metadata.insert("is_cut".to_owned(), json!(document.is_cut || is_full));
    if let Some((heading, line)) = heading {
        metadata.insert("cited_heading".to_owned(), json!(heading));
        metadata.insert("cited_line".to_owned(), json!(line));
    }
    Ok(json!({
        "id": asked.id,
        "title": document.title,
        "text": text,
        "url": view.url(&document.path, document.commit.as_deref()),
        "metadata": metadata,
    }))
}

/// The schema of the arguments of `read_document`.
pub(super) fn read_schema() -> Value {
    arguments::object(
        &["id"],
        json!({
            "id": {"type": "string", "description": "The id or the path of a document."},
            "from_line": {"type": "integer", "minimum": 1, "description": "The first line."},
            "lines": {"type": "integer", "minimum": 1, "maximum": MOST_LINES, "description": "Maximum number of lines."}
        }),
        &[],
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    id: String,
    #[serde(default)]
    from_line: Option<u64>,
    #[serde(default)]
    lines: Option<u64>,
}

/// Reads lines of a document.
pub(super) fn read(view: &View<'_>, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let asked: Read = arguments::read(arguments)?;
    let (from, lines) = (asked.from_line.unwrap_or(1), asked.lines.unwrap_or(LINES));
    if from == 0 || lines == 0 || lines > MOST_LINES {
        return Err(Refusal::Arguments(format!(
            "from_line begins at 1, and lines must be from 1 to {MOST_LINES}"
        )));
    }
    let document = view.document(&asked.id)?;
    let whole: String = view.all_chunks(&document)?.into_iter().map(|chunk| chunk.text).collect();
    let mut text = String::new();
    let (mut shown, mut is_cut) = (0_u64, false);
    let skipped = usize::try_from(from - 1).unwrap_or(usize::MAX);
    for line in whole.split_inclusive('\n').skip(skipped) {
        if shown == lines || (text.len() + line.len() > MOST_TEXT && shown > 0) {
            break;
        }
        shown += 1;
        if line.len() > MOST_TEXT {
            is_cut = true;
            text.extend(line.chars().take(MOST_TEXT / 4));
        } else {
            text.push_str(line);
        }
    }
    let next = from + shown;
    Ok(json!({
        "id": document.id,
        "title": document.title,
        "path": document.path,
        "url": view.url(&document.path, document.commit.as_deref()),
        "from_line": from,
        "lines": shown,
        "total_lines": document.lines,
        "next_line": if shown > 0 && next <= document.lines { json!(next) } else { Value::Null },
        "is_cut": is_cut,
        "text": text,
    }))
}

/// The schema of the arguments of `list_chunks`.
pub(super) fn chunks_schema() -> Value {
    arguments::object(
        &["id"],
        json!({"id": {"type": "string", "description": "The id or the path of a document."}}),
        &[arguments::paging()],
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chunks {
    id: String,
}

/// Lists the chunks of a document.
pub(super) fn chunks(view: &View<'_>, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let page = Page::take(&mut arguments, 50)?;
    let asked: Chunks = arguments::read(arguments)?;
    let document = view.document(&asked.id)?;
    let found = view.chunks(&document.id, page)?;
    let all: Vec<Value> = found
        .iter()
        .map(|chunk| {
            let start: String = chunk.text.chars().take(200).collect();
            json!({
                "id": chunk.citation(),
                "heading": chunk.heading,
                "line": chunk.line,
                "bytes": chunk.text.len(),
                "text": start.split_whitespace().collect::<Vec<_>>().join(" "),
            })
        })
        .collect();
    let total = usize::try_from(document.chunks).unwrap_or(usize::MAX);
    Ok(json!({
        "document": document.id,
        "title": document.title,
        "path": document.path,
        "total": total,
        "next_offset": page.next(all.len(), total),
        "chunks": all,
    }))
}
