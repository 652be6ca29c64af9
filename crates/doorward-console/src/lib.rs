//! The administrators' pages and API: thin front ends to `doorward-admin` for browsers and programs.
#![expect(clippy::result_large_err, reason = "a page that is shown instead is made once a request")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

pub mod api;
mod available;
mod chart;
mod explanation;
mod findings;
mod pages;
mod refusals;
mod schema_form;
mod side;

use std::sync::Arc;

use axum::Router;
use doorward_admin::Admin;
use doorward_mcp::Mcp;
use doorward_model::{Clock, PublicUrl};
use doorward_store::Store;
use doorward_transport::news::NewsStreams;
use doorward_web::Web;

/// The front ends with the data that they show.
pub struct Console {
    /// The operations of administration.
    pub admin: Admin,
    /// The layout of pages, and sessions.
    pub web: Web,
    /// The MCP server, which authenticates bearer tokens.
    pub mcp: Mcp,
    /// The store, for the contents of pages and lists.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The streams for pages that follow what happens.
    pub news: NewsStreams,
    /// The public URL.
    pub public_url: PublicUrl,
}

impl Console {
    /// All pages and all calls of the API.
    pub fn router(self: &Arc<Self>) -> Router {
        pages::router(self).merge(api::router(self)).merge(available::router(self))
    }

    /// The metadata of the API at the root of the host, where the public URL has the path `path`.
    pub fn root_router(self: &Arc<Self>, path: &str) -> Router {
        api::metadata_router(self, path)
    }
}
