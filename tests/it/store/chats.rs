//! Links of accounts at chat servers, and posts that are answered once, in the store.

use doorward_model::{
    Change, ChatChange, ChatLink, ChatLinkId, ChatPost, GrantId, RevokeReason, UserId,
};
use doorward_store::Condition;
use doorward_testkit::TestServer;

use super::{grant, refused};
use crate::fixtures::NOW;

fn link(id: &str, account: &str, user: &str, grant: &str) -> ChatLink {
    ChatLink {
        id: ChatLinkId::from_text(id),
        server: "https://chat.example".into(),
        account: account.into(),
        name: "n\u{e4}me".into(),
        user_id: UserId::from_text(user),
        grant_id: GrantId::from_text(grant),
        created_at: NOW,
    }
}

fn put(link: &ChatLink) -> ChatChange {
    ChatChange::Link { link: Box::new(link.clone()), now: NOW }
}

#[tokio::test]
async fn ca44_an_account_has_one_link_in_force_and_it_ends_with_its_grant() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    for id in ["g1", "g2", "g3"] {
        store.apply(Change::InsertGrant(grant(id, "u1"))).await.unwrap();
    }
    let (first, second) = (link("l1", "a1", "u1", "g1"), link("l2", "a1", "u2", "g2"));
    store.apply(put(&first)).await.unwrap();
    assert_eq!(refused(store, put(&second)).await, Condition::LinkChat);
    let other_server =
        ChatLink { server: "https://b.example".into(), ..link("l3", "a1", "u1", "g3") };
    store.apply(put(&other_server)).await.unwrap();
    let found = store.chat_link_of("https://chat.example", "a1").await.unwrap();
    assert_eq!(found, Some(first.clone()));
    assert_eq!(store.chat_link_of("https://chat.example", "a2").await.unwrap(), None);
    let listed = async |user: Option<&str>| {
        let user = user.map(UserId::from_text);
        let links = store.chat_links(user.as_ref(), NOW).await.unwrap();
        links.into_iter().map(|link| link.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ["l1", "l3"]);
    assert_eq!(listed(Some("u2")).await, Vec::<String>::new());
    // Not another user's.
    let unlink = |id: &str, user: &str| ChatChange::Unlink {
        id: ChatLinkId::from_text(id),
        user_id: UserId::from_text(user),
    };
    assert_eq!(refused(store, unlink("l1", "u2")).await, Condition::UnlinkChat);
    let (grant_id, reason) = (GrantId::from_text("g1"), RevokeReason::ByUser);
    store.apply(Change::RevokeGrant { grant_id, at: NOW, reason }).await.unwrap();
    assert_eq!(listed(Some("u1")).await, ["l3"]);
    store.apply(put(&second)).await.unwrap();
    assert_eq!(listed(Some("u2")).await, ["l2"]);
    store.apply(unlink("l3", "u1")).await.unwrap();
    assert_eq!(refused(store, unlink("l3", "u1")).await, Condition::UnlinkChat);
    // Every grant has ended by then.
    store.delete_expired(NOW.plus(2000), 1000).await.unwrap();
    assert_eq!(store.chat_link(&second.id).await.unwrap(), None);
}

#[tokio::test]
async fn ca41_a_post_is_taken_on_once_and_once_more_if_it_was_left_unanswered() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let post = |connector: &str, at: i64| ChatPost {
        connector: connector.into(),
        post: "p1".into(),
        channel: "c1".into(),
        root: String::new(),
        claimed_at: NOW.plus(at),
    };
    store.apply(ChatChange::Claim(post("chat", 0))).await.unwrap();
    assert_eq!(refused(store, ChatChange::Claim(post("chat", 5))).await, Condition::ClaimPost);
    store.apply(ChatChange::Claim(post("other", 0))).await.unwrap();
    let lost = async |before: i64| store.unanswered_posts("chat", NOW.plus(before)).await.unwrap();
    assert!(lost(0).await.is_empty());
    assert_eq!(lost(1).await, [post("chat", 0)]);
    let take = || ChatChange::TakeOver { post: post("chat", 0), now: NOW.plus(100) };
    store.apply(take()).await.unwrap();
    assert_eq!(refused(store, take()).await, Condition::TakePost);
    assert_eq!(lost(101).await, [post("chat", 100)]);
    let (connector, answered) = ("chat".to_owned(), "p1".to_owned());
    let at = NOW.plus(101);
    store.apply(ChatChange::Answered { connector, post: answered, at }).await.unwrap();
    assert!(lost(1000).await.is_empty());
    store.delete_expired(NOW.plus(6 * 86_400), 1000).await.unwrap();
    assert_eq!(refused(store, ChatChange::Claim(post("chat", 9))).await, Condition::ClaimPost);
    store.delete_expired(NOW.plus(8 * 86_400), 1000).await.unwrap();
    store.apply(ChatChange::Claim(post("chat", 9))).await.unwrap();
}
