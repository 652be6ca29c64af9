//! Rules, roles, scopes and approval hold for everything that an upstream offers.

use doorward_model::AuditFilter;
use doorward_testkit::FakeUpstream;
use serde_json::json;

use super::{
    super::{gateway_user, gateway_user_with, with_config},
    LISTS, Old, everywhere, legacy, modern, operations, payroll,
};
use crate::{access_tokens, audit::entries};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one row for each operation")]
async fn items_that_the_policy_denies_are_neither_listed_nor_reached_by_any_operation_at_any_url() {
    let upstream = payroll().await;
    let server = with_config(&[("payroll", &upstream, "none")], |config| {
        config.policy.rules = vec!["deny upstream=payroll role=guest".to_owned()];
    })
    .await;
    let guest = everywhere(&server, "gus", "guest", "payroll").await;
    for (path, token, all) in guest.addresses("payroll") {
        for list in LISTS {
            for page in [
                legacy(&server, &path, token, list, &json!({})).await,
                modern(&server, &path, token, list, &json!({})).await,
            ] {
                assert!(
                    page.status == 200
                        && !page.body.contains("wages")
                        && !page.body.contains("letter")
                        && !page.body.contains("echo"),
                    "{path} {list}: {}",
                    page.body
                );
            }
        }
        for (method, params) in operations(all) {
            for page in [
                legacy(&server, &path, token, method, &params).await,
                modern(&server, &path, token, method, &params).await,
            ] {
                let refused = page.status == 403
                    || page.json()["error"].is_object()
                    || method == "logging/setLevel";
                assert!(
                    refused && !page.body.contains("secret"),
                    "{path} {method}: {} {}",
                    page.status,
                    page.body
                );
            }
        }
        let begun = legacy(
            &server,
            &path,
            token,
            "initialize",
            &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
        )
        .await;
        assert!(
            begun.json()["result"]["capabilities"]["prompts"].is_null(),
            "what is closed is not announced: {}",
            begun.body
        );
    }
    let mut old = Old::begin(&server, &guest.all).await;
    for (number, (method, params)) in (1..).zip(operations(true)) {
        let answer = old.ask(number, method, &params).await;
        assert!(
            !answer.contains("secret")
                && (answer.contains("\"error\"") || method == "logging/setLevel"),
            "{method}: {answer}"
        );
    }
    assert_eq!(upstream.state().operations, Vec::<String>::new(), "nothing reached the upstream");

    // The same operations, for a user who is not affected by the rule.
    let staff = everywhere(&server, "sam", "staff", "payroll").await;
    for (path, token, all) in staff.addresses("payroll") {
        for (list, shown) in LISTS.into_iter().zip(["echo", "letter", "wages", "{name}"]) {
            assert!(
                legacy(&server, &path, token, list, &json!({}))
                    .await
                    .expect(200)
                    .body
                    .contains(shown),
                "{path} {list}"
            );
        }
        for (method, params) in operations(all) {
            let page = legacy(&server, &path, token, method, &params).await.expect(200);
            assert!(page.json()["error"].is_null(), "{path} {method}: {}", page.body);
            assert!(
                page.body.contains("secret")
                    || !["prompts/get", "resources/read", "completion/complete"].contains(&method),
                "{}",
                page.body
            );
        }
    }
    let mut old = Old::begin(&server, &staff.all).await;
    assert!(
        old.ask(1, "resources/read", &json!({"uri": "payroll+file:///wages"}))
            .await
            .contains("the secret wages")
    );
    let reached = upstream.state().operations.clone();
    for operation in [
        "prompts/get letter",
        "resources/read file:///wages",
        "completion/complete letter",
        "completion/complete file:///{name}",
        "resources/subscribe file:///wages",
        "logging/setLevel debug",
    ] {
        assert!(
            reached.iter().any(|known| known == operation),
            "{operation} is missing in {reached:?}"
        );
    }
}

