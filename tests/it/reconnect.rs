//! A client that connects again: the grant that it had before ends, and those of others do not.

use doorward_model::{Change, ClientId, ClientSource, Clock};
use doorward_store::ClientFilter;
use doorward_testkit::{FakeUpstream, OAuthClient, TestServer, Tokens};
use serde_json::{Value, json};

use crate::{fixtures, gateway};

async fn refreshes(client: &OAuthClient, tokens: &Tokens) -> bool {
    client.refresh(&tokens.refresh, &[]).await.expect_any(&[200, 400]).status == 200
}

#[tokio::test]
async fn a_registered_client_that_connects_again_ends_the_grant_that_it_had_and_no_other() {
    let upstream = FakeUpstream::start().await;
    let server = gateway::with(&[("wiki", &upstream, "none")]).await;
    server.user("root").await;
    server.user("alice").await;
    let root = server.signed_in("root").await;
    let (client, other) =
        (OAuthClient::register(&server).await, OAuthClient::register(&server).await);
    let first = client.tokens(&root, &[]).await;
    let of_another_client = other.tokens(&root, &[]).await;
    let alice = server.signed_in("alice").await;
    let of_another_user = client.tokens(&alice, &[]).await;
    let wiki = server.at("/mcp/wiki");
    let at_another_resource = client.tokens(&root, &[("resource", &wiki)]).await;
    // A code that is not redeemed ends nothing.
    client.code(&root, &doorward_testkit::Pkce::default(), &[]).await;
    assert!(server.calls(&first.access).await);
    // More scopes than before, as in a step-up: the predecessor ends all the same.
    let second = client.tokens(&root, &[("scope", "mcp:write")]).await;
    assert!(!server.calls(&first.access).await, "its access token");
    assert!(!refreshes(&client, &first).await, "its refresh token");
    assert!(server.calls(&second.access).await);
    assert!(server.calls(&of_another_client.access).await);
    assert!(server.calls(&of_another_user.access).await);
    assert!(refreshes(&client, &at_another_resource).await);
    assert!(refreshes(&client, &second).await);
    // The audit states the reason.
    let user = server.app.store.user_by("root").await.unwrap().unwrap();
    let to = ClientId::from_text(&client.id);
    let now = server.clock.now();
    assert_eq!(server.app.store.count_grants_to(&user.id, &to, now).await.unwrap(), 2);
    let entries = server.app.store.audit_after(0, 500).await.unwrap();
    let replaced = "\"reason\":\"replaced\"";
    let told = entries.iter().filter(|entry| entry.event.detail.contains(replaced));
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn installations_that_share_a_client_id_keep_the_grants_that_were_used_last() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    for source in [ClientSource::Administrator, ClientSource::MetadataDocument] {
        let id = match source {
            ClientSource::MetadataDocument => "https://app.example/client.json",
            ClientSource::Administrator | ClientSource::Registration => "shared",
        };
        let mut shared = fixtures::client(id);
        shared.source = source;
        // Its document needs no fetching during the test.
        shared.fresh_until = Some(server.clock.now().plus(100_000));
        let client = OAuthClient::known(&server, id, shared.redirect_uris[0].as_str());
        server.app.store.apply(Change::InsertClient(Box::new(shared))).await.unwrap();
        let mut installations = Vec::new();
        for _ in 0..20 {
            installations.push(client.tokens(&browser, &[]).await);
            server.clock.advance(1);
        }
        for tokens in &installations {
            assert!(server.calls(&tokens.access).await, "{id}: each has its own");
        }
        // The first one is used again, by which the second is the one that was used longest ago.
        server.clock.advance(301);
        let first = Tokens::read(client.refresh(&installations[0].refresh, &[]).await);
        let newest = client.tokens(&browser, &[]).await;
        assert!(server.calls(&newest.access).await);
        assert!(server.calls(&first.access).await, "{id}: used last");
        assert!(!server.calls(&installations[1].access).await, "{id}: used longest ago");
        for tokens in &installations[2..] {
            assert!(server.calls(&tokens.access).await, "{id}");
        }
    }
}

/// A registration of a service at these redirect URIs.
async fn service(server: &TestServer, name: &str, uris: &[&str], more: Value) -> OAuthClient {
    let mut members = json!({
        "client_name": name, "redirect_uris": uris, "token_endpoint_auth_method": "none",
    });
    for (member, value) in more.as_object().unwrap() {
        members[member] = value.clone();
    }
    OAuthClient::register_with(server, members).await
}

