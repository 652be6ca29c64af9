//! Any OpenID Connect provider.

use super::{Kind, STANDARD, SentClaims, Sign, public};
use crate::settings::{address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "oidc",
    title: "Single sign-on",
    summary: "Any OpenID Connect provider. `issuer` must equal the value in the provider's discovery document exactly, including a trailing slash. Without a discovery document, set `authorize_url`, `token_url` and `jwks_url`.",
    sign: Sign::KEY,
    needs: &["issuer"],
    accounts: |config| public::at(&[&config.issuer]),
    sent: SentClaims { known: &[STANDARD], others: true },
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        open_id(config, config.issuer.clone(), &["openid", "profile", "email"])
    },
};
