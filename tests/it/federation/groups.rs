//! Groups that rules of an identity provider fill, and their effect on calls at every replica.

use doorward_accounts::Authority;
use doorward_admin::{Members, NewGroup};
use doorward_testkit::{FakeProvider, TestServer};
use serde_json::json;

use super::{connect, server_with, signed_in};

async fn group(server: &TestServer, roles: &[&str]) {
    let roles = roles.iter().map(ToString::to_string).collect();
    let new = NewGroup { name: "engineers".to_owned(), roles, ..NewGroup::default() };
    server.app.admin.groups.add(&Authority::operator(), new).await.unwrap();
}

/// The answers to calls: of a tool for the group itself, and of one for a role that it carries.
async fn calls(server: &TestServer, token: &str) -> (u16, u16) {
    let info = server.call(token, "server_info", json!({})).await.status;
    let revoke = server.call(token, "revoke_connected_app", json!({"client_id": "c_x"})).await;
    (info, revoke.status)
}

#[tokio::test]
async fn ca40_a_claim_fills_a_group_whose_roles_act_on_the_next_call_at_every_replica() {
    let provider = FakeProvider::start().await;
    provider.claims(&json!({"groups": ["eng-core"]}));
    let server = server_with(&provider, |corp, config| {
        corp.roles = vec!["groups = eng-* -> group:engineers".to_owned()];
        config.access.tool_roles = vec![
            "server_info = group:engineers".to_owned(),
            "revoke_connected_app = developer".to_owned(),
        ];
    })
    .await;
    let mut config = server.config.clone();
    config.server.public_url.clone_from(&server.url);
    let other = TestServer::start_on(config, server.data_dir.clone()).await;
    let browser = signed_in(&server, &provider).await;
    let (_, tokens) = connect(&server, &browser, "mcp:write").await;
    let token = &tokens.access;
    // Another replica is told of the change, which takes a moment.
    let both = async |expected: (u16, u16)| {
        assert_eq!(calls(&server, token).await, expected);
        for _ in 0..100 {
            if calls(&other, token).await == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(calls(&other, token).await, expected, "at the other replica");
    };
    // A rule names the group, but there is none: it has no members.
    both((403, 403)).await;
    // The group is made: who was in it by the last statement is a member at once.
    group(&server, &[]).await;
    both((200, 403)).await;
    // It carries a role.
    let groups = &server.app.admin.groups;
    let change =
        doorward_admin::GroupEdit { roles: Some(vec!["developer".to_owned()]), description: None };
    let proposal = doorward_admin::Proposal {
        of: "engineers",
        change: &change,
        seen: None,
        effect: doorward_admin::Effect::Apply,
    };
    groups.edit(&Authority::operator(), proposal).await.unwrap();
    both((200, 200)).await;
    // An administrator cannot take a membership that a rule gives; the provider can.
    let name = [super::name_of(&server, &browser).await.unwrap()];
    let remove = Members { remove: &name, ..Members::default() };
    let refused = groups.change_members(&Authority::operator(), "engineers", remove).await;
    assert_eq!(refused.unwrap_err().code().as_str(), "member_by_rule");
    provider.claims(&json!({"groups": ["sales"]}));
    signed_in(&server, &provider).await;
    both((403, 403)).await;
    // A membership that an administrator gives does not depend on claims, and ends with the group.
    let add = Members { add: &name, ..Members::default() };
    groups.change_members(&Authority::operator(), "engineers", add).await.unwrap();
    both((200, 200)).await;
    signed_in(&server, &provider).await;
    both((200, 200)).await;
    groups.delete("engineers", None).await.unwrap();
    both((403, 403)).await;
}
