//! Promises P1 and P2 when the process dies at any moment.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use doorward_model::{AuditEvent, AuditFilter, RecordedKind};
use doorward_store::Store;
use doorward_testkit::{Browser, DoorwardProcess, Pkce, form_value, run_command};
use serde_json::{Value, json};

const ROUNDS: usize = 20;
const WORKERS: usize = 4;

/// The facts that one worker is certain of.
#[derive(Default)]
struct Ledger {
    /// Clients with refresh tokens that were acknowledged and not presented again.
    heads: Vec<(String, String)>,
    /// Codes whose redemption was acknowledged, with their clients and verifiers.
    spent: Vec<(String, String, String)>,
}

/// A client of its own for each flow: of one client, each grant would end the one before.
async fn registered(base: &str) -> Option<String> {
    let metadata = json!({"client_name": "Crash", "redirect_uris": ["http://127.0.0.1:7777/cb"], "token_endpoint_auth_method": "none"});
    let response = Browser::new()
        .raw(reqwest::Method::POST, &format!("{base}/oauth/register"))
        .json(&metadata)
        .timeout(Duration::from_secs(5))
        .send()
        .await
        .ok()?;
    let made: Value = serde_json::from_str(&response.text().await.ok()?).ok()?;
    made["client_id"].as_str().map(str::to_owned)
}

async fn post(url: &str, fields: &[(&str, &str)]) -> Option<(u16, Value)> {
    let response = Browser::new()
        .raw(reqwest::Method::POST, url)
        .form(fields)
        .timeout(Duration::from_secs(5))
        .send()
        .await
        .ok()?;
    let status = response.status().as_u16();
    Some((status, serde_json::from_str(&response.text().await.ok()?).ok()?))
}

/// One authorization up to the code, or nothing if the server went away.
async fn code(base: &str, browser: &Browser, client: &str, pkce: &Pkce) -> Option<String> {
    let get = async |url: String| {
        let cookie = format!("doorward-session={}", browser.cookie("doorward-session")?);
        let response =
            browser.raw(reqwest::Method::GET, &url).header("cookie", cookie).send().await.ok()?;
        let location = response
            .headers()
            .get("location")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Some((location, response.text().await.ok()?))
    };
    let query = format!(
        "response_type=code&client_id={client}&redirect_uri=http%3A%2F%2F127.0.0.1%3A7777%2Fcb&code_challenge={}&code_challenge_method=S256&state=s",
        pkce.challenge
    );
    let (consent, _) = get(format!("{base}/oauth/authorize?{query}")).await?;
    let (_, page) = get(consent).await?;
    let form = &page[page.find("/consent\"")?..];
    let fields = [
        ("csrf", form_value(form, "csrf")?),
        ("request", form_value(form, "request")?),
        ("decision", "allow".into()),
        ("scope-mcp:read", "on".into()),
    ];
    let cookie = format!("doorward-session={}", browser.cookie("doorward-session")?);
    let response = browser
        .raw(reqwest::Method::POST, &format!("{base}/consent"))
        .header("cookie", cookie)
        .form(&fields)
        .send()
        .await
        .ok()?;
    let location = url::Url::parse(response.headers().get("location")?.to_str().ok()?).ok()?;
    location.query_pairs().find(|(name, _)| name == "code").map(|(_, value)| value.into_owned())
}

