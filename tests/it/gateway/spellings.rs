//! Questions and reports during a call in the spellings of SDKs: each reaches the client of its
//! call.

use doorward_testkit::{FakeUpstream, TestServer, tool};
use serde_json::{Value, json};

use super::{
    gateway_user,
    order::{asked, asked_newer, newer_call, seen},
    rpc_at, with_config,
};

async fn stage(upstreams: &[FakeUpstream; 2]) -> TestServer {
    let [older, newer] = upstreams;
    for upstream in upstreams {
        upstream.state().tools = ["ask", "sample", "says"].map(|it| tool(it, true)).to_vec();
    }
    newer.state().modern = true;
    with_config(&[("older", older, "none"), ("newer", newer, "none")], |config| {
        config.limits.calls_per_minute_user = 100_000;
        config.limits.calls_per_minute_client = 100_000;
        for upstream in config.upstreams.values_mut() {
            upstream.capabilities = ["elicitation", "sampling"].map(str::to_owned).to_vec();
        }
    })
    .await
}

/// A form with these fields, of which `name` is required.
fn form(properties: &Value) -> Value {
    json!({"message": "Your name?", "requestedSchema": {"type": "object", "properties": properties, "required": ["name"]}})
}

fn with(mut question: Value, place: &str, value: Value) -> Value {
    let (object, name) = place.rsplit_once('/').unwrap();
    question.pointer_mut(object).unwrap()[name] = value;
    question
}

/// Forms as generators of schemas write them.
fn forms() -> Vec<Value> {
    let usual = || form(&json!({"name": {"type": "string"}}));
    let beside = |field: Value| form(&json!({"name": {"type": "string"}, "other": field}));
    let definitions = json!({"Size": {"type": "string", "enum": ["s", "l"], "title": "Size"}});
    vec![
        usual(),
        // The Python SDK, of optional fields and lists of values.
        beside(
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "default": null, "title": "Other"}),
        ),
        beside(
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": 3}),
        ),
        with(
            beside(json!({"$ref": "#/$defs/Size"})),
            "/requestedSchema/$defs",
            definitions.clone(),
        ),
        with(
            beside(json!({"allOf": [{"$ref": "#/$defs/Size"}], "default": "s"})),
            "/requestedSchema/$defs",
            definitions,
        ),
        beside(json!({"const": "yes", "title": "Agree"})),
        // TypeScript, of zod's nullable and unions of literals.
        beside(json!({"type": ["string", "null"]})),
        beside(json!({"type": ["number", "null"], "exclusiveMinimum": 0})),
        beside(
            json!({"anyOf": [{"type": "string", "const": "a"}, {"type": "string", "const": "b"}]}),
        ),
        beside(json!({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]})),
        with(usual(), "/requestedSchema/additionalProperties", json!(false)),
        with(usual(), "/requestedSchema/$schema", json!("http://json-schema.org/draft-07/schema#")),
        // Formats, limits and defaults that the protocol does not have.
        beside(json!({"type": "string", "format": "password"})),
        beside(json!({"type": "string", "format": "uuid", "pattern": "^a", "minLength": "2"})),
        beside(json!({"type": "string", "enum": ["a", null], "default": 7})),
        beside(json!({"type": "boolean", "default": "no"})),
        // A field that no client can show is left out where none has to fill it in.
        beside(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
        beside(json!({"type": "array", "items": {"type": "object"}})),
        beside(json!({})),
        beside(json!(7)),
        // Serializers that write absent members.
        with(usual(), "/mode", json!(null)),
        with(usual(), "/mode", json!("Form")),
        with(usual(), "/_meta", json!(null)),
        with(usual(), "/requestedSchema/title", json!(null)),
        with(usual(), "/requestedSchema/description", json!({})),
        with(usual(), "/requestedSchema/type", json!(null)),
        with(usual(), "/requestedSchema/required", json!("name")),
        with(usual(), "/requestedSchema/required", json!(null)),
        with(usual(), "/requestedSchema/properties", json!([])),
        with(usual(), "/requestedSchema", json!(null)),
        with(usual(), "/message", json!(null)),
        json!({"message": "Continue?"}),
    ]
}

