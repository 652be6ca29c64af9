//! Relying parties are told of sessions that end (OpenID Connect Back-Channel Logout 1.0).

use doorward_model::{Change, ClientId, RevokeReason};
use doorward_testkit::FakeCollector;

use super::{logout::leaving, *};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A relying party that is told at this path of a receiver.
async fn told(server: &TestServer, at: &FakeCollector, path: &str, pairwise: bool) -> OAuthClient {
    let uri = format!("{}{path}", at.url);
    let new = leaving(|openid| {
        openid.backchannel_logout_uri = Some(uri);
        openid.backchannel_logout_session_required = true;
        openid.pairwise = pairwise;
    });
    add(server, new).await
}

/// The logout tokens that came to a path.
fn tokens(at: &FakeCollector, path: &str) -> Vec<String> {
    let token = |body: &str| {
        let mut pairs = url::form_urlencoded::parse(body.as_bytes());
        let (name, token) = pairs.next().unwrap();
        assert!(name == "logout_token" && pairs.next().is_none(), "{body}");
        token.into_owned()
    };
    at.at(path).iter().map(|delivery| token(&delivery.body)).collect()
}

impl Stage {
    async fn told(receiver: &FakeCollector) -> Self {
        let server = TestServer::start_with(|config| {
            config.outbound.allow_networks = vec!["127.0.0.0/8".into()];
        });
        let mut stage = Self::on(server.await).await;
        stage.client = told(&stage.server, receiver, "/out", false).await;
        stage
    }

    async fn round(&self) {
        self.server.app.issuer.tell_of_ended_sessions().await;
    }
}

#[tokio::test]
async fn op_60_each_relying_party_is_told_once_in_its_own_terms() {
    let receiver = FakeCollector::start(0).await;
    let stage = Stage::told(&receiver).await;
    let server = &stage.server;
    let second = told(server, &receiver, "/pairwise", true).await;
    let unused = told(server, &receiver, "/unused", false).await;
    let silent = add(server, leaving(|_| {})).await;
    let first = payload(&id_token(&stage.sign_in("openid").await));
    let pairwise = payload(&id_token(&second.tokens(&stage.browser, &SIGN_IN).await));
    silent.tokens(&stage.browser, &SIGN_IN).await;
    unused.tokens(&server.signed_in("alice").await, &SIGN_IN).await;
    stage.round().await;
    assert!(tokens(&receiver, "/out").is_empty(), "the session runs");
    let asked = format!("/oauth/logout?id_token_hint={}", id_token(&stage.sign_in("openid").await));
    stage.browser.get(&server.at(&asked)).await.expect(303);
    stage.round().await;
    stage.round().await;
    for (path, of, client) in [("/out", &first, &stage.client), ("/pairwise", &pairwise, &second)] {
        let sent = tokens(&receiver, path);
        assert_eq!(sent.len(), 1, "{path}");
        let header = sent[0].split('.').next().unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("ES256")));
        let claims = verified(server, &sent[0]).await;
        let now = server.clock.now().0;
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.url), &json!(client.id)));
        assert_eq!((&claims["sub"], &claims["sid"]), (&of["sub"], &of["sid"]), "{path}");
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 120)));
        assert_eq!(claims["events"], json!({EVENT: {}}));
        assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 20));
        assert!(claims.get("nonce").is_none(), "it must not pass for an ID token");
        let media = receiver.at(path)[0].headers["content-type"].to_str().unwrap().to_owned();
        assert_eq!(media, "application/x-www-form-urlencoded");
    }
    assert_ne!(first["sub"], pairwise["sub"]);
    assert!(tokens(&receiver, "/unused").is_empty(), "its session runs in another browser");
    // The token is no hint and no access token.
    let sent = tokens(&receiver, "/out").remove(0);
    stage.browser.get(&server.at(&format!("/oauth/logout?id_token_hint={sent}"))).await.expect(400);
    userinfo(server, &sent).await.expect(401);
}

