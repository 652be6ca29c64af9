//! Signing out at the wish of a relying party (OpenID Connect RP-Initiated Logout 1.0).

use super::*;

/// The registered URL after signing out.
pub(super) const BYE: &str = "https://grafana.example/bye?from=doorward";

/// A relying party with that URL.
pub(super) fn leaving(change: impl FnOnce(&mut NewRelyingParty)) -> NewClient {
    let mut openid = NewRelyingParty {
        post_logout_redirect_uris: vec![BYE.to_owned()],
        ..NewRelyingParty::default()
    };
    change(&mut openid);
    NewClient { openid: Some(openid), ..party(GRAFANA) }
}

async fn stage() -> Stage {
    let mut stage = Stage::new().await;
    stage.client = add(&stage.server, leaving(|_| {})).await;
    stage
}

impl Stage {
    async fn end(&self, browser: &Browser, params: &[(&str, &str)]) -> Page {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        browser.get(&self.server.at(&format!("/oauth/logout?{query}"))).await
    }

    async fn is_signed_in(&self, browser: &Browser) -> bool {
        browser.get(&self.server.at("/account")).await.status == 200
    }
}

#[tokio::test]
async fn op_50_a_relying_party_signs_its_user_out_and_gets_them_back_with_its_state() {
    for later in [0, 700] {
        let stage = stage().await;
        let hint = id_token(&stage.sign_in("openid").await);
        // The hint may be over.
        stage.server.clock.advance(later);
        let asked = [
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", BYE),
            ("state", "a&b=c"),
            ("logout_hint", "alice"),
        ];
        let page = stage.end(&stage.browser, &asked).await.expect(303);
        assert_eq!(page.location(), format!("{BYE}&state=a%26b%3Dc"));
        assert!(!stage.is_signed_in(&stage.browser).await);
        // The user is sent back as well where the session was over already.
        let again = stage.end(&stage.browser, &asked[..2]).await.expect(303);
        assert_eq!(again.location(), BYE);
    }
    let stage = stage().await;
    let hint = id_token(&stage.sign_in("openid").await);
    let page = stage.end(&stage.browser, &[("id_token_hint", hint.as_str())]).await.expect(303);
    let page = stage.browser.get(&page.location()).await.expect(200);
    assert!(page.body.contains("You are signed out"), "{}", page.body);
}

#[tokio::test]
async fn op_51_a_user_is_asked_unless_the_relying_party_proves_that_it_is_of_this_session() {
    let stage = stage().await;
    let server = &stage.server;
    let hint = id_token(&stage.sign_in("openid").await);
    let other = server.signed_in("alice").await;
    server.user("bob").await;
    let bob = server.signed_in("bob").await;
    let id = stage.client.id.clone();
    let named = [("client_id", id.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let hinted = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)];
    for (browser, asked) in [
        (&stage.browser, &[][..]),
        (&stage.browser, &[("state", "s"), ("unknown", "x")]),
        (&stage.browser, &named),
        // Another session of the same user, and another user.
        (&other, &hinted),
        (&bob, &hinted),
    ] {
        let page = stage.end(browser, asked).await.expect(200);
        assert!(page.body.contains("Sign out?"), "{asked:?}: {}", page.body);
        assert!(stage.is_signed_in(browser).await, "{asked:?}");
    }
    let page = stage.end(&stage.browser, &[named[0], ("ui_locales", "xx de en")]).await;
    assert!(page.body.contains("Abmelden?") && page.body.contains("Grafana"), "{}", page.body);
    // The user allows it; the form leads where the request leads.
    let page = stage.end(&stage.browser, &named).await.expect(200);
    let form = &page.body[page.body.find("action=\"/logout\" class").map_or(0, |at| at + 1)..];
    let form = &form[form.find("post_logout_redirect_uri").unwrap() - 400..];
    let csrf = form_value(form, "csrf").unwrap();
    let fields = [("csrf", csrf.as_str()), named[0], named[1], named[2]];
    let forged =
        [("csrf", csrf.as_str()), named[0], ("post_logout_redirect_uri", "https://x.example/")];
    stage.browser.post(&server.at("/logout"), &forged).await.expect(400);
    assert!(stage.is_signed_in(&stage.browser).await);
    let back = stage.browser.post(&server.at("/logout"), &fields).await.expect(303);
    assert_eq!(back.location(), format!("{BYE}&state=s"));
    assert!(!stage.is_signed_in(&stage.browser).await && stage.is_signed_in(&other).await);
}

#[tokio::test]
async fn op_52_a_wrong_request_to_sign_out_leads_nowhere_and_ends_nothing() {
    let stage = stage().await;
    let server = &stage.server;
    let tokens = stage.sign_in("openid").await;
    let hint = id_token(&tokens);
    let second = add(server, leaving(|_| {})).await;
    let plain = NewClient { openid: None, ..party(GRAFANA) };
    let plain = add(server, plain).await;
    let (head, signature) = hint.rsplit_once('.').unwrap();
    let modified = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let good = ("id_token_hint", hint.as_str());
    let bye = ("post_logout_redirect_uri", BYE);
    let to = |uri: &'static str| ("post_logout_redirect_uri", uri);
    for asked in [
        vec![("id_token_hint", modified.as_str()), bye],
        vec![("id_token_hint", "junk"), bye],
        vec![("id_token_hint", tokens.access.as_str()), bye],
        vec![bye],
        vec![good, to("https://grafana.example/bye")],
        vec![good, to("https://grafana.example/bye?from=doorward&more=1")],
        vec![good, to("https://grafana.example/bye?from=doorward#x")],
        vec![good, to("https://GRAFANA.example/bye?from=doorward")],
        vec![good, to(GRAFANA)],
        vec![good, ("client_id", second.id.as_str()), bye],
        vec![("client_id", "c_none"), bye],
        vec![("client_id", plain.id.as_str())],
        vec![good, bye, bye],
    ] {
        let page = stage.end(&stage.browser, &asked).await.expect(400);
        assert_eq!(page.location(), "", "{asked:?}");
        assert!(stage.is_signed_in(&stage.browser).await, "{asked:?}");
        // The same for a browser without a session: this URL leads to no other site.
        stage.end(&Browser::new(), &asked).await.expect(400);
    }
    let client = doorward_model::ClientId::from_text(stage.client.id.as_str());
    server.app.registration.set_disabled(&client, true).await.unwrap();
    stage.end(&stage.browser, &[good, bye]).await.expect(400);
}

#[tokio::test]
async fn op_53_signing_out_works_by_post_and_without_a_session() {
    let stage = stage().await;
    let hint = id_token(&stage.sign_in("openid").await);
    let at = stage.server.at("/oauth/logout");
    let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE)];
    // Cookies of a session do not come with a form of another site.
    let page = Browser::new().post(&at, &fields).await.expect(303);
    assert!(page.location().starts_with(&format!("{at}?")), "{}", page.location());
    let page = stage.browser.get(&page.location()).await.expect(303);
    assert_eq!(page.location(), BYE);
    assert!(!stage.is_signed_in(&stage.browser).await);
    let page = Browser::new().get(&at).await.expect(200);
    assert!(page.body.contains("You are signed out"), "{}", page.body);
}
