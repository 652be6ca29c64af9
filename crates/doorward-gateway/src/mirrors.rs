//! Collections that are filled with the resources of other upstreams: what is to be copied, and
//! where.

use std::{path::PathBuf, time::Duration};

use doorward_model::UpstreamName;
use doorward_store::StoreError;

use crate::{Gateway, upstreams::knowledge::KIND};

/// The seconds between two comparisons, unless they are set.
const SECONDS: u64 = 3600;
/// Maximum number of copies of one upstream, unless it is set.
const DOCUMENTS: u64 = 10_000;
/// Maximum number of bytes of all copies of one upstream, unless it is set.
const BYTES: u64 = 1024 * 1024 * 1024;
/// Maximum number of bytes of one resource, unless it is set.
const FILE_BYTES: u64 = 32 * 1024 * 1024;

/// An upstream whose resources a collection copies.
#[derive(Clone, Debug)]
pub struct MirrorPlan {
    /// The collection.
    pub collection: UpstreamName,
    /// The upstream.
    pub upstream: UpstreamName,
    /// The file with the access token with which the resources are read.
    pub token_file: PathBuf,
    /// The folder of the collection's index.
    pub dir: PathBuf,
    /// The time between two comparisons.
    pub every: Duration,
    /// Maximum number of copies.
    pub documents: u64,
    /// Maximum number of bytes of all copies.
    pub bytes: u64,
    /// Maximum number of bytes of one resource.
    pub file_bytes: usize,
}

impl Gateway {
    /// The upstreams whose resources collections of this process copy. A collection is never a
    /// source, so that no document goes round.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn mirrors(&self) -> Result<Vec<MirrorPlan>, StoreError> {
        let all = self.all_upstreams().await?;
        let is_collection = |name: UpstreamName| {
            all.iter().any(|one| one.name == name && one.kind.name == KIND.name)
        };
        let or = |value: u64, usual: u64| if value == 0 { usual } else { value };
        let mut plans = Vec::new();
        for collection in all.iter().filter(|one| one.kind.name == KIND.name && one.is_enabled()) {
            let Some(dir) = self.inner.knowledge.maintained(collection.name) else { continue };
            let config = &collection.config;
            for source in config.sources.iter().filter_map(|name| UpstreamName::parse(name).ok()) {
                if is_collection(source) {
                    continue;
                }
                let bytes = or(config.file_bytes, FILE_BYTES);
                plans.push(MirrorPlan {
                    collection: collection.name,
                    upstream: source,
                    token_file: PathBuf::from(&config.source_token_file),
                    dir: dir.clone(),
                    every: Duration::from_secs(or(config.source_seconds, SECONDS)),
                    documents: or(config.source_documents, DOCUMENTS),
                    bytes: or(config.source_bytes, BYTES),
                    file_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                });
            }
        }
        Ok(plans)
    }

    /// Has the folders of a collection looked at now, since copies in them changed.
    pub fn compare_soon(&self, collection: UpstreamName) {
        self.inner.knowledge.look(collection);
    }
}
