//! The attempts of clients to connect.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_language::{Message, text, timeline as texts};
use doorward_model::{
    Outcome, UserId,
    timeline::{Attempt, Standing, attempts},
};
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, filters, moment};

use crate::{
    Console,
    pages::{Administrator, draw},
};

/// Number of attempts that the page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "admin_timeline.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    client: String,
    hours: i64,
    attempts: Vec<Row>,
}

struct Row {
    name: String,
    client_id: String,
    user: String,
    began: String,
    standing: Message,
    good: bool,
    wrong: bool,
    what: Message,
    detail: String,
    advice: Option<Message>,
    quirk: Option<Message>,
    steps: Vec<Step>,
}

struct Step {
    at: String,
    title: Message,
    good: bool,
    what: Option<Message>,
    detail: String,
    from: String,
}

async fn row(console: &Console, attempt: &Attempt) -> Row {
    let verdict = attempt.verdict(console.clock.now());
    let user = match attempt.user_id() {
        Some(id) => console
            .store
            .user(&UserId::from_text(id))
            .await
            .ok()
            .flatten()
            .map_or_else(|| id.to_owned(), |user| user.name.to_string()),
        None => String::new(),
    };
    let steps = attempt.steps.iter().map(|step| Step {
        at: moment(step.at),
        title: texts::step_kind(step.kind),
        good: step.outcome == Outcome::Ok,
        what: step.reason.map(texts::reason),
        detail: step.detail.clone(),
        from: format!("{} {}", step.address, step.agent),
    });
    Row {
        name: attempt.name(),
        client_id: attempt.client_id().unwrap_or_default().to_owned(),
        user,
        began: moment(attempt.began()),
        standing: texts::standing(verdict.standing),
        good: verdict.standing == Standing::Connected,
        wrong: matches!(verdict.standing, Standing::Refused | Standing::Stopped),
        what: texts::cause(verdict.cause),
        detail: verdict.detail,
        advice: texts::advice(verdict.cause),
        quirk: verdict.quirk.map(texts::quirk),
        steps: steps.collect(),
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let client: String =
        params.get("client").unwrap_or_default().trim().chars().take(512).collect();
    let hours =
        params.get("hours").and_then(|hours| hours.parse().ok()).unwrap_or(24_i64).clamp(1, 168);
    let steps = match console.store.connect_steps(console.clock.now().plus(-hours * 3600)).await {
        Ok(steps) => steps,
        Err(error) => return ErrorPage::unavailable(&error).draw(&console.web),
    };
    let mut rows = Vec::new();
    for attempt in attempts(steps)
        .iter()
        .filter(|attempt| client.is_empty() || attempt.is_of(&client))
        .take(SHOWN)
    {
        rows.push(row(&console, attempt).await);
    }
    draw(
        StatusCode::OK,
        &Page {
            frame: console.web.frame(Some(&administrator.0.browser)),
            tab: "timeline",
            client,
            hours,
            attempts: rows,
        },
    )
}
