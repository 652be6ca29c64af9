//! The table of all keys, read off the schema of [`Config`]: one source for checks, hints and the
//! reference.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use super::Config;

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number within the bounds of its type.
    Number(Bounds),
    /// `true` or `false`.
    Switch,
    /// A list of texts.
    List,
}

impl Kind {
    /// The demand on a value of this kind, as an error states it.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Text => "must be a string",
            Self::Number(_) => "must be a whole number",
            Self::Switch => "must be true or false",
            Self::List => "must be a list of strings",
        }
    }
}

/// The whole numbers that a key takes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    least: i64,
    most: i64,
}

impl Bounds {
    /// The bounds of a type, by its schema. A type without any has those of TOML.
    fn of(schema: &Value) -> Self {
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        let most = match schema.get("format").and_then(Value::as_str) {
            Some("uint32") => i64::from(u32::MAX),
            Some("int32") => i64::from(i32::MAX),
            _ => i64::MAX,
        };
        Self { least: bound("minimum").unwrap_or(i64::MIN), most: bound("maximum").unwrap_or(most) }
    }

    /// Reads a number. The error is the demand on it.
    pub(super) fn read(self, digits: &str, radix: u32) -> Result<i64, String> {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let Self { least, most } = self;
        match i64::from_str_radix(digits, radix) {
            Ok(number) if (least..=most).contains(&number) => return Ok(number),
            Err(error) if !matches!(error.kind(), NegOverflow | PosOverflow) => {
                return Err(Kind::Number(self).demand().to_owned());
            }
            Ok(_) | Err(_) => {}
        }
        Err(if digits.starts_with('-') {
            format!("must be a whole number of {least} or more, not {digits}")
        } else {
            format!("must be a whole number of {most} or less, and this one is larger")
        })
    }
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its section.
    pub section: String,
    /// The subject of the section.
    pub section_description: String,
    /// Its name in the section.
    pub name: String,
    /// Its contents.
    pub kind: Kind,
    /// True if its value is a secret, which is never printed.
    pub secret: bool,
    /// Its meaning.
    pub description: String,
    /// Its default, as TOML.
    pub default: String,
}

impl Key {
    /// `section.key`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
    /// True if it represents the key of each of many tables.
    pub(super) fn is_of_many(&self) -> bool {
        MANY.iter().any(|(_, section)| *section == self.section)
    }
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!(
            "DOORWARD_{}__{}",
            self.section.to_uppercase().replace('.', "__").replace('-', "_"),
            self.name.to_uppercase()
        )
    }
}

/// The JSON Schema of the configuration.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    SchemaGenerator::new(settings).into_root_schema_for::<Config>().to_value()
}

fn words(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

fn kind(schema: &Value) -> Kind {
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => Kind::Number(Bounds::of(schema)),
        Some("boolean") => Kind::Switch,
        Some("array") => Kind::List,
        _ => Kind::Text,
    }
}

/// A secret's schema says that it is never shown; in a list, that of its items.
fn is_secret(schema: &Value) -> bool {
    let hidden = |schema: &Value| schema.get("writeOnly").and_then(Value::as_bool) == Some(true);
    hidden(schema) || schema.get("items").is_some_and(hidden)
}

/// The sections that may be repeated, such as `[providers.NAME]`. The table of keys has each once,
/// under this name.
pub const PROVIDERS: &str = "providers.NAME";
/// The same for upstreams.
pub const UPSTREAMS: &str = "upstreams.NAME";
/// The same for connectors.
#[cfg(feature = "connectors")]
pub(super) const CONNECTORS: &str = "connectors.NAME";
/// All of them, by the word with which their names begin.
pub(super) const MANY: &[(&str, &str)] = &[
    ("providers", PROVIDERS),
    ("upstreams", UPSTREAMS),
    #[cfg(feature = "connectors")]
    ("connectors", CONNECTORS),
];

/// The keys of one of many, such as the provider of this name.
pub(super) fn of_one(known: &[Key], family: &str, name: &str) -> Vec<Key> {
    let (section, template) = (format!("{family}.{name}"), format!("{family}.NAME"));
    known
        .iter()
        .filter(|key| key.section == template)
        .map(|key| Key { section: section.clone(), ..key.clone() })
        .collect()
}

/// All keys that have a value in this configuration: those of each of its providers among them.
pub fn in_force(config: &Config) -> Vec<Key> {
    let known = all();
    let providers = config.providers.keys().flat_map(|name| of_one(&known, "providers", name));
    let upstreams = config.upstreams.keys().flat_map(|name| of_one(&known, "upstreams", name));
    let one_of_a_kind = known.iter().filter(|key| !key.is_of_many()).cloned();
    let all = one_of_a_kind.chain(providers).chain(upstreams);
    #[cfg(feature = "connectors")]
    let all =
        all.chain(config.connectors.keys().flat_map(|name| of_one(&known, "connectors", name)));
    all.collect()
}

/// All keys in the order of their sections.
pub fn all() -> Vec<Key> {
    let (schema, defaults) =
        (schema(), serde_json::to_value(Config::default()).unwrap_or_default());
    let empty = serde_json::Map::new();
    let sections = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let mut keys = Vec::new();
    let provider =
        serde_json::to_value(doorward_federation::ProviderConfig::default()).unwrap_or_default();
    let upstream =
        serde_json::to_value(doorward_gateway::UpstreamConfig::default()).unwrap_or_default();
    #[cfg(feature = "connectors")]
    let connector =
        serde_json::to_value(doorward_connectors::ConnectorConfig::default()).unwrap_or_default();
    for (section, section_schema) in sections {
        // A section of which there may be many describes one of them.
        let (section, section_schema, defaults) = match section_schema
            .get("additionalProperties")
            .filter(|one| one.is_object())
        {
            Some(one) if section == "upstreams" => (UPSTREAMS.to_owned(), one, Some(&upstream)),
            #[cfg(feature = "connectors")]
            Some(one) if section == "connectors" => (CONNECTORS.to_owned(), one, Some(&connector)),
            Some(one) => (PROVIDERS.to_owned(), one, Some(&provider)),
            None => (section.clone(), section_schema, defaults.get(section)),
        };
        for (name, key_schema) in
            section_schema.get("properties").and_then(Value::as_object).unwrap_or(&empty)
        {
            let default = defaults
                .and_then(|section| section.get(name))
                .map(ToString::to_string)
                .unwrap_or_default();
            keys.push(Key {
                section: section.clone(),
                section_description: words(section_schema),
                name: name.clone(),
                kind: kind(key_schema),
                secret: is_secret(key_schema),
                description: words(key_schema),
                default,
            });
        }
    }
    keys
}
