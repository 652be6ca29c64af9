//! Usage by API and command: the numbers are those of the calls, and names are for auditors.

use doorward_testkit::{Browser, OAuthClient, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via};

async fn api(server: &TestServer, key: &str, path: &str) -> Page {
    let browser = Browser::new();
    let request = browser.raw(Method::GET, &server.at(path)).bearer_auth(key);
    browser.send(request).await
}

/// The row with this key or name.
fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let rows = report["rows"].as_array().unwrap();
    rows.iter()
        .find(|row| row["key"] == name || row["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {report}"))
}

/// Calls by two users, of which some fail or are refused. Returns the ID of the client.
async fn calls(server: &TestServer) -> String {
    server.user("alice").await;
    server.user("bob").await;
    let client = OAuthClient::register(server).await;
    for (name, count) in [("alice", 5), ("bob", 2)] {
        let tokens = client.tokens(&server.signed_in(name).await, &[]).await;
        for _ in 0..count {
            server.call(&tokens.access, "whoami", json!({})).await.expect(200);
        }
        server.call(&tokens.access, "no_such_tool", json!({})).await;
    }
    client.id.clone()
}

#[tokio::test]
async fn usage_names_users_to_auditors_alone_who_need_not_be_administrators() {
    let server = TestServer::start().await;
    let client = calls(&server).await;
    let root = server.user_with("root", &["admin"]).await;
    let eve = server.user_with("eve", &["auditor"]).await;
    let of_root = crate::admin::key(&server, &root, "admin").await;
    let of_eve = crate::admin::key(&server, &eve, "admin:read").await;
    let users = "/api/admin/usage?by=user&period=24h";
    // The auditor sees names.
    let report = api(&server, &of_eve, users).await.expect(200).json();
    assert_eq!(report["names"], true);
    assert_eq!(
        (row(&report, "alice")["calls"].as_i64(), row(&report, "bob")["ok"].as_i64()),
        (Some(6), Some(2))
    );
    assert_eq!(row(&report, "alice")["refused"], 1);
    assert!(row(&report, "alice")["p95_ms"].as_f64().unwrap() > 0.0);
    assert!(row(&report, "alice")["response_bytes"].as_i64().unwrap() > 50);
    let of_alice = api(&server, &of_eve, "/api/admin/usage?by=tool&user=alice").await;
    assert_eq!(row(&of_alice.expect(200).json(), "whoami")["calls"], 5);
    // The administrator without the role sees neither names nor IDs, and cannot ask about one user.
    let page = api(&server, &of_root, users).await.expect(200);
    assert_eq!(page.json()["rows"].as_array().unwrap().len(), 2);
    assert!(!page.body.contains("alice") && !page.body.contains("\"u_"), "{}", page.body);
    let refused = api(&server, &of_root, "/api/admin/usage?user=alice").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("auditor_needed")));
    let file = api(&server, &of_root, "/api/admin/usage?by=user&format=csv").await.expect(200);
    assert!(
        file.body.starts_with("key,name,calls") && !file.body.contains("alice"),
        "{}",
        file.body
    );
    let unused = api(&server, &of_root, "/api/admin/usage/unused").await.expect(200).json();
    assert!(
        unused["users"].is_null()
            && unused["tools"].as_array().unwrap().contains(&"server_info".into())
    );
    assert!(!unused["tools"].as_array().unwrap().contains(&"whoami".into()), "{unused}");
    // By other dimensions both see the same.
    for by in ["tool", "client", "service", "hour", "total"] {
        let path = format!("/api/admin/usage?by={by}");
        let mut both = Vec::new();
        for key in [&of_root, &of_eve] {
            both.push(api(&server, key, &path).await.expect(200).json()["rows"].clone());
        }
        assert_eq!(both[0], both[1], "{by}");
        assert!(both[0][0]["calls"].as_i64().unwrap() >= 7, "{by}: {both:?}");
    }
    let clients = api(&server, &of_eve, "/api/admin/usage?by=client").await.json();
    assert_eq!(row(&clients, &client)["calls"], 9);
    // With its scope an auditor reaches nothing else, and cannot have more of it.
    for path in ["/api/admin/users", "/api/admin/audit", "/api/admin/settings", "/api/admin/health"]
    {
        api(&server, &of_eve, path).await.expect(403);
    }
    let proved = doorward_accounts::Authority::operator_states_second_factor();
    for scope in ["admin", "admin:upstreams"] {
        let new = doorward_accounts::NewAccessToken {
            name: "more".to_owned(),
            scopes: doorward_model::ScopeSet::parse_known(scope),
            upstreams: Vec::new(),
            days: 30,
        };
        let access = doorward_model::AccessPolicy::default();
        let made = server.app.accounts.add_access_token(&proved, &eve, &access, new).await;
        assert!(made.is_err(), "{scope}");
    }
    // Without the role there is nothing to see, whatever the scope.
    let operator = doorward_accounts::Authority::operator();
    server.app.accounts.set_roles(&operator, &eve, Vec::new()).await.unwrap();
    api(&server, &of_eve, users).await.expect(403);
}

