//! The columns by which lists are sorted, with their names in parameters.

/// A column by which a list is sorted.
pub trait SortColumn: Copy + Eq + 'static {
    /// All columns of the list.
    const ALL: &'static [Self];
    /// Its name in parameters. A minus sign before it reverses the order.
    fn name(self) -> &'static str;
    /// True if it holds texts, false if it holds numbers.
    fn is_text(self) -> bool;
}

/// The column by which users and clients are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOrTime {
    /// The name.
    Name,
    /// The time at which the row was added.
    Created,
}

impl NameOrTime {
    /// That of a name and a time by which the list is sorted.
    pub(crate) fn of<T>(self, name: T, created: T) -> T {
        match self {
            Self::Name => name,
            Self::Created => created,
        }
    }
}

impl SortColumn for NameOrTime {
    const ALL: &'static [Self] = &[Self::Name, Self::Created];

    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Created => "created",
        }
    }

    fn is_text(self) -> bool {
        match self {
            Self::Name => true,
            Self::Created => false,
        }
    }
}

/// The column by which access tokens are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSort {
    /// The name.
    Name,
    /// The time at which the token was made.
    Created,
    /// The time at which it expires.
    Expires,
}

impl SortColumn for TokenSort {
    const ALL: &'static [Self] = &[Self::Name, Self::Created, Self::Expires];

    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Created => "created",
            Self::Expires => "expires",
        }
    }

    fn is_text(self) -> bool {
        match self {
            Self::Name => true,
            Self::Created | Self::Expires => false,
        }
    }
}
