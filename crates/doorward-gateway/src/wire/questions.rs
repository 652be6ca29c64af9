//! Questions of an upstream to its client: a form in another spelling than the protocol specifies
//! costs its odd parts, and not the question that it is a part of.

use doorward_model::foreign;
use rmcp::model::{CreateMessageRequestParams, InputRequest, PrimitiveSchemaDefinition};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{mend::drop_unread, refused::unfillable};

/// The members of a field of a form that decide what it is.
const FIELD: &[&str] = &["type", "enum", "oneOf", "items"];

/// The fields of a form as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// The fields that were left out.
    pub(super) left_out: Vec<String>,
    /// The fields that must be filled in, and are of no type that forms have: the question has no
    /// answer.
    pub(super) unfillable: Vec<String>,
}

/// Reads the parameters of a question without parts that are not of the protocol.
pub(super) fn mend(method: &str, params: &mut Value) -> Fields {
    match method {
        "elicitation/create" => params.as_object_mut().map(elicitation).unwrap_or_default(),
        "sampling/createMessage" => {
            sampling(params);
            Fields::default()
        }
        _ => Fields::default(),
    }
}

/// Reads the questions within a result, which have the form of requests. Returns the fields that
/// were left out, or the reason for which one of the questions cannot be asked.
pub(super) fn mend_all(result: &mut Value) -> Result<Vec<String>, String> {
    let Some(Value::Object(all)) = result.get_mut("inputRequests") else { return Ok(Vec::new()) };
    let mut left_out = Vec::new();
    for (name, question) in all {
        let method = question.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(params) = question.get_mut("params") {
            let fields = mend(&method, params);
            if !fields.unfillable.is_empty() {
                return Err(format!("a question, but {}", unfillable(&fields.unfillable)));
            }
            left_out.extend(fields.left_out);
        }
        if InputRequest::deserialize(&*question).is_err() {
            return Err(format!(
                "the question {} that does not conform to the protocol",
                foreign::quoted(name, 60)
            ));
        }
    }
    Ok(left_out)
}

fn without_null(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
}

fn keep_texts(members: &mut Map<String, Value>, names: &[&str]) {
    members.retain(|name, value| !names.contains(&name.as_str()) || value.is_string());
}

fn elicitation(members: &mut Map<String, Value>) -> Fields {
    without_null(members);
    keep_texts(members, &["mode", "message", "url"]);
    if let Some(Value::String(mode)) = members.get_mut("mode") {
        *mode = mode.trim().to_ascii_lowercase();
    }
    members.entry("message").or_insert_with(|| json!(""));
    if members.get("mode").is_some_and(|mode| mode == "url") {
        return Fields::default();
    }
    let schema = members.entry("requestedSchema").or_insert_with(|| json!({}));
    if !schema.is_object() {
        *schema = json!({});
    }
    schema.as_object_mut().map(form).unwrap_or_default()
}

fn form(schema: &mut Map<String, Value>) -> Fields {
    without_null(schema);
    keep_texts(schema, &["$schema", "title", "description"]);
    schema.insert("type".to_owned(), json!("object"));
    let definitions = ["$defs", "definitions"]
        .iter()
        .find_map(|name| schema.get(*name)?.as_object().cloned())
        .unwrap_or_default();
    let required: Vec<Value> = match schema.remove("required") {
        Some(Value::Array(names)) => names.into_iter().filter(Value::is_string).collect(),
        _ => Vec::new(),
    };
    let mut fields = match schema.remove("properties") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let mut found = Fields::default();
    fields.retain(|name, value| {
        field(value, &definitions);
        let whole = value.clone();
        let is_read = drop_unread::<PrimitiveSchemaDefinition>(value, FIELD).is_some();
        if !is_read {
            *value = whole;
        }
        // Without a field that must be filled in, the question would be another one.
        let is_required = required.iter().any(|one| one == name);
        if !is_read {
            let names = if is_required { &mut found.unfillable } else { &mut found.left_out };
            names.push(name.clone());
        }
        is_read || is_required
    });
    if !required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    schema.insert("properties".to_owned(), Value::Object(fields));
    found
}

