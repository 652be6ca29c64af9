//! The keywords of JSON Schema 2020-12, and their valid values.

use serde_json::{Map, Value, json};

/// The longest pattern that is passed on.
const MOST_PATTERN: usize = 1000;
/// The most values of an enumeration that are compared with each other.
const MOST_COMPARED: usize = 1000;

/// The contents of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A schema.
    Schema,
    /// A list of schemas.
    Schemas,
    /// A list of schemas that describe the same value.
    Parts,
    /// Schemas by name.
    Members,
    /// The names of required members.
    Required,
    /// Anything else: see [`value`].
    Value,
}

/// The contents of a keyword. `None` for those that are not of JSON Schema, or that have no meaning
/// once references are resolved.
pub(super) fn form(name: &str) -> Option<Form> {
    Some(match name {
        "allOf" | "anyOf" | "oneOf" => Form::Parts,
        "prefixItems" => Form::Schemas,
        "items"
        | "additionalProperties"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contentSchema" => Form::Schema,
        "properties" | "patternProperties" | "dependentSchemas" => Form::Members,
        "required" => Form::Required,
        "title" | "description" | "format" | "pattern" | "contentEncoding" | "contentMediaType"
        | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
        | "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
        | "maxProperties" | "minContains" | "maxContains" | "uniqueItems" | "enum" | "const"
        | "default" | "type" | "dependentRequired" => Form::Value,
        _ => return None,
    })
}

/// A value as it is valid for its keyword.
pub(super) fn value(name: &str, value: &Value) -> Option<Value> {
    let valid = match name {
        "title" | "description" | "format" | "contentEncoding" | "contentMediaType" => {
            value.is_string()
        }
        "pattern" => value.as_str().is_some_and(is_pattern),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
        | "minContains" | "maxContains" => {
            return whole(value).map(Value::from);
        }
        "uniqueItems" => value.is_boolean(),
        "enum" => return enumeration(value),
        "type" => return types(value),
        "dependentRequired" => value.as_object().is_some_and(|members| {
            members.values().all(|names| {
                names.as_array().is_some_and(|names| names.iter().all(Value::is_string))
            })
        }),
        _ => true,
    };
    valid.then(|| value.clone())
}

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

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        (number < 1e15).then_some(number as u64)
    })
}

fn enumeration(value: &Value) -> Option<Value> {
    let values = value.as_array().filter(|values| !values.is_empty())?;
    if values.len() > MOST_COMPARED {
        return Some(value.clone());
    }
    let mut kept: Vec<&Value> = Vec::with_capacity(values.len());
    for one in values {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    Some(kept.into_iter().cloned().collect())
}

fn types(value: &Value) -> Option<Value> {
    match value {
        Value::Array(kinds) => {
            let mut kept: Vec<&str> = Vec::new();
            for one in kinds {
                // Without the unknown alternative, the others would refuse values that it accepts.
                let one = kind(one)?;
                if !kept.contains(&one) {
                    kept.push(one);
                }
            }
            (!kept.is_empty()).then(|| json!(kept))
        }
        Value::String(_) => kind(value).map(Value::from),
        _ => None,
    }
}

fn kind(value: &Value) -> Option<&str> {
    match value.as_str() {
        Some("file") => Some("string"),
        Some("null" | "boolean" | "object" | "array" | "number" | "string" | "integer") => {
            value.as_str()
        }
        // YAML: `type: [string, null]`.
        None if value.is_null() => Some("null"),
        _ => None,
    }
}

/// Reports a regular expression of ECMA-262, as clients compile it.
pub(super) fn is_pattern(text: &str) -> bool {
    text.len() <= MOST_PATTERN && regress::Regex::with_flags(text, "u").is_ok()
}

/// OpenAPI 3.0 and older dialects of JSON Schema have keywords of their own for constraints that
/// JSON Schema writes differently now.
pub(super) fn modernise(members: &Map<String, Value>, made: &mut Map<String, Value>) {
    let is = |name: &str| members.get(name) == Some(&Value::Bool(true));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_of_their_keyword_are_dropped_or_replaced() {
        for (name, given, kept) in [
            ("type", json!("string"), Some(json!("string"))),
            ("type", json!("int"), None),
            ("type", json!("file"), Some(json!("string"))),
            ("type", json!(["string", "string", null]), Some(json!(["string", "null"]))),
            ("type", json!(["string", "money"]), None),
            ("type", json!([]), None),
            ("enum", json!([]), None),
            ("enum", json!(["a", "a", 1]), Some(json!(["a", 1]))),
            ("enum", json!("a"), None),
            ("minLength", json!(3.0), Some(json!(3))),
            ("minLength", json!(-1), None),
            ("minLength", json!("3"), None),
            ("minimum", json!("0"), None),
            ("multipleOf", json!(0), None),
            ("multipleOf", json!(0.01), Some(json!(0.01))),
            ("pattern", json!("^[a-z]+$"), Some(json!("^[a-z]+$"))),
            ("pattern", json!("(?i)abc\\Z"), None),
            ("pattern", json!("["), None),
            ("description", json!(5), None),
            ("default", json!({"a": [1]}), Some(json!({"a": [1]}))),
            ("dependentRequired", json!({"a": ["b"]}), Some(json!({"a": ["b"]}))),
            ("dependentRequired", json!({"a": "b"}), None),
        ] {
            assert_eq!(value(name, &given), kept, "{name} {given}");
        }
    }
}
