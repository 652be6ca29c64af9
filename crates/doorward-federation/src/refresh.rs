//! Repeated checks that a provider still vouches for a user, and of the user's groups (CA40).
//!
//! An answer is one of six, each with its own consequence for this user alone: the provider
//! vouches, refuses, does not respond, asks for a delay, responds invalidly, or does not accept
//! this client (decision 0012). A user who cannot be checked stops no other user's check, and a
//! provider that cannot be asked delays no other provider's.

use std::sync::Arc;

use doorward_model::{Change, LinkedIdentity, ProviderId, RevokeReason, Timestamp, UnitOfWork};
use doorward_store::StoreError;
use tokio::task::JoinSet;

use crate::{
    admission::credential_place,
    attempt::within,
    ending::ignore_refused,
    error::FederationError,
    external_identity::{ExternalIdentity, SignInPurpose},
    federation::Federation,
    profile::Occasion,
    protocol::{Credential, ProviderAnswer, UsableCredential},
    provider::Provider,
};

/// Maximum number of accounts of one provider that one round checks.
const ROUND: u64 = 50;
/// Seconds for which an account is reserved for the replica that checks it.
const CLAIMED: i64 = 120;
/// Seconds after which an account that could not be checked is tried again.
const AGAIN: i64 = 300;
/// Seconds for which invalid responses are tolerated after the check was due. The provider
/// responds, and does not vouch.
const NONSENSE: i64 = 3600;
/// Number of consecutive failed checks after which the provider counts as down for the rest of a
/// round. Unchecked ones come first in the next one.
const DOWN: u32 = 3;

/// Result of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Accounts that the provider still vouches for.
    pub confirmed: u32,
    /// The number of accounts with access that ended.
    pub ended: u32,
    /// Accounts that could not be checked, and continue meanwhile.
    pub waiting: u32,
}

impl Round {
    fn add(&mut self, other: Self) {
        self.confirmed += other.confirmed;
        self.ended += other.ended;
        self.waiting += other.waiting;
    }
}

/// A provider's answer about one user.
enum Verdict {
    /// It vouches for the user.
    Vouches(Box<ExternalIdentity>),
    /// It issued new tokens without further statements.
    VouchesSilently,
    /// It refuses the user, or its answer no longer fits the rules.
    Refused(RevokeReason, String),
    /// It does not answer, or fails.
    Silent(String),
    /// It demands a pause.
    Wait(Option<i64>, String),
    /// It responds, and the response is invalid or unreadable.
    Nonsense(String),
    /// It does not accept this server, or its discovery document cannot be used: that says nothing
    /// about the user.
    Ours(String),
}

impl Verdict {
    /// The meaning of a failure for its user. Failures of the store are not the provider's.
    fn of(error: FederationError) -> Result<Self, StoreError> {
        let why = error.to_string();
        Ok(match error {
            FederationError::Refused(_) | FederationError::NotAdmitted(_) => {
                Self::Refused(RevokeReason::ProviderRefused, why)
            }
            FederationError::Unreachable { .. } | FederationError::Unavailable(_) => {
                Self::Silent(why)
            }
            FederationError::Wait { seconds, .. } => Self::Wait(seconds, why),
            FederationError::Nonsense(_) | FederationError::Untrusted(_) => Self::Nonsense(why),
            FederationError::Misconfigured(_)
            | FederationError::Document(_)
            | FederationError::OtherIssuer { .. }
            | FederationError::NotAwaited(_)
            | FederationError::Limited => Self::Ours(why),
            FederationError::Store(error) => return Err(error),
        })
    }

    /// Reports an answer that may come of the whole provider being down.
    fn may_be_down(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Wait(..) | Self::Ours(_) => true,
            Self::Vouches(_) | Self::VouchesSilently | Self::Refused(..) | Self::Nonsense(_) => {
                false
            }
        }
    }
}

/// An account that this replica has reserved until then.
struct Claimed {
    identity: LinkedIdentity,
    until: Timestamp,
}

/// The accounts of one provider in one round that could not be checked, in a row.
#[derive(Default)]
struct Streak(u32);

impl Streak {
    fn note(&mut self, may_be_down: bool) {
        self.0 = if may_be_down { self.0 + 1 } else { 0 };
    }
    fn is_down(&self) -> bool {
        self.0 >= DOWN
    }
}

/// The last moment at which an account that cannot be checked still counts.
fn deadline(provider: &Provider, identity: &LinkedIdentity, patience: i64) -> Timestamp {
    let config = &provider.config;
    identity.confirmed_at.plus(config.refresh_seconds + config.grace_seconds.min(patience))
}

