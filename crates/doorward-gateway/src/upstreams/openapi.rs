//! REST APIs that are described by an OpenAPI 3.0 or 3.1 document: each operation becomes a tool
//! (CW7).

mod document;
mod operation;
mod schema;

use std::{sync::Arc, time::Duration};

use doorward_mcp::{ToolCall, ToolError};
use doorward_transport::{Budget, budget, outbound::Fetched};
use http::HeaderValue;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde_json::Value;
use url::Url;

pub(crate) use self::operation::Operation;
use crate::{
    Gateway,
    access::{LinkAuth, NoToken},
    definition::Shown,
    left_out::LeftOut,
    link::LinkError,
    upstream::{Auth, Shared},
};

/// The most bytes of a document.
const MOST_DOCUMENT: usize = 32 * 1024 * 1024;
/// The most values of an answer that is passed on as structured content, and how deep they are
/// nested; a larger one is text alone.
const MOST_VALUES: usize = 250_000;
const MOST_DEPTH: usize = 100;
/// Answers of more bytes are read off the asynchronous threads.
const READ_APART: usize = 256 * 1024;
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
    /// Its operations as tools.
    pub(crate) tools: Vec<Shown>,
    /// The operations that are no tools.
    pub(crate) left_out: LeftOut,
}

impl Api {
    /// What it is, in a line.
    pub(crate) fn summary(&self) -> String {
        let title = doorward_model::foreign::line(&self.title, 100);
        format!("{title}: {} operations at {}", self.tools.len(), self.base)
    }
}

/// Reads the document of an upstream.
pub(crate) async fn load(upstream: &Shared) -> Result<Api, LinkError> {
    let place = &upstream.config.document;
    let failed = |why: String| LinkError::Failed(format!("the document {place}: {why}"));
    let (text, at) = match Url::parse(place) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => {
            let request = http::Request::get(url.as_str())
                .header(http::header::ACCEPT, "application/json, application/yaml, text/yaml, */*")
                .body(Vec::new());
            let request = request.map_err(|error| failed(error.to_string()))?;
            let answer = upstream
                .outbound
                .send_within(request, MOST_DOCUMENT, Duration::from_secs(30))
                .await
                .map_err(|error| failed(error.to_string()))?;
            if answer.status != 200 {
                return Err(failed(format!("HTTP {}", answer.status)));
            }
            (answer.body, Some(url))
        }
        _ => {
            use tokio::io::AsyncReadExt;
            let file =
                tokio::fs::File::open(place).await.map_err(|error| failed(error.to_string()))?;
            let mut text = Vec::new();
            file.take(MOST_DOCUMENT as u64 + 1)
                .read_to_end(&mut text)
                .await
                .map_err(|error| failed(error.to_string()))?;
            if text.len() > MOST_DOCUMENT {
                return Err(failed("it is too long".to_owned()));
            }
            (text, None)
        }
    };
    let owned = Arc::clone(upstream);
    let parse = move || {
        let wanted = document::Wanted {
            configured: owned.url.clone(),
            at,
            origins: &owned.origins,
            offers: &|name| owned.offers(name),
        };
        document::parse(&text, &wanted)
    };
    budget::off_thread(parse).await.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

/// An API's answer as a result.
async fn result(answer: Fetched) -> CallToolResult {
    if answer.body.len() < READ_APART {
        return read(&answer);
    }
    budget::off_thread(move || read(&answer))
        .await
        .unwrap_or_else(|error| CallToolResult::error(vec![ContentBlock::text(error.to_string())]))
}

fn read(answer: &Fetched) -> CallToolResult {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if !(200..300).contains(&answer.status) {
        let shown: String = text.chars().take(MOST_ERROR).collect();
        return CallToolResult::error(vec![ContentBlock::text(
            format!("HTTP {} {shown}", answer.status).trim().to_owned(),
        )]);
    }
    let kind = answer
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_json = kind
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim() == "application/json" || kind.trim().ends_with("+json"));
    let structured = is_json.then(|| {
        Budget::new(answer.body.len(), MOST_VALUES, MOST_DEPTH).json::<Value>(&answer.body)
    });
    match structured {
        Some(Ok(value @ Value::Object(_))) => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = Some(value);
            result
        }
        _ if text.is_empty() => CallToolResult::success(vec![ContentBlock::text(format!(
            "Done (HTTP {}).",
            answer.status
        ))]),
        _ if std::str::from_utf8(&answer.body).is_err() => {
            CallToolResult::error(vec![ContentBlock::text(format!(
                "The answer is {} bytes of {kind}, which is not text.",
                answer.body.len()
            ))])
        }
        _ => CallToolResult::success(vec![ContentBlock::text(text)]),
    }
}

