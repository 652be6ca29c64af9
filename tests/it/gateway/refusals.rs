//! Answers of an upstream's token endpoint to a refresh: a refusal in any form ends that user's
//! connection, and after any other response the refresh is repeated later.

use doorward_testkit::{FakeUpstream, Place, TestServer};
use serde_json::json;

use super::{GatewayUser, connect, gateway_user, with_config};

const BOTH: [(&str, &str); 2] = [("wiki", "wiki_echo"), ("api", "api_holder")];

async fn started(fake: &FakeUpstream) -> TestServer {
    with_config(&[("wiki", fake, "oauth")], |config| {
        config.upstreams.insert("api".to_owned(), fake.api_config("oauth"));
    })
    .await
}

async fn said(server: &TestServer, user: &GatewayUser, tool: &str) -> String {
    server.call(&user.token, tool, json!({"text": "x"})).await.expect(200).body
}

/// The answer of a call that comes through, whatever the upstream's back-off is.
async fn works(server: &TestServer, user: &GatewayUser, tool: &str) -> String {
    let mut last = String::new();
    for _ in 0..60 {
        last = said(server, user, tool).await;
        if last.contains("access-") {
            return last;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the access did not come back: {last}");
}

fn json_of(status: u16, value: &serde_json::Value) -> Place {
    Place::Says(status, "application/json", value.to_string())
}

/// Two connected users of the upstream, with alice's access token expired, while the token endpoint
/// responds according to `place`.
async fn at_refresh(
    name: &str,
    tool: &str,
    place: &Place,
) -> (FakeUpstream, TestServer, GatewayUser, GatewayUser) {
    let fake = FakeUpstream::protected().await;
    let server = started(&fake).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    connect(&server, &alice.browser, name).await;
    connect(&server, &bob.browser, name).await;
    for user in [&alice, &bob] {
        works(&server, user, tool).await;
    }
    fake.state().valid.retain(|token| !token.starts_with("access-1-"));
    fake.state().places.insert("/token".to_owned(), place.clone());
    (fake, server, alice, bob)
}

#[tokio::test]
async fn a_refusal_in_any_form_leads_its_user_to_connect_again_and_stops_no_other_user() {
    let mattermost = json!({"id": "api.oauth.get_access_token.expired_code.app_error", "message": "Invalid or expired token.", "status_code": 400});
    for refusal in [
        Place::status(400),
        Place::status(401),
        Place::status(403),
        Place::page(400),
        Place::page(401),
        Place::page(403),
        json_of(400, &mattermost),
        json_of(400, &json!({"error": "invalid_grant"})),
        json_of(400, &json!({"error": "token_gone"})),
        json_of(200, &json!({"error": "bad_refresh_token"})),
        json_of(400, &json!({"error": "invalid_request"})),
        Place::Says(403, "text/plain", "Forbidden".to_owned()),
    ] {
        for (name, tool) in BOTH {
            let (fake, server, alice, bob) = at_refresh(name, tool, &refusal).await;
            let told = said(&server, &alice, tool).await;
            assert!(told.contains(&format!("/connect/{name}")), "{refusal:?} {name}: {told}");
            assert!(said(&server, &bob, tool).await.contains("access-2-"), "{refusal:?} {name}");
            fake.state().places.clear();
            connect(&server, &alice.browser, name).await;
            assert!(works(&server, &alice, tool).await.contains("access-3-"), "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_fails_or_asks_to_wait_ends_no_connection() {
    for wait in [
        Place::status(500),
        Place::page(502),
        Place::status(503),
        Place::status(429),
        json_of(429, &json!({"error": "slow_down"})),
        json_of(400, &json!({"error": "temporarily_unavailable"})),
        json_of(400, &json!({"error": "slow_down"})),
        Place::page(200),
        Place::status(404),
        Place::Redirects(302, "https://login.example/".to_owned()),
    ] {
        for (name, tool) in BOTH {
            let (fake, server, alice, bob) = at_refresh(name, tool, &wait).await;
            let told = said(&server, &alice, tool).await;
            assert!(!told.contains("access-"), "{wait:?} {name}: {told}");
            assert!(!told.contains("/connect/"), "{wait:?} {name}: {told}");
            assert!(said(&server, &bob, tool).await.contains("access-2-"), "{wait:?} {name}");
            fake.state().places.clear();
            // The pause that the server demanded is over, for this user too.
            server.clock.advance(40);
            assert!(works(&server, &alice, tool).await.contains("access-1-"), "{wait:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_still_valid_is_used_while_the_server_cannot_refresh_it() {
    let fake = FakeUpstream::protected().await;
    let server = started(&fake).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "api").await;
    works(&server, &alice, "api_holder").await;
    // 20 seconds before its end it is refreshed.
    server.clock.advance(3580);
    let alice = super::signed_in(&server, "alice", "mcp:destructive").await;
    for silent in [Place::status(503), Place::status(429)] {
        fake.state().places.insert("/token".to_owned(), silent.clone());
        assert!(said(&server, &alice, "api_holder").await.contains("access-1-1"), "{silent:?}");
    }
}
