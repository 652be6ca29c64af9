//! Requests of the forms with which administrators add and change settings.

use doorward_model::routes;

use super::{
    routes_of_pages::{added_client, csrf},
    stage::{FEW, Stage, field_of},
};

/// Requests of the form at `route` that add objects with these settings.
async fn adding(
    stage: &Stage,
    route: &'static str,
    prefix: &str,
    settings: &[(&str, &str)],
) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let csrf = csrf(stage, &browser, &format!("{route}?add=1"), route).await;
    let one = |number: u64| {
        let name = format!("{prefix}-{number}");
        let fixed = [("csrf", csrf.as_str()), ("do", "create"), ("name", name.as_str())];
        stage.post(route, &browser, &[&fixed[..], settings].concat())
    };
    (0..FEW).map(one).collect()
}

pub(super) async fn providers(stage: &Stage) -> Vec<Vec<u8>> {
    let settings = [
        ("set-kind", "oidc"),
        ("set-issuer", "https://idp.example"),
        ("set-client_id", "an-id"),
        ("set-client_secret", "a-secret"),
        ("set-enabled", "false"),
    ];
    adding(stage, routes::ADMIN_PROVIDERS, "idp", &settings).await
}

pub(super) async fn upstreams(stage: &Stage) -> Vec<Vec<u8>> {
    let settings = [
        ("set-kind", "http"),
        ("set-url", stage.upstream.url.as_str()),
        ("set-networks", "127.0.0.0/8"),
        ("set-http_on_loopback", "true"),
        ("set-enabled", "false"),
    ];
    adding(stage, routes::ADMIN_UPSTREAMS, "up", &settings).await
}

/// Requests that change clients, each after its difference was shown.
pub(super) async fn client(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = added_client(stage, &format!("edited by page {number}")).await;
        let page = format!("{}?client_id={id}", routes::ADMIN_CLIENT);
        let csrf = csrf(stage, &browser, &page, routes::ADMIN_CLIENT).await;
        let mut fields = vec![
            ("csrf", csrf.as_str()),
            ("client_id", id.as_str()),
            ("seen", seen.as_str()),
            ("name", "another"),
            ("redirect_uris", "https://portal.example/cb"),
        ];
        let asked = [&fields[..], &[("do", "show")]].concat();
        let shown = browser.post(&stage.server.at(routes::ADMIN_CLIENT), &asked).await.expect(200);
        let shown = field_of(&shown.body, routes::ADMIN_CLIENT, "shown");
        fields.extend([("shown", shown.as_str()), ("do", "apply")]);
        all.push(stage.post(routes::ADMIN_CLIENT, &browser, &fields));
    }
    all
}
