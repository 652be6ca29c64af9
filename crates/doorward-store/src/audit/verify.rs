//! Checks the chain from its beginning to its end.

use doorward_model::AuditHead;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::chain;
use crate::{Store, StoreError, entities::audit};

/// How many entries are read at a time.
const STEP: u64 = 5000;

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerified {
    /// How many entries were checked.
    pub entries: u64,
    /// The first entry's number.
    pub first: i64,
    /// The last entry. Kept elsewhere, it shows later that nothing was cut off the end.
    pub head: AuditHead,
}

/// Where the chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBreak {
    /// The entry that does not fit.
    pub seq: i64,
    /// What is wrong with it.
    pub why: String,
}

impl Store {
    /// Checks every entry against its hash and its neighbour. `expected` is an end that was seen before and kept elsewhere: it must still
    /// be part of the chain.
    pub async fn verify_audit(&self, expected: Option<&AuditHead>) -> Result<Result<AuditVerified, AuditBreak>, StoreError> {
        let mut head = chain::base(&self.reader).await?;
        let first = head.seq + 1;
        let mut entries = 0;
        let mut met = expected.is_none_or(|expected| expected.seq <= head.seq);
        loop {
            let rows = audit::Entity::find().filter(audit::Column::Seq.gt(head.seq)).order_by_asc(audit::Column::Seq).limit(STEP).all(&self.reader).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let entry = match chain::entry(row) {
                    Ok(entry) => entry,
                    Err(StoreError::Damaged { key, .. }) => {
                        return Ok(Err(AuditBreak { seq: key.parse().unwrap_or_default(), why: "it cannot be read".to_owned() }));
                    }
                    Err(error) => return Err(error),
                };
                if entry.seq != head.seq + 1 {
                    let why = format!("the entries from {} to {} are missing", head.seq + 1, entry.seq - 1);
                    return Ok(Err(AuditBreak { seq: entry.seq, why }));
                }
                if head.follow(entry.event.clone()) != entry {
                    return Ok(Err(AuditBreak { seq: entry.seq, why: "it, or the entry before it, was changed".to_owned() }));
                }
                head = AuditHead::from(&entry);
                entries += 1;
                if let Some(expected) = expected
                    && expected.seq == head.seq
                {
                    met = true;
                    if *expected != head {
                        return Ok(Err(AuditBreak { seq: head.seq, why: "it is not the entry that was there before".to_owned() }));
                    }
                }
            }
        }
        if !met {
            return Ok(Err(AuditBreak { seq: head.seq, why: "the chain ends here, and entries after it are missing".to_owned() }));
        }
        Ok(Ok(AuditVerified { entries, first, head }))
    }

    /// The end of the chain.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(chain::head(&self.reader).await?)
    }
}
