//! Every operation that creates lasting access requires a recent sign-in, with the second factor of
//! users who have one.

mod returned;

use doorward_accounts::{Authority, NewAccessToken, NewAccount};
use doorward_model::{AuditFilter, Role, ScopeSet, User};
use doorward_testkit::{Browser, FakeProvider, PASSWORD, Page, TestServer, form_value};

use crate::{
    factors::{enrol, field},
    federation::{arrive, server_with},
};

/// An action of a page that creates a lasting means of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The redirect to a provider to link an account at it.
    BeginLink,
    /// Linking an account at a provider.
    Link,
    MakeToken,
    RotateToken,
    AddPasskey,
    AddAuthenticator,
    NewRecoveryCodes,
    ChangePassword,
    /// Setting the first factor up where one is demanded.
    EnrolOnDemand,
    AddUser,
    /// Roles and e-mail address of another user.
    ChangeUser,
    EnableUser,
    SetPassword,
    ResetFactors,
    AddClient,
    AddProvider,
    /// Rules of the policy may allow what was refused.
    SavePolicy,
    /// Access rules as well.
    SaveRules,
    BecomeAdministrator,
}

impl Action {
    const ALL: [Self; 19] = [
        Self::BeginLink,
        Self::Link,
        Self::MakeToken,
        Self::RotateToken,
        Self::AddPasskey,
        Self::AddAuthenticator,
        Self::NewRecoveryCodes,
        Self::ChangePassword,
        Self::EnrolOnDemand,
        Self::AddUser,
        Self::ChangeUser,
        Self::EnableUser,
        Self::SetPassword,
        Self::ResetFactors,
        Self::AddClient,
        Self::AddProvider,
        Self::SavePolicy,
        Self::SaveRules,
        Self::BecomeAdministrator,
    ];
}

/// The proof that a session lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// Nothing.
    Recent,
    /// It began twenty hours ago.
    Old,
    /// Its user has a second factor and did not prove it.
    WithoutFactor,
}

/// A server with a signed-in administrator, and forms ready to be submitted.
struct Prepared {
    server: TestServer,
    provider: FakeProvider,
    browser: Browser,
    /// The form of the page, by its URL.
    tokens: Vec<(String, String)>,
    other: User,
    own_token: String,
    link: String,
}

