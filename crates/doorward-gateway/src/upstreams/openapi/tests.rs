//! Conversion of documents into tools, and of calls into requests.

use doorward_mcp::ToolError;
use http::Method;
use serde_json::{Value, json};

use super::{document::parse, *};
use crate::definition::Shown;

mod limits;

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: Pets, version: "1"}
servers: [{url: "https://{region}.pets.example/v1", variables: {region: {default: eu}}}]
paths:
  /pets/{petId}/files/{path}:
    parameters:
      - {name: petId, in: path, required: true, schema: {type: string}}
    get:
      operationId: pets.readFile
      summary: Reads a file
      parameters:
        - {name: path, in: path, required: true, schema: {type: string}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
        - {name: ids, in: query, style: form, explode: false, schema: {type: array}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
      responses: {"200": {description: ok}}
  /pets:
    post:
      summary: Adds a pet
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Pet"}
      responses: {"201": {description: made}}
    delete:
      operationId: wipe
      responses: {"204": {description: gone}}
components:
  schemas:
    Pet:
      type: object
      required: [name]
      properties:
        name: {type: string, nullable: true}
        age: {type: integer, minimum: 0, exclusiveMinimum: true}
        parent: {$ref: "#/components/schemas/Pet"}
"##;

fn read(text: &str) -> Result<Api, String> {
    parse(
        text.as_bytes(),
        &DocumentSettings {
            configured: None,
            at: None,
            origins: &crate::upstream::Origins::default(),
            offers: &|_| true,
            pinned: &|_| None,
        },
    )
}

fn api() -> Api {
    read(DOCUMENT).unwrap()
}

fn shown<'a>(api: &'a Api, name: &str) -> &'a Shown {
    api.tools.iter().find(|shown| shown.tool.name == name).unwrap()
}

fn pinned_operation(definition: &str) -> Operation {
    Operation::pinned(crate::definition::pinned(definition).unwrap().1.unwrap()).unwrap()
}

/// The request of a call, made of the pinned text alone.
fn request(name: &str, arguments: &Value) -> Result<http::Request<Vec<u8>>, ToolError> {
    let pinned = shown(&api(), name).whole();
    pinned_operation(&pinned).request(arguments.as_object().unwrap())
}

#[test]
fn operations_become_tools_with_their_class_and_schema() {
    let api = api();
    assert_eq!(api.bases[0].as_str(), "https://eu.pets.example/v1");
    assert_eq!(
        api.tools.iter().map(|shown| shown.tool.name.to_string()).collect::<Vec<_>>(),
        ["post_pets", "wipe", "pets_readFile"]
    );
    let classes: Vec<_> = api
        .tools
        .iter()
        .map(|shown| crate::definition::class_of(&shown.tool).unwrap().as_str())
        .collect();
    assert_eq!(classes, ["write", "destructive", "read"]);
    let read = &shown(&api, "pets_readFile").tool.input_schema;
    assert_eq!(read["required"], json!(["path", "petId"]));
    assert!(
        read["properties"].get("Authorization").is_none(),
        "what authorises is not for the model to say"
    );
    let post = &shown(&api, "post_pets").tool.input_schema;
    assert_eq!(post["properties"]["name"]["type"], json!(["string", "null"]));
    assert_eq!(post["properties"]["age"], json!({"type": "integer", "exclusiveMinimum": 0}));
    assert_eq!(post["properties"]["parent"], json!({}), "what contains itself ends");
    assert_eq!(post["required"], json!(["name"]));
}

#[test]
fn gw10_arguments_stay_in_their_place() {
    let made = request(
        "pets_readFile",
        &json!({"petId": "../admin", "path": "a/b?c#d%2f", "tags": ["x", "y"], "filter": {"a": 1}, "ids": [1, 2], "X-Trace": "t", "other": "no"}),
    )
    .unwrap();
    assert_eq!(
        made.uri().to_string(),
        "https://eu.pets.example/v1/pets/..%2Fadmin/files/a%2Fb%3Fc%23d%252f?tags=x&tags=y&filter%5Ba%5D=1&ids=1,2"
    );
    assert_eq!(made.headers()["x-trace"], "t");
    for (pet, seen) in [
        ("a\\b", "a%5Cb"),
        ("...", "..."),
        ("%2e", "%252e"),
        ("%2e%2e", "%252e%252e"),
        ("\u{0}", "%00"),
    ] {
        let made = request("pets_readFile", &json!({"petId": pet, "path": "x"})).unwrap();
        assert_eq!(made.uri().path(), format!("/v1/pets/{seen}/files/x"), "{pet:?}");
    }
    for climbing in [".", "..", ""] {
        assert!(
            matches!(
                request("pets_readFile", &json!({"petId": climbing, "path": "x"})),
                Err(ToolError::Arguments(_))
            ),
            "{climbing:?}"
        );
    }
    assert!(
        matches!(request("pets_readFile", &json!({"path": "x"})), Err(ToolError::Arguments(why)) if why.contains("petId"))
    );
    assert!(matches!(
        request("pets_readFile", &json!({"petId": "1", "path": "x", "X-Trace": "a\r\nEvil: 1"})),
        Err(ToolError::Arguments(_))
    ));
}

