//! Vectors of the passages of an index: made a part at a time in the thread that maintains the index,
//! and asked for when a query comes. The model is on another server, so that each step is bounded
//! and a failure costs nothing but the vectors.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
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
    embedder::{Embedder, NoVectors},
    hash::hash_of,
    record::{ChunkRecord, passage},
    schema::{CHUNK, Fields},
    settings::Settings,
    store::{Opened, StoreFault},
    vectors::{Near, Packed, Vectors},
};

/// The passages that are sent to the model at once.
const AT_ONCE: usize = 16;
/// Time of one pass. The thread then looks for changed files, and continues later.
const PASS: Duration = Duration::from_secs(20);
/// The pause after a failure of the model.
const PAUSE: Duration = Duration::from_secs(30);
/// Maximum number of passages in a row that a model refuses for a reason of their own.
const MOST_IN_A_ROW: usize = 32;
/// Maximum number of queries whose vectors are kept.
const MOST_QUERIES: usize = 256;
/// Maximum number of bytes of a query that is sent to the model.
const MOST_QUERY: usize = 1000;
/// The share of the nearest one's cosine that others need: models find something near to
/// everything.
const SHARE: f32 = 0.5;

/// The vectors of a collection and the model that makes them.
pub(crate) struct Semantic {
    embedder: Arc<dyn Embedder>,
    /// Maximum number of vectors.
    most: usize,
    dir: PathBuf,
    vectors: OnceLock<RwLock<Vectors>>,
    /// The file as another process left it, when it was read last: its length and the time of its
    /// change, in nanoseconds.
    followed: Mutex<Option<(u64, i128)>>,
    /// The state of the index for which every passage has its vector.
    complete: Mutex<Option<u64>>,
    /// The number of passages without a vector.
    missing: AtomicU64,
    failed: Mutex<Option<Instant>>,
    /// The passages that the model refuses, which cost only themselves.
    refused: Mutex<HashSet<u64>>,
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
            followed: Mutex::default(),
            complete: Mutex::default(),
            missing: AtomicU64::new(0),
            failed: Mutex::default(),
            refused: Mutex::default(),
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

    fn refused(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of passages with and without a vector.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let made = self.vectors.get().map_or(0, |vectors| {
            vectors.read().unwrap_or_else(PoisonError::into_inner).len() as u64
        });
        (made, self.missing.load(Ordering::Relaxed))
    }

