//! Device authorizations.

use doorward_model::{
    AuditKind, AuditSubject, ClientId, DeviceChange, GrantId, HashedToken, IdentityId, Resource,
    ScopeSet, Subject, Timestamp, UserId,
    device::{DeviceAuthorization, DeviceDecision},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, EntityTrait, PaginatorTrait, QueryFilter,
    entity::prelude::*,
    sea_query::{Expr, IntoCondition},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{amr_to_text, authentication, damaged, list_from_text, list_to_text},
    tables::{Copied, Table},
    writes::{Audit, Name, Sql, Write, about, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_authorization")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_code: String,
    pub user_code: String,
    pub client_id: String,
    pub grant_id: String,
    pub scopes: String,
    pub resources: String,
    pub address: String,
    pub agent: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub poll_seconds: i64,
    pub polled_at: Option<i64>,
    pub state: String,
    pub user_id: Option<String>,
    pub auth_time: Option<i64>,
    pub acr: Option<String>,
    pub amr: Option<String>,
    pub identity: Option<String>,
    pub granted: Option<String>,
    pub spent_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        // A spent one stays for as long as a replay of its code is likely.
        Some(Column::ExpiresAt.lt(now.plus(-86_400).0).into_condition())
    }
}

const TABLE: &str = "device_authorization";

/// The stored states.
pub(crate) const PENDING: &str = "pending";

const DENIED: &str = "denied";

pub(crate) const ALLOWED: &str = "allowed";

pub(crate) fn from_row(row: Model) -> Result<DeviceAuthorization, StoreError> {
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

pub(crate) fn to_row(device: &DeviceAuthorization) -> ActiveModel {
    let (state, subject, granted) = match &device.decision {
        DeviceDecision::Pending => (PENDING, None, None),
        DeviceDecision::Denied => (DENIED, None, None),
        DeviceDecision::Allowed { subject, scopes } => (ALLOWED, Some(subject), Some(scopes)),
    };
    let of = |subject: &Subject| amr_to_text(&subject.authentication);
    let level = |subject: &Subject| subject.authentication.level.as_str().to_owned();
    let identity = subject.and_then(|subject| subject.identity.as_ref());
    ActiveModel {
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

impl Store {
    /// The device authorization with this device code, in any state.
    pub async fn device(
        &self,
        device_code: &HashedToken,
    ) -> Result<Option<DeviceAuthorization>, StoreError> {
        let row = self.point().by_id::<Entity>(device_code.as_str()).await?;
        row.map(from_row).transpose()
    }

    /// The device authorization with this user code, in any state.
    pub async fn device_of_user_code(
        &self,
        user_code: &HashedToken,
    ) -> Result<Option<DeviceAuthorization>, StoreError> {
        let row = self
            .point()
            .one(Entity::find().filter(Column::UserCode.eq(user_code.as_str())))
            .await?;
        row.map(from_row).transpose()
    }

    /// The number of device authorizations that wait for a decision.
    pub async fn count_devices(&self, now: Timestamp) -> Result<u64, StoreError> {
        let waiting =
            Entity::find().filter(Column::State.eq(PENDING)).filter(Column::ExpiresAt.gt(now.0));
        Ok(waiting.count(&self.reader).await?)
    }
}

/// The write of a change to device authorizations.
pub(crate) fn of(change: DeviceChange) -> Write {
    match change {
        DeviceChange::Insert(device) => Write {
            name: Name::Decides(Condition::Row("insert_device")),
            work: run(Entity::insert(to_row(&device)).on_conflict(nothing())),
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
        Some(at) => Column::PolledAt.eq(at.0),
        None => Column::PolledAt.is_null(),
    };
    Write {
        name: Name::Decides(Condition::PollDevice),
        work: run(Entity::update_many()
            .col_expr(Column::PolledAt, Expr::value(now.0))
            .col_expr(Column::PollSeconds, Expr::value(interval))
            .filter(Where::all().add(Column::DeviceCode.eq(device_code.as_str())).add(same))),
        stale: None,
        audit: Audit::Silent,
    }
}

fn decide(device: &DeviceAuthorization, decision: DeviceDecision, now: Timestamp) -> Write {
    let undecided = Where::all()
        .add(Column::DeviceCode.eq(device.device_code.as_str()))
        .add(Column::State.eq(PENDING))
        .add(Column::SpentAt.is_null())
        .add(Column::ExpiresAt.gt(now.0));
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
    let mut row = to_row(&DeviceAuthorization { decision, ..device.clone() });
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
        .add(Column::DeviceCode.eq(device_code.as_str()))
        .add(Column::State.eq(ALLOWED))
        .add(Column::SpentAt.is_null())
        .add(Column::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemDevice),
        work: run(Entity::update_many()
            .col_expr(Column::SpentAt, Expr::value(now.0))
            .filter(allowed)),
        stale: None,
        // The grant of the same unit has the entry.
        audit: Audit::Silent,
    }
}

/// Spends authorizations that wait to be redeemed, so that no grant arises after the user or client
/// was cut off.
pub(crate) fn spend(which: Where, at: Timestamp) -> Sql {
    Entity::update_many()
        .col_expr(Column::SpentAt, Expr::value(at.0))
        .filter(which.add(Column::SpentAt.is_null()))
        .into()
}
