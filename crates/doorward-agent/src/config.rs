//! The settings of the agent.

use doorward_model::{ScopeSet, SecretSetting};
use doorward_transport::{EndpointError, OperatorEndpoint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Maximum number of tools that OpenAI's endpoint takes.
const MOST_TOOLS: u32 = 128;
/// The values of `mode`.
const MODEL: &str = "model";
const BACK_END: &str = "back-end";

/// The party that calls tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// This program, as the model wants it.
    Model,
    /// A back end elsewhere.
    BackEnd,
}

/// The agent, a model that answers with the tools of the user who asks. Without `url` there is none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// `model`: Doorward asks the model and makes the calls of tools itself. `back-end`: a back end
    /// with OpenAI's format of responses answers, and calls tools at this server's `/mcp` with a
    /// short-lived token for the user.
    pub mode: String,
    /// The URL of an OpenAI-compatible chat endpoint, such as
    /// `https://api.openai.com/v1/chat/completions`, or that of the back end, such as
    /// `https://api.openai.com/v1/responses`. Questions and the results of tools are sent there.
    pub url: String,
    /// The name of the model at the endpoint. A back end may have none.
    pub model: String,
    /// The key of the endpoint, sent as a bearer token. Empty for an endpoint without one.
    pub api_key: SecretSetting,
    /// A text that is added to the instructions of the model, such as the subject of the documents.
    pub instructions: String,
    /// The upper limit of the agent's permissions in a chat, as scopes. The roles of each user, the
    /// scopes of the connector, and the policy for the client `agent` may allow less. The tool `ask`
    /// only reads.
    pub scopes: String,
    /// Seconds for which the token of a back end is valid. It is not renewed.
    pub token_seconds: u32,
    /// Maximum number of times that the model is asked for one answer.
    pub rounds: u32,
    /// Maximum number of tools that the model is shown. Where a user may call more, it searches for
    /// them.
    pub tools: u32,
    /// Maximum size of one result that the model is shown, in bytes.
    pub result_bytes: usize,
    /// Maximum size of all that the model is sent at once, in bytes.
    pub context_bytes: usize,
    /// Maximum number of tokens of one response of the model.
    pub answer_tokens: u32,
    /// Maximum number of tokens of the model, sent and received, that one user may use on one day
    /// (UTC).
    pub tokens_per_day: u32,
    /// Seconds within which an answer must be complete, unless the caller of `ask` requests another
    /// time.
    pub answer_seconds: u64,
    /// Maximum time that a caller of `ask` may request, in seconds.
    pub longest_seconds: u64,
    /// Maximum number of answers that are prepared at once, for all users.
    pub at_once: u32,
    /// Maximum number of answers that are prepared at once for one user.
    pub at_once_user: u32,
    /// Number of earlier questions and answers that the model is shown.
    pub history: u32,
    /// Days for which a conversation can be continued.
    pub conversation_days: u32,
    /// Networks that the endpoint may be in although they are not public, such as `10.1.2.0/24`. In
    /// them, `http` without TLS is allowed too.
    pub networks: Vec<String>,
    /// A PEM file with the certificate authority that signs for the endpoint.
    pub ca_file: String,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            mode: MODEL.to_owned(),
            url: String::new(),
            model: String::new(),
            api_key: SecretSetting::default(),
            instructions: String::new(),
            scopes: "mcp:read".to_owned(),
            token_seconds: 300,
            rounds: 8,
            tools: 64,
            result_bytes: 16 * 1024,
            context_bytes: 256 * 1024,
            answer_tokens: 2048,
            tokens_per_day: 500_000,
            answer_seconds: 300,
            longest_seconds: 3600,
            at_once: 16,
            at_once_user: 4,
            history: 20,
            conversation_days: 30,
            networks: Vec::new(),
            ca_file: String::new(),
        }
    }
}

impl AgentConfig {
    /// Reports a configuration with an agent.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    /// The mode; `None` for an unknown text.
    pub(crate) fn mode(&self) -> Option<Mode> {
        match self.mode.as_str() {
            MODEL => Some(Mode::Model),
            BACK_END => Some(Mode::BackEnd),
            _ => None,
        }
    }

