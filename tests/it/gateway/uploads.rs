//! Documents that administrators upload to a collection, by page, API and command.

use std::{fs, path::Path, process::Command, time::Duration};

use doorward_testkit::{Browser, Page};
use reqwest::Method;
use serde_json::{Value, json};

use super::indexes::called;
use crate::{factors::field, reload::Served};

/// A collection with uploads, and an upstream without.
fn tables(uploads: &Path) -> String {
    format!(
        "[upstreams.team]\nkind = \"knowledge\"\nuploads = \"up = {}\"\n\
         folder_roles = [\"up/hr = hr\"]\nscan_seconds = 1\nfile_bytes = 20000\n\
         upload_documents = 4\n\
         [upstreams.wiki]\nkind = \"http\"\nurl = \"https://wiki.example/mcp\"\nenabled = false\n",
        uploads.display()
    )
}

struct Api<'a> {
    served: &'a Served,
    token: &'a str,
}

impl Api<'_> {
    async fn send(&self, method: Method, upstream: &str, path: &str, body: Vec<u8>) -> Page {
        let url = format!("{}/api/admin/upstreams/{upstream}/documents", self.served.process.url);
        let browser = Browser::new();
        let request = browser.raw(method, &url).query(&[("path", path)]).bearer_auth(self.token);
        browser.send(request.body(body)).await
    }

    async fn put(&self, path: &str, text: &str) -> Page {
        self.send(Method::PUT, "team", path, text.as_bytes().to_vec()).await
    }

    async fn list(&self, query: &str) -> Value {
        let url = format!("{}/api/admin/upstreams/team/documents{query}", self.served.process.url);
        let browser = Browser::new();
        browser
            .send(browser.raw(Method::GET, &url).bearer_auth(self.token))
            .await
            .expect(200)
            .json()
    }
}

