//! Writes of device authorizations.

use doorward_model::{
    AuditKind, AuditSubject, DeviceChange, HashedToken, Resource, Timestamp,
    device::{DeviceAuthorization, DeviceDecision},
};
use sea_orm::{
    ActiveValue::NotSet, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, sea_query::Expr,
};
use serde_json::json;

use super::{Audit, Name, Sql, Write, about, nothing, run};
use crate::{
    condition::Condition,
    convert::devices::{ALLOWED, PENDING, device_row},
    entities::device_authorization::{Column as D, Entity},
};

/// The write of a change to device authorizations.
pub(super) fn of(change: DeviceChange) -> Write {
    match change {
        DeviceChange::Insert(device) => Write {
            name: Name::Decides(Condition::InsertDevice),
            work: run(Entity::insert(device_row(&device)).on_conflict(nothing())),
            stale: None,
            // Nothing is given before a user decides.
            audit: Audit::Silent,
        },
        DeviceChange::Poll { device_code, seen, interval, now } => {
            poll(&device_code, seen, interval, now)
        }
        DeviceChange::Decide { authorization, decision, now } => {
            decide(&authorization, decision, now)
        }
        DeviceChange::Redeem { device_code, now } => redeem(&device_code, now),
    }
}

fn poll(
    device_code: &HashedToken,
    seen: Option<Timestamp>,
    interval: i64,
    now: Timestamp,
) -> Write {
    let same = match seen {
        Some(at) => D::PolledAt.eq(at.0),
        None => D::PolledAt.is_null(),
    };
    Write {
        name: Name::Decides(Condition::PollDevice),
        work: run(Entity::update_many()
            .col_expr(D::PolledAt, Expr::value(now.0))
            .col_expr(D::PollSeconds, Expr::value(interval))
            .filter(Where::all().add(D::DeviceCode.eq(device_code.as_str())).add(same))),
        stale: None,
        audit: Audit::Silent,
    }
}

fn decide(device: &DeviceAuthorization, decision: DeviceDecision, now: Timestamp) -> Write {
    let undecided = Where::all()
        .add(D::DeviceCode.eq(device.device_code.as_str()))
        .add(D::State.eq(PENDING))
        .add(D::SpentAt.is_null())
        .add(D::ExpiresAt.gt(now.0));
    let client = device.client_id.as_str();
    let event = match &decision {
        DeviceDecision::Allowed { subject, scopes } => {
            let resources: Vec<_> = device.resources.iter().map(Resource::as_str).collect();
            let detail = json!({
                "scopes": scopes.to_string(), "resources": resources, "device": device.address,
            });
            about(AuditKind::ConsentAllowed, AuditSubject::Client, client)
                .by(&subject.account)
                .through(&device.client_id)
                .detail(detail.to_string())
        }
        DeviceDecision::Denied | DeviceDecision::Pending => {
            about(AuditKind::ConsentDenied, AuditSubject::Client, client)
                .through(&device.client_id)
                .detail(json!({"device": device.address}).to_string())
        }
    };
    let mut row = device_row(&DeviceAuthorization { decision, ..device.clone() });
    // Polls go on meanwhile.
    (row.device_code, row.polled_at, row.poll_seconds) = (NotSet, NotSet, NotSet);
    Write {
        name: Name::Decides(Condition::DecideDevice),
        work: run(Entity::update_many().set(row).filter(undecided)),
        stale: None,
        audit: Audit::Entry(event),
    }
}

fn redeem(device_code: &HashedToken, now: Timestamp) -> Write {
    let allowed = Where::all()
        .add(D::DeviceCode.eq(device_code.as_str()))
        .add(D::State.eq(ALLOWED))
        .add(D::SpentAt.is_null())
        .add(D::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemDevice),
        work: run(Entity::update_many().col_expr(D::SpentAt, Expr::value(now.0)).filter(allowed)),
        stale: None,
        // The grant of the same unit has the entry.
        audit: Audit::Silent,
    }
}

/// Spends authorizations that wait to be redeemed, so that no grant arises after the user or client
/// was cut off.
pub(super) fn spend(which: Where, at: Timestamp) -> Sql {
    Entity::update_many()
        .col_expr(D::SpentAt, Expr::value(at.0))
        .filter(which.add(D::SpentAt.is_null()))
        .into()
}
