//! Microsoft Entra ID.

use super::{Accounts, Kind, STANDARD, Sent, Sign, public};
use crate::{
    config::SettingError,
    settings::{AuthMethod, Speaks, TENANT, address, open_id},
};

pub(super) const KIND: Kind = Kind {
    name: "entra",
    title: "Microsoft",
    summary: "Microsoft Entra ID. Only users of the listed `tenants` are admitted; a user is `oid` within `tid`, which neither a rename nor a new e-mail address changes. Groups arrive as object ids.",
    sign: Sign {
        colour: "#2b6cb0",
        path: "M6 6h5.4v5.4H6zM12.6 6H18v5.4h-5.4zM6 12.6h5.4V18H6zM12.6 12.6H18V18h-5.4z",
    },
    needs: &["client_secret", "tenants"],
    accounts: |config| {
        if config.tenants.iter().any(|tenant| public::is_personal(tenant)) {
            Accounts::Public {
                service: "Microsoft",
                limit: "tenants without 9188040d-6c67-4c5b-b112-36a304b66dad, the tenant of personal accounts",
            }
        } else {
            public::at_other_than_microsoft(&config.issuer)
        }
    },
    sent: Sent { known: &[&[("oid", &[]), ("tid", &[])], STANDARD], others: true },
    prepare: |config| {
        let plain = |tenant: &String| {
            tenant.len() == 36
                && tenant.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        };
        if config.tenants.is_empty() || !config.tenants.iter().all(plain) {
            return Err(SettingError::new(
                "tenants",
                "must list the tenant ids (like 8eaef023-2b34-4da1-9baa-8bc8c9d6a490) whose users are admitted",
            ));
        }
        let cloud = address("issuer", &config.issuer, Some("https://login.microsoftonline.com"))?;
        let cloud = cloud.as_str().trim_end_matches('/');
        let mut settings =
            open_id(config, format!("{cloud}/{TENANT}/v2.0"), &["openid", "profile", "email"])?;
        let at = if let [tenant] = config.tenants.as_slice() { tenant } else { "organizations" };
        if let Speaks::OpenId(open_id) = &mut settings.speaks {
            // The document of several tenants names them all by a placeholder.
            open_id.document.get_or_insert_with(|| {
                format!("{cloud}/{at}/v2.0/.well-known/openid-configuration")
            });
            open_id.tenants.clone_from(&config.tenants);
            // Its userinfo is another product's (Graph) and adds nothing to the token.
            open_id.userinfo = false;
        }
        "oid".clone_into(&mut settings.claims.subject);
        // An e-mail address in a token of Entra can be set by the user's administrator to any
        // value, unless this claim says otherwise.
        "xms_edov".clone_into(&mut settings.claims.email_verified);
        settings.auth_method = AuthMethod::SecretPost;
        Ok(settings)
    },
};
