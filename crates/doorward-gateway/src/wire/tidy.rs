//! Values that the protocol library reads and that popular clients refuse, together with the whole
//! list or result in which they are: each costs itself.

use doorward_model::{foreign, uri};
use rmcp::model::{Annotations, ContentBlock, Icon, ResourceContents, ServerResult};

use crate::left_out::{LeftOut, Why};

/// Tidies a result that was read.
pub(super) fn result(result: &mut ServerResult, left_out: &mut LeftOut) {
    match result {
        ServerResult::CallToolResult(result) => {
            result.content.iter_mut().for_each(|one| block(one, left_out));
        }
        ServerResult::GetPromptResult(result) => {
            result.messages.iter_mut().for_each(|message| block(&mut message.content, left_out));
        }
        ServerResult::ReadResourceResult(result) => {
            result.contents.iter_mut().for_each(|one| contents(one, left_out));
        }
        ServerResult::ListToolsResult(list) => {
            // They stay in the definition, which is pinned, and are not listed.
            for one in &list.tools {
                let shown = |icon: &Icon| {
                    foreign::https_link(&icon.src).is_some() || foreign::is_picture(&icon.src)
                };
                if one.icons.as_ref().is_some_and(|icons| !icons.iter().all(shown)) {
                    left_out.add_part(&one.name, "icons", Why::Icon);
                }
            }
        }
        ServerResult::ListPromptsResult(list) => {
            for one in &mut list.prompts {
                icons(&mut one.icons, &format!("prompt {}", one.name), left_out);
            }
        }
        ServerResult::ListResourcesResult(list) => {
            list.resources.retain_mut(|one| {
                let name = format!("resource {}", one.uri);
                annotations(&mut one.annotations, &name, left_out);
                icons(&mut one.icons, &name, left_out);
                is_inert(&one.uri, &name, left_out)
            });
        }
        ServerResult::ListResourceTemplatesResult(list) => {
            list.resource_templates.retain_mut(|one| {
                let name = format!("resource template {}", one.uri_template);
                annotations(&mut one.annotations, &name, left_out);
                icons(&mut one.icons, &name, left_out);
                is_inert(&one.uri_template, &name, left_out)
            });
        }
        // No other result has such values.
        _ => {}
    }
}

/// Reports an element that names something to be read, and names one that does not.
fn is_inert(uri: &str, name: &str, left_out: &mut LeftOut) -> bool {
    let inert = foreign::is_inert(uri);
    if !inert {
        left_out.add(name, Why::Active);
    }
    inert
}

/// Drops icons that are not at https URLs.
fn icons(icons: &mut Option<Vec<Icon>>, of: &str, left_out: &mut LeftOut) {
    let Some(all) = icons else { return };
    let before = all.len();
    all.retain(|icon| foreign::https_link(&icon.src).is_some());
    if all.len() < before {
        left_out.add_part(of, "icons", Why::Icon);
    }
    if all.is_empty() {
        *icons = None;
    }
}

/// Drops a priority that is not between 0 and 1, and a date that is not one of RFC 3339.
fn annotations(annotations: &mut Option<Annotations>, of: &str, left_out: &mut LeftOut) {
    let Some(annotations) = annotations else { return };
    if annotations.priority.is_some_and(|priority| !(0.0..=1.0).contains(&priority)) {
        annotations.priority = None;
        left_out.add_part(of, "annotations.priority", Why::Unread);
    }
    if annotations.last_modified.as_deref().is_some_and(|date| !is_date(date)) {
        annotations.last_modified = None;
        left_out.add_part(of, "annotations.lastModified", Why::Unread);
    }
}

/// Reports a date with a time and an offset, as RFC 3339 writes it.
fn is_date(text: &str) -> bool {
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts = |text: &str, between: char, counts: &[usize]| {
        let parts: Vec<&str> = text.split(between).collect();
        parts.len() == counts.len()
            && parts.iter().zip(counts).all(|(part, count)| digits(part, *count))
    };
    let Some((date, time)) = text.split_once('T') else { return false };
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, true),
        None => match time.rsplit_once(['+', '-']) {
            Some((time, offset)) => (time, parts(offset, ':', &[2, 2])),
            None => (time, false),
        },
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let fraction = !fraction.is_empty() && digits(fraction, fraction.len());
    parts(date, '-', &[4, 2, 2]) && parts(time, ':', &[2, 2, 2]) && fraction && offset
}

/// base64 in the alphabet that every client reads: without the beginning of a `data:` URL, with the
/// characters of the standard alphabet and with its padding. `None` if it is none.
fn base64(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let data = match uri::after_scheme(text, "data") {
        Some(url) => url.split_once(";base64,")?.1,
        None => text,
    };
    let (mut count, mut padding, mut other_alphabet) = (0_usize, 0_usize, false);
    for byte in data.bytes() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'=' => padding += 1,
            _ if padding > 0 => return None,
            b'-' | b'_' => {
                other_alphabet = true;
                count += 1;
            }
            b'+' | b'/' => count += 1,
            byte if byte.is_ascii_alphanumeric() => count += 1,
            _ => return None,
        }
    }
    let wanted = (4 - count % 4) % 4;
    if wanted == 3 || padding > 2 || (padding > 0 && padding != wanted) {
        return None;
    }
    if !other_alphabet && padding == wanted {
        return Some(std::borrow::Cow::Borrowed(data));
    }
    let mut made = data.trim_end().replace('-', "+").replace('_', "/");
    (padding..wanted).for_each(|_| made.push('='));
    Some(std::borrow::Cow::Owned(made))
}

