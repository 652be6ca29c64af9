//! Attacks: tokens at the wrong place, clients that may not sign users in, and access that ended.

use doorward_model::{Change, ClientId};

use super::*;

#[tokio::test]
async fn op_20_a_token_for_userinfo_is_of_no_use_elsewhere_nor_another_token_at_userinfo() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.sign_in("openid profile offline_access").await;
    assert_eq!(payload(&tokens.access)["aud"], server.at("/oauth/userinfo"));
    assert!(!server.calls(&tokens.access).await);
    let browser = Browser::new();
    for path in ["/mcp", "/mcp-key", "/api/admin/users"] {
        let asked = browser.raw(Method::GET, &server.at(path)).bearer_auth(&tokens.access);
        assert_eq!(browser.send(asked).await.status, 401, "{path}");
    }
    let public = OAuthClient::register(server).await;
    let other = public.tokens(&stage.browser, &[("scope", "mcp:read")]).await;
    let id_token = id_token(&tokens);
    for wrong in [other.access.as_str(), &other.refresh, &tokens.refresh, &id_token, "junk"] {
        let refused = userinfo(server, wrong).await.expect(401);
        assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    assert!(!server.calls(&id_token).await, "an ID token is no access token");
    // No request can name it, so that no client gets such a token without the scope.
    let asked = [("resource", server.at("/oauth/userinfo"))];
    let asked = [("resource", asked[0].1.as_str()), ("scope", "openid")];
    assert_eq!(stage.error(&asked).await, "invalid_target");
}

#[tokio::test]
async fn op_21_only_a_client_that_an_administrator_made_for_it_signs_users_in() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let registered = OAuthClient::register_with(
        server,
        json!({"token_endpoint_auth_method": "none", "scope": "openid profile email"}),
    );
    let administered = NewClient { openid: None, ..party(GRAFANA) };
    for client in [registered.await, add(server, administered).await] {
        let url = client.authorize_url(&Pkce::default(), &SIGN_IN);
        let page = stage.browser.get(&url).await.expect(303);
        assert_eq!(page.location_param("error").as_deref(), Some("invalid_scope"));
        let asked = [("scope", "openid email groups mcp:read")];
        let tokens = client.tokens(&stage.browser, &asked).await;
        assert_eq!(tokens.answer["scope"], "mcp:read");
        assert!(tokens.answer.get("id_token").is_none());
        userinfo(server, &tokens.access).await.expect(401);
    }
    // The other scopes are parts of signing in.
    assert_eq!(stage.error(&[("scope", "profile email")]).await, "invalid_scope");
    let tokens = stage.client.tokens(&stage.browser, &[("scope", "profile mcp:read")]).await;
    assert_eq!(tokens.answer["scope"], "mcp:read");
    assert!(tokens.answer.get("id_token").is_none());
    // A resource without a scope of it.
    let mcp = server.at("/mcp");
    assert_eq!(stage.error(&[("resource", mcp.as_str())]).await, "invalid_scope");
}

#[tokio::test]
async fn op_22_access_that_ended_ends_at_userinfo() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let alice = server.app.accounts.find("alice").await.unwrap();
    let clients = &server.app.registration;
    let id = ClientId::from_text(stage.client.id.as_str());
    let signed_in = async || stage.sign_in("openid email offline_access").await;
    let tokens = signed_in().await;
    userinfo(server, &tokens.access).await.expect(200);
    server.app.issuer.revoke_access(&alice.id, Some(id.clone())).await.unwrap();
    userinfo(server, &tokens.access).await.expect(401);
    stage.client.refresh(&tokens.refresh, &[]).await.expect(400);
    let tokens = signed_in().await;
    clients.set_disabled(&id, true).await.unwrap();
    userinfo(server, &tokens.access).await.expect(401);
    clients.set_disabled(&id, false).await.unwrap();
    let tokens = signed_in().await;
    server.clock.advance(601);
    userinfo(server, &tokens.access).await.expect(401);
    let refreshed = Tokens::read(stage.client.refresh(&tokens.refresh, &[]).await);
    userinfo(server, &refreshed.access).await.expect(200);
    let at = Some(server.clock.now());
    let disable = Change::SetUserDisabled { user_id: alice.id.clone(), disabled_at: at };
    server.app.store.apply(disable).await.unwrap();
    userinfo(server, &refreshed.access).await.expect(401);
    stage.client.refresh(&refreshed.refresh, &[]).await.expect(400);
}

