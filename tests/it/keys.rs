//! Signing keys and the master key, as operators meet them.

use std::os::unix::fs::PermissionsExt;

use doorward::{app::App, config::Loaded, data_dir::DataDir};
use doorward_model::{Change, Clock};
use doorward_testkit::{Browser, ManualClock, OAuthClient, TestServer};
use serde_json::Value;

async fn published(server: &TestServer) -> Vec<String> {
    let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.expect(200).json();
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn kid(token: &str) -> String {
    let header = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        token.split('.').next().unwrap(),
    )
    .unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn p5_rotation_breaks_no_token_and_needs_no_restart() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let old = client.tokens(&browser, &[]).await;
    server.app.admin.keys.rotate(false).await.unwrap();
    assert_eq!(published(&server).await.len(), 2, "published before it signs");
    assert_eq!(kid(&client.tokens(&browser, &[]).await.access), kid(&old.access));
    server.clock.advance(900);
    let new = client.tokens(&browser, &[]).await;
    assert_ne!(kid(&new.access), kid(&old.access));
    assert_eq!(published(&server).await.len(), 2, "the old key stays while its tokens live");
    assert!(server.calls(&new.access).await);
    server.clock.advance(700);
    assert_eq!(published(&server).await, [kid(&new.access)]);
}

#[tokio::test]
async fn a_token_that_was_used_ends_with_its_key_at_every_url() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
    assert!(server.calls(&tokens.access).await);
    let retire = Change::RetireSigningKeys { except: String::new(), at: server.clock.now() };
    server.app.store.apply(retire).await.unwrap();
    assert!(!server.calls(&tokens.access).await, "its verification is remembered, not its key");
}

#[tokio::test]
async fn keys_rotate_by_themselves_when_they_are_due() {
    let server = TestServer::start_with(|config| config.keys.rotation_days = 1).await;
    let first = published(&server).await;
    server.app.housekeeping().unwrap().round().await;
    assert_eq!(published(&server).await, first);
    server.clock.advance(86_400);
    server.app.housekeeping().unwrap().round().await;
    assert_eq!(published(&server).await.len(), 2);
    server.app.housekeeping().unwrap().round().await;
    assert_eq!(published(&server).await.len(), 2, "once is enough");
}

#[tokio::test]
async fn rs256_and_eddsa_can_be_chosen() {
    for algorithm in ["RS256", "EdDSA"] {
        let server =
            TestServer::start_with(|config| config.keys.algorithm = algorithm.into()).await;
        server.user("alice").await;
        let client = OAuthClient::register(&server).await;
        let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
        assert!(server.calls(&tokens.access).await, "{algorithm}");
        let jwks = Browser::new().get(&server.at("/oauth/jwks")).await.json();
        assert_eq!(jwks["keys"][0]["alg"], algorithm);
        assert!(jwks["keys"][0].get("d").is_none());
    }
}

async fn reopen(
    server: &TestServer,
    change: impl FnOnce(&mut doorward::config::Config),
) -> Result<(), String> {
    let mut config = server.config.clone();
    change(&mut config);
    let checked = Loaded { config: config.clone(), ..Loaded::default() }.check().unwrap();
    let public_url = checked.public_url(8400).unwrap();
    let clock = std::sync::Arc::new(ManualClock::default());
    App::open(config, &checked, &DataDir::open(&server.data_dir).unwrap(), public_url, clock)
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn ca37_a_wrong_or_missing_master_key_is_a_clear_error_and_nothing_is_overwritten() {
    let server = TestServer::start().await;
    let path = server.data_dir.join("master.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let original = std::fs::read_to_string(&path).unwrap();
    let keys = server.app.store.signing_keys().await.unwrap().len();
    std::fs::remove_file(&path).unwrap();
    let missing = reopen(&server, |_| {}).await.unwrap_err();
    assert!(missing.contains("does not exist; restore that file"), "{missing}");
    assert!(!path.exists());
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let wrong = reopen(&server, |config| config.keys.master_key = other.into()).await.unwrap_err();
    assert!(
        wrong.contains("is not the master key that this database was made with")
            && !wrong.contains(other),
        "{wrong}"
    );
    let malformed =
        reopen(&server, |config| config.keys.master_key = "too short".into()).await.unwrap_err();
    assert!(
        malformed.contains("32 bytes in base64") && !malformed.contains("too short"),
        "{malformed}"
    );
    std::fs::write(&path, &original).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(reopen(&server, |_| {}).await.unwrap_err().contains("chmod 600"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    reopen(&server, |_| {}).await.unwrap();
    assert_eq!(server.app.store.signing_keys().await.unwrap().len(), keys);
    // The same key by configuration.
    std::fs::remove_file(&path).unwrap();
    reopen(&server, |config| config.keys.master_key = original.clone().into()).await.unwrap();
}
