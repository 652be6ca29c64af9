//! Toolsets: adding, changing and removing.

use doorward_accounts::Authority;
use doorward_admin::NewToolset;
use doorward_model::Toolset;
use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Object, Stage, compare, done, refused};

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

#[tokio::test]
async fn toolsets_are_added_changed_and_removed_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
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
    ];
    compare(&stage, &cases, nothing, found).await;
    let some = async |name: &str| prepare(&stage, name).await;
    let cases = [
        refused("taken", "name_taken", adding("{name}", line, "")),
        done("changed", changing("upstream=mail class=write", "lead")),
        refused("to a wrong line", "invalid_toolset", changing("upstream=", "lead")),
        refused("to a wrong role", "invalid_roles", changing(line, "Lead")),
        done("removed", removing()),
    ];
    compare(&stage, &cases, some, found).await;
}
