//! Keycloak.

use super::{Kind, STANDARD, SentClaims, Sign, claim, public};
use crate::settings::{address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "keycloak",
    title: "Keycloak",
    summary: "Keycloak. `issuer` is the realm's URL, such as `https://sso.example.com/realms/team`. Realm roles are the groups; for Keycloak's own groups add a group mapper and set `claim_groups = \"groups\"`.",
    sign: Sign {
        colour: "#3d5a73",
        path: "M8.5 6h7l3.5 6l-3.5 6h-7L5 12zm1.2 2.2L7.5 12l2.2 3.8h4.6l2.2-3.8l-2.2-3.8z",
    },
    needs: &["client_secret", "issuer"],
    accounts: |config| public::at(&[&config.issuer]),
    sent: SentClaims { known: &[&[claim("/realm_access/roles", &[])], STANDARD], others: true },
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        let mut settings = open_id(config, config.issuer.clone(), &["openid", "profile", "email"])?;
        "/realm_access/roles".clone_into(&mut settings.claims.groups);
        Ok(settings)
    },
};
