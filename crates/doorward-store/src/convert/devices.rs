//! Device authorizations between rows and records.

use doorward_model::{
    ClientId, GrantId, HashedToken, IdentityId, Resource, ScopeSet, Subject, Timestamp, UserId,
    device::{DeviceAuthorization, DeviceDecision},
};
use sea_orm::ActiveValue::Set;

use super::{amr_to_text, authentication, damaged, list_from_text, list_to_text};
use crate::{StoreError, entities::device_authorization};

const TABLE: &str = "device_authorization";
/// The stored states.
pub(crate) const PENDING: &str = "pending";
const DENIED: &str = "denied";
pub(crate) const ALLOWED: &str = "allowed";

pub(crate) fn device(row: device_authorization::Model) -> Result<DeviceAuthorization, StoreError> {
    let resources = list_from_text(TABLE, &row.device_code, &row.resources)?;
    let unreadable = || damaged(TABLE, &row.device_code);
    let decision = match row.state.as_str() {
        PENDING => DeviceDecision::Pending,
        DENIED => DeviceDecision::Denied,
        ALLOWED => DeviceDecision::Allowed {
            subject: Subject {
                account: UserId::from_text(row.user_id.clone().ok_or_else(unreadable)?),
                auth_time: Timestamp(row.auth_time.ok_or_else(unreadable)?),
                authentication: authentication(
                    TABLE,
                    &row.device_code,
                    row.acr.as_deref().unwrap_or_default(),
                    row.amr.as_deref().unwrap_or("[]"),
                )?,
                identity: row.identity.clone().map(IdentityId::from_stored),
                sid: None,
            },
            scopes: ScopeSet::from_stored(row.granted.as_deref().unwrap_or_default()),
        },
        _ => return Err(unreadable()),
    };
    Ok(DeviceAuthorization {
        device_code: HashedToken::from_stored(row.device_code),
        user_code: HashedToken::from_stored(row.user_code),
        client_id: ClientId::from_text(row.client_id),
        grant_id: GrantId::from_text(row.grant_id),
        scopes: ScopeSet::from_stored(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
        address: row.address,
        agent: row.agent,
        created_at: Timestamp(row.created_at),
        expires_at: Timestamp(row.expires_at),
        interval: row.poll_seconds,
        polled_at: row.polled_at.map(Timestamp),
        decision,
        spent_at: row.spent_at.map(Timestamp),
    })
}

pub(crate) fn device_row(device: &DeviceAuthorization) -> device_authorization::ActiveModel {
    let (state, subject, granted) = match &device.decision {
        DeviceDecision::Pending => (PENDING, None, None),
        DeviceDecision::Denied => (DENIED, None, None),
        DeviceDecision::Allowed { subject, scopes } => (ALLOWED, Some(subject), Some(scopes)),
    };
    let of = |subject: &Subject| amr_to_text(&subject.authentication);
    let level = |subject: &Subject| subject.authentication.level.as_str().to_owned();
    let identity = subject.and_then(|subject| subject.identity.as_ref());
    device_authorization::ActiveModel {
        device_code: Set(device.device_code.as_str().to_owned()),
        user_code: Set(device.user_code.as_str().to_owned()),
        client_id: Set(device.client_id.to_string()),
        grant_id: Set(device.grant_id.to_string()),
        scopes: Set(device.scopes.to_string()),
        resources: Set(list_to_text(device.resources.iter().map(Resource::as_str))),
        address: Set(device.address.clone()),
        agent: Set(device.agent.clone()),
        created_at: Set(device.created_at.0),
        expires_at: Set(device.expires_at.0),
        poll_seconds: Set(device.interval),
        polled_at: Set(device.polled_at.map(|at| at.0)),
        state: Set(state.to_owned()),
        user_id: Set(subject.map(|subject| subject.account.to_string())),
        auth_time: Set(subject.map(|subject| subject.auth_time.0)),
        acr: Set(subject.map(level)),
        amr: Set(subject.map(of)),
        identity: Set(identity.map(|identity| identity.as_str().to_owned())),
        granted: Set(granted.map(ToString::to_string)),
        spent_at: Set(device.spent_at.map(|at| at.0)),
    }
}
