//! The store's conformance suite: the same on both databases.

use doorward_model::{
    Change, Client, ClientId, ClientSource, Connection, CountedAttempt, FactorChange, Grant,
    GrantId, GrantType, GrantTypes, HashedToken, IdentityId, Invitation, LinkedIdentity, Passkey,
    PersonName, PlainToken, ProviderId, RefreshToken, Resource, RevokeReason, Role, ScopeSet,
    Sealed, ServerPin, SignInAttempt, Subject, TokenKind, ToolClass, Totp, UnitOfWork,
    UpstreamChange, UpstreamId, UpstreamName, UpstreamTrust, UserId,
    trust::{Ended, Ending},
    upstream::{
        ConnectAttempt, ConnectionProblem, KeptResult, Pinned, PinnedTool, StoredUpstream,
        ToolState, UpstreamRegistration,
    },
};
use doorward_store::{Condition, Store, StoreError};
use doorward_testkit::TestServer;

use crate::fixtures::{NOW, client};

fn grant(id: &str, user: &str) -> Grant {
    Grant {
        id: GrantId::from_text(id),
        client_id: ClientId::from_text("c1"),
        subject: Subject {
            account: UserId::from_text(user),
            auth_time: NOW,
            authentication: doorward_model::Authentication::default(),
            identity: None,
        },
        scopes: ScopeSet::default_request(),
        resources: vec![Resource::from_stored("https://a.example/mcp".into())],
        created_at: NOW,
        last_used_at: NOW,
        expires_at: NOW.plus(1000),
        revoked_at: None,
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
async fn caches_never_answer_what_was_replaced() {
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
            reason: RevokeReason::ByPerson,
        })
        .await
        .unwrap();
    assert!(!live("g1").await && live("g2").await);
    store
        .apply(Change::RevokeGrantsOfPerson {
            user_id: UserId::from_text("u1"),
            client_id: None,
            at: NOW,
            reason: RevokeReason::ByPerson,
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
            reason: RevokeReason::ByPerson,
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

/// An upstream account of a person.
fn identity(subject: &str, user: &str, roles: &[&str]) -> Box<LinkedIdentity> {
    Box::new(LinkedIdentity {
        id: IdentityId::of("https://idp.example", subject),
        provider: ProviderId::parse("corp").unwrap(),
        issuer: "https://idp.example".into(),
        subject: subject.into(),
        user_id: UserId::from_text(user),
        username: Some("n\u{e4}me".into()),
        email: None,
        display_name: None,
        roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
        created_at: NOW,
        last_login_at: NOW,
        confirmed_at: NOW,
        next_check_at: NOW.plus(10),
        credential: Some(Sealed::from_stored("v1.x".into())),
        ended_at: None,
    })
}

#[tokio::test]
async fn upstream_accounts_belong_to_one_person_and_their_roles_add_up() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let person = server.person("ann").await;
    let own = person.id.as_str();
    store
        .apply(UnitOfWork::from_iter([
            Change::InsertIdentity(identity("1", own, &["a", "b"])),
            Change::InsertIdentity(identity("2", own, &["b", "c"])),
        ]))
        .await
        .unwrap();
    assert_eq!(
        refused(store, Change::InsertIdentity(identity("1", "u_other", &[]))).await,
        Condition::InsertIdentity
    );
    assert_eq!(
        refused(store, Change::UpdateIdentity(identity("1", "u_other", &[]))).await,
        Condition::UpdateIdentity
    );
    store.apply(Change::CollectProviderRoles(person.id.clone())).await.unwrap();
    let roles = async || {
        store
            .person(&person.id)
            .await
            .unwrap()
            .unwrap()
            .provider_roles
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(roles().await, "a b c");
    store
        .apply(UnitOfWork::from_iter([
            Change::UpdateIdentity(identity("1", own, &[])),
            Change::CollectProviderRoles(person.id.clone()),
        ]))
        .await
        .unwrap();
    assert_eq!(roles().await, "b c");
    let first = IdentityId::of("https://idp.example", "1");
    // One replica looks, and only when nobody else did.
    let claim = || Change::ClaimIdentityCheck {
        identity: first.clone(),
        due: NOW.plus(10),
        until: NOW.plus(99),
    };
    store.apply(claim()).await.unwrap();
    assert_eq!(refused(store, claim()).await, Condition::ClaimIdentityCheck);
    assert_eq!(store.identities_due(NOW.plus(50), 10).await.unwrap().len(), 1);
    store
        .apply(Change::DropCredential { identity: first.clone(), next_check_at: NOW.plus(20) })
        .await
        .unwrap();
    // A look that was claimed before keeps nothing: somebody signed out meanwhile.
    let late = |claimed| Change::KeepChecked { identity: identity("1", own, &["late"]), claimed };
    assert_eq!(refused(store, late(NOW.plus(99))).await, Condition::KeepChecked);
    let read = store.identity(&first).await.unwrap().unwrap();
    assert_eq!(
        (read.credential, read.next_check_at, read.username.as_deref()),
        (None, NOW.plus(20), Some("n\u{e4}me"))
    );
    assert_eq!(
        refused(
            store,
            Change::DeleteIdentity {
                user_id: UserId::from_text("u_other"),
                identity: first.clone()
            }
        )
        .await,
        Condition::DeleteIdentity
    );
    assert_eq!(
        refused(store, Change::CollectProviderRoles(UserId::from_text("u_other"))).await,
        Condition::CollectProviderRoles
    );
    // With the person goes what is theirs.
    store.apply(Change::DeletePerson(person.id.clone())).await.unwrap();
    assert!(store.identity(&first).await.unwrap().is_none());
}

#[tokio::test]
async fn sign_ins_invitations_and_names_hold_once() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let (person, other) = (server.person("ann").await, server.person("ben").await);
    let (corp, state, browser) = (
        ProviderId::parse("corp").unwrap(),
        PlainToken::presented("state").hashed(),
        PlainToken::presented("browser").hashed(),
    );
    let attempt = SignInAttempt {
        state: state.clone(),
        provider: corp.clone(),
        browser: browser.clone(),
        payload: Sealed::from_stored("v1.x".into()),
        expires_at: NOW.plus(600),
        consumed_at: None,
    };
    store.apply(Change::InsertSignIn(attempt)).await.unwrap();
    let redeem = |provider: &str, browser: &HashedToken, now| Change::RedeemSignIn {
        state: state.clone(),
        provider: ProviderId::parse(provider).unwrap(),
        browser: browser.clone(),
        now,
    };
    assert_eq!(refused(store, redeem("evil", &browser, NOW)).await, Condition::RedeemSignIn);
    assert_eq!(refused(store, redeem("corp", &state, NOW)).await, Condition::RedeemSignIn);
    assert_eq!(
        refused(store, redeem("corp", &browser, NOW.plus(600))).await,
        Condition::RedeemSignIn
    );
    store.apply(redeem("corp", &browser, NOW)).await.unwrap();
    assert_eq!(refused(store, redeem("corp", &browser, NOW)).await, Condition::RedeemSignIn);
    let invitation = |user: &UserId| {
        Change::PutInvitation(Invitation {
            provider: corp.clone(),
            email: "A@b.example".into(),
            user_id: user.clone(),
            created_at: NOW,
        })
    };
    store.apply(invitation(&person.id)).await.unwrap();
    store.apply(invitation(&other.id)).await.unwrap();
    assert_eq!(
        store.invitation(&corp, "a@B.example").await.unwrap().unwrap().user_id,
        other.id,
        "the newer one counts"
    );
    let accept =
        || Change::RedeemInvitation { provider: corp.clone(), email: "a@b.EXAMPLE".into() };
    store.apply(accept()).await.unwrap();
    assert_eq!(refused(store, accept()).await, Condition::RedeemInvitation);
    let rename = |name: &str| Change::RenamePerson {
        user_id: person.id.clone(),
        name: PersonName::parse(name).unwrap(),
    };
    assert_eq!(refused(store, rename("ben")).await, Condition::RenamePerson);
    store.apply(rename("anna")).await.unwrap();
    assert_eq!(store.person(&person.id).await.unwrap().unwrap().name.as_str(), "anna");
    store
        .apply(Change::SetProfile {
            user_id: person.id.clone(),
            email: Some("x@y.example".into()),
            display_name: None,
        })
        .await
        .unwrap();
    assert_eq!(store.people_with_email("X@Y.example").await.unwrap().len(), 1);
}

#[tokio::test]
async fn second_factors_hold_once() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let user = UserId::from_text("u_1");
    let totp = || {
        Change::from(FactorChange::PutTotp(Totp {
            user_id: user.clone(),
            secret: Sealed::from_stored("v1.x".into()),
            created_at: NOW,
            confirmed_at: None,
            last_step: 0,
        }))
    };
    let take = |step| Change::from(FactorChange::UseTotp { user_id: user.clone(), step });
    let confirm =
        |step| Change::from(FactorChange::ConfirmTotp { user_id: user.clone(), step, at: NOW });
    store.apply(totp()).await.unwrap();
    assert_eq!(refused(store, take(5)).await, Condition::UseTotp);
    store.apply(totp()).await.unwrap();
    store.apply(confirm(5)).await.unwrap();
    assert_eq!(refused(store, confirm(6)).await, Condition::ConfirmTotp);
    assert_eq!(refused(store, totp()).await, Condition::PutTotp);
    assert_eq!(refused(store, take(5)).await, Condition::UseTotp);
    store.apply(take(6)).await.unwrap();
    assert_eq!(refused(store, take(6)).await, Condition::UseTotp);
    let code = |text: &str| PlainToken::presented(text).hashed();
    let replace = |codes: Vec<HashedToken>| {
        Change::from(FactorChange::ReplaceRecoveryCodes { user_id: user.clone(), codes })
    };
    let spend = |text: &str| {
        Change::from(FactorChange::UseRecoveryCode { user_id: user.clone(), code: code(text) })
    };
    store.apply(replace(vec![code("a"), code("b")])).await.unwrap();
    store.apply(spend("a")).await.unwrap();
    assert_eq!(refused(store, spend("a")).await, Condition::UseRecoveryCode);
    store.apply(replace(vec![code("c")])).await.unwrap();
    assert_eq!(refused(store, spend("b")).await, Condition::UseRecoveryCode);
    let passkey = |user: &str| {
        Change::from(FactorChange::InsertPasskey(Passkey {
            id: "k".into(),
            user_id: UserId::from_text(user),
            name: "n".into(),
            credential: "{}".into(),
            created_at: NOW,
            last_used_at: None,
        }))
    };
    store.apply(passkey("u_1")).await.unwrap();
    assert_eq!(refused(store, passkey("u_2")).await, Condition::InsertPasskey);
    assert_eq!(
        refused(
            store,
            Change::from(FactorChange::DeletePasskey {
                user_id: UserId::from_text("u_2"),
                id: "k".into()
            })
        )
        .await,
        Condition::DeletePasskey
    );
    store
        .apply(Change::from(FactorChange::UsePasskey {
            id: "k".into(),
            credential: "{1}".into(),
            at: NOW,
        }))
        .await
        .unwrap();
    assert_eq!(store.passkey("k").await.unwrap().unwrap().credential, "{1}");
    store
        .apply(Change::from(FactorChange::DeletePasskey { user_id: user.clone(), id: "k".into() }))
        .await
        .unwrap();
    assert_eq!(
        refused(
            store,
            Change::from(FactorChange::UsePasskey {
                id: "k".into(),
                credential: String::new(),
                at: NOW
            })
        )
        .await,
        Condition::UsePasskey
    );
}

fn wiki() -> UpstreamName {
    UpstreamName::parse("wiki").unwrap()
}

fn connected(user: &str, version: i64) -> Connection {
    Connection {
        user_id: UserId::from_text(user),
        upstream: wiki(),
        issuer: "https://as.example".into(),
        resource: Some("https://wiki.example/mcp".into()),
        scopes: "a b".into(),
        tokens: Some(Sealed::from_stored(format!("sealed {version}"))),
        expires_at: Some(NOW.plus(60)),
        ends_at: NOW.plus(1000),
        created_at: NOW,
        version,
        refreshing_until: None,
        problem: None,
        account: None,
    }
}

fn put(connection: Connection) -> UpstreamChange {
    UpstreamChange::PutConnection { connection: Box::new(connection), id: trust().id }
}

fn server_pin(issuer: &str) -> ServerPin {
    ServerPin {
        issuer: issuer.into(),
        resource: Some("https://wiki.example/mcp".into()),
        scopes: vec!["a".into(), "b".into()],
    }
}

/// The identity of an upstream, before anything is pinned.
fn trust() -> UpstreamTrust {
    UpstreamTrust {
        upstream: wiki(),
        id: UpstreamId::from_text("up_1"),
        location: "https://wiki.example/mcp".into(),
        server: None,
        named: None,
        since: NOW,
    }
}

/// The end of what depends on that upstream, for the present row.
fn end(why: Ended) -> UpstreamChange {
    end_of(&trust(), why)
}

fn end_of(seen: &UpstreamTrust, why: Ended) -> UpstreamChange {
    UpstreamChange::End(Box::new(Ending {
        upstream: wiki(),
        id: Some(seen.id.clone()),
        named: seen.named.clone(),
        resource: Resource::from_stored("https://a.example/mcp/wiki".into()),
        why,
        access: Some(Sealed::from_stored("reach".into())),
        at: NOW,
    }))
}

#[tokio::test]
async fn an_upstream_s_server_is_pinned_once_and_replaced_only_as_it_was_seen() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let now = async || store.upstream_trust_now(wiki()).await.unwrap();
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    let other = UpstreamTrust { id: UpstreamId::from_text("up_2"), ..trust() };
    store.apply(UpstreamChange::Begin(other.clone())).await.unwrap();
    assert_eq!(now().await, Some(trust()), "an identity stays");
    let pin = |id: &UpstreamId, issuer: &str| UpstreamChange::Pin {
        upstream: wiki(),
        id: id.clone(),
        server: server_pin(issuer),
    };
    assert_eq!(refused(store, pin(&other.id, "i")).await, Condition::PinUpstream);
    let pins = tokio::join!(store.apply(pin(&trust().id, "i")), store.apply(pin(&trust().id, "j")));
    assert!(pins.0.is_ok() != pins.1.is_ok(), "what is seen first counts");
    let pinned = now().await.unwrap();
    let note = |named: Option<ServerPin>, first| UpstreamChange::NoteNamed {
        upstream: wiki(),
        id: trust().id,
        named,
        first,
    };
    store.apply(note(Some(server_pin("evil")), true)).await.unwrap();
    let named = now().await.unwrap();
    assert_eq!(named, UpstreamTrust { named: Some(server_pin("evil")), ..pinned.clone() });
    assert_eq!(
        store.upstream_trusts().await.unwrap().as_slice(),
        std::slice::from_ref(&named),
        "the cache follows"
    );
    // What is accepted is what was seen.
    let accepted =
        || UpstreamTrust { server: Some(server_pin("evil")), named: None, ..other.clone() };
    let seen = UpstreamTrust { named: Some(server_pin("worse")), ..named.clone() };
    for stale in [seen, pinned, UpstreamTrust { id: other.id.clone(), ..named.clone() }] {
        assert_eq!(
            refused(store, end_of(&stale, Ended::Accepted(accepted()))).await,
            Condition::ReplaceUpstream
        );
    }
    store.apply(end_of(&named, Ended::Accepted(accepted()))).await.unwrap();
    assert_eq!(now().await, Some(accepted()));
    store.apply(note(Some(server_pin("evil")), true)).await.unwrap();
    assert_eq!(now().await, Some(accepted()), "a note about the one before changes nothing");
    store.apply(end_of(&accepted(), Ended::Deleted { stored: false })).await.unwrap();
    assert_eq!(now().await, None);
}

