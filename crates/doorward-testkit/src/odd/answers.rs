//! The answers of an upstream, as its misbehaviour has them.

use serde_json::{Value, json};

use super::{Inner, OddHabit as H, RawAnswer, complete, good, more, plain};

/// The answer to a message.
pub(super) enum Said {
    /// A text where a message belongs.
    Text(String),
    /// An HTTP response: status, media type, body, further header.
    Status(u16, &'static str, String, &'static str),
    /// The connection, or the process, ends.
    Ends,
    /// Nothing, for ever.
    Nothing,
    /// A refusal whose body does not end.
    Endless,
}

pub(super) const JSON: &str = "application/json";
pub(super) const PAGE: &str =
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
const WELCOME: &str = "<html><title>Welcome</title><body>Sign in</body></html>";

pub(super) fn message(id: &Value, answer: &Value) -> Value {
    let mut whole = json!({"jsonrpc": "2.0", "id": id});
    if let (Some(whole), Some(members)) = (whole.as_object_mut(), answer.as_object()) {
        whole.extend(members.clone());
    }
    whole
}

/// Answers the question for the revisions.
fn discovered(habit: H, id: &Value) -> Said {
    let text = |answer: Value| Said::Text(message(id, &answer).to_string());
    match habit {
        H::DiscoverServerError => Said::Status(500, "text/plain", "unexpected".to_owned(), ""),
        H::DiscoverTooMany => {
            Said::Status(429, "text/plain", "slow".to_owned(), "retry-after: 1\r\n")
        }
        H::DiscoverForbidden => {
            Said::Status(403, JSON, r#"{"message":"forbidden"}"#.to_owned(), "")
        }
        H::DiscoverPage => Said::Status(200, "text/html", WELCOME.to_owned(), ""),
        H::DiscoverNotFoundPage => Said::Status(404, "text/html", PAGE.to_owned(), ""),
        H::DiscoverAccepted => Said::Status(202, "text/plain", String::new(), ""),
        H::DiscoverNotAllowed => Said::Status(405, "text/plain", String::new(), "allow: GET\r\n"),
        H::DiscoverNotAcceptable => {
            Said::Status(406, JSON, r#"{"error":"not acceptable"}"#.to_owned(), "")
        }
        H::DiscoverNotImplemented => Said::Status(501, "text/plain", String::new(), ""),
        H::DiscoverTimeout => Said::Status(504, "text/html", PAGE.to_owned(), ""),
        H::DiscoverRedirect => Said::Status(302, "", String::new(), "location: /login\r\n"),
        H::DiscoverEmpty => Said::Status(200, JSON, String::new(), ""),
        H::DiscoverStreamEnds => {
            Said::Status(200, "text/event-stream", ": nothing\n\n".to_owned(), "")
        }
        H::DiscoverTextError => Said::Text(r#"{"error":"unknown method"}"#.to_owned()),
        H::DiscoverInternalError => {
            text(json!({"error": {"code": -32603, "message": "undefined is not a function"}}))
        }
        H::DiscoverParseError => Said::Text(
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#
                .to_owned(),
        ),
        H::DiscoverEmptyResult => text(json!({"result": {}})),
        H::DiscoverNoVersions => text(
            json!({"result": complete(json!({"supportedVersions": [], "capabilities": {"tools": {}}}), true)}),
        ),
        H::DiscoverCloses => Said::Ends,
        H::DiscoverSilent => Said::Nothing,
        H::DiscoverNullId => Said::Text(
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}"#
                .to_owned(),
        ),
        H::DiscoverOtherResult => text(json!({"result": {"hello": "world"}})),
        _ => text(
            json!({"result": complete(json!({"supportedVersions": ["2025-06-18"], "capabilities": {}}), true)}),
        ),
    }
}

fn parse_error() -> Value {
    json!({"error": {"code": -32700, "message": "Parse error of yours"}})
}

/// The text that takes the place of the result of a call.
fn called_in_text(habit: H, id: &Value, result: &Value) -> Option<String> {
    let with_id = |id: Value| message(&id, result).to_string();
    let error = parse_error();
    Some(match habit {
        H::CallNullResult => message(id, &json!({"result": null})).to_string(),
        H::CallResultText => message(id, &json!({"result": "ok"})).to_string(),
        H::ErrorWithoutMessage => message(id, &json!({"error": {"code": -5}})).to_string(),
        H::ErrorCodeAsText => {
            let error = json!({"error": {"code": "E_PARSE", "message": "Parse error of yours"}});
            message(id, &error).to_string()
        }
        H::ErrorTrue => message(id, &json!({"error": true})).to_string(),
        H::OldVersionOfRpc => {
            let mut old = message(id, result);
            old["jsonrpc"] = json!("1.0");
            old.to_string()
        }
        H::CallOtherId => with_id(json!(999)),
        H::CallNullId => with_id(Value::Null),
        H::CallNoId => result.to_string(),
        H::CallNotification => {
            json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}).to_string()
        }
        H::CallUnreadable => message(id, &json!({"result": {"tools": "x"}})).to_string(),
        H::ErrorNullId => message(&Value::Null, &error).to_string(),
        H::ErrorNoId => error.to_string(),
        H::ErrorServerErrorId => message(&json!("server-error"), &error).to_string(),
        H::ErrorAsText => json!({"id": null, "error": "Parse error of yours"}).to_string(),
        H::IdAsText => with_id(json!(id.to_string())),
        H::IdWithFraction => message(id, result)
            .to_string()
            .replace(&format!("\"id\":{id}"), &format!("\"id\":{id}.0")),
        H::NullErrorBesideResult => {
            let mut both = result.clone();
            both["error"] = Value::Null;
            message(id, &both).to_string()
        }
        H::Batch => json!([message(id, result)]).to_string(),
        _ => return None,
    })
}

