//! Personal and service access tokens: made, replaced and revoked by their users and by
//! administrators.

use doorward_model::{
    AccessPolicy, AccessToken, AccessTokenId, Authentication, Change, PlainToken, ScopeSet,
    TokenKind, UpstreamName, User, UserId,
};
use doorward_store::StoreError;

use crate::{Accounts, Authority};

/// A token to be made.
#[derive(Clone, Debug, Default)]
pub struct NewAccessToken {
    /// The name that its user gave it.
    pub name: String,
    /// The scopes of the token.
    pub scopes: ScopeSet,
    /// The upstreams that it may reach; none means all, and the built-in tools.
    pub upstreams: Vec<UpstreamName>,
    /// Lifetime in days.
    pub days: u32,
}

/// Reason for which a token was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// The name is empty, too long or has control characters.
    #[error("a token needs a name of at most {} characters", AccessToken::LONGEST_NAME)]
    Name,
    /// It would live too long, or not at all.
    #[error("a token is valid for 1 to {0} days")]
    Days(u32),
    /// It would allow nothing.
    #[error("choose at least one permission")]
    NoScope,
    /// It would allow more than its user may do, or than was proved.
    #[error("{0} is more than this account may grant now; a second factor may be required")]
    TooMuch(String),
    /// The user has very many.
    #[error("there are already {} tokens; revoke some first", AccessToken::MOST)]
    TooMany,
    /// It does not exist, belongs to another user, or has expired.
    #[error("the token does not exist or is not active")]
    Unknown,
    /// The user signs in through an identity provider at which the account has ended.
    #[error(
        "the user's account at the identity provider has ended; the user must sign in there first"
    )]
    Ended,
    /// Tokens are disabled.
    #[error("personal access tokens are disabled on this server")]
    Off,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// A token with a value that is shown once.
#[derive(Debug)]
pub struct MadeAccessToken {
    /// The kept result.
    pub token: AccessToken,
    /// The value.
    pub value: PlainToken,
}

/// The authentication that a token records: that of the user who makes it.
fn of_token(authority: &Authority) -> Authentication {
    let Authentication { level, mut amr } = authority.authentication().clone();
    if !amr.iter().any(|method| method == AccessToken::METHOD) {
        amr.push(AccessToken::METHOD.to_owned());
    }
    Authentication { level, amr }
}

impl Accounts {
    /// Makes a token for a user. The authentication of the acting user limits the token's
    /// permissions, and is recorded in it.
    pub async fn add_access_token(
        &self,
        authority: &Authority,
        user: &User,
        access: &AccessPolicy,
        new: NewAccessToken,
    ) -> Result<MadeAccessToken, AccessTokenError> {
        let made = self.prepare_access_token(authority, user, access, new).await?;
        self.store
            .apply(Change::InsertAccessToken(Box::new(made.token.clone())))
            .await
            .map_err(AccessTokenError::Store)?;
        tracing::info!(user = %user.id, token = %made.token.id, "access token created");
        Ok(made)
    }

    /// Makes a token that is not stored yet, so that the write can be part of a larger unit of
    /// work.
    pub async fn prepare_access_token(
        &self,
        authority: &Authority,
        user: &User,
        access: &AccessPolicy,
        new: NewAccessToken,
    ) -> Result<MadeAccessToken, AccessTokenError> {
        let now = self.clock.now();
        let name = new.name.trim();
        if !self.config.access_tokens {
            return Err(AccessTokenError::Off);
        }
        if name.is_empty()
            || name.chars().count() > AccessToken::LONGEST_NAME
            || doorward_model::foreign::has_hidden(name)
        {
            return Err(AccessTokenError::Name);
        }
        if !(1..=self.config.access_token_max_days).contains(&new.days) {
            return Err(AccessTokenError::Days(self.config.access_token_max_days));
        }
        let scopes: ScopeSet = new
            .scopes
            .iter()
            .filter(|scope| *scope != doorward_model::Scope::OfflineAccess)
            .collect();
        if scopes.is_empty() {
            return Err(AccessTokenError::NoScope);
        }
        let most = access.effective(&scopes, user, authority.authentication());
        // A personal access token signs in to no relying party.
        let most: ScopeSet = most.iter().filter(|scope| !scope.is_identity()).collect();
        let administrative: ScopeSet =
            scopes.iter().filter(|scope| scope.is_administrative()).collect();
        if !most.covers(&scopes) || !user.administrative_scopes().covers(&administrative) {
            let beyond: Vec<_> = scopes
                .iter()
                .filter(|scope| !most.allows(*scope) || scope.is_administrative())
                .map(doorward_model::Scope::name)
                .collect();
            return Err(AccessTokenError::TooMuch(beyond.join(", ")));
        }
        if self.hangs_on_ended_accounts(user).await.map_err(AccessTokenError::Store)? {
            return Err(AccessTokenError::Ended);
        }
        if self.store.count_access_tokens(&user.id, now).await.map_err(AccessTokenError::Store)?
            >= u64::try_from(AccessToken::MOST).unwrap_or(u64::MAX)
        {
            return Err(AccessTokenError::TooMany);
        }
        let value = PlainToken::random(TokenKind::AccessToken, self.entropy.as_ref());
        let token = AccessToken {
            id: AccessTokenId::random(self.entropy.as_ref()),
            token: value.hashed(),
            user_id: user.id.clone(),
            name: name.to_owned(),
            scopes: scopes.normalised(),
            upstreams: new.upstreams,
            created_at: now,
            rotated_at: None,
            expires_at: now.plus(i64::from(new.days) * 86_400),
            last_used_at: None,
            revoked_at: None,
            authentication: of_token(authority),
            identity: authority.identity().cloned(),
        };
        Ok(MadeAccessToken { token, value })
    }

    /// Replaces a token's value. The old value ends at once. The new one has the same lifetime as
    /// the old one, and the authentication of the user who replaces it.
    pub async fn rotate_access_token(
        &self,
        authority: &Authority,
        user_id: &UserId,
        id: &AccessTokenId,
    ) -> Result<MadeAccessToken, AccessTokenError> {
        let now = self.clock.now();
        let found = self.store.access_token_of_id(id).await.map_err(AccessTokenError::Store)?;
        let held = found
            .filter(|token| token.user_id == *user_id && token.is_live(now))
            .ok_or(AccessTokenError::Unknown)?;
        let value = PlainToken::random(TokenKind::AccessToken, self.entropy.as_ref());
        let lifetime = held.expires_at.since(held.rotated_at.unwrap_or(held.created_at));
        let expires_at = now.plus(lifetime);
        let (authentication, identity) = (of_token(authority), authority.identity().cloned());
        let token = AccessToken {
            token: value.hashed(),
            rotated_at: Some(now),
            expires_at,
            authentication,
            identity,
            ..held
        };
        self.changed(Change::RotateAccessToken(Box::new(token.clone()))).await?;
        Ok(MadeAccessToken { token, value })
    }

    /// Revokes a token: of this user only, if one is given.
    pub async fn revoke_access_token(
        &self,
        user_id: Option<&UserId>,
        id: &AccessTokenId,
    ) -> Result<(), AccessTokenError> {
        self.changed(Change::RevokeAccessToken {
            id: id.clone(),
            user_id: user_id.cloned(),
            at: self.clock.now(),
        })
        .await
    }

    async fn changed(&self, change: Change) -> Result<(), AccessTokenError> {
        match self.store.apply(change).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(AccessTokenError::Unknown),
            Err(error) => Err(AccessTokenError::Store(error)),
        }
    }
}
