//! Parts of lists.

/// A part of a list with the cursors of its neighbours.
#[derive(Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The number of all rows that fit.
    pub total: u64,
    /// The number of rows before the first one.
    pub skipped: u64,
    /// The parameter `after` of the next part.
    pub next: Option<String>,
    /// The parameter `before` of the previous part.
    pub previous: Option<String>,
}

/// The place of a part in a list whose rows are all in memory.
#[derive(Clone, Copy, Debug)]
pub struct ListedPlace<'a> {
    /// Maximum number of rows.
    pub limit: u64,
    /// The name of the row before the part.
    pub after: Option<&'a str>,
    /// The name of the row behind the part. It counts without `after`.
    pub before: Option<&'a str>,
}

impl<T> Listed<T> {
    /// The part of rows that are all in memory, in their order.
    pub fn of_all(rows: Vec<T>, place: ListedPlace<'_>, name: impl Fn(&T) -> String) -> Self {
        let ListedPlace { limit, after, before } = place;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let total = rows.len();
        let at = |cursor: &str| rows.iter().position(|row| name(row) == cursor);
        let skipped = match (after, before) {
            (None, None) => 0,
            (None, Some(before)) => at(before).unwrap_or(0).saturating_sub(limit),
            (Some(after), _) => at(after).map_or(0, |at| at + 1),
        };
        let rows: Vec<T> = rows.into_iter().skip(skipped).take(limit).collect();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            next: rows.last().filter(|_| skipped + rows.len() < total).map(&name),
            previous: rows.first().filter(|_| skipped > 0).map(&name),
            total: number(total),
            skipped: number(skipped),
            rows,
        }
    }
}
