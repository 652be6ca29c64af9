//! Admission, roles, and for how long the provider's statements count (CA40).

use doorward_testkit::{Answer, Browser, FakeProvider, TestServer};
use serde_json::json;

use super::{arrive, connect, name_of, refused, server_with, signed_in};

/// A change of settings, claims that are then admitted, and claims that are not.
type Case = (fn(&mut doorward_federation::ProviderConfig), serde_json::Value, serde_json::Value);

#[tokio::test]
async fn only_allowed_domains_groups_and_claims_are_admitted() {
    let provider = FakeProvider::start().await;
    let cases: Vec<Case> = vec![
        (
            |corp| corp.allowed_domains = vec!["corp.example".to_owned()],
            json!({"email": "ada@corp.example"}),
            json!({"email": "ada@corp.example.evil"}),
        ),
        (
            |corp| corp.allowed_domains = vec!["corp.example".to_owned()],
            json!({"email_verified": true}),
            json!({"email_verified": false}),
        ),
        (
            |corp| corp.allowed_domains = vec!["corp.example".to_owned()],
            json!({"email_verified": "true"}),
            json!({"email_verified": null}),
        ),
        (
            |corp| corp.allowed_groups = vec!["eng-*".to_owned()],
            json!({"groups": ["x", "eng-core"]}),
            json!({"groups": ["xeng-core"]}),
        ),
        (
            |corp| corp.required_claims = vec!["department = research".to_owned()],
            json!({"department": "research"}),
            json!({"department": "Research"}),
        ),
    ];
    for (change, good, bad) in cases {
        let server = server_with(&provider, |corp, _| change(corp)).await;
        provider.claims(&good);
        signed_in(&server, &provider).await;
        provider.claims(&bad);
        let browser = Browser::new();
        let page = arrive(&server, &provider, &browser).await;
        refused(&server, &browser, &page, 403).await;
        assert!(page.body.contains("does not accept your organisation"), "{}", page.body);
        provider.claims(&json!({"email": "ada@corp.example", "email_verified": true, "groups": null, "department": null}));
    }
}

