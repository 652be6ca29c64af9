//! Toolsets: the page of one shows what it selects.

use askama::Template;
use doorward_admin::{Objects, Refusal, SelectedBy, SelectedTool, ToolsetDetails, Toolsets};
use doorward_gateway::ReviewState;
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::{
    Frame, filters,
    table::{Badge, Cell, Column, List, Moves, Row, Table, Target},
};

use crate::{
    findings::{review_state, tool_class},
    pages::{
        inputs::{Hint, Label},
        kind::{Common, ObjectPages, PageRequest, Shown, Texts},
        list::{SortKey, by},
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
    table: Table,
}

/// A line of the selection with its effect.
struct Line {
    text: String,
    effect: Message,
    /// It selects nothing.
    idle: bool,
}

impl From<SelectedBy> for Line {
    fn from(SelectedBy { line, tools }: SelectedBy) -> Self {
        let effect = tools.map_or_else(text::toolsets_line_unknown, text::toolsets_line_tools);
        Self { text: line, effect, idle: tools == Some(0) }
    }
}

/// The list of the tools that are selected, by upstream and name.
fn tools_table(path: &str, params: &Params, tools: Vec<SelectedTool>) -> Table {
    let list = List::new(path, params, &[]);
    let wanted = list.get("search").trim().to_lowercase();
    let found = |tool: &SelectedTool| {
        [&tool.name, &tool.service].iter().any(|text| text.to_lowercase().contains(&wanted))
    };
    let found: Vec<SelectedTool> = tools.into_iter().filter(found).collect();
    let listed = list.of_all(found, |tool| tool.name.clone());
    let heads = [
        text::common_name(),
        text::console_service(),
        text::admin_tool_class(),
        text::common_state(),
    ];
    let line = |tool: &SelectedTool| {
        let path = routes::ADMIN_UPSTREAM.replace("{upstream}", &tool.upstream);
        let approved = tool.state == ReviewState::Approved;
        let cells = [
            Cell::Text(tool.service.clone()),
            Cell::Text(tool_class(tool.class).to_string()),
            Cell::Badges(vec![Badge::new(review_state(tool.state), approved)]),
        ];
        Row::linked(tool.name.clone(), tool.name.clone(), Target::page(path), cells)
    };
    let none = if wanted.is_empty() { text::toolsets_no_tools() } else { text::console_none() };
    Table::new(&list, &listed, heads.map(Column::plain).into(), line)
        .with_heading(text::toolsets_tools(), None)
        .with_search_if_long(&list, text::who_tools_search())
        .with_moves(Moves::of(none))
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
        let path = common.path.clone();
        let ToolsetDetails { toolset, tools, lines } =
            asked.console.admin.toolsets.details(toolset).await?;
        Ok(Page {
            frame,
            tab: Self::TAB,
            common,
            url: toolset.url,
            lines: lines.into_iter().map(Into::into).collect(),
            table: tools_table(&path, asked.params, tools),
        })
    }
}
