//! Parts of lists, as administrators look through them: the database searches, filters, sorts and
//! counts, and a part begins at the place of a row (keyset paging), so that the last part costs no
//! more than the first.

use doorward_model::{
    AccessToken, Client, ClientSource, Timestamp, UpstreamName, User, upstream::ToolState,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    sort::{NameOrTime, TokenSort},
    tables::{access_token, client, connection, upstream_tool, user},
};

/// The value by which a list is sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// A number, such as a time.
    Number(i64),
    /// A text, such as a name.
    Text(String),
}

/// The place of a row in the order of a list: the value by which it is sorted, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub SortValue, pub String);

/// The beginning of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The first row.
    #[default]
    Start,
    /// The row after this one.
    After(Cursor),
    /// As many rows as fit before this one.
    Before(Cursor),
}

/// The order and the extent of a part.
#[derive(Clone, Debug)]
pub struct Extent<S> {
    /// The column of the order.
    pub sort: S,
    /// The greatest value comes first.
    pub descending: bool,
    /// The beginning.
    pub place: Place,
    /// Maximum number of rows.
    pub limit: u64,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Part<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The number of all rows that fit.
    pub total: u64,
    /// The number of rows before the first one of this part.
    pub skipped: u64,
    /// The place of the last row, if others follow.
    pub next: Option<Cursor>,
    /// The place of the first row, if others precede it.
    pub previous: Option<Cursor>,
}

/// The users to list.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// A part of the sign-in name, the display name or the e-mail address, compared without case.
    pub search: Option<String>,
    /// Disabled ones, or the others.
    pub disabled: Option<bool>,
    /// Those with this role, from whichever source.
    pub role: Option<String>,
}

/// A state of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// An administrator disabled it.
    Blocked,
    /// It was not approved, and no administrator added it.
    Unapproved,
    /// No user has allowed it anything.
    Unused,
}

/// The clients to list.
#[derive(Clone, Debug, Default)]
pub struct ClientsFilter {
    /// A part of the name or the `client_id`, compared without case.
    pub search: Option<String>,
    /// Those from this source.
    pub source: Option<ClientSource>,
    /// Those in this state.
    pub state: Option<ClientState>,
}

/// The access tokens to list.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    /// A part of the token's name or its user's sign-in name, compared without case.
    pub search: Option<String>,
    /// Those that are valid at this time (true), or the others.
    pub live: Option<(bool, Timestamp)>,
}

/// The number of tools of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCount {
    /// The name of the upstream.
    pub upstream: String,
    /// All tools.
    pub tools: u64,
    /// Those that wait for a decision.
    pub waiting: u64,
}

/// A column that contains a text, compared without case.
fn contains<C: ColumnTrait>(column: C, text: &str) -> Expr {
    let plain = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Expr::expr(Func::lower(Expr::col(column.as_column_ref())))
        .like(LikeExpr::new(format!("%{plain}%")).escape('\\'))
}

/// The order of a list: its column, and the key that decides between equal values.
struct Ordered<'a, E: EntityTrait> {
    column: E::Column,
    key: E::Column,
    descending: bool,
    place: &'a Place,
    limit: u64,
}

impl<'a, E: EntityTrait> Ordered<'a, E> {
    fn new<S>(column: E::Column, key: E::Column, extent: &'a Extent<S>) -> Self {
        let Extent { descending, place, limit, .. } = extent;
        Self { column, key, descending: *descending, place, limit: *limit }
    }

    /// The rows after a place, or before it.
    fn beyond(&self, Cursor(value, key): &Cursor, after: bool) -> Condition {
        let value = match value {
            SortValue::Number(number) => sea_orm::Value::from(*number),
            SortValue::Text(text) => sea_orm::Value::from(text.as_str()),
        };
        let key = key.as_str();
        let same = Condition::all().add(self.column.eq(value.clone()));
        if after == self.descending {
            Condition::any().add(self.column.lt(value)).add(same.add(self.key.lt(key)))
        } else {
            Condition::any().add(self.column.gt(value)).add(same.add(self.key.gt(key)))
        }
    }

    fn sorted(&self, select: Select<E>, reversed: bool) -> Select<E> {
        let order = if self.descending == reversed { Order::Asc } else { Order::Desc };
        select.order_by(self.column, order.clone()).order_by(self.key, order)
    }
}

