//! Asking again whether a provider still stands for a person, and in which groups they are (CA40).

use std::{collections::HashMap, sync::Arc};

use doorward_model::{Change, LinkedIdentity, ProviderId, RevokeReason, Timestamp, UnitOfWork};
use doorward_store::StoreError;

use crate::{
    Federation, FederationError,
    admission::credential_place,
    attempt::{Answer, Arrival, Credential, Journey, within},
    kinds::Protocol,
    provider::Provider,
};

/// How many accounts one round asks about.
const ROUND: u64 = 50;
/// For how many seconds an account that is being asked about belongs to the replica that asks.
const CLAIMED: i64 = 120;
/// After how many seconds a provider that could not be reached is asked again.
const AGAIN: i64 = 300;
/// When nothing is left to be asked for.
const NEVER: Timestamp = Timestamp(i64::MAX / 4);

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Accounts that the provider still stands for.
    pub confirmed: u32,
    /// Accounts whose access ended.
    pub ended: u32,
    /// Accounts whose provider could not be asked; within the grace.
    pub waiting: u32,
}

enum Verdict {
    Stands(Box<Arrival>),
    /// The provider gave new tokens and said nothing more.
    StandsUnchanged(Option<Credential>),
    Ended(RevokeReason, String),
    Unreachable(String),
}

