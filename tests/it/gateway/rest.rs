//! REST APIs as their documents really are: servers, references, names, answers.

mod classes;
mod places;
mod sending;
mod variants;

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_gateway::{Decision, UpstreamConfig};
use doorward_model::{
    UpstreamName,
    upstream::{PinnedTool, ToolState},
};
use doorward_testkit::{FakeApi, TestServer, gzipped};
use serde_json::{Map, Value, json};

use super::{GatewayUser, gateway_user, list, tools, with_config};

/// A server with one API that has this document, and a user.
async fn serving(api: &FakeApi, document: &Value) -> (TestServer, GatewayUser) {
    api.describe(document);
    configured(api.config()).await
}

async fn configured(config: UpstreamConfig) -> (TestServer, GatewayUser) {
    let server = with_config(&[], |all| drop(all.upstreams.insert("api".to_owned(), config))).await;
    let alice = gateway_user(&server, "alice").await;
    (server, alice)
}

/// A document of OpenAPI 3.0 with these paths, and these components.
#[expect(clippy::needless_pass_by_value, reason = "a document is made of its parts")]
fn document(paths: Value, components: Value) -> Value {
    json!({"openapi": "3.0.3", "info": {"title": "API", "version": "1"}, "servers": [{"url": "/v1"}], "paths": paths, "components": components})
}

async fn schema(server: &TestServer, gateway_user: &GatewayUser, tool: &str) -> Value {
    let all = list(server, &gateway_user.token).await;
    let found = all.iter().find(|one| one["name"] == tool);
    found.unwrap_or_else(|| panic!("no tool {tool}: {all:?}"))["inputSchema"].clone()
}

/// The request of a call as it arrived: method and path, media type, body.
async fn sent(
    server: &TestServer,
    gateway_user: &GatewayUser,
    api: &FakeApi,
    tool: &str,
    arguments: Value,
) -> (String, String, String) {
    let called = server.call(&gateway_user.token, tool, arguments).await.expect(200).json();
    assert_ne!(called["result"]["isError"], true, "{called}");
    let state = api.state();
    let kind = state.last.0.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let body = String::from_utf8_lossy(&state.last.1).into_owned();
    (state.calls.last().unwrap().0.clone(), kind.unwrap_or_default(), body)
}

/// The words of `upstream test` about offers that were left out.
async fn left_out(server: &TestServer) -> (bool, String) {
    let upstream = server.app.gateway.named("api").await.unwrap();
    let findings = server.app.gateway.test(&upstream, None).await;
    let told = findings.into_iter().find(|finding| finding.subject.as_str() == "left out");
    told.map_or((true, String::new()), |finding| match finding.result {
        Ok(told) => (true, told),
        Err(told) => (false, told),
    })
}

#[tokio::test]
async fn the_servers_of_an_operation_count_more_than_those_of_its_path_and_of_the_document() {
    let (api, other) = (FakeApi::start().await, FakeApi::start().await);
    let get = |id: &str| json!({"operationId": id, "responses": {}});
    let paths = json!({
        "/plain": {"get": get("plain")},
        "/of-path": {"servers": [{"url": format!("{}/files/v2", api.origin)}], "get": get("of_path")},
        "/of-operation": {
            "servers": [{"url": "/wrong"}],
            "get": {"operationId": "of_operation", "servers": [{"url": "/{place}", "variables": {"place": {"default": "uploads"}}}]},
        },
        "/elsewhere": {"get": {"operationId": "elsewhere", "servers": [{"url": &other.origin}]}},
        "/nowhere": {"get": {"operationId": "nowhere", "servers": [{"url": "https://{unknown}.example"}]}},
    });
    let (server, alice) = serving(&api, &document(paths.clone(), json!({}))).await;
    for (tool, path) in [
        ("api_plain", "GET /v1/plain"),
        ("api_of_path", "GET /files/v2/of-path"),
        ("api_of_operation", "GET /uploads/of-operation"),
    ] {
        assert_eq!(sent(&server, &alice, &api, tool, json!({})).await.0, path);
    }
    let named = tools(&server, &alice.token).await;
    assert!(!named.iter().any(|name| name == "api_elsewhere" || name == "api_nowhere"));
    let (good, told) = left_out(&server).await;
    assert!(
        !good
            && told.contains(&format!("elsewhere at {}", other.origin))
            && told.contains("nowhere"),
        "{told}"
    );
    server.user_with("root", &["admin"]).await;
    let page =
        server.signed_in("root").await.get(&server.at("/admin/upstreams/api")).await.expect(200);
    assert!(page.body.contains("elsewhere at"), "{}", page.body);
    assert!(other.state().calls.is_empty(), "the key went nowhere else");
    // The operator names the origin: it is called with the key.
    let listed = UpstreamConfig { origins: vec![other.origin.clone()], ..api.config() };
    let (server, alice) = configured(listed).await;
    server.call(&alice.token, "api_elsewhere", json!({})).await.expect(200);
    assert_eq!(other.state().calls, [("GET /elsewhere".to_owned(), "secret".to_owned())]);
    // `url` counts more than all of them.
    let fixed = UpstreamConfig { url: format!("{}/fixed", api.origin), ..api.config() };
    let (server, alice) = configured(fixed).await;
    for tool in ["api_plain", "api_of_path", "api_of_operation", "api_elsewhere", "api_nowhere"] {
        let path = sent(&server, &alice, &api, tool, json!({})).await.0;
        assert!(path.starts_with("GET /fixed/"), "{tool}: {path}");
    }
}

