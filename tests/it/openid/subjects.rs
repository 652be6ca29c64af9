//! Pairwise subjects and signed userinfo.

use doorward_admin::{
    ClientChangeError, ClientEdit, Effect, NewExchange, NewResource, Proposal, Refusal,
    RelyingPartyEdit,
};

use super::*;

/// A resource server besides this one.
const NOTES: &str = "https://notes.example.test/mcp";

fn pairwise(uri: &str) -> NewClient {
    let openid = NewRelyingParty { pairwise: true, ..NewRelyingParty::default() };
    NewClient { openid: Some(openid), ..party(uri) }
}

#[tokio::test]
async fn op_30_pairwise_subjects_are_of_one_host_and_tell_nothing_of_the_user_s_identifier() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let resource = NewResource {
        url: NOTES.to_owned(),
        name: None,
        scopes: vec!["notes:read".to_owned()],
        roles: vec![],
    };
    server.app.admin.resources.add(&Authority::operator(), resource).await.unwrap();
    let mut subjects = Vec::new();
    for uri in ["https://a.example/cb", "https://a.example/other", "https://b.example/cb"] {
        let client = add(server, pairwise(uri)).await;
        let asked = [("resource", ""), ("scope", "openid offline_access")];
        let tokens = client.tokens(&stage.browser, &asked).await;
        let claims = payload(&id_token(&tokens));
        let subject = claims["sub"].as_str().unwrap().to_owned();
        let told = userinfo(server, &tokens.access).await.expect(200).json();
        assert_eq!(told, json!({"sub": subject}));
        // Whatever the relying party can read names the user by this subject alone.
        assert_eq!(payload(&tokens.access)["sub"], subject);
        for token in [&tokens.access, &tokens.refresh] {
            let browser = Browser::new();
            let asked = browser.raw(Method::POST, &server.at("/oauth/introspect"));
            let asked =
                asked.basic_auth(&client.id, client.secret.clone()).form(&[("token", token)]);
            let told = browser.send(asked).await.expect(200);
            assert_eq!(told.json()["sub"], subject);
            assert!(!told.body.contains(&stage.user), "{}", told.body);
        }
        for token in [&tokens.access, &id_token(&tokens)] {
            assert!(!payload(token).to_string().contains(&stage.user));
        }
        let refreshed = Tokens::read(client.refresh(&tokens.refresh, &[]).await);
        assert_eq!(payload(&id_token(&refreshed))["sub"], subject);
        // A hint in the terms of the relying party.
        let hint = id_token(&tokens);
        let asked = [SIGN_IN[0], SIGN_IN[1], ("prompt", "none"), ("id_token_hint", hint.as_str())];
        let page = stage.browser.get(&client.authorize_url(&Pkce::default(), &asked)).await;
        assert!(page.expect(303).location_param("code").is_some());
        // Tokens for other resources name users by their identifier.
        let asked = [("scope", "openid mcp:read")];
        let page = stage.browser.get(&client.authorize_url(&Pkce::default(), &asked)).await;
        assert_eq!(page.expect(303).location_param("error").as_deref(), Some("invalid_scope"));
        let asked = [("resource", NOTES), ("scope", "notes:read")];
        let page = stage.browser.get(&client.authorize_url(&Pkce::default(), &asked)).await;
        assert_eq!(page.expect(303).location_param("error").as_deref(), Some("invalid_scope"));
        subjects.push(subject);
    }
    assert_eq!(subjects[0], subjects[1]);
    assert_ne!(subjects[0], subjects[2]);
    server.user("bob").await;
    let client = add(server, pairwise("https://a.example/cb")).await;
    let bob = client.tokens(&server.signed_in("bob").await, &SIGN_IN).await;
    assert_ne!(payload(&id_token(&bob))["sub"], subjects[0]);
}

