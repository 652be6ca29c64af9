//! Documents that administrators upload to a collection: their paths, and the reasons for which one
//! is refused.

use std::fmt;

use crate::foreign;

/// Maximum number of bytes of a path.
const MOST_PATH: usize = 512;
/// Maximum number of bytes of a part of a path.
const MOST_PART: usize = 200;
/// Maximum number of parts of a path.
const MOST_PARTS: usize = 8;

/// The path of an uploaded document below the folder of uploads, such as `hr/holidays.md`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadPath(String);

/// Reports a part of a path that leads nowhere else and is not hidden.
fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= MOST_PART
        && part.trim() == part
        && !part.starts_with('.')
        && !part.contains('\\')
        && !matches!(part, "node_modules" | "__pycache__")
        && !foreign::has_hidden(part)
}

impl UploadPath {
    /// Reads a path. It is not repaired.
    pub fn parse(text: &str) -> Result<Self, UploadFault> {
        let count = text.split('/').count();
        if text.len() > MOST_PATH || count > MOST_PARTS || !text.split('/').all(is_part) {
            return Err(UploadFault::Path);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path of a file that a browser sends, in a folder that may be empty. Browsers state a name,
    /// or the whole path on the user's machine: its last part counts, without hidden characters.
    pub fn of_file(folder: &str, name: &str) -> Result<Self, UploadFault> {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let visible: String = last.chars().filter(|letter| !foreign::is_hidden(*letter)).collect();
        let part = visible.trim().trim_start_matches('.').trim();
        match folder.trim().trim_matches('/') {
            "" => Self::parse(part),
            folder => Self::parse(&format!("{folder}/{part}")),
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A document that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedDocument {
    /// Its path below the folder of uploads.
    pub path: String,
    /// Its path in the collection, by which the tools name it.
    pub document: String,
    /// Its size.
    pub bytes: u64,
    /// Seconds since 1970 of the last change.
    pub modified: i64,
}

/// The uploaded documents of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uploads {
    /// A part of them, in the order of their paths.
    pub documents: Vec<UploadedDocument>,
    /// The number of all.
    pub total: u64,
    /// The bytes of all.
    pub bytes: u64,
}

/// A document that is to be stored.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Its path.
    pub path: UploadPath,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A document that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpload {
    /// The document.
    pub document: UploadedDocument,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// True if it took the place of another one.
    pub replaced: bool,
}

/// Reason for which an upload is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadFault {
    /// The upstream has no folder for uploads.
    #[error("{0} takes no uploads; set uploads to a folder of this machine")]
    NoFolder(String),
    /// The path is not one.
    #[error(
        "a path has at most 8 parts separated by /; none is hidden or contains \\, and the whole \
         has at most 512 bytes"
    )]
    Path,
    /// A folder has this name, or a file has the name of a folder of the path.
    #[error("a folder or file is in the way of this path")]
    InTheWay,
    /// The path leads out of the folder of uploads, by a symbolic link.
    #[error("a symbolic link leads out of the folder of uploads")]
    Outside,
    /// The collection does not index files of this name.
    #[error("files of this name are not indexed by the collection")]
    Format,
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file is too large.
    #[error("the file has more than {0} bytes")]
    TooLarge(u64),
    /// There are as many documents as there may be.
    #[error("there are already {0} uploaded documents")]
    TooMany(u64),
    /// All documents together would be too large.
    #[error("the uploaded documents would have more than {0} bytes together")]
    Full(u64),
    /// There is no such document.
    #[error("there is no uploaded document {0}")]
    Unknown(String),
    /// The folder cannot be used.
    #[error("the folder of uploads cannot be used: {0}")]
    Folder(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_folder_and_is_never_hidden() {
        for good in ["a.md", "hr/Holidays 2026.md", "é/ü.txt", "a/b/c/d/e/f/g/h.md"] {
            assert_eq!(UploadPath::parse(good).unwrap().as_str(), good);
        }
        for wrong in [
            "",
            "/a.md",
            "a//b.md",
            "a/",
            "../a.md",
            "a/../b.md",
            "./a.md",
            ".git/config",
            "a/.hidden.md",
            "a\\b.md",
            "a\0.md",
            "a\n.md",
            "\u{202e}dm.a",
            " a.md",
            "a.md ",
            "node_modules/a.md",
            "a/b/c/d/e/f/g/h/i.md",
            &format!("{}.md", "x".repeat(MOST_PART)),
            &format!("{}/{}/{}/a.md", "x".repeat(200), "y".repeat(200), "z".repeat(200)),
        ] {
            assert_eq!(UploadPath::parse(wrong), Err(UploadFault::Path), "{wrong:?}");
        }
    }

    #[test]
    fn the_name_that_a_browser_states_is_cleaned() {
        let cleaned = |folder: &str, name: &str| {
            UploadPath::of_file(folder, name).map(|path| path.as_str().to_owned()).ok()
        };
        assert_eq!(cleaned("", r"C:\Users\ada\notes.md").as_deref(), Some("notes.md"));
        assert_eq!(cleaned("hr/", "../../etc/x.txt").as_deref(), Some("hr/x.txt"));
        assert_eq!(cleaned("/hr", " .a\u{202e}b.md ").as_deref(), Some("hr/ab.md"));
        for (folder, name) in [("", ""), ("", "..."), ("../x", "a.md"), ("", "a/"), ("", "\u{1}")] {
            assert_eq!(cleaned(folder, name), None, "{folder:?} {name:?}");
        }
    }
}
