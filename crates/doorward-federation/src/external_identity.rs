//! A user who arrives from an identity provider, as read from its responses.

use doorward_model::{Authentication, IdentityId, Level, ProviderId, Role, Timestamp, foreign};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    claims::{self, ClaimNames, Subject},
    error::FederationError,
    protocol::{Authenticated, Credential, ProviderAnswer, SignInOptions},
    provider::Provider,
};

/// By how many seconds a user's authentication may be older than requested.
const OLDER: i64 = 60;

/// The user's aim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInPurpose {
    /// The sealed authorization request of a client, to be resumed.
    pub request: Option<String>,
    /// The page to go to otherwise.
    pub next: Option<String>,
    /// The user who links the account to their own, as a `sub`.
    pub link: Option<String>,
}

/// A user who arrives from an identity provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalIdentity {
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// The key of the account at the identity provider, once it was recognised.
    #[serde(default)]
    pub(crate) key: String,
    pub(crate) username: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    /// The provider made a statement about an e-mail address, possibly that there is none.
    #[serde(default)]
    pub(crate) email_told: bool,
    pub(crate) display_name: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: Value,
    pub(crate) credential: Option<Credential>,
    pub(crate) amr: Vec<String>,
    pub(crate) multi_factor: bool,
    pub(crate) auth_time: i64,
    /// The provider's own session.
    pub sid: Option<String>,
    /// The ID token, where the provider requires it at sign-out.
    pub id_token: Option<String>,
    /// The user's aim.
    pub purpose: SignInPurpose,
}

impl ExternalIdentity {
    /// The key of the account at the identity provider.
    pub fn identity(&self) -> IdentityId {
        if self.key.is_empty() {
            IdentityId::of(&self.issuer, &self.subject)
        } else {
            IdentityId::from_stored(self.key.clone())
        }
    }
    /// The provider.
    pub fn provider(&self) -> ProviderId {
        ProviderId::from_stored(self.provider.clone())
    }
    /// The user's authentication at the identity provider.
    pub fn authentication(&self) -> Authentication {
        Authentication {
            level: if self.multi_factor { Level::MultiFactor } else { Level::SingleFactor },
            amr: self.amr.clone(),
        }
    }
    /// The moment of that authentication.
    pub fn auth_time(&self) -> Timestamp {
        Timestamp(self.auth_time)
    }
    /// True if the provider stated this claim, by the word of the rules: `groups` and `email` mean
    /// the claims that hold them.
    pub(crate) fn tells(&self, claim: &str, names: &ClaimNames) -> bool {
        let claim = match claim {
            "groups" => &names.groups,
            "email" => &names.email,
            other => other,
        };
        claims::is_told(&self.claims, claim)
    }
    /// The e-mail address, if the provider vouches for it.
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.email_verified)
    }
    /// The facts that rules examine.
    pub(crate) fn as_subject(&self) -> Subject<'_> {
        Subject {
            claims: &self.claims,
            groups: &self.groups,
            verified_email: self.verified_email(),
        }
    }
    /// The name of the account for users: the e-mail address, else the user name, else the display
    /// name, else the subject.
    pub fn shown(&self) -> &str {
        self.email
            .as_deref()
            .or(self.username.as_deref())
            .or(self.display_name.as_deref())
            .unwrap_or(&self.subject)
    }
}

/// A display name: one line of at most 100 visible characters. `None` without visible characters.
fn short(text: &str) -> Option<String> {
    Some(foreign::line(text, 100).into_owned()).filter(|name| !name.is_empty())
}

/// Reports an e-mail address of a plain form.
fn is_address(email: &str) -> bool {
    let one = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    one && email.len() <= 254 && !email.contains(char::is_whitespace) && !foreign::has_hidden(email)
}

/// A list of short words.
fn words(claims: &Value, name: &str) -> Vec<String> {
    claims::list(claims, name)
        .into_iter()
        .filter(|word| word.len() <= 128 && word.chars().all(|letter| letter.is_ascii_graphic()))
        .take(16)
        .collect()
}

impl Provider {
    /// Reads a user out of claims. Claims that are not used may be of any type; used ones that
    /// cannot be read count as absent and are named in the log.
    pub(crate) fn arrival(
        &self,
        told: ProviderAnswer,
        purpose: SignInPurpose,
        now: Timestamp,
    ) -> Result<ExternalIdentity, FederationError> {
        let (names, all) = (&self.claims, &told.claims);
        let subject = claims::identifier(all, &names.subject).ok_or_else(|| {
            FederationError::Untrusted(format!(
                "the claim {} that names the user {}",
                names.subject,
                claims::unfit(claims::find(all, &names.subject))
            ))
        })?;
        let text = |name: &String| {
            let read = claims::text(all, name);
            if read.is_none() && claims::find(all, name).is_some_and(|value| value != "") {
                tracing::info!(provider = %self.id, claim = name, "a claim was left out: it cannot be read as a text");
            }
            read
        };
        let email = text(&names.email).filter(|email| {
            let plain = is_address(email);
            if !plain {
                tracing::info!(provider = %self.id, claim = names.email, "a claim was left out: it is not an e-mail address");
            }
            plain
        });
        let email_verified = email.is_some()
            && (claims::flag(all, &names.email_verified).unwrap_or(false)
                || self.trusts_silence(all));
        let (amr, acr) = (words(all, "amr"), claims::text(all, "acr"));
        let trusted = |word: &String| self.config.trusted_factors.contains(word);
        Ok(ExternalIdentity {
            provider: self.id.as_str().to_owned(),
            key: self.protocol.key_of(&told.issuer, &subject).as_str().to_owned(),
            issuer: told.issuer,
            subject,
            username: text(&names.username).and_then(|name| short(&name)),
            email,
            email_verified,
            email_told: claims::is_told(all, &names.email),
            display_name: text(&names.name).and_then(|name| short(&name)),
            groups: claims::list(all, &names.groups),
            sid: claims::identifier(all, "sid"),
            multi_factor: amr.iter().any(trusted) || acr.as_ref().is_some_and(trusted),
            amr,
            auth_time: now.0,
            credential: told.credential,
            id_token: told.id_token,
            claims: told.claims,
            purpose,
        })
    }

