//! Attacks on forward authentication: what a client sends to a proxy that passes all of it on, and
//! the cookies of one host at another.

use doorward_accounts::Authority;
use doorward_admin::NewResource;
use doorward_testkit::{Browser, OAuthClient, Page, TestServer};
use reqwest::Method;

const NOTES: &str = "https://notes.example.test/mcp";
const PAGES: &str = "https://pages.example.test/";
const BOARD: &str = "https://board.example.test/";
const PAGE: (&str, &str) = ("accept", "text/html");

struct Stage {
    server: TestServer,
    browser: Browser,
    token: String,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start_with(|config| {
            config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
            config.server.refused_burst_per_address = 100_000;
        })
        .await;
        for (url, scope) in [(NOTES, "notes:read"), (PAGES, "pages:read"), (BOARD, "board:read")] {
            let (url, scopes) = (url.to_owned(), vec![scope.to_owned()]);
            let new = NewResource { url, name: None, scopes, roles: vec![] };
            server.app.admin.resources.add(&Authority::operator(), new).await.unwrap();
        }
        server.user("alice").await;
        let browser = server.signed_in("alice").await;
        let client = OAuthClient::register(&server).await;
        let asked = [("resource", NOTES), ("scope", "notes:read")];
        let token = client.tokens(&browser, &asked).await.access;
        Self { server, browser, token }
    }

    /// Asks with exactly these headers, in this order.
    async fn check(&self, headers: &[(&str, &str)]) -> Page {
        let proxy = Browser::new();
        let mut request = proxy.raw(Method::GET, &self.server.at("/auth/check"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        proxy.send(request).await
    }

    /// Asks as a proxy of this host, for a browser.
    async fn at(&self, host: &str, path: &str, cookie: &str) -> Page {
        let headers = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", host),
            ("x-forwarded-uri", path),
            ("cookie", cookie),
            PAGE,
        ];
        self.check(&headers).await
    }

    /// The cookie of this host after a sign-in, and the values that led to it.
    async fn signed_in(&self, host: &str) -> Held {
        let first = self.at(host, "/", "").await.expect(303);
        let page = self.browser.get(&first.location()).await.expect(200);
        let (_, rest) = page.body.split_once("content=\"0;url=").unwrap();
        let back = rest.split('"').next().unwrap();
        let path = back.split_once(host).unwrap().1;
        let begin = cookie(&first);
        let user = cookie(&self.at(host, path, &begin).await.expect(303));
        let request = first.location_param("request").unwrap();
        Held { begin, ticket: path.to_owned(), request, user }
    }
}

struct Held {
    begin: String,
    ticket: String,
    request: String,
    user: String,
}

