//! Every dishonest behaviour. Each ends in a page with the user's next step, signs no user in, and
//! leaves other providers alone.

use std::time::{Duration, Instant};

use doorward_testkit::{Answer, Browser, FakeProvider, Signature, TestServer};
use serde_json::{Value, json};

use super::{arrive, begin, name_of, refused, server_with, signed_in};

fn raw(status: u16, media: &'static str, body: &str) -> Answer {
    Answer::Raw(status, media, body.to_owned(), String::new())
}

async fn server_and_provider() -> (TestServer, FakeProvider) {
    let provider = FakeProvider::start().await;
    (server_with(&provider, |_, _| {}).await, provider)
}

#[tokio::test]
async fn ca20_replayed_foreign_and_missing_state_signs_no_user_in() {
    let (server, provider) = server_and_provider().await;
    let (attacker, victim) = (Browser::new(), Browser::new());
    let away = begin(&server, &attacker, "").await.expect(303);
    let back = provider.sign_in(&away.location());
    // Login CSRF: the attacker's answer in the victim's browser.
    refused(&server, &victim, &victim.get(&back).await, 400).await;
    begin(&server, &victim, "").await.expect(303);
    refused(&server, &victim, &victim.get(&back).await, 400).await;
    assert_eq!(provider.hits("/token"), 0, "a foreign state is not even redeemed");
    // The attacker's own browser may use it, once.
    attacker.get(&back).await.expect(303);
    assert_eq!(name_of(&server, &attacker).await.as_deref(), Some("ada"));
    let code = url::Url::parse(&back).unwrap();
    let code = code.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    for query in [
        format!("?code={code}"),
        format!("?code={code}&state=dw_st_guess"),
        "?state=".to_owned(),
        String::new(),
        "?code=a&code=b&state=x".to_owned(),
    ] {
        let page = victim.get(&server.at(&format!("/login/corp/callback{query}"))).await;
        assert_eq!(page.status, 400, "{query}: {}", page.body);
        assert_eq!(name_of(&server, &victim).await, None);
    }
}

#[tokio::test]
async fn g5_state_is_valid_for_ten_minutes_and_once_also_for_two_at_the_same_moment() {
    let (server, provider) = server_and_provider().await;
    let browser = Browser::new();
    let back = provider.sign_in(&begin(&server, &browser, "").await.location());
    server.clock.advance(601);
    refused(&server, &browser, &browser.get(&back).await, 400).await;
    let back = provider.sign_in(&begin(&server, &browser, "").await.location());
    let (one, two) = tokio::join!(browser.get(&back), browser.get(&back));
    assert_eq!(provider.hits("/token"), 1, "{} {}", one.status, two.status);
}

#[tokio::test]
async fn mix_up_between_providers_is_noticed() {
    let (honest, evil) = (FakeProvider::start().await, FakeProvider::start().await);
    let other = evil.config();
    let server = server_with(&honest, |_, config| {
        config.providers.insert("evil".to_owned(), other);
    })
    .await;
    let browser = Browser::new();
    // The sign-in went to the honest provider; the response comes to the evil one's callback.
    let back = honest
        .sign_in(&begin(&server, &browser, "").await.location())
        .replace("/login/corp/", "/login/evil/");
    refused(&server, &browser, &browser.get(&back).await, 400).await;
    assert_eq!(evil.hits("/token"), 0, "the code was not handed to the other provider");
    // RFC 9207: the answer names another issuer, or none although the provider always does.
    let back = honest.sign_in(&begin(&server, &browser, "").await.location());
    let with_iss = format!("{back}&iss={}", evil.issuer);
    refused(&server, &browser, &browser.get(&with_iss).await, 400).await;
    let strict = FakeProvider::start().await;
    strict.discovery(&json!({"authorization_response_iss_parameter_supported": true}));
    let server = server_with(&strict, |_, _| {}).await;
    let back = strict.sign_in(&begin(&server, &browser, "").await.location());
    refused(&server, &browser, &browser.get(&back).await, 400).await;
    assert_eq!(strict.hits("/token"), 0);
    let back = strict.sign_in(&begin(&server, &browser, "").await.location());
    browser.get(&format!("{back}&iss={}", strict.issuer)).await.expect(303);
}

