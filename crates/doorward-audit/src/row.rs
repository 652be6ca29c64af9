//! Entries of the audit as pages show them.

use std::collections::HashMap;

use doorward_language::{Message, SaidNames, audit_sentence, moment, outcome, recorded_kind, text};
use doorward_model::{AuditEntry, AuditFilter, CallFacts, Outcome, UserId, audit::present_form};
use doorward_store::{Store, StoreError};

/// One line.
pub struct AuditRow {
    /// The number.
    pub seq: i64,
    /// The moment.
    pub at: String,
    /// The kind.
    pub kind: String,
    /// The meaning of the kind.
    pub title: Message,
    /// The event as a sentence, with the names of user, object and client.
    pub sentence: Message,
    /// The outcome.
    pub outcome: Message,
    /// The outcome is good.
    pub good: bool,
    /// The name of the acting user.
    pub user: String,
    /// The name of the client, or the token.
    pub client: String,
    /// The object.
    pub subject: String,
    /// The tool.
    pub tool: String,
    /// The duration of a call.
    pub duration: Option<String>,
    /// Further facts.
    pub facts: Vec<Fact>,
    /// The identifier of the record of the call.
    pub record: Option<String>,
}

/// A fact about an entry.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its name.
    pub name: Message,
    /// Its value.
    pub value: String,
}

/// The duration of a call in milliseconds.
fn millis(call: &CallFacts) -> String {
    format!("{:.1} ms", f64::from(i32::try_from(call.micros).unwrap_or(i32::MAX)) / 1000.0)
}

/// Names for the ids in some entries, each looked up once.
#[derive(Default)]
pub struct Names {
    users: HashMap<String, String>,
    clients: HashMap<String, String>,
}

impl Names {
    /// The names that these entries need.
    pub async fn of(store: &Store, entries: &[AuditEntry]) -> Result<Self, StoreError> {
        let mut names = Self::default();
        for entry in entries {
            let actor = &entry.event.actor;
            let subject = present_form(&entry.event.subject);
            let about = subject.split_once(':');
            let users = [
                actor.user_id.as_deref(),
                about.filter(|(kind, _)| *kind == "user").map(|(_, id)| id),
            ];
            for id in users.into_iter().flatten() {
                if !names.users.contains_key(id)
                    && let Some(user) = store.user(&UserId::from_text(id)).await?
                {
                    names.users.insert(id.to_owned(), user.name.to_string());
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

    /// An entry as pages show it.
    pub fn row(&self, entry: &AuditEntry) -> AuditRow {
        let event = &entry.event;
        let actor = &event.actor;
        let user = |id: &str| self.users.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let client = |id: &str| self.clients.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let recorded = present_form(&event.subject);
        let subject = match recorded.split_once(':') {
            Some(("user", id)) => user(id),
            Some(("client", id)) => client(id),
            _ => recorded.to_string(),
        };
        let call = event.call.as_deref();
        let mut facts: Vec<Fact> = Vec::new();
        let mut fact = |name: Message, value: String| {
            if !value.is_empty() {
                facts.push(Fact { name, value });
            }
        };
        if let Some(call) = call {
            fact(text::audit_fact_tool(), call.tool.clone());
            fact(text::audit_fact_upstream(), call.upstream.clone());
            fact(text::audit_fact_class(), call.class.clone());
            fact(text::audit_fact_decision(), call.decision.clone());
            fact(text::audit_fact_duration(), millis(call));
            fact(
                text::audit_fact_sizes(),
                text::audit_fact_sizes_value(call.request_bytes, call.response_bytes).to_string(),
            );
        }
        fact(text::audit_fact_subject(), recorded.to_string());
        fact(text::audit_fact_client(), actor.client_id.clone().unwrap_or_default());
        fact(text::audit_fact_grant(), actor.grant_id.clone().unwrap_or_default());
        fact(text::audit_fact_token(), actor.token_id.clone().unwrap_or_default());
        fact(text::audit_fact_session(), actor.session_id.clone().unwrap_or_default());
        fact(text::audit_fact_address(), event.address.clone());
        fact(text::audit_fact_request(), event.request_id.clone());
        fact(text::audit_fact_detail(), event.detail.clone());
        fact(text::audit_fact_hash(), entry.hash.clone());
        let acting = actor
            .user_id
            .as_deref()
            .map(user)
            .or_else(|| actor.user_name.clone())
            .unwrap_or_default();
        let through = actor
            .client_id
            .as_deref()
            .map(client)
            .or_else(|| actor.token_id.clone())
            .unwrap_or_default();
        let object = match (call, recorded.split_once(':')) {
            (Some(call), _) => call.tool.as_str(),
            (None, Some(("user" | "client", _)) | None) => subject.as_str(),
            (None, Some((_, name))) => name,
        };
        let names = SaidNames { user: &acting, object, client: &through };
        let sentence = audit_sentence(&event.kind, names);
        AuditRow {
            seq: entry.seq,
            at: moment(event.at),
            title: recorded_kind(&event.kind),
            kind: event.kind.to_string(),
            outcome: outcome(event.outcome),
            good: event.outcome == Outcome::Ok,
            sentence,
            user: acting,
            client: through,
            subject,
            tool: call.map(|call| call.tool.clone()).unwrap_or_default(),
            duration: call.map(millis),
            record: event
                .detail
                .split_once("\"record\":\"")
                .and_then(|(_, rest)| rest.split('"').next())
                .map(ToOwned::to_owned),
            facts,
        }
    }
}

/// The last entries that concern a user, the newest first.
pub struct RecentEntries {
    /// The entries.
    pub rows: Vec<AuditRow>,
    /// The number before which they go on, if there are more.
    pub before: Option<i64>,
}

/// Reads the last entries that concern a user.
pub async fn lately(
    store: &Store,
    user_id: &UserId,
    before: Option<i64>,
    limit: u64,
) -> Result<RecentEntries, StoreError> {
    let filter = AuditFilter { concerns: Some(user_id.to_string()), ..AuditFilter::default() };
    let page = store.audit(&filter, before, limit).await?;
    let names = Names::of(store, &page.entries).await?;
    let rows = page.entries.iter().map(|entry| names.row(entry)).collect();
    Ok(RecentEntries { rows, before: page.before })
}
