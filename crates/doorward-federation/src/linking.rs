//! Accounts at providers that users link, unlink, or are linked to.

use std::sync::Arc;

use doorward_model::{
    Change, IdentityId, LinkedIdentity, RevokeReason, Timestamp, UnitOfWork, User, UserId,
};
use doorward_store::StoreError;

use crate::{
    error::{FederationError, NotAdmitted},
    external_identity::ExternalIdentity,
    federation::Federation,
    provider::Provider,
};

impl Federation {
    /// The key of an account at a provider. Accounts at plain OAuth 2.0 servers that were stored
    /// before the provider took part in their keys keep their old keys, each at the provider that
    /// it was stored for.
    async fn key_held(
        &self,
        provider: &Provider,
        issuer: &str,
        subject: &str,
    ) -> Result<IdentityId, StoreError> {
        let (key, older) =
            (provider.protocol.key_of(issuer, subject), IdentityId::of(issuer, subject));
        let store = &self.inner.services.store;
        if key == older || store.identity(&key).await?.is_some() {
            return Ok(key);
        }
        let held = store.identity(&older).await?.is_some_and(|known| known.provider == provider.id);
        Ok(if held { older } else { key })
    }

    /// Finds out under which key the account of an arrival is known.
    pub(crate) async fn recognise(
        &self,
        provider: &Provider,
        arrival: ExternalIdentity,
    ) -> Result<ExternalIdentity, StoreError> {
        let key = self.key_held(provider, &arrival.issuer, &arrival.subject).await?;
        Ok(ExternalIdentity { key: key.as_str().to_owned(), ..arrival })
    }

    /// Links an arrival to the signed-in user who requested it.
    pub async fn link(
        &self,
        provider: &Arc<Provider>,
        arrival: &ExternalIdentity,
        user_id: &UserId,
    ) -> Result<UnitOfWork, FederationError> {
        provider.judge(arrival)?;
        let services = &self.inner.services;
        match services.store.identity(&arrival.identity()).await? {
            Some(known) if known.user_id != *user_id => Err(NotAdmitted::LinkedElsewhere.into()),
            known => {
                let identity = Box::new(self.learnt(provider, arrival, known.as_ref(), user_id));
                let keep = if known.is_some() {
                    Change::UpdateIdentity(identity)
                } else {
                    Change::InsertIdentity(identity)
                };
                Ok(UnitOfWork::from_iter([keep, Change::CollectProviderRoles(user_id.clone())]))
            }
        }
    }

    /// Links an account at a provider to a user by decision of an administrator.
    pub async fn link_subject(
        &self,
        provider: &Provider,
        subject: &str,
        user: &User,
    ) -> Result<(), FederationError> {
        let services = &self.inner.services;
        let issuers = provider.protocol.issuers();
        let [issuer] = issuers.as_slice() else {
            return Err(FederationError::Misconfigured(
                "with several tenants, invite by e-mail address instead".to_owned(),
            ));
        };
        let issuer = issuer.clone();
        let now = services.clock.now();
        let id = self.key_held(provider, &issuer, subject).await?;
        let identity = LinkedIdentity {
            id,
            provider: provider.id.clone(),
            issuer,
            subject: subject.to_owned(),
            user_id: user.id.clone(),
            username: None,
            email: None,
            display_name: None,
            roles: Vec::new(),
            created_at: now,
            last_login_at: Timestamp(0),
            confirmed_at: now,
            next_check_at: now.plus(provider.config.confirm_seconds),
            credential: None,
            ended_at: None,
            statement: None,
        };
        match services.store.apply(Change::InsertIdentity(Box::new(identity))).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(NotAdmitted::LinkedElsewhere.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Unlinks an account at a provider. Sessions and grants that began with it end.
    pub async fn unlink(&self, user_id: &UserId, identity: IdentityId) -> Result<bool, StoreError> {
        let at = self.inner.services.clock.now();
        let unit = UnitOfWork::from_iter([
            Change::DeleteIdentity { user_id: user_id.clone(), identity: identity.clone() },
            Change::RevokeGrantsOfIdentity {
                identity: identity.clone(),
                at,
                reason: RevokeReason::ByUser,
            },
            Change::EndSessionsOfIdentity { identity, sid: None },
            Change::CollectProviderRoles(user_id.clone()),
        ]);
        match self.inner.services.store.apply(unit).await {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
