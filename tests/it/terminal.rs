//! Commands at a terminal and in pipes: readers that go away, names that are mistyped, completion,
//! man pages, and every error of a file at once.

use std::{path::PathBuf, process::Output};

use doorward_testkit::{binary, run_command};

fn directory(name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("doorward-terminal-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

async fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = run_command(arguments, &[], "").await;
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Runs a command whose output is not read: the reader ends first.
async fn unread(words: &str) -> Output {
    let line = format!("set -o pipefail; (sleep 0.2; exec {} {words}) | true", binary().display());
    tokio::process::Command::new("bash").args(["-c", &line]).output().await.unwrap()
}

#[tokio::test]
async fn no_command_fails_because_its_reader_closed_the_pipe() {
    let data = directory("pipes");
    let at = format!("--data-dir {}", data.display());
    for words in [
        "user list",
        "user list --json",
        "client list",
        "upstream list",
        "provider list",
        "token list",
        "keys list",
        "audit",
        "audit --json",
        "audit export",
        "audit export --format csv",
        "audit verify",
        "config show",
        "config schema",
        "config check",
        "admin-link",
        "migrate",
        "completion zsh",
        "user add reader --role developer",
        "--help",
        "--version",
    ] {
        let output = unread(&format!("{at} {words}")).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("panicked"), "{words}: {said}");
    }
    // The command had its effect.
    let listed = run(&["--data-dir", data.to_str().unwrap(), "user", "list"]).await;
    assert!(listed.1.contains("reader"), "{}", listed.1);
    // A disk that is full is another matter.
    let line = format!("{} {at} config schema > /dev/full", binary().display());
    let full = tokio::process::Command::new("bash").args(["-c", &line]).output().await.unwrap();
    let said = String::from_utf8_lossy(&full.stderr);
    assert!(
        full.status.code() == Some(1) && said.contains("standard output cannot be written to"),
        "{said}"
    );
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn a_mistyped_name_is_refused_with_the_nearest_one() {
    let data = directory("names");
    let dir = data.to_str().unwrap();
    let run = async |line: &str| {
        run(&["--data-dir", dir].into_iter().chain(line.split(' ')).collect::<Vec<_>>()).await
    };
    for line in [
        "upstream add tickets --kind http --url https://tickets.example.com/mcp",
        "provider add google --kind google --client-id x --set client_secret=y --set allowed_domains=example.com",
        "user add reader",
    ] {
        assert_eq!(run(line).await.0, 0, "{line}");
    }
    for (line, told) in [
        ("upstream test tikets", "did you mean tickets?"),
        ("upstream tools ticket", "did you mean tickets?"),
        ("upstream approve Tickets2 x", "did you mean tickets?"),
        ("upstream delete tickts", "did you mean tickets?"),
        ("provider test gogle", "did you mean google?"),
        ("provider delete googel", "did you mean google?"),
        ("audit --kind tool.caled", "did you mean tool.called?"),
        ("policy explain --user reader --tool whoim", "no tool whoim; did you mean whoami?"),
        ("policy explain --user raeder --tool whoami", "did you mean reader?"),
        ("policy explain --user reader --upstream tikets", "did you mean tickets?"),
        ("policy explain --user reader --resource tikets+file:///x", "no item tikets+file:///x"),
        ("token create ci --user reader --scope mcp:reed", "did you mean mcp:read?"),
        ("token create ci --user reader --scope admin:raed", "did you mean admin:read?"),
        ("policy who --tool whoim", "no tool whoim; did you mean whoami?"),
        ("policy who --upstream tikets", "did you mean tickets?"),
        ("policy tools --user raeder", "did you mean reader?"),
        (
            "upstream add x --kind http --set auth=oauht --url https://x.example",
            "did you mean oauth?",
        ),
        (
            "upstream set tickets aprove=auto call_seconds=-1 title=x enabled=maybe",
            "3 errors:\n  aprove: is not a key of [upstreams.NAME]; did you mean approve?\n  call_seconds: must be a whole number of 0 or more, not -1\n  enabled: must be true or false",
        ),
        ("audit export --kind tool.caled", "did you mean tool.called?"),
        ("upstream add x --kind http --set aprove=manual", "did you mean approve?"),
        (
            "provider add x --kind oidc --client-id c --set allowed_domain=a",
            "did you mean allowed_domains?",
        ),
    ] {
        let refused = run(line).await;
        assert!(refused.0 == 1 && refused.2.contains(told), "{line}: {}", refused.2);
    }
    let kind = run("upstream add x --kind htpp").await;
    assert!(kind.0 == 2 && kind.2.contains("'http'"), "{}", kind.2);
    let kind = run("provider add x --kind gogle --client-id x").await;
    assert!(kind.0 == 2 && kind.2.contains("'google'"), "{}", kind.2);
    // One that is like none is answered without a guess, and families are kinds too.
    let far = run("upstream test calendar").await;
    assert!(far.0 == 1 && !far.2.contains("did you mean"), "{}", far.2);
    assert_eq!(run("audit --kind user.").await.0, 0);
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn every_error_of_a_file_is_reported_by_every_command() {
    let data = directory("errors");
    let file = data.join("doorward.toml");
    std::fs::write(
        &file,
        "[server]\nlistn = \"x\"\n[keys]\nalgorithm = \"HS256\"\n[upstreams.a]\nkind = \"http\"\n[log]\nformat = \"xml\"\n",
    )
    .unwrap();
    let (dir, config) = (data.to_str().unwrap(), file.to_str().unwrap());
    for words in [&["config", "check"][..], &["config", "show"], &["serve"], &["user", "list"]] {
        let refused = run(&[&["--data-dir", dir, "--config", config], words].concat()).await;
        assert_eq!(refused.0, 1, "{words:?}");
        for told in [
            "the configuration has 4 errors:",
            "line 2: server.listn: is not a key; did you mean server.listen?",
            "line 4: keys.algorithm: must be",
            "line 5: upstreams.a.url: is needed",
            "line 8: log.format: must be text or json",
        ] {
            assert!(refused.2.contains(told), "{words:?}: {told}: {}", refused.2);
        }
    }
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn completion_and_man_pages_come_out_of_the_program() {
    let folder = directory("manual");
    for (shell, has) in [
        ("bash", "complete -F _doorward"),
        ("zsh", "#compdef doorward"),
        ("fish", "complete -c doorward"),
    ] {
        let script = run(&["completion", shell]).await;
        assert!(script.0 == 0 && script.1.contains(has), "{shell}: {}", script.2);
        assert!(script.1.contains("admin-link") && script.1.contains("upstream"), "{shell}");
    }
    let file = folder.join("doorward.bash");
    std::fs::write(&file, run(&["completion", "bash"]).await.1).unwrap();
    let line = format!(
        "source {}; COMP_WORDS=(doorward upstream t); COMP_CWORD=2; _doorward doorward t upstream; echo \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    let completed =
        tokio::process::Command::new("bash").args(["-c", &line]).output().await.unwrap();
    let completed = String::from_utf8(completed.stdout).unwrap();
    assert_eq!(completed.split_whitespace().collect::<Vec<_>>(), ["test", "tools"]);
    assert_eq!(run(&["completion", "powershell"]).await.0, 2);
    let man = folder.join("man");
    assert_eq!(run(&["man", man.to_str().unwrap()]).await.0, 0);
    for page in ["doorward.1", "doorward-serve.1", "doorward-upstream-add.1"] {
        let text = std::fs::read_to_string(man.join(page)).unwrap();
        assert!(text.contains(".TH") && text.to_lowercase().contains("global options"), "{page}");
    }
    let help = run(&["upstream", "--help"]).await.1;
    assert!(
        help.contains("Global options:") && help.contains("Examples:\n  doorward upstream add"),
        "{help}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn an_unused_role_is_assigned_with_a_note_that_names_the_nearest_one() {
    let data = directory("roles");
    let at = data.to_str().unwrap();
    let rules = [("DOORWARD_POLICY__RULES", "allow role=developer")];
    let user = async |words: &[&str]| {
        let arguments = [&["--data-dir", at, "user"], words].concat();
        let output = run_command(&arguments, &rules, "").await;
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let told = user(&["add", "ada", "--role", "develper"]).await;
    assert!(told.contains("did you mean developer?"), "{told}");
    let told = user(&["set-role", "ada", "admn", "writer"]).await;
    assert!(told.contains("did you mean admin?") && !told.contains("writer"), "{told}");
    // A role that is in use is none that was mistyped.
    let told = user(&["add", "bea", "--role", "writer", "--role", "developer"]).await;
    assert!(!told.contains("did you mean"), "{told}");
    let told = user(&["set-role", "bea", "writr"]).await;
    assert!(told.contains("did you mean writer?"), "{told}");
    for (role, meant) in [("develper", Some("did you mean developer?")), ("developer", None)] {
        let asked = ["--data-dir", at, "policy", "who", "--role", role];
        let asked = run_command(&asked, &rules, "").await;
        let told = String::from_utf8(asked.stderr).unwrap();
        assert!(asked.status.success(), "{told}");
        assert!(meant.map_or(told.is_empty(), |meant| told.contains(meant)), "{role}: {told}");
    }
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn a_token_for_an_upstream_that_is_not_there_is_made_with_a_note() {
    let data = directory("note-of-upstream");
    let at = data.to_str().unwrap();
    let add = ["upstream", "add", "tickets", "--kind", "http", "--url", "https://t.example/mcp"];
    assert_eq!(run(&[&["--data-dir", at][..], &add].concat()).await.0, 0);
    for (name, told) in [("tickts", Some("did you mean tickets?")), ("tickets", None)] {
        let words =
            ["--data-dir", at, "token", "create", "ci", "--service", "ci", "--upstream", name];
        let (status, _, said) = run(&words).await;
        assert_eq!(status, 0, "{said}");
        assert_eq!(said.contains("note:"), told.is_some(), "{said}");
        assert!(said.contains(told.unwrap_or_default()), "{said}");
    }
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn the_account_of_a_service_keeps_its_role_and_the_account_of_a_user_does_not() {
    let data = directory("role-of-service");
    let at = data.to_str().unwrap();
    let run = async |words: &[&str]| run(&[&["--data-dir", at], words].concat()).await;
    let add = ["client", "add", "Nightly", "--service", "nightly", "--scope", "mcp:read"];
    assert_eq!(run(&add).await.0, 0);
    for roles in [&["reports"][..], &[]] {
        assert_eq!(run(&[&["user", "set-role", "nightly"], roles].concat()).await.0, 0);
        let (status, _, said) = run(&add).await;
        assert_eq!(status, 0, "another client of the service is added: {said}");
        let listed: serde_json::Value =
            serde_json::from_str(&run(&["--json", "user", "list"]).await.1).unwrap();
        let users = listed.as_array().or(listed["users"].as_array()).unwrap();
        let nightly = users.iter().find(|user| user["name"] == "nightly").unwrap();
        let kept: Vec<&str> = nightly["roles"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(serde_json::Value::as_str)
            .collect();
        assert_eq!(kept, [&["service"], roles].concat());
    }
    // A user with a password who was given the role can lose it.
    let user = ["--data-dir", at, "user", "add", "ada", "--role", "service", "--password-stdin"];
    let added = run_command(&user, &[], "correct horse battery\n").await;
    assert!(added.status.success(), "{added:?}");
    assert_eq!(run(&["user", "set-role", "ada"]).await.0, 0);
    let listed = run(&["user", "list"]).await.1;
    let ada = listed.lines().find(|line| line.starts_with("ada")).unwrap();
    assert!(!ada.contains("service"), "{ada}");
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn program_texts_are_printed_to_be_copied() {
    let data = directory("texts");
    let at = data.to_str().unwrap();
    let url = "https://notes.example.com/mcp";
    let add = ["--data-dir", at, "resource", "add", url, "--name", "N", "--scope", "n:read"];
    assert_eq!(run(&add).await.0, 0);
    let (status, shown, said) = run(&["--data-dir", at, "resource", "show", url]).await;
    assert_eq!(status, 0, "{said}");
    assert!(
        shown.contains("\n\tserver := mcp.NewServer") && shown.contains("\n\t\treturn nil, err")
    );
    assert!(!shown.contains("\\t") && !shown.contains("\\n"), "{shown}");
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn a_key_that_another_replaces_before_it_signs_is_not_the_next_one() {
    let data = directory("replaced-key");
    let at = data.to_str().unwrap();
    for words in [&["keys", "rotate", "--now"][..], &["keys", "rotate"]] {
        assert_eq!(run(&[&["--data-dir", at], words].concat()).await.0, 0);
    }
    let states = async || run(&["--data-dir", at, "keys", "list"]).await.1;
    assert_eq!(states().await.matches(" next ").count(), 1);
    assert_eq!(run(&["--data-dir", at, "keys", "rotate", "--now"]).await.0, 0);
    let listed = states().await;
    assert_eq!(listed.matches(" next ").count(), 0, "{listed}");
    std::fs::remove_dir_all(data).unwrap();
}
