//! Formats of documents. Each turns the bytes of a file into one text with headings as Markdown
//! writes them, with the marks at which its sections begin.

mod docx;
mod html;
mod mail;
mod markdown;
mod pdf;
mod plain;
mod thread;

use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use doorward_model::FileFault;

pub use docx::of as docx_of;

/// Maximum number of bytes of text of one document. The rest is cut off.
pub(crate) const MOST_TEXT: usize = 16 * 1024 * 1024;
/// Maximum number of values that describe a document, and the most characters of each.
const MOST_VALUES: usize = 100;
const MOST_VALUE: usize = 1000;
/// Maximum number of sections of a document, and the most characters of the heading of each. What
/// follows belongs to the last section.
const MOST_MARKS: usize = 10_000;
const MOST_HEADING: usize = 300;
/// Time that reading one file may take.
const WITHIN: Duration = Duration::from_secs(20);
/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// Plain text.
    Text,
    /// HTML.
    Html,
    /// Source code and configuration.
    Code,
    /// A mail (RFC 5322).
    Mail,
    /// PDF.
    Pdf,
    /// A Word document.
    Docx,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] =
        [Self::Markdown, Self::Text, Self::Html, Self::Code, Self::Mail, Self::Pdf, Self::Docx];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Text => "text",
            Self::Html => "html",
            Self::Code => "code",
            Self::Mail => "mail",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
        }
    }

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The media type of its text.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Markdown | Self::Html | Self::Docx | Self::Mail => "text/markdown",
            Self::Text | Self::Code | Self::Pdf => "text/plain",
        }
    }

    /// The format of a file, by its name.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or_default();
        if matches!(name, "Makefile" | "Dockerfile" | "Containerfile" | "Justfile") {
            return Some(Self::Code);
        }
        if matches!(name, "README" | "LICENSE" | "CHANGELOG" | "NOTICE" | "AUTHORS") {
            return Some(Self::Text);
        }
        let (_, ending) = name.rsplit_once('.')?;
        Some(match ending.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdx" => Self::Markdown,
            "txt" | "text" | "log" | "rst" | "adoc" | "org" | "csv" | "tsv" => Self::Text,
            "html" | "htm" | "xhtml" => Self::Html,
            "eml" => Self::Mail,
            "pdf" => Self::Pdf,
            "docx" => Self::Docx,
            "rs" | "py" | "js" | "ts" | "tsx" | "jsx" | "go" | "java" | "kt" | "c" | "h" | "cc"
            | "cpp" | "hpp" | "cs" | "rb" | "php" | "swift" | "scala" | "sh" | "bash" | "zsh"
            | "ps1" | "sql" | "lua" | "pl" | "r" | "css" | "scss" | "vue" | "svelte" | "toml"
            | "yaml" | "yml" | "json" | "xml" | "ini" | "cfg" | "conf" | "proto" | "graphql"
            | "tf" | "nix" | "hcl" | "gradle" | "ftl" => Self::Code,
            _ => return None,
        })
    }
}

/// The beginning of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The byte of the text at which it begins.
    pub(crate) at: usize,
    /// The level of its heading, from 1.
    pub(crate) level: u8,
    /// Its heading.
    pub(crate) heading: String,
}

/// The content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// The title that the document gives itself.
    pub(crate) title: Option<String>,
    /// Statements of the document about itself, by names in lower case.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) marks: Vec<Mark>,
    /// The text was cut off.
    pub(crate) is_cut: bool,
}

impl Content {
    /// Notes that a section begins at this byte of the text, within the limits.
    pub(crate) fn mark(&mut self, at: usize, level: u8, heading: &str) {
        if self.marks.len() < MOST_MARKS {
            let heading = heading.chars().take(MOST_HEADING).collect();
            self.marks.push(Mark { at, level, heading });
        }
    }

