//! Discovery: metadata in every probe form.

use doorward_testkit::{Browser, TestServer};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a2_a5_i1_r2_every_form_of_probe_is_served_and_unknown_ones_are_404_json() {
    let server = TestServer::start().await;
    let browser = Browser::new();
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
        "/mcp/.well-known/oauth-authorization-server",
    ] {
        let document = browser.get(&server.at(path)).await.expect(200);
        assert!(document.header("content-type").starts_with("application/json"), "{path}");
        assert_eq!(document.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(document.json()["issuer"], server.url, "{path}");
    }
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/mcp/",
    ] {
        let document = browser.get(&server.at(path)).await.expect(200).json();
        assert_eq!(document["resource"], server.at("/mcp"), "{path}");
        assert_eq!(document["authorization_servers"], json!([server.url]), "{path}");
        assert_eq!(document["scopes_supported"], json!(["mcp:read"]), "{path}");
    }
    for path in [
        "/.well-known/nothing",
        "/.well-known/oauth-authorization-server/other",
        "/oauth/nothing",
        "/mcp/nothing",
        "/.well-known/oauth-protected-resource/other",
    ] {
        let missing = browser.get(&server.at(path)).await.expect(404);
        assert_eq!(missing.json()["error"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn a3_a4_a6_a26_n10_w13_the_metadata_says_what_is_true() {
    let server = TestServer::start().await;
    let oauth =
        Browser::new().get(&server.at("/.well-known/oauth-authorization-server")).await.json();
    let openid = Browser::new().get(&server.at("/.well-known/openid-configuration")).await.json();
    for document in [&oauth, &openid] {
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["response_types_supported"], json!(["code"]));
        assert_eq!(
            document["grant_types_supported"],
            json!([
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "urn:ietf:params:oauth:grant-type:device_code",
                "urn:ietf:params:oauth:grant-type:token-exchange"
            ])
        );
        assert_eq!(document["client_id_metadata_document_supported"], true);
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert!(
            document["token_endpoint_auth_methods_supported"]
                .as_array()
                .unwrap()
                .contains(&json!("none"))
        );
        assert!(
            document["revocation_endpoint_auth_methods_supported"]
                .as_array()
                .unwrap()
                .contains(&json!("none"))
        );
        for (_, value) in document.as_object().unwrap() {
            assert!(!value.is_null());
        }
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "registration_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
            "jwks_uri",
        ] {
            assert!(document[name].as_str().unwrap().starts_with(&server.url), "{name}");
        }
    }
    assert_eq!(oauth["scopes_supported"], json!(["mcp:read", "mcp:write", "mcp:destructive"]));
    // More of it in openid.rs.
    assert!(openid["id_token_signing_alg_values_supported"].is_array());
}

#[tokio::test]
async fn i15_ca21_forged_host_and_forwarded_headers_change_nothing() {
    let server = TestServer::start_with(|config| {
        config.server.public_url = "https://mcp.example.com".into();
    })
    .await;
    let browser = Browser::new();
    for path in
        ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"]
    {
        let request = browser
            .raw(Method::GET, &server.at(path))
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("forwarded", "host=evil.example");
        let document = browser.send(request).await.expect(200).body;
        assert!(
            !document.contains("evil") && document.contains("https://mcp.example.com"),
            "{document}"
        );
    }
    let challenged = browser
        .send(
            browser
                .raw(Method::POST, &server.at("/mcp"))
                .header("host", "mcp.example.com")
                .header("x-forwarded-host", "evil.example"),
        )
        .await
        .expect(401);
    assert_eq!(
        challenged.header("www-authenticate"),
        "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"mcp:read\""
    );
}

#[tokio::test]
async fn a5_an_issuer_with_a_path_is_found_in_all_three_forms() {
    let server = TestServer::start_with(|config| {
        config.server.public_url = "https://example.com/team".into();
    })
    .await;
    let browser = Browser::new();
    for path in [
        "/.well-known/oauth-authorization-server/team",
        "/.well-known/openid-configuration/team",
        "/team/.well-known/openid-configuration",
        "/team/.well-known/oauth-authorization-server",
    ] {
        assert_eq!(
            browser.get(&server.at(path)).await.expect(200).json()["issuer"],
            "https://example.com/team",
            "{path}"
        );
    }
    for path in [
        "/.well-known/oauth-protected-resource/team/mcp",
        "/team/.well-known/oauth-protected-resource/mcp",
    ] {
        assert_eq!(
            browser.get(&server.at(path)).await.expect(200).json()["resource"],
            "https://example.com/team/mcp",
            "{path}"
        );
    }
    let page = browser.get(&server.at("/team/login")).await.expect(200);
    assert!(page.body.contains("href=\"/team/assets/doorward."));
    assert!(page.header("set-cookie").starts_with("__Host-doorward-browser="));
    browser.get(&server.at("/login")).await.expect(404);
}

#[tokio::test]
async fn i12_w1_n14_preflights_need_no_token() {
    let server = TestServer::start().await;
    let browser = Browser::new();
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/mcp",
        "/oauth/token",
        "/oauth/register",
        "/oauth/revoke",
        "/oauth/userinfo",
        "/oauth/jwks",
        "/mcp",
        "/mcp/",
        "/mcp/sse",
    ] {
        let request = browser
            .raw(Method::OPTIONS, &server.at(path))
            .header("origin", "http://localhost:6274")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,mcp-protocol-version,mcp-param-region",
            );
        let answer = browser.send(request).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let allowed = answer.header("access-control-allow-headers");
        for name in [
            "authorization",
            "content-type",
            "mcp-protocol-version",
            "mcp-session-id",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
            "last-event-id",
            "dpop",
        ] {
            assert!(
                allowed.split(", ").any(|listed| listed == name),
                "{path}: {name} in {allowed}"
            );
        }
    }
    let refused = browser
        .send(
            browser.raw(Method::POST, &server.at("/mcp")).header("origin", "http://localhost:6274"),
        )
        .await
        .expect(401);
    assert!(refused.header("access-control-expose-headers").contains("www-authenticate"));
}

