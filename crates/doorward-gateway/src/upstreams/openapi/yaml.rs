//! Reads YAML 1.2 into a tree. The library finds the structure; the meaning of tags, of names that
//! are no texts, of anchors and of merge keys is decided here, so that an element that JSON does
//! not allow affects only its own member.

use std::{collections::HashMap, fmt::Write};

use doorward_transport::{Budget, budget::Exceeded};
use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// The names of the tags of YAML itself begin with this.
const OWN: &str = "tag:yaml.org,2002:";
/// Maximum number of left-out members that are named.
const MOST_NAMED: usize = 20;

/// A document, and the places in it of members that are left out.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) left_out: Vec<String>,
    /// The places of members that are followed by another one of the same name.
    pub(super) repeated: Vec<String>,
    /// Values of it are nested too deep, and there is nothing in their place.
    pub(super) too_deep: bool,
}

/// A complete value with its cost, for aliases of it.
#[derive(Clone)]
struct Node {
    value: Value,
    bytes: usize,
    values: usize,
    /// Depth of nesting of its contents; 0 for a scalar.
    depth: usize,
    /// The text of a scalar, as it is written.
    text: Option<String>,
    /// It is written as the key that merges.
    merges: bool,
}

/// The name of the member that is being read.
enum Name {
    Text(String),
    Merge,
    /// A list or a map.
    Odd,
}

/// A list or map that is being read.
struct Open {
    anchor: usize,
    tag: Option<String>,
    bytes: usize,
    values: usize,
    depth: usize,
    contents: Contents,
}

enum Contents {
    List(Vec<Value>),
    Members { own: Map<String, Value>, merged: Map<String, Value>, name: Option<Name> },
}

struct Reader {
    budget: Budget,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    left_out: Vec<String>,
    repeated: Vec<String>,
    root: Option<Value>,
}

