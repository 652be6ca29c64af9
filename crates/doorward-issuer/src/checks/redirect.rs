//! The redirect URI of an authorization request (OAuth 2.1 §4.1.1, RFC 8252 §7.3).

use doorward_model::{OAuthErrorCode, Reason, RedirectUri};

use crate::Failure;

/// A redirect URI that is refused. No response may be sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedirectRefusal {
    #[error("redirect_uri is missing, and the client has several")]
    Ambiguous,
    #[error("the client did not register this redirect_uri")]
    Unregistered,
}

impl From<RedirectRefusal> for Failure {
    fn from(refusal: RedirectRefusal) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, refusal.to_string()).because(Reason::RedirectUri)
    }
}

/// The URI to which the answer goes: the presented one, if the client registered it, or the only
/// registered one. It is returned as written, so that no byte of it changes on the way.
pub(crate) fn redirect_uri<'a>(
    registered: &'a [RedirectUri],
    presented: Option<&'a str>,
) -> Result<&'a str, RedirectRefusal> {
    match (presented, registered) {
        (None, [only]) => Ok(only.as_str()),
        (None, _) => Err(RedirectRefusal::Ambiguous),
        (Some(presented), _) if registered.iter().any(|uri| uri.accepts(presented)) => {
            Ok(presented)
        }
        (Some(_), _) => Err(RedirectRefusal::Unregistered),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registered(uris: &[&str]) -> Vec<RedirectUri> {
        uris.iter().map(|uri| RedirectUri::from_stored((*uri).to_owned())).collect()
    }

    #[test]
    fn without_a_redirect_uri_the_only_registered_one_is_meant() {
        let one = registered(&["https://a.example/cb"]);
        assert_eq!(redirect_uri(&one, None), Ok("https://a.example/cb"));
        let two = registered(&["https://a.example/cb", "https://a.example/other"]);
        assert_eq!(redirect_uri(&two, None), Err(RedirectRefusal::Ambiguous));
        assert_eq!(redirect_uri(&[], None), Err(RedirectRefusal::Ambiguous));
        assert_eq!(
            redirect_uri(&two, Some("https://a.example/other")),
            Ok("https://a.example/other")
        );
    }

    proptest! {
        /// RFC 9700 §2.1: exact comparison, so that nothing appended or changed is followed.
        #[test]
        fn a_web_redirect_uri_is_accepted_as_registered_and_in_no_other_spelling(
            path in "[a-z/]{0,12}", presented in "https://(a\\.example|evil\\.example)[a-z/?#.:@]{0,12}"
        ) {
            let uri = format!("https://a.example/{path}");
            let known = registered(&[&uri]);
            prop_assert_eq!(redirect_uri(&known, Some(&uri)), Ok(uri.as_str()));
            if presented != uri {
                prop_assert_eq!(
                    redirect_uri(&known, Some(&presented)),
                    Err(RedirectRefusal::Unregistered)
                );
            }
        }

        /// RFC 8252 §7.3: the port is chosen when the client starts, everything else is registered.
        #[test]
        fn the_port_of_a_loopback_redirect_uri_is_free_and_its_path_is_not(
            port in 1_u16.., path in "[a-z]{1,8}", other in "[a-z]{1,8}"
        ) {
            let known = registered(&[&format!("http://127.0.0.1/{path}")]);
            let presented = format!("http://127.0.0.1:{port}/{path}");
            prop_assert_eq!(redirect_uri(&known, Some(&presented)), Ok(presented.as_str()));
            if other != path {
                let elsewhere = format!("http://127.0.0.1:{port}/{other}");
                prop_assert!(redirect_uri(&known, Some(&elsewhere)).is_err());
            }
            let host = format!("http://127.0.0.2:{port}/{path}");
            prop_assert!(redirect_uri(&known, Some(&host)).is_err());
        }

        #[test]
        fn any_text_is_refused_without_a_panic(presented in ".{0,64}") {
            let known = registered(&["https://a.example/cb", "http://127.0.0.1/cb"]);
            if let Ok(accepted) = redirect_uri(&known, Some(&presented)) {
                prop_assert!(known.iter().any(|uri| uri.accepts(accepted)));
            }
        }
    }
}
