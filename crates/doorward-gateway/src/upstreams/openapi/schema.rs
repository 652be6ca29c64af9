//! Schemas of a document with their references resolved, in the dialect of JSON Schema 2020-12,
//! within the budget of one schema and of the whole document. The result is a valid schema for any
//! document: clients discard a whole list of tools for one invalid schema.

use std::collections::BTreeSet;

use doorward_transport::Budget;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    keywords,
    reader::Reader,
    subtypes,
    values::switch,
    weight::{Stop, weigh},
};
use crate::{
    json_schema::{self, Form},
    left_out::Why,
};

/// The greatest depth of followed references, and the most bytes of one schema; deeper or longer
/// parts accept any value.
const MOST_DEPTH: usize = 16;
const MOST_SCHEMA: usize = 48 * 1024;
/// The greatest depth at which the parts of one object are searched for read-only members.
const MOST_PARTS: usize = 6;

/// The depth down to which subtypes are written out, and the most bytes of the subtypes of one
/// schema.
const MOST_SUBTYPES_DEPTH: usize = 3;
const MOST_SUBTYPES: usize = 16 * 1024;

/// A schema with its references resolved. A schema that is too large accepts any value.
pub(super) fn written_out<'a>(reader: &Reader<'a>, schema: &'a Value) -> Result<Value, Stop> {
    let alone = schema.as_object().filter(|members| members.len() == 1);
    let reference = alone.and_then(|members| members.get("$ref")).and_then(Value::as_str);
    let too_large = || {
        reader.note("a schema", Why::Unreadable);
        Ok(json!({"description": "Too large to be described here."}))
    };
    if reference.is_some_and(|reference| reader.large.borrow().contains(reference)) {
        reader.charge(0, 1)?;
        return too_large();
    }
    // Charged while it grows, with some margin: the length of the result counts.
    let mut writing = Writing {
        reader,
        left: Budget::new(2 * MOST_SCHEMA, 2 * MOST_SCHEMA, MOST_DEPTH),
        path: Vec::new(),
        around: Vec::new(),
    };
    match writing.schema(schema, 0, &BTreeSet::new()) {
        Ok(made) if made.to_string().len() <= MOST_SCHEMA => Ok(made),
        Ok(_) | Err(Stop::Schema) => {
            reader.large.borrow_mut().extend(reference);
            too_large()
        }
        Err(Stop::Document) => Err(Stop::Document),
    }
}

struct Writing<'r, 'a> {
    reader: &'r Reader<'a>,
    left: Budget,
    path: Vec<&'a str>,
    /// The enclosing schemas that have definitions of their own.
    around: Vec<&'a Map<String, Value>>,
}

/// The names of members that are only read, and so never sent.
type Hidden<'a> = BTreeSet<&'a str>;

/// The place of a keyword.
struct Around<'h, 'a> {
    depth: usize,
    hidden: &'h Hidden<'a>,
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

