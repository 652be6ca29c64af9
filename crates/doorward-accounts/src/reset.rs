//! Links by which a user sets a password without knowing one: after an invitation, or because
//! they forgot it.
//!
//! A link is sealed and kept nowhere. It names the user and a fingerprint of their present
//! password and e-mail address, so that it ends with the next change of either; being disabled ends
//! it too. All links that replace the same password are spent as one, in the unit that sets the new
//! one: of two that are used in the same moment one counts.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{Change, Expected, Sealed, Timestamp, UnitOfWork, User, UserId, UserName};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::{Accounts, UserError};

/// Time that a link for a forgotten password works, in seconds.
pub const RESET_SECONDS: i64 = 3_600;
/// Time that an invitation's link works, in seconds.
pub const INVITATION_SECONDS: i64 = 7 * 86_400;
/// The shortest time between two mails to a user about a forgotten password, in seconds, regardless
/// of the requesting client.
const MAIL_PAUSE: i64 = 300;
/// The purpose for which links are sealed.
const PLACE: &str = "password-link";

/// The contents of a link.
#[derive(Serialize, Deserialize)]
struct PasswordLink {
    user_id: String,
    made_at: i64,
    expires_at: i64,
    /// A fingerprint of the password that it replaces, and the e-mail address that it was sent to.
    replaces: String,
}

impl Accounts {
    /// A mark that distinguishes password hashes and e-mail addresses and reveals nothing else.
    fn fingerprint(&self, user: &User) -> String {
        let hash = user
            .password
            .as_ref()
            .map(doorward_model::secret::HashedPassword::as_str)
            .unwrap_or_default();
        let email = user.email.as_deref().unwrap_or_default().to_lowercase();
        URL_SAFE_NO_PAD
            .encode(self.master.mac("password-link", &[hash.as_bytes(), email.as_bytes()]))
    }

    /// The secret of a link by which this user sets a password within so many seconds.
    pub fn password_link(&self, user: &User, seconds: i64) -> String {
        let now = self.clock.now();
        let (user_id, replaces) = (user.id.to_string(), self.fingerprint(user));
        let link =
            PasswordLink { user_id, made_at: now.0, expires_at: now.plus(seconds).0, replaces };
        let plain = serde_json::to_vec(&link).unwrap_or_default();
        self.master.seal(PLACE, &plain).as_str().to_owned()
    }

    /// The users to whom a mail about a forgotten password is sent, each to their own e-mail
    /// address: the user with this sign-in name, and the only user with a password and this e-mail
    /// address. Both count, so that a user's mail is not suppressed by a sign-in name that another
    /// user chose. No user gets a second mail within five minutes.
    pub async fn forgot_password(&self, asked: &str) -> Result<Vec<Arc<User>>, StoreError> {
        let asked = asked.trim();
        let fits = |user: &User| {
            user.disabled_at.is_none() && user.password.is_some() && user.email.is_some()
        };
        let mut found = Vec::new();
        if asked.contains('@') {
            let mut holders: Vec<User> =
                self.store.users_with_email(asked).await?.into_iter().filter(fits).collect();
            // An e-mail address that two users share does not identify one of them.
            if holders.len() == 1 {
                found.append(&mut holders);
            }
        }
        if let Ok(name) = UserName::parse(asked) {
            found.extend(
                self.store
                    .user_named(&name)
                    .await?
                    .filter(fits)
                    .filter(|user| found.iter().all(|known| known.id != user.id)),
            );
        }
        let mut told = Vec::with_capacity(found.len());
        for user in found {
            if self.may_be_told(&user).await? {
                told.push(Arc::new(user));
            }
        }
        Ok(told)
    }

    /// True if the user got no mail about a forgotten password lately. They count as notified from
    /// now on.
    async fn may_be_told(&self, user: &User) -> Result<bool, StoreError> {
        let turn = self.clock.now().0.div_euclid(MAIL_PAUSE);
        let once = Change::SpendValue {
            key: format!("password-mail:{}:{turn}", user.id),
            expires_at: Timestamp((turn + 1) * MAIL_PAUSE),
        };
        match self.store.apply(once).await {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a link: the user, and the change that spends it.
    async fn open_password_link(&self, secret: &str) -> Result<(Arc<User>, Change), UserError> {
        let plain = self
            .master
            .open(PLACE, &Sealed::from_stored(secret.to_owned()))
            .map_err(|_| UserError::Link)?;
        let link: PasswordLink = serde_json::from_slice(&plain).map_err(|_| UserError::Link)?;
        let user = self
            .store
            .user(&UserId::from_text(link.user_id))
            .await?
            .filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(UserError::Link)?;
        let ended = user.links_after.is_some_and(|after| link.made_at <= after.0);
        if ended
            || self.clock.now().0 >= link.expires_at
            || link.replaces != self.fingerprint(&user)
        {
            return Err(UserError::Link);
        }
        let key = format!("password-link:{}:{}", user.id, link.replaces);
        // Kept for longer than the longest link works: others for the same password may expire
        // later than this one.
        Ok((
            user,
            Change::SpendValue { key, expires_at: self.clock.now().plus(INVITATION_SECONDS) },
        ))
    }

    /// The user who may set a password by this link. Reading does not use the link.
    pub async fn password_link_of(&self, secret: &str) -> Result<Arc<User>, UserError> {
        Ok(self.open_password_link(secret).await?.0)
    }

    /// Sets a password by a link, which works once. All sessions and grants of the user end (ASVS
    /// 7.4.3), and second factors stay.
    pub async fn set_password_by_link(
        &self,
        secret: &str,
        text: String,
    ) -> Result<Arc<User>, UserError> {
        let (user, spend) = self.open_password_link(secret).await?;
        // Possession of the link is the authorization; its validity is checked in the same unit of
        // work as the change.
        let mut unit = UnitOfWork::from_iter([
            spend,
            Change::Expect { object: Expected::User(user.id.clone()), etag: user.etag() },
        ]);
        for change in self.new_password(&user, text, None).await?.changes() {
            unit.push(change.clone());
        }
        match self.store.apply(unit).await {
            Ok(()) => {
                tracing::info!(user = %user.id, "password set by a link");
                Ok(user)
            }
            Err(StoreError::Refused(_)) => Err(UserError::Link),
            Err(error) => Err(error.into()),
        }
    }
}
