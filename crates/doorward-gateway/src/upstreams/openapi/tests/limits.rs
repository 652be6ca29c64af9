//! Texts that are no documents, documents that exceed a limit, and those with references to other
//! documents.

use serde_json::{Value, json};

use super::{super::*, DOCUMENT, DocumentSettings, parse, read};

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
    // A repeated reference is charged each time, also where its target is only inspected.
    let shared: Vec<Value> =
        (0..2000).map(|number| json!({"name": format!("n{number}"), "in": "query", "schema": {"enum": (0..200).collect::<Vec<_>>()}})).collect();
    let paths: serde_json::Map<_, _> = (0..3000)
        .map(|number| (format!("/p{number}"), json!({"$ref": "#/components/pathItems/one"})))
        .collect();
    let many = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": paths, "components": {"pathItems": {"one": {"get": {}, "parameters": shared}}}});
    assert!(read(&many.to_string()).unwrap().left_out.count() > 2900);
    // Aliases of YAML are charged with the bytes and values that they expand to.
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
            &DocumentSettings {
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
fn an_invalid_document_is_refused_with_a_reason() {
    for (text, why) in [
        ("{}", "OpenAPI"),
        ("swagger: '1.2'", "Swagger 1.2"),
        ("openapi: 4.0.0", "OpenAPI 4.0.0"),
        ("openapi: 3.1.0", "no paths"),
        ("swagger: 2.0", "no paths"),
        ("openapi: 3.1.0\npaths: {}", "no operations"),
        ("openapi: 3.1\npaths: {/x: {get: {}}}", "set url"),
        ("{", "neither valid JSON (line 1, column 1) nor YAML"),
        ("\u{1}: [", ""),
    ] {
        let error = read(text).err().unwrap();
        assert!(error.contains(why), "{text}: {error}");
    }
    let remote = r#"{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],"paths":{"/x":{"get":{"parameters":[{"$ref":"https://evil.example/x"}]}}}}"#;
    assert_eq!(read(remote).unwrap().tools.len(), 1, "nothing is fetched for a reference");
}

#[test]
fn a_reference_may_name_the_document_itself_and_no_other() {
    let at = Some(Url::parse("https://api.example/docs/openapi.json").unwrap());
    let origins = crate::upstream::Origins::new(at.as_ref().map(Url::origin), Vec::new());
    let wanted = DocumentSettings {
        configured: None,
        at,
        origins: &origins,
        offers: &|_| true,
        pinned: &|_| None,
    };
    for (place, is_own) in [
        ("", true),
        ("openapi.json", true),
        ("https://api.example/docs/openapi.json", true),
        ("../docs/./openapi.json", true),
        ("other.json", false),
        ("https://evil.example/docs/openapi.json", false),
    ] {
        let parameter = json!({"$ref": format!("{place}#/components/parameters/p")});
        let document = json!({"openapi": "3.1.0", "paths": {"/x": {"get": {"parameters": [parameter]}}}, "components": {"parameters": {"p": {"name": "p", "in": "query"}}}});
        let api = parse(document.to_string().as_bytes(), &wanted).unwrap();
        let found = api.tools[0].tool.input_schema["properties"].get("p").is_some();
        assert_eq!((found, api.left_out.count_parts()), (is_own, usize::from(!is_own)), "{place}");
    }
}

/// The pointers of everything in a value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{at}/{name}"), all);
            }
        }
        _ => {}
    }
}

#[test]
fn whatever_is_odd_in_one_operation_costs_no_other() {
    let document = tree::read(DOCUMENT.as_bytes()).unwrap().value;
    let before = read(&document.to_string()).unwrap();
    let odd = [
        json!(null),
        json!(7),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"$ref": "#/nowhere"}),
        json!(true),
    ];
    for (operation, own) in [
        ("/paths/~1pets/post", "post_pets"),
        ("/paths/~1pets/delete", "wipe"),
        ("/paths/~1pets~1{petId}~1files~1{path}/get", "pets_readFile"),
    ] {
        let mut all = Vec::new();
        pointers(document.pointer(operation).unwrap(), operation, &mut all);
        for (pointer, value) in all.iter().flat_map(|at| odd.iter().map(move |value| (at, value))) {
            let mut changed = document.clone();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            let api = read(&changed.to_string()).unwrap();
            assert_eq!(api.tools.len() + api.left_out.count(), 3, "{pointer} {value}");
            for shown in before.tools.iter().filter(|shown| shown.tool.name != own) {
                let same = api.tools.iter().any(|other| other.whole() == shown.whole());
                assert!(same, "{pointer} {value}: {}", shown.tool.name);
            }
        }
    }
    // The rest of the document: it is read, or refused with a reason.
    let mut all = Vec::new();
    pointers(&document, "", &mut all);
    for (pointer, value) in all.iter().flat_map(|at| odd.iter().map(move |value| (at, value))) {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        if let Err(why) = read(&changed.to_string()) {
            assert!(!why.is_empty());
        }
    }
}
