//! Mails (RFC 5322 with MIME): the headers that a reader sees, and the text. Attachments are named.

use mailparse::{DispositionType, MailHeaderMap as _, ParsedMail};

use super::{Content, Deadline, FileFault, html};

/// The headers that describe a mail.
const HEADERS: [(&str, &str); 5] =
    [("From", "from"), ("To", "to"), ("Cc", "cc"), ("Date", "date"), ("Message-ID", "message_id")];
/// Maximum number of parts. Each needs a boundary, so that this limits their nesting too.
const MOST_PARTS: usize = 200;

/// Reads a mail.
pub(super) fn read(bytes: &[u8], deadline: Deadline) -> Result<Content, FileFault> {
    let word = b"boundary";
    let boundaries = bytes.windows(word.len()).filter(|part| part.eq_ignore_ascii_case(word));
    if boundaries.take(MOST_PARTS + 1).count() > MOST_PARTS {
        return Err(FileFault::Budget);
    }
    let mail = mailparse::parse_mail(bytes).map_err(|_| FileFault::Broken)?;
    let value = |name: &str| mail.headers.get_first_value(name).filter(|value| !value.is_empty());
    let mut content = Content::default();
    if HEADERS.iter().all(|(header, _)| value(header).is_none()) && value("Subject").is_none() {
        return Err(FileFault::Broken);
    }
    let subject = value("Subject").unwrap_or_else(|| "(no subject)".to_owned());
    content.title = Some(subject.clone());
    content.begin(1, &subject);
    for (header, name) in HEADERS {
        if let Some(told) = value(header) {
            content.describe(name, &told);
            if name != "message_id" {
                content.text.push_str(header);
                content.text.push_str(": ");
                content.text.push_str(&told);
                content.text.push('\n');
            }
        }
    }
    content.text.push('\n');
    part(&mail, &mut content, deadline)?;
    Ok(content)
}

fn part(mail: &ParsedMail<'_>, content: &mut Content, deadline: Deadline) -> Result<(), FileFault> {
    deadline.check()?;
    let disposition = mail.get_content_disposition();
    if disposition.disposition == DispositionType::Attachment {
        let name = disposition.params.get("filename").map_or("attachment", String::as_str);
        content.describe("attachment", name);
        return Ok(());
    }
    let kind = mail.ctype.mimetype.as_str();
    if kind == "multipart/alternative" {
        // The same text in several forms: the plain one, or else the first that can be read.
        let plain = mail.subparts.iter().find(|one| one.ctype.mimetype == "text/plain");
        if let Some(one) = plain.or_else(|| mail.subparts.first()) {
            part(one, content, deadline)?;
        }
        return Ok(());
    }
    if !mail.subparts.is_empty() {
        for one in &mail.subparts {
            part(one, content, deadline)?;
        }
        return Ok(());
    }
    let Ok(body) = mail.get_body() else { return Ok(()) };
    match kind {
        "text/html" => content.text.push_str(&html::read(&body, deadline)?.text),
        kind if kind.starts_with("text/") => content.text.push_str(&body.replace("\r\n", "\n")),
        _ => return Ok(()),
    }
    content.text.push('\n');
    Ok(())
}
