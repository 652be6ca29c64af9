//! More documents as products and generators write them, each with the request of a call: one
//! server for all rows.

use std::fmt::Write as _;

use doorward_testkit::FakeApi;
use serde_json::{Map, Value, json};

use super::{super::tools, configured, document, left_out, serving};

/// A row: the operation, the arguments, the request line after `/v1`, and the body.
struct Row(&'static str, Value, Value, &'static str, Value);

fn with_body(schema: &Value) -> Value {
    json!({"post": {"requestBody": {"required": true, "content": {"application/json": {"schema": schema}}}}})
}

/// Bodies whose schemas are written in odd ways: none of their members is lost.
#[expect(clippy::too_many_lines, reason = "a row for each of them")]
fn bodies() -> Vec<Row> {
    let text = json!({"type": "string"});
    let mut rows = Vec::new();
    let mut add = |name, schema: Value, arguments: Value, body: Value| {
        rows.push(Row(name, with_body(&schema), arguments, "POST", body));
    };
    let a = json!({"a": "x"});
    add("no type", json!({"properties": {"a": text}}), a.clone(), a.clone());
    add(
        "type in a list",
        json!({"type": ["object"], "properties": {"a": text}}),
        a.clone(),
        a.clone(),
    );
    add(
        "type in capitals",
        json!({"type": "Object", "properties": {"a": text}}),
        a.clone(),
        a.clone(),
    );
    add(
        "required as text",
        json!({"type": "object", "required": "a", "properties": {"a": text}}),
        a.clone(),
        a.clone(),
    );
    add(
        "required in a member",
        json!({"type": "object", "properties": {"a": {"type": "string", "required": true}}}),
        a.clone(),
        a.clone(),
    );
    add(
        "member of no type",
        json!({"type": "object", "properties": {"a": null}}),
        a.clone(),
        a.clone(),
    );
    add(
        "closed",
        json!({"type": "object", "additionalProperties": false, "properties": {"a": text}}),
        a.clone(),
        a.clone(),
    );
    add(
        "an example",
        json!({"type": "object", "example": {"a": "y"}, "properties": {"a": {"type": "string", "example": null}}}),
        a.clone(),
        a.clone(),
    );
    add(
        "one of one",
        json!({"oneOf": [{"type": "object", "properties": {"a": text}}]}),
        json!({"body": a}),
        a.clone(),
    );
    add(
        "any of it or null",
        json!({"anyOf": [{"type": "object", "properties": {"a": text}}, {"type": "null"}]}),
        json!({"body": a}),
        a.clone(),
    );
    add(
        "all of one",
        json!({"allOf": [{"type": "object", "properties": {"a": text}}]}),
        a.clone(),
        a.clone(),
    );
    add(
        "all of three",
        json!({"allOf": [{"properties": {"a": text}}, {"properties": {"b": text}}, {"required": ["b"]}]}),
        json!({"a": "x", "b": "y"}),
        json!({"a": "x", "b": "y"}),
    );
    add(
        "conditions",
        json!({"type": "object", "properties": {"a": text}, "if": {"required": ["a"]}, "then": {"properties": {"b": text}}}),
        json!({"body": {"a": "x", "b": "y"}}),
        json!({"a": "x", "b": "y"}),
    );
    add(
        "patterns",
        json!({"type": "object", "properties": {"a": text}, "patternProperties": {"^x-": text}}),
        json!({"body": {"a": "x", "x-b": "y"}}),
        json!({"a": "x", "x-b": "y"}),
    );
    add(
        "a list",
        json!({"type": "array", "items": {"type": "object"}}),
        json!({"body": [{"a": 1}]}),
        json!([{"a": 1}]),
    );
    add("a number", json!({"type": "integer"}), json!({"body": 7}), json!(7));
    add("a text", text.clone(), json!({"body": "x\"y"}), json!("x\"y"));
    add("anything", json!({}), json!({"body": [null, {"a": false}]}), json!([null, {"a": false}]));
    add(
        "a member called body",
        json!({"type": "object", "properties": {"body": text}}),
        json!({"body": "x"}),
        json!({"body": "x"}),
    );
    add(
        "odd names",
        json!({"type": "object", "properties": {"$select": text, "@type": text, "a.b": text, "a-b": text}}),
        json!({"body": {"$select": "1", "@type": "2", "a.b": "3", "a-b": "4"}}),
        json!({"$select": "1", "@type": "2", "a.b": "3", "a-b": "4"}),
    );
    add(
        "a reference beside members",
        json!({"$ref": "#/components/schemas/None", "type": "object", "properties": {"a": text}}),
        json!({"body": a}),
        a.clone(),
    );
    add(
        "a member that must not be",
        json!({"type": "object", "properties": {"a": text, "b": false}}),
        a.clone(),
        a.clone(),
    );
    add(
        "a constant",
        json!({"type": "object", "properties": {"a": {"const": "x"}, "b": {"enum": [null]}}}),
        json!({"a": "x", "b": null}),
        json!({"a": "x", "b": null}),
    );
    add(
        "numbers as text",
        json!({"type": "object", "minProperties": "1", "properties": {"a": {"type": "string", "maxLength": "5"}}}),
        a.clone(),
        a.clone(),
    );
    rows
}

