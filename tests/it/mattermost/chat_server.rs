//! A chat server that misbehaves, and users who write too much.

use std::time::Duration;

use doorward_testkit::ChatFault;

use super::{Stage, WEBHOOK};

#[tokio::test]
async fn ca41_a_flood_of_one_account_is_answered_post_by_post_and_delays_no_other() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let (flood, calm) = (stage.chat.direct(&account), stage.chat.channel());
    for _ in 0..40 {
        stage.chat.write(&flood, &account, "call wait seconds=1");
    }
    let other = stage.chat.account("calm");
    let asked = stage.chat.write(&calm, &other, "@doorward help");
    stage.server.keep_house();
    stage.chat.marked(&asked, "white_check_mark").await;
    let answers = stage.chat.answered(&flood, 40).await;
    assert_eq!(answers.len(), 40);
    let refused = answers.iter().filter(|answer| answer.text.starts_with("Too many")).count();
    assert!((1..40).contains(&refused), "{refused} of 40");
}

#[tokio::test]
async fn ca41_a_channel_that_was_deleted_costs_its_own_answer_only() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let (gone, there) = (stage.chat.channel(), stage.chat.direct(&account));
    let post = stage.chat.write(&gone, &account, "@doorward call wait seconds=1");
    stage.chat.webhook(&stage.connector(), WEBHOOK, &post, &account).await.expect(200);
    tokio::time::sleep(Duration::from_millis(400)).await;
    stage.chat.delete(&gone);
    stage.server.keep_house();
    let asked = stage.chat.write(&there, &account, "call whoami");
    stage.chat.marked(&asked, "white_check_mark").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(stage.chat.answers(&gone).is_empty());
    let now = doorward_model::Clock::now(stage.server.clock.as_ref());
    let open = stage.server.app.store.unanswered_posts("chat", now.plus(1)).await.unwrap();
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test]
async fn ca41_oversized_cut_and_slow_answers_of_the_chat_server_end_nothing() {
    let stage = Stage::new().await;
    let account = stage.linked().await;
    let channel = stage.chat.direct(&account);
    stage.chat.misbehave("/channels", ChatFault::Oversized(9 << 20), 1);
    stage.chat.misbehave("/channels", ChatFault::Cut, 1);
    stage.chat.misbehave("/channels", ChatFault::Slow(Duration::from_millis(700)), 1);
    let post = stage.chat.write(&channel, &account, "call whoami");
    stage.server.keep_house();
    stage.chat.marked(&post, "white_check_mark").await;
    assert_eq!(stage.chat.answers(&channel).len(), 1);
    assert!(stage.chat.requests().iter().any(|one| one.ends_with("/channels")));
}
