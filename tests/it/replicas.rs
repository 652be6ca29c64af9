//! Two processes' worth of server on one database: any of them answers any request.

use std::{sync::Arc, time::Duration};

use doorward_accounts::Authority;
use doorward_store::Store;
use doorward_testkit::{Browser, FakeCollector, OAuthClient, Pkce, TestServer, Tokens};

/// Two servers with one database and one public URL.
async fn pair() -> (TestServer, TestServer) {
    let one = TestServer::start().await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    (one, other)
}

fn at(server: &TestServer, client: &OAuthClient) -> OAuthClient {
    OAuthClient::known(server, &client.id, &client.redirect_uri)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_p2_codes_and_refresh_tokens_are_spent_once_across_replicas() {
    let (one, other) = pair().await;
    one.user("alice").await;
    let client = OAuthClient::register(&one).await;
    let browser = one.signed_in("alice").await;
    let clients = [Arc::new(client.clone()), Arc::new(at(&other, &client))];
    for _ in 0..5 {
        let pkce = Arc::new(Pkce::default());
        let code = Arc::new(client.code(&browser, &pkce, &[]).await);
        let tasks: Vec<_> = (0..16)
            .map(|index| {
                let (client, pkce, code) =
                    (Arc::clone(&clients[index % 2]), Arc::clone(&pkce), Arc::clone(&code));
                tokio::spawn(async move { client.redeem(&code, &pkce, &[]).await.status })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += u32::from(task.await.unwrap() == 200);
        }
        assert_eq!(won, 1);
        let head = Arc::new(client.tokens(&browser, &[]).await.refresh);
        let tasks: Vec<_> = (0..16)
            .map(|index| {
                let (client, head) = (Arc::clone(&clients[index % 2]), Arc::clone(&head));
                tokio::spawn(async move { Tokens::read(client.refresh(&head, &[]).await).refresh })
            })
            .collect();
        let mut successors = std::collections::BTreeSet::new();
        for task in tasks {
            successors.insert(task.await.unwrap());
        }
        assert_eq!(successors.len(), 1);
    }
}

#[tokio::test]
async fn of_two_replicas_one_exports_what_happened_at_both() {
    let collector = FakeCollector::start(0).await;
    let hook = format!("{}/hook", collector.url);
    let one = TestServer::start_with(|config| config.audit.webhook = hook.into()).await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    // The clocks of two machines are never the same.
    other.clock.advance(11);
    for server in [&one, &other] {
        server.keep_house();
    }
    while one.app.store.setting("audit.export.webhook").await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for number in 0..20 {
        let server = if number % 2 == 0 { &one } else { &other };
        server.user(&format!("user-{number}")).await;
    }
    let entries = || {
        let deliveries = collector.at("/hook");
        let lines = deliveries.iter().flat_map(|delivery| {
            delivery
                .body
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        });
        lines.collect::<Vec<_>>()
    };
    let added = |entries: &[serde_json::Value]| {
        entries.iter().filter(|entry| entry["kind"] == "user.added").count()
    };
    for _ in 0..400 {
        if added(&entries()) >= 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Both had time to send it again.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let arrived = entries();
    assert_eq!(added(&arrived), 20);
    let numbers: Vec<i64> = arrived.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "each once and in order: {numbers:?}"
    );
}

#[tokio::test]
async fn cs18_p3_a_token_counts_everywhere_and_its_end_too() {
    let (one, other) = pair().await;
    let alice = one.user("alice").await;
    let client = OAuthClient::register(&one).await;
    let tokens = client.tokens(&one.signed_in("alice").await, &[]).await;
    assert!(one.calls(&tokens.access).await && other.calls(&tokens.access).await);
    one.app.admin.keys.rotate(true).await.unwrap();
    let signed_again = Tokens::read(client.refresh(&tokens.refresh, &[]).await);
    assert!(
        other.calls(&signed_again.access).await || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            other.calls(&signed_again.access).await
        }
    );
    one.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    assert!(!one.calls(&tokens.access).await);
    for _ in 0..50 {
        if !other.calls(&tokens.access).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the other replica still accepts a revoked token after five seconds");
}

#[tokio::test]
async fn everything_can_be_moved_to_another_database() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
    let mut config = server.config.clone();
    config.store.url = doorward_testkit::fresh_database().await.into();
    config.server.public_url.clone_from(&server.url);
    let folder = server.data_dir.with_extension("moved");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(server.data_dir.join("master.key"), folder.join("master.key")).unwrap();
    let target = Store::open(&config.store, &folder).await.unwrap();
    assert!(server.app.store.copy_to(&target).await.unwrap() >= 8);
    assert!(
        server.app.store.copy_to(&target).await.is_err(),
        "a database that holds something is not overwritten"
    );
    drop(target);
    let moved = TestServer::start_on(config, folder).await;
    assert!(moved.calls(&tokens.access).await);
    Tokens::read(at(&moved, &client).refresh(&tokens.refresh, &[]).await);
    moved.signed_in("alice").await;
}

#[tokio::test]
async fn a_toolset_that_is_added_or_removed_at_one_replica_is_so_at_the_other() {
    let (one, other) = pair().await;
    let new = doorward_admin::NewToolset {
        name: "support".to_owned(),
        selection: vec!["upstream=*".to_owned()],
        ..doorward_admin::NewToolset::default()
    };
    let metadata = "/.well-known/oauth-protected-resource/mcp/set/support";
    let answers = async |status: u16| {
        // The other replica is told; at PostgreSQL that takes a moment.
        for _ in 0..200 {
            if Browser::new().get(&other.at(metadata)).await.status == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{metadata} does not answer {status}");
    };
    answers(404).await;
    one.app.admin.toolsets.add(&Authority::operator(), new).await.unwrap();
    answers(200).await;
    one.app.admin.toolsets.remove("support", None).await.unwrap();
    answers(404).await;
}
