//! Threads for libraries that call themselves for each level of a file, and may not end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
        mpsc,
    },
    thread::Builder,
    time::Duration,
};

use doorward_model::FileFault;

/// The bytes of the stack on which files are read: formats nest.
const STACK: usize = 64 * 1024 * 1024;
/// Maximum number of threads that are left to a file that takes too long. While there are so many,
/// a file is waited for until its end.
const MOST_LOST: usize = 2;
/// The number of such threads.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// The states of a thread: under way, ended, and left to its file.
const RUNS: u8 = 0;
const ENDED: u8 = 1;
const LEFT: u8 = 2;

/// Works in a thread with a large stack. Work that does not end in time is left alone.
pub(super) fn apart<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce() -> Result<T, FileFault> + Send + 'static,
) -> Result<T, FileFault> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let state = Arc::new(AtomicU8::new(RUNS));
    let own = Arc::clone(&state);
    let run = move || {
        let outcome = work();
        if own.swap(ENDED, Ordering::SeqCst) == LEFT {
            LOST.fetch_sub(1, Ordering::SeqCst);
        }
        // Without a receiver it ended too late.
        let _ = sender.send(outcome);
    };
    let spawned = Builder::new().name("document".to_owned()).stack_size(STACK).spawn(run);
    drop(spawned.map_err(|_| FileFault::Budget)?);
    if LOST.load(Ordering::SeqCst) < MOST_LOST {
        match receiver.recv_timeout(within) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            outcome => return outcome.unwrap_or(Err(FileFault::Broken)),
        }
        LOST.fetch_add(1, Ordering::SeqCst);
        if state.swap(LEFT, Ordering::SeqCst) != ENDED {
            return Err(FileFault::Budget);
        }
        // It ended at this moment.
        LOST.fetch_sub(1, Ordering::SeqCst);
    }
    receiver.recv().unwrap_or(Err(FileFault::Broken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_takes_too_long_is_left_alone_and_the_next_is_read() {
        let (end, ends) = mpsc::channel::<()>();
        let short = Duration::from_millis(50);
        let slow = apart(short, move || {
            let _ = ends.recv();
            Ok(1)
        });
        assert_eq!(slow, Err(FileFault::Budget));
        assert_eq!(LOST.load(Ordering::SeqCst), 1);
        assert_eq!(apart(Duration::from_mins(1), || Ok(2)), Ok(2));
        end.send(()).unwrap();
        for _ in 0..600 {
            if LOST.load(Ordering::SeqCst) == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("its place is not free again");
    }
}
