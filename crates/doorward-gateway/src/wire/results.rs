//! Reading a result by the method of its request.

use rmcp::model::{
    CallToolResult, CompleteResult, DiscoverResult, GetPromptResult, Implementation,
    InitializeResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, Prompt, PromptMessage, ProtocolVersion, ReadResourceResult, Resource,
    ResourceTemplate, ServerCapabilities, ServerResult, Tool,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    mend::{self, Element, block, contents, drop_unread},
    questions, tidy,
};
use crate::left_out::{LeftOut, Why};

/// The words for a result that cannot be read.
const OTHER: &str = "a message that does not conform to the protocol";

/// Reads the result of a request, without parts that do not conform to the protocol. The error
/// follows "answered METHOD with".
pub(super) fn read(method: &str, mut result: Value) -> Result<(ServerResult, LeftOut), String> {
    let mut left_out = LeftOut::default();
    let mut other = false;
    if let Some(kind) = result.get_mut("resultType") {
        match kind.as_str() {
            Some("complete") => {}
            // The other results of a request are read as they are.
            Some("input_required" | "task") => {
                other = true;
                for field in questions::mend_all(&mut result)? {
                    left_out.add_part("question", &field, Why::Unread);
                }
            }
            Some(_) | None => {
                *kind = json!("complete");
                left_out.add_part("result", "resultType", Why::Unread);
            }
        }
    }
    let read = match method {
        _ if other => whole::<ServerResult>(result),
        "tools/list" => list::<Tool, ListToolsResult>(result, "tools", &mut left_out),
        "prompts/list" => list::<Prompt, ListPromptsResult>(result, "prompts", &mut left_out),
        "resources/list" => {
            list::<Resource, ListResourcesResult>(result, "resources", &mut left_out)
        }
        "resources/templates/list" => list::<ResourceTemplate, ListResourceTemplatesResult>(
            result,
            "resourceTemplates",
            &mut left_out,
        ),
        "tools/call" => call(result, &mut left_out),
        "prompts/get" => prompt(result, &mut left_out),
        "resources/read" => resource(result, &mut left_out),
        "completion/complete" => completion(result, &mut left_out),
        "initialize" => initialized(result, &mut left_out),
        "server/discover" => discovered(result, &mut left_out),
        // An acknowledgement, with any contents.
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
            Ok(ServerResult::empty(()))
        }
        _ => whole::<ServerResult>(result),
    };
    read.map(|mut read| {
        tidy::result(&mut read, &mut left_out);
        (read, left_out)
    })
}

fn whole<T: DeserializeOwned + Into<ServerResult>>(result: Value) -> Result<ServerResult, String> {
    serde_json::from_value::<T>(result).map(Into::into).map_err(|_| OTHER.to_owned())
}

/// Reads an object without the members that are not of the protocol.
fn without<T: DeserializeOwned + Into<ServerResult>>(
    mut result: Value,
    needed: &[&str],
    left_out: &mut LeftOut,
) -> Result<ServerResult, String> {
    if let Ok(read) = T::deserialize(&result) {
        return Ok(read.into());
    }
    let dropped = drop_unread::<T>(&mut result, needed).ok_or(OTHER)?;
    for part in dropped {
        left_out.add_part("result", &part, Why::Unread);
    }
    whole::<T>(result)
}

fn object(result: Value) -> Result<Map<String, Value>, String> {
    match result {
        Value::Object(members) => Ok(members),
        _ => Err(OTHER.to_owned()),
    }
}

fn list<T: Element, L: DeserializeOwned + Into<ServerResult>>(
    result: Value,
    name: &'static str,
    left_out: &mut LeftOut,
) -> Result<ServerResult, String> {
    let mut members = object(result)?;
    let all = match members.remove(name) {
        Some(Value::Array(all)) => all,
        Some(Value::Null) => Vec::new(),
        Some(Value::Object(all)) if all.is_empty() => Vec::new(),
        Some(_) => return Err(format!("{name} that are not a list")),
        None => return Err(format!("a result without {name}")),
    };
    let read: Vec<Value> = all
        .into_iter()
        .enumerate()
        .filter_map(|(place, one)| mend::element::<T>(one, place, left_out))
        .collect();
    members.insert(name.to_owned(), Value::Array(read));
    if let Some(cursor) = members.get_mut("nextCursor").filter(|cursor| cursor.is_number()) {
        *cursor = Value::String(cursor.to_string());
    }
    without::<L>(Value::Object(members), &[name], left_out)
}

