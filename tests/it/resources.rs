//! External resource servers: other programs that accept this server's tokens (RFC 8707, RFC 9728,
//! RFC 7662).

use std::time::Duration;

use doorward_accounts::Authority;
use doorward_admin::{Effect, MadeResource, NewResource, NewService, Proposal, ResourceEdit};
use doorward_model::AuditKind;
use doorward_testkit::{Browser, OAuthClient, Page, Pkce, TestServer, Tokens};
use serde_json::{Value, json};

const NOTES: &str = "https://notes.example.test/mcp";
const BOARD: &str = "https://board.example.test/mcp";

async fn add(server: &TestServer, url: &str, scopes: &[&str]) -> MadeResource {
    add_for(server, url, scopes, &[]).await
}

async fn add_for(server: &TestServer, url: &str, scopes: &[&str], roles: &[&str]) -> MadeResource {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let new = NewResource {
        url: url.to_owned(),
        name: Some(format!("Server <{}>", scopes[0])),
        scopes: list(scopes),
        roles: list(roles),
    };
    server.app.admin.resources.add(&Authority::operator(), new).await.unwrap()
}

/// The claims of a token, without its verification.
fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

async fn introspect(server: &TestServer, id: &str, secret: &str, token: &str) -> Page {
    let browser = Browser::new();
    let asked = browser
        .raw(reqwest::Method::POST, &server.at("/oauth/introspect"))
        .basic_auth(id, Some(secret))
        .form(&[("token", token)]);
    browser.send(asked).await
}

async fn state(server: &TestServer, made: &MadeResource, token: &str) -> Value {
    let secret = made.secret.reveal();
    introspect(server, made.resource.id.as_str(), secret, token).await.expect(200).json()
}

fn inactive() -> Value {
    json!({"active": false})
}

struct Stage {
    server: TestServer,
    notes: MadeResource,
    board: MadeResource,
    client: OAuthClient,
    browser: Browser,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let notes = add(&server, NOTES, &["notes:read", "notes:write"]).await;
        let board = add(&server, BOARD, &["board:read"]).await;
        server.user("alice").await;
        let client = OAuthClient::register(&server).await;
        let browser = server.signed_in("alice").await;
        Self { server, notes, board, client, browser }
    }

    async fn tokens(&self, scope: &str) -> Tokens {
        self.client.tokens(&self.browser, &[("resource", NOTES), ("scope", scope)]).await
    }

    /// The error with which an authorization request is answered.
    async fn refused(&self, changes: &[(&str, &str)]) -> String {
        let url = self.client.authorize_url(&Pkce::default(), changes);
        let page = self.browser.get(&url).await.expect(303);
        page.location_param("error").unwrap_or_else(|| page.location())
    }
}

#[tokio::test]
async fn a_token_for_an_external_resource_server_names_it_alone_and_consent_names_it_too() {
    let stage = Stage::new().await;
    let pkce = Pkce::default();
    let asked = [("resource", NOTES), ("scope", "notes:read notes:write offline_access")];
    let page = stage.client.consent_page(&stage.browser, &pkce, &asked).await;
    assert!(page.body.contains("Server &#60;notes:read&#62;"), "{}", page.body);
    assert!(page.body.contains(NOTES) && page.body.contains("scope-notes:write"));
    let back = stage.client.allow(&stage.browser, &page).await.expect(303);
    let code = back.location_param("code").unwrap();
    let tokens = Tokens::read(stage.client.redeem(&code, &pkce, &[]).await);
    let held = claims(&tokens.access);
    assert_eq!((&held["aud"], &held["iss"]), (&json!(NOTES), &json!(stage.server.url)));
    assert_eq!(held["scope"], "notes:read notes:write offline_access");
    // It is of no use here, nor is one for here of use there.
    assert!(!stage.server.calls(&tokens.access).await);
    let refreshed = Tokens::read(stage.client.refresh(&tokens.refresh, &[]).await);
    assert_eq!(claims(&refreshed.access)["aud"], NOTES);
    let narrower =
        [("scope", "notes:read mcp:read"), ("resource", "https://NOTES.example.test/mcp/")];
    let error = stage.client.refresh(&refreshed.refresh, &narrower).await.expect(400).json();
    assert_eq!(error["error"], "invalid_scope", "mcp:read was never given");
    let narrower = [("scope", "notes:read unknown"), ("resource", "https://notes.example.test")];
    let narrow = Tokens::read(stage.client.refresh(&refreshed.refresh, &narrower).await);
    assert_eq!(narrow.answer["scope"], "notes:read");
    assert_eq!(claims(&narrow.access)["aud"], NOTES, "the spelling is the administrator's");
}

