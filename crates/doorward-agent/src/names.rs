//! Names of tools as endpoints take them: letters, digits, `_` and `-`, at most 64.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::AgentTool;

/// The longest name.
const LONGEST: usize = 64;
/// Maximum number of bytes of a description and of a schema.
const MOST_TEXT: usize = 4096;
const MOST_SCHEMA: usize = 16 * 1024;

/// The tools as the endpoint gets them, and their names by those that it knows.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    pub(crate) tools: Vec<Value>,
    names: BTreeMap<String, String>,
}

fn plain(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let letters = name.chars().map(|letter| if fits(letter) { letter } else { '_' });
    letters.take(LONGEST).collect()
}

impl Offer {
    /// The offer of these tools.
    pub(crate) fn new(tools: Vec<AgentTool>) -> Self {
        let mut offer = Self::default();
        for tool in tools {
            let wanted = plain(&tool.name);
            let numbered = (2..).map(|number| {
                let end = format!("_{number}");
                let start: String = wanted.chars().take(LONGEST - end.len()).collect();
                start + &end
            });
            let mut candidates = std::iter::once(wanted.clone()).chain(numbered);
            let Some(name) = candidates.find(|name| !offer.names.contains_key(name)) else {
                continue;
            };
            let schema = Value::Object(tool.schema);
            let schema = if schema.to_string().len() > MOST_SCHEMA {
                json!({"type": "object"})
            } else {
                schema
            };
            let description = doorward_model::foreign::block(&tool.description, MOST_TEXT);
            offer.tools.push(json!({
                "type": "function",
                "function": {"name": name, "description": description, "parameters": schema},
            }));
            offer.names.insert(name, tool.name);
        }
        offer
    }

    /// The name by which the model knows a tool.
    pub(crate) fn of_tool(&self, tool: &str) -> String {
        let known = self.names.iter().find(|(_, own)| *own == tool);
        known.map_or_else(|| plain(tool), |(name, _)| name.clone())
    }

    /// The tool that the model means.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_unique_and_lead_back() {
        let tool = |name: &str| AgentTool {
            name: name.to_owned(),
            description: String::new(),
            schema: serde_json::Map::new(),
        };
        let long = "x".repeat(80);
        let offer = Offer::new(vec![tool("a.b"), tool("a_b"), tool(&long), tool(&long[..70])]);
        let names: Vec<&str> = offer.names.keys().map(String::as_str).collect();
        assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
        assert_eq!(offer.named("a_b"), Some("a.b"));
        assert_eq!(offer.named("a_b_2"), Some("a_b"));
        assert_eq!(offer.named(&long[..64]), Some(long.as_str()));
        assert_eq!(offer.named("none"), None);
        assert_eq!(
            (offer.of_tool("a_b"), offer.of_tool("no ne")),
            ("a_b_2".into(), "no_ne".into())
        );
        assert_eq!(offer.tools.len(), 4);
    }
}
