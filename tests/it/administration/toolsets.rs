//! Toolsets: adding, changing and removing.

use doorward_accounts::Authority;
use doorward_admin::NewToolset;
use doorward_model::Toolset;
use doorward_testkit::{FakeUpstream, TestServer, tool};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Object, Stage, Via, compare, done, refused};
use crate::gateway;

fn object(toolset: Option<&Toolset>) -> Object {
    let Some(toolset) = toolset else { return Object::default() };
    let lines: Vec<_> = toolset.selection.texts().collect();
    let state = format!("{} {} {lines:?} {:?}", toolset.title, toolset.description, toolset.roles);
    Object { id: toolset.name.to_string(), etag: toolset.etag(), state }
}

async fn find(stage: &Stage, name: &str) -> Object {
    let all = stage.store().await.toolsets().await.unwrap();
    object(all.iter().find(|toolset| toolset.name.as_str() == name).map(AsRef::as_ref))
}

async fn prepare(stage: &Stage, name: &str) -> Object {
    let new = NewToolset {
        name: name.to_owned(),
        title: "Old".to_owned(),
        selection: vec!["upstream=wiki".to_owned()],
        ..NewToolset::default()
    };
    stage.server.app.admin.toolsets.add(&Authority::operator(), new).await.unwrap();
    find(stage, name).await
}

fn adding<'a>(name: &'a str, line: &'a str, role: &'a str) -> Asked<'a> {
    let fields = vec![
        ("do", "add"),
        ("name", name),
        ("title", "Support"),
        ("selection", line),
        ("roles", role),
    ];
    let mut command = vec!["toolset", "add", name, "--title", "Support", "--select", line];
    let mut body = json!({"name": name, "title": "Support", "selection": [line]});
    if !role.is_empty() {
        command.extend(["--role", role]);
        body["roles"] = json!([role]);
    }
    Asked {
        page: ("/admin/toolsets?add=1 > /admin/toolsets", fields),
        api: (Method::POST, "/toolsets", body),
        command: (command, ""),
    }
}

fn changing<'a>(line: &'a str, role: &'a str) -> Asked<'a> {
    let fields = vec![
        ("do", "save"),
        ("title", "New"),
        ("description", "For all"),
        ("selection", line),
        ("roles", role),
    ];
    let body =
        json!({"title": "New", "description": "For all", "selection": [line], "roles": [role]});
    let mut command = vec!["toolset", "set", "{name}", "--title", "New"];
    command.extend(["--description", "For all", "--select", line, "--role", role]);
    Asked {
        page: ("/admin/toolsets/{name}", fields),
        api: (Method::PATCH, "/toolsets/{name}", body),
        command: (command, ""),
    }
}

fn removing<'a>() -> Asked<'a> {
    Asked {
        page: ("/admin/toolsets/{name}", vec![("do", "delete"), ("sure", "1")]),
        api: (Method::DELETE, "/toolsets/{name}", Value::Null),
        command: (vec!["toolset", "remove", "{name}"], ""),
    }
}

/// A server with the services wiki and mail, which a command knows too.
async fn with_services() -> Stage {
    let stage = Stage::on(TestServer::start().await).await;
    for name in ["wiki", "mail"] {
        let body = json!({"name": name, "kind": "http", "url": "https://tools.example/mcp"});
        let adding = Asked {
            page: ("", Vec::new()),
            api: (Method::POST, "/upstreams", body),
            command: (Vec::new(), ""),
        };
        assert!(stage.ask(Via::Api, &adding, &[]).await.code.is_none());
    }
    stage
}

#[tokio::test]
async fn a_service_that_does_not_exist_is_named_with_the_one_that_was_meant() {
    let stage = with_services().await;
    for (line, said) in [
        ("upstream=wkii class=read", ["wkii", "did you mean wiki?"]),
        ("upstream=mial", ["mial", "did you mean mail?"]),
        ("upstream=payroll", ["payroll", "does not exist"]),
    ] {
        let asked = adding("unknown", line, "");
        for via in [Via::Page, Via::Api, Via::Command] {
            let outcome = stage.ask(via, &asked, &[]).await;
            assert_eq!(outcome.code.as_deref(), Some("invalid_toolset"), "{line} by {via:?}");
            // The answer of a command that failed is its code.
            for text in said.into_iter().filter(|_| via != Via::Command) {
                assert!(outcome.answer.contains(text), "{line} by {via:?}: {outcome:?}");
            }
        }
    }
    // A pattern may fit upstreams that are added later, and what was selected before may stay.
    let pattern = stage.ask(Via::Api, &adding("later", "upstream=payroll-*", ""), &[]).await;
    assert!(pattern.code.is_none(), "{pattern:?}");
}

#[tokio::test]
async fn the_page_of_a_toolset_stays_small_with_many_tools() {
    let upstream = FakeUpstream::start().await;
    upstream.state().tools =
        (0..600).map(|number| tool(&format!("tool_{number:03}"), true)).collect();
    let services = [("wiki", &upstream, "none"), ("mail", &upstream, "none")];
    let stage = Stage::on(gateway::with(&services).await).await;
    for name in ["wiki", "mail"] {
        stage.server.app.admin.upstreams.test(name, None).await.unwrap();
    }
    let new = NewToolset {
        name: "all".to_owned(),
        selection: vec!["upstream=*".to_owned()],
        ..NewToolset::default()
    };
    stage.server.app.admin.toolsets.add(&Authority::operator(), new).await.unwrap();
    let get = async |query: &str| {
        let url = stage.server.at(&format!("/admin/toolsets/all{query}"));
        stage.browser.get(&url).await.expect(200).body
    };
    let page = get("").await;
    assert!(page.len() < 100_000 && page.contains("1–50 of 1200"), "{}", page.len());
    let next = page.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let next = next.split_once('?').unwrap().1.replace("&#38;", "&");
    assert!(get(&format!("?{next}")).await.contains("51–100 of 1200"));
    let found = get("?search=TOOL_599").await;
    assert!(found.contains("1–2 of 2") && found.contains("mail_tool_599"), "{found}");
}

#[tokio::test]
async fn toolsets_are_added_changed_and_removed_alike_by_page_api_and_command() {
    let stage = with_services().await;
    let found = async |name: &str| find(&stage, name).await;
    let nothing = async |_: &str| Object::default();
    let line = "upstream=wiki tool=search_*,read class=read";
    let cases = [
        done("new", adding("{name}", line, "")),
        done("for a group", adding("{name}", "upstream=* kind=prompt", "group:team")),
        refused("no name", "invalid_toolset", adding("Support", line, "")),
        refused("no upstream", "invalid_toolset", adding("{name}", "tool=read", "")),
        refused("of users", "invalid_toolset", adding("{name}", "upstream=a role=b", "")),
        refused("no condition", "invalid_toolset", adding("{name}", "wiki", "")),
        refused("no role", "invalid_roles", adding("{name}", line, "Staff")),
        refused("of an unknown service", "invalid_toolset", adding("{name}", "upstream=x", "")),
    ];
    compare(&stage, &cases, nothing, found).await;
    let some = async |name: &str| prepare(&stage, name).await;
    let cases = [
        refused("taken", "name_taken", adding("{name}", line, "")),
        done("changed", changing("upstream=mail class=write", "lead")),
        refused("to a wrong line", "invalid_toolset", changing("upstream=", "lead")),
        refused("to an unknown service", "invalid_toolset", changing("upstream=wiki,x", "lead")),
        refused("to a wrong role", "invalid_roles", changing(line, "Lead")),
        done("removed", removing()),
    ];
    compare(&stage, &cases, some, found).await;
}
