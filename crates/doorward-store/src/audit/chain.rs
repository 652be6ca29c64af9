//! Appends entries to the chain of hashes.

use doorward_model::{
    AuditEntry, AuditEvent, AuditHead, CallFacts, RecordedKind, Timestamp, audit::Outcome,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::{
    StoreError,
    db::Db,
    rows::Rows,
    tables::{audit, setting},
    writes::Sql,
};

/// The setting that holds where the chain begins after old entries were deleted: `SEQ HASH` of the
/// last deleted one.
pub(crate) const BASE: &str = "audit.base";

/// Locks the chain until the transaction ends. SQLite has one writer anyway.
async fn lock(db: Db<'_>) -> Result<(), DbErr> {
    match db {
        Db::Transaction(transaction) if db.backend() == DbBackend::Postgres => {
            let lock = "SELECT pg_advisory_xact_lock(7310575217430414)";
            transaction.execute_unprepared(lock).await.map(drop)
        }
        Db::Transaction(_) | Db::Pool(_) | Db::Embedded(_) => Ok(()),
    }
}

/// The beginning of the chain.
pub(crate) async fn base(db: Db<'_>) -> Result<AuditHead, DbErr> {
    let row = db.by_id::<setting::Entity>(BASE).await?;
    let parsed = row.and_then(|row| {
        row.value.split_once(' ').and_then(|(seq, hash)| {
            Some(AuditHead { seq: seq.parse().ok()?, hash: hash.to_owned() })
        })
    });
    Ok(parsed.unwrap_or_default())
}

/// The end of the chain.
pub(crate) async fn head(db: Db<'_>) -> Result<AuditHead, DbErr> {
    let newest = || {
        audit::Entity::find()
            .select_only()
            .columns([audit::Column::Seq, audit::Column::Hash])
            .order_by_desc(audit::Column::Seq)
            .limit(1)
    };
    match db.numbered_kept("audit head", &[1_u64.into()], newest).await? {
        Some((seq, hash)) => Ok(AuditHead { seq, hash }),
        None => base(db).await,
    }
}

/// Appends events in order.
pub(crate) async fn append(db: Db<'_>, events: Vec<&AuditEvent>) -> Result<(), DbErr> {
    if events.is_empty() {
        return Ok(());
    }
    lock(db).await?;
    let mut head = head(db).await?;
    let entries = events.into_iter().map(|event| {
        let entry = head.follow(event.clone().storable());
        head = AuditHead::from(&entry);
        row(entry)
    });
    for rows in Rows::many(entries) {
        rows.execute(db).await?;
    }
    Ok(())
}

/// Deletes entries before `seq` and remembers where the chain now begins.
pub(crate) async fn trim(db: Db<'_>, before: i64) -> Result<u64, DbErr> {
    lock(db).await?;
    let last = audit::Entity::find()
        .filter(audit::Column::Seq.lt(before))
        .order_by_desc(audit::Column::Seq);
    let Some(last) = db.one(last).await? else { return Ok(0) };
    let value = format!("{} {}", last.seq, last.hash);
    let row = setting::ActiveModel { name: Set(BASE.to_owned()), value: Set(value) };
    let replace = sea_orm::sea_query::OnConflict::column(setting::Column::Name)
        .update_column(setting::Column::Value)
        .to_owned();
    Sql::from(setting::Entity::insert(row).on_conflict(replace)).execute(db).await?;
    let gone = audit::Entity::delete_many().filter(audit::Column::Seq.lt(before));
    Sql::from(gone).execute(db).await
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn row(entry: AuditEntry) -> audit::ActiveModel {
    let AuditEntry { seq, event, hash } = entry;
    let call = event.call.map(|call| *call);
    let number = |of: fn(&CallFacts) -> i64| call.as_ref().map(of);
    let (micros, request_bytes, response_bytes) = (
        number(|call| call.micros),
        number(|call| call.request_bytes),
        number(|call| call.response_bytes),
    );
    let CallFacts { tool, upstream, class, decision, .. } = call.unwrap_or_default();
    audit::ActiveModel {
        seq: Set(seq),
        at: Set(event.at.0),
        kind: Set(event.kind.as_str().to_owned()),
        outcome: Set(event.outcome.as_str().to_owned()),
        user_id: Set(event.actor.user_id),
        user_name: Set(event.actor.user_name),
        client_id: Set(event.actor.client_id),
        session_id: Set(event.actor.session_id),
        token_id: Set(event.actor.token_id),
        grant_id: Set(event.actor.grant_id),
        address: Set(some(event.address)),
        request_id: Set(some(event.request_id)),
        subject: Set(some(event.subject)),
        tool: Set(some(tool)),
        upstream: Set(some(upstream)),
        class: Set(some(class)),
        decision: Set(some(decision)),
        micros: Set(micros),
        request_bytes: Set(request_bytes),
        response_bytes: Set(response_bytes),
        detail: Set(some(event.detail)),
        hash: Set(hash),
    }
}

pub(crate) fn entry(row: audit::Model) -> Result<AuditEntry, StoreError> {
    let outcome = Outcome::parse(&row.outcome)
        .ok_or_else(|| StoreError::Damaged { table: "audit", key: row.seq.to_string() })?;
    let call = row.micros.map(|micros| {
        Box::new(CallFacts {
            tool: row.tool.unwrap_or_default(),
            upstream: row.upstream.unwrap_or_default(),
            class: row.class.unwrap_or_default(),
            decision: row.decision.unwrap_or_default(),
            micros,
            request_bytes: row.request_bytes.unwrap_or_default(),
            response_bytes: row.response_bytes.unwrap_or_default(),
        })
    });
    let actor = doorward_model::Actor {
        user_id: row.user_id,
        user_name: row.user_name,
        client_id: row.client_id,
        session_id: row.session_id,
        token_id: row.token_id,
        grant_id: row.grant_id,
    };
    let event = AuditEvent {
        at: Timestamp(row.at),
        kind: RecordedKind::from_stored(row.kind),
        outcome,
        actor,
        address: row.address.unwrap_or_default(),
        request_id: row.request_id.unwrap_or_default(),
        subject: row.subject.unwrap_or_default(),
        call,
        detail: row.detail.unwrap_or_default(),
    };
    Ok(AuditEntry { seq: row.seq, event, hash: row.hash })
}
