//! Entries of the audit as pages show them.

use std::collections::HashMap;

use doorward_model::{AuditEntry, AuditKind, Outcome, RecordedKind, UserId};
use doorward_store::{Store, StoreError};

use crate::frame::moment;

/// One line.
pub(crate) struct AuditRow {
    pub(crate) seq: i64,
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) title: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) good: bool,
    pub(crate) person: String,
    pub(crate) client: String,
    pub(crate) subject: String,
    pub(crate) tool: String,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) record: Option<String>,
}

/// The meaning of a kind.
pub(crate) fn title(kind: &RecordedKind) -> &'static str {
    match kind {
        RecordedKind::Known(known) => AuditKind::ALL
            .iter()
            .find(|(kind, ..)| kind == known)
            .map_or("", |(_, _, title)| title.trim().trim_end_matches('.')),
        RecordedKind::Unknown(_) => "Something that this version does not know",
    }
}

/// Names for the ids in some entries, each looked up once.
#[derive(Default)]
pub(crate) struct Names {
    people: HashMap<String, String>,
    clients: HashMap<String, String>,
}

impl Names {
    pub(crate) async fn of(store: &Store, entries: &[AuditEntry]) -> Result<Self, StoreError> {
        let mut names = Self::default();
        for entry in entries {
            let actor = &entry.event.actor;
            let about = entry.event.subject.split_once(':');
            let people = [
                actor.user_id.as_deref(),
                about.filter(|(kind, _)| *kind == "person").map(|(_, id)| id),
            ];
            for id in people.into_iter().flatten() {
                if !names.people.contains_key(id)
                    && let Some(person) = store.person(&UserId::from_text(id)).await?
                {
                    names.people.insert(id.to_owned(), person.name.to_string());
                }
            }
            let clients = [
                actor.client_id.as_deref(),
                about.filter(|(kind, _)| *kind == "client").map(|(_, id)| id),
            ];
            for id in clients.into_iter().flatten() {
                if !names.clients.contains_key(id)
                    && let Some(client) =
                        store.client(&doorward_model::ClientId::from_text(id)).await?
                {
                    names.clients.insert(id.to_owned(), client.name.clone());
                }
            }
        }
        Ok(names)
    }

    pub(crate) fn row(&self, entry: &AuditEntry) -> AuditRow {
        let event = &entry.event;
        let actor = &event.actor;
        let person = |id: &str| self.people.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let client = |id: &str| self.clients.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let subject = match event.subject.split_once(':') {
            Some(("person", id)) => person(id),
            Some(("client", id)) => client(id),
            _ => event.subject.clone(),
        };
        let call = event.call.as_deref();
        let mut facts: Vec<(&'static str, String)> = Vec::new();
        let mut fact = |name: &'static str, value: String| {
            if !value.is_empty() {
                facts.push((name, value));
            }
        };
        if let Some(call) = call {
            fact("Tool", call.tool.clone());
            fact("Upstream", call.upstream.clone());
            fact("Class", call.class.clone());
            fact("Decided by", call.decision.clone());
            fact(
                "Took",
                format!(
                    "{:.1} ms",
                    f64::from(i32::try_from(call.micros).unwrap_or(i32::MAX)) / 1000.0
                ),
            );
            fact(
                "Sizes",
                format!("{} bytes in, {} bytes out", call.request_bytes, call.response_bytes),
            );
        }
        fact("About", event.subject.clone());
        fact("Client", actor.client_id.clone().unwrap_or_default());
        fact("Grant", actor.grant_id.clone().unwrap_or_default());
        fact("Token", actor.token_id.clone().unwrap_or_default());
        fact("Session", actor.session_id.clone().unwrap_or_default());
        fact("From", event.address.clone());
        fact("Request", event.request_id.clone());
        fact("Detail", event.detail.clone());
        fact("Hash", entry.hash.clone());
        AuditRow {
            seq: entry.seq,
            at: moment(event.at),
            title: title(&event.kind),
            kind: event.kind.to_string(),
            outcome: event.outcome.as_str(),
            good: event.outcome == Outcome::Ok,
            person: actor
                .user_id
                .as_deref()
                .map(person)
                .or_else(|| actor.user_name.clone())
                .unwrap_or_default(),
            client: actor
                .client_id
                .as_deref()
                .map(client)
                .or_else(|| actor.token_id.clone())
                .unwrap_or_default(),
            subject,
            tool: call.map(|call| call.tool.clone()).unwrap_or_default(),
            record: event
                .detail
                .split_once("\"record\":\"")
                .and_then(|(_, rest)| rest.split('"').next())
                .map(ToOwned::to_owned),
            facts,
        }
    }
}