#[tokio::test]
async fn a_client_gets_the_scopes_that_it_names_and_the_first_if_it_names_none() {
    let stage = Stage::new().await;
    for (asked, given) in [
        ("notes:write", "notes:write"),
        ("", "notes:read"),
        ("notes:read openid unknown", "notes:read"),
        ("mcp:read mcp:write", "notes:read"),
    ] {
        // Another client each time: scopes that were allowed before are offered again.
        let client = OAuthClient::register(&stage.server).await;
        let fields = [("resource", NOTES), ("scope", asked)];
        let answer = client.tokens(&stage.browser, &fields).await.answer;
        assert_eq!(answer["scope"], given, "{asked}");
    }
    for asked in ["unknown", "board:read", "openid"] {
        let error = stage.refused(&[("resource", NOTES), ("scope", asked)]).await;
        assert_eq!(error, "invalid_scope", "{asked}");
    }
    // Scopes of a resource server are unknown at this server's own resources.
    assert_eq!(stage.refused(&[("scope", "notes:read")]).await, "invalid_scope");
    let own = stage.client.tokens(&stage.browser, &[("scope", "mcp:read notes:read")]).await;
    assert_eq!(own.answer["scope"], "mcp:read");
}

#[tokio::test]
async fn a_token_for_one_resource_server_is_for_no_other_resource() {
    let stage = Stage::new().await;
    for others in [
        "https://other.example.test/mcp",
        "https://notes.example.test/mcp/other",
        "https://notes.example.test.evil.example/mcp",
        "https://notes.example.test/mcp?x=1",
        "http://notes.example.test/mcp",
    ] {
        assert_eq!(stage.refused(&[("resource", others)]).await, "invalid_target", "{others}");
    }
    // Two resources in one request: the receiver of the token could use it at the other.
    for second in [BOARD.to_owned(), stage.server.at("/mcp")] {
        let url = stage.client.authorize_url(&Pkce::default(), &[("resource", NOTES)]);
        let second = [("resource", second)];
        let both =
            url::form_urlencoded::Serializer::new(format!("{url}&")).extend_pairs(&second).finish();
        let page = stage.browser.get(&both.replace("&&", "&")).await.expect(303);
        assert_eq!(page.location_param("error").as_deref(), Some("invalid_target"));
    }
    let tokens = stage.tokens("notes:read").await;
    let board = stage.client.refresh(&tokens.refresh, &[("resource", BOARD)]).await;
    assert_eq!(board.expect(400).json()["error"], "invalid_target");
}

