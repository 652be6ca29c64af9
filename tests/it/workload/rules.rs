//! Trust rules while they are used: changes end access, and a request chooses among several.

use doorward_accounts::Authority;
use doorward_admin::{ClientDecision, Effect, Proposal, TrustChange};
use doorward_model::{AuditKind, Reason};
use serde_json::json;

use super::{Stage, access_token, refused};

#[tokio::test]
async fn a_changed_blocked_or_deleted_rule_and_a_disabled_service_end_the_access_of_the_workload() {
    for end in ["change", "scopes", "block", "delete", "disable"] {
        let stage = Stage::new().await;
        let (server, trusts) = (&stage.server, &stage.server.app.admin.trusts);
        let client = stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
        let given = access_token(stage.present(&stage.key.token(&stage.github("1")), &[]).await);
        assert!(server.calls(&given).await);
        let (id, operator) = (client.id.as_str(), Authority::operator());
        let edit = async |change: TrustChange| {
            let effect = Effect::Apply;
            let proposal = Proposal { of: id, change: &change, seen: None, effect };
            trusts.edit(&operator, proposal).await.unwrap()
        };
        match end {
            "change" => {
                let subject = Some("repo:acme/other:*".to_owned());
                edit(TrustChange { subject, ..TrustChange::default() }).await;
            }
            "scopes" => {
                let scopes = Some(vec!["mcp:write".to_owned()]);
                edit(TrustChange { scopes, ..TrustChange::default() }).await;
            }
            "block" => {
                let block = ClientDecision::Block;
                server.app.admin.clients.decide(id, block, None).await.unwrap();
            }
            "delete" => trusts.delete(id, None).await.unwrap(),
            _ => {
                let account = server.app.accounts.find("release").await.unwrap();
                server.app.accounts.disable(&account, None).await.unwrap();
            }
        }
        assert!(!server.calls(&given).await, "{end}");
        let again = stage.present(&stage.key.token(&stage.github("2")), &[]).await;
        assert_eq!(again.status == 200, end == "scopes", "{end}: {}", again.body);
    }
}

#[tokio::test]
async fn a_name_is_changed_without_ending_access_and_a_stale_change_is_refused() {
    let stage = Stage::new().await;
    let trusts = &stage.server.app.admin.trusts;
    let client = stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let given = access_token(stage.present(&stage.key.token(&stage.github("1")), &[]).await);
    let seen = client.etag();
    let named = TrustChange { name: Some("Other".to_owned()), ..TrustChange::default() };
    let edit = async |effect: Effect| {
        let (of, change) = (client.id.as_str(), &named);
        let proposal = Proposal { of, change, seen: Some(&seen), effect };
        trusts.edit(&Authority::operator(), proposal).await
    };
    assert!(!edit(Effect::Show).await.unwrap().ends_access);
    edit(Effect::Apply).await.unwrap();
    assert!(stage.server.calls(&given).await);
    let refusal = edit(Effect::Apply).await.unwrap_err();
    assert_eq!(refusal.code().as_str(), "changed");
    let changed = stage.entries(AuditKind::ClientChanged).await;
    assert_eq!(changed.len(), 1, "{changed:?}");
}

#[tokio::test]
async fn of_several_rules_that_fit_the_request_names_one() {
    let stage = Stage::new().await;
    let wide = stage.rule("Wide", "repo:acme/*", TrustChange::default()).await;
    stage.rule("Narrow", "repo:acme/tools:*", TrustChange::default()).await;
    let other = stage.rule("Other", "repo:acme/other:*", TrustChange::default()).await;
    let token = stage.key.token(&stage.github("1"));
    refused(&stage.present(&token, &[]).await, 400, "invalid_request");
    let by_other = [("client_id", other.id.as_str())];
    refused(&stage.present(&token, &by_other).await, 400, "invalid_grant");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::TrustMismatch));
    stage.present(&token, &[("client_id", wide.id.as_str())]).await.expect(200);
    // One that fits no other rule needs no name.
    let sub = json!({"sub": "repo:acme/third:ref:refs/heads/main"});
    let third = stage.key.token(&super::over(&stage.github("2"), &sub));
    stage.present(&third, &[]).await.expect(200);
    // A rule counts for each token once, also under another rule.
    refused(&stage.present(&third, &[]).await, 400, "invalid_grant");
}
