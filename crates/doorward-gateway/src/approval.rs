//! Approval of an upstream's items other than tools. Where tools wait for an administrator
//! (`approve = "manual"`), so do prompts and resources: each of the two as a whole, by an entry of
//! its own among the upstream's tools, which is listed, approved and rejected like a tool and is
//! never called.

use std::{collections::HashMap, sync::Arc};

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::json;

use crate::{definition::Shown, listed::Listed, upstream::Upstream};

/// The entry for all prompts. No tool may have such a name: brackets are not among the characters
/// that MCP recommends for tools.
pub(crate) const PROMPTS: &str = "(prompts)";
/// The entry for all resources and templates.
pub(crate) const RESOURCES: &str = "(resources)";

/// Reports the name of an entry, which no tool of an upstream can have.
pub(crate) fn is_entry(name: &str) -> bool {
    [PROMPTS, RESOURCES].contains(&name)
}

fn entry(name: &'static str, description: &'static str) -> Shown {
    let schema = json!({"type": "object"}).as_object().cloned().unwrap_or_default();
    let mut tool = Tool::new(name, description, Arc::new(schema));
    let mut annotations = ToolAnnotations::default();
    annotations.read_only_hint = Some(true);
    tool.annotations = Some(annotations);
    tool.into()
}

/// Removes tools that have the name of an entry, and returns the entries that are to be approved
/// like tools.
pub(crate) fn entries(upstream: &Upstream, listed: &mut Listed) -> Vec<Shown> {
    listed.tools.retain(|shown| !is_entry(&shown.tool.name));
    let mut entries = Vec::new();
    if upstream.approves_by_hand() {
        if listed.offers.prompts {
            entries.push(entry(
                PROMPTS,
                "All prompts of this upstream, and the completion of their arguments.",
            ));
        }
        if listed.offers.resources {
            entries.push(entry(
                RESOURCES,
                "All resources and resource templates of this upstream, and subscriptions to them.",
            ));
        }
    }
    entries
}

/// Removes the items that no administrator approved. `approved` holds the names of the usable ones.
pub(crate) fn withhold<T>(upstream: &Upstream, listed: &mut Listed, approved: &HashMap<String, T>) {
    if !upstream.approves_by_hand() {
        return;
    }
    if !approved.contains_key(PROMPTS) {
        listed.offers.prompts = false;
        listed.prompts.clear();
    }
    if !approved.contains_key(RESOURCES) {
        listed.offers.resources = false;
        listed.resources.clear();
        listed.templates.clear();
    }
    if !listed.offers.prompts && !listed.offers.resources {
        listed.offers.completions = false;
    }
}
