//! Reading one element without parts that do not conform to the protocol: an unreadable member is
//! omitted, and an element without its identifying member is omitted as a whole.

mod headers;
mod schema;

use rmcp::model::{
    Annotations, ContentBlock, Icon, Prompt, PromptArgument, Resource, ResourceContents,
    ResourceTemplate, Tool, ToolAnnotations,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    json_schema,
    left_out::{LeftOut, Why},
};

/// Reports a value that reads as a type of the protocol library.
fn reads<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

/// Maximum number of members besides the needed ones that are tried one by one, and the longest
/// texts and names beside them.
const MOST_TRIED: usize = 64;
const LONGEST_TRIED: usize = 64;

/// A value of the same form with little in it: others are tried beside it, and a trial takes no
/// longer because this one is large.
fn small(value: &Value, with_members: bool) -> Value {
    match value {
        Value::String(text) => Value::String(text.chars().take(LONGEST_TRIED).collect()),
        Value::Array(_) => json!([]),
        Value::Object(members) if with_members => members
            .iter()
            .take(MOST_TRIED)
            .filter(|(name, _)| name.len() <= LONGEST_TRIED)
            .map(|(name, member)| (name.clone(), small(member, false)))
            .collect(),
        Value::Object(_) => json!({}),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Tries each member alone beside small values of the needed ones. Returns those that can be read;
/// the names of the others are added to `dropped`.
fn tried<T: DeserializeOwned>(
    kept: &Map<String, Value>,
    others: Map<String, Value>,
    dropped: &mut Vec<String>,
) -> Map<String, Value> {
    let mut beside: Map<String, Value> =
        kept.iter().map(|(name, member)| (name.clone(), small(member, true))).collect();
    let mut read = Map::new();
    for (name, member) in others {
        // An empty list means an empty object in languages with one type for both.
        let empty = member.as_array().is_some_and(Vec::is_empty);
        let forms = std::iter::once(member).chain(empty.then(|| json!({})));
        let mut reads_as = None;
        for form in forms {
            beside.insert(name.clone(), form);
            let whole = Value::Object(std::mem::take(&mut beside));
            let fits = reads::<T>(&whole);
            if let Value::Object(members) = whole {
                beside = members;
            }
            reads_as = beside.remove(&name).filter(|_| fits);
            if reads_as.is_some() {
                break;
            }
        }
        match reads_as {
            Some(form) => drop(read.insert(name, form)),
            None => dropped.push(name),
        }
    }
    read
}

/// Drops the members with which an object does not read as a type. Returns their names; `None` if
/// it does not read without them either. Each member is read a fixed number of times, however many
/// there are: of an object with very many members the needed ones alone are kept.
pub(super) fn drop_unread<T: DeserializeOwned>(
    value: &mut Value,
    needed: &[&str],
) -> Option<Vec<String>> {
    if reads::<T>(value) {
        return Some(Vec::new());
    }
    let Value::Object(members) = value else { return None };
    let (kept, others): (Map<_, _>, Map<_, _>) =
        std::mem::take(members).into_iter().partition(|(name, _)| needed.contains(&name.as_str()));
    let needed_alone = Value::Object(kept.clone());
    if !reads::<T>(&needed_alone) {
        return None;
    }
    let count = others.len();
    if count <= MOST_TRIED {
        let mut dropped = Vec::new();
        let read = tried::<T>(&kept, others, &mut dropped);
        let whole = Value::Object(kept.into_iter().chain(read).collect());
        if reads::<T>(&whole) {
            *value = whole;
            return Some(dropped);
        }
    }
    *value = needed_alone;
    Some(vec![format!("{count} other members")])
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// Keeps the elements of a list member that read as a type. Returns `true` if some do not.
fn keep_read<T: DeserializeOwned>(value: &mut Value, name: &str, needed: &[&str]) -> bool {
    let Some(Value::Array(list)) = value.get_mut(name) else { return false };
    let mut changed = false;
    list.retain_mut(|element| {
        let dropped = drop_unread::<T>(element, needed);
        changed |= dropped.as_ref().is_none_or(|dropped| !dropped.is_empty());
        dropped.is_some()
    });
    changed
}

/// An element of a list of the protocol.
pub(super) trait Element: DeserializeOwned {
    /// Its name in a report, with a space behind it; empty for tools.
    const KIND: &'static str;
    /// The members that identify it.
    const NEEDED: &'static [&'static str];
    /// Reads the members that have elements of their own, and supplies missing ones.
    fn prepare(value: &mut Value, note: &mut dyn FnMut(&str, Why));
    /// Its name among its kind.
    fn name(value: &Value) -> Option<&str>;
    /// The part for which the protocol demands that the whole element is left out.
    fn rejected(_: &Value) -> Option<&'static str> {
        None
    }
}

/// Reads an element; `None` if it is left out, which is then noted, as are the parts of it that
/// are.
pub(super) fn element<T: Element>(
    mut value: Value,
    place: usize,
    left_out: &mut LeftOut,
) -> Option<Value> {
    let Some(name) = T::name(&value).map(|name| format!("{}{name}", T::KIND)) else {
        left_out.add(&format!("{}#{}", T::KIND, place + 1), Why::Unnamed);
        return None;
    };
    if let Some(part) = T::rejected(&value) {
        left_out.add_part(&name, part, Why::Unread);
        return None;
    }
    let mut parts: Vec<(String, Why)> = Vec::new();
    T::prepare(&mut value, &mut |part, why| parts.push((part.to_owned(), why)));
    let Some(dropped) = drop_unread::<T>(&mut value, T::NEEDED) else {
        left_out.add(&name, Why::Unread);
        return None;
    };
    parts.extend(dropped.into_iter().map(|part| (part, Why::Unread)));
    for (part, why) in parts {
        left_out.add_part(&name, &part, why);
    }
    Some(value)
}

fn icons(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
    if keep_read::<Icon>(value, "icons", &["src"]) {
        note("icons", Why::Unread);
    }
}

/// Reads annotations of a resource or a block, member by member.
fn annotations(value: &mut Value) -> bool {
    let Some(found) = value.get_mut("annotations") else { return false };
    drop_unread::<Annotations>(found, &[]).is_some_and(|dropped| !dropped.is_empty())
}

/// Reads the annotations of a tool. Its hints count all or none: a tool's class is not derived from
/// a part of them.
fn hints(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
    let Some(found) = value.get_mut("annotations") else { return };
    if reads::<Option<ToolAnnotations>>(found) {
        return;
    }
    if let Value::Object(members) = found
        && members.remove("title").is_some()
        && reads::<ToolAnnotations>(found)
    {
        note("annotations.title", Why::Unread);
        return;
    }
    let empty = found.as_array().is_some_and(Vec::is_empty);
    *found = Value::Null;
    if !empty {
        note("annotations", Why::Hints);
    }
}

/// Makes a schema of arguments one of an object.
fn input_schema(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
    let Value::Object(members) = value else { return };
    let schema = members.entry("inputSchema").or_insert(Value::Null);
    let Value::Object(schema) = schema else {
        *schema = json!({"type": "object"});
        note("inputSchema", Why::NoSchema);
        return;
    };
    for keyword in schema::mend(schema).into_iter().filter(|keyword| keyword != "type") {
        note(&format!("inputSchema.{keyword}"), Why::Keyword);
    }
    if schema::takes_objects(schema.get("type")) {
        schema.insert("type".to_owned(), json!("object"));
        note("inputSchema.type", Why::Untyped);
    }
    if schema::as_top(schema) {
        note("inputSchema.required", Why::Keyword);
    }
}

/// Drops what is no schema from the schema of a tool's results.
fn output_schema(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
    if let Some(Value::Object(schema)) = value.get_mut("outputSchema") {
        for keyword in schema::mend(schema) {
            note(&format!("outputSchema.{keyword}"), Why::Keyword);
        }
        if schema::as_top(schema) {
            note("outputSchema.required", Why::Keyword);
        }
        for keyword in json_schema::compiled(schema) {
            note(&format!("outputSchema … {keyword}"), Why::Keyword);
        }
    }
}

impl Element for Tool {
    const KIND: &'static str = "";
    const NEEDED: &'static [&'static str] = &["name", "inputSchema"];
    fn prepare(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
        input_schema(value, note);
        output_schema(value, note);
        hints(value, note);
        icons(value, note);
    }
    fn name(value: &Value) -> Option<&str> {
        text(value, "name")
    }
    fn rejected(value: &Value) -> Option<&'static str> {
        let schema = value.get("inputSchema")?.as_object()?;
        headers::are_wrong(schema).then_some("inputSchema: x-mcp-header")
    }
}

