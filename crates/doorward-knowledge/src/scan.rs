//! One comparison of the folders with the index: changed files are read, new ones added, removed
//! ones forgotten. It is written every few seconds, so that an interrupted process continues where
//! it stopped.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    time::{Duration, Instant},
};

use doorward_model::FileFault;
use tantivy::{
    IndexWriter, Searcher, TantivyDocument, Term, collector::DocSetCollector, query::TermSetQuery,
};

use crate::{
    format::read_guarded,
    git::WorkingCopy,
    hash::hash_of,
    record::{self, Document, Stamp, id_of, key_of},
    schema::{DOCUMENT, Fields, LEFT_OUT},
    settings::Settings,
    store::{Opened, StoreFault},
    walk::{Found, Visitor, walk},
};

/// The bytes of texts after which the index is written.
const BATCH: u64 = 256 * 1024 * 1024;
/// The time after which it is written: soon at first, so that there is something to find.
const FIRST: Duration = Duration::from_secs(2);
const LATER: Duration = Duration::from_secs(15);

/// A file as the index knows it.
#[derive(Clone, Copy)]
struct Known {
    stamp: Stamp,
    /// The passes in which it was seen.
    seen: Pass,
}

/// A pass over the folders.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Before,
    Counting,
    Reading,
}

/// Consumer of news about a scan.
pub(crate) trait Watcher {
    /// Takes note of the changed files that were read, of all that there are.
    fn progress(&mut self, done: u64, total: u64);
    /// Takes note of a file or folder that is left out without a record in the index.
    fn left_out(&mut self, path: &str, why: FileFault);
    /// Takes note that something was written.
    fn written(&mut self);
    /// True if the scan is to end early.
    fn stops(&self) -> bool;
}

/// The files that the index knows.
fn known(searcher: &Searcher, fields: &Fields) -> Result<HashMap<u64, Known>, StoreFault> {
    let of = |kind| Term::from_field_text(fields.of, kind);
    let query = TermSetQuery::new([of(DOCUMENT), of(LEFT_OUT)]);
    let records = searcher.search(&query, &DocSetCollector)?;
    let mut columns = Vec::new();
    for segment in searcher.segment_readers() {
        let fast = segment.fast_fields();
        columns.push((fast.u64("key")?, fast.i64("stamp")?, fast.u64("bytes")?, fast.u64("hash")?));
    }
    let mut known = HashMap::with_capacity(records.len());
    for record in records {
        let Some((key, stamp, bytes, hash)) = columns.get(record.segment_ord as usize) else {
            continue;
        };
        let Some(key) = key.first(record.doc_id) else { continue };
        let stamp = Stamp {
            mark: stamp.first(record.doc_id).unwrap_or_default(),
            bytes: bytes.first(record.doc_id).unwrap_or_default(),
            hash: hash.first(record.doc_id).unwrap_or_default(),
        };
        known.insert(key, Known { stamp, seen: Pass::Before });
    }
    Ok(known)
}

struct Scan<'a> {
    settings: &'a Settings,
    opened: &'a Opened,
    writer: &'a mut IndexWriter<TantivyDocument>,
    watcher: &'a mut dyn Watcher,
    known: HashMap<u64, Known>,
    /// The Git working copies that folders of the collection belong to, by label.
    copies: HashMap<&'a str, WorkingCopy>,
    /// Folders of the collection that cannot be read at all.
    missing: Vec<String>,
    pass: Pass,
    found: u64,
    changed: u64,
    done: u64,
    batch: u64,
    written: Instant,
    wait: Duration,
    fault: Option<StoreFault>,
    is_ended: bool,
}

/// Scans the folders. False if the scan ended early.
pub(crate) fn scan(
    settings: &Settings,
    opened: &Opened,
    writer: &mut IndexWriter<TantivyDocument>,
    watcher: &mut dyn Watcher,
) -> Result<bool, StoreFault> {
    let mut scan = Scan {
        settings,
        opened,
        known: known(&opened.searcher(), &opened.fields)?,
        writer,
        watcher,
        copies: settings
            .folders
            .iter()
            .filter_map(|folder| Some((folder.label.as_str(), WorkingCopy::of(&folder.path)?)))
            .collect(),
        missing: Vec::new(),
        pass: Pass::Counting,
        found: 0,
        changed: 0,
        done: 0,
        batch: 0,
        written: Instant::now(),
        wait: FIRST,
        fault: None,
        is_ended: false,
    };
    scan.walk()?;
    if scan.is_ended {
        return Ok(false);
    }
    let gone = scan.known.values().any(|known| known.seen != Pass::Counting);
    if scan.changed == 0 && !gone {
        return Ok(true);
    }
    scan.pass = Pass::Reading;
    scan.missing.clear();
    scan.found = 0;
    scan.watcher.progress(0, scan.changed);
    scan.walk()?;
    if !scan.is_ended {
        scan.forget()?;
    }
    scan.write()?;
    Ok(!scan.is_ended)
}