#[tokio::test]
async fn id_tokens_that_are_not_meant_signed_or_timed_right_are_refused() {
    let (server, provider) = server_and_provider().await;
    let now = server.app.clock.now().0;
    let cases: Vec<(&str, Value)> = vec![
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{}/", provider.issuer))),
        ("iss", Value::Null),
        ("aud", json!("another-client")),
        ("aud", json!([])),
        ("aud", json!(["doorward", "another-client"])),
        ("azp", json!("another-client")),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", json!("tomorrow")),
        ("exp", Value::Null),
        ("iat", json!(now + 3600)),
        ("nbf", json!(now + 3600)),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("sub", json!("x".repeat(256))),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
    ];
    for (name, value) in cases {
        provider.claims(&json!({ name: value }));
        let browser = Browser::new();
        let page = arrive(&server, &provider, &browser).await;
        assert!(
            matches!(page.status, 400 | 503),
            "{name} {value}: {} {}",
            page.status,
            page.location()
        );
        assert_eq!(name_of(&server, &browser).await, None, "{name} {value}");
        // The former name of a claim is unknown: the protocol's own are restored automatically, the
        // user's by name.
        provider.forget_claim(name);
    }
    for signature in [Signature::None, Signature::SharedSecret, Signature::ForeignKey] {
        provider.sign_with(signature);
        let browser = Browser::new();
        let page = arrive(&server, &provider, &browser).await;
        assert!(matches!(page.status, 400 | 503), "{signature:?}: {}", page.status);
        assert_eq!(name_of(&server, &browser).await, None, "{signature:?}");
    }
    provider.sign_with(Signature::Good);
    // Several audiences are accepted if the token says that it was made for this client.
    provider.claims(&json!({"aud": ["doorward", "another-client"], "azp": "doorward"}));
    signed_in(&server, &provider).await;
}

#[tokio::test]
async fn keys_that_change_are_fetched_again_and_odd_key_sets_admit_no_user() {
    let (server, provider) = server_and_provider().await;
    signed_in(&server, &provider).await;
    provider.rotate_keys();
    signed_in(&server, &provider).await;
    assert_eq!(provider.hits("/jwks"), 2, "once at discovery and once for the unknown key");
    // A forged token does not cause fetches without end.
    provider.sign_with(Signature::ForeignKey);
    for _ in 0..5 {
        let browser = Browser::new();
        refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
    }
    assert!(provider.hits("/jwks") <= 3, "{} fetches", provider.hits("/jwks"));
    for (what, body) in [
        ("huge", format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(10_000_000))),
        ("empty", "{\"keys\":[]}".to_owned()),
        ("html", "<html>".to_owned()),
    ] {
        let odd = FakeProvider::start().await;
        odd.answer("/jwks", raw(200, "application/json", &body));
        let server = server_with(&odd, |_, _| {}).await;
        let browser = Browser::new();
        let page = begin(&server, &browser, "").await;
        let page = if page.status == 303 {
            browser.get(&odd.sign_in(&page.location())).await
        } else {
            page
        };
        assert!(matches!(page.status, 400 | 503), "{what}: {}", page.status);
        assert_eq!(name_of(&server, &browser).await, None);
    }
    // A repeated kid: the right key is found; the wrong key never counts.
    let twice = FakeProvider::start().await;
    twice.repeat_kid();
    let server = server_with(&twice, |_, _| {}).await;
    signed_in(&server, &twice).await;
    twice.sign_with(Signature::ForeignKey);
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &twice, &browser).await, 400).await;
}

#[tokio::test]
async fn userinfo_about_another_user_is_refused() {
    let (server, provider) = server_and_provider().await;
    provider.userinfo(&json!({"sub": "u-2"}));
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
    provider.userinfo(&json!({"sub": "u-1", "iss": "https://evil.example", "groups": ["core"]}));
    signed_in(&server, &provider).await;
}

#[tokio::test]
async fn p10_a_provider_that_is_down_slow_or_responds_with_nonsense_costs_at_most_the_time_limit() {
    let healthy = FakeProvider::start().await;
    for path in ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"] {
        let answers: Vec<(&str, Answer)> = vec![
            ("500", raw(500, "application/json", "{}")),
            ("html", raw(200, "text/html", "<html><body>Sign in to the Wi-Fi</body></html>")),
            ("10 MB", raw(200, "application/json", &"[".repeat(10_000_000))),
            (
                "redirect inside",
                Answer::Raw(
                    302,
                    "text/html",
                    String::new(),
                    "location: http://169.254.169.254/latest/meta-data\r\n".to_owned(),
                ),
            ),
            ("json of another shape", raw(200, "application/json", "[1,2,3]")),
        ];
        for (what, answer) in answers {
            let provider = FakeProvider::start().await;
            provider.answer(path, answer);
            let other = healthy.config();
            let server = server_with(&provider, |_, config| {
                config.providers.insert("healthy".to_owned(), other);
            })
            .await;
            healthy.follow(&server.clock);
            let browser = Browser::new();
            let page = begin(&server, &browser, "").await;
            let page = if page.status == 303 {
                browser.get(&provider.sign_in(&page.location())).await
            } else {
                page
            };
            refused(&server, &browser, &page, 503).await;
            assert!(page.body.contains("Corp does not respond"), "{path} {what}: {}", page.body);
            let away = browser.get(&server.at("/login/healthy")).await.expect(303);
            browser.get(&healthy.sign_in(&away.location())).await.expect(303);
        }
    }
}

