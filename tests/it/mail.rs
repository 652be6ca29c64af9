//! Mail: invitations, forgotten passwords, notices of sign-ins from new places; and abuse of them
//! by other users.

use std::time::Duration;

use doorward_accounts::{AccountChange, Authority, NewAccount};
use doorward_model::Role;
use doorward_testkit::{Browser, FakeMailServer, PASSWORD, Page, TestServer, form_value};

const NEW: &str = "another battery staple";

async fn set_up(mail: &FakeMailServer) -> TestServer {
    let url = mail.url.clone();
    let server = TestServer::start_with(|config| {
        config.mail.url = url;
        config.mail.from = "Doorward <doorward@example.com>".into();
        config.server.trusted_proxies = vec!["127.0.0.1/32".to_owned()];
    })
    .await;
    for (name, email, password, role) in [
        ("alice", Some("alice@example.com"), Some(PASSWORD), None),
        ("root", None, Some(PASSWORD), Some(Role::administrator())),
        ("mute", None, Some(PASSWORD), None),
        ("oidc", Some("oidc@example.com"), None, None),
    ] {
        let new = NewAccount {
            name: name.to_owned(),
            email: email.map(ToOwned::to_owned),
            password: password.map(ToOwned::to_owned),
            password_temporary: false,
            roles: role.into_iter().collect(),
        };
        server.app.accounts.add(&Authority::operator(), new).await.unwrap();
    }
    server
}

async fn forget(server: &TestServer, browser: &Browser, name: &str, language: &str) -> Page {
    let page = browser.get(&server.at("/login/forgot")).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    let request = browser
        .raw(reqwest::Method::POST, &server.at("/login/forgot"))
        .header("accept-language", language);
    browser.send(request.form(&[("csrf", csrf.as_str()), ("name", name)])).await
}

async fn sign_in(
    server: &TestServer,
    browser: &Browser,
    name: &str,
    password: &str,
    (address, agent): (&str, &str),
) -> Page {
    let page = browser.get(&server.at("/login?switch=1")).await;
    let csrf = form_value(&page.body, "csrf").unwrap();
    let request = browser
        .raw(reqwest::Method::POST, &server.at("/login"))
        .header("x-forwarded-for", address)
        .header("user-agent", agent);
    browser
        .send(request.form(&[("csrf", csrf.as_str()), ("name", name), ("password", password)]))
        .await
}

fn link(text: &str) -> String {
    text.lines()
        .find(|line| line.contains("/login/reset/"))
        .unwrap_or_else(|| panic!("no link: {text}"))
        .trim()
        .to_owned()
}

async fn set(link: &str, password: &str) -> Page {
    let browser = Browser::new();
    let page = browser.get(link).await;
    let Some(csrf) = form_value(&page.body, "csrf") else { return page };
    browser.post(link, &[("csrf", &csrf), ("password", password)]).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_link_that_works_once() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    let elsewhere = server.signed_in("alice").await;
    assert!(Browser::new().get(&server.at("/login")).await.body.contains("/login/forgot"));
    forget(&server, &Browser::new(), "ALICE@example.com", "en").await.expect(200);
    let letter = mail.mail(0).await;
    assert_eq!(letter.to, "alice@example.com");
    assert!(
        letter.head.contains("Set a new password")
            && letter.text.contains("a new password was requested for alice"),
        "{letter:?}"
    );
    let link = link(&letter.text);
    // Looking uses nothing, a poor password changes nothing.
    set(&link, "short").await.expect(400);
    elsewhere.get(&server.at("/account")).await.expect(200);
    let done = set(&link, NEW).await.expect(200);
    assert!(done.body.contains("Your password was changed"), "{}", done.body);
    assert!(
        done.headers
            .get_all("set-cookie")
            .iter()
            .all(|cookie| !cookie.to_str().unwrap().contains("session=")),
        "a link signs no user in"
    );
    elsewhere.get(&server.at("/account")).await.expect(303);
    set(&link, "and a third one, please").await.expect(404);
    sign_in(&server, &Browser::new(), "alice", PASSWORD, ("127.0.0.1", "x")).await.expect(401);
    sign_in(&server, &Browser::new(), "alice", NEW, ("127.0.0.1", "x")).await.expect(303);
}