#[test]
fn bodies_hold_what_the_schema_names() {
    let made = request("post_pets", &json!({"name": "Rex", "age": 3, "evil": true})).unwrap();
    assert_eq!(
        String::from_utf8(made.body().clone()).unwrap(),
        json!({"name": "Rex", "age": 3}).to_string()
    );
    assert_eq!(made.headers()["content-type"], "application/json");
    assert_eq!(request("wipe", &json!({})).unwrap().method(), Method::DELETE);
}

#[test]
fn everything_that_decides_where_a_call_goes_and_what_it_sends_is_pinned() {
    let long = "x".repeat(4100);
    let document = |server: &str,
                    path: &str,
                    place: &str,
                    security: &str,
                    token_url: &str,
                    words: &str| {
        json!({
            "openapi": "3.1.0", "servers": [{"url": server}], "security": [{security: ["a"]}],
            "components": {"securitySchemes": {"one": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": {"a": "words"}}}}, "two": {"type": "http", "scheme": "basic"}}},
            "paths": {path: {"get": {"operationId": "x", "description": words, "parameters": [{"name": "id", "in": place, "required": true, "schema": {"type": "string"}}]}}},
        })
    };
    let whole = |document: Value| shown(&read(&document.to_string()).unwrap(), "x").whole();
    let before =
        whole(document("https://a.example", "/x/{id}", "query", "one", "https://t.example", &long));
    for (what, changed) in [
        (
            "server",
            document("https://b.example", "/x/{id}", "query", "one", "https://t.example", &long),
        ),
        (
            "path",
            document(
                "https://a.example",
                "/admin/{id}",
                "query",
                "one",
                "https://t.example",
                &long,
            ),
        ),
        (
            "place",
            document("https://a.example", "/x/{id}", "path", "one", "https://t.example", &long),
        ),
        (
            "scheme",
            document("https://a.example", "/x/{id}", "query", "two", "https://t.example", &long),
        ),
        (
            "token address",
            document("https://a.example", "/x/{id}", "query", "one", "https://u.example", &long),
        ),
        (
            "words behind what is shown",
            document(
                "https://a.example",
                "/x/{id}",
                "query",
                "one",
                "https://t.example",
                &format!("{long}!"),
            ),
        ),
    ] {
        assert_ne!(whole(changed), before, "{what}");
    }
    assert_eq!(
        whole(document("https://a.example", "/x/{id}", "query", "one", "https://t.example", &long)),
        before
    );
}

/// A document with this operation at `/x/{id}`.
fn one(operation: &Value, components: &Value) -> Api {
    let document = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": {"/x/{id}": {"post": operation}}, "components": components});
    read(&document.to_string()).unwrap()
}

fn body_schema(schema: &Value, components: &Value) -> Value {
    let body = json!({"operationId": "x", "requestBody": {"required": true, "content": {"application/json": {"schema": {"items": schema}}}}});
    shown(&one(&body, components), "x").tool.input_schema["properties"]["body"]["items"].clone()
}

#[test]
fn schemas_of_openapi_3_1_and_what_is_no_schema_become_valid_ones() {
    let components = json!({"schemas": {"Name": {"type": "string", "description": "A name.", "maxLength": 9}, "Cat": {"type": "object", "properties": {"n": {}}}}});
    let name = "#/components/schemas/Name";
    for (given, made) in [
        (
            json!({"$ref": name, "description": "The cat's."}),
            json!({"type": "string", "description": "The cat's.", "maxLength": 9}),
        ),
        (
            json!({"$ref": name, "minLength": 1}),
            json!({"type": "string", "description": "A name.", "maxLength": 9, "minLength": 1}),
        ),
        (
            json!({"$ref": name, "maxLength": 5}),
            json!({"maxLength": 5, "allOf": [{"type": "string", "description": "A name.", "maxLength": 9}]}),
        ),
        (
            json!({"$ref": "#/components/schemas/Cat", "unevaluatedProperties": false}),
            json!({"unevaluatedProperties": false, "allOf": [{"type": "object", "properties": {"n": {}}}]}),
        ),
        (
            json!({"type": ["string", "null"], "const": "a", "examples": ["a"]}),
            json!({"type": ["string", "null"], "const": "a"}),
        ),
        (
            json!({"$defs": {"a": {"$ref": "#/nowhere"}}, "properties": {"x": true, "$ref": {"type": "string"}}}),
            json!({"properties": {"x": true, "$ref": {"type": "string"}}}),
        ),
        (
            json!({"type": "string", "enum": [false, 1, "a"], "default": 7}),
            json!({"type": "string", "enum": ["false", "1", "a"], "default": "7"}),
        ),
        (json!({"allOf": [], "enum": null, "type": "any", "required": true}), json!({})),
        (
            json!({"items": [{"type": "string"}], "properties": [], "minimum": "1"}),
            json!({"prefixItems": [{"type": "string"}]}),
        ),
        (
            json!({"pattern": "(?i)x", "patternProperties": {"[": {}, "^a": {}}}),
            json!({"patternProperties": {"^a": {}}}),
        ),
        (
            json!({"items": {"$ref": "#/components/schemas/Cat%20"}, "not": null}),
            json!({"items": {}}),
        ),
        (json!(7), Value::Null),
        (json!(false), json!(false)),
    ] {
        assert_eq!(body_schema(&given, &components), made, "{given}");
    }
}

#[test]
fn one_odd_element_costs_itself_alone() {
    let text = r##"
openapi: 3.0
info: []
servers: [{url: "https://a.example"}]
paths:
  x-ignored: {get: {}}
  /number: 7
  /list: [1]
  /null: null
  /lost: {$ref: "#/components/pathItems/none"}
  /good:
    get: {operationId: on, parameters: [7, {name: a}, {name: "", in: query}, {in: query}, {name: b, in: query, schema: 7}, {name: c, in: body}]}
    post: text
    trace: {}
    put: {requestBody: {$ref: "#/nowhere"}}
    patch: {requestBody: {required: true}}
    delete: {requestBody: 5, summary: 7, description: [1], security: 8, parameters: {}}
    HEAD: {operationId: NO}
    options: {parameters: [{name: x, in: query, required: true, style: strange}]}
  "/a b/{c}?fixed=1#frag": {get: {operationId: odd}}
"##;
    let api = read(text).unwrap();
    let mut names: Vec<&str> = api.tools.iter().map(|shown| shown.tool.name.as_ref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["NO", "delete_good", "odd", "on", "options_good"]);
    let left: Vec<&str> = api.left_out.named().iter().map(|(name, _)| name.as_str()).collect();
    for name in ["/number", "/list", "/lost", "POST /good", "TRACE /good", "put_good", "patch_good"]
    {
        assert!(left.contains(&name), "{name}: {left:?}");
    }
    assert_eq!(api.left_out.count(), 7, "{left:?}");
    let on = &shown(&api, "on").tool.input_schema;
    assert_eq!(on["properties"], json!({"b": {}}));
    let odd = pinned_operation(&shown(&api, "odd").whole());
    let made = odd.request(json!({"c": "d"}).as_object().unwrap()).unwrap();
    assert_eq!(made.uri().to_string(), "https://a.example/a%20b/d?fixed=1");
}

#[test]
fn a_template_that_is_not_filled_is_never_called() {
    // As an older version pinned it.
    let operation = json!({"form": 2, "method": "GET", "base": "https://a.example/", "path": "/users/{id}", "parameters": [], "security": null});
    let operation: Operation = serde_json::from_value(operation).unwrap();
    assert!(
        matches!(operation.request(&serde_json::Map::new()), Err(ToolError::Failed(why)) if why.contains("{id}"))
    );
}

#[test]
fn yaml_names_stay_what_they_say() {
    let text = "openapi: 3.1.0\nservers: [{url: https://a.example}]\npaths: {/x: {get: {operationId: no, parameters: [{name: on, in: query, schema: {type: string, enum: [NO, SE, yes, 0o17]}}]}}}\n";
    let api = read(text).unwrap();
    let schema = &shown(&api, "no").tool.input_schema["properties"]["on"];
    assert_eq!(schema["enum"], json!(["NO", "SE", "yes", "15"]));
}

#[test]
fn what_yaml_has_beyond_json_costs_only_the_member_that_it_is_about() {
    let text = "
openapi: 3.1.0
info: {title: Days, version: !!float 1.0, x-made: !!timestamp 2026-11-26}
servers: [{url: https://a.example}]
x-common: &common {required: true, in: query}
paths:
  /day:
    get:
      operationId: day
      parameters:
        - {<<: *common, name: on, schema: {type: string, default: !!timestamp 2026-11-26, enum: !!set {monday, tuesday}}}
        - {<<: [*common, {in: header}], name: zone, schema: !zone {type: string, default: !env UTC}}
        - {<<: *common, name: size, schema: {type: integer, ? [a, b] : c, default: *nowhere}}
      responses: {200: {description: ok}}
  ? {template: 1}
  : {get: {operationId: odd}}
";
    let api = read(text).unwrap();
    assert_eq!(api.tools.len(), 1);
    let schema = &shown(&api, "day").tool.input_schema;
    assert_eq!(schema["required"], json!(["on", "zone", "size"]));
    let on = &schema["properties"]["on"];
    assert_eq!(
        (&on["default"], &on["enum"]),
        (&json!("2026-11-26"), &json!(["monday", "tuesday"]))
    );
    assert_eq!(schema["properties"]["zone"]["default"], "UTC");
    assert_eq!(schema["properties"]["size"]["type"], "integer");
    // The alias and the two members.
    assert_eq!(api.left_out.count(), 3);
    for wrong in ["openapi: [", "openapi: 3.1.0\n  paths: {}", "{\"openapi\": 3"] {
        let told = read(wrong).err().unwrap();
        assert!(told.contains("line ") && !told.contains("deserialize"), "{told}");
    }
}

/// Pseudo-random texts, which the author of the test did not choose.
fn noise(seed: &mut u64) -> String {
    let letters = [
        'a', 'Z', '/', '.', '%', '2', 'e', '{', '}', '?', '#', '&', '=', ';', ',', ' ', '\\', '"',
        '\r', '\n', 'é', '\0', '+', '|', '[', ']',
    ];
    let mut next = || {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 33).unwrap()
    };
    (0..next() % 12).map(|_| letters[next() % letters.len()]).collect()
}

#[test]
fn gw10_no_value_leaves_its_place_in_any_style() {
    let mut seed = 7;
    for (place, styles) in [
        ("path", &["simple", "label", "matrix"][..]),
        ("query", &["form", "spaceDelimited", "pipeDelimited", "deepObject"]),
        ("cookie", &["form"]),
    ] {
        for style in styles {
            for explode in [false, true] {
                let reserved = place == "query";
                let parameters = json!([{"name": "p", "in": place, "style": style, "explode": explode, "allowReserved": reserved, "schema": {}}, {"name": "id", "in": "path", "schema": {}}]);
                let path = if place == "path" { "/x/{p}/y/{id}" } else { "/x/0/y/{id}" };
                let document = json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example/v1"}], "paths": {path: {"get": {"operationId": "x", "parameters": parameters}}}});
                let api = read(&document.to_string()).unwrap();
                let operation = pinned_operation(&shown(&api, "x").whole());
                for _ in 0..60 {
                    let (one, other) = (noise(&mut seed), noise(&mut seed));
                    for value in
                        [json!(one), json!([one, other]), json!({"k": one, one.as_str(): other})]
                    {
                        let arguments = json!({"p": value, "id": "z"});
                        let Ok(made) = operation.request(arguments.as_object().unwrap()) else {
                            continue;
                        };
                        let uri = made.uri().to_string();
                        let url = Url::parse(&uri).unwrap();
                        assert_eq!(url.as_str(), uri, "it is read as it was written");
                        let segments: Vec<&str> = url.path_segments().unwrap().collect();
                        assert_eq!(
                            (segments.len(), segments[1], segments[3], segments[4]),
                            (5, "x", "y", "z"),
                            "{uri}"
                        );
                        assert!(url.fragment().is_none());
                        if !(explode && value.is_object()) && *style != "deepObject" {
                            assert!(url.query_pairs().all(|(name, _)| name == "p"), "{uri}");
                        }
                        let cookies = made
                            .headers()
                            .get("cookie")
                            .map_or("", |value| value.to_str().unwrap());
                        let own =
                            cookies.split("; ").filter(|cookie| !cookie.starts_with("p=")).count();
                        assert!(
                            place != "cookie"
                                || value.is_object()
                                || own == usize::from(cookies.is_empty()),
                            "{cookies}"
                        );
                    }
                }
            }
        }
    }
}
