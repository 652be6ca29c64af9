//! Upstreams: adding and deleting by API and command, and decisions about their tools.

use doorward_testkit::{FakeUpstream, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via};

/// The stored and audited changes of one front end, with the upstream's name taken out.
async fn kept(stage: &Stage, name: &str, head: i64) -> String {
    let all = stage.store().await.upstreams().await.unwrap();
    let found = all.iter().find(|record| record.name.as_str() == name);
    let shown = found.map(|record| format!("{} {}", record.settings, record.secrets.is_some()));
    let entries = stage.entries(head).await;
    format!("{shown:?} {entries:?}").replace(name, "NAME")
}

#[tokio::test]
async fn upstreams_are_added_and_deleted_alike_by_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let url = "https://tools.example/mcp";
    let cases = [
        ("{name}", "http", url, None),
        ("Not A Name", "http", url, Some("invalid_setting")),
        ("{name}", "http", "nowhere", Some("invalid_setting")),
    ];
    for (at, (name, kind, url, code)) in cases.into_iter().enumerate() {
        let mut all = Vec::new();
        for via in [Via::Api, Via::Command] {
            let own = format!("u{at}-{}", via.suffix());
            let head = stage.head().await;
            let adding = Asked {
                page: ("", Vec::new()),
                api: (Method::POST, "/upstreams", json!({"name": name, "kind": kind, "url": url})),
                command: (vec!["upstream", "add", name, "--kind", kind, "--url", url], ""),
            };
            let outcome = stage.ask(via, &adding, &[("name", &own)]).await;
            assert_eq!(outcome.code.as_deref(), code, "{name} {url} by {via:?}");
            all.push(kept(&stage, &own, head).await);
            let deleting = Asked {
                page: ("", Vec::new()),
                api: (Method::DELETE, "/upstreams/{name}", Value::Null),
                command: (vec!["upstream", "delete", "{name}"], ""),
            };
            if code.is_none() {
                let again = stage.ask(via, &adding, &[("name", &own)]).await;
                assert_eq!(again.code.as_deref(), Some("name_taken"), "{via:?}");
                let head = stage.head().await;
                let outcome = stage.ask(via, &deleting, &[("name", &own)]).await;
                assert!(outcome.code.is_none(), "{via:?}: {outcome:?}");
                all.push(kept(&stage, &own, head).await);
            }
            let gone = stage.ask(via, &deleting, &[("name", &own)]).await;
            assert_eq!(gone.code.as_deref(), Some("not_found"), "{via:?}");
        }
        let (by_api, by_command) = all.split_at(all.len() / 2);
        assert_eq!(by_api, by_command);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_refused_alike_by_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let config = json!({"kind": "http", "url": "https://tools.example/mcp"});
    let config = serde_json::from_value(config).unwrap();
    stage.server.app.gateway.add("wiki", config).await.unwrap();
    let deciding = Asked {
        page: ("", Vec::new()),
        api: (Method::PUT, "/upstreams/wiki/tools/gone", json!({"decision": "approve"})),
        command: (vec!["upstream", "approve", "wiki", "gone"], ""),
    };
    for via in [Via::Api, Via::Command] {
        let outcome = stage.ask(via, &deciding, &[("etag", "x")]).await;
        assert_eq!(outcome.code.as_deref(), Some("not_found"), "{via:?}: {outcome:?}");
    }
}

const TOOLS: &str = "https://tools.example/mcp";
const LOGIN: &str = "https://login.example";

/// Adds an upstream that this server calls with its own credentials.
fn adding_own() -> Asked<'static> {
    let form = [
        ("do", "create"),
        ("name", "{name}"),
        ("set-kind", "http"),
        ("set-url", TOOLS),
        ("set-auth", "client_credentials"),
        ("set-issuer", LOGIN),
        ("set-client_id", "doorward"),
        ("set-client_secret", "s-1"),
        ("set-dpop", "true"),
    ];
    let body = json!({
        "name": "{name}", "kind": "http", "url": TOOLS, "auth": "client_credentials",
        "issuer": LOGIN, "client_id": "doorward", "client_secret": "s-1", "dpop": true,
    });
    let command = "upstream add {name} --kind http --url https://tools.example/mcp --auth \
        client_credentials --set issuer=https://login.example --set client_id=doorward --set \
        dpop=true --secret-stdin";
    Asked {
        page: ("/admin/upstreams?add=1 > /admin/upstreams", form.to_vec()),
        api: (Method::POST, "/upstreams", body),
        command: (command.split_whitespace().collect(), "client_secret=s-1\n"),
    }
}

