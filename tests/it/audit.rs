//! The audit: every operation has an entry, entries are chained, and only permitted users read
//! them.

use doorward_accounts::Authority;
use doorward_model::{AuditEntry, AuditFilter, AuditKind, Outcome, Role};
use doorward_testkit::{Browser, OAuthClient, TestServer, form_value};
use serde_json::{Value, json};

pub(crate) async fn entries(server: &TestServer, filter: AuditFilter) -> Vec<AuditEntry> {
    server.app.store.flush().await.unwrap();
    server.app.store.audit(&filter, None, 500).await.unwrap().entries
}

async fn of_kind(server: &TestServer, kind: &str) -> Vec<AuditEntry> {
    entries(server, AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() }).await
}

fn detail(entry: &AuditEntry) -> Value {
    serde_json::from_str(&entry.event.detail).unwrap_or_default()
}

#[tokio::test]
async fn a_tool_call_is_joined_to_its_user_client_grant_and_decision() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[]).await;
    server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    server.call(&tokens.access, "no_such_tool", json!({})).await;
    let calls = of_kind(&server, "tool.called").await;
    let call = calls[0].event.call.as_deref().unwrap();
    assert_eq!((call.tool.as_str(), call.class.as_str()), ("whoami", "read"));
    assert!(
        call.decision.contains("allow") && call.micros > 0 && call.response_bytes > 10,
        "{call:?}"
    );
    let actor = &calls[0].event.actor;
    assert_eq!(
        (actor.user_id.as_deref(), actor.client_id.as_deref()),
        (Some(alice.id.as_str()), Some(client.id.as_str()))
    );
    let grant = of_kind(&server, "grant.given").await;
    assert_eq!(actor.grant_id, grant[0].event.actor.grant_id);
    assert!(!calls[0].event.address.is_empty() && !calls[0].event.request_id.is_empty());
    assert_eq!(of_kind(&server, "tool.refused").await.len(), 1);
    let way: Vec<String> = entries(&server, AuditFilter::default())
        .await
        .iter()
        .rev()
        .map(|entry| entry.event.kind.to_string())
        .collect();
    for kind in [
        "user.added",
        "client.added",
        "user.signed_in",
        "consent.allowed",
        "grant.given",
        "tool.called",
    ] {
        assert!(way.iter().any(|known| known == kind), "{kind} is missing: {way:?}");
    }
    // A user sees the entries of their own operations and of operations on their account.
    server.user("bob").await;
    let mine = entries(
        &server,
        AuditFilter { concerns: Some(alice.id.to_string()), ..AuditFilter::default() },
    )
    .await;
    assert!(
        mine.iter().any(|entry| entry.event.kind == AuditKind::ToolCalled)
            && mine.iter().all(|entry| !entry.event.detail.contains("bob"))
    );
    let page = browser.get(&server.at("/account/activity")).await.expect(200);
    assert!(page.body.contains("whoami") && !page.body.contains("bob"), "{}", page.body);
}

#[tokio::test]
async fn refusals_failures_and_every_change_have_entries_with_before_and_after() {
    let server = TestServer::start().await;
    server.user_with("root", &["admin"]).await;
    let alice = server.user("alice").await;
    let browser = Browser::new();
    let page = browser.get(&server.at("/login")).await;
    let csrf = form_value(&page.body, "csrf").unwrap();
    browser
        .post(
            &server.at("/login"),
            &[("csrf", &csrf), ("name", "alice"), ("password", "wrong password")],
        )
        .await
        .expect(401);
    let failed = of_kind(&server, "user.sign_in_failed").await;
    assert_eq!((failed.len(), failed[0].event.outcome), (1, Outcome::Refused));
    assert!(!format!("{failed:?}").contains("wrong password"));
    let client = OAuthClient::register(&server).await;
    client
        .token(&[
            ("grant_type", "authorization_code"),
            ("code", "dw_ac_nothing"),
            ("code_verifier", &"v".repeat(43)),
        ])
        .await
        .expect(400);
    assert_eq!(detail(&of_kind(&server, "token.refused").await[0])["reason"], "code_expired");
    server
        .app
        .accounts
        .set_roles(&Authority::operator(), &alice, vec![Role::parse("staff").unwrap()])
        .await
        .unwrap();
    let changed = of_kind(&server, "user.changed").await;
    assert_eq!(
        detail(&changed[0]),
        json!({"before": {"roles": []}, "after": {"roles": ["staff"]}})
    );
    server
        .app
        .accounts
        .set_roles(&Authority::operator(), &alice, vec![Role::parse("staff").unwrap()])
        .await
        .unwrap();
    assert_eq!(of_kind(&server, "user.changed").await.len(), 1, "no change, no entry");
    // A change on a page names the administrator who made it.
    let root = server.signed_in("root").await;
    let page = root.get(&server.at("/admin/settings")).await.expect(200);
    let csrf =
        page.body.split("/admin/mcp\"").nth(1).and_then(|rest| form_value(rest, "csrf")).unwrap();
    root.post(&server.at("/admin/mcp"), &[("csrf", &csrf), ("enabled", "false")]).await.expect(303);
    let setting = of_kind(&server, "setting.changed").await;
    assert_eq!(setting[0].event.actor.user_name.as_deref(), Some("root"));
    assert_eq!(detail(&setting[0])["after"], json!({"value": "false"}));
    assert!(setting[0].event.actor.session_id.is_some());
    server.app.accounts.delete(&alice, None).await.unwrap();
    let deleted = of_kind(&server, "user.deleted").await;
    assert_eq!(detail(&deleted[0])["before"]["name"], "alice");
    assert!(server.app.store.verify_audit(None).await.unwrap().is_ok());
}

