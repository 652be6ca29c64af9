//! The entries of the sidebar, in groups: users, services, activity, the server.

use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_web::FrameVisitor;

/// An entry of the sidebar.
pub(crate) struct Entry {
    /// The name by which a page says that it is this entry's.
    pub(crate) tab: &'static str,
    /// The path of the page.
    pub(crate) path: &'static str,
    /// The name of the symbol in `templates/icons.html`.
    pub(crate) icon: &'static str,
    /// The text.
    pub(crate) label: Message,
}

fn entry(tab: &'static str, path: &'static str, icon: &'static str, label: Message) -> Entry {
    Entry { tab, path, icon, label }
}

/// The groups of the sidebar for this user. An auditor who is no administrator sees usage alone.
pub(crate) fn groups_for(visitor: Option<&FrameVisitor>) -> Vec<Vec<Entry>> {
    if visitor.is_some_and(|visitor| visitor.administrator) {
        return groups();
    }
    vec![vec![entry("usage", routes::ADMIN_USAGE, "usage", text::usage_title())]]
}

/// The groups of the sidebar.
fn groups() -> Vec<Vec<Entry>> {
    vec![
        vec![entry("admin", routes::ADMIN, "overview", text::admin_overview())],
        vec![
            entry("users", routes::ADMIN_USERS, "users", text::admin_users()),
            entry("clients", routes::ADMIN_CLIENTS, "clients", text::admin_clients()),
            entry("tokens", routes::ADMIN_TOKENS, "tokens", text::console_tokens()),
            entry("chats", routes::ADMIN_CHATS, "chats", text::chats_admin()),
            entry("trust", routes::ADMIN_TRUST, "trust", text::admin_trust()),
        ],
        vec![
            entry("upstreams", routes::ADMIN_UPSTREAMS, "services", text::console_services()),
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

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn every_entry_of_the_sidebar_has_an_icon() {
        let icons = include_str!("../templates/icons.html");
        for entry in groups().into_iter().flatten() {
            assert!(icons.contains(&format!("id=\"i-{}\"", entry.icon)), "{}", entry.icon);
        }
    }
}
