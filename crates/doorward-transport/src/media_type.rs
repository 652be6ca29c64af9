//! Media types in headers: the one place where `Content-Type` and `Accept` are read (RFC 9110
//! §8.3.1 and §12.5.1).

use axum::http::{HeaderMap, header};
use mediatype::{MediaType, MediaTypeList, Name, ReadParams, names};

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// The media type of a stream of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";
/// The media type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A media type that a message states, without regard to case and parameters.
#[derive(Clone, Debug)]
pub struct Media<'a>(MediaType<'a>);

impl<'a> Media<'a> {
    /// Reads the value of a `Content-Type`. Parameters that cannot be read cost only themselves.
    pub fn parse(value: &'a str) -> Option<Self> {
        let value = value.trim();
        MediaType::parse(value).or_else(|_| MediaType::parse(bare(value))).ok().map(Self)
    }

    /// Reads the `Content-Type` of a message.
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        Self::parse(headers.get(header::CONTENT_TYPE)?.to_str().ok()?)
    }

    /// Compares with a media type in lower case and without parameters.
    pub fn is(&self, essence: &str) -> bool {
        MediaType::parse(essence).is_ok_and(|wanted| {
            wanted.ty == self.0.ty && wanted.subty == self.0.subty && wanted.suffix == self.0.suffix
        })
    }

    /// Reports JSON: `application/json`, its old name `text/json`, or any `application` type with the
    /// suffix `+json` (RFC 6839 §3.1).
    pub fn is_json(&self) -> bool {
        self.is(JSON)
            || self.is("text/json")
            || (self.0.ty == names::APPLICATION && self.0.suffix == Some(names::JSON))
    }
}

/// The type and subtype of a media type or a range of them, without parameters, in lower case.
pub fn essence(text: &str) -> String {
    bare(text).to_ascii_lowercase()
}

fn bare(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// A parameter of a media type, without its quotes.
pub fn parameter<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// Reports a message with this media type as its `Content-Type`, whatever its parameters.
pub fn is(headers: &HeaderMap, essence: &str) -> bool {
    let told = headers.get(header::CONTENT_TYPE);
    told.is_some_and(|told| told == essence)
        || Media::of(headers).is_some_and(|media| media.is(essence))
}

/// The precision with which an `Accept` names a media type; the most precise one decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Any,
    TopLevel,
    Exact,
}

/// True if the only `Accept` is a list of media types without ranges and weights, as those of most
/// clients are, and this one is among them.
fn names_plainly(headers: &HeaderMap, essence: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b',' | b' ');
    value.to_str().is_ok_and(|text| {
        text.bytes().all(is_plain)
            && text.split(',').any(|one| one.trim().eq_ignore_ascii_case(essence))
    })
}

/// True for `*`, as older Java clients write the range of all media types, with a weight above 0.
fn abbreviates_all(range: &str) -> bool {
    let weight = || parameter(range, "q").and_then(|weight| weight.trim().parse::<f32>().ok());
    bare(range) == "*" && weight().is_none_or(|weight| weight > 0.0)
}

/// Reports a request that accepts a media type. A request without `Accept` accepts every media type
/// (RFC 9110 §12.5.1).
pub fn accepts(headers: &HeaderMap, essence: &str) -> bool {
    if names_plainly(headers, essence) {
        return true;
    }
    let Ok(wanted) = MediaType::parse(essence) else { return false };
    let star = |name: Name<'_>| name == names::_STAR;
    let mut decides: Option<(Precision, bool)> = None;
    let mut stated = false;
    for value in headers.get_all(header::ACCEPT) {
        let Ok(value) = value.to_str() else { continue };
        stated |= !value.trim().is_empty();
        if value.split(',').any(abbreviates_all) {
            decides.get_or_insert((Precision::Any, true));
        }
        for range in MediaTypeList::new(value).flatten() {
            let precision = match (star(range.ty), star(range.subty)) {
                (true, true) => Precision::Any,
                (false, true) if range.ty == wanted.ty => Precision::TopLevel,
                (false, false)
                    if range.ty == wanted.ty
                        && range.subty == wanted.subty
                        && range.suffix == wanted.suffix =>
                {
                    Precision::Exact
                }
                _ => continue,
            };
            let refused = range
                .get_param(names::Q)
                .and_then(|quality| quality.as_str().parse::<f32>().ok())
                .is_some_and(|quality| quality <= 0.0);
            if decides.is_none_or(|(best, _)| precision >= best) {
                decides = Some((precision, !refused));
            }
        }
    }
    decides.map_or(!stated, |(_, accepted)| accepted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn case_and_parameters_do_not_count() {
        for value in [
            "application/json",
            "Application/JSON",
            "application/json;charset=UTF-8",
            "application/json ; charset=utf-8",
            "application/json; charset=\"utf-8\"",
            "application/json;",
            "application/json; ???",
            " application/json",
        ] {
            let headers = with(header::CONTENT_TYPE, value);
            assert!(is(&headers, JSON), "{value}");
            assert!(Media::of(&headers).unwrap().is_json(), "{value}");
        }
        for value in ["application/jsonl", "text/html", "json", "", "application", "application/"] {
            assert!(!is(&with(header::CONTENT_TYPE, value), JSON), "{value}");
        }
        assert!(Media::parse("application/problem+json").unwrap().is_json());
        assert!(!Media::parse("application/problem+json").unwrap().is(JSON));
        assert!(!Media::parse("text/event-stream+x").unwrap().is(EVENT_STREAM));
        assert_eq!(parameter("text/plain; charset=ISO-8859-1", "charset"), Some("ISO-8859-1"));
        assert_eq!(parameter("text/plain;Charset=\"latin1\"", "charset"), Some("latin1"));
        assert_eq!(essence("Text/*; q=1"), "text/*");
    }

    #[test]
    fn an_accept_is_read_as_the_standard_says() {
        let table: &[(&str, bool, bool)] = &[
            ("application/json, text/event-stream", true, true),
            ("*", true, true),
            ("text/html, *; q=.2", true, true),
            ("*;q=0", false, false),
            ("APPLICATION/JSON,TEXT/EVENT-STREAM", true, true),
            ("*/*", true, true),
            ("application/*, text/*;q=0.1", true, true),
            ("application/json", true, false),
            ("text/event-stream;charset=utf-8", false, true),
            ("application/json;q=0, */*", false, true),
            ("*/*;q=0, text/event-stream;q=0.5", false, true),
            ("text/html", false, false),
            ("nonsense", false, false),
            ("nonsense, */*", true, true),
            ("", true, true),
        ];
        for (value, json, events) in table {
            let headers = with(header::ACCEPT, value);
            assert_eq!(accepts(&headers, JSON), *json, "{value}: JSON");
            assert_eq!(accepts(&headers, EVENT_STREAM), *events, "{value}: events");
        }
        assert!(accepts(&HeaderMap::new(), JSON) && accepts(&HeaderMap::new(), EVENT_STREAM));
    }
}
