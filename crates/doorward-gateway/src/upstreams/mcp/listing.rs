//! Reading the lists of an MCP upstream, page by page, within a budget.

use std::{collections::HashSet, sync::Arc};

use doorward_mcp::apps;
use doorward_transport::Budget;
use rmcp::{
    model::{
        ClientRequest, ErrorCode, ListPromptsRequest, ListResourceTemplatesRequest,
        ListResourcesRequest, ListToolsRequest, PaginatedRequestParams, ServerResult,
    },
    service::ServiceError,
};

use crate::{
    definition::Shown,
    left_out::{LeftOut, Why},
    link::Link,
    link_error::LinkError,
    listed::Listed,
    upstream::Upstream,
};

/// Maximum number of pages and items of one list of an upstream.
const MOST_PAGES: usize = 200;
const MOST_ITEMS: usize = 10_000;
/// Maximum number of bytes of the cursor of a page, which is sent back and remembered.
const MOST_CURSOR: usize = 8 * 1024;
/// Maximum number of bytes of its lists of prompts, resources and templates together.
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
    /// Number of items of the read pages that did not fit.
    cut: usize,
    /// The parts of the pages that could not be read.
    left_out: LeftOut,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { items: Vec::new(), cut: 0, left_out: LeftOut::default() }
    }
}

/// Finds the cursor of the next page. An empty one is a cursor in the revision 2026-07-28, where
/// the last page has none; the servers of older revisions end a list with it.
fn cursor(next: Option<String>, modern: bool) -> Option<String> {
    next.filter(|next| modern || !next.is_empty())
}

/// Reads all pages of one list. A list with repeated cursors or without end is cut off, and so is a
/// list that uses up its budget.
async fn pages<T: serde::Serialize>(
    link: &Arc<Link>,
    budget: &mut Budget,
    request: impl Fn(Option<PaginatedRequestParams>) -> ClientRequest,
    take: impl Fn(ServerResult) -> Option<(Vec<T>, Option<String>)>,
) -> Result<Pages<T>, ServiceError> {
    let (mut all, mut cursor, mut seen) = (Pages::default(), None::<String>, HashSet::new());
    for _ in 0..MOST_PAGES {
        let params = cursor.take().map(|cursor| {
            let mut params = PaginatedRequestParams::default();
            params.cursor = Some(cursor);
            params
        });
        let (answer, left_out) = link.ask_noting(request(params)).await?;
        all.left_out.join(left_out);
        let (items, next) = take(answer).ok_or(ServiceError::UnexpectedResponse)?;
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
        match self::cursor(next, link.modern) {
            Some(next) if next.len() > MOST_CURSOR => {
                all.left_out.add(&format!("a cursor of {} bytes", next.len()), Why::Endless);
                return Ok(all);
            }
            Some(next) if all.cut == 0 && seen.insert(next.clone()) => cursor = Some(next),
            Some(_) if all.cut == 0 => break,
            Some(_) | None => return Ok(all),
        }
    }
    all.left_out.add("…", Why::Endless);
    Ok(all)
}

/// One list beside the tools, with its omissions noted. A failure of one of them does not discard
/// the tools.
fn or_left_out<T>(
    pages: Result<Pages<T>, ServiceError>,
    what: &'static str,
    left_out: &mut LeftOut,
) -> Result<Vec<T>, LinkError> {
    match pages {
        Ok(pages) => {
            left_out.join(pages.left_out);
            if pages.cut > 0 {
                left_out.add(what, Why::Endless);
            }
            Ok(pages.items)
        }
        // Many servers announce a capability without implementing it.
        Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => {
            Ok(Vec::new())
        }
        Err(error) => match LinkError::of(&error) {
            lost @ LinkError::Session(_) => Err(lost),
            why => {
                tracing::warn!(what, %why, "a list of an upstream cannot be read");
                left_out.add(what, Why::Unlisted);
                Ok(Vec::new())
            }
        },
    }
}

/// Reads the pages of one kind of list: `pages!(link, budget, request type, result variant,
/// field)`.
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
    match tools(upstream, link, &mut listed).await {
        // Some servers have tools that they do not announce.
        Ok(()) if capabilities.tools.is_none() && !listed.tools.is_empty() => {
            listed.left_out.add_part("capabilities", "tools", Why::Unannounced);
        }
        Ok(()) => {}
        Err(error) => {
            let refused = matches!(error, ServiceError::McpError(_));
            let why = LinkError::of(&error);
            let none = refused || matches!(why, LinkError::Answer(_));
            if capabilities.tools.is_some() || !none {
                return Err(why);
            }
            tracing::debug!(upstream = %upstream.name, %why, "an upstream has no tools");
        }
    }
    listed.left_out.join(link.wire.left_out_of_itself());
    let mut budget = Budget::new(MOST_BYTES, usize::MAX, usize::MAX);
    let left_out = &mut listed.left_out;
    if capabilities.prompts.is_some() && upstream.config.prompts {
        listed.offers.prompts = true;
        let prompts = pages!(link, &mut budget, ListPromptsRequest, ListPromptsResult, prompts);
        listed.prompts = or_left_out(prompts.await, "prompts", left_out)?;
    }
    if capabilities.resources.is_some() && upstream.config.resources {
        listed.offers.resources = true;
        let resources =
            pages!(link, &mut budget, ListResourcesRequest, ListResourcesResult, resources);
        listed.resources = or_left_out(resources.await, "resources", left_out)?;
        let templates = pages!(
            link,
            &mut budget,
            ListResourceTemplatesRequest,
            ListResourceTemplatesResult,
            resource_templates
        );
        listed.templates = or_left_out(templates.await, "resource templates", left_out)?;
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
) -> Result<(), ServiceError> {
    // Tools that are not offered are listed too, and each tool has a part that is not counted
    // twice: twice as much as is kept is read.
    let mut budget =
        Budget::new(upstream.config.list_bytes.saturating_mul(2), usize::MAX, usize::MAX);
    let tools = pages!(link, &mut budget, ListToolsRequest, ListToolsResult, tools).await?;
    if tools.cut > 0 {
        listed.left_out.add("…", Why::TooLong);
        listed.left_out.add_rest(tools.cut - 1);
    }
    listed.tools = tools.items.into_iter().map(Shown::from).collect();
    listed.left_out.join(tools.left_out);
    Ok(())
}
