//! OpenID provider: users sign in to relying parties with this server (OpenID Connect Core).

mod backchannel;
mod interaction;
mod logout;
mod profiles;
mod refusals;
mod subjects;

use aws_lc_rs::{
    digest,
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_accounts::Authority;
use doorward_admin::{AddedClient, NewClient, NewRelyingParty};
use doorward_model::Clock;
use doorward_testkit::{
    Browser, OAuthClient, PASSWORD, Page, Pkce, TestServer, Tokens, form_value,
};
use reqwest::Method;
use serde_json::{Value, json};

/// The redirect URI of the relying party of most tests.
const GRAFANA: &str = "https://grafana.example/login/generic_oauth";
/// The parameters of a request that signs a user in.
const SIGN_IN: [(&str, &str); 3] = [("resource", ""), ("scope", "openid"), ("nonce", "n-1")];

fn party(uri: &str) -> NewClient {
    NewClient {
        name: "Grafana".to_owned(),
        redirect_uris: vec![uri.to_owned()],
        auth_method: Some("client_secret_basic".to_owned()),
        admin: false,
        openid: Some(NewRelyingParty::default()),
        rules: doorward_model::ClientRules::default(),
    }
}

async fn add(server: &TestServer, new: NewClient) -> OAuthClient {
    let uri = new.redirect_uris[0].clone();
    let added = server.app.admin.clients.add(&Authority::operator(), new).await.unwrap();
    known(server, &added, &uri)
}

fn known(server: &TestServer, added: &AddedClient, uri: &str) -> OAuthClient {
    let mut client = OAuthClient::known(server, added.client.id.as_str(), uri);
    client.secret = added.secret.as_ref().map(|secret| secret.reveal().to_owned());
    client.basic = client.secret.is_some();
    client
}

/// The claims of a token, of which the signature is verified by the published keys.
async fn verified(server: &TestServer, token: &str) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let keys = Browser::new().get(&server.at("/oauth/jwks")).await.expect(200).json();
    let of = |key: &&Value| key["kid"] == header["kid"] && key["alg"] == header["alg"];
    let key = keys["keys"].as_array().unwrap().iter().find(of).unwrap();
    let point = |name: &str| decode(key[name].as_str().unwrap());
    let public = [vec![4], point("x"), point("y")].concat();
    let message = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(message.as_bytes(), &decode(parts[2]))
        .unwrap();
    serde_json::from_slice(&decode(parts[1])).unwrap()
}

/// The payload of a token, without its verification.
fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap())
        .unwrap()
}

fn id_token(tokens: &Tokens) -> String {
    tokens.answer["id_token"].as_str().unwrap_or_else(|| panic!("{}", tokens.answer)).to_owned()
}

async fn userinfo(server: &TestServer, token: &str) -> Page {
    let browser = Browser::new();
    browser.send(browser.raw(Method::GET, &server.at("/oauth/userinfo")).bearer_auth(token)).await
}

struct Stage {
    server: TestServer,
    client: OAuthClient,
    browser: Browser,
    user: String,
}

impl Stage {
    async fn new() -> Self {
        Self::on(TestServer::start().await).await
    }

    async fn on(server: TestServer) -> Self {
        let user = server.user_with("alice", &["staff"]).await.id.to_string();
        let client = add(&server, party(GRAFANA)).await;
        let browser = server.signed_in("alice").await;
        Self { server, client, browser, user }
    }

    /// Signs in with these scopes, which the user allows.
    async fn sign_in(&self, scope: &str) -> Tokens {
        let asked = [("resource", ""), ("scope", scope), ("nonce", "n-1")];
        self.sign_in_with(&self.browser, &asked).await
    }

    /// The same with these parameters in this browser, where consent is asked for or not.
    async fn sign_in_with(&self, browser: &Browser, asked: &[(&str, &str)]) -> Tokens {
        let pkce = Pkce::default();
        let mut page = browser.get(&self.client.authorize_url(&pkce, asked)).await.expect(303);
        if page.location().contains("/consent?request=") {
            let shown = browser.get(&page.location()).await.expect(200);
            page = self.client.allow(browser, &shown).await.expect(303);
        }
        let code = page.location_param("code");
        let code = code.unwrap_or_else(|| panic!("no code in {}", page.location()));
        Tokens::read(self.client.redeem(&code, &pkce, &[]).await)
    }

