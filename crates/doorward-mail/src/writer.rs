//! Letters to users, in the language of the request that causes them.

use std::sync::Arc;

use doorward_language::{Message, text};
use doorward_model::{PublicUrl, User, routes};

use crate::{MailError, Mailer};

/// The method of sign-in in an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// Through the identity provider of this display name.
    Provider(String),
    /// By a password that the user chooses at this URL.
    ChoosePassword(String),
    /// By the password that the administrator set, or through any identity provider.
    SignIn,
}

/// A sign-in from a browser and an IP address that are both new.
#[derive(Clone, Copy, Debug)]
pub struct NewSignIn<'a> {
    /// The moment, as text.
    pub at: &'a str,
    /// The browser's name.
    pub browser: &'a str,
    /// The IP address.
    pub address: &'a str,
}

/// A mail that is ready to be sent.
pub struct PreparedMail {
    mailer: Mailer,
    to: String,
    subject: String,
    text: String,
}

impl PreparedMail {
    /// Sends the mail and waits until the mail server has accepted it.
    pub async fn send(self) -> Result<(), MailError> {
        self.mailer.send(&self.to, self.subject, self.text).await
    }

    /// Sends the mail in the background. A failure is only logged: the response must not reveal the
    /// existence of an e-mail address.
    pub fn send_in_background(self) {
        tokio::spawn(self.send());
    }
}

/// Writes mails in this server's name. Cheap to clone.
#[derive(Clone)]
pub struct MailWriter {
    mailer: Option<Mailer>,
    name: Arc<str>,
    support: Arc<str>,
    public_url: PublicUrl,
}

impl MailWriter {
    /// Letters that `mailer` sends, if there is one. They name the server and the place of its
    /// users' support, if that is not empty.
    pub fn new(mailer: Option<Mailer>, name: &str, support: &str, public_url: PublicUrl) -> Self {
        Self { mailer, name: name.into(), support: support.into(), public_url }
    }

    /// Reports that mails can be sent.
    pub fn are_sent(&self) -> bool {
        self.mailer.is_some()
    }

    /// Reports that users are notified of sign-ins from new browsers and networks.
    pub fn tell_of_sign_ins(&self) -> bool {
        self.mailer.as_ref().is_some_and(Mailer::tells_of_sign_ins)
    }

    /// A mail; `None` without a mail server or an e-mail address.
    fn prepare(
        &self,
        user: &User,
        subject: &Message,
        paragraphs: &[String],
    ) -> Option<PreparedMail> {
        let name = user.display_name.as_deref().unwrap_or(user.name.as_str());
        self.prepare_for(user.email.as_deref()?, name, subject, paragraphs)
    }

    /// A mail to an e-mail address, with the name that the greeting uses; `None` without a mail
    /// server.
    fn prepare_for(
        &self,
        to: &str,
        name: &str,
        subject: &Message,
        paragraphs: &[String],
    ) -> Option<PreparedMail> {
        let (mailer, to) = (self.mailer.clone()?, to.to_owned());
        let greeting = text::mail_greeting(name);
        let mut body = format!(
            "{greeting}\n\n{}\n\n-- \n{}\n{}\n",
            paragraphs.join("\n\n"),
            self.name,
            self.public_url
        );
        if !self.support.is_empty() {
            body = format!("{body}{}\n", text::mail_help(&*self.support));
        }
        Some(PreparedMail { mailer, to, subject: format!("{}: {subject}", self.name), text: body })
    }

    /// A mail to a user about their new account, and how to sign in; `None` without a mail server
    /// or an e-mail address.
    pub fn invitation(&self, user: &User, way: &Invitation) -> Option<PreparedMail> {
        let account = text::mail_invitation_account(&*self.name, user.name.as_str());
        let sign_in = || self.public_url.at(routes::LOGIN);
        let (how, url) = match way {
            Invitation::Provider(name) => (text::mail_invitation_provider(name), sign_in()),
            Invitation::ChoosePassword(url) => {
                (text::mail_invitation_choose_password(), url.clone())
            }
            Invitation::SignIn => (text::mail_invitation_sign_in(), sign_in()),
        };
        let paragraphs = [account.to_string(), how.to_string(), url];
        self.prepare(user, &text::mail_invitation_subject(), &paragraphs)
    }

    /// A mail with the URL at which a user replaces a forgotten password; `None` without a mail
    /// server or an e-mail address.
    pub fn forgotten_password(&self, user: &User, url: String) -> Option<PreparedMail> {
        let request = text::mail_reset_request(user.name.as_str());
        let paragraphs = [request.to_string(), url, text::mail_reset_not_you().to_string()];
        self.prepare(user, &text::mail_reset_subject(), &paragraphs)
    }

    /// A mail that shows that mail arrives; `None` without a mail server.
    pub fn test(&self, to: &str) -> Option<PreparedMail> {
        let paragraphs = [text::mail_test_text().to_string()];
        self.prepare_for(to, to, &text::mail_test_subject(), &paragraphs)
    }

    /// A mail to a user about a sign-in from a browser and an IP address that are both new; `None`
    /// without a mail server or an e-mail address.
    pub fn new_sign_in(&self, user: &User, sign_in: NewSignIn<'_>) -> Option<PreparedMail> {
        let paragraphs = [
            text::mail_new_sign_in_event(user.name.as_str(), sign_in.at).to_string(),
            format!("{}\n{}", sign_in.browser, sign_in.address),
            text::mail_new_sign_in_advice().to_string(),
            self.public_url.at(routes::ACCOUNT),
        ];
        self.prepare(user, &text::mail_new_sign_in_subject(), &paragraphs)
    }
}
