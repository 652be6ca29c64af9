//! Secrets that can be guessed: every attempt is counted before the secret is compared, whatever
//! becomes of the request, and an attacker's attempts do not lock a user out of a browser in which
//! they signed in before.

use std::{sync::Arc, time::Duration};

use doorward_model::AuditFilter;
use doorward_testkit::{Browser, PASSWORD, Page, TestServer};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::factors::{code, field, password};

/// The value of the form token of the page's form that posts to `action`.
fn csrf(page: &Page, action: &str) -> String {
    field(page, action, "csrf")
}

async fn sign_in(server: &TestServer, browser: &Browser, name: &str, password: &str) -> Page {
    let page = browser.get(&server.at("/login?switch=1")).await;
    browser
        .post(
            &server.at("/login"),
            &[("csrf", &csrf(&page, "/login")), ("name", name), ("password", password)],
        )
        .await
}

/// Counts the entries of the audit that report a wrong attempt.
async fn noted(server: &TestServer) -> usize {
    server.app.store.flush().await.unwrap();
    let filter =
        AuditFilter { kind: Some("user.sign_in_failed".to_owned()), ..AuditFilter::default() };
    server.app.store.audit(&filter, None, 500).await.unwrap().entries.len()
}

/// Submits a sign-in over a connection that closes when the attempt was counted, while its password
/// waits to be hashed.
async fn dropped(server: &TestServer, name: &str) {
    let browser = Browser::new();
    let page = browser.get(&server.at("/login")).await;
    let body = format!("csrf={}&name={name}&password=wrong+password", csrf(&page, "/login"));
    let cookie = browser.cookie("doorward-browser").unwrap();
    let authority = server.url.trim_start_matches("http://");
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {authority}\r\nOrigin: {}\r\nCookie: doorward-browser={cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        server.url,
        body.len()
    );
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let account = format!("account:{name}");
    for _ in 0..1000 {
        if server.app.store.login_failures(&account).await.unwrap().failures > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    panic!("the attempt of {name} was not counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_sign_in_is_counted_and_noted() {
    let server = Arc::new(
        TestServer::start_with(|config| {
            // Each hash takes longer than the connections last.
            (config.accounts.argon2_memory_kib, config.accounts.argon2_concurrency) = (16_384, 1);
        })
        .await,
    );
    server.user("alice").await;
    let tasks: Vec<_> = (0..12)
        .map(|index| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { dropped(&server, &format!("alice{index}")).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut wait = 200;
    while noted(&server).await < 12 && wait > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        wait -= 1;
    }
    assert_eq!(noted(&server).await, 12, "each refused sign-in is in the audit");
    for index in 0..12 {
        assert_eq!(
            server
                .app
                .store
                .login_failures(&format!("account:alice{index}"))
                .await
                .unwrap()
                .failures,
            1,
            "alice{index}"
        );
    }
    // The permits are back.
    sign_in(&server, &Browser::new(), "alice", PASSWORD).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_too_many_passwords_wait_a_sign_in_is_refused_at_once_and_not_counted() {
    let server = Arc::new(
        TestServer::start_with(|config| {
            (
                config.accounts.argon2_memory_kib,
                config.accounts.argon2_concurrency,
                config.accounts.argon2_queue,
            ) = (32_768, 1, 1);
        })
        .await,
    );
    let tasks: Vec<_> = (0..20)
        .map(|index| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                (
                    index,
                    sign_in(&server, &Browser::new(), &format!("ghost{index}"), "wrong password")
                        .await,
                )
            })
        })
        .collect();
    let mut busy = 0;
    for task in tasks {
        let (index, page) = task.await.unwrap();
        let failures = server
            .app
            .store
            .login_failures(&format!("account:ghost{index}"))
            .await
            .unwrap()
            .failures;
        if page.status == 503 {
            busy += 1;
            assert!(
                !page.header("retry-after").is_empty()
                    && page.body.contains("too many passwords at once"),
                "{}",
                page.body
            );
            assert_eq!(failures, 0);
        } else {
            page.expect(401);
            assert_eq!(failures, 1);
        }
    }
    assert!(busy > 0, "twenty sign-ins found a place although one runs and one waits");
}

/// An endpoint that compares a secret which can be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    /// The password at `/login`.
    SignIn,
    /// The present password at `/account/password`.
    ChangePassword,
    /// A code of the authenticator app at `/login/second-factor`.
    Code,
    /// A recovery code at `/login/second-factor`.
    RecoveryCode,
    /// The first code of an authenticator app at `/account/authenticator`.
    FirstCode,
    /// The first code of an authenticator app at `/login/second-factor`, where a second factor is
    /// required.
    FirstCodeAtSignIn,
}

