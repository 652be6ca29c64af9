//! Settings by page: everything that can be added, and changes with the difference first.

use doorward_testkit::{Browser, FakeUpstream, Page, form_value, tool};

use crate::reload::{Served, calls, upstream};

/// Posts a form with the hidden fields of the page that shows it.
async fn send(
    served: &Served,
    browser: &Browser,
    page: &Page,
    path: &str,
    fields: &[(&str, &str)],
) -> Page {
    // The head of the page has a form of its own.
    let body = page.body.split_once("<main").unwrap().1;
    let hidden: Vec<(&str, String)> = ["csrf", "seen", "shown", "client_id"]
        .into_iter()
        .filter_map(|name| Some((name, form_value(body, name)?)))
        .collect();
    let mut all: Vec<(&str, &str)> =
        hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend(fields);
    browser.post(&format!("{}{path}", served.process.url), &all).await
}

/// The hints below the fields are in the language of the page.
async fn explains_in_each_language(browser: &Browser, url: &str) {
    let said = [
        ("en", "The client ID that the provider issued."),
        ("de", "Die vom Anbieter ausgestellte Client-ID."),
        ("fr", "L’ID client émis par le fournisseur."),
    ];
    for (language, _) in said {
        let request = browser.raw(reqwest::Method::GET, url).header("accept-language", language);
        let form = browser.send(request).await.expect(200);
        for (other, hint) in said {
            assert_eq!(form.body.contains(hint), other == language, "{hint} in {language}");
        }
    }
}

