//! The store's conformance suite: the same on both databases.

use doorward_model::{
    Change, Client, ClientId, ClientSource, CountedAttempt, Grant, GrantId, GrantType, GrantTypes,
    PlainToken, RefreshToken, RelyingChange, RelyingSession, Resource, RevokeReason, ScopeSet,
    SessionId, Subject, TokenKind, UnitOfWork, UserId,
};
use doorward_store::{Condition, Store, StoreError};
use doorward_testkit::TestServer;

use crate::fixtures::{NOW, client};

mod accounts;
mod agent;
mod attempts;
mod chats;
mod upstreams;
mod usage;

fn grant(id: &str, user: &str) -> Grant {
    Grant {
        id: GrantId::from_text(id),
        client_id: ClientId::from_text("c1"),
        subject: Subject {
            account: UserId::from_text(user),
            auth_time: NOW,
            authentication: doorward_model::Authentication::default(),
            identity: None,
            sid: None,
        },
        scopes: ScopeSet::default_request(),
        resources: vec![Resource::from_stored("https://a.example/mcp".into())],
        created_at: NOW,
        last_used_at: NOW,
        expires_at: NOW.plus(1000),
        revoked_at: None,
        delegation: None,
        key: None,
    }
}

fn refresh(token: &PlainToken, grant: &str) -> RefreshToken {
    RefreshToken {
        token: token.hashed(),
        grant_id: GrantId::from_text(grant),
        expires_at: NOW.plus(500),
        used_at: None,
        successor: None,
    }
}

#[tokio::test]
async fn the_use_of_a_session_is_kept_widened_and_ends_with_the_session() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let used = |sid: &str, session: &str, scopes: &str| RelyingSession {
        sid: sid.to_owned(),
        session_id: SessionId::from_text(session),
        client_id: ClientId::from_text("c1"),
        user_id: UserId::from_text("u1"),
        scopes: ScopeSet::from_stored(scopes),
        created_at: NOW,
    };
    let put = async |used: RelyingSession| {
        store.apply(Change::from(RelyingChange::Put(used))).await.unwrap();
    };
    let find = async |session: &str, client: &str| {
        let (session, client) = (SessionId::from_text(session), ClientId::from_text(client));
        store.relying_session(&session, &client).await.unwrap()
    };
    put(used("s1", "b1", "openid")).await;
    put(used("s2", "b2", "openid")).await;
    put(used("s1", "b1", "openid email")).await;
    assert_eq!(find("b1", "c1").await, Some(used("s1", "b1", "openid email")));
    assert_eq!(find("b1", "c2").await, None);
    let revoke = Change::RevokeGrantsOfUser {
        user_id: UserId::from_text("u1"),
        client_id: Some(ClientId::from_text("c2")),
        at: NOW,
        reason: RevokeReason::ByUser,
    };
    store.apply(revoke).await.unwrap();
    assert!(find("b2", "c1").await.is_some(), "of another client");
    // No session of these browsers exists: both uses ended, and each is claimed once.
    store.delete_expired(NOW, 1000).await.unwrap();
    let ended = store.ended_uses(NOW, 10).await.unwrap();
    assert_eq!(ended.iter().map(|one| one.used.sid.as_str()).collect::<Vec<_>>(), ["s1", "s2"]);
    let claim = |due| {
        let (sid, until) = ("s1".to_owned(), NOW.plus(30));
        Change::from(RelyingChange::ClaimNotice { sid, due, until })
    };
    store.apply(claim(None)).await.unwrap();
    assert_eq!(refused(store, claim(None)).await, Condition::ClaimLogoutNotice);
    assert_eq!(store.ended_uses(NOW, 10).await.unwrap().len(), 1);
    let later = store.ended_uses(NOW.plus(30), 1).await.unwrap().remove(0);
    assert_eq!((later.due_at, later.tries), (Some(NOW.plus(30)), 1));
    assert_eq!(find("b1", "c1").await, None, "it ended");
    for sid in ["s1", "s2"] {
        store.apply(Change::from(RelyingChange::Forget { sid: sid.to_owned() })).await.unwrap();
    }
    assert!(store.ended_uses(NOW.plus(1000), 10).await.unwrap().is_empty());
}