impl Store {
    /// A part of the rows of `select`.
    async fn part<E, T>(
        &self,
        select: Select<E>,
        order: Ordered<'_, E>,
        cursor: impl Fn(&E::Model) -> Cursor,
        read: fn(E::Model) -> Result<T, StoreError>,
    ) -> Result<Part<T>, StoreError>
    where
        E: EntityTrait,
        E::Model: Send + Sync,
    {
        let Ordered { place, limit, .. } = order;
        let total = select.clone().count(&self.reader).await?;
        let (from, reversed) = match place {
            Place::Start => (None, false),
            Place::After(cursor) => (Some(order.beyond(cursor, true)), false),
            Place::Before(cursor) => (Some(order.beyond(cursor, false)), true),
        };
        let asked = select.clone().apply_if(from, Select::filter);
        let mut models = order.sorted(asked, reversed).limit(limit).all(&self.reader).await?;
        if reversed {
            models.reverse();
        }
        let skipped = match (place, models.first()) {
            (Place::Start, _) | (_, None) => 0,
            (Place::After(_) | Place::Before(_), Some(first)) => {
                let before = order.beyond(&cursor(first), false);
                select.filter(before).count(&self.reader).await?
            }
        };
        let shown = skipped.saturating_add(u64::try_from(models.len()).unwrap_or(u64::MAX));
        let next = models.last().filter(|_| shown < total).map(&cursor);
        let previous = models.first().filter(|_| skipped > 0).map(&cursor);
        let rows = models.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Part { rows, total, skipped, next, previous })
    }

    /// A part of the list of users.
    pub async fn list_users(
        &self,
        filter: &UserFilter,
        extent: &Extent<NameOrTime>,
    ) -> Result<Part<User>, StoreError> {
        use user::Column as C;
        let mut which = Condition::all();
        if let Some(text) = &filter.search {
            let columns = [C::Name, C::DisplayName, C::Email];
            let any = columns.into_iter().map(|column| contains(column, text));
            which = which.add(any.fold(Condition::any(), Condition::add));
        }
        if let Some(disabled) = filter.disabled {
            let column = C::DisabledAt;
            which = which.add(if disabled { column.is_not_null() } else { column.is_null() });
        }
        if let Some(role) = &filter.role {
            // Roles are a JSON list of small words.
            let word = format!("\"{role}\"");
            let any = Condition::any().add(contains(C::Roles, &word));
            which = which.add(
                any.add(contains(C::ProviderRoles, &word)).add(contains(C::GroupRoles, &word)),
            );
        }
        let sort = extent.sort;
        let order = Ordered::new(sort.of(C::Name, C::CreatedAt), C::Id, extent);
        let cursor = move |row: &user::Model| {
            let (name, at) = (SortValue::Text(row.name.clone()), SortValue::Number(row.created_at));
            Cursor(sort.of(name, at), row.id.clone())
        };
        let select = user::Entity::find().filter(which);
        self.part(select, order, cursor, user::from_row).await
    }

    /// A part of the list of clients.
    pub async fn list_clients(
        &self,
        filter: &ClientsFilter,
        extent: &Extent<NameOrTime>,
    ) -> Result<Part<Client>, StoreError> {
        use client::Column as C;
        let mut which = Condition::all();
        if let Some(source) = filter.source {
            which = which.add(C::Source.eq(source.as_str()));
        }
        if let Some(text) = &filter.search {
            which =
                which.add(Condition::any().add(contains(C::Name, text)).add(contains(C::Id, text)));
        }
        which = match filter.state {
            None => which,
            Some(ClientState::Blocked) => which.add(C::DisabledAt.is_not_null()),
            Some(ClientState::Unapproved) => which
                .add(C::ApprovedAt.is_null())
                .add(C::DisabledAt.is_null())
                .add(C::Source.ne(ClientSource::Administrator.as_str())),
            Some(ClientState::Unused) => which.add(C::AuthorizedAt.is_null()),
        };
        let sort = extent.sort;
        let order = Ordered::new(sort.of(C::Name, C::CreatedAt), C::Id, extent);
        let cursor = move |row: &client::Model| {
            let (name, at) = (SortValue::Text(row.name.clone()), SortValue::Number(row.created_at));
            Cursor(sort.of(name, at), row.id.clone())
        };
        let select = client::Entity::find().filter(which);
        self.part(select, order, cursor, client::from_row).await
    }

    /// A part of the list of access tokens.
    pub async fn list_access_tokens(
        &self,
        filter: &TokenFilter,
        extent: &Extent<TokenSort>,
    ) -> Result<Part<AccessToken>, StoreError> {
        use access_token::Column as C;
        let mut which = Condition::all();
        if let Some(text) = &filter.search {
            let users = user::Entity::find()
                .select_only()
                .column(user::Column::Id)
                .filter(contains(user::Column::Name, text));
            let of = C::UserId.in_subquery(users.into_query());
            which = which.add(Condition::any().add(contains(C::Name, text)).add(of));
        }
        if let Some((live, now)) = filter.live {
            let valid = Condition::all().add(C::RevokedAt.is_null()).add(C::ExpiresAt.gt(now.0));
            which = which.add(if live { valid } else { valid.not() });
        }
        let column = match extent.sort {
            TokenSort::Name => C::Name,
            TokenSort::Created => C::CreatedAt,
            TokenSort::Expires => C::ExpiresAt,
        };
        let sort = extent.sort;
        let cursor = move |row: &access_token::Model| {
            let value = match sort {
                TokenSort::Name => SortValue::Text(row.name.clone()),
                TokenSort::Created => SortValue::Number(row.created_at),
                TokenSort::Expires => SortValue::Number(row.expires_at),
            };
            Cursor(value, row.id.clone())
        };
        let order = Ordered::new(column, C::Id, extent);
        let select = access_token::Entity::find().filter(which);
        let read = access_token::from_row;
        self.part(select, order, cursor, read).await
    }

    /// The number of tools of each upstream, and of those that wait for a decision.
    pub async fn count_tools(&self) -> Result<Vec<ToolCount>, StoreError> {
        use upstream_tool::Column as C;
        let waits = Condition::any().add(C::State.eq(ToolState::Waiting.as_str())).add(
            Condition::all()
                .add(C::State.eq(ToolState::Approved.as_str()))
                .add(C::Changed.is_not_null()),
        );
        let counted = |which: Option<Condition>| {
            upstream_tool::Entity::find()
                .select_only()
                .column(C::Upstream)
                .column_as(C::Tool.count(), "tools")
                .apply_if(which, Select::filter)
                .group_by(C::Upstream)
                .into_tuple::<(String, i64)>()
        };
        let all = counted(None).all(&self.reader).await?;
        let waiting = counted(Some(waits)).all(&self.reader).await?;
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(all
            .into_iter()
            .map(|(upstream, tools)| ToolCount {
                waiting: waiting
                    .iter()
                    .find(|(name, _)| *name == upstream)
                    .map_or(0, |(_, count)| number(*count)),
                tools: number(tools),
                upstream,
            })
            .collect())
    }

    /// The first tools with a text in their name, each with its upstream, and the number of all of
    /// them.
    pub async fn find_tools(
        &self,
        text: &str,
        limit: u64,
    ) -> Result<(Vec<(String, String)>, u64), StoreError> {
        use upstream_tool::Column as C;
        let fitting = upstream_tool::Entity::find().filter(contains(C::Tool, text));
        let total = fitting.clone().count(&self.reader).await?;
        let named = fitting
            .select_only()
            .column(C::Upstream)
            .column(C::Tool)
            .order_by_asc(C::Tool)
            .order_by_asc(C::Upstream)
            .limit(limit)
            .into_tuple::<(String, String)>();
        Ok((named.all(&self.reader).await?, total))
    }

    /// The number of users who are connected to each upstream.
    pub async fn count_all_connections(&self) -> Result<Vec<(String, u64)>, StoreError> {
        use connection::Column as C;
        let counted = connection::Entity::find()
            .select_only()
            .column(C::Upstream)
            .column_as(C::UserId.count(), "users")
            .group_by(C::Upstream)
            .into_tuple::<(String, i64)>();
        let rows = counted.all(&self.reader).await?;
        Ok(rows
            .into_iter()
            .map(|(upstream, users)| (upstream, u64::try_from(users).unwrap_or_default()))
            .collect())
    }

    /// The users who connected to an upstream last, each with the time since when: at
    /// most `limit`.
    pub async fn connected_users(
        &self,
        upstream: UpstreamName,
        limit: u64,
    ) -> Result<Vec<(User, Timestamp)>, StoreError> {
        use connection::Column as C;
        let which = connection::Entity::find()
            .filter(C::Upstream.eq(upstream.as_str()))
            .order_by_desc(C::CreatedAt)
            .order_by_asc(C::UserId)
            .limit(limit);
        let rows = which.all(&self.reader).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.user_id.clone()).collect();
        let users = self.users_with_ids(&ids).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let user = users.iter().find(|user| user.id.as_str() == row.user_id)?;
                Some((user.clone(), Timestamp(row.created_at)))
            })
            .collect())
    }

    /// The users with these ids.
    pub async fn users_with_ids(&self, ids: &[String]) -> Result<Vec<User>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let which = user::Column::Id.is_in(ids.iter().map(String::as_str));
        let rows = user::Entity::find().filter(which).all(&self.reader).await?;
        rows.into_iter().map(user::from_row).collect()
    }
}
