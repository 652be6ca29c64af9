//! The pages of a kind of objects, made from its description: the list, the form for another, the
//! page of one with its form, and the removal, which is confirmed.

use std::{marker::PhantomData, sync::Arc};

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Authority;
use doorward_admin::{Added, Effect, Field, Kind, Listed, Objects, Proposal, Refusal};
use doorward_language::{Message, text};
use doorward_model::PlainToken;
use doorward_transport::routing::{get, post};
use doorward_transport::{Params, answer};
use doorward_web::table::{self, Column, Row, Target};
use doorward_web::{ErrorPage, Frame, SignInTarget, filled, filters, form};
use serde_json::Value;

use crate::{
    Console,
    pages::{
        Administrator, draw, draw_found,
        inputs::Input,
        kind::{Common, FormResult, ObjectPages, PageRequest, Shown, Texts, page_of},
        list::{self, Feedback, InMemory, Rows},
        sure::{self, Question},
    },
    refusals::{Alert, oops},
};

/// The routes of a kind of objects.
pub(super) fn routes<P: ObjectPages>() -> Router<Arc<Console>> {
    Router::new()
        .route(P::LIST, get(listed::<P>).merge(post(post_list::<P>)))
        .route(P::PAGE, get(one::<P>).merge(post(post_one::<P>)))
}

/// The list of a kind of objects.
struct ObjectRows<P>(PhantomData<P>);

impl<P: ObjectPages> Rows for ObjectRows<P> {
    type Query = InMemory;
    type Row = Shown<P::Objects>;

    const TAB: &'static str = P::TAB;
    const NAME: &'static str = P::TAB;

    fn path(&self) -> String {
        P::LIST.to_owned()
    }

    fn title(&self) -> Message {
        P::texts().title
    }

    fn add(&self) -> Option<Message> {
        Some(P::texts().add)
    }

    fn search(&self) -> Option<Message> {
        Some(P::texts().search)
    }

    fn columns(&self) -> Vec<Column> {
        P::columns()
    }

    fn line(&self, shown: &Shown<P::Objects>) -> Row {
        let key = P::Objects::key(&shown.object);
        let (below, cells) = P::cells(shown);
        let target = Target { path: page_of(P::PAGE, &key), below };
        Row::linked(key, P::Objects::title(&shown.object), target, cells)
            .with_value(P::Objects::etag(&shown.object))
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("delete", text::common_delete())]
    }

    fn none(&self) -> Message {
        P::texts().none
    }

    async fn part(
        &self,
        console: &Console,
        asked: InMemory,
    ) -> Result<Listed<Shown<P::Objects>>, Refusal> {
        let objects = P::Objects::of(&console.admin);
        let all = objects.list().await?;
        let shown = |object| Shown { view: objects.view(&object), object };
        let mut rows: Vec<Shown<P::Objects>> = all.into_iter().map(shown).collect();
        rows.retain(|shown| {
            let texts = P::found_by(shown);
            asked.finds(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        });
        asked.part(rows, P::ORDER, |shown| P::Objects::key(&shown.object))
    }
}

/// The form for another object.
#[derive(Template)]
#[template(path = "object_add.html")]
struct AddPage {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    texts: Texts,
    list: &'static str,
    inputs: Vec<Input>,
}

async fn show_list<P: ObjectPages>(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    list::show(console, administrator, &ObjectRows::<P>(PhantomData), params, feedback).await
}

/// Shows the form for another, as it was typed.
fn show_add<P: ObjectPages>(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    Feedback { status, error, .. }: Feedback,
) -> Response {
    let browser = &administrator.0.browser;
    let input = |field: &Field| {
        let typed = params.get(field.name).unwrap_or_default().to_owned();
        Input::new(field, P::label(field.name, true), typed)
    };
    let page = AddPage {
        frame: console.web.frame(Some(browser)),
        tab: P::TAB,
        csrf: console.web.csrf(browser, P::TAB),
        error,
        texts: P::texts(),
        list: P::LIST,
        inputs: P::Objects::FIELDS.iter().map(input).collect(),
    };
    draw(status, &page)
}

