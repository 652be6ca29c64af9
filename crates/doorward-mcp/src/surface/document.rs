//! A tool as the search sees it: its words by weight, and what its name says that it does.

use std::collections::{HashMap, HashSet};

use doorward_model::ToolClass;
use serde_json::Value;

use super::{
    vocabulary::{Action, Vocabulary},
    words::{is_plural, split, stem, unglued},
};
use crate::item::ToolSpec;

/// Maximum number of words of one field that count.
const MOST_WORDS: usize = 400;
/// Maximum number of words of a name that count for how much of it a question explains.
const MOST_NAME_WORDS: usize = 64;
/// Methods of HTTP, by which descriptions of the operations of REST APIs end, and what they do.
const METHODS: &[(&str, Action)] = &[
    ("GET", Action::Read),
    ("HEAD", Action::Read),
    ("QUERY", Action::Read),
    ("POST", Action::Create),
    ("PUT", Action::Change),
    ("PATCH", Action::Change),
    ("DELETE", Action::Delete),
];

/// A place in which a tool has words: how much a word there counts, how much the field's length
/// takes from that (the `b` of BM25), and how long such fields usually are. The lengths are fixed,
/// so that a score does not depend on tools that the caller may not use.
#[derive(Clone, Copy)]
struct Field {
    weight: f64,
    by_length: f64,
    usual: f64,
}

const NAME: Field = Field { weight: 4.0, by_length: 0.6, usual: 3.0 };
const TITLE: Field = Field { weight: 2.2, by_length: 0.5, usual: 4.0 };
const PATH: Field = Field { weight: 1.5, by_length: 0.5, usual: 3.0 };
const TAGS: Field = Field { weight: 1.0, by_length: 0.5, usual: 2.0 };
const FIRST_SENTENCE: Field = Field { weight: 1.2, by_length: 0.6, usual: 10.0 };
const DESCRIPTION: Field = Field { weight: 0.5, by_length: 0.75, usual: 25.0 };
const ARGUMENTS: Field = Field { weight: 0.8, by_length: 0.75, usual: 8.0 };
const ARGUMENT_TEXTS: Field = Field { weight: 0.15, by_length: 0.9, usual: 60.0 };
const SERVICE: Field = Field { weight: 0.6, by_length: 0.0, usual: 1.0 };

/// A tool, analysed.
pub(super) struct Document {
    /// The stems of its words, each with its weight.
    pub(super) weights: HashMap<String, f64>,
    /// The stems of its name's words.
    pub(super) name: Vec<String>,
    /// The words of the name that a question must explain: bits by their place in `name`.
    pub(super) to_explain: u64,
    /// The words of name and title as they are written.
    pub(super) written: HashSet<String>,
    /// The stems of the verbs with which name, title and description begin.
    pub(super) verbs: Vec<String>,
    /// Its action.
    pub(super) action: Option<Action>,
    /// Its name says that it changes nothing, and nothing says that it destroys.
    pub(super) seems_to_read: bool,
}

/// The texts of a tool, in words.
struct Texts {
    name: Vec<String>,
    title: Vec<String>,
    first: Vec<String>,
    rest: Vec<String>,
    method: Option<Action>,
    path: String,
}

/// A description, and the method and path at its end.
struct Described<'t> {
    text: &'t str,
    method: Option<Action>,
    path: &'t str,
}

/// Takes the method and path off a description.
fn without_path(text: &str) -> Described<'_> {
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let found = last.split_once(' ').filter(|(_, path)| path.starts_with('/'));
    let known = found.and_then(|(method, path)| {
        METHODS.iter().find(|(name, _)| *name == method).map(|(_, action)| (*action, path))
    });
    known.map_or(Described { text, method: None, path: "" }, |(action, path)| Described {
        text: before,
        method: Some(action),
        path,
    })
}

