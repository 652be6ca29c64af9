//! The lists of a caller: the items of all sources that it may see, in order and page by page.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::policy::ItemKind;
use doorward_store::StoreError;
use rmcp::{
    ErrorData,
    model::{CallToolResult, PaginatedRequestParams, Tool},
};
use serde_json::{Map, Value};

use crate::{
    InboundRequest, Mcp, Surface, Target, Verdict, apps, confirm,
    item::{Judged, ToolSpec, Unjudged},
    older, surface,
    tools::{Offers, ToolError, ToolSource},
};

/// A tool as one client is shown it.
pub(crate) struct ShownTool {
    pub(crate) tool: Tool,
    /// The user must confirm its calls.
    must_confirm: bool,
}

impl Mcp {
    /// All tools that this caller may call, by name, as their sources hold them: unchanged tools
    /// are the same ones.
    pub(crate) async fn allowed_tools(
        &self,
        inbound: &InboundRequest,
    ) -> Result<Vec<Arc<ToolSpec>>, StoreError> {
        let mut tools = self.listed(inbound, |source| source.tools(inbound)).await?;
        tools.sort_by(|one, other| one.name().cmp(other.name()));
        tools.dedup_by(|one, other| one.name() == other.name());
        Ok(tools)
    }

    /// The same without references to resources that the caller may not read.
    async fn usable_tools(
        &self,
        inbound: &InboundRequest,
    ) -> Result<Vec<Arc<ToolSpec>>, StoreError> {
        let mut tools = self.allowed_tools(inbound).await?;
        for spec in &mut tools {
            self.without_hidden_references(inbound, spec).await?;
        }
        Ok(tools)
    }

    /// The number of tools up to which this client is shown them one by one (CA35).
    fn most_tools(&self, inbound: &InboundRequest) -> usize {
        let config = &self.inner.settings.config;
        let named = self.inner.tool_limits.iter().find(|limit| inbound.client_is(&limit.client));
        named.map_or(config.tool_limit, |limit| limit.tools)
    }

    /// The tools as they are shown: one by one, or three that lead to all.
    pub(crate) async fn shown_tools(
        &self,
        inbound: &InboundRequest,
    ) -> Result<Vec<Tool>, StoreError> {
        let tools = self.usable_tools(inbound).await?;
        let most = self.most_tools(inbound);
        let search = match inbound.surface {
            Surface::Search => true,
            Surface::Direct => false,
            Surface::Automatic => tools.len() > most,
        };
        if search {
            if inbound.surface == Surface::Automatic {
                tracing::info!(client = %inbound.caller.program(), tools = tools.len(), most, "too many tools for this client: it gets search_tools, describe_tool and call_tool");
            }
            let own = tools.into_iter().filter(|spec| spec.upstream.is_none());
            let mut shown: Vec<Tool> =
                surface::specs().iter().cloned().chain(own).map(|spec| spec.tool.clone()).collect();
            shown.sort_by(|one, other| one.name.cmp(&other.name));
            return Ok(shown);
        }
        Ok(tools.iter().map(|spec| self.shown_tool(inbound, spec).tool).collect())
    }

    /// A tool as it is shown to this client.
    pub(crate) fn shown_tool(&self, inbound: &InboundRequest, spec: &ToolSpec) -> ShownTool {
        let mut tool = spec.tool.clone();
        let must_confirm = self.inner.judge.judge(inbound, &spec.facts()) == Verdict::Confirm;
        if must_confirm {
            confirm::with_argument(&mut tool);
        }
        if !inbound.client.modern {
            older::tool(&mut tool);
        }
        ShownTool { tool, must_confirm }
    }

