//! Reading the body of an operation: which of its media types is sent, and which arguments hold it.
//!
//! The members of an object are arguments of their own only where no part of the schema is lost by
//! that; any other body is one argument with its whole schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    media,
    parameter::Style,
    parameters::{self, Arguments, Refused},
    reader::Reader,
    schema,
    sending::{ANY_NAME, Body, From, Part, Written},
    values::switch,
};
use crate::left_out::Why;

/// The media types of a body in the order in which they are preferred. `None` for those that
/// cannot be written.
fn rank(essence: &str) -> Option<(u8, Written)> {
    Some(match essence {
        "application/json" => (0, Written::Json),
        essence if media::is_json(essence) => (1, Written::Json),
        "*/*" | "application/*" => (2, Written::Json),
        "application/x-www-form-urlencoded" => (3, Written::Form),
        "multipart/form-data" | "multipart/*" => (4, Written::Parts),
        essence if essence.starts_with("multipart/") => return None,
        "text/plain" | "text/*" => (5, Written::Text),
        essence if media::is_text(essence) => (6, Written::Text),
        "application/octet-stream" => (7, Written::Bytes),
        essence if media::is_binary(essence) => (8, Written::Bytes),
        _ => (9, Written::Bytes),
    })
}

/// The media type that is sent for one of a document, which may be a range.
fn concrete(media_type: &str) -> String {
    match media::essence(media_type).as_str() {
        "*/*" | "application/*" => "application/json".to_owned(),
        "multipart/form-data" | "multipart/*" => "multipart/form-data".to_owned(),
        "text/*" => "text/plain".to_owned(),
        essence if essence.ends_with("/*") => "application/octet-stream".to_owned(),
        _ => media_type.trim().to_owned(),
    }
}

/// The members of an object, and the required ones among them.
#[derive(Default)]
struct Members {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
}

impl Members {
    /// Takes an object's schema apart. `None` if something of it would be lost.
    fn of(schema: &Value) -> Option<Self> {
        let mut members = Self::default();
        if !members.take(schema) || members.properties.is_empty() {
            return None;
        }
        for name in &members.required {
            members.properties.entry(name.as_str()).or_insert_with(|| json!({}));
        }
        Some(members)
    }

    fn take(&mut self, schema: &Value) -> bool {
        let parts = match schema {
            Value::Object(parts) => parts,
            // Takes everything.
            Value::Bool(true) => return true,
            _ => return false,
        };
        for (keyword, value) in parts {
            let is_kept = match (keyword.as_str(), value) {
                ("title" | "description" | "default", _) => true,
                ("type", kind) => kind == "object" || kind == &json!(["object"]),
                ("additionalProperties" | "unevaluatedProperties", value) => {
                    value == &Value::Bool(false)
                }
                ("properties", Value::Object(properties)) => {
                    properties.iter().for_each(|(name, schema)| self.add(name, schema));
                    true
                }
                ("required", Value::Array(names)) => {
                    self.required
                        .extend(names.iter().filter_map(Value::as_str).map(ToOwned::to_owned));
                    true
                }
                ("allOf", Value::Array(parts)) => parts.iter().all(|part| self.take(part)),
                _ => false,
            };
            if !is_kept {
                return false;
            }
        }
        true
    }

    fn add(&mut self, name: &str, schema: &Value) {
        let both = match self.properties.get(name) {
            Some(known) if known != schema => json!({"allOf": [known, schema]}),
            _ => schema.clone(),
        };
        self.properties.insert(name.to_owned(), both);
    }
}

