//! Documents that are none, take too much, or point elsewhere.

use serde_json::{Value, json};

use super::{super::*, Wanted, parse, read};

#[test]
fn a_short_document_cannot_take_much_memory() {
    // Each level names the next one forty times: 40^16 values, if it were written out.
    let level = |number: usize| {
        let next = json!({"$ref": format!("#/components/schemas/s{}", number + 1)});
        json!({"type": "object", "properties": (0..40).map(|index| (format!("p{index}"), next.clone())).collect::<serde_json::Map<_, _>>()})
    };
    let schemas: serde_json::Map<_, _> =
        (0..16).map(|number| (format!("s{number}"), level(number))).collect();
    let operation = json!({"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/s0"}}}}});
    let paths: serde_json::Map<_, _> =
        (0..60).map(|number| (format!("/p{number}"), json!({"post": operation}))).collect();
    let wide = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": paths, "components": {"schemas": schemas}}).to_string();
    let api = read(&wide).unwrap();
    assert!(
        wide.len() < 50_000
            && api.tools.iter().map(|shown| shown.whole().len()).sum::<usize>() < 100_000
    );
    assert_eq!(api.tools.len() + api.left_out.count(), 60);
    // What is referred to again and again is charged again and again, also where it is only
    // looked at.
    let shared: Vec<Value> =
        (0..2000).map(|number| json!({"name": format!("n{number}"), "in": "query", "schema": {"enum": (0..200).collect::<Vec<_>>()}})).collect();
    let paths: serde_json::Map<_, _> = (0..3000)
        .map(|number| (format!("/p{number}"), json!({"$ref": "#/components/pathItems/one"})))
        .collect();
    let many = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": paths, "components": {"pathItems": {"one": {"get": {}, "parameters": shared}}}});
    assert!(read(&many.to_string()).unwrap().left_out.count() > 2900);
    // Aliases of YAML are charged with the bytes and values that they stand for.
    let mut bomb = format!("openapi: 3.1.0\na0: &a0 \"{}\"\n", "y".repeat(1000));
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        bomb = format!("{bomb}a{level}: &a{level} [{}]\n", vec![before; 20].join(", "));
    }
    bomb.push_str("paths: {}\n");
    let error = read(&bomb).err().unwrap();
    assert!(bomb.len() < 3000 && !error.contains("no operations"), "{error}");
}

#[test]
fn a_document_cannot_send_calls_to_an_origin_that_the_operator_did_not_name() {
    let text = r#"{"openapi":"3.1.0","servers":[{"url":"https://evil.example/v1"}],"paths":{"/x":{"get":{}}}}"#;
    let at = Some(Url::parse("https://api.example/openapi.json").unwrap());
    let read = |origins: &[&str], configured: Option<&str>| {
        let configured = configured.map(|url| Url::parse(url).unwrap());
        let more = origins.iter().map(|url| Url::parse(url).unwrap().origin()).collect();
        let own = configured.as_ref().or(at.as_ref()).map(Url::origin);
        let origins = crate::upstream::Origins::new(own, more);
        parse(
            text.as_bytes(),
            &Wanted {
                configured,
                at: at.clone(),
                origins: &origins,
                offers: &|_| true,
                pinned: &|_| None,
            },
        )
        .map(|api| api.bases[0].to_string())
    };
    let refused = read(&[], None).unwrap_err();
    assert!(refused.contains("https://evil.example") && refused.contains("origins"), "{refused}");
    assert_eq!(read(&["https://evil.example"], None).unwrap(), "https://evil.example/v1");
    assert_eq!(read(&[], Some("https://api.example/base")).unwrap(), "https://api.example/base");
}

#[test]
fn what_is_no_document_is_refused_with_a_reason() {
    for (text, why) in [
        ("{}", "OpenAPI"),
        ("swagger: '1.2'", "Swagger 1.2"),
        ("openapi: 4.0.0", "OpenAPI 4.0.0"),
        ("openapi: 3.1.0", "no paths"),
        ("swagger: 2.0", "no paths"),
        ("openapi: 3.1.0\npaths: {}", "no operations"),
        ("openapi: 3.1\npaths: {/x: {get: {}}}", "set url"),
        ("{", "EOF"),
        ("\u{1}: [", ""),
    ] {
        let error = read(text).err().unwrap();
        assert!(error.contains(why), "{text}: {error}");
    }
    let remote = r#"{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],"paths":{"/x":{"get":{"parameters":[{"$ref":"https://evil.example/x"}]}}}}"#;
    assert_eq!(read(remote).unwrap().tools.len(), 1, "nothing is fetched for a reference");
}
