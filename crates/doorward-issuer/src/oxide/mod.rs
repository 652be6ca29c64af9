//! The rules of the code flow: `oxide-auth`, entered by one function in each direction.
//!
//! [`check_authorization`] judges an authorization request, [`check_exchange`] the exchange of its
//! code; [`includes`] compares scopes. The library's state machines do no input or output: they are
//! created from a request, supplied with Doorward's data, and left where they would ask for a scope
//! or a token, because from that point they return their input. The division of decisions between
//! them and Doorward is in docs/decisions/0026-rules-of-the-code-flow.md.

mod authorization;
mod exchange;

use doorward_model::ScopeSet;
use oxide_auth::primitives::scope::Scope;

pub(crate) use authorization::check_authorization;
pub(crate) use exchange::check_exchange;

/// The scopes as the library compares them: plain sets, so everything that is implied is spelt out.
fn spelt_out(scopes: &ScopeSet) -> Option<Scope> {
    scopes.closure().to_string().parse().ok()
}

/// Reports that all of `asked` is part of `granted` (RFC 6749 §6).
pub(crate) fn includes(granted: &ScopeSet, asked: &ScopeSet) -> bool {
    match (spelt_out(granted), asked.to_string().parse::<Scope>()) {
        (Some(granted), Ok(asked)) => granted.priviledged_to(&asked),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes() -> impl Strategy<Value = ScopeSet> {
        let names =
            ["mcp:read", "mcp:write", "mcp:destructive", "mcp:write:mail", "offline_access"];
        prop::collection::vec(prop::sample::select(names.to_vec()), 0..5)
            .prop_map(|names| ScopeSet::parse_known(&names.join(" ")))
    }

    proptest! {
        #[test]
        fn a_grant_includes_itself_and_all_that_it_implies(granted in scopes()) {
            prop_assert!(includes(&granted, &granted));
            prop_assert!(includes(&granted, &granted.closure()));
            prop_assert!(includes(&granted, &granted.normalised()));
        }

        #[test]
        fn what_is_included_is_covered(granted in scopes(), asked in scopes()) {
            if includes(&granted, &asked) {
                prop_assert!(granted.covers(&asked));
            }
        }
    }
}