#[tokio::test]
async fn two_uses_of_one_link_at_the_same_moment_set_one_password() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    forget(&server, &Browser::new(), "alice", "en").await.expect(200);
    let link = link(&mail.mail(0).await.text);
    let tries = (0..8).map(|number| {
        let link = link.clone();
        tokio::spawn(async move { set(&link, &format!("password number {number}")).await.status })
    });
    let mut statuses = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 404].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn links_end_with_time_with_another_password_and_with_the_account() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    let alice = server.app.accounts.find("alice").await.unwrap();
    let at = |secret: String| server.at(&format!("/login/reset/{secret}"));
    let old = at(server.app.accounts.password_link(&alice, 3_600));
    server.clock.advance(3_601);
    set(&old, NEW).await.expect(404);
    let replaced = at(server.app.accounts.password_link(&alice, 3_600));
    server
        .app
        .accounts
        .set_password(&Authority::operator(), &alice, "chosen in between".to_owned(), None)
        .await
        .unwrap();
    set(&replaced, NEW).await.expect(404);
    let find = async || server.app.accounts.find("alice").await.unwrap();
    // The e-mail address that it was sent to no longer belongs to the user, and may be another's.
    let alice = find().await;
    let sent = at(server.app.accounts.password_link(&alice, 3_600));
    let change =
        AccountChange { email: Some("alice@new.example".into()), ..AccountChange::default() };
    server.app.accounts.update(&Authority::operator(), &alice, change, None).await.unwrap();
    set(&sent, NEW).await.expect(404);
    let alice = find().await;
    let disabled = at(server.app.accounts.password_link(&alice, 3_600));
    server.app.accounts.disable(&alice, None).await.unwrap();
    set(&disabled, NEW).await.expect(404);
    server.app.accounts.enable(&Authority::operator(), &alice, None).await.unwrap();
    set(&disabled, NEW).await.expect(404);
    // One that is made now works, although the account was disabled.
    server.clock.advance(1);
    set(&at(server.app.accounts.password_link(&find().await, 3_600)), NEW).await.expect(200);
    for made_up in ["v1.AAAA", "x", &"A".repeat(300)] {
        set(&at(made_up.to_owned()), NEW).await.expect(404);
    }
    // The form belongs to the browser that opened it.
    let root = server.app.accounts.find("root").await.unwrap();
    let link = at(server.app.accounts.password_link(&root, 60));
    Browser::new().post(&link, &[("csrf", "forged"), ("password", NEW)]).await.expect(403);
    set(&link, NEW).await.expect(200);
}

#[tokio::test]
async fn a_name_like_an_e_mail_address_keeps_no_mail_from_the_user_of_that_e_mail_address() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    let new = |name: &str, email: &str| NewAccount {
        name: name.into(),
        email: Some(email.into()),
        password: Some(PASSWORD.into()),
        password_temporary: false,
        roles: Vec::new(),
    };
    server
        .app
        .accounts
        .add(&Authority::operator(), new("kim@example.com", "kim@home.example"))
        .await
        .unwrap();
    server.app.accounts.add(&Authority::operator(), new("lee", "kim@example.com")).await.unwrap();
    // Both are notified, each at their own e-mail address.
    forget(&server, &Browser::new(), "Kim@example.com", "en").await.expect(200);
    let mut told = [mail.mail(0).await, mail.mail(1).await]
        .map(|mail| (mail.to, mail.text.contains("for lee")));
    told.sort();
    assert_eq!(
        told,
        [("kim@example.com".to_owned(), true), ("kim@home.example".to_owned(), false)]
    );
    // A name without a password, as users of a provider have, takes nothing away either.
    let squatter = NewAccount {
        name: "alice@example.com".into(),
        email: None,
        password: None,
        password_temporary: false,
        roles: Vec::new(),
    };
    server.app.accounts.add(&Authority::operator(), squatter).await.unwrap();
    forget(&server, &Browser::new(), "Alice@Example.com", "en").await.expect(200);
    assert_eq!(mail.mail(2).await.to, "alice@example.com");
}

#[tokio::test]
async fn the_mail_servers_user_may_be_an_e_mail_address_and_the_password_is_not_in_the_url() {
    let mail = FakeMailServer::start().await;
    let url = mail.url_for("doorward%40example.com");
    let server = TestServer::start_with(|config| {
        config.mail.url = url;
        config.mail.from = "doorward@example.com".into();
        config.mail.password = "s3cret: %40".into();
    })
    .await;
    let new = NewAccount {
        name: "kim".into(),
        email: Some("kim@example.com".into()),
        password: Some(PASSWORD.into()),
        password_temporary: false,
        roles: Vec::new(),
    };
    server.app.accounts.add(&Authority::operator(), new).await.unwrap();
    forget(&server, &Browser::new(), "kim", "en").await.expect(200);
    assert_eq!(
        mail.mail(0).await.signed_in,
        ("doorward@example.com".to_owned(), "s3cret: %40".to_owned())
    );
}