/// Answers a call in another way than with its result.
fn called(habit: H, id: &Value, result: &Value) -> Option<Said> {
    let refused = |status: u16, header| {
        Said::Status(status, JSON, json!({"error": format!("no, {status}")}).to_string(), header)
    };
    if let Some(text) = called_in_text(habit, id, result) {
        return Some(Said::Text(text));
    }
    let status = |status, kind, body: &str| Said::Status(status, kind, body.to_owned(), "");
    Some(match habit {
        H::CallAccepted => status(202, "text/plain", ""),
        H::CallNoContent => status(204, "", ""),
        H::CallEmpty => status(200, "", ""),
        H::CallEmptyJson => status(200, JSON, ""),
        H::CallPage => status(200, "text/html", WELCOME),
        H::CallText => status(200, "text/plain", "out of order"),
        H::CallCreated => status(201, JSON, &message(id, result).to_string()),
        H::CallPartial => status(206, JSON, &message(id, result).to_string()),
        H::CallReset => status(205, "", ""),
        H::CallNotModified => status(304, "", ""),
        H::CallGone => refused(410, ""),
        H::CallTimeout => refused(408, ""),
        H::CallStrangeStatus => refused(599, ""),
        H::CallEmptyBatch => status(200, JSON, "[]"),
        H::CallNumber => status(200, JSON, "7"),
        H::CallStreamOtherId => {
            let other = message(&json!(999), result);
            status(200, "text/event-stream", &format!("data: {other}\n\n: more\n\n"))
        }
        H::CallStreamNullError => {
            let other = message(&Value::Null, &parse_error());
            status(200, "text/event-stream", &format!("data: {other}\n\n"))
        }
        H::CallStreamAsText => {
            let own = message(id, result);
            status(200, "text/plain; charset=utf-8", &format!("event: message\ndata: {own}\n\n"))
        }
        H::CallCutOff => status(200, JSON, "{\"jsonrpc\": \"2.0\", "),
        // The body is announced longer than it is, and the connection stays open.
        H::CallEndlessRefusal => Said::Endless,
        H::CallConflict => refused(409, ""),
        H::CallForbidden => refused(403, ""),
        H::CallNotFound => refused(404, ""),
        H::CallServerError => refused(500, ""),
        H::CallBadGateway => status(502, "text/html", PAGE),
        H::CallMaintenance => refused(503, "retry-after: 90\r\n"),
        // The clock of the server is years off.
        H::CallMaintenanceUntil => refused(
            503,
            "date: Mon, 01 Jan 2001 00:00:00 GMT\r\nretry-after: Mon, 01 Jan 2001 00:01:30 GMT\r\n",
        ),
        H::CallTooManyUntil => refused(
            429,
            "date: Fri, 01 Jan 2100 00:00:00 GMT\r\nretry-after: Fri, 01 Jan 2100 00:00:07 UTC\r\n",
        ),
        H::CallTooMany => refused(429, "retry-after: 7\r\n"),
        H::CallTooManyWithout => refused(429, ""),
        H::CallCloses | H::ExitsOnCall => Said::Ends,
        H::CallStreamEnds => status(200, "text/event-stream", ": nothing\n\n"),
        H::BadRequestIsAnAnswer => {
            let wrong = json!({"error": {"code": -32000, "message": "the argument is wrong"}});
            Said::Status(400, JSON, message(id, &wrong).to_string(), "")
        }
        _ => return None,
    })
}