#[tokio::test]
async fn nothing_of_a_body_is_lost_when_it_is_taken_apart() {
    let api = FakeApi::start().await;
    let components = json!({"schemas": {
        "Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "id": {"type": "integer", "readOnly": true}, "secret": {"type": "string", "writeOnly": true}}},
        "Cat": {"type": "object", "allOf": [{"$ref": "#/components/schemas/Pet"}, {"required": ["volume", "id"]}], "properties": {"volume": {"type": "integer"}}},
        "Either": {"oneOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "object", "properties": {"tag": {"type": "string"}}}]},
        "Open": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
        "Any": {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}},
        "Few": {"type": "object", "minProperties": 1, "properties": {"a": {}}},
        "Odd": {"type": "object", "properties": {"名前": {}, "a": {}}},
        "Null": {"type": "object", "nullable": true, "properties": {"a": {}}},
        "Unknown": {"allOf": [{"$ref": "#/components/schemas/Gone"}, {"type": "object", "properties": {"a": {}}}]},
        "Deep": {"allOf": [{"$ref": "#/components/schemas/Level0"}, {"type": "object", "properties": {"a": {}}}]},
        "Nested": {"allOf": [{"allOf": [{"$ref": "#/components/schemas/Cat"}]}, {"type": "object", "properties": {"volume": {"minimum": 1}}}]},
    }});
    let schemas: Vec<String> = components["schemas"].as_object().unwrap().keys().cloned().collect();
    // A type with many ancestors.
    let mut components = components;
    for level in 0..12 {
        let above = json!({"$ref": format!("#/components/schemas/Level{}", level + 1)});
        let own = json!({"type": "object", "properties": {format!("own{level}"): {}}});
        components["schemas"][format!("Level{level}")] = json!({"allOf": [above, own]});
    }
    components["schemas"]["Level12"] = json!({"type": "object", "properties": {"top": {}}});
    let paths: Map<String, Value> = schemas
        .iter()
        .map(|name| {
            let schema = json!({"$ref": format!("#/components/schemas/{name}")});
            let post = json!({"operationId": format!("make_{name}"), "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}}});
            (format!("/{name}"), json!({"post": post}))
        })
        .collect();
    let (server, alice) = serving(&api, &document(paths.into(), components)).await;
    let made = schema(&server, &alice, "api_make_Cat").await;
    assert_eq!(made["required"], json!(["name", "volume"]));
    let names: Vec<&String> = made["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["name", "secret", "volume"], "what is only read is not sent");
    let arguments = json!({"name": "Tom", "volume": 3, "secret": "s"});
    let body = sent(&server, &alice, &api, "api_make_Cat", arguments.clone()).await.2;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), arguments);
    let nested = schema(&server, &alice, "api_make_Nested").await;
    assert_eq!(
        nested["properties"]["volume"],
        json!({"allOf": [{"type": "integer"}, {"minimum": 1}]})
    );
    for name in ["Either", "Open", "Any", "Few", "Null", "Odd", "Unknown", "Deep"] {
        let tool = format!("api_make_{name}");
        let whole = schema(&server, &alice, &tool).await;
        assert_eq!(whole["required"], json!(["body"]), "{name}: {whole}");
        let value = json!({"a": "x", "more": 7});
        let body = sent(&server, &alice, &api, &tool, json!({"body": value})).await.2;
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), value, "{name}");
    }
    let whole = schema(&server, &alice, "api_make_Open").await;
    assert_eq!(whole["properties"]["body"]["additionalProperties"], json!({"type": "integer"}));
}