#[tokio::test]
async fn what_depends_on_an_upstream_ends_with_it_and_its_tokens_are_queued_for_revocation() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.person("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    let lost = Connection { tokens: None, ..connected("u_lost", 0) };
    for connection in [connected(alice.as_str(), 0), connected("u_two", 7), lost] {
        store.apply(put(connection)).await.unwrap();
    }
    let registration = UpstreamRegistration {
        upstream: wiki(),
        issuer: "https://as.example".into(),
        resource: None,
        credentials: Sealed::from_stored("client".into()),
        expires_at: None,
        created_at: NOW,
    };
    store.apply(UpstreamChange::PutRegistration(registration)).await.unwrap();
    let for_resources = |id: &str, paths: &[&str]| {
        let resources = paths.iter().map(|path| format!("https://a.example{path}"));
        let resources = resources.map(Resource::from_stored).collect();
        Change::InsertGrant(Grant { resources, ..grant(id, alice.as_str()) })
    };
    store
        .apply(UnitOfWork::from_iter([
            for_resources("only", &["/mcp/wiki"]),
            for_resources("both", &["/mcp/wiki", "/mcp"]),
            for_resources("all", &["/mcp"]),
            for_resources("longer", &["/mcp/wiki2"]),
        ]))
        .await
        .unwrap();
    store
        .apply(end(Ended::Moved(UpstreamTrust { id: UpstreamId::from_text("up_2"), ..trust() })))
        .await
        .unwrap();
    for (id, lives) in [("only", false), ("both", true), ("all", true), ("longer", true)] {
        let grant = store.grant(&GrantId::from_text(id)).await.unwrap().unwrap();
        assert_eq!(grant.is_live(NOW), lives, "{id}");
    }
    assert_eq!(store.count_connections(wiki()).await.unwrap(), 0);
    let due = async |at: i64| store.revocations_due(NOW.plus(at), 10).await.unwrap();
    assert!(due(-1).await.is_empty());
    let mut queued = due(0).await;
    queued.sort_by(|one, other| one.tokens.as_str().cmp(other.tokens.as_str()));
    let told: Vec<_> = queued
        .iter()
        .map(|row| {
            (
                row.user_id.as_str(),
                row.tokens.as_str(),
                row.registration.as_ref().map(Sealed::as_str),
                row.access.as_ref().map(Sealed::as_str),
                row.resource.as_deref(),
            )
        })
        .collect();
    let resource = Some("https://wiki.example/mcp");
    assert_eq!(
        told,
        [
            (alice.as_str(), "sealed 0", Some("client"), Some("reach"), resource),
            ("u_two", "sealed 7", Some("client"), Some("reach"), resource)
        ]
    );
    // One of two replicas takes it, and what is done is forgotten.
    let claim = || UpstreamChange::ClaimRevocation {
        id: queued[0].id.clone(),
        due: NOW,
        until: NOW.plus(60),
    };
    let claims = tokio::join!(store.apply(claim()), store.apply(claim()));
    assert!(claims.0.is_ok() != claims.1.is_ok());
    assert_eq!((due(0).await.len(), due(60).await.len()), (1, 2));
    assert_eq!(due(60).await.iter().map(|row| row.tries).max(), Some(1));
    for row in &queued {
        store.apply(UpstreamChange::ForgetRevocation { id: row.id.clone() }).await.unwrap();
    }
    assert!(due(60).await.is_empty());
}

