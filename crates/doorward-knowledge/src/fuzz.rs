//! The parsers of this crate for the fuzz targets in `fuzz/`. Each function takes any input and
//! asserts the properties that hold for all.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use doorward_model::ports::SystemClock;
use serde_json::{Map, Value, json};

pub use crate::format::docx_of;
use crate::{
    Collection, Links, Refusal, Settings, Sight, WrittenSettings,
    chunks::chunks,
    format::{Format, MOST_TEXT, read, read_guarded},
    record::Document,
    store::Opened,
    uri,
    walk::Found,
};

/// The document of the collection that the caller sees, and the one that is for others.
const SEEN: (&str, &str) = ("docs/guide.md", "---\nauthor: Ada\n---\n# Guide\n\nRestart it.\n");
const HIDDEN: (&str, &str) = ("docs/hr/secret.md", "---\nauthor: Bob\n---\n# Pay\n\nSalaries.\n");

/// The text of a document: marks lie within it, and its chunks are the whole.
fn sound(format: Format, bytes: &[u8]) {
    // Libraries of this format may panic, which costs the file.
    let outcome = match format {
        Format::Pdf => read_guarded(format, bytes.to_vec()),
        _ => read(format, bytes),
    };
    let Ok(content) = outcome else { return };
    let text = content.text.as_str();
    assert!(text.len() <= MOST_TEXT, "a text of {} bytes", text.len());
    assert!(content.metadata.len() <= 100, "{} values", content.metadata.len());
    assert!(
        content.metadata.iter().all(|(_, value)| value.chars().count() <= 1000),
        "a value is too long"
    );
    assert!(content.marks.len() <= 10_000, "{} sections", content.marks.len());
    let mut at = 0;
    for mark in &content.marks {
        assert!(mark.at >= at && text.is_char_boundary(mark.at), "{mark:?} after {at}");
        assert!((1..=6).contains(&mark.level) && mark.heading.chars().count() <= 300, "{mark:?}");
        at = mark.at;
    }
    let (mut whole, mut line) = (String::new(), 1);
    for chunk in chunks(&content) {
        assert_eq!(chunk.line, line, "a chunk begins at another line");
        line += chunk.text.matches('\n').count() as u64;
        whole.push_str(chunk.text);
    }
    assert_eq!(whole, text, "the chunks are another text");
}

/// The same on a stack as large as the one on which formats that nest are read.
fn sound_apart(format: Format, bytes: Vec<u8>) {
    let thread = std::thread::Builder::new().stack_size(64 * 1024 * 1024);
    let outcome = thread.spawn(move || sound(format, &bytes)).map(std::thread::JoinHandle::join);
    assert!(matches!(outcome, Ok(Ok(()))), "{format:?} fails, as is written above");
}

/// A mail.
pub fn mail(input: &[u8]) {
    sound_apart(Format::Mail, input.to_vec());
}

/// An HTML document.
pub fn html(input: &[u8]) {
    sound(Format::Html, input);
}

/// Markdown, with the values at its beginning. Plain texts are a part of it.
pub fn markdown(input: &[u8]) {
    sound(Format::Markdown, input);
    sound(Format::Text, input);
}

/// A PDF document, or else the content of one of its pages.
pub fn pdf(input: &[u8]) {
    if input.starts_with(b"%PDF") {
        sound_apart(Format::Pdf, input.to_vec());
    } else {
        sound_apart(Format::Pdf, pdf_of(input));
    }
}

/// A PDF document with one page of this content. Its table of references is left out, as in a
/// damaged file.
pub fn pdf_of(content: &[u8]) -> Vec<u8> {
    let head = "%PDF-1.5\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n\
        2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n\
        3 0 obj\n<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>\nendobj\n\
        5 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>\nendobj\n";
    let length = content.len();
    let begin = format!("{head}4 0 obj\n<</Length {length}>>\nstream\n");
    let end = "\nendstream\nendobj\ntrailer\n<</Root 1 0 R/Size 6>>\n%%EOF\n";
    [begin.as_bytes(), content, end.as_bytes()].concat()
}

/// A Word document, or else the text of its parts.
pub fn docx(input: &[u8]) {
    if input.starts_with(b"PK") {
        sound_apart(Format::Docx, input.to_vec());
    } else {
        sound_apart(Format::Docx, docx_of(input));
    }
}

