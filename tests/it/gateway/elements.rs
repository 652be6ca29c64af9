//! Every member of every element that upstreams send, with values of every type: an element costs
//! at most itself, a member at most itself, and clients get what the protocol specifies.

use std::collections::HashMap;

use doorward_testkit::{OddKind, OddUpstream, RawAnswer, TestServer};
use serde_json::{Value, json};

use super::{GatewayUser, apps::ask, gateway_user, list, odd::names_no_library};

/// The form that the protocol specifies for a value.
enum Form {
    Text,
    Flag,
    Number,
    Object,
    /// A schema of an object, as popular clients demand it.
    Schema,
    List(&'static Self),
    /// An object: the names of its members, a star at those that it needs.
    Of(&'static [(&'static str, Self)]),
    /// A text, or bytes: one of two forms.
    Either(&'static Self, &'static Self),
}

use Form::{Either, Flag, List, Number, Object, Of, Schema, Text};

const ICON: Form =
    Of(&[("*src", Text), ("mimeType", Text), ("sizes", List(&Text)), ("theme", Text)]);
const ANNOTATIONS: Form =
    Of(&[("audience", List(&Text)), ("priority", Number), ("lastModified", Text)]);
const TOOL: Form = Of(&[
    ("*name", Text),
    ("title", Text),
    ("description", Text),
    ("*inputSchema", Schema),
    ("outputSchema", Schema),
    (
        "annotations",
        Of(&[
            ("title", Text),
            ("readOnlyHint", Flag),
            ("destructiveHint", Flag),
            ("idempotentHint", Flag),
            ("openWorldHint", Flag),
        ]),
    ),
    ("icons", List(&ICON)),
    ("execution", Of(&[("taskSupport", Text)])),
    ("_meta", Object),
]);
const PROMPT: Form = Of(&[
    ("*name", Text),
    ("title", Text),
    ("description", Text),
    (
        "arguments",
        List(&Of(&[("*name", Text), ("title", Text), ("description", Text), ("required", Flag)])),
    ),
    ("icons", List(&ICON)),
    ("_meta", Object),
]);
const RESOURCE: Form = Of(&[
    ("*uri", Text),
    ("*name", Text),
    ("title", Text),
    ("description", Text),
    ("mimeType", Text),
    ("size", Number),
    ("annotations", ANNOTATIONS),
    ("icons", List(&ICON)),
    ("_meta", Object),
]);
const TEMPLATE: Form = Of(&[
    ("*uriTemplate", Text),
    ("*name", Text),
    ("title", Text),
    ("description", Text),
    ("mimeType", Text),
    ("annotations", ANNOTATIONS),
    ("icons", List(&ICON)),
    ("_meta", Object),
]);
const TEXT_CONTENTS: Form =
    Of(&[("*uri", Text), ("mimeType", Text), ("*text", Text), ("_meta", Object)]);
const BYTE_CONTENTS: Form =
    Of(&[("*uri", Text), ("mimeType", Text), ("*blob", Text), ("_meta", Object)]);
const CONTENTS: Form = Either(&TEXT_CONTENTS, &BYTE_CONTENTS);

/// Fails where a value has another form.
fn conforms(value: &Value, form: &Form) -> bool {
    match (form, value) {
        (Text, Value::String(_))
        | (Flag, Value::Bool(_))
        | (Number, Value::Number(_))
        | (Object, Value::Object(_)) => true,
        (List(inner), Value::Array(all)) => all.iter().all(|one| conforms(one, inner)),
        (Either(one, other), value) => conforms(value, one) || conforms(value, other),
        (Schema, Value::Object(members)) => {
            let objects = |value: &Value| {
                value.as_object().is_some_and(|all| all.values().all(Value::is_object))
            };
            members.get("type").is_some_and(|kind| kind == "object")
                && members.get("properties").is_none_or(objects)
                && members.get("required").is_none_or(|names| conforms(names, &List(&Text)))
        }
        (Of(specified), Value::Object(members)) => specified.iter().all(|(name, inner)| {
            let (name, needed) = name.strip_prefix('*').map_or((*name, false), |name| (name, true));
            members.get(name).map_or(!needed, |member| conforms(member, inner))
        }),
        _ => false,
    }
}

