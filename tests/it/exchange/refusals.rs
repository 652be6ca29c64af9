//! Attacks: more than the token has, tokens of others, and malformed requests.

use doorward_accounts::Authority;
use doorward_admin::NewResource;
use doorward_testkit::{Browser, OAuthClient, TestServer, Tokens};
use serde_json::json;

use super::{ACCESS, GRANT, Stage, code_flow, exchange, permit, refused, service, words};

#[tokio::test]
async fn an_exchanged_token_never_reaches_further_than_the_one_that_it_is_exchanged_for() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let new = NewResource {
        url: "https://notes.example.test/mcp".to_owned(),
        name: None,
        scopes: words(&["notes:read"]),
        roles: Vec::new(),
    };
    let notes = server.app.admin.resources.add(&Authority::operator(), new).await.unwrap();
    let agent = stage.agent(&["mcp:read", "mcp:write", "mcp:destructive", "notes:read"]).await;
    let wiki = server.at("/mcp/wiki");
    let tokens = stage.tokens("mcp:read").await;
    for scope in ["mcp:write", "mcp:read mcp:destructive", "admin", "offline_access", "notes:read"]
    {
        let page = exchange(&agent, &tokens.access, &[("scope", scope)]).await;
        refused(page, "invalid_scope");
    }
    for (name, value) in [
        ("resource", "https://notes.example.test/mcp"),
        ("audience", notes.resource.id.as_str()),
        ("resource", &server.at("/api/admin")),
        ("audience", "nowhere"),
        ("resource", "https://elsewhere.example/mcp"),
    ] {
        refused(exchange(&agent, &tokens.access, &[(name, value)]).await, "invalid_target");
    }
    // One for a single upstream leads to no other resource.
    let narrow =
        Tokens::read(exchange(&agent, &tokens.access, &[("resource", &wiki)]).await).access;
    permit(server, &agent, &[&stage.app.id], &["mcp:read"]).await;
    let back = [("resource", server.at("/mcp"))];
    let back = back.each_ref().map(|(name, value)| (*name, value.as_str()));
    refused(exchange(&agent, &narrow, &back).await, "invalid_target");
    // A scope that the permission leaves out is not given, whether or not it is named.
    let tokens = stage.tokens("mcp:read mcp:write").await;
    let answer = exchange(&agent, &tokens.access, &[]).await.expect(200).json();
    assert_eq!(answer["scope"], "mcp:read");
    refused(exchange(&agent, &tokens.access, &[("scope", "mcp:write")]).await, "invalid_scope");
    // A token for an external resource server is exchanged for it alone.
    permit(server, &agent, &[&stage.app.id], &["mcp:read", "notes:read"]).await;
    let asked = [("resource", "https://notes.example.test/mcp"), ("scope", "notes:read")];
    let there = stage.app.tokens(&stage.browser, &asked).await;
    let answer = exchange(&agent, &there.access, &[]).await.expect(200).json();
    assert_eq!(answer["scope"], "notes:read");
    refused(exchange(&agent, &there.access, &back).await, "invalid_target");
}

#[tokio::test]
async fn a_token_for_the_administrators_api_is_not_exchanged() {
    let stage = Stage::new().await;
    stage.server.user_with("root", &["admin"]).await;
    let browser = stage.server.signed_in("root").await;
    let agent = code_flow(&stage.server).await;
    permit(&stage.server, &agent, &[], &["mcp:read"]).await;
    let api = stage.server.at("/api/admin");
    let tokens = agent.tokens(&browser, &[("scope", "admin"), ("resource", &api)]).await;
    refused(exchange(&agent, &tokens.access, &[]).await, "invalid_target");
    refused(exchange(&agent, &tokens.access, &[("scope", "admin")]).await, "invalid_target");
}

#[tokio::test]
async fn only_a_permitted_and_authenticated_client_exchanges_and_only_tokens_of_named_clients() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.tokens("mcp:read").await;
    let stranger = service(server, "stranger").await;
    refused(exchange(&stranger, &tokens.access, &[]).await, "unauthorized_client");
    refused(exchange(&stage.app, &tokens.access, &[]).await, "unauthorized_client");
    // Nor does a client permit itself.
    for method in ["none", "client_secret_basic"] {
        let metadata = json!({"token_endpoint_auth_method": method, "grant_types": ["authorization_code", GRANT]});
        let registered = OAuthClient::register_with(server, metadata).await;
        refused(exchange(&registered, &tokens.access, &[]).await, "unauthorized_client");
    }
    permit(server, &stranger, &[], &["mcp:read"]).await;
    refused(exchange(&stranger, &tokens.access, &[]).await, "invalid_request");
    let agent = stage.agent(&["mcp:read"]).await;
    let mut wrong = agent.clone();
    wrong.secret = Some("wrong".to_owned());
    exchange(&wrong, &tokens.access, &[]).await.expect(401);
    // An exchanged token is its client's: another one may not exchange it further unnamed.
    let first = Tokens::read(exchange(&agent, &tokens.access, &[]).await).access;
    permit(server, &stranger, &[&stage.app.id], &["mcp:read"]).await;
    refused(exchange(&stranger, &first, &[]).await, "invalid_request");
    exchange(&stranger, &tokens.access, &[]).await.expect(200);
}

