//! Attacks on the grants in forms that no client sends: tokens at the doors of other tokens, proofs
//! that are almost right, the parts of one client's flow in another's, odd encodings, and hosts and
//! headers that a caller makes up. Each test also shows that nothing of it was used up.

mod api;
mod forwarded;
mod mixed;
mod names;
mod outbound;
mod proofs;
mod registrations;

use doorward_accounts::Authority;
use doorward_admin::{AddedClient, NewClient, NewExchange, NewRelyingParty, NewResource};
use doorward_model::ClientRules;
use doorward_testkit::{
    Browser, OAuthClient, Page, Pkce, TestServer, Tokens, call_with, form_value,
};
use reqwest::Method;
use serde_json::{Value, json};

const NOTES: &str = "https://notes.example.test/mcp";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The redirect URI of the relying party.
const PORTAL: &str = "https://portal.example/callback";

struct Stage {
    server: TestServer,
    /// A public client with every grant that such a client can have.
    client: OAuthClient,
    browser: Browser,
    pkce: Pkce,
}

async fn public(server: &TestServer) -> OAuthClient {
    let grants = json!(["authorization_code", "refresh_token", DEVICE]);
    let metadata = json!({"token_endpoint_auth_method": "none", "grant_types": grants});
    OAuthClient::register_with(server, metadata).await
}

/// A client of an administrator, which authenticates; as a relying party with `openid`.
async fn confidential(server: &TestServer, openid: Option<NewRelyingParty>) -> OAuthClient {
    let new = NewClient {
        name: "Portal".to_owned(),
        redirect_uris: vec![PORTAL.to_owned()],
        auth_method: Some("client_secret_basic".to_owned()),
        admin: false,
        openid,
        rules: ClientRules::default(),
    };
    let clients = &server.app.admin.clients;
    let AddedClient { client, secret } = clients.add(&Authority::operator(), new).await.unwrap();
    let mut known = OAuthClient::known(server, client.id.as_str(), PORTAL);
    known.secret = secret.map(|secret| secret.reveal().to_owned());
    known.basic = true;
    known
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned()
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start_with(|config| {
            config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
            config.server.refused_burst_per_address = 100_000;
        })
        .await;
        let resource = NewResource {
            url: NOTES.to_owned(),
            name: None,
            scopes: vec!["notes:read".to_owned()],
            roles: vec![],
        };
        server.app.admin.resources.add(&Authority::operator(), resource).await.unwrap();
        server.user("alice").await;
        let client = public(&server).await;
        let browser = server.signed_in("alice").await;
        Self { server, client, browser, pkce: Pkce::default() }
    }

    async fn begun(&self, client: &OAuthClient) -> Value {
        let fields = [("client_id", client.id.as_str()), ("scope", "mcp:read")];
        Browser::new().post(&self.server.at("/oauth/device"), &fields).await.expect(200).json()
    }

    async fn with_bearer(&self, path: &str, token: &str, headers: &[(&str, &str)]) -> Page {
        let caller = Browser::new();
        let mut request = caller.raw(Method::GET, &self.server.at(path)).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        caller.send(request).await
    }

    /// Asks as a proxy in front of the resource server.
    async fn check(&self, token: &str) -> Page {
        let forwarded = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "notes.example.test"),
            ("x-forwarded-uri", "/mcp"),
        ];
        self.with_bearer("/auth/check", token, &forwarded).await
    }

    /// Presents a value at a door of the server.
    async fn present(&self, door: &str, agent: &OAuthClient, value: &str) -> Page {
        let client = &self.client;
        match door {
            "code" => client.redeem(value, &self.pkce, &[]).await,
            "refresh" => client.refresh(value, &[]).await,
            "device" => client.token(&[("grant_type", DEVICE), ("device_code", value)]).await,
            "assertion" => agent.token(&[("grant_type", BEARER), ("assertion", value)]).await,
            "exchange" => {
                let kind = ("subject_token_type", ACCESS);
                agent.token(&[("grant_type", EXCHANGE), ("subject_token", value), kind]).await
            }
            "session" => agent.post("/api/session", &[("token", value)], &[]).await,
            "open session" => self.with_bearer("/api/session", value, &[]).await,
            "mcp" => call_with(&self.server, ("Bearer", value), &[]).await,
            "userinfo" => self.with_bearer("/oauth/userinfo", value, &[]).await,
            "admin" => self.with_bearer("/api/admin/users", value, &[]).await,
            "forward" => self.check(value).await,
            "hint" => {
                let query = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("id_token_hint", value)
                    .finish();
                Browser::new().get(&self.server.at(&format!("/oauth/logout?{query}"))).await
            }
            other => panic!("no door {other}"),
        }
    }
}