impl Gateway {
    /// Makes a call of a REST API.
    pub(crate) async fn call_api(
        &self,
        call: ToolCall,
        upstream: &Shared,
        operation: &Operation,
    ) -> Result<CallToolResponse, ToolError> {
        // The one place from which a REST API is called: the user's access goes nowhere else than
        // to where the operator said that the API is.
        if !upstream.origins.allow(operation.base()) {
            let origin = operation.base().origin().ascii_serialization();
            return Err(ToolError::Failed(format!(
                "{} is not called: its calls go to {origin}, which the operator did not name",
                upstream.title
            )));
        }
        let arguments = call.arguments();
        let auth = LinkAuth {
            gateway: Arc::clone(&self.inner),
            upstream: Arc::clone(upstream),
            person: upstream.auth.is_personal().then(|| Arc::clone(&call.visit.caller.person)),
        };
        let token = match auth.token().await {
            Ok(token) => token,
            Err(NoToken::Connect(_)) => {
                return self.ask_to_connect(&call.visit, upstream, &call.params).await;
            }
            Err(NoToken::Unavailable(why)) => {
                return Err(ToolError::Failed(format!(
                    "{} cannot be called: {why}",
                    upstream.title
                )));
            }
        };
        let send = async |token: Option<&str>| {
            let mut request = operation.request(&arguments)?;
            let headers = request.headers_mut();
            if let Auth::Fixed(name, value) = &upstream.auth {
                headers.insert(name.clone(), value.clone());
            }
            if let Some(token) = token {
                let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                    .map_err(|_| ToolError::Failed("the token cannot be sent".to_owned()))?;
                value.set_sensitive(true);
                headers.insert(http::header::AUTHORIZATION, value);
            }
            let within = if upstream.config.call_seconds > 0 {
                Duration::from_secs(upstream.config.call_seconds)
            } else {
                WITHIN
            };
            let most = if upstream.config.result_bytes > 0 {
                upstream.config.result_bytes
            } else {
                MOST_ANSWER
            };
            let answer = upstream.outbound.send_within(request, most, within).await;
            answer.map_err(|error| {
                ToolError::Failed(format!("{} could not be asked: {error}", upstream.title))
            })
        };
        let answered = tokio::select! {
            answered = send(token.as_deref()) => answered?,
            () = call.cancelled.cancelled() => return Err(ToolError::Failed("cancelled".to_owned())),
        };
        let (401, Some(refused)) = (answered.status, token) else {
            return Ok(result(answered).await.into());
        };
        if let Some(said) = answered
            .headers
            .get(http::header::WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok())
        {
            auth.challenged(said);
        }
        match auth.renewed(&refused).await {
            Ok(Some(fresh)) => {
                let again = send(Some(&fresh)).await?;
                if again.status == 401 {
                    auth.refused(&fresh).await;
                }
                Ok(result(again).await.into())
            }
            Ok(None) => Ok(result(answered).await.into()),
            Err(NoToken::Connect(_)) => {
                self.ask_to_connect(&call.visit, upstream, &call.params).await
            }
            Err(NoToken::Unavailable(why)) => {
                Err(ToolError::Failed(format!("{} cannot be called: {why}", upstream.title)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::{
        document::{Wanted, parse},
        *,
    };

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

    fn read(text: &str) -> Result<Api, String> {
        parse(
            text.as_bytes(),
            &Wanted {
                configured: None,
                at: None,
                origins: &crate::upstream::Origins::default(),
                offers: &|_| true,
            },
        )
    }

    fn api() -> Api {
        read(DOCUMENT).unwrap()
    }

    fn shown<'a>(api: &'a Api, name: &str) -> &'a Shown {
        api.tools.iter().find(|shown| shown.tool.name == name).unwrap()
    }

    /// The request of a call, made of the pinned text alone.
    fn request(name: &str, arguments: &Value) -> Result<http::Request<Vec<u8>>, ToolError> {
        let pinned = shown(&api(), name).whole();
        Shown::of(&pinned).unwrap().operation.unwrap().request(arguments.as_object().unwrap())
    }

    #[test]
    fn operations_become_tools_with_their_class_and_schema() {
        let api = api();
        assert_eq!(api.base.as_str(), "https://eu.pets.example/v1");
        assert_eq!(
            api.tools.iter().map(|shown| shown.tool.name.to_string()).collect::<Vec<_>>(),
            ["post_pets", "wipe", "pets_readFile"]
        );
        let classes: Vec<_> = api
            .tools
            .iter()
            .map(|shown| crate::definition::class_of(&shown.tool).unwrap().as_str())
            .collect();
        assert_eq!(classes, ["write", "destructive", "read"]);
        let read = &shown(&api, "pets_readFile").tool.input_schema;
        assert_eq!(read["required"], json!(["path", "petId"]));
        assert!(
            read["properties"].get("Authorization").is_none(),
            "what authorises is not for the model to say"
        );
        let post = &shown(&api, "post_pets").tool.input_schema;
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
        assert_eq!(
            made.uri().to_string(),
            "https://eu.pets.example/v1/pets/..%2Fadmin/files/a%2Fb%3Fc%23d%252f?tags=x&tags=y&filter%5Ba%5D=1&ids=1%2C2"
        );
        assert_eq!(made.headers()["x-trace"], "t");
        for (pet, seen) in [
            ("a\\b", "a%5Cb"),
            ("...", "..."),
            ("%2e", "%252e"),
            ("%2e%2e", "%252e%252e"),
            ("\u{0}", "%00"),
        ] {
            let made = request("pets_readFile", &json!({"petId": pet, "path": "x"})).unwrap();
            assert_eq!(made.uri().path(), format!("/v1/pets/{seen}/files/x"), "{pet:?}");
        }
        for climbing in [".", "..", ""] {
            assert!(
                matches!(
                    request("pets_readFile", &json!({"petId": climbing, "path": "x"})),
                    Err(ToolError::Arguments(_))
                ),
                "{climbing:?}"
            );
        }
        assert!(
            matches!(request("pets_readFile", &json!({"path": "x"})), Err(ToolError::Arguments(why)) if why.contains("petId"))
        );
        assert!(matches!(
            request(
                "pets_readFile",
                &json!({"petId": "1", "path": "x", "X-Trace": "a\r\nEvil: 1"})
            ),
            Err(ToolError::Arguments(_))
        ));
    }

    #[test]
    fn bodies_hold_what_the_schema_names() {
        let made = request("post_pets", &json!({"name": "Rex", "age": 3, "evil": true})).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(made.body()).unwrap(),
            json!({"name": "Rex", "age": 3})
        );
        assert_eq!(made.headers()["content-type"], "application/json");
        assert_eq!(request("wipe", &json!({})).unwrap().method(), Method::DELETE);
    }

    #[test]
    fn what_is_no_document_is_refused_with_a_reason() {
        for (text, why) in [
            ("{}", "OpenAPI"),
            ("swagger: '2.0'", "OpenAPI"),
            ("openapi: 3.1.0", "set url"),
            ("{", "EOF"),
            ("\u{1}: [", ""),
        ] {
            let error = read(text).err().unwrap();
            assert!(error.contains(why), "{text}: {error}");
        }
        let remote = r#"{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],"paths":{"/x":{"get":{"parameters":[{"$ref":"https://evil.example/x"}]}}}}"#;
        assert_eq!(read(remote).unwrap().tools.len(), 1, "nothing is fetched for a reference");
    }

    #[test]
    fn everything_that_decides_where_a_call_goes_and_what_it_sends_is_pinned() {
        let long = "x".repeat(4100);
        let document = |server: &str,
                        path: &str,
                        place: &str,
                        security: &str,
                        token_url: &str,
                        words: &str| {
            json!({
                "openapi": "3.1.0", "servers": [{"url": server}], "security": [{security: ["a"]}],
                "components": {"securitySchemes": {"one": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": {"a": "words"}}}}, "two": {"type": "http", "scheme": "basic"}}},
                "paths": {path: {"get": {"operationId": "x", "description": words, "parameters": [{"name": "id", "in": place, "required": true, "schema": {"type": "string"}}]}}},
            })
        };
        let whole = |document: Value| shown(&read(&document.to_string()).unwrap(), "x").whole();
        let before = whole(document(
            "https://a.example",
            "/x/{id}",
            "query",
            "one",
            "https://t.example",
            &long,
        ));
        for (what, changed) in [
            (
                "server",
                document(
                    "https://b.example",
                    "/x/{id}",
                    "query",
                    "one",
                    "https://t.example",
                    &long,
                ),
            ),
            (
                "path",
                document(
                    "https://a.example",
                    "/admin/{id}",
                    "query",
                    "one",
                    "https://t.example",
                    &long,
                ),
            ),
            (
                "place",
                document("https://a.example", "/x/{id}", "path", "one", "https://t.example", &long),
            ),
            (
                "scheme",
                document(
                    "https://a.example",
                    "/x/{id}",
                    "query",
                    "two",
                    "https://t.example",
                    &long,
                ),
            ),
            (
                "token address",
                document(
                    "https://a.example",
                    "/x/{id}",
                    "query",
                    "one",
                    "https://u.example",
                    &long,
                ),
            ),
            (
                "words behind what is shown",
                document(
                    "https://a.example",
                    "/x/{id}",
                    "query",
                    "one",
                    "https://t.example",
                    &format!("{long}!"),
                ),
            ),
        ] {
            assert_ne!(whole(changed), before, "{what}");
        }
        assert_eq!(
            whole(document(
                "https://a.example",
                "/x/{id}",
                "query",
                "one",
                "https://t.example",
                &long
            )),
            before
        );
    }

    #[test]
    fn a_short_document_cannot_take_much_memory() {
        // Each level names the next one forty times: 40^16 values, if it were written out.
        let level = |number: usize| {
            let next = json!({"$ref": format!("#/components/schemas/s{}", number + 1)});
            json!({"type": "object", "properties": (0..40).map(|index| (format!("p{index}"), next.clone())).collect::<serde_json::Map<_, _>>()})
        };
        let schemas: serde_json::Map<_, _> =
            (0..16).map(|number| (format!("s{number}"), level(number))).collect();
        let operation = json!({"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/s0"}}}}});
        let paths: serde_json::Map<_, _> =
            (0..60).map(|number| (format!("/p{number}"), json!({"post": operation}))).collect();
        let wide = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": paths, "components": {"schemas": schemas}}).to_string();
        let api = read(&wide).unwrap();
        assert!(
            wide.len() < 50_000
                && api.tools.iter().map(|shown| shown.whole().len()).sum::<usize>() < 100_000
        );
        assert_eq!(api.tools.len() + api.left_out.count(), 60);
        // What is referred to again and again is charged again and again, also where it is only
        // looked at.
        let shared: Vec<Value> =
            (0..2000).map(|number| json!({"name": format!("n{number}"), "in": "query", "schema": {"enum": (0..200).collect::<Vec<_>>()}})).collect();
        let paths: serde_json::Map<_, _> = (0..3000)
            .map(|number| (format!("/p{number}"), json!({"$ref": "#/components/pathItems/one"})))
            .collect();
        let many = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": paths, "components": {"pathItems": {"one": {"get": {}, "parameters": shared}}}});
        assert!(read(&many.to_string()).unwrap().left_out.count() > 2900);
        // Aliases of YAML are charged with the bytes and values that they stand for.
        let mut bomb = format!("openapi: 3.1.0\na0: &a0 \"{}\"\n", "y".repeat(1000));
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            bomb = format!("{bomb}a{level}: &a{level} [{}]\n", vec![before; 20].join(", "));
        }
        bomb.push_str("paths: {}\n");
        let error = read(&bomb).err().unwrap();
        assert!(bomb.len() < 3000 && !error.contains("no operations"), "{error}");
    }

    #[test]
    fn a_document_cannot_send_calls_to_an_origin_that_the_operator_did_not_name() {
        let text = r#"{"openapi":"3.1.0","servers":[{"url":"https://evil.example/v1"}],"paths":{"/x":{"get":{}}}}"#;
        let at = Some(Url::parse("https://api.example/openapi.json").unwrap());
        let read = |origins: &[&str], configured: Option<&str>| {
            let configured = configured.map(|url| Url::parse(url).unwrap());
            let more = origins.iter().map(|url| Url::parse(url).unwrap().origin()).collect();
            let own = configured.as_ref().or(at.as_ref()).map(Url::origin);
            let origins = crate::upstream::Origins::new(own, more);
            parse(
                text.as_bytes(),
                &Wanted { configured, at: at.clone(), origins: &origins, offers: &|_| true },
            )
            .map(|api| api.base.to_string())
        };
        let refused = read(&[], None).unwrap_err();
        assert!(
            refused.contains("https://evil.example") && refused.contains("origins"),
            "{refused}"
        );
        assert_eq!(read(&["https://evil.example"], None).unwrap(), "https://evil.example/v1");
        assert_eq!(
            read(&[], Some("https://api.example/base")).unwrap(),
            "https://api.example/base"
        );
    }
}
