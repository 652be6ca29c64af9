//! URLs by which others choose where this server sends a request: none leads into a network that
//! the operator did not open, whatever its spelling, and none is an instrument against others.

use doorward_accounts::Authority;
use doorward_admin::{NewRelyingParty, NewTrust, TrustChange};
use doorward_model::Clock;
use doorward_testkit::{Browser, HttpsServer, OAuthClient, Page, Pkce, PlatformKey, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{BEARER, PORTAL};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A target on loopback that a server may not reach, in the spellings of its IP address.
fn spellings(target: &HttpsServer) -> Vec<String> {
    let port = target.url.rsplit(':').next().unwrap();
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "l\u{24de}calhost",
    ]
    .iter()
    .map(|host| format!("https://{host}:{port}"))
    .collect()
}

struct Stage {
    server: TestServer,
    key: String,
}

impl Stage {
    async fn send(&self, method: Method, path: &str, body: &Value) -> Page {
        let browser = Browser::new();
        let mut request = browser.raw(method, &self.server.at(path)).bearer_auth(&self.key);
        if !body.is_null() {
            request = request.json(body);
        }
        browser.send(request).await
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a list of attacks on one state")]
async fn no_url_that_anything_here_takes_leads_into_a_closed_network() {
    let target = HttpsServer::start().await;
    target.json("/keys", &json!({"keys": []}), "");
    let ca = target.ca_file.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| {
        config.outbound.extra_ca_files = vec![ca];
        config.outbound.timeout_seconds = 1;
        config.server.refused_burst_per_address = 1_000_000;
        config.registration.per_minute_per_address = 100_000;
    })
    .await;
    let root = server.user_with("root", &["admin"]).await;
    let key = crate::admin::key(&server, &root, "admin").await;
    let browser = server.signed_in("root").await;
    let stage = Stage { server, key };
    let server = &stage.server;
    let signer = PlatformKey::new("k1");
    let now = server.clock.now().0;
    for (number, url) in spellings(&target).into_iter().enumerate() {
        // Identity providers: each endpoint that settings name, also with networks of the body.
        for networks in [json!([]), json!(["0.0.0.0/0", "::/0"])] {
            let mut settings = json!({
                "name": format!("p{number}"), "kind": "oidc", "issuer": url, "client_id": "d",
                "client_secret": "s",
            });
            if networks != json!([]) {
                settings["networks"] = networks.clone();
            }
            let added = stage.send(Method::POST, "/api/admin/providers", &settings).await;
            if added.status == 201 {
                let path = format!("/api/admin/providers/p{number}");
                let tried = stage.send(Method::POST, &format!("{path}/test"), &Value::Null).await;
                assert_eq!(tried.json()["ok"], false, "{url}: {}", tried.body);
                stage.send(Method::DELETE, &path, &Value::Null).await.expect(204);
            }
            let mut settings = json!({
                "name": format!("u{number}"), "kind": "http", "url": format!("{url}/mcp"),
                "auth": "none",
            });
            if networks != json!([]) {
                settings["networks"] = networks;
            }
            let added = stage.send(Method::POST, "/api/admin/upstreams", &settings).await;
            if added.status == 201 {
                let path = format!("/api/admin/upstreams/u{number}");
                let tried = stage.send(Method::POST, &format!("{path}/test"), &Value::Null).await;
                assert_eq!(tried.json()["ok"], false, "{url}: {}", tried.body);
                stage.send(Method::DELETE, &path, &Value::Null).await.expect(200);
            }
        }
        // OpenAPI documents of upstreams.
        let api = json!({
            "name": format!("a{number}"), "kind": "openapi", "url": url,
            "document": format!("{url}/openapi.json"),
        });
        let added = stage.send(Method::POST, "/api/admin/upstreams", &api).await;
        if added.status == 201 {
            let path = format!("/api/admin/upstreams/a{number}/test");
            stage.send(Method::POST, &path, &Value::Null).await;
        }
        // Trust rules, by issuer and by keys.
        for (issuer, keys) in [
            (url.clone(), None),
            (format!("https://i{number}.example"), Some(format!("{url}/keys"))),
        ] {
            let new = NewTrust {
                name: format!("rule {number}"),
                service: "job".to_owned(),
                scopes: vec!["mcp:read".to_owned()],
                issuer: issuer.clone(),
                more: TrustChange {
                    subject: Some("job:*".to_owned()),
                    jwks_uri: keys,
                    ..TrustChange::default()
                },
            };
            let trusts = &server.app.admin.trusts;
            if trusts.add(&Authority::operator(), new).await.is_ok() {
                let token = signer.token(&json!({
                    "iss": issuer, "sub": "job:1", "aud": server.url, "jti": format!("t{number}"),
                    "iat": now, "exp": now + 60,
                }));
                let fields = [("grant_type", BEARER), ("assertion", token.as_str())];
                let page = Browser::new().post(&server.at("/oauth/token"), &fields).await;
                assert_ne!(page.status, 200, "{url}");
            }
        }
        // Clients: the document of one, and the keys, logo and pages of a registration.
        let client = OAuthClient::known(server, &format!("{url}/client.json"), PORTAL);
        let page = browser.get(&client.authorize_url(&Pkce::default(), &[])).await;
        assert_ne!(page.status, 303, "{url}");
        let metadata = json!({
            "client_name": "Probe", "redirect_uris": ["https://probe.example/cb"],
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": format!("{url}/keys"),
            "logo_uri": format!("{url}/logo.png"), "client_uri": url, "tos_uri": url,
            "policy_uri": url, "sector_identifier_uri": format!("{url}/sector"),
            "initiate_login_uri": url, "backchannel_logout_uri": format!("{url}/out"),
            "request_uris": [url],
        });
        let made = Browser::new().post_json(&server.at("/oauth/register"), &metadata).await;
        if made.status == 201 {
            let id = made.json()["client_id"].as_str().unwrap().to_owned();
            let assertion = signer.token(&json!({
                "iss": id, "sub": id, "aud": server.url, "jti": "1", "iat": now, "exp": now + 60,
            }));
            let client = OAuthClient::known(server, &id, "https://probe.example/cb");
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", "x"),
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", assertion.as_str()),
            ];
            let page = client.token(&fields).await;
            assert!([401, 503].contains(&page.status), "{url}: {}", page.status);
            let to = browser.get(&client.authorize_url(&Pkce::default(), &[])).await;
            browser.get(&to.location()).await.expect(200);
        }
    }
    assert_eq!(target.hits(), 0, "nothing reached the closed network");
}

