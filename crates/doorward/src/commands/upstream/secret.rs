//! Secrets of an upstream, read from standard input.

use std::io::Read;

use serde_json::{Map, Value};

use crate::Failed;

/// Reads the secret of `add`: one line `KEY=VALUE`, so that it does not appear in lists of
/// processes.
pub(super) fn read_secret(settings: &mut Map<String, Value>) -> Result<(), Failed> {
    let mut text = String::new();
    std::io::stdin().take(16 * 1024).read_to_string(&mut text).map_err(Failed::because)?;
    let mut lines = text.lines().filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| Failed("standard input must contain KEY=VALUE".to_owned()))?;
        match key {
            "header" | "password" | "client_secret" => {
                settings.insert(key.to_owned(), value.into());
            }
            "private_key" => {
                settings.insert(key.to_owned(), pem(value, &mut lines).into());
            }
            "env" => match settings.entry("env").or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(held) => held.push(value.into()),
                other => return Err(Failed(format!("env is not a list: {other}"))),
            },
            other => {
                return Err(Failed(format!(
                    "{other:?} is not a secret of an upstream; use header, password, \
                     client_secret, private_key or env"
                )));
            }
        }
    }
    Ok(())
}

/// A private key with the lines that follow its first one, as a file in PEM form has them.
fn pem<'t>(first: &str, lines: &mut impl Iterator<Item = &'t str>) -> String {
    let mut all = first.to_owned();
    while first.starts_with("-----BEGIN") && !all.contains("-----END") {
        let Some(line) = lines.next() else { break };
        all.push('\n');
        all.push_str(line);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_read_with_its_lines_and_nothing_behind_it() {
        let read = |text: &str| {
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default();
            (pem(first, &mut lines), lines.next().map(ToOwned::to_owned))
        };
        let key = "-----BEGIN PRIVATE KEY-----\nAB=\n-----END PRIVATE KEY-----";
        assert_eq!(read(&format!("{key}\nnext")), (key.to_owned(), Some("next".to_owned())));
        assert_eq!(read("x\nnext"), ("x".to_owned(), Some("next".to_owned())));
        let line = key.replace('\n', "\\n");
        assert_eq!(read(&format!("{line}\nnext")), (line, Some("next".to_owned())));
    }
}
