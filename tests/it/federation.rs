//! Users sign in with an identity provider: the honest way, and every dishonest one (security.md
//! FED-*, capabilities CA19, CA20, CA38–CA40, requirements G2–G6).

mod access;
mod groups;
mod habits;
mod hostile;
mod identity;
mod leaving;
mod linking;
mod members;
mod moved;
mod presets;
mod roles;
mod settings;
mod sign_in;
mod sign_up;
mod tokens;
mod variants;

use doorward::config::Config;
use doorward_federation::ProviderConfig;
use doorward_testkit::{Browser, FakeProvider, OAuthClient, Page, Pkce, TestServer, Tokens};

/// A server with one provider called `corp`.
pub(crate) async fn server_with(
    provider: &FakeProvider,
    change: impl FnOnce(&mut ProviderConfig, &mut Config),
) -> TestServer {
    let mut corp = provider.config();
    let server = TestServer::start_with(|config| {
        change(&mut corp, config);
        config.providers.insert("corp".to_owned(), corp);
    })
    .await;
    provider.follow(&server.clock);
    server
}

/// Begins a sign-in and answers where the browser is sent.
pub(crate) async fn begin(server: &TestServer, browser: &Browser, query: &str) -> Page {
    browser.get(&server.at(&format!("/login/corp{query}"))).await
}

/// A whole sign-in through the provider; returns the response of the callback.
pub(crate) async fn arrive(
    server: &TestServer,
    provider: &FakeProvider,
    browser: &Browser,
) -> Page {
    let away = begin(server, browser, "").await.expect(303);
    browser.get(&provider.sign_in(&away.location())).await
}

/// A browser in which the provider's user is signed in.
pub(crate) async fn signed_in(server: &TestServer, provider: &FakeProvider) -> Browser {
    let browser = Browser::new();
    let back = arrive(server, provider, &browser).await.expect(303);
    assert_eq!(back.location(), server.at("/account"), "{}", back.body);
    browser
}

/// A client with tokens for the signed-in user.
async fn connect(server: &TestServer, browser: &Browser, scope: &str) -> (OAuthClient, Tokens) {
    let client = OAuthClient::register(server).await;
    let tokens = client.tokens(browser, &[("scope", scope)]).await;
    (client, tokens)
}

/// The signed-in user as the server sees it: the name in the frame of the account page.
async fn name_of(server: &TestServer, browser: &Browser) -> Option<String> {
    let page = browser.get(&server.at("/account")).await;
    let nav = page.body.split("<nav").nth(1)?;
    Some(nav.split("/account\">").nth(1)?.split('<').next()?.to_owned())
}

/// Asserts that a page refuses, explains it to the user, and that no user was signed in.
async fn refused(server: &TestServer, browser: &Browser, page: &Page, status: u16) {
    assert_eq!(page.status, status, "{} {}", page.location(), page.body);
    assert!(
        page.body.contains("<h1>") && page.body.contains("Choose how to sign in"),
        "{}",
        page.body
    );
    assert_eq!(name_of(server, browser).await, None);
}

/// A client's proof key.
fn pkce() -> Pkce {
    Pkce::default()
}
