//! The rows of a list as a CSV file.

use std::fmt::Write as _;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use doorward_transport::Params;

use doorward_web::table::{Column, Row};

/// Reports that the list is asked for as a file.
pub(super) fn as_file(params: &Params) -> bool {
    params.get("format") == Some("csv")
}

/// A field of CSV. A text that a spreadsheet would take for a formula is led by an apostrophe.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The rows as a CSV file.
pub(super) fn file(name: &str, columns: &[Column], rows: &[Row]) -> Response {
    let line = |fields: Vec<String>| fields.join(",");
    let mut head = vec!["id".to_owned()];
    head.extend(columns.iter().map(|column| field(&column.label.to_string())));
    let mut csv = format!("{}\r\n", line(head));
    for row in rows {
        let mut fields = vec![field(&row.key)];
        fields.extend(row.cells.iter().map(|cell| field(&cell.plain())));
        let _ = write!(csv, "{}\r\n", line(fields));
    }
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, csv).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_files_are_no_formulas() {
        assert_eq!(field("=1+1"), "\"'=1+1\"");
        assert_eq!(field("say \"hello\", twice"), "\"say \"\"hello\"\", twice\"");
    }
}
