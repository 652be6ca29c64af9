//! Consent to more than before, and to less.

use doorward_testkit::{Pkce, Tokens, form_value};

use super::stage;

#[tokio::test]
async fn i17_a_step_up_offers_to_keep_what_was_allowed_before_and_a_narrower_request_does_not() {
    let (server, client, browser) = stage().await;
    client.tokens(&browser, &[("scope", "mcp:write offline_access")]).await;
    let wider = [("scope", "mcp:destructive")];
    let page = client.consent_page(&browser, &Pkce::default(), &wider).await;
    assert!(page.body.contains("scope-mcp:write") && page.body.contains("already allowed"));
    assert!(page.body.contains("scope-offline_access"), "{}", page.body);
    // A narrower request asks for what it names, also with the permission to stay connected.
    for scope in ["mcp:read", "", "mcp:read offline_access", "mcp:read unknown:scope"] {
        let pkce = Pkce::default();
        let page = client.consent_page(&browser, &pkce, &[("scope", scope)]).await;
        assert!(!page.body.contains("scope-mcp:write"), "{scope}: {}", page.body);
        let stays = page.body.contains("scope-offline_access");
        assert_eq!(stays, scope.contains("offline_access"), "{scope}: {}", page.body);
        // Nor does a form that claims more get it.
        let more = ["mcp:read", "mcp:write", "offline_access"];
        let at = page.body.find("/consent\"").unwrap();
        let form = &page.body[at..];
        let (csrf, request) =
            (form_value(form, "csrf").unwrap(), form_value(form, "request").unwrap());
        let names = more.map(|scope| format!("scope-{scope}"));
        let mut fields =
            vec![("csrf", csrf.as_str()), ("request", request.as_str()), ("decision", "allow")];
        fields.extend(names.iter().map(|name| (name.as_str(), "on")));
        let back = browser.post(&server.at("/consent"), &fields).await.expect(303);
        let code = back.location_param("code").unwrap();
        let tokens = Tokens::read(client.redeem(&code, &pkce, &[]).await);
        let granted = tokens.answer["scope"].as_str().unwrap().to_owned();
        assert!(!granted.contains("write"), "{scope}: {granted}");
        client.tokens(&browser, &[("scope", "mcp:write offline_access")]).await;
    }
}
