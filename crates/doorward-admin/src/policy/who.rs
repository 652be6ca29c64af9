//! The other direction of an explanation: the users who may use an item, or who have a role.

use std::collections::BTreeSet;

use doorward_model::{Role, User};
use doorward_store::{Cursor, Extent, NameOrTime, Place, SortValue, UserFilter};

use super::{Answer, Explained, Named, Policies};
use crate::{Groups, Refusal, SourcedRole};

/// Maximum number of rows of a part.
const MOST_ROWS: u64 = 200;
/// The usual number of rows of a part.
const USUAL_ROWS: u64 = 50;
/// Maximum number of users that are judged for a part; the next part begins after them.
const MOST_JUDGED: u64 = 500;
/// The users that are read at once.
const AT_ONCE: u64 = 100;

/// The users that are asked for.
#[derive(Clone, Copy, Debug)]
pub enum UsersWith<'a> {
    /// The users who may use this item, through any client.
    Permission(Named<'a>),
    /// The users who have this role, or are members of the group of `group:NAME`.
    Role(&'a str),
}

/// A user that was asked for.
#[derive(Debug)]
pub struct Permitted {
    /// The user.
    pub user: User,
    /// The decision with its steps; `None` where only a role was asked for.
    pub explained: Option<Explained>,
    /// The roles of the user that the rules name, with their sources: the role that was asked for,
    /// or those that the rules and the upstream name.
    pub roles: Vec<SourcedRole>,
}

/// A part of the users who may, by sign-in name.
#[derive(Debug)]
pub struct PermittedPart {
    /// The users.
    pub rows: Vec<Permitted>,
    /// The parameter `after` of the next part, if users remain to be judged.
    pub next: Option<String>,
}

/// The place after a user.
fn place_of(user: &User) -> Cursor {
    Cursor(SortValue::Text(user.name.to_string()), user.id.to_string())
}

/// Reads the parameter `after`.
fn read_place(after: Option<&str>) -> Result<Place, Refusal> {
    let Some(text) = after.filter(|text| !text.is_empty()) else { return Ok(Place::Start) };
    match serde_json::from_str(text) {
        Ok(cursor @ Cursor(SortValue::Text(_), _)) if !text.contains("\\u0000") => {
            Ok(Place::After(cursor))
        }
        _ => Err(Refusal::ListParameter("after".to_owned(), "is not a cursor".to_owned())),
    }
}

impl Policies {
    /// A part of the enabled users who may, each with the decision of the same judge that calls
    /// have.
    pub async fn who(
        &self,
        whom: UsersWith<'_>,
        limit: Option<u64>,
        after: Option<&str>,
    ) -> Result<PermittedPart, Refusal> {
        let limit = limit.unwrap_or(USUAL_ROWS);
        if !(1..=MOST_ROWS).contains(&limit) {
            let why = format!("must be between 1 and {MOST_ROWS}");
            return Err(Refusal::ListParameter("limit".to_owned(), why));
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut place = read_place(after)?;
        let role = match whom {
            UsersWith::Permission(_) => None,
            UsersWith::Role(name) => {
                Some(Role::named(name).map_err(|error| Refusal::Role(name.to_owned(), error))?)
            }
        };
        let named = self.named_roles(whom, role.as_ref()).await?;
        let filter = UserFilter {
            disabled: Some(false),
            role: role.as_ref().map(Role::to_string),
            ..UserFilter::default()
        };
        let (mut rows, mut judged) = (Vec::new(), 0);
        loop {
            let (sort, descending) = (NameOrTime::Name, false);
            let extent = Extent { sort, descending, place: place.clone(), limit: AT_ONCE };
            let part = self.store.list_users(&filter, &extent).await?;
            let more = part.next.is_some();
            let last = part.rows.last().map(|user| user.id.clone());
            for user in part.rows {
                let here = place_of(&user);
                let is_last = !more && last.as_ref() == Some(&user.id);
                judged += 1;
                rows.extend(self.permitted(whom, user, &named).await?);
                if (rows.len() >= limit || judged >= MOST_JUDGED) && !is_last {
                    let next = serde_json::to_string(&here).ok();
                    return Ok(PermittedPart { rows, next });
                }
                place = Place::After(here);
            }
            if !more {
                return Ok(PermittedPart { rows, next: None });
            }
        }
    }

    /// The user as a row, if they may.
    async fn permitted(
        &self,
        whom: UsersWith<'_>,
        user: User,
        named: &BTreeSet<Role>,
    ) -> Result<Option<Permitted>, Refusal> {
        let explained = match whom {
            UsersWith::Role(_) => None,
            UsersWith::Permission(item) => {
                let any = self.named_program("", "").await?;
                let explained = self.decide(item.item_name()?, &user, &any).await?;
                if !matches!(explained.answer, Answer::Allow | Answer::Confirm) {
                    return Ok(None);
                }
                Some(explained)
            }
        };
        let groups = Groups::new(self.store.clone(), std::sync::Arc::clone(&self.clock));
        let mut roles = Vec::new();
        if user.all_roles().any(|role| named.contains(role)) {
            roles = groups.roles_of(&user).await?;
            roles.retain(|one| named.contains(&one.role));
        }
        Ok(Some(Permitted { user, explained, roles }))
    }

    /// The roles that can be the reason of a decision: the one that was asked for, or those that
    /// the rules and the upstream of the item name.
    async fn named_roles(
        &self,
        whom: UsersWith<'_>,
        role: Option<&Role>,
    ) -> Result<BTreeSet<Role>, Refusal> {
        if let Some(role) = role {
            return Ok(BTreeSet::from_iter([role.clone()]));
        }
        let mut named = self.roles_of_rules();
        let UsersWith::Permission(item) = whom else { return Ok(named) };
        let name = item.tool.or(item.prompt).or(item.resource).or(item.template).or(item.upstream);
        let name = name.unwrap_or_default();
        for upstream in self.gateway.all_upstreams().await? {
            let own = upstream.name.as_str();
            let is_its = name.strip_prefix(own).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('_') || rest.starts_with('+')
            });
            if is_its {
                let own_roles = upstream.public_config().roles;
                named.extend(own_roles.iter().filter_map(|text| Role::named(text).ok()));
            }
        }
        Ok(named)
    }
}
