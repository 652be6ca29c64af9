//! Endpoints of a provider that move while its discovery document is cached, and what it answers to
//! an invented code.

use std::time::Duration;

use doorward_federation::{CheckSubject, ProviderConfig, Round};
use doorward_testkit::{Answer, Browser, FakeProvider, TestServer};
use serde_json::json;

use super::{access::round, arrive, begin, habits::plain, name_of, server_with, signed_in};

const DAY: i64 = 86_400;

fn raw(status: u16, media: &'static str, body: &str, headers: &str) -> Answer {
    Answer::Raw(status, media, body.to_owned(), headers.to_owned())
}

/// The document names these endpoints elsewhere, and the old ones answer in their own way.
fn moves(provider: &FakeProvider, gone: &Answer) {
    for (name, path) in
        [("token_endpoint", "/token"), ("userinfo_endpoint", "/userinfo"), ("jwks_uri", "/jwks")]
    {
        provider.discovery(&json!({ name: format!("{}/moved{path}", provider.issuer) }));
        provider.answer(path, gone.clone());
    }
}

#[tokio::test]
async fn a_provider_that_moved_its_endpoints_is_followed_before_its_document_is_too_old() {
    for gone in [
        raw(404, "text/plain", "", ""),
        raw(410, "text/html", "<!doctype html><title>Gone</title>", ""),
        raw(301, "text/html", "", "location: /auth/moved\r\n"),
    ] {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |_, _| {}).await;
        let browser = signed_in(&server, &provider).await;
        moves(&provider, &gone);
        let documents = provider.hits("/.well-known/openid-configuration");
        // A document that was fetched a moment ago is not fetched again.
        let page = arrive(&server, &provider, &Browser::new()).await;
        assert!(matches!(page.status, 400 | 502 | 503), "{gone:?}: {}", page.status);
        assert_eq!(provider.hits("/.well-known/openid-configuration"), documents, "{gone:?}");
        tokio::time::sleep(Duration::from_millis(5100)).await;
        signed_in(&server, &provider).await;
        assert_eq!(provider.hits("/.well-known/openid-configuration"), documents + 1);
        assert!(provider.hits("/moved/token") > 0 && provider.hits("/moved/userinfo") > 0);
        // Checks in the background follow too, and no access ended meanwhile.
        server.clock.advance(DAY);
        let found = round(&server).await;
        assert_eq!((found.ended, found.waiting), (0, 0), "{gone:?}: {found:?}");
        assert!(name_of(&server, &browser).await.is_some());
    }
}

#[tokio::test]
async fn a_check_in_the_background_follows_a_provider_that_moved() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    tokio::time::sleep(Duration::from_millis(5100)).await;
    moves(&provider, &raw(404, "text/plain", "", ""));
    server.clock.advance(DAY);
    assert_eq!(round(&server).await, Round { confirmed: 1, ended: 0, waiting: 0 });
    assert!(name_of(&server, &browser).await.is_some());
}

#[tokio::test]
async fn a_key_set_that_moved_is_found_when_the_keys_change() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    provider.discovery(&json!({"jwks_uri": format!("{}/moved/jwks", provider.issuer)}));
    provider.answer("/jwks", raw(404, "text/plain", "", ""));
    provider.rotate_keys();
    signed_in(&server, &provider).await;
    assert!(provider.hits("/moved/jwks") > 0);
}

async fn client_of(
    provider: &FakeProvider,
    config: ProviderConfig,
) -> (TestServer, Result<String, String>) {
    let server = server_with(provider, |corp, _| *corp = config).await;
    let corp = server.app.federation.named("corp").await.unwrap();
    let found = server.app.federation.test(&corp).await;
    let client = found.into_iter().find(|finding| finding.subject == CheckSubject::Client);
    (server, client.unwrap().result)
}

