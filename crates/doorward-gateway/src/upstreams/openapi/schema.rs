//! Schemas of a document with their references put in their places, within the budget of one schema
//! and of the whole document.

use doorward_transport::{Budget, budget::Exceeded};
use serde_json::{Map, Value, json};

use super::document::Reader;

/// How deep references are followed, and the most bytes of one schema; what is deeper or longer
/// takes anything.
const MOST_DEPTH: usize = 16;
const MOST_SCHEMA: usize = 48 * 1024;

/// Why a schema is not written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// This one is too large.
    Schema,
    /// What may be looked at for the whole document is used up.
    Document,
}

impl From<Exceeded> for Stop {
    fn from(_: Exceeded) -> Self {
        Self::Document
    }
}

/// A schema with its references put in their places, in the dialect of JSON Schema 2020-12. A
/// schema that is too large takes anything.
pub(super) fn written_out<'a>(reader: &Reader<'a>, schema: &'a Value) -> Result<Value, Stop> {
    // Charged while it grows, with some room: what counts is the length of the result.
    let mut writing = Writing {
        reader,
        left: Budget::new(2 * MOST_SCHEMA, 2 * MOST_SCHEMA, MOST_DEPTH),
        path: Vec::new(),
    };
    match writing.inline(schema, 0) {
        Ok(made) if made.to_string().len() <= MOST_SCHEMA => Ok(made),
        Ok(_) | Err(Stop::Schema) => Ok(json!({"description": "Too large to be described here."})),
        Err(Stop::Document) => Err(Stop::Document),
    }
}

/// Charges a value and all that is in it, and stops where `charge` fails.
pub(super) fn weigh<E>(
    value: &Value,
    charge: &mut impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => charge(1, 1),
        Value::String(text) => charge(text.len() + 2, 1),
        Value::Array(items) => {
            charge(2, 1)?;
            items.iter().try_for_each(|item| weigh(item, charge))
        }
        Value::Object(members) => {
            charge(2, 1)?;
            members.iter().try_for_each(|(name, value)| {
                charge(name.len() + 3, 0)?;
                weigh(value, charge)
            })
        }
    }
}

struct Writing<'r, 'a> {
    reader: &'r Reader<'a>,
    left: Budget,
    path: Vec<&'a str>,
}

impl<'a> Writing<'_, 'a> {
    /// Takes from this schema's budget and from that of the document.
    fn charge(&mut self, bytes: usize, values: usize) -> Result<(), Stop> {
        self.reader.charge(bytes, values)?;
        self.left.charge(bytes, values).map_err(|_| Stop::Schema)
    }

    fn copy(&mut self, value: &Value) -> Result<Value, Stop> {
        weigh(value, &mut |bytes, values| self.charge(bytes, values))?;
        Ok(value.clone())
    }

    fn inline(&mut self, schema: &'a Value, depth: usize) -> Result<Value, Stop> {
        if depth > MOST_DEPTH {
            return Ok(json!({}));
        }
        match schema {
            Value::Object(members) => match members.get("$ref").and_then(Value::as_str) {
                Some(reference) => self.follow(reference, depth),
                None => self.object(members, depth),
            },
            Value::Array(items) => {
                self.charge(2, 1)?;
                items
                    .iter()
                    .map(|item| self.inline(item, depth + 1))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            other => self.copy(other),
        }
    }

    fn follow(&mut self, reference: &'a str, depth: usize) -> Result<Value, Stop> {
        self.reader.charge(reference.len(), 1)?;
        // What contains itself takes anything there: written out once more, such schemas grow
        // beyond all measure.
        if self.path.contains(&reference) {
            return Ok(json!({}));
        }
        self.path.push(reference);
        let made = self.inline(self.reader.find(reference), depth + 1);
        self.path.pop();
        made
    }

    fn object(&mut self, members: &'a Map<String, Value>, depth: usize) -> Result<Value, Stop> {
        self.charge(2, 1)?;
        let mut made = Map::new();
        for (name, value) in members {
            let kept = match name.as_str() {
                "discriminator" | "xml" | "externalDocs" | "example" | "examples" | "nullable"
                | "readOnly" | "writeOnly" | "deprecated" => None,
                "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => None,
                "properties" | "patternProperties" | "$defs" => {
                    let mut inner = Map::new();
                    for (name, value) in value.as_object().into_iter().flatten() {
                        self.charge(name.len() + 3, 1)?;
                        inner.insert(name.clone(), self.inline(value, depth + 1)?);
                    }
                    Some(Value::Object(inner))
                }
                "enum" | "const" | "default" | "required" | "type" | "title" | "description"
                | "format" | "pattern" => Some(self.copy(value)?),
                name if name.starts_with("x-") => None,
                _ => Some(self.inline(value, depth + 1)?),
            };
            match kept {
                Some(value) => {
                    self.charge(name.len() + 3, 0)?;
                    made.insert(name.clone(), value);
                }
                // Skipping is work too.
                None => self.reader.charge(name.len(), 1)?,
            }
        }
        if self.reader.old {
            modernise(members, &mut made);
        }
        Ok(Value::Object(made))
    }
}

/// OpenAPI 3.0 has words of its own for what JSON Schema says otherwise.
fn modernise(members: &Map<String, Value>, made: &mut Map<String, Value>) {
    if members.get("nullable") == Some(&Value::Bool(true)) {
        if let Some(Value::String(kind)) = made.get("type").cloned() {
            made.insert("type".to_owned(), json!([kind, "null"]));
        }
        if let Some(Value::Array(values)) = made.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")]
    {
        if members.get(exclusive) == Some(&Value::Bool(true))
            && let Some(bound) = made.remove(inclusive)
        {
            made.insert(exclusive.to_owned(), bound);
        }
    }
}