impl Element for Prompt {
    const KIND: &'static str = "prompt ";
    const NEEDED: &'static [&'static str] = &["name"];
    fn prepare(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
        if keep_read::<PromptArgument>(value, "arguments", &["name"]) {
            note("arguments", Why::Unread);
        }
        icons(value, note);
    }
    fn name(value: &Value) -> Option<&str> {
        text(value, "name")
    }
}

/// Gives an element the name that it lacks: its URI.
fn name_by(value: &mut Value, uri: &str, note: &mut dyn FnMut(&str, Why)) {
    if text(value, "name").is_none()
        && let Some(name) = text(value, uri).map(str::to_owned)
        && let Value::Object(members) = value
    {
        members.insert("name".to_owned(), Value::String(name));
        note("name", Why::NoName);
    }
}

impl Element for Resource {
    const KIND: &'static str = "resource ";
    const NEEDED: &'static [&'static str] = &["uri", "name"];
    fn prepare(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
        name_by(value, "uri", note);
        icons(value, note);
        if annotations(value) {
            note("annotations", Why::Unread);
        }
    }
    fn name(value: &Value) -> Option<&str> {
        text(value, "uri")
    }
}

impl Element for ResourceTemplate {
    const KIND: &'static str = "resource template ";
    const NEEDED: &'static [&'static str] = &["uriTemplate", "name"];
    fn prepare(value: &mut Value, note: &mut dyn FnMut(&str, Why)) {
        name_by(value, "uriTemplate", note);
        icons(value, note);
        if annotations(value) {
            note("annotations", Why::Unread);
        }
    }
    fn name(value: &Value) -> Option<&str> {
        text(value, "uriTemplate")
    }
}

