//! The identity of a user: an issuer and a subject, and nothing chosen by a user. Attributes of an
//! account follow it, and are removed with it.

use std::time::Duration;

use doorward_accounts::{Authority, NewAccount};
use doorward_federation::ProviderConfig;
use doorward_model::{
    AuditKind, Change, IdentityId, LinkedIdentity, ProviderId, Timestamp, User, UserName,
};
use doorward_testkit::{Answer, Browser, FakeProvider, PASSWORD, TestServer};
use serde_json::json;

use super::{access::round, connect, habits::plain, name_of, refused, server_with, signed_in};

async fn user(server: &TestServer, name: &str) -> User {
    server.app.accounts.find(name).await.unwrap()
}

async fn identity(server: &TestServer, name: &str) -> LinkedIdentity {
    server.app.store.identities_of(&user(server, name).await.id).await.unwrap().remove(0)
}

/// A browser that came by a provider of this name.
async fn through(server: &TestServer, provider: &FakeProvider, name: &str) -> Browser {
    let browser = Browser::new();
    let away = browser.get(&server.at(&format!("/login/{name}"))).await.expect(303);
    browser.get(&provider.sign_in(&away.location())).await.expect(303);
    browser
}

/// Servers with an OpenID provider and with a plain OAuth 2.0 one, each called `corp` and with its
/// user `ada` signed in.
async fn both_protocols() -> Vec<(FakeProvider, TestServer, Browser)> {
    let mut all = Vec::new();
    for open_id in [true, false] {
        let provider = FakeProvider::start().await;
        provider.userinfo(&json!({"preferred_username": "ada", "email": "ada@corp.example", "email_verified": true}));
        let config = if open_id { provider.config() } else { plain(&provider) };
        let server = server_with(&provider, |corp, _| *corp = config).await;
        let browser = signed_in(&server, &provider).await;
        all.push((provider, server, browser));
    }
    all
}

#[tokio::test]
async fn a_refresh_token_that_the_provider_replaced_is_kept_when_what_follows_fails() {
    for (provider, server, browser) in both_protocols().await {
        let before = identity(&server, "ada").await.credential;
        server.clock.advance(86_400);
        provider.answer("/userinfo", Answer::Raw(503, "text/plain", String::new(), String::new()));
        assert_eq!(round(&server).await.waiting, 1);
        assert_ne!(identity(&server, "ada").await.credential, before, "the new token is stored");
        provider.restore("/userinfo");
        server.clock.advance(301);
        // The provider refuses the old token, so only the new one can have been asked with.
        let again = round(&server).await;
        assert_eq!((again.confirmed, again.ended), (1, 0));
        assert!(name_of(&server, &browser).await.is_some());
    }
}

#[tokio::test]
async fn a_refresh_token_that_the_provider_replaced_is_kept_when_the_check_is_dropped() {
    for slow in ["/token", "/userinfo"] {
        for (provider, server, browser) in both_protocols().await {
            server.clock.advance(86_400);
            provider.answer(slow, Answer::Late(Duration::from_millis(700)));
            let (before, hits) = (identity(&server, "ada").await.credential, provider.hits(slow));
            let check = tokio::spawn({
                let federation = server.app.federation.clone();
                async move { federation.check_due().await }
            });
            // As a shutdown does: while the provider answers, the check is dropped.
            while provider.hits(slow) == hits {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            check.abort();
            server.app.federation.drained().await;
            assert_ne!(
                identity(&server, "ada").await.credential,
                before,
                "{slow}: the new token is stored"
            );
            provider.restore(slow);
            server.clock.advance(301);
            let again = round(&server).await;
            assert_eq!((again.confirmed, again.ended), (1, 0), "{slow}");
            assert!(name_of(&server, &browser).await.is_some(), "{slow}");
        }
    }
}

#[tokio::test]
async fn a_name_from_a_provider_is_no_e_mail_address_and_hides_nothing() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, config| {
        config.policy.rules = vec!["allow user=*@acme.test".to_owned()];
        "deny".clone_into(&mut config.policy.default);
    })
    .await;
    provider.claims(&json!({
        "preferred_username": "boss@acme.test", "email": "carol@acme.test", "email_verified": false, "name": "B\u{202e}oss\u{200b}\u{2066}",
    }));
    let browser = signed_in(&server, &provider).await;
    let boss = user(&server, "boss").await;
    assert_eq!((boss.email.as_deref(), boss.display_name.as_deref()), (None, Some("Boss")));
    assert_eq!(
        identity(&server, "boss").await.email,
        None,
        "an e-mail address that is not verified is not the account's"
    );
    let (_, tokens) = connect(&server, &browser, "mcp:read").await;
    server.call(&tokens.access, "whoami", json!({})).await.expect(403);
    // Without a user name, the part before the @ is used as a name, and nothing more.
    provider.claims(&json!({"sub": "u-2", "preferred_username": null}));
    signed_in(&server, &provider).await;
    assert_eq!(user(&server, "carol").await.email, None);
    // The actual holder of the mailbox gets the e-mail address, and mail reaches them.
    provider.claims(&json!({"sub": "u-3", "preferred_username": "carol", "email_verified": true}));
    let browser = signed_in(&server, &provider).await;
    assert_eq!(user(&server, "carol-2").await.email.as_deref(), Some("carol@acme.test"));
    assert_eq!(server.app.store.users_with_email("carol@acme.test").await.unwrap().len(), 1);
    let (_, tokens) = connect(&server, &browser, "mcp:read").await;
    assert!(server.calls(&tokens.access).await);
}

