//! The settings of a server as MCP clients write them (`mcpServers`), as fields of the form that adds
//! an upstream.

use doorward_gateway::upstreams;
use doorward_language::{Message, text};
use serde_json::{Map, Value};

/// Maximum number of bytes that are read.
const LONGEST: usize = 16 * 1024;
/// Maximum number of characters of a name.
const NAME: usize = 32;

/// The name of an upstream that a server's name becomes: small letters, digits and hyphens.
fn name_of(name: &str) -> String {
    let mut made = String::new();
    for letter in name.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_lowercase() || !made.is_empty() && letter.is_ascii_digit() {
            made.push(letter);
        } else if !made.is_empty() && !made.ends_with('-') {
            made.push('-');
        }
    }
    made.chars().take(NAME).collect::<String>().trim_end_matches('-').to_owned()
}

/// The first server with its name: of `mcpServers` (or `servers`), or an object of one server alone.
fn first(value: &Value) -> Option<(String, &Map<String, Value>)> {
    let object = value.as_object()?;
    let listed = ["mcpServers", "servers"].iter().find_map(|member| object.get(*member));
    let named = match listed {
        Some(listed) => listed.as_object()?,
        None if object.contains_key("url") || object.contains_key("command") => {
            return Some((String::new(), object));
        }
        None => object,
    };
    let (name, server) = named.iter().next()?;
    Some((name.clone(), server.as_object()?))
}

/// The fields of the form for the first server of the text.
pub(super) fn fields(pasted: &str) -> Result<Vec<(String, String)>, Message> {
    if pasted.len() > LONGEST {
        return Err(text::console_paste_unread());
    }
    let value: Value = serde_json::from_str(pasted).map_err(|_| text::console_paste_unread())?;
    let (name, server) = first(&value).ok_or_else(text::console_paste_unread)?;
    if server.contains_key("command") {
        return Err(text::console_paste_command());
    }
    let member = |name: &str| server.get(name).and_then(Value::as_str);
    let url = member("url").or_else(|| member("serverUrl"));
    let url = url.ok_or_else(text::console_paste_unread)?;
    let mut fields =
        vec![("name".to_owned(), name_of(&name)), ("set-url".to_owned(), url.to_owned())];
    // Clients have names of their own for the usual kind, which the form begins with.
    let mut kinds = upstreams::KINDS.iter().filter(|kind| !kind.is_process);
    if let Some(kind) = kinds.find(|kind| Some(kind.name) == member("type")) {
        fields.push(("set-kind".to_owned(), kind.name.to_owned()));
    }
    let headers = server.get("headers").and_then(Value::as_object);
    let mut headers = headers.into_iter().flatten();
    if let Some((header, value)) = headers.next() {
        let value = value.as_str().ok_or_else(text::console_paste_unread)?;
        fields.push(("set-auth".to_owned(), "header".to_owned()));
        fields.push(("set-header".to_owned(), format!("{header}: {value}")));
    }
    if headers.next().is_some() {
        return Err(text::console_paste_headers());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(pasted: &str, name: &str) -> Option<String> {
        let fields = fields(pasted).ok()?;
        fields.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn servers_as_clients_write_them_fill_the_form() {
        let claude = r#"{"mcpServers": {"GitHub (work)": {"type": "http", "url": "https://api.example/mcp/", "headers": {"Authorization": "Bearer abc"}}}}"#;
        assert_eq!(field(claude, "name").as_deref(), Some("github-work"));
        assert_eq!(field(claude, "set-kind").as_deref(), Some("http"));
        assert_eq!(field(claude, "set-url").as_deref(), Some("https://api.example/mcp/"));
        assert_eq!(field(claude, "set-header").as_deref(), Some("Authorization: Bearer abc"));
        let code = r#"{"servers": {"7wiki": {"type": "sse", "url": "https://wiki.example/sse"}}}"#;
        assert_eq!(field(code, "name").as_deref(), Some("wiki"));
        assert_eq!(field(code, "set-kind").unwrap(), "sse");
        assert_eq!(field(code, "set-header"), None);
        let alone = r#"{"url": "https://a.example/mcp"}"#;
        assert_eq!(field(alone, "set-url").as_deref(), Some("https://a.example/mcp"));
        assert_eq!(field(alone, "set-kind"), None);
        let bare = r#"{"notes": {"url": "https://a.example/mcp"}}"#;
        assert_eq!(field(bare, "name").as_deref(), Some("notes"));
    }

    #[test]
    fn programs_and_texts_that_are_no_servers_are_refused() {
        for wrong in [
            r#"{"mcpServers": {"files": {"command": "npx", "args": ["-y", "x"]}}}"#,
            r#"{"mcpServers": {"two": {"url": "https://a.example", "headers": {"A": "1", "B": "2"}}}}"#,
            r#"{"mcpServers": {"odd": {"url": "https://a.example", "headers": {"A": 1}}}}"#,
            r#"{"mcpServers": {"none": {"url": 7}}}"#,
            r#"{"mcpServers": []}"#,
            "{}",
            "[1]",
            "https://a.example/mcp",
            "",
        ] {
            assert!(fields(wrong).is_err(), "{wrong}");
        }
        assert!(fields(&format!("{{\"url\": \"{}\"}}", "x".repeat(LONGEST))).is_err());
    }
}
