//! Toolsets: the page of one shows what it selects.

use askama::Template;
use doorward_admin::{Objects, Refusal, SelectedBy, SelectedTool, ToolsetDetails, Toolsets};
use doorward_gateway::ReviewState;
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_web::{Frame, filters};

use crate::{
    findings::{review_state, tool_class},
    pages::{
        inputs::{Hint, Label},
        kind::{Common, ObjectPages, PageRequest, Shown, Texts},
        list::{SortKey, by},
        table::{Cell, Column},
    },
};

/// The page of a toolset.
#[derive(Template)]
#[template(path = "admin_toolset.html")]
pub(crate) struct Page {
    frame: Frame,
    tab: &'static str,
    common: Common,
    url: String,
    lines: Vec<Line>,
    tools: Vec<Tool>,
}

/// A line of the selection with its effect.
struct Line {
    text: String,
    effect: Message,
    /// It selects nothing.
    idle: bool,
}

/// A selected tool.
struct Tool {
    name: String,
    path: String,
    service: String,
    class: Message,
    state: Message,
    approved: bool,
}

impl From<SelectedBy> for Line {
    fn from(SelectedBy { line, tools }: SelectedBy) -> Self {
        let effect = tools.map_or_else(text::toolsets_line_unknown, text::toolsets_line_tools);
        Self { text: line, effect, idle: tools == Some(0) }
    }
}

impl From<SelectedTool> for Tool {
    fn from(tool: SelectedTool) -> Self {
        Self {
            path: routes::ADMIN_UPSTREAM.replace("{upstream}", &tool.upstream),
            name: tool.name,
            service: tool.service,
            class: tool_class(tool.class),
            state: review_state(tool.state),
            approved: tool.state == ReviewState::Approved,
        }
    }
}

/// The pages of toolsets.
pub(super) struct ToolsetPages;

impl ObjectPages for ToolsetPages {
    type Objects = Toolsets;
    type Page = Page;

    const TAB: &'static str = "toolsets";
    const LIST: &'static str = routes::ADMIN_TOOLSETS;
    const PAGE: &'static str = routes::ADMIN_TOOLSET;
    const ORDER: &'static [SortKey<Shown<Toolsets>>] = &[
        by("name", |shown| shown.view.title.to_lowercase()),
        by("url", |shown| shown.view.url.clone()),
    ];

    fn texts() -> Texts {
        Texts {
            title: text::toolsets_title(),
            add: text::toolsets_add(),
            about: text::toolsets_explained(),
            search: text::toolsets_search(),
            none: text::toolsets_none(),
            settings: text::console_settings(),
            saved: text::toolsets_saved(),
            effect: text::toolsets_delete_effect(),
        }
    }

    fn question(count: usize) -> Message {
        text::toolsets_delete_question(count)
    }

    fn removed(count: usize) -> Message {
        text::toolsets_were_deleted(count)
    }

    fn label(name: &str, _: bool) -> Label {
        match name {
            "name" => Label::new(text::common_name(), Hint::Plain(text::toolsets_name_hint()))
                .with_pattern(r"[a-z]([a-z0-9\-]*[a-z0-9])?"),
            "title" => Label::new(text::toolsets_display_name(), Hint::None),
            "description" => {
                let hint = Hint::Plain(text::toolsets_purpose_hint());
                Label::new(text::toolsets_purpose(), hint)
            }
            "selection" => {
                let hint = Hint::Tagged(text::toolsets_selection_hint());
                Label::new(text::toolsets_selection(), hint).required()
            }
            _ => Label::new(text::toolsets_roles(), Hint::Tagged(text::toolsets_roles_hint())),
        }
    }

    fn found_by(Shown { view, .. }: &Shown<Toolsets>) -> Vec<String> {
        vec![view.name.clone(), view.title.clone(), view.description.clone()]
    }

    fn columns() -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::console_url(), "url"),
            Column::plain(text::admin_user_roles()),
        ]
    }

    fn cells(Shown { view, .. }: &Shown<Toolsets>) -> (String, Vec<Cell>) {
        let cells = vec![Cell::Text(view.url.clone()), Cell::Text(view.roles.join(" "))];
        (view.description.clone(), cells)
    }

    async fn page(
        asked: PageRequest<'_>,
        frame: Frame,
        common: Common,
        toolset: &<Toolsets as Objects>::Object,
    ) -> Result<Page, Refusal> {
        let ToolsetDetails { toolset, tools, lines } =
            asked.console.admin.toolsets.details(toolset).await?;
        Ok(Page {
            frame,
            tab: Self::TAB,
            common,
            url: toolset.url,
            lines: lines.into_iter().map(Into::into).collect(),
            tools: tools.into_iter().map(Into::into).collect(),
        })
    }
}
