//! The overview: what works, what happens, and what waits.

use doorward_testkit::{FakeUpstream, OAuthClient, TestServer};
use serde_json::json;

#[tokio::test]
async fn the_overview_shows_states_calls_and_what_waits_with_links_to_where_it_is_done() {
    let wiki = FakeUpstream::start().await;
    let config = wiki.config("none");
    let server = TestServer::start_with(move |all| {
        all.upstreams.insert("wiki".to_owned(), config);
        all.registration.approval = true;
    })
    .await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let at = server.at("/admin");
    let empty = root.get(&at).await.expect(200).body;
    for text in
        ["Add a service", "Connect a client", "Create a backup", "Database", "Disk", "Backup"]
    {
        assert!(empty.contains(text), "{text}: {empty}");
    }
    // Nothing was asked yet: that is no good state.
    assert!(empty.contains("class=\"attention\""), "{empty}");
    assert!(empty.contains("without a second factor"), "{empty}");
    OAuthClient::register(&server).await;
    server.app.admin.health.vitals.check().await.unwrap();
    let waiting = root.get(&at).await.body;
    assert!(waiting.contains("1 client to approve"), "{waiting}");
    // Each state leads to its explanation, and that to the page where it is fixed.
    let anchors = waiting.matches("href=\"#health-").count();
    assert!(anchors > 7 && anchors == waiting.matches("<li id=\"health-").count(), "{anchors}");
    assert!(waiting.contains("/admin/keys") && waiting.contains("/admin/upstreams"));
    // An upstream that fails is the first.
    wiki.kill();
    server.app.admin.health.vitals.check().await.unwrap();
    let failing = root.get(&at).await.body;
    assert!(
        failing.contains("class=\"bad\"") && failing.contains("Upstream wiki does not respond"),
        "{failing}"
    );
    let first = failing.split_once("<ul class=\"dots\">").unwrap().1;
    assert!(first.trim_start().starts_with("<li class=\"bad\">"), "{first}");
}

#[tokio::test]
async fn the_bars_of_the_overview_have_the_same_numbers_in_a_table_with_links_to_the_audit() {
    let server = TestServer::start().await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let client = OAuthClient::register(&server).await;
    let tokens = client.tokens(&root, &[]).await;
    for _ in 0..3 {
        server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    }
    server.call(&tokens.access, "no_such_tool", json!({})).await;
    for period in ["24h", "7d", "30d"] {
        let page = root.get(&server.at(&format!("/admin?period={period}"))).await.expect(200);
        let table = page.body.split_once("<figcaption").unwrap().1;
        assert!(table.contains("outcome=ok") && table.contains(">3</a>"), "{period}: {table}");
        assert!(table.contains("outcome=refused") && table.contains(">1</a>"), "{period}: {table}");
        assert!(
            page.body.contains("<rect class=\"ok\"")
                && page.body.contains("<rect class=\"refused\"")
        );
        let current = format!("period={period}\" aria-current");
        assert!(page.body.contains(&current), "{period}");
    }
    // The last bar holds the present hour, at each moment of it.
    for _ in 0..3 {
        server.clock.advance(1200);
        let bars = server.app.admin.usages.bars(doorward_admin::Period::Day).await.unwrap();
        assert_eq!(bars.iter().map(doorward_admin::Bar::calls).sum::<i64>(), 4);
        let now = doorward_model::Clock::now(server.clock.as_ref());
        let last = bars.last().unwrap();
        assert!(bars.len() == 24 && last.from <= now && now < last.to);
    }
}

#[tokio::test]
async fn a_backup_is_known_and_a_full_disk_is_a_fault() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let state = doorward_admin::backup(store).await.state;
    assert_eq!(state, Ok(doorward_admin::State::NotBackedUp));
    let made = doorward_model::AuditEvent::new(doorward_model::AuditKind::BackupMade);
    store.note(made).await.unwrap();
    store.flush().await.unwrap();
    let state = doorward_admin::backup(store).await.state;
    let now = doorward_model::Clock::now(server.clock.as_ref());
    assert_eq!(state, Ok(doorward_admin::State::BackedUp(now)));
    assert!(doorward_admin::disk(Ok(1_000_000)).state.is_err());
    assert!(doorward_admin::disk(Ok(1 << 40)).state.is_ok());
    assert!(doorward_admin::disk(Err(std::io::Error::other("gone"))).state.is_err());
    let looked = server.app.admin.health.check().await;
    let disk = looked.iter().find(|found| found.part == doorward_admin::Part::Disk).unwrap();
    assert!(matches!(disk.state, Ok(doorward_admin::State::Free(bytes)) if bytes > 0));
}
