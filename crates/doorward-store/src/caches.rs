//! The values that are kept in memory, and their invalidation.

use std::{sync::Arc, time::Duration};

use doorward_model::{
    AccessToken, Client, Connection, ExternalResource, Grant, Session, SigningKey, StoredProvider,
    Toolset, UpstreamTrust, User,
    upstream::{PinnedTool, StoredUpstream},
};
use tokio::sync::broadcast;

use crate::{Config, backend::Backend, cache::ReadThrough, invalidate::Invalidation};

/// Values that are kept in memory.
pub(crate) struct Caches {
    pub(crate) users: ReadThrough<String, User>,
    pub(crate) clients: ReadThrough<String, Client>,
    pub(crate) grants: ReadThrough<String, Grant>,
    pub(crate) sessions: ReadThrough<String, Session>,
    pub(crate) signing_keys: ReadThrough<(), Vec<SigningKey>>,
    pub(crate) settings: ReadThrough<String, Option<String>>,
    pub(crate) providers: ReadThrough<(), Vec<StoredProvider>>,
    pub(crate) upstreams: ReadThrough<(), Vec<StoredUpstream>>,
    pub(crate) resources: ReadThrough<(), Vec<ExternalResource>>,
    pub(crate) toolsets: ReadThrough<(), Vec<Arc<Toolset>>>,
    pub(crate) trusts: ReadThrough<(), Vec<UpstreamTrust>>,
    pub(crate) pinned: ReadThrough<String, Vec<PinnedTool>>,
    pub(crate) connections: ReadThrough<String, Vec<Connection>>,
    pub(crate) access_tokens: ReadThrough<String, AccessToken>,
    /// Tells which answers of clients were kept for a replica that waits.
    pub(crate) answers: broadcast::Sender<KeptAnswer>,
}

/// Maximum number of answers that wait to be noticed.
const ANSWERS: usize = 256;

/// An answer that was kept for a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptAnswer {
    /// The one with this hashed identifier.
    One(String),
    /// Any: notifications may have been missed.
    Any,
}

impl Caches {
    pub(crate) fn new(config: &Config, backend: Backend) -> Self {
        // SQLite has no other replica, and writes by other processes are seen by its commit
        // counter.
        let lifetime = if backend == Backend::Sqlite {
            Duration::from_hours(1)
        } else {
            Duration::from_secs(config.cache_seconds)
        };
        let entries = config.cache_entries;
        Self {
            users: ReadThrough::new(entries, lifetime),
            clients: ReadThrough::new(entries, lifetime),
            grants: ReadThrough::new(entries, lifetime),
            sessions: ReadThrough::new(entries, lifetime),
            signing_keys: ReadThrough::new(1, lifetime),
            settings: ReadThrough::new(64, lifetime),
            providers: ReadThrough::new(1, lifetime),
            upstreams: ReadThrough::new(1, lifetime),
            resources: ReadThrough::new(1, lifetime),
            toolsets: ReadThrough::new(1, lifetime),
            trusts: ReadThrough::new(1, lifetime),
            pinned: ReadThrough::new(1024, lifetime),
            connections: ReadThrough::new(entries, lifetime),
            access_tokens: ReadThrough::new(entries, lifetime),
            answers: broadcast::channel(ANSWERS).0,
        }
    }

    pub(crate) fn forget(&self, stale: &[Invalidation]) {
        for value in stale {
            match value {
                Invalidation::User(id) => self.users.forget(id),
                Invalidation::Users => self.users.forget_all(),
                Invalidation::Client(id) => self.clients.forget(id),
                Invalidation::Grant(id) => self.grants.forget(id),
                Invalidation::Grants => self.grants.forget_all(),
                Invalidation::Session(token) => self.sessions.forget(token),
                Invalidation::Sessions => self.sessions.forget_all(),
                Invalidation::SigningKeys => self.signing_keys.forget_all(),
                Invalidation::Settings => self.settings.forget_all(),
                Invalidation::Providers => self.providers.forget_all(),
                Invalidation::Resources => self.resources.forget_all(),
                Invalidation::Toolsets => self.toolsets.forget_all(),
                Invalidation::Trusts => self.trusts.forget_all(),
                Invalidation::Upstreams => {
                    self.upstreams.forget_all();
                    self.trusts.forget_all();
                    self.pinned.forget_all();
                    self.connections.forget_all();
                }
                Invalidation::Pinned(name) => self.pinned.forget(name),
                Invalidation::Connections(user_id) => self.connections.forget(user_id),
                Invalidation::AccessTokens => self.access_tokens.forget_all(),
                // Without a listener, no request of this replica waits for an answer.
                Invalidation::Answers(id) => drop(self.answers.send(KeptAnswer::One(id.clone()))),
                Invalidation::Everything => {
                    let _ = self.answers.send(KeptAnswer::Any);
                    self.users.forget_all();
                    self.clients.forget_all();
                    self.grants.forget_all();
                    self.sessions.forget_all();
                    self.signing_keys.forget_all();
                    self.settings.forget_all();
                    self.providers.forget_all();
                    self.upstreams.forget_all();
                    self.resources.forget_all();
                    self.toolsets.forget_all();
                    self.trusts.forget_all();
                    self.pinned.forget_all();
                    self.connections.forget_all();
                    self.access_tokens.forget_all();
                }
            }
        }
    }
}
