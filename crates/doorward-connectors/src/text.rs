//! Texts for a chat that renders Markdown. What others wrote is shown as code, which neither links,
//! nor mentions, nor loads pictures.

use doorward_language::text;
use doorward_model::foreign;

/// Maximum number of characters of one post. Mattermost takes 16,383.
const POST: usize = 12_000;
/// Maximum number of posts of one answer.
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
        parts.push(text::bot_cut(left).to_string());
    }
    if parts.is_empty() {
        parts.push(text::bot_empty_result().to_string());
    }
    parts
}

/// The text without names that begin like those of web servers (`www.`, `www2.`): the chat server
/// makes links of them, and fetches a preview of the first one although no user opened it.
fn without_web_names(text: &str) -> String {
    let mut told = String::with_capacity(text.len() + 16);
    let mut run = 0;
    for letter in text.chars() {
        if run == 3 {
            told.push(BREAK);
            run = 0;
        }
        run = if letter.eq_ignore_ascii_case(&'w') { run + 1 } else { 0 };
        told.push(letter);
    }
    told
}

/// A text of the agent as posts. Its Markdown stays, but documents may have shaped it: it mentions no
/// user, and nothing in it is a link or a picture.
pub(crate) fn prose(text: &str) -> Vec<String> {
    let cleaned = foreign::block(text, POST * POSTS * 2);
    let cleaned = cleaned
        .replace('@', &format!("@{BREAK}"))
        .replace("![", &format!("!{BREAK}["))
        .replace("](", &format!("]{BREAK}("))
        .replace("]:", &format!("]{BREAK}:"))
        .replace("://", &format!(":{BREAK}//"))
        .replace("mailto:", &format!("mailto:{BREAK}"));
    let cleaned = without_web_names(&cleaned);
    let mut parts = Vec::new();
    let (mut rest, mut fence) = (cleaned.as_str(), false);
    while !rest.is_empty() && parts.len() < POSTS {
        let (part, after) = rest.split_at(cut(rest));
        let mut part = part.trim_end_matches('\n').to_owned();
        // A block of code goes on in the next post.
        let before = fence;
        fence ^= part.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1;
        if before {
            part.insert_str(0, "```\n");
        }
        if fence {
            part.push_str("\n```");
        }
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(text::bot_cut(rest.chars().count()).to_string());
    }
    if parts.is_empty() {
        parts.push(text::bot_empty_answer().to_string());
    }
    parts
}

/// The line of a source: a link where it is one.
pub(crate) fn source(number: usize, title: &str, location: &str) -> String {
    match foreign::https_link(location) {
        Some(url) => {
            let plain =
                |letter: char| if "[]()<>`*_~|\\!#@:".contains(letter) { ' ' } else { letter };
            let title: String = foreign::line(title, 100).chars().map(plain).collect();
            let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
            let title = if title.is_empty() { text::bot_source().to_string() } else { title };
            // The URL ends where its parenthesis does.
            let url = url.as_str().replace('(', "%28").replace(')', "%29");
            format!("[{number}] [{title}]({url})")
        }
        None => format!("[{number}] {} {}", inline(title), inline(location)),
    }
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
    fn a_text_of_the_agent_has_neither_links_nor_pictures_nor_mentions() {
        let told = prose(
            "**So** @all and @bob: ![x](https://evil.example/?q=secret) [y](http://e.example) \
            [z]: https://e.example\nwww.evil.example ftp://e.example www2.evil.example/?q=secret \
            WwW099.evil.example wwww.e.example",
        );
        for gone in ["@all", "@bob", "![", "](", "://", "]:", "www.", "www2", "WwW0"] {
            assert!(!told[0].contains(gone), "{gone}: {told:?}");
        }
        assert!(told[0].starts_with("**So**"));
    }

    #[test]
    fn ca48_long_answers_are_split_and_a_block_of_code_goes_on() {
        let line = "a line of code that is long enough\n";
        let told = prose(&format!("First\n```\n{}```\nlast", line.repeat(POST * 2 / line.len())));
        assert_eq!(told.len(), 3, "{}", told.len());
        for part in &told {
            assert!(part.chars().count() <= POST + 10);
            assert_eq!(part.matches("```").count() % 2, 0, "{}", part.len());
        }
        assert!(told[2].ends_with("last"));
    }

    #[test]
    fn sources_are_links_only_where_they_are_safe() {
        assert_eq!(
            source(1, "A [guide](x)", "https://d.example/a_(b)"),
            "[1] [A guide x](https://d.example/a_%28b%29)"
        );
        assert_eq!(source(2, "A", "document:///a.md"), "[2] `A` `document:///a.md`");
        assert_eq!(source(3, "A", "javascript:alert(1)"), "[3] `A` `javascript:alert(1)`");
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
}
