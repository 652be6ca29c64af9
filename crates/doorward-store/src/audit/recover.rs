//! Brings the entries that killed processes left in their journals into the chain.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use doorward_model::{AuditEvent, AuditStamp, Change, Timestamp, UnitOfWork};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Map, Value};

use super::journal::{self, EndedJournal, Journal};
use crate::{
    Store, StoreError,
    tables::setting::{Column, Entity, JOURNAL_MARK},
};

/// For how many seconds a mark is kept after its journal was lost with the disk of its process: a
/// month.
const MARKS_KEPT: i64 = 30 * 86_400;
/// Maximum number of entries in one commit.
const BATCH: usize = 1000;
/// The search relies on times that grow with the numbers, but for this many seconds.
const DISORDER: i64 = 300;

impl Store {
    /// Keeps entries that no unit carries in a journal in `folder` until they are in the chain, so
    /// that they survive `kill -9`. Entries left there by processes that ended are written first;
    /// the result is their number. `id` is unique among all processes that share the database.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used or the database does not answer.
    pub async fn keep_journal(&self, folder: &Path, id: String) -> Result<u64, StoreError> {
        let failed = |error| StoreError::Journal {
            folder: folder.display().to_string(),
            error: Arc::new(error),
        };
        let journal = Journal::new(folder, id).map_err(failed)?;
        let left = journal::left(folder).map_err(failed)?;
        let latest = match self.audit_head().await?.seq {
            0 => Timestamp(0),
            seq => self.audit_entry(seq).await?.map_or(Timestamp(0), |entry| entry.event.at),
        };
        let mut written = 0;
        for one in &left {
            written += self.recover(one, latest).await?;
        }
        let gone: BTreeSet<&str> = left.iter().map(|one| one.journal.as_str()).collect();
        for one in &left {
            one.delete().map_err(failed)?;
        }
        self.forget_marks(&gone).await?;
        self.trail.keep(journal);
        Ok(written)
    }

    /// Writes the entries of a file that are not in the chain.
    async fn recover(&self, left: &EndedJournal, latest: Timestamp) -> Result<u64, StoreError> {
        let name = format!("{JOURNAL_MARK}{}", left.journal);
        let mark = Entity::find_by_id(name).one(&self.reader).await?;
        let mark = mark.map_or(0, |row| parsed(&row.value).0);
        let missing: Vec<_> = left.entries.iter().filter(|(seq, _)| *seq > mark).collect();
        for some in missing.chunks(BATCH) {
            let Some((seq, last)) = some.last() else { continue };
            let events = some.iter().map(|(_, event)| in_order(event.clone(), latest)).collect();
            let mark =
                Change::MarkJournal { journal: left.journal.clone(), seq: *seq, at: last.at };
            let unit = UnitOfWork::from_iter([Change::Audit(events), mark]);
            self.writer.apply(unit, AuditStamp::default(), false).await?;
        }
        Ok(u64::try_from(missing.len()).unwrap_or(u64::MAX))
    }

    /// Deletes the marks of journals that no longer exist, and old ones.
    async fn forget_marks(&self, gone: &BTreeSet<&str>) -> Result<(), StoreError> {
        let oldest = self.clock.now().plus(-MARKS_KEPT);
        let marks =
            Entity::find().filter(Column::Name.starts_with(JOURNAL_MARK)).all(&self.reader).await?;
        let names: Vec<String> = marks
            .into_iter()
            .filter(|row| {
                let journal = row.name.strip_prefix(JOURNAL_MARK).unwrap_or_default();
                gone.contains(journal) || parsed(&row.value).1 < oldest
            })
            .map(|row| row.name)
            .collect();
        if !names.is_empty() {
            let sweeper = self.sweeper.turn().await;
            Entity::delete_many().filter(Column::Name.is_in(names)).exec(&*sweeper).await?;
        }
        Ok(())
    }
}

/// The number and the moment of a mark.
fn parsed(value: &str) -> (u64, Timestamp) {
    let (seq, at) = value.split_once(' ').unwrap_or((value, ""));
    (seq.parse().unwrap_or_default(), Timestamp(at.parse().unwrap_or_default()))
}

