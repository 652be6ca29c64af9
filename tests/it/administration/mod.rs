//! One operation, three front ends: page, API and command store the same, leave the same entries in
//! the audit and refuse with the same code.

mod announced;
mod audit;
mod clients;
mod connections;
mod groups;
mod mail;
mod overview;
mod policy;
mod policy_versions;
mod providers;
mod resources;
mod rules;
mod settings;
mod tokens;
mod tools_of_user;
mod toolsets;
mod trust;
mod upstreams;
mod usage;
mod users;

use std::sync::atomic::{AtomicUsize, Ordering};

use doorward_model::User;
use doorward_store::Store;
use doorward_testkit::{Browser, Page, TestServer, run_command};
use reqwest::Method;
use serde_json::Value;

/// A front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Page,
    Api,
    Command,
}

impl Via {
    pub(crate) const ALL: [Self; 3] = [Self::Page, Self::Api, Self::Command];

    /// The front end in names.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
            Self::Command => "command",
        }
    }
}

/// The request of each front end for an operation. `{…}` in a text is replaced.
pub(crate) struct Asked<'a> {
    /// The page with the form, and the form's fields.
    pub(crate) page: (&'a str, Vec<(&'a str, &'a str)>),
    /// The request of the API.
    pub(crate) api: (Method, &'a str, Value),
    /// The command and its standard input.
    pub(crate) command: (Vec<&'a str>, &'a str),
}

/// The outcome: the code of the refusal, or the front end's answer.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<String>,
    pub(crate) answer: String,
}

/// A server with an administrator in a browser and one with a token.
pub(crate) struct Stage {
    pub(crate) server: TestServer,
    browser: Browser,
    key: String,
}

impl Stage {
    pub(crate) async fn on(server: TestServer) -> Self {
        let root = server.user_with("root", &["admin"]).await;
        let key = crate::admin::key(&server, &root, "admin").await;
        let browser = server.signed_in("root").await;
        Self { server, browser, key }
    }

    /// The stored data, read past every cache of the running server.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.server.config.store, &self.server.data_dir).await.unwrap()
    }

    pub(crate) async fn user(&self, name: &str) -> Option<User> {
        let name = doorward_model::UserName::parse(name).unwrap();
        self.store().await.user_named(&name).await.unwrap()
    }

    /// The last entry of the audit.
    pub(crate) async fn head(&self) -> i64 {
        // Late notes of the server do not belong to the operation.
        self.server.app.store.flush().await.unwrap();
        self.store().await.audit_head().await.unwrap().seq
    }

    /// The entries of the audit after `seq`: kind, outcome, subject and detail.
    pub(crate) async fn entries(&self, seq: i64) -> Vec<String> {
        let entries = self.store().await.audit_after(seq, 100).await.unwrap();
        let told = entries.iter().map(|entry| {
            let event = &entry.event;
            let outcome = event.outcome.as_str();
            format!("{} {outcome} {} {}", event.kind, event.subject, unnamed(&event.detail))
        });
        told.collect()
    }

    /// Asks one front end.
    pub(crate) async fn ask(&self, via: Via, asked: &Asked<'_>, fill: &[(&str, &str)]) -> Outcome {
        let fill = |text: &str| {
            fill.iter().fold(text.to_owned(), |text, (gap, value)| {
                text.replace(&format!("{{{gap}}}"), value)
            })
        };
        match via {
            Via::Page => self.by_page(&fill(asked.page.0), &asked.page.1, &fill).await,
            Via::Api => {
                let (method, path, body) = &asked.api;
                let body: Value = serde_json::from_str(&fill(&body.to_string())).unwrap();
                self.by_api(method.clone(), &fill(path), body, &fill("{etag}")).await
            }
            Via::Command => {
                let words: Vec<String> = asked.command.0.iter().map(|word| fill(word)).collect();
                self.by_command(&words, &fill(asked.command.1)).await
            }
        }
    }

    async fn by_page(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        fill: &impl Fn(&str) -> String,
    ) -> Outcome {
        // The form may be on another page than the one that it is sent to.
        let (shown, sent) = path.split_once(" > ").unwrap_or((path, path));
        let page = self.browser.get(&self.server.at(shown)).await;
        if page.status == 404 {
            return Outcome { code: Some("not_found".to_owned()), answer: page.body };
        }
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let hidden = |name: &str| {
            let marker = format!("name=\"{name}\" value=\"");
            // A button may send the form that it is in somewhere else.
            let button = page.body.split_once(&format!(" formaction=\"{sent}\""));
            let form = page.body.split_once(&format!(" action=\"{sent}\""));
            let found = match (button, form) {
                (Some((before, _)), _) => before.rsplit_once(&marker),
                (None, Some((_, form))) => form.split_once(&marker),
                (None, None) => None,
            };
            let (_, rest) = found.or_else(|| page.body.rsplit_once(&marker))?;
            rest.split('"').next().map(ToOwned::to_owned)
        };
        let mut form = vec![("csrf".to_owned(), hidden("csrf").unwrap())];
        let is_given = fields.iter().any(|(name, _)| *name == "seen");
        if let Some(seen) = hidden("seen").filter(|_| !is_given) {
            form.push(("seen".to_owned(), seen));
        }
        form.extend(fields.iter().map(|(name, value)| (fill(name), fill(value))));
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.browser.post(&self.server.at(sent), &form).await;
        let code = answer
            .body
            .split_once("data-code=\"")
            .map(|(_, rest)| rest.split('"').next().unwrap_or_default().to_owned());
        if answer.status == 404 {
            return Outcome { code: Some("not_found".to_owned()), answer: answer.body };
        }
        let refused = answer.status >= 400;
        assert_eq!(refused, code.is_some(), "{} {}", answer.status, answer.body);
        Outcome { code, answer: answer.body }
    }

    async fn by_api(&self, method: Method, path: &str, body: Value, etag: &str) -> Outcome {
        let browser = Browser::new();
        let url = self.server.at(&format!("/api/admin{path}"));
        let mut seen = format!("\"{etag}\"");
        // Where the case names no state, it is read before the object is deleted.
        if method == Method::DELETE && ["", "{etag}"].contains(&etag) {
            let shown = browser.send(browser.raw(Method::GET, &url).bearer_auth(&self.key)).await;
            seen = Some(shown.header("etag")).filter(|read| !read.is_empty()).unwrap_or(seen);
        }
        let mut request = browser.raw(method, &url).bearer_auth(&self.key).header("if-match", seen);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer: Page = browser.send(request).await;
        let code = (answer.status >= 400)
            .then(|| answer.json()["error"].as_str().unwrap_or_default().to_owned());
        Outcome { code, answer: answer.body }
    }

    async fn by_command(&self, words: &[String], stdin: &str) -> Outcome {
        let config = &self.server.config;
        let data_dir = self.server.data_dir.to_str().unwrap();
        let mut arguments = vec!["--data-dir", data_dir, "--json"];
        arguments.extend(words.iter().map(String::as_str));
        let variables = [
            ("DOORWARD_STORE__URL", config.store.url.reveal()),
            ("DOORWARD_SERVER__LISTEN", config.server.listen.as_str()),
            ("DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB", "64"),
            ("DOORWARD_MAIL__URL", config.mail.url.as_str()),
            ("DOORWARD_MAIL__FROM", config.mail.from.as_str()),
        ];
        let output = run_command(&arguments, &variables, stdin).await;
        let (said, wrong) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let code = (!output.status.success()).then(|| {
            let (_, rest) = wrong.rsplit_once('[').unwrap_or_else(|| panic!("no code: {wrong}"));
            rest.trim().trim_end_matches(']').to_owned()
        });
        Outcome { code, answer: said }
    }
}

