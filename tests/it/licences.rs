//! Licences and sources of the dependencies, held against deny.toml. Cargo.lock names every package
//! for every platform; licences are in the packages themselves, which `cargo fetch --locked`
//! downloads for platforms that a build here never needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::Value;

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap()
}

/// The lines of a list in deny.toml.
fn list<'a>(text: &'a str, name: &str) -> std::str::Lines<'a> {
    let at = text.find(&format!("\n{name} = [\n")).unwrap();
    text[at..at + text[at..].find("\n]").unwrap()].lines()
}

/// The first quoted text after `before` in each line that has it.
fn quoted(lines: std::str::Lines<'_>, before: &str) -> BTreeSet<String> {
    lines
        .filter_map(|line| line.trim().strip_prefix(before)?.split_once('"'))
        .map(|(text, _)| text.to_owned())
        .collect()
}

/// True if one of the alternatives of a licence expression is allowed whole.
fn allowed(expression: &str, list: &BTreeSet<String>) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let all = |terms: &str| terms.split(" AND ").all(|term| list.contains(term.trim()));
    // "A AND (B OR C)" is read as one alternative too many at worst, never as one too few.
    plain.split(" OR ").any(all)
        || plain
            .split(" AND ")
            .all(|part| part.split(" OR ").any(|term| list.contains(term.trim())))
}

/// The packages of Cargo.lock: name and source; the workspace's own have none.
fn locked() -> Vec<(String, Option<String>)> {
    let text = read("Cargo.lock");
    let value = |package: &str, key: &str| {
        package.lines().find_map(|line| {
            line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"').map(str::to_owned)
        })
    };
    let packages: Vec<_> = text
        .split("[[package]]")
        .skip(1)
        .map(|package| (value(package, "name").unwrap(), value(package, "source")))
        .collect();
    assert!(packages.len() > 200, "only {} packages", packages.len());
    packages
}

/// Runs cargo in the workspace and returns its output.
fn cargo(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "run `cargo fetch --locked` first: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_dependency_comes_from_the_registry() {
    for (name, source) in locked() {
        assert!(
            source.as_deref().is_none_or(|source| source.starts_with("registry+")),
            "{name} comes from {source:?}"
        );
    }
}

/// The packages that a build of any platform uses: name and version. Cargo.lock also names packages
/// of disabled features; the tree does not.
fn used() -> BTreeSet<(String, String)> {
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--edges",
        "normal,build,dev",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let packages: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
        })
        .collect();
    assert!(packages.len() > 200, "only {} packages", packages.len());
    packages
}

#[test]
fn there_is_one_cryptographic_stack() {
    let policy = read("deny.toml");
    let denied = quoted(list(&policy, "deny"), "{ crate = \"");
    assert!(denied.contains("ring") && denied.contains("openssl"), "{denied:?}");
    for (package, _) in used() {
        assert!(!denied.contains(&package), "{package} is denied by deny.toml");
    }
}

#[test]
fn a_crate_is_there_in_one_version_or_deny_toml_says_why_not() {
    let policy = read("deny.toml");
    let skipped = quoted(list(&policy, "skip"), "{ crate = \"");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in used() {
        versions.entry(name).or_default().push(version);
    }
    let mut beside = BTreeSet::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let known = versions.iter().filter(|it| skipped.contains(&format!("{name}@{it}"))).count();
        assert!(
            known + 1 >= versions.len(),
            "{name} is there in the versions {versions:?}: remove one, or add the older one to `skip` in deny.toml with the reason"
        );
        beside.extend(versions.iter().map(|version| format!("{name}@{version}")));
    }
    let idle: Vec<_> = skipped.difference(&beside).collect();
    assert!(idle.is_empty(), "deny.toml skips what is not there twice: {idle:?}");
}

#[test]
fn every_dependency_has_an_accepted_licence() {
    let policy = read("deny.toml");
    let accepted = quoted(list(&policy, "allow"), "\"");
    assert!(accepted.contains("MIT"), "{accepted:?}");
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), locked().len(), "cargo sees other packages than Cargo.lock");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(
            allowed(licence, &accepted),
            "{} {}: {licence:?} is not accepted by deny.toml",
            package["name"],
            package["version"]
        );
    }
}

/// The bill of materials names the packages of the program, each with its licence: neither those of
/// tests or other features, nor those of other systems.
#[test]
fn the_bill_of_materials_names_exactly_the_parts_of_the_program() {
    let tree = cargo(&[
        "tree",
        "--package",
        "doorward",
        "--edges",
        "normal",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--prefix",
        "none",
    ]);
    let built: BTreeSet<String> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
            Some(format!("pkg:cargo/{name}@{version}"))
        })
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new("python3").arg(root.join("deploy/sbom.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bill: Value = serde_json::from_slice(&output.stdout).unwrap();
    let program = std::iter::once(&bill["metadata"]["component"]);
    let components: Vec<_> = program.chain(bill["components"].as_array().unwrap()).collect();
    let listed: BTreeSet<String> =
        components.iter().map(|one| one["purl"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, built);
    assert_eq!(components.len(), built.len(), "each once");
    for one in components {
        assert!(one["licenses"][0]["expression"].is_string(), "{one} has no licence");
    }
    // Their dependencies are listed too.
    for one in bill["dependencies"].as_array().unwrap() {
        for other in one["dependsOn"].as_array().unwrap() {
            assert!(built.contains(other.as_str().unwrap()), "{one}");
        }
    }
}
