//! The program itself, as a process.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{Browser, OAuthClient, PASSWORD, form_value};

/// A user at a server that runs as a process.
pub struct Visitor {
    /// A browser in which they are signed in.
    pub browser: Browser,
    /// A token of this user for everything below `/mcp`.
    pub token: String,
}

/// A running `doorward serve`.
pub struct DoorwardProcess {
    /// Its public URL.
    pub url: String,
    /// Its output before it was ready.
    pub printed: String,
    /// The time from the start to the first answer.
    pub started_in: Duration,
    child: Child,
}

/// The binary that belongs to this build of the tests.
pub fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join("doorward");
    assert!(
        path.exists(),
        "{} is missing: build it with `cargo build -p doorward` first",
        path.display()
    );
    path
}

/// Runs a command to its end. `variables` are added to an otherwise empty environment.
pub async fn run_command(arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Output {
    use tokio::io::AsyncWriteExt;
    let mut child = Command::new(binary())
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap()
}

impl DoorwardProcess {
    /// Starts a server and waits until it answers.
    pub async fn start(data_dir: &Path, listen: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_as(None, data_dir, listen, variables, Stdio::null()).await
    }

    /// Starts a server with a certificate that only configured clients trust, and waits until it
    /// accepts connections. `arguments` follow those of every start.
    pub async fn start_with_tls(data_dir: &Path, listen: &str, arguments: &[&str]) -> Self {
        Self::start_with_tls_and_log(data_dir, listen, arguments, &[], Stdio::null()).await
    }

    /// Starts such a server with variables of its environment, and with its log in a file.
    pub async fn start_with_tls_and_log(
        data_dir: &Path,
        listen: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
        log: impl Into<Stdio>,
    ) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["serve", "--data-dir", data_dir.to_str().unwrap(), "--listen", listen])
            .args(arguments);
        let begun = Instant::now();
        let (child, printed, url) = Self::announced(&mut command, variables, log.into()).await;
        let authority = url.trim_start_matches("https://").to_owned();
        while tokio::net::TcpStream::connect(&authority).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no response");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { url, printed, started_in: begun.elapsed(), child }
    }

    /// Starts a process and reads its output until it is ready: the process, its output and its
    /// public URL.
    async fn announced(
        command: &mut Command,
        variables: &[(&str, &str)],
        log: Stdio,
    ) -> (Child, String, String) {
        let mut child = command
            .env_clear()
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut printed, mut url) = (String::new(), String::new());
        while url.is_empty() || !printed.ends_with("\n\n") {
            let Ok(Some(line)) = lines.next_line().await else { break };
            if let Some(found) = line.trim().strip_prefix("MCP URL") {
                found.trim().strip_suffix("/mcp").unwrap().clone_into(&mut url);
            }
            printed.push_str(&line);
            printed.push('\n');
            if line.is_empty() && !url.is_empty() {
                break;
            }
        }
        assert!(!url.is_empty(), "the server did not start: {printed}");
        (child, printed, url)
    }

    /// Starts a server with its log in a file.
    pub async fn start_with_log(
        data_dir: &Path,
        listen: &str,
        variables: &[(&str, &str)],
        log: impl Into<Stdio>,
    ) -> Self {
        Self::start_as(None, data_dir, listen, variables, log).await
    }

    /// Starts a server as another user of the operating system, where the tests run as root.
    pub async fn start_as(
        user: Option<u32>,
        data_dir: &Path,
        listen: &str,
        variables: &[(&str, &str)],
        log: impl Into<Stdio>,
    ) -> Self {
        let begun = Instant::now();
        let mut command = match user {
            None => Command::new(binary()),
            Some(user) => {
                // The folder of the build may be closed to other users.
                let folder = data_dir.parent().unwrap();
                std::fs::copy(binary(), folder.join("doorward")).unwrap();
                let mut command = Command::new(folder.join("doorward"));
                command.uid(user).gid(user).current_dir(folder);
                command
            }
        };
        command.args(["serve", "--data-dir", data_dir.to_str().unwrap(), "--listen", listen]);
        let (child, printed, url) = Self::announced(&mut command, variables, log.into()).await;
        let browser = crate::Browser::new();
        loop {
            if browser.raw(reqwest::Method::GET, &format!("{url}/healthz")).send().await.is_ok() {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no response");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { url, printed, started_in: begun.elapsed(), child }
    }

    /// Adds a user by command, signs them in, and gets a token by which a client may call
    /// everything for them.
    pub async fn user(&self, data_dir: &Path, variables: &[(&str, &str)], name: &str) -> Visitor {
        let data = data_dir.to_str().unwrap();
        let added = run_command(
            &["--data-dir", data, "user", "add", name, "--password-stdin", "--keep-password"],
            variables,
            PASSWORD,
        )
        .await;
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let base = &self.url;
        let browser = Browser::new();
        let page = browser.get(&format!("{base}/login")).await.expect(200);
        let csrf = form_value(&page.body, "csrf").unwrap();
        browser
            .post(
                &format!("{base}/login"),
                &[("csrf", &csrf), ("name", name), ("password", PASSWORD)],
            )
            .await
            .expect(303);
        let client = OAuthClient::register_at(base).await;
        let token = client.tokens(&browser, &[("scope", "mcp:destructive")]).await.access;
        Visitor { browser, token }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Ends it without any chance to tidy up.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop and answers its exit status.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM").await;
        self.child.wait().await.unwrap().code()
    }

    /// Sends a signal.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(
            Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap().success()
        );
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}
