//! Tools that administrators try on their pages: the call takes the route of every other one.

use doorward_model::{AuditFilter, AuditKind};
use doorward_testkit::{Browser, FakeUpstream, Page, TestServer, form_value, tool};
use serde_json::json;

const PATH: &str = "/admin/upstreams/wiki";

/// A service with a tool that reads, one that asks the user first, and one that a rule refuses.
async fn stage() -> (FakeUpstream, TestServer, Browser) {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools.push(tool("closed", true));
    let config = wiki.config("none");
    let server = TestServer::start_with(move |all| {
        all.upstreams.insert("wiki".to_owned(), config);
        all.policy.rules =
            vec!["deny tool=closed".to_owned(), "confirm class=destructive".to_owned()];
    })
    .await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    server.app.admin.upstreams.test("wiki", None).await.unwrap();
    (wiki, server, root)
}

/// The token of the form on the page of a tool.
async fn csrf(server: &TestServer, browser: &Browser, tool: &str) -> String {
    let page = browser.get(&server.at(&format!("{PATH}?tool={tool}"))).await.expect(200).body;
    let form = page.split_once(&format!(" action=\"{PATH}\"")).expect("a form to try the tool").1;
    form_value(form, "csrf").unwrap()
}

/// Sends the form of a tool.
async fn send(
    (server, browser): (&TestServer, &Browser),
    tool: &str,
    fields: &[(&str, &str)],
) -> Page {
    let csrf = csrf(server, browser, tool).await;
    let fixed = [("csrf", csrf.as_str()), ("do", "try"), ("tool", tool)];
    browser.post(&server.at(PATH), &[&fixed[..], fields].concat()).await
}

#[tokio::test]
async fn tools_are_tried_with_the_rights_of_the_administrator_and_noted_as_every_call() {
    let (wiki, server, root) = stage().await;
    let page = root.get(&server.at(&format!("{PATH}?tool=echo"))).await.expect(200).body;
    assert!(page.contains("name=\"arg-text\"") && page.contains("name=\"arg-ms\""), "{page}");
    // A value that does not fit is named beside the others, and nothing is called.
    let typed = [("arg-text", "kept"), ("arg-ms", "many")];
    let refused = send((&server, &root), "echo", &typed).await.expect(400).body;
    assert!(refused.contains("the value of ms is not valid"), "{refused}");
    assert!(refused.contains(">kept</textarea>") && refused.contains("value=\"many\""));
    assert_eq!(wiki.state().calls, 0);
    let shown = send((&server, &root), "echo", &[("arg-text", "<b>hi</b>")]).await.expect(200).body;
    assert!(shown.contains("<pre>&#60;b&#62;hi&#60;/b&#62; for"), "{shown}");
    assert_eq!(wiki.state().calls, 1);
    server.app.store.flush().await.unwrap();
    let noted = server.app.store.audit(&AuditFilter::default(), None, 50).await.unwrap().entries;
    let calls = noted.iter().filter(|entry| entry.event.kind == AuditKind::ToolCalled);
    let calls: Vec<_> = calls.map(|entry| &entry.event).collect();
    let [call] = calls.as_slice() else { panic!("one call is noted: {calls:?}") };
    assert_eq!(call.actor.user_name.as_deref(), Some("root"));
    assert_eq!(call.actor.client_id.as_deref(), Some("doorward-console"));
    assert!(call.actor.session_id.is_some());
    assert_eq!(call.call.as_ref().map(|facts| facts.upstream.as_str()), Some("wiki"));
    // A rule refuses the administrator as every user, and users have no such page.
    let refused = send((&server, &root), "closed", &[]).await.expect(200).body;
    assert!(refused.contains("may not use the tool"), "{refused}");
    server.user_with("alice", &[]).await;
    let alice = server.signed_in("alice").await;
    let fields = [("do", "try"), ("tool", "echo")];
    alice.post(&server.at(PATH), &fields).await.expect(404);
    root.post(&server.at(PATH), &fields).await.expect(403);
    assert_eq!(wiki.state().calls, 1);
}

