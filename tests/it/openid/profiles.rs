//! Further demands of the conformance profiles of the OpenID Foundation, and the page that lists
//! their modules.

use std::path::Path;

use super::*;

#[tokio::test]
async fn op_40_parameters_that_mean_nothing_here_and_the_order_of_scopes_change_nothing() {
    let stage = Stage::new().await;
    stage.sign_in("openid profile email").await;
    for changes in [
        ("scope", "email openid profile"),
        ("scope", "profile email openid unknown"),
        ("display", "page"),
        ("display", "popup"),
        ("claims_locales", "de en"),
        ("extra", "foobar"),
        ("claims", r#"{"userinfo":{"name":{"essential":true}}}"#),
        ("nonce", ""),
    ] {
        let tokens = stage.at_once(&[changes]).await;
        let claims = verified(&stage.server, &id_token(&tokens)).await;
        assert_eq!(claims["sub"], stage.user, "{changes:?}");
        assert_eq!(claims.get("nonce").is_some(), changes.0 != "nonce");
    }
}

#[tokio::test]
async fn op_41_an_authorization_request_may_be_posted_and_needs_a_response_type() {
    let stage = Stage::new().await;
    stage.sign_in("openid").await;
    let pkce = Pkce::default();
    let params = stage.client.authorize_params(&pkce, &SIGN_IN);
    let fields: Vec<(&str, &str)> =
        params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = stage.browser.post(&stage.server.at("/oauth/authorize"), &fields).await;
    let code = page.expect(303).location_param("code").unwrap();
    let tokens = Tokens::read(stage.client.redeem(&code, &pkce, &[]).await);
    verified(&stage.server, &id_token(&tokens)).await;
    assert_eq!(stage.error(&[("response_type", "")]).await, "unsupported_response_type");
    // An unregistered redirect URI gets a page and no redirect.
    for uri in ["https://grafana.example/other", "https://evil.example/", "https://grafana.example"]
    {
        let asked = [SIGN_IN[0], SIGN_IN[1], ("redirect_uri", uri)];
        stage.browser.get(&stage.client.authorize_url(&pkce, &asked)).await.expect(400);
    }
}

#[tokio::test]
async fn op_42_a_code_that_comes_back_ends_what_it_gave_also_later() {
    let stage = Stage::new().await;
    for later in [0, 30] {
        let pkce = Pkce::default();
        let asked = [SIGN_IN[0], SIGN_IN[1], ("prompt", "consent")];
        let code = stage.client.code(&stage.browser, &pkce, &asked).await;
        let tokens = Tokens::read(stage.client.redeem(&code, &pkce, &[]).await);
        stage.server.clock.advance(later);
        let error = stage.client.redeem(&code, &pkce, &[]).await.expect(400).json();
        assert_eq!(error["error"], "invalid_grant");
        userinfo(&stage.server, &tokens.access).await.expect(401);
    }
}

#[tokio::test]
async fn op_43_a_relying_party_authenticates_by_its_method() {
    let stage = Stage::new().await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let new = NewClient { auth_method: Some(method.to_owned()), ..party(GRAFANA) };
        let mut client = add(&stage.server, new).await;
        client.basic = method == "client_secret_basic";
        let tokens = client.tokens(&stage.browser, &SIGN_IN).await;
        verified(&stage.server, &id_token(&tokens)).await;
        client.secret = Some("dw_cs_wrong".to_owned());
        let pkce = Pkce::default();
        let asked = [SIGN_IN[0], SIGN_IN[1], ("prompt", "consent")];
        let code = client.code(&stage.browser, &pkce, &asked).await;
        client.redeem(&code, &pkce, &[]).await.expect(401);
    }
}

#[test]
fn the_page_of_profiles_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/reference/openid.md")).unwrap();
    let sources = [
        "openid.rs",
        "openid/interaction.rs",
        "openid/refusals.rs",
        "openid/profiles.rs",
        "openid/logout.rs",
        "openid/backchannel.rs",
    ];
    let read = |name: &&str| std::fs::read_to_string(root.join("it").join(name)).unwrap();
    let tests: String = sources.iter().map(read).collect();
    let mut modules = 0;
    for row in page.lines().filter(|line| line.starts_with("| `oidcc-")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let named: Vec<_> = cells[3].split('`').filter(|text| text.starts_with("op_")).collect();
        assert!(!named.is_empty(), "{row} names no test");
        for name in named {
            assert!(tests.contains(&format!("async fn {name}(")), "{name} is no test");
        }
        modules += 1;
    }
    assert_eq!(modules, 46, "of the profiles basic, config and logout");
}
