//! What the program is made of: licences and sources, held against deny.toml.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

/// The strings of a list in deny.toml.
fn list(text: &str, name: &str) -> BTreeSet<String> {
    let at = text.find(&format!("\n{name} = [")).unwrap();
    let list = &text[at..at + text[at..].find("\n]").unwrap()];
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether one of the alternatives of a licence expression is allowed whole.
fn allowed(expression: &str, list: &BTreeSet<String>) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let all = |terms: &str| terms.split(" AND ").all(|term| list.contains(term.trim()));
    // "A AND (B OR C)" is read as one alternative too many at worst, never as one too few.
    plain.split(" OR ").any(all) || plain.split(" AND ").all(|part| part.split(" OR ").any(|term| list.contains(term.trim())))
}

/// Runs cargo in the workspace and answers what it printed.
fn cargo(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO")).args(arguments).args(["--offline", "--locked"]).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_dependency_has_an_accepted_licence_and_there_is_one_cryptographic_stack() {
    let accepted = list(&std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml")).unwrap(), "allow");
    let tree = cargo(&["tree", "--workspace", "--edges", "all", "--target", "all", "--prefix", "none", "--format", "{p}|{l}"]);
    let packages: BTreeSet<&str> = tree.lines().filter(|line| line.contains('|')).collect();
    assert!(packages.len() > 200, "only {} packages", packages.len());
    for package in packages {
        let (name, licence) = package.rsplit_once('|').unwrap();
        assert!(allowed(licence.trim_end_matches(" (*)"), &accepted), "{name}: {licence:?} is not accepted by deny.toml");
        let crate_name = name.split(' ').next().unwrap();
        assert!(!["openssl", "openssl-sys", "native-tls", "ring"].contains(&crate_name), "{name} is a second cryptographic stack");
    }
}

#[test]
fn every_dependency_comes_from_the_registry() {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1"])).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        if let Some(source) = package["source"].as_str() {
            assert!(source.starts_with("registry+"), "{} comes from {source}", package["name"]);
        }
    }
}
