//! The configuration file while the server runs: at SIGHUP, by command and when it changes.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use doorward_testkit::{
    Browser, DoorwardProcess, FakeUpstream, OAuthClient, Page, form_value, fresh_database,
    run_command, tool,
};
use serde_json::{Value, json};

/// A server as a process, with a configuration file of its own.
pub(crate) struct Served {
    pub(crate) process: DoorwardProcess,
    folder: PathBuf,
    pub(crate) data: PathBuf,
    file: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Served {
    pub(crate) async fn start(name: &str, text: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("doorward-reload-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let (data, file) = (folder.join("data"), folder.join("doorward.toml"));
        std::fs::write(&file, text).unwrap();
        let mut variables = vec![
            ("DOORWARD_CONFIG", file.display().to_string()),
            ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64".to_owned()),
        ];
        let database = fresh_database().await;
        if !database.is_empty() {
            variables.push(("DOORWARD_STORE__URL", database));
        }
        let given: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = DoorwardProcess::start_with_log(&data, "127.0.0.1:0", &given, log).await;
        Self { process, folder, data, file, variables }
    }

    pub(crate) fn given(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// Runs a command beside the server. Answers its exit status and its output.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, String) {
        let all = [&["--data-dir", self.data.to_str().unwrap()], arguments].concat();
        let output = run_command(&all, &self.given(), "").await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// A browser of a new administrator, and a token of theirs for the API.
    pub(crate) async fn administrator(&self) -> (Browser, String) {
        let printed = &self.process.printed;
        let link = printed.split_whitespace().find(|word| word.contains("/admin/link/")).unwrap();
        let browser = Browser::new();
        let page = browser.get(link).await.expect(200);
        let fields = [
            ("csrf", form_value(&page.body, "csrf").unwrap()),
            ("name", "root".to_owned()),
            ("password", doorward_testkit::PASSWORD.to_owned()),
        ];
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(link, &fields).await.expect(303);
        let resource = format!("{}/api/admin", self.process.url);
        let mut client = OAuthClient::register_at(&self.process.url).await;
        let add =
            ["--json", "client", "add", "Tool", "--redirect-uri", &client.redirect_uri, "--admin"];
        let added: Value = serde_json::from_str(&self.command(&add).await.1).unwrap();
        added["client_id"].as_str().unwrap().clone_into(&mut client.id);
        let wanted = [("resource", resource.as_str()), ("scope", "admin")];
        let token = client.tokens(&browser, &wanted).await.access;
        (browser, token)
    }

    async fn api(&self, token: &str, path: &str) -> Value {
        let browser = Browser::new();
        let request = browser
            .raw(reqwest::Method::GET, &format!("{}{path}", self.process.url))
            .bearer_auth(token);
        browser.send(request).await.expect(200).json()
    }

    /// Stops the server and starts it again at the same URL.
    pub(crate) async fn restart(&mut self) {
        assert_eq!(self.process.terminate().await, Some(0));
        self.started().await;
    }

    /// Ends the server without any chance to tidy up.
    pub(crate) async fn kill(&mut self) {
        self.process.signal("KILL").await;
        self.process.wait().await;
    }

    /// Starts a server that ended again at the same URL.
    pub(crate) async fn started(&mut self) {
        let listen = self.process.url.trim_start_matches("http://").to_owned();
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        let given = self.given();
        let started = DoorwardProcess::start_with_log(&self.data, &listen, &given, log).await;
        self.process = started;
    }

    pub(crate) async fn end(mut self) {
        assert_eq!(self.process.terminate().await, Some(0));
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn rpc(base: &str, token: &str, method: &str, params: Value) -> Page {
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &format!("{base}/mcp?surface=direct"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    browser.send(request).await
}

/// Reports that a call of a tool was answered with its result.
pub(crate) async fn calls(base: &str, token: &str, name: &str) -> bool {
    let page = rpc(base, token, "tools/call", json!({"name": name, "arguments": {}})).await;
    // The policy refuses by 403.
    let answer = page.expect_any(&[200, 403]).json();
    answer["result"]["isError"] != true && answer["result"]["content"].is_array()
}

pub(crate) async fn tools(base: &str, token: &str) -> Vec<String> {
    let page = rpc(base, token, "tools/list", json!({})).await.expect(200).json();
    let tools = page["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn upstream(name: &str, fake: &FakeUpstream, more: &str) -> String {
    format!(
        "[upstreams.{name}]\nkind = \"http\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\nhttp_on_loopback = true\nlist_wait_ms = 3000\n{more}\n",
        fake.url
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_during_fifty_reloads_get_a_response_and_no_decision_is_stale() {
    let (steady, other) = (FakeUpstream::start().await, FakeUpstream::start().await);
    steady.state().tools = vec![tool("read", true)];
    other.state().tools = vec![tool("read", true)];
    let file = |round: usize, deny: bool| {
        let rules = if deny { "rules = [\"deny upstream=other\"]" } else { "rules = []" };
        let title = format!("title = \"Round {round}\"\nconnect_seconds = {}", 10 + round);
        let (one, two) = (upstream("steady", &steady, &title), upstream("other", &other, ""));
        format!(
            "{one}{two}[policy]\n{rules}\n[limits]\ncalls_per_minute_user = {}\ncalls_per_minute_client = 100000\n",
            50_000 + round
        )
    };
    let served = Served::start("calls", &file(0, false)).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    assert!(calls(&base, &alice, "steady_read").await && calls(&base, &alice, "other_read").await);
    let greetings = steady.state().greetings;
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (base, alice) = (base.clone(), alice.clone());
            let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) || done.load(Ordering::SeqCst) < 1000 {
                    assert!(calls(&base, &alice, "steady_read").await, "a call was lost");
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 1..=50 {
        let deny = round % 2 == 1;
        served.write(&file(round, deny));
        let (status, said) = served.command(&["reload"]).await;
        assert_eq!(status, 0, "{said}");
        assert!(said.contains("the configuration is in effect"), "{said}");
        assert_eq!(calls(&base, &alice, "other_read").await, !deny, "round {round}: {said}");
        let listed = tools(&base, &alice).await;
        assert_eq!(listed.contains(&"other_read".to_owned()), !deny, "round {round}: {listed:?}");
    }
    stop.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(done.load(Ordering::SeqCst) >= 1000);
    assert_eq!(steady.state().greetings, greetings, "connections outlive unrelated changes");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_used_changes_nothing_and_is_reported_everywhere() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("read", true)];
    let good = upstream("wiki", &wiki, "");
    let served = Served::start("invalid", &good).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let (browser, token) = served.administrator().await;
    let base = served.process.url.clone();
    assert!(calls(&base, &alice, "wiki_read").await);
    let wrong = [
        ("[policy]\nrules = [\"deny rolle=guest\"]\n", "policy.rules"),
        ("[upstreams.wiki]\nkind = \"http\"\n", "upstreams.wiki.url"),
        ("[providers.g]\nkind = \"google\"\n", "providers.g.client_id"),
        (
            "[providers.g]\nkind = \"google\"\nclient_id = \"x\"\nclient_secret = \"y\"\n",
            "providers.g.sign_up",
        ),
        ("[server\n", "line 1"),
        ("[keys]\nalgorithm = \"HS256\"\n", "keys.algorithm"),
        // Each error has a line of its own.
        ("[limitz]\nx = 1\n[server]\nlisten = 7\n", "\n  "),
    ];
    for (text, expected) in wrong {
        served.write(text);
        let (status, said) = served.command(&["reload"]).await;
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(expected) && said.contains("stays in effect"), "{said}");
        assert!(!said.contains("\\n"), "{said}");
        assert!(calls(&base, &alice, "wiki_read").await, "{text}");
        let (status, said) = served.command(&["apply", "--dry-run"]).await;
        assert!(status == 1 && said.contains(expected) && !said.contains("\\n"), "{said}");
        let (status, said) = served.command(&["doctor"]).await;
        assert!(status == 1 && said.contains("WRONG running server"), "{said}");
        assert!(!said.contains("\\n"), "{said}");
        if expected == "\n  " {
            continue;
        }
        let health = served.api(&token, "/api/admin/health").await.to_string();
        assert!(health.contains(expected), "{health}");
        let page = browser.get(&format!("{base}/admin")).await.expect(200).body;
        assert!(page.contains(expected), "{page}");
    }
    assert!(served.log().contains("the changed configuration cannot be used"));
    // The same by the two other ways.
    std::fs::remove_file(&served.file).unwrap();
    served.process.signal("HUP").await;
    until(|| served.log().contains("was deleted")).await;
    assert!(calls(&base, &alice, "wiki_read").await, "a deleted file decides nothing");
    served.write(&good);
    for _ in 0..100 {
        if served
            .api(&token, "/api/admin/health")
            .await
            .to_string()
            .contains("the configuration is in effect")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, said) = served.command(&["doctor"]).await;
    assert!(said.contains("ok    running server"), "a repaired file is taken up by itself: {said}");
    served.end().await;
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..150 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not happen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_section_that_is_reloaded_takes_effect_by_each_way() {
    let (wiki, notes) = (FakeUpstream::start().await, FakeUpstream::start().await);
    wiki.state().tools = vec![tool("read", true)];
    notes.state().tools = vec![tool("read", true)];
    let first = upstream("wiki", &wiki, "");
    let served = Served::start("sections", &first).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    // By command: another upstream and a provider; the difference is shown and names no secret.
    let provider = "[providers.hub]\nkind = \"github\"\nclient_id = \"an-id\"\nclient_secret = \"hunter2\"\nallowed_groups = [\"acme\"]\n";
    let second = format!(
        "{first}{}{provider}[server]\nmax_connections = 77\n",
        upstream("notes", &notes, "")
    );
    served.write(&second);
    let (status, said) = served.command(&["apply", "--dry-run"]).await;
    assert_eq!(status, 0, "{said}");
    for part in [
        "upstreams.notes.kind: nothing -> \"http\"",
        "providers.hub.client_id: nothing -> \"an-id\"",
        "(needs a restart)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!calls(&base, &alice, "notes_read").await, "a dry run changes nothing");
    let (status, said) = served.command(&["apply"]).await;
    assert!(
        status == 0 && said.contains("a restart is needed for server.max_connections"),
        "{said}"
    );
    assert!(calls(&base, &alice, "notes_read").await);
    let login = Browser::new().get(&format!("{base}/login")).await.expect(200).body;
    assert!(login.contains("/login/hub"), "{login}");
    // By SIGHUP: registration is disabled, and metadata says so.
    served.write(&format!("{second}[registration]\ndynamic = false\n"));
    served.process.signal("HUP").await;
    until(|| served.log().matches("the configuration was reloaded").count() >= 2).await;
    let browser = Browser::new();
    let metadata = format!("{base}/.well-known/oauth-authorization-server");
    let metadata = browser.get(&metadata).await.expect(200).json();
    assert!(metadata.get("registration_endpoint").is_none(), "{metadata}");
    let body = json!({"client_name": "x", "redirect_uris": ["http://127.0.0.1/cb"]});
    browser.post_json(&format!("{base}/oauth/register"), &body).await.expect(404);
    // By the file alone: roles and limits count, an upstream leaves with what is open to it.
    let limits = "[limits]\nargument_bytes = 10\n[access]\ntool_roles = [\"wiki_* = editor\"]\n";
    served.write(&format!("{}{limits}", upstream("wiki", &wiki, "")));
    until(|| served.log().matches("the configuration was reloaded").count() >= 3).await;
    assert!(!calls(&base, &alice, "wiki_read").await, "a role is needed now");
    assert!(!calls(&base, &alice, "notes_read").await, "the upstream was removed");
    assert!(tools(&base, &alice).await.iter().all(|tool| !tool.starts_with("notes_")));
    served.write(&upstream("wiki", &wiki, ""));
    until(|| served.log().matches("the configuration was reloaded").count() >= 4).await;
    assert!(calls(&base, &alice, "wiki_read").await);
    let audit = served.command(&["--json", "audit", "--kind", "configuration.reloaded"]).await.1;
    assert!(audit.contains("upstreams.notes.url"), "{audit}");
    served.end().await;
}

#[tokio::test]
async fn without_a_server_a_file_is_only_checked() {
    let folder = std::env::temp_dir().join(format!("doorward-reload-none-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, data) = (folder.join("doorward.toml"), folder.join("data"));
    let run = async |text: &str, arguments: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let places = ["--config", path(&file), "--data-dir", path(&data)];
        let output = run_command(&[&places, arguments].concat(), &[], "").await;
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let (status, said) = run("", &["apply", "--dry-run"]).await;
    assert!(status == 0 && said.contains("No server is running on"), "{said}");
    assert_eq!(run("[policy]\ndefault = \"x\"\n", &["apply", "--dry-run"]).await.0, 1);
    let (status, said) = run("", &["reload"]).await;
    assert!(status == 1 && said.contains("No server is running on"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_waits_for_approval_is_named_as_such_and_only_to_users_who_may_use_it() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("read", true)];
    let text = format!(
        "{}[policy]\nrules = [\"deny upstream=other\"]\n",
        [
            upstream("wiki", &wiki, "approve = \"manual\""),
            upstream("other", &wiki, "approve = \"manual\""),
        ]
        .concat()
    );
    let served = Served::start("waiting", &text).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let call = async |name: &str| {
        let params = json!({"name": name, "arguments": {}});
        rpc(&served.process.url, &alice, "tools/call", params).await.expect(200).body
    };
    tools(&served.process.url, &alice).await;
    let said = call("wiki_read").await;
    assert!(said.contains("awaits the approval of an administrator"), "{said}");
    let said = call("wiki_none").await;
    assert!(said.contains("there is no tool"), "{said}");
    let said = call("other_read").await;
    assert!(!said.contains("approval"), "{said}");
    assert_eq!(served.command(&["upstream", "approve", "wiki", "read"]).await.0, 0);
    assert!(calls(&served.process.url, &alice, "wiki_read").await);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_changes_is_in_effect_when_it_ends_and_a_stopped_server_holds_up_none() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("read", true)];
    let served = Served::start("effect", "").await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    let add = ["upstream", "add", "wiki", "--kind", "http", "--url", &wiki.url];
    let set = ["--set", "http_on_loopback=true", "--set", "networks=127.0.0.0/8"];
    assert_eq!(served.command(&[&add[..], &set[..]].concat()).await.0, 0);
    let file = served.data.join("policy.toml");
    for _ in 0..5 {
        assert!(calls(&base, &alice, "wiki_read").await);
        for rules in ["\"deny upstream=wiki\"", ""] {
            std::fs::write(&file, format!("[policy]\nrules = [{rules}]\n")).unwrap();
            let saved = served.command(&["policy", "save", file.to_str().unwrap()]).await;
            assert_eq!(saved.0, 0, "{}", saved.1);
            assert_eq!(calls(&base, &alice, "wiki_read").await, rules.is_empty());
        }
        assert_eq!(served.command(&["upstream", "reject", "wiki", "read"]).await.0, 0);
        assert!(!calls(&base, &alice, "wiki_read").await);
        assert_eq!(served.command(&["upstream", "approve", "wiki", "read"]).await.0, 0);
    }
    assert_eq!(served.command(&["user", "disable", "alice"]).await.0, 0);
    let page = rpc(&base, &alice, "tools/list", json!({})).await;
    assert_eq!(page.status, 401, "{}", page.body);
    served.process.signal("STOP").await;
    let (status, said) = served.command(&["user", "enable", "alice"]).await;
    served.process.signal("CONT").await;
    assert!(status == 0 && said.contains("did not take up the change at once"), "{said}");
    served.end().await;
}

/// A connection to the socket of commands. While its queue is full, it waits.
async fn control(path: &Path) -> tokio::net::UnixStream {
    loop {
        match tokio::net::UnixStream::connect(path).await {
            Ok(stream) => return stream,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_commands_at_once_are_all_answered_and_calls_go_on() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let wiki = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("read", true)];
    let served = Served::start("commands", &upstream("wiki", &wiki, "")).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    let path = served.data.join("control.sock");
    // Some say nothing, and some go away in the middle of a word.
    let silent = control(&path).await;
    control(&path).await.write_all(b"\"sta").await.unwrap();
    let commands: Vec<_> = (0..1000)
        .map(|number| {
            let path = path.clone();
            tokio::spawn(async move {
                let mut stream = control(&path).await;
                let wish: &[u8] = if number % 100 == 0 { b"\"reload\"" } else { b"\"state\"" };
                stream.write_all(wish).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut told = Vec::new();
                stream.read_to_end(&mut told).await.unwrap();
                serde_json::from_slice::<Value>(&told).unwrap()
            })
        })
        .collect();
    for _ in 0..20 {
        assert!(calls(&base, &alice, "wiki_read").await);
    }
    for command in commands {
        let told = command.await.unwrap();
        assert_eq!(told["failed"], false, "{told}");
    }
    drop(silent);
    let (status, said) = served.command(&["reload"]).await;
    assert_eq!(status, 0, "{said}");
    served.end().await;
}