/// An element that cannot be read whole, as the habit has it.
fn odd_tool(habit: H) -> Option<Value> {
    let mut bare = json!({"name": "bare", "description": "odd", "inputSchema": {"type": "object"}});
    match habit {
        H::BareTool => drop(bare.as_object_mut()?.remove("inputSchema")),
        H::NullSchema => bare["inputSchema"] = Value::Null,
        H::SchemaAsList => bare["inputSchema"] = json!([]),
        H::NamelessTool => bare["name"] = Value::Null,
        H::ToolAsText => bare = json!("bare"),
        H::OddAnnotations => {
            bare["annotations"] = json!({"readOnlyHint": "yes", "idempotentHint": true});
        }
        H::OddTitle => bare["title"] = json!(7),
        H::OddDescription => bare["description"] = json!({"text": "odd"}),
        H::NumberAsName => bare["name"] = json!(7),
        H::OddOutputSchema => bare["outputSchema"] = json!("object"),
        H::SchemaAsText => bare["inputSchema"] = json!("{\"type\":\"object\"}"),
        H::SchemaWithoutType => bare["inputSchema"] = json!({"properties": {}}),
        H::OddProperties => {
            bare["inputSchema"]["properties"] = json!({"a": null, "b": {"items": "text"}});
        }
        H::OddRequired => bare["inputSchema"]["required"] = json!("a"),
        H::IconsAsObject => bare["icons"] = json!({"src": "https://a.example/i.png"}),
        H::OddExecution => bare["execution"] = json!({"taskSupport": 7}),
        H::OddHeader => {
            bare["inputSchema"]["properties"] =
                json!({"a": {"type": "object", "x-mcp-header": "Region"}});
        }
        H::SchemaSwitches => {
            bare["inputSchema"]["properties"] = json!({"a": true, "b": false});
            bare["outputSchema"] = json!({"type": "object", "properties": {"a": true}});
        }
        H::UncompiledOutput => {
            bare["outputSchema"] = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"},
                "b": {"type": "date"}, "c": {"pattern": "(?i)x"}, "d": {"enum": []}}});
        }
        H::DeepSchema => bare["inputSchema"]["properties"] = json!({"a": deep()}),
        H::NullTool => bare = Value::Null,
        H::OddIcons => bare["icons"] = json!([{"href": "x"}]),
        H::IconElsewhere => bare["icons"] = json!([{"src": "http://icons.example/x"}]),
        H::OddMeta => bare["_meta"] = json!("x"),
        _ => return None,
    }
    Some(bare)
}

/// A schema of more than a hundred levels.
fn deep() -> Value {
    (0..120).fold(json!({}), |inner, _| json!({"items": inner}))
}

