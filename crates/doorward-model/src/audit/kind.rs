//! The kinds of audit entries and the objects that they are about, in one table.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! subjects {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $label:literal;)*) => {
        /// The type of object that an entry is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditSubject { $($(#[doc = $doc])+ $name),* }

        impl AuditSubject {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stored text, before the colon.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The name of such objects in messages.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal about [$($subject:ident),*];)*) => {
        /// The kind of an event. Its text is stored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditKind { $($(#[doc = $doc])+ $name),* }

        impl AuditKind {
            /// Every kind with its stored text.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$name, $text)),*];

            /// The stored text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The types of objects that an entry of this kind may be about. Without any, it is about
            /// no object, or about a call.
            pub const fn subjects(self) -> &'static [AuditSubject] {
                match self { $(Self::$name => &[$(AuditSubject::$subject),*]),* }
            }
        }
    };
}

subjects! {
    /// A user, by their identifier.
    User = "user", "user";
    /// A client, by its `client_id`.
    Client = "client", "client";
    /// A grant, by its identifier.
    Grant = "grant", "grant";
    /// An account at an identity provider, by the identifier of its link.
    Identity = "identity", "account at an identity provider";
    /// An identity provider, by its name.
    Provider = "provider", "identity provider";
    /// An invitation, by its e-mail address.
    Invitation = "invitation", "invitation";
    /// The counter of failed sign-ins.
    SignIn = "sign_in", "counter of failed sign-ins";
    /// A personal access token, by its identifier.
    AccessToken = "access_token", "access token";
    /// An upstream, by its name.
    Upstream = "upstream", "upstream";
    /// An external resource server, by its identifier.
    Resource = "external_resource", "external resource server";
    /// A tool, as `UPSTREAM/TOOL`.
    Tool = "tool", "tool";
    /// A signing key, by its `kid`.
    Key = "key", "signing key";
    /// A setting, by its name.
    Setting = "setting", "setting";
    /// A version of rules, as `SET/NUMBER`.
    Rules = "rules", "version of rules";
    /// A group, by its name.
    Group = "group", "group";
    /// A toolset, by its name.
    Toolset = "toolset", "toolset";
    /// Recorded arguments or results, by their identifier.
    Record = "record", "record";
    /// An uploaded document, as `UPSTREAM/PATH`.
    Document = "document", "uploaded document";
}

