//! The texts of pages and mails, in every language. The browser chooses the language.
//!
//! The files in `languages` hold the texts as Fluent messages. `build.rs` makes of each a function
//! of [`text`], with the placeholders as parameters: a missing key, an unfilled placeholder or a
//! text missing in a language is a compile error.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod bundles;
#[cfg(test)]
#[path = "../check.rs"]
mod check;
mod message;
mod named;
#[cfg(test)]
mod tests;
pub mod timeline;

use std::cell::Cell;

use doorward_model::Timestamp;
pub use message::{Count, Fill, Markup, Message, Value};
pub use named::{
    SaidNames, admits, audit_kind, audit_sentence, connection_problem, missing, outcome,
    recorded_kind, scope_description, scope_title,
};
use time::{OffsetDateTime, macros::format_description};

/// The texts: a function for each key, with its placeholders as parameters. Made by `build.rs` of
/// the files in `languages`.
#[allow(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    reason = "templates pass references and values alike, and a text has as many placeholders as it needs"
)]
#[allow(rustdoc::bare_urls, reason = "a text that names a URL is shown as it is")]
pub mod text {
    use super::message::{Count, Fill, Markup, Message};

    include!(concat!(env!("OUT_DIR"), "/text.rs"));
}

/// A language that pages can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
}

tokio::task_local! {
    static LANGUAGE: Cell<Language>;
}

impl Language {
    /// Every language with its tag.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::English, "en"), (Self::German, "de"), (Self::French, "fr")];

    /// The language's tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        Self::ALL.iter().find(|(language, _)| *language == self).map_or("en", |(_, tag)| tag)
    }

    /// The available language that a browser prefers (RFC 9110 §12.5.4).
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

    /// The language of the request that is being served.
    pub fn current() -> Self {
        LANGUAGE.try_with(Cell::get).unwrap_or_default()
    }

    /// Serves a request in this language.
    pub async fn speaking<F: Future>(self, work: F) -> F::Output {
        LANGUAGE.scope(Cell::new(self), work).await
    }

    /// The first available language of a list by preference (`ui_locales`, OpenID Connect Core
    /// §3.1.2.1).
    pub fn of_locales(locales: &str) -> Option<Self> {
        locales.split(' ').take(32).find_map(|locale| {
            let primary = locale.split('-').next().unwrap_or_default().to_ascii_lowercase();
            Self::ALL.iter().find(|(_, tag)| *tag == primary).map(|(language, _)| *language)
        })
    }

    /// Serves the rest of the request in this language.
    pub fn adopt(self) {
        // Outside of a request there is no page to draw.
        let _ = LANGUAGE.try_with(|language| language.set(self));
    }
}

/// A moment as pages show it.
pub fn moment(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    OffsetDateTime::from_unix_timestamp(at.0)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}
