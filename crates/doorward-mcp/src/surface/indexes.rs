//! The indexes that searches share: one for the tools of each service, kept until they change.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use doorward_model::UpstreamName;
use doorward_transport::single_flight::{FlightError, SingleFlight};

use super::segment::Segment;
use crate::{item::ToolSpec, tools::ToolError};

/// Maximum number of tools that are held in indexes. One has some kilobytes.
const MOST_TOOLS: usize = 40_000;
/// Maximum number of indexes that are held.
pub(super) const MOST_SEGMENTS: usize = 1024;
/// Maximum number of indexes that are made at once.
const MOST_AT_ONCE: usize = 16;

/// The indexes that were used last, the latest first.
type RecentSegments = Mutex<Vec<Arc<Segment>>>;

/// Shared indexes.
pub(crate) struct Indexes {
    held: Arc<RecentSegments>,
    under_way: SingleFlight<u64, Option<Arc<Segment>>>,
}

impl Default for Indexes {
    fn default() -> Self {
        Self { held: Arc::default(), under_way: SingleFlight::new(MOST_AT_ONCE) }
    }
}

fn lock(held: &RecentSegments) -> MutexGuard<'_, Vec<Arc<Segment>>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn upstream(specs: &[Arc<ToolSpec>]) -> Option<UpstreamName> {
    specs.first().and_then(|spec| spec.upstream)
}

/// Puts an index first, and lets go of those that were not used for the longest time.
fn keep(held: &RecentSegments, segment: &Arc<Segment>) {
    let mut all = lock(held);
    all.retain(|one| !Arc::ptr_eq(one, segment));
    all.insert(0, Arc::clone(segment));
    let mut tools = 0;
    let fit = all.iter().take(MOST_SEGMENTS).take_while(|one| {
        tools += one.specs.len();
        tools <= MOST_TOOLS
    });
    let fit = fit.count();
    all.truncate(fit);
}

/// The identity of tools that were not changed since.
fn identity(specs: &[Arc<ToolSpec>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for spec in specs {
        Arc::as_ptr(spec).hash(&mut hasher);
    }
    hasher.finish()
}

impl Indexes {
    /// Number of indexes that are held.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.held).len()
    }

    /// The held index of these tools. Comparing happens without the lock.
    fn held(&self, specs: &[Arc<ToolSpec>]) -> Option<Arc<Segment>> {
        let of_service: Vec<Arc<Segment>> = lock(&self.held)
            .iter()
            .filter(|one| one.specs.len() == specs.len() && upstream(&one.specs) == upstream(specs))
            .cloned()
            .collect();
        of_service.into_iter().find(|one| one.is_of(specs))
    }

    /// The index of the tools of one service, made where it is not held.
    async fn segment(&self, specs: Vec<Arc<ToolSpec>>) -> Result<Arc<Segment>, ToolError> {
        if let Some(segment) = self.held(&specs) {
            keep(&self.held, &segment);
            return Ok(segment);
        }
        let held = Arc::clone(&self.held);
        let made = self.under_way.run(identity(&specs), || async move {
            // A thousand tools take tens of milliseconds, which no other request should wait for.
            let made = tokio::task::spawn_blocking(move || Arc::new(Segment::new(specs))).await;
            let segment = made.ok()?;
            keep(&held, &segment);
            Some(segment)
        });
        match made.await {
            Ok(Some(segment)) => Ok(segment),
            Ok(None) | Err(FlightError::Ended) => {
                Err(ToolError::Failed("the tools could not be searched; try again".to_owned()))
            }
            Err(FlightError::Busy) => Err(ToolError::Busy(
                "the index of the tools is being made; search again".to_owned(),
                1,
            )),
        }
    }

    /// The indexes of these tools, by the order of their services in it.
    pub(crate) async fn of(&self, tools: &[Arc<ToolSpec>]) -> Result<Vec<Arc<Segment>>, ToolError> {
        let mut places: HashMap<Option<UpstreamName>, usize> = HashMap::new();
        let mut services: Vec<Vec<Arc<ToolSpec>>> = Vec::new();
        for spec in tools {
            let place = *places.entry(spec.upstream).or_insert(services.len());
            if place == services.len() {
                services.push(Vec::new());
            }
            if let Some(service) = services.get_mut(place) {
                service.push(Arc::clone(spec));
            }
        }
        let mut segments = Vec::new();
        for specs in services {
            segments.push(self.segment(specs).await?);
        }
        Ok(segments)
    }
}
