//! Writes mails to users and passes them to the mail server that the operator names. The only crate
//! that names `lettre`. Without a mail server, no feature that needs mail is offered.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod mailer;
mod writer;

pub use mailer::{MailConfig, MailError, MailSetupError, Mailer};
pub use writer::{Invitation, MailWriter, NewSignIn, PreparedMail};
