//! An account at an identity provider belongs to a user only by that user's act or an
//! administrator's decision.

use doorward_accounts::{Authority, NewAccount};
use doorward_testkit::{Browser, FakeProvider, PASSWORD, TestServer, form_value};
use serde_json::json;

use super::{arrive, begin, name_of, refused, server_with, signed_in};

async fn with_email(server: &TestServer, name: &str, email: &str) -> doorward_model::User {
    let new = NewAccount {
        name: name.to_owned(),
        email: Some(email.to_owned()),
        password: Some(PASSWORD.to_owned()),
        password_temporary: false,
        roles: Vec::new(),
    };
    server.app.accounts.add(&Authority::operator(), new).await.unwrap()
}

/// Submits the welcome page that `page` leads to.
async fn decide(
    server: &TestServer,
    browser: &Browser,
    location: &str,
    decision: &str,
) -> doorward_testkit::Page {
    let page = browser.get(location).await.expect(200);
    let at = page.body.find("/login/welcome\"").unwrap();
    let value = |name: &str| form_value(&page.body[at..], name).unwrap();
    let (csrf, arrival) = (value("csrf"), value("arrival"));
    browser
        .post(
            &server.at("/login/welcome"),
            &[("csrf", &csrf), ("arrival", &arrival), ("decision", decision)],
        )
        .await
}

#[tokio::test]
async fn the_same_e_mail_address_alone_never_links() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let local = with_email(&server, "local", "Ada@corp.example").await;
    let browser = Browser::new();
    let ask = arrive(&server, &provider, &browser).await.expect(303);
    assert!(ask.location().contains("/login/welcome?arrival="), "{}", ask.location());
    assert_eq!(
        name_of(&server, &browser).await,
        None,
        "no user is signed in before the confirmation"
    );
    let page = browser.get(&ask.location()).await.expect(200);
    assert!(
        page.body.contains("Is this you?") && !page.body.contains("local"),
        "the page does not tell the account's name: {}",
        page.body
    );
    // Another browser cannot take the page over.
    Browser::new().get(&ask.location()).await.expect(400);
    // A new account, by the user's decision.
    decide(&server, &browser, &ask.location(), "create").await.expect(303);
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("ada"));
    assert!(server.app.store.identities_of(&local.id).await.unwrap().is_empty());
    // The page counts once.
    browser.get(&ask.location()).await.expect(400);
}

#[tokio::test]
async fn a_user_who_signs_in_to_the_account_can_link_it_and_returns_to_the_client() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let local = with_email(&server, "local", "ada@corp.example").await;
    let browser = Browser::new();
    let ask = arrive(&server, &provider, &browser).await.expect(303);
    let page = browser.get(&ask.location()).await.expect(200);
    let href = page
        .body
        .split("href=\"")
        .find(|part| part.contains("/login?switch=1"))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let login = browser.get(&href).await.expect(200);
    let at = login.body.find("action=\"/login\" class=\"stack divided\"").unwrap();
    let value = |name: &str| form_value(&login.body[at..], name).unwrap();
    let (csrf, next) = (value("csrf"), value("next"));
    let back = browser
        .post(
            &server.at("/login"),
            &[("csrf", &csrf), ("next", &next), ("name", "local"), ("password", PASSWORD)],
        )
        .await
        .expect(303);
    assert!(back.location().contains("/login/welcome?arrival="), "{}", back.location());
    decide(&server, &browser, &back.location(), "link").await.expect(303);
    assert_eq!(server.app.store.identities_of(&local.id).await.unwrap().len(), 1);
    // From now on the provider signs in that user; the password's owner keeps their own name and
    // e-mail address.
    let other = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &other).await.as_deref(), Some("local"));
    assert_eq!(
        server.app.accounts.find("local").await.unwrap().email.as_deref(),
        Some("ada@corp.example")
    );
}

