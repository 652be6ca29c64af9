//! Identity providers: adding and deleting.

use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Object, Stage, compare, done, refused};

fn adding<'a>(name: &'a str, kind: &'a str, issuer: &'a str) -> Asked<'a> {
    limited(name, (kind, issuer), None)
}

/// The same with a setting that says who can sign in, and its form in a command.
fn limited<'a>(
    name: &'a str,
    (kind, issuer): (&'a str, &'a str),
    limit: Option<(&'a str, &'a str, &'a str)>,
) -> Asked<'a> {
    let mut body = json!({
        "name": name, "kind": kind, "client_id": "us", "client_secret": "s3cret", "issuer": issuer,
    });
    let mut form = vec![
        ("do", "create"),
        ("name", name),
        ("set-kind", kind),
        ("set-client_id", "us"),
        ("set-client_secret", "s3cret"),
        ("set-issuer", issuer),
    ];
    let mut command = vec!["provider", "add", name, "--kind", kind, "--client-id", "us"];
    command.push("--client-secret-stdin");
    if !issuer.is_empty() {
        command.extend(["--issuer", issuer]);
    }
    if let Some((key, value, set)) = limit {
        body[key] = if key == "sign_up" { json!(value) } else { json!([value]) };
        form.push((if key == "sign_up" { "set-sign_up" } else { "set-allowed_domains" }, value));
        command.extend(["--set", set]);
    }
    Asked {
        page: ("/admin/providers?add=1 > /admin/providers", form),
        api: (Method::POST, "/providers", body),
        command: (command, "s3cret"),
    }
}

fn deleting() -> Asked<'static> {
    Asked {
        page: (
            "/admin/providers?provider={name} > /admin/providers",
            vec![("do", "delete"), ("provider", "{name}"), ("sure", "1")],
        ),
        api: (Method::DELETE, "/providers/{name}", Value::Null),
        command: (vec!["provider", "delete", "{name}"], ""),
    }
}

#[tokio::test]
async fn identity_providers_are_added_and_deleted_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let find = async |name: &str| {
        let all = stage.store().await.providers().await.unwrap();
        let found = all.iter().find(|record| record.id.as_str() == name);
        let shown = found.map(|record| format!("{} {}", record.settings, record.secret.is_some()));
        Object { state: shown.unwrap_or_default(), ..Object::default() }
    };
    let issuer = "https://id.example/";
    let cases = [
        done("of a kind with an issuer", adding("{name}", "oidc", issuer)),
        done(
            "of a kind without",
            limited("{name}", ("google", ""), Some(("sign_up", "open", "sign_up=open"))),
        ),
        done(
            "with accounts for anyone and a limit",
            limited(
                "{name}",
                ("google", ""),
                Some(("allowed_domains", "corp.example", "allowed_domains=corp.example")),
            ),
        ),
        refused("accounts for anyone", "invalid_setting", adding("{name}", "google", "")),
        refused(
            "accounts for anyone at an issuer",
            "invalid_setting",
            adding("{name}", "oidc", "https://gitlab.com"),
        ),
        refused("a name that is none", "invalid_setting", adding("Not A Name", "oidc", issuer)),
        refused("no issuer", "invalid_setting", adding("{name}", "oidc", "")),
        refused("an issuer that is none", "invalid_setting", adding("{name}", "oidc", "nowhere")),
    ];
    compare(&stage, &cases, async |_: &str| Object::default(), find).await;
    let prepare = async |name: &str| {
        let config = serde_json::from_value(json!({
            "kind": "oidc", "client_id": "us", "client_secret": "s3cret",
            "issuer": "https://id.example/",
        }));
        stage.server.app.federation.add(name, config.unwrap()).await.unwrap();
        Object::default()
    };
    let cases = [
        refused("taken", "name_taken", adding("{name}", "oidc", issuer)),
        done("deleted", deleting()),
    ];
    compare(&stage, &cases, prepare, find).await;
    let missing = [refused("missing", "not_found", deleting())];
    compare(&stage, &missing, async |_: &str| Object::default(), find).await;
}

#[tokio::test]
async fn settings_of_the_machine_are_reserved_for_commands() {
    let stage = Stage::on(TestServer::start().await).await;
    for (key, value) in [("networks", "10.0.0.0/8"), ("ca_file", "/etc/passwd")] {
        let set = format!("{key}={value}");
        let json_value = if key == "networks" { json!([value]) } else { json!(value) };
        let asked = |name: &'static str| {
            let mut body = json!({"name": name, "kind": "oidc", "client_id": "us", "issuer": "https://id.example/"});
            body[key] = json_value.clone();
            body
        };
        let api = Asked {
            page: ("", Vec::new()),
            api: (Method::POST, "/providers", asked("by-api")),
            command: (Vec::new(), ""),
        };
        let outcome = stage.ask(super::Via::Api, &api, &[]).await;
        assert_eq!(outcome.code.as_deref(), Some("of_the_machine"), "{key}");
        let words = vec![
            "provider",
            "add",
            "by-command",
            "--kind",
            "oidc",
            "--client-id",
            "us",
            "--issuer",
            "https://id.example/",
            "--set",
            &set,
        ];
        let command = Asked {
            page: ("", Vec::new()),
            api: (Method::GET, "", Value::Null),
            command: (words, ""),
        };
        // An invalid certificate is refused for its content, not for its source.
        let outcome = stage.ask(super::Via::Command, &command, &[]).await;
        assert_ne!(outcome.code.as_deref(), Some("of_the_machine"), "{key}: {outcome:?}");
    }
}