/// The facts of an entry without the digests of secrets, which differ.
fn unnamed(detail: &str) -> String {
    let mut parts = detail.split("\"secret\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        format!("{text}\"secret\":\"{}", &part[part.find('"').unwrap_or_default()..])
    })
}

/// Replaces the differences between two objects by equal texts.
pub(crate) fn alike(text: &str, differs: &[(&str, &str)]) -> String {
    differs.iter().fold(text.to_owned(), |text, (what, name)| text.replace(what, name))
}

/// An operation and the refusal that is expected.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) asked: Asked<'a>,
    pub(crate) refused: Option<&'a str>,
    /// True if the operation, when it is done, changes nothing that is audited.
    pub(crate) silent: bool,
}

impl Case<'_> {
    pub(crate) fn silent(self) -> Self {
        Self { silent: true, ..self }
    }
}

/// A case that is done.
pub(crate) fn done<'a>(name: &'a str, asked: Asked<'a>) -> Case<'a> {
    Case { name, asked, refused: None, silent: false }
}

/// A case that is refused.
pub(crate) fn refused<'a>(name: &'a str, code: &'a str, asked: Asked<'a>) -> Case<'a> {
    Case { name, asked, refused: Some(code), silent: false }
}

/// The object that an operation is about.
#[derive(Default)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) etag: String,
    /// The stored part of it, as far as it must be the same in each front end.
    pub(crate) state: String,
}

/// Carries each case out through each front end and compares outcome, stored state and audit.
/// `prepare` makes the object of a name, where the operation needs one; `find` reads it afterwards.
pub(crate) async fn compare(
    stage: &Stage,
    cases: &[Case<'_>],
    prepare: impl AsyncFn(&str) -> Object,
    find: impl AsyncFn(&str) -> Object,
) {
    // Names that no case before had.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    for case in cases {
        let at = COUNT.fetch_add(1, Ordering::SeqCst);
        let mut all = Vec::new();
        for via in Via::ALL {
            let name = format!("u{at}-{}", via.suffix());
            let before = prepare(&name).await;
            let head = stage.head().await;
            let fill = [
                ("name", name.as_str()),
                ("id", before.id.as_str()),
                ("etag", before.etag.as_str()),
            ];
            let outcome = stage.ask(via, &case.asked, &fill).await;
            let code = outcome.code.as_deref();
            assert_eq!(code, case.refused, "{}: {via:?}: {}", case.name, outcome.answer);
            let after = find(&name).await;
            let entries = stage.entries(head).await;
            let audited = !entries.is_empty();
            let done = case.refused.is_none();
            assert_eq!(audited, done && !case.silent, "{}: {via:?}: {entries:#?}", case.name);
            let id = if after.id.is_empty() { &before.id } else { &after.id };
            // An id of nothing replaces nothing.
            let id = if id.is_empty() { "no id" } else { id };
            let kept = format!("{} {entries:#?}", after.state);
            all.push(alike(&kept, &[(&name, "NAME"), (id, "ID")]));
        }
        assert_eq!(all[0], all[1], "{}: page and API", case.name);
        assert_eq!(all[1], all[2], "{}: API and command", case.name);
    }
}