#[tokio::test]
async fn ca40_roles_follow_the_provider_at_each_sign_in_and_act_on_the_next_call() {
    let provider = FakeProvider::start().await;
    provider.claims(&json!({"groups": ["engineering-core"]}));
    let server = server_with(&provider, |corp, config| {
        corp.roles = vec![
            "groups = engineering-* -> developer".to_owned(),
            "groups = bosses -> admin".to_owned(),
        ];
        config.access.scope_roles = vec!["mcp:write = developer".to_owned()];
        config.access.tool_roles = vec!["server_info = admin".to_owned()];
    })
    .await;
    let browser = signed_in(&server, &provider).await;
    let (client, tokens) = connect(&server, &browser, "mcp:write").await;
    assert_eq!(tokens.answer["scope"], "mcp:write");
    server
        .call(&tokens.access, "revoke_connected_app", json!({"client_id": "c_x"}))
        .await
        .expect(200);
    assert_eq!(
        server.call(&tokens.access, "server_info", json!({})).await.expect(403).json()["error"]["data"]
            ["error"],
        "forbidden_by_role"
    );
    // The group is lost; the same token loses the tool on the next call, and a refresh yields less.
    provider.claims(&json!({"groups": ["bosses"]}));
    signed_in(&server, &provider).await;
    let lost = server
        .call(&tokens.access, "revoke_connected_app", json!({"client_id": "c_x"}))
        .await
        .expect(403);
    assert!(
        lost.header("www-authenticate").is_empty(),
        "no other token would help: {}",
        lost.header("www-authenticate")
    );
    server.call(&tokens.access, "server_info", json!({})).await.expect(200);
    let listed = server
        .rpc(&tokens.access, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
        .await
        .json();
    assert!(
        !listed["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tool| tool["name"] == "revoke_connected_app")
    );
    let refreshed = client.refresh(&tokens.refresh, &[]).await.expect(200).json();
    assert_eq!(refreshed["scope"], "mcp:read");
    // And it comes back with the group.
    provider.claims(&json!({"groups": ["engineering-x"]}));
    signed_in(&server, &provider).await;
    server
        .call(&tokens.access, "revoke_connected_app", json!({"client_id": "c_x"}))
        .await
        .expect(200);
    assert_eq!(
        client.refresh(refreshed["refresh_token"].as_str().unwrap(), &[]).await.expect(200).json()
            ["scope"],
        "mcp:write"
    );
}

/// One round of housekeeping.
pub(super) async fn round(server: &TestServer) -> doorward_federation::Round {
    server.app.federation.check_due().await.unwrap()
}

#[tokio::test]
async fn ca40_roles_are_refreshed_silently_every_day() {
    let provider = FakeProvider::start().await;
    provider.claims(&json!({"groups": ["engineering-core"]}));
    let server = server_with(&provider, |corp, config| {
        corp.roles = vec!["groups = engineering-* -> developer".to_owned()];
        config.access.scope_roles = vec!["mcp:write = developer".to_owned()];
    })
    .await;
    let (_, tokens) = connect(&server, &signed_in(&server, &provider).await, "mcp:write").await;
    provider.claims(&json!({"groups": []}));
    server.clock.advance(86_399);
    assert_eq!(round(&server).await.confirmed, 0, "not due yet");
    server.clock.advance(1);
    assert_eq!(round(&server).await.confirmed, 1);
    let user = server.app.accounts.find("ada").await.unwrap();
    assert!(user.provider_roles.is_empty(), "{:?}", user.provider_roles);
    // The provider rotates its refresh tokens; the next day's is the one that it gave.
    server.clock.advance(86_400);
    assert_eq!(
        round(&server).await,
        doorward_federation::Round { confirmed: 1, ended: 0, waiting: 0 }
    );
    assert_eq!(round(&server).await, doorward_federation::Round::default(), "nothing is due twice");
    drop(tokens);
}

#[tokio::test]
async fn ca40_a_user_whom_the_provider_refuses_loses_everything_at_once() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    let (client, tokens) = connect(&server, &browser, "mcp:read").await;
    assert!(server.calls(&tokens.access).await);
    provider.refuse_refresh(Some((400, "invalid_grant")));
    // The token is kept alive by the clock's end of the day before; a fresh one shows that it is
    // the grant that dies.
    server.clock.advance(86_400);
    let fresh = client.refresh(&tokens.refresh, &[]).await.expect(200).json();
    let fresh = (
        fresh["access_token"].as_str().unwrap().to_owned(),
        fresh["refresh_token"].as_str().unwrap().to_owned(),
    );
    assert!(server.calls(&fresh.0).await);
    let begun = std::time::Instant::now();
    assert_eq!(round(&server).await.ended, 1);
    assert!(!server.calls(&fresh.0).await);
    eprintln!("access ended {:?} after the look at the provider began", begun.elapsed());
    assert_eq!(name_of(&server, &browser).await, None);
    assert_eq!(client.refresh(&fresh.1, &[]).await.expect(400).json()["error"], "invalid_grant");
    let identity = server
        .app
        .store
        .identities_of(&server.app.accounts.find("ada").await.unwrap().id)
        .await
        .unwrap();
    assert!(identity[0].credential.is_none(), "its token is deleted");
}

#[tokio::test]
async fn ca40_a_provider_that_cannot_be_reached_costs_nothing_within_the_grace() {
    for (what, status, error) in
        [("down", 503, "server_error"), ("our own secret is wrong", 401, "invalid_client")]
    {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |corp, _| corp.grace_seconds = 3600).await;
        let browser = signed_in(&server, &provider).await;
        provider.refuse_refresh(Some((status, error)));
        server.clock.advance(86_400);
        assert_eq!(round(&server).await.waiting, 1, "{what}");
        assert!(name_of(&server, &browser).await.is_some());
        // It is asked again every few minutes, and all is well when it answers.
        server.clock.advance(300);
        assert_eq!(round(&server).await.waiting, 1);
        provider.refuse_refresh(None);
        server.clock.advance(300);
        assert_eq!(round(&server).await.confirmed, 1);
        // Silent for longer than the grace, it no longer vouches.
        provider.answer(
            "/.well-known/openid-configuration",
            Answer::Raw(500, "text/html", String::new(), String::new()),
        );
        provider.refuse_refresh(Some((status, error)));
        server.clock.advance(86_400 + 3600);
        assert_eq!(round(&server).await.waiting, 1);
        server.clock.advance(301);
        assert_eq!(round(&server).await.ended, 1);
        assert_eq!(name_of(&server, &browser).await, None);
    }
}

#[tokio::test]
async fn a_user_who_no_longer_meets_the_rules_loses_access_at_the_next_refresh() {
    let provider = FakeProvider::start().await;
    provider.claims(&json!({"groups": ["eng"]}));
    let server =
        server_with(&provider, |corp, _| corp.allowed_groups = vec!["eng".to_owned()]).await;
    let browser = signed_in(&server, &provider).await;
    provider.claims(&json!({"groups": ["sales"]}));
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.ended, 1);
    assert_eq!(name_of(&server, &browser).await, None);
}

