//! Chunks of documents: the sections, long ones divided at paragraphs and lines. Together they are
//! the whole text.

use crate::format::{Content, Mark};

/// Maximum number of bytes of a chunk, unless one line is longer.
const MOST: usize = 2400;
/// Maximum number of bytes of a line that is not divided.
const LINE: usize = 4 * MOST;

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'t> {
    /// The headings above it, from the outermost.
    pub(crate) heading: String,
    pub(crate) text: &'t str,
    /// The number of its first line, from 1.
    pub(crate) line: u64,
}

/// The end of the next piece of a text: at a paragraph, a line, a word or a character.
fn piece(text: &str) -> usize {
    if text.len() <= MOST {
        return text.len();
    }
    let mut most = MOST;
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    let head = text.get(..most).unwrap_or(text);
    let at_least = |at: usize| at > MOST / 3;
    if let Some(at) = head.rfind("\n\n").map(|at| at + 2).filter(|at| at_least(*at)) {
        return at;
    }
    if let Some(at) = head.rfind('\n').map(|at| at + 1) {
        return at;
    }
    // Within one long line: chunks end at lines where that is possible.
    let near = text.as_bytes().iter().take(LINE).position(|byte| *byte == b'\n');
    match near {
        Some(at) => at + 1,
        None if text.len() <= LINE => text.len(),
        None => head.rfind(' ').map_or(most, |at| at + 1),
    }
}

/// The headings above a mark and its own.
fn trail(open: &mut Vec<Mark>, mark: &Mark) -> String {
    open.retain(|above| above.level < mark.level);
    open.push(mark.clone());
    open.iter().map(|one| one.heading.as_str()).collect::<Vec<_>>().join(" › ")
}

/// The chunks of a document.
pub(crate) fn chunks(content: &Content) -> Vec<Chunk<'_>> {
    let text = content.text.as_str();
    let mut sections: Vec<(usize, String)> = Vec::new();
    let mut open = Vec::new();
    if content.marks.first().is_none_or(|mark| mark.at > 0) {
        sections.push((0, String::new()));
    }
    sections.extend(content.marks.iter().map(|mark| (mark.at, trail(&mut open, mark))));
    let mut chunks = Vec::new();
    let mut line = 1;
    let ends = sections.iter().skip(1).map(|(at, _)| *at).chain([text.len()]).collect::<Vec<_>>();
    for ((begin, heading), end) in sections.into_iter().zip(ends) {
        let mut rest = text.get(begin..end).unwrap_or_default();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(piece(rest));
            chunks.push(Chunk { heading: heading.clone(), text: head, line });
            line += head.bytes().filter(|byte| *byte == b'\n').count() as u64;
            rest = tail;
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Format, read_guarded};

    fn markdown(text: &str) -> Content {
        read_guarded(Format::Markdown, text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn chunks_begin_at_headings_and_together_are_the_text() {
        let content = markdown("intro\n\n# A\n\none\n\n## B\n\ntwo\n\n## C\nthree\n# D\nfour\n");
        let chunks = chunks(&content);
        let told: Vec<(&str, u64)> =
            chunks.iter().map(|chunk| (chunk.heading.as_str(), chunk.line)).collect();
        assert_eq!(told, [("", 1), ("A", 3), ("A › B", 7), ("A › C", 11), ("D", 13)]);
        let whole: String = chunks.iter().map(|chunk| chunk.text).collect();
        assert_eq!(whole, content.text);
    }

    #[test]
    fn long_sections_are_divided_at_paragraphs_and_no_letter_is_lost() {
        for text in [
            format!("# T\n\n{}", "A sentence of some words.\n\n".repeat(400)),
            format!("# T\n\n{}", "word ".repeat(20_000)),
            "ü".repeat(50_000),
            format!("{}\n{}", "x".repeat(9000), "y".repeat(100)),
        ] {
            let content = markdown(&text);
            let chunks = chunks(&content);
            let whole: String = chunks.iter().map(|chunk| chunk.text).collect();
            assert_eq!(whole, text);
            assert!(chunks.iter().all(|chunk| chunk.text.len() <= LINE));
            assert!(chunks.len() > 1);
        }
    }
}
