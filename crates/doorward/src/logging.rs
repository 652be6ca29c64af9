//! Logs, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{Failed, config::LogConfig};

/// Libraries that say too much at the level that is right for us.
const QUIET: &[&str] = &["sqlx=warn", "sea_orm=warn", "sea_orm_migration=warn", "hyper=warn", "h2=warn", "rustls=warn", "reqwest=warn"];

/// Starts logging. Twice is harmless.
pub(crate) fn start(config: &LogConfig) -> Result<(), Failed> {
    let directives =
        std::iter::once(config.level.as_str()).chain(doorward_mcp::QUIET_LOGS.iter().copied()).chain(QUIET.iter().copied()).collect::<Vec<_>>().join(",");
    let filter = EnvFilter::try_new(directives).map_err(|error| Failed(format!("log.level: {error}")))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = if config.format == "json" {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_target(false).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr)).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
