//! The keyword `x-mcp-header` of schemas of arguments. The protocol library offers no tool on which
//! it does not conform to the protocol.

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

fn within(value: &Value, place: Place, seen: &mut HashSet<String>) -> bool {
    match value {
        Value::Object(schema) => is_wrong(schema, place, seen),
        Value::Array(all) => all.iter().any(|one| within(one, Place::Elsewhere, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_wrong(schema: &Map<String, Value>, place: Place, seen: &mut HashSet<String>) -> bool {
    if let Some(name) = schema.get(KEYWORD)
        && !(place == Place::Property && is_header(name, schema, seen))
    {
        return true;
    }
    schema.iter().any(|(keyword, value)| {
        let inner = match keyword.as_str() {
            // Values, and no schemas.
            "default" | "const" | "enum" | "examples" => return false,
            "properties" if place != Place::Elsewhere => Some(Place::Property),
            "properties" | "$defs" | "definitions" | "dependentSchemas" | "patternProperties" => {
                Some(Place::Elsewhere)
            }
            _ => None,
        };
        match (inner, value) {
            (Some(inner), Value::Object(named)) => {
                named.values().any(|one| within(one, inner, seen))
            }
            (Some(_), _) => false,
            (None, value) => within(value, Place::Elsewhere, seen),
        }
    })
}

/// Reports a schema with the keyword where it does not conform to the protocol. A client must not
/// offer such a tool (2026-07-28, custom headers).
pub(super) fn are_wrong(schema: &Map<String, Value>) -> bool {
    is_wrong(schema, Place::Root, &mut HashSet::new())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_that_is_none_costs_its_tool() {
        let good = json!({"type": "object", "default": {"x-mcp-header": 7}, "properties": {
            "a": {"type": "string", "x-mcp-header": "Region"},
            "b": {"type": "object", "properties": {"c": {"type": "boolean", "x-mcp-header": "Flag"}}},
        }});
        assert!(!are_wrong(good.as_object().unwrap()));
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
            assert!(are_wrong(whole.as_object().unwrap()), "{odd}");
        }
    }
}
