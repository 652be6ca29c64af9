//! Asking again whether a provider still stands for a person, and in which groups they are (CA40).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use doorward_model::{Change, LinkedIdentity, ProviderId, RevokeReason, Timestamp, UnitOfWork};
use doorward_store::StoreError;

use oauth2::TokenResponse;

use crate::{
    Federation, FederationError,
    admission::{Occasion, credential_place},
    attempt::{Answer, Arrival, Credential, Journey, within},
    kinds::Protocol,
    provider::Provider,
    rotation::Tokens,
};

/// How many accounts one round asks about.
const ROUND: u64 = 50;
/// For how many seconds an account that is being asked about belongs to the replica that asks.
const CLAIMED: i64 = 120;
/// After how many seconds a provider that could not be reached is asked again.
const AGAIN: i64 = 300;

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
    StandsUnchanged,
    Ended(RevokeReason, String),
    Unreachable(String),
}

impl Federation {
    /// Asks about the accounts that are due. Replicas take turns: each account belongs to the one
    /// that claims it first, because a refresh token that is used twice may end the whole family of
    /// them.
    pub async fn check_due(&self) -> Result<Round, StoreError> {
        let parts = &self.inner.parts;
        let mut round = Round::default();
        self.retire_lost_accounts().await?;
        // Providers that did not answer in this round are not waited for again in it.
        let mut silent: HashMap<ProviderId, String> = HashMap::new();
        for identity in parts.store.identities_due(parts.clock.now(), ROUND).await? {
            let now = parts.clock.now();
            let claim = Change::ClaimIdentityCheck {
                identity: identity.id.clone(),
                due: identity.next_check_at,
                until: now.plus(CLAIMED),
            };
            match parts.store.apply(claim).await {
                Ok(()) => {
                    self.check_one(identity, now.plus(CLAIMED), &mut round, &mut silent).await?
                }
                Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if round != Round::default() {
            tracing::info!(
                confirmed = round.confirmed,
                ended = round.ended,
                waiting = round.waiting,
                "upstream accounts were checked"
            );
        }
        Ok(round)
    }

    /// Ends accounts whose provider left the configuration or leads to another server now. Nothing
    /// could ask about them any more, and their tokens are not for the other server.
    async fn retire_lost_accounts(&self) -> Result<(), StoreError> {
        let parts = &self.inner.parts;
        let (all, records) = (self.all_providers().await?, parts.store.providers().await?);
        let mut lost: BTreeMap<ProviderId, Vec<String>> = BTreeMap::new();
        for (id, issuer) in parts.store.issuers_of_identities().await? {
            let provider = all.iter().find(|provider| provider.id == id);
            // A provider whose settings cannot be used is not gone.
            let here = provider.map_or_else(
                || records.iter().any(|record| record.id == id),
                |provider| provider.vouches_for(&issuer),
            );
            if !here {
                let kept = provider.map(|provider| provider.issuers()).unwrap_or_default();
                lost.entry(id).or_insert(kept);
            }
        }
        for (provider, issuers) in lost {
            tracing::warn!(%provider, "access ends: the provider is no longer configured here, or is another server now");
            let retire = Change::RetireAccounts {
                provider,
                issuers,
                at: parts.clock.now(),
                passwords: parts.passwords,
            };
            parts.store.apply(retire).await?;
        }
        Ok(())
    }

    async fn check_one(
        &self,
        mut identity: LinkedIdentity,
        claimed: Timestamp,
        round: &mut Round,
        silent: &mut HashMap<ProviderId, String>,
    ) -> Result<(), StoreError> {
        let parts = &self.inner.parts;
        let now = parts.clock.now();
        if !self.is_in_use(&identity, now).await? {
            // Nothing depends on this account, so there is nothing to ask for and no reason to keep
            // the provider's token.
            let idle =
                LinkedIdentity { credential: None, next_check_at: Timestamp::NEVER, ..identity };
            return self.keep_checked(idle, claimed, Vec::new()).await;
        }
        let Some(provider) = self
            .any_provider(&identity.provider)
            .await?
            .filter(|provider| provider.vouches_for(&identity.issuer))
        else {
            // Its settings cannot be used now, or it went a moment ago and the next round ends the
            // account.
            round.waiting += 1;
            return self
                .keep_checked(
                    LinkedIdentity { next_check_at: now.plus(AGAIN), ..identity },
                    claimed,
                    Vec::new(),
                )
                .await;
        };
        let verdict = match silent.get(&provider.id) {
            Some(why) => Verdict::Unreachable(why.clone()),
            None => self.ask(&provider, &mut identity).await,
        };
        match verdict {
            Verdict::Stands(arrival) => {
                round.confirmed += 1;
                let learnt = LinkedIdentity {
                    last_login_at: identity.last_login_at,
                    ..self.learnt(&provider, &arrival, Some(&identity), &identity.user_id)
                };
                let person = parts.store.person(&identity.user_id).await?;
                let profile = match &person {
                    Some(person) => {
                        self.profile_changes(&arrival, &identity, person, Occasion::Check).await?
                    }
                    None => Vec::new(),
                };
                self.keep_checked(learnt, claimed, profile).await
            }
            Verdict::StandsUnchanged => {
                round.confirmed += 1;
                let next_check_at = now.plus(provider.config.refresh_seconds);
                self.keep_checked(
                    LinkedIdentity { confirmed_at: now, next_check_at, ..identity },
                    claimed,
                    Vec::new(),
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
                self.keep_checked(
                    LinkedIdentity { next_check_at: now.plus(AGAIN), ..identity },
                    claimed,
                    Vec::new(),
                )
                .await
            }
        }
    }

    /// Keeps what a look came to, unless the person signed in or out with the account while it went
    /// on: then that is newer.
    async fn keep_checked(
        &self,
        identity: LinkedIdentity,
        claimed: Timestamp,
        profile: Vec<Change>,
    ) -> Result<(), StoreError> {
        let (id, user_id) = (identity.id.clone(), identity.user_id.clone());
        let unit = |profile: Vec<Change>| {
            let kept = [
                Change::KeepChecked { identity: Box::new(identity.clone()), claimed },
                Change::CollectProviderRoles(user_id.clone()),
            ];
            kept.into_iter().chain(profile).collect::<UnitOfWork>()
        };
        let store = &self.inner.parts.store;
        // Of the profile, only a new name can be refused: somebody else took it a moment ago. It
        // waits for the next look.
        let (names, rest): (Vec<Change>, Vec<Change>) =
            profile.into_iter().partition(|change| matches!(change, Change::RenamePerson { .. }));
        if !names.is_empty() {
            match store.apply(unit(rest.iter().cloned().chain(names).collect())).await {
                Err(StoreError::Refused(_)) => tracing::debug!(
                    identity = id.as_str(),
                    "a look at an account is kept without the new name"
                ),
                other => return other,
            }
        }
        ignore_refused(store.apply(unit(rest)).await)
    }

    /// Whether a person's access hangs on their providers: there is no password of their own that
    /// counts. What they reach by a passkey is then their providers' to take away as well.
    async fn hangs_on_providers(&self, identity: &LinkedIdentity) -> Result<bool, StoreError> {
        let parts = &self.inner.parts;
        Ok(!parts.passwords
            || parts
                .store
                .person(&identity.user_id)
                .await?
                .is_none_or(|person| person.password.is_none()))
    }

    /// Whether anything depends on what the provider says of this account.
    async fn is_in_use(
        &self,
        identity: &LinkedIdentity,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let store = &self.inner.parts.store;
        if !self.hangs_on_providers(identity).await? {
            return store.is_identity_in_use(&identity.id, now).await;
        }
        // A token is used without a session: while there is one, the account is in use.
        Ok(!store.sessions_of(&identity.user_id, now).await?.is_empty()
            || !store.live_grants_of(&identity.user_id, now).await?.is_empty()
            || store.count_access_tokens(&identity.user_id, now).await? > 0)
    }

    /// Ends what hangs on an account: what came by it, and everything of a person for whom no
    /// provider stands any more and who has no password here. The roles that it gave go in any
    /// case.
    async fn end(
        &self,
        identity: &LinkedIdentity,
        reason: RevokeReason,
        why: &str,
    ) -> Result<(), StoreError> {
        let now = self.inner.parts.clock.now();
        // Who signed in through the provider while it was asked has its word anew.
        let present = self.inner.parts.store.identity(&identity.id).await?;
        if present.is_none_or(|present| present.confirmed_at != identity.confirmed_at) {
            return Ok(());
        }
        tracing::warn!(provider = %identity.provider, person = %identity.user_id, reason = reason.as_str(), why, "access ends: the provider no longer stands for the person");
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
        let others = self.inner.parts.store.identities_of(&identity.user_id).await?;
        let another_stands =
            others.iter().any(|other| other.id != identity.id && other.ended_at.is_none());
        if self.hangs_on_providers(identity).await? && !another_stands {
            unit.push(Change::EndSessionsOfPerson {
                user_id: identity.user_id.clone(),
                except: None,
            });
            unit.push(Change::RevokeGrantsOfPerson {
                user_id: identity.user_id.clone(),
                client_id: None,
                at: now,
                reason,
            });
            unit.push(Change::RevokeAccessTokensOfPerson {
                user_id: identity.user_id.clone(),
                at: now,
            });
        }
        ignore_refused(self.inner.parts.store.apply(unit).await)
    }

    fn open_credential(&self, identity: &LinkedIdentity) -> Option<Credential> {
        let plain = self
            .inner
            .parts
            .master
            .open(&credential_place(&identity.id), identity.credential.as_ref()?)
            .ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Asks the provider. A credential that it replaced is stored by then, and `identity` has it,
    /// whatever the verdict.
    async fn ask(&self, provider: &Arc<Provider>, identity: &mut LinkedIdentity) -> Verdict {
        let Some(credential) = self.open_credential(identity) else {
            return Verdict::Ended(
                RevokeReason::ProviderSilent,
                "there is nothing to ask the provider with; the person must sign in again"
                    .to_owned(),
            );
        };
        let now = self.inner.parts.clock.now();
        let arrival = match self.answer(provider, identity, credential).await {
            Ok(answer) if said_nothing(&answer) => return Verdict::StandsUnchanged,
            Ok(answer) => provider.arrival(answer, Journey::default(), now),
            Err(error) => Err(error),
        };
        let recognised = match arrival {
            Ok(arrival) => self.recognise(provider, arrival).await.map_err(FederationError::from),
            Err(error) => Err(error),
        };
        match recognised {
            Ok(arrival) if arrival.identity() != identity.id => Verdict::Ended(
                RevokeReason::ProviderRefused,
                "the provider answered about somebody else".to_owned(),
            ),
            Ok(arrival) => match provider.judge(&arrival) {
                Ok(()) => Verdict::Stands(Box::new(arrival)),
                Err(reason) => Verdict::Ended(RevokeReason::ProviderRefused, reason.to_string()),
            },
            Err(FederationError::Refused(why)) => {
                Verdict::Ended(RevokeReason::ProviderRefused, why)
            }
            // An answer that is not believed says nothing about the person: it counts as none.
            Err(error) => Verdict::Unreachable(error.to_string()),
        }
    }

    async fn answer(
        &self,
        provider: &Arc<Provider>,
        identity: &mut LinkedIdentity,
        credential: Credential,
    ) -> Result<Answer, FederationError> {
        let rotated = match credential {
            Credential::Refresh(token) => {
                let rotated = within(self.rotate(provider, identity, token)).await?;
                identity.credential.clone_from(&rotated.credential);
                rotated.tokens
            }
            Credential::Access(token) => {
                let Protocol::OAuth2(oauth2) = &provider.settings.protocol else {
                    return Err(FederationError::Refused(
                        "the kept token is of another kind".to_owned(),
                    ));
                };
                let claims = within(provider.oauth2_ask(oauth2, &token)).await?;
                return Ok(Answer {
                    issuer: oauth2.issuer.clone(),
                    claims,
                    credential: None,
                    id_token: None,
                });
            }
        };
        match (&provider.settings.protocol, rotated) {
            (Protocol::OpenId(_), Tokens::OpenId(tokens)) => {
                // `sub` is what ID tokens are compared by, also where another claim names the
                // person here.
                let subject = (provider.settings.claims.subject == "sub")
                    .then_some(identity.subject.as_str());
                let told = within(provider.open_id_refreshed(
                    &tokens,
                    subject,
                    self.inner.parts.clock.now(),
                ))
                .await?;
                Ok(Answer {
                    issuer: told.issuer,
                    claims: told.claims,
                    credential: None,
                    id_token: None,
                })
            }
            (Protocol::OAuth2(oauth2), Tokens::OAuth2(tokens)) => {
                let claims =
                    within(provider.oauth2_ask(oauth2, tokens.access_token().secret())).await?;
                Ok(Answer {
                    issuer: oauth2.issuer.clone(),
                    claims,
                    credential: None,
                    id_token: None,
                })
            }
            (Protocol::OpenId(_), Tokens::OAuth2(_)) | (Protocol::OAuth2(_), Tokens::OpenId(_)) => {
                Err(FederationError::Untrusted("the tokens are of another kind".to_owned()))
            }
        }
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
