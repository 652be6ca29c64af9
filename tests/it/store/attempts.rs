//! Attempts to connect an upstream, and long results of tools, in the store.

use doorward_model::{
    PlainToken, Sealed, UpstreamChange, UserId,
    upstream::{ConnectAttempt, KeptResult, StoredUpstream},
};
use doorward_testkit::TestServer;

use super::{refused, upstreams::wiki};
use crate::fixtures::NOW;

#[tokio::test]
async fn an_attempt_to_connect_comes_back_once_to_the_same_user_in_the_same_browser_in_time() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.user("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    let stored =
        StoredUpstream { name: wiki(), settings: "{}".into(), secrets: None, created_at: NOW };
    store.apply(UpstreamChange::Insert(stored)).await.unwrap();
    let (state, browser) =
        (PlainToken::presented("state").hashed(), PlainToken::presented("browser").hashed());
    let attempt = ConnectAttempt {
        state: state.clone(),
        upstream: wiki(),
        user_id: alice.clone(),
        browser: browser.clone(),
        payload: Sealed::from_stored("p".into()),
        expires_at: NOW.plus(60),
    };
    store.apply(UpstreamChange::InsertAttempt(attempt)).await.unwrap();
    let redeem = |user: &UserId, browser: &doorward_model::HashedToken, at: i64| {
        UpstreamChange::RedeemAttempt {
            state: state.clone(),
            upstream: wiki(),
            user_id: user.clone(),
            browser: browser.clone(),
            now: NOW.plus(at),
        }
    };
    refused(store, redeem(&UserId::from_text("u_other"), &browser, 1)).await;
    refused(store, redeem(&alice, &state, 1)).await;
    refused(store, redeem(&alice, &browser, 60)).await;
    let both = tokio::join!(
        store.apply(redeem(&alice, &browser, 1)),
        store.apply(redeem(&alice, &browser, 1))
    );
    assert!(both.0.is_ok() != both.1.is_ok());
}

#[tokio::test]
async fn of_long_results_the_newest_few_of_a_user_are_kept_for_that_user_alone() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.user("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    let result = |id: &str, at: i64| UpstreamChange::KeepResult {
        result: Box::new(KeptResult {
            id: PlainToken::presented(id).hashed(),
            user_id: alice.clone(),
            tool: "t".into(),
            body: Sealed::from_stored("b".into()),
            size: 1,
            created_at: NOW.plus(at),
            expires_at: NOW.plus(100),
        }),
        most: 2,
    };
    for (id, at) in [("a", 0), ("b", 1), ("c", 2)] {
        store.apply(result(id, at)).await.unwrap();
    }
    let kept = async |user: &UserId, id: &str, at: i64| {
        store
            .kept_result(user, &PlainToken::presented(id).hashed(), NOW.plus(at))
            .await
            .unwrap()
            .is_some()
    };
    assert!(
        !kept(&alice, "a", 3).await && kept(&alice, "b", 3).await && kept(&alice, "c", 3).await
    );
    let listed = async |user: &UserId, at: i64| -> Vec<String> {
        let all = store.kept_list(user, NOW.plus(at)).await.unwrap();
        assert!(all.iter().all(|one| (one.tool.as_str(), one.size) == ("t", 1)));
        all.into_iter().map(|one| one.id.as_str().to_owned()).collect()
    };
    let newest_first = ["c", "b"].map(|id| PlainToken::presented(id).hashed().as_str().to_owned());
    assert_eq!(listed(&alice, 3).await, newest_first);
    assert!(listed(&alice, 100).await.is_empty());
    assert!(listed(&UserId::from_text("u_other"), 3).await.is_empty());
    assert!(!kept(&alice, "c", 100).await && !kept(&UserId::from_text("u_other"), "c", 3).await);
    store.delete_expired(NOW.plus(200), 1).await.unwrap();
    assert!(!kept(&alice, "b", 3).await, "what expired is deleted");
}
