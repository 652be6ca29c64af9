//! Inputs from which the driver makes others.

fn all(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(super) fn redirect() -> Vec<Vec<u8>> {
    all(&[
        "https://app.example/callback?x=1",
        "http://127.0.0.1:1234/cb\nhttp://127.0.0.1:9999/cb",
        "http://[::1]/cb\nhttp://[::1]:80/cb",
        "http://localhost/cb",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
        "com.example.app:/oauth",
        "https://user:pass@app.example/%2e%2e/cb#fragment",
    ])
}

pub(super) fn metadata() -> Vec<Vec<u8>> {
    all(&[
        r#"{"client_name": "App", "redirect_uris": ["https://app.example/cb"], "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none", "scope": "mcp:read"}"#,
        r#"{"redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]}, "client_uri": "https://app.example", "logo_uri": null}"#,
        r#"{"redirect_uris": ["cursor://x/cb"], "jwks_uri": "https://app.example/jwks", "application_type": "native", "contacts": ["a@b.example"]}"#,
    ])
}

pub(super) fn document() -> Vec<Vec<u8>> {
    all(&[
        r##"{"openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "servers": [{"url": "/v1"}, {"url": "https://{h}.example/x", "variables": {"h": {"default": "api"}}}], "paths": {"/pets/{id}": {"get": {"operationId": "pet", "parameters": [{"name": "id", "in": "path", "required": true, "style": "label", "schema": {"type": "string"}}, {"name": "f", "in": "query", "style": "deepObject", "explode": true, "schema": {"$ref": "#/components/schemas/F"}}]}, "post": {"requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object", "properties": {"a": {"type": "string", "format": "binary"}}}}}}}}}, "components": {"schemas": {"F": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/F"}}}}}}"##,
        r##"{"swagger": "2.0", "host": "api.example", "basePath": "/v1", "schemes": ["https"], "paths": {"/a": {"put": {"consumes": ["application/json"], "parameters": [{"in": "body", "name": "b", "schema": {"$ref": "#/definitions/B"}}, {"in": "header", "name": "X-A", "type": "array", "collectionFormat": "pipes"}]}}}, "definitions": {"B": {"allOf": [{"type": "object"}, {"nullable": true}]}}}"##,
        "openapi: 3.0.3\nservers: [{url: https://api.example}]\npaths:\n  /x: &x\n    get: {operationId: no, parameters: [{name: on, in: cookie, schema: {enum: [NO, yes, 0o17]}}]}\n  /y: *x\n",
    ])
}

pub(super) fn listing() -> Vec<Vec<u8>> {
    all(&[
        r#"{"tools": [{"name": "echo", "title": "Echo", "description": "Says it", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}, "annotations": {"readOnlyHint": true, "destructiveHint": false}, "_meta": {"x": 1}}, {"name": "(prompts)", "inputSchema": {}}], "nextCursor": "c"}"#,
        r#"{"tools": [{"name": "doorward\u200b", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}, "icons": [{"src": "data:image/png;base64,AA=="}]}]}"#,
    ])
}

pub(super) fn events() -> Vec<Vec<u8>> {
    all(&[
        "event: endpoint\ndata: /messages?stream=1\n\nid: 1\nretry: 10\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n",
        ": comment\r\ndata:a\r\n\r\ndata\rdata: b\r\r",
        "\u{feff}data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":[[[1]]]}}\n\n",
    ])
}

pub(super) fn challenge() -> Vec<Vec<u8>> {
    all(&[
        r#"Bearer realm="a", error="insufficient_scope", scope="a b", resource_metadata="https://a.example/.well-known/oauth-protected-resource""#,
        r#"Basic realm="x\"y", Bearer scope=a,, error = "b", Negotiate abc=="#,
    ])
}

pub(super) fn params() -> Vec<Vec<u8>> {
    all(&[
        "response_type=code&client_id=c_1&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=mcp:read&state=a+b&resource=x&resource=y",
        "a=%zz&b&=c&a=1",
    ])
}

pub(super) fn chat() -> Vec<Vec<u8>> {
    all(&[
        "call wiki_search query=\"two words\" limit=3 tags=a,b",
        "call x {\"a\": [1]}",
        "tools @all ```\n@here https://auth.example/confirm/aB1 `",
    ])
}
