//! Identity providers, accounts at them, sign-ins under way.

use std::sync::Arc;

use doorward_model::{
    HashedToken, IdentityId, Invitation, LinkedIdentity, ProviderId, SignInAttempt, StoredProvider,
    Timestamp, User, UserId,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func},
};

use crate::{
    Store, StoreError, convert,
    entities::{
        access_grant, access_token, identity, invitation, passkey, provider, session, sign_in, user,
    },
};

/// The most users of one query.
const USERS: usize = 500;

/// A way to sign in without a password.
#[derive(Clone, Debug)]
pub struct PasswordlessSignIn {
    /// The user.
    pub user_id: UserId,
    /// The identity provider; `None` for a passkey.
    pub provider: Option<ProviderId>,
}

impl Store {
    /// The ways of these users to sign in without a password: passkeys, and accounts at identity
    /// providers that have not ended.
    pub async fn ways_in(&self, users: &[UserId]) -> Result<Vec<PasswordlessSignIn>, StoreError> {
        let mut ways = Vec::new();
        for some in users.chunks(USERS) {
            let ids = || some.iter().map(UserId::as_str);
            let passkeys: Vec<String> = passkey::Entity::find()
                .select_only()
                .column(passkey::Column::UserId)
                .filter(passkey::Column::UserId.is_in(ids()))
                .into_tuple()
                .all(&self.reader)
                .await?;
            let accounts: Vec<(String, String)> = identity::Entity::find()
                .select_only()
                .columns([identity::Column::UserId, identity::Column::Provider])
                .filter(identity::Column::UserId.is_in(ids()))
                .filter(identity::Column::EndedAt.is_null())
                .into_tuple()
                .all(&self.reader)
                .await?;
            ways.extend(
                passkeys.into_iter().map(|id| PasswordlessSignIn {
                    user_id: UserId::from_text(id),
                    provider: None,
                }),
            );
            ways.extend(accounts.into_iter().map(|(id, provider)| PasswordlessSignIn {
                user_id: UserId::from_text(id),
                provider: Some(ProviderId::from_stored(provider)),
            }));
        }
        Ok(ways)
    }
    /// The providers that were added by command, by name.
    pub async fn providers(&self) -> Result<Arc<Vec<StoredProvider>>, StoreError> {
        let read = || async move {
            let rows = provider::Entity::find()
                .order_by_asc(provider::Column::Id)
                .all(&self.reader)
                .await?;
            Ok(Some(rows.into_iter().map(convert::provider).collect()))
        };
        Ok(self.caches.providers.get(&(), read).await?.unwrap_or_default())
    }
    /// A sign-in under way, before or after its callback, straight from the database.
    pub async fn sign_in(&self, state: &HashedToken) -> Result<Option<SignInAttempt>, StoreError> {
        Ok(self
            .point()
            .one(sign_in::Entity::find_by_id(state.as_str()))
            .await?
            .map(convert::sign_in))
    }
    /// An account at an identity provider, straight from the database.
    pub async fn identity(&self, id: &IdentityId) -> Result<Option<LinkedIdentity>, StoreError> {
        self.point()
            .one(identity::Entity::find_by_id(id.as_str()))
            .await?
            .map(convert::identity)
            .transpose()
    }
    /// A user's accounts at identity providers, the first linked first.
    pub async fn identities_of(&self, user_id: &UserId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let oldest_first = || {
            identity::Entity::find()
                .filter(identity::Column::UserId.eq(user_id.as_str()))
                .order_by_asc(identity::Column::CreatedAt)
                .order_by_asc(identity::Column::Id)
        };
        let values = [user_id.as_str().into()];
        let rows = self.point().all_kept("identities", &values, oldest_first).await?;
        rows.into_iter().map(convert::identity).collect()
    }
    /// Accounts at identity providers with a check due at `now`, the longest due first, at most
    /// `limit`.
    pub async fn identities_due(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<LinkedIdentity>, StoreError> {
        let due = identity::Entity::find().filter(identity::Column::NextCheckAt.lte(now.0));
        let rows =
            due.order_by_asc(identity::Column::NextCheckAt).limit(limit).all(&self.reader).await?;
        rows.into_iter().map(convert::identity).collect()
    }
    /// The accounts at identity providers with sessions that belong to one session of a provider.
    pub async fn identities_with_sid(
        &self,
        provider: &ProviderId,
        sid: &str,
    ) -> Result<Vec<IdentityId>, StoreError> {
        use session::Column as S;
        let which = session::Entity::find()
            .filter(S::Provider.eq(provider.as_str()))
            .filter(S::UpstreamSid.eq(sid));
        let rows: Vec<Option<String>> = which
            .select_only()
            .column(S::Identity)
            .distinct()
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().flatten().map(IdentityId::from_stored).collect())
    }
    /// True if a session, grant or access token that began with this account counts at `now`.
    pub async fn is_identity_in_use(
        &self,
        id: &IdentityId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        use access_grant::Column as G;
        use sea_orm::PaginatorTrait;
        use session::Column as S;
        let sessions = session::Entity::find()
            .filter(S::Identity.eq(id.as_str()))
            .filter(S::ExpiresAt.gt(now.0))
            .filter(S::EndsAt.gt(now.0));
        let grants = access_grant::Entity::find()
            .filter(G::Identity.eq(id.as_str()))
            .filter(G::RevokedAt.is_null())
            .filter(G::ExpiresAt.gt(now.0));
        let tokens = access_token::Entity::find()
            .filter(access_token::Column::Identity.eq(id.as_str()))
            .filter(access_token::Column::RevokedAt.is_null())
            .filter(access_token::Column::ExpiresAt.gt(now.0));
        Ok(sessions.count(&self.reader).await? > 0
            || grants.count(&self.reader).await? > 0
            || tokens.count(&self.reader).await? > 0)
    }
    /// The issuers of the accounts that have not ended, with the provider that each is known by.
    pub async fn issuers_of_identities(&self) -> Result<Vec<(ProviderId, String)>, StoreError> {
        use identity::Column as I;
        let which = identity::Entity::find()
            .select_only()
            .column(I::Provider)
            .column(I::Issuer)
            .distinct()
            .filter(I::EndedAt.is_null());
        let rows: Vec<(String, String)> = which.into_tuple().all(&self.reader).await?;
        Ok(rows
            .into_iter()
            .map(|(provider, issuer)| (ProviderId::from_stored(provider), issuer))
            .collect())
    }
    /// How many users sign in through a provider.
    pub async fn count_identities(&self, provider: &ProviderId) -> Result<u64, StoreError> {
        use sea_orm::PaginatorTrait;
        Ok(identity::Entity::find()
            .filter(identity::Column::Provider.eq(provider.as_str()))
            .count(&self.reader)
            .await?)
    }
    /// The user invited under an e-mail address at a provider.
    pub async fn invitation(
        &self,
        provider: &ProviderId,
        email: &str,
    ) -> Result<Option<Invitation>, StoreError> {
        Ok(self
            .point()
            .one(invitation::Entity::find_by_id(Invitation::key(provider, email)))
            .await?
            .map(convert::invitation))
    }
    /// Users with this e-mail address, compared without case, straight from the database.
    pub async fn users_with_email(&self, email: &str) -> Result<Vec<User>, StoreError> {
        let same = Expr::expr(Func::lower(Expr::col(user::Column::Email))).eq(email.to_lowercase());
        let rows = user::Entity::find().filter(same).limit(10).all(&self.reader).await?;
        rows.into_iter().map(convert::user).collect()
    }
}
