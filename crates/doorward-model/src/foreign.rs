//! Text from external sources: names, messages and links of upstreams, identity providers and
//! clients. Every such text passes through this module before it is shown, logged or sent on, so
//! that it can neither forge lines, reorder its surroundings, hide characters, nor be mistaken for
//! Doorward's own words.

use std::borrow::Cow;

use url::Url;

/// Maximum number of characters of a foreign text that becomes one line, where the caller has no
/// better limit.
pub const LINE: usize = 200;
/// Maximum number of characters of a foreign text of several lines.
pub const BLOCK: usize = 4000;

/// Line separators besides `\n`.
fn is_break(letter: char) -> bool {
    matches!(letter, '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Joiners and the emoji selector: invisible by themselves, but part of words in Persian and Indic
/// scripts and of emoji.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe0f}')
}

/// Reports a character that has no visible form of its own or changes the order of others: controls
/// (Cc), format characters (Cf), default-ignorable code points and fillers (Unicode 16,
/// DerivedCoreProperties `Default_Ignorable_Code_Point`), separators of lines and noncharacters.
pub fn is_hidden(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_control();
    }
    let code = u32::from(letter);
    letter.is_control()
        || is_break(letter)
        || (code & 0xfffe) == 0xfffe
        || matches!(code,
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x115f..=0x1160 | 0x17b4..=0x17b5
            | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfdd0..=0xfdef
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// Reports a text that holds a hidden character other than the joiners that scripts and emoji need.
pub fn has_hidden(text: &str) -> bool {
    !is_plain(text) && text.chars().any(|letter| is_hidden(letter) && !is_joiner(letter))
}

/// Almost every text is printable ASCII: found out without decoding it.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Copies visible characters, at most `most`; `\n` too where `lines` says so. A joiner is kept
/// after a character that is not ASCII.
fn visible(text: &str, most: usize, lines: bool) -> String {
    let mut kept = String::with_capacity(text.len().min(most * 4));
    let (mut count, mut before) = (0, ' ');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\r' if letters.peek() == Some(&'\n') => continue,
            '\n' => '\n',
            '\t' => ' ',
            letter if is_break(letter) => '\n',
            letter if is_joiner(letter) && !before.is_ascii() && !is_joiner(before) => letter,
            letter if is_hidden(letter) => continue,
            letter if letter.is_whitespace() => ' ',
            letter => letter,
        };
        let letter = if letter == '\n' && !lines { ' ' } else { letter };
        if letter == ' ' && before == ' ' && !lines {
            continue;
        }
        if count == most {
            kept.truncate(kept.trim_end().len());
            kept.push('…');
            return kept;
        }
        kept.push(letter);
        (count, before) = (count + 1, letter);
    }
    kept
}

/// Cleans a text to one line of at most `most` characters: line breaks become spaces, hidden
/// characters go, and a text that was cut ends with `…`.
pub fn line(text: &str, most: usize) -> Cow<'_, str> {
    let trimmed = text.trim_matches(' ');
    if trimmed.len() <= most && is_plain(trimmed) && !trimmed.contains("  ") {
        return Cow::Borrowed(trimmed);
    }
    let mut cleaned = visible(text, most, false);
    cleaned.truncate(cleaned.trim_end().len());
    Cow::Owned(cleaned)
}

/// Cleans a text of several lines, at most `most` characters: all line ends become `\n`, hidden
/// characters go, more than one empty line in a row becomes one.
pub fn block(text: &str, most: usize) -> String {
    let cleaned = visible(text.trim(), most, true);
    let mut kept = String::with_capacity(cleaned.len());
    let mut empty = 0;
    for line in cleaned.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            if !kept.is_empty() {
                kept.push('\n');
            }
            kept.push_str(line);
        }
    }
    kept
}

/// Cleans a text to one line and puts it in quotation marks that the text itself cannot end.
pub fn quoted(text: &str, most: usize) -> String {
    let inner: String = line(text, most)
        .chars()
        .map(|letter| {
            if matches!(letter, '"' | '“' | '”' | '„' | '‟' | '″') {
                '\''
            } else {
                letter
            }
        })
        .collect();
    format!("“{inner}”")
}

/// Names the source of a text before it: `SOURCE VERB: “text”`, or, for several lines, `SOURCE
/// VERB:` and each line after `> `. No part of the text can be at the beginning of a line, so none
/// can be mistaken for Doorward's own words.
pub fn attributed(source: &str, verb: &str, text: &str, most: usize) -> String {
    let source = line(source, 100);
    let cleaned = block(text, most);
    if !cleaned.contains('\n') {
        return format!("{source} {verb}: {}", quoted(&cleaned, most));
    }
    let mut told = format!("{source} {verb}:");
    for line in cleaned.lines() {
        told.push_str("\n> ");
        told.push_str(line);
    }
    told
}

