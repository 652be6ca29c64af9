//! Verification of the chain of hashes, for operators.

use doorward_model::AuditHead;
use doorward_store::{Store, StoreError};

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The chain is whole.
    Whole {
        /// The number of entries.
        entries: u64,
        /// The number of the first of them.
        first: i64,
        /// Its end as `SEQ:HASH`, to be expected by a later verification.
        head: String,
    },
    /// The chain is broken.
    Broken {
        /// The number of the entry.
        entry: i64,
        /// The reason.
        why: String,
    },
}

/// Reason for which a verification did not take place.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The expected end is not one.
    #[error("{0:?} is not SEQ:HASH")]
    Expected(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn head(text: &str) -> Option<AuditHead> {
    let (seq, hash) = text.split_once(':')?;
    Some(AuditHead { seq: seq.parse().ok()?, hash: hash.to_owned() })
}

/// Verifies the chain from its beginning to its end. An end that was printed before, as `SEQ:HASH`,
/// must still be part of it.
pub async fn verify(store: &Store, expected: Option<&str>) -> Result<Verification, VerifyError> {
    let expected = match expected {
        None => None,
        Some(text) => Some(head(text).ok_or_else(|| VerifyError::Expected(text.to_owned()))?),
    };
    Ok(match store.verify_audit(expected.as_ref()).await? {
        Ok(verified) => Verification::Whole {
            entries: verified.entries,
            first: verified.first,
            head: format!("{}:{}", verified.head.seq, verified.head.hash),
        },
        Err(broken) => Verification::Broken { entry: broken.seq, why: broken.why.clone() },
    })
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn an_end_is_a_number_and_a_hash() {
        assert_eq!(head("7:abc").unwrap().seq, 7);
        assert!(head("7").is_none() && head("x:abc").is_none() && head("").is_none());
    }
}
