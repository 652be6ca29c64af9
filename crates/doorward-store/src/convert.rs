//! Between rows and records. A row that does not parse is damage, reported with table and key.

use doorward_model::{
    AuthorizationCode, Client, ClientAuthMethod, ClientId, ClientSource, Grant, GrantId, HashedToken, OneTimeLink, Person, PersonName, RedirectUri,
    RefreshToken, Resource, Role, ScopeSet, Sealed, Session, SessionId, SigningAlgorithm, SigningKey, Timestamp, UserId, secret::HashedPassword,
};
use sea_orm::ActiveValue::Set;

use crate::{StoreError, entities as e};

pub(crate) fn list_to_text<'a>(items: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::Array(items.map(serde_json::Value::from).collect()).to_string()
}

fn list_from_text(table: &'static str, key: &str, text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| damaged(table, key))
}

fn damaged(table: &'static str, key: &str) -> StoreError {
    StoreError::Damaged { table, key: key.to_owned() }
}

pub(crate) fn person(row: e::person::Model) -> Result<Person, StoreError> {
    let roles = list_from_text("person", &row.id, &row.roles)?;
    Ok(Person {
        roles: roles.iter().map(|role| Role::parse(role)).collect::<Result<_, _>>().map_err(|_| damaged("person", &row.id))?,
        id: UserId::from_text(row.id),
        name: PersonName::from_stored(row.name),
        email: row.email,
        password: row.password.map(HashedPassword::from_phc),
        created_at: Timestamp(row.created_at),
        disabled_at: row.disabled_at.map(Timestamp),
    })
}

pub(crate) fn person_row(person: &Person) -> e::person::ActiveModel {
    e::person::ActiveModel {
        id: Set(person.id.as_str().to_owned()),
        name: Set(person.name.as_str().to_owned()),
        email: Set(person.email.clone()),
        password: Set(person.password.as_ref().map(|hash| hash.as_str().to_owned())),
        roles: Set(list_to_text(person.roles.iter().map(Role::as_str))),
        created_at: Set(person.created_at.0),
        disabled_at: Set(person.disabled_at.map(|at| at.0)),
    }
}

pub(crate) fn client(row: e::client::Model) -> Result<Client, StoreError> {
    let uris = list_from_text("client", &row.id, &row.redirect_uris)?;
    Ok(Client {
        source: ClientSource::parse(&row.source).ok_or_else(|| damaged("client", &row.id))?,
        auth_method: ClientAuthMethod::parse(&row.auth_method).ok_or_else(|| damaged("client", &row.id))?,
        redirect_uris: uris.into_iter().map(RedirectUri::from_stored).collect(),
        id: ClientId::from_text(row.id),
        name: row.name,
        secret: row.secret.map(HashedToken::from_stored),
        refresh_tokens: row.refresh_tokens,
        scopes: ScopeSet::parse_known(&row.scopes),
        client_uri: row.client_uri,
        jwks: row.jwks,
        jwks_uri: row.jwks_uri,
        metadata: row.metadata,
        created_at: Timestamp(row.created_at),
        authorized_at: row.authorized_at.map(Timestamp),
        disabled_at: row.disabled_at.map(Timestamp),
        fresh_until: row.fresh_until.map(Timestamp),
    })
}

pub(crate) fn client_row(client: &Client) -> e::client::ActiveModel {
    e::client::ActiveModel {
        id: Set(client.id.as_str().to_owned()),
        source: Set(client.source.as_str().to_owned()),
        name: Set(client.name.clone()),
        redirect_uris: Set(list_to_text(client.redirect_uris.iter().map(RedirectUri::as_str))),
        auth_method: Set(client.auth_method.as_str().to_owned()),
        secret: Set(client.secret.as_ref().map(|hash| hash.as_str().to_owned())),
        refresh_tokens: Set(client.refresh_tokens),
        scopes: Set(client.scopes.to_string()),
        client_uri: Set(client.client_uri.clone()),
        jwks: Set(client.jwks.clone()),
        jwks_uri: Set(client.jwks_uri.clone()),
        metadata: Set(client.metadata.clone()),
        created_at: Set(client.created_at.0),
        authorized_at: Set(client.authorized_at.map(|at| at.0)),
        disabled_at: Set(client.disabled_at.map(|at| at.0)),
        fresh_until: Set(client.fresh_until.map(|at| at.0)),
    }
}

pub(crate) fn session(row: e::session::Model) -> Session {
    Session {
        token: HashedToken::from_stored(row.token),
        id: SessionId::from_text(row.id),
        user_id: UserId::from_text(row.user_id),
        auth_time: Timestamp(row.auth_time),
        last_seen_at: Timestamp(row.last_seen_at),
        expires_at: Timestamp(row.expires_at),
        ends_at: Timestamp(row.ends_at),
        user_agent: row.user_agent,
        address: row.address,
    }
}

pub(crate) fn session_row(session: &Session) -> e::session::ActiveModel {
    e::session::ActiveModel {
        token: Set(session.token.as_str().to_owned()),
        id: Set(session.id.as_str().to_owned()),
        user_id: Set(session.user_id.as_str().to_owned()),
        auth_time: Set(session.auth_time.0),
        last_seen_at: Set(session.last_seen_at.0),
        expires_at: Set(session.expires_at.0),
        ends_at: Set(session.ends_at.0),
        user_agent: Set(session.user_agent.clone()),
        address: Set(session.address.clone()),
    }
}

