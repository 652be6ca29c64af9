//! Queries of callers: words, phrases, exclusions and inexact words for the search in texts, and a
//! query language over what documents say about themselves. Every query also contains the condition
//! of what the caller may see, so that counts, pages and highlights are made of nothing else.

use std::ops::Bound;

use tantivy::{
    Term,
    query::{
        AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery,
        Query, QueryParser, QueryParserError, RangeQuery, TermQuery,
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
    /// A part in one place alone, where it must be.
    In(Place, Box<Part>),
}

/// A place of a document that queries name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The title of the document.
    Title,
    /// The headings.
    Heading,
}

impl Place {
    /// The place that a part of a query begins with, and the rest.
    fn of(text: &str) -> (Option<Self>, &str) {
        for (name, place) in [("title:", Self::Title), ("heading:", Self::Heading)] {
            let named = text.strip_prefix(name);
            if let Some(rest) = named.filter(|rest| {
                rest.starts_with(|letter: char| letter == '"' || letter.is_alphanumeric())
            }) {
                return (Some(place), rest);
            }
        }
        (None, text)
    }
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
            let (place, after) = Place::of(after);
            let quoted = after.strip_prefix('"').and_then(|after| after.split_once('"'));
            let (parts, left) = if let Some((phrase, left)) = quoted {
                (part(phrase, true, false), left)
            } else {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                let (word, left) = after.split_at(end);
                let inexact = word.strip_suffix('~');
                (part(inexact.unwrap_or(word), false, inexact.is_some()), left)
            };
            let parts = parts.into_iter().map(|part| match place {
                Some(place) => Part::In(place, Box::new(part)),
                None => part,
            });
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
        let wanted = self.wanted.iter().map(Part::loosened).collect();
        Self { wanted, unwanted: self.unwanted.clone() }
    }

    /// True if a word is inexact that would be looked for as it is.
    pub(crate) fn can_be_loosened(&self) -> bool {
        self.wanted.iter().any(|one| *one != one.loosened())
    }

    /// A query over chunks without those that have an unwanted part.
    pub(crate) fn without_unwanted(
        &self,
        fields: &Fields,
        wanted: Box<dyn Query>,
    ) -> Box<dyn Query> {
        let mut all: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, wanted)];
        all.extend(self.excluded(fields));
        // What must be in one place must be there also where the meaning fits.
        for wanted in self.wanted.iter().filter(|one| one.is_placed()) {
            all.extend(wanted.queries(fields).into_iter().map(|query| (Occur::Must, query)));
        }
        Box::new(BooleanQuery::new(all))
    }

    fn excluded(&self, fields: &Fields) -> Vec<(Occur, Box<dyn Query>)> {
        let queries = self.unwanted.iter().flat_map(|unwanted| unwanted.queries(fields));
        queries.map(|query| (Occur::MustNot, query)).collect()
    }

    /// The query over chunks.
    pub(crate) fn query(&self, fields: &Fields) -> Box<dyn Query> {
        let mut all: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for wanted in &self.wanted {
            let occur = if wanted.is_placed() { Occur::Must } else { Occur::Should };
            all.extend(wanted.queries(fields).into_iter().map(|query| (occur, query)));
        }
        all.extend(self.excluded(fields));
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

/// The number of letters in which words of this length may differ: one of two letters would fit
/// most short words.
fn distance(word: &str) -> u8 {
    match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

impl Part {
    /// The same with words inexact.
    fn loosened(&self) -> Self {
        match self {
            Self::Word(word) if distance(word) > 0 => Self::Inexact(word.clone()),
            Self::In(place, part) => Self::In(*place, Box::new(part.loosened())),
            Self::Word(_) | Self::Inexact(_) | Self::Phrase(_) => self.clone(),
        }
    }

    /// True if it must be where it is looked for.
    fn is_placed(&self) -> bool {
        matches!(self, Self::In(..))
    }

    /// The queries in the field of its place, or in all fields that are searched: one for each, as
    /// the search is fastest with all of them side by side.
    fn queries(&self, fields: &Fields) -> Vec<Box<dyn Query>> {
        match self {
            Self::In(Place::Title, part) => vec![part.in_field(fields.title)],
            Self::In(Place::Heading, part) => vec![part.in_field(fields.heading)],
            Self::Word(_) | Self::Inexact(_) | Self::Phrase(_) => {
                let boosted = |(field, weight)| -> Box<dyn Query> {
                    Box::new(BoostQuery::new(self.in_field(field), weight))
                };
                weighted(fields).map(boosted).into()
            }
        }
    }

    fn in_field(&self, field: Field) -> Box<dyn Query> {
        let term = |word: &String| Term::from_field_text(field, word);
        match self {
            Self::Inexact(word) if distance(word) > 0 => {
                Box::new(FuzzyTermQuery::new(term(word), distance(word), true))
            }
            Self::Word(word) | Self::Inexact(word) => {
                Box::new(TermQuery::new(term(word), IndexRecordOption::WithFreqs))
            }
            Self::Phrase(words) => Box::new(PhraseQuery::new(words.iter().map(term).collect())),
            Self::In(_, part) => part.in_field(field),
        }
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

pub(crate) fn exactly(field: Field, text: &str) -> Box<dyn Query> {
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
    all.extend(sight.hidden(fields.origin).map(|hidden| (Occur::MustNot, hidden)));
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
    match parser.parse_query(text) {
        Ok(query) => Some(query),
        // All documents but some: only the lenient reading takes that.
        Err(QueryParserError::AllButQueryForbidden) => Some(parser.parse_query_lenient(text).0),
        Err(_) => None,
    }
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
        let title = |part: Part| Part::In(Place::Title, Box::new(part));
        let read = Question::read("title:keys -title:\"a draft\" heading:x title: place:y");
        assert_eq!(
            read.wanted,
            [
                title(word("key")),
                Part::In(Place::Heading, Box::new(word("x"))),
                word("titl"),
                phrase(&["place", "y"])
            ]
        );
        assert_eq!(read.unwanted, [title(phrase(&["a", "draft"]))]);
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