impl Endpoint {
    const ALL: [Self; 6] = [
        Self::SignIn,
        Self::ChangePassword,
        Self::Code,
        Self::RecoveryCode,
        Self::FirstCode,
        Self::FirstCodeAtSignIn,
    ];

    /// Prepares a browser; returns the URL and the fields for the POST request.
    async fn prepare(
        self,
        server: &TestServer,
    ) -> (Browser, &'static str, Vec<(&'static str, String)>) {
        let own = |fields: &[(&'static str, &str)]| {
            fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>()
        };
        match self {
            Self::SignIn => {
                let browser = Browser::new();
                let token = csrf(&browser.get(&server.at("/login")).await, "/login");
                (
                    browser,
                    "/login",
                    own(&[("csrf", &token), ("name", "alice"), ("password", "wrong password")]),
                )
            }
            Self::ChangePassword => {
                let browser = server.signed_in("alice").await;
                let token = csrf(&browser.get(&server.at("/account")).await, "/account/password");
                (
                    browser,
                    "/account/password",
                    own(&[
                        ("csrf", &token),
                        ("present", "wrong password"),
                        ("new", "a new long password"),
                    ]),
                )
            }
            Self::Code | Self::RecoveryCode => {
                crate::factors::enrol(server, &server.signed_in("alice").await).await;
                let browser = Browser::new();
                let half = password(server, &browser, "alice", None).await.expect(303);
                let token = csrf(&browser.get(&half.location()).await, "/login/second-factor");
                let typed = if self == Self::Code { "000000" } else { "aaaa-bbbb-cccc-dddd" };
                (
                    browser,
                    "/login/second-factor",
                    own(&[("csrf", &token), ("method", "code"), ("code", typed)]),
                )
            }
            Self::FirstCode => {
                let browser = server.signed_in("alice").await;
                let token = csrf(
                    &browser.get(&server.at("/account/security")).await,
                    "/account/authenticator",
                );
                (
                    browser,
                    "/account/authenticator",
                    own(&[("csrf", &token), ("action", "confirm"), ("code", "000000")]),
                )
            }
            Self::FirstCodeAtSignIn => {
                let browser = Browser::new();
                let half = password(server, &browser, "alice", None).await.expect(303);
                let token =
                    csrf(&browser.get(&half.location()).await.expect(200), "/login/second-factor");
                (
                    browser,
                    "/login/second-factor",
                    own(&[("csrf", &token), ("method", "code"), ("code", "000000")]),
                )
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_300_guesses_at_the_same_moment_only_the_free_ones_are_compared_at_every_endpoint() {
    for endpoint in Endpoint::ALL {
        let server = TestServer::start_with(|config| {
            config.accounts.argon2_queue = 400;
            if endpoint == Endpoint::FirstCodeAtSignIn {
                "required".clone_into(&mut config.accounts.second_factor);
            }
        })
        .await;
        server.user("alice").await;
        let (browser, path, fields) = endpoint.prepare(&server).await;
        let tasks: Vec<_> = (0..300)
            .map(|_| {
                let (browser, url, fields) = (browser.clone(), server.at(path), fields.clone());
                tokio::spawn(async move {
                    let fields: Vec<_> =
                        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    browser.post(&url, &fields).await
                })
            })
            .collect();
        let mut compared = 0;
        for task in tasks {
            let page = task.await.unwrap();
            if page.status != 429 {
                // Wrong, and nothing else: the secret that was compared was refused for that.
                assert!(
                    [400, 401].contains(&page.status),
                    "{endpoint:?}: {} {}",
                    page.status,
                    page.body
                );
                compared += 1;
            }
        }
        assert_eq!(compared, 5, "{endpoint:?}");
        assert_eq!(noted(&server).await, 5, "{endpoint:?}: each of them is in the audit");
    }
}

#[tokio::test]
async fn guesses_at_the_present_password_use_up_those_at_sign_in() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    // As in a stolen session: the cookie of the known browser is absent.
    let thief = Browser::new();
    thief.set_cookie("doorward-session", &browser.cookie("doorward-session").unwrap());
    let token = csrf(&thief.get(&server.at("/account")).await, "/account/password");
    for _ in 0..5 {
        thief
            .post(
                &server.at("/account/password"),
                &[("csrf", &token), ("present", "wrong"), ("new", "a new long password")],
            )
            .await
            .expect(400);
    }
    let wait = thief
        .post(
            &server.at("/account/password"),
            &[("csrf", &token), ("present", PASSWORD), ("new", "a new long password")],
        )
        .await
        .expect(429);
    assert_eq!(wait.header("retry-after"), "1");
    sign_in(&server, &Browser::new(), "alice", PASSWORD).await.expect(429);
    // The owner's own browser has a counter of its own, for the sign-in and for the prompt.
    let page = browser.get(&server.at("/account")).await;
    let token = csrf(&page, "/account/password");
    browser
        .post(
            &server.at("/account/password"),
            &[("csrf", &token), ("present", PASSWORD), ("new", "a new long password")],
        )
        .await
        .expect(200);
}

#[tokio::test]
async fn an_attackers_guesses_do_not_lock_a_user_out_of_a_known_browser() {
    let server =
        TestServer::start_with(|config| config.accounts.address_failures_before_delay = 8).await;
    server.user("alice").await;
    server.user("bob").await;
    let known = server.signed_in("alice").await;
    let cookie = known.cookie("doorward-known").unwrap();
    assert!(!cookie.contains("alice"));
    server.signed_in("bob").await;
    // The attacker uses up the attempts of the account and of the IP address, which all of them
    // share here.
    for name in ["alice", "alice", "alice", "alice", "alice", "x", "y", "z"] {
        sign_in(&server, &Browser::new(), name, "wrong password").await.expect(401);
    }
    sign_in(&server, &Browser::new(), "alice", PASSWORD).await.expect(429);
    sign_in(&server, &known, "alice", PASSWORD).await.expect(303);
    // The cookie is valid for its user only, and a forged one for none.
    sign_in(&server, &known, "bob", PASSWORD).await.expect(429);
    for forged in [
        cookie.replace('~', "~A"),
        format!("{cookie}x"),
        format!("{}{}", if cookie.starts_with('-') { "_" } else { "-" }, &cookie[1..]),
        "x.y~z".to_owned(),
    ] {
        let browser = Browser::new();
        browser.set_cookie("doorward-known", &forged);
        sign_in(&server, &browser, "alice", PASSWORD).await.expect(429);
    }
    // It is limited as well, and does not use up the account's counter.
    let thief = Browser::new();
    thief.set_cookie("doorward-known", &cookie);
    for _ in 0..5 {
        sign_in(&server, &thief, "alice", "wrong password").await.expect(401);
    }
    sign_in(&server, &thief, "alice", PASSWORD).await.expect(429);
    assert_eq!(server.app.store.login_failures("account:alice").await.unwrap().failures, 5);
    // After a year without a sign-in the browser is unknown again.
    server.clock.advance(366 * 86_400);
    sign_in(&server, &Browser::new(), "alice", "wrong password").await.expect(401);
    let old = Browser::new();
    old.set_cookie("doorward-known", &cookie);
    sign_in(&server, &old, "alice", "wrong password").await.expect(401);
    assert_eq!(server.app.store.login_failures("account:alice").await.unwrap().failures, 2);
}

#[tokio::test]
async fn a_browser_is_known_after_a_whole_sign_in_only_and_for_each_of_its_users() {
    let server = TestServer::start().await;
    server.user("alice").await;
    server.user("bob").await;
    let owner = server.signed_in("alice").await;
    let (key, _) = crate::factors::enrol(&server, &owner).await;
    server.clock.advance(60);
    let half = Browser::new();
    let to = password(&server, &half, "alice", None).await.expect(303);
    assert!(half.cookie("doorward-known").is_none(), "the password alone makes no browser known");
    let page = half.get(&to.location()).await.expect(200);
    let fields = [
        ("csrf", &*csrf(&page, "/login/second-factor")),
        ("method", "code"),
        ("code", &*code(&key, server.app.clock.now())),
    ];
    half.post(&server.at("/login/second-factor"), &fields).await.expect(303);
    sign_in(&server, &half, "bob", PASSWORD).await.expect(303);
    for name in ["alice", "bob"] {
        for _ in 0..5 {
            sign_in(&server, &Browser::new(), name, "wrong password").await.expect(401);
        }
        sign_in(&server, &Browser::new(), name, PASSWORD).await.expect(429);
        sign_in(&server, &half, name, PASSWORD).await.expect(303);
    }
}
