//! Workloads: tokens of other issuers with which a job or a pod acts as a service (RFC 7523 §2.1).

mod keys;
mod refusals;
mod replay;
mod rules;

use doorward_admin::{NewTrust, TrustChange};
use doorward_model::{AuditFilter, AuditKind, Client, Clock, Reason, Timestamp};
use doorward_testkit::{Browser, HttpsServer, Page, PlatformKey, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A server that reaches a platform, and the platform with one key.
pub(crate) struct Stage {
    pub(crate) server: TestServer,
    pub(crate) platform: HttpsServer,
    pub(crate) key: PlatformKey,
}

/// Lays members over claims; null removes one.
pub(crate) fn over(base: &Value, over: &Value) -> Value {
    let mut claims = base.clone();
    for (name, value) in over.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::under(&["127.0.0.0/8", "::1/128"]).await
    }

    /// A server that may reach these networks.
    pub(crate) async fn under(networks: &[&str]) -> Self {
        let platform = HttpsServer::start().await;
        let ca = platform.ca_file.to_str().unwrap().to_owned();
        let server = TestServer::start_with(|config| {
            config.outbound.extra_ca_files = vec![ca];
            config.outbound.allow_networks =
                networks.iter().map(|network| (*network).to_owned()).collect();
            config.outbound.timeout_seconds = 2;
        })
        .await;
        let stage = Self { server, platform, key: PlatformKey::new("k1") };
        stage.publish(&stage.key.jwks());
        stage
    }

    /// The platform's documents, as GitHub, Kubernetes and SPIRE publish them: without the
    /// endpoints of a sign-in.
    pub(crate) fn publish(&self, keys: &Value) {
        let issuer = &self.platform.url;
        let document = json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        self.platform.json("/.well-known/openid-configuration", &document, "");
        self.platform.json("/keys", keys, "");
    }

    pub(crate) fn now(&self) -> i64 {
        self.server.clock.now().0
    }

    /// The claims of a token of GitHub Actions.
    pub(crate) fn github(&self, jti: &str) -> Value {
        let now = self.now();
        json!({
            "jti": jti, "sub": "repo:acme/tools:ref:refs/heads/main", "aud": self.server.url,
            "iss": self.platform.url, "ref": "refs/heads/main", "repository": "acme/tools",
            "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65",
            "actor": "ada", "workflow": "release", "event_name": "push", "ref_type": "branch",
            "job_workflow_ref": "acme/tools/.github/workflows/release.yml@refs/heads/main",
            "runner_environment": "github-hosted", "run_attempt": "1",
            "nbf": now - 600, "iat": now, "exp": now + 300,
        })
    }

    /// A rule for this subject.
    pub(crate) async fn rule(&self, name: &str, subject: &str, more: TrustChange) -> Client {
        let new = NewTrust {
            name: name.to_owned(),
            service: "release".to_owned(),
            scopes: vec!["mcp:read".to_owned()],
            issuer: self.platform.url.clone(),
            more: TrustChange { subject: Some(subject.to_owned()), ..more },
        };
        let operator = doorward_accounts::Authority::operator();
        self.server.app.admin.trusts.add(&operator, new).await.unwrap()
    }

    pub(crate) async fn present(&self, token: &str, more: &[(&str, &str)]) -> Page {
        present(&self.server, token, more).await
    }

    /// The reason and the detail of the last refusal in the timeline.
    pub(crate) async fn last_refusal(&self) -> (Option<Reason>, String) {
        let store = &self.server.app.store;
        store.flush().await.unwrap();
        let steps = store.connect_steps(Timestamp(0)).await.unwrap();
        let last = steps.iter().filter(|step| step.reason.is_some()).max_by_key(|step| step.seq);
        last.map(|step| (step.reason, step.detail.clone())).unwrap_or_default()
    }

    /// Entries of a kind: their details.
    pub(crate) async fn entries(&self, kind: AuditKind) -> Vec<Value> {
        let store = &self.server.app.store;
        store.flush().await.unwrap();
        let filter = AuditFilter { kind: Some(kind.as_str().to_owned()), ..Default::default() };
        let page = store.audit(&filter, None, 100).await.unwrap();
        let detail = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        page.entries
            .into_iter()
            .map(|entry| json!({"user": entry.event.actor.user_id, "client": entry.event.actor.client_id, "detail": detail(&entry.event.detail)}))
            .collect()
    }
}

pub(crate) async fn present(server: &TestServer, token: &str, more: &[(&str, &str)]) -> Page {
    let browser = Browser::new();
    let fields = [&[("grant_type", GRANT), ("assertion", token)], more].concat();
    let request = browser.raw(Method::POST, &server.at("/oauth/token")).form(&fields);
    browser.send(request).await
}

pub(crate) fn refused(page: &Page, status: u16, error: &str) {
    assert_eq!(
        (page.status, page.json()["error"].as_str()),
        (status, Some(error)),
        "{}",
        page.body
    );
}

