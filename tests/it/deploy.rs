//! The files in `deploy/`: they say what the program understands, and keeps what it promises.

use std::path::PathBuf;

use serde_json::Value;

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn cw20_the_registry_entry_names_the_remote_and_is_short() {
    let entry: Value = serde_json::from_str(&read("server.json")).unwrap();
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    assert!((1..=100).contains(&text("description").chars().count()));
    let (namespace, name) = text("name")
        .split_once('/')
        .map(|(one, other)| (one.to_owned(), other.to_owned()))
        .unwrap();
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter))
    };
    assert!(plain(&namespace) && plain(&name) && namespace.contains('.'));
    assert_eq!(text("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(entry["remotes"][0]["type"], "streamable-http");
    assert!(entry["remotes"][0]["url"].as_str().unwrap().ends_with("/mcp"));
}

#[test]
fn cw21_cs23_the_image_has_no_root_no_shell_and_a_debug_variant() {
    let file = read("Containerfile");
    let last = file.rsplit("\nFROM ").next().unwrap();
    assert!(
        last.starts_with("gcr.io/distroless/cc-debian12:nonroot")
            && last.contains("USER 65532:65532")
    );
    assert!(file.contains(" AS debug") && file.contains("--locked"));
    // The image with Node.js and uv runs as the same user.
    let local = file.split("\nFROM ").find(|stage| stage.contains(" AS local\n")).unwrap();
    assert!(local.contains("/usr/local/bin/uvx") && local.contains("USER 65532:65532"));
    for name in ["compose.yml", "compose.postgres.yml"] {
        let compose = read(name);
        assert!(
            compose.contains("read_only: true")
                && compose.contains("cap_drop: [ALL]")
                && compose.contains("no-new-privileges"),
            "{name}"
        );
        for variable in compose
            .split_whitespace()
            .filter_map(|word| word.strip_suffix(':'))
            .filter(|word| word.starts_with("DOORWARD_"))
        {
            let key = variable
                .trim_start_matches("DOORWARD_")
                .trim_end_matches("_FILE")
                .replace("__", ".")
                .to_lowercase();
            assert!(
                doorward::config::known_keys().iter().any(|known| known.path() == key),
                "{name}: {variable} is no key"
            );
        }
    }
}

#[test]
fn the_example_configuration_and_the_unit_are_understood() {
    let loaded: Result<doorward::config::Config, _> =
        toml::from_str(&read("doorward.toml.example"));
    assert!(loaded.is_ok(), "{loaded:?}");
    let unit = read("doorward.service");
    for line in [
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "CacheDirectory=doorward",
        "Environment=HOME=/var/cache/doorward",
    ] {
        assert!(unit.lines().any(|known| known == line), "{line}");
    }
    let forbids_node = unit.lines().any(|line| line.starts_with("MemoryDenyWriteExecute"));
    assert!(!forbids_node, "the engine of Node.js makes memory executable that it wrote before");
    for (name, words) in [
        ("proxies/Caddyfile", "flush_interval -1"),
        ("proxies/nginx.conf", "proxy_buffering off;"),
        ("proxies/traefik.yml", "flushInterval"),
    ] {
        assert!(read(name).contains(words), "{name}");
    }
}
