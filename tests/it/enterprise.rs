//! Enterprise-managed authorization: assertions of identity providers about users (ID-JAG).

mod formats;
mod refusals;

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_accounts::Authority;
use doorward_admin::{AddedClient, NewClient};
use doorward_federation::ProviderConfig;
use doorward_model::{AuditFilter, AuditKind, Clock, Reason, Timestamp};
use doorward_testkit::{Browser, HttpsServer, Page, PlatformKey, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::workload::{access_token, over, refused};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A server with one identity provider, `corp`, and a client that authenticates.
struct Stage {
    server: TestServer,
    provider: HttpsServer,
    key: PlatformKey,
    client: AddedClient,
}

/// A provider whose endpoints are set by hand, so that only its keys are fetched.
pub(crate) fn provider(at: &HttpsServer) -> ProviderConfig {
    ProviderConfig {
        kind: "oidc".to_owned(),
        name: "Corp".to_owned(),
        issuer: at.url.clone(),
        client_id: "doorward".to_owned(),
        client_secret: "secret".into(),
        authorize_url: format!("{}/authorize", at.url),
        token_url: format!("{}/token", at.url),
        jwks_url: format!("{}/keys", at.url),
        networks: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
        ca_file: at.ca_file.to_str().unwrap().to_owned(),
        assertions: true,
        ..ProviderConfig::default()
    }
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose provider has these settings too.
    async fn with(change: impl FnOnce(&mut ProviderConfig)) -> Self {
        let at = HttpsServer::start().await;
        let key = PlatformKey::new("k1");
        at.json("/keys", &key.jwks(), "");
        let mut corp = provider(&at);
        change(&mut corp);
        let server = TestServer::start_with(|config| {
            config.providers.insert("corp".to_owned(), corp);
        })
        .await;
        let client = add_client(&server, "Agent").await;
        Self { server, provider: at, key, client }
    }

    /// The claims of an assertion for Ada.
    fn claims(&self, jti: &str) -> Value {
        let now = self.server.clock.now().0;
        json!({
            "iss": self.provider.url, "sub": "u-1", "aud": self.server.url,
            "client_id": self.client.client.id.as_str(), "resource": self.server.at("/mcp"),
            "scope": "mcp:read mcp:write", "jti": jti, "iat": now, "exp": now + 300,
            "auth_time": now - 60, "email": "ada@corp.example", "email_verified": true,
            "preferred_username": "ada", "amr": ["pwd"],
        })
    }

    fn assertion(&self, claims: &Value) -> String {
        self.key.signed(&header("oauth-id-jag+jwt"), claims)
    }

    async fn present(&self, claims: &Value) -> Page {
        present(&self.server, &self.client, &self.assertion(claims), &[]).await
    }

    async fn last_refusal(&self) -> (Option<Reason>, String) {
        let store = &self.server.app.store;
        store.flush().await.unwrap();
        let steps = store.connect_steps(Timestamp(0)).await.unwrap();
        let last = steps.iter().filter(|step| step.reason.is_some()).max_by_key(|step| step.seq);
        last.map(|step| (step.reason, step.detail.clone())).unwrap_or_default()
    }
}

fn header(typ: &str) -> Value {
    json!({"alg": "ES256", "typ": typ, "kid": "k1"})
}

async fn add_client(server: &TestServer, name: &str) -> AddedClient {
    let new = NewClient {
        name: name.to_owned(),
        redirect_uris: vec!["https://agent.example/callback".to_owned()],
        auth_method: Some("client_secret_basic".to_owned()),
        admin: false,
        openid: None,
        rules: doorward_model::ClientRules::default(),
    };
    server.app.admin.clients.add(&Authority::operator(), new).await.unwrap()
}

async fn present(
    server: &TestServer,
    client: &AddedClient,
    token: &str,
    more: &[(&str, &str)],
) -> Page {
    let secret = client.secret.as_ref().unwrap().reveal();
    let basic = STANDARD.encode(format!("{}:{secret}", client.client.id));
    let browser = Browser::new();
    let fields = [&[("grant_type", GRANT), ("assertion", token)], more].concat();
    let request = browser
        .raw(Method::POST, &server.at("/oauth/token"))
        .header("authorization", format!("Basic {basic}"))
        .form(&fields);
    browser.send(request).await
}

/// Presents an assertion that is refused for this reason, under a provider with rules that admit
/// no user of `corp.example`.
pub(crate) async fn provoke(server: &TestServer, at: &HttpsServer, reason: Reason) {
    let key = PlatformKey::new("k1");
    at.json("/keys", &key.jwks(), "");
    let client = add_client(server, reason.code()).await;
    let now = server.clock.now().0;
    let issuer = if reason == Reason::AssertionProvider { "https://evil.example" } else { &at.url };
    let named =
        if reason == Reason::AssertionClaim { "c_other" } else { client.client.id.as_str() };
    let claims = json!({
        "iss": issuer, "sub": "u-1", "aud": server.url, "client_id": named, "jti": "1",
        "resource": server.at("/mcp"), "iat": now, "exp": now + 60,
        "email": "ada@corp.example", "email_verified": true,
    });
    let token = key.signed(&header("oauth-id-jag+jwt"), &claims);
    present(server, &client, &token, &[]).await.expect(400);
}

#[tokio::test]
async fn a_client_acts_for_a_user_by_an_assertion_of_their_provider_without_a_page() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let answer = stage.present(&stage.claims("1")).await.expect(200).json();
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let me = server.call(token, "whoami", json!({})).await.expect(200).body;
    assert!(me.contains("ada"), "{me}");
    // The account is made as at the first sign-in, and is the same at the next one.
    let ada = server.app.accounts.find("ada").await.unwrap();
    let linked = server.app.store.identities_of(&ada.id).await.unwrap();
    assert_eq!((linked.len(), linked[0].subject.as_str()), (1, "u-1"));
    access_token(stage.present(&stage.claims("2")).await);
    assert_eq!(server.app.store.users().await.unwrap().len(), 1);
    // The audit names provider, subject and assertion, and the grant ends with its token.
    server.app.store.flush().await.unwrap();
    let kind = Some(AuditKind::TokenIssued.as_str().to_owned());
    let filter = AuditFilter { kind, ..Default::default() };
    let entries = server.app.store.audit(&filter, None, 10).await.unwrap().entries;
    assert_eq!(entries.len(), 2);
    let detail: Value = serde_json::from_str(&entries[1].event.detail).unwrap();
    assert_eq!(detail, json!({"provider": "corp", "subject": "u-1", "jti": "1"}));
    assert_eq!(entries[1].event.actor.user_id.as_deref(), Some(ada.id.as_str()));
    assert!(server.calls(token).await);
    server.clock.advance(601);
    assert!(!server.calls(token).await);
}

