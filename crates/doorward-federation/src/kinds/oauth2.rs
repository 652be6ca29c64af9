//! Any OAuth 2.0 server with a userinfo endpoint.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use super::{Kind, SentClaims, Sign, public};
use crate::{
    api::Api,
    config::SettingError,
    error::FederationError,
    settings::{Profile, address, oauth2},
};

/// One endpoint that identifies the holder of an access token.
struct Userinfo(Url);

impl Profile for Userinfo {
    fn ask<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Result<Value, FederationError>> {
        Box::pin(async move { api.get(self.0.as_str()).await })
    }
}

pub(super) const KIND: Kind = Kind {
    name: "oauth2",
    title: "Single sign-on",
    summary: "Any OAuth 2.0 server with a userinfo endpoint that returns JSON. Name the claims by `claim_…`, as names or JSON pointers; `claim_subject` must be a value that never changes.",
    sign: Sign::KEY,
    needs: &["authorize_url", "token_url", "userinfo_url", "claim_subject"],
    accounts: |config| {
        public::at(&[&config.authorize_url, &config.token_url, &config.userinfo_url])
    },
    sent: SentClaims { known: &[], others: true },
    prepare: |config| {
        if config.claim_subject.is_empty() {
            return Err(SettingError::new(
                "claim_subject",
                "is needed: the claim that never changes for a user, such as id",
            ));
        }
        let authorize = address("authorize_url", &config.authorize_url, None)?;
        let userinfo = address("userinfo_url", &config.userinfo_url, None)?;
        let token = address("token_url", &config.token_url, None)?;
        let issuer = if config.issuer.is_empty() {
            authorize.origin().ascii_serialization()
        } else {
            config.issuer.clone()
        };
        oauth2(config, issuer, authorize, token, Arc::new(Userinfo(userinfo)))
    },
};
