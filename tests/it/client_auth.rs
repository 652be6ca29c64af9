//! Client authentication, revocation, introspection.

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward::app::NewClient;
use doorward_model::GrantType;
use doorward_testkit::{Browser, OAuthClient, Page, Pkce, TestServer};
use reqwest::Method;
use serde_json::json;

use crate::assertions::TYPE;

async fn post_basic(
    server: &TestServer,
    path: &str,
    id: &str,
    secret: &str,
    fields: &[(&str, &str)],
) -> Page {
    let browser = Browser::new();
    let header = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    browser
        .send(
            browser
                .raw(Method::POST, &server.at(path))
                .header("authorization", header)
                .form(fields),
        )
        .await
}

#[tokio::test]
async fn n6_w8_basic_and_post_work_and_wrong_secrets_do_not() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register_with(&server, json!({})).await;
    let secret = client.secret.clone().unwrap();
    let browser = server.signed_in("alice").await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", pkce.verifier.as_str()),
    ];
    for (id, wrong) in
        [(client.id.as_str(), "wrong"), (client.id.as_str(), ""), ("c_other", secret.as_str())]
    {
        let refused = post_basic(&server, "/oauth/token", id, wrong, &fields).await.expect(401);
        assert_eq!(refused.json()["error"], "invalid_client");
        assert!(refused.header("www-authenticate").starts_with("Basic "));
    }
    let both = [fields.as_slice(), &[("client_secret", secret.as_str())]].concat();
    assert_eq!(
        post_basic(&server, "/oauth/token", &client.id, &secret, &both).await.expect(400).json()["error"],
        "invalid_request"
    );
    let other = [fields.as_slice(), &[("client_id", "c_other")]].concat();
    post_basic(&server, "/oauth/token", &client.id, &secret, &other).await.expect(400);
    let browserless = Browser::new();
    let bearer =
        browserless.raw(Method::POST, &server.at("/oauth/token")).bearer_auth("x").form(&fields);
    browserless.send(bearer).await.expect(401);
    // Without client_id in the body, and percent-encoded as strict clients do.
    let encoded = secret.replace('-', "%2D").replace('_', "%5F");
    let tokens =
        post_basic(&server, "/oauth/token", &client.id, &encoded, &fields).await.expect(200).json();
    client.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.expect(200);
    let mut posted = client.clone();
    posted.basic = false;
    posted.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.expect(401);
    let without = OAuthClient::known(&server, &client.id, &client.redirect_uri);
    without.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await.expect(401);
}

#[tokio::test]
async fn ax9_n10_a_client_revokes_its_own_tokens_and_only_those() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let (client, stranger) =
        (OAuthClient::register(&server).await, OAuthClient::register(&server).await);
    let browser = server.signed_in("alice").await;
    let revoke = async |id: &str, token: &str| {
        Browser::new()
            .post(&server.at("/oauth/revoke"), &[("client_id", id), ("token", token)])
            .await
    };
    let tokens = client.tokens(&browser, &[]).await;
    revoke(&stranger.id, &tokens.refresh).await.expect(200);
    revoke(&stranger.id, &tokens.access).await.expect(200);
    revoke(&client.id, "unknown").await.expect(200);
    revoke("c_unknown", &tokens.refresh).await.expect(401);
    assert!(server.calls(&tokens.access).await);
    revoke(&client.id, &tokens.refresh).await.expect(200);
    assert!(!server.calls(&tokens.access).await);
    client.refresh(&tokens.refresh, &[]).await.expect(400);
    let tokens = client.tokens(&browser, &[]).await;
    revoke(&client.id, &tokens.access).await.expect(200);
    client.refresh(&tokens.refresh, &[]).await.expect(400);
    assert_eq!(
        Browser::new()
            .post(&server.at("/oauth/revoke"), &[("client_id", &client.id)])
            .await
            .expect(400)
            .json()["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn ax9_introspection_is_for_clients_that_authenticate() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[]).await;
    let added = server
        .app
        .registration
        .add(NewClient {
            name: "Resource server".into(),
            redirect_uris: vec!["https://rs.example/".into()],
            auth_method: Some("client_secret_basic".into()),
            admin: false,
            openid: None,
            rules: doorward_model::ClientRules::default(),
        })
        .await
        .unwrap();
    let secret = added.secret.unwrap();
    let ask = async |token: &str| {
        post_basic(
            &server,
            "/oauth/introspect",
            added.client.id.as_str(),
            secret.reveal(),
            &[("token", token)],
        )
        .await
        .expect(200)
        .json()
    };
    let active = ask(&tokens.access).await;
    assert_eq!(
        (&active["active"], &active["client_id"], &active["aud"]),
        (&json!(true), &json!(client.id), &json!(server.at("/mcp")))
    );
    assert_eq!(ask(&tokens.refresh).await["active"], true);
    assert_eq!(ask("junk").await, json!({"active": false}));
    // A client that registered dynamically learns nothing of others, and a public one may not ask.
    let nosy = OAuthClient::register_with(&server, json!({})).await;
    let answer = post_basic(
        &server,
        "/oauth/introspect",
        &nosy.id,
        nosy.secret.as_deref().unwrap(),
        &[("token", &tokens.access)],
    )
    .await
    .expect(200);
    assert_eq!(answer.json(), json!({"active": false}));
    Browser::new()
        .post(
            &server.at("/oauth/introspect"),
            &[("client_id", &client.id), ("token", &tokens.access)],
        )
        .await
        .expect(401);
    Browser::new()
        .post(&server.at("/oauth/introspect"), &[("token", &tokens.access)])
        .await
        .expect(401);
    client.refresh(&tokens.refresh, &[]).await.expect(200);
    assert_eq!(ask(&tokens.refresh).await, json!({"active": false}), "a rotated token is spent");
    let alice = server.app.accounts.find("alice").await.unwrap();
    server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    assert_eq!(ask(&tokens.access).await, json!({"active": false}));
}

#[tokio::test]
async fn a_client_authenticates_by_the_method_that_it_registered_at_every_endpoint() {
    let server = TestServer::start().await;
    for (method, basic) in [("client_secret_basic", true), ("client_secret_post", false)] {
        let client =
            OAuthClient::register_with(&server, json!({"token_endpoint_auth_method": method}))
                .await;
        let secret = client.secret.clone().unwrap();
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", "unknown"),
                ("token", "unknown"),
            ];
            let header = post_basic(&server, path, &client.id, &secret, &fields).await;
            let body = [
                fields.as_slice(),
                &[("client_id", client.id.as_str()), ("client_secret", secret.as_str())],
            ]
            .concat();
            let body = Browser::new().post(&server.at(path), &body).await;
            let (right, wrong) = if basic { (header, body) } else { (body, header) };
            assert_ne!(right.status, 401, "{method} {path}: {}", right.body);
            assert_eq!(wrong.expect(401).json()["error"], "invalid_client", "{method} {path}");
        }
    }
}

