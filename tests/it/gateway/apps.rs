//! MCP Apps: a tool's user interface is found, read and used through Doorward, at both kinds of
//! URL, in both eras, and only by users who may read it.

use doorward_testkit::{Browser, FakeUpstream, Page, TestServer, tool};
use serde_json::{Value, json};

use super::{gateway_user, rpc_at, with_config};

const VIEW: &str = "ui://chart/view.html";
const UI: &str = "io.modelcontextprotocol/ui";

/// A tool that names its user interface in each of the three ways.
fn chart() -> Value {
    let mut chart = tool("says", true);
    chart["_meta"] = json!({"ui": {"resourceUri": VIEW, "visibility": ["model", "app"]}, "ui/resourceUri": VIEW, "openai/outputTemplate": VIEW, "x/other": VIEW});
    chart
}

async fn stage(modern: bool, rules: &[&str]) -> (FakeUpstream, TestServer) {
    let chart_server = FakeUpstream::start().await;
    {
        let mut state = chart_server.state();
        state.tools = vec![chart()];
        state.modern = modern;
        state.resources =
            vec![json!({"uri": VIEW, "name": "view", "mimeType": "text/html;profile=mcp-app"})];
        state.extensions = Some(
            json!({UI: {"mimeTypes": ["text/html;profile=mcp-app"]}, "io.modelcontextprotocol/tasks": {}, "com.example/x": {"y": 1}}),
        );
    }
    let server = with_config(&[("charts", &chart_server, "none")], |config| {
        config.policy.rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
    })
    .await;
    (chart_server, server)
}

/// Asks as a client of either era.
#[expect(clippy::too_many_arguments, reason = "one request has these parts")]
pub(super) async fn ask(
    server: &TestServer,
    token: &str,
    path: &str,
    modern: bool,
    method: &str,
    params: &Value,
) -> Value {
    let mut message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    if !modern {
        return answer_of(&rpc_at(server, path, token, &message).await.expect(200));
    }
    for (key, value) in [
        ("protocolVersion", json!("2026-07-28")),
        ("clientInfo", json!({"name": "t", "version": "1"})),
        ("clientCapabilities", json!({"extensions": {UI: {}}})),
    ] {
        message["params"]["_meta"][format!("io.modelcontextprotocol/{key}")] = value;
    }
    let browser = Browser::new();
    let mut request = browser
        .raw(reqwest::Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .bearer_auth(token);
    if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
        request = request.header("mcp-name", name);
    }
    answer_of(&browser.send(request.json(&message)).await.expect(200))
}

/// The answer to a request: the body, or the last event of a stream with notifications before it.
fn answer_of(page: &Page) -> Value {
    match page.body.lines().rev().find_map(|line| line.strip_prefix("data: ")) {
        Some(last) => serde_json::from_str(last).unwrap(),
        None => page.json(),
    }
}