/// The elements of a member that should be a list: a single element counts as a list of one.
fn elements(members: &mut Map<String, Value>, name: &str) -> Option<Vec<Value>> {
    match members.remove(name)? {
        Value::Array(all) => Some(all),
        Value::Null => None,
        one => Some(vec![one]),
    }
}

fn call(result: Value, left_out: &mut LeftOut) -> Result<ServerResult, String> {
    if let Ok(read) = CallToolResult::deserialize(&result) {
        return Ok(read.into());
    }
    let mut members = object(result)?;
    // The revision 2024-10-07 has one value in place of blocks.
    if !members.contains_key("content")
        && let Some(told) = members.remove("toolResult")
    {
        let text = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
        members.insert("content".to_owned(), json!([{"type": "text", "text": text}]));
    }
    let nothing = members.keys().all(|name| matches!(name.as_str(), "_meta" | "resultType"));
    let known = nothing
        || ["content", "structuredContent", "isError"]
            .iter()
            .any(|name| members.contains_key(*name));
    if !known {
        return Err(OTHER.to_owned());
    }
    let content = elements(&mut members, "content").unwrap_or_default();
    let content = content.into_iter().map(|one| block(one, left_out)).collect();
    members.insert("content".to_owned(), Value::Array(content));
    // The mark of a failed call is kept although its form is wrong.
    if let Some(failed) = members.get_mut("isError").filter(|failed| !failed.is_boolean()) {
        *failed =
            json!(!matches!(failed.to_string().trim_matches('"'), "null" | "false" | "0" | ""));
    }
    without::<CallToolResult>(Value::Object(members), &["content"], left_out)
}

fn prompt(result: Value, left_out: &mut LeftOut) -> Result<ServerResult, String> {
    let mut members = object(result)?;
    let messages = elements(&mut members, "messages").ok_or("a result without messages")?;
    let mut read = Vec::new();
    for (place, message) in messages.into_iter().enumerate() {
        let Value::Object(mut message) = message else {
            left_out.add(&format!("message #{}", place + 1), Why::Unread);
            continue;
        };
        let role = message.remove("role").unwrap_or(Value::Null);
        let role = if matches!(role.as_str(), Some("user" | "assistant")) {
            role
        } else {
            left_out.add_part(&format!("message #{}", place + 1), "role", Why::Unread);
            json!("user")
        };
        for one in elements(&mut message, "content").unwrap_or_default() {
            read.push(json!({"role": role, "content": block(one, left_out)}));
        }
    }
    read.retain(|message| serde_json::from_value::<PromptMessage>(message.clone()).is_ok());
    members.insert("messages".to_owned(), Value::Array(read));
    without::<GetPromptResult>(Value::Object(members), &["messages"], left_out)
}

fn resource(result: Value, left_out: &mut LeftOut) -> Result<ServerResult, String> {
    let mut members = object(result)?;
    let mut all = elements(&mut members, "contents").ok_or("a result without contents")?;
    let mut place = 0;
    all.retain_mut(|one| {
        place += 1;
        let read = contents(one);
        if !read {
            left_out.add(&format!("contents #{place}"), Why::Unread);
        }
        read
    });
    members.insert("contents".to_owned(), Value::Array(all));
    without::<ReadResourceResult>(Value::Object(members), &["contents"], left_out)
}

