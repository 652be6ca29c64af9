//! Serialization of one argument into the path, query, headers or cookies of a request (OpenAPI 3.1
//! §4.8.12.2).

use doorward_mcp::ToolError;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::values::plain;

/// The location of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

impl Place {
    /// The place of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "path" => Some(Self::Path),
            "query" => Some(Self::Query),
            "header" => Some(Self::Header),
            "cookie" => Some(Self::Cookie),
            _ => None,
        }
    }
    /// Its name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// The style of lists and objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    /// Swagger 2.0 alone.
    TabDelimited,
    DeepObject,
    /// The value is JSON: a parameter that is described by its content.
    Json,
}

impl Style {
    /// The style of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "simple" => Some(Self::Simple),
            "label" => Some(Self::Label),
            "matrix" => Some(Self::Matrix),
            // OpenAPI 3.2 has a name of its own for a form in cookies.
            "form" | "cookie" => Some(Self::Form),
            "spaceDelimited" => Some(Self::SpaceDelimited),
            "pipeDelimited" => Some(Self::PipeDelimited),
            "tabDelimited" => Some(Self::TabDelimited),
            "deepObject" => Some(Self::DeepObject),
            _ => None,
        }
    }

    /// The style where none is named.
    pub(super) fn of_place(place: Place) -> Self {
        match place {
            Place::Path | Place::Header => Self::Simple,
            Place::Query | Place::Cookie => Self::Form,
        }
    }

    /// True for the styles that members of a form have.
    pub(super) fn is_of_form(self) -> bool {
        match self {
            Self::Form
            | Self::SpaceDelimited
            | Self::PipeDelimited
            | Self::TabDelimited
            | Self::DeepObject => true,
            Self::Simple | Self::Label | Self::Matrix | Self::Json => false,
        }
    }

    /// The separator of the parts of a value that is written in one piece, as it is sent.
    fn separator(self) -> &'static str {
        match self {
            Self::SpaceDelimited => "%20",
            Self::PipeDelimited => "%7C",
            Self::TabDelimited => "%09",
            Self::Simple
            | Self::Label
            | Self::Matrix
            | Self::Form
            | Self::DeepObject
            | Self::Json => ",",
        }
    }
}

/// One argument and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) argument: String,
    #[serde(rename = "in")]
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) style: Style,
    pub(super) explode: bool,
    /// Reserved characters are sent as they are, except those that would end the field; in the
    /// path, only the slash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) allow_reserved: bool,
}

/// Encodes a text for the path, query or cookies: everything but the unreserved characters, `/`,
/// `\` and `%` too (GW-10).
pub(super) fn encoded(text: &str) -> String {
    encoded_but(text, b"")
}

/// The same, with characters that are reserved in URLs as they are. Those that would end the field
/// or its value are still encoded.
pub(super) fn reserved(text: &str) -> String {
    encoded_but(text, b":/?@!$'()*,")
}

fn encoded_but(text: &str, kept: &[u8]) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut made, byte| {
        use std::fmt::Write;
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            made.push(char::from(byte));
        } else {
            let _ = write!(made, "%{byte:02X}");
        }
        made
    })
}

/// The parts of a list, or the names and values of an object, in turn.
fn flat(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [name.clone(), plain(value)]).collect()
        }
        other => vec![plain(other)],
    }
}

/// The serialization of a field of a query or form.
#[derive(Clone, Copy)]
pub(super) struct Field<'f> {
    pub(super) name: &'f str,
    pub(super) style: Style,
    pub(super) explode: bool,
    pub(super) encode: fn(&str) -> String,
}

impl Field<'_> {
    fn pair(&self, name: &str, value: &str) -> String {
        format!("{}={}", encoded(name), (self.encode)(value))
    }

    /// The fields of a value, `name=value` each.
    pub(super) fn written(&self, value: &Value) -> Vec<String> {
        let mut pairs = Vec::new();
        match value {
            value if self.style == Style::Json => {
                pairs.push(self.pair(self.name, &value.to_string()));
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Object(members) if members.is_empty() => {}
            Value::Array(_) | Value::Object(_) if self.style == Style::DeepObject => {
                self.deep(self.name, value, &mut pairs);
            }
            Value::Array(items) if self.explode => {
                pairs.extend(items.iter().map(|item| self.pair(self.name, &plain(item))));
            }
            Value::Object(members) if self.explode => {
                pairs.extend(members.iter().map(|(name, value)| self.pair(name, &plain(value))));
            }
            Value::Array(_) | Value::Object(_) => {
                let parts: Vec<String> =
                    flat(value).iter().map(|part| (self.encode)(part)).collect();
                pairs.push(format!(
                    "{}={}",
                    encoded(self.name),
                    parts.join(self.style.separator())
                ));
            }
            other => pairs.push(self.pair(self.name, &plain(other))),
        }
        pairs
    }

    /// Members in brackets. Lists in them are written as the servers do that read such fields:
    /// values with empty brackets, objects with their number.
    fn deep(&self, name: &str, value: &Value, pairs: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (member, value) in members {
                    self.deep(&format!("{name}[{member}]"), value, pairs);
                }
            }
            Value::Array(items) => {
                let simple = items.iter().all(|item| !item.is_object() && !item.is_array());
                for (index, item) in items.iter().enumerate() {
                    let place = if simple { String::new() } else { index.to_string() };
                    self.deep(&format!("{name}[{place}]"), item, pairs);
                }
            }
            other => pairs.push(self.pair(name, &plain(other))),
        }
    }
}