kinds! {
    /// A user signed in.
    SignedIn = "user.signed_in" about [];
    /// A sign-in failed: a wrong password, code or passkey.
    SignInFailed = "user.sign_in_failed" about [SignIn];
    /// A user signed out, or their session was ended.
    SessionEnded = "user.session_ended" about [User, Identity, Provider];
    /// An account was made.
    UserAdded = "user.added" about [User];
    /// An account's roles, name or state changed.
    UserChanged = "user.changed" about [User];
    /// An account was deleted.
    UserDeleted = "user.deleted" about [User];
    /// A user was invited.
    UserInvited = "user.invited" about [Invitation];
    /// A password was set, changed or removed.
    PasswordChanged = "user.password_changed" about [User];
    /// An account at an identity provider was linked.
    IdentityLinked = "user.identity_linked" about [User];
    /// An account at an identity provider was unlinked.
    IdentityUnlinked = "user.identity_unlinked" about [User];
    /// An account at a chat server was linked.
    ChatLinked = "user.chat_linked" about [User];
    /// The link of an account at a chat server was ended.
    ChatUnlinked = "user.chat_unlinked" about [User];
    /// A user became a member of a group.
    GroupJoined = "user.joined_group" about [User];
    /// A user is no longer a member of a group.
    GroupLeft = "user.left_group" about [User];
    /// A group was added.
    GroupAdded = "group.added" about [Group];
    /// The description or the roles of a group changed.
    GroupChanged = "group.changed" about [Group];
    /// A group was deleted.
    GroupDeleted = "group.deleted" about [Group];
    /// A passkey, an authenticator app or recovery codes were added.
    FactorAdded = "user.factor_added" about [User];
    /// A passkey, an authenticator app or recovery codes were removed, or a recovery code was used
    /// up.
    FactorRemoved = "user.factor_removed" about [User];
    /// A one-time administrator link was made.
    AdminLinkMade = "admin_link.made" about [];
    /// A one-time administrator link was used.
    AdminLinkUsed = "admin_link.used" about [];
    /// A client became known: it registered, was added, or its metadata document was read for the
    /// first time.
    ClientAdded = "client.added" about [Client];
    /// A client's metadata, state or pin changed.
    ClientChanged = "client.changed" about [Client];
    /// A client was deleted.
    ClientDeleted = "client.deleted" about [Client];
    /// A user allowed a client something.
    ConsentAllowed = "consent.allowed" about [Client];
    /// A user refused a client.
    ConsentDenied = "consent.denied" about [Client];
    /// A client redeemed its code: access was given.
    GrantGiven = "grant.given" about [Grant];
    /// Access ended before its time.
    GrantRevoked = "grant.revoked" about [Grant, User, Identity, Client];
    /// A client was given less than before.
    GrantNarrowed = "grant.narrowed" about [User];
    /// A client refreshed its token.
    TokenRefreshed = "token.refreshed" about [Grant];
    /// A client was given an access token for a service, or by an assertion.
    TokenIssued = "token.issued" about [Grant, AccessToken];
    /// The token endpoint refused a client.
    TokenRefused = "token.refused" about [Client];
    /// A personal or service token was made.
    AccessTokenAdded = "access_token.added" about [AccessToken];
    /// A personal or service token was replaced by a new value.
    AccessTokenRotated = "access_token.rotated" about [AccessToken];
    /// A personal or service token was revoked.
    AccessTokenRevoked = "access_token.revoked" about [AccessToken, User, Identity];
    /// A tool was called.
    ToolCalled = "tool.called" about [Toolset];
    /// A tool call was refused before it reached the tool: roles, policy, scopes or limits.
    ToolRefused = "tool.refused" about [Toolset];
    /// A prompt of an upstream was filled in, or that was refused.
    PromptUsed = "prompt.used" about [Toolset];
    /// A resource of an upstream was read, or that was refused.
    ResourceRead = "resource.read" about [Toolset];
    /// A client began or ended to watch a resource of an upstream, or that was refused.
    ResourceWatched = "resource.watched" about [Toolset];
    /// An upstream completed an argument of a prompt or a resource template, or that was refused.
    ArgumentCompleted = "argument.completed" about [Toolset];
    /// A client set how much log an upstream sends, or that was refused.
    LogLevelSet = "log_level.set" about [Toolset];
    /// An upstream shows another definition of a tool than the one that was approved.
    ToolChanged = "tool.changed" about [Tool];
    /// An administrator decided about a tool.
    ToolDecided = "tool.decided" about [Tool];
    /// An upstream was added.
    UpstreamAdded = "upstream.added" about [Upstream];
    /// The settings of an upstream changed.
    UpstreamChanged = "upstream.changed" about [Upstream];
    /// An upstream was deleted.
    UpstreamDeleted = "upstream.deleted" about [Upstream];
    /// An upstream has another place in its settings: it counts as a new one.
    UpstreamMoved = "upstream.moved" about [Upstream];
    /// An upstream names another authorization server, or another resource, than before.
    UpstreamNamesAnother = "upstream.names_another" about [Upstream];
    /// An administrator accepted the authorization server that an upstream names.
    UpstreamServerAccepted = "upstream.server_accepted" about [Upstream];
    /// An external resource server was added.
    ResourceAdded = "external_resource.added" about [Resource];
    /// The name, the scopes, the roles or the secret of an external resource server changed.
    ResourceChanged = "external_resource.changed" about [Resource];
    /// An external resource server was removed.
    ResourceRemoved = "external_resource.removed" about [Resource];
    /// A toolset was added.
    ToolsetAdded = "toolset.added" about [Toolset];
    /// The display name, the description, the selection or the roles of a toolset changed.
    ToolsetChanged = "toolset.changed" about [Toolset];
    /// A toolset was removed.
    ToolsetRemoved = "toolset.removed" about [Toolset];
    /// A document was uploaded to a collection.
    DocumentAdded = "document.added" about [Document];
    /// An uploaded document was replaced by another one.
    DocumentReplaced = "document.replaced" about [Document];
    /// An uploaded document was removed.
    DocumentRemoved = "document.removed" about [Document];
    /// A user connected an upstream to their account.
    ConnectionMade = "connection.made" about [Upstream];
    /// A user's connection to an upstream ended.
    ConnectionEnded = "connection.ended" about [Upstream];
    /// A provider was added.
    ProviderAdded = "provider.added" about [Provider];
    /// The settings of a provider changed.
    ProviderChanged = "provider.changed" about [Provider];
    /// A provider was deleted.
    ProviderDeleted = "provider.deleted" about [Provider];
    /// A signing key was made.
    KeyAdded = "key.added" about [Key];
    /// A setting that may change at run time changed.
    SettingChanged = "setting.changed" about [Setting];
    /// Rules were saved or restored.
    RulesChanged = "rules.changed" about [Rules];
    /// A changed configuration file was put in effect.
    ConfigurationReloaded = "configuration.reloaded" about [];
    /// A changed configuration file cannot be used.
    ConfigurationRefused = "configuration.refused" about [];
    /// An administrator sent a test mail.
    TestMailSent = "test_mail.sent" about [];
    /// The administrators' API refused a user.
    AdminRefused = "admin.refused" about [];
    /// A user read arguments or results that were recorded.
    RecordRead = "audit.record_read" about [Record];
    /// The audit was exported.
    AuditExported = "audit.exported" about [];
    /// Old entries were deleted, according to the retention.
    AuditTrimmed = "audit.trimmed" about [];
    /// A backup was made.
    BackupMade = "backup.made" about [];
}

