//! Who may depend on whom, and which library may be named where (ARCHITECTURE.md).

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

/// The permitted edges. An edge that is not here is a mistake, or a decision to be recorded in
/// docs/decisions.
const PERMITTED: &[(&str, &[&str])] = &[
    ("doorward-model", &[]),
    ("migrations", &[]),
    ("doorward-store", &["doorward-model", "migrations"]),
    ("doorward-keys", &["doorward-model"]),
    ("doorward-transport", &["doorward-model", "doorward-keys"]),
    ("doorward-language", &["doorward-model"]),
    (
        "doorward-audit",
        &["doorward-model", "doorward-store", "doorward-transport", "doorward-language"],
    ),
    ("doorward-mail", &["doorward-model", "doorward-language"]),
    (
        "doorward-accounts",
        &["doorward-model", "doorward-store", "doorward-keys", "doorward-transport"],
    ),
    (
        "doorward-registration",
        &["doorward-model", "doorward-store", "doorward-keys", "doorward-transport"],
    ),
    (
        "doorward-federation",
        &["doorward-model", "doorward-store", "doorward-keys", "doorward-transport"],
    ),
    (
        "doorward-issuer",
        &["doorward-model", "doorward-store", "doorward-keys", "doorward-transport"],
    ),
    ("doorward-mcp", &["doorward-model", "doorward-store", "doorward-keys", "doorward-transport"]),
    (
        "doorward-gateway",
        &[
            "doorward-model",
            "doorward-store",
            "doorward-keys",
            "doorward-transport",
            "doorward-mcp",
        ],
    ),
    (
        "doorward-admin",
        &[
            "doorward-model",
            "doorward-store",
            "doorward-keys",
            "doorward-transport",
            "doorward-mail",
            "doorward-audit",
            "doorward-accounts",
            "doorward-registration",
            "doorward-federation",
            "doorward-mcp",
            "doorward-gateway",
        ],
    ),
    (
        "doorward-web",
        &[
            "doorward-model",
            "doorward-store",
            "doorward-keys",
            "doorward-transport",
            "doorward-language",
            "doorward-mail",
            "doorward-audit",
            "doorward-accounts",
            "doorward-federation",
            "doorward-issuer",
        ],
    ),
    (
        "doorward-console",
        &[
            "doorward-model",
            "doorward-store",
            "doorward-transport",
            "doorward-language",
            "doorward-audit",
            "doorward-accounts",
            "doorward-federation",
            "doorward-mcp",
            "doorward-gateway",
            "doorward-admin",
            "doorward-web",
        ],
    ),
    (
        "doorward",
        &[
            "doorward-model",
            "migrations",
            "doorward-store",
            "doorward-keys",
            "doorward-transport",
            "doorward-language",
            "doorward-mail",
            "doorward-audit",
            "doorward-accounts",
            "doorward-registration",
            "doorward-federation",
            "doorward-issuer",
            "doorward-mcp",
            "doorward-gateway",
            "doorward-admin",
            "doorward-web",
            "doorward-console",
        ],
    ),
    (
        "doorward-testkit",
        &[
            "doorward",
            "doorward-accounts",
            "doorward-federation",
            "doorward-gateway",
            "doorward-keys",
            "doorward-model",
            "doorward-transport",
        ],
    ),
    (
        "doorward-tests",
        &[
            "doorward",
            "doorward-testkit",
            "doorward-accounts",
            "doorward-admin",
            "doorward-federation",
            "doorward-issuer",
            "doorward-language",
            "doorward-mcp",
            "doorward-gateway",
            "doorward-model",
            "doorward-store",
            "doorward-keys",
        ],
    ),
];