pub(crate) fn code(row: e::authorization_code::Model) -> Result<AuthorizationCode, StoreError> {
    let resources = list_from_text("authorization_code", &row.token, &row.resources)?;
    Ok(AuthorizationCode {
        token: HashedToken::from_stored(row.token),
        grant_id: GrantId::from_text(row.grant_id),
        client_id: ClientId::from_text(row.client_id),
        user_id: UserId::from_text(row.user_id),
        redirect_uri: row.redirect_uri,
        scopes: ScopeSet::parse_known(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
        challenge: row.challenge,
        auth_time: Timestamp(row.auth_time),
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    })
}

pub(crate) fn code_row(code: &AuthorizationCode) -> e::authorization_code::ActiveModel {
    e::authorization_code::ActiveModel {
        token: Set(code.token.as_str().to_owned()),
        grant_id: Set(code.grant_id.as_str().to_owned()),
        client_id: Set(code.client_id.as_str().to_owned()),
        user_id: Set(code.user_id.as_str().to_owned()),
        redirect_uri: Set(code.redirect_uri.clone()),
        scopes: Set(code.scopes.to_string()),
        resources: Set(list_to_text(code.resources.iter().map(Resource::as_str))),
        challenge: Set(code.challenge.clone()),
        auth_time: Set(code.auth_time.0),
        expires_at: Set(code.expires_at.0),
        consumed_at: Set(code.consumed_at.map(|at| at.0)),
    }
}

pub(crate) fn grant(row: e::access_grant::Model) -> Result<Grant, StoreError> {
    let resources = list_from_text("access_grant", &row.id, &row.resources)?;
    Ok(Grant {
        id: GrantId::from_text(row.id),
        client_id: ClientId::from_text(row.client_id),
        user_id: UserId::from_text(row.user_id),
        scopes: ScopeSet::parse_known(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
        auth_time: Timestamp(row.auth_time),
        created_at: Timestamp(row.created_at),
        last_used_at: Timestamp(row.last_used_at),
        expires_at: Timestamp(row.expires_at),
        revoked_at: row.revoked_at.map(Timestamp),
    })
}

pub(crate) fn grant_row(grant: &Grant) -> e::access_grant::ActiveModel {
    e::access_grant::ActiveModel {
        id: Set(grant.id.as_str().to_owned()),
        client_id: Set(grant.client_id.as_str().to_owned()),
        user_id: Set(grant.user_id.as_str().to_owned()),
        scopes: Set(grant.scopes.to_string()),
        resources: Set(list_to_text(grant.resources.iter().map(Resource::as_str))),
        auth_time: Set(grant.auth_time.0),
        created_at: Set(grant.created_at.0),
        last_used_at: Set(grant.last_used_at.0),
        expires_at: Set(grant.expires_at.0),
        revoked_at: Set(grant.revoked_at.map(|at| at.0)),
        revoke_reason: Set(None),
    }
}

pub(crate) fn refresh_token(row: e::refresh_token::Model) -> RefreshToken {
    RefreshToken {
        token: HashedToken::from_stored(row.token),
        grant_id: GrantId::from_text(row.grant_id),
        expires_at: Timestamp(row.expires_at),
        used_at: row.used_at.map(Timestamp),
        successor: row.successor.map(HashedToken::from_stored),
    }
}

pub(crate) fn refresh_token_row(token: &RefreshToken) -> e::refresh_token::ActiveModel {
    e::refresh_token::ActiveModel {
        token: Set(token.token.as_str().to_owned()),
        grant_id: Set(token.grant_id.as_str().to_owned()),
        expires_at: Set(token.expires_at.0),
        used_at: Set(token.used_at.map(|at| at.0)),
        successor: Set(token.successor.as_ref().map(|hash| hash.as_str().to_owned())),
    }
}

pub(crate) fn link(row: e::one_time_link::Model) -> OneTimeLink {
    OneTimeLink { token: HashedToken::from_stored(row.token), expires_at: Timestamp(row.expires_at), consumed_at: row.consumed_at.map(Timestamp) }
}

pub(crate) fn signing_key(row: e::signing_key::Model) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        algorithm: SigningAlgorithm::parse(&row.algorithm).ok_or_else(|| damaged("signing_key", &row.kid))?,
        kid: row.kid,
        public_jwk: row.public_jwk,
        private: Sealed::from_stored(row.private),
        created_at: Timestamp(row.created_at),
        activates_at: Timestamp(row.activates_at),
        retires_at: row.retires_at.map(Timestamp),
    })
}

pub(crate) fn signing_key_row(key: &SigningKey) -> e::signing_key::ActiveModel {
    e::signing_key::ActiveModel {
        kid: Set(key.kid.clone()),
        algorithm: Set(key.algorithm.as_str().to_owned()),
        public_jwk: Set(key.public_jwk.clone()),
        private: Set(key.private.as_str().to_owned()),
        created_at: Set(key.created_at.0),
        activates_at: Set(key.activates_at.0),
        retires_at: Set(key.retires_at.map(|at| at.0)),
    }
}
