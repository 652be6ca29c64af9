//! Copies of an upstream's resources, as files of a folder of the collection, which is indexed like
//! every other. What is known of them is written beside them, so that an interrupted run continues
//! and an unchanged resource is not read again.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use doorward_model::{FileFault, foreign};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    format::Format,
    settings::{plain, source_folder},
};

/// The name of the file with what is known.
const STATE: &str = ".known.json";
/// Maximum number of parts of a name. None is left out: rules for folders count by the first ones.
const MOST_PARTS: usize = 32;
/// Maximum number of faults that are kept by name.
const MOST_FAULTS: usize = 100;

/// A resource.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    /// Its URI at the upstream.
    pub uri: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its media type; empty if none is stated.
    pub media_type: &'a str,
    /// The time of its last change, as the upstream states it.
    pub changed: Option<&'a str>,
}

/// The bounds of the copies of one upstream.
#[derive(Clone, Copy, Debug)]
pub struct MirrorBounds {
    /// Maximum number of copies.
    pub documents: u64,
    /// Maximum number of bytes of all copies.
    pub bytes: u64,
}

/// A copy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Copied {
    file: String,
    changed: Option<String>,
    bytes: u64,
}

/// The knowledge of all copies of one upstream.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    copies: BTreeMap<String, Copied>,
    faults: BTreeMap<String, FileFault>,
}

/// The copies of one upstream's resources, while no other process changes them.
pub struct Mirror {
    root: PathBuf,
    known: Known,
    bounds: MirrorBounds,
    /// Its lock ends with it.
    _lock: File,
}