#[tokio::test]
async fn references_are_uri_fragments_and_one_that_leads_nowhere_takes_anything_and_is_named() {
    let api = FakeApi::start().await;
    let body = |reference: &str| json!({"required": true, "content": {"application/json": {"schema": {"$ref": reference}}}});
    let components = json!({"schemas": {
        "Page«User»": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}},
        "a/b~c": {"type": "object", "properties": {"x": {"type": "string"}}},
        "100%": {"type": "object", "properties": {"y": {"type": "string"}}},
        "Lost": {"type": "object", "properties": {"gone": {"$ref": "#/components/schemas/Nothing"}, "kept": {"type": "string"}}},
        "Loop": {"$ref": "#/components/schemas/Loop"},
    }});
    let paths = json!({
        "/pages": {"post": {"operationId": "make_page", "requestBody": body("#/components/schemas/Page%C2%ABUser%C2%BB")}},
        "/plain": {"post": {"operationId": "make_plain", "requestBody": body("#/components/schemas/Page«User»")}},
        "/slash": {"post": {"operationId": "make_slash", "requestBody": body("#/components/schemas/a~1b~0c")}},
        "/percent": {"post": {"operationId": "make_percent", "requestBody": body("#/components/schemas/100%25")}},
        "/raw": {"post": {"operationId": "make_raw", "requestBody": body("#/components/schemas/100%")}},
        "/lost": {"post": {"operationId": "make_lost", "requestBody": body("#/components/schemas/Lost")}},
        "/none": {"post": {"operationId": "make_none", "requestBody": body("other.json#/Pet")}},
        "/loop": {"post": {"operationId": "make_loop", "requestBody": body("#/components/schemas/Loop")}},
        "/users/{id}": {"get": {"operationId": "user", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}]}},
        "/users/{id}/pages": {"get": {"operationId": "pages_of_user", "parameters": [{"$ref": "#/paths/~1users~1%7Bid%7D/get/parameters/0"}]}},
        "/teams/{id}/pages": {"get": {"operationId": "pages_of_team", "parameters": [{"$ref": "#/components/parameters/Gone"}]}},
        "/bad/{id": {"get": {"operationId": "bad"}},
    });
    let (server, alice) = serving(&api, &document(paths, components)).await;
    for (tool, member) in
        [("page", "size"), ("plain", "size"), ("slash", "x"), ("percent", "y"), ("raw", "y")]
    {
        let made = schema(&server, &alice, &format!("api_make_{tool}")).await;
        assert!(made["properties"][member]["type"].is_string(), "{tool}: {made}");
    }
    let lost = schema(&server, &alice, "api_make_lost").await;
    assert_eq!(lost["properties"], json!({"gone": {}, "kept": {"type": "string"}}));
    for tool in ["api_make_none", "api_make_loop"] {
        let none = schema(&server, &alice, tool).await;
        assert_eq!(none["properties"], json!({"body": {}}), "{tool}");
    }
    for (tool, path) in [
        ("api_user", "GET /v1/users/7"),
        ("api_pages_of_user", "GET /v1/users/7/pages"),
        ("api_pages_of_team", "GET /v1/teams/7/pages"),
    ] {
        assert_eq!(sent(&server, &alice, &api, tool, json!({"id": 7})).await.0, path);
    }
    let (_, told) = left_out(&server).await;
    for named in [
        "make_lost: #/components/schemas/Nothing",
        "make_none: other.json#/Pet",
        "pages_of_team: #/components/parameters/Gone",
        "bad (a part of its path has no parameter)",
    ] {
        assert!(told.contains(named), "{named}: {told}");
    }
}