/// Where a library may be named: its word, and the places as prefixes of paths.
const NAMED: &[(&str, &[&str])] = &[
    ("sea_orm::", &["crates/doorward-store/", "migrations/"]),
    ("rusqlite::", &["crates/doorward-store/src/embedded.rs"]),
    ("mimalloc", &["crates/doorward/src/main.rs"]),
    ("openidconnect", &["crates/doorward-federation/"]),
    ("oauth2::{", &["crates/doorward-federation/"]),
    ("webauthn_rs", &["crates/doorward-accounts/"]),
    ("totp_rs", &["crates/doorward-accounts/"]),
    ("qrcodegen", &["crates/doorward-web/"]),
    ("oxide_auth", &["crates/doorward-issuer/src/oxide/"]),
    ("rmcp::", &["crates/doorward-mcp/", "crates/doorward-gateway/", "tests/"]),
    (
        "rustix::",
        &[
            "crates/doorward-gateway/src/upstreams/stdio",
            "crates/doorward/src/commands/supervise.rs",
            "crates/doorward/src/process.rs",
        ],
    ),
    ("serde_saphyr", &["crates/doorward-gateway/src/upstreams/openapi/tree.rs"]),
    ("encoding_rs", &["crates/doorward-gateway/src/upstreams/openapi/media.rs"]),
    ("regress::", &["crates/doorward-gateway/src/upstreams/openapi/keywords.rs"]),
    ("jsonwebtoken::", &["crates/doorward-keys/"]),
    (
        "aws_lc_rs",
        &[
            "crates/doorward-keys/",
            "crates/doorward-transport/src/tls",
            "crates/doorward-testkit/",
            "tests/it/factors.rs",
        ],
    ),
    (
        "rustls::",
        &[
            "crates/doorward-transport/src/tls",
            "crates/doorward-transport/src/outbound/explain.rs",
            "crates/doorward-testkit/",
            "tests/it/",
        ],
    ),
    ("rcgen::", &["crates/doorward-transport/src/tls/", "crates/doorward-testkit/", "tests/it/"]),
    ("argon2::", &["crates/doorward-accounts/"]),
    (
        "reqwest::Client",
        &[
            "crates/doorward-transport/src/outbound.rs",
            "crates/doorward-gateway/src/upstreams/http.rs",
            "crates/doorward-testkit/",
            "tests/",
        ],
    ),
    ("fluent_", &["crates/doorward-language/"]),
    ("askama", &["crates/doorward-web/", "crates/doorward-console/"]),
    ("lettre::", &["crates/doorward-mail/src/mailer.rs"]),
    ("mediatype::", &["crates/doorward-transport/src/media_type.rs"]),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn only_permitted_edges_exist() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let permitted: BTreeMap<_, _> = PERMITTED.iter().copied().collect();
    let packages = metadata["packages"].as_array().unwrap();
    let members: Vec<_> =
        packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed =
            permitted.get(name).unwrap_or_else(|| panic!("the crate {name} is not in the table"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            assert!(
                !members.contains(&to) || allowed.contains(&to),
                "delete the edge {name} → {to}"
            );
        }
    }
}

pub(crate) fn sources(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn libraries_are_named_only_in_their_rooms() {
    let mut files = Vec::new();
    for folder in ["crates", "migrations", "tests/it"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 80, "the sources were not found");
    for path in files {
        let shown = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        if shown == "tests/it/architecture.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for (word, places) in NAMED {
                assert!(
                    !line.contains(word) || places.iter().any(|place| shown.starts_with(place)),
                    "{shown}:{}: {word} is named outside {places:?}",
                    number + 1
                );
            }
            let is_http = shown.ends_with("/http.rs")
                || [
                    "crates/doorward-transport/",
                    "crates/doorward-web/",
                    "crates/doorward-console/",
                    "crates/doorward/",
                    "crates/doorward-testkit/",
                ]
                .iter()
                .any(|place| shown.starts_with(place));
            // The guard, the streams and client authentication are the http part of their rooms,
            // split over files.
            let split = [
                "crates/doorward-mcp/src/",
                "crates/doorward-issuer/src/client_auth.rs",
                "crates/doorward-registration/src/document.rs",
            ]
            .iter()
            .any(|place| shown.starts_with(place));
            assert!(
                !line.contains("axum::") || is_http || split,
                "{shown}:{}: axum is named outside http",
                number + 1
            );
        }
    }
}

/// A body that is parsed as it came could stand for gigabytes; `Fetched::json` and `Budget::json`
/// count first.
#[test]
fn what_others_send_is_read_within_a_budget() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    for path in files {
        let shown = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        // The budget itself; requests to ourselves, whose bodies the listener limits; tests.
        let permitted = [
            "crates/doorward-transport/src/budget.rs",
            "crates/doorward-mcp/src/",
            "crates/doorward-console/src/api/operation.rs",
            "crates/doorward-testkit/",
        ];
        if permitted.iter().any(|place| shown.starts_with(place)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let parses = line.contains("serde_json::from_slice")
                || line.contains("serde_json::from_str")
                || line.contains("serde_json::from_reader");
            assert!(
                !(parses && (line.contains("body") || line.contains("event.data"))),
                "{shown}:{}: a body is parsed without a budget",
                number + 1
            );
        }
    }
}

