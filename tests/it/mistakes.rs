//! Typical mistakes of operators: each message says what happened and what to do next.

use std::{net::TcpListener, path::PathBuf};

use doorward_testkit::run_command;

fn directory(name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("doorward-mistakes-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The server of PostgreSQL that the tests run on, if they do.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment which database to run on"
)]
fn server_of_the_tests() -> Option<String> {
    std::env::var("DOORWARD_TEST_DATABASE").ok()
}

/// Runs a command: exit status, standard output, standard error.
async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = run_command(arguments, environment, "").await;
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_wrong_data_directory_does_not_look_like_an_empty_server() {
    let folder = directory("nothing");
    let (at, file) = (folder.join("data"), folder.join("before-upgrade.db"));
    let (at, file) = (at.to_str().unwrap(), file.to_str().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    for command in [
        &["backup", file][..],
        &["backup", file, "--with-key"],
        &["audit"],
        &["audit", "verify"],
        &["audit", "export"],
        &["usage"],
        &["usage", "unused"],
    ] {
        let (code, said, error) = run(&[&["--data-dir", at], command].concat(), &[]).await;
        assert!(code == 1 && said.is_empty(), "{command:?}: {said}");
        assert!(
            error.contains(&format!("there is no database {at}/doorward.db"))
                && error.contains("--data-dir"),
            "{command:?}: {error}"
        );
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing was made");
    // The first command that writes begins the data, and says so; the second one has nothing to
    // say.
    let add = |name| ["--data-dir", at, "user", "add", name];
    let (code, _, error) = run(&add("ada"), &[]).await;
    assert!(code == 0 && error.contains("a new one was made"), "{error}");
    let (code, _, error) = run(&add("bob"), &[]).await;
    assert!(code == 0 && error.is_empty(), "{error}");
    assert_eq!(run(&["--data-dir", at, "backup", file], &[]).await.0, 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn files_ports_and_databases_that_cannot_be_used_are_named_with_the_remedy() {
    let folder = directory("remedies");
    let at = folder.to_str().unwrap();
    let (code, _, error) = run(&["--data-dir", at, "user", "add", "ada"], &[]).await;
    assert_eq!(code, 0, "{error}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let text = folder.join("notes.txt");
    std::fs::write(&text, "no database at all, but longer than its beginning").unwrap();
    let short = folder.join("short.txt");
    std::fs::write(&short, "short").unwrap();
    let (text, short) = (text.to_str().unwrap(), short.to_str().unwrap());
    let away = format!("{at}/away/x.db");
    let no_server = "postgres://doorward:hidden@127.0.0.1:1/doorward";
    let no_host = "postgres://doorward:hidden@nowhere.invalid/doorward";
    // If the tests have a server of PostgreSQL, it has no such database.
    let server = server_of_the_tests().unwrap_or_default();
    let no_database = server.rsplit_once('/').map(|(server, _)| format!("{server}/no_such_one"));
    if let Some(no_database) = no_database {
        let all = ["--data-dir", at, "user", "list"];
        let (code, _, error) = run(&all, &[("DOORWARD_STORE__URL", &no_database)]).await;
        assert!(code == 1 && error.contains("createdb no_such_one"), "{error}");
    }
    for (command, database, words) in [
        (&["restore", text][..], "", &["notes.txt is no backup", "doorward backup"][..]),
        (&["restore", short], "", &["short.txt is no backup"]),
        (&["restore", at], "", &["cannot be read"]),
        (&["backup", &away], "", &["away/x.db cannot be written", "a folder that exists"]),
        (&["--config", &away, "user", "list"], "", &["away/x.db cannot be read", "--config"]),
        (
            &["serve", "--listen", "192.0.2.1:8400", "--public-url", "https://a.example"],
            "",
            &["192.0.2.1:8400 cannot be listened on", "no such IP address"],
        ),
        (&["serve", "--listen", &listen], "", &["cannot be listened on", "choose another"]),
        (
            &["user", "list"],
            no_server,
            &[
                "the database doorward at 127.0.0.1:1 cannot be opened",
                "refused",
                "start the database server",
                "store.url",
            ],
        ),
        (&["user", "list"], no_host, &["nowhere.invalid:5432 cannot be opened", "check the host"]),
    ] {
        let all = [&["--data-dir", at], command].concat();
        let (code, _, error) = run(&all, &[("DOORWARD_STORE__URL", database)]).await;
        assert_eq!(code, 1, "{command:?}: {error}");
        for word in words {
            assert!(error.contains(word), "{command:?}, {word}: {error}");
        }
        assert!(!error.contains("hidden") && !error.contains("pool"), "{command:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{command:?}: {error}");
    }
    drop(taken);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn who_can_sign_in_with_entra_names_the_tenants() {
    let folder = directory("entra");
    let at = folder.to_str().unwrap();
    let tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    let set = format!("tenants={tenant}");
    let add = ["--data-dir", at, "provider", "add", "entra", "--kind", "entra", "--client-id", "x"];
    let more = ["--client-secret-stdin", "--set", &set];
    let output = run_command(&[&add[..], &more].concat(), &[], "secret").await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success()
            && said.contains(&format!(
                "all of these rules can sign in and get an account here: tenants = {tenant}"
            )),
        "{said}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}