pub(crate) fn access_token(page: Page) -> String {
    page.expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_job_of_github_actions_acts_as_its_service_without_a_secret_and_a_client_id() {
    let stage = Stage::new().await;
    let client = stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let answer = stage.present(&stage.key.token(&stage.github("1")), &[]).await.expect(200).json();
    assert_eq!(answer["scope"], "mcp:read");
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let me = stage.server.call(token, "whoami", json!({})).await.expect(200).body;
    assert!(me.contains("release"), "{me}");
    // Each token has an entry that names the workload, also the first one of the grant.
    stage.present(&stage.key.token(&stage.github("2")), &[]).await.expect(200);
    let service = stage.server.app.accounts.find("release").await.unwrap();
    let grants =
        stage.server.app.store.live_grants_of(&service.id, stage.server.clock.now()).await.unwrap();
    assert_eq!(grants.len(), 1, "all tokens of a rule belong to one grant");
    let issued = stage.entries(AuditKind::TokenIssued).await;
    assert_eq!(issued.len(), 2, "{issued:?}");
    for (entry, jti) in issued.iter().rev().zip(["1", "2"]) {
        assert_eq!(entry["user"], service.id.as_str());
        assert_eq!(entry["client"], client.id.as_str());
        let expected = json!({"issuer": stage.platform.url, "subject": "repo:acme/tools:ref:refs/heads/main", "jti": jti});
        assert_eq!(entry["detail"], expected);
    }
    // The client may be named; its own rule alone counts then.
    let named = [("client_id", client.id.as_str())];
    stage.present(&stage.key.token(&stage.github("3")), &named).await.expect(200);
}

#[tokio::test]
async fn a_pod_presents_its_projected_token_again_and_its_keys_may_be_stored_by_hand() {
    let stage = Stage::new().await;
    let cluster = PlatformKey::new("cluster");
    let issuer = "https://kubernetes.default.svc.cluster.local";
    let more = TrustChange {
        jwks: Some(cluster.jwks()),
        subject: Some("system:serviceaccount:jobs:nightly".to_owned()),
        claims: Some([("/kubernetes.io/namespace".to_owned(), "jobs".to_owned())].into()),
        reusable: Some(true),
        ..TrustChange::default()
    };
    let new = NewTrust {
        name: "Nightly".to_owned(),
        service: "nightly".to_owned(),
        scopes: vec!["mcp:read".to_owned()],
        issuer: issuer.to_owned(),
        more,
    };
    let operator = doorward_accounts::Authority::operator();
    stage.server.app.admin.trusts.add(&operator, new).await.unwrap();
    let now = stage.now();
    let claims = json!({
        "aud": [stage.server.url], "exp": now + 3600, "iat": now, "nbf": now, "iss": issuer,
        "jti": "7f5a", "sub": "system:serviceaccount:jobs:nightly",
        "kubernetes.io": {
            "namespace": "jobs", "node": {"name": "n1", "uid": "1"},
            "pod": {"name": "nightly-x", "uid": "2"},
            "serviceaccount": {"name": "nightly", "uid": "3"}, "warnafter": now + 3000,
        },
    });
    let token = cluster.token(&claims);
    for _ in 0..3 {
        let given = access_token(stage.present(&token, &[]).await);
        assert!(stage.server.calls(&given).await);
    }
    assert_eq!(stage.platform.hits(), 0, "keys that are stored are not fetched");
    // The default token of a service account lasts a year, and is for another audience.
    let default = over(&claims, &json!({"exp": now + 365 * 86_400}));
    refused(&stage.present(&cluster.token(&default), &[]).await, 400, "invalid_grant");
    assert_eq!(stage.last_refusal().await.0, Some(Reason::AssertionTime));
    stage.server.clock.advance(3631);
    refused(&stage.present(&token, &[]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_spiffe_identity_without_a_jti_counts_once() {
    let stage = Stage::new().await;
    stage.rule("SPIFFE", "spiffe://acme.example/ns/jobs/sa/nightly", TrustChange::default()).await;
    let now = stage.now();
    let claims = json!({
        "sub": "spiffe://acme.example/ns/jobs/sa/nightly", "aud": [stage.server.url],
        "iss": stage.platform.url, "exp": now + 300, "iat": now,
    });
    let token = stage.key.signed(&json!({"alg": "ES256", "kid": "k1", "typ": "JOSE"}), &claims);
    stage.present(&token, &[]).await.expect(200);
    refused(&stage.present(&token, &[]).await, 400, "invalid_grant");
    let later = over(&claims, &json!({"iat": now + 1}));
    stage.present(&stage.key.token(&later), &[]).await.expect(200);
}

#[tokio::test]
async fn a_workload_asks_for_no_more_than_its_rule_and_for_resources_of_this_server() {
    let stage = Stage::new().await;
    stage.rule("Release", "repo:acme/tools:*", TrustChange::default()).await;
    let ask = async |jti: &str, more: &[(&str, &str)]| {
        stage.present(&stage.key.token(&stage.github(jti)), more).await
    };
    refused(&ask("1", &[("scope", "mcp:write")]).await, 400, "invalid_scope");
    refused(&ask("2", &[("scope", "admin")]).await, 400, "invalid_scope");
    let elsewhere = [("resource", "https://elsewhere.example/mcp")];
    refused(&ask("3", &elsewhere).await, 400, "invalid_target");
    let own = stage.server.at("/mcp");
    let given = access_token(ask("4", &[("resource", &own), ("scope", "mcp:read")]).await);
    assert!(stage.server.calls(&given).await);
    // A refused request spent nothing.
    access_token(ask("3", &[]).await);
}
