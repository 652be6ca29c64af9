//! Test mails.

use doorward_testkit::{FakeMailServer, TestServer};
use reqwest::Method;
use serde_json::json;

use super::{Asked, Stage, Via};

fn to(email: &str) -> Asked<'_> {
    Asked {
        page: ("/admin/settings > /admin/test-mail", vec![("email", email)]),
        api: (Method::POST, "/mail/test", json!({ "email": email })),
        command: (vec!["mail", "test", email], ""),
    }
}

/// Sends a test mail through each front end and compares the code of the refusal, if one is
/// expected, with which nothing is audited.
async fn all(stage: &Stage, asked: &Asked<'_>, code: Option<&str>) {
    for via in Via::ALL {
        let head = stage.head().await;
        let outcome = stage.ask(via, asked, &[]).await;
        assert_eq!(outcome.code.as_deref(), code, "{via:?}: {outcome:?}");
        if code.is_some() {
            assert!(stage.entries(head).await.is_empty(), "{via:?}");
            continue;
        }
        // An entry without a change is in the journal of its process, and then in the audit.
        stage.server.app.store.flush().await.unwrap();
        let entries = stage.entries(head).await;
        assert!(
            entries.len() == 1 && entries[0].starts_with("test_mail.sent"),
            "{via:?}: {entries:?}"
        );
    }
}

#[tokio::test]
async fn a_test_mail_is_sent_alike_by_page_api_and_command_and_says_why_it_was_not() {
    let mail = FakeMailServer::start().await;
    let url = mail.url.clone();
    let server = TestServer::start_with(move |config| {
        config.mail.url = url;
        config.mail.from = "Doorward <doorward@example.com>".to_owned();
    })
    .await;
    let stage = Stage::on(server).await;
    for (email, code) in [
        ("ada@example.com", None),
        ("nowhere", Some("invalid_email")),
        ("a@example.com, b@example.com", Some("invalid_email")),
        ("refused-ada@example.com", Some("mail_not_sent")),
    ] {
        all(&stage, &to(email), code).await;
    }
    for at in 0..Via::ALL.len() {
        let letter = mail.mail(at).await;
        assert_eq!(letter.to, "ada@example.com");
        assert!(letter.head.contains("Test mail"), "{letter:?}");
        assert!(letter.text.contains("Mail from this server arrives"), "{letter:?}");
    }
    // The reason of the mail server is told, and the page keeps what was typed.
    for via in Via::ALL {
        let outcome = stage.ask(via, &to("refused-ada@example.com"), &[]).await;
        if via != Via::Command {
            assert!(outcome.answer.contains("no such mailbox"), "{via:?}: {}", outcome.answer);
        }
    }
}

#[tokio::test]
async fn without_a_mail_server_a_test_mail_is_refused_with_the_settings_to_make() {
    let stage = Stage::on(TestServer::start().await).await;
    all(&stage, &to("ada@example.com"), Some("no_mail_server")).await;
    let page = stage.ask(Via::Page, &to("ada@example.com"), &[]).await;
    assert!(page.answer.contains("mail.url") && page.answer.contains("mail.from"));
}

#[tokio::test]
async fn an_unreachable_mail_server_is_reported_within_its_time_limit() {
    let server = TestServer::start_with(|config| {
        config.mail.url = "smtp://127.0.0.1:9".to_owned();
        config.mail.from = "doorward@example.com".to_owned();
    })
    .await;
    let stage = Stage::on(server).await;
    all(&stage, &to("ada@example.com"), Some("mail_not_sent")).await;
}