#[tokio::test]
async fn relying_parties_in_a_closed_network_are_not_told_of_logouts() {
    let target = HttpsServer::start().await;
    let ca = target.ca_file.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| config.outbound.extra_ca_files = vec![ca]).await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let mut parties = 0;
    for url in spellings(&target) {
        let openid = NewRelyingParty {
            backchannel_logout_uri: Some(format!("{url}/out")),
            ..NewRelyingParty::default()
        };
        let new = doorward_admin::NewClient {
            name: "Portal".to_owned(),
            redirect_uris: vec![PORTAL.to_owned()],
            auth_method: Some("client_secret_basic".to_owned()),
            admin: false,
            openid: Some(openid),
            rules: doorward_model::ClientRules::default(),
        };
        let Ok(added) = server.app.admin.clients.add(&Authority::operator(), new).await else {
            continue;
        };
        let mut party = OAuthClient::known(&server, added.client.id.as_str(), PORTAL);
        party.secret = added.secret.map(|secret| secret.reveal().to_owned());
        party.basic = true;
        party.tokens(&browser, &[("resource", ""), ("scope", "openid")]).await;
        parties += 1;
    }
    assert!(parties > 10, "{parties}");
    let alice = server.app.accounts.find("alice").await.unwrap();
    for session in server.app.accounts.sessions_of(&alice.id).await.unwrap() {
        server.app.accounts.end_session(&alice.id, session.id).await.unwrap();
    }
    server.app.issuer.tell_of_ended_sessions().await;
    assert_eq!(target.hits(), 0);
}

