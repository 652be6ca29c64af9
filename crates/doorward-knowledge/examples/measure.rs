//! Measures indexing and searching a folder: `measure FOLDER INDEX`. `tests/load/documents` makes a
//! folder to measure with.
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::{path::Path, sync::Arc, time::Instant};

use doorward_knowledge::{Collection, Links, Settings, Sight, WrittenSettings};
use doorward_model::ports::SystemClock;
use serde_json::{Value, json};

/// The highest memory of this process, as the operating system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

fn arguments(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

fn main() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(index)) = (words.next(), words.next()) else {
        return Err("measure FOLDER INDEX".to_owned());
    };
    let settings = Settings::parse(&WrittenSettings {
        folders: vec![format!("docs = {folder}")],
        ..WrittenSettings::default()
    })
    .map_err(|fault| fault.to_string())?;
    let sight = Sight::whole(&settings);
    let clock = Arc::new(SystemClock);
    std::fs::create_dir_all(&index).map_err(|error| error.to_string())?;
    let collection = Collection::reader("docs", settings, Path::new(&index), clock);
    let begun = Instant::now();
    let status = collection.build(false, &mut |_| {})?.ok_or("another process writes the index")?;
    println!(
        "indexed {} documents, {} chunks, {} left out in {:.1} s; {}",
        status.documents,
        status.chunks,
        status.left_out,
        begun.elapsed().as_secs_f64(),
        memory()
    );
    let begun = Instant::now();
    collection.build(false, &mut |_| {})?;
    println!("compared without a change in {:.2} s", begun.elapsed().as_secs_f64());
    let questions: Vec<Value> = (0..400_u32)
        .map(|number| {
            let (one, other) = (number * 37 % 5000, number * 101 % 5000);
            json!({"query": format!("how do I find word{one} and word{other}")})
        })
        .collect();
    let mut times: Vec<_> = questions
        .into_iter()
        .map(|question| {
            let begun = Instant::now();
            let found = collection.call("search", arguments(question), &sight, &Links::default());
            found.map(|_| begun.elapsed()).map_err(|refusal| refusal.to_string())
        })
        .collect::<Result<_, _>>()?;
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    println!("search: p50 {:?}, p95 {:?}, p99 {:?}; {}", at(50), at(95), at(99), memory());
    Ok(())
}