/// An attack: its name, the headers `Authorization`, more parameters, and the answer.
type Attack<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], u16, &'a str);

/// Parameters that each grant type could want, so that only the attack is wrong.
const USUAL: [(&str, &str); 7] = [
    ("code", "x"),
    ("code_verifier", "x"),
    ("refresh_token", "x"),
    ("device_code", "x"),
    ("assertion", "e30.e30.x"),
    ("subject_token", "e30.e30.x"),
    ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
];

#[tokio::test]
async fn every_grant_wants_one_client_that_proves_itself_in_one_way_and_each_parameter_once() {
    let server = TestServer::start().await;
    let client = OAuthClient::register_with(&server, json!({})).await;
    let (id, secret) = (client.id.as_str(), client.secret.as_deref().unwrap());
    let public = json!({"token_endpoint_auth_method": "none"});
    let public = OAuthClient::register_with(&server, public).await;
    let basic = |id: &str, secret: &str| STANDARD.encode(format!("{id}:{secret}"));
    let (good, wrong) =
        (format!("Basic {}", basic(id, secret)), format!("Basic {}", basic(id, "wrong")));
    let send = async |headers: &[&str], fields: &[(&str, &str)]| {
        let browser = Browser::new();
        let mut request = browser.raw(Method::POST, &server.at("/oauth/token"));
        for header in headers {
            request = request.header("authorization", *header);
        }
        browser.send(request.form(fields)).await
    };
    let proof = [("client_assertion_type", TYPE), ("client_assertion", "e30.e30.x")];
    for kind in GrantType::ALL {
        let usual = [&[("grant_type", kind.as_str())], &USUAL[..]].concat();
        let attacks: [Attack<'_>; 13] = [
            ("two ways", &[&good], &[("client_secret", secret)], 400, "invalid_request"),
            ("two other ways", &[&good], &proof, 400, "invalid_request"),
            (
                "two in the body",
                &[],
                &[("client_id", id), ("client_secret", secret), proof[0], proof[1]],
                400,
                "invalid_request",
            ),
            ("two clients", &[&good], &[("client_id", &public.id)], 400, "invalid_request"),
            ("two headers", &[&good, &good], &[], 401, "invalid_client"),
            ("a bearer token", &["Bearer x"], &[("client_id", id)], 401, "invalid_client"),
            ("a wrong secret", &[&wrong], &[], 401, "invalid_client"),
            ("no secret", &[], &[("client_id", id)], 401, "invalid_client"),
            (
                "a secret in the body",
                &[],
                &[("client_id", id), ("client_secret", secret)],
                401,
                "invalid_client",
            ),
            (
                "a secret of a client that has none",
                &[],
                &[("client_id", &public.id), ("client_secret", secret)],
                401,
                "invalid_client",
            ),
            ("an assertion without its type", &[], &proof[1..], 401, "invalid_client"),
            ("an unsigned assertion", &[], &proof, 401, "invalid_client"),
            ("an unknown client", &[], &[("client_id", "c_unknown")], 401, "invalid_client"),
        ];
        for (what, headers, fields, status, error) in attacks {
            let page = send(headers, &[&usual, fields].concat()).await;
            let told = (page.status, page.json()["error"].as_str().unwrap().to_owned());
            assert_eq!(told, (status, error.to_owned()), "{} {what}: {}", kind.as_str(), page.body);
        }
        let twice = ["grant_type", "client_id", "scope", "audience", "code", "refresh_token"];
        let more = ["device_code", "assertion", "subject_token", "actor_token", "code_verifier"];
        for name in twice.into_iter().chain(more) {
            for second in ["x", ""] {
                let fields = [&usual[..], &[(name, "x"), (name, second)]].concat();
                let page = send(&[&good], &fields).await.expect(400);
                assert_eq!(page.json()["error"], "invalid_request", "{} {name}", kind.as_str());
            }
        }
        // Without any client, only the token of a workload is looked at, and not accepted.
        let page = send(&[], &usual).await;
        let bearer = kind == GrantType::JwtBearer;
        assert_eq!(page.status, if bearer { 400 } else { 401 }, "{}: {}", kind.as_str(), page.body);
        // A client that registered itself gets no grant of services and of permitted clients.
        if !matches!(kind, GrantType::AuthorizationCode | GrantType::RefreshToken) {
            let page = send(&[&good], &usual).await.expect(400);
            assert_eq!(page.json()["error"], "unauthorized_client", "{}", kind.as_str());
        }
    }
}
