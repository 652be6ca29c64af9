//! The presets, each against the URLs and responses of the real provider.

use doorward_federation::ProviderConfig;
use doorward_testkit::{Answer, Browser, FakeProvider, TestServer};
use serde_json::{Value, json};

use super::{arrive, name_of, refused, server_with, signed_in};

fn answer(value: &Value) -> Answer {
    Answer::Raw(200, "application/json; charset=utf-8", value.to_string(), String::new())
}

async fn preset(
    provider: &FakeProvider,
    kind: &str,
    change: impl FnOnce(&mut ProviderConfig),
) -> TestServer {
    server_with(provider, |corp, _| {
        kind.clone_into(&mut corp.kind);
        change(corp);
    })
    .await
}

#[tokio::test]
async fn google_counts_the_signed_organisation_and_asks_for_a_refresh_token_its_way() {
    let provider = FakeProvider::start().await;
    let server =
        preset(&provider, "google", |corp| corp.allowed_domains = vec!["corp.example".to_owned()])
            .await;
    let browser = Browser::new();
    let away = super::begin(&server, &browser, "").await.expect(303);
    assert_eq!(away.location_param("access_type").as_deref(), Some("offline"));
    assert_eq!(away.location_param("hd").as_deref(), Some("corp.example"));
    assert_eq!(away.location_param("scope").as_deref(), Some("openid profile email"));
    // A private account with an e-mail address that resembles the organisation's does not belong to
    // it.
    refused(&server, &browser, &browser.get(&provider.sign_in(&away.location())).await, 403).await;
    provider.claims(&json!({"hd": "corp.example"}));
    let browser = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn entra_admits_listed_tenants_and_names_users_by_object_and_tenant() {
    let (one, two) =
        ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222");
    for tenants in [vec![one], vec![one, two]] {
        let provider = FakeProvider::start().await;
        let several = tenants.len() > 1;
        let at = if several { "organizations" } else { one };
        let path: &'static str =
            Box::leak(format!("/{at}/v2.0/.well-known/openid-configuration").into_boxed_str());
        let published = if several {
            format!("{}/{{tenantid}}/v2.0", provider.issuer)
        } else {
            format!("{}/{one}/v2.0", provider.issuer)
        };
        let document = json!({
            "issuer": published, "authorization_endpoint": format!("{}/authorize", provider.issuer), "token_endpoint": format!("{}/token", provider.issuer),
            "jwks_uri": format!("{}/jwks", provider.issuer), "userinfo_endpoint": "https://graph.example/oidc/userinfo", "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["ES256"], "scopes_supported": ["openid", "offline_access"],
        });
        provider.answer(path, answer(&document));
        let listed: Vec<String> = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        let server = preset(&provider, "entra", |corp| corp.tenants = listed).await;
        let told = |tenant: &str| json!({"iss": format!("{}/{tenant}/v2.0", provider.issuer), "tid": tenant, "oid": "o-1", "sub": "pairwise", "email_verified": null, "xms_edov": true});
        provider.claims(&told(one));
        let browser = signed_in(&server, &provider).await;
        assert_eq!(name_of(&server, &browser).await.as_deref(), Some("ada"));
        let user = server.app.accounts.find("ada").await.unwrap();
        let identity = server.app.store.identities_of(&user.id).await.unwrap().remove(0);
        assert_eq!(
            (identity.issuer, identity.subject.as_str()),
            (format!("{}/{one}/v2.0", provider.issuer), "o-1")
        );
        // Another tenant: only if listed, and then as another user.
        provider.claims(&told(two));
        provider.claims(&json!({"preferred_username": "bob", "email": null}));
        let browser = Browser::new();
        let page = arrive(&server, &provider, &browser).await;
        if several {
            assert_eq!(name_of(&server, &browser).await.as_deref(), Some("bob"));
        } else {
            refused(&server, &browser, &page, 400).await;
        }
        // A token of one tenant that claims to be of another.
        provider.claims(&json!({"iss": format!("{}/{one}/v2.0", provider.issuer), "tid": two}));
        let browser = Browser::new();
        refused(&server, &browser, &arrive(&server, &provider, &browser).await, 400).await;
    }
}

#[tokio::test]
async fn keycloak_roles_okta_groups_and_gitlab_paths_become_groups() {
    for (kind, claims) in [
        ("keycloak", json!({"realm_access": {"roles": ["core"]}})),
        ("okta", json!({"groups": ["core"]})),
        ("gitlab", json!({"groups": ["core"], "nickname": "ada", "preferred_username": null})),
    ] {
        let provider = FakeProvider::start().await;
        provider.claims(&claims);
        let server = preset(&provider, kind, |corp| {
            corp.roles = vec!["groups = core -> developer".to_owned()];
        })
        .await;
        signed_in(&server, &provider).await;
        let roles: Vec<String> = server
            .app
            .accounts
            .find("ada")
            .await
            .unwrap()
            .all_roles()
            .map(ToString::to_string)
            .collect();
        assert_eq!(roles, ["developer"], "{kind}");
    }
}

fn github(provider: &FakeProvider, verified: bool) {
    provider.answer(
        "/login/oauth/access_token",
        answer(&json!({"access_token": "gho_x", "token_type": "bearer", "scope": "read:org"})),
    );
    provider.answer("/api/v3/user", answer(&json!({"id": 583_231, "login": "octocat", "name": "The Octocat", "email": "public@anything.example"})));
    let emails = json!([{"email": "old@x.example", "primary": false, "verified": true}, {"email": "octo@corp.example", "primary": true, "verified": verified}]);
    provider.answer("/api/v3/user/emails", answer(&emails));
    provider.answer("/api/v3/user/orgs", answer(&json!([{"login": "acme"}])));
    provider.answer(
        "/api/v3/user/teams",
        answer(&json!([{"slug": "backend", "organization": {"login": "acme"}}])),
    );
}

#[tokio::test]
async fn github_yields_the_verified_primary_e_mail_address_and_organisations_and_teams_as_groups() {
    let provider = FakeProvider::start().await;
    github(&provider, true);
    let server = preset(&provider, "github", |corp| {
        corp.allowed_groups = vec!["acme".to_owned()];
        corp.roles = vec!["groups = acme/backend -> developer".to_owned()];
    })
    .await;
    let browser = signed_in(&server, &provider).await;
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("octocat"));
    let user = server.app.accounts.find("octocat").await.unwrap();
    assert_eq!((user.email.as_deref(), user.all_roles().count()), (Some("octo@corp.example"), 1));
    let identity = server.app.store.identities_of(&user.id).await.unwrap().remove(0);
    assert_eq!(
        (identity.subject.as_str(), identity.issuer.as_str()),
        ("583231", provider.issuer.as_str())
    );
    // There are no refresh tokens; the token that does not expire asks the next day.
    provider.answer("/api/v3/user/orgs", answer(&json!([])));
    server.clock.advance(86_400);
    assert_eq!(server.app.federation.check_due().await.unwrap().ended, 1, "no longer a member");
    assert_eq!(name_of(&server, &browser).await, None);
    // An e-mail address that GitHub did not verify is not used.
    github(&provider, false);
    let server = preset(&provider, "github", |_| {}).await;
    signed_in(&server, &provider).await;
    assert_eq!(server.app.accounts.find("octocat").await.unwrap().email, None);
    // GitHub answers errors with status 200.
    provider.answer(
        "/login/oauth/access_token",
        answer(&json!({"error": "bad_verification_code", "error_description": "expired"})),
    );
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 403).await;
    provider.answer(
        "/login/oauth/access_token",
        answer(&json!({"error": "incorrect_client_credentials"})),
    );
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 502).await;
}

