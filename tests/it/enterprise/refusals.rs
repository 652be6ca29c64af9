//! Assertions that are refused, and the explanation in the timeline.

use std::sync::Arc;

use doorward_model::Reason;
use doorward_testkit::{
    Browser, OAuthClient, PlatformKey, Prover, TestServer, with_other_signature,
};
use serde_json::{Value, json};

use super::{Stage, add_client, header, present};
use crate::workload::{access_token, over, refused};

#[tokio::test]
async fn an_assertion_for_another_server_client_or_time_is_refused_and_the_timeline_names_it() {
    let stage = Stage::new().await;
    let base = stage.claims("1");
    let now = base["iat"].as_i64().unwrap();
    for (change, reason, told) in [
        (json!({"aud": "https://other.example"}), Reason::AssertionClaim, "aud"),
        (
            json!({"aud": [stage.server.url, "https://other.example"]}),
            Reason::AssertionClaim,
            "aud",
        ),
        (json!({"aud": stage.server.at("/mcp")}), Reason::AssertionClaim, "aud"),
        (json!({"aud": null}), Reason::AssertionClaim, "aud"),
        (json!({"client_id": "c_other"}), Reason::AssertionClaim, "client_id"),
        (json!({"client_id": null}), Reason::AssertionClaim, "client_id"),
        (json!({"jti": null}), Reason::AssertionClaim, "jti"),
        (json!({"iat": null}), Reason::AssertionClaim, "iat"),
        (json!({"exp": now - 31}), Reason::AssertionTime, "exp"),
        (json!({"exp": null}), Reason::AssertionTime, ""),
        (json!({"exp": now + 90_000}), Reason::AssertionTime, "exp"),
        (json!({"nbf": now + 61}), Reason::AssertionTime, "nbf"),
        (json!({"iat": now + 61}), Reason::AssertionTime, "iat"),
        (json!({"sub": null}), Reason::AssertionInvalid, ""),
        (json!({"iss": "https://evil.example"}), Reason::AssertionProvider, "issuer"),
        (json!({"iss": null}), Reason::AssertionProvider, "issuer"),
        (json!({"events": {"x": {}}}), Reason::AssertionInvalid, "oauth-id-jag+jwt"),
        (json!({"cnf": {"x5t#S256": "x"}}), Reason::KeyProof, ""),
    ] {
        refused(&stage.present(&over(&base, &change)).await, 400, "invalid_grant");
        let (seen, detail) = stage.last_refusal().await;
        assert_eq!(seen, Some(reason), "{change}: {detail}");
        assert!(detail.contains(told), "{change}: {detail}");
    }
    stage.present(&base).await.expect(200);
}

#[tokio::test]
async fn an_assertion_that_is_bound_to_a_key_needs_its_proof_and_gives_a_bound_token() {
    let stage = Stage::new().await;
    let (server, key) = (&stage.server, Prover::default());
    let bound = |jkt: &str| over(&stage.claims("1"), &json!({"cnf": {"jkt": jkt}}));
    let token = stage.assertion(&bound(&key.thumbprint()));
    let mut client = OAuthClient::known(server, stage.client.client.id.as_str(), "");
    let secret = stage.client.secret.as_ref().unwrap().reveal().to_owned();
    (client.secret, client.basic) = (Some(secret), true);
    let fields = [("grant_type", super::GRANT), ("assertion", token.as_str())];
    refused(&client.token(&fields).await, 400, "invalid_grant");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::KeyProof));
    let thief = Prover::default();
    refused(&thief.token(server, &client, &fields).await, 400, "invalid_grant");
    // Nothing was spent.
    let given = key.token(server, &client, &fields).await.expect(200).json();
    assert_eq!(given["token_type"], "DPoP");
    let access = given["access_token"].as_str().unwrap();
    key.call(server, access).await.expect(200);
    assert!(!server.calls(access).await);
}

