//! Authorization servers of upstreams as they really are: every habit, for every kind of upstream
//! that takes a user's access and for older and newer revisions.

use doorward_testkit::{AuthorizationHabit, Connects, FakeUpstream, Place, TestServer};
use serde_json::json;

use super::{GatewayUser, connect, gateway_user, go, odd::names_no_library, with_config};

/// A kind of upstream with a user's own access, and its path, its revision and its tool.
struct Kind {
    name: &'static str,
    path: &'static str,
    modern: bool,
    tool: &'static str,
}

const OLDER: Kind = Kind { name: "http", path: "/mcp", modern: false, tool: "echo" };
const NEWER: Kind = Kind { name: "http", path: "/mcp", modern: true, tool: "echo" };
const STREAM: Kind = Kind { name: "sse", path: "/sse", modern: false, tool: "echo" };
const API: Kind = Kind { name: "openapi", path: "/api", modern: false, tool: "holder" };

/// The answer of a call that comes through, whatever the back-off after a refusal is.
async fn works(server: &TestServer, user: &GatewayUser, tool: &str, expected: &str) {
    let mut last = String::new();
    for _ in 0..80 {
        last = server.call(&user.token, tool, json!({"text": "x"})).await.expect(200).body;
        if last.contains(expected) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{tool}: {expected} in {last}");
}

async fn case(
    server: &TestServer,
    alice: &GatewayUser,
    (name, kind): (&str, &Kind),
    habit: AuthorizationHabit,
    upstream: &FakeUpstream,
) {
    let found = server.app.gateway.named(name).await.unwrap();
    for finding in server.app.gateway.test(&found, None).await {
        let text = finding.result.unwrap_or_else(|text| text);
        names_no_library(&text, &format!("{habit:?}"));
    }
    if let Connects::No(why) = habit.expected() {
        let address = server.at(&format!("/connect/{name}"));
        let page = alice.browser.get(&address).await;
        let page = if page.status == 200 {
            let form = &page.body[page.body.find(&format!("/connect/{name}\"")).unwrap()..];
            let csrf = doorward_testkit::form_value(form, "csrf").unwrap();
            let away = alice.browser.post(&address, &[("csrf", &csrf)]).await;
            if away.status == 303 && away.location().contains("/authorize") {
                alice.browser.get(&go(server, &alice.browser, name).await).await
            } else {
                away
            }
        } else {
            page
        };
        assert_eq!(page.status, 502, "{habit:?}: {}", page.body);
        assert!(page.body.contains(why), "{habit:?}: {}", page.body);
        return;
    }
    connect(server, &alice.browser, name).await;
    let tool = format!("{name}_{}", kind.tool);
    works(server, alice, &tool, "access-1-1").await;
    if kind.name != "openapi" {
        let asked = upstream.state().authorizes[0].clone();
        assert_eq!(asked.get("scope").map(String::as_str), Some("all"), "the metadata was read");
    }
    for number in 2..=3 {
        upstream.state().valid.clear();
        works(server, alice, &tool, &format!("access-1-{number}")).await;
    }
    assert_eq!(upstream.state().registrations, 1, "{habit:?}: registered once");
}

async fn all(kind: &Kind) {
    let habits: Vec<AuthorizationHabit> = AuthorizationHabit::ALL
        .iter()
        .copied()
        .filter(|habit| kind.name != "openapi" || !habit.is_of_resource())
        .collect();
    let mut failed = Vec::new();
    for some in habits.chunks(20) {
        let mut upstreams = Vec::new();
        for habit in some {
            let upstream = FakeUpstream::protected().await;
            upstream.state().modern = kind.modern;
            habit.apply(&upstream, kind.path);
            upstreams.push(upstream);
        }
        let server = with_config(&[], |config| {
            for (number, upstream) in upstreams.iter().enumerate() {
                let settings = match kind.name {
                    "openapi" => upstream.api_config("oauth"),
                    name => doorward_gateway::UpstreamConfig {
                        kind: name.to_owned(),
                        url: format!("{}{}", upstream.origin, kind.path),
                        ..upstream.config("oauth")
                    },
                };
                config.upstreams.insert(format!("odd{number}"), settings);
            }
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        for (number, (habit, upstream)) in some.iter().zip(&upstreams).enumerate() {
            let name = format!("odd{number}");
            let tried = case(&server, &alice, (&name, kind), *habit, upstream);
            // All are tried, so that one run names each that fails.
            let tried = std::panic::AssertUnwindSafe(tried);
            if futures_util::FutureExt::catch_unwind(tried).await.is_err() {
                failed.push(*habit);
            }
        }
    }
    assert!(failed.is_empty(), "{} {}: {failed:?}", kind.name, kind.modern);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_connect_an_older_http_server_whatever_its_authorization_server_is_like() {
    all(&OLDER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_connect_a_newer_http_server_whatever_its_authorization_server_is_like() {
    all(&NEWER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_connect_a_server_of_the_old_transport_whatever_its_authorization_server_is_like() {
    all(&STREAM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_connect_a_rest_api_whatever_its_authorization_server_is_like() {
    all(&API).await;
}

#[tokio::test]
async fn a_token_endpoint_that_moved_is_found_again_for_connected_users() {
    let elsewhere = Place::Redirects(301, "/new/".to_owned());
    for gone in
        [Place::status(404), Place::page(404), Place::status(410), Place::status(405), elsewhere]
    {
        let wiki = FakeUpstream::protected().await;
        let old = format!("{}/old/token", wiki.origin);
        let along = Place::Redirects(307, "/token".to_owned());
        wiki.state().metadata.insert("token_endpoint", json!(old));
        wiki.state().places.insert("/old/token".to_owned(), along);
        let server = with_config(&[("wiki", &wiki, "oauth")], |_| {}).await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        works(&server, &alice, "wiki_echo", "access-1-1").await;
        // The server is moved, and its old place answers in its own way.
        wiki.state().places.insert("/old/token".to_owned(), gone.clone());
        wiki.state().metadata.insert("token_endpoint", json!(format!("{}/token", wiki.origin)));
        wiki.state().valid.clear();
        works(&server, &alice, "wiki_echo", "access-1-2").await;
        assert_eq!(wiki.state().authorizes.len(), 1, "{gone:?}: connected once");
    }
}
