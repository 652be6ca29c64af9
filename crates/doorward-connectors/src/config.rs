//! The settings of connectors.

use doorward_model::{ScopeSet, SecretSetting};
use doorward_transport::{EndpointError, OperatorEndpoint, Outbound, OutboundConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// A connector of a chat, in a table of its own: `[connectors.chat]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorConfig {
    /// The chat system: `mattermost`.
    pub kind: String,
    /// The URL of the chat server, such as `https://chat.example.com`. Accounts that users linked
    /// belong to this URL.
    pub url: String,
    /// The access token of the bot account that answers.
    pub bot_token: SecretSetting,
    /// The token that the chat server shows for the slash command. Without it, no slash command is
    /// accepted.
    pub command_token: SecretSetting,
    /// The token that the chat server shows for the outgoing webhook. Without it, no webhook is
    /// accepted.
    pub webhook_token: SecretSetting,
    /// Seconds between two readings of the channels that the bot is a member of, and of its direct
    /// messages. 0 reads none: posts then arrive by the webhook and the slash command alone.
    pub poll_seconds: u32,
    /// Seconds before a start of which posts are answered too, unless they were already answered.
    pub catch_up_seconds: u32,
    /// The upper limit of the permissions of calls from the chat, as scopes. The roles of each user,
    /// and the policy for the client `mattermost`, may allow less.
    pub scopes: String,
    /// Let users confirm calls by buttons in the chat, in place of a page of this server. A chat
    /// server under the control of an attacker could then confirm calls of its users.
    pub buttons: bool,
    /// Days for which the link of an account with a user is valid.
    pub link_days: u32,
    /// Networks that the chat server may be in although they are not public, such as `10.1.2.0/24`.
    /// In them, `http` without TLS is allowed too.
    pub networks: Vec<String>,
    /// A PEM file with the certificate authority that signs for the chat server.
    pub ca_file: String,
}

impl Default for ConnectorConfig {
    fn default() -> Self {
        Self {
            kind: String::new(),
            url: String::new(),
            bot_token: SecretSetting::default(),
            command_token: SecretSetting::default(),
            webhook_token: SecretSetting::default(),
            poll_seconds: 3,
            catch_up_seconds: 600,
            scopes: "mcp:read mcp:write mcp:destructive".to_owned(),
            buttons: false,
            link_days: 90,
            networks: Vec::new(),
            ca_file: String::new(),
        }
    }
}

/// A setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingError {
    /// The setting.
    pub key: &'static str,
    /// The fault and its remedy.
    pub message: String,
}

fn wrong(key: &'static str, message: impl Into<String>) -> SettingError {
    SettingError { key, message: message.into() }
}

/// The parsed URL and scopes of a connector.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) url: Url,
    pub(crate) scopes: String,
}

impl From<EndpointError> for SettingError {
    fn from(EndpointError { key, message }: EndpointError) -> Self {
        Self { key, message }
    }
}

/// Checks the settings of one connector.
///
/// # Errors
///
/// The setting that is wrong.
pub fn check(name: &str, config: &ConnectorConfig) -> Result<(), SettingError> {
    parsed(name, config)?;
    Ok(server(config).check()?)
}

/// The chat server of the settings.
fn server(config: &ConnectorConfig) -> OperatorEndpoint<'_> {
    OperatorEndpoint {
        url: config.url.trim_end_matches('/'),
        networks: &config.networks,
        ca_file: &config.ca_file,
    }
}

/// The guarded client of the program, and its settings.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) outbound: &'a Outbound,
    pub(crate) general: &'a OutboundConfig,
}

/// The guarded client for the chat server.
pub(crate) fn outbound(
    config: &ConnectorConfig,
    Outgoing { outbound, general }: Outgoing<'_>,
) -> Result<Outbound, SettingError> {
    Ok(server(config).client(outbound, general)?)
}

