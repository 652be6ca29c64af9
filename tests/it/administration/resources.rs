//! External resource servers: adding, replacing the secret, removing; and changes.

use doorward_accounts::Authority;
use doorward_admin::NewResource;
use doorward_model::ExternalResource;
use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Object, Stage, Via, compare, done, refused};

fn url_of(name: &str) -> String {
    format!("https://{name}.example.test/mcp")
}

fn object(resource: Option<&ExternalResource>) -> Object {
    let Some(resource) = resource else { return Object::default() };
    let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
    let state = format!("{} {scopes:?} {:?}", resource.name, resource.roles);
    Object { id: resource.id.to_string(), etag: resource.etag(), state }
}

async fn find(stage: &Stage, name: &str) -> Object {
    let all = stage.store().await.external_resources().await.unwrap();
    object(all.iter().find(|resource| resource.url.as_str() == url_of(name)))
}

async fn prepare(stage: &Stage, name: &str) -> Object {
    let new = NewResource {
        url: url_of(name),
        name: Some("Notes".to_owned()),
        scopes: vec!["notes:read".to_owned()],
        roles: Vec::new(),
    };
    let made = stage.server.app.admin.resources.add(&Authority::operator(), new).await.unwrap();
    object(Some(&made.resource))
}

fn adding<'a>(url: &'a str, name: &'a str, scope: &'a str, role: &'a str) -> Asked<'a> {
    let form =
        vec![("do", "add"), ("url", url), ("name", name), ("scopes", scope), ("roles", role)];
    let mut command = vec!["resource", "add", url, "--name", name, "--scope", scope];
    let mut body = json!({"url": url, "name": name, "scopes": [scope]});
    if !role.is_empty() {
        command.extend(["--role", role]);
        body["roles"] = json!([role]);
    }
    Asked {
        page: ("/admin/resources?add=1 > /admin/resources", form),
        api: (Method::POST, "/resources", body),
        command: (command, ""),
    }
}

fn deciding<'a>(action: &'a str, word: &'a str, api: (Method, &'a str, Value)) -> Asked<'a> {
    Asked {
        page: ("/admin/resources/{id}", vec![("do", action), ("sure", "1")]),
        api,
        command: (vec!["resource", word, "{id}"], ""),
    }
}

#[tokio::test]
async fn resource_servers_are_added_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let url = "https://{name}.example.test/mcp";
    let own = stage.server.at("/mcp/other");
    let cases = [
        done("add", adding(url, "Notes", "notes:read", "")),
        done("for a role", adding(url, "Notes", "mcp:read", "staff")),
        refused("no URL", "invalid_resource", adding("notes", "Notes", "a", "")),
        refused("not TLS", "invalid_resource", adding("http://a.example/mcp", "Notes", "a", "")),
        refused("a query", "invalid_resource", adding("https://a.example/?b=c", "Notes", "a", "")),
        refused("spelling", "invalid_resource", adding("https://A.example/mcp", "Notes", "a", "")),
        refused("our own", "invalid_resource", adding(&own, "Notes", "a", "")),
        refused("our scope", "invalid_resource", adding(url, "Notes", "admin:read", "")),
        refused("OpenID's scope", "invalid_resource", adding(url, "Notes", "openid", "")),
        refused("no role", "invalid_roles", adding(url, "Notes", "a", "Staff!")),
    ];
    compare(
        &stage,
        &cases,
        async |_: &str| Object::default(),
        async |name: &str| find(&stage, name).await,
    )
    .await;
    let taken = [
        refused("taken", "name_taken", adding(url, "Notes", "a", "")),
        refused(
            "taken with a slash",
            "name_taken",
            adding("https://{name}.example.test/mcp/", "Notes", "a", ""),
        ),
    ];
    let (before, after) = (
        async |name: &str| prepare(&stage, name).await,
        async |name: &str| find(&stage, name).await,
    );
    compare(&stage, &taken, before, after).await;
}

