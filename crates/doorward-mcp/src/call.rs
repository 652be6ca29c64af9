//! What the audit says of tool calls, and what is recorded of them where the configuration wants it.

use std::{sync::Arc, time::Instant};

use doorward_model::{AuditEvent, AuditKind, CallFacts as Stored, Change, Outcome, id::random_text};
use doorward_store::origin;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use serde_json::{Map, Value, json};

use crate::{
    Mcp, Visit,
    tools::{ToolError, ToolSpec},
};

/// The most bytes of arguments and result, each, that are recorded.
const MOST_RECORDED: usize = 64 * 1024;
/// Parts of the names of members whose values are never recorded.
const SECRET_NAMES: &[&str] = &["password", "passwd", "secret", "token", "apikey", "api_key", "authorization", "credential", "cookie", "private_key"];

/// What is found out about a call while it is made.
#[derive(Debug, Default)]
pub(crate) struct CallFacts {
    pub(crate) spec: Option<Arc<ToolSpec>>,
    pub(crate) request_bytes: i64,
    pub(crate) response_bytes: i64,
}

impl CallFacts {
    pub(crate) fn of(&mut self, spec: &Arc<ToolSpec>) {
        self.spec = Some(Arc::clone(spec));
    }
}

/// A call that is being made.
pub(crate) struct Noting {
    pub(crate) facts: CallFacts,
    visit: Visit,
    name: String,
    arguments: Option<Map<String, Value>>,
    started: Instant,
}

impl Noting {
    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn stored(visit: &Visit, mcp: &Mcp, spec: &ToolSpec) -> Stored {
    Stored {
        tool: spec.name().to_owned(),
        upstream: spec.upstream.map(|name| name.as_str().to_owned()).unwrap_or_default(),
        class: spec.class.as_str().to_owned(),
        decision: mcp.inner.judge.reason(visit, spec),
        ..Stored::default()
    }
}

impl Mcp {
    /// Begins to watch a call.
    pub(crate) fn begin_noting(&self, visit: &Visit, request: &CallToolRequestParams) -> Noting {
        let recorded = !self.inner.parts.recorded.is_empty();
        Noting {
            facts: CallFacts::default(),
            visit: visit.clone(),
            name: request.name.to_string(),
            arguments: recorded.then(|| request.arguments.clone()).flatten(),
            started: Instant::now(),
        }
    }

    /// Tells the audit how a call ended.
    pub(crate) async fn note_called(&self, noting: Noting, said: &str, outcome: &Result<CallToolResponse, ToolError>) {
        let micros = i64::try_from(noting.micros()).unwrap_or(i64::MAX);
        let Noting { facts, visit, name, arguments, .. } = noting;
        let mut call = match &facts.spec {
            Some(spec) => stored(&visit, self, spec),
            None => Stored { tool: name.chars().take(200).collect(), ..Stored::default() },
        };
        (call.micros, call.request_bytes, call.response_bytes) = (micros, facts.request_bytes, facts.response_bytes);
        let (kind, ended) = match said {
            "ok" | "input required" => (AuditKind::ToolCalled, Outcome::Ok),
            "refused" | "limited" => (AuditKind::ToolRefused, Outcome::Refused),
            _ => (AuditKind::ToolCalled, Outcome::Failed),
        };
        let mut detail = Map::new();
        if said != "ok" {
            detail.insert("said".to_owned(), said.into());
        }
        if self.inner.parts.recorded.iter().any(|pattern| pattern.matches(&call.tool))
            && let Some(id) = self.record(arguments, outcome).await
        {
            detail.insert("record".to_owned(), id.into());
        }
        let detail = if detail.is_empty() { String::new() } else { Value::Object(detail).to_string() };
        let event = AuditEvent { call: Some(Box::new(call)), actor: visit.caller.actor(), ..AuditEvent::new(kind) };
        self.note(&visit, event.ended(ended).detail(detail)).await;
    }

    /// Tells the audit of a call that was refused before it was looked at.
    pub(crate) async fn note_refused(&self, visit: &Visit, spec: &ToolSpec) {
        let event = AuditEvent { call: Some(Box::new(stored(visit, self, spec))), actor: visit.caller.actor(), ..AuditEvent::new(AuditKind::ToolRefused) };
        self.note(visit, event.ended(Outcome::Refused)).await;
    }

    async fn note(&self, visit: &Visit, event: AuditEvent) {
        let noted = self.inner.parts.store.note(event);
        let done = match &visit.origin {
            Some(from) => origin::serving(Arc::clone(from), noted).await,
            None => noted.await,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "not noted");
        }
    }

    /// Keeps arguments and result, sealed, and answers under which name.
    async fn record(&self, arguments: Option<Map<String, Value>>, outcome: &Result<CallToolResponse, ToolError>) -> Option<String> {
        let parts = &self.inner.parts;
        let result = match outcome {
            Ok(CallToolResponse::Complete(result)) => serde_json::to_value(result).unwrap_or_default(),
            Ok(_) => Value::Null,
            Err(error) => json!({"error": format!("{error:?}")}),
        };
        let shown = |value: Value| {
            let text = redacted(value).to_string();
            if text.len() <= MOST_RECORDED { text } else { format!("{}…", text.chars().take(MOST_RECORDED / 4).collect::<String>()) }
        };
        let body = json!({"arguments": shown(Value::Object(arguments.unwrap_or_default())), "result": shown(result)}).to_string();
        let id = format!("ar_{}", random_text(parts.entropy.as_ref(), 16));
        let sealed = parts.master.seal(&record_place(&id), body.as_bytes());
        match parts.store.apply(Change::InsertRecord { id: id.clone(), at: parts.clock.now(), body: sealed }).await {
            Ok(()) => Some(id),
            Err(error) => {
                tracing::error!(%error, "a call could not be recorded");
                None
            }
        }
    }
}

/// What a record is sealed for.
pub fn record_place(id: &str) -> String {
    format!("audit-record/{id}")
}

/// The value without what members with telling names hold.
fn redacted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let one = |(name, value): (String, Value)| {
                let plain = name.to_lowercase().replace('-', "_");
                let secret = SECRET_NAMES.iter().any(|part| plain.contains(part));
                (name, if secret { "[redacted]".into() } else { redacted(value) })
            };
            Value::Object(members.into_iter().map(one).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_members_with_telling_names_are_not_recorded() {
        let value = json!({"query": "x", "Api-Key": "k", "nested": [{"access_token": "t", "name": "n"}]});
        assert_eq!(redacted(value), json!({"query": "x", "Api-Key": "[redacted]", "nested": [{"access_token": "[redacted]", "name": "n"}]}));
    }
}
