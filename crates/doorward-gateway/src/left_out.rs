//! Elements that an upstream lists and that are not offered (tools, prompts, resources), and parts
//! of elements that are offered without them. Named in the log, by `doorward upstream test`, on the
//! administrators' page and by the administration API.

use std::sync::{Mutex, PoisonError};

use doorward_model::foreign;
use serde::{Deserialize, Serialize};

/// Maximum number of tools, and the most parts of tools, that are named one by one.
const MOST_NAMED: usize = 20;
/// Maximum number of characters of a name that are shown.
const MOST_NAME: usize = 120;

/// Reason for which a tool, or a part of one, is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its name cannot be one.
    Name,
    /// Its definition cannot be passed on.
    Definition,
    /// Another tool of the same listing has the name.
    Twice,
    /// The upstream has more tools than are kept.
    TooMany,
    /// The definitions of the upstream have more bytes than are kept.
    TooLong,
    /// Reading its part of the document takes more than is allowed for the whole.
    Unreadable,
    /// Its part of the document has another form than specified.
    Malformed,
    /// The document has a member of this name twice at one place: the last one counts.
    Repeated,
    /// Calls would go to an origin that the operator did not name.
    Origin,
    /// The document does not name the URL of calls.
    Server,
    /// Its path has a part that no parameter fills.
    Template,
    /// Its method is not one that is called.
    Method,
    /// The body of its requests cannot be written.
    Body,
    /// A reference leads nowhere, or out of the document: any value is accepted in its place.
    Reference,
    /// A keyword of its schema is not one of JSON Schema.
    Keyword,
    /// A parameter of it cannot be sent.
    Parameter,
    /// A parameter of it is written in a style that OpenAPI does not have.
    Style,
    /// A parameter of it would authorise, or belongs to the protocol.
    Reserved,
    /// A parameter in the path is not described: it is a text.
    Undescribed,
    /// It has no identifying member.
    Unnamed,
    /// It has another form than the protocol specifies.
    Unread,
    /// Values in it are nested too deep: there is nothing in their place.
    Deep,
    /// Its type is none of the protocol.
    Kind,
    /// Its hints cannot all be read: none counts.
    Hints,
    /// It has no schema of its arguments: any object is taken.
    NoSchema,
    /// The schema of its arguments does not say that it is one of an object, and of nothing else.
    Untyped,
    /// It has no name: its URI is one.
    NoName,
    /// The list has no end.
    Endless,
    /// The list was not given.
    Unlisted,
    /// The upstream does not say that it has it.
    Unannounced,
    /// A question cannot be read: the upstream gets an error in place of an answer.
    Question,
    /// A question is of a method that clients do not have: the upstream gets an error.
    Unasked,
    /// A field must be filled in and is of no type of forms: the upstream gets an error.
    Unfillable,
    /// Its URI names a program that runs where it is opened.
    Active,
    /// It is an icon at a URL that clients are not sent to.
    Icon,
}

impl Why {
    /// All reasons.
    pub const ALL: [Self; 35] = [
        Self::Name,
        Self::Definition,
        Self::Twice,
        Self::TooMany,
        Self::TooLong,
        Self::Unreadable,
        Self::Malformed,
        Self::Repeated,
        Self::Origin,
        Self::Server,
        Self::Template,
        Self::Method,
        Self::Body,
        Self::Reference,
        Self::Keyword,
        Self::Parameter,
        Self::Style,
        Self::Reserved,
        Self::Undescribed,
        Self::Unnamed,
        Self::Unread,
        Self::Deep,
        Self::Kind,
        Self::Hints,
        Self::NoSchema,
        Self::Untyped,
        Self::NoName,
        Self::Endless,
        Self::Unlisted,
        Self::Unannounced,
        Self::Question,
        Self::Unasked,
        Self::Unfillable,
        Self::Active,
        Self::Icon,
    ];

    /// The reason as a part of a sentence, in English.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "its name is empty, too long or contains hidden characters",
            Self::Definition => "its definition is too long, or its input is not an object",
            Self::Twice => "another tool has the same name",
            Self::TooMany => "there are more tools than list_tools allows",
            Self::TooLong => "the definitions are longer than list_bytes allows",
            Self::Unreadable => "its description is too large to be processed",
            Self::Malformed => "its part of the document does not conform to OpenAPI",
            Self::Repeated => {
                "the document has this member twice; the last one is used, the others are ignored"
            }
            Self::Origin => {
                "its server has an origin that is not allowed; list the origin in origins, or set \
                 url"
            }
            Self::Server => "the document does not name its server; set url",
            Self::Template => "a part of its path has no parameter",
            Self::Method => "its HTTP method is not supported",
            Self::Body => "its body has a media type that cannot be created from arguments",
            Self::Reference => {
                "the document does not contain the definition that is referenced; any value is \
                 accepted"
            }
            Self::Keyword => "it is not valid JSON Schema there; the keyword is ignored",
            Self::Parameter => "the parameter cannot be sent",
            Self::Style => "OpenAPI does not define this style; the usual one is used",
            Self::Reserved => "the parameter carries credentials or is reserved by the protocol",
            Self::Undescribed => {
                "the path names a parameter that is not described; it is treated as text"
            }
            Self::Unnamed => "it has no name or URI",
            Self::Unread => "it does not conform to the protocol",
            Self::Deep => "values in it are nested deeper than 100; they are left out",
            Self::Kind => "the protocol does not define this type",
            Self::Hints => "they do not conform to the protocol; all are ignored",
            Self::NoSchema => "it is missing or not an object; any object is accepted",
            Self::Untyped => "it is missing or not \"object\" alone; it is read as \"object\"",
            Self::NoName => "it is missing; the URI is used",
            Self::Unannounced => "the upstream does not announce it; it is listed anyway",
            Self::Question => "the question does not conform to the protocol; it is refused",
            Self::Unasked => "clients have no such method; the request is refused",
            Self::Unfillable => {
                "the field is required and its type does not occur in forms; the question is \
                 refused"
            }
            Self::Active => "its URI runs a program where it is opened",
            Self::Icon => "the URL of an icon must begin with https",
            Self::Unlisted => "the upstream did not respond with the list",
            Self::Endless => "the list has too many pages or repeats itself; the rest is not read",
        }
    }
}

