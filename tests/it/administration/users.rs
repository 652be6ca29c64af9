//! Users: adding and inviting, changing, removing.

use doorward_accounts::{Authority, NewAccount};
use doorward_model::{Role, User};
use doorward_testkit::{FakeMailServer, FakeProvider, PASSWORD, TestServer, form_value};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Asked, Case, Object, Stage, Via, compare, done};

/// Adding a user: the same fields in each front end.
fn adding<'a>(
    name: &'a str,
    fields: &[(&'a str, &'a str)],
    more: &[&'a str],
    refused: Option<&'a str>,
) -> Case<'a> {
    let value =
        |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let sign_in_name = value("name").unwrap_or("{name}");
    let mut form = vec![("name", sign_in_name)];
    form.extend(fields.iter().filter(|(known, _)| *known != "name"));
    let mut body = json!({ "name": sign_in_name });
    let mut command = vec!["user", "add", sign_in_name];
    for (field, option) in [("email", "--email"), ("provider", "--provider"), ("roles", "--role")] {
        let Some(value) = value(field) else { continue };
        body[field] = if field == "roles" { json!([value]) } else { json!(value) };
        command.extend([option, value]);
    }
    if let Some(password) = value("password") {
        body["password"] = json!(password);
        command.push("--password-stdin");
    }
    command.extend(more);
    let asked = Asked {
        page: ("/admin/users", form),
        api: (Method::POST, "/users", body),
        command: (command, value("password").unwrap_or_default()),
    };
    Case { name, asked, refused, silent: false }
}

/// A change of an existing user: the page's form, the API's request, the command's arguments.
fn changing<'a>(
    name: &'a str,
    fields: &[(&'a str, &'a str)],
    (method, path, body): (Method, &'a str, Value),
    (command, stdin): (&[&'a str], &'a str),
) -> Case<'a> {
    let mut words = vec!["user"];
    words.extend(command);
    let asked = Asked {
        page: ("/admin/users/{id}", fields.to_vec()),
        api: (method, path, body),
        command: (words, stdin),
    };
    done(name, asked)
}

fn with_code<'a>(case: Case<'a>, code: &'a str) -> Case<'a> {
    Case { refused: Some(code), ..case }
}

fn of_adding<'a>() -> Vec<Case<'a>> {
    let email = ("email", "{name}@example.com");
    vec![
        adding("bare", &[], &[], None),
        adding("with an e-mail address", &[email], &[], None),
        adding("with a password", &[email, ("password", "correct horse battery")], &[], None),
        adding("with a role", &[email, ("roles", "staff")], &[], None),
        adding("through a provider", &[email, ("provider", "corp")], &[], None),
        adding("taken", &[("name", "root")], &[], Some("name_taken")),
        adding("no name", &[("name", "no spaces")], &[], Some("invalid_name")),
        adding("no e-mail address", &[("email", "nowhere")], &[], Some("invalid_email")),
        adding("short password", &[("password", "short")], &[], Some("invalid_password")),
        adding("no role", &[("roles", "No-Role!")], &[], Some("invalid_roles")),
        adding("provider alone", &[("provider", "corp")], &[], Some("email_needed")),
        adding("provider off", &[email, ("provider", "off")], &[], Some("provider_off")),
    ]
}

fn of_changing<'a>() -> Vec<Case<'a>> {
    let name = "{name}";
    let password = "another battery staple";
    vec![
        changing(
            "roles",
            &[("do", "save"), ("roles", "lead")],
            (Method::PATCH, "/users/{id}", json!({"roles": ["lead"]})),
            (&["set-role", name, "lead"], ""),
        ),
        with_code(
            changing(
                "wrong roles",
                &[("do", "save"), ("roles", "No-Role!")],
                (Method::PATCH, "/users/{id}", json!({"roles": ["No-Role!"]})),
                (&["set-role", name, "No-Role!"], ""),
            ),
            "invalid_roles",
        ),
        changing(
            "disabling",
            &[("do", "disable"), ("sure", "1")],
            (Method::PATCH, "/users/{id}", json!({"disabled": true})),
            (&["disable", name], ""),
        ),
        changing(
            "enabling",
            &[("do", "enable")],
            (Method::PATCH, "/users/{id}", json!({"disabled": false})),
            (&["enable", name], ""),
        )
        .silent(),
        changing(
            "password",
            &[("do", "password"), ("password", password)],
            (Method::POST, "/users/{id}/password", json!({"password": password})),
            (&["set-password", name, "--password-stdin"], password),
        ),
        with_code(
            changing(
                "short password",
                &[("do", "password"), ("password", "short")],
                (Method::POST, "/users/{id}/password", json!({"password": "short"})),
                (&["set-password", name, "--password-stdin"], "short"),
            ),
            "invalid_password",
        ),
        changing(
            "factors",
            &[("do", "reset-factors"), ("sure", "1")],
            (Method::DELETE, "/users/{id}/factors", Value::Null),
            (&["reset-factors", name], ""),
        ),
        changing(
            "signing out",
            &[("do", "sign-out"), ("apps", "1")],
            (Method::POST, "/users/{id}/sign-out", json!({"apps": true})),
            (&["sign-out", name, "--apps"], ""),
        ),
        changing(
            "deleting",
            &[("do", "delete"), ("sure", "1")],
            (Method::DELETE, "/users/{id}", Value::Null),
            (&["delete", name], ""),
        ),
    ]
}

