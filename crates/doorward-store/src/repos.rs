//! Reads, one noun after another. Frequent ones use the caches.

use std::sync::Arc;

use doorward_model::{
    AuthorizationCode, Client, ClientId, ClientSource, Grant, GrantId, HashedToken, OneTimeLink,
    RefreshToken, ScopeSet, Session, SigningKey, Timestamp, User, UserId, UserName,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};

mod access_tokens;
mod delegations;
mod devices;
mod federation;
mod pending;
mod policy;
mod relying;
mod resources;
mod second_factor;
mod upstreams;

pub use federation::PasswordlessSignIn;

use crate::{
    Store, StoreError, convert,
    entities::{
        access_grant, authorization_code, client, login_failure, one_time_link, refresh_token,
        session, setting, signing_key, spent_value, user,
    },
};

/// The most grants of one user to one client that are read at once. More than one client's
/// installations have; the issuer ends those beyond its own, smaller bound.
const GRANTS_READ: u64 = 50;

/// The number of failed sign-ins for an account or an IP address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginFailures {
    /// How many times in a row.
    pub failures: u32,
    /// The time of the last one.
    pub last_at: Timestamp,
}

/// A client that may act for a user, with the permissions of all its grants together.
#[derive(Clone, Debug)]
pub struct ConnectedApp {
    /// The client's id.
    pub client_id: ClientId,
    /// The client, unless it was deleted.
    pub client: Option<Arc<Client>>,
    /// The scopes that it may have, with implied ones.
    pub scopes: ScopeSet,
    /// The time of the oldest of its grants.
    pub connected_at: Timestamp,
    /// The time at which any of its grants was last used.
    pub last_used_at: Timestamp,
}

impl ConnectedApp {
    /// The name that the client gives itself, or else its ID.
    pub fn name(&self) -> &str {
        self.client.as_ref().map_or(self.client_id.as_str(), |client| &client.name)
    }
}

/// Which clients to list.
#[derive(Clone, Debug, Default)]
pub struct ClientFilter {
    /// Only those from this source.
    pub source: Option<ClientSource>,
    /// Only clients that have this text in their name or id, compared without case.
    pub search: Option<String>,
    /// Only those after this one, by the time they were made and their id: where a page ended.
    pub after: Option<(i64, String)>,
}

/// Users.
impl Store {
    /// The user with this id.
    pub async fn user(&self, id: &UserId) -> Result<Option<Arc<User>>, StoreError> {
        let read = || async move {
            self.point()
                .keyed::<user::Entity>("user", user::Column::Id, id.as_str())
                .await?
                .map(convert::user)
                .transpose()
        };
        self.caches.users.get(&id.as_str().to_owned(), read).await
    }
    /// The user with this sign-in name, straight from the database.
    pub async fn user_named(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        self.point()
            .one(user::Entity::find().filter(user::Column::Name.eq(name.as_str())))
            .await?
            .map(convert::user)
            .transpose()
    }
    /// The user that an administrator names: by identifier, or else by sign-in name.
    pub async fn user_by(&self, text: &str) -> Result<Option<Arc<User>>, StoreError> {
        if let Some(user) = self.user(&UserId::from_text(text)).await? {
            return Ok(Some(user));
        }
        match UserName::parse(text) {
            Ok(name) => Ok(self.user_named(&name).await?.map(Arc::new)),
            Err(_) => Ok(None),
        }
    }
    /// All users by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        user::Entity::find()
            .order_by_asc(user::Column::Name)
            .all(&self.reader)
            .await?
            .into_iter()
            .map(convert::user)
            .collect()
    }
    /// How many users there are.
    pub async fn count_users(&self) -> Result<u64, StoreError> {
        Ok(user::Entity::find().count(&self.reader).await?)
    }
}

