//! The question of `upstream add` and `provider add` about a place that is not public: networks are
//! opened by the operator's word alone.

use std::io::{BufRead, IsTerminal, Write};

use doorward_transport::outbound::{LOOPBACK, Networks, needed_networks};
use serde_json::{Map, Value};
use url::Url;

use super::context::Context;
use crate::Failed;

/// The settings that hold the URL of what is added.
const PLACES: [&str; 3] = ["url", "document", "issuer"];

/// Adds the networks that the settings need to them, if the operator says so on a terminal. Without
/// a terminal, the answer is the command that says it.
pub(super) async fn settle(
    context: &Context,
    settings: &mut Map<String, Value>,
) -> Result<(), Failed> {
    let listed = listed(context, settings)?;
    for place in PLACES {
        let url = settings.get(place).and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            continue;
        };
        let needed = needed_networks(&url, listed.clone()).await;
        if needed.is_empty() {
            continue;
        }
        let is_plain = url.scheme() == "http";
        if !ask(context, &url, &needed, is_plain)? {
            return Err(Failed(refusal(&url, &needed, is_plain)));
        }
        let networks = settings.entry("networks").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(networks) = networks {
            networks.extend(needed.into_iter().map(Value::String));
        }
        return Ok(());
    }
    Ok(())
}

/// The networks that are listed for what is added, and for all.
fn listed(context: &Context, settings: &Map<String, Value>) -> Result<Networks, Failed> {
    let own = settings.get("networks").and_then(Value::as_array).into_iter().flatten();
    let loopback = settings.get("http_on_loopback") == Some(&Value::Bool(true));
    let texts: Vec<String> = own
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .chain(context.config.outbound.allow_networks.iter().cloned())
        .chain(LOOPBACK.iter().filter(|_| loopback).map(|network| (*network).to_owned()))
        .collect();
    Networks::read(&texts).map_err(|error| Failed(format!("networks: {error}")))
}

fn place(url: &Url, needed: &[String]) -> String {
    format!(
        "{} is in {}, which is not public",
        url.host_str().unwrap_or_default(),
        needed.join(", ")
    )
}

/// Asks the operator, where one is at the terminal.
#[expect(clippy::print_stderr, reason = "a question to the operator at the terminal")]
fn ask(context: &Context, url: &Url, needed: &[String], plain: bool) -> Result<bool, Failed> {
    let input = std::io::stdin();
    if context.json || !input.is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    let clear = if plain {
        " Everything, including tokens, will cross that network unencrypted, because the URL is \
         http."
    } else {
        ""
    };
    eprint!("{}.{clear} Allow this network? [y/N] ", place(url, needed));
    std::io::stderr().flush().map_err(Failed::because)?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).map_err(Failed::because)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The refusal, with the whole command that would be accepted.
fn refusal(url: &Url, needed: &[String], plain: bool) -> String {
    let option = format!("--set networks={}", needed.join(","));
    let mut words: Vec<String> =
        std::env::args_os().map(|word| quoted(&word.to_string_lossy())).collect();
    // The words after `--` belong to a local process.
    let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.insert(at, option);
    let clear =
        if plain { " Over http everything, including tokens, crosses it unencrypted." } else { "" };
    format!("{}.{clear} To allow it: {}", place(url, needed), words.join(" "))
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
