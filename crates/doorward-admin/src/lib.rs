//! The operations of administration. Pages, the API and commands parse input, call an operation here
//! and show its result; checks, writes, audit entries and refusals are the operation's.
//!
//! An operation is one unit of work: it happens whole or not at all. Whatever makes a lasting means
//! of access takes an [`doorward_accounts::Authority`]. Whatever may meet another administrator's
//! change takes the etag of the state that was read (`seen`).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod approvals;
mod chats;
mod clients;
mod connections;
mod documents;
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
mod objects;
mod order;
mod overview;
mod policy;
mod providers;
mod records;
mod refusal;
mod resources;
mod rules;
mod sections;
mod services;
mod settable;
mod settings;
mod tokens;
mod toolsets;
mod trust;
mod upstreams;
mod usage;
mod users;
mod vitals;

use std::sync::Arc;

use doorward_accounts::Accounts;
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_keys::MasterKey;
use doorward_mail::MailWriter;
use doorward_model::{Clock, Entropy, PublicUrl};
use doorward_registration::Registration;
use doorward_store::Store;
use doorward_transport::outbound::Bounds;

pub use doorward_model::{Listed, ListedPlace};

pub use approvals::{ApprovalList, ApprovalState};
pub use chats::Chats;
pub use clients::{ClientQuota, Clients, NewService};
pub use connections::ServiceConnection;
pub use documents::{Documents, MOST_DOCUMENTS, UploadTurn};
pub use edit::{Edit, Effect, Proposal, SettingDifference, SettingsPatch};
pub use exchange::NewExchange;
pub use fields::{Input, Setting};
pub use groups::{
    CountedGroup, GroupEdit, GroupView, Groups, Members, Membership, NewGroup, RoleSource,
    SourcedRole,
};
pub use health::{Fault, Free, Health, NotReady, Part, PartState, State, backup, disk};
pub use import::{IMPORT_COLUMNS, IMPORT_LIMITS, Imported, ImportedLine, LineEffect, UserTable};
pub use invitations::{Invitations, Invited, MailOutcome, NewUser};
pub use keys::{KeyState, Keys, Rotation};
pub use lists::{
    ClientList, ClientListSource, ClientListState, TokenList, TokenListState, UserList,
    UserListState, read_list,
};
pub use loading::Loading;
pub use mails::Mails;
pub use objects::{Added, Field, ObjectApi, Objects, OperationName, Shape};
pub use order::Order;
pub use overview::{FirstStep, Overseen, Overviews, Waiting};
pub use policy::{
    Answer, Call, CaseResult, DryRun, Explained, Impact, ItemKind, NO_UPSTREAM, Named, NewPolicy,
    Permitted, PermittedPart, Policies, PolicyCase, PolicyVersion, RuleInEffect, RulesInEffect,
    ToolPermission, ToolPermissions, ToolsQuestion, UsersWith, try_cases,
};
pub use providers::Providers;
pub use records::{CallRecord, Records};
pub use refusal::{Code, Kind, Object, Refusal};
pub use resources::{
    Guide, MadeResource, NewResource, ResourceDetails, ResourceEdit, ResourceView,
    ResourceWithSecret, Resources, Snippet,
};
pub use rules::{NewRules, RuleContent, RuleParts, RuleSets, RulesNow, saved_rules};
pub use sections::{AccessConfig, PolicyConfig};
pub use settable::{Family, Group, Reach};
pub use settings::{Settings, SettingsChange, ShownSettings};
pub use tokens::{Holder, MadeToken, NewToken, Tokens};
pub use toolsets::{
    NewToolset, Selected, SelectedBy, SelectedTool, ToolsetDetails, ToolsetEdit, ToolsetView,
    Toolsets,
};
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

/// One fact that was checked.
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
    /// Operations on documents that are uploaded to collections.
    pub documents: Documents,
    /// Operations on external resource servers.
    pub resources: Resources,
    /// Operations on toolsets.
    pub toolsets: Toolsets,
    /// Explanations of the policy.
    pub policies: Policies,
    /// Operations on the rules that administrators save.
    pub rule_sets: RuleSets,
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

/// The services that operations use.
pub struct AdminServices {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of secrets.
    pub entropy: Arc<dyn Entropy>,
    /// The key that seals recorded arguments and results.
    pub master: Arc<MasterKey>,
    /// Users and their sessions.
    pub accounts: Accounts,
    /// Clients.
    pub registration: Registration,
    /// Sign-in through identity providers.
    pub federation: Federation,
    /// Upstreams.
    pub gateway: Gateway,
    /// Mails to users.
    pub mail_writer: MailWriter,
    /// The parts of the server that apply rules.
    pub rule_parts: RuleParts,
    /// The public URL.
    pub public_url: PublicUrl,
    /// The bounds of settings that administrators change.
    pub administered: Arc<Bounds>,
    /// Operations on signing keys.
    pub keys: Keys,
    /// The state of the server.
    pub health: Health,
    /// Operations on settings.
    pub settings: Settings,
    /// An agent is configured, so that the tool `ask` is offered.
    pub has_agent: bool,
}

impl Admin {
    /// All operations.
    pub fn new(services: AdminServices) -> Self {
        let AdminServices {
            store,
            clock,
            entropy,
            master,
            accounts,
            registration,
            federation,
            gateway,
            mail_writer,
            rule_parts,
            public_url,
            administered,
            keys,
            health,
            settings,
            has_agent,
        } = services;
        let now = || Arc::clone(&clock);
        let rules = rule_parts.rules.clone();
        let rule_sets = RuleSets::new(store.clone(), now(), rule_parts);
        let users = Users::new(store.clone(), accounts.clone(), now());
        let clients = Clients::new(store.clone(), accounts.clone(), registration.clone(), now());
        let providers =
            Providers::new(store.clone(), federation.clone(), Arc::clone(&administered));
        let upstreams = Upstreams::new(gateway.clone(), users.clone(), administered);
        let overseen = Overseen {
            accounts: accounts.clone(),
            clients: clients.clone(),
            providers: providers.clone(),
            upstreams: upstreams.clone(),
            health: health.clone(),
        };
        Self {
            overviews: Overviews::new(store.clone(), now(), overseen),
            groups: Groups::new(store.clone(), now()),
            invitations: Invitations::new(
                users.clone(),
                federation,
                mail_writer.clone(),
                public_url.clone(),
            ),
            trusts: Trusts::new(store.clone(), accounts.clone(), registration, public_url.clone()),
            tokens: Tokens::new(store.clone(), accounts.clone(), rules, now()),
            chats: Chats::new(store.clone(), accounts, now()),
            documents: Documents::new(gateway.clone(), store.clone()),
            resources: Resources::new(store.clone(), now(), entropy, public_url.clone()),
            toolsets: Toolsets::new(store.clone(), now(), gateway.clone(), public_url),
            policies: Policies::new(&users, gateway.clone(), rule_sets.clone())
                .with_agent(has_agent),
            rule_sets,
            mails: Mails::new(store.clone(), mail_writer),
            records: Records::new(store.clone(), master),
            usages: Usages::new(store, gateway, now()),
            users,
            clients,
            providers,
            upstreams,
            keys,
            settings,
            health,
        }
    }
}
