//! Tokens of an upstream belong to the server that issued them, and nothing outlives its basis.

use doorward_gateway::UpstreamConfig;
use doorward_model::AuditFilter;
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Page, TestServer, form_value};
use serde_json::json;

use super::{GatewayUser, connect, gateway_user, go, signed_in, with, with_config};

mod ended;

/// The subject of a test, by the kind and the access of an upstream.
#[derive(Clone, Copy, Debug)]
struct Case {
    kind: &'static str,
    auth: &'static str,
    tool: &'static str,
}

const CASES: [Case; 5] = [
    Case { kind: "http", auth: "oauth", tool: "wiki_echo" },
    Case { kind: "sse", auth: "oauth", tool: "wiki_echo" },
    Case { kind: "openapi", auth: "oauth", tool: "wiki_holder" },
    Case { kind: "http", auth: "exchange", tool: "wiki_echo" },
    Case { kind: "openapi", auth: "exchange", tool: "wiki_holder" },
];

impl Case {
    /// The settings of an upstream at `at`, with tokens from `issuer` wherever it is.
    fn config(self, at: &FakeUpstream, issuer: &FakeUpstream) -> UpstreamConfig {
        let mut config = match self.kind {
            "openapi" => at.api_config(self.auth),
            _ => at.config(self.auth),
        };
        if self.kind == "sse" {
            "sse".clone_into(&mut config.kind);
            config.url = format!("{}/sse", at.origin);
        }
        config.issuer.clone_from(&issuer.origin);
        if self.auth == "exchange" {
            config.token_url = format!("{}/token", issuer.origin);
            "doorward".clone_into(&mut config.client_id);
            config.issuer.clear();
        }
        config
    }
}

