//! The settings of a collection, parsed into types.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use doorward_model::{Pattern, Role, foreign};

use crate::{embedder::Embedder, format::Format};

/// The settings as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenSettings {
    /// The folders, each as `PATH` or `LABEL = PATH`.
    pub folders: Vec<String>,
    /// Patterns of the files to index; empty for all of a known format.
    pub files: Vec<String>,
    /// Patterns of files and folders to leave out.
    pub exclude_files: Vec<String>,
    /// Rules `PREFIX = role, role`.
    pub folder_roles: Vec<String>,
    /// The URL of a document for readers, with `{path}`, and `{commit}` where it is in a Git working
    /// copy.
    pub document_url: String,
    /// Maximum number of bytes of a file; 0 for the default.
    pub file_bytes: u64,
    /// Maximum number of documents; 0 for the default.
    pub documents: u64,
    /// The seconds between two scans for changes; 0 for the default.
    pub scan_seconds: u64,
    /// The folder of documents that administrators upload, as `PATH` or `LABEL = PATH`; empty for
    /// none.
    pub uploads: String,
    /// The upstreams whose resources are copied. Their names begin the paths of the copies.
    pub sources: Vec<String>,
    /// Maximum number of uploaded documents; 0 for the default.
    pub upload_documents: u64,
    /// Maximum number of bytes of all uploaded documents; 0 for the default.
    pub upload_bytes: u64,
}

/// Maximum number of bytes of a file, unless it is set.
const FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Maximum number of documents, unless it is set.
const DOCUMENTS: u64 = 1_000_000;
/// The seconds between two scans for changes, unless it is set.
const SCAN_SECONDS: u64 = 10;
/// Maximum number of uploaded documents, unless it is set.
const UPLOAD_DOCUMENTS: u64 = 10_000;
/// Maximum number of bytes of all uploaded documents, unless it is set.
const UPLOAD_BYTES: u64 = 1024 * 1024 * 1024;

/// A folder of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The first part of the paths of its documents.
    pub label: String,
    /// Its place on this machine.
    pub path: PathBuf,
}

/// The roles of which a user needs one to see the documents below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderRule {
    /// A folder or a document, by its path in the collection.
    pub prefix: String,
    /// The roles.
    pub roles: Vec<Role>,
}

/// The settings of a collection.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) folders: Vec<Folder>,
    pub(crate) files: Vec<Pattern>,
    pub(crate) exclude: Vec<Pattern>,
    pub(crate) rules: Vec<FolderRule>,
    pub(crate) document_url: String,
    pub(crate) file_bytes: u64,
    pub(crate) documents: u64,
    pub(crate) scan_seconds: u64,
    /// The one of the folders that uploads go to.
    pub(crate) uploads: Option<Folder>,
    /// The labels of the folders with copies of resources. Their place is beside the index.
    pub(crate) sources: Vec<String>,
    pub(crate) most_uploads: u64,
    pub(crate) most_upload_bytes: u64,
    pub(crate) model: Option<Model>,
}

/// The model of a collection, and the most passages with a vector.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) most: usize,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.embedder.model()).finish()
    }
}

/// A setting that cannot work: its key, and the fault with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingFault {
    /// The key.
    pub key: &'static str,
    /// The fault and its remedy.
    pub message: String,
}

fn fault(key: &'static str, message: impl Into<String>) -> SettingFault {
    SettingFault { key, message: message.into() }
}

/// Maximum number of characters of a part of the name of a copy.
const MOST_PART: usize = 80;

/// A part of the name of a copy as it is written: what rules for folders say of it is written so too.
pub(crate) fn plain(part: &str) -> String {
    let letter = |letter: char| {
        let is_plain = letter.is_alphanumeric() || "-_. ".contains(letter);
        if is_plain && !foreign::is_hidden(letter) { letter } else { '-' }
    };
    let text: String = part.chars().take(MOST_PART).map(letter).collect();
    text.trim_matches([' ', '.']).to_owned()
}

/// The folder of the copies of an upstream's resources, beside the index.
pub(crate) fn source_folder(dir: &Path, upstream: &str) -> PathBuf {
    dir.join("sources").join(upstream)
}

/// Reports a text that can be a part of a document's path.
fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && !text.chars().any(|letter| letter == '/' || letter == '\\' || letter.is_control())
}

fn folder(key: &'static str, text: &str) -> Result<Folder, SettingFault> {
    let (label, path) = match text.split_once('=') {
        Some((label, path)) => (Some(label.trim()), path.trim()),
        None => (None, text.trim()),
    };
    let path = Path::new(path);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(fault(
            key,
            format!("{text:?} is not an absolute path without .. , like /srv/handbook"),
        ));
    }
    let last = path.file_name().and_then(|name| name.to_str());
    let label = label.or(last).filter(|label| is_part(label)).ok_or_else(|| {
        fault(key, format!("{text:?} needs a label, like handbook = /srv/handbook"))
    })?;
    Ok(Folder { label: label.to_owned(), path: path.to_owned() })
}

