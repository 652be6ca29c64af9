//! Trying an MCP upstream out.

use std::sync::Arc;

use doorward_model::Person;

use super::Speaker;
use crate::{finding::Finding, link_error::LinkError, oauth::Discovered};

impl Speaker<'_> {
    pub(super) async fn test(&self, person: Option<&Arc<Person>>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.upstream.needs_connection() {
            findings.extend(self.try_authorization_server().await);
        }
        let test_user = self.gateway.test_user();
        if person.is_none() && self.upstream.auth.is_personal() {
            findings.push(Finding::good(
                "tools",
                "not tried: they are listed with a person's own access; name one with --user",
            ));
            return findings;
        }
        let person = person.unwrap_or(&test_user);
        let (connection, works) = self.try_link(person).await;
        findings.push(connection);
        if works {
            findings.extend(self.gateway.try_list(self.upstream, person).await);
        }
        findings
    }

    async fn try_authorization_server(&self) -> Vec<Finding> {
        let (gateway, upstream) = (self.gateway, self.upstream);
        let found = match gateway.settled(upstream).await {
            Ok((found, _)) => found,
            Err(error) => return vec![Finding::bad("authorization server", error.to_string())],
        };
        vec![
            Finding::good(
                "authorization server",
                format!("{} (authorize at {})", found.server.issuer, found.authorization_endpoint),
            ),
            Finding { what: "registration", result: self.registration(&found) },
            Finding::good("redirect URI", gateway.inner.redirect_uri(upstream)),
        ]
    }

    /// The way in which this server becomes a client of the authorization server.
    fn registration(&self, found: &Discovered) -> Result<String, String> {
        let client_id = &self.upstream.config.client_id;
        if !client_id.is_empty() {
            Ok(format!("as {client_id}, as configured"))
        } else if found.server.client_id_metadata_document_supported {
            Ok("by our metadata document, where this server has a public https address".to_owned())
        } else if let Some(endpoint) = &found.registration_endpoint {
            Ok(format!("by registering at {endpoint}"))
        } else {
            Err("it takes no registrations: register this server there by hand and set client_id"
                .to_owned())
        }
    }

    /// Tries to connect, and reports if lists can be tried next.
    async fn try_link(&self, person: &Arc<Person>) -> (Finding, bool) {
        match self.gateway.inner.link(self.connector, self.upstream, person).await {
            Ok(link) => {
                let told = link.info().map(|info| {
                    let server = info.server_info.as_ref();
                    let name = server
                        .map(|server| format!("{} {}", server.name, server.version))
                        .unwrap_or_default();
                    format!("{name}, protocol {}", info.protocol_version)
                });
                let told = told.unwrap_or_default();
                (Finding::good("connection", told.trim_start_matches(", ")), true)
            }
            Err(LinkError::Connect) if self.upstream.needs_connection() => {
                (Finding::good("connection", "works; this person has not connected yet"), false)
            }
            Err(error) => (Finding::bad("connection", error.to_string()), false),
        }
    }
}
