//! Output of commands.

use std::process::ExitCode;

use doorward_admin::Finding;
use doorward_model::foreign::escaped;

use crate::out;

/// Prints a value as JSON.
pub(super) fn print_json(value: &serde_json::Value) {
    out::line(format_args!("{value:#}"));
}

/// Prints a value as the API shows it.
pub(super) fn print_view(value: &impl serde::Serialize) {
    print_json(&serde_json::to_value(value).unwrap_or_default());
}

/// Prints the findings. The exit status states whether there is a problem.
pub(super) fn print_findings(as_json: bool, findings: &[Finding]) -> ExitCode {
    let healthy = findings.iter().all(|finding| finding.result.is_ok());
    if as_json {
        let describe = |finding: &Finding| {
            let (Ok(text) | Err(text)) = &finding.result;
            serde_json::json!({"what": finding.what, "ok": finding.result.is_ok(), "finding": text})
        };
        print_json(
            &serde_json::json!({"ok": healthy, "findings": findings.iter().map(describe).collect::<Vec<_>>()}),
        );
    } else {
        let width = findings.iter().map(|finding| finding.what.chars().count()).max();
        let width = width.unwrap_or(0).max(16);
        for finding in findings {
            let (mark, text) = match &finding.result {
                Ok(text) => ("ok   ", text),
                Err(text) => ("WRONG", text),
            };
            print_block(&format!("{mark} {:<width$} ", finding.what), text);
        }
    }
    if healthy { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Prints one line, escaped: nothing in it can end the line, forge the next one, or control the
/// terminal.
pub(crate) fn print_line(line: &str) {
    out::line(escaped(line));
}

/// Prints a text of several lines, the first behind `mark` and the others under it, each escaped.
pub(super) fn print_block(mark: &str, text: &str) {
    for (index, line) in text.split('\n').enumerate() {
        if index == 0 {
            report!("{mark}{line}");
        } else {
            report!("{:width$}{line}", "", width = mark.chars().count());
        }
    }
}

/// Prints the text of a program, to be copied: the tabs that indent a line stay, the rest of it is
/// escaped.
pub(super) fn print_code(code: &str) {
    for line in code.lines() {
        let text = line.trim_start_matches('\t');
        let (indent, _) = line.split_at(line.len() - text.len());
        out::line(format_args!("{indent}{}", escaped(text)));
    }
}

/// Prints rows under a head, aligned. Cells hold names that upstreams, clients and providers chose,
/// so that each is escaped: none can end its line, or turn the direction of the next.
pub(super) fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| escaped(cell).into_owned()).collect())
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .chain(head.get(column).map(|title| (*title).to_owned()).as_ref())
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let line = |cells: &[String]| {
        cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect::<Vec<_>>()
            .join("  ")
            .trim_end()
            .to_owned()
    };
    report!("{}", line(&head.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>()));
    for row in &rows {
        report!("{}", line(row));
    }
}

/// A moment as users read it.
pub(super) fn moment(at: doorward_model::Timestamp) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    time::OffsetDateTime::from_unix_timestamp(at.0)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}
