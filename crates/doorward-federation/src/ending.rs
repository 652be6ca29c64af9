//! The end of access that depends on a provider.

use std::collections::BTreeMap;

use doorward_model::{
    Change, LinkedIdentity, ProviderId, RevokeReason, Timestamp, UnitOfWork, UpstreamChange,
};
use doorward_store::StoreError;

use crate::federation::Federation;

impl Federation {
    /// Ends accounts of providers that were removed from the configuration or are another server
    /// now. They could no longer be checked, and their tokens are not for the other server.
    pub(crate) async fn retire_lost_accounts(&self) -> Result<(), StoreError> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let (all, records) = (self.all_providers().await?, services.store.providers().await?);
        let mut lost: BTreeMap<ProviderId, Vec<String>> = BTreeMap::new();
        for (id, issuer) in services.store.issuers_of_identities().await? {
            let provider = all.iter().find(|provider| provider.id == id);
            // A provider with unusable settings is not removed.
            let here = provider.map_or_else(
                || records.iter().any(|record| record.id == id),
                |provider| provider.vouches_for(&issuer),
            );
            if !here {
                let kept = provider.map(|provider| provider.protocol.issuers()).unwrap_or_default();
                lost.entry(id).or_insert(kept);
            }
        }
        for (provider, issuers) in lost {
            tracing::warn!(%provider, "access ends: the provider is no longer configured, or is \
                another server now");
            let retire = Change::RetireAccounts {
                provider,
                issuers,
                at: services.clock.now(),
                passwords: settings.passwords,
            };
            services.store.apply(retire).await?;
        }
        Ok(())
    }

    /// Reports that a user's access depends on their providers: they have no usable password of
    /// their own. Passkeys then depend on the providers as well.
    async fn depends_on_providers(&self, identity: &LinkedIdentity) -> Result<bool, StoreError> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        Ok(!settings.passwords
            || services
                .store
                .user(&identity.user_id)
                .await?
                .is_none_or(|user| user.password.is_none()))
    }

    /// Reports an account on which something depends.
    pub(crate) async fn is_in_use(
        &self,
        identity: &LinkedIdentity,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let store = &self.inner.services.store;
        if !self.depends_on_providers(identity).await? {
            return store.is_identity_in_use(&identity.id, now).await;
        }
        // A token is used without a session: while there is one, the account is in use.
        Ok(!store.sessions_of(&identity.user_id, now).await?.is_empty()
            || !store.live_grants_of(&identity.user_id, now).await?.is_empty()
            || store.count_access_tokens(&identity.user_id, now).await? > 0)
    }

    /// Ends the dependents of an account: sessions and grants that began with it, and all access of
    /// a user for whom no provider vouches any more and who has no password here. The roles that it
    /// gave are removed in any case.
    pub(crate) async fn end(
        &self,
        identity: &LinkedIdentity,
        reason: RevokeReason,
        why: &str,
    ) -> Result<(), StoreError> {
        let now = self.inner.services.clock.now();
        // A sign-in through the provider during the check is newer than its answer.
        let present = self.inner.services.store.identity(&identity.id).await?;
        if present.is_none_or(|present| present.confirmed_at != identity.confirmed_at) {
            return Ok(());
        }
        tracing::warn!(provider = %identity.provider, user = %identity.user_id, reason = reason.as_str(), why, "access ends: the provider no longer confirms the user");
        let ended = LinkedIdentity {
            email: None,
            roles: Vec::new(),
            credential: None,
            next_check_at: Timestamp::NEVER,
            ended_at: Some(now),
            ..identity.clone()
        };
        let mut unit = UnitOfWork::from_iter([
            Change::EndSessionsOfIdentity { identity: identity.id.clone(), sid: None },
            Change::RevokeGrantsOfIdentity { identity: identity.id.clone(), at: now, reason },
            Change::RevokeAccessTokensOfIdentity { identity: identity.id.clone(), at: now },
            Change::UpdateIdentity(Box::new(ended)),
            Change::FollowAddress {
                user_id: identity.user_id.clone(),
                identity: identity.id.clone(),
                email: None,
            },
            Change::CollectProviderRoles(identity.user_id.clone()),
        ]);
        let others = self.inner.services.store.identities_of(&identity.user_id).await?;
        let another_remains =
            others.iter().any(|other| other.id != identity.id && other.ended_at.is_none());
        if self.depends_on_providers(identity).await? && !another_remains {
            unit.push(Change::EndSessionsOfUser {
                user_id: identity.user_id.clone(),
                except: None,
            });
            unit.push(Change::RevokeGrantsOfUser {
                user_id: identity.user_id.clone(),
                client_id: None,
                at: now,
                reason,
            });
            unit.push(Change::RevokeAccessTokensOfUser {
                user_id: identity.user_id.clone(),
                at: now,
            });
            let connections = UpstreamChange::EndConnections(identity.user_id.clone());
            unit.push(Change::Upstream(connections));
        }
        ignore_refused(self.inner.services.store.apply(unit).await)
    }
}

/// An account that was unlinked meanwhile is no account any more.
pub(crate) fn ignore_refused(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Refused(_)) => Ok(()),
        other => other,
    }
}
