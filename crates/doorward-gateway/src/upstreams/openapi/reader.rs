//! A document that is being read: its references, the remaining budget, and the omissions from the
//! present operation.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
};

use doorward_transport::{Budget, budget::Exceeded};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use super::weight::{Stop, weigh};
use crate::left_out::Why;

/// The longest chain of references.
const MOST_HOPS: usize = 16;
/// Maximum number of bytes and values that are looked at to write the schemas of all operations
/// out.
const MOST_WRITTEN: usize = 128 * 1024 * 1024;
const MOST_WRITTEN_VALUES: usize = 4_000_000;
const MOST_DEPTH: usize = 100;
/// Maximum number of parts of one operation that are named.
const MOST_NOTES: usize = 20;

/// A document of OpenAPI 3, or one that was made into such a one.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Value,
    /// Its schemas are those of OpenAPI 3.0, which ignores members beside a reference.
    pub(super) old: bool,
    /// The URL of the document, which its own references may name.
    at: Option<&'a Url>,
    left: Cell<Budget>,
    notes: RefCell<Vec<(String, Why)>>,
    /// The targets of references: the same ones are followed again and again.
    found: RefCell<HashMap<&'a str, Option<&'a Value>>>,
    /// The references to schemas that are too large to be written out.
    pub(super) large: RefCell<HashSet<&'a str>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: &'a Value, old: bool, at: Option<&'a Url>) -> Self {
        Self {
            document,
            old,
            at,
            left: Cell::new(Budget::new(MOST_WRITTEN, MOST_WRITTEN_VALUES, MOST_DEPTH)),
            notes: RefCell::default(),
            found: RefCell::default(),
            large: RefCell::default(),
        }
    }

    /// Charges the budget of the whole document.
    pub(super) fn charge(&self, bytes: usize, values: usize) -> Result<(), Exceeded> {
        let mut left = self.left.get();
        let charged = left.charge(bytes, values);
        self.left.set(left);
        charged
    }

    /// Notes a part of the present operation that is left out.
    pub(super) fn note(&self, part: &str, why: Why) {
        let mut notes = self.notes.borrow_mut();
        if notes.len() < MOST_NOTES && !notes.iter().any(|(known, _)| known == part) {
            notes.push((part.chars().take(200).collect(), why));
        }
    }

    /// The notes since they were last taken.
    pub(super) fn take_notes(&self) -> Vec<(String, Why)> {
        self.notes.take()
    }

    /// The target of a reference. `None`, and a note, if it has none. Only this document is
    /// searched: nothing is fetched (T25).
    pub(super) fn resolve(&self, mut value: &'a Value) -> Option<&'a Value> {
        for _ in 0..MOST_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Some(value);
            };
            self.charge(reference.len(), 1).ok()?;
            value = self.find(reference)?;
        }
        None
    }

    /// The value at a reference: a URI with a JSON pointer as its fragment (RFC 6901 §6).
    pub(super) fn find(&self, reference: &'a str) -> Option<&'a Value> {
        let known = self.found.borrow().get(reference).copied();
        let found = known.unwrap_or_else(|| self.look_up(reference));
        if known.is_none() {
            self.found.borrow_mut().insert(reference, found);
        }
        if found.is_none() {
            self.note(reference, Why::Reference);
        }
        found
    }

    /// Reports a reference that has a target in the document.
    pub(super) fn has(&self, reference: &str) -> bool {
        self.look_up(reference).is_some()
    }

    /// The schema that an identifier or an anchor names (JSON Schema 2020-12 §8.2).
    fn identified(&self, place: &str, fragment: &str) -> Option<&'a Value> {
        let schemas = self.document.pointer("/components/schemas")?.as_object()?;
        let is = |schema: &Value, keyword: &str, name: &str| {
            schema.get(keyword).and_then(Value::as_str) == Some(name)
        };
        let anchored = |schema: &'a Value| {
            let own =
                ["$anchor", "$dynamicAnchor"].iter().any(|keyword| is(schema, keyword, fragment));
            own.then_some(schema)
        };
        let named = schemas.values().filter(|schema| place.is_empty() || is(schema, "$id", place));
        let mut within = named.flat_map(|schema| {
            let inner = schema.get("$defs").and_then(Value::as_object);
            std::iter::once(schema).chain(inner.into_iter().flat_map(Map::values))
        });
        match fragment {
            "" if place.is_empty() => None,
            "" => within.next(),
            pointer if pointer.starts_with('/') && !place.is_empty() => {
                within.next()?.pointer(pointer)
            }
            _ => within.find_map(anchored),
        }
    }

    fn look_up(&self, reference: &str) -> Option<&'a Value> {
        let is_own = |place: &str| {
            let named = self.at.and_then(|at| at.join(place).ok());
            place.is_empty() || (named.is_some() && named.as_ref() == self.at)
        };
        let (place, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !is_own(place) {
            let decoded = percent_decode_str(fragment).decode_utf8().ok()?;
            return self.identified(place, &decoded);
        }
        let at = |fragment: &str| {
            let decoded = percent_decode_str(fragment).decode_utf8().ok();
            let pointer = decoded.filter(|pointer| pointer.starts_with('/'));
            // Documents are met that write a name with `%` as it is.
            pointer
                .and_then(|pointer| self.document.pointer(&pointer))
                .or_else(|| fragment.starts_with('/').then(|| self.document.pointer(fragment))?)
        };
        at(fragment).or_else(|| self.identified("", fragment))
    }

    /// The security requirement of an operation with the schemes that it names (OpenAPI 3.1
    /// §4.8.30), without descriptions.
    pub(super) fn security(&self, operation: &'a Value) -> Result<Value, Stop> {
        let Some(alternatives) = operation
            .get("security")
            .or_else(|| self.document.get("security"))
            .and_then(Value::as_array)
        else {
            return Ok(Value::Null);
        };
        let mut kept = Vec::new();
        for schemes in alternatives.iter().filter_map(Value::as_object) {
            let mut named = Map::new();
            for (name, scopes) in schemes {
                weigh(scopes, &mut |bytes, values| self.charge(bytes, values))?;
                let scheme = self.scheme(name).unwrap_or(&Value::Null);
                let mut facts = Map::from_iter([("scopes".to_owned(), scopes.clone())]);
                let mut keep = |path: String, value: Option<&Value>| {
                    if let Some(text) = value.and_then(Value::as_str) {
                        self.charge(path.len() + text.len(), 1)?;
                        facts.insert(path, text.into());
                    }
                    Ok::<_, Stop>(())
                };
                for part in ["type", "in", "name", "scheme", "openIdConnectUrl"] {
                    keep(part.to_owned(), scheme.get(part))?;
                }
                for flow in ["implicit", "password", "clientCredentials", "authorizationCode"] {
                    for part in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                        keep(
                            format!("{flow}.{part}"),
                            scheme.pointer(&format!("/flows/{flow}/{part}")),
                        )?;
                    }
                }
                named.insert(name.clone(), Value::Object(facts));
            }
            kept.push(Value::Object(named));
        }
        Ok(Value::Array(kept))
    }

    fn scheme(&self, name: &str) -> Option<&'a Value> {
        let schemes = self.document.pointer("/components/securitySchemes")?;
        self.resolve(schemes.get(name)?)
    }

    /// The parameters, by place and name in lower case, that hold a key of the API.
    pub(super) fn keys(&self) -> HashSet<(String, String)> {
        let schemes = self.document.pointer("/components/securitySchemes");
        let mut keys = HashSet::new();
        for name in schemes.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name) {
            let Some(scheme) = self.scheme(name) else { continue };
            let text = |part: &str| scheme.get(part).and_then(Value::as_str).unwrap_or_default();
            if text("type").eq_ignore_ascii_case("apiKey") {
                keys.insert((text("in").to_ascii_lowercase(), text("name").to_ascii_lowercase()));
            }
        }
        self.take_notes();
        keys
    }
}
