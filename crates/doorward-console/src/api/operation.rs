//! One operation of the API: its handler and its description in the OpenAPI document, in one place;
//! and the parts that handlers share.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    handler::Handler,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use doorward_admin::{Kind, Listed, Reader, Refusal};
use doorward_mcp::Caller;
use doorward_model::{Members, Scope, User};
use doorward_store::StoreError;
use doorward_transport::routing::{delete, get, patch, post, put};
use doorward_transport::{
    ParamsError, answer, media_type,
    params::{members_of, read_body},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::described::{Described, SchemaOf, Undescribed};
use crate::Console;

/// Maximum number of bytes of a request.
const MAX_BODY: usize = 256 * 1024;

/// Reads an example into the type of a body.
#[cfg(test)]
pub(super) type Fits = fn(&Value) -> Result<(), String>;

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The scopes of which a token must hold one for an operation.
pub(super) type Needs = &'static [Scope];

/// The scopes that operations need. Each states it; there is no default.
pub(super) mod needs {
    use doorward_model::Scope;

    use super::Needs;

    /// Reading access to the information of administrators.
    pub(crate) const READ: Needs = &[Scope::AdminRead];
    /// Access to upstreams and their tools.
    pub(crate) const READ_OR_UPSTREAMS: Needs = &[Scope::AdminRead, Scope::AdminUpstreams];
    /// To manage upstreams and their tools.
    pub(crate) const UPSTREAMS: Needs = &[Scope::AdminUpstreams];
    /// For everything else.
    pub(crate) const ALL: Needs = &[Scope::Admin];
}

/// The users for whom an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Administrators.
    Administrators,
    /// Administrators and users with the role auditor.
    Auditors,
}

impl Readers {
    /// True if this user is one of them.
    pub(super) fn admit(self, user: &User) -> bool {
        match self {
            Self::Administrators => user.is_administrator(),
            Self::Auditors => Reader::of(user).is_some(),
        }
    }

    /// Their name in a sentence.
    pub(super) fn named(self) -> &'static str {
        match self {
            Self::Administrators => "an administrator",
            Self::Auditors => "an administrator or an auditor",
        }
    }
}

/// An answer of an operation.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its meaning.
    pub(super) what: &'static str,
    /// The schema of its body, if it has one.
    pub(super) schema: Option<SchemaOf>,
}

impl Answer {
    fn problem(status: u16, what: &'static str) -> Self {
        Self { status, what, schema: Some(schema_of::<Problem>) }
    }
}

/// The name of an operation in the document.
struct OperationName {
    path: &'static str,
    id: &'static str,
    summary: &'static str,
}

/// One operation.
pub(super) struct Operation {
    pub(super) needs: Needs,
    pub(super) readers: Readers,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<SchemaOf>,
    /// Reads an example of the body.
    #[cfg(test)]
    pub(super) fits: Option<Fits>,
    /// The body is a file.
    pub(super) bytes: bool,
    pub(super) answers: Vec<Answer>,
    /// The request names the state that it is about: it must if true, and may if false.
    pub(super) if_match: Option<bool>,
    /// The answer names the state that it shows.
    pub(super) etag: bool,
    /// The media types that it answers when all is well.
    pub(super) media: &'static [&'static str],
    pub(super) handler: MethodRouter<Arc<Console>>,
}

macro_rules! verbs {
    ($($verb:ident)*) => {
        $(pub(super) fn $verb<H: Handler<T, Arc<Console>>, T: 'static>(needs: Needs, path: &'static str, id: &'static str, summary: &'static str, handler: H) -> Self {
            Self::new(needs, stringify!($verb), OperationName { path, id, summary }, $verb(handler))
        })*
    };
}

impl Operation {
    verbs! { get post put patch delete }

