//! Accounts of services: accounts that cannot sign in, for programs that act for no user.

use doorward_accounts::{Accounts, Authority, NewAccount, UserError};
use doorward_model::{Change, Role, Scope, ScopeSet, UnitOfWork, User, UserName};
use doorward_store::{Condition, Store, StoreError};

use crate::{Refusal, resources};

/// Finds the account of a service, or prepares a missing one: its insertion is then in `unit`. The
/// account of a user is refused: users make their own tokens.
pub(crate) async fn account(
    store: &Store,
    accounts: &Accounts,
    authority: &Authority,
    name: &str,
    unit: &mut UnitOfWork,
) -> Result<User, Refusal> {
    let parsed = UserName::parse(name).map_err(UserError::Name)?;
    match store.user_named(&parsed).await? {
        Some(known) if known.password.is_some() || !known.roles.contains(&Role::service()) => {
            Err(Refusal::NotAService(name.to_owned()))
        }
        Some(known) => Ok(known),
        None => {
            let new = NewAccount {
                name: name.to_owned(),
                email: None,
                password: None,
                password_temporary: false,
                roles: vec![Role::service()],
            };
            let service = accounts.prepare(authority, new).await?;
            unit.push(Change::InsertUser(service.clone()));
            Ok(service)
        }
    }
}

/// The scopes of a service. Administrative ones are given to users only: the audit then names the
/// administrator.
pub(crate) async fn scopes(store: &Store, names: &[String]) -> Result<ScopeSet, Refusal> {
    let external = store.external_resources().await?;
    let scope = |name: &String| {
        resources::scope_of(&external, name)
            .filter(|scope| {
                *scope != Scope::OfflineAccess && !scope.is_administrative() && !scope.is_identity()
            })
            .ok_or_else(|| Refusal::Scope(name.clone()))
    };
    let scopes = names.iter().map(scope).collect::<Result<ScopeSet, _>>()?;
    if scopes.is_empty() { Err(Refusal::NoScope) } else { Ok(scopes) }
}

/// Applies a unit that may insert the account of a service.
pub(crate) async fn apply(store: &Store, unit: UnitOfWork, service: &User) -> Result<(), Refusal> {
    match store.apply(unit).await {
        Ok(()) => Ok(()),
        Err(StoreError::Refused(Condition::InsertUser)) => {
            Err(UserError::Taken(service.name.to_string()).into())
        }
        Err(error) => Err(error.into()),
    }
}
