//! Connecting an upstream: attacks on the redirect and on the callback.

use doorward_testkit::{Browser, FakeUpstream, Pkce, tool};
use serde_json::json;

use super::{connect, gateway_user, go, text, tools, with, with_config};

#[tokio::test]
async fn g5_g13_the_callback_belongs_to_one_user_one_browser_and_one_time() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let (alice, mallory) =
        (gateway_user(&server, "alice").await, gateway_user(&server, "mallory").await);
    // Mallory begins with an account of hers and has Alice open the answer: Alice must not end up
    // with Mallory's account, nor Mallory with hers.
    let back = go(&server, &mallory.browser, "wiki").await;
    assert_eq!(alice.browser.get(&back).await.status, 400);
    let refused = server.call(&alice.token, "wiki_echo", json!({})).await.expect(200).json();
    assert!(refused.to_string().contains("/connect/wiki"));
    // A browser without a sign-in gets no further than the sign-in page, and the response is not
    // used up by that.
    assert!(Browser::new().get(&back).await.expect(303).location().contains("/login"));
    // The same user in another browser.
    let elsewhere = server.signed_in("mallory").await;
    assert_eq!(elsewhere.get(&back).await.status, 400);
    mallory.browser.get(&back).await.expect(303);
    assert_eq!(mallory.browser.get(&back).await.status, 400, "once");
}

#[tokio::test]
async fn the_account_there_is_shown_where_an_id_token_for_doorward_states_it() {
    for (member, value, shown) in [
        ("email", json!("alice@example.com"), "account at the service: alice@example.com"),
        (
            "name",
            json!("<b>Alice</b>\u{0}"),
            "account at the service: &#60;b&#62;Alice&#60;/b&#62;",
        ),
        ("sub", json!("alice"), ""),
        ("email", json!(7), ""),
        ("aud", json!("another-client"), ""),
        ("aud", json!([]), ""),
        ("iss", json!("https://evil.example"), ""),
    ] {
        let wiki = FakeUpstream::protected().await;
        let server = with(&[("wiki", &wiki, "oauth")]).await;
        let alice = gateway_user(&server, "alice").await;
        let back = go(&server, &alice.browser, "wiki").await;
        let mut claims =
            json!({"iss": wiki.origin, "aud": wiki.state().authorizes[0]["client_id"]});
        if matches!(member, "aud" | "iss") {
            claims["email"] = "mallory@example.com".into();
        }
        claims[member] = value;
        wiki.state().id_token = Some(claims);
        alice.browser.get(&back).await.expect(303);
        let page = alice.browser.get(&server.at("/account")).await.expect(200);
        assert_eq!(page.body.contains("account at the service"), !shown.is_empty(), "{member}");
        assert!(page.body.contains(shown), "{member}");
        let known = server.call(&alice.token, "connections", json!({})).await.expect(200).json();
        assert_eq!(known.to_string().contains("account"), !shown.is_empty(), "{known}");
    }
}

#[tokio::test]
async fn the_page_of_a_service_leads_an_administrator_to_the_own_account_that_its_lists_need() {
    let (wiki, open) = (FakeUpstream::protected().await, FakeUpstream::start().await);
    let server = with(&[("wiki", &wiki, "oauth"), ("open", &open, "none")]).await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let page = async |name: &str| {
        root.get(&server.at(&format!("/admin/upstreams/{name}"))).await.expect(200).body
    };
    let shown = page("wiki").await;
    assert!(shown.contains("href=\"/connect/wiki\">Connect your account<"), "{shown}");
    assert!(shown.contains("Connect your account, then test the service."), "{shown}");
    assert!(!page("open").await.contains("Connect your account"));
    let back = go(&server, &root, "wiki").await;
    root.get(&back).await.expect(303);
    assert!(!page("wiki").await.contains("Connect your account"));
}

#[tokio::test]
async fn g21_a_wrong_or_missing_issuer_redeems_nothing() {
    for iss in ["https://evil.example", ""] {
        let wiki = FakeUpstream::protected().await;
        let server = with(&[("wiki", &wiki, "oauth")]).await;
        let alice = gateway_user(&server, "alice").await;
        wiki.state().iss = Some(iss.to_owned());
        let back = go(&server, &alice.browser, "wiki").await;
        assert_eq!(alice.browser.get(&back).await.status, 502, "{iss}");
        assert!(wiki.state().valid.is_empty(), "no code was redeemed");
    }
}

