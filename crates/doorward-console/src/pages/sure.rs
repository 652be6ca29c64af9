//! The page that asks before something ends: the form as it was sent, and the one red button.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use doorward_language::{Message, text};
use doorward_transport::Params;
use doorward_web::Frame;

use crate::{
    Console,
    pages::{Administrator, draw},
};

/// Number of the objects that the page names.
const NAMED: usize = 20;

/// A field of the form as it was sent.
struct Hidden {
    name: String,
    value: String,
}

/// The question of the page.
pub(super) struct Question {
    /// The entry of the sidebar.
    pub(super) tab: &'static str,
    /// The question.
    pub(super) title: Message,
    /// The consequences.
    pub(super) effects: Vec<Message>,
    /// The names of the objects.
    pub(super) objects: Vec<String>,
    /// The text of the button.
    pub(super) button: Message,
    /// The path to which the form goes, and the one to which the administrator returns.
    pub(super) action: String,
    pub(super) back: String,
}

#[derive(Template)]
#[template(path = "sure.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    question: Question,
    more: usize,
    hidden: Vec<Hidden>,
}

impl Question {
    /// The question before an object of the list at `path` is deleted.
    pub(super) fn deletion(
        tab: &'static str,
        path: &str,
        title: Message,
        effects: Vec<Message>,
        objects: Vec<String>,
    ) -> Self {
        let (action, back) = (path.to_owned(), path.to_owned());
        Self { tab, title, effects, objects, button: text::common_delete(), action, back }
    }
}

/// Reports that the administrator confirmed the form.
pub(super) fn is_sure(params: &Params) -> bool {
    params.get("sure").is_some()
}

/// Asks whether the form is meant.
pub(super) fn ask(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    mut question: Question,
) -> Response {
    // The administrator returns to the part of the list that they saw.
    if let Some(list) = params.get("list") {
        question.back = format!("{}?{list}", question.back);
    }
    let more = question.objects.len().saturating_sub(NAMED);
    question.objects.truncate(NAMED);
    let hidden = params.names().filter_map(|name| {
        params.get(name).map(|value| Hidden { name: name.to_owned(), value: value.to_owned() })
    });
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: question.tab,
        hidden: hidden.collect(),
        question,
        more,
    };
    draw(StatusCode::OK, &page)
}
