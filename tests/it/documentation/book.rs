//! The pages in `docs/` as a book, and the links of every page.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, is_generated, prose, read, root};

/// The pages of the book and the pages at the root of the repository.
fn pages() -> Vec<String> {
    let mut pages = files("docs", &[".md"]);
    for name in ["README", "ARCHITECTURE", "CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY"] {
        pages.push(format!("{name}.md"));
    }
    pages.push("CHANGELOG.md".to_owned());
    pages.extend(files(".github", &[".md"]));
    pages
}

/// The targets of the links and images of a page, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in prose(text) {
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            found.push((at, target.to_owned()));
        }
        for attribute in ["src=\"", "srcset=\"", "href=\""] {
            for part in line.split(attribute).skip(1) {
                found.push((at, part.split('"').next().unwrap_or_default().to_owned()));
            }
        }
    }
    found
}

/// The anchors of a page's headings, as code hosts and mdBook form them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || !line.starts_with('#') {
            continue;
        }
        let anchor: String = line
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|letter| match letter {
                ' ' => Some('-'),
                '-' | '_' => Some(letter),
                letter => letter.is_alphanumeric().then_some(letter),
            })
            .collect();
        let count = counts.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

/// `target` of a link on the page `from`, relative to the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn every_link_of_every_page_leads_to_a_file_and_a_heading() {
    let mut seen = 0;
    for page in pages() {
        let text = read(&page);
        for (line, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if path.is_empty() { Some(page.clone()) } else { resolve(&page, path) };
            let path = path.unwrap_or_else(|| panic!("{page}:{line}: {target} leaves the source"));
            assert!(root().join(&path).exists(), "{page}:{line}: {target} does not exist");
            assert!(
                anchor.is_empty() || anchors(&read(&path)).contains(anchor),
                "{page}:{line}: {path} has no heading for #{anchor}"
            );
            assert!(
                !page.starts_with("docs/") || path.starts_with("docs/"),
                "{page}:{line}: {target} is outside docs/, where the book cannot follow"
            );
        }
    }
    assert!(seen > 150, "the links were not found");
}

#[test]
fn the_book_lists_every_page_once() {
    let listed: Vec<_> = links(&read("docs/SUMMARY.md"))
        .into_iter()
        .map(|(_, target)| resolve("docs/SUMMARY.md", &target).unwrap())
        .collect();
    for page in files("docs", &[".md"]) {
        let times = listed.iter().filter(|&listed| *listed == page).count();
        let expected = usize::from(page != "docs/SUMMARY.md");
        assert_eq!(times, expected, "docs/SUMMARY.md lists {page} {times} times");
    }
}

#[test]
fn the_list_of_decisions_has_every_decision_with_its_heading() {
    let list = read("docs/decisions/README.md");
    let mut numbers = std::collections::BTreeSet::new();
    for page in files("docs/decisions", &[".md"]) {
        let name = page.trim_start_matches("docs/decisions/");
        if name == "README.md" {
            continue;
        }
        let text = read(&page);
        let heading = text.lines().next().unwrap_or_default();
        let (number, title) = heading.trim_start_matches("# ").split_once(". ").unwrap();
        assert_eq!(format!("{number:0>4}"), name[..4], "{page}: the number of the heading");
        assert!(numbers.insert(number.to_owned()), "{page}: another decision has its number");
        assert!(
            list.contains(&format!("{number}. [{title}]({name})")),
            "docs/decisions/README.md does not list {page} as \"{title}\""
        );
    }
}

/// Tables and links cannot be wrapped; prose is, so that a change shows as the lines it changes.
#[test]
fn prose_is_wrapped_at_a_hundred_columns() {
    for page in pages().into_iter().filter(|page| !is_generated(page)) {
        let text = read(&page);
        for (line, _) in prose(&text) {
            let line_text = text.lines().nth(line - 1).unwrap_or_default().trim();
            let is_row = line_text.starts_with(['|', '#', '<']);
            let is_entry = line_text.ends_with(')') && line_text.matches("](").count() == 1;
            let is_word = !line_text.contains(' ');
            assert!(
                line_text.chars().count() <= 100 || is_row || is_entry || is_word,
                "{page}:{line} is longer than 100 columns"
            );
        }
    }
}

#[test]
fn links_and_headings_are_read_as_code_hosts_read_them() {
    let text = "# A `c.d` & [\n[link](a.md#b)\n```\n[no](b.md)\n# no\n```\n`[no](c.md)`\n## A b\n## A b\n\
                <img src=\"d.png\">\n![picture](e.png \"title\")";
    let targets: Vec<_> = links(text).into_iter().map(|(_, target)| target).collect();
    assert_eq!(targets, ["a.md#b", "d.png", "e.png"]);
    let expected = ["a-cd--", "a-b", "a-b-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
    assert_eq!(resolve("docs/a/b.md", "../c.md"), Some("docs/c.md".to_owned()));
    assert_eq!(resolve("a.md", "../c.md"), None);
}
