//! Vectors of the passages of an index: made a part at a time in the thread that maintains the index,
//! and asked for when a query comes. The model is on another server, so that each step is bounded
//! and a failure costs nothing but the vectors.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tantivy::{
    DocAddress, Searcher, TantivyDocument, Term,
    collector::DocSetCollector,
    query::{Query, TermQuery},
    schema::IndexRecordOption,
};

use crate::{
    embedder::Embedder,
    record::{ChunkRecord, hash_of, passage},
    schema::{CHUNK, Fields},
    settings::Settings,
    store::{Opened, StoreFault},
    vectors::{Packed, Vectors},
};

/// The passages that are sent to the model at once.
const AT_ONCE: usize = 16;
/// Time of one pass. The thread then looks for changed files, and continues later.
const PASS: Duration = Duration::from_secs(20);
/// The pause after a failure of the model.
const PAUSE: Duration = Duration::from_secs(30);
/// Maximum number of queries whose vectors are kept.
const MOST_QUERIES: usize = 256;
/// Maximum number of bytes of a query that is sent to the model.
const MOST_QUERY: usize = 1000;

/// The vectors of a collection and the model that makes them.
pub(crate) struct Semantic {
    embedder: Arc<dyn Embedder>,
    /// Maximum number of vectors.
    most: usize,
    dir: PathBuf,
    vectors: OnceLock<RwLock<Vectors>>,
    /// The state of the index for which every passage has its vector.
    complete: Mutex<Option<u64>>,
    /// The number of passages without a vector.
    missing: AtomicU64,
    failed: Mutex<Option<Instant>>,
    queries: Mutex<HashMap<String, Packed>>,
}

/// The passages of an index, within the limit.
struct Passages {
    /// The marks of all.
    marks: HashSet<u64>,
    /// One for each mark without a vector.
    wanted: Vec<(u64, DocAddress)>,
}

/// A state of the index, as a number.
fn state(searcher: &Searcher) -> u64 {
    let parts: Vec<String> = searcher
        .segment_readers()
        .iter()
        .map(|segment| format!("{} {}", segment.segment_id(), segment.num_docs()))
        .collect();
    hash_of(parts.join("\n").as_bytes())
}

impl Semantic {
    /// The vectors beside an index; `None` without a model.
    pub(crate) fn of(settings: &Settings, dir: &Path) -> Option<Self> {
        let model = settings.model.clone()?;
        Some(Self {
            embedder: model.embedder,
            most: model.most,
            dir: dir.to_owned(),
            vectors: OnceLock::new(),
            complete: Mutex::default(),
            missing: AtomicU64::new(0),
            failed: Mutex::default(),
            queries: Mutex::default(),
        })
    }

