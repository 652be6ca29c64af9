//! Queries of callers: words, phrases, exclusions and inexact words for the search in texts, and a
//! query language over what documents say about themselves. Every query also contains the condition
//! of what the caller may see, so that counts, pages and highlights are made of nothing else.

use std::ops::Bound;

use tantivy::{
    Term,
    query::{
        AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery,
        Query, QueryParser, RangeQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

use crate::{
    format::Format,
    rights::Sight,
    schema::Fields,
    stem::{is_stop_word, words},
};

/// Maximum number of words of a query.
const MOST_WORDS: usize = 64;
/// Maximum number of bytes of a query.
pub(crate) const MOST_BYTES: usize = 4096;

/// A part of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A word.
    Word(String),
    /// A word, also where letters of it differ.
    Inexact(String),
    /// Words in this order.
    Phrase(Vec<String>),
}

/// A query as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) wanted: Vec<Part>,
    pub(crate) unwanted: Vec<Part>,
}

fn part(text: &str, is_phrase: bool, is_inexact: bool) -> Vec<Part> {
    let mut found = words(text);
    match (is_phrase, found.len()) {
        (true, 2..) => vec![Part::Phrase(found)],
        // A word with a hyphen or dot is a phrase of its parts.
        (false, 2..) if !is_inexact => vec![Part::Phrase(found)],
        _ if is_inexact => found.drain(..).map(Part::Inexact).collect(),
        _ => found.drain(..).map(Part::Word).collect(),
    }
}

impl Question {
    /// Reads a query. Every text is one.
    pub(crate) fn read(text: &str) -> Self {
        let mut question = Self::default();
        let mut rest = text;
        for _ in 0..MOST_WORDS {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let (is_unwanted, after) = match rest.strip_prefix('-') {
                Some(after) if !after.starts_with(char::is_whitespace) => (true, after),
                _ => (false, rest),
            };
            let quoted = after.strip_prefix('"').and_then(|after| after.split_once('"'));
            let (parts, left) = if let Some((phrase, left)) = quoted {
                (part(phrase, true, false), left)
            } else {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                let (word, left) = after.split_at(end);
                let inexact = word.strip_suffix('~');
                (part(inexact.unwrap_or(word), false, inexact.is_some()), left)
            };
            if is_unwanted { &mut question.unwanted } else { &mut question.wanted }.extend(parts);
            rest = left;
        }
        let says_nothing =
            |one: &Part| matches!(one, Part::Word(word) if is_stop_word(word.as_str()));
        if !question.wanted.iter().all(says_nothing) {
            question.wanted.retain(|one| !says_nothing(one));
        }
        question
    }

    /// The same with every word inexact.
    pub(crate) fn loosened(&self) -> Self {
        let loosen = |one: &Part| match one {
            Part::Word(word) => Part::Inexact(word.clone()),
            other => other.clone(),
        };
        Self { wanted: self.wanted.iter().map(loosen).collect(), unwanted: self.unwanted.clone() }
    }

    /// True if a word is inexact that would be looked for as it is.
    pub(crate) fn can_be_loosened(&self) -> bool {
        self.wanted.iter().any(|one| matches!(one, Part::Word(_)))
    }

    /// A query over chunks without those that have an unwanted part.
    pub(crate) fn without_unwanted(
        &self,
        fields: &Fields,
        wanted: Box<dyn Query>,
    ) -> Box<dyn Query> {
        let mut all: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, wanted)];
        for unwanted in &self.unwanted {
            for (field, _) in weighted(fields) {
                all.push((Occur::MustNot, of_part(unwanted, field)));
            }
        }
        Box::new(BooleanQuery::new(all))
    }

    /// The query over chunks.
    pub(crate) fn query(&self, fields: &Fields) -> Box<dyn Query> {
        let mut all: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for wanted in &self.wanted {
            for (field, weight) in weighted(fields) {
                let query = of_part(wanted, field);
                all.push((Occur::Should, Box::new(BoostQuery::new(query, weight))));
            }
        }
        for unwanted in &self.unwanted {
            for (field, _) in weighted(fields) {
                all.push((Occur::MustNot, of_part(unwanted, field)));
            }
        }
        if self.wanted.is_empty() {
            all.push((Occur::Must, Box::new(AllQuery)));
        }
        Box::new(BooleanQuery::new(all))
    }
}

/// The fields that are searched, with their weights.
fn weighted(fields: &Fields) -> [(Field, f32); 4] {
    [(fields.body, 1.0), (fields.title, 2.0), (fields.heading, 1.5), (fields.names, 1.0)]
}

fn of_part(part: &Part, field: Field) -> Box<dyn Query> {
    let term = |word: &String| Term::from_field_text(field, word);
    match part {
        Part::Word(word) => Box::new(TermQuery::new(term(word), IndexRecordOption::WithFreqs)),
        Part::Inexact(word) => {
            let distance = if word.chars().count() > 5 { 2 } else { 1 };
            Box::new(FuzzyTermQuery::new(term(word), distance, true))
        }
        Part::Phrase(words) => Box::new(PhraseQuery::new(words.iter().map(term).collect())),
    }
}

