//! An operation of a REST API: the conversion of a call's arguments into a request.
//!
//! It is a part of the tool's pinned definition: the pinned operation is executed, and the present
//! document is not consulted again.

use doorward_mcp::ToolError;
use http::{HeaderName, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{
    parameter::{Parameter, Place},
    sending::Body,
    values::missing,
};
use crate::definition;

/// The form in which operations are pinned. Those of versions that read less of a document have
/// none: see [`definition::Operation::supersedes`].
const FORM: u8 = 2;

/// Conversion of a call into a request: all parts of the document that determine its URL and
/// content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    form: u8,
    #[serde(with = "method")]
    pub(super) method: Method,
    #[serde(with = "base")]
    pub(super) base: Url,
    pub(super) path: String,
    /// The path as it is filled, where its places have another form in the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) template: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Body>,
    /// The security requirement and the schemes that it names, without their words. Doorward does
    /// not act on it; a change is to be seen.
    pub(super) security: Value,
    /// The SHA-256 digest of the summary and description, where they are longer than the texts that
    /// clients receive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text_digest: Option<String>,
}

mod method {
    use http::Method;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        method: &Method,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.as_str())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Method, D::Error> {
        Method::from_bytes(String::deserialize(deserializer)?.as_bytes()).map_err(D::Error::custom)
    }
}

mod base {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The pieces of a request as they are made.
#[derive(Default)]
struct Pieces {
    query: Vec<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cookies: Vec<String>,
}

impl Operation {
    /// An operation without parameters, body and security.
    pub(super) fn new(method: Method, base: Url, path: String) -> Self {
        Self {
            form: FORM,
            method,
            base,
            path,
            template: None,
            parameters: Vec::new(),
            body: None,
            security: Value::Null,
            text_digest: None,
        }
    }

    /// The base URL of the API to which calls go.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Method and path, which distinguish an operation from others of the same name.
    pub(super) fn identity(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Reads the member `operation` of a pinned definition.
    pub(super) fn pinned(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok()
    }

    /// Makes the request of a call. Nothing of the client's own request enters it but these
    /// arguments (CW8).
    pub(super) fn request(
        &self,
        arguments: &Map<String, Value>,
    ) -> Result<http::Request<Vec<u8>>, ToolError> {
        let (url, pieces) = self.placed(arguments)?;
        self.finished(&url, pieces, arguments)
    }

    /// The arguments that it does not have: nothing of them is sent.
    pub(super) fn unsent<'a>(&self, arguments: &'a Map<String, Value>) -> Vec<&'a str> {
        let is_sent = |argument: &str| {
            self.parameters.iter().any(|one| one.argument == argument || one.name == argument)
                || self.body.as_ref().is_some_and(|body| body.takes(argument))
        };
        arguments.keys().map(String::as_str).filter(|argument| !is_sent(argument)).collect()
    }

    /// The URL of a call with these arguments.
    pub(super) fn called(&self, arguments: &Map<String, Value>) -> Result<Url, ToolError> {
        self.placed(arguments).map(|(url, _)| url)
    }

    /// Puts the arguments into their places.
    fn placed(&self, arguments: &Map<String, Value>) -> Result<(Url, Pieces), ToolError> {
        // The part behind a question mark in the document's path is sent unchanged.
        let path = self.template.as_deref().unwrap_or(&self.path);
        let path = path.split('#').next().unwrap_or_default();
        let (path, fixed) = path.split_once('?').unwrap_or((path, ""));
        let (mut path, mut fixed) = (path.to_owned(), fixed.to_owned());
        let mut pieces = Pieces::default();
        for parameter in &self.parameters {
            let Some(value) = parameter.given(arguments, &self.parameters) else {
                if parameter.required {
                    return Err(missing(&parameter.argument));
                }
                continue;
            };
            match parameter.place {
                Place::Path => {
                    let text = parameter.in_path(value)?;
                    let place = format!("{{{}}}", parameter.name);
                    path = path.replace(&place, &text);
                    fixed = fixed.replace(&place, &text);
                }
                Place::Query => pieces.query.extend(parameter.in_query(value)),
                Place::Header => pieces.headers.push(parameter.in_header(value)?),
                Place::Cookie => pieces.cookies.extend(parameter.in_cookie(value)),
            }
        }
        if path.contains(['{', '}']) || fixed.contains(['{', '}']) {
            return Err(ToolError::Failed(format!(
                "the path {path}?{fixed} has a part that no argument fills; nothing was called"
            )));
        }
        // Path segments of dots alone would leave the base URL, in any spelling.
        if path.split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
            return Err(ToolError::Arguments(
                "the arguments must not make a part of the path '.' or '..'".to_owned(),
            ));
        }
        let mut url = self.base.clone();
        let whole =
            format!("{}/{}", self.base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&whole);
        let query: Vec<&str> = [self.base.query().unwrap_or_default(), fixed.as_str()]
            .into_iter()
            .chain(pieces.query.iter().map(String::as_str))
            .filter(|piece| !piece.is_empty())
            .collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        Ok((url, pieces))
    }

    fn finished(
        &self,
        url: &Url,
        pieces: Pieces,
        arguments: &Map<String, Value>,
    ) -> Result<http::Request<Vec<u8>>, ToolError> {
        let unfit = |error: &dyn std::fmt::Display| {
            ToolError::Arguments(format!("the request cannot be made: {error}"))
        };
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(url.as_str())
            .header(header::ACCEPT, "application/json, */*;q=0.5");
        for (name, value) in pieces.headers {
            request = request.header(name, value);
        }
        if !pieces.cookies.is_empty() {
            request = request.header(header::COOKIE, pieces.cookies.join("; "));
        }
        let body = match &self.body {
            Some(body) => body.written(arguments)?,
            None => None,
        };
        let bytes = match body {
            Some((media_type, bytes)) => {
                request = request.header(header::CONTENT_TYPE, media_type);
                bytes
            }
            None => Vec::new(),
        };
        request.body(bytes).map_err(|error| unfit(&error))
    }
}

impl definition::Operation for Operation {
    fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The same method at the same place with the same security and words.
    fn supersedes(&self, pinned: &Value) -> bool {
        let now = self.to_value();
        pinned.get("form").is_none()
            && ["method", "base", "path", "security", "textDigest"]
                .iter()
                .all(|part| now.get(part) == pinned.get(part))
    }
}
