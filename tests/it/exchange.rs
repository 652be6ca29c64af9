//! Token exchange (RFC 8693): a client that an administrator permitted acts for a user, with a
//! token that reaches no further than the user's own.

use doorward_accounts::Authority;
use doorward_admin::{AddedClient, ClientDecision, NewClient, NewExchange, NewService};
use doorward_model::{AuditFilter, AuditKind, Clock, User};
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Page, TestServer, Tokens};
use serde_json::{Value, json};

mod administration;
mod available;
mod back_end;
mod provider;
mod refusals;
mod session;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

struct Stage {
    server: TestServer,
    upstream: FakeUpstream,
    user: User,
    /// The application through which the user signs in.
    app: OAuthClient,
    browser: Browser,
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// The client of a service, which authenticates by a secret.
async fn service(server: &TestServer, name: &str) -> OAuthClient {
    let new = NewService {
        name: format!("{name} client"),
        service: name.to_owned(),
        scopes: words(&["mcp:read"]),
        auth_method: None,
        jwks: None,
        jwks_uri: None,
        rules: doorward_model::ClientRules::default(),
    };
    let operator = Authority::operator();
    confidential(server, &server.app.admin.clients.add_service(&operator, new).await.unwrap())
}

fn confidential(server: &TestServer, added: &AddedClient) -> OAuthClient {
    let mut client = OAuthClient::known(server, added.client.id.as_str(), "");
    client.secret = added.secret.as_ref().map(|secret| secret.reveal().to_owned());
    client.basic = true;
    client
}

async fn permit(server: &TestServer, client: &OAuthClient, from: &[&str], scopes: &[&str]) {
    let new = NewExchange { from: words(from), scopes: words(scopes), ..NewExchange::default() };
    let (operator, clients) = (Authority::operator(), &server.app.admin.clients);
    clients.set_exchange(&operator, &client.id, Some(&new), None).await.unwrap();
}

/// The claims of a token, without its verification.
fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

async fn exchange(client: &OAuthClient, token: &str, fields: &[(&str, &str)]) -> Page {
    let usual = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", ACCESS)];
    client.token(&[&usual[..], fields].concat()).await
}

/// Revokes a token (RFC 7009).
async fn revoke(client: &OAuthClient, server: &TestServer, token: &str) {
    let browser = Browser::new();
    let asked = browser
        .raw(reqwest::Method::POST, &server.at("/oauth/revoke"))
        .form(&[("client_id", client.id.as_str()), ("token", token)]);
    let asked = match client.secret.as_deref() {
        Some(secret) => asked.basic_auth(&client.id, Some(secret)),
        None => asked,
    };
    browser.send(asked).await.expect(200);
}

/// An exchange that is refused because the token is another client's.
pub(crate) async fn provoke(server: &TestServer, access: &str) {
    let agent = service(server, "agent").await;
    permit(server, &agent, &[], &["mcp:read"]).await;
    refused(exchange(&agent, access, &[]).await, "invalid_request");
}

#[track_caller]
fn refused(page: Page, error: &str) {
    let page = page.expect(400);
    assert_eq!(page.json()["error"], error, "{}", page.body);
}

impl Stage {
    async fn new() -> Self {
        let upstream = FakeUpstream::start().await;
        let wiki = upstream.config("none");
        let server = TestServer::start_with(|config| {
            config.upstreams.insert("wiki".to_owned(), wiki);
        })
        .await;
        let user = server.user("alice").await;
        let app = OAuthClient::register(&server).await;
        let browser = server.signed_in("alice").await;
        Self { server, upstream, user, app, browser }
    }

    async fn tokens(&self, scope: &str) -> Tokens {
        self.app.tokens(&self.browser, &[("scope", scope)]).await
    }

    /// An agent that may exchange the tokens of the application.
    async fn agent(&self, scopes: &[&str]) -> OAuthClient {
        let agent = service(&self.server, "agent").await;
        permit(&self.server, &agent, &[&self.app.id], scopes).await;
        agent
    }

