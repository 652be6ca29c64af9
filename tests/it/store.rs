//! The store's conformance suite: the same on both databases.

use doorward_model::{
    Change, Client, ClientAuthMethod, ClientId, ClientSource, Grant, GrantId, PlainToken, RedirectUri, RefreshToken, Resource, RevokeReason, ScopeSet,
    Timestamp, TokenKind, UnitOfWork, UserId,
};
use doorward_store::{Store, StoreError};
use doorward_testkit::TestServer;

const NOW: Timestamp = Timestamp(1_000_000);

fn client(id: &str) -> Client {
    Client {
        id: ClientId::from_text(id),
        source: ClientSource::Registration,
        name: "n\u{e4}me \u{1f600}".into(),
        redirect_uris: vec![RedirectUri::from_stored("https://a.example/?x=\"1\"".into())],
        auth_method: ClientAuthMethod::None,
        secret: None,
        refresh_tokens: true,
        scopes: ScopeSet::all(),
        client_uri: None,
        jwks: None,
        jwks_uri: None,
        metadata: "{}".into(),
        created_at: NOW,
        authorized_at: None,
        disabled_at: None,
        fresh_until: None,
    }
}

fn grant(id: &str, user: &str) -> Grant {
    Grant {
        id: GrantId::from_text(id),
        client_id: ClientId::from_text("c1"),
        user_id: UserId::from_text(user),
        scopes: ScopeSet::default_request(),
        resources: vec![Resource::from_stored("https://a.example/mcp".into())],
        auth_time: NOW,
        authentication: doorward_model::Authentication::default(),
        created_at: NOW,
        last_used_at: NOW,
        expires_at: NOW.plus(1000),
        revoked_at: None,
    }
}

fn refresh(token: &PlainToken, grant: &str) -> RefreshToken {
    RefreshToken { token: token.hashed(), grant_id: GrantId::from_text(grant), expires_at: NOW.plus(500), used_at: None, successor: None }
}

async fn refused(store: &Store, unit: impl Into<UnitOfWork>) -> &'static str {
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
    let unit = UnitOfWork::from_iter([Change::InsertClient(Box::new(client("c2"))), Change::InsertClient(Box::new(client("c1")))]);
    assert_eq!(refused(store, unit).await, "insert_client");
    assert!(store.client(&ClientId::from_text("c2")).await.unwrap().is_none());
    let read = store.client(&ClientId::from_text("c1")).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.redirect_uris[0].as_str()), ("n\u{e4}me \u{1f600}", "https://a.example/?x=\"1\""));
}

#[tokio::test]
async fn conditional_changes_hold_once() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let token = PlainToken::random(TokenKind::RefreshToken, &doorward_keys::SystemEntropy);
    store.apply(UnitOfWork::from_iter([Change::InsertGrant(grant("g1", "u1")), Change::InsertRefreshToken(refresh(&token, "g1"))])).await.unwrap();
    let spend = |now| Change::UseRefreshToken { token: token.hashed(), successor: token.hashed(), now };
    assert_eq!(refused(store, spend(NOW.plus(500))).await, "use_refresh_token");
    store.apply(spend(NOW)).await.unwrap();
    assert_eq!(refused(store, spend(NOW)).await, "use_refresh_token");
    let value = || Change::SpendValue { key: "k".into(), expires_at: NOW };
    store.apply(value()).await.unwrap();
    assert_eq!(refused(store, value()).await, "spend_value");
    let used = |now| Change::UseGrant { grant_id: GrantId::from_text("g1"), now };
    store.apply(used(NOW.plus(10))).await.unwrap();
    assert_eq!(refused(store, used(NOW.plus(1000))).await, "use_grant");
    let setting = || Change::InsertSetting { key: "s".into(), value: "1".into() };
    store.apply(setting()).await.unwrap();
    assert_eq!(refused(store, setting()).await, "insert_setting");
    assert_eq!(refused(store, Change::DeleteClient(ClientId::from_text("none"))).await, "delete_client");
}

#[tokio::test]
async fn caches_never_answer_what_was_replaced() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    store
        .apply(UnitOfWork::from_iter([Change::InsertGrant(grant("g1", "u1")), Change::InsertGrant(grant("g2", "u1")), Change::InsertGrant(grant("g3", "u2"))]))
        .await
        .unwrap();
    let live = async |id: &str| store.grant(&GrantId::from_text(id)).await.unwrap().unwrap().is_live(NOW);
    assert!(live("g1").await && live("g2").await && live("g3").await);
    store.apply(Change::RevokeGrant { grant_id: GrantId::from_text("g1"), at: NOW, reason: RevokeReason::ByPerson }).await.unwrap();
    assert!(!live("g1").await && live("g2").await);
    store.apply(Change::RevokeGrantsOfPerson { user_id: UserId::from_text("u1"), client_id: None, at: NOW, reason: RevokeReason::ByPerson }).await.unwrap();
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
    // Also while this process never stops writing: eight writers keep the queue from ever being empty.
    let writes = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    for index in 0..8 {
        let (busy, going) = (store.clone(), std::sync::Arc::clone(&writes));
        tokio::spawn(async move {
            while going.load(std::sync::atomic::Ordering::SeqCst) {
                let _ = busy.apply(Change::PutSetting { key: format!("busy{index}"), value: String::new() }).await;
            }
        });
    }
    other.apply(Change::RevokeGrant { grant_id: GrantId::from_text("g1"), at: NOW, reason: RevokeReason::ByPerson }).await.unwrap();
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
    let fail = |at| Change::RecordLoginFailure { key: "account:a".into(), at, forget_after: 900 };
    for step in 0..3 {
        store.apply(fail(NOW.plus(step))).await.unwrap();
    }
    assert_eq!(store.login_failures("account:a").await.unwrap().failures, 3);
    store.apply(fail(NOW.plus(1000))).await.unwrap();
    assert_eq!(store.login_failures("account:a").await.unwrap().failures, 1);
    store.apply(Change::ClearLoginFailures { key: "account:a".into() }).await.unwrap();
    assert_eq!(store.login_failures("account:a").await.unwrap().failures, 0);
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
        store.apply(Change::SpendValue { key: format!("many{index}"), expires_at: NOW.plus(-1) }).await.unwrap();
    }
    let rows = store.delete_expired(NOW, 86_400).await.unwrap();
    assert!(rows >= 453, "{rows}");
    assert!(store.refresh_token(&spent.hashed()).await.unwrap().is_some_and(|token| token.used_at.is_some()));
    assert!(store.refresh_token(&dead.hashed()).await.unwrap().is_none());
    assert_eq!(refused(store, Change::SpendValue { key: "new".into(), expires_at: NOW }).await, "spend_value");
    store.apply(Change::SpendValue { key: "old".into(), expires_at: NOW }).await.unwrap();
}
