//! Documents that administrators upload. They are files of one folder of the collection, which is
//! indexed like every other.
//!
//! A file is written under another name, forced to the disk and renamed, so that the end of the
//! process or of the machine leaves the old document or the new one and never a part. A lock of the
//! operating system orders the changes of all processes that use the folder. A change is prepared
//! first and carried out then, so that what is written of it elsewhere is written before it.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

use doorward_model::{FileFault, StoredUpload, UploadFault, UploadPath, UploadedDocument, Uploads};
use sha2::{Digest as _, Sha256};

use crate::{
    settings::{Folder, Settings},
    walk::{Found, Visitor, walk},
};

/// The folder of this module's own files. It is hidden, so that it is never indexed.
const OWN: &str = ".doorward";
/// Maximum number of files that are looked at.
const MOST_SEEN: usize = 200_000;

fn folder_fault(error: &io::Error) -> UploadFault {
    UploadFault::Folder(error.kind().to_string())
}

/// The files that are there.
#[derive(Default)]
struct Seen {
    files: Vec<Found>,
    fault: Option<FileFault>,
}

impl Visitor for Seen {
    fn found(&mut self, found: Found) -> bool {
        self.files.push(found);
        self.files.len() < MOST_SEEN
    }

    fn left_out(&mut self, path: &str, why: FileFault) {
        if !path.contains('/') {
            self.fault = Some(why);
        }
    }
}

/// A change of the folder of uploads that can be carried out. Dropping it changes nothing.
pub struct PreparedUpload<T> {
    locked: Locked,
    change: Prepared,
    target: PathBuf,
    parent: PathBuf,
    done: T,
}

/// The change itself.
enum Prepared {
    /// This file becomes the document.
    Put(PathBuf),
    /// The document is removed.
    Remove,
}

impl<T> PreparedUpload<T> {
    /// The result that it will have.
    pub fn done(&self) -> &T {
        &self.done
    }

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// The folder cannot be used. Nothing was changed then.
    pub fn carry_out(self) -> Result<T, UploadFault> {
        let Self { locked, change, target, parent, done } = self;
        let changed = match &change {
            Prepared::Put(part) => fs::rename(part, &target),
            Prepared::Remove => fs::remove_file(&target),
        };
        changed.map_err(|error| folder_fault(&error))?;
        sync(&parent)?;
        if matches!(change, Prepared::Remove) {
            for empty in parent.ancestors().take_while(|empty| *empty != locked.root) {
                if fs::remove_dir(empty).is_err() {
                    break;
                }
            }
        }
        Ok(done)
    }
}

/// The folder of uploads while changes by others wait.
struct Locked {
    root: PathBuf,
    own: PathBuf,
    /// The user and group that the folder belongs to.
    owner: (u32, u32),
    /// Its lock ends with it.
    _lock: File,
}

fn shown(folder: &Folder, found: &Found) -> UploadedDocument {
    let below = found.path.strip_prefix(&folder.label).unwrap_or(&found.path);
    UploadedDocument {
        path: below.trim_start_matches('/').to_owned(),
        document: found.path.clone(),
        bytes: found.bytes,
        modified: found.modified / 1_000_000_000,
    }
}

impl Settings {
    fn upload_folder(&self, collection: &str) -> Result<&Folder, UploadFault> {
        self.uploads.as_ref().ok_or_else(|| UploadFault::NoFolder(collection.to_owned()))
    }

    /// True if there is a folder for uploads.
    pub fn takes_uploads(&self) -> bool {
        self.uploads.is_some()
    }

    /// The bytes that one document may have.
    pub fn upload_bytes(&self) -> u64 {
        self.file_bytes
    }

    fn uploaded(&self, folder: &Folder) -> Result<Vec<Found>, UploadFault> {
        let mut seen = Seen::default();
        walk(self, folder, &mut seen);
        match seen.fault {
            Some(fault) => Err(UploadFault::Folder(fault.as_str().to_owned())),
            None => Ok(seen.files),
        }
    }

