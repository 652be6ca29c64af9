//! A question as the search understands it: its words by weight, the requested action, and whether
//! that action implies a change.

use super::{
    vocabulary::{Action, Vocabulary, phrase},
    words::{is_plural, split, stem},
};

/// Maximum number of words of a question that count.
const MOST_WORDS: usize = 64;

/// Words that end a verb of two words after its object. Others are prepositions there.
const PARTICLES: &str = "away back down off out up";
/// Maximum number of words up to there.
const MOST_BETWEEN: usize = 5;

/// The weight of a word that only says how many.
const QUANTITY_WEIGHT: f64 = 0.25;
/// The weight of a word that a turn of phrase implies.
const IMPLIED_WEIGHT: f64 = 0.35;
/// The weight of a verb that says only that something is to be seen.
const GENERIC_WEIGHT: f64 = 0.1;
/// Weight of words after the first preposition, if the subject precedes it.
const TAIL_WEIGHT: f64 = 0.8;

/// Words before the verb of a request.
const LEADS: &str = "please can could would will you i we want need to like let lets us me how \
     do should must may help it is possible d ll m am re";
/// Words by which questions begin.
const QUESTION_WORDS: &str =
    "which what who whom whose where when why how is are does was were did am has have";
/// Words by which a question asks for something to be done, and not for what is done already.
const ASKED_FOR: &str = "how can could should";
/// Words by which the object of a request begins.
const OBJECTS: &str = "a an the my our your their his her its everything everyone anything someone \
     something two three both new this that these those all some several one every each up down \
     off out away back me us him them it";
const PREPOSITIONS: &str = "of in for from on to with by at into about";
const AUXILIARIES: &str = "do does did is are was were has have";
/// Words by which one thing is meant.
const ONE: &str = "a an one single this specific particular";
/// Words by which many things are meant, whatever their ending.
const MANY: &str = "history log feed list all every overview";
const QUANTITIES: &str = "all everything many several multiple";
/// Turns of phrase, and the words that they imply.
const IMPLIED: &[(&str, &str)] = &[
    ("who can", "permission access collaborator share"),
    ("who may", "permission access collaborator share"),
    ("allowed", "permission access"),
    ("who has", "access member owner"),
    ("how much", "balance usage quota amount stock size count"),
    ("how many", "count number usage total"),
    ("when", "time date hours schedule"),
    ("where", "location track address status"),
];

fn is_in(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|one| one == word)
}

/// The action that a question requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemName {
    /// This.
    Only(Action),
    /// Something is to be seen: many things or one.
    Seen,
}

/// A word of a question.
#[derive(Debug)]
pub(super) struct Term {
    /// Its stem.
    pub(super) stem: String,
    /// The word itself.
    pub(super) word: String,
    /// Its weight.
    pub(super) weight: f64,
    /// It is the verb of a request.
    pub(super) is_verb: bool,
}

/// A question.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) terms: Vec<Term>,
    pub(super) wanted: Option<ItemName>,
    /// It implies a change.
    pub(super) changes: bool,
}

/// A verb of two words with its object between them, as in `throw the menu away`.
struct SplitVerb<'w> {
    /// The verb that means the same.
    verb: &'static str,
    object: &'w [String],
    rest: &'w [String],
}

/// The verb of two words at the beginning of `first` and `tail`, if its parts are apart.
fn apart<'w>(first: &str, tail: &'w [String]) -> Option<SplitVerb<'w>> {
    let within = tail.iter().take(MOST_BETWEEN).enumerate().skip(1);
    let (at, verb) = within
        .filter(|(_, second)| is_in(PARTICLES, second))
        .find_map(|(at, second)| phrase(first, second).map(|verb| (at, verb)))?;
    Some(SplitVerb { verb, object: tail.get(..at)?, rest: tail.get(at + 1..)? })
}

