//! Names that others choose decide nothing: rules compare identifiers (decision 24).

use doorward::config::Config;
use doorward_model::{Change, Client, ClientSource, RedirectUri, Timestamp};
use doorward_testkit::{OAuthClient, TestServer};
use serde_json::json;

use crate::fixtures::client;

/// The ID of a client that an administrator made before the rules were written.
const PORTAL: &str = "c_AAAAAAAAAAAAAAAAAAAAAA";

async fn server(rule: &str) -> TestServer {
    let server = TestServer::start_with(|config: &mut Config| {
        config.policy.rules = vec![rule.to_owned()];
        "deny".clone_into(&mut config.policy.default);
    })
    .await;
    let portal = Client {
        source: ClientSource::Administrator,
        name: "Portal".to_owned(),
        redirect_uris: vec![RedirectUri::from_stored("http://127.0.0.1:7777/callback".to_owned())],
        approved_at: Some(Timestamp(0)),
        ..client(PORTAL)
    };
    server.app.store.apply(Change::InsertClient(Box::new(portal))).await.unwrap();
    server
}

#[tokio::test]
async fn a_client_or_a_token_that_takes_the_name_of_another_gets_none_of_its_rights() {
    let server = server(&format!("allow client={PORTAL}")).await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let real = OAuthClient::known(&server, PORTAL, "http://127.0.0.1:7777/callback");
    let real = real.tokens(&browser, &[("scope", "mcp:read")]).await.access;
    assert!(server.calls(&real).await);
    for name in ["Portal", PORTAL] {
        let posing = OAuthClient::register_with(
            &server,
            json!({"client_name": name, "token_endpoint_auth_method": "none"}),
        )
        .await;
        let token = posing.tokens(&browser, &[("scope", "mcp:read")]).await.access;
        server.call(&token, "whoami", json!({})).await.expect(403);
    }
    let token =
        crate::access_tokens::made(&server, &browser, PORTAL, &[("scope-mcp:read", "1")]).await;
    server.call(&token, "whoami", json!({})).await.expect(403);
}

#[tokio::test]
async fn a_rule_that_names_names_is_refused_with_what_to_write_instead() {
    for (rule, instead) in [("deny client=Cursor*", "client=c_…"), ("deny user=ada", "user=u_…")]
    {
        let config = Config {
            policy: doorward::config::PolicyConfig {
                rules: vec![rule.to_owned()],
                ..Default::default()
            },
            ..Config::default()
        };
        let error = doorward::config::Loaded { config, ..Default::default() }
            .check()
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("policy.rules") && error.contains(instead), "{error}");
    }
}
