//! Explains the decision on each user and tool, with the rule that made it.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Call, ItemKind, Kind, Named};
use doorward_language::{Message, text};
use doorward_transport::Params;
use doorward_web::{Frame, filters};

use crate::{
    Console,
    explanation::Explanation,
    findings::item_kind,
    pages::{Administrator, draw},
    refusals::{Alert, oops},
};

#[derive(Template)]
#[template(path = "admin_policy.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    user: String,
    client: String,
    kinds: Vec<(ItemKind, &'static str, Message)>,
    kind: ItemKind,
    item: String,
    error: Option<Alert>,
    answer: Option<Explanation>,
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let text = |name: &str| {
        params.get(name).unwrap_or_default().trim().chars().take(512).collect::<String>()
    };
    let (user, client, wanted) = (text("user"), text("client"), text("kind"));
    let kind = ItemKind::ALL.iter().find(|(_, word, _)| *word == wanted);
    let mut page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "policy",
        user,
        client,
        kinds: ItemKind::ALL
            .iter()
            .map(|(kind, word, _)| (*kind, *word, item_kind(*kind)))
            .collect(),
        kind: kind.map(|(kind, ..)| *kind).unwrap_or_default(),
        item: text("item"),
        error: None,
        answer: None,
    };
    if !page.user.is_empty() && !page.item.is_empty() {
        let item = Named::one(page.kind, &page.item);
        let call = Call { user: &page.user, client: &page.client, item };
        match console.admin.policies.explain(call).await {
            Ok(answer) => page.answer = Some(Explanation::of(&answer)),
            Err(refusal) if matches!(refusal.kind(), Kind::Missing | Kind::Invalid) => {
                page.error = Some(Alert::unanswered(&refusal));
            }
            Err(refusal) => return oops(&refusal).draw(&console.web),
        }
    }
    draw(StatusCode::OK, &page)
}
