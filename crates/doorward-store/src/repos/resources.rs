//! External resource servers.

use std::sync::Arc;

use doorward_model::ExternalResource;
use sea_orm::{EntityTrait, QueryOrder};

use crate::{Store, StoreError, convert::resources as convert, entities::external_resource};

impl Store {
    /// All external resource servers, by URL.
    pub async fn external_resources(&self) -> Result<Arc<Vec<ExternalResource>>, StoreError> {
        let read = || async move {
            let rows = external_resource::Entity::find()
                .order_by_asc(external_resource::Column::Url)
                .order_by_asc(external_resource::Column::Id);
            let rows = self.point().all(rows).await?;
            rows.into_iter().map(convert::resource).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.resources.get(&(), read).await?.unwrap_or_default())
    }
}
