//! Metadata documents, read one member at a time.

use serde_json::{Map, Value};

use super::{Answer, Content};
use crate::Fetched;
use doorward_model::foreign;

/// A member that was not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// The fault.
    pub why: String,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", foreign::line(&self.name, 100), self.why)
    }
}

/// The kind of a value, in the words of a message.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The members of a document. Null and empty texts count as absent; members of a wrong type count
/// as absent too and are named in [`Document::left_out`].
#[derive(Clone, Debug, Default)]
pub struct Document {
    members: Map<String, Value>,
    left_out: Vec<LeftOut>,
}

impl From<Map<String, Value>> for Document {
    fn from(members: Map<String, Value>) -> Self {
        Self { members, left_out: Vec::new() }
    }
}

impl Document {
    /// The document in an answer with status 200, or the reason why there is none.
    pub fn read(fetched: &Fetched) -> Result<Self, String> {
        let answer = Answer::of(fetched, None);
        if !answer.is_success() {
            let target = answer.target();
            return Err(format!("HTTP {}{target}", answer.status));
        }
        match answer.content {
            Content::Members(members) => Ok(members.into()),
            other => Err(format!("{} instead of a JSON document", other.as_words())),
        }
    }

    /// A member that holds something.
    fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
        })
    }

    /// Reports a member that holds something.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Notes a member that could not be used for a reason of the caller.
    pub fn leave_out(&mut self, name: &str, why: impl Into<String>) {
        if !self.left_out.iter().any(|known| known.name == name) {
            self.left_out.push(LeftOut { name: name.to_owned(), why: why.into() });
        }
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let why = match self.get(name)? {
            Value::String(text) => return Some(text.trim().to_owned()),
            other => format!("{} instead of a text", kind(other)),
        };
        self.leave_out(name, why);
        None
    }

    /// A text, or a number as one.
    pub fn text_or_number(&mut self, name: &str) -> Option<String> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => self.text(name),
        }
    }

    /// A list of texts, or the words of one text. Items of other types are left out; empty ones
    /// count as absent.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let why = match self.get(name)? {
            Value::Array(items) => {
                let mut texts: Vec<String> = items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::trim)
                    .map(str::to_owned)
                    .collect();
                let odd = items.len() - texts.len();
                texts.retain(|text| !text.is_empty());
                if odd > 0 {
                    self.leave_out(name, format!("{odd} of its items are not texts"));
                }
                return Some(texts);
            }
            Value::String(text) => {
                return Some(text.split_whitespace().map(str::to_owned).collect());
            }
            other => format!("{} instead of a list", kind(other)),
        };
        self.leave_out(name, why);
        None
    }

    /// A switch: true or false, also as a text.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let why = match self.get(name)? {
            Value::Bool(flag) => return Some(*flag),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => return Some(true),
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => return Some(false),
            other => format!("{} instead of true or false", kind(other)),
        };
        self.leave_out(name, why);
        None
    }

    /// A whole number, also as a text or with a fraction.
    pub fn number(&mut self, name: &str) -> Option<i64> {
        let value = self.get(name)?;
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse::<f64>().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "a fraction is no matter here")]
        let number = number.filter(|number| number.is_finite()).map(|number| number as i64);
        if number.is_none() {
            let why = format!("{} that is not a number", kind(value));
            self.leave_out(name, why);
        }
        number
    }

    /// The required members that could not be read so far.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Takes the members.
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    /// Takes the list of members that could not be read.
    pub fn into_left_out(self) -> Vec<LeftOut> {
        self.left_out
    }
}