/// Requests to the client's model in other spellings.
fn samplings() -> Vec<Value> {
    let usual = || json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Your name?"}}], "maxTokens": 10});
    let nulls = [
        "modelPreferences",
        "systemPrompt",
        "includeContext",
        "temperature",
        "stopSequences",
        "metadata",
        "tools",
        "toolChoice",
        "_meta",
    ];
    let mut all: Vec<Value> =
        nulls.iter().map(|name| with(usual(), &format!("/{name}"), json!(null))).collect();
    all.extend([
        usual(),
        with(usual(), "/maxTokens", json!(10.0)),
        with(usual(), "/maxTokens", json!("10")),
        with(usual(), "/temperature", json!("hot")),
        with(usual(), "/temperature", json!(1)),
        with(usual(), "/includeContext", json!("everything")),
        with(usual(), "/modelPreferences", json!({"hints": "claude", "costPriority": 2})),
        with(usual(), "/stopSequences", json!("END")),
        with(usual(), "/messages/0/content", json!("Your name?")),
        with(usual(), "/messages/0/content", json!([{"type": "text", "text": "Your name?"}])),
    ]);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_in_the_spellings_of_sdks_reach_the_user_and_the_answer_the_upstream() {
    let upstreams = [FakeUpstream::start().await, FakeUpstream::start().await];
    let server = stage(&upstreams).await;
    let alice = gateway_user(&server, "alice").await;
    super::tools(&server, &alice.token).await;
    let mut wrong = Vec::new();
    for (tool, method, rows) in
        [("ask", "elicitation/create", forms()), ("sample", "sampling/createMessage", samplings())]
    {
        for question in rows {
            for (upstream, name) in upstreams.iter().zip(["older", "newer"]) {
                upstream.state().question = Some(question.clone());
                let tool = format!("{name}_{tool}");
                for newer in [false, true] {
                    let found = if newer {
                        asked_newer(&server, &alice.token, "/mcp", &tool).await
                    } else {
                        asked(&server, &alice.token, "/mcp", &tool).await
                    };
                    if found != ["p1", "m1", method, "p2", "m2", "hello \"Ada\""] {
                        wrong.push(format!("{tool}, newer client {newer}: {question}: {found:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} questions:\n{}", wrong.len(), wrong.join("\n"));
}

/// Notifications of progress and a log message, each as the client gets it.
fn reports() -> Vec<(Value, &'static str)> {
    let progress = |params: Value| json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
    let log = |params: Value| json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params});
    let with_id = |mut message: Value, id: Value| {
        message["id"] = id;
        message
    };
    let usual = || progress(json!({"progressToken": "CALL", "progress": 1}));
    vec![
        (usual(), "p1"),
        (with_id(usual(), json!(null)), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1, "total": null})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1.0, "total": 2.0})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": "1", "total": "all"})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1, "message": {"a": 1}})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1, "message": null})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1, "_meta": null})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1, "_meta": "x"})), "p1"),
        (progress(json!({"progressToken": "CALL", "progress": 1, "more": [1]})), "p1"),
        (log(json!({"level": "info", "data": 1})), "m1"),
        (with_id(log(json!({"level": "info", "data": 1})), json!(null)), "m1"),
        (log(json!({"level": "Information", "logger": null, "data": 1})), "m1"),
        (log(json!({"level": 20, "message": 1})), "m1"),
        (log(json!({"data": 1})), "m1"),
        (log(json!({"level": "warning", "data": 1, "_meta": []})), "m1"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_in_the_spellings_of_sdks_reach_the_client_before_the_result() {
    let upstreams = [FakeUpstream::start().await, FakeUpstream::start().await];
    let server = stage(&upstreams).await;
    let alice = gateway_user(&server, "alice").await;
    super::tools(&server, &alice.token).await;
    let mut wrong = Vec::new();
    let result = json!({"jsonrpc": "2.0", "id": "CALL", "result": {"resultType": "complete", "content": [{"type": "text", "text": "done"}]}});
    for (report, expected) in reports() {
        for name in ["older_says", "newer_says"] {
            for newer in [false, true] {
                let messages = json!([report, result]);
                let params = json!({"name": name, "arguments": {"messages": messages}, "_meta": {"progressToken": "mine"}});
                let body = if newer {
                    newer_call(&server, &alice.token, "/mcp", params).await
                } else {
                    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
                    rpc_at(&server, "/mcp", &alice.token, &call).await.expect(200).body
                };
                if seen(&body) != [expected, "done"] {
                    wrong.push(format!("{name}, newer client {newer}: {report}: {body}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} reports:\n{}", wrong.len(), wrong.join("\n"));
}
