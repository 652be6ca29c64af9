//! Reading an OpenAPI document: its operations become tools, and their schemas JSON Schema 2020-12.
//! What the document and its written-out schemas may take is charged to budgets while they are
//! read.

use std::{cell::Cell, collections::HashSet, sync::Arc};

use doorward_transport::{Budget, budget::Exceeded};
use http::Method;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    Api,
    operation::{Body, Operation, Parameter, Place},
    schema::{self, Stop},
};
use crate::{
    definition::Shown,
    left_out::{LeftOut, Why},
    upstream::Origins,
};

/// The most operations that are taken from a document.
const MOST_OPERATIONS: usize = 5000;
/// How many references may lead to each other.
const MOST_HOPS: usize = 16;
/// The most bytes and values of a document, its YAML aliases written out, and how deep they are
/// nested.
const MOST_BYTES: usize = super::MOST_DOCUMENT;
const MOST_VALUES: usize = 1_000_000;
const MOST_DEPTH: usize = 100;
/// The most bytes and values that are looked at to write the schemas of all operations out.
const MOST_WRITTEN: usize = 128 * 1024 * 1024;
const MOST_WRITTEN_VALUES: usize = 4_000_000;
/// The most characters of a description and of a title that clients are given.
const MOST_TEXT: usize = 4000;
const MOST_TITLE: usize = 120;

/// What an operator says about a document besides its text.
pub(super) struct Wanted<'a> {
    /// The configured base address, which counts more than the document's.
    pub(super) configured: Option<Url>,
    /// Where the document was fetched; `None` for a file.
    pub(super) at: Option<Url>,
    /// The origins to which calls may go.
    pub(super) origins: &'a Origins,
    /// Tells if a tool of this name is offered; others are not read.
    pub(super) offers: &'a dyn Fn(&str) -> bool,
}

/// Reads a document, JSON or YAML.
pub(super) fn parse(text: &[u8], wanted: &Wanted<'_>) -> Result<Api, String> {
    let document = tree(text)?;
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.") {
        return Err("it is not an OpenAPI 3.0 or 3.1 document".to_owned());
    }
    let base = base(&document, wanted)?;
    let reader = Reader {
        document: &document,
        base: &base,
        old: version.starts_with("3.0"),
        left: Cell::new(Budget::new(MOST_WRITTEN, MOST_WRITTEN_VALUES, MOST_DEPTH)),
    };
    let title = document
        .pointer("/info/title")
        .and_then(Value::as_str)
        .unwrap_or("API")
        .chars()
        .take(100)
        .collect();
    let paths = document
        .get("paths")
        .and_then(Value::as_object)
        .ok_or_else(|| "it has no paths".to_owned())?;
    let mut api =
        Api { title, base: base.clone(), tools: Vec::new(), left_out: LeftOut::default() };
    let mut names = HashSet::new();
    for (path, item) in paths {
        let item = reader.resolve(item);
        for verb in [
            Method::GET,
            Method::PUT,
            Method::POST,
            Method::DELETE,
            Method::OPTIONS,
            Method::HEAD,
            Method::PATCH,
        ] {
            let Some(operation) = item.get(verb.as_str().to_ascii_lowercase()) else { continue };
            let name = operation_name(&verb, path, operation);
            if !(wanted.offers)(&name) {
                names.insert(name);
                continue;
            }
            if names.contains(&name) {
                api.left_out.add(&name, Why::Twice);
            } else if api.tools.len() >= MOST_OPERATIONS {
                api.left_out.add(&name, Why::TooMany);
            } else {
                match reader.operation(&verb, path, item, operation) {
                    Ok(shown) => api.tools.push(shown),
                    Err(_) => api.left_out.add(&name, Why::Unreadable),
                }
                names.insert(name);
            }
        }
    }
    if names.is_empty() { Err("it has no operations".to_owned()) } else { Ok(api) }
}

/// Reads the text into a tree, within the budget.
fn tree(text: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not text".to_owned())?;
    let mut budget = Budget::new(MOST_BYTES, MOST_VALUES, MOST_DEPTH);
    if text.trim_start().starts_with('{') {
        return budget.json(text.as_bytes()).map_err(|error| error.to_string());
    }
    // The library has limits of its own; ours charge aliases with the bytes that they stand for.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MOST_DEPTH, max_nodes: MOST_VALUES, max_events: 3 * MOST_VALUES, max_total_scalar_bytes: MOST_BYTES, enforce_alias_anchor_ratio: false },
        with_snippet: false,
    };
    let read =
        serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
            budget.value(deserializer)
        });
    read.map_err(|error| error.to_string().chars().take(300).collect())
}

