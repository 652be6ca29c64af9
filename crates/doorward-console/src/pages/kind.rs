//! The description of the pages of a kind of objects, besides that of administration.

use std::future::Future;

use askama::Template;
use doorward_accounts::Authority;
use doorward_admin::{Objects, Refusal};
use doorward_language::Message;
use doorward_model::PlainToken;
use doorward_transport::Params;
use doorward_web::Frame;
use doorward_web::table::{Cell, Column};

use crate::{
    Console,
    pages::{
        Administrator,
        inputs::{Input, Label},
        list::SortKey,
    },
    refusals::Alert,
};

/// The texts of a kind of objects.
pub(super) struct Texts {
    /// The title of the list.
    pub(super) title: Message,
    /// The label of the link to the form for another, which is its title too.
    pub(super) add: Message,
    /// The explanation above that form.
    pub(super) about: Message,
    /// The label of the text to search for.
    pub(super) search: Message,
    /// The text of an empty list.
    pub(super) none: Message,
    /// The heading of the form on the page of one.
    pub(super) settings: Message,
    /// The message after a change.
    pub(super) saved: Message,
    /// The consequence of a removal.
    pub(super) effect: Message,
}

/// The parts of the page of an object that all kinds have, for `object.html`.
pub(super) struct Common {
    pub(super) csrf: String,
    pub(super) seen: String,
    pub(super) message: Option<Message>,
    pub(super) error: Option<Alert>,
    pub(super) texts: Texts,
    /// The name of the object.
    pub(super) title: String,
    /// The path of this page, and of the list.
    pub(super) path: String,
    pub(super) list: &'static str,
    pub(super) inputs: Vec<Input>,
    /// The secret that was made, which is shown once.
    pub(super) secret: Option<String>,
}

/// A request for the page of an object, whose parts the page of its kind may read.
pub(super) struct PageRequest<'a> {
    pub(super) console: &'a Console,
    pub(super) administrator: &'a Administrator,
    /// The parameters of the URL or of the form that was sent.
    pub(super) params: &'a Params,
}

/// The result of a form besides those that all kinds have.
pub(super) struct FormResult {
    pub(super) message: Message,
    pub(super) secret: Option<PlainToken>,
}

impl FormResult {
    pub(super) fn told(message: Message) -> Self {
        Self { message, secret: None }
    }
}

/// An object with the form in which it is shown.
pub(super) struct Shown<O: Objects> {
    pub(super) object: O::Object,
    pub(super) view: O::View,
}

/// The pages of a kind of objects.
pub(super) trait ObjectPages: Send + Sync + 'static {
    /// The operations on them.
    type Objects: Objects;
    /// The page of one.
    type Page: Template + Send;

    /// The entry of the sidebar, which is the name of the forms and of the file too.
    const TAB: &'static str;
    /// The path of the list.
    const LIST: &'static str;
    /// The path of the page of one, with a placeholder for its name.
    const PAGE: &'static str;
    /// The orders of the list.
    const ORDER: &'static [SortKey<Shown<Self::Objects>>];
    /// The values of `do` of the forms that only this kind has.
    const ACTIONS: &'static [&'static str] = &[];

    /// The texts.
    fn texts() -> Texts;
    /// The question before so many are removed.
    fn question(count: usize) -> Message;
    /// The message after so many were removed.
    fn removed(count: usize) -> Message;
    /// The message after one was added that has a secret.
    fn added(_title: String) -> Message {
        Self::texts().saved
    }
    /// The label of a field, in the form for another or in the form of one.
    fn label(name: &str, is_new: bool) -> Label;
    /// The texts by which one is found in the list.
    fn found_by(shown: &Shown<Self::Objects>) -> Vec<String>;
    /// The columns of the list; the first one has the names.
    fn columns() -> Vec<Column>;
    /// The line below the name, and the other cells.
    fn cells(shown: &Shown<Self::Objects>) -> (String, Vec<Cell>);
    /// The page of one.
    fn page(
        asked: PageRequest<'_>,
        frame: Frame,
        common: Common,
        object: &<Self::Objects as Objects>::Object,
    ) -> impl Future<Output = Result<Self::Page, Refusal>> + Send;
    /// Carries out one of the forms of `ACTIONS`.
    fn act(
        _console: &Console,
        _authority: &Authority,
        _name: &str,
        _params: &Params,
    ) -> impl Future<Output = Result<FormResult, Refusal>> + Send {
        let why = "is not an action of this page".to_owned();
        std::future::ready(Err(Refusal::ListParameter("do".to_owned(), why)))
    }
}

/// The path of the page of an object.
pub(super) fn page_of(route: &str, name: &str) -> String {
    let place = route.split_once('{').and_then(|(before, rest)| {
        let (_, after) = rest.split_once('}')?;
        Some(format!("{before}{name}{after}"))
    });
    place.unwrap_or_else(|| route.to_owned())
}
