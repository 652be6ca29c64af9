//! The codes of refusals, and their classes.

use std::fmt;

/// A class of refusals, by which a front end chooses its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value is not acceptable.
    Invalid,
    /// There is no such object.
    Missing,
    /// The present state does not allow it.
    Conflict,
    /// The object changed since it was read.
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
    /// A table cannot be read or imported.
    InvalidTable = "invalid_table" Invalid,
    /// A setting is not acceptable.
    InvalidSetting = "invalid_setting" Invalid,
    /// The metadata of a client is not acceptable.
    InvalidMetadata = "invalid_metadata" Invalid,
    /// The path, the name or the size of an uploaded document is not acceptable.
    InvalidDocument = "invalid_document" Invalid,
    /// Only a client with a metadata document can be pinned.
    NoDocument = "no_document" Invalid,
    /// The URL, the name or the scopes of an external resource server are not acceptable.
    InvalidResource = "invalid_resource" Invalid,
    /// The name, a text or the selection of a toolset is not acceptable.
    InvalidToolset = "invalid_toolset" Invalid,
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
    /// A parameter of a list is not acceptable.
    InvalidRequest = "invalid_request" Invalid,
    /// Not exactly one item is named.
    InvalidItem = "invalid_item" Invalid,
    /// A rule of the policy, or a case for it, cannot be read.
    InvalidRule = "invalid_rule" Invalid,
    /// Numbers of one user need the role auditor.
    AuditorNeeded = "auditor_needed" Invalid,
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
    /// There are too many groups.
    TooManyGroups = "too_many_groups" Conflict,
    /// There are too many toolsets.
    TooManyToolsets = "too_many_toolsets" Conflict,
    /// The upstream takes no uploads.
    NoUploads = "no_uploads" Conflict,
    /// Another file or folder, or a symbolic link, is in the way of a document.
    InTheWay = "in_the_way" Conflict,
    /// There are as many uploaded documents, or bytes of them, as there may be.
    UploadsFull = "uploads_full" Conflict,
    /// A rule of an identity provider makes the user a member.
    MemberByRule = "member_by_rule" Conflict,
    /// The account at the identity provider has ended.
    AccountEnded = "account_ended" Conflict,
    /// The feature is disabled.
    SwitchedOff = "switched_off" Conflict,
    /// No mail server is set up.
    NoMailServer = "no_mail_server" Conflict,
    /// Another administrator rotated the keys at the same moment.
    RotatedMeanwhile = "rotated_meanwhile" Conflict,
    /// The object changed since it was read.
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
