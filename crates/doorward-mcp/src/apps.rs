//! MCP Apps: a tool's metadata about its user interface, and the extensions that upstreams
//! announce.

use std::sync::Arc;

use doorward_store::StoreError;
use rmcp::model::{CallToolResult, ExtensionCapabilities, JsonObject, MetaObject};
use serde_json::Value;

use crate::{
    InboundRequest, Mcp, Verdict,
    item::{Judged, ToolSpec},
    operation::ItemName,
    size::json_size,
};

/// The members of `_meta` that name the user interface of a tool or a result.
const MEMBERS: [&str; 2] = ["ui/resourceUri", "openai/outputTemplate"];
/// The member that is an object, and its member that names the user interface.
const OBJECT: (&str, &str) = ("ui", "resourceUri");
/// The extensions that need more of a server than tools, resources and `_meta`: Doorward does not
/// pass them on. The last two are about authorization, which is Doorward's own.
const NOT_PASSED_ON: [&str; 3] = [
    "io.modelcontextprotocol/tasks",
    "io.modelcontextprotocol/oauth-client-credentials",
    "io.modelcontextprotocol/enterprise-managed-authorization",
];
/// The extension of user interfaces (MCP Apps), and the media type of its documents.
pub const UI: &str = "io.modelcontextprotocol/ui";
/// See [`UI`].
pub const HTML: &str = "text/html;profile=mcp-app";
/// Maximum number of extensions of one upstream, and the most bytes of their names and settings
/// together.
const MOST: usize = 32;
const MOST_BYTES: usize = 16 * 1024;

/// Gives every reference to a user interface another URI; an empty one, and one for which `to` has
/// none, is removed.
pub fn map_references(meta: &mut MetaObject, to: impl Fn(&str) -> Option<String>) {
    for name in MEMBERS {
        map_member(meta, name, &to);
    }
    if let Some(Value::Object(object)) = meta.get_mut(OBJECT.0) {
        map_member(object, OBJECT.1, &to);
    }
}

fn map_member(members: &mut JsonObject, name: &str, to: &impl Fn(&str) -> Option<String>) {
    let Some(Value::String(found)) = members.get(name) else { return };
    match Some(found).filter(|found| !found.is_empty()).and_then(|found| to(found)) {
        Some(other) => drop(members.insert(name.to_owned(), other.into())),
        None => drop(members.remove(name)),
    }
}

/// The URIs that a tool names.
fn references(meta: &MetaObject) -> Vec<&str> {
    let object = meta.get(OBJECT.0).and_then(Value::as_object).and_then(|it| it.get(OBJECT.1));
    MEMBERS
        .iter()
        .filter_map(|name| meta.get(*name))
        .chain(object)
        .filter_map(Value::as_str)
        .collect()
}

/// The extensions of an upstream that Doorward passes on, within bounds.
pub fn passed_on(announced: Option<&ExtensionCapabilities>) -> ExtensionCapabilities {
    let mut bytes = 0;
    announced
        .into_iter()
        .flatten()
        .filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()))
        .take(MOST)
        .take_while(|(name, settings)| {
            bytes = name.len().saturating_add(json_size(settings)).saturating_add(bytes);
            bytes <= MOST_BYTES
        })
        .map(|(name, settings)| (name.clone(), settings.clone()))
        .collect()
}

/// Adds the extensions that another upstream announces. Of a setting that both have, lists are
/// joined, and of other values the first counts.
pub(crate) fn join(all: &mut ExtensionCapabilities, more: ExtensionCapabilities) {
    for (name, settings) in more {
        let joined = all.entry(name).or_default();
        for (key, value) in settings {
            match (joined.get_mut(&key), value) {
                (Some(Value::Array(known)), Value::Array(others)) => {
                    for other in others {
                        if !known.contains(&other) {
                            known.push(other);
                        }
                    }
                }
                (Some(_), _) => {}
                (None, value) => drop(joined.insert(key, value)),
            }
        }
    }
}

fn remove(meta: &mut MetaObject, hidden: &[String]) {
    map_references(meta, |uri| (!hidden.iter().any(|one| one == uri)).then(|| uri.to_owned()));
}

impl Mcp {
    /// Removes references to resources that this caller may not read from a tool.
    pub(crate) async fn without_hidden_references(
        &self,
        inbound: &InboundRequest,
        spec: &mut Arc<ToolSpec>,
    ) -> Result<(), StoreError> {
        let Some(meta) = spec.tool.meta.as_ref() else { return Ok(()) };
        let hidden = self.hidden_references(inbound, meta).await?;
        if !hidden.is_empty()
            && let Some(meta) = &mut Arc::make_mut(spec).tool.meta
        {
            remove(meta, &hidden);
        }
        Ok(())
    }