#[tokio::test]
async fn a_name_with_an_at_sign_that_an_older_version_took_from_a_provider_goes_at_the_next_look() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    let ada = user(&server, "ada").await;
    let older = UserName::from_stored("ada@corp.example".to_owned());
    server
        .app
        .store
        .apply(Change::RenameUser { user_id: ada.id.clone(), name: older })
        .await
        .unwrap();
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.confirmed, 1);
    assert_eq!(user(&server, "ada").await.id, ada.id);
}

#[tokio::test]
async fn an_e_mail_address_follows_the_provider_and_is_removed_when_it_is_no_longer_confirmed() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, config| {
        corp.roles = vec!["email = *@corp.example -> staff".to_owned()];
        config.policy.rules =
            vec!["allow user=*@corp.example".to_owned(), "allow user=*@new.example".to_owned()];
        "deny".clone_into(&mut config.policy.default);
    })
    .await;
    let browser = signed_in(&server, &provider).await;
    let (_, tokens) = connect(&server, &browser, "mcp:read").await;
    assert!(server.calls(&tokens.access).await);
    assert_eq!(user(&server, "ada").await.provider_roles.len(), 1);
    provider.claims(&json!({"email": "ada@new.example"}));
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.confirmed, 1);
    let ada = user(&server, "ada").await;
    assert_eq!((ada.email.as_deref(), ada.provider_roles.len()), (Some("ada@new.example"), 0));
    provider.claims(&json!({"email_verified": false}));
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.confirmed, 1);
    assert_eq!(user(&server, "ada").await.email, None);
    assert_eq!(identity(&server, "ada").await.email, None);
    let (_, tokens) = connect(&server, &browser, "mcp:read").await;
    server.call(&tokens.access, "whoami", json!({})).await.expect(403);
    // It is restored when the provider vouches for it, and removed when it no longer vouches for
    // the account.
    provider.claims(&json!({"email_verified": true}));
    let browser = signed_in(&server, &provider).await;
    assert_eq!(user(&server, "ada").await.email.as_deref(), Some("ada@new.example"));
    provider.refuse_refresh(Some((400, "invalid_grant")));
    server.clock.advance(86_400);
    assert_eq!(round(&server).await.ended, 1);
    assert_eq!((user(&server, "ada").await.email, name_of(&server, &browser).await), (None, None));
}

