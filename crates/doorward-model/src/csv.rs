//! Reading of tables in CSV (RFC 4180), within limits. The first line names the columns. Columns are
//! separated by commas, or by semicolons where the first line has no comma, as spreadsheets of many
//! countries write them.

/// The limits of a table.
#[derive(Clone, Copy, Debug)]
pub struct CsvLimits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Lines below the first.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Bytes of a field.
    pub field: usize,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvRow {
    /// The number of the line at which it begins, from 1.
    pub line: usize,
    /// The fields, without white space around them.
    pub fields: Vec<String>,
}

/// A text that is no table, or exceeds a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The text has too many bytes.
    #[error("the table has more than {0} bytes")]
    Bytes(usize),
    /// There are too many lines.
    #[error("the table has more than {0} lines")]
    Rows(usize),
    /// There are too many columns.
    #[error("line {0}: there are more than {1} columns")]
    Columns(usize, usize),
    /// A field is too long.
    #[error("line {0}: a field has more than {1} bytes")]
    Field(usize, usize),
    /// A quotation mark is not closed, or text follows a closed one.
    #[error("line {0}: a quotation mark does not enclose the whole field")]
    Quote(usize),
    /// A field has a character that cannot be printed.
    #[error("line {0}: a field has a control character")]
    Control(usize),
}

/// The state of reading.
struct Reader {
    limits: CsvLimits,
    rows: Vec<CsvRow>,
    fields: Vec<String>,
    field: String,
    /// The field began with a quotation mark.
    quoted: bool,
    /// The line being read, and the one at which the present row began.
    line: usize,
    begun: usize,
}

impl Reader {
    fn push(&mut self, letter: char) -> Result<(), CsvError> {
        if self.field.len() + letter.len_utf8() > self.limits.field {
            return Err(CsvError::Field(self.begun, self.limits.field));
        }
        self.field.push(letter);
        Ok(())
    }

    fn end_field(&mut self) -> Result<(), CsvError> {
        if self.fields.len() >= self.limits.columns {
            return Err(CsvError::Columns(self.begun, self.limits.columns));
        }
        let field = std::mem::take(&mut self.field);
        if field.chars().any(char::is_control) {
            return Err(CsvError::Control(self.begun));
        }
        self.fields.push(field.trim().to_owned());
        self.quoted = false;
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), CsvError> {
        self.end_field()?;
        let fields = std::mem::take(&mut self.fields);
        if fields.iter().any(|field| !field.is_empty()) {
            // The first row names the columns.
            if self.rows.len() > self.limits.rows {
                return Err(CsvError::Rows(self.limits.rows));
            }
            self.rows.push(CsvRow { line: self.begun, fields });
        }
        Ok(())
    }
}

/// Reads a table. Empty lines are left out; each row has its line's number.
///
/// # Errors
///
/// If the text is no table, or exceeds a limit.
pub fn read(text: &str, limits: CsvLimits) -> Result<Vec<CsvRow>, CsvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > limits.bytes {
        return Err(CsvError::Bytes(limits.bytes));
    }
    let head = text.lines().next().unwrap_or_default();
    let separator = if !head.contains(',') && head.contains(';') { ';' } else { ',' };
    let (rows, fields, field) = (Vec::new(), Vec::new(), String::new());
    let mut reader = Reader { limits, rows, fields, field, quoted: false, line: 1, begun: 1 };
    let mut letters = text.chars().peekable();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside && letters.peek() == Some(&'"') => {
                letters.next();
                reader.push('"')?;
            }
            '"' if inside => inside = false,
            '"' if !reader.quoted && reader.field.trim().is_empty() => {
                reader.field.clear();
                (inside, reader.quoted) = (true, true);
            }
            '"' if reader.quoted => return Err(CsvError::Quote(reader.begun)),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' | '\r' if !inside => {
                reader.end_row()?;
                reader.line += 1;
                reader.begun = reader.line;
            }
            letter if !inside && letter == separator => reader.end_field()?,
            letter if !inside && reader.quoted && !letter.is_whitespace() => {
                return Err(CsvError::Quote(reader.begun));
            }
            letter => {
                if letter == '\n' {
                    reader.line += 1;
                }
                reader.push(letter)?;
            }
        }
    }
    if inside {
        return Err(CsvError::Quote(reader.begun));
    }
    reader.end_row()?;
    Ok(reader.rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CsvLimits = CsvLimits { bytes: 1000, rows: 3, columns: 4, field: 20 };

    fn fields(text: &str) -> Vec<Vec<String>> {
        read(text, LIMITS).unwrap().into_iter().map(|row| row.fields).collect()
    }

    #[test]
    fn tables_are_read_as_spreadsheets_write_them() {
        assert_eq!(fields("name,roles\r\nada,\"a, b\"\r\n"), [["name", "roles"], ["ada", "a, b"]]);
        assert_eq!(fields("\u{feff}name;roles\nada; a b \n"), [["name", "roles"], ["ada", "a b"]]);
        assert_eq!(fields("name\n\"say \"\"hi\"\"\""), [["name"], ["say \"hi\""]]);
        let lines: Vec<_> = read("a\n\nb\n", LIMITS).unwrap().iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 3]);
        assert!(fields("").is_empty());
    }

    #[test]
    fn texts_beyond_a_limit_and_broken_quotation_marks_are_named_with_their_line() {
        for (text, error) in [
            ("a\nb\nc\nd\ne", CsvError::Rows(3)),
            ("a,b,c,d,e", CsvError::Columns(1, 4)),
            ("a\n012345678901234567890", CsvError::Field(2, 20)),
            ("a\n\"b", CsvError::Quote(2)),
            ("a\n\"b\"c", CsvError::Quote(2)),
            ("a\n\"b\nc\"", CsvError::Control(2)),
            ("a\nb\u{7}", CsvError::Control(2)),
        ] {
            assert_eq!(read(text, LIMITS), Err(error), "{text:?}");
        }
        assert_eq!(read(&"a".repeat(1001), LIMITS), Err(CsvError::Bytes(1000)));
    }
}
