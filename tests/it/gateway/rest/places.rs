//! Places of paths, parameters and schemas in the forms that documents of products have.

use doorward_testkit::FakeApi;
use serde_json::{Map, Value, json};

use super::{super::tools, document, left_out, schema, sent, serving};

fn get(id: &str, parameters: &Value) -> Value {
    json!({"get": {"operationId": id, "parameters": parameters}})
}

fn path(name: &str) -> Value {
    json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string"}}])
}

fn query(name: &str) -> Value {
    json!([{"name": name, "in": "query", "schema": {"type": "string"}}])
}

#[tokio::test]
async fn the_places_of_a_path_are_filled_in_whatever_form_they_are_written() {
    let api = FakeApi::start().await;
    let id = json!({"id": "a b"});
    let cases = [
        ("/pattern/{id:[0-9]{2,4}}", path("id"), id.clone(), "/pattern/a%20b"),
        (
            "/google/{id=projects/*}:stop",
            path("id"),
            json!({"id": "projects/p x"}),
            "/google/projects/p%20x:stop",
        ),
        ("/plus/{+id}/x", path("id"), json!({"id": "a/b"}), "/plus/a/b/x"),
        ("/rest/{*id}", path("id"), json!({"id": "a/%2e"}), "/rest/a/%252e"),
        ("/encoded/%7Bid%7d/x", path("id"), id.clone(), "/encoded/a%20b/x"),
        ("/colon/:id/x", path("id"), id.clone(), "/colon/a%20b/x"),
        ("/angle/<int:id>", path("id"), id.clone(), "/angle/a%20b"),
        ("/query?id={id}&fix=1", path("id"), id.clone(), "/query?id=a%20b&fix=1"),
        ("/own?id={id}", query("id"), id.clone(), "/own?id=a%20b"),
        ("/alone?id={id}", json!([]), id.clone(), "/alone?id=a%20b"),
        ("/fields{?id,more}", query("id"), json!({"id": "1", "more": "2"}), "/fields?id=1&more=2"),
        (
            "/capital",
            json!([{"name": "id", "in": "Query", "required": "true"}]),
            id.clone(),
            "/capital?id=a%20b",
        ),
        ("/by-name", json!({"one": query("id")[0]}), id.clone(), "/by-name?id=a%20b"),
        (
            "/whole",
            json!([{"name": "all", "in": "querystring", "required": true, "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}]),
            json!({"all": {"a": "1", "b": "x y"}}),
            "/whole?a=1&b=x%20y",
        ),
    ];
    let paths: Map<String, Value> = cases
        .iter()
        .enumerate()
        .map(|(index, (path, parameters, ..))| {
            ((*path).to_owned(), get(&format!("op{index}"), parameters))
        })
        .collect();
    let (server, alice) = serving(&api, &document(paths.into(), json!({}))).await;
    for (index, (path, _, arguments, wanted)) in cases.into_iter().enumerate() {
        let made = sent(&server, &alice, &api, &format!("api_op{index}"), arguments).await.0;
        assert_eq!(made, format!("GET /v1{wanted}"), "{path}");
    }
    let calls = api.state().calls.len();
    // Several segments leave the API no more than one does.
    for (tool, argument) in [("api_op2", "../x"), ("api_op3", "a/../../x"), ("api_op3", "..")] {
        let called = server.call(&alice.token, tool, json!({"id": argument})).await.json();
        assert!(called["error"].is_object() || called["result"]["isError"] == true, "{called}");
    }
    assert_eq!(api.state().calls.len(), calls);
}

#[tokio::test]
async fn an_operation_whose_required_parameter_cannot_be_sent_is_named_as_left_out() {
    let api = FakeApi::start().await;
    let body =
        json!([{"name": "body", "in": "body", "required": true, "schema": {"type": "object"}}]);
    let json_query = json!([{"name": "q", "in": "querystring", "required": true, "content": {"application/json": {"schema": {"type": "object"}}}}]);
    let optional = json!([{"name": "x", "in": "nowhere"}, null, 7, {"in": "query"}]);
    let paths = json!({"/body": get("body", &body), "/json": get("json", &json_query), "/optional": get("optional", &optional), "/text": get("text", &json!("none"))});
    let (server, alice) = serving(&api, &document(paths, json!({}))).await;
    let named = tools(&server, &alice.token).await;
    let (good, told) = left_out(&server).await;
    assert!(!good && told.contains("2 left out"), "{told}");
    for (tool, offered) in [("body", false), ("json", false), ("optional", true), ("text", true)] {
        assert_eq!(named.contains(&format!("api_{tool}")), offered, "{tool}");
        assert!(told.contains(tool), "{tool}: {told}");
    }
}

#[tokio::test]
async fn members_of_subtypes_that_a_discriminator_distinguishes_are_sent() {
    let api = FakeApi::start().await;
    let many: Map<String, Value> = (0..40)
        .map(|index| {
            let own = json!({"properties": {format!("own{index}"): {"type": "string", "description": "x".repeat(800)}}});
            (format!("Many{index}"), json!({"allOf": [{"$ref": "#/components/schemas/Many"}, own]}))
        })
        .collect();
    let base = |discriminator: Value| json!({"type": "object", "required": ["kind"], "discriminator": discriminator, "properties": {"kind": {"type": "string"}}});
    let mut schemas = json!({
        "Mapped": base(json!({"propertyName": "kind", "mapping": {"a": "#/components/schemas/A", "b": "B"}})),
        "A": {"allOf": [{"$ref": "#/components/schemas/Mapped"}, {"properties": {"volume": {"type": "integer"}}}]},
        "B": {"properties": {"bark": {"type": "string"}}},
        "Found": base(json!({"propertyName": "kind"})),
        "C": {"allOf": [{"$ref": "#/components/schemas/Found"}], "properties": {"volume": {"type": "integer"}}},
        "Older": base(json!("kind")),
        "D": {"allOf": [{"properties": {"volume": {"type": "integer"}}}, {"$ref": "#/components/schemas/Older"}]},
        "Many": base(json!({"propertyName": "kind"})),
        "Within": {"allOf": [{"$ref": "#/components/schemas/Found"}], "description": "One of them."},
        "Alone": base(json!({"propertyName": "kind"})),
    });
    schemas.as_object_mut().unwrap().extend(many);
    let posts: Map<String, Value> = ["Mapped", "Found", "Older", "Many", "Within", "Alone", "C"]
        .into_iter()
        .map(|name| {
            let body = json!({"required": true, "content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}}});
            (format!("/{name}"), json!({"post": {"operationId": format!("make_{name}"), "requestBody": body}}))
        })
        .collect();
    let (server, alice) = serving(&api, &document(posts.into(), json!({"schemas": schemas}))).await;
    let value = json!({"kind": "a", "volume": 3});
    for name in ["Mapped", "Found", "Older", "Many", "Within"] {
        let tool = format!("api_make_{name}");
        let body = sent(&server, &alice, &api, &tool, json!({"body": value})).await.2;
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), value, "{name}");
    }
    let shown = schema(&server, &alice, "api_make_Mapped").await.to_string();
    assert!(shown.contains("volume") && shown.contains("bark"), "{shown}");
    // One without subtypes, and a subtype, are objects like others.
    sent(&server, &alice, &api, "api_make_Alone", json!({"kind": "a"})).await;
    let body = sent(&server, &alice, &api, "api_make_C", value.clone()).await.2;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), value);
}

#[tokio::test]
async fn references_by_anchor_by_identifier_and_to_own_definitions_have_their_targets() {
    let api = FakeApi::start().await;
    let components = json!({"schemas": {
        "T": {"$id": "https://x.example/t", "$anchor": "thing", "type": "object", "properties": {"t": {"type": "string"}}, "$defs": {"In": {"$anchor": "inner", "type": "object", "properties": {"t": {"type": "integer"}}}}},
        "Own": {"type": "object", "properties": {"t": {"$ref": "#/$defs/A"}, "u": {"$ref": "#/definitions/B~1C"}}, "$defs": {"A": {"type": "integer"}}, "definitions": {"B/C": {"type": "boolean"}}},
    }});
    let cases = [
        ("anchor", "#thing"),
        ("inner", "#inner"),
        ("id", "https://x.example/t"),
        ("within", "https://x.example/t#/$defs/In"),
        ("own", "#/components/schemas/Own"),
    ];
    let paths: Map<String, Value> = cases
        .iter()
        .map(|(id, reference)| {
            let body = json!({"required": true, "content": {"application/json": {"schema": {"$ref": reference}}}});
            (format!("/{id}"), json!({"post": {"operationId": id, "requestBody": body}}))
        })
        .collect();
    let mut whole = document(paths.into(), components);
    whole["openapi"] = json!("3.1.0");
    let (server, alice) = serving(&api, &whole).await;
    for (id, _) in cases {
        let made = schema(&server, &alice, &format!("api_{id}")).await;
        assert!(made["properties"]["t"]["type"].is_string(), "{id}: {made}");
    }
    let own = schema(&server, &alice, "api_own").await;
    assert_eq!(own["properties"]["u"]["type"], "boolean");
}

#[tokio::test]
async fn a_schema_without_keywords_and_one_that_is_nested_too_deep_cost_no_list() {
    let api = FakeApi::start().await;
    let deep =
        (0..150).fold(json!({"type": "string"}), |inner, _| json!({"properties": {"a": inner}}));
    let body = |schema: Value| json!({"required": true, "content": {"application/json": {"schema": schema}}});
    let members = json!({"type": "object", "properties": {"a": true, "b": false}});
    let parameters = json!([{"name": "q", "in": "query", "schema": true}]);
    let paths = json!({
        "/any": {"post": {"operationId": "any", "parameters": parameters, "requestBody": body(json!(true))}},
        "/members": {"post": {"operationId": "members", "requestBody": body(members)}},
        "/deep": {"post": {"operationId": "deep", "requestBody": body(deep)}},
    });
    let (server, alice) = serving(&api, &document(paths, json!({}))).await;
    let any = schema(&server, &alice, "api_any").await;
    assert_eq!(any["properties"], json!({"q": {}, "body": {}}));
    let members = schema(&server, &alice, "api_members").await;
    assert_eq!(members["properties"], json!({"a": {}, "b": {"not": {}}}));
    assert!(tools(&server, &alice.token).await.contains(&"api_deep".to_owned()));
}

#[tokio::test]
async fn swagger_documents_of_generators_are_read() {
    let api = FakeApi::start().await;
    let body = json!([{"name": "b", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Animal"}}]);
    let post = |id: &str| json!({"operationId": id, "parameters": body});
    // The host is a URL, a method has capital letters, and a path is described elsewhere.
    let swagger = json!({
        "swagger": "2.0", "info": {"title": "Old", "version": "1"}, "host": format!("{}/", api.origin), "basePath": "/v2",
        "paths": {"/capital": {"POST": post("capital")}, "/there": {"$ref": "#/x-paths/one%7Ctwo"}},
        "x-paths": {"one|two": {"post": post("there")}},
        "definitions": {
            "Animal": {"type": "object", "discriminator": "kind", "properties": {"kind": {"type": "string"}}},
            "Bear": {"allOf": [{"$ref": "#/definitions/Animal"}, {"properties": {"claws": {"type": "integer"}}}]},
        },
    });
    let (server, alice) = serving(&api, &swagger).await;
    let bear = json!({"kind": "Bear", "claws": 3});
    for tool in ["capital", "there"] {
        let called =
            sent(&server, &alice, &api, &format!("api_{tool}"), json!({"body": bear})).await;
        assert_eq!(called.0, format!("POST /v2/{tool}"));
        assert_eq!(serde_json::from_str::<Value>(&called.2).unwrap(), bear);
    }
}
