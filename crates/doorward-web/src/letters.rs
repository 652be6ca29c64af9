//! What is written to people by mail, in the language of whoever caused it.

use doorward_accounts::{INVITATION_SECONDS, RESET_SECONDS, SignedIn};
use doorward_model::{Person, routes};

use crate::{
    Web,
    frame::{browser_name, moment},
    language::Language,
};

/// A text with its gaps filled, in this language.
fn written(language: Language, text: &str, gaps: &[&str]) -> String {
    let text = language.say(text);
    let mut parts = text.split("{}");
    let mut written = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        written.push_str(gaps.get(at).copied().unwrap_or_default());
        written.push_str(part);
    }
    written
}

impl Web {
    /// Whether a forgotten password can be replaced by a mail.
    pub(crate) fn sends_resets(&self) -> bool {
        self.parts.mail.is_some() && self.parts.accounts.config().passwords
    }

    fn letter(&self, person: &Person, language: Language, subject: &str, paragraphs: &[String]) {
        let (Some(mail), Some(address)) = (&self.parts.mail, &person.email) else { return };
        let greeting = written(
            language,
            "Hello {},",
            &[person.display_name.as_deref().unwrap_or(person.name.as_str())],
        );
        let name = &self.parts.config.name;
        let mut text = format!(
            "{greeting}\n\n{}\n\n-- \n{name}\n{}\n",
            paragraphs.join("\n\n"),
            self.parts.public_url
        );
        if !self.parts.config.support.is_empty() {
            text =
                format!("{text}{}\n", written(language, "Help: {}", &[&self.parts.config.support]));
        }
        mail.send(address, format!("{name}: {}", language.say(subject)), text);
    }

    fn password_address(&self, person: &Person, seconds: i64) -> String {
        let link = self.parts.accounts.password_link(person, seconds);
        self.at(&routes::LOGIN_RESET.replace("{token}", &link))
    }

    /// Sends the link for a forgotten password, if there is somebody to send it to. Runs in the
    /// background, so that the answer takes the same time whether or not there is.
    pub(crate) fn send_reset(&self, asked: String) {
        let (web, language) = (self.clone(), Language::current());
        tokio::spawn(async move {
            let people = match web.parts.accounts.forgot_password(&asked).await {
                Ok(people) => people,
                Err(error) => {
                    tracing::error!(%error, "a mail about a forgotten password could not be sent");
                    return;
                }
            };
            for person in people {
                let paragraphs = [
                    written(
                        language,
                        "Somebody, probably you, asked to set a new password for {}. Do so here within the hour; the link works once:",
                        &[person.name.as_str()],
                    ),
                    web.password_address(&person, RESET_SECONDS),
                    written(
                        language,
                        "If it was not you, do nothing: your password stays as it is.",
                        &[],
                    ),
                ];
                web.letter(&person, language, "Set a new password", &paragraphs);
            }
        });
    }

    /// Tells somebody that an account was made for them, and how they come in: by a link to set a
    /// password, or through a provider. Sends nothing where there is no mail or no address.
    pub fn send_invitation(&self, person: &Person, provider: Option<&str>) {
        let language = Language::current();
        let welcome = written(
            language,
            "there is an account for you at {}. Your sign-in name is {}.",
            &[&self.parts.config.name, person.name.as_str()],
        );
        let way = match provider {
            Some(provider) => {
                [written(language, "Sign in with {}:", &[provider]), self.at(routes::LOGIN)]
            }
            None if person.password.is_none() && self.parts.accounts.config().passwords => [
                written(
                    language,
                    "Choose a password here within seven days; the link works once:",
                    &[],
                ),
                self.password_address(person, INVITATION_SECONDS),
            ],
            None => [written(language, "Sign in here:", &[]), self.at(routes::LOGIN)],
        };
        let [how, address] = way;
        self.letter(person, language, "You are invited", &[welcome, how, address]);
    }

    /// Tells a person that somebody signed in as them from a browser and an address that are both
    /// new.
    pub(crate) fn tell_of_sign_in(&self, signed_in: &SignedIn) {
        if !signed_in.complete
            || signed_in.person.email.is_none()
            || !self
                .parts
                .mail
                .as_ref()
                .is_some_and(doorward_transport::mail::Mailer::tells_of_sign_ins)
        {
            return;
        }
        let (web, language, person, token) =
            (self.clone(), Language::current(), signed_in.person.clone(), signed_in.token.clone());
        tokio::spawn(async move {
            let session = match web.parts.accounts.new_place(&token).await {
                Ok(Some(session)) => session,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "a mail about a sign-in could not be sent");
                    return;
                }
            };
            let paragraphs = [
                written(
                    language,
                    "somebody signed in as {} from somewhere new, at {}:",
                    &[person.name.as_str(), &moment(session.auth_time)],
                ),
                format!("{}\n{}", browser_name(&session.user_agent), session.address),
                written(
                    language,
                    "If it was you, there is nothing to do. If not, end that session and change your password:",
                    &[],
                ),
                web.at(routes::ACCOUNT),
            ];
            web.letter(&person, language, "A new sign-in", &paragraphs);
        });
    }
}
