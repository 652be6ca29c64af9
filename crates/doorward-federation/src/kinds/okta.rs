//! Okta.

use super::Kind;
use crate::settings::{address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "okta",
    title: "Okta",
    summary: "Okta. `issuer` is `https://YOUR.okta.com`, or that of a custom authorization server such as `https://YOUR.okta.com/oauth2/default`. For groups, add a groups claim to the ID token there.",
    needs: &["client_secret", "issuer"],
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        open_id(config, config.issuer.clone(), &["openid", "profile", "email", "groups"])
    },
};
