//! Tokens that are bound to a key (DPoP, RFC 9449): at the token endpoint, at the resources of this
//! server, and the attacks.

use doorward_accounts::Authority;
use doorward_model::Clock;
use doorward_testkit::{Browser, OAuthClient, Page, Pkce, Prover, TestServer, Tokens, call_with};
use serde_json::{Value, json};

struct Stage {
    server: TestServer,
    client: OAuthClient,
    browser: Browser,
    key: Prover,
}

impl Stage {
    async fn new() -> Self {
        Self::on(TestServer::start().await, json!({"token_endpoint_auth_method": "none"})).await
    }

    async fn on(server: TestServer, metadata: Value) -> Self {
        server.user("alice").await;
        let client = OAuthClient::register_with(&server, metadata).await;
        let browser = server.signed_in("alice").await;
        Self { server, client, browser, key: Prover::default() }
    }

    async fn code(&self, pkce: &Pkce, changes: &[(&str, &str)]) -> String {
        self.client.code(&self.browser, pkce, changes).await
    }

    /// Redeems a code with this header.
    async fn redeem(&self, pkce: &Pkce, code: &str, proofs: &[&str]) -> Page {
        let params = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", &pkce.verifier),
        ];
        let headers: Vec<_> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
        self.client.token_with(&params, &headers).await
    }

    fn proof(&self, change: Value) -> String {
        self.key.proof(&self.server, ("POST", "/oauth/token"), change)
    }

    async fn tokens(&self, changes: &[(&str, &str)]) -> Tokens {
        let pkce = Pkce::default();
        let code = self.code(&pkce, changes).await;
        Tokens::read(self.redeem(&pkce, &code, &[&self.proof(Value::Null)]).await)
    }

    async fn refresh(&self, key: &Prover, token: &str) -> Page {
        let params = [("grant_type", "refresh_token"), ("refresh_token", token)];
        key.token(&self.server, &self.client, &params).await
    }
}

/// The hash of a token, as a proof names it.
fn ath(token: &str) -> Value {
    json!(Prover::hash(token))
}

