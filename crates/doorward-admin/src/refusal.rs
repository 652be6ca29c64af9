//! Reasons for which an operation is refused or fails, each with a code for programs and a message
//! for users.

use std::fmt;

use doorward_accounts::{AccessTokenError, UserError};
use doorward_federation::{FederationError, ProviderChangeError};
use doorward_gateway::{ServerChangeError, ToolChangeError, UpstreamChangeError};
use doorward_keys::RingError;
use doorward_mail::MailError;
use doorward_model::{nearest, scope::SCOPES, user::RoleError};
use doorward_registration::ClientChangeError;
use doorward_store::StoreError;

/// An object of administration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A user.
    User,
    /// A session of a user.
    Session,
    /// A client that a user allowed something.
    App,
    /// A client.
    Client,
    /// A trust rule of a workload.
    TrustRule,
    /// A personal or service access token that is live.
    Token,
    /// An identity provider.
    Provider,
    /// An upstream.
    Upstream,
    /// A tool of an upstream.
    Tool,
    /// An item that the policy decides about.
    Item,
    /// The record of a call.
    Record,
}

impl fmt::Display for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Session => "session",
            Self::App => "connected app",
            Self::Client => "client",
            Self::TrustRule => "trust rule",
            Self::Token => "active token",
            Self::Provider => "identity provider",
            Self::Upstream => "upstream",
            Self::Tool => "tool",
            Self::Item => "item",
            Self::Record => "record",
        })
    }
}

/// A class of refusals, by which a front end chooses its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value is not acceptable.
    Invalid,
    /// There is no such object.
    Missing,
    /// The present state does not allow it.
    Conflict,
    /// The object changed since it was looked at.
    Changed,
    /// The server cannot do it now; the same request may succeed later.
    Unavailable,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal $kind:ident,)*) => {
        /// A code that names a refusal to programs. Codes do not change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text,)* }
            }

            /// The class of refusals.
            pub fn kind(self) -> Kind {
                match self { $(Self::$code => Kind::$kind,)* }
            }
        }
    };
}