#[tokio::test]
async fn op_61_relying_parties_are_told_whatever_ends_the_session_and_not_that_it_expired() {
    let receiver = FakeCollector::start(0).await;
    let stage = Stage::told(&receiver).await;
    let (server, app) = (&stage.server, &stage.server.app);
    let now = server.clock.now();
    let alice = app.accounts.find("alice").await.unwrap();
    let (client, id) = (ClientId::from_text(stage.client.id.as_str()), alice.id.clone());
    let revoke = |client_id: Option<ClientId>| Change::RevokeGrantsOfUser {
        user_id: id.clone(),
        client_id,
        at: now,
        reason: RevokeReason::ByUser,
    };
    let ends = [
        Change::EndSessionsOfUser { user_id: alice.id.clone(), except: None },
        revoke(Some(client)),
        revoke(None),
    ];
    let mut expected = 0;
    for end in ends {
        let browser = server.signed_in("alice").await;
        stage.sign_in_with(&browser, &SIGN_IN).await;
        app.store.apply(end.clone()).await.unwrap();
        stage.round().await;
        expected += 1;
        assert_eq!(tokens(&receiver, "/out").len(), expected, "{end:?}");
    }
    // An administrator ends a session, the one that was used last; the user signs out on the page.
    server.clock.advance(1);
    let browser = server.signed_in("alice").await;
    stage.sign_in_with(&browser, &SIGN_IN).await;
    let session = app.accounts.sessions_of(&alice.id).await.unwrap().remove(0);
    app.accounts.end_session(&alice.id, session.id).await.unwrap();
    let browser = server.signed_in("alice").await;
    stage.sign_in_with(&browser, &SIGN_IN).await;
    let page = browser.get(&server.at("/logout")).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    browser.post(&server.at("/logout"), &[("csrf", &csrf)]).await.expect(303);
    stage.round().await;
    assert_eq!(tokens(&receiver, "/out").len(), expected + 2);
    // One that expires ends at the relying party by the relying party's own rules.
    let browser = server.signed_in("alice").await;
    stage.sign_in_with(&browser, &SIGN_IN).await;
    server.clock.advance(400 * 86_400);
    app.store.delete_expired(server.clock.now(), 1_000_000_000).await.unwrap();
    stage.round().await;
    assert_eq!(tokens(&receiver, "/out").len(), expected + 2);
    // A disabled user is signed out everywhere.
    let browser = server.signed_in("alice").await;
    stage.sign_in_with(&browser, &SIGN_IN).await;
    let alice = app.accounts.find("alice").await.unwrap();
    app.accounts.disable(&alice, None).await.unwrap();
    stage.round().await;
    assert_eq!(tokens(&receiver, "/out").len(), expected + 3);
}

#[tokio::test]
async fn op_65_blocking_or_deleting_a_relying_party_ends_its_sessions_and_it_is_told() {
    let receiver = FakeCollector::start(0).await;
    let stage = Stage::told(&receiver).await;
    let server = &stage.server;
    let pairwise = told(server, &receiver, "/pairwise", true).await;
    let first = payload(&id_token(&stage.sign_in("openid").await));
    let second = payload(&id_token(&pairwise.tokens(&stage.browser, &SIGN_IN).await));
    let id = |client: &OAuthClient| ClientId::from_text(client.id.as_str());
    let registration = &server.app.registration;
    registration.set_disabled(&id(&stage.client), true).await.unwrap();
    // Nothing of a deleted one is left but the notice, which it gets in its own terms.
    registration.delete(&id(&pairwise)).await.unwrap();
    stage.round().await;
    stage.round().await;
    for (path, of, client) in [("/out", &first, &stage.client), ("/pairwise", &second, &pairwise)] {
        let sent = tokens(&receiver, path);
        assert_eq!(sent.len(), 1, "{path}");
        let claims = verified(server, &sent[0]).await;
        assert_eq!(claims["aud"], json!(client.id), "{path}");
        assert_eq!((&claims["sub"], &claims["sid"]), (&of["sub"], &of["sid"]), "{path}");
    }
    // Enabled again, its user signs in again and is another session to it.
    registration.set_disabled(&id(&stage.client), false).await.unwrap();
    let again = payload(&id_token(&stage.sign_in("openid").await));
    assert_ne!(again["sid"], first["sid"]);
    stage.round().await;
    assert_eq!(tokens(&receiver, "/out").len(), 1);
}