#[expect(clippy::needless_pass_by_value, reason = "a page is read once")]
fn error(page: Page) -> String {
    page.json()["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn dpop_1_a_bound_token_counts_with_a_proof_of_its_key_and_never_as_a_bearer_token() {
    let stage = Stage::new().await;
    let tokens = stage.tokens(&[]).await;
    assert_eq!(tokens.answer["token_type"], "DPoP");
    assert!(stage.key.call(&stage.server, &tokens.access).await.expect(200).body.contains("alice"));
    let refused = call_with(&stage.server, ("Bearer", &tokens.access), &[]).await.expect(401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("DPoP algs=\"ES256 "), "{challenge}");
    assert!(
        challenge.contains("error=\"invalid_token\"") && challenge.contains("resource_metadata=")
    );
    // Nor with a proof beside it, by the wrong scheme.
    let proof = stage.key.proof(&stage.server, ("POST", "/mcp"), Value::Null);
    call_with(&stage.server, ("Bearer", &tokens.access), &[&proof]).await.expect(401);
    // A bearer token is none of a key, and needs none.
    let bearer = stage.client.tokens(&stage.browser, &[]).await;
    assert_eq!(bearer.answer["token_type"], "Bearer");
    stage.key.call(&stage.server, &bearer.access).await.expect(401);
    assert!(stage.server.calls(&bearer.access).await);
}

#[tokio::test]
async fn dpop_2_a_proof_at_a_resource_is_for_one_request_and_one_token() {
    let stage = Stage::new().await;
    let tokens = stage.tokens(&[]).await;
    let (key, server) = (&stage.key, &stage.server);
    let mine = ath(&tokens.access);
    let good = key.proof(server, ("POST", "/mcp"), json!({"ath": mine}));
    call_with(server, ("dpop", &tokens.access), &[&good]).await.expect(200);
    let replayed = call_with(server, ("DPoP", &tokens.access), &[&good]).await.expect(401);
    assert_eq!(error(replayed), "invalid_dpop_proof");
    for wrong in [
        json!({}),
        json!({"ath": ath("another")}),
        json!({"ath": mine, "htm": "GET"}),
        json!({"ath": mine, "htu": server.at("/oauth/token")}),
        json!({"ath": mine, "htu": "https://evil.example/mcp"}),
        json!({"ath": mine, "iat": 1}),
        json!({"ath": mine, "jti": null}),
    ] {
        let proof = key.proof(server, ("POST", "/mcp"), wrong.clone());
        let page = call_with(server, ("DPoP", &tokens.access), &[&proof]).await.expect(401);
        assert!(page.header("www-authenticate").starts_with("DPoP "), "{wrong}");
        assert_eq!(error(page), "invalid_dpop_proof", "{wrong}");
    }
    let (first, second) = (
        key.proof(server, ("POST", "/mcp"), json!({"ath": mine})),
        key.proof(server, ("POST", "/mcp"), json!({"ath": mine})),
    );
    call_with(server, ("DPoP", &tokens.access), &[&first, &second]).await.expect(401);
    // A stolen token with the key of the thief.
    let thief = Prover::default();
    assert_eq!(error(thief.call(server, &tokens.access).await.expect(401)), "invalid_token");
    key.call(server, &tokens.access).await.expect(200);
}

#[tokio::test]
async fn dpop_3_a_proof_at_the_token_endpoint_is_used_once_and_a_wrong_one_spends_no_code() {
    let stage = Stage::new().await;
    let pkce = Pkce::default();
    let code = stage.code(&pkce, &[]).await;
    for wrong in [
        json!({"htm": "GET"}),
        json!({"htu": stage.server.at("/mcp")}),
        json!({"iat": stage.server.clock.now().0 - 400}),
        json!({"iat": stage.server.clock.now().0 + 400}),
        json!({"jti": ""}),
    ] {
        let page = stage.redeem(&pkce, &code, &[&stage.proof(wrong.clone())]).await.expect(400);
        assert_eq!(error(page), "invalid_dpop_proof", "{wrong}");
    }
    let (one, two) = (stage.proof(Value::Null), stage.proof(Value::Null));
    stage.redeem(&pkce, &code, &[&one, &two]).await.expect(400);
    stage.redeem(&pkce, &code, &["not.a.proof"]).await.expect(400);
    let proof = stage.proof(Value::Null);
    let tokens = Tokens::read(stage.redeem(&pkce, &code, &[&proof]).await);
    stage.key.call(&stage.server, &tokens.access).await.expect(200);
    // The same proof again, with another code and at another replica.
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let code = stage.code(&pkce, &[]).await;
    let params =
        [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &pkce.verifier)];
    let there = OAuthClient::known(&other, &stage.client.id, &stage.client.redirect_uri);
    let page = there.token_with(&params, &[("dpop", &proof)]).await.expect(400);
    assert_eq!(error(page), "invalid_dpop_proof");
    Tokens::read(stage.redeem(&pkce, &code, &[&stage.proof(Value::Null)]).await);
}

#[tokio::test]
async fn dpop_4_the_refresh_tokens_of_a_public_client_are_bound_and_those_of_others_are_not() {
    let stage = Stage::new().await;
    let tokens = stage.tokens(&[]).await;
    let thief = Prover::default();
    assert_eq!(
        error(stage.client.refresh(&tokens.refresh, &[]).await.expect(400)),
        "invalid_grant"
    );
    assert_eq!(error(stage.refresh(&thief, &tokens.refresh).await.expect(400)), "invalid_grant");
    let next = Tokens::read(stage.refresh(&stage.key, &tokens.refresh).await);
    assert_eq!(next.answer["token_type"], "DPoP");
    stage.key.call(&stage.server, &next.access).await.expect(200);
    let next = Tokens::read(stage.refresh(&stage.key, &next.refresh).await);
    stage.key.call(&stage.server, &next.access).await.expect(200);
    let server = TestServer::start().await;
    let confidential = Stage::on(server, json!({})).await;
    let tokens = confidential.tokens(&[]).await;
    let other = Prover::default();
    let next = Tokens::read(confidential.refresh(&other, &tokens.refresh).await);
    other.call(&confidential.server, &next.access).await.expect(200);
    confidential.key.call(&confidential.server, &next.access).await.expect(401);
}

