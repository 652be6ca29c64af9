//! Reasons for which an operation is refused or fails, each with a code for programs and a message
//! for users.

mod codes;
mod object;
mod of;

use doorward_accounts::{AccessTokenError, UserError};
use doorward_federation::{FederationError, ProviderChangeError};
use doorward_gateway::{ServerChangeError, ToolChangeError, UpstreamChangeError};
use doorward_keys::RingError;
use doorward_mail::MailError;
use doorward_model::{
    AuditSubject, ResourceError, RuleSet, ToolsetError, UploadFault, csv::CsvError, nearest,
    scope::SCOPES, user::RoleError,
};
use doorward_registration::ClientChangeError;
use doorward_store::StoreError;

pub use codes::{Code, Kind};
pub use object::Object;

/// A reason for which an operation is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such object.
    #[error("there is no {0} {1}")]
    Missing(Object, String),
    /// The name, or the URL, of a new object is taken.
    #[error("{0} {1} already exists")]
    Taken(Object, String),
    /// The name of a role is not valid.
    #[error("{0}: {1}")]
    Role(String, RoleError),
    /// There are more roles than a user may have.
    #[error("roles: at most {0}")]
    TooManyRoles(usize),
    /// The name of a group is not valid.
    #[error("{0:?} is not a valid name for a group; use 1 to 32 of a-z, 0-9, '_' and '-'")]
    GroupName(String),
    /// A group cannot carry the role of services.
    #[error("a group cannot carry the role service, which is for accounts without a user")]
    GroupOfServices,
    /// The maximum number of groups is reached.
    #[error("the maximum of {0} groups is reached; delete a group first")]
    TooManyGroups(usize),
    /// A change has too many members.
    #[error("at most {0} members can be changed at once")]
    TooManyMembers(usize),
    /// A description is too long, or has more than one line.
    #[error("a description has one line of at most {0} characters")]
    Description(usize),
    /// A rule of an identity provider makes the user a member.
    #[error("a rule of an identity provider makes {0} a member of {1}; change the rule")]
    MemberByRule(String, String),
    /// The group makes the last administrators.
    #[error(
        "the group {0} makes the last administrators; make another user an administrator first"
    )]
    GroupOfAdministrators(String),
    /// A table of users cannot be read.
    #[error(transparent)]
    Csv(CsvError),
    /// A table of users has an unknown or a repeated column.
    #[error(
        "the column {0:?} is unknown or repeated; the columns are {columns}",
        columns = crate::IMPORT_COLUMNS.join(", ")
    )]
    ImportColumn(String),
    /// A table of users has no names.
    #[error("the first line names the columns, and one of them must be name")]
    ImportWithoutNames,
    /// Two lines of a table have the same name.
    #[error("line {1} has the name {0} too")]
    ImportedTwice(String, usize),
    /// Lines of a table cannot be imported.
    #[error(
        "{0} lines cannot be imported, the first is line {1}; nothing was imported (a dry run shows \
         the reasons)"
    )]
    ImportRefused(usize, usize),
    /// The import would remove the last administrators.
    #[error("the table takes the role admin from the last administrators")]
    ImportOfAdministrators,
    /// An invitation through an identity provider needs an e-mail address.
    #[error("an invitation through an identity provider needs an e-mail address")]
    EmailNeeded,
    /// The identity provider is disabled.
    #[error("the identity provider {0} is disabled; enable it first")]
    ProviderOff(String),
    /// A user cannot be added or changed.
    #[error(transparent)]
    User(UserError),
    /// An identity provider cannot be added, found or deleted.
    #[error(transparent)]
    Provider(ProviderChangeError),
    /// An account at an identity provider cannot be linked.
    #[error(transparent)]
    Link(FederationError),
    /// A client cannot be added or changed.
    #[error(transparent)]
    Client(ClientChangeError),
    /// A number of days is out of bounds.
    #[error("days: must be between {0} and {1}")]
    Days(u32, u32),
    /// A token cannot be made or changed.
    #[error(transparent)]
    Token(AccessTokenError),
    /// The scope is unknown.
    #[error("there is no scope {0}{near}", near = nearest::hint(.0, SCOPES.iter().map(|info| info.name)))]
    Scope(String),
    /// No scope is named.
    #[error("name at least one scope")]
    NoScope,
    /// An external resource server cannot be added or changed.
    #[error(transparent)]
    Resource(ResourceError),
    /// A toolset cannot be added or changed.
    #[error(transparent)]
    Toolset(ToolsetError),
    /// A toolset names an upstream that does not exist.
    #[error(
        "the selection names the upstream {name}, which does not exist{meant}; correct the name, \
         or add the upstream first",
        meant = near.as_ref().map(|near| format!(" (did you mean {near}?)")).unwrap_or_default()
    )]
    SelectedUpstream {
        /// Its name in the selection.
        name: String,
        /// The upstream that was probably meant.
        near: Option<String>,
    },
    /// The maximum number of toolsets is reached.
    #[error("the maximum of {0} toolsets is reached; remove a toolset first")]
    TooManyToolsets(usize),
    /// The public keys of a client cannot be read.
    #[error("the public keys are not a JWK Set in JSON")]
    Keys,
    /// The account belongs to a user.
    #[error("{0} is the account of a user; users create their own tokens")]
    NotAService(String),
    /// The name of an upstream is not valid.
    #[error("{0:?} is not a valid name for an upstream")]
    UpstreamName(String),
    /// An upstream cannot be added or deleted.
    #[error(transparent)]
    Upstream(UpstreamChangeError),
    /// The authorization server that an upstream names cannot be accepted.
    #[error(transparent)]
    Server(ServerChangeError),
    /// A tool cannot be decided on.
    #[error(transparent)]
    Tool(ToolChangeError),
    /// The settings of an identity provider or upstream cannot be read.
    #[error("{0}")]
    Settings(String),
    /// The setting runs a program or reads a file of the machine.
    #[error(
        "{0}: programs and files of this machine can only be set in the configuration file or with \
         the commands"
    )]
    OfTheMachine(String),
    /// The setting opens the guard of outbound requests.
    #[error(
        "{0}: networks that are not public can only be allowed in the configuration file or with \
         the commands, unless outbound.administered_networks lists them"
    )]
    OpensNetworks(String),
    /// Rules cannot be read.
    #[error("{0}")]
    Rules(String),
    /// The configuration file has the rules.
    #[error("the rules are set in the configuration file; change them there, under [{}]", .0.as_str())]
    RulesInFile(RuleSet),
    /// Another administrator saved the rules meanwhile.
    #[error("the rules were saved by another administrator; compare them with the newest version")]
    RulesChanged,
    /// A case for the policy cannot be read.
    #[error("case {0:?}: {1}")]
    PolicyCase(String, String),
    /// Numbers of one user were asked for without the role auditor.
    #[error("only users with the role auditor see the usage of a single user")]
    AuditorNeeded,
    /// A parameter of a list is not acceptable.
    #[error("{0}: {1}")]
    ListParameter(String, String),
    /// Not exactly one item is named.
    #[error("name exactly one of tool, prompt, resource, template and upstream")]
    OneItem,
    /// A signing key cannot be made.
    #[error("a signing key could not be created: {0}")]
    Key(RingError),
    /// Another administrator rotated the keys at the same moment.
    #[error("another administrator rotated the keys at the same moment; check the list of keys")]
    RotatedMeanwhile,
    /// The notice is too long, or has more than one line.
    #[error("a notice has one line of at most {0} characters")]
    Notice(usize),
    /// Switching the MCP server on must be acknowledged.
    #[error("acknowledge what becomes public: {0}")]
    NotAcknowledged(String),
    /// No mail server is set up.
    #[error("no mail server is set up; set mail.url and mail.from")]
    NoMailServer,
    /// The mail server refused a mail.
    #[error(transparent)]
    MailNotSent(MailError),
    /// A document cannot be uploaded or removed.
    #[error(transparent)]
    Upload(UploadFault),
    /// The settings changed since they were read.
    #[error("the settings were changed in the meantime; check them and try again")]
    SettingsChanged,
    /// The database does not respond.
    #[error("the database does not respond; try again shortly")]
    Store(#[source] StoreError),
}