#[tokio::test]
async fn a_service_that_registers_at_every_connection_is_listed_once_and_nothing_poses_as_it() {
    const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
    const SECOND: &str = "https://claude.com/api/mcp/auth_callback";

    let upstream = FakeUpstream::start().await;
    let server = gateway::with(&[("wiki", &upstream, "none")]).await;
    let user = server.user("root").await;
    server.user("alice").await;
    let (root, alice) = (server.signed_in("root").await, server.signed_in("alice").await);
    let none = json!({});
    // A client that resembles it keeps its own grant: the same name at another host, at one more
    // host, with another name of the software, another proof, or on the user's machine.
    let mut others = Vec::new();
    for (uris, more) in [
        (&["https://evil.example/callback"][..], none.clone()),
        (&["https://claude.ai.evil.example/api/mcp/auth_callback"], none.clone()),
        (&[CALLBACK, SECOND, "https://evil.example/callback"], none.clone()),
        (&[CALLBACK], none.clone()),
        (&[CALLBACK, SECOND], json!({"software_id": "another"})),
        (&["http://127.0.0.1:7777/callback"], none.clone()),
        (&[CALLBACK, SECOND, "http://127.0.0.1:7777/callback"], none.clone()),
    ] {
        let client = service(&server, "Claude", uris, more).await;
        others.push((client.tokens(&root, &[]).await, uris));
    }
    let other_name = service(&server, "Claude 2", &[CALLBACK, SECOND], none.clone()).await;
    others.push((other_name.tokens(&root, &[]).await, &[]));
    let of_another_user = service(&server, "Claude", &[CALLBACK, SECOND], none.clone()).await;
    let alices = of_another_user.tokens(&alice, &[]).await;
    let wiki = server.at("/mcp/wiki");
    let for_another_resource = service(&server, "Claude", &[CALLBACK, SECOND], none.clone()).await;
    let at_wiki = for_another_resource.tokens(&root, &[("resource", &wiki)]).await;
    let mut last: Option<(OAuthClient, Tokens)> = None;
    for turn in 0..16 {
        // The order of the redirect URIs says nothing.
        let uris = if turn % 2 == 0 { [CALLBACK, SECOND] } else { [SECOND, CALLBACK] };
        let client = service(&server, "Claude", &uris, none.clone()).await;
        if let Some((_, before)) = &last {
            // A registration and a consent that is not used end nothing.
            client.code(&root, &doorward_testkit::Pkce::default(), &[]).await;
            assert!(server.calls(&before.access).await);
        }
        let tokens = client.tokens(&root, &[]).await;
        if let Some((earlier, before)) = last.replace((client, tokens)) {
            assert!(!server.calls(&before.access).await && !refreshes(&earlier, &before).await);
        }
    }
    let (newest, tokens) = last.unwrap();
    assert!(server.calls(&tokens.access).await && refreshes(&newest, &tokens).await);
    for (tokens, uris) in &others {
        assert!(server.calls(&tokens.access).await, "{uris:?}");
    }
    assert!(server.calls(&alices.access).await);
    assert!(refreshes(&for_another_resource, &at_wiki).await);
    let now = server.clock.now();
    let apps = server.app.store.connected_apps(&user.id, now).await.unwrap();
    assert_eq!(apps.len(), others.len() + 2);
    // The page tells those of one name apart by the hosts that receive their access.
    let page = root.get(&server.at("/account")).await.expect(200).body;
    for hosts in ["claude.ai, claude.com", "evil.example", "claude.ai.evil.example", "127.0.0.1"] {
        assert!(page.contains(&format!("access goes to {hosts}<")), "{hosts}: {page}");
    }
    // The registrations that it left behind are deleted a day later, and no others.
    let registered = async || {
        let all = server.app.store.clients(ClientFilter::default(), 100).await.unwrap();
        all.iter().filter(|client| client.name.starts_with("Claude")).count()
    };
    let before = registered().await;
    server.app.store.delete_expired(now, 86_400).await.unwrap();
    assert_eq!(registered().await, before);
    server.clock.advance(86_402);
    server.app.store.delete_expired(server.clock.now(), 86_400).await.unwrap();
    assert_eq!(registered().await, before - 15);
}