/// The only administrator.
fn of_the_last_administrator<'a>() -> Vec<Case<'a>> {
    let cases = vec![
        changing(
            "last: roles",
            &[("do", "save"), ("roles", "")],
            (Method::PATCH, "/users/{id}", json!({"roles": []})),
            (&["set-role", "root"], ""),
        ),
        changing(
            "last: disabling",
            &[("do", "disable"), ("sure", "1")],
            (Method::PATCH, "/users/{id}", json!({"disabled": true})),
            (&["disable", "root"], ""),
        ),
        changing(
            "last: deleting",
            &[("do", "delete"), ("sure", "1")],
            (Method::DELETE, "/users/{id}", Value::Null),
            (&["delete", "root"], ""),
        ),
    ];
    cases.into_iter().map(|case| with_code(case, "last_administrator")).collect()
}

fn object(user: Option<User>) -> Object {
    let Some(user) = user else { return Object::default() };
    let roles: Vec<_> = user.roles.iter().map(ToString::to_string).collect();
    let facts = (&user.email, user.password.is_some(), user.disabled_at.is_some());
    let state = format!("{roles:?} {facts:?} {:?}", user.display_name);
    Object { id: user.id.to_string(), etag: user.etag(), state }
}

async fn stage(mail: Option<&FakeMailServer>) -> (Stage, FakeProvider) {
    let provider = FakeProvider::start().await;
    let url = mail.map(|mail| mail.url.clone()).unwrap_or_default();
    let server = TestServer::start_with(|config| {
        config.mail.url = url;
        config.mail.from = "Doorward <doorward@example.com>".into();
    })
    .await;
    // Not in the configuration file, so that commands see them too.
    for (name, enabled) in [("corp", true), ("off", false)] {
        let mut config = provider.config();
        config.enabled = enabled;
        server.app.federation.add(name, config).await.unwrap();
    }
    (Stage::on(server).await, provider)
}

#[tokio::test]
async fn users_are_added_alike_by_page_api_and_command() {
    let (stage, _provider) = stage(None).await;
    let find = async |name: &str| object(stage.user(name).await);
    compare(&stage, &of_adding(), async |_: &str| Object::default(), find).await;
}

#[tokio::test]
async fn users_are_changed_and_removed_alike_by_page_api_and_command() {
    let (stage, _provider) = stage(None).await;
    let find = async |name: &str| object(stage.user(name).await);
    let prepare = async |name: &str| {
        let new = NewAccount {
            name: name.to_owned(),
            email: Some(format!("{name}@example.com")),
            password: None,
            password_temporary: false,
            roles: vec![Role::parse("staff").unwrap()],
        };
        let user = stage.server.app.accounts.add(&Authority::operator(), new).await.unwrap();
        object(Some(user))
    };
    compare(&stage, &of_changing(), prepare, find).await;
    let last = async |_: &str| object(stage.user("root").await);
    compare(&stage, &of_the_last_administrator(), last, find).await;
}

/// The link of an invitation, from wherever it is.
fn link(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("/login/reset/")?;
    rest.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.~%".contains(letter)).next()
}

#[tokio::test]
async fn an_invitation_goes_by_mail_or_else_its_link_is_handed_over_in_every_front_end() {
    let mail = FakeMailServer::start().await;
    let (stage, _provider) = stage(Some(&mail)).await;
    let cases = of_adding();
    for (at, via) in Via::ALL.into_iter().enumerate() {
        let name = format!("mailed-{}", via.suffix());
        let outcome = stage.ask(via, &cases[1].asked, &[("name", &name)]).await;
        let letter = mail.mail(at).await;
        assert!(
            letter.to == format!("{name}@example.com") && link(&letter.text).is_some(),
            "{via:?}: {letter:?}"
        );
        assert!(link(&outcome.answer).is_none(), "{via:?}: {}", outcome.answer);
    }
    // Without an e-mail address the administrator passes the link on, and it works.
    for via in Via::ALL {
        let name = format!("handed-{}", via.suffix());
        let outcome = stage.ask(via, &cases[0].asked, &[("name", &name)]).await;
        let link = link(&outcome.answer).unwrap_or_else(|| panic!("{via:?}: {}", outcome.answer));
        let url = stage.server.at(&format!("/login/reset/{link}"));
        let browser = doorward_testkit::Browser::new();
        let page = browser.get(&url).await.expect(200);
        assert!(page.body.contains(&name), "{via:?}");
        // It is the first password of this user: nothing is replaced, and nothing ends.
        assert!(page.body.contains("<h1>Choose a password</h1>"), "{via:?}: {}", page.body);
        let csrf = form_value(&page.body, "csrf").unwrap();
        let fields = [("csrf", csrf.as_str()), ("password", PASSWORD)];
        let done = browser.post(&url, &fields).await.expect(200);
        assert!(done.body.contains("Your password is set"), "{via:?}: {}", done.body);
        assert!(!done.body.contains("sessions have ended"), "{via:?}: {}", done.body);
    }
    // A mail server that does not accept the mail loses no invitation.
    for via in Via::ALL {
        let name = format!("refused-{}", via.suffix());
        let outcome = stage.ask(via, &cases[1].asked, &[("name", &name)]).await;
        assert!(outcome.code.is_none() && link(&outcome.answer).is_some(), "{via:?}: {outcome:?}");
        assert!(stage.user(&name).await.is_some());
    }
}
