//! The table: what the server's processor time and its users' waiting time were.

use std::{cell::Cell, path::Path, rc::Rc, time::Duration, time::Instant};

use crate::{
    Options,
    behind::Behind,
    http::Outcome,
    limits::Limits,
    server::{Server, Start},
    work::{ALL, User, Work},
};

/// The table is between these lines of the page.
const BEGIN: &str = "<!-- table: tests/load/run --write -->";
const END: &str = "<!-- end of the table -->";

/// The figures of one operation.
struct Figures {
    /// Operations in a second of the server's processor time.
    per_core: f64,
    /// Operations in a second.
    per_second: f64,
    /// Milliseconds that half, and 99 of 100, took at most.
    half: f64,
    most: f64,
}

/// Runs the operation on all connections for a while.
async fn run(
    server: &Server,
    users: Vec<User>,
    work: Work,
    seconds: f64,
) -> Outcome<(Vec<User>, Figures)> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let (begun, before) = (Instant::now(), server.cpu());
    let failed = Rc::new(Cell::new(false));
    let tasks: Vec<_> = users
        .into_iter()
        .map(|mut user| {
            let failed = Rc::clone(&failed);
            tokio::task::spawn_local(async move {
                let mut took = Vec::new();
                while Instant::now() < until && !failed.get() {
                    let one = Instant::now();
                    if let Err(error) = user.run(work).await {
                        failed.set(true);
                        return Err(error);
                    }
                    took.push(one.elapsed().as_secs_f64() * 1000.0);
                }
                Ok((user, took))
            })
        })
        .collect();
    let (mut users, mut took) = (Vec::new(), Vec::new());
    for task in tasks {
        let (user, of_user) = task.await.map_err(|error| error.to_string())??;
        users.push(user);
        took.extend(of_user);
    }
    let (wall, cpu) =
        (begun.elapsed().as_secs_f64(), server.cpu().saturating_sub(before).as_secs_f64());
    took.sort_by(f64::total_cmp);
    let done = f64::from(u32::try_from(took.len()).unwrap_or(u32::MAX));
    let at = |hundredth: usize| took.get(took.len() * hundredth / 100).copied();
    let figures = Figures {
        per_core: done / cpu.max(0.01),
        per_second: done / wall,
        half: at(50).unwrap_or_default(),
        most: at(99).unwrap_or_default(),
    };
    Ok((users, figures))
}

/// The median of the runs of an operation, by processor time.
async fn median(server: &Server, work: Work, options: &Options) -> Outcome<Figures> {
    let mut users = Vec::new();
    for number in 0..options.connections {
        users.push(User::ready(server, number, work).await?);
    }
    let mut all = Vec::new();
    // The first one fills caches.
    (users, _) = run(server, users, work, options.seconds / 4.0).await?;
    for _ in 0..options.runs.max(1) {
        let figures;
        (users, figures) = run(server, users, work, options.seconds).await?;
        all.push(figures);
    }
    all.sort_by(|one, other| one.per_core.total_cmp(&other.per_core));
    let middle = all.len() / 2;
    Ok(all.swap_remove(middle))
}

/// A figure with three digits that count.
fn rounded(figure: f64) -> String {
    let text = match figure {
        figure if figure >= 10_000.0 => format!("{:.0}", (figure / 100.0).round() * 100.0),
        figure if figure >= 1000.0 => format!("{:.0}", (figure / 10.0).round() * 10.0),
        figure if figure >= 10.0 => format!("{figure:.0}"),
        figure => format!("{figure:.2}"),
    };
    match text.len() {
        5.. if !text.contains('.') => {
            format!("{},{}", &text[..text.len() - 3], &text[text.len() - 3..])
        }
        _ => text,
    }
}

/// The words before the server: a core of its own, where there is another one for the driver.
fn pinned() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if std::env::var_os("DOORWARD_LOAD_CORE").is_none() || cores == 0 {
        return Vec::new();
    }
    ["taskset", "-c", "0"].map(str::to_owned).to_vec()
}

/// Measures everything and writes it as a page has it.
pub(crate) async fn measured(options: &Options) -> Outcome<String> {
    let folder = std::env::temp_dir().join(format!("doorward-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let limits = Limits::measured(&folder).await;
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    let limits = limits?;
    let per = |micros: f64| rounded(1e6 / micros);
    let mut text = format!(
        "Limits of one core in this run: {} requests of a bare axum, {} signatures and {} verifications by ES256, {} rows of SQLite (`synchronous=FULL`, 16 a commit), {} passwords by argon2id (19 MiB, 2 passes) a second; the disk flushes 4 KiB {} times a second.\n",
        per(limits.request),
        per(limits.signature),
        per(limits.verification),
        per(limits.row),
        per(limits.password),
        rounded(limits.flushes),
    );
    let behind = Rc::new(Behind::start()?);
    let databases = std::iter::once(None).chain(options.databases.iter().map(Some));
    for database in databases {
        let start = Start {
            binary: &options.binary,
            database: database.map(String::as_str),
            behind: &behind,
            users: options.connections,
            under: pinned(),
        };
        let server = Server::start(&start).await?;
        let title = if database.is_some() { "PostgreSQL" } else { "SQLite" };
        let begin = format!(
            "\n**{title}**, {} connections, one user each. First response {} ms after the start, {} MiB then",
            options.connections,
            server.started_in.as_millis(),
            server.memory()
        );
        let (mut services, mut rows) = (
            String::new(),
            String::from(
                "\n| Operation | a core-second | of the limit | a second | p50 ms | p99 ms |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
            ),
        );
        for (work, name, what) in ALL {
            if !options.works.is_empty() && !options.works.iter().any(|chosen| chosen == name) {
                continue;
            }
            let figures = median(&server, *work, options)
                .await
                .map_err(|error| format!("{name}: {error}"))?;
            let share = figures.per_core * limits.of(*work) / 1e4;
            if *work == Work::Service {
                let ratio = figures.per_core * limits.signature / 1e6;
                services = format!(
                    "\nTokens of services by their secrets a core-second: {ratio:.2} of the signatures by ES256.\n"
                );
            }
            // The processor time of PostgreSQL is not the server's.
            let share = if database.is_some() { "–".to_owned() } else { format!("{share:.0} %") };
            rows.push_str(&format!(
                "| {what} | {} | {share} | {} | {} | {} |\n",
                rounded(figures.per_core),
                rounded(figures.per_second),
                rounded(figures.half),
                rounded(figures.most)
            ));
        }
        text.push_str(&format!(
            "{begin}, {} MiB after all operations.\n{rows}{services}",
            server.memory()
        ));
        server.stop().await?;
    }
    Ok(text)
}

/// Puts the table into its page.
pub(crate) fn written(page: &Path, table: &str) -> Outcome<()> {
    let told = |error: std::io::Error| format!("{}: {error}", page.display());
    let text = std::fs::read_to_string(page).map_err(told)?;
    let missing = || format!("{} has no place for the table", page.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    std::fs::write(page, format!("{before}{BEGIN}\n\n{table}\n{END}{after}")).map_err(told)
}
