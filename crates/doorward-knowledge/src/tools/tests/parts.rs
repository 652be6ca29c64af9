//! Documents that are indexed or shown in part, and words that are too short to differ.

use super::*;
use crate::format;

#[test]
fn a_document_that_is_indexed_in_part_is_named_and_no_search_for_lines_claims_to_be_complete() {
    let kit = Kit::filled();
    let long = format!("beginning {} ending\n", "x".repeat(format::MOST_TEXT));
    kit.write("hr/long.txt", long);
    let (collection, _) = kit.built();
    for (roles, is_complete) in [(&[][..], true), (&["hr"], false)] {
        let sight = kit.sight(roles);
        let grep = |arguments| ask(&collection, &sight, "grep", &arguments);
        let found = grep(json!({"pattern": "ending"}));
        assert_eq!(found, json!({"matches": [], "is_complete": is_complete}));
        let found = grep(json!({"pattern": "ending", "format": "markdown"}));
        assert_eq!(found["is_complete"], true, "only documents of the request count");
        let health = ask(&collection, &sight, "health", &json!({}));
        let named = if is_complete { json!([]) } else { json!(["docs/hr/long.txt"]) };
        assert_eq!(health["in_part"], named, "{roles:?}");
    }
}

#[test]
fn a_document_that_is_too_long_to_show_is_shown_without_a_gap() {
    let kit = Kit::filled();
    // Chunks of different length: a short one would fit where a long one did not.
    let sections = (0..400).map(|number| {
        let words = if number % 2 == 0 { 1 } else { 300 };
        format!("# Section {number:03}\n\n{}\n\n", "word ".repeat(words))
    });
    let text: String = sections.collect();
    kit.write("long.md", &text);
    let (collection, _) = kit.built();
    let fetched = ask(&collection, &kit.sight(&[]), "fetch", &json!({"id": "docs/long.md"}));
    let shown = fetched["text"].as_str().unwrap();
    assert!(shown.len() > 150 * 1024 && text.starts_with(shown), "{}", shown.len());
    assert_eq!(fetched["metadata"]["is_cut"], true);
}

#[test]
fn a_word_of_two_letters_is_not_taken_for_another() {
    let kit = Kit::filled();
    let (collection, _) = kit.built();
    let sight = kit.sight(&["hr"]);
    for query in ["qz", "q", "zq~", "猫"] {
        let found = ask(&collection, &sight, "search", &json!({"query": query}));
        assert_eq!((&found["total"], &found["inexact"]), (&json!(0), &json!(false)), "{query}");
    }
    let found = ask(&collection, &sight, "search", &json!({"query": "servr"}));
    assert_eq!(found["inexact"], true, "{found}");
}

#[test]
fn stats_and_health_count_the_same_files_as_left_out() {
    let kit = Kit::filled();
    std::os::unix::fs::symlink("/etc/hosts", kit.folder.path().join("hr/hosts.txt")).unwrap();
    let (collection, _) = kit.built();
    for (roles, all, below) in [(&[][..], 1, 0), (&["hr"], 3, 2)] {
        let sight = kit.sight(roles);
        let ask = |tool, arguments| ask(&collection, &sight, tool, &arguments);
        assert_eq!(ask("health", json!({}))["left_out"], all, "{roles:?}");
        assert_eq!(ask("stats", json!({}))["left_out"], all, "{roles:?}");
        assert_eq!(ask("stats", json!({"folder": "docs/hr"}))["left_out"], below, "{roles:?}");
    }
}