/// The page of an object, with the form as it was typed, if it was refused.
async fn page<P: ObjectPages>(
    asked: PageRequest<'_>,
    name: &str,
    secret: Option<PlainToken>,
    feedback: Feedback,
) -> Result<P::Page, Refusal> {
    let PageRequest { console, administrator, params } = asked;
    let objects = P::Objects::of(&console.admin);
    let object = objects.find(name).await?;
    let view = serde_json::to_value(objects.view(&object)).unwrap_or_default();
    // It was refused, or the browser returns to it from a sign-in.
    let is_typed = feedback.message.is_none() && params.get("do") == Some("save");
    let input = |field: &Field| {
        let stored = || field.text(view.get(field.name).unwrap_or(&Value::Null));
        let typed = params.get(field.name).filter(|_| is_typed).map(ToOwned::to_owned);
        Input::new(field, P::label(field.name, false), typed.unwrap_or_else(stored))
    };
    let browser = &administrator.0.browser;
    let common = Common {
        csrf: console.web.csrf(browser, P::TAB),
        seen: P::Objects::etag(&object),
        message: feedback.message,
        error: feedback.error,
        texts: P::texts(),
        title: P::Objects::title(&object),
        path: page_of(P::PAGE, &P::Objects::key(&object)),
        list: P::LIST,
        inputs: P::Objects::FIELDS.iter().filter(|field| !field.is_fixed).map(input).collect(),
        secret: secret.map(|secret| secret.reveal().to_owned()),
    };
    P::page(asked, console.web.frame(Some(browser)), common, &object).await
}

async fn show_one<P: ObjectPages>(
    asked: PageRequest<'_>,
    name: &str,
    secret: Option<PlainToken>,
    feedback: Feedback,
) -> Response {
    let (console, status) = (asked.console, feedback.status);
    draw_found(console, status, page::<P>(asked, name, secret, feedback).await)
}

/// The list, or the form for another.
async fn listed<P: ObjectPages>(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if params.get("add").is_some() {
        return show_add::<P>(&console, &administrator, &params, Feedback::default());
    }
    show_list::<P>(&console, &administrator, &params, Feedback::default()).await
}

/// The page of an object.
async fn one<P: ObjectPages>(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let (console, administrator) = (console.as_ref(), &administrator);
    let asked = PageRequest { console, administrator, params: &params };
    match page::<P>(asked, &name, None, Feedback::default()).await {
        // A part that cannot be asked for is answered with the first one.
        Err(refusal) if refusal.kind() == Kind::Invalid => {
            let told = Feedback::refused(Alert::unanswered(&refusal));
            let asked = PageRequest { console, administrator, params: &Params::default() };
            show_one::<P>(asked, &name, None, told).await
        }
        found => draw_found(console, StatusCode::OK, found),
    }
}

