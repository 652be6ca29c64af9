//! The pages of administrators, one file each.

mod approvals;
mod audit;
mod chats;
mod client_list;
mod clients;
mod csv;
mod exchange;
mod hints;
mod home;
mod index;
mod keys;
mod linked;
mod list;
mod pasted;
mod policy;
mod providers;
mod relying;
mod resources;
mod reviewed;
mod scopes;
mod search;
mod server;
mod services;
mod settings;
mod sure;
mod table;
mod timeline;
mod tokens;
mod trial;
mod trust;
mod upstreams;
pub(crate) mod usage;
mod user_list;
mod users;
mod versions;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRequestParts,
    http::request::Parts,
    response::Response,
    routing::{get, post},
};
use doorward_admin::Reader;
use doorward_model::routes;
/// Draws a page of `console.html`, whose layout has scripts for local times and copy buttons.
pub(crate) use doorward_web::draw_scripted as draw;

use crate::Console;

/// A browser of an administrator. For other users the response is 404.
pub(crate) struct Administrator(pub(crate) doorward_web::SignedIn);

impl FromRequestParts<Arc<Console>> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let found = doorward_web::Administrator::from_request_parts(parts, &console.web).await?;
        Ok(Self(found.0))
    }
}

/// A browser of a user who sees usage: an administrator or an auditor. For other users the response
/// is 404.
pub(crate) struct Auditor {
    pub(crate) signed_in: doorward_web::SignedIn,
    pub(crate) reader: Reader,
}

impl FromRequestParts<Arc<Console>> for Auditor {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let found = doorward_web::Auditor::from_request_parts(parts, &console.web).await?;
        let reader = Reader::of(&found.0.visitor.user)
            .ok_or_else(|| doorward_web::ErrorPage::not_found().draw(&console.web))?;
        Ok(Self { signed_in: found.0, reader })
    }
}

pub(crate) fn router(console: &Arc<Console>) -> Router {
    let pages = Router::new()
        .route(routes::ADMIN, get(home::get))
        .route(routes::ADMIN_UPSTREAMS, get(services::get).post(upstreams::post))
        .route(routes::ADMIN_UPSTREAM, get(upstreams::get).post(upstreams::post_selected))
        .route(routes::ADMIN_USERS, get(user_list::list).post(user_list::add))
        .route(routes::ADMIN_USER, get(users::one).post(users::change))
        .route(routes::ADMIN_CLIENTS, get(client_list::list).post(client_list::post))
        .route(routes::ADMIN_CLIENT, get(clients::one).post(clients::decide))
        .route(routes::ADMIN_TOKENS, get(tokens::get).post(tokens::post))
        .route(routes::ADMIN_TRUST, get(trust::get).post(trust::post))
        .route(routes::ADMIN_PROVIDERS, get(providers::get).post(providers::post))
        .route(routes::ADMIN_RESOURCES, get(resources::get).post(resources::post))
        .route(routes::ADMIN_APPROVALS, get(approvals::get).post(approvals::post))
        .route(routes::ADMIN_POLICY, get(policy::get).post(policy::save))
        .route(routes::ADMIN_POLICY_VERSIONS, get(versions::list))
        .route(routes::ADMIN_POLICY_VERSION, get(versions::one).post(versions::restore))
        .route(routes::ADMIN_POLICY_DRY_RUN, post(policy::dry_run))
        .route(routes::ADMIN_CHATS, get(chats::get).post(chats::post))
        .route(routes::ADMIN_KEYS, get(keys::get).post(keys::post))
        .route(routes::ADMIN_TIMELINE, get(timeline::get))
        .route(routes::ADMIN_AUDIT, get(audit::get))
        .route(routes::ADMIN_AUDIT_EXPORT, get(audit::export))
        .route(routes::ADMIN_AUDIT_ENTRY, get(audit::entry))
        .route(routes::ADMIN_AUDIT_RECORD, get(audit::record))
        .route(routes::ADMIN_USAGE, get(usage::get))
        .route(routes::ADMIN_USAGE_CSV, get(usage::csv))
        .route(routes::ADMIN_SEARCH, get(search::get))
        .route(routes::ADMIN_SETTINGS, get(server::get))
        .route(routes::ADMIN_NOTICE, post(server::notice))
        .route(routes::ADMIN_TEST_MAIL, post(server::test_mail))
        .route(routes::ADMIN_MCP, post(server::switch_mcp))
        .with_state(Arc::clone(console));
    console.web.framed(pages)
}
