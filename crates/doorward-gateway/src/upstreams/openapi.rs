//! REST APIs that are described by an OpenAPI 3.0 or 3.1 document: each operation becomes a tool (CW7).

use std::{collections::HashMap, sync::Arc, time::Duration};

use doorward_mcp::{ToolCall, ToolError};
use doorward_transport::outbound::Fetched;
use http::{HeaderName, HeaderValue, Method};
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    Gateway,
    access::{LinkAuth, NoToken},
    link::LinkError,
    upstream::{Auth, Shared, Upstream},
};

/// The most bytes of a document and the most operations that are taken from it.
const MOST_DOCUMENT: usize = 32 * 1024 * 1024;
const MOST_OPERATIONS: usize = 5000;
/// How deep references are followed, and the most bytes of one schema; what is deeper or longer takes anything.
const MOST_DEPTH: usize = 16;
const MOST_SCHEMA: usize = 48 * 1024;
/// How long one request may take where nothing shorter is configured.
const WITHIN: Duration = Duration::from_mins(5);
/// The most bytes of an answer where nothing shorter is configured.
const MOST_ANSWER: usize = 8 * 1024 * 1024;
/// The most characters of an error that are passed on.
const MOST_ERROR: usize = 2000;

/// Where an argument goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    argument: String,
    place: Place,
    required: bool,
    explode: bool,
    // Between the parts of a list that is not taken apart.
    separator: char,
    deep: bool,
}

/// What is sent in a request's body.
#[derive(Debug)]
enum Body {
    Nothing,
    /// An object whose members are arguments of their own.
    Members(Vec<String>),
    /// One argument that is the whole.
    Whole(String),
}

#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    parameters: Vec<Parameter>,
    body: Body,
    media_type: String,
    body_required: bool,
}

/// An API, read from its document.
pub(crate) struct Api {
    title: String,
    base: Url,
    tools: Vec<Tool>,
    operations: HashMap<String, Operation>,
}

impl Api {
    /// Its operations as tools.
    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.tools.clone()
    }
    /// What it is, in a line.
    pub(crate) fn summary(&self) -> String {
        format!("{}: {} operations at {}", self.title, self.tools.len(), self.base)
    }
}

/// Reads the document of an upstream.
pub(crate) async fn load(upstream: &Upstream) -> Result<Api, LinkError> {
    let place = &upstream.config.document;
    let failed = |why: String| LinkError::Failed(format!("the document {place}: {why}"));
    let (text, at) = match Url::parse(place) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => {
            let request = http::Request::get(url.as_str()).header(http::header::ACCEPT, "application/json, application/yaml, text/yaml, */*").body(Vec::new());
            let request = request.map_err(|error| failed(error.to_string()))?;
            let answer = upstream.outbound.send_within(request, MOST_DOCUMENT, Duration::from_secs(30)).await.map_err(|error| failed(error.to_string()))?;
            if answer.status != 200 {
                return Err(failed(format!("HTTP {}", answer.status)));
            }
            (answer.body, Some(url))
        }
        _ => {
            let size = tokio::fs::metadata(place).await.map_err(|error| failed(error.to_string()))?.len();
            if size > MOST_DOCUMENT as u64 {
                return Err(failed("it is too long".to_owned()));
            }
            (tokio::fs::read(place).await.map_err(|error| failed(error.to_string()))?, None)
        }
    };
    let configured = upstream.url.clone();
    // Thousands of operations take a while; others should not wait for it.
    let parsed = tokio::task::spawn_blocking(move || parse(&text, configured, at.as_ref())).await;
    parsed.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

/// Reads a document, JSON or YAML.
fn parse(text: &[u8], configured: Option<Url>, at: Option<&Url>) -> Result<Api, String> {
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
        let mut seen = std::collections::HashSet::new();
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

/// A value as it stands in an address or header.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Letters that stand for themselves in one segment of a path. Everything else is encoded, `/`, `\` and `%` too (GW-10).
fn segment(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut made, byte| {
        use std::fmt::Write;
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            made.push(char::from(byte));
        } else {
            let _ = write!(made, "%{byte:02X}");
        }
        made
    })
}

