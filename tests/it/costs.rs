//! The cost of operations, by counting. A number changes only deliberately, together with the
//! reason in the commit.

use std::time::Duration;

use doorward_model::{
    Change, ClientId, Clock, Grant, GrantId, Resource, ScopeSet, Subject, Timestamp, UnitOfWork,
    User,
};
use doorward_store::Store;
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Pkce, TestServer, Tokens, tool};
use serde_json::json;

/// SQL statements of reads and units; PostgreSQL runs the same.
const STATEMENTS: &[(&str, u64)] = &[
    ("authorization request", 1),
    ("consent page", 1),
    ("decision", 3),
    ("code for tokens", 5),
    ("first call of a tool", 2),
    ("call of a tool", 1),
    ("refresh", 4),
    ("call with the new token", 1),
    ("metadata", 0),
    ("keys", 0),
];

/// The steps of [`STATEMENTS`], with the statements that each ran.
async fn measured(server: &TestServer) -> Vec<(&'static str, u64)> {
    let store = &server.app.store;
    let client = OAuthClient::register(server).await;
    let browser = server.signed_in("alice").await;
    let pkce = Pkce::default();
    // The first flow finds empty caches and a client that was never authorized.
    client.code(&browser, &pkce, &[]).await;
    browser.get(&client.authorize_url(&pkce, &[])).await.expect(303);
    store.flush().await.unwrap();
    let mut steps = Vec::new();
    let mut before = store.statements();
    let mut step = |name| {
        let now = store.statements();
        steps.push((name, now - before));
        before = now;
    };
    let asked = browser.get(&client.authorize_url(&pkce, &[])).await.expect(303);
    step("authorization request");
    let page = browser.get(&asked.location()).await.expect(200);
    step("consent page");
    let decided = client.allow(&browser, &page).await.expect(303);
    step("decision");
    let code = decided.location_param("code").unwrap();
    let tokens = Tokens::read(client.redeem(&code, &pkce, &[]).await);
    step("code for tokens");
    server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    step("first call of a tool");
    server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    step("call of a tool");
    let tokens = Tokens::read(client.refresh(&tokens.refresh, &[]).await);
    step("refresh");
    server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    step("call with the new token");
    browser.get(&server.at("/.well-known/oauth-authorization-server")).await.expect(200);
    browser.get(&server.at("/.well-known/oauth-protected-resource/mcp")).await.expect(200);
    step("metadata");
    browser.get(&server.at("/oauth/jwks")).await.expect(200);
    step("keys");
    steps
}

/// The server's own loops read the database once a second at most; the least of a few runs is
/// without them.
async fn least(server: &TestServer) -> Vec<(&'static str, u64)> {
    let mut least = measured(server).await;
    for _ in 0..3 {
        for (held, (_, count)) in least.iter_mut().zip(measured(server).await) {
            held.1 = held.1.min(count);
        }
    }
    least
}

fn grant(id: String, user: &User, client: ClientId, now: Timestamp) -> Grant {
    Grant {
        id: GrantId::from_text(id),
        client_id: client,
        subject: Subject {
            account: user.id.clone(),
            auth_time: now,
            authentication: doorward_model::Authentication::default(),
            identity: None,
            sid: None,
        },
        scopes: ScopeSet::default_request(),
        resources: vec![Resource::from_stored("https://a.example/mcp".into())],
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(100_000),
        revoked_at: None,
        delegation: None,
        key: None,
    }
}

#[tokio::test]
async fn every_operation_runs_the_recorded_number_of_statements_however_many_grants_there_are() {
    let server = TestServer::start_with(|config| config.store.url = String::new().into()).await;
    let alice = server.user("alice").await;
    assert_eq!(least(&server).await, STATEMENTS);
    let now = server.clock.now();
    let grant = |number: usize| {
        let client = ClientId::from_text(format!("client{}", number % 50));
        Change::InsertGrant(grant(format!("many{number}"), &alice, client, now))
    };
    let unit: UnitOfWork = (0..1200).map(grant).collect();
    server.app.store.apply(unit).await.unwrap();
    assert_eq!(least(&server).await, STATEMENTS);
    // Every one of them counts, not only the first thousand.
    let store = &server.app.store;
    assert!(store.live_grants_of(&alice.id, now).await.unwrap().len() >= 1200);
    let to = ClientId::from_text("client7");
    assert_eq!(store.live_grants_to(&alice.id, &to, now).await.unwrap().len(), 24);
}

