//! Numbers of the collection and the state of its index, as far as the caller sees documents.

use doorward_model::{FileFault, IndexPhase};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tantivy::{
    TantivyDocument,
    collector::{Count, DocSetCollector},
    query::Query,
};

use super::{Refusal, View, arguments};
use crate::{
    dates,
    format::Format,
    query::{Filter, exactly, visible},
    record::text,
    rights::prefixes,
    schema::{CHUNK, DOCUMENT, LEFT_OUT},
    status::MOST_NAMED,
};

/// The schema of the arguments of `stats`.
pub(super) fn stats_schema() -> Value {
    arguments::object(
        &[],
        json!({"folder": {"type": "string", "description": "Only documents in this folder."}}),
        &[],
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stats {
    #[serde(default)]
    folder: Option<String>,
}

/// Counts documents.
pub(super) fn stats(view: &View<'_>, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let asked: Stats = arguments::read(arguments)?;
    let folder = asked.folder.map(|folder| folder.trim_matches('/').to_owned());
    let folder = folder.filter(|folder| !folder.is_empty());
    let within = Filter { folder, ..Filter::default() };
    let count = |of: &str, filter: &Filter| -> Result<usize, Refusal> {
        let query = visible(view.fields(), view.sight, of, filter, None);
        Ok(view.searcher.search(&query, &Count)?)
    };
    let mut formats = Map::new();
    for format in Format::ALL {
        let number = count(DOCUMENT, &Filter { format: Some(format), ..within.clone() })?;
        if number > 0 {
            formats.insert(format.as_str().to_owned(), json!(number));
        }
    }
    let mut folders = Map::new();
    if within.folder.is_none() {
        for folder in &view.shared.settings.folders {
            let filter = Filter { folder: Some(folder.label.clone()), ..Filter::default() };
            let number = count(DOCUMENT, &filter)?;
            if number > 0 {
                folders.insert(folder.label.clone(), json!(number));
            }
        }
    }
    Ok(json!({
        "documents": count(DOCUMENT, &within)?,
        "chunks": count(CHUNK, &within)?,
        "left_out": count(LEFT_OUT, &within)? + walked(view, within.folder.as_deref()).len(),
        "formats": formats,
        "folders": folders,
    }))
}

/// The schema of the arguments of `health`.
pub(super) fn health_schema() -> Value {
    arguments::object(&[], json!({}), &[])
}

/// The files in a folder that are left out without a record in the index, and that the caller would
/// see.
fn walked(view: &View<'_>, folder: Option<&str>) -> Vec<(String, FileFault)> {
    let is_in = |path: &str| folder.is_none_or(|folder| prefixes(path).any(|one| one == folder));
    let all = view.shared.walked().into_iter();
    all.filter(|(path, _)| is_in(path) && view.sight.sees(path)).collect()
}

/// The files that are left out and that the caller would see.
fn left_out(view: &View<'_>) -> Result<(usize, Vec<Value>), Refusal> {
    let query = visible(view.fields(), view.sight, LEFT_OUT, &Filter::default(), None);
    let (records, broken) = view.searcher.search(&query, &(DocSetCollector, Count))?;
    let mut all = Vec::new();
    for address in records.into_iter().take(MOST_NAMED) {
        let record: TantivyDocument = view.searcher.doc(address)?;
        let why = text(&record, view.fields().why).and_then(|code| FileFault::of_code(&code));
        if let (Some(path), Some(why)) = (text(&record, view.fields().path), why) {
            all.push((path, why));
        }
    }
    let walked = walked(view, None);
    let count = broken + walked.len();
    all.extend(walked);
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.truncate(MOST_NAMED);
    let shown = |(path, why): (String, FileFault)| json!({"path": path, "reason": why.as_str()});
    Ok((count, all.into_iter().map(shown).collect()))
}

/// The documents of which a part is indexed, because their texts are longer than the limit.
fn cut(view: &View<'_>, filter: &Filter) -> Box<dyn Query> {
    let wanted = exactly(view.fields().why, FileFault::Budget.code());
    visible(view.fields(), view.sight, DOCUMENT, filter, Some(wanted))
}

/// True where some of these documents, as far as the caller sees them, are indexed in part.
pub(super) fn has_cut(view: &View<'_>, filter: &Filter) -> Result<bool, Refusal> {
    Ok(view.searcher.search(&cut(view, filter), &Count)? > 0)
}

/// The paths of the documents that are indexed in part.
fn in_part(view: &View<'_>) -> Result<Vec<String>, Refusal> {
    let found = view.searcher.search(&cut(view, &Filter::default()), &DocSetCollector)?;
    let mut paths = Vec::new();
    for address in found.into_iter().take(MOST_NAMED) {
        let record: TantivyDocument = view.searcher.doc(address)?;
        paths.extend(text(&record, view.fields().path));
    }
    paths.sort();
    Ok(paths)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

/// Returns the state of the index.
pub(super) fn health(view: &View<'_>, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let NoArguments {} = arguments::read(arguments)?;
    let (phase, percent, scanned_at) = view.shared.state();
    let (count, files) = left_out(view)?;
    // A state, for the same reason.
    let vectors = view.shared.semantic.as_ref().map(|semantic| match semantic.counts() {
        (0, _) => "none",
        (_, 0) => "complete",
        _ => "in part",
    });
    Ok(json!({
        "state": phase.as_str(),
        "is_complete": phase == IndexPhase::Ready,
        // A share, since a number of all documents would tell of those that the caller must not
        // see.
        "percent": percent,
        "scanned_on": if scanned_at > 0 { json!(dates::date(scanned_at)) } else { Value::Null },
        "left_out": count,
        "files": files,
        "in_part": in_part(view)?,
        "vectors": vectors,
    }))
}