#[tokio::test]
async fn without_a_refresh_token_the_user_signs_in_again_within_a_week() {
    let provider = FakeProvider::start().await;
    provider.refresh_token(None);
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    for _ in 0..6 {
        server.clock.advance(86_400);
        assert_eq!(round(&server).await, doorward_federation::Round::default());
        assert!(name_of(&server, &browser).await.is_some(), "in use");
    }
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.ended, 1);
    assert_eq!(name_of(&server, &browser).await, None);
}

#[tokio::test]
async fn after_signing_out_connected_apps_go_on_for_a_week_without_the_provider_and_no_longer() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    let (client, tokens) = connect(&server, &browser, "mcp:read").await;
    let page = browser.get(&server.at("/logout")).await.expect(200);
    let csrf = doorward_testkit::form_value(
        &page.body[page.body.find("class=\"stack\"").unwrap()..],
        "csrf",
    )
    .unwrap();
    browser.post(&server.at("/logout"), &[("csrf", &csrf)]).await.expect(200);
    let before = provider.hits("/token");
    server.clock.advance(7 * 86_400 - 1);
    assert_eq!(round(&server).await, doorward_federation::Round::default());
    let tokens = client.refresh(&tokens.refresh, &[]).await.expect(200).json();
    server.clock.advance(1);
    assert_eq!(round(&server).await.ended, 1);
    assert_eq!(provider.hits("/token"), before, "there is nothing left to ask with");
    client.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.expect(400);
}

#[tokio::test]
async fn two_replicas_never_use_one_refresh_token_twice() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    server.clock.advance(86_400);
    let before = provider.hits("/token");
    let (one, two) = tokio::join!(round(&server), round(&server));
    assert_eq!((one.confirmed + two.confirmed, one.ended + two.ended), (1, 0));
    assert_eq!(provider.hits("/token"), before + 1);
}

#[tokio::test]
async fn a_sign_in_counts_once_on_two_replicas_and_each_finishes_what_the_other_began() {
    let provider = FakeProvider::start().await;
    let one = server_with(&provider, |_, _| {}).await;
    let mut config = one.config.clone();
    config.server.public_url.clone_from(&one.url);
    let two = TestServer::start_on(config, one.data_dir.clone()).await;
    let browser = Browser::new();
    for round in 1..=5 {
        let back = provider
            .sign_in(&super::begin(&one, &browser, "?again=1").await.expect(303).location());
        let at_two = back.replace(&one.url, &two.url);
        let (first, second) = tokio::join!(browser.get(&back), browser.get(&at_two));
        assert_eq!(provider.hits("/token"), round, "{} {}", first.location(), second.location());
    }
    let back =
        provider.sign_in(&super::begin(&one, &browser, "?again=1").await.expect(303).location());
    assert_eq!(
        browser.get(&back.replace(&one.url, &two.url)).await.expect(303).location(),
        one.at("/account")
    );
}

#[tokio::test]
async fn without_passwords_the_first_administrator_signs_in_through_the_provider() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, config| config.accounts.passwords = false).await;
    let (browser, link) = (Browser::new(), server.app.admin_link().await.unwrap());
    let page = browser.get(&link).await.expect(200);
    assert!(!page.body.contains("type=\"password\""), "{}", page.body);
    let href = page
        .body
        .split("href=\"")
        .find(|part| part.contains("/login?next="))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let start = browser.get(&href).await.expect(303);
    let away = browser.get(&start.location()).await.expect(303);
    let back = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    assert_eq!(back.location(), link);
    let page = browser.get(&link).await.expect(200);
    let at = page.body.find("class=\"stack\"").unwrap();
    let csrf = doorward_testkit::form_value(&page.body[at..], "csrf").unwrap();
    browser.post(&link, &[("csrf", &csrf)]).await.expect(303);
    browser.get(&server.at("/admin")).await.expect(200);
    // The role is the administrator's gift, not the provider's: the next sign-in keeps it.
    signed_in(&server, &provider).await.get(&server.at("/admin")).await.expect(200);
    // A password that was set while they were allowed does not sign a refused user in.
    server.user("old").await;
    let page = Browser::new().get(&server.at("/login?choose=1")).await.expect(200);
    assert!(page.body.contains("Continue with Corp") && !page.body.contains("type=\"password\""));
}

