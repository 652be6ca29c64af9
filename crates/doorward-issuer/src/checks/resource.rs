//! The resources that a request names (RFC 8707 §2).

use doorward_model::{OAuthErrorCode, Resource};

use crate::Failure;

/// A resource that is not among those that the request may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource is not one of this server's, or not part of the grant")]
pub(crate) struct UnknownResource;

impl From<UnknownResource> for Failure {
    fn from(unknown: UnknownResource) -> Self {
        Self::new(OAuthErrorCode::InvalidTarget, unknown.to_string())
    }
}

/// The resources that `presented` names, each once. Every one must be among `known`; none is named
/// by an empty list.
pub(crate) fn named(
    presented: &[String],
    known: &[Resource],
) -> Result<Vec<Resource>, UnknownResource> {
    let mut found = Vec::with_capacity(presented.len());
    for presented in presented {
        let resource = Resource::find(known, presented).ok_or(UnknownResource)?;
        if !found.contains(&resource) {
            found.push(resource);
        }
    }
    Ok(found)
}

/// The resources of a token: those named, or all of the grant if none is named.
pub(crate) fn of_token(
    presented: &[String],
    granted: &[Resource],
) -> Result<Vec<Resource>, UnknownResource> {
    if presented.is_empty() { Ok(granted.to_vec()) } else { named(presented, granted) }
}

/// The resources of an authorization: those named, or the first of the server's, which is the
/// aggregate endpoint and not everything there is (A27, I11).
pub(crate) fn of_authorization(
    presented: &[String],
    served: &[Resource],
) -> Result<Vec<Resource>, UnknownResource> {
    if presented.is_empty() {
        Ok(served.first().cloned().into_iter().collect())
    } else {
        named(presented, served)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn served() -> Vec<Resource> {
        ["https://a.example/mcp", "https://a.example/mcp/mail", "https://a.example/api/admin"]
            .map(|text| Resource::from_stored(text.to_owned()))
            .to_vec()
    }

    #[test]
    fn without_a_resource_an_authorization_is_for_the_aggregate_and_a_token_for_the_whole_grant() {
        let served = served();
        assert_eq!(of_authorization(&[], &served).unwrap(), served[..1]);
        assert_eq!(of_token(&[], &served[1..]).unwrap(), served[1..]);
        let mail = ["https://a.example/mcp/mail".to_owned()];
        assert_eq!(of_authorization(&mail, &served).unwrap(), served[1..2]);
        assert_eq!(of_token(&mail, &served).unwrap(), served[1..2]);
        assert_eq!(of_token(&mail, &served[..1]), Err(UnknownResource));
    }

    proptest! {
        #[test]
        fn what_is_found_was_named_is_known_and_is_there_once(
            picks in prop::collection::vec((0_usize..3, any::<bool>()), 1..12)
        ) {
            let known = served();
            let presented: Vec<String> = picks
                .iter()
                .map(|(at, slash)| {
                    format!("{}{}", known[*at].as_str(), if *slash { "/" } else { "" })
                })
                .collect();
            let found = named(&presented, &known).unwrap();
            prop_assert!(found.iter().all(|resource| known.contains(resource)));
            for (at, resource) in known.iter().enumerate() {
                let asked = picks.iter().any(|(pick, _)| *pick == at);
                let times = found.iter().filter(|found| *found == resource).count();
                prop_assert_eq!(times, usize::from(asked));
            }
        }

        #[test]
        fn one_unknown_resource_refuses_the_whole_request(text in ".{1,40}", at in 0_usize..3) {
            let known = served();
            prop_assume!(Resource::find(&known, &text).is_none());
            let mut presented: Vec<String> =
                known.iter().map(|resource| resource.as_str().to_owned()).collect();
            presented.insert(at, text);
            prop_assert_eq!(named(&presented, &known), Err(UnknownResource));
        }
    }
}
