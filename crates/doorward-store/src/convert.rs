//! Between rows and records. A row that does not parse is damage, reported with table and key.

pub(crate) mod access_tokens;
mod clients;
pub(crate) mod devices;
pub(crate) mod policy;
pub(crate) mod relying;
pub(crate) mod resources;
pub(crate) mod upstreams;

use doorward_model::{
    Authentication, AuthorizationCode, ClientId, Delegation, Grant, GrantId, HashedToken,
    IdentityId, Invitation, KeyThumbprint, Level, LinkedIdentity, OneTimeLink, Passkey, ProviderId,
    RefreshToken, Resource, Role, ScopeSet, Sealed, Session, SessionId, SignInAttempt,
    SigningAlgorithm, SigningKey, Statement, StoredProvider, Subject, Timestamp, Totp,
    UpstreamSession, User, UserId, UserName, foreign, secret::HashedPassword,
};
use sea_orm::ActiveValue::Set;

use crate::{StoreError, entities as e};

pub(crate) use clients::{client, client_row, stored_rules};

pub(crate) fn list_to_text<'a>(items: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::Array(items.map(serde_json::Value::from).collect()).to_string()
}

fn list_from_text(table: &'static str, key: &str, text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| damaged(table, key))
}

fn damaged(table: &'static str, key: &str) -> StoreError {
    StoreError::Damaged { table, key: key.to_owned() }
}

fn roles(table: &'static str, key: &str, text: &str) -> Result<Vec<Role>, StoreError> {
    list_from_text(table, key, text)?
        .iter()
        .map(|role| Role::parse(role))
        .collect::<Result<_, _>>()
        .map_err(|_| damaged(table, key))
}

pub(crate) fn roles_to_text(roles: &[Role]) -> String {
    list_to_text(roles.iter().map(Role::as_str))
}

pub(crate) fn authentication(
    table: &'static str,
    key: &str,
    acr: &str,
    amr: &str,
) -> Result<Authentication, StoreError> {
    Ok(Authentication { level: Level::parse(acr), amr: list_from_text(table, key, amr)? })
}

pub(crate) fn amr_to_text(authentication: &Authentication) -> String {
    list_to_text(authentication.amr.iter().map(String::as_str))
}

pub(crate) fn user(row: e::user::Model) -> Result<User, StoreError> {
    Ok(User {
        roles: roles("user", &row.id, &row.roles)?,
        provider_roles: roles("user", &row.id, &row.provider_roles)?,
        // Rows of older versions hold the provider's original text.
        display_name: row
            .display_name
            .map(|name| foreign::line(&name, 100).into_owned())
            .filter(|name| !name.is_empty()),
        id: UserId::from_text(row.id),
        name: UserName::from_stored(row.name),
        email: row.email,
        email_by: row.email_by.map(IdentityId::from_stored),
        password: row.password.map(HashedPassword::from_phc),
        password_temporary: row.password_temporary,
        created_at: Timestamp(row.created_at),
        disabled_at: row.disabled_at.map(Timestamp),
        links_after: row.links_after.map(Timestamp),
    })
}

pub(crate) fn user_row(user: &User) -> e::user::ActiveModel {
    e::user::ActiveModel {
        id: Set(user.id.as_str().to_owned()),
        name: Set(user.name.as_str().to_owned()),
        email: Set(user.email.clone()),
        email_by: Set(user.email_by.as_ref().map(|id| id.as_str().to_owned())),
        password: Set(user.password.as_ref().map(|hash| hash.as_str().to_owned())),
        password_temporary: Set(user.password_temporary),
        roles: Set(roles_to_text(&user.roles)),
        provider_roles: Set(roles_to_text(&user.provider_roles)),
        display_name: Set(user.display_name.clone()),
        created_at: Set(user.created_at.0),
        disabled_at: Set(user.disabled_at.map(|at| at.0)),
        links_after: Set(user.links_after.map(|at| at.0)),
    }
}

