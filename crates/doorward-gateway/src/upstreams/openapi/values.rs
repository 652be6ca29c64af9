//! Values of arguments as text, and the places of a path template.

use doorward_mcp::ToolError;
use serde_json::Value;

/// The names in the braces of a path template. `None` if a brace has no partner, or holds an
/// expression instead of a name.
pub(super) fn template(path: &str) -> Option<Vec<&str>> {
    let (mut names, mut rest) = (Vec::new(), path);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let is_name =
            !name.is_empty() && !name.starts_with(['?', '&', '/', '#', ';', '.', '+', '*']);
        if before.contains('}') || name.contains('{') || !is_name {
            return None;
        }
        names.push(name);
        rest = after;
    }
    (!rest.contains('}')).then_some(names)
}

/// A required argument is missing.
pub(super) fn missing(argument: &str) -> ToolError {
    ToolError::Arguments(format!("the argument {argument} is missing"))
}

/// A value as text: a string as it is, everything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_braces_of_a_path_are_names_or_it_is_no_template() {
        assert_eq!(template("/a/{b}/{c-d}.{e}").unwrap(), ["b", "c-d", "e"]);
        assert_eq!(template("/a").unwrap(), Vec::<&str>::new());
        for bad in ["/a/{b", "/a/b}", "/{}", "/{?q*}", "/{/x}", "/{{b}}", "/}{"] {
            assert_eq!(template(bad), None, "{bad}");
        }
    }
}