#[tokio::test]
async fn only_the_resource_server_that_a_token_is_for_may_introspect_it() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.tokens("notes:read notes:write").await;
    let active = state(server, &stage.notes, &tokens.access).await;
    assert_eq!(active["active"], true);
    assert_eq!(
        (&active["aud"], &active["scope"]),
        (&json!(NOTES), &json!("notes:read notes:write"))
    );
    assert_eq!(active["client_id"], stage.client.id);
    assert_eq!(active["iss"], server.url);
    assert!(active.get("grant").is_none());
    assert_eq!(state(server, &stage.board, &tokens.access).await, inactive());
    // A refresh token is a matter of the client and this server.
    assert_eq!(state(server, &stage.notes, &tokens.refresh).await, inactive());
    // Tokens for this server are no matter of others.
    let own = stage.client.tokens(&stage.browser, &[]).await;
    assert_eq!(state(server, &stage.notes, &own.access).await, inactive());
    assert_eq!(state(server, &stage.notes, "junk").await, inactive());
    // A client of an administrator may ask about tokens for this server, and not about these.
    let other = server
        .app
        .registration
        .add(doorward_admin::NewClient {
            name: "Resource server".into(),
            redirect_uris: vec!["https://rs.example/".into()],
            auth_method: Some("client_secret_basic".into()),
            admin: false,
            openid: None,
            rules: doorward_model::ClientRules::default(),
        })
        .await
        .unwrap();
    let (id, secret) = (other.client.id.as_str(), other.secret.unwrap());
    let ask =
        async |token: &str| introspect(server, id, secret.reveal(), token).await.expect(200).json();
    assert_eq!(ask(&own.access).await["active"], true);
    assert_eq!(ask(&tokens.access).await, inactive());
    assert_eq!(ask(&tokens.refresh).await, inactive());
    // Its identifier and its secret prove nothing elsewhere.
    let (id, secret) = (stage.notes.resource.id.as_str(), stage.notes.secret.reveal());
    introspect(server, id, "dw_cs_wrong", &tokens.access).await.expect(401);
    introspect(server, id, "", &tokens.access).await.expect(401);
    introspect(server, stage.board.resource.id.as_str(), secret, &tokens.access).await.expect(401);
    introspect(server, "rs_AAAAAAAAAAAAAAAAAAAAAA", secret, &tokens.access).await.expect(401);
    for path in ["/oauth/token", "/oauth/revoke"] {
        let browser = Browser::new();
        let fields = [("grant_type", "client_credentials"), ("token", &tokens.access)];
        let asked = browser.raw(reqwest::Method::POST, &server.at(path));
        browser.send(asked.basic_auth(id, Some(secret)).form(&fields)).await.expect(401);
    }
    let posted = [("client_id", id), ("client_secret", secret), ("token", &tokens.access)];
    let posted = Browser::new().post(&server.at("/oauth/introspect"), &posted).await;
    assert_eq!(posted.expect(200).json()["active"], true);
}

#[tokio::test]
async fn introspection_follows_what_the_user_and_the_administrator_take_back() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.tokens("notes:read notes:write").await;
    let edit = async |edit: ResourceEdit| {
        let resources = &server.app.admin.resources;
        let proposal = Proposal { of: NOTES, change: &edit, seen: None, effect: Effect::Apply };
        resources.edit(&Authority::operator(), proposal).await.unwrap();
    };
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    edit(ResourceEdit { scopes: words(&["notes:read"]), ..Default::default() }).await;
    assert_eq!(state(server, &stage.notes, &tokens.access).await["scope"], "notes:read");
    let refreshed = Tokens::read(stage.client.refresh(&tokens.refresh, &[]).await);
    assert_eq!(refreshed.answer["scope"], "notes:read");
    edit(ResourceEdit { roles: words(&["staff"]), ..Default::default() }).await;
    assert_eq!(state(server, &stage.notes, &refreshed.access).await, inactive());
    let refused = stage.client.refresh(&refreshed.refresh, &[]).await.expect(400).json();
    assert_eq!(refused["error"], "invalid_grant");
    edit(ResourceEdit { roles: words(&[]), ..Default::default() }).await;
    assert_eq!(state(server, &stage.notes, &refreshed.access).await["active"], true);
    let replaced = server.app.admin.resources.new_secret(&Authority::operator(), NOTES).await;
    let replaced = replaced.unwrap();
    let (id, former) = (stage.notes.resource.id.as_str(), stage.notes.secret.reveal());
    introspect(server, id, former, &refreshed.access).await.expect(401);
    assert_eq!(state(server, &replaced, &refreshed.access).await["active"], true);
    let alice = server.app.accounts.find("alice").await.unwrap();
    server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    assert_eq!(state(server, &replaced, &refreshed.access).await, inactive());
}