/// Removes the selected objects once the administrator confirmed it, each in the state that was
/// shown.
async fn remove_selected<P: ObjectPages>(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
) -> Response {
    let names = table::selected(params);
    if !names.is_empty() && !sure::is_sure(params) {
        let effects = vec![P::texts().effect];
        let title = P::question(names.len());
        let question = Question::deletion(P::TAB, P::LIST, title, effects, names);
        return sure::ask(console, administrator, params, question);
    }
    let (mut removed, mut refused) = (0_usize, None);
    for name in names {
        let seen = params.get(&format!("row-{name}"));
        match P::Objects::of(&console.admin).end(&name, seen).await {
            Ok(()) => removed += 1,
            Err(refusal) if refusal.kind() == Kind::Missing => {}
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match Feedback::of_several(console, P::removed(removed), refused) {
        Ok(feedback) => {
            show_list::<P>(console, administrator, &table::returned(params), feedback).await
        }
        Err(response) => response,
    }
}

/// Adds an object. One with a secret is shown at once, with the secret.
async fn add<P: ObjectPages>(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
) -> Response {
    let kept: Vec<&str> =
        std::iter::once("add").chain(P::Objects::FIELDS.iter().map(|field| field.name)).collect();
    let next = filled(P::LIST, params, &kept);
    let target = SignInTarget::page(&next);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let added = match P::Objects::typed_new(|name| params.get(name)) {
        Ok(new) => P::Objects::of(&console.admin).insert(&authority, new).await,
        Err(refusal) => Err(refusal),
    };
    match added {
        Ok(Added { object, secret: None }) => {
            let page = page_of(P::PAGE, &P::Objects::key(&object));
            answer::see_other(&console.web.at(&page))
        }
        Ok(Added { object, secret }) => {
            let asked = PageRequest { console, administrator, params: &Params::default() };
            let feedback = Feedback::done(P::added(P::Objects::title(&object)));
            show_one::<P>(asked, &P::Objects::key(&object), secret, feedback).await
        }
        Err(refusal) => match Feedback::of(console, Err(refusal)) {
            Ok(feedback) => show_add::<P>(console, administrator, params, feedback),
            Err(response) => response,
        },
    }
}

/// The forms of the list.
async fn post_list<P: ObjectPages>(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, P::TAB, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match params.get("do") {
        Some("delete") => remove_selected::<P>(&console, &administrator, &params).await,
        Some("add") => add::<P>(&console, &administrator, &params).await,
        _ => ErrorPage::incomplete("do").draw(&console.web),
    }
}

/// Removes an object once the administrator confirmed it.
async fn remove<P: ObjectPages>(asked: PageRequest<'_>, name: &str, title: String) -> Response {
    let PageRequest { console, administrator, params } = asked;
    if !sure::is_sure(params) {
        let question = Question {
            tab: P::TAB,
            title: P::question(1),
            effects: vec![P::texts().effect],
            objects: vec![title],
            button: text::common_delete(),
            action: page_of(P::PAGE, name),
            back: page_of(P::PAGE, name),
        };
        return sure::ask(console, administrator, params, question);
    }
    let seen = Some(params.get("seen").unwrap_or_default());
    let removed = P::Objects::of(&console.admin).end(name, seen).await;
    match Feedback::of(console, removed.map(|()| P::removed(1))) {
        Ok(feedback) if feedback.error.is_none() => {
            show_list::<P>(console, administrator, &Params::default(), feedback).await
        }
        Ok(feedback) => show_one::<P>(asked, name, None, feedback).await,
        Err(response) => response,
    }
}

/// Saves the form of an object.
async fn save<P: ObjectPages>(
    console: &Console,
    authority: &Authority,
    name: &str,
    params: &Params,
) -> Result<FormResult, Refusal> {
    let change = P::Objects::typed_change(|name| params.get(name))?;
    let (seen, effect) = (Some(params.get("seen").unwrap_or_default()), Effect::Apply);
    let proposal = Proposal { of: name, change: &change, seen, effect };
    P::Objects::of(&console.admin).change(authority, proposal).await?;
    Ok(FormResult::told(P::texts().saved))
}

/// The forms of the page of an object.
async fn post_one<P: ObjectPages>(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, P::TAB, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let object = match P::Objects::of(&console.admin).find(&name).await {
        Ok(object) => object,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let asked = PageRequest { console: &console, administrator: &administrator, params: &params };
    let key = P::Objects::key(&object);
    let action = match params.get("do") {
        Some("delete") => return remove::<P>(asked, &key, P::Objects::title(&object)).await,
        Some(action) if action == "save" || P::ACTIONS.contains(&action) => action,
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    let mut target = page_of(P::PAGE, &key);
    if action == "save" {
        let fields = P::Objects::FIELDS.iter().map(|field| field.name);
        target = filled(&target, &params, &std::iter::once("do").chain(fields).collect::<Vec<_>>());
    }
    let target = SignInTarget::page(&target);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let done = match action {
        "save" => save::<P>(&console, &authority, &key, &params).await,
        _ => P::act(&console, &authority, &key, &params).await,
    };
    let (secret, told) = match done {
        Ok(FormResult { message, secret }) => (secret, Ok(Feedback::done(message))),
        // A user who was typed, or was deleted meanwhile, is not the object of the page.
        Err(refusal) if refusal.kind() == Kind::Missing && action != "save" => {
            (None, Ok(Feedback::refused(Alert::unanswered(&refusal))))
        }
        Err(refusal) => (None, Feedback::of(&console, Err(refusal))),
    };
    match told {
        Ok(feedback) => show_one::<P>(asked, &key, secret, feedback).await,
        Err(response) => response,
    }
}
