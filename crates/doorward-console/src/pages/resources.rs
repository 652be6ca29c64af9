//! External resource servers: their list, a page of each, and the form for another.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{
    Effect, Listed, MadeResource, NewResource, Proposal, Refusal, ResourceEdit, Snippet,
};
use doorward_language::{Message, text};
use doorward_model::{ExternalResource, Role, routes};
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, form};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        sure::{self, Question},
        table::{Cell, Column, Row, Target},
    },
    refusals::{Alert, oops},
};

/// The page of a resource server.
#[derive(Template)]
#[template(path = "admin_resource.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    /// The secret that was made, which is shown once.
    secret: Option<String>,
    id: String,
    url: String,
    title: String,
    fields: Fields,
    etag: String,
    metadata_url: String,
    metadata: String,
    snippets: Vec<Snippet>,
}

/// The form for another resource server.
#[derive(Template)]
#[template(path = "admin_resource_add.html")]
struct AddPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    fields: Fields,
}

/// The fields of a form.
struct Fields {
    url: String,
    name: String,
    scopes: String,
    roles: String,
}

impl Fields {
    /// The fields as they were typed.
    fn typed(params: &Params) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        Self { url: text("url"), name: text("name"), scopes: text("scopes"), roles: text("roles") }
    }

    /// The fields of a resource server as it is.
    fn of(resource: &ExternalResource) -> Self {
        Self {
            url: resource.url.to_string(),
            name: resource.name.clone(),
            scopes: scopes(resource),
            roles: roles(resource),
        }
    }
}

fn scopes(resource: &ExternalResource) -> String {
    resource.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ")
}

fn roles(resource: &ExternalResource) -> String {
    resource.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" ")
}

/// The resource servers, by URL.
struct ResourceRows;

/// The orders of the list.
const ORDER: [SortKey<ExternalResource>; 2] =
    [by("name", |resource| resource.name.clone()), by("url", |resource| resource.url.to_string())];

impl Rows for ResourceRows {
    type Query = InMemory;
    type Row = ExternalResource;

    const TAB: &'static str = "resources";
    const NAME: &'static str = "resources";

    fn path(&self) -> String {
        routes::ADMIN_RESOURCES.to_owned()
    }

    fn title(&self) -> Message {
        text::admin_resources()
    }

    fn add(&self) -> Option<Message> {
        Some(text::admin_resource_add())
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_resources())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::console_url(), "url"),
            Column::plain(text::admin_tokens_scopes()),
            Column::plain(text::admin_user_roles()),
        ]
    }

    fn line(&self, resource: &ExternalResource) -> Row {
        let cells = [
            Cell::Text(resource.url.to_string()),
            Cell::Text(scopes(resource)),
            Cell::Text(roles(resource)),
        ];
        let id = resource.id.to_string();
        let target = Target::page(format!("{}?resource={id}", routes::ADMIN_RESOURCES));
        Row::linked(id, resource.name.clone(), target, cells)
    }

    fn none(&self) -> Message {
        text::admin_resources_none()
    }

    async fn part(
        &self,
        console: &Console,
        asked: InMemory,
    ) -> Result<Listed<ExternalResource>, Refusal> {
        let mut rows: Vec<ExternalResource> = console.admin.resources.all().await?.to_vec();
        rows.retain(|resource| {
            asked.finds(&[&resource.name, resource.url.as_str(), resource.id.as_str()])
        });
        asked.part(rows, &ORDER, |resource| resource.id.to_string())
    }
}

async fn show_list(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    list::show(console, administrator, &ResourceRows, params, feedback).await
}

/// Shows the form for another, as it was typed.
fn show_add(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    Feedback { status, message, error, .. }: Feedback,
) -> Response {
    let browser = &administrator.0.browser;
    let page = AddPage {
        frame: console.web.frame(Some(browser)),
        tab: "resources",
        csrf: console.web.csrf(browser, "resources"),
        message,
        error,
        fields: Fields::typed(params),
    };
    draw(status, &page)
}

/// The form of a resource server: as it was typed, if it was sent, and the new secret, shown once.
#[derive(Default)]
struct Form<'a> {
    typed: Option<&'a Params>,
    secret: Option<String>,
}

