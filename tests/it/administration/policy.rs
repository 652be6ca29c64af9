//! The policy: its rules with the calls that they decided, dry runs, and cases.

use doorward_testkit::{OAuthClient, TestServer, run_command};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via};

/// A server with rules, on which two users called tools.
async fn stage() -> Stage {
    let server = TestServer::start_with(|config| {
        config.policy.rules =
            vec!["deny role=guest tool=server_info".to_owned(), "allow role=none".to_owned()];
    })
    .await;
    server.user("alice").await;
    server.user_with("gina", &["guest"]).await;
    let client = OAuthClient::register(&server).await;
    for (name, whoami, health) in [("alice", 3, 2), ("gina", 1, 1)] {
        let tokens = client.tokens(&server.signed_in(name).await, &[]).await;
        for _ in 0..whoami {
            server.call(&tokens.access, "whoami", json!({})).await.expect(200);
        }
        for _ in 0..health {
            server.call(&tokens.access, "server_info", json!({})).await;
        }
    }
    Stage::on(server).await
}

fn read(answer: &str) -> Value {
    serde_json::from_str(answer).unwrap_or_else(|_| panic!("{answer}"))
}

fn api(method: Method, path: &str, body: Value) -> Asked<'_> {
    Asked { page: ("", Vec::new()), api: (method, path, body), command: (Vec::new(), "") }
}

#[tokio::test]
async fn rules_are_listed_with_the_calls_that_they_decided() {
    let stage = stage().await;
    let listed = stage.ask(Via::Api, &api(Method::GET, "/policy", Value::Null), &[]).await;
    let listed = read(&listed.answer);
    let rule = |number: usize, name: &str| listed["rules"][number][name].clone();
    assert_eq!(
        (rule(0, "rule"), rule(0, "hits")),
        (json!("deny role=guest tool=server_info"), json!(1))
    );
    assert_eq!((rule(1, "effect"), rule(1, "hits")), (json!("allow"), json!(0)));
    assert_eq!(
        (listed["default"].as_str(), listed["default_hits"].as_i64()),
        (Some("allow"), Some(6))
    );
    assert_eq!(listed["owner"], "configuration");
    let root = stage.server.signed_in("root").await;
    let page = root.get(&stage.server.at("/admin/policy")).await.expect(200);
    assert!(
        page.body.contains("deny role=guest tool=server_info")
            && page.body.contains("configuration file")
    );
}

