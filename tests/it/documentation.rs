//! The documentation: links resolve, the book lists every page, pages use the terms of the
//! glossary, and the requirement numbers in the sources are explained.

mod attacks;
mod book;
mod capabilities;
mod commands;
mod credentials;
mod messages;
mod phrases;
mod requirements;
mod settings;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files below `folder` with names that end with one of `endings`, as paths relative to the
/// repository. Folders of installed packages and hidden ones are left out.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && name != "node_modules" && name != "target" {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// True of the pages of the reference that a program writes.
fn is_generated(page: &str) -> bool {
    page.starts_with("docs/reference/")
        && (page.ends_with("/performance.md") || read(page).contains("<!-- Generated from "))
}

/// The lines of a page outside fenced code, without the code inside them, which may go on in the
/// next line of a paragraph.
fn prose(text: &str) -> Vec<(usize, String)> {
    let (mut fenced, mut code) = (false, false);
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.trim_start().starts_with("```") {
            continue;
        }
        code = code && !line.trim().is_empty();
        let mut outside = String::new();
        for (number, part) in line.split('`').enumerate() {
            code ^= number > 0;
            outside.push_str(if code { "`" } else { part });
        }
        lines.push((at + 1, outside));
    }
    lines
}
