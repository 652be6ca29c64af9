//! Logs, to standard error.

use std::io::{self, Write};

use doorward_model::foreign;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{Failed, config::LogConfig};

/// Libraries that log too much at the level that is right for Doorward.
const QUIET: &[&str] = &[
    "sqlx=warn",
    "sea_orm=warn",
    "sea_orm_migration=warn",
    "hyper=warn",
    "h2=warn",
    "rustls=warn",
    "reqwest=warn",
    // Each part of an index that is written, and each fault of a PDF file.
    "tantivy=warn",
    "lopdf=off",
];

/// Starts logging. Twice is harmless.
pub(crate) fn start(config: &LogConfig) -> Result<(), Failed> {
    let directives = std::iter::once(config.level.as_str())
        .chain(doorward_mcp::QUIET_LOGS.iter().copied())
        .chain(QUIET.iter().copied())
        .collect::<Vec<_>>()
        .join(",");
    let filter =
        EnvFilter::try_new(directives).map_err(|error| Failed(format!("log.level: {error}")))?;
    let started = tracing_subscriber::registry()
        .with(layer(Format::of(config), io::stderr).with_filter(filter))
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

impl Format {
    fn of(config: &LogConfig) -> Self {
        if config.format == "json" { Self::Json } else { Self::Text }
    }
}

/// Writes events to `writer`, each on one line that is escaped as a whole. Colours would need
/// characters that are escaped, and are left out.
fn layer<W: for<'a> MakeWriter<'a> + Send + Sync + 'static>(
    format: Format,
    writer: W,
) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = Lines { format, writer };
    match format {
        Format::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(lines)
            .log_internal_errors(false)
            .boxed(),
        Format::Text => fmt::layer()
            .with_target(false)
            .with_ansi(false)
            .with_writer(lines)
            .log_internal_errors(false)
            .boxed(),
    }
}

/// Escapes every event, with all its parts: messages, fields, names and spans may hold text from
/// external sources, and none of it can end the line, reorder it, or control a terminal.
struct Lines<W> {
    format: Format,
    writer: W,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { format: self.format, writer: self.writer.make_writer() }
    }
}

struct Line<W> {
    format: Format,
    writer: W,
}

impl<W: Write> Write for Line<W> {
    /// Writes one event: the subscriber passes each as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let line = match self.format {
            Format::Text => foreign::escaped(text),
            Format::Json => foreign::escaped_json(text),
        };
        let mut line = line.into_owned();
        line.push('\n');
        self.writer.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(layer(format, move || writer.clone())),
            log,
        );
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_of_others_cannot_forge_a_line_of_the_log() {
        let evil = "x\n2026-11-26T00:00:00Z  INFO forged\r\u{2028}\u{202e}\u{1b}[2J\u{85}\u{200b}";
        let log = || {
            let span = tracing::info_span!("request", path = evil);
            let _entered = span.enter();
            tracing::info!(tool = evil, shown = %evil, made = Some("client"), none = None::<String>, "message: {evil}");
        };
        for format in [Format::Text, Format::Json] {
            let text = logged(format, log);
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(
                text.ends_with('\n')
                    && !text.trim_end_matches('\n').chars().any(foreign::is_hidden),
                "{text:?}"
            );
            assert!(!text.contains("Some("), "{text}");
            if format == Format::Json {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(
                    (value["tool"].as_str(), value["made"].as_str()),
                    (Some(evil), Some("client")),
                    "JSON keeps what was said"
                );
            }
        }
    }
}
