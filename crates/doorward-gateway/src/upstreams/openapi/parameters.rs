//! Reading the parameters of an operation: each becomes an argument.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    media,
    parameter::{Parameter, Place, Style},
    reader::Reader,
    schema,
    template::{self, Described, Template},
    values::switch,
    weight::Stop,
};
use crate::{json_schema, left_out::Why};

/// The longest name of an argument that all popular clients take.
const MOST_NAME: usize = 64;

/// Headers that the model may not set: they authorise, or belong to the protocol.
const RESERVED: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "accept",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "cookie",
    "host",
];
/// Those of them that a document may hold and that are ignored (OpenAPI 3.1 §4.8.12.1).
const IGNORED: &[&str] = &["authorization", "accept", "content-type"];

/// The arguments of an operation during their assembly.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) properties: Map<String, Value>,
    pub(super) required: Vec<Value>,
}

impl Arguments {
    /// A name that no other argument has.
    pub(super) fn free(&self, name: &str, otherwise: &str) -> String {
        if !self.properties.contains_key(name) {
            return name.to_owned();
        }
        let is_free = |name: &String| !self.properties.contains_key(name);
        let numbered = (2..).map(|number| format!("{otherwise}_{number}"));
        std::iter::once(otherwise.to_owned())
            .chain(numbered)
            .find(is_free)
            .unwrap_or_else(|| otherwise.to_owned())
    }

    pub(super) fn add(&mut self, argument: &str, schema: Value, required: bool) {
        if required {
            self.required.push(argument.into());
        }
        self.properties.insert(argument.to_owned(), json_schema::as_object(schema));
    }
}

/// Reports a name that all popular clients take for an argument: they refuse a whole list of tools
/// for one that they do not.
pub(super) fn is_argument(name: &str) -> bool {
    argument_name(name) == name
}

/// The name of an argument: that of the parameter, in characters that all popular clients accept.
fn argument_name(name: &str) -> String {
    let mut made = String::new();
    for letter in name.chars() {
        let fit = letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        let letter = if fit { letter } else { '_' };
        if fit || !made.ends_with('_') {
            made.push(letter);
        }
    }
    if made != name {
        made = String::from(made.trim_matches('_'));
    }
    made.truncate(MOST_NAME);
    if made.is_empty() { "argument".to_owned() } else { made }
}