    /// Adds a value, within the limits.
    pub(crate) fn describe(&mut self, name: &str, value: &str) {
        let name: String = name
            .trim()
            .to_lowercase()
            .chars()
            .map(|letter| if letter.is_alphanumeric() { letter } else { '_' })
            .take(64)
            .collect();
        let value: String = value.trim().chars().take(MOST_VALUE).collect();
        if !name.is_empty() && !value.is_empty() && self.metadata.len() < MOST_VALUES {
            self.metadata.push((name, value));
        }
    }

    /// Begins a section, with its heading as a line of the text.
    pub(crate) fn begin(&mut self, level: u8, heading: &str) {
        let heading = heading.split_whitespace().collect::<Vec<_>>().join(" ");
        if heading.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            let ends = if self.text.ends_with("\n\n") {
                ""
            } else if self.text.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            };
            self.text.push_str(ends);
        }
        let level = level.clamp(1, 6);
        self.mark(self.text.len(), level, &heading);
        self.text.push_str(&"#".repeat(usize::from(level)));
        self.text.push(' ');
        self.text.push_str(&heading);
        self.text.push_str("\n\n");
    }

    /// Cuts a text that is too long, at a character.
    fn cut(&mut self) {
        if self.text.len() > MOST_TEXT {
            let mut end = MOST_TEXT;
            while !self.text.is_char_boundary(end) {
                end -= 1;
            }
            self.text.truncate(end);
            self.marks.retain(|mark| mark.at < end);
            self.is_cut = true;
        }
    }
}

/// The moment by which reading a file must have ended.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    fn new(within: Duration) -> Self {
        Self(Instant::now() + within)
    }
    /// Ends the reading of a file that takes too long.
    pub(crate) fn check(self) -> Result<(), FileFault> {
        if Instant::now() > self.0 { Err(FileFault::Budget) } else { Ok(()) }
    }
}

/// Bytes as text: UTF-8, or UTF-16 by its mark, or else Windows-1252.
pub(crate) fn decoded(bytes: &[u8]) -> Result<String, FileFault> {
    // A picture with the name of a text.
    let is_wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !is_wide && bytes.iter().take(8192).any(|byte| *byte == 0) {
        return Err(FileFault::Broken);
    }
    let encoding = if std::str::from_utf8(bytes).is_ok() {
        encoding_rs::UTF_8
    } else {
        encoding_rs::WINDOWS_1252
    };
    let (text, _, _) = encoding.decode(bytes);
    Ok(if text.contains('\r') { text.replace("\r\n", "\n") } else { text.into_owned() })
}

/// Reads a file in this thread. A library may panic.
pub(crate) fn read(format: Format, bytes: &[u8]) -> Result<Content, FileFault> {
    let deadline = Deadline::new(WITHIN);
    let mut content = match format {
        Format::Markdown => markdown::read(&decoded(bytes)?),
        Format::Text | Format::Code => plain::read(&decoded(bytes)?),
        Format::Html => html::read(&html::decoded(bytes)?, deadline)?,
        Format::Mail => mail::read(bytes, deadline)?,
        Format::Pdf => pdf::read(bytes, deadline)?,
        Format::Docx => docx::read(bytes, deadline)?,
    };
    content.cut();
    if content.text.trim().is_empty() {
        return Err(FileFault::Empty);
    }
    Ok(content)
}

/// Reads a file. A panic of a library affects only this file.
pub(crate) fn read_guarded(format: Format, bytes: Vec<u8>) -> Result<Content, FileFault> {
    let guarded = move || {
        panic::catch_unwind(AssertUnwindSafe(|| read(format, &bytes)))
            .unwrap_or(Err(FileFault::Broken))
    };
    match format {
        Format::Markdown | Format::Text | Format::Code | Format::Html => guarded(),
        // Their own limit of time is looked at between parts; this one is for a part without end.
        Format::Mail | Format::Pdf | Format::Docx => thread::apart(2 * WITHIN, guarded),
    }
}

#[cfg(test)]
mod budgets;
#[cfg(test)]
mod tests;
