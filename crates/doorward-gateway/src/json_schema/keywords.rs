//! The keywords of JSON Schema and the contents of each.

use serde_json::{Value, json};

/// The contents of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A schema.
    Schema,
    /// A list of schemas.
    Schemas,
    /// A list of schemas that describe the same value.
    Parts,
    /// Schemas by name.
    Members,
    /// Schemas by name, which references name.
    Definitions,
    /// A schema, in revisions before 2020-12 alone.
    OlderSchema,
    /// The names of required members.
    Required,
    /// The types of a value.
    Type,
    /// Any other value.
    Value,
}

/// The contents of a keyword. `None` for those that are not of JSON Schema, or that have no contents
/// of their own.
pub(crate) fn form(name: &str) -> Option<Form> {
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
        "additionalItems" => Form::OlderSchema,
        "properties" | "patternProperties" | "dependentSchemas" => Form::Members,
        "$defs" | "definitions" => Form::Definitions,
        "required" => Form::Required,
        "type" => Form::Type,
        "title" | "description" | "format" | "pattern" | "contentEncoding" | "contentMediaType"
        | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
        | "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
        | "maxProperties" | "minContains" | "maxContains" | "uniqueItems" | "enum" | "const"
        | "default" | "dependentRequired" => Form::Value,
        _ => return None,
    })
}

/// A schema that is an object: popular clients refuse a whole list for an argument whose schema is
/// `true` or `false`.
pub(crate) fn as_object(schema: Value) -> Value {
    match schema {
        Value::Bool(true) => json!({}),
        Value::Bool(false) => json!({"not": {}}),
        other => other,
    }
}
