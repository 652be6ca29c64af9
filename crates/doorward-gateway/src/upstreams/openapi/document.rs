//! Reading an OpenAPI document: its operations become tools. An operation that cannot be offered is
//! named with the reason, and does not affect others.

use std::{collections::HashSet, sync::Arc};

use http::Method;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    api::{Api, DocumentSettings, hex},
    naming::{self, Unnamed},
    operation::Operation,
    parameters::{Arguments, Refused},
    reader::Reader,
    servers::{self, NoServer},
    swagger, tree,
    weight::Stop,
    yaml,
};
use crate::{
    definition::Shown,
    left_out::{LeftOut, Why},
};

/// Maximum number of operations that are taken from a document.
const MOST_OPERATIONS: usize = 5000;
/// Maximum number of characters of a description and of a title that clients are given.
const MOST_TEXT: usize = 4000;
const MOST_TITLE: usize = 120;

/// The methods of an operation by the name of its member, in the order in which they are read, and
/// the effect of a call (CF14). The table is also in `docs/reference/rest-apis.md`.
const METHODS: &[(&str, MethodEffect)] = &[
    ("get", MethodEffect::Read),
    ("put", MethodEffect::Write),
    ("post", MethodEffect::Write),
    ("delete", MethodEffect::Destroy),
    ("options", MethodEffect::Read),
    ("head", MethodEffect::Read),
    ("patch", MethodEffect::Write),
    // OpenAPI 3.2.
    ("query", MethodEffect::Read),
    // It answers with the request, credentials included (RFC 9110 §9.3.8).
    ("trace", MethodEffect::Nothing),
];

/// The effect of a call of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MethodEffect {
    Read,
    Write,
    Destroy,
    /// It is not called.
    Nothing,
}

/// An operation of the document.
struct Found<'a> {
    method: String,
    does: MethodEffect,
    path: &'a str,
    item: &'a Value,
    operation: &'a Value,
}

/// Reads a document, JSON or YAML, of OpenAPI 3 or Swagger 2.0.
pub(super) fn parse(text: &[u8], wanted: &DocumentSettings<'_>) -> Result<Api, String> {
    let yaml::Document { value: document, left_out, repeated, too_deep } = tree::read(text)?;
    let version = |member: &str| match document.get(member) {
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        // YAML: `openapi: 3.0`.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (openapi, swagger) = (version("openapi"), version("swagger"));
    let read = match (openapi.as_deref(), swagger.as_deref()) {
        (Some(version), _) if version.starts_with("3.") => {
            let reader = Reader::new(&document, version.starts_with("3.0"), wanted.at.as_ref());
            read(&reader, wanted)
        }
        (None, Some(version)) if version.starts_with('2') => {
            let document = swagger::converted(document)?;
            read(&Reader::new(&document, true, wanted.at.as_ref()), wanted)
        }
        (Some(version), _) => {
            Err(format!("it is of OpenAPI {version}; OpenAPI 3.0, 3.1 and 3.2 and Swagger 2.0 are \
                supported"))
        }
        (None, Some(version)) => {
            Err(format!("it is of Swagger {version}; Swagger 2.0 and OpenAPI 3 are supported"))
        }
        (None, None) => Err("it is not an OpenAPI document: it has no member openapi with a version, and none named swagger".to_owned()),
    };
    read.map(|mut api| {
        for place in &left_out {
            api.left_out.add(place, Why::Malformed);
        }
        for place in &repeated {
            api.left_out.add_part("document", place, Why::Repeated);
        }
        if too_deep {
            api.left_out.add_part("document", "schemas", Why::Deep);
        }
        api
    })
}

fn read(reader: &Reader<'_>, wanted: &DocumentSettings<'_>) -> Result<Api, String> {
    let document = reader.document;
    let title = document.pointer("/info/title").and_then(Value::as_str).unwrap_or("API");
    let mut api = Api {
        title: title.chars().take(100).collect(),
        bases: Vec::new(),
        tools: Vec::new(),
        left_out: LeftOut::default(),
    };
    let paths = document
        .get("paths")
        .and_then(Value::as_object)
        .ok_or_else(|| "it has no paths".to_owned())?;
    let mut found = Vec::new();
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        operations(reader, path, item, &mut found, &mut api.left_out);
    }
    if found.is_empty() && api.left_out.is_empty() {
        return Err("it has no operations".to_owned());
    }
    let unnamed: Vec<Unnamed<'_>> = found
        .iter()
        .map(|one| Unnamed {
            method: &one.method,
            path: one.path,
            id: one.operation.get("operationId"),
        })
        .collect();
    let names = naming::names(&unnamed, wanted.pinned);
    let keys = reader.keys();
    let mut nowhere = None;
    for (one, name) in found.iter().zip(&names).filter(|(_, name)| (wanted.offers)(name)) {
        if api.tools.len() >= MOST_OPERATIONS {
            api.left_out.add(name, Why::TooMany);
            continue;
        }
        reader.take_notes();
        let lists = [one.operation, one.item, document].map(|place| place.get("servers"));
        let base = match servers::base(lists, wanted) {
            Ok(base) => base,
            Err(why) => {
                match &why {
                    NoServer::Origin(origin) => {
                        api.left_out.add(&format!("{name} at {origin}"), Why::Origin);
                    }
                    NoServer::Unusable(_) => api.left_out.add(name, Why::Server),
                }
                nowhere.get_or_insert(why);
                continue;
            }
        };
        match tool(reader, one, name, &base, &keys) {
            Ok(shown) => {
                api.tools.push(shown);
                if !api.bases.contains(&base) {
                    api.bases.push(base);
                }
                for (part, why) in reader.take_notes() {
                    api.left_out.add_part(name, &part, why);
                }
            }
            Err(refused) => api.left_out.add(name, refused.why()),
        }
    }
    match nowhere {
        Some(why) if api.tools.is_empty() => Err(why.to_string()),
        _ => Ok(api),
    }
}

