//! Serialization of arguments into the body of a request.

use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use doorward_mcp::ToolError;
use doorward_model::uri;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    api::hex,
    media,
    parameter::{Field, Style, encoded, reserved},
    values::{missing, plain},
};

/// The name under which the serialization of members without a name of their own is kept.
pub(super) const ANY_NAME: &str = "*";

/// The source of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum From {
    /// An object with members that are separate arguments.
    Members(Vec<String>),
    /// One argument that is the whole.
    Whole(String),
}

/// The serialization of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Written {
    Json,
    /// Fields of a form (`application/x-www-form-urlencoded`).
    Form,
    /// Parts with a boundary (`multipart/form-data`).
    Parts,
    Text,
    /// Bytes, which the argument holds in base64.
    Bytes,
}

/// The serialization of one member of a form, where the document states it (OpenAPI 3.1 §4.8.15).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    /// It is a file: the argument holds its bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) file: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) style: Option<Style>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) explode: Option<bool>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) allow_reserved: bool,
}

/// The body of an operation's requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    pub(super) required: bool,
    pub(super) media_type: String,
    pub(super) written: Written,
    pub(super) from: From,
    /// The members that are written in a way of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parts: BTreeMap<String, Part>,
}

/// A file of a call.
struct File {
    bytes: Vec<u8>,
    name: Option<String>,
    media_type: Option<String>,
}

impl File {
    /// Reads an argument: base64, a `data:` URL, any other text as it is; or an object that says
    /// more.
    fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        if let Some(members) = value.as_object() {
            let bytes = match (text("data"), text("text")) {
                (Some(data), _) => Self::decoded(data).0,
                (None, Some(text)) => text.as_bytes().to_vec(),
                (None, None) => Value::Object(members.clone()).to_string().into_bytes(),
            };
            return Self {
                bytes,
                name: text("filename").map(ToOwned::to_owned),
                media_type: text("type")
                    .filter(|kind| media::is_sound(kind))
                    .map(ToOwned::to_owned),
            };
        }
        let (bytes, media_type) = Self::decoded(&plain(value));
        Self { bytes, name: None, media_type }
    }

    fn decoded(text: &str) -> (Vec<u8>, Option<String>) {
        let (text, media_type) = match uri::after_scheme(text, "data").and_then(|url| {
            let (kind, data) = url.split_once(',')?;
            Some((data, kind.strip_suffix(";base64")?))
        }) {
            Some((data, kind)) => {
                (data, Some(kind.to_owned()).filter(|kind| media::is_sound(kind)))
            }
            None => (text, None),
        };
        let letters: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
        // A text with blanks in its lines is a text; base64 is broken into lines at most.
        let is_broken = !text.contains([' ', '\t']);
        let decoded = is_broken
            .then(|| STANDARD.decode(&letters).or_else(|_| URL_SAFE.decode(&letters)).ok())
            .flatten();
        (decoded.unwrap_or_else(|| text.as_bytes().to_vec()), media_type)
    }
}

impl Body {
    /// Reports an argument that is sent in it.
    pub(super) fn takes(&self, argument: &str) -> bool {
        match &self.from {
            From::Members(names) => names.iter().any(|name| name == argument),
            From::Whole(whole) => whole == argument,
        }
    }

    /// The media type and bytes of a call's body. `None` if it has none.
    pub(super) fn written(
        &self,
        arguments: &Map<String, Value>,
    ) -> Result<Option<(String, Vec<u8>)>, ToolError> {
        let value = match &self.from {
            From::Members(names) => {
                let members: Map<String, Value> = names
                    .iter()
                    .filter_map(|name| Some((name.clone(), arguments.get(name)?.clone())))
                    .collect();
                if members.is_empty() && !self.required {
                    return Ok(None);
                }
                Value::Object(members)
            }
            From::Whole(argument) => match arguments.get(argument) {
                Some(value) => value.clone(),
                None if self.required => return Err(missing(argument)),
                None => return Ok(None),
            },
        };
        let as_is = |bytes: Vec<u8>| Ok(Some((self.media_type.clone(), bytes)));
        match self.written {
            Written::Json => as_is(value.to_string().into_bytes()),
            Written::Text => as_is(plain(&value).into_bytes()),
            Written::Bytes => {
                let file = File::of(&value);
                Ok(Some((file.media_type.unwrap_or_else(|| self.media_type.clone()), file.bytes)))
            }
            Written::Form => as_is(self.form(self.members(&value)?).into_bytes()),
            Written::Parts => Ok(Some(self.multipart(self.members(&value)?))),
        }
    }

