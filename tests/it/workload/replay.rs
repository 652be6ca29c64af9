//! A token counts once.

use std::sync::Arc;

use doorward_admin::TrustChange;
use doorward_model::Reason;
use doorward_testkit::{TestServer, with_other_signature};
use serde_json::json;

use super::{Stage, over, present, refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_with_one_token_at_two_replicas_one_is_answered() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let claims = [stage.github("once"), over(&stage.github("x"), &json!({"jti": null}))];
    let tokens: Vec<_> = claims.iter().map(|claims| Arc::new(stage.key.token(claims))).collect();
    let servers = [Arc::new(stage.server), Arc::new(other)];
    for token in tokens {
        let tasks: Vec<_> = (0..12)
            .map(|index| {
                let (server, token) = (Arc::clone(&servers[index % 2]), Arc::clone(&token));
                tokio::spawn(async move { present(&server, &token, &[]).await })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            let page = task.await.unwrap();
            if page.status == 200 {
                won += 1;
            } else {
                refused(&page, 400, "invalid_grant");
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn a_token_that_was_used_is_refused_in_every_form_until_it_has_expired() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    for claims in [stage.github("1"), over(&stage.github("1"), &json!({"jti": null}))] {
        let token = stage.key.token(&claims);
        stage.present(&token, &[]).await.expect(200);
        // ES256 has two signatures for each message, and the same claims can be signed again.
        for again in [token.clone(), with_other_signature(&token), format!("{token}=")] {
            refused(&stage.present(&again, &[]).await, 400, "invalid_grant");
            let reason = stage.last_refusal().await.0;
            assert!(
                matches!(reason, Some(Reason::AssertionSpent | Reason::AssertionInvalid)),
                "{reason:?}"
            );
        }
    }
    let again = over(&stage.github("1"), &json!({"actor": "eve"}));
    refused(&stage.present(&stage.key.token(&again), &[]).await, 400, "invalid_grant");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionSpent));
    // Spent values are remembered for longer than the token counts.
    let token = stage.key.token(&stage.github("2"));
    stage.present(&token, &[]).await.expect(200);
    stage.server.clock.advance(325);
    let store = &stage.server.app.store;
    store.delete_expired(doorward_model::Clock::now(stage.server.clock.as_ref()), 0).await.unwrap();
    refused(&stage.present(&token, &[]).await, 400, "invalid_grant");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionSpent));
}
