//! Access rules, limits and the admission of clients: saved and restored alike by page, API and
//! command, in effect at once, and locked where the configuration file has their section.

use std::path::PathBuf;

use doorward_admin::RuleContent;
use doorward_model::RuleSet;
use doorward_testkit::{Browser, OAuthClient, TestServer};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Asked, Stage, Via};
use crate::reload::Served;

/// A file with a section, removed at the end.
struct SectionFile(PathBuf);

impl SectionFile {
    fn new(name: &str, set: RuleSet, settings: &Value) -> Self {
        let file = format!("doorward-rules-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(file);
        let text = toml::to_string(&json!({set.as_str(): settings})).unwrap();
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for SectionFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The fields of the form of a set with some settings changed.
fn fields(set: RuleSet, changed: &Value) -> Vec<(String, String)> {
    let mut settings: Map<String, Value> = RuleContent::usual(set).settings();
    settings.extend(changed.as_object().unwrap().clone());
    let text = |value: &Value| match value {
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join("\r\n")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    settings.iter().map(|(name, value)| (format!("set-{name}"), text(value))).collect()
}

/// The habits of the server under the rules of a set: it passes on a call with 40 bytes of
/// arguments, and registers a client. The tool takes no argument, and says so itself.
async fn habits(server: &TestServer, token: &str) -> (bool, bool) {
    let arguments = json!({"note": "0123456789012345678901234567890123456789"});
    let answer = server.call(token, "whoami", arguments).await.json();
    let told = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    let called = told.contains("there is no argument note");
    let registered = Browser::new()
        .post_json(
            &server.at("/oauth/register"),
            &json!({"client_name": "x", "redirect_uris": ["http://127.0.0.1:7000/callback"]}),
        )
        .await
        .status;
    (called, registered == 201)
}

#[tokio::test]
async fn access_rules_limits_and_admission_are_saved_alike_and_are_in_effect_at_once() {
    let stage = Stage::on(TestServer::start().await).await;
    stage.server.user("alice").await;
    let client = OAuthClient::register(&stage.server).await;
    let tokens = client.tokens(&stage.server.signed_in("alice").await, &[]).await;
    let rule_sets = &stage.server.app.admin.rule_sets;
    let (ok, wrong) = (None, Some("invalid_rule"));
    for (set, settings, code, effect) in [
        (RuleSet::Access, json!({"tool_roles": ["whoami = boss"]}), ok, (false, true)),
        (RuleSet::Access, json!({"tool_roles": ["whoami"]}), wrong, (false, true)),
        (RuleSet::Access, json!({}), ok, (true, true)),
        (RuleSet::Limits, json!({"argument_bytes": 20}), ok, (false, true)),
        (RuleSet::Limits, json!({"argument_bytes": "many"}), wrong, (false, true)),
        (RuleSet::Limits, json!({}), ok, (true, true)),
        (RuleSet::Registration, json!({"dynamic": false}), ok, (true, false)),
        (RuleSet::Registration, json!({"unused_seconds": 5}), wrong, (true, false)),
        (RuleSet::Registration, json!({}), ok, (true, true)),
    ] {
        let name = set.as_str();
        let (page, api) = (format!("/admin/rules/{name}"), format!("/rules/{name}"));
        let form = fields(set, &settings);
        let mut kept = Vec::new();
        for via in Via::ALL {
            let file = SectionFile::new(&format!("{name}-{}", via.suffix()), set, &settings);
            let before = rule_sets.newest_number(set).await.unwrap();
            let head = stage.head().await;
            let mut fields: Vec<(&str, &str)> =
                form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            fields.push(("seen", "{etag}"));
            let asked = Asked {
                page: (&page, fields),
                api: (Method::PUT, &api, json!({"settings": settings})),
                command: (vec!["rules", "save", name, file.0.to_str().unwrap()], ""),
            };
            let outcome = stage.ask(via, &asked, &[("etag", &before.to_string())]).await;
            assert_eq!(outcome.code.as_deref(), code, "{name} {settings} by {via:?}: {outcome:?}");
            let entries = stage.entries(head).await;
            let number = before + i64::from(code.is_none());
            let stored = stage.store().await.rule_version(set, number).await.unwrap();
            let stored = stored.map(|version| (version.content, version.restores));
            let told = format!("{stored:?} {entries:?}");
            let told = told.replace(&format!("{name}/{number}"), "VERSION");
            // The first one replaces none.
            let told = told
                .replace("\\\"before\\\":{}", "BEFORE")
                .replace(&format!("\\\"before\\\":{{\\\"value\\\":\\\"{before}\\\"}}"), "BEFORE");
            kept.push(told.replace(&format!("\\\"{number}\\\""), "NUMBER"));
            if via != Via::Command {
                // The process that saved them decides by them from the next request.
                let found = habits(&stage.server, &tokens.access).await;
                assert_eq!(found, effect, "{name} {settings} by {via:?}");
            }
        }
        assert_eq!(kept[0], kept[1], "{name} {settings}");
        assert_eq!(kept[0], kept[2], "{name} {settings}");
    }
}

#[tokio::test]
async fn versions_of_rules_are_listed_compared_restored_and_tried_and_unknown_sets_refused() {
    let stage = Stage::on(TestServer::start().await).await;
    let save = |roles: &'static str| Asked {
        page: ("", Vec::new()),
        api: (Method::PUT, "/rules/access", json!({"settings": {"tool_roles": [roles]}})),
        command: (Vec::new(), ""),
    };
    for (rule, etag) in [("whoami = a", "0"), ("whoami = b", "1")] {
        let outcome = stage.ask(Via::Api, &save(rule), &[("etag", etag)]).await;
        assert!(outcome.code.is_none(), "{outcome:?}");
    }
    let late = stage.ask(Via::Api, &save("whoami = c"), &[("etag", "1")]).await;
    assert_eq!(late.code.as_deref(), Some("changed"));
    let root = stage.server.signed_in("root").await;
    let page = async |path: &str| root.get(&stage.server.at(path)).await;
    let body = page("/admin/rules/access").await.expect(200).body;
    assert!(body.contains("whoami = b") && body.contains("Version 2"), "{body}");
    let body = page("/admin/rules/access/versions").await.expect(200).body;
    assert!(body.contains("versions/1\"") && body.contains("in effect"), "{body}");
    let body = page("/admin/rules/access/versions/1").await.expect(200).body;
    assert!(body.contains("+ tool_roles: whoami = a"), "{body}");
    assert!(body.contains("- tool_roles: whoami = b"), "{body}");
    for (number, via) in (2_i64..).zip(Via::ALL) {
        let asked = Asked {
            page: ("/admin/rules/access/versions/1", vec![("seen", "{etag}")]),
            api: (Method::POST, "/rules/access/versions/1/restore", Value::Null),
            command: (vec!["rules", "roll-back", "access", "1"], ""),
        };
        let outcome = stage.ask(via, &asked, &[("etag", &number.to_string())]).await;
        assert!(outcome.code.is_none(), "{via:?}: {outcome:?}");
        let stored = stage.store().await.rule_version(RuleSet::Access, number + 1).await.unwrap();
        let stored = stored.unwrap();
        assert_eq!(stored.restores, Some(1), "{via:?}");
        assert!(stored.content.contains("whoami = a"), "{via:?}: {}", stored.content);
    }
    // Tried on the calls of the audit, where that makes sense.
    let asked = |set: &str| Asked {
        page: ("", Vec::new()),
        api: (
            Method::POST,
            Box::leak(format!("/rules/{set}/dry-run").into_boxed_str()),
            json!({"settings": {}}),
        ),
        command: (Vec::new(), ""),
    };
    let tried = stage.ask(Via::Api, &asked("access"), &[]).await;
    assert!(tried.answer.contains("\"refused\""), "{tried:?}");
    let tried = stage.ask(Via::Api, &asked("limits"), &[]).await;
    assert_eq!(tried.code.as_deref(), Some("invalid_rule"));
    // The policy has pages and operations of its own.
    for set in ["policy", "nothing"] {
        page(&format!("/admin/rules/{set}")).await.expect(404);
        page(&format!("/admin/rules/{set}/versions")).await.expect(404);
        page(&format!("/admin/rules/{set}/versions/1")).await.expect(404);
        assert_eq!(stage.ask(Via::Api, &asked(set), &[]).await.code.as_deref(), Some("not_found"));
    }
    page("/admin/rules/limits/versions/1").await.expect(404);
}

#[tokio::test]
async fn sections_of_the_configuration_file_are_locked_and_saved_rules_reach_other_processes() {
    let served = Served::start("rules", "").await;
    let settings = json!({"argument_bytes": 4321});
    let file = SectionFile::new("process", RuleSet::Limits, &settings);
    let path = file.0.to_str().unwrap();
    let (status, said) = served.command(&["rules", "save", "limits", path]).await;
    assert_eq!(status, 0, "{said}");
    let (_, shown) = served.command(&["rules", "show", "limits"]).await;
    for line in ["[limits]", "argument_bytes = 4321"] {
        assert!(shown.lines().any(|shown| shown == line), "it can be saved again: {shown}");
    }
    let (_, key) = served.administrator().await;
    let state = async || {
        let at = format!("{}/api/admin/rules/limits", served.process.url);
        let browser = Browser::new();
        let request = browser.raw(Method::GET, &at).bearer_auth(&key);
        let answer = browser.send(request).await.expect(200).json();
        format!("{} {}", answer["owner"].as_str().unwrap(), answer["settings"]["argument_bytes"])
    };
    let mut seen = String::new();
    for _ in 0..100 {
        seen = state().await;
        if seen == "administrators 4321" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(seen, "administrators 4321", "the running server follows the command");
    served.write("[limits]\nargument_bytes = 99\n");
    let (status, said) = served.command(&["reload"]).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(state().await, "configuration 99");
    let (status, said) = served.command(&["rules", "roll-back", "limits", "1"]).await;
    assert!(status != 0 && said.contains("under [limits]"), "{status} {said}");
    // Other sets are not locked with it.
    let access = SectionFile::new("access", RuleSet::Access, &json!({"tool_roles": ["a = b"]}));
    let path = access.0.to_str().unwrap();
    assert_eq!(served.command(&["rules", "save", "access", path]).await.0, 0);
    // Without the section, what was saved is back.
    served.write("");
    assert_eq!(served.command(&["reload"]).await.0, 0);
    assert_eq!(state().await, "administrators 4321");
}

#[tokio::test]
async fn pages_of_locked_rules_offer_nothing_that_is_refused() {
    let server = TestServer::start_with(|config| config.limits.argument_bytes = 12_345).await;
    let stage = Stage::on(server).await;
    let asked = Asked {
        page: ("", Vec::new()),
        api: (Method::PUT, "/rules/limits", json!({"settings": {}})),
        command: (Vec::new(), ""),
    };
    let outcome = stage.ask(Via::Api, &asked, &[("etag", "0")]).await;
    assert_eq!(outcome.code.as_deref(), Some("in_configuration"), "{outcome:?}");
    let root = stage.server.signed_in("root").await;
    let page = root.get(&stage.server.at("/admin/rules/limits")).await.expect(200).body;
    assert!(page.contains("12345") && page.contains("set in the configuration file"), "{page}");
    assert!(!page.contains("name=\"set-"), "{page}");
}
