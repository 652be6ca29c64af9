//! Parameters of lists, which pages, the API and exports share. Each is checked: an unknown value
//! is refused rather than an empty list shown.

use std::ops::RangeInclusive;

use doorward_model::{AccessToken, Client, ClientSource, Listed, Members, Role, User};
use doorward_store::{
    ClientState, ClientsFilter, Cursor, Extent, NameOrTime, Part, Place, SortColumn, SortValue,
    TokenFilter, TokenSort, UserFilter,
};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Clients, Refusal, Tokens, Users, order::Order};

/// Limits of the number of rows of a part.
const LIMITS: RangeInclusive<u64> = 1..=500;
/// Number of rows of a part without a requested number.
const USUAL: u64 = 100;
/// Maximum number of characters of a search.
const LONGEST: usize = 200;

/// A part of the database with the cursors of its neighbours as texts.
fn listed<T>(part: Part<T>) -> Listed<T> {
    let text = |cursor: Cursor| serde_json::to_string(&cursor).unwrap_or_default();
    Listed {
        rows: part.rows,
        total: part.total,
        skipped: part.skipped,
        next: part.next.map(text),
        previous: part.previous.map(text),
    }
}

/// Selection and order of users in a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserList {
    /// Only users with this text in their sign-in name, display name or e-mail address.
    #[schemars(length(max = 200))]
    pub search: Option<String>,
    /// Only users in this state.
    pub state: Option<UserListState>,
    /// Only users with this role, of an administrator or of a rule.
    #[schemars(length(max = 64))]
    pub role: Option<String>,
    /// The order; by name by default.
    pub sort: Option<Order<NameOrTime>>,
    /// Maximum number, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    pub after: Option<String>,
    /// The end of the part: `previous` of the one after.
    pub before: Option<String>,
}

/// A state of users in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserListState {
    /// Not disabled.
    Enabled,
    /// Disabled by an administrator.
    Disabled,
}

/// Selection and order of clients in a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientList {
    /// Only clients with this text in their name or `client_id`.
    #[schemars(length(max = 200))]
    pub search: Option<String>,
    /// Only those from this source.
    pub source: Option<ClientListSource>,
    /// Only those in this state.
    pub state: Option<ClientListState>,
    /// The order; the newest first by default.
    pub sort: Option<Order<NameOrTime>>,
    /// Maximum number, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    pub after: Option<String>,
    /// The end of the part: `previous` of the one after.
    pub before: Option<String>,
}

/// A source of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClientSource")]
pub enum ClientListSource {
    /// An administrator added it.
    Administrator,
    /// The `client_id` is the URL of its metadata.
    MetadataDocument,
    /// It registered itself.
    Registration,
}

/// A state of clients in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientListState {
    /// Disabled by an administrator.
    Blocked,
    /// Not approved, and not added by an administrator.
    Unapproved,
    /// No user has allowed it anything.
    Unused,
}

/// Selection and order of access tokens in a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenList {
    /// Only tokens with this text in their name or the sign-in name of their user.
    #[schemars(length(max = 200))]
    pub search: Option<String>,
    /// Only those in this state.
    pub state: Option<TokenListState>,
    /// The order; the newest first by default.
    pub sort: Option<Order<TokenSort>>,
    /// Maximum number, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    pub after: Option<String>,
    /// The end of the part: `previous` of the one after.
    pub before: Option<String>,
}

/// A state of access tokens in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenListState {
    /// Valid now.
    Active,
    /// Expired or revoked.
    Ended,
}

/// A refused parameter.
fn refused(name: &'static str, why: &str) -> Refusal {
    Refusal::ListParameter(name.to_owned(), why.to_owned())
}

/// Reads the parameters of a list from texts, as a page's query has them; empty ones are not set.
pub fn read_list<T: DeserializeOwned>(
    names: &[&str],
    get: impl Fn(&str) -> Option<String>,
) -> Result<T, Refusal> {
    let mut values = Map::new();
    for name in names {
        let Some(text) = get(name).filter(|text| !text.is_empty()) else { continue };
        let value = Value::from(text);
        // Each is read alone first, so that the refusal names it.
        let alone = Map::from_iter([((*name).to_owned(), value.clone())]);
        let read = Members::Parameters.read::<T>(alone);
        read.map_err(|fault| Refusal::ListParameter((*name).to_owned(), fault))?;
        values.insert((*name).to_owned(), value);
    }
    let read = Members::Parameters.read(values);
    read.map_err(|fault| Refusal::ListParameter(String::new(), fault))
}

/// The text to search for; none if it is empty.
pub(crate) fn searched(text: Option<&str>) -> Result<Option<String>, Refusal> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.chars().count() > LONGEST => {
            Err(refused("search", &format!("at most {LONGEST} characters")))
        }
        Some(text) if text.contains('\0') => Err(refused("search", "is not plain text")),
        text => Ok(text.map(ToOwned::to_owned)),
    }
}

/// The cursor that a parameter holds, for an order by texts or by numbers.
fn cursor(name: &'static str, text: &str, by_text: bool) -> Result<Cursor, Refusal> {
    let read: Option<Cursor> = serde_json::from_str(text).ok();
    let fits = |Cursor(value, key): &Cursor| {
        let kind = match value {
            SortValue::Text(text) => by_text && !text.contains('\0'),
            SortValue::Number(_) => !by_text,
        };
        kind && !key.contains('\0')
    };
    read.filter(fits).ok_or_else(|| refused(name, "is not the cursor of a part in this order"))
}

