//! The search in texts.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tantivy::{
    DocAddress, Term,
    collector::{Count, TopDocs},
    query::{Query, TermSetQuery},
    snippet::SnippetGenerator,
};

use super::{
    Refusal, View,
    arguments::{self, Conditions, Page},
};
use crate::{
    dates,
    query::{Filter, Question, visible},
    record::ChunkRecord,
    schema::CHUNK,
    semantic::{admitted, fused},
};

/// Maximum number of characters of an excerpt.
const EXCERPT: usize = 300;
/// Maximum number of chunks of each order that are merged by rank.
const MOST_RANKED: usize = 200;
/// The chunks that are near and looked at first, and the factor by which more of them are where the
/// caller may see too few.
const NEAREST: usize = 2000;
const MORE: usize = 8;

/// The schema of the arguments.
pub(super) fn schema() -> Value {
    arguments::object(
        &["query"],
        json!({
            "query": {"type": "string", "description": "Words to find. \"Quotation marks\" keep words together, -word excludes one, word~ finds similar spellings, title:word and heading:word find it there alone."},
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
    let searched = Searched { view, filter: &filter, page };
    let near = searched.near(&question, &asked.query)?;
    let (mut found, mut total) = searched.found(&question, near.as_deref())?;
    let mut is_inexact = asked.fuzzy;
    if total == 0 && question.can_be_loosened() {
        question = question.loosened();
        (found, total) = searched.found(&question, near.as_deref())?;
        is_inexact = total > 0;
    }
    let query = question.query(view.fields());
    let excerpts = Excerpts::new(view, &*query)?;
    let mut results = Vec::new();
    for address in found {
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
        "by_meaning": near.is_some(),
        "results": results,
    }))
}

/// A search over what the caller may see.
struct Searched<'a> {
    view: &'a View<'a>,
    filter: &'a Filter,
    page: Page,
}

impl Searched<'_> {
    /// The chunks whose vectors are nearest to the query, among those that the caller may see and
    /// that have no unwanted word; `None` without vectors. A query with quotation marks wants these
    /// words and no others.
    fn near(&self, question: &Question, asked: &str) -> Result<Option<Vec<DocAddress>>, Refusal> {
        let Some(semantic) = &self.view.shared.semantic else { return Ok(None) };
        if asked.contains('"') || question.wanted.is_empty() {
            return Ok(None);
        }
        let Some(direction) = semantic.direction(asked) else { return Ok(None) };
        let fields = self.view.fields();
        let mut most = NEAREST;
        loop {
            let near = semantic.nearest(&direction, most);
            let terms = near.iter().map(|one| Term::from_field_u64(fields.mark, one.mark));
            let of_marks = Box::new(TermSetQuery::new(terms));
            let wanted = question.without_unwanted(fields, of_marks);
            let query = visible(fields, self.view.sight, CHUNK, self.filter, Some(wanted));
            let found = admitted(&self.view.searcher, &near, &*query, MOST_RANKED)?;
            if found.is_settled || near.len() < most {
                return Ok(Some(found.addresses));
            }
            most = most.saturating_mul(MORE);
        }
    }

    /// A page of chunks with the number of all: by words, and by meaning where there are vectors.
    fn found(
        &self,
        question: &Question,
        near: Option<&[DocAddress]>,
    ) -> Result<(Vec<DocAddress>, usize), Refusal> {
        let (view, page) = (self.view, self.page);
        let wanted = question.query(view.fields());
        let query = visible(view.fields(), view.sight, CHUNK, self.filter, Some(wanted));
        let (limit, offset) = match near {
            Some(_) => (MOST_RANKED, 0),
            None => (page.limit, page.offset),
        };
        let top = TopDocs::with_limit(limit).and_offset(offset).order_by_score();
        let (found, total) = view.searcher.search(&query, &(top, Count))?;
        let found: Vec<DocAddress> = found.into_iter().map(|(_, address)| address).collect();
        let Some(near) = near else { return Ok((found, total)) };
        let all = fused(&[&found, near]);
        let part = all.iter().skip(page.offset).take(page.limit).copied().collect();
        Ok((part, all.len()))
    }
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
