//! The decision on admission, and on the user to whom an account belongs.

use std::sync::Arc;

use doorward_model::{
    Change, IdentityId, LinkedIdentity, NewUsers, Sealed, UnitOfWork, User, UserId,
};
use doorward_store::StoreError;

use crate::{
    error::{FederationError, NotAdmitted},
    external_identity::ExternalIdentity,
    federation::Federation,
    policy::domain_of,
    profile::{Occasion, address_change},
    protocol::Credential,
    provider::Provider,
};

/// Decision on an arrival.
#[derive(Debug)]
pub enum Admission {
    /// Sign this user in, and store the state of the account in the same unit of work.
    SignIn {
        /// The user here, as the unit leaves them.
        user: Box<User>,
        /// The changes to keep.
        unit: UnitOfWork,
    },
    /// An account here has the same e-mail address. The user confirms that it is theirs, or makes a
    /// new account.
    Ask,
}

pub(crate) fn credential_place(id: &IdentityId) -> String {
    format!("identity/{}/credential", id.as_str())
}

impl Federation {
    pub(crate) fn seal_credential(
        &self,
        id: &IdentityId,
        credential: &Credential,
    ) -> Option<Sealed> {
        let plain = serde_json::to_vec(credential).ok()?;
        Some(self.inner.services.master.seal(&credential_place(id), &plain))
    }

    /// An account at an identity provider as it is after this arrival. The token for later checks
    /// stays if the provider issued no new one.
    pub(crate) fn learnt(
        &self,
        provider: &Provider,
        arrival: &ExternalIdentity,
        before: Option<&LinkedIdentity>,
        user_id: &UserId,
    ) -> LinkedIdentity {
        let now = self.inner.services.clock.now();
        let id = arrival.identity();
        let fresh = arrival
            .credential
            .as_ref()
            .and_then(|credential| self.seal_credential(&id, credential));
        let credential = fresh.or_else(|| before.and_then(|known| known.credential.clone()));
        let wait = if credential.is_some() {
            provider.config.refresh_seconds
        } else {
            provider.config.confirm_seconds
        };
        LinkedIdentity {
            id,
            provider: provider.id.clone(),
            issuer: arrival.issuer.clone(),
            subject: arrival.subject.clone(),
            user_id: user_id.clone(),
            username: arrival.username.clone(),
            email: arrival.verified_email().map(str::to_owned),
            display_name: arrival.display_name.clone(),
            roles: provider.roles(arrival),
            created_at: before.map_or(now, |known| known.created_at),
            last_login_at: now,
            confirmed_at: now,
            next_check_at: now.plus(wait),
            credential,
            ended_at: None,
            statement: Some(provider.statement(arrival, now)),
        }
    }

    /// Finds the user of an arrival. `sure` means that the user wants a new account although
    /// another user has the same e-mail address.
    pub async fn admit(
        &self,
        provider: &Arc<Provider>,
        arrival: &ExternalIdentity,
        sure: bool,
    ) -> Result<Admission, FederationError> {
        let services = &self.inner.services;
        if let Err(refused) = provider.judge(arrival) {
            // Administrators see on the user's page why.
            let statement = Box::new(provider.statement(arrival, services.clock.now()));
            services.store.apply(Change::KeepStatement(arrival.identity(), statement)).await?;
            return Err(refused.into());
        }
        if let Some(known) = services.store.identity(&arrival.identity()).await? {
            return self.admit_known(provider, arrival, &known).await;
        }
        if let Some(user) = self.vouched_for(provider, arrival).await? {
            if user.disabled_at.is_some() {
                return Err(NotAdmitted::Disabled.into());
            }
            let mut unit = UnitOfWork::new();
            if let Some(email) = arrival.verified_email()
                && services.store.invitation(&provider.id, email).await?.is_some()
            {
                unit.push(Change::RedeemInvitation {
                    provider: provider.id.clone(),
                    email: email.to_lowercase(),
                });
            }
            unit.push(Change::InsertIdentity(Box::new(
                self.learnt(provider, arrival, None, &user.id),
            )));
            unit.push(Change::CollectProviderRoles(user.id.clone()));
            // From now on the e-mail address follows this account.
            let id = arrival.identity();
            let follows = address_change(&user, &id, arrival.verified_email(), Occasion::SignIn);
            if let Some(change) = follows {
                unit.push(change);
            }
            tracing::info!(provider = %provider.id, user = %user.id, "an account at an identity provider was linked by an administrator");
            return Ok(Admission::SignIn { user: Box::new(user), unit });
        }
        match provider.new_users {
            NewUsers::Open => {}
            NewUsers::Invited => return Err(NotAdmitted::NotInvited.into()),
            NewUsers::Undecided => {
                tracing::warn!(provider = %provider.id, "a new user was refused: anyone can have an account at this provider, and its settings do not state which users may sign up; set sign_up, allowed_domains, allowed_groups or required_claims");
                return Err(NotAdmitted::Undecided.into());
            }
        }
        if !sure
            && let Some(email) = arrival.verified_email()
            && !services.store.users_with_email(email).await?.is_empty()
        {
            return Ok(Admission::Ask);
        }
        self.admit_new(provider, arrival).await
    }

