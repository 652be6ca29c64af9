//! Rows to be inserted. The text of such a statement depends on the table and its columns alone, so
//! that it is made once; SQLite keeps it prepared and takes the rows one after the other.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use sea_orm::{
    ActiveModelTrait, ActiveValue, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable, Value,
    sea_query::{Alias, Expr, InsertStatement, OnConflict},
};

use crate::db::Db;

/// Number of rows that one statement of PostgreSQL inserts: it takes at most 65,535 values, a row
/// has 24 at most.
const AT_ONCE: usize = 500;

/// The treatment of a row with a key that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Existing {
    /// It is an error.
    Fails,
    /// The existing row stays, and the statement touches none.
    Stays,
}

/// The table, the columns that have values, and the text of SQLite for one row of them.
#[derive(Debug)]
struct Shape {
    table: &'static str,
    columns: Vec<&'static str>,
    existing: Existing,
    text: String,
}

impl Shape {
    fn new(table: &'static str, columns: Vec<&'static str>, existing: Existing) -> Self {
        let mut shape = Self { table, columns, existing, text: String::new() };
        let values = vec![Value::Bool(None); shape.columns.len()];
        shape.text = DbBackend::Sqlite.build(&shape.statement(vec![values])).sql;
        shape
    }

    /// The statement for rows of values.
    fn statement(&self, rows: Vec<Vec<Value>>) -> InsertStatement {
        let mut statement = InsertStatement::new();
        statement.into_table(Alias::new(self.table));
        statement.columns(self.columns.iter().copied().map(Alias::new));
        for row in rows {
            // Each row was made with a value for each column of the shape.
            statement.values_panic(row.into_iter().map(Expr::val));
        }
        if self.existing == Existing::Stays {
            statement.on_conflict(OnConflict::new().do_nothing().to_owned());
        }
        statement
    }
}

/// The key of a shape: the entity, the columns that have values, and what happens to existing rows.
type Key = (TypeId, u64, Existing);

/// The shapes of this process. There are as many as places in the code that insert rows.
static SHAPES: LazyLock<RwLock<HashMap<Key, Arc<Shape>>>> = LazyLock::new(RwLock::default);

fn shape<E: EntityTrait>(columns: u64, existing: Existing) -> Arc<Shape> {
    let key = (TypeId::of::<E>(), columns, existing);
    if let Some(known) = SHAPES.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(known);
    }
    let chosen = E::Column::iter().enumerate().filter(|(at, _)| columns & (1 << at) != 0);
    let names = chosen.map(|(_, column)| column.as_str()).collect();
    let new = Arc::new(Shape::new(E::default().table_name(), names, existing));
    let mut known = SHAPES.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(key).or_insert(new))
}

/// Rows of one table, with values for the same columns.
#[derive(Debug)]
pub(crate) struct Rows {
    shape: Arc<Shape>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// One row.
    pub(crate) fn one<A: ActiveModelTrait>(row: A, existing: Existing) -> Self {
        let (columns, values) = taken(row);
        Self { shape: shape::<A::Entity>(columns, existing), rows: vec![values] }
    }

    /// Rows in order. Those that follow each other with values for the same columns are together.
    pub(crate) fn many<A: ActiveModelTrait>(rows: impl IntoIterator<Item = A>) -> Vec<Self> {
        let mut all: Vec<(u64, Self)> = Vec::new();
        for row in rows {
            let (columns, values) = taken(row);
            match all.last_mut() {
                Some((same, together)) if *same == columns => together.rows.push(values),
                _ => {
                    let shape = shape::<A::Entity>(columns, Existing::Fails);
                    all.push((columns, Self { shape, rows: vec![values] }));
                }
            }
        }
        all.into_iter().map(|(_, rows)| rows).collect()
    }

    /// Inserts them, and returns how many were inserted.
    pub(crate) async fn execute(&self, db: Db<'_>) -> Result<u64, DbErr> {
        if let Db::Embedded(embedded) = db {
            return embedded.insert(&self.shape.text, &self.rows);
        }
        let mut inserted = 0;
        for some in self.rows.chunks(AT_ONCE) {
            inserted += db.run(&self.shape.statement(some.to_vec())).await?;
        }
        Ok(inserted)
    }
}

/// The columns of a row that have values, as the bits of a number, and the values.
fn taken<A: ActiveModelTrait>(mut row: A) -> (u64, Vec<Value>) {
    let (mut columns, mut values) = (0, Vec::with_capacity(24));
    for (at, column) in <A::Entity as EntityTrait>::Column::iter().enumerate() {
        match row.take(column) {
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) => {
                columns |= 1 << at;
                values.push(value);
            }
            ActiveValue::NotSet => {}
        }
    }
    (columns, values)
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveValue::NotSet, QueryTrait, Set};

    use super::*;
    use crate::tables::{login_failure, setting};

    fn failure(previous_at: ActiveValue<Option<i64>>) -> login_failure::ActiveModel {
        login_failure::ActiveModel {
            name: Set("a".to_owned()),
            failures: Set(1),
            last_at: Set(2),
            previous_at,
        }
    }

    #[test]
    fn the_statement_of_rows_is_the_one_that_the_entity_would_make() {
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            for previous in [NotSet, Set(None), Set(Some(3))] {
                let rows = Rows::one(failure(previous.clone()), Existing::Fails);
                let own = login_failure::Entity::insert(failure(previous)).build(backend);
                let made = backend.build(&rows.shape.statement(rows.rows.clone()));
                assert_eq!((&made.sql, &made.values), (&own.sql, &own.values));
                if backend == DbBackend::Sqlite {
                    assert_eq!(rows.shape.text, own.sql);
                }
            }
            let row = || setting::ActiveModel { name: Set("a".into()), value: Set("b".into()) };
            let rows = Rows::one(row(), Existing::Stays);
            let nothing = OnConflict::new().do_nothing().to_owned();
            let own = setting::Entity::insert(row()).on_conflict(nothing).build(backend);
            assert_eq!(backend.build(&rows.shape.statement(rows.rows.clone())).sql, own.sql);
        }
    }

    #[test]
    fn rows_with_values_for_other_columns_are_apart_and_all_keep_their_order() {
        let rows = [Set(Some(1)), Set(None), NotSet, Set(Some(4))].map(failure);
        let all = Rows::many(rows);
        let columns: Vec<_> =
            all.iter().map(|rows| (rows.rows.len(), rows.shape.columns.len())).collect();
        assert_eq!(columns, [(2, 4), (1, 3), (1, 4)]);
    }
}
