//! The cost of the gateway: the same calls to the same upstream, directly and through a running
//! Doorward, in one run on one machine.
//!
//! `cargo build --release -p doorward && cargo run --release -p doorward-testkit --example gateway`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measuring tool for developers"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doorward_testkit::{Browser, DoorwardProcess, FakeUpstream, tool};
use serde_json::{Value, json};

const CALLS: usize = 20_000;
const WARM_UP: usize = 2_000;

struct Target {
    what: &'static str,
    url: String,
    tool: &'static str,
    token: Option<String>,
}

async fn post(client: &Browser, target: &Target, message: &Value) -> String {
    let mut request = client
        .raw(reqwest::Method::POST, &target.url)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25");
    if let Some(token) = &target.token {
        request = request.bearer_auth(token);
    }
    let answer = request.json(message).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// Makes so many calls with so many clients at once; how long each took, sorted, and how long all
/// took.
async fn run(target: &Arc<Target>, calls: usize, clients: usize) -> (Vec<Duration>, Duration) {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|number| {
            let target = Arc::clone(target);
            tokio::spawn(async move {
                let client = Browser::new();
                let mut took = Vec::with_capacity(calls / clients);
                for call in 0..calls / clients {
                    let text = format!("{number}-{call}");
                    let message = json!({"jsonrpc": "2.0", "id": call, "method": "tools/call", "params": {"name": target.tool, "arguments": {"text": text}}});
                    let at = Instant::now();
                    let answer = post(&client, &target, &message).await;
                    took.push(at.elapsed());
                    assert!(answer.contains(&text), "{answer}");
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    (all, begun.elapsed())
}

fn micros(took: &[Duration], hundredths: usize) -> u128 {
    took[(took.len() - 1) * hundredths / 100].as_micros()
}

/// Reads all pages of the list of tools; how many there are.
async fn list(target: &Target) -> usize {
    let client = Browser::new();
    let (mut cursor, mut count) = (None::<String>, 0);
    loop {
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let answer: Value = serde_json::from_str(
            &post(
                &client,
                target,
                &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}),
            )
            .await,
        )
        .unwrap();
        count += answer["result"]["tools"].as_array().unwrap().len();
        match answer["result"]["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return count,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let upstream = FakeUpstream::start().await;
    upstream.state().tools =
        (0..1000).map(|number| tool(&format!("tool{number:04}"), true)).collect();
    let folder = std::env::temp_dir().join(format!("doorward-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("doorward.toml");
    let text = format!(
        "[upstreams.up]\nkind = \"http\"\nurl = \"{}\"\nnetworks = [\"127.0.0.0/8\"]\nhttp_on_loopback = true\nlist_wait_ms = 5000\n[limits]\ncalls_per_minute_user = 100000000\ncalls_per_minute_client = 100000000\ncalls_at_once_user = 1000\ncalls_at_once_upstream = 1000\n[issuer]\naccess_token_seconds = 3600\n",
        upstream.url
    );
    std::fs::write(&file, text).unwrap();
    let variables = [("DOORWARD_CONFIG", file.to_str().unwrap())];
    let data = folder.join("data");
    let process = DoorwardProcess::start(&data, "127.0.0.1:0", &variables).await;
    let visitor = process.user(&data, &variables, "alice").await;
    let all = Target {
        what: "list",
        url: format!("{}/mcp?surface=direct", process.url),
        tool: "",
        token: Some(visitor.token.clone()),
    };
    let begun = Instant::now();
    let count = list(&all).await;
    println!(
        "list of {count} tools, the first time (the upstream is asked): {} ms",
        begun.elapsed().as_millis()
    );
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        list(&all).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!(
        "list of {count} tools, again: {:.1} ms at the median, {:.1} ms at most",
        times[10].as_secs_f64() * 1000.0,
        times[19].as_secs_f64() * 1000.0
    );
    let direct = Arc::new(Target {
        what: "direct",
        url: upstream.url.clone(),
        tool: "tool0500",
        token: None,
    });
    let through = Arc::new(Target {
        what: "through the gateway",
        url: format!("{}/mcp", process.url),
        tool: "up_tool0500",
        token: Some(visitor.token.clone()),
    });
    for clients in [1, 8, 32] {
        let mut seen = Vec::new();
        for target in [&direct, &through] {
            run(target, WARM_UP, clients).await;
            let (took, all) = run(target, CALLS, clients).await;
            let rate = f64::from(u32::try_from(took.len()).unwrap()) / all.as_secs_f64();
            println!(
                "{clients:>2} clients, {:<20} {rate:>7.0} calls/s, p50 {:>6} µs, p99 {:>6} µs",
                target.what,
                micros(&took, 50),
                micros(&took, 99)
            );
            seen.push((micros(&took, 50), micros(&took, 99)));
        }
        println!(
            "{clients:>2} clients, added: p50 {} µs, p99 {} µs",
            seen[1].0.saturating_sub(seen[0].0),
            seen[1].1.saturating_sub(seen[0].1)
        );
    }
    process.kill().await;
    std::fs::remove_dir_all(folder).unwrap();
}
