//! Grants as they count at a moment, those that were given in exchange for tokens among them.

use std::sync::Arc;

use doorward_model::{Grant, GrantId, MOST_ACTORS, Timestamp};

use crate::{Store, StoreError};

impl Store {
    /// The grant with this id, if it counts at `now`. One that was given in exchange for a token
    /// counts as long as the grant of that token does and its client may exchange it, and reaches
    /// no further than they do.
    pub async fn grant_in_force(
        &self,
        id: &GrantId,
        now: Timestamp,
    ) -> Result<Option<Arc<Grant>>, StoreError> {
        let Some(grant) = self.live(id, now).await? else { return Ok(None) };
        if grant.delegation.is_none() {
            return Ok(Some(grant));
        }
        let mut scopes = grant.scopes.clone();
        let mut link = Arc::clone(&grant);
        for _ in 0..MOST_ACTORS {
            let Some(delegation) = &link.delegation else { break };
            let client = self.client(&link.client_id).await?;
            let Some(rule) = client.as_ref().and_then(|client| client.exchange.as_ref()) else {
                return Ok(None);
            };
            scopes = scopes.intersection(&rule.scopes);
            if let Some(own) = &delegation.own
                && self.live(own, now).await?.is_none()
            {
                return Ok(None);
            }
            let Some(subject) = &delegation.subject else {
                return Ok(Some(narrowed(&grant, scopes)));
            };
            let Some(before) = self.live(subject, now).await? else { return Ok(None) };
            if !rule.accepts(&link.client_id, &before.client_id) {
                return Ok(None);
            }
            scopes = scopes.intersection(&before.scopes);
            link = before;
        }
        // A chain that is longer than any that is made is damage.
        Ok(link.delegation.is_none().then(|| narrowed(&grant, scopes)))
    }

    async fn live(&self, id: &GrantId, now: Timestamp) -> Result<Option<Arc<Grant>>, StoreError> {
        Ok(self.grant(id).await?.filter(|grant| grant.is_live(now)))
    }
}

fn narrowed(grant: &Grant, scopes: doorward_model::ScopeSet) -> Arc<Grant> {
    Arc::new(Grant { scopes, ..grant.clone() })
}