#[tokio::test]
async fn a_tool_s_user_interface_is_named_as_it_can_be_read() {
    for modern_upstream in [false, true] {
        let (_charts, server) = stage(modern_upstream, &[]).await;
        let alice = gateway_user(&server, "alice").await;
        for modern in [false, true] {
            for (path, expected) in [("/mcp", "ui://charts/chart/view.html"), ("/mcp/charts", VIEW)]
            {
                let where_ =
                    format!("{path}, modern client {modern}, modern upstream {modern_upstream}");
                let token = alice.token_at(&server, path).await;
                let asked = async |method: &str, params: Value| {
                    ask(&server, &token, path, modern, method, &params).await
                };
                let tools = asked("tools/list", json!({})).await;
                let all = tools["result"]["tools"].as_array().unwrap();
                let name = if path == "/mcp" { "charts_says" } else { "says" };
                let found = all.iter().find(|tool| tool["name"] == name).unwrap();
                assert_eq!(
                    found["_meta"],
                    json!({"ui": {"resourceUri": expected, "visibility": ["model", "app"]}, "ui/resourceUri": expected, "openai/outputTemplate": expected, "x/other": VIEW}),
                    "{where_}"
                );
                let resources = asked("resources/list", json!({})).await;
                assert!(
                    resources["result"]["resources"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|one| one["uri"] == expected),
                    "{where_}: {resources}"
                );
                let read = asked("resources/read", json!({"uri": expected})).await;
                assert_eq!(read["result"]["contents"][0]["uri"], expected, "{where_}: {read}");
                // The result of a call names it in the same way, and an app's call is a call.
                let messages = json!([{"jsonrpc": "2.0", "id": "CALL", "result": {"resultType": "complete",
                    "_meta": {"ui": {"resourceUri": VIEW}, "openai/outputTemplate": VIEW},
                    "content": [{"type": "resource_link", "uri": VIEW, "name": "x"}, {"type": "resource", "resource": {"uri": VIEW, "text": "<p>"}}]}}]);
                let result =
                    asked("tools/call", json!({"name": name, "arguments": {"messages": messages}}))
                        .await;
                let result = &result["result"];
                assert_eq!(result["_meta"]["ui"]["resourceUri"], expected, "{where_}: {result}");
                assert_eq!(
                    result["_meta"]["openai/outputTemplate"], expected,
                    "{where_}: {result}"
                );
                assert_eq!(result["content"][0]["uri"], expected, "{where_}: {result}");
                assert_eq!(result["content"][1]["resource"]["uri"], expected, "{where_}: {result}");
                let (hello, place) = if modern {
                    (asked("server/discover", json!({})).await, "/result/capabilities/extensions")
                } else {
                    let begin = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
                    (asked("initialize", begin).await, "/result/capabilities/extensions")
                };
                assert_eq!(
                    hello.pointer(place),
                    Some(
                        &json!({UI: {"mimeTypes": ["text/html;profile=mcp-app"]}, "com.example/x": {"y": 1}})
                    ),
                    "{where_}: what needs more than Doorward passes on is not announced: {hello}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_reference_to_a_resource_that_the_policy_denies_is_not_shown_and_the_tool_stays() {
    let (charts, server) = stage(false, &["deny kind=resource upstream=charts role=guest"]).await;
    server.user_with("gus", &["guest"]).await;
    let (alice, gus) = (
        gateway_user(&server, "alice").await,
        super::signed_in(&server, "gus", "mcp:destructive").await,
    );
    for (path, name) in [("/mcp", "charts_says"), ("/mcp/charts", "says")] {
        let of = async |token: &str| {
            let tools = ask(&server, token, path, false, "tools/list", &json!({})).await;
            let all = tools["result"]["tools"].as_array().unwrap().clone();
            all.into_iter().find(|tool| tool["name"] == name).unwrap()["_meta"].clone()
        };
        assert!(
            of(&alice.token_at(&server, path).await).await["ui"]["resourceUri"].is_string(),
            "{path}"
        );
        let guest = gus.token_at(&server, path).await;
        assert_eq!(
            of(&guest).await,
            json!({"ui": {"visibility": ["model", "app"]}, "x/other": VIEW}),
            "{path}"
        );
        let uri = if path == "/mcp" { "ui://charts/chart/view.html" } else { VIEW };
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}});
        let read = rpc_at(&server, path, &guest, &request).await;
        assert!(read.status == 403 || read.json()["error"].is_object(), "{path}: {}", read.body);
        // The result of a call is treated as the tool is.
        let shown = async |token: &str, modern: bool| {
            let messages = json!([{"jsonrpc": "2.0", "id": "CALL", "result": {"resultType": "complete", "content": [], "_meta": chart()["_meta"]}}]);
            let call = json!({"name": name, "arguments": {"messages": messages}});
            let result = ask(&server, token, path, modern, "tools/call", &call).await;
            result["result"]["_meta"].clone()
        };
        let reader = alice.token_at(&server, path).await;
        for modern in [false, true] {
            let to_guest = shown(&guest, modern).await;
            assert_eq!(to_guest["ui"], json!({"visibility": ["model", "app"]}), "{path}");
            for name in ["ui/resourceUri", "openai/outputTemplate"] {
                assert!(to_guest[name].is_null(), "{path}: {to_guest}");
            }
            assert_eq!(to_guest["x/other"], VIEW, "{path}");
            assert_eq!(shown(&reader, modern).await["ui"]["resourceUri"], uri, "{path}");
        }
    }
    assert_eq!(charts.state().operations.len(), 0);
}

/// A reading that the user confirms is not denied: the client names the interface, and the user is
/// asked when it is read.
#[tokio::test]
async fn a_reference_to_a_resource_whose_reading_is_confirmed_is_kept_and_the_user_is_asked() {
    for rule in ["confirm upstream=charts", "confirm kind=resource", "confirm kind=tool"] {
        let (_charts, server) = stage(false, &[rule]).await;
        let alice = gateway_user(&server, "alice").await;
        for (path, name) in [("/mcp", "charts_says"), ("/mcp/charts", "says")] {
            let token = alice.token_at(&server, path).await;
            let uri = if path == "/mcp" { "ui://charts/chart/view.html" } else { VIEW };
            for modern in [false, true] {
                let about = format!("{rule} {path} modern {modern}");
                let tools = ask(&server, &token, path, modern, "tools/list", &json!({})).await;
                let all = tools["result"]["tools"].as_array().unwrap();
                let meta = &all.iter().find(|tool| tool["name"] == name).unwrap()["_meta"];
                assert_eq!(meta["ui"]["resourceUri"], uri, "{about}");
                for member in ["ui/resourceUri", "openai/outputTemplate"] {
                    assert_eq!(meta[member], uri, "{about}");
                }
                let read = json!({"uri": uri});
                let read = ask(&server, &token, path, modern, "resources/read", &read).await;
                let is_read = read["result"]["contents"].is_array();
                assert_eq!(is_read, rule == "confirm kind=tool", "{about}: {read}");
                assert!(is_read || read.to_string().contains("confirm"), "{about}: {read}");
                let call = json!({"name": name, "arguments": {"messages": [{"jsonrpc": "2.0", "id": "CALL", "result": {"resultType": "complete", "content": [], "_meta": chart()["_meta"]}}]}});
                let called = ask(&server, &token, path, modern, "tools/call", &call).await;
                if rule == "confirm kind=resource" {
                    assert_eq!(called["result"]["_meta"]["ui"]["resourceUri"], uri, "{about}");
                } else {
                    assert!(called.to_string().contains("confirm"), "{about}: {called}");
                }
            }
        }
    }
}

/// References in other forms, each with what is shown of it at `/mcp` and at the upstream's URL.
fn other_forms() -> [(Value, Value, Value); 12] {
    let ui = |uri: &str| json!({"ui": {"resourceUri": uri}});
    let template = |uri: &str| json!({"openai/outputTemplate": uri});
    [
        (ui("ui://view"), ui("ui://charts/view"), ui("ui://view")),
        (ui("ui://charts/view"), ui("ui://charts/charts/view"), ui("ui://charts/view")),
        (ui("ui://a/b?x=%20&y=+#f"), ui("ui://charts/a/b?x=%20&y=+#f"), ui("ui://a/b?x=%20&y=+#f")),
        (ui("ui:///a"), ui("ui://charts//a"), ui("ui:///a")),
        (ui("ui://a/../b"), ui("ui://charts/a/../b"), ui("ui://a/../b")),
        (ui("UI://A/b"), ui("UI://charts/A/b"), ui("UI://A/b")),
        (ui("ui://k%C3%A4se/brot"), ui("ui://charts/k%C3%A4se/brot"), ui("ui://k%C3%A4se/brot")),
        (ui(""), json!({"ui": {}}), json!({"ui": {}})),
        (
            template("https://a.example/w.html"),
            template("charts+https://a.example/w.html"),
            template("https://a.example/w.html"),
        ),
        (
            template("widget.html"),
            template("charts+doorward-relative:widget.html"),
            template("doorward-relative:widget.html"),
        ),
        (
            json!({"ui": {"resourceUri": 7}}),
            json!({"ui": {"resourceUri": 7}}),
            json!({"ui": {"resourceUri": 7}}),
        ),
        (json!({"ui": [VIEW]}), json!({"ui": [VIEW]}), json!({"ui": [VIEW]})),
    ]
}

#[tokio::test]
async fn references_in_other_forms_are_those_that_can_be_read_or_none() {
    let charts = FakeUpstream::start().await;
    {
        let mut state = charts.state();
        state.resources = vec![json!({"uri": VIEW, "name": "view"})];
        let forms = other_forms().into_iter().enumerate();
        state.tools = forms
            .map(|(number, (meta, ..))| {
                let mut one = tool(&format!("t{number}"), true);
                one["_meta"] = meta;
                one
            })
            .collect();
    }
    let rules = ["deny kind=resource tool=https://a.example/w.html role=guest"];
    let server = with_config(&[("charts", &charts, "none")], |config| {
        config.policy.rules = rules.map(str::to_owned).to_vec();
    })
    .await;
    server.user_with("gus", &["guest"]).await;
    let alice = gateway_user(&server, "alice").await;
    let gus = super::signed_in(&server, "gus", "mcp:destructive").await;
    for (path, prefix) in [("/mcp?surface=direct", "charts_t"), ("/mcp/charts", "t")] {
        let base = path.split('?').next().unwrap();
        let (reader, guest) =
            (alice.token_at(&server, base).await, gus.token_at(&server, base).await);
        for modern in [false, true] {
            let metas = async |token: &str| {
                let tools = ask(&server, token, path, modern, "tools/list", &json!({})).await;
                let all = tools["result"]["tools"].as_array().unwrap().clone();
                move |number: usize| {
                    let name = format!("{prefix}{number}");
                    all.iter().find(|tool| tool["name"] == *name).unwrap()["_meta"].clone()
                }
            };
            let (shown, to_guest) = (metas(&reader).await, metas(&guest).await);
            for (number, (_, at_all, at_one)) in other_forms().into_iter().enumerate() {
                let expected = if prefix == "t" { at_one } else { at_all };
                assert_eq!(shown(number), expected, "{path}, modern {modern}");
                if number == 8 {
                    assert!(to_guest(number)["openai/outputTemplate"].is_null(), "{path}");
                } else {
                    assert_eq!(to_guest(number), expected, "{path}, modern {modern}");
                }
                let uri = expected["ui"]["resourceUri"]
                    .as_str()
                    .or(expected["openai/outputTemplate"].as_str());
                let Some(uri) = uri else { continue };
                let wanted = json!({"uri": uri});
                let read = ask(&server, &reader, path, modern, "resources/read", &wanted).await;
                assert_eq!(read["result"]["contents"][0]["uri"], uri, "{path}, modern {modern}");
            }
        }
    }
}

/// Parts beside the text of a view that a host needs, in the forms of both specifications.
fn view_settings() -> [Value; 8] {
    let csp = json!({"connectDomains": ["https://api.example"], "resourceDomains": ["https://cdn.example"]});
    [
        json!({"mimeType": "text/html;profile=mcp-app", "text": "<p>", "_meta": {"ui": {"csp": csp, "prefersBorder": true}}}),
        json!({"mimeType": "text/html;profile=mcp-app", "text": "<p>", "_meta": {"ui": {"permissions": {"camera": {}}, "domain": "a.example"}}}),
        json!({"mimeType": "text/html+skybridge", "text": "<p>", "_meta": {"openai/widgetCSP": {"connect_domains": []}, "openai/widgetDescription": "x"}}),
        json!({"mimeType": "text/html; profile=\"mcp-app\"; charset=utf-8", "text": "<p>"}),
        json!({"mimeType": "TEXT/HTML;PROFILE=mcp-app", "text": ""}),
        json!({"mimeType": "application/vnd.mcp-ui.remote-dom+javascript; framework=react", "text": "x"}),
        json!({"mimeType": "text/html;profile=mcp-app", "blob": "PHA+"}),
        json!({"text": "<p>"}),
    ]
}

#[tokio::test]
async fn what_a_host_needs_beside_the_text_of_a_view_is_passed_on_unchanged() {
    for modern_upstream in [false, true] {
        let (charts, server) = stage(modern_upstream, &[]).await;
        let alice = gateway_user(&server, "alice").await;
        for given in view_settings() {
            charts.state().contents.insert(VIEW.to_owned(), given.clone());
            for (path, uri) in [("/mcp", "ui://charts/chart/view.html"), ("/mcp/charts", VIEW)] {
                let token = alice.token_at(&server, path).await;
                for modern in [false, true] {
                    let asked = json!({"uri": uri});
                    let read = ask(&server, &token, path, modern, "resources/read", &asked).await;
                    let mut expected = given.clone();
                    expected["uri"] = uri.into();
                    assert_eq!(
                        read["result"]["contents"][0], expected,
                        "{path}, modern client {modern}, modern upstream {modern_upstream}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn an_announcement_of_extensions_in_another_form_hides_neither_tools_nor_views() {
    for odd in [
        json!(null),
        json!([]),
        json!({}),
        json!("io.modelcontextprotocol/ui"),
        json!({UI: null}),
        json!({UI: true}),
        json!({UI: []}),
        json!({UI: {"mimeTypes": "text/html;profile=mcp-app"}}),
        json!({UI: {"mimeTypes": null}}),
        json!({"": {}, UI: {}}),
        json!({"x".repeat(5000): {}, UI: {}}),
    ] {
        for modern_upstream in [false, true] {
            let charts = FakeUpstream::start().await;
            {
                let mut state = charts.state();
                state.tools = vec![chart()];
                state.modern = modern_upstream;
                state.resources = vec![json!({"uri": VIEW, "name": "view"})];
                state.extensions = Some(odd.clone());
            }
            let server = with_config(&[("charts", &charts, "none")], |_| {}).await;
            let alice = gateway_user(&server, "alice").await;
            for modern in [false, true] {
                let about = format!("{odd}, modern client {modern}, upstream {modern_upstream}");
                let asked = async |method: &str, params: Value| {
                    ask(&server, &alice.token, "/mcp", modern, method, &params).await
                };
                let tools = asked("tools/list", json!({})).await;
                let all = tools["result"]["tools"].as_array().unwrap();
                let found = all.iter().find(|tool| tool["name"] == "charts_says");
                let uri = "ui://charts/chart/view.html";
                let named = found.map(|tool| tool["_meta"]["ui"]["resourceUri"].clone());
                assert_eq!(named, Some(json!(uri)), "{about}: {tools}");
                let read = asked("resources/read", json!({"uri": uri})).await;
                assert_eq!(read["result"]["contents"][0]["uri"], uri, "{about}: {read}");
            }
        }
    }
}
