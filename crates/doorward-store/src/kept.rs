//! Statements of which the text is kept: of those on the path of every request, making the text
//! again costs more than running it. Each is described once, by the entity; its values are given in
//! the order in which the description has them, which debug builds compare each time.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use sea_orm::{DbBackend, Statement, StatementBuilder, Value, Values};

/// The text of a statement for each database.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) sqlite: String,
    pub(crate) postgres: String,
}

impl Text {
    /// The statement with these values.
    pub(crate) fn statement(&self, backend: DbBackend, values: &[Value]) -> Statement {
        let text = if backend == DbBackend::Sqlite { &self.sqlite } else { &self.postgres };
        Statement::from_sql_and_values(backend, text, values.iter().cloned())
    }
}

/// The texts by their names. There are as many as places in the code that name one.
static TEXTS: LazyLock<RwLock<HashMap<&'static str, Arc<Text>>>> = LazyLock::new(RwLock::default);

/// The text of the statement of this name, which is the same for all values.
pub(crate) fn text<S: StatementBuilder>(
    name: &'static str,
    values: &[Value],
    describe: impl Fn() -> S,
) -> Arc<Text> {
    if cfg!(debug_assertions) {
        let described = DbBackend::Sqlite.build(&describe());
        debug_assert_eq!(described.values.unwrap_or(Values(Vec::new())).0, values, "{name}");
    }
    if let Some(known) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(known);
    }
    let described = describe();
    let made = Arc::new(Text {
        sqlite: DbBackend::Sqlite.build(&described).sql,
        postgres: DbBackend::Postgres.build(&described).sql,
    });
    let mut known = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(name).or_insert(made))
}

/// A statement that changes rows, with its kept text and its values.
#[derive(Debug)]
pub(crate) struct Kept {
    text: Arc<Text>,
    values: Vec<Value>,
}

impl Kept {
    pub(crate) fn new<S: StatementBuilder>(
        name: &'static str,
        values: Vec<Value>,
        describe: impl Fn() -> S,
    ) -> Self {
        Self { text: text(name, &values, describe), values }
    }

    /// The text of SQLite, and the values.
    pub(crate) fn sqlite(&self) -> (&str, &[Value]) {
        (&self.text.sqlite, &self.values)
    }

    /// The statement for PostgreSQL.
    pub(crate) fn postgres(&self) -> Statement {
        self.text.statement(DbBackend::Postgres, &self.values)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait};

    use super::*;
    use crate::tables::setting;

    fn named(name: &str) -> impl Fn() -> sea_orm::sea_query::SelectStatement {
        move || setting::Entity::find().filter(setting::Column::Name.eq(name)).into_query()
    }

    #[test]
    fn a_text_is_made_once_for_each_database_and_values_in_another_order_are_a_fault() {
        let one = text("kept test", &["a".into()], named("a"));
        let other = text("kept test", &["b".into()], named("b"));
        assert!(Arc::ptr_eq(&one, &other));
        assert!(one.sqlite.ends_with("= ?") && one.postgres.ends_with("= $1"), "{one:?}");
        let fault = std::panic::catch_unwind(|| text("kept test", &["b".into()], named("c")));
        assert!(fault.is_err());
    }
}
