//! The exchange of an identity provider's tokens, once each.

use doorward_accounts::Authority;
use doorward_admin::NewExchange;
use doorward_model::AuditKind;
use doorward_model::{AuditFilter, Clock};
use doorward_testkit::{HttpsServer, OAuthClient, Page, PlatformKey, TestServer, Tokens};
use serde_json::{Value, json};

use super::{ACCESS, GRANT, claims, exchange, permit, refused, service, words};
use crate::{enterprise, workload::over};

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const API: &str = "https://app.example";

struct Stage {
    server: TestServer,
    provider: HttpsServer,
    key: PlatformKey,
    client: OAuthClient,
}

impl Stage {
    /// A server with the provider `corp`, and a client that may exchange its tokens.
    async fn new() -> Self {
        let provider = HttpsServer::start().await;
        let key = PlatformKey::new("k1");
        provider.json("/keys", &key.jwks(), "");
        let mut corp = enterprise::provider(&provider);
        corp.assertions = false;
        let server = TestServer::start_with(|config| {
            config.providers.insert("corp".to_owned(), corp);
        })
        .await;
        let client = service(&server, "app").await;
        let stage = Self { server, provider, key, client };
        stage.permit(&["corp https://app.example", "corp app-id"]).await;
        stage
    }

    async fn permit(&self, providers: &[&str]) {
        let new = NewExchange {
            scopes: words(&["mcp:read", "mcp:write"]),
            providers: words(providers),
            ..NewExchange::default()
        };
        let (operator, clients) = (Authority::operator(), &self.server.app.admin.clients);
        clients.set_exchange(&operator, &self.client.id, Some(&new), None).await.unwrap();
    }

    fn claims(&self, jti: &str) -> Value {
        let now = self.server.clock.now().0;
        json!({
            "iss": self.provider.url, "sub": "u-1", "aud": API, "jti": jti, "iat": now,
            "exp": now + 300, "auth_time": now - 60, "email": "ada@corp.example",
            "email_verified": true, "preferred_username": "ada", "amr": ["pwd"],
            "scope": "app.access other.User",
        })
    }

    async fn give(&self, kind: &str, token: &str, more: &[(&str, &str)]) -> Page {
        let usual = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", kind)];
        self.client.token(&[&usual[..], more].concat()).await
    }

    async fn present(&self, claims: &Value) -> Page {
        self.give(ACCESS, &self.key.token(claims), &[]).await
    }
}

#[tokio::test]
async fn cs5_a_token_of_the_identity_provider_is_exchanged_once_for_one_of_this_server() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let token = stage.key.token(&stage.claims("1"));
    let answer = stage.give(ACCESS, &token, &[("scope", "mcp:read")]).await.expect(200).json();
    assert_eq!(
        (&answer["scope"], &answer["issued_token_type"]),
        (&json!("mcp:read"), &json!(ACCESS))
    );
    assert_eq!(answer["expires_in"], 300, "it ends with the token of the provider");
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let own = answer["access_token"].as_str().unwrap();
    let ada = server.app.accounts.find("ada").await.unwrap();
    let inside = claims(own);
    assert_eq!(
        (&inside["sub"], &inside["aud"]),
        (&json!(ada.id.as_str()), &json!(server.at("/mcp")))
    );
    let account = server.app.accounts.find("app").await.unwrap();
    assert_eq!(inside["act"], json!({"sub": account.id.as_str(), "client_id": stage.client.id}));
    assert!(server.call(own, "whoami", json!({})).await.expect(200).body.contains("ada"));
    refused(stage.give(ACCESS, &token, &[]).await, "invalid_request");
    // An ID token for the application, whose identifier is the audience.
    let now = server.clock.now().0;
    let id = over(&stage.claims("2"), &json!({"aud": ["app-id"], "azp": "app-id", "jti": null}));
    let id = stage.key.token(&id);
    let other = Tokens::read(stage.give(ID_TOKEN, &id, &[]).await);
    assert_eq!(other.answer["scope"], "mcp:write", "all that the permission has");
    refused(stage.give(ID_TOKEN, &id, &[]).await, "invalid_request");
    let jwt = stage.key.token(&stage.claims("3"));
    stage.give(JWT, &jwt, &[]).await.expect(200);
    assert_eq!(server.app.store.users().await.unwrap().len(), 2, "one user, and the service");
    // The audit names provider, subject and token, never the token itself.
    server.app.store.flush().await.unwrap();
    let kind = Some(AuditKind::TokenIssued.as_str().to_owned());
    let filter = AuditFilter { kind, ..Default::default() };
    let entries = server.app.store.audit(&filter, None, 10).await.unwrap().entries;
    let detail: Value = serde_json::from_str(&entries.last().unwrap().event.detail).unwrap();
    assert_eq!(
        (&detail["provider"], &detail["subject"], &detail["jti"], &detail["expires_at"]),
        (&json!("corp"), &json!("u-1"), &json!("1"), &json!(now + 300))
    );
    assert_eq!(detail["acting"], json!([account.id.as_str()]));
    // It ends with the permission for the provider.
    assert!(server.calls(own).await);
    permit(server, &stage.client, &[], &["mcp:read"]).await;
    assert!(!server.calls(own).await);
    stage.permit(&["corp elsewhere"]).await;
    assert!(server.calls(own).await, "the provider is among them again");
    server.clock.advance(300);
    assert!(!server.calls(own).await);
}

