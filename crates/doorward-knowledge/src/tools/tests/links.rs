//! Symbolic links within a folder: the rules for the place that they lead to hold too.

use std::os::unix::fs::symlink;

use super::*;

/// A collection in which links lead from open parts into closed ones, and back.
fn linked() -> Kit {
    let kit = Kit::filled();
    let at = |name: &str| kit.folder.path().join(name);
    symlink("hr/salaries.md", at("pay.md")).unwrap();
    symlink("hr", at("all")).unwrap();
    symlink("../../guide.md", at("hr/open/guide.md")).unwrap();
    symlink("../salaries.md", at("hr/open/pay.md")).unwrap();
    kit
}

#[test]
fn ca4_a_link_shows_nothing_that_the_rules_for_its_place_or_its_target_hide() {
    let kit = linked();
    let (collection, _) = kit.built();
    let open = ["docs/guide.md", "docs/notes/api.txt"];
    let for_staff =
        ["docs/all/open/holidays.md", "docs/hr/open/guide.md", "docs/hr/open/holidays.md"];
    let for_hr =
        ["docs/all/salaries.md", "docs/hr/open/pay.md", "docs/hr/salaries.md", "docs/pay.md"];
    for (roles, seen) in [
        (&[][..], open.to_vec()),
        (&["staff"], [&open[..], &for_staff].concat()),
        (&["hr"], [&open[..], &for_staff, &for_hr].concat()),
    ] {
        let mut seen = seen;
        seen.sort_unstable();
        let sight = kit.sight(roles);
        let ask = |tool, arguments| ask(&collection, &sight, tool, &arguments);
        let listed = ask("list_documents", json!({}));
        let listed = paths(&listed, "documents");
        let listed: Vec<&str> =
            listed.iter().map(String::as_str).filter(|path| !path.contains("/all/open/")).collect();
        let wanted: Vec<&str> =
            seen.iter().copied().filter(|path| !path.contains("/all/open/")).collect();
        assert_eq!(listed, wanted, "{roles:?}");
        let is_hr = roles.contains(&"hr");
        let found = ask("search", json!({"query": "salaries"}));
        assert_eq!(found["total"].as_u64().unwrap() > 0, is_hr, "{roles:?} {found}");
        let grep = ask("grep", json!({"pattern": "server room"}));
        assert_eq!(grep["matches"].as_array().unwrap().is_empty(), !is_hr, "{roles:?} {grep}");
        let named = ask("metadata", json!({"query": "author:ada"}));
        assert_eq!(named["total"].as_u64().unwrap() > 0, is_hr, "{roles:?} {named}");
        if !is_hr {
            for path in for_hr {
                refused(&collection, &sight, "fetch", &json!({"id": path}));
                refused(&collection, &sight, "list_chunks", &json!({"id": path}));
            }
        }
    }
}

#[test]
fn a_link_whose_target_moved_to_a_closed_folder_is_closed_although_the_file_is_the_same() {
    let kit = Kit::filled();
    let at = |name: &str| kit.folder.path().join(name);
    symlink("guide.md", at("start.md")).unwrap();
    drop(kit.built());
    fs::rename(at("guide.md"), at("hr/guide.md")).unwrap();
    fs::remove_file(at("start.md")).unwrap();
    symlink("hr/guide.md", at("start.md")).unwrap();
    let (collection, _) = kit.built();
    for (roles, total) in [(&[][..], 0), (&["hr"], 2)] {
        let sight = kit.sight(roles);
        let found = ask(&collection, &sight, "search", &json!({"query": "restart"}));
        assert_eq!(found["total"], total, "{roles:?} {found}");
    }
}
