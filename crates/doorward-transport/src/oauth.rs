//! The one reader of OAuth servers' responses: token responses, metadata documents, registrations,
//! and the resources that an access token gives access to. Identity providers and authorization
//! servers of upstreams are read by the same rules.
//!
//! A member that is not used never decides: it may be absent, null or of any type. A member that is
//! used is read in the forms that occur, and unreadable ones count as absent and are named in
//! `left_out`. The meaning of a response is a [`Failure`], and each of its kinds has a consequence
//! of its own for the caller.

mod authorize_params;
mod challenge;
mod code;
mod document;
mod issuer;
mod part;
mod search;
mod tokens;
mod user_state;

use doorward_model::{Timestamp, foreign};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

pub use authorize_params::{AuthorizeParams, ReservedParam};
pub use challenge::Challenge;
pub use code::{ErrorSubject, StatedError};
pub use document::{Document, LeftOut};
pub use issuer::{NamedIssuer, named_issuer};
pub use part::part_of_token;
pub use search::{Found, Missing, NotFound, Search, Unusable};
pub use tokens::{Lifetime, Registration, TokenType, Tokens, TokensFailure};

use crate::{Fetched, OutboundError, media_type};

/// The longest that a server's wish to be left alone is followed, in seconds.
const LONGEST_WAIT: i64 = 86_400;
/// The least value of a reset time that is a point in time; smaller ones are seconds from now.
const EPOCH: i64 = 1_000_000_000;

/// Reason for which a request has no usable response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It refuses the presented credential: a code, a token, a user.
    #[error("it refused: {0}")]
    Refused(StatedError),
    /// It refuses this client, or the parameters of the request.
    #[error("it does not accept this server as its client: {0}")]
    Client(StatedError),
    /// It demands a pause, of so many seconds if it states them.
    #[error("it asks to wait{}: {told}", match .seconds { Some(seconds) => format!(" {seconds} seconds"), None => String::new() })]
    Wait {
        /// Seconds from now.
        seconds: Option<i64>,
        /// Its status and words.
        told: StatedError,
    },
    /// It cannot be reached, or fails.
    #[error("{0}")]
    Silent(String),
    /// It answers, and the answer makes no sense.
    #[error("{0}")]
    Nonsense(String),
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::TooLong(_) | OutboundError::Coding { .. } | OutboundError::Garbled => {
                Self::Nonsense(error.to_string())
            }
            OutboundError::Scheme
            | OutboundError::Address(_)
            | OutboundError::PlainAddress(_)
            | OutboundError::Timeout
            | OutboundError::Busy
            | OutboundError::Certificate(_)
            | OutboundError::Failed(_) => Self::Silent(error.to_string()),
        }
    }
}

/// Form of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// JSON, or a form, with texts as members.
    Members(Map<String, Value>),
    /// JSON that is not an object.
    Other(Value),
    /// No body.
    Empty,
    /// A page for users.
    Page,
    /// Something else.
    Text(String),
}

impl Content {
    fn of(fetched: &Fetched) -> Self {
        // Some servers begin their documents with a byte order mark.
        let body = fetched.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&fetched.body);
        let body = body.trim_ascii();
        if body.is_empty() {
            return Self::Empty;
        }
        // A member that is nested too deep costs itself.
        match crate::Budget::of_record(body.len()).shallow_json(body).map(|read| read.value) {
            Ok(Value::Object(members)) => return Self::Members(members),
            Ok(other) => return Self::Other(other),
            Err(_) => {}
        }
        if body.starts_with(b"<") || media_type::is(&fetched.headers, "text/html") {
            return Self::Page;
        }
        let text = String::from_utf8_lossy(body).into_owned();
        if is_of_proxy(&text) {
            return Self::Page;
        }
        form(&text, &fetched.headers).map_or(Self::Text(text), Self::Members)
    }

    /// Its form, in the words of a message.
    fn as_words(&self) -> &'static str {
        match self {
            Self::Members(_) => "JSON without the required members",
            Self::Other(_) => "JSON that is not an object",
            Self::Empty => "an empty body",
            Self::Page => "a web page",
            Self::Text(_) => "text that is neither JSON nor a form",
        }
    }
}

/// Texts of proxies in place of a web page: they refuse before the server is asked, and say nothing
/// about its users. Behind the first is a number.
const OF_PROXIES: [&str; 3] =
    ["error code: ", "RBAC: access denied", "upstream connect error or disconnect/reset"];

/// Reports a text that comes from a server in between.
fn is_of_proxy(text: &str) -> bool {
    OF_PROXIES.iter().any(|begin| text.starts_with(begin))
}

/// Reads a form-encoded answer, as older servers send it: a text that says that it is one, or of
/// which each part has a name and a value.
fn form(text: &str, headers: &HeaderMap) -> Option<Map<String, Value>> {
    let pairs = || text.split('&').filter(|pair| !pair.is_empty());
    let plain = !text.contains(char::is_whitespace)
        && pairs().all(|pair| pair.find('=').is_some_and(|at| at > 0));
    let said = media_type::is(headers, "application/x-www-form-urlencoded");
    (text.len() <= 64 * 1024 && (plain || said)).then(|| {
        url::form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect()
    })
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

/// Subject of a request. A status means different things for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestSubject {
    /// A request for tokens to a token endpoint.
    Tokens,
    /// A request for a resource, with an access token.
    Resource,
    /// A client registered.
    Registration,
}

