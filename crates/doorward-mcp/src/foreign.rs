//! Errors of upstreams, as they may reach a client: without the codes and members by which Doorward
//! itself directs users. The source labels and cleans their text.

use rmcp::{ErrorData, model::ErrorCode};
use serde_json::{Value, json};

use crate::size::json_size;

/// Maximum number of bytes of an error's data that are passed on.
const MOST_DATA: usize = 16 * 1024;

/// The members of an error's data by which Doorward itself directs clients.
const OWN_MEMBERS: [&str; 5] =
    ["elicitations", "error", "scope", "requiredCapabilities", "doorward/retryAfterSeconds"];

/// The codes of JSON-RPC and MCP that only describe an error in a request. An upstream may use
/// them; every other code of the range that JSON-RPC reserves (-32768 to -32000) is Doorward's own,
/// among them those by which it directs users: a scope is missing (-32003), a URL has to be opened
/// (-32042).
const PASSED_ON: [ErrorCode; 5] = [
    ErrorCode::INVALID_REQUEST,
    ErrorCode::METHOD_NOT_FOUND,
    ErrorCode::INVALID_PARAMS,
    ErrorCode::INTERNAL_ERROR,
    ErrorCode::RESOURCE_NOT_FOUND,
];

/// The code by which a server requires a capability of the client (MCP 2026-07-28,
/// `MissingRequiredClientCapabilityError`).
const MISSING_CAPABILITY: ErrorCode = ErrorCode(-32021);

/// The capabilities that an upstream may miss in a client.
const CAPABILITIES: [&str; 3] = ["elicitation", "roots", "sampling"];

/// The names of the capabilities that an upstream requires, without its other statements about
/// them.
fn needed(data: Option<&Value>) -> Option<Value> {
    let named = data?.get("requiredCapabilities")?.as_object()?;
    let known = CAPABILITIES.iter().filter(|name| named.contains_key(**name));
    let members: serde_json::Map<_, _> =
        known.map(|name| ((*name).to_owned(), Value::Object(serde_json::Map::new()))).collect();
    (!members.is_empty()).then(|| json!({ "requiredCapabilities": members }))
}

/// An error that an upstream answered with, as the client gets it.
pub(crate) fn error(error: ErrorData) -> ErrorData {
    if error.code == MISSING_CAPABILITY
        && let Some(data) = needed(error.data.as_ref())
    {
        return ErrorData::new(MISSING_CAPABILITY, error.message, Some(data));
    }
    let reserved = (-32768..=-32000).contains(&error.code.0);
    let passes = !reserved || PASSED_ON.contains(&error.code);
    let code = if passes { error.code } else { ErrorCode::INTERNAL_ERROR };
    let data = match error.data.filter(|data| passes && json_size(data) <= MOST_DATA) {
        Some(Value::Object(mut members)) => {
            members.retain(|name, _| !OWN_MEMBERS.contains(&name.as_str()));
            (!members.is_empty()).then_some(Value::Object(members))
        }
        other => other,
    };
    ErrorData::new(code, error.message, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstreams_error_has_none_of_doorwards_codes_and_members() {
        let of =
            |code: i32, data: Value| error(ErrorData::new(ErrorCode(code), "Wiki: no", Some(data)));
        let own = json!({"elicitations": [{"mode": "url", "url": "https://wiki.example/in"}], "error": "insufficient_scope", "scope": "admin"});
        for code in [-32042, -32003, -32001, -32000, -32020, -32021, -32022, -32700] {
            let told = of(code, own.clone());
            assert_eq!((told.code, told.data), (ErrorCode::INTERNAL_ERROR, None), "{code}");
        }
        let missing = json!({"requiredCapabilities": {"sampling": {"x": "y"}, "doorward": {}}, "error": "insufficient_scope"});
        assert_eq!(
            of(-32021, missing).data,
            Some(json!({"requiredCapabilities": {"sampling": {}}})),
            "a capability that is missing is named, and nothing else"
        );
        for code in [-32602, -32601, -32603, -32600, -32002, 7, -1] {
            assert_eq!(of(code, own.clone()), ErrorData::new(ErrorCode(code), "Wiki: no", None));
            assert_eq!(of(code, json!({"uri": "x:1"})).data, Some(json!({"uri": "x:1"})));
        }
    }
}
