//! The steps of a client to its first call, and the failures on the way.
//!
//! Steps are recorded where they happen; attempts are assembled when a user opens the timeline. The
//! first steps come without a client's name, so they are joined to the rest by IP address and
//! program, later ones by client, user and flow.

mod attempt;
mod quirk;

use crate::{Reason, Timestamp, audit::Outcome};
pub use attempt::{Attempt, Cause, Standing, Stop, Verdict, attempts};
pub use quirk::Quirk;

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// One kind of step.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StepKind { $($(#[doc = $doc])+ $name),* }

        impl StepKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// The stored text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
            /// Reads the stored text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

steps! {
    /// It called an MCP URL without a token, and the response named the authorization server.
    Challenged = "challenged";
    /// It read the metadata of the resource (RFC 9728).
    ResourceMetadata = "resource_metadata";
    /// It read the metadata of the authorization server (RFC 8414).
    ServerMetadata = "server_metadata";
    /// It registered itself (RFC 7591).
    Registered = "registered";
    /// Its Client ID Metadata Document was fetched.
    Document = "document";
    /// It pushed an authorization request (RFC 9126). Noted only where it is refused.
    Pushed = "pushed";
    /// It sent a user's browser to the authorization endpoint.
    Authorize = "authorize";
    /// It asked for a code for a device (RFC 8628).
    Device = "device";
    /// The user signed in.
    SignedIn = "signed_in";
    /// The user was asked.
    Asked = "asked";
    /// The user answered, and the browser was sent back.
    Answered = "answered";
    /// It called the token endpoint with a code.
    Token = "token";
    /// It called the token endpoint with the code of a device.
    DeviceToken = "device_token";
    /// It called the token endpoint to act as a service.
    ServiceToken = "service_token";
    /// It called the token endpoint with a refresh token.
    Refresh = "refresh";
    /// It called the token endpoint with a signed token of another issuer.
    Assertion = "assertion";
    /// It called the token endpoint with a token to exchange (RFC 8693).
    Exchange = "exchange";
    /// It called an MCP URL with a token.
    Called = "called";
    /// It called the revocation endpoint (RFC 7009). Noted only where it is refused.
    Revoke = "revoke";
    /// It called the introspection endpoint (RFC 7662). Noted only where it is refused.
    Introspect = "introspect";
}

impl StepKind {
    /// Reports a request for a first token.
    pub(crate) const fn asks_for_a_token(self) -> bool {
        matches!(
            self,
            Self::Token | Self::DeviceToken | Self::ServiceToken | Self::Assertion | Self::Exchange
        )
    }
}

/// One step, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectStep {
    /// Its number; 0 until it is stored.
    pub seq: i64,
    /// The time of the event.
    pub at: Timestamp,
    /// Its kind.
    pub kind: StepKind,
    /// The outcome.
    pub outcome: Outcome,
    /// The IP address of its origin.
    pub address: String,
    /// The name that the sender gives itself.
    pub agent: String,
    /// The client, once it is known.
    pub client_id: Option<String>,
    /// Its name.
    pub client_name: Option<String>,
    /// The user, once known.
    pub user_id: Option<String>,
    /// The identifier that joins the steps of one authorization: that of the resulting grant.
    pub flow: Option<String>,
    /// The reason for which it was refused.
    pub reason: Option<Reason>,
    /// More: the exact values that were sent.
    pub detail: String,
}

