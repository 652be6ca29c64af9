//! The files in `deploy/`: they match the program's settings and behaviour.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
};

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
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

/// Runs a script of `deploy/` with the program of this build.
fn script(name: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(folder().join(name)).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {said}");
    said
}

fn temporary(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("doorward-deploy-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The libraries that the loader finds for a program of a root file system.
fn loaded(root: &std::path::Path, program: &str) -> Vec<String> {
    let loader = root.join("lib64/ld-linux-x86-64.so.2");
    let libraries = root.join("lib/x86_64-linux-gnu");
    let output = std::process::Command::new(loader)
        .args(["--inhibit-cache", "--library-path", libraries.to_str().unwrap(), "--list"])
        .arg(root.join(program))
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    let found = String::from_utf8(output.stdout).unwrap();
    found
        .lines()
        .filter_map(|line| line.split_once("=> "))
        .map(|(_, path)| path.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_root_file_system_of_the_image_has_all_that_the_program_needs_and_no_shell() {
    let root = temporary("image");
    let program = doorward_testkit::binary();
    script("image-root", &[program.to_str().unwrap(), root.to_str().unwrap()]);
    let inside = root.to_str().unwrap();
    let libraries = loaded(&root, "usr/local/bin/doorward");
    assert!(libraries.iter().any(|library| library.contains("libc.so.6")), "{libraries:?}");
    assert!(libraries.iter().all(|library| library.starts_with(inside)), "{libraries:?}");
    for file in ["etc/ssl/certs/ca-certificates.crt", "etc/passwd", "etc/nsswitch.conf"] {
        assert!(root.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    for shell in ["bin/sh", "usr/bin/sh", "usr/local/bin/sh"] {
        assert!(!root.join(shell).exists(), "{shell}");
    }
    assert_eq!(root.join("data").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_image_for_local_servers_has_an_interpreter_for_uv_and_the_tools_of_its_scripts() {
    let (root, tools) = (temporary("image-local"), temporary("tools"));
    std::fs::create_dir_all(&tools).unwrap();
    // This machine need not have uv; what the script adds for it is the same.
    for name in ["uv", "uvx"] {
        std::fs::write(tools.join(name), "#!/bin/sh\n").unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(tools.join(name), mode).unwrap();
    }
    let mut path = tools.clone().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let output = std::process::Command::new(folder().join("image-root"))
        .arg(doorward_testkit::binary())
        .args([root.to_str().unwrap(), "--local"])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Scripts that uvx and npx write begin with these.
    for name in ["uv", "uvx", "sh", "env", "dirname", "realpath", "readlink", "sed"] {
        assert!(root.join("usr/local/bin").join(name).exists(), "{name}");
    }
    let python = std::fs::read_link(root.join("usr/local/bin/python3")).unwrap();
    let python = python.strip_prefix("/").unwrap().to_str().unwrap().to_owned();
    let inside = root.to_str().unwrap();
    let libraries = loaded(&root, &python);
    assert!(libraries.iter().all(|library| library.starts_with(inside)), "{libraries:?}");
    // It finds its modules beside itself, also those that are libraries.
    let home = root.join(&python).parent().unwrap().parent().unwrap().to_owned();
    let run = std::process::Command::new(root.join("lib64/ld-linux-x86-64.so.2"))
        .args(["--inhibit-cache", "--library-path"])
        .arg(root.join("lib/x86_64-linux-gnu"))
        .arg(root.join(&python))
        .args(["-S", "-c", "import ssl, sqlite3, ctypes, venv; print(ssl.__file__)"])
        .env_clear()
        .env("PYTHONHOME", &home)
        .output()
        .unwrap();
    let (said, why) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.starts_with(inside), "{why}");
    std::fs::remove_dir_all(root).unwrap();
    std::fs::remove_dir_all(tools).unwrap();
}

#[test]
fn a_release_is_made_by_one_script_with_everything_in_it() {
    let out = temporary("release");
    let program = doorward_testkit::binary();
    let said =
        script("release", &["--binary", program.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(said.contains("The program needs glibc") || said.contains("is static"), "{said}");
    let names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let ending = |end: &str| {
        let found = names.iter().find(|name| name.ends_with(end));
        found.unwrap_or_else(|| panic!("no file …{end} among {names:?}")).clone()
    };
    let run = |program: &str, arguments: &[&str]| {
        let output =
            std::process::Command::new(program).args(arguments).current_dir(&out).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run("sha256sum", &["--check", "--strict", "SHA256SUMS"]);
    let packed = run("tar", &["-tzf", &ending(".tar.gz")]);
    for file in ["/doorward\n", "/man/doorward.1\n", "/completion/doorward.fish\n", "/LICENSE\n"] {
        assert!(packed.contains(file), "{file}: {packed}");
    }
    let package = ending(".deb");
    let listed = run("dpkg-deb", &["--contents", &package]);
    for file in [
        "./usr/bin/doorward\n",
        "./usr/lib/systemd/system/doorward.service\n",
        "./etc/doorward/doorward.toml\n",
        "./usr/share/man/man1/doorward-serve.1.gz\n",
        "./usr/share/bash-completion/completions/doorward\n",
    ] {
        assert!(listed.contains(file), "{file}: {listed}");
    }
    let unpacked = out.join("unpacked");
    run("dpkg-deb", &["--extract", &package, unpacked.to_str().unwrap()]);
    let version = run(unpacked.join("usr/bin/doorward").to_str().unwrap(), &["--version"]);
    assert_eq!(version.trim(), concat!("doorward ", env!("CARGO_PKG_VERSION")));
    let unit = std::fs::read_to_string(unpacked.join("usr/lib/systemd/system/doorward.service"));
    assert!(unit.unwrap().contains("ExecStart=/usr/bin/doorward serve"));
    let bill: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join(ending(".cdx.json"))).unwrap())
            .unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let names: Vec<&str> = bill["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| component["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"rustls") && names.contains(&"doorward-gateway"));
    assert!(!names.contains(&"doorward-testkit") && !names.contains(&"proptest"));
    for kind in ["image", "image-local"] {
        let root =
            run("tar", &["-tvf", &ending(&format!("-{kind}-{}.tar", std::env::consts::ARCH))]);
        assert!(root.contains("./usr/local/bin/doorward"), "{kind}");
        let data = root.lines().find(|line| line.ends_with(" ./data/")).unwrap();
        assert!(data.starts_with("drwx------ 65532/65532"), "{data}");
    }
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn the_unit_lets_node_run_gives_it_a_home_and_is_valid() {
    let unit = read("doorward.service");
    let settings: Vec<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    // The engine of Node.js makes memory executable that it wrote before.
    assert!(!settings.iter().any(|line| line.starts_with("MemoryDenyWriteExecute")));
    // It asks for memory protection keys, and a call that is not permitted must not end it.
    for line in [
        "CacheDirectory=doorward",
        "Environment=HOME=/var/cache/doorward",
        "SystemCallFilter=@system-service pkey_alloc pkey_free pkey_mprotect",
        "SystemCallErrorNumber=EPERM",
        // Node.js lists the addresses of the machine.
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX",
        // Commands that follow `systemctl start` find the database of the service.
        "Type=notify",
    ] {
        assert!(settings.contains(&line), "{line}");
    }
    // The tool itself reads the unit, on machines that have it: other units need not be there.
    let path = temporary("unit").with_extension("service");
    std::fs::write(&path, unit.replace("/usr/local/bin/doorward", "/bin/true")).unwrap();
    if let Ok(checked) =
        std::process::Command::new("systemd-analyze").arg("verify").arg(&path).output()
    {
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(!said.contains("Unknown") && !said.contains("Failed to parse"), "{said}");
    }
    std::fs::remove_file(path).unwrap();
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
    assert!(local.contains(" python3 "), "uv needs an interpreter");
    for name in ["compose.yml", "compose.postgres.yml", "compose.upstream.yml"] {
        let compose = read(name);
        assert!(
            compose.contains("read_only: true")
                && compose.contains("cap_drop: [ALL]")
                && compose.contains("no-new-privileges"),
            "{name}"
        );
        // A volume has the owner and the mode of the folder in the image. Podman takes no owner for
        // a file system in memory, and replicas must not share a volume.
        let doorward = compose.split("\n  doorward:").nth(1).unwrap();
        let of_doorward = doorward.split("\n  caddy:").next().unwrap();
        let is_shared = of_doorward.contains("volumes: [data:/data]");
        assert_eq!(is_shared, !of_doorward.contains("replicas: 2"), "{name}");
        assert_eq!(of_doorward.matches("/data").count(), 1, "{name}");
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
                doorward::config::known_keys()
                    .iter()
                    .any(|known| known.path().replace(".NAME.", ".wiki.") == key),
                "{name}: {variable} is no key"
            );
        }
    }
}

/// podman-compose knows a network only from the list at the end of the file, `default` included.
#[test]
fn every_network_of_a_compose_file_is_declared() {
    let mut named = 0;
    for name in ["compose.yml", "compose.postgres.yml", "compose.upstream.yml"] {
        let compose = read(name);
        let declared = compose.split("\nnetworks:\n").nth(1).unwrap_or_default();
        for list in compose.lines().filter_map(|line| line.trim().strip_prefix("networks: [")) {
            for network in list.trim_end_matches(']').split(", ") {
                named += 1;
                let found = declared.lines().any(|line| {
                    line.strip_prefix("  ").is_some_and(|line| {
                        line.strip_prefix(network).is_some_and(|rest| rest.starts_with(':'))
                    })
                });
                assert!(found, "{name}: {network}");
            }
        }
    }
    assert_eq!(named, 3);
}

#[test]
fn the_example_configuration_and_the_unit_are_understood() {
    let loaded: Result<doorward::config::Config, _> =
        toml::from_str(&read("doorward.toml.example"));
    assert!(loaded.is_ok(), "{loaded:?}");
    let unit = read("doorward.service");
    for line in
        ["DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="]
    {
        assert!(unit.lines().any(|known| known == line), "{line}");
    }
    for (name, words) in [
        ("proxies/Caddyfile", "flush_interval -1"),
        ("proxies/nginx.conf", "proxy_buffering off;"),
        ("proxies/traefik.yml", "flushInterval"),
        // The program behind a proxy that asks Doorward gets no token of a client.
        ("proxies/forward-auth.Caddyfile", "header_up -Authorization"),
        ("proxies/forward-auth.nginx.conf", "proxy_set_header Authorization \"\";"),
        ("proxies/forward-auth.traefik.yml", "Authorization: \"\""),
        ("proxies/forward-auth.envoy.yaml", "request_headers_to_remove: [authorization]"),
        ("proxies/forward-auth.Caddyfile", "request_header -X_Doorward*"),
        ("proxies/forward-auth.traefik.yml", "X-Doorward_User: \"\""),
        ("proxies/forward-auth.envoy.yaml", "headers_with_underscores_action: DROP_HEADER"),
    ] {
        assert!(read(name).contains(words), "{name}");
    }
}

/// The variables of Doorward in a compose file, with those of `deploy/.env` filled in, and the
/// files of its secrets in `secrets`.
fn environment(name: &str, secrets: &std::path::Path) -> Vec<(String, String)> {
    read(name)
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(variable, _)| variable.starts_with("DOORWARD_"))
        .map(|(variable, value)| {
            let (before, rest) = value.split_once("${").unwrap_or((value, ""));
            let (wanted, after) = rest.split_once('}').unwrap_or_default();
            let filled = match wanted.split_once(":-") {
                Some((_, default)) => default,
                None if wanted.starts_with("PUBLIC_URL:?") => "https://mcp.example.com",
                None if wanted.starts_with("HOST:?") => "mcp.example.com",
                None => wanted,
            };
            let value = format!("{before}{filled}{after}");
            (variable.to_owned(), value.replace("/run/secrets", secrets.to_str().unwrap()))
        })
        .collect()
}

#[tokio::test]
async fn the_program_accepts_the_environment_of_each_compose_file() {
    let secrets = temporary("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("store_url"), "postgres://doorward:p@postgres/doorward").unwrap();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    std::fs::write(secrets.join("master_key"), key).unwrap();
    for (name, has) in [
        ("compose.yml", "mcp.example.com"),
        ("compose.postgres.yml", "postgres"),
        ("compose.upstream.yml", "http://wiki:8000/mcp"),
    ] {
        let variables = environment(name, &secrets);
        assert!(variables.len() > 2, "{name}: {variables:?}");
        let mut given: Vec<(&str, &str)> =
            variables.iter().map(|(variable, value)| (variable.as_str(), value.as_str())).collect();
        // The image sets it.
        given.push(("DOORWARD_SERVER__LISTEN", "0.0.0.0:8400"));
        let run = async |words: &[&str], given: &[(&str, &str)]| {
            let output = doorward_testkit::run_command(words, given, "").await;
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            (output.status.success(), said)
        };
        let (accepted, said) = run(&["config", "check"], &given).await;
        assert!(accepted, "{name}: {said}");
        let (_, shown) = run(&["config", "show"], &given).await;
        assert!(shown.contains(has) || has == "postgres", "{name}: {shown}");
        // A value that cannot be is refused: the check reads these variables.
        given.push(("DOORWARD_LOG__FORMAT", "xml"));
        let (accepted, said) = run(&["config", "check"], &given).await;
        assert!(!accepted && said.contains("log.format"), "{name}: {said}");
    }
    std::fs::remove_dir_all(secrets).unwrap();
}

/// A build of the image copies its whole context into a layer.
#[test]
fn secrets_and_compiled_files_are_not_part_of_the_context_of_the_image() {
    let left_out = std::fs::read_to_string(folder().join("../.dockerignore")).unwrap();
    let ignored = std::fs::read_to_string(folder().join("../.gitignore")).unwrap();
    for path in ["deploy/.env", "deploy/secrets"] {
        assert!(left_out.lines().any(|line| line == path), "{path}");
        assert!(ignored.lines().any(|line| line == format!("/{path}")), "{path}");
    }
    for path in ["**/target", "**/node_modules", ".git"] {
        assert!(left_out.lines().any(|line| line == path), "{path}");
    }
    // Every file beside a compose file that holds a secret is in one of these places.
    let compose = read("compose.postgres.yml");
    let files: Vec<&str> = compose
        .lines()
        .filter_map(|line| line.split_once("{ file: "))
        .map(|(_, path)| path)
        .collect();
    assert_eq!(files.len(), 3);
    assert!(files.iter().all(|path| path.starts_with("./secrets/")), "{files:?}");
}

/// The unit has a user of its own, and commands are run by root.
#[tokio::test]
async fn what_a_command_of_root_makes_in_the_data_directory_belongs_to_the_user_of_the_server() {
    let data = temporary("owner");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    // Where the tests are not run by root, the directory stays their own.
    let given = std::os::unix::fs::chown(&data, Some(61_866), Some(61_866)).is_ok();
    let owner = data.metadata().unwrap().uid();
    assert_eq!(given, owner == 61_866);
    let command = ["--data-dir", data.to_str().unwrap(), "user", "add", "ada"];
    let output = doorward_testkit::run_command(&command, &[], "").await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut made = Vec::new();
    for entry in std::fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        made.push(entry.file_name().into_string().unwrap());
        let metadata = entry.metadata().unwrap();
        assert_eq!(metadata.uid(), owner, "{made:?}");
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{made:?}");
    }
    for name in ["doorward.db", "master.key"] {
        assert!(made.iter().any(|file| file == name), "{made:?}");
    }
    std::fs::remove_dir_all(data).unwrap();
}