impl Scan<'_> {
    fn walk(&mut self) -> Result<(), StoreFault> {
        let settings = self.settings;
        for folder in &settings.folders {
            if !walk(settings, folder, self) {
                break;
            }
            if settings.sources.contains(&folder.label) {
                for (path, why) in crate::mirror::faults(&folder.path, &folder.label) {
                    self.left_out(&path, why);
                }
            }
        }
        self.fault.take().map_or(Ok(()), Err)
    }

    /// Writes what was collected.
    fn write(&mut self) -> Result<(), StoreFault> {
        self.writer.commit()?;
        self.opened.reload()?;
        self.watcher.written();
        self.batch = 0;
        self.written = Instant::now();
        Ok(())
    }

    fn term(&self, key: u64) -> Term {
        Term::from_field_text(self.opened.fields.id, &id_of(key))
    }

    /// Forgets the files that are no longer there. Those of a folder that cannot be reached at all,
    /// such as one that is not mounted, are kept.
    fn forget(&mut self) -> Result<(), StoreFault> {
        let gone: Vec<u64> = self
            .known
            .iter()
            .filter(|(_, known)| known.seen != Pass::Reading)
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            let is_kept = !self.missing.is_empty()
                && self.path_of(key)?.is_some_and(|path| {
                    let label = path.split('/').next().unwrap_or_default();
                    self.missing.iter().any(|missing| missing == label)
                });
            if !is_kept {
                self.writer.delete_term(self.term(key));
            }
        }
        Ok(())
    }

    fn record_of(&self, key: u64) -> Result<Option<TantivyDocument>, StoreFault> {
        let fields = &self.opened.fields;
        let searcher = self.opened.searcher();
        let query = TermSetQuery::new([Term::from_field_text(fields.record, &id_of(key))]);
        let found = searcher.search(&query, &DocSetCollector)?;
        Ok(match found.into_iter().next() {
            Some(address) => Some(searcher.doc(address)?),
            None => None,
        })
    }

    fn path_of(&self, key: u64) -> Result<Option<String>, StoreFault> {
        let record = self.record_of(key)?;
        Ok(record.and_then(|record| record::text(&record, self.opened.fields.path)))
    }

    /// The commit that is checked out where a document is.
    fn head(&self, path: &str) -> Option<String> {
        self.copies.get(path.split('/').next().unwrap_or_default())?.head()
    }

    /// Reads a file that is new or changed.
    fn take(&mut self, found: &Found, key: u64, before: Option<Stamp>) -> Result<(), StoreFault> {
        let fields = &self.opened.fields;
        let mut stamp = Stamp { mark: found.mark(), bytes: found.bytes, hash: 0 };
        let head = self.head(&found.path);
        let outcome = if found.bytes > self.settings.file_bytes {
            Err(FileFault::TooLarge)
        } else {
            contents(found, self.settings.file_bytes)
        };
        // Of a working copy that changes meanwhile, no commit is known.
        let commit = head.filter(|head| self.head(&found.path).as_ref() == Some(head));
        let content = match outcome {
            Ok(bytes) => {
                stamp.hash = hash_of(&bytes);
                let same = before.is_some_and(|before| before.hash == stamp.hash);
                if same && self.touch(key, found)? {
                    return Ok(());
                }
                self.batch += bytes.len() as u64;
                read_guarded(found.format, bytes)
            }
            Err(why) => Err(why),
        };
        self.writer.delete_term(self.term(key));
        match content {
            Ok(content) => {
                let document = Document::of(found, &content, stamp.hash).at(commit);
                self.writer.add_document(document.record(fields))?;
                for chunk in document.chunk_records(fields, &content) {
                    self.writer.add_document(chunk)?;
                }
            }
            Err(why) => {
                let record = record::left_out(fields, &found.path, why, stamp);
                self.writer.add_document(record)?;
            }
        }
        Ok(())
    }

    /// Takes note of the new date of a document whose content is the same.
    fn touch(&mut self, key: u64, found: &Found) -> Result<bool, StoreFault> {
        let fields = &self.opened.fields;
        let Some(record) = self.record_of(key)? else { return Ok(false) };
        let Some(mut document) = Document::read(&record, fields) else { return Ok(false) };
        if document.origin != found.origin {
            // The chunks state it too.
            return Ok(false);
        }
        document.stamp = found.mark();
        let term = Term::from_field_text(fields.record, &id_of(key));
        self.writer.delete_term(term);
        self.writer.add_document(document.record(fields))?;
        Ok(true)
    }

    fn read(&mut self, found: &Found, key: u64, before: Option<Stamp>) -> Result<(), StoreFault> {
        self.take(found, key, before)?;
        self.done += 1;
        self.watcher.progress(self.done, self.changed);
        if self.batch > BATCH || self.written.elapsed() > self.wait {
            self.wait = LATER;
            self.write()?;
        }
        Ok(())
    }
}