/// Reads the first document of a text, within the budget: aliases count with their expanded size.
pub(super) fn read(text: &str, budget: Budget) -> Result<Document, String> {
    let options = granit_parser::options! { emit_unresolved_aliases: true };
    let mut reader = Reader {
        budget,
        open: Vec::new(),
        anchors: HashMap::new(),
        left_out: Vec::new(),
        repeated: Vec::new(),
        root: None,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, _) = event.map_err(|error| {
            let at = error.marker();
            format!("it is not valid YAML (line {}, column {})", at.line(), at.col() + 1)
        })?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        reader.take(event).map_err(|error| error.to_string())?;
    }
    let Reader { left_out, repeated, root, .. } = reader;
    Ok(Document { value: root.unwrap_or_default(), left_out, repeated, too_deep: false })
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), Exceeded> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.budget.charge(text.len(), 1)?;
                let tag = tag.as_deref().map(name_of);
                let plain = style == ScalarStyle::Plain;
                let merges = text == "<<" && tag.as_deref().map_or(plain, |tag| tag == "merge");
                let node = Node {
                    value: scalar(&text, plain, tag.as_deref()),
                    bytes: text.len(),
                    values: 1,
                    depth: 0,
                    text: Some(text.into_owned()),
                    merges,
                };
                self.finish(anchor, node)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(anchor, tag.as_deref(), Contents::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let (own, merged) = (Map::new(), Map::new());
                let contents = Contents::Members { own, merged, name: None };
                self.begin(anchor, tag.as_deref(), contents)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                // An anchor within itself has no end.
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return self.nothing();
                };
                self.budget.charge(node.bytes, node.values)?;
                self.budget.reach(self.open.len() + node.depth)?;
                self.deliver(node);
                Ok(())
            }
            Event::UnresolvedAlias(_) => self.nothing(),
            // The others carry no data.
            _ => Ok(()),
        }
    }

    /// An alias of nothing.
    fn nothing(&mut self) -> Result<(), Exceeded> {
        self.budget.charge(1, 1)?;
        self.note("an alias without an anchor");
        self.deliver(Node {
            value: Value::Null,
            bytes: 1,
            values: 1,
            depth: 0,
            text: None,
            merges: false,
        });
        Ok(())
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        contents: Contents,
    ) -> Result<(), Exceeded> {
        self.budget.charge(1, 1)?;
        self.budget.reach(self.open.len() + 1)?;
        let tag = tag.map(name_of);
        self.open.push(Open { anchor, tag, bytes: 1, values: 1, depth: 1, contents });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Exceeded> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let tag = open.tag.as_deref();
        let value = match open.contents {
            Contents::List(items) if matches!(tag, Some("omap" | "pairs")) => in_order(items),
            Contents::List(items) => Value::Array(items),
            // A set is written as a map of nothing.
            Contents::Members { own, .. } if tag == Some("set") => {
                Value::Array(own.into_iter().map(|(name, _)| name.into()).collect())
            }
            Contents::Members { mut own, merged, .. } => {
                for (name, value) in merged {
                    own.entry(name).or_insert(value);
                }
                Value::Object(own)
            }
        };
        let node = Node {
            value,
            bytes: open.bytes,
            values: open.values,
            depth: open.depth,
            text: None,
            merges: false,
        };
        self.finish(open.anchor, node)
    }

    /// Keeps a value for its aliases.
    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Exceeded> {
        if anchor != 0 {
            self.budget.charge(node.bytes, node.values)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.deliver(node);
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn deliver(&mut self, node: Node) {
        let Some(top) = self.open.last_mut() else {
            self.root = Some(node.value);
            return;
        };
        top.bytes = top.bytes.saturating_add(node.bytes);
        top.values = top.values.saturating_add(node.values);
        top.depth = top.depth.max(node.depth + 1);
        let (own, merged, name) = match &mut top.contents {
            Contents::List(items) => return items.push(node.value),
            Contents::Members { own, merged, name } => (own, merged, name),
        };
        match name.take() {
            None => {
                *name = Some(match (&node.value, node.text) {
                    _ if node.merges => Name::Merge,
                    (Value::Null, Some(_)) => Name::Text("null".to_owned()),
                    (_, Some(text)) => Name::Text(text),
                    (_, None) => Name::Odd,
                });
            }
            // Of two members with one name the last counts, as in JSON.
            Some(Name::Text(name)) => {
                if own.insert(name.clone(), node.value).is_some()
                    && self.repeated.len() < MOST_NAMED
                {
                    let place = self.place(&name);
                    self.repeated.push(place);
                }
            }
            Some(Name::Merge) => merge(own, merged, node.value),
            Some(Name::Odd) => self.note("a member whose name is not a text"),
        }
    }

    /// Notes a part that is left out, with its place.
    fn note(&mut self, part: &str) {
        if self.left_out.len() >= MOST_NAMED {
            return;
        }
        let place = self.place("");
        self.left_out.push(format!("{part} at {}", if place.is_empty() { "/" } else { &place }));
    }

    /// The place of the value that is being read, or of a member of it.
    fn place(&self, member: &str) -> String {
        let mut place = String::new();
        for open in &self.open {
            match &open.contents {
                Contents::List(items) => {
                    let _ = write!(place, "/{}", items.len());
                }
                Contents::Members { name: Some(Name::Text(name)), .. } => step(&mut place, name),
                Contents::Members { .. } => {}
            }
        }
        if !member.is_empty() {
            step(&mut place, member);
        }
        place
    }
}

/// Adds a name to a place, which is written as a JSON pointer.
pub(super) fn step(place: &mut String, name: &str) {
    place.push('/');
    place.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

/// The name of a tag: that of YAML's own without their beginning.
fn name_of(tag: &Tag) -> String {
    let whole = format!("{}{}", tag.handle(), tag.suffix());
    whole.strip_prefix(OWN).map(str::to_owned).unwrap_or(whole)
}

/// The members of an ordered map, which is written as a list of maps.
fn in_order(items: Vec<Value>) -> Value {
    if !items.iter().all(Value::is_object) {
        return Value::Array(items);
    }
    let members = items.into_iter().filter_map(|item| match item {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}

/// Merges a map, or several of which the first counts. Members of its own precede them.
fn merge(own: &mut Map<String, Value>, merged: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                merged.entry(name).or_insert(value);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for item in items {
                merge(own, merged, item);
            }
        }
        Value::Null => {}
        // A member of that name, and no merging.
        other => drop(own.insert("<<".to_owned(), other)),
    }
}

/// The value of a scalar. A text with a tag that is not known here, such as a date, is a text.
fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Value {
    let or_text = |value: Option<Value>| value.unwrap_or_else(|| Value::String(text.to_owned()));
    match tag {
        None if plain => or_text(resolved(text)),
        Some("null") => Value::Null,
        Some("bool") => or_text(match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(Value::Bool(true)),
            "false" | "no" | "off" => Some(Value::Bool(false)),
            _ => None,
        }),
        Some("int") => or_text(integer(text)),
        Some("float") => {
            or_text(text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number))
        }
        _ => Value::String(text.to_owned()),
    }
}

/// The value of a plain text by the core schema of YAML 1.2 (§10.3.2). `None` if it is a text:
/// `no`, `on` and `yes` are some, and so are numbers of YAML 1.1 alone.
fn resolved(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        text => integer(text).or_else(|| float(text)),
    }
}

fn integer(text: &str) -> Option<Value> {
    let radix = |digits: &str, radix| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(digits, radix).ok().filter(|_| plain).map(Value::from)
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // A leading zero is that of a number that is a text to its author: a postal code, a version.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if digits.is_empty() || !is_number {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    text.parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<u64>().map(Value::from))
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?).map(Value::Number))
}

fn float(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
        }
        None => (digits, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let is_number = all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && all_digits(exponent))
        && !leading_zero;
    let number = is_number.then(|| text.parse::<f64>().ok()).flatten()?;
    Number::from_f64(number).map(Value::Number)
}

#[cfg(test)]
mod tests;