#[tokio::test]
async fn op_23_a_code_is_of_one_client_one_verifier_and_one_use_and_keeps_its_nonce() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let other = add(server, party(GRAFANA)).await;
    let pkce = Pkce::default();
    let code = stage.client.code(&stage.browser, &pkce, &SIGN_IN).await;
    other.redeem(&code, &pkce, &[]).await.expect(400);
    let error = stage.client.redeem(&code, &Pkce::default(), &[]).await.expect(400).json();
    assert_eq!(error["error"], "invalid_grant");
    // The nonce is the one of the request, whatever the token request says.
    let tokens = stage.client.redeem(&code, &pkce, &[("nonce", "n-of-attacker")]).await;
    let tokens = Tokens::read(tokens);
    assert_eq!(payload(&id_token(&tokens))["nonce"], "n-1");
    stage.client.redeem(&code, &pkce, &[]).await.expect(400);
    userinfo(server, &tokens.access).await.expect(401);
    let long = "n".repeat(513);
    assert_eq!(stage.error(&[("nonce", &long)]).await, "invalid_request");
    let odd = "\u{1f600} \"'<>&%00";
    let odd_tokens = stage.at_once(&[("nonce", odd)]).await;
    assert_eq!(payload(&id_token(&odd_tokens))["nonce"], odd);
    for response_type in ["id_token", "code id_token", "token", "code token"] {
        let error = stage.error(&[("response_type", response_type)]).await;
        assert_eq!(error, "unsupported_response_type", "{response_type}");
    }
    assert_eq!(stage.error(&[("code_challenge", "")]).await, "invalid_request", "PKCE");
    assert_eq!(stage.error(&[("request", "x")]).await, "request_not_supported");
    assert_eq!(stage.error(&[("request_uri", "urn:x")]).await, "request_uri_not_supported");
}

#[tokio::test]
async fn op_24_rules_of_roles_and_second_factors_hold_for_signing_in() {
    let server = TestServer::start_with(|config| {
        config.access.scope_roles = vec!["openid = editor".to_owned()];
    })
    .await;
    let stage = Stage::on(server).await;
    let page = stage.browser.get(&stage.client.authorize_url(&Pkce::default(), &SIGN_IN)).await;
    assert!(page.body.contains("error=access_denied"), "{}", page.body);
    assert_eq!(stage.error(&[("prompt", "none")]).await, "access_denied");
    stage.server.user_with("eve", &["editor"]).await;
    let eve = stage.server.signed_in("eve").await;
    stage.client.tokens(&eve, &SIGN_IN).await;
    let server = TestServer::start_with(|config| {
        config.access.second_factor_scopes = vec!["openid".to_owned()];
    })
    .await;
    let stage = Stage::on(server).await;
    let page = stage.ask(&[]).await;
    assert!(page.location().contains("/login/second-factor?request="), "{}", page.location());
}

#[tokio::test]
async fn op_25_personal_access_tokens_and_services_sign_in_nowhere() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let user = server.app.accounts.find("alice").await.unwrap();
    let new = doorward_accounts::NewAccessToken {
        name: "t".to_owned(),
        scopes: doorward_model::ScopeSet::parse_known("openid mcp:read"),
        upstreams: Vec::new(),
        days: 1,
    };
    let access = doorward_model::AccessPolicy::default();
    let operator = Authority::operator();
    let made = server.app.accounts.add_access_token(&operator, &user, &access, new);
    assert!(made.await.is_err());
    let new = doorward_admin::NewService {
        name: "job".to_owned(),
        service: "job".to_owned(),
        scopes: vec!["openid".to_owned()],
        auth_method: None,
        jwks: None,
        jwks_uri: None,
        rules: doorward_model::ClientRules::default(),
    };
    assert!(server.app.admin.clients.add_service(&Authority::operator(), new).await.is_err());
}
