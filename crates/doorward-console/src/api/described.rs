//! The members of a request against the schemas of the OpenAPI document. Each limit that an
//! operation describes is enforced here, for all of them, so that the document and the behaviour
//! cannot differ. The code of a refusal is that of pages and commands, where the member names one.

use std::{fmt::Write, sync::Arc};

use regress::Regex;
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

/// Makes a schema.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The keyword of a member whose limits have a code of their own among refusals.
const CODE: &str = "x-code";

/// The generator of all schemas, those that are described and those that are enforced.
pub(super) fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    SchemaGenerator::new(settings)
}

/// The members that an operation reads.
#[derive(Clone)]
pub(super) struct Described {
    pub(super) body: Option<Arc<Wanted>>,
    pub(super) query: Option<Arc<Wanted>>,
}

impl Described {
    pub(super) fn of(body: Option<SchemaOf>, query: Option<SchemaOf>) -> Self {
        let wanted = |make: SchemaOf, whole, are_texts| {
            let mut generator = generator();
            let schema = make(&mut generator).to_value();
            let definitions = generator.take_definitions(true);
            Arc::new(Wanted { schema, definitions, whole, are_texts })
        };
        Self {
            body: body.map(|make| wanted(make, "the body", false)),
            query: query.map(|make| wanted(make, "the parameters", true)),
        }
    }
}

/// The schema of a body or of a query, with the definitions that it refers to.
pub(super) struct Wanted {
    schema: Value,
    definitions: Map<String, Value>,
    /// All members together, in a sentence.
    whole: &'static str,
    /// Values are texts, whatever they state.
    are_texts: bool,
}

/// A value that is not as described.
struct Fault {
    place: String,
    told: String,
    /// It is of another form: an alternative that is not meant.
    is_form: bool,
    /// The code of the member.
    code: Option<String>,
}

/// A request that is not as described.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undescribed {
    /// The code of the member, where it has one of its own.
    pub(super) code: Option<String>,
    /// A sentence about the first fault, without the value.
    pub(super) told: String,
}

impl Fault {
    fn new(place: &str, told: impl Into<String>) -> Self {
        Self { place: place.to_owned(), told: told.into(), is_form: false, code: None }
    }
    fn form(place: &str, told: impl Into<String>) -> Self {
        Self { is_form: true, ..Self::new(place, told) }
    }
}

type Checked = Result<(), Fault>;

