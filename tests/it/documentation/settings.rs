//! Blocks of configuration in the documentation are ones that the program accepts.

use doorward::config::{Environment, load};
use doorward_testkit::write_certificate;
use toml::{Table, Value};

use super::{files, is_generated, read};

/// A page whose block configures another program.
const ANOTHER: &str = "docs/how-to/sign-in-to-applications.md";

/// The blocks of configuration of a page, in order, without the indentation of lists.
fn blocks(text: &str) -> Vec<String> {
    let (mut blocks, mut block) = (Vec::new(), None::<(usize, String)>);
    for line in text.lines() {
        let fence = line.trim_start();
        match &mut block {
            None if fence == "```toml" => block = Some((line.len() - fence.len(), String::new())),
            Some(_) if fence == "```" => blocks.extend(block.take().map(|(_, text)| text)),
            Some((indentation, text)) => {
                text.push_str(line.get(*indentation..).unwrap_or_default());
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Adds `more` to `table`: what a reader has in the file who follows the page to this block.
fn add(table: &mut Table, more: Table) {
    for (key, value) in more {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => add(inner, value),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// Values in place of the ones that a page leaves to its reader: secrets, which it keeps out of the
/// file, and what a block that shows two keys of an entry does not repeat.
fn complete(table: &mut Table) {
    let usual = |family: &str, entry: &Table| -> Vec<(&str, &str)> {
        match family {
            "providers" if entry.contains_key("kind") => {
                vec![("client_id", "doorward"), ("client_secret", "a secret")]
            }
            "providers" => vec![
                ("kind", "oidc"),
                ("issuer", "https://sso.example.com"),
                ("client_id", "doorward"),
                ("client_secret", "a secret"),
            ],
            "upstreams" if entry.contains_key("kind") => vec![],
            "upstreams" => {
                vec![("kind", "http"), ("url", "https://wiki.example.com/mcp"), ("auth", "oauth")]
            }
            _ => vec![
                ("kind", "mattermost"),
                ("url", "https://chat.example.com"),
                ("bot_token", "a2b3c4d5e6f7g8h9i0j1k2l3m4"),
                ("command_token", "a2b3c4d5e6f7g8h9i0j1k2l3m4"),
            ],
        }
    };
    for family in ["providers", "upstreams", "connectors"] {
        let Some(Value::Table(entries)) = table.get_mut(family) else { continue };
        for (_, entry) in entries.iter_mut() {
            let Value::Table(entry) = entry else { continue };
            for (key, value) in usual(family, entry) {
                entry.entry(key).or_insert_with(|| value.into());
            }
        }
    }
}

/// The faults of a configuration, as the program tells them.
fn faults(table: &Table, folder: &std::path::Path) -> Option<String> {
    let mut table = table.clone();
    complete(&mut table);
    let file = folder.join("doorward.toml");
    std::fs::write(&file, table.to_string()).unwrap();
    match load(Some(&file), &Environment::default()) {
        Ok(loaded) => loaded.check().err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// The tables of a configuration to which a block without a heading can belong: `[server]`,
/// `[upstreams.wiki]`.
fn places(table: &Table) -> Vec<Vec<String>> {
    let mut places = Vec::new();
    for (name, value) in table {
        let Value::Table(inner) = value else { continue };
        if inner.values().all(Value::is_table) {
            places.extend(inner.keys().map(|entry| vec![name.clone(), entry.clone()]));
        } else {
            places.push(vec![name.clone()]);
        }
    }
    places
}

fn within(place: &[String], table: Table) -> Table {
    place
        .iter()
        .rev()
        .fold(table, |inner, name| Table::from_iter([(name.clone(), Value::Table(inner))]))
}

/// Tries the cases of a page on the policy that it shows before them.
async fn policy_test(page: &str, folder: &std::path::Path) {
    let path = |name: &str| folder.join(name).display().to_string();
    let arguments = ["--config", &path("doorward.toml"), "policy", "test", &path("cases.toml")];
    let done = doorward_testkit::run_command(&arguments, &[], "").await;
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{page}: {told}");
}

#[tokio::test]
async fn every_block_of_configuration_of_every_page_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = write_certificate(folder.path());
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let mut tried = 0;
    for page in ["docs/how-to", "docs/tutorial", "docs/explanation", "docs/reference"]
        .iter()
        .flat_map(|folder| files(folder, &[".md"]))
        .filter(|page| !is_generated(page) && page != ANOTHER)
    {
        let mut so_far = Table::new();
        for block in blocks(&read(&page)) {
            let block = block
                .replace("\"…\"", "\"a secret\"")
                .replace("=…\"", "=secret\"")
                .replace("TENANT-ID", "8eaef023-2b34-4da1-9baa-8bc8c9d6a490");
            // Files that are read are those of this machine.
            let block: String = block
                .lines()
                .map(|line| {
                    let (name, value) = line.split_once(" = \"/").unwrap_or((line, ""));
                    match (name, value.ends_with(".pem\"") || value.contains(".pem\" ")) {
                        ("tls_key" | "private_key_file", true) => format!("{name} = \"{key}\"\n"),
                        (_, true) => format!("{name} = \"{certificate}\"\n"),
                        _ => format!("{line}\n"),
                    }
                })
                .collect();
            let table: Table = block.parse().unwrap_or_else(|error| panic!("{page}: {error}"));
            tried += 1;
            if table.contains_key("case") {
                std::fs::write(folder.path().join("cases.toml"), block).unwrap();
                policy_test(&page, folder.path()).await;
                continue;
            }
            if table.values().all(Value::is_table) {
                add(&mut so_far, table);
                let told = faults(&so_far, folder.path());
                assert!(told.is_none(), "{page}:\n{block}\n{told:?}");
                continue;
            }
            // A reference shows a key of any entry.
            if so_far.is_empty() {
                let entries = ["providers", "upstreams"].map(|family| {
                    let entry = Table::from_iter([("any".to_owned(), Table::new().into())]);
                    (family.to_owned(), Value::Table(entry))
                });
                so_far.extend(entries);
            }
            let told: Vec<_> = places(&so_far)
                .iter()
                .map(|place| {
                    let mut whole = so_far.clone();
                    add(&mut whole, within(place, table.clone()));
                    faults(&whole, folder.path())
                })
                .collect();
            assert!(told.iter().any(Option::is_none), "{page}:\n{block}\n{told:?}");
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn a_block_is_read_as_its_reader_would_write_it() {
    let text = "1. Write\n\n   ```toml\n   [server]\n   listn = \"x\"\n   ```\n\n```sh\n[a]\n```\n";
    assert_eq!(blocks(text), ["[server]\nlistn = \"x\"\n"]);
    let folder = tempfile::tempdir().unwrap();
    let told = |text: &str| faults(&text.parse().unwrap(), folder.path());
    assert!(told(&blocks(text)[0]).unwrap().contains("server.listn"));
    // A secret that was copied from where it is not shown is named with its key.
    let hidden = told("[providers.okta]\nkind = \"okta\"\nclient_secret = \"…\"").unwrap();
    assert!(hidden.contains("providers.okta.client_secret: cannot end with …"), "{hidden}");
    assert!(told("[upstreams.wiki]\nroles = [\"staff\"]").is_none());
    assert!(told("[upstreams.wiki]\nkind = \"htp\"").is_some());
    assert_eq!(
        places(&"[server]\na = 1\n[upstreams.b]\nc = 1".parse().unwrap()),
        [vec!["server"], vec!["upstreams", "b"]]
    );
}
