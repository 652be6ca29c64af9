//! The lines that the processes of an upstream write to their standard error: for administrators, by
//! page, API and command, without the secrets that the processes were given.

use doorward_testkit::Browser;
use reqwest::Method;

use super::processes::call;
use crate::reload::Served;

/// A server over standard input and output, in the shell, that writes to its standard error.
const SERVER: &str = r#"
echo "starting in $PLACE with $API_KEY" >&2
printf 'red \033[31m\342\200\256line\n' >&2
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id";;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"say","description":"x","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}}\n' "$id";;
    *'"tools/call"'*) i=0; while [ $i -lt 210 ]; do i=$((i+1)); echo "call line $i" >&2; done
      printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"said"}]}}\n' "$id";;
    *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"not known"}}\n' "$id";;
  esac
done
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_lines_of_a_process_are_shown_without_its_secrets() {
    let folder = std::env::temp_dir().join(format!("doorward-log-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("server.sh"), SERVER).unwrap();
    let is_root =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    let user = if is_root { "root" } else { "" };
    let text = format!(
        "[upstreams.sh]\nkind = \"stdio\"\ncommand = [\"sh\", \"{}/server.sh\"]\nenv = \
         [\"API_KEY=sealed-key\", \"PLACE=meadow\"]\nuser = \"{user}\"\n[upstreams.far]\nkind = \
         \"http\"\nurl = \"https://far.example/mcp\"\n",
        folder.display()
    );
    let served = Served::start("process-log", &text).await;
    let (browser, token) = served.administrator().await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    // The process starts with the first list.
    crate::reload::tools(&base, &alice).await;
    let begun = log(&served, "starting").await;
    assert!(begun.contains("starting in meadow with ***"), "{begun}");
    assert!(begun.contains("red ") && !begun.contains(['\u{1b}', '\u{202e}']), "{begun}");
    assert!(!begun.contains("sealed-key"), "{begun}");
    let said = call(&base, &alice, "sh_say").await;
    assert!(said.contains("said"), "{said}");
    let lines = log(&served, "call line 210").await;
    assert_eq!(lines.lines().count(), 200, "{lines}");
    assert!(!lines.contains("starting") && !lines.contains("call line 10\n"), "{lines}");
    let api = |path: &str| {
        let url = format!("{base}/api/admin/upstreams/{path}/log");
        let request = Browser::new().raw(Method::GET, &url).bearer_auth(&token);
        async move { Browser::new().send(request).await }
    };
    let told = api("sh").await.expect(200).json();
    assert_eq!(told["lines"].as_array().unwrap().len(), 200);
    assert_eq!(told["lines"][199]["text"], "call line 210");
    api("far").await.expect(404);
    api("none").await.expect(404);
    let page = format!("{base}/admin/upstreams/sh?part=activity");
    let page = browser.get(&page).await.expect(200);
    assert!(page.body.contains("<code>call line 210</code>"), "{}", page.body);
    assert!(page.body.contains("data-news=\"/admin/upstreams/sh/log\""), "{}", page.body);
    let page = browser.get(&format!("{base}/admin/upstreams/far?part=activity")).await.expect(200);
    assert!(!page.body.contains("data-news"), "{}", page.body);
    browser.get(&format!("{base}/admin/upstreams/far/log")).await.expect(404);
    let (status, said) = served.command(&["upstream", "log", "far"]).await;
    assert!(status == 1 && said.contains("has no processes"), "{said}");
    served.end().await;
    let _ = std::fs::remove_dir_all(&folder);
}

/// The output of the command, once it contains this text: a process writes whenever it likes.
async fn log(served: &Served, text: &str) -> String {
    for _ in 0..100 {
        let (status, said) = served.command(&["upstream", "log", "sh"]).await;
        assert_eq!(status, 0, "{said}");
        if said.contains(text) {
            return said;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no line contains {text}");
}
