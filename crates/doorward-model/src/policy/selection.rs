//! Selections of items by the conditions that rules have on them.

use super::{ItemKind, condition::Condition, question::QuestionedItem};
use crate::Pattern;

/// The keys of conditions that a selection may have.
const OF_ITEMS: &str = "upstream, tool, kind, class, hint";

/// A selection that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A line is wrong.
    #[error("line {0} of the selection {1}")]
    Line(usize, String),
    /// There is no line, or too many.
    #[error("a selection has 1 to {0} lines")]
    Lines(usize),
}

/// A line of a selection: conditions that must all hold.
#[derive(Clone, Debug)]
pub struct SelectionLine {
    conditions: Vec<Condition>,
    text: String,
}

impl SelectionLine {
    fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > Selection::LONGEST_LINE {
            return Err(format!("has more than {} characters", Selection::LONGEST_LINE));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut conditions = Vec::with_capacity(words.len());
        for word in &words {
            let (key, values) = word.split_once('=').ok_or_else(|| {
                format!("has {word:?}; write a condition as KEY=VALUE, KEY one of {OF_ITEMS}")
            })?;
            let condition = Condition::parse(key, values)?;
            if !condition.is_about_things() {
                return Err(format!(
                    "has a condition on {key:?}; a selection has conditions on {OF_ITEMS}"
                ));
            }
            conditions.push(condition);
        }
        // Without it, each upstream that is added later would be a part of the toolset.
        if !conditions.iter().any(|condition| matches!(condition, Condition::Upstream(_))) {
            return Err("names no upstream; write upstream=NAME, or upstream=* for all".to_owned());
        }
        Ok(Self { conditions, text: words.join(" ") })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if it selects an item.
    pub fn includes(&self, item: &QuestionedItem<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.describes(item))
    }

    /// The upstreams that it names without a star.
    pub fn named_upstreams(&self) -> impl Iterator<Item = &str> {
        let named = self.conditions.iter().filter_map(|condition| match condition {
            Condition::Upstream(patterns) => Some(patterns),
            Condition::User(_)
            | Condition::Role(_)
            | Condition::Client(_)
            | Condition::Tool(_)
            | Condition::Kind(_)
            | Condition::Class(_)
            | Condition::Hint(_) => None,
        });
        named.flatten().filter(|pattern| pattern.is_literal()).map(Pattern::as_str)
    }

    /// True if it may select items of the upstream of `item`.
    fn touches(&self, item: &QuestionedItem<'_>) -> bool {
        let of_upstream = |condition: &&Condition| !condition.is_about_items();
        self.conditions.iter().filter(of_upstream).all(|condition| condition.describes(item))
    }

    /// True if it may select items of this kind.
    pub fn has_kind(&self, kind: ItemKind) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Kind(kinds) => kinds.contains(&kind),
            Condition::User(_)
            | Condition::Role(_)
            | Condition::Client(_)
            | Condition::Upstream(_)
            | Condition::Tool(_)
            | Condition::Class(_)
            | Condition::Hint(_) => true,
        })
    }
}

/// Items that any of some lines selects.
#[derive(Clone, Debug)]
pub struct Selection(Vec<SelectionLine>);

/// Two selections are equal if they are written alike.
impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

impl Eq for Selection {}

impl Selection {
    /// Maximum number of lines.
    pub const MOST_LINES: usize = 100;
    /// The longest line, in characters.
    pub const LONGEST_LINE: usize = 500;

