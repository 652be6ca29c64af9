//! The documents that were uploaded to a collection: the list, the form that uploads, and removal.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use doorward_admin::Refusal;
use doorward_language::{Message, text};
use doorward_model::{Timestamp, UploadFault, UploadPath, UploadedDocument, foreign, routes};
use doorward_transport::{
    Params, media_type,
    multipart::{FileForm, SentFile},
};
use doorward_web::{ErrorPage, Frame, file_form, filters, form, moment};

use crate::{
    Console,
    pages::{Administrator, draw_found, list::Feedback},
    refusals::{Alert, alert, oops},
};

/// The documents of one page.
const PART: usize = 100;
/// The name of the form.
const FORM: &str = "documents";

#[derive(Template)]
#[template(path = "admin_documents.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    title: String,
    /// The path of the page of the upstream.
    path: String,
    documents: Vec<Document>,
    summary: Message,
    /// The start of the next part, escaped for a query.
    next: Option<String>,
    limits: Message,
}

struct Document {
    path: String,
    bytes: u64,
    changed: String,
}

impl From<UploadedDocument> for Document {
    fn from(known: UploadedDocument) -> Self {
        let changed = moment(Timestamp(known.modified));
        Self { path: known.path, bytes: known.bytes, changed }
    }
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
    Feedback { message, error, .. }: Feedback,
) -> Result<Page, Refusal> {
    let browser = &administrator.0.browser;
    let upstream = console.admin.upstreams.named(name).await?;
    let after = params.get("after").map(ToOwned::to_owned);
    let mut listed = console.admin.documents.list(name, after, PART + 1).await?;
    let has_more = listed.documents.len() > PART;
    listed.documents.truncate(PART);
    let next =
        listed.documents.last().filter(|_| has_more).map(|last| {
            url::form_urlencoded::byte_serialize(last.path.as_bytes()).collect::<String>()
        });
    let most = console.admin.documents.most_bytes(&upstream)?;
    Ok(Page {
        frame: console.web.frame(Some(browser)),
        tab: "upstreams",
        csrf: console.web.csrf(browser, FORM),
        message,
        error,
        title: upstream.title.clone(),
        path: routes::ADMIN_UPSTREAM.replace("{upstream}", upstream.name.as_str()),
        summary: text::documents_summary(listed.total.to_string(), listed.bytes.to_string()),
        documents: listed.documents.into_iter().map(Document::from).collect(),
        next,
        limits: text::documents_limits(most.to_string()),
    })
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
    feedback: Feedback,
) -> Response {
    let status = feedback.status;
    match page(console, administrator, name, params, feedback).await {
        // An upstream without such a folder has no such page.
        Err(Refusal::Upload(UploadFault::NoFolder(_))) => ErrorPage::not_found().draw(&console.web),
        page => draw_found(console, status, page),
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show(&console, &administrator, &name, &params, Feedback::default()).await
}

/// Stores the files of a form, each by itself. Returns the number of those that were stored, and the
/// first that was not.
async fn store(
    console: &Console,
    turn: &doorward_admin::UploadTurn,
    sent: FileForm,
) -> (usize, Option<(String, Refusal)>) {
    let folder = sent.params.get("folder").unwrap_or_default();
    let (mut stored, mut refused) = (0, None);
    for SentFile { name, bytes, .. } in sent.files {
        let done = match UploadPath::of_file(folder, &name) {
            Ok(path) => console.admin.documents.put(turn, path, bytes.to_vec()).await.map(drop),
            Err(fault) => Err(fault.into()),
        };
        match done {
            Ok(()) => stored += 1,
            Err(refusal) => refused = refused.or(Some((name, refusal))),
        }
    }
    (stored, refused)
}

async fn upload(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    request: Request<Body>,
) -> Response {
    let turn = match console.admin.documents.turn(name).await {
        Ok(turn) => turn,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let browser = &administrator.0.browser;
    let sent = match file_form(&console.web, browser, FORM, request, turn.bytes).await {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    let none = Params::default();
    if sent.files.is_empty() {
        let feedback = Feedback::refused(Alert::incomplete(text::documents_choose()));
        return show(console, administrator, name, &none, feedback).await;
    }
    let (stored, refused) = store(console, &turn, sent).await;
    drop(turn);
    let mut feedback = match refused {
        Some((file, refusal)) => {
            let told = foreign::line(&file, foreign::LINE).into_owned();
            let alert = Alert::unanswered(&refusal);
            let text = text::documents_not_stored(told, crate::refusals::reason(&refusal));
            Feedback::refused(Alert { text, ..alert })
        }
        None => Feedback::default(),
    };
    if stored > 0 {
        feedback.message = Some(text::documents_stored(stored));
    }
    show(console, administrator, name, &none, feedback).await
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    if !media_type::is(request.headers(), media_type::FORM) {
        return upload(&console, &administrator, &name, request).await;
    }
    let params = match form(&console.web, &administrator.0.browser, FORM, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(path) = params.get("remove") else {
        return ErrorPage::incomplete("remove").draw(&console.web);
    };
    let none = Params::default();
    match console.admin.documents.remove(&name, path).await {
        Ok(()) => {
            let feedback = Feedback::done(text::documents_removed(path));
            show(&console, &administrator, &name, &none, feedback).await
        }
        Err(refusal) => match alert(&console, &refusal) {
            Ok(alert) => {
                show(&console, &administrator, &name, &none, Feedback::refused(alert)).await
            }
            Err(response) => response,
        },
    }
}
