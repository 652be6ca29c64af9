//! Markdown: the text as it is, its headings as marks, and the values of its front matter.

use super::Content;

/// The heading of a line, with its level (CommonMark: ATX headings).
fn heading(line: &str) -> Option<(u8, &str)> {
    let line = line.strip_prefix("   ").or(line.strip_prefix("  ")).unwrap_or(line);
    let line = line.strip_prefix(' ').unwrap_or(line);
    let rest = line.trim_start_matches('#');
    let level =
        u8::try_from(line.len() - rest.len()).ok().filter(|level| (1..=6).contains(level))?;
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let text = rest.trim();
    let closed = text.trim_end_matches('#');
    let text = if closed.is_empty() || closed.ends_with(' ') { closed.trim_end() } else { text };
    Some((level, text))
}

/// The fence of a code block that a line begins.
fn fence(line: &str) -> Option<&str> {
    let line = line.trim_start();
    ["```", "~~~"].into_iter().find(|fence| line.starts_with(fence))
}

/// The values between the lines `---` at the beginning, each `name: value`.
fn front_matter(content: &mut Content, text: &str) -> usize {
    let Some(rest) = text.strip_prefix("---\n") else { return 0 };
    let Some(end) = rest.find("\n---") else { return 0 };
    let block = rest.get(..end).unwrap_or_default();
    let mut list: Option<String> = None;
    for line in block.lines() {
        if let Some(item) = line.trim_start().strip_prefix("- ") {
            if let Some(name) = &list {
                content.describe(&name.clone(), unquoted(item));
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t']))
        else {
            continue;
        };
        let value = value.trim();
        list = value.is_empty().then(|| name.to_owned());
        let items = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        for item in items.map_or_else(|| vec![value], |items| items.split(',').collect()) {
            content.describe(name, unquoted(item));
        }
    }
    let after = "---\n".len() + end + "\n---".len();
    text.get(after..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| after + at + 1)
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

/// Reads a document.
pub(super) fn read(text: &str) -> Content {
    let mut content = Content::default();
    let mut at = front_matter(&mut content, text);
    let mut within: Option<&str> = None;
    let mut before: Option<(usize, &str)> = None;
    for line in text.get(at..).unwrap_or_default().split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        match (within, fence(bare)) {
            (Some(open), Some(close)) if open == close => within = None,
            (None, Some(open)) => within = Some(open),
            (Some(_), _) => {}
            (None, None) => {
                if let Some((level, heading)) = heading(bare) {
                    content.mark(at, level, heading);
                } else if let Some((start, title)) = before.filter(|_| !bare.is_empty())
                    && (bare.bytes().all(|byte| byte == b'=')
                        || (bare.len() > 1 && bare.bytes().all(|byte| byte == b'-')))
                {
                    // A heading that is underlined.
                    let level = if bare.starts_with('=') { 1 } else { 2 };
                    content.mark(start, level, title.trim());
                }
            }
        }
        let is_line = within.is_none()
            && !bare.trim().is_empty()
            && heading(bare).is_none()
            && !bare.starts_with(['-', '>', '|', '*', '`', '~']);
        before = is_line.then_some((at, bare));
        at += line.len();
    }
    let named = content.metadata.iter().find(|(name, _)| name == "title");
    content.title = named.map(|(_, title)| title.clone()).or_else(|| {
        content.marks.iter().find(|mark| mark.level == 1).map(|mark| mark.heading.clone())
    });
    text.clone_into(&mut content.text);
    content
}
