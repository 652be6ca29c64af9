//! One way for the statements of entities to both databases.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult, PaginatorTrait, PrimaryKeyTrait, QueryResult, QuerySelect, QueryTrait, Select,
    StatementBuilder, TryIntoModel, Value,
    sea_query::{Alias, Expr, IntoValueTuple, Query},
};

use crate::{
    embedded::{Embedded, parts},
    kept::{self, Kept},
};

/// The connection on which statements run.
#[derive(Clone, Copy)]
pub(crate) enum Db<'a> {
    /// On any connection of a pool.
    Pool(&'a DatabaseConnection),
    /// In a transaction.
    Transaction(&'a DatabaseTransaction),
    /// On SQLite in place; in the writer's transaction, if it is the writer.
    Embedded(&'a Embedded),
}

impl Db<'_> {
    /// The database's dialect.
    pub(crate) fn backend(self) -> DbBackend {
        match self {
            Self::Pool(pool) => pool.get_database_backend(),
            Self::Transaction(transaction) => transaction.get_database_backend(),
            Self::Embedded(_) => DbBackend::Sqlite,
        }
    }

    /// Runs a statement, and returns the number of rows that it touched.
    pub(crate) async fn run<S: StatementBuilder>(self, statement: &S) -> Result<u64, DbErr> {
        Ok(match self {
            Self::Pool(pool) => pool.execute(statement).await?.rows_affected(),
            Self::Transaction(transaction) => transaction.execute(statement).await?.rows_affected(),
            Self::Embedded(embedded) => {
                embedded.execute(parts(&DbBackend::Sqlite.build(statement)))?
            }
        })
    }

    /// Runs a statement with a kept text, and returns the number of rows that it touched.
    pub(crate) async fn run_kept(self, statement: &Kept) -> Result<u64, DbErr> {
        Ok(match self {
            Self::Pool(pool) => pool.execute_raw(statement.postgres()).await?.rows_affected(),
            Self::Transaction(transaction) => {
                transaction.execute_raw(statement.postgres()).await?.rows_affected()
            }
            Self::Embedded(embedded) => embedded.execute(statement.sqlite())?,
        })
    }

    /// The rows of an entity, by a statement with a kept text; see [`kept`].
    pub(crate) async fn all_kept<E>(
        self,
        name: &'static str,
        values: &[Value],
        select: impl Fn() -> Select<E>,
    ) -> Result<Vec<E::Model>, DbErr>
    where
        E: EntityTrait,
        E::ActiveModel: TryIntoModel<E::Model>,
    {
        let text = kept::text(name, values, || select().into_query());
        let rows = || E::Model::find_by_statement(text.statement(self.backend(), values));
        match self {
            Self::Pool(pool) => rows().all(pool).await,
            Self::Transaction(transaction) => rows().all(transaction).await,
            Self::Embedded(embedded) => embedded.models::<E>((&text.sqlite, values)),
        }
    }

    /// The row of an entity with this primary key, by a statement with a kept text.
    pub(crate) async fn by_id<E>(
        self,
        key: impl Clone + Into<<E::PrimaryKey as PrimaryKeyTrait>::ValueType>,
    ) -> Result<Option<E::Model>, DbErr>
    where
        E: EntityTrait,
        E::ActiveModel: TryIntoModel<E::Model>,
    {
        let select = || E::find_by_id(key.clone());
        let values: Vec<Value> = key.clone().into().into_value_tuple().into_iter().collect();
        Ok(self.all_kept(E::default().table_name(), &values, select).await?.pop())
    }

    /// The first row of a number and a text, by a statement with a kept text.
    pub(crate) async fn numbered_kept<E: EntityTrait>(
        self,
        name: &'static str,
        values: &[Value],
        select: impl Fn() -> Select<E>,
    ) -> Result<Option<(i64, String)>, DbErr> {
        let text = kept::text(name, values, || select().into_query());
        let statement = || text.statement(self.backend(), values);
        let found = match self {
            Self::Pool(pool) => pool.query_one_raw(statement()).await?,
            Self::Transaction(transaction) => transaction.query_one_raw(statement()).await?,
            Self::Embedded(embedded) => {
                return Ok(embedded.numbered((&text.sqlite, values))?.pop());
            }
        };
        let read = |row: QueryResult| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        found.map(read).transpose()
    }

    /// The rows of an entity.
    pub(crate) async fn all<E>(self, select: Select<E>) -> Result<Vec<E::Model>, DbErr>
    where
        E: EntityTrait,
        E::ActiveModel: TryIntoModel<E::Model>,
    {
        match self {
            Self::Pool(pool) => select.all(pool).await,
            Self::Transaction(transaction) => select.all(transaction).await,
            Self::Embedded(embedded) => {
                embedded.models::<E>(parts(&select.build(DbBackend::Sqlite)))
            }
        }
    }

    /// The first row of an entity.
    pub(crate) async fn one<E>(self, select: Select<E>) -> Result<Option<E::Model>, DbErr>
    where
        E: EntityTrait,
        E::ActiveModel: TryIntoModel<E::Model>,
    {
        match self {
            Self::Pool(pool) => select.one(pool).await,
            Self::Transaction(transaction) => select.one(transaction).await,
            Self::Embedded(embedded) => {
                let select = select.limit(1).build(DbBackend::Sqlite);
                Ok(embedded.models::<E>(parts(&select))?.pop())
            }
        }
    }

    /// Counts the rows of an entity.
    pub(crate) async fn count<E>(self, select: Select<E>) -> Result<u64, DbErr>
    where
        E: EntityTrait,
        E::Model: FromQueryResult + Send + Sync,
    {
        match self {
            Self::Pool(pool) => select.count(pool).await,
            Self::Transaction(transaction) => select.count(transaction).await,
            Self::Embedded(embedded) => {
                let count = Query::select()
                    .expr(Expr::cust("COUNT(*)"))
                    .from_subquery(select.into_query(), Alias::new("rows"))
                    .to_owned();
                let count = embedded.number(&DbBackend::Sqlite.build(&count))?;
                Ok(u64::try_from(count).unwrap_or_default())
            }
        }
    }

    /// The values of the one column that is selected.
    pub(crate) async fn texts<E: EntityTrait>(
        self,
        select: Select<E>,
    ) -> Result<Vec<String>, DbErr> {
        match self {
            Self::Pool(pool) => select.into_tuple().all(pool).await,
            Self::Transaction(transaction) => select.into_tuple().all(transaction).await,
            Self::Embedded(embedded) => embedded.texts(&select.build(DbBackend::Sqlite)),
        }
    }
}