/// Has the tool called until it answers with a token of the user's own.
async fn used(server: &TestServer, gateway_user: &GatewayUser, case: Case) -> String {
    for _ in 0..20 {
        let page =
            server.call(&gateway_user.token, case.tool, json!({"text": "x"})).await.expect(200);
        let answer = page.json()["result"].to_string();
        if answer.contains("access-") || answer.contains("exchanged-") {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{case:?}: the upstream was not used");
}

/// The tokens that arrived at an upstream.
fn arrived(upstream: &FakeUpstream) -> Vec<String> {
    let state = upstream.state();
    state.authorizations.iter().filter(|header| !header.is_empty()).cloned().collect()
}

#[tokio::test]
async fn a_token_is_sent_to_no_other_resource_when_its_upstream_is_added_again_elsewhere() {
    for case in CASES {
        let (wiki, other) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
        let server = with(&[]).await;
        let alice = gateway_user(&server, "alice").await;
        let gateway = &server.app.gateway;
        gateway.add("wiki", case.config(&wiki, &wiki)).await.unwrap();
        if case.auth == "oauth" {
            connect(&server, &alice.browser, "wiki").await;
        }
        used(&server, &alice, case).await;
        let before: Vec<String> = wiki.state().valid.iter().cloned().collect();
        gateway.delete("wiki", None).await.unwrap();
        gateway.add("wiki", case.config(&other, &wiki)).await.unwrap();
        server.call(&alice.token, case.tool, json!({"text": "x"})).await.expect(200);
        for token in before {
            assert!(
                !arrived(&other).iter().any(|header| header.contains(&token)),
                "{case:?}: a token of another resource"
            );
        }
        // Of the same place an upstream that was added again is a new one too.
        gateway.delete("wiki", None).await.unwrap();
        gateway.add("wiki", case.config(&wiki, &wiki)).await.unwrap();
        let page = server.call(&alice.token, case.tool, json!({"text": "x"})).await.expect(200);
        if case.auth == "oauth" {
            assert!(page.body.contains("/connect/wiki"), "{case:?}: {}", page.body);
        }
    }
}

/// Starts a server on the data of another one, with other settings of the upstream.
async fn restarted(server: TestServer, config: Option<UpstreamConfig>) -> TestServer {
    let (mut all, data) = (server.config.clone(), server.data_dir.clone());
    drop(server);
    all.upstreams.clear();
    all.upstreams.extend(config.map(|config| ("wiki".to_owned(), config)));
    TestServer::start_on(all, data).await
}

#[tokio::test]
async fn a_token_is_sent_to_no_other_resource_when_the_file_names_another_url() {
    for case in CASES.into_iter().filter(|case| case.auth == "oauth") {
        let (wiki, other) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
        let server = with_config(&[], |config| {
            config.upstreams.insert("wiki".to_owned(), case.config(&wiki, &wiki));
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        connect(&server, &alice.browser, "wiki").await;
        used(&server, &alice, case).await;
        // A restart changes nothing.
        let server = restarted(server, Some(case.config(&wiki, &wiki))).await;
        let alice = signed_in(&server, "alice", "mcp:destructive").await;
        used(&server, &alice, case).await;
        let server = restarted(server, Some(case.config(&other, &wiki))).await;
        let alice = signed_in(&server, "alice", "mcp:destructive").await;
        let page = server.call(&alice.token, case.tool, json!({"text": "x"})).await.expect(200);
        assert!(page.body.contains("/connect/wiki"), "{case:?}: {}", page.body);
        assert!(arrived(&other).is_empty(), "{case:?}: {:?}", arrived(&other));
        server.app.gateway.revoke_due().await;
        assert_eq!(wiki.state().revoked.len(), 2, "{case:?}: what was given for the old place");
    }
}

#[tokio::test]
async fn an_upstream_that_is_removed_from_the_file_ends_with_its_connections() {
    let case = CASES[0];
    let wiki = FakeUpstream::protected().await;
    let config = || case.config(&wiki, &wiki);
    let server = with_config(&[], |all| {
        all.upstreams.insert("wiki".to_owned(), config());
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    let server = restarted(server, None).await;
    assert_eq!(entries(&server, "upstream.deleted").await.len(), 1);
    let server = restarted(server, Some(config())).await;
    let alice = signed_in(&server, "alice", "mcp:destructive").await;
    let page = server.call(&alice.token, case.tool, json!({"text": "x"})).await.expect(200);
    assert!(page.body.contains("/connect/wiki"), "{}", page.body);
}

/// The details of the entries of a kind.
async fn entries(server: &TestServer, kind: &str) -> Vec<String> {
    server.app.store.flush().await.unwrap();
    let all = server.app.store.audit(&AuditFilter::default(), None, 500).await.unwrap().entries;
    all.into_iter()
        .filter(|entry| entry.event.kind.as_str() == kind)
        .map(|entry| entry.event.detail)
        .collect()
}

async fn connect_page(server: &TestServer, browser: &Browser) -> Page {
    browser.get(&server.at("/connect/wiki")).await
}

/// Posts the form of the connect page, with these scopes as shown.
async fn post_shown(server: &TestServer, browser: &Browser, page: &Page, shown: &str) -> Page {
    let form = &page.body[page.body.find("/connect/wiki\"").unwrap()..];
    let csrf = form_value(form, "csrf").unwrap();
    browser.post(&server.at("/connect/wiki"), &[("csrf", &csrf), ("shown", shown)]).await
}

/// By which of the three ways an administrator accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Page,
    Api,
    Command,
}

async fn accept(server: &TestServer, by: By, pin: &doorward_model::ServerPin) -> bool {
    if by == By::Command {
        let etag = pin.etag();
        return server.app.gateway.accept_server("wiki", Some(&etag)).await.is_ok();
    }
    let browser = server.signed_in("root").await;
    if by == By::Page {
        let address = server.at("/admin/upstreams");
        let page = browser.get(&server.at("/admin/upstreams/wiki")).await.expect(200);
        let form = page.body.find("names another authorization server");
        // Without the notice nothing can be accepted.
        let Some(form) = form else { return false };
        let csrf = form_value(&page.body[form..], "csrf").unwrap();
        let fields = [
            ("csrf", csrf.as_str()),
            ("upstream", "wiki"),
            ("seen", &pin.etag()),
            ("decision", "accept-server"),
        ];
        return browser.post(&address, &fields).await.status == 303;
    }
    let new = doorward::app::NewClient {
        name: "Terraform".to_owned(),
        redirect_uris: vec!["http://127.0.0.1:7777/callback".to_owned()],
        auth_method: None,
        admin: true,
        openid: None,
        rules: doorward_model::ClientRules::default(),
    };
    let id = server.app.registration.add(new).await.unwrap().client.id.to_string();
    let client = OAuthClient::known(server, &id, "http://127.0.0.1:7777/callback");
    let resource = server.at("/api/admin");
    let changes = [("scope", "admin:upstreams"), ("resource", resource.as_str())];
    let token = client.tokens(&browser, &changes).await.access;
    let address = server.at("/api/admin/upstreams/wiki/authorization-server");
    let body = json!({"issuer": pin.issuer, "resource": pin.resource});
    let request =
        Browser::new().raw(reqwest::Method::PUT, &address).bearer_auth(&token).json(&body);
    Browser::new().send(request).await.status == 200
}

#[tokio::test]
async fn users_are_not_sent_to_another_server_or_resource_until_an_administrator_accepts_it() {
    for (by, member) in [
        (By::Command, "authorization_servers"),
        (By::Page, "authorization_servers"),
        (By::Api, "authorization_servers"),
        (By::Command, "resource"),
    ] {
        let (wiki, evil) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
        let server = with(&[("wiki", &wiki, "oauth")]).await;
        server.user_with("root", &["admin"]).await;
        let (alice, bob) =
            (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
        connect(&server, &bob.browser, "wiki").await;
        used(&server, &bob, CASES[0]).await;
        let away = wiki.state().authorizes.len();
        let named = if member == "resource" { json!(wiki.origin) } else { json!([evil.origin]) };
        wiki.state().metadata.insert(member, named);
        for _ in 0..3 {
            let page = connect_page(&server, &alice.browser).await;
            assert_eq!(page.status, 502, "{by:?} {member}");
            assert!(page.body.contains("another"), "{}", page.body);
        }
        let csrf = form_value(&alice.browser.get(&server.at("/account")).await.body, "csrf");
        let sent = alice
            .browser
            .post(&server.at("/connect/wiki"), &[("csrf", &csrf.unwrap_or_default())])
            .await;
        assert!(sent.header("location").is_empty(), "{by:?}: {}", sent.header("location"));
        assert_eq!((wiki.state().authorizes.len(), evil.state().authorizes.len()), (away, 0));
        assert_eq!(entries(&server, "upstream.names_another").await.len(), 1, "{by:?} {member}");
        // It is shown to administrators, and connected users continue.
        let upstream = server.app.gateway.named("wiki").await.unwrap();
        let findings = server.app.gateway.test(&upstream, None).await;
        assert!(
            findings
                .iter()
                .any(|found| found.result.as_ref().is_err_and(|why| why.contains("another"))),
            "{findings:?}"
        );
        let root = server.signed_in("root").await;
        let page = root.get(&server.at("/admin/upstreams/wiki")).await.expect(200);
        assert!(page.body.contains("names another authorization server"));
        used(&server, &bob, CASES[0]).await;
        // The accepted server is the one that was shown.
        let trust = server.app.gateway.trust(&upstream).await.unwrap().unwrap();
        let shown = trust.named.unwrap();
        let other =
            doorward_model::ServerPin { issuer: "https://x.example".into(), ..shown.clone() };
        assert!(!accept(&server, by, &other).await, "{by:?}");
        assert!(accept(&server, by, &shown).await, "{by:?} {member}");
        assert!(!accept(&server, by, &shown).await, "{by:?}: it names no other any more");
        assert_eq!(entries(&server, "upstream.server_accepted").await.len(), 1);
        // Access of the former server has ended, at it and here.
        let page = server.call(&bob.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
        assert!(page.body.contains("/connect/wiki"), "{by:?}: {}", page.body);
        server.app.gateway.revoke_due().await;
        assert_eq!(wiki.state().revoked.len(), 2);
        go(&server, &alice.browser, "wiki").await;
        let expected = if member == "resource" { (away + 1, 0) } else { (away, 1) };
        assert_eq!((wiki.state().authorizes.len(), evil.state().authorizes.len()), expected);
    }
}

#[tokio::test]
async fn the_operator_s_issuer_counts_whatever_the_upstream_names() {
    let (wiki, evil) = (FakeUpstream::protected().await, FakeUpstream::protected().await);
    wiki.state().metadata.insert("authorization_servers", json!([evil.origin]));
    let server = with_config(&[("wiki", &wiki, "oauth")], |config| {
        config.upstreams.get_mut("wiki").unwrap().issuer.clone_from(&wiki.origin);
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    used(&server, &alice, CASES[0]).await;
    assert!(evil.state().authorizes.is_empty());
    assert!(entries(&server, "upstream.names_another").await.is_empty());
}

#[tokio::test]
async fn scopes_that_an_upstream_asks_for_later_are_shown_and_never_asked_for_unseen() {
    const ALSO: &str = "Additionally requested now";
    for by_challenge in [false, true] {
        let wiki = FakeUpstream::protected().await;
        let server = with(&[("wiki", &wiki, "oauth")]).await;
        let (alice, bob) =
            (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
        let page = connect_page(&server, &alice.browser).await.expect(200);
        assert!(!page.body.contains(ALSO) && page.body.contains("<code>all</code>"));
        connect(&server, &alice.browser, "wiki").await;
        let user = if by_challenge {
            used(&server, &alice, CASES[0]).await;
            wiki.state().lacks_scope = Some("all wipe-everything");
            server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
            wiki.state().lacks_scope = None;
            &alice
        } else {
            wiki.state().metadata.insert("resource_scopes", json!(["all", "wipe-everything"]));
            &bob
        };
        let away = wiki.state().authorizes.len();
        // A page that was opened before does not redirect to it.
        let page = connect_page(&server, &user.browser).await.expect(200);
        for shown in ["", "all"] {
            let back = post_shown(&server, &user.browser, &page, shown).await.expect(303);
            assert!(back.location().ends_with("/connect/wiki"), "{}", back.location());
        }
        assert_eq!(wiki.state().authorizes.len(), away);
        let (_, also) = page.body.split_once(ALSO).unwrap();
        assert!(
            also.contains("<code>wipe-everything</code>") && !also.contains("<code>all</code>")
        );
        let shown = form_value(&page.body, "shown").unwrap();
        let sent = post_shown(&server, &user.browser, &page, &shown).await.expect(303);
        let asked = sent.location_param("scope").unwrap();
        assert_eq!(asked.split(' ').collect::<Vec<_>>(), ["all", "wipe-everything"]);
    }
}

/// A connection as a version before 0.2 stored it: without a resource in the clear, and sealed for
/// user, upstream and issuer.
async fn as_stored_before(
    server: &TestServer,
    user: &doorward_model::UserId,
    (issuer, resource): (&str, Option<&str>),
    access_token: &str,
) {
    let upstream = doorward_model::UpstreamName::parse("wiki").unwrap();
    let store = &server.app.store;
    let now = store.connection_now(user, upstream).await.unwrap().unwrap();
    let key = std::fs::read_to_string(doorward_keys::MasterKey::path(&server.data_dir)).unwrap();
    let key = doorward_keys::MasterKey::from_text(&key, "test").unwrap();
    let held = json!({
        "access_token": access_token, "refresh_token": "old-refresh",
        "token_endpoint": format!("{issuer}/token"), "resource": resource,
    });
    let place = format!("connection/{user}/{upstream}/{issuer}");
    let old = doorward_model::Connection {
        issuer: issuer.to_owned(),
        resource: None,
        tokens: Some(key.seal(&place, held.to_string().as_bytes())),
        ..now
    };
    let id = store.upstream_trust_now(upstream).await.unwrap().unwrap().id;
    let put =
        doorward_model::UpstreamChange::PutConnection { connection: Box::new(old), id, by: None };
    store.apply(put).await.unwrap();
}

#[tokio::test]
async fn connections_of_an_older_version_stay_where_issuer_and_resource_are_the_present_ones() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[("wiki", &wiki, "oauth")]).await;
    let alice = gateway_user(&server, "alice").await;
    let user = server.app.accounts.list().await.unwrap()[0].id.clone();
    connect(&server, &alice.browser, "wiki").await;
    used(&server, &alice, CASES[0]).await;
    wiki.state().valid.insert("of-before".to_owned());
    let (url, above) = (wiki.url.clone(), format!("{}/", wiki.origin));
    for (issuer, resource, stays) in [
        (wiki.origin.as_str(), Some(url.as_str()), true),
        (wiki.origin.as_str(), Some(above.as_str()), true),
        (wiki.origin.as_str(), Some("https://other.example/mcp"), false),
        (wiki.origin.as_str(), None, false),
        ("https://other.example", Some(url.as_str()), false),
    ] {
        as_stored_before(&server, &user, (issuer, resource), "of-before").await;
        let page = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
        assert_eq!(page.body.contains("of-before"), stays, "{issuer} {resource:?}: {}", page.body);
        assert_eq!(page.body.contains("/connect/wiki"), !stays, "{issuer} {resource:?}");
    }
}
