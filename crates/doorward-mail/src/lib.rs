//! Writes mails to users and passes them to the mail server that the operator names. The only crate
//! that names `lettre`. Without a mail server, no feature that needs mail is offered.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod letters;
mod mailer;

pub use letters::{Invitation, Letter, Letters, NewSignIn};
pub use mailer::{MailConfig, MailError, MailSetupError, Mailer};
