//! A client that connects again: the grant that it had before ends, and those of others do not.

use doorward_model::{Change, ClientId, ClientSource, Clock};
use doorward_testkit::{FakeUpstream, OAuthClient, TestServer, Tokens};

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
