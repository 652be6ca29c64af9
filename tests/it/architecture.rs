//! Permitted edges between crates, and the places of libraries (ARCHITECTURE.md).

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

mod cycles;
mod logs;
mod names;
mod suites;
mod words;

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
    ("doorward-knowledge", &["doorward-model"]),
    ("doorward-connectors", &["doorward-model", "doorward-transport", "doorward-language"]),
    ("doorward-agent", &["doorward-model", "doorward-transport"]),
    (
        "doorward-gateway",
        &[
            "doorward-model",
            "doorward-store",
            "doorward-keys",
            "doorward-transport",
            "doorward-mcp",
            "doorward-knowledge",
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
            "doorward-agent",
            "doorward-connectors",
            "doorward-knowledge",
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
            "doorward-store",
            "doorward-transport",
        ],
    ),
    ("doorward-load", &[]),
    (
        "doorward-tests",
        &[
            "doorward",
            "doorward-testkit",
            "doorward-accounts",
            "doorward-admin",
            "doorward-connectors",
            "doorward-knowledge",
            "doorward-federation",
            "doorward-issuer",
            "doorward-language",
            "doorward-mcp",
            "doorward-gateway",
            "doorward-model",
            "doorward-store",
            "doorward-keys",
            "doorward-registration",
            "doorward-transport",
        ],
    ),
];

/// The places in which a library may be named: its word, and the prefixes of paths.
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
            "crates/doorward/src/data_dir.rs",
        ],
    ),
    ("clap_complete::", &["crates/doorward/src/commands/"]),
    ("clap_mangen::", &["crates/doorward/src/commands/manual.rs"]),
    ("granit_parser", &["crates/doorward-gateway/src/upstreams/openapi/yaml.rs"]),
    ("flate2::", &["crates/doorward-transport/src/outbound/coding.rs", "crates/doorward-testkit/"]),
    (
        "encoding_rs",
        &[
            "crates/doorward-gateway/src/upstreams/openapi/media.rs",
            "crates/doorward-knowledge/src/format/",
        ],
    ),
    (
        "regress::",
        &[
            "crates/doorward-console/src/api/described.rs",
            "crates/doorward-gateway/src/json_schema/values.rs",
        ],
    ),
    ("jsonwebtoken::", &["crates/doorward-keys/"]),
    (
        "aws_lc_rs",
        &[
            "crates/doorward-keys/",
            "crates/doorward-transport/src/tls",
            "crates/doorward-transport/src/outbound/authorities.rs",
            "crates/doorward-testkit/",
            "tests/it/factors.rs",
            "tests/it/openid.rs",
        ],
    ),
    (
        "rustls::",
        &[
            "crates/doorward-transport/src/tls",
            "crates/doorward-transport/src/outbound/authorities.rs",
            "crates/doorward-transport/src/outbound/explain.rs",
            "crates/doorward-testkit/",
            "tests/it/",
        ],
    ),
    ("rcgen::", &["crates/doorward-transport/src/tls/", "crates/doorward-testkit/", "tests/it/"]),
    ("argon2::", &["crates/doorward-accounts/"]),
    (
        "reqwest::Client",
        &["crates/doorward-transport/src/outbound.rs", "crates/doorward-testkit/", "tests/"],
    ),
    (
        "frostem",
        &["crates/doorward-mcp/src/surface/words.rs", "crates/doorward-knowledge/src/stem.rs"],
    ),
    ("tantivy::", &["crates/doorward-knowledge/"]),
    ("html5ever::", &["crates/doorward-knowledge/src/format/html.rs"]),
    ("lopdf::", &["crates/doorward-knowledge/src/format/"]),
    ("mailparse::", &["crates/doorward-knowledge/src/format/mail.rs"]),
    ("quick_xml::", &["crates/doorward-knowledge/src/format/docx.rs"]),
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
fn libraries_are_named_only_in_their_crates() {
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
                || shown.contains("crates/doorward-issuer/src/http/")
                || [
                    "crates/doorward-transport/",
                    "crates/doorward-web/",
                    "crates/doorward-console/",
                    "crates/doorward/",
                    "crates/doorward-testkit/",
                ]
                .iter()
                .any(|place| shown.starts_with(place));
            // The guard, the streams and client authentication are the http part of their crates,
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

/// A body that is parsed without a budget could expand to gigabytes; `Fetched::json` and
/// `Budget::json` count first.
#[test]
fn foreign_input_is_read_within_a_budget() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    for path in files {
        let shown = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        // The budget itself; requests to this server, with bodies that the listener limits; tests.
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

/// The source files of this repository, each with its path from the top.
fn all_sources() -> Vec<(String, std::path::PathBuf)> {
    let mut files = Vec::new();
    for folder in ["crates", "migrations", "tests/it", "fuzz"] {
        sources(&root().join(folder), &mut files);
    }
    let shown = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    let built = |path: &str| path.contains("/target/");
    files.into_iter().map(|path| (shown(&path), path)).filter(|(path, _)| !built(path)).collect()
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let files = all_sources();
    assert!(files.len() > 300, "the sources were not found");
    for (shown, path) in files {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 500, "{shown} has {lines} lines: split it by concern");
    }
}

/// Words with which a documentation comment does not begin: it begins with a noun or a verb.
const OPENINGS: &[&str] = &[
    "What", "Whether", "Which", "Whose", "Who", "Whom", "Whoever", "Somebody", "How", "Why",
    "When", "Where",
];

#[test]
fn documentation_comments_begin_with_a_noun_or_a_verb() {
    for (shown, path) in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let mut begins = true;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            let Some(comment) = comment else {
                begins = true;
                continue;
            };
            let first = comment.split_whitespace().next().unwrap_or_default();
            let word = first.trim_end_matches(['.', ',', ':']);
            assert!(
                !begins || !OPENINGS.contains(&word),
                "{shown}:{}: a comment begins with {first:?}; begin with a noun or a verb",
                number + 1
            );
            begins = first.is_empty();
        }
    }
}