impl Federation {
    /// Asks about the accounts that are due. Replicas take turns: each account belongs to the one that claims it first, because a
    /// refresh token that is used twice may end the whole family of them.
    pub async fn check_due(&self) -> Result<Round, StoreError> {
        let parts = &self.inner.parts;
        let mut round = Round::default();
        // Providers that did not answer in this round are not waited for again in it.
        let mut silent: HashMap<ProviderId, String> = HashMap::new();
        for identity in parts.store.identities_due(parts.clock.now(), ROUND).await? {
            let now = parts.clock.now();
            let claim = Change::ClaimIdentityCheck { identity: identity.id.clone(), due: identity.next_check_at, until: now.plus(CLAIMED) };
            match parts.store.apply(claim).await {
                Ok(()) => self.check_one(identity, now.plus(CLAIMED), &mut round, &mut silent).await?,
                Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if round != Round::default() {
            tracing::info!(confirmed = round.confirmed, ended = round.ended, waiting = round.waiting, "upstream accounts were checked");
        }
        Ok(round)
    }

    async fn check_one(
        &self,
        identity: LinkedIdentity,
        claimed: Timestamp,
        round: &mut Round,
        silent: &mut HashMap<ProviderId, String>,
    ) -> Result<(), StoreError> {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        if !self.is_in_use(&identity, now).await? {
            // Nothing depends on this account, so there is nothing to ask for and no reason to keep the provider's token.
            let idle = LinkedIdentity { credential: None, next_check_at: NEVER, ..identity };
            return self.keep_checked(idle, claimed).await;
        }
        let Some(provider) = self.any_provider(&identity.provider).await? else {
            round.ended += 1;
            return self.end(&identity, RevokeReason::ProviderRefused, "the provider is no longer configured here").await;
        };
        let verdict = match silent.get(&provider.id) {
            Some(why) => Verdict::Unreachable(why.clone()),
            None => self.ask(&provider, &identity).await,
        };
        match verdict {
            Verdict::Stands(arrival) => {
                round.confirmed += 1;
                let learnt = LinkedIdentity { last_login_at: identity.last_login_at, ..self.learnt(&provider, &arrival, Some(&identity), &identity.user_id) };
                self.keep_checked(learnt, claimed).await
            }
            Verdict::StandsUnchanged(credential) => {
                round.confirmed += 1;
                let credential = credential.and_then(|credential| self.seal_credential(&identity.id, &credential)).or(identity.credential);
                self.keep_checked(
                    LinkedIdentity { credential, confirmed_at: now, next_check_at: now.plus(provider.config.refresh_seconds), ..identity },
                    claimed,
                )
                .await
            }
            Verdict::Ended(reason, why) => {
                round.ended += 1;
                self.end(&identity, reason, &crate::plain(&why)).await
            }
            Verdict::Unreachable(why) => {
                silent.insert(provider.id.clone(), why.clone());
                let silent = now.since(identity.confirmed_at);
                if silent > provider.config.refresh_seconds + provider.config.grace_seconds {
                    round.ended += 1;
                    return self
                        .end(&identity, RevokeReason::ProviderSilent, &format!("not reached for {silent} seconds, which is longer than the grace: {why}"))
                        .await;
                }
                round.waiting += 1;
                tracing::warn!(provider = %provider.id, person = %identity.user_id, silent, why, "the provider could not be asked; access goes on within the grace");
                self.keep_checked(LinkedIdentity { next_check_at: now.plus(AGAIN), ..identity }, claimed).await
            }
        }
    }

    /// Keeps what a look came to, unless the person signed in or out with the account while it went on: then that is newer.
    async fn keep_checked(&self, identity: LinkedIdentity, claimed: Timestamp) -> Result<(), StoreError> {
        let user_id = identity.user_id.clone();
        let unit = UnitOfWork::from_iter([Change::KeepChecked { identity: Box::new(identity), claimed }, Change::CollectProviderRoles(user_id)]);
        ignore_refused(self.inner.parts.store.apply(unit).await)
    }

    /// Whether a person's access hangs on their providers: there is no password of their own that counts. What they reach by a passkey is then
    /// their providers' to take away as well.
    async fn hangs_on_providers(&self, identity: &LinkedIdentity) -> Result<bool, StoreError> {
        let parts = &self.inner.parts;
        Ok(!parts.passwords || parts.store.person(&identity.user_id).await?.is_none_or(|person| person.password.is_none()))
    }

    /// Whether anything depends on what the provider says of this account.
    async fn is_in_use(&self, identity: &LinkedIdentity, now: Timestamp) -> Result<bool, StoreError> {
        let store = &self.inner.parts.store;
        if !self.hangs_on_providers(identity).await? {
            return store.is_identity_in_use(&identity.id, now).await;
        }
        Ok(!store.sessions_of(&identity.user_id, now).await?.is_empty() || !store.live_grants_of(&identity.user_id, now).await?.is_empty())
    }

    /// Ends what hangs on an account: what came by it, and everything of a person for whom no provider stands any more and who has
    /// no password here. The roles that it gave go in any case.
    async fn end(&self, identity: &LinkedIdentity, reason: RevokeReason, why: &str) -> Result<(), StoreError> {
        let now = self.inner.parts.clock.now();
        // Who signed in through the provider while it was asked has its word anew.
        let present = self.inner.parts.store.identity(&identity.id).await?;
        if present.is_none_or(|present| present.confirmed_at != identity.confirmed_at) {
            return Ok(());
        }
        tracing::warn!(provider = %identity.provider, person = %identity.user_id, reason = reason.as_str(), why, "access ends: the provider no longer stands for the person");
        let ended = LinkedIdentity { roles: Vec::new(), credential: None, next_check_at: NEVER, ended_at: Some(now), ..identity.clone() };
        let mut unit = UnitOfWork::from_iter([
            Change::EndSessionsOfIdentity { identity: identity.id.clone(), sid: None },
            Change::RevokeGrantsOfIdentity { identity: identity.id.clone(), at: now, reason },
            Change::UpdateIdentity(Box::new(ended)),
            Change::CollectProviderRoles(identity.user_id.clone()),
        ]);
        let others = self.inner.parts.store.identities_of(&identity.user_id).await?;
        let another_stands = others.iter().any(|other| other.id != identity.id && other.ended_at.is_none());
        if self.hangs_on_providers(identity).await? && !another_stands {
            unit.push(Change::EndSessionsOfPerson { user_id: identity.user_id.clone(), except: None });
            unit.push(Change::RevokeGrantsOfPerson { user_id: identity.user_id.clone(), client_id: None, at: now, reason });
        }
        ignore_refused(self.inner.parts.store.apply(unit).await)
    }

    fn open_credential(&self, identity: &LinkedIdentity) -> Option<Credential> {
        let plain = self.inner.parts.master.open(&credential_place(&identity.id), identity.credential.as_ref()?).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    async fn ask(&self, provider: &Arc<Provider>, identity: &LinkedIdentity) -> Verdict {
        let Some(credential) = self.open_credential(identity) else {
            return Verdict::Ended(RevokeReason::ProviderSilent, "there is nothing to ask the provider with; the person must sign in again".to_owned());
        };
        let asked = async {
            match (&provider.settings.protocol, credential) {
                (Protocol::OpenId(_), Credential::Refresh(token)) => self.ask_open_id(provider, identity, &token).await,
                (Protocol::OAuth2(oauth2), Credential::Refresh(token)) => provider.oauth2_refresh(oauth2, &token, &self.proof(provider)).await.map(|held| {
                    let credential = held.refresh_token.unwrap_or(token);
                    Some(Answer { issuer: oauth2.issuer.clone(), claims: held.claims, credential: Some(Credential::Refresh(credential)), id_token: None })
                }),
                (Protocol::OAuth2(oauth2), Credential::Access(token)) => provider
                    .oauth2_ask(oauth2, &token)
                    .await
                    .map(|claims| Some(Answer { issuer: oauth2.issuer.clone(), claims, credential: Some(Credential::Access(token)), id_token: None })),
                (Protocol::OpenId(_), Credential::Access(_)) => Err(FederationError::Refused("the kept token is of another kind".to_owned())),
            }
        };
        let outcome = within(asked).await;
        let now = self.inner.parts.clock.now();
        let arrival = match outcome {
            Ok(Some(answer)) if said_nothing(&answer) => return Verdict::StandsUnchanged(answer.credential),
            Ok(Some(answer)) => provider.arrival(answer, Journey::default(), now),
            Ok(None) => return Verdict::StandsUnchanged(None),
            Err(error) => Err(error),
        };
        match arrival {
            Ok(arrival) if arrival.identity() != identity.id => {
                Verdict::Ended(RevokeReason::ProviderRefused, "the provider answered about somebody else".to_owned())
            }
            Ok(arrival) => match provider.judge(&arrival) {
                Ok(()) => Verdict::Stands(Box::new(arrival)),
                Err(reason) => Verdict::Ended(RevokeReason::ProviderRefused, reason.to_string()),
            },
            Err(FederationError::Refused(why)) => Verdict::Ended(RevokeReason::ProviderRefused, why),
            // An answer that is not believed says nothing about the person: it counts as none.
            Err(error) => Verdict::Unreachable(error.to_string()),
        }
    }

    async fn ask_open_id(&self, provider: &Provider, identity: &LinkedIdentity, token: &str) -> Result<Option<Answer>, FederationError> {
        let parts = &self.inner.parts;
        // `sub` is what ID tokens are compared by, also where another claim names the person here.
        let subject = if provider.settings.claims.subject == "sub" { Some(identity.subject.as_str()) } else { None };
        let told = provider.open_id_refresh(token, subject, &self.proof(provider), parts.clock.now()).await?;
        let credential = Some(Credential::Refresh(told.refresh_token.unwrap_or_else(|| token.to_owned())));
        Ok(Some(Answer { issuer: told.issuer, claims: told.claims, credential, id_token: None }))
    }
}

/// Whether a refresh told nothing of the person: no ID token and no userinfo.
fn said_nothing(answer: &Answer) -> bool {
    answer.claims.as_object().is_none_or(|members| members.keys().all(|name| name == "sub"))
}

/// An account that was unlinked meanwhile is nobody's any more.
fn ignore_refused(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Refused(_)) => Ok(()),
        other => other,
    }
}
