//! Sessions of users at applications of the operator (`/api/session`).

use doorward_admin::NewRelyingParty;
use reqwest::Method;

use super::*;

/// Turns a token into a session.
async fn open(client: &OAuthClient, token: &str) -> Page {
    client.post("/api/session", &[("token", token)], &[]).await
}

async fn with(server: &TestServer, method: Method, token: &str) -> Page {
    let browser = Browser::new();
    browser.send(browser.raw(method, &server.at("/api/session")).bearer_auth(token)).await
}

/// True if the session counts.
async fn counts(server: &TestServer, token: &str) -> bool {
    match with(server, Method::GET, token).await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// The session of the user's token at the application `agent`.
async fn session(client: &OAuthClient, token: &str) -> String {
    let told = open(client, token).await.expect(200).json();
    told["session_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn cs5_an_application_turns_a_users_token_into_a_session_with_an_audience_of_its_own() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let access = stage.tokens("mcp:read").await.access;
    let agent = stage.agent(&["mcp:read"]).await;
    let told = open(&agent, &access).await.expect(200);
    assert_eq!(told.header("cache-control"), "no-store");
    let told = told.json();
    assert_eq!(
        (&told["user"]["id"], &told["user"]["name"], &told["audience"]),
        (&json!(stage.user.id.as_str()), &json!("alice"), &json!(server.at("/api/session")))
    );
    assert_eq!((&told["roles"], &told["token_type"]), (&json!([]), &json!("Bearer")));
    assert_eq!(told["expires_in"], 8 * 3600);
    let token = told["session_token"].as_str().unwrap();
    // The roles are those of the moment.
    let role = vec!["staff".to_owned()];
    let change = doorward_admin::UserChange { roles: Some(role), ..Default::default() };
    let users = &server.app.admin.users;
    users.change(&Authority::operator(), &stage.user, change, None).await.unwrap();
    server.clock.advance(3600);
    let asked = with(server, Method::GET, token).await.expect(200).json();
    assert_eq!((&asked["roles"], &asked["expires_in"]), (&json!(["staff"]), &json!(7 * 3600)));
    assert_eq!((&asked["user"], &asked["client_id"]), (&told["user"], &json!(agent.id)));
    assert!(asked.get("session_token").is_none());
    // It opens nothing else, renews nothing and is exchanged for nothing.
    assert!(!server.calls(token).await);
    for path in ["/api/admin/users", "/oauth/userinfo", "/api/available"] {
        let browser = Browser::new();
        let request = browser.raw(Method::GET, &server.at(path)).bearer_auth(token);
        assert_eq!(browser.send(request).await.status, 401, "{path}");
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token)];
    assert!(agent.token(&refresh).await.status >= 400);
    refused(exchange(&agent, token, &[]).await, "invalid_request");
    refused(open(&agent, token).await, "invalid_request");
    // Resource servers learn for whom and for what it is.
    let told = agent.post("/oauth/introspect", &[("token", token)], &[]).await.expect(200).json();
    assert_eq!(
        (&told["active"], &told["aud"], &told["sub"], told.get("scope")),
        (&json!(true), &json!(server.at("/api/session")), &json!(stage.user.id.as_str()), None)
    );
    // It ends by itself, after the token of the user.
    server.clock.advance(7 * 3600 + 1);
    assert!(!counts(server, token).await);
    let told = agent.post("/oauth/introspect", &[("token", token)], &[]).await.expect(200).json();
    assert_eq!(told, json!({"active": false}));
}

#[tokio::test]
async fn cs5_cf20_a_session_ends_with_the_access_that_it_came_of_and_with_each_part_of_it() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let agent = stage.agent(&["mcp:read"]).await;
    let (operator, admin) = (Authority::operator(), &server.app.admin);
    let fresh = async || session(&agent, &stage.tokens("mcp:read").await.access).await;
    // The application ends it.
    let token = fresh().await;
    assert!(with(server, Method::DELETE, &token).await.expect(204).body.is_empty());
    assert!(!counts(server, &token).await);
    assert_eq!(with(server, Method::DELETE, &token).await.status, 401);
    // By revocation too.
    let token = fresh().await;
    revoke(&agent, server, &token).await;
    assert!(!counts(server, &token).await);
    // The access of the token before ends.
    let access = stage.tokens("mcp:read").await.access;
    let token = session(&agent, &access).await;
    revoke(&stage.app, server, &access).await;
    assert!(!counts(server, &token).await);
    refused(open(&agent, &access).await, "invalid_request");
    // The user ends the access of the application.
    let token = fresh().await;
    let issuer = &server.app.issuer;
    let agent_id = doorward_model::ClientId::from_text(agent.id.clone());
    issuer.revoke_access(&stage.user.id, Some(agent_id)).await.unwrap();
    assert!(!counts(server, &token).await);
    // The permission ends, or does not name the client of the token any more.
    let token = fresh().await;
    permit(server, &agent, &[], &["mcp:read"]).await;
    assert!(!counts(server, &token).await);
    admin.clients.set_exchange(&operator, &agent.id, None, None).await.unwrap();
    assert!(!counts(server, &token).await);
    // The user is disabled.
    permit(server, &agent, &[&stage.app.id], &["mcp:read"]).await;
    let token = fresh().await;
    assert!(counts(server, &token).await);
    admin.users.disable(&stage.user, None).await.unwrap();
    assert!(!counts(server, &token).await);
    admin.users.enable(&operator, &stage.user, None).await.unwrap();
    assert!(!counts(server, &token).await, "what ended stays ended");
    // The application is blocked.
    let browser = server.signed_in("alice").await;
    let access = stage.app.tokens(&browser, &[("scope", "mcp:read")]).await.access;
    let token = session(&agent, &access).await;
    admin.clients.decide(&agent.id, ClientDecision::Block, None).await.unwrap();
    assert!(!counts(server, &token).await);
}