/// Links the provider's present user to the user who is signed in here.
async fn link(server: &TestServer, provider: &FakeProvider, browser: &Browser) {
    let away = browser.get(&server.at("/login/corp?link=1")).await.expect(303);
    let ask = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    let page = browser.get(&ask.location()).await.expect(200);
    let at = page.body.find("/login/welcome\"").unwrap();
    let value = |name: &str| doorward_testkit::form_value(&page.body[at..], name).unwrap();
    let (csrf, arrival) = (value("csrf"), value("arrival"));
    browser
        .post(
            &server.at("/login/welcome"),
            &[("csrf", &csrf), ("arrival", &arrival), ("decision", "link")],
        )
        .await
        .expect(303);
}

#[tokio::test]
async fn a_provider_ends_only_the_access_obtained_through_it() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    server.user("alice").await;
    let own = server.signed_in("alice").await;
    link(&server, &provider, &own).await;
    let through = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &through).await.as_deref(), Some("alice"));
    let (own_client, own_tokens) = connect(&server, &own, "mcp:read").await;
    let (corp_client, corp_tokens) = connect(&server, &through, "mcp:read").await;
    provider.refuse_refresh(Some((400, "invalid_grant")));
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.ended, 1);
    // Alice has a password here: it stays hers, and so do the grants that she gave with it.
    assert_eq!(name_of(&server, &through).await, None);
    assert_eq!(name_of(&server, &own).await.as_deref(), Some("alice"));
    corp_client.refresh(&corp_tokens.refresh, &[]).await.expect(400);
    own_client.refresh(&own_tokens.refresh, &[]).await.expect(200);
    // A new sign-in through the provider restores access.
    provider.refuse_refresh(None);
    provider.refresh_token(Some("rt-fresh"));
    signed_in(&server, &provider).await;
}

#[tokio::test]
async fn an_account_that_a_user_with_a_password_linked_and_does_not_use_costs_them_nothing() {
    let provider = FakeProvider::start().await;
    provider.refresh_token(None);
    let server = server_with(&provider, |_, _| {}).await;
    server.user("alice").await;
    let own = server.signed_in("alice").await;
    link(&server, &provider, &own).await;
    let (client, tokens) = connect(&server, &own, "mcp:read").await;
    server.clock.advance(8 * 86_400);
    assert_eq!(round(&server).await, doorward_federation::Round::default());
    client.refresh(&tokens.refresh, &[]).await.expect(200);
}

#[tokio::test]
async fn ca39_disabling_a_user_deletes_their_provider_tokens() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    let user = server.app.accounts.find("ada").await.unwrap();
    server.app.accounts.disable(&user, None).await.unwrap();
    assert!(server.app.store.identities_of(&user.id).await.unwrap()[0].credential.is_none());
}

#[tokio::test]
async fn nothing_is_asked_or_kept_for_users_for_whom_nothing_acts() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, config| {
        config.accounts.session_idle_seconds = 60;
        config.accounts.session_max_seconds = 60;
    })
    .await;
    signed_in(&server, &provider).await;
    let before = provider.hits("/token");
    server.clock.advance(86_400);
    assert_eq!(round(&server).await, doorward_federation::Round::default());
    assert_eq!(provider.hits("/token"), before);
    let user = server.app.accounts.find("ada").await.unwrap();
    assert!(server.app.store.identities_of(&user.id).await.unwrap()[0].credential.is_none());
}

#[tokio::test]
async fn deleting_a_provider_ends_the_access_obtained_through_it() {
    let provider = FakeProvider::start().await;
    let server = TestServer::start().await;
    provider.follow(&server.clock);
    server.app.federation.add("corp", provider.config()).await.unwrap();
    let browser = signed_in(&server, &provider).await;
    server.app.federation.delete("corp", None).await.unwrap();
    Browser::new().get(&server.at("/login/corp")).await.expect(404);
    assert_eq!(name_of(&server, &browser).await, None);
}

#[tokio::test]
async fn provider_roles_never_leave_a_server_without_its_own_administrator_by_mistake() {
    let provider = FakeProvider::start().await;
    provider.claims(&json!({"groups": ["bosses"]}));
    let server =
        server_with(&provider, |corp, _| corp.roles = vec!["groups = bosses -> admin".to_owned()])
            .await;
    let browser = signed_in(&server, &provider).await;
    browser.get(&server.at("/admin")).await.expect(200);
    let page = browser.get(&server.at("/admin/providers?provider=corp")).await;
    assert!(
        page.body.contains("Identity providers") && page.body.contains("/login/corp/callback"),
        "{}",
        page.body
    );
    provider.claims(&json!({"groups": []}));
    let again = signed_in(&server, &provider).await;
    again.get(&server.at("/admin")).await.expect(404);
    browser.get(&server.at("/admin")).await.expect(404);
}
