//! The highest cost of one file: bytes, items, nesting and time.

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
    time::Instant,
};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::chunks::chunks;

fn read_now(format: Format, bytes: impl Into<Vec<u8>>) -> Result<Content, FileFault> {
    let begun = Instant::now();
    let outcome = read_guarded(format, bytes.into());
    assert!(begun.elapsed() < 3 * WITHIN, "{format:?} took {:?}", begun.elapsed());
    outcome
}

/// A Word document with this text in it, so many bytes at a time.
fn word(piece: &str, times: usize) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("word/document.xml", SimpleFileOptions::default()).unwrap();
    let all = piece.repeat(times);
    writer.write_all(all.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_word_document_that_unpacks_to_more_than_is_read_is_left_out() {
    let bomb = word(&"a".repeat(1024 * 1024), 65);
    assert!(bomb.len() < 1024 * 1024, "{} bytes", bomb.len());
    assert_eq!(read_now(Format::Docx, bomb), Err(FileFault::Budget));
    // Text beyond the limit is cut off; nesting costs nothing.
    let long = word(&format!("<w:p><w:t>{}</w:t></w:p>", "0123456789 ".repeat(1000)), 1600);
    let content = read_now(Format::Docx, long).unwrap();
    assert!(content.is_cut && content.text.len() <= MOST_TEXT);
    let deep = word("<w:p>", 100_000);
    assert_eq!(read_now(Format::Docx, deep), Err(FileFault::Empty));
    let mut wide = "<w:p><w:pPr><w:pStyle ".to_owned();
    for number in 0..100_000 {
        let _ = write!(wide, "a{number}=\"\" ");
    }
    wide.push_str("w:val=\"Heading1\"/></w:pPr><w:t>A</w:t></w:p>");
    assert_eq!(read_now(Format::Docx, word(&wide, 1)).unwrap().marks.len(), 1);
}

/// A PDF document with these objects, the first of which is the catalogue.
fn pdf(objects: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"%PDF-1.5\n".to_vec();
    let mut places = Vec::new();
    for (number, (dictionary, stream)) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n{dictionary}\n", number + 1).into_bytes());
        if !stream.is_empty() {
            file.extend(b"stream\n");
            file.extend(stream);
            file.extend(b"\nendstream\n");
        }
        file.extend(b"endobj\n");
    }
    let table = file.len();
    let size = objects.len() + 1;
    file.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").into_bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    let end = format!("trailer\n<</Root 1 0 R/Size {size}>>\nstartxref\n{table}\n%%EOF\n");
    file.extend(end.into_bytes());
    file
}

fn plain(dictionary: &str) -> (String, Vec<u8>) {
    (dictionary.to_owned(), Vec::new())
}

/// A stream that unpacks to this text.
fn packed(dictionary: &str, text: &[u8]) -> (String, Vec<u8>) {
    let mut stream = lopdf::Stream::new(lopdf::Dictionary::new(), text.to_vec());
    stream.compress().unwrap();
    let length = stream.content.len();
    let head = format!("<<{dictionary}/Filter/FlateDecode/Length {length}>>");
    (head, stream.content)
}

fn with_page(content: (String, Vec<u8>), more: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let mut objects = vec![
        plain("<</Type/Catalog/Pages 2 0 R>>"),
        plain("<</Type/Pages/Kids[3 0 R]/Count 1>>"),
        plain("<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"),
        content,
        plain("<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"),
    ];
    objects.extend(more);
    pdf(&objects)
}

#[test]
fn a_pdf_that_unpacks_to_more_than_is_read_is_left_out() {
    let text = b"BT /F1 12 Tf (Quarterly numbers) Tj ET".to_vec();
    let shown = (format!("<</Length {}>>", text.len()), text);
    let content = read_now(Format::Pdf, with_page(shown.clone(), Vec::new())).unwrap();
    assert!(content.text.contains("Quarterly numbers"), "{content:?}");
    // A page.
    let bomb = with_page(packed("", &b"BT (a) Tj ET ".repeat(2 * 1024 * 1024)), Vec::new());
    assert!(bomb.len() < 1024 * 1024, "{} bytes", bomb.len());
    assert_eq!(read_now(Format::Pdf, bomb), Err(FileFault::Broken));
    // Streams of objects: each is within the limit, together they are not.
    let objects = |count: usize| {
        let stream =
            packed("/Type/ObjStm/N 1/First 5", &[b"90 0 ", &b" ".repeat(9 << 20)[..]].concat());
        with_page(shown.clone(), vec![stream; count])
    };
    assert!(objects(8).len() < 1024 * 1024);
    assert!(read_now(Format::Pdf, objects(2)).is_ok());
    assert_eq!(read_now(Format::Pdf, objects(8)), Err(FileFault::Budget));
}

