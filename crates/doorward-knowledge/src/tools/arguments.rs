//! Arguments of the tools.

use doorward_model::Members;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::Refusal;
use crate::{
    dates,
    format::Format,
    query::{Filter, MOST_BYTES},
};

/// Maximum number of results of one page.
pub(super) const MOST: usize = 200;
/// The deepest page.
const MOST_OFFSET: usize = 10_000;

/// Takes the members of these names out of the arguments. Those that are left are the tool's own.
fn take<T: DeserializeOwned>(
    arguments: &mut Map<String, Value>,
    names: &[&str],
) -> Result<T, Refusal> {
    read(names.iter().filter_map(|name| arguments.remove_entry(*name)).collect())
}

/// Refuses an argument that the schema of a tool does not have, and names those that it has.
pub(super) fn known(schema: &Value, arguments: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(members) = schema.get("properties").and_then(Value::as_object) else { return Ok(()) };
    let Some(unknown) = arguments.keys().find(|name| !members.contains_key(*name)) else {
        return Ok(());
    };
    let possible: Vec<&str> = members.keys().map(String::as_str).collect();
    let unknown = doorward_model::foreign::line(unknown, 60);
    let told = if possible.is_empty() {
        format!("there is no argument {unknown}: none is taken")
    } else {
        format!("there is no argument {unknown}; possible are {}", possible.join(", "))
    };
    Err(Refusal::Arguments(told))
}

/// Reads arguments.
pub(super) fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Refusal> {
    Members::Arguments.read(arguments).map_err(Refusal::Arguments)
}

/// The conditions that several tools take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Conditions {
    pub(super) folder: Option<String>,
    pub(super) format: Option<String>,
    pub(super) modified_after: Option<String>,
    pub(super) modified_before: Option<String>,
}

impl Conditions {
    /// Takes the conditions out of the arguments, as a part of a query.
    pub(super) fn take(arguments: &mut Map<String, Value>) -> Result<Filter, Refusal> {
        let names = ["folder", "format", "modified_after", "modified_before"];
        take::<Self>(arguments, &names)?.filter()
    }

    fn filter(&self) -> Result<Filter, Refusal> {
        let date = |text: &Option<String>, name: &str, read: fn(&str) -> Option<i64>| {
            let Some(text) = text else { return Ok(None) };
            read(text).map(Some).ok_or_else(|| {
                Refusal::Arguments(format!("{name}: {text:?} is not a date like 2026-01-31"))
            })
        };
        let format = match &self.format {
            None => None,
            Some(name) => Some(Format::parse(name).ok_or_else(|| {
                let known = Format::ALL.map(Format::as_str).join(", ");
                Refusal::Arguments(format!("format: {name:?} is not one of {known}"))
            })?),
        };
        let folder = self.folder.as_deref().map(|folder| folder.trim_matches('/').to_owned());
        Ok(Filter {
            folder: folder.filter(|folder| !folder.is_empty()),
            format,
            modified: (
                date(&self.modified_after, "modified_after", dates::end)?,
                date(&self.modified_before, "modified_before", dates::begin)?,
            ),
            id: None,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Paging {
    limit: Option<usize>,
    offset: usize,
}

/// A page of results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// The number of results before it.
    pub(super) offset: usize,
    /// Maximum number of results of it.
    pub(super) limit: usize,
}

impl Page {
    /// Takes the page out of the arguments, with the number of results unless they state one.
    pub(super) fn take(
        arguments: &mut Map<String, Value>,
        otherwise: usize,
    ) -> Result<Self, Refusal> {
        let Paging { limit, offset } = take(arguments, &["limit", "offset"])?;
        if offset > MOST_OFFSET {
            return Err(Refusal::Arguments(format!(
                "offset must be at most {MOST_OFFSET}; use conditions to find less"
            )));
        }
        Ok(Self { offset, limit: within(limit, otherwise)? })
    }

    /// The offset of the next page, if there is one.
    pub(super) fn next(self, shown: usize, total: usize) -> Value {
        let next = self.offset + shown;
        if shown > 0 && next < total && next <= MOST_OFFSET { json!(next) } else { Value::Null }
    }
}

/// The number of results.
pub(super) fn within(limit: Option<usize>, otherwise: usize) -> Result<usize, Refusal> {
    let limit = limit.unwrap_or(otherwise);
    if limit == 0 || limit > MOST {
        return Err(Refusal::Arguments(format!("limit must be from 1 to {MOST}")));
    }
    Ok(limit)
}

/// Refuses a query that is too long.
pub(super) fn short(text: &str, name: &str) -> Result<(), Refusal> {
    if text.len() > MOST_BYTES {
        return Err(Refusal::Arguments(format!("{name} must have at most {MOST_BYTES} bytes")));
    }
    Ok(())
}

/// The schema of an object with these properties.
pub(super) fn object(required: &[&str], properties: Value, with: &[Value]) -> Value {
    let mut all = properties;
    if let Value::Object(all) = &mut all {
        for more in with {
            if let Value::Object(more) = more {
                all.extend(more.clone());
            }
        }
    }
    json!({
        "type": "object", "properties": all, "required": required, "additionalProperties": false
    })
}

/// The properties of [`Conditions`].
pub(super) fn conditions() -> Value {
    json!({
        "folder": {"type": "string", "description": "Only documents in this folder, or this document, by its path."},
        "format": {"type": "string", "enum": Format::ALL.map(Format::as_str)},
        "modified_after": {"type": "string", "description": "Only documents that changed after this day, like 2026-01-31."},
        "modified_before": {"type": "string", "description": "Only documents that changed before this day."}
    })
}

/// The properties of a [`Page`].
pub(super) fn paging() -> Value {
    json!({
        "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "Maximum number of results."},
        "offset": {"type": "integer", "minimum": 0, "maximum": MOST_OFFSET, "description": "How many results to skip: next_offset of the page before."}
    })
}