/// Shows hidden characters of a text instead of dropping them, as `\u{202e}`; line breaks as `\n`.
/// For logs and tables, where two different texts must not look alike and one entry must stay one
/// line.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Shows hidden characters in a JSON document as `\\uXXXX`: the document stays one line with the
/// same content, since outside of its texts JSON has no such character but line breaks, which go.
pub fn escaped_json(document: &str) -> Cow<'_, str> {
    if is_plain(document) || !document.chars().any(is_hidden) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len() + 16);
    for letter in document.chars() {
        if matches!(letter, '\n' | '\r' | '\t') {
            continue;
        }
        if is_hidden(letter) {
            let mut units = [0; 2];
            shown.extend(
                letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")),
            );
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// The URLs of this server in a text, each once: only pages on which a user confirms or connects.
pub fn own_pages(text: &str, public_url: &str) -> Vec<String> {
    let public_url = public_url.trim_end_matches('/');
    let mut found = Vec::new();
    for word in text.split(|letter: char| letter.is_whitespace() || "()<>\"'`|".contains(letter)) {
        let word = word.trim_end_matches(['.', ',', ';', ':']);
        let Some(path) = word.strip_prefix(public_url) else { continue };
        let is_page = path.starts_with("/confirm/") || path.starts_with("/connect/");
        let is_plain =
            path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte));
        if is_page && is_plain && !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// Reads a link for users: https, with a host, without user or password, at most 2,048 bytes.
/// `None` for every other text, `javascript:` and `data:` among them.
pub fn https_link(text: &str) -> Option<Url> {
    if text.len() > 2048 || has_hidden(text) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    (url.scheme() == "https"
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none())
    .then_some(url)
}

/// Reports a picture within its URL.
pub fn is_picture(url: &str) -> bool {
    let kind = crate::uri::after_scheme(url, "data").and_then(|rest| rest.get(.."image/".len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("image/"))
}

/// Reports a URI that names something to be read, not something that runs where it is opened: every
/// scheme except `javascript`, `vbscript`, `data` and `blob`. For URIs that identify resources and
/// may use schemes of their own.
pub fn is_inert(uri: &str) -> bool {
    let scheme: String = uri
        .chars()
        .filter(|letter| !letter.is_whitespace() && !is_hidden(*letter))
        .take_while(|letter| *letter != ':')
        .collect();
    !has_hidden(uri)
        && !["javascript", "vbscript", "data", "blob"]
            .iter()
            .any(|active| scheme.eq_ignore_ascii_case(active))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_line_stays_one_visible_line() {
        assert_eq!(line("plain text", 20), "plain text");
        assert_eq!(line("  a\r\nb\u{2028}c\td  ", 20), "a b c d");
        assert_eq!(line("safe\u{202e}txt.exe\u{200b}\u{e0041}\u{ad}\u{3164}", 40), "safetxt.exe");
        assert_eq!(line("\u{1b}[31mred\u{7}", 20), "[31mred");
        assert_eq!(line(&"x".repeat(30), 10), format!("{}…", "x".repeat(10)));
        assert_eq!(
            line("می\u{200c}خواهم 👩\u{200d}💻 ❤\u{fe0f}", 40),
            "می\u{200c}خواهم 👩\u{200d}💻 ❤\u{fe0f}",
            "scripts and emoji keep their joiners"
        );
        assert_eq!(line("a\u{200d}b", 10), "ab");
    }

    #[test]
    fn a_foreign_text_cannot_leave_its_quotation() {
        assert_eq!(quoted("x” or \"y\nz", 50), "“x' or 'y z”");
        assert_eq!(attributed("Wiki", "asks", "Sure?", 50), "Wiki asks: “Sure?”");
        let told = attributed("Wiki", "asks", "Sure?\r\n\r\n\r\nDoorward asks: \u{202e}yes", 100);
        assert_eq!(told, "Wiki asks:\n> Sure?\n> \n> Doorward asks: yes");
        assert!(told.lines().skip(1).all(|line| line.starts_with("> ")));
        assert_eq!(attributed("W\niki", "asks", "x", 9), "W iki asks: “x”");
    }

    #[test]
    fn escaping_shows_what_is_hidden_on_one_line() {
        assert!(matches!(escaped("tool_name"), Cow::Borrowed(_)));
        assert_eq!(escaped("a\nINFO forged \u{202e}x"), "a\\nINFO forged \\u{202e}x");
        assert_eq!(escaped("käse"), "käse");
    }

    #[test]
    fn escaped_json_says_the_same() {
        let document = "{\"a\": \"x\u{202e}y\u{e0041}\u{7f}\",\n \"b\": 1}";
        let shown = escaped_json(document);
        assert_eq!(shown, "{\"a\": \"x\\u202ey\\udb40\\udc41\\u007f\", \"b\": 1}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            serde_json::from_str::<serde_json::Value>(document).unwrap()
        );
    }

    #[test]
    fn only_https_links_lead_anywhere() {
        assert!(https_link("https://a.example/x?y=1").is_some());
        for text in [
            "javascript:alert(1)",
            "http://a.example/",
            "data:text/html,x",
            "https://u:p@a.example/",
            " JaVaScript:x",
            "https://a.example/\u{202e}x",
            "",
        ] {
            assert!(https_link(text).is_none(), "{text}");
        }
        for uri in ["notes://1", "file:///x", "ui://a", "x", "https://a.example"] {
            assert!(is_inert(uri), "{uri}");
        }
        for uri in [
            "javascript:alert(1)",
            " JAVASCRIPT:x",
            "java\tscript:x",
            "data:text/html,x",
            "vbscript:x",
            "blob:x",
        ] {
            assert!(!is_inert(uri), "{uri}");
        }
    }

    #[test]
    fn only_pages_of_this_server_are_found() {
        let text = "open https://d.example/confirm/aB1 , https://d.example/connect/wiki. Not \
            https://d.example.evil/confirm/x https://d.example/login?next=//x \
            https://d.example/connect/wiki";
        assert_eq!(
            own_pages(text, "https://d.example"),
            ["https://d.example/confirm/aB1", "https://d.example/connect/wiki"]
        );
    }
}
