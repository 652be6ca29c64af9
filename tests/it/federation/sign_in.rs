//! The honest way.

use doorward_testkit::{
    Answer, Browser, FakeProvider, OAuthClient, TestServer, Tokens, form_value,
};
use serde_json::json;

use super::{arrive, begin, connect, name_of, pkce, server_with, signed_in};
use doorward_model::SigningAlgorithm;

#[tokio::test]
async fn ca19_the_user_is_redirected_to_the_only_provider_and_returns_to_the_same_request() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, config| config.accounts.passwords = false).await;
    let (browser, client, pkce) = (Browser::new(), OAuthClient::register(&server).await, pkce());
    let login = browser
        .get(&client.authorize_url(
            &pkce,
            &[("scope", "mcp:write"), ("login_hint", "ada@corp.example"), ("acr_values", "gold")],
        ))
        .await
        .expect(303);
    let start = browser.get(&login.location()).await.expect(303);
    assert!(
        start.location().starts_with(&server.at("/login/corp?request=")),
        "{}",
        start.location()
    );
    let away = browser.get(&start.location()).await.expect(303);
    assert!(away.location().starts_with(&format!("{}/authorize?", provider.issuer)));
    for (name, value) in [
        ("login_hint", "ada@corp.example"),
        ("acr_values", "gold"),
        ("scope", "openid profile email offline_access"),
        ("prompt", "consent"),
    ] {
        assert_eq!(away.location_param(name).as_deref(), Some(value), "{name}");
    }
    assert!(
        away.location_param("nonce").is_some() && away.location_param("resource").is_none(),
        "resource is never forwarded"
    );
    let back = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    assert!(back.location().starts_with(&server.at("/consent?request=")), "{}", back.location());
    // G2: the provider skipped its own consent; Doorward's is requested.
    let consent = browser.get(&back.location()).await.expect(200);
    assert!(consent.body.contains("127.0.0.1:7777") && consent.body.contains("scope-mcp:write"));
    let done = client.allow(&browser, &consent).await.expect(303);
    let tokens =
        Tokens::read(client.redeem(&done.location_param("code").unwrap(), &pkce, &[]).await);
    assert_eq!(tokens.answer["scope"], "mcp:write");
    let me = server.call(&tokens.access, "whoami", json!({})).await.json();
    let me = &me["result"]["structuredContent"];
    assert_eq!(
        (me["name"].as_str(), me["email"].as_str(), me["display_name"].as_str()),
        (Some("ada"), Some("ada@corp.example"), Some("Ada Lovelace"))
    );
    assert_eq!(me["identities"][0]["provider"], "corp");
}

#[tokio::test]
async fn with_passwords_or_several_providers_the_user_chooses() {
    let provider = FakeProvider::start().await;
    let second = provider.config();
    let server = server_with(&provider, |_, config| {
        config.accounts.passwords = false;
        config.providers.insert(
            "other".to_owned(),
            doorward_federation::ProviderConfig { name: "Other <b>".to_owned(), ..second },
        );
    })
    .await;
    let page = Browser::new().get(&server.at("/login")).await.expect(200);
    assert!(
        page.body.contains("Continue with Corp")
            && page.body.contains("Continue with Other &#60;b&#62;"),
        "{}",
        page.body
    );
    assert!(
        !page.body.contains("type=\"password\"") && page.body.contains("/assets/provider-oidc.svg")
    );
    let mixed = server_with(&provider, |_, _| {}).await;
    let page = Browser::new().get(&mixed.at("/login")).await.expect(200);
    assert!(page.body.contains("Continue with Corp") && page.body.contains("type=\"password\""));
}

#[tokio::test]
async fn a_disabled_provider_is_not_available() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| corp.enabled = false).await;
    assert!(!Browser::new().get(&server.at("/login")).await.expect(200).body.contains("Corp"));
    begin(&server, &Browser::new(), "").await.expect(404);
    Browser::new().get(&server.at("/login/unknown")).await.expect(404);
}

