//! Upstreams as they really are: every misbehaviour, of every kind of upstream and of older and
//! newer revisions, through the whole server.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_testkit::{
    DoorwardProcess, Expected, OddHabit, OddKind, OddUpstream, TestServer, fresh_database,
    run_command,
};
use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};

use super::{GatewayUser, gateway_user, list, processes};

/// The texts of an answer to a call, one after the other.
fn told(answer: &Value) -> String {
    let blocks = answer["result"]["content"].as_array().cloned().unwrap_or_default();
    let texts = blocks.iter().filter_map(|block| block["text"].as_str());
    let message = answer["error"]["message"].as_str();
    let structured = answer["result"]["structuredContent"]["said"].as_str();
    texts.chain(message).chain(structured).collect::<Vec<_>>().join("\n")
}

/// Fails where a message for users names a library or one of its types.
pub(super) fn names_no_library(text: &str, about: &str) {
    for name in [
        // Libraries, and their types.
        "rmcp",
        "reqwest",
        "hyper",
        "serde",
        "tokio",
        "sqlx",
        "Streamable",
        "ErrorData",
        "JsonRpc",
        "TransportSend",
        "::",
        // Values as the language prints them.
        "Some(",
        "None)",
        "Ok(",
        "Err(",
        "Error(",
        "Error {",
        "String(",
        "Object {",
        "Number(",
        "Utf8",
        "Elapsed",
        "RecvError",
        "SendError",
        "JoinError",
        // The words of libraries.
        "missing field",
        "unknown field",
        "unknown variant",
        "duplicate field",
        "invalid type:",
        "invalid value:",
        "invalid length",
        "expected value",
        "expected struct",
        "expected `",
        "EOF while parsing",
        "trailing characters",
        "at line ",
        "untagged enum",
        "relative URL without a base",
        "builder error",
        "error sending request",
        "error decoding response",
        "tcp connect error",
        "os error",
        "channel closed",
        "deadline has elapsed",
        "connection closed before message",
    ] {
        assert!(!text.contains(name), "{about}: {name} in {text}");
    }
}

async fn case(
    server: &TestServer,
    alice: &GatewayUser,
    name: &str,
    (habit, expected): (OddHabit, Expected),
    odd: &OddUpstream,
) {
    let about = format!("{name}: {habit:?}");
    let upstream = server.app.gateway.named(name).await.unwrap();
    let findings = server.app.gateway.test(&upstream, None).await;
    let found = |what: &str| {
        let finding = findings.iter().find(|finding| finding.subject.as_str() == what);
        finding.map_or_else(|| Err("nothing".to_owned()), |finding| finding.result.clone())
    };
    for finding in &findings {
        let text = finding.result.as_ref().unwrap_or_else(|text| text);
        names_no_library(text, &about);
    }
    if let Expected::Unusable(why) = expected {
        let text = found("connection").unwrap_err();
        assert!(text.contains(why), "{about}: {text}");
        return;
    }
    assert!(found("connection").is_ok() && found("tools").is_ok(), "{about}: {findings:?}");
    let left_out = found("left out").unwrap_or_else(|text| text);
    match expected {
        Expected::Named(text) => assert!(left_out.contains(text), "{about}: {left_out}"),
        _ => assert_eq!(left_out, "nothing", "{about}"),
    }
    let begun = Instant::now();
    let answer = server.call(&alice.token, &format!("{name}_good"), json!({})).await.json();
    assert!(begun.elapsed() < Duration::from_secs(8), "{about}: {:?}", begun.elapsed());
    let text = told(&answer);
    names_no_library(&text, &about);
    is_accepted_result(&answer);
    match expected {
        Expected::Fails(why) => {
            assert!(text.contains(why), "{about}: {text}");
            assert!(answer["error"].is_object() || answer["result"]["isError"] == true, "{about}");
        }
        _ => assert!(
            text.lines().any(|line| line == "echo") && answer["result"]["isError"] != true,
            "{about}: {answer}"
        ),
    }
    // Each user has a session of their own, and so had the look before.
    let (greeted, called) = {
        let state = odd.state();
        (state.count("initialize"), state.count("tools/call"))
    };
    match habit {
        OddHabit::Forgets400
        | OddHabit::Forgets404
        | OddHabit::Forgets400ServerErrorId
        | OddHabit::Forgets404Page
        | OddHabit::Forgets410
        | OddHabit::Forgets400OwnId
        | OddHabit::ForgetsAlways => assert_eq!((greeted, called), (3, 2), "{about}"),
        OddHabit::CallNotFound => assert!(called <= 2, "{about}"),
        _ => assert_eq!(called, 1, "{about}: a call is made once"),
    }
}

/// Fails where a popular client would refuse a whole list for this tool.
fn is_accepted(tool: &Value) {
    for schema in
        [&tool["inputSchema"], &tool["outputSchema"]].into_iter().filter(|one| !one.is_null())
    {
        assert!(schema["required"].is_null() || schema["required"].is_array(), "{tool}");
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            assert!(member.is_object(), "{name}: {tool}");
        }
    }
    let compiled = tool["outputSchema"].to_string();
    for wrong in ["#/$defs/Gone", "\"date\"", "(?i)", "\"enum\":[]"] {
        assert!(!compiled.contains(wrong), "{wrong}: {tool}");
    }
}

