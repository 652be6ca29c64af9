//! The profile of a user as derived from a provider's statements.

use doorward_model::{Change, IdentityId, LinkedIdentity, User, UserName};
use doorward_store::StoreError;

use crate::{
    error::FederationError, external_identity::ExternalIdentity, federation::Federation,
    provider::Provider,
};

/// A sign-in name from a provider's claims: plain characters only, and nothing from an `@` on. A
/// name is not an e-mail address: a user called `boss@acme.test` elsewhere need not hold that
/// mailbox (OpenID Connect Core §5.7).
fn name_from(text: &str) -> Option<UserName> {
    let text = text.split('@').next().unwrap_or_default();
    let plain: String =
        text.chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' }
            })
            .take(56)
            .collect();
    UserName::parse(plain.trim_matches(['-', '.', '_'])).ok()
}

/// The time of a comparison between a user's profile and a provider's statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The user signs in through it: its statements are the newest.
    SignIn,
    /// A background check at the provider.
    Check,
}

/// The change to a user's e-mail address that follows from a provider's statements about one
/// account. The e-mail address that was set from this account follows it, and is removed when the
/// provider no longer vouches for one. The e-mail address of a user with a password, or one that
/// another account vouches for, stays until the user signs in with this account.
pub(crate) fn address_change(
    user: &User,
    id: &IdentityId,
    verified: Option<&str>,
    occasion: Occasion,
) -> Option<Change> {
    let follows = user.email_by.as_ref() == Some(id);
    let email = match verified {
        Some(told) => {
            let takes_over =
                user.password.is_none() && (occasion == Occasion::SignIn || user.email.is_none());
            let news = user.email.as_deref() != Some(told) || !follows;
            ((follows || takes_over) && news).then(|| Some(told.to_owned()))
        }
        None => follows.then_some(None),
    }?;
    Some(Change::FollowAddress { user_id: user.id.clone(), identity: id.clone(), email })
}

impl Federation {
    /// Changes of a user's profile that follow from a provider's statements. No decision depends on
    /// a name, and one on an e-mail address only on the provider that vouches for it.
    pub(crate) async fn profile_changes(
        &self,
        arrival: &ExternalIdentity,
        known: &LinkedIdentity,
        user: &User,
        occasion: Occasion,
    ) -> Result<Vec<Change>, StoreError> {
        let mut changes: Vec<Change> =
            address_change(user, &known.id, arrival.verified_email(), occasion)
                .into_iter()
                .collect();
        // A user with a password chose their name here; for all others the provider's statements
        // are the newest.
        if user.password.is_some() {
            return Ok(changes);
        }
        if arrival.display_name.is_some() && arrival.display_name != user.display_name {
            changes.push(Change::SetProfile {
                user_id: user.id.clone(),
                email: None,
                display_name: arrival.display_name.clone(),
            });
        }
        // A name that an administrator gave stays. Older versions took names with `@` from
        // providers.
        let made_here = known.created_at != user.created_at;
        let news = arrival.username.as_deref() != known.username.as_deref()
            || user.name.as_str().contains('@');
        if made_here || !news {
            return Ok(changes);
        }
        let told = arrival.username.as_deref().or(arrival.verified_email()).and_then(name_from);
        if let Some(name) = told.filter(|name| *name != user.name)
            && self.inner.services.store.user_named(&name).await?.is_none()
        {
            changes.push(Change::RenameUser { user_id: user.id.clone(), name });
        }
        Ok(changes)
    }

    /// A sign-in name that is free: the user name at the provider, else the part of the e-mail
    /// address before the `@`, else the provider's name; with a number if needed.
    pub(crate) async fn free_name(
        &self,
        provider: &Provider,
        arrival: &ExternalIdentity,
    ) -> Result<UserName, FederationError> {
        let told = arrival
            .username
            .as_deref()
            .and_then(name_from)
            .or_else(|| arrival.email.as_deref().and_then(name_from));
        let base = told.or_else(|| name_from(provider.id.as_str())).ok_or_else(|| {
            FederationError::Untrusted("no sign-in name can be derived from the claims".to_owned())
        })?;
        for number in 1..1000 {
            let text = if number == 1 { base.to_string() } else { format!("{base}-{number}") };
            let Ok(name) = UserName::parse(&text) else { break };
            if self.inner.services.store.user_named(&name).await?.is_none() {
                return Ok(name);
            }
        }
        Err(FederationError::Untrusted("no free name was found".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::name_from;

    #[test]
    fn names_from_providers_become_plain() {
        for (told, name) in [
            ("Ada.Lovelace", "ada.lovelace"),
            ("ada@example.com", "ada"),
            ("boss@acme.test@evil.example", "boss"),
            ("Zoë <b>", "zo---b"),
            ("--x--", "x"),
            ("\u{202e}abc", "abc"),
        ] {
            assert_eq!(name_from(told).unwrap().as_str(), name, "{told}");
        }
        assert!(name_from("日本").is_none() && name_from("@acme.test").is_none());
    }
}