    fn new(
        needs: Needs,
        method: &'static str,
        OperationName { path, id, summary }: OperationName,
        handler: MethodRouter<Arc<Console>>,
    ) -> Self {
        let common = vec![
            Answer::problem(400, "The request cannot be read, or a value in it is not valid."),
            Answer::problem(401, "There is no valid access token."),
            Answer::problem(
                403,
                "The token lacks a scope that this operation requires, or its user is not an \
                 administrator.",
            ),
            Answer::problem(503, "The database does not respond; try again."),
        ];
        Self {
            needs,
            readers: Readers::Administrators,
            method,
            path,
            id,
            summary,
            query: None,
            body: None,
            #[cfg(test)]
            fits: None,
            bytes: false,
            answers: common,
            if_match: None,
            etag: false,
            media: &["application/json"],
            handler,
        }
    }
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }
    pub(super) fn body<T: JsonSchema + DeserializeOwned>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        #[cfg(test)]
        {
            self.fits = Some(|example| {
                Members::Body.read_json::<T>(example.to_string().as_bytes()).map(drop)
            });
        }
        self.problem(413, "The request is too long.")
            .problem(415, "The request's body is not application/json.")
            .problem(408, "The request's body did not arrive in time.")
    }
    /// The body is a file of any media type.
    pub(super) fn bytes(mut self) -> Self {
        self.bytes = true;
        self.problem(413, "The file is too large.")
            .problem(408, "The request's body did not arrive in time.")
    }
    pub(super) fn answer<T: JsonSchema>(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push(Answer { status, what, schema: Some(schema_of::<T>) });
        self
    }
    pub(super) fn empty(mut self, what: &'static str) -> Self {
        self.answers.push(Answer { status: 204, what, schema: None });
        self
    }
    pub(super) fn problem(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push(Answer::problem(status, what));
        self
    }
    pub(super) fn missing(self, what: &'static str) -> Self {
        self.problem(404, what)
    }
    pub(super) fn text(mut self, media: &'static [&'static str]) -> Self {
        self.media = media;
        self
    }
    /// Users with the role auditor may call it too.
    pub(super) fn for_auditors(mut self) -> Self {
        self.readers = Readers::Auditors;
        self
    }
    pub(super) fn with_etag(mut self) -> Self {
        self.etag = true;
        self
    }
    pub(super) fn if_match_sent(mut self) -> Self {
        self.if_match = Some(false);
        self.problem(412, "The object was changed since you read it; read it again.")
    }
    pub(super) fn if_match(mut self) -> Self {
        self = self.if_match_sent();
        self.if_match = Some(true);
        self.problem(428, "If-Match is required: the ETag of the state that you read.")
    }
}

/// Reason for a refusal.
#[derive(Serialize, JsonSchema)]
pub(super) struct Problem {
    /// A code for programs.
    error: String,
    /// The instructions, for users.
    error_description: String,
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    error: Cow<'static, str>,
    told: String,
}

impl Refused {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<Cow<'static, str>>,
        told: impl Into<String>,
    ) -> Self {
        Self { status, error: error.into(), told: told.into() }
    }
    pub(super) fn bad(told: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", told)
    }
    pub(super) fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }
    /// A handler reads what its operation does not describe: a fault of this program.
    fn undescribed() -> Self {
        tracing::error!("an operation of the administration API reads what it does not describe");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "this is a fault of Doorward")
    }
    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again shortly")
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind() {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Changed => StatusCode::PRECONDITION_FAILED,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refusal.code().as_str(), refusal.to_string())
    }
}

impl From<Undescribed> for Refused {
    fn from(Undescribed { code, told }: Undescribed) -> Self {
        let code = code.map_or(Cow::Borrowed("invalid_request"), Cow::Owned);
        Self::new(StatusCode::BAD_REQUEST, code, told)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the administration API could not reach the database");
        Self::unavailable()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let response = answer::json(
            self.status,
            &json!({"error": self.error, "error_description": self.told}),
        );
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer::retry_after(response, 5)
        } else {
            response
        }
    }
}

/// The answer of a handler.
pub(super) type Answered = Result<Response, Refused>;

