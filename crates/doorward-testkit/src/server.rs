//! A whole server in this process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use doorward::{
    app::App,
    config::{Config, Loaded},
    data_dir::DataDir,
    supervisor::Supervisor,
};
use doorward_accounts::{Authority, NewAccount};
use doorward_model::{Role, User};
use doorward_transport::{
    Listeners, Tls,
    address::TrustedProxies,
    serve::{Deadlines, Limits, serve},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Browser, ManualClock,
    browser::form_value,
    database::{fresh_database, write_migrated},
    leftovers::temporary_directory,
};

/// The password of all users added by [`TestServer::user`].
pub const PASSWORD: &str = "correct horse battery";

/// A running server with a clock that a test sets.
pub struct TestServer {
    /// Its public URL.
    pub url: String,
    /// Its parts.
    pub app: Arc<App>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// The configuration that it runs with.
    pub config: Config,
    /// Its data directory.
    pub data_dir: PathBuf,
    stop: CancellationToken,
}

/// The reverse proxies of a listener: one network.
pub fn proxies(network: &str) -> TrustedProxies {
    TrustedProxies::parse(&[network.to_owned()]).unwrap()
}

impl TestServer {
    /// Starts a server on a fresh database.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server with a configuration changed by `change`.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        // Password hashing must not dominate the duration of the tests.
        config.accounts.argon2_memory_kib = 64;
        config.store.url = fresh_database().await.into();
        config.store.max_connections = 4;
        change(&mut config);
        let data_dir = temporary_directory();
        write_migrated(&config.store, &data_dir).await;
        Self::start_on(config, data_dir).await
    }

    /// Starts a server on existing data, as a second replica or after a stop.
    pub async fn start_on(mut config: Config, data_dir: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bound = listener.local_addr().unwrap();
        config.server.listen = bound.to_string();
        let checked = Loaded { config: config.clone(), ..Loaded::default() }.check().unwrap();
        let public_url = checked.public_url(bound.port()).unwrap();
        let url = public_url.as_str().to_owned();
        let clock = Arc::new(ManualClock::default());
        let data = DataDir::open(&data_dir).unwrap();
        let app = Box::pin(App::open(config.clone(), &checked, &data, public_url, clock.clone()))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, app.router(), Self::limits(), stop.clone().cancelled_owned()));
        // Behind a public name the listener is still reached by its own IP address.
        let url = if config.server.public_url.is_empty() { url } else { format!("http://{bound}") };
        Self { url, app, clock, config, data_dir, stop }
    }

    /// The limits of a test's listener.
    pub fn limits() -> Limits {
        Limits {
            connections: 1024,
            connections_per_address: 1024,
            proxies: TrustedProxies::default(),
            deadlines: Deadlines::default(),
            shutdown: Duration::from_secs(1),
        }
    }

    /// Serves the same on one more listener, with limits of its own. Returns the listener's IP
    /// address and port.
    pub async fn also_on(&self, limits: Limits) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bound = listener.local_addr().unwrap();
        tokio::spawn(serve(
            listener,
            self.app.router(),
            limits,
            self.stop.clone().cancelled_owned(),
        ));
        bound
    }

    /// Serves the same with TLS on one more listener, with limits of its own. Returns the
    /// listener's IP address and port.
    pub async fn also_on_tls(&self, limits: Limits, tls: Tls) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bound = listener.local_addr().unwrap();
        tokio::spawn(serve(
            Listeners::new(vec![listener], Some(tls)),
            self.app.router(),
            limits,
            self.stop.clone().cancelled_owned(),
        ));
        bound
    }

    /// A URL of the server.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Adds a user with [`PASSWORD`].
    pub async fn user(&self, name: &str) -> User {
        self.user_with(name, &[]).await
    }

    /// Adds a user with roles.
    pub async fn user_with(&self, name: &str, roles: &[&str]) -> User {
        let roles = roles.iter().map(|role| Role::parse(role).unwrap()).collect();
        self.app
            .accounts
            .add(
                &Authority::operator(),
                NewAccount {
                    name: name.to_owned(),
                    email: None,
                    password: Some(PASSWORD.to_owned()),
                    password_temporary: false,
                    roles,
                },
            )
            .await
            .unwrap()
    }

    /// Runs the tasks of a whole process beside the listener.
    pub fn keep_house(&self) {
        let mut supervisor = Supervisor::new(self.app.store.clone());
        self.app.housekeeping().unwrap().start(&mut supervisor, &self.app.stop);
        self.app.start_connectors(&mut supervisor);
        let stop = self.app.stop.clone();
        tokio::spawn(async move { supervisor.beside(stop.cancelled(), &stop).await });
    }

    /// A browser in which this user is signed in.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let browser = Browser::new();
        let page = browser.get(&self.at("/login")).await.expect(200);
        let csrf = form_value(&page.body, "csrf").unwrap();
        browser
            .post(&self.at("/login"), &[("csrf", &csrf), ("name", name), ("password", PASSWORD)])
            .await
            .expect(303);
        browser
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.app.stop.cancel();
    }
}

impl TestServer {
    /// Posts a message to `/mcp` as a client of revision 2025-11-25 does.
    pub async fn rpc(&self, token: &str, message: &serde_json::Value) -> crate::Page {
        let browser = Browser::new();
        let request = browser
            .raw(reqwest::Method::POST, &self.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .bearer_auth(token)
            .json(message);
        browser.send(request).await
    }

    /// Calls a tool.
    pub async fn call(&self, token: &str, tool: &str, arguments: serde_json::Value) -> crate::Page {
        self.rpc(token, &serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})).await
    }

    /// True if a token is valid for a call.
    pub async fn calls(&self, token: &str) -> bool {
        let page = self.call(token, "whoami", serde_json::json!({})).await;
        match page.status {
            200 => true,
            401 => false,
            other => panic!("{other}: {}", page.body),
        }
    }
}
