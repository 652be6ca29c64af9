//! An operation of a REST API: how the arguments of a call become a request.
//!
//! It is a part of the tool's pinned definition: what is executed is what was pinned, and what the
//! document says now is not asked again.

use doorward_mcp::ToolError;
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

/// Where an argument goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// One argument and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) argument: String,
    #[serde(rename = "in")]
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) explode: bool,
    /// Between the parts of a list that is not taken apart.
    pub(super) separator: char,
    pub(super) deep: bool,
}

/// What is sent in a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    Nothing,
    /// An object whose members are arguments of their own.
    Members(Vec<String>),
    /// One argument that is the whole.
    Whole(String),
}

/// How a call becomes a request: everything of the document that decides where a call goes and what
/// it sends there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    #[serde(with = "method")]
    pub(super) method: Method,
    #[serde(with = "address")]
    pub(super) base: Url,
    pub(super) path: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Body,
    pub(super) media_type: String,
    pub(super) body_required: bool,
    /// The security requirement and the schemes that it names, without their words. Doorward does
    /// not act on it; a change is to be seen.
    pub(super) security: Value,
    /// The SHA-256 digest of the summary and description, where they are longer than what clients
    /// are given.
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

mod address {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A value as it stands in an address or header.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Letters that stand for themselves in one segment of a path. Everything else is encoded, `/`, `\`
/// and `%` too (GW-10).
fn segment(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut made, byte| {
        use std::fmt::Write;
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            made.push(char::from(byte));
        } else {
            let _ = write!(made, "%{byte:02X}");
        }
        made
    })
}

impl Operation {
    /// The address of the API to which calls go.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Makes the request of a call. Nothing of the client's own request enters it but these
    /// arguments (CW8).
    pub(super) fn request(
        &self,
        arguments: &Map<String, Value>,
    ) -> Result<http::Request<Vec<u8>>, ToolError> {
        let missing = |name: &str| ToolError::Arguments(format!("the argument {name} is missing"));
        let mut path = self.path.clone();
        let mut query: Vec<(String, String)> = Vec::new();
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for parameter in &self.parameters {
            let Some(value) = arguments.get(&parameter.argument).filter(|value| !value.is_null())
            else {
                if parameter.required {
                    return Err(missing(&parameter.argument));
                }
                continue;
            };
            match parameter.place {
                Place::Path => {
                    let text = match value {
                        Value::Array(items) => items
                            .iter()
                            .map(|item| segment(&plain(item)))
                            .collect::<Vec<_>>()
                            .join(","),
                        other => segment(&plain(other)),
                    };
                    // Dots alone would climb, however they are encoded: readers of addresses take
                    // %2E for a dot.
                    if text.is_empty() || text == "." || text == ".." {
                        return Err(ToolError::Arguments(format!(
                            "the argument {} must not be empty, '.' or '..'",
                            parameter.argument
                        )));
                    }
                    path = path.replace(&format!("{{{}}}", parameter.name), &text);
                }
                Place::Query => parameter.query(value, &mut query),
                Place::Header => {
                    let text = match value {
                        Value::Array(items) => {
                            items.iter().map(plain).collect::<Vec<_>>().join(",")
                        }
                        other => plain(other),
                    };
                    let wrong = || {
                        ToolError::Arguments(format!(
                            "the argument {} cannot be sent as a header",
                            parameter.argument
                        ))
                    };
                    headers.push((
                        HeaderName::try_from(parameter.name.as_str()).map_err(|_| wrong())?,
                        HeaderValue::try_from(text).map_err(|_| wrong())?,
                    ));
                }
            }
        }
        let mut url = self.base.clone();
        let whole =
            format!("{}/{}", self.base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&whole);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(url.as_str())
            .header(http::header::ACCEPT, "application/json, */*;q=0.5");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = self.body(arguments)?;
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, self.media_type.as_str());
        }
        request
            .body(body.unwrap_or_default())
            .map_err(|error| ToolError::Arguments(format!("the request cannot be made: {error}")))
    }

    fn body(&self, arguments: &Map<String, Value>) -> Result<Option<Vec<u8>>, ToolError> {
        let value = match &self.body {
            Body::Nothing => return Ok(None),
            Body::Members(names) => {
                let members: Map<String, Value> = names
                    .iter()
                    .filter_map(|name| Some((name.clone(), arguments.get(name)?.clone())))
                    .collect();
                if members.is_empty() && !self.body_required {
                    return Ok(None);
                }
                Value::Object(members)
            }
            Body::Whole(argument) => match arguments.get(argument) {
                Some(value) => value.clone(),
                None if self.body_required => {
                    return Err(ToolError::Arguments(format!(
                        "the argument {argument} is missing"
                    )));
                }
                None => return Ok(None),
            },
        };
        if self.media_type.starts_with("application/x-www-form-urlencoded") {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in value.as_object().into_iter().flatten() {
                form.append_pair(name, &plain(value));
            }
            return Ok(Some(form.finish().into_bytes()));
        }
        if self.media_type.contains("json") {
            return Ok(Some(value.to_string().into_bytes()));
        }
        Ok(Some(plain(&value).into_bytes()))
    }
}

impl Parameter {
    /// Writes a value into the query, in the style that the document names (OpenAPI 3.1 §4.8.12.2).
    fn query(&self, value: &Value, query: &mut Vec<(String, String)>) {
        match value {
            Value::Array(items) if self.explode && self.separator == ',' => {
                query.extend(items.iter().map(|item| (self.name.clone(), plain(item))))
            }
            Value::Array(items) => query.push((
                self.name.clone(),
                items.iter().map(plain).collect::<Vec<_>>().join(&self.separator.to_string()),
            )),
            Value::Object(members) if self.deep => query.extend(
                members
                    .iter()
                    .map(|(name, value)| (format!("{}[{name}]", self.name), plain(value))),
            ),
            Value::Object(members) if self.explode => {
                query.extend(members.iter().map(|(name, value)| (name.clone(), plain(value))))
            }
            Value::Object(members) => {
                query.push((
                    self.name.clone(),
                    members
                        .iter()
                        .map(|(name, value)| format!("{name},{}", plain(value)))
                        .collect::<Vec<_>>()
                        .join(","),
                ));
            }
            other => query.push((self.name.clone(), plain(other))),
        }
    }
}
