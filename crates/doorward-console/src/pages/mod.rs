//! The pages of administrators, one file each.

mod applies;
mod approvals;
mod audit;
mod chats;
mod client_list;
mod clients;
mod connections;
mod csv;
mod documents;
mod exchange;
mod groups;
mod hints;
mod home;
mod import;
mod index;
mod inputs;
mod keys;
mod kind;
mod linked;
mod list;
mod objects;
mod pasted;
mod policy;
mod process_log;
mod providers;
mod relying;
mod resources;
mod reviewed;
mod rule_texts;
mod rules;
mod scopes;
mod search;
mod server;
mod services;
mod settings;
mod sure;
mod timeline;
mod tokens;
mod toolsets;
mod trial;
mod trust;
mod typed_settings;
mod upstream_part;
mod upstreams;
pub(crate) mod usage;
mod user_list;
mod user_tools;
mod users;
mod versions;
mod who;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::Response,
};
use doorward_admin::{Reader, Refusal};
use doorward_language::text;
use doorward_model::routes;
use doorward_transport::routing::{get, post};
use doorward_web::FrameVisitor;
/// Draws a page of `console.html`, whose layout has scripts for local times and copy buttons.
pub(crate) use doorward_web::draw_scripted as draw;

use crate::{
    Console,
    refusals::oops,
    side::{Entry, entry},
};

/// Draws a page, or the page of the refusal with which it could not be put together.
pub(crate) fn draw_found(
    console: &Console,
    status: StatusCode,
    page: Result<impl Template, Refusal>,
) -> Response {
    match page {
        Ok(page) => draw(status, &page),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}

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

/// The groups of the sidebar for this user. An auditor who is no administrator sees usage alone.
pub(crate) fn groups_for(visitor: Option<&FrameVisitor>) -> Vec<Vec<Entry>> {
    if visitor.is_some_and(|visitor| visitor.administrator) {
        return groups();
    }
    vec![vec![entry("usage", routes::ADMIN_USAGE, "usage", text::usage_title())]]
}

/// The entries of the sidebar, in groups: users, services, activity, the server.
fn groups() -> Vec<Vec<Entry>> {
    vec![
        vec![entry("admin", routes::ADMIN, "overview", text::admin_overview())],
        vec![
            entry("users", routes::ADMIN_USERS, "users", text::admin_users()),
            entry("groups", routes::ADMIN_GROUPS, "groups", text::groups_title()),
            entry("clients", routes::ADMIN_CLIENTS, "clients", text::admin_clients()),
            entry("tokens", routes::ADMIN_TOKENS, "tokens", text::console_tokens()),
            entry("chats", routes::ADMIN_CHATS, "chats", text::chats_admin()),
            entry("trust", routes::ADMIN_TRUST, "trust", text::admin_trust()),
        ],
        vec![
            entry("upstreams", routes::ADMIN_UPSTREAMS, "services", text::console_services()),
            entry("toolsets", routes::ADMIN_TOOLSETS, "toolsets", text::toolsets_title()),
            entry("resources", routes::ADMIN_RESOURCES, "resources", text::admin_resources()),
            entry("approvals", routes::ADMIN_APPROVALS, "approvals", text::console_approvals()),
            entry("policy", routes::ADMIN_POLICY, "policy", text::admin_policy()),
        ],
        vec![
            entry("timeline", routes::ADMIN_TIMELINE, "timeline", text::admin_timeline()),
            entry("audit", routes::ADMIN_AUDIT, "audit", text::admin_audit()),
            entry("usage", routes::ADMIN_USAGE, "usage", text::usage_title()),
        ],
        vec![
            entry("providers", routes::ADMIN_PROVIDERS, "providers", text::admin_providers()),
            entry("keys", routes::ADMIN_KEYS, "keys", text::admin_keys()),
            entry("settings", routes::ADMIN_SETTINGS, "settings", text::console_settings()),
        ],
    ]
}

pub(crate) fn router(console: &Arc<Console>) -> Router {
    let pages = Router::new()
        .route(routes::ADMIN, get(home::get))
        .route(routes::ADMIN_UPSTREAMS, get(services::get).merge(post(upstreams::post)))
        .route(routes::ADMIN_UPSTREAM, get(upstreams::get).merge(post(upstreams::post_selected)))
        .route(routes::ADMIN_UPSTREAM_LOG, get(process_log::news))
        .route(routes::ADMIN_DOCUMENTS, get(documents::get).merge(post(documents::post)))
        .route(routes::ADMIN_USERS, get(user_list::list).merge(post(user_list::add)))
        .route(routes::ADMIN_USERS_IMPORT, get(import::get).merge(post(import::post)))
        .merge(objects::routes::<groups::GroupPages>())
        .route(routes::ADMIN_USER, get(users::one).merge(post(users::change)))
        .route(routes::ADMIN_USER_CONNECT, get(connections::get).merge(post(connections::post)))
        .route(routes::ADMIN_CLIENTS, get(client_list::list).merge(post(client_list::post)))
        .route(routes::ADMIN_CLIENT, get(clients::one).merge(post(clients::decide)))
        .route(routes::ADMIN_TOKENS, get(tokens::get).merge(post(tokens::post)))
        .route(routes::ADMIN_TRUST, get(trust::get).merge(post(trust::post)))
        .route(routes::ADMIN_PROVIDERS, get(providers::get).merge(post(providers::post)))
        .merge(objects::routes::<resources::ResourcePages>())
        .merge(objects::routes::<toolsets::ToolsetPages>())
        .route(routes::ADMIN_APPROVALS, get(approvals::get).merge(post(approvals::post)))
        .route(routes::ADMIN_POLICY, get(policy::get).merge(post(policy::save)))
        .route(routes::ADMIN_POLICY_WHO, get(who::get))
        .route(routes::ADMIN_POLICY_TOOLS, get(user_tools::get))
        .route(routes::ADMIN_POLICY_VERSIONS, get(versions::list))
        .route(routes::ADMIN_POLICY_VERSION, get(versions::one).merge(post(versions::restore)))
        .route(routes::ADMIN_POLICY_DRY_RUN, post(policy::dry_run))
        .route(routes::ADMIN_RULES, get(rules::get).merge(post(rules::save)))
        .route(routes::ADMIN_RULES_DRY_RUN, post(rules::dry_run))
        .route(routes::ADMIN_RULES_VERSIONS, get(versions::list_of_set))
        .route(
            routes::ADMIN_RULES_VERSION,
            get(versions::one_of_set).merge(post(versions::restore_of_set)),
        )
        .route(routes::ADMIN_CHATS, get(chats::get).merge(post(chats::post)))
        .route(routes::ADMIN_KEYS, get(keys::get).merge(post(keys::post)))
        .route(routes::ADMIN_TIMELINE, get(timeline::get))
        .route(routes::ADMIN_AUDIT, get(audit::get))
        .route(routes::ADMIN_AUDIT_EXPORT, get(audit::export))
        .route(routes::ADMIN_AUDIT_NEWS, get(audit::news))
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

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn every_entry_of_the_sidebar_has_an_icon() {
        let icons = include_str!("../../templates/icons.html");
        for entry in groups().into_iter().flatten() {
            assert!(icons.contains(&format!("id=\"i-{}\"", entry.icon)), "{}", entry.icon);
        }
    }
}
