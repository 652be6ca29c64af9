//! Finds entries. However many there are and whatever is asked, one page costs a bounded number of
//! rows: the rarest condition leads, and where all are common the search goes back a stretch at a
//! time.

use doorward_model::{AuditEntry, AuditFilter, AuditSubject, Timestamp, audit};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Statement,
    sea_query::{
        Alias, CommonTableExpression, Expr, Func, LikeExpr, Query, SimpleExpr, WithClause,
    },
};

use super::chain;
use crate::{Store, StoreError, page_of, tables::audit as rows};

/// A condition with fewer matches than this leads the search.
const RARE: u64 = 20_000;
/// Maximum number of entries that one search reads where every condition is common.
const STRETCH: i64 = 200_000;

/// Numbers of entries, the first and the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Some entries, the newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The start of the next page: entries before this number. `None` when there are no more.
    pub before: Option<i64>,
    /// True if the search stopped at the end of a stretch rather than with a full page.
    pub stretched: bool,
}

/// Indexed conditions. Each is a choice of equalities, each of which an index answers in order; a
/// family of kinds is a range instead.
fn leading(filter: &AuditFilter) -> Vec<Lead> {
    use rows::Column as C;
    let mut leads = Vec::new();
    let mut equal = |column: C, value: &Option<String>| {
        if let Some(value) = value {
            leads.push(Lead::Equal(vec![column.eq(value.as_str())]));
        }
    };
    equal(C::UserId, &filter.user_id);
    equal(C::ClientId, &filter.client_id);
    equal(C::Tool, &filter.tool);
    equal(C::SessionId, &filter.session);
    let subjects = |text: &str| {
        audit::recorded_forms(text).map(|form| C::Subject.eq(form)).collect::<Vec<_>>()
    };
    if let Some(subject) = &filter.subject {
        leads.push(Lead::Equal(subjects(subject)));
    }
    for (column, kind, id) in [
        (C::GrantId, AuditSubject::Grant, &filter.grant),
        (C::TokenId, AuditSubject::AccessToken, &filter.token),
    ] {
        if let Some(id) = id {
            let about = C::Subject.eq(audit::subject(kind, id));
            leads.push(Lead::Equal(vec![column.eq(id.as_str()), about]));
        }
    }
    if let Some(id) = &filter.concerns {
        let mut either = subjects(&audit::subject(AuditSubject::User, id));
        either.push(C::UserId.eq(id.as_str()));
        leads.push(Lead::Equal(either));
    }
    if let Some(kind) = &filter.kind {
        let forms = audit::recorded_forms(kind);
        leads.push(match kind.strip_suffix('.') {
            // A range of the index: from "user." to "user/".
            Some(_) => Lead::Range(forms.fold(Condition::any(), |any, form| {
                let end = format!("{}/", form.trim_end_matches('.'));
                any.add(Condition::all().add(C::Kind.gte(form.as_ref())).add(C::Kind.lt(end)))
            })),
            None => Lead::Equal(forms.map(|form| C::Kind.eq(form)).collect()),
        });
    }
    leads
}

/// A condition that an index answers.
enum Lead {
    Equal(Vec<SimpleExpr>),
    Range(Condition),
}

impl Lead {
    fn condition(&self) -> Condition {
        match self {
            Self::Equal(choices) => choices.iter().cloned().fold(Condition::any(), Condition::add),
            Self::Range(range) => range.clone(),
        }
    }
}

/// Conditions without an index.
fn following(filter: &AuditFilter) -> Condition {
    use rows::Column as C;
    let mut all = Condition::all();
    if let Some(outcome) = filter.outcome {
        all = all.add(C::Outcome.eq(outcome.as_str()));
    }
    if let Some(upstream) = &filter.upstream {
        all = all.add(C::Upstream.eq(upstream.as_str()));
    }
    if let Some(address) = &filter.address {
        all = all.add(C::Address.eq(address.as_str()));
    }
    if let Some(text) = &filter.text {
        all = all.add(contains(text));
    }
    if let Some(since) = filter.since {
        all = all.add(C::At.gte(since.0));
    }
    if let Some(until) = filter.until {
        all = all.add(C::At.lt(until.0));
    }
    all
}