async fn refused(store: &Store, unit: impl Into<UnitOfWork>) -> Condition {
    match store.apply(unit).await {
        Err(StoreError::Refused(condition)) => condition,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_condition_undoes_its_whole_unit_and_no_other() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    store.apply(Change::InsertClient(Box::new(client("c1")))).await.unwrap();
    let unit = UnitOfWork::from_iter([
        Change::InsertClient(Box::new(client("c2"))),
        Change::InsertClient(Box::new(client("c1"))),
    ]);
    assert_eq!(refused(store, unit).await, Condition::InsertClient);
    assert!(store.client(&ClientId::from_text("c2")).await.unwrap().is_none());
    let read = store.client(&ClientId::from_text("c1")).await.unwrap().unwrap();
    assert_eq!(
        (read.name.as_str(), read.redirect_uris[0].as_str()),
        ("n\u{e4}me \u{1f600}", "https://a.example/?x=\"1\"")
    );
}

#[tokio::test]
async fn the_grant_types_of_a_client_are_kept_and_follow_its_document() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let id = ClientId::from_text("https://app.example/client.json");
    let document = |grant_types| {
        let source = ClientSource::MetadataDocument;
        let client = Client { source, grant_types, ..client(id.as_str()) };
        Change::PutDocumentClient(Box::new(client))
    };
    let code = GrantTypes::from_iter([GrantType::AuthorizationCode]);
    for grant_types in [GrantTypes::of_code_flow(), code, GrantTypes::of_code_flow()] {
        store.apply(document(grant_types.clone())).await.unwrap();
        let read = store.client(&id).await.unwrap().unwrap();
        assert_eq!(read.grant_types, grant_types);
    }
}

#[tokio::test]
async fn conditional_changes_hold_once() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let token = PlainToken::random(TokenKind::RefreshToken, &doorward_keys::SystemEntropy);
    store
        .apply(UnitOfWork::from_iter([
            Change::InsertGrant(grant("g1", "u1")),
            Change::InsertRefreshToken(refresh(&token, "g1")),
        ]))
        .await
        .unwrap();
    let spend =
        |now| Change::UseRefreshToken { token: token.hashed(), successor: token.hashed(), now };
    assert_eq!(refused(store, spend(NOW.plus(500))).await, Condition::UseRefreshToken);
    store.apply(spend(NOW)).await.unwrap();
    assert_eq!(refused(store, spend(NOW)).await, Condition::UseRefreshToken);
    // A token cannot be spent if its grant was revoked since it was read.
    let late = PlainToken::random(TokenKind::RefreshToken, &doorward_keys::SystemEntropy);
    let revoke = Change::RevokeGrant {
        grant_id: GrantId::from_text("g0"),
        at: NOW,
        reason: RevokeReason::RefreshReuse,
    };
    store
        .apply(UnitOfWork::from_iter([
            Change::InsertGrant(grant("g0", "u1")),
            Change::InsertRefreshToken(refresh(&late, "g0")),
            revoke,
        ]))
        .await
        .unwrap();
    let spend_late =
        Change::UseRefreshToken { token: late.hashed(), successor: late.hashed(), now: NOW };
    assert_eq!(refused(store, spend_late).await, Condition::UseRefreshToken);
    let value = || Change::SpendValue { key: "k".into(), expires_at: NOW };
    store.apply(value()).await.unwrap();
    assert_eq!(refused(store, value()).await, Condition::SpendValue);
    let used = |now| Change::UseGrant { grant_id: GrantId::from_text("g1"), now };
    store.apply(used(NOW.plus(10))).await.unwrap();
    assert_eq!(refused(store, used(NOW.plus(1000))).await, Condition::UseGrant);
    let setting = || Change::InsertSetting { key: "s".into(), value: "1".into() };
    store.apply(setting()).await.unwrap();
    assert_eq!(refused(store, setting()).await, Condition::InsertSetting);
    assert_eq!(
        refused(store, Change::DeleteClient(ClientId::from_text("none"))).await,
        Condition::DeleteClient
    );
}

