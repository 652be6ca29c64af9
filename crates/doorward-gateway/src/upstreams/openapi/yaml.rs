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
    Ok(Document { value: reader.root.unwrap_or_default(), left_out: reader.left_out })
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
            Some(Name::Text(name)) => drop(own.insert(name, node.value)),
            Some(Name::Merge) => merge(own, merged, node.value),
            Some(Name::Odd) => self.note("a member whose name is not a text"),
        }
    }

    /// Notes a part that is left out, with its place.
    fn note(&mut self, part: &str) {
        if self.left_out.len() >= MOST_NAMED {
            return;
        }
        let mut place = String::new();
        for open in &self.open {
            match &open.contents {
                Contents::List(items) => {
                    let _ = write!(place, "/{}", items.len());
                }
                Contents::Members { name: Some(Name::Text(name)), .. } => {
                    place.push('/');
                    place.push_str(name);
                }
                Contents::Members { .. } => {}
            }
        }
        self.left_out.push(format!("{part} at {}", if place.is_empty() { "/" } else { &place }));
    }
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
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Document {
        read(text, Budget::new(100_000, 10_000, 50))
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_json_does_not_have_is_the_text_that_its_author_meant() {
        for (text, expected) in [
            ("!!timestamp 2026-11-26", json!("2026-11-26")),
            ("!!timestamp '2026-11-26T10:00:00Z'", json!("2026-11-26T10:00:00Z")),
            ("2026-11-26T10:00:00Z", json!("2026-11-26T10:00:00Z")),
            ("!!binary aGk=", json!("aGk=")),
            ("!!python/name:os.system x", json!("x")),
            ("!Ref Thing", json!("Thing")),
            ("!env 8080", json!("8080")),
            ("!<tag:yaml.org,2002:str> 7", json!("7")),
            ("!<tag:example.com,2026:x> 7", json!("7")),
            ("! 7", json!("7")),
            ("!!str 7", json!("7")),
            ("!!str", json!("")),
            ("!!int 'seven'", json!("seven")),
            ("!!int '7'", json!(7)),
            ("!!float 1", json!(1.0)),
            ("!!float .nan", json!(".nan")),
            ("!!bool yes", json!(true)),
            ("!!null x", json!(null)),
            ("!!set {a, b}", json!(["a", "b"])),
            ("!!omap [{a: 1}, {b: 2}]", json!({"a": 1, "b": 2})),
            ("!!pairs [{a: 1}, x]", json!([{"a": 1}, "x"])),
            ("!!seq [1]", json!([1])),
            ("!!map {a: 1}", json!({"a": 1})),
            ("!own [1, !own {a: 1}]", json!([1, {"a": 1}])),
            (
                "[.5, 1., -0, +7, 1e3, 0b1, 1__0, 0o17, 0o9, 0xg, 0x1F, 00, 1.2.3, 99999999999999999999]",
                json!([
                    0.5, 1.0, 0, 7, 1000.0, "0b1", "1__0", 15, "0o9", "0xg", 31, "00", "1.2.3",
                    1e20
                ]),
            ),
            (
                "[.inf, -.INF, .nan, 12:30, 1:2:3, 1,000]",
                json!([".inf", "-.INF", ".nan", "12:30", "1:2:3", 1, "000"]),
            ),
        ] {
            let read = of(text);
            assert_eq!(read.value, expected, "{text}");
            assert!(read.left_out.is_empty(), "{text}");
        }
    }

    #[test]
    fn names_that_are_no_texts_are_read_as_written_and_lists_and_maps_cost_their_member() {
        let read =
            of("{200: a, true: b, 1.0: c, ~: d, !!timestamp 2026-11-26: e, 2026-11-27: f, no: g}");
        assert_eq!(
            read.value,
            json!({"200": "a", "true": "b", "1.0": "c", "null": "d", "2026-11-26": "e", "2026-11-27": "f", "no": "g"})
        );
        let read = of("a:\n  ? [x, y]\n  : {deep: [1]}\n  ? {x: 1}\n  : 2\n  b: 3\nc: 4\n");
        assert_eq!(read.value, json!({"a": {"b": 3}, "c": 4}));
        assert_eq!(
            read.left_out,
            ["a member whose name is not a text at /a", "a member whose name is not a text at /a"]
        );
        // The unquoted template of a generator.
        let read = of("a: {{x}}\nb: 1\n");
        assert_eq!((&read.value["b"], read.left_out.len()), (&json!(1), 1));
    }

    #[test]
    fn anchors_and_merge_keys_are_written_out_and_odd_ones_cost_themselves() {
        let text = "
base: &base {x: 1, y: {z: 2}}
name: &name key
merged: {<<: *base, y: 3}
several: {<<: [*base, {x: 5, w: 4}], x: 9}
nested: {<<: {<<: *base, q: 1}}
quoted: {'<<': *base}
text: {<<: word, a: 1}
nothing: {<<: ~, a: 1}
tagged: {!!merge <<: *base}
*name : by alias
missing: *nowhere
itself: &itself [1, *itself]
again: &name other
last: *name
";
        let read = of(text);
        assert_eq!(
            read.value,
            json!({
                "base": {"x": 1, "y": {"z": 2}}, "name": "key",
                "merged": {"y": 3, "x": 1}, "several": {"x": 9, "y": {"z": 2}, "w": 4},
                "nested": {"q": 1, "x": 1, "y": {"z": 2}},
                "quoted": {"<<": {"x": 1, "y": {"z": 2}}}, "text": {"<<": "word", "a": 1},
                "nothing": {"a": 1}, "tagged": {"x": 1, "y": {"z": 2}},
                "key": "by alias", "missing": null, "itself": [1, null], "again": "other", "last": "other",
            })
        );
        assert_eq!(
            read.left_out,
            ["an alias without an anchor at /missing", "an alias without an anchor at /itself/1"]
        );
    }

    #[test]
    fn aliases_are_charged_with_what_they_expand_to_and_messages_name_the_place() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            let _ = writeln!(text, "a{level}: &a{level} [{before}]");
        }
        let refused =
            |text: &str| read(text, Budget::new(100_000, 10_000, 50)).err().unwrap_or_default();
        assert_eq!(refused(&text), Exceeded::Values.to_string());
        let deep = format!("{}x{}", "[".repeat(51), "]".repeat(51));
        assert_eq!(refused(&deep), Exceeded::Depth.to_string());
        let by_alias = "a: &a [[[[[[[[[[x]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\nc: &c [[[[[[[[[[*b]]]]]]]]]]\nd: &d [[[[[[[[[[*c]]]]]]]]]]\ne: [[[[[[[[[[*d]]]]]]]]]]\n";
        assert_eq!(refused(by_alias), Exceeded::Depth.to_string());
        for wrong in ["a: [1", "a: 'x", "a: b: c", "- a\nb: 1"] {
            let told = refused(wrong);
            assert!(told.starts_with("it is not valid YAML (line "), "{wrong}: {told}");
        }
    }
}
