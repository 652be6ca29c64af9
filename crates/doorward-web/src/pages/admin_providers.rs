//! Administrators look after identity providers.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_federation::{ProviderChangeError, ProviderConfig, Source, kinds::KINDS};
use doorward_model::routes;
use doorward_transport::Params;

use super::error::Oops;
use crate::{
    Look, Web,
    entrance::Onward,
    frame::{Frame, draw_copying},
    language::filters,
    visitor::{Administrator, form},
};

#[derive(Template)]
#[template(path = "admin_providers.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<String>,
    error: Option<String>,
    tried: Option<(String, Vec<Look>)>,
    providers: Vec<Row>,
    kinds: Vec<(&'static str, &'static str)>,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    people: u64,
    callback: String,
    on: bool,
    in_file: bool,
}

#[derive(Default)]
struct Say {
    status: StatusCode,
    message: Option<String>,
    error: Option<String>,
    tried: Option<(String, Vec<Look>)>,
}

async fn show(web: &Web, administrator: &Administrator, say: Say) -> Response {
    let federation = &web.parts.federation;
    let all = match federation.all_providers().await {
        Ok(all) => all,
        Err(error) => return Oops::unavailable(&error).draw(web),
    };
    let mut providers = Vec::new();
    for provider in all {
        let people = match web.parts.store.count_identities(&provider.id).await {
            Ok(people) => people,
            Err(error) => return Oops::unavailable(&error).draw(web),
        };
        providers.push(Row {
            id: provider.id.to_string(),
            name: provider.name.clone(),
            kind: provider.kind.title,
            people,
            callback: federation.callback_of(&provider.id),
            on: provider.is_enabled(),
            in_file: provider.source == Source::File,
        });
    }
    let page = Page {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "providers",
        csrf: web.csrf(&administrator.0.browser, "providers"),
        message: say.message,
        error: say.error,
        tried: say.tried,
        providers,
        kinds: KINDS.iter().map(|kind| (kind.name, kind.title)).collect(),
    };
    draw_copying(say.status, &page)
}

pub(crate) async fn get(State(web): State<Web>, administrator: Administrator) -> Response {
    show(&web, &administrator, Say::default()).await
}

async fn apply(web: &Web, params: &Params) -> Result<Say, ProviderChangeError> {
    let federation = &web.parts.federation;
    let name = params.get("provider").unwrap_or_default();
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    match params.get("do") {
        Some("add") => {
            let config = ProviderConfig {
                kind: text("kind"),
                client_id: text("client_id"),
                client_secret: text("client_secret").into(),
                issuer: text("issuer"),
                ..ProviderConfig::default()
            };
            let id = federation.add(&text("name"), config).await?;
            Ok(Say {
                message: Some(format!(
                    "Added. Register this redirect URI there: {}",
                    federation.callback_of(&id)
                )),
                ..Say::default()
            })
        }
        Some("test") => {
            let provider = federation.named(name).await?;
            let look = |finding: doorward_federation::Finding| {
                let good = finding.result.is_ok();
                let (Ok(says) | Err(says)) = finding.result;
                Look { what: finding.look.as_str().to_owned(), good, says }
            };
            let found = federation.test(&provider).await.into_iter().map(look).collect();
            Ok(Say { tried: Some((provider.name.clone(), found)), ..Say::default() })
        }
        Some("delete") if params.get("sure").is_some() => {
            federation.delete(name).await?;
            Ok(Say {
                message: Some(
                    "Deleted. The access of users who came through it has ended.".to_owned(),
                ),
                ..Say::default()
            })
        }
        _ => Ok(Say {
            status: StatusCode::BAD_REQUEST,
            error: Some("Nothing was changed: tick that you are sure.".to_owned()),
            ..Say::default()
        }),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "providers", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    // Whoever adds a provider decides who comes in.
    if params.get("do") == Some("add")
        && let Err(response) =
            web.authority(&administrator.0.visitor, &Onward::page(routes::ADMIN_PROVIDERS)).await
    {
        return response;
    }
    match apply(&web, &params).await {
        Ok(say) => show(&web, &administrator, say).await,
        Err(ProviderChangeError::Store(error)) => Oops::unavailable(&error).draw(&web),
        Err(error) => {
            let say = Say {
                status: StatusCode::BAD_REQUEST,
                error: Some(format!("Nothing was changed: {error}.")),
                ..Say::default()
            };
            show(&web, &administrator, say).await
        }
    }
}