    /// Reads lines such as `upstream=wiki tool=search_* class=read`. Empty ones are left out.
    ///
    /// # Errors
    ///
    /// The first wrong line, by its number from 1.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, SelectionError> {
        let mut read = Vec::new();
        for (index, line) in lines.into_iter().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |why| SelectionError::Line(index + 1, why);
            read.push(SelectionLine::parse(line).map_err(wrong)?);
            if read.len() > Self::MOST_LINES {
                return Err(SelectionError::Lines(Self::MOST_LINES));
            }
        }
        if read.is_empty() { Err(SelectionError::Lines(Self::MOST_LINES)) } else { Ok(Self(read)) }
    }

    /// The lines.
    pub fn lines(&self) -> &[SelectionLine] {
        &self.0
    }

    /// The texts of the lines.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(SelectionLine::text)
    }

    /// True if a line selects an item.
    pub fn includes(&self, item: &QuestionedItem<'_>) -> bool {
        self.0.iter().any(|line| line.includes(item))
    }

    /// True if a line may select items of the upstream of `item`, whatever the item is.
    pub fn touches(&self, item: &QuestionedItem<'_>) -> bool {
        self.0.iter().any(|line| line.touches(item))
    }

    /// True if a line may select items of this kind of the upstream of `item`.
    pub fn has_kind(&self, kind: ItemKind, item: &QuestionedItem<'_>) -> bool {
        self.0.iter().any(|line| line.touches(item) && line.has_kind(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolClass;

    fn item<'a>(upstream: &'a str, kind: ItemKind, tool: &'a str) -> QuestionedItem<'a> {
        let class =
            if tool.starts_with("delete") { ToolClass::Destructive } else { ToolClass::Read };
        QuestionedItem {
            upstream,
            kind,
            tool,
            listed_as: tool,
            class,
            open_world: false,
            idempotent: false,
        }
    }

    #[test]
    fn an_item_is_selected_by_any_line_of_which_all_conditions_hold() {
        let lines = [
            "upstream=wiki tool=search_*,read class=read",
            "",
            "upstream=mail,chat   kind=prompt",
            "upstream=files tool=file:///docs/* kind=resource",
        ];
        let selection = Selection::parse(lines).unwrap();
        let texts: Vec<_> = selection.texts().collect();
        assert_eq!(texts.get(1), Some(&"upstream=mail,chat kind=prompt"));
        let (tool, prompt, resource) = (ItemKind::Tool, ItemKind::Prompt, ItemKind::Resource);
        for (upstream, kind, name, is) in [
            ("wiki", tool, "search_pages", true),
            ("wiki", tool, "read", true),
            ("wiki", tool, "delete", false),
            ("wiki2", tool, "read", false),
            ("mail", prompt, "anything", true),
            ("mail", tool, "anything", false),
            ("files", resource, "file:///docs/a", true),
            ("files", resource, "FILE:///docs/a", true),
            ("files", resource, "file:///wages", false),
            ("", tool, "whoami", false),
        ] {
            assert_eq!(selection.includes(&item(upstream, kind, name)), is, "{upstream} {name}");
        }
        for (upstream, is) in [("wiki", true), ("chat", true), ("payroll", false), ("", false)] {
            assert_eq!(selection.touches(&item(upstream, tool, "")), is, "{upstream}");
        }
        let named: Vec<_> =
            selection.lines().iter().flat_map(SelectionLine::named_upstreams).collect();
        assert_eq!(named, ["wiki", "mail", "chat", "files"]);
        let pattern = Selection::parse(["upstream=wiki-*,mail"]).unwrap();
        assert_eq!(pattern.lines()[0].named_upstreams().collect::<Vec<_>>(), ["mail"]);
        assert!(selection.has_kind(prompt, &item("mail", tool, "")));
        assert!(!selection.has_kind(tool, &item("mail", tool, "")));
        assert!(!selection.has_kind(prompt, &item("files", tool, "")));
    }

    #[test]
    fn wrong_lines_are_named_with_what_is_wrong() {
        for (line, said) in [
            ("tool=x", "names no upstream"),
            ("upstream=wiki role=admin", "has conditions on upstream"),
            ("upstream=wiki user=a@b.c", "has conditions on upstream"),
            ("upstream=wiki group=team", "has conditions on upstream"),
            ("upstream=wiki client=https://app.example/*", "has conditions on upstream"),
            ("wiki", "KEY=VALUE"),
            ("upstream=wiki class=evil", "there are read, write and destructive"),
            ("upstream=", "needs a value"),
            ("upstream=wiki colour=red", "there are user, role"),
        ] {
            let error = Selection::parse(["upstream=a", line]).unwrap_err().to_string();
            assert!(error.starts_with("line 2") && error.contains(said), "{line}: {error}");
        }
        let many = vec!["upstream=a"; 101];
        assert_eq!(Selection::parse(many), Err(SelectionError::Lines(100)));
        assert_eq!(Selection::parse(["", " "]), Err(SelectionError::Lines(100)));
        let long = format!("upstream=a tool={}", "x".repeat(500));
        assert!(Selection::parse([long.as_str()]).is_err());
    }
}
