//! TLS of the listener: certificates of the operator's and of the server's own, their replacement
//! while the server runs, and the limits of connections.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use doorward_testkit::{
    Browser, Deadlines, DoorwardProcess, Files, Limits, TestServer, Tls, connect_tls, run_command,
    write_certificate,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const DEADLINES: Deadlines = Deadlines {
    head: Duration::from_millis(400),
    idle: Duration::from_millis(1600),
    write: Duration::from_millis(600),
};

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("doorward-tls-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn tls(folder: &Path) -> (Tls, PathBuf) {
    let (certificate, key) = write_certificate(folder);
    (Tls::open(&Files { certificate: certificate.clone(), key }).unwrap(), certificate)
}

#[tokio::test]
async fn a_certificate_of_the_operators_serves_https_with_both_versions_of_http() {
    let folder = directory("files");
    let (certificate, key) = write_certificate(&folder.join("pem"));
    let config = folder.join("doorward.toml");
    std::fs::write(
        &config,
        format!(
            "[server]\ntls_certificate = {:?}\ntls_key = {:?}\n",
            certificate.display(),
            key.display()
        ),
    )
    .unwrap();
    let server = DoorwardProcess::start_with_tls(
        &folder.join("data"),
        "localhost:0",
        &["--config", config.to_str().unwrap()],
    )
    .await;
    assert!(server.url.starts_with("https://localhost:"), "{}", server.url);
    let browser = Browser::trusting(&certificate);
    let metadata = browser
        .get(&format!("{}/.well-known/oauth-authorization-server", server.url))
        .await
        .expect(200)
        .json();
    assert_eq!(metadata["issuer"], server.url.as_str());
    // Cookies are those of https.
    let page = browser.get(&format!("{}/login", server.url)).await.expect(200);
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-") && cookie.contains("Secure"), "{cookie}");
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for protocol in ["http/1.1", "h2"] {
        let stream = connect_tls(address, &certificate, &[protocol]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    }
    // HTTP without TLS gets instructions in the response.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("https://"), "{answer}");
    // The doctor recognises the certificate, and says that clients must be configured to trust it.
    let doctor =
        run_command(&["--data-dir", folder.join("data").to_str().unwrap(), "doctor"], &[], "")
            .await;
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.status.success() && said.contains("configure clients to trust"), "{said}");
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_certificate_is_replaced_while_connections_continue_and_a_bad_one_is_not() {
    let folder = directory("reload");
    let server = TestServer::start().await;
    let (tls, certificate) = tls(&folder);
    tokio::spawn(tls.clone().follow(server.app.stop.clone()));
    let address = server.also_on_tls(TestServer::limits(), tls.clone()).await;
    let old_pem = std::fs::read(&certificate).unwrap();
    let old = folder.join("old.pem");
    std::fs::write(&old, &old_pem).unwrap();
    let mut open = connect_tls(address, &old, &["http/1.1"]).await.unwrap();
    let first = tls.fingerprint();
    // A certificate without its key, no certificate at all, and no file: the old one stays.
    for bad in [&b"-----BEGIN CERTIFICATE-----\n"[..], b"", b"nonsense"] {
        std::fs::write(&certificate, bad).unwrap();
        assert!(tls.reload().is_err(), "{:?}", String::from_utf8_lossy(bad));
        assert!(tls.reload().is_err(), "it is told until it is repaired");
        assert_eq!(tls.fingerprint(), first);
    }
    let other = directory("reload-other");
    let (other_certificate, other_key) = write_certificate(&other);
    std::fs::copy(&other_certificate, &certificate).unwrap();
    let error = tls.reload().unwrap_err();
    assert!(error.key == "tls_key" && error.to_string().contains("is not the private key of"));
    std::fs::remove_file(&certificate).unwrap();
    assert!(tls.reload().is_err());
    connect_tls(address, &old, &["http/1.1"]).await.unwrap();
    // The pair is whole again: the next look takes it, without any request for it.
    std::fs::copy(&other_certificate, &certificate).unwrap();
    std::fs::copy(&other_key, folder.join("key.pem")).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while tls.fingerprint() == first {
        assert!(Instant::now() < until, "the new certificate is not in use");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    connect_tls(address, &certificate, &["http/1.1"]).await.unwrap();
    assert!(connect_tls(address, &old, &["http/1.1"]).await.is_err());
    // The connection of before goes on.
    open.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = open.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let _ = (std::fs::remove_dir_all(folder), std::fs::remove_dir_all(other));
}

#[tokio::test]
async fn a_server_without_an_authority_makes_its_certificate_once() {
    let folder = directory("self-signed");
    let data = folder.join("data");
    let certificate = data.join("tls/certificate.pem");
    let start = async || {
        DoorwardProcess::start_with_tls(&data, "localhost:0", &["--tls", "self-signed"]).await
    };
    let mut server = start().await;
    assert!(server.url.starts_with("https://localhost:"), "{}", server.url);
    let files = Files { certificate: certificate.clone(), key: data.join("tls/key.pem") };
    let fingerprint = files.fingerprint().unwrap();
    assert!(server.printed.contains(&fingerprint), "{}", server.printed);
    assert!(server.printed.contains("tls/certificate.pem"), "{}", server.printed);
    Browser::trusting(&certificate).get(&format!("{}/healthz", server.url)).await.expect(200);
    server.terminate().await;
    let mut server = start().await;
    assert!(server.printed.contains(&fingerprint), "it is kept: {}", server.printed);
    server.terminate().await;
    // For another host there must be another certificate.
    let port = {
        let free = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let mut server = DoorwardProcess::start_with_tls(
        &data,
        &format!("0.0.0.0:{port}"),
        &["--tls", "self-signed", "--public-url", &format!("https://127.0.0.2:{port}")],
    )
    .await;
    assert!(!server.printed.contains(&fingerprint), "{}", server.printed);
    server.terminate().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn settings_of_tls_that_cannot_be_are_refused_with_what_to_do() {
    let folder = directory("settings");
    let (certificate, key) = write_certificate(&folder.join("one"));
    let (_, other) = write_certificate(&folder.join("other"));
    let empty = folder.join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let missing = folder.join("missing.pem");
    for (settings, told) in [
        (vec![("TLS_CERTIFICATE", text(&certificate))], "server.tls_key: is needed with"),
        (vec![("TLS_KEY", text(&key))], "server.tls_certificate: is needed with"),
        (
            vec![("TLS_CERTIFICATE", text(&certificate)), ("TLS_KEY", text(&other))],
            "is not the private key of",
        ),
        (
            vec![("TLS_CERTIFICATE", text(&empty)), ("TLS_KEY", text(&key))],
            "contains no certificate",
        ),
        (
            vec![("TLS_CERTIFICATE", text(&certificate)), ("TLS_KEY", text(&empty))],
            "contains no private key",
        ),
        (
            vec![("TLS_CERTIFICATE", text(&missing)), ("TLS_KEY", text(&key))],
            "missing.pem: No such file",
        ),
        (vec![("TLS", "yes".to_owned())], "server.tls: must be empty or self-signed"),
        (
            vec![
                ("TLS", "self-signed".to_owned()),
                ("TLS_CERTIFICATE", text(&certificate)),
                ("TLS_KEY", text(&key)),
            ],
            "keep one of them",
        ),
        (
            vec![
                ("TLS", "self-signed".to_owned()),
                ("PUBLIC_URL", "http://localhost:8400".to_owned()),
            ],
            "write https://localhost:8400",
        ),
        // An operator who sets http for another machine is shown all three solutions.
        (vec![("PUBLIC_URL", "http://nas.lan:8400".to_owned())], "serve --tls self-signed"),
        (vec![("PUBLIC_URL", "http://nas.lan:8400".to_owned())], "server.tls_certificate"),
        (vec![("PUBLIC_URL", "http://nas.lan:8400".to_owned())], "reverse proxy"),
        (vec![("LISTEN", "0.0.0.0:8400".to_owned())], "serve --tls self-signed"),
        (vec![("LISTEN", "example.com:8400".to_owned())], "server.listen: must be localhost:PORT"),
    ] {
        let variables: Vec<(String, String)> = settings
            .into_iter()
            .map(|(name, value)| (format!("DOORWARD_SERVER__{name}"), value))
            .collect();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let output = run_command(&["config", "check"], &variables, "").await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(told), "{told}: {said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A command runs as root or in a container where the key of the certificate is not.
#[tokio::test]
async fn only_the_server_needs_the_files_of_the_certificate_and_the_doctor_reports_them() {
    let folder = directory("commands");
    let (certificate, key) = write_certificate(&folder.join("pem"));
    let (data, archive) = (folder.join("data"), folder.join("backup.tar"));
    let (data, archive) = (data.to_str().unwrap(), archive.to_str().unwrap());
    let variables = [
        ("DOORWARD_SERVER__TLS_CERTIFICATE", certificate.to_str().unwrap()),
        ("DOORWARD_SERVER__TLS_KEY", key.to_str().unwrap()),
    ];
    let run = async |arguments: &[&str]| {
        let output =
            run_command(&[&["--data-dir", data], arguments].concat(), &variables, "").await;
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (_, doctor) = run(&["doctor"]).await;
    assert!(doctor.contains("is valid for more than 14 days"), "{doctor}");
    assert!(!doctor.contains("can be read by other users of the machine"), "{doctor}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, doctor) = run(&["doctor"]).await;
    let told = format!("{} can be read by other users of the machine (mode 644)", key.display());
    assert!(code == Some(1) && doctor.contains(&told), "{doctor}");
    std::fs::remove_file(&key).unwrap();
    for arguments in [&["user", "add", "alice"][..], &["user", "list"], &["backup", archive]] {
        let (code, said) = run(arguments).await;
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
    for arguments in [&["config", "check"][..], &["doctor"], &["serve"]] {
        let (code, said) = run(arguments).await;
        let names = said.contains("server.tls_key: ") && said.contains("key.pem: No such file");
        assert!(code == Some(1) && names, "{arguments:?}: {said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// After how long the server closes a connection on which these bytes are sent before or after the
/// handshake.
async fn closed_after(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    bytes: &[u8],
) -> Duration {
    let began = Instant::now();
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    began.elapsed()
}

#[tokio::test]
async fn every_deadline_of_a_connection_holds_with_tls_and_the_handshake_has_one() {
    let folder = directory("deadlines");
    let server = TestServer::start().await;
    let (tls, certificate) = tls(&folder);
    let limits = Limits { deadlines: DEADLINES, ..TestServer::limits() };
    let address = server.also_on_tls(limits, tls).await;
    let least = DEADLINES.head.saturating_sub(Duration::from_millis(50));
    // Nothing, half a record, and a record of a hello that does not go on.
    for bytes in [&b""[..], &[0x16, 3, 1], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]] {
        let after = closed_after(TcpStream::connect(address).await.unwrap(), bytes).await;
        assert!(after >= least && after < DEADLINES.idle, "{after:?}: {bytes:?}");
    }
    // The time to the first head includes the handshake.
    for bytes in [&b""[..], b"GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let stream = connect_tls(address, &certificate, &["http/1.1"]).await.unwrap();
        let after = closed_after(stream, bytes).await;
        assert!(after < DEADLINES.idle, "{after:?}");
    }
    let stream = connect_tls(address, &certificate, &["http/1.1"]).await.unwrap();
    let after = closed_after(stream, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(
        after > DEADLINES.idle.saturating_sub(Duration::from_millis(50))
            && after < DEADLINES.idle * 3,
        "{after:?}"
    );
    // A client that does not read.
    let mut stream = connect_tls(address, &certificate, &["http/1.1"]).await.unwrap();
    let requests = "GET /api/admin/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2000);
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(20) {
        let part = requests.as_bytes().get(sent..).filter(|part| !part.is_empty()).unwrap_or(b"G");
        let written = async {
            let count = stream.write(part).await?;
            stream.flush().await.map(|()| count)
        };
        match tokio::time::timeout(Duration::from_millis(50), written).await {
            Ok(Ok(count)) => sent += count,
            Ok(Err(_)) => break,
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "the connection was kept");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn handshakes_that_do_not_end_take_the_share_of_one_ip_address_only_and_do_not_delay_a_stop()
{
    let folder = directory("share");
    let server = TestServer::start().await;
    let (tls, certificate) = tls(&folder);
    let limits = Limits { connections_per_address: 8, ..TestServer::limits() };
    let address = server.also_on_tls(limits, tls).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut alive = 0;
    for stream in &mut held {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
        alive += usize::from(read.is_err());
    }
    assert_eq!(alive, 8);
    held.truncate(0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    connect_tls(address, &certificate, &["http/1.1"]).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    // A stop ends half a handshake at once.
    let data = directory("stop");
    let mut process =
        DoorwardProcess::start_with_tls(&data, "localhost:0", &["--tls", "self-signed"]).await;
    let port: u16 = process.url.rsplit(':').next().unwrap().parse().unwrap();
    let half = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    assert_eq!(process.terminate().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drop(half);
    std::fs::remove_dir_all(data).unwrap();
}