    /// The uploaded documents after a path, in the order of their paths.
    ///
    /// # Errors
    ///
    /// The collection has no folder for uploads, or it cannot be read.
    pub fn uploads(
        &self,
        collection: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Uploads, UploadFault> {
        let folder = self.upload_folder(collection)?;
        let files = self.uploaded(folder)?;
        let mut all = Uploads {
            total: files.len() as u64,
            bytes: files.iter().map(|file| file.bytes).sum(),
            documents: files.iter().map(|file| shown(folder, file)).collect(),
        };
        all.documents.sort_by(|one, other| one.path.cmp(&other.path));
        all.documents.retain(|one| after.is_none_or(|after| one.path.as_str() > after));
        all.documents.truncate(most);
        Ok(all)
    }

    /// Prepares to store a document, in place of the one of the same path.
    ///
    /// # Errors
    ///
    /// The reason for which it is refused.
    pub fn prepare_upload(
        &self,
        collection: &str,
        path: &UploadPath,
        bytes: &[u8],
    ) -> Result<PreparedUpload<StoredUpload>, UploadFault> {
        let folder = self.upload_folder(collection)?;
        let document = format!("{}/{path}", folder.label);
        if self.format_of(&document).is_none() {
            return Err(UploadFault::Format);
        }
        let size = bytes.len() as u64;
        if bytes.is_empty() {
            return Err(UploadFault::Empty);
        }
        if size > self.file_bytes {
            return Err(UploadFault::TooLarge(self.file_bytes));
        }
        let locked = Locked::of(folder)?;
        self.admit(folder, path, size)?;
        let target = locked.root.join(path.as_str());
        let parent = locked.parent(&target)?;
        let replaced = match fs::symlink_metadata(&target) {
            Ok(known) if known.is_dir() => return Err(UploadFault::InTheWay),
            known => known.is_ok(),
        };
        let part = locked.written(bytes)?;
        // The new name changes nothing of it.
        let modified = fs::metadata(&part).as_ref().map_or(0, crate::walk::modified);
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        let modified = modified / 1_000_000_000;
        let path = path.as_str().to_owned();
        let document = UploadedDocument { path, document, bytes: size, modified };
        let done = StoredUpload { document, sha256, replaced };
        Ok(PreparedUpload { locked, change: Prepared::Put(part), target, parent, done })
    }

    /// Refuses a document beyond the limits of all together.
    fn admit(&self, folder: &Folder, path: &UploadPath, size: u64) -> Result<(), UploadFault> {
        let document = format!("{}/{path}", folder.label);
        let (mut count, mut sum) = (0_u64, 0_u64);
        for file in self.uploaded(folder)?.iter().filter(|file| file.path != document) {
            count += 1;
            sum = sum.saturating_add(file.bytes);
        }
        if count >= self.most_uploads {
            return Err(UploadFault::TooMany(self.most_uploads));
        }
        if sum.saturating_add(size) > self.most_upload_bytes {
            return Err(UploadFault::Full(self.most_upload_bytes));
        }
        Ok(())
    }

    /// Prepares to remove a document, and the folders that become empty.
    ///
    /// # Errors
    ///
    /// There is no such document, or the folder cannot be used.
    pub fn prepare_removal(
        &self,
        collection: &str,
        path: &UploadPath,
    ) -> Result<PreparedUpload<()>, UploadFault> {
        let folder = self.upload_folder(collection)?;
        let locked = Locked::of(folder)?;
        let unknown = || UploadFault::Unknown(path.as_str().to_owned());
        let target = locked.root.join(path.as_str());
        let parent = target.parent().unwrap_or(&locked.root).to_owned();
        match fs::canonicalize(&parent) {
            Ok(real) if real == parent => {}
            Ok(_) => return Err(UploadFault::Outside),
            Err(_) => return Err(unknown()),
        }
        if !fs::symlink_metadata(&target).is_ok_and(|known| known.is_file()) {
            return Err(unknown());
        }
        Ok(PreparedUpload { locked, change: Prepared::Remove, target, parent, done: () })
    }
}

impl Locked {
    /// Waits until no other process changes the folder.
    fn of(folder: &Folder) -> Result<Self, UploadFault> {
        let root = fs::canonicalize(&folder.path).map_err(|error| folder_fault(&error))?;
        let own = root.join(OWN);
        match fs::DirBuilder::new().mode(0o700).create(&own) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(folder_fault(&error));
            }
            Ok(()) | Err(_) => {}
        }
        if fs::canonicalize(&own).is_ok_and(|real| real != own) {
            return Err(UploadFault::Outside);
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(own.join("lock")).map_err(|error| folder_fault(&error))?;
        lock.lock().map_err(|error| folder_fault(&error))?;
        let owner = fs::metadata(&root).map_err(|error| folder_fault(&error))?;
        let locked = Self { owner: (owner.uid(), owner.gid()), root, own, _lock: lock };
        locked.give(&locked.own);
        locked.give(&locked.own.join("lock"));
        Ok(locked)
    }

