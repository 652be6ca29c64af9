//! One-time links that make the first administrator.

use doorward_model::{
    Authentication, Change, OneTimeLink, PlainToken, Role, TokenKind, UnitOfWork, User,
};
use doorward_store::{Condition, StoreError};

use super::{BrowserFacts, NewAccount, UserError};
use crate::{Accounts, Authority, SignedIn, sign_in::Entrance};

impl Accounts {
    /// Makes a one-time link's secret.
    pub async fn new_admin_link(&self) -> Result<PlainToken, StoreError> {
        let token = PlainToken::random(TokenKind::Link, self.entropy.as_ref());
        let link = OneTimeLink {
            token: token.hashed(),
            expires_at: self.clock.now().plus(self.config.admin_link_seconds),
            consumed_at: None,
        };
        self.store.apply(Change::InsertLink(link)).await?;
        Ok(token)
    }

    /// True if a link would still work. Looking does not use it.
    pub async fn is_link_usable(&self, secret: &str) -> Result<bool, StoreError> {
        let link = self.store.link(&PlainToken::presented(secret).hashed()).await?;
        Ok(link
            .is_some_and(|link| link.consumed_at.is_none() && self.clock.now() < link.expires_at))
    }

    pub(super) fn redeem(&self, secret: &str) -> Change {
        Change::RedeemLink { token: PlainToken::presented(secret).hashed(), now: self.clock.now() }
    }

    /// Uses a link to add an administrator and signs them in.
    pub async fn add_administrator_by_link(
        &self,
        secret: &str,
        new: NewAccount,
        browser: BrowserFacts<'_>,
    ) -> Result<SignedIn, UserError> {
        if !self.is_link_usable(secret).await? {
            return Err(UserError::Link);
        }
        let user = self.checked(NewAccount { roles: vec![Role::administrator()], ..new }).await?;
        let entrance = Entrance {
            authentication: Authentication::by("pwd"),
            auth_time: self.clock.now(),
            complete: true,
            upstream: None,
        };
        let added = UnitOfWork::from_iter([self.redeem(secret), Change::InsertUser(user.clone())]);
        let (session, signed_in) = self.enter(user.clone(), entrance, browser);
        match self
            .store
            .apply(added.changes().iter().chain(session.changes()).cloned().collect::<UnitOfWork>())
            .await
        {
            Ok(()) => {
                tracing::info!(user = %user.id, "administrator added by one-time link");
                Ok(signed_in)
            }
            Err(StoreError::Refused(Condition::RedeemLink)) => Err(UserError::Link),
            Err(StoreError::Refused(_)) => Err(UserError::Taken(user.name.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Uses a link to make a signed-in user an administrator.
    pub async fn become_administrator_by_link(
        &self,
        _authority: &Authority,
        secret: &str,
        user: &User,
    ) -> Result<(), UserError> {
        let mut roles = user.roles.clone();
        if !user.is_administrator() {
            roles.push(Role::administrator());
        }
        let unit = UnitOfWork::from_iter([
            self.redeem(secret),
            Change::SetRoles { user_id: user.id.clone(), roles },
        ]);
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(Condition::RedeemLink)) => Err(UserError::Link),
            Err(error) => Err(error.into()),
        }
    }
}