impl Operation {
    /// Makes the request of a call. Nothing of the client's own request enters it but these arguments (CW8).
    fn request(&self, base: &Url, arguments: &Map<String, Value>) -> Result<http::Request<Vec<u8>>, ToolError> {
        let missing = |name: &str| ToolError::Arguments(format!("the argument {name} is missing"));
        let mut path = self.path.clone();
        let mut query: Vec<(String, String)> = Vec::new();
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for parameter in &self.parameters {
            let Some(value) = arguments.get(&parameter.argument).filter(|value| !value.is_null()) else {
                if parameter.required {
                    return Err(missing(&parameter.argument));
                }
                continue;
            };
            match parameter.place {
                Place::Path => {
                    let text = match value {
                        Value::Array(items) => items.iter().map(|item| segment(&plain(item))).collect::<Vec<_>>().join(","),
                        other => segment(&plain(other)),
                    };
                    // Dots alone would climb, however they are encoded: readers of addresses take %2E for a dot.
                    if text.is_empty() || text == "." || text == ".." {
                        return Err(ToolError::Arguments(format!("the argument {} must not be empty, '.' or '..'", parameter.argument)));
                    }
                    path = path.replace(&format!("{{{}}}", parameter.name), &text);
                }
                Place::Query => parameter.query(value, &mut query),
                Place::Header => {
                    let text = match value {
                        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
                        other => plain(other),
                    };
                    let wrong = || ToolError::Arguments(format!("the argument {} cannot be sent as a header", parameter.argument));
                    headers.push((HeaderName::try_from(parameter.name.as_str()).map_err(|_| wrong())?, HeaderValue::try_from(text).map_err(|_| wrong())?));
                }
            }
        }
        let mut url = base.clone();
        let whole = format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&whole);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = http::Request::builder().method(self.method.clone()).uri(url.as_str()).header(http::header::ACCEPT, "application/json, */*;q=0.5");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = self.body(arguments)?;
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, self.media_type.as_str());
        }
        request.body(body.unwrap_or_default()).map_err(|error| ToolError::Arguments(format!("the request cannot be made: {error}")))
    }

    fn body(&self, arguments: &Map<String, Value>) -> Result<Option<Vec<u8>>, ToolError> {
        let value = match &self.body {
            Body::Nothing => return Ok(None),
            Body::Members(names) => {
                let members: Map<String, Value> = names.iter().filter_map(|name| Some((name.clone(), arguments.get(name)?.clone()))).collect();
                if members.is_empty() && !self.body_required {
                    return Ok(None);
                }
                Value::Object(members)
            }
            Body::Whole(argument) => match arguments.get(argument) {
                Some(value) => value.clone(),
                None if self.body_required => return Err(ToolError::Arguments(format!("the argument {argument} is missing"))),
                None => return Ok(None),
            },
        };
        if self.media_type.starts_with("application/x-www-form-urlencoded") {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in value.as_object().into_iter().flatten() {
                form.append_pair(name, &plain(value));
            }
            return Ok(Some(form.finish().into_bytes()));
        }
        if self.media_type.contains("json") {
            return Ok(Some(value.to_string().into_bytes()));
        }
        Ok(Some(plain(&value).into_bytes()))
    }
}

impl Parameter {
    /// Writes a value into the query, in the style that the document names (OpenAPI 3.1 §4.8.12.2).
    fn query(&self, value: &Value, query: &mut Vec<(String, String)>) {
        match value {
            Value::Array(items) if self.explode && self.separator == ',' => query.extend(items.iter().map(|item| (self.name.clone(), plain(item)))),
            Value::Array(items) => query.push((self.name.clone(), items.iter().map(plain).collect::<Vec<_>>().join(&self.separator.to_string()))),
            Value::Object(members) if self.deep => query.extend(members.iter().map(|(name, value)| (format!("{}[{name}]", self.name), plain(value)))),
            Value::Object(members) if self.explode => query.extend(members.iter().map(|(name, value)| (name.clone(), plain(value)))),
            Value::Object(members) => {
                query.push((self.name.clone(), members.iter().map(|(name, value)| format!("{name},{}", plain(value))).collect::<Vec<_>>().join(",")));
            }
            other => query.push((self.name.clone(), plain(other))),
        }
    }
}

