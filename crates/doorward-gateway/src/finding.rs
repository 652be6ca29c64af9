//! Findings of trying an upstream out.

/// A subject of the test of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSubject {
    /// Its authorization server.
    AuthorizationServer,
    /// Members of the authorization server's metadata that were not used.
    Metadata,
    /// Proof keys for the exchange of codes.
    Pkce,
    /// The registration of this server as a client there.
    Registration,
    /// The redirect URI of that client.
    Redirect,
    /// The document that describes an API.
    Document,
    /// The connection.
    Connection,
    /// The lists of its offers.
    Tools,
    /// Offers that cannot be used.
    LeftOut,
    /// Tools that an administrator has not decided about.
    Approval,
}

impl CheckSubject {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationServer => "authorization server",
            Self::Metadata => "left out of metadata",
            Self::Pkce => "PKCE",
            Self::Registration => "registration",
            Self::Redirect => "redirect URI",
            Self::Document => "document",
            Self::Connection => "connection",
            Self::Tools => "tools",
            Self::LeftOut => "left out",
            Self::Approval => "approval",
        }
    }

    /// Reports a subject of an administrator's review, which says nothing about the upstream's
    /// health.
    pub fn is_of_review(self) -> bool {
        match self {
            Self::LeftOut | Self::Approval => true,
            Self::AuthorizationServer
            | Self::Metadata
            | Self::Pkce
            | Self::Registration
            | Self::Redirect
            | Self::Document
            | Self::Connection
            | Self::Tools => false,
        }
    }
}

/// One check of a test.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its subject.
    pub subject: CheckSubject,
    /// The outcome, or the problem and its remedy.
    pub result: Result<String, String>,
}

impl Finding {
    /// A success.
    pub(crate) fn good(subject: CheckSubject, told: impl Into<String>) -> Self {
        Self { subject, result: Ok(told.into()) }
    }
    /// A problem.
    pub(crate) fn bad(subject: CheckSubject, told: impl Into<String>) -> Self {
        Self { subject, result: Err(told.into()) }
    }
}
