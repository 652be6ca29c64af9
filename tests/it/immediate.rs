//! Lists after a restart, and beside an upstream that hangs.

use std::time::{Duration, Instant};

use doorward_testkit::{FakeUpstream, tool};

use crate::reload::{Served, calls, tools, upstream};

/// A listener that accepts connections and never answers.
async fn hanging() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    (url, task)
}

/// The configuration of two upstreams, of which one may hang.
fn file(wiki: &FakeUpstream, url: &str) -> String {
    format!(
        "{}[upstreams.other]\nkind = \"http\"\nurl = \"{url}\"\nnetworks = [\"127.0.0.0/8\"]\nhttp_on_loopback = true\nlist_wait_ms = 6000\nconnect_seconds = 30\n",
        upstream("wiki", wiki, "")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_what_is_pinned_is_listed_at_once_and_calls_wait_for_the_link() {
    let (wiki, other) = (FakeUpstream::start().await, FakeUpstream::start().await);
    wiki.state().tools = vec![tool("read", true)];
    other.state().tools = vec![tool("read", true), tool("changing", true)];
    // The same place before and after, so that what is pinned is of the same upstream.
    let text = file(&wiki, &other.url);
    let mut served = Served::start("immediate", &text).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    assert!(calls(&base, &alice, "other_read").await && calls(&base, &alice, "wiki_read").await);
    other.state().slow_lists = Some(Duration::from_secs(4));
    served.restart().await;
    let base = served.process.url.clone();
    let begun = Instant::now();
    let listed = tools(&base, &alice).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    for name in ["wiki_read", "other_read", "other_changing"] {
        assert!(listed.contains(&name.to_owned()), "{name}: {listed:?}");
    }
    assert!(calls(&base, &alice, "other_read").await, "the call waits for the listing");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_hangs_delays_no_list_after_its_first_contact() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("read", true)];
    let (url, task) = hanging().await;
    let mut served = Served::start(
        "hanging",
        &file(&wiki, &url).replace("connect_seconds = 30", "connect_seconds = 3"),
    )
    .await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    assert!(tools(&base, &alice).await.contains(&"wiki_read".to_owned()));
    // It failed once: it is tried again in the background, and no list waits for it.
    tokio::time::sleep(Duration::from_secs(4)).await;
    for _ in 0..10 {
        let begun = Instant::now();
        assert!(tools(&base, &alice).await.contains(&"wiki_read".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    // Its failure is known after a restart too, although nothing of it was ever listed.
    assert_eq!(served.command(&["doctor"]).await.0, 1);
    served.restart().await;
    let begun = Instant::now();
    assert!(tools(&served.process.url, &alice).await.contains(&"wiki_read".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    task.abort();
    served.end().await;
}
