//! Settings for facts that an operator knows and a provider does not announce.

use doorward_federation::{CheckSubject, ProviderConfig};
use doorward_testkit::{Answer, Browser, FakeProvider, Misbehaviour, TestServer, form_value};
use serde_json::json;

use super::{arrive, begin, habits::plain, name_of, server_with, signed_in};

fn nothing() -> Answer {
    Answer::Raw(404, "text/plain", String::new(), String::new())
}

#[tokio::test]
async fn parameters_of_the_configuration_go_along_and_prompts_are_joined() {
    for settings in [FakeProvider::config, plain] {
        let provider = FakeProvider::start().await;
        let config = ProviderConfig {
            authorize_params: [
                "access_type=offline",
                "audience=https://api.example/?a=b&c",
                "prompt=select_account",
            ]
            .map(str::to_owned)
            .to_vec(),
            offline_prompt: false,
            ..settings(&provider)
        };
        let server = server_with(&provider, |corp, _| *corp = config).await;
        let away = begin(&server, &Browser::new(), "").await.expect(303);
        let param = |name: &str| away.location_param(name);
        assert_eq!(param("access_type").as_deref(), Some("offline"));
        assert_eq!(param("audience").as_deref(), Some("https://api.example/?a=b&c"));
        assert_eq!(param("prompt").as_deref(), Some("select_account"));
        let again = begin(&server, &Browser::new(), "?again=1").await.expect(303);
        assert_eq!(again.location_param("prompt").as_deref(), Some("select_account login"));
        signed_in(&server, &provider).await;
    }
}

#[tokio::test]
async fn offline_access_among_the_scopes_keeps_the_prompt_that_brings_a_refresh_token() {
    let provider = FakeProvider::start().await;
    let scopes = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (configured, offline_prompt, prompt) in [
        (scopes(&[]), true, Some("consent")),
        (scopes(&["openid", "offline_access"]), true, Some("consent")),
        (scopes(&["email", "offline_access"]), true, Some("consent")),
        (scopes(&["offline_access"]), false, None),
    ] {
        let server = server_with(&provider, |corp, _| {
            corp.scopes = configured.clone();
            corp.offline_prompt = offline_prompt;
        })
        .await;
        let away = begin(&server, &Browser::new(), "").await.expect(303);
        assert_eq!(away.location_param("prompt").as_deref(), prompt, "{configured:?}");
        let asked = away.location_param("scope").unwrap();
        assert!(asked.starts_with("openid ") && asked.ends_with("offline_access"), "{asked}");
        assert_eq!(asked.matches("openid").count(), 1, "{asked}");
    }
    // Also where the provider does not announce the scope.
    provider.discovery(&json!({"scopes_supported": null}));
    let server = server_with(&provider, |corp, _| corp.scopes = scopes(&["offline_access"])).await;
    let away = begin(&server, &Browser::new(), "").await.expect(303);
    assert_eq!(away.location_param("prompt").as_deref(), Some("consent"));
}

#[tokio::test]
async fn pkce_is_used_unannounced_and_can_be_disabled() {
    for settings in [FakeProvider::config, plain] {
        for pkce in [true, false] {
            let provider = FakeProvider::start().await;
            let config = ProviderConfig { pkce, ..settings(&provider) };
            let server = server_with(&provider, |corp, _| *corp = config).await;
            let browser = Browser::new();
            let away = begin(&server, &browser, "").await.expect(303);
            assert_eq!(away.location_param("code_challenge").is_some(), pkce);
            browser.get(&provider.sign_in(&away.location())).await.expect(303);
            assert!(name_of(&server, &browser).await.is_some());
            let posted =
                provider.seen().into_iter().find(|(_, path, _)| path == "/token").unwrap().2;
            assert_eq!(posted.contains("code_verifier="), pkce, "{posted}");
        }
    }
}

