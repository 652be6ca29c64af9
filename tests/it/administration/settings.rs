//! Settings and signing keys.

use doorward_testkit::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Stage, Via};

#[tokio::test]
async fn settings_are_changed_alike_by_page_and_api() {
    let stage = Stage::on(TestServer::start().await).await;
    let settings = &stage.server.app.admin.settings;
    let long = "x".repeat(501);
    let notice = |text: &'static str| (text, json!({ "notice": text }));
    #[expect(clippy::type_complexity, reason = "one row a case")]
    let cases: [(&str, Vec<(&str, &str)>, Value, Option<&str>); 6] = [
        ("/admin/settings > /admin/notice", vec![("notice", " Soon. ")], notice(" Soon. ").1, None),
        (
            "/admin/settings > /admin/notice",
            vec![("notice", long.as_str())],
            json!({ "notice": long }),
            Some("invalid_notice"),
        ),
        (
            "/admin/settings > /admin/mcp",
            vec![("enabled", "false")],
            json!({"mcp_enabled": false}),
            None,
        ),
        (
            "/admin/settings > /admin/mcp",
            vec![("enabled", "true")],
            json!({"mcp_enabled": true}),
            Some("not_acknowledged"),
        ),
        (
            "/admin/settings > /admin/mcp",
            vec![("enabled", "true"), ("acknowledged", "1")],
            json!({"mcp_enabled": true, "acknowledge": true}),
            None,
        ),
        ("/admin/settings > /admin/notice", vec![("notice", "")], json!({"notice": ""}), None),
    ];
    for (path, form, body, code) in &cases {
        let mut kept = Vec::new();
        let before = settings.show().await.unwrap();
        for via in [Via::Page, Via::Api] {
            // Both begin where the first did.
            let back = doorward_admin::SettingsChange {
                mcp_enabled: Some(before.mcp_enabled),
                acknowledged: true,
                notice: Some(before.notice.clone()),
            };
            settings.change(back, None).await.unwrap();
            let etag = settings.show().await.unwrap().etag;
            let head = stage.head().await;
            let asked = Asked {
                page: (path, form.clone()),
                api: (Method::PUT, "/settings", body.clone()),
                command: (Vec::new(), ""),
            };
            let outcome = stage.ask(via, &asked, &[("etag", &etag)]).await;
            assert_eq!(outcome.code.as_deref(), *code, "{path} {form:?} by {via:?}");
            let now = settings.show().await.unwrap();
            let entries = stage.entries(head).await;
            kept.push(format!("{} {:?} {entries:?}", now.mcp_enabled, now.notice));
        }
        assert_eq!(kept[0], kept[1], "{path} {form:?}");
    }
}

#[tokio::test]
async fn signing_keys_rotate_alike_by_page_api_and_command() {
    let stage = Stage::on(TestServer::start().await).await;
    let asked = Asked {
        page: ("/admin/keys", vec![("do", "rotate")]),
        api: (Method::POST, "/keys/rotate", Value::Null),
        command: (vec!["keys", "rotate"], ""),
    };
    let count = async || stage.store().await.signing_keys().await.unwrap().len();
    for via in Via::ALL {
        // No two keys begin to sign at the same moment.
        stage.server.clock.advance(10);
        let (before, head) = (count().await, stage.head().await);
        let outcome = stage.ask(via, &asked, &[]).await;
        assert!(outcome.code.is_none(), "{via:?}: {outcome:?}");
        assert_eq!(count().await, before + 1, "{via:?}");
        let entries = stage.entries(head).await;
        assert!(entries[0].starts_with("key."), "{via:?}: {entries:?}");
    }
}
