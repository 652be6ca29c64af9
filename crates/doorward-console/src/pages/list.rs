//! The one frame of every list: it reads the parameters, asks for the part, writes the file,
//! answers parameters that cannot be read, and draws the page. A list is an implementation of
//! [`Rows`].

use std::future::Future;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use doorward_admin::{
    ApprovalList, ClientList, Kind, Listed, ListedPlace as Place, Refusal, TokenList, UserList,
};
use doorward_language::{Message, text};
use doorward_transport::Params;
use doorward_web::table::{COMMON, Choice, Column, Filter, List, Moves, Row, Table, USUAL};
use doorward_web::{Frame, filters};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Console,
    pages::{Administrator, csv, draw},
    refusals::{Alert, alert, oops},
};

/// Number of rows of a file that are written at once.
const AT_ONCE: u64 = 500;

/// The parameters of a list.
pub(super) trait ListQuery: DeserializeOwned + Clone + Send + Sync {
    /// Asks for the part after a cursor; for the first one if there is none.
    fn after(self, limit: u64, after: Option<String>) -> Self;
}

/// Parameters that name their part by `limit`, `after` and `before`.
macro_rules! list_query {
    ($($list:ty),*) => {$(
        impl ListQuery for $list {
            fn after(self, limit: u64, after: Option<String>) -> Self {
                Self { limit: Some(limit), after, before: None, ..self }
            }
        }
    )*};
}
list_query!(ApprovalList, UserList, ClientList, TokenList, InMemory);

/// An order of a list in memory.
pub(super) struct SortKey<T> {
    /// The name by which the list is sorted.
    pub(super) column: &'static str,
    /// The text of a row that decides.
    pub(super) text: fn(&T) -> String,
}

/// The order by a column with this text.
pub(super) const fn by<T>(column: &'static str, text: fn(&T) -> String) -> SortKey<T> {
    SortKey { column, text }
}

/// The parameters of a list whose rows are all in memory. A cursor is the name of a row.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InMemory {
    /// Only rows with this text.
    pub(super) search: Option<String>,
    /// Only rows in this state.
    pub(super) state: Option<String>,
    sort: Option<String>,
    limit: Option<u64>,
    after: Option<String>,
    before: Option<String>,
}

impl InMemory {
    /// Reports a row with these texts as one that the search finds.
    pub(super) fn finds(&self, texts: &[&str]) -> bool {
        let wanted = self.search.as_deref().unwrap_or_default().trim().to_lowercase();
        wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// Reports a row in these states as one that is asked for.
    pub(super) fn has_state<'a>(&self, mut states: impl Iterator<Item = &'a str>) -> bool {
        let wanted = self.state.as_deref().unwrap_or_default();
        wanted.is_empty() || states.any(|state| state == wanted)
    }

    /// Puts rows in the order that is asked for: by the text that means a column's name.
    fn order<T>(&self, rows: &mut [T], texts: &[SortKey<T>]) -> Result<(), Refusal> {
        let Some(sort) = self.sort.as_deref().filter(|sort| !sort.is_empty()) else {
            return Ok(());
        };
        let (name, descends) = match sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (sort, false),
        };
        let key = texts.iter().find(|known| known.column == name).ok_or_else(|| {
            let why = "is not a column that the list can be sorted by".to_owned();
            Refusal::ListParameter("sort".to_owned(), why)
        })?;
        rows.sort_by_cached_key(|row| (key.text)(row).to_lowercase());
        if descends {
            rows.reverse();
        }
        Ok(())
    }

    /// The part that is asked for of these rows, in the order that is asked for.
    pub(super) fn part<T>(
        &self,
        mut rows: Vec<T>,
        texts: &[SortKey<T>],
        name: impl Fn(&T) -> String,
    ) -> Result<Listed<T>, Refusal> {
        self.order(&mut rows, texts)?;
        let limit = self.limit.unwrap_or(USUAL).clamp(1, AT_ONCE);
        let place = Place { limit, after: self.after.as_deref(), before: self.before.as_deref() };
        Ok(Listed::of_all(rows, place, name))
    }
}

/// A list of administrators.
pub(super) trait Rows: Sync {
    /// Its parameters.
    type Query: ListQuery;
    /// A row.
    type Row: Send + Sync;

