use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn fetched(status: u16, media: &str, body: &str, more: &[(&'static str, &str)]) -> Fetched {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, media.parse().unwrap());
    for (name, value) in more {
        headers.insert(*name, value.parse().unwrap());
    }
    Fetched { status, headers, body: body.as_bytes().to_vec() }
}

fn tokens(media: &str, body: &str) -> Result<Tokens, TokensFailure> {
    Answer::of(&fetched(200, media, body, &[]), NOW).tokens()
}

fn failure(
    asked: RequestSubject,
    status: u16,
    media: &str,
    body: &str,
    more: &[(&'static str, &str)],
) -> Failure {
    Answer::of(&fetched(status, media, body, more), NOW).failure(asked)
}

#[test]
fn a_token_response_is_read_whatever_its_media_type_and_unused_members_are() {
    for (media, body) in [
        ("application/json", r#"{"access_token":"a","token_type":"Bearer"}"#),
        ("text/plain", r#"{"access_token":"a","token_type":"BEARER"}"#),
        ("text/html", r#"{"access_token":"a"}"#),
        ("application/json", "\u{feff}{\"access_token\":\"a\",\"token_type\":null}\r\n"),
        ("application/x-www-form-urlencoded", "access_token=a&token_type=bearer&scope="),
        ("text/plain;charset=UTF-8", "scope=x%20y&access_token=a"),
        ("text/plain", "&access_token=a&&scope=x&"),
        ("application/x-www-form-urlencoded", "access_token=a&scope=x y&refresh_token\r\n"),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", "access_token=a&refresh_token"),
        ("application/json", "{\"access_token\":\"a\",\"user\":\"\\ud83d\",\"quota\":NaN}"),
        ("application/json", "{\"access_token\":\"a\",\"note\":\"one\ntwo\",\"seen\":1e999}"),
        (
            "application/json",
            r#"{"access_token":"a","token_type":7,"id_token":"","refresh_token":""}"#,
        ),
        (
            "application/json",
            r#"{"access_token":"a","refresh_token":null,"error":null,"scope":[]}"#,
        ),
        ("application/json", r#"{"access_token":"a","refresh_token":{},"error":"","user":[{}]}"#),
    ] {
        let read = tokens(media, body).unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(read.access_token.as_deref(), Some("a"), "{body}");
        assert_eq!((read.refresh_token, read.id_token), (None, None), "{body}");
    }
    let read = tokens("a/b", r#"{"access_token":"a","scope":["x","y"]}"#).unwrap();
    assert_eq!(read.scope.as_deref(), Some("x y"));
    let read = tokens("a/b", r#"{"id_token":"i","refresh_token":5}"#).unwrap();
    assert_eq!((read.access_token, read.id_token.as_deref()), (None, Some("i")));
    assert_eq!(read.left_out[0].to_string(), "refresh_token (a number instead of a text)");
}

#[test]
fn a_lifetime_is_read_in_every_form_and_one_that_cannot_be_read_is_not_taken_for_none() {
    for (value, expected) in [
        (json!(3599), Lifetime::Seconds(3599)),
        (json!("3599"), Lifetime::Seconds(3599)),
        (json!(3599.5), Lifetime::Seconds(3599)),
        (json!(" 3599.0 "), Lifetime::Seconds(3599)),
        (json!(0), Lifetime::Seconds(0)),
        (json!(1e300), Lifetime::Seconds(LONGEST_LIFETIME)),
        (json!(null), Lifetime::Unstated),
        (json!(""), Lifetime::Unstated),
        (json!(-1), Lifetime::Unreadable),
        (json!("an hour"), Lifetime::Unreadable),
        (json!(true), Lifetime::Unreadable),
        (json!([3600]), Lifetime::Unreadable),
        (json!({"seconds": 3600}), Lifetime::Unreadable),
    ] {
        let body = json!({"access_token": "a", "expires_in": value}).to_string();
        assert_eq!(tokens("application/json", &body).unwrap().lifetime, expected, "{body}");
    }
    assert_eq!(
        tokens("a/b", "access_token=a&expires_in=60").unwrap().lifetime,
        Lifetime::Seconds(60)
    );
}

const LONGEST_LIFETIME: i64 = 10 * 366 * 86_400;

#[test]
fn no_tokens_come_of_an_error_a_page_or_another_kind_of_token() {
    for body in [
        "",
        "[]",
        "<html>",
        "just=text but no form",
        "{}",
        r#"{"access_token":""}"#,
        r#"{"access_token":"a b"}"#,
        r#"{"access_token":["a"]}"#,
        r#"{"access_token":"a","token_type":"mac"}"#,
        r#"{"access_token":"a","error":"invalid_grant"}"#,
    ] {
        assert!(tokens("application/json", body).is_err(), "{body}");
    }
    // The refresh token of an answer without use counts.
    let failed = tokens("a/b", r#"{"refresh_token":"r2","error":"server_error"}"#).unwrap_err();
    assert_eq!(failed.refresh_token.as_deref(), Some("r2"));
}

#[test]
fn refusal_wait_silence_and_nonsense_are_distinguished() {
    use RequestSubject::{Registration, Resource, Tokens};
    let json = "application/json";
    let refused = [
        failure(Tokens, 400, json, r#"{"error":"invalid_grant"}"#, &[]),
        failure(Tokens, 400, json, "", &[]),
        failure(Tokens, 400, "text/plain", "Bad Request", &[]),
        failure(Tokens, 403, json, "{}", &[]),
        failure(Tokens, 200, json, r#"{"error":"bad_refresh_token"}"#, &[]),
        failure(Tokens, 200, json, r#"{"error":"never_heard_of"}"#, &[]),
        failure(Tokens, 400, json, r#"{"error":{"code":190,"type":"OAuthException"}}"#, &[]),
        failure(Tokens, 500, json, r#"{"error":"invalid_grant"}"#, &[]),
        failure(Tokens, 400, "a/b", "error=invalid_grant&error_description=gone", &[]),
        failure(Resource, 401, json, "", &[]),
        failure(Resource, 403, json, r#"{"message":"suspended"}"#, &[]),
        failure(Resource, 400, json, "", &[("www-authenticate", "Bearer error=\"invalid_token\"")]),
    ];
    for one in refused {
        assert!(matches!(one, Failure::Refused(_)), "{one:?}");
    }
    let client = [
        failure(Tokens, 401, json, "", &[]),
        failure(Tokens, 401, json, r#"{"error":"unauthorized"}"#, &[]),
        failure(Tokens, 200, json, r#"{"error":"incorrect_client_credentials"}"#, &[]),
        failure(Tokens, 400, json, r#"{"error":"invalid_scope"}"#, &[]),
        failure(
            Resource,
            403,
            json,
            "",
            &[("www-authenticate", "Bearer error=insufficient_scope")],
        ),
        failure(Registration, 400, json, r#"{"error":"invalid_client_metadata"}"#, &[]),
    ];
    for one in client {
        assert!(matches!(one, Failure::Client(_)), "{one:?}");
    }
    let silent = [
        failure(Tokens, 502, "text/html", "<html>", &[]),
        failure(Tokens, 500, json, r#"{"error":"unexpected"}"#, &[]),
        failure(Resource, 503, json, "", &[]),
        failure(Resource, 408, json, "", &[]),
        failure(Tokens, 400, json, r#"{"error":"temporarily_unavailable"}"#, &[]),
        failure(Tokens, 200, json, r#"{"ok":false,"error":"internal_error"}"#, &[]),
        failure(Resource, 403, json, r#"{"error":"Service Unavailable"}"#, &[]),
        failure(Resource, 400, json, r#"{"error":{"code":400,"status":"UNAVAILABLE"}}"#, &[]),
    ];
    for one in silent {
        assert!(matches!(one, Failure::Silent(_)), "{one:?}");
    }
    let nonsense = [
        failure(Tokens, 200, "text/html", "<html>", &[]),
        failure(Tokens, 403, "text/html", "<html>blocked", &[]),
        failure(Tokens, 404, json, "", &[]),
        failure(Resource, 404, json, r#"{"error":"not_found"}"#, &[]),
        failure(Tokens, 302, "text/html", "", &[("location", "https://x.example/")]),
        failure(Tokens, 200, json, "[1]", &[]),
    ];
    for one in &nonsense {
        assert!(matches!(one, Failure::Nonsense(_)), "{one:?}");
    }
    assert!(nonsense[4].to_string().contains("it redirects to https://x.example/"));
}

#[test]
fn a_request_to_wait_is_followed_in_every_form() {
    let wait = |status, more: &[(&'static str, &str)]| match failure(
        RequestSubject::Resource,
        status,
        "application/json",
        "",
        more,
    ) {
        Failure::Wait { seconds, .. } => Some(seconds),
        _ => None,
    };
    let date = ("date", "Thu, 14 Jan 2027 08:00:00 GMT");
    assert_eq!(wait(429, &[]), Some(None));
    assert_eq!(wait(429, &[("retry-after", "7")]), Some(Some(7)));
    assert_eq!(wait(429, &[("retry-after", "1.2")]), Some(Some(2)));
    assert_eq!(
        wait(503, &[date, ("retry-after", "Thu, 14 Jan 2027 08:02:00 GMT")]),
        Some(Some(120))
    );
    assert_eq!(wait(403, &[("retry-after", "60")]), Some(Some(60)));
    // A date counts from the server's own time, whatever this server's clock says; that of a cached
    // response is older by its age. This server's time is that of a response without one.
    for (more, seconds) in [
        (
            &[
                ("date", "Mon, 01 Jan 2001 00:00:00 GMT"),
                ("retry-after", "Mon, 01 Jan 2001 00:05:00 GMT"),
            ][..],
            300,
        ),
        (
            &[
                ("date", "Fri, 01 Jan 2100 00:00:00 GMT"),
                ("retry-after", "Fri, 01 Jan 2100 00:05:00 GMT"),
            ],
            300,
        ),
        (&[date, ("age", "60"), ("retry-after", "Thu, 14 Jan 2027 08:02:00 GMT")], 60),
        (&[date, ("age", "many"), ("retry-after", "Thu, 14 Jan 2027 08:02:00 GMT")], 120),
        (&[date, ("retry-after", "Thursday, 14-Jan-27 08:02:00 GMT")], 120),
        (&[date, ("retry-after", "Thu Jan 14 08:02:00 2027")], 120),
        (&[date, ("retry-after", "Thu, 14 Jan 2027 08:02:00 UTC")], 120),
        (&[date, ("retry-after", "Thu, 14 Jan 2027 08:02:00 +0000")], 120),
        (
            &[
                ("date", "Thu, 14 Jan 2027 08:00:00 UTC"),
                ("retry-after", "Thu, 14 Jan 2027 08:02:00 GMT"),
            ],
            120,
        ),
        (&[date, ("retry-after", "Thu, 14 Jan 2027 07:00:00 GMT")], 1),
        (&[date, ("retry-after", "Fri, 14 Jan 2028 08:00:00 GMT")], 86_400),
        (&[("date", "now"), ("retry-after", "Fri, 15 Jan 2027 08:02:00 GMT")], 120),
        (&[("retry-after", "Fri, 15 Jan 2027 08:02:00 GMT")], 120),
    ] {
        assert_eq!(wait(429, more), Some(Some(seconds)), "{more:?}");
    }
    let left = ("x-ratelimit-remaining", "0");
    assert_eq!(wait(403, &[left, ("x-ratelimit-reset", "1800000090")]), Some(Some(90)));
    assert_eq!(
        wait(403, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")]),
        Some(Some(30))
    );
    assert_eq!(wait(403, &[left]), Some(None));
    assert_eq!(wait(429, &[("retry-after", "999999999")]), Some(Some(86_400)));
    assert_eq!(wait(429, &[("retry-after", "soon")]), Some(None));
    assert_eq!(wait(403, &[("x-ratelimit-remaining", "12")]), None);
    assert_eq!(wait(503, &[]), None);
    assert_eq!(wait(200, &[left]), None);
    let after = ("retry-after", "9");
    for status in [403, 409, 420, 430, 500, 502, 504, 509, 529] {
        assert_eq!(wait(status, &[after]), Some(Some(9)), "{status}");
    }
    assert_eq!((wait(420, &[]), wait(430, &[])), (Some(None), Some(None)));
    for status in [200, 302, 400, 401, 404] {
        assert_eq!(wait(status, &[after]), None, "{status}");
    }
}

#[test]
fn a_limit_that_only_a_body_states_is_a_request_to_wait() {
    for (status, body) in [
        (200, r#"{"ok":false,"error":"ratelimited"}"#),
        (400, r#"{"error":"rate_limit_exceeded","error_description":"later"}"#),
        (401, r#"{"error":"TooManyRequests"}"#),
        (403, r#"{"error":{"code":403,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}}"#),
        (
            403,
            r#"{"error":{"errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}],"code":403}}"#,
        ),
    ] {
        for asked in [RequestSubject::Tokens, RequestSubject::Resource] {
            let told = failure(asked, status, "application/json", body, &[]);
            assert!(matches!(told, Failure::Wait { seconds: None, .. }), "{body}: {told:?}");
        }
    }
}

#[test]
fn a_code_in_another_member_than_error_is_read() {
    let of =
        |status, body: &str| failure(RequestSubject::Tokens, status, "application/json", body, &[]);
    for body in [
        r#"{"__type":"TooManyRequestsException","message":"Rate exceeded"}"#,
        r#"{"__type":"com.amazon.coral.service#ThrottlingException"}"#,
        r#"{"code":"rate_limited","message":"later"}"#,
        r#"{"errorCode":"REQUEST_LIMIT_EXCEEDED"}"#,
        r#"{"errors":[{"code":"RATE_LIMITED"}]}"#,
        r#"{"errors":[{"message":"x","extensions":{"code":"RATELIMITED"}}]}"#,
    ] {
        assert!(matches!(of(400, body), Failure::Wait { .. }), "{body}");
    }
    for body in [r#"{"code":"internal_server_error"}"#, r#"{"__type":"InternalFailure"}"#] {
        assert!(matches!(of(400, body), Failure::Silent(_)), "{body}");
    }
    for body in [
        r#"{"code":"invalid_grant"}"#,
        r#"{"errorCode":"E0000011","errorSummary":"Invalid token"}"#,
        r#"{"code":7,"errors":[],"type":"about:blank"}"#,
        r#"{"errors":["rate_limited"]}"#,
    ] {
        assert!(matches!(of(400, body), Failure::Refused(_)), "{body}");
    }
}

#[test]
fn a_document_names_what_could_not_be_read_and_gives_the_rest() {
    let body = json!({
        "issuer": " https://a.example ", "endpoint": 7, "scopes": "a b", "methods": ["x", 1, null],
        "flag": "TRUE", "odd": {}, "none": null, "empty": "", "n": "12",
    });
    let mut document = Document::read(&fetched(200, "text/plain", &body.to_string(), &[])).unwrap();
    assert_eq!(document.text("issuer").as_deref(), Some("https://a.example"));
    assert_eq!(document.text("endpoint"), None);
    assert_eq!(document.texts("scopes").unwrap(), ["a", "b"]);
    assert_eq!(document.texts("methods").unwrap(), ["x"]);
    assert_eq!((document.flag("flag"), document.flag("odd")), (Some(true), None));
    assert_eq!((document.text("none"), document.texts("empty")), (None, None));
    assert_eq!(document.number("n"), Some(12));
    let left: Vec<String> = document.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(
        left,
        [
            "endpoint (a number instead of a text)",
            "methods (2 of its items are not texts)",
            "odd (an object instead of true or false)"
        ]
    );
    for (status, body) in [(404, "{}"), (200, "<html>"), (200, "[]"), (200, "")] {
        assert!(Document::read(&fetched(status, "application/json", body, &[])).is_err());
    }
}

#[test]
fn a_registration_is_read_with_odd_unused_members() {
    let read = |status, body: serde_json::Value| {
        Registration::read(&fetched(status, "text/plain", &body.to_string(), &[]), NOW)
    };
    let one =
        read(201, json!({"client_id": 12, "client_secret": "", "scope": 5, "redirect_uris": "x"}));
    let one = one.unwrap();
    assert_eq!(
        (one.client_id.as_str(), one.client_secret, one.secret_expires_at),
        ("12", None, None)
    );
    let end =
        json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": "1900000000"});
    assert_eq!(read(200, end).unwrap().secret_expires_at, Some(Timestamp(1_900_000_000)));
    // A duration in place of the time at which it ends.
    let lasts = json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": 3600});
    assert_eq!(read(200, lasts).unwrap().secret_expires_at, Some(NOW.plus(3600)));
    let words =
        json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": "never"});
    let words = read(201, words).unwrap();
    assert_eq!((words.secret_expires_at, words.left_out.len()), (None, 1));
    let zero = json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": 0});
    assert_eq!(read(200, zero).unwrap().secret_expires_at, None);
    assert!(matches!(
        read(400, json!({"error": "invalid_redirect_uri"})),
        Err(Failure::Client(told)) if told.code == "invalid_redirect_uri"
    ));
    assert!(matches!(read(200, json!({"client_id": ""})), Err(Failure::Nonsense(_))));
}

#[test]
fn a_request_that_is_wrong_for_its_code_or_token_is_a_refusal_of_that() {
    let of = |asked, status, told: &str| {
        let body = json!({"error": "invalid_request", "error_description": told}).to_string();
        failure(asked, status, "application/json", &body, &[])
    };
    for told in [
        "Value passed for the authorization code was invalid.",
        "Invalid \"code\" in request.",
        "refresh token is invalid",
    ] {
        let tokens = of(RequestSubject::Tokens, 400, told);
        assert!(matches!(tokens, Failure::Refused(_)), "{told}: {tokens:?}");
        let other = of(RequestSubject::Registration, 400, told);
        assert!(matches!(other, Failure::Client(_)), "{told}: {other:?}");
    }
    for told in ["", "code is required", "invalid code_verifier", "invalid redirect_uri"] {
        let tokens = of(RequestSubject::Tokens, 400, told);
        assert!(matches!(tokens, Failure::Client(_)), "{told}: {tokens:?}");
    }
    let body = r#"{"message":"Refresh token expired"}"#;
    let told = failure(RequestSubject::Tokens, 401, "application/json", body, &[]);
    assert!(matches!(told, Failure::Refused(_)), "{told:?}");
}

#[test]
fn the_clock_of_a_response_of_a_cache_is_the_time_at_which_it_was_made_and_its_age() {
    let made = "Fri, 15 Jan 2027 08:00:00 GMT";
    for (age, later) in
        [(None, 0), (Some("240"), 240), (Some(" 7 "), 7), (Some("-5"), 0), (Some("long"), 0)]
    {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, made.parse().unwrap());
        if let Some(age) = age {
            headers.insert(header::AGE, age.parse().unwrap());
        }
        assert_eq!(date_of(&headers), Some(NOW.plus(later)), "{age:?}");
    }
    assert_eq!(date_of(&HeaderMap::new()), None);
}

#[test]
fn a_text_of_a_proxy_is_not_the_server_s_word_about_a_user() {
    for (status, text) in [
        (403, "error code: 1010"),
        (403, "error code: 1020\n"),
        (401, "error code: 1003"),
        (403, "RBAC: access denied"),
    ] {
        for asked in [RequestSubject::Tokens, RequestSubject::Resource] {
            let told = failure(asked, status, "text/plain", text, &[]);
            assert!(matches!(told, Failure::Nonsense(_)), "{text}: {told:?}");
        }
    }
    let told = failure(RequestSubject::Resource, 403, "text/plain", "Forbidden", &[]);
    assert!(matches!(told, Failure::Refused(_)), "{told:?}");
}