/// Fails where a popular client would refuse the whole result for one of its blocks.
fn is_accepted_result(answer: &Value) {
    for block in answer["result"]["content"].as_array().into_iter().flatten() {
        for data in
            [&block["data"], &block["resource"]["blob"]].into_iter().filter_map(Value::as_str)
        {
            assert!(STANDARD.decode(data).is_ok(), "{block}");
        }
        let annotations = &block["annotations"];
        assert!(annotations["priority"].as_f64().is_none_or(|one| one <= 1.0), "{block}");
        assert_ne!(annotations["lastModified"], "now", "{block}");
    }
}

/// Goes through all misbehaviours of a kind of upstream and revision.
async fn all(kind: OddKind, modern: bool) {
    let cases: Vec<(OddHabit, Expected)> = OddHabit::ALL
        .iter()
        .filter_map(|habit| Some((*habit, habit.expected(kind, modern)?)))
        .collect();
    let mut failed: Vec<OddHabit> = Vec::new();
    for some in cases.chunks(24) {
        let mut upstreams = Vec::new();
        for (habit, _) in some {
            upstreams.push(OddUpstream::start(kind, modern, Some(*habit)).await);
        }
        let server = TestServer::start_with(|config| {
            for (number, (upstream, (habit, _))) in upstreams.iter().zip(some).enumerate() {
                let mut settings = upstream.config();
                if matches!(habit, OddHabit::ManyPages | OddHabit::ManyTools) {
                    // The bound of pages and tools ends these lists, however busy the machine is.
                    settings.list_wait_ms = 30_000;
                }
                config.upstreams.insert(format!("odd{number}"), settings);
            }
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        let names: Vec<String> = (0..some.len()).map(|number| format!("odd{number}")).collect();
        let running = some.iter().zip(&upstreams).zip(&names);
        // All are tried, so that one run names each that fails.
        let tried = running.map(|((each, odd), name)| {
            AssertUnwindSafe(case(&server, &alice, name, *each, odd)).catch_unwind()
        });
        let outcomes = join_all(tried).await;
        list(&server, &alice.token).await.iter().for_each(is_accepted);
        let wrong = some.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_err());
        failed.extend(wrong.map(|((habit, _), _)| *habit));
    }
    assert!(failed.is_empty(), "{kind:?}, modern {modern}: {failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_http_server_costs_only_what_its_misbehaviour_is_about() {
    all(OddKind::Http, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_http_server_costs_only_what_its_misbehaviour_is_about() {
    all(OddKind::Http, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_the_old_transport_costs_only_what_its_misbehaviour_is_about() {
    all(OddKind::Sse, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_process_costs_only_what_its_misbehaviour_is_about() {
    all(OddKind::Stdio, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_process_costs_only_what_its_misbehaviour_is_about() {
    all(OddKind::Stdio, true).await;
}

#[test]
fn every_misbehaviour_is_tried_somewhere() {
    for habit in OddHabit::ALL {
        let tried = OddKind::ALL.iter().any(|kind| {
            [false, true].iter().any(|modern| habit.expected(*kind, *modern).is_some())
        });
        assert!(tried, "{habit:?}");
    }
    let distinct: std::collections::HashSet<_> = OddHabit::ALL.iter().collect();
    assert_eq!(distinct.len(), OddHabit::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revision_of_an_upstream_is_found_out_once_and_a_newer_server_in_its_place_is_noticed()
{
    for kind in [OddKind::Http, OddKind::Stdio] {
        let odd = OddUpstream::start(kind, false, Some(OddHabit::DiscoverCloses)).await;
        let server = TestServer::start_with(|config| {
            config.upstreams.insert("odd".to_owned(), odd.config());
        })
        .await;
        for name in ["alice", "bob", "carol"] {
            let user = gateway_user(&server, name).await;
            let answer = server.call(&user.token, "odd_good", json!({})).await.json();
            assert_eq!(told(&answer), "echo", "{kind:?}");
        }
        assert_eq!(odd.state().count("server/discover"), 1, "{kind:?}: asked once");
    }
    // A server that speaks the newest revision alone takes the place of an older one.
    let old = OddUpstream::start(OddKind::Http, false, None).await;
    let port = old.port();
    let server = TestServer::start_with(|config| {
        config.upstreams.insert("odd".to_owned(), old.config());
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    assert_eq!(told(&server.call(&alice.token, "odd_good", json!({})).await.json()), "echo");
    drop(old);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let _newer = OddUpstream::start_at(OddKind::Http, true, None, port).await;
    let bob = gateway_user(&server, "bob").await;
    assert_eq!(told(&server.call(&bob.token, "odd_good", json!({})).await.json()), "echo");
}

/// The servers that were reported first, behind the program itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reported_servers_work_behind_the_program_and_upstream_test_names_what_was_left_out() {
    let reported = [
        ("forgets", OddKind::Http, OddHabit::Forgets400, ""),
        ("strict", OddKind::Stdio, OddHabit::DiscoverCloses, ""),
        ("badtool", OddKind::Http, OddHabit::BareTool, "bare: inputSchema (it is missing"),
        ("heartbeat", OddKind::Http, OddHabit::Heartbeat, ""),
        ("slash", OddKind::Http, OddHabit::Redirect307, ""),
        ("moved", OddKind::Http, OddHabit::Redirect302, "/moved; set `url` to that"),
    ];
    let folder = std::env::temp_dir().join(format!("doorward-odd-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let (mut tables, mut upstreams) = (Vec::new(), Vec::new());
    for (name, kind, habit, _) in reported {
        let odd = OddUpstream::start(kind, false, Some(habit)).await;
        let settings = odd.config();
        tables.push(format!(
            "[upstreams.{name}]\nkind = {:?}\nurl = {:?}\ncommand = {:?}\nhttp_on_loopback = {}\nnetworks = {:?}\nlist_wait_ms = 4000\n",
            settings.kind,
            settings.url,
            settings.command,
            settings.http_on_loopback,
            settings.networks
        ));
        upstreams.push(odd);
    }
    let config = folder.join("doorward.toml");
    std::fs::write(&config, tables.concat()).unwrap();
    let (database, data) = (fresh_database().await, folder.join("data"));
    let mut variables = vec![
        ("DOORWARD_CONFIG", config.to_str().unwrap()),
        ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64"),
    ];
    if !database.is_empty() {
        variables.push(("DOORWARD_STORE__URL", &database));
    }
    let mut process = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let token = process.user(&data, &variables, "alice").await.token;
    for (name, _, habit, words) in reported {
        if habit != OddHabit::Redirect302 {
            let said = processes::call(&process.url, &token, &format!("{name}_good")).await;
            assert!(said.contains("\"echo\""), "{name}: {said}");
        }
        let arguments = ["--data-dir", data.to_str().unwrap(), "upstream", "test", name];
        let output = run_command(&arguments, &variables, "").await;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains(words), "{name}: {shown}");
        names_no_library(&shown, name);
    }
    process.terminate().await;
    let _ = std::fs::remove_dir_all(&folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_is_not_there_is_named_by_where_nothing_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let gone = OddUpstream::start(OddKind::Http, false, None).await;
    let server = TestServer::start_with(|config| {
        for (kind, path) in [("http", "mcp"), ("sse", "sse")] {
            let mut settings = gone.config();
            kind.clone_into(&mut settings.kind);
            settings.url = format!("http://127.0.0.1:{port}/{path}");
            config.upstreams.insert(format!("gone-{kind}"), settings);
        }
        let mut settings = gone.config();
        "stdio".clone_into(&mut settings.kind);
        settings.url = String::new();
        settings.networks = Vec::new();
        settings.http_on_loopback = false;
        settings.command = vec!["/no/such/program".to_owned()];
        config.upstreams.insert("gone-stdio".to_owned(), settings);
    })
    .await;
    for (name, why) in [
        ("gone-http", format!("nothing listens at 127.0.0.1:{port} (connection refused)")),
        ("gone-sse", format!("nothing listens at 127.0.0.1:{port} (connection refused)")),
        ("gone-stdio", "/no/such/program could not be started".to_owned()),
    ] {
        let upstream = server.app.gateway.named(name).await.unwrap();
        let findings = server.app.gateway.test(&upstream, None).await;
        let text = findings.last().unwrap().result.clone().unwrap_err();
        assert!(text.contains(&why), "{text}");
        names_no_library(&text, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn omissions_of_a_server_are_listed_on_the_page_of_upstreams() {
    let cases = [
        (OddHabit::BareTool, "bare: inputSchema"),
        (OddHabit::OddHeader, "bare: inputSchema: x-mcp-header"),
        (OddHabit::NoCapabilities, "capabilities: tools"),
        (OddHabit::NullCapabilities, "capabilities"),
        (OddHabit::NamelessTool, "#1"),
        (OddHabit::TwiceTheName, "another tool has the same name"),
        (OddHabit::EndlessCursor, "the list has too many pages or repeats itself"),
    ];
    for (habit, shown) in cases {
        for kind in [OddKind::Http, OddKind::Stdio] {
            let odd = OddUpstream::start(kind, false, Some(habit)).await;
            let server = TestServer::start_with(|config| {
                config.upstreams.insert("odd".to_owned(), odd.config());
            })
            .await;
            let alice = gateway_user(&server, "alice").await;
            server.call(&alice.token, "odd_good", json!({})).await.expect(200);
            server.user_with("root", &["admin"]).await;
            let admin = server.signed_in("root").await;
            let page = admin.get(&server.at("/admin/upstreams/odd")).await.expect(200);
            assert!(page.body.contains(shown), "{kind:?} {habit:?}: {}", page.body);
        }
    }
}
