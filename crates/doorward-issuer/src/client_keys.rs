//! The public keys of clients: inline, or where a client publishes them. Those are kept for a while,
//! so that requests of strangers cannot make this server send any number of requests to a URL that a
//! client named.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use doorward_model::{Client, ClientId, OAuthErrorCode, Timestamp};
use doorward_transport::SingleFlight;
use url::Url;

use crate::{Failure, Issuer};

/// Maximum number of bytes of a client's published key set.
const MAX_JWKS: usize = 64 * 1024;
/// Maximum number of key sets that are fetched at once.
const FETCHES: usize = 64;
/// Maximum number of key sets that are kept.
const MOST: usize = 1000;
/// For how many seconds a key set is used.
const FRESH: i64 = 300;
/// For how many seconds it is used where it lacks a key.
const AGAIN: i64 = 10;
/// For how many seconds a failure is the answer to further requests.
const FAILED: i64 = 3;

/// The keys that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    /// Those that are kept.
    Kept,
    /// Newer ones, if they may have changed.
    Newer,
}

/// The keys of a client.
#[derive(Clone, Debug)]
pub(crate) struct KeySet {
    /// A JWK Set.
    pub(crate) set: String,
    /// It was fetched for another request; there may be a newer one.
    pub(crate) is_kept: bool,
}

type Fetched = Result<String, Failure>;

struct Kept {
    uri: String,
    at: Timestamp,
    fetched: Fetched,
}

impl Kept {
    /// True if it counts at this moment. After a step of the clock it does not.
    fn counts(&self, uri: &str, needed: Needed, now: Timestamp) -> bool {
        let lasts = match (&self.fetched, needed) {
            (Err(_), _) => FAILED,
            (Ok(_), Needed::Kept) => FRESH,
            (Ok(_), Needed::Newer) => AGAIN,
        };
        self.uri == uri && (0..lasts).contains(&now.since(self.at))
    }
}

/// Key sets by client.
pub(crate) struct ClientKeys {
    /// By client and URL: a client that changes its URL meanwhile does not get the former keys.
    flights: SingleFlight<(ClientId, String), Fetched>,
    kept: Mutex<HashMap<ClientId, Kept>>,
}

impl ClientKeys {
    pub(crate) fn new() -> Self {
        Self { flights: SingleFlight::new(FETCHES), kept: Mutex::default() }
    }

    fn find(&self, id: &ClientId, uri: &str, needed: Needed, now: Timestamp) -> Option<Fetched> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(id).filter(|kept| kept.counts(uri, needed, now)).map(|kept| kept.fetched.clone())
    }

    /// Keeps a key set in the place of the one before it. Beyond the bound, the oldest gives way.
    fn keep(&self, id: ClientId, new: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(&id) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.at).map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                kept.remove(&oldest);
            }
        }
        kept.insert(id, new);
    }
}

fn no_keys() -> Failure {
    Failure::new(OAuthErrorCode::InvalidClient, "the client has no keys")
}

fn unavailable(why: &str) -> Failure {
    Failure::new(OAuthErrorCode::TemporarilyUnavailable, why)
}

impl Issuer {
    /// The client's public keys.
    pub(crate) async fn keys_of(&self, client: &Client, needed: Needed) -> Result<KeySet, Failure> {
        if let Some(inline) = &client.jwks {
            return Ok(KeySet { set: inline.clone(), is_kept: false });
        }
        let uri = client.jwks_uri.clone().ok_or_else(no_keys)?;
        let url = Url::parse(&uri).map_err(|_| no_keys())?;
        let now = self.services.clock.now();
        if let Some(fetched) = self.client_keys.find(&client.id, &uri, needed, now) {
            return fetched.map(|set| KeySet { set, is_kept: true });
        }
        let (issuer, id) = (self.clone(), client.id.clone());
        let flight = (client.id.clone(), uri.clone());
        let fetch = move || async move {
            let fetched = issuer.fetch_keys(&id, &url).await;
            let at = issuer.services.clock.now();
            issuer.client_keys.keep(id, Kept { uri, at, fetched: fetched.clone() });
            fetched
        };
        let fetched = self.client_keys.flights.run(flight, fetch).await;
        let fetched = fetched.map_err(|error| {
            unavailable(&format!("the client's keys could not be fetched: {error}"))
        })?;
        fetched.map(|set| KeySet { set, is_kept: false })
    }

    async fn fetch_keys(&self, id: &ClientId, url: &Url) -> Fetched {
        let failed = |why: String| {
            tracing::warn!(client = %id, why, "the client's keys could not be fetched");
            unavailable("the client's keys could not be fetched; try again shortly")
        };
        let got = self.services.outbound.get(url, "application/json", MAX_JWKS).await;
        let got = got.map_err(|error| failed(error.to_string()))?;
        if got.status != 200 {
            return Err(failed(format!("its jwks_uri returned {}", got.status)));
        }
        got.json::<serde::de::IgnoredAny>()
            .map_err(|error| failed(format!("its key set cannot be read: {error}")))?;
        String::from_utf8(got.body).map_err(|_| failed("its key set is not text".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(at: i64, fetched: Fetched) -> Kept {
        Kept { uri: "https://a.example/k".to_owned(), at: Timestamp(at), fetched }
    }

    #[test]
    fn a_key_set_counts_for_a_while_at_its_url_and_a_failure_for_less() {
        let good = kept(1000, Ok("{}".to_owned()));
        let failed = kept(1000, Err(no_keys()));
        let at = |kept: &Kept, needed, seconds| {
            kept.counts("https://a.example/k", needed, Timestamp(1000 + seconds))
        };
        assert!(at(&good, Needed::Kept, 0) && at(&good, Needed::Kept, FRESH - 1));
        assert!(!at(&good, Needed::Kept, FRESH) && !at(&good, Needed::Kept, -1));
        assert!(at(&good, Needed::Newer, AGAIN - 1) && !at(&good, Needed::Newer, AGAIN));
        assert!(at(&failed, Needed::Kept, FAILED - 1) && !at(&failed, Needed::Kept, FAILED));
        assert!(!good.counts("https://b.example/k", Needed::Kept, Timestamp(1000)));
    }

    #[test]
    fn so_many_key_sets_are_kept_and_no_more() {
        let keys = ClientKeys::new();
        for number in 0..MOST + 3 {
            let id = ClientId::from_text(format!("c_{number}"));
            let at = 1000 + i64::try_from(number).unwrap();
            keys.keep(id, kept(at, Ok("{}".to_owned())));
        }
        assert_eq!(keys.kept.lock().unwrap().len(), MOST);
        let found = |number: usize| {
            let id = ClientId::from_text(format!("c_{number}"));
            let now = Timestamp(1000 + i64::try_from(number).unwrap());
            keys.find(&id, "https://a.example/k", Needed::Kept, now).is_some()
        };
        assert!(!found(2) && found(3) && found(MOST + 2));
    }
}
