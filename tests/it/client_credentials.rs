//! Services: clients that act without a user, by `client_credentials` (OAuth 2.1 §4.2).

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_model::{AuditFilter, AuditKind, Change, Clock, RevokeReason};
use doorward_testkit::{Browser, CurveKey, FakeUpstream, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::assertions::{Signer, TYPE};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

struct Stage {
    server: TestServer,
    key: String,
    _upstream: FakeUpstream,
}

impl Stage {
    async fn new() -> Self {
        Self::under(&[], &[]).await
    }

    /// A server with rules of policy and scopes that need a second factor.
    async fn under(rules: &[&str], second_factor: &[&str]) -> Self {
        let upstream = FakeUpstream::start().await;
        let wiki = upstream.config("none");
        let server = TestServer::start_with(|config| {
            config.upstreams.insert("wiki".to_owned(), wiki);
            config.policy.rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
            config.access.second_factor_scopes =
                second_factor.iter().map(|scope| (*scope).to_owned()).collect();
        })
        .await;
        let root = server.user_with("root", &["admin"]).await;
        let key = crate::admin::key(&server, &root, "admin").await;
        Self { server, key, _upstream: upstream }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Page {
        let browser = Browser::new();
        let asked = browser.raw(method, &self.server.at(path)).bearer_auth(&self.key).json(body);
        browser.send(asked).await
    }

    /// A client for the service `nightly`, with these members besides.
    async fn service(&self, members: Value) -> Value {
        let mut new =
            json!({"name": "Nightly report", "service": "nightly", "scopes": ["mcp:read"]});
        new.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.ask(Method::POST, "/api/admin/clients", &new).await.expect(201).json()
    }

    async fn token(&self, client: &Value, fields: &[(&str, &str)]) -> Page {
        let browser = Browser::new();
        let (id, secret) = (text(client, "client_id"), text(client, "client_secret"));
        let header = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let request = browser
            .raw(Method::POST, &self.server.at("/oauth/token"))
            .header("authorization", header)
            .form(&[&[GRANT], fields].concat());
        browser.send(request).await
    }

    async fn entries(&self, kind: AuditKind) -> Vec<Value> {
        let store = &self.server.app.store;
        store.flush().await.unwrap();
        let filter = AuditFilter { kind: Some(kind.as_str().to_owned()), ..Default::default() };
        let page = store.audit(&filter, None, 100).await.unwrap();
        page.entries
            .into_iter()
            .map(|entry| json!({"user": entry.event.actor.user_id, "client": entry.event.actor.client_id, "subject": entry.event.subject}))
            .collect()
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn refused(page: Page, status: u16, error: &str) {
    let page = page.expect(status);
    assert_eq!(page.json()["error"], error, "{}", page.body);
}

#[tokio::test]
async fn a_service_that_asks_again_has_its_grants_searched_no_more_and_a_revoked_one_is_replaced() {
    let stage = Stage::new().await;
    let client = stage.service(json!({})).await;
    let store = &stage.server.app.store;
    let mut least = u64::MAX;
    for _ in 0..8 {
        store.flush().await.unwrap();
        let before = store.statements();
        stage.token(&client, &[]).await.expect(200);
        least = least.min(store.statements() - before);
    }
    // Client, service, grant and key come from memory; the entry of the audit goes to the journal.
    assert_eq!(least, 0);
    let nightly = stage.server.app.accounts.find("nightly").await.unwrap();
    let now = stage.server.clock.now();
    let live = || async { store.live_grants_of(&nightly.id, now).await.unwrap() };
    let first = live().await.remove(0).id;
    let (grant_id, reason) = (first.clone(), RevokeReason::ByUser);
    store.apply(Change::RevokeGrant { grant_id, at: now, reason }).await.unwrap();
    let answer = stage.token(&client, &[]).await.expect(200).json();
    let after = live().await;
    assert_eq!(after.len(), 1);
    assert_ne!(after[0].id, first);
    let token = text(&answer, "access_token");
    stage.server.call(token, "whoami", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_service_gets_a_token_with_its_secret_and_calls_tools_as_itself() {
    let stage = Stage::new().await;
    let client = stage.service(json!({})).await;
    assert_eq!(client["grant_types"], json!(["client_credentials"]));
    assert_eq!(client["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(client["redirect_uris"], json!([]));
    let answer = stage.token(&client, &[]).await.expect(200).json();
    assert_eq!(answer["scope"], "mcp:read");
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let token = text(&answer, "access_token");
    let me = stage.server.call(token, "whoami", json!({})).await.expect(200).body;
    assert!(me.contains("nightly"), "{me}");
    stage.server.call(token, "wiki_echo", json!({"text": "night"})).await.expect(200);
    let nightly = stage.server.app.accounts.find("nightly").await.unwrap();
    assert_eq!(client["service"], nightly.id.as_str());
    // Each token has an entry: the first one that of the grant.
    stage.token(&client, &[]).await.expect(200);
    stage.token(&client, &[]).await.expect(200);
    let now = stage.server.clock.now();
    let grants = stage.server.app.store.live_grants_of(&nightly.id, now).await.unwrap();
    assert_eq!(grants.len(), 1, "all tokens of a client belong to one grant");
    let given = stage.entries(AuditKind::GrantGiven).await;
    let issued = stage.entries(AuditKind::TokenIssued).await;
    assert_eq!((given.len(), issued.len()), (1, 2), "{given:?} {issued:?}");
    for entry in issued.iter().chain(&given) {
        assert_eq!(entry["user"], nightly.id.as_str());
        assert_eq!(entry["client"], client["client_id"]);
    }
    let called = stage.entries(AuditKind::ToolCalled).await;
    assert!(called.iter().all(|entry| entry["user"] == nightly.id.as_str()) && called.len() == 2);
}

#[tokio::test]
async fn a_token_of_a_service_is_for_the_resource_that_it_names_and_by_default_for_the_aggregate() {
    let stage = Stage::new().await;
    let client = stage.service(json!({})).await;
    let server = &stage.server;
    let wiki = server.at("/mcp/wiki");
    let answer = stage.token(&client, &[("resource", &wiki)]).await.expect(200).json();
    assert!(!server.calls(text(&answer, "access_token")).await, "it is for /mcp/wiki only");
    let answer = stage.token(&client, &[]).await.expect(200).json();
    assert!(server.calls(text(&answer, "access_token")).await);
    let elsewhere = [("resource", "https://elsewhere.example/mcp")];
    refused(stage.token(&client, &elsewhere).await, 400, "invalid_target");
}

#[tokio::test]
async fn a_service_asks_for_no_more_than_its_client_and_its_account_may_have() {
    let stage = Stage::under(&[], &["mcp:destructive"]).await;
    let client =
        stage.service(json!({"scopes": ["mcp:read", "mcp:write", "mcp:destructive"]})).await;
    let scope = async |asked: &str| {
        stage.token(&client, &[("scope", asked)]).await.expect(200).json()["scope"].clone()
    };
    assert_eq!(scope("mcp:read").await, "mcp:read");
    assert_eq!(scope("mcp:write").await, "mcp:write");
    // No user proved a second factor.
    let without = stage.token(&client, &[("scope", "mcp:destructive")]).await.expect(200).json();
    assert!(!text(&without, "scope").contains("destructive"), "{without}");
    let narrow = stage.service(json!({})).await;
    for beyond in ["mcp:write", "admin", "offline_access mcp:write"] {
        refused(stage.token(&narrow, &[("scope", beyond)]).await, 400, "invalid_scope");
    }
    refused(stage.token(&narrow, &[("scope", "nonsense")]).await, 400, "invalid_scope");
    for beyond in ["admin", "admin:read", "offline_access", "nonsense"] {
        let new = json!({"name": "n", "service": "nightly", "scopes": [beyond]});
        stage.ask(Method::POST, "/api/admin/clients", &new).await.expect(400);
    }
}

#[tokio::test]
async fn policy_judges_a_service_as_any_account() {
    let stage = Stage::under(&["deny role=service tool=wiki_echo"], &[]).await;
    let client = stage.service(json!({})).await;
    let token = stage.token(&client, &[]).await.expect(200).json();
    let called =
        stage.server.call(text(&token, "access_token"), "wiki_echo", json!({"text": "x"})).await;
    assert!(called.body.contains("error") || called.body.contains("isError\":true"));
    assert!(!called.body.contains("\"text\":\"x\""), "{}", called.body);
}

#[tokio::test]
async fn a_blocked_or_deleted_client_and_a_disabled_service_get_nothing_and_their_tokens_end() {
    let stage = Stage::new().await;
    let server = &stage.server;
    for end in ["block", "delete", "disable"] {
        let client = stage.service(json!({"service": end})).await;
        let answer = stage.token(&client, &[]).await.expect(200).json();
        let token = text(&answer, "access_token");
        assert!(server.calls(token).await);
        let path = format!("/api/admin/clients/{}", text(&client, "client_id"));
        match end {
            "block" => {
                server
                    .app
                    .registration
                    .set_disabled(
                        &doorward_model::ClientId::from_text(text(&client, "client_id")),
                        true,
                    )
                    .await
                    .unwrap();
            }
            "delete" => {
                let browser = Browser::new();
                let asked = browser
                    .raw(Method::DELETE, &server.at(&path))
                    .bearer_auth(&stage.key)
                    .header("if-match", format!("\"{}\"", text(&client, "etag")));
                browser.send(asked).await.expect(204);
            }
            _ => {
                let account = server.app.accounts.find(end).await.unwrap();
                server.app.accounts.disable(&account, None).await.unwrap();
            }
        }
        assert!(!server.calls(token).await, "{end}");
        let again = stage.token(&client, &[]).await;
        assert!(matches!(again.status, 400 | 401), "{end}: {}", again.body);
    }
}

#[tokio::test]
async fn a_revoked_grant_ends_its_tokens_and_the_next_request_gets_another_one() {
    let stage = Stage::new().await;
    let client = stage.service(json!({})).await;
    let answer = stage.token(&client, &[]).await.expect(200).json();
    let token = text(&answer, "access_token");
    let browser = Browser::new();
    let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
    let header = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let request = browser
        .raw(Method::POST, &stage.server.at("/oauth/revoke"))
        .header("authorization", header)
        .form(&[("token", token)]);
    browser.send(request).await.expect(200);
    assert!(!stage.server.calls(token).await);
    let answer = stage.token(&client, &[]).await.expect(200).json();
    assert!(stage.server.calls(text(&answer, "access_token")).await);
}

#[tokio::test]
async fn only_an_administrator_makes_a_client_of_a_service_and_it_must_authenticate() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let register = async |grants: Value| {
        let body = json!({"redirect_uris": ["http://127.0.0.1:7777/cb"], "grant_types": grants, "token_endpoint_auth_method": "client_secret_basic"});
        Browser::new().post_json(&server.at("/oauth/register"), &body).await
    };
    register(json!(["client_credentials"])).await.expect(400);
    let client =
        register(json!(["authorization_code", "client_credentials"])).await.expect(201).json();
    assert_eq!(client["grant_types"], json!(["authorization_code"]), "what it got is answered");
    refused(stage.token(&client, &[]).await, 400, "unauthorized_client");
    // A client of the code flow that an administrator added may not either.
    let portal = json!({"name": "Portal", "redirect_uris": ["https://portal.example/cb"], "token_endpoint_auth_method": "client_secret_basic"});
    let portal = stage.ask(Method::POST, "/api/admin/clients", &portal).await.expect(201).json();
    refused(stage.token(&portal, &[]).await, 400, "unauthorized_client");
    for wrong in [
        json!({"token_endpoint_auth_method": "none"}),
        json!({"redirect_uris": ["https://portal.example/cb"]}),
        json!({"admin": true}),
        json!({"scopes": []}),
        json!({"token_endpoint_auth_method": "private_key_jwt"}),
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://keys.example/"}),
        json!({"service": "root"}),
        json!({"service": "not a name"}),
    ] {
        let mut new = json!({"name": "n", "service": "nightly", "scopes": ["mcp:read"]});
        new.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let page = stage.ask(Method::POST, "/api/admin/clients", &new).await;
        assert!(matches!(page.status, 400 | 409), "{wrong}: {} {}", page.status, page.body);
    }
    let service = stage.service(json!({})).await;
    // It has no redirect URI, and no user signs in at it.
    let url = format!(
        "/oauth/authorize?client_id={}&response_type=code&redirect_uri=https://portal.example/cb&code_challenge=x&code_challenge_method=S256",
        text(&service, "client_id")
    );
    Browser::new().get(&server.at(&url)).await.expect(400);
    let wrong = json!({"client_id": service["client_id"], "client_secret": "wrong"});
    refused(stage.token(&wrong, &[]).await, 401, "invalid_client");
    let browser = Browser::new();
    let public = [GRANT, ("client_id", text(&service, "client_id"))];
    refused(browser.post(&server.at("/oauth/token"), &public).await, 401, "invalid_client");
    let metadata =
        browser.get(&server.at("/.well-known/oauth-authorization-server")).await.expect(200).json();
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!("client_credentials")));
}

#[tokio::test]
async fn a_service_proves_itself_by_a_signed_assertion_once_and_for_this_server_only() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let now = server.clock.now();
    let signer = Signer::new();
    let keys = signer.jwks();
    let client =
        stage.service(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys})).await;
    assert!(client.get("client_secret").is_none());
    let id = text(&client, "client_id").to_owned();
    let assertion = |audience: &str, jti: &str| signer.assertion(&id, now, audience, jti);
    let ask = async |assertion: &str| {
        let fields = [GRANT, ("client_assertion_type", TYPE), ("client_assertion", assertion)];
        Browser::new().post(&server.at("/oauth/token"), &fields).await
    };
    let good = assertion(&server.url, "1");
    let answer = ask(&good).await.expect(200).json();
    assert!(server.calls(text(&answer, "access_token")).await);
    refused(ask(&good).await, 401, "invalid_client");
    refused(ask(&assertion("https://other.example", "2")).await, 401, "invalid_client");
    let claims = json!({"iss": id, "sub": id, "aud": server.url, "exp": now.0 + 60, "jti": "3"});
    let token_url = server.at("/oauth/token");
    for wrong in [
        // Another server that it is for could present it here.
        json!({"aud": [server.url, "https://other.example"]}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": server.at("/mcp")}),
        json!({"iss": "c_other"}),
        json!({"iss": null}),
        json!({"sub": "c_other"}),
        json!({"sub": null}),
        json!({"exp": now.0 - 5}),
        json!({"exp": now.0 + 361}),
        json!({"exp": null}),
        json!({"nbf": now.0 + 61}),
        json!({"iat": now.0 + 61}),
        json!({"jti": ""}),
        json!({"jti": null}),
        json!({"jti": "x".repeat(257)}),
    ] {
        let page = ask(&signer.altered(&claims, &json!({}), &wrong)).await;
        assert_eq!((page.status, error(&page)), (401, "invalid_client".to_owned()), "{wrong}");
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
        json!({"kid": "k2"}),
        json!({"crit": ["b64"], "b64": false}),
        // What a client signs for another purpose with the same key.
        json!({"typ": "at+jwt"}),
        json!({"typ": "application/dpop+jwt"}),
        json!({"typ": "logout+jwt"}),
        json!({"typ": "oauth-id-jag+jwt"}),
    ] {
        let page = ask(&signer.altered(&claims, &header, &json!({}))).await;
        assert_eq!((page.status, error(&page)), (401, "invalid_client".to_owned()), "{header}");
    }
    for (header, change) in [
        (json!({"typ": "client-authentication+jwt"}), json!({"aud": [server.url]})),
        (json!({"typ": null}), json!({"aud": [server.url, token_url], "jti": "4"})),
    ] {
        ask(&signer.altered(&claims, &header, &change)).await.expect(200);
    }
}

fn error(page: &Page) -> String {
    page.json()["error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn ed25519_is_accepted_under_both_of_its_names_in_assertions_and_in_proofs() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let now = server.clock.now().0;
    let metadata = server.at("/.well-known/oauth-authorization-server");
    let metadata = Browser::new().get(&metadata).await.expect(200).json();
    for name in [
        "token_endpoint_auth_signing_alg_values_supported",
        "revocation_endpoint_auth_signing_alg_values_supported",
        "introspection_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        for alg in ["EdDSA", "Ed25519", "ES256"] {
            assert!(metadata[name].as_array().unwrap().contains(&json!(alg)), "{name}: {alg}");
        }
        assert!(!metadata[name].to_string().contains("HS256"), "{name}");
    }
    for (alg, accepted) in [("EdDSA", true), ("Ed25519", true), ("Ed448", false), ("none", false)] {
        let key = CurveKey::new(alg);
        let keys = json!({"keys": [key.jwk()]});
        let proving = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys});
        let client = stage.service(proving).await;
        let id = text(&client, "client_id").to_owned();
        let claims = json!({"iss": id, "sub": id, "aud": server.url, "exp": now + 60, "jti": alg});
        let assertion = key.sign(json!({}), &claims);
        let fields = [GRANT, ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
        let answer = Browser::new().post(&server.at("/oauth/token"), &fields).await;
        assert_eq!(answer.status, if accepted { 200 } else { 401 }, "{alg}: {}", answer.body);
        let claims =
            json!({"jti": alg, "htm": "POST", "htu": server.at("/oauth/token"), "iat": now});
        let proof = key.sign(json!({"typ": "dpop+jwt", "jwk": key.jwk()}), &claims);
        let client = stage.service(json!({})).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let browser = Browser::new();
        let request = browser
            .raw(Method::POST, &server.at("/oauth/token"))
            .header("authorization", format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
            .header("dpop", proof)
            .form(&[GRANT]);
        let answer = browser.send(request).await;
        assert_eq!(answer.status, if accepted { 200 } else { 400 }, "{alg}: {}", answer.body);
        assert!(!accepted || answer.json()["token_type"] == "DPoP", "{alg}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_job_runs_every_night_for_thirty_days_and_its_page_shows_one_app() {
    let stage = Stage::new().await;
    let client = stage.service(json!({})).await;
    for night in 0..30 {
        let answer = stage.token(&client, &[]).await.expect(200).json();
        assert!(stage.server.calls(text(&answer, "access_token")).await, "night {night}");
        stage.server.clock.advance(86_400);
    }
    let nightly = stage.server.app.accounts.find("nightly").await.unwrap();
    let now = stage.server.clock.now();
    let apps = stage.server.app.store.connected_apps(&nightly.id, now).await.unwrap();
    assert_eq!(apps.len(), 1);
}

/// The window in which the other process has not looked at the database again yet.
#[tokio::test]
async fn a_client_that_another_process_disabled_gets_no_new_grant_from_earlier_reads() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let client = stage.service(json!({})).await;
    stage.token(&client, &[]).await.expect(200);
    let mut config = server.config.clone();
    config.server.public_url.clone_from(&server.url);
    let other = TestServer::start_on(config, server.data_dir.clone()).await;
    let id = doorward_model::ClientId::from_text(text(&client, "client_id"));
    other.app.registration.set_disabled(&id, true).await.unwrap();
    let refused = stage.token(&client, &[]).await;
    assert!(matches!(refused.status, 400 | 401), "{} {}", refused.status, refused.body);
    let nightly = server.app.accounts.find("nightly").await.unwrap();
    let now = server.clock.now();
    let live = other.app.store.live_grants_of(&nightly.id, now).await.unwrap();
    assert!(live.is_empty(), "{live:?}");
}
