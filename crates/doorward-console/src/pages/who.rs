//! The users who may use an item, or who have a role, with the reasons.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{
    Answer, Explained, ItemKind, Listed, Named, Permitted, Refusal, RoleSource, SourcedRole,
    UsersWith,
};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::table::{Badge, Cell, Column, Filter, Moves, Row, Target};
use serde::Deserialize;

use crate::{
    Console,
    explanation::step,
    pages::{
        Administrator,
        list::{self, Feedback, ListQuery, Rows},
    },
};

/// The question and the part.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct WhoQuery {
    kind: Option<String>,
    item: Option<String>,
    limit: Option<u64>,
    after: Option<String>,
}

impl ListQuery for WhoQuery {
    fn after(self, limit: u64, after: Option<String>) -> Self {
        // A part judges every user, and is shorter than those of other lists.
        Self { limit: Some(limit.min(200)), after, ..self }
    }
}

/// The users who may.
struct WhoRows;

/// The step that decided.
pub(super) fn deciding(explained: &Explained) -> String {
    explained.reason.as_ref().map(|one| step(one).to_string()).unwrap_or_default()
}

/// A role with its sources, in one line.
pub(super) fn sourced(SourcedRole { role, sources }: &SourcedRole) -> String {
    let source = |source: &RoleSource| match source {
        RoleSource::Administrator => text::groups_role_by_administrator(),
        RoleSource::Provider(name) => text::groups_role_by_provider(name),
        RoleSource::Group(name) => text::groups_role_by_group(name),
    };
    let told: Vec<String> = sources.iter().map(|one| source(one).to_string()).collect();
    format!("{role} ({})", told.join(", "))
}

impl Rows for WhoRows {
    type Query = WhoQuery;
    type Row = Permitted;

    const TAB: &'static str = "policy";
    const NAME: &'static str = "who-may";
    const FILTERS: &'static [&'static str] = &["kind", "item"];
    const COUNTED: bool = false;
    const NEEDS_FILTER: bool = true;

    fn path(&self) -> String {
        routes::ADMIN_POLICY_WHO.to_owned()
    }

    fn title(&self) -> Message {
        text::who_title()
    }

    fn search(&self) -> Option<Message> {
        None
    }

    fn filters(&self) -> Vec<Filter> {
        let kinds = vec![
            ("tool", text::who_tool()),
            ("upstream", text::who_upstream()),
            ("prompt", text::who_prompt()),
            ("resource", text::who_resource()),
            ("template", text::who_template()),
            ("role", text::console_role()),
        ];
        vec![
            Filter::choice("kind", text::who_kind(), kinds),
            Filter::text("item", text::who_item()),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::plain(text::common_name()),
            Column::plain(text::who_answer()),
            Column::plain(text::who_reason()),
            Column::plain(text::who_roles()),
        ]
    }

    fn line(&self, Permitted { user, explained, roles }: &Permitted) -> Row {
        let (badges, reason) = match explained {
            None => (Vec::new(), String::new()),
            Some(explained) => {
                let allowed = explained.answer == Answer::Allow;
                let word = if allowed { text::policy_allow() } else { text::policy_confirm() };
                (vec![Badge::new(word, allowed)], deciding(explained))
            }
        };
        let roles: Vec<String> = roles.iter().map(sourced).collect();
        let cells = [Cell::Badges(badges), Cell::Long(reason), Cell::Long(roles.join(" · "))];
        let path = routes::ADMIN_USER.replace("{user}", user.id.as_str());
        let below = user.display_name.clone().unwrap_or_default();
        let target = Target { path, below };
        Row::linked(user.id.to_string(), user.name.to_string(), target, cells)
    }

    fn moves(&self, listed: &Listed<Permitted>, _: bool) -> Moves {
        let none = if listed.total == UNASKED { text::who_explained() } else { text::who_none() };
        Moves::of(none)
    }

    async fn part(&self, console: &Console, asked: WhoQuery) -> Result<Listed<Permitted>, Refusal> {
        let item = asked.item.as_deref().map(str::trim).unwrap_or_default();
        let mut listed =
            Listed { rows: Vec::new(), total: 0, skipped: 0, next: None, previous: None };
        if item.is_empty() {
            return Ok(Listed { total: UNASKED, ..listed });
        }
        let kind = asked.kind.as_deref().unwrap_or("tool");
        let whom = match ItemKind::ALL.iter().find(|(_, name, _)| *name == kind) {
            Some((kind, ..)) => UsersWith::Permission(Named::one(*kind, item)),
            None => UsersWith::Role(item),
        };
        let part = console.admin.policies.who(whom, asked.limit, asked.after.as_deref()).await;
        match part {
            Ok(part) => (listed.rows, listed.next) = (part.rows, part.next),
            // The item was typed: it is not the object of the page.
            Err(Refusal::Missing(_, name)) => {
                let why = format!("there is no {kind} {name}");
                return Err(Refusal::ListParameter("item".to_owned(), why));
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(listed)
    }
}

/// The count of a list for which nothing was asked: rows of this list are never counted.
const UNASKED: u64 = u64::MAX;

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    list::show(&console, &administrator, &WhoRows, &params, Feedback::default()).await
}