/// Clients.
impl Store {
    /// The client with this id, disabled or not.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        let read = || async move {
            self.point()
                .keyed::<client::Entity>("client", client::Column::Id, id.as_str())
                .await?
                .map(convert::client)
                .transpose()
        };
        self.caches.clients.get(&id.as_str().to_owned(), read).await
    }
    /// Clients, newest first, at most `limit`.
    pub async fn clients(
        &self,
        filter: ClientFilter,
        limit: u64,
    ) -> Result<Vec<Client>, StoreError> {
        let mut which = Condition::all();
        if let Some(source) = filter.source {
            which = which.add(client::Column::Source.eq(source.as_str()));
        }
        if let Some(search) = filter.search.filter(|search| !search.is_empty()) {
            let plain =
                search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let lower = |column: client::Column| {
                Expr::expr(Func::lower(Expr::col(column)))
                    .like(LikeExpr::new(format!("%{plain}%")).escape('\\'))
            };
            which = which.add(
                Condition::any().add(lower(client::Column::Name)).add(lower(client::Column::Id)),
            );
        }
        if let Some((at, id)) = filter.after {
            let same = Condition::all()
                .add(client::Column::CreatedAt.eq(at))
                .add(client::Column::Id.gt(id));
            which = which.add(Condition::any().add(client::Column::CreatedAt.lt(at)).add(same));
        }
        let rows = client::Entity::find()
            .filter(which)
            .order_by_desc(client::Column::CreatedAt)
            .order_by_asc(client::Column::Id)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(convert::client).collect()
    }
    /// Clients with a trust rule, by name: those of an issuer, or all. At most `limit`.
    pub async fn trusting_clients(
        &self,
        issuer: Option<&str>,
        limit: u64,
    ) -> Result<Vec<Client>, StoreError> {
        let which = match issuer {
            Some(issuer) => client::Column::TrustIssuer.eq(issuer),
            None => client::Column::TrustIssuer.is_not_null(),
        };
        let rows = self
            .point()
            .all(
                client::Entity::find()
                    .filter(which)
                    .order_by_asc(client::Column::Name)
                    .order_by_asc(client::Column::Id)
                    .limit(limit),
            )
            .await?;
        rows.into_iter().map(convert::client).collect()
    }
    /// How many clients there are from one source.
    pub async fn count_clients(&self, source: ClientSource) -> Result<u64, StoreError> {
        Ok(client::Entity::find()
            .filter(client::Column::Source.eq(source.as_str()))
            .count(&self.reader)
            .await?)
    }
}

/// Codes, grants and refresh tokens.
impl Store {
    /// The code with this hash, spent or not, straight from the database.
    pub async fn code(&self, token: &HashedToken) -> Result<Option<AuthorizationCode>, StoreError> {
        self.point()
            .keyed::<authorization_code::Entity>(
                "code",
                authorization_code::Column::Token,
                token.as_str(),
            )
            .await?
            .map(convert::code)
            .transpose()
    }
    /// The grant with this id, revoked or not.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Arc<Grant>>, StoreError> {
        let read = || async move {
            self.point()
                .keyed::<access_grant::Entity>("grant", access_grant::Column::Id, id.as_str())
                .await?
                .map(convert::grant)
                .transpose()
        };
        self.caches.grants.get(&id.as_str().to_owned(), read).await
    }
    /// The grant with this id straight from the database, for decisions that a replica's delay must
    /// not bend.
    pub async fn grant_uncached(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        self.point()
            .keyed::<access_grant::Entity>("grant", access_grant::Column::Id, id.as_str())
            .await?
            .map(convert::grant)
            .transpose()
    }
    /// A user's grants that count at `now`, newest first.
    pub async fn live_grants_of(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<Grant>, StoreError> {
        use access_grant::Column as G;
        let live = Condition::all()
            .add(G::UserId.eq(user_id.as_str()))
            .add(G::RevokedAt.is_null())
            .add(G::ExpiresAt.gt(now.0));
        let rows = access_grant::Entity::find()
            .filter(live)
            .order_by_desc(G::CreatedAt)
            .order_by_asc(G::Id)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(convert::grant).collect()
    }
    /// A user's grants to one client that count at `now`, those used last first. Only the first
    /// fifty: a client has no more, unless an earlier release left them.
    pub async fn live_grants_to(
        &self,
        user_id: &UserId,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<Vec<Grant>, StoreError> {
        use access_grant::Column as G;
        let live = Condition::all()
            .add(G::UserId.eq(user_id.as_str()))
            .add(G::ClientId.eq(client_id.as_str()))
            .add(G::RevokedAt.is_null())
            .add(G::ExpiresAt.gt(now.0));
        let last_used_first = || {
            access_grant::Entity::find()
                .filter(live.clone())
                .order_by_desc(G::LastUsedAt)
                .limit(GRANTS_READ)
        };
        let values =
            [user_id.as_str().into(), client_id.as_str().into(), now.0.into(), GRANTS_READ.into()];
        let rows = self.point().all_kept("live grants", &values, last_used_first).await?;
        rows.into_iter().map(convert::grant).collect()
    }
    /// A user's grants that count at `now` to clients that registered themselves under one name,
    /// those used last first; the first fifty.
    pub async fn live_grants_to_name(
        &self,
        user_id: &UserId,
        name: &str,
        now: Timestamp,
    ) -> Result<Vec<Grant>, StoreError> {
        use access_grant::Column as G;
        let named = client::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(client::Column::Source.eq(ClientSource::Registration.as_str()))
            .filter(client::Column::Name.eq(name))
            .filter(
                Expr::col((client::Entity, client::Column::Id))
                    .equals((access_grant::Entity, G::ClientId)),
            )
            .into_query();
        let live = Condition::all()
            .add(G::UserId.eq(user_id.as_str()))
            .add(G::RevokedAt.is_null())
            .add(G::ExpiresAt.gt(now.0))
            .add(Expr::exists(named));
        let last_used_first = access_grant::Entity::find()
            .filter(live)
            .order_by_desc(G::LastUsedAt)
            .limit(GRANTS_READ);
        let rows = self.point().all(last_used_first).await?;
        rows.into_iter().map(convert::grant).collect()
    }
    /// How many of a user's grants to one client count at `now`.
    pub async fn count_grants_to(
        &self,
        user_id: &UserId,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        use access_grant::Column as G;
        let live = Condition::all()
            .add(G::UserId.eq(user_id.as_str()))
            .add(G::ClientId.eq(client_id.as_str()))
            .add(G::RevokedAt.is_null())
            .add(G::ExpiresAt.gt(now.0));
        Ok(self.point().count(access_grant::Entity::find().filter(live)).await?)
    }
    /// The clients that may act for a user at `now`, by name.
    pub async fn connected_apps(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<ConnectedApp>, StoreError> {
        let mut apps: Vec<ConnectedApp> = Vec::new();
        for grant in self.live_grants_of(user_id, now).await? {
            if let Some(app) = apps.iter_mut().find(|app| app.client_id == grant.client_id) {
                app.scopes = app.scopes.union(&grant.scopes).closure();
                app.connected_at = app.connected_at.min(grant.created_at);
                app.last_used_at = app.last_used_at.max(grant.last_used_at);
            } else {
                let client = self.client(&grant.client_id).await?;
                let scopes = grant.scopes.closure();
                apps.push(ConnectedApp {
                    client_id: grant.client_id,
                    client,
                    scopes,
                    connected_at: grant.created_at,
                    last_used_at: grant.last_used_at,
                });
            }
        }
        apps.sort_by_cached_key(|app| (app.name().to_lowercase(), app.client_id.to_string()));
        Ok(apps)
    }
    /// The refresh token with this hash, used or not, straight from the database.
    pub async fn refresh_token(
        &self,
        token: &HashedToken,
    ) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self
            .point()
            .keyed::<refresh_token::Entity>(
                "refresh token",
                refresh_token::Column::Token,
                token.as_str(),
            )
            .await?
            .map(convert::refresh_token))
    }
}