/// The words of a question, verbs of two words replaced.
fn words_of(text: &str) -> Vec<String> {
    let raw: Vec<String> = split(text).into_iter().take(MOST_WORDS).collect();
    let mut words: Vec<String> = Vec::new();
    let mut rest = raw.as_slice();
    while let [first, tail @ ..] = rest {
        match tail {
            [second, tail @ ..] if phrase(first, second).is_some() => {
                words.extend(phrase(first, second).map(str::to_owned));
                rest = match tail {
                    [of, tail @ ..] if of == "of" => tail,
                    tail => tail,
                };
            }
            tail => {
                if let Some(split) = apart(first, tail) {
                    words.push(split.verb.to_owned());
                    words.extend_from_slice(split.object);
                    rest = split.rest;
                } else {
                    words.push(first.clone());
                    rest = tail;
                }
            }
        }
    }
    words
}

/// The parts of a sentence.
struct Sentence<'w> {
    words: &'w [String],
    /// The words from the verb or the subject on.
    head: &'w [String],
    asks: bool,
}

/// The verb of a request.
#[derive(Default)]
struct Request {
    verb: Option<String>,
    action: Option<Action>,
    changes: bool,
}

impl<'w> Sentence<'w> {
    fn new(words: &'w [String]) -> Self {
        let most = words.len().saturating_sub(1);
        let leads = words.iter().take(most).take_while(|word| is_in(LEADS, word)).count();
        let (before, head) = words.split_at_checked(leads).unwrap_or((&[], words));
        let begins = head.first().is_some_and(|word| is_in(QUESTION_WORDS, word));
        let is_request = before.iter().any(|word| is_in("i we you to", word));
        let asks_by_lead = before.first().is_some_and(|word| is_in("how is", word)) && !is_request;
        Self { words, head, asks: begins || asks_by_lead }
    }

    /// A verb that changes something, where a question names one: `what do I call to delete …`.
    fn embedded(&self) -> Request {
        let vocabulary = Vocabulary::get();
        for pair in self.words.windows(2) {
            let [before, word] = pair else { continue };
            let stem = stem(word);
            let action = vocabulary.action(&stem).filter(|action| !action.reads());
            let changes = action.is_some() || vocabulary.changes(&stem);
            let is_named = is_in("to please", before)
                || (is_in("i we you", before)
                    && self.words.iter().any(|word| is_in(ASKED_FOR, word)));
            if is_named && changes && !word.ends_with("ing") {
                return Request { verb: Some(word.clone()), action, changes };
            }
        }
        Request::default()
    }

    /// A verb that changes something and is no noun, anywhere among key words: `student enroll`.
    fn plain(&self) -> Request {
        let vocabulary = Vocabulary::get();
        let verb = self.words.iter().find(|word| {
            vocabulary.is_plain(&stem(word)) && !word.ends_with("ed") && !word.ends_with('s')
        });
        Request {
            verb: verb.cloned(),
            action: verb.and_then(|verb| vocabulary.action(&stem(verb))),
            changes: verb.is_some(),
        }
    }

    /// The verb at the beginning.
    fn first(&self) -> Request {
        let vocabulary = Vocabulary::get();
        let Some(word) = self.head.first() else { return Request::default() };
        let second = self.head.get(1);
        let stem = stem(word);
        let begins = |words: &str| second.is_some_and(|second| is_in(words, second));
        let action = vocabulary.action(&stem);
        let is_noun = action.is_some_and(|action| {
            let inflected =
                *word != stem && ["s", "ed", "ing"].iter().any(|ending| word.ends_with(ending));
            // `open issues` are those that are open; `open an issue` makes one.
            let is_state = word == "open" && second.is_some_and(|second| is_plural(second));
            begins("of in for on from") || (inflected && !action.reads()) || is_state
        });
        if is_noun {
            return Request::default();
        }
        if let Some(action) = action {
            return Request {
                verb: Some(word.clone()),
                action: Some(action),
                changes: !action.reads(),
            };
        }
        let is_request = begins(OBJECTS) && !vocabulary.is_generic(&stem);
        let changes = vocabulary.changes(&stem) || is_request;
        Request { verb: changes.then(|| word.clone()), action: None, changes }
    }