#[tokio::test]
async fn linking_from_the_account_page_needs_the_confirmation_of_the_same_user() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let alice = server.user("alice").await;
    server.user("bob").await;
    let browser = server.signed_in("alice").await;
    assert!(
        browser.get(&server.at("/account/security")).await.expect(200).body.contains("Link Corp")
    );
    let away = begin(&server, &browser, "?link=1").await.expect(303);
    assert_eq!(away.location_param("prompt").as_deref(), Some("login consent"));
    let ask = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    let page = browser.get(&ask.location()).await.expect(200);
    assert!(page.body.contains("Link Corp to alice?") && page.body.contains("ada@corp.example"));
    assert!(
        server.app.store.identities_of(&alice.id).await.unwrap().is_empty(),
        "coming back alone links nothing"
    );
    // A form from elsewhere does nothing.
    let arrival =
        form_value(&page.body[page.body.find("/login/welcome\"").unwrap()..], "arrival").unwrap();
    browser
        .post(
            &server.at("/login/welcome"),
            &[("csrf", "x"), ("arrival", &arrival), ("decision", "link")],
        )
        .await
        .expect(403);
    // Bob signs in in the same browser; Alice's link is not his to confirm.
    let login = browser.get(&server.at("/login?switch=1")).await.expect(200);
    let csrf =
        form_value(&login.body[login.body.find("action=\"/login\" class").unwrap()..], "csrf")
            .unwrap();
    browser
        .post(&server.at("/login"), &[("csrf", &csrf), ("name", "bob"), ("password", PASSWORD)])
        .await
        .expect(303);
    decide(&server, &browser, &ask.location(), "link").await.expect(400);
    // Alice herself can.
    let browser = server.signed_in("alice").await;
    let away = begin(&server, &browser, "?link=1").await.expect(303);
    let ask = browser.get(&provider.sign_in(&away.location())).await.expect(303);
    assert_eq!(
        decide(&server, &browser, &ask.location(), "link").await.expect(303).location(),
        server.at("/account/security")
    );
    // No other user can link the same account.
    let bob = server.signed_in("bob").await;
    let away = begin(&server, &bob, "?link=1").await.expect(303);
    let ask = bob.get(&provider.sign_in(&away.location())).await.expect(303);
    let page = decide(&server, &bob, &ask.location(), "link").await.expect(403);
    assert!(page.body.contains("is linked to another user"));
    // Unlinking ends the sessions that began with it, and is refused for the last method of
    // sign-in.
    let through = signed_in(&server, &provider).await;
    let page = browser.get(&server.at("/account/security")).await;
    let at = page.body.find("/account/identities\"").unwrap();
    let value = |name: &str| form_value(&page.body[at..], name).unwrap();
    browser
        .post(&server.at("/account/identities"), &[("csrf", &value("csrf")), ("id", &value("id"))])
        .await
        .expect(303);
    assert_eq!(name_of(&server, &through).await, None);
    let only = signed_in(&server, &provider).await;
    let page = only.get(&server.at("/account/security")).await;
    let at = page.body.find("/account/identities\"").unwrap();
    let value = |name: &str| form_value(&page.body[at..], name).unwrap();
    let page = only
        .post(&server.at("/account/identities"), &[("csrf", &value("csrf")), ("id", &value("id"))])
        .await
        .expect(400);
    assert!(page.body.contains("You can only sign in through this account"));
}

#[tokio::test]
async fn an_authority_for_a_domain_links_accounts_without_a_link_and_no_others() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| {
        corp.authoritative_domains = vec!["corp.example".to_owned()];
    })
    .await;
    let local = with_email(&server, "local", "ada@corp.example").await;
    // Not verified: no link.
    provider.claims(&json!({"email_verified": false}));
    let browser = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("ada"));
    // Verified: linked at once, because the operator declared this provider authoritative for the
    // e-mail address.
    provider.claims(&json!({"email_verified": true, "sub": "u-2"}));
    let browser = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("local"));
    // A second account at the provider with the same e-mail address does not replace the first one.
    provider.claims(&json!({"sub": "u-3"}));
    let ask = arrive(&server, &provider, &Browser::new()).await.expect(303);
    assert!(ask.location().contains("/login/welcome"), "{}", ask.location());
    assert_eq!(server.app.store.identities_of(&local.id).await.unwrap().len(), 1);
    // Another domain than the authority's is not linked.
    with_email(&server, "remote", "eve@elsewhere.example").await;
    provider.claims(&json!({"sub": "u-4", "email": "eve@elsewhere.example"}));
    assert!(
        arrive(&server, &provider, &Browser::new())
            .await
            .expect(303)
            .location()
            .contains("/login/welcome")
    );
}