#[tokio::test]
async fn requesting_a_link_reveals_nothing_and_floods_no_user() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    let browser = Browser::new();
    let mut pages = Vec::new();
    // No user, no e-mail address, no password of their own; and then the user who gets a mail,
    // twice.
    for name in ["unknown", "mute", "oidc", "alice", "alice"] {
        let page = forget(&server, &browser, name, "en").await.expect(200);
        pages.push(page.body);
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "the response reveals which users exist");
    forget(&server, &browser, "alice", "en").await.expect(429);
    mail.mail(0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(mail.arrived().len(), 1, "{:?}", mail.arrived());
    assert_eq!(mail.arrived()[0].to, "alice@example.com");
}

#[tokio::test]
async fn invitations_state_how_to_sign_in_in_the_language_of_their_sender() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    let administrator = server.signed_in("root").await;
    let page = administrator.get(&server.at("/admin/users?add=1")).await.expect(200);
    let (_, form) = page.body.split_once("<main").unwrap();
    let csrf = form_value(form, "csrf").unwrap();
    let request = administrator
        .raw(reqwest::Method::POST, &server.at("/admin/users"))
        .header("accept-language", "de");
    administrator
        .send(request.form(&[
            ("csrf", csrf.as_str()),
            ("name", "juergen"),
            ("email", "juergen@example.com"),
        ]))
        .await
        .expect(303);
    let letter = mail.mail(0).await;
    assert_eq!(letter.to, "juergen@example.com");
    assert!(
        letter.text.contains("Guten Tag juergen,")
            && letter.text.contains("Ihr Anmeldename ist juergen")
            && letter.text.contains("Wählen Sie innerhalb von sieben Tagen ein Passwort"),
        "{letter:?}"
    );
    set(&link(&letter.text), NEW).await.expect(200);
    sign_in(&server, &Browser::new(), "juergen", NEW, ("127.0.0.1", "x")).await.expect(303);
    // A program of an administrator does the same.
    let root = server.app.accounts.find("root").await.unwrap();
    let token = crate::admin::key(&server, &root, "admin").await;
    let program = Browser::new();
    let request =
        program.raw(reqwest::Method::POST, &server.at("/api/admin/users")).bearer_auth(token);
    program
        .send(
            request
                .json(&serde_json::json!({"name": "kim", "email": "kim@example.com", "roles": []})),
        )
        .await
        .expect(201);
    let letter = mail.mail(1).await;
    assert!(
        letter.to == "kim@example.com"
            && letter.text.contains("Hello kim,")
            && letter.text.contains("/login/reset/"),
        "{letter:?}"
    );
}

#[tokio::test]
async fn a_sign_in_from_a_new_browser_and_ip_address_is_reported_to_the_user() {
    let mail = FakeMailServer::start().await;
    let server = set_up(&mail).await;
    for (address, agent) in
        [("192.0.2.1", "Firefox"), ("192.0.2.2", "Firefox"), ("192.0.2.1", "Chromium")]
    {
        sign_in(&server, &Browser::new(), "alice", PASSWORD, (address, agent)).await.expect(303);
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(mail.arrived().is_empty(), "{:?}", mail.arrived());
    sign_in(&server, &Browser::new(), "alice", PASSWORD, ("198.51.100.9", "Strange <script>"))
        .await
        .expect(303);
    let letter = mail.mail(0).await;
    assert!(
        letter.head.contains("New sign-in")
            && letter.text.contains("198.51.100.9")
            && letter.text.contains("Strange <script>"),
        "{letter:?}"
    );
    assert!(letter.head.contains("text/plain") && !letter.text.contains("dw_"), "{letter:?}");
}

#[tokio::test]
async fn without_mail_nothing_of_it_is_offered() {
    let server = TestServer::start().await;
    assert!(!Browser::new().get(&server.at("/login")).await.body.contains("forgot"));
    Browser::new().get(&server.at("/login/forgot")).await.expect(404);
}