    fn request(&self) -> Request {
        if self.asks {
            return self.embedded();
        }
        let first = self.first();
        if first.verb.is_some() {
            return first;
        }
        let plain = self.plain();
        if plain.changes {
            return plain;
        }
        // A statement about oneself is a request that does not name its verb.
        let states = self.words.first().is_some_and(|word| is_in("i we", word));
        Request { changes: states, ..Request::default() }
    }

    /// The words of the subject.
    fn subject(&self) -> &'w [String] {
        let end = self.head.iter().enumerate().position(|(at, word)| {
            (at > 0 && is_in(PREPOSITIONS, word)) || (at > 1 && is_in(AUXILIARIES, word))
        });
        end.and_then(|end| self.head.get(..end)).unwrap_or(self.head)
    }

    /// One thing or many, where something is to be seen.
    fn seen(&self, request: &Request) -> ItemName {
        let vocabulary = Vocabulary::get();
        let subject = self.subject();
        let many = subject
            .iter()
            .any(|word| is_in(MANY, word) || (is_plural(word) && !vocabulary.is_stop(word)));
        let asks_who = self.words.first().is_some_and(|word| word == "who");
        let one = !asks_who && subject.iter().any(|word| is_in(ONE, word));
        let finds = request.verb.as_deref() == Some("find");
        let lists = request.action == Some(Action::List);
        let is_generic =
            request.verb.as_ref().is_none_or(|verb| vocabulary.is_generic(&stem(verb)));
        if !is_generic && !lists {
            return ItemName::Seen;
        }
        if many && (lists || !one) {
            ItemName::Only(Action::List)
        } else if one && !finds && !lists {
            ItemName::Only(Action::Read)
        } else {
            ItemName::Seen
        }
    }
}

impl Question {
    /// Parses a question. `is_known` returns whether a tool has a stem.
    pub(super) fn new(text: &str, is_known: &dyn Fn(&str) -> bool) -> Self {
        let words = words_of(text);
        let sentence = Sentence::new(&words);
        let request = sentence.request();
        let wanted = match request.action {
            Some(action) if !action.reads() => Some(ItemName::Only(action)),
            None if request.changes => None,
            Some(_) | None => Some(sentence.seen(&request)),
        };
        let mut question = Self { terms: Vec::new(), wanted, changes: request.changes };
        question.add_words(&sentence, &request);
        question.add_implied(&words);
        question.add_joined(&words, is_known);
        question
    }

    fn add(&mut self, word: &str, weight: f64, is_verb: bool) {
        let stem = stem(word);
        if self.terms.iter().all(|term| term.stem != stem) {
            self.terms.push(Term { stem, word: word.to_owned(), weight, is_verb });
        }
    }

    fn add_words(&mut self, sentence: &Sentence<'_>, request: &Request) {
        let vocabulary = Vocabulary::get();
        let subject = sentence.subject();
        for word in sentence.words {
            let is_verb = request.verb.as_ref() == Some(word);
            if is_in("i me my myself", word) {
                self.add("me", IMPLIED_WEIGHT, false);
            } else if is_in(QUANTITIES, word) {
                self.add(word, QUANTITY_WEIGHT, false);
            } else if !vocabulary.is_stop(word) || is_verb {
                let weight = if vocabulary.is_generic(&stem(word)) { GENERIC_WEIGHT } else { 1.0 };
                let in_tail = !is_verb && !subject.contains(word);
                self.add(word, if in_tail { weight * TAIL_WEIGHT } else { weight }, is_verb);
            }
        }
    }

    fn add_implied(&mut self, words: &[String]) {
        for (phrase, implied) in IMPLIED {
            if phrase.split(' ').all(|part| words.iter().any(|word| word == part)) {
                for word in implied.split_whitespace() {
                    self.add(word, IMPLIED_WEIGHT, false);
                }
            }
        }
    }

    /// Adds words that names write together: `web hook`, `2 fa`.
    fn add_joined(&mut self, words: &[String], is_known: &dyn Fn(&str) -> bool) {
        for pair in words.windows(2) {
            let joined = pair.concat();
            let stem = stem(&joined);
            if is_known(&stem) || !Vocabulary::get().similar(&stem).is_empty() {
                self.add(&joined, 1.0, false);
            }
        }
    }
}
