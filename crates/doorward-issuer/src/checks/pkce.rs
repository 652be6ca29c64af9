//! The form of PKCE values (RFC 7636 §4.1 and §4.2). The comparison itself is the protocol
//! library's; it does not check the form.

/// The length of a SHA-256 in base64url without padding.
const CHALLENGE: usize = 43;

/// 43 to 128 unreserved characters (RFC 3986 §2.3).
pub(crate) fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The form of a `code_challenge` of the method S256.
pub(crate) fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE && is_verifier(text)
}

#[cfg(test)]
mod tests {
    use doorward_model::PlainToken;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_and_characters_at_the_limits() {
        for (text, verifier, challenge) in [
            ("a".repeat(42), false, false),
            ("a".repeat(43), true, true),
            ("a".repeat(44), true, false),
            ("a".repeat(128), true, false),
            ("a".repeat(129), false, false),
            (format!("{}=", "a".repeat(42)), false, false),
            (format!("{}\u{e4}", "a".repeat(42)), false, false),
            (format!("{}+", "a".repeat(42)), false, false),
            (String::new(), false, false),
        ] {
            assert_eq!((is_verifier(&text), is_challenge(&text)), (verifier, challenge), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_hash_of_every_verifier_has_the_form_of_a_challenge(
            verifier in "[A-Za-z0-9._~-]{43,128}"
        ) {
            prop_assert!(is_verifier(&verifier));
            // The stored form of a token is its SHA-256 in base64url, as S256 requires.
            let challenge = PlainToken::presented(&verifier).hashed();
            prop_assert!(is_challenge(challenge.as_str()));
        }

        #[test]
        fn a_text_with_any_other_character_is_neither(
            before in "[A-Za-z0-9]{20,60}", strange in "[^A-Za-z0-9._~-]", after in "[A-Za-z0-9]{23,60}"
        ) {
            let text = format!("{before}{strange}{after}");
            prop_assert!(!is_verifier(&text) && !is_challenge(&text));
        }
    }
}