/// Collects the operations of one path.
fn operations<'a>(
    reader: &Reader<'a>,
    path: &'a str,
    item: &'a Value,
    found: &mut Vec<Found<'a>>,
    left_out: &mut LeftOut,
) {
    let Some(item) = reader.resolve(item).filter(|item| item.is_object()) else {
        if !item.is_null() {
            left_out.add(path, Why::Malformed);
        }
        return;
    };
    let own = METHODS.iter().filter_map(|(member, does)| {
        // Documents are met that write methods in capitals.
        let operation =
            item.get(*member).or_else(|| item.get(member.to_ascii_uppercase().as_str()))?;
        Some((member.to_ascii_uppercase(), *does, operation))
    });
    // Other methods (OpenAPI 3.2): their effect is unknown.
    let more = item.get("additionalOperations").and_then(Value::as_object);
    let more = more.into_iter().flatten().map(|(method, operation)| {
        let known = METHODS.iter().find(|(member, _)| member.eq_ignore_ascii_case(method));
        (method.clone(), known.map_or(MethodEffect::Destroy, |(_, does)| *does), operation)
    });
    for (method, does, operation) in own.chain(more).collect::<Vec<_>>() {
        let called = format!("{method} {path}");
        if does == MethodEffect::Nothing {
            left_out.add(&called, Why::Method);
        } else if !operation.is_object() {
            left_out.add(&called, Why::Malformed);
        } else {
            found.push(Found { method, does, path, item, operation });
        }
    }
}

/// Makes the tool of an operation.
fn tool<'a>(
    reader: &Reader<'a>,
    found: &Found<'a>,
    name: &str,
    base: &Url,
    keys: &HashSet<(String, String)>,
) -> Result<Shown, Refused> {
    let method =
        Method::from_bytes(found.method.as_bytes()).map_err(|_| Refused::Why(Why::Method))?;
    let mut arguments = Arguments::default();
    let lists = [found.operation, found.item].map(|place| place.get("parameters"));
    let mut operation = Operation::new(method.clone(), base.clone(), found.path.to_owned());
    let (parameters, template) = reader.parameters(found.path, lists, keys, &mut arguments)?;
    operation.parameters = parameters;
    let plain = found.path.split('#').next().unwrap_or_default();
    operation.template = Some(template).filter(|template| template != plain);
    operation.body = reader.body(found.operation, &mut arguments)?;
    operation.security = reader.security(found.operation)?;
    let words = words(reader, &method, found.path, found.operation)?;
    operation.text_digest = words.digest;
    let mut schema = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(arguments.properties)),
    ]);
    if !arguments.required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(arguments.required));
    }
    let mut tool = Tool::new(name.to_owned(), words.told, Arc::new(schema));
    tool.title = words.title;
    tool.annotations = Some(annotations(found.does, &method));
    Ok(Shown { tool, operation: Some(Arc::new(operation)) })
}

fn annotations(does: MethodEffect, method: &Method) -> ToolAnnotations {
    let reads = does == MethodEffect::Read;
    let mut annotations = ToolAnnotations::default();
    annotations.read_only_hint = Some(reads);
    annotations.destructive_hint = Some(does == MethodEffect::Destroy);
    annotations.idempotent_hint = Some(reads || matches!(*method, Method::DELETE | Method::PUT));
    annotations.open_world_hint = Some(true);
    annotations
}

/// The words of an operation as clients are given them.
struct Words {
    title: Option<String>,
    told: String,
    digest: Option<String>,
}

/// Title and description of the tool, with a digest of the whole where a part is cut.
fn words(
    reader: &Reader<'_>,
    method: &Method,
    path: &str,
    operation: &Value,
) -> Result<Words, Stop> {
    let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default().trim();
    let (summary, description) = (text("summary"), text("description"));
    reader.charge(2 * (summary.len() + description.len() + path.len()), 1)?;
    let words: Vec<&str> =
        [summary, description].into_iter().filter(|text| !text.is_empty()).collect();
    let whole = format!("{}\n\n{method} {path}", words.join("\n\n"));
    let told: String = whole.trim().chars().take(MOST_TEXT).collect();
    let title: String = summary.chars().take(MOST_TITLE).collect();
    let cut = told.len() < whole.trim().len() || title.len() < summary.len();
    Ok(Words {
        title: (!title.is_empty()).then_some(title),
        told,
        digest: cut.then(|| hex(&Sha256::digest(whole.as_bytes()))),
    })
}
