//! Confirmations by buttons in the chat.

use std::time::Duration;

use doorward_model::{AuditFilter, Outcome};
use doorward_testkit::{Page, button};
use serde_json::{Value, json};

use super::{COMMAND, Stage, told};

/// A server on which every call of `whoami` from the chat must be confirmed.
async fn stage() -> Stage {
    Stage::with(|config| {
        config.policy.rules = vec!["confirm tool=whoami client=mattermost".to_owned()];
        config.connectors.entry("chat".to_owned()).or_default().buttons = true;
    })
    .await
}

/// The attachments of the answer to a slash command.
async fn asked(stage: &Stage, account: &str, text: &str) -> Value {
    let hook = stage.chat.hook();
    let page = stage.chat.command(&stage.connector(), COMMAND, (account, &hook), text).await;
    assert!(told(&page).starts_with("This call was not made yet."), "{}", page.body);
    page.json()["attachments"].clone()
}

fn whisper(page: &Page) -> String {
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()["ephemeral_text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn ca50_a_call_in_a_thread_is_confirmed_by_its_author_with_a_button_that_works_once() {
    let stage = stage().await;
    let chat = &stage.chat;
    let (ally, bob) = (stage.linked().await, chat.account("bob"));
    stage.server.user("bob").await;
    stage.link(&bob, &stage.server.signed_in("bob").await).await.expect(200);
    stage.server.keep_house();
    let channel = chat.channel();
    let post = chat.write(&channel, &ally, "@doorward call whoami");
    let first = chat.answered(&channel, 1).await.pop().unwrap();
    assert!(first.text.starts_with("This call was not made yet.") && first.root == post);
    let attachments = chat.attachments(&channel);
    assert!(attachments[0]["text"].as_str().unwrap().contains("whoami"), "{attachments}");
    let (yes, no) = (button(&attachments, "Do it"), button(&attachments, "Do not"));
    assert_eq!(yes.0, stage.connector());
    // Neither another account, nor another context, nor another connector's name is an agreement.
    assert!(whisper(&chat.press(&yes, &bob).await).contains("Only the user"));
    let forged = |press: &str| (yes.0.clone(), json!({ "press": press }));
    let own = yes.1["press"].as_str().unwrap();
    let other = stage.server.app.accounts.chat_link_secret(link());
    for press in ["x", &own[..own.len() - 2], other.as_str()] {
        assert_eq!(chat.press(&forged(press), &ally).await.status, 403);
    }
    assert_eq!(chat.answers(&channel).len(), 1, "nothing was called");
    let pressed = chat.press(&yes, &ally).await.expect(200).json();
    assert_eq!(pressed["update"]["message"], "`whoami` was confirmed.");
    assert_eq!(pressed["update"]["props"]["attachments"], json!([]));
    let answers = chat.answered(&channel, 2).await;
    assert!(answers[1].text.contains("\"name\": \"alice\""), "{answers:?}");
    assert_eq!(answers[1].root, post);
    // It was for one call, whichever button is pressed next.
    for again in [&yes, &no] {
        assert!(whisper(&chat.press(again, &ally).await).contains("answered already"));
    }
    assert_eq!(chat.answers(&channel).len(), 2);
    // What is declined is not called.
    let other = chat.write(&channel, &ally, "@doorward call whoami");
    chat.marked(&other, "white_check_mark").await;
    let pressed = chat.press(&button(&chat.attachments(&channel), "Do not"), &ally).await;
    assert_eq!(pressed.json()["update"]["message"], "`whoami` was declined and not called.");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let store = &stage.server.app.store;
    store.flush().await.unwrap();
    let entries = store.audit(&AuditFilter::default(), None, 50).await.unwrap().entries;
    let calls: Vec<Outcome> = entries
        .iter()
        .filter(|entry| entry.event.kind.as_str() == "tool.called")
        .filter(|entry| !entry.event.detail.contains("said"))
        .map(|entry| entry.event.outcome)
        .collect();
    assert_eq!(calls.iter().filter(|outcome| **outcome == Outcome::Ok).count(), 1, "{calls:?}");
    assert_eq!(chat.answers(&channel).len(), 3, "a declined call has no result");
}

fn link() -> doorward_accounts::NewChatLink {
    doorward_accounts::NewChatLink {
        server: "s".into(),
        account: "a".into(),
        name: "n".into(),
        scopes: "mcp:read".into(),
        days: 1,
    }
}

#[tokio::test]
async fn ca50_a_command_is_confirmed_for_its_account_alone_and_a_late_or_long_one_leads_to_the_page()
 {
    let stage = stage().await;
    let (chat, ally) = (&stage.chat, stage.linked().await);
    let attachments = asked(&stage, &ally, "call whoami").await;
    let yes = button(&attachments, "Do it");
    chat.press(&yes, &ally).await.expect(200);
    let direct = chat.direct(&ally);
    let answers = chat.answered(&direct, 1).await;
    assert!(answers[0].text.contains("\"name\": \"alice\""), "{answers:?}");
    // A button expires.
    let late = button(&asked(&stage, &ally, "call whoami").await, "Do it");
    stage.server.clock.advance(600);
    assert!(whisper(&chat.press(&late, &ally).await).contains("has expired"));
    // Arguments that are too long for a chat are shown on the page, and so is every call where the
    // operator does not let the chat ask.
    let long = stage.say(&ally, &format!("call whoami x={}", "y".repeat(5000))).await;
    assert!(long.contains(&stage.server.at("/confirm/")), "{long}");
    // The link ends between question and answer.
    let orphan = button(&asked(&stage, &ally, "call whoami").await, "Do it");
    let accounts = &stage.server.app.accounts;
    let link = stage.server.app.store.chat_link_of(&chat.url, &ally).await.unwrap().unwrap();
    assert!(accounts.unlink_chat(&link).await.unwrap());
    chat.press(&orphan, &ally).await.expect(200);
    let answers = chat.answered(&direct, 2).await;
    assert!(answers[1].text.starts_with("I do not know yet as whom you act"), "{answers:?}");
}
