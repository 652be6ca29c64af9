//! Toolsets: the list, the form for another, and the page of one with what it selects.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{
    Effect, Kind, Listed, NewToolset, Proposal, Refusal, Selected, SelectedBy, SelectedTool,
    ToolsetEdit,
};
use doorward_gateway::ReviewState;
use doorward_language::{Message, text};
use doorward_model::{Role, Toolset, routes};
use doorward_transport::{Params, answer};
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, filters, form};

use crate::{
    Console,
    findings::{review_state, tool_class},
    pages::{
        Administrator, draw, draw_found,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        sure::{self, Question},
        table::{self, Cell, Column, Row, Target},
    },
    refusals::{Alert, oops},
};

/// The fields of a form.
struct Fields {
    name: String,
    title: String,
    description: String,
    selection: String,
    roles: String,
}

impl Fields {
    /// The fields as they were typed.
    fn typed(params: &Params) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        Self {
            name: text("name"),
            title: text("title"),
            description: text("description"),
            selection: text("selection"),
            roles: text("roles"),
        }
    }

    /// The fields of a toolset as it is.
    fn of(toolset: &Toolset) -> Self {
        Self {
            name: toolset.name.to_string(),
            title: toolset.title.clone(),
            description: toolset.description.clone(),
            selection: toolset.selection.texts().collect::<Vec<_>>().join("\n"),
            roles: join(&toolset.roles),
        }
    }

    fn lines(&self) -> Vec<String> {
        self.selection.lines().map(ToOwned::to_owned).collect()
    }

    fn role_names(&self) -> Vec<String> {
        let separators = |letter: char| letter.is_whitespace() || letter == ',';
        let words = self.roles.split(separators).filter(|word| !word.is_empty());
        words.map(ToOwned::to_owned).collect()
    }
}

/// The form for another toolset.
#[derive(Template)]
#[template(path = "admin_toolset_add.html")]
struct AddPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    fields: Fields,
}

/// The page of a toolset.
#[derive(Template)]
#[template(path = "admin_toolset.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    seen: String,
    message: Option<Message>,
    error: Option<Alert>,
    title: String,
    url: String,
    path: String,
    fields: Fields,
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

fn join(roles: &[Role]) -> String {
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ")
}

/// The path of the page of a toolset.
fn page_of(name: &str) -> String {
    routes::ADMIN_TOOLSET.replace("{toolset}", name)
}

/// A toolset of the list with its URL.
struct Shown {
    toolset: Arc<Toolset>,
    url: String,
}

/// The toolsets, by name.
struct ToolsetRows;

/// The orders of the list.
const ORDER: [SortKey<Shown>; 2] = [
    by("name", |shown| shown.toolset.name.to_string()),
    by("title", |shown| shown.toolset.title.to_lowercase()),
];

impl Rows for ToolsetRows {
    type Query = InMemory;
    type Row = Shown;

    const TAB: &'static str = "toolsets";
    const NAME: &'static str = "toolsets";

    fn path(&self) -> String {
        routes::ADMIN_TOOLSETS.to_owned()
    }

    fn title(&self) -> Message {
        text::toolsets_title()
    }

    fn add(&self) -> Option<Message> {
        Some(text::toolsets_add())
    }

    fn search(&self) -> Option<Message> {
        Some(text::toolsets_search())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::toolsets_display_name(), "title"),
            Column::plain(text::console_url()),
            Column::plain(text::admin_user_roles()),
        ]
    }

    fn line(&self, Shown { toolset, url }: &Shown) -> Row {
        let cells = [
            Cell::Text(toolset.title.clone()),
            Cell::Text(url.clone()),
            Cell::Text(join(&toolset.roles)),
        ];
        let name = toolset.name.to_string();
        let target = Target { path: page_of(&name), below: toolset.description.clone() };
        Row::linked(name.clone(), name, target, cells).with_value(toolset.etag())
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("delete", text::common_delete())]
    }

    fn none(&self) -> Message {
        text::toolsets_none()
    }

    async fn part(&self, console: &Console, asked: InMemory) -> Result<Listed<Shown>, Refusal> {
        let toolsets = &console.admin.toolsets;
        let all = toolsets.all().await?;
        let shown = |toolset: &Arc<Toolset>| Shown {
            url: toolsets.url(toolset).to_string(),
            toolset: Arc::clone(toolset),
        };
        let mut rows: Vec<Shown> = all.iter().map(shown).collect();
        rows.retain(|Shown { toolset, .. }| {
            let texts = [toolset.name.as_str(), &toolset.title, &toolset.description];
            asked.finds(&texts)
        });
        asked.part(rows, &ORDER, |shown| shown.toolset.name.to_string())
    }
}

async fn show_list(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    list::show(console, administrator, &ToolsetRows, params, feedback).await
}

/// Shows the form for another, as it was typed.
fn show_add(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    Feedback { status, error, .. }: Feedback,
) -> Response {
    let browser = &administrator.0.browser;
    let page = AddPage {
        frame: console.web.frame(Some(browser)),
        tab: "toolsets",
        csrf: console.web.csrf(browser, "toolsets"),
        error,
        fields: Fields::typed(params),
    };
    draw(status, &page)
}