#[tokio::test]
async fn an_e_mail_address_from_an_administrator_is_not_changed_by_the_provider_of_a_user_with_a_password()
 {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let new = NewAccount {
        name: "local".to_owned(),
        email: Some("ada@corp.example".to_owned()),
        password: Some(PASSWORD.to_owned()),
        password_temporary: false,
        roles: Vec::new(),
    };
    let local = server.app.accounts.add(&Authority::operator(), new).await.unwrap();
    let corp = server.app.federation.named("corp").await.unwrap();
    server.app.federation.link_subject(&corp, "u-1", &local).await.unwrap();
    for change in [
        json!({"email_verified": true}),
        json!({"email": "other@corp.example"}),
        json!({"email_verified": false}),
        json!({"email": null}),
    ] {
        provider.claims(&change);
        signed_in(&server, &provider).await;
        server.clock.advance(86_400);
        assert_eq!(round(&server).await.confirmed, 1);
        assert_eq!(
            user(&server, "local").await.email.as_deref(),
            Some("ada@corp.example"),
            "{change}"
        );
    }
}

#[tokio::test]
async fn two_plain_oauth_providers_at_one_origin_have_different_users() {
    let provider = FakeProvider::start().await;
    provider.userinfo(&json!({"preferred_username": "ada"}));
    let server = server_with(&provider, |corp, config| {
        *corp = plain(&provider);
        config.providers.insert("other".to_owned(), plain(&provider));
        config.providers.insert("older".to_owned(), plain(&provider));
    })
    .await;
    // An account as an older version stored it belongs to the provider that it was stored for.
    let held = server.user("held").await;
    let key = IdentityId::of(&provider.issuer, "u-1");
    let stored = LinkedIdentity {
        id: key.clone(),
        provider: ProviderId::from_stored("older"),
        issuer: provider.issuer.clone(),
        subject: "u-1".to_owned(),
        user_id: held.id.clone(),
        username: None,
        email: None,
        display_name: None,
        roles: Vec::new(),
        created_at: Timestamp(0),
        last_login_at: Timestamp(0),
        confirmed_at: Timestamp(0),
        next_check_at: Timestamp(i64::MAX / 4),
        credential: None,
        ended_at: None,
        statement: None,
    };
    server.app.store.apply(Change::InsertIdentity(Box::new(stored))).await.unwrap();
    let mut names = Vec::new();
    for name in ["corp", "other", "other", "older"] {
        // The provider takes one refresh token: that of the last sign-in.
        provider.refresh_token(Some(if name == "older" { "rt-older" } else { "rt-before" }));
        names.push(name_of(&server, &through(&server, &provider, name).await).await.unwrap());
    }
    assert_eq!(names, ["ada", "ada-2", "ada-2", "held"]);
    assert_eq!(server.app.store.identities_of(&held.id).await.unwrap().len(), 1);
    // It stays that user's in the background too; the other two are refused with the token of
    // before.
    server.clock.advance(86_400);
    let checked = round(&server).await;
    assert_eq!((checked.confirmed, checked.ended), (1, 2));
    let stays = server.app.store.identities_of(&held.id).await.unwrap().remove(0);
    assert!(stays.id == key && stays.ended_at.is_none(), "{stays:?}");
}

