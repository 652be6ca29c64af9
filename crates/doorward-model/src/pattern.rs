//! Patterns in rules: text in which `*` matches any text.

use std::fmt;

/// A pattern such as `*@example.com`. Matching respects case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern as it is written. Every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// True if it has no star: it fits one text alone.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }
    /// True if `text` fits as a whole. Its time is bounded by the product of the two lengths.
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
        for part in middle {
            match rest.find(part) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_matches_any_text_and_other_characters_match_themselves() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a", "", false),
            ("*", "", true),
            ("*", "x", true),
            ("*@example.com", "a@example.com", true),
            ("*@example.com", "a@example.com.evil", false),
            ("*@example.com", "a@Example.com", false),
            ("team-*-admins", "team-blue-admins", true),
            ("team-*-admins", "team-admins", false),
            ("a*a", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("**", "anything", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), fits, "{pattern} {text}");
        }
    }
}