fn read(root: &Path) -> Known {
    let bytes = fs::read(root.join(STATE)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The resources of which there is no copy, or an old one only, by their names in the collection.
pub(crate) fn faults(root: &Path, upstream: &str) -> Vec<(String, FileFault)> {
    let named = |(name, fault): (String, FileFault)| match name.as_str() {
        "" => (upstream.to_owned(), fault),
        name => (format!("{upstream}/{name}"), fault),
    };
    read(root).faults.into_iter().map(named).collect()
}

/// The ending of the file of a resource.
fn ending(original: &Original<'_>, is_text: bool) -> Option<String> {
    let essence = original.media_type.split(';').next().unwrap_or_default().trim();
    let of_type = match essence.to_ascii_lowercase().as_str() {
        "text/markdown" | "text/x-markdown" => Some("md"),
        "text/html" | "application/xhtml+xml" => Some("html"),
        "application/pdf" => Some("pdf"),
        "message/rfc822" => Some("eml"),
        "application/json" => Some("json"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Some("docx"),
        "text/csv" => Some("csv"),
        _ => None,
    };
    let path = original.uri.split(['?', '#']).next().unwrap_or_default();
    let own = path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let own = own.map(|(_, ending)| ending).filter(|ending| {
        Format::of(&format!("x.{ending}")).is_some()
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    let found = of_type.or(own).or(is_text.then_some("txt"))?;
    Some(found.to_ascii_lowercase())
}

/// The parts of the name of a resource, all of them.
fn parts(uri: &str) -> Vec<String> {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    rest.split('/').map(plain).filter(|part| !part.is_empty()).collect()
}

/// The name of a resource without an ending: it follows from the URI, so that citations stay and
/// rules for folders hold for it.
fn place(uri: &str) -> String {
    let mut parts = parts(uri);
    parts.truncate(MOST_PARTS);
    let mut last = parts.pop().unwrap_or_else(|| "resource".to_owned());
    if let Some((before, own)) = last.rsplit_once('.')
        && Format::of(&format!("x.{own}")).is_some()
    {
        last = before.to_owned();
    }
    let hash = Sha256::digest(uri.as_bytes());
    let number = hash.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    parts.push(format!("{last}-{number:08x}"));
    parts.join("/")
}

/// The name of the copy of a resource.
fn name(uri: &str, ending: &str) -> String {
    format!("{}.{ending}", place(uri))
}

/// The content of a copy: Markdown states its title, unless it does so itself.
fn written(original: &Original<'_>, ending: &str, bytes: Vec<u8>) -> Vec<u8> {
    let title = foreign::line(original.title, 200);
    if ending != "md" || title.is_empty() || bytes.starts_with(b"---") || bytes.starts_with(b"# ") {
        return bytes;
    }
    let uri = foreign::line(original.uri, 1000);
    let mut all = format!("---\ntitle: {title}\nuri: {uri}\n---\n").into_bytes();
    all.extend(bytes);
    all
}

impl Mirror {
    /// The copies of an upstream's resources beside an index. `None` while another process changes
    /// them.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used.
    pub fn open(dir: &Path, upstream: &str, bounds: MirrorBounds) -> io::Result<Option<Self>> {
        let root = source_folder(dir, upstream);
        fs::create_dir_all(&root)?;
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(root.join(".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Some(Self { known: read(&root), root, bounds, _lock: lock }))
    }

    /// True if there is a copy of a resource since its last change. One that states no change is
    /// read again each time.
    pub fn is_current(&self, original: &Original<'_>) -> bool {
        let Some(known) = self.known.copies.get(original.uri) else { return false };
        // Earlier versions gave other names, for which rules for folders did not hold.
        let has_its_name =
            known.file.rsplit_once('.').is_some_and(|(own, _)| own == place(original.uri));
        has_its_name
            && original.changed.is_some()
            && known.changed.as_deref() == original.changed
            && self.root.join(&known.file).is_file()
    }

    /// Stores the content of a resource.
    ///
    /// # Errors
    ///
    /// The reason for which there is no copy of it; it is kept by name too.
    pub fn put(&mut self, original: &Original<'_>, bytes: Vec<u8>) -> Result<(), FileFault> {
        let stored = self.store(original, bytes);
        if let Err(fault) = stored {
            self.fail(original.uri, fault);
        }
        stored
    }

    fn store(&mut self, original: &Original<'_>, bytes: Vec<u8>) -> Result<(), FileFault> {
        if parts(original.uri).len() > MOST_PARTS {
            return Err(FileFault::Deep);
        }
        let is_text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
        let ending = ending(original, is_text).ok_or(FileFault::Broken)?;
        let bytes = written(original, &ending, bytes);
        let (file, size) = (name(original.uri, &ending), bytes.len() as u64);
        let others = self.known.copies.iter().filter(|(uri, _)| *uri != original.uri);
        let (count, sum) =
            others.fold((0, 0), |(count, sum), (_, known)| (count + 1, sum + known.bytes));
        if count >= self.bounds.documents || sum + size > self.bounds.bytes {
            return Err(FileFault::TooMany);
        }
        let copy = self.root.join(&file);
        // An unchanged file keeps its time, so that it is not indexed again.
        let is_same = fs::read(&copy).is_ok_and(|held| held == bytes);
        if !is_same {
            self.replace(&copy, &bytes).map_err(|_| FileFault::File)?;
        }
        let changed = original.changed.map(ToOwned::to_owned);
        let copied = Copied { file: file.clone(), changed, bytes: size };
        let before = self.known.copies.insert(original.uri.to_owned(), copied);
        if let Some(before) = before.filter(|before| before.file != file) {
            let _ = fs::remove_file(self.root.join(before.file));
        }
        self.known.faults.remove(&place(original.uri));
        Ok(())
    }

    fn replace(&self, place: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        let part = self.root.join(".part");
        fs::write(&part, bytes)?;
        fs::rename(part, place)
    }

    /// Keeps that a resource could not be copied. An earlier copy stays.
    pub fn fail(&mut self, uri: &str, fault: FileFault) {
        if self.known.faults.len() < MOST_FAULTS {
            self.known.faults.insert(place(uri), fault);
        }
    }

    /// Keeps that the resources could not be listed at all, or that they could.
    pub fn note_source(&mut self, is_listed: bool) {
        if is_listed {
            self.known.faults.remove("");
        } else {
            self.known.faults.insert(String::new(), FileFault::Source);
        }
    }

    /// Removes the copies of resources that are no longer listed, and their faults.
    pub fn keep_only(&mut self, listed: &HashSet<&str>) {
        let is_unlisted = |uri: &String| !listed.contains(uri.as_str());
        let gone: Vec<String> =
            self.known.copies.keys().filter(|uri| is_unlisted(uri)).cloned().collect();
        for uri in gone {
            if let Some(copied) = self.known.copies.remove(&uri) {
                let _ = fs::remove_file(self.root.join(copied.file));
            }
        }
        let names: HashSet<String> = listed.iter().map(|uri| place(uri)).collect();
        self.known.faults.retain(|name, _| name.is_empty() || names.contains(name));
    }

    /// Writes what is known, so that the next run begins with it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save(&self) -> io::Result<()> {
        let part = self.root.join(".known.part");
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec(&self.known)?)?;
        file.sync_all()?;
        fs::rename(part, self.root.join(STATE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original<'a>(uri: &'a str, media_type: &'a str, changed: Option<&'a str>) -> Original<'a> {
        Original { uri, title: "A title", media_type, changed }
    }

    const BOUNDS: MirrorBounds = MirrorBounds { documents: 3, bytes: 200 };

    #[test]
    fn names_follow_from_uris_and_lead_nowhere_else() {
        for (uri, ending, expected) in [
            ("wiki://pages/Home page", "md", "pages/Home page-"),
            ("file:///../../etc/passwd", "txt", "etc/passwd-"),
            ("https://x.example/a/b.html?v=1", "html", "x.example/a/b-"),
            ("mem:", "txt", "mem--"),
            ("a://..", "txt", "resource-"),
            ("a://\u{202e}x/\0", "txt", "-x/--"),
        ] {
            let name = name(uri, ending);
            assert!(name.starts_with(expected), "{uri}: {name}");
            assert!(name.ends_with(&format!(".{ending}")), "{uri}: {name}");
            assert!(!name.split('/').any(|part| part.starts_with('.')), "{uri}: {name}");
        }
        assert_ne!(name("a://x?1", "md"), name("a://x?2", "md"));
    }

    #[test]
    fn the_folders_of_a_resource_are_never_left_out_since_rules_count_by_them() {
        let deep = |levels: usize| format!("wiki://hr/{}last", "a/".repeat(levels));
        for (uri, folder) in [
            (deep(10).as_str(), "hr/a/a/a/a/a/a/a/a/a/a/"),
            ("wiki://hr.corp/README", "hr.corp/"),
            ("wiki://hr.corp/Makefile?x=1", "hr.corp/"),
            ("wiki://hr.md/plan", "hr.md/"),
        ] {
            let name = name(uri, "md");
            assert!(name.starts_with(folder), "{uri}: {name}");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::open(dir.path(), "wiki", BOUNDS).unwrap().unwrap();
        let put = mirror.put(&original(&deep(40), "text/markdown", None), b"Words".to_vec());
        assert_eq!(put, Err(FileFault::Deep));
        let named = {
            mirror.save().unwrap();
            faults(&source_folder(dir.path(), "wiki"), "wiki")
        };
        assert!(
            named[0].0.starts_with("wiki/hr/a/"),
            "rules hold for the names of faults: {named:?}"
        );
        // A copy under a name of an earlier version is made again.
        let one = original("wiki://hr/a/b/c/d/e/f/g", "text/markdown", Some("1"));
        mirror.put(&one, b"Words".to_vec()).unwrap();
        assert!(mirror.is_current(&one));
        let root = source_folder(dir.path(), "wiki");
        let file = "b/c/d/e/f/g-00000000.md".to_owned();
        fs::create_dir_all(root.join("b/c/d/e/f")).unwrap();
        fs::write(root.join(&file), "Words").unwrap();
        mirror.known.copies.get_mut(one.uri).unwrap().file.clone_from(&file);
        assert!(!mirror.is_current(&one));
        mirror.put(&one, b"Words".to_vec()).unwrap();
        assert!(mirror.is_current(&one) && !root.join(file).exists());
    }

    #[test]
    fn an_unchanged_resource_is_current_and_one_that_is_unlisted_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) =
            (original("w://one", "text/markdown", Some("1")), original("w://two", "", None));
        let mut mirror = Mirror::open(dir.path(), "wiki", BOUNDS).unwrap().unwrap();
        assert!(Mirror::open(dir.path(), "wiki", BOUNDS).unwrap().is_none(), "two at once");
        mirror.put(&one, b"Words".to_vec()).unwrap();
        mirror.put(&two, b"Others".to_vec()).unwrap();
        mirror.save().unwrap();
        drop(mirror);
        let mut mirror = Mirror::open(dir.path(), "wiki", BOUNDS).unwrap().unwrap();
        assert!(mirror.is_current(&one) && !mirror.is_current(&two));
        assert!(!mirror.is_current(&original("w://one", "text/markdown", Some("2"))));
        let root = source_folder(dir.path(), "wiki");
        let file = root.join(name("w://one", "md"));
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "---\ntitle: A title\nuri: w://one\n---\nWords"
        );
        mirror.keep_only(&HashSet::from(["w://two"]));
        assert!(!file.exists() && root.join(name("w://two", "txt")).exists());
    }

    #[test]
    fn a_resource_beyond_the_bounds_or_of_an_unknown_kind_costs_itself_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::open(dir.path(), "wiki", BOUNDS).unwrap().unwrap();
        let put = |mirror: &mut Mirror, uri: &str, bytes: &[u8]| {
            mirror.put(&original(uri, "", None), bytes.to_vec())
        };
        put(&mut mirror, "w://a", b"a").unwrap();
        assert_eq!(put(&mut mirror, "w://picture", b"\0\x01\xff"), Err(FileFault::Broken));
        assert_eq!(put(&mut mirror, "w://long", &[b'x'; 200]), Err(FileFault::TooMany));
        put(&mut mirror, "w://b", b"b").unwrap();
        put(&mut mirror, "w://c", b"c").unwrap();
        assert_eq!(put(&mut mirror, "w://d", b"d"), Err(FileFault::TooMany));
        mirror.fail("w://a", FileFault::Resource);
        mirror.note_source(false);
        mirror.save().unwrap();
        let named: Vec<_> = faults(&source_folder(dir.path(), "wiki"), "wiki");
        let wanted = [
            ("w://a", FileFault::Resource),
            ("w://d", FileFault::TooMany),
            ("w://long", FileFault::TooMany),
            ("w://picture", FileFault::Broken),
        ];
        let wanted = wanted.map(|(uri, fault)| (format!("wiki/{}", place(uri)), fault));
        let of_source = ("wiki".to_owned(), FileFault::Source);
        assert_eq!(named, [&[of_source], &wanted[..]].concat());
        assert!(
            source_folder(dir.path(), "wiki").join(name("w://a", "txt")).exists(),
            "the copy was deleted"
        );
    }
}