#[tokio::test]
async fn the_chain_is_whole_across_replicas_and_shows_what_was_cut_off() {
    let server = TestServer::start().await;
    for name in ["a1", "b2", "c3"] {
        server.user(name).await;
    }
    server.app.store.flush().await.unwrap();
    let head = server.app.store.audit_head().await.unwrap();
    let one = TestServer::start_on(server.config.clone(), server.data_dir.clone()).await;
    let (here, there) = (server.app.accounts.clone(), one.app.accounts.clone());
    let add = |accounts: doorward_accounts::Accounts, name: &'static str| async move {
        for number in 0..20 {
            let new = doorward_accounts::NewAccount {
                name: format!("{name}{number}"),
                email: None,
                password: None,
                password_temporary: false,
                roles: Vec::new(),
            };
            accounts.add(&Authority::operator(), new).await.unwrap();
        }
    };
    tokio::join!(add(here, "here"), add(there, "there"));
    let verified = server.app.store.verify_audit(Some(&head)).await.unwrap().unwrap();
    assert_eq!((verified.first, verified.entries), (1, u64::try_from(verified.head.seq).unwrap()));
    assert!(verified.head.seq >= head.seq + 40);
    let ahead = doorward_model::AuditHead { seq: verified.head.seq + 1, hash: "x".to_owned() };
    let broken = server.app.store.verify_audit(Some(&ahead)).await.unwrap().unwrap_err();
    assert!(broken.why.contains("missing"), "{broken:?}");
    let other = doorward_model::AuditHead { hash: "x".to_owned(), ..head };
    assert!(server.app.store.verify_audit(Some(&other)).await.unwrap().is_err());
}

#[tokio::test]
async fn old_entries_go_and_the_rest_is_still_a_chain() {
    let server = TestServer::start_with(|config| config.audit.retention_days = 10).await;
    server.user("alice").await;
    server.app.store.flush().await.unwrap();
    let before = server.app.store.audit_head().await.unwrap();
    server.clock.advance(20 * 86_400);
    server.user("bob").await;
    server.app.housekeeping().unwrap().round().await;
    let left = entries(&server, AuditFilter::default()).await;
    assert!(left.iter().all(|entry| entry.seq > before.seq), "{left:?}");
    assert!(left.iter().any(|entry| entry.event.kind == AuditKind::AuditTrimmed));
    let verified = server.app.store.verify_audit(None).await.unwrap().unwrap();
    assert_eq!(verified.first, before.seq + 1);
}

#[tokio::test]
async fn arguments_and_results_are_recorded_only_where_configured_and_read_only_by_auditors() {
    let server =
        TestServer::start_with(|config| config.audit.record = vec!["who*".to_owned()]).await;
    server.user_with("root", &["admin"]).await;
    server.user_with("eve", &["admin", "auditor"]).await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    let tokens = client.tokens(&browser, &[]).await;
    server
        .call(&tokens.access, "whoami", json!({"note": "hello", "password": "hidden-value-9"}))
        .await;
    server.call(&tokens.access, "health", json!({})).await;
    let calls =
        entries(&server, AuditFilter { kind: Some("tool.".to_owned()), ..AuditFilter::default() })
            .await;
    let record = calls
        .iter()
        .find_map(|entry| detail(entry)["record"].as_str().map(ToOwned::to_owned))
        .unwrap();
    assert_eq!(calls.iter().filter(|entry| entry.event.detail.contains("record")).count(), 1);
    let address = server.at(&format!("/admin/audit/records/{record}"));
    browser.get(&address).await.expect(404);
    let eve = server.signed_in("eve").await;
    let page = eve.get(&address).await.expect(200);
    assert!(
        page.body.contains("hello")
            && page.body.contains("[redacted]")
            && !page.body.contains("hidden-value-9"),
        "{}",
        page.body
    );
    eve.get(&server.at("/admin/audit/records/ar_nothing")).await.expect(404);
    assert_eq!(
        of_kind(&server, "audit.record_read").await[0].event.actor.user_name.as_deref(),
        Some("eve")
    );
    let stored = server.app.store.audit_record(&record).await.unwrap().unwrap();
    assert!(!stored.as_str().contains("hello"), "it is sealed");
}