pub(crate) fn session(row: e::session::Model) -> Result<Session, StoreError> {
    let upstream = match (row.provider, row.identity) {
        (Some(provider), Some(identity)) => Some(UpstreamSession {
            provider: ProviderId::from_stored(provider),
            identity: IdentityId::from_stored(identity),
            sid: row.upstream_sid,
            id_token: row.id_token.map(Sealed::from_stored),
        }),
        _ => None,
    };
    Ok(Session {
        authentication: authentication("session", &row.id, &row.acr, &row.amr)?,
        complete: row.complete,
        upstream,
        token: HashedToken::from_stored(row.token),
        id: SessionId::from_text(row.id),
        user_id: UserId::from_text(row.user_id),
        auth_time: Timestamp(row.auth_time),
        last_seen_at: Timestamp(row.last_seen_at),
        expires_at: Timestamp(row.expires_at),
        ends_at: Timestamp(row.ends_at),
        user_agent: row.user_agent,
        address: row.address,
    })
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
        acr: Set(session.authentication.level.as_str().to_owned()),
        amr: Set(amr_to_text(&session.authentication)),
        complete: Set(session.complete),
        provider: Set(session
            .upstream
            .as_ref()
            .map(|upstream| upstream.provider.as_str().to_owned())),
        identity: Set(session
            .upstream
            .as_ref()
            .map(|upstream| upstream.identity.as_str().to_owned())),
        upstream_sid: Set(session.upstream.as_ref().and_then(|upstream| upstream.sid.clone())),
        id_token: Set(session
            .upstream
            .as_ref()
            .and_then(|upstream| upstream.id_token.as_ref())
            .map(|sealed| sealed.as_str().to_owned())),
    }
}