/// The number of rows that is asked for.
pub(crate) fn rows_asked(limit: Option<u64>) -> Result<u64, Refusal> {
    let limit = limit.unwrap_or(USUAL);
    if LIMITS.contains(&limit) {
        return Ok(limit);
    }
    let (least, most) = (LIMITS.start(), LIMITS.end());
    Err(refused("limit", &format!("must be between {least} and {most}")))
}

/// The extent that the common parameters ask for.
fn extent<C: SortColumn>(
    order: Order<C>,
    limit: Option<u64>,
    after: Option<&str>,
    before: Option<&str>,
) -> Result<Extent<C>, Refusal> {
    let limit = rows_asked(limit)?;
    let by_text = order.column.is_text();
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let place = match (given(after), given(before)) {
        (None, None) => Place::Start,
        (Some(after), None) => Place::After(cursor("after", &after, by_text)?),
        (None, Some(before)) => Place::Before(cursor("before", &before, by_text)?),
        (Some(_), Some(_)) => return Err(refused("before", "cannot be combined with after")),
    };
    Ok(Extent { sort: order.column, descending: order.descending, place, limit })
}

impl Users {
    /// A part of the list of users.
    pub async fn list(&self, asked: &UserList) -> Result<Listed<User>, Refusal> {
        let order = asked.sort.unwrap_or(Order::ascending(NameOrTime::Name));
        let (after, before) = (asked.after.as_deref(), asked.before.as_deref());
        let extent = extent(order, asked.limit, after, before)?;
        let role = asked.role.as_deref().map(str::trim).filter(|role| !role.is_empty());
        let role = role
            .map(|text| Role::named(text).map_err(|error| Refusal::Role(text.to_owned(), error)));
        let filter = UserFilter {
            search: searched(asked.search.as_deref())?,
            disabled: asked.state.map(|state| state == UserListState::Disabled),
            role: role.transpose()?.as_ref().map(ToString::to_string),
        };
        Ok(listed(self.store.list_users(&filter, &extent).await?))
    }
}

impl Clients {
    /// A part of the list of clients.
    pub async fn list(&self, asked: &ClientList) -> Result<Listed<Client>, Refusal> {
        let order = asked.sort.unwrap_or(Order::descending(NameOrTime::Created));
        let (after, before) = (asked.after.as_deref(), asked.before.as_deref());
        let extent = extent(order, asked.limit, after, before)?;
        let filter = ClientsFilter {
            search: searched(asked.search.as_deref())?,
            source: asked.source.map(|source| match source {
                ClientListSource::Administrator => ClientSource::Administrator,
                ClientListSource::MetadataDocument => ClientSource::MetadataDocument,
                ClientListSource::Registration => ClientSource::Registration,
            }),
            state: asked.state.map(|state| match state {
                ClientListState::Blocked => ClientState::Blocked,
                ClientListState::Unapproved => ClientState::Unapproved,
                ClientListState::Unused => ClientState::Unused,
            }),
        };
        Ok(listed(self.store.list_clients(&filter, &extent).await?))
    }
}

impl Tokens {
    /// A part of the list of access tokens, each with its user.
    pub async fn list(
        &self,
        asked: &TokenList,
    ) -> Result<Listed<(AccessToken, Option<User>)>, Refusal> {
        let order = asked.sort.unwrap_or(Order::descending(TokenSort::Created));
        let (after, before) = (asked.after.as_deref(), asked.before.as_deref());
        let extent = extent(order, asked.limit, after, before)?;
        let now = self.clock.now();
        let filter = TokenFilter {
            search: searched(asked.search.as_deref())?,
            live: asked.state.map(|state| (state == TokenListState::Active, now)),
        };
        let part = self.store.list_access_tokens(&filter, &extent).await?;
        let mut ids: Vec<String> =
            part.rows.iter().map(|token| token.user_id.to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        let users = self.store.users_with_ids(&ids).await?;
        let Part { rows, total, skipped, next, previous } = part;
        let rows = rows
            .into_iter()
            .map(|token| {
                let user = users.iter().find(|user| user.id == token.user_id).cloned();
                (token, user)
            })
            .collect();
        Ok(listed(Part { rows, total, skipped, next, previous }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<UserList, Refusal> {
        let names = ["search", "state", "role", "sort", "limit", "after", "before"];
        read_list(&names, |name| {
            query.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn parameters_of_pages_are_read_as_those_of_the_api_and_unknown_values_are_refused() {
        let list = asked(&[("state", "disabled"), ("sort", "-created"), ("limit", "25")]).unwrap();
        assert_eq!(list.state, Some(UserListState::Disabled));
        assert_eq!(
            (list.sort, list.limit),
            (Some(Order::descending(NameOrTime::Created)), Some(25))
        );
        assert!(asked(&[("state", ""), ("search", "")]).unwrap().search.is_none());
        assert_eq!(asked(&[("search", "25")]).unwrap().search.as_deref(), Some("25"));
        for (name, value) in [("state", "asleep"), ("sort", "shoe size"), ("limit", "many")] {
            match asked(&[(name, value)]) {
                Err(Refusal::ListParameter(named, _)) => assert_eq!(named, name),
                other => panic!("{name}={value}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        assert!(cursor("after", "[\"ann\",\"u_1\"]", true).is_ok());
        assert!(cursor("after", "[7,\"u_1\"]", false).is_ok());
        for (text, by_text) in
            [("[\"ann\",\"u_1\"]", false), ("[7,\"u_1\"]", true), ("ann", true), ("[7]", false)]
        {
            assert!(cursor("after", text, by_text).is_err(), "{text}");
        }
    }
}