/// Writes a field as the protocol has it: generators of schemas write one that may be empty as a
/// choice between its type and null, and a list of values as a reference.
fn field(value: &mut Value, definitions: &Map<String, Value>) {
    let Value::Object(members) = value else { return };
    without_null(members);
    if let Some(Value::String(reference)) = members.remove("$ref") {
        let name = reference.rsplit('/').next().unwrap_or_default();
        take_over(members, definitions.get(name));
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        let Some(Value::Array(mut forms)) = members.remove(name) else { continue };
        forms.retain(|form| form.get("type").is_none_or(|of| of != "null"));
        match forms.as_slice() {
            [only] if only.get("const").is_none() => {
                // A reference within a choice; one more within that one is no field of a form.
                if let Some(Value::String(reference)) = only.get("$ref") {
                    let name = reference.rsplit('/').next().unwrap_or_default();
                    take_over(members, definitions.get(name));
                } else {
                    take_over(members, Some(only));
                }
            }
            _ if forms.iter().all(|form| form.get("const").is_some_and(Value::is_string)) => {
                forms.iter_mut().for_each(titled);
                members.insert("oneOf".to_owned(), Value::Array(forms));
            }
            _ => drop(members.insert(name.to_owned(), Value::Array(forms))),
        }
    }
    without_null(members);
    if let Some(Value::Array(types)) = members.get("type") {
        let mut types = types.iter().filter(|of| *of != "null");
        if let (Some(only), None) = (types.next().cloned(), types.next()) {
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(only) = members.remove("const") {
        members.entry("enum").or_insert_with(|| json!([only]));
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let is_choice = ["enum", "oneOf"].iter().any(|name| members.contains_key(*name));
    if is_choice {
        members.entry("type").or_insert_with(|| json!("string"));
    }
}

/// A value of a list with the title that the protocol demands.
fn titled(form: &mut Value) {
    let Value::Object(members) = form else { return };
    if !members.get("title").is_some_and(Value::is_string)
        && let Some(value) = members.get("const").cloned()
    {
        members.insert("title".to_owned(), value);
    }
}

/// Adds the members of another schema that are not there.
fn take_over(members: &mut Map<String, Value>, other: Option<&Value>) {
    let Some(Value::Object(other)) = other else { return };
    for (name, value) in other {
        members.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

fn sampling(params: &mut Value) {
    if CreateMessageRequestParams::deserialize(&*params).is_ok() {
        return;
    }
    let Value::Object(members) = params else { return };
    without_null(members);
    if let Some(most) = members.get_mut("maxTokens") {
        let number = match &*most {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number beyond the limits becomes the nearest one"
        )]
        if let Some(number) = number {
            *most = json!(number as u32);
        }
    }
    for message in members.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(content) = message.get_mut("content").filter(|content| content.is_string()) {
            *content = json!({"type": "text", "text": content.take()});
        }
    }
    drop_unread::<CreateMessageRequestParams>(params, &["messages", "maxTokens"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_form_are_read_in_the_spellings_of_generators() {
        for (given, mended) in [
            (
                json!({"anyOf": [{"type": "string"}, {"type": "null"}], "default": null, "title": "Name"}),
                json!({"type": "string", "title": "Name"}),
            ),
            (json!({"type": ["string", "null"]}), json!({"type": "string"})),
            (json!({"$ref": "#/$defs/Size"}), json!({"type": "string", "enum": ["s", "l"]})),
            (
                json!({"allOf": [{"$ref": "#/$defs/Size"}], "title": "Size"}),
                json!({"type": "string", "enum": ["s", "l"], "title": "Size"}),
            ),
            (
                json!({"anyOf": [{"$ref": "#/$defs/Size"}, {"type": "null"}]}),
                json!({"type": "string", "enum": ["s", "l"]}),
            ),
            (json!({"const": "yes"}), json!({"type": "string", "enum": ["yes"]})),
            (
                json!({"enum": ["a", null], "type": ["string", "null"]}),
                json!({"type": "string", "enum": ["a"]}),
            ),
            (
                json!({"oneOf": [{"const": "a"}, {"const": "b", "title": "B"}]}),
                json!({"type": "string", "oneOf": [{"const": "a", "title": "a"}, {"const": "b", "title": "B"}]}),
            ),
            (
                json!({"type": "string", "format": "password", "minLength": "2", "pattern": "x"}),
                json!({"type": "string", "pattern": "x"}),
            ),
            (json!({"type": "boolean", "default": "no"}), json!({"type": "boolean"})),
        ] {
            let definitions = json!({"Size": {"type": "string", "enum": ["s", "l"]}});
            let mut params = json!({"message": "?", "requestedSchema": {"$defs": definitions, "properties": {"a": given.clone()}}});
            assert_eq!(mend("elicitation/create", &mut params), Fields::default(), "{given}");
            assert_eq!(params["requestedSchema"]["properties"]["a"], mended, "{given}");
        }
        let object = json!({"type": "object", "properties": {}});
        let mut params = json!({"mode": "Form", "message": null, "requestedSchema": {"required": ["b", 7], "properties": {"a": object, "b": object}}});
        let fields = mend("elicitation/create", &mut params);
        assert_eq!((fields.left_out, fields.unfillable), (vec!["a".into()], vec!["b".into()]));
        assert_eq!(
            params,
            json!({"mode": "form", "message": "", "requestedSchema": {"type": "object", "required": ["b"], "properties": {"b": object}}})
        );
    }
}