    /// Gives a file to the owner of the folder, so that a command of the operator leaves nothing that
    /// the server cannot read.
    fn give(&self, path: &Path) {
        let is_given =
            fs::symlink_metadata(path).is_ok_and(|known| (known.uid(), known.gid()) == self.owner);
        if !is_given {
            // Only the operator may; for others the file stays their own.
            let _ = chown(path, Some(self.owner.0), Some(self.owner.1));
        }
    }

    /// Writes a file that is not a document yet.
    fn written(&self, bytes: &[u8]) -> Result<PathBuf, UploadFault> {
        let part = self.own.join("part");
        let write = || -> io::Result<()> {
            // One of a process that ended before it was renamed.
            match fs::remove_file(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|error| folder_fault(&error))?;
        self.give(&part);
        Ok(part)
    }

    /// Makes the folders of a document. None of them may be a link.
    fn parent(&self, target: &Path) -> Result<PathBuf, UploadFault> {
        let parent = target.parent().unwrap_or(&self.root);
        let below = parent.strip_prefix(&self.root).map_err(|_| UploadFault::Outside)?;
        let mut at = self.root.clone();
        for part in below.components() {
            let above = at.clone();
            at.push(part);
            match fs::create_dir(&at) {
                Ok(()) => {
                    self.give(&at);
                    sync(&above)?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(folder_fault(&error)),
            }
            let known = fs::symlink_metadata(&at).map_err(|error| folder_fault(&error))?;
            if known.is_symlink() {
                return Err(UploadFault::Outside);
            }
            if !known.is_dir() {
                return Err(UploadFault::InTheWay);
            }
        }
        Ok(at)
    }
}

/// Forces the names in a folder to the disk.
fn sync(folder: &Path) -> Result<(), UploadFault> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| folder_fault(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WrittenSettings;

    fn settings(folder: &Path, documents: u64, bytes: u64) -> Settings {
        Settings::parse(&WrittenSettings {
            uploads: format!("up = {}", folder.display()),
            upload_documents: documents,
            upload_bytes: bytes,
            file_bytes: 100,
            ..WrittenSettings::default()
        })
        .unwrap()
    }

    fn at(text: &str) -> UploadPath {
        UploadPath::parse(text).unwrap()
    }

    #[test]
    fn documents_are_stored_replaced_listed_in_parts_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 0, 0);
        let put = |path: &str, bytes: &[u8]| {
            settings.prepare_upload("team", &at(path), bytes).unwrap().carry_out().unwrap()
        };
        let stored = put("hr/b.md", b"two");
        assert_eq!((stored.document.document.as_str(), stored.replaced), ("up/hr/b.md", false));
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(put("a.md", b"abc").sha256, abc);
        assert!(put("hr/b.md", b"new").replaced);
        assert_eq!(fs::read(folder.path().join("hr/b.md")).unwrap(), b"new");
        let all = settings.uploads("team", None, 10).unwrap();
        assert_eq!((all.total, all.bytes, all.documents.len()), (2, 6, 2));
        let rest = settings.uploads("team", Some("a.md"), 10).unwrap();
        assert_eq!((rest.total, rest.documents[0].path.as_str()), (2, "hr/b.md"));
        // What is only prepared changes nothing, and keeps others from the folder no longer.
        let prepared = settings.prepare_upload("team", &at("c.md"), b"c").unwrap();
        assert!(!prepared.done().replaced && !folder.path().join("c.md").exists());
        drop(prepared);
        drop(settings.prepare_removal("team", &at("hr/b.md")).unwrap());
        assert_eq!(settings.uploads("team", None, 10).unwrap().total, 2);
        settings.prepare_removal("team", &at("hr/b.md")).unwrap().carry_out().unwrap();
        assert!(!folder.path().join("hr").exists(), "an empty folder stays");
        let again = settings.prepare_removal("team", &at("hr/b.md")).err();
        assert_eq!(again, Some(UploadFault::Unknown("hr/b.md".to_owned())));
    }

