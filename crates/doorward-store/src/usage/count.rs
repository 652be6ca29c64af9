//! Counts the entries of the audit that were added since the last count.

use doorward_model::{AuditKind, Timestamp, usage::LATENCY_BOUNDS, usage::OTHERS};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Statement,
    TransactionTrait,
    sea_query::{Expr, OnConflict},
};

use super::HOUR;
use crate::{
    Store, StoreError,
    audit::{Span, chain},
    db::Db,
    tables::{setting, usage_hour},
    writes::Sql,
};

/// The setting that holds how far the audit was counted: `SEQ HOUR`. Entries of hours before HOUR
/// were counted before the last rebuild.
const COUNTED: &str = "usage.counted";
/// Number of entries that one transaction counts: a few milliseconds of writing.
const STEP: i64 = 2000;
/// Maximum number of rows of an hour. Beyond it, calls of further combinations are counted
/// together, by upstream and outcome alone. One step may add as many rows as it has entries.
const MOST_ROWS: u64 = 5000;

/// The position up to which the audit was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) seq: i64,
    pub(super) first_hour: i64,
}

impl Counted {
    fn parse(value: &str) -> Self {
        let (seq, first_hour) = value.split_once(' ').unwrap_or((value, ""));
        Self {
            seq: seq.parse().unwrap_or_default(),
            first_hour: first_hour.parse().unwrap_or_default(),
        }
    }
    fn row(self) -> setting::ActiveModel {
        let value = format!("{} {}", self.seq, self.first_hour);
        setting::ActiveModel { name: Set(COUNTED.to_owned()), value: Set(value) }
    }
}

/// Reads how far the audit was counted.
async fn counted(db: Db<'_>) -> Result<Counted, StoreError> {
    let row = db.by_id::<setting::Entity>(COUNTED).await?;
    Ok(row.map_or_else(Counted::default, |row| Counted::parse(&row.value)))
}

/// Reads how far the audit was counted, and excludes other counts until the transaction ends. It
/// begins with a write, so that the transaction sees the state of the one before on both databases.
async fn locked(db: Db<'_>) -> Result<Counted, StoreError> {
    let same = Expr::col((setting::Entity, setting::Column::Value));
    let keep =
        OnConflict::column(setting::Column::Name).value(setting::Column::Value, same).to_owned();
    Sql::from(setting::Entity::insert(Counted::default().row()).on_conflict(keep))
        .execute(db)
        .await?;
    counted(db).await
}

/// Notes how far the audit was counted.
async fn note(db: Db<'_>, counted: Counted) -> Result<(), StoreError> {
    let replace =
        OnConflict::column(setting::Column::Name).update_column(setting::Column::Value).to_owned();
    Sql::from(setting::Entity::insert(counted.row()).on_conflict(replace)).execute(db).await?;
    Ok(())
}

/// The names of the columns that name the calls of a row, with their values of an entry.
const KEY: [(&str, &str); 5] = [
    ("tool", "COALESCE(tool, '')"),
    ("user_id", "COALESCE(user_id, '')"),
    ("client_id", "COALESCE(client_id, '')"),
    ("upstream", "COALESCE(upstream, '')"),
    ("outcome", "outcome"),
];

/// The columns of numbers, with their values of an entry.
fn numbers() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = vec![
        ("calls".to_owned(), "1".to_owned()),
        ("micros".to_owned(), "COALESCE(micros, 0)".to_owned()),
        ("request_bytes".to_owned(), "COALESCE(request_bytes, 0)".to_owned()),
        ("response_bytes".to_owned(), "COALESCE(response_bytes, 0)".to_owned()),
    ];
    let mut above = String::new();
    for bound in LATENCY_BOUNDS {
        let within = format!("CASE WHEN COALESCE(micros, 0) <= {bound}{above} THEN 1 ELSE 0 END");
        all.push((format!("within_{}", bound / 1000), within));
        above = format!(" AND COALESCE(micros, 0) > {bound}");
    }
    let longest = LATENCY_BOUNDS.last().copied().unwrap_or_default();
    let beyond = format!("CASE WHEN COALESCE(micros, 0) > {longest} THEN 1 ELSE 0 END");
    all.push(("beyond".to_owned(), beyond));
    all
}

