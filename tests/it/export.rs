//! The audit goes elsewhere as it happens: nothing is lost or out of order, also when the other
//! side fails or this server stops.

use std::time::Duration;

use doorward_testkit::{FakeCollector, TestServer};
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, UdpSocket},
};

/// Lets the server send, and waits until it has its starting position.
async fn sends(server: &TestServer, names: &[&str]) {
    server.keep_house();
    for name in names {
        let key = format!("audit.export.{name}");
        while server.app.store.setting(&key).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come");
}

/// The numbers of entries of this kind, insisting that all numbers are in order.
fn ordered(entries: &[Value], kind: &str) -> Vec<i64> {
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    entries
        .iter()
        .filter(|entry| entry["kind"] == kind)
        .map(|entry| entry["seq"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_webhook_and_a_collector_get_every_entry_also_after_they_failed() {
    let collector = FakeCollector::start(2).await;
    let (hook, logs) = (format!("{}/hook", collector.url), format!("{}/v1/logs", collector.url));
    let server = TestServer::start_with(|config| {
        config.audit.webhook = hook.into();
        config.audit.webhook_token = "a-token-for-the-hook".into();
        config.audit.otlp = logs.into();
    })
    .await;
    sends(&server, &["webhook", "otlp"]).await;
    for name in ["alice", "bob", "carol"] {
        server.user(name).await;
    }
    let lines = || {
        collector
            .at("/hook")
            .iter()
            .flat_map(|delivery| delivery.body.lines().map(ToOwned::to_owned).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let entries = || {
        lines().iter().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let added = until("the webhook's third", || {
        Some(ordered(&entries(), "user.added")).filter(|added| added.len() == 3)
    })
    .await;
    assert!(
        entries().iter().all(|entry| entry["hash"].as_str().is_some_and(|hash| hash.len() > 20)),
        "{:?}",
        entries()
    );
    for delivery in collector.at("/hook") {
        assert_eq!(delivery.headers["authorization"], "Bearer a-token-for-the-hook");
        assert_eq!(delivery.headers["content-type"], "application/jsonl");
    }
    let records = || {
        let deliveries = collector.at("/v1/logs");
        assert!(
            deliveries.iter().all(|delivery| !delivery.headers.contains_key("authorization")),
            "the hook's token is the hook's"
        );
        let bodies = deliveries
            .iter()
            .map(|delivery| serde_json::from_str::<Value>(&delivery.body).unwrap());
        bodies
            .flat_map(|body| {
                body["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().clone()
            })
            .collect::<Vec<_>>()
    };
    let number = |record: &Value| {
        let attribute = record["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|attribute| attribute["key"] == "doorward.seq")
            .unwrap();
        attribute["value"]["intValue"].as_str().unwrap().parse::<i64>().unwrap()
    };
    let of_users = || {
        records()
            .iter()
            .filter(|record| record["body"]["stringValue"] == "user.added")
            .map(number)
            .collect::<Vec<_>>()
    };
    let numbers =
        until("the collector's third", || Some(of_users()).filter(|added| added.len() == 3)).await;
    assert_eq!(numbers, added);
    assert!(
        records().iter().all(|record| record["severityText"] == "INFO"
            && record["timeUnixNano"].as_str().unwrap().len() == 19),
        "{:?}",
        records()
    );
    assert_eq!(collector.refused(), 2);
}

#[tokio::test]
async fn syslog_gets_each_entry_as_a_message_of_its_own() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = format!("udp://{}", socket.local_addr().unwrap());
    let server = TestServer::start_with(|config| config.audit.syslog = at).await;
    sends(&server, &["syslog"]).await;
    server.user("alice").await;
    let mut buffer = vec![0; 65_536];
    let length = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    let message = std::str::from_utf8(&buffer[..length]).unwrap();
    // Facility 13 (log audit), severity 6, version 1, the program, the kind (RFC 5424 §6).
    assert!(
        message.starts_with("<110>1 ")
            && message.contains(" doorward ")
            && message.contains(" user.added - {"),
        "{message}"
    );
    assert!(!message.contains('\n'));
    let entry: Value = serde_json::from_str(
        message.split_once(" - {").map(|(_, json)| format!("{{{json}")).unwrap().as_str(),
    )
    .unwrap();
    assert_eq!(entry["kind"], "user.added");
}

#[tokio::test]
async fn events_during_an_outage_of_the_listener_arrive_after_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        TestServer::start_with(|config| config.audit.syslog = format!("tcp://{address}")).await;
    sends(&server, &["syslog"]).await;
    drop(listener);
    for name in ["alice", "bob"] {
        server.user(name).await;
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    let (config, data) = (server.config.clone(), server.data_dir.clone());
    drop(server);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let server = TestServer::start_on(config, data).await;
    // The turn of the replica that ended has to expire first.
    server.clock.advance(60);
    sends(&server, &["syslog"]).await;
    server.user("carol").await;
    let (mut text, mut entries) = (Vec::new(), Vec::new());
    while ordered(&entries, "user.added").len() < 3 {
        let (mut stream, _) = tokio::time::timeout(Duration::from_secs(20), listener.accept())
            .await
            .unwrap()
            .unwrap();
        stream.read_to_end(&mut text).await.unwrap();
        // Each message is preceded by its length in bytes (RFC 6587 §3.4.1).
        let mut rest = std::mem::take(&mut text);
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ').unwrap();
            let length: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
            let message = String::from_utf8(rest[space + 1..space + 1 + length].to_vec()).unwrap();
            entries.push(serde_json::from_str(&message[message.find('{').unwrap()..]).unwrap());
            rest.drain(..space + 1 + length);
        }
    }
}
