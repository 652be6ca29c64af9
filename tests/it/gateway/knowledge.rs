//! Folders of documents as an upstream: each caller finds and reads what their roles allow.

use std::{fs, path::Path, time::Duration};

use doorward_gateway::UpstreamConfig;
use doorward_testkit::TestServer;
use serde_json::{Value, json};

use super::{GatewayUser, gateway_user, rpc_at, text, tools};

/// A folder with documents for all, and some for the role `hr` alone.
fn documents() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("guide.md", "# Guide\n\nRestart the server.\n\n## Keys\n\nRotate the keys often.\n");
    write("notes.txt", "The server answers requests.\n");
    write("hr/salaries.md", "---\nauthor: Ada\n---\n# Salaries\n\nPaid by the server.\n");
    write("hr/broken.pdf", "no pdf");
    write("broken.docx", "no docx");
    folder
}

fn config(folder: &Path) -> UpstreamConfig {
    UpstreamConfig {
        kind: "knowledge".to_owned(),
        folders: vec![format!("docs = {}", folder.display())],
        folder_roles: vec!["docs/hr = hr".to_owned()],
        scan_seconds: 1,
        ..UpstreamConfig::default()
    }
}

async fn server(folder: &Path) -> TestServer {
    let config = config(folder);
    TestServer::start_with(|all| {
        all.upstreams.insert("team".to_owned(), config);
    })
    .await
}

async fn structured(
    server: &TestServer,
    user: &GatewayUser,
    tool: &str,
    arguments: Value,
) -> Value {
    let page = server.call(&user.token, tool, arguments).await.expect(200);
    let result = page.json()["result"].clone();
    assert_ne!(result["isError"], true, "{result}");
    let told: Value = serde_json::from_str(&text(&page)).unwrap();
    assert_eq!(told, result["structuredContent"], "clients read one of the two");
    told
}

/// Waits until the index holds so many documents.
pub(crate) async fn indexed(server: &TestServer, documents: u64) {
    let upstream = server.app.gateway.named("team").await.unwrap();
    for _ in 0..600 {
        let status = server.app.gateway.index(&upstream).unwrap();
        if status.scanned_at > 0 && status.documents == documents {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", server.app.gateway.index(&upstream));
}

async fn with_role(server: &TestServer, name: &str, role: &str) -> GatewayUser {
    server.user_with(name, &[role]).await;
    super::signed_in(server, name, "mcp:destructive").await
}

#[tokio::test]
async fn ca4_ca30_two_users_of_one_process_see_different_documents_in_counts_and_citations() {
    let folder = documents();
    let server = server(folder.path()).await;
    let bob = gateway_user(&server, "bob").await;
    let ada = with_role(&server, "ada", "hr").await;
    indexed(&server, 3).await;
    let names = tools(&server, &bob.token).await;
    for tool in [
        "search",
        "fetch",
        "list_documents",
        "read_document",
        "list_chunks",
        "grep",
        "metadata",
        "stats",
        "health",
    ] {
        assert!(names.contains(&format!("team_{tool}")), "{tool}: {names:?}");
    }
    for (user, seen, broken) in [(&bob, 2, 1), (&ada, 3, 2)] {
        let found = structured(&server, user, "team_search", json!({"query": "servers"})).await;
        assert_eq!(found["total"], seen);
        let results = found["results"].as_array().unwrap();
        assert!(results.iter().all(|one| one["text"].as_str().unwrap().contains("**server**")));
        let has_hr = results.iter().any(|one| one["path"] == "docs/hr/salaries.md");
        assert_eq!(has_hr, seen == 3);
        let id = results[0]["id"].clone();
        let fetched = structured(&server, user, "team_fetch", json!({"id": id})).await;
        for member in ["id", "title", "text", "url", "metadata"] {
            assert!(!fetched[member].is_null(), "{member}");
        }
        let numbers = structured(&server, user, "team_stats", json!({})).await;
        assert_eq!((&numbers["documents"], &numbers["left_out"]), (&json!(seen), &json!(broken)));
        let health = structured(&server, user, "team_health", json!({})).await;
        assert_eq!(health["files"].as_array().unwrap().len(), broken);
        let listed = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {}});
        let page = rpc_at(&server, "/mcp", &user.token, &listed).await.expect(200);
        let resources = page.json()["result"]["resources"].as_array().unwrap().clone();
        let uris: Vec<_> = resources.iter().filter_map(|one| one["uri"].as_str()).collect();
        let hr = "team+document:///docs/hr/salaries.md";
        assert!(uris.contains(&"team+document:///docs/guide.md"), "{uris:?}");
        assert_eq!(uris.contains(&hr), seen == 3, "{uris:?}");
        let read =
            json!({"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": hr}});
        let page = rpc_at(&server, "/mcp", &user.token, &read).await.json();
        assert_eq!(page["result"]["contents"][0]["text"].is_string(), seen == 3, "{page}");
        assert_eq!(page["error"].is_object(), seen == 2, "{page}");
    }
}

#[tokio::test]
async fn ca5_ca10_errors_are_errors_and_a_malformed_metadata_query_is_read_as_words() {
    let folder = documents();
    let server = server(folder.path()).await;
    let bob = gateway_user(&server, "bob").await;
    indexed(&server, 3).await;
    for (tool, arguments) in [
        ("team_search", json!({"query": "x", "limit": 201})),
        ("team_search", json!({})),
        ("team_fetch", json!({"id": "docs/hr/salaries.md"})),
        ("team_grep", json!({"pattern": "("})),
    ] {
        let page = server.call(&bob.token, tool, arguments.clone()).await.expect(200).json();
        assert_eq!(page["result"]["isError"], true, "{tool} {arguments}: {page}");
        assert!(!page.to_string().contains("Paid"), "{page}");
    }
    let asked = json!({"query": "guide AND ("});
    let found = structured(&server, &bob, "team_metadata", asked).await;
    assert_eq!((&found["total"], &found["read_as_plain_words"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn a_role_that_is_taken_and_a_rule_that_is_added_count_at_once() {
    let folder = documents();
    let server = server(folder.path()).await;
    let ada = with_role(&server, "ada", "hr").await;
    indexed(&server, 3).await;
    let total = async |server: &TestServer| {
        let asked = json!({"query": "server"});
        structured(server, &ada, "team_search", asked).await["total"].clone()
    };
    assert_eq!(total(&server).await, 3);
    let mut changed = config(folder.path());
    changed.folder_roles.push("docs/notes.txt = lead".to_owned());
    let all = [("team".to_owned(), changed)].into_iter().collect();
    server.app.gateway.configure(server.app.gateway.prepare(&all).unwrap());
    assert_eq!(total(&server).await, 2);
}
