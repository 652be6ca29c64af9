//! Reading an OpenAPI document: its operations become tools, and their schemas JSON Schema 2020-12.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use http::Method;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Api,
    operation::{Body, Operation, Parameter, Place},
};

/// The most operations that are taken from a document.
const MOST_OPERATIONS: usize = 5000;
/// How deep references are followed, and the most bytes of one schema; what is deeper or longer takes anything.
const MOST_DEPTH: usize = 16;
const MOST_SCHEMA: usize = 48 * 1024;

/// Reads a document, JSON or YAML.
pub(super) fn parse(text: &[u8], configured: Option<Url>, at: Option<&Url>) -> Result<Api, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not text".to_owned())?;
    let document: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        serde_saphyr::from_str(text).map_err(|error| error.to_string().chars().take(300).collect::<String>())?
    };
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.") {
        return Err("it is not an OpenAPI 3.0 or 3.1 document".to_owned());
    }
    let reader = Reader { document: &document, old: version.starts_with("3.0") };
    let base = base(&document, configured, at)?;
    let title = document.pointer("/info/title").and_then(Value::as_str).unwrap_or("API").chars().take(100).collect();
    let mut api = Api { title, base, tools: Vec::new(), operations: HashMap::new() };
    let paths = document.get("paths").and_then(Value::as_object).ok_or_else(|| "it has no paths".to_owned())?;
    for (path, item) in paths {
        let item = reader.resolve(item);
        for (method, verb) in [
            ("get", Method::GET),
            ("put", Method::PUT),
            ("post", Method::POST),
            ("delete", Method::DELETE),
            ("options", Method::OPTIONS),
            ("head", Method::HEAD),
            ("patch", Method::PATCH),
        ] {
            let Some(operation) = item.get(method) else { continue };
            if api.tools.len() >= MOST_OPERATIONS {
                tracing::warn!("a document has more than {MOST_OPERATIONS} operations; the rest is left out");
                return Ok(api);
            }
            let (tool, made) = reader.operation(&verb, path, item, operation);
            if api.operations.contains_key(tool.name.as_ref()) {
                tracing::warn!(operation = %tool.name, "two operations of a document have this name; the first counts");
                continue;
            }
            api.operations.insert(tool.name.to_string(), made);
            api.tools.push(tool);
        }
    }
    if api.tools.is_empty() { Err("it has no operations".to_owned()) } else { Ok(api) }
}

/// Where the API is: as configured, or as the document says.
fn base(document: &Value, configured: Option<Url>, at: Option<&Url>) -> Result<Url, String> {
    if let Some(url) = configured {
        return Ok(url);
    }
    let server = document.pointer("/servers/0").cloned().unwrap_or_default();
    let mut text = server.get("url").and_then(Value::as_str).unwrap_or("/").to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        text = text.replace(&format!("{{{name}}}"), default);
    }
    let url = match at {
        Some(at) => at.join(&text).map_err(|error| error.to_string())?,
        None => Url::parse(&text).map_err(|_| "it does not say where the API is; set url".to_owned())?,
    };
    if matches!(url.scheme(), "https" | "http") { Ok(url) } else { Err("its address is not an https address; set url".to_owned()) }
}

struct Reader<'a> {
    document: &'a Value,
    old: bool,
}

/// A name that every client takes.
fn operation_name(method: &Method, path: &str, operation: &Value) -> String {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let text = if id.is_empty() { format!("{}_{path}", method.as_str().to_lowercase()) } else { id.to_owned() };
    let mut name = String::new();
    for letter in text.chars() {
        let fit = if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
        if fit != '_' || !name.ends_with('_') {
            name.push(fit);
        }
    }
    name.trim_matches('_').chars().take(120).collect()
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
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if members.get(exclusive) == Some(&Value::Bool(true))
            && let Some(bound) = made.remove(inclusive)
        {
            made.insert(exclusive.to_owned(), bound);
        }
    }
}

