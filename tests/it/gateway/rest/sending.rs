//! Requests to a REST API: bodies and parameters in the forms that documents name.

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_testkit::FakeApi;
use serde_json::{Map, Value, json};

use super::{super::tools, document, left_out, schema, sent, serving};

#[tokio::test]
async fn bodies_are_sent_as_the_document_says_or_the_operation_is_named_as_left_out() {
    let api = FakeApi::start().await;
    let upload = json!({"type": "object", "required": ["file"], "properties": {
        "file": {"type": "string", "format": "binary"}, "note": {"type": "string"},
        "more": {"type": "array", "items": {"type": "string", "format": "binary"}}, "about": {"type": "object"},
    }});
    let form = json!({"type": "object", "properties": {"a": {"type": "string"}, "list": {"type": "array", "items": {"type": "string"}}, "deep": {"type": "object"}, "plain": {"type": "object"}}});
    let post = |id: &str, kind: &str, schema: Value, encoding: Value| json!({"post": {"operationId": id, "requestBody": {"required": true, "content": {kind: {"schema": schema, "encoding": encoding}}}}});
    let paths = json!({
        "/upload": post("upload", "multipart/form-data", upload, json!({"note": {"contentType": "text/markdown"}})),
        "/form": post("form", "application/x-www-form-urlencoded", form, json!({"deep": {"style": "deepObject", "explode": true}})),
        "/text": post("text", "text/plain", json!({"type": "string"}), json!({})),
        "/bytes": post("bytes", "application/octet-stream", json!({"type": "string", "format": "binary"}), json!({})),
        "/image": post("image", "image/png", json!({}), json!({})),
        "/mixed": post("mixed", "multipart/mixed", json!({"type": "object"}), json!({})),
        "/map": post("map", "multipart/form-data", json!({"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}), json!({})),
        "/shared": {"post": {"operationId": "shared", "requestBody": {"required": true, "content": {"application/json": {"$ref": "#/components/mediaTypes/Note"}}}}},
        "/thrift": post("thrift", "application/x-thrift", json!({"type": "object"}), json!({})),
    });
    let components = json!({"mediaTypes": {"Note": {"schema": {"type": "object", "properties": {"note": {"type": "string"}}}}}});
    let (server, alice) = serving(&api, &document(paths, components)).await;
    let made = schema(&server, &alice, "api_upload").await;
    assert_eq!(made["required"], json!(["file"]));
    assert_eq!(made["properties"]["file"]["contentEncoding"], "base64");
    let file = STANDARD.encode(b"\x00\xff");
    let arguments = json!({
        "file": {"data": file, "filename": "a\"b\r\n.png", "type": "image/png"}, "note": "*hi*",
        "more": [STANDARD.encode("one!"), "not base64!"], "about": {"k": 1},
    });
    let (_, kind, _) = sent(&server, &alice, &api, "api_upload", arguments).await;
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap().to_owned();
    let body = api.state().last.1.clone();
    let parts = [
        "Content-Disposition: form-data; name=\"about\"\r\nContent-Type: application/json\r\n\r\n{\"k\":1}",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a%22b%0D%0A.png\"\r\nContent-Type: image/png\r\n\r\n\0\u{fffd}",
        "Content-Disposition: form-data; name=\"more\"; filename=\"more\"\r\nContent-Type: application/octet-stream\r\n\r\none!",
        "Content-Disposition: form-data; name=\"more\"; filename=\"more\"\r\nContent-Type: application/octet-stream\r\n\r\nnot base64!",
        "Content-Disposition: form-data; name=\"note\"\r\nContent-Type: text/markdown\r\n\r\n*hi*",
    ];
    let parts: String = parts.map(|part| format!("--{boundary}\r\n{part}\r\n")).concat();
    assert_eq!(String::from_utf8_lossy(&body), format!("{parts}--{boundary}--\r\n"));
    assert!(body.windows(2).any(|bytes| bytes == b"\x00\xff"), "the bytes of the file");
    let arguments =
        json!({"a": "x y&", "list": ["1", "2"], "deep": {"k": {"l": "v"}}, "plain": {"p": 1}});
    let (_, kind, body) = sent(&server, &alice, &api, "api_form", arguments).await;
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert_eq!(body, "a=x+y%26&deep%5Bk%5D%5Bl%5D=v&list=1&list=2&plain=%7B%22p%22%3A1%7D");
    let (_, kind, body) = sent(&server, &alice, &api, "api_text", json!({"body": "Grüße"})).await;
    assert_eq!((kind.as_str(), body.as_str()), ("text/plain", "Grüße"));
    for (tool, kind) in [("api_bytes", "application/octet-stream"), ("api_image", "image/png")] {
        let (_, sent_kind, _) = sent(&server, &alice, &api, tool, json!({"body": file})).await;
        assert_eq!((sent_kind.as_str(), api.state().last.1.as_slice()), (kind, &b"\x00\xff"[..]));
    }
    let (_, _, body) = sent(&server, &alice, &api, "api_map", json!({"body": {"one": file}})).await;
    assert!(body.contains("name=\"one\"; filename=\"one\""), "{body}");
    assert!(
        api.state().last.1.windows(2).any(|bytes| bytes == b"\x00\xff"),
        "the bytes of the file"
    );
    let (_, _, body) = sent(&server, &alice, &api, "api_shared", json!({"note": "n"})).await;
    assert_eq!(body, r#"{"note":"n"}"#);
    let named = tools(&server, &alice.token).await;
    let (good, told) = left_out(&server).await;
    for left in ["mixed", "thrift"] {
        assert!(!named.contains(&format!("api_{left}")) && told.contains(left), "{told}");
    }
    assert!(!good && told.contains("2 left out"), "{told}");
}

#[tokio::test]
async fn parameters_are_written_in_every_style() {
    let api = FakeApi::start().await;
    let (list, map) = (json!(["b,c", "d"]), json!({"R": 100, "G": "x y"}));
    let mut paths = Map::new();
    let mut wanted = Vec::new();
    for (place, style, explode, of_list, of_map, of_text) in [
        ("path", "simple", false, "b%2Cc,d", "G,x%20y,R,100", "a%2F"),
        ("path", "simple", true, "b%2Cc,d", "G=x%20y,R=100", "a%2F"),
        ("path", "label", false, ".b%2Cc,d", ".G,x%20y,R,100", ".a%2F"),
        ("path", "label", true, ".b%2Cc.d", ".G=x%20y.R=100", ".a%2F"),
        ("path", "matrix", false, ";p=b%2Cc,d", ";p=G,x%20y,R,100", ";p=a%2F"),
        ("path", "matrix", true, ";p=b%2Cc;p=d", ";G=x%20y;R=100", ";p=a%2F"),
        ("query", "form", false, "p=b%2Cc,d", "p=G,x%20y,R,100", "p=a%2F"),
        ("query", "form", true, "p=b%2Cc&p=d", "G=x%20y&R=100", "p=a%2F"),
        ("query", "spaceDelimited", false, "p=b%2Cc%20d", "p=G%20x%20y%20R%20100", "p=a%2F"),
        ("query", "pipeDelimited", false, "p=b%2Cc%7Cd", "p=G%7Cx%20y%7CR%7C100", "p=a%2F"),
        (
            "query",
            "deepObject",
            true,
            "p%5B%5D=b%2Cc&p%5B%5D=d",
            "p%5BG%5D=x%20y&p%5BR%5D=100",
            "p=a%2F",
        ),
    ] {
        let id = format!("{place}_{style}_{explode}");
        let path = if place == "path" { format!("/{id}/{{p}}") } else { format!("/{id}") };
        let parameter = json!({"name": "p", "in": place, "required": true, "style": style, "explode": explode, "schema": {}});
        paths.insert(path, json!({"get": {"operationId": &id, "parameters": [parameter]}}));
        let mark = if place == "path" { "/" } else { "?" };
        for (value, text) in [(&list, of_list), (&map, of_map), (&json!("a/"), of_text)] {
            wanted.push((id.clone(), value.clone(), format!("GET /v1/{id}{mark}{text}")));
        }
    }
    let content = json!({"application/json": {"schema": {"type": "object"}}});
    let more = json!([
        {"name": "q", "in": "query", "content": content},
        {"name": "open", "in": "query", "allowReserved": true, "schema": {"type": "string"}},
        {"name": "filter[name]", "in": "query", "schema": {"type": "string"}},
        {"name": "X-List", "in": "header", "schema": {"type": "array"}},
        {"name": "X-Map", "in": "header", "explode": true, "schema": {"type": "object"}},
        {"name": "tab", "in": "cookie", "schema": {"type": "string"}},
        {"name": "Cookie", "in": "header", "schema": {"type": "string"}},
        {"name": "Content-Length", "in": "header", "schema": {"type": "integer"}},
        {"name": "key", "in": "query", "schema": {"type": "string"}},
    ]);
    paths.insert("/more".to_owned(), json!({"get": {"operationId": "more", "parameters": more}}));
    let components =
        json!({"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "key"}}});
    let (server, alice) = serving(&api, &document(paths.into(), components)).await;
    for (id, value, path) in wanted {
        let made = sent(&server, &alice, &api, &format!("api_{id}"), json!({"p": value})).await.0;
        assert_eq!(made, path, "{id}");
    }
    let arguments = json!({
        "q": {"a": ["ä", 1]}, "open": "http://x/?a=b&c#d", "filter_name": "n", "X-List": [1, 2], "X-Map": {"k": "v"},
        "tab": "a; session=evil", "Cookie": "session=evil", "Content-Length": 1, "key": "evil",
    });
    let path = sent(&server, &alice, &api, "api_more", arguments).await.0;
    assert_eq!(
        path,
        "GET /v1/more?q=%7B%22a%22%3A%5B%22%C3%A4%22%2C1%5D%7D&open=http://x/?a%3Db%26c%23d&filter%5Bname%5D=n"
    );
    let headers = api.state().last.0.clone();
    assert_eq!(
        (&headers["x-list"], &headers["x-map"]),
        (&"1,2".parse().unwrap(), &"k=v".parse().unwrap())
    );
    assert_eq!(headers["cookie"], "tab=a%3B%20session%3Devil");
    let (good, told) = left_out(&server).await;
    assert!(
        good && ["Cookie", "Content-Length", "key"]
            .iter()
            .all(|name| told.contains(&format!("more: parameter {name}"))),
        "{told}"
    );
}

#[tokio::test]
async fn arguments_that_an_operation_does_not_have_are_not_sent_and_are_named_in_the_result() {
    let api = FakeApi::start().await;
    let pet = json!({"type": "object", "properties": {"name": {"type": "string"}, "id": {"type": "string", "readOnly": true}}});
    let whole = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}});
    let body = |schema: Value| json!({"content": {"application/json": {"schema": schema}}});
    let paths = json!({
        "/pets/{place}": {"put": {"operationId": "put_pet", "requestBody": body(pet),
            "parameters": [{"name": "place", "in": "path", "required": true, "schema": {"type": "string"}},
                {"name": "X-Kind", "in": "header", "schema": {"type": "string"}}]}},
        "/whole": {"put": {"operationId": "put_whole", "requestBody": body(whole)}},
        "/plain": {"get": {"operationId": "plain"}},
    });
    let (server, alice) = serving(&api, &document(paths, json!({}))).await;
    for (tool, arguments, named) in [
        ("api_put_pet", json!({"place": "x", "name": "a", "X-Kind": "k"}), None),
        ("api_put_pet", json!({"place": "x", "id": "7", "nmae": "a"}), Some("id, nmae")),
        ("api_put_whole", json!({"body": {"a": "b"}}), None),
        ("api_put_whole", json!({"a": "b"}), Some("a")),
        ("api_plain", json!({"sessionId": "s"}), Some("sessionId")),
    ] {
        let about = format!("{tool} {arguments}");
        let answer = server.call(&alice.token, tool, arguments).await.expect(200).json();
        let blocks = answer["result"]["content"].as_array().unwrap();
        let last = blocks.last().unwrap()["text"].as_str().unwrap();
        let told = named
            .map(|names| format!("(Not sent, since the operation has no such argument: {names}.)"));
        match told {
            Some(told) => assert_eq!(last, told, "{about}"),
            None => assert!(!last.contains("Not sent"), "{about}: {last}"),
        }
        assert_ne!(answer["result"]["isError"], true, "{about}");
    }
}
