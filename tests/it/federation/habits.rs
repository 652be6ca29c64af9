//! Providers as they really behave: every habit of the fake provider at sign-in, at a refresh and in
//! the background, for OpenID Connect and for plain OAuth 2.0.

use doorward_federation::{ProviderConfig, Round};
use doorward_testkit::{Browser, Effect, FakeProvider, Misbehaviour, Signature, TestServer};
use serde_json::json;

use super::{access::round, arrive, begin, connect, name_of, refused, server_with, signed_in};

const DAY: i64 = 86_400;
const WAITING: Round = Round { confirmed: 0, ended: 0, waiting: 1 };
const ENDED: Round = Round { confirmed: 0, ended: 1, waiting: 0 };
const CONFIRMED: Round = Round { confirmed: 1, ended: 0, waiting: 0 };

/// The settings of the fake provider as a plain OAuth 2.0 server.
pub(super) fn plain(provider: &FakeProvider) -> ProviderConfig {
    ProviderConfig {
        kind: "oauth2".to_owned(),
        issuer: String::new(),
        authorize_url: format!("{}/authorize", provider.issuer),
        token_url: format!("{}/token", provider.issuer),
        userinfo_url: format!("{}/userinfo", provider.issuer),
        claim_subject: "sub".to_owned(),
        ..provider.config()
    }
}

/// A user of their own for each habit, so that the consequences of one concern no other.
async fn fresh_user(provider: &FakeProvider, number: usize) -> String {
    let name = format!("user-{number}");
    provider.misbehave(None);
    provider.claims(&json!({"sub": name, "preferred_username": name, "email": null}));
    provider.userinfo(&json!({"preferred_username": name}));
    provider.refresh_token(Some("rt-first"));
    name
}

async fn forget_user(server: &TestServer, name: &str) {
    if let Ok(user) = server.app.accounts.find(name).await {
        server.app.accounts.delete(&user, None).await.unwrap();
    }
}

/// A habit without consequence: the user signs in, and the provider vouches for them a day later.
async fn is_harmless(server: &TestServer, provider: &FakeProvider, odd: Misbehaviour, name: &str) {
    provider.misbehave(Some(odd));
    let browser = Browser::new();
    let page = arrive(server, provider, &browser).await;
    assert_eq!(
        (page.status, page.location()),
        (303, server.at("/account")),
        "{odd:?} {}",
        page.body
    );
    assert_eq!(name_of(server, &browser).await.as_deref(), Some(name), "{odd:?}");
    server.clock.advance(DAY);
    assert_eq!(round(server).await, CONFIRMED, "{odd:?}");
    assert!(name_of(server, &browser).await.is_some(), "{odd:?}");
}

/// A habit with a consequence: it affects the user who is checked, and signs no user in.
async fn has_its_effect(server: &TestServer, provider: &FakeProvider, odd: Misbehaviour) {
    let browser = signed_in(server, provider).await;
    server.clock.advance(DAY);
    provider.misbehave(Some(odd));
    let expected = if odd.effect() == Effect::Ends { ENDED } else { WAITING };
    assert_eq!(round(server).await, expected, "{odd:?}");
    let gone = name_of(server, &browser).await.is_none();
    assert_eq!(gone, odd.effect() == Effect::Ends, "{odd:?}");
    assert_eq!(round(server).await, Round::default(), "{odd:?}: nothing is due twice");
    match odd.effect() {
        Effect::None | Effect::Ends => {}
        Effect::Silence => {
            // Asked again in a few minutes; access goes on for the grace.
            server.clock.advance(300);
            assert_eq!(round(server).await, WAITING, "{odd:?}");
            server.clock.advance(2 * DAY);
            assert_eq!(round(server).await, WAITING, "{odd:?}");
            assert!(name_of(server, &browser).await.is_some(), "{odd:?}");
        }
        Effect::Wait(seconds) => {
            server.clock.advance(seconds - 1);
            assert_eq!(round(server).await, Round::default(), "{odd:?}: it is left alone");
            server.clock.advance(1);
            assert_eq!(round(server).await, WAITING, "{odd:?}");
            server.clock.advance(2 * DAY);
            assert_eq!(round(server).await, WAITING, "{odd:?}");
            assert!(name_of(server, &browser).await.is_some(), "{odd:?}");
        }
        Effect::Nonsense => {
            server.clock.advance(300);
            assert_eq!(round(server).await, WAITING, "{odd:?}");
            server.clock.advance(3301);
            assert_eq!(
                round(server).await,
                ENDED,
                "{odd:?}: it responds, and does not confirm the user"
            );
            assert!(name_of(server, &browser).await.is_none(), "{odd:?}");
        }
    }
    let browser = Browser::new();
    let page = arrive(server, provider, &browser).await;
    assert!(matches!(page.status, 400 | 403 | 502 | 503), "{odd:?}: {}", page.status);
    assert_eq!(name_of(server, &browser).await, None, "{odd:?}");
}