/// Writes base64 as clients read it; `false` if it is none.
fn mend(data: &mut String) -> bool {
    let made = match base64(data) {
        Some(std::borrow::Cow::Borrowed(same)) if same.len() == data.len() => return true,
        Some(made) => made.into_owned(),
        None => return false,
    };
    *data = made;
    true
}

/// Tidies the contents of a resource: bytes that are not base64 are a text.
fn contents(one: &mut ResourceContents, left_out: &mut LeftOut) {
    let ResourceContents::BlobResourceContents { uri, mime_type, blob, meta } = one else { return };
    if mend(blob) {
        return;
    }
    left_out.add_part(&format!("contents {uri}"), "blob", Why::Unread);
    *one = ResourceContents::TextResourceContents {
        uri: std::mem::take(uri),
        mime_type: mime_type.take(),
        text: std::mem::take(blob),
        meta: meta.take(),
    };
}

fn block(one: &mut ContentBlock, left_out: &mut LeftOut) {
    let (kind, data) = match one {
        ContentBlock::Image(image) => {
            annotations(&mut image.annotations, "block image", left_out);
            ("image", &mut image.data)
        }
        ContentBlock::Audio(audio) => {
            annotations(&mut audio.annotations, "block audio", left_out);
            ("audio", &mut audio.data)
        }
        ContentBlock::Text(text) => {
            return annotations(&mut text.annotations, "block text", left_out);
        }
        ContentBlock::Resource(resource) => {
            annotations(&mut resource.annotations, "block resource", left_out);
            return contents(&mut resource.resource, left_out);
        }
        ContentBlock::ResourceLink(link) => {
            annotations(&mut link.annotations, "block resource_link", left_out);
            if !foreign::is_inert(&link.uri) {
                left_out.add("block resource_link", Why::Active);
                *one = ContentBlock::text(
                    "(a block of the type \"resource_link\" is left out: its URI runs a program \
                     where it is opened)",
                );
            }
            return;
        }
        _ => return,
    };
    if !mend(data) {
        left_out.add(&format!("block {kind}"), Why::Unread);
        *one = ContentBlock::text(format!(
            "(a block of the type {kind:?} is left out: its data is not base64)"
        ));
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, ListResourcesResult, ListToolsResult};
    use serde_json::json;

    use super::*;

    #[test]
    fn links_that_run_something_and_icons_elsewhere_are_left_out_and_named() {
        let mut left_out = LeftOut::default();
        let list = json!({"resources": [
            {"uri": "javascript:alert(1)", "name": "a"},
            {"uri": "file:///b", "name": "b", "icons": [{"src": "http://a.example/i"}, {"src": "https://a.example/i"}]},
        ]});
        let mut list: ServerResult =
            serde_json::from_value::<ListResourcesResult>(list).unwrap().into();
        result(&mut list, &mut left_out);
        let ServerResult::ListResourcesResult(list) = list else { panic!() };
        assert_eq!(list.resources.len(), 1);
        assert_eq!(list.resources[0].icons.as_ref().map(Vec::len), Some(1));
        assert_eq!(left_out.named(), [("resource javascript:alert(1)".to_owned(), Why::Active)]);
        assert_eq!(left_out.parts(), [("resource file:///b: icons".to_owned(), Why::Icon)]);
        let mut left_out = LeftOut::default();
        let call =
            json!({"content": [{"type": "resource_link", "uri": "VBScript:x", "name": "x"}]});
        let mut call: ServerResult = serde_json::from_value::<CallToolResult>(call).unwrap().into();
        result(&mut call, &mut left_out);
        let ServerResult::CallToolResult(call) = call else { panic!() };
        assert!(call.content[0].as_text().unwrap().text.contains("is left out: its URI runs"));
        assert_eq!(left_out.count(), 1);
        let mut left_out = LeftOut::default();
        let tool = |src: &str| json!({"name": "t", "inputSchema": {}, "icons": [{"src": src}]});
        for (src, named) in
            [("http://a/i", 1), ("https://a/i", 0), ("data:image/png;base64,aGk=", 0)]
        {
            let list = json!({"tools": [tool(src)]});
            let mut list: ServerResult =
                serde_json::from_value::<ListToolsResult>(list).unwrap().into();
            let before = left_out.count_parts();
            result(&mut list, &mut left_out);
            assert_eq!(left_out.count_parts() - before, named, "{src}");
        }
    }

    #[test]
    fn base64_is_written_as_every_client_reads_it() {
        for (given, made) in [
            ("", Some("")),
            ("aGk=", Some("aGk=")),
            ("aGk", Some("aGk=")),
            ("aA", Some("aA==")),
            ("_-8=", Some("/+8=")),
            ("_-8", Some("/+8=")),
            ("aGVs\nbG8=\n", Some("aGVs\nbG8=\n")),
            ("data:image/png;base64,aGk=", Some("aGk=")),
            ("data:image/svg+xml,<svg/>", None),
            ("not base64!", None),
            ("a", None),
            ("aGk=aGk=", None),
            ("aGk==", None),
        ] {
            assert_eq!(base64(given).as_deref(), made, "{given}");
        }
    }

    #[test]
    fn only_a_date_with_time_and_offset_is_passed_on() {
        for date in [
            "2025-01-12T15:00:58Z",
            "2025-01-12T15:00:58.123456+02:00",
            "2025-01-12T15:00:58-00:30",
        ] {
            assert!(is_date(date), "{date}");
        }
        for other in [
            "2025-01-12",
            "2025-01-12T15:00:58",
            "Mon, 01 Jan 2024 00:00:00 GMT",
            "2025-01-12T15:00:58.Z",
            "2025-1-12T15:00:58Z",
            "",
            "T",
        ] {
            assert!(!is_date(other), "{other}");
        }
    }
}