impl<'a> Reader<'a> {
    /// Reads the parameters of an operation and those that its path has for all operations. Why the
    /// operation is left out, if a part of its path cannot be filled.
    pub(super) fn parameters(
        &self,
        path: &str,
        lists: [Option<&'a Value>; 2],
        keys: &HashSet<(String, String)>,
        arguments: &mut Arguments,
    ) -> Result<(Vec<Parameter>, String), Refused> {
        let all = self.described(lists)?;
        let of = |place: Place| -> Vec<&str> {
            all.iter().filter(|one| one.place == place).map(|one| one.name).collect()
        };
        let (in_path, in_query) = (of(Place::Path), of(Place::Query));
        let described = Described { in_path: &in_path, in_query: &in_query };
        let Some(wanted) = template::read(path, described) else {
            return Err(Refused::Why(Why::Template));
        };
        let (mut parameters, mut seen) = (Vec::new(), HashSet::new());
        for DescribedOne { name, place, described } in all {
            let text = |part: &str| described.get(part).and_then(Value::as_str).unwrap_or_default();
            let folded = name.to_ascii_lowercase();
            let reserved = place == Place::Header && RESERVED.contains(&folded.as_str());
            if reserved || keys.contains(&(place.as_str().to_owned(), folded.clone())) {
                if !IGNORED.contains(&folded.as_str()) {
                    self.note(&format!("parameter {name}"), Why::Reserved);
                }
                continue;
            }
            if !seen.insert((name, place.as_str())) {
                continue;
            }
            let in_path = wanted.names.iter().find(|place| place.name == name);
            if place == Place::Path && in_path.is_none() {
                self.note(&format!("parameter {name}"), Why::Parameter);
                continue;
            }
            self.charge(4 * name.len() + text("description").len(), 1)?;
            if let Some(mut parameter) = self.parameter(described, name, place, arguments)? {
                if place == Place::Path {
                    parameter.allow_reserved = in_path.is_some_and(|place| place.wide);
                }
                parameters.push(parameter);
            }
        }
        let Template { text, names, fields } = &wanted;
        let places = names.iter().map(|place| (place.name.as_str(), Place::Path));
        for (name, place) in places.chain(fields.iter().map(|name| (name.as_str(), Place::Query))) {
            if !seen.insert((name, place.as_str())) {
                continue;
            }
            self.note(&format!("parameter {name}"), Why::Undescribed);
            let (argument, required) = (unused(name, place, arguments), place == Place::Path);
            arguments.add(&argument, json!({"type": "string"}), required);
            parameters.push(Parameter {
                name: name.to_owned(),
                argument,
                place,
                required,
                style: Style::of_place(place),
                explode: false,
                allow_reserved: false,
            });
        }
        Ok((parameters, text.clone()))
    }

    /// The described parameters, those of the operation first, which count more than those of the
    /// path.
    fn described(&self, lists: [Option<&'a Value>; 2]) -> Result<Vec<DescribedOne<'a>>, Refused> {
        let mut all = Vec::new();
        for list in lists.into_iter().flatten() {
            // Documents are met that have them by name.
            let list: Vec<&Value> = match list {
                Value::Array(list) => list.iter().collect(),
                Value::Object(by_name) => by_name.values().collect(),
                Value::Null => Vec::new(),
                _ => {
                    self.note("parameters", Why::Malformed);
                    Vec::new()
                }
            };
            for described in list {
                self.charge(64, 1)?;
                let Some(described) = self.resolve(described) else { continue };
                let text =
                    |part: &str| described.get(part).and_then(Value::as_str).unwrap_or_default();
                let (name, place) = (text("name"), text("in"));
                // OpenAPI 3.2 describes the whole query as one parameter.
                let whole = place == "querystring";
                let place = if whole { Some(Place::Query) } else { Place::named(place) };
                match place {
                    Some(place) if !name.is_empty() => {
                        all.push(DescribedOne { name, place, described });
                    }
                    _ if is_required(described) && !name.is_empty() => {
                        return Err(Refused::Why(Why::Parameter));
                    }
                    _ => self.note(&format!("parameter {name}"), Why::Parameter),
                }
            }
        }
        Ok(all)
    }

    /// Reads one parameter. `None`, with a note, if it cannot be sent.
    fn parameter(
        &self,
        described: &'a Value,
        name: &str,
        place: Place,
        arguments: &mut Arguments,
    ) -> Result<Option<Parameter>, Refused> {
        let required = place == Place::Path || is_required(described);
        let whole = described.get("in").and_then(Value::as_str) == Some("querystring");
        let named = self.style(described, &format!("parameter {name}"), |_| true);
        let style = named.unwrap_or_else(|| Style::of_place(place));
        // A parameter that is described by its content has no style (OpenAPI 3.1 §4.8.12.1).
        let content = described.get("content").and_then(Value::as_object);
        let content = content.and_then(|content| content.iter().next());
        let is_form = content
            .is_some_and(|(kind, _)| media::essence(kind) == "application/x-www-form-urlencoded");
        let is_json = content.is_some_and(|(kind, _)| {
            let essence = media::essence(kind);
            media::is_json(&essence) || essence.starts_with("*/") || essence == "application/*"
        });
        // Of the whole query, the form alone is written.
        let Some(style) = Some(style).filter(|_| !whole || is_form).filter(|_| {
            content.is_none_or(|(kind, _)| is_json || media::is_text(&media::essence(kind)))
        }) else {
            // An operation that needs it cannot be called.
            if required {
                return Err(Refused::Why(Why::Parameter));
            }
            self.note(&format!("parameter {name}"), Why::Parameter);
            return Ok(None);
        };
        let style = if is_json { Style::Json } else { style };
        let source = described
            .get("schema")
            .or_else(|| content.and_then(|(_, described)| described.get("schema")));
        let mut schema = source.map_or_else(
            || Ok(if is_json { json!({}) } else { json!({"type": "string"}) }),
            |schema| schema::written_out(self, schema),
        )?;
        let words = described.get("description").and_then(Value::as_str).unwrap_or_default();
        schema = json_schema::as_object(schema);
        if let (Value::Object(members), false) = (&mut schema, words.is_empty()) {
            members.insert("description".to_owned(), words.into());
        }
        let argument = unused(name, place, arguments);
        arguments.add(&argument, schema, required);
        let flag = |part: &str| switch(described.get(part));
        Ok(Some(Parameter {
            name: name.to_owned(),
            argument,
            place,
            required,
            style,
            explode: flag("explode").unwrap_or(style == Style::Form || style == Style::DeepObject),
            allow_reserved: place == Place::Query && flag("allowReserved") == Some(true),
        }))
    }
}

impl Reader<'_> {
    /// The style that a part of an operation names. One that is not known there is noted.
    pub(super) fn style(
        &self,
        described: &Value,
        part: &str,
        is_known: impl Fn(Style) -> bool,
    ) -> Option<Style> {
        let style = described.get("style").filter(|style| !style.is_null())?;
        let named = style.as_str().and_then(Style::named).filter(|style| is_known(*style));
        if named.is_none() {
            self.note(&format!("{part}: style"), Why::Style);
        }
        named
    }
}

/// A described parameter.
struct DescribedOne<'a> {
    name: &'a str,
    place: Place,
    described: &'a Value,
}

/// Reports a parameter that must be given, in the forms that documents have.
fn is_required(described: &Value) -> bool {
    switch(described.get("required")).unwrap_or_default()
}

/// The name of a parameter's argument: two of the same name are distinguished by their locations.
fn unused(name: &str, place: Place, arguments: &Arguments) -> String {
    let argument = argument_name(name);
    let longest = MOST_NAME - place.as_str().len() - 4;
    let kept: String = argument.chars().take(longest).collect();
    arguments.free(&argument, &format!("{kept}_{}", place.as_str()))
}

/// Reason for which an operation is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The budget is used up.
    Stop(Stop),
    /// It is left out.
    Why(Why),
}

impl Refused {
    /// The reason that is reported.
    pub(super) fn why(self) -> Why {
        match self {
            Self::Stop(Stop::Schema | Stop::Document) => Why::Unreadable,
            Self::Why(why) => why,
        }
    }
}

impl From<Stop> for Refused {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<doorward_transport::budget::Exceeded> for Refused {
    fn from(exceeded: doorward_transport::budget::Exceeded) -> Self {
        Self::Stop(exceeded.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_names_that_clients_accept() {
        for (name, argument) in [
            ("petId", "petId"),
            ("_limit", "_limit"),
            ("X-Trace", "X-Trace"),
            ("filter[name]", "filter_name"),
            ("ids[]", "ids"),
            ("$top", "top"),
            ("名前", "argument"),
        ] {
            assert_eq!(argument_name(name), argument);
        }
        assert_eq!(argument_name(&"x".repeat(100)).len(), MOST_NAME);
    }
}
