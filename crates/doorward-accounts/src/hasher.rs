//! argon2id, bounded: each hash takes megabytes and milliseconds, so only so many run at once, and
//! only so many wait.
//!
//! The permit moves into the work that it bounds. A request that is dropped while its hash runs
//! gives the permit back when the hash ends, not before.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{
    Params,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use doorward_model::{Entropy, PlainPassword, secret::HashedPassword};
use doorward_store::attempts::Counted;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Config,
    blocks::{InMemory, Memory, Pool},
};

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct PasswordHasher {
    params: Params,
    pool: Arc<Pool>,
    entropy: Arc<dyn Entropy>,
    /// One permit for each hash that may run.
    permits: Arc<Semaphore>,
    /// One permit for each hash that runs or waits.
    places: Arc<Semaphore>,
    under_way: Arc<UnderWay>,
    /// Verified against when there is no such user, so that both cases take the same time.
    decoy: HashedPassword,
}

/// The running hashes, counted in their threads: a hash continues when its request is dropped.
#[derive(Debug, Default)]
struct UnderWay {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl UnderWay {
    fn counting<T>(&self, work: impl FnOnce() -> T) -> T {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let done = work();
        self.now.fetch_sub(1, Ordering::SeqCst);
        done
    }
}

/// Reason for which hashing does not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HasherError {
    /// The configured parameters are outside argon2's limits.
    #[error("accounts.argon2_…: {0}")]
    Parameters(String),
    /// The hashing task died or the library refused.
    #[error("a password could not be hashed")]
    Failed,
    /// Too many hashes wait already.
    #[error("too many passwords are being checked at this moment; try again in a few seconds")]
    Busy,
}

/// A place among the hashes that wait.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// The right to run one hash, with the memory for it, which is given back first.
pub(crate) struct Turn {
    memory: Memory,
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed under older parameters: store this instead.
    Outdated(HashedPassword),
}

fn hash(
    argon2: &InMemory<'_>,
    password: &[u8],
    salt: &[u8],
) -> Result<HashedPassword, HasherError> {
    let phc = argon2.hash_password_with_salt(password, salt).map_err(|_| HasherError::Failed)?;
    Ok(HashedPassword::from_phc(phc.to_string()))
}

impl PasswordHasher {
    pub(crate) fn new(config: &Config, entropy: Arc<dyn Entropy>) -> Result<Self, HasherError> {
        let params =
            Params::new(config.argon2_memory_kib, config.argon2_passes, config.argon2_lanes, None)
                .map_err(|error| HasherError::Parameters(error.to_string()))?;
        let concurrency = match config.argon2_concurrency {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            chosen => chosen,
        };
        let places = concurrency.saturating_add(concurrency.saturating_mul(config.argon2_queue));
        // Only its parameters matter: nothing verifies against it.
        let decoy = HashedPassword::from_phc(format!(
            "$argon2id$v=19$m={},t={},p={}$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            config.argon2_memory_kib, config.argon2_passes, config.argon2_lanes
        ));
        Ok(Self {
            params,
            pool: Arc::default(),
            entropy,
            permits: Arc::new(Semaphore::new(concurrency)),
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            under_way: Arc::default(),
            decoy,
        })
    }

    /// Takes a place among those that wait.
    ///
    /// # Errors
    ///
    /// [`HasherError::Busy`], at once, if there is none.
    pub(crate) fn place(&self) -> Result<Place, HasherError> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map(|permit| Place { _permit: permit })
            .map_err(|_| HasherError::Busy)
    }

    /// Waits until a hash may run.
    pub(crate) async fn turn(&self, place: Place) -> Result<Turn, HasherError> {
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|_| HasherError::Failed)?;
        Ok(Turn { memory: self.pool.take(), _permit: permit, _place: place })
    }

    /// Hashes a password with a fresh salt.
    pub async fn hash(&self, password: PlainPassword) -> Result<HashedPassword, HasherError> {
        let turn = self.turn(self.place()?).await?;
        let mut salt = [0u8; 16];
        self.entropy.fill(&mut salt);
        self.run(turn, move |argon2| hash(argon2, password.reveal(), &salt)).await
    }

    /// Runs a hash on a thread of its own. The turn is moved into it, and ends with it.
    async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&InMemory<'_>) -> Result<T, HasherError> + Send + 'static,
    ) -> Result<T, HasherError> {
        let (under_way, params) = (Arc::clone(&self.under_way), self.params.clone());
        let work = move || {
            // All of it, so that the permit goes with the memory.
            let mut turn = turn;
            under_way.counting(|| work(&InMemory::new(&params, &mut turn.memory)))
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| HasherError::Failed)?
    }

    /// The number of hashes that run, and the most that ever ran at the same time.
    pub fn under_way(&self) -> (usize, usize) {
        let UnderWay { now, most } = self.under_way.as_ref();
        (now.load(Ordering::SeqCst), most.load(Ordering::SeqCst))
    }

    /// Compares a password with a stored hash; without one, takes the same time. The attempt must
    /// have been counted.
    pub(crate) async fn verify(
        &self,
        turn: Turn,
        _counted: &Counted,
        password: PlainPassword,
        stored: Option<HashedPassword>,
    ) -> Result<Verdict, HasherError> {
        let exists = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let (mut salt, params) = ([0u8; 16], self.params.clone());
        self.entropy.fill(&mut salt);
        let work = move |argon2: &InMemory<'_>| {
            let hashing = Hashing { argon2, wanted: &params };
            compare(hashing, &password, &stored, exists, &salt)
        };
        self.run(turn, work).await
    }
}

