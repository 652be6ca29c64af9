//! GitLab, its own or yours.

use super::{Accounts, Kind, STANDARD, SentClaims, Sign, claim, public};
use crate::settings::{Speaks, address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "gitlab",
    title: "GitLab",
    summary: "GitLab. Without `issuer` it is gitlab.com; with it your own installation. Groups are full paths, such as `team/backend`.",
    sign: Sign { colour: "#b34a1f", path: "M12 18.5L5 13.2l2-6.7l2 4.6h6l2-4.6l2 6.7z" },
    needs: &["client_secret"],
    accounts: |config| {
        if config.issuer.is_empty() {
            Accounts::Public { service: "GitLab.com", limit: "allowed_groups = [\"your-group\"]" }
        } else {
            public::at(&[&config.issuer])
        }
    },
    sent: SentClaims {
        known: &[&[claim("groups", &[]), claim("groups_direct", &[])], STANDARD],
        others: true,
    },
    prepare: |config| {
        let issuer = if config.issuer.is_empty() {
            "https://gitlab.com".to_owned()
        } else {
            config.issuer.clone()
        };
        address("issuer", &issuer, None)?;
        let mut settings = open_id(config, issuer, &["openid", "profile", "email"])?;
        "nickname".clone_into(&mut settings.claims.username);
        if let Speaks::OpenId(open_id) = &mut settings.speaks {
            // GitLab issues refresh tokens without a request and refuses unknown scopes.
            open_id.offline = false;
        }
        Ok(settings)
    },
};
