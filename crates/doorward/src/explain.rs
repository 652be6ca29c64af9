//! The decision about an item for a user and a client, step by step. Commands, pages and the API ask
//! here, and the answer is that of the judge that decides about every use.

use doorward_gateway::Gateway;
use doorward_mcp::{Item, Judge, Judged, Subject, Verdict, Wanted, tools::BUILT_IN};
use doorward_model::{AccessTokenId, ClientId, ClientSource, Person, Program, UpstreamName};
use doorward_store::{ClientFilter, Store, StoreError};

/// The answer.
pub(crate) struct Explained {
    /// The item, under its name at `/mcp`.
    pub(crate) item: String,
    /// `allow`, `confirm`, `deny` or `not offered`.
    pub(crate) answer: &'static str,
    /// Why, step by step.
    pub(crate) why: Vec<String>,
}

/// The names that were given, of which exactly one says what is asked about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Named<'a> {
    pub(crate) tool: Option<&'a str>,
    pub(crate) prompt: Option<&'a str>,
    pub(crate) resource: Option<&'a str>,
    pub(crate) template: Option<&'a str>,
    pub(crate) upstream: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// The item; `None` if none or several are named, or a name cannot be that of an upstream.
    pub(crate) fn wanted(self) -> Option<Wanted<'a>> {
        let upstream = match self.upstream {
            Some(name) => Some(Wanted::Upstream(UpstreamName::parse(name).ok()?)),
            None => None,
        };
        let mut all = [
            self.tool.map(Wanted::Tool),
            self.prompt.map(Wanted::Prompt),
            self.resource.map(Wanted::Resource),
            self.template.map(Wanted::Template),
            upstream,
        ]
        .into_iter()
        .flatten();
        let one = all.next()?;
        all.next().is_none().then_some(one)
    }
}

/// Explains a use of an item by a user, through the client of this ID or name (empty for any).
/// `None` if there is no such upstream, or no such tool was ever seen.
pub(crate) async fn explain(
    store: &Store,
    gateway: &Gateway,
    judge: &Judge,
    call: (&Person, &str, Wanted<'_>),
) -> Result<Option<Explained>, StoreError> {
    let (person, client, wanted) = call;
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
    let built_in = BUILT_IN.iter().find(|known| wanted == Wanted::Tool(known.name));
    let (item, mut before) = match built_in {
        Some(built_in) => (Item::Tool(built_in.spec().into()), Vec::new()),
        None => match gateway.explain(wanted, person).await? {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let blocked = before.iter().any(|(good, _)| !good);
    let token = AccessTokenId::parse(client).filter(|_| found.is_none());
    let program = token.as_ref().map_or(Program::Client(&client_id), Program::Token);
    let (verdict, steps) = judge.explain(Subject { person, program }, &item.facts());
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
        item: item.facts().listed_as.to_owned(),
        answer,
        why: before.into_iter().map(|(_, step)| step).collect(),
    }))
}
