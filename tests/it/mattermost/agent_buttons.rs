//! Calls of the agent that its user must confirm are put to them in the chat.

use std::time::Duration;

use doorward_model::{AuditFilter, Outcome};
use doorward_testkit::{FakeModel, ModelReply, button};
use serde_json::{Value, json};

use super::{COMMAND, Stage};
use crate::gateway::agent::use_model;

const WANTS: &str = "I want to look up who you are.";

/// A model that calls `whoami`, and says what came of it.
async fn curious() -> FakeModel {
    FakeModel::start(|request| {
        let last = request["messages"].as_array().unwrap().last().unwrap();
        let said = last["content"].as_str().unwrap();
        match last["role"].as_str().unwrap() {
            "tool" if said.contains("was not made yet") => ModelReply::text(WANTS),
            "tool" if said.contains("\"name\": \"alice\"") => ModelReply::text("You are alice."),
            "tool" => ModelReply::Text(said.to_owned()),
            _ if said.contains("break") => ModelReply::Status(500, None),
            _ => ModelReply::call("whoami", &json!({})),
        }
    })
    .await
}

async fn stage(model: &FakeModel, in_band: &[&str]) -> Stage {
    Stage::with(|config| {
        use_model(config, model);
        config.policy.rules = vec!["confirm tool=whoami client=agent".to_owned()];
        config.mcp.confirm_in_band = in_band.iter().map(|one| (*one).to_owned()).collect();
        config.connectors.entry("chat".to_owned()).or_default().buttons = true;
    })
    .await
}

/// The messages that a slash command is answered with, at once or later.
async fn commanded(stage: &Stage, account: &str, text: &str) -> Vec<Value> {
    let (chat, hook) = (&stage.chat, stage.chat.hook());
    let page = chat.command(&stage.connector(), COMMAND, (account, &hook), text).await;
    let body = page.expect(200).json();
    if body["text"] != "Working on it …" {
        let more = body["extra_responses"].as_array().cloned().unwrap_or_default();
        return std::iter::once(body).chain(more).collect();
    }
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let told = chat.later_bodies(&hook);
        if !told.is_empty() && told.len() == before {
            return told;
        }
        before = told.len();
    }
}

/// The roles and texts of a request to the model, without its instructions.
fn said(request: &Value) -> Vec<(String, String)> {
    let messages = &request["messages"].as_array().unwrap()[1..];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    messages.iter().map(|one| (text(&one["role"]), text(&one["content"]))).collect()
}

/// The outcomes of the calls of a tool by the agent, without those that ended in a question.
async fn outcomes(stage: &Stage, tool: &str) -> Vec<Outcome> {
    let store = &stage.server.app.store;
    store.flush().await.unwrap();
    let entries = store.audit(&AuditFilter::default(), None, 200).await.unwrap().entries;
    let own = entries.iter().filter(|entry| {
        entry.event.call.as_ref().is_some_and(|call| call.tool == tool)
            && entry.event.actor.client_id.as_deref() == Some("agent")
            && !entry.event.detail.contains("said")
            && entry.event.actor.user_name.as_deref() == Some("alice")
    });
    own.map(|entry| entry.event.outcome).collect()
}

#[tokio::test]
async fn ca50_ca9_a_call_of_the_agent_is_confirmed_by_a_button_and_the_agent_goes_on_with_it() {
    let model = curious().await;
    let stage = stage(&model, &["*"]).await;
    stage.server.keep_house();
    let (chat, ally, other) = (&stage.chat, stage.linked().await, stage.chat.account("bob"));
    let channel = chat.channel();
    let post = chat.write(&channel, &ally, "@doorward who am I?");
    let first = chat.answered(&channel, 2).await;
    assert_eq!(first[0].text, WANTS);
    assert!(first[1].text.starts_with("To go on, the agent wants to make this call."), "{first:?}");
    assert!(first.iter().all(|one| one.root == post));
    let attachments = chat.attachments(&channel);
    let question = attachments[0]["text"].as_str().unwrap();
    assert!(question.contains("whoami") && question.contains("Agent"), "{question}");
    assert!(!outcomes(&stage, "whoami").await.contains(&Outcome::Ok), "nothing was called");
    let yes = button(&attachments, "Do it");
    let refused = chat.press(&yes, &other).await.expect(200).json();
    assert_eq!(refused["ephemeral_text"], "Only the user who made this call can answer.");
    let pressed = chat.press(&yes, &ally).await.expect(200).json();
    assert_eq!(pressed["update"]["message"], "`whoami` was confirmed.");
    let answers = chat.answered(&channel, 3).await;
    assert_eq!((answers[2].text.as_str(), &answers[2].root), ("You are alice.", &post));
    let made = outcomes(&stage, "whoami").await;
    assert_eq!(made.iter().filter(|outcome| **outcome == Outcome::Ok).count(), 1, "{made:?}");
    // The model is given the result as that of a call of its own, in the same conversation.
    let last = said(model.requests().last().unwrap());
    let roles: Vec<&str> = last.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "tool"]);
    assert_eq!(last[0].1, "who am I?");
    assert_eq!(last[2].1, "I confirmed the call of whoami. Go on.");
    // A question is answered once.
    let again = chat.press(&yes, &ally).await.json();
    assert_eq!(again["ephemeral_text"], "This question was answered already.");
}

