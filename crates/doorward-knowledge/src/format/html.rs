//! HTML: the visible text, headings as Markdown writes them. Only tokens are read and no tree is
//! built, so that nesting costs nothing.

use std::cell::RefCell;

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, CharacterTokens, StartTag, Tag, TagToken, Token, TokenSink, TokenSinkResult,
        Tokenizer, TokenizerOpts, states::RawKind,
    },
};

use super::{Content, Deadline, FileFault};

/// Elements that begin a line of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

#[derive(Default)]
struct State {
    content: Content,
    /// The heading under way, with its level.
    heading: Option<(u8, String)>,
    title: Option<String>,
    /// Within `pre`, where white space counts.
    pre: usize,
    /// Within an element whose text is not shown.
    hidden: Option<String>,
}

#[derive(Default)]
struct Sink(RefCell<State>);

/// The level of a heading's element.
fn level(name: &str) -> Option<u8> {
    match name {
        "h1" => Some(1),
        "h2" => Some(2),
        "h3" => Some(3),
        "h4" => Some(4),
        "h5" => Some(5),
        "h6" => Some(6),
        _ => None,
    }
}

impl State {
    fn line(&mut self) {
        let text = &mut self.content.text;
        while text.ends_with([' ', '\t']) {
            text.pop();
        }
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
    }

    fn text(&mut self, told: &str) {
        if self.hidden.is_some() {
            return;
        }
        let pre = self.pre > 0;
        let into = match (&mut self.title, &mut self.heading) {
            (Some(title), _) => title,
            (None, Some((_, heading))) => heading,
            (None, None) => &mut self.content.text,
        };
        if pre {
            into.push_str(told);
            return;
        }
        for letter in told.chars() {
            let letter = if letter.is_whitespace() { ' ' } else { letter };
            if letter != ' ' || !(into.is_empty() || into.ends_with([' ', '\n'])) {
                into.push(letter);
            }
        }
    }

    fn meta(&mut self, tag: &Tag) {
        let value = |name: &str| {
            let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
            found.map(|attribute| attribute.value.to_string())
        };
        let name = value("name").or_else(|| value("property"));
        if let (Some(name), Some(content)) = (name, value("content")) {
            self.content.describe(name.trim_start_matches("og:"), &content);
        }
    }

    fn tag(&mut self, tag: &Tag) -> Option<RawKind> {
        let name: &str = &tag.name;
        let begins = tag.kind == StartTag;
        if let Some(hidden) = &self.hidden {
            if !begins && hidden == name {
                self.hidden = None;
            }
            return None;
        }
        match (name, begins) {
            ("script" | "style" | "noscript" | "template" | "iframe" | "svg", true)
                if !tag.self_closing =>
            {
                self.hidden = Some(name.to_owned());
                return match name {
                    "script" => Some(RawKind::ScriptData),
                    "style" | "noscript" | "iframe" => Some(RawKind::Rawtext),
                    _ => None,
                };
            }
            ("title", true) if self.content.title.is_none() => {
                self.title = Some(String::new());
                return Some(RawKind::Rcdata);
            }
            ("title", false) => {
                let title = self.title.take().map(|title| title.trim().to_owned());
                self.content.title = title.filter(|title| !title.is_empty());
            }
            ("meta", true) => self.meta(tag),
            ("pre", true) => {
                self.line();
                self.pre += 1;
            }
            ("pre", false) => {
                self.pre = self.pre.saturating_sub(1);
                self.line();
            }
            ("li", true) => {
                self.line();
                self.text("- ");
            }
            ("td" | "th", false) => self.text(" | "),
            ("td" | "th", true) => {}
            ("p", _) => {
                self.line();
                self.line();
            }
            (name, _) => {
                if let Some(level) = level(name) {
                    if let Some((level, heading)) = self.heading.take() {
                        self.content.begin(level, &heading);
                    }
                    self.heading = begins.then(|| (level, String::new()));
                } else if BLOCKS.contains(&name) {
                    self.line();
                }
            }
        }
        None
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            CharacterTokens(text) => state.text(&text),
            TagToken(tag) => {
                if let Some(raw) = state.tag(&tag) {
                    return TokenSinkResult::RawData(raw);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// The bytes of a document as text, by the character set that it names.
pub(super) fn decoded(bytes: &[u8]) -> Result<String, FileFault> {
    let head = String::from_utf8_lossy(bytes.get(..1024).unwrap_or(bytes)).to_ascii_lowercase();
    let named = head.split_once("charset=").map(|(_, rest)| rest.trim_start_matches(['"', '\'']));
    let named = named.and_then(|rest| rest.split(['"', '\'', '>', ' ', '/', ';']).next());
    let encoding = named.and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()));
    match encoding {
        Some(encoding)
            if encoding != encoding_rs::UTF_8 && !encoding.name().starts_with("UTF-16") =>
        {
            Ok(encoding.decode(bytes).0.into_owned())
        }
        _ => super::decoded(bytes),
    }
}

/// The bytes that are read between two looks at the time: each attribute is compared with those of
/// its element before it, so that one element can take long.
const PIECE: usize = 16 * 1024;

/// Reads a document.
pub(super) fn read(text: &str, deadline: Deadline) -> Result<Content, FileFault> {
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut rest = text;
    while !rest.is_empty() {
        deadline.check()?;
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        queue.push_back(StrTendril::from_slice(piece));
        let _ = tokenizer.feed(&queue);
        rest = after;
    }
    tokenizer.end();
    let mut state = tokenizer.sink.0.into_inner();
    if let Some((level, heading)) = state.heading.take() {
        state.content.begin(level, &heading);
    }
    let first = state.content.marks.first().map(|mark| mark.heading.clone());
    state.content.title = state.content.title.take().or(first);
    Ok(state.content)
}