#[tokio::test]
async fn cs5_a_session_ends_when_its_user_signs_out_of_the_session_that_it_came_of() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let new = NewClient {
        name: "Portal".to_owned(),
        redirect_uris: vec!["https://portal.example/callback".to_owned()],
        auth_method: Some("client_secret_basic".to_owned()),
        admin: false,
        openid: Some(NewRelyingParty::default()),
        rules: doorward_model::ClientRules::default(),
    };
    let added = server.app.admin.clients.add(&Authority::operator(), new).await.unwrap();
    let mut portal = confidential(&server, &added);
    portal.redirect_uri = "https://portal.example/callback".to_owned();
    permit(&server, &portal, &[], &["mcp:read"]).await;
    let signed_in = async |browser: &Browser| {
        let asked = [("resource", ""), ("scope", "openid"), ("nonce", "n-1")];
        portal.tokens(browser, &asked).await
    };
    server.user("bob").await;
    let (browser, elsewhere) = (server.signed_in("alice").await, server.signed_in("bob").await);
    let tokens = signed_in(&browser).await;
    let token = session(&portal, &tokens.access).await;
    let other = session(&portal, &signed_in(&elsewhere).await.access).await;
    assert!(counts(&server, &token).await && counts(&server, &other).await);
    let hint = tokens.answer["id_token"].as_str().unwrap();
    browser.get(&server.at(&format!("/oauth/logout?id_token_hint={hint}"))).await.expect(303);
    assert!(!counts(&server, &token).await);
    assert!(counts(&server, &other).await, "another browser is another session");
}

#[tokio::test]
async fn cs6_sessions_are_for_permitted_applications_and_tokens_of_users_alone() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let access = stage.tokens("mcp:read").await.access;
    let agent = stage.agent(&["mcp:read"]).await;
    // Without authentication, as a public client, with a wrong secret, without the permission.
    let mut wrong = service(server, "wrong").await;
    refused(open(&wrong, &access).await, "unauthorized_client");
    permit(server, &wrong, &[], &["mcp:read"]).await;
    refused(open(&wrong, &access).await, "invalid_request");
    wrong.secret = Some("guess".to_owned());
    assert_eq!(open(&wrong, &access).await.status, 401);
    refused(open(&stage.app, &access).await, "unauthorized_client");
    let browser = Browser::new();
    let anonymous = browser.post(&server.at("/api/session"), &[("token", &access)]).await;
    assert_eq!(anonymous.status, 401);
    // A back end gets tokens of back ends, and no sessions.
    let back_end = service(server, "back-end").await;
    let new = NewExchange {
        from: words(&[&stage.app.id]),
        scopes: words(&["mcp:read"]),
        back_end: true,
        providers: Vec::new(),
    };
    let clients = &server.app.admin.clients;
    clients.set_exchange(&Authority::operator(), &back_end.id, Some(&new), None).await.unwrap();
    refused(open(&back_end, &access).await, "unauthorized_client");
    // Tokens that are none of a user: exchanged, of a service, forged, none.
    let exchanged = exchange(&agent, &access, &[]).await.expect(200).json();
    let exchanged = exchanged["access_token"].as_str().unwrap();
    let own = agent.token(&[("grant_type", "client_credentials")]).await.expect(200).json();
    let own = own["access_token"].as_str().unwrap();
    let forged = format!("{}x", &access[..access.len() - 1]);
    for token in [exchanged, own, forged.as_str(), "dw_as_guess", "x", ""] {
        refused(open(&agent, token).await, "invalid_request");
    }
    for token in ["dw_as_guess", "dw_rt_guess", "x", access.as_str()] {
        let refused = with(server, Method::GET, token).await.expect(401);
        assert!(refused.header("www-authenticate").contains("invalid_token"), "{token}");
    }
    Browser::new().get(&server.at("/api/session")).await.expect(401);
    // Of many sessions the ones used last stay.
    let first = session(&agent, &access).await;
    for _ in 0..20 {
        server.clock.advance(1);
        session(&agent, &access).await;
    }
    assert!(!counts(server, &first).await);
    assert!(server.calls(&access).await, "they end no other access");
    // The value is in no entry of the audit, and in no row.
    let last = session(&agent, &access).await;
    for entry in stage.entries(AuditKind::GrantGiven).await {
        assert!(!entry.to_string().contains(&last), "{entry}");
    }
}