/// Bodies of other media types.
fn media() -> Vec<Row> {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let mut rows = Vec::new();
    for (name, media) in [
        ("with a parameter", "application/json; charset=utf-8"),
        ("in capitals", "Application/JSON"),
        ("of a vendor", "application/vnd.api+json"),
        ("of a merge", "application/merge-patch+json"),
        ("of anything", "*/*"),
        ("of an application", "application/*"),
    ] {
        let operation = json!({"patch": {"requestBody": {"content": {media: {"schema": schema}}}}});
        rows.push(Row(name, operation, json!({"a": "x"}), "PATCH", json!({"a": "x"})));
    }
    let first =
        json!({"application/xml": {"schema": schema}, "application/json": {"schema": schema}});
    let both = json!({"put": {"requestBody": {"content": first}}});
    rows.push(Row("xml first", both, json!({"a": "x"}), "PUT", json!({"a": "x"})));
    let patch = json!({"application/json-patch+json": {"schema": {"type": "array", "items": {"type": "object"}}}});
    let patch = json!({"patch": {"requestBody": {"required": true, "content": patch}}});
    let steps = json!([{"op": "remove", "path": "/a"}]);
    rows.push(Row("a patch", patch, json!({"body": steps}), "PATCH", steps));
    for (name, body) in [
        ("no body", json!(null)),
        ("an empty body", json!({})),
        ("no content", json!({"content": {}})),
    ] {
        rows.push(Row(
            name,
            json!({"post": {"requestBody": body}}),
            json!({}),
            "POST",
            json!(null),
        ));
    }
    let delete =
        json!({"delete": {"requestBody": {"content": {"application/json": {"schema": schema}}}}});
    rows.push(Row("a body of DELETE", delete, json!({"a": "x"}), "DELETE", json!({"a": "x"})));
    rows
}

/// Parameters that are declared in odd ways.
#[expect(clippy::too_many_lines, reason = "a row for each of them")]
fn parameters() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name, parameters: Value, arguments: Value, line| {
        rows.push(Row(
            name,
            json!({"get": {"parameters": parameters}}),
            arguments,
            line,
            json!(null),
        ));
    };
    let q = |members: Value| {
        let mut all = json!({"name": "q", "in": "query"});
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!([all])
    };
    add("no schema", q(json!({})), json!({"q": "x y"}), "GET?q=x%20y");
    add("schema of null", q(json!({"schema": null})), json!({"q": "x"}), "GET?q=x");
    add("type of swagger", q(json!({"type": "integer"})), json!({"q": 7}), "GET?q=7");
    add(
        "required as text",
        q(json!({"required": "yes", "schema": {"type": "boolean"}})),
        json!({"q": true}),
        "GET?q=true",
    );
    add(
        "explode as text",
        q(json!({"explode": "false", "schema": {"type": "array"}})),
        json!({"q": ["a", "b"]}),
        "GET?q=a,b",
    );
    for (name, explode, line) in [
        ("explode in capitals", json!("False"), "GET?q=a,b"),
        ("explode as no", json!("no"), "GET?q=a,b"),
        ("explode as true", json!(" TRUE "), "GET?q=a&q=b"),
        ("explode as another word", json!("never"), "GET?q=a&q=b"),
        ("explode as a number", json!(0), "GET?q=a&q=b"),
        ("explode of null", json!(null), "GET?q=a&q=b"),
    ] {
        let described = json!({"explode": explode, "schema": {"type": "array"}});
        add(name, q(described), json!({"q": ["a", "b"]}), line);
    }
    for (name, style) in [
        ("style unknown", json!("weird")),
        ("style in capitals", json!("FORM")),
        ("style of swagger", json!("multi")),
        ("style of nothing", json!("")),
        ("style as a number", json!(7)),
        ("style as a list", json!(["form"])),
        ("style of null", json!(null)),
    ] {
        let described = json!({"style": style, "schema": {"type": "array"}});
        add(name, q(described), json!({"q": ["a", "b"]}), "GET?q=a&q=b");
    }
    add(
        "required with an unknown style",
        q(json!({"required": "true", "style": "weird", "explode": "no"})),
        json!({"q": ["a", "b"]}),
        "GET?q=a,b",
    );
    add(
        "text as content",
        q(json!({"content": {"text/plain": {"schema": {"type": "string"}}}})),
        json!({"q": "a&b"}),
        "GET?q=a%26b",
    );
    add(
        "content without schema",
        q(json!({"content": {"application/json": {}}})),
        json!({"q": {"a": 1}}),
        "GET?q=%7B%22a%22%3A1%7D",
    );
    add("a default", q(json!({"schema": {"type": "string", "default": "d"}})), json!({}), "GET");
    add(
        "empty values",
        q(json!({"allowEmptyValue": true, "schema": {"type": "string"}})),
        json!({"q": ""}),
        "GET?q=",
    );
    add(
        "twice",
        json!([{"name": "q", "in": "query"}, {"name": "q", "in": "query"}]),
        json!({"q": "x"}),
        "GET?q=x",
    );
    add("null", json!(null), json!({}), "GET");
    add(
        "with others",
        json!([null, 7, "x", {}, {"name": 7}, {"name": "", "in": "query"}, {"name": "q", "in": "query"}]),
        json!({"q": "x"}),
        "GET?q=x",
    );
    add(
        "in brackets",
        json!([{"name": "filter[a][]", "in": "query", "schema": {"type": "array"}}]),
        json!({"filter_a": ["x", "y"]}),
        "GET?filter%5Ba%5D%5B%5D=x&filter%5Ba%5D%5B%5D=y",
    );
    add(
        "unicode",
        json!([{"name": "größe", "in": "query"}, {"name": "q", "in": "query"}]),
        json!({"q": "ü"}),
        "GET?q=%C3%BC",
    );
    add(
        "a date",
        q(json!({"schema": {"type": "string", "format": "date-time"}})),
        json!({"q": "2026-01-02T03:04:05+01:00"}),
        "GET?q=2026-01-02T03%3A04%3A05%2B01%3A00",
    );
    rows
}

