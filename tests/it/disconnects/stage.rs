//! The server, its users, and requests as plain bytes.

use std::time::Duration;

use doorward_testkit::{Browser, FakeUpstream, OAuthClient, TestServer, form_value};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Numbers of dropped requests of a quick route, and of one that takes longer to prepare or does
/// much.
pub(super) const EACH: u64 = 100;
pub(super) const FEW: u64 = 20;

pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

/// One request in plain bytes.
pub(super) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    format!("{head}\r\n{body}").into_bytes()
}

pub(super) fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(super) fn cookies(browser: &Browser) -> String {
    browser.cookies()
}

/// Sends a request and closes its connection after up to 20 ms.
async fn drop_one(address: String, bytes: Vec<u8>, seed: u64) {
    let Ok(mut stream) = TcpStream::connect(&address).await else { return };
    let _ = stream.write_all(&bytes).await;
    // Spread over the whole range, and different for each kind.
    tokio::time::sleep(Duration::from_micros(seed.wrapping_mul(7_919) % 20_000)).await;
}

pub(super) async fn drop_all(address: &str, requests: Vec<Vec<u8>>, at_once: usize) {
    for (round, some) in requests.chunks(at_once).enumerate() {
        let all: Vec<_> = some
            .iter()
            .enumerate()
            .map(|(index, bytes)| {
                tokio::spawn(drop_one(
                    address.to_owned(),
                    bytes.clone(),
                    (round * at_once + index) as u64,
                ))
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
    }
}

/// Sends a request and answers the status.
pub(super) async fn send_one(address: &str, bytes: Vec<u8>) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut head = [0; 12];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut head))
        .await
        .expect("no answer")
        .unwrap();
    let text = String::from_utf8_lossy(&head).into_owned();
    text.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

/// The value of a field in the form of `page` that posts to `action`.
pub(super) fn field_of(page: &str, action: &str, field: &str) -> String {
    let at = page.find(&format!("{action}\"")).unwrap_or_else(|| panic!("no form for {action}"));
    form_value(&page[at..], field).unwrap_or_default()
}

pub(super) struct Stage {
    pub(super) server: TestServer,
    pub(super) address: String,
    pub(super) client: OAuthClient,
    /// A key for the API.
    pub(super) key: String,
    /// A personal access token of alice.
    pub(super) token: String,
    pub(super) upstream: FakeUpstream,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let upstream = FakeUpstream::start().await;
        let wiki = upstream.config("none");
        let server = TestServer::start_with(move |config| {
            config.upstreams.insert("wiki".to_owned(), wiki);
            config.outbound.administered_networks = vec!["127.0.0.0/8".to_owned()];
            config.policy.rules = vec!["confirm tool=wipe".to_owned()];
            // These limits have tests of their own; here they would refuse requests before the work
            // in which they are to be dropped.
            config.registration.burst_per_address = 10_000;
            config.limits.calls_per_minute_user = 100_000;
            config.limits.calls_per_minute_client = 100_000;
            (
                config.accounts.failures_before_delay,
                config.accounts.address_failures_before_delay,
            ) = (10_000, 10_000);
        })
        .await;
        server.user("alice").await;
        server.user("bob").await;
        let root = server.user_with("root", &["admin"]).await;
        let key = crate::admin::key(&server, &root, "admin").await;
        let client = OAuthClient::register(&server).await;
        let browser = server.signed_in("alice").await;
        let scope = [("scope-mcp:destructive", "1")];
        let token = crate::access_tokens::made(&server, &browser, "all", &scope).await;
        let address = server.url.trim_start_matches("http://").to_owned();
        Self { server, address, client, key, token, upstream }
    }

    /// A browser in which alice is signed in.
    pub(super) async fn browser(&self) -> Browser {
        self.server.signed_in("alice").await
    }

    /// A browser in which the administrator is signed in.
    pub(super) async fn root(&self) -> Browser {
        self.server.signed_in("root").await
    }

    /// A form as `browser` posts it.
    pub(super) fn post(&self, path: &str, browser: &Browser, fields: &[(&str, &str)]) -> Vec<u8> {
        let cookies = cookies(browser);
        let headers = [FORM, ("cookie", cookies.as_str()), ("origin", self.server.url.as_str())];
        request(&self.address, "POST", path, &headers, &encode(fields))
    }

    /// A request to the API. `seen` is the state that the change is about.
    pub(super) fn api(
        &self,
        method: &str,
        path: &str,
        seen: Option<&str>,
        body: &serde_json::Value,
    ) -> Vec<u8> {
        let (bearer, tag) =
            (format!("Bearer {}", self.key), format!("\"{}\"", seen.unwrap_or_default()));
        let mut headers = vec![JSON, ("authorization", bearer.as_str())];
        if seen.is_some() {
            headers.push(("if-match", tag.as_str()));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(&self.address, method, path, &headers, &body)
    }

    /// The answer of the API, and the state that it names.
    pub(super) async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &serde_json::Value,
    ) -> (serde_json::Value, String) {
        let browser = Browser::new();
        let mut asked = browser.raw(method, &self.server.at(path)).bearer_auth(&self.key);
        if !body.is_null() {
            asked = asked.json(body);
        }
        let page = browser.send(asked).await;
        assert!(page.status < 300, "{path}: {} {}", page.status, page.body);
        let tag = page.header("etag").trim_matches('"').to_owned();
        (page.json(), tag)
    }

    /// An added user, with the state of the account.
    pub(super) async fn added(&self, name: &str) -> (String, String) {
        let (user, tag) = self
            .ask(reqwest::Method::POST, doorward_model::routes::API_USERS, &json!({"name": name}))
            .await;
        (user["id"].as_str().unwrap().to_owned(), tag)
    }

    /// Calls of a tool at a path.
    pub(super) fn calls(&self, path: &str, token: &str, tool: &str) -> Vec<Vec<u8>> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}}).to_string();
        let bearer = format!("Bearer {token}");
        let headers = [
            JSON,
            ("accept", "application/json, text/event-stream"),
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", "2025-11-25"),
        ];
        (0..EACH).map(|_| request(&self.address, "POST", path, &headers, &body)).collect()
    }
}