/// The first entries of a list, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    named: Vec<(String, Why)>,
    count: usize,
}

impl Named {
    fn add(&mut self, name: &str, why: Why) {
        self.count += 1;
        if self.named.len() < MOST_NAMED {
            let mut shown: String = name.chars().take(MOST_NAME).collect();
            if shown.len() < name.len() {
                shown.push('…');
            }
            self.named.push((foreign::escaped(&shown).into_owned(), why));
        }
    }

    /// Adds the entries that are not named yet.
    fn join_new(&mut self, other: Self) {
        let new = other.named.into_iter().filter(|entry| !self.named.contains(entry));
        let new: Vec<_> = new.take(MOST_NAMED.saturating_sub(self.named.len())).collect();
        self.count += new.len();
        self.named.extend(new);
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.named.extend(other.named);
        self.named.truncate(MOST_NAMED);
    }

    fn write(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, why)) in self.named.iter().enumerate() {
            write!(f, "{} {name} ({})", if index == 0 { ":" } else { ";" }, why.as_str())?;
        }
        if self.count > self.named.len() {
            write!(f, "; and {} more", self.count - self.named.len())?;
        }
        Ok(())
    }
}

/// The elements of one listing that were left out, and the parts of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    tools: Named,
    parts: Named,
}

impl LeftOut {
    /// Adds an element: a tool by its name alone, others with their kind before it.
    pub(crate) fn add(&mut self, name: &str, why: Why) {
        self.tools.add(name, why);
    }
    /// Adds a part of a tool that is offered.
    pub(crate) fn add_part(&mut self, tool: &str, part: &str, why: Why) {
        self.parts.add(&format!("{tool}: {part}"), why);
    }
    /// Adds the omissions from another part of the same listing.
    pub(crate) fn join(&mut self, other: Self) {
        self.tools.join(other.tools);
        self.parts.join(other.parts);
    }
    /// Adds the omissions that are not named yet.
    pub(crate) fn join_new(&mut self, other: Self) {
        self.tools.join_new(other.tools);
        self.parts.join_new(other.parts);
    }
    /// Adds tools without further details.
    pub(crate) fn add_rest(&mut self, count: usize) {
        self.tools.count += count;
    }
    /// Total number of tools.
    pub fn count(&self) -> usize {
        self.tools.count
    }
    /// The first of the tools, by their escaped names, each with the reason.
    pub fn named(&self) -> &[(String, Why)] {
        &self.tools.named
    }
    /// Total number of left-out parts of offered tools.
    pub fn count_parts(&self) -> usize {
        self.parts.count
    }
    /// The first of the parts, each with its tool, escaped, and the reason.
    pub fn parts(&self) -> &[(String, Why)] {
        &self.parts.named
    }
    /// Returns `true` if nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.tools.count == 0 && self.parts.count == 0
    }
}

/// The omissions from what an upstream sends beside its lists, each once: parts of results, and
/// questions. They are kept as long as the upstream's settings are the same, and until its lists
/// are made again on an administrator's request.
#[derive(Debug, Default)]
pub(crate) struct Noted(Mutex<Noting>);

#[derive(Debug, Default)]
struct Noting {
    all: LeftOut,
    /// Some of them may not be stored.
    unstored: bool,
}

impl Noted {
    fn lock(&self) -> std::sync::MutexGuard<'_, Noting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Adds omissions. Those that are known here may be forgotten in the store.
    pub(crate) fn add(&self, left_out: LeftOut) {
        let mut noting = self.lock();
        noting.unstored |= !left_out.is_empty();
        noting.all.join_new(left_out);
    }
    /// All of them.
    pub(crate) fn all(&self) -> LeftOut {
        self.lock().all.clone()
    }
    /// All of them where some may not be stored. They count as stored from here on.
    pub(crate) fn to_store(&self) -> Option<LeftOut> {
        let mut noting = self.lock();
        std::mem::take(&mut noting.unstored).then(|| noting.all.clone())
    }
    /// Takes back that they were stored.
    pub(crate) fn not_stored(&self) {
        self.lock().unstored = true;
    }
    /// Forgets all.
    pub(crate) fn clear(&self) {
        *self.lock() = Noting::default();
    }
}

/// A number with the noun that it counts.
pub(crate) fn counted(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.tools.count > 0 || self.parts.count == 0 {
            write!(f, "{} left out", self.tools.count)?;
            self.tools.write(f)?;
        }
        if self.parts.count > 0 {
            let lead = if self.tools.count > 0 { ". " } else { "" };
            write!(f, "{lead}{} left out or completed", counted(self.parts.count, "part"))?;
            self.parts.write(f)?;
        }
        Ok(())
    }
}
