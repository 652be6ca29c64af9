//! Mail over SMTP, where the operator set it up. Otherwise no feature that needs mail is offered.

use std::{sync::Arc, time::Duration};

use doorward_model::SecretSetting;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::authentication::Credentials,
};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Time that one message may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Mail over SMTP: invitations, forgotten passwords, notices of sign-ins from a new browser and IP
/// address.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// The server: `smtps://USER@HOST:465`, or `smtp://USER@HOST:587`, which must offer STARTTLS
    /// unless it is on this machine. Empty sends no mail.
    pub url: String,
    /// The password of the user at the mail server. Prefer the variable's `_FILE` form to the
    /// configuration file.
    pub password: SecretSetting,
    /// The sender, such as `Doorward <doorward@example.com>`.
    pub from: String,
    /// True if users get a mail about a sign-in to their account from a new browser and a new IP
    /// address.
    pub new_sign_in: bool,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            password: SecretSetting::default(),
            from: String::new(),
            new_sign_in: true,
        }
    }
}

/// Settings that cannot work: the key below `mail`, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mail.{key}: {message}")]
pub struct MailSetupError {
    /// The key.
    pub key: &'static str,
    /// The problem and its solution.
    pub message: String,
}

/// Reason for which a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The e-mail address cannot be transmitted to the mail server.
    #[error("the e-mail address cannot be written to")]
    Recipient,
    /// The message could not be made.
    #[error("the mail could not be written: {0}")]
    Unwritable(String),
    /// The mail server did not take it.
    #[error("the mail server did not accept the mail: {0}")]
    Server(String),
}

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Arc<Mailbox>,
    new_sign_in: bool,
}

impl Mailer {
    /// Sets up the configured mail server; `None` where none is configured.
    ///
    /// # Errors
    ///
    /// If the URL of the server or the e-mail address of the sender is invalid.
    pub fn new(config: &MailConfig) -> Result<Option<Self>, MailSetupError> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let wrong =
            |key: &'static str, message: &str| MailSetupError { key, message: message.to_owned() };
        let url = Url::parse(&config.url)
            .map_err(|_| wrong("url", "must be smtps://USER@HOST:465 or smtp://USER@HOST:587"))?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| wrong("url", "names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // The URL is shown among the settings.
        if url.password().is_some() {
            return Err(wrong(
                "url",
                "must not contain the password; put it into mail.password, or a file named by \
                 DOORWARD_MAIL__PASSWORD_FILE",
            ));
        }
        let from: Mailbox = config.from.parse().map_err(|_| {
            wrong("from", "must be a sender such as Doorward <doorward@example.com>")
        })?;
        let loopback = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let builder = match url.scheme() {
            "smtps" => AsyncSmtpTransport::<Tokio1Executor>::relay(host),
            "smtp" if loopback => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)),
            "smtp" => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host),
            _ => return Err(wrong("url", "must begin with smtps:// or smtp://")),
        };
        let mut builder =
            builder.map_err(|error| wrong("url", &error.to_string()))?.timeout(Some(TIMEOUT));
        if let Some(port) = url.port() {
            builder = builder.port(port);
        }
        if !url.username().is_empty() {
            // Many servers use an e-mail address as the user name; its @ must be percent-encoded in
            // a URL.
            let user = percent_decode_str(url.username())
                .decode_utf8()
                .map_err(|_| wrong("url", "names a user that is not text"))?;
            builder = builder.credentials(Credentials::new(
                user.into_owned(),
                config.password.reveal().to_owned(),
            ));
        }
        Ok(Some(Self {
            transport: builder.build(),
            from: Arc::new(from),
            new_sign_in: config.new_sign_in,
        }))
    }

    /// Reports that users are notified of sign-ins from new browsers and networks.
    pub(crate) fn tells_of_sign_ins(&self) -> bool {
        self.new_sign_in
    }

    /// Sends a message and waits until the mail server has accepted it. A failure is logged too.
    pub(crate) async fn send(
        &self,
        to: &str,
        subject: String,
        text: String,
    ) -> Result<(), MailError> {
        let sent = self.deliver(to, subject, text).await;
        match &sent {
            Ok(()) => tracing::info!("mail sent"),
            Err(error) => tracing::error!(%error, "a mail could not be sent"),
        }
        sent
    }

    /// Connects to the mail server and signs in there, without sending anything.
    pub async fn check(&self) -> Result<(), MailError> {
        match tokio::time::timeout(TIMEOUT, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(MailError::Server("it does not respond".to_owned())),
            Ok(Err(error)) => Err(MailError::Server(error.to_string())),
            Err(_) => Err(MailError::Server(format!("no response within {} s", TIMEOUT.as_secs()))),
        }
    }

    async fn deliver(&self, to: &str, subject: String, text: String) -> Result<(), MailError> {
        let to = to.parse::<Mailbox>().map_err(|_| MailError::Recipient)?;
        let message = Message::builder()
            .from(self.from.as_ref().clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|error| MailError::Unwritable(error.to_string()))?;
        // The library's own limit does not cover a server that accepts the connection and does not
        // respond.
        match tokio::time::timeout(TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MailError::Server(error.to_string())),
            Err(_) => Err(MailError::Server(format!(
                "it did not accept the mail within {} s",
                TIMEOUT.as_secs()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_reported_with_their_key() {
        let wrong = |url: &str, from: &str| {
            Mailer::new(&MailConfig {
                url: url.to_owned(),
                from: from.to_owned(),
                ..MailConfig::default()
            })
            .err()
            .unwrap()
            .key
        };
        assert_eq!(wrong("mail.example.com", "a@b.example"), "url");
        assert_eq!(wrong("http://mail.example.com", "a@b.example"), "url");
        assert_eq!(wrong("smtps://me:secret@mail.example.com", "a@b.example"), "url");
        assert_eq!(wrong("smtps://%ff@mail.example.com", "a@b.example"), "url");
        assert_eq!(wrong("smtps://mail.example.com", "invalid"), "from");
        assert!(Mailer::new(&MailConfig::default()).unwrap().is_none());
    }
}