#[tokio::test]
async fn documents_in_odd_forms_are_called_as_they_mean() {
    let api = FakeApi::start().await;
    let rows: Vec<Row> = bodies().into_iter().chain(media()).chain(parameters()).collect();
    let mut paths = Map::new();
    for (number, Row(_, item, ..)) in rows.iter().enumerate() {
        let mut item = item.clone();
        for operation in item.as_object_mut().unwrap().values_mut() {
            operation["operationId"] = json!(format!("op{number}"));
        }
        paths.insert(format!("/p{number}"), item);
    }
    let (server, alice) = serving(&api, &document(paths.into(), json!({}))).await;
    let offered = tools(&server, &alice.token).await;
    let mut wrong = String::new();
    for (number, Row(name, _, arguments, line, body)) in rows.into_iter().enumerate() {
        let tool = format!("api_op{number}");
        if !offered.contains(&tool) {
            let _ = writeln!(wrong, "{name}: not offered");
            continue;
        }
        api.state().calls.clear();
        let called = server.call(&alice.token, &tool, arguments).await.expect(200).json();
        let state = api.state();
        let sent = state.calls.last().map(|(call, _)| call.clone()).unwrap_or_default();
        let (method, query) =
            line.split_once('?').map_or((line, ""), |(method, query)| (method, query));
        let mark = if query.is_empty() && !line.contains('?') { "" } else { "?" };
        let wanted = format!("{method} /v1/p{number}{mark}{query}");
        let sent_body = serde_json::from_slice(&state.last.1).unwrap_or(Value::Null);
        if sent != wanted || sent_body != body || called["result"]["isError"] == true {
            let _ = writeln!(
                wrong,
                "{name}: {sent} with {sent_body} instead of {wanted} with {body}: {called}"
            );
        }
    }
    let (_, told) = left_out(&server).await;
    assert!(wrong.is_empty(), "{wrong}\nleft out: {told:?}");
    assert!(told.contains("parameter q: style (OpenAPI does not define this style"), "{told}");
}

