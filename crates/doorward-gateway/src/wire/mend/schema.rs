//! Schemas with values that are not schemas: clients refuse the whole list for one.

use serde_json::{Map, Value, json};

use crate::json_schema::{self, Form};

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
    let Some(form) = json_schema::form(name) else { return Found::Right };
    match (form, value) {
        (Form::Members | Form::Definitions, Value::Object(members)) => {
            found(all(members.values_mut()))
        }
        (Form::Parts | Form::Schemas, Value::Array(list)) => found(all(list.iter_mut())),
        // Older revisions of JSON Schema have a list of schemas in `items`.
        (Form::Schema, Value::Array(list)) if name == "items" => found(all(list.iter_mut())),
        (Form::Schema | Form::OlderSchema, value) if value.is_object() || value.is_boolean() => {
            found(schema(value))
        }
        (Form::Required, Value::Array(names)) => {
            let count = names.len();
            names.retain(Value::is_string);
            found(names.len() < count)
        }
        // The first revisions have a switch.
        (Form::Required, Value::Bool(_)) | (Form::Type, Value::String(_) | Value::Array(_)) => {
            Found::Right
        }
        // Words, bounds and values are passed on as they are.
        (Form::Value, _) => Found::Right,
        (
            Form::Members
            | Form::Definitions
            | Form::Parts
            | Form::Schemas
            | Form::Schema
            | Form::OlderSchema
            | Form::Required
            | Form::Type,
            _,
        ) => Found::Wrong,
    }
}

/// Writes the top of a schema of arguments or results in the form to which popular clients hold it:
/// each member's schema is an object, and the names of required members are a list. Returns `true`
/// if there was no such list.
pub(super) fn as_top(members: &mut Map<String, Value>) -> bool {
    let switch = members.get("required").is_some_and(Value::is_boolean);
    if switch {
        members.remove("required");
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        for schema in properties.values_mut() {
            *schema = json_schema::as_object(schema.take());
        }
    }
    switch
}

/// Reports a type of arguments that clients refuse, and that means an object: none, the name in
/// other letters, or a list that contains it.
pub(super) fn takes_objects(kind: Option<&Value>) -> bool {
    let names_it =
        |kind: &Value| kind.as_str().is_some_and(|name| name.eq_ignore_ascii_case("object"));
    match kind {
        None | Some(Value::Null) => true,
        Some(Value::Array(kinds)) => kinds.is_empty() || kinds.iter().any(names_it),
        Some(kind) => names_it(kind) && kind != "object",
    }
}

/// Drops keywords with invalid values. Returns the names of those that were changed.
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
    fn the_top_of_a_schema_has_the_form_that_clients_demand() {
        let mut given = json!({"type": "object", "properties": {"a": true, "b": false, "c": {"items": true}}, "required": true});
        assert!(as_top(given.as_object_mut().unwrap()));
        assert_eq!(
            given,
            json!({"type": "object", "properties": {"a": {}, "b": {"not": {}}, "c": {"items": true}}})
        );
    }

    #[test]
    fn a_type_that_takes_objects_is_told_from_one_that_does_not() {
        for (kind, takes) in [
            (json!(null), true),
            (json!("Object"), true),
            (json!(["object", "null"]), true),
            (json!(["OBJECT"]), true),
            (json!([]), true),
            (json!("object"), false),
            (json!("string"), false),
            (json!(["string"]), false),
        ] {
            assert_eq!(takes_objects(Some(&kind)), takes, "{kind}");
        }
        assert!(takes_objects(None));
    }

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