impl Refusal {
    /// There is no such object.
    pub fn missing(object: impl Into<Object>, name: impl Into<String>) -> Self {
        Self::Missing(object.into(), name.into())
    }

    /// The name of a new object is taken.
    pub(crate) fn taken(object: impl Into<Object>, name: impl Into<String>) -> Self {
        Self::Taken(object.into(), name.into())
    }

    /// A user of that name or identifier is missing.
    pub(crate) fn no_user(name: &str) -> Self {
        Self::missing(AuditSubject::User, name)
    }

    /// The code.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(..) => Code::NotFound,
            Self::Role(..) | Self::TooManyRoles(_) | Self::GroupOfServices => Code::InvalidRoles,
            Self::GroupName(_) => Code::InvalidName,
            Self::TooManyGroups(_) => Code::TooManyGroups,
            Self::MemberByRule(..) => Code::MemberByRule,
            Self::GroupOfAdministrators(_) | Self::ImportOfAdministrators => {
                Code::LastAdministrator
            }
            Self::Csv(_)
            | Self::ImportColumn(_)
            | Self::ImportWithoutNames
            | Self::ImportedTwice(..)
            | Self::ImportRefused(..) => Code::InvalidTable,
            Self::EmailNeeded => Code::EmailNeeded,
            Self::ProviderOff(_) => Code::ProviderOff,
            Self::User(error) => of::user(error),
            Self::Provider(error) => of::provider(error),
            Self::Link(error) => of::link(error),
            Self::Client(error) => of::client(error),
            Self::Days(..) => Code::InvalidDays,
            Self::Token(error) => of::token(error),
            Self::Scope(_) | Self::NoScope => Code::InvalidScope,
            Self::Resource(_) => Code::InvalidResource,
            Self::Toolset(_) | Self::SelectedUpstream { .. } => Code::InvalidToolset,
            Self::TooManyToolsets(_) => Code::TooManyToolsets,
            Self::Taken(..) => Code::NameTaken,
            Self::Keys => Code::InvalidMetadata,
            Self::NotAService(_) => Code::NotAService,
            Self::UpstreamName(_) => Code::InvalidUpstream,
            Self::Upstream(error) => of::upstream(error),
            Self::Tool(error) => of::tool(error),
            Self::Settings(_) => Code::InvalidSetting,
            Self::OfTheMachine(_) | Self::OpensNetworks(_) => Code::OfTheMachine,
            Self::Rules(_) | Self::PolicyCase(..) => Code::InvalidRule,
            Self::AuditorNeeded => Code::AuditorNeeded,
            Self::ListParameter(..) | Self::TooManyMembers(_) | Self::Description(_) => {
                Code::InvalidRequest
            }
            Self::OneItem => Code::InvalidItem,
            Self::RotatedMeanwhile => Code::RotatedMeanwhile,
            Self::Notice(_) => Code::InvalidNotice,
            Self::NotAcknowledged(_) => Code::NotAcknowledged,
            Self::Server(_) | Self::SettingsChanged | Self::RulesChanged => Code::Changed,
            Self::RulesInFile(_) => Code::InConfiguration,
            Self::NoMailServer => Code::NoMailServer,
            Self::MailNotSent(error) => crate::mails::code(error),
            Self::Upload(fault) => of::upload(fault),
            Self::Key(_) | Self::Store(_) => Code::Unavailable,
        }
    }

    /// The class of refusals.
    pub fn kind(&self) -> Kind {
        self.code().kind()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an operation of administration could not reach the database");
        Self::Store(error)
    }
}