    /// Reads the vectors that another process makes, where they changed.
    pub(crate) fn follow(&self) {
        let Ok(file) = fs::metadata(Vectors::file(&self.dir)) else { return };
        let modified = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
        let found = Some((file.len(), modified));
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if *followed == found {
            return;
        }
        let read = Vectors::open(&self.dir, self.embedder.model());
        match self.vectors.get() {
            Some(known) => *known.write().unwrap_or_else(PoisonError::into_inner) = read,
            None => drop(self.vectors.set(RwLock::new(read))),
        }
        *followed = found;
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
        // Another process made them until now.
        if self.followed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            self.follow();
            *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
        let mut left: VecDeque<&[(u64, DocAddress)]> = wanted.chunks(AT_ONCE).collect();
        let mut in_a_row = 0;
        while let Some(batch) = left.pop_front() {
            if stops() || begun.elapsed() > PASS {
                return Ok(!stops());
            }
            match (self.make(&searcher, &opened.fields, batch, vectors), batch) {
                (Ok(()), _) => in_a_row = 0,
                (Err(NoVectors::Refused(why)), [(mark, _)]) if in_a_row < MOST_IN_A_ROW => {
                    tracing::warn!(%why, "a passage has no vector");
                    self.refused().insert(*mark);
                    in_a_row += 1;
                }
                (Err(fault @ NoVectors::Refused(_)), [_]) => {
                    // It is not about these passages.
                    self.note(Some(&fault.to_string()));
                    return Ok(false);
                }
                (Err(NoVectors::Refused(_)), several) => {
                    for one in several.chunks(1).rev() {
                        left.push_front(one);
                    }
                    continue;
                }
                (Err(NoVectors::Unavailable(why)), _) => {
                    self.note(Some(&why));
                    return Ok(false);
                }
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
        let mut refused = self.refused();
        for address in chunks {
            let column = columns.get(address.segment_ord as usize);
            let Some(mark) = column.and_then(|column| column.first(address.doc_id)) else {
                continue;
            };
            let is_new = marks.len() < self.most && marks.insert(mark) && !vectors.has(mark);
            if is_new && !refused.contains(&mark) {
                wanted.push((mark, address));
            }
        }
        refused.retain(|mark| marks.contains(mark));
        Ok(Passages { marks, wanted })
    }

    fn make(
        &self,
        searcher: &Searcher,
        fields: &Fields,
        batch: &[(u64, DocAddress)],
        vectors: &RwLock<Vectors>,
    ) -> Result<(), NoVectors> {
        let failed = |error: &dyn std::fmt::Display| NoVectors::Unavailable(error.to_string());
        let mut texts = Vec::with_capacity(batch.len());
        for (_, address) in batch {
            let record: TantivyDocument = searcher.doc(*address).map_err(|error| failed(&error))?;
            let chunk = ChunkRecord::read(&record, fields);
            texts.push(chunk.map_or_else(String::new, |chunk| {
                passage(&chunk.title, &chunk.heading, &chunk.text)
            }));
        }
        let made = self.embedded(&texts)?;
        let added: Vec<(u64, Packed)> = batch.iter().map(|(mark, _)| *mark).zip(made).collect();
        let mut vectors = vectors.write().unwrap_or_else(PoisonError::into_inner);
        vectors.add(&added).map_err(|error| failed(&error))
    }

    /// The vectors of texts, one for each.
    fn embedded(&self, texts: &[String]) -> Result<Vec<Packed>, NoVectors> {
        let made = self.embedder.embed(texts)?;
        if made.len() != texts.len() {
            let why = format!("{} vectors for {} texts", made.len(), texts.len());
            return Err(NoVectors::Unavailable(why));
        }
        let packed: Option<Vec<Packed>> = made.iter().map(|one| Packed::of(one)).collect();
        packed.ok_or_else(|| {
            NoVectors::Refused("a vector has no direction, or too many dimensions".to_owned())
        })
    }

    /// The vector of a query; `None` without vectors of passages, or without a model now.
    pub(crate) fn direction(&self, query: &str) -> Option<Packed> {
        let vectors = self.vectors.get()?;
        if vectors.read().unwrap_or_else(PoisonError::into_inner).len() == 0 {
            return None;
        }
        self.of_query(query)
    }

    /// The passages that are nearest to a vector, seen by the caller or not.
    pub(crate) fn nearest(&self, wanted: &Packed, most: usize) -> Vec<Near> {
        let Some(vectors) = self.vectors.get() else { return Vec::new() };
        vectors.read().unwrap_or_else(PoisonError::into_inner).nearest(wanted, most)
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
        match &made {
            Ok(_) => self.note(None),
            // A query of one user takes the meaning from no other query.
            Err(NoVectors::Refused(_)) => {}
            Err(NoVectors::Unavailable(why)) => self.note(Some(why)),
        }
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
pub(crate) struct Admitted {
    pub(crate) addresses: Vec<DocAddress>,
    /// Passages that are farther away would change nothing.
    pub(crate) is_settled: bool,
}

/// Those of the nearest passages that a query admits. The nearest of them says how near the others
/// must be: one that the query does not admit has no effect on them, so that results tell nothing
/// of what a caller may not see.
pub(crate) fn admitted(
    searcher: &Searcher,
    near: &[Near],
    query: &dyn Query,
    most: usize,
) -> tantivy::Result<Admitted> {
    let ranks: HashMap<u64, usize> = near.iter().map(|one| one.mark).zip(0..).collect();
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
    let cosine = |rank: usize| near.get(rank).map_or(0.0, |one| one.cosine);
    let least = found.first().map(|(rank, _)| cosine(*rank) * SHARE);
    found.retain(|(rank, _)| least.is_none_or(|least| cosine(*rank) >= least));
    let farthest = near.last().map_or(0.0, |one| one.cosine);
    let is_settled = found.len() >= most || least.is_some_and(|least| farthest < least);
    found.truncate(most);
    let addresses = found.into_iter().map(|(_, address)| address).collect();
    Ok(Admitted { addresses, is_settled })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Model, WrittenSettings};

    struct Words;

    impl Embedder for Words {
        fn model(&self) -> &'static str {
            "words"
        }
        fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, NoVectors> {
            Ok(texts.iter().map(|_| vec![1.0, 0.5]).collect())
        }
    }

    #[test]
    fn ca4_a_second_replica_reads_the_vectors_that_the_first_one_makes() {
        let dir = tempfile::tempdir().unwrap();
        let folders = vec![format!("docs = {}", dir.path().display())];
        let written = WrittenSettings { folders, ..WrittenSettings::default() };
        let mut settings = Settings::parse(&written).unwrap();
        settings.model = Some(Model { embedder: Arc::new(Words), most: 100 });
        let second = Semantic::of(&settings, dir.path()).unwrap();
        second.follow();
        assert!(second.direction("a query").is_none(), "there are none yet");
        let mut first = Vectors::open(dir.path(), "words");
        for mark in 1..4_u64 {
            first.add(&[(mark, Packed::of(&[1.0, 0.5]).unwrap())]).unwrap();
            second.follow();
            let wanted = second.direction("a query").unwrap();
            let found = second.nearest(&wanted, 9).len() as u64;
            assert_eq!((second.counts().0, found), (mark, mark));
        }
        // Those of another model are of no use.
        let mut other = Vectors::open(dir.path(), "others");
        other.add(&[(9, Packed::of(&[1.0, 0.5, 0.25]).unwrap())]).unwrap();
        second.follow();
        assert_eq!(second.counts().0, 0);
    }
}
