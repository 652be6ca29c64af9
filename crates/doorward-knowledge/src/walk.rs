//! The files of a collection's folders. A symbolic link is followed where it leads to a file or
//! folder inside the same folder of the collection that could be indexed by its own name, and
//! refused where it leads out of the folder or to a hidden file. Rules for the place that it leads
//! to hold for it too.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use doorward_model::{FileFault, foreign};

use crate::{
    format::Format,
    hash::hash_of,
    rights::prefixes,
    settings::{Folder, Settings},
};

/// Maximum number of levels of folders.
const MOST_DEPTH: usize = 64;
/// Maximum number of bytes of a document's path.
const MOST_PATH: usize = 1024;

/// A file to index.
pub(crate) struct Found {
    /// Its path in the collection.
    pub(crate) path: String,
    /// The path of the file by its own name, where a symbolic link led to it.
    pub(crate) origin: Option<String>,
    /// Its place on this machine.
    pub(crate) place: PathBuf,
    pub(crate) format: Format,
    /// Nanoseconds since 1970 of the last change.
    pub(crate) modified: i64,
    pub(crate) bytes: u64,
}

impl Found {
    /// The state for comparison: the time of the last change, for a link mixed with the place that
    /// it leads to.
    pub(crate) fn mark(&self) -> i64 {
        let origin = self.origin.as_deref().map_or(0, |origin| hash_of(origin.as_bytes()));
        self.modified.wrapping_add(origin.cast_signed())
    }
}

/// Consumer of a walk.
pub(crate) trait Visitor {
    /// Takes a file; false ends the walk.
    fn found(&mut self, found: Found) -> bool;
    /// Takes note of a file or folder that is left out.
    fn left_out(&mut self, path: &str, why: FileFault);
}

/// Nanoseconds since 1970 of a file's last change.
pub(crate) fn modified(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default()
}

/// Names that are never documents: of versions' own records and of hidden files.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "node_modules" || name == "__pycache__"
}

/// True for a path below a hidden folder or of a hidden file. Names that begin with two dots are
/// not meant: the versions of a folder that Kubernetes mounts are called so, and links lead to them.
fn leads_to_hidden(own_path: &str) -> bool {
    own_path.split('/').skip(1).any(|name| is_hidden(name) && !name.starts_with(".."))
}

/// The target of a symbolic link.
struct Target {
    place: PathBuf,
    metadata: Metadata,
}

struct Walk<'a> {
    settings: &'a Settings,
    label: &'a str,
    /// The folder of the collection, without symbolic links.
    root: PathBuf,
    /// Folders that symbolic links led to: each is entered once.
    entered: HashSet<PathBuf>,
}

/// Walks a folder in the order of names. False if the visitor ended it.
pub(crate) fn walk(settings: &Settings, folder: &Folder, visitor: &mut dyn Visitor) -> bool {
    let Ok(root) = fs::canonicalize(&folder.path) else {
        visitor.left_out(&folder.label, FileFault::Folder);
        return true;
    };
    let entered = HashSet::from([root.clone()]);
    let mut walk = Walk { settings, label: &folder.label, root: root.clone(), entered };
    walk.enter(&root, &folder.label, 0, visitor)
}

