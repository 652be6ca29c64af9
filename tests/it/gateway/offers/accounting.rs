//! Limits, sizes and the audit of everything that an upstream offers.

use std::time::Duration;

use doorward_model::{AuditFilter, Outcome};
use serde_json::json;

use super::{
    super::{gateway_user, signed_in, with_config},
    legacy, operations, payroll,
};
use crate::audit::entries;

#[tokio::test]
async fn limits_and_sizes_hold_for_every_operation() {
    let upstream = payroll().await;
    let server =
        with_config(&[("payroll", &upstream, "none"), ("small", &upstream, "none")], |config| {
            config.upstreams.get_mut("payroll").unwrap().calls_per_minute = 3;
            config.upstreams.get_mut("small").unwrap().result_bytes = 1000;
        })
        .await;
    let alice = gateway_user(&server, "alice").await;
    let mut refused = 0;
    for (method, params) in
        operations(true).into_iter().filter(|(method, _)| *method != "logging/setLevel")
    {
        refused += usize::from(
            legacy(&server, "/mcp", &alice.token, method, &params)
                .await
                .body
                .contains("too many calls"),
        );
    }
    let reached = upstream.state().operations.clone();
    assert_eq!((refused, reached.len()), (3, 3), "{reached:?}");
    upstream.state().padding = 2000;
    for (method, params) in [
        ("resources/read", json!({"uri": "small+file:///wages"})),
        ("prompts/get", json!({"name": "small_letter"})),
    ] {
        let page = legacy(&server, "/mcp", &alice.token, method, &params).await;
        assert!(
            page.body.contains("at most 1000 are forwarded") && !page.body.contains("secret"),
            "{method}: {}",
            page.body
        );
    }
}

#[tokio::test]
async fn every_operation_has_an_entry_in_the_audit() {
    let upstream = payroll().await;
    let server = with_config(&[("payroll", &upstream, "none")], |config| {
        config.policy.rules = vec!["deny role=guest".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    server.user_with("gus", &["guest"]).await;
    let gus = signed_in(&server, "gus", "mcp:read").await;
    for (method, params) in operations(true) {
        for token in [&alice.token, &gus.token] {
            legacy(&server, "/mcp", token, method, &params).await;
        }
    }
    let all = entries(&server, AuditFilter::default()).await;
    for (kind, item, done, refused) in [
        ("prompt.used", "payroll_letter", 1, 1),
        ("resource.read", "payroll+file:///wages", 1, 1),
        ("argument.completed", "payroll_letter", 1, 1),
        ("argument.completed", "payroll+file:///{name}", 1, 1),
        ("resource.watched", "payroll+file:///wages", 2, 2),
        ("log_level.set", "payroll", 1, 0),
    ] {
        let of = |outcome: Outcome| {
            let fits = |event: &doorward_model::AuditEvent<doorward_model::RecordedKind>| {
                event.call.as_deref().is_some_and(|call| {
                    call.tool == item
                        && call.upstream == "payroll"
                        && call.class == "read"
                        && !call.decision.is_empty()
                })
            };
            all.iter()
                .filter(|entry| {
                    entry.event.kind.as_str() == kind
                        && entry.event.outcome == outcome
                        && fits(&entry.event)
                })
                .count()
        };
        assert_eq!((of(Outcome::Ok), of(Outcome::Refused)), (done, refused), "{kind} {item}");
    }
}

#[tokio::test]
async fn a_call_of_a_disconnected_client_has_an_entry_in_the_audit() {
    let upstream = payroll().await;
    upstream.state().tools.push(doorward_testkit::tool("slow", true));
    let server = with_config(&[("payroll", &upstream, "none")], |_| {}).await;
    let alice = gateway_user(&server, "alice").await;
    super::super::tools(&server, &alice.token).await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "payroll_slow", "arguments": {"ms": 20_000}}});
    let call =
        tokio::time::timeout(Duration::from_millis(700), server.rpc(&alice.token, &message)).await;
    assert!(call.is_err(), "it is still under way");
    for _ in 0..50 {
        let filter = AuditFilter { kind: Some("tool.called".to_owned()), ..AuditFilter::default() };
        let found = entries(&server, filter).await.into_iter().find(|entry| {
            entry.event.call.as_ref().is_some_and(|call| call.tool == "payroll_slow")
        });
        if let Some(entry) = found {
            assert_eq!(
                (entry.event.outcome, entry.event.detail.as_str()),
                (Outcome::Failed, r#"{"said":"cancelled"}"#)
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the call has no entry");
}