pub(crate) fn code(row: e::authorization_code::Model) -> Result<AuthorizationCode, StoreError> {
    let resources = list_from_text("authorization_code", &row.token, &row.resources)?;
    Ok(AuthorizationCode {
        subject: Subject {
            account: UserId::from_text(row.user_id),
            auth_time: Timestamp(row.auth_time),
            authentication: authentication("authorization_code", &row.token, &row.acr, &row.amr)?,
            identity: row.identity.map(IdentityId::from_stored),
            sid: row.sid,
        },
        nonce: row.nonce,
        key: row.jkt.map(KeyThumbprint::from_stored),
        token: HashedToken::from_stored(row.token),
        grant_id: GrantId::from_text(row.grant_id),
        client_id: ClientId::from_text(row.client_id),
        redirect_uri: row.redirect_uri,
        scopes: ScopeSet::from_stored(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
        challenge: row.challenge,
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    })
}

pub(crate) fn code_row(code: &AuthorizationCode) -> e::authorization_code::ActiveModel {
    e::authorization_code::ActiveModel {
        token: Set(code.token.as_str().to_owned()),
        grant_id: Set(code.grant_id.as_str().to_owned()),
        client_id: Set(code.client_id.as_str().to_owned()),
        user_id: Set(code.subject.account.as_str().to_owned()),
        redirect_uri: Set(code.redirect_uri.clone()),
        scopes: Set(code.scopes.to_string()),
        resources: Set(list_to_text(code.resources.iter().map(Resource::as_str))),
        challenge: Set(code.challenge.clone()),
        auth_time: Set(code.subject.auth_time.0),
        acr: Set(code.subject.authentication.level.as_str().to_owned()),
        amr: Set(amr_to_text(&code.subject.authentication)),
        identity: Set(code.subject.identity.as_ref().map(|id| id.as_str().to_owned())),
        nonce: Set(code.nonce.clone()),
        sid: Set(code.subject.sid.clone()),
        expires_at: Set(code.expires_at.0),
        consumed_at: Set(code.consumed_at.map(|at| at.0)),
        jkt: Set(code.key.as_ref().map(|key| key.as_str().to_owned())),
    }
}

pub(crate) fn grant(row: e::access_grant::Model) -> Result<Grant, StoreError> {
    let resources = list_from_text("access_grant", &row.id, &row.resources)?;
    let delegation = match row.delegation.as_deref() {
        Some(text) => {
            Some(Delegation::from_text(text).ok_or_else(|| damaged("access_grant", &row.id))?)
        }
        None => None,
    };
    Ok(Grant {
        delegation,
        key: row.jkt.map(KeyThumbprint::from_stored),
        subject: Subject {
            account: UserId::from_text(row.user_id),
            auth_time: Timestamp(row.auth_time),
            authentication: authentication("access_grant", &row.id, &row.acr, &row.amr)?,
            identity: row.identity.map(IdentityId::from_stored),
            sid: row.sid,
        },
        id: GrantId::from_text(row.id),
        client_id: ClientId::from_text(row.client_id),
        scopes: ScopeSet::from_stored(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
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
        user_id: Set(grant.subject.account.as_str().to_owned()),
        scopes: Set(grant.scopes.to_string()),
        resources: Set(list_to_text(grant.resources.iter().map(Resource::as_str))),
        auth_time: Set(grant.subject.auth_time.0),
        acr: Set(grant.subject.authentication.level.as_str().to_owned()),
        amr: Set(amr_to_text(&grant.subject.authentication)),
        identity: Set(grant.subject.identity.as_ref().map(|id| id.as_str().to_owned())),
        sid: Set(grant.subject.sid.clone()),
        created_at: Set(grant.created_at.0),
        last_used_at: Set(grant.last_used_at.0),
        expires_at: Set(grant.expires_at.0),
        revoked_at: Set(grant.revoked_at.map(|at| at.0)),
        revoke_reason: Set(None),
        delegation: Set(grant.delegation.as_ref().map(Delegation::to_text)),
        jkt: Set(grant.key.as_ref().map(|key| key.as_str().to_owned())),
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
    OneTimeLink {
        token: HashedToken::from_stored(row.token),
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    }
}

pub(crate) fn signing_key(row: e::signing_key::Model) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        algorithm: SigningAlgorithm::parse(&row.algorithm)
            .ok_or_else(|| damaged("signing_key", &row.kid))?,
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

pub(crate) fn provider(row: e::provider::Model) -> StoredProvider {
    StoredProvider {
        id: ProviderId::from_stored(row.id),
        settings: row.settings,
        secret: row.secret.map(Sealed::from_stored),
        created_at: Timestamp(row.created_at),
    }
}

pub(crate) fn provider_row(provider: &StoredProvider) -> e::provider::ActiveModel {
    e::provider::ActiveModel {
        id: Set(provider.id.as_str().to_owned()),
        settings: Set(provider.settings.clone()),
        secret: Set(provider.secret.as_ref().map(|sealed| sealed.as_str().to_owned())),
        created_at: Set(provider.created_at.0),
    }
}

pub(crate) fn identity(row: e::identity::Model) -> Result<LinkedIdentity, StoreError> {
    Ok(LinkedIdentity {
        roles: roles("identity", &row.id, &row.roles)?,
        id: IdentityId::from_stored(row.id),
        provider: ProviderId::from_stored(row.provider),
        issuer: row.issuer,
        subject: row.subject,
        user_id: UserId::from_text(row.user_id),
        username: row.username,
        email: row.email,
        display_name: row.display_name,
        created_at: Timestamp(row.created_at),
        last_login_at: Timestamp(row.last_login_at),
        confirmed_at: Timestamp(row.confirmed_at),
        next_check_at: Timestamp(row.next_check_at),
        credential: row.credential.map(Sealed::from_stored),
        ended_at: row.ended_at.map(Timestamp),
        // Another version may have written it; it decides nothing.
        statement: row.statement.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// A statement as it is stored.
pub(crate) fn statement_text(statement: &Statement) -> Option<String> {
    serde_json::to_string(statement).ok()
}

pub(crate) fn identity_row(identity: &LinkedIdentity) -> e::identity::ActiveModel {
    e::identity::ActiveModel {
        id: Set(identity.id.as_str().to_owned()),
        provider: Set(identity.provider.as_str().to_owned()),
        issuer: Set(identity.issuer.clone()),
        subject: Set(identity.subject.clone()),
        user_id: Set(identity.user_id.as_str().to_owned()),
        username: Set(identity.username.clone()),
        email: Set(identity.email.clone()),
        display_name: Set(identity.display_name.clone()),
        roles: Set(roles_to_text(&identity.roles)),
        created_at: Set(identity.created_at.0),
        last_login_at: Set(identity.last_login_at.0),
        confirmed_at: Set(identity.confirmed_at.0),
        next_check_at: Set(identity.next_check_at.0),
        credential: Set(identity.credential.as_ref().map(|sealed| sealed.as_str().to_owned())),
        ended_at: Set(identity.ended_at.map(|at| at.0)),
        statement: Set(identity.statement.as_ref().and_then(statement_text)),
    }
}

pub(crate) fn invitation(row: e::invitation::Model) -> Invitation {
    Invitation {
        provider: ProviderId::from_stored(row.provider),
        email: row.email,
        user_id: UserId::from_text(row.user_id),
        created_at: Timestamp(row.created_at),
    }
}

pub(crate) fn sign_in(row: e::sign_in::Model) -> SignInAttempt {
    SignInAttempt {
        state: HashedToken::from_stored(row.state),
        provider: ProviderId::from_stored(row.provider),
        browser: HashedToken::from_stored(row.browser),
        payload: Sealed::from_stored(row.payload),
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    }
}

pub(crate) fn passkey(row: e::passkey::Model) -> Passkey {
    Passkey {
        id: row.id,
        user_id: UserId::from_text(row.user_id),
        name: row.name,
        credential: row.credential,
        created_at: Timestamp(row.created_at),
        last_used_at: row.last_used_at.map(Timestamp),
    }
}

pub(crate) fn totp(row: e::totp::Model) -> Totp {
    Totp {
        user_id: UserId::from_text(row.user_id),
        secret: Sealed::from_stored(row.secret),
        created_at: Timestamp(row.created_at),
        confirmed_at: row.confirmed_at.map(Timestamp),
        last_step: row.last_step,
    }
}