#[tokio::test]
async fn wrong_questions_are_refused_and_times_select_hours() {
    let server = TestServer::start().await;
    calls(&server).await;
    let eve = server.user_with("eve", &["admin", "auditor"]).await;
    let key = crate::admin::key(&server, &eve, "admin:read").await;
    for wrong in [
        "by=colour",
        "period=1y",
        "since=soon",
        "period=7d&since=2026-01-01",
        "limit=0",
        "limit=1001",
        "outcome=good",
        "format=xml",
        "nothing=1",
    ] {
        let page = api(&server, &key, &format!("/api/admin/usage?{wrong}")).await;
        assert_eq!(page.status, 400, "{wrong}: {}", page.body);
    }
    let now = doorward_model::Clock::now(server.clock.as_ref()).0;
    for (question, calls) in [
        (format!("since={now}"), 9),
        (format!("since={}", now + 3600), 0),
        (format!("since=0&until={now}"), 0),
        (format!("since=0&until={}", now + 3600), 9),
        ("since=0&outcome=refused".to_owned(), 2),
        ("since=0&tool=whoami".to_owned(), 7),
        ("since=0&service=".to_owned(), 9),
        ("since=0&service=wiki".to_owned(), 0),
        ("since=0&client=nothing".to_owned(), 0),
        ("since=0&user=absent".to_owned(), 0),
    ] {
        let page = api(&server, &key, &format!("/api/admin/usage?by=total&{question}")).await;
        assert_eq!(page.expect(200).json()["rows"][0]["calls"], calls, "{question}");
    }
}

#[tokio::test]
async fn the_command_and_the_api_report_the_same_and_both_count_again() {
    let stage = Stage::on(TestServer::start().await).await;
    calls(&stage.server).await;
    for by in ["tool", "service", "client", "hour", "total"] {
        let path = format!("/usage?by={by}&since=0");
        let asked = Asked {
            page: ("", Vec::new()),
            api: (Method::GET, path.as_str(), Value::Null),
            command: (vec!["usage", "--by", by, "--since", "0"], ""),
        };
        let api: Value =
            serde_json::from_str(&stage.ask(Via::Api, &asked, &[]).await.answer).unwrap();
        let command: Value =
            serde_json::from_str(&stage.ask(Via::Command, &asked, &[]).await.answer).unwrap();
        let numbers = |rows: &Value| {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|row| {
                let of = |name: &str| row[name].as_i64().unwrap();
                (
                    row["key"].as_str().unwrap_or_default().to_owned(),
                    of("calls"),
                    of("refused"),
                    of("failed"),
                    of("response_bytes"),
                )
            })
            .collect::<Vec<_>>()
        };
        assert!(!numbers(&command).is_empty());
        assert_eq!(numbers(&api["rows"]), numbers(&command), "{by}");
    }
    let rebuild = Asked {
        page: ("", Vec::new()),
        api: (Method::POST, "/usage/rebuild", Value::Null),
        command: (vec!["usage", "rebuild"], ""),
    };
    for via in [Via::Api, Via::Command] {
        let outcome = stage.ask(via, &rebuild, &[]).await;
        let told: Value = serde_json::from_str(&outcome.answer).unwrap();
        assert!(told["entries"].as_i64().unwrap() >= 9, "{via:?}: {told}");
    }
    let users = Asked {
        page: ("", Vec::new()),
        api: (Method::GET, "/usage/unused", Value::Null),
        command: (vec!["usage", "unused"], ""),
    };
    let told: Value =
        serde_json::from_str(&stage.ask(Via::Command, &users, &[]).await.answer).unwrap();
    // Root has a token, the others have clients.
    assert_eq!(
        (told["users_without_client"].as_i64(), told["users"].as_array().unwrap().len()),
        (Some(0), 0)
    );
    stage.server.user("carol").await;
    let told: Value =
        serde_json::from_str(&stage.ask(Via::Command, &users, &[]).await.answer).unwrap();
    assert_eq!(told["users"][0], "carol");
}

