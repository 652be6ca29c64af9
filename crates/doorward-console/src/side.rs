//! The sidebar. Its entries are beside the routes of their pages, in `pages`.

use doorward_language::Message;

/// An entry of the sidebar.
pub(crate) struct Entry {
    /// The name by which a page says that it is this entry's.
    pub(crate) tab: &'static str,
    /// The path of the page.
    pub(crate) path: &'static str,
    /// The name of the symbol in `templates/icons.html`.
    pub(crate) icon: &'static str,
    /// The text.
    pub(crate) label: Message,
}

pub(crate) fn entry(
    tab: &'static str,
    path: &'static str,
    icon: &'static str,
    label: Message,
) -> Entry {
    Entry { tab, path, icon, label }
}
