//! Instructions and allocations of operations, counted by callgrind while the program does them one
//! after the other, and compared with the recorded figures. Unlike times, they do not depend on
//! what else the machine does.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
};

use tokio::process::Command;

use crate::{
    behind::Behind,
    http::Outcome,
    server::{Server, Start},
    work::{ALL, User, Work},
};

/// The operations that are counted, and how often each is done in one batch.
const COUNTED: &[(Work, u32)] = &[
    (Work::Discovery, 20),
    (Work::Keys, 20),
    (Work::Registration, 4),
    (Work::Flow, 2),
    (Work::Refresh, 4),
    (Work::Introspection, 10),
    (Work::Call, 5),
    (Work::ModernCall, 5),
    (Work::Hop, 5),
];
/// Number of batches; the least counts.
const BATCHES: u32 = 8;
/// The functions whose instructions count, with all that they call: the task of a connection, and
/// that of a call which goes upstream. The server's own loops, which run by the clock, and the
/// writer, whose statements are counted elsewhere, are not part of it. None of them calls another
/// one: callgrind would stop counting there.
const WITHIN: [&str; 2] = [
    "doorward_transport::serve::connection::{{closure}}",
    "doorward_mcp::in_place::apart::{{closure}}",
];
/// The functions of the allocator whose calls count.
const ALLOCATORS: &str = "mimalloc::MiMalloc as core::alloc::global::GlobalAlloc>::";
/// Number of times that each is done before it is counted: caches fill, and lists are asked for.
const BEFORE: u32 = 20;
/// By how much a figure may be above the recorded one, in hundredths.
const MORE: f64 = 3.0;

/// Costs of an operation.
#[derive(Clone, Copy)]
struct Cost {
    /// Thousands of instructions.
    instructions: f64,
    allocations: f64,
}

fn name(work: Work) -> &'static str {
    ALL.iter().find(|(known, ..)| *known == work).map_or("", |(_, name, _)| name)
}

/// The recorded figures: a line for each operation with its name, its thousands of instructions and
/// its allocations.
fn recorded(file: &Path) -> Outcome<BTreeMap<String, Cost>> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, instructions, allocations] = words[..] else {
                return Err(format!("{line:?} is not a name and two figures"));
            };
            let figure = |text: &str| text.parse::<f64>().map_err(|error| error.to_string());
            let (instructions, allocations) = (figure(instructions)?, figure(allocations)?);
            Ok((name.to_owned(), Cost { instructions, allocations }))
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

/// The counts of the newest dump.
fn dumped(folder: &Path, number: usize) -> Outcome<Cost> {
    let file = folder.join(format!("callgrind.{number}"));
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    // Each thread has a part of its own with a sum.
    let sums = text.lines().filter_map(|line| line.strip_prefix("summary: "));
    let all: f64 = sums.filter_map(|sum| sum.trim().parse::<f64>().ok()).sum();
    let allocations = allocations(&text);
    if all > 0.0 && allocations > 0.0 {
        Ok(Cost { instructions: all / 1000.0, allocations })
    } else {
        Err(format!("no instruction or no allocation within {WITHIN:?} was counted"))
    }
}

/// The calls of the allocator in a dump. A name stands where it occurs first, and its number
/// thereafter; the number of calls follows the function that is called.
fn allocations(dump: &str) -> f64 {
    let (mut allocators, mut is_called, mut calls) = (BTreeSet::new(), false, 0.0);
    for line in dump.lines() {
        let named = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn="));
        if let Some((number, name)) = named.and_then(|named| named.split_once(')')) {
            let allocates = |of: &str| ["alloc", "alloc_zeroed", "realloc"].contains(&of);
            if name.split_once(ALLOCATORS).is_some_and(|(_, of)| allocates(of)) {
                allocators.insert(number.to_owned());
            }
            is_called = line.starts_with('c') && allocators.contains(number);
        } else if let Some(counts) = line.strip_prefix("calls=").filter(|_| is_called) {
            let count = counts.split(' ').next().unwrap_or_default();
            calls += count.parse::<f64>().unwrap_or_default();
        }
    }
    calls
}

/// The costs of each operation.
async fn counted(binary: &Path) -> Outcome<Vec<(&'static str, Cost)>> {
    let present = Command::new("valgrind").arg("--version").output().await;
    present.map_err(|error| format!("callgrind counts instructions; install valgrind: {error}"))?;
    let behind = Rc::new(Behind::start()?);
    let out = std::env::temp_dir().join(format!("doorward-callgrind-{}", std::process::id()));
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let file = format!("--callgrind-out-file={}/callgrind", out.display());
    let mut under = ["valgrind", "--quiet", "--tool=callgrind", &file].map(str::to_owned).to_vec();
    under.extend(WITHIN.map(|function| format!("--toggle-collect={function}")));
    let start = Start { binary, database: None, behind: &behind, users: 1, under };
    let server = Server::start(&start).await?;
    let (mut figures, mut dumps) = (Vec::new(), 0);
    for (work, times) in COUNTED {
        let mut user = User::ready(&server, 0, *work).await?;
        for _ in 0..BEFORE {
            user.run(*work).await?;
        }
        control(&server, "--zero").await?;
        let mut least = Cost { instructions: f64::MAX, allocations: f64::MAX };
        for _ in 0..BATCHES {
            for _ in 0..*times {
                user.run(*work).await?;
            }
            // Counts from zero again.
            control(&server, "--dump").await?;
            dumps += 1;
            let Cost { instructions, allocations } = dumped(&out, dumps)?;
            least.instructions = least.instructions.min(instructions / f64::from(*times));
            least.allocations = least.allocations.min(allocations / f64::from(*times));
        }
        figures.push((name(*work), least));
    }
    server.stop().await?;
    std::fs::remove_dir_all(&out).map_err(|error| error.to_string())?;
    Ok(figures)
}

/// Counts, prints and compares. `write` records the figures instead.
pub(crate) async fn check(binary: &Path, file: &Path, write: bool) -> Outcome<()> {
    let figures = counted(binary).await?;
    if write {
        let mut text = "# Thousands of instructions and allocations of one operation, by `tests/load/run instructions --write`.\n# A figure changes only deliberately, with the reason in the commit.\n".to_owned();
        for (name, Cost { instructions, allocations }) in &figures {
            text.push_str(&format!("{name} {instructions:.0} {allocations:.0}\n"));
        }
        return std::fs::write(file, text).map_err(|error| error.to_string());
    }
    let recorded = recorded(file)?;
    let mut over = Vec::new();
    println!("{:<28} {:>10} {:>10} {:>8}", "", "recorded", "now", "change");
    for (name, now) in figures {
        let before = recorded.get(name).ok_or_else(|| format!("{name} is not recorded"))?;
        for (what, before, now) in [
            ("k instructions", before.instructions, now.instructions),
            ("allocations", before.allocations, now.allocations),
        ] {
            let change = (now / before - 1.0) * 100.0;
            println!("{name:<13} {what:<14} {before:>10.0} {now:>10.0} {change:>+7.1}%");
            if change > MORE {
                over.push(format!("{what} of {name}"));
            }
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    Err(format!("more than {MORE} % above the record: {}", over.join(", ")))
}
