//! Secrets in settings, as types that are read like any text and never printed: not by `Debug`, not
//! by serialisation, and so neither by `config show`, the API, a page nor the log.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// The text that is shown instead of a secret.
pub const HIDDEN: &str = "…";

/// Parts of the names of values that are secrets.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "authorization",
    "credential",
    "cookie",
    "private_key",
];

/// Reports a value with a revealing name, such as `access_token` or `Api-Key`: it is neither
/// recorded nor shown.
pub fn names_secret(name: &str) -> bool {
    let plain = name.to_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|part| plain.contains(part))
}

/// A secret setting, such as a password. It is read from a text and written as [`HIDDEN`], or as
/// the empty text where it is not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretSetting(Zeroizing<String>);

impl SecretSetting {
    /// The value, to be sent to where it belongs or sealed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// Reports a setting without a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The form in which it may be shown.
    pub fn shown(&self) -> Cow<'static, str> {
        Cow::Borrowed(if self.is_empty() { "" } else { HIDDEN })
    }
}

/// A secret after a name that may be shown, such as `NAME=VALUE` with `'='` or `Name: value` with
/// `':'`. It is written as the name, the separator and [`HIDDEN`]; a text without the separator is
/// hidden as a whole.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NamedSecret<const SEPARATOR: char>(Zeroizing<String>);

impl<const SEPARATOR: char> NamedSecret<SEPARATOR> {
    /// The whole text, to be sent to where it belongs or sealed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// Reports a setting without a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Name and value, both as they were written; `None` without the separator.
    pub fn parts(&self) -> Option<(&str, &str)> {
        self.0.split_once(SEPARATOR)
    }
    /// The form in which it may be shown.
    pub fn shown(&self) -> Cow<'static, str> {
        match self.parts() {
            _ if self.is_empty() => Cow::Borrowed(""),
            Some((name, _)) if SEPARATOR == ':' => Cow::Owned(format!("{name}: {HIDDEN}")),
            Some((name, _)) => Cow::Owned(format!("{name}{SEPARATOR}{HIDDEN}")),
            None => Cow::Borrowed(HIDDEN),
        }
    }
}

/// A URL that may hold a secret: in its user information, its path or its query, as those of hooks
/// often do. It is written as its origin, followed by [`HIDDEN`] where anything else follows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretUrl(Zeroizing<String>);

impl SecretUrl {
    /// The whole URL, to send a request to.
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// Reports a setting without a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The form in which it may be shown.
    pub fn shown(&self) -> Cow<'static, str> {
        if self.is_empty() {
            return Cow::Borrowed("");
        }
        let Ok(url) = url::Url::parse(&self.0) else { return Cow::Borrowed(HIDDEN) };
        let (scheme, Some(host)) = (url.scheme(), url.host_str()) else {
            return Cow::Borrowed(HIDDEN);
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{host}{port}");
        if self.0.trim_end_matches('/') == origin {
            return Cow::Owned(origin);
        }
        Cow::Owned(format!("{origin}/{HIDDEN}"))
    }
}

/// Refuses the placeholder that is shown instead of a secret: it would replace the secret.
fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    if text.ends_with(HIDDEN) {
        return Err(serde::de::Error::custom(
            "a secret cannot end with …, which is shown instead of secrets; write the secret itself",
        ));
    }
    Ok(text)
}

impl fmt::Debug for SecretSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl<const SEPARATOR: char> fmt::Debug for NamedSecret<SEPARATOR> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for SecretSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl<const SEPARATOR: char> Serialize for NamedSecret<SEPARATOR> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl<'de> Deserialize<'de> for SecretSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}

impl<'de, const SEPARATOR: char> Deserialize<'de> for NamedSecret<SEPARATOR> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}

impl From<String> for SecretSetting {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for SecretSetting {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl From<String> for SecretUrl {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl<const SEPARATOR: char> From<String> for NamedSecret<SEPARATOR> {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl<const SEPARATOR: char> From<&str> for NamedSecret<SEPARATOR> {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// The schema of all: a text that is written and never shown (`writeOnly`, JSON Schema Validation
/// §9.4).
fn secret_text(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = String::json_schema(generator);
    schema.insert("writeOnly".to_owned(), true.into());
    schema
}

impl JsonSchema for SecretSetting {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        secret_text(generator)
    }
}

impl JsonSchema for SecretUrl {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SecretUrl".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        secret_text(generator)
    }
}

impl<const SEPARATOR: char> JsonSchema for NamedSecret<SEPARATOR> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "NamedSecret".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        secret_text(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_setting_is_read_and_never_printed() {
        let secret: SecretSetting = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(
            (secret.reveal(), format!("{secret:?}"), serde_json::to_string(&secret).unwrap()),
            ("hunter2", "…".to_owned(), "\"…\"".to_owned())
        );
        assert_eq!(serde_json::to_string(&SecretSetting::default()).unwrap(), "\"\"");
        let header: NamedSecret<':'> = serde_json::from_str("\"X-Key: hunter2\"").unwrap();
        assert_eq!(
            (header.parts(), serde_json::to_string(&header).unwrap()),
            (Some(("X-Key", " hunter2")), "\"X-Key: …\"".to_owned())
        );
        let pair = NamedSecret::<'='>::from("KEY=hunter2=");
        assert_eq!(
            (pair.parts(), format!("{pair:?}")),
            (Some(("KEY", "hunter2=")), "KEY=…".to_owned())
        );
        assert_eq!(
            format!("{:?}", NamedSecret::<'='>::from("hunter2")),
            "…",
            "a text without a name is hidden as a whole"
        );
    }

    #[test]
    fn of_a_secret_url_the_origin_alone_is_shown() {
        for (url, shown) in [
            ("https://hooks.example/services/T0/B0/secret", "https://hooks.example/…"),
            ("https://token@collector.example:8443", "https://collector.example:8443/…"),
            ("https://u:secret@collector.example/", "https://collector.example/…"),
            ("https://collector.example/?key=secret", "https://collector.example/…"),
            ("https://collector.example/#secret", "https://collector.example/…"),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
            ("https://collector.example/", "https://collector.example"),
            ("data:secret", "…"),
            ("no URL, a secret", "…"),
            ("", ""),
        ] {
            let secret = SecretUrl::from(url.to_owned());
            assert_eq!(secret.reveal(), url);
            assert_eq!(format!("{secret:?}"), shown, "{url}");
            assert_eq!(serde_json::to_string(&secret).unwrap(), format!("\"{shown}\""));
        }
        assert!(serde_json::from_str::<SecretUrl>("\"https://hooks.example/…\"").is_err());
    }

    #[test]
    fn the_placeholder_of_a_secret_is_not_accepted_as_one() {
        for shown in ["\"…\"", "\"KEY=…\""] {
            assert!(serde_json::from_str::<SecretSetting>(shown).is_err(), "{shown}");
            assert!(serde_json::from_str::<NamedSecret<'='>>(shown).is_err(), "{shown}");
        }
    }
}