#[tokio::test]
async fn home_realm_discovery_directs_users_to_the_provider_of_their_e_mail_domain() {
    let provider = FakeProvider::start().await;
    let server =
        server_with(&provider, |corp, _| corp.home_domains = vec!["corp.example".to_owned()]).await;
    let browser = Browser::new();
    assert!(browser.get(&server.at("/login")).await.body.contains("name=\"email\""));
    let passing = browser.get(&server.at("/login?email=ada%40Corp.Example")).await.expect(200);
    assert!(
        passing.body.contains("http-equiv=\"refresh\"")
            && passing.body.contains("/login/corp?login_hint=ada%40Corp.Example"),
        "{}",
        passing.body
    );
    assert!(
        browser
            .get(&server.at("/login?email=x%40elsewhere.example"))
            .await
            .expect(200)
            .body
            .contains("No sign-in page is known")
    );
    let client = OAuthClient::register(&server).await;
    let login = browser
        .get(&client.authorize_url(&pkce(), &[("login_hint", "bob@corp.example")]))
        .await
        .expect(303);
    let start = browser.get(&login.location()).await.expect(303);
    assert!(
        start.location().contains("/login/corp?request=")
            && start.location().ends_with("login_hint=bob%40corp.example"),
        "{}",
        start.location()
    );
}

#[tokio::test]
async fn every_algorithm_that_a_provider_may_use_is_understood() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        let provider = FakeProvider::start_with(algorithm).await;
        let server = server_with(&provider, |_, _| {}).await;
        let browser = signed_in(&server, &provider).await;
        assert_eq!(
            name_of(&server, &browser).await.as_deref(),
            Some("Ada Lovelace").map(|_| "ada"),
            "{algorithm:?}"
        );
    }
}

#[tokio::test]
async fn every_method_of_client_authentication_is_supported() {
    for (method, sign) in [
        ("client_secret_basic", "Authorization: Basic "),
        ("client_secret_post", "client_secret=s+e%2Fc%3Ar%2Be%26t%3D%25"),
        ("private_key_jwt", "client_assertion="),
    ] {
        let provider = FakeProvider::start().await;
        let server =
            server_with(&provider, |corp, _| corp.token_auth_method = method.to_owned()).await;
        signed_in(&server, &provider).await;
        let seen = provider.seen();
        let token = seen.iter().find(|(_, path, _)| path == "/token").unwrap();
        assert!(token.2.to_lowercase().contains(&sign.to_lowercase()), "{method}: {}", token.2);
        assert!(token.2.contains("code_verifier="));
        if method == "private_key_jwt" {
            let assertion = token
                .2
                .split("client_assertion=")
                .nth(1)
                .unwrap()
                .split(['&', ' '])
                .next()
                .unwrap();
            let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.json();
            let (typ, claims) =
                doorward_keys::verify_signature::<serde_json::Value>(assertion, &jwks).unwrap();
            assert_eq!(
                (typ.as_deref(), claims["aud"].as_str()),
                (Some("JWT"), Some(format!("{}/token", provider.issuer).as_str()))
            );
            assert_eq!((&claims["iss"], &claims["sub"]), (&json!("doorward"), &json!("doorward")));
        } else {
            assert!(!token.2.contains("client_assertion"));
        }
    }
}

#[tokio::test]
async fn form_post_responses_arrive_without_a_code_in_a_url() {
    let provider = FakeProvider::start().await;
    let server =
        server_with(&provider, |corp, _| corp.response_mode = "form_post".to_owned()).await;
    let browser = Browser::new();
    let away = begin(&server, &browser, "").await.expect(303);
    assert_eq!(away.location_param("response_mode").as_deref(), Some("form_post"));
    let back = url::Url::parse(&provider.sign_in(&away.location())).unwrap();
    let fields: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // The provider's page posts; the browser keeps its cookies to itself.
    let posted = Browser::new().post(&server.at("/login/corp/callback"), &fields).await.expect(303);
    assert!(!posted.location().contains("code-1"), "{}", posted.location());
    assert_eq!(browser.get(&posted.location()).await.expect(303).location(), server.at("/account"));
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("ada"));
    // No other user's browser can use the sealed answer.
    super::refused(&server, &Browser::new(), &Browser::new().get(&posted.location()).await, 400)
        .await;
}

