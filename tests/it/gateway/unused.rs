//! Members that are not used decide nothing: metadata, registrations and token responses of
//! authorization servers of upstreams.

use doorward_testkit::FakeUpstream;
use serde_json::json;

use super::{connect, gateway_user, with};

#[tokio::test]
async fn metadata_of_odd_types_stops_no_connection() {
    for (member, value) in [
        ("scopes_supported", json!("all")),
        ("scopes_supported", json!({"all": true})),
        ("token_endpoint_auth_methods_supported", json!("none")),
        ("token_endpoint_auth_methods_supported", json!(null)),
        ("client_id_metadata_document_supported", json!("false")),
        ("authorization_response_iss_parameter_supported", json!("true")),
        ("code_challenge_methods_supported", json!("plain S256")),
        ("response_types_supported", json!(7)),
        ("jwks_uri", json!([])),
        ("service_documentation", json!("")),
    ] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().metadata.insert(member, value.clone());
        let server = with(&[("wiki", &wiki, "oauth")]).await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        let said = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
        assert!(said.body.contains("access-1-1"), "{member} = {value}: {}", said.body);
    }
}

#[tokio::test]
async fn token_responses_of_odd_types_refresh_the_access() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    for (number, odd) in [
        json!({"expires_in": "3599"}),
        json!({"expires_in": 3599.5}),
        json!({"expires_in": null}),
        json!({"expires_in": "soon"}),
        json!({"expires_in": -1}),
        json!({"scope": ["all"]}),
        json!({"scope": null, "token_type": "BEARER"}),
        json!({"scope": 7, "token_type": ""}),
        json!({"id_token": {}, "error": null, "user": [1]}),
    ]
    .into_iter()
    .enumerate()
    {
        wiki.state().valid.clear();
        wiki.state().spoiled = Some((200, odd.clone()));
        let expected = format!("access-1-{}", number + 2);
        let mut said = String::new();
        for _ in 0..60 {
            said =
                server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200).body;
            if said.contains("access-") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(said.contains(&expected), "{odd}: {said}");
    }
}
