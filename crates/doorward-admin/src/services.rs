//! Accounts of services: accounts that cannot sign in, for programs that act for no user.

use doorward_accounts::{Accounts, Authority, NewPerson, PeopleError};
use doorward_model::{Change, Person, PersonName, Role, UnitOfWork};
use doorward_store::{Condition, Store, StoreError};

use crate::Refusal;

/// Finds the account of a service, or prepares the one that there is not yet: its insertion is then
/// in `unit`. The account of a user is refused: users make their own tokens.
pub(crate) async fn account(
    store: &Store,
    accounts: &Accounts,
    authority: &Authority,
    name: &str,
    unit: &mut UnitOfWork,
) -> Result<Person, Refusal> {
    let parsed = PersonName::parse(name).map_err(PeopleError::Name)?;
    match store.person_named(&parsed).await? {
        Some(known) if known.password.is_some() || !known.roles.contains(&Role::service()) => {
            Err(Refusal::NotAService(name.to_owned()))
        }
        Some(known) => Ok(known),
        None => {
            let new = NewPerson {
                name: name.to_owned(),
                email: None,
                password: None,
                password_temporary: false,
                roles: vec![Role::service()],
            };
            let service = accounts.prepare(authority, new).await?;
            unit.push(Change::InsertPerson(service.clone()));
            Ok(service)
        }
    }
}

/// Applies a unit that may insert the account of a service.
pub(crate) async fn apply(
    store: &Store,
    unit: UnitOfWork,
    service: &Person,
) -> Result<(), Refusal> {
    match store.apply(unit).await {
        Ok(()) => Ok(()),
        Err(StoreError::Refused(Condition::InsertPerson)) => {
            Err(PeopleError::Taken(service.name.to_string()).into())
        }
        Err(error) => Err(error.into()),
    }
}
