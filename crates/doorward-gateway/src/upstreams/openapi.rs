//! REST APIs that are described by an OpenAPI 3.0 or 3.1 document: each operation becomes a tool (CW7).

mod document;
mod operation;

use std::{collections::HashMap, sync::Arc, time::Duration};

use doorward_mcp::{ToolCall, ToolError};
use doorward_transport::outbound::Fetched;
use http::HeaderValue;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, Tool};
use serde_json::Value;
use url::Url;

use self::operation::Operation;
use crate::{
    Gateway,
    access::{LinkAuth, NoToken},
    link::LinkError,
    upstream::{Auth, Shared, Upstream},
};

/// The most bytes of a document.
const MOST_DOCUMENT: usize = 32 * 1024 * 1024;
/// How long one request may take where nothing shorter is configured.
const WITHIN: Duration = Duration::from_mins(5);
/// The most bytes of an answer where nothing shorter is configured.
const MOST_ANSWER: usize = 8 * 1024 * 1024;
/// The most characters of an error that are passed on.
const MOST_ERROR: usize = 2000;

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
    let parsed = tokio::task::spawn_blocking(move || document::parse(&text, configured, at.as_ref())).await;
    parsed.map_err(|error| failed(error.to_string()))?.map_err(failed)
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
    use http::Method;
    use serde_json::json;

    use super::{document::parse, *};

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
