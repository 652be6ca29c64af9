//! Whether a person may call a tool through a client, step by step. Commands, pages and the API ask
//! here.

use std::sync::Arc;

use doorward_gateway::Gateway;
use doorward_mcp::{Judge, Judged, Subject, Verdict, tools::BUILT_IN};
use doorward_model::{AccessTokenId, ClientId, ClientSource, Person, Program};
use doorward_store::{ClientFilter, Store, StoreError};

/// The answer.
pub(crate) struct Explained {
    /// The tool.
    pub(crate) tool: String,
    /// `allow`, `confirm`, `deny` or `not offered`.
    pub(crate) answer: &'static str,
    /// Why, step by step.
    pub(crate) why: Vec<String>,
}

/// Explains a call by a person, through the client of this id or name (empty for any), of a tool;
/// `None` if the tool was never seen.
pub(crate) async fn explain(
    store: &Store,
    gateway: &Gateway,
    judge: &Judge,
    call: (&Person, &str, &str),
) -> Result<Option<Explained>, StoreError> {
    let (person, client, tool) = call;
    let filter = ClientFilter {
        search: Some(client.to_owned()).filter(|client| !client.is_empty()),
        ..ClientFilter::default()
    };
    let known = if client.is_empty() { Vec::new() } else { store.clients(filter, 1000).await? };
    let found = known
        .iter()
        .find(|known| known.id.as_str() == client)
        .or_else(|| known.iter().find(|known| known.name == client));
    let client_id = found.map_or_else(|| ClientId::from_text(client), |found| found.id.clone());
    let built_in =
        BUILT_IN.iter().find(|known| known.name == tool).map(doorward_mcp::tools::BuiltIn::spec);
    let (spec, mut before) = match built_in {
        Some(spec) => (Arc::new(spec), Vec::new()),
        None => match gateway.explain(tool, person).await? {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let blocked = before.iter().any(|(good, _)| !good);
    let token = AccessTokenId::parse(client).filter(|_| found.is_none());
    let program = token.as_ref().map_or(Program::Client(&client_id), Program::Token);
    let (verdict, steps) = judge.explain(Subject { person, program }, &spec.facts());
    if !client.is_empty() {
        let known =
            found.map_or("which this server does not know; rules name clients by ID", |found| {
                match found.source {
                    ClientSource::Administrator => "made by an administrator",
                    ClientSource::MetadataDocument => "known by its metadata document",
                    ClientSource::Registration => {
                        "registered by itself: its name says nothing about what it is"
                    }
                }
            });
        before.push((true, format!("client: {client_id} (client={client_id}), {known}")));
    }
    before.extend(steps.into_iter().map(|step| (true, step)));
    let answer = match verdict {
        _ if blocked => "not offered",
        Verdict::Allow => "allow",
        Verdict::Confirm => "confirm",
        Verdict::Refuse => "deny",
    };
    Ok(Some(Explained {
        tool: spec.name().to_owned(),
        answer,
        why: before.into_iter().map(|(_, step)| step).collect(),
    }))
}
