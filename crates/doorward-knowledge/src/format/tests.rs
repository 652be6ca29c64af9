use std::io::{Cursor, Write as _};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

fn headings(content: &Content) -> Vec<(u8, &str)> {
    content.marks.iter().map(|mark| (mark.level, mark.heading.as_str())).collect()
}

fn values<'c>(content: &'c Content, name: &str) -> Vec<&'c str> {
    let all = content.metadata.iter().filter(|(known, _)| known == name);
    all.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn markdown_has_headings_outside_of_code_and_values_in_its_front_matter() {
    let text = "---\ntitle: \"The title\"\ntags: [one, two]\nauthors:\n  - Ada\n  - Bob\n---\n# A #\n```sh\n# no heading\n```\nUnder\n-----\n####### seven\n#hash\n## B\n";
    let content = read_guarded(Format::Markdown, text.as_bytes().to_vec()).unwrap();
    assert_eq!(content.title.as_deref(), Some("The title"));
    assert_eq!(headings(&content), [(1, "A"), (2, "Under"), (2, "B")]);
    assert_eq!(values(&content, "tags"), ["one", "two"]);
    assert_eq!(values(&content, "authors"), ["Ada", "Bob"]);
    assert_eq!(content.text, text);
    let plain = read_guarded(Format::Markdown, b"--- no front matter\ntext".to_vec()).unwrap();
    assert!(plain.metadata.is_empty());
}

#[test]
fn html_is_its_visible_text_with_headings() {
    let text = "<!doctype html><title>A &amp; B</title><meta name=author content=Ada>\
        <style>p{}</style><script>if (a<b) document.write('<h1>no</h1>')</script>\
        <h1>First <em>heading</em></h1><p>One\n two<p>three<ul><li>x<li>y</ul>\
        <pre>a\n  b</pre><h2>Second</h2>end";
    let content = read_guarded(Format::Html, text.as_bytes().to_vec()).unwrap();
    assert_eq!(content.title.as_deref(), Some("A & B"));
    assert_eq!(values(&content, "author"), ["Ada"]);
    assert_eq!(headings(&content), [(1, "First heading"), (2, "Second")]);
    for told in ["# First heading\n", "One two\n", "- x\n- y\n", "a\n  b", "## Second"] {
        assert!(content.text.contains(told), "{told:?} in {:?}", content.text);
    }
    assert!(!content.text.contains("document.write") && !content.text.contains("p{}"));
    let deep = "<div>".repeat(200_000) + "x";
    assert!(read_guarded(Format::Html, deep.into_bytes()).unwrap().text.contains('x'));
    let latin = b"<meta charset=iso-8859-1><p>Gr\xfc\xdfe".to_vec();
    assert_eq!(read_guarded(Format::Html, latin).unwrap().text.trim(), "Gr\u{fc}\u{df}e");
}

#[test]
fn a_mail_is_its_headers_and_its_text_and_attachments_are_named() {
    let mail = "From: Ada <ada@example.com>\r\nTo: bob@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--c\r\nContent-Type: text/plain\r\n\r\nplain text\r\n--c--\r\n--b\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\nxxx\r\n--b--\r\n";
    let content = read_guarded(Format::Mail, mail.as_bytes().to_vec()).unwrap();
    assert_eq!(content.title.as_deref(), Some("Grüße"));
    assert_eq!(values(&content, "from"), ["Ada <ada@example.com>"]);
    assert_eq!(values(&content, "attachment"), ["plan.pdf"]);
    assert!(content.text.contains("plain text"));
    assert!(!content.text.contains("html") && !content.text.contains("xxx"));
    assert_eq!(read_guarded(Format::Mail, b"no mail".to_vec()), Err(FileFault::Broken));
    let level = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    let nested = format!("Subject: x\r\n{}", level.repeat(20_000));
    assert_eq!(read_guarded(Format::Mail, nested.into_bytes()), Err(FileFault::Budget));
}

fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_word_document_has_paragraphs_headings_and_properties() {
    let body = r#"<?xml version="1.0"?><w:document xmlns:w="x"><w:body>
        <w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Plan</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">One &amp; </w:t></w:r><w:r><w:t>two &#252;</w:t></w:r></w:p>
        <w:p><w:pPr><w:pStyle w:val="berschrift2"/></w:pPr><w:r><w:t>Next</w:t></w:r></w:p>
        <w:p><w:r><w:t>end</w:t></w:r></w:p></w:body></w:document>"#;
    let core = r#"<cp:coreProperties xmlns:dc="x"><dc:creator>Ada</dc:creator><dc:title>The plan</dc:title></cp:coreProperties>"#;
    let file = archive(&[("word/document.xml", body), ("docProps/core.xml", core)]);
    let content = read_guarded(Format::Docx, file.clone()).unwrap();
    assert_eq!(content.title.as_deref(), Some("The plan"));
    assert_eq!(values(&content, "author"), ["Ada"]);
    assert_eq!(headings(&content), [(1, "Plan"), (2, "Next")]);
    assert!(content.text.contains("One & two ü\n"), "{:?}", content.text);
    let half = file.get(..file.len() / 2).unwrap().to_vec();
    assert_eq!(read_guarded(Format::Docx, half), Err(FileFault::Broken));
    assert_eq!(read_guarded(Format::Docx, b"PK no archive".to_vec()), Err(FileFault::Broken));
    assert_eq!(read_guarded(Format::Docx, archive(&[("x", "y")])), Err(FileFault::Broken));
    let compound = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1];
    assert_eq!(read_guarded(Format::Docx, compound), Err(FileFault::Encrypted));
}

fn pdf(text: &str) -> Vec<u8> {
    use lopdf::{Document, Object, Stream, dictionary};
    let mut document = Document::with_version("1.5");
    let pages = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Courier",
        "Encoding" => "WinAnsiEncoding",
    });
    let drawn = format!("BT /F1 12 Tf ({text}) Tj ET").into_bytes();
    let drawn = document.add_object(Stream::new(dictionary! {}, drawn));
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => drawn,
        "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
    });
    let tree = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 };
    document.objects.insert(pages, Object::Dictionary(tree));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    let info = document.add_object(dictionary! {
        "Title" => Object::string_literal("Report"), "Author" => Object::string_literal("Ada"),
    });
    document.trailer.set("Info", info);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_pdf_is_the_text_of_its_pages_and_a_broken_one_is_refused() {
    let file = pdf("Quarterly numbers");
    let content = read_guarded(Format::Pdf, file.clone()).unwrap();
    assert_eq!(content.title.as_deref(), Some("Report"));
    assert_eq!(values(&content, "author"), ["Ada"]);
    assert_eq!(headings(&content), [(1, "Page 1")]);
    assert!(content.text.contains("Quarterly numbers"), "{:?}", content.text);
    for broken in [b"%PDF-1.5 nothing".to_vec(), vec![], file.get(..200).unwrap().to_vec()] {
        let refused = read_guarded(Format::Pdf, broken).unwrap_err();
        assert!(matches!(refused, FileFault::Broken | FileFault::Empty), "{refused:?}");
    }
}

#[test]
fn texts_are_utf_8_or_utf_16_or_windows_1252_and_pictures_are_none() {
    let read = |bytes: &[u8]| read_guarded(Format::Text, bytes.to_vec()).map(|one| one.text);
    assert_eq!(read("a\r\nü".as_bytes()).as_deref(), Ok("a\nü"));
    assert_eq!(read(b"\xef\xbb\xbfx").as_deref(), Ok("x"));
    assert_eq!(read(b"\xff\xfea\0b\0").as_deref(), Ok("ab"));
    assert_eq!(read(b"Gr\xfc\xdfe").as_deref(), Ok("Grüße"));
    assert_eq!(read(b"\x89PNG\0\0\0"), Err(FileFault::Broken));
    assert_eq!(read(b" \n "), Err(FileFault::Empty));
}

#[test]
fn the_name_of_a_file_tells_its_format() {
    for (name, format) in [
        ("a/b.MD", Some(Format::Markdown)),
        ("a/Makefile", Some(Format::Code)),
        ("a/README", Some(Format::Text)),
        ("x.eml", Some(Format::Mail)),
        ("x.exe", None),
        ("x", None),
        ("md", None),
    ] {
        assert_eq!(Format::of(name), format, "{name}");
    }
}
