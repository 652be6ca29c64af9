//! Google accounts and Google Workspace.

use super::{Kind, Protocol, open_id};

pub(super) const KIND: Kind = Kind {
    name: "google",
    title: "Google",
    summary: "Google accounts. `allowed_domains` are Google Workspace organisations: the signed `hd` claim counts, not the spelling of an address.",
    needs: &["client_secret"],
    prepare: |config| {
        let issuer = if config.issuer.is_empty() {
            "https://accounts.google.com".to_owned()
        } else {
            config.issuer.clone()
        };
        let mut settings = open_id(config, issuer, &["openid", "profile", "email"]);
        // Google has no offline_access: this parameter asks for a refresh token.
        settings.extra.push(("access_type", "offline".to_owned()));
        if let [domain] = config.allowed_domains.as_slice() {
            settings.extra.push(("hd", domain.clone()));
        }
        if let Protocol::OpenId(open_id) = &mut settings.protocol {
            open_id.offline = false;
        }
        "email".clone_into(&mut settings.claims.username);
        settings.domain_claim = Some("hd");
        Ok(settings)
    },
};
