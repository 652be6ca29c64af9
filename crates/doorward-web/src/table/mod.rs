//! The table of every list, of users and of administrators: search, filters, order, parts, check
//! boxes with one bar of actions, actions on one row, and the same rows as a file. The database does
//! the work; a page has one part. The template is `table.html`.

mod cell;
pub mod entries;
mod filter;
mod list;

use doorward_language::{Message, text};
use doorward_model::Listed;
use doorward_transport::Params;

pub use cell::{ActionWay, Badge, Cell, RowAction, Target};
pub use filter::{Filter, FilterInput, FilterView};
use list::SIZES;
pub use list::{COMMON, List, USUAL};

/// Maximum number of characters of an identifier that a cell shows whole.
const WHOLE: usize = 24;

/// The texts of an empty list and of the links to its other parts.
pub struct Moves {
    /// The text of an empty list.
    pub none: Message,
    /// The label of the link to the part before.
    pub previous: Message,
    /// The label of the link to the next part.
    pub next: Message,
}

impl Moves {
    /// The usual links, with this text of an empty list.
    pub fn of(none: Message) -> Self {
        Self { none, previous: text::console_previous(), next: text::console_next() }
    }
}

/// A column, with the name by which the list can be sorted.
pub struct Column {
    /// Its head.
    pub label: Message,
    /// The name by which the list can be sorted.
    pub sort: Option<&'static str>,
}

impl Column {
    /// A column in the order of the list.
    pub fn plain(label: Message) -> Self {
        Self { label, sort: None }
    }

    /// A column by which the list can be sorted.
    pub fn sorted(label: Message, sort: &'static str) -> Self {
        Self { label, sort: Some(sort) }
    }
}

/// A row: the key that its check box names, its name for those who cannot see it, and the state in
/// which it is shown, where an action needs it.
pub struct Row {
    /// The key that its check box names.
    pub key: String,
    /// Its name, for those who cannot see it.
    pub name: String,
    /// The state in which it is shown.
    pub value: String,
    /// Its cells.
    pub cells: Vec<Cell>,
}

impl Row {
    /// A row that can be selected.
    pub fn new(key: impl Into<String>, name: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self { key: key.into(), name: name.into(), value: "1".to_owned(), cells }
    }

    /// A row that can be selected, whose first cell leads to its page, with a line below its name.
    pub fn linked(
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
    pub fn with_value(self, value: String) -> Self {
        Self { value, ..self }
    }
}

/// An action on selected rows that needs one of some values as well: the group to add users to.
pub struct Choice {
    /// The action with its label.
    pub action: (&'static str, Message),
    /// The parameter of the value.
    pub name: &'static str,
    /// The label of the value.
    pub label: Message,
    /// The values.
    pub values: Vec<String>,
}

/// The actions on selected rows.
pub struct Bulk {
    /// The form token.
    pub csrf: String,
    /// The actions, each with its label.
    pub actions: Vec<(&'static str, Message)>,
    /// The action that needs a value.
    pub choice: Option<Choice>,
    /// The query of the list, to which the action returns.
    pub list: String,
}

/// A table as the template `table.html` shows it.
pub struct Table {
    /// The query of the part that is shown.
    query: String,
    /// The path of its page.
    pub path: String,
    /// The name of the list among several of one page.
    pub part: &'static str,
    /// The beginning of the names of its parameters.
    pub prefix: String,
    /// The heading, where the title of the page is another one.
    pub heading: Option<Heading>,
    /// The text that is searched for.
    pub search: String,
    /// The label of the text to search for, where rows are searched.
    pub search_label: Option<Message>,
    /// The parameters that a search keeps.
    pub kept: Vec<(&'static str, String)>,
    /// The filters.
    pub filters: Vec<FilterView>,
    /// The conditions in effect.
    pub chips: Vec<Chip>,
    /// The columns.
    pub columns: Vec<ColumnView>,
    /// The rows.
    pub rows: Vec<RowView>,
    /// The numbers of the rows; none if they are not counted.
    pub range: Option<Message>,
    /// The page with all rows, where the list has the first ones.
    pub more: Option<(String, Message)>,
    /// The numbers of rows that a page may have.
    pub sizes: Vec<Size>,
    /// The link to the part before.
    pub previous: Option<String>,
    /// The link to the next part.
    pub next: Option<String>,
    /// The texts of an empty list and of these links.
    pub moves: Moves,
    /// Nothing is listed before a filter is set.
    pub needs_filter: bool,
    /// The action that an empty list offers.
    pub first: Option<(String, Message)>,
    /// The files, each with its link.
    pub files: Vec<(String, Message)>,
    /// The actions on selected rows.
    pub bulk: Option<Bulk>,
}

/// The heading of one of several lists, with a line below.
pub struct Heading {
    /// The heading.
    pub title: Message,
    /// The line below.
    pub below: Option<Message>,
}

/// A condition in effect, with the link to the list without it.
pub struct Chip {
    /// The condition.
    pub text: String,
    /// The link to the list without it.
    pub without: String,
}

/// A number of rows, with the link to as many.
pub struct Size {
    /// The number of rows.
    pub rows: u64,
    /// The link to as many.
    pub link: String,
    /// The list has this number.
    pub current: bool,
}

/// A link that sorts by a column, and the value of `aria-sort`.
pub struct SortLink {
    /// The link.
    pub link: String,
    /// The value of `aria-sort`.
    pub aria: &'static str,
}

/// A cell with the label of its column.
pub struct Labelled {
    /// The label of its column.
    pub label: String,
    /// The cell.
    pub cell: Cell,
}

/// A column as it is shown.
pub struct ColumnView {
    /// Its head.
    pub label: String,
    /// The link that sorts by it.
    pub sort: Option<SortLink>,
}

/// A row as it is shown.
pub struct RowView {
    /// The key that its check box names.
    pub key: String,
    /// Its name.
    pub name: String,
    /// The state in which it is shown.
    pub value: String,
    /// Its cells.
    pub cells: Vec<Labelled>,
    /// An action changed it.
    pub changed: bool,
    /// The message about the action, above the first row that it changed.
    pub message: Option<Message>,
}

/// An identifier with its middle left out.
pub fn middle(id: &str) -> String {
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
    pub fn new<T>(
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
        let limit = list.get("limit").parse().unwrap_or(list.usual);
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
            part: list.part,
            prefix: list.prefix(),
            heading: None,
            more: None,
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
            moves: Moves::of(text::common_nothing_yet()),
            needs_filter: false,
            first: None,
            files: Vec::new(),
            bulk: None,
        }
    }