#[tokio::test]
async fn operations_whose_names_meet_are_all_offered_and_keep_their_names() {
    let api = FakeApi::start().await;
    let get = |id: &str| json!({"get": {"operationId": id}});
    let mut paths = json!({"/b": get("list"), "/c": get("list"), "/d": get("li/st"), "/e": get("li.st"), "/f": get("取得"), "/g": get("x".repeat(300).as_str()), "/h": get(&format!("{}y", "x".repeat(300)))});
    let (server, alice) = serving(&api, &document(paths.clone(), json!({}))).await;
    let of_api = async || -> Vec<String> {
        tools(&server, &alice.token)
            .await
            .into_iter()
            .filter(|name| name.starts_with("api_"))
            .collect()
    };
    let before = of_api().await;
    assert_eq!(before.len(), 7, "{before:?}");
    let path_of = async |tool: &str| sent(&server, &alice, &api, tool, json!({})).await.0;
    let mut reached = Vec::new();
    for tool in &before {
        reached.push(path_of(tool).await);
    }
    let mut all = reached.clone();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 7, "each leads to its own operation: {reached:?}");
    // One of the same name that comes first takes no name away.
    paths["/a"] = get("list");
    api.describe(&document(paths, json!({})));
    for _ in 0..100 {
        if of_api().await.len() == 8 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(of_api().await.len(), 8);
    for (tool, path) in before.iter().zip(&reached) {
        assert_eq!(&path_of(tool).await, path, "{tool}");
    }
}

