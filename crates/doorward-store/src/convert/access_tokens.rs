//! Personal and service tokens, and the steps of connecting clients, between rows and records.

use doorward_model::{
    AccessToken, AccessTokenId, ConnectStep, HashedToken, IdentityId, Outcome, Reason, ScopeSet,
    StepKind, Timestamp, UpstreamName, UserId,
};
use sea_orm::ActiveValue::{NotSet, Set};

use super::{amr_to_text, authentication, damaged, list_from_text, list_to_text};
use crate::{
    StoreError,
    entities::{access_token, connect_step},
};

pub(crate) fn token(row: access_token::Model) -> Result<AccessToken, StoreError> {
    let upstreams = list_from_text("access_token", &row.id, &row.upstreams)?;
    // For tokens from before it was recorded, it is unknown.
    let (acr, amr) =
        (row.acr.as_deref().unwrap_or_default(), row.amr.as_deref().unwrap_or(r#"["pat"]"#));
    let authentication = authentication("access_token", &row.id, acr, amr)?;
    Ok(AccessToken {
        upstreams: upstreams
            .iter()
            .map(|name| UpstreamName::parse(name))
            .collect::<Result<_, _>>()
            .map_err(|_| damaged("access_token", &row.id))?,
        id: AccessTokenId::from_text(row.id),
        token: HashedToken::from_stored(row.token),
        user_id: UserId::from_text(row.user_id),
        name: row.name,
        scopes: ScopeSet::parse_known(&row.scopes),
        created_at: Timestamp(row.created_at),
        rotated_at: row.rotated_at.map(Timestamp),
        expires_at: Timestamp(row.expires_at),
        last_used_at: row.last_used_at.map(Timestamp),
        revoked_at: row.revoked_at.map(Timestamp),
        authentication,
        identity: row.identity.map(IdentityId::from_stored),
    })
}

pub(crate) fn token_row(token: &AccessToken) -> access_token::ActiveModel {
    access_token::ActiveModel {
        id: Set(token.id.to_string()),
        token: Set(token.token.as_str().to_owned()),
        user_id: Set(token.user_id.to_string()),
        name: Set(token.name.clone()),
        scopes: Set(token.scopes.to_string()),
        upstreams: Set(list_to_text(token.upstreams.iter().map(UpstreamName::as_str))),
        created_at: Set(token.created_at.0),
        rotated_at: Set(token.rotated_at.map(|at| at.0)),
        expires_at: Set(token.expires_at.0),
        last_used_at: Set(token.last_used_at.map(|at| at.0)),
        revoked_at: Set(token.revoked_at.map(|at| at.0)),
        acr: Set(Some(token.authentication.level.as_str().to_owned())),
        amr: Set(Some(amr_to_text(&token.authentication))),
        identity: Set(token.identity.as_ref().map(|identity| identity.as_str().to_owned())),
    }
}

pub(crate) fn step(row: connect_step::Model) -> Option<ConnectStep> {
    Some(ConnectStep {
        seq: row.seq,
        at: Timestamp(row.at),
        // A step of a newer version is unknown to this one.
        kind: StepKind::parse(&row.step)?,
        outcome: Outcome::parse(&row.outcome)?,
        address: row.address,
        agent: row.agent,
        client_id: row.client_id,
        client_name: row.client_name,
        user_id: row.user_id,
        flow: row.flow,
        reason: row.reason.as_deref().and_then(Reason::parse),
        detail: row.detail.unwrap_or_default(),
    })
}

pub(crate) fn step_row(step: &ConnectStep) -> connect_step::ActiveModel {
    connect_step::ActiveModel {
        seq: NotSet,
        at: Set(step.at.0),
        step: Set(step.kind.as_str().to_owned()),
        outcome: Set(step.outcome.as_str().to_owned()),
        address: Set(step.address.clone()),
        agent: Set(step.agent.clone()),
        client_id: Set(step.client_id.clone()),
        client_name: Set(step.client_name.clone()),
        user_id: Set(step.user_id.clone()),
        flow: Set(step.flow.clone()),
        reason: Set(step.reason.map(|reason| reason.code().to_owned())),
        detail: Set(Some(step.detail.clone()).filter(|detail| !detail.is_empty())),
    }
}