    /// Adds the search for a text, where rows are searched, and the filters.
    pub fn with_search(
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
        let moves = if chips.is_empty() { self.moves } else { Moves::of(text::console_none()) };
        Self { search_label, filters, chips, moves, ..self }
    }

    /// Adds the search for a text where the list is long, or searched already.
    pub fn with_search_if_long(self, list: &List<'_>, label: Message) -> Self {
        let searched = !list.get("search").is_empty();
        if searched || !self.is_short() {
            self.with_search(list, Some(label), Vec::new())
        } else {
            self
        }
    }

    /// Adds the heading of one of several lists.
    pub fn with_heading(self, title: Message, below: Option<Message>) -> Self {
        Self { heading: Some(Heading { title, below }), ..self }
    }

    /// Adds the link to the page with all rows.
    pub fn with_more(self, more: (String, Message)) -> Self {
        Self { more: Some(more), ..self }
    }

    /// Adds links to files.
    pub fn with_files(self, files: Vec<(String, Message)>) -> Self {
        Self { files, ..self }
    }

    /// Replaces the texts of an empty list and of the links to other parts.
    pub fn with_moves(self, moves: Moves) -> Self {
        Self { moves, ..self }
    }

    /// Leaves out the numbers of the rows.
    pub fn without_count(self) -> Self {
        Self { range: None, ..self }
    }

    /// Adds check boxes and the bar of actions.
    pub fn with_actions(self, csrf: String, actions: Vec<(&'static str, Message)>) -> Self {
        let list = self.query.clone();
        Self { bulk: Some(Bulk { csrf, actions, choice: None, list }), ..self }
    }

    /// Marks the rows that an action changed, and puts its message above the first of them. It is
    /// handed back if no such row is shown.
    pub fn mark(&mut self, changed: &[String], message: Option<Message>) -> Option<Message> {
        let mut message = message;
        for row in self.rows.iter_mut().filter(|row| changed.contains(&row.key)) {
            row.changed = true;
            row.message = message.take();
        }
        message
    }

    /// The number of columns, with that of the check boxes.
    pub fn width(&self) -> usize {
        self.columns.len() + usize::from(self.bulk.is_some())
    }

    /// Reports a list that is short: it has no use for parts of other sizes.
    pub fn is_short(&self) -> bool {
        let fewest = SIZES.first().and_then(|size| usize::try_from(*size).ok());
        self.previous.is_none()
            && self.next.is_none()
            && fewest.is_some_and(|fewest| self.rows.len() <= fewest)
    }

    /// Reports a list that is empty as a whole.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.chips.is_empty()
            && self.previous.is_none()
            && self.next.is_none()
    }

    /// Reports that there is something to search: rows, or conditions that none fits.
    pub fn is_searchable(&self) -> bool {
        (self.search_label.is_some() || !self.filters.is_empty())
            && (self.needs_filter || !(self.rows.is_empty() && self.chips.is_empty()))
    }
}

/// The parameters of the list from which a form was sent.
pub fn returned(params: &Params) -> Params {
    Params::from_query(params.get("list")).unwrap_or_default()
}

/// The keys of the rows that were selected.
pub fn selected(params: &Params) -> Vec<String> {
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
}
