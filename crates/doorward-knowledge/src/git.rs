//! The commit of a Git working copy that is checked out. Its own files are read; no program is run.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

/// Maximum number of bytes of a file that names a commit, a branch or a folder.
const MOST_NAME: u64 = 4096;
/// Maximum number of bytes of the file of packed references.
const MOST_PACKED: u64 = 64 * 1024 * 1024;
/// Maximum number of branches that name another one.
const MOST_LINKS: usize = 5;

/// A working copy.
#[derive(Clone, Debug)]
pub(crate) struct WorkingCopy {
    /// Its own folder of Git's, with its HEAD.
    own: PathBuf,
    /// The folder that it shares with other working copies, with the branches.
    common: PathBuf,
}

/// The text of a short file.
fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST_NAME).read_to_string(&mut text).ok()?;
    Some(text.trim_end().to_owned())
}

/// A commit's identifier (SHA-1 or SHA-256).
fn commit(text: &str) -> Option<String> {
    let is_one = matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_one.then(|| text.to_owned())
}

/// True for the name of a branch or tag that leads to no other folder.
fn is_reference(name: &str) -> bool {
    name.starts_with("refs/")
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

impl WorkingCopy {
    /// The working copy that a folder belongs to.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let (top, git) = folder.ancestors().find_map(|top| {
            let git = top.join(".git");
            git.exists().then_some((top, git))
        })?;
        let own = if git.is_dir() {
            git
        } else {
            // Of a linked working copy, or of a submodule.
            top.join(text(&git)?.strip_prefix("gitdir:")?.trim())
        };
        let common = match text(&own.join("commondir")) {
            Some(common) => own.join(common),
            None => own.clone(),
        };
        Some(Self { own, common })
    }

    /// The commit that is checked out; `None` while that changes, and before the first commit.
    pub(crate) fn head(&self) -> Option<String> {
        if self.own.join("index.lock").exists() {
            return None;
        }
        let mut told = text(&self.own.join("HEAD"))?;
        for _ in 0..MOST_LINKS {
            let Some(name) = told.strip_prefix("ref:").map(str::trim) else {
                return commit(&told);
            };
            if !is_reference(name) {
                return None;
            }
            told = match text(&self.common.join(name)) {
                Some(told) => told,
                None => return self.packed(name),
            };
        }
        None
    }

    /// The commit of a branch among those that are packed into one file.
    fn packed(&self, name: &str) -> Option<String> {
        let file = File::open(self.common.join("packed-refs")).ok()?.take(MOST_PACKED);
        for line in BufReader::new(file).lines() {
            let line = line.ok()?;
            if let Some((id, known)) = line.split_once(' ')
                && known == name
            {
                return commit(id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_commit_is_found_by_branch_packed_branch_and_linked_working_copy() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let write = |name: &str, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        };
        let (one, two) = ("1".repeat(40), "ab".repeat(32));
        fs::create_dir_all(at("work/docs/deep")).unwrap();
        assert!(WorkingCopy::of(&at("work/docs")).is_none());
        write("work/.git/HEAD", "ref: refs/heads/main\n");
        let copy = WorkingCopy::of(&at("work/docs/deep")).unwrap();
        assert_eq!(copy.head(), None, "before the first commit");
        let packed = format!("# pack-refs\n{two} refs/heads/main2\n{two} refs/heads/main\n");
        write("work/.git/packed-refs", &packed);
        assert_eq!(copy.head().as_ref(), Some(&two));
        write("work/.git/refs/heads/main", &format!("{one}\n"));
        assert_eq!(copy.head().as_ref(), Some(&one));
        write("work/.git/index.lock", "");
        assert_eq!(copy.head(), None, "while another one is checked out");
        fs::remove_file(at("work/.git/index.lock")).unwrap();
        write("work/.git/worktrees/linked/HEAD", &format!("{two}\n"));
        write("work/.git/worktrees/linked/commondir", "../..\n");
        let link = at("work/.git/worktrees/linked");
        write("linked/.git", &format!("gitdir: {}\n", link.display()));
        let linked = WorkingCopy::of(&at("linked")).unwrap();
        assert_eq!(linked.head().as_ref(), Some(&two));
        write("work/.git/worktrees/linked/HEAD", "ref: refs/heads/main\n");
        assert_eq!(linked.head().as_ref(), Some(&one));
        for wrong in ["ref: refs/heads/../../x", "ref: HEAD", "zz", "", "ref: refs/heads/loop"] {
            write("work/.git/HEAD", wrong);
            write("work/.git/refs/heads/loop", "ref: refs/heads/loop");
            assert_eq!(copy.head(), None, "{wrong}");
        }
    }
}
