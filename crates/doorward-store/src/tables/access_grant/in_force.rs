//! Grants as they count at a moment, those that were given in exchange for tokens among them.

use std::sync::Arc;

use doorward_model::{
    ActingParty, ClientId, Delegation, Grant, GrantId, MOST_ACTORS, Timestamp, UpstreamId,
};

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
        // The session at an application ends when the user signs out of the one that it came of.
        if grant.is_session()
            && let Some(sid) = &grant.subject.sid
            && !self.is_relying_session_open(sid).await?
        {
            return Ok(None);
        }
        let mut scopes = grant.scopes.clone();
        let mut link = Arc::clone(&grant);
        for _ in 0..MOST_ACTORS {
            let Some(delegation) = &link.delegation else { break };
            let client = self.client(&link.client_id).await?;
            let Some(rule) = client.as_ref().and_then(|client| client.exchange.as_ref()) else {
                return Ok(None);
            };
            // Of one that became a back end, only the tokens of back ends count.
            if rule.back_end {
                return Ok(None);
            }
            scopes = scopes.intersection(&rule.scopes);
            if let Some(own) = &delegation.own
                && self.live(own, now).await?.is_none()
            {
                return Ok(None);
            }
            let Some(subject) = &delegation.subject else {
                let named = |provider| rule.accepts_provider(provider);
                let counts = delegation.provider.as_ref().is_some_and(named);
                return Ok(counts.then(|| narrowed(&grant, scopes)));
            };
            let before = if delegation.session {
                self.origin_of_session(subject, now).await?
            } else {
                self.live(subject, now).await?
            };
            let Some(before) = before else { return Ok(None) };
            if !rule.accepts(&link.client_id, &before.client_id) {
                return Ok(None);
            }
            scopes = scopes.intersection(&before.scopes);
            link = before;
        }
        // A chain that is longer than any that is made is damage.
        Ok(link.delegation.is_none().then(|| narrowed(&grant, scopes)))
    }

    /// The access of a back end that got a token for one upstream for a user's token of the grant
    /// `user`, if it counts at `now`: that grant counts, and the back end may act for its client.
    /// It is made of what both are at this moment and stored nowhere, so that it is in no list and
    /// no number.
    pub async fn back_end_in_force(
        &self,
        user: &GrantId,
        back_end: &ClientId,
        upstream: &UpstreamId,
        now: Timestamp,
    ) -> Result<Option<Grant>, StoreError> {
        // For an exchanged token there is none: the user gave it to the application alone.
        let Some(before) = self.live(user, now).await?.filter(|it| it.delegation.is_none()) else {
            return Ok(None);
        };
        let client = self.client(back_end).await?.filter(|client| client.disabled_at.is_none());
        let Some(client) = client else { return Ok(None) };
        let permitted = |rule: &&doorward_model::ExchangeRule| {
            rule.back_end && rule.accepts(back_end, &before.client_id)
        };
        let Some(rule) = client.exchange.as_ref().filter(permitted) else { return Ok(None) };
        if let Some(own) = &client.service
            && self.user(own).await?.is_none_or(|own| own.disabled_at.is_some())
        {
            return Ok(None);
        }
        let party = ActingParty { client_id: client.id.clone(), account: client.service.clone() };
        let delegation = Delegation {
            subject: Some(before.id.clone()),
            own: None,
            actors: vec![party],
            back_end_at: Some(upstream.clone()),
            provider: None,
            session: false,
        };
        Ok(Some(Grant {
            client_id: client.id.clone(),
            scopes: before.scopes.intersection(&rule.scopes),
            delegation: Some(delegation),
            key: None,
            ..before.as_ref().clone()
        }))
    }

    /// True if a grant that was in force still is.
    pub async fn is_still_in_force(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let upstream = grant.delegation.as_ref().and_then(|it| it.back_end_at.as_ref());
        let Some(upstream) = upstream else {
            return Ok(self.grant_in_force(&grant.id, now).await?.is_some());
        };
        let access = self.back_end_in_force(&grant.id, &grant.client_id, upstream, now).await?;
        Ok(access.is_some())
    }

    /// The grant that a session came of, if nothing ended it. One for the token of an identity
    /// provider expires with that token, which is no end of the session: a day later, when
    /// `housekeeping.rs` deletes it, no session of it is left.
    async fn origin_of_session(
        &self,
        id: &GrantId,
        now: Timestamp,
    ) -> Result<Option<Arc<Grant>>, StoreError> {
        let counts = |grant: &Arc<Grant>| {
            let of_provider = grant.delegation.as_ref().is_some_and(|it| it.provider.is_some());
            grant.is_live(now) || (of_provider && grant.revoked_at.is_none())
        };
        Ok(self.grant(id).await?.filter(counts))
    }

    async fn live(&self, id: &GrantId, now: Timestamp) -> Result<Option<Arc<Grant>>, StoreError> {
        Ok(self.grant(id).await?.filter(|grant| grant.is_live(now)))
    }
}

fn narrowed(grant: &Grant, scopes: doorward_model::ScopeSet) -> Arc<Grant> {
    Arc::new(Grant { scopes, ..grant.clone() })
}
