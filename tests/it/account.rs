//! A user's page, and the administrator's.

use doorward_accounts::Authority;
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, TestServer, form_value};

fn csrf_of(html: &str, action: &str) -> String {
    let at = html
        .find(&format!("action=\"{action}\""))
        .unwrap_or_else(|| panic!("no form for {action}"));
    form_value(&html[at..], "csrf").unwrap()
}

#[tokio::test]
async fn cons_15_a_user_sees_connected_apps_and_revokes_one_at_once() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let (one, other) = (OAuthClient::register(&server).await, OAuthClient::register(&server).await);
    let browser = server.signed_in("alice").await;
    let (gone, stays) =
        (one.tokens(&browser, &[("scope", "mcp:write")]).await, other.tokens(&browser, &[]).await);
    let page = browser.get(&server.at("/account")).await.expect(200);
    assert!(
        page.body.contains("Test client")
            && page.body.contains("Change things for you")
            && page.body.contains(&one.id)
    );
    let csrf = csrf_of(&page.body, "/account/revoke");
    browser
        .post(&server.at("/account/revoke"), &[("csrf", "wrong"), ("client_id", &one.id)])
        .await
        .expect(403);
    assert!(server.calls(&gone.access).await);
    browser
        .post(&server.at("/account/revoke"), &[("csrf", &csrf), ("client_id", &one.id)])
        .await
        .expect(303);
    assert!(!server.calls(&gone.access).await);
    one.refresh(&gone.refresh, &[]).await.expect(400);
    assert!(server.calls(&stays.access).await);
    assert!(!browser.get(&server.at("/account")).await.body.contains(&one.id));
}

#[tokio::test]
async fn no_user_revokes_or_ends_what_is_another_users() {
    let server = TestServer::start().await;
    server.user("alice").await;
    server.user("bob").await;
    let client = OAuthClient::register(&server).await;
    let (alice, bob) = (server.signed_in("alice").await, server.signed_in("bob").await);
    let tokens = client.tokens(&alice, &[]).await;
    let alices_page = alice.get(&server.at("/account")).await.body;
    let alices_session = form_value(&alices_page, "session_id").unwrap();
    let page = bob.get(&server.at("/account")).await.body;
    bob.post(
        &server.at("/account/revoke"),
        &[("csrf", &csrf_of(&page, "/account/end-session")), ("client_id", &client.id)],
    )
    .await
    .expect(403);
    let csrf = csrf_of(&page, "/account/end-session");
    bob.post(
        &server.at("/account/end-session"),
        &[("csrf", &csrf), ("session_id", &alices_session)],
    )
    .await
    .expect(404);
    assert!(server.calls(&tokens.access).await);
    alice.get(&server.at("/account")).await.expect(200);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let (laptop, phone) = (server.signed_in("alice").await, server.signed_in("alice").await);
    let page = laptop.get(&server.at("/account")).await.body;
    assert!(page.contains("this browser"));
    let csrf = csrf_of(&page, "/account/end-session");
    let sessions: Vec<_> = page
        .split("name=\"session_id\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(sessions.len(), 2);
    let own = {
        let at = page.find("this browser").unwrap();
        form_value(&page[at..], "session_id").unwrap()
    };
    let other = sessions.iter().find(|session| **session != own).unwrap();
    laptop
        .post(&server.at("/account/end-session"), &[("csrf", &csrf), ("session_id", other)])
        .await
        .expect(303);
    phone.get(&server.at("/account")).await.expect(303);
    laptop.get(&server.at("/account")).await.expect(200);
}

#[tokio::test]
async fn login_15_a_changed_password_ends_other_sessions_and_grants() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let (laptop, phone) = (server.signed_in("alice").await, server.signed_in("alice").await);
    let tokens = client.tokens(&laptop, &[]).await;
    let csrf = csrf_of(&laptop.get(&server.at("/account")).await.body, "/account/password");
    let change = |present: &'static str, new: &'static str| {
        [("csrf", csrf.clone()), ("present", present.to_owned()), ("new", new.to_owned())]
    };
    let post = async |present, new| {
        let fields = change(present, new);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        laptop.post(&server.at("/account/password"), &fields).await
    };
    assert!(
        post("wrong", "a new long password")
            .await
            .expect(400)
            .body
            .contains("current password is wrong")
    );
    assert!(
        post(doorward_testkit::PASSWORD, "short")
            .await
            .expect(400)
            .body
            .contains("at least 10 characters")
    );
    post(doorward_testkit::PASSWORD, "a new long password").await.expect(200);
    phone.get(&server.at("/account")).await.expect(303);
    laptop.get(&server.at("/account")).await.expect(200);
    assert!(!server.calls(&tokens.access).await);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_the_form() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let cookie = browser.cookie("doorward-session").unwrap();
    browser.post(&server.at("/logout"), &[]).await.expect(403);
    let page = browser.get(&server.at("/logout")).await.expect(200);
    browser
        .post(&server.at("/logout"), &[("csrf", &csrf_of(&page.body, "/logout"))])
        .await
        .expect(303);
    let thief = Browser::new();
    thief.set_cookie("doorward-session", &cookie);
    thief.get(&server.at("/account")).await.expect(303);
}

