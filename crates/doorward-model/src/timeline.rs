//! The way of a client to its first call, step by step, and what went wrong on it.
//!
//! Steps are written down where they happen; attempts are put together when somebody looks. The
//! first steps come without a client's name, so they are joined to the rest by address and program,
//! later ones by client, person and flow.

use crate::{Reason, Timestamp, audit::Outcome};

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $title:literal;)*) => {
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
            /// What people read.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
            /// Reads the stored text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

steps! {
    /// It came to an MCP address without a token and was told where to get one.
    Challenged = "challenged", "Asked for a token";
    /// It read the metadata of the resource (RFC 9728).
    ResourceMetadata = "resource_metadata", "Read the resource's metadata";
    /// It read the metadata of the authorization server (RFC 8414).
    ServerMetadata = "server_metadata", "Read the authorization server's metadata";
    /// It registered itself (RFC 7591).
    Registered = "registered", "Registered itself";
    /// Its Client ID Metadata Document was fetched.
    Document = "document", "Its metadata document was fetched";
    /// It sent a person's browser to the authorization endpoint.
    Authorize = "authorize", "Sent a browser to authorize";
    /// The person signed in.
    SignedIn = "signed_in", "The person signed in";
    /// The person was asked.
    Asked = "asked", "The person was asked for consent";
    /// The person answered, and the browser was sent back.
    Answered = "answered", "The person answered";
    /// It came to the token endpoint with a code.
    Token = "token", "Came for its token";
    /// It came to the token endpoint with a refresh token.
    Refresh = "refresh", "Came to refresh its token";
    /// It came to an MCP address with a token.
    Called = "called", "Came with its token";
    /// It came to the revocation endpoint (RFC 7009). Noted only where it is refused.
    Revoke = "revoke", "Came to revoke a token";
    /// It came to the introspection endpoint (RFC 7662). Noted only where it is refused.
    Introspect = "introspect", "Came to ask about a token";
}

/// One step, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectStep {
    /// Its number; 0 until it is stored.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: StepKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Where it came from.
    pub address: String,
    /// What the sender calls itself.
    pub agent: String,
    /// The client, once it is known.
    pub client_id: Option<String>,
    /// Its name.
    pub client_name: Option<String>,
    /// The person, once known.
    pub user_id: Option<String>,
    /// What joins the steps of one authorization: the grant that it leads to.
    pub flow: Option<String>,
    /// The reason for which it was refused.
    pub reason: Option<Reason>,
    /// More: what exactly was sent.
    pub detail: String,
}

impl ConnectStep {
    /// A step that went well.
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
    /// Of this person.
    #[must_use]
    pub fn person(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(id.into());
        self
    }
    /// Part of this authorization.
    #[must_use]
    pub fn flow(mut self, flow: impl Into<String>) -> Self {
        self.flow = Some(flow.into());
        self
    }
    /// What exactly was sent. Never a secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// What is known of popular clients: part of the program's or client's name, the reason or verdict
/// it goes with, and what to do.
pub const QUIRKS: &[(&str, &str, &str)] = &[
    (
        "mcp-remote",
        "client_unknown",
        "mcp-remote keeps its registration in ~/.mcp-auth: delete the folder and start it again.",
    ),
    (
        "mcp-remote",
        "refresh_reused",
        "Several hosts on one machine share ~/.mcp-auth and refresh the same token: give each a folder of its own with MCP_REMOTE_CONFIG_DIR.",
    ),
    (
        "cursor",
        "token_foreign",
        "Cursor ignores a configured Authorization header where the server offers OAuth: use the /mcp-key address with a personal access token.",
    ),
    (
        "cursor",
        "no_token",
        "Cursor needs its cursor:// link handler: the browser must be allowed to open it.",
    ),
    (
        "claude",
        "client_unknown",
        "Claude keeps the client_id of a connector: remove the connector and add it again.",
    ),
    (
        "claude-code",
        "no_token",
        "Claude Code listens on a local port for the answer: over SSH, forward the port of the redirect URI or paste the address from the browser.",
    ),
    (
        "claude code",
        "no_token",
        "Claude Code listens on a local port for the answer: over SSH, forward the port of the redirect URI or paste the address from the browser.",
    ),
    (
        "chatgpt",
        "no_authorize",
        "ChatGPT reaches only public https addresses: the public URL must be reachable from the internet.",
    ),
    (
        "visual studio code",
        "client_unknown",
        "VS Code keeps registrations: run \"Authentication: Remove Dynamic Authentication Providers\" and connect again.",
    ),
    (
        "codex",
        "document_unreachable",
        "codex mcp login --oauth-client-registration dcr registers without a metadata document.",
    ),
    (
        "open webui",
        "no_token",
        "Open WebUI needs WEBUI_SECRET_KEY set and \"Register Client\" pressed before people connect.",
    ),
    (
        "gemini",
        "challenged",
        "In Gemini CLI, httpUrl (not url) means Streamable HTTP; /mcp auth NAME starts the sign-in.",
    ),
];

/// How an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It ended with a call.
    Connected,
    /// It may still go on.
    UnderWay,
    /// Something refused it.
    Refused,
    /// It stopped by itself.
    Stopped,
}

