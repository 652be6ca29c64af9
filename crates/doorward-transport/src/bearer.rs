//! Bearer tokens in the `Authorization` header (RFC 6750 §2.1), where no other scheme is accepted.

use axum::http::{HeaderMap, header};

/// The token of a request; `None` for another scheme, for no token, and for more than one header.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_header_with_one_token_of_the_scheme_counts() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            token(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bEARER  abc "]).as_deref(), Some("abc"));
        for refused in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["abc"],
            &["Basic abc"],
            &["DPoP abc"],
            &["Bearer abc", "Bearer def"],
            &["Bearer abc", "Basic def"],
        ] {
            assert_eq!(read(refused), None, "{refused:?}");
        }
    }
}
