//! The nouns of Doorward: identifiers, records, state transitions, scopes, secrets as types, the
//! ports for time and randomness, and every path that the program serves. Nothing here reads,
//! writes or waits.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

pub mod access;
pub mod access_token;
mod admits;
pub mod agent;
pub mod assertion;
pub mod audit;
pub mod authentication;
pub mod authorization;
pub mod change;
pub mod chat;
pub mod client;
mod client_rules;
mod connection_problem;
pub mod csv;
mod delegation;
pub mod device;
pub mod external_resource;
pub mod foreign;
mod given;
pub mod grant;
pub mod grant_type;
pub mod group;
pub mod id;
pub mod index;
mod key_thumbprint;
mod listed;
pub mod live;
pub mod nearest;
pub mod oauth;
pub mod pattern;
pub mod policy;
pub mod ports;
pub mod provider;
pub mod public_url;
mod pushed_request;
mod reading;
pub mod reason;
pub mod redirect;
mod relying_party;
pub mod resource;
pub mod routes;
pub mod rule_version;
pub mod scope;
pub mod second_factor;
pub mod secret;
pub mod secret_setting;
pub mod session;
pub mod setting;
mod settings_patch;
pub mod signing_key;
mod statement;
pub mod subject;
pub mod text_list;
mod text_name;
pub mod timeline;
pub mod toolset;
pub mod trust;
pub mod trust_rule;
pub mod upload;
pub mod upstream;
pub mod uri;
pub mod usage;
pub mod user;
mod vendor;
pub mod vital;

pub use access::AccessPolicy;
pub use access_token::{AccessToken, AccessTokenId};
pub use admits::{Admits, NewUsers};
pub use agent::{AGENT_CLIENT, AgentChange, Conversation, Said};
pub use assertion::{AssertedUser, Assertion, AssertionRefusal, SignatureRefusal, SignedToken};
pub use audit::{
    Actor, AuditEntry, AuditEvent, AuditFilter, AuditHead, AuditKind, AuditStamp, AuditSubject,
    CallFacts, Outcome, RecordedKind,
};
pub use authentication::{Authentication, Level};
pub use authorization::{AuthorizationCode, OneTimeLink};
pub use change::{
    Change, CountedAttempt, DeviceChange, Expected, FactorChange, OwnChange, RelyingChange,
    ResourceChange, UnitOfWork,
};
pub use chat::{ChatChange, ChatLink, ChatPost, MATTERMOST_CLIENT};
pub use client::{Client, ClientAuthMethod, ClientSource};
pub use client_rules::{ClientRules, ClientRulesEdit};
pub use delegation::{
    ActingParty, Delegation, ExchangeRule, MOST_ACTORS, ProviderTokens, ProviderTokensError,
};
pub use external_resource::{AmbiguousPath, ExternalResource, ResourceError, ResourceId};
pub use given::Members;
pub use grant::{Grant, RefreshToken, RevokeReason};
pub use grant_type::{GrantType, GrantTypes};
pub use group::{Group, GroupChange};
pub use id::{
    ChatLinkId, ClientId, ConversationId, GrantId, Program, SessionId, UpstreamId, UserId,
};
pub use index::{FileFault, IndexPhase, IndexStatus, LeftOutFile};
pub use key_thumbprint::KeyThumbprint;
pub use listed::{Listed, ListedPlace};
pub use live::{Live, Rules};
pub use oauth::OAuthErrorCode;
pub use pattern::Pattern;
pub use policy::{Effect, ToolPolicy};
pub use ports::{Clock, Entropy, Timestamp};
pub use provider::{
    IdentityId, Invitation, LinkedIdentity, ProviderId, SignInAttempt, StoredProvider,
};
pub use public_url::PublicUrl;
pub use pushed_request::PushedRequest;
pub use reason::Reason;
pub use redirect::RedirectUri;
pub use relying_party::{EndedUse, RelyingParty, RelyingSession};
pub use resource::{Resource, ResourceTable};
pub use rule_version::{RuleSet, RuleSource, RuleSources, RuleVersion};
pub use scope::{BACK_END, Scope, ScopeSet};
pub use second_factor::{Passkey, Totp};
pub use secret::{HashedToken, PlainPassword, PlainToken, Sealed, TokenKind};
pub use secret_setting::{NamedSecret, SecretSetting, SecretUrl, names_secret};
pub use session::{Session, UpstreamSession};
pub use settings_patch::{SecretMember, SecretSettings};
pub use signing_key::{SigningAlgorithm, SigningKey};
pub use statement::{RuleVerdict, StatedClaim, Statement};
pub use subject::Subject;
pub use timeline::{ConnectStep, StepKind};
pub use toolset::{Toolset, ToolsetChange, ToolsetError, ToolsetName};
pub use trust::{ServerPin, UpstreamTrust};
pub use trust_rule::{TrustRule, TrustedIssuer};
pub use upload::{NewUpload, StoredUpload, UploadFault, UploadPath, UploadedDocument, Uploads};
pub use upstream::{Connection, ToolClass, UpstreamChange, UpstreamName};
pub use usage::{Usage, UsageBy, UsageFilter};
pub use user::{GroupName, Role, User, UserName};
pub use vital::{Dependency, VitalRecord, VitalState};
