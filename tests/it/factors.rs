//! Second factors of this server: authenticator apps, recovery codes, and the demands for them.
//! Passkeys need a browser: tests/clients.

use doorward_accounts::Authority;
use doorward_model::{Level, Timestamp};
use doorward_testkit::{
    Browser, FakeProvider, OAuthClient, PASSWORD, Page, Pkce, TestServer, Tokens, form_value,
};
use serde_json::json;

/// The value of an input in the form that posts to `action`.
pub(crate) fn field(page: &Page, action: &str, name: &str) -> String {
    let at = page
        .body
        .find(&format!("action=\"{action}\""))
        .unwrap_or_else(|| panic!("no form for {action}: {}", page.body));
    form_value(&page.body[at..], name).unwrap_or_else(|| panic!("no {name}"))
}

/// The key that a page shows for an authenticator app.
pub(crate) fn key(page: &Page) -> Vec<u8> {
    let shown = page
        .body
        .split("<p class=\"copy\"><code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .replace(' ', "");
    let bits: Vec<u8> = shown
        .bytes()
        .flat_map(|letter| {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                .iter()
                .position(|known| *known == letter)
                .unwrap();
            (0..5).rev().map(move |bit| u8::try_from(value >> bit & 1).unwrap())
        })
        .collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect()
}

/// RFC 6238, written down once more so that the test does not trust the library under test.
pub(crate) fn code(key: &[u8], at: Timestamp) -> String {
    let counter = u64::try_from(at.0).unwrap() / 30;
    let mac = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key),
        &counter.to_be_bytes(),
    );
    let bytes = mac.as_ref();
    let offset = usize::from(bytes[19] & 15);
    let number = u32::from_be_bytes([
        bytes[offset] & 0x7f,
        bytes[offset + 1],
        bytes[offset + 2],
        bytes[offset + 3],
    ]);
    format!("{:06}", number % 1_000_000)
}

pub(crate) async fn post_security(
    server: &TestServer,
    browser: &Browser,
    page: &Page,
    action: &str,
    fields: &[(&str, &str)],
) -> Page {
    let csrf = field(page, action, "csrf");
    let mut all = vec![("csrf", csrf.as_str())];
    all.extend_from_slice(fields);
    browser.post(&server.at(action), &all).await
}

/// Sets an authenticator app up; returns its key and the recovery codes.
pub(crate) async fn enrol(server: &TestServer, browser: &Browser) -> (Vec<u8>, Vec<String>) {
    let page = browser.get(&server.at("/account/security")).await.expect(200);
    let key = key(&page);
    assert_eq!(
        self::key(&browser.get(&server.at("/account/security")).await),
        key,
        "a reload shows the same key"
    );
    let done = post_security(
        server,
        browser,
        &page,
        "/account/authenticator",
        &[("action", "confirm"), ("code", &code(&key, server.app.clock.now()))],
    )
    .await
    .expect(200);
    let codes: Vec<String> = done
        .body
        .split("<li><code>")
        .skip(1)
        .map(|part| part.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10, "{}", done.body);
    (key, codes)
}

/// Signs in with the password and answers where that leads.
pub(crate) async fn password(
    server: &TestServer,
    browser: &Browser,
    name: &str,
    request: Option<&str>,
) -> Page {
    let page = browser.get(&server.at("/login")).await.expect(200);
    let csrf = field(&page, "/login", "csrf");
    let mut fields = vec![("csrf", csrf.as_str()), ("name", name), ("password", PASSWORD)];
    fields.extend(request.map(|request| ("request", request)));
    browser.post(&server.at("/login"), &fields).await
}

pub(crate) async fn prove(server: &TestServer, browser: &Browser, at: &str, typed: &str) -> Page {
    let page = browser.get(at).await.expect(200);
    let csrf = field(&page, "/login/second-factor", "csrf");
    let request =
        form_value(&page.body[page.body.find("/login/second-factor").unwrap()..], "request");
    let mut fields = vec![("csrf", csrf.as_str()), ("method", "code"), ("code", typed)];
    fields.extend(request.as_deref().map(|request| ("request", request)));
    browser.post(&server.at("/login/second-factor"), &fields).await
}

