//! Metadata at several places: a search continues after every response that is not the document,
//! and reports the most informative reason when no place has it.

use doorward_testkit::{FakeUpstream, Place, TestServer};
use serde_json::json;

use super::{connect, gateway_user, with_config};

const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";
const RESOURCE_AT_ROOT: &str = "/.well-known/oauth-protected-resource";
const RESOURCE_BELOW: &str = "/mcp/.well-known/oauth-protected-resource";
/// The places of the metadata of an issuer with the path `/app`, in order.
const SERVER: [&str; 6] = [
    "/.well-known/oauth-authorization-server/app",
    "/.well-known/openid-configuration/app",
    "/app/.well-known/openid-configuration",
    "/app/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

/// Answers that are not the document.
fn odd(origin: &str) -> Vec<Place> {
    let other = json!({
        "issuer": format!("{origin}/other"), "authorization_endpoint": "https://evil.example/",
        "token_endpoint": "https://evil.example/", "code_challenge_methods_supported": ["S256"],
        "resource": "https://another.example/mcp", "authorization_servers": ["https://evil.example/"],
    });
    vec![
        Place::status(502),
        Place::Says(500, "application/json", json!({"error": "server_error"}).to_string()),
        Place::page(503),
        Place::status(429),
        Place::status(403),
        Place::page(401),
        Place::status(200),
        Place::status(204),
        Place::page(200),
        Place::Says(200, "application/json", "{\"issuer\": ".to_owned()),
        Place::Says(200, "image/png", "\u{fffd}PNG".to_owned()),
        Place::json(&json!([])),
        Place::json(&json!({"error": "not found", "status": 404})),
        Place::json(&json!({"issuer": 7, "resource": {}, "authorization_servers": 7})),
        Place::json(&other),
        Place::Redirects(302, format!("{origin}/login")),
        Place::Redirects(308, "https://evil.example/".to_owned()),
        Place::Silence,
        Place::status(304),
        Place::status(400),
        Place::status(406),
        Place::status(410),
        Place::status(421),
        Place::page(500),
        Place::Says(201, "application/json", "{}".to_owned()),
        Place::Says(200, "application/json", "null".to_owned()),
        Place::Says(200, "application/json", "\"ok\"".to_owned()),
        Place::Says(200, "application/json", format!("[{}]", "0,".repeat(200_000))),
        Place::Says(200, "text/xml", "<?xml version=\"1.0\"?><login/>".to_owned()),
        Place::Says(404, "application/json", other.to_string()),
        Place::json(&json!({"issuer": null, "resource": "", "authorization_servers": [""]})),
        Place::Redirects(301, format!("{origin}/login")),
        Place::Redirects(307, "/login".to_owned()),
        Place::Redirects(307, "?again=1".to_owned()),
        Place::Redirects(308, "https://user:password@evil.example/".to_owned()),
        Place::Redirects(303, "/login".to_owned()),
        Place::Redirects(300, "/choice".to_owned()),
        Place::Redirects(302, String::new()),
        Place::status(202),
        Place::status(206),
        Place::status(405),
        Place::status(407),
        Place::status(408),
        Place::status(418),
        Place::status(425),
        Place::status(451),
        Place::page(501),
        Place::page(504),
        Place::status(520),
        // Documents of another kind, as applications have them at any path.
        Place::json(&json!({"keys": []})),
        Place::json(&json!({"openapi": "3.1.0", "info": {}, "paths": {}})),
        Place::json(&json!({"status": "ok", "resource": 7, "issuer": ["x"]})),
        Place::json(&json!({"message": "Unauthorized"})),
        Place::Says(401, "application/json", r#"{"error":"invalid_token"}"#.to_owned()),
        Place::Says(200, "application/json", format!("{}1{}", "[".repeat(500), "]".repeat(500))),
        Place::Says(200, "application/json", "\u{feff}".to_owned()),
        Place::Says(200, "text/plain", "issuer=x&resource=y".to_owned()),
    ]
}

/// Documents of the issuer itself that cannot be used. `ORIGIN` is its origin.
fn unusable() -> Vec<Place> {
    let of = |authorize: serde_json::Value, token: serde_json::Value| {
        Place::json(&json!({
            "issuer": "ORIGIN/app", "authorization_endpoint": authorize, "token_endpoint": token,
            "code_challenge_methods_supported": ["S256"], "resource": "ORIGIN/mcp",
        }))
    };
    let (authorize, token) = (json!("ORIGIN/authorize"), json!("ORIGIN/token"));
    vec![
        of(json!(null), token.clone()),
        of(authorize.clone(), json!("")),
        of(json!(7), token.clone()),
        of(authorize.clone(), json!(["ORIGIN/token"])),
        of(json!("javascript:alert(1)"), token.clone()),
        of(json!("authorize"), token.clone()),
        of(authorize.clone(), json!("http://evil.example/token")),
        of(authorize.clone(), json!("https://a:b@evil.example/token")),
        of(json!("https://evil.example/#x"), token),
    ]
}

/// The same place with the origin of an upstream in its text.
fn of_origin(place: Place, origin: &str) -> Place {
    match place {
        Place::Says(status, media, body) => {
            Place::Says(status, media, body.replace("ORIGIN", origin))
        }
        other => other,
    }
}

/// An upstream with an authorization server of the issuer `ORIGIN/app`, and its metadata at this
/// place alone.
async fn at(place: Option<&str>) -> FakeUpstream {
    let wiki = FakeUpstream::protected().await;
    let issuer = format!("{}/app", wiki.origin);
    let mut state = wiki.state();
    state.metadata.insert("authorization_servers", json!([issuer]));
    state.metadata.insert("issuer", json!(issuer));
    state.iss = Some(issuer);
    state.places.extend(SERVER.map(|path| (path.to_owned(), Place::status(404))));
    state.places.extend(place.map(|path| (path.to_owned(), Place::Server)));
    drop(state);
    wiki
}

async fn server(wiki: &FakeUpstream) -> TestServer {
    with_config(&[("wiki", wiki, "oauth")], |config| config.outbound.timeout_seconds = 2).await
}

/// The first finding about the authorization server.
async fn finding(server: &TestServer) -> Result<String, String> {
    let upstreams = server.app.gateway.all_upstreams().await.unwrap();
    let findings = server.app.gateway.test(&upstreams[0], None).await;
    findings.into_iter().find(|one| one.subject.as_str() == "authorization server").unwrap().result
}

#[tokio::test]
async fn the_metadata_of_an_authorization_server_is_found_whatever_other_urls_return() {
    for (number, place) in SERVER.into_iter().enumerate() {
        let wiki = at(Some(place)).await;
        let found = finding(&server(&wiki).await).await;
        assert!(found.is_ok(), "{number} {place}: {found:?}");
    }
    let origin = FakeUpstream::start().await.origin.clone();
    let mut all = Vec::new();
    for (number, odd) in odd(&origin).into_iter().chain(unusable()).enumerate() {
        // The document is at the second, third, … place, after those that are not.
        let right = 1 + number % (SERVER.len() - 1);
        let wiki = at(Some(SERVER[right])).await;
        let odd = of_origin(odd, &wiki.origin);
        for path in SERVER.iter().filter(|path| **path != SERVER[right]) {
            wiki.state().places.insert((*path).to_owned(), odd.clone());
        }
        all.push((format!("{right} {odd:?}"), wiki));
    }
    connects_all(&all).await;
}

/// A user connects all upstreams of one server, and calls each.
async fn connects_all(all: &[(String, FakeUpstream)]) {
    let server = with_config(&[], |config| {
        config.outbound.timeout_seconds = 2;
        for (number, (_, wiki)) in all.iter().enumerate() {
            config.upstreams.insert(format!("wiki{number}"), wiki.config("oauth"));
        }
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    for (number, (about, _)) in all.iter().enumerate() {
        let name = format!("wiki{number}");
        connect(&server, &alice.browser, &name).await;
        let tool = format!("{name}_echo");
        let said = server.call(&alice.token, &tool, json!({"text": "x"})).await.expect(200);
        assert!(said.body.contains("access-1-1"), "{about}: {}", said.body);
    }
}

#[tokio::test]
async fn the_metadata_of_a_resource_is_found_whatever_other_urls_return() {
    let origin = FakeUpstream::start().await.origin.clone();
    let places = [RESOURCE, RESOURCE_AT_ROOT, RESOURCE_BELOW];
    let mut all = Vec::new();
    for (number, odd) in odd(&origin).into_iter().enumerate() {
        // In turn: the challenge names a place that is odd, the first place is, the first two are.
        let right = places[number % places.len()];
        let wiki = FakeUpstream::protected().await;
        for place in places {
            wiki.state().places.insert(place.to_owned(), odd.clone());
        }
        wiki.state().places.insert(right.to_owned(), Place::Resource);
        if right == RESOURCE {
            wiki.state().places.insert("/odd".to_owned(), odd.clone());
            let challenge = format!("Bearer resource_metadata=\"{}/odd\"", wiki.origin);
            wiki.state().challenges = Some(vec![challenge.into_bytes()]);
        }
        all.push((format!("{right} {odd:?}"), wiki));
    }
    connects_all(&all).await;
    for (about, wiki) in &all {
        let asked = wiki.state().authorizes[0].clone();
        assert_eq!(asked["resource"], wiki.url, "{about}");
        assert_eq!(asked["scope"], "all", "{about}: scopes of the resource's metadata");
    }
}

#[tokio::test]
async fn a_server_or_document_that_is_named_in_another_form_is_found() {
    let mut all = Vec::new();
    let oauth = "/.well-known/oauth-authorization-server";
    for named in [
        // The URL of the document in place of its issuer.
        json!([format!("ORIGIN{oauth}")]),
        json!(["ORIGIN/.well-known/openid-configuration"]),
        json!([format!("ORIGIN{oauth}/")]),
        json!("ORIGIN"),
        json!(["ORIGIN/"]),
        json!([" ORIGIN "]),
        json!(["ORIGIN", "ORIGIN"]),
        json!([null, "", "ORIGIN"]),
        json!([7, {"issuer": "x"}, "ORIGIN"]),
        // Servers that cannot be reached, or are none, before the one that can.
        json!(["nonsense", "ORIGIN"]),
        json!(["http://127.0.0.1:1", "ORIGIN"]),
        json!(["https://nowhere.invalid", "ORIGIN"]),
        json!(["javascript:alert(1)", "ORIGIN"]),
        json!([]),
        json!(null),
    ] {
        let wiki = FakeUpstream::protected().await;
        let text = named.to_string().replace("ORIGIN", &wiki.origin);
        wiki.state().metadata.insert("authorization_servers", text.parse().unwrap());
        all.push((format!("servers {named}"), wiki));
    }
    for challenge in [
        r#"Bearer resource_metadata="http://127.0.0.1:1/metadata""#,
        r#"Bearer resource_metadata="https://nowhere.invalid/metadata""#,
        r#"Bearer resource_metadata="http://mcp.internal/.well-known/oauth-protected-resource""#,
        r#"Bearer resource_metadata="https://a:b@evil.example/""#,
        r#"Bearer resource_metadata="file:///etc/passwd""#,
        r#"Bearer resource_metadata="not a URL""#,
        r#"Bearer resource_metadata="/.well-known/oauth-protected-resource/mcp""#,
        r#"Bearer resource_metadata="""#,
        "Bearer resource_metadata",
        r#"Basic realm="mcp""#,
        "Negotiate, NTLM, Bearer",
        "Bearer realm=\"m\u{e9}tadonn\u{e9}es\"",
    ] {
        let wiki = FakeUpstream::protected().await;
        wiki.state().challenges = Some(vec![challenge.as_bytes().to_vec()]);
        all.push((challenge.to_owned(), wiki));
    }
    connects_all(&all).await;
}

#[tokio::test]
async fn the_most_informative_reason_is_reported_when_no_url_has_the_document() {
    let other = json!({"issuer": "https://other.example", "authorization_endpoint": "https://other.example/", "token_endpoint": "https://other.example/"});
    for (first, second, told) in [
        (Place::status(404), Place::status(502), "returned HTTP 502"),
        (Place::status(502), Place::page(200), "returned HTTP 502"),
        (Place::page(200), Place::status(429), "returned HTTP 429"),
        (Place::status(403), Place::status(404), "returned HTTP 403"),
        (Place::page(200), Place::status(404), "a web page instead of a JSON document"),
        (Place::json(&other), Place::status(502), "names another issuer than"),
        (Place::status(502), Place::json(&other), "names another issuer than"),
        (
            Place::Redirects(301, "https://elsewhere.example/".to_owned()),
            Place::page(200),
            "it redirects to https://elsewhere.example/",
        ),
        (Place::Silence, Place::status(404), "did not respond in time"),
    ] {
        let wiki = at(None).await;
        for (path, place) in SERVER.iter().zip([&first, &second]) {
            wiki.state().places.insert((*path).to_owned(), place.clone());
        }
        let began = std::time::Instant::now();
        let why = finding(&server(&wiki).await).await.unwrap_err();
        assert!(why.contains(told), "{first:?}, {second:?}: {why}");
        assert!(began.elapsed().as_secs() < 10, "{first:?}: one budget for the whole search");
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_asked_for_its_server_names_no_other_one() {
    let (wiki, login) = (FakeUpstream::protected().await, FakeUpstream::start().await);
    wiki.state().metadata.insert("authorization_servers", json!([login.origin]));
    let server = server(&wiki).await;
    assert!(finding(&server).await.unwrap().starts_with(&login.origin));
    // Its own origin is an authorization server too, which it does not name.
    for silent in [Place::status(502), Place::page(503), Place::Silence] {
        for path in [RESOURCE, RESOURCE_AT_ROOT] {
            wiki.state().places.insert(path.to_owned(), silent.clone());
        }
        let why = finding(&server).await.unwrap_err();
        assert!(why.contains("it cannot be reached"), "{silent:?}: {why}");
        let upstreams = server.app.gateway.all_upstreams().await.unwrap();
        let trust = server.app.gateway.trust(&upstreams[0]).await.unwrap().unwrap();
        assert_eq!(trust.named, None, "{silent:?}");
    }
    wiki.state().places.clear();
    assert!(finding(&server).await.unwrap().starts_with(&login.origin));
}

/// A server that is pinned stays: a guess of a moment at which the upstream did not answer would
/// send users to it for good, and the server that the upstream names later would be refused.
#[tokio::test]
async fn nothing_is_pinned_of_an_upstream_that_cannot_be_asked_at_first_contact() {
    for silent in [Place::status(502), Place::page(503), Place::Silence] {
        let (wiki, login) = (FakeUpstream::protected().await, FakeUpstream::start().await);
        wiki.state().metadata.insert("authorization_servers", json!([login.origin]));
        for path in [RESOURCE, RESOURCE_AT_ROOT] {
            wiki.state().places.insert(path.to_owned(), silent.clone());
        }
        let server = server(&wiki).await;
        let why = finding(&server).await.unwrap_err();
        assert!(why.contains("it cannot be reached"), "{silent:?}: {why}");
        let upstreams = server.app.gateway.all_upstreams().await.unwrap();
        let trust = server.app.gateway.trust(&upstreams[0]).await.unwrap();
        let pinned = trust.map(|trust| (trust.server, trust.named));
        assert!(matches!(pinned, None | Some((None, None))), "{silent:?}: {pinned:?}");
        // The server that it names at its first response is pinned.
        wiki.state().places.clear();
        assert!(finding(&server).await.unwrap().starts_with(&login.origin), "{silent:?}");
    }
    // The server at its origin is used where the upstream answers that it has no such metadata, as
    // in the revision without it.
    let old = FakeUpstream::protected().await;
    for path in [RESOURCE, RESOURCE_AT_ROOT] {
        old.state().places.insert(path.to_owned(), Place::status(404));
    }
    let server = server(&old).await;
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    old.state().places.clear();
    assert!(finding(&server).await.is_ok(), "its metadata completes what was seen then");
}

#[tokio::test]
async fn of_several_named_servers_the_pinned_one_is_used_and_one_without_metadata_is_passed_over() {
    let (wiki, login, other) =
        (FakeUpstream::protected().await, FakeUpstream::start().await, FakeUpstream::start().await);
    other.state().places.insert(SERVER[4].to_owned(), Place::status(502));
    let named = |list: &[&FakeUpstream]| {
        let list: Vec<&str> = list.iter().map(|fake| fake.origin.as_str()).collect();
        wiki.state().metadata.insert("authorization_servers", json!(list));
    };
    named(&[&other, &login]);
    let server = server(&wiki).await;
    assert!(finding(&server).await.unwrap().starts_with(&login.origin));
    other.state().places.clear();
    for list in [[&other, &login], [&login, &other]] {
        named(&list);
        assert!(finding(&server).await.unwrap().starts_with(&login.origin), "the pinned one");
    }
    named(&[&other]);
    assert!(finding(&server).await.unwrap_err().contains("names another authorization server"));
}

#[tokio::test]
async fn members_of_metadata_that_were_left_out_are_named_by_a_test_of_the_upstream() {
    let wiki = FakeUpstream::protected().await;
    for (name, odd) in [
        ("scopes_supported", json!({"all": true})),
        ("registration_endpoint", json!("nowhere")),
        ("revocation_endpoint", json!("ftp://login.example/revoke")),
    ] {
        wiki.state().metadata.insert(name, odd);
    }
    for (name, config) in [("wiki", wiki.config("oauth")), ("api", wiki.api_config("oauth"))] {
        let server = with_config(&[], |all| {
            all.upstreams.insert(name.to_owned(), config);
        })
        .await;
        let upstreams = server.app.gateway.all_upstreams().await.unwrap();
        let findings = server.app.gateway.test(&upstreams[0], None).await;
        let told =
            findings.iter().find(|one| one.subject.as_str() == "left out of metadata").unwrap();
        let told = told.result.as_ref().unwrap();
        for left in [
            "scopes_supported (an object instead of a list)",
            "registration_endpoint is not a URL",
            "revocation_endpoint \"ftp://login.example/revoke\" is not an https URL",
        ] {
            assert!(told.contains(left), "{name}: {left} in {told}");
        }
    }
}
