//! Files that are not indexed, or not as a whole, with the reason.

/// Reason for which a file or folder is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The folder cannot be read.
    Folder,
    /// The file cannot be read.
    File,
    /// Its name cannot be a path of a document.
    Name,
    /// A symbolic link leads out of the collection's folder.
    Outside,
    /// A symbolic link leads nowhere.
    Dangling,
    /// Folders are nested too deep.
    Deep,
    /// The file has more bytes than are read.
    TooLarge,
    /// The collection has more documents than are kept.
    TooMany,
    /// The file is not what its name says, or is broken.
    Broken,
    /// The file is encrypted.
    Encrypted,
    /// The file unpacks to more than is read, or takes too long.
    Budget,
    /// The file has no text.
    Empty,
}

impl Why {
    /// All reasons.
    pub const ALL: [Self; 12] = [
        Self::Folder,
        Self::File,
        Self::Name,
        Self::Outside,
        Self::Dangling,
        Self::Deep,
        Self::TooLarge,
        Self::TooMany,
        Self::Broken,
        Self::Encrypted,
        Self::Budget,
        Self::Empty,
    ];

    /// Its name in the index.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::File => "file",
            Self::Name => "name",
            Self::Outside => "outside",
            Self::Dangling => "dangling",
            Self::Deep => "deep",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Broken => "broken",
            Self::Encrypted => "encrypted",
            Self::Budget => "budget",
            Self::Empty => "empty",
        }
    }

    /// The reason of this name.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }

    /// The reason and the remedy, in English.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "the folder cannot be read; check that it exists and its permissions",
            Self::File => "the file cannot be read; check its permissions",
            Self::Name => "the name is too long or contains characters that a path cannot have",
            Self::Outside => "the symbolic link leads out of the folder; it is not followed",
            Self::Dangling => "the symbolic link leads nowhere",
            Self::Deep => "folders are nested deeper than 64",
            Self::TooLarge => "the file is larger than file_bytes allows",
            Self::TooMany => "there are more documents than most_documents allows",
            Self::Broken => "the file is broken or is not what its name says",
            Self::Encrypted => "the file is encrypted",
            Self::Budget => "the file unpacks to more text than is read, or takes too long",
            Self::Empty => "the file has no text",
        }
    }
}
