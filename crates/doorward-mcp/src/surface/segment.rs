//! The index of the tools of one service.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use super::document::Document;
use crate::item::ToolSpec;

/// Minimum number of letters of a word of which longer words are forms.
const FEWEST_LETTERS: usize = 4;
/// Maximum number of forms of one word.
pub(super) const MOST_FORMS: usize = 32;

/// A tool that has a word.
pub(super) struct Posting {
    /// Its place among the tools of the segment.
    pub(super) tool: usize,
    /// The word's weight in it.
    pub(super) weight: f64,
    /// The bit of the word in its name, if it is there.
    pub(super) in_name: u64,
    /// The word is a verb of the tool.
    pub(super) is_verb: bool,
}

/// The tools of one service, by their words.
pub(crate) struct Segment {
    pub(super) specs: Vec<Arc<ToolSpec>>,
    pub(super) documents: Vec<Document>,
    postings: BTreeMap<String, Vec<Posting>>,
}

impl Segment {
    /// Indexes tools.
    pub(super) fn new(specs: Vec<Arc<ToolSpec>>) -> Self {
        let mut stems = HashMap::new();
        let mut documents: Vec<Document> =
            specs.iter().map(|spec| Document::new(spec, &mut stems)).collect();
        let mut postings: BTreeMap<String, Vec<Posting>> = BTreeMap::new();
        for (tool, document) in documents.iter_mut().enumerate() {
            for (word, weight) in std::mem::take(&mut document.weights) {
                let in_name = document.name.iter().position(|name| *name == word);
                postings.entry(word).or_default().push(Posting {
                    tool,
                    weight,
                    in_name: in_name.map_or(0, |bit| 1 << bit),
                    is_verb: false,
                });
            }
            for verb in &document.verbs {
                if let Some(last) = postings.get_mut(verb).and_then(|all| all.last_mut()) {
                    last.is_verb |= last.tool == tool;
                }
            }
        }
        Self { specs, documents, postings }
    }

    /// True if it was made of the same tools.
    pub(super) fn is_of(&self, specs: &[Arc<ToolSpec>]) -> bool {
        let same = |(one, other): (&Arc<ToolSpec>, &Arc<ToolSpec>)| {
            Arc::ptr_eq(one, other)
                || (one.tool == other.tool
                    && one.class == other.class
                    && one.own_name == other.own_name
                    && one.scope == other.scope)
        };
        self.specs.len() == specs.len() && self.specs.iter().zip(specs).all(same)
    }

    /// The tools that have a word.
    pub(super) fn postings(&self, word: &str) -> &[Posting] {
        self.postings.get(word).map(Vec::as_slice).unwrap_or_default()
    }

    /// Adds words of which this one is the beginning, such as `reaction` of `react`, and, for a
    /// word that is not there, words that are its beginning.
    pub(super) fn forms<'s>(&'s self, word: &str, is_known: bool, into: &mut BTreeSet<&'s str>) {
        if word.len() < FEWEST_LETTERS {
            return;
        }
        if !is_known || word.len() > FEWEST_LETTERS {
            let from = (Bound::Excluded(word), Bound::Unbounded);
            let longer = self.postings.range::<str, _>(from).map(|(held, _)| held.as_str());
            into.extend(longer.take_while(|held| held.starts_with(word)).take(MOST_FORMS));
        }
        if !is_known {
            let shorter = (FEWEST_LETTERS..word.len()).filter_map(|end| word.get(..end));
            into.extend(
                shorter
                    .filter_map(|short| self.postings.get_key_value(short))
                    .map(|(held, _)| held.as_str()),
            );
        }
    }
}