    /// The result of `search_tools` and `describe_tool`.
    pub(crate) async fn searched(
        &self,
        inbound: &InboundRequest,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<CallToolResult, ToolError> {
        let tools = self.allowed_tools(inbound).await?;
        if name == surface::SEARCH {
            return surface::search(&self.inner.indexes.of(&tools).await?, arguments);
        }
        let mut spec = surface::named(&tools, arguments)?;
        self.without_hidden_references(inbound, &mut spec).await?;
        let shown = self.shown_tool(inbound, &spec);
        Ok(surface::describe(&spec, &shown.tool, shown.must_confirm))
    }

    /// The items of all sources that this caller may see.
    pub(crate) async fn listed<'a, T, F>(
        &'a self,
        inbound: &InboundRequest,
        ask: impl Fn(&'a Arc<dyn ToolSource>) -> F,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Judged,
        F: Future<Output = Result<Unjudged<T>, StoreError>>,
    {
        let mut all = Vec::new();
        for source in &self.inner.services.sources {
            all.extend(self.allowed(inbound, ask(source).await?));
        }
        Ok(all)
    }

    /// The offers of all sources to this caller.
    pub(crate) async fn offers(&self, inbound: &InboundRequest) -> Result<Offers, StoreError> {
        let mut all = Offers::default();
        for one in self.listed(inbound, |source| source.offers(inbound)).await? {
            let has = |kind| self.inner.judge.has_kind(inbound, kind, &one.facts());
            all.prompts |= one.shown.prompts && has(ItemKind::Prompt);
            all.resources |= one.shown.resources && has(ItemKind::Resource);
            all.completions |= one.shown.completions;
            all.logging |= one.shown.logging;
            apps::join(&mut all.extensions, one.shown.extensions);
        }
        // At the URL of all upstreams, the list of all tools can always be read.
        all.resources |= inbound.target == Target::All && self.may_offer();
        Ok(all)
    }

    /// True if any source may offer more than tools.
    pub(crate) fn may_offer(&self) -> bool {
        self.inner.services.sources.iter().any(|source| source.may_offer())
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub(crate) next: Option<String>,
}

/// The page of a list after the cursor of a request, which is the name of the last item seen.
pub(crate) fn page<T>(
    items: Vec<T>,
    request: Option<PaginatedRequestParams>,
    size: usize,
    name: impl Fn(&T) -> &str,
) -> Result<Page<T>, ErrorData> {
    let after = match request.and_then(|request| request.cursor) {
        None => None,
        Some(cursor) => {
            let decoded =
                URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(
                decoded
                    .and_then(|text| text.strip_prefix("after:").map(str::to_owned))
                    .ok_or_else(|| ErrorData::invalid_params("there is no such page", None))?,
            )
        }
    };
    let mut rest: Vec<T> = items
        .into_iter()
        .filter(|item| after.as_deref().is_none_or(|after| name(item) > after))
        .collect();
    if rest.len() <= size {
        return Ok(Page { items: rest, next: None });
    }
    rest.truncate(size);
    let cursor = rest.last().map(|last| URL_SAFE_NO_PAD.encode(format!("after:{}", name(last))));
    Ok(Page { items: rest, next: cursor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cursor: &str) -> PaginatedRequestParams {
        let mut params = PaginatedRequestParams::default();
        params.cursor = Some(cursor.to_owned());
        params
    }

    #[test]
    fn t27_pages_are_in_order_complete_and_stable_while_items_come_and_go() {
        let items = || vec!["a", "b", "c", "d", "e"];
        let first = page(items(), None, 2, |item| item).unwrap();
        assert_eq!(first.items, ["a", "b"]);
        // An item before the cursor goes; nothing after it is lost or shown twice.
        let second =
            page(vec!["a", "c", "d", "e"], Some(after(&first.next.unwrap())), 2, |item| item)
                .unwrap();
        assert_eq!(second.items, ["c", "d"]);
        let third = page(items(), Some(after(&second.next.unwrap())), 2, |item| item).unwrap();
        assert_eq!((third.items, third.next), (vec!["e"], None));
        assert!(page(items(), Some(after("!")), 2, |item| item).is_err());
        assert!(page(items(), Some(after(&URL_SAFE_NO_PAD.encode("x"))), 2, |item| item).is_err());
    }
}