/// The hash function, and the parameters that a hash should have.
#[derive(Clone, Copy)]
struct Hashing<'a, 'm> {
    argon2: &'a InMemory<'m>,
    wanted: &'a Params,
}

/// Compares a password with a hash and, where it is right but hashed under other parameters, hashes
/// it again.
fn compare(
    Hashing { argon2, wanted }: Hashing<'_, '_>,
    password: &PlainPassword,
    stored: &HashedPassword,
    exists: bool,
    salt: &[u8],
) -> Result<Verdict, HasherError> {
    let parsed = PasswordHash::new(stored.as_str()).map_err(|_| HasherError::Failed)?;
    if argon2.verify_password(password.reveal(), &parsed).is_err() || !exists {
        return Ok(Verdict::Wrong);
    }
    let same = |params: Params| {
        params.m_cost() == wanted.m_cost()
            && params.t_cost() == wanted.t_cost()
            && params.p_cost() == wanted.p_cost()
    };
    if Params::try_from(&parsed).is_ok_and(same) {
        Ok(Verdict::Right)
    } else {
        hash(argon2, password.reveal(), salt).map(Verdict::Outdated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(memory: u32) -> PasswordHasher {
        PasswordHasher::new(
            &Config { argon2_memory_kib: memory, ..Config::default() },
            Arc::new(doorward_keys::SystemEntropy),
        )
        .unwrap()
    }

    fn password() -> PlainPassword {
        PlainPassword::typed("correct horse".into()).unwrap()
    }

    /// A hasher of two permits and many places, with a hash to verify.
    async fn two_at_once(name: &str) -> (PasswordHasher, doorward_store::Store) {
        let config = Config {
            argon2_memory_kib: 4096,
            argon2_concurrency: 2,
            argon2_queue: 1000,
            ..Config::default()
        };
        let folder =
            std::env::temp_dir().join(format!("doorward-hasher-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store =
            doorward_store::Store::open(&doorward_store::Config::default(), &folder).await.unwrap();
        let hasher = PasswordHasher::new(&config, Arc::new(doorward_keys::SystemEntropy)).unwrap();
        (hasher, store)
    }

    /// Waits until every hash has ended and every permit is back.
    async fn ended(hasher: &PasswordHasher) {
        let all = hasher.places.available_permits();
        for _ in 0..2000 {
            if hasher.under_way().0 == 0
                && hasher.permits.available_permits() == 2
                && hasher.places.available_permits() == 2002
            {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{:?}, {all} places free: not everything was returned", hasher.under_way());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn requests_that_are_dropped_never_have_more_hashes_run_than_there_are_permits() {
        let (hasher, store) = two_at_once("dropped").await;
        let allowance = doorward_store::attempts::Allowance { free: 10_000, longest_delay: 1 };
        for round in 0..60_u64 {
            let (verifying, hashing) = (hasher.clone(), hasher.clone());
            let limit = doorward_store::attempts::Counter::of_secret("a", allowance);
            let now = doorward_model::Timestamp(1);
            let counted =
                store.count_attempt("a".to_owned(), vec![limit], now).await.unwrap().unwrap();
            let verify = tokio::spawn(async move {
                let turn = verifying.turn(verifying.place().unwrap()).await.unwrap();
                verifying.verify(turn, &counted, password(), None).await.unwrap();
            });
            let hash = tokio::spawn(async move { hashing.hash(password()).await.unwrap() });
            // From before the hash begins to after it has begun.
            tokio::time::sleep(std::time::Duration::from_micros(round * 137 % 3000)).await;
            verify.abort();
            hash.abort();
        }
        ended(&hasher).await;
        let (_, most) = hasher.under_way();
        assert!(most <= 2, "{most} hashes ran at the same time");
        assert!(most > 0, "no hash ran");
    }

    #[tokio::test]
    async fn a_password_verifies_and_moves_to_new_parameters() {
        let (old, new) = (hasher(64), hasher(128));
        let stored = old.hash(password()).await.unwrap();
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
        let verdict =
            |hasher: &PasswordHasher, password: PlainPassword, stored: Option<&HashedPassword>| {
                let mut memory = hasher.pool.take();
                compare(
                    Hashing {
                        argon2: &InMemory::new(&hasher.params, &mut memory),
                        wanted: &hasher.params,
                    },
                    &password,
                    stored.unwrap_or(&hasher.decoy),
                    stored.is_some(),
                    &[7; 16],
                )
                .unwrap()
            };
        assert_eq!(verdict(&old, password(), Some(&stored)), Verdict::Right);
        let Verdict::Outdated(better) = verdict(&new, password(), Some(&stored)) else {
            panic!("not rehashed")
        };
        assert_eq!(verdict(&new, password(), Some(&better)), Verdict::Right);
        let wrong = PlainPassword::typed("wrong".into()).unwrap();
        assert_eq!(verdict(&old, wrong.clone(), Some(&stored)), Verdict::Wrong);
        assert_eq!(verdict(&old, wrong, None), Verdict::Wrong);
    }

    #[tokio::test]
    async fn hashes_use_the_memory_of_those_before_them_and_a_server_at_rest_has_none() {
        let (hasher, other) = (hasher(64), hasher(128));
        assert_eq!(hasher.pool.waiting(), 0);
        let stored = hasher.hash(password()).await.unwrap();
        assert_eq!(hasher.pool.waiting(), 1, "the piece waits for the next hash");
        // The rest of a hash in a piece of memory changes nothing of the next hash.
        let mut fresh = other.pool.take();
        let again = hash(&InMemory::new(&hasher.params, &mut hasher.pool.take()), b"x", &[1; 16]);
        let alone = hash(&InMemory::new(&hasher.params, &mut fresh), b"x", &[1; 16]);
        assert_eq!(again.unwrap().as_str(), alone.unwrap().as_str());
        assert_eq!(hasher.pool.waiting(), 1, "one after the other needs no second piece");
        let (one, two) = tokio::join!(hasher.hash(password()), hasher.hash(password()));
        assert!(one.is_ok() && two.is_ok());
        assert!((1..=2).contains(&hasher.pool.waiting()));
        // One piece fits hashes of any parameters, larger and smaller.
        let mut memory = other.pool.take();
        let argon2 = InMemory::new(&other.params, &mut memory);
        let verdict = compare(
            Hashing { argon2: &argon2, wanted: &other.params },
            &password(),
            &stored,
            true,
            &[2; 16],
        );
        let Verdict::Outdated(better) = verdict.unwrap() else { panic!("not rehashed") };
        assert!(better.as_str().contains("$m=128,"));
        for _ in 0..100 {
            if hasher.pool.waiting() == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("an idle server keeps memory");
    }

    #[tokio::test]
    async fn only_so_many_hashes_wait_and_one_with_a_dropped_caller_keeps_its_permit_until_it_ends()
    {
        let config = Config {
            argon2_memory_kib: 8192,
            argon2_concurrency: 1,
            argon2_queue: 2,
            ..Config::default()
        };
        let hasher = PasswordHasher::new(&config, Arc::new(doorward_keys::SystemEntropy)).unwrap();
        let held: Vec<Place> = (0..3).map(|_| hasher.place().unwrap()).collect();
        assert!(matches!(hasher.place(), Err(HasherError::Busy)));
        drop(held);
        // Dropped as soon as its hash runs: the permit is out although no request waits for the
        // hash.
        let running = hasher.clone();
        let dropped = tokio::spawn(async move {
            running.hash(PlainPassword::typed("correct horse".into()).unwrap()).await.map(drop)
        });
        while hasher.permits.available_permits() == 1 {
            tokio::task::yield_now().await;
        }
        dropped.abort();
        assert!(dropped.await.is_err());
        assert_eq!((hasher.permits.available_permits(), hasher.places.available_permits()), (0, 2));
        let _turn = hasher.turn(hasher.place().unwrap()).await.unwrap();
        // The place of the hash that ended is given back an instant after its permit.
        let given_back = async {
            while hasher.places.available_permits() != 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), given_back).await.unwrap();
    }
}
