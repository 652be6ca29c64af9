//! Clients.

use doorward_model::{
    Client, ClientAuthMethod, ClientId, ClientRules, ClientSource, ExchangeRule, GrantType,
    GrantTypes, HashedToken, RedirectUri, RelyingParty, ScopeSet, Timestamp, TrustRule, UserId,
};
use sea_orm::ActiveValue::Set;

use super::{damaged, list_from_text, list_to_text};
use crate::{StoreError, entities as e};

pub(crate) fn client(row: e::client::Model) -> Result<Client, StoreError> {
    let uris = list_from_text("client", &row.id, &row.redirect_uris)?;
    let grant_types = match &row.grant_types {
        Some(text) => {
            let names = list_from_text("client", &row.id, text)?;
            GrantTypes::parse_known(names.iter().map(String::as_str))
        }
        // Written by a server of the previous release, which has one bit for the set.
        None if row.refresh_tokens => GrantTypes::of_code_flow(),
        None => GrantTypes::from_iter([GrantType::AuthorizationCode]),
    };
    let trust = match row.trust.as_deref() {
        Some(text) => Some(TrustRule::from_text(text).ok_or_else(|| damaged("client", &row.id))?),
        None => None,
    };
    let exchange = match row.exchange.as_deref() {
        Some(text) => {
            Some(ExchangeRule::from_text(text).ok_or_else(|| damaged("client", &row.id))?)
        }
        None => None,
    };
    let openid = match row.openid.as_deref() {
        Some(text) => {
            Some(RelyingParty::from_text(text).ok_or_else(|| damaged("client", &row.id))?)
        }
        None => None,
    };
    let rules = match row.rules.as_deref() {
        Some(text) => ClientRules::from_text(text).ok_or_else(|| damaged("client", &row.id))?,
        None => ClientRules::default(),
    };
    Ok(Client {
        exchange,
        rules,
        registration_token: row.registration_token.map(HashedToken::from_stored),
        source: ClientSource::parse(&row.source).ok_or_else(|| damaged("client", &row.id))?,
        auth_method: ClientAuthMethod::parse(&row.auth_method)
            .ok_or_else(|| damaged("client", &row.id))?,
        redirect_uris: uris.into_iter().map(RedirectUri::from_stored).collect(),
        id: ClientId::from_text(row.id),
        name: row.name,
        secret: row.secret.map(HashedToken::from_stored),
        grant_types,
        scopes: ScopeSet::from_stored(&row.scopes),
        service: row.service.map(UserId::from_text),
        trust,
        openid,
        client_uri: row.client_uri,
        jwks: row.jwks,
        jwks_uri: row.jwks_uri,
        metadata: row.metadata,
        created_at: Timestamp(row.created_at),
        authorized_at: row.authorized_at.map(Timestamp),
        disabled_at: row.disabled_at.map(Timestamp),
        fresh_until: row.fresh_until.map(Timestamp),
        approved_at: row.approved_at.map(Timestamp),
        pinned_at: row.pinned_at.map(Timestamp),
    })
}

/// The stored form of rules; none for those of all clients.
pub(crate) fn stored_rules(rules: ClientRules) -> Option<String> {
    (rules != ClientRules::default()).then(|| rules.to_text())
}

