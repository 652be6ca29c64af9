//! The pages of administrators.

use doorward_testkit::{Browser, OAuthClient, PASSWORD, Page, TestServer, form_value};

use super::stage;

async fn form(
    server: &TestServer,
    browser: &Browser,
    path: &str,
    action: &str,
    fields: &[(&str, &str)],
) -> Page {
    let page = browser.get(&server.at(path)).await.expect(200);
    let at = page
        .body
        .find(&format!("value=\"{action}\""))
        .unwrap_or_else(|| panic!("no {action} at {path}"));
    let form = &page.body[page.body[..at].rfind("<form").unwrap()..];
    let mut all: Vec<(String, String)> = ["csrf", "seen", "client_id"]
        .iter()
        .filter_map(|name| {
            Some(((*name).to_owned(), form_value(form.split("</form>").next()?, name)?))
        })
        .collect();
    all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let all: Vec<(&str, &str)> =
        all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = path.split('?').next().unwrap();
    browser.post(&server.at(path), &all).await
}

async fn a_client_is_blocked_and_deleted(server: &TestServer, browser: &Browser) {
    let client = OAuthClient::register(server).await;
    let one = format!("/admin/clients/one?client_id={}", client.id);
    form(server, browser, &one, "block", &[("decision", "block"), ("sure", "1")]).await.expect(303);
    assert!(browser.get(&server.at(&one)).await.body.contains("value=\"unblock\""));
    form(server, browser, &one, "delete", &[("decision", "delete"), ("sure", "1")])
        .await
        .expect(303);
    browser.get(&server.at(&one)).await.expect(404);
}

#[tokio::test]
async fn an_administrator_does_the_same_on_pages() {
    let (server, _) = stage().await;
    let browser = server.signed_in("root").await;
    let page = browser.get(&server.at("/admin/users")).await.expect(200);
    let csrf = page
        .body
        .split("/admin/users\" class")
        .nth(1)
        .and_then(|rest| form_value(rest, "csrf"))
        .unwrap();
    let add = |name: &'static str| {
        [
            ("csrf", csrf.clone()),
            ("name", name.to_owned()),
            ("roles", "staff lead".to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
    };
    let fields = add("dora");
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let at = browser.post(&server.at("/admin/users"), &fields).await.expect(303).location();
    let path = at.strip_prefix(&server.url).unwrap().to_owned();
    browser.post(&server.at("/admin/users"), &fields).await.expect(409);
    let dora = server.signed_in("dora").await;
    let stale = browser.get(&server.at(&path)).await;
    let seen = stale
        .body
        .split("name=\"seen\"")
        .nth(1)
        .and_then(|rest| rest.split("value=\"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .unwrap()
        .to_owned();
    assert!(
        form(&server, &browser, &path, "save", &[("do", "save"), ("roles", "lead")])
            .await
            .expect(200)
            .body
            .contains("Saved")
    );
    let csrf =
        form_value(&stale.body[stale.body.find("id=\"profile\"").unwrap()..], "csrf").unwrap();
    let late = browser
        .post(&server.at(&path), &[("csrf", &csrf), ("seen", &seen), ("do", "save"), ("roles", "")])
        .await
        .expect(409);
    assert!(late.body.contains("was changed since you opened this page"), "{}", late.body);
    let asked = form(&server, &browser, &path, "delete", &[("do", "delete")]).await.expect(200);
    assert!(asked.body.contains("Delete dora?"), "{}", asked.body);
    browser.get(&server.at(&path)).await.expect(200);
    form(&server, &browser, &path, "disable", &[("do", "disable"), ("sure", "1")])
        .await
        .expect(200);
    dora.get(&server.at("/account")).await.expect(303);
    form(&server, &browser, &path, "delete", &[("do", "delete"), ("sure", "1")]).await.expect(303);
    browser.get(&server.at(&path)).await.expect(404);
    let own = server.app.accounts.find("root").await.unwrap();
    let own = format!("/admin/users/{}", own.id);
    let asked = form(&server, &browser, &own, "disable", &[("do", "disable")]).await.expect(200);
    assert!(asked.body.contains("Disable root?"), "{}", asked.body);
    assert!(asked.body.contains("sessions: 1"), "{}", asked.body);
    let last = form(&server, &browser, &own, "disable", &[("do", "disable"), ("sure", "1")])
        .await
        .expect(409);
    assert!(last.body.contains("last administrator"));
    a_client_is_blocked_and_deleted(&server, &browser).await;
    browser
        .post(&server.at("/admin/keys"), &[("csrf", "wrong"), ("do", "rotate")])
        .await
        .expect(403);
    form(&server, &browser, "/admin/keys", "rotate", &[("do", "rotate")]).await.expect(303);
    let explained =
        browser.get(&server.at("/admin/policy?user=root&item=whoami")).await.expect(200);
    assert!(explained.body.contains(">allowed<"));
}