impl Prepared {
    async fn start() -> Self {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |_, _| {}).await;
        let accounts = &server.app.accounts;
        let operator = Authority::operator();
        let new = |name: &str, email: Option<&str>, roles| NewAccount {
            name: name.to_owned(),
            email: email.map(str::to_owned),
            password: Some(PASSWORD.to_owned()),
            password_temporary: false,
            roles,
        };
        let root = accounts
            .add(&operator, new("root", Some("ada@corp.example"), vec![Role::administrator()]))
            .await
            .unwrap();
        let other = accounts.add(&operator, new("other", None, Vec::new())).await.unwrap();
        let token = NewAccessToken {
            name: "ci".to_owned(),
            scopes: ScopeSet::parse_known("mcp:read"),
            upstreams: Vec::new(),
            days: 30,
        };
        let made = accounts
            .add_access_token(&operator, &root, &doorward_model::AccessPolicy::default(), token)
            .await
            .unwrap();
        let link = server.app.admin_link().await.unwrap();
        let browser = server.signed_in("root").await;
        let user = format!("/admin/users/{}", other.id);
        let link_path = link.trim_start_matches(&server.url).to_owned();
        let mut tokens = Vec::new();
        for (page, action) in [
            ("/account/security", "/account/authenticator"),
            ("/account/tokens", "/account/tokens"),
            ("/account", "/account/password"),
            ("/login/second-factor", "/login/second-factor"),
            ("/admin/users", "/admin/users"),
            (user.as_str(), user.as_str()),
            ("/admin/clients", "/admin/clients"),
            ("/admin/providers?add=1", "/admin/providers"),
            ("/admin/policy", "/admin/policy"),
            ("/admin/rules/access", "/admin/rules/access"),
            (link_path.as_str(), link_path.as_str()),
        ] {
            let shown = browser.get(&server.at(page)).await.expect(200);
            tokens.push((action.to_owned(), last_csrf(&shown)));
        }
        Self {
            provider,
            browser,
            tokens,
            other,
            own_token: made.token.id.to_string(),
            link: link_path,
            server,
        }
    }

    fn csrf(&self, form: &str) -> &str {
        &self.tokens.iter().find(|(action, _)| action == form).unwrap().1
    }

    /// Posts a form of the page with the token of `form`.
    async fn post(&self, path: &str, form: &str, fields: &[(&str, &str)]) -> Page {
        self.browser
            .post(&self.server.at(path), &[&[("csrf", self.csrf(form))], fields].concat())
            .await
    }

    #[expect(clippy::too_many_lines, reason = "one row for each act")]
    async fn act(&self, action: Action) -> Page {
        let user = format!("/admin/users/{}", self.other.id);
        let security = "/account/authenticator";
        match action {
            Action::BeginLink => self.browser.get(&self.server.at("/login/corp?link=1")).await,
            Action::Link => {
                let ask = arrive(&self.server, &self.provider, &self.browser).await.expect(303);
                let page = self.browser.get(&ask.location()).await.expect(200);
                let (csrf, arrival) = (
                    field(&page, "/login/welcome", "csrf"),
                    field(&page, "/login/welcome", "arrival"),
                );
                let fields =
                    [("csrf", csrf.as_str()), ("arrival", arrival.as_str()), ("decision", "link")];
                self.browser.post(&self.server.at("/login/welcome"), &fields).await
            }
            Action::MakeToken => {
                let fields =
                    [("do", "make"), ("name", "back up"), ("days", "30"), ("scope-mcp:read", "1")];
                self.post("/account/tokens", "/account/tokens", &fields).await
            }
            Action::RotateToken => {
                self.post(
                    "/account/tokens",
                    "/account/tokens",
                    &[("do", "rotate"), ("token", &self.own_token)],
                )
                .await
            }
            Action::AddPasskey => {
                self.post(
                    "/account/passkeys",
                    security,
                    &[("action", "add"), ("credential", "{}"), ("state", "x")],
                )
                .await
            }
            Action::AddAuthenticator => {
                self.post(security, security, &[("action", "confirm"), ("code", "000000")]).await
            }
            Action::NewRecoveryCodes => self.post("/account/recovery-codes", security, &[]).await,
            Action::ChangePassword => {
                let fields = [("present", PASSWORD), ("new", "a new long password")];
                self.post("/account/password", "/account/password", &fields).await
            }
            Action::EnrolOnDemand => {
                self.post(
                    "/login/second-factor",
                    "/login/second-factor",
                    &[("method", "code"), ("code", "000000")],
                )
                .await
            }
            Action::AddUser => {
                let fields = [
                    ("name", "guest"),
                    ("email", "guest@corp.example"),
                    ("password", "a new long password"),
                ];
                self.post("/admin/users", "/admin/users", &fields).await
            }
            Action::ChangeUser => {
                let seen = self.other.etag();
                self.post(
                    &user,
                    &user,
                    &[
                        ("do", "save"),
                        ("seen", &seen),
                        ("roles", "admin"),
                        ("email", "me@evil.example"),
                    ],
                )
                .await
            }
            Action::EnableUser => {
                self.post(&user, &user, &[("do", "enable"), ("seen", &self.other.etag())]).await
            }
            Action::SetPassword => {
                self.post(&user, &user, &[("do", "password"), ("password", "a new long password")])
                    .await
            }
            Action::ResetFactors => {
                self.post(&user, &user, &[("do", "reset-factors"), ("sure", "1")]).await
            }
            Action::AddClient => {
                let fields = [
                    ("do", "add"),
                    ("name", "app"),
                    ("redirect_uris", "https://app.example/cb"),
                    ("confidential", "1"),
                ];
                self.post("/admin/clients", "/admin/clients", &fields).await
            }
            Action::AddProvider => {
                let fields = [
                    ("do", "create"),
                    ("name", "mine"),
                    ("set-kind", "github"),
                    ("set-sign_up", "invited"),
                    ("set-client_id", "x"),
                    ("set-client_secret", "y"),
                ];
                self.post("/admin/providers", "/admin/providers", &fields).await
            }
            Action::SavePolicy => {
                let fields = [("rules", "allow role=none"), ("default", "allow"), ("seen", "0")];
                self.post("/admin/policy", "/admin/policy", &fields).await
            }
            Action::SaveRules => {
                let fields = [("set-tool_roles", "whoami = none"), ("seen", "0")];
                self.post("/admin/rules/access", "/admin/rules/access", &fields).await
            }
            Action::BecomeAdministrator => self.post(&self.link, &self.link, &[]).await,
        }
    }

    /// The number of entries in the audit, of which each change has one.
    async fn entries(&self) -> usize {
        self.server.app.store.flush().await.unwrap();
        self.server.app.store.audit(&AuditFilter::default(), None, 500).await.unwrap().entries.len()
    }
}