    /// Signs in at the sign-in page of a request.
    async fn password(&self, browser: &Browser, at: &str, name: &str) -> Page {
        let page = browser.get(at).await.expect(200);
        let form = &page.body[page.body.find("action=\"/login\"").unwrap()..];
        let (csrf, request) =
            (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
        let fields = [
            ("csrf", csrf.as_str()),
            ("request", request.as_str()),
            ("name", name),
            ("password", PASSWORD),
        ];
        browser.post(&self.server.at("/login"), &fields).await
    }

    /// The answer to an authorization request of this browser.
    async fn ask(&self, changes: &[(&str, &str)]) -> Page {
        let asked: Vec<_> = SIGN_IN.iter().chain(changes).copied().collect();
        let url = self.client.authorize_url(&Pkce::default(), &asked);
        self.browser.get(&url).await.expect(303)
    }

    async fn error(&self, changes: &[(&str, &str)]) -> String {
        let page = self.ask(changes).await;
        page.location_param("error").unwrap_or_else(|| page.location())
    }

    /// Redeems the code that a request gets without a question.
    async fn at_once(&self, changes: &[(&str, &str)]) -> Tokens {
        let asked: Vec<_> = SIGN_IN.iter().chain(changes).copied().collect();
        let page = self.ask(changes).await;
        assert!(page.location_param("code").is_some(), "no code in {}", page.location());
        self.sign_in_with(&self.browser, &asked).await
    }
}

#[tokio::test]
async fn op_1_a_relying_party_signs_a_user_in_and_reads_the_claims_that_the_user_allowed() {
    let stage = Stage::new().await;
    let (server, client) = (&stage.server, &stage.client);
    server.app.accounts.find("alice").await.unwrap();
    let asked =
        [("resource", ""), ("scope", "openid profile email groups"), ("nonce", "n-0S6_WzA2Mj")];
    let pkce = Pkce::default();
    let page = client.consent_page(&stage.browser, &pkce, &asked).await;
    for text in ["Sign you in", "Your names", "Your e-mail address", "Your roles"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    // Without it there is nothing to allow.
    assert!(page.body.contains("<input type=\"checkbox\" checked disabled>"), "{}", page.body);
    let back = client.allow(&stage.browser, &page).await.expect(303);
    assert!(back.location().starts_with(GRAFANA), "{}", back.location());
    let code = back.location_param("code").unwrap();
    let now = server.clock.now().0;
    let tokens = Tokens::read(client.redeem(&code, &pkce, &[]).await);
    assert_eq!(tokens.answer["token_type"], "Bearer");
    assert_eq!(tokens.answer["scope"], "openid profile email groups");
    assert_eq!(tokens.refresh, "", "a sign-in leaves no lasting access behind");
    let claims = verified(server, &id_token(&tokens)).await;
    assert_eq!(claims["iss"], server.url);
    assert_eq!(claims["aud"], client.id);
    assert_eq!(claims["sub"], stage.user);
    assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 600)));
    assert!(claims["auth_time"].as_i64().is_some_and(|at| at <= now));
    assert_eq!(claims["acr"], "urn:doorward:acr:single-factor");
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert!(claims["sid"].as_str().is_some_and(|sid| sid.len() >= 20));
    let hash = digest::digest(&digest::SHA256, tokens.access.as_bytes());
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
    assert_eq!(claims["preferred_username"], "alice");
    assert_eq!(claims["groups"], json!(["staff"]));
    let told = userinfo(server, &tokens.access).await.expect(200);
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.header("cache-control"), "no-store");
    let told = told.json();
    assert_eq!((&told["sub"], &told["name"]), (&json!(stage.user), &json!("alice")));
    assert_eq!(told["groups"], json!(["staff"]));
}