/// The bounds of a keyword pair, in words; `None` if the number is within them.
fn outside(number: f64, least: Option<f64>, most: Option<f64>) -> Option<String> {
    let within =
        least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most);
    if within {
        return None;
    }
    Some(match (least, most) {
        (Some(least), Some(most)) => format!("between {least} and {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => return None,
    })
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of requests of at most 256 KiB")]
fn number_of(length: usize) -> f64 {
    length as f64
}

impl Wanted {
    /// Refuses members that are not as described.
    pub(super) fn check(&self, given: &Value) -> Result<(), Undescribed> {
        self.value(&self.schema, given, "").map_err(|Fault { place, told, code, .. }| {
            let subject = if place.is_empty() { self.whole } else { &place };
            Undescribed { code, told: format!("{subject} {told}") }
        })
    }

    fn value(&self, schema: &Value, given: &Value, place: &str) -> Checked {
        let Some(schema) = schema.as_object() else { return Ok(()) };
        self.judge(schema, given, place).map_err(|fault| {
            let own = schema.get(CODE).and_then(Value::as_str).map(str::to_owned);
            Fault { code: fault.code.or(own), ..fault }
        })
    }

    fn judge(&self, schema: &Map<String, Value>, given: &Value, place: &str) -> Checked {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            if let Some(schema) = self.definitions.get(name) {
                self.value(schema, given, place)?;
            }
        }
        self.alternatives(schema, given, place)?;
        self.form(schema, given, place)?;
        match given {
            Value::String(text) => self.text(schema, text, place),
            Value::Number(number) => range(schema, number.as_f64(), place),
            Value::Array(items) => self.items(schema, items, place),
            Value::Object(members) => self.members(schema, members, place),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    /// One of several schemas, and all of others. The type that reads a value decides that it has
    /// exactly one of its forms.
    fn alternatives(&self, schema: &Map<String, Value>, given: &Value, place: &str) -> Checked {
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        for part in list("allOf").into_iter().flatten() {
            self.value(part, given, place)?;
        }
        for parts in ["anyOf", "oneOf"].into_iter().filter_map(list) {
            let mut faults = Vec::new();
            for part in parts {
                match self.value(part, given, place) {
                    Ok(()) => {
                        faults.clear();
                        break;
                    }
                    Err(fault) => faults.push(fault),
                }
            }
            faults.sort_by_key(|fault| fault.is_form);
            if let Some(first) = faults.into_iter().next() {
                return Err(first);
            }
        }
        Ok(())
    }

    /// The type, and the values of an enumeration.
    fn form(&self, schema: &Map<String, Value>, given: &Value, place: &str) -> Checked {
        let fits = |kind: &Value| kind.as_str().is_some_and(|kind| is_of(kind, given));
        let is_typed = match schema.get("type") {
            // The type that reads it knows the texts of numbers.
            _ if self.are_texts && given.is_string() => true,
            Some(Value::Array(kinds)) => kinds.iter().any(fits),
            Some(kind) => fits(kind),
            None => true,
        };
        if !is_typed {
            return Err(Fault::form(place, "has another type than described"));
        }
        let one = schema.get("const").into_iter();
        let known: Vec<&Value> =
            one.chain(schema.get("enum").and_then(Value::as_array).into_iter().flatten()).collect();
        if known.is_empty() || known.contains(&given) {
            return Ok(());
        }
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        Err(Fault::form(place, format!("must be one of {}", names.join(", "))))
    }

    fn text(&self, schema: &Map<String, Value>, text: &str, place: &str) -> Checked {
        let number = |name: &str| schema.get(name).and_then(Value::as_f64);
        let length = number_of(text.chars().count());
        if let Some(wanted) = outside(length, number("minLength"), number("maxLength")) {
            return Err(Fault::new(place, format!("must have {wanted} characters")));
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !Regex::with_flags(pattern, "u").is_ok_and(|regex| regex.find(text).is_some())
        {
            return Err(Fault::new(place, format!("must have the form {pattern}")));
        }
        if self.are_texts { range(schema, text.parse().ok(), place) } else { Ok(()) }
    }

    fn items(&self, schema: &Map<String, Value>, items: &[Value], place: &str) -> Checked {
        let number = |name: &str| schema.get(name).and_then(Value::as_f64);
        let length = number_of(items.len());
        if let Some(wanted) = outside(length, number("minItems"), number("maxItems")) {
            return Err(Fault::new(place, format!("must have {wanted} entries")));
        }
        let Some(schema) = schema.get("items") else { return Ok(()) };
        for (index, item) in items.iter().enumerate() {
            self.value(schema, item, &format!("{place}[{index}]"))?;
        }
        Ok(())
    }

    fn members(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        place: &str,
    ) -> Checked {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return Err(Fault::new(place, format!("must have the member {name}")));
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, member) in members {
            let mut within = place.to_owned();
            let dot = if place.is_empty() { "" } else { "." };
            let shown = doorward_model::foreign::line(name, 60);
            write!(within, "{dot}{shown}").unwrap_or_default();
            match (known.and_then(|known| known.get(name)), others) {
                (None, Some(Value::Bool(false))) => {
                    return Err(Fault::form(place, format!("must not have the member {shown}")));
                }
                (Some(schema), _) | (None, Some(schema)) => self.value(schema, member, &within)?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

fn range(schema: &Map<String, Value>, number: Option<f64>, place: &str) -> Checked {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    match number.and_then(|number| outside(number, bound("minimum"), bound("maximum"))) {
        Some(wanted) => Err(Fault::new(place, format!("must be {wanted}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The keywords that are enforced, and those that demand nothing. The type that reads a number
    /// enforces its format.
    const KNOWN: [&str; 21] = [
        CODE,
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "pattern",
        "properties",
        "required",
    ];
    const FORMATS: [&str; 3] = ["int64", "uint32", "uint64"];

    fn examine(schema: &Value, whole: &str) -> usize {
        let Some(schema) = schema.as_object() else { return 0 };
        let mut limits = 0;
        for (name, held) in schema {
            assert!(name == "type" || KNOWN.contains(&name.as_str()), "{whole}: {name} is ignored");
            match name.as_str() {
                CODE => {
                    let code = |code: &doorward_admin::Code| code.as_str() == held;
                    assert!(doorward_admin::Code::ALL.iter().any(code), "{whole}: {held}");
                }
                "format" => assert!(FORMATS.contains(&held.as_str().unwrap()), "{whole}: {held}"),
                "pattern" => {
                    let pattern = held.as_str().unwrap();
                    assert!(Regex::with_flags(pattern, "u").is_ok(), "{whole}: {pattern}");
                    assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{pattern}");
                    limits += 1;
                }
                "properties" => {
                    let all = held.as_object().unwrap().values();
                    limits += all.map(|schema| examine(schema, whole)).sum::<usize>();
                }
                "items" | "additionalProperties" => limits += examine(held, whole),
                "allOf" | "anyOf" | "oneOf" => {
                    let all = held.as_array().unwrap().iter();
                    limits += all.map(|schema| examine(schema, whole)).sum::<usize>();
                }
                name => limits += usize::from(name.starts_with('m')),
            }
        }
        limits
    }

    #[test]
    fn every_keyword_of_what_is_read_is_enforced() {
        let mut limits = 0;
        for operation in crate::api::operations() {
            let Described { body, query } = Described::of(operation.body, operation.query);
            for wanted in [body, query].into_iter().flatten() {
                let all = std::iter::once(&wanted.schema).chain(wanted.definitions.values());
                limits += all.map(|schema| examine(schema, operation.id)).sum::<usize>();
            }
        }
        assert!(limits > 100, "only {limits}");
    }

    #[test]
    fn an_example_is_as_it_is_described() {
        for operation in crate::api::operations() {
            if let Some(wanted) = Described::of(operation.body, operation.query).body {
                let example = super::super::examples::body(operation.id).unwrap();
                assert_eq!(wanted.check(&example), Ok(()), "{}", operation.id);
            }
        }
    }

    #[test]
    fn each_limit_is_told_in_words_with_its_place_and_without_the_value() {
        let definitions = json!({"Role": {"type": "string", "pattern": "^[a-z]+$"}});
        let Value::Object(definitions) = definitions else { unreachable!("an object") };
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["name"],
            "properties": {
                "name": {"type": ["string", "null"], "minLength": 2, "maxLength": 3},
                "roles": {"type": "array", "x-code": "invalid_roles", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/x/Role"}},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
                "kind": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]},
                "deep": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
                "form": {"oneOf": [
                    {"type": "object", "required": ["a"], "properties": {"a": {"const": "x"}}},
                    {"type": "object", "properties": {"a": {"const": "y"}, "b": {"maximum": 5}}},
                ]},
            },
        });
        let wanted = Wanted { schema, definitions, whole: "the body", are_texts: false };
        for (given, told) in [
            (
                json!({"name": "äöü", "roles": ["a"], "days": 9, "kind": null, "deep": {"a": "b"}}),
                "",
            ),
            (json!({"name": null, "form": {"a": "y", "b": 5}}), ""),
            (json!({}), "the body must have the member name"),
            (json!({"name": "abcd"}), "name must have between 2 and 3 characters"),
            (json!({"name": "a"}), "name must have between 2 and 3 characters"),
            (json!({"name": 5}), "name has another type than described"),
            (json!({"name": "ab", "roles": []}), "roles must have between 1 and 2 entries"),
            (json!({"name": "ab", "roles": ["a", "B"]}), "roles[1] must have the form ^[a-z]+$"),
            (json!({"name": "ab", "roles": ["a\n"]}), "roles[0] must have the form ^[a-z]+$"),
            (json!({"name": "ab", "days": 0}), "days must be between 1 and 9"),
            (json!({"name": "ab", "days": 10}), "days must be between 1 and 9"),
            (json!({"name": "ab", "kind": "c"}), "kind must be one of \"a\", \"b\""),
            (json!({"name": "ab", "deep": {"a": ""}}), "deep.a must have at least 1 characters"),
            (json!({"name": "ab", "form": {"a": "y", "b": 6}}), "form.b must be at most 5"),
            (json!({"name": "ab", "other": 1}), "the body must not have the member other"),
        ] {
            let answered = wanted.check(&given).err().map_or_else(String::new, |fault| fault.told);
            assert_eq!(answered, told, "{given}");
        }
        let coded = wanted.check(&json!({"name": "ab", "roles": ["B"]})).unwrap_err();
        assert_eq!(coded.code.as_deref(), Some("invalid_roles"));
        assert_eq!(wanted.check(&json!({"name": "a"})).unwrap_err().code, None);
        let texts = Wanted { are_texts: true, whole: "the parameters", ..wanted };
        for (given, told) in [
            (json!({"name": "12", "days": "9"}), ""),
            (json!({"name": "12", "days": "10"}), "days must be between 1 and 9"),
            (json!({"name": "1"}), "name must have between 2 and 3 characters"),
        ] {
            let answered = texts.check(&given).err().map_or_else(String::new, |fault| fault.told);
            assert_eq!(answered, told, "{given}");
        }
    }
}
