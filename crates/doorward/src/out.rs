//! Standard output and standard error of commands. A reader that went away, as of `… | head`, is no
//! fault: the command does what it was asked to, and says the rest to no one.

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

/// Reports that no one reads any more.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// The fault for which what was printed is not complete.
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

/// Hands on what was printed.
pub(crate) fn flush() {
    if !is_closed() {
        settle(io::stdout().flush());
    }
}

/// Prints a line on standard error. There is no one to tell if it cannot be written.
pub(crate) fn error(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
