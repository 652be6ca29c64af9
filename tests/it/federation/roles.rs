//! Roles limit the permissions of clients.

use doorward_accounts::Authority;
use doorward_model::Role;
use doorward_testkit::{OAuthClient, TestServer};

use super::pkce;

#[tokio::test]
async fn a_client_is_never_offered_what_the_user_s_roles_do_not_allow() {
    let server = TestServer::start_with(|config| {
        config.access.scope_roles =
            vec!["mcp:write = developer".to_owned(), "mcp:read = staff developer".to_owned()];
    })
    .await;
    server.user_with("staff", &["staff"]).await;
    server.user("plain").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("staff").await;
    let page = client.consent_page(&browser, &pkce(), &[("scope", "mcp:read mcp:write")]).await;
    assert!(
        !page.body.contains("scope-mcp:write")
            && page.body.contains("your roles do not allow it: Change things for you"),
        "{}",
        page.body
    );
    // Not by a form that claims otherwise, either.
    let at = page.body.find("/consent\"").unwrap();
    let value = |name: &str| doorward_testkit::form_value(&page.body[at..], name).unwrap();
    let (csrf, request) = (value("csrf"), value("request"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("request", request.as_str()),
        ("decision", "allow"),
        ("scope-mcp:write", "on"),
        ("scope-mcp:read", "on"),
    ];
    let pkce_used = pkce();
    let back = browser.post(&server.at("/consent"), &fields).await.expect(303);
    assert!(back.location_param("code").is_some());
    let redeemed = client
        .redeem(
            &client.code(&browser, &pkce_used, &[("scope", "mcp:write")]).await,
            &pkce_used,
            &[],
        )
        .await
        .expect(200)
        .json();
    assert_eq!(redeemed["scope"], "mcp:read");
    // A user whose roles allow nothing sees it on a page, and can report it to the client.
    let plain = server.signed_in("plain").await;
    let page = plain.get(&client.authorize_url(&pkce(), &[])).await.expect(403);
    assert!(page.body.contains("Your roles do not allow this"), "{}", page.body);
    assert!(
        page.body.contains("href=\"http://127.0.0.1:7777/callback?error=access_denied"),
        "{}",
        page.body
    );
    let silent = plain.get(&client.authorize_url(&pkce(), &[("prompt", "none")])).await.expect(303);
    assert_eq!(silent.location_param("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn losing_every_role_between_code_and_token_yields_no_token() {
    let server = TestServer::start_with(|config| {
        config.access.scope_roles = vec!["mcp:read = staff".to_owned()];
    })
    .await;
    let user = server.user_with("ann", &["staff"]).await;
    let (client, browser, pkce) =
        (OAuthClient::register(&server).await, server.signed_in("ann").await, pkce());
    let code = client.code(&browser, &pkce, &[]).await;
    server.app.accounts.set_roles(&Authority::operator(), &user, Vec::new()).await.unwrap();
    assert_eq!(client.redeem(&code, &pkce, &[]).await.expect(400).json()["error"], "invalid_grant");
    // The code is not spent by that: with the role back it is good for its minute.
    server
        .app
        .accounts
        .set_roles(&Authority::operator(), &user, vec![Role::parse("staff").unwrap()])
        .await
        .unwrap();
    client.redeem(&code, &pkce, &[]).await.expect(200);
}