impl Standing {
    /// The name for pages and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::UnderWay => "under way",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// What became of an attempt, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it stands.
    pub standing: Standing,
    /// The code of a [`Reason`], or the name of where it stopped.
    pub code: String,
    /// What happened, in plain words.
    pub what: &'static str,
    /// What exactly was sent or seen; empty where there is nothing to add.
    pub detail: String,
    /// What helps.
    pub advice: &'static str,
    /// What is known of this client.
    pub quirk: Option<&'static str>,
}

impl Verdict {
    /// What happened, with the detail, in one sentence.
    pub fn sentence(&self) -> String {
        if self.detail.is_empty() {
            self.what.to_owned()
        } else {
            format!("{} ({})", self.what, self.detail)
        }
    }
}

/// One client's way, from its first request to its first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The steps in order.
    pub steps: Vec<ConnectStep>,
}

/// Seconds without a step after which a new attempt begins. A person may take ten minutes to sign
/// in.
const PAUSE: i64 = 900;
/// Seconds after which a client that did not come back is not expected any more.
const PATIENCE: i64 = 90;

impl Attempt {
    fn find<T>(&self, of: impl Fn(&ConnectStep) -> Option<T>) -> Option<T> {
        self.steps.iter().rev().find_map(of)
    }
    /// The client, once known.
    pub fn client_id(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.client_id.as_deref())
    }
    /// The client's name, or what its program calls itself.
    pub fn name(&self) -> String {
        let named = self.find(|step| step.client_name.clone().filter(|name| !name.is_empty()));
        let agent = || {
            self.steps
                .iter()
                .find(|step| !is_browser_step(step.kind))
                .map(|step| step.agent.clone())
                .filter(|agent| !agent.is_empty())
        };
        named
            .or_else(agent)
            .or_else(|| self.client_id().map(ToOwned::to_owned))
            .unwrap_or_else(|| "unknown".to_owned())
    }
    /// The person, once known.
    pub fn user_id(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.user_id.as_deref())
    }
    /// When it began.
    pub fn began(&self) -> Timestamp {
        self.steps.first().map_or(Timestamp(0), |step| step.at)
    }
    /// When the last step was.
    pub fn ended(&self) -> Timestamp {
        self.steps.last().map_or(Timestamp(0), |step| step.at)
    }
    fn has(&self, kind: StepKind) -> bool {
        self.steps.iter().any(|step| step.kind == kind && step.outcome == Outcome::Ok)
    }
    /// Whether a name, an address or part of what it calls itself is this client's.
    pub fn is_of(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        self.client_id().is_some_and(|id| id.to_lowercase() == wanted)
            || self.name().to_lowercase().contains(&wanted)
            || self.steps.iter().any(|step| {
                !is_browser_step(step.kind) && step.agent.to_lowercase().contains(&wanted)
            })
    }

    /// How well a step goes with this attempt; `None` if not at all.
    fn fit(&self, step: &ConnectStep) -> Option<u32> {
        if step.at.since(self.ended()) > PAUSE {
            return None;
        }
        if step.flow.is_some() && self.steps.iter().any(|held| held.flow == step.flow) {
            return Some(100);
        }
        let done = self.has(StepKind::Called);
        let same = |one: Option<&str>, other: Option<&str>| {
            one.zip(other).is_none_or(|(one, other)| one == other)
        };
        if !same(self.client_id(), step.client_id.as_deref())
            || !same(self.user_id(), step.user_id.as_deref())
        {
            return None;
        }
        let address = self.steps.iter().any(|held| held.address == step.address);
        let agent = self.steps.iter().any(|held| held.agent == step.agent);
        if let (Some(_), Some(_)) = (self.client_id(), step.client_id.as_deref()) {
            // After its code, or at the beginning of another way, a client starts anew.
            let again = step.kind == StepKind::Authorize
                && self.steps.iter().any(|held| held.kind >= StepKind::Asked);
            return (!again).then_some(50 + u32::from(address) * 10 + u32::from(agent));
        }
        let early = step.kind <= StepKind::ServerMetadata;
        if done || !address || early && self.steps.iter().any(|held| held.kind == StepKind::Token) {
            return None;
        }
        // Whoever shows a token of which nobody knows the client is not the client that never got
        // one.
        if step.kind == StepKind::Called && self.client_id().is_some() && !self.has(StepKind::Token)
        {
            return None;
        }
        // A browser belongs to the client on the same address; a program to its own.
        (agent
            || is_browser_step(step.kind)
            || self.steps.iter().all(|held| is_browser_step(held.kind)))
        .then_some(10 + u32::from(agent))
    }

    /// What became of it, seen at `now`.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let mut verdict = self.judge(now);
        let names = format!(
            "{} {}",
            self.name(),
            self.steps.iter().map(|step| step.agent.as_str()).collect::<Vec<_>>().join(" ")
        )
        .to_lowercase();
        verdict.quirk = QUIRKS
            .iter()
            .find(|(needle, code, _)| names.contains(needle) && *code == verdict.code)
            .map(|(_, _, advice)| *advice);
        verdict
    }

    fn judge(&self, now: Timestamp) -> Verdict {
        let say = |standing, code: &str, what: &'static str, advice: &'static str| Verdict {
            standing,
            code: code.to_owned(),
            what,
            detail: String::new(),
            advice,
            quirk: None,
        };
        // The last step that decides something counts: a client that was refused and then succeeded
        // is connected. Revoking a token and asking about one are not part of connecting.
        let decides = |step: &&ConnectStep| {
            !is_aside(step.kind)
                && (step.outcome != Outcome::Ok || step.kind > StepKind::ServerMetadata)
        };
        let last = self
            .steps
            .iter()
            .rev()
            .find(decides)
            .or(self.steps.iter().rev().find(|step| !is_aside(step.kind)))
            .or(self.steps.last());
        let Some(last) = last else {
            return say(Standing::Stopped, "nothing", "Nothing happened.", "");
        };
        if last.outcome != Outcome::Ok {
            let reason = last.reason.unwrap_or(Reason::Server);
            let (code, what, advice) = (reason.code(), reason.what(), reason.advice());
            return Verdict {
                detail: last.detail.clone(),
                ..say(Standing::Refused, code, what, advice)
            };
        }
        let quiet = now.since(self.ended()) > PATIENCE;
        let (code, what, advice) = match last.kind {
            StepKind::Called => {
                return say(Standing::Connected, "connected", "The client is connected.", "");
            }
            StepKind::Token | StepKind::Refresh => (
                "no_call",
                "The client has its token and never called.",
                "It may have failed on the answer, or the person closed it. The client's own log tells more.",
            ),
            StepKind::Answered => (
                "no_token",
                "The client never came back for its token.",
                "The browser was sent to the redirect URI. Either nothing listens there any more, or the client refused the answer: it compares state and iss with what it expects. Behind a proxy, check that the public URL is the address that the client uses.",
            ),
            StepKind::Asked => (
                "no_answer",
                "The person did not answer the question.",
                "Look for the browser window that asks, or start again in the client.",
            ),
            StepKind::Authorize => (
                "no_sign_in",
                "The person did not sign in.",
                "Look for the browser window with the sign-in page, or start again in the client.",
            ),
            StepKind::SignedIn => (
                "no_answer",
                "The person signed in and did not go on.",
                "Start again in the client.",
            ),
            StepKind::Registered | StepKind::Document => (
                "no_authorize",
                "The client registered and never sent a browser.",
                "It may wait for somebody to press Connect or Sign in, or could not open a browser.",
            ),
            StepKind::ServerMetadata | StepKind::ResourceMetadata => (
                "no_authorize",
                "The client read where to get a token and stopped.",
                "It may be unable to register by itself: some clients want a client_id to be entered. Check that the issuer in the metadata is the address that the client uses.",
            ),
            StepKind::Challenged => (
                "challenged",
                "The client was asked for a token and did not look where to get one.",
                "It may not know OAuth discovery. Use a personal access token at the /mcp-key address, or mcp-remote in between.",
            ),
            StepKind::Revoke | StepKind::Introspect => (
                "no_authorize",
                "The client revoked a token or asked about one, and did nothing else.",
                "It has not begun to connect: start it again.",
            ),
        };
        if quiet {
            say(Standing::Stopped, code, what, advice)
        } else {
            say(Standing::UnderWay, code, what, advice)
        }
    }
}