    /// Reports an e-mail address that counts as verified although the provider does not say so. An
    /// explicit "no" always counts.
    fn trusts_silence(&self, all: &Value) -> bool {
        self.config.trust_email && claims::find(all, &self.claims.email_verified).is_none()
    }
}

impl Provider {
    /// The roles that this provider's rules give.
    pub(crate) fn roles(&self, arrival: &ExternalIdentity) -> Vec<Role> {
        claims::roles(&self.policy.roles, &arrival.as_subject())
    }
}

/// The time of the authentication by this server's clock: the provider's token states its age at
/// the time of issue, which is now.
pub(crate) fn authenticated_at(told: Authenticated, now: Timestamp) -> Option<i64> {
    told.at.map(|at| now.0 - (told.issued_at - at).max(0))
}

/// Checks that the user authenticated again, where that was requested.
pub(crate) fn is_fresh(
    ask: &SignInOptions,
    begun_at: i64,
    told: Option<Authenticated>,
    now: Timestamp,
) -> Result<(), FederationError> {
    // Plain OAuth 2.0 does not state it.
    let Some(told) = told else { return Ok(()) };
    let at = authenticated_at(told, now);
    let stale = |since: i64| {
        let ago = at.map_or_else(|| "at an unknown time".to_owned(), |at| format!("at {at}"));
        FederationError::Refused(format!(
            "it did not authenticate the user again: the user authenticated {ago}, which is before \
             {since}"
        ))
    };
    if let Some(age) = ask.max_age {
        let since = begun_at - age.max(0) - OLDER;
        if at.is_none_or(|at| at < since) {
            return Err(stale(since));
        }
    }
    let since = begun_at - OLDER;
    if ask.prompts.iter().any(|prompt| prompt == "login") && at.is_some_and(|at| at < since) {
        return Err(stale(since));
    }
    Ok(())
}

/// The moment from which an authentication counts. One that is older than this sign-in counts from
/// its own time, unless a new one was requested and happened. Choosing an account counts as now as
/// well: otherwise the client would repeat its request for a choice without end.
pub(crate) fn counts_from(
    ask: &SignInOptions,
    told: Option<Authenticated>,
    now: Timestamp,
) -> Timestamp {
    let asked_again = ask.max_age.is_some() || !ask.prompts.is_empty();
    match told.and_then(|told| authenticated_at(told, now)) {
        Some(at) if at < now.0 - OLDER && !asked_again => Timestamp(at),
        Some(_) | None => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    #[test]
    fn the_age_of_an_authentication_is_measured_by_the_clock_that_states_it() {
        let ask = |max_age, login| SignInOptions {
            max_age,
            prompts: if login { vec!["login".to_owned()] } else { Vec::new() },
            ..SignInOptions::default()
        };
        let told = |issued_at, ago: Option<i64>| {
            Some(Authenticated { at: ago.map(|ago| issued_at - ago), issued_at })
        };
        for skew in [-3600, -240, 0, 240, 300] {
            let issued_at = NOW.0 + skew;
            let begun_at = NOW.0 - 20;
            let fresh = |ask: &SignInOptions, ago| {
                is_fresh(ask, begun_at, told(issued_at, ago), NOW).is_ok()
            };
            assert!(fresh(&ask(None, true), Some(5)), "{skew}");
            assert!(!fresh(&ask(None, true), Some(600)), "{skew}");
            assert!(fresh(&ask(Some(300), false), Some(200)), "{skew}");
            assert!(!fresh(&ask(Some(300), false), Some(400)), "{skew}");
            assert!(!fresh(&ask(Some(300), false), None), "{skew}");
            assert!(fresh(&ask(None, true), None), "{skew}");
            assert_eq!(
                counts_from(&ask(None, false), told(issued_at, Some(600)), NOW),
                NOW.plus(-600)
            );
            assert_eq!(counts_from(&ask(None, true), told(issued_at, Some(600)), NOW), NOW);
        }
        assert!(is_fresh(&ask(Some(1), true), NOW.0, None, NOW).is_ok());
    }
}
