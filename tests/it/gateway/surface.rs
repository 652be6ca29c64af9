//! Many tools behind three, and long results: pages of the catalogue, what a call needs, previews
//! and the parts of kept results.

use doorward_testkit::{FakeUpstream, TestServer, tool};
use serde_json::{Value, json};

use super::{GatewayUser, gateway_user, odd::names_no_library, rpc_at, text, with, with_config};

fn read(uri: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}})
}

/// The text of a resource.
async fn resource(server: &TestServer, token: &str, uri: &str) -> String {
    let page = server.rpc(token, &read(uri)).await.expect(200).json();
    page["result"]["contents"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{uri}: {page}"))
        .to_owned()
}

#[tokio::test]
async fn the_catalogue_is_read_in_pages_and_holds_what_the_caller_may_use() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = (0..450)
        .map(|number| tool(&format!("find_page_{number:03}"), true))
        .chain([tool("wipe", false)])
        .collect();
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.mcp.page_size = 200;
        config.policy.rules = vec!["deny tool=wipe".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let (mut uri, mut names, mut pages) = ("doorward://catalogue".to_owned(), Vec::new(), 0);
    loop {
        let page: Value =
            serde_json::from_str(&resource(&server, &alice.token, &uri).await).unwrap();
        pages += 1;
        let tools = page["tools"].as_array().unwrap();
        assert!(tools.len() <= 200 && page.to_string().len() < 70_000);
        assert!(tools.iter().all(|tool| tool["arguments"].is_array()));
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => uri = next.to_owned(),
            None => break,
        }
    }
    assert!(pages >= 3);
    assert_eq!(names.iter().filter(|name| name.starts_with("wiki_find_page_")).count(), 450);
    assert!(names.is_sorted() && !names.contains(&"wiki_wipe".to_owned()));
    let templates = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/templates/list"});
    let page = server.rpc(&alice.token, &templates).await.expect(200);
    assert!(page.body.contains("doorward://catalogue{?after}"));
}

#[tokio::test]
async fn cw12_describe_tool_returns_all_that_a_call_needs() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec!["confirm class=write,destructive".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let described = async |name: &str| {
        let page = server.call(&alice.token, "describe_tool", json!({"name": name})).await;
        page.expect(200).json()["result"]["structuredContent"].clone()
    };
    let wipe = described("wiki_wipe").await;
    assert_eq!(
        (&wipe["name"], &wipe["class"], &wipe["service"], &wipe["scope"]),
        (&json!("wiki_wipe"), &json!("destructive"), &json!("wiki"), &json!("mcp:destructive"))
    );
    assert_eq!(wipe["user_must_confirm"], true);
    assert_eq!(wipe["call_with"]["arguments"]["name"], "wiki_wipe");
    assert!(wipe["inputSchema"]["properties"]["confirm_write"].is_object(), "{wipe}");
    let echo = described("wiki_echo").await;
    assert_eq!(echo["user_must_confirm"], false);
    assert!(echo["inputSchema"]["properties"].get("confirm_write").is_none());
    // The call that it describes is one.
    let mut call = echo["call_with"].clone();
    call["arguments"]["arguments"] = json!({"text": "x"});
    let called = server
        .call(&alice.token, call["tool"].as_str().unwrap(), call["arguments"].clone())
        .await
        .expect(200);
    assert_eq!(text(&called), "x for ");
}

async fn with_results() -> (FakeUpstream, TestServer, GatewayUser, GatewayUser) {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools.push(tool("gives", true));
    let server = with(&[("wiki", &wiki, "none")]).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    (wiki, server, alice, bob)
}

fn rows() -> Value {
    let row =
        |id: usize| json!({"id": id, "name": format!("row number {id}"), "note": "ä".repeat(20)});
    json!({"rows": (0..200).map(row).collect::<Vec<_>>(), "next": "page2"})
}

fn gives(result: &Value) -> Value {
    json!({"name": "wiki_gives", "arguments": {"result": result}})
}

