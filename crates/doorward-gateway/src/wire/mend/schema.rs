//! Schemas whose keywords hold what is no schema: clients refuse the whole list for one.

use serde_json::{Map, Value, json};

/// Reads a value where a schema belongs: anything is taken where there is none. Answers whether
/// there is none somewhere.
fn schema(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => !mend(members).is_empty(),
        Value::Bool(_) => false,
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            *value = json!({});
            true
        }
    }
}

fn all<'v>(schemas: impl Iterator<Item = &'v mut Value>) -> bool {
    schemas.fold(false, |wrong, one| schema(one) | wrong)
}

/// The state of a keyword.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Right,
    /// Something within it was no schema.
    Mended,
    /// It holds what it cannot hold.
    Wrong,
}

fn found(mended: bool) -> Found {
    if mended { Found::Mended } else { Found::Right }
}

fn keyword(name: &str, value: &mut Value) -> Found {
    match (name, value) {
        (
            "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
            Value::Object(members),
        ) => found(all(members.values_mut())),
        // Older revisions of JSON Schema have a list of schemas in `items`.
        ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(list)) => {
            found(all(list.iter_mut()))
        }
        (
            "items"
            | "additionalItems"
            | "additionalProperties"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "contentSchema",
            value,
        ) if value.is_object() || value.is_boolean() => found(schema(value)),
        ("required", Value::Array(names)) => {
            let count = names.len();
            names.retain(Value::is_string);
            found(names.len() < count)
        }
        // The first revisions have a switch.
        ("required", Value::Bool(_)) | ("type", Value::String(_) | Value::Array(_)) => Found::Right,
        (
            "properties"
            | "patternProperties"
            | "dependentSchemas"
            | "$defs"
            | "definitions"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "prefixItems"
            | "items"
            | "additionalItems"
            | "additionalProperties"
            | "not"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "contentSchema"
            | "required"
            | "type",
            _,
        ) => Found::Wrong,
        // Words, bounds and values are passed on as they are.
        _ => Found::Right,
    }
}

/// Drops keywords that hold what they cannot hold. Answers the names of those that were changed.
pub(super) fn mend(members: &mut Map<String, Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    members.retain(|name, value| {
        let found = keyword(name, value);
        if found != Found::Right {
            wrong.push(name.clone());
        }
        found != Found::Wrong
    });
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_schema_becomes_one_that_accepts_anything() {
        for (given, mended) in [
            (json!({"properties": {"a": null}}), json!({"properties": {"a": {}}})),
            (json!({"properties": {"a": "string"}}), json!({"properties": {"a": {}}})),
            (json!({"properties": {"a": {"items": "text"}}}), json!({"properties": {"a": {}}})),
            (json!({"properties": "none"}), json!({})),
            (json!({"properties": []}), json!({})),
            (json!({"$defs": null, "definitions": 7}), json!({})),
            (
                json!({"anyOf": [null, {"type": "string"}]}),
                json!({"anyOf": [{}, {"type": "string"}]}),
            ),
            (json!({"oneOf": {"type": "string"}}), json!({})),
            (json!({"additionalProperties": null}), json!({})),
            (json!({"additionalProperties": {"not": 7}}), json!({"additionalProperties": {}})),
            (json!({"required": ["a", 7, null]}), json!({"required": ["a"]})),
            (json!({"required": "a"}), json!({})),
            (json!({"type": {"name": "object"}}), json!({})),
        ] {
            let Value::Object(mut members) = given.clone() else { unreachable!("an object") };
            assert_eq!(mend(&mut members).is_empty(), given == mended, "{given}");
            assert_eq!(Value::Object(members), mended, "{given}");
        }
        let right = json!({"type": ["object", "null"], "properties": {"a": true, "b": {"required": true},
            "c": {"items": [{"type": "string"}], "additionalItems": false}, "properties": {"default": {"properties": 7}}},
            "required": ["a"], "enum": null, "allOf": [], "default": {"properties": null}, "x-own": {"type": 7}});
        let Value::Object(mut members) = right.clone() else { unreachable!("an object") };
        assert_eq!(mend(&mut members), Vec::<String>::new());
        assert_eq!(Value::Object(members), right);
    }
}