#[tokio::test]
async fn every_kind_of_token_counts_at_its_own_door_alone() {
    let stage = Stage::new().await;
    let (server, client, browser) = (&stage.server, &stage.client, &stage.browser);
    let agent = confidential(server, None).await;
    let rule = NewExchange {
        from: vec![client.id.clone()],
        scopes: vec!["mcp:read".to_owned()],
        ..NewExchange::default()
    };
    let (operator, clients) = (Authority::operator(), &server.app.admin.clients);
    clients.set_exchange(&operator, &agent.id, Some(&rule), None).await.unwrap();
    let own = client.tokens(browser, &[("scope", "mcp:read")]).await;
    // A client that registered itself has one grant for each resource.
    let notes = client.tokens(browser, &[("resource", NOTES), ("scope", "notes:read")]).await;
    let party = confidential(server, Some(NewRelyingParty::default())).await;
    let asked = [("resource", ""), ("scope", "openid offline_access")];
    let signed_in = party.tokens(browser, &asked).await;
    let identity = stage.check(&notes.access).await.expect(200).header("x-doorward-identity");
    let begun = stage.begun(client).await;
    let pushed = client.push(&stage.pkce, &[]).await.expect(201).json();
    let code = client.code(browser, &stage.pkce, &[("resource", NOTES), ("scope", "notes:read")]);
    let code = code.await;
    let opened = stage.present("session", &agent, &own.access).await.expect(200).json();
    let tokens = [
        ("an access token", own.access.clone(), &["exchange", "session", "mcp"][..]),
        ("a refresh token", own.refresh.clone(), &["refresh"]),
        ("an access token of a resource server", notes.access.clone(), &["forward"]),
        ("an access token for userinfo", signed_in.access.clone(), &["userinfo"]),
        ("another client's refresh token", signed_in.refresh.clone(), &[]),
        ("an ID token", text(&signed_in.answer, "id_token"), &["hint"]),
        ("a statement for a resource server", identity, &[]),
        ("a code", code, &["code"]),
        ("a device code", text(&begun, "device_code"), &[]),
        ("a user code", text(&begun, "user_code"), &[]),
        ("a reference to a request", text(&pushed, "request_uri"), &[]),
        ("a session", text(&opened, "session_token"), &["open session"]),
        ("a client's secret", agent.secret.clone().unwrap(), &[]),
    ];
    let doors = [
        "device",
        "assertion",
        "exchange",
        "session",
        "open session",
        "mcp",
        "userinfo",
        "admin",
        "forward",
        "hint",
        "code",
        "refresh",
    ];
    for door in doors {
        for (what, token, own) in &tokens {
            let status = stage.present(door, &agent, token).await.status;
            if own.contains(&door) {
                assert_eq!(status, 200, "{what} at {door}");
            } else {
                assert!([400, 401, 403].contains(&status), "{what} at {door}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn the_parts_of_one_clients_flow_are_of_no_use_in_anothers() {
    let stage = Stage::new().await;
    let (server, client) = (&stage.server, &stage.client);
    let other = public(server).await;
    let rival = Pkce::default();
    let code = client.code(&stage.browser, &stage.pkce, &[]).await;
    let begun = stage.begun(client).await;
    let device = text(&begun, "device_code");
    let pushed = text(&client.push(&stage.pkce, &[]).await.expect(201).json(), "request_uri");
    // Codes: by another client, with its verifier, with both, with a redirect URI beside it.
    other.redeem(&code, &stage.pkce, &[]).await.expect(400);
    client.redeem(&code, &rival, &[]).await.expect(400);
    other.redeem(&code, &rival, &[]).await.expect(400);
    client.redeem(&code, &stage.pkce, &[("client_id", &other.id)]).await.expect(400);
    client.redeem(&code, &stage.pkce, &[("client_id", "")]).await.expect(401);
    let elsewhere = [("redirect_uri", "http://127.0.0.1:7777/callback/../evil")];
    client.redeem(&code, &stage.pkce, &elsewhere).await.expect(400);
    client.redeem(&code, &stage.pkce, &[("resource", NOTES)]).await.expect(400);
    // Pushed requests: by another client, and as the code or the device code of their own.
    let query = |id: &str, uri: &str| {
        let pairs = [("client_id", id), ("request_uri", uri)];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        server.at(&format!("/oauth/authorize?{}", query.extend_pairs(pairs).finish()))
    };
    for (id, uri) in [
        (other.id.as_str(), pushed.clone()),
        (client.id.as_str(), pushed.to_uppercase()),
        (client.id.as_str(), format!("{pushed} ")),
        (client.id.as_str(), format!("{pushed}\0")),
    ] {
        let page = stage.browser.get(&query(id, &uri)).await;
        assert!(page.location_param("code").is_none() && !page.location().contains("/consent"));
    }
    // Device codes: by another client, for another resource, with more scopes.
    let poll = [("grant_type", DEVICE), ("device_code", device.as_str())];
    other.token(&poll).await.expect(400);
    let page =
        other.token(&[&poll[..], &[("client_id", client.id.as_str())]].concat()).await.expect(400);
    assert_eq!(page.json()["error"], "authorization_pending", "a public client is its name");
    let page = stage.browser.get(&server.at("/device")).await.expect(200);
    let at = page.body.find("/device\"").unwrap();
    let csrf = form_value(&page.body[at..], "csrf").unwrap();
    let user_code = text(&begun, "user_code");
    let fields = [
        ("csrf", csrf.as_str()),
        ("user_code", &user_code),
        ("do", "allow"),
        ("scope-mcp:read", "on"),
        // None that the device did not ask for.
        ("scope-mcp:write", "on"),
        ("scope-admin", "on"),
    ];
    // Another user's browser cannot send the form of this one.
    server.user("mallory").await;
    let forged = server.signed_in("mallory").await.post(&server.at("/device"), &fields).await;
    assert_ne!(forged.status, 200);
    stage.browser.post(&server.at("/device"), &fields).await.expect(200);
    server.clock.advance(5);
    client.token(&[&poll[..], &[("resource", NOTES)]].concat()).await.expect(400);
    other.token(&poll).await.expect(400);
    let wide = [&poll[..], &[("scope", "mcp:read mcp:write admin")]].concat();
    let of_device = Tokens::read(client.token(&wide).await);
    assert_eq!(of_device.answer["scope"], "mcp:read");
    // All of it is still of use to its own client.
    let own = Tokens::read(client.redeem(&code, &stage.pkce, &[]).await);
    assert!(server.calls(&own.access).await);
    let page = stage.browser.get(&query(&client.id, &pushed)).await.expect(303);
    assert!(page.location().contains("/consent"), "{}", page.location());
    // Refresh tokens: used, revoked or asked about by another client.
    other.refresh(&own.refresh, &[]).await.expect(400);
    other.post("/oauth/revoke", &[("token", &own.refresh)], &[]).await.expect(200);
    let asking = confidential(server, Some(NewRelyingParty::default())).await;
    asking.post("/oauth/revoke", &[("token", &own.access)], &[]).await.expect(200);
    assert!(server.calls(&own.access).await);
    let page = client.refresh(&own.refresh, &[("scope", "mcp:read mcp:write")]).await.expect(400);
    assert_eq!(page.json()["error"], "invalid_scope");
    client.refresh(&own.refresh, &[("resource", NOTES)]).await.expect(400);
    client.refresh(&own.refresh, &[]).await.expect(200);
}

#[tokio::test]
async fn a_form_in_an_odd_encoding_is_refused_and_uses_up_nothing() {
    let stage = Stage::new().await;
    let (server, client) = (&stage.server, &stage.client);
    let tokens = client.tokens(&stage.browser, &[]).await;
    let good = format!(
        "grant_type=refresh_token&refresh_token={}&client_id={}",
        tokens.refresh, client.id
    );
    let form = "application/x-www-form-urlencoded";
    let send = async |kind: &str, query: &str, body: String, more: &[(&str, &str)]| {
        let caller = Browser::new();
        let url = server.at(&format!("/oauth/token{query}"));
        let mut request = caller.raw(Method::POST, &url).header("content-type", kind).body(body);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        caller.send(request).await.status
    };
    let object = json!({
        "grant_type": "refresh_token", "refresh_token": tokens.refresh, "client_id": client.id,
    });
    for (kind, query, body) in [
        (form, "", format!("{good}&grant_type=refresh_token")),
        (form, "", format!("{good}&refresh_token={}", tokens.refresh)),
        (form, "", format!("{good}&client_id={}", client.id)),
        (form, "", format!("{good}&scope=mcp:read&scope=mcp:read")),
        (form, "", format!("{good}&client%5Fid={}", client.id)),
        (form, "", good.replace('&', ";")),
        (form, "", good.replace("refresh_token&", "refresh_token%00&")),
        (form, "", good.replace("grant_type=r", "grant_type=R")),
        (form, "", good.replace("grant_type=", "grant_type=%20")),
        (form, "", good.replace("grant_type=", "grant_type[]=")),
        (form, "", good.replace("grant_type=", "GRANT_TYPE=")),
        (form, "", good.replace("&refresh_token=", "&refresh_token=%ff")),
        (form, "", String::new()),
        (form, &format!("?{good}"), String::new()),
        ("application/json", "", object.to_string()),
        ("text/plain", "", good.clone()),
        ("", "", good.clone()),
        ("multipart/form-data; boundary=x", "", good.clone()),
    ] {
        let status = send(kind, query, body.clone(), &[]).await;
        assert!([400, 401, 415].contains(&status), "{kind} {query} {body}: {status}");
    }
    let bearer = format!("Bearer {}", tokens.access);
    for credentials in [bearer.as_str(), "Basic", "Basic !", "Basic Og==", "Negotiate YQ=="] {
        let status = send(form, "", good.clone(), &[("authorization", credentials)]).await;
        assert!([400, 401].contains(&status), "{credentials}: {status}");
    }
    // A client that is named in the query only is not named.
    let named = good.replace(&format!("&client_id={}", client.id), "");
    let query = format!("?client_id={}", client.id);
    assert_eq!(send(form, &query, named, &[]).await, 401);
    assert_eq!(send(form, "", good, &[]).await, 200);
}

#[tokio::test]
async fn a_proxy_is_believed_about_the_host_of_a_request_in_one_spelling_alone() {
    let stage = Stage::new().await;
    let asked = [("resource", NOTES), ("scope", "notes:read")];
    let token = stage.client.tokens(&stage.browser, &asked).await.access;
    let ask = async |forwarded: &[(&str, &str)]| {
        stage.with_bearer("/auth/check", &token, forwarded).await
    };
    let usual = [("x-forwarded-proto", "https"), ("x-forwarded-uri", "/mcp")];
    let host = async |host: &str| ask(&[&usual[..], &[("x-forwarded-host", host)]].concat()).await;
    for same in ["notes.example.test", "NOTES.example.test", "notes.example.test:443"] {
        host(same).await.expect(200);
    }
    for other in [
        "notes.example.test.",
        "notes.example.test:8443",
        "notes.example.test:",
        "notes.example.test:443:443",
        "notes.example.test, evil.example",
        "evil.example, notes.example.test",
        "evil.example#notes.example.test",
        "user@notes.example.test",
        "notes.example.test/mcp",
        "notes.example.test\\@evil.example",
        "notes%2eexample.test",
        "[::1]",
        "",
    ] {
        let page = host(other).await;
        let is_same_port = other == "notes.example.test:";
        assert!(page.status == 403 || is_same_port, "{other}: {}", page.status);
    }
    let named = ("x-forwarded-host", "notes.example.test");
    for wrong in [
        vec![("x-forwarded-proto", "HTTPS"), ("x-forwarded-uri", "/mcp"), named],
        vec![("x-forwarded-proto", "https,http"), ("x-forwarded-uri", "/mcp"), named],
        vec![("x-forwarded-proto", "http"), ("x-forwarded-uri", "/mcp"), named],
        vec![
            ("x-forwarded-proto", "https"),
            ("x-forwarded-uri", "https://notes.example.test/mcp"),
            named,
        ],
        vec![
            ("x-forwarded-proto", "https"),
            ("x-forwarded-uri", "//notes.example.test/mcp"),
            named,
        ],
        vec![("x-forwarded-proto", "https"), ("x-forwarded-uri", "/mcp/../admin"), named],
        vec![("x-forwarded-proto", "https"), named],
        vec![("x-forwarded-uri", "/mcp"), named],
        vec![("forwarded", "host=notes.example.test;proto=https"), ("x-original-url", "/mcp")],
        [&usual[..], &[named, ("x-forwarded-uri", "/other")]].concat(),
        [&usual[..], &[named, named]].concat(),
    ] {
        let page = ask(&wrong).await.expect(403);
        assert!(page.header("x-doorward-user").is_empty(), "{wrong:?}");
    }
    // Names that other proxies use change nothing beside the ones that count.
    let beside = [named, ("x-original-url", "/other"), ("x-rewrite-url", "/other")];
    ask(&[&usual[..], &beside].concat()).await.expect(200);
}
