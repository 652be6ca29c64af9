//! Adding users and inviting them.

use doorward_accounts::{Authority, INVITATION_SECONDS, NewAccount, UserError};
use doorward_federation::{Federation, Provider};
use doorward_mail::{Invitation, MailError, MailWriter, PreparedMail};
use doorward_model::{Change, PublicUrl, UnitOfWork, User, routes};
use doorward_store::StoreError;

use crate::{Refusal, Users, users::roles};

/// A user to be added.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The sign-in name.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// A first password, which the user must change at the first sign-in. Without one, and without
    /// an identity provider, the user chooses one by a link.
    pub password: Option<String>,
    /// The password is the user's own, and stays.
    pub keep_password: bool,
    /// The roles.
    pub roles: Vec<String>,
    /// The name of the identity provider through which the user is invited: a sign-in from it with
    /// the verified e-mail address is this user's.
    pub provider: Option<String>,
}

/// The outcome of sending the mail to an invited user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server took it.
    Sent,
    /// None was written: no mail server is set up, or the user has no e-mail address.
    NotWritten,
    /// The mail server did not take it.
    Failed(MailError),
}

/// A user who was added or invited.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The user.
    pub user: User,
    /// The method of the first sign-in.
    pub way: Invitation,
    /// The outcome of sending the mail with the invitation.
    pub mail: MailOutcome,
}

impl Invited {
    /// The URL at which the user chooses a password, where no mail delivered it: the administrator
    /// passes it on. It works once, within seven days.
    pub fn url_to_hand_over(&self) -> Option<&str> {
        match (&self.way, &self.mail) {
            (Invitation::ChoosePassword(_), MailOutcome::Sent)
            | (Invitation::Provider(_) | Invitation::SignIn, _) => None,
            (Invitation::ChoosePassword(url), MailOutcome::NotWritten | MailOutcome::Failed(_)) => {
                Some(url)
            }
        }
    }
}

/// Adds users and sends them their invitations. Cheap to clone.
#[derive(Clone)]
pub struct Invitations {
    pub(crate) users: Users,
    pub(crate) federation: Federation,
    mail_writer: MailWriter,
    public_url: PublicUrl,
}

impl Invitations {
    /// Invitations of these users to the server at `public_url`.
    pub fn new(
        users: Users,
        federation: Federation,
        mail_writer: MailWriter,
        public_url: PublicUrl,
    ) -> Self {
        Self { users, federation, mail_writer, public_url }
    }

    /// Adds a user, whole or not at all, and sends them a mail that says how to sign in: through
    /// the identity provider, with the password that was set, or by a link at which they choose
    /// one.
    pub async fn add(&self, authority: &Authority, new: NewUser) -> Result<Invited, Refusal> {
        let provider = match &new.provider {
            None => None,
            Some(name) => Some(self.provider(name).await?),
        };
        let user = NewAccount {
            name: new.name,
            email: new.email,
            password: new.password,
            password_temporary: !new.keep_password,
            roles: roles(&new.roles)?,
        };
        let user = self.users.accounts.prepare(authority, user).await?;
        let mut unit = UnitOfWork::from_iter([Change::InsertUser(user.clone())]);
        if let Some(provider) = &provider {
            let email = user.email.as_deref().ok_or(Refusal::EmailNeeded)?;
            unit.push(self.federation.invitation(provider, email, &user.id));
        }
        let way = match provider {
            Some(provider) => Invitation::Provider(provider.name.clone()),
            None if user.password.is_none() && self.users.accounts.config().passwords => {
                let link = self.users.accounts.password_link(&user, INVITATION_SECONDS);
                let path = routes::LOGIN_RESET.replace("{secret}", &link);
                Invitation::ChoosePassword(self.public_url.at(&path))
            }
            None => Invitation::SignIn,
        };
        match self.finish(user.clone(), way, unit).await {
            Err(StoreError::Refused(_)) => Err(UserError::Taken(user.name.to_string()).into()),
            finished => Ok(finished?),
        }
    }

    /// Invites a user who was added before to sign in through an identity provider, with `email` or
    /// else their own e-mail address, and sends them a mail.
    pub async fn invite(
        &self,
        _authority: &Authority,
        user: &User,
        provider: &str,
        email: Option<&str>,
    ) -> Result<Invited, Refusal> {
        let provider = self.provider(provider).await?;
        let email = email.or(user.email.as_deref()).ok_or(Refusal::EmailNeeded)?;
        let unit = UnitOfWork::from_iter([self.federation.invitation(&provider, email, &user.id)]);
        let way = Invitation::Provider(provider.name.clone());
        Ok(self.finish(user.clone(), way, unit).await?)
    }

    /// Links a user to an account at an identity provider by the account's subject.
    pub async fn link(
        &self,
        _authority: &Authority,
        user: &User,
        provider: &str,
        subject: &str,
    ) -> Result<(), Refusal> {
        let provider = self.federation.named(provider).await?;
        Ok(self.federation.link_subject(&provider, subject, user).await?)
    }

    /// An identity provider through which users can sign in.
    pub(crate) async fn provider(&self, name: &str) -> Result<std::sync::Arc<Provider>, Refusal> {
        let provider = self.federation.named(name).await?;
        if provider.is_enabled() {
            Ok(provider)
        } else {
            Err(Refusal::ProviderOff(name.to_owned()))
        }
    }

    /// Applies the unit and sends the mail, in a task that a dropped request does not end.
    async fn finish(
        &self,
        user: User,
        way: Invitation,
        unit: UnitOfWork,
    ) -> Result<Invited, StoreError> {
        // The mail is in the language of the request, which the task has not.
        let prepared = self.mail_writer.invitation(&user, &way);
        let store = self.users.store.clone();
        self.users
            .store
            .owned(async move {
                store.apply(unit).await?;
                let mail = match prepared.map(PreparedMail::send) {
                    None => MailOutcome::NotWritten,
                    Some(sent) => match sent.await {
                        Ok(()) => MailOutcome::Sent,
                        Err(error) => MailOutcome::Failed(error),
                    },
                };
                Ok(Invited { user, way, mail })
            })
            .await
    }
}