#[tokio::test]
async fn op_2_userinfo_answers_get_and_post_with_the_token_in_the_header_or_the_form() {
    let stage = Stage::new().await;
    let tokens = stage.sign_in("openid profile").await;
    let at = stage.server.at("/oauth/userinfo");
    let browser = Browser::new();
    let expected = json!({"sub": stage.user, "name": "alice", "preferred_username": "alice"});
    let raw = |method: Method| browser.raw(method, &at);
    for request in [
        raw(Method::GET).bearer_auth(&tokens.access),
        raw(Method::POST).bearer_auth(&tokens.access),
        raw(Method::POST).form(&[("access_token", &tokens.access)]),
        raw(Method::POST).bearer_auth(&tokens.access).form(&[("other", "x")]),
        raw(Method::GET).header("authorization", format!("bearer {}", tokens.access)),
        raw(Method::GET).bearer_auth(&tokens.access).header("origin", "https://app.example"),
    ] {
        assert_eq!(browser.send(request).await.expect(200).json(), expected);
    }
    let both =
        raw(Method::POST).bearer_auth(&tokens.access).form(&[("access_token", &tokens.access)]);
    for request in [
        both,
        raw(Method::GET).query(&[("access_token", &tokens.access)]),
        raw(Method::GET).bearer_auth(&tokens.access).query(&[("access_token", "x")]),
        raw(Method::GET).bearer_auth(&tokens.access).header("authorization", "Bearer x"),
    ] {
        let refused = browser.send(request).await.expect(400);
        assert!(refused.header("www-authenticate").contains("error=\"invalid_request\""));
    }
    let missing = browser.send(raw(Method::GET)).await.expect(401);
    assert_eq!(missing.header("www-authenticate"), "Bearer", "no error without a token");
}

#[tokio::test]
async fn op_3_claims_follow_the_scopes_and_userinfo_the_user_as_they_are_now() {
    let stage = Stage::new().await;
    let server = &stage.server;
    for (scope, members) in [
        ("openid", vec!["sub"]),
        ("openid profile", vec!["sub", "name", "preferred_username"]),
        ("openid email", vec!["sub", "email", "email_verified"]),
        ("openid groups", vec!["sub", "groups"]),
        ("openid address phone unknown", vec!["sub"]),
    ] {
        let alice = server.app.accounts.find("alice").await.unwrap();
        let email = Some("alice@team.example".to_owned());
        let profile =
            doorward_model::Change::SetProfile { user_id: alice.id, email, display_name: None };
        server.app.store.apply(profile).await.unwrap();
        // Another client each time, so that nothing was allowed before.
        let client = add(server, party(GRAFANA)).await;
        let asked = [("resource", ""), ("scope", scope)];
        let tokens = client.tokens(&stage.browser, &asked).await;
        let told = userinfo(server, &tokens.access).await.expect(200).json();
        let mut names: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        let mut members = members;
        names.sort_unstable();
        members.sort_unstable();
        assert_eq!(names, members, "{scope}");
        let claims = payload(&id_token(&tokens));
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(claims[name], *value, "{scope}");
        }
        assert!(claims.get("nonce").is_none(), "none was sent");
    }
    let tokens = stage.sign_in("openid groups").await;
    let alice = server.app.accounts.find("alice").await.unwrap();
    let roles = vec![doorward_model::Role::parse("editor").unwrap()];
    let change = doorward_model::Change::SetRoles { user_id: alice.id, roles };
    server.app.store.apply(change).await.unwrap();
    let told = userinfo(server, &tokens.access).await.expect(200).json();
    assert_eq!(told["groups"], json!(["editor"]));
}

#[tokio::test]
async fn op_4_a_refresh_token_is_for_offline_access_and_its_id_token_is_of_the_same_sign_in() {
    let stage = Stage::new().await;
    let tokens = stage.sign_in("openid email offline_access").await;
    let first = payload(&id_token(&tokens));
    stage.server.clock.advance(300);
    let refreshed = Tokens::read(stage.client.refresh(&tokens.refresh, &[]).await);
    let second = verified(&stage.server, &id_token(&refreshed)).await;
    for name in ["iss", "sub", "aud", "auth_time", "sid", "acr", "amr"] {
        assert_eq!(first[name], second[name], "{name}");
    }
    assert!(second.get("nonce").is_none() && second["iat"] != first["iat"]);
    assert_ne!(second["at_hash"], first["at_hash"]);
    userinfo(&stage.server, &refreshed.access).await.expect(200);
    let narrow = [("scope", "offline_access")];
    let error = stage.client.refresh(&refreshed.refresh, &narrow).await.expect(400).json();
    assert_eq!(error["error"], "invalid_grant", "nothing would be left");
    let narrow = [("scope", "openid")];
    let narrow = Tokens::read(stage.client.refresh(&refreshed.refresh, &narrow).await);
    let told = userinfo(&stage.server, &narrow.access).await.expect(200).json();
    assert_eq!(told, json!({"sub": stage.user}));
}