    /// The entry of the sidebar.
    const TAB: &'static str;
    /// The name of its form, for its token, and of its file.
    const NAME: &'static str;
    /// The names of its filters.
    const FILTERS: &'static [&'static str] = &[];
    /// All rows are counted. The audit has too many.
    const COUNTED: bool = true;
    /// Nothing is listed before a filter is set.
    const NEEDS_FILTER: bool = false;

    /// The path of the page.
    fn path(&self) -> String;
    /// The title of the page.
    fn title(&self) -> Message;
    /// The label of the link to the form for another row, where there is one.
    fn add(&self) -> Option<Message> {
        None
    }
    /// The label of the text to search for, where rows are searched.
    fn search(&self) -> Option<Message>;
    /// The filters.
    fn filters(&self) -> Vec<Filter> {
        Vec::new()
    }
    /// The columns.
    fn columns(&self) -> Vec<Column>;
    /// The cells of a row.
    fn line(&self, row: &Self::Row) -> Row;
    /// The actions on selected rows.
    fn actions(&self) -> Vec<(&'static str, Message)> {
        Vec::new()
    }
    /// The action on selected rows that needs a value as well.
    fn choice(&self) -> Option<Choice> {
        None
    }
    /// The files of the list, each with its link.
    fn files(&self, list: &List<'_>) -> Vec<(String, Message)> {
        vec![(list.link(&[("format", "csv")]), text::console_csv())]
    }
    /// The text of a list that is empty as a whole.
    fn none(&self) -> Message {
        text::console_none()
    }
    /// The action that a list offers that is empty as a whole: the form for another row.
    fn first(&self) -> Option<(String, Message)> {
        self.add().map(|label| (format!("{}?add=1", self.path()), label))
    }
    /// The texts of an empty list and of the links to other parts. A list is `narrowed` by a search
    /// or a filter.
    fn moves(&self, _: &Listed<Self::Row>, narrowed: bool) -> Moves {
        Moves::of(if narrowed { text::console_none() } else { self.none() })
    }
    /// The part that is asked for.
    fn part(
        &self,
        console: &Console,
        asked: Self::Query,
    ) -> impl Future<Output = Result<Listed<Self::Row>, Refusal>> + Send;
}

/// The answer to an action: what was done, to which rows, or the refusal.
#[derive(Default)]
pub(super) struct Feedback {
    pub(super) status: StatusCode,
    pub(super) message: Option<Message>,
    pub(super) error: Option<Alert>,
    /// The keys of the rows that changed. The message stands above the first that is shown.
    pub(super) changed: Vec<String>,
}

impl Feedback {
    /// The answer to an action that was carried out.
    pub(super) fn done(message: Message) -> Self {
        Self { message: Some(message), ..Self::default() }
    }

    /// The answer to an action that was refused.
    pub(super) fn refused(error: Alert) -> Self {
        Self { status: error.status, error: Some(error), ..Self::default() }
    }

    /// The answer to an action with this result, or the page to show instead.
    pub(super) fn of(
        console: &Console,
        result: Result<Message, Refusal>,
    ) -> Result<Self, Response> {
        match result {
            Ok(message) => Ok(Self::done(message)),
            Err(refusal) => alert(console, &refusal).map(Self::refused),
        }
    }

    /// The answer to an action on several rows: the number, and the first refusal.
    pub(super) fn of_several(
        console: &Console,
        message: Message,
        refused: Option<Refusal>,
    ) -> Result<Self, Response> {
        match refused.map(|refusal| alert(console, &refusal)) {
            None => Ok(Self::done(message)),
            Some(Ok(alert)) => Ok(Self { message: Some(message), ..Self::refused(alert) }),
            Some(Err(response)) => Err(response),
        }
    }

    /// Names the rows that changed.
    pub(super) fn about(self, changed: Vec<String>) -> Self {
        Self { changed, ..self }
    }
}

/// The parts of a page with a list, for `list.html`.
pub(super) struct Parts {
    pub(super) title: Message,
    pub(super) main_action: Option<(String, Message)>,
    pub(super) message: Option<Message>,
    pub(super) error: Option<Alert>,
    pub(super) table: Table,
}

/// A list as it is shown.
pub(super) struct ListView<R> {
    pub(super) status: StatusCode,
    pub(super) parts: Parts,
    pub(super) rows: Vec<R>,
}

#[derive(Template)]
#[template(path = "list.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    parts: Parts,
}