#[tokio::test]
async fn the_one_time_link_makes_one_administrator() {
    let server = TestServer::start().await;
    let link = server.app.admin_link().await.unwrap();
    let browser = Browser::new();
    // Opening it, as link previews do, does not use it.
    browser.get(&link).await.expect(200);
    let page = browser.get(&link).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    let fields = [("csrf", csrf.as_str()), ("name", "root"), ("password", "long enough for me")];
    browser
        .post(&link, &[("csrf", csrf.as_str()), ("name", "root"), ("password", "short")])
        .await
        .expect(400);
    Browser::new().post(&link, &fields).await.expect(403);
    let to = browser.post(&link, &fields).await.expect(303).location();
    assert_eq!(to, server.at("/admin"));
    browser.get(&to).await.expect(200);
    browser.get(&link).await.expect(404);
    let second = Browser::new();
    second.get(&server.at("/login")).await;
    second.get(&link).await.expect(404);
    assert_eq!(server.app.accounts.list().await.unwrap().len(), 1);
    let old = server.app.admin_link().await.unwrap();
    server.clock.advance(86_401);
    second.get(&old).await.expect(404);
    second.get(&server.at("/admin/link/dw_ln_guess")).await.expect(404);
}

#[tokio::test]
async fn the_link_makes_the_signed_in_user_an_administrator() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    browser.get(&server.at("/admin")).await.expect(404);
    let link = server.app.admin_link().await.unwrap();
    let page = browser.get(&link).await.expect(200).body;
    let at = page.find("<main").unwrap();
    browser.post(&link, &[("csrf", &form_value(&page[at..], "csrf").unwrap())]).await.expect(303);
    browser.get(&server.at("/admin")).await.expect(200);
}

#[tokio::test]
async fn ca1_cs1_cs15_an_administrator_disables_and_enables_the_mcp_server_for_connected_clients() {
    let server = TestServer::start().await;
    server.user_with("root", &["admin"]).await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let alice = server.signed_in("alice").await;
    let tokens = client.tokens(&alice, &[]).await;
    let root = server.signed_in("root").await;
    let page = root.get(&server.at("/admin/settings")).await.expect(200);
    let csrf = csrf_of(&page.body, "/admin/mcp");
    alice
        .post(&server.at("/admin/mcp"), &[("csrf", &csrf), ("enabled", "false")])
        .await
        .expect(404);
    root.post(&server.at("/admin/mcp"), &[("csrf", "wrong"), ("enabled", "false")])
        .await
        .expect(403);
    assert!(server.calls(&tokens.access).await);
    root.post(&server.at("/admin/mcp"), &[("csrf", &csrf), ("enabled", "false")]).await.expect(303);
    server.call(&tokens.access, "whoami", serde_json::json!({})).await.expect(404);
    for path in [
        "/mcp",
        "/mcp/",
        "/mcp/sse",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        Browser::new().get(&server.at(path)).await.expect(404);
    }
    assert!(
        root.get(&server.at("/admin/settings"))
            .await
            .body
            .contains("I understand what becomes public")
    );
    root.post(&server.at("/admin/mcp"), &[("csrf", &csrf), ("enabled", "true")]).await.expect(400);
    root.post(
        &server.at("/admin/mcp"),
        &[("csrf", &csrf), ("enabled", "true"), ("acknowledged", "yes")],
    )
    .await
    .expect(303);
    assert!(server.calls(&tokens.access).await, "grants stay");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let server = TestServer::start().await;
    let root = server.user_with("root", &["admin"]).await;
    let accounts = &server.app.accounts;
    assert!(
        accounts.disable(&root, None).await.unwrap_err().to_string().contains("last administrator")
    );
    assert!(accounts.set_roles(&Authority::operator(), &root, Vec::new()).await.is_err());
    assert!(accounts.delete(&root, None).await.is_err());
    server.user_with("second", &["admin"]).await;
    accounts.delete(&root, None).await.unwrap();
}