#[tokio::test]
async fn two_tabs_do_not_disturb_each_other_and_back_and_reload_are_harmless() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let (browser, client, pkce) = (Browser::new(), OAuthClient::register(&server).await, pkce());
    let mut tabs = Vec::new();
    for state in ["tab-1", "tab-2"] {
        let login =
            browser.get(&client.authorize_url(&pkce, &[("state", state)])).await.expect(303);
        let page = browser.get(&login.location()).await.expect(200);
        let at = page.body.find("/login/corp?").unwrap();
        let href = page.body[at..].split('"').next().unwrap().replace("&#38;", "&");
        tabs.push(browser.get(&server.at(&href)).await.expect(303).location());
    }
    let second = browser.get(&provider.sign_in(&tabs[1])).await.expect(303);
    let first_back = provider.sign_in(&tabs[0]);
    let first = browser.get(&first_back).await.expect(303);
    for (back, state) in [(&first, "tab-1"), (&second, "tab-2")] {
        let consent = browser.get(&back.location()).await.expect(200);
        assert_eq!(
            client.allow(&browser, &consent).await.expect(303).location_param("state").as_deref(),
            Some(state)
        );
    }
    // A reload of the callback goes on; it does not sign in again.
    let (tokens, sessions) = (
        provider.hits("/token"),
        server
            .app
            .store
            .sessions_of(&user(&server, "ada").await.id, server.app.clock.now())
            .await
            .unwrap()
            .len(),
    );
    assert!(browser.get(&first_back).await.expect(303).location().contains("/consent?request="));
    assert_eq!(provider.hits("/token"), tokens);
    assert_eq!(
        server
            .app
            .store
            .sessions_of(&user(&server, "ada").await.id, server.app.clock.now())
            .await
            .unwrap()
            .len(),
        sessions
    );
    // In a browser without a session the same URL reports that the attempt is over.
    super::refused(&server, &Browser::new(), &Browser::new().get(&first_back).await, 400).await;
}

async fn user(server: &TestServer, name: &str) -> doorward_model::User {
    server.app.accounts.find(name).await.unwrap()
}

#[tokio::test]
async fn a_client_that_requests_a_new_sign_in_gets_one_and_no_loop() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, config| config.accounts.passwords = false).await;
    let (browser, client, pkce) =
        (signed_in(&server, &provider).await, OAuthClient::register(&server).await, pkce());
    server.clock.advance(120);
    let login = browser
        .get(&client.authorize_url(&pkce, &[("prompt", "login"), ("max_age", "30")]))
        .await
        .expect(303);
    let away =
        browser.get(&browser.get(&login.location()).await.expect(303).location()).await.expect(303);
    assert_eq!(away.location_param("prompt").as_deref(), Some("login consent"));
    assert_eq!(away.location_param("max_age").as_deref(), Some("30"));
    let back = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    browser.get(&back.location()).await.expect(200);
    // A provider that answers a request for a new sign-in with an old one is not trusted to have
    // asked for it.
    provider.claims(&json!({"auth_time": server.app.clock.now().0 - 3600}));
    let away = begin(&server, &browser, "?again=1").await.expect(303);
    assert_eq!(browser.get(&provider.sign_in(&away.location())).await.status, 403);
    // If no time was requested, the session has that of the sign-in at the provider.
    let other = Browser::new();
    arrive(&server, &provider, &other).await.expect(303);
    let (_, tokens) = connect(&server, &other, "mcp:read").await;
    let at = server.call(&tokens.access, "whoami", json!({})).await.json()["result"]["structuredContent"]["signed_in"]["at"].as_i64().unwrap();
    assert_eq!(server.app.clock.now().0 - at, 3600);
}

#[tokio::test]
async fn a_new_name_or_e_mail_address_changes_the_profile_and_never_the_user() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    let before = user(&server, "ada").await;
    provider.claims(&json!({"preferred_username": "ada.king", "email": "king@corp.example", "name": "Ada King"}));
    signed_in(&server, &provider).await;
    let after = user(&server, "ada.king").await;
    assert_eq!(
        (before.id.clone(), after.email.as_deref(), after.display_name.as_deref()),
        (after.id, Some("king@corp.example"), Some("Ada King"))
    );
    // Another user with the old name and e-mail address is another user.
    provider
        .claims(&json!({"sub": "u-2", "preferred_username": "ada", "email": "ada@corp.example"}));
    signed_in(&server, &provider).await;
    assert_ne!(user(&server, "ada").await.id, before.id);
    // A taken name gets a number.
    provider.claims(&json!({"sub": "u-3", "preferred_username": "ada", "email": null}));
    signed_in(&server, &provider).await;
    assert_eq!(user(&server, "ada-2").await.email, None);
}