#[tokio::test]
async fn an_issuer_is_reached_under_another_url_and_must_name_itself_all_the_same() {
    let provider = FakeProvider::start().await;
    let path = "/tenant/openid-configuration.json";
    let document = |issuer: &str| {
        let at = |path: &str| format!("{}{path}", provider.issuer);
        let document = json!({
            "issuer": issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"), "userinfo_endpoint": at("/userinfo"),
        });
        Answer::Raw(200, "application/json", document.to_string(), String::new())
    };
    let issuer = "https://login.corp.example";
    provider.answer(path, document(issuer));
    provider.claims(&json!({"iss": issuer}));
    provider.answer("/.well-known/openid-configuration", nothing());
    let server = server_with(&provider, |corp, _| {
        issuer.clone_into(&mut corp.issuer);
        corp.discovery_url = format!("{}{path}", provider.issuer);
    })
    .await;
    signed_in(&server, &provider).await;
    // Without the setting it is not found, and another issuer is not accepted.
    let server = server_with(&provider, |_, _| {}).await;
    begin(&server, &Browser::new(), "").await.expect(503);
    provider.answer(path, document("https://other.example"));
    let server = server_with(&provider, |corp, _| {
        issuer.clone_into(&mut corp.issuer);
        corp.discovery_url = format!("{}{path}", provider.issuer);
    })
    .await;
    begin(&server, &Browser::new(), "").await.expect(400);
}

#[tokio::test]
async fn a_document_for_several_tenants_is_that_of_each_and_tokens_name_the_one_that_is_set() {
    const ONE: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    let provider = FakeProvider::start().await;
    let path = "/tenant/openid-configuration";
    let of = |tenant: &str| format!("https://login.corp.example/{tenant}/v2.0");
    let at = |path: &str| format!("{}{path}", provider.issuer);
    let document = |issuer: &str| {
        let document = json!({
            "issuer": issuer, "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"), "jwks_uri": at("/jwks"),
            "userinfo_endpoint": at("/userinfo"),
        });
        Answer::Raw(200, "application/json", document.to_string(), String::new())
    };
    let sts = |tenant: &str| format!("https://sts.corp.example/{tenant}/");
    // The issuer in the document, the issuer that is set, and true if its users can sign in.
    for (told, set, signs_in) in [
        (of("{tenantid}"), of(ONE), true),
        (of("{tenantId}"), of(ONE), true),
        (of("{tenantid}"), of("corp.example"), true),
        (sts("{tenantid}"), sts(ONE), true),
        (of(ONE), of(ONE), true),
        (of("{tenantid}"), of("common"), false),
        (of("{tenantid}"), of("organizations"), false),
        (of("{tenantid}"), of("consumers"), false),
        (of("{tenantid}"), of("{tenantid}"), false),
        (of("{tenantid}"), sts(ONE), false),
        (of("{tenantid}"), "https://evil.example/v2.0".to_owned(), false),
        ("https://{tenantid}/v2.0".to_owned(), of(ONE), false),
        (of("9188040d-6c67-4c5b-b112-36a304b66dad"), of("consumers"), false),
    ] {
        provider.answer(path, document(&told));
        provider.claims(&json!({"iss": set}));
        let server = server_with(&provider, |corp, _| {
            corp.issuer.clone_from(&set);
            corp.discovery_url = at(path);
        })
        .await;
        if signs_in {
            let browser = signed_in(&server, &provider).await;
            assert!(name_of(&server, &browser).await.is_some(), "{told} {set}");
            // The token of another tenant is not that of this one.
            provider.claims(&json!({"iss": of("11111111-1111-1111-1111-111111111111")}));
            let browser = Browser::new();
            arrive(&server, &provider, &browser).await;
            assert!(name_of(&server, &browser).await.is_none(), "{told} {set}");
        } else {
            let page = begin(&server, &Browser::new(), "").await;
            assert_eq!(page.status, 400, "{told} {set}: {}", page.body);
        }
    }
}

