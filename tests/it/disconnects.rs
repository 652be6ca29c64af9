//! Requests whose client goes away at a random moment. Everything that was stored has its entry,
//! everything that was refused is counted, and what the requests held is returned.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use doorward_model::{AuditEvent, AuditFilter, Clock, GrantId, RecordedKind, routes};
use doorward_store::ClientFilter;
use doorward_testkit::{
    Browser, DoorwardProcess, OAuthClient, PASSWORD, Pkce, TestServer, form_value,
};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// How many requests of each kind are dropped.
const EACH: u64 = 100;

/// The routes whose requests are dropped here.
const DRIVEN: &[&str] = &[
    routes::REGISTER,
    routes::AUTHORIZE,
    routes::LOGIN,
    routes::CONSENT,
    routes::TOKEN,
    routes::REVOKE,
    routes::LOGOUT,
    routes::ACCOUNT_WITHDRAW,
    routes::ACCOUNT_END_SESSION,
    routes::API_PEOPLE,
    routes::API_SETTINGS,
    routes::MCP,
];

/// One request in plain bytes.
fn request(
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

fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Sends a request and closes its connection after up to 20 ms.
async fn drop_one(address: String, bytes: Vec<u8>, seed: u64) {
    let Ok(mut stream) = TcpStream::connect(&address).await else { return };
    let _ = stream.write_all(&bytes).await;
    // Spread over the whole range, and different for each kind.
    tokio::time::sleep(Duration::from_micros(seed.wrapping_mul(7_919) % 20_000)).await;
}

async fn drop_all(address: &str, requests: Vec<Vec<u8>>, at_once: usize) {
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

struct Stage {
    server: TestServer,
    address: String,
    client: OAuthClient,
    browser: Browser,
    key: String,
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

fn cookies(browser: &Browser) -> String {
    browser.cookies()
}

/// The token of the form that posts to `action`.
fn csrf_of(page: &str, action: &str) -> String {
    let at = page.find(&format!("{action}\"")).unwrap_or_else(|| panic!("no form for {action}"));
    form_value(&page[at..], "csrf").unwrap()
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start_with(|config| {
            // These limits have tests of their own; here they would keep requests from what they
            // are to be dropped in.
            config.registration.burst_per_address = 10_000;
            (
                config.accounts.failures_before_delay,
                config.accounts.address_failures_before_delay,
            ) = (10_000, 10_000);
        })
        .await;
        server.person("alice").await;
        let root = server.person_with("root", &["admin"]).await;
        let key = crate::admin::key(&server, &root, "admin").await;
        let client = OAuthClient::register(&server).await;
        let browser = server.signed_in("alice").await;
        let address = server.url.trim_start_matches("http://").to_owned();
        Self { server, address, client, browser, key }
    }

    fn post(&self, path: &str, browser: &Browser, fields: &[(&str, &str)]) -> Vec<u8> {
        let origin = self.server.url.clone();
        request(
            &self.address,
            "POST",
            path,
            &[FORM, ("cookie", &cookies(browser)), ("origin", &origin)],
            &encode(fields),
        )
    }

    async fn codes(&self) -> Vec<(String, Pkce)> {
        let mut codes = Vec::new();
        for _ in 0..EACH {
            let pkce = Pkce::default();
            codes.push((self.client.code(&self.browser, &pkce, &[]).await, pkce));
        }
        codes
    }

    fn redeem(&self, code: &str, pkce: &Pkce) -> Vec<u8> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client.id.as_str()),
            ("code", code),
            ("code_verifier", pkce.verifier.as_str()),
            ("redirect_uri", self.client.redirect_uri.as_str()),
        ];
        request(&self.address, "POST", routes::TOKEN, &[FORM], &encode(&fields))
    }

    /// Calls of a tool.
    async fn calls(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let access = self.client.tokens(&self.browser, &[]).await.access;
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}).to_string();
        let (bearer, accept) =
            (format!("Bearer {access}"), ("accept", "application/json, text/event-stream"));
        for _ in 0..EACH {
            let headers = [
                JSON,
                accept,
                ("authorization", bearer.as_str()),
                ("mcp-protocol-version", "2025-11-25"),
            ];
            all.push(request(&self.address, "POST", routes::MCP, &headers, &body));
        }

        all
    }

    /// The requests of a route.
    #[expect(clippy::too_many_lines, reason = "one row for each endpoint")]
    async fn requests(&self, route: &str) -> Vec<Vec<u8>> {
        let address = &self.address;
        let bearer = format!("Bearer {}", self.key);
        let mut all = Vec::new();
        match route {
            routes::REGISTER => {
                for number in 0..EACH {
                    let body = json!({"redirect_uris": ["http://127.0.0.1:7777/cb"], "client_name": format!("dropped {number}")}).to_string();
                    all.push(request(address, "POST", route, &[JSON], &body));
                }
            }
            routes::AUTHORIZE => {
                for _ in 0..EACH {
                    let url = self.client.authorize_url(&Pkce::default(), &[]);
                    let path = url.strip_prefix(&self.server.url).unwrap().to_owned();
                    all.push(request(
                        address,
                        "GET",
                        &path,
                        &[("cookie", &cookies(&self.browser))],
                        "",
                    ));
                }
            }
            routes::LOGIN => {
                for number in 0..EACH {
                    let stranger = Browser::new();
                    let page = stranger.get(&self.server.at(routes::LOGIN)).await.expect(200);
                    let csrf = form_value(&page.body, "csrf").unwrap();
                    let ghost = format!("ghost{number}");
                    // Half of them are right.
                    let (name, password) = if number % 2 == 0 {
                        ("alice", PASSWORD)
                    } else {
                        (ghost.as_str(), "wrong password")
                    };
                    all.push(self.post(
                        route,
                        &stranger,
                        &[("csrf", &csrf), ("name", name), ("password", password)],
                    ));
                }
            }
            routes::CONSENT => {
                for _ in 0..EACH {
                    let page = self.client.consent_page(&self.browser, &Pkce::default(), &[]).await;
                    let form = &page.body[page.body.find("/consent\"").unwrap()..];
                    let (csrf, sealed) =
                        (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
                    let fields = [
                        ("csrf", csrf.as_str()),
                        ("request", sealed.as_str()),
                        ("decision", "allow"),
                        ("scope-mcp:read", "on"),
                    ];
                    all.push(self.post(route, &self.browser, &fields));
                }
            }
            routes::TOKEN => {
                let mut refreshes = Vec::new();
                for (index, (code, pkce)) in self.codes().await.into_iter().enumerate() {
                    if index % 2 == 0 {
                        all.push(self.redeem(&code, &pkce));
                        continue;
                    }
                    let tokens = self.client.redeem(&code, &pkce, &[]).await.expect(200).json();
                    refreshes.push(tokens["refresh_token"].as_str().unwrap().to_owned());
                }
                for token in refreshes {
                    let fields = [
                        ("grant_type", "refresh_token"),
                        ("client_id", self.client.id.as_str()),
                        ("refresh_token", &token),
                    ];
                    all.push(request(address, "POST", route, &[FORM], &encode(&fields)));
                }
            }
            routes::REVOKE => {
                for _ in 0..EACH / 4 {
                    let refresh = self.client.tokens(&self.browser, &[]).await.refresh;
                    let fields =
                        [("client_id", self.client.id.as_str()), ("token", refresh.as_str())];
                    all.push(request(address, "POST", route, &[FORM], &encode(&fields)));
                }
            }
            routes::LOGOUT | routes::ACCOUNT_END_SESSION => {
                for _ in 0..EACH / 4 {
                    let browser = self.server.signed_in("alice").await;
                    let page = browser.get(&self.server.at(routes::ACCOUNT)).await.expect(200);
                    let csrf = csrf_of(&page.body, route);
                    let session = form_value(
                        &page.body[page.body.find(&format!("{route}\"")).unwrap()..],
                        "session_id",
                    )
                    .unwrap_or_default();
                    all.push(self.post(
                        route,
                        &browser,
                        &[("csrf", &csrf), ("session_id", &session)],
                    ));
                }
            }
            routes::ACCOUNT_WITHDRAW => {
                for _ in 0..EACH / 10 {
                    self.client.tokens(&self.browser, &[]).await;
                    let page = self.browser.get(&self.server.at(routes::ACCOUNT)).await.expect(200);
                    let csrf = csrf_of(&page.body, route);
                    all.push(self.post(
                        route,
                        &self.browser,
                        &[("csrf", &csrf), ("client_id", &self.client.id)],
                    ));
                }
            }
            routes::API_PEOPLE => {
                for number in 0..EACH {
                    let body = json!({"name": format!("added{number}")}).to_string();
                    all.push(request(
                        address,
                        "POST",
                        route,
                        &[JSON, ("authorization", &bearer)],
                        &body,
                    ));
                }
            }
            routes::API_SETTINGS => {
                for number in 0..EACH {
                    let body = json!({"notice": format!("notice {number}")}).to_string();
                    all.push(request(
                        address,
                        "PATCH",
                        route,
                        &[JSON, ("authorization", &bearer)],
                        &body,
                    ));
                }
            }
            routes::MCP => all = self.calls().await,
            other => panic!("{other} is not driven"),
        }
        all
    }

    async fn entries(&self, kind: &str) -> Vec<AuditEvent<RecordedKind>> {
        let filter = AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() };
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.server.app.store.audit(&filter, before, 200).await.unwrap();
            found.extend(page.entries.into_iter().map(|entry| entry.event));
            before = page.before;
            if before.is_none() {
                return found;
            }
        }
    }

    async fn subjects(&self, kind: &str) -> BTreeSet<String> {
        self.entries(kind).await.into_iter().map(|event| event.subject).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dropped_request_stored_has_its_entry_and_what_it_was_refused_is_counted() {
    let mut stage = Stage::new().await;
    for route in DRIVEN {
        // Some of them end sessions.
        stage.browser = stage.server.signed_in("alice").await;
        let requests = stage.requests(route).await;
        drop_all(&stage.address, requests, 10).await;
    }
    let store = &stage.server.app.store;
    // What was handed over goes on without its request; nothing here waits for more than that.
    tokio::time::sleep(Duration::from_millis(500)).await;
    store.flush().await.unwrap();
    let now = stage.server.clock.now();

    let clients: BTreeSet<String> = store
        .clients(ClientFilter::default(), 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|client| format!("client:{}", client.id))
        .collect();
    assert!(clients.len() > 10, "{}", clients.len());
    assert_eq!(clients, stage.subjects("client.added").await);

    let people: BTreeSet<String> = store
        .people()
        .await
        .unwrap()
        .into_iter()
        .map(|person| format!("person:{}", person.id))
        .collect();
    assert!(people.len() > 10, "{}", people.len());
    assert_eq!(people, stage.subjects("person.added").await);

    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    let signed_in: BTreeSet<String> = stage
        .entries("person.signed_in")
        .await
        .into_iter()
        .filter_map(|event| event.actor.session_id)
        .collect();
    for session in store.sessions_of(&alice.id, now).await.unwrap() {
        assert!(
            signed_in.contains(session.id.as_str()),
            "a session without its entry: {session:?}"
        );
    }

    let given = stage.subjects("grant.given").await;
    let revoked = stage.subjects("grant.revoked").await;
    let live = store.live_grants_of(&alice.id, now).await.unwrap();
    for grant in &live {
        assert!(
            given.contains(&format!("grant:{}", grant.id)),
            "a grant without its entry: {}",
            grant.id
        );
    }
    for subject in &given {
        let id = GrantId::from_text(subject.trim_start_matches("grant:"));
        let ended = store
            .grant_uncached(&id)
            .await
            .unwrap()
            .expect("an entry about a grant that is not stored")
            .revoked_at
            .is_some();
        assert!(!ended || !revoked.is_empty());
    }
    assert!(given.len() > 10, "{}", given.len());

    let failed: BTreeSet<String> = stage.subjects("person.sign_in_failed").await;
    assert!(failed.len() > 10, "only {} failures were noted", failed.len());
    for number in (1..EACH).step_by(2) {
        let key = format!("account:ghost{number}");
        let counted = store.login_failures(&key).await.unwrap().failures;
        assert_eq!(
            counted > 0,
            failed.contains(&format!("sign_in:{key}")),
            "{key}: counted {counted}"
        );
    }

    // What the requests held is free again: other requests are answered at once.
    let begun = Instant::now();
    let browser = stage.server.signed_in("alice").await;
    let tokens = stage.client.tokens(&browser, &[]).await;
    assert!(stage.server.calls(&tokens.access).await);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_sign_in_returns_its_memory_and_its_turn() {
    let data = std::env::temp_dir().join(format!("doorward-dropped-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data).unwrap();
    let database = doorward_testkit::fresh_database().await;
    // Two hashes of 19 MiB run at once. The allocator keeps what threads freed, so that the bound is
    // wide; a test of the hasher counts exactly.
    let variables = [
        ("DOORWARD_STORE__URL", database.as_str()),
        ("DOORWARD_ACCOUNTS__ARGON2_CONCURRENCY", "2"),
    ];
    let server = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let browser = Browser::new();
    let page = browser.get(&format!("{}/login", server.url)).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    let before = resident(server.id());
    let mut requests = Vec::new();
    for number in 0..200 {
        let body = encode(&[
            ("csrf", &csrf),
            ("name", &format!("ghost{number}")),
            ("password", "wrong password"),
        ]);
        requests.push(request(
            &address,
            "POST",
            "/login",
            &[FORM, ("cookie", &cookies(&browser)), ("origin", &server.url)],
            &body,
        ));
    }
    drop_all(&address, requests, 200).await;
    let after = resident(server.id());
    assert!(after < before + 400, "resident memory grew from {before} to {after} MiB");
    let begun = Instant::now();
    let answer = browser
        .post(
            &format!("{}/login", server.url),
            &[("csrf", &csrf), ("name", "nobody"), ("password", "wrong password")],
        )
        .await;
    assert!(
        answer.status < 500 && begun.elapsed() < Duration::from_secs(10),
        "{} after {:?}",
        answer.status,
        begun.elapsed()
    );
    std::fs::remove_dir_all(data).unwrap();
}

#[test]
fn every_dropped_route_exists() {
    for route in DRIVEN {
        assert!(routes::ALL.iter().any(|(path, _)| path == route), "{route}");
    }
}