#[tokio::test]
async fn dpop_5_a_code_can_be_bound_to_a_key_by_the_request_and_by_pushing_it() {
    let stage = Stage::new().await;
    let thumbprint = stage.key.thumbprint();
    let pkce = Pkce::default();
    let code = stage.code(&pkce, &[("dpop_jkt", &thumbprint)]).await;
    let thief = Prover::default().proof(&stage.server, ("POST", "/oauth/token"), Value::Null);
    assert_eq!(error(stage.redeem(&pkce, &code, &[]).await.expect(400)), "invalid_grant");
    assert_eq!(error(stage.redeem(&pkce, &code, &[&thief]).await.expect(400)), "invalid_grant");
    Tokens::read(stage.redeem(&pkce, &code, &[&stage.proof(Value::Null)]).await);
    let url = stage.client.authorize_url(&pkce, &[("dpop_jkt", "x")]);
    let malformed = stage.browser.get(&url).await;
    let told = format!("{} {}", malformed.location(), malformed.body);
    assert!(told.contains("dpop_jkt"), "{told}");
    // A proof with the pushed request binds its code.
    let all = stage.client.authorize_params(&pkce, &[]);
    let mut all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let at = ("POST", "/oauth/par");
    let push = async |all: &[(&str, &str)], proof: &str| {
        stage.client.post("/oauth/par", all, &[("dpop", proof)]).await
    };
    let wrong = stage.proof(Value::Null);
    assert_eq!(error(push(&all, &wrong).await.expect(400)), "invalid_dpop_proof");
    let proof = stage.key.proof(&stage.server, at, Value::Null);
    let uri = push(&all, &proof).await.expect(201).json()["request_uri"].clone();
    assert_eq!(error(push(&all, &proof).await.expect(400)), "invalid_dpop_proof");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_id", stage.client.id.as_str())])
        .append_pair("request_uri", uri.as_str().unwrap())
        .finish();
    let to = stage.browser.get(&stage.server.at(&format!("/oauth/authorize?{query}"))).await;
    let page = stage.browser.get(&to.expect(303).location()).await.expect(200);
    let back = stage.client.allow(&stage.browser, &page).await.expect(303);
    let code = back.location_param("code").unwrap();
    assert_eq!(
        error(stage.redeem(&pkce, &code, &[&thief]).await.expect(400)),
        "invalid_dpop_proof"
    );
    assert_eq!(error(stage.redeem(&pkce, &code, &[]).await.expect(400)), "invalid_grant");
    Tokens::read(stage.redeem(&pkce, &code, &[&stage.proof(Value::Null)]).await);
    // And the proof may not be of another key than the one that is named.
    let other = Prover::default().thumbprint();
    all.push(("dpop_jkt", &other));
    let proof = stage.key.proof(&stage.server, at, Value::Null);
    assert_eq!(error(push(&all, &proof).await.expect(400)), "invalid_dpop_proof");
}

#[tokio::test]
async fn dpop_6_with_nonces_a_proof_without_one_is_told_the_nonce_everywhere() {
    let server = TestServer::start_with(|config| config.keys.dpop_nonces = true).await;
    let stage = Stage::on(server, json!({"token_endpoint_auth_method": "none"})).await;
    let pkce = Pkce::default();
    let code = stage.code(&pkce, &[]).await;
    let told = stage.redeem(&pkce, &code, &[&stage.proof(Value::Null)]).await.expect(400);
    let nonce = told.header("dpop-nonce");
    assert!(!nonce.is_empty());
    assert_eq!(error(told), "use_dpop_nonce");
    // The clock of the client does not matter now.
    let proof = stage.proof(json!({"nonce": nonce, "iat": 5}));
    let answer = stage.redeem(&pkce, &code, &[&proof]).await;
    assert!(!answer.header("dpop-nonce").is_empty());
    let tokens = Tokens::read(answer);
    let refused = stage.key.call(&stage.server, &tokens.access).await.expect(401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains("error=\"use_dpop_nonce\""), "{challenge}");
    let nonce = refused.header("dpop-nonce");
    let with = |nonce: &str| {
        let claims = json!({"ath": ath(&tokens.access), "nonce": nonce});
        stage.key.proof(&stage.server, ("POST", "/mcp"), claims)
    };
    let page = call_with(&stage.server, ("DPoP", &tokens.access), &[&with(&nonce)]).await;
    assert_eq!(page.expect(200).header("dpop-nonce"), nonce);
    stage.server.clock.advance(500);
    let old = call_with(&stage.server, ("DPoP", &tokens.access), &[&with(&nonce)]).await;
    assert_eq!(error(old.expect(401)), "use_dpop_nonce");
}

