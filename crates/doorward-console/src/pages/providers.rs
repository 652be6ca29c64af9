//! Administration of identity providers.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{Family, Reach, Refusal};
use doorward_federation::{Source, kinds::KINDS};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, SignInTarget, filters, form};
use serde_json::{Map, Value};

use crate::{
    Console,
    findings::Look,
    pages::{
        Administrator, draw, settings,
        sure::{self, Question},
    },
    refusals::{Alert, alert, oops},
};

#[derive(Template)]
#[template(path = "admin_providers.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    tried: Option<(String, Vec<Look>)>,
    providers: Vec<Row>,
    kinds: Vec<(&'static str, &'static str)>,
    /// The URL of the form with all settings.
    complete_form: String,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    users: u64,
    callback: String,
    on: bool,
    in_file: bool,
    admits: Message,
}

#[derive(Default)]
struct Say {
    status: StatusCode,
    message: Option<Message>,
    error: Option<Alert>,
    tried: Option<(String, Vec<Look>)>,
}

async fn show(console: &Console, administrator: &Administrator, say: Say) -> Response {
    let rows = async {
        let providers = &console.admin.providers;
        let mut rows = Vec::new();
        for provider in providers.all().await? {
            rows.push(Row {
                id: provider.id.to_string(),
                name: provider.name.clone(),
                kind: provider.kind.title,
                users: providers.count_users(&provider).await?,
                callback: providers.redirect_uri(&provider),
                on: provider.is_enabled(),
                in_file: provider.source == Source::File,
                admits: doorward_language::admits(&provider.admits()),
            });
        }
        Ok::<_, Refusal>(rows)
    };
    let providers = match rows.await {
        Ok(rows) => rows,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "providers",
        csrf: console.web.csrf(&administrator.0.browser, "providers"),
        message: say.message,
        error: say.error,
        tried: say.tried,
        providers,
        kinds: KINDS.iter().map(|kind| (kind.name, kind.title)).collect(),
        complete_form: console.web.at(&format!("{}?add=1", routes::ADMIN_PROVIDERS)),
    };
    draw(say.status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match settings::asked(&console, &administrator, Family::Provider, &params).await {
        Some(Ok(response)) => response,
        Some(Err((status, alert))) => {
            let say = Say { status, error: Some(alert), ..Say::default() };
            show(&console, &administrator, say).await
        }
        None => show(&console, &administrator, Say::default()).await,
    }
}

/// Adds the provider that the form describes.
async fn add(console: &Console, authority: &Authority, params: &Params) -> Result<Say, Refusal> {
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let mut settings: Map<String, Value> =
        ["kind", "client_id", "client_secret", "issuer", "sign_up"]
            .into_iter()
            .map(|key| (key.to_owned(), text(key).into()))
            .collect();
    let domains = text("allowed_domains");
    let domains = domains.split(',').map(str::trim).filter(|domain| !domain.is_empty());
    settings.insert("allowed_domains".to_owned(), domains.collect::<Vec<_>>().into());
    let providers = &console.admin.providers;
    let provider = providers.add(authority, &text("name"), settings, Reach::Administered).await?;
    Ok(Say {
        message: Some(text::admin_provider_added(providers.redirect_uri(&provider))),
        ..Say::default()
    })
}

async fn test(console: &Console, name: &str) -> Result<Say, Refusal> {
    let provider = console.admin.providers.named(name).await?;
    let found = console.admin.providers.examine(&provider).await;
    let tried = found.into_iter().map(Look::of_finding).collect();
    Ok(Say { tried: Some((provider.name.clone(), tried)), ..Say::default() })
}

async fn delete(console: &Console, name: &str) -> Result<Say, Refusal> {
    console.admin.providers.delete(name).await?;
    Ok(Say { message: Some(text::admin_provider_deleted()), ..Say::default() })
}

/// The question before a provider is deleted.
async fn question(console: &Console, name: &str) -> Result<Question, Refusal> {
    let provider = console.admin.providers.named(name).await?;
    let users = console.admin.providers.count_users(&provider).await?;
    Ok(Question {
        tab: "providers",
        title: text::console_delete_provider(provider.name.as_str()),
        effects: vec![
            text::admin_provider_delete_sure(),
            text::console_provider_ends(users.to_string()),
        ],
        objects: Vec::new(),
        button: text::common_delete(),
        action: routes::ADMIN_PROVIDERS.to_owned(),
        back: routes::ADMIN_PROVIDERS.to_owned(),
    })
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "providers", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match settings::sent(&console, &administrator, Family::Provider, &params).await {
        Some(Ok(response)) => return response,
        Some(Err((status, alert))) => {
            let say = Say { status, error: Some(alert), ..Say::default() };
            return show(&console, &administrator, say).await;
        }
        None => {}
    }
    let name = params.get("provider").unwrap_or_default();
    let done = match params.get("do") {
        Some("add") => {
            let page = SignInTarget::page(routes::ADMIN_PROVIDERS);
            match console.web.authority(&administrator.0.visitor, &page).await {
                Ok(authority) => add(&console, &authority, &params).await,
                Err(response) => return response,
            }
        }
        Some("test") => test(&console, name).await,
        Some("delete") if params.get("sure").is_some() => delete(&console, name).await,
        Some("delete") => match question(&console, name).await {
            Ok(question) => return sure::ask(&console, &administrator, &params, question),
            Err(refusal) => Err(refusal),
        },
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