    /// Writes one schema. `hidden` are the members of the object that it is a part of.
    fn schema(
        &mut self,
        schema: &'a Value,
        depth: usize,
        hidden: &Hidden<'a>,
    ) -> Result<Value, Stop> {
        self.charge(2, 1)?;
        if depth > MOST_DEPTH {
            return Ok(json!({}));
        }
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(flag) => return Ok(Value::Bool(*flag)),
            _ => {
                self.reader.note("a schema", Why::Keyword);
                return Ok(json!({}));
            }
        };
        let Some(reference) = members.get("$ref").and_then(Value::as_str) else {
            return self.object(members, depth, hidden);
        };
        let target = self.follow(reference, depth, hidden)?;
        if self.reader.old || members.len() == 1 {
            return Ok(target);
        }
        match self.object(members, depth, hidden)? {
            Value::Object(beside) => Ok(joined(target, beside)),
            other => Ok(other),
        }
    }

    fn follow(
        &mut self,
        reference: &'a str,
        depth: usize,
        hidden: &Hidden<'a>,
    ) -> Result<Value, Stop> {
        self.reader.charge(reference.len(), 1)?;
        // A schema that contains itself accepts any value at that point: expanded, such schemas
        // grow without bound.
        if self.path.contains(&reference) {
            return Ok(json!({}));
        }
        let Some(target) = self.own_definition(reference).or_else(|| self.reader.find(reference))
        else {
            return Ok(json!({}));
        };
        self.path.push(reference);
        let made = self.schema(target, depth + 1, hidden);
        self.path.pop();
        made
    }

    /// The target of a reference to a definition of an enclosing schema: schemas that were generated
    /// elsewhere are put into documents with their references as they were.
    fn own_definition(&self, reference: &str) -> Option<&'a Value> {
        let (list, name) = reference.strip_prefix("#/")?.split_once('/')?;
        if !matches!(list, "$defs" | "definitions") || self.reader.has(reference) {
            return None;
        }
        let name = percent_decode_str(name).decode_utf8().ok()?;
        let name = name.replace("~1", "/").replace("~0", "~");
        self.around.iter().rev().find_map(|schema| schema.get(list)?.get(&name))
    }

    fn object(
        &mut self,
        members: &'a Map<String, Value>,
        depth: usize,
        inherited: &Hidden<'a>,
    ) -> Result<Value, Stop> {
        let defines = ["$defs", "definitions"].iter().any(|list| members.contains_key(*list));
        if defines {
            self.around.push(members);
        }
        let written = self.members(members, depth, inherited);
        if defines {
            self.around.pop();
        }
        written
    }

    fn members(
        &mut self,
        members: &'a Map<String, Value>,
        depth: usize,
        inherited: &Hidden<'a>,
    ) -> Result<Value, Stop> {
        let mut own = inherited.clone();
        self.only_read(members, 0, &mut own)?;
        let hidden = &own;
        let mut made = Map::new();
        for (name, value) in members {
            // Skipping is work too.
            self.reader.charge(name.len(), 1)?;
            if name == "$dynamicRef" || name == "$recursiveRef" {
                self.reader.note(name, Why::Reference);
            }
            // Definitions have no meaning once references are resolved.
            let Some(form) = json_schema::form(name)
                .filter(|form| !matches!(form, Form::Definitions | Form::OlderSchema))
            else {
                continue;
            };
            // A list of schemas is written otherwise in older dialects.
            let (name, form) = match value {
                Value::Array(_) if name == "items" => ("prefixItems", Form::Schemas),
                _ => (name.as_str(), form),
            };
            let around = Around { depth, hidden };
            if let Some(value) = self.keyword(name, value, form, &around)? {
                self.charge(name.len() + 3, 0)?;
                made.insert(name.to_owned(), value);
            }
        }
        keywords::modernise(members, &mut made);
        if depth <= MOST_SUBTYPES_DEPTH {
            self.subtypes(members, &mut made, depth)?;
        }
        Ok(Value::Object(made))
    }

    /// Adds the subtypes of a schema with a discriminator (OpenAPI 3.0 §4.7.24.1, Swagger 2.0
    /// "discriminator"): they have members that the schema does not name. Where they are too many or
    /// too large, any members are taken.
    fn subtypes(
        &mut self,
        members: &'a Map<String, Value>,
        made: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Stop> {
        let Some(found) = subtypes::of(self.reader, members, self.path.last().copied())? else {
            return Ok(());
        };
        // A subtype refers to the schema for its own members.
        let is_written = |schema: &Value| {
            let mut known = self.path.iter().filter_map(|reference| self.reader.find(reference));
            known.any(|known| std::ptr::eq(known, schema))
        };
        if found.iter().any(|(_, schema)| is_written(schema)) {
            return Ok(());
        }
        let (whole, few) = (self.left, Budget::new(MOST_SUBTYPES, MOST_SUBTYPES, MOST_DEPTH));
        self.left = few;
        let nothing = BTreeSet::new();
        let written: Result<Vec<Value>, Stop> = found
            .into_iter()
            .map(|(reference, schema)| {
                self.path.push(reference);
                let made = self.schema(schema, depth + MOST_SUBTYPES_DEPTH + 1, &nothing);
                self.path.pop();
                made
            })
            .collect();
        self.left = whole;
        match written {
            Ok(written) => {
                let written = Value::Array(written);
                self.charge(written.to_string().len(), 1)?;
                made.insert("anyOf".to_owned(), written);
            }
            Err(Stop::Schema) => {
                made.insert("additionalProperties".to_owned(), Value::Bool(true));
            }
            Err(Stop::Document) => return Err(Stop::Document),
        }
        Ok(())
    }

    /// The value of one keyword. `None`, with a note, if it is not of the keyword's form.
    fn keyword(
        &mut self,
        name: &'a str,
        value: &'a Value,
        form: Form,
        around: &Around<'_, 'a>,
    ) -> Result<Option<Value>, Stop> {
        let Around { depth, hidden } = *around;
        let nothing = BTreeSet::new();
        let made = match (form, value) {
            (Form::Schema, Value::Object(_) | Value::Bool(_)) => {
                Some(self.schema(value, depth + 1, &nothing)?)
            }
            (Form::Parts, Value::Array(parts)) if !parts.is_empty() => {
                let mut written = Vec::with_capacity(parts.len());
                for part in parts {
                    let mut made = self.schema(part, depth + 1, hidden)?;
                    // Members of a part that is not there are unknown, and may be sent.
                    let unknown = name == "allOf" && part.get("$ref").is_some();
                    if unknown && made.as_object().is_some_and(Map::is_empty) {
                        made = json!({"additionalProperties": true});
                    }
                    written.push(made);
                }
                Some(Value::Array(written))
            }
            (Form::Schemas, Value::Array(items)) if !items.is_empty() => {
                let items = items.iter().map(|item| self.schema(item, depth + 1, &nothing));
                Some(Value::Array(items.collect::<Result<_, _>>()?))
            }
            (Form::Members, Value::Object(inner)) => {
                let mut kept = Map::new();
                for (member, value) in inner {
                    if name == "properties" && hidden.contains(member.as_str()) {
                        continue;
                    }
                    if name == "patternProperties" && !json_schema::is_pattern(member) {
                        self.reader.note(member, Why::Keyword);
                        continue;
                    }
                    self.charge(member.len() + 3, 0)?;
                    kept.insert(member.clone(), self.schema(value, depth + 1, &nothing)?);
                }
                Some(Value::Object(kept))
            }
            (Form::Required, Value::Array(names)) => {
                let names: BTreeSet<&str> = names
                    .iter()
                    .filter_map(Value::as_str)
                    .filter(|name| !hidden.contains(name))
                    .collect();
                self.charge(names.iter().map(|name| name.len() + 3).sum(), names.len())?;
                Some(names.into_iter().map(Value::from).collect())
            }
            (Form::Value | Form::Type, value) => match json_schema::value(name, value) {
                Some(kept) => Some(self.copy(&kept)?),
                None => None,
            },
            _ => None,
        };
        if made.is_none() && !keywords::is_harmless(name, value) {
            self.reader.note(name, Why::Keyword);
        }
        Ok(made)
    }

    /// Adds the members of an object that are only read, those of its parts included.
    fn only_read(
        &self,
        members: &'a Map<String, Value>,
        depth: usize,
        hidden: &mut Hidden<'a>,
    ) -> Result<(), Stop> {
        for (name, member) in
            members.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            self.reader.charge(0, 1)?;
            if self.is_only_read(member, 0)? {
                hidden.insert(name);
            }
        }
        if depth >= MOST_PARTS {
            return Ok(());
        }
        for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.reader.charge(0, 1)?;
            if let Some(part) = self.reader.resolve(part).and_then(Value::as_object) {
                self.only_read(part, depth + 1, hidden)?;
            }
        }
        Ok(())
    }

    fn is_only_read(&self, member: &'a Value, depth: usize) -> Result<bool, Stop> {
        self.reader.charge(0, 1)?;
        if switch(member.get("readOnly")) == Some(true) {
            return Ok(true);
        }
        if depth >= 2 {
            return Ok(false);
        }
        if let Some(reference) = member.get("$ref").and_then(Value::as_str) {
            let own = self.own_definition(reference);
            return match own.or_else(|| self.reader.resolve(member)) {
                Some(target) => self.is_only_read(target, depth + 1),
                None => Ok(false),
            };
        }
        // OpenAPI 3.0 writes a reference with other members beside it in this way.
        match member.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) => self.is_only_read(one, depth + 1),
            _ => Ok(false),
        }
    }
}

/// A schema and the members beside the reference to it (OpenAPI 3.1): descriptive members replace,
/// all others apply in addition.
fn joined(target: Value, mut beside: Map<String, Value>) -> Value {
    beside.remove("$ref");
    if beside.is_empty() {
        return target;
    }
    let describes = |name: &String| ["title", "description", "default"].contains(&name.as_str());
    match target {
        Value::Object(mut members)
            if beside.keys().all(|name| describes(name) || !members.contains_key(name))
                // Keywords that apply to adjacent members would change their meaning.
                && !beside.keys().any(|name| name.starts_with("unevaluated") || name == "additionalProperties") =>
        {
            members.extend(beside);
            Value::Object(members)
        }
        target => {
            match beside.get_mut("allOf") {
                Some(Value::Array(parts)) => parts.push(target),
                _ => drop(beside.insert("allOf".to_owned(), json!([target]))),
            }
            Value::Object(beside)
        }
    }
}
