//! First passwords that administrators choose, and the states of users who cannot sign in yet.

use doorward_testkit::{Browser, OAuthClient, PASSWORD, Page, form_value, run_command};
use serde_json::{Value, json};

use crate::reload::Served;

const FIRST: &str = "a first password";

async fn add(served: &Served, arguments: &[&str], password: &str) -> Value {
    let all = [&["--data-dir", served.data.to_str().unwrap(), "--json", "user", "add"], arguments];
    let output = run_command(&all.concat(), &served.given(), password).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn login(browser: &Browser, url: &str, name: &str, password: &str) -> Page {
    let page = browser.get(url).await.expect(200);
    let csrf = form_value(&page.body, "csrf").unwrap();
    let mut fields =
        vec![("csrf", csrf), ("name", name.to_owned()), ("password", password.to_owned())];
    for hidden in ["request", "next"] {
        fields.extend(form_value(&page.body, hidden).map(|value| (hidden, value)));
    }
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let at = url.split("/login").next().unwrap();
    browser.post(&format!("{at}/login"), &fields).await
}

async fn state(served: &Served, name: &str) -> String {
    let shown = served.command(&["--json", "user", "show", name]).await.1;
    serde_json::from_str::<Value>(&shown).unwrap()["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_password_opens_nothing_but_the_choice_of_another() {
    let served = Served::start("first-password", "").await;
    let base = served.process.url.clone();
    let (root, token) = served.administrator().await;
    // By command, by page and by the API.
    assert_eq!(add(&served, &["ada", "--password-stdin"], FIRST).await["state"], "first_password");
    let list = root.get(&format!("{base}/admin/users")).await.expect(200);
    let at = list.body.find("/admin/users\" class").unwrap();
    let csrf = form_value(&list.body[at..], "csrf").unwrap();
    let fields = [("csrf", csrf.as_str()), ("name", "bea"), ("password", FIRST)];
    root.post(&format!("{base}/admin/users"), &fields).await.expect(303);
    let api = Browser::new();
    let request = api
        .raw(reqwest::Method::POST, &format!("{base}/api/admin/users"))
        .bearer_auth(&token)
        .json(&json!({"name": "cleo", "password": FIRST}));
    assert_eq!(api.send(request).await.expect(201).json()["state"], "first_password");
    for name in ["ada", "bea", "cleo"] {
        let page = root.get(&format!("{base}/admin/users")).await.expect(200);
        assert!(page.body.contains("must change the first password"), "{name}: {}", page.body);
        let browser = Browser::new();
        // In the middle of an authorization: it goes on after the choice.
        let client = OAuthClient::register_at(&base).await;
        let url = client.authorize_url(&doorward_testkit::Pkce::default(), &[]);
        let to = browser.get(&url).await.expect(303).location();
        let to = if to.starts_with('/') { format!("{base}{to}") } else { to };
        assert_eq!(login(&browser, &to, name, "another password").await.status, 401);
        let choose = login(&browser, &to, name, FIRST).await.expect(303).location();
        assert!(choose.contains("/login/reset/") && choose.contains("request="), "{choose}");
        let account = browser.get(&format!("{base}/account")).await;
        assert_eq!(account.status, 303, "no user is signed in: {}", account.body);
        let choose = if choose.starts_with('/') { format!("{base}{choose}") } else { choose };
        let page = browser.get(&choose).await.expect(200);
        assert!(page.body.contains("first password"), "{}", page.body);
        let csrf = form_value(&page.body, "csrf").unwrap();
        let fields =
            |password: &'static str| [("csrf", csrf.clone()), ("password", password.to_owned())];
        for (password, status) in [("short", 400), (PASSWORD, 200)] {
            let fields = fields(password);
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            let done = browser.post(&choose, &fields).await.expect(status);
            assert!(status == 400 || done.body.contains("/login?request="), "{}", done.body);
        }
        assert_eq!(state(&served, name).await, "active");
        let fields = fields(PASSWORD);
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_ne!(browser.post(&choose, &fields).await.status, 200, "the link worked once");
        assert_eq!(login(&browser, &to, name, FIRST).await.status, 401);
        login(&browser, &to, name, PASSWORD).await.expect(303);
        browser.get(&format!("{base}/account")).await.expect(200);
    }
    // A password that is the user's own stays.
    let own = add(&served, &["dora", "--password-stdin", "--keep-password"], PASSWORD).await;
    assert_eq!(own["state"], "active");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_cannot_sign_in_is_shown_as_active_nowhere() {
    let provider = "[providers.hub]\nkind = \"github\"\nclient_id = \"an-id\"\nclient_secret = \"s\"\nsign_up = \"invited\"\n";
    let served = Served::start("not-active", provider).await;
    let (root, token) = served.administrator().await;
    let base = served.process.url.clone();
    add(&served, &["ada"], "").await;
    add(&served, &["bea", "--email", "bea@example.com", "--provider", "hub"], "").await;
    for name in ["ada", "bea"] {
        assert_eq!(state(&served, name).await, "cannot_sign_in");
        let api = Browser::new();
        let list = format!("{base}/api/admin/users");
        let users = api.send(api.raw(reqwest::Method::GET, &list).bearer_auth(&token)).await;
        let users = users.expect(200).json();
        let one = users["users"].as_array().unwrap().iter().find(|one| one["name"] == name);
        assert_eq!(one.unwrap()["state"], "cannot_sign_in");
        let id = one.unwrap()["id"].as_str().unwrap();
        let page = root.get(&format!("{base}/admin/users/{id}")).await.expect(200);
        assert!(page.body.contains("cannot sign in yet"), "{}", page.body);
    }
    let (_, table) = served.command(&["user", "list"]).await;
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("root").contains("active") && row("ada").contains("cannot sign in"), "{table}");
    served.end().await;
}
