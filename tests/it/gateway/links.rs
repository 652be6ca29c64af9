//! Connections to servers that leave requests open, refuse them, or end their streams, byte by
//! byte.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use doorward_gateway::UpstreamConfig;
use doorward_testkit::TestServer;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::gateway_user;

/// The response to a request: a whole one, or the beginning of one that goes on for ever.
enum Reply {
    Whole(String),
    Open(String),
}

fn whole(status: u16, header: &str, body: &str) -> Reply {
    Reply::Whole(format!(
        "HTTP/1.1 {status} said\r\ncontent-type: application/json\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn stream(body: &str) -> String {
    format!(
        "HTTP/1.1 200 said\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}"
    )
}

/// An HTTP server that answers each request as a function says: the HTTP method and the message.
struct Raw {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut head = String::new();
    loop {
        let before = head.len();
        stream.read_line(&mut head).await.ok().filter(|read| *read > 0)?;
        if head.get(before..)?.trim().is_empty() {
            break;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let mut words = head.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?);
    let message = serde_json::from_slice(&body).unwrap_or_else(|_| json!({"path": path}));
    Some((method, message))
}

impl Raw {
    async fn start(reply: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, open) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (reply, noted, held) = (Arc::new(reply), Arc::clone(&asked), Arc::clone(&open));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, noted, held) =
                    (Arc::clone(&reply), Arc::clone(&noted), Arc::clone(&held));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some((method, message)) = read(&mut stream).await else { return };
                    let name = message["method"].as_str().unwrap_or(&method).to_owned();
                    noted.lock().unwrap().push(name);
                    let (text, stays) = match reply(&method, &message) {
                        Reply::Whole(text) => (text, false),
                        Reply::Open(text) => (text, true),
                    };
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.flush().await;
                    if stays {
                        held.fetch_add(1, Ordering::SeqCst);
                        let _ = stream.read_to_end(&mut Vec::new()).await;
                        held.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { port, asked, open, task }
    }

    fn config(&self, kind: &str) -> UpstreamConfig {
        UpstreamConfig {
            kind: kind.to_owned(),
            url: format!("http://127.0.0.1:{}/{kind}", self.port),
            networks: vec!["127.0.0.0/8".to_owned()],
            http_on_loopback: true,
            list_wait_ms: 4000,
            ..UpstreamConfig::default()
        }
    }

    fn count(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|one| *one == name).count()
    }
}

/// The answer of a well-behaved server with one tool and a session.
fn good(message: &Value) -> Reply {
    let mut result = match message["method"].as_str() {
        Some("initialize") => {
            json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "raw", "version": "1"}})
        }
        Some("tools/list") => {
            json!({"tools": [{"name": "good", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}]})
        }
        Some("tools/call") => json!({"content": [{"type": "text", "text": "echo"}]}),
        Some("ping") => json!({}),
        _ if message["id"].is_null() => return whole(202, "", ""),
        _ => {
            let error = json!({"code": -32601, "message": "no such method"});
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "error": error});
            return whole(200, "", &answer.to_string());
        }
    };
    result["resultType"] = json!("complete");
    result["ttlMs"] = json!(0);
    result["cacheScope"] = json!("private");
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    whole(200, "mcp-session-id: one\r\n", &answer.to_string())
}