#[tokio::test]
async fn a_decision_of_an_older_version_stays_when_more_of_the_document_is_read() {
    let api = FakeApi::start().await;
    let put = json!({"put": {"operationId": "put", "summary": "Puts.", "requestBody": {"content": {"application/json": {"schema": {"allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}}}}}}});
    let wanted = document(json!({"/x": put, "/y": put.clone()}), json!({}));
    api.describe(&wanted);
    let config = UpstreamConfig { approve: "manual".to_owned(), ..api.config() };
    let (server, alice) = configured(config.clone()).await;
    let upstream = UpstreamName::parse("api").unwrap();
    assert!(!tools(&server, &alice.token).await.iter().any(|name| name.starts_with("api_")));
    let pins = server.app.store.pinned_tools(upstream).await.unwrap();
    assert_eq!(pins.len(), 2);
    let name = pins.iter().map(|pin| pin.tool.clone()).find(|name| name == "put").unwrap();
    // As the previous version pinned it: the parts that it read of the same document.
    let older = |pin: &PinnedTool, path: &str| {
        let mut definition: Value = serde_json::from_str(&pin.definition).unwrap();
        definition["annotations"]["destructiveHint"] = true.into();
        definition["inputSchema"] = json!({"type": "object", "properties": {"b": {}}});
        definition["operation"] = json!({"method": "PUT", "base": format!("{}/v1", api.origin), "path": path, "parameters": [], "body": {"members": ["b"]}, "media_type": "application/json", "body_required": false, "security": null});
        let mut text = definition.to_string();
        text.insert(0, ' ');
        PinnedTool { state: ToolState::Approved, definition: text.trim().to_owned(), ..pin.clone() }
    };
    for (path, offered) in [("/x", true), ("/other", false)] {
        let server =
            with_config(&[], |all| drop(all.upstreams.insert("api".to_owned(), config.clone())))
                .await;
        let pin = pins.iter().find(|pin| pin.tool == name).unwrap();
        let change = doorward_model::UpstreamChange::PinNew(vec![older(pin, path)]);
        server.app.store.apply(doorward_model::Change::Upstream(change)).await.unwrap();
        let bob = gateway_user(&server, "bob").await;
        let is_offered = tools(&server, &bob.token).await.contains(&"api_put".to_owned());
        assert_eq!(is_offered, offered, "{path}");
        if offered {
            let sent = sent(&server, &bob, &api, "api_put", json!({"a": 1, "b": 2})).await;
            assert_eq!((sent.0.as_str(), sent.2.as_str()), ("PUT /v1/x", r#"{"a":1,"b":2}"#));
            let class = server.app.gateway.review(upstream).await.unwrap();
            let put = class.iter().find(|one| one.pin.tool == "put").unwrap();
            assert_eq!((put.state().as_str(), put.class().as_str()), ("approved", "write"));
        } else {
            let changed = server.app.gateway.pinned(upstream, "put").await.unwrap();
            server.app.gateway.decide(&changed, Decision::Approve, "test").await.unwrap();
        }
    }
}

#[tokio::test]
async fn responses_that_are_not_unicode_are_blocks_of_their_kind() {
    let api = FakeApi::start().await;
    let paths = json!({"/x": {"get": {"operationId": "read"}}});
    let (server, alice) = serving(&api, &document(paths, json!({}))).await;
    let answered = async |status: u16, kind: &'static str, body: &[u8]| {
        api.state().reply = Some((status, kind, body.to_vec()));
        server.call(&alice.token, "api_read", json!({})).await.expect(200).json()["result"].clone()
    };
    let image = answered(200, "image/png", b"\x89PNG\xff").await;
    assert_eq!(
        image["content"][0],
        json!({"type": "image", "mimeType": "image/png", "data": STANDARD.encode(b"\x89PNG\xff")})
    );
    assert_eq!(answered(200, "audio/ogg", b"\xff").await["content"][0]["type"], "audio");
    let file = answered(200, "application/pdf", b"%PDF-\xff").await;
    assert_eq!(file["content"][0]["resource"]["blob"], STANDARD.encode(b"%PDF-\xff"));
    let latin = answered(200, "text/plain; charset=ISO-8859-1", b"caf\xe9").await;
    assert_eq!(latin["content"][0]["text"], "café");
    let latin = answered(200, "application/json; charset=iso-8859-1", b"{\"a\":\"\xe9\"}").await;
    assert_eq!(latin["structuredContent"], json!({"a": "é"}));
    for status in [200, 204] {
        let empty = answered(status, "application/json", b"").await;
        assert!(
            empty["isError"] != true
                && empty["content"][0]["text"].as_str().unwrap().contains("empty"),
            "{empty}"
        );
    }
    api.state().header = Some(("content-encoding", "gzip"));
    for body in [gzipped(b"{\"a\":1}"), b"{\"a\":1}".to_vec()] {
        let packed = answered(200, "application/json", &body).await;
        assert_eq!(packed["structuredContent"], json!({"a": 1}), "{packed}");
    }
    let bomb = gzipped(&vec![b' '; 1024 * 1024]).repeat(64);
    let packed = answered(200, "text/plain", &bomb).await;
    let told = packed["content"][0]["text"].as_str().unwrap();
    assert!(packed["isError"] == true && told.contains("longer than"), "{packed}");
    api.state().header = Some(("content-encoding", "br"));
    let packed = answered(200, "application/json", b"\x1f\x8b").await;
    let told = packed["content"][0]["text"].as_str().unwrap();
    assert!(
        packed["isError"] == true
            && told.contains("HTTP 200 with a response that is compressed (br)"),
        "{packed}"
    );
    api.state().header = None;
    let moved = answered(302, "text/html", b"<p>").await;
    assert_eq!(moved["isError"], true);
    api.state().header = Some(("retry-after", "7"));
    for status in [429, 503] {
        let busy = answered(status, "text/plain", b"later").await;
        let told = format!("HTTP {status} it asks to wait 7 seconds. later");
        assert_eq!((&busy["isError"], &busy["content"][0]["text"]), (&json!(true), &json!(told)));
    }
}

#[tokio::test]
async fn redirects_that_keep_a_request_within_its_origin_are_followed() {
    let (api, other) = (FakeApi::start().await, FakeApi::start().await);
    let paths = json!({"/x": {"post": {"operationId": "write", "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "properties": {"a": {}}}}}}}}});
    let (server, alice) = serving(&api, &document(paths, json!({}))).await;
    let arguments = json!({"a": 1});
    for (status, target) in [
        (307, "/moved/x/".to_owned()),
        (308, format!("{}/moved/x/", api.origin)),
        (307, "../moved/x/".to_owned()),
        (308, api.origin.replace("http:", "") + "/moved/x/"),
        (307, api.origin.replace("http:", "HTTP:") + "/moved/x/#top"),
        (308, "/v1/../moved/./x/".to_owned()),
    ] {
        api.state().redirect = Some((status, target));
        let (called, kind, body) =
            sent(&server, &alice, &api, "api_write", arguments.clone()).await;
        assert_eq!(
            (called.as_str(), kind.as_str(), body.as_str()),
            ("POST /moved/x/", "application/json", r#"{"a":1}"#)
        );
        assert_eq!(api.state().calls.last().unwrap().1, "secret");
    }
    for (status, target) in [
        (307, other.origin.clone()),
        (301, "/moved/x/".to_owned()),
        (302, "/moved/x/".to_owned()),
        (303, "/moved/x/".to_owned()),
        (307, "/again".to_owned()),
        // Another scheme or port is another origin.
        (308, api.origin.replace("http:", "https:") + "/moved/x/"),
        (307, "http://127.0.0.1:1/moved/x/".to_owned()),
        (302, "mailto:a@b.example".to_owned()),
    ] {
        api.state().redirect = Some((status, target.clone()));
        let called = server.call(&alice.token, "api_write", arguments.clone()).await.json();
        let text = called["result"]["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains(&format!("redirects to {target}")), "{text}");
    }
    assert!(other.state().calls.is_empty());
    // The document is found in the same way.
    api.state().redirect = Some((308, "/moved/docs/openapi".to_owned()));
    let (server, alice) = configured(api.config()).await;
    assert!(tools(&server, &alice.token).await.contains(&"api_write".to_owned()));
    api.state().redirect = None;
    assert_eq!(sent(&server, &alice, &api, "api_write", arguments).await.0, "POST /v1/x");
}

#[tokio::test]
async fn a_document_of_swagger_2_0_is_read() {
    let api = FakeApi::start().await;
    let host = api.origin.strip_prefix("http://").unwrap();
    let document = json!({
        "swagger": "2.0", "info": {"title": "Old", "version": "1"}, "host": host, "basePath": "/v2", "schemes": ["http"],
        "parameters": {"Id": {"name": "id", "in": "path", "required": true, "type": "integer"}},
        "paths": {
            "/pets/{id}": {
                "parameters": [{"$ref": "#/parameters/Id"}],
                "get": {"operationId": "pet", "parameters": [{"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"}]},
                "put": {"operationId": "replace", "parameters": [{"name": "pet", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Cat"}}]},
                "post": {"operationId": "upload", "consumes": ["multipart/form-data"], "parameters": [{"name": "file", "in": "formData", "type": "file", "required": true}, {"name": "note", "in": "formData", "type": "string"}]},
                "patch": {"operationId": "patch", "parameters": [{"name": "status", "in": "formData", "type": "string"}]},
            },
        },
        "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "id": {"type": "integer", "readOnly": true}}}, "Cat": {"allOf": [{"$ref": "#/definitions/Pet"}, {"properties": {"volume": {"type": "integer"}}}]}},
    });
    let (server, alice) = serving(&api, &document).await;
    let called = sent(&server, &alice, &api, "api_pet", json!({"id": 7, "tags": ["a", "b"]})).await;
    assert_eq!(called.0, "GET /v2/pets/7?tags=a%7Cb");
    // The path and the body have no name in common, since read-only members are not sent.
    let called =
        sent(&server, &alice, &api, "api_replace", json!({"id": 7, "name": "Tom", "volume": 3}))
            .await;
    assert_eq!(
        called,
        (
            "PUT /v2/pets/7".to_owned(),
            "application/json".to_owned(),
            r#"{"name":"Tom","volume":3}"#.to_owned()
        )
    );
    let called =
        sent(&server, &alice, &api, "api_upload", json!({"id": 7, "file": "aGk=", "note": "n"}))
            .await;
    assert!(
        called.1.starts_with("multipart/form-data; boundary=")
            && called.2.contains("\r\n\r\nhi\r\n"),
        "{called:?}"
    );
    let called = sent(&server, &alice, &api, "api_patch", json!({"id": 7, "status": "sold"})).await;
    assert_eq!(
        (called.1.as_str(), called.2.as_str()),
        ("application/x-www-form-urlencoded", "status=sold")
    );
    let all = list(&server, &alice.token).await;
    for (tool, class) in [("api_pet", (true, false)), ("api_replace", (false, false))] {
        let tool = all.iter().find(|one| one["name"] == tool).unwrap();
        let hints = &tool["annotations"];
        assert_eq!(
            (&hints["readOnlyHint"], &hints["destructiveHint"]),
            (&json!(class.0), &json!(class.1))
        );
    }
}