#[test]
fn kinds_of_upstreams_are_distinguished_by_their_own_files_alone() {
    for kind in doorward_gateway::upstreams::KINDS.iter().map(|kind| kind.name) {
        let forms = [
            format!("== \"{kind}\""),
            format!("!= \"{kind}\""),
            format!("\"{kind}\" =>"),
            format!("Some(\"{kind}\")"),
            format!("(\"{kind}\","),
        ];
        // A scheme of URLs has the same name.
        let of_http = ["kind == \"http\"".to_owned(), "name == \"http\"".to_owned()];
        let forms = if kind == "http" { of_http.to_vec() } else { forms.to_vec() };
        let elsewhere = |path: &str| {
            path.starts_with("crates/")
                && !path.starts_with("crates/doorward-gateway/src/upstreams/")
                && !path.starts_with("crates/doorward-testkit/")
        };
        for (shown, path) in all_sources().into_iter().filter(|(path, _)| elsewhere(path)) {
            let text = fs::read_to_string(path).unwrap();
            let found = forms.iter().find(|form| text.contains(form.as_str()));
            assert!(found.is_none(), "{shown} asks for the kind {kind}: {found:?}");
        }
    }
}

/// A router of axum would be compiled for the type of each handler: decision 69.
#[test]
fn handlers_enter_routers_through_one_module() {
    let mut routes = 0;
    let outside = |path: &str| {
        path.starts_with("crates/")
            && !path.starts_with("crates/doorward-transport/")
            && !path.starts_with("crates/doorward-testkit/")
    };
    for (shown, path) in all_sources().into_iter().filter(|(path, _)| outside(path)) {
        let text = fs::read_to_string(&path).unwrap();
        let mut before = String::new();
        for part in text.split_inclusive("routing::") {
            if let Some(lead) = before.strip_suffix("routing::") {
                let is_ours = lead.ends_with("doorward_transport::");
                routes += usize::from(is_ours);
                assert!(
                    is_ours || part.starts_with("MethodRouter"),
                    "{shown} uses the routing of axum; use doorward_transport::routing"
                );
            }
            before = part.to_owned();
        }
        let chained = text.contains(").post(") && text.contains("use axum");
        assert!(!chained, "{shown} adds a handler to a route; use merge(post(…))");
    }
    assert!(routes >= 10, "the routers were not found");
}