/// Where the API is: as configured, or as the document says, on an origin that the operator named.
fn base(document: &Value, wanted: &Wanted<'_>) -> Result<Url, String> {
    if let Some(url) = &wanted.configured {
        return Ok(url.clone());
    }
    let server = document.pointer("/servers/0").unwrap_or(&Value::Null);
    let mut text = server.get("url").and_then(Value::as_str).unwrap_or("/").to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten()
    {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        if text.len() > 2048 {
            return Err("its address is too long; set url".to_owned());
        }
        text = text.replace(&format!("{{{name}}}"), default);
    }
    let url = match &wanted.at {
        Some(at) => at.join(&text).map_err(|error| error.to_string())?,
        None => {
            Url::parse(&text).map_err(|_| "it does not say where the API is; set url".to_owned())?
        }
    };
    if !matches!(url.scheme(), "https" | "http") {
        return Err("its address is not an https address; set url".to_owned());
    }
    if !wanted.origins.allow(&url) {
        let origin = url.origin().ascii_serialization();
        return Err(format!(
            "it says that the API is at {origin}, which is not the document's own origin; set url to the API's address, or list {origin} in origins"
        ));
    }
    Ok(url)
}

/// A name that every client takes.
fn operation_name(method: &Method, path: &str, operation: &Value) -> String {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let text = if id.is_empty() {
        format!("{}_{path}", method.as_str().to_lowercase())
    } else {
        id.to_owned()
    };
    let mut name = String::new();
    for letter in text.chars() {
        let fit = if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
        if fit != '_' || !name.ends_with('_') {
            name.push(fit);
        }
    }
    name.trim_matches('_').chars().take(120).collect()
}

pub(super) struct Reader<'a> {
    pub(super) document: &'a Value,
    base: &'a Url,
    pub(super) old: bool,
    left: Cell<Budget>,
}

/// The words of an operation as clients are given them.
struct Words {
    title: Option<String>,
    told: String,
    digest: Option<String>,
}

impl<'a> Reader<'a> {
    /// Takes from what may be looked at for the whole document.
    pub(super) fn charge(&self, bytes: usize, values: usize) -> Result<(), Exceeded> {
        let mut left = self.left.get();
        let charged = left.charge(bytes, values);
        self.left.set(left);
        charged
    }

    /// What a reference leads to. Only this document is looked into: nothing is fetched (T25).
    pub(super) fn resolve(&self, mut value: &'a Value) -> &'a Value {
        for _ in 0..MOST_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
            value = self.find(reference);
        }
        &Value::Null
    }

