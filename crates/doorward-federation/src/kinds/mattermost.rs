//! Mattermost, which supports OAuth 2.0 but not OpenID Connect.

use std::sync::Arc;

use doorward_model::foreign;
use doorward_transport::oauth::{Answer, Failure, RequestSubject, StatedError};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Kind, SentClaims, Sign, public};
use crate::{
    api::Api,
    claims::ClaimNames,
    error::FederationError,
    settings::{AuthMethod, Profile, Settings, address, below, no_userinfo, oauth2, scopes},
};

/// The user of an access token, at a server of this URL.
struct MattermostUser(String);

impl Profile for MattermostUser {
    fn ask<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Result<Value, FederationError>> {
        Box::pin(async move {
            let user = api.get(&self.0).await?;
            // A deactivated user keeps an account with a time of deletion.
            let deleted = user.get("delete_at").and_then(Value::as_f64).unwrap_or(0.0);
            if deleted > 0.0 {
                return Err(FederationError::Refused(
                    "the account is deactivated there".to_owned(),
                ));
            }
            Ok(user)
        })
    }
}

/// Reads Mattermost's own errors: an object with `id`, `message` and `status_code`, in place of
/// those of RFC 6749.
fn interpret(answer: &Answer, asked: RequestSubject) -> Option<Failure> {
    let members = answer.members()?;
    let id = members.get("id").and_then(Value::as_str)?;
    if answer.wait.is_some() || !members.contains_key("status_code") {
        return None;
    }
    let line = |text: &str| foreign::line(text, foreign::LINE).into_owned();
    let message = members.get("message").and_then(Value::as_str).unwrap_or_default();
    let told = StatedError { status: answer.status, code: line(id), description: line(message) };
    // `api.oauth.get_access_token.bad_client_id.app_error` and the like name the client.
    // `api.user.login.inactive.app_error` names the user.
    let about_client =
        !id.starts_with("api.user.") && (id.contains("client") || id.contains("credentials"));
    Some(match (answer.status, asked) {
        (500.., _) => Failure::Silent(told.to_string()),
        (_, RequestSubject::Tokens) if about_client => Failure::Client(told),
        (400 | 401 | 403 | 404, _) => Failure::Refused(told),
        (_, _) => Failure::Nonsense(told.to_string()),
    })
}

pub(super) const KIND: Kind = Kind {
    name: "mattermost",
    title: "Mattermost",
    summary: "Mattermost as an OAuth 2.0 provider. `issuer` is the URL of your server. Groups are the words of the user's system roles, such as `system_admin`.",
    sign: Sign {
        colour: "#1e3a73",
        path: "M12 5.500a6.500 6.500 0 1 0 6.500 6.500c0-2.400-1.200-4.400-3-5.600l.2 3.200a4.200 4.200 0 1 1-5.400-1.700z",
    },
    needs: &["client_secret", "issuer"],
    accounts: |config| public::at(&[&config.issuer]),
    sent: SentClaims { known: &[], others: true },
    prepare: |config| {
        no_userinfo(config)?;
        let base = address("issuer", &config.issuer, None)?;
        let issuer = base.as_str().trim_end_matches('/').to_owned();
        let authorize = below(&base, "/oauth/authorize")?;
        let token = below(&base, "/oauth/access_token")?;
        let me = MattermostUser(format!("{issuer}/api/v4/users/me"));
        let name = str::to_owned;
        Ok(Settings {
            scopes: scopes(config, &[]),
            claims: ClaimNames {
                subject: name("id"),
                username: name("username"),
                email: name("email"),
                email_verified: name("email_verified"),
                name: name("nickname"),
                groups: name("roles"),
            },
            auth_method: AuthMethod::SecretPost,
            interpret,
            ..oauth2(config, issuer, authorize, token, Arc::new(me))?
        })
    },
};