async fn worker(base: String, browser: Browser, ledger: Arc<Mutex<Ledger>>, stop: Arc<AtomicBool>) {
    let token = format!("{base}/oauth/token");
    while !stop.load(Ordering::SeqCst) {
        let pkce = Pkce::default();
        let Some(client) = registered(&base).await else { continue };
        let Some(code) = code(&base, &browser, &client, &pkce).await else { continue };
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("code", &code),
            ("code_verifier", &pkce.verifier),
        ];
        let Some((200, tokens)) = post(&token, &fields).await else { continue };
        ledger.lock().unwrap().spent.push((client.clone(), code, pkce.verifier));
        let mut head = tokens["refresh_token"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            let Some((200, next)) = post(
                &token,
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", &client),
                    ("refresh_token", &head),
                ],
            )
            .await
            else {
                break;
            };
            next["refresh_token"].as_str().unwrap().clone_into(&mut head);
        }
        ledger.lock().unwrap().heads.push((client, head));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn p1_p2_f_01_kill_9_in_a_token_burst_loses_nothing_and_spends_no_code_twice() {
    let data = std::env::temp_dir().join(format!("doorward-crash-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    let database = doorward_testkit::fresh_database().await;
    let variables = [
        ("DOORWARD_STORE__URL", database.as_str()),
        ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64"),
    ];
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let (base, listen) = (server.url.clone(), server.url.trim_start_matches("http://").to_owned());
    let added = run_command(
        &[
            "--data-dir",
            data.to_str().unwrap(),
            "user",
            "add",
            "alice",
            "--password-stdin",
            "--keep-password",
        ],
        &variables,
        "a long password\n",
    )
    .await;
    assert!(added.status.success());
    let browser = Browser::new();
    let csrf = form_value(&browser.get(&format!("{base}/login")).await.body, "csrf").unwrap();
    browser
        .post(
            &format!("{base}/login"),
            &[("csrf", &csrf), ("name", "alice"), ("password", "a long password")],
        )
        .await
        .expect(303);
    let token = format!("{base}/oauth/token");
    let (mut acknowledged, mut replayed) = (0, 0);
    for round in 0..ROUNDS {
        let (ledger, stop) = (Arc::<Mutex<Ledger>>::default(), Arc::<AtomicBool>::default());
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                tokio::spawn(worker(
                    base.clone(),
                    browser.clone(),
                    Arc::clone(&ledger),
                    Arc::clone(&stop),
                ))
            })
            .collect();
        // A different moment each time, so that the end falls into different phases of a commit.
        tokio::time::sleep(Duration::from_millis(150 + (round as u64 * 37) % 200)).await;
        // On a slow machine, wait for something to lose.
        for _ in 0..500 {
            if !ledger.lock().unwrap().heads.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.kill().await;
        stop.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.await.unwrap();
        }
        server = DoorwardProcess::start(&data, &listen, &variables).await;
        let ledger = std::mem::take(&mut *ledger.lock().unwrap());
        for (client, head) in &ledger.heads {
            let (status, answer) = post(
                &token,
                &[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", head)],
            )
            .await
            .unwrap();
            assert_eq!(
                status, 200,
                "round {round}: an acknowledged refresh token was lost: {answer}"
            );
            acknowledged += 1;
        }
        for (client, code, verifier) in &ledger.spent {
            let fields = [
                ("grant_type", "authorization_code"),
                ("client_id", client),
                ("code", code),
                ("code_verifier", verifier),
            ];
            let (status, answer) = post(&token, &fields).await.unwrap();
            assert_eq!(
                (status, &answer["error"]),
                (400, &json!("invalid_grant")),
                "round {round}: a spent code was accepted again"
            );
            replayed += 1;
        }
    }
    assert!(
        acknowledged >= ROUNDS && replayed >= ROUNDS,
        "the burst was too thin to prove anything: {acknowledged} {replayed}"
    );
    server.kill().await;
}

/// Requests without a unit of work, each noted in the audit, and those that were answered.
#[derive(Default)]
struct Traffic {
    calls_sent: AtomicUsize,
    calls_answered: AtomicUsize,
    names_refused: Mutex<Vec<String>>,
}

async fn call(base: &str, token: &str) -> Option<u16> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
    let response = Browser::new()
        .raw(reqwest::Method::POST, &format!("{base}/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&message)
        .timeout(Duration::from_secs(5))
        .send()
        .await
        .ok()?;
    let status = response.status().as_u16();
    response.text().await.ok().map(|_| status)
}

async fn calling(base: String, token: String, traffic: Arc<Traffic>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        traffic.calls_sent.fetch_add(1, Ordering::SeqCst);
        if call(&base, &token).await == Some(200) {
            traffic.calls_answered.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn guessing(base: String, round: usize, traffic: Arc<Traffic>, stop: Arc<AtomicBool>) {
    let browser = Browser::new();
    let page = browser.get(&format!("{base}/login")).await.expect(200);
    let (csrf, cookie) = (form_value(&page.body, "csrf").unwrap(), browser.cookies());
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let name = format!("ghost{round}x{number}");
        let answered = browser
            .raw(reqwest::Method::POST, &format!("{base}/login"))
            .header("cookie", &cookie)
            .header("origin", &base)
            .form(&[("csrf", csrf.as_str()), ("name", &name), ("password", "wrong password")])
            .send()
            .await;
        if answered.is_ok_and(|answer| answer.status().as_u16() == 401) {
            traffic.names_refused.lock().unwrap().push(name);
        }
    }
}

/// Every entry of the audit, after a check of the chain.
async fn entries(data: &Path, database: &str) -> Vec<AuditEvent<RecordedKind>> {
    let config = doorward_store::Config { url: database.into(), ..Default::default() };
    let store = Store::open(&config, data).await.unwrap();
    store.verify_audit(None).await.unwrap().unwrap();
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.audit(&AuditFilter::default(), before, 1000).await.unwrap();
        found.extend(page.entries.into_iter().map(|entry| entry.event));
        before = page.before;
        if before.is_none() {
            store.close().await.unwrap();
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_acknowledged_before_kill_9_are_in_the_audit_once_and_others_at_most_once() {
    let data = std::env::temp_dir().join(format!("doorward-killed-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&data);
    let database = doorward_testkit::fresh_database().await;
    let variables = [
        ("DOORWARD_STORE__URL", database.as_str()),
        ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64"),
        ("DOORWARD_ACCOUNTS__ADDRESS_FAILURES_BEFORE_DELAY", "100000"),
        ("DOORWARD_LIMITS__CALLS_PER_MINUTE_USER", "1000000"),
        ("DOORWARD_LIMITS__CALLS_PER_MINUTE_CLIENT", "1000000"),
    ];
    let mut server = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let (base, listen) = (server.url.clone(), server.url.trim_start_matches("http://").to_owned());
    let alice = server.user(&data, &variables, "alice").await;
    let traffic = Arc::<Traffic>::default();
    for round in 0..5 {
        let stop = Arc::<AtomicBool>::default();
        let before = traffic.calls_answered.load(Ordering::SeqCst);
        let mut workers = vec![tokio::spawn(guessing(
            base.clone(),
            round,
            Arc::clone(&traffic),
            Arc::clone(&stop),
        ))];
        for _ in 0..2 {
            workers.push(tokio::spawn(calling(
                base.clone(),
                alice.token.clone(),
                Arc::clone(&traffic),
                Arc::clone(&stop),
            )));
        }
        // A different moment each time. On a slow machine, wait for something to lose.
        tokio::time::sleep(Duration::from_millis(250 + (round as u64 * 37) % 100)).await;
        for _ in 0..500 {
            if traffic.calls_answered.load(Ordering::SeqCst) > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.kill().await;
        stop.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.await.unwrap();
        }
        server = DoorwardProcess::start(&data, &listen, &variables).await;
        let all = entries(&data, &database).await;
        let of = |kind: &str| all.iter().filter(|event| event.kind.as_str() == kind).count();
        let (sent, answered) = (
            traffic.calls_sent.load(Ordering::SeqCst),
            traffic.calls_answered.load(Ordering::SeqCst),
        );
        assert!(
            (answered..=sent).contains(&of("tool.called")),
            "round {round}: {answered} calls were answered, {sent} sent, and {} are in the audit",
            of("tool.called")
        );
        let refused: Vec<&str> = all
            .iter()
            .filter(|event| event.kind.as_str() == "user.sign_in_failed")
            .map(|event| event.subject.as_str())
            .collect();
        let once: BTreeSet<&str> = refused.iter().copied().collect();
        assert_eq!(once.len(), refused.len(), "round {round}: an entry was written twice");
        for name in traffic.names_refused.lock().unwrap().iter() {
            let subject = format!("sign_in:account:{name}");
            assert!(once.contains(subject.as_str()), "round {round}: {name} has no entry");
        }
    }
    assert!(traffic.calls_answered.load(Ordering::SeqCst) >= 5);
    assert!(!traffic.names_refused.lock().unwrap().is_empty());
    server.kill().await;
    std::fs::remove_dir_all(data).unwrap();
}
