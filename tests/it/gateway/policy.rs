//! The policy on tools: rules, roles, scopes and step-up, through every kind of call.

use doorward_testkit::{FakeUpstream, run_command};
use serde_json::json;

use super::{gateway_user_with, text, tools, with_config};

#[tokio::test]
async fn cf13_items_that_the_policy_denies_are_neither_listed_nor_called_in_any_way() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec![
            "allow role=editor".to_owned(),
            "deny upstream=wiki class=destructive".to_owned(),
            "deny tool=wait".to_owned(),
        ];
    })
    .await;
    server.user_with("eve", &["editor"]).await;
    let editor = super::signed_in(&server, "eve", "mcp:destructive").await;
    let alice = gateway_user_with(&server, "alice", "mcp:destructive").await;
    let names = tools(&server, &alice.token).await;
    assert!(
        names.contains(&"wiki_echo".to_owned())
            && !names.contains(&"wiki_wipe".to_owned())
            && !names.contains(&"wait".to_owned()),
        "{names:?}"
    );
    for (tool, arguments) in [
        ("wiki_wipe", json!({})),
        ("call_tool", json!({"name": "wiki_wipe"})),
        ("call_tool", json!({"toolName": "wiki_wipe", "args": {}})),
        ("wait", json!({})),
    ] {
        let page = server.call(&alice.token, tool, arguments).await.expect(403);
        assert_eq!(page.json()["error"]["data"]["error"], "forbidden_by_role", "{tool}");
    }
    let found = server
        .call(&alice.token, "search_tools", json!({"query": "wipe tool", "include_mutating": true}))
        .await
        .expect(200);
    assert!(!found.body.contains("wiki_wipe"));
    assert!(
        server
            .call(&alice.token, "describe_tool", json!({"name": "wiki_wipe"}))
            .await
            .body
            .contains("there is no tool")
    );
    assert_eq!(wiki.state().calls, 0);
    assert!(tools(&server, &editor.token).await.contains(&"wiki_wipe".to_owned()));
    server.call(&editor.token, "wiki_wipe", json!({})).await.expect(200);
    assert_eq!(wiki.state().calls, 1);
}

#[tokio::test]
async fn r11_step_up_reaches_through_the_aggregate_and_through_call_tool() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none"), ("mail", &wiki, "none")], |config| {
        config.upstreams.get_mut("mail").unwrap().own_scopes = true;
    })
    .await;
    let alice = gateway_user_with(&server, "alice", "mcp:read").await;
    for (tool, arguments, scope) in [
        ("wiki_wipe", json!({}), "mcp:destructive"),
        ("call_tool", json!({"name": "wiki_wipe", "arguments": {}}), "mcp:destructive"),
        ("mail_wipe", json!({}), "mcp:destructive:mail"),
    ] {
        let page = server.call(&alice.token, tool, arguments).await.expect(403);
        assert!(
            page.header("www-authenticate").contains("error=\"insufficient_scope\"")
                && page.header("www-authenticate").contains(&format!("scope=\"{scope}\""))
        );
        assert_eq!(
            page.json()["error"]["data"]["scope"],
            scope,
            "and a JSON-RPC error for older clients"
        );
    }
    assert_eq!(wiki.state().calls, 0);
    // The narrow scope is enough for that upstream, and for no other.
    let narrow = alice.client.tokens(&alice.browser, &[("scope", "mcp:destructive:mail")]).await;
    assert_eq!(
        narrow.answer["scope"]
            .as_str()
            .unwrap()
            .split(' ')
            .filter(|scope| scope.contains("mail"))
            .count(),
        1,
        "{}",
        narrow.answer
    );
    server.call(&narrow.access, "mail_wipe", json!({})).await.expect(200);
    server.call(&narrow.access, "wiki_wipe", json!({})).await.expect(403);
    // A scope of a nonexistent upstream is not granted.
    let unknown =
        alice.client.tokens(&alice.browser, &[("scope", "mcp:read mcp:read:nothing")]).await;
    assert!(!unknown.answer["scope"].as_str().unwrap().contains("nothing"));
}

