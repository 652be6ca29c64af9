//! Trying out the authorization server of an upstream, for upstreams of every kind.

use super::Discovered;
use crate::{
    Gateway,
    access::own_subject_of,
    finding::{CheckSubject, Finding},
    upstream::{Auth, OwnAccess, Shared, Upstream},
};

impl Gateway {
    /// Compares the authorization server with the pinned one, and reports the registration of this
    /// server and the omissions from the metadata.
    pub(crate) async fn try_authorization_server(&self, upstream: &Shared) -> Vec<Finding> {
        let found = match self.settled(upstream).await {
            Ok((found, _)) => found,
            Err(error) => {
                return vec![Finding::bad(CheckSubject::AuthorizationServer, error.to_string())];
            }
        };
        let mut findings = vec![Finding::good(
            CheckSubject::AuthorizationServer,
            match &found.authorization_endpoint {
                Some(endpoint) if upstream.needs_connection() => {
                    format!("{} (authorize at {endpoint})", found.server.issuer)
                }
                _ => format!("{} (tokens at {})", found.server.issuer, found.token_endpoint),
            },
        )];
        if !found.left_out.is_empty() {
            findings.push(Finding::good(CheckSubject::Metadata, found.left_out.join("; ")));
        }
        if !upstream.needs_connection() {
            findings.extend(own_subject(upstream));
            return findings;
        }
        if !found.server.checks_pkce() {
            findings.push(Finding::good(
                CheckSubject::Pkce,
                "the server does not state that it checks it; trust_pkce states it",
            ));
        }
        findings.push(Finding {
            subject: CheckSubject::Registration,
            result: registration(upstream, &found),
        });
        findings.push(Finding::good(CheckSubject::Redirect, self.inner.redirect_uri(upstream)));
        findings
    }
}

/// The subject of the tokens of this server that the authorization server must trust.
fn own_subject(upstream: &Upstream) -> Option<Finding> {
    matches!(upstream.auth, Auth::Own(OwnAccess::Workload(None))).then(|| {
        let told = format!("tokens of this server have the subject {}", own_subject_of(upstream));
        Finding::good(CheckSubject::Registration, told)
    })
}

/// The registration method of this server at the authorization server.
fn registration(upstream: &Upstream, found: &Discovered) -> Result<String, String> {
    let client_id = &upstream.config.client_id;
    if !client_id.is_empty() {
        Ok(format!("as {client_id}, as configured"))
    } else if found.server.client_id_metadata_document_supported {
        Ok("by our metadata document, where this server has a public https URL".to_owned())
    } else if let Some(endpoint) = &found.registration_endpoint {
        Ok(format!("by registering at {endpoint}"))
    } else {
        Err("it accepts no registrations: register this server there and set client_id".to_owned())
    }
}