/// The statements of a flow in which a client connects again, the least of a few.
async fn of_a_flow(server: &TestServer, client: &OAuthClient, browser: &Browser) -> u64 {
    let store = &server.app.store;
    let mut least = u64::MAX;
    for _ in 0..6 {
        store.flush().await.unwrap();
        let before = store.statements();
        client.tokens(browser, &[]).await;
        store.flush().await.unwrap();
        least = least.min(store.statements() - before);
    }
    least
}

#[tokio::test]
async fn a_flow_costs_the_same_however_many_grants_its_client_has() {
    let server = TestServer::start().await;
    let (store, now) = (&server.app.store, server.clock.now());
    let alice = server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let client = OAuthClient::register(&server).await;
    let to = ClientId::from_text(&client.id);
    client.tokens(&browser, &[]).await;
    let alone = of_a_flow(&server, &client, &browser).await;
    let mut made = 0;
    for more in [100, 200, 700] {
        let unit: UnitOfWork = (made..made + more)
            .map(|number| Change::InsertGrant(grant(format!("g{number}"), &alice, to.clone(), now)))
            .collect();
        store.apply(unit).await.unwrap();
        made += more;
        let before = store.count_grants_to(&alice.id, &to, now).await.unwrap();
        assert!(before > u64::try_from(more).unwrap(), "{before}");
        assert_eq!(store.live_grants_to(&alice.id, &to, now).await.unwrap().len(), 50);
        // The server's own loops may have added to the one that was measured alone.
        let now = of_a_flow(&server, &client, &browser).await;
        assert!(now <= alone, "{now} with {made} more grants, {alone} alone");
    }
    // Those of an earlier release end a few at a time, until as many are left as may be.
    for _ in 0..40 {
        client.tokens(&browser, &[]).await;
    }
    assert_eq!(store.count_grants_to(&alice.id, &to, now).await.unwrap(), 20);
    assert!(of_a_flow(&server, &client, &browser).await <= alone);
}

/// Waits until the work that the start left in the background has ended.
async fn until_quiet(store: &Store) {
    let mut before = store.statements();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = store.statements();
        if now == before {
            return;
        }
        before = now;
    }
}

/// The statements of a call of an upstream's tool, and of the first page of the list of tools, the
/// least of a few, with so many upstreams of so many tools each.
async fn of_a_call_and_a_list(upstreams: usize, tools: usize) -> (u64, u64) {
    let upstream = FakeUpstream::start().await;
    upstream.state().tools.extend((0..tools).map(|number| tool(&format!("tool{number}"), true)));
    let server = TestServer::start_with(|config| {
        config.store.url = String::new().into();
        for number in 0..upstreams {
            config.upstreams.insert(format!("u{number}"), upstream.config("none"));
        }
    })
    .await;
    let store = &server.app.store;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let client = OAuthClient::register(&server).await;
    let token = client.tokens(&browser, &[]).await.access;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let mut least = (u64::MAX, u64::MAX);
    until_quiet(store).await;
    // The first ones fill caches.
    for _ in 0..8 {
        store.flush().await.unwrap();
        let before = store.statements();
        server.call(&token, "u0_echo", json!({"text": "x"})).await.expect(200);
        let between = store.statements();
        server.rpc(&token, &list).await.expect(200);
        least.0 = least.0.min(between - before);
        least.1 = least.1.min(store.statements() - between);
    }
    least
}

#[tokio::test]
async fn a_call_and_a_list_cost_the_same_however_many_tools_and_upstreams_there_are() {
    let few = of_a_call_and_a_list(1, 10).await;
    assert_eq!(of_a_call_and_a_list(1, 4990).await, few, "of an upstream with 5,000 tools");
    assert_eq!(of_a_call_and_a_list(100, 10).await, few, "of one of 100 upstreams");
}