#[tokio::test]
async fn only_invited_users_are_admitted_where_the_operator_requires_it() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| "invited".clone_into(&mut corp.sign_up)).await;
    let browser = Browser::new();
    let page = arrive(&server, &provider, &browser).await;
    refused(&server, &browser, &page, 403).await;
    assert!(page.body.contains("only invited users have access"));
    let new = NewAccount {
        name: "guest".to_owned(),
        email: None,
        password: None,
        password_temporary: false,
        roles: Vec::new(),
    };
    let guest = server.app.accounts.add(&Authority::operator(), new).await.unwrap();
    let corp = server.app.federation.named("corp").await.unwrap();
    let invitations = &server.app.admin.invitations;
    invitations
        .invite(&Authority::operator(), &guest, "corp", Some("Ada@Corp.example"))
        .await
        .unwrap();
    // An e-mail address that the provider does not vouch for belongs to no account.
    provider.claims(&json!({"email_verified": false}));
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 403).await;
    provider.claims(&json!({"email_verified": true}));
    arrive(&server, &provider, &browser).await.expect(303);
    // They had no password, so the profile is the provider's.
    assert_eq!(server.app.store.user(&guest.id).await.unwrap().unwrap().id, guest.id);
    assert_eq!(server.app.store.identities_of(&guest.id).await.unwrap().len(), 1);
    // The invitation is used up: another account with the same e-mail address is not this user's.
    provider.claims(&json!({"sub": "u-9"}));
    let other = Browser::new();
    refused(&server, &other, &arrive(&server, &provider, &other).await, 403).await;
    // By the permanent identifier, an administrator can link directly.
    server.app.federation.link_subject(&corp, "u-9", &server.user("direct").await).await.unwrap();
    let browser = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("direct"));
}

#[tokio::test]
async fn fed23_the_same_subject_at_two_providers_is_two_users() {
    let (one, two) = (FakeProvider::start().await, FakeProvider::start().await);
    let other = two.config();
    let server = server_with(&one, |_, config| {
        config.providers.insert("other".to_owned(), other);
    })
    .await;
    two.follow(&server.clock);
    two.claims(&json!({"preferred_username": "mallory", "email": null}));
    let first = signed_in(&server, &one).await;
    let second = Browser::new();
    let away = second.get(&server.at("/login/other")).await.expect(303);
    second.get(&two.sign_in(&away.location())).await.expect(303);
    assert_eq!(
        (name_of(&server, &first).await.as_deref(), name_of(&server, &second).await.as_deref()),
        (Some("ada"), Some("mallory"))
    );
}

#[tokio::test]
async fn a_disabled_user_does_not_sign_in_through_a_provider() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    let user = server.app.accounts.find("ada").await.unwrap();
    server.app.accounts.disable(&user, None).await.unwrap();
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 403).await;
}

#[tokio::test]
async fn two_first_sign_ins_at_the_same_moment_make_one_user() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browsers = [Browser::new(), Browser::new(), Browser::new()];
    let mut backs = Vec::new();
    for browser in &browsers {
        backs.push(provider.sign_in(&begin(&server, browser, "").await.expect(303).location()));
    }
    let (one, two, three) = tokio::join!(
        browsers[0].get(&backs[0]),
        browsers[1].get(&backs[1]),
        browsers[2].get(&backs[2])
    );
    assert_eq!(
        [one.status, two.status, three.status],
        [303; 3],
        "{} {} {}",
        one.location(),
        two.location(),
        three.location()
    );
    assert_eq!(server.app.accounts.list().await.unwrap().len(), 1);
}
