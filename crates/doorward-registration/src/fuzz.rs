//! The parser of client metadata for the fuzz targets in `fuzz/`.

use doorward_model::ClientSource;
use doorward_transport::Budget;
use serde_json::{Map, Value};

use crate::{Config, policy};

/// Metadata of each source: each redirect URI that is accepted accepts itself.
pub fn metadata(text: &[u8]) {
    let Ok(metadata) = Budget::of_record(text.len()).json::<Map<String, Value>>(text) else {
        return;
    };
    let sources =
        [ClientSource::Registration, ClientSource::MetadataDocument, ClientSource::Administrator];
    for source in sources {
        let Ok(accepted) = policy::accept(&metadata, source, &Config::default()) else { continue };
        for uri in &accepted.redirect_uris {
            assert!(uri.accepts(uri.as_str()), "{} does not accept itself", uri.as_str());
        }
    }
}
