//! Any OAuth 2.0 server with an address that tells who somebody is.

use super::{Kind, OAuth2, Protocol, Settings, address, scopes};
use crate::{claims::ClaimNames, config::SettingError, provider::AuthMethod};

pub(super) const KIND: Kind = Kind {
    name: "oauth2",
    title: "Single sign-on",
    summary: "Any OAuth 2.0 server that has an address which tells, as JSON, who the holder of an access token is. Name the claims by `claim_…`, as names or JSON pointers; `claim_subject` must be something that never changes.",
    needs: &["authorize_url", "token_url", "userinfo_url", "claim_subject"],
    prepare: |config| {
        if config.claim_subject.is_empty() {
            return Err(SettingError::new(
                "claim_subject",
                "is needed: the claim that never changes for a person, such as id",
            ));
        }
        let authorize = address("authorize_url", &config.authorize_url, None)?;
        address("userinfo_url", &config.userinfo_url, None)?;
        let issuer = if config.issuer.is_empty() {
            authorize.origin().ascii_serialization()
        } else {
            config.issuer.clone()
        };
        Ok(Settings {
            protocol: Protocol::OAuth2(OAuth2 {
                issuer,
                authorize,
                token: address("token_url", &config.token_url, None)?,
                profile: |config, api| {
                    let url = config.userinfo_url.clone();
                    Box::pin(async move { api.get(&url).await })
                },
            }),
            scopes: scopes(config, &[]),
            extra: Vec::new(),
            claims: ClaimNames::standard(),
            auth_method: AuthMethod::SecretBasic,
            domain_claim: None,
        })
    },
};
