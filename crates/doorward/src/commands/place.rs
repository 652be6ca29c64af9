//! The place of a command's data, and the server that runs on it.

use std::path::Path;

use doorward_model::PublicUrl;
use doorward_store::Config as StoreConfig;

use super::Command;
use crate::{
    Failed,
    config::{Loaded, Origin},
    data_dir::DataDir,
    out,
    running::Running,
};

/// The need of a command for data, where the data directory has none.
#[derive(Clone, Copy)]
pub(super) enum Need {
    /// It begins with an empty database.
    Nothing,
    /// It begins with an empty database too, which is hardly meant where a server runs elsewhere.
    Told,
    /// Without data it has nothing to do.
    Data,
}

/// Refuses a command that finds no data at the place where it looks, or notes that it begins with an
/// empty database there: a wrong data directory must not look like an empty server.
pub(super) fn seek_data(
    command: &Command,
    store: &StoreConfig,
    data_dir: &Path,
) -> Result<(), Failed> {
    let Some(file) = store.file(data_dir).filter(|file| !file.exists()) else { return Ok(()) };
    let file = file.display();
    match command.facts().need {
        Need::Nothing => Ok(()),
        Need::Told => {
            out::error(format_args!(
                "doorward: there was no database {file}; a new one was made. If a server runs on \
                 other data, name its directory with --data-dir or DOORWARD_DATA_DIR."
            ));
            Ok(())
        }
        Need::Data => Err(Failed(format!(
            "there is no database {file}; name the data directory of the server with --data-dir \
             or DOORWARD_DATA_DIR"
        ))),
    }
}

/// Takes over the start parameters of the server that runs on this data directory, as far as this
/// command line does not set them. Without a running server, the note of the last one counts where
/// the configuration says nothing.
pub(super) fn follow_server(loaded: &mut Loaded, data_dir: &DataDir) {
    let config = &mut loaded.config.server;
    if matches!(loaded.origins.get("server.public_url"), Some(Origin::Flag(_))) {
        return;
    }
    let noted = match data_dir.running() {
        Some(running) => Some(running),
        None if config.public_url.is_empty() => data_dir.noted(),
        None => None,
    };
    // If https was configured since, that configuration is checked.
    let asks_for_tls = !config.tls.is_empty() || !config.tls_certificate.is_empty();
    let fits = |noted: &Running| {
        PublicUrl::parse(&noted.public_url).is_ok_and(|url| url.is_https() || !asks_for_tls)
    };
    if let Some(noted) = noted.filter(fits) {
        config.public_url = noted.public_url;
    }
}