/// Sessions and sign-in failures.
impl Store {
    /// The session with this cookie, over or not.
    pub async fn session(&self, token: &HashedToken) -> Result<Option<Arc<Session>>, StoreError> {
        let read = || async move {
            self.point()
                .keyed::<session::Entity>("session", session::Column::Token, token.as_str())
                .await?
                .map(convert::session)
                .transpose()
        };
        self.caches.sessions.get(&token.as_str().to_owned(), read).await
    }
    /// A user's sessions that count at `now`, the last used first.
    pub async fn sessions_of(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        use session::Column as S;
        let live = Condition::all()
            .add(S::UserId.eq(user_id.as_str()))
            .add(S::ExpiresAt.gt(now.0))
            .add(S::EndsAt.gt(now.0));
        let rows = session::Entity::find()
            .filter(live)
            .order_by_desc(S::LastSeenAt)
            .limit(1000)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(convert::session).collect()
    }
    /// Failed sign-ins counted under `key`.
    pub async fn login_failures(&self, key: &str) -> Result<LoginFailures, StoreError> {
        let row = self.point().one(login_failure::Entity::find_by_id(key)).await?;
        Ok(row.map_or_else(LoginFailures::default, |row| LoginFailures {
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            last_at: Timestamp(row.last_at),
        }))
    }
    /// The one-time link with this hash, used or not.
    pub async fn link(&self, token: &HashedToken) -> Result<Option<OneTimeLink>, StoreError> {
        Ok(self
            .point()
            .one(one_time_link::Entity::find_by_id(token.as_str()))
            .await?
            .map(convert::link))
    }
}

/// Keys and settings.
impl Store {
    /// True if a named value was spent, straight from the database.
    pub async fn is_spent(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.point().one(spent_value::Entity::find_by_id(name)).await?.is_some())
    }
    /// All signing keys, oldest activation first.
    pub async fn signing_keys(&self) -> Result<Arc<Vec<SigningKey>>, StoreError> {
        let read = || async move {
            let rows = self
                .point()
                .all(
                    signing_key::Entity::find()
                        .order_by_asc(signing_key::Column::ActivatesAt)
                        .order_by_asc(signing_key::Column::Kid),
                )
                .await?;
            rows.into_iter().map(convert::signing_key).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.signing_keys.get(&(), read).await?.unwrap_or_default())
    }
    /// A setting that may change at run time.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let read = || async move {
            Ok(Some(self.point().one(setting::Entity::find_by_id(key)).await?.map(|row| row.value)))
        };
        Ok(self
            .caches
            .settings
            .get(&key.to_owned(), read)
            .await?
            .and_then(|value| value.as_ref().clone()))
    }
}
