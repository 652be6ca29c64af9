//! Routes of the browser flow, of account pages and of administrators' pages.

use doorward_model::routes;
use doorward_testkit::{Browser, PASSWORD, Pkce, form_value};
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{EACH, FEW, FORM, Stage, cookies, field_of, request};

pub(super) async fn authorize(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let cookies = cookies(&browser);
    let one = |_: u64| {
        let url = stage.client.authorize_url(&Pkce::default(), &[]);
        let path = url.strip_prefix(&stage.server.url).unwrap().to_owned();
        request(&stage.address, "GET", &path, &[("cookie", &cookies)], "")
    };
    (0..EACH).map(one).collect()
}

pub(super) async fn authorize_by_form(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let cookies = cookies(&browser);
    let one = |_: u64| {
        let url = stage.client.authorize_url(&Pkce::default(), &[]);
        let (_, query) = url.split_once('?').unwrap();
        let headers = [FORM, ("cookie", cookies.as_str())];
        request(&stage.address, "POST", routes::AUTHORIZE, &headers, query)
    };
    (0..FEW).map(one).collect()
}

/// Half of them are wrong, and the last one is right.
pub(super) async fn login(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..EACH {
        let stranger = Browser::new();
        let page = stranger.get(&stage.server.at(routes::LOGIN)).await.expect(200);
        let csrf = form_value(&page.body, "csrf").unwrap();
        let ghost = format!("ghost{number}");
        let (name, password) =
            if number % 2 == 1 { ("alice", PASSWORD) } else { (ghost.as_str(), "wrong password") };
        let fields = [("csrf", csrf.as_str()), ("name", name), ("password", password)];
        all.push(stage.post(routes::LOGIN, &stranger, &fields));
    }
    all
}

pub(super) async fn consent(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let mut all = Vec::new();
    for _ in 0..EACH {
        let page = stage.client.consent_page(&browser, &Pkce::default(), &[]).await;
        let field = |name: &str| field_of(&page.body, "/consent", name);
        let fields = [
            ("csrf", field("csrf")),
            ("request", field("request")),
            ("decision", "allow".to_owned()),
            ("scope-mcp:read", "on".to_owned()),
        ];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        all.push(stage.post(routes::CONSENT, &browser, &fields));
    }
    all
}

/// Decisions about devices, every second one a refusal.
pub(super) async fn device(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let client = device_client(stage).await;
    let csrf = csrf(stage, &browser, routes::DEVICE, routes::DEVICE).await;
    let mut all = Vec::new();
    for number in 0..FEW {
        let asked = [("client_id", client.as_str())];
        let (device, at) = (Browser::new(), stage.server.at(routes::DEVICE_AUTHORIZATION));
        let begun = device.post(&at, &asked).await.expect(200).json();
        let fields = [
            ("csrf", csrf.as_str()),
            ("user_code", begun["user_code"].as_str().unwrap()),
            ("do", if number % 2 == 0 { "allow" } else { "deny" }),
            ("scope-mcp:read", "on"),
        ];
        all.push(stage.post(routes::DEVICE, &browser, &fields));
    }
    all
}

/// A client of devices.
pub(super) async fn device_client(stage: &Stage) -> String {
    let grants = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"];
    let metadata = json!({"token_endpoint_auth_method": "none", "grant_types": grants});
    doorward_testkit::OAuthClient::register_with(&stage.server, metadata).await.id
}

/// Questions about calls, each of which leads to a page.
pub(super) async fn confirm(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let mut all = Vec::new();
    for number in 0..FEW {
        let arguments = json!({ "number": number });
        let asked = stage.server.call(&stage.token, "wiki_wipe", arguments).await.expect(200);
        let said = asked.json()["result"]["content"][0]["text"].as_str().unwrap().to_owned();
        let link = said[said.find("http").unwrap()..].split(' ').next().unwrap().to_owned();
        let path = link.strip_prefix(&stage.server.url).unwrap();
        let page = browser.get(&link).await.expect(200);
        let csrf = field_of(&page.body, path, "csrf");
        all.push(stage.post(path, &browser, &[("csrf", &csrf)]));
    }
    all
}

