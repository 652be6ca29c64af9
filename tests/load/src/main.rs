//! Drives the whole program through its workloads and prints one table with the limits of the same
//! run, or counts the instructions of operations. `tests/load/run` builds and starts it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::disallowed_methods,
    reason = "a program of tests: it prints, takes the time, and a failure ends it"
)]

mod behind;
mod http;
mod instructions;
mod keys;
mod limits;
mod prepared;
mod server;
mod table;
mod work;

use std::{path::PathBuf, process::ExitCode};

use http::Outcome;

/// The command line.
struct Options {
    binary: PathBuf,
    /// Databases besides SQLite.
    databases: Vec<String>,
    /// Seconds of a run, and the number of runs of which the median counts.
    seconds: f64,
    runs: usize,
    connections: usize,
    /// The operations, or all of them.
    works: Vec<String>,
    /// The page that takes the table.
    page: Option<PathBuf>,
    /// The file of recorded instructions: they are counted, and nothing else.
    instructions: Option<PathBuf>,
    /// Record the instructions instead of comparing them.
    record: bool,
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        binary: PathBuf::from("target/release/doorward"),
        databases: Vec::new(),
        seconds: 1.0,
        runs: 3,
        connections: 16,
        works: Vec::new(),
        page: None,
        instructions: None,
        record: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--record" {
            options.record = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("{word}: {error}"));
        match word.as_str() {
            "--binary" => options.binary = value.into(),
            "--database" => options.databases.push(value),
            "--seconds" => {
                options.seconds = value.parse().map_err(|error| format!("{word}: {error}"))?;
            }
            "--runs" => options.runs = number()?,
            "--connections" => options.connections = number()?,
            "--work" => options.works.extend(value.split(',').map(str::to_owned)),
            "--page" => options.page = Some(value.into()),
            "--instructions" => options.instructions = Some(value.into()),
            _ => return Err(format!("there is no option {word}")),
        }
    }
    Ok(options)
}

async fn run(options: Options) -> Outcome<()> {
    if let Some(file) = &options.instructions {
        return instructions::check(&options.binary, file, options.record).await;
    }
    let text = table::measured(&options).await?;
    println!("{text}");
    match &options.page {
        Some(page) => table::written(page, &text),
        None => Ok(()),
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let options = options()?;
        tokio::task::LocalSet::new().block_on(&runtime, run(options))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