/// The members that a block of each type needs.
fn needed(kind: &str) -> &'static [&'static str] {
    match kind {
        "text" => &["type", "text"],
        "image" | "audio" => &["type", "data", "mimeType"],
        "resource" => &["type", "resource"],
        "resource_link" => &["type", "uri", "name"],
        _ => &["type"],
    }
}

/// Reads a block of a result. One that is not of the protocol becomes a text that says so.
pub(super) fn block(mut value: Value, left_out: &mut LeftOut) -> Value {
    if reads::<ContentBlock>(&value) {
        return value;
    }
    if let Value::String(written) = &value {
        return json!({"type": "text", "text": written});
    }
    // A text without a type, and a type in other letters.
    let told = text(&value, "type").map(str::to_ascii_lowercase);
    let kind = match told {
        None if text(&value, "text").is_some() => "text".to_owned(),
        told => told.unwrap_or_default(),
    };
    if let Value::Object(members) = &mut value
        && needed(&kind).len() > 1
    {
        members.insert("type".to_owned(), Value::String(kind.clone()));
    }
    annotations(&mut value);
    if kind == "text"
        && let Some(written) =
            value.get_mut("text").filter(|written| !written.is_string() && !written.is_null())
    {
        *written = Value::String(written.to_string());
    }
    if let Some(inner) = value.get_mut("resource") {
        contents(inner);
    }
    if kind == "resource_link" {
        name_by(&mut value, "uri", &mut |_, _| {});
    }
    if let Some(dropped) = drop_unread::<ContentBlock>(&mut value, needed(&kind)) {
        for part in dropped {
            left_out.add_part(&format!("block {kind}"), &part, Why::Unread);
        }
        return value;
    }
    let known = needed(&kind).len() > 1;
    let shown: String = kind.chars().filter(|letter| !letter.is_control()).take(40).collect();
    left_out.add(&format!("block {shown}"), if known { Why::Unread } else { Why::Kind });
    let words = if known {
        format!("a block of the type {shown:?} is left out: it does not conform to the protocol")
    } else {
        format!("a block of the type {shown:?} is left out: the protocol does not define this type")
    };
    json!({"type": "text", "text": format!("({words})")})
}

/// Reads the contents of a resource. Returns `true` if they can be read.
pub(super) fn contents(value: &mut Value) -> bool {
    if reads::<ResourceContents>(value) {
        return true;
    }
    if let Some(written) =
        value.get_mut("text").filter(|written| !written.is_string() && !written.is_null())
    {
        *written = Value::String(written.to_string());
    }
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
    }
    drop_unread::<ResourceContents>(value, &["uri", "text"]).is_some()
        || drop_unread::<ResourceContents>(value, &["uri", "blob"]).is_some()
}