    fn waits(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < PAUSE)
    }

    fn note(&self, failure: Option<&str>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = failure {
            tracing::warn!(%why, "passages have no vectors now; words are searched alone");
        }
        *failed = failure.map(|_| Instant::now());
    }

    /// The numbers of passages with and without a vector.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let made = self.vectors.get().map_or(0, |vectors| {
            vectors.read().unwrap_or_else(PoisonError::into_inner).len() as u64
        });
        (made, self.missing.load(Ordering::Relaxed))
    }

    /// Makes vectors that are missing, for a while. True if it should continue soon.
    pub(crate) fn continues(&self, opened: &Opened, stops: &dyn Fn() -> bool) -> bool {
        self.pass(opened, stops).unwrap_or_else(|fault| {
            self.note(Some(&fault.to_string()));
            false
        })
    }

    /// Makes vectors that are missing, for a while. True if more are missing.
    fn pass(&self, opened: &Opened, stops: &dyn Fn() -> bool) -> Result<bool, StoreFault> {
        let searcher = opened.searcher();
        let state = state(&searcher);
        let is_complete =
            *self.complete.lock().unwrap_or_else(PoisonError::into_inner) == Some(state);
        if is_complete || self.waits() {
            return Ok(false);
        }
        let model = self.embedder.model();
        let vectors = self.vectors.get_or_init(|| RwLock::new(Vectors::open(&self.dir, model)));
        let Passages { marks, wanted } = self.wanted(&searcher, &opened.fields, vectors)?;
        self.missing.store(wanted.len() as u64, Ordering::Relaxed);
        {
            let mut vectors = vectors.write().unwrap_or_else(PoisonError::into_inner);
            vectors.keep_only(&marks)?;
        }
        let begun = Instant::now();
        for batch in wanted.chunks(AT_ONCE) {
            if stops() || begun.elapsed() > PASS {
                return Ok(!stops());
            }
            if let Err(why) = self.make(&searcher, &opened.fields, batch, vectors) {
                self.note(Some(&why));
                return Ok(false);
            }
            self.missing.fetch_sub(batch.len() as u64, Ordering::Relaxed);
        }
        if !wanted.is_empty() {
            self.note(None);
            tracing::info!(made = wanted.len(), "every passage has its vector");
        }
        *self.complete.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        Ok(false)
    }

    /// The marks of all passages, and a passage for each that has no vector, within the limit.
    fn wanted(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        vectors: &RwLock<Vectors>,
    ) -> Result<Passages, StoreFault> {
        let of = Term::from_field_text(fields.of, CHUNK);
        let query = TermQuery::new(of, IndexRecordOption::Basic);
        let mut chunks: Vec<DocAddress> =
            searcher.search(&query, &DocSetCollector)?.into_iter().collect();
        chunks.sort_unstable();
        let vectors = vectors.read().unwrap_or_else(PoisonError::into_inner);
        let mut columns = Vec::new();
        for segment in searcher.segment_readers() {
            columns.push(segment.fast_fields().u64("mark")?);
        }
        let (mut marks, mut wanted) = (HashSet::new(), Vec::new());
        for address in chunks {
            let column = columns.get(address.segment_ord as usize);
            let Some(mark) = column.and_then(|column| column.first(address.doc_id)) else {
                continue;
            };
            if marks.len() < self.most && marks.insert(mark) && !vectors.has(mark) {
                wanted.push((mark, address));
            }
        }
        Ok(Passages { marks, wanted })
    }

    fn make(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        batch: &[(u64, DocAddress)],
        vectors: &RwLock<Vectors>,
    ) -> Result<(), String> {
        let mut texts = Vec::with_capacity(batch.len());
        for (_, address) in batch {
            let record: TantivyDocument =
                searcher.doc(*address).map_err(|error| error.to_string())?;
            let chunk = ChunkRecord::read(&record, fields);
            texts.push(chunk.map_or_else(String::new, |chunk| {
                passage(&chunk.title, &chunk.heading, &chunk.text)
            }));
        }
        let made = self.embedded(&texts)?;
        let added: Vec<(u64, Packed)> = batch.iter().map(|(mark, _)| *mark).zip(made).collect();
        let mut vectors = vectors.write().unwrap_or_else(PoisonError::into_inner);
        vectors.add(&added).map_err(|error| error.to_string())
    }

    /// The vectors of texts, one for each.
    fn embedded(&self, texts: &[String]) -> Result<Vec<Packed>, String> {
        let made = self.embedder.embed(texts)?;
        if made.len() != texts.len() {
            return Err(format!("{} vectors for {} texts", made.len(), texts.len()));
        }
        let packed: Option<Vec<Packed>> = made.iter().map(|one| Packed::of(one)).collect();
        packed.ok_or_else(|| "a vector has no direction, or too many dimensions".to_owned())
    }

    /// The marks of the passages that are nearest to a query; `None` without vectors.
    pub(crate) fn nearest(&self, query: &str, most: usize) -> Option<Vec<u64>> {
        let vectors = self.vectors.get()?;
        if vectors.read().unwrap_or_else(PoisonError::into_inner).len() == 0 {
            return None;
        }
        let wanted = self.of_query(query)?;
        Some(vectors.read().unwrap_or_else(PoisonError::into_inner).nearest(&wanted, most))
    }

    fn of_query(&self, query: &str) -> Option<Packed> {
        let known = |all: &HashMap<String, Packed>| all.get(query).cloned();
        if let Some(known) = known(&self.queries.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Some(known);
        }
        if query.len() > MOST_QUERY || self.waits() {
            return None;
        }
        let made = self.embedded(&[query.to_owned()]);
        self.note(made.as_ref().err().map(String::as_str));
        let made = made.ok()?.pop()?;
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        if queries.len() >= MOST_QUERIES {
            queries.clear();
        }
        queries.insert(query.to_owned(), made.clone());
        Some(made)
    }
}

/// Addresses in the order of their ranks in several lists: each list adds 1 / (60 + rank) to what it
/// names (reciprocal rank fusion).
pub(crate) fn fused(lists: &[&[DocAddress]]) -> Vec<DocAddress> {
    let mut scores: HashMap<DocAddress, f64> = HashMap::new();
    for list in lists {
        for (rank, address) in (1_u32..).zip(*list) {
            *scores.entry(*address).or_default() += 1.0 / (60.0 + f64::from(rank));
        }
    }
    let mut all: Vec<(DocAddress, f64)> = scores.into_iter().collect();
    all.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    all.into_iter().map(|(address, _)| address).collect()
}

/// Those of the nearest passages that a query admits, the nearest first.
pub(crate) fn admitted(
    searcher: &Searcher,
    marks: &[u64],
    query: &dyn Query,
    most: usize,
) -> tantivy::Result<Vec<DocAddress>> {
    let ranks: HashMap<u64, usize> = marks.iter().copied().zip(0..).collect();
    let mut columns = Vec::new();
    for segment in searcher.segment_readers() {
        columns.push(segment.fast_fields().u64("mark")?);
    }
    let mut found: Vec<(usize, DocAddress)> = searcher
        .search(query, &DocSetCollector)?
        .into_iter()
        .filter_map(|address| {
            let column = columns.get(address.segment_ord as usize)?;
            Some((*ranks.get(&column.first(address.doc_id)?)?, address))
        })
        .collect();
    found.sort_unstable();
    found.truncate(most);
    Ok(found.into_iter().map(|(_, address)| address).collect())
}
