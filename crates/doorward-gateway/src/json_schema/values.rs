//! The valid values of the keywords of JSON Schema 2020-12.

use serde_json::{Value, json};

/// The longest pattern that is passed on.
const MOST_PATTERN: usize = 1000;
/// Maximum number of values of an enumeration that are compared with each other.
const MOST_COMPARED: usize = 1000;

/// A value as it is valid for its keyword.
pub(crate) fn value(name: &str, value: &Value) -> Option<Value> {
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
pub(crate) fn is_pattern(text: &str) -> bool {
    text.len() <= MOST_PATTERN && regress::Regex::with_flags(text, "u").is_ok()
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
