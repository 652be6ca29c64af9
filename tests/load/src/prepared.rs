//! What an administrator prepares before the server starts: users, the clients of services, that of
//! an application which exchanges its users' tokens, a relying party, a trust rule for a workload
//! and a resource server behind a proxy.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    rc::Rc,
};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    behind::Behind,
    http::Outcome,
    keys::Key,
    server::PASSWORD,
    work::{CALLBACK, member},
};

const ISSUER: &str = "https://platform.example";
const SUBJECT: &str = "repo:acme/tools:ref:refs/heads/main";
/// The audience of its tokens: the server is reached on a port that is known only once it runs.
const AUDIENCE: &str = "https://doorward.example";
/// The URL of the resource server, as clients name it, and its host.
pub(crate) const NOTES: &str = "https://notes.example/mcp";
pub(crate) const NOTES_HOST: &str = "notes.example";
/// Its scope.
pub(crate) const NOTES_SCOPE: &str = "notes:read";

/// The program with its folder, which commands and the server share.
pub(crate) struct Program {
    pub(crate) binary: String,
    pub(crate) data: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) database: Option<String>,
}

impl Program {
    /// A command with the environment of the program.
    pub(crate) fn command(&self, word: &str) -> Command {
        let mut command = Command::new(word);
        command.env_clear().env("DOORWARD_DATA_DIR", &self.data);
        command.env("DOORWARD_CONFIG", &self.config);
        if let Some(threads) = std::env::var_os("TOKIO_WORKER_THREADS") {
            command.env("TOKIO_WORKER_THREADS", threads);
        }
        if let Some(url) = &self.database {
            command.env("DOORWARD_STORE__URL", url);
        }
        command
    }

    /// Runs a command with this input, and returns what it printed.
    async fn run(&self, words: &[&str], input: &str) -> Outcome<String> {
        let text = |error: std::io::Error| error.to_string();
        let mut command = self.command(&self.binary);
        command.arg("--json").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::inherit()).spawn().map_err(text)?;
        if let Some(mut stdin) = process.stdin.take() {
            stdin.write_all(input.as_bytes()).await.map_err(text)?;
        }
        let done = process.wait_with_output().await.map_err(text)?;
        if !done.status.success() {
            return Err(format!("{words:?} failed"));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    async fn client(&self, words: &[&str]) -> Outcome<Client> {
        let words = [&["client", "add"], words].concat();
        let printed = self.run(&words, "").await?;
        let added: Value = serde_json::from_str(&printed).map_err(|error| error.to_string())?;
        Ok(Client {
            id: member(&added, "client_id")?,
            secret: member(&added, "client_secret").unwrap_or_default(),
        })
    }
}

/// A client with its secret; empty for a public one.
#[derive(Clone, Default)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// The clients that were prepared.
pub(crate) struct Prepared {
    /// That of a service.
    pub(crate) job: Client,
    /// That of a service which signs what it proves itself by, with its key.
    signer: Client,
    signer_key: Key,
    /// That of an application, which may exchange the tokens that it gets for its users, and gets
    /// assertions about them.
    pub(crate) app: Client,
    /// An application that users sign in to.
    pub(crate) portal: Client,
    /// The key of the platform whose workload a trust rule is about.
    platform: Key,
    behind: Rc<Behind>,
}

impl Prepared {
    /// Adds users and clients. The folder takes the public keys.
    pub(crate) async fn new(
        program: &Program,
        users: usize,
        folder: &Path,
        behind: Rc<Behind>,
    ) -> Outcome<Self> {
        for user in 0..users {
            let name = format!("user{user}");
            let words = ["user", "add", &name, "--password-stdin", "--keep-password"];
            program.run(&words, PASSWORD).await?;
        }
        let file = |name: &str, key: &Key| -> Outcome<String> {
            let file = folder.join(name);
            std::fs::write(&file, key.jwks().to_string()).map_err(|error| error.to_string())?;
            Ok(file.to_string_lossy().into_owned())
        };
        let scope = ["--scope", "mcp:read"];
        let job = ["Job", "--service", "job", scope[0], scope[1]];
        let job = program.client(&job).await?;
        let signer_key = Key::new()?;
        let keys = file("signer.json", &signer_key)?;
        let signer = ["Signer", "--service", "signer", scope[0], scope[1]];
        let method = ["--auth-method", "private_key_jwt", "--jwks", &keys];
        let signer = program.client(&[&signer[..], &method[..]].concat()).await?;
        let method = ["--auth-method", "client_secret_basic"];
        let app = ["App", "--redirect-uri", CALLBACK, method[0], method[1]];
        let app = program.client(&app).await?;
        program.run(&["client", "exchange", &app.id, scope[0], scope[1]], "").await?;
        let portal = ["Portal", "--openid", "--redirect-uri", CALLBACK, method[0], method[1]];
        let portal = program.client(&portal).await?;
        let notes = ["resource", "add", NOTES, "--name", "Notes", "--scope", NOTES_SCOPE];
        program.run(&notes, "").await?;
        let platform = Key::new()?;
        let keys = file("workload.json", &platform)?;
        let rule = ["trust", "add", "Release", "--issuer", ISSUER, "--service", "release"];
        let token = ["--subject", SUBJECT, "--audience", AUDIENCE, "--jwks", &keys];
        program.run(&[&rule[..], &token[..], &scope[..]].concat(), "").await?;
        Ok(Self { job, signer, signer_key, app, portal, platform, behind })
    }

    /// A new token of the workload.
    pub(crate) fn workload_token(&self) -> Outcome<String> {
        self.platform.signed("JWT", json!({"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE}))
    }

    /// A new assertion of the identity provider about this user, for the application.
    pub(crate) fn assertion(&self, user: &str, issuer: &str) -> Outcome<String> {
        let claims = json!({
            "iss": self.behind.provider, "sub": user, "aud": issuer, "client_id": self.app.id,
            "resource": format!("{issuer}/mcp"), "scope": "mcp:read",
            "email": format!("{user}@corp.example"), "email_verified": true,
            "preferred_username": user,
        });
        self.behind.key.signed("oauth-id-jag+jwt", claims)
    }

    /// A new assertion by which the service proves itself.
    pub(crate) fn client_assertion(&self, issuer: &str) -> Outcome<String> {
        let id = &self.signer.id;
        self.signer_key.signed("JWT", json!({"iss": id, "sub": id, "aud": issuer}))
    }
}
