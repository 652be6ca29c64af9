//! The tokens of the model that one request may cost: they are taken before each time that it is
//! sent, so that a request that is repeated counts as often as it was sent.

use crate::{Ledger, Unavailable};

/// The tokens of a request.
pub(crate) struct Spending<'a> {
    ledger: &'a dyn Ledger,
    /// Those of the request, estimated.
    sent: i64,
    /// Those that are taken before it is sent.
    reserved: i64,
}

impl<'a> Spending<'a> {
    /// The tokens of a request of so many bytes, and of its answer.
    pub(crate) fn new(ledger: &'a dyn Ledger, bytes: usize, answer_tokens: u32) -> Self {
        // A token has about four bytes.
        let sent = i64::try_from(bytes / 4).unwrap_or(i64::MAX);
        Self { ledger, sent, reserved: sent.saturating_add(answer_tokens.into()) }
    }

    /// Takes the tokens before the request is sent; false if the user has none left.
    pub(crate) async fn reserve(&self) -> Result<bool, Unavailable> {
        self.ledger.reserve(self.reserved).await
    }

    /// Notes what was used in the end.
    pub(crate) async fn end(&self, used: i64) {
        self.ledger.settle(used.saturating_sub(self.reserved)).await;
    }

    /// Notes that the endpoint failed after it may have begun: what it counts is not known.
    pub(crate) async fn end_in_failure(&self) {
        self.end(self.sent).await;
    }

    /// The tokens of the request and of so many bytes of a reply.
    pub(crate) fn sent_and(&self, told: usize) -> i64 {
        self.sent.saturating_add(i64::try_from(told / 4).unwrap_or(i64::MAX))
    }
}