impl AuditKind {
    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, stored)| *stored == text).map(|(kind, ..)| *kind)
    }
}

impl fmt::Display for AuditKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AuditKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AuditKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an unknown kind of audit entry"))
    }
}

/// The kind of an entry that was read. A database written by another version may hold kinds that
/// are unknown to this one; they can be read and passed on, and never written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordedKind {
    /// A kind of this version.
    Known(AuditKind),
    /// A kind of this version, with the text under which a former version recorded it.
    Former(AuditKind, String),
    /// The stored text of another version.
    Unknown(String),
}

impl RecordedKind {
    /// Reads the stored text.
    pub fn from_stored(text: String) -> Self {
        match AuditKind::parse(&text) {
            Some(kind) => Self::Known(kind),
            None => match AuditKind::parse(&super::present_form(&text)) {
                Some(kind) => Self::Former(kind, text),
                None => Self::Unknown(text),
            },
        }
    }
    /// The stored text, which the chain of entries is computed from.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(kind) => kind.as_str(),
            Self::Former(_, text) | Self::Unknown(text) => text,
        }
    }
    /// The kind, if this version has it.
    pub const fn known(&self) -> Option<AuditKind> {
        match self {
            Self::Known(kind) | Self::Former(kind, _) => Some(*kind),
            Self::Unknown(_) => None,
        }
    }
}

impl From<AuditKind> for RecordedKind {
    fn from(kind: AuditKind) -> Self {
        Self::Known(kind)
    }
}

impl PartialEq<AuditKind> for RecordedKind {
    fn eq(&self, kind: &AuditKind) -> bool {
        self.known() == Some(*kind)
    }
}

/// Writes the kind's name in this version.
impl fmt::Display for RecordedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(kind) => kind.fmt(f),
            None => f.write_str(self.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_texts_are_read_as_the_kinds_that_wrote_them() {
        for (kind, text) in AuditKind::ALL {
            assert_eq!(RecordedKind::from_stored((*text).to_owned()), *kind);
        }
        let other = RecordedKind::from_stored("user.teleported".to_owned());
        assert_eq!(other, RecordedKind::Unknown("user.teleported".to_owned()));
        assert_eq!(other.as_str(), "user.teleported");
    }

    #[test]
    fn kinds_of_a_former_version_are_known_and_keep_their_recorded_text() {
        let former = RecordedKind::from_stored("person.added".to_owned());
        assert_eq!(former, AuditKind::UserAdded);
        assert_eq!((former.as_str(), former.to_string().as_str()), ("person.added", "user.added"));
        let forms = |text| super::super::recorded_forms(text).collect::<Vec<_>>();
        assert_eq!(forms("user.added"), ["user.added", "person.added"]);
        assert_eq!(forms("user:u_1"), ["user:u_1", "person:u_1"]);
        assert_eq!(forms("users."), ["users."]);
        assert_eq!(super::super::present_form("person:u_1"), "user:u_1");
        assert_eq!(super::super::present_form("personal.x"), "personal.x");
    }

    #[test]
    fn no_two_kinds_and_no_two_subjects_share_a_text() {
        let mut texts: Vec<_> = AuditKind::ALL.iter().map(|(_, text)| *text).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), AuditKind::ALL.len());
        let mut texts: Vec<_> = AuditSubject::ALL.iter().map(|subject| subject.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), AuditSubject::ALL.len());
    }
}