/// The event with a time that keeps the order of the chain. If other replicas wrote meanwhile, it
/// is the time of the last entry, and the detail holds the event's own.
fn in_order(mut event: AuditEvent, latest: Timestamp) -> AuditEvent {
    if event.at >= latest.plus(-DISORDER) {
        return event;
    }
    let mut detail = serde_json::from_str::<Map<String, Value>>(&event.detail).unwrap_or_default();
    detail.insert("happened_at".to_owned(), event.at.0.into());
    event.detail = Value::Object(detail).to_string();
    event.at = latest;
    event
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use doorward_model::{AuditFilter, AuditKind};

    use super::*;
    use crate::Config;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("doorward-recover-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn event(number: i64) -> AuditEvent {
        let mut event = AuditEvent::new(AuditKind::ToolCalled);
        event.at = Timestamp(number);
        event
    }

    /// A journal with these numbers, as a killed process leaves it.
    fn leave(folder: &Path, id: &str, numbers: std::ops::RangeInclusive<i64>) {
        let journal = Journal::new(folder, id.to_owned()).unwrap();
        numbers.for_each(|number| journal.keep(Box::new(event(number)), |_, _| ()));
    }

    async fn times(store: &Store) -> Vec<i64> {
        let page = store.audit(&AuditFilter::default(), None, 1000).await.unwrap();
        let mut times: Vec<i64> = page.entries.iter().map(|entry| entry.event.at.0).collect();
        times.reverse();
        times
    }

    #[tokio::test]
    async fn entries_that_a_killed_process_left_are_written_once() {
        let folder = folder("once");
        let journals = folder.join("journal");
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        // The process was killed after the commit of the first two and before it dropped them.
        let mark = Change::MarkJournal { journal: "a".into(), seq: 2, at: Timestamp(2) };
        let written = Change::Audit(vec![event(1), event(2)]);
        store.apply(UnitOfWork::from_iter([written, mark])).await.unwrap();
        leave(&journals, "a", 1..=4);
        leave(&journals, "b", 5..=6);
        assert_eq!(store.keep_journal(&journals, "c".into()).await.unwrap(), 4);
        assert_eq!(times(&store).await, [1, 2, 3, 4, 5, 6]);
        // Neither files nor marks are left, and the next start finds nothing.
        assert_eq!(std::fs::read_dir(&journals).unwrap().count(), 0);
        let marks = Entity::find().filter(Column::Name.starts_with(JOURNAL_MARK));
        assert!(marks.all(&store.reader).await.unwrap().is_empty());
        assert_eq!(store.keep_journal(&journals, "d".into()).await.unwrap(), 0);
        assert!(store.verify_audit(None).await.unwrap().is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn entries_that_are_found_late_keep_the_order_of_times() {
        let folder = folder("late");
        let journals = folder.join("journal");
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        store.apply(Change::Audit(vec![event(10_000)])).await.unwrap();
        leave(&journals, "a", 7..=7);
        store.keep_journal(&journals, "b".into()).await.unwrap();
        assert_eq!(times(&store).await, [10_000, 10_000]);
        let last = store.audit_entry(2).await.unwrap().unwrap();
        assert_eq!(last.event.detail, r#"{"happened_at":7}"#);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_flush_empties_the_journal_and_marks_of_lost_journals_expire() {
        let folder = folder("flush");
        let journals = folder.join("journal");
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        let mark = |at| Change::MarkJournal { journal: format!("lost-{at}"), seq: 1, at };
        store
            .apply(UnitOfWork::from_iter([mark(Timestamp(5)), mark(store.clock.now())]))
            .await
            .unwrap();
        store.keep_journal(&journals, "a".into()).await.unwrap();
        let marks = Entity::find().filter(Column::Name.starts_with(JOURNAL_MARK));
        assert_eq!(marks.all(&store.reader).await.unwrap().len(), 1);
        store.note(event(1)).await.unwrap();
        store.flush().await.unwrap();
        let file = std::fs::read_dir(&journals).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert_eq!(store.audit_head().await.unwrap().seq, 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