#[tokio::test]
async fn op_62_a_user_who_signs_in_again_stays_signed_in_and_another_user_does_not() {
    let receiver = FakeCollector::start(0).await;
    let stage = Stage::told(&receiver).await;
    let server = &stage.server;
    let first = payload(&id_token(&stage.sign_in("openid").await));
    let again = async |name: &str| {
        let asked = [SIGN_IN[0], SIGN_IN[1], ("prompt", "login")];
        let url = stage.client.authorize_url(&Pkce::default(), &asked);
        let page = stage.browser.get(&url).await.expect(303);
        stage.password(&stage.browser, &page.location(), name).await.expect(303);
        stage.round().await;
    };
    server.clock.advance(1);
    again("alice").await;
    assert!(tokens(&receiver, "/out").is_empty(), "her session was replaced by one of hers");
    let second = payload(&id_token(&stage.at_once(&[]).await));
    assert_eq!(second["sid"], first["sid"]);
    server.user("bob").await;
    server.clock.advance(1);
    again("bob").await;
    let sent = tokens(&receiver, "/out");
    assert_eq!(sent.len(), 1, "the browser is another user's now");
    assert_eq!(payload(&sent[0])["sid"], first["sid"]);
}

#[tokio::test]
async fn op_63_a_notice_is_repeated_with_pauses_and_given_up_by_one_replica_at_a_time() {
    let receiver = FakeCollector::start(2).await;
    let stage = Stage::told(&receiver).await;
    let server = &stage.server;
    let mut config = server.config.clone();
    config.server.public_url.clone_from(&server.url);
    let other = TestServer::start_on(config, server.data_dir.clone()).await;
    stage.sign_in("openid").await;
    let alice = server.app.accounts.find("alice").await.unwrap();
    let end = Change::EndSessionsOfUser { user_id: alice.id.clone(), except: None };
    server.app.store.apply(end).await.unwrap();
    let rounds = async || {
        tokio::join!(stage.round(), other.app.issuer.tell_of_ended_sessions());
    };
    // The first pause is half a minute, the next one two minutes. The clocks of the two differ by
    // some seconds.
    for (seconds, refused, sent) in [(0, 1, 0), (15, 1, 0), (30, 2, 0), (90, 2, 0), (60, 2, 1)] {
        server.clock.advance(seconds);
        other.clock.advance(seconds);
        rounds().await;
        let seen = (receiver.refused(), tokens(&receiver, "/out").len());
        assert_eq!(seen, (refused, sent), "after {seconds} seconds more");
    }
    rounds().await;
    assert_eq!(tokens(&receiver, "/out").len(), 1);
    // A relying party that never answers is given up.
    let gone = FakeCollector::start(1000).await;
    let client = told(server, &gone, "/out", false).await;
    client.tokens(&server.signed_in("alice").await, &SIGN_IN).await;
    let end = Change::EndSessionsOfUser { user_id: alice.id.clone(), except: None };
    server.app.store.apply(end).await.unwrap();
    for _ in 0..12 {
        stage.round().await;
        server.clock.advance(43_200);
    }
    assert_eq!(gone.refused(), 8);
    assert!(server.app.store.ended_uses(server.clock.now(), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn op_64_a_notice_is_sent_to_no_network_that_is_closed_to_this_server() {
    let receiver = FakeCollector::start(0).await;
    let mut stage = Stage::new().await;
    stage.client = told(&stage.server, &receiver, "/out", false).await;
    stage.sign_in("openid").await;
    let alice = stage.server.app.accounts.find("alice").await.unwrap();
    let end = Change::EndSessionsOfUser { user_id: alice.id, except: None };
    stage.server.app.store.apply(end).await.unwrap();
    stage.round().await;
    assert!(tokens(&receiver, "/out").is_empty());
    let now = stage.server.clock.now();
    let waiting = stage.server.app.store.ended_uses(now.plus(30), 10).await.unwrap();
    assert_eq!(waiting.len(), 1, "it may be opened later");
}