async fn settings(served: &Served, family: &str) -> String {
    served.command(&["--json", family, "list"]).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one form, from its first display to its effect")]
async fn an_upstream_is_added_and_changed_by_page_alone() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools = vec![tool("read", true)];
    let text = format!(
        "{}[outbound]\nadministered_networks = [\"127.0.0.0/8\"]\n",
        upstream("filed", &wiki, "")
    );
    let served = Served::start("edit-page", &text).await;
    let alice = served.process.user(&served.data, &served.given(), "alice").await.token;
    let (browser, _) = served.administrator().await;
    let base = served.process.url.clone();
    let at = |query: &str| format!("{base}/admin/upstreams{query}");
    let list = browser.get(&at("")).await.expect(200);
    assert!(
        list.body.contains("from the configuration file") && !list.body.contains("?edit=filed")
    );
    browser.get(&at("?edit=filed")).await.expect(409);
    browser.get(&at("?edit=nothing")).await.expect(404);
    // One that is added.
    let form = browser.get(&at("?add=1")).await.expect(200);
    for part in ["set-authorize_params", "set-trust_pkce", "set-token_url", "set-scopes"] {
        assert!(form.body.contains(part), "{part}");
    }
    assert!(!form.body.contains("set-command") && !form.body.contains("\"stdio\""));
    // The configuration that an MCP client has for the server fills the form, and adds nothing.
    let pasted = format!("{{\"mcpServers\": {{\"Wiki\": {{\"url\": \"{}\"}}}}}}", wiki.url);
    let paste = [("do", "paste"), ("pasted", pasted.as_str())];
    let filled = send(&served, &browser, &form, "/admin/upstreams", &paste).await.expect(200);
    assert!(filled.body.contains("name=\"name\" type=\"text\" value=\"wiki\""));
    assert!(filled.body.contains(&format!("value=\"{}\"", wiki.url)), "{}", filled.body);
    assert!(!browser.get(&at("")).await.body.contains("/admin/upstreams/wiki"));
    let command = [("do", "paste"), ("pasted", "{\"mcpServers\": {\"x\": {\"command\": \"sh\"}}}")];
    let refused = send(&served, &browser, &form, "/admin/upstreams", &command).await.expect(400);
    assert!(refused.body.contains("This server is a local process"));
    let url = wiki.url.clone();
    let fields = [
        ("name", "wiki"),
        ("set-kind", "http"),
        ("set-url", url.as_str()),
        ("set-networks", "127.0.0.0/8"),
        ("set-http_on_loopback", "true"),
        ("set-list_wait_ms", "3000"),
        ("set-enabled", "true"),
    ];
    let wrong = [&[("do", "create")][..], &fields[..1], &[("set-kind", "http")]].concat();
    let refused = send(&served, &browser, &form, "/admin/upstreams", &wrong).await.expect(400);
    assert!(refused.body.contains("value=\"wiki\""), "what was typed stays: {}", refused.body);
    let fields = [&[("do", "create")][..], &fields[..]].concat();
    send(&served, &browser, &form, "/admin/upstreams", &fields).await.expect(303);
    assert!(calls(&base, &alice, "wiki_read").await);
    // A change: shown first, and nothing else takes effect.
    let form = browser.get(&at("?edit=wiki")).await.expect(200);
    let change = [
        ("name", "wiki"),
        ("set-title", "The wiki"),
        ("set-call_seconds", "7"),
        ("set-networks", "127.0.0.0/8"),
        ("set-auth", "header"),
        ("set-header", "X-Key: hunter2"),
    ];
    let sent = |step: &'static str| [&[("do", step)][..], &change[..]].concat();
    let first =
        send(&served, &browser, &form, "/admin/upstreams", &sent("apply")).await.expect(200);
    assert!(!settings(&served, "upstream").await.contains("The wiki"), "it was not shown before");
    for part in ["<p><code>title</code>", "<p><code>call_seconds</code>", "<p><code>header</code>"]
    {
        assert!(first.body.contains(part), "{part}: {}", first.body);
    }
    assert!(!first.body.contains("<p><code>networks</code>"), "it does not change");
    assert!(!first.body.contains("<pre>X-Key: hunter2"), "a secret is not shown");
    let other = [&sent("apply")[..], &[("set-exclude", "x")]].concat();
    let again = send(&served, &browser, &first, "/admin/upstreams", &other).await.expect(200);
    assert!(again.body.contains("<p><code>exclude</code>"), "another change is shown first");
    send(&served, &browser, &first, "/admin/upstreams", &sent("apply")).await.expect(303);
    assert!(settings(&served, "upstream").await.contains("The wiki"));
    let audit = served.command(&["--json", "audit", "--kind", "upstream.changed"]).await.1;
    assert!(audit.contains("call_seconds") && !audit.contains("hunter2"), "{audit}");
    // The state that was seen has changed: the edit is refused, and the form shows the new state.
    let stale = send(
        &served,
        &browser,
        &form,
        "/admin/upstreams",
        &[("do", "show"), ("name", "wiki"), ("set-title", "Other")],
    )
    .await
    .expect(409);
    let shown = send(
        &served,
        &browser,
        &stale,
        "/admin/upstreams",
        &[("do", "show"), ("name", "wiki"), ("set-title", "Other")],
    )
    .await
    .expect(200);
    assert!(shown.body.contains("<pre>The wiki</pre>"), "{}", shown.body);
    assert!(calls(&base, &alice, "wiki_read").await);
    for (field, value) in
        [("set-call_seconds", "soon"), ("set-networks", "10.0.0.0/8"), ("set-kind", "stdio")]
    {
        let fields = [("do", "show"), ("name", "wiki"), (field, value)];
        send(&served, &browser, &shown, "/admin/upstreams", &fields).await.expect(400);
    }
    // One of the configuration file stays as it is.
    send(
        &served,
        &browser,
        &shown,
        "/admin/upstreams",
        &[("do", "show"), ("name", "filed"), ("set-title", "x")],
    )
    .await
    .expect(409);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_of_every_kind_and_clients_are_added_and_changed_by_page() {
    let served = Served::start("edit-page-others", "").await;
    let (browser, _) = served.administrator().await;
    let base = served.process.url.clone();
    let at = |query: &str| format!("{base}/admin/providers{query}");
    let form = browser.get(&at("?add=1")).await.expect(200);
    explains_in_each_language(&browser, &at("?add=1")).await;
    let tenant = "11111111-1111-1111-1111-111111111111";
    let own =
        [("set-client_id", "an-id"), ("set-client_secret", "a-secret"), ("set-sign_up", "invited")];
    let kinds: [(&str, &[(&str, &str)]); 9] = [
        ("oidc", &[("set-issuer", "https://idp.example")]),
        (
            "oauth2",
            &[
                ("set-authorize_url", "https://as.example/authorize"),
                ("set-token_url", "https://as.example/token"),
                ("set-userinfo_url", "https://as.example/me"),
                ("set-claim_subject", "id"),
            ],
        ),
        ("google", &[]),
        ("entra", &[("set-tenants", tenant)]),
        ("okta", &[("set-issuer", "https://acme.okta.com")]),
        ("keycloak", &[("set-issuer", "https://kc.example/realms/a")]),
        ("gitlab", &[]),
        ("github", &[]),
        ("mattermost", &[("set-issuer", "https://chat.example")]),
    ];
    for (kind, more) in kinds {
        assert!(form.body.contains(&format!("<option value=\"{kind}\"")), "{kind}");
        let fields =
            [&[("do", "create"), ("name", kind), ("set-kind", kind)][..], &own, more].concat();
        let sent = send(&served, &browser, &form, "/admin/providers", &fields).await;
        assert_eq!(sent.status, 303, "{kind}: {}", sent.body);
    }
    let listed = settings(&served, "provider").await;
    assert!(listed.contains(tenant) || listed.contains("entra"), "{listed}");
    let form = browser.get(&at("?edit=entra")).await.expect(200);
    assert!(form.body.contains(tenant) && !form.body.contains("a-secret"), "{}", form.body);
    let change = [
        ("name", "entra"),
        ("set-name", "Our company"),
        ("set-authorize_params", "domain_hint=example.com"),
    ];
    let sent = |step: &'static str| [&[("do", step)][..], &change[..]].concat();
    let shown = send(&served, &browser, &form, "/admin/providers", &sent("show")).await.expect(200);
    assert!(
        shown.body.contains("domain_hint=example.com")
            && !settings(&served, "provider").await.contains("Our company")
    );
    send(&served, &browser, &shown, "/admin/providers", &sent("apply")).await.expect(303);
    assert!(settings(&served, "provider").await.contains("Our company"));
    // A client.
    let add = ["--json", "client", "add", "App", "--redirect-uri", "https://app.example/cb"];
    let added: serde_json::Value = serde_json::from_str(&served.command(&add).await.1).unwrap();
    let id = added["client_id"].as_str().unwrap();
    let page = browser.get(&format!("{base}/admin/clients/one?client_id={id}")).await.expect(200);
    let fields = |step: &'static str, uri: &'static str| {
        [("do", step), ("name", "Another"), ("redirect_uris", uri)]
    };
    let path = "/admin/clients/one";
    let refused =
        send(&served, &browser, &page, path, &fields("show", "http://app.example/cb")).await;
    assert_eq!(refused.status, 400, "the policy of redirect URIs holds: {}", refused.body);
    let shown = send(&served, &browser, &page, path, &fields("apply", "https://app.example/new"))
        .await
        .expect(200);
    assert!(shown.body.contains("<pre>App</pre>"), "it is shown first: {}", shown.body);
    send(&served, &browser, &shown, path, &fields("apply", "https://app.example/new"))
        .await
        .expect(303);
    let page = browser.get(&format!("{base}/admin/clients/one?client_id={id}")).await.expect(200);
    assert!(page.body.contains("<h1>Another") && page.body.contains("https://app.example/new"));
    relying_party_by_page(&served, &browser, id, &page).await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_with_commas_are_set_by_command_and_by_page_and_stay_whole() {
    let served = Served::start("edit-lists", "").await;
    let (browser, _) = served.administrator().await;
    let add = ["provider", "add", "corp", "--kind", "entra", "--client-id", "an-id"];
    let sets = [
        "--set",
        "tenants=11111111-1111-1111-1111-111111111111",
        "--set",
        "client_secret=a-secret",
        "--set",
        "sign_up=invited",
        "--set",
        r#"authorize_params=["domain_hint=a,b"]"#,
        "--set",
        "authorize_params=access_type=x, ui=y",
    ];
    let (status, said) = served.command(&[&add[..], &sets[..]].concat()).await;
    assert_eq!(status, 0, "{said}");
    let url = format!("{}/admin/providers?edit=corp", served.process.url);
    let form = browser.get(&url).await.expect(200);
    assert!(
        form.body.contains(">domain_hint=a,b\naccess_type=x\nui=y</textarea>"),
        "{}",
        form.body
    );
    let change =
        [("name", "corp"), ("set-authorize_params", "[\"domain_hint=c, d\",\r\n\"ui=\\n\"]")];
    let sent = |step: &'static str| [&[("do", step)][..], &change[..]].concat();
    let path = "/admin/providers";
    let shown = send(&served, &browser, &form, path, &sent("show")).await.expect(200);
    send(&served, &browser, &shown, path, &sent("apply")).await.expect(303);
    let said = settings(&served, "provider").await;
    let (status, again) = served
        .command(&["provider", "set", "corp", r#"authorize_params=["domain_hint=c, d","ui=\n"]"#])
        .await;
    assert!(status == 0 && again.contains("already has these settings"), "{again} {said}");
    let half_an_array = ["provider", "set", "corp", r#"authorize_params=["domain_hint=c"#];
    let (status, refused) = served.command(&half_an_array).await;
    assert!(status == 1 && refused.contains("a JSON array of strings"), "{refused}");
    let half = [("do", "show"), ("name", "corp"), ("set-authorize_params", "[\"a=b\"")];
    let refused = send(&served, &browser, &form, path, &half).await.expect(400);
    assert!(refused.body.contains("a JSON array of strings"), "{}", refused.body);
    served.end().await;
}

/// Settings of a relying party, which are shown before they take effect.
async fn relying_party_by_page(served: &Served, browser: &Browser, id: &str, page: &Page) {
    let path = "/admin/clients/one";
    let at = format!("{}{path}?client_id={id}", served.process.url);
    assert!(!page.body.contains("backchannel_logout_uri"), "{}", page.body);
    served.command(&["client", "set", id, "--signed-userinfo", "true"]).await;
    let mut page = page.clone();
    // A command reaches the server a moment later.
    for _ in 0..100 {
        page = browser.get(&at).await.expect(200);
        if page.body.contains("backchannel_logout_uri") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let fields = [
        ("do", "apply"),
        ("name", "Another"),
        ("redirect_uris", "https://app.example/new"),
        ("openid", "1"),
        ("post_logout_redirect_uris", "https://app.example/bye https://app.example/bye2"),
        ("backchannel_logout_uri", "https://app.example/logout"),
        ("rules", "1"),
        ("dpop_bound_access_tokens", "1"),
    ];
    let shown = send(served, browser, &page, path, &fields).await.expect(200);
    assert!(shown.body.contains("backchannel_logout_uri"), "{}", shown.body);
    send(served, browser, &shown, path, &fields).await.expect(303);
    let (_, said) = served.command(&["client", "show", id]).await;
    let client: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(client["openid"]["backchannel_logout_uri"], "https://app.example/logout");
    assert_eq!(client["openid"]["post_logout_redirect_uris"].as_array().unwrap().len(), 2);
    assert_eq!(client["openid"]["signed_userinfo"], false, "its box was not checked");
    assert_eq!(client["dpop_bound_access_tokens"], true);
    assert_eq!(client["require_pushed_authorization_requests"], false);
}
