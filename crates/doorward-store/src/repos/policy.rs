//! Versions of the policy.

use doorward_model::PolicyVersion;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    Store, StoreError,
    convert::policy::version,
    entities::policy_version::{Column, Entity},
};

impl Store {
    /// The version of the policy with this number.
    pub async fn policy_version(&self, number: i64) -> Result<Option<PolicyVersion>, StoreError> {
        self.point().one(Entity::find_by_id(number)).await?.map(version).transpose()
    }

    /// The newest versions of the policy, with numbers below `before`.
    pub async fn policy_versions(
        &self,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<PolicyVersion>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Number.lt(before.unwrap_or(i64::MAX)))
            .order_by_desc(Column::Number)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(version).collect()
    }
}