codes! {
    /// The sign-in name is not one.
    InvalidName = "invalid_name" Invalid,
    /// The password is too short or too long.
    InvalidPassword = "invalid_password" Invalid,
    /// The e-mail address is not one.
    InvalidEmail = "invalid_email" Invalid,
    /// An e-mail address is needed.
    EmailNeeded = "email_needed" Invalid,
    /// A role is not one, or there are too many.
    InvalidRoles = "invalid_roles" Invalid,
    /// A setting is not acceptable.
    InvalidSetting = "invalid_setting" Invalid,
    /// The metadata of a client is not acceptable.
    InvalidMetadata = "invalid_metadata" Invalid,
    /// Only a client with a metadata document can be pinned.
    NoDocument = "no_document" Invalid,
    /// A number of days is out of bounds.
    InvalidDays = "invalid_days" Invalid,
    /// A scope does not exist, or none is named.
    InvalidScope = "invalid_scope" Invalid,
    /// The name of an upstream is not one.
    InvalidUpstream = "invalid_upstream" Invalid,
    /// The request exceeds the permissions of the account.
    TooMuch = "too_much" Invalid,
    /// The notice is too long, or has more than one line.
    InvalidNotice = "invalid_notice" Invalid,
    /// Switching the MCP server on must be acknowledged.
    NotAcknowledged = "not_acknowledged" Invalid,
    /// Not exactly one item is named.
    InvalidItem = "invalid_item" Invalid,
    /// Only operators with access to the machine may choose this setting.
    OfTheMachine = "of_the_machine" Invalid,
    /// The present password is wrong.
    WrongPassword = "wrong_password" Invalid,
    /// A one-time link was used or is too old.
    LinkUsed = "link_used" Invalid,
    /// There is no such object.
    NotFound = "not_found" Missing,
    /// The name is taken.
    NameTaken = "name_taken" Conflict,
    /// The server would have no administrator left.
    LastAdministrator = "last_administrator" Conflict,
    /// The identity provider is disabled.
    ProviderOff = "provider_off" Conflict,
    /// The account at the identity provider is linked to another user.
    LinkedElsewhere = "linked_elsewhere" Conflict,
    /// The object is defined in the configuration file.
    InConfiguration = "in_configuration" Conflict,
    /// The account belongs to a user; users make their own tokens.
    NotAService = "not_a_service" Conflict,
    /// There are too many tokens.
    TooManyTokens = "too_many_tokens" Conflict,
    /// The account at the identity provider has ended.
    AccountEnded = "account_ended" Conflict,
    /// The feature is disabled.
    SwitchedOff = "switched_off" Conflict,
    /// No mail server is set up.
    NoMailServer = "no_mail_server" Conflict,
    /// Another administrator rotated the keys at the same moment.
    RotatedMeanwhile = "rotated_meanwhile" Conflict,
    /// The object changed since it was looked at.
    Changed = "changed" Changed,
    /// Too many attempts; the message states the time to wait.
    TooManyAttempts = "too_many_attempts" Unavailable,
    /// The identity provider does not answer as it should.
    ProviderFailed = "provider_failed" Unavailable,
    /// The mail server did not take a mail.
    MailNotSent = "mail_not_sent" Unavailable,
    /// The database or the server cannot serve the request now.
    Unavailable = "temporarily_unavailable" Unavailable,
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A reason for which an operation is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such object.
    #[error("there is no {0} {1}")]
    Missing(Object, String),
    /// A role is not one.
    #[error("{0}: {1}")]
    Role(String, RoleError),
    /// There are more roles than a user may have.
    #[error("roles: at most {0}")]
    TooManyRoles(usize),
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
    /// A scope is not one.
    #[error("there is no scope {0}{near}", near = nearest::hint(.0, SCOPES.iter().map(|info| info.name)))]
    Scope(String),
    /// No scope is named.
    #[error("name at least one scope")]
    NoScope,
    /// The public keys of a client cannot be read.
    #[error("the public keys are not a JWK Set in JSON")]
    Keys,
    /// The account belongs to a user.
    #[error("{0} is the account of a user; users create their own tokens")]
    NotAService(String),
    /// The name of an upstream is not one.
    #[error("{0:?} is not the name of an upstream")]
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
    /// Not exactly one item is named.
    #[error("name exactly one of tool, prompt, resource, template and upstream")]
    OneItem,
    /// A signing key cannot be made.
    #[error("a signing key could not be created: {0}")]
    Key(RingError),
    /// Another administrator rotated the keys at the same moment.
    #[error("another administrator rotated the keys at the same moment")]
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
    /// The mail server did not take a mail.
    #[error(transparent)]
    MailNotSent(MailError),
    /// The settings changed since they were looked at.
    #[error("the settings were changed in the meantime; check them and try again")]
    SettingsChanged,
    /// The database does not answer.
    #[error("the database does not respond; try again shortly")]
    Store(#[source] StoreError),
}

impl Refusal {
    /// A user of that name or identifier is missing.
    pub(crate) fn no_user(name: &str) -> Self {
        Self::Missing(Object::User, name.to_owned())
    }

    /// The code.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing(..) => Code::NotFound,
            Self::Role(..) | Self::TooManyRoles(_) => Code::InvalidRoles,
            Self::EmailNeeded => Code::EmailNeeded,
            Self::ProviderOff(_) => Code::ProviderOff,
            Self::User(error) => of_user(error),
            Self::Provider(error) => of_provider(error),
            Self::Link(error) => of_link(error),
            Self::Client(error) => of_client(error),
            Self::Days(..) => Code::InvalidDays,
            Self::Token(error) => of_token(error),
            Self::Scope(_) | Self::NoScope => Code::InvalidScope,
            Self::Keys => Code::InvalidMetadata,
            Self::NotAService(_) => Code::NotAService,
            Self::UpstreamName(_) => Code::InvalidUpstream,
            Self::Upstream(error) => of_upstream(error),
            Self::Tool(error) => of_tool(error),
            Self::Settings(_) => Code::InvalidSetting,
            Self::OfTheMachine(_) | Self::OpensNetworks(_) => Code::OfTheMachine,
            Self::OneItem => Code::InvalidItem,
            Self::RotatedMeanwhile => Code::RotatedMeanwhile,
            Self::Notice(_) => Code::InvalidNotice,
            Self::NotAcknowledged(_) => Code::NotAcknowledged,
            Self::Server(_) | Self::SettingsChanged => Code::Changed,
            Self::NoMailServer => Code::NoMailServer,
            Self::MailNotSent(error) => crate::mails::code(error),
            Self::Key(_) | Self::Store(_) => Code::Unavailable,
        }
    }

    /// The class of refusals.
    pub fn kind(&self) -> Kind {
        self.code().kind()
    }
}

fn of_user(error: &UserError) -> Code {
    match error {
        UserError::Name(_) => Code::InvalidName,
        UserError::Taken(_) => Code::NameTaken,
        UserError::Password(_) => Code::InvalidPassword,
        UserError::WrongPassword => Code::WrongPassword,
        UserError::Wait(_) => Code::TooManyAttempts,
        UserError::Email(_) => Code::InvalidEmail,
        UserError::Unknown(_) => Code::NotFound,
        UserError::LastAdministrator(_) => Code::LastAdministrator,
        UserError::Changed => Code::Changed,
        UserError::Link => Code::LinkUsed,
        UserError::Store(_) | UserError::Hasher(_) => Code::Unavailable,
    }
}

