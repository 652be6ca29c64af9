//! The cost of operations, by counting. A figure changes only deliberately, together with the reason
//! in the commit.

use doorward_model::{Change, ClientId, Grant, GrantId, Resource, ScopeSet, Subject, UnitOfWork};
use doorward_testkit::{OAuthClient, Pkce, TestServer, Tokens};
use serde_json::json;

/// SQL statements of reads and units; PostgreSQL runs the same.
const STATEMENTS: &[(&str, u64)] = &[
    ("authorization request", 1),
    ("consent page", 1),
    ("decision", 3),
    ("code for tokens", 4),
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

/// The server's own loops look at the database once a second at most; the least of a few runs is
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

#[tokio::test]
async fn every_operation_runs_the_recorded_number_of_statements_however_many_grants_there_are() {
    let server = TestServer::start_with(|config| config.store.url = String::new().into()).await;
    let alice = server.person("alice").await;
    assert_eq!(least(&server).await, STATEMENTS);
    let now = doorward_model::Clock::now(server.clock.as_ref());
    let grant = |number: usize| Grant {
        id: GrantId::from_text(format!("many{number}")),
        client_id: ClientId::from_text(format!("client{}", number % 50)),
        subject: Subject {
            account: alice.id.clone(),
            auth_time: now,
            authentication: doorward_model::Authentication::default(),
            identity: None,
        },
        scopes: ScopeSet::default_request(),
        resources: vec![Resource::from_stored("https://a.example/mcp".into())],
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(100_000),
        revoked_at: None,
    };
    let unit: UnitOfWork = (0..1200).map(|number| Change::InsertGrant(grant(number))).collect();
    server.app.store.apply(unit).await.unwrap();
    assert_eq!(least(&server).await, STATEMENTS);
    // Every one of them counts, not only the first thousand.
    let store = &server.app.store;
    assert!(store.live_grants_of(&alice.id, now).await.unwrap().len() >= 1200);
    let to = ClientId::from_text("client7");
    assert_eq!(store.live_grants_to(&alice.id, &to, now).await.unwrap().len(), 24);
}
