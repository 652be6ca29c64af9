//! Management of registrations by the clients that made them (RFC 7592).

use doorward_accounts::Authority;
use doorward_model::{AuditFilter, AuditKind};
use doorward_testkit::{Browser, OAuthClient, Page, Pkce, TestServer, Tokens};
use reqwest::Method;
use serde_json::{Value, json};

struct Registered {
    id: String,
    uri: String,
    token: String,
    answer: Value,
}

impl Registered {
    fn read(answer: Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("client_id"),
            uri: text("registration_client_uri"),
            token: text("registration_access_token"),
            answer,
        }
    }

    async fn new(server: &TestServer, members: Value) -> Self {
        let metadata = with(members);
        let page = Browser::new().post_json(&server.at("/oauth/register"), &metadata).await;
        Self::read(page.expect(201).json())
    }

    async fn ask(&self, method: Method, token: &str, body: Option<&Value>) -> Page {
        let browser = Browser::new();
        let mut request = browser.raw(method, &self.uri).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        browser.send(request).await
    }

    async fn put(&self, members: Value) -> Page {
        let mut metadata = with(members);
        if metadata.get("client_id").is_none() {
            metadata["client_id"] = self.id.as_str().into();
        }
        self.ask(Method::PUT, &self.token, Some(&metadata)).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a page is read once")]
fn with(members: Value) -> Value {
    let mut metadata = json!({
        "client_name": "Notes", "redirect_uris": ["https://notes.example/cb"],
        "token_endpoint_auth_method": "none",
    });
    for (name, value) in members.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata
}

#[expect(clippy::needless_pass_by_value, reason = "a page is read once")]
fn error(page: Page) -> String {
    page.json()["error"].as_str().unwrap().to_owned()
}

async fn count(server: &TestServer, kind: AuditKind, id: &str) -> usize {
    server.app.store.flush().await.unwrap();
    let filter = AuditFilter { kind: Some(kind.as_str().to_owned()), ..AuditFilter::default() };
    let entries = server.app.store.audit(&filter, None, 50).await.unwrap().entries;
    let own =
        |entry: &&doorward_model::AuditEntry| entry.event.actor.client_id.as_deref() == Some(id);
    entries.iter().filter(own).count()
}

#[tokio::test]
async fn reg_1_a_client_reads_changes_and_deletes_its_own_registration() {
    let server = TestServer::start().await;
    let made = Registered::new(&server, json!({})).await;
    assert_eq!(made.uri, server.at(&format!("/oauth/register/{}", made.id)));
    assert!(made.token.starts_with("dw_ra_"));
    let read = made.ask(Method::GET, &made.token, None).await.expect(200);
    assert_eq!(read.header("cache-control"), "no-store");
    assert_eq!(read.json(), made.answer);
    let changed = made.put(json!({"client_name": "Notes 2"})).await.expect(200).json();
    let changed = Registered::read(changed);
    assert_eq!((&changed.id, &changed.uri), (&made.id, &made.uri));
    assert_eq!(changed.answer["client_name"], "Notes 2");
    assert_ne!(changed.token, made.token, "the token is another one after each change");
    made.ask(Method::GET, &made.token, None).await.expect(401);
    let read = changed.ask(Method::GET, &changed.token, None).await.expect(200).json();
    assert_eq!(read, changed.answer);
    assert_eq!(count(&server, AuditKind::ClientChanged, &made.id).await, 1);
    changed.ask(Method::DELETE, &changed.token, None).await.expect(204);
    changed.ask(Method::GET, &changed.token, None).await.expect(401);
    changed.ask(Method::DELETE, &changed.token, None).await.expect(401);
    assert_eq!(count(&server, AuditKind::ClientDeleted, &made.id).await, 1);
}

#[tokio::test]
async fn reg_2_only_the_token_of_a_registration_opens_it_and_attempts_are_counted() {
    let server = TestServer::start().await;
    let (mine, other) =
        (Registered::new(&server, json!({})).await, Registered::new(&server, json!({})).await);
    for token in [other.token.as_str(), "", "x", &mine.id] {
        let page = mine.ask(Method::GET, token, None).await.expect(401);
        assert!(page.header("www-authenticate").starts_with("Bearer"), "{token}");
    }
    Browser::new().get(&mine.uri).await.expect(401);
    let none = Registered {
        uri: server.at("/oauth/register/c_none"),
        ..Registered::read(mine.answer.clone())
    };
    none.ask(Method::GET, &mine.token, None).await.expect(401);
    // A client of an administrator has no such token, whatever is presented.
    let new = doorward_admin::NewClient {
        name: "app".to_owned(),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..doorward_admin::NewClient::default()
    };
    let clients = &server.app.admin.clients;
    let added = clients.add(&Authority::operator(), new).await.unwrap().client;
    let uri = server.at(&format!("/oauth/register/{}", added.id));
    let administered = Registered { uri, ..Registered::read(mine.answer.clone()) };
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        administered.ask(method, &mine.token, Some(&with(json!({})))).await.expect(401);
    }
    // A blocked client cannot change itself out of the block.
    server
        .app
        .registration
        .set_disabled(&doorward_model::ClientId::from_text(mine.id.as_str()), true)
        .await
        .unwrap();
    for method in [Method::GET, Method::DELETE] {
        mine.ask(method, &mine.token, None).await.expect(403);
    }
    mine.put(json!({})).await.expect(403);
    let mut refused = 0;
    while mine.ask(Method::GET, "guess", None).await.status == 401 {
        refused += 1;
        assert!(refused < 5000, "guesses are never limited");
    }
    mine.ask(Method::GET, "guess", None).await.expect(429);
}