/// Shows the page of a resource server.
async fn show_one(
    console: &Console,
    administrator: &Administrator,
    id: &str,
    Form { typed, secret }: Form<'_>,
    feedback: Feedback,
) -> Response {
    let resource = match console.admin.resources.named(id).await {
        Ok(resource) => resource,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let guide = console.admin.resources.guide(&resource);
    let browser = &administrator.0.browser;
    let page = Page {
        frame: console.web.frame(Some(browser)),
        tab: "resources",
        csrf: console.web.csrf(browser, "resources"),
        message: feedback.message,
        error: feedback.error,
        secret,
        id: resource.id.to_string(),
        url: resource.url.to_string(),
        title: resource.name.clone(),
        fields: typed.map_or_else(|| Fields::of(&resource), Fields::typed),
        etag: resource.etag(),
        metadata_url: guide.metadata_url,
        metadata: format!("{:#}", guide.metadata),
        snippets: guide.snippets,
    };
    draw(feedback.status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if params.get("add").is_some() {
        return show_add(&console, &administrator, &params, Feedback::default());
    }
    match params.get("resource") {
        Some(id) => {
            let (form, feedback) = (Form::default(), Feedback::default());
            show_one(&console, &administrator, id, form, feedback).await
        }
        None => show_list(&console, &administrator, &params, Feedback::default()).await,
    }
}

/// The words of a field.
fn words(text: &str) -> Vec<String> {
    text.split([' ', ',', '\n', '\r']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Removes a resource server once the administrator confirmed it.
async fn remove(console: &Console, administrator: &Administrator, params: &Params) -> Response {
    let id = params.get("resource").unwrap_or_default();
    if !sure::is_sure(params) {
        let effects = vec![text::admin_resource_remove_sure()];
        let (path, title) = (routes::ADMIN_RESOURCES, text::console_remove_resource());
        let question = Question::deletion("resources", path, title, effects, vec![id.to_owned()]);
        return sure::ask(console, administrator, params, question);
    }
    let removed = console.admin.resources.remove(id, None).await;
    match Feedback::of(console, removed.map(|()| text::admin_resource_removed())) {
        Ok(feedback) => show_list(console, administrator, &Params::default(), feedback).await,
        Err(response) => response,
    }
}

/// Adds or changes a resource server, or replaces its secret: what gives access.
async fn change(console: &Console, administrator: &Administrator, params: &Params) -> Response {
    let next = filled(routes::ADMIN_RESOURCES, params, &["add", "url", "name", "scopes", "roles"]);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let resources = &console.admin.resources;
    let id = params.get("resource").unwrap_or_default();
    let fields = Fields::typed(params);
    let (scopes, roles) = (words(&fields.scopes), words(&fields.roles));
    let (made, told): (Result<Option<MadeResource>, Refusal>, _) = match params.get("do") {
        Some("add") => {
            let name = Some(fields.name.clone()).filter(|name| !name.is_empty());
            let new = NewResource { url: fields.url, name, scopes, roles };
            let added = resources.add(&authority, new).await;
            let named = added.as_ref().map(|made| made.resource.name.clone());
            let told = text::admin_resource_added(named.unwrap_or_default());
            (added.map(Some), told)
        }
        Some("edit") => {
            let (name, scopes, roles) = (Some(fields.name), Some(scopes), Some(roles));
            let edit = ResourceEdit { name, scopes, roles };
            let seen = Some(params.get("seen").unwrap_or_default());
            let proposal = Proposal { of: id, change: &edit, seen, effect: Effect::Apply };
            let edited = resources.edit(&authority, proposal).await;
            (edited.map(|_| None), text::admin_resource_changed())
        }
        _ => {
            let replaced = resources.new_secret(&authority, id).await;
            (replaced.map(Some), text::admin_resource_secret_replaced())
        }
    };
    match made {
        Ok(Some(MadeResource { resource, secret })) => {
            let form = Form { typed: None, secret: Some(secret.reveal().to_owned()) };
            let (id, feedback) = (resource.id.as_str(), Feedback::done(told));
            show_one(console, administrator, id, form, feedback).await
        }
        Ok(None) => {
            let feedback = Feedback::done(told).about(vec![id.to_owned()]);
            show_list(console, administrator, &Params::default(), feedback).await
        }
        Err(refusal) => match Feedback::of(console, Err(refusal)) {
            Ok(feedback) if params.get("do") == Some("add") => {
                show_add(console, administrator, params, feedback)
            }
            Ok(feedback) => {
                let typed = Some(params).filter(|params| params.get("do") == Some("edit"));
                let form = Form { typed, secret: None };
                show_one(console, administrator, id, form, feedback).await
            }
            Err(response) => response,
        },
    }
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "resources", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match params.get("do") {
        Some("remove") => remove(&console, &administrator, &params).await,
        Some("add" | "edit" | "secret") => change(&console, &administrator, &params).await,
        _ => ErrorPage::incomplete("do").draw(&console.web),
    }
}