/// A collection with two documents, of which the caller sees one.
fn collection() -> Option<&'static (Collection, Sight)> {
    static COLLECTION: OnceLock<Option<(Collection, Sight)>> = OnceLock::new();
    let make = || {
        let settings = Settings::parse(&WrittenSettings {
            folders: vec!["docs = /nonexistent".to_owned()],
            folder_roles: vec!["docs/hr = hr".to_owned()],
            ..WrittenSettings::default()
        });
        let settings = settings.ok()?;
        let sight = Sight::decided(&settings, |_| false);
        let opened = Opened::in_memory().ok()?;
        let mut writer = opened.writer().ok()?;
        for (path, text) in [SEEN, HIDDEN] {
            let content = read(Format::Markdown, text.as_bytes()).ok()?;
            let found = Found {
                path: path.to_owned(),
                origin: None,
                place: PathBuf::new(),
                format: Format::Markdown,
                modified: 0,
                bytes: 0,
            };
            let document = Document::of(&found, &content, 0);
            writer.add_document(document.record(&opened.fields)).ok()?;
            for chunk in document.chunk_records(&opened.fields, &content) {
                writer.add_document(chunk).ok()?;
            }
        }
        writer.commit().ok()?;
        opened.reload().ok()?;
        let clock = Arc::new(SystemClock);
        let collection = Collection::reader("fuzz", settings, Path::new("/nonexistent"), clock);
        collection.shared.put(Some(Arc::new(opened)));
        Some((collection, sight))
    };
    COLLECTION.get_or_init(make).as_ref()
}

/// Calls a tool. What it returns tells nothing of the hidden document; a query can be malformed, but
/// the index always answers.
fn call(tool: &str, arguments: Map<String, Value>) -> Option<Value> {
    let known = collection();
    assert!(known.is_some(), "there is no collection");
    let (collection, sight) = known?;
    match collection.call(tool, arguments, sight, &Links::default()) {
        Ok(told) => {
            let text = told.to_string();
            for hidden in ["secret", "Salaries", "Bob"] {
                assert!(!text.contains(hidden), "{tool} tells {hidden}: {text}");
            }
            Some(told)
        }
        Err(Refusal::Unavailable(why)) => {
            assert!(why.is_empty(), "{tool} is not answered: {why}");
            None
        }
        Err(Refusal::Arguments(_) | Refusal::Unknown(_)) => None,
    }
}

fn with(name: &str, text: &str) -> Map<String, Value> {
    [(name.to_owned(), json!(text))].into_iter().collect()
}

/// A query in each of the languages: of words, of metadata, and a regular expression.
///
/// # Panics
///
/// If more is counted than the caller sees.
pub fn query(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // The document that is seen has two chunks, its metadata and its section; that which is hidden
    // has two more.
    for (tool, most) in [("search", 2), ("metadata", 1)] {
        let told = call(tool, with("query", &text));
        assert!(
            told.is_none_or(|told| told.get("total").and_then(Value::as_u64) <= Some(most)),
            "{tool} counts more"
        );
    }
    if let Some(told) = call("grep", with("pattern", &text)) {
        let matches = told.get("matches").and_then(Value::as_array);
        assert!(matches.is_some_and(|all| all.len() <= 8), "{told}");
    }
}

/// A citation, an identifier, a path or a URI of a document, and the path that a URI is made of.
///
/// # Panics
///
/// If another document is returned, or a path is not the same in its URI.
pub fn citation(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for tool in ["fetch", "read_document", "list_chunks"] {
        // The argument is returned; it may name anything.
        if !["secret", "Salaries", "Bob"].iter().any(|hidden| text.contains(hidden)) {
            call(tool, with("id", &text));
        }
    }
    if let Some((collection, sight)) = collection()
        && let Ok(contents) = collection.contents(sight, &text)
    {
        assert_eq!(contents.text, SEEN.1, "{text} is another document");
    }
    assert_eq!(uri::path_of(&uri::of(&text)).as_deref(), Some(&*text), "a path changes");
    if let Some(path) = uri::path_of(&text) {
        assert_eq!(uri::path_of(&uri::of(&path)), Some(path), "a path changes");
    }
}
