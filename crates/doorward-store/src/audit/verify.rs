//! Checks the chain from its beginning to its end.

use doorward_model::AuditHead;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::chain;
use crate::{Store, StoreError, db::Db, tables::audit};

/// Number of entries that are read at a time.
const STEP: u64 = 5000;

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerified {
    /// The number of entries that were checked.
    pub entries: u64,
    /// The first entry's number.
    pub first: i64,
    /// The last entry. Kept elsewhere, it proves later that the end was not cut off.
    pub head: AuditHead,
}

/// The place at which the chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBreak {
    /// The entry that does not fit.
    pub seq: i64,
    /// The fault.
    pub why: String,
}

impl Store {
    /// Checks every entry against its hash and its neighbour. `expected` is an end that was seen
    /// before and kept elsewhere: it must still be part of the chain.
    pub async fn verify_audit(
        &self,
        expected: Option<&AuditHead>,
    ) -> Result<Result<AuditVerified, AuditBreak>, StoreError> {
        let mut head = chain::base(Db::Pool(&self.reader)).await?;
        let first = head.seq + 1;
        let mut entries = 0;
        let mut met = expected.is_none_or(|expected| expected.seq <= head.seq);
        loop {
            let rows = audit::Entity::find()
                .filter(audit::Column::Seq.gt(head.seq))
                .order_by_asc(audit::Column::Seq)
                .limit(STEP)
                .all(&self.reader)
                .await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let entry = match chain::entry(row) {
                    Ok(entry) => entry,
                    Err(StoreError::Damaged { key, .. }) => {
                        return Ok(Err(AuditBreak {
                            seq: key.parse().unwrap_or_default(),
                            why: "it cannot be read".to_owned(),
                        }));
                    }
                    Err(error) => return Err(error),
                };
                if entry.seq != head.seq + 1 {
                    let why = format!(
                        "the entries from {} to {} are missing",
                        head.seq + 1,
                        entry.seq - 1
                    );
                    return Ok(Err(AuditBreak { seq: entry.seq, why }));
                }
                if head.follow(entry.event.clone()) != entry {
                    return Ok(Err(AuditBreak {
                        seq: entry.seq,
                        why: "it, or the entry before it, was changed".to_owned(),
                    }));
                }
                head = AuditHead::from(&entry);
                entries += 1;
                if let Some(expected) = expected
                    && expected.seq == head.seq
                {
                    met = true;
                    if *expected != head {
                        return Ok(Err(AuditBreak {
                            seq: head.seq,
                            why: "it is not the entry that was there before".to_owned(),
                        }));
                    }
                }
            }
        }
        if !met {
            return Ok(Err(AuditBreak {
                seq: head.seq,
                why: "the chain ends here, and entries after it are missing".to_owned(),
            }));
        }
        Ok(Ok(AuditVerified { entries, first, head }))
    }

    /// The end of the chain.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(chain::head(self.point()).await?)
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::{
        AuditEvent, AuditFilter, AuditHead, AuditKind, AuditSubject, Change, RecordedKind,
        audit::subject,
    };
    use sea_orm::ConnectionTrait;

    use super::*;
    use crate::Config;

    async fn store(name: &str) -> Store {
        let folder =
            std::env::temp_dir().join(format!("doorward-audit-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Store::open(&Config::default(), &folder).await.unwrap()
    }

    #[tokio::test]
    async fn a_changed_or_removed_entry_is_found() {
        let store = store("tamper").await;
        let events = (0..20)
            .map(|number| {
                AuditEvent::new(AuditKind::KeyAdded).about(AuditSubject::Key, &number.to_string())
            })
            .collect();
        store.apply(Change::Audit(events)).await.unwrap();
        assert_eq!(store.verify_audit(None).await.unwrap().unwrap().entries, 20);
        let forbidden = store
            .sweeper
            .turn()
            .await
            .execute_unprepared("UPDATE audit SET subject = 'key:x' WHERE seq = 7")
            .await;
        assert!(forbidden.unwrap_err().to_string().contains("append-only"));
        // A user who may change the schema can bypass that, but not the chain.
        store
            .sweeper
            .turn()
            .await
            .execute_unprepared("DROP TRIGGER audit_append_only")
            .await
            .unwrap();
        store
            .sweeper
            .turn()
            .await
            .execute_unprepared("UPDATE audit SET subject = 'key:x' WHERE seq = 7")
            .await
            .unwrap();
        assert_eq!(store.verify_audit(None).await.unwrap().unwrap_err().seq, 7);
        store
            .sweeper
            .turn()
            .await
            .execute_unprepared("UPDATE audit SET subject = 'key:6' WHERE seq = 7")
            .await
            .unwrap();
        assert!(store.verify_audit(None).await.unwrap().is_ok());
        store
            .sweeper
            .turn()
            .await
            .execute_unprepared("DELETE FROM audit WHERE seq = 12")
            .await
            .unwrap();
        let broken = store.verify_audit(None).await.unwrap().unwrap_err();
        assert!(broken.seq == 13 && broken.why.contains("12"), "{broken:?}");
    }

    #[tokio::test]
    async fn entries_of_a_former_version_are_found_under_the_words_of_this_one() {
        let store = store("former").await;
        // A former version recorded `person.added` about `person:u_1`, a hundred times.
        let mut head = AuditHead::default();
        let turn = store.sweeper.turn().await;
        for at in 0..100 {
            let event = AuditEvent::<RecordedKind> {
                kind: RecordedKind::from_stored("person.added".to_owned()),
                subject: format!("person:u_{}", at % 10),
                at: doorward_model::Timestamp(at),
                ..AuditEvent::new(AuditKind::UserAdded).into()
            };
            let entry = head.follow(event);
            head = AuditHead::from(&entry);
            turn.execute_unprepared(&format!(
                "INSERT INTO audit (seq, at, kind, outcome, subject, hash) VALUES ({}, {at}, '{}', 'ok', '{}', '{}')",
                entry.seq,
                entry.event.kind.as_str(),
                entry.event.subject,
                entry.hash
            ))
            .await
            .unwrap();
        }
        drop(turn);
        let added = (0..100).map(|number| {
            AuditEvent::new(AuditKind::UserAdded)
                .about(AuditSubject::User, &format!("u_{}", number % 10))
        });
        store.apply(Change::Audit(added.collect())).await.unwrap();
        assert_eq!(store.verify_audit(None).await.unwrap().unwrap().entries, 200);
        let text = |text: &str| Some(text.to_owned());
        for (filter, expected) in [
            (AuditFilter { kind: text("user.added"), ..AuditFilter::default() }, 200),
            (AuditFilter { kind: text("user."), ..AuditFilter::default() }, 200),
            (AuditFilter { subject: text("user:u_3"), ..AuditFilter::default() }, 20),
            (AuditFilter { concerns: text("u_3"), ..AuditFilter::default() }, 20),
            (
                AuditFilter {
                    kind: text("user.added"),
                    subject: text("user:u_3"),
                    ..AuditFilter::default()
                },
                20,
            ),
        ] {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = store.audit(&filter, before, 7).await.unwrap();
                found.extend(page.entries);
                before = page.before;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found.len(), expected, "{filter:?}");
            assert!(found.iter().all(|entry| entry.event.kind == AuditKind::UserAdded));
            assert!(found.windows(2).all(|pair| pair[0].seq > pair[1].seq), "{filter:?}");
        }
    }

    #[tokio::test]
    async fn pages_are_complete_whichever_condition_leads() {
        let store = store("search").await;
        let event = |number: i64| {
            let mut event = AuditEvent::new(if number % 3 == 0 {
                AuditKind::ToolCalled
            } else {
                AuditKind::SignedIn
            });
            event.subject = subject(AuditSubject::Key, &(number % 7).to_string());
            event.actor.user_id = Some(format!("u_{}", number % 5));
            event.actor.user_name = Some(format!("User {}%", number % 5));
            event.actor.grant_id = (number % 2 == 0).then(|| format!("g_{}", number % 4));
            event.actor.token_id = (number % 2 == 1).then(|| format!("t_{}", number % 9));
            event.actor.session_id = Some(format!("s_{}", number % 11));
            event.address = format!("192.0.2.{}", number % 13);
            if number % 10 == 0 {
                event.subject = subject(AuditSubject::Grant, "g_2");
            }
            event.at = doorward_model::Timestamp(1000 + number);
            event.detail(format!("{{\"Note\":\"N_{}\"}}", number % 6))
        };
        store.apply(Change::Audit((0..1000).map(event).collect())).await.unwrap();
        let all: Vec<(i64, AuditEvent)> =
            (0..1000).map(|number| (number + 1, event(number))).collect();
        let text = |text: &str| Some(text.to_owned());
        for filter in [
            AuditFilter::default(),
            AuditFilter { user_id: text("u_2"), ..AuditFilter::default() },
            AuditFilter {
                user_id: text("u_2"),
                kind: text("tool.called"),
                ..AuditFilter::default()
            },
            AuditFilter {
                subject: text("key:3"),
                kind: text("user."),
                user_id: text("u_1"),
                ..AuditFilter::default()
            },
            AuditFilter {
                outcome: Some(doorward_model::Outcome::Ok),
                kind: text("tool."),
                ..AuditFilter::default()
            },
            AuditFilter {
                since: Some(doorward_model::Timestamp(1400)),
                until: Some(doorward_model::Timestamp(1500)),
                ..AuditFilter::default()
            },
            AuditFilter { grant: text("g_2"), ..AuditFilter::default() },
            AuditFilter { grant: text("g_2"), user_id: text("u_3"), ..AuditFilter::default() },
            AuditFilter { token: text("t_5"), ..AuditFilter::default() },
            AuditFilter { session: text("s_7"), kind: text("tool."), ..AuditFilter::default() },
            AuditFilter { address: text("192.0.2.9"), ..AuditFilter::default() },
            AuditFilter { text: text("n_3"), ..AuditFilter::default() },
            AuditFilter { text: text("uSER 1%"), ..AuditFilter::default() },
            AuditFilter { text: text("user_1"), ..AuditFilter::default() },
            AuditFilter { text: text("\\"), ..AuditFilter::default() },
            AuditFilter { user_id: text("unknown"), ..AuditFilter::default() },
            AuditFilter { concerns: text("u_4"), ..AuditFilter::default() },
        ] {
            let expected: Vec<i64> = all
                .iter()
                .rev()
                .filter(|(_, event)| filter.fits(&event.clone().into()))
                .map(|(seq, _)| *seq)
                .collect();
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = store.audit(&filter, before, 30).await.unwrap();
                found.extend(page.entries.iter().map(|entry| entry.seq));
                before = page.before;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}
