//! The audit is searched in one way by page, API and command, and an open page learns of new entries.

use std::time::Duration;

use doorward_testkit::{Browser, OAuthClient, TestServer, run_command};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, Via};

/// The numbers of the entries that a front end finds, the newest first, or its refusal.
async fn found(stage: &Stage, via: Via, conditions: &[(&str, &str)]) -> Result<Vec<i64>, String> {
    let query = |text: &str| {
        let named = conditions.iter().map(|(name, value)| match *name {
            "text" => (text.to_owned(), *value),
            name => (name.to_owned(), *value),
        });
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(named).finish()
    };
    match via {
        Via::Page => {
            let url = format!("/admin/audit?limit=200&{}", query("search"));
            let page = stage.browser.get(&stage.server.at(&url)).await;
            if page.status != 200 {
                return Err(page.body);
            }
            let links = page.body.split("href=\"/admin/audit/entries/").skip(1);
            Ok(links.map(|link| link.split('"').next().unwrap().parse().unwrap()).collect())
        }
        Via::Api => {
            let browser = Browser::new();
            let url = stage.server.at(&format!("/api/admin/audit?limit=500&{}", query("text")));
            let page = browser.send(browser.raw(Method::GET, &url).bearer_auth(&stage.key)).await;
            if page.status != 200 {
                return Err(page.body);
            }
            let told = page.json();
            Ok(told["entries"].as_array().unwrap().iter().map(seq).collect())
        }
        Via::Command => {
            let data_dir = stage.server.data_dir.to_str().unwrap();
            let mut words = vec!["--data-dir", data_dir, "--json", "audit", "--limit", "500"];
            let options: Vec<String> =
                conditions.iter().map(|(name, value)| format!("--{name}={value}")).collect();
            words.extend(options.iter().map(String::as_str));
            let url = stage.server.config.store.url.reveal();
            let output = run_command(&words, &[("DOORWARD_STORE__URL", url)], "").await;
            if !output.status.success() {
                return Err(String::from_utf8(output.stderr).unwrap());
            }
            let lines = String::from_utf8(output.stdout).unwrap();
            let read = |line: &str| seq(&serde_json::from_str(line).unwrap());
            Ok(lines.lines().rev().map(read).collect())
        }
    }
}

fn seq(entry: &Value) -> i64 {
    entry["seq"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_found_by_every_fact_of_theirs_in_each_front_end() {
    let stage = Stage::on(TestServer::start().await).await;
    let server = &stage.server;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    for _ in 0..2 {
        let client = OAuthClient::register(server).await;
        let tokens = client.tokens(&browser, &[]).await;
        server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    }
    server.app.store.flush().await.unwrap();
    let url = server.at("/api/admin/audit?limit=500");
    let asked = Browser::new().raw(Method::GET, &url).bearer_auth(&stage.key);
    let all = Browser::new().send(asked).await.expect(200).json();
    let all = all["entries"].as_array().unwrap();
    let call = all.iter().find(|entry| entry["kind"] == "tool.called").unwrap();
    let consent = all.iter().find(|entry| entry["kind"] == "consent.allowed").unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let (grant, client) = (text(call, "grant_id"), text(call, "client_id"));
    let (session, address) = (text(consent, "session_id"), text(call, "address"));
    let cases: Vec<Vec<(&str, &str)>> = vec![
        vec![("grant", &grant)],
        vec![("session", &session)],
        vec![("address", &address), ("kind", "tool.called")],
        vec![("text", "WHOami")],
        vec![("text", "mcp:read"), ("user", "alice")],
        vec![("grant", &grant), ("text", "whoami"), ("outcome", "ok")],
        vec![("client", &client)],
        vec![("user", "alice"), ("subject", "none:1")],
    ];
    for conditions in &cases {
        let page = found(&stage, Via::Page, conditions).await.unwrap();
        for via in [Via::Api, Via::Command] {
            assert_eq!(found(&stage, via, conditions).await.as_ref(), Ok(&page), "{conditions:?}");
        }
        assert_eq!(page.is_empty(), conditions.contains(&("subject", "none:1")), "{conditions:?}");
        let is_of_one = conditions.contains(&("grant", &grant));
        let belongs = |entry: &&Value| {
            !is_of_one
                || entry["grant_id"] == grant.as_str()
                || entry["subject"] == format!("grant:{grant}")
        };
        let shown = all.iter().filter(|entry| page.contains(&seq(entry)));
        assert!(shown.clone().all(|entry| belongs(&entry)), "{conditions:?}");
        assert!(page.len() < all.len(), "{conditions:?} finds everything");
    }
    // The page of an entry leads to everything that belongs to its grant.
    let entry = server.at(&format!("/admin/audit/entries/{}", seq(call)));
    let page = stage.browser.get(&entry).await.expect(200);
    assert!(page.body.contains(&format!("/admin/audit?grant={grant}")), "{}", page.body);
    // A value that no entry can have is an error, not an empty list.
    let long = "x".repeat(201);
    for (name, value) in [
        ("user", "no-such-user"),
        ("client", "c_none"),
        ("kind", "user.asleep"),
        ("address", "localhost"),
        ("text", &long),
    ] {
        for via in Via::ALL {
            let refused = found(&stage, via, &[(name, value)]).await;
            assert!(refused.is_err(), "{via:?} {name}: {refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_page_learns_of_entries_that_fit_its_search_and_of_no_others() {
    let stage = Stage::on(TestServer::start().await).await;
    let server = &stage.server;
    let path = "/admin/audit/news?kind=user.added";
    let request = stage.browser.raw(Method::GET, &server.at(path));
    let mut news = request.header("cookie", stage.browser.cookies()).send().await.unwrap();
    assert_eq!(news.status(), 200);
    let media = news.headers()["content-type"].to_str().unwrap();
    assert!(media.starts_with("text/event-stream"), "{media}");
    // A sign-in does not fit; a new user does.
    server.signed_in("root").await;
    let early = tokio::time::timeout(Duration::from_millis(2500), news.chunk()).await;
    assert!(early.is_err(), "{early:?}");
    server.user("bob").await;
    let told = tokio::time::timeout(Duration::from_secs(10), news.chunk()).await;
    let told = told.expect("it is told of").unwrap().unwrap();
    let told = String::from_utf8(told.to_vec()).unwrap();
    let number = told.trim().strip_prefix("data:").expect(&told).trim();
    assert!(number.parse::<i64>().is_ok(), "only a number is told: {told:?}");
    // The newest part of the list has the button, an older one does not.
    let page = stage.browser.get(&server.at("/admin/audit?kind=user.added")).await.expect(200);
    assert!(page.body.contains("data-news=\"/admin/audit/news?kind=user.added\""), "{}", page.body);
    assert!(page.header("content-security-policy").contains("connect-src 'self'"));
    let page = stage.browser.get(&server.at("/admin/audit?after=2")).await.expect(200);
    assert!(!page.body.contains("data-news"), "{}", page.body);
    stage.browser.get(&server.at("/admin/audit/news?kind=nothing.")).await.expect(400);
    server.signed_in("bob").await.get(&server.at(path)).await.expect(404);
    Browser::new().get(&server.at(path)).await.expect(303);
}