#[tokio::test]
async fn ca50_a_declined_call_of_the_agent_is_not_made_and_the_model_is_not_asked() {
    let model = curious().await;
    let stage = stage(&model, &["*"]).await;
    let (chat, ally) = (&stage.chat, stage.linked().await);
    // A slash command is asked in the same way.
    let told = commanded(&stage, &ally, "who am I?").await;
    assert_eq!(told[0]["text"], WANTS);
    let asked = told[1]["attachments"].clone();
    let requests = model.requests().len();
    let pressed = chat.press(&button(&asked, "Do not"), &ally).await.expect(200).json();
    assert_eq!(pressed["update"]["message"], "`whoami` was declined and not called.");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(model.requests().len(), requests);
    assert!(!outcomes(&stage, "whoami").await.contains(&Outcome::Ok));
    let direct = chat.direct(&ally);
    assert!(chat.answers(&direct).is_empty());
    // Another command, whose conversation goes on where it was confirmed.
    let told = commanded(&stage, &ally, "who am I now?").await;
    let yes = button(&told[1]["attachments"], "Do it");
    chat.press(&yes, &ally).await.expect(200);
    assert_eq!(chat.answered(&direct, 1).await[0].text, "You are alice.");
    let last = said(model.requests().last().unwrap());
    assert_eq!((last.len(), last[0].1.as_str()), (5, "who am I now?"));
}

#[tokio::test]
async fn ca50_the_agent_asks_on_the_page_unless_both_it_and_the_chat_are_trusted_to_ask() {
    for in_band in [&["agent"][..], &["mattermost"], &[]] {
        let model = curious().await;
        let stage = stage(&model, in_band).await;
        let ally = stage.linked().await;
        let told = commanded(&stage, &ally, "who am I?").await;
        let text = told[0]["text"].as_str().unwrap();
        assert!(text.contains(&stage.server.at("/confirm/")), "{in_band:?}: {text}");
        assert!(told.iter().all(|one| one["attachments"].is_null()), "{told:?}");
    }
}

#[tokio::test]
async fn ca51_the_result_of_a_confirmed_call_is_told_where_the_model_fails_afterwards() {
    let model = FakeModel::start(|request| {
        let messages = request["messages"].as_array().unwrap();
        let last = messages.last().unwrap();
        match (last["role"].as_str().unwrap(), last["content"].as_str().unwrap()) {
            ("tool", text) if text.contains("was not made yet") => ModelReply::text(WANTS),
            ("tool", _) => ModelReply::Status(401, None),
            _ => ModelReply::call("whoami", &json!({})),
        }
    })
    .await;
    let stage = stage(&model, &["*"]).await;
    stage.server.keep_house();
    let (chat, ally) = (&stage.chat, stage.linked().await);
    let direct = chat.direct(&ally);
    chat.write(&direct, &ally, "who am I?");
    chat.answered(&direct, 2).await;
    chat.press(&button(&chat.attachments(&direct), "Do it"), &ally).await.expect(200);
    let answers = chat.answered(&direct, 4).await;
    assert!(answers[2].text.contains("\"name\": \"alice\""), "{answers:?}");
    assert!(answers[3].text.starts_with("Sorry, the model’s endpoint"), "{answers:?}");
}
