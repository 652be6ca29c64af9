//! Import of users from a table: the form, the list of what would happen, and the import.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{
    Effect, IMPORT_COLUMNS, Imported, ImportedLine, Kind, LineEffect, Refusal, UserTable,
};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_web::{Frame, SignInTarget, filters, form};
use serde_json::Value;

use crate::{
    Console,
    pages::{Administrator, draw, list::Feedback, user_list::ProviderChoice},
    refusals::{Alert, alert, oops, reason},
};

#[derive(Template)]
#[template(path = "admin_import.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    columns: String,
    providers: Vec<ProviderChoice>,
    typed: Typed,
    /// The list of what the table would do.
    plan: Option<Plan>,
}

/// The form as it was sent.
#[derive(Default)]
struct Typed {
    csv: String,
    provider: String,
}

/// The list of what a table does.
struct Plan {
    etag: String,
    summary: Message,
    lines: Vec<Line>,
    /// It can be put in effect.
    fit: bool,
}

struct Line {
    number: usize,
    name: String,
    effect: Message,
    good: bool,
    details: Vec<String>,
    error: Option<Message>,
}

/// A value in words.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn line(ImportedLine { line, name, result }: &ImportedLine) -> Line {
    let (effect, details, error) = match result {
        Ok((effect, differences)) => {
            let told = match effect {
                LineEffect::Add => text::import_add(),
                LineEffect::Change => text::import_change(),
                LineEffect::Same => text::import_same(),
            };
            let part = |before: &Value, after: &Value| match (words(before), words(after)) {
                (before, after) if before.is_empty() => after,
                (before, after) => format!("{before} → {after}"),
            };
            let details = differences
                .iter()
                .filter(|one| !words(&one.after).is_empty() || !words(&one.before).is_empty())
                .map(|one| format!("{}: {}", one.key, part(&one.before, &one.after)));
            (told, details.collect(), None)
        }
        Err(refusal) => (text::import_refused(), Vec::new(), Some(reason(refusal))),
    };
    let good = result.is_ok();
    Line { number: *line, name: name.clone(), effect, good, details, error }
}

impl Plan {
    fn of(done: &Imported) -> Self {
        let (added, changed) = (done.count(LineEffect::Add), done.count(LineEffect::Change));
        let refused = done.refused();
        Self {
            etag: done.etag.clone(),
            summary: text::import_summary(
                added.to_string(),
                changed.to_string(),
                done.count(LineEffect::Same).to_string(),
                refused.to_string(),
            ),
            lines: done.lines.iter().map(line).collect(),
            fit: refused == 0 && added + changed > 0,
        }
    }
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    typed: Typed,
    Feedback { status, message, error, .. }: Feedback,
    plan: Option<Plan>,
) -> Response {
    let providers = match console.admin.providers.enabled().await {
        Ok(providers) => providers,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let browser = &administrator.0.browser;
    let page = Page {
        frame: console.web.frame(Some(browser)),
        tab: "users",
        csrf: console.web.csrf(browser, "import"),
        message,
        error,
        columns: IMPORT_COLUMNS.join(","),
        providers: providers.iter().map(ProviderChoice::of).collect(),
        typed,
        plan,
    };
    draw(status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
) -> Response {
    show(&console, &administrator, Typed::default(), Feedback::default(), None).await
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "import", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let target = SignInTarget::page(routes::ADMIN_USERS_IMPORT);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let typed = Typed { csv: text("csv"), provider: text("provider") };
    let is_meant = params.get("do") == Some("import");
    let table = UserTable {
        csv: &typed.csv,
        provider: Some(&typed.provider),
        // Without the list that was looked at, nothing is imported.
        seen: Some(params.get("seen").unwrap_or_default()),
        effect: if is_meant { Effect::Apply } else { Effect::Show },
    };
    let (invitations, groups) = (&console.admin.invitations, &console.admin.groups);
    match invitations.import(&authority, groups, table).await {
        Ok(done) if done.applied => {
            let changed = done.count(LineEffect::Add) + done.count(LineEffect::Change);
            let feedback = Feedback::done(text::import_done(changed));
            let plan = Plan { fit: false, ..Plan::of(&done) };
            show(&console, &administrator, Typed::default(), feedback, Some(plan)).await
        }
        Ok(done) => {
            let plan = Some(Plan::of(&done));
            show(&console, &administrator, typed, Feedback::default(), plan).await
        }
        Err(refusal) => refused(&console, &administrator, typed, &refusal).await,
    }
}

async fn refused(
    console: &Console,
    administrator: &Administrator,
    typed: Typed,
    refusal: &Refusal,
) -> Response {
    // The provider was chosen in the form: it is not the object of the page.
    let answer = match refusal.kind() {
        Kind::Missing => Ok(Alert::unanswered(refusal)),
        Kind::Invalid | Kind::Conflict | Kind::Changed | Kind::Unavailable => {
            alert(console, refusal)
        }
    };
    match answer {
        Ok(alert) => show(console, administrator, typed, Feedback::refused(alert), None).await,
        Err(response) => response,
    }
}