impl ConnectStep {
    /// A successful step.
    pub fn new(kind: StepKind) -> Self {
        Self {
            seq: 0,
            at: Timestamp::default(),
            kind,
            outcome: Outcome::Ok,
            address: String::new(),
            agent: String::new(),
            client_id: None,
            client_name: None,
            user_id: None,
            flow: None,
            reason: None,
            detail: String::new(),
        }
    }
    /// Refused, for this reason.
    #[must_use]
    pub fn refused(mut self, reason: Reason) -> Self {
        self.outcome = Outcome::Refused;
        self.reason = Some(reason);
        self
    }
    /// Of this client.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, name: Option<String>) -> Self {
        self.client_id = Some(id.into());
        self.client_name = name;
        self
    }
    /// Of a client that names itself so and has no identifier.
    #[must_use]
    pub fn named(mut self, name: Option<String>) -> Self {
        self.client_name = name.filter(|name| !name.is_empty());
        self
    }
    /// Of this user.
    #[must_use]
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(id.into());
        self
    }
    /// Part of this authorization.
    #[must_use]
    pub fn flow(mut self, flow: impl Into<String>) -> Self {
        self.flow = Some(flow.into());
        self
    }
    /// The exact value that was sent. Never a secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(at: i64, kind: StepKind, address: &str, agent: &str) -> ConnectStep {
        ConnectStep {
            at: Timestamp(at),
            address: address.to_owned(),
            agent: agent.to_owned(),
            ..ConnectStep::new(kind)
        }
    }

    #[test]
    fn two_clients_that_connect_at_the_same_time_are_two_attempts() {
        let way = |at: i64, address: &str, client: &str, flow: &str| {
            let of = |step: ConnectStep| step.client(client, Some(client.to_uppercase()));
            vec![
                step(at, StepKind::Challenged, address, "node"),
                step(at + 2, StepKind::ResourceMetadata, address, "node"),
                of(step(at + 4, StepKind::Registered, address, "node")),
                of(step(at + 6, StepKind::Authorize, address, "Mozilla").flow(flow)),
                of(step(at + 8, StepKind::Answered, address, "Mozilla").flow(flow)),
                of(step(at + 10, StepKind::Token, address, "node").flow(flow)),
                of(step(at + 12, StepKind::Called, address, "node").flow(flow)),
            ]
        };
        let mut steps =
            [way(100, "192.0.2.1", "one", "f1"), way(101, "192.0.2.2", "two", "f2")].concat();
        steps.sort_by_key(|step| step.at);
        let found = attempts(steps);
        assert_eq!(
            found.iter().map(|attempt| (attempt.name(), attempt.steps.len())).collect::<Vec<_>>(),
            [("TWO".to_owned(), 7), ("ONE".to_owned(), 7)]
        );
        assert!(
            found
                .iter()
                .all(|attempt| attempt.verdict(Timestamp(1000)).standing == Standing::Connected)
        );
    }

    #[test]
    fn a_client_that_never_returns_is_reported_after_a_while_and_its_next_attempt_is_another() {
        let of = |step: ConnectStep| step.client("c", Some("Cursor".to_owned()));
        let steps = vec![
            of(step(10, StepKind::Authorize, "a", "Mozilla").flow("f")),
            of(step(20, StepKind::Answered, "a", "Mozilla").flow("f")),
        ];
        let found = attempts(steps.clone());
        assert_eq!(found[0].verdict(Timestamp(30)).standing, Standing::UnderWay);
        let verdict = found[0].verdict(Timestamp(300));
        assert_eq!((verdict.standing, verdict.cause.code()), (Standing::Stopped, "no_token"));
        let again = [
            steps,
            vec![of(step(60, StepKind::Authorize, "a", "Mozilla")
                .flow("g")
                .refused(Reason::RedirectUri))],
        ]
        .concat();
        let found = attempts(again);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].verdict(Timestamp(300)).cause.code(), "redirect_uri");
    }

    #[test]
    fn a_device_and_a_service_stop_where_they_really_do() {
        let of = |at: i64, kind: StepKind| step(at, kind, "a", "node").client("c", None);
        let verdict = |kinds: &[StepKind]| {
            let steps: Vec<_> = (0..).zip(kinds).map(|(at, kind)| of(at, *kind)).collect();
            let found = attempts(steps);
            assert_eq!(found.len(), 1, "{kinds:?}");
            found[0].verdict(Timestamp(1000)).cause
        };
        for (kinds, stop) in [
            (&[StepKind::Registered, StepKind::Device][..], Stop::NotEntered),
            (&[StepKind::Device, StepKind::Answered], Stop::NotFetched),
            (&[StepKind::Device, StepKind::Answered, StepKind::DeviceToken], Stop::NoCall),
            (&[StepKind::Authorize, StepKind::Answered], Stop::NoToken),
            (&[StepKind::ServiceToken], Stop::NoCall),
            (&[StepKind::ServiceToken, StepKind::Called], Stop::Connected),
        ] {
            assert_eq!(verdict(kinds), Cause::Stopped(stop), "{kinds:?}");
        }
    }

    #[test]
    fn what_follows_a_token_without_a_client_is_no_part_of_the_attempt() {
        for kind in StepKind::ALL.iter().copied().filter(|kind| kind.asks_for_a_token()) {
            let got = step(10, kind, "a", "node").client("c", None);
            let found = attempts([got, step(20, StepKind::Challenged, "a", "node")]);
            assert_eq!(found.len(), 2, "{kind:?}");
        }
    }

    #[test]
    fn an_unknown_token_explains_nothing_about_a_client_that_was_refused_before() {
        let refused = step(10, StepKind::Authorize, "a", "node")
            .client("c", Some("Cursor".to_owned()))
            .refused(Reason::RedirectUri);
        let script = step(20, StepKind::Called, "a", "node").refused(Reason::TokenRevoked);
        let found = attempts([refused, script.clone(), script]);
        assert_eq!(
            found
                .iter()
                .map(|attempt| attempt.verdict(Timestamp(30)).cause.code())
                .collect::<Vec<_>>(),
            ["token_revoked", "redirect_uri"]
        );
    }

    #[test]
    fn registrations_are_never_joined_and_a_refused_one_is_found_by_its_name() {
        let registered = |at: i64| step(at, StepKind::Registered, "192.0.2.1", "node");
        let steps = vec![
            step(10, StepKind::Challenged, "192.0.2.1", "node"),
            registered(12).client("one", Some("Claude".to_owned())),
            registered(13).named(Some("Impostor".to_owned())).refused(Reason::MetadataRefused),
            step(14, StepKind::ServerMetadata, "192.0.2.1", "python"),
            step(15, StepKind::ServerMetadata, "192.0.2.1", "doorward/0.1.0"),
        ];
        let found = attempts(steps);
        assert_eq!(
            found.iter().map(|attempt| (attempt.name(), attempt.steps.len())).collect::<Vec<_>>(),
            [("python".to_owned(), 1), ("Impostor".to_owned(), 1), ("Claude".to_owned(), 2)]
        );
        assert!(found[1].is_of("impostor") && !found[2].is_of("impostor"));
    }

    #[test]
    fn a_client_with_a_metadata_document_is_found_by_its_host() {
        let of = |id: &str| {
            attempts([step(10, StepKind::Document, "a", "Mozilla").client(id, None)]).remove(0)
        };
        assert!(of("https://claude.ai/oauth/meta").is_of("claude.ai"));
        assert!(of("https://www.Claude.ai:443/oauth").is_of("CLAUDE.ai"));
        assert!(!of("https://notclaude.ai/x").is_of("claude.ai"));
        assert!(!of("https://evil.example/claude.ai").is_of("claude.ai"));
    }

    #[test]
    fn quirks_go_with_known_codes() {
        for (_, code, _) in Quirk::ALL {
            assert!(
                Reason::parse(code).is_some() || Stop::ALL.iter().any(|stop| stop.code() == *code),
                "{code}"
            );
        }
        let remote = ConnectStep {
            agent: "mcp-remote/1".to_owned(),
            ..step(1, StepKind::Token, "a", "").refused(Reason::ClientUnknown)
        };
        assert_eq!(
            attempts([remote])[0].verdict(Timestamp(2)).quirk,
            Some(Quirk::McpRemoteRegistration)
        );
    }
}
