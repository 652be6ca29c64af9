//! Passages that are found by their meaning, with a model at another place.

use std::{fs, path::Path, time::Duration};

use doorward_testkit::{FakeEmbedder, ModelHabit};
use serde_json::{Value, json};

use super::indexes::{called, until};
use crate::reload::Served;

fn table(model: &FakeEmbedder, folder: &Path, key: &Path) -> String {
    format!(
        "[upstreams.team]\nkind = \"knowledge\"\nfolders = [\"docs = {}\"]\nscan_seconds = 1\n\
         folder_roles = [\"docs/hr = hr\"]\nembedding_url = \"{}\"\nembedding_model = \"words\"\n\
         embedding_key_file = {:?}\nnetworks = [\"127.0.0.0/8\"]\n",
        folder.display(),
        model.url,
        key.display().to_string()
    )
}

async fn search(served: &Served, token: &str, arguments: Value) -> Value {
    called(served, token, "team_search", arguments).await
}

/// Waits until the collection has vectors for all passages.
async fn complete(served: &Served, token: &str) {
    for _ in 0..1200 {
        let health = called(served, token, "team_health", json!({})).await;
        if health["vectors"] == "complete" && health["is_complete"] == true {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the vectors are not complete");
}

fn paths(found: &Value) -> Vec<&str> {
    let results = found["results"].as_array().unwrap();
    results.iter().map(|one| one["path"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca4_passages_are_found_by_meaning_within_roles_and_a_failing_model_costs_only_that() {
    let model = FakeEmbedder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("hr")).unwrap();
    write("garage.md", "The car stands in the garage.\n");
    write("train.md", "A train leaves at noon from platform nine.\n");
    write("hr/cars.md", "Every car of the directors.\n");
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "model-key\n").unwrap();
    let mut served = Served::start("vectors", &table(&model, folder.path(), key.path())).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    complete(&served, &alice).await;
    assert_eq!(model.state().authorization, "Bearer model-key");
    assert_eq!(model.state().texts, 3);
    // No document has the word, and one that means the same is not for this user.
    let found = search(&served, &alice, json!({"query": "automobile"})).await;
    assert_eq!((paths(&found), &found["total"]), (vec!["docs/garage.md"], &json!(1)), "{found}");
    assert_eq!((&found["by_meaning"], &found["inexact"]), (&json!(true), &json!(false)));
    for (query, total) in [
        (json!({"query": "automobile -garage"}), 0),
        (json!({"query": "\"automobile garage\""}), 0),
        (json!({"query": "automobile", "folder": "docs/train.md"}), 0),
        (json!({"query": "train", "limit": 1}), 1),
    ] {
        let found = search(&served, &alice, query.clone()).await;
        assert_eq!(found["total"], total, "{query}: {found}");
    }
    // Only new passages are sent to the model, also after a restart.
    let before = model.state().texts;
    write("plane.md", "The vehicle with wings.\n");
    served.restart().await;
    until("the new passage has no vector", || model.state().texts == before + 1).await;
    complete(&served, &alice).await;
    let found = search(&served, &alice, json!({"query": "automobile"})).await;
    assert_eq!(found["total"], 2, "{found}");
    assert_eq!(model.state().texts, before + 2, "one passage and one query");
    // A model that fails costs the meaning of new queries alone.
    for habit in [
        ModelHabit::Fails,
        ModelHabit::Fewer,
        ModelHabit::NotNumbers,
        ModelHabit::Nested,
        ModelHabit::Slow,
    ] {
        model.state().habit = habit;
        let asked = json!({"query": format!("car {habit:?}")});
        let found = search(&served, &alice, asked).await;
        let wanted = (vec!["docs/garage.md"], &json!(false));
        assert_eq!((paths(&found), &found["by_meaning"]), wanted, "{habit:?}: {found}");
        // After a failure the model is not asked for a while; another process begins again.
        if habit != ModelHabit::Slow {
            served.restart().await;
            complete(&served, &alice).await;
        }
    }
    served.end().await;
}
