//! The authorization endpoint and the consent page.

use doorward_testkit::{Browser, OAuthClient, Pkce, TestServer, form_value};
use serde_json::json;

mod narrower;
mod native;

async fn stage() -> (TestServer, OAuthClient, Browser) {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    (server, client, browser)
}

#[tokio::test]
async fn ax4_n4_unknown_clients_and_redirects_get_a_page_and_never_a_redirect() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    for changes in [
        &[("client_id", "c_unknown")][..],
        &[("client_id", "")],
        &[("redirect_uri", "https://evil.example/cb")],
        &[("redirect_uri", "http://127.0.0.1:7777/callback/../evil")],
        &[("redirect_uri", "http://127.0.0.1:7777/callback?x=1")],
        &[("redirect_uri", "http://127.0.0.1:7777/callback#x")],
        &[("redirect_uri", "http://127.0.0.1.evil.example:7777/callback")],
        &[("redirect_uri", "http://evil.example@127.0.0.1:7777/callback")],
        &[("redirect_uri", "javascript:alert(1)")],
        &[("redirect_uri", "https://127.0.0.1:7777/callback")],
    ] {
        let page = browser.get(&client.authorize_url(&pkce, changes)).await.expect(400);
        assert!(page.location().is_empty() && page.body.contains("<h1>"), "{changes:?}");
        assert!(
            !page.body.contains("evil.example"),
            "{changes:?}: the page repeats the hostile URL"
        );
    }
    let repeated = format!("{}&client_id=other", client.authorize_url(&pkce, &[]));
    browser.get(&repeated).await.expect(400);
    let repeated =
        format!("{}&redirect_uri=https%3A%2F%2Fevil.example", client.authorize_url(&pkce, &[]));
    browser.get(&repeated).await.expect(400);
    drop(server);
}

#[tokio::test]
async fn a25_i10_ax1_other_errors_go_to_the_client_with_state_and_iss() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    for (changes, error) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("response_type", "")], "unsupported_response_type"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("scope", "nothing known")], "invalid_scope"),
        (&[("resource", "https://evil.example/mcp")], "invalid_target"),
        (&[("request", "x.y.z")], "request_not_supported"),
        (&[("request_uri", "urn:x")], "request_uri_not_supported"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
    ] {
        let back = browser.get(&client.authorize_url(&pkce, changes)).await.expect(303);
        assert!(
            back.location().starts_with("http://127.0.0.1:7777/callback?"),
            "{changes:?}: {}",
            back.location()
        );
        assert_eq!(back.location_param("error").as_deref(), Some(error), "{changes:?}");
        assert_eq!(back.location_param("state").as_deref(), Some("st-123"));
        assert_eq!(back.location_param("iss").as_deref(), Some(server.url.as_str()));
        assert!(back.location_param("code").is_none());
    }
}

#[tokio::test]
async fn ca2_a25_the_whole_flow_yields_a_code_with_state_and_iss() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let page = client.consent_page(&browser, &pkce, &[]).await;
    let back = client.allow(&browser, &page).await.expect(303);
    assert!(back.location().starts_with("http://127.0.0.1:7777/callback?code=dw_ac_"));
    assert_eq!(back.location_param("state").as_deref(), Some("st-123"));
    assert_eq!(back.location_param("iss").as_deref(), Some(server.url.as_str()));
}

