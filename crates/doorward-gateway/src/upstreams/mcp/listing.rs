//! Reading the lists of an MCP upstream, page by page, within a budget.

use std::{collections::HashSet, sync::Arc};

use doorward_mcp::apps;
use doorward_transport::Budget;
use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest,
    ListToolsRequest, PaginatedRequestParams, ServerResult,
};

use crate::{
    definition::Shown, left_out::Why, link::Link, link_error::LinkError, listed::Listed,
    upstream::Upstream,
};

/// The most pages and items of one list of an upstream.
const MOST_PAGES: usize = 200;
const MOST_ITEMS: usize = 10_000;
/// The most bytes of its lists of prompts, resources and templates together.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Counts the bytes that a value has as JSON, and stops where the budget ends.
struct Counting<'b>(&'b mut Budget);

impl std::io::Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.charge(bytes.len(), 1).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One list of an upstream, as far as it was read.
struct Pages<T> {
    items: Vec<T>,
    /// How many items of the pages that were read did not fit.
    cut: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { items: Vec::new(), cut: 0 }
    }
}

/// Reads all pages of one list. An upstream that goes round in circles or has no end is cut off,
/// and so is a list that uses up its budget.
async fn pages<T: serde::Serialize>(
    link: &Arc<Link>,
    budget: &mut Budget,
    request: impl Fn(Option<PaginatedRequestParams>) -> ClientRequest,
    take: impl Fn(ServerResult) -> Option<(Vec<T>, Option<String>)>,
) -> Result<Pages<T>, LinkError> {
    let (mut all, mut cursor, mut seen) = (Pages::default(), None::<String>, HashSet::new());
    for _ in 0..MOST_PAGES {
        let params = cursor.take().map(|cursor| {
            let mut params = PaginatedRequestParams::default();
            params.cursor = Some(cursor);
            params
        });
        let answer = link.ask(request(params)).await.map_err(|error| LinkError::of(&error))?;
        let (items, next) = take(answer).ok_or_else(|| {
            LinkError::Failed("it answered a list with something else".to_owned())
        })?;
        for item in items {
            if all.cut > 0
                || all.items.len() >= MOST_ITEMS
                || serde_json::to_writer(Counting(budget), &item).is_err()
            {
                all.cut += 1;
            } else {
                all.items.push(item);
            }
        }
        match next {
            Some(next) if all.cut == 0 && !next.is_empty() && seen.insert(next.clone()) => {
                cursor = Some(next);
            }
            _ => return Ok(all),
        }
    }
    Ok(all)
}

/// Reads the pages of one kind of list: `pages!(link, budget, request type, result variant, field)`.
macro_rules! pages {
    ($link:expr, $budget:expr, $request:ident, $result:ident, $items:ident) => {
        pages(
            $link,
            $budget,
            |params| ClientRequest::$request($request { params, ..Default::default() }),
            |answer| match answer {
                ServerResult::$result(list) => Some((list.$items, list.next_cursor)),
                _ => None,
            },
        )
    };
}

/// Lists the offers of an MCP upstream.
pub(super) async fn lists(upstream: &Upstream, link: &Arc<Link>) -> Result<Listed, LinkError> {
    let capabilities = link.info().map(|info| info.capabilities.clone()).unwrap_or_default();
    let mut listed = Listed::default();
    if capabilities.tools.is_some() {
        tools(upstream, link, &mut listed).await?;
    }
    let mut budget = Budget::new(MOST_BYTES, usize::MAX, usize::MAX);
    let cut = |what: &str, count: usize| {
        if count > 0 {
            tracing::warn!(upstream = %upstream.name, count, "a list of {what} is too long; the rest is left out");
        }
    };
    // Prompts and resources that cannot be listed are no reason to lose the tools.
    if capabilities.prompts.is_some() && upstream.config.prompts {
        listed.offers.prompts = true;
        let prompts = pages!(link, &mut budget, ListPromptsRequest, ListPromptsResult, prompts);
        let prompts = prompts.await.unwrap_or_default();
        cut("prompts", prompts.cut);
        listed.prompts = prompts.items;
    }
    if capabilities.resources.is_some() && upstream.config.resources {
        listed.offers.resources = true;
        let resources =
            pages!(link, &mut budget, ListResourcesRequest, ListResourcesResult, resources);
        let resources = resources.await.unwrap_or_default();
        cut("resources", resources.cut);
        listed.resources = resources.items;
        let templates = pages!(
            link,
            &mut budget,
            ListResourceTemplatesRequest,
            ListResourceTemplatesResult,
            resource_templates
        );
        let templates = templates.await.unwrap_or_default();
        cut("resource templates", templates.cut);
        listed.templates = templates.items;
    }
    listed.offers.completions = capabilities.completions.is_some();
    listed.offers.logging = capabilities.logging.is_some();
    listed.offers.extensions = apps::passed_on(capabilities.extensions.as_ref());
    Ok(listed)
}

async fn tools(
    upstream: &Upstream,
    link: &Arc<Link>,
    listed: &mut Listed,
) -> Result<(), LinkError> {
    // Tools that are not offered are listed too, and each tool has a part that is not counted twice:
    // twice as much as is kept is read.
    let mut budget =
        Budget::new(upstream.config.list_bytes.saturating_mul(2), usize::MAX, usize::MAX);
    let tools = pages!(link, &mut budget, ListToolsRequest, ListToolsResult, tools).await?;
    if tools.cut > 0 {
        listed.left_out.add("…", Why::TooLong);
        listed.left_out.add_rest(tools.cut - 1);
    }
    listed.tools = tools.items.into_iter().map(Shown::from).collect();
    Ok(())
}