#[tokio::test]
async fn the_page_searches_exports_and_holds_hostile_text_as_text() {
    let server = TestServer::start().await;
    server.user_with("root", &["admin"]).await;
    server.user("alice").await;
    let hostile = json!({"redirect_uris": ["http://127.0.0.1:7777/callback"], "client_name": "=cmd()<script>alert(1)</script>"});
    Browser::new().post_json(&server.at("/oauth/register"), &hostile).await.expect(201);
    server.app.store.flush().await.unwrap();
    let root = server.signed_in("root").await;
    for path in [
        "/admin/audit",
        "/admin/audit?kind=client.added",
        "/admin/clients",
        "/admin/timeline",
        "/admin/audit?before=1",
        "/admin/audit?before=99999999999",
    ] {
        let page = root.get(&server.at(path)).await.expect(200);
        assert!(!page.body.contains("<script>alert"), "{path}");
    }
    assert!(
        root.get(&server.at("/admin/audit?since=yesterday"))
            .await
            .expect(400)
            .body
            .contains("is not a date")
    );
    for unknown in ["kind=user.asleep", "kind=nothing.", "outcome=perhaps"] {
        let path = format!("/admin/audit?{unknown}");
        let page = root.get(&server.at(&path)).await.expect(400);
        assert!(page.body.contains("Unknown "), "{unknown}");
        root.get(&server.at(&format!("/admin/audit/export?{unknown}"))).await.expect(400);
    }
    for known in ["kind=user.", "kind=user.added", "outcome=refused"] {
        root.get(&server.at(&format!("/admin/audit?{known}"))).await.expect(200);
    }
    // Each entry has a page, with links to the entries that it has something in common with.
    let list = root.get(&server.at("/admin/audit")).await.expect(200);
    let at = list.body.split("/admin/audit/entries/").nth(1).unwrap();
    let entry = format!("/admin/audit/entries/{}", at.split('"').next().unwrap());
    let page = root.get(&server.at(&entry)).await.expect(200);
    assert!(page.body.contains("/admin/audit?kind="), "{}", page.body);
    for missing in ["/admin/audit/entries/999999999", "/admin/audit/entries/x"] {
        root.get(&server.at(missing)).await.expect(404);
    }
    let page = root.get(&server.at("/admin/audit?kind=user.added&user=unknown")).await.expect(400);
    assert!(page.body.contains("There is no user unknown"), "{}", page.body);
    let none = "/admin/audit?kind=user.added&user=alice&address=192.0.2.1";
    let page = root.get(&server.at(none)).await.expect(200);
    assert!(page.body.contains("No matching entries"), "{}", page.body);
    let csv = root.get(&server.at("/admin/audit/export?format=csv")).await.expect(200);
    assert!(
        csv.header("content-type").starts_with("text/csv")
            && csv.header("content-disposition").contains("audit.csv")
    );
    assert!(csv.body.lines().count() > 3 && csv.body.starts_with("seq,time,kind"));
    let lines =
        root.get(&server.at("/admin/audit/export?format=jsonl&kind=user.")).await.expect(200);
    let parsed: Vec<Value> =
        lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        parsed.iter().all(|entry| entry["kind"].as_str().unwrap().starts_with("user."))
            && parsed.len() >= 2
    );
    let alice = server.signed_in("alice").await;
    for path in [
        "/admin/audit",
        "/admin/audit/export",
        "/admin/timeline",
        "/admin/users",
        "/admin/clients",
        "/admin/keys",
        "/admin/settings",
        "/admin/policy",
        "/admin/providers",
        "/admin/resources",
        "/admin/toolsets",
        "/admin/toolsets/letters",
    ] {
        alice.get(&server.at(path)).await.expect(404);
        Browser::new().get(&server.at(path)).await.expect(303);
    }
}