/// Changes a good answer as the habit has it.
fn spoil(inner: &Inner, method: &str, params: &Value, answer: &mut Value) {
    let Some(habit) = inner.habit else { return };
    let result = &mut answer["result"];
    match method {
        "tools/list" => more::list(habit, params, result),
        "tools/call" => more::call(habit, result),
        "prompts/list" | "resources/list" => more::others(habit, method, result),
        "initialize" if habit == H::ServerInfoText => result["serverInfo"] = json!("odd 1.0"),
        _ => {}
    }
    match (method, habit) {
        ("tools/list", H::EmptyCursor) if inner.modern => {
            let second = params["cursor"] == "";
            result["tools"] = if second { json!([good()]) } else { json!([]) };
            if !second {
                result["nextCursor"] = json!("");
            }
        }
        ("tools/list", H::EmptyCursor) => {
            if params["cursor"].is_null() {
                result["nextCursor"] = json!("");
            } else {
                result["tools"] = json!([]);
            }
        }
        ("tools/list", H::EndlessCursor) => {
            if !params["cursor"].is_null() {
                result["tools"] = json!([]);
            }
            result["nextCursor"] = json!("more");
        }
        ("tools/list", H::TwiceTheName) => result["tools"] = json!([good(), good()]),
        ("tools/list", H::OddListMembers) => {
            result["_meta"] = json!("x");
            result["nextCursor"] = json!({});
            result["ttlMs"] = json!("soon");
        }
        ("tools/list" | "tools/call", H::OddResultType) => {
            result["resultType"] = json!("success");
        }
        ("tools/list", habit) => {
            if let Some(bare) = odd_tool(habit) {
                result["tools"] = json!([bare, good()]);
            }
        }
        ("prompts/list", H::OddPrompt) => {
            result["prompts"] = json!([{"title": "x"}, {"name": "letter"}]);
        }
        ("prompts/list", H::OddPromptArguments) => {
            result["prompts"][0]["arguments"] = json!([{"description": "x"}, 7]);
        }
        ("resources/list", H::OddResourceAnnotations) => {
            let annotations = json!({"priority": "high", "audience": "user"});
            result["resources"] =
                json!([{"uri": "file:///odd", "name": "odd", "annotations": annotations}]);
        }
        ("resources/list", H::OddPriority) => {
            let annotations = json!({"priority": 5, "lastModified": "2024-01-01"});
            result["resources"] =
                json!([{"uri": "file:///odd", "name": "odd", "annotations": annotations}]);
        }
        ("resources/list", H::ResourceWithoutName) => {
            result["resources"] = json!([{"uri": "file:///odd"}]);
        }
        ("resources/list", H::ActiveResource) => {
            result["resources"] = json!([{"uri": "javascript:alert(1)", "name": "odd"}]);
        }
        ("resources/list", H::OddResource) => {
            result["resources"] = json!([{"uri": "file:///odd", "name": "odd", "size": "big"}]);
        }
        ("resources/templates/list", H::OddTemplate) => {
            result["resourceTemplates"] = json!([{"uri": "x"}]);
        }
        ("initialize" | "server/discover", habit) => spoil_beginning(habit, method, result),
        ("tools/call", habit) => spoil_call(habit, result),
        _ => {}
    }
}

/// Changes the first answer.
fn spoil_beginning(habit: H, method: &str, result: &mut Value) {
    let older = method == "initialize";
    match habit {
        H::OddCapabilities => {
            result["capabilities"]["tools"] = json!(true);
        }
        H::NullCapabilities => {
            result["capabilities"] = Value::Null;
        }
        H::ListedCapabilities => {
            result["capabilities"] = json!(["tools"]);
        }
        H::NoCapabilities => {
            result["capabilities"] = json!({});
        }
        H::EmptyListOfCapabilities => {
            result["capabilities"] = json!([]);
        }
        H::OddInstructions => {
            result["instructions"] = json!(["read", "write"]);
        }
        H::NoServerInfo if older => drop(result["serverInfo"].take()),
        H::NoVersion if older => drop(result["protocolVersion"].take()),
        H::OddVersion if older => result["protocolVersion"] = json!(20_250_618),
        H::FutureVersion if older => result["protocolVersion"] = json!("2099-01-01"),
        _ => {}
    }
}

/// Changes the result of a call.
fn spoil_call(habit: H, result: &mut Value) {
    match habit {
        H::OneBlock => {
            result["content"] = json!({"type": "text", "text": "echo"});
        }
        H::OddBlockAnnotations => {
            result["content"][0]["annotations"] = json!([7]);
        }
        H::ImageWithoutType => {
            result["content"] =
                json!([{"type": "image", "data": "AA=="}, {"type": "text", "text": "echo"}]);
        }
        H::LinkWithoutName => {
            result["content"] = json!([{"type": "resource_link", "uri": "file:///good"}, {"type": "text", "text": "echo"}]);
        }
        H::TextAsNumber => {
            result["content"] =
                json!([{"type": "text", "text": 7}, {"type": "text", "text": "echo"}]);
        }
        H::DeepResult => result["structuredContent"] = deep(),
        H::OddBytes => {
            let annotations = json!({"priority": 7, "lastModified": "now"});
            result["content"] = json!([
                {"type": "image", "data": "data:image/png;base64,aGk", "mimeType": "image/png", "annotations": annotations},
                {"type": "audio", "data": "not base64!", "mimeType": "audio/ogg"},
                {"type": "resource", "resource": {"uri": "file:///odd", "blob": "_-8"}},
                {"type": "resource", "resource": {"uri": "file:///odd", "blob": "words"}},
                {"type": "text", "text": "echo"},
            ]);
        }
        H::OddStructure => result["structuredContent"] = json!("x"),
        H::OddIsError => result["isError"] = json!("false"),
        H::OddResultMeta => result["_meta"] = json!([7]),
        H::UnknownBlock => {
            result["content"] =
                json!([{"type": "hologram", "data": "x"}, {"type": "text", "text": "echo"}]);
        }
        H::ActiveLink => {
            result["content"] = json!([
                {"type": "resource_link", "uri": "javascript:alert(1)", "name": "x"},
                {"type": "text", "text": "echo"},
            ]);
        }
        H::BlockAsText => result["content"] = json!("echo"),
        _ => {}
    }
}