    /// Removes them from the result of a call. The call was made: where the database does not answer
    /// then, its result is given without them.
    pub(crate) async fn without_hidden_views(
        &self,
        inbound: &InboundRequest,
        result: &mut CallToolResult,
    ) {
        let Some(meta) = &mut result.meta else { return };
        let hidden = self.hidden_references(inbound, meta).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a result is given without references to user interfaces");
            references(meta).into_iter().map(str::to_owned).collect()
        });
        remove(meta, &hidden);
    }

    async fn hidden_references(
        &self,
        inbound: &InboundRequest,
        meta: &MetaObject,
    ) -> Result<Vec<String>, StoreError> {
        let mut hidden = Vec::new();
        for reference in references(meta) {
            if !self.may_read(inbound, reference).await? {
                hidden.push(reference.to_owned());
            }
        }
        Ok(hidden)
    }

    /// Reports a resource that this caller may read, also where the user confirms each reading: the
    /// client reads it when it shows the interface, and the user is asked then.
    async fn may_read(&self, inbound: &InboundRequest, uri: &str) -> Result<bool, StoreError> {
        let found = self.find(inbound, ItemName::Resource(uri)).await?;
        Ok(found.is_some_and(|found| {
            let facts = found.item.facts();
            self.inner.judge.judge(inbound, &facts) != Verdict::Refuse
                && inbound.caller.scopes.allows(facts.scope)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn meta(value: Value) -> MetaObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_reference_is_found_and_nothing_else() {
        let mut all = meta(json!({
            "ui": {"resourceUri": "ui://a", "visibility": ["app"]}, "ui/resourceUri": "ui://b",
            "openai/outputTemplate": "ui://c", "other": "ui://d", "x": {"resourceUri": "ui://e"},
        }));
        assert_eq!(references(&all), ["ui://b", "ui://c", "ui://a"]);
        map_references(&mut all, |uri| (uri != "ui://b").then(|| uri.replace("ui://", "ui://w/")));
        let expected = json!({
            "ui": {"resourceUri": "ui://w/a", "visibility": ["app"]},
            "openai/outputTemplate": "ui://w/c", "other": "ui://d", "x": {"resourceUri": "ui://e"},
        });
        assert_eq!(serde_json::to_value(&all).unwrap(), expected);
        let mut empty = meta(json!({"ui": {"resourceUri": "", "a": 1}, "ui/resourceUri": ""}));
        map_references(&mut empty, |uri| Some(format!("ui://w/{uri}")));
        assert_eq!(serde_json::to_value(&empty).unwrap(), json!({"ui": {"a": 1}}));
        for odd in
            [json!({"ui": "x"}), json!({"ui": {"resourceUri": 7}}), json!({"ui/resourceUri": null})]
        {
            let mut odd_meta = meta(odd.clone());
            map_references(&mut odd_meta, |_| None);
            assert_eq!(serde_json::to_value(&odd_meta).unwrap(), odd);
        }
    }

    #[test]
    fn extensions_are_joined_and_bounded() {
        let settings =
            |value: Value| -> ExtensionCapabilities { serde_json::from_value(value).unwrap() };
        let mut all = passed_on(Some(&settings(
            json!({"io.modelcontextprotocol/ui": {"mimeTypes": ["a"], "v": 1}, "io.modelcontextprotocol/tasks": {}}),
        )));
        join(
            &mut all,
            settings(
                json!({"io.modelcontextprotocol/ui": {"mimeTypes": ["a", "b"], "v": 2, "w": 3}, "x/y": {}}),
            ),
        );
        let expected = json!({"io.modelcontextprotocol/ui": {"mimeTypes": ["a", "b"], "v": 1, "w": 3}, "x/y": {}});
        assert_eq!(serde_json::to_value(&all).unwrap(), expected);
        let many: ExtensionCapabilities =
            (0..100).map(|number| (format!("x/{number}"), JsonObject::new())).collect();
        assert_eq!(passed_on(Some(&many)).len(), MOST);
        let large = settings(json!({"a/a": {"x": "y".repeat(MOST_BYTES)}, "b/b": {}}));
        assert!(passed_on(Some(&large)).is_empty());
        assert!(passed_on(None).is_empty());
    }
}