    /// The scopes that the agent has in a chat.
    pub fn chat_scopes(&self) -> ScopeSet {
        ScopeSet::parse_known(&self.scopes)
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

impl From<EndpointError> for SettingError {
    fn from(EndpointError { key, message }: EndpointError) -> Self {
        Self { key, message }
    }
}

/// The server of the settings.
pub(crate) fn server(config: &AgentConfig) -> OperatorEndpoint<'_> {
    OperatorEndpoint { url: &config.url, networks: &config.networks, ca_file: &config.ca_file }
}

/// Checks the settings. Those of an agent that is off are not looked at.
///
/// # Errors
///
/// The setting that is wrong.
pub fn check(config: &AgentConfig) -> Result<(), SettingError> {
    if !config.is_on() {
        return Ok(());
    }
    endpoint(config)?;
    Ok(server(config).check()?)
}

/// The endpoint of settings without a fault.
pub(crate) fn endpoint(config: &AgentConfig) -> Result<Url, SettingError> {
    let needed = "must be the URL of a chat endpoint, such as \
        https://api.openai.com/v1/chat/completions";
    let Some(mode) = config.mode() else {
        return Err(wrong("mode", format!("must be {MODEL} or {BACK_END}")));
    };
    let url = server(config).url(needed)?;
    if mode == Mode::Model && config.model.trim().is_empty() {
        return Err(wrong("model", "is needed: the name of the model at the endpoint"));
    }
    if !config.api_key.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("api_key", "has characters that no key has, such as a space"));
    }
    let bounds = [
        ("token_seconds", u64::from(config.token_seconds), 30, 900),
        ("rounds", u64::from(config.rounds), 1, 50),
        ("tools", u64::from(config.tools), 3, u64::from(MOST_TOOLS)),
        ("answer_tokens", u64::from(config.answer_tokens), 16, 200_000),
        ("tokens_per_day", u64::from(config.tokens_per_day), 1, u64::from(u32::MAX)),
        ("answer_seconds", config.answer_seconds, 1, config.longest_seconds),
        ("longest_seconds", config.longest_seconds, 1, 18_000),
        ("at_once", u64::from(config.at_once), 1, 1000),
        ("at_once_user", u64::from(config.at_once_user), 1, 1000),
        ("history", u64::from(config.history), 0, 200),
        ("conversation_days", u64::from(config.conversation_days), 1, 3660),
        ("result_bytes", config.result_bytes as u64, 256, 1024 * 1024),
        ("context_bytes", config.context_bytes as u64, 8192, 8 * 1024 * 1024),
    ];
    for (key, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            return Err(wrong(key, format!("must be between {least} and {most}, not {value}")));
        }
    }
    let names: Vec<&str> = config.scopes.split_whitespace().collect();
    let is_tool = |name: &&str| {
        ["mcp:read", "mcp:write", "mcp:destructive"]
            .iter()
            .any(|one| *name == *one || name.starts_with(&format!("{one}:")))
    };
    let known = config.chat_scopes().iter().count() == names.len();
    if names.is_empty() || !names.iter().all(is_tool) || !known {
        let why = "must name scopes of tools: mcp:read, mcp:write, mcp:destructive";
        return Err(wrong("scopes", why));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> AgentConfig {
        AgentConfig {
            url: "https://models.example.com/v1/chat/completions".into(),
            model: "large".into(),
            api_key: "key".into(),
            ..AgentConfig::default()
        }
    }

    #[test]
    fn settings_of_an_agent_are_checked_and_those_of_none_are_not() {
        check(&complete()).unwrap();
        check(&AgentConfig { rounds: 0, ..AgentConfig::default() }).unwrap();
        let key = |change: fn(&mut AgentConfig)| {
            let mut config = complete();
            change(&mut config);
            check(&config).unwrap_err().key
        };
        let back_end = AgentConfig { mode: "back-end".into(), model: String::new(), ..complete() };
        check(&back_end).unwrap();
        assert_eq!(key(|config| config.mode = "backend".into()), "mode");
        assert_eq!(key(|config| config.token_seconds = 901), "token_seconds");
        assert_eq!(key(|config| config.url = "models".into()), "url");
        assert_eq!(key(|config| config.url = "http://models.example.com/".into()), "url");
        assert_eq!(key(|config| config.url = "https://me@models.example.com/".into()), "url");
        assert_eq!(key(|config| config.model = " ".into()), "model");
        assert_eq!(key(|config| config.api_key = "a b".into()), "api_key");
        assert_eq!(key(|config| config.rounds = 0), "rounds");
        assert_eq!(key(|config| config.tools = 129), "tools");
        assert_eq!(key(|config| config.answer_seconds = 3601), "answer_seconds");
        assert_eq!(key(|config| config.longest_seconds = 18_001), "longest_seconds");
        assert_eq!(key(|config| config.scopes = "admin".into()), "scopes");
        assert_eq!(key(|config| config.scopes = String::new()), "scopes");
        assert_eq!(key(|config| config.networks = vec!["intranet".into()]), "networks");
        assert_eq!(key(|config| config.ca_file = "/no/such.pem".into()), "ca_file");
    }
}