#[tokio::test]
async fn g30_a_refresh_of_upstream_access_is_claimed_once_and_kept_only_by_who_claimed_it() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.person("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    let user = alice.as_str();
    refused(store, put(connected(user, 0))).await;
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    store.apply(put(connected(user, 0))).await.unwrap();
    let held = store.connection_now(&alice, wiki()).await.unwrap().unwrap();
    assert_eq!(
        (held.scopes.as_str(), held.expires_at, held.tokens.is_some()),
        ("a b", Some(NOW.plus(60)), true)
    );
    let claim = |version, at: i64| UpstreamChange::ClaimRefresh {
        user_id: alice.clone(),
        upstream: wiki(),
        version,
        now: NOW.plus(at),
        until: NOW.plus(at + 30),
    };
    let claims =
        tokio::join!(store.apply(claim(held.version, 0)), store.apply(claim(held.version, 0)));
    assert!(claims.0.is_ok() != claims.1.is_ok(), "one of two replicas");
    refused(store, claim(held.version, 29)).await;
    // Who died while refreshing blocks nobody for longer.
    store.apply(claim(held.version, 31)).await.unwrap();
    let fresh = Connection {
        problem: Some(ConnectionProblem::Refused),
        ..connected(user, held.version + 1)
    };
    store
        .apply(UpstreamChange::KeepRefreshed { connection: Box::new(fresh.clone()) })
        .await
        .unwrap();
    refused(store, UpstreamChange::KeepRefreshed { connection: Box::new(fresh) }).await;
    refused(store, claim(held.version, 100)).await;
    let now = store.connection(&alice, wiki()).await.unwrap().unwrap();
    assert_eq!(
        (now.version, now.refreshing_until, now.problem),
        (held.version + 1, None, Some(ConnectionProblem::Refused)),
        "the cache follows"
    );
    // Connecting anew goes on counting: a refresh that began before is not taken for newer.
    store.apply(put(connected(user, 0))).await.unwrap();
    assert_eq!(
        store.connection_now(&alice, wiki()).await.unwrap().unwrap().version,
        held.version + 2
    );
    assert_eq!(store.count_connections(wiki()).await.unwrap(), 1);
    store
        .apply(UpstreamChange::DeleteConnection { user_id: alice.clone(), upstream: wiki() })
        .await
        .unwrap();
    assert!(store.connection(&alice, wiki()).await.unwrap().is_none());
}