#[tokio::test]
async fn cw13_a_tried_tool_that_needs_a_confirmation_is_called_with_the_code_alone() {
    let (wiki, server, root) = stage().await;
    let asked = send((&server, &root), "wipe", &[("arg-text", "all")]).await.expect(200).body;
    assert_eq!(wiki.state().calls, 0, "{asked}");
    assert!(asked.contains("name=\"confirm_write\"") && asked.contains(">all</textarea>"));
    let marker = format!("href=\"{}/confirm/", server.url);
    let (_, rest) = asked.split_once(&marker).expect("a link to the question");
    let link = format!("{}/confirm/{}", server.url, rest.split('"').next().unwrap());
    let question = root.get(&link).await.expect(200).body;
    assert!(question.contains("Doorward console") && question.contains("wipe"), "{question}");
    let path = link.trim_start_matches(&server.url);
    let form = question.split_once(&format!("action=\"{path}\"")).expect("a form").1;
    let csrf = form_value(form, "csrf").unwrap();
    let told = root.post(&link, &[("csrf", &csrf)]).await.expect(200).body;
    let (_, code) = told.split_once("<code class=\"big\">").expect("a code");
    let code = code.split('<').next().unwrap().to_owned();
    let other = [("arg-text", "other"), ("confirm_write", code.as_str())];
    send((&server, &root), "wipe", &other).await.expect(200);
    assert_eq!(wiki.state().calls, 0, "the code is for the arguments that were shown");
    let same = [("arg-text", "all"), ("confirm_write", code.as_str())];
    let done = send((&server, &root), "wipe", &same).await.expect(200).body;
    assert!(done.contains("<pre>all for"), "{done}");
    assert_eq!(wiki.state().calls, 1);
}

#[tokio::test]
async fn results_of_tried_tools_are_shown_within_limits() {
    let (wiki, server, root) = stage().await;
    wiki.state().result = Some(json!({
        "content": [
            {"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgo="},
            {"type": "image", "mimeType": "image/svg+xml", "data": "PHN2Zy8+"},
            {"type": "image", "mimeType": "image/png", "data": "A".repeat(200_000)},
            {"type": "text", "text": "x".repeat(100_000)},
        ],
        "structuredContent": {"found": ["<i>one</i>"]},
        "isError": true,
    }));
    let page = send((&server, &root), "echo", &[]).await.expect(200);
    assert!(page.header("content-security-policy").contains("img-src 'self' data:"));
    assert!(page.body.contains("src=\"data:image/png;base64,iVBORw0KGgo=\""), "{}", page.body);
    assert!(page.body.contains("image/svg+xml, 8 characters"));
    assert!(!page.body.contains("data:image/svg") && !page.body.contains("<i>one"));
    assert!(page.body.contains("&#60;i&#62;one") && page.body.contains(">Failed<"));
    assert!(page.body.len() < 100_000, "{}", page.body.len());
    let listed = root.get(&server.at(PATH)).await.expect(200);
    assert!(!listed.header("content-security-policy").contains("data:"));
}

#[tokio::test]
async fn a_service_is_tested_on_its_page_which_lists_its_tools() {
    let wiki = FakeUpstream::start().await;
    let (config, mut gone) = (wiki.config("none"), wiki.config("none"));
    "http://127.0.0.1:9/mcp".clone_into(&mut gone.url);
    let server = TestServer::start_with(move |all| {
        all.upstreams.insert("wiki".to_owned(), config);
        all.upstreams.insert("gone".to_owned(), gone);
    })
    .await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let tested = async |name: &str| {
        let path = format!("/admin/upstreams/{name}");
        let page = root.get(&server.at(&path)).await.expect(200).body;
        let form = page.split_once(&format!(" action=\"{path}\"")).unwrap().1;
        let csrf = form_value(form, "csrf").unwrap();
        let fields = [("csrf", csrf.as_str()), ("do", "test")];
        (page, root.post(&server.at(&path), &fields).await.expect(200).body)
    };
    let (before, after) = tested("wiki").await;
    assert!(before.contains("No tools are known yet."), "{before}");
    assert!(after.contains("<strong>Connection</strong> <span class=\"badge good\">"), "{after}");
    assert!(after.contains("?tool=echo") && !after.contains("No tools are known yet."), "{after}");
    let (_, after) = tested("gone").await;
    assert!(after.contains("badge warn") && after.contains("connection refused"), "{after}");
}
