//! Forms of OpenAPI 3.0 and older dialects that JSON Schema writes differently now.

use serde_json::{Map, Value, json};

use super::values::switch;

/// Reports a value that has no meaning in JSON Schema and need not be named: forms of OpenAPI 3.0
/// and older dialects, which [`modernise`] converts.
pub(super) fn is_harmless(name: &str, value: &Value) -> bool {
    match name {
        "exclusiveMinimum" | "exclusiveMaximum" | "required" => value.is_boolean(),
        "type" => value.as_str().is_some_and(|kind| ["any", "file"].contains(&kind)),
        "title" | "description" | "enum" => value.is_null(),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => value == &json!([]),
        _ => false,
    }
}

/// OpenAPI 3.0 and older dialects of JSON Schema have keywords of their own for constraints that
/// JSON Schema writes differently now.
pub(super) fn modernise(members: &Map<String, Value>, made: &mut Map<String, Value>) {
    let is = |name: &str| switch(members.get(name)) == Some(true);
    texts(made);
    if is("nullable") || is("x-nullable") {
        match made.get("type").cloned() {
            Some(Value::String(kind)) if kind != "null" => {
                made.insert("type".to_owned(), json!([kind, "null"]));
            }
            Some(Value::Array(mut kinds)) if !kinds.contains(&json!("null")) => {
                kinds.push(json!("null"));
                made.insert("type".to_owned(), Value::Array(kinds));
            }
            _ => {}
        }
        if let Some(Value::Array(values)) = made.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")]
    {
        if is(exclusive)
            && let Some(bound) = made.remove(inclusive)
        {
            made.insert(exclusive.to_owned(), bound);
        }
    }
    // Swagger 2.0.
    if members.get("type").and_then(Value::as_str) == Some("file") {
        made.insert("format".to_owned(), json!("binary"));
    }
}

/// Values of a text that YAML reads as numbers or flags, because they are not quoted.
fn texts(made: &mut Map<String, Value>) {
    if made.get("type") != Some(&json!("string")) {
        return;
    }
    let text = |value: &mut Value| match value {
        Value::Number(number) => *value = number.to_string().into(),
        Value::Bool(flag) => *value = flag.to_string().into(),
        _ => {}
    };
    for name in ["const", "default"] {
        made.get_mut(name).map(text);
    }
    if let Some(Value::Array(values)) = made.get_mut("enum") {
        values.iter_mut().for_each(text);
    }
}