/// The token of the form at `page` that posts to `action`.
pub(super) async fn csrf(stage: &Stage, browser: &Browser, page: &str, action: &str) -> String {
    let page = browser.get(&stage.server.at(page)).await.expect(200);
    field_of(&page.body, action, "csrf")
}

pub(super) async fn account_tokens(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let csrf = csrf(stage, &browser, routes::ACCOUNT_TOKENS, routes::ACCOUNT_TOKENS).await;
    let one = |number: u64| {
        let name = format!("dropped {number}");
        let fields = [
            ("csrf", csrf.as_str()),
            ("do", "make"),
            ("name", name.as_str()),
            ("days", "30"),
            ("scope-mcp:read", "1"),
        ];
        stage.post(routes::ACCOUNT_TOKENS, &browser, &fields)
    };
    (0..FEW).map(one).collect()
}

pub(super) async fn account_narrow(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let page = format!("{}?app={}", routes::ACCOUNT, stage.client.id);
    let mut all = Vec::new();
    for _ in 0..FEW {
        stage.client.tokens(&browser, &[("scope", "mcp:write")]).await;
        let csrf = csrf(stage, &browser, &page, routes::ACCOUNT_NARROW).await;
        let fields = [
            ("csrf", csrf.as_str()),
            ("client_id", stage.client.id.as_str()),
            ("scope-mcp:read", "1"),
        ];
        all.push(stage.post(routes::ACCOUNT_NARROW, &browser, &fields));
    }
    all
}

pub(super) async fn account_revoke(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let mut all = Vec::new();
    for _ in 0..FEW {
        stage.client.tokens(&browser, &[]).await;
        let csrf = csrf(stage, &browser, routes::ACCOUNT, routes::ACCOUNT_REVOKE).await;
        let fields = [("csrf", csrf.as_str()), ("client_id", stage.client.id.as_str())];
        all.push(stage.post(routes::ACCOUNT_REVOKE, &browser, &fields));
    }
    all
}

/// Each request ends another session of alice's.
pub(super) async fn account_end_session(stage: &Stage) -> Vec<Vec<u8>> {
    for _ in 0..FEW {
        stage.browser().await;
    }
    let browser = stage.browser().await;
    let page = browser.get(&stage.server.at(routes::ACCOUNT)).await.expect(200);
    let csrf = field_of(&page.body, routes::ACCOUNT_END_SESSION, "csrf");
    let form = format!("{}\"", routes::ACCOUNT_END_SESSION);
    page.body
        .split(form.as_str())
        .skip(1)
        .map(|form| form_value(form, "session_id").expect("a form that names its session"))
        .take(usize::try_from(FEW).unwrap())
        .map(|session| {
            let fields = [("csrf", csrf.as_str()), ("session_id", session.as_str())];
            stage.post(routes::ACCOUNT_END_SESSION, &browser, &fields)
        })
        .collect()
}

pub(super) async fn logout(stage: &Stage) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for _ in 0..FEW {
        let browser = stage.browser().await;
        let csrf = csrf(stage, &browser, routes::ACCOUNT, routes::LOGOUT).await;
        all.push(stage.post(routes::LOGOUT, &browser, &[("csrf", &csrf)]));
    }
    all
}

/// All but the last one name a wrong password.
pub(super) async fn account_password(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.browser().await;
    let csrf = csrf(stage, &browser, routes::ACCOUNT, routes::ACCOUNT_PASSWORD).await;
    let one = |number: u64| {
        let current = if number + 1 == FEW { PASSWORD } else { "wrong password" };
        let fields =
            [("csrf", csrf.as_str()), ("present", current), ("new", "another long password")];
        stage.post(routes::ACCOUNT_PASSWORD, &browser, &fields)
    };
    (0..FEW).map(one).collect()
}