impl Walk<'_> {
    fn enter(&mut self, place: &Path, path: &str, depth: usize, visitor: &mut dyn Visitor) -> bool {
        if depth > MOST_DEPTH {
            visitor.left_out(path, FileFault::Deep);
            return true;
        }
        let Ok(entries) = fs::read_dir(place) else {
            visitor.left_out(path, FileFault::Folder);
            return true;
        };
        let mut names: Vec<_> = entries.filter_map(Result::ok).map(|one| one.file_name()).collect();
        names.sort();
        for name in names {
            let Some(text) = name.to_str().filter(|text| !text.chars().any(char::is_control))
            else {
                let shown = name.to_string_lossy();
                visitor.left_out(&format!("{path}/{}", foreign::escaped(&shown)), FileFault::Name);
                continue;
            };
            if is_hidden(text) {
                continue;
            }
            let below = format!("{path}/{text}");
            if !self.entry(&place.join(&name), &below, depth, visitor) {
                return false;
            }
        }
        true
    }

    /// The path in the collection of a place in this folder, by its own name.
    fn own_path(&self, place: &Path) -> Option<String> {
        let below = place.strip_prefix(&self.root).ok()?.to_str()?;
        let label = self.label;
        Some(if below.is_empty() { label.to_owned() } else { format!("{label}/{below}") })
    }

    /// The file or folder that a symbolic link leads to; `None` where it is not followed.
    fn target(&mut self, place: &Path, path: &str, visitor: &mut dyn Visitor) -> Option<Target> {
        if self.settings.leaves_out(path) {
            return None;
        }
        let Ok(place) = fs::canonicalize(place) else {
            visitor.left_out(path, FileFault::Dangling);
            return None;
        };
        let Some(own) = self.own_path(&place).filter(|own| !leads_to_hidden(own)) else {
            visitor.left_out(path, FileFault::Outside);
            return None;
        };
        if prefixes(&own).skip(1).any(|prefix| self.settings.leaves_out(prefix)) {
            return None;
        }
        let metadata = fs::metadata(&place).ok()?;
        if metadata.is_dir() && !self.entered.insert(place.clone()) {
            return None;
        }
        Some(Target { place, metadata })
    }

    fn entry(&mut self, place: &Path, path: &str, depth: usize, visitor: &mut dyn Visitor) -> bool {
        let Ok(own) = fs::symlink_metadata(place) else {
            // It was removed since it was listed.
            return true;
        };
        let Target { place, metadata } = if own.file_type().is_symlink() {
            let Some(target) = self.target(place, path, visitor) else { return true };
            target
        } else {
            Target { place: place.to_owned(), metadata: own }
        };
        if metadata.is_dir() {
            if self.settings.leaves_out(path) {
                return true;
            }
            return self.enter(&place, path, depth + 1, visitor);
        }
        if !metadata.is_file() {
            return true;
        }
        let Some(format) = self.settings.format_of(path) else { return true };
        if path.len() > MOST_PATH {
            visitor.left_out(path, FileFault::Name);
            return true;
        }
        visitor.found(Found {
            path: path.to_owned(),
            origin: self.own_path(&place).filter(|own| own != path),
            place,
            format,
            modified: modified(&metadata),
            bytes: metadata.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WrittenSettings;

    #[derive(Default)]
    struct Seen {
        files: Vec<String>,
        left_out: Vec<(String, FileFault)>,
    }

    impl Visitor for Seen {
        fn found(&mut self, found: Found) -> bool {
            self.files.push(found.path);
            true
        }
        fn left_out(&mut self, path: &str, why: FileFault) {
            self.left_out.push((path.to_owned(), why));
        }
    }

    fn seen(folder: &Path, exclude: &[&str]) -> Seen {
        let settings = Settings::parse(&WrittenSettings {
            folders: vec![format!("docs = {}", folder.display())],
            exclude_files: exclude.iter().map(|one| (*one).to_owned()).collect(),
            ..WrittenSettings::default()
        })
        .unwrap();
        let mut seen = Seen::default();
        for folder in &settings.folders {
            walk(&settings, folder, &mut seen);
        }
        seen
    }

    #[test]
    fn links_out_of_a_folder_are_refused_and_links_within_it_are_entered_once() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.md"), "secret").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/.git")).unwrap();
        fs::write(at("a/.git/config.md"), "hidden").unwrap();
        fs::write(at("a/one.md"), "one").unwrap();
        fs::write(at("a/picture.png"), "no document").unwrap();
        fs::write(at("a/x\u{1b}[2J.md"), "no name").unwrap();
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, at(name)).unwrap();
        link(&outside.path().join("secret.md"), "file.md");
        link(outside.path(), "folder");
        link(&at("nowhere.md"), "dangling.md");
        link(&at("a/one.md"), "inside.md");
        link(folder.path(), "a/loop");
        let seen = seen(folder.path(), &[]);
        assert_eq!(seen.files, ["docs/a/one.md", "docs/inside.md"]);
        assert_eq!(
            seen.left_out,
            [
                ("docs/a/x\\u{1b}[2J.md".to_owned(), FileFault::Name),
                ("docs/dangling.md".to_owned(), FileFault::Dangling),
                ("docs/file.md".to_owned(), FileFault::Outside),
                ("docs/folder".to_owned(), FileFault::Outside),
            ]
        );
    }

    #[test]
    fn links_to_hidden_and_excluded_files_are_not_followed_and_those_to_mounted_versions_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in
            [(".git/config", "token"), ("drafts/plan.md", "draft"), ("..2026_11/a.md", "mounted")]
        {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        }
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, at(name)).unwrap();
        link(".git/config", "config.txt");
        link(".git", "versions");
        link("drafts/plan.md", "plan.md");
        link("drafts", "more");
        link("..2026_11", "..data");
        link("..data/a.md", "a.md");
        let seen = seen(folder.path(), &["*/drafts"]);
        assert_eq!(seen.files, ["docs/a.md"]);
        let refused = ["docs/config.txt", "docs/versions"];
        assert_eq!(seen.left_out, refused.map(|path| (path.to_owned(), FileFault::Outside)));
    }

    #[test]
    fn a_link_is_known_by_the_place_that_it_leads_to() {
        let found = |origin: Option<&str>| Found {
            path: "docs/a.md".to_owned(),
            origin: origin.map(str::to_owned),
            place: PathBuf::new(),
            format: Format::Markdown,
            modified: 7,
            bytes: 1,
        };
        assert_eq!(found(None).mark(), 7);
        assert_ne!(found(Some("docs/open/a.md")).mark(), found(Some("docs/hr/a.md")).mark());
    }

    #[test]
    fn a_folder_that_is_missing_is_named_and_excluded_ones_are_not_entered() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("drafts")).unwrap();
        fs::write(folder.path().join("drafts/x.md"), "x").unwrap();
        fs::write(folder.path().join("y.md"), "y").unwrap();
        assert_eq!(seen(folder.path(), &["*/drafts"]).files, ["docs/y.md"]);
        let missing = seen(&folder.path().join("missing"), &[]);
        assert_eq!(missing.left_out, [("docs".to_owned(), FileFault::Folder)]);
    }
}
