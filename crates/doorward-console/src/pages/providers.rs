//! Identity providers: their list, and a page of each.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{Family, Listed, Refusal};
use doorward_federation::{Provider, Source};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::table::{Badge, Cell, Column, Filter, Row, Target};
use doorward_web::{ErrorPage, Frame, form};

use crate::{
    Console,
    findings::Check,
    pages::{
        Administrator, draw_found,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        settings,
        sure::{self, Question},
    },
    refusals::{Alert, oops},
};

/// The page of an identity provider.
#[derive(Template)]
#[template(path = "admin_provider.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    /// The results of a test.
    checks: Option<Vec<Check>>,
    id: String,
    name: String,
    kind: &'static str,
    users: u64,
    redirect_uri: String,
    enabled: bool,
    in_file: bool,
    admits: Message,
}

/// The identity providers.
struct ProviderRows;

/// The orders of the list.
const ORDER: [SortKey<ListedProvider>; 2] =
    [by("name", |(provider, _)| provider.name.clone()), by("kind", |(provider, _)| kind(provider))];

/// A provider with the number of its users.
type ListedProvider = (Arc<Provider>, u64);

fn kind(provider: &Provider) -> String {
    provider.kind.title.to_owned()
}

/// The state: its name in the filter, and its text.
fn state(provider: &Provider) -> (&'static str, Message) {
    if provider.is_enabled() { ("on", text::common_on()) } else { ("off", text::common_off()) }
}

impl Rows for ProviderRows {
    type Query = InMemory;
    type Row = ListedProvider;

    const TAB: &'static str = "providers";
    const NAME: &'static str = "providers";
    const FILTERS: &'static [&'static str] = &["state"];

    fn path(&self) -> String {
        routes::ADMIN_PROVIDERS.to_owned()
    }

    fn title(&self) -> Message {
        text::common_identity_providers()
    }

    fn add(&self) -> Option<Message> {
        Some(text::admin_provider_add())
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_providers())
    }

    fn filters(&self) -> Vec<Filter> {
        let choices = vec![("on", text::common_on()), ("off", text::common_off())];
        vec![Filter::choice("state", text::console_any_state(), choices)]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::admin_provider_kind(), "kind"),
            Column::plain(text::common_state()),
            Column::plain(text::admin_admits_title()),
            Column::plain(text::console_service_users()),
            Column::plain(text::console_service_source()),
        ]
    }

    fn line(&self, (provider, users): &ListedProvider) -> Row {
        let source = match provider.source {
            Source::File => text::admin_provider_in_file().to_string(),
            Source::Added => String::new(),
        };
        let cells = [
            Cell::Text(kind(provider)),
            Cell::Badges(vec![Badge::new(state(provider).1, provider.is_enabled())]),
            Cell::Text(doorward_language::admits(&provider.admits()).to_string()),
            Cell::Text(users.to_string()),
            Cell::Text(source),
        ];
        let id = provider.id.to_string();
        Row::linked(
            id.clone(),
            provider.name.clone(),
            Target { path: settings::page_of(Family::Provider, &id), below: id },
            cells,
        )
    }

    fn none(&self) -> Message {
        text::admin_provider_none()
    }

    async fn part(
        &self,
        console: &Console,
        asked: InMemory,
    ) -> Result<Listed<ListedProvider>, Refusal> {
        let providers = &console.admin.providers;
        let mut rows = Vec::new();
        for provider in providers.all().await? {
            let texts = [provider.name.as_str(), provider.id.as_str()];
            if asked.finds(&texts) && asked.has_state([state(&provider).0].into_iter()) {
                let users = providers.count_users(&provider).await?;
                rows.push((provider, users));
            }
        }
        asked.part(rows, &ORDER, |(provider, _)| provider.id.to_string())
    }
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    feedback: Feedback,
    checks: Option<Vec<Check>>,
) -> Result<Page, Refusal> {
    let providers = &console.admin.providers;
    let provider = providers.named(name).await?;
    Ok(Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "providers",
        csrf: console.web.csrf(&administrator.0.browser, "providers"),
        message: feedback.message,
        error: feedback.error,
        checks,
        id: provider.id.to_string(),
        name: provider.name.clone(),
        kind: provider.kind.title,
        users: providers.count_users(&provider).await?,
        redirect_uri: providers.redirect_uri(&provider),
        enabled: provider.is_enabled(),
        in_file: provider.source == Source::File,
        admits: doorward_language::admits(&provider.admits()),
    })
}

/// Shows the page of a provider.
async fn show_one(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    feedback: Feedback,
    checks: Option<Vec<Check>>,
) -> Response {
    let status = feedback.status;
    draw_found(console, status, page(console, administrator, name, feedback, checks).await)
}

/// Shows the list with the refusal of a form.
async fn show_refused(console: &Console, administrator: &Administrator, alert: Alert) -> Response {
    let (all, feedback) = (Params::default(), Feedback::refused(alert));
    list::show(console, administrator, &ProviderRows, &all, feedback).await
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match settings::asked(&console, &administrator, Family::Provider, &params).await {
        Some(Ok(response)) => return response,
        Some(Err(alert)) => return show_refused(&console, &administrator, alert).await,
        None => {}
    }
    if let Some(name) = params.get("provider") {
        let message = settings::saved(&console, Family::Provider, name, &params).await;
        let feedback = Feedback { message, ..Feedback::default() };
        return show_one(&console, &administrator, name, feedback, None).await;
    }
    list::show(&console, &administrator, &ProviderRows, &params, Feedback::default()).await
}

/// Tests a provider, and shows the results on its page.
async fn test(console: &Console, administrator: &Administrator, name: &str) -> Response {
    let provider = match console.admin.providers.named(name).await {
        Ok(provider) => provider,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let found = console.admin.providers.examine(&provider).await;
    let checks = found.into_iter().map(Check::of_finding).collect();
    show_one(console, administrator, name, Feedback::default(), Some(checks)).await
}

/// The question before a provider is deleted.
async fn question(console: &Console, name: &str) -> Result<Question, Refusal> {
    let provider = console.admin.providers.named(name).await?;
    let users = console.admin.providers.count_users(&provider).await?;
    let effects =
        vec![text::admin_provider_delete_sure(), text::console_provider_ends(users.to_string())];
    let title = text::console_delete_provider(provider.name.as_str());
    let path = routes::ADMIN_PROVIDERS;
    Ok(Question::deletion("providers", path, title, effects, Vec::new()))
}

async fn delete(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
) -> Response {
    if !sure::is_sure(params) {
        return match question(console, name).await {
            Ok(question) => sure::ask(console, administrator, params, question),
            Err(refusal) => oops(&refusal).draw(&console.web),
        };
    }
    let deleted = console.admin.providers.delete(name, None).await;
    match Feedback::of(console, deleted.map(|()| text::admin_provider_deleted())) {
        Ok(feedback) => {
            let all = Params::default();
            list::show(console, administrator, &ProviderRows, &all, feedback).await
        }
        Err(response) => response,
    }
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
        Some(Err(alert)) => return show_refused(&console, &administrator, alert).await,
        None => {}
    }
    let name = params.get("provider").unwrap_or_default();
    match params.get("do") {
        Some("test") => test(&console, &administrator, name).await,
        Some("delete") => delete(&console, &administrator, name, &params).await,
        _ => ErrorPage::incomplete("do").draw(&console.web),
    }
}
