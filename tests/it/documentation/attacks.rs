//! The page of attacks on grants: each row names tests that exist.

use super::{files, read};

/// The sections of the page, with the least number of their rows.
const SECTIONS: [(&str, usize); 11] = [
    ("RFC 9700", 16),
    ("RFC 7523", 13),
    ("ID-JAG", 8),
    ("RFC 8693", 9),
    ("RFC 8628", 7),
    ("RFC 9126", 7),
    ("RFC 9449", 8),
    ("RFC 7592", 5),
    ("OpenID Connect", 3),
    ("Forward authentication", 5),
    ("Between the grants", 4),
];

#[test]
fn each_attack_on_a_grant_has_a_test() {
    let tests: String = files("tests/it", &[".rs"])
        .iter()
        .chain(&files("crates", &[".rs"]))
        .map(|path| read(path))
        .collect();
    let page = read("docs/reference/attacks.md");
    for (name, least) in SECTIONS {
        let section = page.split("\n## ").find(|section| section.starts_with(name)).unwrap();
        let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
        let mut count = 0;
        for row in rows {
            let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
            let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "{row} names no test");
            for test in named.into_iter().filter(|name| !name.contains([' ', '/'])) {
                assert!(tests.contains(&format!("fn {test}(")), "{name}: there is no test {test}");
            }
            count += 1;
        }
        assert!(count >= least, "{name} has {count} rows");
    }
}
