//! Tokens of AI back ends that were issued a moment ago: the same request gets the same one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use doorward_model::{Client, Grant, KeyThumbprint, ScopeSet, Timestamp, UpstreamId};

use crate::Issuer;

/// Maximum number of tokens that are kept.
const MOST: usize = 1000;
/// A token is given out again only if it is valid for more than this, in seconds.
const MARGIN: i64 = 15;

/// Everything that a token says and depends on: the token of another user, of another back end, or
/// from before a change of rights has another key. Its use is judged by the rights of that moment
/// all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    grant: String,
    client: String,
    upstream: UpstreamId,
    scopes: ScopeSet,
    key: Option<KeyThumbprint>,
}

impl TokenKey {
    /// The key of the token of a back end; `None` for every other token.
    pub(crate) fn of(
        client: &Client,
        grant: &Grant,
        scopes: &ScopeSet,
        key: Option<&KeyThumbprint>,
    ) -> Option<Self> {
        let upstream = grant.delegation.as_ref()?.back_end_at.clone()?;
        Some(Self {
            grant: grant.id.to_string(),
            client: format!("{} {}", client.id, client.etag()),
            upstream,
            scopes: scopes.clone(),
            key: key.cloned(),
        })
    }
}

/// The tokens of this process, with the times of their ends.
#[derive(Default)]
pub(crate) struct KeptTokens(Mutex<HashMap<TokenKey, (String, Timestamp)>>);

impl KeptTokens {
    /// A token that is valid for long enough, and no longer than until `end`, with its remaining
    /// lifetime in seconds.
    pub(crate) fn find(
        &self,
        key: &TokenKey,
        end: Timestamp,
        now: Timestamp,
    ) -> Option<(String, i64)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, ends) = kept.get(key)?;
        let left = ends.since(now);
        (left > MARGIN && *ends <= end).then(|| (token.clone(), left))
    }

    /// Keeps a token in the place of the one before it. Beyond the bound, the one that ends first
    /// gives way.
    pub(crate) fn keep(&self, key: TokenKey, token: String, ends: Timestamp, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(&key) {
            kept.retain(|_, (_, ends)| ends.since(now) > MARGIN);
        }
        if kept.len() >= MOST && !kept.contains_key(&key) {
            let first = kept.iter().min_by_key(|(_, (_, ends))| *ends).map(|(key, _)| key.clone());
            if let Some(first) = first {
                kept.remove(&first);
            }
        }
        kept.insert(key, (token, ends));
    }
}

impl Issuer {
    /// A kept token that counts, with its remaining lifetime in seconds: the key that signed it may
    /// have been retired.
    pub(crate) fn kept_token(
        &self,
        key: &TokenKey,
        end: Timestamp,
        now: Timestamp,
    ) -> Option<(String, i64)> {
        let found = self.kept_tokens.find(key, end, now)?;
        let issuer = self.settings.public_url.as_str();
        self.services.keys.verify(&found.0, issuer, now).is_ok().then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> TokenKey {
        TokenKey {
            grant: format!("g_{number}"),
            client: "c_1 etag".to_owned(),
            upstream: UpstreamId::from_text("up_1"),
            scopes: ScopeSet::default_request(),
            key: None,
        }
    }

    #[test]
    fn cf7_a_token_is_given_out_again_with_more_than_15_seconds_left() {
        let kept = KeptTokens::default();
        kept.keep(key(1), "token".to_owned(), Timestamp(300), Timestamp(0));
        let late = Timestamp(1000);
        assert_eq!(kept.find(&key(1), late, Timestamp(284)), Some(("token".to_owned(), 16)));
        assert_eq!(kept.find(&key(1), late, Timestamp(285)), None);
        assert_eq!(kept.find(&key(2), late, Timestamp(0)), None, "another user's");
        let earlier = Timestamp(299);
        assert_eq!(kept.find(&key(1), earlier, Timestamp(0)), None, "it would outlive the access");
    }

    #[test]
    fn cf7_so_many_tokens_are_kept_and_no_more() {
        let kept = KeptTokens::default();
        for number in 0..MOST + 5 {
            let ends = Timestamp(300 + i64::try_from(number).unwrap());
            kept.keep(key(number), "token".to_owned(), ends, Timestamp(0));
        }
        let count = || kept.0.lock().unwrap().len();
        assert_eq!(count(), MOST);
        assert_eq!(kept.find(&key(4), Timestamp(9999), Timestamp(0)), None);
        assert!(kept.find(&key(5), Timestamp(9999), Timestamp(0)).is_some());
        kept.keep(key(0), "token".to_owned(), Timestamp(9000), Timestamp(5000));
        assert_eq!(count(), 1, "those that ended give way first");
    }
}
