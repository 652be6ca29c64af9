//! The cached values that a write makes stale.

/// One cached value, or all of a kind where a change touches rows that it does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invalidation {
    User(String),
    Users,
    Client(String),
    Grant(String),
    Grants,
    Session(String),
    Sessions,
    SigningKeys,
    Settings,
    Providers,
    Upstreams,
    Resources,
    Toolsets,
    Trusts,
    Pinned(String),
    Connections(String),
    AccessTokens,
    /// Nothing is stale: an answer has come for whichever replica waits for it.
    Answers(String),
    Everything,
}

impl Invalidation {
    /// The text of a notification between replicas.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::User(id) => format!("user {id}"),
            Self::Users => "users".to_owned(),
            Self::Client(id) => format!("client {id}"),
            Self::Grant(id) => format!("grant {id}"),
            Self::Grants => "grants".to_owned(),
            Self::Session(token) => format!("session {token}"),
            Self::Sessions => "sessions".to_owned(),
            Self::SigningKeys => "signing_keys".to_owned(),
            Self::Settings => "settings".to_owned(),
            Self::Providers => "providers".to_owned(),
            Self::Upstreams => "upstreams".to_owned(),
            Self::Resources => "resources".to_owned(),
            Self::Toolsets => "toolsets".to_owned(),
            Self::Trusts => "trusts".to_owned(),
            Self::Pinned(name) => format!("pinned {name}"),
            Self::Connections(user_id) => format!("connections {user_id}"),
            Self::AccessTokens => "access_tokens".to_owned(),
            Self::Answers(id) => format!("answers {id}"),
            Self::Everything => "everything".to_owned(),
        }
    }

    /// Reads a notification; one of a newer version that is not understood makes everything stale.
    pub(crate) fn from_text(text: &str) -> Self {
        match text.split_once(' ') {
            Some(("user", id)) => Self::User(id.to_owned()),
            Some(("client", id)) => Self::Client(id.to_owned()),
            Some(("grant", id)) => Self::Grant(id.to_owned()),
            Some(("session", token)) => Self::Session(token.to_owned()),
            Some(("pinned", name)) => Self::Pinned(name.to_owned()),
            Some(("connections", user_id)) => Self::Connections(user_id.to_owned()),
            Some(("answers", id)) => Self::Answers(id.to_owned()),
            None if text == "users" => Self::Users,
            None if text == "upstreams" => Self::Upstreams,
            None if text == "resources" => Self::Resources,
            None if text == "toolsets" => Self::Toolsets,
            None if text == "trusts" => Self::Trusts,
            None if text == "grants" => Self::Grants,
            None if text == "sessions" => Self::Sessions,
            None if text == "signing_keys" => Self::SigningKeys,
            None if text == "settings" => Self::Settings,
            None if text == "providers" => Self::Providers,
            None if text == "access_tokens" => Self::AccessTokens,
            _ => Self::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_survive_the_trip_and_unknown_ones_empty_the_caches() {
        for stale in [
            Invalidation::User("u".into()),
            Invalidation::Users,
            Invalidation::Grant("g".into()),
            Invalidation::Grants,
            Invalidation::Session("s".into()),
            Invalidation::Sessions,
            Invalidation::SigningKeys,
            Invalidation::Settings,
            Invalidation::Providers,
            Invalidation::Upstreams,
            Invalidation::Resources,
            Invalidation::Toolsets,
            Invalidation::Trusts,
            Invalidation::Pinned("wiki".into()),
            Invalidation::Connections("u".into()),
            Invalidation::AccessTokens,
            Invalidation::Answers("a".into()),
        ] {
            assert_eq!(Invalidation::from_text(&stale.to_text()), stale);
        }
        assert_eq!(Invalidation::from_text("tools x"), Invalidation::Everything);
    }
}