#[tokio::test]
async fn op_5_the_discovery_document_says_what_relying_parties_find() {
    let server = TestServer::start().await;
    let document = Browser::new()
        .get(&server.at("/.well-known/openid-configuration"))
        .await
        .expect(200)
        .json();
    assert_eq!(document["issuer"], server.url);
    assert_eq!(document["userinfo_endpoint"], server.at("/oauth/userinfo"));
    assert_eq!(document["end_session_endpoint"], server.at("/oauth/logout"));
    assert_eq!(document["backchannel_logout_supported"], true);
    assert_eq!(document["backchannel_logout_session_supported"], true);
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(document["subject_types_supported"], json!(["public", "pairwise"]));
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(document["userinfo_signing_alg_values_supported"], json!(["ES256"]));
    for scope in ["openid", "profile", "email", "groups"] {
        assert!(document["scopes_supported"].as_array().unwrap().contains(&json!(scope)));
    }
    for not in ["claims", "request", "request_uri"] {
        assert_eq!(document[format!("{not}_parameter_supported")], false, "{not}");
    }
    let languages: Vec<_> = doorward_language::Language::ALL.iter().map(|(_, tag)| *tag).collect();
    assert_eq!(document["ui_locales_supported"], json!(languages));
    assert_eq!(
        document["acr_values_supported"],
        json!(["urn:doorward:acr:single-factor", "urn:doorward:acr:multi-factor"])
    );
    // The document of OAuth names what clients of MCP servers may ask for, and no more.
    let oauth = Browser::new().get(&server.at("/.well-known/oauth-authorization-server")).await;
    assert_eq!(
        oauth.json()["scopes_supported"],
        json!(["mcp:read", "mcp:write", "mcp:destructive"])
    );
}

#[tokio::test]
async fn op_6_one_client_may_sign_users_in_and_call_tools_for_them_with_a_token_for_each() {
    let stage = Stage::new().await;
    let (server, client) = (&stage.server, &stage.client);
    let asked = [("scope", "openid email mcp:read"), ("nonce", "n-1")];
    for resource in [server.at("/mcp"), String::new()] {
        let mut asked = asked.to_vec();
        asked.push(("resource", resource.as_str()));
        let tokens = client.tokens(&stage.browser, &asked).await;
        assert_eq!(payload(&tokens.access)["aud"], server.at("/mcp"));
        assert_eq!(payload(&id_token(&tokens))["nonce"], "n-1");
        assert!(server.calls(&tokens.access).await);
        let refused = userinfo(server, &tokens.access).await.expect(401);
        assert!(refused.header("www-authenticate").contains("invalid_token"));
    }
}

#[tokio::test]
async fn op_7_the_same_answers_come_from_every_replica() {
    let stage = Stage::new().await;
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let tokens = stage.sign_in("openid email").await;
    let first = payload(&id_token(&tokens));
    userinfo(&other, &tokens.access).await.expect(200);
    // The consent in this session, and its identifier, are known there.
    let mut there = OAuthClient::known(&other, &stage.client.id, GRAFANA);
    (there.secret, there.basic) = (stage.client.secret.clone(), true);
    let pkce = Pkce::default();
    let page = stage.browser.get(&there.authorize_url(&pkce, &SIGN_IN)).await.expect(303);
    let code = page.location_param("code").unwrap();
    let second = Tokens::read(stage.client.redeem(&code, &pkce, &[]).await);
    assert_eq!(payload(&id_token(&second))["sid"], first["sid"]);
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    other.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    userinfo(&stage.server, &tokens.access).await.expect(401);
    let asked = stage.ask(&[]).await;
    assert!(asked.location().contains("/consent?request="), "{}", asked.location());
}
