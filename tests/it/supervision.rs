//! A long-lived task that panics ends the process with an error, whichever it is, and until then the
//! server says that it is not ready.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use doorward_testkit::{Browser, DoorwardProcess, TestServer};

/// The task that follows the files of the certificate.
const CERTIFICATE: &str = "certificate";

/// The task that reads chats, which runs only where the configuration has a connector.
const CONNECTORS: &str = "connectors";
/// Settings of a connector to a chat server that does not respond.
const CHAT: [(&str, &str); 4] = [
    ("DOORWARD_CONNECTORS__CHAT__KIND", "mattermost"),
    ("DOORWARD_CONNECTORS__CHAT__URL", "https://127.0.0.1:1"),
    ("DOORWARD_CONNECTORS__CHAT__BOT_TOKEN", "a-token-of-a-bot"),
    ("DOORWARD_CONNECTORS__CHAT__COMMAND_TOKEN", "a-token-of-a-slash-command"),
];

/// The names of the tasks that are started in these folders, read off the sources.
fn started() -> BTreeSet<String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut files = Vec::new();
    for folder in ["crates/doorward/src", "crates/doorward-store/src"] {
        crate::architecture::sources(&root.join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("\nmod tests").next().unwrap();
        for owner in ["supervisor", "tasks"] {
            let dense = code.replace("(\n", "(").replace("( ", "(");
            for rest in dense.split(&format!("{owner}.start(")).skip(1) {
                let name = rest.trim_start().strip_prefix('"').expect("a task without a name");
                names.insert(name.split('"').next().unwrap().to_owned());
            }
        }
    }
    names
}

/// Starts a server in which a test may make tasks panic, makes one panic, and returns its exit
/// status and its log.
async fn fail(task: &str, number: usize) -> (Option<i32>, String) {
    let data = std::env::temp_dir().join(format!("doorward-fails-{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).unwrap();
    let (asked, log) = (data.join("asked"), data.join("log"));
    let database = doorward_testkit::fresh_database().await;
    let mut variables = vec![
        ("DOORWARD_STORE__URL", database.as_str()),
        ("DOORWARD_METRICS__LISTEN", "127.0.0.1:0"),
        ("TEST_FAULT_FILE", asked.to_str().unwrap()),
    ];
    if task == CONNECTORS {
        variables.extend(CHAT);
    }
    let file = fs::File::create(&log).unwrap();
    // One of the tasks runs only where the server serves https.
    let (mut server, browser) = if task == CERTIFICATE {
        let tls = ["--tls", "self-signed"];
        let (listen, variables) = ("localhost:0", &variables);
        let server =
            DoorwardProcess::start_with_tls_and_log(&data, listen, &tls, variables, file).await;
        (server, Browser::trusting(&data.join("tls/certificate.pem")))
    } else {
        let server = DoorwardProcess::start_with_log(&data, "127.0.0.1:0", &variables, file).await;
        (server, Browser::new())
    };
    browser.get(&format!("{}/readyz", server.url)).await.expect(200);
    fs::write(&asked, task).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), server.wait()).await;
    let told = fs::read_to_string(&log).unwrap();
    fs::remove_dir_all(data).unwrap();
    (ended.unwrap_or_else(|_| panic!("the process goes on without {task}: {told}")), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panic_of_any_long_lived_task_ends_the_process_with_an_error() {
    let mut tasks = started();
    for known in ["writer", "audit trail", "housekeeping", "metrics", "listener", CERTIFICATE] {
        assert!(tasks.contains(known), "{known} is not among {tasks:?}");
    }
    let sqlite = doorward_testkit::fresh_database().await.is_empty();
    // Only PostgreSQL notifies other replicas of changes; on SQLite, the file is watched for other
    // processes.
    tasks.remove(if sqlite { "listener" } else { "database watch" });
    let all = tasks.iter().enumerate().map(|(number, task)| async move {
        let (status, told) = fail(task, number).await;
        assert!(status.is_some_and(|status| status != 0), "{task}: {status:?}");
        assert!(told.contains(&format!("the task {task} ended unexpectedly")), "{task}: {told}");
    });
    // One after the other: each is a whole server.
    for one in all {
        one.await;
    }
}

#[tokio::test]
async fn a_server_without_one_of_the_tasks_of_its_store_is_not_ready() {
    for task in ["writer", "audit trail"] {
        let server = TestServer::start().await;
        let ready = async || Browser::new().get(&server.at("/readyz")).await.status;
        assert_eq!(ready().await, 200);
        server.app.store.fail_task(task);
        server.app.store.task_ended().await;
        assert_eq!(ready().await, 503, "{task}");
        Browser::new().get(&server.at("/healthz")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_learns_when_the_server_serves_and_when_it_stops() {
    let folder = std::env::temp_dir().join(format!("doorward-ready-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (data, path) = (folder.join("data"), folder.join("manager"));
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let told = || {
        let mut words = [0; 64];
        let count = manager.recv(&mut words).unwrap();
        String::from_utf8(words[..count].to_vec()).unwrap()
    };
    let database = doorward_testkit::fresh_database().await;
    let variables =
        [("DOORWARD_STORE__URL", database.as_str()), ("NOTIFY_SOCKET", path.to_str().unwrap())];
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    assert_eq!(told(), "READY=1");
    // Commands that follow find the key of the server, and the note of how it was started.
    for name in ["master.key", "server.json"] {
        assert!(data.join(name).exists(), "{name}");
    }
    assert_eq!(server.terminate().await, Some(0));
    assert_eq!(told(), "STOPPING=1");
    fs::remove_dir_all(folder).unwrap();
}
