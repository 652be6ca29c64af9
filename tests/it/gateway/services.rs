//! Services that own connections to upstreams: an administrator makes each once.

use doorward_accounts::Authority;
use doorward_admin::NewService;
use doorward_model::{AuditFilter, AuditKind};
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, TestServer, form_value};
use serde_json::{Value, json};

use super::{gateway_user, text, with};

/// The client of the service `nightly`.
async fn nightly(server: &TestServer) -> OAuthClient {
    let new = NewService {
        name: "Nightly report".to_owned(),
        service: "nightly".to_owned(),
        scopes: vec!["mcp:destructive".to_owned()],
        auth_method: None,
        jwks: None,
        jwks_uri: None,
        rules: doorward_model::ClientRules::default(),
    };
    let clients = &server.app.admin.clients;
    let added = clients.add_service(&Authority::operator(), new).await.unwrap();
    let mut client = OAuthClient::known(server, added.client.id.as_str(), "");
    client.secret = added.secret.as_ref().map(|secret| secret.reveal().to_owned());
    client.basic = true;
    client
}

/// The token of the last form of a page: the frame has forms too.
fn csrf_of(body: &str) -> String {
    let at = body.rfind("<form method=\"post\"").unwrap();
    form_value(&body[at..], "csrf").unwrap()
}

/// The path of the page on which a service is connected.
async fn page(server: &TestServer, service: &str, upstream: &str) -> String {
    let service = server.app.accounts.find(service).await.unwrap();
    format!("/admin/users/{}/connect/{upstream}", service.id)
}

/// Goes the way of an administrator up to where the authorization server sends the browser back.
async fn go(server: &TestServer, root: &Browser, service: &str, upstream: &str) -> String {
    let page = server.at(&page(server, service, upstream).await);
    let shown = root.get(&page).await.expect(200);
    assert!(shown.body.contains(&format!("Connect {service} to {upstream}")), "{}", shown.body);
    let csrf = csrf_of(&shown.body);
    let scopes = form_value(&shown.body, "shown").unwrap_or_default();
    let away = root.post(&page, &[("csrf", &csrf), ("shown", &scopes)]).await.expect(303);
    Browser::new().get(&away.location()).await.expect(302).location()
}

/// Connects a service, as an administrator does.
pub(crate) async fn connect(server: &TestServer, root: &Browser, service: &str, upstream: &str) {
    let back = go(server, root, service, upstream).await;
    root.get(&back).await.expect(303);
}

async fn token(client: &OAuthClient) -> String {
    let told = client.token(&[("grant_type", "client_credentials")]).await.expect(200).json();
    told["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_service_that_an_administrator_connected_once_works_unattended_for_thirty_nights() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let client = nightly(&server).await;
    let call =
        async |token: &str| server.call(token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    let refused = call(&token(&client).await).await.body;
    assert!(refused.contains("wiki"), "{refused}");
    let service = server.app.accounts.find("nightly").await.unwrap();
    let user_page = server.at(&format!("/admin/users/{}", service.id));
    assert!(root.get(&user_page).await.expect(200).body.contains("not connected"));
    let back = go(&server, &root, "nightly", "wiki").await;
    let done = root.get(&back).await.expect(303).location();
    assert_eq!(done, user_page);
    let shown = root.get(&done).await.expect(200).body;
    assert!(shown.contains("Connect again") && shown.contains("Disconnect"), "{shown}");
    // Each night the program asks for a token of its own and calls; no user is there.
    for night in 1..=30 {
        server.clock.advance(86_400);
        let said = text(&call(&token(&client).await).await);
        assert!(said.starts_with("x for access-1-"), "night {night}: {said}");
    }
    assert!(wiki.state().refreshes >= 30, "{}", wiki.state().refreshes);
    assert_eq!(wiki.state().authorizes.len(), 1);
    // The audit names the administrator, and the service.
    server.app.store.flush().await.unwrap();
    let kind = Some(AuditKind::ConnectionMade.as_str().to_owned());
    let filter = AuditFilter { kind, ..AuditFilter::default() };
    let entries = server.app.store.audit(&filter, None, 10).await.unwrap().entries;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    let administrator = server.app.accounts.find("root").await.unwrap();
    assert_eq!(entry.event.actor.user_id.as_deref(), Some(administrator.id.as_str()));
    let detail: Value = serde_json::from_str(&entry.event.detail).unwrap();
    assert_eq!(detail["service"], service.id.as_str());
    // The administrator has no connection of their own by it, and ends that of the service.
    let own = server.app.store.connections_of(&administrator.id).await.unwrap();
    assert!(own.is_empty());
    let root = server.signed_in("root").await;
    let csrf = csrf_of(&root.get(&user_page).await.expect(200).body);
    let end = [("csrf", csrf.as_str()), ("do", "disconnect"), ("upstream", "wiki")];
    assert!(root.post(&user_page, &end).await.expect(200).body.contains("was ended"));
    assert!(!call(&token(&client).await).await.body.contains("x for"));
}

#[tokio::test]
async fn only_an_administrator_connects_a_service_and_the_callback_is_theirs_alone() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    server.user_with("root", &["admin"]).await;
    server.user_with("boss", &["admin"]).await;
    let (root, boss) = (server.signed_in("root").await, server.signed_in("boss").await);
    let alice = gateway_user(&server, "alice").await;
    nightly(&server).await;
    let path = page(&server, "nightly", "wiki").await;
    // Other users see no such page; a user is no service, and has pages of their own.
    alice.browser.get(&server.at(&path)).await.expect(404);
    alice.browser.post(&server.at(&path), &[]).await.expect(404);
    let user = server.app.accounts.find("alice").await.unwrap();
    root.get(&server.at(&format!("/admin/users/{}/connect/wiki", user.id))).await.expect(404);
    root.get(&server.at(&path.replace("/wiki", "/none"))).await.expect(404);
    root.post(&server.at(&path), &[("shown", "")]).await.expect(403);
    // The callback of one administrator is of no use to another, nor to a user.
    let back = go(&server, &root, "nightly", "wiki").await;
    assert_eq!(boss.get(&back).await.status, 400);
    assert_eq!(alice.browser.get(&back).await.status, 400);
    // Nor to one who is no administrator any more.
    let account = server.app.accounts.find("root").await.unwrap();
    let change = doorward_admin::UserChange { roles: Some(Vec::new()), ..Default::default() };
    let users = &server.app.admin.users;
    users.change(&Authority::operator(), &account, change, None).await.unwrap();
    assert_eq!(root.get(&back).await.status, 400);
    let service = server.app.accounts.find("nightly").await.unwrap();
    assert!(server.app.store.connections_of(&service.id).await.unwrap().is_empty());
    // A user's own connection is theirs.
    super::connect(&server, &boss, "wiki").await;
    assert!(server.app.store.connections_of(&service.id).await.unwrap().is_empty());
    // It is lasting access: a sign-in of long ago is not enough.
    server.clock.advance(1000);
    let boss = server.signed_in("boss").await;
    let shown = boss.get(&server.at(&path)).await.expect(200);
    let csrf = csrf_of(&shown.body);
    server.clock.advance(1000);
    let asked = boss.post(&server.at(&path), &[("csrf", &csrf), ("shown", "all")]).await;
    assert!(asked.expect(303).location().contains("/login?again=1"));
}