#[tokio::test]
async fn secrets_are_replaced_and_resource_servers_removed_alike() {
    let stage = Stage::on(TestServer::start().await).await;
    let secret = (Method::POST, "/resources/{id}/secret", Value::Null);
    let remove = (Method::DELETE, "/resources/{id}", Value::Null);
    let cases = [done("removal", deciding("delete", "remove", remove.clone()))];
    let (before, after) = (
        async |name: &str| prepare(&stage, name).await,
        async |name: &str| find(&stage, name).await,
    );
    compare(&stage, &cases, before, after).await;
    for via in Via::ALL {
        let before = prepare(&stage, via.suffix()).await;
        let head = stage.head().await;
        let asked = deciding("secret", "new-secret", secret.clone());
        let outcome = stage.ask(via, &asked, &[("id", &before.id)]).await;
        assert!(outcome.code.is_none() && outcome.answer.contains("dw_cs_"), "{outcome:?}");
        let after = find(&stage, via.suffix()).await;
        assert!(after.etag != before.etag && after.state == before.state, "{via:?}");
        let entries = stage.entries(head).await;
        let is_secret = |entry: &String| {
            entry.starts_with("external_resource.changed ok") && entry.contains("\"secret\"")
        };
        assert!(entries.len() == 1 && entries.iter().all(is_secret), "{entries:?}");
        assert!(!entries[0].contains("dw_cs_"), "{entries:?}");
    }
    let cases = [
        refused("no secret of none", "not_found", deciding("secret", "new-secret", secret)),
        refused("no removal of none", "not_found", deciding("delete", "remove", remove)),
    ];
    let missing = async |_: &str| Object { id: "rs_none".to_owned(), ..Object::default() };
    compare(&stage, &cases, missing, async |_: &str| Object::default()).await;
}

#[tokio::test]
async fn changes_are_made_alike_and_only_to_the_state_that_was_seen() {
    for via in Via::ALL {
        // The page has one form for each: with one, it is the first.
        let stage = Stage::on(TestServer::start().await).await;
        let name = via.suffix();
        let before = prepare(&stage, name).await;
        let asked = |seen: &str, scope: &'static str| {
            let patch =
                json!({"name": "Board", "scopes": ["notes:read", scope], "roles": ["staff"]});
            let scopes = if scope == "b:c" { "notes:read b:c" } else { "notes:read admin" };
            let mut form = vec![("do", "save"), ("name", "Board")];
            form.extend([("scopes", scopes), ("roles", "staff")]);
            let command = vec![
                "resource",
                "set",
                "{id}",
                "--name",
                "Board",
                "--scope",
                "notes:read",
                "--scope",
                scope,
                "--role",
                "staff",
            ];
            let asked = Asked {
                page: ("/admin/resources/{id}", form),
                api: (Method::PATCH, "/resources/{id}", patch),
                command: (command, ""),
            };
            (asked, vec![("id", before.id.clone()), ("etag", seen.to_owned())])
        };
        let ask = async |seen: &str, scope: &'static str| {
            let (asked, fill) = asked(seen, scope);
            let fill: Vec<_> = fill.iter().map(|(gap, value)| (*gap, value.as_str())).collect();
            stage.ask(via, &asked, &fill).await.code
        };
        assert_eq!(
            ask(&before.etag, "admin").await.as_deref(),
            Some("invalid_resource"),
            "{via:?}"
        );
        let head = stage.head().await;
        assert_eq!(ask(&before.etag, "b:c").await, None, "{via:?}");
        let after = find(&stage, name).await;
        assert_eq!(after.state, "Board [\"notes:read\", \"b:c\"] [Role(\"staff\")]", "{via:?}");
        let entries = stage.entries(head).await;
        assert!(
            entries.len() == 1 && entries[0].starts_with("external_resource.changed ok"),
            "{entries:?}"
        );
        if via == Via::Api {
            assert_eq!(ask(&before.etag, "b:c").await.as_deref(), Some("changed"));
        }
    }
}
