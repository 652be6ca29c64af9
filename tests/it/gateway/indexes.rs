//! Indexes of documents: their state for operators, their end with their collection, and the death of
//! the process while they are built.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use doorward_testkit::Browser;
use serde_json::{Value, json};

use crate::reload::Served;

/// A collection in the configuration file.
fn table(name: &str, folder: &Path) -> String {
    format!(
        "[upstreams.{name}]\nkind = \"knowledge\"\nfolders = [\"docs = {}\"]\nscan_seconds = 1\n",
        folder.display()
    )
}

/// A folder with two documents and one that is broken.
fn documents() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("hr")).unwrap();
    fs::write(folder.path().join("guide.md"), "# Guide\n\nRestart the server.\n").unwrap();
    fs::write(folder.path().join("notes.txt"), "Notes about the server.\n").unwrap();
    fs::write(folder.path().join("hr/broken.pdf"), "no pdf").unwrap();
    folder
}

fn dir(served: &Served, name: &str) -> PathBuf {
    served.data.join("knowledge").join(name)
}

/// The state that the server left beside an index.
pub(super) fn status(served: &Served, name: &str) -> Value {
    let text = fs::read(dir(served, name).join("status.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

pub(super) async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..6000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

/// Waits until the index holds so many documents and is up to date.
async fn indexed(served: &Served, name: &str, documents: u64) {
    until("the index is not built", || {
        let status = status(served, name);
        status["phase"] == "ready" && status["documents"] == documents
    })
    .await;
}

async fn of_api(served: &Served, token: &str, method: reqwest::Method, name: &str) -> Value {
    let url = format!("{}/api/admin/upstreams/{name}", served.process.url);
    let browser = Browser::new();
    browser.send(browser.raw(method, &url).bearer_auth(token)).await.expect(200).json()
}

async fn doctor(served: &Served) -> Value {
    let (_, told) = served.command(&["--json", "doctor"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let all = told["findings"].as_array().unwrap();
    all.iter().find(|one| one["what"] == "index of team").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_an_index_is_on_its_page_in_the_api_in_the_command_and_in_doctor() {
    let folder = documents();
    let other = "[upstreams.wiki]\nkind = \"http\"\nurl = \"https://wiki.example/mcp\"\n\
                 enabled = false\n";
    let served = Served::start("index", &(table("team", folder.path()) + other)).await;
    let (browser, token) = served.administrator().await;
    indexed(&served, "team", 2).await;
    let shown = of_api(&served, &token, reqwest::Method::GET, "team").await;
    let index = &shown["index"];
    for (member, value) in [
        ("state", json!("ready")),
        ("documents", json!(2)),
        ("chunks", json!(2)),
        ("percent", json!(100)),
        ("files_read", json!(3)),
        ("files_changed", json!(3)),
        ("left_out_count", json!(1)),
        ("problem", Value::Null),
    ] {
        assert_eq!(index[member], value, "{member} of {index}");
    }
    assert!(index["last_run"].as_i64().unwrap() > 1_700_000_000);
    let left_out = &index["left_out"][0];
    assert_eq!(
        (&left_out["path"], &left_out["code"]),
        (&json!("docs/hr/broken.pdf"), &json!("broken"))
    );
    let (status, by_command) = served.command(&["upstream", "show", "team"]).await;
    let by_command: Value = serde_json::from_str(&by_command).unwrap();
    assert_eq!((status, &by_command["index"]["left_out"]), (0, &index["left_out"]));
    let page = format!("{}/admin/upstreams/team?part=index", served.process.url);
    let body = browser.get(&page).await.expect(200).body;
    for told in ["up to date", "docs/hr/broken.pdf", "the file is damaged", "Last complete run"] {
        assert!(body.contains(told), "{told}: {body}");
    }
    let found = doctor(&served).await;
    assert_eq!(found["ok"], true, "a broken file is a remark: {found}");
    let told = found["finding"].as_str().unwrap();
    assert!(told.starts_with("ready; 2 documents with 2 chunks; 1 files left out: "), "{told}");
    assert!(told.contains("docs/hr/broken.pdf (the file is damaged"), "{told}");
    // One without an index.
    let shown = of_api(&served, &token, reqwest::Method::GET, "wiki").await;
    assert_eq!(shown["index"], Value::Null);
    let page = format!("{}/admin/upstreams/wiki?part=index", served.process.url);
    let body = browser.get(&page).await.expect(200).body;
    assert!(!body.contains("Last complete run") && !body.contains("part=index"), "{body}");
    // A folder that cannot be read is a problem.
    let away = folder.path().with_extension("away");
    fs::rename(folder.path(), &away).unwrap();
    until("the folder is missed", || status_names(&served, "docs")).await;
    let found = doctor(&served).await;
    assert_eq!(found["ok"], false, "{found}");
    assert!(
        found["finding"].as_str().unwrap().contains("docs (the folder cannot be read"),
        "{found}"
    );
    fs::rename(&away, folder.path()).unwrap();
    served.end().await;
}

fn status_names(served: &Served, path: &str) -> bool {
    status(served, "team")["named"]
        .as_array()
        .is_some_and(|named| named.iter().any(|file| file["path"] == path))
}

/// Waits until nothing is left of an index.
async fn removed(served: &Served, name: &str) {
    let begins = format!(".{name}.");
    until(&format!("the index of {name} is not removed"), || {
        let all = fs::read_dir(served.data.join("knowledge")).unwrap();
        let mut names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        !names.any(|one| one == name || one.starts_with(&begins))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_of_a_deleted_collection_is_removed_by_file_api_and_command() {
    let folder = documents();
    let both = table("team", folder.path()) + &table("other", folder.path());
    let mut served = Served::start("unindex", &both).await;
    let (_, token) = served.administrator().await;
    indexed(&served, "team", 2).await;
    indexed(&served, "other", 2).await;
    let add = async |served: &Served, name: &str| {
        let folders = format!("folders=docs = {}", folder.path().display());
        let add = ["upstream", "add", name, "--kind", "knowledge", "--set", &folders];
        let (status, told) = served.command(&add).await;
        assert_eq!(status, 0, "{told}");
        indexed(served, name, 2).await;
    };
    // The file.
    served.write(&table("other", folder.path()));
    assert_eq!(served.command(&["reload"]).await.0, 0);
    removed(&served, "team").await;
    // The API, and the same name again with other documents.
    add(&served, "notes").await;
    let deleted = of_api(&served, &token, reqwest::Method::DELETE, "notes").await;
    assert_eq!(deleted["deleted"], "notes");
    removed(&served, "notes").await;
    fs::write(folder.path().join("guide.md"), "# Guide\n\nRestart the database.\n").unwrap();
    add(&served, "notes").await;
    // The command, beside the server and without it.
    assert_eq!(served.command(&["upstream", "delete", "notes"]).await.0, 0);
    removed(&served, "notes").await;
    add(&served, "notes").await;
    assert_eq!(served.process.terminate().await, Some(0));
    assert_eq!(served.command(&["upstream", "delete", "notes"]).await.0, 0);
    assert!(!dir(&served, "notes").exists());
    // The file while the server is stopped, and what an interrupted removal left.
    assert!(dir(&served, "other").join("index-4").is_dir());
    fs::create_dir(dir(&served, ".old.0.removed")).unwrap();
    served.write("[server]\n");
    served.started().await;
    removed(&served, "other").await;
    removed(&served, "old").await;
    served.end().await;
}

/// The number of documents of the collection that is built while the process dies.
const DOCUMENTS: u64 = 6000;

pub(super) async fn called(served: &Served, token: &str, tool: &str, arguments: Value) -> Value {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}});
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &format!("{}/mcp?surface=direct", served.process.url))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&call);
    browser.send(request).await.expect(200).json()["result"]["structuredContent"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_while_documents_are_indexed_loses_nothing_and_the_next_process_resumes() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..DOCUMENTS {
        let text = format!("word{number}x {}", "some text of a document ".repeat(80));
        fs::write(folder.path().join(format!("{number}.md")), text).unwrap();
    }
    let mut served = Served::start("killed", &table("team", folder.path())).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        // A part of the documents is in the index, and the others are being read.
        until("no part of the index was written in time", || {
            let status = status(&served, "team");
            status["documents"].as_u64() > held.last().copied()
                && status["documents"].as_u64() > Some(0)
        })
        .await;
        let now = status(&served, "team");
        assert_eq!(now["phase"], "indexing", "the index is built too fast to prove anything");
        held.push(now["documents"].as_u64().unwrap());
        served.kill().await;
        served.started().await;
    }
    indexed(&served, "team", DOCUMENTS).await;
    let last = status(&served, "team");
    let read = last["total"].as_u64().unwrap();
    let before = *held.last().unwrap();
    assert!(read > 0 && read <= DOCUMENTS - before, "{read} read again, {before} held: {last}");
    assert_eq!((&last["chunks"], &last["left_out"]), (&json!(DOCUMENTS), &json!(0)), "{last}");
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    for number in (0..DOCUMENTS).step_by(500) {
        let query = json!({"query": format!("word{number}x")});
        let found = called(&served, &alice, "team_search", query).await;
        assert_eq!(found["total"], 1, "{number}: {found}");
        assert_eq!(found["results"][0]["path"], format!("docs/{number}.md"));
    }
    served.end().await;
}