impl<'a> Reader<'a> {
    /// Reads the content of the body.
    pub(super) fn body(
        &self,
        operation: &'a Value,
        arguments: &mut Arguments,
    ) -> Result<Option<Body>, Refused> {
        let Some(described) = operation.get("requestBody").filter(|body| !body.is_null()) else {
            return Ok(None);
        };
        let Some(body) = self.resolve(described) else {
            return Err(Refused::Why(Why::Malformed));
        };
        let required = switch(body.get("required")) == Some(true);
        let content = body.get("content").and_then(Value::as_object);
        let Some(content) = content.filter(|content| !content.is_empty()) else {
            if required {
                return Err(Refused::Why(Why::Malformed));
            }
            self.note("the body", Why::Malformed);
            return Ok(None);
        };
        self.charge(64 * content.len(), content.len())?;
        let mut kinds: Vec<_> = content
            .iter()
            .filter_map(|(kind, described)| Some((rank(&media::essence(kind))?, kind, described)))
            .collect();
        kinds.sort_by_key(|((rank, _), _, _)| *rank);
        for ((rank, written), kind, described) in kinds {
            // OpenAPI 3.2 has references to media types.
            let Some(described) = self.resolve(described) else { continue };
            let schema = described
                .get("schema")
                .filter(|schema| !schema.is_null())
                .map_or_else(|| Ok(json!({})), |schema| schema::written_out(self, schema))?;
            let essence = media::essence(kind);
            // A media type that is not known is sent if it is a text or bytes.
            let written = match rank {
                8 if media::is_encoding_of_values(&essence) && !may_be_text(&schema) => continue,
                9 if !may_be_text(&schema) => continue,
                9 if schema.get("type").is_some() && !is_file(&schema) => Written::Text,
                _ => written,
            };
            if written == Written::Parts
                && schema.get("type").is_some_and(|kind| {
                    kind != "object"
                        && kind.as_array().is_none_or(|kinds| !kinds.contains(&json!("object")))
                })
            {
                continue;
            }
            let chosen = Chosen { required, media_type: concrete(kind), written };
            return Ok(Some(self.chosen(chosen, described, schema, arguments)?));
        }
        if required {
            return Err(Refused::Why(Why::Body));
        }
        self.note("the body", Why::Body);
        Ok(None)
    }

    fn chosen(
        &self,
        chosen: Chosen,
        described: &'a Value,
        mut schema: Value,
        arguments: &mut Arguments,
    ) -> Result<Body, Refused> {
        let Chosen { required, media_type, written } = chosen;
        let mut parts = BTreeMap::new();
        if matches!(written, Written::Form | Written::Parts) {
            parts = self.encoding(described)?;
            if written == Written::Parts {
                mark_files(&mut schema, &mut parts, 0);
            }
        }
        let is_apart = matches!(written, Written::Json | Written::Form | Written::Parts);
        let members = if is_apart { Members::of(&schema) } else { None };
        let members = members.filter(|members| {
            members.properties.keys().all(|name| {
                parameters::is_argument(name) && !arguments.properties.contains_key(name)
            })
        });
        let from = if let Some(members) = members {
            let names = members.properties.keys().cloned().collect();
            for (name, schema) in members.properties {
                let needed = required && members.required.contains(&name);
                arguments.add(&name, schema, needed);
            }
            From::Members(names)
        } else {
            let argument = arguments.free("body", "request_body");
            let schema = match written {
                Written::Json => schema,
                Written::Form | Written::Parts => object_of(schema),
                Written::Text => text_of(&schema, &media_type),
                Written::Bytes => bytes_of(&schema, &media_type),
            };
            arguments.add(&argument, schema, required);
            From::Whole(argument)
        };
        Ok(Body { required, media_type, written, from, parts })
    }

    /// The encoding of a form's members according to the document.
    fn encoding(&self, described: &'a Value) -> Result<BTreeMap<String, Part>, Refused> {
        let mut parts = BTreeMap::new();
        let encoding = described.get("encoding").and_then(Value::as_object);
        for (name, encoding) in encoding.into_iter().flatten() {
            self.charge(name.len() + 64, 1)?;
            let text = |part: &str| encoding.get(part).and_then(Value::as_str);
            let flag = |part: &str| switch(encoding.get(part));
            // Of several media types the first that is no range is sent.
            let media_type = text("contentType")
                .into_iter()
                .flat_map(|kinds| kinds.split(','))
                .map(str::trim)
                .find(|kind| media::is_sound(kind) && !kind.contains('*'));
            let says_how = ["style", "explode", "allowReserved"]
                .iter()
                .any(|part| encoding.get(*part).is_some());
            let part = Part {
                file: text("contentType").is_some_and(|kinds| {
                    kinds.split(',').any(|kind| {
                        let essence = media::essence(kind);
                        media::is_binary(&essence) || essence == "application/octet-stream"
                    })
                }),
                media_type: media_type.map(ToOwned::to_owned),
                style: self
                    .style(encoding, &format!("member {name} of the body"), Style::is_of_form)
                    .or_else(|| says_how.then_some(Style::Form)),
                explode: flag("explode"),
                allow_reserved: flag("allowReserved").unwrap_or_default(),
            };
            if part != Part::default() {
                parts.insert(name.clone(), part);
            }
        }
        Ok(parts)
    }
}

