//! Google accounts and Google Workspace.

use super::{Accounts, Kind, STANDARD, SentClaims, Sign, claim};
use crate::settings::{Speaks, address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "google",
    title: "Google",
    summary: "Google accounts. `allowed_domains` are Google Workspace organisations: the signed `hd` claim counts, not the domain of an e-mail address.",
    sign: Sign {
        colour: "#3b6fd4",
        path: "M17 12h-5v2.2h2.6a3 3 0 1 1-.7-4l1.6-1.6a5.2 5.2 0 1 0 1.6 3.9z",
    },
    needs: &["client_secret"],
    accounts: |_| Accounts::Public {
        service: "Google",
        limit: "allowed_domains = [\"example.com\"]",
    },
    // Groups are no claims of Google.
    sent: SentClaims { known: &[&[claim("hd", &[])], STANDARD], others: false },
    prepare: |config| {
        let issuer = if config.issuer.is_empty() {
            "https://accounts.google.com".to_owned()
        } else {
            config.issuer.clone()
        };
        address("issuer", &issuer, None)?;
        let mut settings = open_id(config, issuer, &["openid", "profile", "email"])?;
        // Google has no offline_access: this parameter requests a refresh token.
        settings.extra.push(("access_type".to_owned(), "offline".to_owned()));
        if let [domain] = config.allowed_domains.as_slice() {
            settings.extra.push(("hd".to_owned(), domain.clone()));
        }
        if let Speaks::OpenId(open_id) = &mut settings.speaks {
            open_id.offline = false;
        }
        "email".clone_into(&mut settings.claims.username);
        settings.domain_claim = Some("hd");
        Ok(settings)
    },
};