/// Places of servers, as documents write them, each with the URL of a call of `/x`; `None` where
/// the operation is named as left out.
#[tokio::test]
async fn servers_in_odd_forms_lead_to_the_origin_that_was_meant_or_nowhere() {
    let api = FakeApi::start().await;
    let origin = api.origin.clone();
    let authority = origin.strip_prefix("http:").unwrap();
    let variables = |url: &str, variables: Value| json!([{"url": url, "variables": variables}]);
    let one = |url: &str| json!([{"url": url}]);
    let rows = [
        (one("/v1/"), Some("/v1/x")),
        (one(""), Some("/x")),
        (one("/"), Some("/x")),
        (one("."), Some("/x")),
        (one("./v2"), Some("/v2/x")),
        (one("v2"), Some("/v2/x")),
        (one(&format!("{origin}/v3/")), Some("/v3/x")),
        (one(&format!("{authority}/v4")), Some("/v4/x")),
        (one(&origin.replace("http", "HTTP")), Some("/x")),
        (json!([]), Some("/x")),
        (json!(null), Some("/x")),
        (json!([null, {"url": "/v5"}]), Some("/v5/x")),
        (json!([{"description": "no url"}, {"url": "/v6"}]), Some("/v6/x")),
        (variables("/{v}", json!({"v": {"default": "v7"}})), Some("/v7/x")),
        (variables("/{v}", json!({"v": {"default": 8}})), Some("/8/x")),
        (variables("/{v}", json!({"v": {"enum": ["v9", "v10"]}})), Some("/v9/x")),
        (one("/{v}"), None),
        (one("https://other.example/v1"), None),
        (one("https://{tenant}.example/"), None),
        (one("ftp://other.example/"), None),
        (one("javascript:alert(1)"), None),
        (one("file:///etc"), None),
        (one("http://169.254.169.254/latest"), None),
    ];
    let mut wrong = String::new();
    let mut paths = Map::new();
    for (number, (servers, _)) in rows.iter().enumerate() {
        let get = json!({"operationId": format!("op{number}"), "servers": servers});
        // Each under a path of its own that ends in the same way.
        paths.insert(format!("/x{}", "/".repeat(number)), json!({"get": get}));
    }
    let whole = json!({"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": paths});
    let (server, alice) = serving(&api, &whole).await;
    let offered = tools(&server, &alice.token).await;
    let (_, told) = left_out(&server).await;
    for (number, (servers, wanted)) in rows.iter().enumerate() {
        let tool = format!("api_op{number}");
        let Some(wanted) = wanted else {
            if offered.contains(&tool) || !told.contains(&format!("op{number}")) {
                let _ = writeln!(wrong, "{servers}: offered, or not named in {told}");
            }
            continue;
        };
        api.state().calls.clear();
        let called = server.call(&alice.token, &tool, json!({})).await.expect(200).json();
        let sent = api.state().calls.last().map(|(call, _)| call.clone()).unwrap_or_default();
        let sent = sent.trim_end_matches('/');
        if sent != format!("GET {wanted}") {
            let _ = writeln!(wrong, "{servers}: {sent:?} instead of {wanted}: {called}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// YAML as it is written by hand and by tools. Each document has an operation `read` at `/x`.
#[tokio::test]
async fn documents_in_yaml_of_all_styles_are_read() {
    let plain = "openapi: 3.0.3\ninfo: {title: A, version: 1.0}\nservers: [{url: /v1}]\npaths:\n  /x:\n    get:\n      operationId: read\n";
    let rows = [
        ("plain", plain.to_owned()),
        ("a mark", format!("\u{feff}{plain}")),
        ("returns", plain.replace('\n', "\r\n")),
        ("a comment first", format!("# made by hand\n---\n{plain}...\n")),
        ("a directive", format!("%YAML 1.2\n---\n{plain}")),
        ("statuses as numbers", format!("{plain}      responses:\n        200: {{description: ok}}\n        4XX: {{description: no}}\n")),
        ("words that were booleans", format!("{plain}      parameters:\n      - {{name: on, in: query, schema: {{type: string, enum: [NO, yes, off, on, y, n]}}}}\n")),
        ("aliases", format!("x-common: &common\n  tags: [a]\n{plain}      x-more: *common\n")),
        ("merges", format!("x-common: &common\n  summary: hello\n{plain}      <<: *common\n")),
        ("blocks", format!("{plain}      description: |\n        one: two\n        - three\n      summary: >-\n        a\n        b\n")),
        ("dates and octals", format!("{plain}      x-a: 2026-01-02\n      x-b: 0o17\n      x-c: 1_000\n      x-d: .inf\n      x-e: ~\n")),
        ("tags", format!("{plain}      x-a: !!str 7\n      x-b: !custom {{a: 1}}\n")),
        ("flow", "{openapi: 3.0.3, info: {title: A, version: '1'}, servers: [{url: /v1}], paths: {/x: {get: {operationId: read}}}}".to_owned()),
        ("quoted", plain.replace("openapi: 3.0.3", "\"openapi\": '3.0.3'").replace("/x:", "'/x':")),
        ("a version as a number", plain.replace("3.0.3", "3.0")),
        ("two documents", format!("{plain}---\nother: 1\n")),
    ];
    let api = FakeApi::start().await;
    let (mut config, mut wrong) = (api.config(), String::new());
    config.list_wait_ms = 4000;
    for (name, text) in rows {
        api.state().document = text;
        let (server, alice) = configured(config.clone()).await;
        api.state().calls.clear();
        let called = server.call(&alice.token, "api_read", json!({})).await.expect(200).json();
        let sent = api.state().calls.last().map(|(call, _)| call.clone()).unwrap_or_default();
        if sent != "GET /v1/x" {
            let _ = writeln!(wrong, "{name}: {sent:?}: {called}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
