//! Tokens of connections that end one by one are revoked at their issuer, by any operation that
//! ends them.

use doorward_model::UpstreamChange;
use doorward_testkit::{FakeUpstream, TestServer, form_value};
use serde_json::json;

use super::{GatewayUser, connect, gateway_user, with, with_config};

/// By which way a connection of a user ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Page,
    Disabled,
    Deleted,
    AccessEnded,
}

const ENDS: [End; 4] = [End::Page, End::Disabled, End::Deleted, End::AccessEnded];

async fn end(server: &TestServer, alice: &GatewayUser, name: &str, how: End) {
    let accounts = &server.app.accounts;
    let user = accounts.list().await.unwrap();
    let user = user.into_iter().find(|user| user.name.as_str() == "alice").unwrap();
    match how {
        End::Page => {
            let page = alice.browser.get(&server.at("/account")).await.expect(200);
            let form = format!("name=\"upstream\" value=\"{name}\"");
            let before = &page.body[..page.body.find(&form).unwrap()];
            let form = &page.body[before.rfind("<form").unwrap()..];
            let csrf = form_value(form, "csrf").unwrap();
            let fields = [("csrf", csrf.as_str()), ("upstream", name)];
            let address = server.at("/account/connections");
            alice.browser.post(&address, &fields).await.expect(303);
        }
        End::Disabled => accounts.disable(&user, None).await.unwrap(),
        End::Deleted => accounts.delete(&user, None).await.unwrap(),
        End::AccessEnded => {
            server.app.store.apply(UpstreamChange::EndConnections(user.id)).await.unwrap();
        }
    }
}

/// Executes pending revocations.
async fn revoked(server: &TestServer, fake: &FakeUpstream) -> Vec<String> {
    server.app.gateway.revoke_due().await;
    fake.state().revoked.iter().map(|form| form["token"].clone()).collect()
}

#[tokio::test]
async fn tokens_of_a_user_are_revoked_at_their_issuer_however_the_connection_ends() {
    for how in ENDS {
        let (wiki, api) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
        let server = with_config(&[("wiki", &wiki, "oauth")], |config| {
            config.upstreams.insert("api".to_owned(), api.api_config("oauth"));
        })
        .await;
        let (alice, bob) =
            (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
        for name in ["wiki", "api"] {
            connect(&server, &alice.browser, name).await;
            connect(&server, &bob.browser, name).await;
        }
        for (name, fake) in [("wiki", &wiki), ("api", &api)] {
            end(&server, &alice, name, how).await;
            let told = revoked(&server, fake).await;
            assert_eq!(told, ["refresh-1-1", "access-1-1"], "{how:?} {name}");
            if how != End::Page {
                break;
            }
        }
        // The other user's access is as it was.
        for (fake, tool) in [(&wiki, "wiki_echo"), (&api, "api_holder")] {
            assert!(fake.state().valid.contains("access-2-2"), "{how:?}");
            let said = server.call(&bob.token, tool, json!({"text": "x"})).await.expect(200);
            assert!(said.body.contains("access-2-2"), "{how:?} {tool}: {}", said.body);
        }
        let all: usize = [&wiki, &api].iter().map(|fake| fake.state().revoked.len()).sum();
        assert_eq!(all, 4, "{how:?}: both upstreams of one user");
        let left = server.app.store.revocations_due(doorward_model::Timestamp::NEVER, 10).await;
        assert!(left.unwrap().is_empty(), "{how:?}");
    }
}

#[tokio::test]
async fn a_user_who_is_enabled_again_has_to_connect_again() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    end(&server, &alice, "wiki", End::Disabled).await;
    let user = server.app.accounts.list().await.unwrap().remove(0);
    assert!(server.app.store.connections_of(&user.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_that_ended_and_was_made_again_is_revoked_each_time() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    wiki.state().failing_revocations = 2;
    for _ in 0..2 {
        connect(&server, &alice.browser, "wiki").await;
        end(&server, &alice, "wiki", End::Page).await;
    }
    connect(&server, &alice.browser, "wiki").await;
    // The upstream ends while tokens of the first two connections wait.
    let queued = server.app.store.revocations_due(doorward_model::Timestamp::NEVER, 10).await;
    assert_eq!(queued.unwrap().len(), 2);
    wiki.state().failing_revocations = 0;
    server.clock.advance(1000);
    let mut told = revoked(&server, &wiki).await;
    told.sort();
    assert_eq!(told, ["access-1-1", "access-2-2", "refresh-1-1", "refresh-2-2"]);
}

#[tokio::test]
async fn pending_tokens_are_revoked_although_their_upstream_is_deleted() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[]).await;
    server.app.gateway.add("wiki", wiki.config("oauth")).await.unwrap();
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    end(&server, &alice, "wiki", End::AccessEnded).await;
    server.app.gateway.delete("wiki", None).await.unwrap();
    assert_eq!(revoked(&server, &wiki).await, ["refresh-1-1", "access-1-1"]);
}

#[tokio::test]
async fn tokens_that_arrive_for_a_user_who_disconnected_are_revoked_too() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    wiki.state().valid.clear();
    wiki.state().answer_delay = std::time::Duration::from_millis(800);
    let ending = async {
        while wiki.state().issued < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        end(&server, &alice, "wiki", End::AccessEnded).await;
    };
    tokio::join!(server.call(&alice.token, "wiki_echo", json!({"text": "x"})), ending);
    for _ in 0..100 {
        if revoked(&server, &wiki).await.iter().any(|token| token == "refresh-1-2") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{:?}", wiki.state().revoked);
}

#[tokio::test]
async fn an_issuer_that_refuses_one_kind_of_token_is_still_asked_to_revoke_the_other() {
    for (refused, kept) in [("refresh_token", "access-1-1"), ("access_token", "refresh-1-1")] {
        let (wiki, api) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
        let server = with_config(&[("wiki", &wiki, "oauth")], |config| {
            config.upstreams.insert("api".to_owned(), api.api_config("oauth"));
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        for (name, fake) in [("wiki", &wiki), ("api", &api)] {
            fake.state().irrevocable = Some(refused);
            connect(&server, &alice.browser, name).await;
        }
        end(&server, &alice, "wiki", End::AccessEnded).await;
        for fake in [&wiki, &api] {
            assert_eq!(revoked(&server, fake).await, [kept], "{refused}");
        }
        // The refusal is final: it is not asked again.
        server.clock.advance(1000);
        for fake in [&wiki, &api] {
            assert_eq!(revoked(&server, fake).await, [kept], "{refused}");
        }
    }
}
