//! Who may come in, and who that is here.

use std::sync::Arc;

use doorward_model::{
    Change, IdentityId, LinkedIdentity, Person, PersonName, ProviderId, RevokeReason, Role, Sealed,
    Timestamp, UnitOfWork, UserId,
};
use doorward_store::StoreError;

use crate::{
    Federation, FederationError,
    attempt::{Arrival, Credential},
    claims::{self, Subject},
    provider::{Provider, domain_of},
};

/// Why somebody whom the provider knows may not come in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// Their organisation or e-mail domain is not one of those that may.
    #[error("not in an allowed domain")]
    Domain,
    /// They are in none of the groups that may.
    #[error("in none of the allowed groups")]
    Group,
    /// A required claim does not hold.
    #[error("a required claim does not hold")]
    Claim,
    /// Only invited people may, and they were not.
    #[error("not invited")]
    NotInvited,
    /// Their account here is disabled.
    #[error("disabled here")]
    Disabled,
    /// The account there belongs to somebody else here.
    #[error("linked to somebody else here")]
    LinkedElsewhere,
}

/// What becomes of an arrival.
#[derive(Debug)]
pub enum Admission {
    /// Sign this person in, and keep what was learnt with the same unit of work.
    SignIn {
        /// Who it is here, as the unit leaves them.
        person: Box<Person>,
        /// What to keep.
        unit: UnitOfWork,
    },
    /// Somebody here has the same e-mail address. The person says whether that is them, or makes a
    /// new account.
    Ask,
}

fn subject(arrival: &Arrival) -> Subject<'_> {
    Subject {
        claims: &arrival.claims,
        groups: &arrival.groups,
        verified_email: arrival.verified_email(),
    }
}

impl Provider {
    /// Whether the provider's policy lets this person in.
    pub(crate) fn judge(&self, arrival: &Arrival) -> Result<(), NotAdmitted> {
        let policy = &self.policy;
        if !policy.domains.is_empty() {
            let domain = match self.settings.domain_claim {
                Some(claim) => {
                    claims::text(&arrival.claims, claim).map(|domain| domain.to_lowercase())
                }
                None => arrival.verified_email().and_then(domain_of),
            };
            if !domain.is_some_and(|domain| policy.domains.contains(&domain)) {
                return Err(NotAdmitted::Domain);
            }
        }
        if !policy.groups.is_empty()
            && !arrival
                .groups
                .iter()
                .any(|group| policy.groups.iter().any(|pattern| pattern.matches(group)))
        {
            return Err(NotAdmitted::Group);
        }
        if policy.conditions.iter().all(|condition| condition.holds(&subject(arrival))) {
            Ok(())
        } else {
            Err(NotAdmitted::Claim)
        }
    }

    /// The roles that this provider's rules give.
    pub(crate) fn roles(&self, arrival: &Arrival) -> Vec<Role> {
        claims::roles(&self.policy.roles, &subject(arrival))
    }
}

pub(crate) fn credential_place(id: &IdentityId) -> String {
    format!("identity/{}/credential", id.as_str())
}

/// A sign-in name out of what a provider tells: plain characters only, and nothing from an `@` on.
/// A name is not an address: whoever is called `boss@acme.test` somewhere need not hold that
/// address (OpenID Connect Core §5.7).
fn name_from(text: &str) -> Option<PersonName> {
    let text = text.split('@').next().unwrap_or_default();
    let plain: String =
        text.chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' }
            })
            .take(56)
            .collect();
    PersonName::parse(plain.trim_matches(['-', '.', '_'])).ok()
}

/// When a user's profile is compared with what a provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The user signs in through it: its word is the newest.
    SignIn,
    /// The provider was asked in the background.
    Check,
}

