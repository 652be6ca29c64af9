//! Versions of the policy: saved and restored alike by page, API and command, in effect at once, and
//! locked where the configuration file has rules.

use doorward_model::RuleSet;
use doorward_testkit::{OAuthClient, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via};
use crate::reload::Served;

/// A file with rules, removed at the end.
struct RulesFile(std::path::PathBuf);

impl RulesFile {
    fn new(name: &str, rules: &[&str], default: &str) -> Self {
        let file = format!("doorward-policy-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(file);
        let text = format!("[policy]\ndefault = {default:?}\nrules = {rules:?}\n");
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for RulesFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn rules_are_saved_restored_and_refused_alike_and_are_in_effect_at_once() {
    let stage = Stage::on(TestServer::start().await).await;
    stage.server.user("alice").await;
    let client = OAuthClient::register(&stage.server).await;
    let tokens = client.tokens(&stage.server.signed_in("alice").await, &[]).await;
    let cases: [(&str, &[&str], &str, Option<&str>); 5] = [
        ("one", &["deny tool=whoami", "allow role=guest"], "allow", None),
        ("none", &[], "allow", None),
        ("default", &["allow tool=whoami"], "deny", None),
        ("wrong", &["deny tool"], "allow", Some("invalid_rule")),
        ("word", &[], "perhaps", Some("invalid_rule")),
    ];
    let policies = &stage.server.app.admin.policies;
    for (name, rules, default, code) in cases {
        let mut kept = Vec::new();
        for via in Via::ALL {
            let file = RulesFile::new(&format!("{name}-{}", via.suffix()), rules, default);
            let lines = rules.join("\r\n");
            let before = policies.newest_version().await.unwrap();
            let head = stage.head().await;
            let asked = Asked {
                page: (
                    "/admin/policy",
                    // A test server follows no other processes, whose version is seen here.
                    vec![("rules", &lines), ("default", default), ("seen", "{etag}")],
                ),
                api: (Method::PUT, "/policy", json!({"rules": rules, "default": default})),
                command: (vec!["policy", "save", file.0.to_str().unwrap()], ""),
            };
            let outcome = stage.ask(via, &asked, &[("etag", &before.to_string())]).await;
            assert_eq!(outcome.code.as_deref(), code, "{name} by {via:?}: {outcome:?}");
            let entries = stage.entries(head).await;
            let number = before + i64::from(code.is_none());
            let store = stage.store().await;
            let version = store.rule_version(RuleSet::Policy, number).await.unwrap();
            let stored = version.map(|version| (version.content, version.restores));
            kept.push(format!("{stored:?} {entries:?}").replace(&number.to_string(), "NUMBER"));
            if via != Via::Command && code.is_none() {
                // The process that saved them decides by them with the next call.
                let denied = rules.contains(&"deny tool=whoami");
                let answer = stage.server.call(&tokens.access, "whoami", json!({})).await;
                assert_eq!(answer.json()["error"].is_object(), denied, "{name}: {}", answer.body);
            }
        }
        assert_eq!(kept[0], kept[1], "{name}");
        assert_eq!(kept[0], kept[2], "{name}");
    }
    // Back to the first version, which is saved again as the next one.
    for via in Via::ALL {
        let before = policies.newest_version().await.unwrap();
        let asked = Asked {
            page: ("/admin/policy/versions/1", vec![("seen", "{etag}")]),
            api: (Method::POST, "/policy/versions/1/restore", Value::Null),
            command: (vec!["policy", "roll-back", "1"], ""),
        };
        let outcome = stage.ask(via, &asked, &[("etag", &before.to_string())]).await;
        assert!(outcome.code.is_none(), "{via:?}: {outcome:?}");
        let version = stage.store().await.rule_version(RuleSet::Policy, before + 1).await.unwrap();
        let version = version.unwrap();
        let content: Value = serde_json::from_str(&version.content).unwrap();
        let rules = content["rules"].as_array().unwrap().len();
        assert_eq!((version.restores, rules), (Some(1), 2), "{via:?}");
        let missing = Asked {
            page: ("/admin/policy/versions/999", Vec::new()),
            api: (Method::POST, "/policy/versions/999/restore", Value::Null),
            command: (vec!["policy", "roll-back", "999"], ""),
        };
        let outcome = stage.ask(via, &missing, &[("etag", "1")]).await;
        assert_eq!(outcome.code.as_deref(), Some("not_found"), "{via:?}");
    }
}

/// A request of no front end.
fn asked_none<'a>() -> Asked<'a> {
    Asked { page: ("", Vec::new()), api: (Method::GET, "", Value::Null), command: (vec![], "") }
}

#[tokio::test]
async fn a_version_that_is_not_the_newest_is_not_replaced_and_versions_are_listed_in_parts() {
    let stage = Stage::on(TestServer::start().await).await;
    let save = |rule: &'static str| Asked {
        api: (Method::PUT, "/policy", json!({"rules": [rule], "default": "allow"})),
        ..asked_none()
    };
    for (number, etag) in [(1, "0"), (2, "1"), (3, "2")] {
        let outcome = stage.ask(Via::Api, &save("deny role=guest"), &[("etag", etag)]).await;
        assert!(outcome.code.is_none(), "{number}: {outcome:?}");
    }
    for stale in ["0", "2", "4", "x"] {
        let outcome = stage.ask(Via::Api, &save("deny role=none"), &[("etag", stale)]).await;
        assert_eq!(outcome.code.as_deref(), Some("changed"), "{stale}");
    }
    let root = stage.server.signed_in("root").await;
    let at = stage.server.at("/admin/policy");
    let body = root.get(&at).await.body;
    let form = body.split_once("action=\"/admin/policy/dry-run\"").unwrap().1;
    let csrf = doorward_testkit::form_value(form, "csrf").unwrap();
    let typed = [("csrf", csrf.as_str()), ("rules", "deny role=typed"), ("default", "deny")];
    let outdated = [typed.as_slice(), &[("seen", "2")]].concat();
    let page = root.post(&at, &outdated).await.expect(409);
    assert!(page.body.contains("deny role=typed</textarea>"), "the input is kept: {}", page.body);
    let list = |query: &str| {
        let path = format!("/policy/versions?{query}");
        let asked = Asked {
            api: (Method::GET, Box::leak(path.into_boxed_str()), Value::Null),
            ..asked_none()
        };
        let stage = &stage;
        async move {
            let answer = stage.ask(Via::Api, &asked, &[]).await.answer;
            serde_json::from_str::<Value>(&answer).unwrap()
        }
    };
    let first = list("limit=2").await;
    assert_eq!((&first["versions"][0]["version"], &first["next"]), (&json!(3), &json!(2)));
    let rest = list("limit=2&before=2").await;
    assert_eq!((&rest["versions"][0]["version"], &rest["next"]), (&json!(1), &Value::Null));
    assert_eq!(rest["versions"][0]["author"], "root");
    let page = root.get(&stage.server.at("/admin/policy/versions?limit=10")).await.expect(200);
    assert!(page.body.contains("in effect") && page.body.contains("versions/1\""), "{}", page.body);
    root.get(&stage.server.at("/admin/policy/versions/x")).await.expect(404);
}

#[tokio::test]
async fn rules_of_the_configuration_file_are_locked() {
    let server = TestServer::start_with(|config| {
        config.policy.rules = vec!["deny role=guest".to_owned()];
    })
    .await;
    let stage = Stage::on(server).await;
    let asked = Asked {
        page: ("/admin/policy", vec![("rules", "deny role=none"), ("default", "allow")]),
        api: (Method::PUT, "/policy", json!({"rules": ["deny role=none"], "default": "allow"})),
        command: (vec![], ""),
    };
    for via in [Via::Page, Via::Api] {
        let outcome = stage.ask(via, &asked, &[("etag", "0")]).await;
        assert_eq!(outcome.code.as_deref(), Some("in_configuration"), "{via:?}: {outcome:?}");
    }
    assert!(stage.store().await.rule_versions(RuleSet::Policy, None, 10).await.unwrap().is_empty());
    let root = stage.server.signed_in("root").await;
    let page = root.get(&stage.server.at("/admin/policy")).await.expect(200).body;
    assert!(!page.contains("formaction"), "nothing is offered that is refused: {page}");
}

#[tokio::test]
async fn a_saved_policy_reaches_a_running_server_and_gives_way_to_that_of_the_file() {
    let served = Served::start("policy-versions", "").await;
    let file = RulesFile::new("process", &["deny role=guest"], "allow");
    let (status, said) = served.command(&["policy", "save", file.0.to_str().unwrap()]).await;
    assert_eq!(status, 0, "{said}");
    let (_, listed) = served.command(&["policy", "list"]).await;
    assert!(listed.contains("deny role=guest"), "{listed}");
    let broken = std::env::temp_dir().join(format!("{}-broken.toml", std::process::id()));
    std::fs::write(&broken, "[policy]\nrules = [\n").unwrap();
    let (status, said) = served.command(&["policy", "save", broken.to_str().unwrap()]).await;
    assert!(status == 1 && said.contains("broken.toml, line ") && !said.contains("TOML"), "{said}");
    let (_, key) = served.administrator().await;
    let owner = async || {
        let at = format!("{}/api/admin/policy", served.process.url);
        let browser = doorward_testkit::Browser::new();
        let request = browser.raw(Method::GET, &at).bearer_auth(&key);
        let answer = browser.send(request).await.expect(200).json();
        format!(
            "{} {}",
            answer["owner"].as_str().unwrap(),
            answer["rules"].as_array().unwrap().len()
        )
    };
    let mut seen = String::new();
    for _ in 0..100 {
        seen = owner().await;
        if seen == "administrators 1" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(seen, "administrators 1", "the running server follows the command");
    let shown = served.command(&["policy", "show", "1"]).await.1;
    assert!(shown.contains("[policy]") && shown.contains("deny role=guest"), "{shown}");
    served.write("[policy]\nrules = [\"deny role=a\", \"deny role=b\"]\n");
    let (status, said) = served.command(&["reload"]).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(owner().await, "configuration 2");
    let (status, said) = served.command(&["policy", "roll-back", "1"]).await;
    assert!(status != 0 && said.contains("under [policy]"), "{status} {said}");
    // The default alone is owned by the file as well, even where it is the usual one.
    served.write("[policy]\ndefault = \"allow\"\n");
    let (status, said) = served.command(&["reload"]).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(owner().await, "configuration 0");
    // Without rules in the file, those that were saved are back.
    served.write("");
    let (status, said) = served.command(&["reload"]).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(owner().await, "administrators 1");
}