impl Federation {
    /// Checks the accounts that are due, those of all providers at the same time: one that takes
    /// long, or has more accounts than a round checks, delays no other's.
    pub async fn check_due(&self) -> Result<Round, StoreError> {
        self.retire_lost_accounts().await?;
        let services = &self.inner.services;
        let mut checks = JoinSet::new();
        for provider in services.store.providers_due(services.clock.now()).await? {
            let federation = self.clone();
            checks.spawn(async move { federation.check_provider(&provider).await });
        }
        let (mut round, mut failed) = (Round::default(), None);
        while let Some(checked) = checks.join_next().await {
            match checked {
                Ok(Ok(checked)) => round.add(checked),
                Ok(Err(error)) => failed = Some(error),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The process ends.
                Err(_) => {}
            }
        }
        if round != Round::default() {
            tracing::info!(
                confirmed = round.confirmed,
                ended = round.ended,
                waiting = round.waiting,
                "accounts at identity providers were checked"
            );
        }
        failed.map_or(Ok(round), Err)
    }

    /// Checks the accounts of one provider that are due. Replicas take turns: each account belongs
    /// to the one that claims it first, because a refresh token that is used twice may end the
    /// whole family of them.
    async fn check_provider(&self, provider: &ProviderId) -> Result<Round, StoreError> {
        let services = &self.inner.services;
        let (mut round, mut in_a_row) = (Round::default(), Streak::default());
        let due = services.store.identities_due(provider, services.clock.now(), ROUND).await?;
        for identity in due {
            let now = services.clock.now();
            if in_a_row.is_down() && !self.is_over(&identity, now).await? {
                // It stays due, and is among the first of the next round.
                round.waiting += 1;
                continue;
            }
            let claimed = now.plus(CLAIMED);
            if let Some(identity) = self.claim(&identity, claimed).await? {
                self.check_one(identity, claimed, &mut round, &mut in_a_row).await?;
            }
        }
        Ok(round)
    }

    /// Reserves an account for this replica. Returns it as it is then: since it was read, its refresh
    /// token may have been used and replaced. `None` if another request was faster.
    pub(crate) async fn claim(
        &self,
        read: &LinkedIdentity,
        until: Timestamp,
    ) -> Result<Option<LinkedIdentity>, StoreError> {
        let store = &self.inner.services.store;
        let (identity, due) = (read.id.clone(), read.next_check_at);
        let now = self.inner.services.clock.now();
        match store.apply(Change::ClaimIdentityCheck { identity, due, now, until }).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        let now = store.identity(&read.id).await?;
        Ok(now.map(|now| LinkedIdentity { next_check_at: due, ..now }))
    }

    /// Reports an account whose access ends if it cannot be checked now. It is checked even if its
    /// provider seems to be down: no access ends without an attempt.
    async fn is_over(&self, identity: &LinkedIdentity, now: Timestamp) -> Result<bool, StoreError> {
        let provider = self.any_provider(&identity.provider).await?;
        Ok(provider.is_none_or(|provider| now > deadline(&provider, identity, i64::MAX)))
    }

    async fn check_one(
        &self,
        mut identity: LinkedIdentity,
        claimed: Timestamp,
        round: &mut Round,
        in_a_row: &mut Streak,
    ) -> Result<(), StoreError> {
        let now = self.inner.services.clock.now();
        if !self.is_in_use(&identity, now).await? {
            // Nothing depends on this account, so it is not checked, and the provider's token is
            // not kept.
            let idle =
                LinkedIdentity { credential: None, next_check_at: Timestamp::NEVER, ..identity };
            return self.keep_checked(idle, claimed, Vec::new()).await;
        }
        let Some(provider) = self
            .any_provider(&identity.provider)
            .await?
            .filter(|provider| provider.vouches_for(&identity.issuer))
        else {
            // Its settings cannot be used now, or it was removed a moment ago and the next round
            // ends the account.
            round.waiting += 1;
            let later = LinkedIdentity { next_check_at: now.plus(AGAIN), ..identity };
            return self.keep_checked(later, claimed, Vec::new()).await;
        };
        let verdict = self.ask(&provider, &mut identity).await?;
        in_a_row.note(verdict.may_be_down());
        self.conclude(&provider, Claimed { identity, until: claimed }, verdict, round).await
    }

