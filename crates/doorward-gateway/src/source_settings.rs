//! The settings of a collection that copies resources of other upstreams.

use doorward_model::UpstreamName;

use crate::config::{SettingError, UpstreamConfig};

/// Checks the settings of a collection that copies resources.
pub(crate) fn check(config: &UpstreamConfig) -> Result<(), SettingError> {
    for source in &config.sources {
        UpstreamName::parse(source).map_err(|_| {
            SettingError::new("sources", format!("{source:?} is not the name of an upstream"))
        })?;
    }
    if config.sources.is_empty() != config.source_token_file.is_empty() {
        return Err(SettingError::new(
            "source_token_file",
            "is needed with sources, and for nothing else: a file with an access token",
        ));
    }
    Ok(())
}