pub(super) async fn admin_users(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let csrf = csrf(stage, &browser, routes::ADMIN_USERS, routes::ADMIN_USERS).await;
    let one = |number: u64| {
        let name = format!("page{number}");
        let fields = [("csrf", csrf.as_str()), ("name", name.as_str()), ("roles", "staff")];
        stage.post(routes::ADMIN_USERS, &browser, &fields)
    };
    (0..EACH).map(one).collect()
}

pub(super) async fn admin_user(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = stage.added(&format!("changed{number}")).await;
        let path = routes::ADMIN_USER.replace("{user}", &id);
        let csrf = csrf(stage, &browser, &path, "id=\"profile").await;
        let fields =
            [("csrf", csrf.as_str()), ("seen", seen.as_str()), ("do", "save"), ("roles", "lead")];
        all.push(stage.post(&path, &browser, &fields));
    }
    all
}

pub(super) async fn admin_clients(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let csrf = csrf(stage, &browser, routes::ADMIN_CLIENTS, routes::ADMIN_CLIENTS).await;
    let one = |number: u64| {
        let name = format!("page {number}");
        let fields = [
            ("csrf", csrf.as_str()),
            ("do", "add"),
            ("name", name.as_str()),
            ("redirect_uris", "https://portal.example/cb"),
        ];
        stage.post(routes::ADMIN_CLIENTS, &browser, &fields)
    };
    (0..EACH).map(one).collect()
}

/// A client that was added, with its state.
pub(super) async fn added_client(stage: &Stage, name: &str) -> (String, String) {
    let new = json!({"name": name, "redirect_uris": ["https://portal.example/cb"]});
    let (client, tag) = stage.ask(Method::POST, routes::API_CLIENTS, &new).await;
    (client["client_id"].as_str().unwrap().to_owned(), tag)
}

pub(super) async fn admin_client(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let mut all = Vec::new();
    for number in 0..FEW {
        let (id, seen) = added_client(stage, &format!("decided {number}")).await;
        let page = format!("{}?client_id={id}", routes::ADMIN_CLIENT);
        let csrf = csrf(stage, &browser, &page, routes::ADMIN_CLIENT).await;
        let fields = [
            ("csrf", csrf.as_str()),
            ("client_id", id.as_str()),
            ("seen", seen.as_str()),
            ("decision", "block"),
            ("sure", "1"),
        ];
        all.push(stage.post(routes::ADMIN_CLIENT, &browser, &fields));
    }
    all
}

async fn admin_form(
    stage: &Stage,
    route: &str,
    page: &str,
    fields: &[(&str, &str)],
) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let csrf = csrf(stage, &browser, page, route).await;
    let fields = [&[("csrf", csrf.as_str())], fields].concat();
    (0..FEW).map(|_| stage.post(route, &browser, &fields)).collect()
}

pub(super) async fn admin_keys(stage: &Stage) -> Vec<Vec<u8>> {
    admin_form(stage, routes::ADMIN_KEYS, routes::ADMIN_KEYS, &[("do", "rotate")]).await
}

pub(super) async fn admin_notice(stage: &Stage) -> Vec<Vec<u8>> {
    let browser = stage.root().await;
    let csrf = csrf(stage, &browser, routes::ADMIN_SETTINGS, routes::ADMIN_NOTICE).await;
    let one = |number: u64| {
        let notice = format!("notice {number}");
        let fields = [("csrf", csrf.as_str()), ("notice", notice.as_str())];
        stage.post(routes::ADMIN_NOTICE, &browser, &fields)
    };
    (0..EACH).map(one).collect()
}

pub(super) async fn admin_mcp(stage: &Stage) -> Vec<Vec<u8>> {
    let fields = [("enabled", "true"), ("acknowledged", "1")];
    admin_form(stage, routes::ADMIN_MCP, routes::ADMIN_SETTINGS, &fields).await
}

/// A text in an answer of the API.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}