#[tokio::test]
async fn a_role_decides_which_users_may_let_clients_use_a_resource_server() {
    let stage = Stage::new().await;
    let url = "https://staff.example.test/mcp";
    add_for(&stage.server, url, &["files:read"], &["staff"]).await;
    let asked = [("resource", url), ("scope", "files:read")];
    let url_of = stage.client.authorize_url(&Pkce::default(), &asked);
    let page = stage.browser.get(&url_of).await;
    assert!(page.body.contains("error=access_denied"), "nothing to allow: {}", page.body);
    stage.server.user_with("bob", &["staff"]).await;
    let bob = stage.server.signed_in("bob").await;
    assert_eq!(stage.client.tokens(&bob, &asked).await.answer["scope"], "files:read");
}

#[tokio::test]
async fn removing_a_resource_server_ends_the_access_to_it_and_to_nothing_else() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.tokens("notes:read").await;
    let board =
        stage.client.tokens(&stage.browser, &[("resource", BOARD), ("scope", "board:read")]);
    let board = board.await;
    let own = stage.client.tokens(&stage.browser, &[]).await;
    let pkce = Pkce::default();
    let asked = [("resource", NOTES), ("scope", "notes:read")];
    let code = stage.client.code(&stage.browser, &pkce, &asked).await;
    server.app.admin.resources.remove(NOTES, None).await.unwrap();
    for answer in [
        stage.client.refresh(&tokens.refresh, &[]).await,
        stage.client.redeem(&code, &pkce, &[]).await,
    ] {
        assert_eq!(answer.expect(400).json()["error"], "invalid_grant");
    }
    assert_eq!(stage.refused(&[("resource", NOTES)]).await, "invalid_target");
    let (id, secret) = (stage.notes.resource.id.as_str(), stage.notes.secret.reveal());
    introspect(server, id, secret, &tokens.access).await.expect(401);
    assert!(server.calls(&own.access).await);
    assert_eq!(state(server, &stage.board, &board.access).await["active"], true);
    // One that is added later at the same URL is another one.
    let again = add(server, NOTES, &["notes:read"]).await;
    assert_eq!(state(server, &again, &tokens.access).await, inactive());
    introspect(server, id, secret, &tokens.access).await.expect(401);
    server.app.store.flush().await.unwrap();
    let filter = doorward_model::AuditFilter {
        kind: Some(AuditKind::ResourceRemoved.as_str().to_owned()),
        ..Default::default()
    };
    let entries = server.app.store.audit(&filter, None, 10).await.unwrap().entries;
    assert_eq!(entries.len(), 1);
    assert!(entries[0].event.detail.contains("\"grants\":1"), "{}", entries[0].event.detail);
}

#[tokio::test]
async fn a_service_gets_tokens_for_a_resource_server_only_with_a_scope_that_its_client_has() {
    let stage = Stage::new().await;
    let service = async |scopes: &[&str]| {
        let new = NewService {
            name: "Nightly".into(),
            service: "nightly".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..Default::default()
        };
        stage.server.app.admin.clients.add_service(&Authority::operator(), new).await
    };
    assert!(service(&["unknown:scope"]).await.is_err());
    let added = service(&["mcp:read", "notes:read"]).await.unwrap();
    let (id, secret) = (added.client.id.to_string(), added.secret.unwrap());
    let token = async |resource: &str, scope: &str| {
        let browser = Browser::new();
        let mut fields = vec![("grant_type", "client_credentials"), ("resource", resource)];
        if !scope.is_empty() {
            fields.push(("scope", scope));
        }
        let asked = browser.raw(reqwest::Method::POST, &stage.server.at("/oauth/token"));
        browser.send(asked.basic_auth(&id, Some(secret.reveal())).form(&fields)).await
    };
    let answer = token(NOTES, "").await.expect(200).json();
    assert_eq!(answer["scope"], "notes:read", "mcp:read has no meaning there");
    let access = answer["access_token"].as_str().unwrap();
    assert_eq!(claims(access)["aud"], NOTES);
    assert_eq!(state(&stage.server, &stage.notes, access).await["active"], true);
    assert!(!stage.server.calls(access).await);
    let own = token(&stage.server.at("/mcp"), "").await.expect(200).json();
    assert_eq!(own["scope"], "mcp:read");
    let beyond = token(NOTES, "notes:write").await.expect(400).json();
    assert_eq!(beyond["error"], "invalid_scope");
    let other = token(BOARD, "").await.expect(400).json();
    assert_eq!(other["error"], "invalid_grant", "none of its scopes exists there");
}

