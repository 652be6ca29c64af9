//! Redirects to programs of the user's machine.

use doorward_testkit::{OAuthClient, Pkce, TestServer};
use serde_json::json;

use super::stage;

#[tokio::test]
async fn i3_n11_a_loopback_redirect_may_use_any_port() {
    let (_server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let page = client
        .consent_page(&browser, &pkce, &[("redirect_uri", "http://127.0.0.1:54321/callback")])
        .await;
    let back = client.allow(&browser, &page).await.expect(303);
    assert!(back.location().starts_with("http://127.0.0.1:54321/callback?code="));
    let code = back.location_param("code").unwrap();
    client
        .redeem(&code, &pkce, &[("redirect_uri", "http://127.0.0.1:7777/callback")])
        .await
        .expect(400);
    client
        .redeem(&code, &pkce, &[("redirect_uri", "http://127.0.0.1:54321/callback")])
        .await
        .expect(200);
}

#[tokio::test]
async fn i14_a_private_scheme_is_redirected_to_byte_for_byte() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client =
        OAuthClient::register_with(&server, json!({"redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback"], "token_endpoint_auth_method": "none"}))
            .await;
    let browser = server.signed_in("alice").await;
    let page = client.consent_page(&browser, &Pkce::default(), &[]).await;
    assert!(page.body.contains("class=\"host\">cursor:<"));
    let back = client.allow(&browser, &page).await.expect(303);
    assert!(
        back.location().starts_with("cursor://anysphere.cursor-mcp/oauth/callback?code="),
        "{}",
        back.location()
    );
}
