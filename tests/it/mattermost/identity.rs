//! Links of accounts at the chat server with users.

use doorward_testkit::{Browser, TestServer, form_value, run_command};
use reqwest::Method;

use super::{COMMAND, Stage, decide, told};

#[tokio::test]
async fn ca44_an_unknown_account_is_linked_by_a_user_who_sees_both_and_confirms() {
    let stage = Stage::new().await;
    let account = stage.chat.account("ally");
    let link = stage.link_for(&account).await;
    // The link alone leads to the sign-in, and back.
    let away = Browser::new().get(&link).await.expect(303);
    assert!(away.location().contains("next=%2Faccount%2Fchats%2F"), "{}", away.location());
    let browser = stage.server.signed_in("alice").await;
    let page = browser.get(&link).await.expect(200);
    for shown in ["ally-there", &account, &stage.chat.url, "<strong>alice</strong>", "refuse"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    // Opening it links nothing, and refusing neither.
    assert!(stage.say(&account, "whoami").await.contains("I do not know yet"));
    let denied = decide(&browser, &link, "deny").await.expect(200);
    assert!(denied.body.contains("was not linked"));
    assert!(stage.say(&account, "whoami").await.contains("I do not know yet"));
    decide(&browser, &link, "link").await.expect(200);
    assert!(stage.say(&account, "whoami").await.contains("You act as `alice`"));
    let account = browser.get(&stage.server.at("/account")).await.expect(200);
    assert!(account.body.contains("ally-there") && account.body.contains("Mattermost"));
}

#[tokio::test]
async fn ca44_a_link_works_once_not_for_long_and_not_if_it_was_changed() {
    let stage = Stage::new().await;
    stage.server.user("bob").await;
    let (ally, other) = (stage.chat.account("ally"), stage.chat.account("other"));
    let (alice, bob) = (stage.server.signed_in("alice").await, stage.server.signed_in("bob").await);
    let (used, second, late) =
        (stage.link_for(&ally).await, stage.link_for(&ally).await, stage.link_for(&other).await);
    decide(&alice, &used, "link").await.expect(200);
    let again = decide(&bob, &used, "link").await.expect(400);
    assert!(again.body.contains("already used"), "{}", again.body);
    // Another link for the same account does not take it away from its user.
    let taken = decide(&bob, &second, "link").await.expect(400);
    assert!(taken.body.contains("already linked"), "{}", taken.body);
    assert!(stage.say(&ally, "whoami").await.contains("`alice`"));
    let (start, end) = late.split_at(late.len() - 12);
    let other_letter = if end.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{start}{other_letter}{}", &end[1..]);
    assert_eq!(bob.get(&changed).await.status, 400);
    stage.server.clock.advance(901);
    assert_eq!(bob.get(&late).await.status, 400);
    assert!(stage.say(&other, "whoami").await.contains("I do not know yet"));
}

#[tokio::test]
async fn ca44_linking_needs_a_recent_sign_in() {
    let stage = Stage::new().await;
    let account = stage.chat.account("ally");
    let browser = stage.server.signed_in("alice").await;
    stage.server.clock.advance(3600);
    let link = stage.link_for(&account).await;
    let away = decide(&browser, &link, "link").await.expect(303);
    assert!(away.location().contains("/login?"), "{}", away.location());
    assert!(stage.say(&account, "whoami").await.contains("I do not know yet"));
}

#[tokio::test]
async fn ca47_the_scopes_of_a_connector_hold_for_links_that_were_made_before_or_by_another_one() {
    let stage = Stage::with(|config| {
        let mut notes = config.connectors["chat"].clone();
        notes.scopes = "mcp:read".into();
        config.connectors.insert("notes".to_owned(), notes);
    })
    .await;
    let account = stage.linked().await;
    let notes = stage.server.at("/connectors/notes");
    let say = async |text: &str| {
        let hook = stage.chat.hook();
        told(&stage.chat.command(&notes, COMMAND, (&account, &hook), text).await)
    };
    assert!(stage.say(&account, "tools").await.contains("`revoke_connected_app`"));
    let said = say("whoami").await;
    assert!(said.contains("`alice`") && said.contains("scopes: `mcp:read`"), "{said}");
    let tools = say("tools").await;
    assert!(tools.contains("`whoami`") && !tools.contains("`revoke_connected_app`"), "{tools}");
    let said = say("call revoke_connected_app client_id=x").await;
    assert!(said.contains("insufficient_scope"), "{said}");
}

#[tokio::test]
async fn ca45_an_account_is_known_by_its_identifier_and_server_never_by_a_name() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    // Another account with the same name.
    let double = stage.chat.account("ally");
    assert!(stage.say(&double, "whoami").await.contains("I do not know yet"));
    // The same identifier at another server.
    let mut config = stage.server.config.clone();
    let other = doorward_testkit::FakeMattermost::start().await;
    config.connectors.get_mut("chat").unwrap().url = other.url.clone();
    let moved = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let hook = other.hook();
    let page = other
        .command(&moved.at("/connectors/chat"), super::COMMAND, (&account, &hook), "whoami")
        .await;
    assert!(super::told(&page).contains("I do not know yet"));
}

