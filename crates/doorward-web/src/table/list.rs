//! A list that is asked for, by the parameters of a page.

use doorward_model::{Listed, ListedPlace};
use doorward_transport::Params;

/// The numbers of rows that a page may have. A form has room for the check boxes of the largest.
pub(super) const SIZES: [u64; 3] = [10, 25, 50];
/// The number of rows of a page if nothing is asked.
pub const USUAL: u64 = 50;

/// A list that is asked for: its path, and the parameters that links to it keep.
#[derive(Clone, Copy)]
pub struct List<'a> {
    /// The path of its page.
    pub path: &'a str,
    /// The parameters of the request.
    pub params: &'a Params,
    /// The names of the filters.
    pub filters: &'static [&'static str],
    /// The name of the list among several of one page; empty if it is the only one. Its parameters
    /// begin with it, and links lead to it.
    pub(super) part: &'static str,
    /// Number of rows of a page if nothing is asked.
    pub(super) usual: u64,
}

/// The names of the parameters of a list besides its filters.
pub const COMMON: [&str; 5] = ["search", "sort", "limit", "after", "before"];

impl<'a> List<'a> {
    /// The only list of the page at this path.
    pub fn new(path: &'a str, params: &'a Params, filters: &'static [&'static str]) -> Self {
        Self { path, params, filters, part: "", usual: USUAL }
    }

    /// One of several lists of a page, with fewer rows.
    pub fn among(path: &'a str, params: &'a Params, part: &'static str) -> Self {
        Self { path, params, filters: &[], part, usual: SIZES[0] }
    }

    /// The beginning of the names of its parameters.
    pub(super) fn prefix(&self) -> String {
        if self.part.is_empty() { String::new() } else { format!("{}-", self.part) }
    }

    /// A parameter; empty if it is not given.
    pub fn get(&self, name: &str) -> &str {
        self.params.get(&format!("{}{name}", self.prefix())).unwrap_or_default()
    }

    /// The part that is asked for of rows that are all in memory, in their order. A cursor is the
    /// name of a row.
    pub fn of_all<T>(&self, rows: Vec<T>, name: impl Fn(&T) -> String) -> Listed<T> {
        let limit = self.get("limit").parse().unwrap_or(self.usual).clamp(1, USUAL);
        let given = |cursor: &'static str| Some(self.get(cursor)).filter(|text| !text.is_empty());
        let place = ListedPlace { limit, after: given("after"), before: given("before") };
        Listed::of_all(rows, place, name)
    }

    /// The query of the part that is shown, which forms send so that the list is shown as it was.
    pub(super) fn query(&self) -> String {
        let prefix = self.prefix();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for name in COMMON.into_iter().chain(self.filters.iter().copied()) {
            let value = self.get(name);
            if !value.is_empty() {
                query.append_pair(&format!("{prefix}{name}"), value);
            }
        }
        query.finish()
    }

    /// A link to the list with changed parameters. It begins with the first part unless a change
    /// says otherwise.
    pub fn link(&self, changes: &[(&str, &str)]) -> String {
        let prefix = self.prefix();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let kept = ["search", "sort", "limit"].into_iter().chain(self.filters.iter().copied());
        for name in kept.filter(|name| changes.iter().all(|(changed, _)| changed != name)) {
            let value = self.get(name);
            if !value.is_empty() {
                query.append_pair(&format!("{prefix}{name}"), value);
            }
        }
        for (name, value) in changes.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(&format!("{prefix}{name}"), value);
        }
        let place = if self.part.is_empty() { String::new() } else { format!("#{}", self.part) };
        format!("{}?{}{place}", self.path, query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_conditions_and_begin_with_the_first_part() {
        let params = Params::from_query(Some("search=a%26b&state=disabled&after=x&sort=name"));
        let params = params.unwrap_or_default();
        let list = List::new("/admin/users", &params, &["state"]);
        assert_eq!(
            list.link(&[("sort", "-name")]),
            "/admin/users?search=a%26b&state=disabled&sort=-name"
        );
        assert_eq!(list.link(&[("search", ""), ("state", "")]), "/admin/users?sort=name");
    }

    #[test]
    fn lists_of_one_page_have_parameters_and_places_of_their_own() {
        let params = Params::from_query(Some("search=x&apps-search=a&services-search=b"));
        let params = params.unwrap_or_default();
        let list = List::among("/account", &params, "services");
        assert_eq!(list.get("search"), "b");
        let link = list.link(&[("after", "wiki")]);
        assert_eq!(link, "/account?services-search=b&services-after=wiki#services");
        let rows = list.of_all((0..25).collect(), ToString::to_string);
        assert_eq!((rows.rows.len(), rows.next.as_deref()), (10, Some("9")));
    }
}