    fn members<'v>(&self, value: &'v Value) -> Result<&'v Map<String, Value>, ToolError> {
        value.as_object().ok_or_else(|| {
            ToolError::Arguments(format!(
                "the body must be an object, which is sent as {}",
                self.media_type
            ))
        })
    }

    fn part(&self, name: &str) -> Part {
        self.parts.get(name).or_else(|| self.parts.get(ANY_NAME)).cloned().unwrap_or_default()
    }

    fn form(&self, members: &Map<String, Value>) -> String {
        let urlencoded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut fields: Vec<String> = Vec::new();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let part = self.part(name);
            let is_json = part
                .media_type
                .as_deref()
                .is_some_and(|kind| media::is_json(&media::essence(kind)));
            if let (Some(style), false) = (part.style, is_json) {
                let explode = part.explode.unwrap_or(style == Style::Form);
                let encode = if part.allow_reserved { reserved } else { encoded };
                fields.extend(Field { name, style, explode, encode }.written(value));
                continue;
            }
            let mut add = |value: &Value| {
                let text = if is_json { value.to_string() } else { plain(value) };
                fields.push(format!("{}={}", urlencoded(name), urlencoded(&text)));
            };
            match value {
                Value::Array(items) if !is_json => items.iter().for_each(add),
                other => add(other),
            }
        }
        fields.join("&")
    }

    /// The parts of a form (RFC 7578): a list is one part for each of its values.
    fn multipart(&self, members: &Map<String, Value>) -> (String, Vec<u8>) {
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let part = self.part(name);
            let is_json = part
                .media_type
                .as_deref()
                .is_some_and(|kind| media::is_json(&media::essence(kind)));
            match value {
                Value::Array(items) if !is_json => {
                    parts.extend(items.iter().map(|item| one_part(name, item, &part)));
                }
                other => parts.push(one_part(name, other, &part)),
            }
        }
        // No part holds the digest of all: it cannot be foreseen.
        let mut digest = Sha256::new();
        for (head, bytes) in &parts {
            digest.update(head.as_bytes());
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
        let digest = hex(&digest.finalize());
        let boundary = format!("doorward-{}", digest.get(..40).unwrap_or(&digest));
        let mut body = Vec::new();
        for (head, bytes) in parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(&bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}

/// A name in quotes, as browsers write it.
fn quoted(text: &str) -> String {
    let mut made = String::with_capacity(text.len() + 2);
    made.push('"');
    for letter in text.chars() {
        match letter {
            '"' => made.push_str("%22"),
            '\r' => made.push_str("%0D"),
            '\n' => made.push_str("%0A"),
            letter if letter.is_control() => made.push('_'),
            letter => made.push(letter),
        }
    }
    made.push('"');
    made
}

/// The head and content of one part.
fn one_part(name: &str, value: &Value, part: &Part) -> (String, Vec<u8>) {
    let head = format!("Content-Disposition: form-data; name={}", quoted(name));
    if part.file {
        let file = File::of(value);
        let filename = quoted(file.name.as_deref().unwrap_or(name));
        let kind = file
            .media_type
            .or_else(|| part.media_type.clone())
            .unwrap_or_else(|| "application/octet-stream".to_owned());
        return (format!("{head}; filename={filename}\r\nContent-Type: {kind}"), file.bytes);
    }
    let kind = match (&part.media_type, value) {
        (Some(kind), _) => Some(kind.clone()),
        (None, Value::Object(_) | Value::Array(_)) => Some("application/json".to_owned()),
        (None, _) => None,
    };
    let is_json = kind.as_deref().is_some_and(|kind| media::is_json(&media::essence(kind)));
    let text = if is_json { value.to_string() } else { plain(value) };
    let head = match kind {
        Some(kind) => format!("{head}\r\nContent-Type: {kind}"),
        None => head,
    };
    (head, text.into_bytes())
}
