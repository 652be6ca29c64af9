//! Requests of the forms with which administrators add and change settings.

use doorward_model::routes;

use super::{
    routes_of_pages::csrf,
    stage::{FEW, Stage},
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
