//! The search for lines by a regular expression. It reads texts one by one, so that it has limits
//! in time, and says when it did not see all.

use std::time::{Duration, Instant};

use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tantivy::{
    Term,
    collector::DocSetCollector,
    query::{BooleanQuery, Occur, Query, TermQuery},
    schema::IndexRecordOption,
};

use super::{
    Refusal, View,
    arguments::{self, Conditions},
    state,
};
use crate::{query::visible, record::ChunkRecord, schema::CHUNK, stem};

/// The time within which a search ends.
const WITHIN: Duration = Duration::from_secs(5);
/// Maximum number of bytes of a compiled expression.
const MOST_COMPILED: usize = 1024 * 1024;
/// Maximum number of characters of a line that is shown.
const MOST_LINE: usize = 400;

/// The schema of the arguments.
pub(super) fn schema() -> Value {
    arguments::object(
        &["pattern"],
        json!({
            "pattern": {"type": "string", "description": "A regular expression, without look-around and back-references."},
            "ignore_case": {"type": "boolean"},
            "limit": {"type": "integer", "minimum": 1, "maximum": arguments::MOST, "description": "Maximum number of lines."}
        }),
        &[arguments::conditions()],
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    limit: Option<usize>,
}

/// The words that a text with this pattern must contain: those of a pattern without operators,
/// apart from the first and the last, which may be parts of longer words.
fn necessary(pattern: &str) -> Vec<String> {
    let is_plain = !pattern.contains(['\\', '^', '$', '.', '|', '?', '*', '+', '(', '[', '{']);
    let parts: Vec<&str> = pattern.split_whitespace().collect();
    match parts.as_slice() {
        [_, middle @ .., _] if is_plain => middle
            .iter()
            .filter(|word| word.chars().all(char::is_alphanumeric))
            .flat_map(|word| stem::words(word))
            .collect(),
        _ => Vec::new(),
    }
}

/// Finds lines.
pub(super) fn run(view: &View<'_>, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let filter = Conditions::take(&mut arguments)?;
    let asked: Arguments = arguments::read(arguments)?;
    arguments::short(&asked.pattern, "pattern")?;
    let limit = arguments::within(asked.limit, 50)?;
    let expression = RegexBuilder::new(&asked.pattern)
        .case_insensitive(asked.ignore_case)
        .size_limit(MOST_COMPILED)
        .build()
        .map_err(|error| Refusal::Arguments(format!("pattern: {error}")))?;
    let body = view.fields().body;
    let words: Vec<(Occur, Box<dyn Query>)> = necessary(&asked.pattern)
        .iter()
        .map(|word| {
            let query = TermQuery::new(Term::from_field_text(body, word), IndexRecordOption::Basic);
            (Occur::Must, Box::new(query) as Box<dyn Query>)
        })
        .collect();
    let wanted = (!words.is_empty()).then(|| Box::new(BooleanQuery::new(words)) as Box<dyn Query>);
    let query = visible(view.fields(), view.sight, CHUNK, &filter, wanted);
    let found = view.searcher.search(&query, &DocSetCollector)?;
    let mut candidates: Vec<_> = found.into_iter().collect();
    candidates.sort_unstable();
    let until = Instant::now() + WITHIN;
    let (mut matches, mut is_complete) = (Vec::new(), !state::has_cut(view, &filter)?);
    'all: for address in candidates {
        if Instant::now() > until {
            is_complete = false;
            break;
        }
        let record = view.searcher.doc(address)?;
        let Some(chunk) = ChunkRecord::read(&record, view.fields()) else { continue };
        for (line, number) in chunk.text.lines().zip(chunk.line..) {
            if !expression.is_match(line) {
                continue;
            }
            if matches.len() == limit {
                is_complete = false;
                break 'all;
            }
            let shown: String = line.chars().take(MOST_LINE).collect();
            matches.push((chunk.path.clone(), number, chunk.citation(), shown));
        }
    }
    matches.sort();
    let all: Vec<Value> = matches
        .into_iter()
        .map(|(path, line, id, text)| json!({"path": path, "line": line, "id": id, "text": text}))
        .collect();
    Ok(json!({
        "matches": all,
        "is_complete": is_complete,
    }))
}

#[cfg(test)]
mod tests {
    use super::necessary;

    #[test]
    fn only_inner_words_of_a_plain_pattern_are_necessary() {
        assert_eq!(necessary("fn restarting servers now"), ["restart", "server"]);
        for pattern in ["one", "one two", "a b.c d", "(a b c)", "a b c|d", "a b? c", "a x-y c"] {
            assert!(necessary(pattern).is_empty(), "{pattern}");
        }
    }
}
