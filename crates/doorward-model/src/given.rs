//! Reading what callers and users give: arguments of tools, settings, parameters and bodies of
//! requests. A fault is told in words that they can act on: which one it is, and what is wanted in
//! its place. The words of the library that reads are for programmers.

mod once;

use std::fmt::{self, Display};

use serde::{
    Deserialize,
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess,
        SeqAccess, Unexpected, VariantAccess, Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value, error::Category};

use self::once::{Once, has_nul};

/// The members that are read, by the name that those who give them have for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// The arguments of a tool.
    Arguments,
    /// Settings. Their values may be secrets, which no fault repeats.
    Settings,
    /// Parameters of a URL or a form, whose values are texts: a number is its digits.
    Parameters,
    /// The body of a request. Its values may be secrets, which no fault repeats.
    Body,
}

impl Members {
    /// All of them.
    const fn whole(self) -> &'static str {
        match self {
            Self::Arguments => "the arguments",
            Self::Settings => "the settings",
            Self::Parameters => "the parameters",
            Self::Body => "the body",
        }
    }

    /// One of them.
    const fn one(self) -> &'static str {
        match self {
            Self::Arguments => "argument",
            Self::Settings => "setting",
            Self::Parameters => "parameter",
            Self::Body => "member",
        }
    }

    /// Reports members that a program sends by a description: each value has exactly the type that
    /// is described. Models and users also write 3.0 for 3.
    const fn are_strict(self) -> bool {
        matches!(self, Self::Parameters | Self::Body)
    }

    /// Reports members whose values a fault may repeat.
    const fn are_shown(self) -> bool {
        matches!(self, Self::Arguments | Self::Parameters)
    }

    /// Reads them into a type.
    ///
    /// # Errors
    ///
    /// Members that do not fit: a sentence about the first fault.
    pub fn read<T: DeserializeOwned>(self, given: Map<String, Value>) -> Result<T, String> {
        let value = Value::Object(given);
        if self.are_strict() && has_nul(&value) {
            let whole = self.whole();
            return Err(format!("{whole} must not contain the character NUL"));
        }
        let how = How { is_text: self == Self::Parameters, is_strict: self.are_strict() };
        T::deserialize(Given { value, how }).map_err(|fault| fault.sentence(self))
    }

    /// Reads them from JSON into a type. A member that is given twice is refused.
    ///
    /// # Errors
    ///
    /// A text that is not a JSON object, and members that do not fit: a sentence about the first
    /// fault.
    pub fn read_json<T: DeserializeOwned>(self, text: &[u8]) -> Result<T, String> {
        let whole = self.whole();
        let unread = |fault: serde_json::Error| match fault.classify() {
            Category::Eof => format!("{whole} ended before its JSON did"),
            Category::Syntax | Category::Io => format!(
                "{whole} must be JSON, which breaks off in line {}, column {}",
                fault.line(),
                fault.column()
            ),
            Category::Data => format!("{whole} must have each {} once", self.one()),
        };
        match serde_json::from_slice(text).map_err(unread)? {
            Once(Value::Object(given)) => self.read(given),
            Once(_) => Err(format!("{whole} must be a JSON object")),
        }
    }
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
    Other { wanted: String, given: String, kind: &'static str },
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
    crate::foreign::line(text, MOST_SHOWN).into_owned()
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

    fn sentence(&self, of_all: Members) -> String {
        let one = of_all.one();
        let of = |place: &str| {
            if place.is_empty() { String::new() } else { format!(" of {place}") }
        };
        let named = |name: &str| {
            if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
        };
        let subject = if self.place.is_empty() { of_all.whole() } else { self.place.as_str() };
        match &self.wrong {
            Wrong::Other { wanted, given, kind } => {
                let given = if of_all.are_shown() { given } else { *kind };
                format!("{subject} must be {wanted}, not {given}")
            }
            Wrong::Missing(name) => format!("{} is missing", named(name)),
            Wrong::Unknown { name, known: [] } => {
                format!("there is no {one} {}{}: none is taken", shown(name), of(&self.place))
            }
            Wrong::Unknown { name, known } => format!(
                "there is no {one} {}{}; possible are {}",
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
        to.write_str(&self.sentence(Members::Arguments))
    }
}

impl std::error::Error for Fault {}

/// A value in the words of JSON.
fn given(value: Unexpected<'_>) -> String {
    match value {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        // With its point: 3.0 is refused because it is written as a fraction.
        Unexpected::Float(number) => format!("{number:?}"),
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

/// The kind of a value in the words of JSON.
fn kind(value: &Unexpected<'_>) -> &'static str {
    match value {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "this number",
        Unexpected::Char(_) | Unexpected::Str(_) => "this text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::NewtypeStruct
        | Unexpected::Map
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant => "an object",
        Unexpected::Other(_) => "this value",
    }
}

/// The wanted value in the words of JSON: types of the language mean nothing to those who give it.
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
        let kind = kind(&value);
        Self::of(Wrong::Other { wanted: wanted(expected), given: given(value), kind })
    }
    fn invalid_value(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(value, expected)
    }
    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let given = format!("one of {length} parts");
        Self::of(Wrong::Other { wanted: wanted(expected), given, kind: "this number of parts" })
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

/// The way in which values are read.
#[derive(Clone, Copy)]
struct How {
    /// They were written as texts, whatever they state.
    is_text: bool,
    /// A number with a fraction is no whole number.
    is_strict: bool,
}

/// A value that is read, whose faults are [`Fault`]s.
struct Given {
    value: Value,
    how: How,
}

impl Given {
    /// A name, which is a text.
    const fn name(name: String) -> Self {
        Self { value: Value::String(name), how: How { is_text: false, is_strict: true } }
    }

    /// The value that a text states, where one of another type is wanted.
    fn stated(self) -> Self {
        let value = match self.value {
            Value::String(text) if self.how.is_text => {
                // In its usual form only.
                let is_usual = |value: &Value| {
                    (value.is_number() || value.is_boolean()) && format!("{value}") == text
                };
                let value = serde_json::from_str(&text).ok().filter(is_usual);
                value.unwrap_or(Value::String(text))
            }
            other => other,
        };
        Self { value, how: How { is_text: false, ..self.how } }
    }
}

/// Reads the value that a text states, for these types.
macro_rules! read_stated {
    ($($read:ident)+) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.stated().deserialize_any(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for Given {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(text) => visitor.visit_string(text),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => {
                    let number = number.as_f64().unwrap_or_default();
                    // Models and users write 3.0 for 3. A whole one is printed without a fraction.
                    match number.to_string().parse() {
                        Ok(whole) if !self.how.is_strict => visitor.visit_i64(whole),
                        _ => visitor.visit_f64(number),
                    }
                }
            },
            Value::Array(items) => {
                let rest = items.into_iter();
                visitor.visit_seq(Items { rest, next: 0, how: self.how })
            }
            Value::Object(members) => {
                let members = members.into_iter();
                visitor.visit_map(Named { members, value: None, how: self.how })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
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
        match self.value {
            Value::String(name) => visitor.visit_enum(Variant { name, value: None, how: self.how }),
            Value::Object(members) if members.len() == 1 => {
                let (name, value) = members.into_iter().next().unwrap_or_default();
                visitor.visit_enum(Variant { name, value: Some(value), how: self.how })
            }
            value => Self { value, ..self }.deserialize_any(visitor),
        }
    }

    read_stated! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// The items of a list.
struct Items {
    rest: std::vec::IntoIter<Value>,
    next: usize,
    how: How,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.rest.next() else { return Ok(None) };
        let step = format!("[{}]", self.next);
        self.next += 1;
        let given = Given { value: item, how: self.how };
        seed.deserialize(given).map(Some).map_err(|fault| fault.within(&step))
    }
}

/// The members of an object, in turn.
struct Named {
    members: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
    how: How,
}

impl<'de> MapAccess<'de> for Named {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some((name.clone(), value));
        seed.deserialize(Given::name(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.value.take().unwrap_or_default();
        let given = Given { value, how: self.how };
        seed.deserialize(given).map_err(|fault| fault.within(&shown(&name)))
    }
}

/// One of several forms.
struct Variant {
    name: String,
    value: Option<Value>,
    how: How,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Fault;
    type Variant = Given;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Given), Fault> {
        let form = seed.deserialize(Given::name(self.name))?;
        Ok((form, Given { value: self.value.unwrap_or_default(), how: self.how }))
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
mod tests;