    /// Draws the consequence of an answer for the account that it is about.
    async fn conclude(
        &self,
        provider: &Arc<Provider>,
        claimed: Claimed,
        verdict: Verdict,
        round: &mut Round,
    ) -> Result<(), StoreError> {
        let Claimed { identity, until: claimed } = claimed;
        let services = &self.inner.services;
        let now = services.clock.now();
        let (patience, seconds, why, reason) = match verdict {
            Verdict::Vouches(arrival) => {
                round.confirmed += 1;
                let learnt = LinkedIdentity {
                    last_login_at: identity.last_login_at,
                    ..self.learnt(provider, &arrival, Some(&identity), &identity.user_id)
                };
                let user = services.store.user(&identity.user_id).await?;
                let profile = match &user {
                    Some(user) => {
                        self.profile_changes(&arrival, &identity, user, Occasion::Check).await?
                    }
                    None => Vec::new(),
                };
                return self.keep_checked(learnt, claimed, profile).await;
            }
            Verdict::VouchesSilently => {
                round.confirmed += 1;
                let next_check_at = now.plus(provider.config.refresh_seconds);
                let kept = LinkedIdentity { confirmed_at: now, next_check_at, ..identity };
                return self.keep_checked(kept, claimed, Vec::new()).await;
            }
            Verdict::Refused(reason, why) => {
                round.ended += 1;
                return self.end(&identity, reason, &crate::error::plain(&why)).await;
            }
            Verdict::Silent(why) | Verdict::Ours(why) => {
                (i64::MAX, AGAIN, why, RevokeReason::ProviderSilent)
            }
            Verdict::Wait(seconds, why) => {
                let seconds = seconds.unwrap_or(AGAIN).max(60);
                (i64::MAX, seconds, why, RevokeReason::ProviderSilent)
            }
            Verdict::Nonsense(why) => (NONSENSE, AGAIN, why, RevokeReason::ProviderUnclear),
        };
        let silent = now.since(identity.confirmed_at);
        let end = deadline(provider, &identity, patience);
        if now > end {
            round.ended += 1;
            let why = format!(
                "not confirmed for {silent} seconds, which is longer than allowed: {}",
                crate::error::plain(&why)
            );
            return self.end(&identity, reason, &why).await;
        }
        round.waiting += 1;
        tracing::warn!(provider = %provider.id, user = %identity.user_id, silent, why, "an account could not be checked; its access continues for now");
        // Once more before the end.
        let next_check_at = Timestamp(now.plus(seconds).0.min(end.plus(1).0));
        let later = LinkedIdentity { next_check_at, ..identity };
        self.keep_checked(later, claimed, Vec::new()).await
    }

    /// Stores the outcome of a check, unless the user signed in or out with the account meanwhile:
    /// that is newer.
    pub(crate) async fn keep_checked(
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
        let store = &self.inner.services.store;
        // Of the profile, only a new name can be refused: another user took it a moment ago. It
        // waits for the next check.
        let (names, rest): (Vec<Change>, Vec<Change>) =
            profile.into_iter().partition(|change| matches!(change, Change::RenameUser { .. }));
        if !names.is_empty() {
            match store.apply(unit(rest.iter().cloned().chain(names).collect())).await {
                Err(StoreError::Refused(_)) => tracing::debug!(
                    identity = id.as_str(),
                    "a check of an account is stored without the new name"
                ),
                other => return other,
            }
        }
        ignore_refused(store.apply(unit(rest)).await)
    }

    pub(crate) fn open_credential(&self, identity: &LinkedIdentity) -> Option<Credential> {
        let plain = self
            .inner
            .services
            .master
            .open(&credential_place(&identity.id), identity.credential.as_ref()?)
            .ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Asks the provider. A credential that it replaced is stored on return, and `identity` has it,
    /// for every verdict.
    async fn ask(
        &self,
        provider: &Arc<Provider>,
        identity: &mut LinkedIdentity,
    ) -> Result<Verdict, StoreError> {
        let Some(credential) = self.open_credential(identity) else {
            return Ok(Verdict::Refused(
                RevokeReason::ProviderSilent,
                "there is no token to ask the provider with; the user must sign in again"
                    .to_owned(),
            ));
        };
        let now = self.inner.services.clock.now();
        let arrival = match self.answer(provider, identity, credential).await {
            Ok(told) if said_nothing(&told) => return Ok(Verdict::VouchesSilently),
            Ok(told) => provider.arrival(told, SignInPurpose::default(), now),
            Err(error) => Err(error),
        };
        let mut arrival = match arrival {
            Ok(arrival) => self.recognise(provider, arrival).await?,
            Err(error) => return Verdict::of(error),
        };
        if arrival.identity() != identity.id {
            return Ok(Verdict::Refused(
                RevokeReason::ProviderRefused,
                "the provider responded about another user".to_owned(),
            ));
        }
        if !arrival.email_told {
            // Responses to a refresh often have fewer claims. The e-mail address stated before
            // remains valid.
            arrival.email.clone_from(&identity.email);
            arrival.email_verified = identity.email.is_some();
        }
        Ok(match provider.judge(&arrival) {
            Ok(()) => Verdict::Vouches(Box::new(arrival)),
            Err(reason) => Verdict::Refused(RevokeReason::ProviderRefused, reason.to_string()),
        })
    }

    async fn answer(
        &self,
        provider: &Arc<Provider>,
        identity: &mut LinkedIdentity,
        credential: Credential,
    ) -> Result<ProviderAnswer, FederationError> {
        let held = match credential {
            Credential::Refresh(token) => {
                let rotated = within(self.rotate(provider, identity, token)).await?;
                identity.credential.clone_from(&rotated.credential);
                UsableCredential::Tokens(rotated.tokens?)
            }
            Credential::Access(token) => UsableCredential::Access(token),
        };
        // ID tokens are compared by `sub`, also where another claim names the user here.
        let subject = (provider.claims.subject == "sub").then_some(identity.subject.as_str());
        within(provider.protocol.confirm(held, subject)).await
    }
}

/// Reports a refresh without claims about the user: no ID token and no userinfo.
fn said_nothing(told: &ProviderAnswer) -> bool {
    told.claims.as_object().is_none_or(|members| members.keys().all(|name| name == "sub"))
}
