//! Entries of the audit as text: JSON for programs, CSV for spreadsheets, a sentence for users.

use doorward_model::{AuditEntry, Timestamp};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The first line of a CSV export.
pub const CSV_HEAD: &str = "seq,time,kind,outcome,user_id,user_name,client_id,session_id,token_id,grant_id,address,request_id,subject,tool,upstream,class,decision,micros,request_bytes,response_bytes,detail,hash";

/// A moment as RFC 3339 writes it.
pub fn rfc3339(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp(at.0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Reads a day (`2026-11-21`), a moment (RFC 3339) or seconds since 1970.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(Timestamp(seconds));
    }
    let moment = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else if text.len() == 16 {
        format!("{text}:00Z")
    } else {
        text.to_owned()
    };
    OffsetDateTime::parse(&moment, &Rfc3339).ok().map(|time| Timestamp(time.unix_timestamp()))
}

/// An entry as a JSON object. Members without a value are left out.
pub fn to_json(entry: &AuditEntry) -> Value {
    let event = &entry.event;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && value.as_str() != Some("") {
            members.insert(name.to_owned(), value);
        }
    };
    put("seq", entry.seq.into());
    put("time", rfc3339(event.at).into());
    put("at", event.at.0.into());
    put("kind", event.kind.as_str().into());
    put("outcome", event.outcome.as_str().into());
    let actor = &event.actor;
    for (name, value) in [
        ("user_id", &actor.user_id),
        ("user_name", &actor.user_name),
        ("client_id", &actor.client_id),
        ("session_id", &actor.session_id),
        ("token_id", &actor.token_id),
        ("grant_id", &actor.grant_id),
    ] {
        put(name, value.clone().into());
    }
    put("address", event.address.as_str().into());
    put("request_id", event.request_id.as_str().into());
    put("subject", event.subject.as_str().into());
    if let Some(call) = &event.call {
        put("tool", call.tool.as_str().into());
        put("upstream", call.upstream.as_str().into());
        put("class", call.class.as_str().into());
        put("decision", call.decision.as_str().into());
        put("micros", call.micros.into());
        put("request_bytes", call.request_bytes.into());
        put("response_bytes", call.response_bytes.into());
    }
    let detail = serde_json::from_str(&event.detail);
    put("detail", detail.unwrap_or_else(|_| event.detail.as_str().into()));
    put("hash", entry.hash.as_str().into());
    Value::Object(members)
}

/// One cell of CSV (RFC 4180). A cell that a spreadsheet would take for a formula is made text.
pub fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// An entry as a line of CSV.
pub fn to_csv(entry: &AuditEntry) -> String {
    let json = to_json(entry);
    let columns = CSV_HEAD.split(',').map(|name| match json.get(name) {
        None => String::new(),
        Some(Value::String(text)) => cell(text),
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => cell(&other.to_string()),
    });
    columns.collect::<Vec<_>>().join(",")
}

/// An entry as users read it in a terminal. Text from other sources is kept to one line.
pub fn sentence(entry: &AuditEntry) -> String {
    let event = &entry.event;
    let actor = &event.actor;
    let mut parts =
        vec![format!("#{}", entry.seq), event.kind.to_string(), event.outcome.as_str().to_owned()];
    let mut say = |label: &str, text: &str| {
        if !text.is_empty() {
            parts.push(format!(
                "{label}={}",
                text.chars()
                    .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
                    .collect::<String>()
            ));
        }
    };
    say("by", actor.user_name.as_deref().or(actor.user_id.as_deref()).unwrap_or_default());
    say("client", actor.client_id.as_deref().unwrap_or_default());
    say("token", actor.token_id.as_deref().unwrap_or_default());
    if let Some(call) = &event.call {
        say("tool", &call.tool);
        say("class", &call.class);
        say("decision", &call.decision);
        say("micros", &call.micros.to_string());
    }
    say("about", &event.subject);
    say("from", &event.address);
    say("detail", &event.detail);
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use doorward_model::{AuditEvent, AuditHead, AuditKind};

    use super::*;

    #[test]
    fn hostile_text_stays_in_its_cell_and_its_line() {
        assert_eq!(cell("=cmd()"), "'=cmd()");
        assert_eq!(cell("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        let entry = AuditHead::default().follow(
            AuditEvent::new(AuditKind::ClientAdded)
                .about(doorward_model::AuditSubject::Client, "x\n2026 forged"),
        );
        assert_eq!(sentence(&entry).lines().count(), 1);
        assert_eq!(to_csv(&entry).split(',').count(), CSV_HEAD.split(',').count());
    }

    #[test]
    fn details_are_members_and_those_of_earlier_releases_that_are_no_json_are_text() {
        let shown = |detail: &str| {
            let event =
                AuditEvent { detail: detail.to_owned(), ..AuditEvent::new(AuditKind::ClientAdded) };
            to_json(&AuditHead::default().follow(event))["detail"].clone()
        };
        assert_eq!(shown("{\"a\":1}"), serde_json::json!({"a": 1}));
        assert_eq!(shown("3 bytes"), serde_json::json!("3 bytes"));
        assert_eq!(shown(""), Value::Null);
    }

    #[test]
    fn times_are_days_moments_or_seconds() {
        assert_eq!(parse_time("1970-01-02"), Some(Timestamp(86_400)));
        assert_eq!(parse_time("1970-01-01T01:00"), Some(Timestamp(3600)));
        assert_eq!(parse_time("1970-01-01T02:00:00+01:00"), Some(Timestamp(3600)));
        assert_eq!((parse_time("7"), parse_time("yesterday")), (Some(Timestamp(7)), None));
    }
}