pub(crate) fn parsed(name: &str, config: &ConnectorConfig) -> Result<Parsed, SettingError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
        return Err(wrong("kind", "the name of a connector has a-z, 0-9 and -, at most 32"));
    }
    if config.kind != "mattermost" {
        return Err(wrong("kind", "must be mattermost"));
    }
    let needed = "is needed: the URL of the Mattermost server, such as https://chat.example.com";
    let url = server(config).url(needed)?;
    if url.query().is_some() {
        return Err(wrong("url", needed));
    }
    if config.bot_token.is_empty() {
        return Err(wrong("bot_token", "is needed: the access token of the bot account"));
    }
    if config.command_token.is_empty()
        && config.webhook_token.is_empty()
        && config.poll_seconds == 0
    {
        let why = "is needed, or webhook_token, or poll_seconds above 0: without one of them \
            nothing of the chat arrives";
        return Err(wrong("command_token", why));
    }
    for (key, token) in
        [("command_token", &config.command_token), ("webhook_token", &config.webhook_token)]
    {
        if !token.is_empty() && token.reveal().len() < 20 {
            let why = "is too short to be the token that Mattermost shows: it has 26 characters";
            return Err(wrong(key, why));
        }
    }
    for (key, value, most) in [
        ("poll_seconds", config.poll_seconds, 3600),
        ("catch_up_seconds", config.catch_up_seconds, 86_400),
    ] {
        if value > most {
            return Err(wrong(key, format!("must be between 0 and {most}, not {value}")));
        }
    }
    if !(1..=3660).contains(&config.link_days) {
        return Err(wrong("link_days", "must be between 1 and 3660"));
    }
    let names: Vec<&str> = config.scopes.split_whitespace().collect();
    let scopes = ScopeSet::parse_known(&config.scopes);
    let is_tool = |name: &&str| {
        ["mcp:read", "mcp:write", "mcp:destructive"]
            .iter()
            .any(|one| *name == *one || name.starts_with(&format!("{one}:")))
    };
    if names.is_empty() || !names.iter().all(is_tool) || scopes.iter().count() != names.len() {
        let why = "must name scopes of tools: mcp:read, mcp:write, mcp:destructive";
        return Err(wrong("scopes", why));
    }
    Ok(Parsed { url, scopes: scopes.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> ConnectorConfig {
        ConnectorConfig {
            kind: "mattermost".into(),
            url: "https://chat.example.com/".into(),
            bot_token: "b".repeat(26).into(),
            command_token: "c".repeat(26).into(),
            ..ConnectorConfig::default()
        }
    }

    #[test]
    fn ca42_a_connector_that_nothing_reaches_or_without_its_token_is_a_configuration_error() {
        check("chat", &complete()).unwrap();
        let key = |change: fn(&mut ConnectorConfig)| {
            let mut config = complete();
            change(&mut config);
            check("chat", &config).unwrap_err().key
        };
        assert_eq!(key(|config| config.kind = "slack".into()), "kind");
        assert_eq!(key(|config| config.url = String::new()), "url");
        assert_eq!(key(|config| config.url = "http://chat.example.com".into()), "url");
        assert_eq!(key(|config| config.url = "https://me@chat.example.com".into()), "url");
        assert_eq!(key(|config| config.bot_token = SecretSetting::default()), "bot_token");
        let without = |config: &mut ConnectorConfig| {
            (config.poll_seconds, config.command_token) = (0, SecretSetting::default());
        };
        assert_eq!(key(without), "command_token");
        assert_eq!(key(|config| config.webhook_token = "short".to_owned().into()), "webhook_token");
        assert_eq!(key(|config| config.scopes = "admin".into()), "scopes");
        assert_eq!(key(|config| config.scopes = "mcp:reed".into()), "scopes");
        assert_eq!(key(|config| config.link_days = 0), "link_days");
        assert_eq!(key(|config| config.networks = vec!["intranet".into()]), "networks");
        assert_eq!(check("Chat Room", &complete()).unwrap_err().key, "kind");
    }
}