#[tokio::test]
async fn a13_a14_g3_i14_i22_the_consent_page_shows_what_is_at_stake() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register_with(
        &server,
        json!({"client_name": "<b>Bold</b> & \"co\"", "token_endpoint_auth_method": "none"}),
    )
    .await;
    let browser = server.signed_in("alice").await;
    let page = client.consent_page(&browser, &Pkce::default(), &[("scope", "mcp:write")]).await;
    assert!(
        page.body.contains("&#60;b&#62;Bold") && !page.body.contains("<b>Bold"),
        "the name must be inert"
    );
    let apart = "<strong><bdi>&#60;b&#62;Bold&#60;/b&#62; &#38; &#34;co&#34;</bdi></strong>";
    assert!(page.body.contains(&format!("<h1>May {apart} act for you?</h1>")), "{}", page.body);
    let title = "<title>May &#60;b&#62;Bold&#60;/b&#62; &#38; &#34;co&#34; act for you?";
    assert!(page.body.contains(title), "{}", page.body);
    assert!(page.body.contains("class=\"host\">127.0.0.1<"), "the redirect host is in large type");
    assert!(page.body.contains("unverified") && page.body.contains("runs on your own computer"));
    assert!(page.body.contains("scope-mcp:read") && page.body.contains("scope-mcp:write"));
    assert!(page.body.contains(&server.at("/mcp")));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'")
            && policy.contains("default-src 'none'")
            && !policy.contains("form-action"),
        "{policy}"
    );
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn g3_g4_consent_needs_its_own_form_in_its_own_browser() {
    let (server, client, browser) = stage().await;
    server.user("bob").await;
    let other = server.signed_in("bob").await;
    let page = client.consent_page(&browser, &Pkce::default(), &[]).await;
    let form = &page.body[page.body.find("/consent\"").unwrap()..];
    let (csrf, request) = (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
    let consent = server.at("/consent");
    let fields =
        |csrf: &'static str| [("decision", "allow"), ("scope-mcp:read", "on"), ("csrf", csrf)];
    let mut wrong = fields("wrong").to_vec();
    wrong.push(("request", &request));
    browser.post(&consent, &wrong).await.expect(403);
    let right = [
        ("decision", "allow"),
        ("scope-mcp:read", "on"),
        ("csrf", csrf.as_str()),
        ("request", request.as_str()),
    ];
    // Another user's browser, with the first one's form.
    other.post(&consent, &right).await.expect(403);
    // No user's browser.
    Browser::new().post(&consent, &right).await.expect(403);
    // Another site makes the browser submit it.
    let cross = browser
        .raw(reqwest::Method::POST, &consent)
        .form(&right)
        .header("origin", "https://evil.example");
    browser.send(cross).await.expect(403);
    let cross = browser
        .raw(reqwest::Method::POST, &consent)
        .form(&right)
        .header("sec-fetch-site", "cross-site");
    browser.send(cross).await.expect(403);
    // A GET never decides.
    let get = browser
        .get(&format!("{consent}?request={request}&decision=allow&scope-mcp:read=on&csrf={csrf}"))
        .await
        .expect(200);
    assert!(get.location().is_empty());
    browser.post(&consent, &right).await.expect(303);
    // The back button and a second press: decided once.
    let again = browser.post(&consent, &right).await.expect(400);
    assert!(again.body.contains("already answered"));
}

#[tokio::test]
async fn the_enter_key_on_the_consent_page_decides_nothing() {
    let (server, client, browser) = stage().await;
    let page = client.consent_page(&browser, &Pkce::default(), &[]).await;
    // Enter presses the first button of the form (HTML, implicit submission); a disabled one does
    // nothing. A program that takes no notice of that denies.
    let form = &page.body[page.body.find("/consent\"").unwrap()..];
    let form = &form[..form.find("</form>").unwrap()];
    let mut buttons = form.match_indices("<button").map(|(at, _)| {
        let button = &form[at..];
        &button[..button.find('>').unwrap()]
    });
    let first = buttons.next().unwrap();
    assert!(first.contains(" disabled") && first.contains("value=\"deny\""), "{first}");
    assert!(buttons.all(|button| button.contains("name=\"decision\"")));
    // A browser that sends the form without a button is asked again.
    let (csrf, request) = (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
    let fields = [
        ("scope-mcp:read", "on"),
        ("csrf", csrf.as_str()),
        ("request", request.as_str()),
        ("decision", ""),
    ];
    for sent in [&fields[..3], &fields[..]] {
        let again = browser.post(&server.at("/consent"), sent).await.expect(200);
        assert!(again.location().is_empty() && again.body.contains("value=\"allow\""));
    }
    // The request still waits for a decision.
    let page = browser.get(&server.at(&format!("/consent?request={request}"))).await.expect(200);
    let back = client.decide(&browser, &page, "allow", &["mcp:read"]).await.expect(303);
    assert!(back.location_param("code").is_some());
}

#[tokio::test]
async fn a_denial_goes_back_as_access_denied() {
    let (server, client, browser) = stage().await;
    let page = client.consent_page(&browser, &Pkce::default(), &[]).await;
    let back = client.decide(&browser, &page, "deny", &[]).await.expect(303);
    assert_eq!(back.location_param("error").as_deref(), Some("access_denied"));
    assert_eq!(back.location_param("iss").as_deref(), Some(server.url.as_str()));
    let page = client.consent_page(&browser, &Pkce::default(), &[]).await;
    let back = client.decide(&browser, &page, "allow", &[]).await.expect(303);
    assert_eq!(
        back.location_param("error").as_deref(),
        Some("access_denied"),
        "allowing nothing is a denial"
    );
}

#[tokio::test]
async fn a30_a31_the_user_may_grant_less_and_hierarchy_is_normalised() {
    let (_server, client, browser) = stage().await;
    for (checked, granted) in [
        (&["mcp:read", "mcp:write"][..], "mcp:write"),
        (&["mcp:read"], "mcp:read"),
        (&["mcp:write"], "mcp:write"),
    ] {
        // Each time a client of its own: an earlier grant would be offered again.
        let pkce = Pkce::default();
        let page = client
            .consent_page(&browser, &pkce, &[("scope", "mcp:read mcp:write unknown:scope")])
            .await;
        let back = client.decide(&browser, &page, "allow", checked).await.expect(303);
        let tokens = client
            .redeem(&back.location_param("code").unwrap(), &pkce, &[])
            .await
            .expect(200)
            .json();
        assert_eq!(tokens["scope"], granted, "{checked:?}");
    }
}

#[tokio::test]
async fn i7_n7_scopes_default_and_unknown_ones_are_dropped() {
    let (_server, client, browser) = stage().await;
    assert_eq!(client.tokens(&browser, &[("scope", "")]).await.answer["scope"], "mcp:read");
    let tokens = client.tokens(&browser, &[("scope", "mcp:read offline_access openid")]).await;
    assert_eq!(tokens.answer["scope"], "mcp:read offline_access");
    // rmcp repeats its original request at refresh.
    client
        .refresh(&tokens.refresh, &[("scope", "mcp:read offline_access openid")])
        .await
        .expect(200);
}

#[tokio::test]
async fn a27_i2_i11_resource_is_forgiving_in_spelling_and_strict_in_meaning() {
    let (server, client, browser) = stage().await;
    for resource in [
        "",
        &server.at("/mcp/"),
        &server.at("/mcp"),
        &server.url.replace("http://", "HTTP://"),
        &server.url,
    ] {
        let tokens = client.tokens(&browser, &[("resource", resource)]).await;
        let payload = tokens.access.split('.').nth(1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(
            &base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload)
                .unwrap(),
        )
        .unwrap();
        assert_eq!(claims["aud"], server.at("/mcp"), "{resource}");
        assert_eq!(claims["iss"], server.url);
    }
}

#[tokio::test]
async fn authz_38_an_old_request_has_expired_and_a_tampered_one_is_damaged() {
    let (server, client, browser) = stage().await;
    let to = browser.get(&client.authorize_url(&Pkce::default(), &[])).await.expect(303).location();
    let mut tampered = to.clone();
    tampered.replace_range(
        to.len() - 3..to.len() - 2,
        if &to[to.len() - 3..to.len() - 2] == "A" { "B" } else { "A" },
    );
    browser.get(&tampered).await.expect(400);
    server.clock.advance(601);
    let page = browser.get(&to).await.expect(400);
    assert!(page.body.contains("The request has expired"));
}

#[tokio::test]
async fn prompt_none_and_max_age_are_obeyed() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let silent = browser.get(&client.authorize_url(&pkce, &[("prompt", "none")])).await.expect(303);
    assert_eq!(
        silent.location_param("error").as_deref(),
        Some("consent_required"),
        "a self-registered client is never silently allowed"
    );
    let anonymous =
        Browser::new().get(&client.authorize_url(&pkce, &[("prompt", "none")])).await.expect(400);
    assert!(
        anonymous.body.contains("href=\"http://127.0.0.1:7777/callback?error=login_required"),
        "{}",
        anonymous.body
    );
    server.clock.advance(120);
    for changes in [[("max_age", "60")], [("prompt", "login")], [("max_age", "0")]] {
        let to = browser.get(&client.authorize_url(&pkce, &changes)).await.expect(303).location();
        assert!(to.contains("/login?request="), "{changes:?}: {to}");
        // After signing in again the same request goes on to consent.
        let page = browser.get(&to).await.expect(200);
        let (csrf, request) =
            (form_value(&page.body, "csrf").unwrap(), form_value(&page.body, "request").unwrap());
        let fields = [
            ("csrf", csrf.as_str()),
            ("request", request.as_str()),
            ("name", "alice"),
            ("password", doorward_testkit::PASSWORD),
        ];
        let on = browser.post(&server.at("/login"), &fields).await.expect(303).location();
        browser.get(&on).await.expect(200);
        server.clock.advance(120);
    }
    // W7: clients send prompt=consent, which is the default anyway.
    client.consent_page(&browser, &pkce, &[("prompt", "consent")]).await;
}

#[tokio::test]
async fn prompt_none_succeeds_for_an_administrators_client_within_what_was_allowed() {
    let (server, _, browser) = stage().await;
    let added = server.app.registration.add(doorward_registration_new("Portal")).await.unwrap();
    let client =
        OAuthClient::known(&server, added.client.id.as_str(), "https://portal.example/callback");
    let pkce = Pkce::default();
    let first = browser.get(&client.authorize_url(&pkce, &[("prompt", "none")])).await.expect(303);
    assert_eq!(first.location_param("error").as_deref(), Some("consent_required"));
    client.tokens(&browser, &[]).await;
    let silent = browser.get(&client.authorize_url(&pkce, &[("prompt", "none")])).await.expect(303);
    client.redeem(&silent.location_param("code").unwrap(), &pkce, &[]).await.expect(200);
    let more = browser
        .get(&client.authorize_url(&pkce, &[("prompt", "none"), ("scope", "mcp:write")]))
        .await
        .expect(303);
    assert_eq!(more.location_param("error").as_deref(), Some("consent_required"));
}

fn doorward_registration_new(name: &str) -> doorward::app::NewClient {
    doorward::app::NewClient {
        name: name.to_owned(),
        redirect_uris: vec!["https://portal.example/callback".to_owned()],
        auth_method: None,
        admin: false,
        openid: None,
        rules: doorward_model::ClientRules::default(),
    }
}

#[tokio::test]
async fn prompt_none_gives_no_code_where_any_program_of_the_machine_could_take_it() {
    let (server, _, browser) = stage().await;
    let pkce = Pkce::default();
    let loopback = "http://127.0.0.1:7777/callback";
    for (uri, method, silent) in [
        (loopback, None, false),
        ("cursor://anysphere.cursor-mcp/oauth/callback", None, false),
        (loopback, Some("client_secret_post"), true),
        ("https://portal.example/callback", None, true),
    ] {
        let new = doorward::app::NewClient {
            redirect_uris: vec![uri.to_owned()],
            auth_method: method.map(str::to_owned),
            ..doorward_registration_new("Portal")
        };
        let added = server.app.registration.add(new).await.unwrap();
        let mut client = OAuthClient::known(&server, added.client.id.as_str(), uri);
        client.secret = added.secret.map(|secret| secret.reveal().to_owned());
        client.tokens(&browser, &[]).await;
        let same = if uri == loopback { "http://127.0.0.1:50123/callback" } else { uri };
        let back = browser
            .get(&client.authorize_url(&pkce, &[("prompt", "none"), ("redirect_uri", same)]))
            .await
            .expect(303);
        assert!(back.location().starts_with(same), "{}", back.location());
        assert_eq!(back.location_param("code").is_some(), silent, "{uri} {method:?}");
        assert_eq!(
            back.location_param("error").as_deref(),
            (!silent).then_some("consent_required"),
            "{uri} {method:?}"
        );
    }
}

#[tokio::test]
async fn an_error_redirects_no_user_to_a_url_of_an_unknown_client() {
    let (server, _, browser) = stage().await;
    let evil = json!({"redirect_uris": ["https://evil.example/cb"], "client_name": "Evil", "token_endpoint_auth_method": "none"});
    let client = OAuthClient::register_with(&server, evil).await;
    let pkce = Pkce::default();
    let errors: [&[(&str, &str)]; 6] = [
        &[("scope", "nothing known")],
        &[("response_type", "token")],
        &[("code_challenge", "")],
        &[("resource", "https://elsewhere.example/mcp")],
        &[("request_uri", "urn:x")],
        &[("prompt", "none")],
    ];
    for changes in errors {
        let visitor = Browser::new();
        let page = visitor.get(&client.authorize_url(&pkce, changes)).await.expect(400);
        assert!(
            page.location().is_empty()
                && page.body.contains("href=\"https://evil.example/cb?error="),
            "{changes:?}: {}",
            page.body
        );
        assert!(
            page.body.contains("evil.example, and this server"),
            "the page says where it leads: {}",
            page.body
        );
        let params = client.authorize_params(&pkce, changes);
        let fields: Vec<_> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert!(
            visitor
                .post(&server.at("/oauth/authorize"), &fields)
                .await
                .expect(400)
                .location()
                .is_empty(),
            "{changes:?}"
        );
    }
    // A user allowed it, or an administrator made it: the error is sent to the client at once.
    client.tokens(&browser, &[]).await;
    let added = server.app.registration.add(doorward_registration_new("Portal")).await.unwrap();
    let portal =
        OAuthClient::known(&server, added.client.id.as_str(), "https://portal.example/callback");
    for (client, changes) in
        errors.iter().flat_map(|changes| [(&client, changes), (&portal, changes)])
    {
        let back = Browser::new().get(&client.authorize_url(&pkce, changes)).await.expect(303);
        assert!(
            back.location().starts_with(&client.redirect_uri)
                && back.location_param("error").is_some(),
            "{changes:?}: {}",
            back.location()
        );
    }
}

#[tokio::test]
async fn login_hint_fills_the_name_and_post_works_like_get() {
    let (server, client, _) = stage().await;
    let browser = Browser::new();
    let params = client.authorize_params(&Pkce::default(), &[("login_hint", "alice")]);
    let fields: Vec<_> =
        params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let to = browser.post(&server.at("/oauth/authorize"), &fields).await.expect(303).location();
    let page = browser.get(&to).await.expect(200);
    assert!(page.body.contains("value=\"alice\"") && page.body.contains("Test client"));
}
