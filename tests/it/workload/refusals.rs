//! Tokens that are refused, and the explanation in the timeline.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_admin::TrustChange;
use doorward_model::Reason;
use doorward_testkit::{PlatformKey, signed_with_secret};
use serde_json::{Value, json};

use super::{Stage, over, refused};

#[tokio::test]
async fn a_token_that_does_not_fit_its_rule_is_refused_and_the_timeline_names_the_claim() {
    let stage = Stage::new().await;
    let claims = [("repository_id".to_owned(), "74".to_owned())];
    let more = TrustChange { claims: Some(claims.into()), ..TrustChange::default() };
    stage.rule("Release", "repo:acme/tools:ref:refs/heads/main", more).await;
    let (base, now) = (stage.github("1"), stage.now());
    let here = stage.server.url.clone();
    for (change, reason, told) in [
        (json!({"aud": "https://other.example"}), Reason::TrustMismatch, "aud"),
        (json!({"aud": [here, "https://other.example"]}), Reason::TrustMismatch, "aud"),
        (json!({"aud": null}), Reason::TrustMismatch, "aud"),
        (json!({"sub": "repo:acme/tools:pull_request"}), Reason::TrustMismatch, "pull_request"),
        (json!({"sub": "repo:acme-evil/tools:ref:refs/heads/main"}), Reason::TrustMismatch, "sub"),
        (json!({"sub": null}), Reason::TrustMismatch, "sub"),
        (json!({"repository_id": "75"}), Reason::TrustMismatch, "repository_id"),
        (json!({"repository_id": null}), Reason::TrustMismatch, "repository_id"),
        (json!({"iss": "https://evil.example"}), Reason::TrustUnknown, "https://evil.example"),
        (json!({"iss": null}), Reason::TrustUnknown, ""),
        (json!({"iss": "nul \u{0} nul"}), Reason::TrustUnknown, "nul"),
        (json!({"exp": now - 31}), Reason::AssertionTime, "exp"),
        (json!({"exp": null}), Reason::AssertionTime, ""),
        (json!({"exp": now + 86_401}), Reason::AssertionTime, "exp"),
        (json!({"nbf": now + 61}), Reason::AssertionTime, "nbf"),
        (json!({"iat": now + 61}), Reason::AssertionTime, "iat"),
        (json!({"exp": "soon"}), Reason::AssertionInvalid, ""),
        (json!({"jti": 7}), Reason::AssertionInvalid, ""),
        (json!({"jti": "x".repeat(600)}), Reason::AssertionInvalid, ""),
        (json!({"events": {"x": {}}}), Reason::AssertionInvalid, "jwt"),
        (json!({"cnf": {"jkt": "x"}}), Reason::KeyProof, ""),
        (json!({"cnf": {"x5t#S256": "x"}}), Reason::KeyProof, ""),
    ] {
        let token = stage.key.token(&over(&base, &change));
        refused(&stage.present(&token, &[]).await, 400, "invalid_grant");
        let (seen, detail) = stage.last_refusal().await;
        assert_eq!(seen, Some(reason), "{change}");
        assert!(detail.contains(told), "{change}: {detail}");
    }
    stage.present(&stage.key.token(&base), &[]).await.expect(200);
}

#[tokio::test]
async fn a_token_that_the_issuer_did_not_sign_for_this_purpose_is_refused() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let claims = stage.github("1");
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": "k1"});
    let good = stage.key.token(&claims);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let public = stage.key.jwk().to_string();
    let shared = |header: &Value| signed_with_secret(header, &claims, &public);
    let modified = over(&claims, &json!({"jti": "2"}));
    let other = PlatformKey::new("k1");
    for (what, token) in [
        ("no signature", format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&claims))),
        (
            "alg none with a signature",
            stage.key.signed(&over(&header, &json!({"alg": "none"})), &claims),
        ),
        ("a shared secret", shared(&json!({"alg": "HS256", "typ": "JWT", "kid": "k1"}))),
        ("another algorithm", stage.key.signed(&over(&header, &json!({"alg": "RS256"})), &claims)),
        ("another key", other.token(&claims)),
        ("other claims", format!("{}.{}.{signature}", encode(&header), encode(&modified))),
        ("an empty signature", format!("{input}.")),
        ("a cut token", input.to_owned()),
        ("a fourth part", format!("{good}.x")),
        ("an access token", stage.key.signed(&over(&header, &json!({"typ": "at+jwt"})), &claims)),
        (
            "a logout token",
            stage.key.signed(&over(&header, &json!({"typ": "logout+jwt"})), &claims),
        ),
        (
            "a proof of a key",
            stage.key.signed(&over(&header, &json!({"typ": "application/DPoP+jwt"})), &claims),
        ),
        (
            "a critical extension",
            stage.key.signed(&over(&header, &json!({"crit": ["b64"], "b64": false})), &claims),
        ),
        (
            "the key in the header",
            other.signed(&over(&header, &json!({"jwk": other.jwk(), "kid": null})), &claims),
        ),
        ("no JWT", "not a token".to_owned()),
        ("no object", format!("{}.{}.AA", encode(&header), encode(&json!([])))),
    ] {
        let page = stage.present(&token, &[]).await;
        assert_eq!(
            (page.status, page.json()["error"].as_str()),
            (400, Some("invalid_grant")),
            "{what}: {}",
            page.body
        );
        assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionInvalid), "{what}");
    }
    stage.present("", &[]).await.expect(401);
    stage.present(&good, &[]).await.expect(200);
}

#[tokio::test]
async fn a_token_of_this_server_is_no_assertion_and_its_issuer_cannot_be_trusted() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let given = super::access_token(stage.present(&stage.key.token(&stage.github("1")), &[]).await);
    refused(&stage.present(&given, &[]).await, 400, "invalid_grant");
    for issuer in [stage.server.url.clone(), format!("{}/", stage.server.url)] {
        let new = doorward_admin::NewTrust {
            name: "Own".to_owned(),
            service: "release".to_owned(),
            scopes: vec!["mcp:read".to_owned()],
            issuer,
            more: TrustChange { subject: Some("x".to_owned()), ..TrustChange::default() },
        };
        let operator = doorward_accounts::Authority::operator();
        let refusal = stage.server.app.admin.trusts.add(&operator, new).await.unwrap_err();
        assert_eq!(refusal.code().as_str(), "invalid_setting", "{refusal}");
    }
}

#[tokio::test]
async fn only_clients_with_a_trust_rule_get_tokens_by_an_assertion() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let token = stage.key.token(&stage.github("1"));
    let register = json!({"redirect_uris": ["http://127.0.0.1:7777/cb"], "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", super::GRANT]});
    let page = doorward_testkit::Browser::new()
        .post_json(&stage.server.at("/oauth/register"), &register)
        .await;
    let client = page.expect(201).json();
    assert_eq!(client["grant_types"], json!(["authorization_code", super::GRANT]));
    let id = client["client_id"].as_str().unwrap();
    refused(&stage.present(&token, &[("client_id", id)]).await, 400, "unauthorized_client");
    refused(&stage.present(&token, &[("client_id", "c_unknown")]).await, 401, "invalid_client");
    // Nothing was spent.
    stage.present(&token, &[]).await.expect(200);
}