#[tokio::test]
async fn a_dry_run_tells_how_many_calls_of_how_many_users_would_be_decided_otherwise() {
    let stage = stage().await;
    let cases = [
        (json!({"rules": ["deny tool=whoami"], "default": "allow"}), (4, 2), (0, 0), (1, 1)),
        (json!({"rules": [], "default": "allow"}), (0, 0), (0, 0), (1, 1)),
        (json!({"rules": ["deny role=guest"], "default": "confirm"}), (1, 1), (5, 1), (0, 0)),
        (
            json!({"rules": ["deny role=guest tool=server_info"], "default": "allow"}),
            (0, 0),
            (0, 0),
            (0, 0),
        ),
    ];
    let root = stage.server.signed_in("root").await;
    for (body, refused, confirmed, opened) in cases {
        let asked = api(Method::POST, "/policy/dry-run", body.clone());
        let found = read(&stage.ask(Via::Api, &asked, &[]).await.answer);
        let told = |what: &str| {
            (found[what]["calls"].as_i64().unwrap(), found[what]["users"].as_i64().unwrap())
        };
        assert_eq!(found["calls"], 7, "{found}");
        assert_eq!(
            (told("refused"), told("confirmed"), told("opened")),
            (refused, confirmed, opened),
            "{body}"
        );
        // The page says the same, and keeps what was typed.
        let page = root.get(&stage.server.at("/admin/policy")).await;
        let rules: Vec<&str> =
            body["rules"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let form = [
            (
                "csrf",
                doorward_testkit::form_value(
                    page.body.split_once("action=\"/admin/policy/dry-run\"").unwrap().1,
                    "csrf",
                )
                .unwrap(),
            ),
            ("rules", rules.join("\r\n")),
            ("default", body["default"].as_str().unwrap().to_owned()),
        ];
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let tried = root.post(&stage.server.at("/admin/policy/dry-run"), &form).await.expect(200);
        let said = format!("Would have been refused: {} calls of {} users", refused.0, refused.1);
        assert!(tried.body.contains(&said), "{said}: {}", tried.body);
    }
    // The rules in effect are as before.
    let asked = api(Method::GET, "/policy", Value::Null);
    assert_eq!(
        read(&stage.ask(Via::Api, &asked, &[]).await.answer)["rules"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn wrong_rules_and_cases_are_refused_with_what_is_wrong_and_typed_text_is_kept() {
    let stage = stage().await;
    for (path, body) in [
        ("/policy/dry-run", json!({"rules": ["forbid tool=x"], "default": "allow"})),
        ("/policy/dry-run", json!({"rules": ["deny client=Cursor"], "default": "allow"})),
        ("/policy/dry-run", json!({"rules": [], "default": "maybe"})),
        ("/policy/test", json!({"cases": [{"tool": "x", "expect": "perhaps"}]})),
        ("/policy/test", json!({"cases": [{"tool": "", "expect": "allow"}]})),
        ("/policy/test", json!({"cases": [{"tool": "x", "expect": "allow", "class": "evil"}]})),
        ("/policy/test", json!({"cases": [{"tool": "x", "expect": "allow", "upstream": "A B"}]})),
    ] {
        let outcome = stage.ask(Via::Api, &api(Method::POST, path, body.clone()), &[]).await;
        assert_eq!(outcome.code.as_deref(), Some("invalid_rule"), "{body}: {}", outcome.answer);
    }
    let asked = Asked {
        page: (
            "/admin/policy > /admin/policy/dry-run",
            vec![("rules", "forbid tool=abc"), ("default", "allow")],
        ),
        api: (Method::GET, "", Value::Null),
        command: (Vec::new(), ""),
    };
    let outcome = stage.ask(Via::Page, &asked, &[]).await;
    assert_eq!(outcome.code.as_deref(), Some("invalid_rule"));
    assert!(outcome.answer.contains(">forbid tool=abc</textarea>"), "{}", outcome.answer);
}

#[tokio::test]
async fn cases_of_a_file_are_tested_against_the_configuration_without_a_server() {
    let folder = std::env::temp_dir().join(format!("doorward-cases-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let (config, cases) = (folder.join("doorward.toml"), folder.join("cases.toml"));
    let data = folder.join("data");
    std::fs::write(
        &config,
        "[policy]\nrules = [\"deny upstream=payroll role=guest\", \"confirm class=destructive\", \
         \"deny hint=open-world client=https://cursor.example/*\"]\n[access]\ntool_roles = \
         [\"secret_* = staff\"]\n",
    )
    .unwrap();
    let run = async |text: &str, json: bool| {
        std::fs::write(&cases, text).unwrap();
        let mut words = vec![
            "--config",
            config.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "policy",
            "test",
            cases.to_str().unwrap(),
        ];
        if json {
            words.push("--json");
        }
        let output = run_command(&words, &[], "").await;
        let told =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), told)
    };
    let good = "[[case]]\nname = \"guests do not see payroll\"\nroles = [\"guest\"]\nupstream = \
                \"payroll\"\ntool = \"list\"\nexpect = \"deny\"\n[[case]]\nname = \"others do\"\n\
                upstream = \"payroll\"\ntool = \"list\"\nexpect = \"allow\"\n[[case]]\nname = \
                \"deletion asks\"\ntool = \"wipe\"\nclass = \"destructive\"\nexpect = \"confirm\"\n\
                [[case]]\nname = \"cursor stays inside\"\ntool = \"fetch\"\nhints = \
                [\"open-world\"]\nclient = \"https://cursor.example/client.json\"\nexpect = \"deny\"\n\
                [[case]]\nname = \"a resource of payroll\"\nroles = [\"guest\"]\nkind = \
                \"resource\"\nupstream = \"payroll\"\ntool = \"file:///wages\"\nexpect = \"deny\"\n";
    let (code, told) = run(good, false).await;
    assert!(code == 0 && told.contains("5 cases, 0 with"), "{code}: {told}");
    let (code, told) = run(&good.replace("expect = \"allow\"", "expect = \"deny\""), false).await;
    assert!(code == 1 && told.contains("WRONG allow") && told.contains("expected deny"), "{told}");
    let (code, told) = run(good, true).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(code == 0 && told["ok"] == true && told["cases"].as_array().unwrap().len() == 5);
    // Nothing was made: no database is needed.
    assert!(!data.join("doorward.db").exists());
    for (wrong, said) in [
        ("[[case]]\ntool = \"x\"\n", "expect must be"),
        ("[[case]]\ntool = \"x\"\nexpect = \"deny\"\ncolour = \"red\"\n", "colour"),
        ("case = 1", "invalid type"),
        (
            "[[case]]\nname = \"n\"\ntool = \"x\"\nexpect = \"deny\"\nroles = [\"A B\"]\n",
            "lower-case",
        ),
    ] {
        let (code, told) = run(wrong, false).await;
        assert!(code == 1 && told.contains(said), "{wrong}: {told}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
