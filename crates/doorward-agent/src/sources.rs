//! Sources: what results of tools name as theirs, numbered for the model. An answer cites a source
//! by its number, so that no source can be made up.

use serde_json::Value;

/// Maximum number of sources of one turn.
const MOST: usize = 99;
/// Maximum number of characters of a title or a location.
const LONGEST: usize = 300;
/// The deepest nesting of a result that is looked at.
const DEEPEST: usize = 8;

/// A source that an answer cites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Its number in the answer.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Its URL or URI.
    pub location: String,
    /// Its identifier at the tool, where it has one.
    pub id: Option<String>,
}

/// The sources of a turn.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Citation>);

fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    let line = doorward_model::foreign::line(text, LONGEST);
    Some(line.into_owned()).filter(|line| !line.is_empty())
}

impl Sources {
    /// Takes the sources of a result, and returns their numbers.
    pub(crate) fn take(&mut self, result: &str) -> Vec<usize> {
        let mut found = Vec::new();
        if let Ok(value) = serde_json::from_str::<Value>(result) {
            self.look(&value, 0, &mut found);
        }
        found
    }

    fn look(&mut self, value: &Value, depth: usize, found: &mut Vec<usize>) {
        if depth > DEEPEST {
            return;
        }
        match value {
            Value::Array(all) => all.iter().for_each(|one| self.look(one, depth + 1, found)),
            Value::Object(members) => {
                let location = text(value, "url").or_else(|| text(value, "uri"));
                if let (Some(title), Some(location)) = (text(value, "title"), location) {
                    let number = self.number(title, location, text(value, "id"));
                    found.extend(number.filter(|number| !found.contains(number)));
                }
                members.values().for_each(|one| self.look(one, depth + 1, found));
            }
            _ => {}
        }
    }

    /// The number of a source, which it gets at its first sight.
    fn number(&mut self, title: String, location: String, id: Option<String>) -> Option<usize> {
        let known = self.0.iter().find(|one| one.location == location && one.id == id);
        if let Some(known) = known {
            return Some(known.number);
        }
        let number = self.0.len() + 1;
        (number <= MOST).then(|| self.0.push(Citation { number, title, location, id }))?;
        Some(number)
    }

    /// The line about sources for the model; nothing without any.
    pub(crate) fn line(&self, numbers: &[usize]) -> String {
        let one = |one: &Citation| format!("[{}] {} ({})", one.number, one.title, one.location);
        let named: Vec<String> =
            self.0.iter().filter(|one| numbers.contains(&one.number)).map(one).collect();
        if named.is_empty() { String::new() } else { format!("Sources: {}\n", named.join("; ")) }
    }

    /// The sources that a text cites, in their order.
    pub(crate) fn cited(self, answer: &str) -> Vec<Citation> {
        let is_cited = |one: &Citation| answer.contains(&format!("[{}]", one.number));
        self.0.into_iter().filter(is_cited).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_numbered_once_and_only_cited_ones_are_returned() {
        let mut sources = Sources::default();
        let result = r#"{"results": [
            {"id": "a.md#1", "title": "A", "url": null, "uri": "document:///a.md"},
            {"title": "B\nsecond line", "url": "https://b.example/"},
            {"title": "no location"}, {"uri": "document:///c"}]}"#;
        assert_eq!(sources.take(result), [1, 2]);
        assert_eq!(sources.take(result), [1, 2], "the same sources again");
        assert_eq!(sources.take("no JSON"), Vec::<usize>::new());
        let line = sources.line(&[1, 2]);
        assert!(line.contains("[1] A (document:///a.md)") && line.lines().count() == 1, "{line}");
        let cited = sources.cited("It is so [2], and perhaps [7].");
        assert_eq!(cited.len(), 1);
        assert_eq!((cited[0].number, cited[0].location.as_str()), (2, "https://b.example/"));
    }
}
