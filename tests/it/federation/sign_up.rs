//! The decision on who may create an account here, and the claims that rules read.

use doorward_admin::{Effect, Proposal, Reach, SettingsPatch};
use doorward_federation::ProviderConfig;
use doorward_model::{Change, NewUsers, StoredProvider};
use doorward_testkit::{Browser, FakeProvider, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{name_of, refused, server_with};

/// Adds a provider as a version before this one left it after its migration: with accounts for
/// anyone and without a decision.
async fn undecided(server: &TestServer, provider: &FakeProvider) {
    let config = ProviderConfig {
        kind: "google".to_owned(),
        sign_up: "open".to_owned(),
        ..provider.config()
    };
    let id = server.app.federation.add("old", config).await.unwrap();
    let records = server.app.store.providers().await.unwrap();
    let before = records.iter().find(|record| record.id == id).unwrap().clone();
    let settings = before.settings.replace(r#""sign_up":"open""#, r#""sign_up":"""#);
    assert_ne!(settings, before.settings);
    let update = Change::UpdateProvider {
        seen: before.settings.clone(),
        seen_secret: before.secret.clone(),
        provider: Box::new(StoredProvider { settings, ..before }),
        changed: Vec::new(),
    };
    server.app.store.apply(update).await.unwrap();
}

async fn arrive(server: &TestServer, provider: &FakeProvider, browser: &Browser) -> Page {
    let away = browser.get(&server.at("/login/old")).await.expect(303);
    browser.get(&provider.sign_in(&away.location())).await
}

#[tokio::test]
async fn a_provider_of_an_older_version_keeps_its_users_and_refuses_new_ones_until_it_is_decided() {
    let (provider, own) = (FakeProvider::start().await, FakeProvider::start().await);
    let server = server_with(&own, |_, _| {}).await;
    provider.follow(&server.clock);
    undecided(&server, &provider).await;
    let old = server.app.federation.named("old").await.unwrap();
    // A new user is refused, and the page of administrators says why.
    let browser = Browser::new();
    refused(&server, &browser, &arrive(&server, &provider, &browser).await, 403).await;
    let admits = old.admits();
    assert_eq!(admits.public, Some("Google"));
    assert_eq!(admits.new_users, NewUsers::Undecided);
    let line = doorward_language::admits(&admits).to_string();
    assert!(line.contains("are refused until sign_up is set"), "{line}");
    // A user who is known signs in.
    let ada = server.user("ada-before").await;
    server.app.federation.link_subject(&old, "u-1", &ada).await.unwrap();
    let browser = Browser::new();
    arrive(&server, &provider, &browser).await.expect(303);
    assert_eq!(name_of(&server, &browser).await.as_deref(), Some("ada-before"));
    // No other change is accepted without the decision, except to switch it off.
    let providers = &server.app.admin.providers;
    let operator = doorward_accounts::Authority::operator();
    let edit = async |patch: Value| {
        let settings = patch.as_object().unwrap().clone();
        let change = SettingsPatch { settings, reach: Reach::Machine };
        let effect = Effect::Apply;
        let proposal = Proposal { of: "old", change: &change, seen: None, effect };
        providers.edit(&operator, proposal).await
    };
    for patch in [json!({"name": "New name"}), json!({"allowed_groups": ["*"]})] {
        let refusal = edit(patch).await.unwrap_err().to_string();
        assert!(refusal.contains("anyone can have a Google account"), "{refusal}");
    }
    edit(json!({"enabled": false})).await.unwrap();
    edit(json!({"enabled": true})).await.unwrap_err();
    edit(json!({"enabled": true, "sign_up": "open"})).await.unwrap();
    provider.claims(&json!({"sub": "u-2", "email": "new@x.example", "name": "newcomer", "preferred_username": "newcomer"}));
    let browser = Browser::new();
    arrive(&server, &provider, &browser).await.expect(303);
    edit(json!({"sign_up": null})).await.unwrap_err();
    edit(json!({"sign_up": null, "allowed_domains": ["corp.example"]})).await.unwrap();
    let old = server.app.federation.named("old").await.unwrap();
    let line = doorward_language::admits(&old.admits()).to_string();
    assert!(line.contains("allowed_domains = corp.example"), "{line}");
}

#[tokio::test]
async fn administrators_see_what_the_provider_stated_and_the_verdict_of_each_rule() {
    let provider = FakeProvider::start().await;
    provider.claims(&json!({"groups": ["staff\u{202e}", "core"], "department": "research", "phone_number": "+49 1"}));
    let server = server_with(&provider, |corp, _| {
        corp.allowed_groups = vec!["core".to_owned()];
        corp.required_claims = vec!["department = research".to_owned()];
        corp.roles = vec![
            "groups = core -> developer".to_owned(),
            "email = *@ops.example -> ops".to_owned(),
            "/realm/level = 9 -> ops".to_owned(),
        ];
    })
    .await;
    super::signed_in(&server, &provider).await;
    let ada = server.app.accounts.find("ada").await.unwrap();
    let root = server.user_with("root", &["admin"]).await;
    let key = crate::admin::key(&server, &root, "admin").await;
    let browser = server.signed_in("root").await;
    let shown = async || {
        let url = server.at(&format!("/api/admin/users/{}", ada.id));
        let request = browser.raw(Method::GET, &url).bearer_auth(&key);
        browser.send(request).await.expect(200).json()["identities"][0]["statement"].clone()
    };
    let statement = shown().await;
    let verdicts = |statement: &Value| {
        statement["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| format!("{}: {}", rule["rule"].as_str().unwrap(), rule["holds"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        verdicts(&statement),
        [
            "allowed_groups = core: true",
            "department = research: true",
            "groups = core -> developer: true",
            "email = *@ops.example -> ops: false",
            "/realm/level = 9 -> ops: false",
        ]
    );
    let claims: Vec<String> = statement["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| format!("{} {}", claim["name"].as_str().unwrap(), claim["values"]))
        .collect();
    assert_eq!(
        claims,
        [
            r#"groups ["staff","core"]"#,
            r#"department ["research"]"#,
            r#"email ["ada@corp.example"]"#,
            r#"email_verified ["true"]"#,
            "/realm/level []",
        ],
        "no claim that no rule reads, and nothing hidden"
    );
    let page = browser.get(&server.at(&format!("/admin/users/{}", ada.id))).await.expect(200);
    for text in ["Last statement of corp", "department = research", "does not hold", "not stated"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("+49 1"));
    // A refused sign-in of a user who is known shows why.
    let many: Vec<String> =
        (0..300).map(|number| format!("group-{number}-{}", "x".repeat(500))).collect();
    provider.claims(&json!({"groups": many}));
    let browser = Browser::new();
    refused(&server, &browser, &super::arrive(&server, &provider, &browser).await, 403).await;
    let statement = shown().await;
    assert_eq!(verdicts(&statement)[0], "allowed_groups = core: false");
    let groups = &statement["claims"][0];
    assert_eq!((groups["values"].as_array().unwrap().len(), &groups["more"]), (50, &json!(250)));
    assert!(statement.to_string().len() < 20_000);
}

#[tokio::test]
async fn the_test_of_a_provider_names_rules_that_read_claims_which_no_scope_brings() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |corp, _| {
        corp.scopes = vec!["openid".to_owned(), "profile".to_owned()];
        corp.allowed_domains = vec!["corp.example".to_owned()];
        corp.roles = vec!["preferred_username = ada -> developer".to_owned()];
    })
    .await;
    let corp = server.app.federation.named("corp").await.unwrap();
    let found = server.app.federation.test(&corp).await;
    let claims =
        found.iter().find(|one| one.subject == doorward_federation::CheckSubject::Claims).unwrap();
    let why = claims.result.as_ref().unwrap_err();
    assert!(
        why.contains(
            "\"allowed_domains = corp.example\" reads the claim email, which the scope email brings"
        ) && !why.contains("preferred_username"),
        "{why}"
    );
    let server = server_with(&provider, |corp, _| {
        corp.roles = vec!["email = *@corp.example -> developer".to_owned()];
    })
    .await;
    let corp = server.app.federation.named("corp").await.unwrap();
    let found = server.app.federation.test(&corp).await;
    let claims =
        found.iter().find(|one| one.subject == doorward_federation::CheckSubject::Claims).unwrap();
    assert!(claims.result.is_ok(), "{claims:?}");
}
