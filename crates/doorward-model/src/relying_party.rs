//! Relying parties: clients through which users sign in to other applications (OpenID Connect Core
//! §1.2).

use serde::{Deserialize, Serialize};

use crate::{
    ScopeSet, Timestamp,
    id::{ClientId, SessionId, UserId},
};

/// The settings of a client as a relying party. Only administrators give them to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelyingParty {
    /// The host for which subjects are made, so that relying parties of different hosts cannot
    /// compare their users (OpenID Connect Core §8.1); `None` for the user's own identifier.
    pub sector: Option<String>,
    /// True if userinfo is answered as a signed token (§5.3.2).
    pub signed_userinfo: bool,
    /// The URLs to which a browser may be redirected after signing out, compared as they are
    /// (OpenID Connect RP-Initiated Logout 1.0 §3.1).
    pub post_logout_redirect_uris: Vec<String>,
    /// The URL that is told when a session of its users ends (OpenID Connect Back-Channel Logout
    /// 1.0 §2.2).
    pub backchannel_logout_uri: Option<String>,
    /// True if the relying party needs `sid` in logout tokens. They always have it.
    pub backchannel_logout_session_required: bool,
}

impl RelyingParty {
    /// Reads the stored form.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
    /// The stored form.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The use of a browser session by a relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingSession {
    /// The identifier of the session as this relying party knows it (`sid`): random, so that
    /// relying parties cannot compare it.
    pub sid: String,
    /// The session.
    pub session_id: SessionId,
    /// The relying party.
    pub client_id: ClientId,
    /// The user.
    pub user_id: UserId,
    /// The scopes that the user allowed in this session.
    pub scopes: ScopeSet,
    /// The time of the first of them.
    pub created_at: Timestamp,
}

/// The use of a session that ended, of which the relying party is not told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedUse {
    /// The use.
    pub used: RelyingSession,
    /// The time at which the relying party is told; `None` if no attempt was planned yet.
    pub due_at: Option<Timestamp>,
    /// The attempts so far.
    pub tries: i64,
    /// The settings of the relying party, where it was removed since.
    pub removed: Option<RelyingParty>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_rows_of_this_release_and_of_the_next() {
        let pairwise = RelyingParty {
            sector: Some("a.example".to_owned()),
            signed_userinfo: true,
            post_logout_redirect_uris: vec!["https://a.example/bye".to_owned()],
            backchannel_logout_uri: Some("https://a.example/logout".to_owned()),
            backchannel_logout_session_required: true,
        };
        let older = r#"{"sector":null,"signed_userinfo":false}"#;
        assert_eq!(RelyingParty::from_text(older), Some(RelyingParty::default()));
        assert_eq!(RelyingParty::from_text(&pairwise.to_text()), Some(pairwise));
        let newer = r#"{"sector":null,"of_a_later_release":[1]}"#;
        assert_eq!(RelyingParty::from_text(newer), Some(RelyingParty::default()));
        for damaged in ["", "null", "[", r#"{"sector":7}"#] {
            assert_eq!(RelyingParty::from_text(damaged), None, "{damaged}");
        }
    }
}
