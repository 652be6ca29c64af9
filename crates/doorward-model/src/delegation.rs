//! Delegation (RFC 8693): the parties that act for the subject of an exchanged token, and the
//! permission of a client to exchange tokens.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ProviderId, ScopeSet,
    id::{ClientId, GrantId, UpstreamId, UserId},
};

/// Maximum number of parties that may act one behind the other.
pub const MOST_ACTORS: usize = 3;

/// A party that acts for the subject of a grant (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingParty {
    /// Its client.
    pub client_id: ClientId,
    /// Its own account: that of its service, or of the token by which it proved itself.
    pub account: Option<UserId>,
}

impl ActingParty {
    /// Its identifier: that of its account, else of its client.
    pub fn id(&self) -> &str {
        self.account.as_ref().map_or(self.client_id.as_str(), UserId::as_str)
    }
}

/// The origin of a grant that was given in exchange for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegation {
    /// The grant of the token that was exchanged; `None` for a token of an identity provider.
    pub subject: Option<GrantId>,
    /// The grant of the token by which the acting party proved itself.
    pub own: Option<GrantId>,
    /// The acting parties, the present one first.
    pub actors: Vec<ActingParty>,
    /// The one upstream that it is for, for that of a back end. It is made of the grant of the
    /// user's token at each use, and is never stored.
    pub back_end_at: Option<UpstreamId>,
    /// The identity provider of the token that was exchanged, where it was not this server's.
    pub provider: Option<ProviderId>,
    /// It is the session of the user at an application, which gives no access to a resource. It
    /// lasts longer than the token of a provider that it may come of, and ends with the rest.
    pub session: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredParty {
    client: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredDelegation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own: Option<String>,
    actors: Vec<StoredParty>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    back_end_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    session: bool,
}

impl Delegation {
    /// The stored form.
    pub fn to_text(&self) -> String {
        let stored = StoredDelegation {
            subject: self.subject.as_ref().map(ToString::to_string),
            own: self.own.as_ref().map(ToString::to_string),
            actors: self
                .actors
                .iter()
                .map(|party| StoredParty {
                    client: party.client_id.to_string(),
                    account: party.account.as_ref().map(ToString::to_string),
                })
                .collect(),
            back_end_at: self.back_end_at.as_ref().map(ToString::to_string),
            provider: self.provider.as_ref().map(|id| id.as_str().to_owned()),
            session: self.session,
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }
    /// Reads the stored form.
    pub fn from_text(text: &str) -> Option<Self> {
        let stored: StoredDelegation = serde_json::from_str(text).ok()?;
        // A grant without an acting party would be one of the subject's own client.
        (!stored.actors.is_empty()).then(|| Self {
            subject: stored.subject.map(GrantId::from_text),
            own: stored.own.map(GrantId::from_text),
            actors: stored
                .actors
                .into_iter()
                .map(|party| ActingParty {
                    client_id: ClientId::from_text(party.client),
                    account: party.account.map(UserId::from_text),
                })
                .collect(),
            back_end_at: stored.back_end_at.map(UpstreamId::from_text),
            provider: stored.provider.map(ProviderId::from_stored),
            session: stored.session,
        })
    }
    /// The identifiers of the acting parties, the first one to act first.
    pub fn chain(&self) -> Vec<&str> {
        self.actors.iter().rev().map(ActingParty::id).collect()
    }
}

/// Tokens of an identity provider that a client may exchange, each once. As text it is the provider,
/// the audience and, where one is required, the scope, with spaces between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderTokens {
    /// The provider, as it is configured here.
    pub provider: ProviderId,
    /// The only audience of such a token.
    pub audience: String,
    /// The scope or role that it must have, written exactly so.
    pub scope: Option<String>,
}

/// A text that names no tokens of an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "tokens of an identity provider are named by its name, their audience and, if one is required, a scope, with spaces between them"
)]
pub struct ProviderTokensError;

/// The longest audience and the longest scope, in bytes.
const LONGEST_NAME: usize = 512;

impl ProviderTokens {
    /// Reads the text.
    pub fn parse(text: &str) -> Result<Self, ProviderTokensError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (provider, audience, scope) = match words.as_slice() {
            [provider, audience] => (provider, audience, None),
            [provider, audience, scope] => (provider, audience, Some(*scope)),
            _ => return Err(ProviderTokensError),
        };
        let is_plain = |word: &str| word.len() <= LONGEST_NAME && !word.contains(char::is_control);
        if !is_plain(audience) || !scope.is_none_or(is_plain) {
            return Err(ProviderTokensError);
        }
        Ok(Self {
            provider: ProviderId::parse(provider).map_err(|_| ProviderTokensError)?,
            audience: (*audience).to_owned(),
            scope: scope.map(ToOwned::to_owned),
        })
    }
}