/// Steps that are not part of connecting.
fn is_aside(kind: StepKind) -> bool {
    matches!(kind, StepKind::Revoke | StepKind::Introspect)
}

/// Steps that a person's browser makes, from wherever it is.
fn is_browser_step(kind: StepKind) -> bool {
    matches!(kind, StepKind::Authorize | StepKind::SignedIn | StepKind::Asked | StepKind::Answered)
}

/// Puts steps, the oldest first, together to attempts, the newest first.
pub fn attempts(steps: impl IntoIterator<Item = ConnectStep>) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for step in steps {
        // Only the last ones can still go on.
        let open = attempts.iter_mut().rev().take(200);
        let best = open
            .filter_map(|attempt| attempt.fit(&step).map(|fit| (fit, attempt)))
            .max_by_key(|(fit, attempt)| (*fit, attempt.ended()));
        match best {
            Some((_, attempt)) => attempt.steps.push(step),
            None => attempts.push(Attempt { steps: vec![step] }),
        }
    }
    attempts.sort_by_key(|attempt| {
        std::cmp::Reverse((attempt.ended(), attempt.steps.last().map_or(0, |step| step.seq)))
    });
    attempts
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
    fn a_client_that_never_comes_back_is_told_after_a_while_and_its_next_attempt_is_another() {
        let of = |step: ConnectStep| step.client("c", Some("Cursor".to_owned()));
        let steps = vec![
            of(step(10, StepKind::Authorize, "a", "Mozilla").flow("f")),
            of(step(20, StepKind::Answered, "a", "Mozilla").flow("f")),
        ];
        let found = attempts(steps.clone());
        assert_eq!(found[0].verdict(Timestamp(30)).standing, Standing::UnderWay);
        let verdict = found[0].verdict(Timestamp(300));
        assert_eq!((verdict.standing, verdict.code.as_str()), (Standing::Stopped, "no_token"));
        let again = [
            steps,
            vec![of(step(60, StepKind::Authorize, "a", "Mozilla")
                .flow("g")
                .refused(Reason::RedirectUri))],
        ]
        .concat();
        let found = attempts(again);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].verdict(Timestamp(300)).code, "redirect_uri");
    }

    #[test]
    fn a_token_that_nobody_knows_says_nothing_about_a_client_that_was_refused_before() {
        let refused = step(10, StepKind::Authorize, "a", "node")
            .client("c", Some("Cursor".to_owned()))
            .refused(Reason::RedirectUri);
        let script = step(20, StepKind::Called, "a", "node").refused(Reason::TokenRevoked);
        let found = attempts([refused, script.clone(), script]);
        assert_eq!(
            found.iter().map(|attempt| attempt.verdict(Timestamp(30)).code).collect::<Vec<_>>(),
            ["token_revoked", "redirect_uri"]
        );
    }

    #[test]
    fn every_reason_says_what_to_do_and_quirks_go_with_known_codes() {
        for reason in Reason::ALL {
            assert!(
                reason.what().ends_with('.') && reason.advice().ends_with('.'),
                "{}",
                reason.code()
            );
        }
        let stops =
            ["no_call", "no_token", "no_answer", "no_sign_in", "no_authorize", "challenged"];
        for (_, code, _) in QUIRKS {
            assert!(Reason::parse(code).is_some() || stops.contains(code), "{code}");
        }
        let remote = ConnectStep {
            agent: "mcp-remote/1".to_owned(),
            ..step(1, StepKind::Token, "a", "").refused(Reason::ClientUnknown)
        };
        assert!(
            attempts([remote])[0]
                .verdict(Timestamp(2))
                .quirk
                .is_some_and(|advice| advice.contains(".mcp-auth"))
        );
    }
}
