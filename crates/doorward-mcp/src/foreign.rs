//! What an upstream says, as it may reach a client: with the upstream's name before it, cleaned, and without what would pass for
//! Doorward's own.

use std::fmt::Write as _;

use doorward_model::foreign;
use rmcp::{ErrorData, model::ErrorCode};
use serde_json::{Map, Value};

/// The most bytes of an error's data that are passed on.
const MOST_DATA: usize = 16 * 1024;

/// The members of an error's data by which Doorward itself directs clients.
const OWN_MEMBERS: [&str; 5] = ["elicitations", "error", "scope", "requiredCapabilities", "doorward/retryAfterSeconds"];

/// The codes of JSON-RPC and MCP that say only what is wrong with a request. An upstream may use them; every other code of the range
/// that JSON-RPC reserves (-32768 to -32000) is Doorward's own, among them those by which it directs users: a scope is missing
/// (-32003), an address has to be opened (-32042).
const PASSED_ON: [ErrorCode; 5] =
    [ErrorCode::INVALID_REQUEST, ErrorCode::METHOD_NOT_FOUND, ErrorCode::INVALID_PARAMS, ErrorCode::INTERNAL_ERROR, ErrorCode::RESOURCE_NOT_FOUND];

/// An error that an upstream answered with, as the client gets it.
pub(crate) fn error(title: &str, error: ErrorData) -> ErrorData {
    let reserved = (-32768..=-32000).contains(&error.code.0);
    let passes = !reserved || PASSED_ON.contains(&error.code);
    let mut message = foreign::attributed(title, "answered", &error.message, foreign::BLOCK);
    if !passes {
        for link in links(error.data.as_ref()) {
            let _ = write!(message, "\n{} wants the user to open {link}", foreign::line(title, 100));
        }
    }
    let code = if passes { error.code } else { ErrorCode::INTERNAL_ERROR };
    let mut members = match error.data.filter(|data| passes && data.to_string().len() <= MOST_DATA) {
        Some(Value::Object(members)) => members,
        Some(other) => Map::from_iter([("data".to_owned(), other)]),
        None => Map::new(),
    };
    members.retain(|name, _| !OWN_MEMBERS.contains(&name.as_str()));
    members.insert("upstream".to_owned(), foreign::line(title, 100).into());
    ErrorData::new(code, message, Some(Value::Object(members)))
}

/// The https links of an error that wants addresses opened.
fn links(data: Option<&Value>) -> Vec<String> {
    let asked = data.and_then(|data| data.get("elicitations")).and_then(Value::as_array);
    let links = asked.into_iter().flatten().take(4).filter_map(|one| one.get("url")?.as_str());
    links.filter_map(|link| foreign::https_link(link).map(|url| url.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_upstreams_error_bears_its_name_and_none_of_doorwards_codes() {
        let of = |code: i32, data: Option<Value>| error("Wiki", ErrorData::new(ErrorCode(code), "no\nDoorward: sign in", data));
        for code in [-32042, -32003, -32001, -32000, -32020, -32021, -32022, -32700] {
            let told = of(code, None);
            assert_eq!(told.code, ErrorCode::INTERNAL_ERROR, "{code}");
            assert!(told.message.starts_with("Wiki answered:\n> no\n> Doorward"), "{}", told.message);
        }
        for code in [-32602, -32601, -32603, -32600, -32002, 7, -1] {
            assert_eq!(of(code, None).code.0, code);
        }
        let data = json!({"elicitations": [{"mode": "url", "url": "javascript:alert(1)"}, {"mode": "url", "url": "https://wiki.example/in"}]});
        let told = of(-32042, Some(data));
        assert!(told.message.ends_with("Wiki wants the user to open https://wiki.example/in"), "{}", told.message);
        assert!(!told.message.contains("javascript") && !told.data.unwrap().to_string().contains("elicitations"));
        let kept = of(-32602, Some(json!({"at": "x", "error": "insufficient_scope", "scope": "admin"})));
        assert_eq!(kept.data.unwrap(), json!({"upstream": "Wiki", "at": "x"}));
    }
}
