//! Every reason of the timeline can appear: the match in [`Stage::provoke`] has no wildcard, so a
//! new reason needs a case here.

use doorward_model::{Change, ClientId, Clock, Reason, Timestamp};
use doorward_testkit::{Browser, HttpsServer, OAuthClient, PASSWORD, Pkce, TestServer, form_value};
use reqwest::Method;
use serde_json::json;

const CALLBACK: &str = "http://127.0.0.1:7777/callback";

struct Stage {
    server: TestServer,
    documents: HttpsServer,
    client: OAuthClient,
    browser: Browser,
}

/// Configures the server that a reason needs.
fn configure(reason: Reason, config: &mut doorward::config::Config) {
    match reason {
        Reason::RegistrationOff => config.registration.dynamic = false,
        Reason::RegistrationLimited => {
            (config.registration.burst_per_address, config.registration.per_minute_per_address) =
                (1, 1);
        }
        Reason::ClientWaiting => config.registration.approval = true,
        Reason::SwitchedOff => config.mcp.enabled = false,
        Reason::Role => config.access.scope_roles = vec!["mcp:read = staff".to_owned()],
        _ => {}
    }
}

/// Reasons that one server can produce one after the other. The others change it too much, or need
/// another configuration.
fn shares(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::RegistrationOff
            | Reason::RegistrationLimited
            | Reason::ClientWaiting
            | Reason::SwitchedOff
            | Reason::Role
            | Reason::Server
            | Reason::ClientDisabled
    )
}

impl Stage {
    async fn new(reason: Reason) -> Self {
        let documents = HttpsServer::start().await;
        let ca = documents.ca_file.to_str().unwrap().to_owned();
        let server = TestServer::start_with(|config| {
            config.outbound.extra_ca_files = vec![ca];
            config.outbound.allow_networks = vec!["127.0.0.0/8".into(), "::1/128".into()];
            config.outbound.timeout_seconds = 2;
            let mut corp = crate::enterprise::provider(&documents);
            corp.allowed_domains = vec!["other.example".to_owned()];
            config.providers.insert("corp".to_owned(), corp);
            configure(reason, config);
        })
        .await;
        server.user_with("alice", &["staff"]).await;
        server.user("bob").await;
        let client = match reason {
            Reason::RegistrationOff => OAuthClient::known(&server, "c_none", CALLBACK),
            _ => OAuthClient::register(&server).await,
        };
        let browser = server.signed_in("alice").await;
        Self { server, documents, client, browser }
    }

    /// Counts the steps that have this reason.
    async fn seen(&self, reason: Reason) -> usize {
        self.server.app.store.flush().await.unwrap();
        let steps = self.server.app.store.connect_steps(Timestamp(0)).await.unwrap();
        steps.iter().filter(|step| step.reason == Some(reason)).count()
    }

    async fn ask(&self, changes: &[(&str, &str)]) {
        self.browser.get(&self.client.authorize_url(&Pkce::default(), changes)).await;
    }

    async fn register(&self, metadata: serde_json::Value) {
        Browser::new().post_json(&self.server.at("/oauth/register"), &metadata).await;
    }

    fn documented(&self, path: &str) -> OAuthClient {
        OAuthClient::known(&self.server, &format!("{}{path}", self.documents.url), CALLBACK)
    }

    fn document(&self, path: &str, more: &serde_json::Value) -> serde_json::Value {
        let mut document = json!({"client_id": format!("{}{path}", self.documents.url), "client_name": "Documented", "redirect_uris": [CALLBACK]});
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    }

