//! Signing keys.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{KeyState, Listed, Refusal};
use doorward_language::{Message, text};
use doorward_model::{SigningKey, routes};
use doorward_transport::{Params, answer};
use doorward_web::table::{Badge, Cell, Column, Row};
use doorward_web::{ErrorPage, Frame, filters, form, moment};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, InMemory, ListView, Parts, Rows},
    },
    refusals::oops,
};

#[derive(Template)]
#[template(path = "admin_keys.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    parts: Parts,
}

/// The signing keys, the newest first.
struct KeyRows;

fn state(state: KeyState) -> Message {
    match state {
        KeyState::Active => text::admin_keys_state_active(),
        KeyState::Next => text::admin_keys_state_next(),
        KeyState::Verifies | KeyState::Retired => text::admin_keys_state_verifies(),
    }
}

impl Rows for KeyRows {
    type Query = InMemory;
    type Row = (SigningKey, KeyState);

    const TAB: &'static str = "keys";
    const NAME: &'static str = "keys";

    fn path(&self) -> String {
        routes::ADMIN_KEYS.to_owned()
    }

    fn title(&self) -> Message {
        text::admin_keys()
    }

    fn search(&self) -> Option<Message> {
        None
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::plain(text::admin_keys_key()),
            Column::plain(text::admin_keys_algorithm()),
            Column::plain(text::admin_keys_from()),
            Column::plain(text::admin_keys_until()),
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, (key, held): &(SigningKey, KeyState)) -> Row {
        let cells = vec![
            Cell::Id(key.kid.clone()),
            Cell::Text(key.algorithm.as_str().to_owned()),
            Cell::Time(moment(key.activates_at)),
            Cell::Time(key.retires_at.map(moment).unwrap_or_default()),
            Cell::Badges(vec![Badge::new(state(*held), *held == KeyState::Active)]),
        ];
        Row::new(key.kid.clone(), key.kid.clone(), cells)
    }

    async fn part(
        &self,
        console: &Console,
        asked: InMemory,
    ) -> Result<Listed<(SigningKey, KeyState)>, Refusal> {
        let newest_first = console.admin.keys.all().await?.into_iter().rev().collect();
        asked.part(newest_first, &[], |(key, _): &(SigningKey, KeyState)| key.kid.clone())
    }
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    match list::parts(console, administrator, &KeyRows, params, feedback).await {
        Ok(ListView { status, parts, rows: _ }) => {
            let browser = &administrator.0.browser;
            let csrf = console.web.csrf(browser, KeyRows::NAME);
            draw(
                status,
                &Page { frame: console.web.frame(Some(browser)), tab: "keys", csrf, parts },
            )
        }
        Err(response) => response,
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let keys = match console.admin.keys.all().await {
        Ok(keys) => keys,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    // A new key is answered with a redirection: the message is about one that waits indeed.
    let created = params
        .get("changed")
        .filter(|kid| keys.iter().any(|(key, state)| key.kid == *kid && *state == KeyState::Next));
    let feedback = created.map_or_else(Feedback::default, |kid| {
        Feedback::done(text::admin_keys_created()).about(vec![kid.to_owned()])
    });
    show(&console, &administrator, &params, feedback).await
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "keys", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    if params.get("do") != Some("rotate") {
        return ErrorPage::incomplete("do").draw(&console.web);
    }
    match console.admin.keys.rotate(false).await {
        Ok(key) => {
            let kid: String = url::form_urlencoded::byte_serialize(key.kid.as_bytes()).collect();
            let page = format!("{}?changed={kid}#row-{kid}", routes::ADMIN_KEYS);
            answer::see_other(&console.web.at(&page))
        }
        Err(refusal) => match Feedback::of(&console, Err(refusal)) {
            Ok(feedback) => show(&console, &administrator, &Params::default(), feedback).await,
            Err(response) => response,
        },
    }
}
