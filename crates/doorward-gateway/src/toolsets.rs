//! The toolsets of this moment, taken up as upstreams are.

use doorward_mcp::{Change, Changed};
use doorward_model::ResourceTable;
use doorward_store::StoreError;

use crate::Gateway;

impl Gateway {
    /// The resources of this moment, with the toolsets among them.
    pub fn resources(&self) -> &ResourceTable {
        &self.inner.settings.resources
    }

    /// Takes up changes of toolsets. Clients that listen are notified: what they may use can be
    /// another selection.
    pub(crate) async fn follow_toolsets(&self) -> Result<(), StoreError> {
        let toolsets = self.inner.services.store.toolsets().await?;
        if self.inner.settings.resources.follow_toolsets(&toolsets) {
            for what in [Changed::Tools, Changed::Prompts, Changed::Resources] {
                self.inner.services.changes.tell(Change { upstream: None, user: None, what });
            }
        }
        Ok(())
    }
}