/// The macros of the log in a source, each with its number of line and its arguments.
fn logged(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for level in ["trace", "debug", "info", "warn", "error", "event", "span"] {
        for name in [format!("{level}!("), format!("{level}_span!(")] {
            for (at, _) in text.match_indices(&name) {
                // Part of another word, such as that of `compile_error!`.
                if text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
                    continue;
                }
                let rest = &text[at + name.len()..];
                let (mut depth, mut end, mut quoted, mut escaped) = (1, rest.len(), false, false);
                for (index, letter) in rest.char_indices() {
                    match letter {
                        _ if escaped => escaped = false,
                        '\\' if quoted => escaped = true,
                        '"' => quoted = !quoted,
                        '(' if !quoted => depth += 1,
                        ')' if !quoted => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        end = index;
                        break;
                    }
                }
                found.push((text[..at].lines().count().max(1), rest[..end].to_owned()));
            }
        }
    }
    found
}

/// Reports a field or a message that is written as the program's own types look (`Some(String("…"))`).
fn shows_types(arguments: &str) -> bool {
    let dense: String = arguments.chars().filter(|letter| !letter.is_whitespace()).collect();
    dense.starts_with('?')
        || dense.contains(",?")
        || dense.contains("=?")
        || dense.contains(":?}")
        || dense.contains(":#?}")
        || dense.contains("field::debug(")
}

#[test]
fn fields_of_the_log_hold_text_and_no_types_of_the_program() {
    for (arguments, shows) in [
        ("?error, \"x\"", true),
        ("client = ?client, \"x\"", true),
        ("at,\n ?error, \"x\"", true),
        ("\"the client {client:?}\"", true),
        ("client = tracing::field::debug(client), \"x\"", true),
        ("%error, client = client.as_deref(), \"which? {name}\"", false),
        ("count = found()?, \"x\"", false),
    ] {
        assert_eq!(shows_types(arguments), shows, "{arguments}");
    }
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let mut macros = 0;
    for path in files {
        let shown = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        for (line, arguments) in logged(&fs::read_to_string(&path).unwrap()) {
            macros += 1;
            assert!(
                !shows_types(&arguments),
                "{shown}:{line}: a field of the log is written with Debug; give it as text (`%value`, `value.as_str()`)"
            );
        }
    }
    assert!(macros > 100, "only {macros} macros were found");
}

#[test]
fn the_map_names_only_what_exists() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(map.lines().count() <= 200, "ARCHITECTURE.md has more than 200 lines");
    for word in map.split('`').skip(1).step_by(2) {
        let is_path = word.contains('/')
            && !word.contains(['<', '*', ' ', ':', '{'])
            && !word.starts_with('/');
        assert!(
            !is_path || root().join(word).exists(),
            "ARCHITECTURE.md names {word}, which does not exist"
        );
    }
}

/// The modules of a crate's sources that a file names by `crate::`, each by its first word. A folder
/// and the file of its name are one module.
fn named_modules(text: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect::<String>()
    };
    let mut named = Vec::new();
    for after in text.split("crate::").skip(1) {
        let Some(list) = after.strip_prefix('{') else {
            named.push(word(after));
            continue;
        };
        let (mut depth, mut begins) = (1, true);
        for (at, letter) in list.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                letter if begins && letter.is_alphanumeric() => {
                    named.push(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    named
}

/// Crates whose modules use each other in one direction only.
const WITHOUT_CYCLES: &[&str] = &["doorward-federation"];

#[test]
fn modules_of_a_crate_form_no_cycle() {
    for name in WITHOUT_CYCLES {
        let source = root().join("crates").join(name).join("src");
        let mut files = Vec::new();
        sources(&source, &mut files);
        let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in files {
            let shown = path.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
            let module = shown.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code: String = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| [line, "\n"])
                .collect();
            uses.entry(module).or_default().extend(named_modules(&code));
        }
        assert!(uses.len() > 10, "the sources of {name} were not found");
        // Modules that use only modules that are sorted already, until none is left.
        let known: Vec<String> = uses.keys().cloned().collect();
        let mut sorted: Vec<String> = vec!["lib".to_owned()];
        loop {
            let next: Vec<String> = uses
                .iter()
                .filter(|(module, _)| !sorted.contains(module))
                .filter(|(module, used)| {
                    used.iter().all(|used| {
                        used == *module || sorted.contains(used) || !known.contains(used)
                    })
                })
                .map(|(module, _)| module.clone())
                .collect();
            if next.is_empty() {
                break;
            }
            sorted.extend(next);
        }
        let left: Vec<&String> = known.iter().filter(|module| !sorted.contains(module)).collect();
        assert!(left.is_empty(), "{name}: these modules use each other in a circle: {left:?}");
    }
}
