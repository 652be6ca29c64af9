//! The question of `add` and `set` of upstreams and providers about a place that is not public:
//! networks are opened by the operator's word alone.

use std::io::{BufRead, IsTerminal, Write};

use doorward_transport::outbound::{LOOPBACK, Networks, needed_networks};
use serde_json::{Map, Value};
use url::Url;

use super::context::Context;
use crate::Failed;

/// The settings that hold the URL of what is added.
const PLACES: [&str; 3] = ["url", "document", "issuer"];

/// Adds the networks that the settings need to them, if the operator says so on a terminal. Without
/// a terminal, the answer is the command that says it. `before` are the settings that they change.
pub(super) async fn settle(
    context: &Context,
    settings: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
) -> Result<(), Failed> {
    let own = own(settings, before);
    let listed = listed(context, &own, settings, before)?;
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
            let word = match before {
                None => format!("--set networks={}", needed.join(",")),
                // A value takes the place of the one before.
                Some(_) => format!("networks={}", [&own[..], &needed[..]].concat().join(",")),
            };
            return Err(Failed(refusal(&url, &needed, is_plain, word)));
        }
        let all = own.into_iter().chain(needed).map(Value::String).collect();
        settings.insert("networks".to_owned(), Value::Array(all));
        return Ok(());
    }
    Ok(())
}

/// The networks that are listed for what is added or changed.
fn own(settings: &Map<String, Value>, before: Option<&Map<String, Value>>) -> Vec<String> {
    let told = |settings: &Map<String, Value>| settings.get("networks").cloned();
    let found = told(settings).or_else(|| before.and_then(told)).unwrap_or_default();
    let found = found.as_array().into_iter().flatten();
    found.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The same, with those that are listed for all.
fn listed(
    context: &Context,
    own: &[String],
    settings: &Map<String, Value>,
    before: Option<&Map<String, Value>>,
) -> Result<Networks, Failed> {
    let told = |settings: &Map<String, Value>| settings.get("http_on_loopback").cloned();
    let loopback = told(settings).or_else(|| before.and_then(told)) == Some(Value::Bool(true));
    let texts: Vec<String> = own
        .iter()
        .cloned()
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
fn refusal(url: &Url, needed: &[String], plain: bool, word: String) -> String {
    let mut words: Vec<String> =
        std::env::args_os().map(|word| quoted(&word.to_string_lossy())).collect();
    // The words after `--` belong to a local process.
    let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.insert(at, word);
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