#[tokio::test]
async fn ca55_caches_never_answer_what_was_replaced() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    store
        .apply(UnitOfWork::from_iter([
            Change::InsertGrant(grant("g1", "u1")),
            Change::InsertGrant(grant("g2", "u1")),
            Change::InsertGrant(grant("g3", "u2")),
        ]))
        .await
        .unwrap();
    let live =
        async |id: &str| store.grant(&GrantId::from_text(id)).await.unwrap().unwrap().is_live(NOW);
    assert!(live("g1").await && live("g2").await && live("g3").await);
    store
        .apply(Change::RevokeGrant {
            grant_id: GrantId::from_text("g1"),
            at: NOW,
            reason: RevokeReason::ByUser,
        })
        .await
        .unwrap();
    assert!(!live("g1").await && live("g2").await);
    store
        .apply(Change::RevokeGrantsOfUser {
            user_id: UserId::from_text("u1"),
            client_id: None,
            at: NOW,
            reason: RevokeReason::ByUser,
        })
        .await
        .unwrap();
    assert!(!live("g2").await && live("g3").await);
    assert_eq!(store.setting("x").await.unwrap(), None);
    store.apply(Change::PutSetting { key: "x".into(), value: "1".into() }).await.unwrap();
    assert_eq!(store.setting("x").await.unwrap().as_deref(), Some("1"));
    store.apply(Change::PutSetting { key: "x".into(), value: "2".into() }).await.unwrap();
    assert_eq!(store.setting("x").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn p3_cs18_what_another_process_writes_is_seen() {
    let server = TestServer::start().await;
    let other = Store::open(&server.config.store, &server.data_dir).await.unwrap();
    let store = &server.app.store;
    store.apply(Change::InsertGrant(grant("g1", "u1"))).await.unwrap();
    assert!(store.grant(&GrantId::from_text("g1")).await.unwrap().unwrap().is_live(NOW));
    // Also while this process never stops writing: eight writers keep the queue from ever being
    // empty.
    let writes = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    for index in 0..8 {
        let (busy, going) = (store.clone(), std::sync::Arc::clone(&writes));
        tokio::spawn(async move {
            while going.load(std::sync::atomic::Ordering::SeqCst) {
                let _ = busy
                    .apply(Change::PutSetting { key: format!("busy{index}"), value: String::new() })
                    .await;
            }
        });
    }
    other
        .apply(Change::RevokeGrant {
            grant_id: GrantId::from_text("g1"),
            at: NOW,
            reason: RevokeReason::ByUser,
        })
        .await
        .unwrap();
    for _ in 0..100 {
        if !store.grant(&GrantId::from_text("g1")).await.unwrap().unwrap().is_live(NOW) {
            writes.store(false, std::sync::atomic::Ordering::SeqCst);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the revocation by another process was not seen within five seconds");
}

#[tokio::test]
async fn failures_are_counted_and_forgotten() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let attempt = |at| {
        Change::CountAttempt(CountedAttempt {
            key: "account:a".into(),
            at,
            free: 3,
            longest_delay: 4,
            forget_after: 900,
        })
    };
    for step in 0..3 {
        store.apply(attempt(NOW.plus(step))).await.unwrap();
    }
    let failures = async || store.login_failures("account:a").await.unwrap();
    assert_eq!(failures().await.failures, 3);
    // Beyond the free ones: after one second, then two, four, and four again, which is the longest.
    let mut last = NOW.plus(2);
    for delay in [1, 2, 4, 4] {
        assert!(
            matches!(
                store.apply(attempt(last.plus(delay - 1))).await,
                Err(StoreError::Refused(Condition::CountAttempt))
            ),
            "{delay}"
        );
        last = last.plus(delay);
        store.apply(attempt(last)).await.unwrap();
    }
    assert_eq!(failures().await.failures, 7);
    store.apply(Change::TakeBackAttempt { key: "account:a".into() }).await.unwrap();
    assert_eq!((failures().await.failures, failures().await.last_at), (6, last.plus(-4)));
    store.apply(attempt(last.plus(1000))).await.unwrap();
    assert_eq!(failures().await.failures, 1);
    store.apply(Change::ClearLoginFailures { key: "account:a".into() }).await.unwrap();
    assert_eq!(failures().await.failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_attempts_at_the_same_moment_only_the_free_ones_are_counted() {
    let server = TestServer::start().await;
    let attempt = || {
        Change::CountAttempt(CountedAttempt {
            key: "account:a".into(),
            at: NOW,
            free: 5,
            longest_delay: 900,
            forget_after: 900,
        })
    };
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = server.app.store.clone();
            tokio::spawn(async move { store.apply(attempt()).await.is_ok() })
        })
        .collect();
    let mut counted = 0;
    for task in tasks {
        counted += u32::from(task.await.unwrap());
    }
    assert_eq!(counted, 5);
}

#[tokio::test]
async fn ca18_housekeeping_deletes_what_expired_and_keeps_what_recognises_a_replay() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let (spent, dead) = (PlainToken::presented("spent"), PlainToken::presented("dead"));
    let mut old = grant("g2", "u1");
    old.expires_at = NOW.plus(-200_000);
    store
        .apply(UnitOfWork::from_iter([
            Change::InsertGrant(grant("g1", "u1")),
            Change::InsertRefreshToken(refresh(&spent, "g1")),
            Change::UseRefreshToken { token: spent.hashed(), successor: dead.hashed(), now: NOW },
            Change::InsertGrant(old),
            Change::InsertRefreshToken(refresh(&dead, "g2")),
            Change::SpendValue { key: "old".into(), expires_at: NOW.plus(-1) },
            Change::SpendValue { key: "new".into(), expires_at: NOW.plus(10) },
        ]))
        .await
        .unwrap();
    for index in 0..450 {
        store
            .apply(Change::SpendValue { key: format!("many{index}"), expires_at: NOW.plus(-1) })
            .await
            .unwrap();
    }
    let rows = store.delete_expired(NOW, 86_400).await.unwrap();
    assert!(rows >= 453, "{rows}");
    assert!(
        store
            .refresh_token(&spent.hashed())
            .await
            .unwrap()
            .is_some_and(|token| token.used_at.is_some())
    );
    assert!(store.refresh_token(&dead.hashed()).await.unwrap().is_none());
    assert_eq!(
        refused(store, Change::SpendValue { key: "new".into(), expires_at: NOW }).await,
        Condition::SpendValue
    );
    store.apply(Change::SpendValue { key: "old".into(), expires_at: NOW }).await.unwrap();
}

#[tokio::test]
async fn the_path_of_the_database_is_taken_as_it_is() {
    let folder = std::env::temp_dir().join(format!("doorward-path-{}", std::process::id()));
    let data = folder.join("a%20b %41ä#x");
    std::fs::create_dir_all(&data).unwrap();
    let mut config = TestServer::start().await.config.clone();
    config.store.url = doorward_testkit::fresh_database().await.into();
    let server = TestServer::start_on(config, data.clone()).await;
    server.user("alice").await;
    assert!(server.app.accounts.find("alice").await.is_ok());
    if doorward_testkit::fresh_database().await.is_empty() {
        let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap()).collect();
        assert!(files.iter().any(|file| file.file_name() == "doorward.db"), "{files:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
