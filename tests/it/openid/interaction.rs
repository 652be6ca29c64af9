//! `prompt`, `max_age`, `id_token_hint`, `acr_values`, `ui_locales`, and consent that was given.

use crate::factors::{code, enrol, prove};

use super::*;

const MULTI: &str = "urn:doorward:acr:multi-factor";
const SINGLE: &str = "urn:doorward:acr:single-factor";

#[tokio::test]
async fn op_10_consent_to_a_sign_in_holds_for_the_session_and_for_what_was_allowed() {
    let stage = Stage::new().await;
    assert_eq!(stage.error(&[("prompt", "none")]).await, "consent_required");
    let first = payload(&id_token(&stage.sign_in("openid email").await));
    for changes in [vec![], vec![("prompt", "none")], vec![("scope", "openid email")]] {
        let again = stage.at_once(&changes).await;
        assert_eq!(payload(&id_token(&again))["sid"], first["sid"], "{changes:?}");
    }
    // A request learns what it asks for, whatever was allowed before.
    let less = stage.at_once(&[]).await;
    assert_eq!(less.answer["scope"], "openid");
    assert!(payload(&id_token(&less)).get("email").is_none());
    let asks = async |changes: &[(&str, &str)]| stage.ask(changes).await.location();
    for changes in [
        vec![("scope", "openid email groups")],
        vec![("scope", "openid offline_access")],
        vec![("prompt", "consent")],
        vec![("scope", "openid mcp:read")],
    ] {
        assert!(asks(&changes).await.contains("/consent?request="), "{changes:?}");
    }
    assert_eq!(
        stage.error(&[("prompt", "none"), ("scope", "openid groups")]).await,
        "consent_required"
    );
    // Another browser of the same user is another session, in which nothing was allowed.
    stage.server.clock.advance(700);
    stage.at_once(&[]).await;
    stage.server.clock.advance(700);
    let other = stage.server.signed_in("alice").await;
    let url = stage.client.authorize_url(&Pkce::default(), &SIGN_IN);
    let page = other.get(&url).await.expect(303);
    assert!(page.location().contains("/consent?request="));
    // A scope that the user revokes is asked for again.
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    let client = doorward_model::ClientId::from_text(stage.client.id.as_str());
    stage.server.app.issuer.revoke_access(&alice.id, Some(client)).await.unwrap();
    assert!(asks(&[]).await.contains("/consent?request="));
}

#[tokio::test]
async fn op_11_where_any_program_could_take_the_code_consent_is_asked_for_each_time() {
    let stage = Stage::new().await;
    let uri = "http://127.0.0.1:7777/callback";
    let new = NewClient { auth_method: None, ..party(uri) };
    let client = add(&stage.server, new).await;
    client.tokens(&stage.browser, &SIGN_IN).await;
    let page = stage.browser.get(&client.authorize_url(&Pkce::default(), &SIGN_IN)).await;
    assert!(page.expect(303).location().contains("/consent?request="));
}

#[tokio::test]
async fn op_12_prompt_none_without_a_session_is_an_error_and_prompt_login_signs_in_again() {
    let stage = Stage::new().await;
    let first = payload(&id_token(&stage.sign_in("openid").await));
    let stranger = Browser::new();
    let url =
        stage.client.authorize_url(&Pkce::default(), &[SIGN_IN[0], SIGN_IN[1], ("prompt", "none")]);
    let page = stranger.get(&url).await.expect(303);
    assert_eq!(page.location_param("error").as_deref(), Some("login_required"));
    assert_eq!(page.location_param("iss"), Some(stage.server.url.clone()));
    assert_eq!(page.location_param("state").as_deref(), Some("st-123"));
    for prompt in ["none login", "none consent"] {
        assert_eq!(stage.error(&[("prompt", prompt)]).await, "invalid_request", "{prompt}");
    }
    stage.server.clock.advance(5);
    for prompt in ["login", "select_account"] {
        let page = stage.ask(&[("prompt", prompt)]).await;
        assert!(page.location().contains("/login?request="), "{prompt}: {}", page.location());
    }
    // The new sign-in is the one of the ID token.
    let pkce = Pkce::default();
    let asked = [SIGN_IN[0], SIGN_IN[1], ("prompt", "login")];
    let page = stage.browser.get(&stage.client.authorize_url(&pkce, &asked)).await.expect(303);
    let on = stage.password(&stage.browser, &page.location(), "alice").await;
    let page = stage.browser.get(&on.expect(303).location()).await.expect(200);
    let back = stage.client.allow(&stage.browser, &page).await.expect(303);
    let code = back.location_param("code").unwrap();
    let tokens = Tokens::read(stage.client.redeem(&code, &pkce, &[]).await);
    let second = payload(&id_token(&tokens));
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64());
}