impl Reader<'_> {
    /// What a reference leads to. Only this document is looked into: nothing is fetched (T25).
    fn resolve<'b>(&'b self, mut value: &'b Value) -> &'b Value {
        for _ in 0..MOST_DEPTH {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
            let Some(found) = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer)) else { return &Value::Null };
            value = found;
        }
        &Value::Null
    }

    /// A schema with its references put in their places, in the dialect of JSON Schema 2020-12.
    fn schema(&self, schema: &Value) -> Value {
        let made = self.inline(schema, &mut Vec::new(), 0);
        if made.to_string().len() > MOST_SCHEMA { json!({"description": "Too large to be described here."}) } else { made }
    }

    fn inline(&self, schema: &Value, path: &mut Vec<String>, depth: usize) -> Value {
        if depth > MOST_DEPTH {
            return json!({});
        }
        match schema {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    // What contains itself takes anything there: written out once more, such schemas grow beyond all measure.
                    if path.iter().any(|seen| seen == reference) {
                        return json!({});
                    }
                    let found = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer)).unwrap_or(&Value::Null);
                    path.push(reference.to_owned());
                    let made = self.inline(found, path, depth + 1);
                    path.pop();
                    return made;
                }
                let mut made = Map::new();
                for (name, value) in members {
                    match name.as_str() {
                        "discriminator" | "xml" | "externalDocs" | "example" | "examples" | "nullable" | "readOnly" | "writeOnly" | "deprecated" => {}
                        "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => {}
                        "properties" | "patternProperties" | "$defs" => {
                            let inner = value
                                .as_object()
                                .map(|inner| inner.iter().map(|(name, value)| (name.clone(), self.inline(value, path, depth + 1))).collect::<Map<_, _>>());
                            made.insert(name.clone(), Value::Object(inner.unwrap_or_default()));
                        }
                        "enum" | "const" | "default" | "required" | "type" | "title" | "description" | "format" | "pattern" => {
                            made.insert(name.clone(), value.clone());
                        }
                        name if name.starts_with("x-") => {}
                        _ => {
                            made.insert(name.clone(), self.inline(value, path, depth + 1));
                        }
                    }
                }
                if self.old {
                    modernise(members, &mut made);
                }
                Value::Object(made)
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.inline(item, path, depth + 1)).collect()),
            other => other.clone(),
        }
    }

    fn operation(&self, method: &Method, path: &str, item: &Value, operation: &Value) -> (Tool, Operation) {
        let (mut properties, mut required, mut parameters) = (Map::new(), Vec::new(), Vec::new());
        // Those of the operation count more than those of the path.
        let own = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let shared = item.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let mut seen = HashSet::new();
        for parameter in own.chain(shared).map(|parameter| self.resolve(parameter)) {
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
            let forbidden =
                place == Place::Header && ["authorization", "accept", "content-type", "cookie", "host"].contains(&name.to_ascii_lowercase().as_str());
            if name.is_empty() || forbidden || !seen.insert((name.to_owned(), place as u8)) {
                continue;
            }
            let argument = if properties.contains_key(name) { format!("{name}_{}", text("in")) } else { name.to_owned() };
            let mut schema = parameter.get("schema").map_or_else(|| json!({"type": "string"}), |schema| self.schema(schema));
            if let (Value::Object(members), false) = (&mut schema, text("description").is_empty()) {
                members.insert("description".to_owned(), text("description").into());
            }
            let needed = place == Place::Path || parameter.get("required") == Some(&Value::Bool(true));
            if needed {
                required.push(Value::from(argument.as_str()));
            }
            properties.insert(argument.clone(), schema);
            let style = text("style");
            parameters.push(Parameter {
                name: name.to_owned(),
                argument,
                place,
                required: needed,
                explode: parameter.get("explode").and_then(Value::as_bool).unwrap_or(style.is_empty() || style == "form" || style == "deepObject"),
                separator: match style {
                    "spaceDelimited" => ' ',
                    "pipeDelimited" => '|',
                    _ => ',',
                },
                deep: style == "deepObject",
            });
        }
        let (body, media_type, body_required) = self.body(operation, &mut properties, &mut required);
        let name = operation_name(method, path, operation);
        let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let (summary, description) = (text("summary"), text("description"));
        let words: Vec<&str> = [summary.as_str(), description.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
        let told: String = format!("{}\n\n{method} {path}", words.join("\n\n")).trim().chars().take(4000).collect();
        let mut schema = Map::from_iter([("type".to_owned(), json!("object")), ("properties".to_owned(), Value::Object(properties))]);
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        let mut tool = Tool::new(name, told, Arc::new(schema));
        tool.title = (!summary.is_empty()).then(|| summary.chars().take(120).collect());
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let mut annotations = ToolAnnotations::default();
        annotations.read_only_hint = Some(reads);
        annotations.destructive_hint = Some(matches!(*method, Method::DELETE | Method::PUT));
        annotations.idempotent_hint = Some(reads || matches!(*method, Method::DELETE | Method::PUT));
        annotations.open_world_hint = Some(true);
        tool.annotations = Some(annotations);
        (tool, Operation { method: method.clone(), path: path.to_owned(), parameters, body, media_type, body_required })
    }

    /// What is sent in the body: the members of an object as arguments of their own where none has the name of a parameter.
    fn body(&self, operation: &Value, properties: &mut Map<String, Value>, required: &mut Vec<Value>) -> (Body, String, bool) {
        let Some(body) = operation.get("requestBody").map(|body| self.resolve(body)) else { return (Body::Nothing, String::new(), false) };
        let needed = body.get("required") == Some(&Value::Bool(true));
        let Some(content) = body.get("content").and_then(Value::as_object) else { return (Body::Nothing, String::new(), false) };
        let is_json = |media_type: &str| media_type.split(';').next().is_some_and(|kind| kind.trim() == "application/json" || kind.trim().ends_with("+json"));
        let chosen = content.iter().find(|(media_type, _)| is_json(media_type));
        let chosen = chosen.or_else(|| content.iter().find(|(media_type, _)| media_type.starts_with("application/x-www-form-urlencoded")));
        let Some((media_type, described)) = chosen.or_else(|| content.iter().next()) else { return (Body::Nothing, String::new(), false) };
        let schema = described.get("schema").map_or_else(|| json!({}), |schema| self.schema(schema));
        let structured = is_json(media_type) || media_type.starts_with("application/x-www-form-urlencoded");
        let members = schema.get("properties").and_then(Value::as_object).filter(|members| !members.is_empty());
        if let Some(members) = members.filter(|members| structured && !members.keys().any(|name| properties.contains_key(name))) {
            if needed {
                required.extend(schema.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
            }
            properties.extend(members.clone());
            return (Body::Members(members.keys().cloned().collect()), media_type.clone(), needed);
        }
        let argument = if properties.contains_key("body") { "request_body" } else { "body" }.to_owned();
        let described = if structured { schema } else { json!({"type": "string", "description": format!("The body of the request, as {media_type}.")}) };
        properties.insert(argument.clone(), described);
        if needed {
            required.push(Value::from(argument.as_str()));
        }
        (Body::Whole(argument), media_type.clone(), needed)
    }
}
