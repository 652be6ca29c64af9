//! The operations of administration. Pages, the API and commands parse input, call an operation here
//! and show its result; checks, writes, audit entries and refusals are the operation's.
//!
//! An operation is one unit of work: it happens whole or not at all. Whatever makes a lasting means
//! of access takes an [`doorward_accounts::Authority`]. Whatever may meet another administrator's
//! change takes the etag of the state that was looked at (`seen`).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod approvals;
mod chats;
mod clients;
mod connections;
mod edit;
mod exchange;
mod fields;
mod groups;
mod health;
mod import;
mod invitations;
mod keys;
mod lists;
mod loading;
mod mails;
mod order;
mod overview;
mod policy;
mod providers;
mod records;
mod refusal;
mod resources;
mod services;
mod settable;
mod settings;
mod tokens;
mod trust;
mod upstreams;
mod usage;
mod users;
mod vitals;

pub use approvals::{ApprovalList, ApprovalState};
pub use chats::Chats;
pub use clients::{ClientQuota, Clients, NewService};
pub use connections::ServiceConnection;
pub use edit::{Edit, Effect, Proposal, SettingDifference, SettingsPatch};
pub use exchange::NewExchange;
pub use fields::{Input, Setting};
pub use groups::{
    CountedGroup, GroupEdit, Groups, Members, Membership, NewGroup, RoleSource, SourcedRole,
};
pub use health::{Fault, Free, Health, NotReady, Part, PartState, State, backup, disk};
pub use import::{IMPORT_COLUMNS, IMPORT_LIMITS, Imported, ImportedLine, LineEffect, UserTable};
pub use invitations::{Invitations, Invited, MailOutcome, NewUser};
pub use keys::{KeyState, Keys, Rotation};
pub use lists::{
    ClientList, ClientListSource, ClientListState, Listed, TokenList, TokenListState, UserList,
    UserListState, read_list,
};
pub use loading::Loading;
pub use mails::Mails;
pub use order::Order;
pub use overview::{FirstStep, Overseen, Overviews, Waiting};
pub use policy::{
    Answer, Call, CaseResult, DryRun, Explained, Impact, ItemKind, Named, NewPolicy, Permitted,
    PermittedPart, Policies, PolicyCase, RuleInEffect, RulesInEffect, Whom, saved_policy,
    try_cases,
};
pub use providers::Providers;
pub use records::{CallRecord, Records};
pub use refusal::{Code, Kind, Object, Refusal};
pub use resources::{Guide, MadeResource, NewResource, ResourceEdit, Resources, Snippet};
pub use settable::{Family, Group, Reach};
pub use settings::{Settings, SettingsChange, Shown as ShownSettings};
pub use tokens::{Holder, MadeToken, NewToken, Tokens};
pub use trust::{NewTrust, TrustChange, Trusts};
pub use upstreams::{
    DecidedTools, ReviewedUpstream, ToolVersion, UpstreamSummary, Upstreams, WaitingTool,
    tool_etag, waits,
};
pub use usage::{
    Bar, CSV_HEAD as USAGE_CSV_HEAD, MOST_USAGE_ROWS, Period, Question, Reader, Unconnected,
    UsageRow, Usages,
};
pub use users::{UserChange, UserDetails, UserState, Users};
pub use vitals::{Reached, Vital, Vitals};

pub use doorward_gateway::{Decision, Difference, ReviewState, ReviewedTool, Why};
pub use doorward_mcp::Step;
pub use doorward_registration::{
    AddedClient, ClientChangeError, ClientDecision, ClientEdit, NewClient, NewRelyingParty,
    RelyingPartyEdit,
};

/// One fact that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The fact.
    pub what: String,
    /// The state, or the problem and its solution.
    pub result: Result<String, String>,
}

impl Finding {
    /// The text of either state.
    pub fn says(&self) -> &str {
        let (Ok(text) | Err(text)) = &self.result;
        text
    }
}

/// The operations of administration, by their objects. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    /// Operations on users.
    pub users: Users,
    /// Operations on groups of users.
    pub groups: Groups,
    /// Adding users and inviting them.
    pub invitations: Invitations,
    /// Operations on clients.
    pub clients: Clients,
    /// Operations on trust rules of workloads.
    pub trusts: Trusts,
    /// Operations on personal and service access tokens.
    pub tokens: Tokens,
    /// Operations on linked accounts of chats.
    pub chats: Chats,
    /// Operations on identity providers.
    pub providers: Providers,
    /// Operations on upstreams and their tools.
    pub upstreams: Upstreams,
    /// Operations on external resource servers.
    pub resources: Resources,
    /// Explanations of the policy.
    pub policies: Policies,
    /// Operations on signing keys.
    pub keys: Keys,
    /// Operations on settings.
    pub settings: Settings,
    /// The test mail.
    pub mails: Mails,
    /// Recorded arguments and results of calls.
    pub records: Records,
    /// The state of the server.
    pub health: Health,
    /// Numbers of usage.
    pub usages: Usages,
    /// Pending work and first steps.
    pub overviews: Overviews,
}