#[tokio::test]
async fn configured_endpoints_replace_discovered_ones() {
    // All of them: no discovery document is asked for.
    let provider = FakeProvider::start().await;
    provider.answer("/.well-known/openid-configuration", nothing());
    let at = |path: &str| format!("{}{path}", provider.issuer);
    let server = server_with(&provider, |corp, _| {
        corp.authorize_url = at("/authorize?policy=b2c");
        corp.token_url = at("/token");
        corp.jwks_url = at("/jwks");
    })
    .await;
    let away = begin(&server, &Browser::new(), "").await.expect(303);
    assert_eq!(away.location_param("policy").as_deref(), Some("b2c"), "its own query stays");
    signed_in(&server, &provider).await;
    assert_eq!(provider.hits("/.well-known/openid-configuration"), 0);
    assert_eq!(provider.hits("/userinfo"), 0, "what is not known is not asked");
    let corp = server.app.federation.named("corp").await.unwrap();
    let found = server.app.federation.test(&corp).await;
    let discovery =
        found.iter().find(|finding| finding.subject == CheckSubject::Discovery).unwrap();
    assert!(
        discovery.result.as_ref().unwrap().contains("endpoints are configured"),
        "{discovery:?}"
    );
    // Some of them: the rest is discovered.
    let provider = FakeProvider::start().await;
    provider.discovery(
        &json!({"userinfo_endpoint": "https://inside.example/userinfo", "end_session_endpoint": 7}),
    );
    let server = server_with(&provider, |corp, _| {
        corp.userinfo_url = format!("{}/userinfo", provider.issuer);
        corp.end_session_url = format!("{}/bye?from=doorward", provider.issuer);
    })
    .await;
    let browser = signed_in(&server, &provider).await;
    assert_eq!(provider.hits("/userinfo"), 1);
    let page = sign_out(&server, &browser).await.expect(200);
    assert!(page.body.contains(&format!("action=\"{}/bye\"", provider.issuer)), "{}", page.body);
    assert_eq!(form_value(&page.body, "from").as_deref(), Some("doorward"));
}

async fn sign_out(server: &TestServer, browser: &Browser) -> doorward_testkit::Page {
    let page = browser.get(&server.at("/logout")).await.expect(200);
    let at = page.body.find("class=\"stack\"").unwrap();
    let csrf = form_value(&page.body[at..], "csrf").unwrap();
    browser.post(&server.at("/logout"), &[("csrf", &csrf)]).await
}

#[tokio::test]
async fn a_user_of_a_provider_without_a_sign_out_page_learns_that_the_session_there_continues() {
    for settings in [FakeProvider::config, plain] {
        let provider = FakeProvider::start().await;
        provider.discovery(&json!({"end_session_endpoint": null}));
        let config = settings(&provider);
        let server = server_with(&provider, |corp, _| *corp = config).await;
        let browser = signed_in(&server, &provider).await;
        let page = sign_out(&server, &browser).await.expect(200);
        assert!(page.body.contains("You are still signed in at Corp"), "{}", page.body);
        assert!(!page.body.contains("Sign out at"), "{}", page.body);
        assert_eq!(name_of(&server, &browser).await, None);
        // A plain OAuth 2.0 server may have a page that the operator names.
        let config = ProviderConfig {
            end_session_url: format!("{}/leave", provider.issuer),
            ..settings(&provider)
        };
        let server = server_with(&provider, |corp, _| *corp = config).await;
        let browser = signed_in(&server, &provider).await;
        let page = sign_out(&server, &browser).await.expect(200);
        assert!(page.body.contains("Sign out at Corp"), "{}", page.body);
    }
    // A user of no provider sees no mention of one.
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    sign_out(&server, &browser).await.expect(303);
}