/// An API's answer as a result.
fn result(answer: &Fetched) -> CallToolResult {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if !(200..300).contains(&answer.status) {
        let shown: String = text.chars().take(MOST_ERROR).collect();
        return CallToolResult::error(vec![ContentBlock::text(format!("HTTP {} {shown}", answer.status).trim().to_owned())]);
    }
    let kind = answer.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json" || kind.trim().ends_with("+json"));
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value @ Value::Object(_)) if is_json => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = Some(value);
            result
        }
        _ if text.is_empty() => CallToolResult::success(vec![ContentBlock::text(format!("Done (HTTP {}).", answer.status))]),
        _ if std::str::from_utf8(&answer.body).is_err() => {
            CallToolResult::error(vec![ContentBlock::text(format!("The answer is {} bytes of {kind}, which is not text.", answer.body.len()))])
        }
        _ => CallToolResult::success(vec![ContentBlock::text(text)]),
    }
}

impl Gateway {
    /// Makes a call of a REST API.
    pub(crate) async fn call_api(&self, call: ToolCall, upstream: &Shared, api: &Arc<Api>) -> Result<CallToolResponse, ToolError> {
        let operation = api.operations.get(&call.spec.own_name).ok_or_else(|| ToolError::Failed("there is no such operation any more".to_owned()))?;
        let arguments = call.arguments();
        let auth = LinkAuth {
            gateway: Arc::clone(&self.inner),
            upstream: Arc::clone(upstream),
            person: upstream.auth.is_personal().then(|| Arc::clone(&call.visit.caller.person)),
        };
        let token = match auth.token().await {
            Ok(token) => token,
            Err(NoToken::Connect(_)) => return self.ask_to_connect(&call.visit, upstream, &call.params).await,
            Err(NoToken::Unavailable(why)) => return Err(ToolError::Failed(format!("{} cannot be called: {why}", upstream.title))),
        };
        let send = async |token: Option<&str>| {
            let mut request = operation.request(&api.base, &arguments)?;
            let headers = request.headers_mut();
            if let Auth::Fixed(name, value) = &upstream.auth {
                headers.insert(name.clone(), value.clone());
            }
            if let Some(token) = token {
                let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ToolError::Failed("the token cannot be sent".to_owned()))?;
                value.set_sensitive(true);
                headers.insert(http::header::AUTHORIZATION, value);
            }
            let within = if upstream.config.call_seconds > 0 { Duration::from_secs(upstream.config.call_seconds) } else { WITHIN };
            let most = if upstream.config.result_bytes > 0 { upstream.config.result_bytes } else { MOST_ANSWER };
            let answer = upstream.outbound.send_within(request, most, within).await;
            answer.map_err(|error| ToolError::Failed(format!("{} could not be asked: {error}", upstream.title)))
        };
        let answered = tokio::select! {
            answered = send(token.as_deref()) => answered?,
            () = call.cancelled.cancelled() => return Err(ToolError::Failed("cancelled".to_owned())),
        };
        let (401, Some(refused)) = (answered.status, token) else { return Ok(result(&answered).into()) };
        if let Some(said) = answered.headers.get(http::header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()) {
            auth.challenged(said);
        }
        match auth.renewed(&refused).await {
            Ok(Some(fresh)) => {
                let again = send(Some(&fresh)).await?;
                if again.status == 401 {
                    auth.refused(&fresh).await;
                }
                Ok(result(&again).into())
            }
            Ok(None) => Ok(result(&answered).into()),
            Err(NoToken::Connect(_)) => self.ask_to_connect(&call.visit, upstream, &call.params).await,
            Err(NoToken::Unavailable(why)) => Err(ToolError::Failed(format!("{} cannot be called: {why}", upstream.title))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: Pets, version: "1"}
servers: [{url: "https://{region}.pets.example/v1", variables: {region: {default: eu}}}]
paths:
  /pets/{petId}/files/{path}:
    parameters:
      - {name: petId, in: path, required: true, schema: {type: string}}
    get:
      operationId: pets.readFile
      summary: Reads a file
      parameters:
        - {name: path, in: path, required: true, schema: {type: string}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
        - {name: ids, in: query, style: form, explode: false, schema: {type: array}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
      responses: {"200": {description: ok}}
  /pets:
    post:
      summary: Adds a pet
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Pet"}
      responses: {"201": {description: made}}
    delete:
      operationId: wipe
      responses: {"204": {description: gone}}
components:
  schemas:
    Pet:
      type: object
      required: [name]
      properties:
        name: {type: string, nullable: true}
        age: {type: integer, minimum: 0, exclusiveMinimum: true}
        parent: {$ref: "#/components/schemas/Pet"}
"##;

    fn api() -> Api {
        parse(DOCUMENT.as_bytes(), None, None).unwrap()
    }

    fn tool<'a>(api: &'a Api, name: &str) -> &'a Tool {
        api.tools.iter().find(|tool| tool.name == name).unwrap()
    }

    fn request(name: &str, arguments: &Value) -> Result<http::Request<Vec<u8>>, ToolError> {
        let api = api();
        api.operations[name].request(&api.base, arguments.as_object().unwrap())
    }

    #[test]
    fn operations_become_tools_with_their_class_and_schema() {
        let api = api();
        assert_eq!(api.base.as_str(), "https://eu.pets.example/v1");
        assert_eq!(api.tools.iter().map(|tool| tool.name.to_string()).collect::<Vec<_>>(), ["post_pets", "wipe", "pets_readFile"]);
        let classes: Vec<_> = api.tools.iter().map(|tool| crate::pins::class_of(tool).unwrap().as_str()).collect();
        assert_eq!(classes, ["write", "destructive", "read"]);
        let read = &tool(&api, "pets_readFile").input_schema;
        assert_eq!(read["required"], json!(["path", "petId"]));
        assert!(read["properties"].get("Authorization").is_none(), "what authorises is not for the model to say");
        let post = &tool(&api, "post_pets").input_schema;
        assert_eq!(post["properties"]["name"]["type"], json!(["string", "null"]));
        assert_eq!(post["properties"]["age"], json!({"type": "integer", "exclusiveMinimum": 0}));
        assert_eq!(post["properties"]["parent"], json!({}), "what contains itself ends");
        assert_eq!(post["required"], json!(["name"]));
    }

    #[test]
    fn gw10_arguments_stay_in_their_place() {
        let made = request(
            "pets_readFile",
            &json!({"petId": "../admin", "path": "a/b?c#d%2f", "tags": ["x", "y"], "filter": {"a": 1}, "ids": [1, 2], "X-Trace": "t", "other": "no"}),
        )
        .unwrap();
        assert_eq!(made.uri().to_string(), "https://eu.pets.example/v1/pets/..%2Fadmin/files/a%2Fb%3Fc%23d%252f?tags=x&tags=y&filter%5Ba%5D=1&ids=1%2C2");
        assert_eq!(made.headers()["x-trace"], "t");
        for (pet, seen) in [("a\\b", "a%5Cb"), ("...", "..."), ("%2e", "%252e"), ("%2e%2e", "%252e%252e"), ("\u{0}", "%00")] {
            let made = request("pets_readFile", &json!({"petId": pet, "path": "x"})).unwrap();
            assert_eq!(made.uri().path(), format!("/v1/pets/{seen}/files/x"), "{pet:?}");
        }
        for climbing in [".", "..", ""] {
            assert!(matches!(request("pets_readFile", &json!({"petId": climbing, "path": "x"})), Err(ToolError::Arguments(_))), "{climbing:?}");
        }
        assert!(matches!(request("pets_readFile", &json!({"path": "x"})), Err(ToolError::Arguments(why)) if why.contains("petId")));
        assert!(matches!(request("pets_readFile", &json!({"petId": "1", "path": "x", "X-Trace": "a\r\nEvil: 1"})), Err(ToolError::Arguments(_))));
    }

    #[test]
    fn bodies_hold_what_the_schema_names() {
        let made = request("post_pets", &json!({"name": "Rex", "age": 3, "evil": true})).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(made.body()).unwrap(), json!({"name": "Rex", "age": 3}));
        assert_eq!(made.headers()["content-type"], "application/json");
        assert_eq!(request("wipe", &json!({})).unwrap().method(), Method::DELETE);
    }

    #[test]
    fn what_is_no_document_is_refused_with_a_reason() {
        for (text, why) in [("{}", "OpenAPI"), ("swagger: '2.0'", "OpenAPI"), ("openapi: 3.1.0", "set url"), ("{", "EOF"), ("\u{1}: [", "")] {
            let error = parse(text.as_bytes(), None, None).err().unwrap();
            assert!(error.contains(why), "{text}: {error}");
        }
        let remote = r#"{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],"paths":{"/x":{"get":{"parameters":[{"$ref":"https://evil.example/x"}]}}}}"#;
        assert_eq!(parse(remote.as_bytes(), None, None).unwrap().tools.len(), 1, "nothing is fetched for a reference");
    }
}