fn completion(result: Value, left_out: &mut LeftOut) -> Result<ServerResult, String> {
    let mut members = object(result)?;
    let Some(Value::Object(mut found)) = members.remove("completion") else {
        return Err("a result without a completion".to_owned());
    };
    let mut values = elements(&mut found, "values").unwrap_or_default();
    values.retain(Value::is_string);
    found.insert("values".to_owned(), Value::Array(values));
    let mut found = Value::Object(found);
    drop_unread::<rmcp::model::CompletionInfo>(&mut found, &["values"]).ok_or(OTHER)?;
    members.insert("completion".to_owned(), found);
    without::<CompleteResult>(Value::Object(members), &["completion"], left_out)
}

/// Reads an upstream's capabilities: one in an unknown form counts as present.
fn capabilities(members: &mut Map<String, Value>, left_out: &mut LeftOut) {
    let mut all = match members.remove("capabilities") {
        Some(Value::Object(all)) => all,
        Some(Value::Array(none)) if none.is_empty() => Map::new(),
        _ => {
            left_out.add("capabilities", Why::Unread);
            // Asking for each list finds out which there are.
            ["tools", "prompts", "resources"]
                .map(|name| (name.to_owned(), json!({})))
                .into_iter()
                .collect()
        }
    };
    all.retain(|_, value| !matches!(value, Value::Null | Value::Bool(false)));
    for name in ["tools", "prompts", "resources", "logging", "completions"] {
        if let Some(value) = all.get_mut(name) {
            let one = json!({ name: value });
            if serde_json::from_value::<ServerCapabilities>(one).is_err() {
                *value = json!({});
                left_out.add_part("capabilities", name, Why::Unread);
            }
        }
    }
    let mut all = Value::Object(all);
    for part in drop_unread::<ServerCapabilities>(&mut all, &[]).unwrap_or_default() {
        left_out.add_part("capabilities", &part, Why::Unread);
    }
    members.insert("capabilities".to_owned(), all);
}

fn initialized(result: Value, left_out: &mut LeftOut) -> Result<ServerResult, String> {
    let mut members = object(result)?;
    if !members.contains_key("serverInfo") && !members.contains_key("protocolVersion") {
        return Err(OTHER.to_owned());
    }
    capabilities(&mut members, left_out);
    let mut info = match members.remove("serverInfo") {
        Some(Value::Object(info)) => info,
        _ => Map::new(),
    };
    for name in ["name", "version"] {
        if !info.get(name).is_some_and(Value::is_string) {
            let shown = info.get(name).filter(|value| value.is_number()).map(Value::to_string);
            info.insert(name.to_owned(), Value::String(shown.unwrap_or_default()));
            left_out.add_part("serverInfo", name, Why::Unread);
        }
    }
    let mut info = Value::Object(info);
    for part in drop_unread::<Implementation>(&mut info, &["name", "version"]).unwrap_or_default() {
        left_out.add_part("serverInfo", &part, Why::Unread);
    }
    members.insert("serverInfo".to_owned(), info);
    if !members.get("protocolVersion").is_some_and(Value::is_string) {
        left_out.add_part("result", "protocolVersion", Why::Unread);
        members.insert("protocolVersion".to_owned(), json!(ProtocolVersion::V_2025_03_26));
    }
    let needed = ["protocolVersion", "capabilities", "serverInfo"];
    without::<InitializeResult>(Value::Object(members), &needed, left_out)
}

fn discovered(result: Value, left_out: &mut LeftOut) -> Result<ServerResult, String> {
    let mut members = object(result)?;
    capabilities(&mut members, left_out);
    let versions = elements(&mut members, "supportedVersions")
        .ok_or("a result without supportedVersions")?
        .into_iter()
        .filter(Value::is_string)
        .collect();
    members.insert("supportedVersions".to_owned(), Value::Array(versions));
    // Doorward keeps no copy of the result, so statements about copies have no effect.
    members.insert("resultType".to_owned(), json!("complete"));
    members.insert("ttlMs".to_owned(), json!(0));
    members.insert("cacheScope".to_owned(), json!("private"));
    let needed = ["resultType", "supportedVersions", "capabilities", "ttlMs", "cacheScope"];
    without::<DiscoverResult>(Value::Object(members), &needed, left_out)
}
