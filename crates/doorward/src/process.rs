//! The view that other processes of the same user have of this one.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Keeps this process's memory, environment and open files from other processes of its user,
/// upstreams that it starts among them: the kernel then gives `/proc/PID/environ`, `/proc/PID/mem`
/// and `/proc/PID/fd` to root alone and allows no tracing (prctl(2), `PR_SET_DUMPABLE`). It also
/// writes no core file, which would hold keys. A program that is started afterwards begins without
/// it.
#[expect(clippy::print_stderr, reason = "the log is not set up yet")]
pub(crate) fn protect() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        eprintln!(
            "doorward: the kernel refuses PR_SET_DUMPABLE ({error}); processes of the same user can read this one's memory"
        );
    }
}
