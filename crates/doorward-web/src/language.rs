//! The languages of the pages. Pages are written in English; a catalogue says each text in another
//! language. The browser chooses.
//!
//! A text that the code puts together (`Nothing was changed: …`) is found by its pattern, in which
//! `{}` stands for what differs.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

/// A language that pages can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Language {
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

/// What stands in the gaps of a pattern, if the text fits it.
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
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::English, "en"), (Self::German, "de"), (Self::French, "fr")];

    /// The language's tag (RFC 5646).
    pub(crate) fn tag(self) -> &'static str {
        Self::ALL.iter().find(|(language, _)| *language == self).map_or("en", |(_, tag)| tag)
    }

    /// The language that a browser likes best among those that there are (RFC 9110 §12.5.4).
    pub(crate) fn of(header: &str) -> Self {
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
    pub(crate) fn current() -> Self {
        LANGUAGE.try_with(|language| *language).unwrap_or_default()
    }

    /// Serves a request in this language.
    pub(crate) async fn speaking<F: Future>(self, work: F) -> F::Output {
        LANGUAGE.scope(self, work).await
    }

    /// Says a text in this language. What the catalogue does not know is said as it is.
    pub(crate) fn say(self, text: &str) -> Cow<'_, str> {
        self.catalogue().and_then(|catalogue| catalogue.find(text)).unwrap_or(Cow::Borrowed(text))
    }
}

/// Short facts, each said in the language of the request, in one line.
pub(crate) fn said(facts: impl IntoIterator<Item = String>) -> String {
    let language = Language::current();
    facts.into_iter().map(|fact| language.say(&fact).into_owned()).collect::<Vec<_>>().join(" · ")
}

/// What templates do with texts.
#[expect(
    unreachable_pub,
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the macro makes of this what the function says, in its own way"
)]
pub(crate) mod filters {
    use std::fmt::Display;

    use super::Language;

    /// Says a text in the language of the request.
    #[askama::filter_fn]
    pub fn t(text: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(Language::current().say(&text.to_string()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::{AuditKind, Reason, StepKind, scope::SCOPES, timeline::QUIRKS};

    use super::*;

    /// What pages say that the code puts together, with gaps for what differs: facts of lists,
    /// problems of connections, the steps of an explanation.
    const PUT_TOGETHER: &[&str] = &[
        "1 tool",
        "{} tools",
        "connected {}",
        "account there: {}",
        "scopes there: {}",
        "last used {}",
        "from {}",
        "last seen {}",
        "the access ended, and the upstream gave nothing to refresh it with",
        "the upstream no longer accepts the access that you gave",
        "the upstream no longer knows this server",
        "class: {}",
        "roles of {}: {}",
        "access.tool_roles let this user use {}: {}",
        "access.scope_roles let this user hold {}: {}",
        "policy: {}",
        "a rule closes the upstream as a whole: {}",
        "{}: no rule fits, so policy.default decides",
        "none",
        "{} by rule {}: {}",
        "the client's token needs the scope {}",
        "{} is used: {}",
        "include and exclude of {} offer {}: {}",
        "its definition is {}",
        "upstreams.{}.prompts is on: {}",
        "upstreams.{}.resources is on: {}",
        "upstreams.{}.roles let this user in: {}",
    ];

    /// Every text of the templates, of mails, of scopes, of the audit and of the timeline.
    fn texts() -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        for file in std::fs::read_dir(folder).unwrap() {
            let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for part in source.split("{{ \"").skip(1) {
                let Some((text, _)) = part.split_once("\"|t }}") else { continue };
                texts.push(text.replace("\\\"", "\""));
            }
        }
        // A long text has a line of its own in the source.
        let letters = include_str!("letters.rs").split_whitespace().collect::<Vec<_>>().join(" ");
        let said = letters
            .split("language, \"")
            .skip(1)
            .filter_map(|part| part.split_once('"'))
            .map(|(text, _)| text.to_owned());
        texts.extend(said);
        texts.extend(PUT_TOGETHER.iter().map(|text| (*text).to_owned()));
        for info in SCOPES {
            texts.extend([info.title.to_owned(), info.description.to_owned()]);
        }
        texts.extend(
            AuditKind::ALL
                .iter()
                .map(|(kind, _, _)| crate::audit_row::title(&(*kind).into()).to_owned()),
        );
        texts.extend(StepKind::ALL.iter().map(|kind| kind.title().to_owned()));
        texts.extend(
            Reason::ALL
                .iter()
                .flat_map(|reason| [reason.what().to_owned(), reason.advice().to_owned()]),
        );
        texts.extend(QUIRKS.iter().map(|(_, _, advice)| (*advice).to_owned()));
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn every_text_is_said_in_every_language() {
        let texts = texts();
        assert!(texts.len() > 400, "{}", texts.len());
        for (language, tag) in Language::ALL {
            let Some(catalogue) = language.catalogue() else { continue };
            let missing: Vec<&String> =
                texts.iter().filter(|text| catalogue.find(text).is_none()).collect();
            assert!(
                missing.is_empty(),
                "{tag}: {} are missing:\n{}",
                missing.len(),
                missing.iter().map(|text| text.as_str()).collect::<Vec<_>>().join("\n")
            );
        }
    }

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