/// The change to a user's e-mail address that follows from what a provider says about one account.
/// The address that came by this account follows it, and goes when the provider no longer vouches
/// for one. An address of a user with a password, or one that another account vouches for, stays
/// until the user signs in by this one.
fn address_change(
    person: &Person,
    id: &IdentityId,
    verified: Option<&str>,
    occasion: Occasion,
) -> Option<Change> {
    let follows = person.email_by.as_ref() == Some(id);
    let email = match verified {
        Some(told) => {
            let takes_over = person.password.is_none()
                && (occasion == Occasion::SignIn || person.email.is_none());
            let news = person.email.as_deref() != Some(told) || !follows;
            ((follows || takes_over) && news).then(|| Some(told.to_owned()))
        }
        None => follows.then_some(None),
    }?;
    Some(Change::FollowAddress { user_id: person.id.clone(), identity: id.clone(), email })
}

impl Federation {
    pub(crate) fn seal_credential(
        &self,
        id: &IdentityId,
        credential: &Credential,
    ) -> Option<Sealed> {
        let plain = serde_json::to_vec(credential).ok()?;
        Some(self.inner.parts.master.seal(&credential_place(id), &plain))
    }

    /// An upstream account as it is after this arrival. What the provider gave to ask with stays if
    /// it gave nothing new.
    pub(crate) fn learnt(
        &self,
        provider: &Provider,
        arrival: &Arrival,
        before: Option<&LinkedIdentity>,
        user_id: &UserId,
    ) -> LinkedIdentity {
        let now = self.inner.parts.clock.now();
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
        }
    }

    /// Decides who an arrival is here. `sure` means that the person wants a new account although
    /// somebody has the same address.
    pub async fn admit(
        &self,
        provider: &Arc<Provider>,
        arrival: &Arrival,
        sure: bool,
    ) -> Result<Admission, FederationError> {
        provider.judge(arrival)?;
        let parts = &self.inner.parts;
        if let Some(known) = parts.store.identity(&arrival.identity()).await? {
            return self.admit_known(provider, arrival, &known).await;
        }
        if let Some(person) = self.vouched_for(provider, arrival).await? {
            if person.disabled_at.is_some() {
                return Err(NotAdmitted::Disabled.into());
            }
            let mut unit = UnitOfWork::new();
            if let Some(email) = arrival.verified_email()
                && parts.store.invitation(&provider.id, email).await?.is_some()
            {
                unit.push(Change::RedeemInvitation {
                    provider: provider.id.clone(),
                    email: email.to_lowercase(),
                });
            }
            unit.push(Change::InsertIdentity(Box::new(
                self.learnt(provider, arrival, None, &person.id),
            )));
            unit.push(Change::CollectProviderRoles(person.id.clone()));
            tracing::info!(provider = %provider.id, person = %person.id, "an upstream account was linked by an administrator's word");
            return Ok(Admission::SignIn { person: Box::new(person), unit });
        }
        if !provider.policy.open {
            return Err(NotAdmitted::NotInvited.into());
        }
        if !sure
            && let Some(email) = arrival.verified_email()
            && !parts.store.people_with_email(email).await?.is_empty()
        {
            return Ok(Admission::Ask);
        }
        self.admit_new(provider, arrival).await
    }

    async fn admit_known(
        &self,
        provider: &Provider,
        arrival: &Arrival,
        known: &LinkedIdentity,
    ) -> Result<Admission, FederationError> {
        let parts = &self.inner.parts;
        let Some(person) =
            parts.store.person(&known.user_id).await?.filter(|person| person.disabled_at.is_none())
        else {
            return Err(NotAdmitted::Disabled.into());
        };
        let mut person = Person::clone(&person);
        let mut unit = UnitOfWork::from_iter([
            Change::UpdateIdentity(Box::new(self.learnt(
                provider,
                arrival,
                Some(known),
                &person.id,
            ))),
            Change::CollectProviderRoles(person.id.clone()),
        ]);
        for change in self.profile_changes(arrival, known, &person, Occasion::SignIn).await? {
            if let Change::RenamePerson { name, .. } = &change {
                person.name.clone_from(name);
            }
            unit.push(change);
        }
        Ok(Admission::SignIn { person: Box::new(person), unit })
    }

    /// What of a user's profile follows from what a provider says. Nothing is decided by a name,
    /// and an address only by the provider that vouches for it.
    pub(crate) async fn profile_changes(
        &self,
        arrival: &Arrival,
        known: &LinkedIdentity,
        person: &Person,
        occasion: Occasion,
    ) -> Result<Vec<Change>, StoreError> {
        let mut changes: Vec<Change> =
            address_change(person, &known.id, arrival.verified_email(), occasion)
                .into_iter()
                .collect();
        // Somebody with a password chose their name here; for everybody else the provider's word is
        // the newest.
        if person.password.is_some() {
            return Ok(changes);
        }
        if arrival.display_name.is_some() && arrival.display_name != person.display_name {
            changes.push(Change::SetProfile {
                user_id: person.id.clone(),
                email: None,
                display_name: arrival.display_name.clone(),
            });
        }
        // A name that an administrator gave stays. Older versions took names with `@` from
        // providers.
        let made_here = known.created_at != person.created_at;
        let news = arrival.username.as_deref() != known.username.as_deref()
            || person.name.as_str().contains('@');
        if made_here || !news {
            return Ok(changes);
        }
        let told = arrival.username.as_deref().or(arrival.verified_email()).and_then(name_from);
        if let Some(name) = told.filter(|name| *name != person.name)
            && self.inner.parts.store.person_named(&name).await?.is_none()
        {
            changes.push(Change::RenamePerson { user_id: person.id.clone(), name });
        }
        Ok(changes)
    }

    /// The person for whom an administrator has vouched: by an invitation of this address, or by
    /// naming the provider the authority for its domain. The latter reaches only accounts that no
    /// provider has yet.
    async fn vouched_for(
        &self,
        provider: &Provider,
        arrival: &Arrival,
    ) -> Result<Option<Person>, StoreError> {
        let store = &self.inner.parts.store;
        let Some(email) = arrival.verified_email() else { return Ok(None) };
        if let Some(invitation) = store.invitation(&provider.id, email).await? {
            return Ok(store
                .person(&invitation.user_id)
                .await?
                .map(|person| Person::clone(&person)));
        }
        if !domain_of(email).is_some_and(|domain| provider.policy.authoritative.contains(&domain)) {
            return Ok(None);
        }
        let mut holders = store.people_with_email(email).await?;
        match (holders.pop(), holders.is_empty()) {
            (Some(only), true) if store.identities_of(&only.id).await?.is_empty() => Ok(Some(only)),
            _ => Ok(None),
        }
    }

    async fn admit_new(
        &self,
        provider: &Provider,
        arrival: &Arrival,
    ) -> Result<Admission, FederationError> {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        let id = UserId::random(parts.entropy.as_ref());
        let identity = self.learnt(provider, arrival, None, &id);
        let person = Person {
            name: self.free_name(provider, arrival).await?,
            email: arrival.verified_email().map(str::to_owned),
            email_by: arrival.verified_email().map(|_| identity.id.clone()),
            display_name: arrival.display_name.clone(),
            password: None,
            roles: Vec::new(),
            provider_roles: identity.roles.clone(),
            created_at: now,
            disabled_at: None,
            links_after: None,
            id,
        };
        let unit = UnitOfWork::from_iter([
            Change::InsertPerson(person.clone()),
            Change::InsertIdentity(Box::new(identity)),
        ]);
        tracing::info!(provider = %provider.id, person = %person.id, "an account is made at the first sign-in");
        Ok(Admission::SignIn { person: Box::new(person), unit })
    }

    /// A sign-in name that nobody has: the user name there, else what stands before the `@` of the
    /// address, else the provider's name; with a number if need be.
    async fn free_name(
        &self,
        provider: &Provider,
        arrival: &Arrival,
    ) -> Result<PersonName, FederationError> {
        let told = arrival
            .username
            .as_deref()
            .and_then(name_from)
            .or_else(|| arrival.email.as_deref().and_then(name_from));
        let base = told.or_else(|| name_from(provider.id.as_str())).ok_or_else(|| {
            FederationError::Untrusted("no name can be made of what was told".to_owned())
        })?;
        for number in 1..1000 {
            let text = if number == 1 { base.to_string() } else { format!("{base}-{number}") };
            let Ok(name) = PersonName::parse(&text) else { break };
            if self.inner.parts.store.person_named(&name).await?.is_none() {
                return Ok(name);
            }
        }
        Err(FederationError::Untrusted("no free name was found".to_owned()))
    }

    /// The key of an account at a provider. Accounts at plain OAuth 2.0 servers that were stored
    /// before the provider took part in their keys keep theirs, each at the provider that it was
    /// stored for.
    async fn key_held(
        &self,
        provider: &Provider,
        issuer: &str,
        subject: &str,
    ) -> Result<IdentityId, StoreError> {
        let (key, older) = (provider.key_of(issuer, subject), IdentityId::of(issuer, subject));
        let store = &self.inner.parts.store;
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
        arrival: Arrival,
    ) -> Result<Arrival, StoreError> {
        let key = self.key_held(provider, &arrival.issuer, &arrival.subject).await?;
        Ok(Arrival { key: key.as_str().to_owned(), ..arrival })
    }

    /// Links an arrival to somebody who is signed in and wants that.
    pub async fn link(
        &self,
        provider: &Arc<Provider>,
        arrival: &Arrival,
        user_id: &UserId,
    ) -> Result<UnitOfWork, FederationError> {
        provider.judge(arrival)?;
        let parts = &self.inner.parts;
        match parts.store.identity(&arrival.identity()).await? {
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

    /// Links an account there to a person here by an administrator's word.
    pub async fn link_subject(
        &self,
        provider: &Provider,
        subject: &str,
        person: &Person,
    ) -> Result<(), FederationError> {
        let parts = &self.inner.parts;
        let issuer = match &provider.settings.protocol {
            crate::kinds::Protocol::OpenId(open_id) => match open_id.tenants.as_slice() {
                [] => open_id.issuer.clone(),
                [tenant] => open_id.issuer.replace(crate::kinds::TENANT, tenant),
                _ => {
                    return Err(FederationError::Misconfigured(
                        "with several tenants, invite by e-mail address instead".to_owned(),
                    ));
                }
            },
            crate::kinds::Protocol::OAuth2(oauth2) => oauth2.issuer.clone(),
        };
        let now = parts.clock.now();
        let id = self.key_held(provider, &issuer, subject).await?;
        let identity = LinkedIdentity {
            id,
            provider: provider.id.clone(),
            issuer,
            subject: subject.to_owned(),
            user_id: person.id.clone(),
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
        };
        match parts.store.apply(Change::InsertIdentity(Box::new(identity))).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(NotAdmitted::LinkedElsewhere.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Unlinks an account there. What came by it ends.
    pub async fn unlink(&self, user_id: &UserId, identity: IdentityId) -> Result<bool, StoreError> {
        let at = self.inner.parts.clock.now();
        let unit = UnitOfWork::from_iter([
            Change::DeleteIdentity { user_id: user_id.clone(), identity: identity.clone() },
            Change::RevokeGrantsOfIdentity {
                identity: identity.clone(),
                at,
                reason: RevokeReason::ByPerson,
            },
            Change::EndSessionsOfIdentity { identity, sid: None },
            Change::CollectProviderRoles(user_id.clone()),
        ]);
        match self.inner.parts.store.apply(unit).await {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A provider by its stored name, whether or not people may sign in through it.
    pub(crate) async fn any_provider(
        &self,
        id: &ProviderId,
    ) -> Result<Option<Arc<Provider>>, StoreError> {
        Ok(self.all_providers().await?.into_iter().find(|provider| provider.id == *id))
    }
}

#[cfg(test)]
mod tests {
    use super::name_from;

    #[test]
    fn names_from_providers_become_plain() {
        for (told, name) in [
            ("Ada.Lovelace", "ada.lovelace"),
            ("ada@example.com", "ada"),
            ("boss@acme.test@evil.example", "boss"),
            ("Zoë <b>", "zo---b"),
            ("--x--", "x"),
            ("\u{202e}abc", "abc"),
        ] {
            assert_eq!(name_from(told).unwrap().as_str(), name, "{told}");
        }
        assert!(name_from("日本").is_none() && name_from("@acme.test").is_none());
    }
}