#[tokio::test]
async fn cw14_the_preview_of_json_is_json_and_counts_what_it_leaves_out() {
    let (_wiki, server, alice, _) = with_results().await;
    let written = rows().to_string();
    let blocks = json!([{"type": "text", "text": written}]);
    for (result, is_structured) in [
        (json!({"content": blocks}), false),
        (json!({"content": blocks, "structuredContent": rows()}), true),
        (json!({"content": [], "structuredContent": rows()}), true),
        (json!({"content": blocks, "isError": true}), false),
    ] {
        let page = server.call(&alice.token, "call_tool", gives(&result)).await.expect(200);
        let answer = page.json()["result"].clone();
        let shown: Value = serde_json::from_str(&text(&page)).expect("the preview is JSON");
        assert!(text(&page).len() < 1600, "{}", page.body);
        assert_eq!(answer["isError"] == true, result["isError"] == true);
        assert_eq!(answer.get("structuredContent").is_some(), is_structured);
        let kept = shown["preview"]["rows"].as_array().unwrap();
        assert!(
            !kept.is_empty()
                && kept
                    .iter()
                    .zip(rows()["rows"].as_array().unwrap())
                    .all(|(one, other)| one == other)
        );
        assert_eq!(shown["left_out"]["/rows"]["items"], 200 - kept.len());
        assert_eq!(shown["preview"]["next"], "page2");
        let uri = shown["whole"].as_str().unwrap();
        assert_eq!(answer["content"][1]["uri"], uri);
        let whole = resource(&server, &alice.token, uri).await;
        assert_eq!(serde_json::from_str::<Value>(&whole).unwrap(), rows());
        let part = resource(&server, &alice.token, &format!("{uri}?pointer=/rows/150/name")).await;
        assert_eq!(part, "row number 150");
    }
    // A picture is sent as it is, with the text beside it.
    let result = json!({"content": [{"type": "text", "text": written}, {"type": "image", "data": "AA==", "mimeType": "image/png"}]});
    let page = server.call(&alice.token, "call_tool", gives(&result)).await.expect(200);
    assert_eq!(text(&page), written);
}

#[tokio::test]
async fn cw15_the_owner_reads_a_kept_result_in_parts_and_others_nothing() {
    let (_wiki, server, alice, bob) = with_results().await;
    let long: String = ('a'..='z').cycle().take(5000).collect();
    let result = json!({"content": [{"type": "text", "text": long}]});
    let page = server.call(&alice.token, "call_tool", gives(&result)).await.expect(200).json();
    let uri = page["result"]["content"][1]["uri"].as_str().unwrap().to_owned();
    let (mut part, mut read_so_far) = (format!("{uri}?from=0&to=1500"), String::new());
    loop {
        let page = server.rpc(&alice.token, &read(&part)).await.expect(200).json();
        let contents = &page["result"]["contents"][0];
        assert_eq!(contents["_meta"]["doorward/characters"], 5000);
        read_so_far += contents["text"].as_str().unwrap();
        match contents["_meta"]["doorward/next"].as_str() {
            Some(next) => part = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(read_so_far, long);
    for wrong in ["?pointer=/a", "?from=x", "?from=9000", "?to=3&from=4"] {
        let page = server.rpc(&alice.token, &read(&format!("{uri}{wrong}"))).await.json();
        assert_eq!(page["error"]["code"], -32602, "{wrong}: {page}");
    }
    let nothing = server.rpc(&bob.token, &read("doorward-result://dw_ln_nothing")).await.json();
    for part in ["", "?from=0&to=10", "?pointer=/a"] {
        let others = server.rpc(&bob.token, &read(&format!("{uri}{part}"))).await.json();
        assert_eq!(others["error"]["message"], nothing["error"]["message"]);
    }
}

#[tokio::test]
async fn cw15_each_user_finds_their_own_kept_results_in_the_list() {
    let (_wiki, server, alice, bob) = with_results().await;
    let result = json!({"content": [{"type": "text", "text": "z".repeat(3000)}]});
    let page = server.call(&alice.token, "call_tool", gives(&result)).await.expect(200).json();
    let given = page["result"]["content"][1]["uri"].as_str().unwrap().to_owned();
    let kept = async |token: &str| -> Vec<Value> {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list"});
        let page = server.rpc(token, &list).await.expect(200).json();
        let all = page["result"]["resources"].as_array().unwrap().clone();
        let is_kept = |one: &Value| one["uri"].as_str().unwrap().starts_with("doorward-result://");
        all.into_iter().filter(is_kept).collect()
    };
    assert!(kept(&bob.token).await.is_empty());
    let own = kept(&alice.token).await;
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0]["name"], &own[0]["size"]), (&json!("wiki_gives result"), &json!(3000)));
    let uri = own[0]["uri"].as_str().unwrap();
    assert_eq!(resource(&server, &alice.token, uri).await, "z".repeat(3000));
    assert_eq!(resource(&server, &alice.token, &format!("{uri}?from=0&to=3")).await, "zzz");
    // Another program of the same user may have fewer rights: the result is not for it.
    let other = super::signed_in(&server, "alice", "mcp:read").await;
    assert!(kept(&other.token).await.is_empty());
    for (token, uri) in [(&bob.token, uri), (&other.token, uri), (&other.token, given.as_str())] {
        let others = server.rpc(token, &read(uri)).await.json();
        let told = others["error"]["message"].as_str();
        assert!(told.is_some_and(|told| told.contains("no such resource")), "{uri}: {others}");
    }
    server.clock.advance(3601);
    let browser = server.signed_in("alice").await;
    let later = alice.client.tokens(&browser, &[("scope", "mcp:read")]).await.access;
    assert!(kept(&later).await.is_empty());
}