/// The first sentence and the rest.
fn sentence(text: &str) -> (&str, &str) {
    let end = text.char_indices().find(|(at, letter)| {
        let ends = ['.', '!', '?'].contains(letter)
            && text.get(at + 1..).is_some_and(|rest| rest.starts_with(char::is_whitespace));
        ends || *letter == '\n'
    });
    end.and_then(|(at, _)| text.split_at_checked(at + 1)).unwrap_or((text, ""))
}

impl Texts {
    fn of(spec: &ToolSpec) -> Self {
        let title = spec.tool.title.as_deref().unwrap_or_default();
        let told = spec.tool.description.as_deref().unwrap_or_default().trim();
        let Described { text: told, method, path } = without_path(told);
        // The descriptions of REST APIs begin with the title.
        let told = told.strip_prefix(title).unwrap_or(told).trim();
        let (first, rest) = sentence(told);
        let known: HashSet<String> = split(&format!("{title} {told}")).into_iter().collect();
        let mut name = Vec::new();
        for word in split(&spec.own_name) {
            match unglued(&word, &|part| known.contains(part)) {
                Some((one, other)) => name.extend([one, other]),
                None => name.push(word),
            }
        }
        Self {
            name,
            title: split(title),
            first: split(first),
            rest: split(rest),
            method,
            path: path.to_owned(),
        }
    }

    /// The action that the tool states: by the verb at the beginning or end of its name, or at the
    /// beginning of its title or description.
    fn stated(&self) -> Option<Action> {
        let vocabulary = Vocabulary::get();
        let of = |word: &String| vocabulary.action(&stem(word));
        let in_text = |text: &[String]| {
            // A name with this verb gives something back; a text describes a result.
            let first = text.first()?;
            if stem(first) == "return" { Some(Action::Read) } else { of(first) }
        };
        let in_name = || self.name.first().and_then(of).or_else(|| self.name.last().and_then(of));
        in_name().or_else(|| in_text(&self.title)).or_else(|| in_text(&self.first))
    }

    /// The action of a tool that reads: it gives many things, or one.
    fn many_or_one(&self, stated: Option<Action>) -> Action {
        let last = self.path.split(['/', '?']).rfind(|part| !part.is_empty()).unwrap_or_default();
        let by_key = self.name.iter().any(|word| word == "by" || word == "id");
        if last.contains('{') || by_key {
            return Action::Read;
        }
        let many = is_plural(last) || self.name.last().is_some_and(|word| is_plural(word));
        if many { Action::List } else { stated.unwrap_or(Action::Read) }
    }

    /// The action of the tool, as far as anything tells.
    fn action(&self, class: ToolClass) -> Option<Action> {
        let stated = self.stated();
        let reads = stated.or(self.method).map_or(class == ToolClass::Read, Action::reads);
        if reads && self.method.is_none_or(Action::reads) {
            return Some(self.many_or_one(stated));
        }
        stated.or(self.method)
    }

    /// The stems of the verbs that stand where verbs do.
    fn verbs(&self) -> Vec<String> {
        let vocabulary = Vocabulary::get();
        let begin = [&self.name, &self.title, &self.first];
        let mut verbs: Vec<String> =
            begin.iter().filter_map(|text| text.first()).map(|word| stem(word)).collect();
        let is_verb = |word: &String| vocabulary.action(&stem(word)).is_some();
        if self.name.first().is_none_or(|word| !is_verb(word)) {
            verbs.extend(self.name.last().filter(|word| is_verb(word)).map(|word| stem(word)));
        }
        verbs
    }
}

/// The tags that servers give their tools in `_meta`, at the top or in a member of their own.
fn tags(spec: &ToolSpec) -> Vec<String> {
    let Some(meta) = &spec.tool.meta else { return Vec::new() };
    let own = meta.0.get("tags").into_iter();
    let nested = meta.0.values().filter_map(|value| value.get("tags"));
    own.chain(nested)
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .flat_map(split)
        .collect()
}

