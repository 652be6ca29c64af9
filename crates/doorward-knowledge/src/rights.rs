//! The documents that a caller may see. The rule with the longest prefix of a document's path
//! decides; a document without one is for all users of the collection. The rules are applied when a
//! query is made and not when a document is indexed, so that a change of roles or rules counts at
//! once.

use doorward_model::User;
use tantivy::{
    Term,
    query::{BooleanQuery, ConstScoreQuery, Occur, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};

use crate::settings::{FolderRule, Settings};

/// True for a path that is the prefix or lies below it.
fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// All prefixes of a path that end at a part of it, and the path itself.
pub(crate) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .filter_map(|(at, _)| path.get(..at))
        .chain(std::iter::once(path))
        .filter(|prefix| !prefix.is_empty())
}

fn exactly_in(field: Field, path: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, path);
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// The part of a collection that one caller sees.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The prefixes of the rules, each with the decision for this caller.
    rules: Vec<(String, bool)>,
}

impl Sight {
    /// The part that a user sees.
    pub fn of(settings: &Settings, user: &User) -> Self {
        Self::decided(settings, |rule| user.has_any(&rule.roles))
    }

    /// The whole collection, for the operator.
    pub fn whole(settings: &Settings) -> Self {
        Self::decided(settings, |_| true)
    }

    pub(crate) fn decided(settings: &Settings, sees: impl Fn(&FolderRule) -> bool) -> Self {
        let rules = settings.rules.iter().map(|rule| (rule.prefix.clone(), sees(rule))).collect();
        Self { rules }
    }

    /// True for a document that the caller sees.
    pub fn sees(&self, path: &str) -> bool {
        let longest = self
            .rules
            .iter()
            .filter(|(prefix, _)| is_within(path, prefix))
            .max_by_key(|(prefix, _)| prefix.len());
        longest.is_none_or(|(_, sees)| *sees)
    }

    /// The condition for a query over documents whose field `within` has all prefixes of their
    /// paths. `None` where the caller sees everything.
    pub(crate) fn condition(&self, within: Field) -> Option<Box<dyn Query>> {
        if self.rules.iter().all(|(_, sees)| *sees) {
            return None;
        }
        Some(Box::new(ConstScoreQuery::new(self.below(None, true, within), 0.0)))
    }

    /// The documents that the caller must not see because of the place to which a symbolic link led,
    /// all prefixes of whose path are in this field. `None` where the caller sees everything.
    pub(crate) fn hidden(&self, origin: Field) -> Option<Box<dyn Query>> {
        let hidden = |(path, _): &(String, bool)| -> (Occur, Box<dyn Query>) {
            let mut all = vec![(Occur::Must, exactly_in(origin, path))];
            let below = self.next(Some(path));
            all.extend(below.map(|(other, _)| (Occur::MustNot, exactly_in(origin, other))));
            (Occur::Should, Box::new(BooleanQuery::new(all)))
        };
        let any: Vec<_> = self.rules.iter().filter(|(_, sees)| !sees).map(hidden).collect();
        (!any.is_empty()).then(|| Box::new(BooleanQuery::new(any)) as Box<dyn Query>)
    }

    /// The rules directly below a prefix: those with no other rule in between.
    fn next(&self, prefix: Option<&str>) -> impl Iterator<Item = &(String, bool)> {
        let below = move |path: &str| match prefix {
            Some(prefix) => path != prefix && is_within(path, prefix),
            None => true,
        };
        self.rules.iter().filter(move |(path, _)| {
            below(path)
                && !self
                    .rules
                    .iter()
                    .any(|(other, _)| other != path && below(other) && is_within(path, other))
        })
    }

    /// The documents below a prefix: its own if the caller sees them, without those of the rules
    /// below it, which decide for themselves.
    fn below(&self, prefix: Option<&str>, sees: bool, within: Field) -> Box<dyn Query> {
        let term = |path: &str| exactly_in(within, path);
        let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        if sees {
            let own: Box<dyn Query> = match prefix {
                Some(prefix) => term(prefix),
                None => Box::new(tantivy::query::AllQuery),
            };
            let mut all = vec![(Occur::Must, own)];
            all.extend(self.next(prefix).map(|(path, _)| (Occur::MustNot, term(path))));
            any.push((Occur::Should, Box::new(BooleanQuery::new(all))));
        }
        for (path, sees) in self.next(prefix) {
            any.push((Occur::Should, self.below(Some(path), *sees, within)));
        }
        if any.is_empty() {
            return Box::new(tantivy::query::EmptyQuery);
        }
        Box::new(BooleanQuery::new(any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(rules: &[(&str, bool)]) -> Sight {
        Sight { rules: rules.iter().map(|(path, sees)| ((*path).to_owned(), *sees)).collect() }
    }

    #[test]
    fn the_longest_prefix_decides_and_ends_at_a_part_of_the_path() {
        let sight = sight(&[("d/hr", false), ("d/hr/open", true), ("d/hr/open/a.md", false)]);
        for (path, sees) in [
            ("d/a.md", true),
            ("d/hr", false),
            ("d/hr/a.md", false),
            ("d/hr-public/a.md", true),
            ("d/hr/open/b.md", true),
            ("d/hr/open/a.md", false),
            ("d/hr/opening/b.md", false),
        ] {
            assert_eq!(sight.sees(path), sees, "{path}");
        }
    }

    #[test]
    fn prefixes_of_a_path_end_at_its_parts() {
        assert_eq!(prefixes("d/hr/a.md").collect::<Vec<_>>(), ["d", "d/hr", "d/hr/a.md"]);
        assert_eq!(prefixes("a.md").collect::<Vec<_>>(), ["a.md"]);
    }
}
