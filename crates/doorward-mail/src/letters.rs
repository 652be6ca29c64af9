//! Letters to users, in the language of the request that causes them.

use std::sync::Arc;

use doorward_language::Language;
use doorward_model::{Person, PublicUrl, routes};

use crate::{MailError, Mailer};

/// A text in the language of the request, with its gaps filled.
fn written(text: &str, gaps: &[&str]) -> String {
    let text = Language::current().say(text);
    let mut parts = text.split("{}");
    let mut written = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        written.push_str(gaps.get(at).copied().unwrap_or_default());
        written.push_str(part);
    }
    written
}

/// The way in that an invitation tells.
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

/// A letter that is ready to be sent.
pub struct Letter {
    mailer: Mailer,
    to: String,
    subject: String,
    text: String,
}

impl Letter {
    /// Sends the letter and waits until the mail server has taken it.
    pub async fn send(self) -> Result<(), MailError> {
        self.mailer.send(&self.to, self.subject, self.text).await
    }

    /// Sends the letter in the background. That it failed is for the log: who asked for it must not
    /// learn whether an e-mail address exists.
    pub fn send_in_background(self) {
        tokio::spawn(self.send());
    }
}

/// Writes letters in this server's name. Cheap to clone.
#[derive(Clone)]
pub struct Letters {
    mailer: Option<Mailer>,
    name: Arc<str>,
    support: Arc<str>,
    public_url: PublicUrl,
}

impl Letters {
    /// Letters that `mailer` sends, if there is one. They name the server and the place of its
    /// users' support, if that is not empty.
    pub fn new(mailer: Option<Mailer>, name: &str, support: &str, public_url: PublicUrl) -> Self {
        Self { mailer, name: name.into(), support: support.into(), public_url }
    }

    /// Reports that letters can be sent.
    pub fn are_sent(&self) -> bool {
        self.mailer.is_some()
    }

    /// Reports that users are told of sign-ins from somewhere new.
    pub fn tell_of_sign_ins(&self) -> bool {
        self.mailer.as_ref().is_some_and(Mailer::tells_of_sign_ins)
    }

    /// A letter; `None` without a mail server or an e-mail address.
    fn letter(&self, user: &Person, subject: &str, paragraphs: &[String]) -> Option<Letter> {
        let (mailer, to) = (self.mailer.clone()?, user.email.clone()?);
        let greeting =
            written("Hello {},", &[user.display_name.as_deref().unwrap_or(user.name.as_str())]);
        let mut text = format!(
            "{greeting}\n\n{}\n\n-- \n{}\n{}\n",
            paragraphs.join("\n\n"),
            self.name,
            self.public_url
        );
        if !self.support.is_empty() {
            text = format!("{text}{}\n", written("Help: {}", &[&self.support]));
        }
        Some(Letter { mailer, to, subject: format!("{}: {subject}", self.name), text })
    }

    /// A letter that tells a user of their new account, and how to sign in; `None` without a mail
    /// server or an e-mail address.
    pub fn invitation(&self, user: &Person, way: &Invitation) -> Option<Letter> {
        let welcome = written(
            "there is an account for you at {}. Your sign-in name is {}.",
            &[&self.name, user.name.as_str()],
        );
        let sign_in = || self.public_url.at(routes::LOGIN);
        let (how, url) = match way {
            Invitation::Provider(name) => (written("Sign in with {}:", &[name]), sign_in()),
            Invitation::ChoosePassword(url) => (
                written("Choose a password here within seven days; the link works once:", &[]),
                url.clone(),
            ),
            Invitation::SignIn => (written("Sign in here:", &[]), sign_in()),
        };
        self.letter(user, &written("You are invited", &[]), &[welcome, how, url])
    }

    /// A letter with the URL at which a user replaces a forgotten password; `None` without a mail
    /// server or an e-mail address.
    pub fn forgotten_password(&self, user: &Person, url: String) -> Option<Letter> {
        let paragraphs = [
            written(
                "Somebody, probably you, asked to set a new password for {}. Do so here within the hour; the link works once:",
                &[user.name.as_str()],
            ),
            url,
            written("If it was not you, do nothing: your password stays as it is.", &[]),
        ];
        self.letter(user, &written("Set a new password", &[]), &paragraphs)
    }

    /// A letter that tells a user of a sign-in from a browser and an IP address that are both new;
    /// `None` without a mail server or an e-mail address.
    pub fn new_sign_in(&self, user: &Person, sign_in: NewSignIn<'_>) -> Option<Letter> {
        let paragraphs = [
            written(
                "somebody signed in as {} from somewhere new, at {}:",
                &[user.name.as_str(), sign_in.at],
            ),
            format!("{}\n{}", sign_in.browser, sign_in.address),
            written(
                "If it was you, there is nothing to do. If not, end that session and change your password:",
                &[],
            ),
            self.public_url.at(routes::ACCOUNT),
        ];
        self.letter(user, &written("A new sign-in", &[]), &paragraphs)
    }
}
