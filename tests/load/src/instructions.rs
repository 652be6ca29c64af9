//! Instructions of operations, counted by callgrind while the program does them one after the other,
//! and compared with the recorded figures. Unlike times, they are the same on every machine.

use std::{collections::BTreeMap, path::Path};

use tokio::process::Command;

use crate::{
    http::Outcome,
    limits,
    server::{Server, Start},
    work::{ALL, User, Work},
};

/// The operations that are counted, and how often each is done in one batch.
const COUNTED: &[(Work, u32)] = &[
    (Work::Discovery, 20),
    (Work::Flow, 2),
    (Work::Refresh, 4),
    (Work::Call, 5),
    (Work::ModernCall, 5),
    (Work::Hop, 5),
];
/// How many batches there are; the least counts.
const BATCHES: u32 = 8;
/// The function whose instructions count, with all that it calls: the task of a connection. The
/// server's own loops, which run by the clock, and the writer, whose statements are counted
/// elsewhere, are not part of it.
const WITHIN: &str = "doorward_transport::serve::connection::{{closure}}";
/// How often each is done before it is counted: caches fill, and lists are asked for.
const BEFORE: u32 = 20;
/// By how much a figure may be above the recorded one, in hundredths.
const MORE: f64 = 3.0;

fn name(work: Work) -> &'static str {
    ALL.iter().find(|(known, ..)| *known == work).map_or("", |(_, name, _)| name)
}

/// The recorded figures: a line for each operation, its name and its thousands of instructions.
fn recorded(file: &Path) -> Outcome<BTreeMap<String, f64>> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, figure) = line.split_once(' ').ok_or(format!("no figure in {line:?}"))?;
            let figure = figure.trim().parse::<f64>().map_err(|error| error.to_string())?;
            Ok((name.to_owned(), figure))
        })
        .collect()
}

/// Asks callgrind something about the server.
async fn control(server: &Server, option: &str) -> Outcome<()> {
    let told = Command::new("callgrind_control")
        .args([option, &server.pid().to_string()])
        .output()
        .await
        .map_err(|error| format!("callgrind_control: {error}"))?;
    let text = String::from_utf8_lossy(&told.stdout);
    if told.status.success() && !text.contains("Error") {
        Ok(())
    } else {
        Err(format!("callgrind_control {option}: {text}{}", String::from_utf8_lossy(&told.stderr)))
    }
}

/// The instructions of the newest dump.
fn dumped(folder: &Path, number: usize) -> Outcome<f64> {
    let file = folder.join(format!("callgrind.{number}"));
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    // Each thread has a part of its own with a sum.
    let sums = text.lines().filter_map(|line| line.strip_prefix("summary: "));
    let all: f64 = sums.filter_map(|sum| sum.trim().parse::<f64>().ok()).sum();
    if all > 0.0 { Ok(all) } else { Err(format!("no instruction within {WITHIN} was counted")) }
}

/// Thousands of instructions of each operation.
async fn counted(binary: &Path) -> Outcome<Vec<(&'static str, f64)>> {
    let upstream = limits::stub()?;
    let out = std::env::temp_dir().join(format!("doorward-callgrind-{}", std::process::id()));
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let file = format!("--callgrind-out-file={}/callgrind", out.display());
    let within = format!("--toggle-collect={WITHIN}");
    let under = ["valgrind", "--quiet", "--tool=callgrind", file.as_str(), within.as_str()];
    let under = under.map(str::to_owned).to_vec();
    let start = Start { binary, database: None, upstream: &upstream, users: 1, under };
    let server = Server::start(&start).await?;
    let (mut figures, mut dumps) = (Vec::new(), 0);
    for (work, times) in COUNTED {
        let mut user = User::ready(&server.host, 0, *work).await?;
        for _ in 0..BEFORE {
            user.run(*work).await?;
        }
        control(&server, "--zero").await?;
        let mut least = f64::MAX;
        for _ in 0..BATCHES {
            for _ in 0..*times {
                user.run(*work).await?;
            }
            // Counts from zero again.
            control(&server, "--dump").await?;
            dumps += 1;
            least = least.min(dumped(&out, dumps)?);
        }
        figures.push((name(*work), least / f64::from(*times) / 1000.0));
    }
    server.stop().await?;
    std::fs::remove_dir_all(&out).map_err(|error| error.to_string())?;
    Ok(figures)
}

/// Counts, prints and compares. `write` records the figures instead.
pub(crate) async fn check(binary: &Path, file: &Path, write: bool) -> Outcome<()> {
    let figures = counted(binary).await?;
    if write {
        let mut text = "# Thousands of instructions of one operation, by `tests/load/run instructions --write`.\n# A figure changes only deliberately, with the reason in the commit.\n".to_owned();
        for (name, figure) in &figures {
            text.push_str(&format!("{name} {figure:.0}\n"));
        }
        return std::fs::write(file, text).map_err(|error| error.to_string());
    }
    let recorded = recorded(file)?;
    let mut over = Vec::new();
    println!("{:<14} {:>10} {:>10} {:>8}", "", "recorded", "now", "change");
    for (name, now) in figures {
        let before = recorded.get(name).ok_or_else(|| format!("{name} is not recorded"))?;
        let change = (now / before - 1.0) * 100.0;
        println!("{name:<14} {before:>10.0} {now:>10.0} {change:>+7.1}%");
        if change > MORE {
            over.push(name);
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    Err(format!("more than {MORE} % above the recorded instructions: {}", over.join(", ")))
}
