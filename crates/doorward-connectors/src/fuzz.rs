//! The parsers of this crate for the fuzz targets in `fuzz/`. Each function takes any input and
//! asserts the properties that hold for all.

use crate::{
    command::{self, Command},
    text,
};

/// A command of a chat, and the same text as the result of a tool: no input mentions all users, nor
/// leaves its block of code.
///
/// # Panics
///
/// If one of these does not hold.
pub fn chat(input: &[u8]) {
    let said = String::from_utf8_lossy(input);
    if let Ok(Command::Call(name, arguments)) = command::read(&said) {
        assert!(!name.is_empty(), "a call without a name");
        let _ = arguments.for_tool(None);
    }
    for post in text::posts(&said) {
        assert!(post.chars().count() < 16_383, "a post is too long for Mattermost");
        for crowd in ["@all", "@here", "@channel"] {
            assert!(!post.to_ascii_lowercase().contains(crowd), "{crowd} is mentioned");
        }
        let fence = post.len() - post.trim_start_matches('`').len();
        if fence > 0 {
            let inner = post.trim_start_matches('`').strip_suffix(&"`".repeat(fence));
            assert!(inner.is_some(), "the block is not closed: {post}");
            let inner = inner.unwrap_or_default();
            assert!(!inner.contains(&"`".repeat(fence)), "the block ends too early: {post}");
        }
    }
    for post in text::prose(&said) {
        assert!(post.chars().count() < 16_383, "a post is too long for Mattermost");
        for gone in ["@all", "![", "](", "://"] {
            assert!(!post.contains(gone), "{gone}: {post}");
        }
    }
    for link in doorward_model::foreign::own_pages(&said, "https://auth.example") {
        assert!(link.starts_with("https://auth.example/"), "{link}");
    }
}
