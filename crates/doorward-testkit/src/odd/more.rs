//! More answers of an upstream: other lists, other results.

use serde_json::{Value, json};

use super::{OddHabit as H, good};

/// The number of tools of a server with very many.
const MANY: usize = 10_000;

fn tool(name: &str) -> Value {
    json!({"name": name, "inputSchema": {"type": "object"}})
}

fn of_schema(schema: &Value) -> Value {
    json!({"name": "bare", "inputSchema": schema})
}

/// Changes a list of prompts or resources.
pub(super) fn others(habit: H, method: &str, result: &mut Value) {
    let arguments = |value: Value| json!({"name": "letter", "arguments": value});
    let odd = match habit {
        H::UriAsNumber => json!({"uri": 7, "name": "odd"}),
        H::ResourceAsList => json!(["file:///odd", "odd"]),
        H::ArgumentsAsMap => arguments(json!({"to": {"description": "x"}})),
        H::ArgumentsAsTexts => arguments(json!(["to", "from"])),
        H::ArgumentRequiredAsText => arguments(json!([{"name": "to", "required": "yes"}])),
        H::PromptAsText => json!("letter"),
        _ => return,
    };
    let of_resources = matches!(habit, H::UriAsNumber | H::ResourceAsList);
    let name = if of_resources { "resources" } else { "prompts" };
    if method.starts_with(name) {
        result[name] = json!([odd]);
    }
}

/// Answers a request in another way.
pub(super) fn instead(habit: H, method: &str) -> Option<Value> {
    let error = |code: i64| json!({"error": {"code": code, "message": "not now"}});
    match (habit, method) {
        (H::PromptsFail, "prompts/list") => Some(error(-32603)),
        (H::PromptsUnknown, "prompts/list") => Some(error(-32601)),
        (H::ResourcesText, "resources/list") => Some(json!({"result": {"resources": "none"}})),
        _ => None,
    }
}

/// Changes a list of tools.
pub(super) fn list(habit: H, params: &Value, result: &mut Value) {
    let cursor = params["cursor"].as_str().unwrap_or_default();
    let first = cursor.is_empty();
    let other = |result: &mut Value, next: &str| {
        if !first {
            result["tools"] = json!([]);
        }
        result["nextCursor"] = json!(next);
    };
    let mut beside = |tool: Value| result["tools"] = json!([tool, good()]);
    match habit {
        H::NamesByCase => beside(tool("Good")),
        H::ManyTools => {
            let many = (1..MANY).map(|number| tool(&format!("tool{number}")));
            result["tools"] = std::iter::once(good()).chain(many).collect();
        }
        H::ManyPages => {
            let page: usize = cursor.parse().unwrap_or_default();
            other(result, &(page + 1).to_string());
        }
        H::LoopOfCursors => other(result, if cursor == "a" { "b" } else { "a" }),
        H::CursorAsNumber if first => result["nextCursor"] = json!(7),
        H::CursorAsNumber => result["tools"] = json!([]),
        H::LongCursor => result["nextCursor"] = json!("c".repeat(9000)),
        H::SnakeSchema => {
            beside(json!({"name": "bare", "input_schema": {"type": "object"}, "parameters": {}}));
        }
        H::LongName => beside(tool(&"n".repeat(3000))),
        H::HiddenName => beside(tool("ba\u{202e}re")),
        H::NullAnnotations => {
            let mut odd = tool("bare");
            odd["annotations"] = Value::Null;
            odd["title"] = Value::Null;
            odd["_meta"] = Value::Null;
            odd["icons"] = Value::Null;
            beside(odd);
        }
        H::NullOutputSchema => {
            let mut odd = tool("bare");
            odd["outputSchema"] = Value::Null;
            beside(odd);
        }
        H::NullMembers => {
            result["nextCursor"] = Value::Null;
            result["_meta"] = Value::Null;
        }
        H::PropertiesAsList => beside(of_schema(&json!({"type": "object", "properties": []}))),
        H::RequiredTwice => {
            beside(of_schema(&json!({"type": "object", "required": ["a", "a", 3]})));
        }
        H::MemberIsNull => {
            beside(of_schema(&json!({"type": "object", "properties": {"a": null}})));
        }
        H::SchemaOfList => beside(of_schema(&json!({"type": "array", "items": {}}))),
        H::SchemaOrNull => {
            beside(of_schema(&json!({"anyOf": [{"type": "object"}, {"type": "null"}]})));
        }
        H::NameAsList => beside(json!({"name": ["bare"], "inputSchema": {"type": "object"}})),
        H::FunctionAsTool => {
            beside(json!({"type": "function", "function": {"name": "bare", "parameters": {}}}));
        }
        H::ToolAsList => beside(json!(["bare", {"type": "object"}])),
        H::OutputAsSwitch => {
            let mut odd = tool("bare");
            odd["outputSchema"] = json!(true);
            beside(odd);
        }
        _ => {}
    }
}

/// Changes the result of a call.
pub(super) fn call(habit: H, result: &mut Value) {
    match habit {
        H::StructureAlone => {
            result["structuredContent"] = json!({"said": "echo"});
            result.as_object_mut().unwrap().remove("content");
        }
        H::NullContent => {
            result["structuredContent"] = json!({"said": "echo"});
            result["content"] = Value::Null;
        }
        H::IsErrorText => result["isError"] = json!("true"),
        H::IsErrorNumber => result["isError"] = json!(1),
        H::IsErrorNull => result["isError"] = Value::Null,
        H::OldToolResult => {
            result["toolResult"] = json!("echo");
            result.as_object_mut().unwrap().remove("content");
        }
        H::BlockWithoutType => result["content"] = json!([{"text": "echo"}]),
        H::BlockInCapitals => result["content"] = json!([{"type": "Text", "text": "echo"}]),
        H::NullMembers => {
            result["structuredContent"] = Value::Null;
            result["_meta"] = Value::Null;
            result["content"][0]["annotations"] = Value::Null;
            result["content"][0]["_meta"] = Value::Null;
        }
        _ => {}
    }
}
