//! Keycloak.

use super::Kind;
use crate::settings::{address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "keycloak",
    title: "Keycloak",
    summary: "Keycloak. `issuer` is the realm's address, such as `https://sso.example.com/realms/team`. Realm roles are the groups; for Keycloak's own groups add a group mapper and set `claim_groups = \"groups\"`.",
    needs: &["client_secret", "issuer"],
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        let mut settings = open_id(config, config.issuer.clone(), &["openid", "profile", "email"])?;
        "/realm_access/roles".clone_into(&mut settings.claims.groups);
        Ok(settings)
    },
};
