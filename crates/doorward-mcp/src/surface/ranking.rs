//! The ranking of tools for a question: BM25 over weighted fields, then the share of the question
//! and of the tool's name that explain each other, then what is to be done.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use doorward_model::ToolClass;

use super::{
    document::{Document, number},
    question::{ItemName, Question, Term},
    segment::{MOST_FORMS, Segment},
    vocabulary::Vocabulary,
};
use crate::item::ToolSpec;

/// Saturation of the weight of a word (`k1` of BM25).
const SATURATION: f64 = 1.2;
/// The weight of words of similar meaning.
const SIMILAR: f64 = 0.45;
/// The weight of verbs of similar meaning.
const SIMILAR_VERB: f64 = 0.5;
/// The weight of words that have the same beginning.
const FORM: f64 = 0.4;
/// Weights of the question's verb: if a tool has the word as its verb, and elsewhere.
const VERB_IN_PLACE: f64 = 0.9;
const VERB_ELSEWHERE: f64 = 0.3;
/// Factor for the same form of a word, such as the plural.
const AS_WRITTEN: f64 = 1.22;
/// The part of the score that depends on how much of the question the tool explains.
const OF_QUESTION: f64 = 0.3;
/// The part of the score that depends on how much of the name the question explains.
const OF_NAME: f64 = 0.5;
/// The factors for tools that do what is wanted, nearly that, and something else.
const SAME_ACTION: f64 = 1.35;
const NEAR_ACTION: f64 = 1.1;
const OTHER_ACTION: f64 = 0.7;

/// A tool that was found.
pub(super) struct Found<'s> {
    pub(super) score: f64,
    pub(super) spec: &'s Arc<ToolSpec>,
}

/// The outcome of a search.
pub(super) struct Ranked<'s> {
    /// Tools, the best first.
    pub(super) found: Vec<Found<'s>>,
    /// Number of tools that are left out because they change something.
    pub(super) hidden: usize,
    /// Number of entries of the indexes that were read.
    pub(super) work: usize,
}

/// The score of one tool so far.
#[derive(Clone, Copy, Default)]
struct Score {
    sum: f64,
    /// Share of the question that it explains.
    explains: f64,
    /// The words of its name that the question explains, as bits.
    explained: u64,
    /// The best match of the present word.
    best: f64,
}

/// An index of a search.
struct CountedSegment<'s> {
    /// The number of its first tool among those of all indexes.
    first: usize,
    segment: &'s Segment,
}

/// A word that counts for one of the question.
#[derive(Clone, Copy)]
struct Match<'w> {
    word: &'w str,
    weight: f64,
}

/// The indexes of one search, their tools counted through.
struct Search<'s> {
    segments: Vec<CountedSegment<'s>>,
    tools: usize,
    scores: Vec<Score>,
    work: usize,
}

impl<'s> Search<'s> {
    fn new(segments: impl Iterator<Item = &'s Segment>) -> Self {
        let mut tools = 0;
        let mut counted = Vec::new();
        for segment in segments {
            counted.push(CountedSegment { first: tools, segment });
            tools += segment.specs.len();
        }
        Self { segments: counted, tools, scores: vec![Score::default(); tools], work: 0 }
    }

    fn tools_with(&self, word: &str) -> usize {
        self.segments.iter().map(|counted| counted.segment.postings(word).len()).sum()
    }

    /// Weight of a word by its rarity among the tools.
    fn rarity(&self, tools_with: usize) -> f64 {
        let (all, with) = (number(self.tools), number(tools_with));
        ((all - with + 0.5) / (with + 0.5)).ln_1p()
    }

