//! Personal access tokens of users of a provider: they end with the account at the provider, even
//! without other use.

use doorward_accounts::{AccountChange, Authority, NewAccessToken};
use doorward_model::{AccessPolicy, ScopeSet};
use doorward_testkit::{Browser, FakeProvider, TestServer};

use super::{server_with, signed_in};
use crate::access_tokens::made;

async fn token_of(server: &TestServer, browser: &Browser) -> String {
    made(server, browser, "ci", &[("scope-mcp:read", "1")]).await
}

async fn sign_out(server: &TestServer, browser: &Browser) {
    let user = server.app.accounts.find("ada").await.unwrap();
    server.app.accounts.force_sign_in(&user, true).await.unwrap();
    browser.get(&server.at("/account")).await.expect(303);
}

#[tokio::test]
async fn a_user_who_uses_tokens_only_is_asked_about_and_loses_them_with_the_account() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    let token = token_of(&server, &browser).await;
    sign_out(&server, &browser).await;
    // The provider still vouches for them: there is no session and no app, only the token.
    for _ in 0..3 {
        server.clock.advance(86_400);
        assert_eq!(server.app.federation.check_due().await.unwrap().confirmed, 1);
        assert!(server.calls(&token).await);
    }
    provider.refuse_refresh(Some((400, "invalid_grant")));
    server.clock.advance(86_400);
    assert_eq!(server.app.federation.check_due().await.unwrap().ended, 1);
    assert!(!server.calls(&token).await);
    // No other can be made for them until they sign in at the provider again.
    let user = server.app.accounts.find("ada").await.unwrap();
    let new = || NewAccessToken {
        name: "x".to_owned(),
        scopes: ScopeSet::parse_known("mcp:read"),
        upstreams: Vec::new(),
        days: 1,
    };
    let made = async || {
        server
            .app
            .accounts
            .add_access_token(&Authority::operator(), &user, &AccessPolicy::default(), new())
            .await
    };
    assert!(made().await.unwrap_err().to_string().contains("has ended"));
    provider.refuse_refresh(None);
    signed_in(&server, &provider).await;
    assert!(server.calls(made().await.unwrap().value.reveal()).await);
    assert!(!server.calls(&token).await, "what ended stays ended");
}

#[tokio::test]
async fn the_use_of_a_token_is_the_use_of_an_account_that_is_no_longer_asked_about() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    sign_out(&server, &browser).await;
    // Nothing depends on the account, so it is not asked about any more.
    server.clock.advance(86_400);
    assert_eq!(
        server.app.federation.check_due().await.unwrap(),
        doorward_federation::Round::default()
    );
    let user = server.app.accounts.find("ada").await.unwrap();
    let new = NewAccessToken {
        name: "x".to_owned(),
        scopes: ScopeSet::parse_known("mcp:read"),
        upstreams: Vec::new(),
        days: 30,
    };
    let token = server
        .app
        .accounts
        .add_access_token(&Authority::operator(), &user, &AccessPolicy::default(), new)
        .await
        .unwrap();
    assert!(server.calls(token.value.reveal()).await);
    let mut ended = 0;
    for _ in 0..100 {
        ended += server.app.federation.check_due().await.unwrap().ended;
        if ended > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        ended, 1,
        "its use made the account due, and there is nothing to ask the provider with"
    );
    assert!(!server.calls(token.value.reveal()).await);
}

#[tokio::test]
async fn a_token_made_by_way_of_an_account_ends_with_it_although_its_user_has_a_password() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    let user = server.app.accounts.find("ada").await.unwrap();
    let by_account = token_of(&server, &browser).await;
    server
        .app
        .accounts
        .set_password(&Authority::operator(), &user, doorward_testkit::PASSWORD.to_owned(), None)
        .await
        .unwrap();
    let by_password = token_of(&server, &server.signed_in("ada").await).await;
    sign_out(&server, &browser).await;
    provider.refuse_refresh(Some((400, "invalid_grant")));
    server.clock.advance(86_400);
    assert_eq!(server.app.federation.check_due().await.unwrap().ended, 1);
    assert!(!server.calls(&by_account).await);
    assert!(server.calls(&by_password).await);
}

#[tokio::test]
async fn tokens_end_when_their_user_is_disabled_or_deleted() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let token = token_of(&server, &signed_in(&server, &provider).await).await;
    let user = server.app.accounts.find("ada").await.unwrap();
    let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
    server.app.accounts.update(&Authority::operator(), &user, change, None).await.unwrap();
    server.app.accounts.enable(&Authority::operator(), &user, None).await.unwrap();
    assert!(!server.calls(&token).await);
    let token = token_of(&server, &signed_in(&server, &provider).await).await;
    server.app.accounts.delete(&user, None).await.unwrap();
    assert!(!server.calls(&token).await);
}
