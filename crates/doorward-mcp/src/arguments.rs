//! Reading the arguments of a built-in tool, with faults in words that a model can act on: which
//! argument, and what is wanted in its place.

use std::fmt::{self, Display};

use serde::{
    Deserialize,
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess,
        SeqAccess, Unexpected, VariantAccess, Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

/// Reads the arguments of a call.
///
/// # Errors
///
/// Arguments that do not fit: a sentence about the first fault.
pub fn read_arguments<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, String> {
    T::deserialize(Given(Value::Object(arguments))).map_err(|fault| fault.sentence())
}

/// A fault, and where it is.
#[derive(Debug)]
struct Fault {
    /// The argument, and the place in it, as `known[2].name`.
    place: String,
    wrong: Wrong,
}

#[derive(Debug)]
enum Wrong {
    /// It has another type or value than is wanted.
    Other { wanted: String, given: String },
    /// An argument is missing.
    Missing(String),
    /// There is no such argument; those that there are.
    Unknown { name: String, known: &'static [&'static str] },
    /// It is none of these.
    NotOne { given: String, known: &'static [&'static str] },
    /// It is given under two names.
    Twice(String),
    /// A type says in its own words what is wrong.
    Said(String),
}

/// The longest value that a fault repeats.
const MOST_SHOWN: usize = 60;

fn shown(text: &str) -> String {
    doorward_model::foreign::line(text, MOST_SHOWN).into_owned()
}

impl Fault {
    fn of(wrong: Wrong) -> Self {
        Self { place: String::new(), wrong }
    }

    /// Puts a step in front of the place.
    fn within(mut self, step: &str) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("{step}{dot}{}", self.place);
        self
    }

    fn sentence(&self) -> String {
        let of = |place: &str| {
            if place.is_empty() { String::new() } else { format!(" of {place}") }
        };
        let named = |name: &str| {
            if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
        };
        let subject = if self.place.is_empty() { "the arguments" } else { self.place.as_str() };
        match &self.wrong {
            Wrong::Other { wanted, given } => format!("{subject} must be {wanted}, not {given}"),
            Wrong::Missing(name) => format!("{} is missing", named(name)),
            Wrong::Unknown { name, known: [] } => {
                format!("there is no argument {}{}: none is taken", shown(name), of(&self.place))
            }
            Wrong::Unknown { name, known } => format!(
                "there is no argument {}{}; possible are {}",
                shown(name),
                of(&self.place),
                known.join(", ")
            ),
            Wrong::NotOne { given, known } => {
                format!("{subject} must be one of {}, not {given}", known.join(", "))
            }
            Wrong::Twice(name) => format!("{} is given twice", named(name)),
            Wrong::Said(words) => format!("{subject}: {words}"),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.sentence())
    }
}

impl std::error::Error for Fault {}

/// A value in the words of JSON.
fn given(value: Unexpected<'_>) -> String {
    match value {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Char(letter) => format!("\"{}\"", shown(&letter.to_string())),
        Unexpected::Str(text) => format!("\"{}\"", shown(text)),
        Unexpected::Bytes(_) => "bytes".to_owned(),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::NewtypeStruct
        | Unexpected::Map
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant => "an object".to_owned(),
        Unexpected::Other(_) => "this value".to_owned(),
    }
}

/// The wanted value in the words of JSON: types of the language mean nothing to a model.
fn wanted(expected: &dyn Expected) -> String {
    let told = expected.to_string();
    match told.as_str() {
        "a string" | "a borrowed string" | "string" | "str" => "a text",
        "a character" | "char" => "one letter",
        "a boolean" | "bool" => "true or false",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64"
        | "a nonzero usize" => "a whole number of 1 or more",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        "option" => "another value",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("enum ") || other.contains("variant") => "one of its values",
        other if other.starts_with("a tuple") || other.starts_with("an array") => "a list",
        other => other,
    }
    .to_owned()
}

impl de::Error for Fault {
    fn custom<T: Display>(told: T) -> Self {
        Self::of(Wrong::Said(told.to_string()))
    }
    fn invalid_type(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(Wrong::Other { wanted: wanted(expected), given: given(value) })
    }
    fn invalid_value(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(value, expected)
    }
    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let given = format!("one of {length} parts");
        Self::of(Wrong::Other { wanted: wanted(expected), given })
    }
    fn unknown_variant(value: &str, known: &'static [&'static str]) -> Self {
        Self::of(Wrong::NotOne { given: format!("\"{}\"", shown(value)), known })
    }
    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::of(Wrong::Unknown { name: name.to_owned(), known })
    }
    fn missing_field(name: &'static str) -> Self {
        Self::of(Wrong::Missing(name.to_owned()))
    }
    fn duplicate_field(name: &'static str) -> Self {
        Self::of(Wrong::Twice(name.to_owned()))
    }
}

/// A value that is read, whose faults are [`Fault`]s.
struct Given(Value);

