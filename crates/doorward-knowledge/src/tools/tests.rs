use std::{fs, path::Path, sync::Arc};

use doorward_model::{Clock, IndexStatus, ports::SystemClock};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{Settings, WrittenSettings};

mod links;
mod parts;

struct Kit {
    folder: TempDir,
    data: TempDir,
    settings: Settings,
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

impl Kit {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::parse(&WrittenSettings {
            folders: vec![format!("docs = {}", folder.path().display())],
            folder_roles: vec!["docs/hr = hr".to_owned(), "docs/hr/open = staff, hr".to_owned()],
            ..WrittenSettings::default()
        })
        .unwrap();
        Self { folder, data: tempfile::tempdir().unwrap(), settings }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn filled() -> Self {
        let kit = Self::new();
        kit.write(
            "guide.md",
            "# Guide\n\nRestart the server.\n\n## Keys\n\nRotate the keys often.\n",
        );
        kit.write("notes/api.txt", "The server answers requests for keys.\n");
        kit.write(
            "hr/salaries.md",
            "---\nauthor: Ada\n---\n# Salaries\n\nKeys of the server room.\n",
        );
        kit.write("hr/open/holidays.md", "# Holidays\n\nThe server is off.\n");
        kit.write("hr/broken.pdf", "no pdf");
        kit.write("broken.docx", "no docx");
        kit
    }

    fn collection(&self) -> Collection {
        Collection::reader("docs", self.settings.clone(), self.data.path(), clock())
    }

    fn built(&self) -> (Collection, IndexStatus) {
        let collection = self.collection();
        let status = collection.build(false, &mut |_| {}).unwrap().unwrap();
        (collection, status)
    }