/// The bytes of a file, which may have grown since it was found.
fn contents(found: &Found, most: u64) -> Result<Vec<u8>, FileFault> {
    let file = File::open(&found.place).map_err(|_| FileFault::File)?;
    // A link may have taken the file's place since it was found.
    let (opened, named) = (file.metadata(), fs::symlink_metadata(&found.place));
    let (opened, named) =
        (opened.map_err(|_| FileFault::File)?, named.map_err(|_| FileFault::File)?);
    let is_same = (opened.dev(), opened.ino()) == (named.dev(), named.ino())
        && fs::canonicalize(&found.place).is_ok_and(|place| place == found.place);
    if !is_same {
        return Err(FileFault::Outside);
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|_| FileFault::File)?;
    if bytes.len() as u64 > most { Err(FileFault::TooLarge) } else { Ok(bytes) }
}

impl Visitor for Scan<'_> {
    fn found(&mut self, found: Found) -> bool {
        if self.watcher.stops() {
            self.is_ended = true;
            return false;
        }
        self.found += 1;
        if self.found > self.settings.documents {
            if self.pass == Pass::Counting {
                self.watcher.left_out(&found.path, FileFault::TooMany);
            }
            return true;
        }
        let key = key_of(&found.path);
        let before = self.known.get(&key).copied();
        if before.is_some_and(|known| known.seen == self.pass) {
            // Two paths with one identifier, which no two documents have by chance.
            self.watcher.left_out(&found.path, FileFault::Name);
            return true;
        }
        let stamp = Stamp { mark: found.mark(), bytes: found.bytes, hash: 0 };
        let is_same = before.is_some_and(|known| {
            known.stamp.mark == stamp.mark && known.stamp.bytes == stamp.bytes
        });
        match self.pass {
            Pass::Before => {}
            Pass::Counting => {
                if let Some(known) = self.known.get_mut(&key) {
                    known.seen = Pass::Counting;
                }
                self.changed += u64::from(!is_same);
            }
            Pass::Reading => {
                let kept = before.map_or(stamp, |known| known.stamp);
                self.known.insert(key, Known { stamp: kept, seen: Pass::Reading });
                let known = before.map(|known| known.stamp);
                if !is_same && let Err(fault) = self.read(&found, key, known) {
                    self.fault = Some(fault);
                    return false;
                }
            }
        }
        true
    }

    fn left_out(&mut self, path: &str, why: FileFault) {
        if why == FileFault::Folder && !path.contains('/') {
            self.missing.push(path.to_owned());
        }
        if self.pass == Pass::Counting {
            self.watcher.left_out(path, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WrittenSettings;

    /// A watcher that ends the scan after some files, as the end of the process does.
    struct Ends {
        after: u64,
        read: u64,
        total: u64,
    }

    impl Watcher for Ends {
        fn progress(&mut self, done: u64, total: u64) {
            (self.read, self.total) = (done, total);
        }
        fn left_out(&mut self, _: &str, _: FileFault) {}
        fn written(&mut self) {}
        fn stops(&self) -> bool {
            self.read >= self.after
        }
    }

    #[test]
    fn a_scan_that_ended_early_continues_with_what_is_missing() {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for number in 0..20 {
            let path = folder.path().join(format!("{number}.md"));
            fs::write(path, format!("text {number}")).unwrap();
        }
        let settings = Settings::parse(&WrittenSettings {
            folders: vec![format!("docs = {}", folder.path().display())],
            ..WrittenSettings::default()
        })
        .unwrap();
        let opened = Opened::open(data.path()).unwrap();
        let mut writer = opened.writer().unwrap();
        let mut run = |after| {
            let mut watcher = Ends { after, read: 0, total: 0 };
            let complete = scan(&settings, &opened, &mut writer, &mut watcher).unwrap();
            (
                complete,
                watcher.read,
                watcher.total,
                known(&opened.searcher(), &opened.fields).unwrap().len(),
            )
        };
        assert_eq!(run(5), (false, 5, 20, 5));
        assert_eq!(run(100), (true, 15, 15, 20));
        assert_eq!(run(100), (true, 0, 0, 20));
    }
}
