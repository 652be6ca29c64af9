//! The memory of argon2id: as many pieces as hashes may run at once, used again by the next hash.
//!
//! A fresh piece costs its page faults, an eighth of a hash. Pieces that no hash used for a while
//! are given back, so that a server at rest does not hold them.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self, CustomizedPasswordHasher, PasswordHasher,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};

/// Time for which pieces are kept after the last hash.
const KEPT: Duration = Duration::from_secs(2);

/// The pieces that no hash uses.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    pieces: Vec<Vec<Block>>,
    /// Number of pieces given back so far.
    returned: u64,
}

/// One piece in use. Dropping it returns it.
#[derive(Debug)]
pub(crate) struct Memory {
    piece: Vec<Block>,
    pool: Arc<Pool>,
}

impl Pool {
    /// A piece that was used before, or else an empty one. The caller has the permit of a hash, so
    /// there are never more pieces than permits.
    pub(crate) fn take(self: &Arc<Self>) -> Memory {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Memory { piece: free.pieces.pop().unwrap_or_default(), pool: Arc::clone(self) }
    }

    /// Number of pieces that wait for a hash.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pieces.len()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let returned = {
            let mut free = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.piece.is_empty() {
                free.pieces.push(std::mem::take(&mut self.piece));
            }
            free.returned += 1;
            free.returned
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let pool = Arc::clone(&self.pool);
        runtime.spawn(async move {
            tokio::time::sleep(KEPT).await;
            let mut free = pool.0.lock().unwrap_or_else(PoisonError::into_inner);
            if free.returned == returned {
                free.pieces = Vec::new();
            }
        });
    }
}

/// The algorithm of a hash, with its version and cost.
struct Form {
    algorithm: Algorithm,
    version: Version,
    params: Params,
}

/// argon2id in a piece of memory. The library's own hashing takes fresh memory each time.
pub(crate) struct InMemory<'a> {
    params: &'a Params,
    memory: RefCell<&'a mut Memory>,
}

impl<'a> InMemory<'a> {
    pub(crate) fn new(params: &'a Params, memory: &'a mut Memory) -> Self {
        Self { params, memory: RefCell::new(memory) }
    }

    fn hash(
        &self,
        form: Form,
        password: &[u8],
        salt: &[u8],
    ) -> password_hash::Result<PasswordHash> {
        let Form { algorithm, version, params } = form;
        let salt = Salt::new(salt)?;
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        let written = ParamsString::try_from(&params)?;
        let mut memory = self.memory.borrow_mut();
        memory.piece.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(password, &salt, out, memory.piece.as_mut_slice())?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: written,
            salt: Some(salt),
            hash: Some(Output::new(out)?),
        })
    }
}

impl PasswordHasher<PasswordHash> for InMemory<'_> {
    fn hash_password_with_salt(
        &self,
        password: &[u8],
        salt: &[u8],
    ) -> password_hash::Result<PasswordHash> {
        let params = self.params.clone();
        let form = Form { algorithm: Algorithm::Argon2id, version: Version::V0x13, params };
        self.hash(form, password, salt)
    }
}

impl CustomizedPasswordHasher<PasswordHash> for InMemory<'_> {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        self.hash(Form { algorithm, version, params }, password, salt)
    }
}
