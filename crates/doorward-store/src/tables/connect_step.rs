//! Steps of connecting clients. They explain the last week at one server.

use doorward_model::{ConnectStep, Outcome, Reason, StepKind, Timestamp};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::IntoCondition,
};

use crate::{
    Store, StoreError,
    rows::Rows,
    tables::{Copied, Table},
    writes::{Audit, Name, Sql, Work, Write},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_step")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub at: i64,
    pub step: String,
    pub outcome: String,
    pub address: String,
    pub agent: String,
    pub client_id: Option<String>,
    pub client_name: Option<String>,
    pub user_id: Option<String>,
    pub flow: Option<String>,
    pub reason: Option<String>,
    pub detail: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// For how many seconds the steps of connecting clients are kept: a week.
const STEPS_KEPT: i64 = 7 * 86_400;

impl Table for Entity {
    const COPIED: Copied = Copied::Never;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::At.lt(now.plus(-STEPS_KEPT).0).into_condition())
    }
}

/// Maximum number of steps that one read assembles.
const STEPS: u64 = 5000;

pub(crate) fn from_row(row: Model) -> Option<ConnectStep> {
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

pub(crate) fn to_row(step: &ConnectStep) -> ActiveModel {
    ActiveModel {
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

impl Store {
    /// The steps of connecting clients since a moment, the oldest first; of very many, the last
    /// ones.
    pub async fn connect_steps(&self, since: Timestamp) -> Result<Vec<ConnectStep>, StoreError> {
        let rows = Entity::find()
            .filter(Column::At.gte(since.0))
            .order_by_desc(Column::Seq)
            .limit(STEPS)
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().rev().filter_map(from_row).collect())
    }
}

pub(crate) fn insert(steps: &[ConnectStep]) -> Write {
    let rows = Rows::many(steps.iter().map(to_row));
    Write {
        name: Name::Always("insert_steps"),
        work: Work::Statements(rows.into_iter().map(Sql::from).collect()),
        stale: None,
        // Steps are a record of their own.
        audit: Audit::Silent,
    }
}