/// The media type that was chosen.
struct Chosen {
    required: bool,
    media_type: String,
    written: Written,
}

/// Reports a schema that takes a text, or that says nothing.
fn may_be_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.contains(&json!("string")),
        _ => !["properties", "items", "additionalProperties"]
            .iter()
            .any(|keyword| schema.get(*keyword).is_some()),
    }
}

/// Reports the schema of a file, which is sent as raw bytes.
fn is_file(schema: &Value) -> bool {
    let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
    let own = text("format") == Some("binary")
        || (text("contentEncoding").is_none()
            && text("contentMediaType").is_some_and(|kind| {
                let essence = media::essence(kind);
                media::is_binary(&essence) || essence == "application/octet-stream"
            }));
    let among = |keyword: &str| {
        schema.get(keyword).and_then(Value::as_array).is_some_and(|parts| parts.iter().any(is_file))
    };
    own || among("anyOf") || among("oneOf") || among("allOf")
}

/// Gives the members of a form that are files a schema that says how they are given, and notes
/// them, in whatever part of the schema they are.
fn mark_files(schema: &mut Value, parts: &mut BTreeMap<String, Part>, depth: u8) {
    let Value::Object(keywords) = schema else { return };
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        for (name, member) in properties {
            let named = parts.get(name).is_some_and(|part| part.file);
            let media_type = member
                .get("contentMediaType")
                .and_then(Value::as_str)
                .filter(|kind| media::is_sound(kind))
                .map(ToOwned::to_owned);
            let is_list = |member: &Value| member.get("items").is_some_and(is_file);
            let untyped = |member: &Value| {
                member.get("type").is_none_or(|kind| kind == "string") && !member.is_boolean()
            };
            if is_file(member) || (named && untyped(member)) {
                *member = file_of(member);
            } else if is_list(member) || (named && member.get("type") == Some(&json!("array"))) {
                let items = member.get("items").map_or_else(|| file_of(&json!({})), file_of);
                if let Value::Object(keywords) = member {
                    keywords.insert("items".to_owned(), items);
                }
            } else {
                if let Some(part) = parts.get_mut(name) {
                    part.file = false;
                }
                continue;
            }
            let part = parts.entry(name.clone()).or_default();
            part.file = true;
            part.media_type = part.media_type.take().or(media_type);
        }
    }
    // Files of any name.
    if let Some(any) = keywords.get_mut("additionalProperties").filter(|any| is_file(any)) {
        *any = file_of(any);
        parts.insert(ANY_NAME.to_owned(), Part { file: true, ..Part::default() });
    }
    if depth < 4 {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in
                keywords.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten()
            {
                mark_files(part, parts, depth + 1);
            }
        }
    }
}

fn words(schema: &Value, added: &str) -> String {
    let own = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    format!("{own} {added}").trim().to_owned()
}

/// The schema of a file's argument.
fn file_of(schema: &Value) -> Value {
    let told = "A file: its content in base64 (a text that is not base64 is sent as it is), or an object with `data` in base64 or `text`, and optionally `filename` and media `type`.";
    json!({
        "type": ["string", "object"],
        "description": words(schema, told),
        "contentEncoding": "base64",
        "properties": {
            "data": {"type": "string", "contentEncoding": "base64"},
            "text": {"type": "string"},
            "filename": {"type": "string"},
            "type": {"type": "string"},
        },
    })
}

/// The schema of a form without a description: its members are unknown.
fn object_of(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(keywords)
            if !["type", "allOf", "anyOf", "oneOf"]
                .iter()
                .any(|name| keywords.contains_key(*name)) =>
        {
            keywords.insert("type".to_owned(), "object".into());
        }
        Value::Bool(true) => return json!({"type": "object"}),
        _ => {}
    }
    schema
}

/// The schema of a body that is a text.
fn text_of(schema: &Value, media_type: &str) -> Value {
    let told = format!("The body of the request, as {media_type}.");
    json!({"type": "string", "description": words(schema, &told)})
}

/// The schema of a body that is bytes.
fn bytes_of(schema: &Value, media_type: &str) -> Value {
    let told = format!(
        "The body of the request, as {media_type}: its content in base64 (a text that is not base64 is sent as it is)."
    );
    json!({"type": "string", "contentEncoding": "base64", "description": words(schema, &told)})
}