impl Parameter {
    /// The value that was given for it: by its argument, or by its own name where no other
    /// parameter has that for an argument.
    pub(super) fn given<'v>(
        &self,
        arguments: &'v Map<String, Value>,
        all: &[Self],
    ) -> Option<&'v Value> {
        let by_name = || {
            let is_free = !all.iter().any(|other| other.argument == self.name);
            is_free.then(|| arguments.get(&self.name)).flatten()
        };
        arguments.get(&self.argument).or_else(by_name).filter(|value| !value.is_null())
    }

    /// The text that fills its part of the path.
    pub(super) fn in_path(&self, value: &Value) -> Result<String, ToolError> {
        let text = match value {
            Value::String(text) if self.allow_reserved => {
                text.split('/').map(encoded).collect::<Vec<_>>().join("/")
            }
            other => self.expanded(other),
        };
        // Path segments of dots alone would leave the base URL, even encoded: parsers of URLs treat
        // %2E as a dot.
        if text.is_empty() || text == "." || text == ".." {
            return Err(ToolError::Arguments(format!(
                "the argument {} must not be empty, '.' or '..'",
                self.argument
            )));
        }
        Ok(text)
    }

    fn expanded(&self, value: &Value) -> String {
        let each = |value: &Value| -> Vec<String> {
            match value {
                Value::Object(members) if self.explode => members
                    .iter()
                    .map(|(name, value)| format!("{}={}", encoded(name), encoded(&plain(value))))
                    .collect(),
                other => flat(other).iter().map(|part| encoded(part)).collect(),
            }
        };
        let name = encoded(&self.name);
        match self.style {
            Style::Json => encoded(&value.to_string()),
            Style::Label => {
                let between = if self.explode { "." } else { "," };
                format!(".{}", each(value).join(between))
            }
            Style::Matrix => match value {
                Value::Array(_) if self.explode => {
                    let parts = each(value).into_iter();
                    parts.fold(String::new(), |made, part| made + ";" + &name + "=" + &part)
                }
                Value::Object(_) if self.explode => {
                    each(value).into_iter().fold(String::new(), |made, part| made + ";" + &part)
                }
                other => match each(other).join(",") {
                    text if text.is_empty() => format!(";{name}"),
                    text => format!(";{name}={text}"),
                },
            },
            other => each(value).join(other.separator()),
        }
    }

    /// The fields of the query.
    pub(super) fn in_query(&self, value: &Value) -> Vec<String> {
        let encode = if self.allow_reserved { reserved } else { encoded };
        let field = Field { name: &self.name, style: self.style, explode: self.explode, encode };
        field.written(value)
    }

    /// The header.
    pub(super) fn in_header(&self, value: &Value) -> Result<(HeaderName, HeaderValue), ToolError> {
        let text = match value {
            value if self.style == Style::Json => value.to_string(),
            Value::Object(members) if self.explode => members
                .iter()
                .map(|(name, value)| format!("{name}={}", plain(value)))
                .collect::<Vec<_>>()
                .join(","),
            other => flat(other).join(","),
        };
        let wrong = || {
            ToolError::Arguments(format!(
                "the argument {} cannot be sent as a header",
                self.argument
            ))
        };
        Ok((
            HeaderName::try_from(self.name.as_str()).map_err(|_| wrong())?,
            HeaderValue::try_from(text).map_err(|_| wrong())?,
        ))
    }

    /// The cookies.
    pub(super) fn in_cookie(&self, value: &Value) -> Vec<String> {
        // Any character that cookies do not allow is encoded: a value ends no cookie and begins
        // none.
        let field =
            Field { name: &self.name, style: self.style, explode: self.explode, encode: encoded };
        field.written(value)
    }
}
