//! Signing in with a password.

use std::time::Instant;

use doorward_testkit::{Browser, PASSWORD, Page, TestServer, form_value};

async fn attempt(server: &TestServer, browser: &Browser, name: &str, password: &str) -> Page {
    let page = browser.get(&server.at("/login")).await;
    let csrf = form_value(&page.body, "csrf").unwrap_or_default();
    browser
        .post(&server.at("/login"), &[("csrf", &csrf), ("name", name), ("password", password)])
        .await
}

#[tokio::test]
async fn a_user_signs_in_and_gets_a_fresh_session() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = Browser::new();
    browser.set_cookie("doorward-session", "planted-by-an-attacker");
    let to = attempt(&server, &browser, " Alice ", PASSWORD).await.expect(303);
    assert_eq!(to.location(), server.at("/account"));
    let set = to
        .headers
        .get_all("set-cookie")
        .iter()
        .find(|value| value.to_str().unwrap().starts_with("doorward-session="))
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        set.contains("HttpOnly")
            && set.contains("SameSite=Lax")
            && set.contains("Path=/")
            && !set.contains("planted"),
        "{set}"
    );
    let first = browser.cookie("doorward-session").unwrap();
    // Signing in again renews the session and ends the one before.
    let page = browser.get(&server.at("/login?switch=1")).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    browser
        .post(&server.at("/login"), &[("csrf", &csrf), ("name", "alice"), ("password", PASSWORD)])
        .await
        .expect(303);
    let thief = Browser::new();
    thief.set_cookie("doorward-session", &first);
    thief.get(&server.at("/account")).await.expect(303);
}

#[tokio::test]
async fn login_18_on_https_cookies_carry_the_host_prefix() {
    let server = TestServer::start_with(|config| {
        config.server.public_url = "https://mcp.example.com".into();
    })
    .await;
    let set = Browser::new().get(&server.at("/login")).await.expect(200).header("set-cookie");
    assert!(
        set.starts_with("__Host-doorward-browser=")
            && set.contains("; Secure")
            && set.contains("; Path=/")
            && !set.contains("Domain"),
        "{set}"
    );
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same() {
    let server = TestServer::start_with(|config| config.accounts.argon2_memory_kib = 8192).await;
    server.user("alice").await;
    let timed = async |name: &str| {
        let (mut text, mut shortest) = (String::new(), f64::MAX);
        // The shortest of three: other work of the machine only makes them longer.
        for _ in 0..3 {
            let begun = Instant::now();
            let page = attempt(&server, &Browser::new(), name, "wrong password").await.expect(401);
            shortest = shortest.min(begun.elapsed().as_secs_f64());
            text =
                page.body.replace(name, "NAME").split("name=\"csrf\"").next().unwrap().to_owned();
        }
        (text, shortest)
    };
    let (known, known_time) = timed("alice").await;
    let (unknown, unknown_time) = timed("unknown").await;
    assert_eq!(known, unknown);
    // Both hash once: the ratio says so without saying how fast the machine is.
    let ratio = known_time / unknown_time;
    assert!((0.2..5.0).contains(&ratio), "{known_time} s, {unknown_time} s");
}

#[tokio::test]
async fn guessing_is_slowed_down_for_every_account() {
    let server = TestServer::start().await;
    server.user("alice").await;
    for name in ["alice", "unknown"] {
        for _ in 0..5 {
            attempt(&server, &Browser::new(), name, "wrong password").await.expect(401);
        }
        let wait = attempt(&server, &Browser::new(), name, PASSWORD).await.expect(429);
        assert_eq!(wait.header("retry-after"), "1");
        assert!(wait.body.contains("Too many failed attempts"));
    }
    server.clock.advance(2);
    attempt(&server, &Browser::new(), "alice", "wrong password").await.expect(401);
    assert_eq!(
        attempt(&server, &Browser::new(), "alice", PASSWORD)
            .await
            .expect(429)
            .header("retry-after"),
        "2"
    );
    server.clock.advance(3);
    attempt(&server, &Browser::new(), "alice", PASSWORD).await.expect(303);
    // Success forgets the failures.
    attempt(&server, &Browser::new(), "alice", "wrong password").await.expect(401);
    attempt(&server, &Browser::new(), "alice", PASSWORD).await.expect(303);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_an_ip_address_over_all_accounts() {
    let server =
        TestServer::start_with(|config| config.accounts.address_failures_before_delay = 3).await;
    server.user("alice").await;
    for name in ["a", "b", "c"] {
        attempt(&server, &Browser::new(), name, "wrong password").await.expect(401);
    }
    attempt(&server, &Browser::new(), "alice", PASSWORD).await.expect(429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_16_concurrent_guesses_are_no_more_than_sequential_ones() {
    let server = std::sync::Arc::new(
        TestServer::start_with(|config| config.accounts.argon2_concurrency = 1).await,
    );
    server.user("alice").await;
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move {
                attempt(&server, &Browser::new(), "alice", "wrong password").await.status
            })
        })
        .collect();
    let mut guesses = 0;
    for task in tasks {
        guesses += u32::from(task.await.unwrap() == 401);
    }
    assert!(guesses <= 7, "{guesses} passwords were tried although five are free");
}

#[tokio::test]
async fn forms_from_elsewhere_and_hostile_input_are_refused() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = Browser::new();
    browser
        .post(&server.at("/login"), &[("name", "alice"), ("password", PASSWORD)])
        .await
        .expect(403);
    let page = browser.get(&server.at("/login")).await;
    let csrf = form_value(&page.body, "csrf").unwrap();
    Browser::new()
        .post(&server.at("/login"), &[("csrf", &csrf), ("name", "alice"), ("password", PASSWORD)])
        .await
        .expect(403);
    attempt(&server, &Browser::new(), "alice", &"x".repeat(2000)).await.expect(401);
    attempt(&server, &Browser::new(), "alice' OR '1'='1", "x").await.expect(401);
    attempt(&server, &Browser::new(), "<script>alert(1)</script>", "x").await.expect(401);
    let page = attempt(&server, &Browser::new(), "<script>", "x").await;
    assert!(!page.body.contains("<script>"));
}

#[tokio::test]
async fn ca20_signing_in_leads_nowhere_else() {
    let server = TestServer::start().await;
    server.user("alice").await;
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/account/../../evil",
    ] {
        let browser = Browser::new();
        let page = browser.get(&server.at("/login")).await;
        let csrf = form_value(&page.body, "csrf").unwrap();
        let to = browser
            .post(
                &server.at("/login"),
                &[("csrf", &csrf), ("name", "alice"), ("password", PASSWORD), ("next", next)],
            )
            .await
            .expect(303);
        assert_eq!(to.location(), server.at("/account"), "{next}");
    }
}

#[tokio::test]
async fn sessions_end_by_idleness_and_by_age() {
    let server = TestServer::start_with(|config| {
        (config.accounts.session_idle_seconds, config.accounts.session_max_seconds) = (1000, 3000);
    })
    .await;
    server.user("alice").await;
    let idle = server.signed_in("alice").await;
    server.clock.advance(1000);
    idle.get(&server.at("/account")).await.expect(303);
    let busy = server.signed_in("alice").await;
    for _ in 0..5 {
        server.clock.advance(590);
        busy.get(&server.at("/account")).await.expect(200);
    }
    server.clock.advance(100);
    busy.get(&server.at("/account")).await.expect(303);
    server.app.housekeeping().unwrap().round().await;
}
