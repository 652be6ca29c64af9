//! Texts for a chat that renders Markdown. What others wrote is shown as code, which neither links,
//! nor mentions, nor loads pictures.

use doorward_model::foreign;

/// The most characters of one post. Mattermost takes 16,383.
const POST: usize = 12_000;
/// The most posts of one answer.
const POSTS: usize = 4;
/// The longest run of backticks that a text keeps: the lines around it are longer.
const LONGEST_RUN: usize = 32;
/// A character that is not shown and separates a mention from its name.
const BREAK: char = '\u{200b}';

/// Mentions of all members at once, in small letters.
const CROWDS: [&str; 3] = ["all", "here", "channel"];

/// A foreign text of one line, as code within a sentence.
pub(crate) fn inline(text: &str) -> String {
    let line = foreign::line(text, foreign::LINE).replace('`', "'");
    format!("`{}`", unmentioned(if line.is_empty() { " " } else { &line }))
}

/// The text without mentions of all users. Code mentions no user; this holds for a client that reads
/// the text elsewhere, such as in a notification.
fn unmentioned(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at + 1);
        told.push_str(before);
        let names_all = CROWDS.iter().any(|crowd| {
            after.get(..crowd.len()).is_some_and(|start| start.eq_ignore_ascii_case(crowd))
        });
        if names_all {
            told.push(BREAK);
        }
        rest = after;
    }
    told.push_str(rest);
    told
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A foreign text as a block of code, which it cannot end.
fn block(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

/// A foreign text as posts: a few blocks of code, parted between lines where that is possible.
pub(crate) fn posts(text: &str) -> Vec<String> {
    let mut cleaned = unmentioned(&foreign::block(text, POST * POSTS * 2));
    if longest_run(&cleaned) > LONGEST_RUN {
        cleaned = cleaned.replace('`', "'");
    }
    let mut parts = Vec::new();
    let mut rest = cleaned.as_str();
    while !rest.is_empty() && parts.len() < POSTS {
        let (part, after) = rest.split_at(cut(rest));
        parts.push(block(part.trim_end_matches('\n')));
        rest = after;
    }
    if !rest.is_empty() {
        let left = rest.chars().count();
        parts.push(format!("({left} more characters are not shown.)"));
    }
    if parts.is_empty() {
        parts.push("(The result is empty.)".to_owned());
    }
    parts
}

/// The number of bytes that fit into one post: up to the end of a line in its second half, else of a
/// word, else of a character.
fn cut(text: &str) -> usize {
    let Some((most, _)) = text.char_indices().nth(POST) else { return text.len() };
    let fitting = text.get(..most).unwrap_or_default();
    let after = |letter: char| {
        fitting.rfind(letter).map(|at| at + letter.len_utf8()).filter(|at| *at > most / 2)
    };
    after('\n').or_else(|| after(' ')).unwrap_or(most)
}

/// The URLs of this server in a text, each once: only pages on which a user confirms or connects.
pub(crate) fn own_links(text: &str, public_url: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_leave_its_block_nor_mention_everyone() {
        let told = posts("a ````\n@All @here, @channel and [x](https://evil.example)");
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("`````\n") && told[0].ends_with("\n`````"), "{told:?}");
        for crowd in ["@All", "@here", "@channel"] {
            assert!(!told[0].contains(crowd), "{told:?}");
        }
        assert_eq!(inline("a`b\n@all"), "`a'b @\u{200b}all`");
        assert_eq!(inline(""), "` `");
    }

    #[test]
    fn long_texts_are_parted_between_lines_and_what_is_left_out_is_counted() {
        let line = "é".repeat(99);
        let text = vec![line; 300].join("\n");
        let told = posts(&text);
        assert_eq!(told.len(), 3);
        for part in &told {
            assert!(part.chars().count() <= POST + 10);
            let inner = part.trim_matches('`').trim_matches('\n');
            assert!(inner.lines().all(|line| line.chars().count() == 99));
        }
        let endless = posts(&"x".repeat(POST * 9));
        assert_eq!(endless.len(), POSTS + 1);
        assert!(endless[POSTS].contains("more characters are not shown"));
        assert_eq!(posts(" \u{202e} "), ["(The result is empty.)"]);
    }

    #[test]
    fn only_pages_of_this_server_become_links() {
        let text = "open https://d.example/confirm/aB1 , https://d.example/connect/wiki. Not \
            https://d.example.evil/confirm/x https://d.example/login?next=//x \
            https://d.example/connect/wiki";
        assert_eq!(
            own_links(text, "https://d.example"),
            ["https://d.example/confirm/aB1", "https://d.example/connect/wiki"]
        );
    }
}