/// Returns a response with a value.
pub(super) fn show(status: StatusCode, value: &impl Serialize) -> Response {
    answer::json(status, &serde_json::to_value(value).unwrap_or_default())
}

/// Returns a response with a value and the name of its state.
pub(super) fn show_state(status: StatusCode, value: &impl Serialize, etag: &str) -> Response {
    let mut response = show(status, value);
    if let Ok(value) = HeaderValue::try_from(format!("\"{etag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Returns a response without content.
pub(super) fn done() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

/// The schemas of the operation. Without them nothing is read.
fn described(extensions: &http::Extensions) -> Result<Described, Refused> {
    extensions.get::<Described>().cloned().ok_or_else(Refused::undescribed)
}

/// The query, read into a type. Parameters that are unknown or not as described are refused.
pub(super) struct QueryParams<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let given = members_of(parts.uri.query());
        let given = given.map_err(|error| Refused::bad(error.to_string()))?;
        let read = Members::Parameters.read(given.clone()).map_err(Refused::bad)?;
        let wanted = described(&parts.extensions)?.query.ok_or_else(Refused::undescribed)?;
        wanted.check(&Value::Object(given))?;
        Ok(Self(read))
    }
}

/// The body, read from JSON into a type. One that is not as described is refused.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        if !media_type::is(request.headers(), media_type::JSON) {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request",
                "the body must be application/json",
            ));
        }
        let wanted = described(request.extensions())?.body.ok_or_else(Refused::undescribed)?;
        let bytes = read_body(request.into_body(), MAX_BODY).await.map_err(|error| {
            let status = if matches!(error, ParamsError::TooLarge) {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::REQUEST_TIMEOUT
            };
            Refused::new(
                status,
                "invalid_request",
                "the request is too long, or did not arrive in time",
            )
        })?;
        let given: Map<String, Value> = Members::Body.read_json(&bytes).map_err(Refused::bad)?;
        let read = Members::Body.read(given.clone()).map_err(Refused::bad)?;
        wanted.check(&Value::Object(given))?;
        Ok(Self(read))
    }
}

/// The state that a request was made for (RFC 9110 §13.1.1).
pub(super) struct IfMatch(pub(super) String);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let needed = || {
            Refused::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                "If-Match must be the ETag of the state that you read",
            )
        };
        let IfMatchSent(seen) = IfMatchSent::from_request_parts(parts, state).await?;
        seen.map(Self).ok_or_else(needed)
    }
}

/// The same where a request need not name a state.
pub(super) struct IfMatchSent(pub(super) Option<String>);

impl<S: Sync> FromRequestParts<S> for IfMatchSent {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let sent = parts.headers.get(header::IF_MATCH);
        // What is no text names no state.
        let text = sent.map(|value| value.to_str().unwrap_or_default());
        Ok(Self(text.map(|text| text.trim().trim_matches('"').to_owned())))
    }
}

/// The caller.
pub(super) struct ApiCaller(pub(super) Arc<Caller>);

impl<S: Sync> FromRequestParts<S> for ApiCaller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        parts.extensions.get::<Arc<Caller>>().cloned().map(Self).ok_or_else(Refused::unavailable)
    }
}

/// The rest of a path, decoded: the text after the last slash of a route with one parameter.
pub(super) struct PathValue(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathValue {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|path| Self(doorward_model::id::without_nul(path.0)))
            .map_err(|_| Refused::missing("thing"))
    }
}

/// The place of a part in its list.
#[derive(Serialize, JsonSchema)]
pub(super) struct Place {
    /// The start of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The end of the previous page, for `before`; absent at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    /// Number of matches.
    total: u64,
}

impl Place {
    /// The rows of a part, and its place.
    pub(super) fn of<T>(part: Listed<T>) -> (Vec<T>, Self) {
        let Listed { rows, total, next, previous, .. } = part;
        (rows, Self { next, previous, total })
    }
}

/// A JSON value of any shape, described elsewhere.
#[derive(Serialize, JsonSchema)]
pub(super) struct AnyJson(pub(super) Value);
