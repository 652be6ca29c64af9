//! Rules that a client's requests are held to, beyond those for all clients.

use serde::{Deserialize, Serialize};

/// The stricter rules of one client, as its metadata or an administrator states them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientRules {
    /// Its authorization requests must be pushed (RFC 9126 §6).
    pub require_pushed_authorization_requests: bool,
    /// Its access tokens must be bound to a key (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
}

/// Changes of the rules of a client. `None` keeps the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientRulesEdit {
    /// True if its authorization requests must be pushed.
    pub require_pushed_authorization_requests: Option<bool>,
    /// True if its access tokens must be bound to a key.
    pub dpop_bound_access_tokens: Option<bool>,
}

impl ClientRulesEdit {
    /// The rules as the edit leaves them.
    pub fn of(self, before: ClientRules) -> ClientRules {
        ClientRules {
            require_pushed_authorization_requests: self
                .require_pushed_authorization_requests
                .unwrap_or(before.require_pushed_authorization_requests),
            dpop_bound_access_tokens: self
                .dpop_bound_access_tokens
                .unwrap_or(before.dpop_bound_access_tokens),
        }
    }
}

impl ClientRules {
    /// Reads the stored form. A rule of a later release is left out.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
    /// The stored form.
    pub fn to_text(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_from_rows_of_this_release_and_of_the_next_and_an_edit_keeps_the_rest() {
        let pushed =
            ClientRules { require_pushed_authorization_requests: true, ..ClientRules::default() };
        assert_eq!(ClientRules::from_text(&pushed.to_text()), Some(pushed));
        let newer = r#"{"of_a_later_release":[1]}"#;
        assert_eq!(ClientRules::from_text(newer), Some(ClientRules::default()));
        for damaged in ["", "null", r#"{"dpop_bound_access_tokens":"yes"}"#] {
            assert_eq!(ClientRules::from_text(damaged), None, "{damaged}");
        }
        let edit =
            ClientRulesEdit { dpop_bound_access_tokens: Some(true), ..ClientRulesEdit::default() };
        let both = ClientRules { dpop_bound_access_tokens: true, ..pushed };
        assert_eq!(edit.of(pushed), both);
        assert_eq!(ClientRulesEdit::default().of(both), both);
    }
}
