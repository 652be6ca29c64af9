//! More of what providers do, as tables: their answers to a wrong code, their clocks, their pages to
//! sign out, and the parameters that their operators name.

use doorward_federation::CheckSubject;
use doorward_testkit::{Answer, Browser, FakeProvider, form_value};
use serde_json::{Value, json};

use super::{begin, habits::plain, name_of, server_with, signed_in};

fn raw(status: u16, media: &'static str, body: &str) -> Answer {
    Answer::Raw(status, media, body.to_owned(), String::new())
}

/// The answers of token endpoints to a code that they never issued: true for one that knows the
/// client.
#[expect(clippy::too_many_lines, reason = "a row for each of them")]
fn answers_to_a_wrong_code() -> Vec<(&'static str, Answer, bool)> {
    let json = |status, body: Value| raw(status, "application/json", &body.to_string());
    let coded = |status, code: &str, text: &str| {
        json(status, json!({"error": code, "error_description": text}))
    };
    vec![
        ("Google", coded(400, "invalid_grant", "Malformed auth code."), true),
        ("Google client", coded(401, "invalid_client", "Unauthorized"), false),
        (
            "Google no client",
            coded(401, "invalid_client", "The OAuth client was not found."),
            false,
        ),
        (
            "Entra",
            json(
                400,
                json!({"error": "invalid_grant", "error_codes": [9_002_313], "error_description": "AADSTS9002313: Invalid request. Request is malformed or invalid."}),
            ),
            true,
        ),
        (
            "Entra secret",
            json(401, json!({"error": "invalid_client", "error_codes": [7_000_215]})),
            false,
        ),
        (
            "Entra no application",
            json(400, json!({"error": "unauthorized_client", "error_codes": [700_016]})),
            false,
        ),
        (
            "Okta",
            coded(400, "invalid_grant", "The authorization code is invalid or has expired."),
            true,
        ),
        (
            "Okta client",
            json(
                401,
                json!({"errorCode": "invalid_client", "errorSummary": "Invalid value for 'client_id' parameter.", "error": "invalid_client"}),
            ),
            false,
        ),
        ("Auth0", coded(403, "invalid_grant", "Invalid authorization code"), true),
        ("Auth0 client", coded(401, "access_denied", "Unauthorized"), false),
        ("Keycloak", coded(400, "invalid_grant", "Code not valid"), true),
        (
            "Keycloak client",
            coded(401, "unauthorized_client", "Invalid client or Invalid client credentials"),
            false,
        ),
        ("Cognito", coded(400, "invalid_grant", ""), true),
        ("Cognito client", json(400, json!({"error": "invalid_client"})), false),
        ("Slack", json(200, json!({"ok": false, "error": "invalid_code"})), true),
        ("Slack client", json(200, json!({"ok": false, "error": "invalid_client_id"})), false),
        ("Slack secret", json(200, json!({"ok": false, "error": "bad_client_secret"})), false),
        (
            "GitHub",
            raw(
                200,
                "application/x-www-form-urlencoded; charset=utf-8",
                "error=bad_verification_code&error_description=The+code+passed+is+incorrect",
            ),
            true,
        ),
        ("GitHub client", json(404, json!({"error": "Not Found"})), false),
        ("Discord", coded(400, "invalid_request", "Invalid \"code\" in request."), true),
        (
            "Facebook",
            json(
                400,
                json!({"error": {"message": "Invalid verification code format.", "type": "OAuthException", "code": 100}}),
            ),
            true,
        ),
        (
            "Facebook secret",
            json(
                400,
                json!({"error": {"message": "Error validating client secret.", "type": "OAuthException", "code": 1}}),
            ),
            false,
        ),
        ("Atlassian", coded(403, "invalid_grant", "Invalid authorization code"), true),
        ("Atlassian client", coded(401, "access_denied", "Unauthorized"), false),
        ("Notion client", json(401, json!({"error": "invalid_client", "request_id": "x"})), false),
        ("Zitadel", coded(400, "invalid_grant", "Errors.AuthRequest.NotFound"), true),
        ("Zitadel client", coded(400, "invalid_client", "Errors.App.NotFound"), false),
        (
            "Authentik",
            coded(
                400,
                "invalid_grant",
                "The provided authorization grant or refresh token is invalid, expired, revoked",
            ),
            true,
        ),
        ("Ping", coded(400, "invalid_grant", "The code is invalid"), true),
        (
            "LinkedIn",
            coded(
                400,
                "invalid_request",
                "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or authorization code expired.",
            ),
            true,
        ),
        (
            "Twitch",
            json(400, json!({"status": 400, "message": "Invalid authorization code"})),
            true,
        ),
        ("Twitch client", json(400, json!({"status": 400, "message": "invalid client"})), false),
        (
            "Twitch secret",
            json(403, json!({"status": 403, "message": "invalid client secret"})),
            false,
        ),
        (
            "HubSpot",
            json(
                400,
                json!({"status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"}),
            ),
            true,
        ),
        (
            "HubSpot client",
            json(
                400,
                json!({"status": "BAD_CLIENT_ID", "message": "missing or unknown client id"}),
            ),
            false,
        ),
        (
            "Zoom",
            json(400, json!({"reason": "Invalid authorization code", "error": "invalid_request"})),
            true,
        ),
        (
            "Zoom client",
            json(
                401,
                json!({"reason": "Invalid client_id or client_secret", "error": "invalid_client"}),
            ),
            false,
        ),
        ("Dropbox", coded(400, "invalid_grant", "code doesn't exist or has expired"), true),
        (
            "Shopify",
            coded(
                400,
                "invalid_request",
                "The authorization code was not found or was already used",
            ),
            true,
        ),
        (
            "Figma",
            json(400, json!({"error": true, "status": 400, "message": "Invalid code"})),
            true,
        ),
        ("WeChat", json(200, json!({"errcode": 40_029, "errmsg": "invalid code, rid: x"})), true),
        ("WeChat client", json(200, json!({"errcode": 40_013, "errmsg": "invalid appid"})), false),
        ("VK", coded(401, "invalid_grant", "Code is invalid or expired."), true),
        ("Salesforce", coded(400, "invalid_client_id", "client identifier invalid"), false),
        (
            "FusionAuth",
            json(
                400,
                json!({"error": "invalid_request", "error_description": "Invalid Authorization Code", "error_reason": "auth_code_not_found"}),
            ),
            true,
        ),
        ("Casdoor", coded(200, "invalid_grant", "authorization code: [x] is invalid"), true),
        (
            "Logto",
            json(
                400,
                json!({"code": "oidc.invalid_grant", "message": "Grant request is invalid."}),
            ),
            true,
        ),
        ("a problem", json(400, json!({"title": "Bad Request", "detail": "code expired"})), true),
        ("a list", json(400, json!({"errors": [{"code": "invalid_grant"}]})), true),
        ("a form", raw(400, "application/x-www-form-urlencoded", "error=invalid_grant"), true),
        ("text", raw(400, "text/plain", "invalid_grant"), true),
        ("a page of a firewall", raw(403, "text/html", "<title>Access denied</title>"), false),
        ("tokens for a wrong code", json(200, json!({})), false),
    ]
}

