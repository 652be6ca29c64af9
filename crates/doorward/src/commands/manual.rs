//! `doorward completion` and `doorward man`.

use std::{fs, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;

use super::Arguments;
use crate::{Failed, out};

/// Reads the name of a shell for which there is completion.
pub(super) fn shell(text: &str) -> Result<Shell, String> {
    match text {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        _ => Err("completion is available for bash, zsh and fish".to_owned()),
    }
}

/// Prints the completion of a shell.
pub(super) fn completion(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "doorward", &mut script);
    out::line(String::from_utf8_lossy(&script).trim_end());
}

/// Writes the man pages into a folder.
pub(super) fn pages(folder: &Path) -> Result<(), Failed> {
    let failed = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?;
    report!("Written to {}.", folder.display());
    Ok(())
}
