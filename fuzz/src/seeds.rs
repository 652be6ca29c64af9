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

pub(super) fn mail() -> Vec<Vec<u8>> {
    all(&[
        "From: Ada <ada@example.com>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nplain =FC\r\n--c\r\nContent-Type: text/html\r\n\r\n<h1>A</h1>\r\n--c--\r\n--b\r\nContent-Disposition: attachment; filename*=utf-8''pl%C3%A4n.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n",
        "Subject: x\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n\ntext\n",
    ])
}

pub(super) fn html() -> Vec<Vec<u8>> {
    all(&[
        "<!doctype html><meta charset=iso-8859-1><title>A &amp; B</title><meta name=author content=Ada><style>p{}</style><script>if (a<b) '</h1>'</script><h1>One <em>two</em></h1><p>x<ul><li>y</ul><pre>a\n  b</pre><table><tr><td>1<td>2</table><!-- c --><h2 id=x title='y'>Second</h2>",
        "<svg><title>no</title></svg><template><p></template><textarea>&#x1F600;&bogus;<![CDATA[x]]>",
    ])
}

pub(super) fn markdown() -> Vec<Vec<u8>> {
    all(&[
        "---\ntitle: \"T\"\ntags: [a, b]\nauthors:\n  - Ada\n---\n# A #\n```sh\n# no\n```\nUnder\n-----\n## B\n\ntext\n",
        "\u{feff}# One\r\n\r\nOver\r\n====\r\n~~~\r\n####### seven\r\n",
    ])
}

pub(super) fn pdf() -> Vec<Vec<u8>> {
    let page =
        b"BT /F1 12 Tf (Quarterly) Tj [(a) -300 (b)] TJ <48> Tj ET q 1 0 0 1 0 0 cm Q".to_vec();
    vec![doorward_knowledge::fuzz::pdf_of(&page), page]
}

pub(super) fn docx() -> Vec<Vec<u8>> {
    let xml = br#"<?xml version="1.0"?><w:document xmlns:w="x"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Plan</w:t></w:r></w:p><w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t xml:space="preserve">One &amp; &#252;</w:t><w:tab/></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl></w:body><dc:title>T</dc:title><dc:creator>Ada</dc:creator></w:document>"#;
    vec![doorward_knowledge::fuzz::docx_of(xml), xml.to_vec()]
}

pub(super) fn query() -> Vec<Vec<u8>> {
    all(&[
        "author:ada AND (format:markdown OR NOT title:\"guide\"~2^3) tags:[a TO z} -x:*",
        "\"restart it\" -pay restrat~ folder:docs",
        "title:IN [guide pay] title:/gu.*e/ bytes:>=0 modified:<2026-01-01T00:00:00Z",
        "(?i)^re(start|set).{0,20}$",
    ])
}

pub(super) fn citation() -> Vec<Vec<u8>> {
    all(&[
        "docs/guide.md",
        "document:///docs/guide.md",
        "0123456789abcdef#0",
        "document:///docs/hr/s%65cret.md",
        "/docs//guide.md/",
    ])
}

pub(super) fn multipart() -> Vec<Vec<u8>> {
    all(&[
        "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\x\\a.md\"\r\nContent-Type: text/plain\r\n\r\n# A\r\n\r\n--b--\r\n",
        "--b\r\ncontent-disposition: form-data; filename=\"\"; name=file\r\n\r\n\r\n--b--",
        "--b--",
    ])
}

pub(super) fn csv() -> Vec<Vec<u8>> {
    all(&[
        "name,email,roles\nada,ada@corp.example,staff lead\n",
        "\u{feff}name;groups\r\n\"ada\";\"a \"\"b\"\"\"\r\n",
        "name\n\n\"x\ny\"z",
    ])
}