#[tokio::test]
async fn pages_run_no_script_but_our_own_and_hold_html_from_providers_as_text() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    provider.claims(&json!({"name": "<script>alert(1)</script>", "preferred_username": "x\"><i>"}));
    let browser = signed_in(&server, &provider).await;
    let page = browser.get(&server.at("/account")).await.expect(200);
    assert!(
        !page.body.contains("<script>alert") && page.body.contains("&#60;script&#62;"),
        "{}",
        page.body
    );
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'")
            && policy.ends_with("script-src 'self'")
            && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(form_value(&page.body, "csrf").is_some());
}

#[tokio::test]
async fn a_provider_with_a_private_certificate_authority_is_trusted_by_its_certificate_alone() {
    let https = doorward_testkit::HttpsServer::start().await;
    let document = json!({
        "issuer": https.url, "authorization_endpoint": format!("{}/authorize", https.url), "token_endpoint": format!("{}/token", https.url),
        "jwks_uri": format!("{}/jwks", https.url), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    https.json("/.well-known/openid-configuration", &document, "");
    https.json("/jwks", &json!({"keys": []}), "");
    for (ca, networks, status) in [(true, true, 303), (false, true, 503), (true, false, 503)] {
        let server = TestServer::start_with(|config| {
            let corp = doorward_federation::ProviderConfig {
                kind: "oidc".to_owned(),
                issuer: https.url.clone(),
                client_id: "id".to_owned(),
                client_secret: "secret".into(),
                ca_file: if ca { https.ca_file.display().to_string() } else { String::new() },
                networks: if networks {
                    vec!["127.0.0.0/8".to_owned(), "::1".to_owned()]
                } else {
                    Vec::new()
                },
                ..doorward_federation::ProviderConfig::default()
            };
            config.providers.insert("corp".to_owned(), corp);
        })
        .await;
        let page = begin(&server, &Browser::new(), "").await;
        assert_eq!(page.status, status, "ca {ca}, networks {networks}: {}", page.body);
    }
}

#[tokio::test]
async fn oauth2_a_plain_provider_identifies_users_by_json_pointers() {
    let provider = FakeProvider::start().await;
    let issuer = provider.issuer.clone();
    let server = server_with(&provider, |corp, _| {
        "oauth2".clone_into(&mut corp.kind);
        corp.issuer.clear();
        corp.authorize_url = format!("{issuer}/authorize");
        corp.token_url = format!("{issuer}/token");
        corp.userinfo_url = format!("{issuer}/me");
        "/data/id".clone_into(&mut corp.claim_subject);
        "/data/login".clone_into(&mut corp.claim_username);
        "/data/mail".clone_into(&mut corp.claim_email);
        "/data/teams".clone_into(&mut corp.claim_groups);
        corp.trust_email = true;
        corp.roles = vec!["groups = core -> developer".to_owned()];
    })
    .await;
    let me = json!({"data": {"id": 4711, "login": "grace", "mail": "grace@corp.example", "teams": [{"name": "core"}]}}).to_string();
    provider.answer("/me", Answer::Raw(200, "application/json", me, String::new()));
    signed_in(&server, &provider).await;
    let grace = user(&server, "grace").await;
    assert_eq!(grace.email.as_deref(), Some("grace@corp.example"));
    assert_eq!(grace.all_roles().map(ToString::to_string).collect::<Vec<_>>(), ["developer"]);
    provider.answer(
        "/me",
        Answer::Raw(200, "application/json", json!({"data": {}}).to_string(), String::new()),
    );
    let browser = Browser::new();
    let page = arrive(&server, &provider, &browser).await;
    super::refused(&server, &browser, &page, 400).await;
}
