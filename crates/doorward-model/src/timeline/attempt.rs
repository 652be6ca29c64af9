//! Attempts to connect, assembled from steps.

use super::{ConnectStep, Quirk, StepKind};
use crate::{Reason, Timestamp, audit::Outcome};

/// The state of an attempt.
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

/// The place where an attempt stopped by itself, or the end that it reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has no steps.
    Nothing,
    /// It ended with a call.
    Connected,
    /// The client has its token and did not call.
    NoCall,
    /// The client did not redeem its code.
    NoToken,
    /// The device did not redeem its code after the user decided.
    NotFetched,
    /// The code of the device was not entered.
    NotEntered,
    /// The user did not decide.
    NoAnswer,
    /// The user did not sign in.
    NoSignIn,
    /// The user signed in but did not continue.
    NotContinued,
    /// The client registered and sent no browser.
    NoAuthorize,
    /// The client read metadata and did no more.
    OnlyMetadata,
    /// The client received a challenge and sent no further request.
    OnlyChallenged,
    /// The client revoked or introspected a token and sent no further request.
    OnlyAside,
}

impl Stop {
    /// Every place.
    pub const ALL: [Self; 13] = [
        Self::Nothing,
        Self::Connected,
        Self::NoCall,
        Self::NoToken,
        Self::NotFetched,
        Self::NotEntered,
        Self::NoAnswer,
        Self::NoSignIn,
        Self::NotContinued,
        Self::NoAuthorize,
        Self::OnlyMetadata,
        Self::OnlyChallenged,
        Self::OnlyAside,
    ];

    /// The name for programs. Places with the same remedy for programs share one.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Connected => "connected",
            Self::NoCall => "no_call",
            Self::NoToken | Self::NotFetched => "no_token",
            Self::NoAnswer | Self::NotEntered | Self::NotContinued => "no_answer",
            Self::NoSignIn => "no_sign_in",
            Self::NoAuthorize | Self::OnlyMetadata | Self::OnlyAside => "no_authorize",
            Self::OnlyChallenged => "challenged",
        }
    }
}

/// The cause of a verdict. Its texts are in `doorward-language`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The last step was refused.
    Refused(Reason),
    /// The attempt stopped by itself, or reached its end.
    Stopped(Stop),
}

impl Cause {
    /// The name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.code(),
            Self::Stopped(stop) => stop.code(),
        }
    }
}

/// The result of an attempt, and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub standing: Standing,
    /// The cause.
    pub cause: Cause,
    /// The exact value that was sent or seen; empty where there is nothing to add.
    pub detail: String,
    /// A fact about this client.
    pub quirk: Option<Quirk>,
}

/// One client's way, from its first request to its first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The steps in order.
    pub steps: Vec<ConnectStep>,
}

/// Seconds without a step after which a new attempt begins. A user may take ten minutes to sign
/// in.
const PAUSE: i64 = 900;

/// The beginning of the name under which this server sends requests.
const OWN_AGENT: &str = "doorward/";

/// Seconds after which the return of a client is no longer expected.
const PATIENCE: i64 = 90;