async fn all_habits(settings: fn(&FakeProvider) -> ProviderConfig) {
    for some in Misbehaviour::ALL.chunks(20) {
        let provider = FakeProvider::start().await;
        let config = settings(&provider);
        let server = server_with(&provider, |corp, _| *corp = config).await;
        for (number, odd) in some.iter().enumerate() {
            let name = fresh_user(&provider, number).await;
            if odd.effect() == Effect::None {
                is_harmless(&server, &provider, *odd, &name).await;
            } else {
                has_its_effect(&server, &provider, *odd).await;
            }
            forget_user(&server, &name).await;
        }
    }
}

#[tokio::test]
async fn every_habit_of_an_openid_provider_has_the_consequence_that_it_should() {
    all_habits(FakeProvider::config).await;
}

#[tokio::test]
async fn every_habit_of_a_plain_oauth_server_has_the_consequence_that_it_should() {
    all_habits(plain).await;
}

#[tokio::test]
async fn a_user_who_cannot_be_checked_stops_no_other_user_s_check() {
    for odd in Misbehaviour::ALL.iter().filter(|odd| odd.effect() != Effect::None) {
        let provider = FakeProvider::start().await;
        provider.own_tokens();
        let server = server_with(&provider, |_, _| {}).await;
        for number in 0..4 {
            let name = format!("u-{number}");
            provider.claims(&json!({"sub": name, "preferred_username": name, "email": null}));
            signed_in(&server, &provider).await;
        }
        // The user who was checked first stays first.
        provider.misbehave_for("u-0", *odd);
        for day in 1..=2 {
            server.clock.advance(DAY);
            let found = round(&server).await;
            let one = u32::from(odd.effect() == Effect::Ends || odd.effect() == Effect::Nonsense);
            if day == 1 {
                assert_eq!((found.confirmed, found.ended + found.waiting), (3, 1), "{odd:?}");
            } else {
                assert_eq!(found.confirmed, 3, "{odd:?} {found:?}");
                assert!(found.ended <= one, "{odd:?} {found:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_provider_that_seems_down_is_asked_about_others_first_in_the_next_round() {
    let provider = FakeProvider::start().await;
    provider.own_tokens();
    let server = server_with(&provider, |_, _| {}).await;
    for number in 0..8 {
        let name = format!("u-{number}");
        provider.claims(&json!({"sub": name, "preferred_username": name, "email": null}));
        signed_in(&server, &provider).await;
    }
    provider.misbehave(Some(Misbehaviour::ServerError));
    server.clock.advance(DAY);
    let before = provider.hits("/token");
    assert_eq!(round(&server).await, Round { confirmed: 0, ended: 0, waiting: 8 });
    assert_eq!(provider.hits("/token"), before + 3, "three in a row are enough");
    // It is back: those that were not asked about are due still, the three in five minutes.
    provider.misbehave(None);
    assert_eq!(round(&server).await, Round { confirmed: 5, ended: 0, waiting: 0 });
    server.clock.advance(300);
    assert_eq!(round(&server).await, Round { confirmed: 3, ended: 0, waiting: 0 });
    // Beyond the grace none ends without having been asked about.
    provider.misbehave(Some(Misbehaviour::BadGateway));
    server.clock.advance(5 * DAY);
    let before = provider.hits("/token");
    assert_eq!(round(&server).await, Round { confirmed: 0, ended: 8, waiting: 0 });
    assert_eq!(provider.hits("/token"), before + 8);
}

#[tokio::test]
async fn a_provider_that_is_down_delays_no_check_at_another() {
    let (down, other) = (FakeProvider::start().await, FakeProvider::start().await);
    down.own_tokens();
    let second = other.config();
    let server = server_with(&down, |_, config| {
        config.providers.insert("second".to_owned(), second);
    })
    .await;
    other.follow(&server.clock);
    // More accounts than one round checks, all due before the one at the other provider.
    for number in 0..60 {
        let name = format!("u-{number}");
        down.claims(&json!({"sub": name, "preferred_username": name, "email": null}));
        signed_in(&server, &down).await;
    }
    server.clock.advance(60);
    let browser = Browser::new();
    other.claims(&json!({"sub": "z", "preferred_username": "z", "email": null}));
    let away = browser.get(&server.at("/login/second")).await.expect(303);
    browser.get(&other.sign_in(&away.location())).await.expect(303);
    down.misbehave(Some(Misbehaviour::ServerError));
    other.misbehave(Some(Misbehaviour::InvalidGrant));
    server.clock.advance(DAY);
    let found = round(&server).await;
    assert_eq!((found.confirmed, found.ended, found.waiting), (0, 1, 50), "{found:?}");
    assert_eq!(name_of(&server, &browser).await, None, "the other provider refuses its user");
}

#[tokio::test]
async fn a_refreshed_id_token_that_fails_verification_is_not_an_outage() {
    for signature in [Signature::ForeignKey, Signature::None, Signature::SharedSecret] {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |_, _| {}).await;
        let browser = signed_in(&server, &provider).await;
        provider.sign_with(signature);
        server.clock.advance(DAY);
        assert_eq!(round(&server).await, WAITING, "{signature:?}");
        server.clock.advance(300);
        assert_eq!(round(&server).await, WAITING, "{signature:?}");
        assert!(name_of(&server, &browser).await.is_some());
        server.clock.advance(3301);
        assert_eq!(round(&server).await, ENDED, "{signature:?}");
        assert_eq!(name_of(&server, &browser).await, None);
    }
    // Nor is one that is meant for another client, or cannot be read.
    for claims in
        [json!({"aud": "another"}), json!({"exp": "never"}), json!({"iss": "https://x.example"})]
    {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |corp, _| corp.grace_seconds = 600).await;
        signed_in(&server, &provider).await;
        provider.claims(&claims);
        server.clock.advance(DAY);
        assert_eq!(round(&server).await, WAITING, "{claims}");
        // A grace that is shorter counts.
        server.clock.advance(601);
        assert_eq!(round(&server).await, ENDED, "{claims}");
    }
    // About another user it is a refusal.
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    provider.claims(&json!({"sub": "u-2"}));
    server.clock.advance(DAY);
    assert_eq!(round(&server).await, ENDED);
}

#[tokio::test]
async fn a_refresh_token_in_a_response_without_use_counts_from_then_on() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    server.clock.advance(DAY);
    let odd = json!({"refresh_token": "rt-new", "token_type": "bearer"}).to_string();
    provider.answer(
        "/token",
        doorward_testkit::Answer::Raw(200, "application/json", odd, String::new()),
    );
    assert_eq!(round(&server).await, WAITING);
    provider.restore("/token");
    provider.refresh_token(Some("rt-new"));
    server.clock.advance(300);
    assert_eq!(round(&server).await, CONFIRMED);
}

#[tokio::test]
async fn empty_tokens_are_none() {
    for settings in [FakeProvider::config, plain] {
        let provider = FakeProvider::start().await;
        provider.refresh_token(Some(""));
        let config = settings(&provider);
        let server = server_with(&provider, |corp, _| *corp = config).await;
        signed_in(&server, &provider).await;
        let end = doorward_model::Timestamp(i64::MAX / 4);
        let provider = server.app.store.providers_due(end).await.unwrap().remove(0);
        let user = server.app.store.identities_due(&provider, end, 10);
        assert!(user.await.unwrap()[0].credential.is_none());
    }
    // Without an ID token no user is signed in by OpenID Connect.
    let provider = FakeProvider::start().await;
    for id_token in [json!(""), json!(null), json!(7), json!({})] {
        let answer = json!({"access_token": "at", "token_type": "Bearer", "id_token": id_token});
        provider.answer(
            "/token",
            doorward_testkit::Answer::Raw(
                200,
                "application/json",
                answer.to_string(),
                String::new(),
            ),
        );
        let server = server_with(&provider, |_, _| {}).await;
        let browser = Browser::new();
        refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
    }
}

#[tokio::test]
async fn a_token_whose_end_cannot_be_read_is_not_asked_with_again() {
    for (odd, kept) in [
        (Misbehaviour::ExpiresInAbsent, true),
        (Misbehaviour::ExpiresInNull, true),
        (Misbehaviour::ExpiresInWords, false),
        (Misbehaviour::ExpiresInNegative, false),
        (Misbehaviour::ExpiresInText, false),
    ] {
        let provider = FakeProvider::start().await;
        provider.refresh_token(None);
        provider.misbehave(Some(odd));
        let config = plain(&provider);
        let server = server_with(&provider, |corp, _| *corp = config).await;
        signed_in(&server, &provider).await;
        server.clock.advance(DAY);
        let checked = if kept { CONFIRMED } else { Round::default() };
        assert_eq!(round(&server).await, checked, "{odd:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_fails_no_sign_in_within_five_minutes() {
    for odd in [Misbehaviour::ClockAhead, Misbehaviour::ClockBehind] {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |_, _| {}).await;
        provider.misbehave(Some(odd));
        let browser = signed_in(&server, &provider).await;
        // `prompt=login` and `max_age`: the authentication is as old as the provider's own token
        // says.
        server.clock.advance(1000);
        let away = begin(&server, &browser, "?again=1").await.expect(303);
        browser.get(&provider.sign_in(&away.location())).await.expect(303);
        let skew = if odd == Misbehaviour::ClockAhead { 240 } else { -240 };
        provider.claims(&json!({"auth_time": server.app.clock.now().0 + skew - 600}));
        let away = begin(&server, &browser, "?again=1").await.expect(303);
        assert_eq!(browser.get(&provider.sign_in(&away.location())).await.status, 403, "{odd:?}");
        provider.forget_claim("auth_time");
        // A token that lives for a minute is not over when it arrives.
        let now = server.app.clock.now().0;
        provider.claims(&json!({"exp": now + skew + 60}));
        signed_in(&server, &provider).await;
        provider.forget_claim("exp");
    }
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let now = server.app.clock.now().0;
    for (claims, status) in [
        (json!({"iat": now + 299}), 303),
        (json!({"iat": now + 310, "exp": now + 900}), 400),
        (json!({"iat": now, "nbf": now + 290}), 303),
        (json!({"iat": now, "nbf": now + 310}), 400),
    ] {
        provider.claims(&claims);
        let browser = Browser::new();
        assert_eq!(arrive(&server, &provider, &browser).await.status, status, "{claims}");
        for name in ["iat", "exp", "nbf"] {
            provider.forget_claim(name);
        }
    }
}

#[tokio::test]
async fn an_algorithm_that_is_called_by_its_curve_is_accepted() {
    let provider = FakeProvider::start().await;
    provider.sign_with(Signature::NamedCurve);
    for announced in [json!(["Ed25519"]), json!("Ed25519"), json!(["EdDSA"]), json!(null)] {
        provider.discovery(&json!({"id_token_signing_alg_values_supported": announced}));
        let server = server_with(&provider, |_, _| {}).await;
        let browser = signed_in(&server, &provider).await;
        let now = server.app.clock.now().0;
        let claims = json!({
            "iss": provider.issuer, "aud": "doorward", "iat": now, "jti": "j", "sub": "u-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        let fields = [("logout_token", provider.token(&claims))];
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Browser::new()
            .post(&server.at("/login/corp/backchannel-logout"), &fields)
            .await
            .expect(200);
        assert_eq!(name_of(&server, &browser).await, None);
    }
    // One that is not announced is not.
    provider.discovery(&json!({"id_token_signing_alg_values_supported": ["ES256"]}));
    let server = server_with(&provider, |_, _| {}).await;
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
}

#[tokio::test]
async fn a_signed_userinfo_counts_with_a_good_signature_only() {
    let provider = FakeProvider::start().await;
    let signed = |claims: &serde_json::Value| {
        doorward_testkit::Answer::Raw(200, "application/jwt", provider.token(claims), String::new())
    };
    let claims =
        json!({"sub": "u-1", "iss": provider.issuer, "groups": ["core"], "updated_at": "now"});
    provider.answer("/userinfo", signed(&claims));
    let server =
        server_with(&provider, |corp, _| corp.allowed_groups = vec!["core".to_owned()]).await;
    signed_in(&server, &provider).await;
    provider.answer("/userinfo", signed(&json!({"sub": "u-2", "groups": ["core"]})));
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
    let forged = provider.token(&claims);
    let forged = format!("{}AAAA", &forged[..forged.len() - 4]);
    provider.answer(
        "/userinfo",
        doorward_testkit::Answer::Raw(200, "application/jwt", forged, String::new()),
    );
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
}

#[tokio::test]
async fn refreshed_tokens_without_an_e_mail_address_leave_it_and_those_with_another_change_it() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| {
        corp.allowed_domains = vec!["corp.example".to_owned()];
    })
    .await;
    let browser = signed_in(&server, &provider).await;
    let email = async || server.app.accounts.find("ada").await.unwrap().email;
    for (claims, expected) in [
        // Removed from the token: nothing is said of it.
        (json!({"email": null}), Some("ada@corp.example")),
        (json!({"email": "ada.king@corp.example"}), Some("ada.king@corp.example")),
    ] {
        provider.claims(&claims);
        server.clock.advance(DAY);
        assert_eq!(round(&server).await, CONFIRMED, "{claims}");
        assert_eq!(email().await.as_deref(), expected, "{claims}");
    }
    assert!(name_of(&server, &browser).await.is_some());
    provider.claims(&json!({"email_verified": "false"}));
    server.clock.advance(DAY);
    assert_eq!(
        round(&server).await,
        ENDED,
        "the domain of an unverified e-mail address is not allowed"
    );
    assert_eq!(email().await, None);
}

#[tokio::test]
async fn the_e_mail_address_of_an_invited_user_follows_the_account_from_the_first_sign_in_on() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| "invited".clone_into(&mut corp.sign_up)).await;
    let new = doorward_accounts::NewAccount {
        name: "ada".to_owned(),
        email: Some("ada@corp.example".to_owned()),
        password: None,
        password_temporary: false,
        roles: Vec::new(),
    };
    let operator = doorward_accounts::Authority::operator();
    let user = server.app.accounts.add(&operator, new).await.unwrap();
    let corp = server.app.federation.named("corp").await.unwrap();
    let invitation = server.app.federation.invitation(&corp, "ada@corp.example", &user.id);
    server.app.store.apply(invitation).await.unwrap();
    let browser = signed_in(&server, &provider).await;
    connect(&server, &browser, "mcp:read").await;
    for (claims, expected) in [
        (json!({"email": "new@corp.example"}), Some("new@corp.example")),
        (json!({"email_verified": false}), None),
    ] {
        provider.claims(&claims);
        server.clock.advance(DAY);
        assert_eq!(round(&server).await, CONFIRMED);
        let email = server.app.accounts.find("ada").await.unwrap().email;
        assert_eq!(email.as_deref(), expected, "{claims}");
    }
}