#[tokio::test]
async fn cw19_health_and_readiness_respond() {
    let server = TestServer::start().await;
    let health = Browser::new().get(&server.at("/healthz")).await.expect(200).json();
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        Browser::new().get(&server.at("/readyz")).await.expect(200).json()["status"],
        "ready"
    );
}

#[tokio::test]
async fn wrong_methods_and_unknown_urls_get_the_status_that_the_standard_names() {
    let server = TestServer::start().await;
    let browser = Browser::new();
    for (method, path) in [
        (Method::GET, "/oauth/token"),
        (Method::GET, "/oauth/register"),
        (Method::PUT, "/oauth/token"),
        (Method::POST, "/oauth/jwks"),
        (Method::DELETE, "/oauth/revoke"),
    ] {
        let answer = browser.send(browser.raw(method.clone(), &server.at(path))).await.expect(405);
        assert!(!answer.header("allow").is_empty(), "{method} {path}");
        assert!(answer.json()["error"].is_string());
    }
    let page = browser.get(&server.at("/nothing")).await.expect(404);
    assert!(page.body.contains("Page not found"));
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn cs2_cs11_cs28_the_metadata_names_what_is_configured_and_whoami_tells_no_token() {
    let server = TestServer::start_with(|config| {
        config.mcp.resource_name = "Team tools".to_owned();
        config.mcp.resource_documentation = "https://docs.example.com/tools".to_owned();
    })
    .await;
    let browser = Browser::new();
    let path = "/.well-known/oauth-protected-resource/mcp";
    let document = browser.get(&server.at(path)).await.expect(200).json();
    assert_eq!(
        (&document["resource_name"], &document["resource_documentation"]),
        (&json!("Team tools"), &json!("https://docs.example.com/tools"))
    );
    let names: Vec<&String> = document.as_object().unwrap().keys().collect();
    let told = [
        "authorization_servers",
        "bearer_methods_supported",
        "dpop_signing_alg_values_supported",
        "resource",
        "resource_documentation",
        "resource_name",
        "scopes_supported",
    ];
    assert!(names.iter().all(|name| told.contains(&name.as_str())), "{names:?}");
    server.user_with("alice", &["staff"]).await;
    let client = doorward_testkit::OAuthClient::register(&server).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[("scope", "mcp:read")]).await;
    let page = server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    let told = &page.json()["result"]["structuredContent"];
    assert_eq!((&told["name"], &told["roles"]), (&json!("alice"), &json!(["staff"])));
    assert_eq!(told["signed_in"]["methods"], json!(["pwd"]));
    assert!(told["token_expires_at"].is_number() && told["client_id"] == client.id.as_str());
    assert!(!page.body.contains(&tokens.access) && !page.body.contains("dw_"), "{}", page.body);
}
