//! The table of every list of administrators: search, filters, order, parts, check boxes with one
//! bar of actions, and the same rows as a file. The database does the work; a page has one part.

use doorward_admin::{Listed, ListedPlace};
use doorward_language::{Message, text};
use doorward_transport::Params;

pub(super) use super::{
    cell::{Badge, Cell, Target},
    filter::{Filter, FilterInput, FilterView},
};

/// The numbers of rows that a page may have. A form has room for the check boxes of the largest.
const SIZES: [u64; 3] = [10, 25, 50];
/// The number of rows of a page if nothing is asked.
pub(super) const USUAL: u64 = 50;
/// Maximum number of characters of an identifier that a cell shows whole.
const WHOLE: usize = 24;

/// A list that is asked for: its path, and the parameters that links to it keep.
pub(super) struct List<'a> {
    pub(super) path: &'a str,
    pub(super) params: &'a Params,
    /// The names of the filters.
    pub(super) filters: &'static [&'static str],
}

/// The names of the parameters of a list besides its filters.
const COMMON: [&str; 5] = ["search", "sort", "limit", "after", "before"];

impl List<'_> {
    /// A parameter; empty if it is not given.
    pub(super) fn get(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// Reads the parameters. A page that asks for no number of rows has the usual one.
    pub(super) fn read<T: serde::de::DeserializeOwned>(
        &self,
    ) -> Result<T, doorward_admin::Refusal> {
        let names: Vec<&str> = COMMON.into_iter().chain(self.filters.iter().copied()).collect();
        doorward_admin::read_list(&names, |name| {
            let given = self.params.get(name).map(ToOwned::to_owned);
            if name == "limit" { given.or_else(|| Some(USUAL.to_string())) } else { given }
        })
    }

    /// The part that is asked for of rows that are all in memory, in their order. A cursor is the
    /// name of a row.
    pub(super) fn of_all<T>(&self, rows: Vec<T>, name: impl Fn(&T) -> String) -> Listed<T> {
        let limit = self.get("limit").parse().unwrap_or(USUAL).clamp(1, USUAL);
        let given = |cursor: &'static str| Some(self.get(cursor)).filter(|text| !text.is_empty());
        let place = ListedPlace { limit, after: given("after"), before: given("before") };
        Listed::of_all(rows, place, name)
    }

    /// The query of the part that is shown, which forms send so that the list is shown as it was.
    fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for name in COMMON.into_iter().chain(self.filters.iter().copied()) {
            let value = self.get(name);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// A link to the list with changed parameters. It begins with the first part unless a change
    /// says otherwise.
    pub(super) fn link(&self, changes: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let kept = ["search", "sort", "limit"].into_iter().chain(self.filters.iter().copied());
        for name in kept.filter(|name| changes.iter().all(|(changed, _)| changed != name)) {
            let value = self.get(name);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        for (name, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        format!("{}?{}", self.path, query.finish())
    }
}

/// The texts of an empty list and of the links to its other parts.
pub(super) struct Moves {
    pub(super) none: Message,
    pub(super) previous: Message,
    pub(super) next: Message,
}

impl Moves {
    /// The usual links, with this text of an empty list.
    pub(super) fn of(none: Message) -> Self {
        Self { none, previous: text::console_previous(), next: text::console_next() }
    }
}

/// A column, with the name by which the list can be sorted.
pub(super) struct Column {
    pub(super) label: Message,
    pub(super) sort: Option<&'static str>,
}

impl Column {
    pub(super) fn plain(label: Message) -> Self {
        Self { label, sort: None }
    }
    pub(super) fn sorted(label: Message, sort: &'static str) -> Self {
        Self { label, sort: Some(sort) }
    }
}

/// A row: the key that its check box names, its name for those who cannot see it, and the state in
/// which it is shown, where an action needs it.
pub(super) struct Row {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) cells: Vec<Cell>,
}

impl Row {
    /// A row that can be selected.
    pub(super) fn new(key: impl Into<String>, name: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self { key: key.into(), name: name.into(), value: "1".to_owned(), cells }
    }

    /// A row that can be selected, whose first cell leads to its page, with a line below its name.
    pub(super) fn linked(
        key: impl Into<String>,
        name: impl Into<String>,
        target: Target,
        cells: impl IntoIterator<Item = Cell>,
    ) -> Self {
        let name = name.into();
        let link = Cell::Link { path: target.path, label: name.clone(), below: target.below };
        Self::new(key, name, std::iter::once(link).chain(cells).collect())
    }

    /// The state in which the row is shown.
    pub(super) fn with_value(self, value: String) -> Self {
        Self { value, ..self }
    }
}

/// An action on selected rows that needs one of some values as well: the group to add users to.
pub(super) struct Choice {
    pub(super) action: (&'static str, Message),
    pub(super) name: &'static str,
    pub(super) label: Message,
    pub(super) values: Vec<String>,
}

/// The actions on selected rows.
pub(super) struct Bulk {
    pub(super) csrf: String,
    pub(super) actions: Vec<(&'static str, Message)>,
    pub(super) choice: Option<Choice>,
    /// The query of the list, to which the action returns.
    pub(super) list: String,
}

/// A table as the template `table.html` shows it.
pub(super) struct Table {
    /// The query of the part that is shown.
    query: String,
    pub(super) path: String,
    pub(super) search: String,
    /// The label of the text to search for, where rows are searched.
    pub(super) search_label: Option<Message>,
    pub(super) kept: Vec<(&'static str, String)>,
    pub(super) filters: Vec<FilterView>,
    /// The conditions in effect.
    pub(super) chips: Vec<Chip>,
    pub(super) columns: Vec<ColumnView>,
    pub(super) rows: Vec<RowView>,
    /// The numbers of the rows; none if they are not counted.
    pub(super) range: Option<Message>,
    pub(super) sizes: Vec<Size>,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    pub(super) moves: Moves,
    /// Nothing is listed before a filter is set.
    pub(super) needs_filter: bool,
    /// The action that an empty list offers.
    pub(super) first: Option<(String, Message)>,
    /// The files, each with its link.
    pub(super) files: Vec<(String, Message)>,
    pub(super) bulk: Option<Bulk>,
}

/// A condition in effect, with the link to the list without it.
pub(super) struct Chip {
    pub(super) text: String,
    pub(super) without: String,
}

/// A number of rows, with the link to as many.
pub(super) struct Size {
    pub(super) rows: u64,
    pub(super) link: String,
    pub(super) current: bool,
}

/// A link that sorts by a column, and the value of `aria-sort`.
pub(super) struct SortLink {
    pub(super) link: String,
    pub(super) aria: &'static str,
}

/// A cell with the label of its column.
pub(super) struct Labelled {
    pub(super) label: String,
    pub(super) cell: Cell,
}

/// A column as it is shown.
pub(super) struct ColumnView {
    pub(super) label: String,
    pub(super) sort: Option<SortLink>,
}

/// A row as it is shown.
pub(super) struct RowView {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) cells: Vec<Labelled>,
    /// An action changed it.
    pub(super) changed: bool,
    /// The message about the action, above the first row that it changed.
    pub(super) message: Option<Message>,
}

/// An identifier with its middle left out.
pub(super) fn middle(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    match (characters.get(..WHOLE - 9), characters.get(characters.len().saturating_sub(8)..)) {
        (Some(head), Some(tail)) if characters.len() > WHOLE => {
            head.iter().chain(&['…']).chain(tail).collect()
        }
        _ => id.to_owned(),
    }
}

fn columns(list: &List<'_>, columns: Vec<Column>) -> Vec<ColumnView> {
    let sort = list.get("sort");
    let shown = |column: Column| {
        let link = |name: &'static str| {
            let reversed = format!("-{name}");
            let (next, aria) = if sort == name {
                (reversed.as_str(), "ascending")
            } else if sort == reversed {
                (name, "descending")
            } else {
                (name, "none")
            };
            SortLink { link: list.link(&[("sort", next)]), aria }
        };
        ColumnView { label: column.label.to_string(), sort: column.sort.map(link) }
    };
    columns.into_iter().map(shown).collect()
}

impl Table {
    /// The table of a part of a list.
    pub(super) fn new<T>(
        list: &List<'_>,
        listed: &Listed<T>,
        heads: Vec<Column>,
        row: impl Fn(&T) -> Row,
    ) -> Self {
        let columns = columns(list, heads);
        let rows = listed.rows.iter().map(|one| {
            let Row { key, name, value, cells } = row(one);
            let labels = columns.iter().map(|column| column.label.clone());
            let cells = labels.zip(cells).map(|(label, cell)| Labelled { label, cell }).collect();
            RowView { key, name, value, cells, changed: false, message: None }
        });
        let rows: Vec<RowView> = rows.collect();
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let first = if count == 0 { 0 } else { listed.skipped.saturating_add(1) };
        let limit = list.get("limit").parse().unwrap_or(USUAL);
        let size = |rows: u64| Size {
            rows,
            link: list.link(&[("limit", &rows.to_string())]),
            current: rows == limit,
        };
        let around =
            |name: &str, cursor: Option<&str>| cursor.map(|cursor| list.link(&[(name, cursor)]));
        Self {
            query: list.query(),
            path: list.path.to_owned(),
            search: list.get("search").to_owned(),
            search_label: None,
            kept: ["sort", "limit"]
                .into_iter()
                .filter(|name| !list.get(name).is_empty())
                .map(|name| (name, list.get(name).to_owned()))
                .collect(),
            filters: Vec::new(),
            chips: Vec::new(),
            range: Some(text::console_range(
                first,
                listed.skipped.saturating_add(count),
                listed.total.to_string(),
            )),
            columns,
            rows,
            sizes: SIZES.into_iter().map(size).collect(),
            previous: around("before", listed.previous.as_deref()),
            next: around("after", listed.next.as_deref()),
            moves: Moves::of(text::console_none()),
            needs_filter: false,
            first: None,
            files: Vec::new(),
            bulk: None,
        }
    }

    /// Adds the search for a text, where rows are searched, and the filters.
    pub(super) fn with_search(
        self,
        list: &List<'_>,
        search_label: Option<Message>,
        filters: Vec<Filter>,
    ) -> Self {
        let mut chips = Vec::new();
        let mut chip = |text: String, name: &str| {
            chips.push(Chip { text, without: list.link(&[(name, "")]) });
        };
        if !list.get("search").is_empty() {
            chip(format!("“{}”", list.get("search")), "search");
        }
        for filter in &filters {
            let value = list.get(filter.name);
            if !value.is_empty() {
                chip(filter.chip(value), filter.name);
            }
        }
        let filters = filters
            .into_iter()
            .map(|filter| {
                let value = list.get(filter.name);
                filter.shown(value)
            })
            .collect();
        Self { search_label, filters, chips, ..self }
    }

    /// Adds links to files.
    pub(super) fn with_files(self, files: Vec<(String, Message)>) -> Self {
        Self { files, ..self }
    }

    /// Replaces the texts of an empty list and of the links to other parts.
    pub(super) fn with_moves(self, moves: Moves) -> Self {
        Self { moves, ..self }
    }

    /// Leaves out the numbers of the rows.
    pub(super) fn without_count(self) -> Self {
        Self { range: None, ..self }
    }

    /// Adds check boxes and the bar of actions.
    pub(super) fn with_actions(self, csrf: String, actions: Vec<(&'static str, Message)>) -> Self {
        let list = self.query.clone();
        Self { bulk: Some(Bulk { csrf, actions, choice: None, list }), ..self }
    }

    /// Marks the rows that an action changed, and puts its message above the first of them. It is
    /// handed back if no such row is shown.
    pub(super) fn mark(&mut self, changed: &[String], message: Option<Message>) -> Option<Message> {
        let mut message = message;
        for row in self.rows.iter_mut().filter(|row| changed.contains(&row.key)) {
            row.changed = true;
            row.message = message.take();
        }
        message
    }

    /// The number of columns, with that of the check boxes.
    pub(super) fn width(&self) -> usize {
        self.columns.len() + usize::from(self.bulk.is_some())
    }

    /// Reports a list that is short: it has no use for parts of other sizes.
    pub(super) fn is_short(&self) -> bool {
        let fewest = SIZES.first().and_then(|size| usize::try_from(*size).ok());
        self.previous.is_none()
            && self.next.is_none()
            && fewest.is_some_and(|fewest| self.rows.len() <= fewest)
    }

    /// Reports a list that is empty as a whole.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.chips.is_empty()
            && self.previous.is_none()
            && self.next.is_none()
    }

    /// Reports that there is something to search: rows, or conditions that none fits.
    pub(super) fn is_searchable(&self) -> bool {
        (self.search_label.is_some() || !self.filters.is_empty())
            && (self.needs_filter || !(self.rows.is_empty() && self.chips.is_empty()))
    }
}

/// The parameters of the list from which a form was sent.
pub(super) fn returned(params: &Params) -> Params {
    Params::from_query(params.get("list")).unwrap_or_default()
}

/// The keys of the rows that were selected.
pub(super) fn selected(params: &Params) -> Vec<String> {
    let keys = params.names().filter_map(|name| name.strip_prefix("row-"));
    keys.map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_identifiers_lose_their_middle_and_short_ones_nothing() {
        assert_eq!(middle("u_0123456789"), "u_0123456789");
        let long = middle("https://client.example/oauth/metadata.json");
        assert_eq!(long, "https://client.…ata.json");
        assert_eq!(middle(&"é".repeat(60)).chars().count(), WHOLE);
    }

    #[test]
    fn links_keep_the_conditions_and_begin_with_the_first_part() {
        let params = Params::from_query(Some("search=a%26b&state=disabled&after=x&sort=name"));
        let params = params.unwrap_or_default();
        let list = List { path: "/admin/users", params: &params, filters: &["state"] };
        assert_eq!(
            list.link(&[("sort", "-name")]),
            "/admin/users?search=a%26b&state=disabled&sort=-name"
        );
        assert_eq!(list.link(&[("search", ""), ("state", "")]), "/admin/users?sort=name");
    }
}