#[tokio::test]
async fn cs6_only_the_exact_issuer_audience_scope_kind_and_time_are_accepted() {
    let stage = Stage::new().await;
    let base = stage.claims("1");
    let now = base["iat"].as_i64().unwrap();
    for change in [
        json!({"aud": "https://app.example/"}),
        json!({"aud": "https://other.example"}),
        json!({"aud": [API, "https://other.example"]}),
        json!({"aud": [API, API]}),
        json!({"aud": null}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", stage.provider.url)}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"iat": null}),
        json!({"iat": now + 61}),
        json!({"nbf": now + 61}),
        json!({"exp": null}),
        json!({"exp": now - 31}),
        json!({"exp": now + 90_000}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
    ] {
        let page = stage.present(&over(&base, &change)).await;
        assert_eq!(
            (page.status, page.json()["error"].as_str()),
            (400, Some("invalid_request")),
            "{change} {}",
            page.body
        );
    }
    let header = |typ: &str| json!({"alg": "ES256", "typ": typ, "kid": "k1"});
    for (kind, typ) in [
        (ID_TOKEN, "at+jwt"),
        (ACCESS, "oauth-id-jag+jwt"),
        (ID_TOKEN, "logout+jwt"),
        (ACCESS, "secevent+jwt"),
    ] {
        refused(
            stage.give(kind, &stage.key.signed(&header(typ), &base), &[]).await,
            "invalid_request",
        );
    }
    let azp = over(&base, &json!({"azp": "another"}));
    refused(stage.give(ID_TOKEN, &stage.key.token(&azp), &[]).await, "invalid_request");
    let forged = PlatformKey::new("k1").token(&base);
    refused(stage.give(ACCESS, &forged, &[]).await, "invalid_request");
    let none = json!({"alg": "none", "typ": "JWT"});
    refused(stage.give(ACCESS, &stage.key.signed(&none, &base), &[]).await, "invalid_request");
    // The scope counts only as a whole word.
    stage.permit(&["corp https://app.example app.access"]).await;
    for scope in [json!("my.app.access"), json!("app.access.more"), json!("User"), json!(null)] {
        let claims = over(&base, &json!({"scope": scope}));
        refused(stage.present(&claims).await, "invalid_request");
    }
    for (jti, claim) in [("2", "scope"), ("3", "scp"), ("4", "roles")] {
        let told = if claim == "scope" { json!("x app.access") } else { json!(["app.access"]) };
        let mut claims = over(&stage.claims(jti), &json!({"scope": null}));
        claims[claim] = told;
        stage.present(&claims).await.expect(200);
    }
    // A proper one, but more than the permission has, for the administrators' API, or with an actor.
    for (more, error) in [
        ([("scope", "mcp:destructive"), ("x", "x")], "invalid_scope"),
        ([("resource", stage.server.at("/api/admin").as_str()), ("x", "x")], "invalid_target"),
        ([("audience", "nowhere"), ("x", "x")], "invalid_target"),
        ([("actor_token", "x"), ("actor_token_type", ACCESS)], "invalid_request"),
    ] {
        refused(stage.give(ACCESS, &stage.key.token(&base), &more).await, error);
    }
    stage.present(&base).await.expect(200);
}

#[tokio::test]
async fn cs6_no_other_client_exchanges_it_and_no_permission_widens_another_way_in() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let token = stage.key.token(&stage.claims("1"));
    let other = service(server, "other").await;
    refused(exchange(&other, &token, &[]).await, "unauthorized_client");
    permit(server, &other, &[], &["mcp:read"]).await;
    refused(exchange(&other, &token, &[]).await, "invalid_request");
    // The token itself opens nothing, and the provider asserts no users to clients.
    assert!(!server.calls(&token).await);
    let bearer = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", token.as_str()),
    ];
    assert!(stage.client.token(&bearer).await.status >= 400);
    // A user who is disabled here, or a provider that is switched off, gets none.
    stage.present(&stage.claims("2")).await.expect(200);
    let ada = server.app.accounts.find("ada").await.unwrap();
    server.app.accounts.disable(&ada, None).await.unwrap();
    refused(stage.give(ACCESS, &token, &[]).await, "invalid_request");
    stage.permit(&["gone https://app.example"]).await;
    refused(stage.present(&stage.claims("3")).await, "invalid_request");
    // Wrong permissions, and one of a back end.
    let (operator, clients) = (Authority::operator(), &server.app.admin.clients);
    for (providers, back_end) in [(["corp"], false), (["Corp api"], false), (["corp api"], true)] {
        let (scopes, providers) = (words(&["mcp:read"]), words(&providers));
        let new = NewExchange { from: Vec::new(), scopes, back_end, providers };
        let given = clients.set_exchange(&operator, &other.id, Some(&new), None).await;
        assert!(given.is_err(), "{new:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_cs5_of_two_replicas_one_exchanges_a_token() {
    let stage = Stage::new().await;
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let mut there = OAuthClient::known(&other, &stage.client.id, "");
    (there.secret, there.basic) = (stage.client.secret.clone(), true);
    // The user exists, so that the two do not meet at the account.
    stage.present(&stage.claims("0")).await.expect(200);
    let token = stage.key.token(&stage.claims("1"));
    let (here, there) =
        tokio::join!(exchange(&stage.client, &token, &[]), exchange(&there, &token, &[]));
    let mut statuses = [here.status, there.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", here.body, there.body);
}

#[tokio::test]
async fn cs5_a_session_lasts_longer_than_the_token_of_the_provider_and_ends_with_the_access() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let open = async |jti: &str| {
        let own = Tokens::read(stage.present(&stage.claims(jti)).await).access;
        let told = stage.client.post("/api/session", &[("token", &own)], &[]).await.expect(200);
        assert_eq!(told.json()["user"]["email"], "ada@corp.example");
        (own, told.json()["session_token"].as_str().unwrap().to_owned())
    };
    let counts = async |token: &str| {
        let browser = doorward_testkit::Browser::new();
        let asked = browser.raw(reqwest::Method::GET, &server.at("/api/session"));
        browser.send(asked.bearer_auth(token)).await.status == 200
    };
    let (_, token) = open("1").await;
    server.clock.advance(4 * 3600);
    server.app.store.delete_expired(server.clock.now(), 0).await.unwrap();
    assert!(counts(&token).await);
    // Revoking the exchanged token ends it, and so does the end of the permission.
    let (own, token) = open("2").await;
    assert!(counts(&token).await);
    super::revoke(&stage.client, server, &own).await;
    assert!(!counts(&token).await);
    let (_, token) = open("3").await;
    permit(server, &stage.client, &[], &["mcp:read"]).await;
    assert!(!counts(&token).await);
    stage.permit(&["corp https://app.example"]).await;
    assert!(counts(&token).await);
    server.clock.advance(8 * 3600);
    assert!(!counts(&token).await);
}