#[tokio::test]
async fn a_user_with_an_app_is_asked_for_it_and_each_code_counts_once() {
    let server = TestServer::start().await;
    server.user("ann").await;
    let (key, _) = enrol(&server, &server.signed_in("ann").await).await;
    server.clock.advance(60);
    let browser = Browser::new();
    let half = password(&server, &browser, "ann", None).await.expect(303);
    assert!(half.location().contains("/login/second-factor"), "{}", half.location());
    // Half a sign-in opens nothing.
    for page in ["/account", "/account/security", "/admin"] {
        assert!(
            browser
                .get(&server.at(page))
                .await
                .expect(303)
                .location()
                .contains("/login/second-factor"),
            "{page}"
        );
    }
    let client = OAuthClient::register(&server).await;
    let to = browser.get(&client.authorize_url(&Pkce::default(), &[])).await.expect(303);
    assert!(to.location().contains("/login/second-factor?request="), "{}", to.location());
    let silent = browser
        .get(&client.authorize_url(&Pkce::default(), &[("prompt", "none")]))
        .await
        .expect(303);
    assert_eq!(silent.location_param("error").as_deref(), Some("login_required"));
    let before = browser.cookie("doorward-session").unwrap();
    prove(&server, &browser, &half.location(), "000000").await.expect(401);
    let good = code(&key, server.app.clock.now());
    assert_eq!(
        prove(&server, &browser, &half.location(), &good).await.expect(303).location(),
        server.at("/account")
    );
    assert_ne!(
        browser.cookie("doorward-session").unwrap(),
        before,
        "the cookie of half a sign-in is not that of a whole one"
    );
    browser.get(&server.at("/account")).await.expect(200);
    // The same code again, in another browser.
    let other = Browser::new();
    let half = password(&server, &other, "ann", None).await.expect(303);
    prove(&server, &other, &half.location(), &good).await.expect(401);
    // The code of the step before is late by one: fine, unless a later one was used.
    server.clock.advance(60);
    let late = code(&key, server.app.clock.now().plus(-30));
    prove(&server, &other, &half.location(), &late).await.expect(303);
}

#[tokio::test]
async fn two_browsers_with_one_code_at_the_same_moment_are_one_sign_in() {
    let server = TestServer::start().await;
    server.user("ann").await;
    let (key, _) = enrol(&server, &server.signed_in("ann").await).await;
    server.clock.advance(60);
    let (one, two) = (Browser::new(), Browser::new());
    let (first, second) =
        (password(&server, &one, "ann", None).await, password(&server, &two, "ann", None).await);
    let good = code(&key, server.app.clock.now());
    let (first, second) = (first.location(), second.location());
    let (a, b) =
        tokio::join!(prove(&server, &one, &first, &good), prove(&server, &two, &second, &good));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401]);
}

#[tokio::test]
async fn guessing_codes_gets_slower_and_half_a_sign_in_lasts_ten_minutes() {
    let server = TestServer::start().await;
    server.user("ann").await;
    let (key, _) = enrol(&server, &server.signed_in("ann").await).await;
    server.clock.advance(60);
    let browser = Browser::new();
    let half = password(&server, &browser, "ann", None).await.expect(303);
    for _ in 0..5 {
        prove(&server, &browser, &half.location(), "123123").await.expect(401);
    }
    prove(&server, &browser, &half.location(), &code(&key, server.app.clock.now()))
        .await
        .expect(429);
    server.clock.advance(601);
    assert!(
        browser.get(&half.location()).await.expect(303).location().contains("/login"),
        "the half session is over"
    );
}

