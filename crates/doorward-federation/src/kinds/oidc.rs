//! Any OpenID Connect provider.

use super::{Kind, address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "oidc",
    title: "Single sign-on",
    summary: "Any OpenID Connect provider with discovery. `issuer` exactly as the provider's own discovery document says it, also whether it ends in a slash.",
    needs: &["issuer"],
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        Ok(open_id(config, config.issuer.clone(), &["openid", "profile", "email"]))
    },
};