/// The form of a block of a result.
fn block(block: &Value) -> bool {
    let annotated = block.get("annotations").is_none_or(|all| conforms(all, &ANNOTATIONS))
        && block.get("_meta").is_none_or(Value::is_object);
    annotated
        && match block["type"].as_str() {
            Some("text") => conforms(block, &Of(&[("*text", Text)])),
            Some("image" | "audio") => {
                conforms(block, &Of(&[("*data", Text), ("*mimeType", Text)]))
            }
            Some("resource") => conforms(block, &Of(&[("*resource", CONTENTS)])),
            Some("resource_link") => conforms(block, &RESOURCE),
            _ => false,
        }
}

/// Fails where something is wrong, with the beginning of each fault.
fn none(wrong: &[String]) {
    let all: Vec<String> = wrong.iter().map(|one| one.chars().take(400).collect()).collect();
    assert!(all.is_empty(), "{}:\n{}", all.len(), all.join("\n"));
}

/// Values of every type.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!([null]),
        json!([7, "x"]),
        json!([{}]),
        json!({}),
        json!({"a": null}),
        json!({"$ref": "#/$defs/a"}),
        json!(u64::MAX),
        json!([["x"]]),
    ]
}

/// The pointers to a value and to everything within it.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{number}"), all);
            }
        }
        _ => {}
    }
}

/// A value with each of its members in turn missing, and of every type.
fn variants(whole: &Value) -> Vec<(String, Value)> {
    let (mut all, mut places) = (Vec::new(), Vec::new());
    pointers(whole, "", &mut places);
    for place in places.iter().filter(|place| !place.is_empty()) {
        for value in values() {
            let mut odd = whole.clone();
            *odd.pointer_mut(place).unwrap() = value.clone();
            all.push((format!("{place} {value}"), odd));
        }
        let (above, name) = place.rsplit_once('/').unwrap();
        let mut odd = whole.clone();
        if let Some(Value::Object(members)) = odd.pointer_mut(above) {
            members.remove(name);
            all.push((format!("{place} missing"), odd));
        }
    }
    all
}