#[tokio::test]
async fn dpop_7_a_client_can_be_held_to_bound_tokens_and_metadata_says_what_is_possible() {
    let metadata = json!({"token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true});
    let stage = Stage::on(TestServer::start().await, metadata).await;
    let pkce = Pkce::default();
    let code = stage.code(&pkce, &[]).await;
    let page = stage.redeem(&pkce, &code, &[]).await.expect(400);
    assert_eq!(error(page), "invalid_dpop_proof");
    Tokens::read(stage.redeem(&pkce, &code, &[&stage.proof(Value::Null)]).await);
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"]
    {
        let document = Browser::new().get(&stage.server.at(path)).await.expect(200).json();
        let algorithms = document["dpop_signing_alg_values_supported"].as_array().unwrap().clone();
        assert!(algorithms.contains(&json!("ES256")), "{path}");
        let weak = ["none", "HS256", "HS512"];
        assert!(!algorithms.iter().any(|one| weak.iter().any(|weak| one == weak)), "{path}");
    }
}

#[tokio::test]
async fn dpop_8_resource_servers_learn_the_key_and_other_doors_take_no_bound_token_without_it() {
    let stage = Stage::on(TestServer::start().await, json!({})).await;
    let tokens = stage.tokens(&[]).await;
    let told = stage.client.post("/oauth/introspect", &[("token", &tokens.access)], &[]).await;
    let told = told.expect(200).json();
    assert_eq!(told["token_type"], "DPoP");
    assert_eq!(told["cnf"]["jkt"], stage.key.thumbprint().as_str());
    // Exchanged without the key, it is worth nothing.
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let new = doorward_admin::NewClient {
        name: "agent".to_owned(),
        redirect_uris: vec!["https://agent.example/cb".to_owned()],
        auth_method: Some("client_secret_post".to_owned()),
        ..doorward_admin::NewClient::default()
    };
    let clients = &stage.server.app.admin.clients;
    let operator = Authority::operator();
    let added = clients.add(&operator, new).await.unwrap();
    let id = added.client.id.to_string();
    let rule = doorward_admin::NewExchange {
        from: vec![stage.client.id.clone()],
        scopes: vec!["mcp:read".to_owned()],
        ..doorward_admin::NewExchange::default()
    };
    clients.set_exchange(&operator, &id, Some(&rule), None).await.unwrap();
    let mut agent = OAuthClient::known(&stage.server, &id, "https://agent.example/cb");
    agent.secret = added.secret.map(|secret| secret.reveal().to_owned());
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    let params = [
        ("grant_type", exchange),
        ("subject_token", tokens.access.as_str()),
        ("subject_token_type", kind),
    ];
    assert_eq!(error(agent.token(&params).await.expect(400)), "invalid_request");
    let other = Prover::default().token(&stage.server, &agent, &params).await.expect(400);
    assert_eq!(error(other), "invalid_request");
    let kept = Tokens::read(stage.key.token(&stage.server, &agent, &params).await);
    assert_eq!(kept.answer["token_type"], "DPoP");
    stage.key.call(&stage.server, &kept.access).await.expect(200);
    call_with(&stage.server, ("Bearer", &kept.access), &[]).await.expect(401);
    // Tokens of users are as they were.
    let personal = "dw_pat_none";
    call_with(&stage.server, ("DPoP", personal), &[]).await.expect(401);
}
