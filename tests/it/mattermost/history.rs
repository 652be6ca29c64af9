//! The conversations of users, on their page.

use doorward_testkit::{Browser, FakeModel, ModelReply, form_value};

use super::Stage;
use crate::gateway::agent::use_model;

const PAGE: &str = "/account/conversations";

/// The URL of the page of the conversation with this title, as the list has it.
fn link(list: &str, title: &str) -> String {
    let end = list.find(&format!("<bdi>{title}</bdi>")).unwrap_or_else(|| panic!("{list}"));
    let start = list[..end].rfind("href=\"").unwrap() + 6;
    list[start..end].split('"').next().unwrap().to_owned()
}

async fn delete(browser: &Browser, stage: &Stage, conversation: &str, how: &str) -> u16 {
    let at = stage.server.at(PAGE);
    let page = browser.get(&at).await.expect(200);
    let csrf = page.body.find("<form method=\"post\" action=\"/account/conversations\"");
    let part = &page.body[csrf.unwrap()..];
    let csrf = form_value(part, "csrf").unwrap();
    browser.post(&at, &[("csrf", &csrf), ("conversation", conversation), ("do", how)]).await.status
}

#[tokio::test]
async fn ca49_a_thread_is_on_the_page_of_its_author_with_its_origin_and_on_no_other() {
    let model = FakeModel::start(|request| {
        let last = request["messages"].as_array().unwrap().last().unwrap();
        ModelReply::Text(format!("An answer to {}", last["content"].as_str().unwrap()))
    })
    .await;
    let stage = Stage::with(|config| use_model(config, &model)).await;
    stage.server.keep_house();
    let (chat, server) = (&stage.chat, &stage.server);
    let ally = stage.linked().await;
    server.user("bob").await;
    let bobby = chat.account("bobby");
    stage.link(&bobby, &server.signed_in("bob").await).await.expect(200);
    let channel = chat.channel();
    let root = chat.write(&channel, &ally, "@doorward <b>first</b> question");
    chat.marked(&root, "white_check_mark").await;
    let next = chat.write_below((&channel, &root), &ally, "@doorward second question");
    chat.marked(&next, "white_check_mark").await;
    let other = chat.write_below((&channel, &root), &bobby, "@doorward a question of bob");
    chat.marked(&other, "white_check_mark").await;
    let (alice, bob) = (server.signed_in("alice").await, server.signed_in("bob").await);
    let list = alice.get(&server.at(PAGE)).await.expect(200).body;
    let title = "&#60;b&#62;first&#60;/b&#62; question";
    assert!(list.contains(title) && list.contains("Mattermost"), "{list}");
    assert!(!list.contains("of bob") && !list.contains("<b>first"), "{list}");
    let own = link(&list, title);
    let shown = alice.get(&server.at(&own)).await.expect(200).body;
    for text in ["second question", "An answer to second question", "Mattermost"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("of bob"), "the thread of another user is theirs");
    // It does not exist for another user, and not for an administrator either.
    server.user_with("root", &["admin"]).await;
    for browser in [&bob, &server.signed_in("root").await] {
        browser.get(&server.at(&own)).await.expect(404);
        let list = browser.get(&server.at(PAGE)).await.expect(200).body;
        assert!(!list.contains("first"), "{list}");
    }
    let id = form_value(&shown, "conversation").unwrap();
    let bobs = bob.get(&server.at(PAGE)).await.body;
    assert!(bobs.contains("a question of bob"));
    assert_eq!(delete(&bob, &stage, &id, "delete").await, 404);
    alice.get(&server.at(&own)).await.expect(200);
    // Its author deletes it; the thread then begins without it.
    assert_eq!(delete(&alice, &stage, &id, "delete").await, 200);
    alice.get(&server.at(&own)).await.expect(404);
    let again = chat.write_below((&channel, &root), &ally, "@doorward third question");
    chat.marked(&again, "white_check_mark").await;
    let request = model.requests().pop().unwrap();
    assert_eq!(request["messages"].as_array().unwrap().len(), 2, "{request}");
    assert_eq!(delete(&alice, &stage, "", "delete-all").await, 200);
    let list = alice.get(&server.at(PAGE)).await.expect(200).body;
    assert!(list.contains("You have asked the agent nothing yet"), "{list}");
    assert!(bob.get(&server.at(PAGE)).await.body.contains("a question of bob"));
    let wrong = [("csrf", "wrong"), ("do", "delete-all")];
    bob.post(&server.at(PAGE), &wrong).await.expect(403);
    Browser::new().get(&server.at(PAGE)).await.expect(303);
}

#[tokio::test]
async fn ca49_what_its_user_deletes_while_an_answer_is_prepared_does_not_come_back() {
    let slow = |text: &str| {
        let reply = Box::new(ModelReply::text(text));
        ModelReply::Later(std::time::Duration::from_secs(1), reply)
    };
    let model = FakeModel::with(vec![ModelReply::text("one"), slow("two")]).await;
    let stage = Stage::with(|config| use_model(config, &model)).await;
    stage.server.keep_house();
    let (chat, ally) = (&stage.chat, stage.linked().await);
    let direct = chat.direct(&ally);
    let root = chat.write(&direct, &ally, "first question");
    chat.marked(&root, "white_check_mark").await;
    let next = chat.write_below((&direct, &root), &ally, "second question");
    while model.requests().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let alice = stage.server.signed_in("alice").await;
    assert_eq!(delete(&alice, &stage, "", "delete-all").await, 200);
    chat.marked(&next, "white_check_mark").await;
    let list = alice.get(&stage.server.at(PAGE)).await.expect(200).body;
    assert!(list.contains("You have asked the agent nothing yet"), "{list}");
    assert_eq!(chat.answers(&direct).len(), 2, "the answer is given all the same");
}
