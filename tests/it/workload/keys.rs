//! The keys of trusted issuers: rotation, failures, and the guard of outbound requests.

use doorward_admin::TrustChange;
use doorward_model::Reason;
use doorward_testkit::{CurveKey, PlatformKey};
use serde_json::{Value, json};

use super::{Stage, refused};

#[tokio::test]
async fn new_keys_of_an_issuer_are_fetched_when_a_token_names_one_and_not_for_each_request() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    stage.present(&stage.key.token(&stage.github("1")), &[]).await.expect(200);
    assert_eq!(stage.platform.hits(), 2, "the document and the keys");
    stage.present(&stage.key.token(&stage.github("2")), &[]).await.expect(200);
    assert_eq!(stage.platform.hits(), 2, "they are kept");
    let next = PlatformKey::new("k2");
    stage.publish(&json!({"keys": [next.jwk()]}));
    stage.present(&next.token(&stage.github("3")), &[]).await.expect(200);
    assert_eq!(stage.platform.hits(), 3, "the keys alone are fetched again");
    // The key that is no longer published is not accepted any more.
    refused(&stage.present(&stage.key.token(&stage.github("4")), &[]).await, 400, "invalid_grant");
    for at in 0..20 {
        let unknown = PlatformKey::new(&format!("unknown-{at}"));
        let token = unknown.token(&stage.github("5"));
        refused(&stage.present(&token, &[]).await, 400, "invalid_grant");
    }
    assert!(stage.platform.hits() <= 4, "{} requests", stage.platform.hits());
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_no_fault_of_the_workload() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let failed = "HTTP/1.1 500 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stage.platform.answer("/keys", failed);
    let token = stage.key.token(&stage.github("1"));
    refused(&stage.present(&token, &[]).await, 503, "temporarily_unavailable");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionKeys));
    // A document of another issuer is not that of the one that is trusted.
    let document = json!({"issuer": "https://evil.example", "jwks_uri": format!("{}/keys", stage.platform.url)});
    stage.publish(&stage.key.jwks());
    stage.platform.json("/.well-known/openid-configuration", &document, "");
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    refused(&stage.present(&token, &[]).await, 503, "temporarily_unavailable");
    stage.publish(&stage.key.jwks());
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    stage.present(&token, &[]).await.expect(200);
}

#[tokio::test]
async fn the_keys_of_an_issuer_are_not_fetched_from_networks_that_are_not_open_and_for_strangers() {
    let stage = Stage::under(&[]).await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let token = stage.key.token(&stage.github("1"));
    refused(&stage.present(&token, &[]).await, 503, "temporarily_unavailable");
    assert_eq!(stage.platform.hits(), 0);
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let stranger = super::over(&stage.github("1"), &json!({"sub": "repo:evil/tools:x"}));
    refused(&stage.present(&stage.key.token(&stranger), &[]).await, 400, "invalid_grant");
    assert_eq!(stage.platform.hits(), 0, "nothing is fetched for a token that fits no rule");
}

#[tokio::test]
async fn keys_at_a_url_that_is_set_by_hand_need_no_discovery_document() {
    let stage = Stage::new().await;
    let uri = format!("{}/keys", stage.platform.url);
    let more = TrustChange { jwks_uri: Some(uri), ..TrustChange::default() };
    stage.rule("Release", "repo:acme/tools:*", more).await;
    stage.present(&stage.key.token(&stage.github("1")), &[]).await.expect(200);
    assert_eq!(stage.platform.hits(), 1);
}

#[tokio::test]
async fn ed25519_is_accepted_under_both_of_its_names_from_an_issuer_and_in_keys_that_are_stored() {
    let stage = Stage::new().await;
    stage.rule("Published", "repo:acme/tools:*", TrustChange::default()).await;
    // The name in the header of a token, and that of its key, which may have none.
    let rows: Vec<(&str, Value, bool)> = vec![
        ("EdDSA", json!("EdDSA"), true),
        ("Ed25519", json!("Ed25519"), true),
        ("EdDSA", json!("Ed25519"), true),
        ("Ed25519", json!("EdDSA"), true),
        ("EdDSA", json!(null), true),
        ("Ed25519", json!(null), true),
        ("Ed448", json!("Ed25519"), false),
        ("none", json!("EdDSA"), false),
        ("HS256", json!("Ed25519"), false),
        ("ES256", json!("Ed25519"), false),
        ("ed25519", json!("Ed25519"), false),
    ];
    let mut keys = vec![stage.key.jwk()];
    let mut signed = Vec::new();
    for (number, (alg, of_key, accepted)) in rows.into_iter().enumerate() {
        let key = CurveKey::new(alg);
        let mut jwk = key.jwk();
        jwk["kid"] = json!(format!("curve-{number}"));
        jwk["alg"] = of_key;
        keys.push(jwk.clone());
        signed.push((number, alg, key, jwk, accepted));
    }
    stage.publish(&json!({ "keys": keys }));
    for (number, alg, key, jwk, accepted) in signed {
        let header = json!({"typ": "JWT", "kid": jwk["kid"]});
        let token = key.sign(header.clone(), &stage.github(&format!("p{number}")));
        let answer = stage.present(&token, &[]).await;
        assert_eq!(answer.status == 200, accepted, "{alg} {jwk}: {}", answer.body);
        // The same key, stored with a rule of its own.
        let subject = format!("stored:{number}");
        let more =
            TrustChange { jwks: Some(json!({"keys": [jwk.clone()]})), ..TrustChange::default() };
        stage.rule(&format!("Stored {number}"), &subject, more).await;
        let claims = super::over(&stage.github(&format!("s{number}")), &json!({"sub": subject}));
        let answer = stage.present(&key.sign(header, &claims), &[]).await;
        assert_eq!(answer.status == 200, accepted, "stored {alg} {jwk}: {}", answer.body);
        // A signature of another key counts under no name.
        let fresh = super::over(&claims, &json!({"jti": format!("f{number}")}));
        let forged = CurveKey::new(alg).sign(json!({"kid": jwk["kid"]}), &fresh);
        refused(&stage.present(&forged, &[]).await, 400, "invalid_grant");
    }
}