/// All rows that fit, as a file.
async fn as_file<R: Rows>(
    console: &Console,
    rows: &R,
    asked: R::Query,
) -> Result<Response, Refusal> {
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let part = rows.part(console, asked.clone().after(AT_ONCE, after)).await?;
        lines.extend(part.rows.iter().map(|row| rows.line(row)));
        after = part.next;
        if after.is_none() {
            return Ok(csv::file(R::NAME, &rows.columns(), &lines));
        }
    }
}

/// Reads the parameters of a list. A page that asks for no number of rows has the usual one.
fn read<T: DeserializeOwned>(list: &List<'_>) -> Result<T, Refusal> {
    let names: Vec<&str> = COMMON.into_iter().chain(list.filters.iter().copied()).collect();
    doorward_admin::read_list(&names, |name| {
        let given = list.params.get(name).map(ToOwned::to_owned);
        if name == "limit" { given.or_else(|| Some(USUAL.to_string())) } else { given }
    })
}

/// Refuses a value that a choice does not have.
fn check_choices(list: &List<'_>, filters: &[Filter]) -> Result<(), Refusal> {
    for filter in filters {
        let value = list.get(filter.name);
        if !value.is_empty() && !filter.allows(value) {
            let why = "is not one of the choices".to_owned();
            return Err(Refusal::ListParameter(filter.name.to_owned(), why));
        }
    }
    Ok(())
}

/// The page that `params` ask for, or another response: a file, or the page of an error.
pub(super) async fn parts<R: Rows>(
    console: &Console,
    administrator: &Administrator,
    rows: &R,
    params: &Params,
    feedback: Feedback,
) -> Result<ListView<R::Row>, Response> {
    let path = rows.path();
    let list = List::new(&path, params, R::FILTERS);
    let empty = Params::default();
    let whole = List::new(&path, &empty, R::FILTERS);
    let found = async {
        check_choices(&list, &rows.filters())?;
        let asked = read::<R::Query>(&list)?;
        if csv::as_file(params) {
            return Ok::<_, Refusal>(Err(as_file(console, rows, asked).await?));
        }
        Ok(Ok(rows.part(console, asked).await?))
    };
    let failed = |refusal: &Refusal| oops(refusal).draw(&console.web);
    let (list, part, feedback) = match found.await {
        Ok(Ok(part)) => (list, part, feedback),
        Ok(Err(file)) => return Err(file),
        // A list that cannot be asked for is answered with the whole one.
        Err(refusal) if refusal.kind() == Kind::Invalid => {
            let part = async { rows.part(console, read(&whole)?).await };
            let part = part.await.map_err(|refusal| failed(&refusal))?;
            (whole, part, Feedback::refused(Alert::unanswered(&refusal)))
        }
        Err(refusal) => return Err(failed(&refusal)),
    };
    let Feedback { status, message, error, changed } = feedback;
    let mut table = Table::new(&list, &part, rows.columns(), |row| rows.line(row))
        .with_search(&list, rows.search(), rows.filters())
        .with_files(rows.files(&list));
    table.needs_filter = R::NEEDS_FILTER;
    let narrowed = !table.chips.is_empty();
    table.moves = rows.moves(&part, narrowed);
    table.first = rows.first().filter(|_| part.rows.is_empty() && !narrowed);
    let message = table.mark(&changed, message);
    let table = if R::COUNTED { table } else { table.without_count() };
    let actions = rows.actions();
    let mut table = if actions.is_empty() {
        table
    } else {
        table.with_actions(console.web.csrf(&administrator.0.browser, R::NAME), actions)
    };
    if let Some(bulk) = &mut table.bulk {
        bulk.choice = rows.choice();
    }
    let title = rows.title();
    let main_action = rows.add().map(|label| (format!("{path}?add=1"), label));
    let parts = Parts { title, main_action, message, error, table };
    Ok(ListView { status, parts, rows: part.rows })
}

/// Shows a page with nothing but the list.
pub(super) async fn show<R: Rows>(
    console: &Console,
    administrator: &Administrator,
    rows: &R,
    params: &Params,
    feedback: Feedback,
) -> Response {
    match parts(console, administrator, rows, params, feedback).await {
        Ok(ListView { status, parts, rows: _ }) => {
            let frame = console.web.frame(Some(&administrator.0.browser));
            draw(status, &Page { frame, tab: R::TAB, parts })
        }
        Err(response) => response,
    }
}
