//! The authorization server and the resource of each upstream, pinned when they are first seen
//! (decision 30). Users are redirected to no other until an administrator accepts it, and the
//! dependents of an upstream end when it is deleted or replaced.

use std::{
    ops::Deref,
    sync::{Arc, atomic::Ordering},
};

use doorward_model::{
    Change, Resource, ServerPin, UnitOfWork, UpstreamChange, UpstreamId, UpstreamName,
    UpstreamTrust,
    trust::{Ended, Ending},
};
use doorward_store::{Condition, StoreError};

use crate::{
    Gateway, Inner,
    oauth::{Discovered, OAuthError, clean},
    upstream::Upstream,
};

/// Maximum number of scopes that are pinned, so that an upstream cannot fill the database.
const MOST_SCOPES: usize = 100;

/// Reason for which an authorization server was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ServerChangeError {
    /// No such upstream.
    #[error("there is no upstream {0}; doorward upstream list names them")]
    Unknown(String),
    /// It names the one that is pinned.
    #[error("{0} names no other authorization server than the accepted one")]
    Nothing(String),
    /// It names yet another one than was shown.
    #[error("{0} names another authorization server than the one shown; check it again")]
    Changed(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An upstream's identity among all.
pub(crate) struct KnownTrust {
    all: Arc<Vec<UpstreamTrust>>,
    index: usize,
}

impl KnownTrust {
    fn find(all: Arc<Vec<UpstreamTrust>>, name: UpstreamName) -> Option<Self> {
        let index = all.iter().position(|trust| trust.upstream == name)?;
        Some(Self { all, index })
    }
}

impl Deref for KnownTrust {
    type Target = UpstreamTrust;

    #[expect(clippy::indexing_slicing, reason = "the index was found in this very list")]
    fn deref(&self) -> &UpstreamTrust {
        &self.all[self.index]
    }
}

/// The issuer that the operator set, as a pin.
fn configured(upstream: &Upstream) -> Option<ServerPin> {
    let issuer = upstream.config.issuer.clone();
    (!issuer.is_empty()).then(|| ServerPin { issuer, resource: None, scopes: Vec::new() })
}

/// Reports an upstream at another place, or with another issuer, than its identity is about.
pub(crate) fn is_another(trust: &UpstreamTrust, upstream: &Upstream) -> bool {
    let issuer = trust.server.as_ref().zip(configured(upstream));
    trust.location != upstream.location
        || issuer.is_some_and(|(pinned, configured)| !pinned.is_issued_by(&configured.issuer))
}

/// The server that an upstream names, as it is pinned.
fn named(found: &Discovered) -> ServerPin {
    let mut scopes = found.scopes_to_ask();
    scopes.retain(|scope| scope.len() <= 256);
    scopes.truncate(MOST_SCOPES);
    ServerPin {
        issuer: found.server.issuer.clone(),
        resource: found.named_resource.clone(),
        scopes,
    }
}

/// The fault, in words.
fn names_another(pinned: &ServerPin, named: &ServerPin) -> OAuthError {
    let why = if pinned.is_issued_by(&named.issuer) {
        format!(
            "it names another resource now, {} instead of {}",
            clean(named.resource.as_deref().unwrap_or("none")),
            clean(pinned.resource.as_deref().unwrap_or("none"))
        )
    } else {
        format!(
            "it names another authorization server now, {} instead of {}",
            clean(&named.issuer),
            clean(&pinned.issuer)
        )
    };
    OAuthError::NamesAnother(format!("{why}; an administrator must accept that first"))
}

impl Inner {
    /// The identity of an upstream, if it is at the place that this process has in memory.
    pub(crate) async fn trust(
        &self,
        upstream: &Upstream,
    ) -> Result<Option<KnownTrust>, StoreError> {
        let all = self.services.store.upstream_trusts().await?;
        let known = KnownTrust::find(all, upstream.name);
        Ok(known.filter(|trust| trust.location == upstream.location))
    }

    /// The same as it is in the database at this moment.
    pub(crate) async fn trust_now(
        &self,
        upstream: &Upstream,
    ) -> Result<Option<UpstreamTrust>, StoreError> {
        let found = self.services.store.upstream_trust_now(upstream.name).await?;
        Ok(found.filter(|trust| trust.location == upstream.location))
    }

    /// A new identity for an upstream.
    pub(crate) fn new_trust(
        &self,
        upstream: &Upstream,
        server: Option<ServerPin>,
    ) -> UpstreamTrust {
        UpstreamTrust {
            upstream: upstream.name,
            id: UpstreamId::random(self.services.entropy.as_ref()),
            location: upstream.location.clone(),
            server: server.or_else(|| configured(upstream)),
            named: None,
            since: self.services.clock.now(),
        }
    }

    /// Gives an upstream an identity that has none. Where connections of an older version have one
    /// issuer in common, it is pinned.
    pub(crate) async fn begin(&self, upstream: &Upstream) -> Result<(), StoreError> {
        let issuers = self.services.store.issuers_of_old_connections(upstream.name).await?;
        let old = match issuers.as_slice() {
            [issuer] if upstream.config.issuer.is_empty() => {
                Some(ServerPin { issuer: issuer.clone(), resource: None, scopes: Vec::new() })
            }
            _ => None,
        };
        self.services.store.apply(UpstreamChange::Begin(self.new_trust(upstream, old))).await
    }

    /// The end of an upstream's dependents.
    pub(crate) fn ending(
        &self,
        name: UpstreamName,
        upstream: Option<&Upstream>,
        seen: Option<&UpstreamTrust>,
        why: Ended,
    ) -> Ending {
        Ending {
            upstream: name,
            id: seen.map(|trust| trust.id.clone()),
            named: seen.and_then(|trust| trust.named.clone()),
            resource: Resource::of_upstream(&self.settings.public_url, name),
            why,
            access: upstream.map(|upstream| self.sealed_reach(upstream)),
            at: self.services.clock.now(),
        }
    }

    /// Ends an upstream's dependents, with changes that belong to it. It is no longer as it was seen
    /// if a condition did not hold.
    pub(crate) async fn end(
        &self,
        ending: Ending,
        before: Option<Change>,
    ) -> Result<Option<Condition>, StoreError> {
        let name = ending.upstream;
        let end = UpstreamChange::End(Box::new(ending));
        let unit: UnitOfWork = before.into_iter().chain([Change::Upstream(end)]).collect();
        // A listing under way would store tools of an upstream that was deleted. This is noted
        // before the write, which is done also if the caller is dropped; at worst a listing is
        // repeated.
        let mut turn = self.turns.take(name, self.turns.begin()).await;
        turn.end();
        match self.services.store.apply(unit).await {
            Ok(()) => {
                self.pool.close_for(name, None);
                self.catalogues.forget(name, None);
                self.last_found.forget(name);
                self.revocations.notify_one();
                Ok(None)
            }
            Err(StoreError::Refused(condition)) => Ok(Some(condition)),
            Err(error) => Err(error),
        }
    }
}

impl Gateway {
    /// Applies changes that the operator made while no server ran: an upstream that left the
    /// configuration file ends, and one that has another place or issuer there is a new one. To be
    /// called after [`Gateway::configure`].
    pub async fn reconcile(&self) -> Result<(), StoreError> {
        self.inner.serves.store(true, Ordering::Relaxed);
        let all = self.all_upstreams().await?;
        let store = &self.inner.services.store;
        let (records, trusts) = (store.upstreams().await?, store.upstream_trusts().await?);
        for trust in trusts.iter() {
            let name = trust.upstream;
            let (upstream, why) = match all.iter().find(|upstream| upstream.name == name) {
                // An upstream with unusable stored settings is not removed.
                None if records.iter().any(|record| record.name == name) => continue,
                None => (None, Ended::Deleted { stored: false }),
                Some(upstream) => {
                    if !is_another(trust, upstream) {
                        continue;
                    }
                    (Some(upstream), Ended::Moved(self.inner.new_trust(upstream, None)))
                }
            };
            tracing::warn!(upstream = %name, "access ends: the upstream was removed from the \
                configuration, or its location or issuer changed there");
            let ending = self.inner.ending(name, upstream.map(AsRef::as_ref), Some(trust), why);
            // Refused means that another replica did it.
            self.inner.end(ending, None).await?;
        }
        self.all_upstreams().await.map(drop)
    }

    /// The identity of an upstream and its pins, for administrators.
    pub async fn trust(&self, upstream: &Upstream) -> Result<Option<UpstreamTrust>, StoreError> {
        let all = self.inner.services.store.upstream_trusts().await?;
        Ok(KnownTrust::find(all, upstream.name).map(|known| known.clone()))
    }

    /// Accepts the authorization server, or the resource, that an upstream names. `seen` is its
    /// name as shown. Connected users have to connect again: the former server issued their access.
    pub async fn accept_server(
        &self,
        name: &str,
        seen: Option<&str>,
    ) -> Result<ServerPin, ServerChangeError> {
        let unknown = || ServerChangeError::Unknown(name.to_owned());
        let all = self.all_upstreams().await?;
        let upstream = all.iter().find(|upstream| upstream.name.as_str() == name);
        let upstream = upstream.ok_or_else(unknown)?;
        let trust = self.inner.services.store.upstream_trust_now(upstream.name).await?;
        let trust = trust.ok_or_else(unknown)?;
        let accepted =
            trust.named.clone().ok_or_else(|| ServerChangeError::Nothing(name.to_owned()))?;
        if seen.is_some_and(|seen| seen != accepted.etag()) {
            return Err(ServerChangeError::Changed(name.to_owned()));
        }
        let next = self.inner.new_trust(upstream, Some(accepted.clone()));
        let why = Ended::Accepted(next);
        let ending = self.inner.ending(upstream.name, Some(upstream), Some(&trust), why);
        if self.inner.end(ending, None).await?.is_some() {
            return Err(ServerChangeError::Changed(name.to_owned()));
        }
        tracing::info!(upstream = name, issuer = %clean(&accepted.issuer), "an administrator accepted the authorization server of an upstream");
        self.forget_lists(upstream.name).await;
        Ok(accepted)
    }

    /// True if a server that was discovered earlier still is the pinned one.
    pub(crate) async fn is_pinned(
        &self,
        upstream: &Upstream,
        found: &Discovered,
    ) -> Result<bool, StoreError> {
        let pinned = self.inner.trust_now(upstream).await?.and_then(|trust| trust.server);
        Ok(pinned.is_some_and(|pinned| !pinned.differs_from(&named(found))))
    }

    /// Compares the authorization server and resource of an upstream with the pinned ones, and pins
    /// them if there are none. An error names a server other than the pinned one.
    pub(crate) async fn settle(
        &self,
        upstream: &Upstream,
        found: &Discovered,
    ) -> Result<UpstreamTrust, OAuthError> {
        let store = &self.inner.services.store;
        let named = named(found);
        let current = async || {
            self.inner.trust_now(upstream).await?.ok_or_else(|| {
                OAuthError::Misconfigured("its settings changed a moment ago; try again".to_owned())
            })
        };
        let mut trust = current().await?;
        // Pins from settings or older connections are completed at the first discovery.
        let pin = match (&trust.server, &found.unsure) {
            // An upstream that does not answer where its metadata is has named no server: the one
            // at its origin would be a guess, and pinned for good.
            (None, Some(why)) => return Err(OAuthError::Unreachable(why.clone())),
            (None, None) => Some(named.clone()),
            (Some(pinned), _) if pinned.resource.is_none() && !pinned.differs_from(&named) => {
                Some(ServerPin { issuer: pinned.issuer.clone(), ..named.clone() })
                    .filter(|complete| complete != pinned)
            }
            (Some(_), _) => None,
        };
        if let Some(server) = pin {
            let (name, id) = (upstream.name, trust.id.clone());
            match store.apply(UpstreamChange::Pin { upstream: name, id, server }).await {
                // Refused means that another request was faster: its pins count.
                Ok(()) | Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
            trust = current().await?;
        }
        let differs = trust.server.as_ref().filter(|pinned| pinned.differs_from(&named)).cloned();
        // An upstream that cannot be reached names no other server.
        if let (Some(_), Some(why)) = (&differs, &found.unsure) {
            return Err(OAuthError::Unreachable(why.clone()));
        }
        let other = differs.is_some().then(|| named.clone());
        if trust.named != other {
            let note = UpstreamChange::NoteNamed {
                upstream: upstream.name,
                id: trust.id.clone(),
                named: other,
                first: trust.named.is_none(),
            };
            store.apply(note).await?;
        }
        match differs {
            None => Ok(trust),
            Some(pinned) => {
                tracing::warn!(upstream = %upstream.name, issuer = %clean(&named.issuer), "an upstream names another authorization server or resource than the pinned one; users are not redirected there (doorward upstream accept {})", upstream.name);
                Err(names_another(&pinned, &named))
            }
        }
    }
}