#[tokio::test]
async fn provider_test_distinguishes_wrong_settings_from_an_unusual_provider() {
    let raw = |status, body: &str| {
        Answer::Raw(status, "application/json", body.to_owned(), String::new())
    };
    let page = || Answer::Raw(200, "text/html", "<h1>Sign in</h1>".to_owned(), String::new());
    for (answer, right) in [
        (raw(400, r#"{"error":"invalid_grant"}"#), true),
        (raw(400, r#"{"error":"invalid_code"}"#), true),
        (raw(400, r#"{"error":"code_not_found","message":"no such code"}"#), true),
        (raw(400, ""), true),
        (raw(200, r#"{"error":"bad_verification_code"}"#), true),
        (raw(403, r#"{"error":{"type":"OAuthException","code":100}}"#), true),
        (raw(401, r#"{"error":"invalid_client"}"#), false),
        (raw(401, ""), false),
        (raw(200, r#"{"error":"incorrect_client_credentials"}"#), false),
        (raw(404, ""), false),
        (raw(502, ""), false),
    ] {
        for settings in [FakeProvider::config, plain] {
            let provider = FakeProvider::start().await;
            provider.answer("/authorize", page());
            provider.answer("/token", answer.clone());
            let config = settings(&provider);
            let server = server_with(&provider, |corp, _| *corp = config).await;
            let corp = server.app.federation.named("corp").await.unwrap();
            let found = server.app.federation.test(&corp).await;
            let client =
                found.iter().find(|finding| finding.subject == CheckSubject::Client).unwrap();
            assert_eq!(client.result.is_ok(), right, "{answer:?}: {client:?}");
        }
    }
    // Mattermost answers in its own way.
    for (id, status, right) in [
        ("api.oauth.get_access_token.expired_code.app_error", 400, true),
        ("api.oauth.get_access_token.bad_client_id.app_error", 400, false),
        ("api.oauth.get_access_token.credentials.app_error", 403, false),
    ] {
        let provider = FakeProvider::start().await;
        provider.answer("/oauth/authorize", page());
        let body = json!({"id": id, "message": "m", "status_code": status}).to_string();
        provider.answer("/oauth/access_token", raw(status, &body));
        let server =
            server_with(&provider, |corp, _| "mattermost".clone_into(&mut corp.kind)).await;
        let corp = server.app.federation.named("corp").await.unwrap();
        let found = server.app.federation.test(&corp).await;
        let client = found.iter().find(|finding| finding.subject == CheckSubject::Client).unwrap();
        assert_eq!(client.result.is_ok(), right, "{id}: {client:?}");
    }
}

#[tokio::test]
async fn provider_test_reports_clocks_and_omissions() {
    for (odd, words) in [
        (Misbehaviour::ClockAhead, "240 seconds ahead of"),
        (Misbehaviour::ClockBehind, "240 seconds behind"),
        (Misbehaviour::OddDocument, "prompt_values_supported (a number instead of a list)"),
        (Misbehaviour::OddKeys, "keys of unknown types"),
    ] {
        let provider = FakeProvider::start().await;
        let page = Answer::Raw(200, "text/html", "<h1>Sign in</h1>".to_owned(), String::new());
        provider.answer("/authorize", page);
        provider.misbehave(Some(odd));
        let server = server_with(&provider, |_, _| {}).await;
        let corp = server.app.federation.named("corp").await.unwrap();
        let found = server.app.federation.test(&corp).await;
        let told: Vec<String> = found
            .iter()
            .map(|finding| finding.result.clone().unwrap_or_else(|wrong| format!("WRONG {wrong}")))
            .collect();
        let told = told.join("; ");
        assert!(told.contains(words) && !told.contains("WRONG"), "{odd:?}: {told}");
    }
}

#[tokio::test]
async fn messages_say_what_happened_and_name_no_library() {
    let provider = FakeProvider::start().await;
    let say = async |change: fn(&mut ProviderConfig)| {
        let server = server_with(&provider, |corp, _| change(corp)).await;
        let corp = server.app.federation.named("corp").await.unwrap();
        let found = server.app.federation.test(&corp).await;
        found.into_iter().find_map(|finding| finding.result.err()).unwrap_or_default()
    };
    let told = say(|corp| "http://127.0.0.1:1".clone_into(&mut corp.issuer)).await;
    assert!(told.contains("nothing listens at 127.0.0.1:1 (connection refused)"), "{told}");
    let told = say(|corp| "https://nowhere.invalid".clone_into(&mut corp.issuer)).await;
    assert!(told.contains("no IP address is known for nowhere.invalid"), "{told}");
    assert!(!told.contains("::") && !told.contains("Error"), "{told}");
}