impl<'de> Deserializer<'de> for Given {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(text) => visitor.visit_string(text),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                // JSON has one kind of numbers: 3.0 is 3.
                (None, None) => {
                    let number = number.as_f64().unwrap_or_default();
                    // A whole one is written without a fraction.
                    match number.to_string().parse() {
                        Ok(whole) => visitor.visit_i64(whole),
                        Err(_) => visitor.visit_f64(number),
                    }
                }
            },
            Value::Array(items) => visitor.visit_seq(Items { items: items.into_iter(), next: 0 }),
            Value::Object(members) => {
                visitor.visit_map(Members { members: members.into_iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Variant { name, value: None }),
            Value::Object(members) if members.len() == 1 => {
                let (name, value) = members.into_iter().next().unwrap_or_default();
                visitor.visit_enum(Variant { name, value: Some(value) })
            }
            other => Self(other).deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list.
struct Items {
    items: std::vec::IntoIter<Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let step = format!("[{}]", self.next);
        self.next += 1;
        seed.deserialize(Given(item)).map(Some).map_err(|fault| fault.within(&step))
    }
}

/// The members of an object, in turn.
struct Members {
    members: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some((name.clone(), value));
        seed.deserialize(Given(Value::String(name))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Given(value)).map_err(|fault| fault.within(&shown(&name)))
    }
}

/// One of several forms.
struct Variant {
    name: String,
    value: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Fault;
    type Variant = Given;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Given), Fault> {
        let form = seed.deserialize(Given(Value::String(self.name)))?;
        Ok((form, Given(self.value.unwrap_or_default())))
    }
}

impl<'de> VariantAccess<'de> for Given {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Deserialize::deserialize(self)
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Has every kind of argument.
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct All {
        #[serde(alias = "label")]
        name: String,
        #[serde(default)]
        count: u32,
        #[serde(default)]
        change: Option<i64>,
        #[serde(default)]
        share: f64,
        #[serde(default)]
        quick: bool,
        #[serde(default)]
        tags: Vec<String>,
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(default)]
        free: Map<String, Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Part {
        form: Form,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Form {
        Round,
        Square,
        Other { sides: u8 },
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct NoArguments {}

    fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, String> {
        read_arguments(arguments.as_object().unwrap().clone())
    }

    #[test]
    fn each_fault_names_its_argument_and_what_is_wanted() {
        for (arguments, told) in [
            (json!({}), "name is missing"),
            (json!({"name": 5}), "name must be a text, not 5"),
            (json!({"name": null}), "name must be a text, not null"),
            (json!({"label": ["a"]}), "label must be a text, not a list"),
            (json!({"name": "a", "label": "b"}), "name is given twice"),
            (
                json!({"name": "a", "nmae": 1}),
                "there is no argument nmae; possible are label, name, count, change, share, quick, tags, parts, free",
            ),
            (
                json!({"name": "a", "count": "5"}),
                "count must be a whole number from 0 to 4294967295, not \"5\"",
            ),
            (
                json!({"name": "a", "count": -1}),
                "count must be a whole number from 0 to 4294967295, not -1",
            ),
            (
                json!({"name": "a", "count": 1.5}),
                "count must be a whole number from 0 to 4294967295, not 1.5",
            ),
            (
                json!({"name": "a", "count": 5_000_000_000_u64}),
                "count must be a whole number from 0 to 4294967295, not 5000000000",
            ),
            (json!({"name": "a", "change": {}}), "change must be a whole number, not an object"),
            (json!({"name": "a", "share": "1"}), "share must be a number, not \"1\""),
            (json!({"name": "a", "quick": "yes"}), "quick must be true or false, not \"yes\""),
            (json!({"name": "a", "tags": "x"}), "tags must be a list, not \"x\""),
            (json!({"name": "a", "tags": ["x", 7]}), "tags[1] must be a text, not 7"),
            (json!({"name": "a", "parts": [{}]}), "parts[0].form is missing"),
            (json!({"name": "a", "parts": ["x"]}), "parts[0] must be an object, not \"x\""),
            (
                json!({"name": "a", "parts": [{"form": "round"}, {"form": "oval"}]}),
                "parts[1].form must be one of round, square, other, not \"oval\"",
            ),
            (
                json!({"name": "a", "parts": [{"form": {"other": {"sides": 300}}}]}),
                "parts[0].form.sides must be a whole number from 0 to 255, not 300",
            ),
            (json!({"name": "a", "free": []}), "free must be an object, not a list"),
        ] {
            assert_eq!(read::<All>(&arguments).unwrap_err(), told, "{arguments}");
        }
        let none = read::<NoArguments>(&json!({"a\u{202e}b": 1})).unwrap_err();
        assert!(none.starts_with("there is no argument a"), "{none}");
        assert!(none.ends_with("none is taken") && !none.contains('\u{202e}'), "{none}");
        let long = read::<All>(&json!({"name": "a", "count": "x".repeat(5000)})).unwrap_err();
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn what_fits_is_read() {
        let all: All = read(&json!({
            "label": "a", "count": 3.0, "change": -4, "share": 1, "quick": true, "tags": ["x"],
            "parts": [{"form": "square"}, {"form": {"other": {"sides": 5}}}], "free": {"b": [null]},
        }))
        .unwrap();
        assert_eq!((all.name.as_str(), all.count, all.change), ("a", 3, Some(-4)));
        assert_eq!(all.parts[1].form, Form::Other { sides: 5 });
        assert_eq!(all.free["b"], json!([null]));
        let least: All = read(&json!({"name": "", "change": null})).unwrap();
        assert_eq!((least.change, least.tags.len()), (None, 0));
        assert!(read::<NoArguments>(&json!({})).is_ok());
    }
}
