//! Mattermost, which speaks OAuth 2.0 but not OpenID Connect.

use super::{Kind, OAuth2, Protocol, Settings, address, below, scopes};
use crate::{FederationError, claims::ClaimNames, provider::AuthMethod};

pub(super) const KIND: Kind = Kind {
    name: "mattermost",
    title: "Mattermost",
    summary: "Mattermost as an OAuth 2.0 provider. `issuer` is the address of your server. Groups are the words of the person's system roles, such as `system_admin`.",
    needs: &["client_secret", "issuer"],
    prepare: |config| {
        let base = address("issuer", &config.issuer, None)?;
        let name = str::to_owned;
        Ok(Settings {
            protocol: Protocol::OAuth2(OAuth2 {
                issuer: base.as_str().trim_end_matches('/').to_owned(),
                authorize: below(&base, "/oauth/authorize")?,
                token: below(&base, "/oauth/access_token")?,
                profile: |config, api| {
                    let url = format!("{}/api/v4/users/me", config.issuer.trim_end_matches('/'));
                    Box::pin(async move {
                        let user = api.get(&url).await?;
                        // A deactivated person keeps an account with a time of deletion.
                        if user.get("delete_at").and_then(serde_json::Value::as_i64).unwrap_or(0)
                            > 0
                        {
                            return Err(FederationError::Refused(
                                "the account is deactivated there".to_owned(),
                            ));
                        }
                        Ok(user)
                    })
                },
            }),
            scopes: scopes(config, &[]),
            extra: Vec::new(),
            claims: ClaimNames {
                subject: name("id"),
                username: name("username"),
                email: name("email"),
                email_verified: name("email_verified"),
                name: name("nickname"),
                groups: name("roles"),
            },
            auth_method: AuthMethod::SecretPost,
            domain_claim: None,
        })
    },
};
