//! Counts the decisions about calls in the audit.

use doorward_model::{AuditKind, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Alias, Expr, Query},
};

use super::{Span, chain};
use crate::{Store, StoreError, db::Db, tables::audit as rows};

/// Number of the newest entries that are read.
const MOST: i64 = 1_000_000;

impl Store {
    /// The decisions about tool calls since a moment, each with the number of calls, among the
    /// newest million entries.
    pub async fn decisions(&self, since: Timestamp) -> Result<Vec<(String, i64)>, StoreError> {
        use rows::Column as C;
        let db = Db::Pool(&self.reader);
        let (base, head) = (chain::base(db).await?.seq, chain::head(db).await?.seq);
        let span = Span { from: base + 1, to: head };
        let from = self.seq_at(since.plus(-300), span).await?.max(head - MOST);
        let calls = rows::Entity::find()
            .select_only()
            .column(C::Decision)
            .filter(C::Seq.gte(from))
            .filter(C::At.gte(since.0))
            .filter(
                C::Kind
                    .is_in([AuditKind::ToolCalled, AuditKind::ToolRefused].map(AuditKind::as_str)),
            )
            .filter(C::Decision.is_not_null())
            .into_query();
        let count = Query::select()
            .column(C::Decision)
            .expr(Expr::cust("COUNT(*)"))
            .from_subquery(calls, Alias::new("calls"))
            .group_by_col(C::Decision)
            .to_owned();
        let found =
            self.reader.query_all_raw(self.reader.get_database_backend().build(&count)).await?;
        let read = found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
        read.collect()
    }
}