#[tokio::test]
async fn the_page_shows_names_to_auditors_links_to_administrators_and_nothing_to_others() {
    let server = TestServer::start().await;
    calls(&server).await;
    server.user_with("root", &["admin"]).await;
    server.user_with("eve", &["auditor"]).await;
    server.user_with("both", &["admin", "auditor"]).await;
    let (root, eve) = (server.signed_in("root").await, server.signed_in("eve").await);
    let both = server.signed_in("both").await;
    for browser in [&root, &eve, &both] {
        for period in ["", "?period=24h", "?period=7d", "?period=90d", "?period=none"] {
            let page = browser.get(&server.at(&format!("/admin/usage{period}"))).await.expect(200);
            assert!(page.body.contains("whoami") && page.body.contains("class=\"heat\""));
        }
    }
    let at = server.at("/admin/usage");
    let (of_root, of_eve) = (root.get(&at).await.body, eve.get(&at).await.body);
    let of_both = both.get(&at).await.body;
    assert!(!of_root.contains("alice") && of_root.contains("User 1"), "{of_root}");
    assert!(of_eve.contains("alice") && of_eve.contains("bob") && of_both.contains("alice"));
    // Bars and rows lead to the entries of the audit, which are as many.
    assert!(of_root.contains("/admin/audit?") && !of_eve.contains("/admin/audit"), "{of_eve}");
    let link = of_both.split("href=\"").find(|rest| rest.contains("user=u_")).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let entries = both.get(&link).await.expect(200);
    assert!(entries.body.contains("whoami"), "{link}: {}", entries.body);
    // An auditor has no other page of administration.
    for path in ["/admin", "/admin/users", "/admin/audit", "/admin/policy"] {
        eve.get(&server.at(path)).await.expect(404);
    }
    let account = eve.get(&server.at("/account")).await.expect(200);
    assert!(account.body.contains("/admin/usage\""), "{}", account.body);
    let file = eve.get(&server.at("/admin/usage/csv?by=user")).await.expect(200);
    assert!(
        file.body.lines().count() == 3 && file.body.contains(",alice,6,5,1,0,"),
        "{}",
        file.body
    );
    let file = root.get(&server.at("/admin/usage/csv?by=user")).await.expect(200);
    assert!(file.body.lines().count() == 3 && !file.body.contains("alice"), "{}", file.body);
    let alice = server.signed_in("alice").await;
    for path in ["/admin/usage", "/admin/usage/csv"] {
        alice.get(&server.at(path)).await.expect(404);
        let away = Browser::new().get(&server.at(path)).await;
        assert_eq!(away.status, 303, "{path}");
    }
}

#[tokio::test]
async fn auditors_need_a_second_factor_where_administrators_do() {
    let server = TestServer::start_with(|config| {
        config.access.second_factor_for_administrators = true;
    })
    .await;
    server.user_with("eve", &["auditor"]).await;
    let page = server.signed_in("eve").await.get(&server.at("/admin/usage")).await;
    assert_eq!(page.status, 303);
    assert!(page.location().contains("/login/second-factor?next=%2Fadmin%2Fusage"));
}
