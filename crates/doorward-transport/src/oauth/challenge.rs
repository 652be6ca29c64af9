//! Challenges of resource servers (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section
//! 5.1), in every spelling that servers use.

use http::{HeaderMap, header};

/// The parameters of a challenge that are used. Empty ones count as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The URL of the metadata of the resource.
    pub resource_metadata: Option<String>,
    /// The scopes that a token needs.
    pub scope: Option<String>,
    /// The error code.
    pub error: Option<String>,
}

impl Challenge {
    /// The challenges of a response as one text: they may be in several headers, and descriptions
    /// in them may hold letters that a header should not have.
    pub fn text(headers: &HeaderMap) -> String {
        let all: Vec<_> = headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        all.join(", ")
    }

    /// Reads challenges: in any order, quoted in any way or not at all, of any case, and also with
    /// other separators than commas. The first value of a parameter counts, and what cannot be read
    /// counts as absent.
    pub fn read(text: &str) -> Self {
        let mut found = Self::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let name = before.trim_end().rsplit([' ', ',', ';', '\t']).next().unwrap_or_default();
            let (value, remaining) = value(after.trim_start());
            let place = match name.to_ascii_lowercase().as_str() {
                "resource_metadata" => Some(&mut found.resource_metadata),
                "scope" => Some(&mut found.scope),
                "error" => Some(&mut found.error),
                _ => None,
            };
            if let Some(place) = place {
                let value = value.trim();
                if place.is_none() && !value.is_empty() {
                    *place = Some(value.to_owned());
                }
            }
            rest = remaining;
        }
        found
    }
}

/// The value of a parameter, and the text behind it.
fn value(text: &str) -> (String, &str) {
    let quoted = |quote: char| text.strip_prefix(quote);
    if let Some(quoted) = quoted('"') {
        let mut value = String::new();
        let mut letters = quoted.char_indices();
        let mut end = quoted.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
                '"' => {
                    end = at + 1;
                    break;
                }
                other => value.push(other),
            }
        }
        return (value, quoted.get(end..).unwrap_or_default());
    }
    if let Some((value, rest)) = quoted('\'').and_then(|quoted| quoted.split_once('\'')) {
        return (value.to_owned(), rest);
    }
    let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    (value.trim_end_matches(';').to_owned(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn g18_challenges_are_read_whatever_their_order_quoting_case_and_separators() {
        for header in [
            r#"Bearer resource_metadata="https://a.example/x", scope="a b""#,
            r#"Bearer error="invalid_token", error_description="a=b, \"c\"", scope="a b", resource_metadata="https://a.example/x""#,
            r#"Basic realm="x", Bearer scope="a b",resource_metadata=https://a.example/x"#,
            r#"Negotiate YWI=, bearer Scope = "a b" , Resource_Metadata= "https://a.example/x""#,
            r#"Negotiate YWI==, Digest qop="auth", BEARER SCOPE="a b"	RESOURCE_METADATA=https://a.example/x	, DPoP algs="ES256""#,
            r#"Bearer resource_metadata="https://a.example/x"; scope="a b""#,
            r#"Bearer resource_metadata="https://a.example/x";scope="a b";error=x"#,
            "Bearer resource_metadata='https://a.example/x', scope='a b'",
            r#"Bearer resource_metadata=https://a.example/x; scope="a b""#,
            r#"Bearer resource_metadata="https://a.example/x" scope="a b""#,
            r#"Bearer,resource_metadata="https://a.example/x",,scope=" a b ""#,
            r#"Bearer error_description="accès refusé", scope="a b", resource_metadata="https://a.example/x""#,
            r#"Bearer scope="", resource_metadata="", resource_metadata="https://a.example/x", scope="a b""#,
        ] {
            let read = Challenge::read(header);
            assert_eq!(
                (read.resource_metadata.as_deref(), read.scope.as_deref()),
                (Some("https://a.example/x"), Some("a b")),
                "{header}"
            );
        }
        for nothing in ["", "Bearer", "Bearer realm", "===", "\"", "a=\"\\", "scope=\"\""] {
            assert_eq!(Challenge::read(nothing), Challenge::default(), "{nothing}");
        }
    }

    #[test]
    fn several_headers_and_letters_that_a_header_should_not_have_hide_no_challenge() {
        let mut headers = HeaderMap::new();
        let add = |headers: &mut HeaderMap, value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(header::WWW_AUTHENTICATE, value);
        };
        add(&mut headers, b"Basic realm=\"a\"");
        add(&mut headers, b"Bearer error=\"invalid_token\", error_description=\"refus\xe9\"");
        add(&mut headers, "Bearer scope=\"a\", error_description=\"refusé\"".as_bytes());
        let read = Challenge::read(&Challenge::text(&headers));
        assert_eq!(read.error.as_deref(), Some("invalid_token"));
        assert_eq!(read.scope.as_deref(), Some("a"));
        assert_eq!(Challenge::text(&HeaderMap::new()), "");
    }
}