#[tokio::test]
async fn provider_test_knows_the_answers_of_products_to_a_wrong_code() {
    let mut wrong = Vec::new();
    for settings in [FakeProvider::config, plain] {
        let provider = FakeProvider::start().await;
        provider.answer("/authorize", raw(200, "text/html", "<h1>Sign in</h1>"));
        let config = settings(&provider);
        let server = server_with(&provider, |corp, _| *corp = config).await;
        let corp = server.app.federation.named("corp").await.unwrap();
        for (name, answer, right) in answers_to_a_wrong_code() {
            provider.answer("/token", answer);
            let found = server.app.federation.test(&corp).await;
            let client = found.iter().find(|finding| finding.subject == CheckSubject::Client);
            let client = client.unwrap();
            if client.result.is_ok() != right {
                wrong.push(format!("{name}: {client:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn tokens_of_a_clock_that_is_off_count_within_five_minutes_and_no_longer() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let now = server.app.clock.now().0;
    // Times with a part of a second.
    let part = |at: i64, more: &str| -> Value {
        let text = format!("{{\"iat\": {at}.{more}, \"exp\": {}.{more}}}", at + 300);
        serde_json::from_str(&text).unwrap()
    };
    let mut wrong = Vec::new();
    for (claims, status) in [
        (json!({"iat": now + 240, "exp": now + 540}), 303),
        (json!({"iat": now + 299, "exp": now + 300, "nbf": now + 299}), 303),
        (json!({"iat": now + 240, "nbf": now + 240, "exp": now + 300}), 303),
        (json!({"iat": now - 240, "exp": now - 180}), 303),
        (json!({"iat": now - 290, "exp": now - 1}), 303),
        (json!({"iat": now - 240, "exp": now + 60, "auth_time": now - 241}), 303),
        (json!({"iat": (now + 240).to_string(), "exp": (now + 540).to_string()}), 303),
        (part(now + 240, "9"), 303),
        (json!({"iat": now - 3000, "exp": now + 600}), 303),
        (json!({"exp": (now + 3600) * 1000}), 303),
        (json!({"nbf": null}), 303),
        (json!({"nbf": "soon"}), 303),
        (json!({"auth_time": now + 9000}), 303),
        (json!({"iat": now + 301, "exp": now + 900}), 400),
        (json!({"iat": now * 1000}), 400),
        (json!({"iat": now, "nbf": now + 301}), 400),
        (json!({"iat": now - 900, "exp": now - 600}), 400),
        (json!({"iat": now - 3000, "exp": now - 301}), 400),
        (json!({"exp": 0}), 400),
        (json!({"exp": null}), 400),
        (json!({"iat": null}), 400),
        (json!({"exp": "tomorrow"}), 400),
        (json!({"iat": now - 10, "exp": now - 700}), 400),
    ] {
        provider.claims(&claims);
        let browser = Browser::new();
        let found = super::arrive(&server, &provider, &browser).await.status;
        if found != status {
            wrong.push(format!("{claims} at {now}: {found}"));
        }
        for name in ["iat", "exp", "nbf", "auth_time"] {
            provider.forget_claim(name);
        }
    }
    // A sign-in that is repeated is as old as the provider's own clock says.
    let browser = signed_in(&server, &provider).await;
    for (iat, auth_time, status) in [
        (240, json!(now + 240), 303),
        (240, json!(now + 235), 303),
        (-240, json!(now - 240), 303),
        (-240, json!(now - 250), 303),
        (0, json!(now.to_string()), 303),
        (240, json!(now + 240 - 700), 403),
        (-240, json!(now - 240 - 700), 403),
        (0, json!(now - 700), 403),
        (0, json!(0), 303),
        (0, json!("yesterday"), 303),
        (0, json!(null), 303),
        (0, json!((now - 700).to_string()), 403),
        (0, json!(format!(" {}.75 ", now - 700)), 403),
        (0, part(now - 700, "5")["iat"].clone(), 403),
        (0, part(now, "5")["iat"].clone(), 303),
        // Milliseconds, as a number and as a text.
        (0, json!(now * 1000), 303),
        (0, json!((now * 1000).to_string()), 303),
        (0, json!((now - 700) * 1000), 403),
        (0, json!(((now - 700) * 1000).to_string()), 403),
        (240, json!((now + 240 - 700) * 1000 + 999), 403),
        // Values that state no time; one after the token's own is none.
        (0, json!(now + 9000), 303),
        (0, json!(-1), 303),
        (0, json!(true), 303),
        (0, json!([now - 700]), 303),
        (0, json!({"at": now}), 303),
        (0, json!("2026-01-02T03:04:05Z"), 303),
    ] {
        provider.claims(&json!({"iat": now + iat, "exp": now + iat + 300, "auth_time": auth_time}));
        let away = begin(&server, &browser, "?again=1").await.expect(303);
        let found = browser.get(&provider.sign_in(&away.location())).await.status;
        if found != status {
            wrong.push(format!("again, iat {iat}, auth_time {auth_time} at {now}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_page_to_sign_out_that_cannot_be_used_is_none() {
    for end in [
        json!(null),
        json!(""),
        json!(7),
        json!(["https://login.example/out"]),
        json!({}),
        json!("/logout"),
        json!("logout"),
        json!("javascript:alert(1)"),
        json!("data:text/html,out"),
        json!("ftp://login.example/out"),
        json!("http://login.example/out"),
        json!("https://"),
        json!(true),
    ] {
        let provider = FakeProvider::start().await;
        provider.discovery(&json!({"end_session_endpoint": end}));
        let server = server_with(&provider, |_, _| {}).await;
        let browser = signed_in(&server, &provider).await;
        let page = browser.get(&server.at("/logout")).await.expect(200);
        let at = page.body.find("class=\"stack\"").unwrap();
        let csrf = form_value(&page.body[at..], "csrf").unwrap();
        let page = browser.post(&server.at("/logout"), &[("csrf", &csrf)]).await.expect(200);
        assert!(page.body.contains("You are still signed in at Corp"), "{end}: {}", page.body);
        for word in ["javascript:", "data:", "login.example"] {
            assert!(!page.body.contains(word), "{end}: {}", page.body);
        }
        assert_eq!(name_of(&server, &browser).await, None, "{end}");
    }
}

/// The setting, and parameters of the request.
type Named = (&'static [&'static str], &'static [(&'static str, &'static str)]);

#[tokio::test]
async fn parameters_that_operators_name_arrive_as_they_are_written() {
    let rows: &[Named] = &[
        (&["access_type=offline", "prompt=consent"], &[("access_type", "offline")]),
        (&["domain_hint=corp.example"], &[("domain_hint", "corp.example")]),
        (&["hd=corp.example", "ui_hint=@corp.example"], &[("ui_hint", "@corp.example")]),
        (
            &["audience=https://corp.eu.auth0.com/api/v2/"],
            &[("audience", "https://corp.eu.auth0.com/api/v2/")],
        ),
        (&["organization=org_1", "connection=corp-saml"], &[("connection", "corp-saml")]),
        (&["kc_idp_hint=corp saml"], &[("kc_idp_hint", "corp saml")]),
        (&["identity_provider=Größe&Co"], &[("identity_provider", "Größe&Co")]),
        (&["idp=0oa1=x=y"], &[("idp", "0oa1=x=y")]),
        (&["owner="], &[("owner", "")]),
        (
            &["claims={\"id_token\":{\"groups\":null}}"],
            &[("claims", "{\"id_token\":{\"groups\":null}}")],
        ),
        (
            &["amr_values=urn:mace:incommon:iap:silver 2"],
            &[("amr_values", "urn:mace:incommon:iap:silver 2")],
        ),
        (&["include_granted_scopes=true", "p=b2c_1_sign_in"], &[("p", "b2c_1_sign_in")]),
    ];
    for settings in [FakeProvider::config, plain] {
        for (params, expected) in rows {
            let provider = FakeProvider::start().await;
            let mut config = settings(&provider);
            config.authorize_params = params.iter().map(|text| (*text).to_owned()).collect();
            let server = server_with(&provider, |corp, _| *corp = config).await;
            let away = begin(&server, &Browser::new(), "").await.expect(303);
            for (name, value) in *expected {
                let found = away.location_param(name);
                assert_eq!(found.as_deref(), Some(*value), "{params:?}: {}", away.location());
            }
            assert_eq!(away.location_param("response_type").as_deref(), Some("code"));
            signed_in(&server, &provider).await;
        }
    }
}

#[tokio::test]
async fn logout_tokens_in_the_forms_of_id_tokens_end_the_session() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let now = server.app.clock.now().0;
    let mut wrong = Vec::new();
    for (of_session, odd) in [
        (json!({}), json!({})),
        (json!({}), json!({"iat": now.to_string(), "exp": (now + 120).to_string()})),
        (json!({}), json!({"iat": format!("{now}.25")})),
        (json!({}), json!({"aud": ["doorward"], "exp": null})),
        (json!({}), json!({"aud": ["another", "doorward"]})),
        (json!({}), json!({"nonce": null, "sid": null, "trace_id": {"a": [1]}})),
        (json!({}), json!({"jti": 17})),
        (json!({}), json!({"iat": now + 240, "exp": now + 360})),
        (json!({}), json!({"iat": now - 290, "exp": now - 200})),
        (json!({}), json!({"events": {event: {"a": 1}, "https://other.example/event": null}})),
        (json!({"sid": 17}), json!({"sid": 17})),
        (json!({"sid": 17}), json!({"sid": 17, "sub": null})),
        (json!({"sid": 17}), json!({"sid": "17", "sub": null})),
        (json!({"sid": "17"}), json!({"sid": 17, "sub": null})),
        (json!({}), json!({"jti": 4_711, "iat": now.to_string()})),
    ] {
        provider.claims(&of_session);
        let browser = signed_in(&server, &provider).await;
        let mut claims = json!({
            "iss": provider.issuer, "aud": "doorward", "iat": now, "exp": now + 120, "sub": "u-1",
            "jti": format!("{of_session}{odd}"), "events": {event: {}},
        });
        for (name, value) in odd.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = provider.token(&claims);
        let ended = Browser::new()
            .post(&server.at("/login/corp/backchannel-logout"), &[("logout_token", &token)])
            .await;
        let name = name_of(&server, &browser).await;
        if ended.status != 200 || name.is_some() {
            wrong.push(format!("{of_session} {odd}: {} {} {name:?}", ended.status, ended.body));
        }
        provider.claims(&json!({"sub": "u-1", "preferred_username": "ada"}));
        provider.forget_claim("sid");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_logout_token_names_users_and_sessions_in_the_types_of_the_sign_in_or_others() {
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for (at_sign_in, at_logout) in [
        (json!({"sub": 4711}), json!({"sub": 4711})),
        (json!({"sub": 4711}), json!({"sub": "4711"})),
        (json!({"sub": "4711"}), json!({"sub": 4711})),
        (json!({"sub": 0}), json!({"sub": 0})),
        (json!({"sub": u64::MAX}), json!({"sub": u64::MAX})),
        (json!({"sub": u64::MAX}), json!({"sub": u64::MAX.to_string()})),
        (json!({"sub": 4711, "sid": 5}), json!({"sub": "4711", "sid": "5"})),
        (json!({"sub": 4711, "sid": 5}), json!({"sub": null, "sid": "5"})),
    ] {
        let provider = FakeProvider::start().await;
        provider.claims(&at_sign_in);
        let server = server_with(&provider, |_, _| {}).await;
        let browser = signed_in(&server, &provider).await;
        let now = server.app.clock.now().0;
        let mut claims = json!({
            "iss": provider.issuer, "aud": "doorward", "iat": now, "exp": now + 120, "jti": 4711,
            "events": {event: {}},
        });
        for (name, value) in at_logout.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = provider.token(&claims);
        let url = server.at("/login/corp/backchannel-logout");
        let ended = Browser::new().post(&url, &[("logout_token", &token)]).await;
        assert_eq!(ended.status, 200, "{at_sign_in} {at_logout}: {}", ended.body);
        assert_eq!(name_of(&server, &browser).await, None, "{at_sign_in} {at_logout}");
    }
}