#[tokio::test]
async fn rules_roles_and_tokens_distinguish_kinds_and_items() {
    let upstream = payroll().await;
    let server = with_config(&[("payroll", &upstream, "none")], |config| {
        config.policy.rules =
            vec!["deny kind=prompt".to_owned(), "deny tool=payroll+file:///wages".to_owned()];
        config.access.tool_roles = vec!["payroll_echo = boss".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let read = async |uri: &str| {
        legacy(&server, "/mcp", &alice.token, "resources/read", &json!({ "uri": uri })).await
    };
    assert_eq!(read("payroll+file:///wages").await.status, 403);
    assert!(
        read("payroll+file:///menu").await.expect(200).body.contains("secret"),
        "another resource is not concerned"
    );
    legacy(&server, "/mcp", &alice.token, "prompts/get", &json!({"name": "payroll_letter"}))
        .await
        .expect(403);
    // A rule of roles for everything of an upstream covers its resources; a token for another
    // upstream reaches none of it.
    let closed =
        with_config(&[("payroll", &upstream, "none"), ("wiki", &upstream, "none")], |config| {
            config.access.tool_roles = vec!["payroll_* = boss".to_owned()];
        })
        .await;
    let bob = gateway_user(&closed, "bob").await;
    for (method, params) in
        operations(true).into_iter().filter(|(method, _)| !method.starts_with("logging"))
    {
        let page = legacy(&closed, "/mcp", &bob.token, method, &params).await;
        assert!(
            !page.body.contains("secret") && page.body.contains("\"error\""),
            "{method}: {}",
            page.body
        );
    }
    closed.user_with("ann", &["boss"]).await;
    let ann = closed.signed_in("ann").await;
    let narrow = access_tokens::made(
        &closed,
        &ann,
        "wiki only",
        &[("scope-mcp:read", "1"), ("upstream-wiki", "1")],
    )
    .await;
    assert!(
        !legacy(
            &closed,
            "/mcp",
            &narrow,
            "resources/read",
            &json!({"uri": "payroll+file:///wages"})
        )
        .await
        .body
        .contains("secret")
    );
    assert!(
        legacy(&closed, "/mcp", &narrow, "resources/read", &json!({"uri": "wiki+file:///wages"}))
            .await
            .expect(200)
            .body
            .contains("secret")
    );
}

#[tokio::test]
async fn the_scopes_of_an_upstream_are_needed_for_its_resources_and_prompts() {
    let upstream = payroll().await;
    let server =
        with_config(&[("payroll", &upstream, "none"), ("mail", &upstream, "none")], |config| {
            config.upstreams.values_mut().for_each(|upstream| upstream.own_scopes = true);
        })
        .await;
    let alice = gateway_user_with(&server, "alice", "mcp:read:mail").await;
    for (method, params) in operations(true)
        .into_iter()
        .filter(|(method, _)| !["logging/setLevel", "resources/unsubscribe"].contains(method))
    {
        let page = legacy(&server, "/mcp", &alice.token, method, &params).await.expect(403);
        assert_eq!(page.json()["error"]["data"]["scope"], "mcp:read:payroll", "{method}");
        assert!(page.header("www-authenticate").contains("insufficient_scope"));
    }
    let reached = upstream.state().operations.clone();
    assert!(!reached.iter().any(|operation| !operation.starts_with("logging")), "{reached:?}");
    assert!(
        legacy(
            &server,
            "/mcp",
            &alice.token,
            "resources/read",
            &json!({"uri": "mail+file:///wages"})
        )
        .await
        .expect(200)
        .body
        .contains("secret")
    );
}

#[tokio::test]
async fn a_rule_about_a_tool_holds_at_the_upstreams_own_url() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec!["deny tool=wiki_wipe".to_owned()];
        config.access.tool_roles = vec!["wiki_echo = boss".to_owned()];
        config.audit.record = vec!["wiki_*".to_owned()];
    })
    .await;
    let alice = everywhere(&server, "alice", "staff", "wiki").await;
    for (path, token, all) in alice.addresses("wiki") {
        assert!(
            !legacy(&server, &path, token, "tools/list", &json!({}))
                .await
                .body
                .contains("The tool"),
            "{path}"
        );
        for tool in ["wipe", "echo"] {
            let name = if all { format!("wiki_{tool}") } else { tool.to_owned() };
            legacy(&server, &path, token, "tools/call", &json!({"name": name, "arguments": {}}))
                .await
                .expect(403);
        }
    }
    assert_eq!(wiki.state().calls, 0);
    let boss = everywhere(&server, "bea", "boss", "wiki").await;
    legacy(
        &server,
        "/mcp/wiki",
        &boss.alone,
        "tools/call",
        &json!({"name": "echo", "arguments": {"text": "x"}}),
    )
    .await
    .expect(200);
    let calls = entries(
        &server,
        AuditFilter { kind: Some("tool.called".to_owned()), ..AuditFilter::default() },
    )
    .await;
    assert!(
        calls[0].event.call.as_ref().unwrap().tool == "wiki_echo"
            && calls[0].event.detail.contains("record"),
        "{:?}",
        calls[0]
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn where_tools_wait_for_an_administrator_prompts_and_resources_wait_too() {
    let upstream = payroll().await;
    // A tool that would pass for the entry is none.
    upstream.state().tools.push(doorward_testkit::tool("(resources)", true));
    let server = with_config(&[("payroll", &upstream, "none")], |config| {
        config.upstreams.get_mut("payroll").unwrap().approve = "manual".to_owned();
    })
    .await;
    let alice = everywhere(&server, "alice", "staff", "payroll").await;
    for (path, token, all) in alice.addresses("payroll") {
        for list in LISTS {
            let page = legacy(&server, &path, token, list, &json!({})).await.expect(200);
            assert!(
                !page.body.contains("wages")
                    && !page.body.contains("letter")
                    && !page.body.contains("(resources)"),
                "{path} {list}: {}",
                page.body
            );
        }
        for (method, params) in
            operations(all).into_iter().filter(|(method, _)| *method != "logging/setLevel")
        {
            let page = legacy(&server, &path, token, method, &params).await;
            assert!(
                page.json()["error"].is_object() && !page.body.contains("secret"),
                "{path} {method}: {}",
                page.body
            );
        }
    }
    let reached = upstream.state().operations.clone();
    assert!(reached.iter().all(|operation| operation.starts_with("logging")), "{reached:?}");
    let name = doorward_model::UpstreamName::parse("payroll").unwrap();
    let approve = async |entry: &str, decision: doorward_gateway::Decision| {
        let seen = server.app.gateway.pinned(name, entry).await.unwrap();
        server.app.gateway.decide(&seen, decision, "root").await.unwrap();
    };
    approve("(resources)", doorward_gateway::Decision::Approve).await;
    assert!(
        legacy(
            &server,
            "/mcp",
            &alice.all,
            "resources/read",
            &json!({"uri": "payroll+file:///wages"})
        )
        .await
        .expect(200)
        .body
        .contains("secret")
    );
    assert!(
        legacy(&server, "/mcp", &alice.all, "resources/templates/list", &json!({}))
            .await
            .body
            .contains("payroll+file:///{name}")
    );
    assert!(
        legacy(&server, "/mcp", &alice.all, "prompts/get", &json!({"name": "payroll_letter"}))
            .await
            .json()["error"]
            .is_object()
    );
    approve("(prompts)", doorward_gateway::Decision::Approve).await;
    assert!(
        legacy(&server, "/mcp", &alice.all, "prompts/get", &json!({"name": "payroll_letter"}))
            .await
            .expect(200)
            .body
            .contains("secret")
    );
    assert!(
        !legacy(&server, "/mcp", &alice.all, "tools/list", &json!({}))
            .await
            .body
            .contains("resources)"),
        "an entry is no tool"
    );
    approve("(resources)", doorward_gateway::Decision::Reject).await;
    assert!(
        !legacy(
            &server,
            "/mcp",
            &alice.all,
            "resources/read",
            &json!({"uri": "payroll+file:///wages"})
        )
        .await
        .body
        .contains("secret")
    );
}
