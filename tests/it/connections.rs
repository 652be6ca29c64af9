//! Connections, as bytes on sockets: silent ones, slow ones, those that do not read, and too many
//! of one IP address.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use doorward_testkit::{Browser, Deadlines, DoorwardProcess, Limits, OAuthClient, TestServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const DEADLINES: Deadlines = Deadlines {
    head: Duration::from_millis(400),
    idle: Duration::from_millis(1600),
    write: Duration::from_millis(600),
};

fn limits() -> Limits {
    Limits { deadlines: DEADLINES, ..TestServer::limits() }
}

/// Sends parts with a pause between them, and returns the time after which the server closed the
/// connection.
async fn closed_after(address: SocketAddr, parts: &[&[u8]], pause: Duration) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let write = async {
        for part in parts {
            if writer.write_all(part).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest).await;
    };
    tokio::select! { () = write => {}, () = read => {}, () = tokio::time::sleep(Duration::from_secs(10)) => {} }
    began.elapsed()
}

fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], content].concat()
}

/// A header block for `GET PATH` (RFC 7541, without compression).
fn headers(path: &str) -> Vec<u8> {
    let text = |index: u8, value: &str| {
        [&[index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
    };
    [vec![0x82, 0x86], text(4, path), text(1, "localhost")].concat()
}

#[tokio::test]
async fn a_connection_without_a_complete_head_is_closed_whatever_it_began_with() {
    let server = TestServer::start().await;
    let address = server.also_on(limits()).await;
    let block = [PREFACE, SETTINGS, &frame(1, 1, 1, &headers("/healthz"))].concat();
    for bytes in [
        &b""[..],
        b"G",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n",
        &PREFACE[..12],
        PREFACE,
        &[PREFACE, SETTINGS].concat(),
        &block,
    ] {
        let after = closed_after(address, &[bytes], Duration::ZERO).await;
        assert!(
            after >= DEADLINES.head.saturating_sub(Duration::from_millis(50))
                && after < DEADLINES.idle,
            "{after:?}: {:?}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[tokio::test]
async fn a_head_has_its_own_deadline_on_a_new_and_on_a_used_connection() {
    let server = TestServer::start().await;
    let address = server.also_on(limits()).await;
    let trickle: Vec<&[u8]> =
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
            .chunks(1)
            .collect();
    let after = closed_after(address, &trickle, Duration::from_millis(60)).await;
    assert!(after < DEADLINES.idle, "{after:?}");
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let used: Vec<&[u8]> = std::iter::once(&request[..]).chain(trickle).collect();
    let after = closed_after(address, &used, Duration::from_millis(60)).await;
    assert!(after < DEADLINES.idle, "{after:?}");
    // HTTP/2: a header block that goes on for ever in CONTINUATION frames, after a request that was
    // answered.
    let begun = [PREFACE, SETTINGS, &frame(1, 5, 1, &headers("/healthz"))].concat();
    let (open, more) =
        (frame(1, 1, 3, &headers("/healthz")), frame(9, 0, 3, &[0x40, 1, b'x', 1, b'y']));
    let used: Vec<&[u8]> =
        [&begun[..], &open].into_iter().chain(std::iter::repeat_n(&more[..], 60)).collect();
    let after = closed_after(address, &used, Duration::from_millis(60)).await;
    assert!(after < DEADLINES.idle, "{after:?}");
}

#[tokio::test]
async fn an_idle_connection_stays_for_its_own_longer_time() {
    let server = TestServer::start().await;
    let address = server.also_on(limits()).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let http2 = [PREFACE, SETTINGS, &frame(1, 5, 1, &headers("/healthz"))].concat();
    for bytes in [&request[..], &http2] {
        let after = closed_after(address, &[bytes], Duration::ZERO).await;
        assert!(
            after > DEADLINES.idle.saturating_sub(Duration::from_millis(50))
                && after < DEADLINES.idle * 3,
            "{after:?}: {:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    // Another request in between begins the time again.
    let after = closed_after(address, &[request, request], Duration::from_millis(900)).await;
    assert!(after > DEADLINES.idle + Duration::from_millis(800), "{after:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let server = TestServer::start().await;
    let address = server.also_on(limits()).await;
    // HTTP/1.1: far more answers than the buffers of both sides hold, and not one read.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let requests = "GET /api/admin/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2000);
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < Duration::from_secs(20) {
        let part = requests.as_bytes().get(sent..).filter(|part| !part.is_empty()).unwrap_or(b"G");
        match tokio::time::timeout(Duration::from_millis(50), stream.write(part)).await {
            Ok(Ok(count)) => sent += count,
            Ok(Err(_)) => break,
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "the connection was kept");
    // HTTP/2: a window that stays shut (SETTINGS_INITIAL_WINDOW_SIZE 0), while everything else is
    // read and acknowledged.
    let shut = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let bytes = [
        PREFACE,
        &shut,
        &frame(4, 1, 0, &[]),
        &frame(1, 5, 1, &headers("/api/admin/openapi.json")),
    ]
    .concat();
    let after = closed_after(address, &[&bytes], Duration::ZERO).await;
    assert!(
        after >= DEADLINES.write.saturating_sub(Duration::from_millis(50))
            && after < DEADLINES.idle * 2,
        "{after:?}"
    );
}

#[tokio::test]
async fn an_event_stream_without_events_lives_longer_than_every_deadline() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
    let address = server.also_on(limits()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = server.url.trim_start_matches("http://");
    let head = format!(
        "GET /mcp/sse HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\nauthorization: Bearer {}\r\n\r\n",
        tokens.access
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 8192];
    let read = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200"));
    let until = Instant::now() + DEADLINES.idle * 2;
    while let Some(left) =
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        if let Ok(read) = tokio::time::timeout(left, stream.read(&mut buffer)).await {
            assert!(read.is_ok_and(|read| read > 0), "the stream was closed");
        }
    }
}

#[tokio::test]
async fn silent_connections_of_one_ip_address_take_its_share_only() {
    let server = TestServer::start().await;
    let proxied = Limits {
        connections_per_address: 8,
        proxies: doorward_testkit::proxies("127.0.0.0/8"),
        ..TestServer::limits()
    };
    let (direct, proxied) = (
        server.also_on(Limits { connections_per_address: 8, ..TestServer::limits() }).await,
        server.also_on(proxied).await,
    );
    let alive = async |address: SocketAddr| {
        let mut held = Vec::new();
        for _ in 0..20 {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut alive = 0;
        for stream in &mut held {
            let mut byte = [0];
            let read =
                tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
            alive += usize::from(read.is_err());
        }
        alive
    };
    assert_eq!((alive(direct).await, alive(proxied).await), (8, 20));
    // Those that ended count no more.
    tokio::time::sleep(Duration::from_millis(100)).await;
    Browser::new().get(&format!("http://{direct}/healthz")).await.expect(200);
}

/// The first line of the answer to these bytes.
async fn answered(address: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn rfc9112_3_2_a_request_names_exactly_one_host_at_every_listener() {
    let data = std::env::temp_dir().join(format!("doorward-connections-{}", std::process::id()));
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server =
        DoorwardProcess::start(&data, "127.0.0.1:0", &[("DOORWARD_METRICS__LISTEN", &free)]).await;
    for (address, path) in
        [(server.url.trim_start_matches("http://"), "/healthz"), (free.as_str(), "/metrics")]
    {
        for (version, hosts, status) in [
            ("1.1", "host: x\r\n", "200"),
            ("1.1", "host: [::1]:8400\r\n", "200"),
            ("1.0", "", "200"),
            ("1.1", "", "400"),
            ("1.1", "host: x\r\nhost: x\r\n", "400"),
            ("1.0", "host: x\r\nhost: y\r\n", "400"),
            ("1.1", "host:\r\n", "400"),
            ("1.1", "host: a b\r\n", "400"),
            ("1.1", "host: a/b\r\n", "400"),
            ("1.1", "host: u@x\r\n", "400"),
        ] {
            let answer = answered(
                address,
                &format!("GET {path} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n"),
            )
            .await;
            assert!(answer.contains(status), "{answer}: HTTP/{version} {hosts:?} at {path}");
        }
    }
    drop(server);
    let _ = std::fs::remove_dir_all(data);
}