/// The condition of a text in any of the columns that users read.
fn contains(text: &str) -> Condition {
    use rows::Column as C;
    use sea_orm::sea_query::ExprTrait as _;
    let mut pattern = String::from("%");
    for letter in text.to_ascii_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    let has = |column: C| {
        Expr::expr(Func::lower(Expr::col(column))).like(LikeExpr::new(&pattern).escape('\\'))
    };
    [C::UserName, C::Tool, C::Subject, C::Detail]
        .map(has)
        .into_iter()
        .fold(Condition::any(), Condition::add)
}

/// True if a search has a condition that no index answers and few entries may meet.
fn is_sparse(filter: &AuditFilter) -> bool {
    filter.outcome.is_some()
        || filter.upstream.is_some()
        || filter.address.is_some()
        || filter.text.is_some()
}

impl Store {
    /// Entries that fit, the newest first: at most `limit`, with numbers below `before`.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u64,
    ) -> Result<AuditPage, StoreError> {
        let limit = limit.clamp(1, 1000);
        let whole = Span {
            from: chain::base(self.point()).await?.seq + 1,
            to: chain::head(self.point()).await?.seq,
        };
        let mut from = whole.from;
        let mut to = before.map_or(whole.to, |before| before.saturating_sub(1).min(whole.to));
        // Numbers grow with time, except for small differences between the clocks of replicas: the
        // bounds are widened, and the exact time is still compared.
        if let Some(since) = filter.since {
            from = from.max(self.seq_at(since.plus(-300), whole).await?);
        }
        if let Some(until) = filter.until {
            to = to.min(self.seq_at(until.plus(300), whole).await?);
        }
        if from > to {
            return Ok(AuditPage::default());
        }
        let leading = leading(filter);
        let rest = following(filter);
        // Equalities are answered in order by their indexes. A family of kinds is a range, and
        // would have to be sorted.
        let choices = match leading.as_slice() {
            _ if is_sparse(filter) => None,
            [] => Some(vec![Condition::all()]),
            [Lead::Equal(choices)] => {
                Some(choices.iter().cloned().map(|one| Condition::all().add(one)).collect())
            }
            _ => None,
        };
        let leading: Vec<Condition> = leading.iter().map(Lead::condition).collect();
        let (rows, floor) = if let Some(choices) = choices {
            (self.merged(choices, &rest, Span { from, to }, limit).await?, from)
        } else if let Some(rare) = self.rarest(&leading, Span { from, to }).await? {
            let lead = leading.get(rare).cloned().unwrap_or_else(Condition::all);
            let others = leading
                .into_iter()
                .enumerate()
                .filter(|(at, _)| *at != rare)
                .fold(rest, |all, (_, one)| all.add(one));
            (self.led(lead, others, Span { from, to }, limit).await?, from)
        } else {
            let floor = from.max(to - STRETCH);
            let all = leading.into_iter().fold(rest, Condition::add);
            (self.newest(all, Span { from: floor, to }, limit).await?, floor)
        };
        let (rows, more) = page_of(rows, limit);
        let entries: Vec<AuditEntry> =
            rows.into_iter().map(chain::entry).collect::<Result<_, _>>()?;
        let next = if more {
            entries.last().map(|entry| entry.seq)
        } else {
            (floor > from).then_some(floor)
        };
        Ok(AuditPage { stretched: !more && next.is_some(), before: next, entries })
    }

    /// Up to where entries older than `at` may go, looking at the oldest few only.
    pub(crate) async fn audit_end_before(
        &self,
        at: Timestamp,
        few: u64,
    ) -> Result<Option<i64>, StoreError> {
        let oldest = rows::Entity::find()
            .order_by_asc(rows::Column::Seq)
            .limit(few)
            .all(&self.reader)
            .await?;
        Ok(oldest.iter().take_while(|row| row.at < at.0).last().map(|row| row.seq + 1))
    }

    /// Entries after `seq`, the oldest first, for following.
    pub async fn audit_after(&self, seq: i64, limit: u64) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = rows::Entity::find()
            .filter(rows::Column::Seq.gt(seq))
            .order_by_asc(rows::Column::Seq)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(chain::entry).collect()
    }

    /// The entry with this number.
    pub async fn audit_entry(&self, seq: i64) -> Result<Option<AuditEntry>, StoreError> {
        rows::Entity::find_by_id(seq).one(&self.reader).await?.map(chain::entry).transpose()
    }

    /// The tools that a client called last for a user, each once.
    pub async fn last_tools(
        &self,
        user_id: &doorward_model::UserId,
        client_id: &doorward_model::ClientId,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        use rows::Column as C;
        let calls = rows::Entity::find()
            .filter(C::UserId.eq(user_id.as_str()))
            .filter(C::ClientId.eq(client_id.as_str()))
            .filter(C::Kind.eq(doorward_model::AuditKind::ToolCalled.as_str()))
            .order_by_desc(C::Seq)
            .limit(50)
            .all(&self.reader)
            .await?;
        let mut tools: Vec<(String, Timestamp)> = Vec::new();
        for call in calls {
            let Some(tool) = call.tool else { continue };
            if !tools.iter().any(|(known, _)| *known == tool) {
                tools.push((tool, Timestamp(call.at)));
            }
        }
        tools.truncate(5);
        Ok(tools)
    }

    async fn newest(
        &self,
        which: Condition,
        span: Span,
        limit: u64,
    ) -> Result<Vec<rows::Model>, StoreError> {
        use rows::Column as C;
        Ok(rows::Entity::find()
            .filter(which)
            .filter(C::Seq.between(span.from, span.to))
            .order_by_desc(C::Seq)
            .limit(limit + 1)
            .all(&self.reader)
            .await?)
    }

    /// Entries that fit one of several conditions, each of which its index answers in order.
    async fn merged(
        &self,
        choices: Vec<Condition>,
        rest: &Condition,
        span: Span,
        limit: u64,
    ) -> Result<Vec<rows::Model>, StoreError> {
        let mut found = Vec::new();
        for choice in choices {
            found.extend(self.newest(choice.add(rest.clone()), span, limit).await?);
        }
        found.sort_by_key(|row| std::cmp::Reverse(row.seq));
        found.dedup_by_key(|row| row.seq);
        Ok(found)
    }

    /// Entries that fit a rare condition first, then the rest: a planner that took the order's
    /// index instead would read everything.
    async fn led(
        &self,
        lead: Condition,
        others: Condition,
        span: Span,
        limit: u64,
    ) -> Result<Vec<rows::Model>, StoreError> {
        use rows::Column as C;
        let few = rows::Entity::find()
            .filter(lead)
            .filter(C::Seq.between(span.from, span.to))
            .into_query();
        let name = Alias::new("audit");
        let first = CommonTableExpression::new()
            .query(few)
            .table_name(Alias::new("few"))
            .to_owned()
            .materialized(true)
            .to_owned();
        let mut select = Query::select()
            .expr(Expr::cust("*"))
            .from_as(Alias::new("few"), name)
            .cond_where(others)
            .to_owned();
        select.order_by(C::Seq, sea_orm::Order::Desc).limit(limit + 1);
        let query = select.with(WithClause::new().cte(first).to_owned());
        let statement: Statement = self.reader.get_database_backend().build(&query);
        Ok(rows::Model::find_by_statement(statement).all(&self.reader).await?)
    }

    /// The condition with the fewest matches, if these are few.
    async fn rarest(
        &self,
        conditions: &[Condition],
        span: Span,
    ) -> Result<Option<usize>, StoreError> {
        let mut best: Option<(u64, usize)> = None;
        for (at, condition) in conditions.iter().enumerate() {
            use rows::Column as C;
            let within = rows::Entity::find()
                .select_only()
                .column(C::Seq)
                .filter(condition.clone())
                .filter(C::Seq.between(span.from, span.to))
                .limit(RARE)
                .into_query();
            let count = Query::select()
                .expr(Expr::cust("COUNT(*)"))
                .from_subquery(within, Alias::new("some"))
                .to_owned();
            let row =
                self.reader.query_one_raw(self.reader.get_database_backend().build(&count)).await?;
            let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            if count < best.map_or(RARE, |(fewest, _)| fewest) {
                best = Some((count, at));
            }
        }
        Ok(best.map(|(_, at)| at))
    }

    /// The number of the first entry at or after a moment, by halving: some twenty look-ups in ten
    /// million entries.
    pub(crate) async fn seq_at(&self, at: Timestamp, span: Span) -> Result<i64, StoreError> {
        let (mut low, mut high) = (span.from, span.to + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = rows::Entity::find()
                .filter(rows::Column::Seq.gte(middle))
                .order_by_asc(rows::Column::Seq)
                .one(&self.reader)
                .await?;
            match row {
                Some(row) if row.at < at.0 => low = row.seq + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::Outcome;
    use sea_orm::{DbBackend, QueryResult};

    use super::*;
    use crate::Config;

    /// The plan of the statement that reads a page of the entries that fit.
    async fn plan(store: &Store, which: Condition) -> String {
        use rows::Column as C;
        let statement = rows::Entity::find()
            .filter(which)
            .filter(C::Seq.between(1, 10_000_000))
            .order_by_desc(C::Seq)
            .limit(51)
            .build(DbBackend::Sqlite)
            .to_string();
        let explain =
            Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<QueryResult> = store.reader.query_all_raw(explain).await.unwrap();
        let step = |row: &QueryResult| row.try_get::<String>("", "detail").unwrap();
        steps.iter().map(step).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn no_condition_of_a_search_reads_the_whole_audit_or_sorts_it() {
        let folder = std::env::temp_dir().join(format!("doorward-plan-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let none = AuditFilter::default;
        for filter in [
            none(),
            AuditFilter { user_id: text("u_1"), ..none() },
            AuditFilter { client_id: text("c_1"), ..none() },
            AuditFilter { tool: text("wiki_read"), ..none() },
            AuditFilter { subject: text("user:u_1"), ..none() },
            AuditFilter { kind: text("tool.called"), ..none() },
            AuditFilter { grant: text("g_1"), ..none() },
            AuditFilter { session: text("s_1"), ..none() },
            AuditFilter { token: text("t_1"), ..none() },
            AuditFilter { address: text("192.0.2.1"), text: text("x"), ..none() },
            AuditFilter { concerns: text("u_1"), ..none() },
            AuditFilter { outcome: Some(Outcome::Failed), ..none() },
            AuditFilter { upstream: text("wiki"), since: Some(Timestamp(1)), ..none() },
        ] {
            let rest = following(&filter);
            let choices: Vec<Condition> = leading(&filter)
                .into_iter()
                .flat_map(|lead| match lead {
                    Lead::Equal(choices) => {
                        choices.into_iter().map(|one| Condition::all().add(one)).collect()
                    }
                    Lead::Range(range) => vec![range],
                })
                .collect();
            let choices = if choices.is_empty() { vec![Condition::all()] } else { choices };
            for choice in choices {
                let plan = plan(&store, choice.add(rest.clone())).await;
                assert!(plan.contains("SEARCH"), "{filter:?}: {plan}");
                assert!(
                    !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
                    "{filter:?}: {plan}"
                );
            }
        }
        let _ = std::fs::remove_dir_all(&folder);
    }
}
