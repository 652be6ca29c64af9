//! The health of what a server depends on, on every surface: what works, what does not, and since
//! when. A dead server is shown as working nowhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use doorward_testkit::{FakeCollector, FakeMailServer, FakeUpstream, TestServer, run_command};
use serde_json::{Value, json};

async fn dependencies(server: &TestServer) -> Vec<Value> {
    let vitals = server.app.admin.health.vitals.known().await.unwrap();
    vitals
        .iter()
        .map(|vital| {
            json!({
                "kind": vital.dependency.as_str(), "name": vital.name, "state": vital.state.as_str(),
                "error": vital.record.last_error, "succeeded": vital.record.last_success.is_some(),
                "took": vital.record.milliseconds.is_some(),
            })
        })
        .collect()
}

fn state<'a>(all: &'a [Value], kind: &str, name: &str) -> &'a Value {
    all.iter()
        .find(|one| one["kind"] == kind && one["name"] == name)
        .unwrap_or_else(|| panic!("no {kind} {name} in {all:?}"))
}

#[tokio::test]
async fn a_failed_dependency_is_shown_as_failing_everywhere_and_as_working_only_after_it_responded()
{
    let (wiki, personal) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let mail = FakeMailServer::start().await;
    let (wiki_config, personal_config) = (wiki.config("none"), personal.config("identity"));
    let url = mail.url.clone();
    let server = TestServer::start_with(move |config| {
        config.upstreams.insert("wiki".to_owned(), wiki_config);
        config.upstreams.insert("personal".to_owned(), personal_config);
        config.mail.url = url;
        config.mail.from = "Doorward <doorward@example.com>".to_owned();
    })
    .await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let names = [("upstream", "wiki"), ("upstream", "personal"), ("mail", "smtp")];
    // Nothing was asked: nothing is said to work.
    let before = dependencies(&server).await;
    for (kind, name) in names {
        assert_eq!(state(&before, kind, name)["state"], "unknown", "{name}");
    }
    let vitals = &server.app.admin.health.vitals;
    vitals.check().await.unwrap();
    let well = dependencies(&server).await;
    for (kind, name) in names {
        let one = state(&well, kind, name);
        assert_eq!(one["state"], "working", "{one}");
        assert!(one["succeeded"] == true && one["took"] == true, "{one}");
    }
    // Both upstreams die, the one that needs a user's access too.
    wiki.kill();
    personal.kill();
    vitals.check().await.unwrap();
    let dead = dependencies(&server).await;
    for (kind, name) in &names[..2] {
        let one = state(&dead, kind, name);
        assert!(one["state"] == "failing" && one["error"].is_string(), "{one}");
        assert_eq!(one["succeeded"], true, "the last success stays known");
    }
    assert_eq!(state(&dead, "mail", "smtp")["state"], "working");
    // The page says so.
    let page = root.get(&server.at("/admin")).await.expect(200);
    let (_, states) = page.body.split_once("<h2 id=\"health\"").unwrap();
    for name in ["Upstream wiki", "Upstream personal"] {
        let at = states.find(name).unwrap_or_else(|| panic!("{name} is not on the page"));
        let row = &states[at..at + 200];
        assert!(row.contains("warn") && !row.contains("good"), "{row}");
    }
    // It is not forgotten by time.
    server.clock.advance(100_000);
    let later = dependencies(&server).await;
    assert_eq!(state(&later, "upstream", "wiki")["state"], "failing");
    assert_eq!(state(&later, "mail", "smtp")["state"], "unknown", "an old answer says nothing");
}

#[tokio::test]
async fn a_destination_of_the_audit_that_refuses_is_failing_and_then_works() {
    let collector = FakeCollector::start(1).await;
    let hook = format!("{}/hook", collector.url);
    let server = TestServer::start_with(|config| config.audit.webhook = hook.into()).await;
    server.keep_house();
    let seen = async |wanted: &str| {
        for number in 0..200 {
            // Each is an entry to be sent.
            server.user(&format!("{wanted}-{number}")).await;
            let all = dependencies(&server).await;
            if state(&all, "export", "webhook")["state"] == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {wanted}: {:?}", dependencies(&server).await);
    };
    seen("failing").await;
    // It has not responded yet: the place from which it gets entries was noted, and nothing sent.
    let all = dependencies(&server).await;
    assert_ne!(state(&all, "export", "webhook")["succeeded"], true, "{all:?}");
    seen("working").await;
}

#[tokio::test]
async fn the_doctor_asks_upstreams_and_the_mail_server() {
    let data = std::env::temp_dir().join(format!("doorward-health-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    let wiki = FakeUpstream::start().await;
    let variables = [
        ("DOORWARD_UPSTREAMS__WIKI__KIND", "http"),
        ("DOORWARD_UPSTREAMS__WIKI__URL", wiki.url.as_str()),
        ("DOORWARD_UPSTREAMS__WIKI__NETWORKS", "127.0.0.0/8"),
        ("DOORWARD_MAIL__URL", "smtp://127.0.0.1:9"),
        ("DOORWARD_MAIL__FROM", "doorward@example.com"),
    ];
    let doctor = async || {
        let arguments = ["--data-dir", data.to_str().unwrap(), "doctor"];
        String::from_utf8(run_command(&arguments, &variables, "").await.stdout).unwrap()
    };
    let said = doctor().await;
    let line = |said: &str, what: &str| {
        let found = said.lines().find(|line| line.contains(what)).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no {what}: {said}"))
    };
    assert!(line(&said, "upstream wiki").starts_with("ok"), "{said}");
    assert!(line(&said, "mail server").starts_with("WRONG"), "{said}");
    wiki.kill();
    let said = doctor().await;
    let wrong = line(&said, "upstream wiki");
    assert!(wrong.starts_with("WRONG") && wrong.contains("last success: 20"), "{wrong}");
    std::fs::remove_dir_all(data).unwrap();
}

/// A server that refuses every request after a moment, and counts those at the same time.
async fn refusing() -> (String, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
            tokio::spawn(async move {
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut request = [0_u8; 4096];
                let _ = stream.read(&mut request).await;
                tokio::time::sleep(Duration::from_millis(3)).await;
                let refusal =
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(refusal).await;
                now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (url, most)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_upstreams_are_asked_a_few_at_a_time() {
    const UPSTREAMS: usize = 1000;
    let (url, most) = refusing().await;
    let model = FakeUpstream::start().await.config("none");
    let server = TestServer::start_with(move |config| {
        for number in 0..UPSTREAMS {
            let one = doorward_gateway::UpstreamConfig { url: url.clone(), ..model.clone() };
            config.upstreams.insert(format!("up-{number}"), one);
        }
    })
    .await;
    server.app.admin.health.vitals.check().await.unwrap();
    let all = dependencies(&server).await;
    assert_eq!(all.iter().filter(|one| one["state"] == "failing").count(), UPSTREAMS);
    // Those that were asked are tried again in the background meanwhile, a few at a time too.
    let most = most.load(Ordering::SeqCst);
    assert!((2..=64).contains(&most), "{most} at the same time");
}