#[test]
fn a_pdf_that_nests_or_leads_in_a_circle_ends() {
    let catalogue = plain("<</Type/Catalog/Pages 2 0 R>>");
    let circle = pdf(&[catalogue.clone(), plain("<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>")]);
    assert!(read_now(Format::Pdf, circle).is_err());
    let levels = 500_000;
    let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let nested = pdf(&[catalogue.clone(), plain(&deep)]);
    assert!(read_now(Format::Pdf, nested).is_err());
    let deep = "<</Kids ".repeat(levels);
    assert!(read_now(Format::Pdf, pdf(&[catalogue, plain(&deep)])).is_err());
}

#[test]
fn a_pdf_is_encrypted_however_its_trailer_writes_it_and_not_by_a_word_of_its_text() {
    for trailer in ["/Encrypt 9 0 R", "/E#6e#63rypt 9 0 R", "/Encrypt<</Filter/Standard>>"] {
        let file = format!("%PDF-1.5\ntrailer\n<</Root 1 0 R{trailer}>>\n");
        assert_eq!(read_now(Format::Pdf, file), Err(FileFault::Encrypted), "{trailer}");
    }
    let content = b"BT /F1 12 Tf (the key /Encrypt names it) Tj ET".to_vec();
    let length = content.len();
    let file = with_page((format!("<</Length {length}>>"), content), Vec::new());
    assert!(read_now(Format::Pdf, file).unwrap().text.contains("names it"));
}

#[test]
fn markdown_with_long_or_many_headings_costs_no_more_than_its_text() {
    let long = format!("# {}\n", "heading ".repeat(128 * 1024));
    let content = read_now(Format::Markdown, long).unwrap();
    assert!(content.marks[0].heading.chars().count() == MOST_HEADING);
    let all = chunks(&content);
    assert!(all.len() < 10_000 && all.iter().all(|chunk| chunk.heading.len() <= MOST_HEADING));
    let many = "# a\n".repeat(50_000);
    let content = read_now(Format::Markdown, many.clone()).unwrap();
    assert_eq!(content.marks.len(), MOST_MARKS);
    let all = chunks(&content);
    assert_eq!(all.iter().map(|chunk| chunk.text).collect::<String>(), many);
    let values = (0..500).fold("---\n".to_owned(), |mut text, number| {
        let _ = writeln!(text, "n{number}: {}", "v".repeat(2000));
        text
    });
    let content = read_now(Format::Markdown, values + "---\ntext").unwrap();
    assert_eq!(content.metadata.len(), MOST_VALUES);
    assert!(content.metadata.iter().all(|(_, value)| value.len() == MOST_VALUE));
}

#[test]
fn a_line_without_an_end_is_divided_in_one_pass() {
    let begun = Instant::now();
    let content = read_now(Format::Text, "x".repeat(MOST_TEXT)).unwrap();
    let all = chunks(&content);
    assert!(all.len() > 1000 && begun.elapsed() < WITHIN, "{} {:?}", all.len(), begun.elapsed());
}

#[test]
fn an_element_of_html_with_too_many_attributes_is_left_out_in_time() {
    let mut wide = "<p ".to_owned();
    for number in 0..200_000 {
        let _ = write!(wide, "a{number} ");
    }
    wide.push('>');
    let begun = Instant::now();
    let soon = || Deadline::new(Duration::from_millis(200));
    assert_eq!(html::read(&wide, soon()), Err(FileFault::Budget));
    let mail = format!("Subject: x\r\nContent-Type: text/html\r\n\r\n{wide}");
    assert_eq!(mail::read(mail.as_bytes(), soon()), Err(FileFault::Budget));
    assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
}

#[test]
fn a_mail_with_as_many_levels_as_are_allowed_is_read() {
    let mut mail = "Subject: x\r\n".to_owned();
    for level in 0..150 {
        let _ =
            write!(mail, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
    }
    mail.push_str("Content-Type: text/plain\r\n\r\nthe innermost\r\n");
    mail.push_str(&"filler text\r\n".repeat(80_000));
    assert!(read_now(Format::Mail, mail).unwrap().text.contains("the innermost"));
}
