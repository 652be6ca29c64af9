//! Documents of a team as tools: folders are indexed and searched, each caller within their roles.
//! The documents are only read; only the index, copies and uploads are written.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

mod chunks;
mod collection;
mod dates;
mod embedder;
mod format;
pub mod fuzz;
mod git;
mod hash;
mod mirror;
mod query;
mod record;
mod rights;
mod scan;
mod schema;
mod semantic;
mod settings;
mod status;
mod stem;
mod store;
mod tools;
mod uploads;
pub mod uri;
mod vectors;
mod walk;

pub use collection::Collection;
pub use embedder::{Embedder, NoVectors};
pub use format::Format;
pub use mirror::{Mirror, MirrorBounds, Original};
pub use rights::Sight;
pub use settings::{Folder, FolderRule, SettingFault, Settings, WrittenSettings};
pub use status::{is_ordered, order, read as read_status};
pub use store::{aside, remains};
pub use tools::{Contents, Links, Listing, Refusal, TOOLS, Tool};