/// The names of a tool's arguments.
pub(super) fn argument_names(spec: &ToolSpec) -> Vec<&str> {
    spec.tool
        .input_schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|members| members.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn argument_texts(spec: &ToolSpec) -> Vec<String> {
    let properties = spec.tool.input_schema.get("properties").and_then(Value::as_object);
    let mut words = Vec::new();
    for schema in properties.into_iter().flat_map(serde_json::Map::values) {
        if words.len() < MOST_WORDS {
            words.extend(split(
                schema.get("description").and_then(Value::as_str).unwrap_or_default(),
            ));
        }
    }
    words
}

/// Counts as a number of the scores.
pub(super) fn number(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

/// The weights of a tool's words, with the stems that are known already: tools of one service have
/// most words in common.
struct Weights<'s> {
    of: HashMap<String, f64>,
    stems: &'s mut HashMap<String, String>,
}

/// Adds the words of a field.
fn weigh(weights: &mut Weights<'_>, field: Field, words: &[String], keeps_all: bool) {
    let vocabulary = Vocabulary::get();
    let counted: Vec<&String> = words
        .iter()
        .take(MOST_WORDS)
        .filter(|word| keeps_all || !vocabulary.is_stop(word))
        .collect();
    let length = 1.0 - field.by_length + field.by_length * number(counted.len()) / field.usual;
    for word in counted {
        if !weights.stems.contains_key(word) {
            weights.stems.insert(word.clone(), stem(word));
        }
        if let Some(stem) = weights.stems.get(word) {
            *weights.of.entry(stem.clone()).or_default() += field.weight / length;
        }
    }
}

impl Document {
    /// Analyses a tool. `stems` keeps the stems of words for the next one.
    pub(super) fn new(spec: &ToolSpec, stems: &mut HashMap<String, String>) -> Self {
        let vocabulary = Vocabulary::get();
        let texts = Texts::of(spec);
        let mut weights = Weights { of: HashMap::new(), stems };
        let fixed: String = texts
            .path
            .split('/')
            .filter(|part| !part.contains('{'))
            .flat_map(|part| [part, " "])
            .collect();
        let arguments: Vec<String> = argument_names(spec).into_iter().flat_map(split).collect();
        let service = spec.upstream.map(|name| split(name.as_str())).unwrap_or_default();
        weigh(&mut weights, NAME, &texts.name, true);
        weigh(&mut weights, TITLE, &texts.title, false);
        weigh(&mut weights, PATH, &split(&fixed), false);
        weigh(&mut weights, TAGS, &tags(spec), false);
        weigh(&mut weights, FIRST_SENTENCE, &texts.first, false);
        weigh(&mut weights, DESCRIPTION, &texts.rest, false);
        weigh(&mut weights, ARGUMENTS, &arguments, false);
        weigh(&mut weights, ARGUMENT_TEXTS, &argument_texts(spec), false);
        weigh(&mut weights, SERVICE, &service, false);
        let mut name: Vec<String> = Vec::new();
        let mut to_explain = 0;
        for word in texts.name.iter().take(MOST_NAME_WORDS) {
            let stem = stem(word);
            if name.contains(&stem) {
                continue;
            }
            let is_verb = name.is_empty() && vocabulary.action(&stem).is_some();
            if !vocabulary.is_stop(word) && !vocabulary.is_generic(&stem) && !is_verb {
                to_explain |= 1 << name.len();
            }
            name.push(stem);
        }
        let destroys = spec.tool.annotations.as_ref().and_then(|hints| hints.destructive_hint);
        Self {
            weights: weights.of,
            name,
            to_explain,
            verbs: texts.verbs(),
            action: texts.action(spec.class),
            seems_to_read: texts.stated().is_some_and(Action::reads) && destroys != Some(true),
            written: texts.name.into_iter().chain(texts.title).collect(),
        }
    }
}