impl fmt::Display for ProviderTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.provider.as_str(), self.audience)?;
        self.scope.as_ref().map_or(Ok(()), |scope| write!(f, " {scope}"))
    }
}

/// The permission of a client to exchange tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeRule {
    /// The clients whose tokens it may exchange, besides its own.
    pub from: Vec<ClientId>,
    /// Scopes that an exchanged token may have at most.
    pub scopes: ScopeSet,
    /// The client is an AI back end: the tokens that it gets are those of [`crate::BACK_END`], and
    /// no others.
    pub back_end: bool,
    /// Tokens of identity providers that it may exchange.
    pub providers: Vec<ProviderTokens>,
}

#[derive(Serialize, Deserialize)]
struct StoredRule {
    from: Vec<String>,
    scopes: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    back_end: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    providers: Vec<String>,
}

impl ExchangeRule {
    /// True if `client` may exchange tokens of an identity provider.
    pub fn accepts_provider(&self, provider: &ProviderId) -> bool {
        self.providers.iter().any(|tokens| tokens.provider == *provider)
    }
    /// True if `client` may exchange tokens that were issued to `holder`.
    pub fn accepts(&self, client: &ClientId, holder: &ClientId) -> bool {
        client == holder || self.from.contains(holder)
    }
    /// The stored form.
    pub fn to_text(&self) -> String {
        let stored = StoredRule {
            from: self.from.iter().map(ToString::to_string).collect(),
            scopes: self.scopes.to_string(),
            back_end: self.back_end,
            providers: self.providers.iter().map(ToString::to_string).collect(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }
    /// Reads the stored form.
    pub fn from_text(text: &str) -> Option<Self> {
        let stored: StoredRule = serde_json::from_str(text).ok()?;
        let providers = stored.providers.iter().map(|text| ProviderTokens::parse(text).ok());
        Some(Self {
            providers: providers.collect::<Option<_>>()?,
            from: stored.from.into_iter().map(ClientId::from_text).collect(),
            scopes: ScopeSet::from_stored(&stored.scopes),
            back_end: stored.back_end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again_and_damage_is_none() {
        let party = |client: &str, account: Option<&str>| ActingParty {
            client_id: ClientId::from_text(client),
            account: account.map(UserId::from_text),
        };
        let delegation = Delegation {
            subject: Some(GrantId::from_text("g_1")),
            own: None,
            actors: vec![party("c_tool", None), party("c_agent", Some("u_agent"))],
            back_end_at: None,
            provider: None,
            session: false,
        };
        assert_eq!(Delegation::from_text(&delegation.to_text()), Some(delegation.clone()));
        assert_eq!(delegation.chain(), ["u_agent", "c_tool"]);
        let at = Some(UpstreamId::from_text("config"));
        let provider = ProviderId::parse("corp").ok();
        let delegation = Delegation { back_end_at: at, provider, session: true, ..delegation };
        assert_eq!(Delegation::from_text(&delegation.to_text()), Some(delegation));
        for back_end in [false, true] {
            let rule = ExchangeRule {
                from: vec![ClientId::from_text("https://client.example/metadata.json")],
                scopes: ScopeSet::from_stored("mcp:read mcp:write:wiki"),
                back_end,
                providers: vec![
                    ProviderTokens::parse("corp https://api.example").unwrap(),
                    ProviderTokens::parse("corp  api://x  app.access").unwrap(),
                ],
            };
            assert_eq!(ExchangeRule::from_text(&rule.to_text()), Some(rule));
        }
        let of_before = r#"{"from":[],"scopes":"mcp:read"}"#;
        assert!(ExchangeRule::from_text(of_before).is_some_and(|rule| !rule.back_end));
        for damaged in ["", "{}", "null", "not json", r#"{"actors":[]}"#] {
            assert_eq!(Delegation::from_text(damaged), None, "{damaged}");
            assert_eq!(ExchangeRule::from_text(damaged), None, "{damaged}");
        }
    }
    #[test]
    fn tokens_of_a_provider_are_named_by_two_or_three_words() {
        let long = format!("corp {}", "a".repeat(LONGEST_NAME + 1));
        for wrong in ["", "corp", "Corp api", "corp a b c", "corp a\u{7}", long.as_str()] {
            assert_eq!(ProviderTokens::parse(wrong), Err(ProviderTokensError), "{wrong:?}");
        }
    }
}