/// Sends files as a browser does.
async fn sent(browser: &Browser, url: &str, csrf: &str, files: &[(&str, &str)]) -> Page {
    let part = |head: &str, content: &str| {
        format!("--x1\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    };
    let mut parts = vec![part("name=\"csrf\"", csrf), part("name=\"folder\"", "hr/")];
    for (name, content) in files {
        let head = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/x");
        parts.push(part(&head, content));
    }
    parts.push("--x1--\r\n".to_owned());
    let body = parts.concat();
    let request = browser.raw(Method::POST, url);
    let request = request.header("origin", url.split("/admin").next().unwrap());
    let request = request.header("content-type", "multipart/form-data; boundary=x1").body(body);
    browser.send(request).await
}

/// Waits until a search has so many results.
async fn finds(served: &Served, token: &str, word: &str, results: u64) {
    for _ in 0..600 {
        let found = called(served, token, "team_search", json!({ "query": word })).await;
        if found["total"] == results {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{word} is not found {results} times");
}

fn page_of(served: &Served, upstream: &str) -> String {
    format!("{}/admin/upstreams/{upstream}/documents", served.process.url)
}

async fn by_api(api: &Api<'_>) {
    let stored = api.put("guide.md", "# Guide\n\nTurn the wheel.\n").await.expect(200).json();
    assert_eq!((&stored["document"], &stored["replaced"]), (&json!("up/guide.md"), &json!(false)));
    assert_eq!(stored["sha256"].as_str().unwrap().len(), 64);
    let stored = api.put("guide.md", "# Guide\n\nTurn the lever.\n").await.expect(200).json();
    assert_eq!(stored["replaced"], true);
    for (path, text, status, code) in [
        ("../x.md", "x", 400, "invalid_document"),
        ("a/.git/x.md", "x", 400, "invalid_document"),
        ("x.png", "x", 400, "invalid_document"),
        ("x.md", "", 400, "invalid_document"),
        ("x.md", &*"x".repeat(20_001), 413, "invalid_document"),
        ("guide.md/x.md", "x", 409, "in_the_way"),
    ] {
        let refused = api.put(path, text).await.expect(status).json();
        assert_eq!(refused["error"], code, "{path}");
    }
    for (method, upstream, path, status) in [
        (Method::PUT, "wiki", "x.md", 409),
        (Method::PUT, "none", "x.md", 404),
        (Method::DELETE, "team", "none.md", 404),
        (Method::DELETE, "team", "../guide.md", 400),
    ] {
        api.send(method, upstream, path, b"x".to_vec()).await.expect(status);
    }
    let stranger = Api { served: api.served, token: "none" };
    stranger.put("x.md", "x").await.expect(401);
}

/// Uploads by the page. Answers the token of its forms.
async fn by_page(served: &Served, browser: &Browser) -> String {
    let page = page_of(served, "team");
    let shown = browser.get(&page).await.expect(200);
    let body = &shown.body;
    assert!(body.contains("guide.md") && body.contains("multipart/form-data"), "{body}");
    let csrf = field(&shown, "/admin/upstreams/team/documents", "csrf");
    let files = [(r"C:\x\..\pay.md", "# Pay\n\nThe lever of pay.\n"), ("photo.png", "x")];
    sent(browser, &page, "wrong", &files).await.expect(403);
    let done = sent(browser, &page, &csrf, &files).await.expect(400).body;
    for told in ["1 document was stored", "photo.png was not stored", "hr/pay.md"] {
        assert!(done.contains(told), "{told}: {done}");
    }
    let none = sent(browser, &page, &csrf, &[]).await.expect(400).body;
    assert!(none.contains("Choose at least one file"), "{none}");
    browser.get(&page_of(served, "wiki")).await.expect(404);
    csrf
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca4_ca9_documents_are_uploaded_by_page_api_and_command_and_searches_name_their_user() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start("uploads", &tables(folder.path())).await;
    let (browser, token) = served.administrator().await;
    let api = Api { served: &served, token: &token };
    by_api(&api).await;
    let csrf = by_page(&served, &browser).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await;
    let page = page_of(&served, "team");
    alice.browser.get(&page).await.expect(404);
    // By command.
    let outside = tempfile::tempdir().unwrap();
    let (name, path) = ("notes.txt", "by/command/notes.txt");
    let file = outside.path().join(name);
    fs::write(&file, "A lever by command.\n").unwrap();
    let add = ["document", "add", "team", file.to_str().unwrap(), "--folder", "by/command"];
    let (status, told) = served.command(&add).await;
    assert_eq!(status, 0, "{told}");
    let (_, listed) = served.command(&["--json", "document", "list", "team"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let paths: Vec<_> = listed.as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert_eq!(paths, [&json!(path), &json!("guide.md"), &json!("hr/pay.md")]);
    let part = api.list("?limit=2").await;
    assert_eq!((&part["total"], &part["next"]), (&json!(3), &json!("guide.md")));
    let rest = api.list("?limit=2&after=guide.md").await;
    assert_eq!((&rest["documents"][0]["path"], &rest["next"]), (&json!("hr/pay.md"), &Value::Null));
    // The rules of the collection hold for them, and the limit of their number.
    finds(&served, &alice.token, "lever", 2).await;
    api.put("fourth.md", "x").await.expect(200);
    let full = api.put("fifth.md", "x").await.expect(409).json();
    assert_eq!(full["error"], "uploads_full");
    // The record of a search names its user.
    let of_user = ["--json", "audit", "--kind", "tool.called", "--user", "alice"];
    let calls = served.command(&of_user).await.1;
    assert!(calls.contains("team_search"), "{calls}");
    // They are removed by all three.
    api.send(Method::DELETE, "team", "fourth.md", Vec::new()).await.expect(204);
    let fields = [("csrf", csrf.as_str()), ("remove", "guide.md")];
    let removed = browser.post(&page, &fields).await.expect(200).body;
    assert!(removed.contains("guide.md was removed"), "{removed}");
    assert_eq!(served.command(&["document", "remove", "team", path]).await.0, 0);
    finds(&served, &alice.token, "lever", 0).await;
    audited(&served, path).await;
    served.end().await;
}

/// Compares the entries of the audit with what was done.
async fn audited(served: &Served, of_command: &str) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for kind in ["document.added", "document.replaced", "document.removed"] {
        let told = served.command(&["--json", "audit", "--kind", kind]).await.1;
        for line in told.lines().filter(|line| line.starts_with('{')) {
            let entry: Value = serde_json::from_str(line).unwrap();
            seen.push((kind.to_owned(), entry["subject"].as_str().unwrap().to_owned()));
        }
    }
    seen.sort_unstable();
    let command = format!("document:team/{of_command}");
    let mut wanted = vec![
        ("document.added", &*command),
        ("document.added", "document:team/fourth.md"),
        ("document.added", "document:team/guide.md"),
        ("document.added", "document:team/hr/pay.md"),
        ("document.removed", &*command),
        ("document.removed", "document:team/fourth.md"),
        ("document.removed", "document:team/guide.md"),
        ("document.replaced", "document:team/guide.md"),
    ];
    wanted.sort_unstable();
    let seen: Vec<_> = seen.iter().map(|(kind, about)| (kind.as_str(), about.as_str())).collect();
    assert_eq!(seen, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_while_documents_are_uploaded_leaves_whole_ones_only() {
    let folder = tempfile::tempdir().unwrap();
    let text = tables(folder.path()).replace("upload_documents = 4\n", "");
    let mut served = Served::start("uploads-killed", &text).await;
    let (_, token) = served.administrator().await;
    let content = |number: usize, round: usize| format!("{number} {round} {}", "x".repeat(15_000));
    let mut answered = Vec::new();
    for round in 0..3 {
        let url = served.process.url.clone();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let sending = tokio::spawn({
            let token = token.clone();
            async move {
                for number in 0..10_000 {
                    let url = format!("{url}/api/admin/upstreams/team/documents");
                    let request = Browser::new().raw(Method::PUT, &url).bearer_auth(&token);
                    let path = format!("{}.md", number % 7);
                    let request = request.query(&[("path", &path)]).body(content(number, round));
                    match request.send().await {
                        Ok(answer) if answer.status() == 200 => {
                            sender.send((number, round)).unwrap();
                        }
                        _ => return,
                    }
                }
            }
        });
        for _ in 0..5 {
            answered.push(receiver.recv().await.unwrap());
        }
        served.kill().await;
        sending.await.unwrap();
        while let Ok(more) = receiver.try_recv() {
            answered.push(more);
        }
        // What was answered is there, or what was sent after it.
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let held = fs::read_to_string(&path).unwrap();
            let mut words = held.split(' ');
            let mut word = || words.next().unwrap().parse::<usize>().unwrap();
            let (number, of) = (word(), word());
            assert_eq!(held, content(number, of), "{} is a part", path.display());
            let file = path.file_stem().unwrap().to_str().unwrap().parse::<usize>().unwrap();
            let last = answered.iter().rfind(|(one, _)| one % 7 == file);
            let is_newer = last.is_none_or(|(last, round)| (of, number) >= (*round, *last));
            assert!(is_newer, "{file}: {number} of {of} is older than {last:?}");
        }
        served.started().await;
        // Each document that is there was written down before it was.
        let words = ["--json", "audit", "--kind", "document.", "--limit", "0"];
        let told = served.command(&words).await.1;
        for path in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                continue;
            }
            let name = format!("document:team/{}", path.file_name().unwrap().display());
            let hash = Command::new("sha256sum").arg(&path).output().unwrap().stdout;
            let hash = String::from_utf8(hash).unwrap()[..64].to_owned();
            let is_entry = |line: &&str| line.contains(&name) && line.contains(&hash);
            assert!(told.lines().any(|line| is_entry(&line)), "{name} {hash}: {told}");
        }
    }
    let api = Api { served: &served, token: &token };
    api.put("last.md", "the last word\n").await.expect(200);
    assert!(!folder.path().join(".doorward/part").exists());
    served.end().await;
}
