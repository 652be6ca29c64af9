//! Merges the layers and records the source of each value.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use doorward_model::{
    SecretSetting,
    secret_setting::HIDDEN,
    text_list::{self, Separator},
};
use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use doorward_model::nearest::nearest;

use super::{
    Config, ConfigError, ConfigErrors, Fingerprint, Key, Kind, Loaded, Origin,
    keys::{MANY, of_one},
    known_keys,
};

/// The file that is read where none is named.
pub(super) const DEFAULT_FILE: &str = "doorward.toml";

/// The variables of the environment that concern Doorward.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's environment.
    pub fn of_process() -> Self {
        Self::from_pairs(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }
    /// These variables. Those that do not start with `DOORWARD_` or name no section are left out.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let ours = |(name, value): (N, V)| (name.into(), value.into());
        Self(
            pairs
                .into_iter()
                .map(ours)
                .filter(|(name, _)| {
                    name.strip_prefix("DOORWARD_").is_some_and(|rest| rest.contains("__"))
                })
                .collect(),
        )
    }
}

/// Loads the configuration: the file, if there is one, and the environment. A file that is named
/// must exist.
pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Loaded, ConfigErrors> {
    let (path, named) =
        file.map_or_else(|| (PathBuf::from(DEFAULT_FILE), false), |file| (file.to_owned(), true));
    let mut files = Fingerprint::default();
    files.add(&path);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => String::new(),
        Err(error) => {
            return Err(ConfigErrors::from(ConfigError {
                origin: None,
                key: String::new(),
                message: format!(
                    "the configuration file {} cannot be read: {error}; check --config or \
                     DOORWARD_CONFIG",
                    path.display()
                ),
            }));
        }
    };
    let mut loaded = load_text(&text, &path.display().to_string(), environment)?;
    loaded.files.extend(files);
    Ok(loaded)
}

/// Loads a file's text and the environment. With faults in it, the rest is checked too, so that all
/// of them are told at once; a value that has one counts as not given.
pub(super) fn load_text(
    text: &str,
    file: &str,
    environment: &Environment,
) -> Result<Loaded, ConfigErrors> {
    let known = known_keys();
    let mut noted = Noted::default();
    let mut table = read_file(text, file, &known, &mut noted)?;
    let files = overlay(&mut table, environment, &known, &mut noted);
    let Noted { origins, mut faults } = noted;
    let secrets = secrets(&table, &known);
    for key in placeholders(&table, &known) {
        let (section, name) = key.rsplit_once('.').unwrap_or_default();
        remove(&mut table, section, name);
        faults.push(ConfigError {
            origin: origins.get(&key).cloned(),
            key,
            message: format!(
                "cannot end with {HIDDEN}, which is shown in place of secrets; write the secret \
                 itself"
            ),
        });
    }
    let config: Config = table.try_into().map_err(|error: toml::de::Error| ConfigError {
        origin: None,
        key: String::new(),
        message: error.message().to_owned(),
    })?;
    let loaded = Loaded { config, origins, secrets, files };
    if faults.is_empty() {
        return Ok(loaded);
    }
    if let Err(ConfigErrors(mut more)) = loaded.check() {
        // A value with a fault counts as not given, which is no second fault.
        more.retain(|one| one.key.is_empty() || faults.iter().all(|fault| fault.key != one.key));
        faults.extend(more);
    }
    Err(ConfigErrors(faults))
}

/// The secrets of a table, by key.
fn secrets(table: &Table, known: &[Key]) -> BTreeMap<String, SecretSetting> {
    let mut found = BTreeMap::new();
    each_secret(table, known, |key, value| {
        found.insert(key, SecretSetting::from(value.to_string()));
    });
    found
}

/// The secrets that are what is shown in their place.
fn placeholders(table: &Table, known: &[Key]) -> Vec<String> {
    let hidden = |value: &Value| value.as_str().is_some_and(|text| text.ends_with(HIDDEN));
    let mut found = Vec::new();
    each_secret(table, known, |key, value| {
        if hidden(value) || value.as_array().is_some_and(|values| values.iter().any(hidden)) {
            found.push(key);
        }
    });
    found
}