/// The stream with which the old transport begins, which says nothing further.
fn old_stream() -> Reply {
    Reply::Open(stream("event: endpoint\ndata: /messages\n\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_not_made_in_time_leaves_no_request_open() {
    let mut servers = Vec::new();
    for (kind, begun) in [
        ("http", String::new()),
        ("http", stream("")),
        (
            "http",
            "HTTP/1.1 200 said\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
                .to_owned(),
        ),
        ("sse", String::new()),
        ("sse", stream("")),
        ("sse", stream("event: endpoint\ndata: /messages\n\n")),
    ] {
        servers.push((kind, Raw::start(move |_, _| Reply::Open(begun.clone())).await));
    }
    let server = TestServer::start_with(|config| {
        for (number, (kind, raw)) in servers.iter().enumerate() {
            let settings = UpstreamConfig { connect_seconds: 1, ..raw.config(kind) };
            config.upstreams.insert(format!("raw{number}"), settings);
        }
    })
    .await;
    let tests = (0..servers.len()).map(|number| {
        let server = &server;
        async move {
            let upstream = server.app.gateway.named(&format!("raw{number}")).await.unwrap();
            let findings = server.app.gateway.test(&upstream, None).await;
            assert!(findings.iter().any(|finding| finding.result.is_err()), "{number}");
        }
    });
    join_all(tests).await;
    let begun = Instant::now();
    for (number, (_, raw)) in servers.iter().enumerate() {
        assert!(!raw.asked.lock().unwrap().is_empty(), "{number} was asked");
        while raw.open.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "{number} is still held open");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_call_is_not_made_again_in_a_session_that_is_known() {
    let mut servers = Vec::new();
    for kind in ["http", "sse"] {
        for status in [400, 404] {
            for ping in [200, 405, 500, 0] {
                let raw = Raw::start(move |method, message| match (method, message["method"].as_str()) {
                    ("GET", _) if kind == "sse" => old_stream(),
                    ("GET" | "DELETE", _) => whole(405, "", ""),
                    // The call was made, whatever the status says.
                    (_, Some("tools/call")) => {
                        let id = message["id"].to_string();
                        let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": 1, "message": "the page is full"}});
                        whole(status, "", &error.to_string())
                    }
                    (_, Some("ping")) if ping == 0 => Reply::Open(String::new()),
                    (_, Some("ping")) if ping != 200 => whole(ping, "", ""),
                    _ => good(message),
                })
                .await;
                servers.push((kind, status, ping, raw));
            }
        }
    }
    let server = TestServer::start_with(|config| {
        for (number, (kind, _, _, raw)) in servers.iter().enumerate() {
            config.upstreams.insert(format!("raw{number}"), raw.config(kind));
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    join_all(servers.iter().enumerate().map(|(number, (kind, status, ping, raw))| {
        let (server, alice) = (&server, &alice);
        async move {
            let about = format!("{kind} {status} {ping}");
            let answer = server.call(&alice.token, &format!("raw{number}_good"), json!({})).await;
            let answer = answer.json();
            assert!(answer.to_string().contains("the page is full"), "{about}: {answer}");
            assert_eq!(raw.count("tools/call"), 1, "{about}");
        }
    }))
    .await;
}

async fn behind(servers: &[(&str, &Raw)]) -> TestServer {
    TestServer::start_with(|config| {
        for (number, (kind, raw)) in servers.iter().enumerate() {
            config.upstreams.insert(format!("raw{number}"), raw.config(kind));
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_at_once_is_not_asked_for_without_end() {
    let broken = "HTTP/1.1 200 said\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\nconnection: close\r\n\r\n";
    let long = stream(&format!("data: {}\n\n", "x".repeat(17 * 1024 * 1024)));
    let mut servers = Vec::new();
    for begun in [
        broken.to_owned(),
        format!("{broken}id: a\ndata: {{}}\n\n"),
        stream("retry: 0\nid: a\ndata: {}\n\n"),
        long,
    ] {
        let raw = Raw::start(move |method, message| match method {
            "GET" => Reply::Whole(begun.clone()),
            "DELETE" => whole(405, "", ""),
            _ => good(message),
        });
        servers.push(raw.await);
    }
    let named: Vec<(&str, &Raw)> = servers.iter().map(|raw| ("http", raw)).collect();
    let server = behind(&named).await;
    let alice = gateway_user(&server, "alice").await;
    for number in 0..servers.len() {
        let answer = server.call(&alice.token, &format!("raw{number}_good"), json!({})).await;
        assert!(answer.json().to_string().contains("echo"), "{number}");
    }
    let before: Vec<usize> = servers.iter().map(|raw| raw.count("GET")).collect();
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Each user has a connection, and so had the look before.
    for (number, (raw, before)) in servers.iter().zip(before).enumerate() {
        let asked = raw.count("GET") - before;
        assert!(asked <= 2 * 5, "{number}: {asked} requests in 4 seconds");
        if number == 3 {
            assert!(raw.count("GET") <= 2, "a stream with an event that is too long is over");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_cursors_and_names_of_a_server_are_cut() {
    let raw = Raw::start(|method, message| match (method, message["method"].as_str()) {
        ("GET" | "DELETE", _) => whole(405, "", ""),
        (_, Some("initialize")) => {
            let result = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": format!("raw\nconnection: fine{}", "x".repeat(9000)), "version": "1\u{202e}"}});
            whole(200, "", &json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string())
        }
        (_, Some("tools/list")) => {
            let result = json!({"tools": [{"name": "good", "inputSchema": {"type": "object"}}], "nextCursor": "x".repeat(9000)});
            whole(200, "", &json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string())
        }
        _ => good(message),
    })
    .await;
    let server = behind(&[("http", &raw)]).await;
    let upstream = server.app.gateway.named("raw0").await.unwrap();
    let findings = server.app.gateway.test(&upstream, None).await;
    let found = |what: &str| {
        let finding = findings.iter().find(|finding| finding.subject.as_str() == what).unwrap();
        finding.result.clone().unwrap_or_else(|text| text)
    };
    assert!(found("left out").contains("a cursor of 9000 bytes"), "{}", found("left out"));
    assert_eq!(raw.count("tools/list"), 1);
    let told = found("connection");
    assert!(told.chars().count() < 300 && told.starts_with("raw connection: fine"), "{told}");
    assert!(!told.contains('\n') && !told.contains('\u{202e}'), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_a_process_that_is_too_long_ends_the_only_call() {
    let script = r#"
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id";;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"good","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}}\n' "$id";;
    *'"tools/call"'*) head -c 17000000 /dev/zero | tr '\0' x; printf '\n';;
    *notifications*) ;;
    *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"not known"}}\n' "$id";;
  esac
done
"#;
    let server = TestServer::start_with(|config| {
        let upstream = UpstreamConfig {
            kind: "stdio".to_owned(),
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            list_wait_ms: 5000,
            ..UpstreamConfig::default()
        };
        config.upstreams.insert("sh".to_owned(), upstream);
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let call = server.call(&alice.token, "sh_good", json!({}));
    let answer = tokio::time::timeout(Duration::from_mins(1), call).await.unwrap().json();
    assert!(answer.to_string().contains("wrote a line of more than 16777216 bytes"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_the_old_transport_to_another_request_ends_the_one_that_was_posted() {
    let mut servers = Vec::new();
    for id in [json!(999), json!(null), json!("other"), json!({})] {
        let raw = Raw::start(move |method, message| match (method, message["method"].as_str()) {
            ("GET", _) => old_stream(),
            (_, Some("tools/call")) => {
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}});
                whole(200, "", &answer.to_string())
            }
            _ => good(message),
        });
        servers.push(raw.await);
    }
    let named: Vec<(&str, &Raw)> = servers.iter().map(|raw| ("sse", raw)).collect();
    let server = behind(&named).await;
    let alice = gateway_user(&server, "alice").await;
    for number in 0..servers.len() {
        let name = format!("raw{number}_good");
        let call = server.call(&alice.token, &name, json!({}));
        let answer = tokio::time::timeout(Duration::from_secs(8), call).await.unwrap().json();
        assert!(answer.to_string().contains("to the request with the id"), "{number}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_is_found_whatever_the_responses_before_it_are() {
    let mut servers = Vec::new();
    for (first, challenge) in [
        // Nothing: the connection ends.
        ("", "www-authenticate: Bearer resource_metadata=\"HERE\"\r\n"),
        (
            "HTTP/1.1 500 said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "www-authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: bearer resource_metadata=\"HERE\"\r\n",
        ),
        ("no HTTP", "www-authenticate: Negotiate YWI=, Bearer resource_metadata = \"HERE\"\r\n"),
    ] {
        let port = Arc::<std::sync::OnceLock<u16>>::default();
        let known = Arc::clone(&port);
        let raw = Raw::start(move |_, message| {
            let origin = format!("http://127.0.0.1:{}", known.get().unwrap());
            let json = |value: Value| whole(200, "", &value.to_string());
            match (message["path"].as_str(), message["method"].as_str()) {
                (_, Some("server/discover")) => Reply::Whole(first.to_owned()),
                (_, Some(_)) => whole(401, &challenge.replace("HERE", &format!("{origin}/here")), ""),
                (Some("/here"), _) => json(json!({"resource": format!("{origin}/http"), "authorization_servers": [format!("{origin}/as")]})),
                (Some("/.well-known/oauth-authorization-server/as"), _) => json(json!({
                    "issuer": format!("{origin}/as"), "authorization_endpoint": format!("{origin}/a"), "token_endpoint": format!("{origin}/t"),
                    "registration_endpoint": format!("{origin}/r"), "code_challenge_methods_supported": ["S256"],
                })),
                _ => whole(404, "", ""),
            }
        })
        .await;
        port.set(raw.port).unwrap();
        servers.push(raw);
    }
    let server = TestServer::start_with(|config| {
        for (number, raw) in servers.iter().enumerate() {
            let settings = UpstreamConfig { auth: "oauth".to_owned(), ..raw.config("http") };
            config.upstreams.insert(format!("raw{number}"), settings);
        }
    })
    .await;
    for (number, raw) in servers.iter().enumerate() {
        let upstream = server.app.gateway.named(&format!("raw{number}")).await.unwrap();
        let findings = server.app.gateway.test(&upstream, None).await;
        let found =
            findings.iter().find(|one| one.subject.as_str() == "authorization server").unwrap();
        let told = found.result.clone().unwrap_or_else(|why| why);
        assert!(
            told.starts_with(&format!("http://127.0.0.1:{}/as ", raw.port)),
            "{number}: {told}"
        );
    }
}
