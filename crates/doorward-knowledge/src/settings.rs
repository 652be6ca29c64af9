//! The settings of a collection, parsed into types.

use std::path::{Component, Path, PathBuf};

use doorward_model::{Pattern, Role};

use crate::format::Format;

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
}

/// Maximum number of bytes of a file, unless it is set.
const FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Maximum number of documents, unless it is set.
const DOCUMENTS: u64 = 1_000_000;
/// The seconds between two scans for changes, unless it is set.
const SCAN_SECONDS: u64 = 10;

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

/// Reports a text that can be a part of a document's path.
fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && !text.chars().any(|letter| letter == '/' || letter == '\\' || letter.is_control())
}

fn folder(text: &str) -> Result<Folder, SettingFault> {
    let (label, path) = match text.split_once('=') {
        Some((label, path)) => (Some(label.trim()), path.trim()),
        None => (None, text.trim()),
    };
    let path = Path::new(path);
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(fault(
            "folders",
            format!("{text:?} is not an absolute path without .. , like /srv/handbook"),
        ));
    }
    let last = path.file_name().and_then(|name| name.to_str());
    let label = label.or(last).filter(|label| is_part(label)).ok_or_else(|| {
        fault("folders", format!("{text:?} needs a label, like handbook = /srv/handbook"))
    })?;
    Ok(Folder { label: label.to_owned(), path: path.to_owned() })
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

impl Settings {
    /// Parses settings. No folder is opened.
    pub fn parse(written: &WrittenSettings) -> Result<Self, SettingFault> {
        if written.folders.is_empty() {
            return Err(fault("folders", "is needed: the folders with the documents"));
        }
        let mut folders: Vec<Folder> = Vec::new();
        for text in &written.folders {
            let one = folder(text)?;
            if folders.iter().any(|known| known.label == one.label) {
                return Err(fault(
                    "folders",
                    format!("{:?} names two folders; give one another label", one.label),
                ));
            }
            folders.push(one);
        }
        let mut rules: Vec<FolderRule> = Vec::new();
        for text in &written.folder_roles {
            let one = rule(text)?;
            let label = one.prefix.split('/').next().unwrap_or_default();
            if !folders.iter().any(|folder| folder.label == label) {
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
        })
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
        let twice = parse(&["/srv/docs"], &["docs/hr = hr", "docs/hr/ = lead"]);
        assert_eq!(twice.unwrap_err().key, "folder_roles");
    }
}
