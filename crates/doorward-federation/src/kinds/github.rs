//! GitHub, or GitHub Enterprise Server.

use serde_json::{Value, json};

use super::{Kind, OAuth2, Protocol, Settings, address, below, scopes};
use crate::{
    FederationError, claims::ClaimNames, config::ProviderConfig, oauth::Api, provider::AuthMethod,
};

/// The most pages of organisations or teams that are read: 300 of each.
const PAGES: u32 = 3;

pub(super) const KIND: Kind = Kind {
    name: "github",
    title: "GitHub",
    summary: "GitHub. Groups are organisations (`acme`) and teams (`acme/backend`); the e-mail address is the primary one if it is verified. Without `issuer` it is github.com; with it your own GitHub Enterprise Server.",
    needs: &["client_secret"],
    prepare: |config| {
        let base = address("issuer", &config.issuer, Some("https://github.com"))?;
        let name = str::to_owned;
        Ok(Settings {
            protocol: Protocol::OAuth2(OAuth2 {
                issuer: base.as_str().trim_end_matches('/').to_owned(),
                authorize: below(&base, "/login/oauth/authorize")?,
                token: below(&base, "/login/oauth/access_token")?,
                profile: |config, api| {
                    let root = api_root(config);
                    Box::pin(profile(root, api))
                },
            }),
            scopes: scopes(config, &["read:user", "user:email", "read:org"]),
            extra: Vec::new(),
            claims: ClaimNames {
                subject: name("id"),
                username: name("login"),
                email: name("email"),
                email_verified: name("email_verified"),
                name: name("name"),
                groups: name("groups"),
            },
            auth_method: AuthMethod::SecretPost,
            domain_claim: None,
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

async fn pages(api: &Api, address: &str) -> Result<Vec<Value>, FederationError> {
    let mut all = Vec::new();
    for page in 1..=PAGES {
        let Value::Array(some) = api.get(&format!("{address}?per_page=100&page={page}")).await?
        else {
            break;
        };
        let last = some.len() < 100;
        all.extend(some);
        if last {
            break;
        }
    }
    Ok(all)
}

async fn profile(root: String, api: Api) -> Result<Value, FederationError> {
    let user = api.get(&format!("{root}/user")).await?;
    let emails = api.get(&format!("{root}/user/emails")).await?;
    let organisations = pages(&api, &format!("{root}/user/orgs")).await?;
    let teams = pages(&api, &format!("{root}/user/teams")).await?;
    let primary = emails
        .as_array()
        .into_iter()
        .flatten()
        .find(|email| email.get("primary").and_then(Value::as_bool) == Some(true));
    let word = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    };
    let mut groups: Vec<String> =
        organisations.iter().filter_map(|organisation| word(organisation, "/login")).collect();
    groups.extend(teams.iter().filter_map(|team| {
        Some(format!("{}/{}", word(team, "/organization/login")?, word(team, "/slug")?))
    }));
    Ok(json!({
        "id": user.get("id"),
        "login": user.get("login"),
        "name": user.get("name"),
        // The address on the profile page may be any text; only this one was checked by GitHub.
        "email": primary.and_then(|email| email.get("email")),
        "email_verified": primary.and_then(|email| email.get("verified")),
        "groups": groups,
    }))
}