#[tokio::test]
async fn nothing_but_a_live_access_token_of_this_server_is_exchanged() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let agent = stage.agent(&["mcp:read"]).await;
    let tokens = stage.tokens("mcp:read offline_access").await;
    let personal = crate::admin::key(server, &stage.user, "mcp:read").await;
    let mut forged = tokens.access.clone();
    let last = if forged.ends_with('A') { "B" } else { "A" };
    forged.replace_range(forged.len() - 1.., last);
    let elsewhere = TestServer::start().await;
    elsewhere.user("alice").await;
    let foreign = OAuthClient::register(&elsewhere).await;
    let foreign = foreign.tokens(&elsewhere.signed_in("alice").await, &[]).await.access;
    for token in [tokens.refresh.as_str(), &personal, &forged, &foreign, "x", "a.b.c"] {
        refused(exchange(&agent, token, &[]).await, "invalid_request");
    }
    for kind in [
        "urn:ietf:params:oauth:token-type:refresh_token",
        "urn:ietf:params:oauth:token-type:saml2",
        "access_token",
    ] {
        for name in ["subject_token_type", "requested_token_type"] {
            let page = agent
                .token(&[
                    ("grant_type", GRANT),
                    ("subject_token", &tokens.access),
                    (
                        "subject_token_type",
                        if name == "subject_token_type" { kind } else { ACCESS },
                    ),
                    (
                        "requested_token_type",
                        if name == "requested_token_type" { kind } else { "" },
                    ),
                ])
                .await;
            refused(page, "invalid_request");
        }
    }
    for missing in ["subject_token", "subject_token_type"] {
        refused(exchange(&agent, &tokens.access, &[(missing, "")]).await, "invalid_request");
    }
    exchange(&agent, &tokens.access, &[]).await.expect(200);
    server.app.accounts.disable(&stage.user, None).await.unwrap();
    let page = exchange(&agent, &tokens.access, &[]).await.expect(400);
    assert!(page.body.contains("invalid_"), "{}", page.body);
}

#[tokio::test]
async fn an_actor_proves_itself_by_a_token_of_its_own() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let agent = stage.agent(&["mcp:read"]).await;
    let tokens = stage.tokens("mcp:read").await;
    let other = service(server, "other").await;
    let own = async |client: &OAuthClient| {
        Tokens::read(client.token(&[("grant_type", "client_credentials")]).await).access
    };
    let (mine, theirs) = (own(&agent).await, own(&other).await);
    let exchanged = Tokens::read(exchange(&agent, &tokens.access, &[]).await).access;
    let ended = own(&other).await;
    let proofs: [&[(&str, &str)]; 7] = [
        // Another party's, the user's own, and one that speaks for the user.
        &[("actor_token", &theirs), ("actor_token_type", ACCESS)],
        &[("actor_token", &ended), ("actor_token_type", ACCESS)],
        &[("actor_token", &tokens.access), ("actor_token_type", ACCESS)],
        &[("actor_token", &exchanged), ("actor_token_type", ACCESS)],
        &[("actor_token", &mine)],
        &[("actor_token_type", ACCESS)],
        &[("actor_token", "x"), ("actor_token_type", ACCESS)],
    ];
    for proof in proofs {
        refused(exchange(&agent, &tokens.access, proof).await, "invalid_request");
    }
    let proof = [("actor_token", mine.as_str()), ("actor_token_type", ACCESS)];
    exchange(&agent, &tokens.access, &proof).await.expect(200);
    // Subject and actor are two.
    permit(server, &agent, &[&other.id], &["mcp:read"]).await;
    refused(exchange(&agent, &mine, &proof).await, "invalid_request");
}

#[tokio::test]
async fn the_metadata_lists_the_grant_type_and_a_session_cookie_is_no_client() {
    let stage = Stage::new().await;
    let metadata = stage.server.at("/.well-known/oauth-authorization-server");
    let metadata = Browser::new().get(&metadata).await.expect(200).json();
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(GRANT)));
    let tokens = stage.tokens("mcp:read").await;
    let fields = [
        ("grant_type", GRANT),
        ("subject_token", tokens.access.as_str()),
        ("subject_token_type", ACCESS),
    ];
    let page = stage.browser.post(&stage.server.at("/oauth/token"), &fields).await;
    assert!(matches!(page.status, 400 | 401), "{}", page.status);
}