fn pin(definition: &str) -> PinnedTool {
    PinnedTool {
        upstream: wiki(),
        tool: "echo".into(),
        state: ToolState::Approved,
        definition: definition.into(),
        pinned: Pinned::Whole,
        origin: Some("https://wiki.example".into()),
        changed: None,
        class: None,
        first_seen_at: NOW,
        decided_at: Some(NOW),
    }
}

#[tokio::test]
async fn a_pin_is_replaced_as_it_was_seen_and_forgotten_while_nothing_is_decided() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let stored =
        StoredUpstream { name: wiki(), settings: "{}".into(), secrets: None, created_at: NOW };
    store.apply(UpstreamChange::Insert(stored)).await.unwrap();
    store.apply(UpstreamChange::PinNew(vec![pin("three")])).await.unwrap();
    let repin = |seen: &str, state: ToolState| UpstreamChange::Repin {
        tool: Box::new(PinnedTool { class: Some(ToolClass::Write), ..pin("four") }),
        seen_definition: seen.into(),
        seen_state: state,
    };
    store.apply(repin("one", ToolState::Approved)).await.unwrap();
    store.apply(repin("three", ToolState::Waiting)).await.unwrap();
    assert_eq!(store.pinned_tools(wiki()).await.unwrap()[0].definition, "three");
    store.apply(repin("three", ToolState::Approved)).await.unwrap();
    assert_eq!(store.pinned_tools(wiki()).await.unwrap()[0].definition, "four");
    let waiting = |tool: &str, class: Option<ToolClass>| PinnedTool {
        tool: tool.into(),
        state: ToolState::Waiting,
        class,
        decided_at: None,
        ..pin("x")
    };
    store
        .apply(UpstreamChange::PinNew(vec![
            waiting("gone", None),
            waiting("classified", Some(ToolClass::Read)),
            waiting("listed", None),
        ]))
        .await
        .unwrap();
    let tools = ["echo", "gone", "classified"].map(str::to_owned).to_vec();
    store.apply(UpstreamChange::ForgetUndecided { upstream: wiki(), tools }).await.unwrap();
    let names: Vec<String> =
        store.pinned_tools(wiki()).await.unwrap().iter().map(|pin| pin.tool.clone()).collect();
    assert_eq!(names, ["classified", "echo", "listed"]);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn upstreams_tools_attempts_and_results_hold_once_and_go_with_what_they_belong_to() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    server.person("alice").await;
    let alice = server.app.accounts.list().await.unwrap()[0].id.clone();
    let stored =
        StoredUpstream { name: wiki(), settings: "{}".into(), secrets: None, created_at: NOW };
    store.apply(UpstreamChange::Insert(stored.clone())).await.unwrap();
    refused(store, UpstreamChange::Insert(stored)).await;
    assert_eq!(store.upstreams().await.unwrap().len(), 1);
    store.apply(UpstreamChange::PinNew(vec![pin("one")])).await.unwrap();
    store.apply(UpstreamChange::PinNew(vec![pin("two")])).await.unwrap();
    assert_eq!(
        store.pinned_tools(wiki()).await.unwrap()[0].definition,
        "one",
        "what is pinned stays"
    );
    let note = UpstreamChange::NoteChanged {
        upstream: wiki(),
        tool: "echo".into(),
        definition: "three".into(),
        pinned: Pinned::Whole,
        first: true,
    };
    store.apply(note).await.unwrap();
    let decide = |seen: Option<&str>| UpstreamChange::Decide {
        tool: Box::new(PinnedTool { class: Some(ToolClass::Write), ..pin("three") }),
        seen_definition: "one".into(),
        seen_changed: seen.map(str::to_owned),
    };
    refused(store, decide(None)).await;
    refused(store, decide(Some("four"))).await;
    store.apply(decide(Some("three"))).await.unwrap();
    let pinned = store.pinned_tools(wiki()).await.unwrap();
    assert_eq!(
        (pinned[0].definition.as_str(), pinned[0].changed.as_deref(), pinned[0].class),
        ("three", None, Some(ToolClass::Write))
    );
    let registration = UpstreamRegistration {
        upstream: wiki(),
        issuer: "i".into(),
        resource: Some("https://wiki.example/mcp".into()),
        credentials: Sealed::from_stored("s".into()),
        expires_at: None,
        created_at: NOW,
    };
    store.apply(UpstreamChange::PutRegistration(registration.clone())).await.unwrap();
    store
        .apply(UpstreamChange::PutRegistration(UpstreamRegistration {
            expires_at: Some(NOW),
            ..registration
        }))
        .await
        .unwrap();
    assert_eq!(
        store.upstream_registration(wiki(), "i").await.unwrap().unwrap().expires_at,
        Some(NOW)
    );
    // An attempt comes back once, to the same person in the same browser, in time.
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
    // Long results: the newest few of one person, and for nobody else.
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
    assert!(!kept(&alice, "c", 100).await && !kept(&UserId::from_text("u_other"), "c", 3).await);
    // All goes with the upstream, or with the person, apart from what was decided.
    let waiting = |tool: &str, class: Option<ToolClass>| PinnedTool {
        tool: tool.into(),
        state: ToolState::Waiting,
        class,
        decided_at: None,
        ..pin("x")
    };
    store
        .apply(UpstreamChange::PinNew(vec![
            waiting("new", None),
            waiting("classified", Some(ToolClass::Read)),
        ]))
        .await
        .unwrap();
    store.apply(UpstreamChange::Begin(trust())).await.unwrap();
    store.apply(put(connected(alice.as_str(), 0))).await.unwrap();
    store.apply(end(Ended::Deleted { stored: true })).await.unwrap();
    assert_eq!(
        refused(store, end(Ended::Deleted { stored: true })).await,
        Condition::DeleteUpstream
    );
    refused(store, put(connected(alice.as_str(), 0))).await;
    let decided = store.pinned_tools(wiki()).await.unwrap();
    assert_eq!(
        decided.iter().map(|pin| pin.tool.as_str()).collect::<Vec<_>>(),
        ["classified", "echo"],
        "a decision about a definition outlives the upstream"
    );
    assert!(store.connection(&alice, wiki()).await.unwrap().is_none());
    assert!(store.upstream_registration(wiki(), "i").await.unwrap().is_none());
    store.delete_expired(NOW.plus(200), 1).await.unwrap();
    assert!(!kept(&alice, "b", 3).await, "what expired is deleted");
}