/// The tool calls among the entries after `from` up to `to`, as rows of a subquery.
fn calls(from: Counted, to: i64) -> String {
    let keys: Vec<String> = KEY.iter().map(|(name, value)| format!("{value} AS {name}")).collect();
    let numbers: Vec<String> =
        numbers().iter().map(|(name, value)| format!("{value} AS {name}")).collect();
    let (called, refused) = (AuditKind::ToolCalled.as_str(), AuditKind::ToolRefused.as_str());
    format!(
        "SELECT \"at\" / {HOUR} AS hour, {}, {} FROM audit WHERE seq > {} AND seq <= {to} AND \"at\" >= {} \
         AND kind IN ('{called}', '{refused}')",
        keys.join(", "),
        numbers.join(", "),
        from.seq,
        from.first_hour.saturating_mul(HOUR),
    )
}

/// The statement that adds these entries to the numbers, the same on both databases. `full` hours
/// take no further combinations of tool, user and client.
fn add(from: Counted, to: i64, full: &[i64]) -> String {
    let numbers = numbers();
    let names: Vec<&str> = numbers.iter().map(|(name, _)| name.as_str()).collect();
    let sums: Vec<String> =
        names.iter().map(|name| format!("CAST(SUM(entry.{name}) AS BIGINT)")).collect();
    let added: Vec<String> =
        names.iter().map(|name| format!("{name} = usage_hour.{name} + excluded.{name}")).collect();
    let key: Vec<&str> = KEY.iter().map(|(name, _)| *name).collect();
    let (values, join) = if full.is_empty() {
        (key.iter().map(|name| format!("entry.{name}")).collect::<Vec<_>>(), String::new())
    } else {
        let hours: Vec<String> = full.iter().map(ToString::to_string).collect();
        let known: Vec<String> =
            key.iter().map(|name| format!("known.{name} = entry.{name}")).collect();
        let value = |name: &&str| {
            if matches!(*name, "upstream" | "outcome") {
                return format!("entry.{name}");
            }
            let hours = hours.join(", ");
            format!(
                "CASE WHEN known.hour IS NULL AND entry.hour IN ({hours}) THEN '{OTHERS}' ELSE \
                 entry.{name} END"
            )
        };
        let join = format!(
            " LEFT JOIN usage_hour AS known ON known.hour = entry.hour AND {}",
            known.join(" AND ")
        );
        (key.iter().map(value).collect(), join)
    };
    format!(
        "INSERT INTO usage_hour (hour, {key}, {names}) SELECT entry.hour, {values}, {sums} FROM \
         ({calls}) AS entry{join} WHERE 1 = 1 GROUP BY entry.hour, {values} ON CONFLICT (hour, \
         {key}) DO UPDATE SET {added}",
        key = key.join(", "),
        names = names.join(", "),
        values = values.join(", "),
        sums = sums.join(", "),
        calls = calls(from, to),
        added = added.join(", "),
    )
}

impl Store {
    /// Counts the entries of the audit that were added since the last count, a few thousand at a
    /// time, and returns their number. Entries that were noted and are not written yet are not
    /// among them; see [`Store::flush`].
    pub async fn count_usage(&self) -> Result<u64, StoreError> {
        let began = counted(Db::Pool(&self.reader)).await?.seq;
        let mut last = began;
        // Without new entries nothing is written.
        while chain::head(Db::Pool(&self.reader)).await?.seq > last {
            last = self.count_step().await?;
            tokio::task::yield_now().await;
        }
        Ok(u64::try_from(last.saturating_sub(began)).unwrap_or_default())
    }

    /// The number of the last entry of the audit that was counted.
    pub(crate) async fn usage_counted(&self) -> Result<i64, StoreError> {
        Ok(counted(Db::Pool(&self.reader)).await?.seq)
    }