#[tokio::test]
async fn op_31_pairwise_subjects_need_one_host_and_keep_it() {
    let server = TestServer::start().await;
    let clients = &server.app.admin.clients;
    let operator = Authority::operator();
    let mut two = pairwise("https://a.example/cb");
    two.redirect_uris.push("https://b.example/cb".to_owned());
    let native = pairwise("cursor://anysphere.cursor-mcp/oauth/callback");
    let admin = NewClient { admin: true, ..pairwise("https://a.example/cb") };
    for new in [two, native, admin] {
        let refused = clients.add(&operator, new).await.unwrap_err();
        assert!(matches!(
            refused,
            Refusal::Client(ClientChangeError::Sector | ClientChangeError::Pairwise)
        ));
    }
    let added = clients.add(&operator, pairwise("https://a.example/cb")).await.unwrap();
    // Nor may it exchange tokens, which would name users by their identifiers, now or later.
    let exchange = NewExchange { scopes: vec!["mcp:read".to_owned()], ..NewExchange::default() };
    let refused =
        clients.set_exchange(&operator, added.client.id.as_str(), Some(&exchange), None).await;
    assert!(matches!(refused, Err(Refusal::Client(ClientChangeError::Pairwise))));
    let public = clients.add(&operator, party("https://a.example/cb")).await.unwrap();
    clients
        .set_exchange(&operator, public.client.id.as_str(), Some(&exchange), None)
        .await
        .unwrap();
    let openid = RelyingPartyEdit { pairwise: Some(true), ..RelyingPartyEdit::default() };
    let change = ClientEdit { openid: Some(openid), ..ClientEdit::default() };
    let of = public.client.id.as_str();
    let proposal = Proposal { of, change: &change, seen: None, effect: Effect::Apply };
    let refused = clients.edit(&operator, proposal).await;
    assert!(matches!(refused, Err(Refusal::Client(ClientChangeError::Pairwise))));
    let edit = |uri: &str| ClientEdit {
        redirect_uris: Some(vec![uri.to_owned()]),
        ..ClientEdit::default()
    };
    let id = added.client.id.as_str();
    let proposal = |change| Proposal { of: id, change, seen: None, effect: Effect::Apply };
    let elsewhere = edit("https://b.example/cb");
    let refused = clients.edit(&operator, proposal(&elsewhere)).await;
    assert!(matches!(refused.unwrap_err(), Refusal::Client(ClientChangeError::Sector)));
    let same = edit("https://a.example/new");
    clients.edit(&operator, proposal(&same)).await.unwrap();
    let kept = clients.with_id(id).await.unwrap();
    assert_eq!(kept.openid, added.client.openid);
    assert_eq!(kept.scopes, added.client.scopes);
}

#[tokio::test]
async fn op_33_another_type_of_subjects_ends_the_access_of_the_relying_party() {
    let stage = Stage::new().await;
    let clients = &stage.server.app.admin.clients;
    let tokens = stage.sign_in("openid").await;
    let edit = |pairwise: Option<bool>, signed: Option<bool>| ClientEdit {
        openid: Some(RelyingPartyEdit {
            pairwise,
            signed_userinfo: signed,
            ..RelyingPartyEdit::default()
        }),
        ..ClientEdit::default()
    };
    let (operator, id) = (Authority::operator(), stage.client.id.as_str());
    let apply = async |change: &ClientEdit| {
        let proposal = Proposal { of: id, change, seen: None, effect: Effect::Apply };
        clients.edit(&operator, proposal).await.unwrap().ends_access
    };
    assert!(!apply(&edit(None, Some(true))).await);
    userinfo(&stage.server, &tokens.access).await.expect(200);
    assert!(apply(&edit(Some(true), None)).await);
    userinfo(&stage.server, &tokens.access).await.expect(401);
    let after = clients.with_id(id).await.unwrap();
    let openid = after.openid.clone().unwrap();
    assert_eq!(openid.sector.as_deref(), Some("grafana.example"));
    assert!(openid.signed_userinfo, "what was not named stays");
    let narrow = doorward_model::ScopeSet::identity();
    let others: Vec<_> = after.scopes.iter().filter(|scope| !narrow.contains(*scope)).collect();
    assert_eq!(others, [doorward_model::Scope::OfflineAccess]);
    let subject = payload(&id_token(&stage.sign_in("openid").await))["sub"].clone();
    assert_ne!(subject, stage.user);
    // The audit names each of these settings.
    let store = &stage.server.app.store;
    store.flush().await.unwrap();
    let kind = Some(doorward_model::AuditKind::ClientChanged.as_str().to_owned());
    let filter = doorward_model::AuditFilter { kind, ..Default::default() };
    let changes = store.audit(&filter, None, 10).await.unwrap().entries;
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|entry| entry.event.detail.contains("openid")));
    assert!(apply(&edit(Some(false), None)).await);
    let subject = payload(&id_token(&stage.sign_in("openid").await))["sub"].clone();
    assert_eq!(subject, stage.user);
}

#[tokio::test]
async fn op_32_userinfo_is_signed_where_the_relying_party_is_set_up_so() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let openid = NewRelyingParty { signed_userinfo: true, ..NewRelyingParty::default() };
    let client = add(server, NewClient { openid: Some(openid), ..party(GRAFANA) }).await;
    let asked = [("resource", ""), ("scope", "openid profile")];
    let tokens = client.tokens(&stage.browser, &asked).await;
    let told = userinfo(server, &tokens.access).await.expect(200);
    assert_eq!(told.header("content-type"), "application/jwt");
    assert_eq!(told.header("cache-control"), "no-store");
    let claims = verified(server, &told.body).await;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.url), &json!(client.id)));
    assert_eq!((&claims["sub"], &claims["name"]), (&json!(stage.user), &json!("alice")));
    assert!(claims.get("exp").is_none(), "it must not pass for an ID token");
    let hint = [SIGN_IN[0], SIGN_IN[1], ("id_token_hint", told.body.as_str())];
    let page = stage.browser.get(&client.authorize_url(&Pkce::default(), &hint)).await.expect(303);
    assert_eq!(page.location_param("error").as_deref(), Some("invalid_request"));
    // A refusal is no token.
    let refused = userinfo(server, "junk").await.expect(401);
    assert_eq!(refused.header("content-type"), "application/json");
}
