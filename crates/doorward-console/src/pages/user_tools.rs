//! The tools that a user may use, each with the answer and the reason.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{
    Answer, Listed, Object, Refusal, ToolPermission, ToolPermissions, ToolsQuestion,
};
use doorward_language::{Message, text};
use doorward_model::{AuditSubject, ToolClass, routes};
use doorward_transport::Params;
use serde::Deserialize;

use super::who::{deciding, sourced};
use doorward_web::table::{Badge, Cell, Column, Filter, Moves, Row, Target};

use crate::{
    Console,
    explanation::answer,
    findings::tool_class,
    pages::{
        Administrator,
        list::{self, Feedback, ListQuery, Rows},
    },
};

/// The question and the part.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ToolsQuery {
    user: Option<String>,
    client: Option<String>,
    toolset: Option<String>,
    upstream: Option<String>,
    class: Option<String>,
    answer: Option<String>,
    search: Option<String>,
    limit: Option<u64>,
    after: Option<String>,
}

impl ListQuery for ToolsQuery {
    fn after(self, limit: u64, after: Option<String>) -> Self {
        // A part judges every tool, and is shorter than those of other lists.
        Self { limit: Some(limit.min(200)), after, ..self }
    }
}

/// The tools with the answers for the user of this ID or name, through this client.
struct ToolRows {
    user: String,
    client: String,
    toolset: String,
}

impl Rows for ToolRows {
    type Query = ToolsQuery;
    type Row = ToolPermission;

    const TAB: &'static str = "policy";
    const NAME: &'static str = "tools-of-user";
    const FILTERS: &'static [&'static str] =
        &["user", "client", "toolset", "upstream", "class", "answer"];
    const COUNTED: bool = false;
    const NEEDS_FILTER: bool = true;

    fn path(&self) -> String {
        routes::ADMIN_POLICY_TOOLS.to_owned()
    }

    fn title(&self) -> Message {
        text::who_tools_title()
    }

    fn search(&self) -> Option<Message> {
        Some(text::who_tools_search())
    }

    fn filters(&self) -> Vec<Filter> {
        let classes = ToolClass::ALL.map(|class| (class.as_str(), tool_class(class)));
        let answers = Answer::ALL.map(|one| (one.as_str(), answer(one)));
        vec![
            Filter::text("user", text::who_tools_user()),
            Filter::text("client", text::who_tools_client()),
            Filter::text("toolset", text::policy_toolset_field()),
            Filter::text("upstream", text::who_tools_upstream()),
            Filter::choice("class", text::admin_tool_class(), classes.to_vec()),
            Filter::choice("answer", text::who_answer(), answers.to_vec()),
        ]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::plain(text::who_tool()),
            Column::plain(text::admin_tool_class()),
            Column::plain(text::who_answer()),
            Column::plain(text::who_reason()),
            Column::plain(text::who_roles()),
        ]
    }

    fn line(&self, permission: &ToolPermission) -> Row {
        let ToolPermission { upstream, class, explained, roles } = permission;
        let item = &explained.item;
        let word = Badge::new(answer(explained.answer), explained.answer == Answer::Allow);
        let roles: Vec<String> = roles.iter().map(sourced).collect();
        let of_none = || text::who_tools_built_in().to_string();
        let cells = [
            Cell::Text(tool_class(*class).to_string()),
            Cell::Badges(vec![word]),
            Cell::Long(deciding(explained)),
            Cell::Long(roles.join(" · ")),
        ];
        // The explanation of this answer, step by step.
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("user", &self.user).append_pair("kind", "tool").append_pair("item", item);
        query.append_pair("client", &self.client).append_pair("toolset", &self.toolset);
        let path = format!("{}?{}", routes::ADMIN_POLICY, query.finish());
        let below = upstream.clone().unwrap_or_else(of_none);
        Row::linked(item.clone(), item.clone(), Target { path, below }, cells)
    }

    /// A part judges a limited number of tools: where none of them fits, the search goes on.
    fn moves(&self, listed: &Listed<ToolPermission>, _: bool) -> Moves {
        let previous = text::who_tools_first();
        if listed.rows.is_empty() && listed.next.is_some() {
            let next = text::admin_audit_search_further();
            return Moves { none: text::who_tools_none_yet(), previous, next };
        }
        let unasked = self.user.is_empty();
        let none = if unasked { text::who_tools_explained() } else { text::who_tools_none() };
        Moves { previous, ..Moves::of(none) }
    }

    async fn part(
        &self,
        console: &Console,
        asked: ToolsQuery,
    ) -> Result<Listed<ToolPermission>, Refusal> {
        let previous = asked.after.as_ref().map(|_| String::new());
        let mut listed = Listed { rows: Vec::new(), total: 0, skipped: 0, next: None, previous };
        let given = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
        };
        let Some(user) = given(&asked.user) else { return Ok(listed) };
        let (client, search, upstream) =
            (given(&asked.client), given(&asked.search), given(&asked.upstream));
        let toolset = given(&asked.toolset);
        let question = ToolsQuestion {
            user: &user,
            client: client.as_deref().unwrap_or_default(),
            toolset: toolset.as_deref().unwrap_or_default(),
            search: search.as_deref().unwrap_or_default(),
            upstream: upstream.as_deref(),
            // The choices of the filters were checked.
            class: asked.class.as_deref().and_then(ToolClass::parse),
            answer: asked.answer.as_deref().and_then(Answer::parse),
        };
        let policies = &console.admin.policies;
        match policies.tools_of(question, asked.limit, asked.after.as_deref()).await {
            Ok(ToolPermissions { rows, next }) => (listed.rows, listed.next) = (rows, next),
            // Names were typed: they are not the object of the page.
            Err(Refusal::Missing(object, name)) => {
                let parameter = match object {
                    Object::Audited(AuditSubject::User) => "user",
                    Object::Audited(AuditSubject::Toolset) => "toolset",
                    _ => "upstream",
                };
                let why = format!("there is no {parameter} {name}");
                return Err(Refusal::ListParameter(parameter.to_owned(), why));
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(listed)
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let given = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let rows = ToolRows { user: given("user"), client: given("client"), toolset: given("toolset") };
    list::show(&console, &administrator, &rows, &params, Feedback::default()).await
}
