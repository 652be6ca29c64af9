//! Schemas that clients compile when they read the list of tools: one that does not compile makes
//! them refuse the whole list.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    keywords::{Form, form},
    values::{is_pattern, value},
};

/// Drops the keywords of a schema with which it does not compile: values that are not of their
/// keyword, and references without a target. Answers the names of those keywords.
pub(crate) fn compiled(schema: &mut Map<String, Value>) -> BTreeSet<String> {
    let (mut identified, mut references) = (BTreeSet::new(), BTreeSet::new());
    for value in schema.values() {
        collect(value, &mut identified, &mut references);
    }
    top(schema, &mut identified, &mut references);
    let whole = Value::Object(std::mem::take(schema));
    references.retain(|reference| !leads(&whole, reference, &identified));
    if let Value::Object(members) = whole {
        *schema = members;
    }
    let mut dropped = BTreeSet::new();
    clean(schema, &references, &mut dropped);
    dropped
}

/// Collects the identifiers and the references of one object.
fn top(
    members: &Map<String, Value>,
    identified: &mut BTreeSet<String>,
    references: &mut BTreeSet<String>,
) {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    identified.extend(text("$id"));
    identified.extend(text("$anchor").map(|anchor| format!("#{anchor}")));
    references.extend(text("$ref"));
}

fn collect(value: &Value, identified: &mut BTreeSet<String>, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            top(members, identified, references);
            members.values().for_each(|value| collect(value, identified, references));
        }
        Value::Array(items) => {
            for value in items {
                collect(value, identified, references);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reports a reference that has a target.
fn leads(whole: &Value, reference: &str, identified: &BTreeSet<String>) -> bool {
    if identified.contains(reference) || reference == "#" {
        return true;
    }
    reference.strip_prefix('#').is_some_and(|pointer| {
        pointer.starts_with('/')
            && percent_decode_str(pointer)
                .decode_utf8()
                .is_ok_and(|pointer| whole.pointer(&pointer).is_some_and(is_schema))
    })
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

fn clean(
    members: &mut Map<String, Value>,
    lost: &BTreeSet<String>,
    dropped: &mut BTreeSet<String>,
) {
    let inner = |value: &mut Value, dropped: &mut BTreeSet<String>| {
        if let Value::Object(members) = value {
            clean(members, lost, dropped);
        }
    };
    members.retain(|name, held| {
        let keeps = match form(name) {
            Some(Form::Value | Form::Type) => match value(name, held) {
                Some(valid) => {
                    *held = valid;
                    true
                }
                None => false,
            },
            Some(Form::Members | Form::Definitions) => {
                if let Value::Object(schemas) = held {
                    if name == "patternProperties" {
                        schemas.retain(|pattern, _| {
                            let valid = is_pattern(pattern);
                            if !valid {
                                dropped.insert(name.clone());
                            }
                            valid
                        });
                    }
                    schemas.values_mut().for_each(|schema| inner(schema, dropped));
                }
                true
            }
            Some(Form::Parts | Form::Schemas | Form::Schema | Form::OlderSchema) => {
                match held {
                    Value::Array(schemas) => {
                        for schema in schemas {
                            inner(schema, dropped);
                        }
                    }
                    schema => inner(schema, dropped),
                }
                true
            }
            Some(Form::Required) => held.is_array(),
            None => name != "$ref" || held.as_str().is_some_and(|to| !lost.contains(to)),
        };
        if !keeps {
            dropped.insert(name.clone());
        }
        keeps
    });
    // A keyword of OpenAPI, which popular clients accept only beside a type.
    if members.contains_key("nullable") && !members.contains_key("type") {
        members.remove("nullable");
        dropped.insert("nullable".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_keyword_that_does_not_compile_costs_itself() {
        for (given, kept, names) in [
            (
                json!({"properties": {"a": {"$ref": "#/$defs/Gone"}}}),
                json!({"properties": {"a": {}}}),
                &["$ref"][..],
            ),
            (
                json!({"properties": {"a": {"$ref": "https://x.example/s.json"}}}),
                json!({"properties": {"a": {}}}),
                &["$ref"],
            ),
            (
                json!({"$ref": "#/definitions/Gone", "type": "object"}),
                json!({"type": "object"}),
                &["$ref"],
            ),
            (json!({"items": {"pattern": "(?i)x"}}), json!({"items": {}}), &["pattern"]),
            (
                json!({"anyOf": [{"type": "date"}, {"enum": []}]}),
                json!({"anyOf": [{}, {}]}),
                &["enum", "type"],
            ),
            (json!({"not": {"minLength": "3"}}), json!({"not": {}}), &["minLength"]),
            (
                json!({"exclusiveMinimum": true, "minimum": 0}),
                json!({"minimum": 0}),
                &["exclusiveMinimum"],
            ),
            (
                json!({"patternProperties": {"[": {}, "^a": {}}}),
                json!({"patternProperties": {"^a": {}}}),
                &["patternProperties"],
            ),
            (
                json!({"properties": {"a": {"nullable": true}}}),
                json!({"properties": {"a": {}}}),
                &["nullable"],
            ),
            (
                json!({"properties": {"a": {"required": true}}}),
                json!({"properties": {"a": {}}}),
                &["required"],
            ),
        ] {
            let Value::Object(mut members) = given.clone() else { unreachable!("an object") };
            let dropped: Vec<String> = compiled(&mut members).into_iter().collect();
            assert_eq!(
                (Value::Object(members), dropped),
                (kept, names.iter().map(|name| (*name).to_owned()).collect()),
                "{given}"
            );
        }
        let right = json!({"$id": "https://x.example/s", "type": ["object", "null"], "$defs": {"A b": {"$anchor": "a", "type": "string", "nullable": true}},
            "properties": {"a": {"$ref": "#/$defs/A%20b"}, "b": {"$ref": "#a"}, "c": {"$ref": "#"}, "d": {"$ref": "https://x.example/s"}, "$ref": {"type": "string"}},
            "required": ["a"], "default": {"$ref": 7}, "x-own": {"enum": []}});
        let Value::Object(mut members) = right.clone() else { unreachable!("an object") };
        assert_eq!(compiled(&mut members), BTreeSet::new());
        assert_eq!(Value::Object(members), right);
    }
}
