//! Administration of external resource servers.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{Effect, MadeResource, NewResource, Proposal, Refusal, ResourceEdit, Snippet};
use doorward_language::{Message, text};
use doorward_model::{ExternalResource, Role, routes};
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, SignInTarget, form};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        sure::{self, Question},
    },
    refusals::{Alert, alert, oops},
};

#[derive(Template)]
#[template(path = "admin_resources.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    made: Option<Made>,
    resources: Vec<Row>,
}

/// A resource server with the secret that is shown once.
struct Made {
    name: String,
    id: String,
    secret: String,
}

struct Row {
    id: String,
    url: String,
    name: String,
    scopes: String,
    roles: String,
    etag: String,
    metadata_url: String,
    metadata: String,
    snippets: Vec<Snippet>,
}

#[derive(Default)]
struct Say {
    status: StatusCode,
    message: Option<Message>,
    error: Option<Alert>,
    made: Option<Made>,
}

fn row(console: &Console, resource: &ExternalResource) -> Row {
    let guide = console.admin.resources.guide(resource);
    let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
    Row {
        id: resource.id.to_string(),
        url: resource.url.to_string(),
        name: resource.name.clone(),
        scopes: scopes.join(" "),
        roles: resource.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(" "),
        etag: resource.etag(),
        metadata_url: guide.metadata_url,
        metadata: format!("{:#}", guide.metadata),
        snippets: guide.snippets,
    }
}

async fn show(console: &Console, administrator: &Administrator, say: Say) -> Response {
    let resources = match console.admin.resources.all().await {
        Ok(resources) => resources,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "resources",
        csrf: console.web.csrf(&administrator.0.browser, "resources"),
        message: say.message,
        error: say.error,
        made: say.made,
        resources: resources.iter().map(|resource| row(console, resource)).collect(),
    };
    draw(say.status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
) -> Response {
    show(&console, &administrator, Say::default()).await
}

/// The words of a field.
fn words(params: &Params, name: &str) -> Vec<String> {
    let text = params.get(name).unwrap_or_default();
    text.split([' ', ',', '\n', '\r']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn made(made: &MadeResource, message: Message) -> Say {
    let secret = made.secret.reveal().to_owned();
    let made = Made { name: made.resource.name.clone(), id: made.resource.id.to_string(), secret };
    Say { message: Some(message), made: Some(made), ..Say::default() }
}

async fn add(console: &Console, authority: &Authority, params: &Params) -> Result<Say, Refusal> {
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let new = NewResource {
        url: text("url"),
        name: Some(text("name")).filter(|name| !name.is_empty()),
        scopes: words(params, "scopes"),
        roles: words(params, "roles"),
    };
    let added = console.admin.resources.add(authority, new).await?;
    Ok(made(&added, text::admin_resource_added(&added.resource.name)))
}

async fn edit(console: &Console, authority: &Authority, params: &Params) -> Result<Say, Refusal> {
    let edit = ResourceEdit {
        name: Some(params.get("name").unwrap_or_default().to_owned()),
        scopes: Some(words(params, "scopes")),
        roles: Some(words(params, "roles")),
    };
    let (id, seen) = (params.get("resource").unwrap_or_default(), params.get("seen"));
    let seen = Some(seen.unwrap_or_default());
    let proposal = Proposal { of: id, change: &edit, seen, effect: Effect::Apply };
    console.admin.resources.edit(authority, proposal).await?;
    Ok(Say { message: Some(text::admin_resource_changed()), ..Say::default() })
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
    let id = params.get("resource").unwrap_or_default();
    let action = params.get("do").unwrap_or_default();
    let done = match action {
        "remove" if params.get("sure").is_some() => {
            let removed = console.admin.resources.remove(id).await;
            removed
                .map(|()| Say { message: Some(text::admin_resource_removed()), ..Say::default() })
        }
        "remove" => {
            let question = Question {
                tab: "resources",
                title: text::console_remove_resource(),
                effects: vec![text::admin_resource_remove_sure()],
                objects: vec![id.to_owned()],
                button: text::common_delete(),
                action: routes::ADMIN_RESOURCES.to_owned(),
                back: routes::ADMIN_RESOURCES.to_owned(),
            };
            return sure::ask(&console, &administrator, &params, question);
        }
        "add" | "edit" | "secret" => {
            let page = SignInTarget::page(routes::ADMIN_RESOURCES);
            let authority = match console.web.authority(&administrator.0.visitor, &page).await {
                Ok(authority) => authority,
                Err(response) => return response,
            };
            match action {
                "add" => add(&console, &authority, &params).await,
                "edit" => edit(&console, &authority, &params).await,
                "secret" => {
                    let replaced = console.admin.resources.new_secret(&authority, id).await;
                    replaced.map(|new| made(&new, text::admin_resource_secret_replaced()))
                }
                _ => return ErrorPage::incomplete("do").draw(&console.web),
            }
        }
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    match done.map_err(|refusal| alert(&console, &refusal)) {
        Ok(say) => show(&console, &administrator, say).await,
        Err(Ok((status, alert))) => {
            let say = Say { status, error: Some(alert), ..Say::default() };
            show(&console, &administrator, say).await
        }
        Err(Err(response)) => response,
    }
}
