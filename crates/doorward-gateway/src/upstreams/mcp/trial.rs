//! Trying an MCP upstream out.

use std::{borrow::Cow, sync::Arc};

use doorward_model::{User, foreign};

use super::McpUpstream;
use crate::{
    finding::{CheckSubject, Finding},
    link_error::LinkError,
};

/// Maximum number of characters of each thing that an upstream says of itself.
const MOST_SHOWN: usize = 100;

/// A text with which an upstream describes itself, on one line.
fn short(told: &str) -> Cow<'_, str> {
    foreign::line(told, MOST_SHOWN)
}

impl McpUpstream<'_> {
    pub(super) async fn test(&self, user: Option<&Arc<User>>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let test_user = self.gateway.test_user();
        if user.is_none() && self.upstream.auth.is_personal() {
            findings.push(Finding::good(
                CheckSubject::Tools,
                "not tested: they are listed with a user's own access; name a user with --user",
            ));
            return findings;
        }
        let user = user.unwrap_or(&test_user);
        let (connection, works) = self.try_link(user).await;
        findings.push(connection);
        if works {
            findings.extend(self.gateway.try_list(self.upstream, user).await);
        }
        findings
    }

    /// Tries to connect, and reports if lists can be tried next.
    async fn try_link(&self, user: &Arc<User>) -> (Finding, bool) {
        match self.gateway.inner.link(self.connector, self.upstream, user).await {
            Ok(link) => {
                let told = link.info().map(|info| {
                    let server = info.server_info.as_ref();
                    let name = server
                        .map(|server| format!("{} {}", short(&server.name), short(&server.version)))
                        .unwrap_or_default();
                    format!("{name}, protocol {}", short(info.protocol_version.as_str()))
                });
                let told = told.unwrap_or_default();
                (Finding::good(CheckSubject::Connection, told.trim_start_matches(", ")), true)
            }
            Err(LinkError::Connect) if self.upstream.needs_connection() => (
                Finding::good(CheckSubject::Connection, "works; this user has not connected yet"),
                false,
            ),
            Err(LinkError::Connect) => {
                let told = "it does not accept this server's access (HTTP 401): check auth and the credentials";
                (Finding::bad(CheckSubject::Connection, told), false)
            }
            Err(error) => (Finding::bad(CheckSubject::Connection, error.to_string()), false),
        }
    }
}