#[tokio::test]
async fn g2_g20_g22_the_request_carries_pkce_and_resource_and_starts_only_by_the_form() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    let page = alice.browser.get(&server.at("/connect/wiki")).await.expect(200);
    assert!(
        page.body.contains("127.0.0.1") && page.body.contains("<code>all</code>"),
        "host and scopes are named"
    );
    // A name that others chose cannot read as a sentence of the page.
    let apart = "<h1>Connect <strong><bdi>wiki</bdi></strong>?</h1>";
    assert!(page.body.contains(apart), "{}", page.body);
    assert!(page.header("x-frame-options") == "DENY");
    assert_eq!(
        alice.browser.post(&server.at("/connect/wiki"), &[]).await.status,
        403,
        "without the form's token nothing starts"
    );
    assert!(wiki.state().authorizes.is_empty());
    connect(&server, &alice.browser, "wiki").await;
    let asked = wiki.state().authorizes[0].clone();
    assert_eq!(
        (asked["code_challenge_method"].as_str(), asked["resource"].as_str()),
        ("S256", wiki.url.as_str())
    );
    assert_eq!(asked["redirect_uri"], server.at("/connect/wiki/callback"));
    assert!(asked["state"].len() > 40);
    for path in ["/connect/nothing", "/connect/wiki.", "/connect/WIKI"] {
        assert_eq!(alice.browser.get(&server.at(path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn gw07_gw08_ca33_hostile_metadata_leads_nowhere() {
    for (member, value) in [
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("data:text/html,x")),
        ("authorization_endpoint", json!("http://evil.example/authorize")),
        ("token_endpoint", json!("file:///etc/passwd")),
        ("registration_endpoint", json!("https://169.254.169.254/register")),
        ("authorization_servers", json!(["https://169.254.169.254/"])),
        ("authorization_servers", json!(["https://10.0.0.1/"])),
        ("issuer", json!("https://other.example")),
        ("code_challenge_methods_supported", json!(["plain"])),
        ("resource", json!("https://another.example/mcp")),
    ] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert(member, value.clone());
        let server = with(&[("wiki", &wiki, "oauth")]).await;
        let alice = gateway_user(&server, "alice").await;
        let page = alice.browser.get(&server.at("/connect/wiki")).await;
        let stopped = if page.status == 200 {
            let csrf = doorward_testkit::form_value(
                &page.body[page.body.find("/connect/wiki\"").unwrap()..],
                "csrf",
            )
            .unwrap();
            let page = alice.browser.post(&server.at("/connect/wiki"), &[("csrf", &csrf)]).await;
            page.status == 502 && page.header("location").is_empty()
        } else {
            page.status == 502 && !page.body.contains("=\"javascript:")
        };
        assert!(stopped, "{member} = {value}");
        assert!(wiki.state().authorizes.is_empty());
    }
}

#[tokio::test]
async fn g24_ca32_credentials_of_one_issuer_are_never_shown_to_another() {
    let (wiki, evil) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-1-")
    );
    // The upstream now names another authorization server.
    wiki.state().metadata.insert("authorization_servers", json!([evil.origin]));
    wiki.state().valid.clear();
    server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert_eq!(
        (wiki.state().refreshes, evil.state().refreshes),
        (1, 0),
        "the refresh token went to its own issuer"
    );
}

#[tokio::test]
async fn g26_an_upstream_in_a_private_network_needs_permission_by_name() {
    let wiki = FakeUpstream::start().await;
    let server =
        super::with_config(&[("wiki", &wiki, "none"), ("mail", &wiki, "none")], |config| {
            let wiki = config.upstreams.get_mut("wiki").unwrap();
            wiki.networks.clear();
            wiki.http_on_loopback = false;
            wiki.url = wiki.url.replacen("http://", "https://", 1);
        })
        .await;
    let alice = gateway_user(&server, "alice").await;
    let names = super::tools(&server, &alice.token).await;
    assert!(
        !names.contains(&"wiki_echo".to_owned()) && names.contains(&"mail_echo".to_owned()),
        "{names:?}"
    );
}

#[tokio::test]
async fn g14_g15_a_newer_client_is_asked_in_the_result_and_its_retry_goes_on_once_the_user_connected()
 {
    let wiki = FakeUpstream::protected().await;
    let server = std::sync::Arc::new(with(&[("wiki", &wiki, "oauth")]).await);
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let call = |more: serde_json::Value| {
        let mut params = json!({"name": "wiki_echo", "arguments": {"text": "x"}});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let ask = async |token: &str, more: serde_json::Value| {
        super::confirm::modern(&server, token, call(more)).await.expect(200).json()["result"]
            .clone()
    };
    let asked = ask(&alice.token, json!({})).await;
    let question = &asked["inputRequests"]["doorward_connect"]["params"];
    assert_eq!(
        (&asked["resultType"], &question["mode"]),
        (&json!("input_required"), &json!("url"))
    );
    assert!(question["url"].as_str().unwrap().ends_with("/connect/wiki"));
    let state = asked["requestState"].as_str().unwrap().to_owned();
    let answer = |action: &str, state: &str| json!({"requestState": state, "inputResponses": {"doorward_connect": {"action": action}}});
    // A user who declines is not asked again at once, and gets the link.
    let declined = ask(&alice.token, answer("decline", &state)).await;
    assert!(
        declined["isError"].as_bool().unwrap()
            && declined.to_string().contains("declined to connect"),
        "{declined}"
    );
    // The state belongs to one user: another's, or a forged one, is a new question.
    for (token, state) in [(&bob.token, state.as_str()), (&alice.token, "connect.made-up")] {
        assert_eq!(ask(token, answer("accept", state)).await["resultType"], "input_required");
    }
    // A user who agreed may take a while: the retry waits for them, and then makes the same call.
    let waiting = {
        let (server, token, params) =
            (std::sync::Arc::clone(&server), alice.token.clone(), call(answer("accept", &state)));
        tokio::spawn(async move {
            super::confirm::modern(&server, &token, params).await.expect(200).json()["result"]
                .clone()
        })
    };
    connect(&server, &alice.browser, "wiki").await;
    let came = waiting.await.unwrap();
    // The first time its tools are unknown before; the result tells the model to call again.
    assert!(came.to_string().contains("is connected now"), "{came}");
    let again = ask(&alice.token, answer("accept", &state)).await;
    assert_eq!(
        again["content"][0]["text"], "x for access-1-1",
        "the upstream is not given our state"
    );
    // A user who connects later finds the tools known, and the waiting call itself is made.
    let asked = ask(&bob.token, json!({})).await;
    let params = call(answer("accept", asked["requestState"].as_str().unwrap()));
    let waiting = {
        let (server, token) = (std::sync::Arc::clone(&server), bob.token.clone());
        tokio::spawn(async move {
            super::confirm::modern(&server, &token, params).await.expect(200).json()["result"]
                .clone()
        })
    };
    connect(&server, &bob.browser, "wiki").await;
    assert!(waiting.await.unwrap().to_string().contains("x for access-2-"));
}

#[tokio::test]
async fn consent_names_the_services_behind_each_scope_with_their_tools_by_class() {
    let (wiki, payroll) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let ledger = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("search", true), tool("erase", true), tool("purge", false)];
    let upstreams =
        [("wiki", &wiki, "none"), ("payroll", &payroll, "none"), ("ledger", &ledger, "none")];
    let server = with_config(&upstreams, |config| {
        config.upstreams.get_mut("payroll").unwrap().roles = vec!["finance".to_owned()];
        // Denied by rules alone, as a listing heeds them.
        config.policy.rules = vec![
            "allow role=auditor".to_owned(),
            "deny upstream=ledger".to_owned(),
            "deny tool=wiki_erase".to_owned(),
        ];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    server.call(&alice.token, "wiki_search", json!({})).await.expect(200);
    let listed = tools(&server, &alice.token).await;
    assert!(!listed.iter().any(|name| name.starts_with("ledger")), "{listed:?}");
    let scope = [("scope", "mcp:destructive")];
    let page = alice.client.consent_page(&alice.browser, &Pkce::default(), &scope).await.body;
    let parts: Vec<&str> = page.split("class=\"choice\"").skip(1).collect();
    let [read, write, destructive] = parts.as_slice() else { panic!("three scopes: {page}") };
    for part in [read, write, destructive] {
        assert!(part.contains("<summary>1 service</summary>"), "{part}");
        assert!(part.contains("<bdi>wiki</bdi>") && !part.contains("payroll"), "{part}");
        assert!(!part.contains("ledger"), "{part}");
        assert!(part.contains("1 tool that looks things up"), "{part}");
    }
    let purge = "1 tool that may delete or overwrite";
    assert!(destructive.contains(purge) && !write.contains(purge), "{page}");
}
