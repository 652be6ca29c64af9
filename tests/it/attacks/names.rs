//! Attacks by names: other letters that look the same, other cases, hidden characters, and the names
//! of other objects, wherever an identifier is taken.

use doorward_testkit::{Browser, OAuthClient, PASSWORD, Page, Pkce, TestServer, form_value};
use reqwest::Method;
use serde_json::{Value, json};

struct Stage {
    server: TestServer,
    key: String,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start_with(|config| {
            config.server.refused_burst_per_address = 100_000;
            config.accounts.failures_before_delay = 10_000;
            config.accounts.address_failures_before_delay = 10_000;
        })
        .await;
        let root = server.user_with("root", &["admin"]).await;
        let key = crate::admin::key(&server, &root, "admin").await;
        Self { server, key }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Page {
        let browser = Browser::new();
        let mut request = browser.raw(method.clone(), &self.server.at(path)).bearer_auth(&self.key);
        if [Method::PATCH, Method::DELETE, Method::PUT].contains(&method) {
            let shown = browser.raw(Method::GET, &self.server.at(path)).bearer_auth(&self.key);
            request = request.header("if-match", browser.send(shown).await.header("etag"));
        }
        if !body.is_null() {
            request = request.json(body);
        }
        browser.send(request).await
    }
}

/// Texts that look like `name`, or that a careless comparison takes for it.
fn lookalikes(name: &str) -> Vec<String> {
    let wide: String =
        name.chars().map(|letter| char::from_u32(u32::from(letter) + 0xfee0).unwrap()).collect();
    let (first, rest) = name.split_at(1);
    vec![
        wide,
        format!("{first}\u{200b}{rest}"),
        format!("{first}\u{ad}{rest}"),
        format!("{first}\u{301}{rest}"),
        format!("\u{202e}{}", name.chars().rev().collect::<String>()),
        format!("{name}\u{0}"),
        format!("{name}\u{feff}"),
        format!("{name}\u{a0}"),
        format!("{name}\u{3000}"),
        format!("{name}\u{e0041}"),
        name.replace('a', "\u{430}"),
        name.replace('i', "\u{456}"),
        name.replace('o', "\u{3bf}"),
        name.replace('i', "\u{131}"),
        format!("{name}/"),
        format!("{name}%00"),
        format!("../{name}"),
        format!("{name}\n"),
        format!("{name};x"),
    ]
    .into_iter()
    .filter(|odd| odd != name)
    .collect()
}

#[tokio::test]
async fn no_object_can_be_added_under_a_name_that_looks_like_that_of_another_one() {
    let stage = Stage::new().await;
    let objects = [
        ("/api/admin/users", "alice", json!({"name": "alice"})),
        ("/api/admin/groups", "board", json!({"name": "board"})),
        (
            "/api/admin/toolsets",
            "support",
            json!({"name": "support", "selection": ["upstream=* tool=read"]}),
        ),
        (
            "/api/admin/upstreams",
            "wiki",
            json!({"name": "wiki", "kind": "http", "url": "https://wiki.example/mcp"}),
        ),
        (
            "/api/admin/providers",
            "corp",
            json!({"name": "corp", "kind": "oidc", "issuer": "https://id.example", "client_id": "d", "client_secret": "s"}),
        ),
    ];
    for (path, name, body) in &objects {
        stage.send(Method::POST, path, body).await.expect(201);
        let mut odd = lookalikes(name);
        odd.extend([name.to_uppercase(), format!(" {name}"), format!("{name} ")]);
        for odd in odd {
            let mut other = body.clone();
            other["name"] = odd.as_str().into();
            let page = stage.send(Method::POST, path, &other).await;
            assert!([400, 409].contains(&page.status), "{path} {odd:?}: {}", page.body);
        }
        let listed = stage.send(Method::GET, path, &Value::Null).await.expect(200).json();
        let count = listed.as_object().unwrap().values().find_map(Value::as_array).unwrap().len();
        let expected = if *name == "alice" { 2 } else { 1 };
        assert_eq!(count, expected, "{path}: {listed}");
    }
}

#[tokio::test]
async fn no_role_or_scope_is_had_by_a_word_that_looks_like_it() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let alice = server.user("alice").await;
    let path = format!("/api/admin/users/{}", alice.id);
    let mut words = lookalikes("admin");
    words.extend(
        ["Admin", "ADMIN", " admin", "admin ", "admin,x", "admin x", "*", ""].map(str::to_owned),
    );
    for word in &words {
        for roles in [json!([word]), json!(["staff", word])] {
            let page = stage.send(Method::PATCH, &path, &json!({ "roles": roles })).await;
            assert_eq!(page.status, 400, "{word:?}: {}", page.body);
        }
        let group = json!({"name": "board", "roles": [word]});
        let page = stage.send(Method::POST, "/api/admin/groups", &group).await;
        assert_eq!(page.status, 400, "{word:?}: {}", page.body);
        let user = json!({"name": "bob", "roles": [word]});
        let page = stage.send(Method::POST, "/api/admin/users", &user).await;
        assert_eq!(page.status, 400, "{word:?}: {}", page.body);
    }
    assert!(!server.app.accounts.find("alice").await.unwrap().is_administrator());
    // Scopes: of tokens, of clients, of requests. A word that is none gives nothing.
    let client = OAuthClient::register(server).await;
    let browser = server.signed_in("root").await;
    for word in words.iter().filter(|word| !word.trim().is_empty() && *word != "admin x") {
        let token = json!({"service": "job", "name": "n", "scopes": [word], "days": 1});
        let page = stage.send(Method::POST, "/api/admin/tokens", &token).await;
        assert_eq!(page.status, 400, "{word:?}: {}", page.body);
        let asked = format!("mcp:read {word}");
        let to = browser.get(&client.authorize_url(&Pkce::default(), &[("scope", &asked)])).await;
        if to.location().contains("/consent?request=") {
            let page = browser.get(&to.location()).await.expect(200);
            assert!(!page.body.contains("name=\"scope-admin"), "{word:?}: {}", page.body);
            let back = client.decide(&browser, &page, "allow", &["mcp:read", "admin", word]).await;
            assert!(back.location_param("code").is_some(), "{word:?}");
        } else {
            assert!(to.location_param("code").is_none(), "{word:?}: {}", to.location());
        }
    }
}