    async fn admit_known(
        &self,
        provider: &Provider,
        arrival: &ExternalIdentity,
        known: &LinkedIdentity,
    ) -> Result<Admission, FederationError> {
        let services = &self.inner.services;
        let Some(user) =
            services.store.user(&known.user_id).await?.filter(|user| user.disabled_at.is_none())
        else {
            return Err(NotAdmitted::Disabled.into());
        };
        let mut user = User::clone(&user);
        let mut unit = UnitOfWork::from_iter([
            Change::UpdateIdentity(Box::new(self.learnt(provider, arrival, Some(known), &user.id))),
            Change::CollectProviderRoles(user.id.clone()),
        ]);
        for change in self.profile_changes(arrival, known, &user, Occasion::SignIn).await? {
            if let Change::RenameUser { name, .. } = &change {
                user.name.clone_from(name);
            }
            unit.push(change);
        }
        Ok(Admission::SignIn { user: Box::new(user), unit })
    }

    /// The user for whom an administrator has vouched: by an invitation of this e-mail address, or
    /// by declaring the provider authoritative for its domain. The latter reaches only accounts
    /// that no provider has yet.
    async fn vouched_for(
        &self,
        provider: &Provider,
        arrival: &ExternalIdentity,
    ) -> Result<Option<User>, StoreError> {
        let store = &self.inner.services.store;
        let Some(email) = arrival.verified_email() else { return Ok(None) };
        if let Some(invitation) = store.invitation(&provider.id, email).await? {
            return Ok(store.user(&invitation.user_id).await?.map(|user| User::clone(&user)));
        }
        if !domain_of(email).is_some_and(|domain| provider.policy.authoritative.contains(&domain)) {
            return Ok(None);
        }
        let mut holders = store.users_with_email(email).await?;
        match (holders.pop(), holders.is_empty()) {
            (Some(only), true) if store.identities_of(&only.id).await?.is_empty() => Ok(Some(only)),
            _ => Ok(None),
        }
    }

    async fn admit_new(
        &self,
        provider: &Provider,
        arrival: &ExternalIdentity,
    ) -> Result<Admission, FederationError> {
        let services = &self.inner.services;
        let now = services.clock.now();
        let id = UserId::random(services.entropy.as_ref());
        let identity = self.learnt(provider, arrival, None, &id);
        let user = User {
            name: self.free_name(provider, arrival).await?,
            email: arrival.verified_email().map(str::to_owned),
            email_by: arrival.verified_email().map(|_| identity.id.clone()),
            display_name: arrival.display_name.clone(),
            password: None,
            password_temporary: false,
            roles: Vec::new(),
            // Which groups there are is decided where they are collected.
            provider_roles: identity
                .roles
                .iter()
                .filter(|role| role.group().is_none())
                .cloned()
                .collect(),
            group_roles: Vec::new(),
            created_at: now,
            disabled_at: None,
            links_after: None,
            id,
        };
        let mut unit = UnitOfWork::from_iter([Change::InsertUser(user.clone())]);
        let in_groups = identity.roles.iter().any(|role| role.group().is_some());
        unit.push(Change::InsertIdentity(Box::new(identity)));
        if in_groups {
            unit.push(Change::CollectProviderRoles(user.id.clone()));
        }
        tracing::info!(provider = %provider.id, user = %user.id, "an account is made at the first sign-in");
        Ok(Admission::SignIn { user: Box::new(user), unit })
    }
}
