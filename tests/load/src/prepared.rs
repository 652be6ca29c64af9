//! What an administrator prepares before the server starts: users, the client of a service, that of
//! an application which exchanges its users' tokens, and a trust rule for a workload.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    http::Outcome,
    server::PASSWORD,
    work::{CALLBACK, member},
};

const ISSUER: &str = "https://platform.example";
const SUBJECT: &str = "repo:acme/tools:ref:refs/heads/main";
/// The audience of its tokens: the server is reached on a port that is known only once it runs.
const AUDIENCE: &str = "https://doorward.example";

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
    /// That of an application, which may exchange the tokens that it gets for its users.
    pub(crate) app: Client,
    pub(crate) workload: Workload,
}

impl Prepared {
    /// Adds users and clients. The folder takes the public key of the workload.
    pub(crate) async fn new(program: &Program, users: usize, folder: &Path) -> Outcome<Self> {
        for user in 0..users {
            let name = format!("user{user}");
            let words = ["user", "add", &name, "--password-stdin", "--keep-password"];
            program.run(&words, PASSWORD).await?;
        }
        let scope = ["--scope", "mcp:read"];
        let job = ["Job", "--service", "job", scope[0], scope[1]];
        let method = ["--auth-method", "client_secret_basic"];
        let app = ["App", "--redirect-uri", CALLBACK, method[0], method[1]];
        let (job, app) = (program.client(&job).await?, program.client(&app).await?);
        program.run(&["client", "exchange", &app.id, scope[0], scope[1]], "").await?;
        let workload = Workload::new()?;
        let keys = folder.join("workload.json");
        std::fs::write(&keys, workload.jwks().to_string()).map_err(|error| error.to_string())?;
        let keys = keys.to_string_lossy();
        let rule = ["trust", "add", "Release", "--issuer", ISSUER, "--service", "release"];
        let token = ["--subject", SUBJECT, "--audience", AUDIENCE, "--jwks", &keys];
        program.run(&[&rule[..], &token[..], &scope[..]].concat(), "").await?;
        Ok(Self { job, app, workload })
    }
}

/// A platform that signs tokens of its workload.
pub(crate) struct Workload(EcdsaKeyPair);

impl Workload {
    fn new() -> Outcome<Self> {
        let broken = |_| "no key could be made".to_owned();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let document = document.map_err(broken)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref());
        Ok(Self(pair.map_err(|_| "no key could be read".to_owned())?))
    }

    fn jwks(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1", "x": x, "y": y});
        json!({"keys": [key]})
    }

    /// A token of this name.
    pub(crate) fn token(&self, jti: &str) -> Outcome<String> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_err(|error| error.to_string())?.as_secs();
        let claims = json!({
            "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "jti": jti, "iat": now,
            "exp": now + 300,
        });
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "1"});
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let signed = self.0.sign(&SystemRandom::new(), text.as_bytes());
        let signed = signed.map_err(|error| error.to_string())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed.as_ref())))
    }
}
