//! Lists of entries of the audit, each as a sentence: of all users, of one user, and about one
//! service.

use doorward_audit::AuditRow;
use doorward_language::text;
use doorward_model::Listed;

use super::{Badge, Cell, Column, List, Moves, Row, Table};

/// The columns.
pub fn columns() -> Vec<Column> {
    let labels = [
        text::console_audit_time(),
        text::admin_audit_kind(),
        text::admin_audit_outcome(),
        text::console_audit_duration(),
    ];
    labels.map(Column::plain).into()
}

/// The cells of an entry, whose page is at this path.
pub fn row(entry: &AuditRow, path: String) -> Row {
    let label = entry.sentence.to_string();
    let cells = vec![
        Cell::Time(entry.at.clone()),
        Cell::Sentence { path, label: label.clone() },
        Cell::Badges(vec![Badge::new(entry.outcome.clone(), entry.good)]),
        Cell::Text(entry.duration.clone().unwrap_or_default()),
    ];
    Row { key: entry.seq.to_string(), name: label, value: String::new(), cells }
}

/// The list of a part of the entries, the newest first. The page of one is at `path_of` its number.
pub fn table(list: &List<'_>, listed: &Listed<AuditRow>, path_of: impl Fn(i64) -> String) -> Table {
    let moves = Moves {
        none: text::common_nothing_yet(),
        previous: text::console_newest(),
        next: text::common_earlier(),
    };
    let line = |entry: &AuditRow| row(entry, path_of(entry.seq));
    Table::new(list, listed, columns(), line).without_count().with_moves(moves)
}