#[tokio::test]
async fn metadata_names_the_grant_profile_while_a_provider_may_assert() {
    for (assertions, enabled) in [(true, true), (false, true), (true, false)] {
        let stage = Stage::with(|corp| {
            (corp.assertions, corp.enabled) = (assertions, enabled);
        })
        .await;
        for path in ["oauth-authorization-server", "openid-configuration"] {
            let url = stage.server.at(&format!("/.well-known/{path}"));
            let document = Browser::new().get(&url).await.expect(200).json();
            let named = document["authorization_grant_profiles_supported"].clone();
            let profile = json!(["urn:ietf:params:oauth:grant-profile:id-jag"]);
            let expected = if assertions && enabled { profile } else { Value::Null };
            assert_eq!(named, expected);
        }
    }
}

#[tokio::test]
async fn scopes_are_those_of_the_assertion_that_the_request_the_client_and_the_roles_allow() {
    let stage = Stage::new().await;
    let ask = async |jti: &str, change: Value, more: &[(&str, &str)]| {
        let token = stage.assertion(&over(&stage.claims(jti), &change));
        present(&stage.server, &stage.client, &token, more).await
    };
    let scope = async |jti: &str, change: Value, more: &[(&str, &str)]| {
        ask(jti, change, more).await.expect(200).json()["scope"].as_str().unwrap().to_owned()
    };
    assert_eq!(scope("1", json!({}), &[("scope", "mcp:read")]).await, "mcp:read");
    assert_eq!(scope("2", json!({"scope": "mcp:read"}), &[]).await, "mcp:read");
    // More than the assertion has is not given, whatever the request names.
    let wide = [("scope", "mcp:read mcp:destructive")];
    assert_eq!(scope("3", json!({"scope": "mcp:read"}), &wide).await, "mcp:read");
    let admin = json!({"scope": "admin mcp:read offline_access"});
    assert_eq!(scope("4", admin, &[]).await, "mcp:read");
    assert_eq!(scope("5", json!({"scope": null, "scp": ["mcp:read"]}), &[]).await, "mcp:read");
    let page = ask("6", json!({"scope": "mcp:read"}), &[("scope", "mcp:destructive")]).await;
    assert!(page.status == 400 || page.json()["scope"] == "mcp:read", "{}", page.body);
    refused(&ask("7", json!({"scope": "nothing-here"}), &[]).await, 400, "invalid_scope");
    refused(&ask("8", json!({"scope": 7}), &[]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn an_assertion_gives_no_administrative_scope_also_where_client_and_user_may_have_it() {
    let stage = Stage::with(|corp| corp.roles = vec!["groups = admins -> admin".to_owned()]).await;
    let new = NewClient {
        name: "Operations".to_owned(),
        redirect_uris: vec!["https://operations.example/callback".to_owned()],
        auth_method: Some("client_secret_basic".to_owned()),
        admin: true,
        openid: None,
        rules: doorward_model::ClientRules::default(),
    };
    let client = stage.server.app.admin.clients.add(&Authority::operator(), new).await.unwrap();
    let resources = json!([stage.server.at("/mcp"), stage.server.at("/api/admin")]);
    let change = json!({
        "client_id": client.client.id.as_str(), "groups": ["admins"], "resource": resources,
        "scope": "admin mcp:read",
    });
    let token = stage.assertion(&over(&stage.claims("1"), &change));
    let answer = present(&stage.server, &client, &token, &[]).await.expect(200).json();
    assert_eq!(answer["scope"], "mcp:read");
    let ada = stage.server.app.accounts.find("ada").await.unwrap();
    assert!(ada.all_roles().any(|role| role.as_str() == "admin"));
    let (browser, url) = (Browser::new(), stage.server.at("/api/admin/users"));
    let given = answer["access_token"].as_str().unwrap();
    let asked = browser.send(browser.raw(Method::GET, &url).bearer_auth(given)).await;
    assert_eq!(asked.status, 403, "{}", asked.body);
    let change = over(&change, &json!({"scope": "admin", "jti": "2"}));
    let token = stage.assertion(&over(&stage.claims("2"), &change));
    refused(&present(&stage.server, &client, &token, &[]).await, 400, "invalid_scope");
}

#[tokio::test]
async fn a_token_is_for_the_resources_of_the_assertion_alone() {
    let stage = Stage::new().await;
    let (mcp, admin) = (stage.server.at("/mcp"), stage.server.at("/api/admin"));
    let both = json!({"resource": [mcp, admin]});
    let token = stage.assertion(&over(&stage.claims("1"), &both));
    let given =
        access_token(present(&stage.server, &stage.client, &token, &[("resource", &mcp)]).await);
    assert!(stage.server.calls(&given).await);
    let token = stage.assertion(&stage.claims("2"));
    let more = [("resource", admin.as_str())];
    refused(&present(&stage.server, &stage.client, &token, &more).await, 400, "invalid_target");
    for (jti, resource) in [
        ("3", json!("https://elsewhere.example/mcp")),
        ("4", Value::Null),
        ("5", json!([])),
        ("6", json!([mcp, "https://elsewhere.example/mcp"])),
        ("7", json!({"url": mcp})),
    ] {
        let claims = over(&stage.claims(jti), &json!({"resource": resource}));
        refused(&stage.present(&claims).await, 400, "invalid_grant");
        let (reason, detail) = stage.last_refusal().await;
        assert_eq!(reason, Some(Reason::AssertionClaim), "{resource}");
        assert!(detail.contains("resource"), "{detail}");
    }
}