    pub(super) fn find(&self, reference: &str) -> &'a Value {
        reference
            .strip_prefix('#')
            .and_then(|pointer| self.document.pointer(pointer))
            .unwrap_or(&Value::Null)
    }

    fn operation(
        &self,
        method: &Method,
        path: &str,
        item: &'a Value,
        operation: &'a Value,
    ) -> Result<Shown, Stop> {
        let (mut properties, mut required, mut parameters) = (Map::new(), Vec::new(), Vec::new());
        // Those of the operation count more than those of the path.
        let own = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let shared = item.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let mut seen = HashSet::new();
        for parameter in own.chain(shared) {
            self.charge(64, 1)?;
            let parameter = self.resolve(parameter);
            let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
            let (name, place) = (
                text("name"),
                match text("in") {
                    "path" => Place::Path,
                    "query" => Place::Query,
                    "header" => Place::Header,
                    _ => continue,
                },
            );
            // What authorises a request is not for the model to say.
            let forbidden = place == Place::Header
                && ["authorization", "accept", "content-type", "cookie", "host"]
                    .contains(&name.to_ascii_lowercase().as_str());
            if name.is_empty() || forbidden || !seen.insert((name, place as u8)) {
                continue;
            }
            self.charge(4 * name.len() + text("description").len(), 1)?;
            let argument = if properties.contains_key(name) {
                format!("{name}_{}", text("in"))
            } else {
                name.to_owned()
            };
            let mut schema = parameter.get("schema").map_or_else(
                || Ok(json!({"type": "string"})),
                |schema| schema::written_out(self, schema),
            )?;
            if let (Value::Object(members), false) = (&mut schema, text("description").is_empty()) {
                members.insert("description".to_owned(), text("description").into());
            }
            let needed =
                place == Place::Path || parameter.get("required") == Some(&Value::Bool(true));
            if needed {
                required.push(Value::from(argument.as_str()));
            }
            properties.insert(argument.clone(), schema);
            parameters.push(written(parameter, name, argument, place, needed));
        }
        let (body, media_type, body_required) =
            self.body(operation, &mut properties, &mut required)?;
        let words = self.words(method, path, operation)?;
        let mut schema = Map::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(properties)),
        ]);
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        let mut tool =
            Tool::new(operation_name(method, path, operation), words.told, Arc::new(schema));
        tool.title = words.title;
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let mut annotations = ToolAnnotations::default();
        annotations.read_only_hint = Some(reads);
        annotations.destructive_hint = Some(matches!(*method, Method::DELETE | Method::PUT));
        annotations.idempotent_hint =
            Some(reads || matches!(*method, Method::DELETE | Method::PUT));
        annotations.open_world_hint = Some(true);
        tool.annotations = Some(annotations);
        let operation = Operation {
            method: method.clone(),
            base: self.base.clone(),
            path: path.to_owned(),
            parameters,
            body,
            media_type,
            body_required,
            security: self.security(operation)?,
            text_digest: words.digest,
        };
        Ok(Shown { tool, operation: Some(operation) })
    }

    /// Title and description of the tool, with a digest of the whole where a part is cut.
    fn words(&self, method: &Method, path: &str, operation: &Value) -> Result<Words, Stop> {
        let text =
            |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default().trim();
        let (summary, description) = (text("summary"), text("description"));
        self.charge(2 * (summary.len() + description.len() + path.len()), 1)?;
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

    /// The security requirement of an operation with the schemes that it names (OpenAPI 3.1
    /// §4.8.30), without descriptions and lists of scopes.
    fn security(&self, operation: &'a Value) -> Result<Value, Stop> {
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
                schema::weigh(scopes, &mut |bytes, values| self.charge(bytes, values))?;
                let scheme = self.resolve(self.find(&format!(
                    "#/components/securitySchemes/{}",
                    name.replace('~', "~0").replace('/', "~1")
                )));
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

    /// What is sent in the body: the members of an object as arguments of their own where none has
    /// the name of a parameter.
    fn body(
        &self,
        operation: &'a Value,
        properties: &mut Map<String, Value>,
        required: &mut Vec<Value>,
    ) -> Result<(Body, String, bool), Stop> {
        let nothing = || Ok((Body::Nothing, String::new(), false));
        let Some(body) = operation.get("requestBody").map(|body| self.resolve(body)) else {
            return nothing();
        };
        let needed = body.get("required") == Some(&Value::Bool(true));
        let Some(content) = body.get("content").and_then(Value::as_object) else {
            return nothing();
        };
        self.charge(64, content.len())?;
        let is_json = |media_type: &str| {
            media_type.split(';').next().is_some_and(|kind| {
                kind.trim() == "application/json" || kind.trim().ends_with("+json")
            })
        };
        let chosen = content.iter().find(|(media_type, _)| is_json(media_type));
        let chosen = chosen.or_else(|| {
            content
                .iter()
                .find(|(media_type, _)| media_type.starts_with("application/x-www-form-urlencoded"))
        });
        let Some((media_type, described)) = chosen.or_else(|| content.iter().next()) else {
            return nothing();
        };
        let schema = described
            .get("schema")
            .map_or_else(|| Ok(json!({})), |schema| schema::written_out(self, schema))?;
        let structured =
            is_json(media_type) || media_type.starts_with("application/x-www-form-urlencoded");
        let members = schema
            .get("properties")
            .and_then(Value::as_object)
            .filter(|members| !members.is_empty());
        if let Some(members) = members.filter(|members| {
            structured && !members.keys().any(|name| properties.contains_key(name))
        }) {
            if needed {
                required.extend(
                    schema.get("required").and_then(Value::as_array).into_iter().flatten().cloned(),
                );
            }
            properties.extend(members.clone());
            return Ok((
                Body::Members(members.keys().cloned().collect()),
                media_type.clone(),
                needed,
            ));
        }
        let argument =
            if properties.contains_key("body") { "request_body" } else { "body" }.to_owned();
        let described = if structured {
            schema
        } else {
            json!({"type": "string", "description": format!("The body of the request, as {media_type}.")})
        };
        properties.insert(argument.clone(), described);
        if needed {
            required.push(Value::from(argument.as_str()));
        }
        Ok((Body::Whole(argument), media_type.clone(), needed))
    }
}

/// How an argument is written into the request (OpenAPI 3.1 §4.8.12.2).
fn written(
    parameter: &Value,
    name: &str,
    argument: String,
    place: Place,
    required: bool,
) -> Parameter {
    let style = parameter.get("style").and_then(Value::as_str).unwrap_or_default();
    Parameter {
        name: name.to_owned(),
        argument,
        place,
        required,
        explode: parameter
            .get("explode")
            .and_then(Value::as_bool)
            .unwrap_or(style.is_empty() || style == "form" || style == "deepObject"),
        separator: match style {
            "spaceDelimited" => ' ',
            "pipeDelimited" => '|',
            _ => ',',
        },
        deep: style == "deepObject",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
