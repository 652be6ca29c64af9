//! Administrators' pages and their API: users, clients, keys, settings; stale states, foreign ids,
//! missing rights.

mod approvals;
mod clients;
mod feedback;
mod lists;
mod pages;
mod scopes;
mod settings;
mod trials;
mod users;

use doorward_accounts::{Authority, NewAccessToken};
use doorward_model::{ScopeSet, User};
use doorward_testkit::{Browser, Page, TestServer};
use reqwest::Method;
use serde_json::Value;

/// An administrator's own token for the API.
pub(crate) async fn key(server: &TestServer, user: &User, scopes: &str) -> String {
    let proved = Authority::operator_states_second_factor();
    let access = doorward_model::AccessPolicy::default();
    let new = NewAccessToken {
        name: "ci".to_owned(),
        scopes: ScopeSet::parse_known(scopes),
        upstreams: Vec::new(),
        days: 30,
    };
    server
        .app
        .accounts
        .add_access_token(&proved, user, &access, new)
        .await
        .unwrap()
        .value
        .reveal()
        .to_owned()
}

struct Api<'a> {
    server: &'a TestServer,
    key: String,
}

impl Api<'_> {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        etag: Option<&str>,
    ) -> Page {
        let browser = Browser::new();
        let mut request = browser
            .raw(method, &self.server.at(&format!("/api/admin{path}")))
            .bearer_auth(&self.key);
        if let Some(etag) = etag {
            request = request.header("if-match", format!("\"{etag}\""));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        browser.send(request).await
    }
    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None, None).await.expect(200).json()
    }
}

async fn stage() -> (TestServer, User) {
    let server = TestServer::start().await;
    let root = server.user_with("root", &["admin"]).await;
    (server, root)
}
