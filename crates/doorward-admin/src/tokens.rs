//! Operations on personal and service access tokens.

use std::sync::Arc;

use doorward_accounts::{Accounts, Authority, MadeAccessToken, NewAccessToken};
use doorward_model::{
    AccessToken, AccessTokenId, Change, Clock, Live, Rules, Scope, ScopeSet, UnitOfWork,
    UpstreamName, User,
};
use doorward_store::Store;

use crate::{Refusal, services};

/// Maximum number of tokens that are listed.
const MOST_LISTED: u64 = 1000;

/// The account that a token acts for, by its sign-in name.
#[derive(Clone, Debug)]
pub enum Holder {
    /// A user.
    User(String),
    /// A service: an account that cannot sign in, added if there is none.
    Service(String),
}

/// A token to be made.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// The purpose.
    pub name: String,
    /// The scopes.
    pub scopes: Vec<String>,
    /// The upstreams that it reaches; none means all.
    pub upstreams: Vec<String>,
    /// The number of days that it lives.
    pub days: u32,
}

/// A token that was made. Its value is shown once.
#[derive(Debug)]
pub struct MadeToken {
    /// The account that it acts for.
    pub holder: User,
    /// The token with its value.
    pub made: MadeAccessToken,
}

/// Operations on tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    pub(crate) store: Store,
    accounts: Accounts,
    rules: Live<Rules>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl NewToken {
    fn parse(self) -> Result<NewAccessToken, Refusal> {
        let scope = |name: &String| Scope::named(name).ok_or_else(|| Refusal::Scope(name.clone()));
        let upstream = |name: &String| {
            UpstreamName::parse(name).map_err(|_| Refusal::UpstreamName(name.clone()))
        };
        Ok(NewAccessToken {
            scopes: self.scopes.iter().map(scope).collect::<Result<ScopeSet, _>>()?,
            upstreams: self.upstreams.iter().map(upstream).collect::<Result<_, _>>()?,
            name: self.name,
            days: self.days,
        })
    }
}

impl Tokens {
    /// Operations on the tokens of this store, under these rules.
    pub fn new(
        store: Store,
        accounts: Accounts,
        rules: Live<Rules>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, accounts, rules, clock }
    }

    /// Tokens, the newest first: at most `limit`.
    pub async fn all(&self, limit: u64) -> Result<Vec<AccessToken>, Refusal> {
        Ok(self.store.access_tokens(limit.min(MOST_LISTED)).await?)
    }

    /// The tokens of the user or service of that sign-in name.
    pub async fn of(&self, name: &str) -> Result<Vec<AccessToken>, Refusal> {
        let holder = self.accounts.find(name).await?;
        Ok(self.store.access_tokens_of(&holder.id).await?)
    }

    /// Creates a token and, if missing, the account of its service.
    pub async fn make(
        &self,
        authority: &Authority,
        holder: &Holder,
        new: NewToken,
    ) -> Result<MadeToken, Refusal> {
        let new = new.parse()?;
        let mut unit = UnitOfWork::new();
        let holder = match holder {
            Holder::User(name) => self.accounts.find(name).await?,
            Holder::Service(name) => {
                services::account(&self.store, &self.accounts, authority, name, &mut unit).await?
            }
        };
        let rules = self.rules.now();
        let made =
            self.accounts.prepare_access_token(authority, &holder, &rules.access, new).await?;
        unit.push(Change::InsertAccessToken(Box::new(made.token.clone())));
        services::apply(&self.store, unit, &holder).await?;
        tracing::info!(user = %holder.id, token = %made.token.id, "access token created");
        Ok(MadeToken { holder, made })
    }

    /// Revokes a token, which ends at once.
    pub async fn revoke(&self, id: &str) -> Result<(), Refusal> {
        Ok(self.accounts.revoke_access_token(None, &AccessTokenId::from_text(id)).await?)
    }
}