#[tokio::test]
async fn op_13_max_age_asks_for_a_sign_in_that_is_recent_enough() {
    let stage = Stage::new().await;
    stage.sign_in("openid").await;
    stage.server.clock.advance(100);
    let page = stage.ask(&[("max_age", "60")]).await;
    assert!(page.location().contains("/login?request="), "{}", page.location());
    assert_eq!(stage.error(&[("max_age", "60"), ("prompt", "none")]).await, "login_required");
    let tokens = stage.at_once(&[("max_age", "10000")]).await;
    let claims = payload(&id_token(&tokens));
    assert!(claims["auth_time"].as_i64().unwrap() <= claims["iat"].as_i64().unwrap() - 100);
    for wrong in ["-1", "x", "1.5"] {
        assert_eq!(stage.error(&[("max_age", wrong)]).await, "invalid_request", "{wrong}");
    }
}

#[tokio::test]
async fn op_14_an_id_token_hint_names_the_user_who_is_expected() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let hint = id_token(&stage.sign_in("openid").await);
    stage.at_once(&[("prompt", "none"), ("id_token_hint", &hint)]).await;
    server.user("bob").await;
    let bob = server.signed_in("bob").await;
    let asked = |more: &[(&'static str, &'static str)]| {
        let mut asked = vec![SIGN_IN[0], SIGN_IN[1], ("id_token_hint", hint.as_str())];
        asked.extend(more);
        stage.client.authorize_url(&Pkce::default(), &asked)
    };
    let silent = bob.get(&asked(&[("prompt", "none")])).await.expect(303);
    assert_eq!(silent.location_param("error").as_deref(), Some("login_required"));
    server.clock.advance(1);
    // Bob may sign in as Alice, and is told so if he signs in as himself again.
    let page = bob.get(&asked(&[])).await.expect(303);
    assert!(page.location().contains("/login?request=") && page.location().contains("switch=1"));
    server.clock.advance(1);
    let on = stage.password(&bob, &page.location(), "bob").await.expect(303);
    let told = bob.get(&on.location()).await.expect(400);
    assert!(told.body.contains("login_required"), "{}", told.body);
    assert!(told.body.contains("Grafana expects another user"), "{}", told.body);
    let on = stage.password(&bob, &page.location(), "alice").await.expect(303);
    bob.get(&on.location()).await.expect(200);
    // A token of another client, another kind or another server is no hint.
    let other = add(server, party("https://wiki.example/cb")).await;
    let theirs = id_token(&other.tokens(&stage.browser, &SIGN_IN).await);
    let tokens = stage.at_once(&[]).await;
    for wrong in [theirs.as_str(), &tokens.access, "x.y.z", ""] {
        let expected = if wrong.is_empty() { "" } else { "invalid_request" };
        let error = stage.error(&[("id_token_hint", wrong), ("prompt", "none")]).await;
        assert!(
            if wrong.is_empty() { error.contains("code=") } else { error == expected },
            "{error}"
        );
    }
}