fn of_provider(error: &ProviderChangeError) -> Code {
    match error {
        ProviderChangeError::Setting(_) => Code::InvalidSetting,
        ProviderChangeError::Taken(_) => Code::NameTaken,
        ProviderChangeError::Unknown(_) => Code::NotFound,
        ProviderChangeError::InFile(_) => Code::InConfiguration,
        ProviderChangeError::Changed(_) => Code::Changed,
        ProviderChangeError::Store(_) => Code::Unavailable,
    }
}

fn of_link(error: &FederationError) -> Code {
    match error {
        FederationError::NotAdmitted(_) => Code::LinkedElsewhere,
        FederationError::Misconfigured(_) => Code::InvalidSetting,
        FederationError::Unreachable { .. }
        | FederationError::Unavailable(_)
        | FederationError::Wait { .. }
        | FederationError::Nonsense(_)
        | FederationError::Refused(_)
        | FederationError::Untrusted(_)
        | FederationError::Document(_)
        | FederationError::OtherIssuer { .. }
        | FederationError::NotAwaited(_)
        | FederationError::Limited => Code::ProviderFailed,
        FederationError::Store(_) => Code::Unavailable,
    }
}

fn of_client(error: &ClientChangeError) -> Code {
    match error {
        ClientChangeError::Refused(_) | ClientChangeError::OwnMetadata => Code::InvalidMetadata,
        ClientChangeError::Unknown(_) => Code::NotFound,
        ClientChangeError::Changed => Code::Changed,
        ClientChangeError::NoDocument => Code::NoDocument,
        ClientChangeError::Store(_) => Code::Unavailable,
    }
}

fn of_token(error: &AccessTokenError) -> Code {
    match error {
        AccessTokenError::Name => Code::InvalidName,
        AccessTokenError::Days(_) => Code::InvalidDays,
        AccessTokenError::NoScope => Code::InvalidScope,
        AccessTokenError::TooMuch(_) => Code::TooMuch,
        AccessTokenError::TooMany => Code::TooManyTokens,
        AccessTokenError::Unknown => Code::NotFound,
        AccessTokenError::Ended => Code::AccountEnded,
        AccessTokenError::Off => Code::SwitchedOff,
        AccessTokenError::Store(_) => Code::Unavailable,
    }
}

fn of_upstream(error: &UpstreamChangeError) -> Code {
    match error {
        UpstreamChangeError::Setting(_) => Code::InvalidSetting,
        UpstreamChangeError::Taken(_) => Code::NameTaken,
        UpstreamChangeError::Unknown(_) => Code::NotFound,
        UpstreamChangeError::InFile(_) => Code::InConfiguration,
        UpstreamChangeError::Changed(_) => Code::Changed,
        UpstreamChangeError::Store(_) => Code::Unavailable,
    }
}

fn of_tool(error: &ToolChangeError) -> Code {
    match error {
        ToolChangeError::Unknown(_) => Code::NotFound,
        ToolChangeError::Changed => Code::Changed,
        ToolChangeError::Store(_) => Code::Unavailable,
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

impl From<ProviderChangeError> for Refusal {
    fn from(error: ProviderChangeError) -> Self {
        match error {
            ProviderChangeError::Store(error) => error.into(),
            ProviderChangeError::Unknown(name) => Self::Missing(Object::Provider, name),
            error => Self::Provider(error),
        }
    }
}

impl From<ClientChangeError> for Refusal {
    fn from(error: ClientChangeError) -> Self {
        match error {
            ClientChangeError::Store(error) => error.into(),
            ClientChangeError::Unknown(id) => Self::Missing(Object::Client, id.to_string()),
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
            UpstreamChangeError::Unknown(name) => Self::Missing(Object::Upstream, name),
            error => Self::Upstream(error),
        }
    }
}

impl From<ServerChangeError> for Refusal {
    fn from(error: ServerChangeError) -> Self {
        match error {
            ServerChangeError::Store(error) => error.into(),
            ServerChangeError::Unknown(name) => Self::Missing(Object::Upstream, name),
            error => Self::Server(error),
        }
    }
}

impl From<ToolChangeError> for Refusal {
    fn from(error: ToolChangeError) -> Self {
        match error {
            ToolChangeError::Store(error) => error.into(),
            ToolChangeError::Unknown(name) => Self::Missing(Object::Tool, name),
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
