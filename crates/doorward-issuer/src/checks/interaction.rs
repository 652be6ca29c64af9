//! `prompt` and `max_age`: a client's requirements on interaction (OpenID Connect Core §3.1.2.1).

use doorward_model::{OAuthErrorCode, Timestamp};

use crate::Failure;

/// A request that cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InteractionRefusal {
    #[error("max_age must be a number of seconds")]
    MaxAge,
    #[error("prompt=none excludes other values")]
    Silence,
}

impl From<InteractionRefusal> for Failure {
    fn from(refusal: InteractionRefusal) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, refusal.to_string())
    }
}

/// The wishes of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a value of `prompt`")]
pub(crate) struct Interaction {
    /// `prompt=none`.
    pub(crate) silent: bool,
    /// `prompt=login`.
    pub(crate) login: bool,
    /// `prompt=select_account`.
    pub(crate) choice: bool,
    /// `prompt=consent`.
    pub(crate) consent: bool,
    /// `max_age`, in seconds.
    pub(crate) max_age: Option<u32>,
}

impl Interaction {
    /// Reads both parameters. Unknown values of `prompt` are ignored.
    pub(crate) fn read(
        prompt: Option<&str>,
        max_age: Option<&str>,
    ) -> Result<Self, InteractionRefusal> {
        let max_age =
            max_age.map(|age| age.parse().map_err(|_| InteractionRefusal::MaxAge)).transpose()?;
        let prompt = prompt.unwrap_or_default();
        let has = |value: &str| prompt.split(' ').any(|word| word == value);
        let wishes = Self {
            silent: has("none"),
            login: has("login"),
            choice: has("select_account"),
            consent: has("consent"),
            max_age,
        };
        if wishes.silent && prompt.contains(' ') {
            Err(InteractionRefusal::Silence)
        } else {
            Ok(wishes)
        }
    }

    /// Reports that a user who signed in at `auth_time` must sign in again, at `now`, for a request
    /// that was made at `created_at`. A sign-in made for the request counts, also with `max_age=0`.
    pub(crate) fn needs_login(
        self,
        created_at: Timestamp,
        auth_time: Timestamp,
        now: Timestamp,
    ) -> bool {
        let too_old = self.max_age.is_some_and(|age| now.since(auth_time) > i64::from(age));
        (self.login || self.choice || too_old) && auth_time < created_at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(prompt: &'a str, max_age: &'a str) -> Result<Interaction, InteractionRefusal> {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        Interaction::read(given(prompt), given(max_age))
    }

    #[test]
    fn silence_excludes_every_other_value() {
        assert!(read("none", "").unwrap().silent);
        for prompt in ["none login", "login none", "none none", "none unknown", "none "] {
            assert_eq!(read(prompt, ""), Err(InteractionRefusal::Silence), "{prompt:?}");
        }
        let both = read("login select_account", "").unwrap();
        assert!(both.login && both.choice && !both.silent);
        assert_eq!(read("unknown NONE", "").unwrap(), Interaction::default());
    }

    #[test]
    fn max_age_is_a_number_of_seconds() {
        assert_eq!(read("", "0").unwrap().max_age, Some(0));
        assert_eq!(read("", "4294967295").unwrap().max_age, Some(u32::MAX));
        for text in ["-1", "4294967296", "1.5", "a", " 1", "1 "] {
            assert_eq!(read("", text), Err(InteractionRefusal::MaxAge), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_sign_in_made_for_the_request_always_counts(
            login: bool, choice: bool, max_age in any::<Option<u32>>(),
            created in 0_i64..1_000_000, after in 0_i64..1000, later in 0_i64..1_000_000
        ) {
            let wishes = Interaction { silent: false, login, choice, consent: false, max_age };
            let (created, signed_in) = (Timestamp(created), Timestamp(created + after));
            prop_assert!(!wishes.needs_login(created, signed_in, signed_in.plus(later)));
        }

        #[test]
        fn an_older_sign_in_counts_for_max_age_seconds_and_never_for_prompt_login(
            age in 0_u32..10_000, elapsed in 1_i64..20_000
        ) {
            let (signed_in, now) = (Timestamp(1_000_000), Timestamp(1_000_000 + elapsed));
            let aged = Interaction { max_age: Some(age), ..Interaction::default() };
            prop_assert_eq!(aged.needs_login(now, signed_in, now), elapsed > i64::from(age));
            let again = Interaction { login: true, ..aged };
            prop_assert!(again.needs_login(now, signed_in, now));
            prop_assert!(!Interaction::default().needs_login(now, signed_in, now));
        }
    }
}