#[tokio::test]
async fn a_public_client_presents_an_assertion_that_is_bound_to_its_key_and_no_other() {
    let stage = Stage::new().await;
    let (server, key) = (&stage.server, Prover::default());
    let registration = json!({
        "client_name": "Public", "redirect_uris": ["https://agent.example/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", super::GRANT],
    });
    let browser = Browser::new();
    let registered = browser.post_json(&server.at("/oauth/register"), &registration).await;
    let registered = registered.expect(201).json();
    let id = registered["client_id"].as_str().unwrap();
    let client = OAuthClient::known(server, id, "https://agent.example/callback");
    let named = json!({"client_id": id});
    let base = over(&stage.claims("1"), &named);
    let fields = |token: String| [("grant_type", super::GRANT.to_owned()), ("assertion", token)];
    let give = async |prover: Option<&Prover>, claims: &Value| {
        let fields = fields(stage.assertion(claims));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match prover {
            Some(prover) => prover.token(server, &client, &fields).await,
            None => client.token(&fields).await,
        }
    };
    // Its name is known to all, and so is no proof: not even with a key of its own choice.
    for prover in [None, Some(&key)] {
        refused(&give(prover, &base).await, 400, "unauthorized_client");
        assert_eq!(stage.last_refusal().await.0, Some(Reason::KeyProof));
    }
    let bound = over(&base, &json!({"cnf": {"jkt": key.thumbprint()}}));
    refused(&give(None, &bound).await, 400, "invalid_grant");
    refused(&give(Some(&Prover::default()), &bound).await, 400, "invalid_grant");
    let given = give(Some(&key), &bound).await.expect(200).json();
    assert_eq!(given["token_type"], "DPoP");
    key.call(server, given["access_token"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn an_assertion_counts_once_and_another_token_of_the_provider_is_none() {
    let stage = Stage::new().await;
    let claims = stage.claims("1");
    let give = async |token: &str| present(&stage.server, &stage.client, token, &[]).await;
    for typ in ["JWT", "at+jwt", "logout+jwt"] {
        let token = stage.key.signed(&header(typ), &claims);
        let page = give(&token).await;
        assert_eq!(page.status, 400, "{typ}: {}", page.body);
    }
    let forged = PlatformKey::new("k1").signed(&header("oauth-id-jag+jwt"), &claims);
    refused(&give(&forged).await, 400, "invalid_grant");
    let none = over(&header("oauth-id-jag+jwt"), &json!({"alg": "none"}));
    refused(&give(&stage.key.signed(&none, &claims)).await, 400, "invalid_grant");
    let token = stage.assertion(&claims);
    give(&token).await.expect(200);
    for again in [token.clone(), with_other_signature(&token), stage.assertion(&claims)] {
        refused(&give(&again).await, 400, "invalid_grant");
        assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionSpent));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_with_one_assertion_at_two_replicas_one_is_answered() {
    let stage = Stage::new().await;
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let token = Arc::new(stage.assertion(&stage.claims("1")));
    let client = Arc::new(stage.client);
    let servers = [Arc::new(stage.server), Arc::new(other)];
    let tasks: Vec<_> = (0..10)
        .map(|index| {
            let (server, token) = (Arc::clone(&servers[index % 2]), Arc::clone(&token));
            let client = Arc::clone(&client);
            tokio::spawn(async move { present(&server, &client, &token, &[]).await.status })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap() == 200);
    }
    assert_eq!(won, 1);
    assert_eq!(servers[0].app.store.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_assertion_of_another_client_is_not_accepted_and_the_client_must_authenticate() {
    let stage = Stage::new().await;
    let other = add_client(&stage.server, "Other").await;
    let token = stage.assertion(&stage.claims("1"));
    refused(&present(&stage.server, &other, &token, &[]).await, 400, "invalid_grant");
    let alone = [("grant_type", super::GRANT), ("assertion", token.as_str())];
    let url = stage.server.at("/oauth/token");
    Browser::new().post(&url, &alone).await.expect(401);
    let id = stage.client.client.id.to_string();
    let named = [alone[0], alone[1], ("client_id", id.as_str())];
    Browser::new().post(&url, &named).await.expect(401);
    present(&stage.server, &stage.client, &token, &[]).await.expect(200);
}

#[tokio::test]
async fn a_provider_that_is_off_or_may_not_assert_and_a_disabled_user_get_nothing() {
    for (assertions, enabled) in [(false, true), (true, false)] {
        let stage = Stage::with(|corp| {
            (corp.assertions, corp.enabled) = (assertions, enabled);
        })
        .await;
        refused(&stage.present(&stage.claims("1")).await, 400, "invalid_grant");
        assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionProvider));
        assert_eq!(stage.provider.hits(), 0, "its keys are not even fetched");
    }
    let stage = Stage::new().await;
    let given = access_token(stage.present(&stage.claims("1")).await);
    let ada = stage.server.app.accounts.find("ada").await.unwrap();
    stage.server.app.accounts.disable(&ada, None).await.unwrap();
    assert!(!stage.server.calls(&given).await);
    refused(&stage.present(&stage.claims("2")).await, 400, "invalid_grant");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::UserDisabled));
}

#[tokio::test]
async fn the_rules_of_admission_hold_as_at_a_sign_in() {
    type Change = fn(&mut doorward_federation::ProviderConfig);
    let cases: [(Change, Value); 5] = [
        (|corp| corp.allowed_domains = vec!["other.example".to_owned()], json!({})),
        (|corp| corp.allowed_groups = vec!["staff".to_owned()], json!({"groups": ["guests"]})),
        (|corp| corp.required_claims = vec!["dept = 7".to_owned()], json!({"dept": "8"})),
        (|corp| "invited".clone_into(&mut corp.sign_up), json!({})),
        (|corp| "required".clone_into(&mut corp.second_factor), json!({})),
    ];
    for (at, (settings, change)) in cases.into_iter().enumerate() {
        let stage = Stage::with(settings).await;
        let claims = over(&stage.claims("1"), &change);
        refused(&stage.present(&claims).await, 400, "invalid_grant");
        let (reason, detail) = stage.last_refusal().await;
        assert_eq!(reason, Some(Reason::AssertionUser), "{at}: {detail}");
        assert!(!detail.is_empty());
        assert!(stage.server.app.store.users().await.unwrap().is_empty(), "{at}");
    }
    // Two factors at the provider are enough where it is trusted with them.
    let stage = Stage::with(|corp| {
        "required".clone_into(&mut corp.second_factor);
        corp.trusted_factors = vec!["mfa".to_owned()];
    })
    .await;
    let claims = over(&stage.claims("1"), &json!({"amr": ["pwd", "mfa"]}));
    stage.present(&claims).await.expect(200);
}

#[tokio::test]
async fn an_account_with_the_same_address_is_not_taken_over() {
    let stage = Stage::new().await;
    let new = doorward_accounts::NewAccount {
        name: "ada".to_owned(),
        email: Some("ada@corp.example".to_owned()),
        password: None,
        password_temporary: false,
        roles: Vec::new(),
    };
    let operator = doorward_accounts::Authority::operator();
    stage.server.app.accounts.add(&operator, new).await.unwrap();
    refused(&stage.present(&stage.claims("1")).await, 400, "invalid_grant");
    let (reason, detail) = stage.last_refusal().await;
    assert_eq!(reason, Some(Reason::AssertionUser), "{detail}");
    assert!(detail.contains("sign in once"), "{detail}");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_no_fault_of_the_client() {
    let stage = Stage::new().await;
    stage
        .provider
        .answer("/keys", "HTTP/1.1 500 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let page = stage.present(&stage.claims("1")).await;
    refused(&page, 503, "temporarily_unavailable");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionKeys));
}
