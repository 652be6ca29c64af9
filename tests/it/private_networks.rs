//! Upstreams in networks that are not public, with the real program: they are reached where the
//! operator listed the network, without TLS too, and nowhere else.

use std::path::{Path, PathBuf};

use doorward_testkit::{DoorwardProcess, FakeUpstream, run_command};

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("doorward-private-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

async fn run(data: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let data = data.to_str().unwrap();
    let output = run_command(&[&["--data-dir", data], arguments].concat(), variables, "").await;
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn one_setting_lets_an_upstream_be_reached_without_tls_and_the_server_warns_once() {
    let folder = directory("one");
    let data = folder.join("data");
    let wiki = FakeUpstream::start().await;
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let server = DoorwardProcess::start_with_log(&data, "127.0.0.1:0", &[], log).await;
    let by_name = wiki.url.replace("127.0.0.1", "localhost");
    for (name, url, setting) in [
        ("network", wiki.url.as_str(), "networks=127.0.0.0/8"),
        ("address", &wiki.url, "networks=127.0.0.1"),
        ("name", &by_name, "networks=127.0.0.0/8,::1"),
        ("word", &wiki.url, "http_on_loopback=true"),
    ] {
        let added = run(
            &data,
            &["upstream", "add", name, "--kind", "http", "--url", url, "--set", setting],
            &[],
        )
        .await;
        assert_eq!(added.0, 0, "{name}: {}", added.2);
        let tested = run(&data, &["upstream", "test", name], &[]).await;
        assert_eq!(tested.0, 0, "{name}: {}{}", tested.1, tested.2);
    }
    // The server takes them up and warns of each once, whatever is asked of it.
    for _ in 0..3 {
        doorward_testkit::Browser::new().get(&format!("{}/login", server.url)).await.expect(200);
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    for name in ["network", "address", "name", "word"] {
        let warned = log
            .lines()
            .filter(|line| {
                line.contains("without TLS") && line.contains(&format!("upstream={name} "))
            })
            .count();
        assert_eq!(warned, 1, "{name}: {log}");
    }
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_network_that_is_not_public_is_refused_with_the_command_that_would_allow_it() {
    let data = directory("refused");
    let add = async |more: &[&str]| {
        run(&data, &[&["upstream", "add", "wiki", "--kind", "http"], more].concat(), &[]).await
    };
    for (more, told) in [
        (&["--url", "http://10.0.0.5:8000/mcp"][..], "--set networks=10.0.0.5/32"),
        (&["--url", "https://10.0.0.5/mcp"], "--set networks=10.0.0.5/32"),
        (&["--url", "http://127.0.0.1:9/mcp"], "--set networks=127.0.0.1/32"),
        (&["--url", "http://localhost:9/mcp"], "--set networks="),
        (&["--url", "http://[fd00::5]:8000/mcp"], "--set networks=fd00::5/128"),
        (
            &[
                "--url",
                "http://10.0.0.5/mcp",
                "--set",
                "networks=10.0.1.0/24",
                "--set",
                "title=The wiki",
            ],
            "'title=The wiki'",
        ),
    ] {
        let refused = add(more).await;
        assert_eq!(refused.0, 1, "{more:?}: {}", refused.1);
        assert!(
            refused.2.contains(told) && refused.2.contains("upstream add wiki --kind http --url"),
            "{more:?}: {}",
            refused.2
        );
        assert!(refused.2.contains("which is not public"), "{}", refused.2);
    }
    // The command that is shown is accepted as it is.
    let shown = add(&["--url", "http://10.0.0.5:8000/mcp", "--set", "title=A wiki"]).await.2;
    let command = shown.split_once("To allow it: ").unwrap().1.trim().to_owned();
    let accepted =
        tokio::process::Command::new("sh").args(["-c", &command]).output().await.unwrap();
    assert!(accepted.status.success(), "{command}: {}", String::from_utf8_lossy(&accepted.stderr));
    assert!(run(&data, &["upstream", "list"], &[]).await.1.contains("http://10.0.0.5:8000/mcp"));
    // The same for a change, which keeps the networks of before.
    let set = async |words: &[&str]| {
        run(&data, &[&["upstream", "set", "wiki"], words].concat(), &[]).await
    };
    let refused = set(&["url=http://10.0.0.9/mcp", "title=B"]).await;
    let (_, command) = refused.2.split_once("To allow it: ").unwrap();
    assert!(command.contains("networks=10.0.0.5/32,10.0.0.9/32"), "{command}");
    assert!(!command.contains("--set"), "{command}");
    let accepted =
        tokio::process::Command::new("sh").args(["-c", command.trim()]).output().await.unwrap();
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    let named = set(&["url=http://wiki.invalid/mcp", "networks="]).await;
    assert!(named.0 == 1 && named.2.contains("list the network that it is in"), "{}", named.2);
    assert_eq!(set(&["titel=C"]).await.0, 1);
    assert!(set(&["titel=C"]).await.2.contains("did you mean title?"));
    // http to a public IP address is never right, whatever is listed beside it.
    let public = add(&["--url", "http://93.184.216.34/mcp", "--set", "networks=10.0.0.0/8"]).await;
    assert!(public.0 == 1 && public.2.contains("is http"), "{}", public.2);
    let provider = run(
        &data,
        &[
            "provider",
            "add",
            "sso",
            "--kind",
            "oidc",
            "--client-id",
            "x",
            "--issuer",
            "https://10.0.0.7/realm",
        ],
        &[],
    )
    .await;
    assert!(provider.0 == 1 && provider.2.contains("--set networks=10.0.0.7/32"), "{}", provider.2);
    std::fs::remove_dir_all(data).unwrap();
}

#[tokio::test]
async fn networks_that_are_listed_for_all_count_for_upstreams_of_the_file_too() {
    let data = directory("for-all");
    let variables = [
        ("DOORWARD_UPSTREAMS__WIKI__KIND", "http"),
        ("DOORWARD_UPSTREAMS__WIKI__URL", "http://10.0.0.5:8000/mcp"),
    ];
    let refused = run(&data, &["config", "check"], &variables).await;
    assert!(refused.0 == 1 && refused.2.contains("upstreams.wiki.url: is http"), "{}", refused.2);
    let listed = [&variables[..], &[("DOORWARD_OUTBOUND__ALLOW_NETWORKS", "10.0.0.0/24")]].concat();
    assert_eq!(run(&data, &["config", "check"], &listed).await.0, 0);
    let own = [&variables[..], &[("DOORWARD_UPSTREAMS__WIKI__NETWORKS", "10.0.0.5")]].concat();
    assert_eq!(run(&data, &["config", "check"], &own).await.0, 0);
    std::fs::remove_dir_all(data).unwrap();
}