impl Attempt {
    fn find<T>(&self, of: impl Fn(&ConnectStep) -> Option<T>) -> Option<T> {
        self.steps.iter().rev().find_map(of)
    }
    /// The client, once known.
    pub fn client_id(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.client_id.as_deref())
    }
    /// The client's name, or that of its program.
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
    /// The user, once known.
    pub fn user_id(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.user_id.as_deref())
    }
    /// The time of the first step.
    pub fn began(&self) -> Timestamp {
        self.steps.first().map_or(Timestamp(0), |step| step.at)
    }
    /// The time of the last step.
    pub fn ended(&self) -> Timestamp {
        self.steps.last().map_or(Timestamp(0), |step| step.at)
    }
    fn has(&self, kind: StepKind) -> bool {
        self.steps.iter().any(|step| step.kind == kind && step.outcome == Outcome::Ok)
    }
    fn has_token(&self) -> bool {
        let given = |step: &ConnectStep| step.outcome == Outcome::Ok;
        self.steps.iter().any(|step| step.kind.asks_for_a_token() && given(step))
    }
    /// True if a name, an IP address or part of the user agent is this client's.
    pub fn is_of(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        let host = |id: &str| {
            let host = id.strip_prefix("https://")?.split(['/', ':', '?', '#']).next()?;
            Some(host.to_lowercase())
        };
        // A client with a metadata document is known by the host of its URL.
        let is_at = |host: String| host == wanted || host.ends_with(&format!(".{wanted}"));
        self.client_id().is_some_and(|id| id.to_lowercase() == wanted)
            || self.client_id().and_then(host).is_some_and(is_at)
            || self.name().to_lowercase().contains(&wanted)
            || self.steps.iter().any(|step| {
                !is_browser_step(step.kind) && step.agent.to_lowercase().contains(&wanted)
            })
    }

    /// The degree to which a step fits this attempt; `None` if not at all.
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
        // Each registration begins its own client, also one that was refused.
        if step.kind == StepKind::Registered
            && self.steps.iter().any(|held| held.kind == StepKind::Registered)
        {
            return None;
        }
        let address = self.steps.iter().any(|held| held.address == step.address);
        let agent = self.steps.iter().any(|held| held.agent == step.agent);
        if let (Some(_), Some(_)) = (self.client_id(), step.client_id.as_deref()) {
            // After its code, or at the beginning of another way, a client starts again.
            let again = step.kind == StepKind::Authorize
                && self.steps.iter().any(|held| held.kind >= StepKind::Asked);
            return (!again).then_some(50 + u32::from(address) * 10 + u32::from(agent));
        }
        let early = step.kind <= StepKind::ServerMetadata;
        if done || !address || early && self.steps.iter().any(|held| held.kind.asks_for_a_token()) {
            return None;
        }
        // The bearer of a token of an unknown client is another client than the one that never got
        // a token.
        if step.kind == StepKind::Called && self.client_id().is_some() && !self.has_token() {
            return None;
        }
        // A browser belongs to the client at the same IP address; a program to its own.
        (agent || is_browser_step(step.kind)).then_some(10 + u32::from(agent))
    }

    /// Its result, seen at `now`.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let mut verdict = self.judge(now);
        let names = format!(
            "{} {}",
            self.name(),
            self.steps.iter().map(|step| step.agent.as_str()).collect::<Vec<_>>().join(" ")
        )
        .to_lowercase();
        verdict.quirk = Quirk::of(&names, verdict.cause.code());
        verdict
    }

    fn judge(&self, now: Timestamp) -> Verdict {
        let stopped = |standing, stop| Verdict {
            standing,
            cause: Cause::Stopped(stop),
            detail: String::new(),
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
            return stopped(Standing::Stopped, Stop::Nothing);
        };
        if last.outcome != Outcome::Ok {
            return Verdict {
                standing: Standing::Refused,
                cause: Cause::Refused(last.reason.unwrap_or(Reason::Server)),
                detail: last.detail.clone(),
                quirk: None,
            };
        }
        let quiet = now.since(self.ended()) > PATIENCE;
        let stop = match after(last.kind) {
            Stop::NoToken if self.has(StepKind::Device) => Stop::NotFetched,
            stop => stop,
        };
        match stop {
            Stop::Connected => stopped(Standing::Connected, Stop::Connected),
            stop if quiet => stopped(Standing::Stopped, stop),
            stop => stopped(Standing::UnderWay, stop),
        }
    }
}

/// The place where an attempt stopped that ended with this step. With a call it is complete.
fn after(kind: StepKind) -> Stop {
    match kind {
        StepKind::Called => Stop::Connected,
        StepKind::Token
        | StepKind::DeviceToken
        | StepKind::ServiceToken
        | StepKind::Refresh
        | StepKind::Assertion
        | StepKind::Exchange => Stop::NoCall,
        StepKind::Answered => Stop::NoToken,
        StepKind::Device => Stop::NotEntered,
        StepKind::Asked => Stop::NoAnswer,
        StepKind::Authorize => Stop::NoSignIn,
        StepKind::SignedIn => Stop::NotContinued,
        StepKind::Registered | StepKind::Document | StepKind::Pushed => Stop::NoAuthorize,
        StepKind::ServerMetadata | StepKind::ResourceMetadata => Stop::OnlyMetadata,
        StepKind::Challenged => Stop::OnlyChallenged,
        StepKind::Revoke | StepKind::Introspect => Stop::OnlyAside,
    }
}

/// Steps that are not part of connecting.
fn is_aside(kind: StepKind) -> bool {
    matches!(kind, StepKind::Revoke | StepKind::Introspect)
}

/// Steps that a user's browser makes, from wherever it is.
fn is_browser_step(kind: StepKind) -> bool {
    matches!(kind, StepKind::Authorize | StepKind::SignedIn | StepKind::Asked | StepKind::Answered)
}

/// Puts steps, the oldest first, together to attempts, the newest first.
pub fn attempts(steps: impl IntoIterator<Item = ConnectStep>) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for step in steps {
        // The server reads its own metadata, such as for doctor, and is no client of its own.
        if step.agent.starts_with(OWN_AGENT) {
            continue;
        }
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