/// The link of the account, as the API shows it.
async fn only_link(server: &TestServer, token: &str) -> serde_json::Value {
    let browser = Browser::new();
    let request = browser.raw(Method::GET, &server.at("/api/admin/chats")).bearer_auth(token);
    let links = browser.send(request).await.expect(200).json();
    assert_eq!(links["links"].as_array().unwrap().len(), 1, "{links}");
    links["links"][0].clone()
}

#[tokio::test]
async fn ca52_administrators_end_a_link_by_page_api_and_command_and_users_their_own() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let administrator = server.user_with("root", &["admin"]).await;
    let token = crate::admin::key(server, &administrator, "admin").await;
    let alice = server.signed_in("alice").await;
    let account = stage.linked().await;
    let known = async || stage.say(&account, "whoami").await.contains("`alice`");
    // By the API.
    let link = only_link(server, &token).await;
    assert_eq!(link["account"], account.as_str());
    assert_eq!(link["server"], stage.chat.url.as_str());
    let browser = Browser::new();
    let path = server.at(&format!("/api/admin/chats/{}", link["id"].as_str().unwrap()));
    let end =
        async || browser.send(browser.raw(Method::DELETE, &path).bearer_auth(&token)).await.status;
    assert_eq!((end().await, end().await), (204, 404));
    assert!(!known().await);
    // By the page.
    stage.link(&account, &alice).await.expect(200);
    assert!(known().await);
    let root = server.signed_in("root").await;
    let page = root.get(&server.at("/admin/chats")).await.expect(200);
    let part = &page.body[page.body.find("action=\"/admin/chats\"").unwrap()..];
    let fields = [form_value(part, "csrf").unwrap(), form_value(part, "link").unwrap()];
    let ended =
        root.post(&server.at("/admin/chats"), &[("csrf", &fields[0]), ("link", &fields[1])]).await;
    ended.expect(303);
    assert!(!known().await);
    // By the user.
    stage.link(&account, &alice).await.expect(200);
    let page = alice.get(&server.at("/account")).await.expect(200);
    let part = &page.body[page.body.find("action=\"/account/chats\"").unwrap()..];
    let fields = [form_value(part, "csrf").unwrap(), form_value(part, "link").unwrap()];
    let own = [("csrf", fields[0].as_str()), ("link", fields[1].as_str())];
    let other = root.get(&server.at("/account")).await;
    assert!(!other.body.contains("/account/chats"));
    alice.post(&server.at("/account/chats"), &own).await.expect(303);
    assert!(!known().await);
    // With the app, and with the user.
    stage.link(&account, &alice).await.expect(200);
    let page = alice.get(&server.at("/account")).await.expect(200);
    let part = &page.body[page.body.find("action=\"/account/revoke\"").unwrap()..];
    let csrf = form_value(part, "csrf").unwrap();
    let form = [("csrf", csrf.as_str()), ("client_id", "mattermost")];
    alice.post(&server.at("/account/revoke"), &form).await.expect(303);
    assert!(!known().await);
    for kind in ["user.chat_linked", "user.chat_unlinked"] {
        server.app.store.flush().await.unwrap();
        let filter =
            doorward_model::AuditFilter { kind: Some(kind.to_owned()), ..Default::default() };
        assert!(
            !server.app.store.audit(&filter, None, 9).await.unwrap().entries.is_empty(),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn ca52_the_command_ends_a_link() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let data = stage.server.data_dir.to_str().unwrap().to_owned();
    let url = stage.server.config.store.url.reveal().to_owned();
    let run = async |words: &[&str]| {
        let words = [&["--data-dir", data.as_str(), "--json", "chat"], words].concat();
        let output = run_command(&words, &[("DOORWARD_STORE__URL", &url)], "").await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listed: serde_json::Value = serde_json::from_str(&run(&["list"]).await).unwrap();
    assert_eq!(listed[0]["account"], account.as_str());
    run(&["unlink", listed[0]["id"].as_str().unwrap()]).await;
    assert_eq!(run(&["list"]).await.trim(), "[]");
}
