//! Standard output and standard error of commands. A reader that exits early, as of `… | head`, is
//! not a failure: the command completes and discards the remaining output.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// True once the reader of standard output went away.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// The first other fault of standard output, such as a full disk.
static FAULT: Mutex<Option<String>> = Mutex::new(None);

/// Reports that standard output is closed.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// The failure that left the output incomplete.
pub(crate) fn fault() -> Option<String> {
    FAULT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Takes a fault of standard output. Answers `true` if printing may go on.
pub(crate) fn settle(written: io::Result<()>) -> bool {
    match written {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe {
                let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
                fault.get_or_insert_with(|| error.to_string());
            }
            CLOSED.store(true, Ordering::Relaxed);
            false
        }
    }
}

/// Prints a line on standard output.
pub(crate) fn line(text: impl fmt::Display) {
    if !is_closed() {
        settle(writeln!(io::stdout(), "{text}"));
    }
}

/// Flushes the output.
pub(crate) fn flush() {
    if !is_closed() {
        settle(io::stdout().flush());
    }
}

/// Prints a line on standard error. A failure to write it is ignored.
pub(crate) fn error(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