#[tokio::test]
async fn the_lists_of_the_account_page_have_parts_of_their_own() {
    let upstream = FakeUpstream::start().await;
    let names: Vec<String> = (0..100).map(|number| format!("service-{number:02}")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), &upstream, "none")).collect();
    let server = crate::gateway::with(&all).await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let get = async |query: &str| {
        browser.get(&server.at(&format!("/account{query}"))).await.expect(200).body
    };
    let page = get("").await;
    assert!(page.len() < 60_000 && page.contains("1–10 of 100"), "{}", page.len());
    assert!(page.contains("services-after=service-09#services"), "{page}");
    let page = get("?services-after=service-09&sessions-search=none").await;
    assert!(page.contains(">service-10<") && !page.contains(">service-09<"), "{page}");
    // Another list is where it was.
    assert!(page.contains("this browser"), "{page}");
    let page = get("?services-search=SERVICE-42").await;
    assert!(page.contains(">service-42<") && !page.contains(">service-41<"), "{page}");
    assert!(get("?services-search=nothing").await.contains("No matches"));
    // Tokens are limited to services in a form that is closed until it is needed.
    let tokens = browser.get(&server.at("/account/tokens")).await.expect(200).body;
    assert!(tokens.contains("<details><summary>Only these services"), "{tokens}");
}

#[tokio::test]
async fn actions_of_the_account_page_tell_their_result_there_and_nothing_else_is_told() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    client.tokens(&browser, &[("scope", "mcp:write")]).await;
    let page = browser.get(&server.at(&format!("/account?app={}", client.id))).await.expect(200);
    assert!(page.body.contains("name=\"scope-mcp:write\""), "{}", page.body);
    let narrow = csrf_of(&page.body, "/account/narrow");
    let fields = [("csrf", narrow.as_str()), ("client_id", &client.id), ("scope-mcp:read", "1")];
    let answer = browser.post(&server.at("/account/narrow"), &fields).await.expect(303);
    let told = browser.get(&answer.location()).await.expect(200).body;
    assert!(told.contains("The access was reduced."), "{told}");
    let revoke = csrf_of(&told, "/account/revoke");
    let fields = [("csrf", revoke.as_str()), ("client_id", client.id.as_str())];
    let answer = browser.post(&server.at("/account/revoke"), &fields).await.expect(303);
    let told = browser.get(&answer.location()).await.expect(200).body;
    assert!(told.contains("The access was revoked."), "{told}");
    assert!(told.contains("role=\"status\" tabindex=\"-1\" autofocus"), "it has the focus");
    for query in ["done=paid", "done=<b>", "app=nothing"] {
        let page = browser.get(&server.at(&format!("/account?{query}"))).await.expect(200).body;
        assert!(!page.contains("class=\"notice"), "{query}: {page}");
    }
}

#[tokio::test]
async fn a_user_opens_the_entries_of_the_own_activity_and_no_others() {
    let server = TestServer::start().await;
    server.user("alice").await;
    server.user("bob").await;
    let (alice, bob) = (server.signed_in("alice").await, server.signed_in("bob").await);
    server.app.store.flush().await.unwrap();
    let list = alice.get(&server.at("/account/activity")).await.expect(200).body;
    let links: Vec<&str> = list.split("href=\"/account/activity?entry=").skip(1).collect();
    let numbers: Vec<&str> = links.iter().map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(!numbers.is_empty(), "{list}");
    for number in numbers {
        let url = server.at(&format!("/account/activity?entry={number}"));
        let page = alice.get(&url).await.expect(200).body;
        assert!(page.contains("<time datetime=") && page.contains("<dl"), "{page}");
        bob.get(&url).await.expect(404);
    }
    for wrong in ["x", "-1", "999999"] {
        alice.get(&server.at(&format!("/account/activity?entry={wrong}"))).await.expect(404);
    }
}