#[tokio::test]
async fn a_deleted_provider_ends_everything_and_one_of_its_name_is_a_new_one() {
    let provider = FakeProvider::start().await;
    let server = TestServer::start().await;
    provider.follow(&server.clock);
    provider.claims(&json!({"groups": ["bosses"]}));
    let config =
        ProviderConfig { roles: vec!["groups = bosses -> staff".to_owned()], ..provider.config() };
    server.app.federation.add("corp", config.clone()).await.unwrap();
    let browser = signed_in(&server, &provider).await;
    let (client, tokens) = connect(&server, &browser, "mcp:read").await;
    let personal =
        crate::access_tokens::made(&server, &browser, "script", &[("scope-mcp:read", "1")]).await;
    // A user with a password here, who linked an account at the provider.
    let local = server.user("local").await;
    let corp = server.app.federation.named("corp").await.unwrap();
    server.app.federation.link_subject(&corp, "u-2", &local).await.unwrap();
    provider.claims(&json!({"sub": "u-2"}));
    let linked = signed_in(&server, &provider).await;
    let (_, linked_tokens) = connect(&server, &linked, "mcp:read").await;
    let own = server.signed_in("local").await;
    let (_, own_tokens) = connect(&server, &own, "mcp:read").await;
    let invitations = &server.app.admin.invitations;
    invitations
        .invite(&Authority::operator(), &local, "corp", Some("guest@corp.example"))
        .await
        .unwrap();
    let waiting = Browser::new();
    let away = super::begin(&server, &waiting, "").await.expect(303);
    let back = provider.sign_in(&away.location());
    assert_eq!(user(&server, "local").await.provider_roles.len(), 1);

    server.app.federation.delete("corp", None).await.unwrap();
    server.app.federation.add("corp", config).await.unwrap();
    for browser in [&browser, &linked] {
        assert_eq!(name_of(&server, browser).await, None);
    }
    for token in [&tokens.access, &linked_tokens.access, &personal] {
        assert!(
            !server.calls(token).await,
            "it was obtained through the provider, or belonged to a user without another account"
        );
    }
    client.refresh(&tokens.refresh, &[]).await.expect(400);
    assert_eq!(
        name_of(&server, &own).await.as_deref(),
        Some("local"),
        "what came by a password stays"
    );
    assert!(server.calls(&own_tokens.access).await);
    let local = user(&server, "local").await;
    assert!(
        local.provider_roles.is_empty()
            && server.app.store.identities_of(&local.id).await.unwrap().is_empty()
    );
    let corp = server.app.federation.named("corp").await.unwrap();
    assert!(server.app.store.invitation(&corp.id, "guest@corp.example").await.unwrap().is_none());
    refused(&server, &waiting, &waiting.get(&back).await, 400).await;
    let ada = user(&server, "ada").await;
    assert_eq!((ada.email.as_deref(), ada.provider_roles.len()), (None, 0));
    server.app.store.flush().await.unwrap();
    let audit = server
        .app
        .store
        .audit(&doorward_model::AuditFilter::default(), None, 200)
        .await
        .unwrap()
        .entries;
    let deleted =
        audit.iter().find(|entry| entry.event.kind == AuditKind::ProviderDeleted).unwrap();
    let told =
        serde_json::from_str::<serde_json::Value>(&deleted.event.detail).unwrap()["before"].clone();
    assert_eq!(
        (&told["accounts"], &told["sessions"], &told["grants"], &told["access_tokens"]),
        (&json!(2), &json!(2), &json!(2), &json!(1)),
        "{told}"
    );
    // The same account at the same issuer signs in like any other.
    provider.claims(&json!({"sub": "u-1"}));
    let again = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &again).await.as_deref(), Some("ada-2"));
    assert_eq!(name_of(&server, &browser).await, None);
}

#[tokio::test]
async fn a_provider_that_was_removed_or_became_another_server_ends_sessions_and_tokens() {
    let (provider, elsewhere) = (FakeProvider::start().await, FakeProvider::start().await);
    for replaced in [false, true] {
        let server = server_with(&provider, |_, _| {}).await;
        elsewhere.follow(&server.clock);
        let browser = signed_in(&server, &provider).await;
        let (client, tokens) = connect(&server, &browser, "mcp:read").await;
        let (with, dir) = (server.config.clone(), server.data_dir.clone());
        let hits = elsewhere.hits("/token");
        let start = async |config: doorward::config::Config| {
            let mut config = config;
            config.server.public_url.clone_from(&server.url);
            TestServer::start_on(config, dir.clone()).await
        };
        let mut without = with.clone();
        if replaced {
            without.providers.get_mut("corp").unwrap().issuer.clone_from(&elsewhere.issuer);
        } else {
            without.providers.clear();
        }
        let later = start(without).await;
        later.app.federation.check_due().await.unwrap();
        assert_eq!(elsewhere.hits("/token"), hits, "no token goes to another server");
        let ada = user(&later, "ada").await;
        let held = later.app.store.identities_of(&ada.id).await.unwrap().remove(0);
        assert!(
            held.ended_at.is_some() && held.credential.is_none() && ada.email.is_none(),
            "{held:?}"
        );
        // The same server is configured again: its user is the same as before, and signs in again.
        let again = start(with).await;
        assert_eq!(name_of(&again, &browser).await, None, "replaced: {replaced}");
        client.refresh(&tokens.refresh, &[]).await.expect(400);
    }
}