/// A pause until the next request: so many seconds, or as long as the caller thinks fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause(pub Option<i64>);

/// A server's response, in its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub content: Content,
    /// The pause that it demands, if it does.
    pub wait: Option<Pause>,
    /// The error code of its `WWW-Authenticate` header (RFC 6750 §3).
    challenge: Option<String>,
    /// The target of a redirect.
    location: Option<String>,
}

impl Answer {
    /// Reads a response. `now` is the time of a response without a `Date`.
    pub fn of(fetched: &Fetched, now: impl Into<Option<Timestamp>>) -> Self {
        let location = text_of(&fetched.headers, header::LOCATION.as_str());
        Self {
            status: fetched.status,
            content: Content::of(fetched),
            wait: pause(fetched.status, &fetched.headers, now.into()),
            challenge: challenge_code(&fetched.headers),
            location: (!location.is_empty()).then(|| foreign::line(location, 300).into_owned()),
        }
    }

    /// Reports a status of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The members of its body.
    pub fn members(&self) -> Option<&Map<String, Value>> {
        match &self.content {
            Content::Members(members) => Some(members),
            Content::Other(_) | Content::Empty | Content::Page | Content::Text(_) => None,
        }
    }

    /// The error that it states, in any form.
    pub fn told(&self) -> Option<StatedError> {
        let told = self.members().and_then(|members| StatedError::of(self.status, members));
        told.or_else(|| {
            let code = self.challenge.clone().filter(|_| !self.is_success())?;
            Some(StatedError { status: self.status, code, description: String::new() })
        })
    }

    /// The requested resource, as JSON.
    pub fn resource(&self) -> Result<Value, Failure> {
        if !self.is_success() || self.wait.is_some() {
            return Err(self.failure(RequestSubject::Resource));
        }
        match &self.content {
            Content::Members(members) => {
                let named = ["sub", "id"].iter().any(|name| members.contains_key(*name));
                // Some answer errors with status 200.
                if !named && StatedError::of(self.status, members).is_some() {
                    return Err(self.failure(RequestSubject::Resource));
                }
                Ok(Value::Object(members.clone()))
            }
            Content::Other(value) => Ok(value.clone()),
            Content::Empty | Content::Page | Content::Text(_) => {
                Err(self.failure(RequestSubject::Resource))
            }
        }
    }

    /// The meaning of a response that lacks the requested content.
    pub fn failure(&self, asked: RequestSubject) -> Failure {
        let plain =
            StatedError { status: self.status, code: String::new(), description: String::new() };
        let told = self.told();
        if let Some(Pause(seconds)) = self.wait {
            return Failure::Wait { seconds, told: told.unwrap_or(plain) };
        }
        let is_unknown = told.as_ref().is_none_or(|told| told.complaint() == ErrorSubject::Unknown);
        if is_unknown
            && matches!(self.status, 400 | 403)
            && user_state::is_about_rate(self.members(), self.text())
        {
            return Failure::Wait { seconds: None, told: told.unwrap_or(plain) };
        }
        if let Some(meaning) = self.of_user(asked, told.as_ref()) {
            return meaning;
        }
        if is_unknown
            && asked == RequestSubject::Tokens
            && (400..500).contains(&self.status)
            && let Some(words) = user_state::stated_of_client(self.members(), self.text())
        {
            let mut told = told.unwrap_or(plain);
            if told.description.is_empty() {
                told.description = foreign::line(words, foreign::LINE).into_owned();
            }
            return Failure::Client(told);
        }
        if let Some(told) = told {
            match told.complaint() {
                ErrorSubject::Grant => return Failure::Refused(told),
                ErrorSubject::Client | ErrorSubject::Request => return Failure::Client(told),
                ErrorSubject::Slower => return Failure::Wait { seconds: None, told },
                ErrorSubject::Server => return Failure::Silent(told.to_string()),
                // The status is more informative than an unknown code.
                ErrorSubject::Unknown => {
                    return self.by_status(asked, told);
                }
            }
        }
        self.by_status(asked, plain)
    }