fn cookie(page: &Page) -> String {
    page.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// An answer that lets nothing pass tells nothing about a user.
fn is_closed(page: &Page, what: &str) {
    assert_ne!(page.status, 200, "{what}");
    for name in ["subject", "user", "email", "roles", "scopes", "client", "identity"] {
        let header = page.header(&format!("x-doorward-{name}"));
        assert!(header.is_empty(), "{what}: {name} {header}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a list of attacks on one state")]
async fn headers_that_a_client_makes_up_select_no_other_resource_server_and_no_user() {
    let stage = Stage::new().await;
    let bearer = format!("Bearer {}", stage.token);
    let base = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "notes.example.test"),
        ("x-forwarded-uri", "/mcp"),
    ];
    let page = stage.check(&base).await.expect(200);
    assert_eq!(page.header("x-doorward-user"), "alice");
    // A second value of a header that the proxy sets, in whatever case or place.
    for (name, value) in [
        ("x-forwarded-host", "pages.example.test"),
        ("X-Forwarded-Host", "notes.example.test"),
        ("X-FORWARDED-URI", "/mcp"),
        ("x-forwarded-uri", "/other"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-method", "GET"),
        ("authorization", bearer.as_str()),
        ("authorization", "Basic eDp5"),
    ] {
        for first in [true, false] {
            let mut headers = base.to_vec();
            if name == "x-forwarded-method" {
                headers.push((name, "POST"));
            }
            let at = if first { 0 } else { headers.len() };
            headers.insert(at, (name, value));
            is_closed(&stage.check(&headers).await, &format!("{name}: {value}"));
        }
    }
    // Values of hosts and paths that are not what they seem to be.
    for (host, uri) in [
        ("notes.example.test, pages.example.test", "/mcp"),
        ("notes.example.test pages.example.test", "/mcp"),
        ("notes.example.test/", "/mcp"),
        ("notes.example.test#", "/mcp"),
        ("notes.example.test?", "/mcp"),
        ("notes.example.test:443@evil.example", "/mcp"),
        ("notes.example.test.", "/mcp"),
        ("notes.example.test:8443", "/mcp"),
        ("notes.example.test:0", "/mcp"),
        ("notes.example.test:99999", "/mcp"),
        ("xn--notes.example.test", "/mcp"),
        ("%6eotes.example.test", "/mcp"),
        ("n\u{2c}otes.example.test", "/mcp"),
        ("notes.example.test", "/MCP"),
        ("notes.example.test", "/mcpx"),
        ("notes.example.test", "/mcp%2fx"),
        ("notes.example.test", "/mcp/../mcp"),
        ("notes.example.test", "//mcp"),
        ("notes.example.test", "/;/mcp"),
        ("notes.example.test", "https://notes.example.test/mcp"),
        ("notes.example.test", "/x?/mcp"),
        ("notes.example.test", "/#/mcp"),
        ("notes.example.test", "mcp"),
        ("notes.example.test", ""),
    ] {
        let headers = [base[0], base[1], ("x-forwarded-host", host), ("x-forwarded-uri", uri)];
        is_closed(&stage.check(&headers).await, &format!("{host} {uri}"));
    }
    // Headers of other conventions, with underscores as some gateways read them, and of clients.
    let noise = [
        ("x_forwarded_host", "pages.example.test"),
        ("x_forwarded_uri", "/x"),
        ("forwarded", "host=pages.example.test;proto=http"),
        ("x-original-url", "/x"),
        ("x-rewrite-url", "/x"),
        ("x-original-uri", "/x"),
        ("x-original-method", "POST"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-server", "pages.example.test"),
        ("x-forwarded-port", "80"),
        ("x-doorward-user", "root"),
        ("x_doorward_user", "root"),
        ("x-doorward-roles", "admin"),
        ("x-doorward-identity", "e30.e30.x"),
        ("proxy-authorization", "Bearer x"),
    ];
    let page = stage.check(&[&base[..], &noise[..]].concat()).await.expect(200);
    assert_eq!(page.header("x-doorward-user"), "alice");
    assert_eq!(page.header("x-doorward-roles"), "");
    // Without the true headers, none of those counts; nor does a token in another place.
    is_closed(&stage.check(&[&base[..2], &noise[..]].concat()).await, "other conventions");
    let query = format!("/mcp?access_token={}", stage.token);
    let form = [base[1], base[2], ("x-forwarded-uri", query.as_str())];
    is_closed(&stage.check(&form).await, "a token in the URL");
    for value in [
        stage.token.clone(),
        format!("bearer: {}", stage.token),
        format!("Bearer {0} {0}", stage.token),
        format!("Bearer {0},Bearer {0}", stage.token),
        format!("DPoP {}", stage.token),
        format!("Bearer\t{}", stage.token),
        format!("Bearer {}=", stage.token),
    ] {
        let headers = [("authorization", value.as_str()), base[1], base[2], base[3]];
        is_closed(&stage.check(&headers).await, &value[..12]);
    }
}

#[tokio::test]
async fn a_cookie_counts_at_its_host_alone_once_and_as_what_it_is() {
    let stage = Stage::new().await;
    let pages = stage.signed_in("pages.example.test").await;
    let board = stage.signed_in("board.example.test").await;
    let name = |held: &str| held.split_once('=').unwrap().0.to_owned();
    let value = |held: &str| held.split_once('=').unwrap().1.to_owned();
    let (page, other) = (name(&pages.user), name(&board.user));
    assert_ne!(page, other, "each resource server has a name of its own");
    stage.at("pages.example.test", "/", &pages.user).await.expect(200);
    stage.at("board.example.test", "/", &board.user).await.expect(200);
    let ticket = pages.ticket.split_once("ticket=").unwrap().1;
    let session = stage.browser.cookies();
    let as_user = |value: &str| format!("{page}={value}");
    let closed = [
        ("the cookie of another host", board.user.clone()),
        ("its value under this name", as_user(&value(&board.user))),
        ("the cookie of this server", session.clone()),
        ("the value of it", as_user(&value(session.split(';').next().unwrap()))),
        ("the value of the beginning", as_user(&value(&pages.begin))),
        ("the ticket", as_user(ticket)),
        ("the sealed request", as_user(&pages.request)),
        ("the cookie twice", format!("{0}; {0}", pages.user)),
        ("another one beside it", format!("{}; {}", pages.user, as_user("x"))),
        ("another one before it", format!("{}; {}", as_user("x"), pages.user)),
        ("in other letters", pages.user.replacen("doorward", "Doorward", 1)),
        ("without the prefix", pages.user.replacen("__Host-", "", 1)),
        ("in quotation marks", format!("{page}=\"{}\"", value(&pages.user))),
        ("cut", pages.user[..pages.user.len() - 1].to_owned()),
        ("longer", format!("{}A", pages.user)),
        ("empty", as_user("")),
    ];
    for (what, cookie) in &closed {
        is_closed(&stage.at("pages.example.test", "/", cookie).await, what);
    }
    // The values of one way in are of no use in another one: the ticket, the request to sign in.
    let there = stage.at("board.example.test", &pages.ticket, &pages.begin).await;
    assert!(!there.header("set-cookie").contains("doorward-user-"));
    let there = stage.at("board.example.test", &pages.ticket, &board.begin).await;
    assert!(!there.header("set-cookie").contains("doorward-user-"));
    for sealed in [ticket, value(&pages.user).as_str(), value(&pages.begin).as_str(), "", "x"] {
        stage
            .browser
            .get(&stage.server.at(&format!("/auth/start?request={sealed}")))
            .await
            .expect(400);
    }
    // Each of them sent twice, or with another parameter of the same name.
    let twice = format!("/auth/start?request={0}&request={0}", pages.request);
    stage.browser.get(&stage.server.at(&twice)).await.expect(400);
    // A page of the resource server cannot name where the browser is led.
    let evil = "https://evil.example/";
    let begun = stage.at("pages.example.test", &format!("//evil.example/?next={evil}"), "").await;
    let page = stage.browser.get(&begun.expect(303).location()).await.expect(200);
    assert!(page.body.contains("url=https://pages.example.test/.doorward/signed-in?ticket="));
    // A user who signs out here is signed out at every host at once.
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    for session in stage.server.app.accounts.sessions_of(&alice.id).await.unwrap() {
        stage.server.app.accounts.end_session(&alice.id, session.id).await.unwrap();
    }
    for (host, held) in [("pages.example.test", &pages), ("board.example.test", &board)] {
        is_closed(&stage.at(host, "/", &held.user).await, host);
    }
}
