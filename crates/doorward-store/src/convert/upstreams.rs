//! Between rows and records of upstreams.

use doorward_model::{
    Connection, HashedToken, Sealed, ServerPin, Timestamp, ToolClass, UpstreamId, UpstreamName,
    UpstreamTrust, UserId,
    trust::Revocation,
    upstream::{
        ConnectAttempt, ConnectionProblem, KeptResult, Pinned, PinnedTool, StoredUpstream,
        ToolState, UpstreamRegistration,
    },
};

use super::damaged;
use crate::{StoreError, entities as e};

fn name(table: &'static str, text: &str) -> Result<UpstreamName, StoreError> {
    UpstreamName::parse(text).map_err(|_| damaged(table, text))
}

pub(crate) fn upstream(row: e::upstream::Model) -> Result<StoredUpstream, StoreError> {
    Ok(StoredUpstream {
        name: name("upstream", &row.name)?,
        settings: row.settings,
        secrets: row.secrets.map(Sealed::from_stored),
        created_at: Timestamp(row.created_at),
    })
}

pub(crate) fn upstream_row(upstream: &StoredUpstream) -> e::upstream::Model {
    e::upstream::Model {
        name: upstream.name.as_str().to_owned(),
        settings: upstream.settings.clone(),
        secrets: upstream.secrets.as_ref().map(|sealed| sealed.as_str().to_owned()),
        created_at: upstream.created_at.0,
    }
}

/// The words of a list of scopes, which are separated by spaces (RFC 6749 section 3.3).
fn words(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(crate) fn trust(row: e::upstream_trust::Model) -> Result<UpstreamTrust, StoreError> {
    let pin = |issuer: Option<String>, resource, scopes| {
        issuer.map(|issuer| ServerPin { issuer, resource, scopes: words(scopes) })
    };
    Ok(UpstreamTrust {
        upstream: name("upstream_trust", &row.upstream)?,
        id: UpstreamId::from_text(row.id),
        location: row.location,
        server: pin(row.issuer, row.resource, row.scopes),
        named: pin(row.named_issuer, row.named_resource, row.named_scopes),
        since: Timestamp(row.since),
    })
}

pub(crate) fn trust_row(trust: &UpstreamTrust) -> e::upstream_trust::Model {
    let (server, named) = (trust.server.as_ref(), trust.named.as_ref());
    e::upstream_trust::Model {
        upstream: trust.upstream.as_str().to_owned(),
        id: trust.id.as_str().to_owned(),
        location: trust.location.clone(),
        issuer: server.map(|pin| pin.issuer.clone()),
        resource: server.and_then(|pin| pin.resource.clone()),
        scopes: server.map(|pin| pin.scopes.join(" ")),
        named_issuer: named.map(|pin| pin.issuer.clone()),
        named_resource: named.and_then(|pin| pin.resource.clone()),
        named_scopes: named.map(|pin| pin.scopes.join(" ")),
        since: trust.since.0,
    }
}

pub(crate) fn revocation(row: e::token_revocation::Model) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        upstream: name("token_revocation", &row.upstream)?,
        id: row.id,
        user_id: UserId::from_text(row.user_id),
        issuer: row.issuer,
        resource: row.resource,
        tokens: Sealed::from_stored(row.tokens),
        registration: row.registration.map(Sealed::from_stored),
        access: row.access.map(Sealed::from_stored),
        tries: row.tries,
        due_at: Timestamp(row.due_at),
    })
}

pub(crate) fn revocation_row(new: &Revocation) -> e::token_revocation::Model {
    e::token_revocation::Model {
        id: new.id.clone(),
        upstream: new.upstream.to_string(),
        user_id: new.user_id.to_string(),
        issuer: new.issuer.clone(),
        resource: new.resource.clone(),
        tokens: new.tokens.as_str().to_owned(),
        registration: new.registration.as_ref().map(|sealed| sealed.as_str().to_owned()),
        access: new.access.as_ref().map(|sealed| sealed.as_str().to_owned()),
        tries: new.tries,
        due_at: new.due_at.0,
    }
}

pub(crate) fn tool(row: e::upstream_tool::Model) -> Result<PinnedTool, StoreError> {
    let wrong = || damaged("upstream_tool", &format!("{} {}", row.upstream, row.tool));
    Ok(PinnedTool {
        upstream: name("upstream_tool", &row.upstream)?,
        state: ToolState::parse(&row.state).ok_or_else(wrong)?,
        class: row
            .class
            .as_deref()
            .map(|class| ToolClass::parse(class).ok_or_else(wrong))
            .transpose()?,
        pinned: Pinned::parse(row.pinned.as_deref()).ok_or_else(wrong)?,
        tool: row.tool,
        definition: row.definition,
        origin: row.origin,
        changed: row.changed,
        first_seen_at: Timestamp(row.first_seen_at),
        decided_at: row.decided_at.map(Timestamp),
    })
}