    fn sight(&self, roles: &[&str]) -> Sight {
        Sight::decided(&self.settings, |rule| {
            rule.roles.iter().any(|role| roles.contains(&role.as_str()))
        })
    }
}

fn ask(collection: &Collection, sight: &Sight, tool: &str, arguments: &Value) -> Value {
    let Value::Object(arguments) = arguments.clone() else { panic!("{arguments}") };
    collection.call(tool, arguments, sight, &Links::default()).unwrap()
}

fn refused(collection: &Collection, sight: &Sight, tool: &str, arguments: &Value) -> Refusal {
    let Value::Object(arguments) = arguments.clone() else { panic!("{arguments}") };
    collection.call(tool, arguments, sight, &Links::default()).unwrap_err()
}

fn paths(found: &Value, list: &str) -> Vec<String> {
    let mut all: Vec<String> = found[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn ca4_two_callers_see_different_documents_in_results_counts_and_highlights() {
    let kit = Kit::filled();
    let (collection, status) = kit.built();
    assert_eq!((status.documents, status.left_out), (4, 2));
    let guide = "docs/guide.md";
    for (roles, seen, broken) in [
        (&[][..], vec![guide, "docs/notes/api.txt"], vec!["docs/broken.docx"]),
        (
            &["staff"],
            vec![guide, "docs/hr/open/holidays.md", "docs/notes/api.txt"],
            vec!["docs/broken.docx"],
        ),
        (
            &["hr"],
            vec![guide, "docs/hr/open/holidays.md", "docs/hr/salaries.md", "docs/notes/api.txt"],
            vec!["docs/broken.docx", "docs/hr/broken.pdf"],
        ),
    ] {
        let sight = kit.sight(roles);
        let ask = |tool, arguments| ask(&collection, &sight, tool, &arguments);
        let found = ask("search", json!({"query": "servers"}));
        assert_eq!(paths(&found, "results"), seen, "{roles:?}");
        assert_eq!(found["total"], seen.len());
        assert!(found["results"][0]["text"].as_str().unwrap().contains("**server**"));
        let listed = ask("list_documents", json!({"limit": 1}));
        assert_eq!((&listed["total"], &listed["next_offset"]), (&json!(seen.len()), &json!(1)));
        let counts = ask("stats", json!({}));
        assert_eq!(counts["documents"], seen.len(), "{roles:?}");
        assert_eq!(counts["folders"]["docs"], seen.len());
        assert_eq!(counts["left_out"], broken.len());
        let health = ask("health", json!({}));
        assert_eq!(paths(&health, "files"), broken, "{roles:?}");
        assert_eq!(health["left_out"], broken.len());
        let is_hr = roles.contains(&"hr");
        let grep = ask("grep", json!({"pattern": "server room"}));
        assert_eq!(grep["matches"].as_array().unwrap().len(), usize::from(is_hr));
        let by_author = ask("metadata", json!({"query": "author:ada"}));
        assert_eq!(by_author["total"], usize::from(is_hr));
        assert_eq!(collection.listing(&sight, 100).unwrap().len(), seen.len());
        for named in ["docs/hr/salaries.md", "docs/none.md"] {
            let arguments = json!({"id": named});
            if is_hr && named.contains("hr") {
                assert!(ask("fetch", arguments)["text"].as_str().unwrap().contains("room"));
                continue;
            }
            let uri = crate::uri::of(named);
            assert!(matches!(collection.contents(&sight, &uri), Err(Refusal::Unknown(_))));
            for tool in ["fetch", "read_document", "list_chunks"] {
                let error = refused(&collection, &sight, tool, &arguments);
                assert_eq!(
                    error.to_string(),
                    format!("there is no document {named:?}; search and list_documents name them")
                );
            }
        }
    }
}

#[test]
fn ca4_a_citation_leads_to_its_document_and_stays_the_same_in_a_new_index() {
    let kit = Kit::filled();
    let (collection, _) = kit.built();
    let sight = kit.sight(&[]);
    let found = ask(&collection, &sight, "search", &json!({"query": "\"rotate the keys\""}));
    let hit = &found["results"][0];
    assert_eq!(found["total"], 1);
    assert_eq!((&hit["heading"], &hit["line"]), (&json!("Guide › Keys"), &json!(5)));
    let fetched = ask(&collection, &sight, "fetch", &json!({"id": hit["id"]}));
    assert_eq!(fetched["id"], hit["id"]);
    assert!(fetched["text"].as_str().unwrap().starts_with("# Guide"));
    assert_eq!(fetched["metadata"]["cited_line"], 5);
    assert_eq!(fetched["url"], "document:///docs/guide.md");
    drop(collection);
    fs::remove_dir_all(kit.data.path().join("index-4")).unwrap();
    let (collection, _) = kit.built();
    let again = ask(&collection, &sight, "search", &json!({"query": "\"rotate the keys\""}));
    assert_eq!(again["results"][0]["id"], hit["id"]);
}

#[test]
fn a_citation_in_a_git_working_copy_names_the_commit_at_which_the_document_was_read() {
    let mut kit = Kit::new();
    kit.settings.document_url = "https://git.example/blob/{commit}/{path}".to_owned();
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    let sight = kit.sight(&[]);
    let find = |kit: &Kit, word: &str| {
        let (collection, _) = kit.built();
        let found = ask(&collection, &sight, "search", &json!({"query": word}));
        let hit = found["results"][0].clone();
        let fetched = ask(&collection, &sight, "fetch", &json!({"id": hit["id"]}));
        assert_eq!(fetched["metadata"]["commit"], hit["commit"]);
        assert_eq!(fetched["url"], hit["url"]);
        (hit["commit"].clone(), hit["url"].as_str().unwrap().to_owned())
    };
    kit.write("plain.md", "plain");
    assert_eq!(find(&kit, "plain"), (json!(null), "document:///docs/plain.md".to_owned()));
    kit.write(".git/HEAD", "ref: refs/heads/main");
    kit.write(".git/refs/heads/main", &one);
    kit.write("first.md", "first");
    let url = |commit: &str, name: &str| format!("https://git.example/blob/{commit}/docs/{name}");
    assert_eq!(find(&kit, "first"), (json!(one), url(&one, "first.md")));
    kit.write(".git/refs/heads/main", &two);
    kit.write("second.md", "second");
    assert_eq!(find(&kit, "second"), (json!(two), url(&two, "second.md")));
    assert_eq!(find(&kit, "first"), (json!(one), url(&one, "first.md")));
    let again = fs::File::options().append(true).open(kit.folder.path().join("first.md")).unwrap();
    again.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(find(&kit, "first").0, json!(one), "the same content with another date");
}

#[test]
fn ca4_words_phrases_exclusions_and_misspelt_words_are_found_and_pages_are_limited() {
    let kit = Kit::filled();
    let (collection, _) = kit.built();
    let sight = kit.sight(&[]);
    let total = |query: &str| {
        let found = ask(&collection, &sight, "search", &json!({"query": query}));
        (found["total"].as_u64().unwrap(), found["inexact"].as_bool().unwrap())
    };
    assert_eq!(total("restarting servers"), (2, false));
    assert_eq!(total("server -restart"), (1, false));
    assert_eq!(total("\"often keys\""), (0, false));
    assert_eq!(total("rotaet"), (1, true));
    assert_eq!(total("of:c hr salaries"), (0, false));
    let filtered = |more: Value| {
        let mut arguments = json!({"query": "server"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&collection, &sight, "search", &arguments)["total"].clone()
    };
    assert_eq!(filtered(json!({"folder": "docs/notes"})), 1);
    assert_eq!(filtered(json!({"folder": "docs/hr"})), 0);
    assert_eq!(filtered(json!({"format": "text"})), 1);
    assert_eq!(filtered(json!({"modified_after": "2020-01-01"})), 2);
    assert_eq!(filtered(json!({"modified_before": "2020-01-01"})), 0);
    for (tool, arguments) in [
        ("search", json!({"query": "x", "limit": 201})),
        ("search", json!({"query": "x", "limit": 0})),
        ("search", json!({"query": "x", "offset": 10_001})),
        ("search", json!({"query": ""})),
        ("search", json!({})),
        ("search", json!({"query": "x", "format": "exe"})),
        ("search", json!({"query": "x", "modified_after": "yesterday"})),
        ("search", json!({"query": "x", "other": 1})),
        ("grep", json!({"pattern": "("})),
        ("grep", json!({"pattern": "x".repeat(5000)})),
        ("read_document", json!({"id": "docs/guide.md", "from_line": 0})),
        ("health", json!({"x": 1})),
        ("none", json!({})),
    ] {
        let error = refused(&collection, &sight, tool, &arguments);
        assert!(matches!(error, Refusal::Arguments(_)), "{tool} {arguments}: {error:?}");
    }
}

#[test]
fn a_phrase_that_is_excluded_is_looked_for_from_any_document() {
    const WORDS: [&str; 3] = ["apple", "boat", "lamp"];
    let kit = Kit::new();
    let mut texts = Vec::new();
    for first in WORDS {
        for second in WORDS {
            for third in WORDS {
                let path = format!("docs/{:02}.txt", texts.len());
                let text = format!("{first} {second} {third}");
                kit.write(path.trim_start_matches("docs/"), &text);
                texts.push((path, text));
            }
        }
    }
    let (collection, _) = kit.built();
    let sight = kit.sight(&[]);
    let found = |query: &str| {
        let found = ask(&collection, &sight, "search", &json!({"query": query, "limit": 200}));
        paths(&found, "results")
    };
    let pairs = WORDS.iter().flat_map(|one| WORDS.map(|other| format!("{one} {other}")));
    for phrase in pairs {
        for word in WORDS {
            let wanted: Vec<String> = texts
                .iter()
                .filter(|(_, text)| text.contains(word) && !text.contains(&phrase))
                .map(|(path, _)| path.clone())
                .collect();
            assert_eq!(found(&format!("{word} -\"{phrase}\"")), wanted, "{word} without {phrase}");
        }
        let wanted: Vec<String> = texts
            .iter()
            .filter(|(_, text)| text.contains("boat lamp") && !text.contains(&phrase))
            .map(|(path, _)| path.clone())
            .collect();
        let query = format!("\"boat lamp\" -\"{phrase}\"");
        assert_eq!(found(&query), wanted, "a phrase without {phrase}");
    }
}

#[test]
fn ca10_a_malformed_metadata_query_is_read_as_plain_words() {
    let kit = Kit::filled();
    let (collection, _) = kit.built();
    let sight = kit.sight(&["hr"]);
    for (query, total, is_plain) in [
        ("title:salaries", 1, false),
        ("author:ada AND format:markdown", 1, false),
        ("author:unknown", 0, false),
        ("salaries AND (", 1, true),
        ("title:[", 0, true),
        ("salaries \"", 1, true),
        ("modified:[x TO y]", 0, true),
        ("format:text OR title:guide", 2, false),
        ("NOT format:markdown", 1, false),
        ("-format:markdown", 1, false),
        ("of:c", 0, false),
    ] {
        let found = ask(&collection, &sight, "metadata", &json!({"query": query}));
        assert_eq!(found["read_as_plain_words"], is_plain, "{query}");
        if query != "title:[" && query != "modified:[x TO y]" {
            assert_eq!(found["total"], total, "{query}");
        }
    }
}

#[test]
fn changed_files_are_read_again_removed_ones_are_forgotten_and_lost_folders_are_not() {
    let kit = Kit::filled();
    let sight = kit.sight(&[]);
    let total = |collection: &Collection, query: &str| {
        ask(collection, &sight, "search", &json!({"query": query}))["total"].clone()
    };
    drop(kit.built());
    kit.write("guide.md", "# Guide\n\nEntirely different.\n");
    kit.write("new.md", "brandnew");
    fs::remove_file(kit.folder.path().join("notes/api.txt")).unwrap();
    let (collection, status) = kit.built();
    assert_eq!((status.documents, status.done), (4, 2));
    assert_eq!(total(&collection, "entirely"), 1);
    assert_eq!(total(&collection, "rotate"), 0);
    assert_eq!(total(&collection, "brandnew"), 1);
    assert_eq!(total(&collection, "requests"), 0);
    drop(collection);
    // The same content with another date is not read again as a whole.
    let again = fs::File::options().append(true).open(kit.folder.path().join("new.md")).unwrap();
    again.set_modified(std::time::UNIX_EPOCH).unwrap();
    let (collection, status) = kit.built();
    assert_eq!((status.documents, status.done), (4, 1));
    assert_eq!(total(&collection, "brandnew"), 1);
    drop(collection);
    let elsewhere = kit.folder.path().with_extension("moved");
    fs::rename(kit.folder.path(), &elsewhere).unwrap();
    let (collection, status) = kit.built();
    assert_eq!(status.documents, 4);
    assert_eq!(status.named[0].path, "docs");
    assert_eq!(total(&collection, "brandnew"), 1);
    fs::rename(&elsewhere, kit.folder.path()).unwrap();
}

#[test]
fn a_broken_index_is_rebuilt_and_one_process_writes_it() {
    let kit = Kit::filled();
    let (collection, _) = kit.built();
    fs::write(kit.data.path().join("index-4/meta.json"), "no index").unwrap();
    drop(collection);
    let (_collection, status) = kit.built();
    assert_eq!(status.documents, 4);
    let opened = crate::store::Opened::open(kit.data.path()).unwrap();
    let _writer = opened.writer().unwrap();
    assert_eq!(kit.collection().build(true, &mut |_| {}), Ok(None), "another writes it");
}

#[test]
fn a_maintained_collection_follows_changes_and_takes_orders() {
    let kit = Kit::filled();
    let mut settings = kit.settings.clone();
    settings.scan_seconds = 1;
    let collection = Collection::maintained("docs", settings, kit.data.path(), clock());
    let sight = kit.sight(&["hr"]);
    let wait = |what: &str, done: &dyn Fn(&IndexStatus) -> bool| {
        for _ in 0..600 {
            if done(&collection.status()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{what}: {:?}", collection.status());
    };
    wait("the first scan", &|status| status.documents == 4 && status.scanned_at > 0);
    kit.write("later.md", "# Later\n");
    wait("a new file", &|status| status.documents == 5);
    let health = ask(&collection, &sight, "health", &json!({}));
    assert_eq!((&health["is_complete"], &health["percent"]), (&json!(true), &json!(100)));
    crate::order(kit.data.path()).unwrap();
    wait("the order", &|status| status.documents == 5 && !crate::is_ordered(kit.data.path()));
    fs::remove_dir_all(kit.data.path().join("index-4")).unwrap();
    let is_there = |path: &Path| path.join("index-4/meta.json").is_file();
    wait("the lost index", &|status| status.documents == 5 && is_there(kit.data.path()));
}

#[test]
fn the_definitions_of_the_tools_are_objects_and_name_their_arguments() {
    for tool in TOOLS {
        let schema = (tool.schema)();
        assert_eq!(schema["type"], "object", "{}", tool.name);
        assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
        for required in schema["required"].as_array().unwrap() {
            assert!(schema["properties"].get(required.as_str().unwrap()).is_some());
        }
    }
}

/// A model for which texts with the word `plan` are what is asked for, those with `lunch` far from
/// it, and all else in between. It refuses those with `poison`.
struct Directions;

/// The search for a query, once all passages have vectors.
fn by_meaning(kit: &Kit, roles: &[&str], query: &str) -> Value {
    let (collection, _) = kit.built();
    let opened = collection.shared.opened().unwrap();
    let semantic = collection.shared.semantic.as_ref().unwrap();
    while semantic.continues(&opened, &|| false) {}
    let mut found = ask(&collection, &kit.sight(roles), "search", &json!({ "query": query }));
    let (made, missing) = semantic.counts();
    (found["vectors"], found["missing"]) = (made.into(), missing.into());
    found
}

#[test]
fn a_text_that_the_model_refuses_costs_only_itself() {
    let mut kit = Kit::new();
    kit.settings = kit.settings.clone().with_model(Arc::new(Directions), 10_000);
    kit.write("a.md", "The plan.\n");
    kit.write("b.md", "A poison pill.\n");
    kit.write("c.md", "The lunch is at noon.\n");
    let found = by_meaning(&kit, &[], "restructuring");
    assert_eq!((&found["vectors"], &found["missing"]), (&json!(2), &json!(0)), "{found}");
    assert_eq!(paths(&found, "results"), ["docs/a.md"]);
    let (collection, _) = kit.built();
    let semantic = collection.shared.semantic.as_ref().unwrap();
    semantic.continues(&collection.shared.opened().unwrap(), &|| false);
    let is_by_meaning = |query: &str| {
        ask(&collection, &kit.sight(&[]), "search", &json!({ "query": query }))["by_meaning"]
            .clone()
    };
    assert_eq!((is_by_meaning("poison"), is_by_meaning("another")), (json!(false), json!(true)));
}

impl crate::Embedder for Directions {
    fn model(&self) -> &'static str {
        "directions"
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, crate::NoVectors> {
        if texts.iter().any(|text| text.contains("poison")) {
            return Err(crate::NoVectors::Refused("status 400".to_owned()));
        }
        let direction = |text: &String| match text {
            text if text.contains("plan") => vec![1.0, 0.0],
            text if text.contains("lunch") => vec![0.1, 0.99],
            _ => vec![0.95, 0.3],
        };
        Ok(texts.iter().map(direction).collect())
    }
}

#[test]
fn ca4_what_a_caller_may_not_see_has_no_effect_on_what_is_near_for_them() {
    let mut kit = Kit::new();
    kit.write("canteen.md", "Lunch is at noon: lunch for all.\n");
    kit.settings = kit.settings.clone().with_model(Arc::new(Directions), 10_000);
    let near = |kit: &Kit, roles: &[&str]| {
        let found = by_meaning(kit, roles, "restructuring");
        assert_eq!(found["by_meaning"], true, "{found}");
        (paths(&found, "results"), found["vectors"].as_u64().unwrap())
    };
    assert_eq!(near(&kit, &[]).0, ["docs/canteen.md"]);
    // One that is much nearer, and more of them than are looked at first.
    kit.write("hr/plan.md", "The plan.\n");
    assert_eq!(near(&kit, &[]).0, ["docs/canteen.md"]);
    assert_eq!(near(&kit, &["hr"]).0, ["docs/hr/plan.md"]);
    let words = "as agreed ".repeat(100);
    let many = (0..2100).map(|number| format!("# {number}\n\nA plan, {number}: {words}\n\n"));
    kit.write("hr/many.md", many.collect::<Vec<String>>().concat());
    let (found, vectors) = near(&kit, &[]);
    assert!(vectors > 2000, "{vectors}");
    assert_eq!(found, ["docs/canteen.md"]);
}
