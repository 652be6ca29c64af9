//! Forms with files (`multipart/form-data`, RFC 7578), read as browsers write them.

use std::{collections::HashSet, time::Duration};

use axum::{
    body::Body,
    http::{Request, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::{
    media_type::{self, Media},
    params::{Params, ParamsError},
};

/// The media type of a form with files.
const MULTIPART: &str = "multipart/form-data";
/// Maximum number of parts of a form.
const MOST_PARTS: usize = 64;
/// Maximum number of bytes of the head of a part.
const MOST_HEAD: usize = 4096;
/// Maximum number of bytes of a field that is no file.
const MOST_FIELD: usize = 16 * 1024;
/// The bytes of a form besides its files.
const ROOM: usize = 256 * 1024;
/// The longest pause of a sender.
const PAUSE: Duration = Duration::from_secs(20);
/// The longest time of a whole body.
const WHOLE: Duration = Duration::from_mins(10);

/// A file of a form.
#[derive(Clone, Debug)]
pub struct SentFile {
    /// The name of the field.
    pub field: String,
    /// The name of the file, as the browser states it.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
}

/// A form with files.
#[derive(Clone, Debug, Default)]
pub struct FileForm {
    /// The fields that are no files.
    pub params: Params,
    /// The files that were chosen, in their order.
    pub files: Vec<SentFile>,
}

/// Reads a long body of at most `max` bytes. The sender may take minutes, but not pause for long.
pub async fn read_long_body(mut body: Body, max: usize) -> Result<Bytes, ParamsError> {
    let read = async {
        let mut bytes = BytesMut::new();
        loop {
            let frame = tokio::time::timeout(PAUSE, body.frame()).await;
            let Some(frame) = frame.map_err(|_| ParamsError::Slow)? else { break };
            if let Ok(data) = frame.map_err(|_| ParamsError::Slow)?.into_data() {
                if bytes.len().saturating_add(data.len()) > max {
                    return Err(ParamsError::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(WHOLE, read).await.map_err(|_| ParamsError::Slow)?
}

/// The boundary that a `Content-Type` states (RFC 2046 §5.1.1).
fn boundary(content_type: &str) -> Option<&str> {
    let boundary = media_type::parameter(content_type, "boundary")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    ((1..=70).contains(&boundary.len()) && boundary.bytes().all(fits)).then_some(boundary)
}

/// The value of a parameter of `Content-Disposition`. Browsers write it in quotation marks, and
/// those within as `%22`; a reverse solidus means itself.
fn parameter(head: &str, name: &str) -> Option<String> {
    let mut rest = head;
    while let Some((_, after)) = rest.split_once(';') {
        let (key, after) = after.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            let plain = value.replace("%22", "\"").replace("%0D", " ").replace("%0A", " ");
            return Some(plain);
        }
        rest = after;
    }
    None
}

/// The place of a delimiter in bytes.
fn find(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|byte| *byte == b'\r')?;
        if bytes.get(at..)?.starts_with(delimiter) {
            return Some(at);
        }
        from = at + 1;
    }
}

impl FileForm {
    /// Reads and decodes a form whose files have at most `max` bytes together.
    pub async fn read(request: Request<Body>, max: usize) -> Result<Self, ParamsError> {
        if !Media::of(request.headers()).is_some_and(|media| media.is(MULTIPART)) {
            return Err(ParamsError::MediaType);
        }
        let stated = request.headers().get(header::CONTENT_TYPE);
        let stated = stated.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = boundary(stated).ok_or(ParamsError::MediaType)?.to_owned();
        let body = read_long_body(request.into_body(), max.saturating_add(ROOM)).await?;
        Self::parse(body, &boundary)
    }

    /// Decodes a form with this boundary.
    pub fn parse(body: impl Into<Bytes>, boundary: &str) -> Result<Self, ParamsError> {
        let body = body.into();
        let delimiter = format!("\r\n--{boundary}");
        let mut form = Self::default();
        let mut names = HashSet::new();
        // The first delimiter is at the beginning of the body.
        let first = delimiter.as_bytes().get(2..).unwrap_or_default();
        if !body.starts_with(first) {
            return Err(ParamsError::NotText);
        }
        let mut rest = body.slice(first.len()..);
        for _ in 0..MOST_PARTS {
            if rest.starts_with(b"--") {
                return Ok(form);
            }
            if !rest.starts_with(b"\r\n") {
                return Err(ParamsError::NotText);
            }
            let within = rest.get(..rest.len().min(MOST_HEAD)).unwrap_or_default();
            let head = find(within, b"\r\n\r\n").ok_or(ParamsError::TooLarge)?;
            let content = rest.slice(head + 4..);
            let end = find(&content, delimiter.as_bytes()).ok_or(ParamsError::NotText)?;
            let head = std::str::from_utf8(rest.get(..head).unwrap_or_default());
            let part = content.slice(..end);
            form.take(head.map_err(|_| ParamsError::NotText)?, part, &mut names)?;
            rest = content.slice(end + delimiter.len()..);
        }
        Err(ParamsError::TooLarge)
    }

    /// Takes a part.
    fn take(
        &mut self,
        head: &str,
        content: Bytes,
        names: &mut HashSet<String>,
    ) -> Result<(), ParamsError> {
        let disposition = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-disposition").then(|| value.trim())
        });
        let disposition = disposition
            .filter(|value| value.to_ascii_lowercase().starts_with("form-data"))
            .ok_or(ParamsError::NotText)?;
        let field = parameter(disposition, "name").ok_or(ParamsError::NotText)?;
        if let Some(name) = parameter(disposition, "filename") {
            // A field in which no file was chosen is sent with an empty name.
            if !(name.is_empty() && content.is_empty()) {
                self.files.push(SentFile { field, name, bytes: content });
            }
            return Ok(());
        }
        if content.len() > MOST_FIELD {
            return Err(ParamsError::TooLarge);
        }
        let value = std::str::from_utf8(&content).map_err(|_| ParamsError::NotText)?;
        let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
        if value.chars().any(is_odd) {
            return Err(ParamsError::NotText);
        }
        if !names.insert(field.clone()) {
            return Err(ParamsError::Repeated(field));
        }
        if !value.is_empty() {
            self.params.put(&field, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<FileForm, ParamsError> {
        FileForm::parse(body.as_bytes().to_vec(), "xyz")
    }

    fn part(head: &str, content: &str) -> String {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    }

    #[test]
    fn fields_and_files_are_told_apart_and_contents_stay_as_they_are() {
        let content = "a\r\n--xy\r\n\0\r\r\n-xyz";
        let body = [
            part("name=\"csrf\"", "abc"),
            part("name=\"folder\"", ""),
            part(
                "name=\"file\"; filename=\"C:\\x\\a %22b%22.md\"\r\nContent-Type: text/plain",
                content,
            ),
            part("name=\"file\"; filename=\"\"", ""),
            part("filename=\"b;name=c.md\"; name=file", "two"),
        ]
        .concat()
            + "--xyz--\r\n";
        let form = parse(&body).unwrap();
        assert_eq!((form.params.get("csrf"), form.params.get("folder")), (Some("abc"), None));
        let files: Vec<_> = form.files.iter().map(|file| (&*file.name, &*file.bytes)).collect();
        let first = (r#"C:\x\a "b".md"#, content.as_bytes());
        assert_eq!(files, [first, ("b;name=c.md", b"two".as_slice())]);
        assert!(form.files.iter().all(|file| file.field == "file"));
    }

    #[test]
    fn forms_that_are_cut_repeated_or_too_long_are_refused() {
        let end = "--xyz--";
        for (body, fault) in [
            (String::new(), ParamsError::NotText),
            (part("name=\"a\"", "b"), ParamsError::NotText),
            ("--xyz\r\n\r\nb\r\n--xyz--".to_owned(), ParamsError::NotText),
            ("--xyzz--".to_owned(), ParamsError::NotText),
            (part("filename=\"a\"", "b") + end, ParamsError::NotText),
            (part("name=\"a\"", "b\0") + end, ParamsError::NotText),
            (
                part("name=\"a\"", "b") + &part("name=\"a\"", "") + end,
                ParamsError::Repeated("a".to_owned()),
            ),
            (part("name=\"a\"", &"b".repeat(MOST_FIELD + 1)) + end, ParamsError::TooLarge),
            (part(&format!("name=\"{}\"", "a".repeat(MOST_HEAD)), "") + end, ParamsError::TooLarge),
            (part("name=\"f\"; filename=\"f\"", "").repeat(MOST_PARTS + 1), ParamsError::TooLarge),
        ] {
            assert_eq!(parse(&body).unwrap_err(), fault, "{body:.80}");
        }
        for wrong in
            ["multipart/form-data", "multipart/form-data; boundary=\"\"", "x; boundary=a b"]
        {
            assert_eq!(boundary(wrong), None, "{wrong}");
        }
        assert_eq!(boundary("multipart/form-data; boundary=----WebKit1"), Some("----WebKit1"));
    }
}
