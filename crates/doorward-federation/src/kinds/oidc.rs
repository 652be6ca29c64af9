//! Any OpenID Connect provider.

use super::{Kind, STANDARD, Sent, Sign, public};
use crate::settings::{address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "oidc",
    title: "Single sign-on",
    summary: "Any OpenID Connect provider. `issuer` exactly as the provider's own discovery document says it, also whether it ends in a slash. Without a discovery document, set `authorize_url`, `token_url` and `jwks_url` by hand.",
    sign: Sign::KEY,
    needs: &["issuer"],
    accounts: |config| public::at(&[&config.issuer]),
    sent: Sent { known: &[STANDARD], others: true },
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        open_id(config, config.issuer.clone(), &["openid", "profile", "email"])
    },
};
