//! PDF: the text of each page, which is a section of its own.

use std::cell::Cell;

use lopdf::{DecompressError, Document, Error, FilterFunc, LoadOptions, Object, ObjectId};

use super::{Content, Deadline, FileFault, MOST_TEXT};

/// Maximum number of bytes that the content of one page unpacks to.
const MOST_PAGE: usize = 16 * 1024 * 1024;

/// Maximum number of bytes that all streams of objects of a document unpack to. In memory an object
/// is many times longer.
const MOST_STREAMS: usize = 32 * 1024 * 1024;

thread_local! {
    /// The bytes that are left for the document that this thread reads.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Counts what a stream of objects unpacks to, before it is unpacked; one that is too long is left
/// out, and so are all after it.
fn counted(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let Ok(stream) = object.as_stream() else { return Some((id, object.clone())) };
    if stream.dict.has_type(b"ObjStm") {
        let left = LEFT.get();
        let length = match stream.get_plain_content_with_limit(left) {
            Ok(content) => content.len(),
            Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => left,
            // It cannot be unpacked at all.
            Err(_) => 0,
        };
        LEFT.set(left.saturating_sub(length));
        if LEFT.get() == 0 {
            return None;
        }
    }
    // The returned object is used for those of a stream alone, which are no streams.
    Some((id, Object::Null))
}

/// True for a document that names its encryption in a trailer. It is looked for in the bytes, since
/// encrypted streams are unpacked without being counted.
fn is_encrypted(bytes: &[u8]) -> bool {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').any(|(at, _)| {
        let mut rest = bytes.get(at + 1..).unwrap_or_default();
        for wanted in b"Encrypt" {
            let (found, length) = match (rest.first(), digit(rest.get(1)), digit(rest.get(2))) {
                // Any letter of a name can be written as its number.
                (Some(b'#'), Some(high), Some(low)) => (high * 16 + low, 3),
                (Some(letter), ..) => (u32::from(*letter), 1),
                (None, ..) => return false,
            };
            if found != u32::from(*wanted) {
                return false;
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        let value = rest.trim_ascii_start();
        let is_reference = value.first().is_some_and(u8::is_ascii_digit);
        value.starts_with(b"<<") || (is_reference && value.len() < rest.len())
    })
}

/// Loads a document within the limit of its streams.
fn load(bytes: &[u8], filter: Option<FilterFunc>) -> Result<Document, FileFault> {
    let options =
        LoadOptions { max_decompressed_size: Some(MOST_STREAMS), filter, ..LoadOptions::default() };
    Document::load_mem_with_options(bytes, options).map_err(|_| FileFault::Broken)
}

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
pub(super) fn read(bytes: &[u8], deadline: Deadline) -> Result<Content, FileFault> {
    if is_encrypted(bytes) {
        return Err(FileFault::Encrypted);
    }
    LEFT.set(MOST_STREAMS);
    let mut document = load(bytes, Some(counted))?;
    if LEFT.get() == 0 {
        return Err(FileFault::Budget);
    }
    deadline.check()?;
    if document.get_pages().is_empty() {
        // A damaged list of pages is mended where nothing is counted; it fits, as is known now.
        drop(document);
        document = load(bytes, None)?;
    }
    if document.is_encrypted() {
        return Err(FileFault::Encrypted);
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
        content.mark(content.text.len(), 1, &heading);
        content.text.push_str(text);
        content.text.push_str("\n\n");
        if content.text.len() > MOST_TEXT {
            break;
        }
    }
    if read == 0 && failed > 0 {
        return Err(FileFault::Broken);
    }
    let named = content.metadata.iter().find(|(name, _)| name == "title");
    content.title = named.map(|(_, title)| title.clone());
    Ok(content)
}