#[tokio::test]
async fn strangers_cannot_make_this_server_fetch_the_keys_of_a_client_again_and_again() {
    let target = HttpsServer::start().await;
    let key = PlatformKey::new("k1");
    target.json("/keys", &key.jwks(), "");
    let ca = target.ca_file.to_str().unwrap().to_owned();
    let server = TestServer::start_with(|config| {
        config.outbound.extra_ca_files = vec![ca];
        config.outbound.allow_networks = vec!["127.0.0.0/8".into(), "::1/128".into()];
        config.server.refused_burst_per_address = 100_000;
    })
    .await;
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": format!("{}/keys", target.url),
    });
    let client = OAuthClient::register_with(&server, metadata).await;
    let claims = |jti: &str, change: Value| {
        let now = server.clock.now().0;
        let base = json!({
            "iss": client.id, "sub": client.id, "aud": server.url, "jti": jti, "iat": now,
            "exp": now + 60,
        });
        crate::workload::over(&base, &change)
    };
    let present = async |assertion: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "x"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        client.token(&fields).await
    };
    // What would be refused whatever its signature is costs no request.
    for change in [
        json!({"aud": "https://other.example"}),
        json!({"aud": [server.url, "https://other.example"]}),
        json!({"aud": null}),
        json!({"iss": "c_other"}),
        json!({"exp": 1}),
        json!({"exp": server.clock.now().0 + 90_000}),
        json!({"nbf": server.clock.now().0 + 900}),
        json!({"jti": ""}),
        json!({"jti": null}),
    ] {
        let page = present(&key.token(&claims("1", change.clone()))).await;
        assert_eq!(page.status, 401, "{change}: {}", page.body);
    }
    for token in ["x", "a.b.c", "e30.e30.e30", ""] {
        present(token).await.expect_any(&[400, 401]);
    }
    assert_eq!(target.hits(), 0);
    // A stranger's signatures: the keys are fetched once, and for unknown keys seldom.
    for number in 0..40 {
        let stranger = PlatformKey::new(&format!("s{number}"));
        let token = stranger.token(&claims(&format!("s{number}"), json!({})));
        present(&token).await.expect(401);
    }
    assert!(target.hits() <= 2, "{} requests", target.hits());
    // The client itself is known by its key (the token that it presents is none), also by a new one.
    let before = target.hits();
    for number in 0..20 {
        let page = present(&key.token(&claims(&format!("own{number}"), json!({})))).await;
        assert_eq!(page.json()["error"], "invalid_grant", "{}", page.body);
    }
    assert_eq!(target.hits(), before, "they are kept");
    let next = PlatformKey::new("k2");
    target.json("/keys", &next.jwks(), "");
    server.clock.advance(11);
    let page = present(&next.token(&claims("next", json!({})))).await;
    assert_eq!(page.json()["error"], "invalid_grant", "a new key counts at once: {}", page.body);
    present(&key.token(&claims("old", json!({})))).await.expect(401);
    // A target that fails is left alone for a while.
    target.answer("/keys", "HTTP/1.1 500 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    server.clock.advance(301);
    let before = target.hits();
    for number in 0..20 {
        let page = present(&next.token(&claims(&format!("f{number}"), json!({})))).await;
        assert_eq!(page.status, 503, "{}", page.body);
    }
    assert_eq!(target.hits(), before + 1);
    target.json("/keys", &next.jwks(), "");
    server.clock.advance(4);
    let page = present(&next.token(&claims("again", json!({})))).await;
    assert_eq!(page.json()["error"], "invalid_grant", "{}", page.body);
}
