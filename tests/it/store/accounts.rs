//! Accounts, identities, sign-ins and second factors in the store.

use doorward_model::{
    Change, FactorChange, HashedToken, IdentityId, Invitation, LinkedIdentity, Passkey, PlainToken,
    ProviderId, Role, Sealed, SignInAttempt, Totp, UnitOfWork, UserId, UserName,
};
use doorward_store::{Condition, Store};
use doorward_testkit::TestServer;

use super::refused;
use crate::fixtures::NOW;

/// An account of a user at an identity provider.
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
        statement: None,
    })
}

/// Reserves an account until `NOW` and 99 seconds: one replica does, and only if no other did.
async fn one_replica_reserves(store: &Store, account: &IdentityId) {
    let claim = |due, now| Change::ClaimIdentityCheck {
        identity: account.clone(),
        due: NOW.plus(due),
        now: NOW.plus(now),
        until: NOW.plus(99),
    };
    store.apply(claim(10, 0)).await.unwrap();
    assert_eq!(refused(store, claim(10, 0)).await, Condition::ClaimIdentityCheck);
    // Nor does one that read it after it was reserved, until the time is over.
    assert_eq!(refused(store, claim(99, 98)).await, Condition::ClaimIdentityCheck);
    store.apply(claim(99, 99)).await.unwrap();
}

#[tokio::test]
async fn upstream_accounts_belong_to_one_user_and_their_roles_add_up() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let user = server.user("ann").await;
    let own = user.id.as_str();
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
    store.apply(Change::CollectProviderRoles(user.id.clone())).await.unwrap();
    let roles = async || {
        store
            .user(&user.id)
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
            Change::CollectProviderRoles(user.id.clone()),
        ]))
        .await
        .unwrap();
    assert_eq!(roles().await, "b c");
    let first = IdentityId::of("https://idp.example", "1");
    one_replica_reserves(store, &first).await;
    let [corp, another] = ["corp", "another"].map(|name| ProviderId::parse(name).unwrap());
    assert_eq!(store.identities_due(&corp, NOW.plus(50), 10).await.unwrap().len(), 1);
    assert_eq!(store.identities_due(&another, NOW.plus(50), 10).await.unwrap().len(), 0);
    assert_eq!(store.providers_due(NOW.plus(50)).await.unwrap(), [corp]);
    assert!(store.providers_due(NOW).await.unwrap().is_empty());
    store
        .apply(Change::DropCredential { identity: first.clone(), next_check_at: NOW.plus(20) })
        .await
        .unwrap();
    // A check that was claimed before keeps nothing: the user signed out meanwhile.
    let late = |claimed| Change::KeepChecked { identity: identity("1", own, &["late"]), claimed };
    assert_eq!(refused(store, late(NOW.plus(99))).await, Condition::KeepChecked);
    let read = store.identity(&first).await.unwrap().unwrap();
    assert_eq!(
        (read.credential, read.next_check_at, read.username.as_deref()),
        (None, NOW.plus(20), Some("n\u{e4}me"))
    );
    let other = UserId::from_text("u_other");
    let deleted = Change::DeleteIdentity { user_id: other.clone(), identity: first.clone() };
    assert_eq!(refused(store, deleted).await, Condition::DeleteIdentity);
    let collected = Change::CollectProviderRoles(other);
    assert_eq!(refused(store, collected).await, Condition::CollectProviderRoles);
    // The user's objects are deleted with the user.
    store.apply(Change::DeleteUser(user.id.clone())).await.unwrap();
    assert!(store.identity(&first).await.unwrap().is_none());
}

#[tokio::test]
async fn sign_ins_invitations_and_names_hold_once() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let (user, other) = (server.user("ann").await, server.user("ben").await);
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
    store.apply(invitation(&user.id)).await.unwrap();
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
    let rename = |name: &str| Change::RenameUser {
        user_id: user.id.clone(),
        name: UserName::parse(name).unwrap(),
    };
    assert_eq!(refused(store, rename("ben")).await, Condition::RenameUser);
    store.apply(rename("anna")).await.unwrap();
    assert_eq!(store.user(&user.id).await.unwrap().unwrap().name.as_str(), "anna");
    store
        .apply(Change::SetProfile {
            user_id: user.id.clone(),
            email: Some("x@y.example".into()),
            display_name: None,
        })
        .await
        .unwrap();
    assert_eq!(store.users_with_email("X@Y.example").await.unwrap().len(), 1);
}

#[tokio::test]
async fn codes_of_a_second_factor_hold_once() {
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
}

#[tokio::test]
async fn passkeys_belong_to_one_user_and_are_changed_by_no_other() {
    let server = TestServer::start().await;
    let store = &server.app.store;
    let user = UserId::from_text("u_1");
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