#[tokio::test]
async fn reg_3_a_change_is_judged_as_a_registration_is() {
    let server = TestServer::start().await;
    let made = Registered::new(&server, json!({})).await;
    for (members, expected) in [
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({"token_endpoint_auth_method": "magic"}), "invalid_client_metadata"),
        (json!({"client_id": "c_other"}), "invalid_client_metadata"),
        (json!({"client_secret": "chosen"}), "invalid_client_metadata"),
        (json!({"registration_access_token": made.token}), "invalid_client_metadata"),
        (json!({"registration_client_uri": made.uri}), "invalid_client_metadata"),
        (json!({"client_id_issued_at": 1}), "invalid_client_metadata"),
        (json!({"client_secret_expires_at": 0}), "invalid_client_metadata"),
        (json!({"grant_types": ["client_credentials"]}), "invalid_client_metadata"),
        (json!({"grant_types": ["refresh_token"]}), "invalid_client_metadata"),
    ] {
        assert_eq!(error(made.put(members.clone()).await.expect(400)), expected, "{members}");
    }
    let read = made.ask(Method::GET, &made.token, None).await.expect(200).json();
    assert_eq!(read, made.answer, "nothing changed, and the token still counts");
    // Its secret stays, is not told again, and cannot be chosen.
    let secret =
        Registered::new(&server, json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    let known = secret.answer["client_secret"].as_str().unwrap().to_owned();
    let changed = secret
        .put(json!({"token_endpoint_auth_method": "client_secret_post", "client_secret": known}))
        .await
        .expect(200)
        .json();
    assert!(changed.get("client_secret").is_none());
    let mut client = OAuthClient::known(&server, &secret.id, "https://notes.example/cb");
    client.secret = Some(known);
    let page = client.refresh("x", &[]).await.expect(400);
    assert_eq!(error(page), "invalid_grant", "the secret still authenticates");
    let closed = TestServer::start_with(|config| config.registration.dynamic = false).await;
    assert!(closed.app.registration.config().max_registrations > 0);
}

#[tokio::test]
async fn reg_4_a_change_of_who_may_answer_ends_the_access_and_a_change_of_the_name_does_not() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let made = Registered::new(&server, json!({})).await;
    let client = OAuthClient::known(&server, &made.id, "https://notes.example/cb");
    let tokens = client.tokens(&browser, &[]).await;
    let renamed = Registered::read(made.put(json!({"client_name": "N"})).await.expect(200).json());
    assert!(server.calls(&tokens.access).await);
    let pkce = Pkce::default();
    let waiting = client.code(&browser, &pkce, &[]).await;
    let tokens = client.tokens(&browser, &[]).await;
    let moved = json!({"redirect_uris": ["https://elsewhere.example/cb"]});
    let moved = Registered::read(renamed.put(moved).await.expect(200).json());
    assert!(!server.calls(&tokens.access).await);
    client.redeem(&waiting, &pkce, &[]).await.expect(400);
    let stored = server.app.admin.clients.with_id(&made.id).await.unwrap();
    assert!(stored.authorized_at.is_none(), "its redirect URIs are unknown to users again");
    let now = OAuthClient::known(&server, &made.id, "https://elsewhere.example/cb");
    let tokens: Tokens = now.tokens(&browser, &[]).await;
    moved.ask(Method::DELETE, &moved.token, None).await.expect(204);
    assert!(!server.calls(&tokens.access).await);
}

#[tokio::test]
async fn reg_5_p2_of_two_changes_with_one_token_one_is_made() {
    let server = TestServer::start().await;
    for _ in 0..5 {
        let made = Registered::new(&server, json!({})).await;
        let (one, two) = tokio::join!(
            made.put(json!({"client_name": "1"})),
            made.put(json!({"client_name": "2"}))
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }
}