    #[test]
    fn limits_names_and_links_are_refused_and_leave_nothing() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = settings(folder.path(), 2, 150);
        let put = |path: &str, bytes: usize| {
            let prepared = settings.prepare_upload("team", &at(path), &vec![b'x'; bytes]);
            prepared.and_then(PreparedUpload::carry_out)
        };
        put("a.md", 60).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
        fs::write(outside.path().join("known.md"), "known").unwrap();
        for (path, bytes, fault) in [
            ("b.png", 1, UploadFault::Format),
            ("b.md", 0, UploadFault::Empty),
            ("b.md", 101, UploadFault::TooLarge(100)),
            ("b.md", 91, UploadFault::Full(150)),
            ("a.md/b.md", 1, UploadFault::InTheWay),
            ("out/b.md", 1, UploadFault::Outside),
        ] {
            assert_eq!(put(path, bytes).unwrap_err(), fault, "{path} {bytes}");
        }
        let removed = settings.prepare_removal("team", &at("out/known.md")).err();
        assert_eq!(removed, Some(UploadFault::Outside));
        put("b.md", 90).unwrap();
        assert_eq!(put("c.md", 1).unwrap_err(), UploadFault::TooMany(2));
        // A smaller one in place of another one is not one more.
        put("b.md", 10).unwrap();
        assert_eq!(settings.uploads("team", None, 10).unwrap().bytes, 70);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(fs::read(outside.path().join("known.md")).unwrap(), b"known");
    }

    #[test]
    fn a_part_that_a_killed_process_left_is_no_document_and_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 0, 0);
        fs::create_dir(folder.path().join(OWN)).unwrap();
        fs::write(folder.path().join(OWN).join("part"), "half of a doc").unwrap();
        assert_eq!(settings.uploads("team", None, 10).unwrap().total, 0);
        settings.prepare_upload("team", &at("a.md"), b"whole").unwrap().carry_out().unwrap();
        assert_eq!(fs::read(folder.path().join("a.md")).unwrap(), b"whole");
        assert!(!folder.path().join(OWN).join("part").exists());
        let none = Settings::parse(&WrittenSettings {
            folders: vec!["/srv/docs".to_owned()],
            ..WrittenSettings::default()
        });
        let refused = none.unwrap().uploads("team", None, 10).unwrap_err();
        assert_eq!(refused, UploadFault::NoFolder("team".to_owned()));
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(matches!(settings.uploads("team", None, 1), Err(UploadFault::Folder(_))));
        let refused = settings.prepare_upload("t", &at("a.md"), b"x").err();
        assert!(matches!(refused, Some(UploadFault::Folder(_))));
    }
}
