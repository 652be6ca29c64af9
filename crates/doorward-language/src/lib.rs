//! The languages of pages and mails. Texts are written in English; a catalogue holds each of them in
//! another language. The browser chooses.
//!
//! A text that the code puts together (`Nothing was changed: …`) is found by its pattern, in which
//! `{}` stands for what differs.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

use doorward_model::Timestamp;
use time::{OffsetDateTime, macros::format_description};

/// A language that pages can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// The one that everything is written in.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
}

tokio::task_local! {
    static LANGUAGE: Language;
}

/// A language's texts.
struct Catalogue {
    texts: HashMap<&'static str, &'static str>,
    patterns: Vec<(&'static str, &'static str)>,
}

impl Catalogue {
    /// Reads lines of `English<TAB>translation`. Lines that begin with `#` are remarks.
    fn read(source: &'static str) -> Self {
        let mut catalogue = Self { texts: HashMap::new(), patterns: Vec::new() };
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            let Some((english, translation)) = line.split_once('\t') else { continue };
            if english.contains("{}") {
                catalogue.patterns.push((english, translation));
            } else {
                catalogue.texts.insert(english, translation);
            }
        }
        catalogue
    }

    fn find(&self, text: &str) -> Option<Cow<'static, str>> {
        if let Some(found) = self.texts.get(text) {
            return Some(Cow::Borrowed(found));
        }
        // What stands in the gaps may be ours too: a reason behind "Nothing was changed".
        self.patterns.iter().find_map(|(english, translation)| {
            let mut filled = (*translation).to_owned();
            for gap in gaps(english, text)? {
                let inner = self.find(gap).unwrap_or_else(|| Cow::Owned(gap.to_owned()));
                filled = filled.replacen("{}", &inner, 1);
            }
            Some(Cow::Owned(filled))
        })
    }
}

/// The contents of the gaps of a pattern, if the text fits it.
fn gaps<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let parts: Vec<&str> = parts.collect();
    let mut gaps = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let end = match (part.is_empty(), last) {
            (true, _) => rest.len(),
            (false, true) => rest.strip_suffix(part)?.len(),
            (false, false) => rest.find(part)?,
        };
        gaps.push(rest.get(..end)?);
        rest = rest.get(end + part.len()..)?;
    }
    rest.is_empty().then_some(gaps)
}

impl Language {
    /// Every language with its tag.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::English, "en"), (Self::German, "de"), (Self::French, "fr")];

    /// The language's tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        Self::ALL.iter().find(|(language, _)| *language == self).map_or("en", |(_, tag)| tag)
    }

    /// The language that a browser likes best among those that there are (RFC 9110 §12.5.4).
    pub fn of(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',').take(32) {
            let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight
                .trim()
                .strip_prefix("q=")
                .and_then(|weight| weight.parse::<f32>().ok())
                .unwrap_or(1.0);
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let found = if primary == "*" {
                Some(Self::English)
            } else {
                Self::ALL.iter().find(|(_, tag)| *tag == primary).map(|(language, _)| *language)
            };
            if let Some(language) =
                found.filter(|_| weight > 0.0 && best.is_none_or(|(most, _)| weight > most))
            {
                best = Some((weight, language));
            }
        }
        best.map_or(Self::English, |(_, language)| language)
    }

    fn catalogue(self) -> Option<&'static Catalogue> {
        static GERMAN: OnceLock<Catalogue> = OnceLock::new();
        static FRENCH: OnceLock<Catalogue> = OnceLock::new();
        match self {
            Self::English => None,
            Self::German => {
                Some(GERMAN.get_or_init(|| Catalogue::read(include_str!("../languages/de.tsv"))))
            }
            Self::French => {
                Some(FRENCH.get_or_init(|| Catalogue::read(include_str!("../languages/fr.tsv"))))
            }
        }
    }

    /// The language of the request that is being served.
    pub fn current() -> Self {
        LANGUAGE.try_with(|language| *language).unwrap_or_default()
    }

    /// Serves a request in this language.
    pub async fn speaking<F: Future>(self, work: F) -> F::Output {
        LANGUAGE.scope(self, work).await
    }

    /// The translation of a text; `None` for English, and where the catalogue does not hold it.
    pub fn translation(self, text: &str) -> Option<Cow<'static, str>> {
        self.catalogue().and_then(|catalogue| catalogue.find(text))
    }

    /// Says a text in this language. What the catalogue does not know is said as it is.
    pub fn say(self, text: &str) -> Cow<'_, str> {
        self.translation(text).unwrap_or(Cow::Borrowed(text))
    }
}

/// Short facts, each said in the language of the request, in one line.
pub fn said(facts: impl IntoIterator<Item = String>) -> String {
    let language = Language::current();
    facts.into_iter().map(|fact| language.say(&fact).into_owned()).collect::<Vec<_>>().join(" · ")
}

/// A moment as people read it.
pub fn moment(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    OffsetDateTime::from_unix_timestamp(at.0)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_choose_and_patterns_are_filled() {
        assert_eq!(Language::of("de-AT,de;q=0.9,en;q=0.5"), Language::German);
        assert_eq!(Language::of("ja, fr;q=0.4, en;q=0.3"), Language::French);
        assert_eq!(Language::of("en-GB, de;q=0.9"), Language::English);
        assert_eq!(Language::of("de;q=0, xx"), Language::English);
        assert_eq!(Language::of(""), Language::English);
        assert_eq!(gaps("No {} of {}.", "No cat of mine."), Some(vec!["cat", "mine"]));
        assert_eq!(gaps("{}: {}", "a: b: c"), Some(vec!["a", "b: c"]));
        assert_eq!(gaps("x {}", "y z"), None);
        let german = Language::German
            .say("Nothing was changed: this person changed since you looked; look again.");
        assert!(german.starts_with("Nichts wurde geändert:"), "{german}");
    }
}