    /// The words that count for one of the question, each with its weight.
    fn matches(&self, term: &Term, is_known: bool) -> HashMap<&'s str, f64> {
        let mut forms = BTreeSet::new();
        for counted in &self.segments {
            counted.segment.forms(&term.stem, is_known, &mut forms);
        }
        forms.into_iter().take(MOST_FORMS).map(|form| (form, FORM)).collect()
    }

    /// Adds the matches of one word of the question, and returns how much it says.
    fn add(&mut self, term: &Term) -> f64 {
        let vocabulary = Vocabulary::get();
        let with = self.tools_with(&term.stem);
        let mut matches = self.matches(term, with > 0);
        for similar in vocabulary.similar(&term.stem) {
            matches.insert(similar, SIMILAR);
        }
        if term.is_verb {
            for similar in vocabulary.similar_verbs(&term.stem) {
                matches.insert(similar, SIMILAR_VERB);
            }
        }
        // A word that no tool has is as rare as all the words together that are used for it: else the
        // rarest of them would say the most.
        let others: usize = matches.keys().map(|word| self.tools_with(word)).sum();
        let own = self.rarity(if with > 0 { with } else { others.min(self.tools) });
        let mut matches: Vec<(&str, f64)> = matches.into_iter().collect();
        matches.push((&term.stem, 1.0));
        matches.sort_by_key(|(word, _)| *word);
        let mut touched = Vec::new();
        for (word, weight) in matches {
            // A rare synonym says no more than the word that it replaces.
            let rarity = self.rarity(self.tools_with(word)).min(own);
            let found = Match { word, weight: weight * rarity };
            self.add_match(term, found, &mut touched);
        }
        let most = term.weight * own;
        for tool in touched {
            if let Some(score) = self.scores.get_mut(tool) {
                score.sum += score.best;
                score.explains += score.best.min(most);
                score.best = 0.0;
            }
        }
        most
    }

    fn add_match(&mut self, term: &Term, matched: Match<'_>, touched: &mut Vec<usize>) {
        let Match { word, weight } = matched;
        let is_itself = word == term.stem;
        for CountedSegment { first, segment } in &self.segments {
            for posting in segment.postings(word) {
                self.work += 1;
                let mut value = term.weight * weight * posting.weight * (SATURATION + 1.0)
                    / (posting.weight + SATURATION);
                let document = segment.documents.get(posting.tool);
                if is_itself && document.is_some_and(|one| one.written.contains(&term.word)) {
                    value *= AS_WRITTEN;
                }
                if term.is_verb {
                    value *= if posting.is_verb { VERB_IN_PLACE } else { VERB_ELSEWHERE };
                }
                let tool = first + posting.tool;
                let Some(score) = self.scores.get_mut(tool) else { continue };
                if score.best <= 0.0 {
                    touched.push(tool);
                }
                score.best = score.best.max(value);
                score.explained |= posting.in_name;
            }
        }
    }
}

/// The factor for what a tool does.
fn by_action(question: &Question, document: &Document) -> f64 {
    let mut factor = 1.0;
    if let (Some(wanted), Some(does)) = (question.wanted, document.action) {
        factor *= match wanted {
            ItemName::Seen if does.reads() => SAME_ACTION,
            ItemName::Only(action) if action == does => SAME_ACTION,
            ItemName::Only(action) if action.is_near(does) => NEAR_ACTION,
            ItemName::Seen | ItemName::Only(_) => OTHER_ACTION,
        };
    }
    if question.changes && document.action.is_some_and(super::vocabulary::Action::reads) {
        factor *= OTHER_ACTION;
    }
    factor
}

/// The factor for how much of a name the question explains.
fn by_name(score: &Score, document: &Document) -> f64 {
    if document.to_explain == 0 {
        return 1.0;
    }
    let explained = (score.explained & document.to_explain).count_ones();
    let share = f64::from(explained) / f64::from(document.to_explain.count_ones());
    1.0 - OF_NAME + OF_NAME * share
}

/// The order of results: the score, then the name, so that the same question always has the same
/// result.
pub(super) fn order(one: &Found<'_>, other: &Found<'_>) -> Ordering {
    other.score.total_cmp(&one.score).then_with(|| one.spec.name().cmp(other.spec.name()))
}

/// Ranks the tools of these indexes for a question. Tools that change something are left out unless
/// the question implies a change or `with_changing` is set.
pub(super) fn rank<'s>(
    segments: impl Iterator<Item = &'s Segment>,
    text: &str,
    with_changing: bool,
) -> Ranked<'s> {
    let mut search = Search::new(segments);
    let question = Question::new(text, &|stem| search.tools_with(stem) > 0);
    let most: f64 = question.terms.iter().map(|term| search.add(term)).sum();
    let (mut found, mut hidden) = (Vec::new(), 0);
    let shows_changing = with_changing || question.changes;
    for CountedSegment { first, segment } in &search.segments {
        for (place, (spec, document)) in segment.specs.iter().zip(&segment.documents).enumerate() {
            let Some(score) = search.scores.get(first + place).filter(|score| score.sum > 0.0)
            else {
                continue;
            };
            if spec.class != ToolClass::Read && !shows_changing && !document.seems_to_read {
                hidden += 1;
                continue;
            }
            let share = if most > 0.0 { (score.explains / most).min(1.0) } else { 0.0 };
            let of_question = 1.0 - OF_QUESTION + OF_QUESTION * share;
            let score =
                score.sum * of_question * by_name(score, document) * by_action(&question, document);
            found.push(Found { score, spec });
        }
    }
    found.sort_by(order);
    Ranked { found, hidden, work: search.work }
}
