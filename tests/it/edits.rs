//! Changes of settings by command and by the API: the difference first, and nothing else with it.

use std::time::Duration;

use doorward_testkit::{Browser, FakeUpstream, Page, tool};
use reqwest::Method;
use serde_json::{Value, json};

use crate::reload::{Served, calls, upstream};

/// A server with the upstreams `filed`, of the file, and `wiki`, which was added by command.
async fn served(name: &str, wiki: &FakeUpstream) -> Served {
    wiki.state().tools = vec![tool("read", true), tool("other", true)];
    let served = Served::start(name, &upstream("filed", wiki, "")).await;
    let url = format!("--url={}", wiki.url);
    let add = ["upstream", "add", "wiki", "--kind", "http", &url];
    let sets = [
        "--set",
        "networks=127.0.0.0/8",
        "--set",
        "http_on_loopback=true",
        "--set",
        "list_wait_ms=3000",
    ];
    let (status, said) = served.command(&[&add[..], &sets[..]].concat()).await;
    assert_eq!(status, 0, "{said}");
    served
}

async fn api(
    (served, token): (&Served, &str),
    method: Method,
    path: &str,
    seen: Option<&str>,
    body: Option<Value>,
) -> Page {
    let browser = Browser::new();
    let url = format!("{}/api/admin{path}", served.process.url);
    let mut request = browser.raw(method, &url).bearer_auth(token);
    if let Some(seen) = seen {
        request = request.header("if-match", seen);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    browser.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_by_command_shows_the_difference_and_keeps_what_it_is_not_about() {
    let (wiki, moved) = (FakeUpstream::start().await, FakeUpstream::start().await);
    moved.state().tools = vec![tool("read", true)];
    let served = served("edit-command", &wiki).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let base = served.process.url.clone();
    assert!(calls(&base, &alice, "wiki_read").await && calls(&base, &alice, "wiki_other").await);
    assert_eq!(served.command(&["upstream", "reject", "wiki", "other"]).await.0, 0);
    // A command is in effect at the running server when it ends.
    assert!(!calls(&base, &alice, "wiki_other").await);
    let greetings = wiki.state().greetings;
    let set = ["upstream", "set", "wiki", "title=The wiki", "call_seconds=7"];
    let (status, said) = served.command(&[&set[..], &["--dry-run"]].concat()).await;
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains("call_seconds: 0 -> 7") && said.contains("Nothing was changed."),
        "{said}"
    );
    let listed = served.command(&["--json", "upstream", "list"]).await.1;
    assert!(!listed.contains("The wiki"), "{listed}");
    let (status, said) = served.command(&set).await;
    assert!(status == 0 && said.contains("Changed wiki."), "{said}");
    assert!(calls(&base, &alice, "wiki_read").await);
    assert!(!calls(&base, &alice, "wiki_other").await, "the decision stays");
    assert_eq!(wiki.state().greetings, greetings, "the connection stays");
    for (words, expected) in [
        (&["filed", "title=x"][..], "configuration file"),
        (&["none", "title=x"][..], "there is no upstream"),
        (&["wiki", "titel=x"][..], "is not a key of"),
        (&["wiki", "url=nowhere"][..], "url"),
    ] {
        let (status, said) = served.command(&[&["upstream", "set"][..], words].concat()).await;
        assert!(status == 1 && said.contains(expected), "{words:?}: {said}");
    }
    // Another place is another upstream: what was decided about tools belongs to the old one.
    let url = format!("url={}", moved.url);
    let (status, said) = served.command(&["upstream", "set", "wiki", &url]).await;
    assert!(status == 0 && said.contains("Connected users lose access"), "{said}");
    let audit = served.command(&["--json", "audit", "--kind", "upstream.changed"]).await.1;
    assert!(audit.contains("call_seconds") && audit.contains("url"), "{audit}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_by_the_api_is_about_the_state_that_was_seen() {
    let wiki = FakeUpstream::start().await;
    let served = served("edit-api", &wiki).await;
    let (_, token) = served.administrator().await;
    let path = "/upstreams/wiki";
    let page = api((&served, &token), Method::GET, path, None, None).await;
    let etag = page.expect(200).header("etag");
    let body = || Some(json!({"title": "One", "auth": "header", "header": "X-Key: hunter2"}));
    api((&served, &token), Method::PATCH, path, None, body()).await.expect(428);
    let trial = format!("{path}?dry_run=true");
    let shown =
        api((&served, &token), Method::PATCH, &trial, Some(&etag), body()).await.expect(200);
    assert_eq!(shown.json()["applied"], false);
    assert!(!shown.body.contains("hunter2"), "{}", shown.body);
    let done = api((&served, &token), Method::PATCH, path, Some(&etag), body()).await.expect(200);
    assert_eq!(done.json()["differences"].as_array().unwrap().len(), 3, "{}", done.body);
    api((&served, &token), Method::PATCH, path, Some(&etag), body()).await.expect(412);
    // A secret that is not named stays; null is the default; what belongs to the machine is refused.
    let next = done.header("etag");
    let changes = Some(json!({"title": null, "call_seconds": 9}));
    let done = api((&served, &token), Method::PATCH, path, Some(&next), changes).await.expect(200);
    let now = api((&served, &token), Method::GET, path, None, None).await.expect(200).json();
    assert_eq!((&now["title"], &now["settings"]["call_seconds"]), (&json!("wiki"), &json!(9)));
    assert_eq!(now["settings"]["header"], "X-Key: …");
    let next = done.header("etag");
    for (patch, status) in [
        (json!({"networks": ["10.0.0.0/8"]}), 400),
        (json!({"ca_file": "/etc/passwd"}), 400),
        (json!({"titel": "x"}), 400),
        (json!({"kind": "stdio"}), 400),
    ] {
        api((&served, &token), Method::PATCH, path, Some(&next), Some(patch.clone()))
            .await
            .expect(status);
    }
    // A secret goes to no other place than the one that it was given for.
    let elsewhere = Some(json!({"url": "https://elsewhere.example/mcp"}));
    let refused = api((&served, &token), Method::PATCH, path, Some(&next), elsewhere).await;
    assert!(refused.expect(400).body.contains("header: enter it again"));
    let filed = api(
        (&served, &token),
        Method::PATCH,
        "/upstreams/filed",
        Some("\"\""),
        Some(json!({"title": "x"})),
    )
    .await;
    let filed = filed.expect(409).json();
    assert_eq!(filed["error"], "in_configuration", "{filed}");
    served.end().await;
}

/// Adds an object of every kind by command. Returns their paths in the API.
async fn one_of_every_kind(served: &Served) -> Vec<String> {
    let made = async |words: &[&str]| {
        let (status, said) = served.command(&[&["--json"], words].concat()).await;
        assert_eq!(status, 0, "{said}");
        let at = said.find(['{', '[']).unwrap_or(said.len());
        serde_json::from_str::<Value>(&said[at..]).unwrap_or_default()
    };
    let id = |made: &Value, name: &str| made[name].as_str().unwrap().to_owned();
    made(&["upstream", "add", "two", "--kind", "http", "--url", "https://two.example/mcp"]).await;
    let tenant = "tenants=11111111-1111-1111-1111-111111111111";
    let provider = ["provider", "add", "ent", "--kind", "entra", "--client-id", "a", "--set"];
    made(&[&provider[..], &[tenant, "--set", "token_auth_method=none"]].concat()).await;
    let client = made(&["client", "add", "App", "--redirect-uri", "https://a.example/cb"]).await;
    let resource = made(&["resource", "add", "https://n.example/mcp", "--scope", "n:read"]).await;
    let rule = ["trust", "add", "Job", "--issuer", "https://ci.example", "--subject", "a:b"];
    let trust = made(&[&rule[..], &["--service", "job", "--scope", "mcp:read"]].concat()).await;
    made(&["group", "add", "devs"]).await;
    made(&["toolset", "add", "set", "--select", "upstream=two"]).await;
    served.process.user(&served.data, &served.given(), "bob").await;
    let users = made(&["user", "list"]).await;
    let bob = users.as_array().unwrap().iter().find(|user| user["name"] == "bob").unwrap();
    vec![
        "/upstreams/two".to_owned(),
        "/providers/ent".to_owned(),
        format!("/clients/{}", id(&client, "client_id")),
        format!("/resources/{}", id(&resource, "id")),
        format!("/trust/{}", id(&trust, "client_id")),
        "/toolsets/set".to_owned(),
        "/groups/devs".to_owned(),
        format!("/users/{}", id(bob, "id")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_changed_and_deleted_in_the_state_that_was_seen_alone() {
    let served = Served::start("edit-kinds", "").await;
    let (_, token) = served.administrator().await;
    let paths = one_of_every_kind(&served).await;
    for path in &paths {
        let ask = async |method: Method, seen: Option<&str>, body: Option<Value>| {
            api((&served, &token), method, path, seen, body).await
        };
        let etag = loop {
            let page = ask(Method::GET, None, None).await;
            if page.status != 404 {
                break page.expect(200).header("etag");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let empty = || Some(json!({}));
        assert_eq!(ask(Method::PATCH, None, empty()).await.status, 428, "{path}");
        let weak = format!("W/{etag}");
        let two = format!("{etag}, \"x\"");
        for stale in ["\"stale\"", "*", "", &weak, &two] {
            assert_eq!(ask(Method::PATCH, Some(stale), empty()).await.status, 412, "{path}");
            let deleted = ask(Method::DELETE, Some(stale), None).await.status;
            assert_eq!(deleted, 412, "{path} {stale}");
        }
        assert_eq!(ask(Method::PATCH, Some(&etag), Some(json!([]))).await.status, 400, "{path}");
        let odd = Some(json!({"no_such_member": 1}));
        assert_eq!(ask(Method::PATCH, Some(&etag), odd).await.status, 400, "{path}");
        assert_eq!(ask(Method::PATCH, Some(&etag), empty()).await.status, 200, "{path}");
    }
    for path in paths.iter().rev() {
        let page = api((&served, &token), Method::GET, path, None, None).await.expect(200);
        let etag = page.header("etag");
        let deleted = api((&served, &token), Method::DELETE, path, Some(&etag), None).await;
        assert!([200, 204].contains(&deleted.status), "{path}: {}", deleted.body);
        api((&served, &token), Method::GET, path, None, None).await.expect(404);
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_and_clients_are_edited_like_upstreams() {
    let served = Served::start("edit-others", "[providers.filed]\nkind = \"google\"\nclient_id = \"x\"\nclient_secret = \"y\"\nallowed_domains = [\"example.com\"]\n").await;
    let (_, token) = served.administrator().await;
    let add = [
        "provider",
        "add",
        "hub",
        "--kind",
        "entra",
        "--client-id",
        "an-id",
        "--set",
        "tenants=11111111-1111-1111-1111-111111111111",
        "--set",
        "token_auth_method=private_key_jwt",
    ];
    let (status, said) = served.command(&add).await;
    assert_eq!(status, 0, "{said}");
    let set = ["provider", "set", "hub", "name=The hub", "allowed_domains=a.example,b.example"];
    let (status, said) = served.command(&[&set[..], &["--dry-run"]].concat()).await;
    assert!(status == 0 && said.contains("allowed_domains: [] -> "), "{said}");
    assert!(served.command(&set).await.1.contains("Changed hub."));
    let domains = json!(["a.example", "b.example"]);
    let seen = loop {
        let page = api((&served, &token), Method::GET, "/providers/hub", None, None).await;
        if page.status == 200 && page.json()["settings"]["allowed_domains"] == domains {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let etag = seen.header("etag");
    let patch = || Some(json!({"tenants": ["22222222-2222-2222-2222-222222222222"]}));
    api((&served, &token), Method::PATCH, "/providers/hub", Some(&etag), patch()).await.expect(200);
    api((&served, &token), Method::PATCH, "/providers/hub", Some(&etag), patch()).await.expect(412);
    api((&served, &token), Method::PATCH, "/providers/filed", Some(&etag), patch())
        .await
        .expect(409);
    let (status, said) = served.command(&["provider", "set", "filed", "name=x"]).await;
    assert!(status == 1 && said.contains("configuration file"), "{said}");
    // Clients.
    let added = served
        .command(&["--json", "client", "add", "App", "--redirect-uri", "https://app.example/cb"])
        .await
        .1;
    let id =
        serde_json::from_str::<Value>(&added).unwrap()["client_id"].as_str().unwrap().to_owned();
    let client = format!("/clients/{id}");
    let etag =
        api((&served, &token), Method::GET, &client, None, None).await.expect(200).header("etag");
    let rename = || Some(json!({"name": "Another"}));
    api((&served, &token), Method::PATCH, &client, Some(&etag), rename()).await.expect(200);
    api((&served, &token), Method::PATCH, &client, Some(&etag), rename()).await.expect(412);
    let (status, said) =
        served.command(&["client", "set", &id, "--redirect-uri", "https://other.example/cb"]).await;
    assert!(status == 0 && said.contains("https://other.example/cb"), "{said}");
    let (status, said) =
        served.command(&["client", "set", &id, "--redirect-uri", "http://other.example/cb"]).await;
    assert_eq!(status, 1, "the policy of redirect URIs holds: {said}");
    relying_party_by_api_and_command((&served, &token), &id).await;
    let own = doorward_testkit::OAuthClient::register_at(&served.process.url).await.id;
    let (status, said) = served.command(&["client", "set", &own, "--name", "x"]).await;
    assert!(status == 1 && said.contains("its own metadata"), "{said}");
    served.end().await;
}

/// The settings of a client as a relying party.
async fn relying_party_by_api_and_command((served, token): (&Served, &str), id: &str) {
    let client = format!("/clients/{id}");
    let mut etag = String::new();
    // A command reaches the server a moment later.
    for _ in 0..100 {
        let now = api((served, token), Method::GET, &client, None, None).await.expect(200);
        etag = now.header("etag");
        if now.body.contains("https://other.example/cb") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let told = "https://other.example/logout";
    let openid = json!({"openid": {"backchannel_logout_uri": told, "signed_userinfo": true}});
    let trial = format!("{client}?dry_run=true");
    api((served, token), Method::PATCH, &trial, Some(&etag), Some(openid.clone()))
        .await
        .expect(200);
    let edited = api((served, token), Method::PATCH, &client, Some(&etag), Some(openid)).await;
    let edited = edited.expect(200).json();
    assert_eq!(edited["ends_access"], false, "{edited}");
    let wrong = ["client", "set", id, "--post-logout-redirect-uri", "javascript:alert(1)"];
    assert_eq!(served.command(&wrong).await.0, 1);
    let right = [
        "client",
        "set",
        id,
        "--post-logout-redirect-uri",
        "https://other.example/bye",
        "--pairwise",
        "true",
    ];
    let (status, said) = served.command(&right).await;
    assert!(status == 0 && said.contains("https://other.example/bye"), "{said}");
    let mut shown = Value::Null;
    // A command reaches the server a moment later.
    for _ in 0..100 {
        shown = api((served, token), Method::GET, &client, None, None).await.expect(200).json();
        if shown["openid"]["pairwise"] == true {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let expected = json!({
        "pairwise": true, "signed_userinfo": true, "backchannel_logout_uri": told,
        "post_logout_redirect_uris": ["https://other.example/bye"],
        "backchannel_logout_session_required": false,
    });
    assert_eq!(shown["openid"], expected);
    assert!(shown["scopes"].as_array().unwrap().contains(&json!("openid")), "{shown}");
}
