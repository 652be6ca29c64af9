//! What administrators' pages do in rooms that the pages do not know. The program introduces it
//! here.

use axum::response::Response;
use doorward_accounts::Authority;
use doorward_model::{AuditFilter, ClientId, Person};
use doorward_store::StoreError;

use crate::Answer;

/// Why something was not done.
#[derive(Debug)]
pub enum Told {
    /// Somebody changed it since the page was opened.
    Changed,
    /// It is not there.
    Missing,
    /// It is not possible; the text says why.
    No(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Told {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A client to be made by hand.
#[derive(Clone, Debug, Default)]
pub struct ClientToAdd {
    /// The name that people see.
    pub name: String,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Whether it has a secret.
    pub confidential: bool,
    /// Whether it may ask administrators for the scope admin.
    pub admin: bool,
}

/// A client that was made.
#[derive(Clone, Debug)]
pub struct AddedClient {
    /// Its `client_id`.
    pub id: String,
    /// Its secret, shown once.
    pub secret: Option<String>,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// What.
    pub what: String,
    /// Whether it is well.
    pub good: bool,
    /// How it is.
    pub says: String,
}

/// The kinds of items that can be asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskedKind {
    /// A tool.
    #[default]
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
    /// An upstream as a whole.
    Upstream,
}

impl AskedKind {
    /// Every kind with its word in forms and its title.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Tool, "tool", "Tool"),
        (Self::Prompt, "prompt", "Prompt"),
        (Self::Resource, "resource", "Resource"),
        (Self::Template, "template", "Resource template"),
        (Self::Upstream, "upstream", "Upstream"),
    ];
}

/// The decision about a use, and why.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// `allow`, `confirm`, `deny` or `not offered`.
    pub answer: &'static str,
    /// Step by step.
    pub why: Vec<String>,
}

/// How many clients may register themselves, and whether they wait for approval.
#[derive(Clone, Copy, Debug)]
pub struct ClientQuota {
    /// How many may.
    pub most: u64,
    /// Whether clients that no administrator added must be approved.
    pub approval: bool,
}

/// The rest of the program, for administrators' pages.
pub trait Console: Send + Sync + 'static {
    /// Decides about a client: `block`, `unblock`, `approve`, `deny`, `pin`, `unpin` or `delete`.
    fn decide_client<'a>(
        &'a self,
        id: &'a ClientId,
        decision: &'a str,
        seen: &'a str,
    ) -> Answer<'a, Result<(), Told>>;
    /// Makes a client.
    fn add_client<'a>(
        &'a self,
        authority: &'a Authority,
        new: ClientToAdd,
    ) -> Answer<'a, Result<AddedClient, Told>>;
    /// Deletes registrations that nobody ever authorised and that are older than some days.
    fn clean_clients(&self, days: u32) -> Answer<'_, Result<u64, Told>>;
    /// How many may register.
    fn quota(&self) -> ClientQuota;
    /// Explains a use; `None` if there is no such upstream, or no such tool was ever seen.
    fn explain<'a>(
        &'a self,
        person: &'a Person,
        client: &'a str,
        item: (AskedKind, &'a str),
    ) -> Answer<'a, Result<Option<Explanation>, StoreError>>;
    /// How the server is.
    fn health(&self) -> Answer<'_, Vec<Look>>;
    /// Makes a new signing key.
    fn rotate_keys(&self) -> Answer<'_, Result<(), Told>>;
    /// Recorded arguments and result of a call. Reading is audited.
    fn record<'a>(
        &'a self,
        id: &'a str,
    ) -> Answer<'a, Result<Option<(String, String)>, StoreError>>;
    /// The audit as a file.
    fn export(&self, filter: AuditFilter, csv: bool) -> Response;
    /// What everybody can read while the MCP server is on.
    fn made_public(&self) -> Vec<String>;
}
