//! Parameters of queries and forms, decoded once and without ambiguity.

use std::{collections::BTreeMap, time::Duration};

use axum::{body::Body, http::Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use crate::media_type;

/// Decoded parameters. A name occurs once, except `resource` (RFC 8707 §2). Empty values count as
/// absent (RFC 6749 §3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, Vec<String>>);

/// The reason for which parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// A parameter is repeated (RFC 6749 §3.1).
    #[error("the parameter {0} is repeated")]
    Repeated(String),
    /// More or longer than any honest request has.
    #[error("too many or too long parameters")]
    TooLarge,
    /// Percent-encoding that does not decode to UTF-8, or a control character.
    #[error("a parameter is not plain text")]
    NotText,
    /// Not `application/x-www-form-urlencoded`.
    #[error("the body must be application/x-www-form-urlencoded")]
    MediaType,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    Slow,
}

/// Maximum number of parameters.
const MAX_COUNT: usize = 64;
/// Maximum number of bytes of a query.
pub const MAX_QUERY: usize = 16 * 1024;
/// Maximum number of bytes of a form.
pub const MAX_FORM: usize = 64 * 1024;

impl Params {
    /// Decodes a query or form.
    pub fn parse(raw: &[u8]) -> Result<Self, ParamsError> {
        let mut map = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in pairs(raw)? {
            map.entry(name).or_default().push(value);
        }
        for (name, values) in &mut map {
            if values.len() > 1 && name != "resource" {
                return Err(ParamsError::Repeated(name.clone()));
            }
            values.retain(|value| !value.is_empty());
        }
        map.retain(|_, values| !values.is_empty());
        Ok(Self(map))
    }

    /// Decodes a request's query.
    pub fn from_query(query: Option<&str>) -> Result<Self, ParamsError> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY {
            Err(ParamsError::TooLarge)
        } else {
            Self::parse(query.as_bytes())
        }
    }

    /// Reads and decodes a form.
    pub async fn from_form(request: Request<Body>) -> Result<Self, ParamsError> {
        if !media_type::is(request.headers(), media_type::FORM) {
            return Err(ParamsError::MediaType);
        }
        Self::parse(&read_body(request.into_body(), MAX_FORM).await?)
    }

    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|values| values.first()).map(String::as_str)
    }
    /// The names of the parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
    /// All values of `resource`.
    pub fn resources(&self) -> &[String] {
        self.0.get("resource").map_or(&[], Vec::as_slice)
    }
    /// The parameters without those of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let rest = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(rest.map(|(name, values)| (name.clone(), values.clone())).collect())
    }
    /// Sets a parameter.
    pub fn put(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), vec![value.to_owned()]);
    }
    /// The parameters as they may be encoded again.
    pub fn encode(&self) -> String {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, values) in &self.0 {
            for value in values {
                encoded.append_pair(name, value);
            }
        }
        encoded.finish()
    }
}

/// The decoded pairs of a query or form.
fn pairs(raw: &[u8]) -> Result<Vec<(String, String)>, ParamsError> {
    if raw.len() > MAX_FORM {
        return Err(ParamsError::TooLarge);
    }
    let mut pairs = Vec::new();
    for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if pairs.len() >= MAX_COUNT {
            return Err(ParamsError::TooLarge);
        }
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(end);
        pairs.push((decode(name)?, decode(value.get(1..).unwrap_or_default())?));
    }
    Ok(pairs)
}

/// The parameters of a query as the members of one object, each once. An empty value is one.
///
/// # Errors
///
/// A query that is too long, is not plain text, or repeats a parameter.
pub fn members_of(query: Option<&str>) -> Result<Map<String, Value>, ParamsError> {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY {
        return Err(ParamsError::TooLarge);
    }
    let mut members = Map::new();
    for (name, value) in pairs(query.as_bytes())? {
        if members.insert(name.clone(), value.into()).is_some() {
            return Err(ParamsError::Repeated(name));
        }
    }
    Ok(members)
}

/// Form-decodes strictly: a value that is not UTF-8 or holds a control character is refused rather
/// than repaired.
fn decode(raw: &[u8]) -> Result<String, ParamsError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    // Most parameters have long parts that stay as they are.
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'+' | b'%')) {
        let (plain, encoded) = rest.split_at(at);
        bytes.extend_from_slice(plain);
        rest = match encoded {
            [b'%', high, low, rest @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(ParamsError::NotText);
                let byte = digit(*high)? * 16 + digit(*low)?;
                bytes.push(u8::try_from(byte).map_err(|_| ParamsError::NotText)?);
                rest
            }
            [b'+', rest @ ..] => {
                bytes.push(b' ');
                rest
            }
            _ => return Err(ParamsError::NotText),
        };
    }
    bytes.extend_from_slice(rest);
    let text = String::from_utf8(bytes).map_err(|_| ParamsError::NotText)?;
    let is_refused = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
    let has_refused = if text.is_ascii() {
        text.bytes().any(|byte| is_refused(char::from(byte)))
    } else {
        text.chars().any(is_refused)
    };
    if has_refused { Err(ParamsError::NotText) } else { Ok(text) }
}

/// Reads a body of at most `max` bytes within ten seconds.
pub async fn read_body(mut body: Body, max: usize) -> Result<Bytes, ParamsError> {
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ParamsError::Slow)?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > max {
                    return Err(ParamsError::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.map_err(|_| ParamsError::Slow)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_once_and_never_twice() {
        let params = Params::parse(b"a=1&b=%C3%A4+x&empty=&resource=r1&resource=r2").unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), Some("\u{e4} x"));
        assert_eq!(params.get("empty"), None);
        assert_eq!(params.resources(), ["r1", "r2"]);
        assert_eq!(Params::parse(params.encode().as_bytes()).unwrap(), params);
        let mut less = params.without(&["a", "resource"]);
        less.put("b", "new");
        assert_eq!(less, Params::parse(b"b=new").unwrap());
        assert_eq!(Params::parse(b"a=1&a=2"), Err(ParamsError::Repeated("a".into())));
        assert_eq!(Params::parse(b"a=1&%61=2"), Err(ParamsError::Repeated("a".into())));
        assert_eq!(Params::parse(b"a=1&a="), Err(ParamsError::Repeated("a".into())));
        for bad in [&b"a=%ff"[..], b"a=%0", b"a=%zz", b"a=%00"] {
            assert_eq!(Params::parse(bad), Err(ParamsError::NotText));
        }
        assert_eq!(Params::parse("a&".repeat(65).as_bytes()), Err(ParamsError::TooLarge));
        assert_eq!(Params::parse(&vec![b'a'; MAX_FORM + 1]), Err(ParamsError::TooLarge));
    }

    #[test]
    fn members_of_a_query_are_there_once_and_empty_ones_stay() {
        let members = members_of(Some("a=%C3%A4&b=")).unwrap();
        assert_eq!(Value::Object(members), serde_json::json!({"a": "\u{e4}", "b": ""}));
        for repeated in ["a=1&a=2", "resource=1&resource=2", "a=&%61="] {
            assert!(matches!(members_of(Some(repeated)), Err(ParamsError::Repeated(_))));
        }
        assert_eq!(members_of(Some("a=%00")), Err(ParamsError::NotText));
        assert_eq!(members_of(Some(&"a".repeat(MAX_QUERY + 1))), Err(ParamsError::TooLarge));
    }
}