/// The conditions of a request besides its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// A folder or document.
    pub(crate) folder: Option<String>,
    pub(crate) format: Option<Format>,
    /// The first second, and the first after the last.
    pub(crate) modified: (Option<i64>, Option<i64>),
    pub(crate) id: Option<String>,
}

fn exactly(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(ConstScoreQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), 0.0))
}

/// A query over records of one kind that the caller may see.
pub(crate) fn visible(
    fields: &Fields,
    sight: &Sight,
    of: &str,
    filter: &Filter,
    wanted: Option<Box<dyn Query>>,
) -> Box<dyn Query> {
    let mut all: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, exactly(fields.of, of))];
    all.extend(sight.condition(fields.within).map(|condition| (Occur::Must, condition)));
    all.extend(wanted.map(|wanted| (Occur::Must, wanted)));
    let folder = filter.folder.as_deref().map(|folder| exactly(fields.within, folder));
    let format = filter.format.map(|format| exactly(fields.format, format.as_str()));
    let id = filter.id.as_deref().map(|id| exactly(fields.id, id));
    all.extend([folder, format, id].into_iter().flatten().map(|one| (Occur::Must, one)));
    if filter.modified != (None, None) {
        let bound = |seconds: i64| Term::from_field_i64(fields.modified, seconds);
        let (from, to) = filter.modified;
        let range = RangeQuery::new(
            from.map_or(Bound::Unbounded, |from| Bound::Included(bound(from))),
            to.map_or(Bound::Unbounded, |to| Bound::Excluded(bound(to))),
        );
        all.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(range), 0.0))));
    }
    Box::new(BooleanQuery::new(all))
}

/// Maximum number of parentheses and negations of a metadata query: the parser calls itself for each.
const MOST_NESTED: usize = 32;

/// A query over what documents say about themselves; `None` for one that is malformed (CA10).
pub(crate) fn metadata(
    index: &tantivy::Index,
    fields: &Fields,
    text: &str,
) -> Option<Box<dyn Query>> {
    let nested = text.matches('(').count() + text.matches("NOT").count();
    if nested > MOST_NESTED {
        return None;
    }
    let mut parser =
        QueryParser::for_index(index, vec![fields.title, fields.names, fields.about, fields.meta]);
    parser.set_conjunction_by_default();
    parser.parse_query(text).ok()
}

/// The words of a text, in any of the fields of documents.
pub(crate) fn plain(fields: &Fields, text: &str) -> Box<dyn Query> {
    let all = words(text).into_iter().take(MOST_WORDS).map(|word| {
        let any = [fields.title, fields.names, fields.about, fields.format].map(|field| {
            let term = Term::from_field_text(field, &word);
            let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
            (Occur::Should, Box::new(query) as Box<dyn Query>)
        });
        (Occur::Should, Box::new(BooleanQuery::new(any.into())) as Box<dyn Query>)
    });
    Box::new(BooleanQuery::new(all.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_exclusions_and_inexact_words_are_told_apart() {
        let word = |text: &str| Part::Word(text.to_owned());
        let phrase = |all: &[&str]| Part::Phrase(all.iter().map(|one| (*one).to_owned()).collect());
        let read = Question::read("how do I \"rotate the keys\" -draft restarting~ x-ray");
        assert_eq!(
            read.wanted,
            [
                phrase(&["rotat", "the", "key"]),
                Part::Inexact("restart".into()),
                phrase(&["x", "ray"])
            ]
        );
        assert_eq!(read.unwanted, [word("draft")]);
        assert_eq!(Question::read("the who").wanted, [word("the"), word("who")]);
        for odd in ["", "   ", "\"", "-", "~", "- -", "\"\"", "():^[]{}\\", "\u{0}"] {
            let read = Question::read(odd);
            assert!(read.wanted.is_empty(), "{odd:?}: {read:?}");
        }
    }

    #[test]
    fn a_metadata_query_that_nests_too_deep_is_read_as_words_and_others_end_soon() {
        let opened = crate::store::Opened::in_memory().unwrap();
        let searcher = opened.searcher();
        let read = |text: &str| {
            let begun = std::time::Instant::now();
            let query = metadata(searcher.index(), &opened.fields, text);
            assert!(begun.elapsed().as_secs() < 10, "{text}");
            query.is_some()
        };
        let nested = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
        assert!(read(&nested(20)) && read("b AND NOT a"));
        for text in [nested(2000), "(".repeat(MOST_BYTES), "NOT ".repeat(1000) + "a"] {
            assert!(!read(&text), "{text}");
        }
        for text in ["a OR ".repeat(800) + "a", "-".repeat(MOST_BYTES), "[".repeat(MOST_BYTES)] {
            read(&text);
        }
    }
}
