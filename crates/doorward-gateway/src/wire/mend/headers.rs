//! The keyword `x-mcp-header` of schemas of arguments. The protocol library offers no tool on which
//! it is not what the protocol specifies.

use std::collections::HashSet;

use serde_json::{Map, Value};

const KEYWORD: &str = "x-mcp-header";

/// The place of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// A property, reached through properties alone.
    Property,
    Elsewhere,
}

/// Reports a keyword that can be a header: the name of one, that no other has, of a plain value.
fn is_header(name: &Value, schema: &Map<String, Value>, seen: &mut HashSet<String>) -> bool {
    let Some(name) = name.as_str().filter(|name| !name.is_empty()) else { return false };
    let is_token =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    let plain = matches!(
        schema.get("type").and_then(Value::as_str),
        Some("string" | "integer" | "boolean")
    );
    is_token && plain && seen.insert(name.to_ascii_lowercase())
}

fn within(value: &mut Value, place: Place, seen: &mut HashSet<String>) -> bool {
    match value {
        Value::Object(schema) => drop_wrong(schema, place, seen),
        Value::Array(all) => {
            all.iter_mut().fold(false, |dropped, one| within(one, Place::Elsewhere, seen) | dropped)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn drop_wrong(schema: &mut Map<String, Value>, place: Place, seen: &mut HashSet<String>) -> bool {
    let mut dropped = false;
    if let Some(name) = schema.get(KEYWORD)
        && !(place == Place::Property && is_header(name, schema, seen))
    {
        schema.remove(KEYWORD);
        dropped = true;
    }
    for (keyword, value) in schema.iter_mut() {
        let inner = match keyword.as_str() {
            // Values, and no schemas.
            "default" | "const" | "enum" | "examples" => continue,
            "properties" if place != Place::Elsewhere => Some(Place::Property),
            "properties" | "$defs" | "definitions" | "dependentSchemas" | "patternProperties" => {
                Some(Place::Elsewhere)
            }
            _ => None,
        };
        match (inner, value) {
            (Some(inner), Value::Object(named)) => {
                for one in named.values_mut() {
                    dropped |= within(one, inner, seen);
                }
            }
            (Some(_), _) => {}
            (None, value) => dropped |= within(value, Place::Elsewhere, seen),
        }
    }
    dropped
}

/// Drops the keyword where it is not what the protocol specifies. Answers whether it was somewhere.
pub(super) fn mend(schema: &mut Map<String, Value>) -> bool {
    drop_wrong(schema, Place::Root, &mut HashSet::new())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_that_is_none_costs_itself() {
        let good = json!({"type": "object", "default": {"x-mcp-header": 7}, "properties": {
            "a": {"type": "string", "x-mcp-header": "Region"},
            "b": {"type": "object", "properties": {"c": {"type": "boolean", "x-mcp-header": "Flag"}}},
        }});
        let mut same = good.clone();
        assert!(!mend(same.as_object_mut().unwrap()));
        assert_eq!(same, good);
        for (place, odd) in [
            ("", json!({"x-mcp-header": "Root"})),
            ("d", json!({"type": "string", "x-mcp-header": ""})),
            ("d", json!({"type": "string", "x-mcp-header": 7})),
            ("d", json!({"type": "string", "x-mcp-header": "bad:name"})),
            ("d", json!({"type": "string", "x-mcp-header": "region"})),
            ("d", json!({"type": "number", "x-mcp-header": "N"})),
            ("d", json!({"x-mcp-header": "N"})),
            ("d", json!({"type": "array", "items": {"type": "string", "x-mcp-header": "I"}})),
            ("d", json!({"anyOf": [{"type": "string", "x-mcp-header": "I"}]})),
            ("d", json!({"$defs": {"e": {"type": "string", "x-mcp-header": "I"}}})),
            ("d", json!({"items": {"properties": {"e": {"type": "string", "x-mcp-header": "I"}}}})),
        ] {
            let mut whole = good.clone();
            if place.is_empty() {
                whole["x-mcp-header"] = odd["x-mcp-header"].clone();
            } else {
                whole["properties"][place] = odd.clone();
            }
            assert!(mend(whole.as_object_mut().unwrap()), "{odd}");
            assert!(!mend(whole.as_object_mut().unwrap()), "{odd}");
            assert_eq!(whole.to_string().matches("x-mcp-header").count(), 3, "{odd}: {whole}");
        }
    }
}
