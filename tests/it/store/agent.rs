//! Conversations with the agent and tokens of the model, in the store.

use doorward_model::{AgentChange, Conversation, ConversationId, Sealed, Timestamp, UserId};
use doorward_store::Condition;
use doorward_testkit::TestServer;

use super::refused;
use crate::fixtures::NOW;

fn conversation(id: &str, user: &str, at: i64) -> Conversation {
    Conversation {
        id: ConversationId::from_text(id),
        user_id: UserId::from_text(user),
        program: "mattermost".to_owned(),
        origin: String::new(),
        body: Sealed::from_stored(format!("v1.{at}")),
        updated_at: NOW.plus(at),
        expires_at: NOW.plus(1000),
    }
}

fn keep(conversation: &Conversation) -> AgentChange {
    AgentChange::Keep { conversation: Box::new(conversation.clone()), most: 2 }
}

#[tokio::test]
async fn ca11_a_conversation_is_its_owner_s_and_only_the_newest_are_kept() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let (alice, bob) = (UserId::from_text("u1"), UserId::from_text("u2"));
    let find = async |user: &UserId, id: &str, at: Timestamp| {
        store.conversation(user, &ConversationId::from_text(id), at).await.unwrap()
    };
    let first = conversation("cv_1", "u1", 1);
    store.apply(keep(&first)).await.unwrap();
    assert_eq!(find(&alice, "cv_1", NOW).await, Some(first.clone()));
    assert_eq!(find(&bob, "cv_1", NOW).await, None);
    assert_eq!(find(&alice, "cv_1", NOW.plus(1000)).await, None, "it has expired");
    let stolen = conversation("cv_1", "u2", 2);
    assert_eq!(refused(store, keep(&stolen)).await, Condition::KeepConversation);
    let continued = conversation("cv_1", "u1", 3);
    store.apply(keep(&continued)).await.unwrap();
    assert_eq!(find(&alice, "cv_1", NOW).await, Some(continued));
    for (id, at) in [("cv_2", 4), ("cv_3", 5), ("cv_4", 6)] {
        store.apply(keep(&conversation(id, "u1", at))).await.unwrap();
    }
    assert_eq!(find(&alice, "cv_1", NOW).await, None, "an older one");
    assert!(find(&alice, "cv_4", NOW).await.is_some());
}

#[tokio::test]
async fn ca11_a_conversation_is_deleted_by_its_owner_alone_and_does_not_come_back() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let (alice, bob) = (UserId::from_text("u1"), UserId::from_text("u2"));
    let forget = |user: &UserId, id: &str| AgentChange::Forget {
        user_id: user.clone(),
        id: ConversationId::from_text(id),
    };
    let go_on = |one: &Conversation| AgentChange::GoOn(Box::new(one.clone()));
    let ids = async |user: &UserId| -> Vec<String> {
        let all = store.conversations(user, NOW).await.unwrap();
        all.iter().map(|one| one.id.to_string()).collect()
    };
    for (id, user, at) in [("cv_1", "u1", 1), ("cv_2", "u1", 2), ("cv_3", "u2", 3)] {
        store.apply(keep(&conversation(id, user, at))).await.unwrap();
    }
    assert_eq!(refused(store, forget(&bob, "cv_1")).await, Condition::ForgetConversation);
    let stolen = conversation("cv_1", "u2", 9);
    assert_eq!(refused(store, go_on(&stolen)).await, Condition::GoOnConversation);
    store.apply(go_on(&conversation("cv_1", "u1", 4))).await.unwrap();
    assert_eq!(ids(&alice).await, ["cv_1", "cv_2"], "the newest first");
    store.apply(forget(&alice, "cv_1")).await.unwrap();
    let late = conversation("cv_1", "u1", 5);
    assert_eq!(refused(store, go_on(&late)).await, Condition::GoOnConversation);
    store.apply(AgentChange::ForgetAll(alice.clone())).await.unwrap();
    assert_eq!((ids(&alice).await.len(), ids(&bob).await.len()), (0, 1));
    assert!(store.conversations(&bob, NOW.plus(1000)).await.unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_reserved_until_they_are_used_up_and_corrected_afterwards() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let alice = UserId::from_text("u1");
    let reserve = |day: i64| AgentChange::Reserve {
        user_id: UserId::from_text("u1"),
        day,
        tokens: 60,
        most: 100,
    };
    store.apply(reserve(7)).await.unwrap();
    store.apply(reserve(7)).await.unwrap();
    assert_eq!(store.used_tokens(&alice, 7).await.unwrap(), 120);
    assert_eq!(refused(store, reserve(7)).await, Condition::ReserveTokens);
    store.apply(reserve(8)).await.unwrap();
    let settle = AgentChange::Settle { user_id: alice.clone(), day: 7, difference: -50 };
    store.apply(settle).await.unwrap();
    assert_eq!(store.used_tokens(&alice, 7).await.unwrap(), 70);
    store.apply(reserve(7)).await.unwrap();
    // Reservations at the same moment exceed the limit by no more than those one after the other.
    let many = (0..20).map(|_| store.apply(reserve(9)));
    let taken = futures_util::future::join_all(many).await;
    assert_eq!(taken.iter().filter(|one| one.is_ok()).count(), 2);
}
