//! Word documents (ECMA-376): paragraphs, with the styles of headings.

use std::io::{Cursor, Read as _, Write as _};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{Content, Deadline, FileFault, MOST_TEXT};

/// Maximum number of bytes that a part unpacks to.
const MOST_PART: u64 = 64 * 1024 * 1024;

type Archive<'b> = ZipArchive<Cursor<&'b [u8]>>;

/// A part of the archive; `None` if there is none.
fn part(archive: &mut Archive<'_>, name: &str) -> Result<Option<String>, FileFault> {
    let Ok(file) = archive.by_name(name) else { return Ok(None) };
    if file.encrypted() {
        return Err(FileFault::Encrypted);
    }
    // The size that the archive states is not believed.
    let mut bytes = Vec::new();
    file.take(MOST_PART + 1).read_to_end(&mut bytes).map_err(|_| FileFault::Broken)?;
    if bytes.len() as u64 > MOST_PART {
        return Err(FileFault::Budget);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| FileFault::Broken)
}

/// The local name of an element.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The value of an attribute, by its local name.
fn attribute(element: &BytesStart<'_>, wanted: &str) -> Option<String> {
    // Without a comparison of each attribute with all before it.
    element.attributes().with_checks(false).flatten().find_map(|one| {
        let name: &str = one.key.as_ref();
        (local(name) == wanted).then(|| one.value.to_string())
    })
}

/// The level of a heading's style: `Heading1`, `Title`, and as other languages call them.
fn level(style: &str) -> Option<u8> {
    let style = style.to_lowercase();
    if matches!(style.as_str(), "title" | "titel" | "titre") {
        return Some(1);
    }
    ["heading", "berschrift", "titre", "ttulo", "kop"].iter().find_map(|word| {
        let (_, rest) = style.split_once(word)?;
        rest.trim().parse().ok().filter(|level| (1..=6).contains(level))
    })
}

/// A paragraph under way.
#[derive(Default)]
struct Paragraph {
    level: Option<u8>,
    text: String,
    is_item: bool,
}

fn finish(paragraph: &Paragraph, content: &mut Content) {
    let text = paragraph.text.trim_end();
    match paragraph.level {
        Some(level) => content.begin(level, text),
        None if text.trim().is_empty() => {}
        None => {
            if paragraph.is_item {
                content.text.push_str("- ");
            }
            content.text.push_str(text);
            content.text.push_str(if paragraph.is_item { "\n" } else { "\n\n" });
        }
    }
}

fn document(xml: &str, content: &mut Content, deadline: Deadline) -> Result<(), FileFault> {
    let mut reader = Reader::from_str(xml);
    let mut paragraph = Paragraph::default();
    let (mut in_text, mut events) = (false, 0_u32);
    loop {
        events = events.wrapping_add(1);
        if events % 4096 == 0 {
            deadline.check()?;
        }
        match reader.read_event().map_err(|_| FileFault::Broken)? {
            Event::Start(element) | Event::Empty(element) => {
                let name = element.name();
                let name: &str = name.as_ref();
                match local(name) {
                    "t" => in_text = true,
                    "tab" => paragraph.text.push('\t'),
                    "br" | "cr" => paragraph.text.push('\n'),
                    "pStyle" => {
                        paragraph.level =
                            attribute(&element, "val").and_then(|style| level(&style));
                    }
                    "numPr" => paragraph.is_item = true,
                    _ => {}
                }
            }
            Event::End(element) => {
                let name = element.name();
                let name: &str = name.as_ref();
                match local(name) {
                    "t" => in_text = false,
                    "tc" => content.text.push_str("| "),
                    "p" => finish(&std::mem::take(&mut paragraph), content),
                    _ => {}
                }
            }
            Event::Text(text) if in_text => paragraph.text.push_str(&text),
            Event::GeneralRef(reference) if in_text => {
                let name: &str = &reference;
                match name {
                    "amp" => paragraph.text.push('&'),
                    "lt" => paragraph.text.push('<'),
                    "gt" => paragraph.text.push('>'),
                    "quot" => paragraph.text.push('"'),
                    "apos" => paragraph.text.push('\''),
                    _ => paragraph.text.extend(reference.resolve_char_ref().ok().flatten()),
                }
            }
            Event::Eof => break,
            _ => {}
        }
        if content.text.len() > MOST_TEXT {
            break;
        }
    }
    finish(&paragraph, content);
    Ok(())
}

/// The properties that describe a document.
fn properties(xml: &str, content: &mut Content) {
    let mut reader = Reader::from_str(xml);
    let mut name = String::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(element) => {
                let own = element.name();
                let own: &str = own.as_ref();
                local(own).clone_into(&mut name);
            }
            Event::Text(text) => {
                let known = match name.as_str() {
                    "creator" => "author",
                    "title" => "title",
                    "subject" => "subject",
                    "keywords" => "keywords",
                    "category" => "category",
                    "created" => "created",
                    _ => continue,
                };
                content.describe(known, &text);
            }
            Event::End(_) => name.clear(),
            Event::Eof => return,
            _ => {}
        }
    }
}

/// Makes a document whose parts have this text, for the fuzz target.
pub fn of(text: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["word/document.xml", "docProps/core.xml"] {
        // Writing to memory cannot fail.
        let _ = writer.start_file(name, SimpleFileOptions::default());
        let _ = writer.write_all(text);
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// Reads a document.
pub(super) fn read(bytes: &[u8], deadline: Deadline) -> Result<Content, FileFault> {
    // Encrypted ones are not archives but compound files.
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(FileFault::Encrypted);
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| FileFault::Broken)?;
    let xml = part(&mut archive, "word/document.xml")?.ok_or(FileFault::Broken)?;
    let mut content = Content::default();
    if let Some(core) = part(&mut archive, "docProps/core.xml")? {
        properties(&core, &mut content);
    }
    document(&xml, &mut content, deadline)?;
    let named = content.metadata.iter().find(|(name, _)| name == "title");
    content.title = named
        .map(|(_, title)| title.clone())
        .or_else(|| content.marks.first().map(|mark| mark.heading.clone()));
    Ok(content)
}