/// The page of a toolset, with the form as it was typed, if it was refused.
async fn page(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    typed: &Params,
    feedback: Feedback,
) -> Result<Page, Refusal> {
    let toolset = console.admin.toolsets.named(name).await?;
    let Selected { tools, lines } = console.admin.toolsets.selected(&toolset).await?;
    let browser = &administrator.0.browser;
    let is_typed = feedback.error.is_some() && typed.get("do") == Some("save");
    Ok(Page {
        frame: console.web.frame(Some(browser)),
        tab: "toolsets",
        csrf: console.web.csrf(browser, "toolsets"),
        seen: toolset.etag(),
        message: feedback.message,
        error: feedback.error,
        title: toolset.title.clone(),
        url: console.admin.toolsets.url(&toolset).to_string(),
        path: page_of(toolset.name.as_str()),
        fields: if is_typed { Fields::typed(typed) } else { Fields::of(&toolset) },
        lines: lines.into_iter().map(Into::into).collect(),
        tools: tools.into_iter().map(Into::into).collect(),
    })
}

async fn show_one(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    typed: &Params,
    feedback: Feedback,
) -> Response {
    let status = feedback.status;
    draw_found(console, status, page(console, administrator, name, typed, feedback).await)
}

pub(crate) async fn list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if params.get("add").is_some() {
        return show_add(&console, &administrator, &params, Feedback::default());
    }
    show_list(&console, &administrator, &params, Feedback::default()).await
}

pub(crate) async fn one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
) -> Response {
    let none = Params::default();
    let found = page(&console, &administrator, &name, &none, Feedback::default()).await;
    draw_found(&console, StatusCode::OK, found)
}

/// Removes the selected toolsets once the administrator confirmed it, each in the state that was
/// shown.
async fn remove_selected(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
) -> Response {
    let names = table::selected(params);
    if !names.is_empty() && !sure::is_sure(params) {
        let effects = vec![text::toolsets_delete_effect()];
        let title = text::toolsets_delete_question(names.len());
        let question =
            Question::deletion("toolsets", routes::ADMIN_TOOLSETS, title, effects, names);
        return sure::ask(console, administrator, params, question);
    }
    let (mut removed, mut refused) = (0_usize, None);
    for name in names {
        let seen = params.get(&format!("row-{name}"));
        match console.admin.toolsets.remove(&name, seen).await {
            Ok(()) => removed += 1,
            Err(refusal) if refusal.kind() == Kind::Missing => {}
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match Feedback::of_several(console, text::toolsets_were_deleted(removed), refused) {
        Ok(feedback) => show_list(console, administrator, &table::returned(params), feedback).await,
        Err(response) => response,
    }
}

/// Adds a toolset.
async fn add(console: &Console, administrator: &Administrator, params: &Params) -> Response {
    let fields = ["add", "name", "title", "description", "selection", "roles"];
    let next = filled(routes::ADMIN_TOOLSETS, params, &fields);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let fields = Fields::typed(params);
    let (selection, roles) = (fields.lines(), fields.role_names());
    let Fields { name, title, description, .. } = fields;
    let new = NewToolset { name, title, description, selection, roles };
    match console.admin.toolsets.add(&authority, new).await {
        Ok(toolset) => answer::see_other(&console.web.at(&page_of(toolset.name.as_str()))),
        Err(refusal) => match Feedback::of(console, Err(refusal)) {
            Ok(feedback) => show_add(console, administrator, params, feedback),
            Err(response) => response,
        },
    }
}

pub(crate) async fn post_list(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "toolsets", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match params.get("do") {
        Some("delete") => remove_selected(&console, &administrator, &params).await,
        Some("add") => add(&console, &administrator, &params).await,
        _ => ErrorPage::incomplete("do").draw(&console.web),
    }
}

/// Removes a toolset once the administrator confirmed it.
async fn remove(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
) -> Response {
    if !sure::is_sure(params) {
        let question = Question {
            tab: "toolsets",
            title: text::toolsets_delete_question(1_usize),
            effects: vec![text::toolsets_delete_effect()],
            objects: vec![name.to_owned()],
            button: text::common_delete(),
            action: page_of(name),
            back: page_of(name),
        };
        return sure::ask(console, administrator, params, question);
    }
    let removed = console.admin.toolsets.remove(name, params.get("seen")).await;
    let told = removed.map(|()| text::toolsets_were_deleted(1_usize));
    match Feedback::of(console, told) {
        Ok(feedback) if feedback.error.is_none() => {
            show_list(console, administrator, &Params::default(), feedback).await
        }
        Ok(feedback) => show_one(console, administrator, name, params, feedback).await,
        Err(response) => response,
    }
}

pub(crate) async fn post_one(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "toolsets", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let toolset = match console.admin.toolsets.named(&name).await {
        Ok(toolset) => toolset,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    match params.get("do") {
        Some("delete") => {
            return remove(&console, &administrator, toolset.name.as_str(), &params).await;
        }
        Some("save") => {}
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    }
    let target = page_of(toolset.name.as_str());
    let target = SignInTarget::page(&target);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let fields = Fields::typed(&params);
    let change = ToolsetEdit {
        selection: Some(fields.lines()),
        roles: Some(fields.role_names()),
        title: Some(fields.title),
        description: Some(fields.description),
    };
    let (seen, effect) = (Some(params.get("seen").unwrap_or_default()), Effect::Apply);
    let proposal = Proposal { of: &name, change: &change, seen, effect };
    let saved = console.admin.toolsets.edit(&authority, proposal).await;
    match Feedback::of(&console, saved.map(|_| text::toolsets_saved())) {
        Ok(feedback) => show_one(&console, &administrator, &name, &params, feedback).await,
        Err(response) => response,
    }
}