/// The refusal of an `initialize` that is newer than the server.
fn refused_greeting(habit: H, params: &Value) -> Option<Value> {
    let strict = habit == H::StrictCapabilities && params["capabilities"]["extensions"].is_object();
    let old = habit == H::OnlyOldVersions && params["protocolVersion"] != "2024-11-05";
    match (strict, old) {
        (true, _) => {
            Some(json!({"error": {"code": -32603, "message": "Unrecognized field \"extensions\""}}))
        }
        (_, true) => {
            let data = json!({"supported": ["2024-11-05"], "requested": params["protocolVersion"]});
            Some(
                json!({"error": {"code": -32602, "message": "Unsupported protocol version", "data": data}}),
            )
        }
        (false, false) => None,
    }
}

/// A result with the members of its revision that it lacks.
fn of_revision(modern: bool, mut told: Value) -> Value {
    let Some(result) = told.get_mut("result").and_then(Value::as_object_mut) else { return told };
    if let Value::Object(needed) = complete(json!({}), modern) {
        for (name, value) in needed {
            result.entry(name).or_insert(value);
        }
    }
    told
}

/// Answers a message that requests something.
pub(super) fn answer(inner: &Inner, asked: &Value) -> Said {
    let (method, id) = (asked["method"].as_str().unwrap_or_default(), &asked["id"]);
    if let Some(RawAnswer::Told(told)) = inner.lock().raw.get(method).cloned() {
        return Said::Text(message(id, &of_revision(inner.modern, told)).to_string());
    }
    if let Some(habit) = inner.habit {
        if method == "server/discover" && habit.is_about_discover() {
            return discovered(habit, id);
        }
        if method == "tools/call"
            && let Some(said) = called(habit, id, &plain(inner, method, &asked["params"]))
        {
            return said;
        }
    }
    let refused = inner.habit.and_then(|habit| refused_greeting(habit, &asked["params"]));
    if let (Some(refused), "initialize") = (refused, method) {
        return Said::Text(message(id, &refused).to_string());
    }
    let mut said = plain(inner, method, &asked["params"]);
    if let Some(other) = inner.habit.and_then(|habit| more::instead(habit, method)) {
        said = other;
    }
    if said["result"].is_object() {
        spoil(inner, method, &asked["params"], &mut said);
    }
    Said::Text(written(inner.habit, method, &message(id, &said)))
}

/// The text of a message, as the language of a server may write it.
fn written(habit: Option<H>, method: &str, message: &Value) -> String {
    let text = message.to_string();
    let Some(habit) = habit else { return text };
    let listed = |instead: &str| {
        if method == "tools/list" {
            text.replace(r#""description":"says echo""#, instead)
        } else {
            text.clone()
        }
    };
    match habit {
        H::CutEmoji => listed(r#""description":"says \ud83d""#),
        H::NotANumber => listed(r#""description":"says","_meta":{"rank":NaN,"to":-Infinity}"#),
        H::ControlCharacters => listed("\"description\":\"says\techo\u{1}\""),
        H::TooLargeNumber => listed(r#""description":"says","_meta":{"rank":1e999}"#),
        H::ByteOrderMark => format!("\u{feff}{text}"),
        H::Indented => serde_json::to_string_pretty(message).unwrap_or(text),
        _ => text,
    }
}
