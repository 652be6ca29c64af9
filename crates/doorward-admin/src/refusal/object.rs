//! The objects of administration.

use std::fmt;

use doorward_model::AuditSubject;

macro_rules! objects {
    ($($(#[doc = $doc:literal])+ $name:ident = $key:literal, $label:literal;)*) => {
        /// An object of administration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Object {
            /// One that entries of the audit can be about.
            Audited(AuditSubject),
            $($(#[doc = $doc])+ $name,)*
        }

        impl Object {
            /// Its name in the keys of texts.
            pub const fn key(self) -> &'static str {
                match self {
                    Self::Audited(subject) => subject.as_str(),
                    $(Self::$name => $key,)*
                }
            }
        }

        impl fmt::Display for Object {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self {
                    Self::Audited(subject) => subject.label(),
                    $(Self::$name => $label,)*
                })
            }
        }
    };
}

objects! {
    /// A session of a user.
    Session = "session", "session";
    /// A client that a user gave access to.
    App = "app", "connected app";
    /// A trust rule of a workload.
    TrustRule = "trust_rule", "trust rule";
    /// A personal or service access token that is live.
    Token = "token", "active token";
    /// An item that the policy decides about.
    Item = "item", "item";
    /// The link of an account at a chat server.
    ChatLink = "chat_link", "link of a chat account";
    /// A service.
    Service = "service", "service";
    /// The connection of a service to an upstream.
    Connection = "connection", "connection to the upstream";
}

impl From<AuditSubject> for Object {
    fn from(subject: AuditSubject) -> Self {
        Self::Audited(subject)
    }
}