#[tokio::test]
async fn an_invented_code_that_is_refused_in_any_words_shows_that_the_settings_are_right() {
    let json_of =
        |status, body: &serde_json::Value| raw(status, "application/json", &body.to_string(), "");
    let told =
        |code: &str, words: &str| json_of(400, &json!({"error": code, "error_description": words}));
    let form = "application/x-www-form-urlencoded";
    for (answer, right) in [
        (told("invalid_request", "Value passed for the authorization code was invalid."), true),
        (told("invalid_request", "Invalid \"code\" in request."), true),
        (
            told("invalid_request", "Unable to retrieve access token: authorization code expired"),
            true,
        ),
        (told("invalid_request", "The provided authorization code was not found"), true),
        (told("invalid_grant", "AADSTS9002313: Invalid request."), true),
        (told("INVALID_GRANT", ""), true),
        (json_of(401, &json!({"error": "invalid_grant"})), true),
        (json_of(200, &json!({"ok": false, "error": "invalid_code"})), true),
        (
            raw(
                200,
                form,
                "error=bad_verification_code&error_description=The+code+is+incorrect",
                "",
            ),
            true,
        ),
        (
            json_of(400, &json!({"error": {"message": "Invalid code", "type": "OAuthException"}})),
            true,
        ),
        (json_of(400, &json!({"code": "authorization_code_expired", "message": "x"})), true),
        (json_of(404, &json!({"error": "invalid_grant"})), true),
        (json_of(403, &json!({"message": "Code has expired"})), true),
        (json_of(400, &json!({"error_code": "invalid_code"})), true),
        (told("invalid_request", "Missing required parameter: client_id"), false),
        (told("invalid_request", "redirect_uri is not registered"), false),
        (told("invalid_scope", "unknown scope"), false),
        (told("unauthorized_client", "The client is not allowed this grant type"), false),
        (json_of(401, &json!({"error": "invalid_client"})), false),
        (json_of(401, &json!({"message": "Client authentication failed"})), false),
        (raw(429, "text/plain", "", "retry-after: 9\r\n"), false),
        (raw(503, "text/html", "<html>", ""), false),
        (raw(200, "text/html", "<!doctype html><title>Sign in</title>", ""), false),
        (
            json_of(
                200,
                &json!({"access_token": "at", "token_type": "Bearer", "id_token": "a.b.c"}),
            ),
            false,
        ),
    ] {
        for settings in [FakeProvider::config, plain] {
            let provider = FakeProvider::start().await;
            provider.answer("/authorize", raw(200, "text/html", "<h1>Sign in</h1>", ""));
            provider.answer("/token", answer.clone());
            let config = settings(&provider);
            let (_server, client) = client_of(&provider, config).await;
            assert_eq!(client.is_ok(), right, "{answer:?}: {client:?}");
            let text = client.unwrap_or_else(|wrong| wrong);
            assert!(!text.contains("::"), "{text}");
        }
    }
}

#[tokio::test]
async fn answers_of_an_authorization_endpoint_to_a_program_are_distinguished() {
    for (answer, right) in [
        (raw(200, "text/html", "<h1>Sign in</h1>", ""), true),
        (raw(302, "text/html", "", "location: /login?next=1\r\n"), true),
        (raw(303, "text/html", "", "location: https://sso.example/\r\n"), true),
        (raw(307, "text/html", "", "location: /x?error=login_required\r\n"), true),
        (raw(401, "text/html", "", "www-authenticate: Negotiate\r\n"), true),
        (raw(403, "text/html", "<h1>Only browsers</h1>", ""), true),
        (raw(405, "text/plain", "", ""), true),
        (raw(429, "text/plain", "", "retry-after: 5\r\n"), true),
        (
            raw(
                302,
                "text/html",
                "",
                "location: /x?error=invalid_request&error_description=redirect_uri\r\n",
            ),
            false,
        ),
        (raw(302, "text/html", "", "location: /x?error=unauthorized_client\r\n"), false),
        (raw(400, "text/html", "<h1>redirect_uri_mismatch</h1>", ""), false),
        (raw(404, "text/html", "", ""), false),
        (raw(500, "text/html", "", ""), false),
    ] {
        let provider = FakeProvider::start().await;
        provider.answer("/authorize", answer.clone());
        let server = server_with(&provider, |_, _| {}).await;
        let corp = server.app.federation.named("corp").await.unwrap();
        let found = server.app.federation.test(&corp).await;
        let redirect =
            found.iter().find(|finding| finding.subject == CheckSubject::Redirect).unwrap();
        assert_eq!(redirect.result.is_ok(), right, "{answer:?}: {redirect:?}");
        // Nothing of it concerns a user who comes.
        begin(&server, &Browser::new(), "").await.expect(303);
    }
}