    /// Counts some entries, and returns the number of the last.
    async fn count_step(&self) -> Result<i64, StoreError> {
        let sweeper = self.sweeper.turn().await;
        let transaction = sweeper.begin().await?;
        let db = Db::Transaction(&transaction);
        let from = locked(db).await?;
        let (base, head) = (chain::base(db).await?.seq, chain::head(db).await?.seq);
        let to = head.min(from.seq.max(base).saturating_add(STEP));
        if to > from.seq {
            let full = full_hours(db, &transaction, from, to).await?;
            transaction.execute_unprepared(&add(from, to, &full)).await?;
            note(db, Counted { seq: to, ..from }).await?;
        }
        transaction.commit().await?;
        Ok(to.max(from.seq))
    }

    /// Counts again what the audit still has from its beginning: every hour of which no entry was
    /// deleted. Earlier numbers stay. Returns the number of entries that were read.
    pub async fn rebuild_usage(&self) -> Result<u64, StoreError> {
        self.flush().await?;
        self.count_usage().await?;
        let first = self.first_whole_hour().await?;
        let Some(first) = first else { return Ok(0) };
        {
            let sweeper = self.sweeper.turn().await;
            let transaction = sweeper.begin().await?;
            let db = Db::Transaction(&transaction);
            locked(db).await?;
            let again = usage_hour::Entity::delete_many()
                .filter(usage_hour::Column::Hour.gte(first.first_hour));
            Sql::from(again).execute(db).await?;
            note(db, first).await?;
            transaction.commit().await?;
        }
        self.count_usage().await
    }

    /// The place before the first hour of which the audit has every entry. `None` if it has no such
    /// hour.
    async fn first_whole_hour(&self) -> Result<Option<Counted>, StoreError> {
        let base = chain::base(Db::Pool(&self.reader)).await?.seq;
        let head = chain::head(Db::Pool(&self.reader)).await?.seq;
        if base == 0 {
            return Ok(Some(Counted::default()));
        }
        let moment = async |seq| {
            self.audit_entry(seq).await.map(|entry| entry.map(|entry| entry.event.at.0))
        };
        let (Some(oldest), Some(newest)) = (moment(base + 1).await?, moment(head).await?) else {
            return Ok(None);
        };
        let hour = oldest / HOUR + 1;
        if hour > newest / HOUR {
            return Ok(None);
        }
        // The times of entries are in order but for five minutes.
        let begins = Timestamp(hour.saturating_mul(HOUR).saturating_sub(300));
        let seq = self.seq_at(begins, Span { from: base + 1, to: head }).await?;
        Ok(Some(Counted { seq: seq - 1, first_hour: hour }))
    }

    /// Deletes numbers of hours before the one of `at`, and returns the number of rows.
    pub async fn trim_usage(&self, at: Timestamp) -> Result<u64, StoreError> {
        let old = usage_hour::Entity::delete_many()
            .filter(usage_hour::Column::Hour.lt(at.0.div_euclid(HOUR)));
        let sweeper = self.sweeper.turn().await;
        Ok(old.exec(&*sweeper).await?.rows_affected)
    }
}

/// The hours of these entries that have as many rows as they may have.
async fn full_hours(
    db: Db<'_>,
    transaction: &sea_orm::DatabaseTransaction,
    from: Counted,
    to: i64,
) -> Result<Vec<i64>, StoreError> {
    let hours = format!("SELECT DISTINCT entry.hour FROM ({}) AS entry", calls(from, to));
    let rows = transaction.query_all_raw(Statement::from_string(db.backend(), hours)).await?;
    let mut full = Vec::new();
    for row in rows {
        let hour: i64 = row.try_get_by_index(0)?;
        let rows = usage_hour::Entity::find()
            .select_only()
            .column(usage_hour::Column::Hour)
            .filter(usage_hour::Column::Hour.eq(hour));
        if db.count(rows).await? >= MOST_ROWS {
            full.push(hour);
        }
    }
    Ok(full)
}