/// Calls `take` with each value of a table that is a secret.
fn each_secret(table: &Table, known: &[Key], mut take: impl FnMut(String, &Value)) {
    let mut section = |name: &str, keys: &Table, known: &[Key]| {
        for key in known.iter().filter(|key| key.secret && key.section == name) {
            if let Some(value) = keys.get(&key.name) {
                take(key.path(), value);
            }
        }
    };
    for (name, value) in table {
        let Value::Table(keys) = value else { continue };
        if !MANY.iter().any(|(family, _)| family == name) {
            section(name, keys, known);
            continue;
        }
        for (one, value) in keys {
            if let Value::Table(keys) = value {
                section(&format!("{name}.{one}"), keys, &of_one(known, name, one));
            }
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The origins of values and the faults that were found.
#[derive(Default)]
struct Noted {
    origins: BTreeMap<String, Origin>,
    faults: Vec<ConfigError>,
}

/// Parses the file and checks every key and its value. Values without a fault are in the table. Text
/// that is not TOML is named with the faults of keys on other lines, and nothing else is checked.
fn read_file(
    text: &str,
    file: &str,
    known: &[Key],
    noted: &mut Noted,
) -> Result<Table, ConfigErrors> {
    let at = |offset: usize| Origin::Line(file.to_owned(), line_of(text, offset));
    let (parsed, errors) = DeTable::parse_recoverable(text);
    let mut malformed: Vec<ConfigError> = Vec::new();
    for error in errors {
        let origin = Some(at(error.span().map_or(0, |span| span.start)));
        if malformed.iter().all(|earlier| earlier.origin != origin) {
            let message = error.message().to_owned();
            malformed.push(ConfigError { origin, key: String::new(), message });
        }
    }
    let Noted { origins, faults } = noted;
    let mut table = Table::new();
    let mut file = File { at: &at, known, origins, faults };
    for (section, value) in parsed.get_ref() {
        let (section, origin) = (section.get_ref().to_string(), at(section.span().start));
        let DeValue::Table(keys) = value.get_ref() else {
            file.faults.push(unknown(Some(origin), &section, known));
            continue;
        };
        if !MANY.iter().any(|(family, _)| *family == section) {
            if let Some(values) = file.section(&section, origin, keys, known) {
                table.insert(section, Value::Table(values));
            }
            continue;
        }
        let mut family = Table::new();
        for (name, value) in keys {
            let (path, origin) = (format!("{section}.{}", name.get_ref()), at(name.span().start));
            let DeValue::Table(keys) = value.get_ref() else {
                let message = format!("write a table [{section}.NAME]; {path} is not a table");
                file.faults.push(ConfigError { origin: Some(origin), key: path, message });
                continue;
            };
            let known = of_one(known, &section, name.get_ref());
            if let Some(values) = file.section(&path, origin, keys, &known) {
                family.insert(name.get_ref().to_string(), Value::Table(values));
            }
        }
        table.insert(section, Value::Table(family));
    }
    if malformed.is_empty() {
        return Ok(table);
    }
    let elsewhere = |fault: &ConfigError| malformed.iter().all(|one| one.origin != fault.origin);
    let more: Vec<ConfigError> = faults.drain(..).filter(elsewhere).collect();
    malformed.extend(more);
    Err(ConfigErrors(malformed))
}

/// The check of a parsed file.
struct File<'a> {
    at: &'a dyn Fn(usize) -> Origin,
    known: &'a [Key],
    origins: &'a mut BTreeMap<String, Origin>,
    faults: &'a mut Vec<ConfigError>,
}

impl File<'_> {
    /// Checks every key of one section. Answers the values without a fault, or nothing for a section
    /// that does not exist.
    fn section(
        &mut self,
        section: &str,
        origin: Origin,
        keys: &DeTable<'_>,
        known: &[Key],
    ) -> Option<Table> {
        let in_section: Vec<&Key> = known.iter().filter(|key| key.section == section).collect();
        if in_section.is_empty() {
            self.faults.push(unknown(Some(origin), section, self.known));
            return None;
        }
        self.origins.insert(section.to_owned(), origin);
        let mut values = Table::new();
        for (name, value) in keys {
            let (path, origin) =
                (format!("{section}.{}", name.get_ref()), (self.at)(name.span().start));
            let Some(key) = in_section.iter().find(|key| key.name == name.get_ref().as_ref())
            else {
                self.faults.push(unknown(Some(origin), &path, known));
                continue;
            };
            match value_of(key.kind, value.get_ref()) {
                Ok(value) => {
                    values.insert(key.name.clone(), value);
                    self.origins.insert(path, origin);
                }
                Err(message) => {
                    self.faults.push(ConfigError { origin: Some(origin), key: path, message });
                }
            }
        }
        Some(values)
    }
}

/// A value of the file, as its key takes it. The error is the demand on it.
fn value_of(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match (kind, value) {
        (Kind::Text, DeValue::String(text)) => Ok(Value::String(text.to_string())),
        (Kind::Number(bounds), DeValue::Integer(number)) => {
            bounds.read(number.as_str(), number.radix()).map(Value::Integer)
        }
        (Kind::Switch, DeValue::Boolean(on)) => Ok(Value::Boolean(*on)),
        (Kind::List, DeValue::Array(items)) => {
            let text = |item: &DeValue<'_>| item.as_str().map(|text| text.to_owned().into());
            let items: Option<Vec<Value>> = items.iter().map(|item| text(item.get_ref())).collect();
            items.map(Value::Array).ok_or_else(|| kind.demand().to_owned())
        }
        _ => Err(kind.demand().to_owned()),
    }
}

/// The keys that the environment may name: all, and those of every provider and upstream that the
/// file or a variable names.
fn with_many(table: &Table, environment: &Environment, known: &[Key]) -> Vec<Key> {
    let mut all: Vec<Key> = known.iter().filter(|key| !key.is_of_many()).cloned().collect();
    for &(family, _) in MANY {
        let in_file =
            table.get(family).and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned();
        let mut names: Vec<String> = in_file.collect();
        let prefix = format!("DOORWARD_{}__", family.to_uppercase());
        for variable in environment.0.keys() {
            let from_variable = variable
                .strip_prefix(&prefix)
                .and_then(|rest| rest.split_once("__"))
                .map(|(name, _)| name.to_lowercase().replace('_', "-"));
            if let Some(name) = from_variable.filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        all.extend(names.iter().flat_map(|name| of_one(known, family, name)));
    }
    all
}

/// Takes a value, or a whole section, out of a table.
fn remove(table: &mut Table, section: &str, name: &str) {
    let mut place = table;
    for part in section.split('.') {
        let Some(Value::Table(inner)) = place.get_mut(part) else {
            return;
        };
        place = inner;
    }
    place.remove(name);
}

/// Puts a value into the table of its section, which may be one of many.
fn put(table: &mut Table, section: &str, name: &str, value: Value) {
    let mut place = table;
    for part in section.split('.') {
        let entry = place.entry(part.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = entry else { return };
        place = inner;
    }
    place.insert(name.to_owned(), value);
}

/// Reads a value as the environment and commands write it. The error is the demand on it.
pub(crate) fn value_from_text(kind: Kind, text: String) -> Result<Value, String> {
    let demand = || kind.demand().to_owned();
    Ok(match kind {
        Kind::Text => Value::String(text),
        Kind::Number(bounds) => Value::Integer(bounds.read(text.trim(), 10)?),
        Kind::Switch => Value::Boolean(text.trim().parse().map_err(|_| demand())?),
        Kind::List => {
            let values = text_list::read(&text, Separator::Comma);
            let values = values.map_err(|fault| fault.to_string())?;
            Value::Array(values.into_iter().map(Value::String).collect())
        }
    })
}

/// Lays the environment over the file. Answers the files that variables name.
fn overlay(
    table: &mut Table,
    environment: &Environment,
    known: &[Key],
    noted: &mut Noted,
) -> Fingerprint {
    let mut files = Fingerprint::default();
    let known = &with_many(table, environment, known);
    // `…_FILE` sorts behind the plain name and so wins over it.
    for (variable, value) in &environment.0 {
        match variable_value(variable, value, known, &mut files) {
            Ok((key, value)) => {
                put(table, &key.section, &key.name, value);
                noted.origins.insert(key.path(), Origin::Variable(variable.clone()));
            }
            Err(fault) => noted.faults.push(fault),
        }
    }
    files
}

/// The key that a variable sets, and its value.
fn variable_value<'a>(
    variable: &str,
    value: &str,
    known: &'a [Key],
    files: &mut Fingerprint,
) -> Result<(&'a Key, Value), ConfigError> {
    let origin = Origin::Variable(variable.to_owned());
    let find = |name: &str| known.iter().find(|key| key.variable() == name);
    let (key, text) = match (find(variable), variable.strip_suffix("_FILE").and_then(find)) {
        (Some(key), _) => (key, value.to_owned()),
        (None, Some(key)) => {
            files.add(Path::new(value));
            let read = std::fs::read_to_string(value);
            let text = read.map_err(|error| ConfigError {
                origin: Some(origin.clone()),
                key: key.path(),
                message: format!("{value}: {error}"),
            })?;
            (key, text.trim_end_matches(['\n', '\r']).to_owned())
        }
        (None, None) => {
            let many = MANY.iter().any(|(family, _)| {
                variable.starts_with(&format!("DOORWARD_{}__", family.to_uppercase()))
            });
            let dots = if many { 2 } else { 1 };
            let path =
                variable.trim_start_matches("DOORWARD_").replacen("__", ".", dots).to_lowercase();
            return Err(unknown(Some(origin), &path, known));
        }
    };
    let value = value_from_text(key.kind, text).map_err(|message| ConfigError {
        origin: Some(origin),
        key: key.path(),
        message,
    })?;
    Ok((key, value))
}

/// An unknown key or section, with the one that was probably meant.
fn unknown(origin: Option<Origin>, path: &str, known: &[Key]) -> ConfigError {
    let is_family = |section: &str| MANY.iter().any(|(family, _)| *family == section);
    let key = path.rsplit_once('.').filter(|(section, _)| !is_family(section));
    let what = if key.is_some() { "key" } else { "section" };
    let meant = key.map_or_else(
        || meant_section(path, known),
        |(section, name)| meant_key(section, name, known),
    );
    let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    ConfigError { origin, key: path.to_owned(), message: format!("is not a {what}{hint}") }
}

/// A key of the same section, or else one of this name in another. If there is no such section: one
/// that is written almost alike.
fn meant_key(section: &str, name: &str, known: &[Key]) -> Option<String> {
    let beside: Vec<&Key> = known.iter().filter(|key| key.section == section).collect();
    if beside.is_empty() {
        return nearest(&format!("{section}.{name}"), known.iter().map(Key::path));
    }
    let near = nearest(name, beside.iter().map(|key| &key.name));
    let near = near.map(|name| format!("{section}.{name}"));
    near.or_else(|| known.iter().find(|key| key.name == name).map(Key::path))
}

/// A section, or else a key that is written outside of its section.
fn meant_section(name: &str, known: &[Key]) -> Option<String> {
    let sections = known.iter().map(|key| key.section.trim_end_matches(".NAME").to_owned());
    nearest(name, sections).or_else(|| {
        let near = nearest(name, known.iter().map(|key| &key.name))?;
        let paths = known.iter().filter(|key| key.name == *near).map(Key::path);
        paths.min_by_key(String::len)
    })
}