#[tokio::test]
async fn tool_scopes_of_a_resource_server_are_under_the_rules_of_this_one() {
    let server = TestServer::start_with(|config| {
        config.access.scope_roles = vec!["mcp:write = developer".to_owned()];
    })
    .await;
    let tools = add(&server, NOTES, &["mcp:read", "mcp:write"]).await;
    server.user("alice").await;
    server.user_with("dev", &["developer"]).await;
    let client = OAuthClient::register(&server).await;
    let asked = [("resource", NOTES), ("scope", "mcp:read mcp:write")];
    let alice = client.tokens(&server.signed_in("alice").await, &asked).await;
    assert_eq!(alice.answer["scope"], "mcp:read");
    let dev = client.tokens(&server.signed_in("dev").await, &asked).await;
    // Both are named: resource servers compare names and know no hierarchy.
    assert_eq!(dev.answer["scope"], "mcp:read mcp:write");
    assert_eq!(state(&server, &tools, &dev.access).await["scope"], "mcp:read mcp:write");
    assert!(!server.calls(&dev.access).await);
}

#[tokio::test]
async fn the_metadata_of_the_authorization_server_lists_resource_servers_at_once() {
    let stage = Stage::new().await;
    let listed = async || {
        let url = stage.server.at("/.well-known/oauth-authorization-server");
        let document = Browser::new().get(&url).await.expect(200).json();
        document["protected_resources"].as_array().unwrap().clone()
    };
    let all = listed().await;
    assert!(all.contains(&json!(NOTES)) && all.contains(&json!(BOARD)), "{all:?}");
    stage.server.app.admin.resources.remove(NOTES, None).await.unwrap();
    let all = listed().await;
    assert!(!all.contains(&json!(NOTES)) && all.contains(&json!(BOARD)), "{all:?}");
}

#[tokio::test]
async fn a_resource_server_that_one_replica_adds_and_removes_is_known_to_the_other() {
    let one = TestServer::start().await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let other = TestServer::start_on(config, one.data_dir.clone()).await;
    one.user("alice").await;
    let client = OAuthClient::register(&one).await;
    let browser = one.signed_in("alice").await;
    let notes = add(&other, NOTES, &["notes:read"]).await;
    let asked = [("resource", NOTES), ("scope", "notes:read")];
    let known = async || {
        let url = client.authorize_url(&Pkce::default(), &asked);
        browser.get(&url).await.expect(303).location_param("error").is_none()
    };
    let becomes = async |wanted: bool| {
        for _ in 0..50 {
            if known().await == wanted {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(becomes(true).await);
    let tokens = client.tokens(&browser, &asked).await;
    assert_eq!(state(&other, &notes, &tokens.access).await["active"], true);
    one.app.admin.resources.remove(NOTES, None).await.unwrap();
    assert_eq!(
        client.refresh(&tokens.refresh, &[]).await.expect(400).json()["error"],
        "invalid_grant"
    );
    let there = OAuthClient::known(&other, &client.id, &client.redirect_uri);
    let refused = there.refresh(&tokens.refresh, &[]).await.expect(400).json();
    assert_eq!(refused["error"], "invalid_grant");
}
