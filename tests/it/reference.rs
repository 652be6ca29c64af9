//! The generated reference matches the code.

mod pages;

use std::path::Path;

#[test]
fn every_kind_of_provider_has_a_how_to_page_that_the_book_lists() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for kind in doorward_federation::kinds::KINDS {
        let page = format!("how-to/sign-in-with-{}.md", kind.name);
        let text = std::fs::read_to_string(docs.join(&page)).unwrap_or_default();
        assert!(
            text.contains("/callback") && text.contains(&format!("kind = \"{}\"", kind.name)),
            "{page} does not say what to enter"
        );
        assert!(summary.contains(&page), "{page} is not in the book");
    }
}

#[test]
fn the_reference_pages_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    #[expect(
        clippy::disallowed_methods,
        reason = "`tests/run reference` asks for the pages to be written"
    )]
    let write = std::env::var("DOORWARD_WRITE_REFERENCE").is_ok();
    for (name, text) in pages::pages() {
        let path = folder.join(name);
        if write {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            found, text,
            "docs/reference/{name} is stale; run `tests/run reference` and commit it"
        );
    }
}