    /// The words of a refusal that is a plain text.
    fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) if !self.is_success() => Some(text.as_str()),
            Content::Text(_)
            | Content::Members(_)
            | Content::Other(_)
            | Content::Empty
            | Content::Page => None,
        }
    }

    /// The meaning of words about a user or what was presented for them, or of a code that is about
    /// one elsewhere. `None` leaves an answer to its code and its status.
    fn of_user(&self, asked: RequestSubject, told: Option<&StatedError>) -> Option<Failure> {
        if self.status >= 500
            || (300..400).contains(&self.status)
            || asked == RequestSubject::Registration
        {
            return None;
        }
        let of_tokens = asked == RequestSubject::Tokens;
        let stated = || user_state::stated(self.members(), self.text(), of_tokens);
        match told.map_or(ErrorSubject::Unknown, StatedError::complaint) {
            ErrorSubject::Unknown | ErrorSubject::Request => {
                let words = stated()?;
                let plain = StatedError { status: self.status, ..StatedError::default() };
                let mut told = told.cloned().unwrap_or(plain);
                if told.description.is_empty() {
                    told.description = foreign::line(words, foreign::LINE).into_owned();
                }
                Some(Failure::Refused(told))
            }
            // Only the client's authentication is refused with 401 at a token endpoint (RFC 6749
            // §5.2). Auth0 states a wrong client secret as `access_denied`, which is otherwise the
            // user's.
            ErrorSubject::Grant if self.status == 401 && asked == RequestSubject::Tokens => told
                .filter(|told| told.code == "access_denied" && stated().is_none())
                .map(|told| Failure::Client(told.clone())),
            ErrorSubject::Grant
            | ErrorSubject::Client
            | ErrorSubject::Server
            | ErrorSubject::Slower => None,
        }
    }

    fn by_status(&self, asked: RequestSubject, told: StatedError) -> Failure {
        let page = matches!(self.content, Content::Page);
        match (self.status, asked) {
            (500.. | 408, _) => Failure::Silent(told.to_string()),
            // A page for users comes from a server in between, not from the server itself.
            (status, _) if page => {
                Failure::Nonsense(format!("HTTP {status} with a web page{}", self.target()))
            }
            (200..300, _) if !told.code.is_empty() => Failure::Refused(told),
            (200..300, _) => {
                Failure::Nonsense(format!("HTTP {} with {}", self.status, self.content.as_words()))
            }
            (401, RequestSubject::Tokens) | (400 | 401, RequestSubject::Registration) => {
                Failure::Client(told)
            }
            (400 | 401 | 403, _) => Failure::Refused(told),
            (_, _) => Failure::Nonsense(format!("{told}{}", self.target())),
        }
    }

    fn target(&self) -> String {
        match (&self.location, self.status) {
            (Some(target), 300..400) => format!(": it redirects to {target}"),
            (Some(_) | None, _) => String::new(),
        }
    }
}

/// The pause until the next request, if an answer asks for one: 429, and the statuses that some
/// servers have in its place; 403 of a server that counts requests and states that none is left; any
/// other refusal or failure with a duration, apart from those that are about the credential. `now` is the time of
/// a response without a `Date`.
pub fn pause(status: u16, headers: &HeaderMap, now: Option<Timestamp>) -> Option<Pause> {
    let given = |name: &str| Some(text_of(headers, name)).filter(|text| !text.is_empty());
    let after = given(header::RETRY_AFTER.as_str());
    let used_up = ["x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining"]
        .iter()
        .any(|name| given(name) == Some("0"));
    let asks = match status {
        // Twitter, Shopify.
        420 | 429 | 430 => true,
        403 => after.is_some() || used_up,
        // About the credential, or about a session that is not known.
        400 | 401 | 404 => false,
        402.. => after.is_some(),
        _ => false,
    };
    if !asks {
        return None;
    }
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a second are no matter here")]
    let whole = |number: f64| number.ceil() as i64;
    let sent = date_of(headers).or(now);
    let from_now = |at: Timestamp| sent.map(|sent| at.since(sent));
    let after = after
        .and_then(|text| number(text).map(whole).or_else(|| http_date(text).and_then(from_now)));
    let reset = || {
        ["x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset"].iter().find_map(|name| {
            let at = number(given(name)?).map(whole)?;
            if at >= EPOCH { from_now(Timestamp(at)) } else { Some(at) }
        })
    };
    Some(Pause(after.or_else(reset).map(|seconds| seconds.clamp(1, LONGEST_WAIT))))
}

/// Reads a point in time of a header (RFC 9110 §5.6.7). Some servers name its zone in another way.
fn http_date(text: &str) -> Option<Timestamp> {
    let named = ["UTC", "+0000", "-0000", "Z"]
        .iter()
        .find_map(|zone| text.strip_suffix(zone).filter(|before| before.ends_with(' ')));
    let in_gmt = named.map(|before| format!("{before}GMT"));
    let at = httpdate::parse_http_date(in_gmt.as_deref().unwrap_or(text)).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

/// The time that a server states for its response, to compare its clock with this server's. A
/// response of a cache states the time at which it was made, and its age since then.
pub fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    let made = http_date(text_of(headers, header::DATE.as_str()))?;
    let age: u32 = text_of(headers, header::AGE.as_str()).parse().unwrap_or_default();
    Some(made.plus(age.into()))
}

/// The value of `error` in a challenge.
fn challenge_code(headers: &HeaderMap) -> Option<String> {
    let code = Challenge::read(&Challenge::text(headers)).error?;
    Some(foreign::line(&code, 100).into_owned())
}

#[cfg(test)]
mod tests;
