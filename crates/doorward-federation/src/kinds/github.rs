//! GitHub, or GitHub Enterprise Server.

use std::sync::Arc;

use doorward_transport::oauth::{Answer, Content, Failure, RequestSubject, StatedError};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Accounts, Kind, SentClaims, Sign, claim, public};
use crate::{
    api::Api,
    claims::ClaimNames,
    config::ProviderConfig,
    error::FederationError,
    settings::{AuthMethod, Profile, Settings, address, below, no_userinfo, oauth2, scopes},
};

/// Maximum number of pages of organisations or teams that are read: 300 of each.
const PAGES: u32 = 3;

/// The API of an installation.
struct GitHub {
    root: String,
}

pub(super) const KIND: Kind = Kind {
    name: "github",
    title: "GitHub",
    summary: "GitHub. Groups are organisations (`acme`) and teams (`acme/backend`); the e-mail address is the primary one if it is verified. Without `issuer` it is github.com; with it your own GitHub Enterprise Server.",
    sign: Sign {
        colour: "#24292f",
        path: "M7 6l2.2 1.3a8 8 0 0 1 5.6 0L17 6v4a4.6 4.6 0 0 1-3.2 5.2V19h-3.6v-1.4c-2 .4-2.6-.8-3.4-1.8l1-.6c.6.8 1 1.400 2.400 1A4.600 4.600 0 0 1 7 10z",
    },
    needs: &["client_secret"],
    accounts: |config| {
        if config.issuer.is_empty() {
            Accounts::Public {
                service: "GitHub",
                limit: "allowed_groups = [\"your-organisation\"]",
            }
        } else {
            public::at(&[&config.issuer])
        }
    },
    sent: SentClaims {
        known: &[&[
            claim("id", &[]),
            claim("login", &[]),
            claim("name", &[]),
            claim("email", &["user:email", "user"]),
            claim("email_verified", &["user:email", "user"]),
            claim("groups", &["read:org", "write:org", "admin:org", "user"]),
        ]],
        others: false,
    },
    prepare: |config| {
        no_userinfo(config)?;
        let base = address("issuer", &config.issuer, Some("https://github.com"))?;
        let authorize = below(&base, "/login/oauth/authorize")?;
        let token = below(&base, "/login/oauth/access_token")?;
        let profile = Arc::new(GitHub { root: api_root(config) });
        let issuer = base.as_str().trim_end_matches('/').to_owned();
        let name = str::to_owned;
        Ok(Settings {
            scopes: scopes(config, &["read:user", "user:email", "read:org"]),
            claims: ClaimNames {
                subject: name("id"),
                username: name("login"),
                email: name("email"),
                email_verified: name("email_verified"),
                name: name("name"),
                groups: name("groups"),
            },
            auth_method: AuthMethod::SecretPost,
            interpret,
            // GitHub's name of the parameter; other servers ignore unknown ones.
            login_hint: "login",
            ..oauth2(config, issuer, authorize, token, profile)?
        })
    },
};

fn api_root(config: &ProviderConfig) -> String {
    if config.issuer.is_empty() {
        "https://api.github.com".to_owned()
    } else {
        format!("{}/api/v3", config.issuer.trim_end_matches('/'))
    }
}

/// Reads GitHub's answers to too many requests: a secondary rate limit may be recognisable only by
/// the page of the documentation that the response names.
fn interpret(answer: &Answer, _asked: RequestSubject) -> Option<Failure> {
    let page = answer.members()?.get("documentation_url").and_then(Value::as_str)?;
    let limited = matches!(answer.status, 403 | 429) && page.contains("rate-limit");
    let told =
        answer.told().unwrap_or(StatedError { status: answer.status, ..StatedError::default() });
    (limited && answer.wait.is_none()).then_some(Failure::Wait { seconds: None, told })
}

impl GitHub {
    /// A part of the profile that needs a scope of its own. Without that scope it is left out.
    async fn part(&self, api: &Api, path: &str) -> Result<Option<Value>, FederationError> {
        let url = format!("{}{path}", self.root);
        let answer = api.answer(&url).await?;
        // The page for users comes from a server in between.
        let own = !matches!(answer.content, Content::Page);
        match (api.read(&url, &answer), answer.status) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(FederationError::Refused(_)), 403) | (Err(FederationError::Nonsense(_)), 404)
                if own =>
            {
                tracing::info!(
                    url,
                    status = answer.status,
                    "a part of the profile was left out: the token's scopes do not reach it"
                );
                Ok(None)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The items of a list, up to [`PAGES`] pages of it.
    async fn pages(&self, api: &Api, path: &str) -> Result<Vec<Value>, FederationError> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let url = format!("{path}?per_page=100&page={page}");
            let some = match self.part(api, &url).await? {
                Some(Value::Array(some)) => some,
                // A user in no group would lose access.
                Some(_) => {
                    let why = format!("{url} returned something else than a list");
                    return Err(FederationError::Nonsense(why));
                }
                None => break,
            };
            let last = some.len() < 100;
            all.extend(some);
            if last {
                break;
            }
        }
        Ok(all)
    }
}

impl Profile for GitHub {
    fn ask<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Result<Value, FederationError>> {
        Box::pin(async move {
            let user = api.get(&format!("{}/user", self.root)).await?;
            let emails = self.part(api, "/user/emails").await?.unwrap_or_default();
            let organisations = self.pages(api, "/user/orgs").await?;
            let teams = self.pages(api, "/user/teams").await?;
            let primary = emails
                .as_array()
                .into_iter()
                .flatten()
                .find(|email| email.get("primary").and_then(Value::as_bool) == Some(true));
            let word = |value: &Value, pointer: &str| {
                value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
            };
            let mut groups: Vec<String> = organisations
                .iter()
                .filter_map(|organisation| word(organisation, "/login"))
                .collect();
            groups.extend(teams.iter().filter_map(|team| {
                Some(format!("{}/{}", word(team, "/organization/login")?, word(team, "/slug")?))
            }));
            Ok(json!({
                "id": user.get("id"),
                "login": user.get("login"),
                "name": user.get("name"),
                // The e-mail address on the profile page may be any text; only this one was checked by
                // GitHub.
                "email": primary.and_then(|email| email.get("email")),
                "email_verified": primary.and_then(|email| email.get("verified")),
                "groups": groups,
            }))
        })
    }
}