#[tokio::test]
async fn mattermost_uses_plain_oauth_and_deactivated_users_are_refused() {
    let provider = FakeProvider::start().await;
    let token = json!({"access_token": "mm", "token_type": "bearer", "expires_in": 2_592_000, "refresh_token": "mm-r"});
    provider.answer("/oauth/access_token", answer(&token));
    let me = |deleted: i64| json!({"id": "u26", "username": "ada", "email": "ada@corp.example", "email_verified": true, "nickname": "", "roles": "system_user system_admin", "delete_at": deleted});
    provider.answer("/api/v4/users/me", answer(&me(0)));
    let server = preset(&provider, "mattermost", |corp| {
        corp.roles = vec!["groups = system_admin -> admin".to_owned()];
    })
    .await;
    let browser = signed_in(&server, &provider).await;
    assert!(server.app.accounts.find("ada").await.unwrap().is_administrator());
    let seen = provider.seen();
    let (_, _, posted) = seen.iter().find(|(_, path, _)| path == "/oauth/access_token").unwrap();
    assert!(posted.contains("client_secret=") && !posted.contains("Basic"), "{posted}");
    provider.answer("/api/v4/users/me", answer(&me(1_700_000_000_000)));
    let other = Browser::new();
    refused(&server, &other, &arrive(&server, &provider, &other).await, 403).await;
    server.clock.advance(86_400);
    assert_eq!(server.app.federation.check_due().await.unwrap().ended, 1);
    assert_eq!(name_of(&server, &browser).await, None);
}

#[tokio::test]
async fn provider_test_describes_every_fault() {
    let provider = FakeProvider::start().await;
    provider.answer(
        "/authorize",
        Answer::Raw(200, "text/html", "<h1>Sign in</h1>".to_owned(), String::new()),
    );
    let server = server_with(&provider, |_, _| {}).await;
    let corp = server.app.federation.named("corp").await.unwrap();
    let say = async |server: &TestServer| {
        let corp = server.app.federation.named("corp").await.unwrap();
        let findings = server.app.federation.test(&corp).await;
        findings
            .iter()
            .filter_map(|finding| finding.result.clone().err())
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(say(&server).await, "");
    assert_eq!(server.app.federation.test(&corp).await.len(), 5);
    let wrong = server_with(&provider, |corp, _| corp.client_secret = "nope".into()).await;
    assert!(say(&wrong).await.contains("check client_id, client_secret"), "{}", say(&wrong).await);
    let inside = server_with(&provider, |corp, _| corp.networks.clear()).await;
    assert!(
        say(&inside).await.contains("add that network to the provider's networks"),
        "{}",
        say(&inside).await
    );
    let slash = server_with(&provider, |corp, _| corp.issuer.push('/')).await;
    assert!(say(&slash).await.contains("Write issuer exactly"), "{}", say(&slash).await);
    provider.answer(
        "/authorize",
        Answer::Raw(400, "text/html", "redirect_uri_mismatch".to_owned(), String::new()),
    );
    assert!(
        say(&server).await.contains(
            "register this redirect URI there, character for character: http://127.0.0.1"
        ),
        "{}",
        say(&server).await
    );
}
