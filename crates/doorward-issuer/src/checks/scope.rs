//! The scopes that a request names (RFC 6749 §3.3).

use doorward_model::{Client, ExternalResource, OAuthErrorCode, Scope, ScopeSet, UpstreamName};

use crate::{Failure, oxide};

/// A request of which no scope remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoScope {
    #[error(
        "none of the requested scopes exists here; known are mcp:read, mcp:write and mcp:destructive"
    )]
    Authorization,
    #[error("none of the requested scopes exists here")]
    Token,
    #[error("none of the requested scopes exists at this resource; its metadata lists them")]
    Resource,
    #[error(
        "a client with pairwise subjects signs users in and gets no token for another resource"
    )]
    Pairwise,
}

impl From<NoScope> for Failure {
    fn from(none: NoScope) -> Self {
        Self::new(OAuthErrorCode::InvalidScope, none.to_string())
    }
}

/// The scopes that an authorization request may be granted: of the requested ones, those that exist
/// and that the client may hold. `serves` reports an upstream of this name.
pub(crate) fn requested(
    asked: Option<&str>,
    client: &ScopeSet,
    serves: impl Fn(UpstreamName) -> bool,
) -> Result<ScopeSet, NoScope> {
    let asked = asked.map_or_else(ScopeSet::default_request, ScopeSet::parse_known);
    let possible: ScopeSet = asked
        .closure()
        .iter()
        .filter(|scope| !scope.is_identity())
        .filter(|scope| client.allows(*scope) && scope.upstream().is_none_or(&serves))
        .collect();
    if possible.is_empty() { Err(NoScope::Authorization) } else { Ok(possible.normalised()) }
}

/// The same for an external resource server. The user decides about its scopes, for any client
/// through which they sign in, unless it must not learn their identifier.
pub(crate) fn requested_at(
    asked: Option<&str>,
    client: &Client,
    external: &ExternalResource,
) -> Result<ScopeSet, NoScope> {
    if client.has_pairwise_subjects() {
        return Err(NoScope::Pairwise);
    }
    let possible: ScopeSet = external
        .requested(asked)
        .iter()
        .filter(|scope| scope.is_external() || client.scopes.allows(*scope))
        .collect();
    let is_any = possible.iter().any(|scope| scope != Scope::OfflineAccess);
    if is_any { Ok(possible.normalised()) } else { Err(NoScope::Resource) }
}

/// The scopes of a request that signs a user in to a relying party, of those that it names; none
/// without `openid` (OpenID Connect Core §3.1.2.1).
pub(crate) fn of_identity(asked: Option<&str>, client: &Client) -> ScopeSet {
    let may = |scope: &Scope| scope.is_identity() && client.scopes.contains(*scope);
    let named = ScopeSet::parse_known(asked.unwrap_or_default());
    let named: ScopeSet = named.iter().filter(may).collect();
    if client.openid.is_some() && named.contains(Scope::OpenId) {
        named
    } else {
        ScopeSet::default()
    }
}

/// The scopes to which a token request narrows its grant; `None` if it names none.
pub(crate) fn narrowed(asked: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
    match asked.map(ScopeSet::from_stored) {
        Some(scopes) if scopes.is_empty() => Err(NoScope::Token),
        scopes => Ok(scopes),
    }
}

/// The scopes of a token: of those that a request names, the ones that can be meant. Clients repeat
/// their original request here, with scopes that do not exist or were implied (N7).
pub(crate) fn of_token(asked: Option<&ScopeSet>, held: &ScopeSet) -> Result<ScopeSet, Failure> {
    let Some(asked) = asked else { return Ok(held.clone()) };
    let other = |scope: &Scope| scope.is_external() || scope.is_identity();
    let asked: ScopeSet =
        asked.iter().filter(|scope| !other(scope) || held.contains(*scope)).collect();
    if asked.is_empty() {
        return Err(NoScope::Token.into());
    }
    if !oxide::includes(held, &asked) {
        let why = "the scope exceeds what was given";
        return Err(Failure::new(OAuthErrorCode::InvalidScope, why));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 8] = [
        "mcp:read",
        "mcp:write",
        "mcp:destructive",
        "mcp:write:mail",
        "mcp:read:gone",
        "admin",
        "offline_access",
        "openid",
    ];

    fn serves(name: UpstreamName) -> bool {
        name.as_str() == "mail"
    }

    fn list() -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(NAMES.to_vec()), 1..8)
    }

    #[test]
    fn unknown_scopes_are_dropped_and_a_request_of_nothing_else_is_refused() {
        let all = ScopeSet::all();
        let text = |asked| requested(asked, &all, serves).map(|scopes| scopes.to_string());
        assert_eq!(text(None).as_deref(), Ok("mcp:read"));
        assert_eq!(text(Some("openid mcp:write")).as_deref(), Ok("mcp:write"));
        assert_eq!(text(Some("openid profile")), Err(NoScope::Authorization));
        assert_eq!(text(Some("mcp:read:gone")), Err(NoScope::Authorization));
        assert_eq!(text(Some("admin")), Err(NoScope::Authorization));
        assert_eq!(narrowed(None), Ok(None));
        assert_eq!(narrowed(Some("unknown\"")), Err(NoScope::Token));
        let held = ScopeSet::from_stored("mcp:write notes:read");
        let token = |asked: &str| {
            of_token(narrowed(Some(asked)).unwrap().as_ref(), &held)
                .map(|scopes| scopes.to_string())
                .map_err(|failure| failure.code)
        };
        assert_eq!(token("mcp:read unknown").as_deref(), Ok("mcp:read"));
        assert_eq!(token("openid email mcp:read").as_deref(), Ok("mcp:read"));
        assert_eq!(token("notes:read notes:write").as_deref(), Ok("notes:read"));
        for beyond in ["unknown", "openid", "notes:write", "mcp:destructive", "mcp:read admin"] {
            assert_eq!(token(beyond), Err(OAuthErrorCode::InvalidScope), "{beyond}");
        }
        assert_eq!(of_token(None, &held), Ok(held.clone()));
    }

    proptest! {
        #[test]
        fn nothing_is_granted_that_the_client_may_not_hold_or_that_was_not_asked_for(
            asked in list(), held in list()
        ) {
            let client = ScopeSet::parse_known(&held.join(" "));
            let text = asked.join(" ");
            if let Ok(granted) = requested(Some(&text), &client, serves) {
                prop_assert!(client.covers(&granted));
                prop_assert!(ScopeSet::parse_known(&text).covers(&granted));
                prop_assert!(granted.iter().all(|scope| scope.upstream().is_none_or(serves)));
                prop_assert_eq!(granted.normalised(), granted.clone());
            }
        }

        #[test]
        fn unknown_words_and_the_order_change_nothing(
            asked in list(), words in prop::collection::vec("[a-z\"\\\\]{1,8}", 0..4)
        ) {
            let all = ScopeSet::all();
            let strange: Vec<&str> = words
                .iter()
                .map(String::as_str)
                .filter(|word| doorward_model::Scope::named(word).is_none())
                .collect();
            let plain = requested(Some(&asked.join(" ")), &all, serves);
            let turned: Vec<&str> = strange.into_iter().chain(asked.into_iter().rev()).collect();
            prop_assert_eq!(requested(Some(&turned.join(" ")), &all, serves), plain);
        }
    }
}
