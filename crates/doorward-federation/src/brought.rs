//! The claims that rules read, compared with the scopes that are requested.

use crate::{
    kinds::{KnownClaim, SentClaims},
    protocol::{CheckSubject, Finding, Offered},
    provider::Provider,
};

/// The state of a claim.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// It comes with the requested scopes.
    Sent,
    /// One of these scopes brings it, and none is requested.
    Needs(&'static [&'static str]),
    /// The kind never sends it.
    Never,
    /// A scope of its name is offered, and not requested.
    Offered,
    /// The provider's document lists the claims that it sends, and this is none of them.
    Unlisted,
    /// Depends on the provider.
    Unknown,
}

/// The first part of a JSON pointer, or the name.
fn member(claim: &str) -> &str {
    claim.strip_prefix('/').map_or(claim, |path| path.split('/').next().unwrap_or_default())
}

fn state(claim: &str, sent: SentClaims, requested: &[String], offered: &Offered) -> State {
    let asks = |scope: &str| requested.iter().any(|one| one == scope);
    let lists = |names: &Option<Vec<String>>| {
        names.as_ref().map(|names| names.iter().any(|name| name == member(claim)))
    };
    let found = sent
        .known
        .iter()
        .flat_map(|part| part.iter())
        .find(|known| known.name == claim || known.name == member(claim));
    match found {
        Some(KnownClaim { scopes, .. })
            if scopes.is_empty() || scopes.iter().any(|scope| asks(scope)) =>
        {
            State::Sent
        }
        Some(KnownClaim { scopes, .. }) => State::Needs(scopes),
        None if !sent.others => State::Never,
        None if asks(member(claim)) => State::Sent,
        None => match (lists(&offered.scopes), lists(&offered.claims)) {
            (Some(true), _) => State::Offered,
            (_, Some(false)) => State::Unlisted,
            (_, Some(true) | None) => State::Unknown,
        },
    }
}

/// The finding about the claims that rules read; `None` if no rule reads any.
pub(crate) fn finding(provider: &Provider, offered: &Offered) -> Option<Finding> {
    let rules = provider.rules();
    let requested = provider.protocol.scopes(offered);
    let sent = provider.kind.sent;
    let (mut wrong, mut remarks) = (Vec::new(), Vec::new());
    for rule in &rules {
        let (text, claim) = (&rule.text, rule.claim);
        match state(claim, sent, &requested, offered) {
            State::Sent => {}
            State::Needs(scopes) => wrong.push(format!(
                "the rule \"{text}\" reads the claim {claim}, which the scope {} brings; requested are {}. Add it to scopes",
                scopes.join(" or "),
                requested.join(", ")
            )),
            State::Never => wrong.push(format!(
                "the rule \"{text}\" reads the claim {claim}, which {} does not send; the rule never holds",
                provider.kind.title
            )),
            State::Offered => remarks.push(format!(
                "warning: the rule \"{text}\" reads the claim {claim}; the provider offers a scope {}, which is not requested. Add it to scopes if sign-ins do not bring the claim",
                member(claim)
            )),
            State::Unlisted => remarks.push(format!(
                "warning: the rule \"{text}\" reads the claim {claim}, which no requested scope ({}) is known to bring and the provider does not list among its claims",
                requested.join(", ")
            )),
            State::Unknown => remarks.push(format!(
                "the rule \"{text}\" reads the claim {claim}; whether the provider sends it depends on its settings, and a sign-in shows it"
            )),
        }
    }
    if rules.is_empty() {
        return None;
    }
    let result = if !wrong.is_empty() {
        Err(wrong.into_iter().chain(remarks).collect::<Vec<_>>().join("; "))
    } else if remarks.is_empty() {
        Ok("the requested scopes bring every claim that a rule reads".to_owned())
    } else {
        Ok(remarks.join("; "))
    };
    Some(Finding { subject: CheckSubject::Claims, result })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{KINDS, named};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_scope_of_a_claim_is_known_from_the_kind_and_then_from_the_provider() {
        let nothing = Offered::default();
        let offered = Offered {
            scopes: Some(words(&["openid", "groups"])),
            claims: Some(words(&["sub", "department"])),
        };
        let of = |kind: &str, claim: &str, scopes: &[&str], offered: &Offered| {
            let sent = named(kind).unwrap().sent;
            state(claim, sent, &words(scopes), offered)
        };
        for (kind, claim, scopes, expected) in [
            ("oidc", "email", &["openid", "profile"][..], State::Needs(&["email"])),
            ("oidc", "email", &["openid", "email"], State::Sent),
            ("oidc", "/address/country", &["openid"], State::Needs(&["address"])),
            ("oidc", "amr", &["openid"], State::Sent),
            ("google", "hd", &["openid"], State::Sent),
            ("google", "groups", &["openid", "profile", "email"], State::Never),
            (
                "github",
                "groups",
                &["read:user"],
                State::Needs(&["read:org", "write:org", "admin:org", "user"]),
            ),
            ("github", "company", &["read:user"], State::Never),
            ("okta", "groups", &["openid"], State::Needs(&["groups"])),
            ("keycloak", "/realm_access/roles", &["openid"], State::Sent),
            ("mattermost", "roles", &[], State::Unknown),
            ("oauth2", "/data/team", &[], State::Unknown),
            ("oidc", "groups", &["openid", "groups"], State::Sent),
            ("oidc", "groups", &["openid"], State::Unknown),
        ] {
            assert_eq!(of(kind, claim, scopes, &nothing), expected, "{kind} {claim}");
        }
        assert_eq!(of("oidc", "groups", &["openid"], &offered), State::Offered);
        assert_eq!(of("oidc", "department", &["openid"], &offered), State::Unknown);
        assert_eq!(of("oidc", "/team/name", &["openid"], &offered), State::Unlisted);
        for kind in KINDS {
            assert!(kind.sent.others || !kind.sent.known.is_empty(), "{}", kind.name);
        }
    }
}