/// Adds an upstream that this server calls as a workload, with a setting of the machine.
fn adding_workload<'a>(key: &str, value: &str, set: &'a str) -> Asked<'a> {
    let mut body = json!({
        "name": "{name}", "kind": "http", "url": TOOLS, "auth": "workload", "issuer": LOGIN,
    });
    body[key] = value.into();
    let command = "upstream add {name} --kind http --url https://tools.example/mcp --auth \
        workload --set issuer=https://login.example --set";
    Asked {
        page: ("", Vec::new()),
        api: (Method::POST, "/upstreams", body),
        command: (command.split_whitespace().chain([set]).collect(), ""),
    }
}

#[tokio::test]
async fn own_access_is_set_alike_by_page_api_and_command_and_a_file_by_the_operator_alone() {
    let stage = Stage::on(TestServer::start().await).await;
    let mut all = Vec::new();
    for via in Via::ALL {
        let own = format!("own-{}", via.suffix());
        let head = stage.head().await;
        let outcome = stage.ask(via, &adding_own(), &[("name", &own)]).await;
        assert!(outcome.code.is_none(), "{via:?}: {outcome:?}");
        let stored = kept(&stage, &own, head).await;
        assert!(stored.contains("client_credentials") && !stored.contains("s-1"), "{stored}");
        all.push(stored);
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:#?}");
    // The files of the machine, and the servers for which this server signs, are the operator's.
    for (key, value) in [("assertion_file", "/etc/shadow"), ("assertion_audience", "https://a.b")] {
        let set = format!("{key}={value}");
        let adding = adding_workload(key, value, &set);
        let name = key.replace('_', "-");
        let refused = stage.ask(Via::Api, &adding, &[("name", &name)]).await;
        assert_eq!(refused.code.as_deref(), Some("of_the_machine"), "{key}: {refused:?}");
        let done = stage.ask(Via::Command, &adding, &[("name", &name)]).await;
        assert!(done.code.is_none(), "{key}: {done:?}");
        // An administrator moves it to no other place, which would receive its token.
        let moving = Asked {
            page: ("", Vec::new()),
            api: (Method::PATCH, "/upstreams/{name}", json!({"url": "https://evil.example/mcp"})),
            command: (Vec::new(), ""),
        };
        // The server reads what another process stored within a moment.
        let mut moved = stage.ask(Via::Api, &moving, &[("name", &name)]).await;
        for _ in 0..100 {
            if moved.code.as_deref() != Some("not_found") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            moved = stage.ask(Via::Api, &moving, &[("name", &name)]).await;
        }
        assert_eq!(moved.code.as_deref(), Some("of_the_machine"), "{key}: {moved:?}");
    }
}

#[tokio::test]
async fn a_test_of_an_upstream_is_its_state_until_the_next_check() {
    let wiki = FakeUpstream::start().await;
    let server = crate::gateway::with_config(&[("wiki", &wiki, "none")], |config| {
        let mut down = wiki.config("none");
        "http://127.0.0.1:9/mcp".clone_into(&mut down.url);
        config.upstreams.insert("down".to_owned(), down);
    })
    .await;
    let stage = Stage::on(server).await;
    let states = async || {
        let page = stage.browser.get(&stage.server.at("/admin/upstreams")).await.expect(200).body;
        let row = |name: &str| {
            let row = page.split(&format!("id=\"row-{name}\"")).nth(1).unwrap();
            row.split("</tr>").next().unwrap().to_owned()
        };
        [row("wiki"), row("down")]
    };
    let [wiki_before, down_before] = states().await;
    assert!(!wiki_before.contains("<time") && !down_before.contains(">failing<"), "{down_before}");
    for name in ["wiki", "down"] {
        let asked = Asked {
            page: ("", Vec::new()),
            api: (Method::POST, "/upstreams/{name}/test", json!({"user": "root"})),
            command: (Vec::new(), ""),
        };
        stage.ask(Via::Api, &asked, &[("name", name)]).await;
    }
    let [wiki_after, down_after] = states().await;
    assert!(wiki_after.contains("<time"), "{wiki_after}");
    assert!(down_after.contains(">failing<"), "{down_after}");
    let page = stage.browser.get(&stage.server.at("/admin")).await.expect(200).body;
    assert!(!page.contains("not checked yet"), "{page}");
}