pub(crate) fn client_row(client: &Client) -> e::client::ActiveModel {
    e::client::ActiveModel {
        id: Set(client.id.as_str().to_owned()),
        source: Set(client.source.as_str().to_owned()),
        name: Set(client.name.clone()),
        redirect_uris: Set(list_to_text(client.redirect_uris.iter().map(RedirectUri::as_str))),
        auth_method: Set(client.auth_method.as_str().to_owned()),
        secret: Set(client.secret.as_ref().map(|hash| hash.as_str().to_owned())),
        // Read by servers of the previous release only.
        refresh_tokens: Set(client.grant_types.contains(GrantType::RefreshToken)),
        grant_types: Set(Some(list_to_text(client.grant_types.names()))),
        scopes: Set(client.scopes.to_string()),
        service: Set(client.service.as_ref().map(|id| id.as_str().to_owned())),
        trust: Set(client.trust.as_ref().map(TrustRule::to_text)),
        trust_issuer: Set(client.trust.as_ref().map(|rule| rule.issuer.issuer.clone())),
        openid: Set(client.openid.as_ref().map(RelyingParty::to_text)),
        client_uri: Set(client.client_uri.clone()),
        jwks: Set(client.jwks.clone()),
        jwks_uri: Set(client.jwks_uri.clone()),
        metadata: Set(client.metadata.clone()),
        created_at: Set(client.created_at.0),
        authorized_at: Set(client.authorized_at.map(|at| at.0)),
        disabled_at: Set(client.disabled_at.map(|at| at.0)),
        fresh_until: Set(client.fresh_until.map(|at| at.0)),
        approved_at: Set(client.approved_at.map(|at| at.0)),
        pinned_at: Set(client.pinned_at.map(|at| at.0)),
        exchange: Set(client.exchange.as_ref().map(ExchangeRule::to_text)),
        rules: Set(stored_rules(client.rules)),
        registration_token: Set(client
            .registration_token
            .as_ref()
            .map(|hash| hash.as_str().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(grant_types: Option<&str>, refresh_tokens: bool) -> e::client::Model {
        e::client::Model {
            id: "c_1".to_owned(),
            source: "registration".to_owned(),
            name: "Client".to_owned(),
            redirect_uris: "[]".to_owned(),
            auth_method: "none".to_owned(),
            secret: None,
            refresh_tokens,
            grant_types: grant_types.map(str::to_owned),
            scopes: "mcp:read".to_owned(),
            service: None,
            trust: None,
            trust_issuer: None,
            openid: None,
            client_uri: None,
            jwks: None,
            jwks_uri: None,
            metadata: String::new(),
            created_at: 0,
            authorized_at: None,
            disabled_at: None,
            fresh_until: None,
            approved_at: None,
            pinned_at: None,
            exchange: None,
            rules: None,
            registration_token: None,
        }
    }

    #[test]
    fn grant_types_are_read_from_rows_of_this_release_of_the_previous_and_of_the_next() {
        let names = |grant_types, refresh_tokens| {
            client(row(grant_types, refresh_tokens))
                .map(|client| client.grant_types.names().collect::<Vec<_>>())
                .ok()
        };
        let (code, both) =
            (vec!["authorization_code"], vec!["authorization_code", "refresh_token"]);
        assert_eq!(names(Some(r#"["authorization_code"]"#), true).as_ref(), Some(&code));
        let list = r#"["authorization_code","refresh_token"]"#;
        assert_eq!(names(Some(list), true).as_ref(), Some(&both));
        assert_eq!(names(None, true).as_ref(), Some(&both));
        assert_eq!(names(None, false).as_ref(), Some(&code));
        let newer = r#"["authorization_code","urn:of:a:later:release"]"#;
        assert_eq!(names(Some(newer), false).as_ref(), Some(&code));
        assert_eq!(names(Some("not a list"), true), None, "damage is reported");
    }

    #[test]
    fn a_trust_rule_that_cannot_be_read_is_damage_and_no_client_without_a_rule() {
        for text in ["", "{}", "null", "not json"] {
            let trust = e::client::Model { trust: Some(text.to_owned()), ..row(None, true) };
            assert!(client(trust).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_as_a_relying_party_that_cannot_be_read_are_damage() {
        for text in ["", "null", "not json"] {
            let row = e::client::Model { openid: Some(text.to_owned()), ..row(None, true) };
            assert!(client(row).is_err(), "{text}");
        }
    }

    #[test]
    fn a_stored_client_tells_servers_of_the_previous_release_of_its_refresh_tokens() {
        for (grant_types, refresh_tokens) in [
            (r#"["authorization_code"]"#, false),
            (r#"["authorization_code","refresh_token"]"#, true),
        ] {
            let stored = client_row(&client(row(Some(grant_types), !refresh_tokens)).unwrap());
            assert_eq!(stored.refresh_tokens, Set(refresh_tokens));
            assert_eq!(stored.grant_types, Set(Some(grant_types.to_owned())));
        }
    }
}