    /// Sends a request to `/mcp` with changed headers.
    async fn reach(&self, address: &str, headers: &[(&str, &str)]) {
        let browser = Browser::new();
        let mut request = browser
            .raw(Method::POST, &self.server.at(address))
            .header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        browser.send(request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))).await;
    }

    async fn sign_in_fails(&self, name: &str, password: &str) {
        let stranger = Browser::new();
        let login = stranger
            .get(&self.client.authorize_url(&Pkce::default(), &[]))
            .await
            .expect(303)
            .location();
        let page = stranger.get(&login).await.expect(200);
        let (csrf, request) =
            (form_value(&page.body, "csrf").unwrap(), form_value(&page.body, "request").unwrap());
        stranger
            .post(
                &self.server.at("/login"),
                &[("csrf", &csrf), ("request", &request), ("name", name), ("password", password)],
            )
            .await
            .expect(401);
    }

    /// A client with a clock that is an hour behind signs an assertion.
    async fn assert_late(&self) {
        let key = doorward_testkit::PlatformKey::new("k1");
        let more = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": format!("{}/jwks", self.documents.url)});
        self.documents.json("/signs", &self.document("/signs", &more), "");
        self.documents.json("/jwks", &key.jwks(), "");
        let client = self.documented("/signs");
        let then = self.server.clock.now().plus(-3600).0;
        let assertion = key.token(&json!({
            "iss": client.id, "sub": client.id, "aud": self.server.url,
            "iat": then, "exp": then + 60, "jti": "late",
        }));
        let kind =
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        client
            .token(&[
                ("grant_type", "authorization_code"),
                ("code", "x"),
                kind,
                ("client_assertion", &assertion),
            ])
            .await
            .expect(401);
    }

    /// A workload presents a token for which it is refused for this reason.
    async fn present(&self, reason: Reason) {
        let (server, documents) = (&self.server, &self.documents);
        let key = doorward_testkit::PlatformKey::new("k1");
        let issuer = format!("{}/{}", documents.url, reason.code());
        if reason != Reason::AssertionKeys {
            let path = format!("/{}/.well-known/openid-configuration", reason.code());
            let jwks = format!("{issuer}/keys");
            documents.json(&path, &json!({"issuer": issuer, "jwks_uri": jwks}), "");
            documents.json(&format!("/{}/keys", reason.code()), &key.jwks(), "");
        }
        if reason != Reason::TrustUnknown {
            let subject = Some("job-1".to_owned());
            let more = doorward_admin::TrustChange { subject, ..Default::default() };
            let (name, service) = (reason.code().to_owned(), "nightly".to_owned());
            let scopes = vec!["mcp:read".to_owned()];
            let new =
                doorward_admin::NewTrust { name, service, scopes, issuer: issuer.clone(), more };
            let operator = doorward_accounts::Authority::operator();
            server.app.admin.trusts.add(&operator, new).await.unwrap();
        }
        let now = server.clock.now().0;
        let subject = if reason == Reason::TrustMismatch { "job-2" } else { "job-1" };
        let end = if reason == Reason::AssertionTime { now - 600 } else { now + 60 };
        let claims = json!({"iss": issuer, "aud": server.url, "sub": subject, "exp": end});
        let mut token = key.token(&claims);
        if reason == Reason::AssertionInvalid {
            token = doorward_testkit::PlatformKey::new("k1").token(&claims);
        }
        crate::workload::present(server, &token, &[]).await;
        crate::workload::present(server, &token, &[]).await;
    }

    async fn change_pinned_document(&self) {
        let client = self.documented("/pinned");
        let open = async || self.browser.get(&client.authorize_url(&Pkce::default(), &[])).await;
        self.documents.json("/pinned", &self.document("/pinned", &json!({})), "");
        open().await.expect(303);
        let store = &self.server.app.store;
        store
            .apply(Change::SetClientPinned {
                client_id: ClientId::from_text(client.id.clone()),
                pinned_at: Some(self.server.clock.now()),
            })
            .await
            .unwrap();
        self.documents.json(
            "/pinned",
            &self.document("/pinned", &json!({"client_name": "Another"})),
            "",
        );
        self.server.clock.advance(2 * 86_400);
        Browser::new().get(&client.authorize_url(&Pkce::default(), &[])).await.expect(400);
    }

    #[expect(clippy::too_many_lines, reason = "it is a table: one arm a reason")]
    async fn provoke(&self, reason: Reason) {
        let Self { server, documents, client, browser } = self;
        let pkce = Pkce::default();
        let code = async || client.code(browser, &pkce, &[]).await;
        let tokens = async || client.tokens(browser, &[]).await;
        match reason {
            Reason::RedirectUri => {
                self.ask(&[("redirect_uri", "https://elsewhere.example/cb")]).await;
            }
            Reason::RedirectUriRefused => {
                self.register(json!({"redirect_uris": ["http://elsewhere.example/"]})).await;
            }
            Reason::MetadataRefused => {
                self.register(json!({"redirect_uris": [CALLBACK], "grant_types": ["implicit"]}))
                    .await;
            }
            Reason::RegistrationOff | Reason::RegistrationLimited => {
                self.register(json!({"redirect_uris": [CALLBACK]})).await;
            }
            Reason::ClientUnknown => drop(
                browser
                    .get(
                        &OAuthClient::known(server, "c_unknown", CALLBACK)
                            .authorize_url(&pkce, &[]),
                    )
                    .await,
            ),
            Reason::ClientDisabled => {
                let client_id = ClientId::from_text(client.id.clone());
                server
                    .app
                    .store
                    .apply(Change::SetClientDisabled {
                        client_id,
                        disabled_at: Some(server.clock.now()),
                    })
                    .await
                    .unwrap();
                self.ask(&[]).await;
            }
            Reason::ClientWaiting => self.ask(&[]).await,
            Reason::DocumentUnreachable => {
                drop(
                    browser
                        .get(
                            &OAuthClient::known(
                                server,
                                "https://gone.invalid/client.json",
                                CALLBACK,
                            )
                            .authorize_url(&pkce, &[]),
                        )
                        .await,
                );
            }
            Reason::DocumentInvalid => {
                documents.json("/bad", &self.document("/bad", &json!({"client_secret": "x"})), "");
                browser.get(&self.documented("/bad").authorize_url(&pkce, &[])).await;
            }
            Reason::DocumentPinned => self.change_pinned_document().await,
            Reason::PkceMissing => self.ask(&[("code_challenge", "")]).await,
            Reason::PkceMethod => self.ask(&[("code_challenge_method", "plain")]).await,
            Reason::Resource => self.ask(&[("resource", "https://elsewhere.example/mcp")]).await,
            Reason::ResponseType => self.ask(&[("response_type", "token")]).await,
            Reason::Scope => self.ask(&[("scope", "nothing-like-it")]).await,
            Reason::Request => self.ask(&[("client_id", "")]).await,
            Reason::RequestExpired => {
                let page = client.consent_page(browser, &pkce, &[]).await;
                server.clock.advance(700);
                client.allow(browser, &page).await;
            }
            Reason::PushedUnknown => {
                let uri = "urn:ietf:params:oauth:request_uri:none";
                self.ask(&[("request_uri", uri)]).await;
            }
            Reason::PushedRequired => {
                let rule = json!({"token_endpoint_auth_method": "none", "require_pushed_authorization_requests": true});
                let strict = OAuthClient::register_with(server, rule).await;
                browser.get(&strict.authorize_url(&pkce, &[])).await;
            }
            Reason::SignIn => self.sign_in_fails("alice", "not her password").await,
            Reason::UserDisabled => {
                let bob = server.app.accounts.find("bob").await.unwrap();
                server.app.accounts.disable(&bob, None).await.unwrap();
                self.sign_in_fails("bob", PASSWORD).await;
            }
            Reason::Denied => {
                let page = client.consent_page(browser, &pkce, &[]).await;
                client.decide(browser, &page, "deny", &[]).await;
            }
            Reason::Role => {
                let code = code().await;
                let alice = server.app.accounts.find("alice").await.unwrap();
                server
                    .app
                    .accounts
                    .set_roles(&doorward_accounts::Authority::operator(), &alice, Vec::new())
                    .await
                    .unwrap();
                client.redeem(&code, &pkce, &[]).await.expect(400);
            }
            Reason::CodeExpired => {
                let code = code().await;
                server.clock.advance(120);
                client.redeem(&code, &pkce, &[]).await.expect(400);
            }
            Reason::CodeSpent => {
                let code = code().await;
                client.redeem(&code, &pkce, &[]).await.expect(200);
                client.redeem(&code, &pkce, &[]).await.expect(400);
            }
            Reason::CodeForeign => {
                drop(client.redeem("code-of-another-server", &pkce, &[]).await.expect(400));
            }
            Reason::CodeClient => drop(
                OAuthClient::register(server)
                    .await
                    .redeem(&code().await, &pkce, &[])
                    .await
                    .expect(400),
            ),
            Reason::Verifier => {
                drop(client.redeem(&code().await, &Pkce::default(), &[]).await.expect(400));
            }
            Reason::TokenRedirectUri => drop(
                client
                    .redeem(&code().await, &pkce, &[("redirect_uri", "http://127.0.0.1:1/other")])
                    .await
                    .expect(400),
            ),
            Reason::ClientAuth => {
                let confidential = OAuthClient::register_with(server, json!({})).await;
                OAuthClient::known(server, &confidential.id, CALLBACK)
                    .refresh("x", &[])
                    .await
                    .expect(401);
            }
            Reason::Clock => self.assert_late().await,
            Reason::TrustUnknown
            | Reason::TrustMismatch
            | Reason::AssertionInvalid
            | Reason::AssertionTime
            | Reason::AssertionSpent
            | Reason::AssertionKeys => self.present(reason).await,
            Reason::AssertionProvider | Reason::AssertionClaim | Reason::AssertionUser => {
                crate::enterprise::provoke(server, documents, reason).await;
            }
            Reason::SubjectToken => {
                let access = tokens().await.access;
                crate::exchange::provoke(server, &access).await;
            }
            Reason::KeyProof => {
                let params = [("grant_type", "refresh_token"), ("refresh_token", "x")];
                client.token_with(&params, &[("dpop", "x")]).await.expect(400);
            }
            Reason::GrantType => {
                drop(client.token(&[("grant_type", "password")]).await.expect(400));
            }
            Reason::RefreshReused => {
                let refresh = tokens().await.refresh;
                client.refresh(&refresh, &[]).await.expect(200);
                server.clock.advance(600);
                client.refresh(&refresh, &[]).await.expect(400);
            }
            Reason::RefreshUnknown => drop(client.refresh("x", &[]).await.expect(400)),
            Reason::TokenExpired => {
                let access = tokens().await.access;
                server.clock.advance(4000);
                assert!(!server.calls(&access).await);
            }
            Reason::TokenAudience => {
                self.reach(
                    "/mcp-key",
                    &[("authorization", &format!("Bearer {}", tokens().await.access))],
                )
                .await;
            }
            Reason::TokenRevoked => {
                let access = tokens().await.access;
                let alice = server.app.accounts.find("alice").await.unwrap();
                server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
                assert!(!server.calls(&access).await);
            }
            Reason::TokenForeign => assert!(!server.calls("not-a-token").await),
            Reason::TokenPlace => {
                let access = tokens().await.access;
                self.reach(
                    &format!("/mcp?access_token={access}"),
                    &[("authorization", &format!("Bearer {access}"))],
                )
                .await;
            }
            Reason::Host => self.reach("/mcp", &[("host", "elsewhere.example")]).await,
            Reason::Origin => self.reach("/mcp", &[("origin", "https://elsewhere.example")]).await,
            Reason::SwitchedOff => self.reach("/mcp", &[]).await,
            Reason::Server => {
                let code = code().await;
                let at = server.clock.now().plus(-1);
                server
                    .app
                    .store
                    .apply(Change::RetireSigningKeys { except: String::new(), at })
                    .await
                    .unwrap();
                client.redeem(&code, &pkce, &[]).await.expect(500);
            }
        }
    }
}

async fn each(reasons: impl Iterator<Item = Reason>) {
    let mut shared: Option<Stage> = None;
    for reason in reasons {
        let stage = match shared.take() {
            Some(stage) if shares(reason) => stage,
            _ => Stage::new(reason).await,
        };
        // The timeline takes a limited number of steps a minute from one IP address.
        stage.server.clock.advance(61);
        let before = stage.seen(reason).await;
        stage.provoke(reason).await;
        assert!(stage.seen(reason).await > before, "{reason:?} ({}) did not appear", reason.code());
        shared = shares(reason).then_some(stage);
    }
}

#[tokio::test]
async fn every_reason_of_the_timeline_appears() {
    // Sessions end after days without use, and one reason lets days pass: it comes last.
    let (last, rest): (Vec<Reason>, Vec<Reason>) =
        Reason::ALL.iter().copied().partition(|reason| *reason == Reason::DocumentPinned);
    let (shared, own): (Vec<Reason>, Vec<Reason>) =
        rest.into_iter().partition(|reason| shares(*reason));
    each(shared.into_iter().chain(last)).await;
    each(own.into_iter()).await;
}
