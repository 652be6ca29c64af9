//! The search in texts.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tantivy::{
    collector::{Count, TopDocs},
    query::Query,
    snippet::SnippetGenerator,
};

use super::{
    Refusal, View,
    arguments::{self, Conditions, Page},
};
use crate::{
    dates,
    query::{Question, visible},
    record::ChunkRecord,
    schema::CHUNK,
};

/// The most characters of an excerpt.
const EXCERPT: usize = 300;

/// The schema of the arguments.
pub(super) fn schema() -> Value {
    arguments::object(
        &["query"],
        json!({
            "query": {"type": "string", "description": "Words to find."},
            "fuzzy": {"type": "boolean", "description": "Find similar spellings of each word too. Without it, they are found where the words themselves are not."}
        }),
        &[arguments::conditions(), arguments::paging()],
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    query: String,
    #[serde(default)]
    fuzzy: bool,
}

/// Searches.
pub(super) fn run(view: &View<'_>, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let filter = Conditions::take(&mut arguments)?;
    let page = Page::take(&mut arguments, 10)?;
    let asked: Arguments = arguments::read(arguments)?;
    arguments::short(&asked.query, "query")?;
    let mut question = Question::read(&asked.query);
    if question.wanted.is_empty() && question.unwanted.is_empty() {
        return Err(Refusal::Arguments("query must contain at least one word".to_owned()));
    }
    if asked.fuzzy {
        question = question.loosened();
    }
    let find = |question: &Question| {
        let wanted = question.query(view.fields());
        let query = visible(view.fields(), view.sight, CHUNK, &filter, Some(wanted));
        let top = TopDocs::with_limit(page.limit).and_offset(page.offset).order_by_score();
        view.searcher.search(&query, &(top, Count))
    };
    let (mut found, mut total) = find(&question)?;
    let mut is_inexact = asked.fuzzy;
    if total == 0 && question.can_be_loosened() {
        question = question.loosened();
        (found, total) = find(&question)?;
        is_inexact = total > 0;
    }
    let query = question.query(view.fields());
    let excerpts = Excerpts::new(view, &*query)?;
    let mut results = Vec::new();
    for (_, address) in found {
        let record = view.searcher.doc(address)?;
        let Some(chunk) = ChunkRecord::read(&record, view.fields()) else { continue };
        results.push(json!({
            "id": chunk.citation(),
            "title": chunk.title,
            "url": view.url(&chunk.path, chunk.commit.as_deref()),
            "uri": view.uri(&chunk.path),
            "path": chunk.path,
            "heading": chunk.heading,
            "line": chunk.line,
            "commit": chunk.commit,
            "format": chunk.format,
            "modified": dates::date(chunk.modified),
            "text": excerpts.of(&chunk.text),
        }));
    }
    Ok(json!({
        "total": total,
        "next_offset": page.next(results.len(), total),
        "inexact": is_inexact,
        "results": results,
    }))
}

/// Excerpts with the words that were found in bold.
struct Excerpts(SnippetGenerator);

impl Excerpts {
    fn new(view: &View<'_>, query: &dyn Query) -> Result<Self, Refusal> {
        let mut generator = SnippetGenerator::create(&view.searcher, query, view.fields().body)?;
        generator.set_max_num_chars(EXCERPT);
        Ok(Self(generator))
    }

    fn of(&self, text: &str) -> String {
        let snippet = self.0.snippet(text);
        let fragment = snippet.fragment();
        if fragment.is_empty() {
            let start: String = text.chars().take(EXCERPT).collect();
            return start.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        let mut told = String::new();
        let mut at = 0;
        for range in tantivy::snippet::collapse_overlapped_ranges(snippet.highlighted()) {
            told.push_str(fragment.get(at..range.start).unwrap_or_default());
            told.push_str("**");
            told.push_str(fragment.get(range.clone()).unwrap_or_default());
            told.push_str("**");
            at = range.end;
        }
        told.push_str(fragment.get(at..).unwrap_or_default());
        told
    }
}