impl FolderRule {
    /// The same for the names of copies, where the rule is about resources of one of these
    /// upstreams: not every character of a URI is in them.
    fn of_copies(mut self, sources: &[String]) -> Self {
        if let Some((label, rest)) = self.prefix.split_once('/')
            && sources.iter().any(|source| source == label)
        {
            let parts = rest.split('/').map(plain).filter(|part| !part.is_empty());
            self.prefix =
                std::iter::once(label.to_owned()).chain(parts).collect::<Vec<_>>().join("/");
        }
        self
    }
}

fn rule(text: &str) -> Result<FolderRule, SettingFault> {
    let wrong = || {
        fault("folder_roles", format!("{text:?} must read PREFIX = role, role, like docs/hr = hr"))
    };
    let (prefix, roles) = text.split_once('=').ok_or_else(wrong)?;
    let prefix = prefix.trim().trim_matches('/');
    if prefix.is_empty() || !prefix.split('/').all(is_part) {
        return Err(wrong());
    }
    let roles = roles
        .split(',')
        .map(|role| {
            Role::named(role.trim())
                .map_err(|error| fault("folder_roles", format!("{text:?}: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(FolderRule { prefix: prefix.to_owned(), roles })
}

/// The folders of a collection, and the one of them that uploads go to.
fn folders(written: &WrittenSettings) -> Result<(Vec<Folder>, Option<Folder>), SettingFault> {
    let uploads = match written.uploads.as_str() {
        "" => None,
        text => Some(folder("uploads", text)?),
    };
    if written.folders.is_empty() && uploads.is_none() && written.sources.is_empty() {
        let told = "is needed: the folders with the documents, uploads or sources";
        return Err(fault("folders", told));
    }
    let mut folders: Vec<Folder> = Vec::new();
    let named = written.folders.iter().map(|text| ("folders", folder("folders", text)));
    let of_uploads = uploads.iter().map(|one| ("uploads", Ok(one.clone())));
    for (key, one) in named.chain(of_uploads) {
        let one = one?;
        if folders.iter().any(|known| known.label == one.label) {
            let told = format!("{:?} names two folders; give one another label", one.label);
            return Err(fault(key, told));
        }
        folders.push(one);
    }
    let mut seen: Vec<&String> = folders.iter().map(|folder| &folder.label).collect();
    for source in &written.sources {
        if !is_part(source) || seen.contains(&source) {
            let told = format!("{source:?} is named twice, or is the label of a folder");
            return Err(fault("sources", told));
        }
        seen.push(source);
    }
    Ok((folders, uploads))
}

impl Settings {
    /// Parses settings. No folder is opened.
    pub fn parse(written: &WrittenSettings) -> Result<Self, SettingFault> {
        let (folders, uploads) = folders(written)?;
        let labels = || folders.iter().map(|folder| &folder.label).chain(&written.sources);
        let mut rules: Vec<FolderRule> = Vec::new();
        for text in &written.folder_roles {
            let one = rule(text)?.of_copies(&written.sources);
            let label = one.prefix.split('/').next().unwrap_or_default();
            if !labels().any(|known| known == label) {
                return Err(fault(
                    "folder_roles",
                    format!("{text:?} begins with none of the folders' labels"),
                ));
            }
            if rules.iter().any(|known| known.prefix == one.prefix) {
                return Err(fault("folder_roles", format!("{:?} has two rules", one.prefix)));
            }
            rules.push(one);
        }
        let url = &written.document_url;
        let is_one = url.starts_with("https://") && url.contains("{path}");
        if !(url.is_empty() || is_one) {
            return Err(fault(
                "document_url",
                "must be an https URL with {path}, like https://git.example.com/docs/{path}; {commit} names the commit",
            ));
        }
        let patterns = |texts: &[String]| texts.iter().map(Pattern::new).collect();
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        Ok(Self {
            folders,
            files: patterns(&written.files),
            exclude: patterns(&written.exclude_files),
            rules,
            document_url: url.clone(),
            file_bytes: or(written.file_bytes, FILE_BYTES),
            documents: or(written.documents, DOCUMENTS),
            scan_seconds: or(written.scan_seconds, SCAN_SECONDS),
            uploads,
            sources: written.sources.clone(),
            most_uploads: or(written.upload_documents, UPLOAD_DOCUMENTS),
            most_upload_bytes: or(written.upload_bytes, UPLOAD_BYTES),
            model: None,
        })
    }

    /// The same with a model, of whose vectors at most so many are kept.
    #[must_use]
    pub fn with_model(mut self, embedder: Arc<dyn Embedder>, most: usize) -> Self {
        self.model = Some(Model { embedder, most });
        self
    }

    /// The same with the folders of copies, which are beside the index.
    #[must_use]
    pub fn with_sources_in(mut self, dir: &Path) -> Self {
        for label in &self.sources {
            let path = source_folder(dir, label);
            self.folders.push(Folder { label: label.clone(), path });
        }
        self
    }

    /// The format of a file that is to be indexed, by its path in the collection.
    pub(crate) fn format_of(&self, path: &str) -> Option<Format> {
        let wanted = self.files.is_empty() || self.files.iter().any(|one| one.matches(path));
        if !wanted || self.leaves_out(path) {
            return None;
        }
        // A file that a pattern names is read as text when its name tells nothing else.
        Format::of(path).or((!self.files.is_empty()).then_some(Format::Text))
    }

    /// True for a file or folder that is left out by its name.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(path))
    }

    /// The URL of a document for readers, where one is set; one that names the commit has none
    /// without a commit.
    pub(crate) fn url_of(&self, path: &str, commit: Option<&str>) -> Option<String> {
        let url = &self.document_url;
        let url = match commit {
            _ if url.is_empty() => return None,
            None if url.contains("{commit}") => return None,
            None => url.clone(),
            Some(commit) => url.replace("{commit}", commit),
        };
        Some(url.replace("{path}", &crate::uri::escaped(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(folders: &[&str], roles: &[&str]) -> Result<Settings, SettingFault> {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Settings::parse(&WrittenSettings {
            folders: texts(folders),
            folder_roles: texts(roles),
            ..WrittenSettings::default()
        })
    }

    #[test]
    fn a_folder_has_a_label_and_an_absolute_path_and_each_label_is_used_once() {
        let settings = parse(&["/srv/handbook", "team = /srv/x/"], &[]).unwrap();
        assert_eq!(settings.folders[0].label, "handbook");
        assert_eq!(settings.folders[1], Folder { label: "team".into(), path: "/srv/x".into() });
        for wrong in [
            &[][..],
            &["docs"],
            &["/"],
            &["/srv/../etc"],
            &["a/b = /srv"],
            &[".. = /srv"],
            &["/a/docs", "/b/docs"],
        ] {
            assert_eq!(parse(wrong, &[]).unwrap_err().key, "folders", "{wrong:?}");
        }
    }

    #[test]
    fn the_folder_of_uploads_is_one_of_the_folders_with_a_label_of_its_own() {
        let parse = |folders: &[&str], uploads: &str| {
            Settings::parse(&WrittenSettings {
                folders: folders.iter().map(|one| (*one).to_owned()).collect(),
                uploads: uploads.to_owned(),
                ..WrittenSettings::default()
            })
        };
        let settings = parse(&["/srv/docs"], "files = /srv/up").unwrap();
        assert_eq!(settings.folders[1], Folder { label: "files".into(), path: "/srv/up".into() });
        assert_eq!(settings.uploads.as_ref(), settings.folders.get(1));
        assert_eq!(parse(&[], "/srv/up").unwrap().folders.len(), 1);
        for (folders, wrong) in [(&["/srv/docs"][..], "/x/docs"), (&[], "up"), (&[], "a = b")] {
            assert_eq!(parse(folders, wrong).unwrap_err().key, "uploads", "{wrong}");
        }
    }

    #[test]
    fn a_rule_names_a_folder_of_the_collection_and_at_least_one_role() {
        let settings = parse(&["/srv/docs"], &["/docs/hr/ = hr, lead"]).unwrap();
        assert_eq!(settings.rules[0].prefix, "docs/hr");
        assert_eq!(settings.rules[0].roles.len(), 2);
        for wrong in
            ["docs/hr", "docs/hr =", "docs/hr = hr,", "= hr", "other/hr = hr", "docs/../hr = hr"]
        {
            assert_eq!(
                parse(&["/srv/docs"], &[wrong]).unwrap_err().key,
                "folder_roles",
                "{wrong:?}"
            );
        }
        let of_copies = Settings::parse(&WrittenSettings {
            sources: vec!["wiki".to_owned()],
            folder_roles: vec!["wiki/R&D: plans /x = hr".to_owned(), "wiki = staff".to_owned()],
            ..WrittenSettings::default()
        });
        let prefixes: Vec<_> =
            of_copies.unwrap().rules.into_iter().map(|rule| rule.prefix).collect();
        assert_eq!(prefixes, ["wiki/R-D- plans/x", "wiki"]);
        let twice = parse(&["/srv/docs"], &["docs/hr = hr", "docs/hr/ = lead"]);
        assert_eq!(twice.unwrap_err().key, "folder_roles");
    }
}
