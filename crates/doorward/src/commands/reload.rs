//! `doorward reload` and `doorward apply`.

use std::process::ExitCode;

use serde_json::json;

use super::{print_block, print_json};
use crate::{
    Failed,
    config::ConfigSource,
    control,
    data_dir::DataDir,
    reload::{Reply, Request},
};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward reload";

/// Makes the running server apply the configuration file, or only shows what would change.
pub(super) async fn run(
    data_dir: &DataDir,
    source: &ConfigSource,
    dry_run: bool,
    as_json: bool,
) -> Result<ExitCode, Failed> {
    let request = if dry_run { Request::Compare } else { Request::Reload };
    let Some(reply) = control::ask(data_dir, request).await? else {
        // The next server loads the file when it starts.
        source.load()?.check()?;
        let says = format!(
            "No server is running on {}: the file is valid and takes effect with doorward serve.",
            data_dir.path().display()
        );
        if !dry_run {
            return Err(Failed(says));
        }
        return Ok(print(&Reply { says, ..Reply::default() }, as_json));
    };
    Ok(print(&reply, as_json))
}

fn print(reply: &Reply, as_json: bool) -> ExitCode {
    if as_json {
        print_json(&json!({
            "ok": !reply.failed, "says": reply.says, "differences": reply.differences,
        }));
    } else {
        for difference in &reply.differences {
            report!("{difference}");
        }
        print_block("", &reply.says);
    }
    if reply.failed { ExitCode::from(1) } else { ExitCode::SUCCESS }
}
