//! Requests and notifications of an upstream: a member in another form than the protocol specifies
//! costs itself, and not the report of progress or the line of log that it is a part of.

use rmcp::model::{LoggingMessageNotification, NotificationMetaObject, RequestId};
use serde_json::{Map, Number, Value, json};

use super::{as_number, ids};

/// The member of a log message's `_meta` that holds the request on whose HTTP response it came. The
/// protocol library notes that for questions alone.
const ORIGIN: &str = "doorward/request";

/// The levels of the protocol, and the names that languages have for them.
const LEVELS: &[(&str, &[&str])] = &[
    ("debug", &["trace", "verbose", "finest", "fine", "silly"]),
    ("info", &["information", "informational", "log"]),
    ("notice", &[]),
    ("warning", &["warn"]),
    ("error", &["err", "severe"]),
    ("critical", &["fatal", "crit"]),
    ("alert", &[]),
    ("emergency", &["emerg", "panic"]),
];

/// Reads the parameters of a message without members that are not of the protocol.
pub(super) fn mend(method: &str, params: &mut Value) {
    let Value::Object(members) = params else { return };
    if members.get("_meta").is_some_and(|meta| !meta.is_object()) {
        members.remove("_meta");
    }
    match method {
        "notifications/progress" => progress(members),
        "notifications/message" => log(members),
        // The ID of a request of the upstream, in the form in which it travels.
        "notifications/cancelled" => {
            if let Some(id) = members.get_mut("requestId").filter(|id| !id.is_null()) {
                *id = ids::wrapped(id.take());
            }
        }
        _ => {}
    }
}

/// Notes the request on whose HTTP response a log message came. A note of the upstream's own is
/// removed.
pub(super) fn note_origin(method: &str, params: &mut Value, asked: Option<i64>) {
    if method != "notifications/message" {
        return;
    }
    let Value::Object(members) = params else { return };
    if let Some(Value::Object(meta)) = members.get_mut("_meta") {
        meta.remove(ORIGIN);
    }
    if let Some(asked) = asked {
        let meta = members.entry("_meta").or_insert_with(|| json!({}));
        if let Value::Object(meta) = meta {
            meta.insert(ORIGIN.to_owned(), asked.into());
        }
    }
}

/// The request on whose HTTP response a log message came. The protocol library takes `_meta` out of
/// the parameters.
pub(crate) fn origin_of(log: &LoggingMessageNotification) -> Option<RequestId> {
    let meta = log.extensions.get::<NotificationMetaObject>()?;
    meta.get(ORIGIN)?.as_i64().map(RequestId::Number)
}

fn progress(members: &mut Map<String, Value>) {
    // Some send the token where requests have it.
    if !members.contains_key("progressToken")
        && let Some(token) =
            members.get("_meta").and_then(|meta| meta.get("progressToken")).cloned()
    {
        members.insert("progressToken".to_owned(), token);
    }
    // The tokens of Doorward's requests are numbers.
    if let Some(token) = members.get("progressToken").and_then(as_number) {
        members.insert("progressToken".to_owned(), token.into());
    }
    for name in ["progress", "total"] {
        let Some(Value::String(text)) = members.get(name) else { continue };
        let number = text.trim().parse::<f64>().ok().and_then(Number::from_f64);
        if let Some(number) = number {
            members.insert(name.to_owned(), Value::Number(number));
        }
    }
    let is_wrong = |name: &str, right: fn(&Value) -> bool| {
        members.get(name).is_some_and(|value| !right(value))
    };
    let wrong: Vec<&str> =
        [("total", Value::is_number as fn(&Value) -> bool), ("message", Value::is_string)]
            .into_iter()
            .filter(|(name, right)| is_wrong(name, *right))
            .map(|(name, _)| name)
            .collect();
    for name in wrong {
        members.remove(name);
    }
}

fn log(members: &mut Map<String, Value>) {
    let told = members.get("level").and_then(Value::as_str).unwrap_or_default();
    let told = told.trim().to_ascii_lowercase();
    let known = LEVELS
        .iter()
        .find(|(level, others)| *level == told || others.contains(&told.as_str()))
        .map_or("info", |(level, _)| *level);
    members.insert("level".to_owned(), known.into());
    if members.get("logger").is_some_and(|logger| !logger.is_string()) {
        members.remove("logger");
    }
    // Some have the text in a member of its own.
    if !members.contains_key("data") {
        let text = members.get("message").cloned().unwrap_or(Value::Null);
        members.insert("data".to_owned(), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_in_another_form_costs_itself() {
        for (method, given, mended) in [
            (
                "progress",
                json!({"progressToken": "7", "progress": 1}),
                json!({"progressToken": 7, "progress": 1}),
            ),
            (
                "progress",
                json!({"progressToken": "x", "progress": "0.5", "total": " 2 "}),
                json!({"progressToken": "x", "progress": 0.5, "total": 2.0}),
            ),
            (
                "progress",
                json!({"progressToken": 7, "progress": 1, "total": "all", "message": {"a": 1}, "_meta": "x"}),
                json!({"progressToken": 7, "progress": 1}),
            ),
            (
                "progress",
                json!({"progressToken": 7, "progress": 1, "total": null, "message": null}),
                json!({"progressToken": 7, "progress": 1}),
            ),
            (
                "progress",
                json!({"progressToken": 7.0, "progress": 1}),
                json!({"progressToken": 7, "progress": 1}),
            ),
            (
                "progress",
                json!({"progress": 1, "_meta": {"progressToken": "7"}}),
                json!({"progressToken": 7, "progress": 1, "_meta": {"progressToken": "7"}}),
            ),
            (
                "message",
                json!({"level": "WARN", "logger": 7, "data": "x"}),
                json!({"level": "warning", "data": "x"}),
            ),
            (
                "message",
                json!({"level": 3, "message": "x"}),
                json!({"level": "info", "message": "x", "data": "x"}),
            ),
            (
                "message",
                json!({"level": "notice", "logger": "a", "data": {"b": 1}}),
                json!({"level": "notice", "logger": "a", "data": {"b": 1}}),
            ),
            ("resources/updated", json!({"uri": "x", "_meta": []}), json!({"uri": "x"})),
        ] {
            let mut params = given.clone();
            mend(&format!("notifications/{method}"), &mut params);
            assert_eq!(params, mended, "{given}");
        }
        let log = |asked| {
            let mut params =
                json!({"level": "info", "data": 1, "_meta": {"doorward/request": 3, "a": 1}});
            note_origin("notifications/message", &mut params, asked);
            let message = json!({"method": "notifications/message", "params": params});
            serde_json::from_value::<LoggingMessageNotification>(message).unwrap()
        };
        assert_eq!(origin_of(&log(Some(7))), Some(RequestId::Number(7)));
        assert_eq!(origin_of(&log(None)), None, "an upstream names no request of another");
        let mut list = json!([1]);
        mend("notifications/progress", &mut list);
        assert_eq!(list, json!([1]));
    }
}