    async fn entries(&self, kind: AuditKind) -> Vec<Value> {
        let store = &self.server.app.store;
        store.flush().await.unwrap();
        let filter = AuditFilter { kind: Some(kind.as_str().to_owned()), ..Default::default() };
        let page = store.audit(&filter, None, 100).await.unwrap();
        page.entries
            .into_iter()
            .map(|entry| {
                let detail: Value = serde_json::from_str(&entry.event.detail).unwrap_or_default();
                let actor = entry.event.actor;
                json!({"user": actor.user_id, "client": actor.client_id, "detail": detail})
            })
            .collect()
    }
}

#[tokio::test]
async fn cf2_cf21_a_permitted_client_gets_a_narrower_token_with_which_it_acts_for_the_user() {
    let stage = Stage::new().await;
    let tokens = stage.tokens("mcp:read mcp:write offline_access").await;
    let agent = stage.agent(&["mcp:read", "mcp:write"]).await;
    stage.server.clock.advance(60);
    let fields = [("scope", "mcp:read"), ("audience", "wiki"), ("requested_token_type", ACCESS)];
    let answer = exchange(&agent, &tokens.access, &fields).await.expect(200).json();
    assert_eq!(
        (&answer["issued_token_type"], &answer["token_type"]),
        (&json!(ACCESS), &json!("Bearer"))
    );
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("mcp:read"), &json!(540)));
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let (before, after) = (claims(&tokens.access), claims(token));
    for carried in ["iss", "sub", "auth_time", "acr", "amr", "exp"] {
        assert_eq!(after[carried], before[carried], "{carried}");
    }
    assert_eq!(after["aud"], stage.server.at("/mcp/wiki"));
    assert_eq!(after["client_id"], agent.id.as_str());
    let account = stage.server.app.accounts.find("agent").await.unwrap();
    assert_eq!(after["act"], json!({"sub": account.id.as_str(), "client_id": agent.id}));
    // It is for that upstream alone, and calls of it are the user's, through the agent.
    assert!(!stage.server.calls(token).await);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "hello"}}});
    let browser = Browser::new();
    let called = browser
        .raw(reqwest::Method::POST, &stage.server.at("/mcp/wiki"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .json(&call);
    let called = browser.send(called).await.expect(200);
    assert!(called.body.contains("hello"), "{}", called.body);
    let entries = stage.entries(AuditKind::ToolCalled).await;
    let entry = entries.first().unwrap();
    assert_eq!(
        (&entry["user"], &entry["client"]),
        (&json!(stage.user.id.as_str()), &json!(agent.id))
    );
    assert_eq!(entry["detail"]["acting"], json!([account.id.as_str()]), "{entry}");
    let issued = stage.entries(AuditKind::TokenIssued).await;
    let detail = &issued.first().unwrap()["detail"];
    assert_eq!(detail["from_client"], stage.app.id.as_str());
    assert_eq!(detail["acting"], json!([account.id.as_str()]));
    assert_eq!((&detail["expires_at"], &detail["scopes"]), (&after["exp"], &json!("mcp:read")));
    assert_eq!(detail["resources"], json!([stage.server.at("/mcp/wiki")]));
    drop(stage.upstream);
}

#[tokio::test]
async fn the_chain_of_acting_parties_is_in_the_token_and_the_audit_and_has_an_end() {
    let stage = Stage::new().await;
    let tokens = stage.tokens("mcp:read").await;
    let agent = stage.agent(&["mcp:read"]).await;
    let tool = service(&stage.server, "tool").await;
    permit(&stage.server, &tool, &[&agent.id], &["mcp:read"]).await;
    let own = tool.token(&[("grant_type", "client_credentials")]).await;
    let own = Tokens::read(own).access;
    let first = Tokens::read(exchange(&agent, &tokens.access, &[]).await).access;
    let proof = [("actor_token", own.as_str()), ("actor_token_type", ACCESS)];
    let second = Tokens::read(exchange(&tool, &first, &proof).await).access;
    let accounts = &stage.server.app.accounts;
    let ids = [accounts.find("agent").await.unwrap().id, accounts.find("tool").await.unwrap().id];
    let expected = json!({"sub": ids[1].as_str(), "client_id": tool.id, "act": {"sub": ids[0].as_str(), "client_id": agent.id}});
    assert_eq!(claims(&second)["act"], expected);
    assert!(stage.server.calls(&second).await);
    let called = stage.entries(AuditKind::ToolCalled).await;
    let chain = json!([ids[0].as_str(), ids[1].as_str()]);
    assert_eq!(called.first().unwrap()["detail"]["acting"], chain);
    // The tool's own tokens may be exchanged again, as often as is allowed.
    permit(&stage.server, &tool, &[&agent.id], &["mcp:read"]).await;
    let third = Tokens::read(exchange(&tool, &second, &[]).await).access;
    refused(exchange(&tool, &third, &[]).await, "invalid_request");
    // The end of the actor's own access ends what it proved itself by.
    assert!(stage.server.calls(&third).await);
    revoke(&tool, &stage.server, &own).await;
    for token in [&second, &third] {
        assert!(!stage.server.calls(token).await);
    }
    assert!(stage.server.calls(&first).await);
}

#[tokio::test]
async fn exchanging_the_same_token_for_the_same_makes_one_grant() {
    let stage = Stage::new().await;
    let tokens = stage.tokens("mcp:read").await;
    let agent = stage.agent(&["mcp:read"]).await;
    for _ in 0..3 {
        let token = Tokens::read(exchange(&agent, &tokens.access, &[]).await).access;
        assert!(stage.server.calls(&token).await);
    }
    let (store, now) = (&stage.server.app.store, stage.server.clock.now());
    let grants = store.live_grants_of(&stage.user.id, now).await.unwrap();
    assert_eq!(grants.len(), 2, "that of the application, and that of the agent");
    assert_eq!(stage.entries(AuditKind::TokenIssued).await.len(), 3, "each token is in the audit");
}

#[tokio::test]
async fn cf20_the_end_of_the_users_access_of_the_agent_and_of_the_permission_end_exchanged_tokens()
{
    let stage = Stage::new().await;
    let server = &stage.server;
    let clients = &server.app.admin.clients;
    let operator = Authority::operator();
    let agent = stage.agent(&["mcp:read", "mcp:destructive"]).await;
    let tool = service(server, "tool").await;
    permit(server, &tool, &[&agent.id], &["mcp:read", "mcp:destructive"]).await;
    let both = async || {
        let tokens = stage.tokens("mcp:read mcp:destructive").await;
        let first = Tokens::read(exchange(&agent, &tokens.access, &[]).await).access;
        let second = Tokens::read(exchange(&tool, &first, &[]).await).access;
        assert!(server.calls(&first).await && server.calls(&second).await);
        (tokens, first, second)
    };
    // The user, or the application, ends the access.
    let (tokens, first, second) = both().await;
    revoke(&stage.app, &stage.server, &tokens.access).await;
    assert!(!server.calls(&first).await && !server.calls(&second).await);
    refused(exchange(&agent, &tokens.access, &[]).await, "invalid_request");
    // The permission ends, or reaches less far.
    let (_, first, second) = both().await;
    clients.set_exchange(&operator, &agent.id, None, None).await.unwrap();
    assert!(!server.calls(&first).await && !server.calls(&second).await);
    permit(server, &agent, &[], &["mcp:read", "mcp:destructive"]).await;
    assert!(!server.calls(&first).await, "the application is not among those any more");
    permit(server, &agent, &[&stage.app.id], &["mcp:read"]).await;
    assert!(server.calls(&first).await && server.calls(&second).await);
    let wipe = json!({"number": 1});
    for token in [&first, &second] {
        let page = server.call(token, "wiki_wipe", wipe.clone()).await;
        assert_eq!(page.status, 403, "{}", page.body);
    }
    permit(server, &agent, &[&stage.app.id], &["mcp:read", "mcp:destructive"]).await;
    // Blocking the first of the two ends both.
    clients.decide(&agent.id, ClientDecision::Block, None).await.unwrap();
    assert!(!server.calls(&first).await && !server.calls(&second).await);
    clients.decide(&agent.id, ClientDecision::Unblock, None).await.unwrap();
    assert!(!server.calls(&first).await, "what was ended stays ended");
    // Time ends it with the token that it was exchanged for.
    let (tokens, first, _) = both().await;
    server.clock.advance(599);
    let late = exchange(&agent, &tokens.access, &[]).await.expect(200).json();
    assert_eq!(late["expires_in"], 1);
    server.clock.advance(1);
    assert!(!server.calls(&first).await);
    refused(exchange(&agent, &tokens.access, &[]).await, "invalid_request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_exchanged_tokens_count_and_end_at_both_replicas() {
    let stage = Stage::new().await;
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let agent = stage.agent(&["mcp:read"]).await;
    let mut there = OAuthClient::known(&other, &agent.id, "");
    (there.secret, there.basic) = (agent.secret.clone(), true);
    let tokens = stage.tokens("mcp:read").await;
    let token = Tokens::read(exchange(&there, &tokens.access, &[]).await).access;
    assert!(stage.server.calls(&token).await && other.calls(&token).await);
    revoke(&stage.app, &stage.server, &tokens.access).await;
    assert!(!stage.server.calls(&token).await);
    let mut tries = 100;
    while other.calls(&token).await && tries > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        tries -= 1;
    }
    assert!(tries > 0, "it ends at the other replica too");
}

/// A confidential client of the code flow, whose users sign in to the agent itself.
async fn code_flow(server: &TestServer) -> OAuthClient {
    let new = NewClient {
        name: "Agent with users".to_owned(),
        redirect_uris: words(&["http://127.0.0.1:7777/callback"]),
        auth_method: Some("client_secret_basic".to_owned()),
        admin: true,
        openid: None,
        rules: doorward_model::ClientRules::default(),
    };
    let added = server.app.admin.clients.add(&Authority::operator(), new).await.unwrap();
    let mut client = confidential(server, &added);
    "http://127.0.0.1:7777/callback".clone_into(&mut client.redirect_uri);
    client
}

#[tokio::test]
async fn a_client_may_exchange_the_tokens_of_its_own_users_without_naming_itself() {
    let stage = Stage::new().await;
    let agent = code_flow(&stage.server).await;
    permit(&stage.server, &agent, &[], &["mcp:read"]).await;
    let tokens = agent.tokens(&stage.browser, &[("scope", "mcp:read mcp:write")]).await;
    let answer = exchange(&agent, &tokens.access, &[]).await.expect(200).json();
    assert_eq!(answer["scope"], "mcp:read");
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["act"], json!({"sub": agent.id, "client_id": agent.id}));
    assert!(stage.server.calls(token).await);
    refused(exchange(&agent, &stage.tokens("mcp:read").await.access, &[]).await, "invalid_request");
}