#[tokio::test]
async fn a_provider_that_hangs_times_out_and_others_keep_working() {
    let (hanging, healthy) = (FakeProvider::start().await, FakeProvider::start().await);
    let other = healthy.config();
    let server = server_with(&hanging, |_, config| {
        config.outbound.timeout_seconds = 4;
        config.providers.insert("healthy".to_owned(), other);
    })
    .await;
    healthy.follow(&server.clock);
    hanging.answer("/.well-known/openid-configuration", Answer::Hang);
    let begun = Instant::now();
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let url = server.at("/login/corp");
            tokio::spawn(async move { Browser::new().get(&url).await.status })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let browser = Browser::new();
    let away = browser.get(&server.at("/login/healthy")).await.expect(303);
    browser.get(&healthy.sign_in(&away.location())).await.expect(303);
    assert!(
        waiting.iter().all(|page| !page.is_finished()),
        "the healthy one came in while the others still waited"
    );
    for page in waiting {
        assert_eq!(page.await.unwrap(), 503);
    }
    // Forty that queue up cost one wait, not forty.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    // It comes back by itself.
    hanging.restore("/.well-known/openid-configuration");
    tokio::time::sleep(Duration::from_millis(3200)).await;
    begin(&server, &Browser::new(), "").await.expect(303);
}

#[tokio::test]
async fn fed21_a_discovery_document_of_another_issuer_or_with_an_odd_url_is_refused() {
    for over in [
        json!({"issuer": "https://evil.example"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"authorization_endpoint": "http://evil.example/"}),
    ] {
        let provider = FakeProvider::start().await;
        provider.discovery(&over);
        let server = server_with(&provider, |_, _| {}).await;
        let browser = Browser::new();
        let page = begin(&server, &browser, "").await;
        assert_eq!(page.status, 400, "{over}: {}", page.location());
    }
}

#[tokio::test]
async fn an_internal_ip_address_is_never_requested_unless_the_operator_named_its_network() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| corp.networks.clear()).await;
    begin(&server, &Browser::new(), "").await.expect(503);
    assert!(provider.seen().is_empty());
    // Also not by way of a document that may be asked.
    let provider = FakeProvider::start().await;
    provider.discovery(&json!({"jwks_uri": "http://169.254.169.254/keys"}));
    let server = server_with(&provider, |_, _| {}).await;
    begin(&server, &Browser::new(), "").await.expect(503);
}

#[tokio::test]
async fn an_unreachable_provider_is_reported_as_not_responding() {
    let provider = FakeProvider::start().await;
    let server =
        server_with(&provider, |corp, _| "http://127.0.0.1:1".clone_into(&mut corp.issuer)).await;
    let page = begin(&server, &Browser::new(), "").await.expect(503);
    assert!(
        page.body.contains("Corp does not respond") && !page.header("retry-after").is_empty(),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn a_refusal_of_a_provider_is_shown_to_the_user_without_its_own_words() {
    let (server, provider) = server_and_provider().await;
    let browser = Browser::new();
    for (error, status, words) in [
        ("access_denied", 403, "Corp did not sign you in"),
        ("invalid_scope", 502, "does not accept this server"),
        ("temporarily_unavailable", 503, "Corp does not respond"),
    ] {
        let away = begin(&server, &browser, "").await.expect(303);
        let state = away.location_param("state").unwrap();
        let page = browser.get(&server.at(&format!("/login/corp/callback?error={error}&error_description=%3Cb%3Esecret%20detail&state={state}"))).await;
        refused(&server, &browser, &page, status).await;
        assert!(page.body.contains(words) && !page.body.contains("secret detail"), "{}", page.body);
    }
    // A client secret that the provider does not accept.
    let server = server_with(&provider, |corp, _| corp.client_secret = "wrong".into()).await;
    let browser = Browser::new();
    let page = arrive(&server, &provider, &browser).await;
    refused(&server, &browser, &page, 502).await;
}

#[tokio::test]
async fn sign_ins_that_begin_too_fast_are_slowed_down() {
    let (server, _provider) = server_and_provider().await;
    let mut let_through = 0;
    while begin(&server, &Browser::new(), "").await.expect_any(&[303, 429]).status == 303 {
        let_through += 1;
        assert!(let_through < 2000, "nothing slows it down");
    }
    assert!(let_through >= 120, "an office behind one IP address is not an attack: {let_through}");
}