#[tokio::test]
async fn a_user_signs_in_by_their_own_name_and_a_client_is_found_by_its_own_identifier() {
    let stage = Stage::new().await;
    let server = &stage.server;
    server.user("alice").await;
    let sign_in = async |name: &str| {
        let browser = Browser::new();
        let page = browser.get(&server.at("/login")).await.expect(200);
        let at = page.body.find("action=\"/login\"").unwrap();
        let csrf = form_value(&page.body[at..], "csrf").unwrap();
        let fields = [("csrf", csrf.as_str()), ("name", name), ("password", PASSWORD)];
        browser.post(&server.at("/login"), &fields).await.status
    };
    assert_eq!(sign_in("alice").await, 303);
    // Letters of ASCII in upper case are the same name, as keyboards of phones write it.
    assert_eq!(sign_in(" Alice ").await, 303);
    for odd in lookalikes("alice") {
        // White space around a name is none of it.
        let is_same = odd.trim() == "alice";
        let status = sign_in(&odd).await;
        assert_eq!(status == 303, is_same, "{odd:?}: {status}");
    }
    let client = OAuthClient::register(server).await;
    let other = OAuthClient::register(server).await;
    let browser = server.signed_in("alice").await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let mut odd = lookalikes(&client.id);
    odd.extend([
        client.id.to_uppercase(),
        client.id.to_lowercase(),
        format!(" {}", client.id),
        format!("{} ", client.id),
        format!("{},{}", client.id, other.id),
        client.id[..client.id.len() - 1].to_owned(),
    ]);
    odd.retain(|id| *id != client.id);
    for id in odd {
        let known = OAuthClient::known(server, &id, &client.redirect_uri);
        let page = known.redeem(&code, &pkce, &[]).await;
        assert!([400, 401].contains(&page.status), "{id:?}: {}", page.body);
        let page = browser.get(&known.authorize_url(&Pkce::default(), &[])).await;
        assert!(page.location().is_empty(), "{id:?}: {}", page.location());
        let pushed = known.push(&Pkce::default(), &[]).await;
        assert!([400, 401].contains(&pushed.status), "{id:?}: {}", pushed.body);
    }
    for redirect in [
        "http://127.0.0.1:7777/callback/",
        "http://127.0.0.1:7777/Callback",
        "http://127.0.0.1:7777/callback?",
        "http://127.0.0.1:7777/callback#",
        "http://127.0.0.1:7777//callback",
        "http://127.0.0.1:7777/%63allback",
        "HTTP://127.0.0.1:7777/callback",
        "http://127.0.0.1:7777\\@evil.example/callback",
        "http://127.0.0.1:7777@evil.example/callback",
        "http://127.0.0.1.evil.example:7777/callback",
        "http://127.0.0.1:7777/callback\u{a0}",
        "http://localhost:7777/callback",
        "http://[::1]:7777/callback",
        "http://127.1:7777/callback",
    ] {
        let url = client.authorize_url(&Pkce::default(), &[("redirect_uri", redirect)]);
        let page = browser.get(&url).await;
        let led = page.location();
        assert!(page.status == 400 && led.is_empty(), "{redirect}: {} {led}", page.status);
    }
    // A client whose name shows nothing is named by its host, and one that shows another's name is
    // told apart.
    let blank =
        json!({"token_endpoint_auth_method": "none", "client_name": "\u{3164}\u{2800}\u{200d}"});
    let blank = OAuthClient::register_with(server, blank).await;
    let page = blank.consent_page(&browser, &Pkce::default(), &[]).await;
    assert!(page.body.contains("127.0.0.1") && !page.body.contains('\u{3164}'), "{}", page.body);
    let hidden = json!({"token_endpoint_auth_method": "none", "client_name": "Go\u{34f}od\u{115f} \u{fe00}name\u{1d173}"});
    let hidden = OAuthClient::register_with(server, hidden).await;
    let page = hidden.consent_page(&browser, &Pkce::default(), &[]).await;
    assert!(page.body.contains("Good name"), "{}", page.body);
    assert!(page.body.contains("was not verified"), "{}", page.body);
}