#[tokio::test]
async fn op_15_acr_values_are_honoured_by_the_second_factor_of_this_server() {
    let stage = Stage::new().await;
    let (server, browser) = (&stage.server, &stage.browser);
    let first = stage.sign_in("openid").await;
    assert_eq!(payload(&id_token(&first))["acr"], SINGLE);
    let (key, _) = enrol(server, browser).await;
    server.clock.advance(60);
    let session = Browser::new();
    let half = crate::factors::password(server, &session, "alice", None).await.expect(303);
    prove(server, &session, &half.location(), &code(&key, server.clock.now())).await.expect(303);
    let asked = [SIGN_IN[0], SIGN_IN[1], ("acr_values", MULTI)];
    let proved = stage.sign_in_with(&session, &asked).await;
    let claims = payload(&id_token(&proved));
    assert_eq!(claims["acr"], MULTI);
    assert!(claims["amr"].as_array().unwrap().contains(&json!("mfa")));
    assert!(claims["amr"].as_array().unwrap().contains(&json!("otp")));
}

#[tokio::test]
async fn op_16_a_session_with_one_factor_proves_a_second_one_where_acr_values_need_it() {
    let stage = Stage::new().await;
    let (server, browser) = (&stage.server, &stage.browser);
    stage.sign_in("openid").await;
    let error = stage.error(&[("acr_values", MULTI), ("prompt", "none")]).await;
    assert_eq!(error, "unmet_authentication_requirements");
    // One of several accepted contexts suffices, and those of other servers mean nothing here.
    for accepted in [SINGLE, "urn:other", &format!("{MULTI} {SINGLE}"), "phr phrh"] {
        stage.at_once(&[("acr_values", accepted), ("prompt", "none")]).await;
    }
    let page = stage.ask(&[("acr_values", &format!("urn:other {MULTI}"))]).await;
    assert!(page.location().contains("/login/second-factor?request="), "{}", page.location());
    let shown = browser.get(&page.location()).await.expect(200);
    assert!(!shown.body.contains("settled=1"), "it cannot be skipped: {}", shown.body);
    // Nor by the URL of the page that skips it for scopes.
    let sealed = page.location_param("request").unwrap();
    let skipped = browser.get(&server.at(&format!("/consent?request={sealed}&settled=1"))).await;
    assert!(skipped.expect(303).location().contains("/login/second-factor?request="));
}

#[tokio::test]
async fn op_17_pages_are_in_the_first_available_language_of_ui_locales() {
    let stage = Stage::new().await;
    let stranger = Browser::new();
    let page = async |locales: &str, liked: &str| {
        let asked = [SIGN_IN[0], SIGN_IN[1], ("ui_locales", locales), ("prompt", "login")];
        let url = stage.client.authorize_url(&Pkce::default(), &asked);
        let to = stranger.get(&url).await.expect(303).location();
        let request = stranger.raw(Method::GET, &to).header("accept-language", liked);
        stranger.send(request).await.expect(200).body
    };
    for (locales, liked, language) in [
        ("de-CH en", "en", "de"),
        ("xx fr", "de", "fr"),
        ("xx", "de", "de"),
        ("", "fr", "fr"),
        ("en", "de", "en"),
    ] {
        let body = page(locales, liked).await;
        assert!(body.contains(&format!("<html lang=\"{language}\"")), "{locales} {liked}");
    }
}

#[tokio::test]
async fn op_18_a_login_hint_fills_the_name_in() {
    let stage = Stage::new().await;
    let stranger = Browser::new();
    let asked = [SIGN_IN[0], SIGN_IN[1], ("login_hint", "alice")];
    let to = stranger.get(&stage.client.authorize_url(&Pkce::default(), &asked)).await.expect(303);
    let page = stranger.get(&to.location()).await.expect(200);
    assert!(page.body.contains("value=\"alice\""), "{}", page.body);
}