fn icons() -> Value {
    json!([{"src": "https://a.example/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}])
}

fn annotations() -> Value {
    json!({"audience": ["user"], "priority": 0.5, "lastModified": "2026-01-02T03:04:05Z"})
}

fn tool() -> Value {
    json!({
        "name": "t", "title": "T", "description": "d",
        "inputSchema": {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}},
            "required": ["a"], "additionalProperties": false},
        "outputSchema": {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        "annotations": {"title": "T", "readOnlyHint": false, "destructiveHint": false,
            "idempotentHint": true, "openWorldHint": true},
        "icons": icons(), "execution": {"taskSupport": "forbidden"}, "_meta": {"x/y": 1},
    })
}

/// A list of elements: its method, its name, the member that identifies an element, an element and
/// the form of one.
fn lists() -> Vec<(&'static str, &'static str, &'static str, Value, Form)> {
    let described = |identity: &str, value: &str| {
        let mut one = json!({
            "name": "n", "title": "T", "description": "d", "mimeType": "text/plain",
            "annotations": annotations(), "icons": icons(), "_meta": {"x/y": 1},
        });
        one[identity] = json!(value);
        one
    };
    let mut resource = described("uri", "file:///r");
    resource["size"] = json!(7);
    let prompt = json!({
        "name": "p", "title": "T", "description": "d", "icons": icons(), "_meta": {"x/y": 1},
        "arguments": [{"name": "a", "title": "A", "description": "d", "required": true}],
    });
    let template = described("uriTemplate", "file:///{t}");
    vec![
        ("tools/list", "tools", "name", tool(), TOOL),
        ("prompts/list", "prompts", "name", prompt, PROMPT),
        ("resources/list", "resources", "uri", resource, RESOURCE),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", template, TEMPLATE),
    ]
}

/// The number at the end of an identifier of a variant.
fn number(identifier: &str) -> Option<usize> {
    identifier.rsplit_once("-v")?.1.trim_end_matches('}').parse().ok()
}

fn told(result: &Value) -> RawAnswer {
    RawAnswer::Told(json!({ "result": result }))
}

/// Elements of every kind with their variants, in the lists of one upstream.
fn spoil_lists(odd: &OddUpstream) -> HashMap<&'static str, Vec<String>> {
    let mut names = HashMap::new();
    for (method, name, identity, whole, _) in lists() {
        let (mut all, mut kept) = (Vec::new(), Vec::new());
        for (number, (about, mut odd)) in variants(&whole).into_iter().enumerate() {
            if odd[identity] == whole[identity] {
                let own = whole[identity].as_str().unwrap();
                odd[identity] = match own.strip_suffix('}') {
                    Some(own) => json!(format!("{own}-v{number}}}")),
                    None => json!(format!("{own}-v{number}")),
                };
                // A tool whose arguments are said to be no object is left out.
                let no_object = match &odd["inputSchema"]["type"] {
                    Value::String(kind) => kind != "object",
                    Value::Array(kinds) => !kinds.is_empty(),
                    _ => false,
                };
                if !no_object {
                    kept.push(format!("{number} {about}"));
                }
            }
            all.push(odd);
        }
        all.push(match method {
            "tools/list" => json!({"name": "good", "inputSchema": {"type": "object"}}),
            _ => whole.clone(),
        });
        odd.answer(method, Some(told(&json!({ name: all }))));
        names.insert(method, kept);
    }
    names
}

/// The elements of a list, on all pages.
async fn pages(server: &TestServer, user: &GatewayUser, method: &str, name: &str) -> Vec<Value> {
    let path = if method == "tools/list" { "/mcp?surface=direct" } else { "/mcp" };
    let (mut all, mut params) = (Vec::new(), json!({}));
    loop {
        let answer = ask(server, &user.token, path, false, method, &params).await;
        all.extend(answer["result"][name].as_array().unwrap_or(&Vec::new()).clone());
        match answer["result"]["nextCursor"].as_str() {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_of_an_element_costs_at_most_itself_whatever_its_type() {
    let mut upstreams = Vec::new();
    for (kind, modern) in [
        (OddKind::Http, false),
        (OddKind::Http, true),
        (OddKind::Sse, false),
        (OddKind::Stdio, true),
    ] {
        let odd = OddUpstream::start(kind, modern, None).await;
        let names = spoil_lists(&odd);
        upstreams.push((format!("{}{}", kind.name(), u8::from(modern)), odd, names));
    }
    let server = TestServer::start_with(|config| {
        for (name, odd, _) in &upstreams {
            let mut settings = odd.config();
            settings.list_wait_ms = 60_000;
            settings.list_tools = 5000;
            config.upstreams.insert(name.clone(), settings);
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let mut wrong = Vec::new();
    for (method, name, identity, _, form) in lists() {
        let all = pages(&server, &alice, method, name).await;
        for one in all.iter().filter(|one| !conforms(one, &form)) {
            wrong.push(format!("{method}: does not conform: {one}"));
        }
        for (upstream, _, names) in &upstreams {
            let own: Vec<usize> = all
                .iter()
                .filter_map(|one| one[identity].as_str())
                .filter(|identifier| identifier.contains(upstream.as_str()))
                .filter_map(number)
                .collect();
            for kept in &names[method] {
                let number: usize = kept.split_once(' ').unwrap().0.parse().unwrap();
                if !own.contains(&number) {
                    wrong.push(format!("{upstream} {method}: {kept} is not offered"));
                }
            }
        }
    }
    for (upstream, ..) in &upstreams {
        let answer = server.call(&alice.token, &format!("{upstream}_good"), json!({})).await;
        if !answer.body.contains("echo") {
            wrong.push(format!("{upstream}: {}", answer.body));
        }
        let upstream = server.app.gateway.named(upstream).await.unwrap();
        for finding in server.app.gateway.test(&upstream, None).await {
            let text = finding.result.unwrap_or_else(|text| text);
            names_no_library(&text, "the test of the upstream");
        }
    }
    none(&wrong);
}

/// Blocks of a result, of each type.
fn blocks() -> Vec<Value> {
    let more = |mut block: Value| {
        block["annotations"] = annotations();
        block["_meta"] = json!({"x/y": 1});
        block
    };
    let contents = json!({"uri": "file:///c", "mimeType": "text/plain", "text": "x"});
    let bytes = json!({"uri": "file:///c", "mimeType": "image/png", "blob": "AA=="});
    vec![
        more(json!({"type": "text", "text": "x"})),
        more(json!({"type": "image", "data": "AA==", "mimeType": "image/png"})),
        more(json!({"type": "audio", "data": "AA==", "mimeType": "audio/ogg"})),
        more(json!({"type": "resource", "resource": contents})),
        more(json!({"type": "resource", "resource": bytes})),
        more(
            json!({"type": "resource_link", "uri": "file:///l", "name": "l", "mimeType": "a/b", "size": 7}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_of_a_result_costs_at_most_itself_whatever_its_type() {
    let mut upstreams = Vec::new();
    for (kind, modern) in [(OddKind::Http, false), (OddKind::Stdio, false), (OddKind::Http, true)] {
        let odd = OddUpstream::start(kind, modern, None).await;
        upstreams.push((format!("{}{}", kind.name(), u8::from(modern)), odd));
    }
    let server = TestServer::start_with(|config| {
        config.limits.calls_per_minute_user = 100_000;
        config.limits.calls_per_minute_client = 100_000;
        for (name, odd) in &upstreams {
            config.upstreams.insert(name.clone(), odd.config());
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    list(&server, &alice.token).await;
    let good = json!({"type": "text", "text": "echo"});
    let mut wrong = Vec::new();
    for (upstream, odd) in &upstreams {
        let asked = async |method: &'static str, params: Value, result: Value| {
            odd.answer(method, Some(told(&result)));
            ask(&server, &alice.token, "/mcp", false, method, &params).await
        };
        let call = json!({"name": format!("{upstream}_good"), "arguments": {}});
        let prompt = json!({"name": format!("{upstream}_letter")});
        for whole in blocks() {
            let all = variants(&whole);
            let mut content: Vec<Value> = all.iter().map(|(_, block)| block.clone()).collect();
            content.extend(values());
            content.push(good.clone());
            // A list of blocks is a message for each, so the elements here are single ones.
            let messages: Vec<Value> = all
                .iter()
                .map(|(_, block)| block)
                .chain([&good])
                .map(|block| json!({"role": "user", "content": block}))
                .collect();
            let answer = asked("tools/call", call.clone(), json!({"content": content})).await;
            let given = answer["result"]["content"].as_array().cloned().unwrap_or_default();
            if given.len() != content.len() || given.last() != Some(&good) {
                wrong.push(format!("{upstream} {whole}: {} of {}", given.len(), content.len()));
            }
            wrong.extend(given.iter().filter(|one| !block(one)).map(|one| format!("block {one}")));
            let answer = asked("prompts/get", prompt.clone(), json!({"messages": messages})).await;
            let given = answer["result"]["messages"].as_array().cloned().unwrap_or_default();
            if given.len() != messages.len() {
                wrong.push(format!("{upstream} prompt {whole}: {} {answer:.200}", given.len()));
            }
            let odd = given.iter().filter(|one| !block(&one["content"]));
            wrong.extend(odd.map(|one| format!("message {one}")));
        }
        let whole = json!({"content": [good], "structuredContent": {"a": 1}, "isError": false, "_meta": {"x/y": 1}});
        for (about, result) in variants(&whole) {
            let answer = asked("tools/call", call.clone(), result).await;
            let result = &answer["result"];
            let given = result["content"].as_array().cloned().unwrap_or_default();
            let lost = !about.starts_with("/content") && !given.contains(&good);
            let sound = given.iter().all(block)
                && result.get("isError").is_none_or(Value::is_boolean)
                && result.get("structuredContent").is_none_or(Value::is_object)
                && result.get("_meta").is_none_or(Value::is_object);
            if !result.is_object() || lost || !sound {
                wrong.push(format!("{upstream} result {about}: {answer}"));
            }
            names_no_library(&answer.to_string(), &about);
        }
        odd.answer("tools/call", None);
        let answer = asked("prompts/get", prompt.clone(), json!({"messages": []})).await;
        assert_eq!(answer["result"]["messages"], json!([]), "{answer}");
        let whole = json!({"description": "d", "messages": [{"role": "user", "content": good}], "_meta": {}});
        for (about, result) in variants(&whole) {
            let answer = asked("prompts/get", prompt.clone(), result).await;
            let kept = about.starts_with("/messages")
                || answer["result"]["messages"][0]["content"] == good;
            let described = answer["result"].get("description").is_none_or(Value::is_string);
            if !kept || !described {
                wrong.push(format!("{upstream} prompt {about}: {answer}"));
            }
            names_no_library(&answer.to_string(), &about);
        }
    }
    none(&wrong);
}
