//! Sizes of values as JSON, counted while they are written to nowhere.

use std::io::{self, Write};

use serde::Serialize;

/// A counter of written bytes that fails at a limit.
struct Counter {
    left: usize,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Number of bytes of a value as JSON, if it is at most `most`; `None` too for a value that JSON
/// cannot express.
pub(crate) fn json_size_within(value: &impl Serialize, most: usize) -> Option<usize> {
    let mut counter = Counter { left: most };
    serde_json::to_writer(&mut counter, value).ok()?;
    Some(most - counter.left)
}

/// Number of bytes of a value as JSON; the greatest number for a value that JSON cannot express, so
/// that no limit admits it.
pub(crate) fn json_size(value: &impl Serialize) -> usize {
    json_size_within(value, usize::MAX).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::{json_size, json_size_within};

    #[test]
    fn a_size_is_that_of_the_written_value() {
        for value in [json!(null), json!("a\"ä\n"), json!({"a": [1, 2.5, {"b": "c"}]})] {
            let written = value.to_string().len();
            assert_eq!(json_size(&value), written, "{value}");
            assert_eq!(json_size_within(&value, written), Some(written), "{value}");
            assert_eq!(json_size_within(&value, written - 1), None, "{value}");
        }
    }

    #[test]
    fn a_value_that_json_cannot_express_is_within_no_limit() {
        let value = HashMap::from([(vec![1], 2)]);
        assert_eq!(json_size(&value), usize::MAX);
        assert_eq!(json_size_within(&value, usize::MAX), None);
    }
}