#[tokio::test]
async fn cw14_direct_calls_are_shortened_where_the_client_asks_for_it() {
    let (_wiki, server, alice, _) = with_results().await;
    let result = json!({"content": [{"type": "text", "text": rows().to_string()}]});
    let call = |meta: Value| {
        let params = json!({"name": "wiki_gives", "arguments": {"result": result}, "_meta": meta});
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    };
    let asked = async |path: &str, meta: Value| {
        text(&rpc_at(&server, path, &alice.token, &call(meta)).await.expect(200))
    };
    let whole = rows().to_string();
    assert_eq!(asked("/mcp", json!({})).await, whole);
    assert_eq!(asked("/mcp", json!({"doorward/preview": "yes"})).await, whole);
    assert_eq!(asked("/mcp?results=whole", json!({})).await, whole);
    for (path, meta) in [
        ("/mcp?results=preview", json!({})),
        ("/mcp?surface=direct&results=preview", json!({})),
        ("/mcp?surface=search", json!({})),
        ("/mcp", json!({"doorward/preview": true})),
    ] {
        let shown: Value = serde_json::from_str(&asked(path, meta).await).unwrap();
        assert!(shown["left_out"]["/rows"]["items"].as_u64().unwrap() > 100, "{path}");
    }
}

#[tokio::test]
async fn tools_of_this_server_name_the_argument_that_is_wrong_and_what_is_wanted() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none")], |_| {}).await;
    let alice = gateway_user(&server, "alice").await;
    for (name, arguments, told) in [
        ("whoami", json!({"user": 1}), "there is no argument user: none is taken"),
        (
            "wait",
            json!({"seconds": "5"}),
            "seconds must be a whole number from 0 to 4294967295, not \"5\"",
        ),
        ("wait", json!({"second": 5}), "there is no argument second; possible are seconds"),
        ("revoke_connected_app", json!({}), "client_id is missing"),
        ("revoke_connected_app", json!({"client_id": null}), "client_id must be a text, not null"),
        ("search_tools", json!({}), "query is missing"),
        (
            "search_tools",
            json!({"query": "find pages", "known_arguments": ["a", 7]}),
            "known_arguments[1] must be a text, not 7",
        ),
        (
            "search_tools",
            json!({"query": "find pages", "limit": -3}),
            "limit must be a whole number",
        ),
        ("describe_tool", json!({"tool": ["x"]}), "tool must be a text, not a list"),
        ("call_tool", json!({"arguments": {}}), "name is missing"),
        (
            "call_tool",
            json!({"name": "wiki_search", "arguments": "{}"}),
            "arguments must be an object, not \"{}\"",
        ),
        ("connections", json!({"connect": 7}), "connect must be a text, not 7"),
    ] {
        let answer = server.call(&alice.token, name, arguments.clone()).await;
        let said = text(&answer);
        assert!(said.contains(told), "{name} {arguments}: {said}");
        assert_eq!(answer.json()["result"]["isError"], true, "{name} {arguments}");
        names_no_library(&said, name);
    }
    // A whole number may have a fraction of zero, as in JSON Schema.
    let waited = server.call(&alice.token, "wait", json!({"seconds": 0.0})).await.json();
    assert_eq!(waited["result"]["structuredContent"]["waited_seconds"], 0, "{waited}");
}