#[tokio::test]
async fn an_upstream_for_some_roles_does_not_exist_for_others() {
    let wiki = FakeUpstream::start().await;
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.upstreams.get_mut("wiki").unwrap().roles = vec!["staff".to_owned()];
    })
    .await;
    server.user_with("sam", &["staff"]).await;
    let staff = super::signed_in(&server, "sam", "mcp:read").await;
    let guest = gateway_user_with(&server, "guest", "mcp:read").await;
    assert!(tools(&server, &staff.token).await.contains(&"wiki_echo".to_owned()));
    assert!(!tools(&server, &guest.token).await.iter().any(|name| name.starts_with("wiki_")));
    let page = server.call(&guest.token, "wiki_echo", json!({})).await.expect(200);
    assert!(page.json()["error"]["message"].as_str().unwrap().contains("there is no tool"));
    assert_eq!(text(&server.call(&staff.token, "wiki_echo", json!({"text": "x"})).await), "x for ");
    // CF11: losing the role takes effect on the next call.
    let sam = server
        .app
        .accounts
        .list()
        .await
        .unwrap()
        .into_iter()
        .find(|user| user.name.as_str() == "sam")
        .unwrap();
    server
        .app
        .store
        .apply(doorward_model::Change::SetRoles { user_id: sam.id, roles: Vec::new() })
        .await
        .unwrap();
    assert!(server.call(&staff.token, "wiki_echo", json!({})).await.json()["error"].is_object());
}

#[tokio::test]
async fn policy_explain_answers_for_everything_that_is_judged_and_by_the_same_judgement() {
    let wiki = FakeUpstream::start().await;
    let rules = "deny upstream=closed; deny class=destructive; deny kind=prompt tool=secret*; confirm kind=resource tool=file:///wages";
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = rules.split("; ").map(ToOwned::to_owned).collect();
    })
    .await;
    let alice = gateway_user_with(&server, "alice", "mcp:read").await;
    tools(&server, &alice.token).await;
    let id = server.app.accounts.find("alice").await.unwrap().id.to_string();
    let data = server.data_dir.to_str().unwrap();
    let file = server.data_dir.join("explain.toml");
    let quoted: Vec<String> = rules.split("; ").map(|rule| format!("{rule:?}")).collect();
    let upstream = |name: &str, more: &str| {
        format!(
            "[upstreams.{name}]\nkind = \"http\"\nurl = {:?}\nhttp_on_loopback = true\n{more}\n",
            wiki.url
        )
    };
    let settings = format!(
        "[policy]\nrules = [{}]\n{}{}{}",
        quoted.join(", "),
        upstream("wiki", ""),
        upstream("closed", ""),
        upstream("plain", "resources = false\nprompts = false"),
    );
    std::fs::write(&file, settings).unwrap();
    let variables = [("DOORWARD_STORE__URL", server.config.store.url.reveal())];
    let explain = async |user: &str, option: &str, item: &str| {
        let file = file.to_str().unwrap();
        let arguments = ["--config", file, "--data-dir", data, "policy", "explain"];
        let asked = ["--user", user, "--client", "Test client", option, item];
        let output = run_command(&[&arguments[..], &asked[..]].concat(), &variables, "").await;
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for (option, item, answer, because) in [
        ("--tool", "wiki_wipe", "deny", "deny by rule 2: deny class=destructive"),
        ("--tool", "wiki_echo", "allow", "policy.default"),
        ("--tool", "whoami", "allow", "policy.default"),
        ("--prompt", "wiki_secret_letter", "deny", "deny by rule 3"),
        ("--prompt", "wiki_letter", "allow", "policy.default"),
        ("--prompt", "plain_letter", "not offered", "upstreams.plain.prompts is on: no"),
        ("--resource", "wiki+file:///wages", "confirm", "confirm by rule 4"),
        ("--resource", "wiki+file:///other", "allow", "policy.default"),
        ("--resource", "plain+file:///other", "not offered", "upstreams.plain.resources is on: no"),
        ("--template", "wiki+file:///wages", "confirm", "confirm by rule 4"),
        ("--template", "closed+file:///{name}", "deny", "deny by rule 1"),
        ("--upstream", "wiki", "allow", "a rule denies the upstream as a whole: no"),
        ("--upstream", "closed", "deny", "a rule denies the upstream as a whole: yes"),
    ] {
        for user in ["alice", &id] {
            let (good, said) = explain(user, option, item).await;
            assert!(
                good && said.starts_with(&format!("{item}: {answer}\n")) && said.contains(because),
                "{user} {option} {item}: {said}"
            );
        }
    }
    for (user, option, item) in [
        ("alice", "--tool", "wiki_nothing"),
        ("alice", "--prompt", "nowhere_letter"),
        ("alice", "--resource", "file:///wages"),
        ("alice", "--upstream", "nowhere"),
        ("alice", "--upstream", "no name"),
        ("bob", "--tool", "whoami"),
    ] {
        assert!(!explain(user, option, item).await.0, "{user} {option} {item}");
    }
}