/// The token of the last form of a page: the first one is for signing out.
fn last_csrf(page: &Page) -> String {
    let at =
        page.body.rfind("name=\"csrf\" value=").unwrap_or_else(|| panic!("no form: {}", page.body));
    form_value(&page.body[at..], "csrf").unwrap()
}

/// True if a response demands a new authentication, with its kind.
fn asked(page: &Page) -> Option<Session> {
    match page.status {
        303 if page.location().contains("/login?again=1&") => Some(Session::Old),
        303 if page.location().contains("/login/second-factor?next=") => {
            Some(Session::WithoutFactor)
        }
        400 if page.body.contains("Sign in again before")
            && page.body.contains("/login?again=1") =>
        {
            Some(Session::Old)
        }
        400 if page.body.contains("Sign in again before")
            && page.body.contains("/login/second-factor?next=") =>
        {
            Some(Session::WithoutFactor)
        }
        _ => None,
    }
}

#[tokio::test]
async fn no_old_session_and_none_without_the_second_factor_creates_a_lasting_means_of_access() {
    for action in Action::ALL {
        for session in [Session::Recent, Session::Old, Session::WithoutFactor] {
            // A user who has a factor sets none up on demand.
            if (action, session) == (Action::EnrolOnDemand, Session::WithoutFactor) {
                continue;
            }
            let prepared = Prepared::start().await;
            match session {
                Session::Recent => {}
                Session::Old => prepared.server.clock.advance(20 * 3_600),
                Session::WithoutFactor => {
                    enrol(&prepared.server, &prepared.server.signed_in("root").await).await;
                }
            }
            let before = prepared.entries().await;
            let page = prepared.act(action).await;
            match session {
                Session::Recent => {
                    assert_eq!(asked(&page), None, "{action:?}: {} {}", page.status, page.body);
                }
                missing => {
                    assert_eq!(
                        asked(&page),
                        Some(missing),
                        "{action:?}: {} {} {}",
                        page.status,
                        page.location(),
                        page.body
                    );
                    assert_eq!(
                        prepared.entries().await,
                        before,
                        "{action:?} by a session that is {session:?} changed something"
                    );
                }
            }
        }
    }
}

/// Signs in again, and opens the page to which that leads.
async fn signed_in_again(server: &TestServer, browser: &Browser, again: &Page) -> Page {
    let login = browser.get(&again.location()).await.expect(200);
    assert!(
        login.body.contains("Sign in again to continue")
            && login.body.contains("name=\"name\" value=\"root\""),
        "{}",
        login.body
    );
    let (csrf, next) = (
        field(&login, "/login\" class=\"stack divided", "csrf"),
        field(&login, "/login\" class=\"stack divided", "next"),
    );
    let back = browser
        .post(
            &server.at("/login"),
            &[("csrf", &csrf), ("next", &next), ("name", "root"), ("password", PASSWORD)],
        )
        .await
        .expect(303);
    browser.get(&back.location()).await.expect(200)
}

#[tokio::test]
async fn a_user_who_signs_in_again_returns_to_the_entered_form() {
    let prepared = Prepared::start().await;
    let (server, browser) = (&prepared.server, &prepared.browser);
    let fields =
        [("do", "make"), ("name", "back up & more"), ("days", "12"), ("scope-mcp:write", "1")];
    server.clock.advance(20 * 3_600);
    let again = prepared.post("/account/tokens", "/account/tokens", &fields).await.expect(303);
    let page = signed_in_again(server, browser, &again).await;
    assert!(
        page.body.contains("value=\"back up &#38; more\"") && page.body.contains("value=\"12\""),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("name=\"scope-mcp:write\" value=\"1\" checked")
            && !page.body.contains("name=\"scope-mcp:read\" value=\"1\" checked")
    );
    assert!(!page.body.contains("dw_pat_"), "looking at it makes nothing");
}

#[tokio::test]
async fn a_code_in_an_old_session_makes_it_no_recent_one() {
    let prepared = Prepared::start().await;
    let server = &prepared.server;
    let (key, _) = enrol(server, &server.signed_in("root").await).await;
    server.clock.advance(20 * 3_600);
    let code = crate::factors::code(&key, server.app.clock.now());
    crate::factors::prove(server, &prepared.browser, &server.at("/login/second-factor"), &code)
        .await
        .expect(303);
    let page = prepared.browser.get(&server.at("/account/security")).await.expect(200);
    assert!(page.body.contains("Your last sign-in was a while ago."), "{}", page.body);
}