impl From<UserError> for Refusal {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Store(error) => error.into(),
            UserError::Unknown(name) => Self::no_user(&name),
            error => Self::User(error),
        }
    }
}

impl From<UploadFault> for Refusal {
    fn from(fault: UploadFault) -> Self {
        match fault {
            UploadFault::Unknown(path) => Self::missing(AuditSubject::Document, path),
            fault => Self::Upload(fault),
        }
    }
}

impl From<ProviderChangeError> for Refusal {
    fn from(error: ProviderChangeError) -> Self {
        match error {
            ProviderChangeError::Store(error) => error.into(),
            ProviderChangeError::Unknown(name) => Self::missing(AuditSubject::Provider, name),
            error => Self::Provider(error),
        }
    }
}

impl From<ClientChangeError> for Refusal {
    fn from(error: ClientChangeError) -> Self {
        match error {
            ClientChangeError::Store(error) => error.into(),
            ClientChangeError::Unknown(id) => Self::missing(AuditSubject::Client, id.to_string()),
            error => Self::Client(error),
        }
    }
}

impl From<AccessTokenError> for Refusal {
    fn from(error: AccessTokenError) -> Self {
        match error {
            AccessTokenError::Store(error) => error.into(),
            error => Self::Token(error),
        }
    }
}

impl From<UpstreamChangeError> for Refusal {
    fn from(error: UpstreamChangeError) -> Self {
        match error {
            UpstreamChangeError::Store(error) => error.into(),
            UpstreamChangeError::Unknown(name) => Self::missing(AuditSubject::Upstream, name),
            error => Self::Upstream(error),
        }
    }
}

impl From<ServerChangeError> for Refusal {
    fn from(error: ServerChangeError) -> Self {
        match error {
            ServerChangeError::Store(error) => error.into(),
            ServerChangeError::Unknown(name) => Self::missing(AuditSubject::Upstream, name),
            error => Self::Server(error),
        }
    }
}

impl From<ToolChangeError> for Refusal {
    fn from(error: ToolChangeError) -> Self {
        match error {
            ToolChangeError::Store(error) => error.into(),
            ToolChangeError::Unknown(name) => Self::missing(AuditSubject::Tool, name),
            error @ ToolChangeError::Changed => Self::Tool(error),
        }
    }
}

impl From<FederationError> for Refusal {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Store(error) => error.into(),
            error => Self::Link(error),
        }
    }
}

#[cfg(test)]
mod tests;