pub(crate) fn tool_row(tool: &PinnedTool) -> e::upstream_tool::Model {
    e::upstream_tool::Model {
        upstream: tool.upstream.as_str().to_owned(),
        tool: tool.tool.clone(),
        state: tool.state.as_str().to_owned(),
        definition: tool.definition.clone(),
        changed: tool.changed.clone(),
        class: tool.class.map(|class| class.as_str().to_owned()),
        first_seen_at: tool.first_seen_at.0,
        decided_at: tool.decided_at.map(|at| at.0),
        pinned: tool.pinned.as_str().map(str::to_owned),
        origin: tool.origin.clone(),
    }
}

pub(crate) fn registration(
    row: e::upstream_registration::Model,
) -> Result<UpstreamRegistration, StoreError> {
    Ok(UpstreamRegistration {
        upstream: name("upstream_registration", &row.upstream)?,
        issuer: row.issuer,
        resource: row.resource,
        credentials: Sealed::from_stored(row.credentials),
        expires_at: row.expires_at.map(Timestamp),
        created_at: Timestamp(row.created_at),
    })
}

pub(crate) fn registration_row(
    registration: &UpstreamRegistration,
) -> e::upstream_registration::Model {
    e::upstream_registration::Model {
        upstream: registration.upstream.as_str().to_owned(),
        issuer: registration.issuer.clone(),
        resource: registration.resource.clone(),
        credentials: registration.credentials.as_str().to_owned(),
        expires_at: registration.expires_at.map(|at| at.0),
        created_at: registration.created_at.0,
    }
}

pub(crate) fn connection(row: e::connection::Model) -> Result<Connection, StoreError> {
    Ok(Connection {
        upstream: name("connection", &row.upstream)?,
        user_id: UserId::from_text(row.user_id),
        issuer: row.issuer,
        resource: row.resource,
        scopes: row.scopes,
        tokens: row.tokens.map(Sealed::from_stored),
        expires_at: row.expires_at.map(Timestamp),
        ends_at: Timestamp(row.ends_at),
        created_at: Timestamp(row.created_at),
        version: row.version,
        refreshing_until: row.refreshing_until.map(Timestamp),
        problem: row.problem.as_deref().and_then(ConnectionProblem::parse),
        account: row.account,
    })
}

pub(crate) fn connection_row(connection: &Connection) -> e::connection::Model {
    e::connection::Model {
        user_id: connection.user_id.as_str().to_owned(),
        upstream: connection.upstream.as_str().to_owned(),
        issuer: connection.issuer.clone(),
        resource: connection.resource.clone(),
        scopes: connection.scopes.clone(),
        tokens: connection.tokens.as_ref().map(|sealed| sealed.as_str().to_owned()),
        expires_at: connection.expires_at.map(|at| at.0),
        ends_at: connection.ends_at.0,
        created_at: connection.created_at.0,
        version: connection.version,
        refreshing_until: connection.refreshing_until.map(|at| at.0),
        problem: connection.problem.map(|problem| problem.as_str().to_owned()),
        account: connection.account.clone(),
    }
}

pub(crate) fn attempt(row: e::connect_attempt::Model) -> Result<ConnectAttempt, StoreError> {
    Ok(ConnectAttempt {
        upstream: name("connect_attempt", &row.upstream)?,
        state: HashedToken::from_stored(row.state),
        user_id: UserId::from_text(row.user_id),
        browser: HashedToken::from_stored(row.browser),
        payload: Sealed::from_stored(row.payload),
        expires_at: Timestamp(row.expires_at),
    })
}

pub(crate) fn attempt_row(attempt: &ConnectAttempt) -> e::connect_attempt::Model {
    e::connect_attempt::Model {
        state: attempt.state.as_str().to_owned(),
        upstream: attempt.upstream.as_str().to_owned(),
        user_id: attempt.user_id.as_str().to_owned(),
        browser: attempt.browser.as_str().to_owned(),
        payload: attempt.payload.as_str().to_owned(),
        expires_at: attempt.expires_at.0,
        consumed_at: None,
    }
}

pub(crate) fn kept(row: e::kept_result::Model) -> KeptResult {
    KeptResult {
        id: HashedToken::from_stored(row.id),
        user_id: UserId::from_text(row.user_id),
        tool: row.tool,
        body: Sealed::from_stored(row.body),
        size: row.size,
        created_at: Timestamp(row.created_at),
        expires_at: Timestamp(row.expires_at),
    }
}

pub(crate) fn kept_row(result: &KeptResult) -> e::kept_result::Model {
    e::kept_result::Model {
        id: result.id.as_str().to_owned(),
        user_id: result.user_id.as_str().to_owned(),
        tool: result.tool.clone(),
        body: result.body.as_str().to_owned(),
        size: result.size,
        created_at: result.created_at.0,
        expires_at: result.expires_at.0,
    }
}
