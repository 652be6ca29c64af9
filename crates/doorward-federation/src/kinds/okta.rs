//! Okta.

use super::{Kind, STANDARD, SentClaims, Sign, claim, public};
use crate::settings::{address, open_id};

pub(super) const KIND: Kind = Kind {
    name: "okta",
    title: "Okta",
    summary: "Okta. `issuer` is `https://YOUR.okta.com`, or that of a custom authorization server such as `https://YOUR.okta.com/oauth2/default`. For groups, add a groups claim to the ID token there.",
    sign: Sign {
        colour: "#30415d",
        path: "M12 6a6 6 0 1 0 0 12a6 6 0 1 0 0-12m0 3a3 3 0 1 1 0 6a3 3 0 1 1 0-6",
    },
    needs: &["client_secret", "issuer"],
    accounts: |config| public::at(&[&config.issuer]),
    sent: SentClaims { known: &[&[claim("groups", &["groups"])], STANDARD], others: true },
    prepare: |config| {
        address("issuer", &config.issuer, None)?;
        open_id(config, config.issuer.clone(), &["openid", "profile", "email", "groups"])
    },
};
