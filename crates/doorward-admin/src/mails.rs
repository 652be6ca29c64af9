//! The test mail.

use doorward_accounts::checked_email;
use doorward_mail::{MailError, MailWriter};
use doorward_model::{AuditEvent, AuditKind};
use doorward_store::Store;

use crate::Refusal;

/// Sends test mails. Cheap to clone.
#[derive(Clone)]
pub struct Mails {
    store: Store,
    mail_writer: MailWriter,
}

impl Mails {
    /// Test mails by this writer.
    pub fn new(store: Store, mail_writer: MailWriter) -> Self {
        Self { store, mail_writer }
    }

    /// Reports that a mail server is set up.
    pub fn are_sent(&self) -> bool {
        self.mail_writer.are_sent()
    }

    /// Sends a test mail and waits until the mail server has accepted it, by a task that a dropped
    /// request does not end. Answers the e-mail address.
    pub async fn test(&self, to: &str) -> Result<String, Refusal> {
        // The mail is in the language of the request, which the task is not.
        let to = checked_email(to)?;
        let prepared = self.mail_writer.test(&to).ok_or(Refusal::NoMailServer)?;
        let store = self.store.clone();
        self.store
            .owned(async move {
                prepared.send().await.map_err(Refusal::MailNotSent)?;
                store.note(AuditEvent::new(AuditKind::TestMailSent)).await?;
                Ok(to)
            })
            .await
    }
}

/// The code of a mail that was not sent.
pub(crate) fn code(error: &MailError) -> crate::Code {
    match error {
        MailError::Recipient => crate::Code::InvalidEmail,
        MailError::Unwritable(_) | MailError::Server(_) => crate::Code::MailNotSent,
    }
}
