//! The tools that a user may use: page, API and command tell the same answers and reasons, and a
//! client's listing and each explanation agree with them.

use doorward_accounts::Authority;
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, TestServer, tool};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via, groups::prepare};
use crate::gateway;

/// A server with a service for all, one for a role and one whose tools wait; ann is a guest by her
/// group.
async fn stage() -> (Stage, [FakeUpstream; 3]) {
    let (wiki, hr, lab) =
        (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
    wiki.state().tools = vec![tool("search", true), tool("edit", false), tool("purge", false)];
    let upstreams = [("wiki", &wiki, "none"), ("hr", &hr, "none"), ("lab", &lab, "none")];
    let server: TestServer = gateway::with_config(&upstreams, |config| {
        config.upstreams.get_mut("hr").unwrap().roles = vec!["finance".to_owned()];
        "manual".clone_into(&mut config.upstreams.get_mut("lab").unwrap().approve);
        config.policy.rules = vec![
            "deny role=guest tool=purge".to_owned(),
            "confirm upstream=wiki tool=edit".to_owned(),
        ];
    })
    .await;
    let stage = Stage::on(server).await;
    for (name, roles) in [("ann", vec![]), ("fay", vec!["finance"])] {
        stage.server.user_with(name, &roles).await;
    }
    prepare(&stage, "visitors", &["guest"]).await;
    let (groups, add) = (&stage.server.app.admin.groups, ["ann".to_owned()]);
    let members = doorward_admin::Members { add: &add, remove: &[] };
    groups.change_members(&Authority::operator(), "visitors", members).await.unwrap();
    (stage, [wiki, hr, lab])
}

/// The tools that a client of the user lists.
async fn listed(stage: &Stage, name: &str) -> Vec<String> {
    let browser = stage.server.signed_in(name).await;
    let client = OAuthClient::register(&stage.server).await;
    let tokens = client.tokens(&browser, &[("scope", "mcp:destructive")]).await;
    let mut tools = gateway::tools(&stage.server, &tokens.access).await;
    tools.sort();
    tools
}

/// A question of the API by its path, with the status and the answer.
async fn api(stage: &Stage, query: &str) -> (u16, Value) {
    let key = crate::admin::key(&stage.server, &stage.user("root").await.unwrap(), "admin").await;
    let (browser, url) = (Browser::new(), stage.server.at(&format!("/api/admin/policy/{query}")));
    let page = browser.send(browser.raw(Method::GET, &url).bearer_auth(&key)).await;
    (page.status, page.json())
}

/// The tools of an answer, each as `tool answer`.
fn told(answer: &Value) -> Vec<String> {
    let row = |one: &Value| format!("{} {}", one["tool"], one["answer"]).replace('"', "");
    answer["tools"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn page_api_and_command_tell_each_tool_of_a_user_with_the_reason_as_a_listing_has_it() {
    let (stage, _upstreams) = stage().await;
    // Tools are known once a user who may has listed them.
    listed(&stage, "fay").await;
    for (name, expected) in [
        (
            "ann",
            vec![
                "hr_echo not offered",
                "lab_echo needs approval",
                "wiki_edit confirm",
                "wiki_purge deny",
                "wiki_search allow",
            ],
        ),
        ("fay", vec!["hr_echo allow", "wiki_purge allow", "wiki_search allow"]),
    ] {
        let tools = listed(&stage, name).await;
        let (_, all) = api(&stage, &format!("tools?user={name}&limit=200")).await;
        let rows = told(&all);
        for one in expected {
            assert!(rows.iter().any(|row| row == one), "{name} {one}: {rows:?}");
        }
        // A client lists what is allowed, with and without a confirmation.
        let may = |row: &&String| row.ends_with(" allow") || row.ends_with(" confirm");
        let mut allowed: Vec<String> = rows
            .iter()
            .filter(may)
            .map(|row| row.split(' ').next().unwrap_or_default().to_owned())
            .collect();
        allowed.sort();
        assert_eq!(allowed, tools, "{name}");
        // And each explanation has the same answer.
        for row in &rows {
            let (tool, answer) = row.split_once(' ').unwrap();
            let (_, one) = api(&stage, &format!("explain?user={name}&tool={tool}")).await;
            assert_eq!(one["answer"], answer, "{name} {tool}: {one}");
        }
    }
    let (_, purge) = api(&stage, "tools?user=ann&search=purge&upstream=wiki").await;
    assert_eq!(
        purge["tools"],
        json!([{
            "tool": "wiki_purge", "upstream": "wiki", "class": "destructive", "answer": "deny",
            "reason": "policy: deny by rule 1: deny role=guest tool=purge",
            "roles": [{"role": "guest", "sources": [{"kind": "group", "name": "visitors"}]}],
        }])
    );
    let root = stage.server.signed_in("root").await;
    let url = stage.server.at("/admin/policy/tools?user=ann&upstream=wiki&answer=deny");
    let page = root.get(&url).await.expect(200).body;
    assert!(page.contains(">wiki_purge<") && page.contains("by rule 1"), "{page}");
    assert!(page.contains("guest (by the group visitors)"), "{page}");
    assert!(!page.contains("wiki_search"), "{page}");
    let user = stage.user("ann").await.unwrap();
    let page = root.get(&stage.server.at(&format!("/admin/users/{}", user.id))).await.expect(200);
    assert!(page.body.contains(&format!("/admin/policy/tools?user={}", user.id)), "{}", page.body);
    let command = Asked {
        page: ("", Vec::new()),
        api: (Method::GET, "", Value::Null),
        command: (vec!["policy", "tools", "--user", "ann", "--search", "whoami"], ""),
    };
    let answer = stage.ask(Via::Command, &command, &[]).await.answer;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer[0]["tool"], &answer[0]["answer"]), (&json!("whoami"), &json!("allow")));
}

#[tokio::test]
async fn tools_of_a_user_are_told_in_parts_and_by_filter_and_unknown_values_are_refused() {
    let (stage, _upstreams) = stage().await;
    listed(&stage, "fay").await;
    let (_, whole) = api(&stage, "tools?user=ann&limit=200").await;
    let (mut parts, mut after) = (Vec::new(), String::new());
    loop {
        let (_, part) = api(&stage, &format!("tools?user=ann&limit=2{after}")).await;
        assert!(told(&part).len() <= 2);
        parts.extend(told(&part));
        let Some(next) = part["next"].as_str() else { break };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        after = format!("&after={next}");
    }
    assert_eq!(parts, told(&whole));
    for (filter, fits) in [
        ("upstream=wiki", "wiki_"),
        ("class=read&upstream=-", ""),
        ("answer=needs+approval", " needs approval"),
        ("search=WIKI_s", "wiki_search"),
    ] {
        let (_, some) = api(&stage, &format!("tools?user=ann&limit=200&{filter}")).await;
        let rows = told(&some);
        assert!(!rows.is_empty() && rows.len() < told(&whole).len(), "{filter}: {rows:?}");
        assert!(rows.iter().all(|row| row.contains(fits)), "{filter}: {rows:?}");
    }
    for (query, status) in [
        ("user=zoe", 404),
        ("user=ann&upstream=nothing", 404),
        ("user=ann&class=worse", 400),
        ("user=ann&answer=perhaps", 400),
        ("user=ann&limit=201", 400),
        ("user=ann&after=x", 400),
        ("client=x", 400),
    ] {
        let (answered, answer) = api(&stage, &format!("tools?{query}")).await;
        assert_eq!(answered, status, "{query}: {answer}");
    }
    let root = stage.server.signed_in("root").await;
    for query in ["user=zoe", "user=ann&upstream=nothing", "user=ann&answer=perhaps"] {
        let page = root.get(&stage.server.at(&format!("/admin/policy/tools?{query}"))).await;
        assert_eq!(page.status, 400, "{query}");
    }
    // Without a user, the page says what to enter.
    let page = root.get(&stage.server.at("/admin/policy/tools")).await.expect(200).body;
    assert!(page.contains("Enter the ID or sign-in name") && page.contains("name=\"user\""));
}

#[tokio::test]
async fn a_part_judges_a_limited_number_of_tools_and_says_that_others_follow() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = (0..1500).map(|number| tool(&format!("t{number:04}"), true)).collect();
    let server = gateway::with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec!["deny tool=t1400".to_owned()];
    })
    .await;
    let stage = Stage::on(server).await;
    listed(&stage, "root").await;
    let (_, first) = api(&stage, "tools?user=root&answer=deny").await;
    assert!(told(&first).is_empty() && first["next"].is_string(), "{first}");
    let root = stage.server.signed_in("root").await;
    let get = async |query: &str| {
        let url = stage.server.at(&format!("/admin/policy/tools?user=root&answer=deny{query}"));
        root.get(&url).await.expect(200).body
    };
    let page = get("").await;
    assert!(page.contains("judged so far") && page.contains("Search further"), "{page}");
    let next = page.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let next = next.rsplit("after=").next().unwrap();
    let page = get(&format!("&after={next}")).await;
    assert!(page.contains("wiki_t1400") && !page.contains("judged so far"), "{page}");
}
