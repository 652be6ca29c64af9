//! PDF: the text of each page, which is a section of its own.

use lopdf::{Document, LoadOptions, Object};

use super::{Content, Deadline, MOST_TEXT, Mark, Why};

/// Maximum number of bytes that the content of one page unpacks to.
const MOST_PAGE: usize = 16 * 1024 * 1024;

/// Maximum number of bytes that a stream of objects unpacks to.
const MOST_STREAM: usize = 64 * 1024 * 1024;

/// The values that a document has about itself.
fn properties(document: &Document, content: &mut Content) {
    let Ok(info) = document.trailer.get(b"Info") else { return };
    let Ok((_, Object::Dictionary(info))) = document.dereference(info) else { return };
    for (key, name) in [
        (b"Title".as_slice(), "title"),
        (b"Author", "author"),
        (b"Subject", "subject"),
        (b"Keywords", "keywords"),
    ] {
        let value = info.get(key).ok().and_then(|value| lopdf::decode_text_string(value).ok());
        if let Some(value) = value {
            content.describe(name, &value);
        }
    }
}

/// Reads a document.
pub(super) fn read(bytes: &[u8], deadline: Deadline) -> Result<Content, Why> {
    let options =
        LoadOptions { max_decompressed_size: Some(MOST_STREAM), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(|_| Why::Broken)?;
    if document.is_encrypted() {
        return Err(Why::Encrypted);
    }
    let mut content = Content::default();
    properties(&document, &mut content);
    let pages = document.get_pages();
    let (mut failed, mut read) = (0_usize, 0_usize);
    for number in pages.keys() {
        deadline.check()?;
        // A page that cannot be read costs itself.
        let mut text = String::new();
        for part in document.extract_text_chunks_with_limit(&[*number], MOST_PAGE) {
            match part {
                Ok(part) => text.push_str(&part),
                Err(_) => failed += 1,
            }
        }
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        read += 1;
        let heading = format!("Page {number}");
        content.marks.push(Mark { at: content.text.len(), level: 1, heading });
        content.text.push_str(text);
        content.text.push_str("\n\n");
        if content.text.len() > MOST_TEXT {
            break;
        }
    }
    if read == 0 && failed > 0 {
        return Err(Why::Broken);
    }
    let named = content.metadata.iter().find(|(name, _)| name == "title");
    content.title = named.map(|(_, title)| title.clone());
    Ok(content)
}
