//! Collections that are filled with the resources of other upstreams.

use std::{fs, path::Path, time::Duration};

use doorward_testkit::FakeUpstream;
use serde_json::{Value, json};

use super::indexes::{called, status, until};
use crate::reload::Served;

fn tables(wiki: &FakeUpstream, token: &Path) -> String {
    format!(
        "[upstreams.team]\nkind = \"knowledge\"\nsources = [\"wiki\"]\nsource_token_file = {:?}\n\
         source_seconds = 1\nscan_seconds = 1\nfile_bytes = 100\nfolder_roles = [\"wiki/hr = hr\"]\n\
         [upstreams.wiki]\nkind = \"http\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\n\
         http_on_loopback = true\nroles = [\"service\"]\nlist_seconds = 1\n",
        token.display().to_string(),
        wiki.url
    )
}

fn resource(uri: &str, kind: &str, changed: Option<&str>) -> Value {
    let name = uri.rsplit('/').next().unwrap();
    let mut resource = json!({"uri": uri, "name": name, "mimeType": kind});
    if let Some(changed) = changed {
        resource["annotations"] = json!({ "lastModified": changed });
    }
    resource
}

/// Gives an upstream four resources, of which two are too long.
fn filled(wiki: &FakeUpstream) {
    let mut state = wiki.state();
    state.offers_all = true;
    let day = Some("2026-01-01T00:00:00Z");
    state.resources = vec![
        resource("wiki://pages/Home", "text/markdown", day),
        resource("wiki://hr/Pay", "text/plain", None),
        resource("wiki://pages/long", "text/markdown", day),
        resource("wiki://hr/merger", "text/markdown", day),
    ];
    state.contents.insert("wiki://pages/Home".into(), json!({"text": "Turn the wheel."}));
    state.contents.insert("wiki://hr/Pay".into(), json!({"text": "The wheel of pay."}));
    for uri in ["wiki://pages/long", "wiki://hr/merger"] {
        state.contents.insert(uri.into(), json!({"text": "x".repeat(200)}));
    }
}

/// The results of a search for a word.
async fn found(served: &Served, token: &str, word: &str) -> Value {
    called(served, token, "team_search", json!({ "query": word })).await
}

/// Waits until a search has so many results.
async fn finds(served: &Served, token: &str, word: &str, results: u64) -> Value {
    for _ in 0..1200 {
        let found = found(served, token, word).await;
        if found["total"] == results {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{word} is not found {results} times: {}", status(served, "team"));
}

/// True if the state names a file or resource with this reason.
fn names(served: &Served, path: &str, code: &str) -> bool {
    let status = status(served, "team");
    let named = status["named"].as_array().cloned().unwrap_or_default();
    let is_it = |one: &str| one == path || (path.ends_with('-') && one.starts_with(path));
    named.iter().any(|one| is_it(one["path"].as_str().unwrap()) && one["code"] == code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca4_resources_of_an_upstream_are_copied_with_the_operators_token_alone() {
    let wiki = FakeUpstream::start().await;
    filled(&wiki);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let served = Served::start("sources", &tables(&wiki, &file)).await;
    until("the missing token is not named", || names(&served, "wiki", "source")).await;
    let create = ["token", "create", "handbook", "--service", "reader", "--upstream", "wiki"];
    let (_, told) = served.command(&[&["--json"], &create[..]].concat()).await;
    let made: Value = serde_json::from_str(&told).unwrap();
    fs::write(&file, format!("{}\n", made["value"].as_str().unwrap())).unwrap();
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    // The user who asks may not use the upstream, and finds what the rules of the collection allow.
    let result = finds(&served, &alice, "wheel", 1).await;
    let first = &result["results"][0];
    assert_eq!(first["title"], "Home", "{first}");
    let path = first["path"].as_str().unwrap();
    assert!(path.starts_with("wiki/pages/Home-"), "{path}");
    let metadata = json!({"query": "uri:\"wiki://pages/Home\""});
    let about = called(&served, &alice, "team_metadata", metadata).await;
    assert_eq!((&about["total"], &about["read_as_plain_words"]), (&json!(1), &json!(false)));
    for long in ["wiki/pages/long-", "wiki/hr/merger-"] {
        until("the long one is not named", || names(&served, long, "resource")).await;
    }
    // The rules of the collection hold for the names of what could not be copied too.
    let health = called(&served, &alice, "team_health", json!({})).await.to_string();
    assert!(health.contains("wiki/pages/long-") && !health.contains("merger"), "{health}");
    assert!(!names(&served, "wiki", "source"));
    // One that states its last change is read again only after it; the other one each time.
    let reads = |uri: &str| {
        let operations = wiki.state().operations.clone();
        operations.iter().filter(|one| **one == format!("resources/read {uri}")).count()
    };
    let before = reads("wiki://hr/Pay");
    until("the other one is not compared", || reads("wiki://hr/Pay") > before + 1).await;
    assert_eq!(reads("wiki://pages/Home"), 1);
    {
        let mut state = wiki.state();
        state.resources[0] = resource("wiki://pages/Home", "text/markdown", Some("2026-02-01"));
        state.contents.insert("wiki://pages/Home".into(), json!({"text": "Pull the lever."}));
    }
    let result = finds(&served, &alice, "lever", 1).await;
    assert_eq!(result["results"][0]["path"], path, "the citation stays");
    assert_eq!(found(&served, &alice, "wheel").await["total"], 0);
    let (_, read) = served.command(&["--json", "audit", "--kind", "resource.read"]).await;
    assert!(read.contains(made["id"].as_str().unwrap()), "{read}");
    // A token that was revoked reads nothing any more. What was copied stays, and it is named.
    let (status, told) = served.command(&["token", "revoke", made["id"].as_str().unwrap()]).await;
    assert_eq!(status, 0, "{told}");
    until("the revoked token is not named", || names(&served, "wiki", "source")).await;
    let before = reads("wiki://hr/Pay");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(reads("wiki://hr/Pay"), before);
    assert_eq!(found(&served, &alice, "lever").await["total"], 1);
    // Another token, and a resource that is no longer listed.
    let (_, told) = served.command(&[&["--json"], &create[..]].concat()).await;
    let made: Value = serde_json::from_str(&told).unwrap();
    fs::write(&file, made["value"].as_str().unwrap()).unwrap();
    wiki.state().resources.remove(0);
    finds(&served, &alice, "lever", 0).await;
    served.end().await;
}