#[tokio::test]
async fn recovery_codes_work_once_each_and_new_ones_replace_old_ones() {
    let server = TestServer::start().await;
    server.user("ann").await;
    let owner = server.signed_in("ann").await;
    let (_, codes) = enrol(&server, &owner).await;
    let browser = Browser::new();
    let half = password(&server, &browser, "ann", None).await.expect(303);
    prove(&server, &browser, &half.location(), &codes[0].to_uppercase().replace('-', " "))
        .await
        .expect(303);
    let other = Browser::new();
    let half = password(&server, &other, "ann", None).await.expect(303);
    prove(&server, &other, &half.location(), &codes[0]).await.expect(401);
    let page = owner.get(&server.at("/account/security")).await;
    assert!(page.body.contains("9 left"));
    // Codes replace a factor: a user without one is told to set one up.
    server.user("bob").await;
    let none = server.signed_in("bob").await.get(&server.at("/account/security")).await;
    assert!(none.body.contains("Add a passkey or set up an authenticator app first."));
    assert!(!none.body.contains("/account/recovery-codes"));
    let fresh =
        post_security(&server, &owner, &page, "/account/recovery-codes", &[]).await.expect(200);
    let shown: Vec<&str> =
        fresh.body.split("<li><code>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!(shown.len(), 10);
    // They are copied as a whole, printed, or kept as a file that the browser sends nowhere.
    let href = fresh.body.split("href=\"data:text/plain;charset=utf-8,").nth(1).unwrap();
    let file = href.split('"').next().unwrap();
    assert!(shown.iter().all(|code| file.contains(code)), "{file}");
    assert!(fresh.body.contains("data-all=\"ul.codes code\"") && fresh.body.contains("printer"));
    prove(&server, &other, &half.location(), &codes[1]).await.expect(401);
}

#[tokio::test]
async fn changing_factors_needs_a_recent_sign_in_and_removing_one_ends_other_sessions() {
    let server = TestServer::start().await;
    server.user("ann").await;
    let (owner, elsewhere) = (server.signed_in("ann").await, server.signed_in("ann").await);
    enrol(&server, &owner).await;
    let page = owner.get(&server.at("/account/security")).await;
    server.clock.advance(901);
    let stale =
        post_security(&server, &owner, &page, "/account/authenticator", &[("action", "remove")])
            .await
            .expect(400);
    assert!(stale.body.contains("Sign in again before"), "{}", stale.body);
    assert!(owner.get(&server.at("/account/security")).await.body.contains("badge good\">on"));
    server.clock.advance(-901);
    post_security(&server, &owner, &page, "/account/authenticator", &[("action", "remove")])
        .await
        .expect(303);
    elsewhere.get(&server.at("/account")).await.expect(303);
    owner.get(&server.at("/account")).await.expect(200);
}

#[tokio::test]
async fn where_a_second_factor_is_required_a_user_without_one_sets_one_up_first() {
    let server =
        TestServer::start_with(|config| "required".clone_into(&mut config.accounts.second_factor))
            .await;
    server.user("ann").await;
    let browser = Browser::new();
    let half = password(&server, &browser, "ann", None).await.expect(303);
    let page = browser.get(&half.location()).await.expect(200);
    assert!(
        page.body.contains("Set up a second factor") && page.body.contains("<svg class=\"qr\""),
        "{}",
        page.body
    );
    let key = key(&page);
    prove(&server, &browser, &half.location(), "999999").await.expect(401);
    let done = prove(&server, &browser, &half.location(), &code(&key, server.app.clock.now()))
        .await
        .expect(200);
    assert_eq!(done.body.matches("<li><code>").count(), 10);
    browser.get(&server.at("/account")).await.expect(200);
}

#[tokio::test]
async fn a_scope_can_demand_a_second_factor_and_the_token_says_what_was_proved() {
    let server = TestServer::start_with(|config| {
        config.access.second_factor_scopes = vec!["mcp:write".to_owned()];
    })
    .await;
    server.user("ann").await;
    let browser = server.signed_in("ann").await;
    let (client, pkce) = (OAuthClient::register(&server).await, Pkce::default());
    // Reading needs none.
    let read = client.tokens(&browser, &[("scope", "mcp:read")]).await;
    let refused = server
        .call(&read.access, "revoke_connected_app", json!({"client_id": "c_x"}))
        .await
        .expect(403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    // The step-up leads to the factor; without one it is set up there.
    let to = browser
        .get(&client.authorize_url(&pkce, &[("scope", "mcp:read mcp:write")]))
        .await
        .expect(303);
    assert!(to.location().contains("/login/second-factor?request="));
    let page = browser.get(&to.location()).await.expect(200);
    let key = key(&page);
    // Going on without it gives less.
    let skip = page
        .body
        .split("href=\"")
        .find(|part| part.contains("settled=1"))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let less = browser.get(&skip).await.expect(200);
    assert!(
        !less.body.contains("scope-mcp:write")
            && less.body.contains("a second factor is required: Change things for you"),
        "{}",
        less.body
    );
    let codes = prove(&server, &browser, &to.location(), &code(&key, server.app.clock.now()))
        .await
        .expect(200);
    let onward = codes
        .body
        .split("href=\"")
        .find(|part| part.contains("/consent?request="))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let consent = browser.get(&onward).await.expect(200);
    let back = client.allow(&browser, &consent).await.expect(303);
    let tokens =
        Tokens::read(client.redeem(&back.location_param("code").unwrap(), &pkce, &[]).await);
    server
        .call(&tokens.access, "revoke_connected_app", json!({"client_id": "c_x"}))
        .await
        .expect(200);
    let payload = tokens.access.split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(
        &base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload)
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        (claims["acr"].as_str(), &claims["amr"]),
        (Some(Level::MultiFactor.as_str()), &json!(["pwd", "otp", "mfa"]))
    );
    assert_eq!(
        server.call(&tokens.access, "whoami", json!({})).await.json()["result"]["structuredContent"]
            ["signed_in"]["methods"],
        json!(["pwd", "otp", "mfa"])
    );
}

#[tokio::test]
async fn a_scope_that_demands_a_factor_since_is_answered_with_the_level_that_a_client_asks_for() {
    let one = TestServer::start().await;
    one.user("ann").await;
    let browser = one.signed_in("ann").await;
    let client = OAuthClient::register(&one).await;
    let tokens = client.tokens(&browser, &[("scope", "mcp:read mcp:write")]).await;
    let call = async |server: &TestServer| {
        server.call(&tokens.access, "revoke_connected_app", json!({"client_id": "c_x"})).await
    };
    call(&one).await.expect(200);
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    config.access.second_factor_scopes = vec!["mcp:write".to_owned()];
    let strict = TestServer::start_on(config, one.data_dir.clone()).await;
    assert!(strict.calls(&tokens.access).await, "reading needs none");
    let refused = call(&strict).await.expect(401);
    let challenge = refused.header("www-authenticate");
    let level = Level::MultiFactor.as_str();
    for part in [
        "Bearer error=\"insufficient_user_authentication\"",
        &format!("acr_values=\"{level}\""),
        "scope=\"mcp:write\"",
        "resource_metadata=\"",
    ] {
        assert!(challenge.contains(part), "{part}: {challenge}");
    }
    let data = &refused.json()["error"]["data"];
    assert_eq!(data["error"], "insufficient_user_authentication");
    assert_eq!(data["acr_values"], level);
    // A client that asks for the level sends its user to the second factor, which is not skipped.
    let there = OAuthClient::known(&strict, &client.id, &client.redirect_uri);
    let asked = [("scope", "mcp:read mcp:write"), ("acr_values", level)];
    let resource = one.at("/mcp");
    let asked = [&asked[..], &[("resource", resource.as_str())]].concat();
    let to = browser.get(&there.authorize_url(&Pkce::default(), &asked)).await.expect(303);
    assert!(to.location().contains("/login/second-factor?request="), "{}", to.location());
    // A token that lacks the scope itself is told so, as before.
    let other = OAuthClient::register(&one).await;
    let read = other.tokens(&browser, &[("scope", "mcp:read")]).await;
    let page = strict.call(&read.access, "revoke_connected_app", json!({"client_id": "c_x"})).await;
    assert!(page.expect(403).header("www-authenticate").contains("insufficient_scope"));
}

#[tokio::test]
async fn the_administrator_s_pages_can_demand_a_second_factor() {
    let server =
        TestServer::start_with(|config| config.access.second_factor_for_administrators = true)
            .await;
    server.user_with("root", &["admin"]).await;
    let browser = server.signed_in("root").await;
    let to = browser.get(&server.at("/admin")).await.expect(303);
    assert!(to.location().contains("/login/second-factor?next=%2Fadmin"));
    let key = key(&browser.get(&to.location()).await.expect(200));
    prove(&server, &browser, &to.location(), &code(&key, server.app.clock.now())).await.expect(200);
    browser.get(&server.at("/admin")).await.expect(200);
}

#[tokio::test]
async fn a_provider_without_a_second_factor_can_be_given_ours_and_one_with_it_is_trusted() {
    let provider = FakeProvider::start().await;
    let mut corp = provider.config();
    "required".clone_into(&mut corp.second_factor);
    corp.trusted_factors = vec!["hwk".to_owned()];
    let server = TestServer::start_with(|config| {
        config.providers.insert("corp".to_owned(), corp);
    })
    .await;
    provider.follow(&server.clock);
    let browser = Browser::new();
    let away = browser.get(&server.at("/login/corp")).await.expect(303);
    let back = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    assert!(back.location().contains("/login/second-factor"), "{}", back.location());
    browser.get(&server.at("/account")).await.expect(303);
    provider.claims(&json!({"amr": ["pwd", "hwk"]}));
    let browser = Browser::new();
    let away = browser.get(&server.at("/login/corp")).await.expect(303);
    browser.get(&provider.sign_in(&away.location())).await.expect(303);
    browser.get(&server.at("/account")).await.expect(200);
}

#[tokio::test]
async fn an_administrator_can_take_lost_factors_away() {
    let server = TestServer::start().await;
    let user = server.user("ann").await;
    let browser = server.signed_in("ann").await;
    enrol(&server, &browser).await;
    server.app.accounts.reset_factors(&Authority::operator(), &user).await.unwrap();
    browser.get(&server.at("/account")).await.expect(303);
    assert_eq!(
        password(&server, &Browser::new(), "ann", None).await.expect(303).location(),
        server.at("/account")
    );
}

#[tokio::test]
async fn passkeys_are_not_offered_under_an_ip_address_and_invalid_data_proves_nothing() {
    let server = TestServer::start().await;
    server.user("ann").await;
    let page = Browser::new().get(&server.at("/login")).await.expect(200);
    assert!(!page.body.contains("data-passkey"), "127.0.0.1 is no host name");
    let browser = Browser::new();
    let page = browser.get(&server.at("/login")).await;
    let csrf = field(&page, "/login", "csrf");
    browser
        .post(
            &server.at("/login/passkey"),
            &[("csrf", &csrf), ("credential", "{}"), ("state", "x")],
        )
        .await
        .expect(403);
    assert!(
        server
            .signed_in("ann")
            .await
            .get(&server.at("/account/security"))
            .await
            .body
            .contains("Passkeys require a host name")
    );
}
